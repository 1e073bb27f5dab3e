// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic, logic and shifts on general registers and memory.
 */
#include "internal.h"

int emul_x_alu(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int size = ctx->d.opsize;
	struct emul_rmw rmw;
	u64 src, dst, fl;
	int rc;

	rc = emul_get(ctx, op->src, size, &src);
	if (rc)
		return rc;
	if (op->fn >= FN_CMP) {
		rc = emul_get(ctx, op->dst, size, &dst);
		if (!rc)
			emul_alu(op->fn, size, dst, src, &ctx->new_rflags);
		return rc;
	}
	rc = emul_rmw_begin(ctx, op->dst, size, ctx->d.lock, &rmw);
	if (rc)
		return rc;
	do {
		fl = ctx->rflags;
		dst = emul_alu(op->fn, size, rmw.old, src, &fl);
		rc = emul_rmw_end(ctx, &rmw, dst);
	} while (rc == EMUL_YIELD);
	ctx->new_rflags = fl;
	return rc;
}

/* INC, DEC, NOT, NEG */
int emul_x_unary(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int size = ctx->d.opsize;
	struct emul_rmw rmw;
	u64 val, fl;
	int rc;

	rc = emul_rmw_begin(ctx, op->dst, size, ctx->d.lock, &rmw);
	if (rc)
		return rc;
	do {
		fl = ctx->rflags;
		val = emul_unary(op->fn, size, rmw.old, &fl);
		rc = emul_rmw_end(ctx, &rmw, val);
	} while (rc == EMUL_YIELD);
	ctx->new_rflags = fl;
	return rc;
}

/* Count and destination of a shift */
static int shift_begin(struct emul_ctx *ctx, u64 *count, struct emul_rmw *rmw)
{
	const struct emul_opcode *op = ctx->d.op;
	int rc;

	rc = emul_get(ctx, op->src, 1, count);
	*count &= ctx->d.opsize == 8 ? 0x3f : 0x1f;
	return rc ? rc : emul_rmw_begin(ctx, op->dst, ctx->d.opsize, false, rmw);
}

int emul_x_shift(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int size = ctx->d.opsize;
	struct emul_rmw rmw;
	u64 count, val;
	int rc;

	rc = shift_begin(ctx, &count, &rmw);
	if (rc)
		return rc;
	val = emul_shift(op->fn, size, rmw.old, count, &ctx->new_rflags);
	return emul_rmw_end(ctx, &rmw, val);
}

/* fn: 1 = left */
int emul_x_shift_double(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	struct emul_rmw rmw;
	u64 count, val;
	int rc;

	rc = shift_begin(ctx, &count, &rmw);
	if (rc)
		return rc;
	val = emul_shift_double(ctx->d.op->fn, size, rmw.old,
				reg_get(ctx, ctx->d.reg, size), count,
				&ctx->new_rflags);
	return emul_rmw_end(ctx, &rmw, val);
}

/* A pair of values: in AL and AH, or in rAX and rDX */
static void set_pair(struct emul_ctx *ctx, unsigned int size, u64 lo, u64 hi)
{
	if (size == 1) {
		reg_set(ctx, EMUL_RAX, 2, (lo & 0xff) | hi << 8);
	} else {
		reg_set(ctx, EMUL_RAX, size, lo);
		reg_set(ctx, EMUL_RDX, size, hi);
	}
}

/* MUL and IMUL with one operand; fn: 1 = signed */
int emul_x_mul(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 src, lo, hi;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	emul_mul(ctx->d.op->fn, size, reg_get(ctx, EMUL_RAX, size), src, &lo,
		 &hi, &ctx->new_rflags);
	set_pair(ctx, size, lo, size == 1 ? lo >> 8 : hi);
	return EMUL_OK;
}

/* IMUL to a register: of it and r/m, or with fn 1 of r/m and an immediate */
int emul_x_imul(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 src, by, lo, hi;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	by = ctx->d.op->fn ? ctx->d.imm : reg_get(ctx, ctx->d.reg, size);
	emul_mul(true, size, src, by, &lo, &hi, &ctx->new_rflags);
	reg_set(ctx, ctx->d.reg, size, lo);
	return EMUL_OK;
}

/* DIV and IDIV; fn: 1 = signed */
int emul_x_div(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 by, lo, hi;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &by);
	if (rc)
		return rc;
	lo = reg_get(ctx, EMUL_RAX, size);
	hi = size == 1 ? ctx->regs[EMUL_RAX] >> 8 & 0xff :
			 reg_get(ctx, EMUL_RDX, size);
	if (!emul_div(ctx->d.op->fn, size, &lo, &hi, by, &ctx->new_rflags))
		return emul_set_fault(ctx, VEC_DE, false, 0);
	set_pair(ctx, size, lo, hi);
	return EMUL_OK;
}

