/* SPDX-License-Identifier: GPL-2.0-only */
/* 32 bits, paging off, segments that a reload leaves as they are. */
#include "guest.inc"
	.code32
	.globl	_start
_start:
	mov	%cr0, %eax
	and	$0x80000001, %eax
	cmp	$1, %eax
	must_equal
	mov	%cs, %eax
	cmp	$0x10, %eax
	must_equal
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	ljmp	$0x10, $1f
1:	push	$0x1234
	pop	%eax
	cmp	$0x1234, %eax
	must_equal
	/* Where nothing is: all ones, and writes change nothing. */
	movl	$0, 0xd0000000
	cmpl	$-1, 0xd0000000
	must_equal
	exit_with GOOD
