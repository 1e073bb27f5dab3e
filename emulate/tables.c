// SPDX-License-Identifier: GPL-2.0-only
/*
 * One-byte opcodes (SDM 2D table A-2) and their groups (table A-6).
 */
#include "tables.h"

/* Six encodings of a two-operand arithmetic instruction */
#define ALU(fn_, lock_)							\
	OP(alu, M | B1 | (lock_), E, G, NONE, fn_),			\
	OP(alu, M | (lock_), E, G, NONE, fn_),				\
	OP(alu, M | B1, G, E, NONE, fn_),				\
	OP(alu, M, G, E, NONE, fn_),					\
	OP(alu, B1, A, I, B, fn_),					\
	OP(alu, 0, A, I, Z, fn_)

#define GROUP1(attr_, imm_)						\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_ADD),		\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_OR),		\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_ADC),		\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_SBB),		\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_AND),		\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_SUB),		\
	OP(alu, M | A_LOCK | (attr_), E, I, imm_, FN_XOR),		\
	OP(alu, M | (attr_), E, I, imm_, FN_CMP)

static const struct emul_opcode group1_eb_ib[8] = { GROUP1(B1, B) };
static const struct emul_opcode group1_ev_iz[8] = { GROUP1(0, Z) };
static const struct emul_opcode group1_ev_ib[8] = { GROUP1(0, B) };
/* 82 is an alias of 80 outside long mode */
static const struct emul_opcode group1_alias[8] = { GROUP1(B1 | A_NO64, B) };

static const struct emul_opcode group1a[8] = {
	OP(pop, M | A_D64, E, NONE, NONE, 0),
	UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE),
	UDM(NONE), UDM(NONE),
};

#define GROUP2(attr_, src_, imm_)					\
	OP(shift, M | (attr_), E, src_, imm_, 0),			\
	OP(shift, M | (attr_), E, src_, imm_, 1),			\
	OP(shift, M | (attr_), E, src_, imm_, 2),			\
	OP(shift, M | (attr_), E, src_, imm_, 3),			\
	OP(shift, M | (attr_), E, src_, imm_, 4),			\
	OP(shift, M | (attr_), E, src_, imm_, 5),			\
	OP(shift, M | (attr_), E, src_, imm_, 6),			\
	OP(shift, M | (attr_), E, src_, imm_, 7)

static const struct emul_opcode group2_eb_ib[8] = { GROUP2(B1, I, B) };
static const struct emul_opcode group2_ev_ib[8] = { GROUP2(0, I, B) };
static const struct emul_opcode group2_eb_1[8] = { GROUP2(B1, 1, NONE) };
static const struct emul_opcode group2_ev_1[8] = { GROUP2(0, 1, NONE) };
static const struct emul_opcode group2_eb_cl[8] = { GROUP2(B1, CL, NONE) };
static const struct emul_opcode group2_ev_cl[8] = { GROUP2(0, CL, NONE) };

#define GROUP3(attr_, imm_)						\
	OP(alu, M | (attr_), E, I, imm_, FN_TEST),			\
	OP(alu, M | (attr_), E, I, imm_, FN_TEST),			\
	OP(unary, M | A_LOCK | (attr_), E, NONE, NONE, FN_NOT),		\
	OP(unary, M | A_LOCK | (attr_), E, NONE, NONE, FN_NEG),		\
	OP(mul, M | (attr_), E, NONE, NONE, 0),				\
	OP(mul, M | (attr_), E, NONE, NONE, 1),				\
	OP(div, M | (attr_), E, NONE, NONE, 0),				\
	OP(div, M | (attr_), E, NONE, NONE, 1)

static const struct emul_opcode group3_eb[8] = { GROUP3(B1, B) };
static const struct emul_opcode group3_ev[8] = { GROUP3(0, Z) };

