// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bit tests and scans, CRC32, and the general-register instructions of ADX,
 * BMI1 and BMI2. What not every CPU has is computed in C.
 */
#include "internal.h"

static void set_flag(struct emul_ctx *ctx, u32 flag, bool on)
{
	if (on)
		ctx->new_rflags |= flag;
	else
		ctx->new_rflags &= ~(u64)flag;
}

/* SF and ZF by the result; the others cleared, AF and PF as CPUs do it */
static void logic_flags(struct emul_ctx *ctx, u64 val, unsigned int size)
{
	set_flag(ctx, FL_ARITH, false);
	set_flag(ctx, FL_ZF, !(val & size_mask(size)));
	set_flag(ctx, FL_SF, val >> (8 * size - 1) & 1);
}

/*
 * BT, BTS, BTR, BTC. With a register for the bit number memory is a string of
 * bits that extends in both directions (SDM 1 3.1.1.9).
 */
int emul_x_bt(struct emul_ctx *ctx)
{
	const struct emul_opcode *op = ctx->d.op;
	unsigned int size = ctx->d.opsize, width = 8 * size;
	u64 bit, val, ea = ctx->d.ea, mask;
	struct emul_rmw rmw;
	int rc;

	rc = emul_get(ctx, op->src, size, &bit);
	if (rc)
		return rc;
	if (ctx->d.has_mem && op->src == OPN_G) {
		s64 at = (s64)sign_extend(bit, size);

		/* restored below: emul_continue() starts from it again */
		ctx->d.ea = (ea + (u64)(at >> 3 & -(s64)size)) &
			    size_mask(ctx->d.asize);
	}
	mask = 1ULL << (bit & (width - 1));

	if (op->fn == FN_BT) {
		rc = emul_get(ctx, OPN_E, size, &val);
		ctx->d.ea = ea;
		if (!rc)
			set_flag(ctx, FL_CF, val & mask);
		return rc;
	}
	rc = emul_rmw_begin(ctx, OPN_E, size, ctx->d.lock, &rmw);
	ctx->d.ea = ea;
	if (rc)
		return rc;
	do {
		set_flag(ctx, FL_CF, rmw.old & mask);
		val = op->fn == FN_BTS ? rmw.old | mask :
		      op->fn == FN_BTR ? rmw.old & ~mask : rmw.old ^ mask;
		rc = emul_rmw_end(ctx, &rmw, val);
	} while (rc == EMUL_YIELD);
	return rc;
}

static unsigned int popcount(u64 val)
{
	unsigned int n;

	for (n = 0; val; n++)
		val &= val - 1;
	return n;
}

int emul_x_bitscan(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, fn = ctx->d.op->fn;
	u64 src, dst = ctx->regs[ctx->d.reg];
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	/* without them it is the same opcode with a REP that does not count */
	if ((fn == FN_TZCNT && !ctx->ops->has(ctx, EMUL_HAS_BMI1)) ||
	    (fn == FN_LZCNT && !ctx->ops->has(ctx, EMUL_HAS_LZCNT)))
		fn += FN_BSF - FN_TZCNT;
	if (fn == FN_POPCNT) {
		dst = popcount(src);
		ctx->new_rflags &= ~(u64)FL_ARITH;
		set_flag(ctx, FL_ZF, !src);
	} else {
		dst = emul_bitscan(fn, size, dst, src, &ctx->new_rflags);
		if (fn <= FN_BSR && !src) {
			/* left as it is, the upper half included */
			return EMUL_OK;
		}
	}
	reg_set(ctx, ctx->d.reg, size, dst);
	return EMUL_OK;
}

/* SDM 2A CRC32: polynomial 11EDC6F41, bits reflected. fn: 1 = byte source */
int emul_x_crc32(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.op->fn ? 1 : ctx->d.opsize, bits;
	u32 crc = (u32)ctx->regs[ctx->d.reg];
	u64 src;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	for (bits = 8 * size; bits; bits--) {
		bool odd = (crc ^ src) & 1;

		crc = crc >> 1 ^ (odd ? 0x82f63b78u : 0);
		src >>= 1;
	}
	reg_set(ctx, ctx->d.reg, 8, crc);
	return EMUL_OK;
}

