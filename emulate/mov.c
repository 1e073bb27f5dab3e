// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recognition of plain moves, see mov.h. The unit tests hold the result
 * against the decoder and executor of everything.
 */
#include "internal.h"
#include "mov.h"

static u64 displacement(const u8 *p, unsigned int len)
{
	s32 val32;
	u64 val;

	if (len == 1)
		return (u64)(s8)*p;
	if (len == 4) {
		memcpy(&val32, p, 4);
		return (u64)val32;
	}
	memcpy(&val, p, 8);
	return val;
}

/* ModRM and what belongs to it (SDM 2 tables 2-2 and 2-3). NULL: not memory */
static const u8 *decode_operand(const u8 *p, unsigned int rex, bool is_long,
				struct emul_mov *m)
{
	unsigned int modrm = *p++, mod = modrm >> 6, base = modrm & 7;
	unsigned int len = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (mod == 3)
		return NULL;
	m->index = EMUL_MOV_NO_REG;
	m->scale = 0;
	m->seg = EMUL_DS;
	m->rip_rel = false;
	if (base == 4) {
		unsigned int sib = *p++;
		unsigned int index = (sib >> 3 & 7) | (rex << 2 & 8);

		base = sib & 7;
		if (index != 4) {
			m->index = index;
			m->scale = sib >> 6;
		}
	} else if (base == 5 && !mod) {
		m->rip_rel = is_long;
	}
	if (base == 5 && !mod) {
		m->base = EMUL_MOV_NO_REG;
		len = 4;
	} else {
		if (base == EMUL_RBP && !(rex & 1))
			m->seg = EMUL_SS;
		m->base = base | (rex << 3 & 8);
	}
	m->disp = len ? displacement(p, len) : 0;
	return p + len;
}

/* The register @reg takes part with @size bytes */
static void set_register(struct emul_mov *m, unsigned int reg,
			 unsigned int size, bool high_bytes)
{
	m->shift = 0;
	if (size == 1 && high_bytes && reg >= 4 && reg < 8) {
		reg -= 4;
		m->shift = 8;
	}
	m->reg = reg;
	m->take = size_mask(size);
	/* a 32-bit result clears the upper half */
	m->keep = size >= 4 ? 0 : ~(m->take << m->shift);
}

/* MOV [disp], accumulator and back */
static const u8 *decode_absolute(const u8 *p, bool is_long, struct emul_mov *m)
{
	unsigned int len = is_long ? 8 : 4;

	m->base = EMUL_MOV_NO_REG;
	m->index = EMUL_MOV_NO_REG;
	m->seg = EMUL_DS;
	m->rip_rel = false;
	m->disp = displacement(p, len);
	return p + len;
}

/* C6 /0 and C7 /0; the instruction is known but for its immediate */
static const u8 *decode_immediate(const u8 *p, unsigned int size,
				  struct emul_mov *m)
{
	u64 imm;

	m->reg = EMUL_MOV_NO_REG;
	if (size == 2) {
		u16 imm16;

		memcpy(&imm16, p, 2);
		imm = imm16;
		p += 2;
	} else {
		unsigned int len = size == 1 ? 1 : 4;

		imm = displacement(p, len);
		p += len;
	}
	m->imm = imm & size_mask(size);
	return p;
}

bool emul_mov_decode(const u8 *insn, unsigned int code_size,
		     struct emul_mov *m)
{
	unsigned int op, rex = 0, reg, size, from = 0;
	bool is_long = code_size == 8, has_66 = false;
	const u8 *p = insn;

	op = *p++;
	if (op == 0x66) {
		has_66 = true;
		op = *p++;
	}
	if (is_long && (op & 0xf0) == 0x40) {
		rex = op;
		op = *p++;
	}
	size = rex & 8 ? 8 : has_66 ? 2 : 4;
	m->asize = code_size;
	m->sign = false;
	m->store = false;
	reg = (*p >> 3 & 7) | (rex << 1 & 8);

	switch (op) {
	case 0x88: case 0x89:
		m->store = true;
		fallthrough;
	case 0x8a: case 0x8b:
		if (!(op & 1))
			size = 1;
		p = decode_operand(p, rex, is_long, m);
		break;
	case 0xa2: case 0xa3:
		m->store = true;
		fallthrough;
	case 0xa0: case 0xa1:
		if (!(op & 1))
			size = 1;
		reg = EMUL_RAX;
		p = decode_absolute(p, is_long, m);
		break;
	case 0xc6: case 0xc7:
		if (*p >> 3 & 7)
			return false;
		if (op == 0xc6)
			size = 1;
		m->store = true;
		m->size = size;
		p = decode_operand(p, rex, is_long, m);
		if (!p)
			return false;
		p = decode_immediate(p, size, m);
		m->length = p - insn;
		return m->base != EMUL_RSP;
	case 0x63:
		if (size != 8)		/* and without REX.W: ARPL, or a MOV */
			return false;
		m->sign = true;
		from = 4;
		p = decode_operand(p, rex, is_long, m);
		break;
	case 0x0f:
		op = *p++;
		if ((op & 0xf6) != 0xb6)
			return false;
		reg = (*p >> 3 & 7) | (rex << 1 & 8);
		m->sign = op & 8;
		from = op & 1 ? 2 : 1;
		p = decode_operand(p, rex, is_long, m);
		break;
	default:
		return false;
	}
	if (!p)
		return false;
	m->size = from ? from : size;
	m->length = p - insn;
	set_register(m, reg, size, !rex);
	return m->base != EMUL_RSP && m->reg != EMUL_RSP;
}