/* The destination is written even if the values differ (SDM 2A CMPXCHG) */
int emul_x_cmpxchg(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 acc = reg_get(ctx, EMUL_RAX, size);
	u64 src = reg_get(ctx, ctx->d.reg, size);
	struct emul_rmw rmw;
	u64 fl;
	int rc;

	rc = emul_rmw_begin(ctx, OPN_E, size, ctx->d.lock, &rmw);
	if (rc)
		return rc;
	do {
		fl = ctx->rflags;
		emul_alu(FN_CMP, size, acc, rmw.old, &fl);
		if (fl & FL_ZF)
			rc = emul_rmw_end(ctx, &rmw, src);
		else if (!rmw.mem)
			rc = EMUL_OK;	/* not even zero-extended */
		else
			rc = emul_rmw_end(ctx, &rmw, rmw.old);
	} while (rc == EMUL_YIELD);
	if (rc)
		return rc;
	if (!(fl & FL_ZF))
		reg_set(ctx, EMUL_RAX, size, rmw.old);
	ctx->new_rflags = fl;
	return EMUL_OK;
}

int emul_x_xadd(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 src = reg_get(ctx, ctx->d.reg, size);
	struct emul_rmw rmw;
	u64 val, fl;
	int rc;

	rc = emul_rmw_begin(ctx, OPN_E, size, ctx->d.lock, &rmw);
	if (rc)
		return rc;
	do {
		fl = ctx->rflags;
		val = emul_alu(FN_ADD, size, rmw.old, src, &fl);
		if (!rmw.mem)	/* the sum wins where both are one register */
			reg_set(ctx, ctx->d.reg, size, rmw.old);
		rc = emul_rmw_end(ctx, &rmw, val);
	} while (rc == EMUL_YIELD);
	if (rc)
		return rc;
	if (rmw.mem)
		reg_set(ctx, ctx->d.reg, size, rmw.old);
	ctx->new_rflags = fl;
	return EMUL_OK;
}

/* CMPXCHG8B, CMPXCHG16B */
int emul_x_cmpxchg8b(struct emul_ctx *ctx)
{
	unsigned int half = ctx->d.opsize == 8 ? 8 : 4, tries;
	unsigned int access = acc_user(ctx) | EMUL_ACC_WRITE;
	u8 old[16], new[16];
	bool equal;
	u64 la, v;
	int rc;

	if (half == 8 && !ctx->ops->has(ctx, EMUL_HAS_CX16))
		return fault_ud(ctx);
	if (ctx->d.lock)
		access |= EMUL_ACC_LOCKED;
	rc = half == 8 ? emul_require_align(ctx, ctx->d.seg, ctx->d.ea, 16) :
			 EMUL_OK;
	if (!rc)
		rc = emul_linear(ctx, ctx->d.seg, ctx->d.ea, 2 * half, 2 * half,
				 access, &la);
	if (!rc)
		rc = emul_la_read(ctx, la, old, 2 * half, access);
	if (rc)
		return rc;

	for (tries = 0; ; tries++) {
		equal = !memcmp(old, &ctx->regs[EMUL_RAX], half) &&
			!memcmp(old + half, &ctx->regs[EMUL_RDX], half);
		memcpy(new, old, 2 * half);
		if (equal) {
			memcpy(new, &ctx->regs[EMUL_RBX], half);
			memcpy(new + half, &ctx->regs[EMUL_RCX], half);
		}
		if (!ctx->d.lock) {
			rc = emul_la_write(ctx, la, new, 2 * half, access);
			break;
		}
		rc = emul_la_cmpxchg(ctx, la, old, new, 2 * half,
				     acc_user(ctx));
		if (rc != EMUL_RETRY || tries > 63)
			break;
	}
	if (rc)
		return rc;
	if (equal) {
		ctx->new_rflags |= FL_ZF;
		return EMUL_OK;
	}
	ctx->new_rflags &= ~(u64)FL_ZF;
	v = 0;
	memcpy(&v, old, half);
	reg_set(ctx, EMUL_RAX, half, v);
	memcpy(&v, old + half, half);
	reg_set(ctx, EMUL_RDX, half, v);
	return EMUL_OK;
}

/* CMC, CLC, STC, CLD, STD */
int emul_x_flag(struct emul_ctx *ctx)
{
	static const struct {
		u16 clear, flip;
	} what[] = {
		{ 0, FL_CF }, { FL_CF, 0 }, { FL_CF, FL_CF },
		{ FL_DF, 0 }, { FL_DF, FL_DF },
	};
	unsigned int fn = ctx->d.op->fn;

	ctx->new_rflags &= ~(u64)what[fn].clear;
	ctx->new_rflags ^= what[fn].flip;
	return EMUL_OK;
}
