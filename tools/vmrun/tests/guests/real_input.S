/* SPDX-License-Identifier: GPL-2.0-only */
/* Waits for a byte on the serial port and ends with it. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	mov	$(COM1 + 5), %dx
1:	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$COM1, %dx
	in	%dx, %al
	out	%al, $DEBUG_EXIT
	hlt