static const struct emul_opcode group4[8] = {
	OP(unary, M | B1 | A_LOCK, E, NONE, NONE, FN_INC),
	OP(unary, M | B1 | A_LOCK, E, NONE, NONE, FN_DEC),
	UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE), UDM(NONE),
	UDM(NONE),
};

static const struct emul_opcode group5[8] = {
	OP(unary, M | A_LOCK, E, NONE, NONE, FN_INC),
	OP(unary, M | A_LOCK, E, NONE, NONE, FN_DEC),
	OP(call_ind, M | A_F64, E, NONE, NONE, 0),
	OP(call_far_ind, M | A_MEM | A_KEEP_RF, NONE, NONE, NONE, 0),
	OP(jmp_ind, M | A_F64, E, NONE, NONE, 0),
	OP(jmp_far_ind, M | A_MEM | A_KEEP_RF, NONE, NONE, NONE, 0),
	OP(push, M | A_D64, E, NONE, NONE, 0),
	UDM(NONE),
};

/* C6 /7 F8 is XABORT, C7 /7 F8 XBEGIN (SDM 2D table A-6) */
static const struct emul_opcode xabort[2] = { UDM(B), NOX(M | B1, B) };
static const struct emul_opcode xbegin[2] = { UDM(Z), NOX(M, Z) };
static const struct emul_opcode xabort_rm[8] = {
	SUB(xabort, A_GRP_MOD), UDM(B), UDM(B), UDM(B), UDM(B),
	UDM(B), UDM(B), UDM(B),
};

static const struct emul_opcode xbegin_rm[8] = {
	SUB(xbegin, A_GRP_MOD), UDM(Z), UDM(Z), UDM(Z), UDM(Z),
	UDM(Z), UDM(Z), UDM(Z),
};

static const struct emul_opcode group11_eb[8] = {
	OP(mov, M | B1, E, I, B, 0),
	UDM(B), UDM(B), UDM(B), UDM(B), UDM(B), UDM(B),
	 SUB(xabort_rm, A_GRP_RM),
};

static const struct emul_opcode group11_ev[8] = {
	OP(mov, M, E, I, Z, 0),
	UDM(Z), UDM(Z), UDM(Z), UDM(Z), UDM(Z), UDM(Z),
	 SUB(xbegin_rm, A_GRP_RM),
};

static const struct emul_opcode les =
	OP(load_far_pointer, M | A_MEM, NONE, NONE, NONE, EMUL_ES);
static const struct emul_opcode lds =
	OP(load_far_pointer, M | A_MEM, NONE, NONE, NONE, EMUL_DS);
static const struct emul_opcode bound =
	OP(bound, M | A_MEM, G, E, NONE, 0);
static const struct emul_opcode pop_ev = SUB(group1a, A_GRP_REG);

static const struct emul_opcode arpl_movsxd[2] = {
	OP(arpl, M | A_PROT, E, G, NONE, 0),
	OP(movsx, M, G, E, NONE, 4),
};

/* In long mode 40 to 4F are REX prefixes and do not get this far */
static const struct emul_opcode inc_rex[2] = {
	OP(unary, 0, Z, NONE, NONE, FN_INC),
	UD,
};

static const struct emul_opcode dec_rex[2] = {
	OP(unary, 0, Z, NONE, NONE, FN_DEC),
	UD,
};

/* x87: what only controls or stores (SDM 2D tables) */
static const struct emul_opcode x87_d8[8] = { EIGHT(NOX(M, NONE)) };

static const struct emul_opcode x87_d9_mem[8] = {
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	OP(fldenv, M, NONE, NONE, NONE, 0),
	OP(fldcw, M, NONE, NONE, NONE, 0),
	OP(fnstenv, M, NONE, NONE, NONE, 0),
	OP(fnstcw, M, NONE, NONE, NONE, 0),	/* FCW is at 0 of the image */
};

static const struct emul_opcode x87_d9[2] = {
	SUB(x87_d9_mem, A_GRP_REG), NOX(M, NONE),
};

