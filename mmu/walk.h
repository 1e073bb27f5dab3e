/* SPDX-License-Identifier: GPL-2.0-only */
/* What a walk of the guest's tables found, for kinds that make tables from it */
#ifndef MMU_WALK_H
#define MMU_WALK_H

#include "core/types.h"

struct mmu_path {
	gpa_t gpa;		/* of the address translated */
	bool writable, user, exec;	/* by all entries together */
	bool accessed;		/* A was set in every entry */
	bool dirty;		/* D was set in the leaf */
	u8 pkey;
	u8 level;		/* of the leaf; 0 without paging */
				/* MMU_INJECT: of the entry that is not present, */
				/* which is entry[n]; 0 for other faults */
	u8 n;			/* entries used, those of PAE's top level not among them */
	struct {
		gpa_t at;
		u64 val;	/* with A and D as the walk left them */
	} entry[5];		/* from the top; the leaf is the last */
};

/**
 * mmu_walk() - as mmu_translate(), and tell how
 * @vcpu: the vCPU, loaded
 * @gva: linear address
 * @access: MMU_ACC_*
 * @p: result; with MMU_INJECT level, n and entry[] alone are valid
 * @e: filled when the answer is MMU_INJECT
 *
 * Nothing is told to gpa_written(): A and D that are set here make no entry
 * wrong. With page faults disabled it may be called with interrupts off.
 *
 * Return: MMU_RESUME, MMU_INJECT, -EAGAIN, other -errno.
 */
int mmu_walk(struct vcpu *vcpu, gva_t gva, u32 access, struct mmu_path *p,
	     struct x86_exception *e);

#endif
