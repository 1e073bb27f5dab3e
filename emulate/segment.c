// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment registers: descriptors, the checks of a load, and the instructions
 * that move selectors (SDM 3A 3.4, 5.6, 5.7; SDM 2B MOV).
 */
#include "internal.h"

static int fault_sel(struct emul_ctx *ctx, u8 vector, u32 error)
{
	return emul_set_fault(ctx, vector, true, error);
}

/* Address of the descriptor, all @len bytes of which have to be in its table */
static int locate(struct emul_ctx *ctx, u16 sel, unsigned int len, u8 vector,
		  u32 error, u64 *la)
{
	u32 at = sel & ~7u, limit;
	u64 base;

	if (sel & 4) {
		struct emul_seg ldt;

		ctx->ops->get_seg(ctx, EMUL_LDTR, &ldt);
		if (ldt.ar & AR_UNUSABLE)
			return fault_sel(ctx, vector, error);
		base = ldt.base;
		limit = ldt.limit;
	} else {
		struct emul_table gdt;

		ctx->ops->get_gdt(ctx, &gdt);
		base = gdt.base;
		limit = gdt.limit;
	}
	if (at + len - 1 > limit)
		return fault_sel(ctx, vector, error);
	*la = is_lma(ctx) ? base + at : (u32)(base + at);
	return EMUL_OK;
}

/*
 * Read the descriptor that @sel names. @vector and @error: the exception if it
 * lies outside its table.
 */
int emul_read_desc(struct emul_ctx *ctx, u16 sel, u8 vector, u32 error,
		   struct emul_desc *desc)
{
	int rc;

	rc = locate(ctx, sel, 8, vector, error, &desc->la);
	if (rc)
		return rc;
	desc->high = 0;
	return emul_la_read(ctx, desc->la, &desc->low, 8, EMUL_ACC_SYSTEM);
}

/*
 * The second half of a 16-byte descriptor: those of LDTs, TSSs and call gates in
 * long mode. Its type field has to be zero (SDM 3A table 3-2).
 */
int emul_read_desc_high(struct emul_ctx *ctx, u16 sel, u8 vector, u32 error,
			struct emul_desc *desc)
{
	int rc;

	rc = locate(ctx, sel, 16, vector, error, &desc->la);
	if (!rc)
		rc = emul_la_read(ctx, desc->la + 8, &desc->high, 8,
				  EMUL_ACC_SYSTEM);
	if (!rc && desc->high >> 40 & 0x1f)
		rc = fault_sel(ctx, vector, error);
	desc->high &= 0xffffffff;
	return rc;
}

/*
 * Set bits in the type of a descriptor in memory: of that which was checked. If
 * another vCPU has changed it meanwhile, EMUL_RETRY asks for new checks.
 */
static int set_type(struct emul_ctx *ctx, struct emul_desc *desc, u64 set)
{
	u64 found = desc->low, new = desc->low | set << 40;
	int rc;

	if (new == found)
		return EMUL_OK;
	rc = emul_la_cmpxchg(ctx, desc->la, &found, &new, 8, EMUL_ACC_SYSTEM);
	if (rc == EMUL_OK)
		desc->low = new;
	return rc;
}

int emul_set_accessed(struct emul_ctx *ctx, struct emul_desc *desc)
{
	return set_type(ctx, desc, AR_ACCESSED);
}

/* One that another vCPU has made busy is to be found busy by new checks */
int emul_set_busy(struct emul_ctx *ctx, struct emul_desc *desc)
{
	return set_type(ctx, desc, 2);
}

/* Of a task that is left: whatever else is in its descriptor stays */
int emul_clear_busy(struct emul_ctx *ctx, struct emul_desc *desc)
{
	unsigned int tries;
	u64 new;
	int rc;

	for (tries = 0; tries < 64; tries++) {
		new = desc->low & ~(2ULL << 40);
		if (new == desc->low)
			return EMUL_OK;
		rc = emul_la_cmpxchg(ctx, desc->la, &desc->low, &new, 8,
				     EMUL_ACC_SYSTEM);
		if (rc == EMUL_OK)
			desc->low = new;
		if (rc != EMUL_RETRY)
			return rc;
	}
	return EMUL_RETRY;
}

