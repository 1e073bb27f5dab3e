// SPDX-License-Identifier: GPL-2.0-only
/*
 * x87 control and state: the forms that operating systems use to initialise,
 * save and restore, and FXSAVE and FXRSTOR. Nothing is computed.
 */
#include "fpu.h"

#define FSW_SUMMARY	0x8080u	/* ES and B */
#define FSW_ERRORS	0x003fu

/* For all but FWAIT (SDM 3A table 2-2) */
static int check_x87(struct emul_ctx *ctx)
{
	if (ctx->ops->get_cr(ctx, 0) & (CR0_EM | CR0_TS))
		return fault_nm(ctx);
	return EMUL_OK;
}

/*
 * An unmasked exception that waits is #MF; with CR0.NE clear it would be
 * an external interrupt, which is not emulated.
 */
int emul_x87_pending(struct emul_ctx *ctx)
{
	u16 fsw;

	ctx->ops->fx_get(ctx, &fsw, FX_FSW, 2);
	if (!(fsw & 0x80))
		return EMUL_OK;
	if (!(ctx->ops->get_cr(ctx, 0) & CR0_NE))
		return EMUL_UNHANDLED;
	return emul_set_fault(ctx, VEC_MF, false, 0);
}

/* ES and B follow from errors and masks */
static u16 summary(u16 fsw, u16 fcw)
{
	fsw &= ~FSW_SUMMARY;
	if (fsw & ~fcw & FSW_ERRORS)
		fsw |= FSW_SUMMARY;
	return fsw;
}

int emul_x_fwait(struct emul_ctx *ctx)
{
	u64 cr0 = ctx->ops->get_cr(ctx, 0);

	if ((cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		return fault_nm(ctx);
	return emul_x87_pending(ctx);
}

/*
 * Store the first 24 bytes of an image. The registers stand in it relative to
 * the top of the stack: if that moves they have to be turned round.
 */
void emul_x87_set_head(struct emul_ctx *ctx, const u8 *head)
{
	u8 st[8 * 16], turned[8 * 16], old;
	unsigned int by, i;

	ctx->ops->fx_get(ctx, &old, FX_FSW + 1, 1);
	ctx->ops->fx_set(ctx, head, 0, FX_MXCSR);
	by = ((head[FX_FSW + 1] >> 3) - (old >> 3)) & 7;
	if (!by)
		return;
	ctx->ops->fx_get(ctx, st, FX_ST, sizeof(st));
	for (i = 0; i < 8; i++)
		memcpy(turned + 16 * i, st + 16 * ((i + by) & 7), 16);
	ctx->ops->fx_set(ctx, turned, FX_ST, sizeof(turned));
}

static void init(struct emul_ctx *ctx)
{
	static const u8 head[FX_MXCSR] = { 0x7f, 0x03 };

	emul_x87_set_head(ctx, head);
}

int emul_x_fninit(struct emul_ctx *ctx)
{
	int rc = check_x87(ctx);

	if (!rc)
		init(ctx);
	return rc;
}

int emul_x_fnclex(struct emul_ctx *ctx)
{
	int rc = check_x87(ctx);
	u16 fsw;

	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, &fsw, FX_FSW, 2);
	fsw &= 0x7f00;
	ctx->ops->fx_set(ctx, &fsw, FX_FSW, 2);
	return EMUL_OK;
}

/* fn: offset in the image; FNSTCW, FNSTSW */
int emul_x_fnstcw(struct emul_ctx *ctx)
{
	int rc = check_x87(ctx);
	u16 val;

	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, &val, ctx->d.op->fn, 2);
	if (ctx->d.has_mem)
		return emul_mem_write(ctx, ctx->d.seg, ctx->d.ea, &val, 2, 2);
	reg_set(ctx, EMUL_RAX, 2, val);
	return EMUL_OK;
}

int emul_x_fldcw(struct emul_ctx *ctx)
{
	int rc = check_x87(ctx);
	u16 fcw, fsw;

	if (!rc)
		rc = emul_x87_pending(ctx);
	if (!rc)
		rc = emul_mem_read(ctx, ctx->d.seg, ctx->d.ea, &fcw, 2, 2, 0);
	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, &fsw, FX_FSW, 2);
	fsw = summary(fsw, fcw);
	fcw = (fcw & 0x1f3f) | 0x40;
	ctx->ops->fx_set(ctx, &fcw, FX_FCW, 2);
	ctx->ops->fx_set(ctx, &fsw, FX_FSW, 2);
	return EMUL_OK;
}

