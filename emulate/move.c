// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves, exchanges and conversions.
 */
#include "internal.h"

int emul_x_mov(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int size = ctx->d.opsize;
	u64 val;
	int rc;

	rc = emul_get(ctx, op->src, size, &val);
	if (rc)
		return rc;
	return emul_put(ctx, op->dst, size, val);
}

/* fn: size of the source */
int emul_x_movzx(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	u64 val;
	int rc;

	rc = emul_get(ctx, op->src, op->fn, &val);
	if (rc)
		return rc;
	return emul_put(ctx, op->dst, ctx->d.opsize, val);
}

/* MOVSX and MOVSXD; the latter's source is no larger than its destination */
int emul_x_movsx(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int from = op->fn;
	u64 val;
	int rc;

	if (from > ctx->d.opsize)
		from = ctx->d.opsize;
	rc = emul_get(ctx, op->src, from, &val);
	if (rc)
		return rc;
	return emul_put(ctx, op->dst, ctx->d.opsize, sign_extend(val, from));
}

int emul_x_lea(struct emul_ctx *ctx)
{
	reg_set(ctx, ctx->d.reg, ctx->d.opsize, ctx->d.ea);
	return EMUL_OK;
}

/* With memory it is atomic even without LOCK (SDM 3A 9.1.2.1) */
int emul_x_xchg(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int size = ctx->d.opsize;
	struct emul_rmw rmw;
	u64 val;
	int rc;

	/* 90; with F3 it is PAUSE whatever REX.B says */
	if (op->dst == OPN_A &&
	    (ctx->d.reg == EMUL_RAX ||
	     (ctx->d.opcode == 0x90 && ctx->d.rep == 0xf3))) {
		if (ctx->d.rep == 0xf3)
			ctx->ops->pause(ctx);
		return EMUL_OK;
	}
	val = reg_get(ctx, ctx->d.reg, size);
	rc = emul_rmw_begin(ctx, op->dst, size, true, &rmw);
	if (rc)
		return rc;
	do {
		rc = emul_rmw_end(ctx, &rmw, val);
	} while (rc == EMUL_YIELD);
	if (!rc)
		reg_set(ctx, ctx->d.reg, size, rmw.old);
	return rc;
}

/* The source is read, and a 32-bit destination zero-extended, in any case */
int emul_x_cmov(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	if (!emul_condition(ctx->rflags, ctx->d.op->fn))
		val = reg_get(ctx, ctx->d.reg, size);
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

int emul_x_setcc(struct emul_ctx *ctx)
{
	return emul_put(ctx, OPN_E, 1,
			emul_condition(ctx->rflags, ctx->d.op->fn));
}

static u64 swap_bytes(u64 val, unsigned int size)
{
	return __builtin_bswap64(val) >> (64 - 8 * size);
}

/* With a 16-bit operand CPUs leave zero (SDM: undefined) */
int emul_x_bswap(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 val = reg_get(ctx, ctx->d.reg, size);

	reg_set(ctx, ctx->d.reg, size, size == 2 ? 0 : swap_bytes(val, size));
	return EMUL_OK;
}

int emul_x_movbe_load(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (!rc)
		reg_set(ctx, ctx->d.reg, size, swap_bytes(val, size));
	return rc;
}

int emul_x_movbe_store(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;

	return emul_put(ctx, OPN_E, size,
			swap_bytes(reg_get(ctx, ctx->d.reg, size), size));
}

/* There is no 16-bit form */
int emul_x_movnti(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.rex & 8 ? 8 : 4;

	return emul_put(ctx, OPN_E, size, reg_get(ctx, ctx->d.reg, size));
}

/* CBW, CWDE, CDQE */
int emul_x_cbw(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;

	reg_set(ctx, EMUL_RAX, size,
		sign_extend(ctx->regs[EMUL_RAX] & size_mask(size / 2),
			    size / 2));
	return EMUL_OK;
}

/* CWD, CDQ, CQO */
int emul_x_cwd(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 val = sign_extend(ctx->regs[EMUL_RAX], size);

	reg_set(ctx, EMUL_RDX, size, (s64)val < 0 ? ~0ULL : 0);
	return EMUL_OK;
}

#define AH_FLAGS	(FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF)

int emul_x_lahf(struct emul_ctx *ctx)
{
	u64 *rax = &ctx->regs[EMUL_RAX];

	*rax = (*rax & ~0xff00ULL) |
	       ((ctx->rflags & AH_FLAGS) | FL_FIXED) << 8;
	ctx->dirty |= 1u << EMUL_RAX;
	return EMUL_OK;
}

int emul_x_sahf(struct emul_ctx *ctx)
{
	ctx->new_rflags = (ctx->rflags & ~(u64)AH_FLAGS) |
			  (ctx->regs[EMUL_RAX] >> 8 & AH_FLAGS);
	return EMUL_OK;
}

/* AL = CF ? FF : 0; not in the manual, but in every CPU */
int emul_x_salc(struct emul_ctx *ctx)
{
	reg_set(ctx, EMUL_RAX, 1, ctx->rflags & FL_CF ? 0xff : 0);
	return EMUL_OK;
}

int emul_x_xlat(struct emul_ctx *ctx)
{
	const struct emul_insn *d = &ctx->d;
	u64 ea = ctx->regs[EMUL_RBX] + (ctx->regs[EMUL_RAX] & 0xff);
	u8 val;
	int rc;

	ea &= size_mask(d->asize);
	rc = emul_mem_read(ctx, d->seg == 0xff ? EMUL_DS : d->seg, ea, &val, 1,
			   1, 0);
	if (!rc)
		reg_set(ctx, EMUL_RAX, 1, val);
	return rc;
}

int emul_x_nop(struct emul_ctx *ctx)
{
	return EMUL_OK;
}
