// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two- and three-byte opcodes (SDM 2D tables ), their groups (table
 * A-6), and those with a VEX prefix.
 *
 * What is only decoded needs no more than the presence of ModRM and of an
 * immediate; undefined opcodes of the three-byte maps count as such, because
 * new instructions appear there and all of them have ModRM.
 */
#include "tables.h"

static const struct emul_opcode group6[8] = {
	OP(sldt, M | A_PROT, NONE, NONE, NONE, EMUL_LDTR),
	OP(sldt, M | A_PROT, NONE, NONE, NONE, EMUL_TR),	/* STR */
	OP(lldt, M | A_PROT | A_PRIV, NONE, NONE, NONE, 0),
	OP(ltr, M | A_PROT | A_PRIV, NONE, NONE, NONE, 0),
	OP(verr, M | A_PROT, NONE, NONE, NONE, 0),
	OP(verr, M | A_PROT, NONE, NONE, NONE, 1),	/* VERW */
	UDM(NONE), UDM(NONE),
};

static const struct emul_opcode group7_mem[8] = {
	OP(sgdt, M, NONE, NONE, NONE, 0),
	OP(sgdt, M, NONE, NONE, NONE, 1),		/* SIDT */
	OP(lgdt, M | A_PRIV, NONE, NONE, NONE, 0),
	OP(lgdt, M | A_PRIV, NONE, NONE, NONE, 1),	/* LIDT */
	OP(smsw, M, NONE, NONE, NONE, 0),
	NOX(M, NONE),					/* RSTORSSP */
	OP(lmsw, M | A_PRIV, NONE, NONE, NONE, 0),
	OP(invlpg, M | A_PRIV, NONE, NONE, NONE, 0),
};

/* 66, F2 and F3 make other instructions of these, or none */
#define NO_PREFIX(name_, ...)						\
	static const struct emul_opcode name_[4] = {			\
		__VA_ARGS__, UDM(NONE), NOX(M, NONE), NOX(M, NONE),	\
	}

NO_PREFIX(vmcall, OP(vmcall, M, NONE, NONE, NONE, 0));
NO_PREFIX(clac, OPF(SMAP, clac, M, NONE, NONE, NONE, 0));
NO_PREFIX(stac, OPF(SMAP, clac, M, NONE, NONE, NONE, 1));
/* MONITOR, MWAIT */
NO_PREFIX(monitor, OPF(MONITOR, monitor, M, NONE, NONE, NONE, 0));
NO_PREFIX(xgetbv, OP(xgetbv, M, NONE, NONE, NONE, 0));
NO_PREFIX(xsetbv, OP(xsetbv, M, NONE, NONE, NONE, 0));

static const struct emul_opcode swapgs[2] = {
	UDM(NONE), OP(swapgs, M, NONE, NONE, NONE, 0),
};

static const struct emul_opcode group7_c0[8] = {
	NOX(M, NONE),
	SUB(vmcall, A_GRP_PFX),
	/* VMLAUNCH, VMRESUME, VMXOFF, PCONFIG, WRMSRNS */
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	UDM(NONE),
};

