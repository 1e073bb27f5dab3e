// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers of control within the code segment.
 */
#include "internal.h"

/* Set the target, of which @size bytes count, or fault */
int emul_branch(struct emul_ctx *ctx, u64 target, unsigned int size)
{
	struct emul_seg cs;

	target &= size_mask(size);
	if (is_long(ctx)) {
		if (!emul_is_canonical(ctx, target))
			return fault_gp(ctx, 0);
	} else {
		ctx->ops->get_seg(ctx, EMUL_CS, &cs);
		if (target > cs.limit)
			return fault_gp(ctx, 0);
	}
	ctx->next_rip = target;
	return EMUL_OK;
}

static int branch_rel(struct emul_ctx *ctx)
{
	return emul_branch(ctx, ctx->next_rip + ctx->d.imm, ctx->d.opsize);
}

int emul_x_jmp_rel(struct emul_ctx *ctx)
{
	return branch_rel(ctx);
}

int emul_x_jcc(struct emul_ctx *ctx)
{
	if (!emul_condition(ctx->rflags, ctx->d.op->fn))
		return EMUL_OK;
	return branch_rel(ctx);
}

/* fn: 0 LOOPNE, 1 LOOPE, 2 LOOP */
int emul_x_loop(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.asize, fn = ctx->d.op->fn;
	u64 count = reg_get(ctx, EMUL_RCX, size) - 1;
	bool taken;
	int rc;

	count &= size_mask(size);
	taken = count && (fn == 2 || !(ctx->rflags & FL_ZF) == !fn);
	if (taken) {
		rc = branch_rel(ctx);
		if (rc)
			return rc;
	}
	reg_set(ctx, EMUL_RCX, size, count);
	return EMUL_OK;
}

int emul_x_jcxz(struct emul_ctx *ctx)
{
	if (reg_get(ctx, EMUL_RCX, ctx->d.asize))
		return EMUL_OK;
	return branch_rel(ctx);
}

int emul_x_jmp_ind(struct emul_ctx *ctx)
{
	u64 target;
	int rc;

	rc = emul_get(ctx, OPN_E, ctx->d.opsize, &target);
	if (rc)
		return rc;
	return emul_branch(ctx, target, ctx->d.opsize);
}

static int call(struct emul_ctx *ctx, u64 target)
{
	u64 from = ctx->next_rip;
	struct emul_stack st;
	int rc;

	/* A fault of the push comes first, but a bad target leaves no trace */
	emul_stack_get(ctx, &st);
	if (emul_branch(ctx, target, ctx->d.opsize)) {
		rc = emul_stack_probe(ctx, &st, ctx->d.opsize);
		return rc ? rc : fault_gp(ctx, 0);
	}
	rc = emul_push(ctx, &st, from, ctx->d.opsize);
	if (!rc)
		emul_stack_set(ctx, &st);
	return rc;
}

int emul_x_call_rel(struct emul_ctx *ctx)
{
	return call(ctx, ctx->next_rip + ctx->d.imm);
}

int emul_x_call_ind(struct emul_ctx *ctx)
{
	u64 target;
	int rc;

	rc = emul_get(ctx, OPN_E, ctx->d.opsize, &target);
	if (rc)
		return rc;
	return call(ctx, target);
}

int emul_x_ret(struct emul_ctx *ctx)
{
	struct emul_stack st;
	u64 target;
	int rc;

	emul_stack_get(ctx, &st);
	rc = emul_pop(ctx, &st, &target, ctx->d.opsize);
	if (!rc)
		rc = emul_branch(ctx, target, ctx->d.opsize);
	if (rc)
		return rc;
	if (ctx->d.op->src == OPN_I)
		emul_stack_move(&st, ctx->d.imm);
	emul_stack_set(ctx, &st);
	return EMUL_OK;
}

/* The upper bound is read only if the index is not below the lower one */
int emul_x_bound(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 bound;
	s64 index;
	int rc;

	index = (s64)sign_extend(reg_get(ctx, ctx->d.reg, size), size);
	rc = emul_operand_item(ctx, 0, size, &bound);
	if (rc)
		return rc;
	if (index < (s64)sign_extend(bound, size))
		return emul_set_fault(ctx, VEC_BR, false, 0);
	rc = emul_operand_item(ctx, size, size, &bound);
	if (rc)
		return rc;
	if (index > (s64)sign_extend(bound, size))
		return emul_set_fault(ctx, VEC_BR, false, 0);
	return EMUL_OK;
}
