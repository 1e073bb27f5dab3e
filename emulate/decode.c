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
static const u8 *decode_mem16(struct emul_ctx *ctx, const u8 *p)
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
	unsigned int rm = d->modrm & 7, seg = form[rm].seg;
	u64 ea = 0;

	if (d->mod == 0 && rm == 6) {
		ea = load(p, 2);
		p += 2;
		seg = EMUL_DS;
	} else {
		ea = ctx->regs[form[rm].base];
		if (form[rm].index != 0xff)
			ea += ctx->regs[form[rm].index];
		if (d->mod == 1) {
			ea += (u64)(s8)*p++;
		} else if (d->mod == 2) {
			ea += load(p, 2);
			p += 2;
		}
	}
	d->ea = (u16)ea;
	if (d->seg == 0xff)
		d->seg = seg;
	return p;
}

/* SDM 2 tables 2-2, 2-3 and 2-7 */
static const u8 *decode_mem(struct emul_ctx *ctx, const u8 *p)
{
	struct emul_insn *d = &ctx->d;
	unsigned int base = d->modrm & 7, seg = EMUL_DS;
	u64 ea = 0;

	if (base == 4) {
		u8 sib = *p++;
		unsigned int index = (sib >> 3 & 7) | (d->rex << 2 & 8);

		base = sib & 7;
		if (index != 4)
			ea = ctx->regs[index] << (sib >> 6);
		if (base == 5 && d->mod == 0) {
			ea += (u64)(s32)load(p, 4);
			p += 4;
			goto out;
		}
		base |= d->rex << 3 & 8;
		ea += ctx->regs[base];
		d->rsp_base = base == EMUL_RSP;
		if (base == EMUL_RSP || base == EMUL_RBP)
			seg = EMUL_SS;
	} else if (base == 5 && d->mod == 0) {
		ea = (u64)(s32)load(p, 4);
		p += 4;
		d->rip_rel = is_long(ctx);
		goto out;
	} else {
		base |= d->rex << 3 & 8;
		ea = ctx->regs[base];
		if (base == EMUL_RBP)
			seg = EMUL_SS;
	}
	if (d->mod == 1) {
		ea += (u64)(s8)*p++;
	} else if (d->mod == 2) {
		ea += (u64)(s32)load(p, 4);
		p += 4;
	}
out:
	d->ea = d->asize == 8 ? ea : (u32)ea;
	if (d->seg == 0xff)
		d->seg = seg;
	return p;
}

static const u8 *decode_imm(struct emul_insn *d, const u8 *p, unsigned int imm)
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
static const u8 *redirect(struct emul_ctx *ctx, const u8 *p,
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

static const u8 *decode_prefixes(struct emul_ctx *ctx, const u8 *p)
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

/*
 * Decode what is in ctx->insn; *end is set to where that stopped. An undefined
 * instruction is decoded to its end too: if that is beyond 15 bytes, or cannot
 * be fetched, that fault comes first.
 */
static int decode_bytes(struct emul_ctx *ctx, const u8 **end)
{
	struct emul_insn *d = &ctx->d;
	const struct emul_opcode *op;
	const u8 *p = ctx->insn;
	bool ud = false;

	d->seg = 0xff;
	d->asize = ctx->code_size;
	d->rex = 0;
	d->rep = 0;
	d->has_66 = false;
	d->lock = false;
	d->has_mem = false;
	d->rip_rel = false;
	d->rsp_base = false;
	d->vex = 0;
	d->map = 0;

	op = &emul_map0[*p];
	if (op->attr & A_PREFIX) {
		/* by far the most frequent: nothing but REX */
		if (is_long(ctx) && (*p & 0xf0) == 0x40 &&
		    !(emul_map0[p[1]].attr & A_PREFIX))
			d->rex = *p++;
		else
			p = decode_prefixes(ctx, p);
		if (!p) {
			*end = ctx->insn + EMUL_MAX_INSN + 1;
			return DECODE_UD;
		}
		op = &emul_map0[*p];
	}
	d->opcode = *p++;
	if (unlikely(op->attr & A_REDIRECT)) {
		/* in long mode 40 to 4F are met by decode_prefixes() alone */
		p = redirect(ctx, p, &op, end, &ud);
	} else {
		*end = p;
	}
	d->op = op;
	if (unlikely(op->attr & (A_UD | A_NO64)))
		ud |= op->attr & A_UD || is_long(ctx);
	d->opsize = operand_size(ctx, op->attr);

	if (op->attr & A_MODRM) {
		u8 modrm = *p++;

		d->modrm = modrm;
		d->mod = modrm >> 6;
		d->reg = (modrm >> 3 & 7) | (d->rex << 1 & 8);
		if (d->mod == 3 || op->attr & A_REGONLY) {
			d->rm = (modrm & 7) | (d->rex << 3 & 8);
		} else {
			d->has_mem = true;
			if (d->asize == 2)
				p = decode_mem16(ctx, p);
			else
				p = decode_mem(ctx, p);
		}
	} else {
		d->reg = (d->opcode & 7) | (d->rex << 3 & 8);
	}
	if (op->imm)
		p = decode_imm(d, p, op->imm);
	if (likely(p > *end))
		*end = p;

	if (unlikely(ud))
		return DECODE_UD;
	if (unlikely(op->attr & (A_MEM | A_REG))) {
		if (op->attr & (d->has_mem ? A_REG : A_MEM))
			return DECODE_UD;
	}
	if (unlikely(d->lock) && !(op->attr & A_LOCK && d->has_mem))
		return DECODE_UD;
	if (unlikely(op->attr & (A_PROT | A_NO_LEGACY)) &&
	    (op->attr & A_PROT ? !is_prot(ctx) : !is_long(ctx)))
		return DECODE_UD;
	if (unlikely(d->vex) && !(op->attr & A_NOX)) {
		if ((op->attr & A_L0 && d->vl != 16) ||
		    (op->attr & A_W0 && d->vex_w) ||
		    (op->attr & A_W1 && !d->vex_w) ||
		    (op->attr & A_NOVVVV && d->vvvv))
			return DECODE_UD;
		if (!is_long(ctx))
			d->vvvv &= 7;
	}
	return DECODE_OK;
}

int emul_decode(struct emul_ctx *ctx)
{
	struct emul_insn *d = &ctx->d;
	const u8 *end = ctx->insn;
	unsigned int length = 0;
	int rc, res;

	static_assert(sizeof(ctx->insn) >= MAX_OVERRUN);

	ctx->dirty = 0;
	ctx->shadow = EMUL_SHADOW_NONE;
	ctx->stop = false;
	d->length = 0;
	if (!ctx->insn_len) {
		rc = fetch_more(ctx, 1);
		if (rc)
			return rc;
	}
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
	if (d->rip_rel) {
		d->ea += ctx->rip + length;
		if (d->asize == 4)
			d->ea = (u32)d->ea;
	}
	return EMUL_OK;
}
