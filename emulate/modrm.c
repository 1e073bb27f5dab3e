// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ModRM, SIB and REX say about the operands, with 32-bit and 64-bit
 * addresses (SDM 2 tables 2-2 and 2-3, 2.2.1.2). The three are or'ed together.
 */
#include "decode.h"

#define BASE(mod_, reg_, rm_, seg_, disp_)				\
	{ .modrm = (mod_) << 6 | (reg_) << 3 | (rm_), .reg = (reg_),	\
	  .rm = (rm_), .seg = EMUL_##seg_, .has_mem = true,		\
	  .disp = (disp_) }
#define SIB(mod_, reg_, disp_)						\
	{ .modrm = (mod_) << 6 | (reg_) << 3 | 4, .reg = (reg_),	\
	  .has_mem = true, .kind = MODRM_SIB, .disp = (disp_) }
#define NO_BASE(reg_)							\
	{ .modrm = (reg_) << 3 | 5, .reg = (reg_), .seg = EMUL_DS,	\
	  .has_mem = true, .kind = MODRM_NO_BASE, .disp = 4 }
#define REGISTER(reg_, rm_)						\
	{ .modrm = 0xc0 | (reg_) << 3 | (rm_), .reg = (reg_),		\
	  .rm = (rm_), .seg = 0xff, .kind = MODRM_REG }

/* The eight bytes with this mod (0, 1 and 2, 3) and reg */
#define MOD0(reg_)							\
	BASE(0, reg_, 0, DS, 0), BASE(0, reg_, 1, DS, 0),		\
	BASE(0, reg_, 2, DS, 0), BASE(0, reg_, 3, DS, 0),		\
	SIB(0, reg_, 0), NO_BASE(reg_),					\
	BASE(0, reg_, 6, DS, 0), BASE(0, reg_, 7, DS, 0)
#define MOD12(mod_, reg_, disp_)					\
	BASE(mod_, reg_, 0, DS, disp_), BASE(mod_, reg_, 1, DS, disp_),	\
	BASE(mod_, reg_, 2, DS, disp_), BASE(mod_, reg_, 3, DS, disp_),	\
	SIB(mod_, reg_, disp_), BASE(mod_, reg_, 5, SS, disp_),		\
	BASE(mod_, reg_, 6, DS, disp_), BASE(mod_, reg_, 7, DS, disp_)
#define MOD3(reg_)							\
	REGISTER(reg_, 0), REGISTER(reg_, 1), REGISTER(reg_, 2),	\
	REGISTER(reg_, 3), REGISTER(reg_, 4), REGISTER(reg_, 5),	\
	REGISTER(reg_, 6), REGISTER(reg_, 7)

const struct emul_modrm emul_modrm[256] = {
	MOD0(0), MOD0(1), MOD0(2), MOD0(3),
	MOD0(4), MOD0(5), MOD0(6), MOD0(7),
	MOD12(1, 0, 1), MOD12(1, 1, 1), MOD12(1, 2, 1), MOD12(1, 3, 1),
	MOD12(1, 4, 1), MOD12(1, 5, 1), MOD12(1, 6, 1), MOD12(1, 7, 1),
	MOD12(2, 0, 4), MOD12(2, 1, 4), MOD12(2, 2, 4), MOD12(2, 3, 4),
	MOD12(2, 4, 4), MOD12(2, 5, 4), MOD12(2, 6, 4), MOD12(2, 7, 4),
	MOD3(0), MOD3(1), MOD3(2), MOD3(3),
	MOD3(4), MOD3(5), MOD3(6), MOD3(7),
};

/* The scale is not here. Base 5: none if ModRM asks for no displacement */
#define INDEX(index_)							\
	{ .rm = 0, .index = (index_), .seg = EMUL_DS },			\
	{ .rm = 1, .index = (index_), .seg = EMUL_DS },			\
	{ .rm = 2, .index = (index_), .seg = EMUL_DS },			\
	{ .rm = 3, .index = (index_), .seg = EMUL_DS },			\
	{ .rm = 4, .index = (index_), .seg = EMUL_SS },			\
	{ .rm = 5, .index = (index_), .seg = EMUL_SS, .disp = DISP_BASE }, \
	{ .rm = 6, .index = (index_), .seg = EMUL_DS },			\
	{ .rm = 7, .index = (index_), .seg = EMUL_DS }

const struct emul_modrm emul_sib[64] = {
	INDEX(0), INDEX(1), INDEX(2), INDEX(3),
	INDEX(4), INDEX(5), INDEX(6), INDEX(7),
};

/* REX.R, X and B; a base R12 or R13 has DS, not SS as RSP and RBP have */
#define REX(r_, x_, b_)							\
	{ .reg = (r_) << 3, .index = (x_) << 3, .rm = (b_) << 3,	\
	  .seg = (b_) * (EMUL_SS ^ EMUL_DS) }

_Static_assert((EMUL_SS | (EMUL_SS ^ EMUL_DS)) == EMUL_DS &&
	       (EMUL_DS | (EMUL_SS ^ EMUL_DS)) == EMUL_DS, "cannot be or'ed");

const struct emul_modrm emul_rex[8] = {
	REX(0, 0, 0), REX(0, 0, 1), REX(0, 1, 0), REX(0, 1, 1),
	REX(1, 0, 0), REX(1, 0, 1), REX(1, 1, 0), REX(1, 1, 1),
};

/* Where there is no ModRM byte */
const struct emul_modrm emul_no_modrm = { .seg = 0xff, .kind = MODRM_REG };