static const struct emul_opcode group7_c8[8] = {
	SUB(monitor, A_GRP_PFX), SUB(monitor, A_GRP_PFX),
	SUB(clac, A_GRP_PFX), SUB(stac, A_GRP_PFX),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode group7_d0[8] = {
	SUB(xgetbv, A_GRP_PFX), SUB(xsetbv, A_GRP_PFX),
	UDM(NONE), UDM(NONE),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode group7_f8[8] = {
	SUB(swapgs, A_GRP_64),
	OPF(RDTSCP, rdtscp, M, NONE, NONE, NONE, 0),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	NOX(M, NONE),
};

static const struct emul_opcode group7_reg[8] = {
	SUB(group7_c0, A_GRP_RM), SUB(group7_c8, A_GRP_RM),
	SUB(group7_d0, A_GRP_RM),
	NOX(M, NONE),					/* SVM */
	OP(smsw, M, NONE, NONE, NONE, 0),
	NOX(M, NONE),			/* SETSSBSY, RDPKRU, SERIALIZE, ... */
	OP(lmsw, M | A_PRIV, NONE, NONE, NONE, 0),
	SUB(group7_f8, A_GRP_RM),
};

static const struct emul_opcode group7_mod[2] = {
	SUB(group7_mem, A_GRP_REG), SUB(group7_reg, A_GRP_REG),
};

static const struct emul_opcode group8[8] = {
	UDM(B), UDM(B), UDM(B), UDM(B),
	OP(bt, M, E, I, B, FN_BT),
	OP(bt, M | A_LOCK, E, I, B, FN_BTS),
	OP(bt, M | A_LOCK, E, I, B, FN_BTR),
	OP(bt, M | A_LOCK, E, I, B, FN_BTC),
};

static const struct emul_opcode group9_mem[8] = {
	UDM(NONE),
	OP(cmpxchg8b, M | A_LOCK, E, NONE, NONE, 0),
	UDM(NONE),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

/* RDSEED; with F3 RDPID */
static const struct emul_opcode group9_7[4] = {
	NOX(M, NONE), NOX(M, NONE),
	OPF(RDPID, rdpid, M, NONE, NONE, NONE, 0),
	UDM(NONE),
};

static const struct emul_opcode group9_reg[8] = {
	UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE),
	UDM(NONE),
	NOX(M, NONE),			/* RDRAND, SENDUIPI */
	SUB(group9_7, A_GRP_PFX),
};

static const struct emul_opcode group9[2] = {
	SUB(group9_mem, A_GRP_REG), SUB(group9_reg, A_GRP_REG),
};

static const struct emul_opcode clflush[4] = {
	OPF(CLFLUSH, clflush, M, NONE, NONE, NONE, 0),
	OPF(CLFLUSHOPT, clflush, M, NONE, NONE, NONE, 0),
	UDM(NONE), UDM(NONE),
};

/* XSAVEOPT; with 66 CLWB */
static const struct emul_opcode xsaveopt[4] = {
	NOX(M, NONE),
	OPF(CLWB, clflush, M, NONE, NONE, NONE, 0),
	NOX(M, NONE), NOX(M, NONE),
};

/* 66, F2 and F3 are #UD here, or something new */
NO_PREFIX(fxsave, OP(fxsave, M, NONE, NONE, NONE, 0));
NO_PREFIX(fxrstor, OP(fxrstor, M, NONE, NONE, NONE, 0));
NO_PREFIX(ldmxcsr, OP(ldmxcsr, M, NONE, NONE, NONE, 0));
NO_PREFIX(stmxcsr, OP(stmxcsr, M, NONE, NONE, NONE, 0));

static const struct emul_opcode group15_mem[8] = {
	SUB(fxsave, A_GRP_PFX), SUB(fxrstor, A_GRP_PFX),
	SUB(ldmxcsr, A_GRP_PFX), SUB(stmxcsr, A_GRP_PFX),
	NOX(M, NONE), NOX(M, NONE),
	SUB(xsaveopt, A_GRP_PFX), SUB(clflush, A_GRP_PFX),
};

#define FSGSBASE(fn_) {							\
	UDM(NONE), UDM(NONE),						\
	OP(fsgsbase, M | A_NO_LEGACY, NONE, NONE, NONE, fn_),		\
	UDM(NONE) }

static const struct emul_opcode rdfsbase[4] = FSGSBASE(0);
static const struct emul_opcode rdgsbase[4] = FSGSBASE(1);
static const struct emul_opcode wrfsbase[4] = FSGSBASE(2);
static const struct emul_opcode wrgsbase[4] = FSGSBASE(3);

/* LFENCE, MFENCE, SFENCE; other prefixes have other instructions */
static const struct emul_opcode fence[4] = {
	OP(nop, M, NONE, NONE, NONE, 0),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode group15_reg[8] = {
	SUB(rdfsbase, A_GRP_PFX), SUB(rdgsbase, A_GRP_PFX),
	SUB(wrfsbase, A_GRP_PFX), SUB(wrgsbase, A_GRP_PFX),
	NOX(M, NONE),
	SUB(fence, A_GRP_PFX), SUB(fence, A_GRP_PFX), SUB(fence, A_GRP_PFX),
};

static const struct emul_opcode group15[2] = {
	SUB(group15_mem, A_GRP_REG), SUB(group15_reg, A_GRP_REG),
};

static const struct emul_opcode op_b8[4] = {
	UDM(NONE), UDM(NONE),
	OPF(POPCNT, bitscan, M, G, E, NONE, FN_POPCNT),
	UDM(NONE),
};

static const struct emul_opcode op_bc[4] = {
	OP(bitscan, M, G, E, NONE, FN_BSF), OP(bitscan, M, G, E, NONE, FN_BSF),
	OP(bitscan, M, G, E, NONE, FN_TZCNT),
	OP(bitscan, M, G, E, NONE, FN_BSF),
};

static const struct emul_opcode op_bd[4] = {
	OP(bitscan, M, G, E, NONE, FN_BSR), OP(bitscan, M, G, E, NONE, FN_BSR),
	OP(bitscan, M, G, E, NONE, FN_LZCNT),
	OP(bitscan, M, G, E, NONE, FN_BSR),
};

static const struct emul_opcode emms[4] = {
	OPF(MMX, emms, 0, NONE, NONE, NONE, 0), UD, UD, UD,
};

/* 0F 78, 79: VMREAD, VMWRITE; EXTRQ, INSERTQ with two immediates */
static const struct emul_opcode op_78[4] = {
	NOX(M, NONE), NOX(M, BB), NOX(M, NONE), NOX(M, BB),
};

static const struct emul_opcode op_c3[4] = {
	OP(movnti, M | A_MEM, E, G, NONE, 0), UDM(NONE), UDM(NONE), UDM(NONE),
};

/* The decoder takes the number of the map from fn */
#define MAP(tab_, nr_)	{ .sub = (tab_), .attr = A_MAP, .fn = (nr_) }

#define CC8(x_, attr_, dst_, src_, imm_, cc_)				\
	OP(x_, attr_, dst_, src_, imm_, (cc_)),				\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 1),			\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 2),			\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 3),			\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 4),			\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 5),			\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 6),			\
	OP(x_, attr_, dst_, src_, imm_, (cc_) + 7)