void emul_desc_seg(const struct emul_desc *desc, u16 sel, struct emul_seg *s)
{
	u64 d = desc->low;

	s->base = (d >> 16 & 0xffffff) | (d >> 56) << 24 | desc->high << 32;
	s->limit = (u32)(d & 0xffff) | (u32)(d >> 48 & 15) << 16;
	s->ar = desc_ar(desc);
	if (s->ar & AR_G)
		s->limit = s->limit << 12 | 0xfff;
	s->sel = sel;
}

void emul_null_seg(u16 sel, struct emul_seg *s)
{
	s->base = 0;
	s->limit = 0;
	s->ar = AR_UNUSABLE;
	s->sel = sel;
}

/* SDM 3B 21.2.1 */
void emul_v86_seg(u16 sel, struct emul_seg *s)
{
	s->base = (u64)sel << 4;
	s->limit = 0xffff;
	s->ar = 0xf3;
	s->sel = sel;
}

/*
 * Would SS take this selector at @cpl? @bad: the vector for what is wrong with
 * it (#GP, or #TS when it comes from a TSS); @ext: bit 0 of error codes.
 */
int emul_check_ss(struct emul_ctx *ctx, u16 sel, unsigned int cpl, u8 bad,
		  u32 ext, struct emul_seg *s)
{
	u32 error = (sel & ~3u) | ext, ar;
	struct emul_desc desc;
	int rc;

	if (!(sel & ~3u))
		return fault_sel(ctx, bad, ext);
	rc = emul_read_desc(ctx, sel, bad, error, &desc);
	if (rc)
		return rc;
	ar = desc_ar(&desc);
	if ((sel & 3) != cpl || AR_DPL(ar) != cpl ||
	    (ar & (AR_S | AR_CODE | AR_WRITE)) != (AR_S | AR_WRITE))
		return fault_sel(ctx, bad, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_SS, error);
	rc = emul_set_accessed(ctx, &desc);
	emul_desc_seg(&desc, sel, s);
	return rc;
}

/* The same for ES, DS, FS and GS */
int emul_check_data_seg(struct emul_ctx *ctx, enum emul_segreg seg, u16 sel,
			unsigned int cpl, u8 bad, struct emul_seg *s)
{
	struct emul_desc desc;
	u32 ar, error = sel & ~3u;
	int rc;

	if (!error) {
		emul_null_seg(sel, s);
		return EMUL_OK;
	}
	rc = emul_read_desc(ctx, sel, bad, error, &desc);
	if (rc)
		return rc;
	ar = desc_ar(&desc);
	/* data, or code that can be read */
	if (!(ar & AR_S) || (ar & (AR_CODE | AR_WRITE)) == AR_CODE)
		return fault_sel(ctx, bad, error);
	/* privilege does not matter for conforming code */
	if ((ar & (AR_CODE | AR_EXPDOWN)) != (AR_CODE | AR_EXPDOWN) &&
	    ((sel & 3) > AR_DPL(ar) || cpl > AR_DPL(ar)))
		return fault_sel(ctx, bad, error);
	if (!(ar & AR_P))
		return fault_sel(ctx, VEC_NP, error);
	rc = emul_set_accessed(ctx, &desc);
	emul_desc_seg(&desc, sel, s);
	return rc;
}

/* Check and load any segment register but CS */
int emul_load_seg(struct emul_ctx *ctx, enum emul_segreg seg, u16 sel)
{
	struct emul_seg s;
	int rc;

	if (ctx->mode == EMUL_MODE_VM86) {
		emul_v86_seg(sel, &s);
	} else if (ctx->mode == EMUL_MODE_REAL) {
		/* limit and rights stay ("unreal mode" depends on it) */
		ctx->ops->get_seg(ctx, seg, &s);
		if (s.ar & AR_UNUSABLE) {
			s.ar = 0x93;
			s.limit = 0xffff;
		}
		s.base = (u64)sel << 4;
		s.sel = sel;
	} else if (seg == EMUL_SS) {
		/* 64-bit mode has a null SS below CPL 3 (SDM 3A 5.4.1.1) */
		if (!(sel & ~3u) && is_long(ctx) && ctx->cpl != 3 &&
		    (sel & 3) == ctx->cpl) {
			emul_null_seg(sel, &s);
			s.ar |= ctx->cpl << AR_DPL_SHIFT;
		} else {
			rc = emul_check_ss(ctx, sel, ctx->cpl, VEC_GP, 0, &s);
			if (rc)
				return rc;
		}
	} else {
		rc = emul_check_data_seg(ctx, seg, sel, ctx->cpl, VEC_GP, &s);
		if (rc)
			return rc;
	}
	ctx->ops->set_seg(ctx, seg, &s);
	return EMUL_OK;
}

