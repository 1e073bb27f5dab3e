/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coverage guidance: cases that take the emulator along an edge of its code
 * that none has taken before are kept, and new ones are made from them.
 */
#ifndef UNIT_GUIDE_H
#define UNIT_GUIDE_H

#include "fuzz.h"

#define GUIDE_CASES	16384u
#define GUIDE_EDGES	65536u

struct guide {
	unsigned int nr;
	u64 mutated;		/* cases made from others */
	u32 edges;		/* taken so far */
	u8 seen[GUIDE_EDGES];
	struct fuzz_case kept[GUIDE_CASES];
};

/* In memory that outlives a child which dies */
extern struct guide *guide;

/* What the emulator does between the two counts; @mode tells its edges apart */
void guide_begin(unsigned int mode);
/* Keep @c if it has taken a new edge */
void guide_end(const struct fuzz_case *c);
void guide_keep(const struct fuzz_case *c);
/* A case made from those that were kept; false if there is none yet */
bool guide_mutate(struct rng *r, struct guest *g, struct fuzz_case *c);

#endif
