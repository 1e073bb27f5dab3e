// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry points: one instruction from its bytes to the commit of its results.
 */
#include "internal.h"

static int execute(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	int rc;

	ctx->wr_now = 0;
	ctx->rd_now = 0;
	ctx->new_rflags = ctx->rflags & ~(u64)FL_RF;
	ctx->next_rip = ctx->rip + ctx->d.length;
	if (!is_long(ctx))
		ctx->next_rip = (u32)ctx->next_rip;

	rc = op->exec(ctx);
	if (likely(rc == EMUL_OK)) {
		if (!(op->attr & A_KEEP_RF))
			ctx->new_rflags &= ~(u64)FL_RF;
		if (ctx->new_rflags != ctx->rflags) {
			ctx->rflags = ctx->new_rflags;
			ctx->dirty |= EMUL_DIRTY_RFLAGS;
		}
		ctx->rip = is_long(ctx) ? ctx->next_rip : (u32)ctx->next_rip;
		ctx->dirty |= EMUL_DIRTY_RIP;
	}
	return rc;
}

static int commit(struct emul_ctx *ctx)
{
	ctx->rip = ctx->next_rip;
	ctx->rflags = ctx->new_rflags;
	ctx->dirty |= EMUL_DIRTY_RIP | EMUL_DIRTY_RFLAGS;
	return EMUL_OK;
}

/* An interrupt or a task switch that no instruction asks for */
void emul_begin_event(struct emul_ctx *ctx)
{
	ctx->dirty = 0;
	ctx->shadow = EMUL_SHADOW_NONE;
	ctx->stop = false;
	emul_replay_reset(ctx);
	ctx->new_rflags = ctx->rflags;
	ctx->d.rex = 0;
}

int emul_end_event(struct emul_ctx *ctx, int rc)
{
	/* tables, a TSS or a stack in a device; a descriptor never held still */
	if (rc == EMUL_IO || rc == EMUL_RETRY)
		return EMUL_UNHANDLED;
	return rc ? rc : commit(ctx);
}

/*
 * VIF and VIP are both set where CR4 has virtual interrupts: #GP instead of the
 * next instruction, whichever (SDM 3B 21.3.2, 21.4).
 */
static bool virtual_interrupt(struct emul_ctx *ctx)
{
	u64 cr4;

	if (ctx->cpl != 3)
		return false;
	cr4 = ctx->ops->get_cr(ctx, 4);
	return cr4 & (ctx->mode == EMUL_MODE_VM86 ? CR4_VME : CR4_PVI);
}

static int check_allowed(struct emul_ctx *ctx, const struct emul_opcode *op)
{
	if (op->attr & A_NOX)
		return EMUL_UNHANDLED;
	if (op->attr & A_CPUID && !ctx->ops->has(ctx, op->feature))
		return fault_ud(ctx);
	return op->attr & A_PRIV && ctx->cpl ? fault_gp(ctx, 0) : EMUL_OK;
}

int emul_run(struct emul_ctx *ctx)
{
	int rc;

	rc = emul_decode(ctx);
	if (unlikely(!(~ctx->rflags & (FL_VIF | FL_VIP))) &&
	    virtual_interrupt(ctx))
		return fault_gp(ctx, 0);
	if (unlikely(rc))
		return rc;
	if (unlikely(ctx->d.op->attr & (A_NOX | A_CPUID | A_PRIV))) {
		rc = check_allowed(ctx, ctx->d.op);
		if (rc)
			return rc;
	}
	emul_replay_reset(ctx);
	return execute(ctx);
}

int emul_continue(struct emul_ctx *ctx)
{
	ctx->dirty = 0;
	ctx->stop = false;
	return execute(ctx);
}
