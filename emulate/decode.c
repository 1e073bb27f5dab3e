// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instruction decoder (SDM 2, chapter 2 and appendix A).
 *
 * The bytes are decoded from ctx->insn without looking at how many are valid;
 * the buffer has slack for the longest thing that can be read in vain. Only at
 * the end the length is compared with what is there: if bytes were missing
 * they are fetched and the work starts again, which happens for instructions
 * that cross a page.
 */
#include "decode.h"

/* Fetch up to @want bytes in all; at least one more than there are */
static int fetch_more(struct emul_ctx *ctx, unsigned int want)
{
	unsigned int access = EMUL_ACC_FETCH | acc_user(ctx);
	unsigned int have = ctx->insn_len, len, rest;
	u64 ip = ctx->rip + have, la = ip;
	int rc;

	if (have >= EMUL_MAX_INSN)
		return fault_gp(ctx, 0);	/* SDM 2 2.3.11 */
	len = EMUL_MAX_INSN - have;
	if (is_long(ctx)) {
		if (!emul_is_canonical(ctx, ip))
			return fault_gp(ctx, 0);
	} else {
		struct emul_seg cs;

		ctx->ops->get_seg(ctx, EMUL_CS, &cs);
		ip = (u32)ip;
		if (ip > cs.limit)
			return fault_gp(ctx, 0);
		if (len - 1 > cs.limit - ip)
			len = (unsigned int)(cs.limit - ip) + 1;
		la = (u32)(cs.base + ip);
	}
	rest = page_rest(la);
	if (len > rest)
		len = rest;
	/* Beyond the first page only what is needed: it may not be there */
	if (have && len > want - have)
		len = want - have;
	rc = ctx->ops->fetch(ctx, la, ctx->insn + have, len, access);
	if (!rc)
		ctx->insn_len = have + len;
	return rc;
}

static noinline int decode_slow(struct emul_ctx *ctx)
{
	struct emul_insn *d = &ctx->d;
	const u8 *end = ctx->insn;
	unsigned int length;
	bool defined;
	int rc;

	_Static_assert(sizeof(ctx->insn) >= DECODE_OVERRUN, "too little slack");

	d->length = 0;
	for (;;) {
		defined = emul_decode_bytes(ctx, &end);
		length = end - ctx->insn;
		if (likely(length <= ctx->insn_len))
			break;
		if (length > EMUL_MAX_INSN)
			length = EMUL_MAX_INSN + 1;
		rc = fetch_more(ctx, length);
		if (rc)
			return rc;
	}
	if (unlikely(!defined))
		return fault_ud(ctx);
	d->length = length;
	if (d->vex && !is_long(ctx))
		d->vvvv &= 7;	/* the highest bit does not count */
	if (d->rip_rel) {
		d->ea += ctx->rip + length;
		if (d->asize == 4)
			d->ea = (u32)d->ea;
	}
	return EMUL_OK;
}

/* What the short way leaves to the long one */
#define A_LONG_WAY	(A_REDIRECT | A_PREFIX | A_CHECKED | A_REGONLY | \
			 A_F64 | A_D64)

/*
 * The short way, for what reaches the emulator most: at most one of 66, F2,
 * F3, perhaps REX, an opcode of the first two maps, in 32-bit and 64-bit code
 * with addresses of that size.
 *
 * It goes by the tables that emul_decode_bytes() goes by, in the same order,
 * and does less because none of its cases needs more: whatever has another
 * prefix, a size of its own or something to check is told by the attributes and
 * starts again in decode_slow(), as does what is not here to its end. So the
 * checks of length, limits and fetches are there alone.
 *
 * Its steps end in each other: none of them has to save registers. @n counts
 * the bytes that are done.
 */
static __always_inline int decode_end(struct emul_ctx *ctx, unsigned long n)
{
	if (unlikely((u8)n > ctx->insn_len))
		return decode_slow(ctx);
	ctx->d.length = n;
	return EMUL_OK;
}

static noinline int decode_immediate(struct emul_ctx *ctx, unsigned long n,
				     const struct emul_opcode *op)
{
	const u8 *p = ctx->insn + n;
	struct emul_insn *d = &ctx->d;

	if (op->imm == IMM_Z) {
		if (d->opsize == 2) {
			d->imm = (u64)(s16)load(p, 2);
			return decode_end(ctx, n + 2);
		}
		d->imm = (u64)(s32)load(p, 4);
		return decode_end(ctx, n + 4);
	}
	if (op->imm == IMM_B) {
		d->imm = (u64)(s8)*p;
		return decode_end(ctx, n + 1);
	}
	if (op->imm == IMM_O) {
		d->seg = EMUL_DS;
		d->ea = load(p, d->asize);
		return decode_end(ctx, n + d->asize);
	}
	return decode_slow(ctx);
}