/* 0F 39 and 3B to 3F are reserved for more three-byte opcodes */
static const struct emul_opcode map_39[256] = {
	EIGHT(EIGHT(FOUR(UDM(NONE)))),
};

const struct emul_opcode emul_map1[256] = {
	/* 00 */
	SUB(group6, A_GRP_REG),
	SUB(group7_mod, A_GRP_MOD),
	OP(lar, M | A_PROT, NONE, NONE, NONE, 0),
	OP(lar, M | A_PROT, NONE, NONE, NONE, 1),	/* LSL */
	UD,
	OP(syscall, 0, NONE, NONE, NONE, 0),
	OP(clts, A_PRIV, NONE, NONE, NONE, 0),
	OP(sysret, A_KEEP_RF, NONE, NONE, NONE, 0),
	OP(invd, A_PRIV, NONE, NONE, NONE, 1),
	OP(invd, A_PRIV, NONE, NONE, NONE, 0),
	UD,
	UD,				/* UD2 */
	UD,
	OP(nop, M, NONE, NONE, NONE, 0),	/* PREFETCHW */
	UD, UD,
	/* 10 */
	SUB(emul_v10, A_GRP_PFX), SUB(emul_v11, A_GRP_PFX),
	SUB(emul_v12, A_GRP_PFX), SUB(emul_v13, A_GRP_PFX),
	NOX(M, NONE), NOX(M, NONE),
	SUB(emul_v16, A_GRP_PFX), SUB(emul_v17, A_GRP_PFX),
	EIGHT(OP(nop, M, NONE, NONE, NONE, 0)),
	/* 20 */
	OP(mov_from_cr, M | A_REGONLY, NONE, NONE, NONE, 0),
	OP(mov_from_dr, M | A_REGONLY, NONE, NONE, NONE, 0),
	OP(mov_to_cr, M | A_REGONLY, NONE, NONE, NONE, 0),
	OP(mov_to_dr, M | A_REGONLY, NONE, NONE, NONE, 0),
	UD, UD, UD, UD,
	SUB(emul_v28, A_GRP_PFX), SUB(emul_v29, A_GRP_PFX),
	NOX(M, NONE), SUB(emul_v2b, A_GRP_PFX),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	/* 30 */
	OP(wrmsr, A_PRIV, NONE, NONE, NONE, 0),
	OP(rdtsc, 0, NONE, NONE, NONE, 0),
	OP(rdmsr, A_PRIV, NONE, NONE, NONE, 0),
	OP(rdpmc, 0, NONE, NONE, NONE, 0),
	OP(sysenter, 0, NONE, NONE, NONE, 0),
	OP(sysexit, 0, NONE, NONE, NONE, 0),
	UD,
	NOX(0, NONE),			/* GETSEC */
	MAP(emul_map2, 2), MAP(map_39, 0xff),
	MAP(emul_map3, 3), MAP(map_39, 0xff),
	MAP(map_39, 0xff), MAP(map_39, 0xff),
	MAP(map_39, 0xff), MAP(map_39, 0xff),
	/* 40 */
	CC8(cmov, M, G, E, NONE, 0),
	CC8(cmov, M, G, E, NONE, 8),
	/* 50 */
	EIGHT(TWICE(NOX(M, NONE))),
	/* 60 */
	EIGHT(NOX(M, NONE)),
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE),
	SUB(emul_v6e, A_GRP_PFX), SUB(emul_v6f, A_GRP_PFX),
	/* 70 */
	NOX(M, B), NOX(M, B), NOX(M, B), NOX(M, B),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	SUB(emms, A_GRP_PFX),
	SUB(op_78, A_GRP_PFX), NOX(M, NONE), UD, UD,
	NOX(M, NONE), NOX(M, NONE),
	SUB(emul_v7e, A_GRP_PFX), SUB(emul_v7f, A_GRP_PFX),
	/* 80 */
	CC8(jcc, A_F64, NONE, NONE, Z, 0),
	CC8(jcc, A_F64, NONE, NONE, Z, 8),
	/* 90 */
	CC8(setcc, M | B1, E, NONE, NONE, 0),
	CC8(setcc, M | B1, E, NONE, NONE, 8),
	/* A0 */
	OP(push_seg, A_D64, NONE, NONE, NONE, EMUL_FS),
	OP(pop_seg, A_D64, NONE, NONE, NONE, EMUL_FS),
	OP(cpuid, 0, NONE, NONE, NONE, 0),
	OP(bt, M, E, G, NONE, FN_BT),
	OP(shift_double, M, E, I, B, 1),
	OP(shift_double, M, E, CL, NONE, 1),
	UD, UD,
	OP(push_seg, A_D64, NONE, NONE, NONE, EMUL_GS),
	OP(pop_seg, A_D64, NONE, NONE, NONE, EMUL_GS),
	NOX(0, NONE),			/* RSM */
	OP(bt, M | A_LOCK, E, G, NONE, FN_BTS),
	OP(shift_double, M, E, I, B, 0),
	OP(shift_double, M, E, CL, NONE, 0),
	SUB(group15, A_GRP_MOD),
	OP(imul, M, G, E, NONE, 0),
	/* B0 */
	OP(cmpxchg, M | B1 | A_LOCK, E, G, NONE, 0),
	OP(cmpxchg, M | A_LOCK, E, G, NONE, 0),
	OP(load_far_pointer, M | A_MEM, NONE, NONE, NONE, EMUL_SS),
	OP(bt, M | A_LOCK, E, G, NONE, FN_BTR),
	OP(load_far_pointer, M | A_MEM, NONE, NONE, NONE, EMUL_FS),
	OP(load_far_pointer, M | A_MEM, NONE, NONE, NONE, EMUL_GS),
	OP(movzx, M, G, E, NONE, 1),
	OP(movzx, M, G, E, NONE, 2),
	SUB(op_b8, A_GRP_PFX),
	UDM(NONE),			/* UD1 */
	SUB(group8, A_GRP_REG),
	OP(bt, M | A_LOCK, E, G, NONE, FN_BTC),
	SUB(op_bc, A_GRP_PFX),
	SUB(op_bd, A_GRP_PFX),
	OP(movsx, M, G, E, NONE, 1),
	OP(movsx, M, G, E, NONE, 2),
	/* C0 */
	OP(xadd, M | B1 | A_LOCK, E, G, NONE, 0),
	OP(xadd, M | A_LOCK, E, G, NONE, 0),
	NOX(M, B),
	SUB(op_c3, A_GRP_PFX),		/* MOVNTI */
	NOX(M, B), NOX(M, B), NOX(M, B),
	SUB(group9, A_GRP_MOD),
	EIGHT(OP(bswap, 0, Z, NONE, NONE, 0)),
	/* D0 */
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), SUB(emul_vd6, A_GRP_PFX), NOX(M, NONE),
	EIGHT(NOX(M, NONE)),
	/* E0 */
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), SUB(emul_ve7, A_GRP_PFX),
	EIGHT(NOX(M, NONE)),
	/* F0 */
	SUB(emul_vf0, A_GRP_PFX), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	FOUR(NOX(M, NONE)),
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	UDM(NONE),			/* UD0 */
};

