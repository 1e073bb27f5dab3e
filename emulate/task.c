// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches, 32-bit and 16-bit (SDM 3A 8.2, 8.3).
 *
 * T1. Until the new TSS is known to be good, and both TSSs to be accessible,
 *     nothing changes and a fault belongs to the old task.
 * T2. From the write of TR on a fault belongs to the new task, whose state is
 *     already in place.
 */
#include "internal.h"

/* SDM 3A figures 8-2 and 8-10: offsets that the two forms have in common */
struct tss_format {
	u8 size;	/* bytes of a general register */
	u8 cr3, ip, flags, regs, segs, ldt, trap;
	u8 nr_segs;
	u8 min_limit;
};

static const struct tss_format tss32 = {
	.size = 4, .cr3 = 28, .ip = 32, .flags = 36, .regs = 40, .segs = 72,
	.ldt = 96, .trap = 100, .nr_segs = 6, .min_limit = 103,
};

static const struct tss_format tss16 = {
	.size = 2, .ip = 14, .flags = 16, .regs = 18, .segs = 34, .ldt = 42,
	.nr_segs = 4, .min_limit = 43,
};

#define TSS_BYTES	104

static int fault_sel(struct emul_ctx *ctx, u8 vector, u32 error)
{
	return emul_set_fault(ctx, vector, true, error);
}

static u32 tss_get(const u8 *tss, unsigned int off, unsigned int size)
{
	u32 val = 0;

	memcpy(&val, tss + off, size);
	return val;
}

static void tss_put(u8 *tss, unsigned int off, unsigned int size, u64 val)
{
	memcpy(tss + off, &val, size);
}

static const struct tss_format *format_of(u32 ar)
{
	return ar & 8 ? &tss32 : &tss16;
}

/* Read and check the descriptor of the new TSS */
static int new_tss(struct emul_ctx *ctx, u16 sel, enum emul_task_cause cause,
		   struct emul_desc *desc, struct emul_seg *tr)
{
	u8 bad = cause == EMUL_TASK_IRET ? VEC_TS : VEC_GP;
	/* EXT: not for software interrupts (SDM 3A 6.13) */
	u32 error = (sel & ~3u) | (cause == EMUL_TASK_GATE);
	unsigned int type;
	int rc;

