// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decimal arithmetic, which exists outside 64-bit mode alone (SDM 1 7.3.2.4).
 * So the host cannot do it for us.
 */
#include "internal.h"

static u64 parity_flag(u8 val)
{
	val ^= val >> 4;
	val ^= val >> 2;
	val ^= val >> 1;
	return val & 1 ? 0 : FL_PF;
}

/* All arithmetic flags: PF, ZF, SF by @al, OF cleared, the others as given */
static void set_flags(struct emul_ctx *ctx, u8 al, bool cf, bool af)
{
	ctx->new_rflags = (ctx->rflags & ~(u64)FL_ARITH) | parity_flag(al) |
			  (al ? 0 : FL_ZF) | (al & 0x80 ? FL_SF : 0) |
			  (cf ? FL_CF : 0) | (af ? FL_AF : 0);
}

int emul_x_daa(struct emul_ctx *ctx)
{
	u8 old = (u8)ctx->regs[EMUL_RAX], al = old;
	bool cf = ctx->rflags & FL_CF, af = ctx->rflags & FL_AF;
	u8 add = 0;

	if ((old & 15) > 9 || af) {
		add = 6;
		af = true;
	}
	if (old > 0x99 || cf) {
		add |= 0x60;
		cf = true;
	}
	al += add;
	set_flags(ctx, al, cf, af);
	reg_set(ctx, EMUL_RAX, 1, al);
	return EMUL_OK;
}

int emul_x_das(struct emul_ctx *ctx)
{
	u8 old = (u8)ctx->regs[EMUL_RAX], al = old;
	bool cf = ctx->rflags & FL_CF, af = ctx->rflags & FL_AF;
	bool borrow = false;
	u8 sub = 0;

	if ((old & 15) > 9 || af) {
		sub = 6;
		af = true;
		borrow = cf || old < 6;
	}
	if (old > 0x99 || cf) {
		sub |= 0x60;
		borrow = true;
	}
	al -= sub;
	set_flags(ctx, al, borrow, af);
	reg_set(ctx, EMUL_RAX, 1, al);
	return EMUL_OK;
}

static int ascii_adjust(struct emul_ctx *ctx, int by)
{
	u16 ax = (u16)ctx->regs[EMUL_RAX];
	bool adjust = (ax & 15) > 9 || ctx->rflags & FL_AF;

	if (adjust)
		ax = (u16)(ax + by * 0x106);
	ax &= 0xff0f;
	set_flags(ctx, (u8)ax, adjust, adjust);
	reg_set(ctx, EMUL_RAX, 2, ax);
	return EMUL_OK;
}

int emul_x_aaa(struct emul_ctx *ctx)
{
	return ascii_adjust(ctx, 1);
}

int emul_x_aas(struct emul_ctx *ctx)
{
	return ascii_adjust(ctx, -1);
}

int emul_x_aam(struct emul_ctx *ctx)
{
	u8 al = (u8)ctx->regs[EMUL_RAX], by = (u8)ctx->d.imm;

	if (!by)
		return emul_set_fault(ctx, VEC_DE, false, 0);
	set_flags(ctx, al % by, false, false);
	reg_set(ctx, EMUL_RAX, 2, (u64)(al / by) << 8 | al % by);
	return EMUL_OK;
}

int emul_x_aad(struct emul_ctx *ctx)
{
	u16 ax = (u16)ctx->regs[EMUL_RAX];
	u64 fl = ctx->rflags;
	u8 al;

	/* The flags are those of the addition of the two bytes */
	al = (u8)emul_alu(FN_ADD, 1, ax & 0xff,
			  (u8)((ax >> 8) * (u8)ctx->d.imm), &fl);
	ctx->new_rflags = fl;
	reg_set(ctx, EMUL_RAX, 2, al);
	return EMUL_OK;
}
