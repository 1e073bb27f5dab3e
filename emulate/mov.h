/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moves between a register and memory in short form.
 *
 * Nearly all accesses that a guest makes to a device are plain MOVs. They are
 * recognised here without the opcode tables and carried out by whoever makes
 * the access; what is not recognised is for emul_run().
 */
#ifndef EMULATE_MOV_H
#define EMULATE_MOV_H

#include "emulate.h"

/* emul_mov.base and .index where there is none */
#define EMUL_MOV_NO_REG		0xff

/* Bytes that emul_mov_decode() looks at, whatever they are */
#define EMUL_MOV_BYTES		16

/**
 * struct emul_mov - a move between a general register and memory
 * @disp: displacement; with @rip_rel from the next instruction
 * @imm: value stored, where @reg is %EMUL_MOV_NO_REG
 * @take: bits of the register that are written or stored, at bit 0
 * @keep: bits of the register that a load leaves as they are
 * @size: bytes in memory
 * @length: bytes of the instruction
 * @asize: address size: 4 or 8
 * @reg: the register
 * @shift: 8 for AH, CH, DH and BH, otherwise 0
 * @seg: segment: DS, or SS
 * @base: register, or %EMUL_MOV_NO_REG
 * @index: the same
 * @scale: what @index is shifted by
 * @store: to memory
 * @sign: what is loaded is sign-extended
 * @rip_rel: see @disp
 */
struct emul_mov {
	u64 disp;
	u64 imm;
	u64 take;
	u64 keep;
	u8 size;
	u8 length;
	u8 asize;
	u8 reg;
	u8 shift;
	u8 seg;
	u8 base;
	u8 index;
	u8 scale;
	bool store;
	bool sign;
	bool rip_rel;
};

/**
 * emul_mov_decode() - recognise a plain move
 * @insn: %EMUL_MOV_BYTES bytes
 * @code_size: 4 or 8: operand and address size of the code, as in emul_ctx
 * @m: filled
 *
 * RSP is none of the registers of a move that is recognised: not all callers
 * have it at hand.
 *
 * Return: true, or false for everything else.
 */
bool emul_mov_decode(const u8 *insn, unsigned int code_size,
		     struct emul_mov *m);

/* Offset of the operand within its segment. @rip: of the instruction */
static inline u64 emul_mov_address(const struct emul_mov *m, const u64 *regs,
				   u64 rip)
{
	u64 ea = m->disp;

	if (m->base != EMUL_MOV_NO_REG)
		ea += regs[m->base & 15];
	else if (m->rip_rel)
		ea += rip + m->length;
	if (m->index != EMUL_MOV_NO_REG)
		ea += regs[m->index & 15] << m->scale;
	return m->asize == 8 ? ea : (u32)ea;
}

/* What a store puts into memory; the bytes above @size are zero */
static inline u64 emul_mov_value(const struct emul_mov *m, const u64 *regs)
{
	if (m->reg == EMUL_MOV_NO_REG)
		return m->imm;
	return regs[m->reg & 15] >> m->shift & m->take;
}

/* @val has come from memory for a load; bytes above @size do not count */
static inline void emul_mov_load(const struct emul_mov *m, u64 *regs, u64 val)
{
	unsigned int up = 64 - 8 * m->size;
	u64 *reg = &regs[m->reg & 15];

	val <<= up;
	val = m->sign ? (u64)((s64)val >> up) : val >> up;
	*reg = (*reg & m->keep) | (val & m->take) << m->shift;
}

#endif /* EMULATE_MOV_H */
