// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMX moves and EMMS. The MMX registers are the mantissas of the physical x87
 * registers; every instruction but EMMS marks all of them valid and makes the
 * first one the top of the stack (SDM 3A table 13-1).
 */
#include "fpu.h"

#define TAGS_VALID	0xff
#define TAGS_EMPTY	0x00

/* SDM 3A table 13-1, 13.2: EM, TS, then what x87 instructions left */
static int check_mmx(struct emul_ctx *ctx)
{
	u64 cr0 = ctx->ops->get_cr(ctx, 0);

	if (ctx->d.vex || cr0 & CR0_EM)
		return fault_ud(ctx);
	return cr0 & CR0_TS ? fault_nm(ctx) : emul_x87_pending(ctx);
}

/* TOP becomes 0: from then on register @n of the image is MM@n */
static void leave_x87(struct emul_ctx *ctx, u8 tags)
{
	u8 head[FX_MXCSR];
	u16 fsw;

	ctx->ops->fx_get(ctx, head, 0, sizeof(head));
	memcpy(&fsw, head + FX_FSW, 2);
	fsw &= ~(7u << FSW_TOP_SHIFT);
	memcpy(head + FX_FSW, &fsw, 2);
	head[FX_FTW] = tags;
	emul_x87_set_head(ctx, head);
}

static u64 mm_get(struct emul_ctx *ctx, unsigned int n)
{
	u16 fsw;
	u64 val;

	ctx->ops->fx_get(ctx, &fsw, FX_FSW, 2);
	n = (n - (fsw >> FSW_TOP_SHIFT)) & 7;
	ctx->ops->fx_get(ctx, &val, FX_ST + 16 * n, 8);
	return val;
}

/* Exponent and sign become ones (SDM 1 9.6.2) */
static void mm_set(struct emul_ctx *ctx, unsigned int n, u64 val)
{
	u8 reg[16] = { [8] = 0xff, [9] = 0xff };

	leave_x87(ctx, TAGS_VALID);
	memcpy(reg, &val, 8);
	ctx->ops->fx_set(ctx, reg, FX_ST + 16 * (n & 7), sizeof(reg));
}

/*
 * MOVD and MOVQ between MM and r/m, MOVQ between MM and MM or memory, MOVNTQ.
 * fn: FN_MMX_*.
 */
int emul_x_mmx_move(struct emul_ctx *ctx)
{
	unsigned int fn = ctx->d.op->fn, size = 8;
	bool rm_is_mm = !(fn & FN_MMX_GPR) && !ctx->d.has_mem;
	u64 val;
	int rc;

	rc = check_mmx(ctx);
	if (rc)
		return rc;
	if (fn & FN_MMX_GPR && !(ctx->d.rex & 8))
		size = 4;
	if (fn & FN_MMX_STORE) {
		val = mm_get(ctx, ctx->d.reg);
		if (rm_is_mm)
			mm_set(ctx, ctx->d.rm, val);
		else
			rc = emul_put(ctx, OPN_E, size, val);
		if (!rc)
			leave_x87(ctx, TAGS_VALID);
		return rc;
	}
	if (rm_is_mm)
		val = mm_get(ctx, ctx->d.rm);
	else
		rc = emul_get(ctx, OPN_E, size, &val);
	if (!rc)
		mm_set(ctx, ctx->d.reg, val);
	return rc;
}

/* MOVQ2DQ and MOVDQ2Q also need what SSE2 instructions need */
static int check_both(struct emul_ctx *ctx)
{
	if (!(ctx->ops->get_cr(ctx, 4) & CR4_OSFXSR))
		return fault_ud(ctx);
	return check_mmx(ctx);
}

int emul_x_movq2dq(struct emul_ctx *ctx)
{
	u64 val[2] = { 0 };
	int rc = check_both(ctx);

	if (rc)
		return rc;
	val[0] = mm_get(ctx, ctx->d.rm);
	leave_x87(ctx, TAGS_VALID);
	ctx->ops->vec_set(ctx, ctx->d.reg, val, sizeof(val), false);
	return EMUL_OK;
}

int emul_x_movdq2q(struct emul_ctx *ctx)
{
	u64 val[2];
	int rc = check_both(ctx);

	if (rc)
		return rc;
	ctx->ops->vec_get(ctx, ctx->d.rm, val, sizeof(val));
	mm_set(ctx, ctx->d.reg, val[0]);
	return EMUL_OK;
}

int emul_x_emms(struct emul_ctx *ctx)
{
	int rc = check_mmx(ctx);

	if (!rc)
		leave_x87(ctx, TAGS_EMPTY);
	return rc;
}
