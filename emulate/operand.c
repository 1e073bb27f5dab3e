// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands of general-register instructions.
 */
#include "internal.h"

/* Lost races in a row after which the guest may try again by itself (E5) */
#define LOCK_TRIES	64

int emul_get(struct emul_ctx *ctx, unsigned int opn, unsigned int size,
	     u64 *val)
{
	const struct emul_insn *d = &ctx->d;

	switch (opn) {
	case OPN_E:
		if (!d->has_mem) {
			*val = reg_get(ctx, d->rm, size);
			return EMUL_OK;
		}
		fallthrough;
	case OPN_O:
		*val = 0;
		return emul_mem_read(ctx, d->seg, d->ea, val, size, size, 0);
	case OPN_G:
	case OPN_Z:
		*val = reg_get(ctx, d->reg, size);
		return EMUL_OK;
	case OPN_A:
		*val = reg_get(ctx, EMUL_RAX, size);
		return EMUL_OK;
	case OPN_I:
		*val = d->imm & size_mask(size);
		return EMUL_OK;
	case OPN_1:
		*val = 1;
		return EMUL_OK;
	case OPN_CL:
		*val = ctx->regs[EMUL_RCX] & 0xff;
		return EMUL_OK;
	}
	return EMUL_UNHANDLED;
}

int emul_put(struct emul_ctx *ctx, unsigned int opn, unsigned int size,
	     u64 val)
{
	const struct emul_insn *d = &ctx->d;

	switch (opn) {
	case OPN_E:
		if (!d->has_mem) {
			reg_set(ctx, d->rm, size, val);
			return EMUL_OK;
		}
		fallthrough;
	case OPN_O:
		return emul_mem_write(ctx, d->seg, d->ea, &val, size, size);
	case OPN_G:
	case OPN_Z:
		reg_set(ctx, d->reg, size, val);
		return EMUL_OK;
	case OPN_A:
		reg_set(ctx, EMUL_RAX, size, val);
		return EMUL_OK;
	}
	return EMUL_UNHANDLED;
}

int emul_rmw_begin(struct emul_ctx *ctx, unsigned int opn, unsigned int size,
		   bool locked, struct emul_rmw *rmw)
{
	const struct emul_insn *d = &ctx->d;
	unsigned int access = acc_user(ctx) | EMUL_ACC_WRITE;
	int rc;

	rmw->size = size;
	rmw->tries = 0;
	rmw->old = 0;
	rmw->mem = opn == OPN_E && d->has_mem;
	if (!rmw->mem) {
		rmw->reg = opn == OPN_E ? d->rm :
			   opn == OPN_A ? EMUL_RAX : d->reg;
		rmw->locked = false;
		rmw->old = reg_get(ctx, rmw->reg, size);
		return EMUL_OK;
	}

	rmw->locked = locked;
	if (locked)
		access |= EMUL_ACC_LOCKED;
	rc = emul_linear(ctx, d->seg, d->ea, size, size, access, &rmw->la);
	if (!rc)
		rc = emul_la_read(ctx, rmw->la, &rmw->old, size, access);
	return rc;
}

int emul_rmw_end(struct emul_ctx *ctx, struct emul_rmw *rmw, u64 val)
{
	int rc;

	if (!rmw->mem) {
		reg_set(ctx, rmw->reg, rmw->size, val);
		return EMUL_OK;
	}
	if (!rmw->locked)
		return emul_la_write(ctx, rmw->la, &val, rmw->size,
				     acc_user(ctx));
	rc = emul_la_cmpxchg(ctx, rmw->la, &rmw->old, &val, rmw->size,
			     acc_user(ctx));
	if (rc == EMUL_RETRY && ++rmw->tries < LOCK_TRIES)
		rc = EMUL_YIELD;
	return rc;
}

int emul_operand_item(struct emul_ctx *ctx, unsigned int at, unsigned int size,
		      u64 *val)
{
	*val = 0;
	return emul_mem_read(ctx, ctx->d.seg, (ctx->d.ea + at) &
			     size_mask(ctx->d.asize), val, size, size, 0);
}
