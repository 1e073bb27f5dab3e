// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks of far transfers: pushes and pops that move neither RSP nor SS until
 * all of the transfer is known to succeed.
 */
#include "internal.h"

static int fault_ss(struct emul_ctx *ctx, u32 error)
{
	return fault_err(ctx, VEC_SS, error);
}

/* The stack in use; @size: bytes of an item */
void emul_frame_current(struct emul_ctx *ctx, struct emul_frame *f,
			unsigned int size)
{
	ctx->ops->get_seg(ctx, EMUL_SS, &f->ss);
	f->sp = ctx->regs[EMUL_RSP];
	f->size = size;
	f->width = is_long(ctx) ? 8 : f->ss.ar & AR_DB ? 4 : 2;
	f->error = 0;
	f->access = acc_user(ctx);
}

/* Another stack, for use at @cpl. A 64-bit one if @size is 8. */
void emul_frame_new(struct emul_ctx *ctx, struct emul_frame *f,
		    const struct emul_seg *ss, u64 sp, unsigned int size,
		    unsigned int cpl)
{
	f->ss = *ss;
	f->sp = sp;
	f->size = size;
	f->width = size == 8 ? 8 : ss->ar & AR_DB ? 4 : 2;
	f->error = ss->sel & ~3u;
	f->access = cpl == 3 ? EMUL_ACC_USER : 0;
}

static int frame_linear(struct emul_ctx *ctx, const struct emul_frame *f,
			unsigned int len, unsigned int access, u64 *la)
{
	u64 ea = f->sp & size_mask(f->width);

	if (f->width == 8) {
		*la = ea;
		if (!emul_is_canonical(ctx, ea) ||
		    !emul_is_canonical(ctx, ea + len - 1))
			return fault_ss(ctx, f->error);
	} else if (!emul_seg_linear(ctx, &f->ss, ea, len, access, la)) {
		return fault_ss(ctx, f->error);
	}
	if (f->access & EMUL_ACC_USER)
		return emul_check_align(ctx, *la, len);
	return EMUL_OK;
}

static void frame_move(struct emul_frame *f, s64 by)
{
	struct emul_stack st = { .sp = f->sp, .width = f->width };

	emul_stack_move(&st, by);
	f->sp = st.sp;
}

void emul_frame_skip(struct emul_frame *f, unsigned int items)
{
	frame_move(f, items * f->size);
}

int emul_frame_push(struct emul_ctx *ctx, struct emul_frame *f, u64 val)
{
	u64 la;
	int rc;

	frame_move(f, -(s64)f->size);
	rc = frame_linear(ctx, f, f->size, EMUL_ACC_WRITE, &la);
	if (!rc)
		rc = emul_la_write(ctx, la, &val, f->size, f->access);
	return rc;
}

int emul_frame_pop(struct emul_ctx *ctx, struct emul_frame *f, u64 *val)
{
	u64 la;
	int rc;

	*val = 0;
	rc = frame_linear(ctx, f, f->size, 0, &la);
	if (!rc)
		rc = emul_la_read(ctx, la, val, f->size, f->access);
	if (!rc)
		frame_move(f, f->size);
	return rc;
}

/* Of a selector's item two bytes are read */
int emul_frame_pop_sel(struct emul_ctx *ctx, struct emul_frame *f, u64 *sel)
{
	u64 la;
	int rc;

	*sel = 0;
	rc = frame_linear(ctx, f, 2, 0, &la);
	if (!rc)
		rc = emul_la_read(ctx, la, sel, 2, f->access);
	if (!rc)
		frame_move(f, f->size);
	return rc;
}

/* Make it the stack in use */
void emul_frame_commit(struct emul_ctx *ctx, const struct emul_frame *f,
		       bool with_ss)
{
	reg_set(ctx, EMUL_RSP, 8, f->sp);
	if (with_ss)
		ctx->ops->set_seg(ctx, EMUL_SS, &f->ss);
}

/*
 * Stack pointer for privilege level @cpl from the TSS (SDM 3A 8.2.1, 8.7).
 * In long mode *ss is the null selector.
 */
int emul_tss_stack(struct emul_ctx *ctx, unsigned int cpl, u32 ext, u16 *ss,
		   u64 *sp)
{
	struct emul_seg tr;
	unsigned int at, size;
	int rc;

	ctx->ops->get_seg(ctx, EMUL_TR, &tr);
	*sp = 0;
	*ss = cpl;
	if (is_lma(ctx)) {
		at = 4 + 8 * cpl;
		size = 8;
	} else if (tr.ar & 8) {
		at = 4 + 8 * cpl;
		size = 4;
	} else {
		at = 2 + 4 * cpl;
		size = 2;
	}
	if (at + (size == 8 ? 8 : size + 2) - 1 > tr.limit)
		return emul_set_fault(ctx, VEC_TS, true,
				      (tr.sel & ~3u) | ext);
	rc = emul_la_read(ctx, tr.base + at, sp, size, EMUL_ACC_SYSTEM);
	if (!rc && size != 8)
		rc = emul_la_read(ctx, tr.base + at + size, ss, 2,
				  EMUL_ACC_SYSTEM);
	return rc;
}

/*
 * Is the offset inside the segment to be executed? Outside 64-bit mode the
 * upper half of it does not count.
 */
int emul_check_target(struct emul_ctx *ctx, const struct emul_seg *cs, u64 rip)
{
	if (is_lma(ctx) && cs->ar & AR_L) {
		if (!emul_is_canonical(ctx, rip))
			return fault_gp(ctx, 0);
	} else if ((u32)rip > cs->limit) {
		return fault_gp(ctx, 0);
	}
	return EMUL_OK;
}
