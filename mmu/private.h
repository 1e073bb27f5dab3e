/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of mmu/ share among themselves */
#ifndef MMU_PRIVATE_H
#define MMU_PRIVATE_H

#include "core/vcpu.h"

int memslots_init(struct vm *vm);
void memslots_destroy(struct vm *vm);
int memslot_set_private(struct vm *vm, u32 id, gpa_t gpa, unsigned long npages,
			hva_t *hva);

/* The pages that CPUs without unrestricted guest need (private_slot.c) */
int private_slots_vcpu(struct vm *vm);
void private_slots_release(struct vm *vm);

/* dirty.c, for dirty_ring.c: take bits of one word, [m] held for writing; flush */
unsigned long dirty_take_bits(struct vm *vm, struct memslot *slot,
			      unsigned long i, unsigned long mask, bool *flush);
void dirty_flush(struct vm *vm);

int notifier_init(struct vm *vm);
void notifier_release(struct vm *vm);
/* @slot is taken out of hva_tree right after; [m] held for writing */
void notifier_slot_gone(struct vm *vm, struct memslot *slot);

int mmu_shrink_init(void);
void mmu_shrink_exit(void);
void mmu_shrink_add(struct vm *vm);
void mmu_shrink_remove(struct vm *vm);

void mmu_debugfs_init(void);
void mmu_debugfs_exit(void);
void mmu_debugfs_add(struct vm *vm);
void mmu_debugfs_remove(struct vm *vm);

#endif
