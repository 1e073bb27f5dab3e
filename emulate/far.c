// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far jumps, calls and returns (SDM 3A 5.8; SDM 2A CALL, JMP; SDM 2B RET).
 */
#include "internal.h"

static int fault_sel(struct emul_ctx *ctx, u8 vector, u32 error)
{
	return emul_set_fault(ctx, vector, true, error);
}

/* Real and virtual-8086 mode: no descriptor, no privilege */
static int far_real(struct emul_ctx *ctx, u16 sel, u64 off, bool is_call)
{
	unsigned int size = ctx->d.opsize;
	struct emul_frame f;
	struct emul_seg cs;
	u16 old;
	int rc;

	ctx->ops->get_seg(ctx, EMUL_CS, &cs);
	old = cs.sel;
	if (ctx->mode == EMUL_MODE_VM86) {
		emul_v86_seg(sel, &cs);
	} else {
		cs.base = (u64)sel << 4;
		cs.sel = sel;
	}
	if (off > cs.limit)
		return fault_gp(ctx, 0);
	if (is_call) {
		emul_frame_current(ctx, &f, size);
		rc = emul_frame_push(ctx, &f, old);
		if (!rc)
			rc = emul_frame_push(ctx, &f, ctx->next_rip);
		if (rc)
			return rc;
		emul_frame_commit(ctx, &f, false);
	}
	emul_set_cs(ctx, &cs);
	ctx->next_rip = off;
	return EMUL_OK;
}

/* Code that runs in 64-bit mode must not ask for 32-bit operands as well */
static bool bad_code64(struct emul_ctx *ctx, u32 ar)
{
	return (ar & (AR_L | AR_DB)) == (AR_L | AR_DB) && is_lma(ctx);
}

/* Push the return address on @f and go to @cs:@off */
static int enter(struct emul_ctx *ctx, struct emul_frame *f, bool new_ss,
		 const struct emul_seg *cs, u64 off)
{
	struct emul_seg old;
	int rc;

	if (f) {
		ctx->ops->get_seg(ctx, EMUL_CS, &old);
		rc = emul_frame_push(ctx, f, old.sel);
		if (!rc)
			rc = emul_frame_push(ctx, f, ctx->next_rip);
		if (rc)
			return rc;
	}
	rc = emul_check_target(ctx, cs, off);
	if (rc)
		return rc;
	if (f)
		emul_frame_commit(ctx, f, new_ss);
	emul_set_cs(ctx, cs);
	ctx->next_rip = off;
	return EMUL_OK;
}

