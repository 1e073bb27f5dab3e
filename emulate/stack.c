// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stack, and instructions that use nothing else.
 */
#include "internal.h"

void emul_stack_get(struct emul_ctx *ctx, struct emul_stack *st)
{
	struct emul_seg ss;

	st->sp = ctx->regs[EMUL_RSP];
	if (is_long(ctx)) {
		st->width = 8;
	} else {
		ctx->ops->get_seg(ctx, EMUL_SS, &ss);
		st->width = ss.ar & AR_DB ? 4 : 2;
	}
}

void emul_stack_set(struct emul_ctx *ctx, const struct emul_stack *st)
{
	reg_set(ctx, EMUL_RSP, 8, st->sp);
}

/* Only as many bits as the stack is wide move (SDM 1 6.2.3) */
void emul_stack_move(struct emul_stack *st, s64 by)
{
	u64 mask = size_mask(st->width);

	st->sp = (st->sp & ~mask) | ((st->sp + (u64)by) & mask);
	if (st->width == 4)
		st->sp = (u32)st->sp;
}

int emul_push(struct emul_ctx *ctx, struct emul_stack *st, u64 val,
	      unsigned int size)
{
	struct emul_stack to = *st;
	int rc;

	emul_stack_move(&to, -(s64)size);
	rc = emul_mem_write(ctx, EMUL_SS, to.sp & size_mask(to.width), &val,
			    size, size);
	if (!rc)
		*st = to;
	return rc;
}

int emul_pop(struct emul_ctx *ctx, struct emul_stack *st, u64 *val,
	     unsigned int size)
{
	int rc;

	*val = 0;
	rc = emul_mem_read(ctx, EMUL_SS, st->sp & size_mask(st->width), val,
			   size, size, 0);
	if (!rc)
		emul_stack_move(st, size);
	return rc;
}

/* Could the item of @len bytes at the top of the stack be written? */
static int probe_top(struct emul_ctx *ctx, const struct emul_stack *st,
		     unsigned int len)
{
	u64 la;
	int rc;

	rc = emul_linear(ctx, EMUL_SS, st->sp & size_mask(st->width), len,
			 len, EMUL_ACC_WRITE, &la);
	if (!rc)
		rc = emul_la_probe(ctx, la, len,
				   EMUL_ACC_WRITE | acc_user(ctx));
	return rc;
}

/* Could one item of @len bytes be pushed? */
int emul_stack_probe(struct emul_ctx *ctx, const struct emul_stack *st,
		     unsigned int len)
{
	struct emul_stack to = *st;

	emul_stack_move(&to, -(s64)len);
	return probe_top(ctx, &to, len);
}

int emul_x_push(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	struct emul_stack st;
	u64 val;
	int rc;

	rc = emul_get(ctx, ctx->d.op->dst, size, &val);
	if (rc)
		return rc;
	emul_stack_get(ctx, &st);
	rc = emul_push(ctx, &st, val, size);
	if (!rc)
		emul_stack_set(ctx, &st);
	return rc;
}

/*
 * An address based on RSP is computed with the value after the pop; a popped
 * RSP wins over the increment (SDM 2B POP).
 */
int emul_x_pop(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 val, ea = ctx->d.ea;
	struct emul_stack st;
	int rc;

	emul_stack_get(ctx, &st);
	rc = emul_pop(ctx, &st, &val, size);
	if (rc)
		return rc;
	if (ctx->d.has_mem) {
		if (ctx->d.rsp_base)
			ctx->d.ea = (ea + size) & size_mask(ctx->d.asize);
		rc = emul_put(ctx, OPN_E, size, val);
		ctx->d.ea = ea;
		if (!rc)
			emul_stack_set(ctx, &st);
		return rc;
	}
	emul_stack_set(ctx, &st);
	return emul_put(ctx, ctx->d.op->dst, size, val);
}

int emul_x_pusha(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, i;
	struct emul_stack st;
	int rc;

	emul_stack_get(ctx, &st);
	for (i = 0; i < 8; i++) {
		rc = emul_push(ctx, &st, ctx->regs[i], size);
		if (rc)
			return rc;
	}
	emul_stack_set(ctx, &st);
	return EMUL_OK;
}

int emul_x_popa(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, i;
	struct emul_stack st;
	u64 val[8];
	int rc;

	emul_stack_get(ctx, &st);
	for (i = 0; i < 8; i++) {
		rc = emul_pop(ctx, &st, &val[i], size);
		if (rc)
			return rc;
	}
	emul_stack_set(ctx, &st);
	for (i = 0; i < 8; i++)
		if (7 - i != EMUL_RSP)
			reg_set(ctx, 7 - i, size, val[i]);
	return EMUL_OK;
}

