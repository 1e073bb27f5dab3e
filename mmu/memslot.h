/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory slots: what guest-physical memory is made of.
 *
 *   vm->mmu.slots --> memslots           chunks of at most 63 slots each,
 *     (SRCU)          .dir[] --------->  sorted by base; copied on change
 *                     .generation           |
 *   vm->mmu.slot_ids --> (by number)        v
 *     ([s])         --------------------> memslot <---- vm->mmu.hva_tree
 *                                                         ([m], by host address)
 *
 * Invariants:
 *  S1. A published struct memslots, its chunks and slots never change, apart
 *      from bits of the dirty bitmap. A change builds a new struct memslots
 *      and new chunks where they differ, publishes it with a generation higher
 *      by one, and frees what it replaced after synchronize_srcu().
 *  S2. A slot is in hva_tree from before it is published until after the kind
 *      has dropped every entry made through it. So a notifier event finds every
 *      entry that can exist.
 *  S3. Slots never overlap in guest-physical memory.
 *  S4. vm->srcu is not held while the guest runs, or a change would wait for it.
 */
#ifndef MMU_MEMSLOT_H
#define MMU_MEMSLOT_H

#include <linux/nospec.h>
#include <linux/rbtree.h>
#include <linux/srcu.h>
#include <linux/bitops.h>
#include "core/vcpu.h"
#include "mmu/dirty_ring.h"

/* Numbers of slots that the VM makes for itself in each space, above user space's */
#define SLOT_PRIVATE_TSS	(MMU_USER_SLOTS + 0)
#define SLOT_PRIVATE_IDENTITY	(MMU_USER_SLOTS + 1)
#define SLOT_PRIVATE_APIC	(MMU_USER_SLOTS + 2)

/* Pages of one slot: the dirty bitmap's size must fit an unsigned int */
#define SLOT_MAX_PAGES		((1ul << 31) - 1)

struct memslot {
	gfn_t base;			/* [I] first page, with its space */
	unsigned long npages;		/* [I] */
	hva_t hva;			/* [I] of the first page */
	u32 id;				/* [I] the space is in its upper 16 bits */
	u32 flags;			/* [I] KVM_MEM_* */
	unsigned long *dirty;		/* [I] one bit a page [a], or NULL */
	void *priv;			/* [I] the kind's */
	struct rb_node hva_node;	/* [m] */
	hva_t subtree_last;		/* [m] highest address below this node */
	bool moving;			/* [m] C7: no page may be logged late */
};

#define SLOT_CHUNK	63		/* a chunk takes 1 KiB */

struct slot_chunk {
	unsigned int n;
	gfn_t base[SLOT_CHUNK];
	struct memslot *slot[SLOT_CHUNK];
};

struct memslots {
	u64 generation;
	unsigned int nr;		/* slots */
	unsigned int nr_chunks;
	struct {
		gfn_t first;		/* base of the chunk's first slot */
		struct slot_chunk *chunk;
	} dir[];
};

/* The slots as they are now; vm->srcu or the slots lock is held */
static inline struct memslots *memslots_get(struct vm *vm)
{
	return srcu_dereference_check(vm->mmu.slots, &vm->srcu,
				      lockdep_is_held(&vm->mmu.slots_lock));
}

static inline bool memslot_has(const struct memslot *slot, gfn_t gfn)
{
	return gfn - slot->base < slot->npages;
}

/* The slot that @gfn is in, or NULL */
static inline struct memslot *memslot_find(const struct memslots *s, gfn_t gfn)
{
	const struct slot_chunk *chunk;
	unsigned int lo, hi, mid;
	struct memslot *slot;

	if (!s->nr_chunks || gfn < s->dir[0].first)
		return NULL;
	for (lo = 0, hi = s->nr_chunks; hi - lo > 1;) {
		mid = (lo + hi) / 2;
		if (s->dir[mid].first <= gfn)
			lo = mid;
		else
			hi = mid;
	}
	chunk = s->dir[array_index_nospec(lo, s->nr_chunks)].chunk;
	for (lo = 0, hi = chunk->n; hi - lo > 1;) {
		mid = (lo + hi) / 2;
		if (chunk->base[mid] <= gfn)
			lo = mid;
		else
			hi = mid;
	}
	slot = chunk->slot[array_index_nospec(lo, SLOT_CHUNK)];
	return memslot_has(slot, gfn) ? slot : NULL;
}

/* The same for a vCPU, which remembers the slot it found last */
static inline struct memslot *memslot_find_vcpu(struct vcpu *vcpu,
						const struct memslots *s,
						gfn_t gfn)
{
	struct memslot *slot = vcpu->mmu.last_slot;

	if (slot && vcpu->mmu.slots_generation == s->generation &&
	    memslot_has(slot, gfn))
		return slot;
	slot = memslot_find(s, gfn);
	if (slot) {
		vcpu->mmu.last_slot = slot;
		vcpu->mmu.slots_generation = s->generation;
	}
	return slot;
}

/* The pages around @gfn that no slot has; false where @gfn is in a slot */
bool memslots_gap(const struct memslots *s, gfn_t gfn, struct mmu_gap *gap);

/* Host address of a page that is in the slot */
static inline hva_t memslot_hva(const struct memslot *slot, gfn_t gfn)
{
	unsigned long i = array_index_nospec(gfn - slot->base, slot->npages);

	return slot->hva + (i << PAGE_SHIFT);
}

/* @vcpu wrote the page, or it was written on its behalf */
static inline void memslot_mark_dirty(struct vcpu *vcpu,
				      const struct memslot *slot, gfn_t gfn)
{
	/* or where memslot_has() was mispredicted bits far behind the map are read */
	unsigned long i = array_index_nospec(gfn - slot->base, slot->npages);

	if (slot->dirty && !test_bit(i, slot->dirty) &&
	    !test_and_set_bit(i, slot->dirty) && unlikely(vcpu->mmu.ring))
		dirty_ring_push(vcpu, slot, i);
}

static inline hva_t memslot_hva_end(const struct memslot *slot)
{
	return slot->hva + (slot->npages << PAGE_SHIFT);
}

#define SLOT_ID(space, nr)	((u32)(space) << 16 | (nr))

/* Highest guest-physical address that a slot may contain, in each space */
static inline gpa_t mmu_gpa_last(struct vm *vm)
{
	return vm->mmu.kind->policy->gpa_last;
}

static inline bool mmu_gpa_possible(struct vm *vm, gpa_t gpa)
{
	return (gpa & MMU_GPA_BITS) <= mmu_gpa_last(vm);
}

/* A page became a table of a VM, or is none any more: @n is 1 or -1 */
void mmu_table_account(struct page *page, int n);

/* First slot in hva_tree that meets [start, last], and the next; [m] held */
struct memslot *hva_tree_first(struct rb_root_cached *root, hva_t start,
			       hva_t last);
struct memslot *hva_tree_next(struct memslot *slot, hva_t start, hva_t last);

#endif
