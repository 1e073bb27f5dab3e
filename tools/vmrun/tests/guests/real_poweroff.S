/* SPDX-License-Identifier: GPL-2.0-only */
/* ACPI: sleep type 5 and sleep enable to the PM1a control register. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	mov	$0x604, %dx
	mov	$(5 << 10 | 1 << 13), %ax
	out	%ax, %dx
	exit_with BAD