/* Virtual-8086 mode with IOPL below 3: allowed only by VME, 16 bits wide */
static int check_v86_flags(struct emul_ctx *ctx, bool *vme)
{
	*vme = false;
	if (ctx->mode != EMUL_MODE_VM86 || iopl(ctx) == 3)
		return EMUL_OK;
	if (ctx->d.opsize != 2 || !(ctx->ops->get_cr(ctx, 4) & CR4_VME))
		return fault_gp(ctx, 0);
	*vme = true;
	return EMUL_OK;
}

int emul_x_pushf(struct emul_ctx *ctx)
{
	u64 fl = ctx->rflags & ~(u64)(FL_VM | FL_RF);
	struct emul_stack st;
	bool vme;
	int rc;

	rc = check_v86_flags(ctx, &vme);
	if (rc)
		return rc;
	if (vme) {	/* SDM 3B 21.3.2: IOPL reads as 3, IF as VIF */
		fl = (fl & ~(u64)FL_IF) | FL_IOPL;
		if (fl & FL_VIF)
			fl |= FL_IF;
	}
	emul_stack_get(ctx, &st);
	rc = emul_push(ctx, &st, fl, ctx->d.opsize);
	if (!rc)
		emul_stack_set(ctx, &st);
	return rc;
}

int emul_x_popf(struct emul_ctx *ctx)
{
	u64 change = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID;
	struct emul_stack st;
	u64 fl;
	bool vme;
	int rc;

	rc = check_v86_flags(ctx, &vme);
	if (rc)
		return rc;
	emul_stack_get(ctx, &st);
	rc = emul_pop(ctx, &st, &fl, ctx->d.opsize);
	if (rc)
		return rc;
	if (vme) {
		if (fl & FL_TF || (fl & FL_IF && ctx->rflags & FL_VIP))
			return fault_gp(ctx, 0);
		change |= FL_VIF;
		if (fl & FL_IF)
			fl |= FL_VIF;
		else
			fl &= ~(u64)FL_VIF;
	} else {
		if (ctx->cpl <= iopl(ctx))
			change |= FL_IF;
		if (ctx->cpl == 0)
			change |= FL_IOPL;
	}
	if (ctx->d.opsize == 2)
		change &= 0xffff | (vme ? FL_VIF : 0);
	ctx->new_rflags = (ctx->rflags & ~change) | (fl & change);
	emul_stack_set(ctx, &st);
	return EMUL_OK;
}

/*
 * SDM 2A ENTER; at most 31 levels. A fault in the middle leaves the words below
 * the stack pointer changed, as on a CPU.
 */
int emul_x_enter(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, level = ctx->d.imm2 & 31, i;
	struct emul_stack st, frame, bp;
	u64 val;
	int rc;

	emul_stack_get(ctx, &st);
	rc = emul_push(ctx, &st, ctx->regs[EMUL_RBP], size);
	if (rc)
		return rc;
	frame = st;
	bp = st;
	bp.sp = ctx->regs[EMUL_RBP];
	for (i = 1; i < level; i++) {
		emul_stack_move(&bp, -(s64)size);
		val = 0;
		rc = emul_mem_read(ctx, EMUL_SS, bp.sp & size_mask(bp.width),
				   &val, size, size, 0);
		if (!rc)
			rc = emul_push(ctx, &st, val, size);
		if (rc)
			return rc;
	}
	if (level) {
		rc = emul_push(ctx, &st, frame.sp, size);
		if (rc)
			return rc;
	}
	emul_stack_move(&st, -(s64)ctx->d.imm);
	/* the new top of the stack has to be writable */
	rc = probe_top(ctx, &st, size);
	if (rc)
		return rc;
	reg_set(ctx, EMUL_RBP, size, frame.sp);
	emul_stack_set(ctx, &st);
	return EMUL_OK;
}

int emul_x_leave(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	struct emul_stack st;
	u64 mask, val;
	int rc;

	emul_stack_get(ctx, &st);
	mask = size_mask(st.width);
	st.sp = (st.sp & ~mask) | (ctx->regs[EMUL_RBP] & mask);
	if (st.width == 4)
		st.sp = (u32)st.sp;
	rc = emul_pop(ctx, &st, &val, size);
	if (rc)
		return rc;
	emul_stack_set(ctx, &st);
	reg_set(ctx, EMUL_RBP, size, val);
	return EMUL_OK;
}
