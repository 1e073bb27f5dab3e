/* SPDX-License-Identifier: GPL-2.0-only */
/* 64 bits, and the first 4 GiB are mapped to themselves. */
#include "guest.inc"
	.code64
	.globl	_start
_start:
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	and	$0x500, %eax
	cmp	$0x500, %eax
	must_equal
	mov	$0x18, %eax
	mov	%eax, %ss
	lea	(%rip), %rbx
1:	lea	1b(%rip), %rax
	cmp	%rax, %rbx
	must_equal
	mov	$0x1122334455667788, %rax
	push	%rax
	pop	%rbx
	cmp	%rax, %rbx
	must_equal
	mov	$0xd0000000, %ebx
	mov	(%rbx), %rax
	cmp	$-1, %rax
	must_equal
	exit_with GOOD
