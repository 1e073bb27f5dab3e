/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A case of the differential fuzzer: machine state and one instruction.
 */
#ifndef UNIT_FUZZ_H
#define UNIT_FUZZ_H

#include <stdio.h>
#include "guest.h"
#include "native.h"

struct fuzz_case {
	unsigned int code_size;		/* 2, 4, 8 */
	unsigned int len;
	u8 bytes[16];
	struct native_state st;
	/* what lies in the data pages besides their usual contents */
	unsigned int nr_pokes;
	struct {
		u16 off;
		u16 size;
		u64 val;
	} poke[8];
};

struct rng {
	u64 s;
};

static inline u64 rnd(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ULL;	/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline unsigned int below(struct rng *r, unsigned int n)
{
	return (unsigned int)((rnd(r) >> 32) * n >> 32);
}

static inline bool chance(struct rng *r, unsigned int percent)
{
	return below(r, 100) < percent;
}

#define LDT_ENTRIES	16
extern const u64 fuzz_ldt[LDT_ENTRIES];
extern u64 fuzz_gdt[16];
/* Where the model guest has its descriptor tables */
#define MODEL_GDT	0xffff900000000000ULL
#define MODEL_LDT	0xffff900000001000ULL

/* gen.c */
struct fuzz_filter {
	int code_size;			/* 0: any */
	u8 opcode[4];			/* leading opcode bytes wanted */
	unsigned int opcode_len;
	unsigned int map;		/* which generator, 0: any */
};

void fuzz_generate(struct rng *r, const struct fuzz_filter *f,
		   struct guest *g, struct fuzz_case *c);
/* Make the operands of a case fall onto test pages */
void fuzz_aim(struct rng *r, struct guest *g, struct fuzz_case *c);
/* Registers that the mode cannot have become such as it has */
void fuzz_fix_regs(struct guest *g, struct fuzz_case *c);
void fuzz_load(struct guest *g, const struct fuzz_case *c);
void fuzz_descriptor(u64 d, struct emul_seg *s);
/* Complete fuzz_gdt with what LAR and LSL tell about the host's */
void fuzz_read_gdt(void);

/* fuzz.c: the model guest, its memory, that of the CPU, and both at first */
#define FUZZ_DATA_BYTES	(DATA_PAGES * 4096)
extern struct guest fuzz_guest;
extern struct native_pages fuzz_pages;
extern u8 fuzz_model[FUZZ_DATA_BYTES], fuzz_pristine[FUZZ_DATA_BYTES];

/* compare.c: a description of the first difference, NULL if there is none */
const char *fuzz_compare(const struct fuzz_case *c, int rc,
			 const struct native_result *n);

/* case.c: text form */
void fuzz_print_case(FILE *f, const struct fuzz_case *c);
int fuzz_parse_case(const char *line, struct fuzz_case *c);

#endif
