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
#include "internal.h"

#define PAGE_BYTES	4096u
/* prefixes, 3 opcode bytes, ModRM, SIB, displacement, immediates */
#define MAX_OVERRUN	(EMUL_MAX_INSN + 3 + 2 + 4 + 10)

enum { DECODE_OK, DECODE_UD };

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
	rest = PAGE_BYTES - (unsigned int)(la & (PAGE_BYTES - 1));
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

static inline u64 load(const u8 *p, unsigned int len)
{
	u64 val = 0;

	switch (len) {
	case 1:
		return *p;
	case 2:
		memcpy(&val, p, 2);
		return val;
	case 4:
		memcpy(&val, p, 4);
		return val;
	default:
		memcpy(&val, p, 8);
		return val;
	}
}

/* SDM 2 table 2-1 */
static noinline const u8 *decode_mem16(struct emul_ctx *ctx, const u8 *p)
{
	static const struct {
		u8 base, index, seg;
	} form[8] = {
		{ EMUL_RBX, EMUL_RSI, EMUL_DS }, { EMUL_RBX, EMUL_RDI, EMUL_DS },
		{ EMUL_RBP, EMUL_RSI, EMUL_SS }, { EMUL_RBP, EMUL_RDI, EMUL_SS },
		{ EMUL_RSI, 0xff, EMUL_DS }, { EMUL_RDI, 0xff, EMUL_DS },
		{ EMUL_RBP, 0xff, EMUL_SS }, { EMUL_RBX, 0xff, EMUL_DS },
	};
	struct emul_insn *d = &ctx->d;
	unsigned int rm = d->modrm & 7, mod = d->modrm >> 6;
	unsigned int seg = form[rm].seg;
	u64 ea;

	if (mod == 0 && rm == 6) {
		ea = load(p, 2);
		p += 2;
		seg = EMUL_DS;
	} else {
		ea = ctx->regs[form[rm].base];
		if (form[rm].index != 0xff)
			ea += ctx->regs[form[rm].index];
		if (mod == 1) {
			ea += (u64)(s8)*p++;
		} else if (mod == 2) {
			ea += load(p, 2);
			p += 2;
		}
	}
	d->ea = (u16)ea;
	if (d->seg == 0xff)
		d->seg = seg;
	return p;
}

/* With a SIB byte (SDM 2 tables 2-3 and 2-7), up to the displacement */
static __always_inline const u8 *
decode_sib(struct emul_ctx *ctx, const u8 *p, unsigned int mod,
	   unsigned int rex, u64 *ea, unsigned int *seg)
{
	unsigned int sib = *p++, base = sib & 7;
	unsigned int index = (sib >> 3 & 7) | (rex << 2 & 8);

	*ea = index != 4 ? ctx->regs[index] << (sib >> 6) : 0;
	if (unlikely(base == 5 && mod == 0)) {
		*ea += (u64)(s32)load(p, 4);
		return p + 4;
	}
	base |= rex << 3 & 8;
	*ea += ctx->regs[base];
	if (base == EMUL_RSP || base == EMUL_RBP)
		*seg = EMUL_SS;
	return p;
}

/* SDM 2 table 2-2. The arguments are what *d has. */
static const u8 *
decode_mem(struct emul_ctx *ctx, const u8 *p, unsigned int modrm,
	   unsigned int rex, unsigned int asize)
{
	unsigned int base = modrm & 7, mod = modrm >> 6, seg = EMUL_DS;
	struct emul_insn *d = &ctx->d;
	u64 ea;

	if (base == 4) {
		d->rsp_base = (*p & 7) == 4 && !(rex & 1);
		p = decode_sib(ctx, p, mod, rex, &ea, &seg);
	} else if (unlikely(base == 5 && mod == 0)) {
		ea = (u64)(s32)load(p, 4);
		p += 4;
		d->rip_rel = is_long(ctx);
	} else {
		base |= rex << 3 & 8;
		ea = ctx->regs[base];
		if (base == EMUL_RBP)
			seg = EMUL_SS;
	}
	if (mod == 1) {
		ea += (u64)(s8)*p++;
	} else if (mod == 2) {
		ea += (u64)(s32)load(p, 4);
		p += 4;
	}
	d->ea = asize == 8 ? ea : (u32)ea;
	if (likely(d->seg == 0xff))
		d->seg = seg;
	return p;
}

