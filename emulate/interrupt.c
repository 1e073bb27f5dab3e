// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of interrupts and exceptions, and the instructions that ask for it
 * (SDM 3A 6.12, 6.14; 3B 21.1.4, 21.3; SDM 2A INT n).
 */
#include "internal.h"

/* An event on its way */
struct event {
	u8 vector;
	bool software;
	bool has_error;
	u32 error;
	u32 ext;	/* bit 0 of error codes */
	u64 from;	/* address to return to */
	u64 flags;	/* image to be pushed */
};

static int fault_sel(struct emul_ctx *ctx, u8 vector, u32 error)
{
	return emul_set_fault(ctx, vector, true, error);
}

/* Error code that names an IDT entry */
static u32 idt_error(const struct event *ev)
{
	return ev->vector * 8u + 2 + ev->ext;
}

/* Through a table of far pointers, in real mode or for a VME redirection */
static int deliver_ivt(struct emul_ctx *ctx, const struct event *ev, u64 table,
		       u64 clear)
{
	struct emul_frame f;
	struct emul_seg cs;
	u16 ip, sel;
	int rc;

	rc = emul_la_read(ctx, table + ev->vector * 4u, &ip, 2,
			  EMUL_ACC_SYSTEM);
	if (!rc)
		rc = emul_la_read(ctx, table + ev->vector * 4u + 2, &sel, 2,
				  EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	ctx->ops->get_seg(ctx, EMUL_CS, &cs);
	emul_frame_current(ctx, &f, 2);
	rc = emul_frame_push(ctx, &f, ev->flags);
	if (!rc)
		rc = emul_frame_push(ctx, &f, cs.sel);
	if (!rc)
		rc = emul_frame_push(ctx, &f, ev->from);
	if (rc)
		return rc;
	if (ctx->mode == EMUL_MODE_VM86) {
		emul_v86_seg(sel, &cs);
	} else {
		cs.base = (u64)sel << 4;
		cs.sel = sel;
	}
	emul_frame_commit(ctx, &f, false);
	emul_set_cs(ctx, &cs);
	ctx->next_rip = ip;
	ctx->new_rflags = ctx->rflags & ~(clear | FL_RF);
	return EMUL_OK;
}

static int deliver_real(struct emul_ctx *ctx, const struct event *ev)
{
	struct emul_table idt;

	ctx->ops->get_idt(ctx, &idt);
	if (ev->vector * 4u + 3 > idt.limit)
		return fault_gp(ctx, 0);
	return deliver_ivt(ctx, ev, idt.base, FL_IF | FL_TF | FL_AC);
}

/* Stack of the handler when the privilege level changes or IST is used */
static int handler_stack(struct emul_ctx *ctx, const struct event *ev,
			 unsigned int cpl, unsigned int ist, unsigned int size,
			 struct emul_frame *f)
{
	struct emul_seg ss, tr;
	u16 sel = 0;
	u64 sp = 0;
	int rc;

	if (ist) {
		ctx->ops->get_seg(ctx, EMUL_TR, &tr);
		if (36 + 8 * ist - 1 > tr.limit)
			return fault_sel(ctx, VEC_TS, (tr.sel & ~3u) | ev->ext);
		rc = emul_la_read(ctx, tr.base + 28 + 8 * ist, &sp, 8,
				  EMUL_ACC_SYSTEM);
	} else {
		rc = emul_tss_stack(ctx, cpl, ev->ext, &sel, &sp);
	}
	if (rc)
		return rc;
	if (size == 8) {
		if (!emul_is_canonical(ctx, sp))
			return fault_sel(ctx, VEC_SS, ev->ext);
		emul_null_seg(cpl, &ss);
		ss.ar |= cpl << AR_DPL_SHIFT;
		sp &= ~15ULL;
	} else {
		rc = emul_check_ss(ctx, sel, cpl, VEC_TS, ev->ext, &ss);
		if (rc)
			return rc;
	}
	emul_frame_new(ctx, f, &ss, sp, size, cpl);
	f->error |= ev->ext;
	return EMUL_OK;
}

static int push_frame(struct emul_ctx *ctx, const struct event *ev,
		      struct emul_frame *f, bool with_stack)
{
	static const u8 v86_segs[] = { EMUL_GS, EMUL_FS, EMUL_DS, EMUL_ES };
	struct emul_seg s;
	unsigned int i;
	int rc = EMUL_OK;

	if (ctx->mode == EMUL_MODE_VM86) {
		for (i = 0; i < ARRAY_SIZE(v86_segs) && !rc; i++) {
			ctx->ops->get_seg(ctx, v86_segs[i], &s);
			rc = emul_frame_push(ctx, f, s.sel);
		}
	}
	if (!rc && with_stack) {
		ctx->ops->get_seg(ctx, EMUL_SS, &s);
		rc = emul_frame_push(ctx, f, s.sel);
		if (!rc)
			rc = emul_frame_push(ctx, f, ctx->regs[EMUL_RSP]);
	}
	if (!rc)
		rc = emul_frame_push(ctx, f, ev->flags);
	if (!rc) {
		ctx->ops->get_seg(ctx, EMUL_CS, &s);
		rc = emul_frame_push(ctx, f, s.sel);
	}
	if (!rc)
		rc = emul_frame_push(ctx, f, ev->from);
	if (!rc && ev->has_error)
		rc = emul_frame_push(ctx, f, ev->error);
	return rc;
}

static int deliver_gate(struct emul_ctx *ctx, const struct event *ev,
			u64 gate, u64 gate_high)
{
	unsigned int type = gate >> 40 & 15, size, ist = 0, cpl;
	bool lma = is_lma(ctx), v86 = ctx->mode == EMUL_MODE_VM86, inner, switches;
	u16 sel = gate >> 16 & 0xffff;
	u64 off = (gate & 0xffff) | (gate >> 48) << 16 | gate_high << 32;
	u32 ar, error = (sel & ~3u) | ev->ext;
	struct emul_desc desc;
	struct emul_frame f;
	struct emul_seg cs;
	unsigned int i;
	int rc;

	size = lma ? 8 : type & 8 ? 4 : 2;
	if (lma)
		ist = gate >> 32 & 7;
	if (size == 2)
		off &= 0xffff;
	if (!(sel & ~3u))
		return fault_sel(ctx, VEC_GP, ev->ext);
	rc = emul_read_desc(ctx, sel, VEC_GP, error, &desc);
	if (rc)
		return rc;
	ar = desc_ar(&desc);
	if ((ar & (AR_S | AR_CODE)) != (AR_S | AR_CODE) ||
	    AR_DPL(ar) > ctx->cpl || (lma && (ar & (AR_L | AR_DB)) != AR_L))
		return fault_sel(ctx, VEC_GP, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	cpl = ar & AR_EXPDOWN ? ctx->cpl : AR_DPL(ar);
	/* out of virtual-8086 mode only to CPL 0 */
	if (v86 && cpl)
		return fault_sel(ctx, VEC_GP, error);
	/* a stack of the IST does not change SS at the same level */
	inner = cpl != ctx->cpl;
	switches = inner || ist;
	rc = emul_set_accessed(ctx, &desc);
	if (rc)
		return rc;
	emul_desc_seg(&desc, (sel & ~3u) | cpl, &cs);

	if (switches) {
		rc = handler_stack(ctx, ev, cpl, ist, size, &f);
		if (rc)
			return rc;
	} else {
		emul_frame_current(ctx, &f, size);
		f.error = ev->ext;
		if (lma) {
			f.width = 8;
			f.sp &= ~15ULL;
		}
	}
	rc = emul_check_target(ctx, &cs, off);
	if (rc) {
		ctx->fault.error |= ev->ext;
		return rc;
	}
	rc = push_frame(ctx, ev, &f, switches || lma);
	if (rc)
		return rc;

	if (v86) {
		struct emul_seg null;

		emul_null_seg(0, &null);
		for (i = EMUL_ES; i <= EMUL_GS; i++)
			if (i != EMUL_CS && i != EMUL_SS)
				ctx->ops->set_seg(ctx, i, &null);
		ctx->mode = EMUL_MODE_PROT;
	}
	ctx->cpl = cpl;
	emul_frame_commit(ctx, &f, inner);
	emul_set_cs(ctx, &cs);
	ctx->next_rip = off;
	ctx->new_rflags = ctx->rflags &
		~(u64)(FL_TF | FL_NT | FL_RF | FL_VM | (type & 1 ? 0 : FL_IF));
	return EMUL_OK;
}

static int deliver_idt(struct emul_ctx *ctx, const struct event *ev)
{
	bool lma = is_lma(ctx);
	unsigned int len = lma ? 16 : 8, type;
	struct emul_table idt;
	u64 gate[2] = { 0, 0 };
	int rc;

	ctx->ops->get_idt(ctx, &idt);
	if (ev->vector * len + len - 1 > idt.limit)
		return fault_sel(ctx, VEC_GP, idt_error(ev));
	rc = emul_la_read(ctx, idt.base + ev->vector * len, &gate[0], 8,
			  EMUL_ACC_SYSTEM);
	if (!rc && lma)
		rc = emul_la_read(ctx, idt.base + ev->vector * len + 8,
				  &gate[1], 8, EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	type = gate[0] >> 40 & 31;
	if (type != SYS_INT32 && type != SYS_TRAP32 &&
	    (lma || (type != SYS_INT16 && type != SYS_TRAP16 &&
		     type != SYS_TASK)))
		return fault_sel(ctx, VEC_GP, idt_error(ev));
	if (ev->software && (gate[0] >> 45 & 3) < ctx->cpl)
		return fault_sel(ctx, VEC_GP, idt_error(ev));
	if (!(gate[0] >> 47 & 1))
		return fault_sel(ctx, VEC_NP, idt_error(ev));
	if (type == SYS_TASK)
		return emul_do_task_switch(ctx, gate[0] >> 16 & 0xffff,
					   ev->software ? EMUL_TASK_INT :
							  EMUL_TASK_GATE,
					   ev->has_error, ev->error, ev->from,
					   ev->flags);
	return deliver_gate(ctx, ev, gate[0], gate[1]);
}

/*
 * Deliver an event, with results in ctx->next_rip and ctx->new_rflags. @from:
 * address to return to.
 */
int emul_deliver(struct emul_ctx *ctx, u8 vector, enum emul_event event,
		 bool has_error, u32 error, u64 from)
{
	struct event ev = {
		.vector = vector,
		.software = event == EMUL_EVENT_SOFTWARE,
		.has_error = has_error && ctx->mode != EMUL_MODE_REAL,
		.error = error,
		.ext = event != EMUL_EVENT_SOFTWARE,
		.from = from,
		.flags = ctx->rflags,
	};

	/* Faults set RF in the image: the instruction is to be retried */
	if (event == EMUL_EVENT_SOFTWARE)
		ev.flags &= ~(u64)FL_RF;
	else if (event == EMUL_EVENT_EXCEPTION && vector != VEC_DB &&
		 vector != VEC_BP && vector != VEC_OF)
		ev.flags |= FL_RF;
	/* TF is clear in the handler (SDM 3A 6.12.1.3), and that is when it counts */
	ctx->trap = EMUL_TRAP_NONE;
	if (ctx->mode == EMUL_MODE_REAL)
		return deliver_real(ctx, &ev);
	return deliver_idt(ctx, &ev);
}

int emul_interrupt(struct emul_ctx *ctx, u8 vector, enum emul_event event,
		   bool has_error, u32 error)
{
	unsigned int tries;
	int rc = EMUL_RETRY;

	for (tries = 0; tries < EMUL_EVENT_TRIES && rc == EMUL_RETRY; tries++) {
		emul_begin_event(ctx);
		rc = emul_deliver(ctx, vector, event, has_error, error, ctx->rip);
	}
	return emul_end_event(ctx, rc);
}

/*
 * INT n in virtual-8086 mode with VME: a clear bit in the redirection map of
 * the TSS sends it to the 8086 program's own table (SDM 3B 21.3.3).
 */
static int redirect_v86(struct emul_ctx *ctx, u8 vector, bool *redirected)
{
	struct emul_seg tr;
	u16 iomap;
	u8 bits;
	int rc;

	*redirected = false;
	if (!(ctx->ops->get_cr(ctx, 4) & CR4_VME))
		return iopl(ctx) < 3 ? fault_gp(ctx, 0) : EMUL_OK;
	ctx->ops->get_seg(ctx, EMUL_TR, &tr);
	if (tr.limit < 103)
		return fault_gp(ctx, 0);
	rc = emul_la_read(ctx, tr.base + 102, &iomap, 2, EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	if (iomap < 32 || (u32)iomap - 32 + vector / 8 > tr.limit)
		return fault_gp(ctx, 0);
	rc = emul_la_read(ctx, tr.base + iomap - 32 + vector / 8, &bits, 1,
			  EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	if (!(bits >> (vector & 7) & 1))
		*redirected = true;
	else if (iopl(ctx) < 3)
		return fault_gp(ctx, 0);
	return EMUL_OK;
}

int emul_x_int(struct emul_ctx *ctx)
{
	u8 vector = (u8)ctx->d.imm;
	bool redirected;
	int rc;

	if (ctx->mode == EMUL_MODE_VM86) {
		rc = redirect_v86(ctx, vector, &redirected);
		if (rc)
			return rc;
		if (redirected) {
			bool virt = iopl(ctx) < 3;
			struct event ev = {
				.vector = vector,
				.from = ctx->next_rip,
				.flags = ctx->rflags,
			};

			if (virt) {	/* IOPL reads as 3, IF as VIF */
				ev.flags |= FL_IOPL;
				ev.flags &= ~(u64)FL_IF;
				if (ctx->rflags & FL_VIF)
					ev.flags |= FL_IF;
			}
			ctx->trap = EMUL_TRAP_NONE;
			return deliver_ivt(ctx, &ev, 0, FL_TF |
					   (virt ? FL_VIF : FL_IF));
		}
	}
	return emul_deliver(ctx, vector, EMUL_EVENT_SOFTWARE, false, 0,
			    ctx->next_rip);
}

int emul_x_int3(struct emul_ctx *ctx)
{
	return emul_deliver(ctx, VEC_BP, EMUL_EVENT_SOFTWARE, false, 0,
			    ctx->next_rip);
}

int emul_x_into(struct emul_ctx *ctx)
{
	if (!(ctx->rflags & FL_OF))
		return EMUL_OK;
	return emul_deliver(ctx, VEC_OF, EMUL_EVENT_SOFTWARE, false, 0,
			    ctx->next_rip);
}

/* ICEBP: a #DB without the check of the gate's DPL */
int emul_x_int1(struct emul_ctx *ctx)
{
	return emul_deliver(ctx, VEC_DB, EMUL_EVENT_HARDWARE, false, 0,
			    ctx->next_rip);
}
