/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notation of the opcode tables.
 */
#ifndef EMULATE_TABLES_H
#define EMULATE_TABLES_H

#include "internal.h"

/* An instruction: executor, attributes, operands, immediate, function */
#define OP(x_, attr_, dst_, src_, imm_, fn_) {				\
	.exec = emul_x_##x_, .attr = (attr_), .dst = OPN_##dst_,	\
	.src = OPN_##src_, .imm = IMM_##imm_, .fn = (fn_) }
/* One that the guest has if its CPUID has @feat_ */
#define OPF(feat_, x_, attr_, dst_, src_, imm_, fn_) {			\
	.exec = emul_x_##x_, .attr = A_CPUID | (attr_), .dst = OPN_##dst_, \
	.src = OPN_##src_, .imm = IMM_##imm_, .fn = (fn_),		\
	.feature = EMUL_HAS_##feat_ }
/* Decoded, not executed */
#define NOX(attr_, imm_)	{ .attr = A_NOX | (attr_), .imm = IMM_##imm_ }
/* Undefined */
#define UD			{ .attr = A_UD }
/* Undefined, but with ModRM, and perhaps an immediate, for all that */
#define UDM(imm_)		{ .attr = A_UD | A_MODRM, .imm = IMM_##imm_ }
/* Leads to another table */
#define SUB(tab_, kind_)	{ .sub = (tab_), .attr = (kind_) }
#define PREFIX			{ .attr = A_PREFIX }

#define M	A_MODRM
#define B1	A_BYTE

#define TWICE(...)	__VA_ARGS__, __VA_ARGS__
#define FOUR(...)	TWICE(__VA_ARGS__), TWICE(__VA_ARGS__)
#define EIGHT(...)	FOUR(__VA_ARGS__), FOUR(__VA_ARGS__)

#endif /* EMULATE_TABLES_H */
