/* SPDX-License-Identifier: GPL-2.0-only */
/* One string instruction, many bytes. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	mov	$text, %si
	mov	$(end - text), %cx
	mov	$COM1, %dx
	rep outsb
	mov	$0x604, %dx
	mov	$(5 << 10 | 1 << 13), %ax
	out	%ax, %dx
	hlt
text:	.ascii	"from the guest\r\n"
end:
