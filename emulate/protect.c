// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions about descriptors: LAR, LSL, VERR, VERW, ARPL, and the
 * registers LDTR and TR (SDM 3A 5.10).
 */
#include "internal.h"

/*
 * Read a descriptor without faulting for a bad selector: false if there is
 * none. *rc is set where memory could not be read.
 */
static bool look_up(struct emul_ctx *ctx, u16 sel, struct emul_desc *desc,
		    int *rc)
{
	*rc = EMUL_OK;
	if (!(sel & ~3u))
		return false;
	*rc = emul_read_desc(ctx, sel, VEC_GP, 0, desc);
	if (*rc == EMUL_FAULT && ctx->fault.vector == VEC_GP) {
		*rc = EMUL_OK;
		return false;
	}
	return *rc == EMUL_OK;
}

/* Conforming code can be seen from everywhere */
static bool visible(const struct emul_ctx *ctx, u16 sel, u32 ar)
{
	if ((ar & (AR_S | AR_CODE | AR_EXPDOWN)) ==
	    (AR_S | AR_CODE | AR_EXPDOWN))
		return true;
	return (sel & 3) <= AR_DPL(ar) && ctx->cpl <= AR_DPL(ar);
}

static int set_zf(struct emul_ctx *ctx, bool on)
{
	ctx->new_rflags = (ctx->rflags & ~(u64)FL_ZF) | (on ? FL_ZF : 0);
	return EMUL_OK;
}

static int get_selector(struct emul_ctx *ctx, u64 *sel)
{
	return emul_get(ctx, OPN_E, 2, sel);
}

/* SDM 2A table 3-53; the second line is for IA-32e mode */
#define LAR_TYPES	(BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(9) | \
			 BIT(11) | BIT(12))
#define LAR_TYPES_LMA	(BIT(2) | BIT(9) | BIT(11) | BIT(12))
#define LSL_TYPES	(BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(11))
#define LSL_TYPES_LMA	(BIT(2) | BIT(9) | BIT(11))

int emul_x_lar(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	u64 sel;
	u32 ar;
	bool ok;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	ok = look_up(ctx, (u16)sel, &desc, &rc);
	if (rc)
		return rc;
	if (ok) {
		ar = desc_ar(&desc);
		ok = visible(ctx, (u16)sel, ar) &&
		     (ar & AR_S || BIT(ar & AR_TYPE) &
		      (is_lma(ctx) ? LAR_TYPES_LMA : LAR_TYPES));
	}
	if (ok)
		reg_set(ctx, ctx->d.reg, ctx->d.opsize,
			desc.low >> 32 & 0x00ffff00);
	return set_zf(ctx, ok);
}

int emul_x_lsl(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	struct emul_seg s;
	u64 sel;
	bool ok;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	ok = look_up(ctx, (u16)sel, &desc, &rc);
	if (rc)
		return rc;
	if (ok) {
		emul_desc_seg(&desc, (u16)sel, &s);
		ok = visible(ctx, (u16)sel, s.ar) &&
		     (s.ar & AR_S || BIT(s.ar & AR_TYPE) &
		      (is_lma(ctx) ? LSL_TYPES_LMA : LSL_TYPES));
	}
	if (ok)
		reg_set(ctx, ctx->d.reg, ctx->d.opsize, s.limit);
	return set_zf(ctx, ok);
}

/* fn: 0 VERR, 1 VERW */
int emul_x_verr(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	u64 sel;
	u32 ar;
	bool ok;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	ok = look_up(ctx, (u16)sel, &desc, &rc);
	if (rc)
		return rc;
	if (ok) {
		ar = desc_ar(&desc);
		ok = ar & AR_S && visible(ctx, (u16)sel, ar);
		if (ctx->d.op->fn)
			ok = ok && (ar & (AR_CODE | AR_WRITE)) == AR_WRITE;
		else
			ok = ok && (ar & (AR_CODE | AR_WRITE)) != AR_CODE;
	}
	return set_zf(ctx, ok);
}