/* ADCX, and with fn 1 ADOX */
int emul_x_adx(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.rex & 8 ? 8 : 4;
	u32 flag = ctx->d.op->fn ? FL_OF : FL_CF;
	u64 src, dst, sum;
	bool carry;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	dst = reg_get(ctx, ctx->d.reg, size);
	sum = dst + src;
	carry = (sum & size_mask(size)) < src;
	if (ctx->rflags & flag) {
		sum++;
		carry |= !(sum & size_mask(size));
	}
	set_flag(ctx, flag, carry);
	reg_set(ctx, ctx->d.reg, size, sum);
	return EMUL_OK;
}

int emul_x_andn(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	val &= ~reg_get(ctx, ctx->d.vvvv, size);
	logic_flags(ctx, val, size);
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

/* BLSR, BLSMSK, BLSI */
int emul_x_bls(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, fn = ctx->d.op->fn;
	u64 src, val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	val = fn == 1 ? src & (src - 1) : fn == 2 ? src ^ (src - 1) :
	      src & -src;
	val &= size_mask(size);
	logic_flags(ctx, val, size);
	set_flag(ctx, FL_CF, fn == 3 ? !!src : !src);
	if (fn == 2)
		set_flag(ctx, FL_ZF, false);
	reg_set(ctx, ctx->d.vvvv, size, val);
	return EMUL_OK;
}

int emul_x_bextr(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, start, len;
	u64 val, how = ctx->regs[ctx->d.vvvv];
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	start = how & 0xff;
	len = how >> 8 & 0xff;
	val = start < 64 ? val >> start : 0;
	if (len < 64)
		val &= (1ULL << len) - 1;
	set_flag(ctx, FL_ARITH, false);
	set_flag(ctx, FL_ZF, !val);
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

int emul_x_bzhi(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	unsigned int n = ctx->regs[ctx->d.vvvv] & 0xff;
	u64 val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	if (n < 8 * size)
		val &= (1ULL << n) - 1;
	logic_flags(ctx, val, size);
	set_flag(ctx, FL_CF, n >= 8 * size);
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

int emul_x_pdep(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 src = reg_get(ctx, ctx->d.vvvv, size), mask, val = 0;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &mask);
	if (rc)
		return rc;
	for (; mask; mask &= mask - 1, src >>= 1)
		if (src & 1)
			val |= mask & -mask;
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

int emul_x_pext(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 src = reg_get(ctx, ctx->d.vvvv, size), mask, val = 0, to = 1;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &mask);
	if (rc)
		return rc;
	for (; mask; mask &= mask - 1, to <<= 1)
		if (src & mask & -mask)
			val |= to;
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

/* No flags; if both destinations are one register it gets the high half */
int emul_x_mulx(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize;
	u64 src, lo, hi, fl = 0;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &src);
	if (rc)
		return rc;
	emul_mul(false, size, reg_get(ctx, EMUL_RDX, size), src, &lo, &hi, &fl);
	reg_set(ctx, ctx->d.vvvv, size, lo);
	reg_set(ctx, ctx->d.reg, size, hi);
	return EMUL_OK;
}

/* fn: 1 SHLX, 2 SARX, 3 SHRX */
int emul_x_shiftx(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, fn = ctx->d.op->fn;
	unsigned int n = ctx->regs[ctx->d.vvvv] & (8 * size - 1);
	u64 val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	if (fn == 1)
		val <<= n;
	else if (fn == 2)
		val = (u64)((s64)sign_extend(val, size) >> n);
	else
		val >>= n;
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}

int emul_x_rorx(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize, width = 8 * size;
	unsigned int n = ctx->d.imm & (width - 1);
	u64 val;
	int rc;

	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	if (n)
		val = val >> n | val << (width - n);
	reg_set(ctx, ctx->d.reg, size, val);
	return EMUL_OK;
}
