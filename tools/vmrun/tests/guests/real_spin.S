/* SPDX-License-Identifier: GPL-2.0-only */
/* Never exits by itself, interrupts off. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	cli
1:	jmp	1b
