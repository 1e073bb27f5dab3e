// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far return and return from interrupt (SDM 2B RET, SDM 2A IRET).
 */
#include "internal.h"

static int fault_sel(struct emul_ctx *ctx, u8 vector, u32 error)
{
	return emul_set_fault(ctx, vector, true, error);
}

/* Check the code segment that is returned to */
static int return_cs(struct emul_ctx *ctx, u16 sel, struct emul_seg *cs)
{
	u32 ar, error = sel & ~3u;
	struct emul_desc desc;
	int rc;

	if (!error)
		return fault_gp(ctx, 0);
	rc = emul_read_desc(ctx, sel, VEC_GP, error, &desc);
	if (rc)
		return rc;
	ar = desc_ar(&desc);
	if ((ar & (AR_S | AR_CODE)) != (AR_S | AR_CODE) ||
	    (sel & 3) < ctx->cpl ||
	    ((ar & (AR_L | AR_DB)) == (AR_L | AR_DB) && is_lma(ctx)) ||
	    (ar & AR_EXPDOWN ? AR_DPL(ar) > (sel & 3) :
			       AR_DPL(ar) != (sel & 3)))
		return fault_sel(ctx, VEC_GP, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	rc = emul_set_accessed(ctx, &desc);
	emul_desc_seg(&desc, sel, cs);
	return rc;
}

/* Check the stack segment of an outer level */
static int return_ss(struct emul_ctx *ctx, u16 sel, const struct emul_seg *cs,
		     struct emul_seg *ss)
{
	unsigned int cpl = cs->sel & 3;

	if (!(sel & ~3u) && is_lma(ctx) && cs->ar & AR_L && cpl != 3 &&
	    (sel & 3) == cpl) {
		emul_null_seg(sel, ss);
		ss->ar |= cpl << AR_DPL_SHIFT;
		return EMUL_OK;
	}
	return emul_check_ss(ctx, sel, cpl, VEC_GP, 0, ss);
}

/*
 * Segments too privileged for the outer level become null (SDM 3A 5.8.6). What
 * 64-bit mode has of them, the bases of FS and GS, stays.
 */
static void drop_segments(struct emul_ctx *ctx)
{
	static const u8 segs[] = { EMUL_ES, EMUL_DS, EMUL_FS, EMUL_GS };
	struct emul_seg s;
	unsigned int i;
	u64 base;

	for (i = 0; i < ARRAY_SIZE(segs); i++) {
		ctx->ops->get_seg(ctx, segs[i], &s);
		if (s.ar & AR_UNUSABLE ||
		    (s.ar & (AR_CODE | AR_EXPDOWN)) == (AR_CODE | AR_EXPDOWN) ||
		    AR_DPL(s.ar) >= ctx->cpl)
			continue;
		base = s.base;
		emul_null_seg(0, &s);
		s.base = base;
		ctx->ops->set_seg(ctx, segs[i], &s);
	}
}

/*
 * Go to @cs:@rip with the stack @sp in @ss; the caller has checked both. A
 * 16-bit stack leaves the upper half of ESP as it was.
 */
static void leave_to(struct emul_ctx *ctx, const struct emul_seg *cs, u64 rip,
		     const struct emul_seg *ss, u64 sp)
{
	unsigned int old = ctx->cpl;

	if (!(is_lma(ctx) && cs->ar & AR_L)) {
		if (ss->ar & AR_DB)
			sp = (u32)sp;
		else
			sp = (ctx->regs[EMUL_RSP] & ~0xffffULL) | (sp & 0xffff);
	}
	emul_set_cs(ctx, cs);
	ctx->next_rip = rip;
	ctx->ops->set_seg(ctx, EMUL_SS, ss);
	reg_set(ctx, EMUL_RSP, 8, sp);
	ctx->cpl = cs->sel & 3;
	if (ctx->cpl > old)
		drop_segments(ctx);
}

/*
 * Pop IP, CS and perhaps flags. CPUs read the last of them first, which shows
 * when the frame crosses into a page that faults.
 */
static int pop_return(struct emul_ctx *ctx, struct emul_frame *f, u64 *rip,
		      u64 *sel, u64 *fl)
{
	u64 *const item[] = { rip, sel, fl };
	unsigned int n = fl ? 3 : 2, i;
	struct emul_frame at;
	int rc;

	for (i = n; i--; ) {
		at = *f;
		emul_frame_skip(&at, i);
		rc = i == 1 ? emul_frame_pop_sel(ctx, &at, sel) :
			      emul_frame_pop(ctx, &at, item[i]);
		if (rc)
			return rc;
	}
	emul_frame_skip(f, n);
	return EMUL_OK;
}

/* Pop rSP and SS, the latter read first */
static int pop_stack(struct emul_ctx *ctx, struct emul_frame *f, u64 *sp,
		     u64 *ss)
{
	struct emul_frame at = *f;
	int rc;

	emul_frame_skip(&at, 1);
	rc = emul_frame_pop_sel(ctx, &at, ss);
	return rc ? rc : emul_frame_pop(ctx, f, sp);
}

static int ret_real(struct emul_ctx *ctx, struct emul_frame *f, u16 sel,
		    u64 rip)
{
	struct emul_seg cs;

	ctx->ops->get_seg(ctx, EMUL_CS, &cs);
	if (ctx->mode == EMUL_MODE_VM86) {
		emul_v86_seg(sel, &cs);
	} else {
		cs.base = (u64)sel << 4;
		cs.sel = sel;
	}
	if (rip > cs.limit)
		return fault_gp(ctx, 0);
	emul_frame_commit(ctx, f, false);
	emul_set_cs(ctx, &cs);
	ctx->next_rip = rip;
	return EMUL_OK;
}

/* Release parameters from a stack of which @width bytes count */
static u64 release(struct emul_ctx *ctx, unsigned int width, u64 sp)
{
	struct emul_stack st = { .sp = sp, .width = width };

	emul_stack_move(&st, ctx->d.op->imm ? ctx->d.imm : 0);
	return st.sp;
}

/* How much of rSP counts for the code that is returned to */
static unsigned int width_for(struct emul_ctx *ctx, const struct emul_seg *cs,
			      const struct emul_seg *ss)
{
	return is_lma(ctx) && cs->ar & AR_L ? 8 : ss->ar & AR_DB ? 4 : 2;
}

int emul_x_ret_far(struct emul_ctx *ctx)
{
	u64 rip, sel, sp, ss_sel;
	struct emul_seg cs, ss;
	struct emul_frame f;
	int rc;

	emul_frame_current(ctx, &f, ctx->d.opsize);
	rc = pop_return(ctx, &f, &rip, &sel, NULL);
	if (rc)
		return rc;
	if (!is_prot(ctx)) {
		f.sp = release(ctx, f.width, f.sp);
		return ret_real(ctx, &f, sel, rip);
	}
	rc = return_cs(ctx, sel, &cs);
	if (rc)
		return rc;
	if ((sel & 3) == ctx->cpl) {
		rc = emul_check_target(ctx, &cs, rip);
		if (rc)
			return rc;
		/* CS is loaded by then: the stack may have become a 64-bit one */
		f.sp = release(ctx, width_for(ctx, &cs, &f.ss), f.sp);
		emul_set_cs(ctx, &cs);
		ctx->next_rip = rip;
		emul_frame_commit(ctx, &f, false);
		return EMUL_OK;
	}
	f.sp = release(ctx, f.width, f.sp);
	rc = pop_stack(ctx, &f, &sp, &ss_sel);
	if (!rc)
		rc = return_ss(ctx, (u16)ss_sel, &cs, &ss);
	if (!rc)
		rc = emul_check_target(ctx, &cs, rip);
	if (rc)
		return rc;
	sp = release(ctx, width_for(ctx, &cs, &ss), sp);
	leave_to(ctx, &cs, rip, &ss, sp);
	return EMUL_OK;
}

/* Which flags IRET takes from the image */
static u64 iret_flags(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 change = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (size >= 4)
		change |= FL_RF | FL_AC | FL_ID;
	if (ctx->cpl <= iopl(ctx))
		change |= FL_IF;
	if (!ctx->cpl) {
		change |= FL_IOPL;
		if (size >= 4)
			change |= FL_VIF | FL_VIP;
	}
	return change;
}

static void take_flags(struct emul_ctx *ctx, u64 image, u64 change)
{
	ctx->new_rflags = (ctx->rflags & ~(change | FL_RF)) | (image & change);
}

static int iret_real(struct emul_ctx *ctx, struct emul_frame *f, u16 sel,
		     u64 rip, u64 fl)
{
	u64 change;
	int rc;

	if (ctx->mode == EMUL_MODE_REAL) {
		change = iret_flags(ctx) & ~(u64)(FL_VIF | FL_VIP);
	} else if (iopl(ctx) == 3) {
		change = iret_flags(ctx);
	} else {	/* VME, 16 bits: SDM 3B 21.3.2 */
		if (fl & FL_TF || (fl & FL_IF && ctx->rflags & FL_VIP))
			return fault_gp(ctx, 0);
		change = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_VIF;
		fl = (fl & ~(u64)FL_VIF) | (fl & FL_IF ? FL_VIF : 0);
	}
	rc = ret_real(ctx, f, sel, rip);
	if (!rc)
		take_flags(ctx, fl, change);
	return rc;
}

/* To virtual-8086 mode: nine items on the stack (SDM 3B 21.2.5) */
static int iret_to_v86(struct emul_ctx *ctx, struct emul_frame *f, u16 cs_sel,
		       u64 rip, u64 fl)
{
	static const u8 order[] = {
		EMUL_SS, EMUL_ES, EMUL_DS, EMUL_FS, EMUL_GS,
	};
	u64 sp, sel[ARRAY_SIZE(order)];
	struct emul_seg s;
	unsigned int i;
	int rc;

	rc = emul_frame_pop(ctx, f, &sp);
	for (i = 0; i < ARRAY_SIZE(order) && !rc; i++)
		rc = emul_frame_pop(ctx, f, &sel[i]);
	if (rc)
		return rc;
	if ((u32)rip > 0xffff)
		return fault_gp(ctx, 0);

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		emul_v86_seg((u16)sel[i], &s);
		ctx->ops->set_seg(ctx, order[i], &s);
	}
	emul_v86_seg(cs_sel, &s);
	ctx->ops->set_seg(ctx, EMUL_CS, &s);
	reg_set(ctx, EMUL_RSP, 4, sp);
	ctx->next_rip = (u32)rip;
	ctx->new_rflags = (fl & (FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL |
				 FL_NT | FL_RF | FL_VM | FL_AC | FL_VIF |
				 FL_VIP | FL_ID)) | FL_FIXED;
	ctx->cpl = 3;
	ctx->mode = EMUL_MODE_VM86;
	ctx->code_size = 2;
	return EMUL_OK;
}

