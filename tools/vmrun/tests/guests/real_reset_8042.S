/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	mov	$0xfe, %al
	out	%al, $0x64
	hlt
