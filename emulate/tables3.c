// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vector moves by their prefix (none, 66, F3, F2), with and without VEX (SDM 2D
 * tables ).
 */
#include "tables.h"

/* MOVUPS, MOVUPD, MOVSS, MOVSD */
const struct emul_opcode emul_v10[4] = {
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOAD),
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOAD),
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOAD4),
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOAD8),
};

/* the same, storing */
const struct emul_opcode emul_v11[4] = {
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTORE),
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTORE),
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTORE4),
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTORE8),
};

/* MOVLPS, MOVHLPS; MOVLPD; the rest duplicates */
const struct emul_opcode emul_v12[4] = {
	OP(vec_move, M | A_L0, NONE, NONE, NONE, FN_VLOADLOW),
	OP(vec_move, M | A_L0 | A_MEM, NONE, NONE, NONE, FN_VLOADLOW),
	NOX(M, NONE),
	NOX(M, NONE),
};

/* MOVLPS, MOVLPD */
const struct emul_opcode emul_v13[4] = {
	OP(vec_move, M | A_L0 | A_MEM, NONE, NONE, NONE, FN_VSTORELOW),
	OP(vec_move, M | A_L0 | A_MEM, NONE, NONE, NONE, FN_VSTORELOW),
	UDM(NONE),
	UDM(NONE),
};

/* MOVHPS, MOVLHPS; MOVHPD */
const struct emul_opcode emul_v16[4] = {
	OP(vec_move, M | A_L0, NONE, NONE, NONE, FN_VLOADHIGH),
	OP(vec_move, M | A_L0 | A_MEM, NONE, NONE, NONE, FN_VLOADHIGH),
	NOX(M, NONE),
	UDM(NONE),
};

/* MOVHPS, MOVHPD */
const struct emul_opcode emul_v17[4] = {
	OP(vec_move, M | A_L0 | A_MEM, NONE, NONE, NONE, FN_VSTOREHIGH),
	OP(vec_move, M | A_L0 | A_MEM, NONE, NONE, NONE, FN_VSTOREHIGH),
	UDM(NONE),
	UDM(NONE),
};

/* MOVAPS, MOVAPD */
const struct emul_opcode emul_v28[4] = {
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOADA),
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOADA),
	UDM(NONE),
	UDM(NONE),
};

/* the same, storing */
const struct emul_opcode emul_v29[4] = {
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTOREA),
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTOREA),
	UDM(NONE),
	UDM(NONE),
};

/* MOVNTPS, MOVNTPD */
const struct emul_opcode emul_v2b[4] = {
	OP(vec_move, M | A_MEM, NONE, NONE, NONE, FN_VSTOREA),
	OP(vec_move, M | A_MEM, NONE, NONE, NONE, FN_VSTOREA),
	NOX(M, NONE),
	NOX(M, NONE),
};

/* MOVD, MOVQ, MMX and vector */
const struct emul_opcode emul_v6e[4] = {
	OPF(MMX, mmx_move, M, NONE, NONE, NONE, FN_MMX_GPR),
	OP(vec_move, M | A_L0, NONE, NONE, NONE, FN_VFROM_GPR),
	UDM(NONE),
	UDM(NONE),
};

/* MOVQ; MOVDQA, MOVDQU */
const struct emul_opcode emul_v6f[4] = {
	OPF(MMX, mmx_move, M, NONE, NONE, NONE, 0),
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOADA),
	OP(vec_move, M, NONE, NONE, NONE, FN_VLOAD),
	UDM(NONE),
};

/* MOVD, MOVQ, MMX and vector; MOVQ between vector registers */
const struct emul_opcode emul_v7e[4] = {
	OPF(MMX, mmx_move, M, NONE, NONE, NONE,
	    FN_MMX_GPR | FN_MMX_STORE),
	OP(vec_move, M | A_L0, NONE, NONE, NONE, FN_VTO_GPR),
	OP(vec_move, M | A_L0, NONE, NONE, NONE, FN_VMOVQ),
	UDM(NONE),
};

/* MOVQ; MOVDQA, MOVDQU */
const struct emul_opcode emul_v7f[4] = {
	OPF(MMX, mmx_move, M, NONE, NONE, NONE, FN_MMX_STORE),
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTOREA),
	OP(vec_move, M, NONE, NONE, NONE, FN_VSTORE),
	UDM(NONE),
};

/* MOVQ; MOVQ2DQ, MOVDQ2Q */
const struct emul_opcode emul_vd6[4] = {
	UDM(NONE),
	OP(vec_move, M | A_L0, NONE, NONE, NONE, FN_VMOVQ_STORE),
	OPF(MMX, movq2dq, M | A_REG, NONE, NONE, NONE, 0),
	OPF(MMX, movdq2q, M | A_REG, NONE, NONE, NONE, 0),
};

/* MOVNTQ; MOVNTDQ */
const struct emul_opcode emul_ve7[4] = {
	OPF(MMX, mmx_move, M | A_MEM, NONE, NONE, NONE, FN_MMX_STORE),
	OP(vec_move, M | A_MEM, NONE, NONE, NONE, FN_VSTOREA),
	NOX(M, NONE),
	UDM(NONE),
};

/* VZEROUPPER, VZEROALL */
const struct emul_opcode emul_vex77[4] = {
	OP(vzero, A_NOVVVV, NONE, NONE, NONE, 0), UD, UD, UD,
};

/* LDDQU */
const struct emul_opcode emul_vf0[4] = {
	UDM(NONE),
	UDM(NONE),
	UDM(NONE),
	OPF(SSE3, vec_move, M | A_MEM, NONE, NONE, NONE, FN_VLOAD),
};

/* MOVNTDQA */
const struct emul_opcode emul_v382a[4] = {
	UDM(NONE),
	OPF(SSE41, vec_move, M | A_MEM, NONE, NONE, NONE, FN_VLOADA),
	NOX(M, NONE),
	NOX(M, NONE),
};
