// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions about descriptors: LAR, LSL, VERR, VERW, ARPL, and the
 * registers LDTR and TR (SDM 3A 5.10).
 */
#include "internal.h"

/* Was the descriptor read? A #GP for a bad selector only says that it was not */
static bool was_read(struct emul_ctx *ctx, int *rc)
{
	if (*rc == EMUL_FAULT && ctx->fault.vector == VEC_GP) {
		*rc = EMUL_OK;
		return false;
	}
	return *rc == EMUL_OK;
}

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
	return was_read(ctx, rc);
}

/*
 * What has 16 bytes has to have them: call gates in long mode, LDT and TSS in
 * 64-bit mode (SDM 3A 5.8.3.1, 7.2.3).
 */
static bool whole(struct emul_ctx *ctx, u16 sel, struct emul_desc *desc, int *rc)
{
	unsigned int type = desc_ar(desc) & AR_TYPE;

	if (!is_long(ctx) && !(type == SYS_CALL32 && is_lma(ctx)))
		return true;
	*rc = emul_read_desc_high(ctx, sel, VEC_GP, 0, desc);
	return was_read(ctx, rc);
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

/* The descriptor that the operand selects: *ok if there is one to be seen */
static int find(struct emul_ctx *ctx, u64 *sel, struct emul_desc *desc, bool *ok)
{
	int rc;

	rc = get_selector(ctx, sel);
	if (rc)
		return rc;
	*ok = look_up(ctx, (u16)*sel, desc, &rc);
	if (*ok)
		*ok = visible(ctx, (u16)*sel, desc_ar(desc));
	return rc;
}

/* LAR and, with fn 1, LSL */
int emul_x_lar(struct emul_ctx *ctx)
{
	/*
	 * Types of system descriptors: SDM 2A tables 3-53 and 3-56. The former has
	 * no LDT for LAR in IA-32e mode; the latter has it for LSL, and AMD's
	 * manual for both.
	 */
	static const u16 types[2][2] = {
		/* without and in IA-32e mode */
		{ BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(9) |
		  BIT(11) | BIT(12), BIT(2) | BIT(9) | BIT(11) | BIT(12) },
		{ BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(11),
		  BIT(2) | BIT(9) | BIT(11) },
	};
	unsigned int fn = ctx->d.op->fn;
	struct emul_desc desc;
	struct emul_seg s;
	bool ok;
	u64 sel;
	int rc;

	rc = find(ctx, &sel, &desc, &ok);
	if (rc)
		return rc;
	if (ok && !(desc_ar(&desc) & AR_S)) {
		ok = types[fn][is_lma(ctx)] >> (desc_ar(&desc) & AR_TYPE) & 1 &&
		     whole(ctx, (u16)sel, &desc, &rc);
		if (rc)
			return rc;
	}
	if (ok) {
		emul_desc_seg(&desc, 0, &s);
		reg_set(ctx, ctx->d.reg, ctx->d.opsize,
			fn ? s.limit : desc.low >> 32 & 0x00ffff00);
	}
	return set_zf(ctx, ok);
}

/* VERR: data, or code that can be read. With fn 1 VERW: writable data */
int emul_x_verr(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	u32 kind;
	bool ok;
	u64 sel;
	int rc;

	rc = find(ctx, &sel, &desc, &ok);
	if (rc)
		return rc;
	if (ok) {
		kind = desc_ar(&desc) & (AR_S | AR_CODE | AR_WRITE);
		ok = ctx->d.op->fn ? kind == (AR_S | AR_WRITE) :
		     kind & AR_S && kind != (AR_S | AR_CODE);
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

/* SLDT, STR: 16 bits to memory, zero-extended to a register; fn: segment */
int emul_x_sldt(struct emul_ctx *ctx)
{
	struct emul_seg s;

	if (ctx->cpl && ctx->ops->get_cr(ctx, 4) & CR4_UMIP)
		return fault_gp(ctx, 0);
	ctx->ops->get_seg(ctx, ctx->d.op->fn, &s);
	return emul_put(ctx, OPN_E, ctx->d.has_mem ? 2 : ctx->d.opsize, s.sel);
}

/*
 * An LDT or TSS descriptor from the GDT, all 16 bytes of it in long mode.
 * @types: bits of those allowed
 */
static int read_system_desc(struct emul_ctx *ctx, u16 sel, unsigned int types,
			    struct emul_desc *desc, struct emul_seg *s)
{
	u32 error = sel & ~3u;
	int rc;

	if (sel & 4)
		return fault_gp(ctx, error);
	rc = emul_read_desc(ctx, sel, VEC_GP, error, desc);
	if (rc)
		return rc;
	if (is_lma(ctx)) {
		rc = emul_read_desc_high(ctx, sel, VEC_GP, error, desc);
		if (rc)
			return rc;
	}
	emul_desc_seg(desc, sel, s);
	if (s->ar & AR_S || !(types >> (s->ar & AR_TYPE) & 1))
		return fault_gp(ctx, error);
	if (!(s->ar & AR_P))
		return emul_set_fault(ctx, VEC_NP, true, error);
	if (is_long(ctx) && !emul_is_canonical(ctx, s->base))
		return fault_gp(ctx, error);
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
	if (sel & ~3ULL)
		rc = read_system_desc(ctx, (u16)sel, BIT(SYS_LDT), &desc, &s);
	else
		emul_null_seg((u16)sel, &s);
	if (!rc)
		ctx->ops->set_seg(ctx, EMUL_LDTR, &s);
	return rc;
}

int emul_x_ltr(struct emul_ctx *ctx)
{
	struct emul_desc desc;
	struct emul_seg s;
	u64 sel;
	int rc;

	rc = get_selector(ctx, &sel);
	if (rc)
		return rc;
	if (!(sel & ~3ULL))
		return fault_gp(ctx, 0);
	rc = read_system_desc(ctx, (u16)sel, BIT(SYS_TSS32) |
			      (is_lma(ctx) ? 0 : BIT(SYS_TSS16)), &desc, &s);
	if (!rc)
		rc = emul_set_busy(ctx, &desc);
	if (rc)
		return rc;
	s.ar |= 2;
	ctx->ops->set_seg(ctx, EMUL_TR, &s);
	return EMUL_OK;
}