static noinline const u8 *decode_imm(struct emul_insn *d, const u8 *p, unsigned int imm)
{
	unsigned int size = d->opsize;

	switch (imm) {
	case IMM_B:
		d->imm = (u64)(s8)*p++;
		break;
	case IMM_W:
		d->imm = load(p, 2);
		p += 2;
		break;
	case IMM_WB:
		d->imm = load(p, 2);
		d->imm2 = p[2];
		p += 3;
		break;
	case IMM_BB:
		d->imm = *p++;
		d->imm2 = *p++;
		break;
	case IMM_Z:
		if (size > 4)
			size = 4;
		d->imm = sign_extend(load(p, size), size);
		p += size;
		break;
	case IMM_V:
		d->imm = load(p, size);
		p += size;
		break;
	case IMM_P:
		if (size > 4)
			size = 4;
		d->imm = load(p, size);
		d->imm2 = (u16)load(p + size, 2);
		p += size + 2;
		break;
	case IMM_O:
		d->ea = load(p, d->asize);
		p += d->asize;
		if (d->seg == 0xff)
			d->seg = EMUL_DS;
		break;
	}
	return p;
}

/* Which of 66, F3, F2 selects the opcode: the latter two win (SDM 2 2.1.2) */
static inline unsigned int mandatory_prefix(const struct emul_insn *d)
{
	return d->rep ? (d->rep == 0xf3 ? 2 : 3) : d->has_66;
}

static const struct emul_opcode *const vex_maps[4] = {
	NULL, emul_vex1, emul_vex2, emul_vex3,
};

/* SDM 2 2.3.5 (VEX), 2.7.1 (EVEX); XOP as VEX, it is never executed */
static const u8 *decode_vex(struct emul_ctx *ctx, const u8 *p,
			    const struct emul_opcode **pop, bool *ud)
{
	struct emul_insn *d = &ctx->d;
	unsigned int pp, map, v;

	/* these prefixes may not stand before it */
	if (d->rex || d->rep || d->has_66 || d->lock)
		*ud = true;
	d->vex_w = 0;

	switch (d->opcode) {
	case 0xc5:
		d->vex = 1;
		v = *p++;
		d->rex = 0x40 | (~v >> 5 & 4);
		map = 1;
		break;
	case 0xc4:
	case 0x8f:
		d->vex = d->opcode == 0xc4 ? 1 : 3;
		d->rex = 0x40 | (~*p >> 5 & 7);
		map = *p++ & 0x1f;
		v = *p++;
		d->vex_w = v >> 7;
		break;
	default:
		d->vex = 2;
		d->rex = 0x40 | (~p[0] >> 5 & 7);
		if (p[0] & 8 || !(p[1] & 4))
			*ud = true;
		map = p[0] & 7;
		v = p[1];
		d->vex_w = v >> 7;
		d->evex[0] = p[0];
		d->evex[1] = p[2];
		p += 3;
		break;
	}
	d->vvvv = ~v >> 3 & 15;
	if (!is_long(ctx))
		d->rex = 0x40;	/* eight registers only */
	d->vl = d->vex == 2 ? 16 << (d->evex[1] >> 5 & 3) : v & 4 ? 32 : 16;
	pp = v & 3;
	d->has_66 = pp == 1;
	d->rep = pp == 2 ? 0xf3 : pp == 3 ? 0xf2 : 0;
	if (d->vex_w && is_long(ctx))
		d->rex |= 8;
	d->map = map;
	d->opcode = *p++;

	if (d->vex == 1 && map >= 1 && map <= 3) {
		*pop = &vex_maps[map][d->opcode];
	} else if (d->vex == 2 && map >= 1 && map <= 3) {
		/* as in VEX, but for a few that exist there alone */
		*pop = map == 3 || (vex_maps[map][d->opcode].imm &&
				    !(vex_maps[map][d->opcode].attr & A_UD)) ?
			&emul_vex_imm : &emul_vex_other;
		if (map == 1 && (d->opcode == 0x72 || d->opcode == 0x71 ||
				 d->opcode == 0x73))
			*pop = &emul_vex_imm;
	} else if (d->vex == 2 && (map == 5 || map == 6)) {
		*pop = &emul_vex_other;
	} else if (d->vex == 3 && map == 8) {
		*pop = &emul_vex_imm;
	} else if (d->vex == 3 && map == 9) {
		*pop = &emul_vex_other;
	} else {
		*ud = true;
		*pop = &emul_vex_other;
	}
	return p;
}

/*
 * Follow table entries that lead to other tables. *end is moved behind what
 * was looked at.
 */
