// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoding of every form of instruction (SDM 2, chapter 2 and appendix A).
 */
#include "decode.h"

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
	d->seg = seg;
	return p;
}

static const u8 *
decode_modrm(struct emul_ctx *ctx, const u8 *p, unsigned int rex, u32 attr)
{
	unsigned int modrm = *p++, taken = modrm, seg = ctx->d.seg;
	struct emul_insn *d = &ctx->d;
	u64 addr = 0;

	if (attr & A_REGONLY)
		taken |= 0xc0;
	d->form = form(&emul_modrm[taken]) | form(&emul_rex[rex & 7]);
	d->modrm = modrm;
	if (!d->has_mem) {
		/* a register */
	} else if (d->asize == 2) {
		p = decode_mem16(ctx, p);
	} else {
		switch (d->kind) {
		case MODRM_BASE:
			addr = ctx->regs[d->rm];
			break;
		case MODRM_SIB:
			d->rsp_base = (*p & 7) == 4 && !(rex & 1);
			addr = decode_sib(ctx, p - ctx->insn);
			p++;
			break;
		case MODRM_NO_BASE:
			d->rip_rel = is_long(ctx);
			break;
		}
		p = ctx->insn + decode_disp(ctx, p - ctx->insn, addr);
		if (d->asize == 4)
			d->ea = (u32)d->ea;
	}
	if (unlikely(seg != 0xff))	/* by a prefix */
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
	d->vvvv_named = d->vvvv;
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

	/* & 3: nor is there another map for a CPU that runs ahead of the checks */
	if (d->vex == 1 && map >= 1 && map <= 3) {
		*pop = &vex_maps[map & 3][d->opcode];
	} else if (d->vex == 2 && map >= 1 && map <= 3) {
		/* as in VEX, but for a few that exist there alone */
		*pop = map == 3 || (vex_maps[map & 3][d->opcode].imm &&
				    !(vex_maps[map & 3][d->opcode].attr & A_UD)) ?
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
			  const struct emul_opcode **pop, const u8 **end, bool *ud)
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

static bool check_decoded(const struct emul_ctx *ctx, bool ud)
{
	const struct emul_insn *d = &ctx->d;
	u32 attr = d->op->attr;

	if (ud || attr & A_UD)
		return false;
	if (attr & (is_long(ctx) ? A_NO64 : A_NO_LEGACY))
		return false;
	if (attr & (d->has_mem ? A_REG : A_MEM))
		return false;
	if (d->lock && !(attr & A_LOCK && d->has_mem))
		return false;
	if (attr & A_PROT && !is_prot(ctx))
		return false;
	if (d->vex && !(attr & A_NOX)) {
		if ((attr & A_L0 && d->vl != 16) ||
		    (attr & A_W0 && d->vex_w) || (attr & A_W1 && !d->vex_w) ||
		    (attr & A_NOVVVV && d->vvvv))
			return false;
	}
	return true;
}

/*
 * Decode what is in ctx->insn; *end is set to where that stopped. An undefined
 * instruction is decoded to its end too: if that is beyond 15 bytes, or cannot
 * be fetched, that fault comes first.
 */
bool emul_decode_bytes(struct emul_ctx *ctx, const u8 **end)
{
	struct emul_insn *d = &ctx->d;
	const struct emul_opcode *op;
	unsigned int code_size = ctx->code_size, rex = 0, size;
	const u8 *p = ctx->insn, *looked = p;
	bool special = false, ud = false;
	u32 attr;

	d->flags = 0;
	d->m = emul_no_modrm;
	d->asize = code_size;

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
				return false;
			}
			rex = d->rex;
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

	if (attr & A_MODRM)
		p = decode_modrm(ctx, p, rex, attr);
	else
		d->reg = (d->opcode & 7) | (rex << 3 & 8);
	if (op->imm)
		p = decode_imm(d, p, op->imm);
	*end = likely(p > looked) ? p : looked;

	if (unlikely(special || ud || attr & A_CHECKED))
		return check_decoded(ctx, ud);
	return true;
}