/* The last steps for an operand in memory at @addr + displacement */
static __always_inline int decode_memory(struct emul_ctx *ctx, unsigned long n,
					 const struct emul_opcode *op, u64 addr)
{
	n = decode_disp(ctx, n, addr);
	if (unlikely(ctx->code_size == 4))
		ctx->d.ea = (u32)ctx->d.ea;
	if (op->imm)
		return decode_immediate(ctx, n, op);
	return decode_end(ctx, n);
}

/* Bytes that decode_immediate() will take; others do not come with ModRM */
static inline unsigned int immediate_bytes(const struct emul_insn *d,
					   unsigned int imm)
{
	if (imm == IMM_Z)
		return d->opsize == 2 ? 2 : 4;
	return imm == IMM_B;
}

static noinline int decode_operand(struct emul_ctx *ctx, unsigned long n,
				   const struct emul_opcode *op, u64 rex)
{
	struct emul_insn *d = &ctx->d;

	d->form = form(&emul_modrm[ctx->insn[n++]]) | rex;
	OPTIMIZER_HIDE_VAR(ctx);	/* see decode_sib() */
	d = &ctx->d;
	if (likely(d->kind == MODRM_BASE))
		return decode_memory(ctx, n, op, ctx->regs[d->rm]);
	if (d->kind == MODRM_SIB)
		return decode_memory(ctx, n + 1, op, decode_sib(ctx, n));
	if (d->kind == MODRM_NO_BASE) {
		if (!is_long(ctx))
			return decode_memory(ctx, n, op, 0);
		d->rip_rel = true;
		return decode_memory(ctx, n, op, ctx->rip + n + 4 +
				     immediate_bytes(d, op->imm));
	}
	if (op->imm)
		return decode_immediate(ctx, n, op);
	return decode_end(ctx, n);
}

/* Without the barrier compilers compute the address and its field apart */
static __always_inline const struct emul_opcode *
look_up(const struct emul_opcode *table, unsigned long index)
{
	const struct emul_opcode *op = table + index;

	OPTIMIZER_HIDE_VAR(op);
	return op;
}

static __always_inline int decode_fast(struct emul_ctx *ctx)
{
	struct emul_insn *d = &ctx->d;
	unsigned int size = 4;
	unsigned long b, n = 1;
	const struct emul_opcode *op;
	u64 rex = 0;
	u32 attr;

	d->flags = 0;
	d->asize = ctx->code_size;
	b = ctx->insn[0];
	op = look_up(emul_map0, b);
	attr = op->attr;
	if (attr & A_PREFIX) {
		if (!(attr & A_REX)) {
			if (b == 0x66) {
				d->has_66 = true;
				size = 2;
			} else if ((b & 0xfe) == 0xf2) {
				d->rep = b;
			} else {
				return decode_slow(ctx);
			}
			b = ctx->insn[n++];
			op = look_up(emul_map0, b);
			attr = op->attr;
		}
		if (attr & A_REX) {
			if (unlikely(!is_long(ctx)))
				return decode_slow(ctx);
			rex = form(&emul_rex[b & 7]);
			d->rex = b;
			if (unlikely(b & 8))
				size = 8;
			b = ctx->insn[n++];
			op = look_up(emul_map0, b);
			attr = op->attr;
		}
	}
	if (attr & A_LONG_WAY) {
		if (attr & A_GRP_REG) {
			op = op->sub + (ctx->insn[n] >> 3 & 7);
			attr = op->attr;
		} else if (attr & A_MAP) {
			d->map = 1;
			b = ctx->insn[n++];
			op = look_up(emul_map1, b);
			attr = op->attr;
		} else if (attr & A_GRP_64 && is_long(ctx)) {
			op = op->sub + 1;	/* MOVSXD */
			attr = op->attr;
		}
		if (unlikely(attr & A_LONG_WAY))
			return decode_slow(ctx);
	}
	d->op = op;
	d->opcode = b;
	if (unlikely(attr & A_BYTE))
		size = 1;
	d->opsize = size;

	if (attr & A_MODRM)
		return decode_operand(ctx, n, op, rex);
	d->m = emul_no_modrm;
	d->reg = (b & 7) | (d->rex << 3 & 8);
	if (op->imm)
		return decode_immediate(ctx, n, op);
	return decode_end(ctx, n);
}

static noinline int fetch_first(struct emul_ctx *ctx)
{
	int rc;

	ctx->d.length = 0;
	rc = fetch_more(ctx, 1);
	return rc ? rc : emul_decode(ctx);
}

/*
 * Bytes beyond insn_len are left over from before: they do no harm, see above.
 */
int emul_decode(struct emul_ctx *ctx)
{
	ctx->dirty = 0;
	ctx->shadow = EMUL_SHADOW_NONE;
	ctx->hit = 0;
	ctx->stop = false;
	ctx->trap = EMUL_TRAP_TF;
	ctx->io_allowed = false;
	if (unlikely(!ctx->insn_len))
		return fetch_first(ctx);
	if (unlikely(ctx->code_size < 4))
		return decode_slow(ctx);
	return decode_fast(ctx);
}