/* Load CS, all checks done; mode and operand size follow from it */
void emul_set_cs(struct emul_ctx *ctx, const struct emul_seg *cs)
{
	bool lma = is_lma(ctx);

	ctx->ops->set_seg(ctx, EMUL_CS, cs);
	if (ctx->mode == EMUL_MODE_REAL || ctx->mode == EMUL_MODE_VM86)
		return;
	if (lma && cs->ar & AR_L) {
		ctx->mode = EMUL_MODE_LONG;
		ctx->code_size = 8;
	} else {
		ctx->mode = EMUL_MODE_PROT;
		ctx->code_size = cs->ar & AR_DB ? 4 : 2;
	}
}

int emul_x_mov_from_seg(struct emul_ctx *ctx)
{
	unsigned int seg = ctx->d.reg & 7;
	struct emul_seg s;

	if (seg > EMUL_GS)
		return fault_ud(ctx);
	ctx->ops->get_seg(ctx, seg, &s);
	/* 16 bits go to memory, whatever the operand size (SDM 2B MOV) */
	return emul_put(ctx, OPN_E, ctx->d.has_mem ? 2 : ctx->d.opsize, s.sel);
}

int emul_x_mov_to_seg(struct emul_ctx *ctx)
{
	unsigned int seg = ctx->d.reg & 7;
	u64 sel;
	int rc;

	if (seg > EMUL_GS || seg == EMUL_CS)
		return fault_ud(ctx);
	rc = emul_get(ctx, OPN_E, 2, &sel);
	if (!rc)
		rc = emul_load_seg(ctx, seg, (u16)sel);
	if (!rc && seg == EMUL_SS)
		ctx->shadow = EMUL_SHADOW_MOV_SS;
	return rc;
}

/* fn: segment. The upper bytes of a wide slot are not written. */
int emul_x_push_seg(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	struct emul_stack st;
	struct emul_seg s;
	int rc;

	ctx->ops->get_seg(ctx, ctx->d.op->fn, &s);
	emul_stack_get(ctx, &st);
	if (size == 4) {
		emul_stack_move(&st, -4);
		rc = emul_mem_write(ctx, EMUL_SS, st.sp & size_mask(st.width),
				    &s.sel, 2, 2);
	} else {
		rc = emul_push(ctx, &st, s.sel, size);
	}
	if (!rc)
		emul_stack_set(ctx, &st);
	return rc;
}

int emul_x_pop_seg(struct emul_ctx *ctx)
{
	unsigned int seg = ctx->d.op->fn;
	struct emul_stack st;
	u64 sel = 0;
	int rc;

	emul_stack_get(ctx, &st);
	rc = emul_mem_read(ctx, EMUL_SS, st.sp & size_mask(st.width), &sel, 2,
			   2, 0);
	if (!rc)
		rc = emul_load_seg(ctx, seg, (u16)sel);
	if (rc)
		return rc;
	emul_stack_move(&st, ctx->d.opsize);
	emul_stack_set(ctx, &st);
	if (seg == EMUL_SS)
		ctx->shadow = EMUL_SHADOW_MOV_SS;
	return EMUL_OK;
}

/* LDS, LES, LFS, LGS, LSS; fn: segment */
int emul_x_load_far_pointer(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 off, sel;
	int rc;

	rc = emul_operand_item(ctx, 0, size, &off);
	if (!rc)
		rc = emul_operand_item(ctx, size, 2, &sel);
	if (!rc)
		rc = emul_load_seg(ctx, ctx->d.op->fn, (u16)sel);
	if (!rc)
		reg_set(ctx, ctx->d.reg, size, off);
	return rc;
}