static noinline const u8 *redirect(struct emul_ctx *ctx, const u8 *p,
			  const struct emul_opcode **pop, const u8 **end,
			  bool *ud)
{
	const struct emul_opcode *op = *pop;
	struct emul_insn *d = &ctx->d;

	while (op->attr & A_REDIRECT) {
		*end = p + 1;
		switch (op->attr & A_REDIRECT) {
		case A_GRP_REG:
			op = &op->sub[*p >> 3 & 7];
			break;
		case A_GRP_MOD:
			op = &op->sub[*p >= 0xc0];
			break;
		case A_GRP_RM:
			op = &op->sub[*p & 7];
			break;
		case A_GRP_PFX:
			*end = p;
			op = &op->sub[mandatory_prefix(d)];
			break;
		case A_GRP_64:
			*end = p;
			op = &op->sub[is_long(ctx)];
			break;
		case A_MAP:
			d->map = op->fn;
			d->opcode = *p++;
			op = op->sub + d->opcode;
			break;
		case A_VEX:
			/*
			 * Outside long mode these are LES, LDS and BOUND unless
			 * the next byte would be a register form (8F: POP
			 * unless the map number is 8 or more).
			 */
			if (d->opcode == 0x8f ? !(*p & 0x18) :
			    (!is_long(ctx) && *p < 0xc0)) {
				op = op->sub;
				break;
			}
			/* #UD in real and virtual-8086 mode (SDM 2 2.3.1) */
			if (!is_prot(ctx))
				*ud = true;
			*end = p + (d->opcode == 0xc5 ? 2 :
				    d->opcode == 0x62 ? 4 : 3);
			p = decode_vex(ctx, p, &op, ud);
			break;
		}
	}
	*pop = op;
	return p;
}

static noinline const u8 *decode_prefixes(struct emul_ctx *ctx, const u8 *p)
{
	struct emul_insn *d = &ctx->d;
	u8 b;

	for (;; p++) {
		if (p - ctx->insn >= EMUL_MAX_INSN)
			return NULL;
		b = *p;
		switch (b) {
		case 0x26: case 0x2e: case 0x36: case 0x3e:
			/* without effect in long mode (SDM 1 3.3.7.1) */
			if (!is_long(ctx))
				d->seg = b >> 3 & 3;
			break;
		case 0x64: case 0x65:
			d->seg = EMUL_FS + (b & 1);
			break;
		case 0x66:
			d->has_66 = true;
			break;
		case 0x67:
			d->asize = ctx->code_size == 4 ? 2 : 4;
			break;
		case 0xf0:
			d->lock = true;
			break;
		case 0xf2: case 0xf3:
			d->rep = b;
			break;
		default:
			if ((b & 0xf0) != 0x40 || !is_long(ctx))
				return p;
			/* counts only right before the opcode (SDM 2 2.2.1) */
			d->rex = b;
			continue;
		}
		d->rex = 0;
	}
}

static inline unsigned int operand_size(const struct emul_ctx *ctx, u32 attr)
{
	const struct emul_insn *d = &ctx->d;

	if (attr & A_BYTE)
		return 1;
	if (unlikely(d->vex))	/* VEX.pp is not an operand size */
		return d->rex & 8 ? 8 : 4;
	if (ctx->code_size == 8) {
		if (attr & (A_F64 | A_D64))
			return attr & A_F64 || !d->has_66 || d->rex & 8 ? 8 : 2;
		if (d->rex & 8)
			return 8;
		return d->has_66 ? 2 : 4;
	}
	return (ctx->code_size == 2) != d->has_66 ? 2 : 4;
}

/* What is checked when all of the instruction is known */
#define A_CHECKED	(A_UD | A_NO64 | A_MEM | A_REG | A_PROT | A_NO_LEGACY)

static noinline int check_decoded(const struct emul_ctx *ctx, bool ud)
{
	const struct emul_insn *d = &ctx->d;
	u32 attr = d->op->attr;

	if (ud || attr & A_UD)
		return DECODE_UD;
	if (attr & (is_long(ctx) ? A_NO64 : A_NO_LEGACY))
		return DECODE_UD;
	if (attr & (d->has_mem ? A_REG : A_MEM))
		return DECODE_UD;
	if (d->lock && !(attr & A_LOCK && d->has_mem))
		return DECODE_UD;
	if (attr & A_PROT && !is_prot(ctx))
		return DECODE_UD;
	if (d->vex && !(attr & A_NOX)) {
		if ((attr & A_L0 && d->vl != 16) ||
		    (attr & A_W0 && d->vex_w) || (attr & A_W1 && !d->vex_w) ||
		    (attr & A_NOVVVV && d->vvvv))
			return DECODE_UD;
	}
	return DECODE_OK;
}

/*
 * Decode what is in ctx->insn; *end is set to where that stopped. An undefined
 * instruction is decoded to its end too: if that is beyond 15 bytes, or cannot
 * be fetched, that fault comes first.
 */
