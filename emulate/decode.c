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

/*
 * The short way for what reaches the emulator most: at most one of 66, F2, F3,
 * perhaps REX, an opcode of the first two maps with an ordinary memory operand,
 * in 32-bit and 64-bit code. Returns the length, or 0 if it is not for here.
 *
 * What is needed more than once is kept in variables: the compiler has to
 * assume that a store to one of the many small fields changes the others.
 */
static __always_inline unsigned int decode_fast(struct emul_ctx *ctx)
{
	struct emul_insn *d = &ctx->d;
	const struct emul_opcode *op;
	const u8 *p = ctx->insn;
	unsigned int b, rex = 0, size, narrow = 4, imm;
	u32 attr;

	if (unlikely(ctx->code_size < 4))
		return 0;
	d->flags = 0;
	d->map = 0;
	b = *p++;
	if ((b & 0xf0) == 0x40 && is_long(ctx)) {
		rex = b;
		d->rex = b;
		b = *p++;
	} else if (emul_map0[b].attr & A_PREFIX) {
		if (b == 0x66) {
			d->has_66 = true;
			narrow = 2;
		} else if ((b & 0xfe) == 0xf2) {
			d->rep = b;
		} else {
			return 0;
		}
		b = *p++;
		if ((b & 0xf0) == 0x40 && is_long(ctx)) {
			rex = b;
			d->rex = b;
			b = *p++;
		}
	}
	op = &emul_map0[b];
	attr = op->attr;
	if (attr & A_REDIRECT) {
		if (attr & A_MAP) {
			b = *p++;
			op = &emul_map1[b];
			attr = op->attr;
			d->map = 1;
		}
		if (attr & A_GRP_REG) {
			op = &op->sub[*p >> 3 & 7];
			attr = op->attr;
		}
	}
	if (unlikely(attr & (A_REDIRECT | A_PREFIX | A_CHECKED | A_REGONLY |
			     A_F64 | A_D64)))
		return 0;

	imm = op->imm;
	d->op = op;
	d->opcode = b;
	d->asize = ctx->code_size;
	if (attr & A_BYTE)
		size = 1;
	else
		size = rex & 8 ? 8 : narrow;
	d->opsize = size;

	if (attr & A_MODRM) {
		unsigned int modrm = *p++, base = modrm & 7;

		d->modrm = modrm;
		d->reg = (modrm >> 3 & 7) | (rex << 1 & 8);
		if (modrm >= 0xc0) {
			d->seg = 0xff;
			d->rm = base | (rex << 3 & 8);
		} else {
			unsigned int seg = EMUL_DS;
			u64 ea;

			d->has_mem = true;
			if (unlikely(base == 4)) {
				p = decode_sib(ctx, p, modrm >> 6, rex, &ea,
					       &seg);
			} else {
				if (unlikely(base == 5)) {
					if (modrm < 0x40)
						return 0;
					seg = rex & 1 ? EMUL_DS : EMUL_SS;
				}
				ea = ctx->regs[base | (rex << 3 & 8)];
			}
			d->seg = seg;
			if (modrm >= 0x80) {
				ea += (u64)(s32)load(p, 4);
				p += 4;
			} else if (modrm >= 0x40) {
				ea += (u64)(s8)*p++;
			}
			d->ea = is_long(ctx) ? ea : (u32)ea;
		}
	} else {
		d->seg = 0xff;
		d->reg = (b & 7) | (rex << 3 & 8);
	}
	if (imm) {
		if (imm == IMM_B) {
			d->imm = (u64)(s8)*p++;
		} else if (imm == IMM_Z && size != 2) {
			d->imm = (u64)(s32)load(p, 4);
			p += 4;
		} else {
			return 0;
		}
	}
	return p - ctx->insn;
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

static noinline int fetch_first(struct emul_ctx *ctx)
{
	int rc;

	ctx->d.length = 0;
	rc = fetch_more(ctx, 1);
	return rc ? rc : emul_decode(ctx);
}

/*
 * No call but the last one, so that the short way saves few registers. Bytes
 * beyond insn_len are left over from before: they do no harm, see above.
 */
int emul_decode(struct emul_ctx *ctx)
{
	unsigned int length;

	ctx->dirty = 0;
	ctx->shadow = EMUL_SHADOW_NONE;
	ctx->hit = 0;
	ctx->stop = false;
	ctx->no_trap = false;
	if (unlikely(!ctx->insn_len))
		return fetch_first(ctx);
	length = decode_fast(ctx);
	if (unlikely(length - 1 >= ctx->insn_len))	/* 0 too */
		return decode_slow(ctx);
	ctx->d.length = length;
	return EMUL_OK;
}