	if (!(sel & ~3u) || sel & 4)
		return fault_sel(ctx, bad, error);
	rc = emul_read_desc(ctx, sel, bad, error, desc);
	if (rc)
		return rc;
	emul_desc_seg(desc, sel, tr);
	type = tr->ar & (AR_S | AR_TYPE);
	if (cause == EMUL_TASK_IRET ?
	    type != SYS_TSS32_BUSY && type != SYS_TSS16_BUSY :
	    type != SYS_TSS32 && type != SYS_TSS16)
		return fault_sel(ctx, bad, error);
	if (!(tr->ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	if (tr->limit < format_of(tr->ar)->min_limit)
		return fault_sel(ctx, VEC_TS, error);
	return EMUL_OK;
}

/* Save the running task; only the dynamic fields are written (T1) */
static int save_task(struct emul_ctx *ctx, const struct emul_seg *tr, u64 from,
		     u64 flags)
{
	const struct tss_format *t = format_of(tr->ar);
	unsigned int first = t->ip, end = t->segs + t->nr_segs * t->size, i;
	struct emul_seg s;
	u8 buf[TSS_BYTES];
	int rc;

	if (tr->limit < t->min_limit)
		return fault_sel(ctx, VEC_TS, tr->sel & ~3u);
	rc = emul_la_probe(ctx, tr->base + first, end - first,
			   EMUL_ACC_SYSTEM | EMUL_ACC_WRITE);
	if (rc)
		return rc;
	memset(buf, 0, sizeof(buf));
	tss_put(buf, t->ip, t->size, from);
	tss_put(buf, t->flags, t->size, flags);
	for (i = 0; i < 8; i++)
		tss_put(buf, t->regs + i * t->size, t->size, ctx->regs[i]);
	for (i = 0; i < t->nr_segs; i++) {
		ctx->ops->get_seg(ctx, i, &s);
		tss_put(buf, t->segs + i * t->size, 2, s.sel);
	}
	return emul_la_write(ctx, tr->base + first, buf + first, end - first,
			     EMUL_ACC_SYSTEM);
}

/* LDTR of the new task */
static int load_ldt(struct emul_ctx *ctx, u16 sel)
{
	struct emul_desc desc;
	struct emul_seg s;
	int rc;

	emul_null_seg(sel, &s);
	ctx->ops->set_seg(ctx, EMUL_LDTR, &s);
	if (!(sel & ~3u))
		return EMUL_OK;
	if (sel & 4)
		return fault_sel(ctx, VEC_TS, sel & ~3u);
	rc = emul_read_desc(ctx, sel, VEC_TS, sel & ~3u, &desc);
	if (rc)
		return rc;
	emul_desc_seg(&desc, sel, &s);
	if ((s.ar & (AR_S | AR_TYPE)) != SYS_LDT || !(s.ar & AR_P))
		return fault_sel(ctx, VEC_TS, sel & ~3u);
	ctx->ops->set_seg(ctx, EMUL_LDTR, &s);
	return EMUL_OK;
}

static int check_cs(struct emul_ctx *ctx, u16 sel, struct emul_seg *s)
{
	u32 ar, error = sel & ~3u;
	struct emul_desc desc;
	int rc;

	if (!error)
		return fault_sel(ctx, VEC_TS, error);
	rc = emul_read_desc(ctx, sel, VEC_TS, error, &desc);
	if (rc)
		return rc;
	ar = desc_ar(&desc);
	if ((ar & (AR_S | AR_CODE)) != (AR_S | AR_CODE) ||
	    (ar & AR_EXPDOWN ? AR_DPL(ar) > (sel & 3) :
			       AR_DPL(ar) != (sel & 3)))
		return fault_sel(ctx, VEC_TS, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	rc = emul_set_accessed(ctx, &desc);
	emul_desc_seg(&desc, sel, s);
	return rc;
}

/*
 * Check and load one segment of the new task. There is no way back any more: where
 * another vCPU has changed the descriptor between the two, look again at once.
 */
static int load_segment(struct emul_ctx *ctx, enum emul_segreg seg, u16 sel,
			unsigned int cpl)
{
	unsigned int tries;
	struct emul_seg s;
	int rc = EMUL_RETRY;

	for (tries = 0; tries < 64 && rc == EMUL_RETRY; tries++)
		rc = seg == EMUL_CS ? check_cs(ctx, sel, &s) :
		     seg == EMUL_SS ? emul_check_ss(ctx, sel, cpl, VEC_TS, 0, &s) :
		     emul_check_data_seg(ctx, seg, sel, cpl, VEC_TS, &s);
	if (rc)
		return rc == EMUL_RETRY ? EMUL_UNHANDLED : rc;
	if (seg == EMUL_CS)
		emul_set_cs(ctx, &s);
	else
		ctx->ops->set_seg(ctx, seg, &s);
	return EMUL_OK;
}

/* Segments of the new task, in the order in which they are checked */
static int load_segments(struct emul_ctx *ctx, const u16 sel[6])
{
	static const u8 order[] = {
		EMUL_CS, EMUL_SS, EMUL_DS, EMUL_ES, EMUL_FS, EMUL_GS,
	};
	unsigned int cpl = sel[EMUL_CS] & 3, i;
	struct emul_seg s;
	int rc;

	if (ctx->new_rflags & FL_VM) {
		for (i = 0; i < 6; i++) {
			emul_v86_seg(sel[i], &s);
			ctx->ops->set_seg(ctx, i, &s);
		}
		ctx->mode = EMUL_MODE_VM86;
		ctx->code_size = 2;
		ctx->cpl = 3;
		return EMUL_OK;
	}
	ctx->mode = EMUL_MODE_PROT;
	/* what is not loaded yet must not be usable by the fault handler */
	for (i = 0; i < 6; i++) {
		if (i == EMUL_CS)
			continue;
		emul_null_seg(sel[i], &s);
		if (i == EMUL_SS)
			s.ar |= cpl << AR_DPL_SHIFT;
		ctx->ops->set_seg(ctx, i, &s);
	}
	ctx->cpl = cpl;
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		rc = load_segment(ctx, order[i], sel[order[i]], cpl);
		if (rc)
			return rc;
	}
	return EMUL_OK;
}

/* The new task's state, from its TSS in @buf (T2) */
static int load_task(struct emul_ctx *ctx, const struct tss_format *t,
		     const u8 *buf, u64 nt, bool has_error, u32 error)
{
	u16 sel[6] = { 0 };
	struct emul_frame f;
	unsigned int i;
	int rc;

	ctx->next_rip = tss_get(buf, t->ip, t->size);
	ctx->new_rflags = (tss_get(buf, t->flags, t->size) &
			   (FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT |
			    FL_RF | FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID)) |
			  FL_FIXED | nt;
	for (i = 0; i < 8; i++)
		reg_set(ctx, i, t->size,
			tss_get(buf, t->regs + i * t->size, t->size));
	for (i = 0; i < t->nr_segs; i++)
		sel[i] = (u16)tss_get(buf, t->segs + i * t->size, 2);

	if (t->cr3 && ctx->ops->get_cr(ctx, 0) & CR0_PG) {
		rc = ctx->ops->set_cr(ctx, 3, tss_get(buf, t->cr3, 4));
		if (rc)
			return rc;
	}
	rc = load_ldt(ctx, (u16)tss_get(buf, t->ldt, 2));
	if (!rc)
		rc = load_segments(ctx, sel);
	if (rc)
		return rc;
	if (has_error) {
		emul_frame_current(ctx, &f, t->size);
		rc = emul_frame_push(ctx, &f, error);
		if (rc)
			return rc;
		emul_frame_commit(ctx, &f, false);
	}
	if (ctx->mode == EMUL_MODE_PROT) {
		struct emul_seg cs;

		ctx->ops->get_seg(ctx, EMUL_CS, &cs);
		rc = emul_check_target(ctx, &cs, ctx->next_rip);
		if (rc)
			return rc;
	}
	if (t->trap && buf[t->trap] & 1) {
		emul_set_fault(ctx, VEC_DB, false, 0);
		ctx->fault.address = 1u << 15;	/* DR6.BT */
		ctx->fault.trap = true;
		return EMUL_FAULT;
	}
	return EMUL_OK;
}

/* @from, @flags: where and with which flags the old task will go on */
int emul_do_task_switch(struct emul_ctx *ctx, u16 sel,
			enum emul_task_cause cause, bool has_error, u32 error,
			u64 from, u64 flags)
{
	bool nests = cause != EMUL_TASK_IRET && cause != EMUL_TASK_JMP;
	const struct tss_format *t;
	struct emul_desc desc, old_desc;
	struct emul_seg tr, old;
	u8 buf[TSS_BYTES];
	unsigned int len;
	u16 link;
	int rc;

	ctx->trap = EMUL_TRAP_NONE;

	rc = new_tss(ctx, sel, cause, &desc, &tr);
	if (rc)
		return rc;
	t = format_of(tr.ar);
	len = t->min_limit + 1u;
	ctx->ops->get_seg(ctx, EMUL_TR, &old);
	rc = emul_read_desc(ctx, old.sel, VEC_TS, old.sel & ~3u, &old_desc);
	if (!rc)
		rc = emul_la_read(ctx, tr.base, buf, len, EMUL_ACC_SYSTEM);
	if (!rc && nests)
		rc = emul_la_probe(ctx, tr.base, 2,
				   EMUL_ACC_SYSTEM | EMUL_ACC_WRITE);
	if (rc)
		return rc;

	if (cause == EMUL_TASK_IRET)
		flags &= ~(u64)FL_NT;
	rc = save_task(ctx, &old, from, flags);
	if (rc)
		return rc;
	if (cause == EMUL_TASK_IRET || cause == EMUL_TASK_JMP) {
		rc = emul_clear_busy(ctx, &old_desc);
		if (rc)
			return rc;
		/* a task that jumps to itself */
		if (old_desc.la == desc.la)
			desc.low = old_desc.low;
	}
	if (nests) {
		link = old.sel;
		rc = emul_la_write(ctx, tr.base, &link, 2, EMUL_ACC_SYSTEM);
		if (rc)
			return rc;
	}
	if (cause != EMUL_TASK_IRET) {
		rc = emul_set_busy(ctx, &desc);
		if (rc)
			return rc;
	}
	tr.ar |= 2;
	ctx->ops->set_seg(ctx, EMUL_TR, &tr);
	ctx->ops->end_local_bp(ctx);	/* SDM 3B 18.2.4 */
	rc = ctx->ops->set_cr(ctx, 0, ctx->ops->get_cr(ctx, 0) | CR0_TS);
	if (!rc)
		rc = load_task(ctx, t, buf, nests ? FL_NT : 0, has_error,
			       error);
	if (rc == EMUL_FAULT) {
		/* the new task's fault: its state is the one in force */
		ctx->rip = ctx->next_rip;
		ctx->rflags = ctx->new_rflags;
		ctx->dirty |= EMUL_DIRTY_RIP | EMUL_DIRTY_RFLAGS;
	}
	return rc;
}

int emul_task_switch(struct emul_ctx *ctx, u16 sel, enum emul_task_cause cause,
		     bool has_error, u32 error)
{
	u64 flags = ctx->rflags;
	unsigned int tries;
	int rc = EMUL_RETRY;

	/* a fault has set it (SDM 3B 18.3.1.1); an instruction is over */
	if (cause != EMUL_TASK_GATE)
		flags &= ~(u64)FL_RF;
	for (tries = 0; tries < EMUL_EVENT_TRIES && rc == EMUL_RETRY; tries++) {
		emul_begin_event(ctx);
		rc = emul_do_task_switch(ctx, sel, cause, has_error, error,
					 ctx->rip, flags);
	}
	return emul_end_event(ctx, rc);
}
