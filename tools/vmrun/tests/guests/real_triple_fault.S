/* SPDX-License-Identifier: GPL-2.0-only */
/* No vector is in reach of the interrupt table. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	lidtw	%cs:nothing
	ud2
	exit_with BAD
nothing:
	.word	0, 0, 0
