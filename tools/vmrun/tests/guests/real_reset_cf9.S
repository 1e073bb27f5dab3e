/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI configuration address is not a reset, though it covers the port. */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	mov	$0xcf8, %dx
	mov	$0x80000600, %eax
	out	%eax, %dx
	inc	%dx
	mov	$6, %al
	out	%al, %dx
	exit_with BAD