static const struct emul_opcode op_38f0[4] = {
	OPF(MOVBE, movbe_load, M | A_MEM, G, E, NONE, 0),
	OPF(MOVBE, movbe_load, M | A_MEM, G, E, NONE, 0),
	UDM(NONE),
	OPF(SSE42, crc32, M, G, E, NONE, 1),
};

static const struct emul_opcode op_38f1[4] = {
	OPF(MOVBE, movbe_store, M | A_MEM, E, G, NONE, 0),
	OPF(MOVBE, movbe_store, M | A_MEM, E, G, NONE, 0),
	UDM(NONE),
	OPF(SSE42, crc32, M, G, E, NONE, 0),
};

static const struct emul_opcode op_38f6[4] = {
	NOX(M, NONE),			/* WRSS */
	OPF(ADX, adx, M, G, E, NONE, 0),
	OPF(ADX, adx, M, G, E, NONE, 1),
	NOX(M, NONE),
};

const struct emul_opcode emul_map2[256] = {
	/* 00 to 2F */
	EIGHT(FOUR(NOX(M, NONE))),
	EIGHT(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), SUB(emul_v382a, A_GRP_PFX), NOX(M, NONE),
	FOUR(NOX(M, NONE)),
	/* 30 to EF */
	EIGHT(FOUR(FOUR(NOX(M, NONE)))),
	EIGHT(EIGHT(NOX(M, NONE))),
	/* F0 */
	SUB(op_38f0, A_GRP_PFX), SUB(op_38f1, A_GRP_PFX),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	SUB(op_38f6, A_GRP_PFX), NOX(M, NONE),
	EIGHT(NOX(M, NONE)),
};

