/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of the sorted table of slots, for mmu/memslot.c */
#ifndef MMU_SLOT_TABLE_H
#define MMU_SLOT_TABLE_H

#include "mmu/memslot.h"

/* What a change replaces and what it made, freed after the fact or on failure */
struct table_edit {
	struct memslots *table;
	struct slot_chunk *made[4], *gone[2];
	unsigned int nr_made, nr_gone;
};

/* A table without slots, or NULL; and what is left of one that nobody uses */
struct memslots *slot_table_new(void);
void slot_table_free(struct memslots *s);

/* Is a slot other than @except in the range? */
bool slot_table_overlaps(const struct memslots *s, gfn_t base,
			 unsigned long npages, const struct memslot *except);

/**
 * slot_table_edit() - make the next table, which nobody uses yet
 * @vm: the VM, its slots lock held
 * @e: filled in
 * @old: slot to be taken out, or NULL
 * @new: slot to be put in, or NULL
 *
 * Return: 0: slot_table_commit() is to follow. -ENOMEM: nothing is left of it.
 */
int slot_table_edit(struct vm *vm, struct table_edit *e,
		    const struct memslot *old, struct memslot *new);

/* Publish, wait until nobody uses the old table, free what only it used (C3, C4) */
void slot_table_commit(struct vm *vm, struct table_edit *e);

#endif