/* Two tag bits a register from one: by contents (SDM 1 8.1.7, 10.5.1.1) */
static u16 full_tags(const u8 *fx)
{
	unsigned int top = fx[FX_FSW + 1] >> 3 & 7, i, tag;
	u16 tags = 0;

	for (i = 0; i < 8; i++) {
		const u8 *st = fx + FX_ST + 16 * ((i - top) & 7);
		u64 mantissa;
		u16 exponent;

		memcpy(&mantissa, st, 8);
		memcpy(&exponent, st + 8, 2);
		exponent &= 0x7fff;
		if (!(fx[FX_FTW] >> i & 1))
			tag = 3;
		else if (!exponent && !mantissa)
			tag = 1;
		else if (exponent && exponent != 0x7fff && mantissa >> 63)
			tag = 0;
		else
			tag = 2;
		tags |= tag << 2 * i;
	}
	return tags;
}

static u8 short_tags(u16 tags)
{
	unsigned int i;
	u8 res = 0;

	for (i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != 3)
			res |= 1u << i;
	return res;
}

/* Linear addresses instead of selectors: SDM 1 figures 8-9 to 8-12 */
static bool real_format(const struct emul_ctx *ctx)
{
	return !is_prot(ctx);
}

/* The environment in the operand size's format; returns its length */
static unsigned int put_env(struct emul_ctx *ctx, const u8 *fx, u8 *env)
{
	u32 fip, fdp, word[7], i;
	u16 fcw, fsw, fop, fcs, fds;

	memcpy(&fcw, fx + FX_FCW, 2);
	memcpy(&fsw, fx + FX_FSW, 2);
	memcpy(&fop, fx + FX_FOP, 2);
	memcpy(&fip, fx + FX_FIP, 4);
	memcpy(&fdp, fx + FX_FDP, 4);
	memcpy(&fcs, fx + FX_FCS, 2);
	memcpy(&fds, fx + FX_FDS, 2);
	fop &= 0x7ff;

	word[0] = fcw;
	word[1] = fsw;
	word[2] = full_tags(fx);
	if (real_format(ctx)) {
		fip += (u32)fcs << 4;
		fdp += (u32)fds << 4;
		word[3] = fip & 0xffff;
		word[5] = fdp & 0xffff;
		if (ctx->d.opsize == 2) {
			word[4] = (fip >> 4 & 0xf000) | fop;
			word[6] = fdp >> 4 & 0xf000;
		} else {
			word[4] = (fip >> 16) << 12 | fop;
			word[6] = (fdp >> 16) << 12;
		}
	} else {
		word[3] = fip;
		word[4] = fcs;
		word[5] = fdp;
		word[6] = fds;
		if (ctx->d.opsize != 2)
			word[4] |= (u32)fop << 16;
	}
	if (ctx->d.opsize == 2) {
		for (i = 0; i < 7; i++)
			memcpy(env + 2 * i, &word[i], 2);
		return 14;
	}
	/* what is unused in a double word reads as ones */
	word[0] |= 0xffff0000;
	word[1] |= 0xffff0000;
	word[2] |= 0xffff0000;
	if (!real_format(ctx)) {
		word[6] |= 0xffff0000;
	} else {
		word[3] |= 0xffff0000;
		word[5] |= 0xffff0000;
	}
	memcpy(env, word, 28);
	return 28;
}