const struct emul_opcode emul_map3[256] = {
	EIGHT(EIGHT(FOUR(NOX(M, B)))),
};

/* VEX */

#define VEX_GPR		(M | A_L0)

static const struct emul_opcode vex_f2[4] = {
	OPF(BMI1, andn, VEX_GPR, G, E, NONE, 0), UDM(NONE), UDM(NONE), UDM(NONE),
};

/* BLSR, BLSMSK, BLSI */
static const struct emul_opcode vex_group17[8] = {
	UDM(NONE),
	OPF(BMI1, bls, VEX_GPR, B, E, NONE, 1),
	OPF(BMI1, bls, VEX_GPR, B, E, NONE, 2),
	OPF(BMI1, bls, VEX_GPR, B, E, NONE, 3),
	UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE),
};

static const struct emul_opcode vex_f3[4] = {
	SUB(vex_group17, A_GRP_REG), UDM(NONE), UDM(NONE), UDM(NONE),
};

static const struct emul_opcode vex_f5[4] = {
	OPF(BMI2, bzhi, VEX_GPR, G, E, NONE, 0),
	UDM(NONE),
	OPF(BMI2, pext, VEX_GPR, G, E, NONE, 0),
	OPF(BMI2, pdep, VEX_GPR, G, E, NONE, 0),
};

static const struct emul_opcode vex_f6[4] = {
	UDM(NONE), UDM(NONE), UDM(NONE),
	OPF(BMI2, mulx, VEX_GPR, G, E, NONE, 0),
};

static const struct emul_opcode vex_f7[4] = {
	OPF(BMI1, bextr, VEX_GPR, G, E, NONE, 0),
	OPF(BMI2, shiftx, VEX_GPR, G, E, NONE, 1),	/* SHLX */
	OPF(BMI2, shiftx, VEX_GPR, G, E, NONE, 2),	/* SARX */
	OPF(BMI2, shiftx, VEX_GPR, G, E, NONE, 3),	/* SHRX */
};

