/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host maps behind a slot, and whether that still holds.
 *
 * Invariants:
 *  H1. No reference to a page is held while it is mapped to a guest. An entry
 *      is right as long as no notifier event covered its host address since
 *      before the host page table was read: mmu_inv_begin() comes before the
 *      look-up, mmu_inv_stale() under mmu.lock before the entry is made.
 *  H2. A writable entry is made only from a host entry that is writable while
 *      it, or its page, is marked dirty. The host cannot take write permission
 *      or the mark away without a notifier event, so what the guest writes is
 *      never lost by reclaim.
 *  H3. Entries for the guest are never wider in permission or size than the
 *      host's.
 */
#ifndef MMU_HOST_H
#define MMU_HOST_H

#include "mmu/memslot.h"

/* Neighbours of the wanted page that one look-up reports at most */
#define HOST_AROUND_MAX	32

/* Host page sizes; the page-table level whose entry maps the page */
#define PG_4K	1
#define PG_2M	2
#define PG_1G	3

static inline unsigned long pg_pages(unsigned int level)
{
	return 1ul << (9 * (level - 1));
}

/* A neighbour: pfn << PAGE_SHIFT | flags; 0: nothing that can be mapped */
#define HOST_PAGE_VALID	BIT_ULL(0)
#define HOST_PAGE_WRITE	BIT_ULL(1)

extern unsigned int mmu_fault_around;	/* module parameter fault_around */

struct host_page {
	/* in */
	struct vcpu *vcpu;	/* it may go on without the page: core/apf.c */
	bool write;		/* the page is to be written */
	unsigned int window;	/* neighbours wanted: a power of 2, 1 for none */
	bool special;		/* set by the functions: look at special entries */
	/* out */
	kvm_pfn_t pfn;		/* of the page itself */
	u8 level;		/* PG_*: size of the host's mapping */
	bool writable;
	bool uncached;		/* mapped other than write-back by the host */
	unsigned int nr;	/* entries in around[], 0 where level > PG_4K */
	gfn_t first;		/* the page around[0] is for */
	u64 around[HOST_AROUND_MAX];
};

/**
 * host_lookup() - find what the host maps behind a page, faulting it in
 * @vm: the VM; the caller is a thread of its owner
 * @slot: the slot
 * @gfn: a page of the slot
 * @p: in and out
 *
 * Context: may sleep, vm->srcu held. Takes no reference: see H1.
 * Return: 0, -EFAULT nothing mapped or not permitted, -EINTR, -ENOMEM,
 * -EHWPOISON the page is poisoned and SIGBUS was sent, -EAGAIN look again.
 */
int host_lookup(struct vm *vm, struct memslot *slot, gfn_t gfn,
		struct host_page *p);

/**
 * host_look() - the same without faulting anything in
 * @vm: the VM
 * @slot: the slot
 * @gfn: a page of it
 * @p: receives what was found
 *
 * Context: any, vm->srcu held; the caller is a thread of the VM's owner.
 * Return: false where the host's table has no present entry that will do.
 */
bool host_look(struct vm *vm, struct memslot *slot, gfn_t gfn,
	       struct host_page *p);

/**
 * host_map_level() - largest page that slot and host allow
 * @slot: the slot
 * @gfn: a page of it
 * @p: what the host has there
 * @max: what the kind allows; PG_*
 *
 * Guest and host address have to agree below the size, and all of the page has to
 * be in the slot. A page that is logged is a small one.
 */
unsigned int host_map_level(const struct memslot *slot, gfn_t gfn,
			    const struct host_page *p, unsigned int max);

/**
 * host_audit() - does an entry agree with what the host maps now? (H1 to H3)
 * @vm: the VM; the caller is a thread of its owner, no notifier event is under way
 * @slot: the slot
 * @gfn: first page of the entry
 * @level: PG_*, its size
 * @pfn: what it maps
 * @writable: it may be written to
 *
 * Return: NULL, or what is wrong.
 */
const char *host_audit(struct vm *vm, const struct memslot *slot, gfn_t gfn,
		       unsigned int level, kvm_pfn_t pfn, bool writable);

/* Before a look-up: the value mmu_inv_stale() is to be given */
static inline unsigned long mmu_inv_begin(struct vm *vm)
{
	unsigned long seq = READ_ONCE(vm->mmu.inv_seq);

	smp_rmb();	/* pairs with mmu.lock in the notifier: seq before the tables */
	return seq;
}

/*
 * Has the host's mapping of [start, end) perhaps changed since? mmu.lock held.
 * inv_seq counts events that ended, inv_count those under way.
 */
static inline bool mmu_inv_stale(struct vm *vm, unsigned long seq, hva_t start,
				 hva_t end)
{
	if (vm->mmu.inv_count && start < vm->mmu.inv_end &&
	    end > vm->mmu.inv_start)
		return true;
	return vm->mmu.inv_seq != seq;
}

/**
 * host_page_stale() - has the host perhaps changed what a look-up found?
 * @vm: the VM, mmu.lock held
 * @slot: the slot
 * @gfn: the page that was looked up
 * @p: what was found, neighbours included
 * @seq: mmu_inv_begin() before the look-up
 */
static inline bool host_page_stale(struct vm *vm, const struct memslot *slot,
				   gfn_t gfn, const struct host_page *p,
				   unsigned long seq)
{
	gfn_t first = p->nr ? p->first : gfn;
	hva_t start = slot->hva + ((first - slot->base) << PAGE_SHIFT);
	hva_t end = start + (max(p->nr, 1u) << PAGE_SHIFT);

	if (p->level > PG_4K) {
		/* the entry may cover all of the host's large page */
		end = start | ((pg_pages(p->level) << PAGE_SHIFT) - 1);
		start &= ~((pg_pages(p->level) << PAGE_SHIFT) - 1);
	}
	return mmu_inv_stale(vm, seq, start, end);
}

#endif
