/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kinds know of the APIC-access page */
#ifndef MMU_APIC_PAGE_H
#define MMU_APIC_PAGE_H

#include <linux/mm.h>
#include "mmu/host.h"
#include "mmu/memslot.h"

struct mmu_apic_page {
	struct page *page;		/* [I] */
	struct memslot slot;		/* [I] */
	bool allowed;			/* [m]; read without for a first look */
};

/*
 * The slot that stands for the APIC-access page where @gfn is it and no slot of
 * the VM has it, or NULL. To make an entry, ask again with [m] held.
 */
static inline struct memslot *mmu_apic_slot(struct vm *vm, gfn_t gfn)
{
	/* pairs with mmu_apic_page_create() */
	struct mmu_apic_page *a = smp_load_acquire(&vm->mmu.apic_page);

	return unlikely(a && gfn == a->slot.base && READ_ONCE(a->allowed)) ?
	       &a->slot : NULL;
}

static inline bool mmu_is_apic_slot(const struct memslot *slot)
{
	return slot && slot->id == SLOT_PRIVATE_APIC;
}

/* What host_lookup() would find behind it */
static inline void mmu_apic_host_page(struct vm *vm, struct host_page *p)
{
	p->pfn = page_to_pfn(vm->mmu.apic_page->page);
	p->level = PG_4K;
	p->writable = true;
	p->uncached = false;
	p->nr = 0;
}

#endif