static void take_env(struct emul_ctx *ctx, u8 *fx, const u8 *env)
{
	u32 word[7] = { 0 }, fip, fdp, i;
	u16 fcw, fsw, fop = 0, fcs = 0, fds = 0;

	if (ctx->d.opsize == 2) {
		for (i = 0; i < 7; i++)
			memcpy(&word[i], env + 2 * i, 2);
	} else {
		memcpy(word, env, 28);
	}
	fcw = (word[0] & 0x1f3f) | 0x40;
	fsw = summary((u16)word[1], fcw);
	if (real_format(ctx)) {
		fop = word[4] & 0x7ff;
		if (ctx->d.opsize == 2) {
			fip = word[3] | (word[4] & 0xf000) << 4;
			fdp = word[5] | (word[6] & 0xf000) << 4;
		} else {
			fip = (word[3] & 0xffff) | word[4] >> 12 << 16;
			fdp = (word[5] & 0xffff) | word[6] >> 12 << 16;
		}
	} else {
		fip = word[3];
		fdp = word[5];
		fcs = (u16)word[4];
		fds = (u16)word[6];
		if (ctx->d.opsize != 2)
			fop = word[4] >> 16 & 0x7ff;
	}
	memset(fx, 0, FX_MXCSR);
	memcpy(fx + FX_FCW, &fcw, 2);
	memcpy(fx + FX_FSW, &fsw, 2);
	fx[FX_FTW] = short_tags((u16)word[2]);
	memcpy(fx + FX_FOP, &fop, 2);
	memcpy(fx + FX_FIP, &fip, 4);
	memcpy(fx + FX_FCS, &fcs, 2);
	memcpy(fx + FX_FDP, &fdp, 4);
	memcpy(fx + FX_FDS, &fds, 2);
}

/* CPUs look at the last byte of these large operands first */
static int touch_last(struct emul_ctx *ctx, u64 la, unsigned int len,
		      unsigned int access)
{
	la += len - 1;
	if (!is_long(ctx))
		la = (u32)la;
	return emul_la_probe(ctx, la, 1, access | acc_user(ctx));
}

static int env_address(struct emul_ctx *ctx, unsigned int len,
		       unsigned int access, u64 *la)
{
	int rc;

	rc = emul_linear(ctx, ctx->d.seg, ctx->d.ea, len,
			 ctx->d.opsize == 2 ? 2 : 4, access, la);
	return rc ? rc : touch_last(ctx, *la, len, access);
}

/* FNSTENV and, with fn 1, FNSAVE */
int emul_x_fnstenv(struct emul_ctx *ctx)
{
	u8 fx[FX_XMM], out[28 + 80];
	unsigned int len, i;
	u16 fcw, fsw;
	u64 la;
	int rc;

	rc = check_x87(ctx);
	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, fx, 0, sizeof(fx));
	len = put_env(ctx, fx, out);
	if (ctx->d.op->fn) {
		for (i = 0; i < 8; i++, len += 10)
			memcpy(out + len, fx + FX_ST + 16 * i, 10);
	}
	rc = env_address(ctx, len, EMUL_ACC_WRITE, &la);
	if (!rc)
		rc = emul_la_write(ctx, la, out, len, acc_user(ctx));
	if (rc)
		return rc;
	if (ctx->d.op->fn) {
		init(ctx);
		return EMUL_OK;
	}
	/* all exceptions are masked then */
	memcpy(&fcw, fx + FX_FCW, 2);
	memcpy(&fsw, fx + FX_FSW, 2);
	fcw |= FSW_ERRORS;
	fsw = summary(fsw, fcw);
	ctx->ops->fx_set(ctx, &fcw, FX_FCW, 2);
	ctx->ops->fx_set(ctx, &fsw, FX_FSW, 2);
	return EMUL_OK;
}

/* FLDENV and, with fn 1, FRSTOR */
int emul_x_fldenv(struct emul_ctx *ctx)
{
	unsigned int env = ctx->d.opsize == 2 ? 14 : 28, i;
	unsigned int len = env + (ctx->d.op->fn ? 80 : 0);
	u8 fx[FX_XMM], in[28 + 80];
	u64 la;
	int rc;

	rc = check_x87(ctx);
	if (!rc)
		rc = emul_x87_pending(ctx);
	if (!rc)
		rc = env_address(ctx, len, 0, &la);
	if (!rc)
		rc = emul_la_read(ctx, la, in, len, acc_user(ctx));
	if (rc)
		return rc;
	take_env(ctx, fx, in);
	emul_x87_set_head(ctx, fx);
	if (!ctx->d.op->fn)
		return EMUL_OK;
	for (i = 0; i < 8; i++) {
		memset(fx, 0, 16);
		memcpy(fx, in + env + 10 * i, 10);
		ctx->ops->fx_set(ctx, fx, FX_ST + 16 * i, 16);
	}
	return EMUL_OK;
}

/* Address of the 512-byte area, which has to be aligned */
static int fx_area(struct emul_ctx *ctx, unsigned int access, u64 *la)
{
	int rc;

	rc = check_x87(ctx);
	if (!rc)
		rc = emul_require_align(ctx, ctx->d.seg, ctx->d.ea, 16);
	if (!rc)
		rc = emul_linear(ctx, ctx->d.seg, ctx->d.ea, FX_SIZE, 1, access,
				 la);
	return rc ? rc : touch_last(ctx, *la, FX_SIZE, access);
}

