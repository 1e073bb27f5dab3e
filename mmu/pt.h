/* SPDX-License-Identifier: GPL-2.0-only */
/* Page-table formats as data (rule M4) */
#ifndef MMU_PT_H
#define MMU_PT_H

#include <linux/types.h>

struct pt_format {
	const char *name;
	u8 levels;		/* 0: no tables, the address is the translation */
	u8 entry_bytes;		/* 4 or 8 */
	u8 index_bits;		/* of one level; the top level of PAE has 2 */
	u8 top_bits;		/* index bits of the top level */
	u8 linear_bits;		/* width of an address that is translated */
	bool nx;		/* bit 63 denies instruction fetches */
	bool pkeys;		/* bits 62:59 of a leaf are a protection key */
	bool pdptes;		/* the top level was read when CR3 was loaded */
};

/* Lowest address bit that the index of a level uses; level 1 is the last one */
static inline unsigned int pt_shift(const struct pt_format *f, unsigned int level)
{
	return 12 + (level - 1) * f->index_bits;
}

static inline unsigned int pt_index(const struct pt_format *f, u64 addr,
				    unsigned int level)
{
	unsigned int bits = level == f->levels ? f->top_bits : f->index_bits;

	return (addr >> pt_shift(f, level)) & ((1u << bits) - 1);
}

#endif
