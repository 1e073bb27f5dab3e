/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two halves of the decoder share.
 */
#ifndef EMULATE_DECODE_H
#define EMULATE_DECODE_H

#include "internal.h"

/* prefixes, 3 opcode bytes, ModRM, SIB, displacement, immediates */
#define DECODE_OVERRUN	(EMUL_MAX_INSN + 3 + 2 + 4 + 10)

/* What is checked when all of the instruction is known */
#define A_CHECKED	(A_UD | A_NO64 | A_MEM | A_REG | A_PROT | A_NO_LEGACY)

/*
 * Decode what is in ctx->insn, whatever it is. *end is set to where that
 * stopped. Returns false for an undefined instruction.
 */
bool emul_decode_bytes(struct emul_ctx *ctx, const u8 **end);

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

#endif /* EMULATE_DECODE_H */
