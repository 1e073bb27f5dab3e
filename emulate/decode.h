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

/* emul_insn.kind */
enum {
	MODRM_BASE,	/* memory at register @rm */
	MODRM_SIB,	/* memory where a SIB byte says */
	MODRM_NO_BASE,	/* memory at an offset, in long mode from RIP */
	MODRM_REG,	/* not memory */
};

/* In emul_insn.disp: with nothing but this the base is a displacement */
#define DISP_BASE	8

extern const struct emul_modrm emul_modrm[256];
extern const struct emul_modrm emul_sib[64];
extern const struct emul_modrm emul_rex[8];
extern const struct emul_modrm emul_no_modrm;

/* What a table says, ready to be or'ed into emul_insn.form */
static __always_inline u64 form(const struct emul_modrm *m)
{
	u64 val;

	_Static_assert(sizeof(*m) == sizeof(val), "not one number");
	memcpy(&val, m, sizeof(val));
	return val;
}

/*
 * The displacement of a memory operand. Cutting d->ea to 32 bits is the caller's
 * affair.
 */
static __always_inline unsigned long
decode_disp(struct emul_ctx *ctx, unsigned long n, u64 addr)
{
	struct emul_insn *d = &ctx->d;

	if (d->disp) {
		if (d->disp & 1) {
			addr += (u64)(s8)ctx->insn[n];
			n++;
		} else {
			addr += (u64)(s32)load(ctx->insn + n, 4);
			n += 4;
		}
	}
	d->ea = addr;
	return n;
}

/* The SIB byte at @n: what it adds to the address without displacement */
static __always_inline u64 decode_sib(struct emul_ctx *ctx, unsigned long n)
{
	unsigned int sib = ctx->insn[n];
	struct emul_insn *d = &ctx->d;
	u64 addr = 0;

	d->form |= form(&emul_sib[sib & 63]);
	/* Loading its fields is shorter than shifting them out of the sum */
	OPTIMIZER_HIDE_VAR(ctx);
	d = &ctx->d;
	if (d->index != 4)
		addr = ctx->regs[d->index] << (sib >> 6);
	if (unlikely(d->disp == DISP_BASE)) {
		d->seg = EMUL_DS;
		return addr;
	}
	return addr + ctx->regs[d->rm];
}

#endif /* EMULATE_DECODE_H */