/* FNENI, FNDISI, FNCLEX, FNINIT, FNSETPM */
static const struct emul_opcode x87_db_e0[8] = {
	NOX(M, NONE), NOX(M, NONE),
	OP(fnclex, M, NONE, NONE, NONE, 0),
	OP(fninit, M, NONE, NONE, NONE, 0),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode x87_db_reg[8] = {
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	SUB(x87_db_e0, A_GRP_RM),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode x87_db[2] = {
	NOX(M, NONE), SUB(x87_db_reg, A_GRP_REG),
};

static const struct emul_opcode x87_dd_mem[8] = {
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	OP(fldenv, M, NONE, NONE, NONE, 1),	/* FRSTOR */
	NOX(M, NONE),
	OP(fnstenv, M, NONE, NONE, NONE, 1),	/* FNSAVE */
	OP(fnstcw, M, NONE, NONE, NONE, 2),	/* FNSTSW: FSW is at 2 */
};

static const struct emul_opcode x87_dd[2] = {
	SUB(x87_dd_mem, A_GRP_REG), NOX(M, NONE),
};

static const struct emul_opcode x87_df_e0[8] = {
	OP(fnstcw, M, NONE, NONE, NONE, 2),	/* FNSTSW AX */
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode x87_df_reg[8] = {
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
	SUB(x87_df_e0, A_GRP_RM),
	NOX(M, NONE), NOX(M, NONE), NOX(M, NONE),
};

static const struct emul_opcode x87_df[2] = {
	NOX(M, NONE), SUB(x87_df_reg, A_GRP_REG),
};

#define CC8(x_, attr_, src_, imm_, cc_)					\
	OP(x_, attr_, NONE, src_, imm_, (cc_)),				\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 1),			\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 2),			\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 3),			\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 4),			\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 5),			\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 6),			\
	OP(x_, attr_, NONE, src_, imm_, (cc_) + 7)

