/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.inc"
	.code16
	.globl	_start
_start:
	hlt
	exit_with BAD