/* The destination is written only if it changes */
int emul_x_arpl(struct emul_ctx *ctx)
{
	u64 rpl = reg_get(ctx, ctx->d.reg, 2) & 3, sel;
	bool raise;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	raise = (sel & 3) < rpl;
	if (raise)
		rc = emul_put(ctx, OPN_E, 2, (sel & ~3ULL) | rpl);
	return rc ? rc : set_zf(ctx, raise);
}

/* SLDT, STR: 16 bits to memory, zero-extended to a register */
static int store_selector(struct emul_ctx *ctx, enum emul_segreg seg)
{
	struct emul_seg s;

	if (ctx->cpl && ctx->ops->get_cr(ctx, 4) & CR4_UMIP)
		return fault_gp(ctx, 0);
	ctx->ops->get_seg(ctx, seg, &s);
	return emul_put(ctx, OPN_E, ctx->d.has_mem ? 2 : ctx->d.opsize, s.sel);
}

int emul_x_sldt(struct emul_ctx *ctx)
{
	return store_selector(ctx, EMUL_LDTR);
}

int emul_x_str(struct emul_ctx *ctx)
{
	return store_selector(ctx, EMUL_TR);
}

/* An LDT or TSS descriptor from the GDT, all 16 bytes of it in long mode */
static int read_system_desc(struct emul_ctx *ctx, u16 sel,
			    struct emul_desc *desc)
{
	struct emul_table gdt;
	int rc;

	if (sel & 4)
		return fault_gp(ctx, sel & ~3u);
	rc = emul_read_desc(ctx, sel, VEC_GP, sel & ~3u, desc);
	if (rc || !is_lma(ctx))
		return rc;
	ctx->ops->get_gdt(ctx, &gdt);
	if ((sel & ~7u) + 15 > gdt.limit)
		return fault_gp(ctx, sel & ~3u);
	rc = emul_read_desc_high(ctx, desc);
	if (rc)
		return rc;
	/* the type field of the second half has to be zero */
	if (desc->high >> 40 & 0x1f)
		return fault_gp(ctx, sel & ~3u);
	desc->high &= 0xffffffff;
	return EMUL_OK;
}

int emul_x_lldt(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	struct emul_seg s;
	u64 sel;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	if (sel & ~3ULL) {
		rc = read_system_desc(ctx, (u16)sel, &desc);
		if (rc)
			return rc;
		emul_desc_seg(&desc, (u16)sel, &s);
		if ((s.ar & (AR_S | AR_TYPE)) != SYS_LDT)
			return fault_gp(ctx, sel & ~3u);
		if (!(s.ar & AR_P))
			return emul_set_fault(ctx, VEC_NP, true, sel & ~3u);
		if (is_long(ctx) && !emul_is_canonical(ctx, s.base))
			return fault_gp(ctx, sel & ~3u);
	} else {
		emul_null_seg((u16)sel, &s);
	}
	ctx->ops->set_seg(ctx, EMUL_LDTR, &s);
	return EMUL_OK;
}

int emul_x_ltr(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	struct emul_seg s;
	unsigned int type;
	u64 sel;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	if (!(sel & ~3ULL))
		return fault_gp(ctx, 0);
	rc = read_system_desc(ctx, (u16)sel, &desc);
	if (rc)
		return rc;
	type = desc_ar(&desc) & (AR_S | AR_TYPE);
	if (type != SYS_TSS32 && (type != SYS_TSS16 || is_lma(ctx)))
		return fault_gp(ctx, sel & ~3u);
	if (!(desc_ar(&desc) & AR_P))
		return emul_set_fault(ctx, VEC_NP, true, sel & ~3u);
	emul_desc_seg(&desc, (u16)sel, &s);
	if (is_long(ctx) && !emul_is_canonical(ctx, s.base))
		return fault_gp(ctx, sel & ~3u);
	rc = emul_set_busy(ctx, &desc, true);
	if (rc)
		return rc;
	s.ar |= 2;
	ctx->ops->set_seg(ctx, EMUL_TR, &s);
	return EMUL_OK;
}
