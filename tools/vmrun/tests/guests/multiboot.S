/* SPDX-License-Identifier: GPL-2.0-only */
/* What the Multiboot specification promises a kernel in chapter 3. */
#include "guest.inc"
	.code32
	.globl	_start
	.balign	4
	.long	0x1badb002, 3, -(0x1badb002 + 3)
_start:
	cmp	$0x2badb002, %eax
	must_equal
	mov	(%ebx), %eax
	and	$0x4d, %eax		/* memory, arguments, module, map */
	cmp	$0x4d, %eax
	must_equal
	mov	16(%ebx), %eax
	cmpl	$0x20656874, (%eax)	/* "the " */
	must_equal
	cmpl	$1, 20(%ebx)
	must_equal
	mov	24(%ebx), %eax
	mov	(%eax), %eax
	cmpl	$0x75646f6d, (%eax)	/* "modu" */
	must_equal
	cmpl	$0, bss
	must_equal
	exit_with GOOD
	.bss
bss:	.long	0
