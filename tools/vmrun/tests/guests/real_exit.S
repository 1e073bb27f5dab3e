/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts at 0:0x7c00 in real mode, and a segment is 64 KiB. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	call	1f
1:	pop	%ax
	cmp	$0x7c03, %ax
	must_equal
	mov	%cs, %ax
	cmp	$0, %ax
	must_equal
	mov	%cr0, %eax
	and	$1, %eax
	must_equal
	exit_with GOOD