static noinline int decode_bytes(struct emul_ctx *ctx, const u8 **end)
{
	struct emul_insn *d = &ctx->d;
	const struct emul_opcode *op;
	unsigned int asize = ctx->code_size, code_size = asize, rex = 0, size;
	const u8 *p = ctx->insn, *looked = p;
	bool special = false, ud = false;
	u32 attr;

	d->flags = 0;
	d->map = 0;
	d->seg = 0xff;
	d->asize = asize;

	op = &emul_map0[*p];
	attr = op->attr;
	if (attr & A_PREFIX) {
		/* by far the most frequent: nothing but REX */
		if (code_size == 8 && (*p & 0xf0) == 0x40 &&
		    !(emul_map0[p[1]].attr & A_PREFIX)) {
			rex = *p++;
			d->rex = rex;
		} else {
			p = decode_prefixes(ctx, p);
			if (!p) {
				*end = ctx->insn + EMUL_MAX_INSN + 1;
				return DECODE_UD;
			}
			rex = d->rex;
			asize = d->asize;
			special = true;
		}
		op = &emul_map0[*p];
		attr = op->attr;
	}
	d->opcode = *p++;
	if (attr & A_REDIRECT) {
		p = redirect(ctx, p, &op, &looked, &ud);
		attr = op->attr;
		rex = d->rex;
		special |= d->vex != 0;
	}
	d->op = op;

	if (attr & A_BYTE)
		size = 1;
	else if (code_size == 8 && !special)
		size = rex & 8 || attr & (A_F64 | A_D64) ? 8 : 4;
	else
		size = operand_size(ctx, attr);
	d->opsize = size;

	if (attr & A_MODRM) {
		unsigned int modrm = *p++;

		d->modrm = modrm;
		d->reg = (modrm >> 3 & 7) | (rex << 1 & 8);
		if (modrm >= 0xc0 || attr & A_REGONLY) {
			d->rm = (modrm & 7) | (rex << 3 & 8);
		} else {
			d->has_mem = true;
			if (asize == 2)
				p = decode_mem16(ctx, p);
			else
				p = decode_mem(ctx, p, modrm, rex, asize);
		}
	} else {
		d->reg = (d->opcode & 7) | (rex << 3 & 8);
	}
	if (op->imm)
		p = decode_imm(d, p, op->imm);
	*end = likely(p > looked) ? p : looked;

	if (unlikely(special || ud || attr & A_CHECKED))
		return check_decoded(ctx, ud);
	return DECODE_OK;
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
	unsigned int b, rex = 0, size, imm;
	u32 attr;

	if (unlikely(ctx->code_size < 4))
		return 0;
	d->flags = 0;
	d->map = 0;
	b = *p++;
	op = &emul_map0[b];
	attr = op->attr;
	if (attr & A_PREFIX) {
		if ((b & 0xf0) != 0x40) {
			if (b == 0x66)
				d->has_66 = true;
			else if ((b & 0xfe) == 0xf2)
				d->rep = b;
			else
				return 0;
			b = *p++;
		}
		if ((b & 0xf0) == 0x40 && is_long(ctx)) {
			rex = b;
			d->rex = b;
			b = *p++;
		}
		op = &emul_map0[b];
		attr = op->attr;
	}
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
	d->seg = 0xff;
	if (attr & A_BYTE)
		size = 1;
	else
		size = rex & 8 ? 8 : d->has_66 ? 2 : 4;
	d->opsize = size;

	if (attr & A_MODRM) {
		unsigned int modrm = *p++, base = modrm & 7;

		d->modrm = modrm;
		d->reg = (modrm >> 3 & 7) | (rex << 1 & 8);
		if (modrm >= 0xc0) {
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
		d->reg = (b & 7) | (rex << 3 & 8);
	}
	if (imm) {
		if (imm == IMM_B) {
			d->imm = (u64)(s8)*p++;
		} else if (imm == IMM_Z && d->opsize != 2) {
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
	int rc, res;

	_Static_assert(sizeof(ctx->insn) >= MAX_OVERRUN, "too little slack");

	d->length = 0;
	for (;;) {
		res = decode_bytes(ctx, &end);
		length = end - ctx->insn;
		if (likely(length <= ctx->insn_len))
			break;
		if (length > EMUL_MAX_INSN)
			length = EMUL_MAX_INSN + 1;
		rc = fetch_more(ctx, length);
		if (rc)
			return rc;
	}
	if (unlikely(res != DECODE_OK))
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
	ctx->stop = false;
	if (unlikely(!ctx->insn_len))
		return fetch_first(ctx);
	length = decode_fast(ctx);
	if (unlikely(length - 1 >= ctx->insn_len))	/* 0 too */
		return decode_slow(ctx);
	ctx->d.length = length;
	return EMUL_OK;
}