/* How much of the image the mode knows: XMM8 and up are of 64-bit mode */
static unsigned int fx_bytes(const struct emul_ctx *ctx)
{
	return is_long(ctx) ? FX_BYTES : FX_XMM + 8 * 16;
}

int emul_x_fxsave(struct emul_ctx *ctx)
{
	unsigned int access = acc_user(ctx);
	u8 fx[FX_BYTES];
	u64 la;
	int rc;

	rc = fx_area(ctx, EMUL_ACC_WRITE, &la);
	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, fx, 0, sizeof(fx));
	if (!(ctx->d.rex & 8)) {	/* the upper halves are FCS and FDS */
		memset(fx + FX_FCS + 2, 0, 2);
		memset(fx + FX_FDS + 2, 0, 2);
	}
	return emul_la_write(ctx, la, fx, fx_bytes(ctx), access);
}

int emul_x_fxrstor(struct emul_ctx *ctx)
{
	u32 mxcsr, mask;
	u8 fx[FX_BYTES];
	unsigned int i;
	u16 fcw, fsw;
	u64 la;
	int rc;

	rc = fx_area(ctx, 0, &la);
	if (!rc)
		rc = emul_la_read(ctx, la, fx, sizeof(fx), acc_user(ctx));
	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, &mask, FX_MXCSR_MASK, 4);
	memcpy(&mxcsr, fx + FX_MXCSR, 4);
	if (mxcsr & ~(mask ? mask : 0xffbfu))
		return fault_gp(ctx, 0);
	memcpy(fx + FX_MXCSR_MASK, &mask, 4);
	memcpy(&fcw, fx + FX_FCW, 2);
	memcpy(&fsw, fx + FX_FSW, 2);
	fcw = (fcw & 0x1f3f) | 0x40;
	fsw = summary(fsw, fcw);
	memcpy(fx + FX_FCW, &fcw, 2);
	memcpy(fx + FX_FSW, &fsw, 2);
	fx[FX_FTW + 1] = 0;
	fx[FX_FOP + 1] &= 7;
	if (!(ctx->d.rex & 8)) {
		memset(fx + FX_FCS + 2, 0, 2);
		memset(fx + FX_FDS + 2, 0, 2);
	} else {	/* they become canonical */
		memset(fx + FX_FIP + 6, (s8)fx[FX_FIP + 5] >> 7, 2);
		memset(fx + FX_FDP + 6, (s8)fx[FX_FDP + 5] >> 7, 2);
	}
	for (i = 0; i < 8; i++)
		memset(fx + FX_ST + 16 * i + 10, 0, 6);
	ctx->ops->fx_set(ctx, fx, 0, fx_bytes(ctx));
	return EMUL_OK;
}

static int check_sse(struct emul_ctx *ctx)
{
	u64 cr0 = ctx->ops->get_cr(ctx, 0);

	if (cr0 & CR0_EM || !(ctx->ops->get_cr(ctx, 4) & CR4_OSFXSR))
		return fault_ud(ctx);
	return cr0 & CR0_TS ? fault_nm(ctx) : EMUL_OK;
}

int emul_x_ldmxcsr(struct emul_ctx *ctx)
{
	u32 mxcsr, mask;
	int rc;

	rc = check_sse(ctx);
	if (!rc)
		rc = emul_mem_read(ctx, ctx->d.seg, ctx->d.ea, &mxcsr, 4, 4, 0);
	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, &mask, FX_MXCSR_MASK, 4);
	if (mxcsr & ~(mask ? mask : 0xffbfu))
		return fault_gp(ctx, 0);
	ctx->ops->fx_set(ctx, &mxcsr, FX_MXCSR, 4);
	return EMUL_OK;
}

int emul_x_stmxcsr(struct emul_ctx *ctx)
{
	u32 mxcsr;
	int rc;

	rc = check_sse(ctx);
	if (rc)
		return rc;
	ctx->ops->fx_get(ctx, &mxcsr, FX_MXCSR, 4);
	return emul_mem_write(ctx, ctx->d.seg, ctx->d.ea, &mxcsr, 4, 4);
}