static const struct emul_opcode vex_3f0[4] = {
	UDM(B), UDM(B), UDM(B),
	OPF(BMI2, rorx, VEX_GPR | A_NOVVVV, G, E, B, 0),
};

const struct emul_opcode emul_vex1[256] = {
	/* 00 */
	EIGHT(TWICE(NOX(M, NONE))),
	/* 10 */
	SUB(emul_v10, A_GRP_PFX), SUB(emul_v11, A_GRP_PFX),
	SUB(emul_v12, A_GRP_PFX), SUB(emul_v13, A_GRP_PFX),
	NOX(M, NONE), NOX(M, NONE),
	SUB(emul_v16, A_GRP_PFX), SUB(emul_v17, A_GRP_PFX),
	EIGHT(NOX(M, NONE)),
	/* 20 */
	EIGHT(NOX(M, NONE)),
	SUB(emul_v28, A_GRP_PFX), SUB(emul_v29, A_GRP_PFX),
	NOX(M, NONE), SUB(emul_v2b, A_GRP_PFX),
	FOUR(NOX(M, NONE)),
	/* 30 to 5F */
	EIGHT(FOUR(NOX(M, NONE))),
	EIGHT(TWICE(NOX(M, NONE))),
	/* 60 */
	EIGHT(NOX(M, NONE)),
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE),
	SUB(emul_v6e, A_GRP_PFX), SUB(emul_v6f, A_GRP_PFX),
	/* 70 */
	NOX(M, B), NOX(M, B), NOX(M, B), NOX(M, B),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	SUB(emul_vex77, A_GRP_PFX),
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE),
	SUB(emul_v7e, A_GRP_PFX), SUB(emul_v7f, A_GRP_PFX),
	/* 80 to BF */
	EIGHT(EIGHT(NOX(M, NONE))),
	/* C0 */
	NOX(M, NONE), NOX(M, NONE), NOX(M, B), NOX(M, NONE),
	NOX(M, B), NOX(M, B), NOX(M, B), NOX(M, NONE),
	EIGHT(NOX(M, NONE)),
	/* D0 */
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), SUB(emul_vd6, A_GRP_PFX), NOX(M, NONE),
	EIGHT(NOX(M, NONE)),
	/* E0 */
	FOUR(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), SUB(emul_ve7, A_GRP_PFX),
	EIGHT(NOX(M, NONE)),
	/* F0 */
	SUB(emul_vf0, A_GRP_PFX), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	FOUR(NOX(M, NONE)),
	EIGHT(NOX(M, NONE)),
};

const struct emul_opcode emul_vex2[256] = {
	/* 00 to 2F */
	EIGHT(FOUR(NOX(M, NONE))),
	EIGHT(NOX(M, NONE)),
	NOX(M, NONE), NOX(M, NONE), SUB(emul_v382a, A_GRP_PFX), NOX(M, NONE),
	FOUR(NOX(M, NONE)),
	/* 30 to EF */
	EIGHT(FOUR(FOUR(NOX(M, NONE)))),
	EIGHT(EIGHT(NOX(M, NONE))),
	/* F0 */
	NOX(M, NONE), NOX(M, NONE),
	SUB(vex_f2, A_GRP_PFX), SUB(vex_f3, A_GRP_PFX),
	NOX(M, NONE), SUB(vex_f5, A_GRP_PFX),
	SUB(vex_f6, A_GRP_PFX), SUB(vex_f7, A_GRP_PFX),
	EIGHT(NOX(M, NONE)),
};

const struct emul_opcode emul_vex3[256] = {
	/* 00 to EF */
	EIGHT(FOUR(FOUR(NOX(M, B)))),
	FOUR(FOUR(FOUR(NOX(M, B)))),
	TWICE(EIGHT(TWICE(NOX(M, B)))),
	EIGHT(TWICE(NOX(M, B))),
	/* F0 */
	SUB(vex_3f0, A_GRP_PFX),
	NOX(M, B), NOX(M, B), NOX(M, B), NOX(M, B), NOX(M, B), NOX(M, B),
	NOX(M, B), EIGHT(NOX(M, B)),
};

/* EVEX and XOP without and with an immediate */
const struct emul_opcode emul_vex_other = NOX(M, NONE);
const struct emul_opcode emul_vex_imm = NOX(M, B);