#define PUSH_SEG(seg_) \
	OP(push_seg, A_NO64, NONE, NONE, NONE, EMUL_##seg_)
#define POP_SEG(seg_) \
	OP(pop_seg, A_NO64, NONE, NONE, NONE, EMUL_##seg_)

const struct emul_opcode emul_map0[256] = {
	/* 00 */
	ALU(FN_ADD, A_LOCK), PUSH_SEG(ES), POP_SEG(ES),
	ALU(FN_OR, A_LOCK), PUSH_SEG(CS), { .sub = emul_map1, .attr = A_MAP, .fn = 1 },
	/* 10 */
	ALU(FN_ADC, A_LOCK), PUSH_SEG(SS), POP_SEG(SS),
	ALU(FN_SBB, A_LOCK), PUSH_SEG(DS), POP_SEG(DS),
	/* 20 */
	ALU(FN_AND, A_LOCK), PREFIX, OP(daa, A_NO64, NONE, NONE, NONE, 0),
	ALU(FN_SUB, A_LOCK), PREFIX, OP(das, A_NO64, NONE, NONE, NONE, 0),
	/* 30 */
	ALU(FN_XOR, A_LOCK), PREFIX, OP(aaa, A_NO64, NONE, NONE, NONE, 0),
	ALU(FN_CMP, 0), PREFIX, OP(aas, A_NO64, NONE, NONE, NONE, 0),
	/* 40: REX prefixes in long mode */
	EIGHT(SUB(inc_rex, A_PREFIX | A_REX | A_GRP_64)),
	EIGHT(SUB(dec_rex, A_PREFIX | A_REX | A_GRP_64)),
	/* 50 */
	EIGHT(OP(push, A_D64, Z, NONE, NONE, 0)),
	EIGHT(OP(pop, A_D64, Z, NONE, NONE, 0)),
	/* 60 */
	OP(pusha, A_NO64, NONE, NONE, NONE, 0),
	OP(popa, A_NO64, NONE, NONE, NONE, 0),
	SUB(&bound, A_VEX),
	SUB(arpl_movsxd, A_GRP_64),
	PREFIX, PREFIX, PREFIX, PREFIX,
	OP(push, A_D64, I, NONE, Z, 0),
	OP(imul, M, G, E, Z, 1),
	OP(push, A_D64, I, NONE, B, 0),
	OP(imul, M, G, E, B, 1),
	OP(io_string, B1, NONE, NONE, NONE, FN_INS),
	OP(io_string, 0, NONE, NONE, NONE, FN_INS),
	OP(io_string, B1, NONE, NONE, NONE, FN_OUTS),
	OP(io_string, 0, NONE, NONE, NONE, FN_OUTS),
	/* 70 */
	CC8(jcc, A_F64, NONE, B, 0),
	CC8(jcc, A_F64, NONE, B, 8),
	/* 80 */
	SUB(group1_eb_ib, A_GRP_REG),
	SUB(group1_ev_iz, A_GRP_REG),
	SUB(group1_alias, A_GRP_REG),
	SUB(group1_ev_ib, A_GRP_REG),
	OP(alu, M | B1, E, G, NONE, FN_TEST),
	OP(alu, M, E, G, NONE, FN_TEST),
	OP(xchg, M | B1 | A_LOCK, E, G, NONE, 0),
	OP(xchg, M | A_LOCK, E, G, NONE, 0),
	OP(mov, M | B1, E, G, NONE, 0),
	OP(mov, M, E, G, NONE, 0),
	OP(mov, M | B1, G, E, NONE, 0),
	OP(mov, M, G, E, NONE, 0),
	OP(mov_from_seg, M, NONE, NONE, NONE, 0),
	OP(lea, M | A_MEM, G, NONE, NONE, 0),
	OP(mov_to_seg, M, NONE, NONE, NONE, 0),
	SUB(&pop_ev, A_VEX),
	/* 90 */
	EIGHT(OP(xchg, 0, A, Z, NONE, 0)),
	OP(cbw, 0, NONE, NONE, NONE, 0),
	OP(cwd, 0, NONE, NONE, NONE, 0),
	OP(call_far, A_NO64 | A_KEEP_RF, NONE, NONE, P, 0),
	OP(fwait, 0, NONE, NONE, NONE, 0),
	OP(pushf, A_D64, NONE, NONE, NONE, 0),
	OP(popf, A_D64, NONE, NONE, NONE, 0),
	OP(sahf, 0, NONE, NONE, NONE, 0),
	OP(lahf, 0, NONE, NONE, NONE, 0),
	/* A0 */
	OP(mov, B1, A, O, O, 0),
	OP(mov, 0, A, O, O, 0),
	OP(mov, B1, O, A, O, 0),
	OP(mov, 0, O, A, O, 0),
	OP(string, B1, NONE, NONE, NONE, FN_MOVS),
	OP(string, 0, NONE, NONE, NONE, FN_MOVS),
	OP(string, B1, NONE, NONE, NONE, FN_CMPS),
	OP(string, 0, NONE, NONE, NONE, FN_CMPS),
	OP(alu, B1, A, I, B, FN_TEST),
	OP(alu, 0, A, I, Z, FN_TEST),
	OP(string, B1, NONE, NONE, NONE, FN_STOS),
	OP(string, 0, NONE, NONE, NONE, FN_STOS),
	OP(string, B1, NONE, NONE, NONE, FN_LODS),
	OP(string, 0, NONE, NONE, NONE, FN_LODS),
	OP(string, B1, NONE, NONE, NONE, FN_SCAS),
	OP(string, 0, NONE, NONE, NONE, FN_SCAS),
	/* B0 */
	EIGHT(OP(mov, B1, Z, I, B, 0)),
	EIGHT(OP(mov, 0, Z, I, V, 0)),
	/* C0 */
	SUB(group2_eb_ib, A_GRP_REG),
	SUB(group2_ev_ib, A_GRP_REG),
	OP(ret, A_F64, NONE, I, W, 0),
	OP(ret, A_F64, NONE, NONE, NONE, 0),
	SUB(&les, A_VEX),
	SUB(&lds, A_VEX),
	SUB(group11_eb, A_GRP_REG),
	SUB(group11_ev, A_GRP_REG),
	OP(enter, A_D64, NONE, NONE, WB, 0),
	OP(leave, A_D64, NONE, NONE, NONE, 0),
	OP(ret_far, 0, NONE, NONE, W, 0),
	OP(ret_far, 0, NONE, NONE, NONE, 0),
	OP(int3, A_KEEP_RF, NONE, NONE, NONE, 0),
	OP(int, A_KEEP_RF, NONE, NONE, B, 0),
	OP(into, A_NO64 | A_KEEP_RF, NONE, NONE, NONE, 0),
	OP(iret, A_KEEP_RF, NONE, NONE, NONE, 0),
	/* D0 */
	SUB(group2_eb_1, A_GRP_REG),
	SUB(group2_ev_1, A_GRP_REG),
	SUB(group2_eb_cl, A_GRP_REG),
	SUB(group2_ev_cl, A_GRP_REG),
	OP(aam, B1 | A_NO64, NONE, NONE, B, 0),
	OP(aad, B1 | A_NO64, NONE, NONE, B, 0),
	OP(salc, B1 | A_NO64, NONE, NONE, NONE, 0),
	OP(xlat, B1, NONE, NONE, NONE, 0),
	SUB(x87_d8, A_GRP_REG), SUB(x87_d9, A_GRP_MOD),
	SUB(x87_d8, A_GRP_REG), SUB(x87_db, A_GRP_MOD),
	SUB(x87_d8, A_GRP_REG), SUB(x87_dd, A_GRP_MOD),
	SUB(x87_d8, A_GRP_REG), SUB(x87_df, A_GRP_MOD),
	/* E0 */
	OP(loop, A_F64, NONE, NONE, B, 0),
	OP(loop, A_F64, NONE, NONE, B, 1),
	OP(loop, A_F64, NONE, NONE, B, 2),
	OP(jcxz, A_F64, NONE, NONE, B, 0),
	OP(in, B1, A, I, B, 0),
	OP(in, 0, A, I, B, 0),
	OP(out, B1, A, I, B, 0),
	OP(out, 0, A, I, B, 0),
	OP(call_rel, A_F64, NONE, NONE, Z, 0),
	OP(jmp_rel, A_F64, NONE, NONE, Z, 0),
	OP(jmp_far, A_NO64 | A_KEEP_RF, NONE, NONE, P, 0),
	OP(jmp_rel, A_F64, NONE, NONE, B, 0),
	OP(in, B1, A, DX, NONE, 0),
	OP(in, 0, A, DX, NONE, 0),
	OP(out, B1, A, DX, NONE, 0),
	OP(out, 0, A, DX, NONE, 0),
	/* F0 */
	PREFIX,
	OP(int1, A_KEEP_RF, NONE, NONE, NONE, 0),
	PREFIX, PREFIX,
	OP(hlt, A_PRIV, NONE, NONE, NONE, 0),
	OP(flag, 0, NONE, NONE, NONE, 0),	/* CMC */
	SUB(group3_eb, A_GRP_REG),
	SUB(group3_ev, A_GRP_REG),
	OP(flag, 0, NONE, NONE, NONE, 1),	/* CLC */
	OP(flag, 0, NONE, NONE, NONE, 2),	/* STC */
	OP(cli, 0, NONE, NONE, NONE, 0),
	OP(sti, 0, NONE, NONE, NONE, 0),
	OP(flag, 0, NONE, NONE, NONE, 3),	/* CLD */
	OP(flag, 0, NONE, NONE, NONE, 4),	/* STD */
	SUB(group4, A_GRP_REG),
	SUB(group5, A_GRP_REG),
};