static int iret_task(struct emul_ctx *ctx)
{
	struct emul_seg tr;
	u16 link;
	int rc;

	if (is_lma(ctx))
		return fault_gp(ctx, 0);
	ctx->ops->get_seg(ctx, EMUL_TR, &tr);
	rc = emul_la_read(ctx, tr.base, &link, 2, EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	return emul_do_task_switch(ctx, link, EMUL_TASK_IRET, false, 0,
				   ctx->next_rip, ctx->rflags & ~(u64)FL_RF);
}

int emul_x_iret(struct emul_ctx *ctx)
{
	u64 rip, sel, fl, change, sp, ss_sel;
	struct emul_seg cs, ss;
	struct emul_frame f;
	int rc;

	if (ctx->mode == EMUL_MODE_VM86 && iopl(ctx) < 3 &&
	    (ctx->d.opsize != 2 || !(ctx->ops->get_cr(ctx, 4) & CR4_VME)))
		return fault_gp(ctx, 0);
	if (is_prot(ctx) && ctx->rflags & FL_NT)
		return iret_task(ctx);

	emul_frame_current(ctx, &f, ctx->d.opsize);
	rc = pop_return(ctx, &f, &rip, &sel, &fl);
	if (rc)
		return rc;
	if (!is_prot(ctx))
		return iret_real(ctx, &f, sel, rip, fl);
	if (fl & FL_VM && !ctx->cpl && ctx->d.opsize == 4 && !is_lma(ctx))
		return iret_to_v86(ctx, &f, sel, rip, fl);

	rc = return_cs(ctx, sel, &cs);
	if (rc)
		return rc;
	change = iret_flags(ctx);
	if ((sel & 3) == ctx->cpl && !is_long(ctx)) {
		rc = emul_check_target(ctx, &cs, rip);
		if (rc)
			return rc;
		emul_set_cs(ctx, &cs);
		ctx->next_rip = rip;
		emul_frame_commit(ctx, &f, false);
		take_flags(ctx, fl, change);
		return EMUL_OK;
	}
	/* 64-bit mode pops the stack pointer in any case */
	rc = pop_stack(ctx, &f, &sp, &ss_sel);
	if (!rc)
		rc = return_ss(ctx, (u16)ss_sel, &cs, &ss);
	if (!rc)
		rc = emul_check_target(ctx, &cs, rip);
	if (rc)
		return rc;
	leave_to(ctx, &cs, rip, &ss, sp);
	take_flags(ctx, fl, change);
	return EMUL_OK;
}