/* Straight to a code segment: the privilege level stays */
static int far_code(struct emul_ctx *ctx, u16 sel, struct emul_desc *desc,
		    u64 off, bool is_call)
{
	u32 ar = desc_ar(desc), error = sel & ~3u;
	struct emul_frame f;
	struct emul_seg cs;
	int rc;

	if (!(ar & AR_CODE) || bad_code64(ctx, ar))
		return fault_sel(ctx, VEC_GP, error);
	if (ar & AR_EXPDOWN ? AR_DPL(ar) > ctx->cpl :	/* conforming */
	    (sel & 3) > ctx->cpl || AR_DPL(ar) != ctx->cpl)
		return fault_sel(ctx, VEC_GP, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	rc = emul_set_accessed(ctx, desc);
	if (rc)
		return rc;
	emul_desc_seg(desc, (sel & ~3u) | ctx->cpl, &cs);
	if (!(is_lma(ctx) && ar & AR_L))
		off = (u32)off;
	if (!is_call)
		return enter(ctx, NULL, false, &cs, off);
	emul_frame_current(ctx, &f, ctx->d.opsize);
	/* CPUs push as the mode that is gone to does */
	f.width = is_lma(ctx) && ar & AR_L ? 8 : f.ss.ar & AR_DB ? 4 : 2;
	return enter(ctx, &f, false, &cs, off);
}

/* The stack of an inner level, with the parameters copied onto it */
static int inner_stack(struct emul_ctx *ctx, struct emul_frame *f,
		       unsigned int cpl, unsigned int size,
		       unsigned int params)
{
	struct emul_frame outer;
	struct emul_seg ss;
	u64 val, sp;
	u16 sel;
	int rc;

	rc = emul_tss_stack(ctx, cpl, 0, &sel, &sp);
	if (rc)
		return rc;
	if (size == 8) {
		emul_null_seg(sel, &ss);
		ss.ar |= cpl << AR_DPL_SHIFT;
	} else {
		rc = emul_check_ss(ctx, sel, cpl, VEC_TS, 0, &ss);
		if (rc)
			return rc;
	}
	emul_frame_current(ctx, &outer, size);
	emul_frame_new(ctx, f, &ss, sp, size, cpl);
	rc = emul_frame_push(ctx, f, outer.ss.sel);
	if (!rc)
		rc = emul_frame_push(ctx, f, ctx->regs[EMUL_RSP]);
	if (rc || size == 8)
		return rc;
	/* the last parameter is pushed first */
	outer.sp += params * size;
	while (params--) {
		struct emul_frame at = outer;

		at.sp -= size;
		outer.sp = at.sp;
		rc = emul_frame_pop(ctx, &at, &val);
		if (!rc)
			rc = emul_frame_push(ctx, f, val);
		if (rc)
			return rc;
	}
	return EMUL_OK;
}

static int far_gate(struct emul_ctx *ctx, u16 sel, struct emul_desc *gate,
		    bool is_call)
{
	bool lma = is_lma(ctx), inner;
	u32 ar, error = sel & ~3u, type = desc_ar(gate) & AR_TYPE;
	unsigned int size = lma ? 8 : type == SYS_CALL32 ? 4 : 2, dpl;
	u16 target = gate->low >> 16 & 0xffff;
	u64 off = (gate->low & 0xffff) | (gate->low >> 48) << 16;
	struct emul_desc desc;
	struct emul_frame f;
	struct emul_seg cs;
	int rc;

	if (lma) {
		rc = emul_read_desc_high(ctx, sel, VEC_GP, error, gate);
		if (rc)
			return rc;
		off |= gate->high << 32;
	} else if (size == 2) {
		off &= 0xffff;
	}
	if (!(target & ~3u))
		return fault_gp(ctx, 0);
	error = target & ~3u;
	rc = emul_read_desc(ctx, target, VEC_GP, error, &desc);
	if (rc)
		return rc;
	ar = desc_ar(&desc);
	dpl = AR_DPL(ar);
	if ((ar & (AR_S | AR_CODE)) != (AR_S | AR_CODE) || dpl > ctx->cpl ||
	    (lma && (ar & (AR_L | AR_DB)) != AR_L))
		return fault_sel(ctx, VEC_GP, error);
	if (!is_call && !(ar & AR_EXPDOWN) && dpl != ctx->cpl)
		return fault_sel(ctx, VEC_GP, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	inner = is_call && !(ar & AR_EXPDOWN) && dpl < ctx->cpl;
	rc = emul_set_accessed(ctx, &desc);
	if (rc)
		return rc;
	emul_desc_seg(&desc, error | (inner ? dpl : ctx->cpl), &cs);
	if (!is_call)
		return enter(ctx, NULL, false, &cs, off);
	if (inner) {
		rc = inner_stack(ctx, &f, dpl, size, gate->low >> 32 & 31);
		if (rc)
			return rc;
	} else {
		emul_frame_current(ctx, &f, size);
		if (size == 8)
			f.width = 8;
	}
	rc = enter(ctx, &f, inner, &cs, off);
	if (!rc && inner)
		ctx->cpl = dpl;
	return rc;
}

static int far_system(struct emul_ctx *ctx, u16 sel, struct emul_desc *desc,
		      bool is_call)
{
	u32 ar = desc_ar(desc), error = sel & ~3u;
	unsigned int type = ar & AR_TYPE;
	bool lma = is_lma(ctx);

	if (type != SYS_CALL32 &&
	    (lma || (type != SYS_CALL16 && type != SYS_TASK &&
		     type != SYS_TSS16 && type != SYS_TSS32)))
		return fault_sel(ctx, VEC_GP, error);
	if (AR_DPL(ar) < ctx->cpl || AR_DPL(ar) < (sel & 3))
		return fault_sel(ctx, VEC_GP, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	if (type == SYS_CALL32 || type == SYS_CALL16)
		return far_gate(ctx, sel, desc, is_call);
	if (type == SYS_TASK)
		sel = desc->low >> 16 & 0xffff;
	return emul_do_task_switch(ctx, sel, is_call ? EMUL_TASK_CALL :
				   EMUL_TASK_JMP, false, 0, ctx->next_rip,
				   ctx->rflags & ~(u64)FL_RF);
}

static int far_transfer(struct emul_ctx *ctx, u16 sel, u64 off, bool is_call)
{
	struct emul_desc desc;
	int rc;

	if (!is_prot(ctx))
		return far_real(ctx, sel, off, is_call);
	if (!(sel & ~3u))
		return fault_gp(ctx, 0);
	rc = emul_read_desc(ctx, sel, VEC_GP, sel & ~3u, &desc);
	if (rc)
		return rc;
	if (desc_ar(&desc) & AR_S)
		return far_code(ctx, sel, &desc, off, is_call);
	return far_system(ctx, sel, &desc, is_call);
}

static int far_indirect(struct emul_ctx *ctx, bool is_call)
{
	u64 off, sel;
	int rc;

	rc = emul_operand_item(ctx, 0, ctx->d.opsize, &off);
	if (!rc)
		rc = emul_operand_item(ctx, ctx->d.opsize, 2, &sel);
	return rc ? rc : far_transfer(ctx, (u16)sel, off, is_call);
}

int emul_x_jmp_far(struct emul_ctx *ctx)
{
	return far_transfer(ctx, ctx->d.imm2, ctx->d.imm, false);
}

int emul_x_jmp_far_ind(struct emul_ctx *ctx)
{
	return far_indirect(ctx, false);
}

int emul_x_call_far(struct emul_ctx *ctx)
{
	return far_transfer(ctx, ctx->d.imm2, ctx->d.imm, true);
}

int emul_x_call_far_ind(struct emul_ctx *ctx)
{
	return far_indirect(ctx, true);
}
