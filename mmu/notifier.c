// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of the owner's address space, told to the kind.
 *
 * Invariants:
 *  N1. From invalidate_range_start() to the matching end no entry is made for
 *      the range: inv_count and the range are set before the kind unmaps, and
 *      whoever makes an entry checks them under mmu.lock (mmu_inv_stale()).
 *  N2. inv_seq goes up at the end, so that a look-up that read the host's
 *      tables before the end, and comes to make its entry after it, starts over.
 *  N3. When invalidate_range_start() returns, no CPU uses a translation of the
 *      range: the flush is finished before mmu.lock is dropped, so that a second
 *      event for the same range, which finds nothing left to unmap, cannot
 *      return while the first one's flush is still due.
 *  N4. Events whose ranges do not overlap are merged into one range; it is
 *      forgotten when the last of them ends.
 *  N5. Some callbacks run under a page-table lock: nothing here sleeps while
 *      it holds a lock, and mmu.lock nests inside page-table locks.
 *
 * change_pte() (kernels before 6.10) is not implemented: the host calls it only
 * between a start and an end for the same address, when the mapping has been
 * dropped already; the next fault finds the new page.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include "core/skip_flush.h"
#include "core/trace.h"
#include "mmu/host.h"
#include "mmu/private.h"

static struct vm *notifier_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct vm, mmu.notifier);
}

/* The part of a slot that [start, last] meets, in guest pages */
static void slot_range(struct memslot *slot, hva_t start, hva_t last,
		       struct mmu_range *r)
{
	hva_t from = max(start, slot->hva);
	hva_t to = min(last, memslot_hva_end(slot) - 1);

	r->slot = slot;
	r->start = slot->base + ((from - slot->hva) >> PAGE_SHIFT);
	r->end = slot->base + ((to - slot->hva) >> PAGE_SHIFT) + 1;
}

/* Returns whether a flush is due. [m] held. */
static bool unmap_locked(struct vm *vm, hva_t start, hva_t last)
{
	struct mmu_range range = {};
	struct memslot *slot;
	bool flush = false;

	for (slot = hva_tree_first(&vm->mmu.hva_tree, start, last); slot;
	     slot = hva_tree_next(slot, start, last)) {
		slot_range(slot, start, last, &range);
		flush |= mmu_op(vm, unmap, vm, &range);
	}
	return flush;
}

static void inv_begin_locked(struct vm *vm, hva_t start, hva_t end)
{
	if (!vm->mmu.inv_count++) {
		vm->mmu.inv_start = start;
		vm->mmu.inv_end = end;
		return;
	}
	vm->mmu.inv_start = min(vm->mmu.inv_start, start);
	vm->mmu.inv_end = max(vm->mmu.inv_end, end);
}

/* Up to where one hold of the lock unmaps, of addresses that many slots may name */
static hva_t unmap_step(struct vm *vm, hva_t start, hva_t last)
{
	hva_t pages = vm->mmu.kind->unmap_step;
	struct memslot *slot;
	unsigned long n = 0;

	last = min(last, start + (pages << PAGE_SHIFT) - 1);
	for (slot = hva_tree_first(&vm->mmu.hva_tree, start, last); slot;
	     slot = hva_tree_next(slot, start, last))
		n++;
	if (n > 1)
		pages = max(pages / n, 1ul);
	return min(last, start + (pages << PAGE_SHIFT) - 1);
}

/*
 * exit_mmap() names the whole address space: go from slot to slot, and through
 * large ones in steps where we may sleep in between, rather than hold the lock
 * for all of it. @event: one that ends later begins here.
 */
static void unmap_range(struct vm *vm, hva_t start, hva_t last, bool may_sleep,
			bool event)
{
	struct memslot *slot;
	hva_t step;

	for (;;) {
		write_lock(&vm->mmu.lock);
		if (event)
			inv_begin_locked(vm, start, last + 1);
		event = false;
		slot = hva_tree_first(&vm->mmu.hva_tree, start, last);
		if (!slot)
			break;
		start = max(start, slot->hva);
		step = may_sleep ? unmap_step(vm, start, last) : last;
		if (unmap_locked(vm, start, step) &&
		    !skip_flush(SKIP_FLUSH_UNMAP))
			mmu_flush_all(vm);
		if (step == last)
			break;
		start = step + 1;
		write_unlock(&vm->mmu.lock);
		cond_resched();
	}
	write_unlock(&vm->mmu.lock);
}

static int invalidate_start(struct mmu_notifier *mn,
			    const struct mmu_notifier_range *range)
{
	trace_kvm_unmap_hva_range(range->start, range->end);
	unmap_range(notifier_vm(mn), range->start, range->end - 1,
		    mmu_notifier_range_blockable(range), true);
	return 0;
}

static void invalidate_end(struct mmu_notifier *mn,
			   const struct mmu_notifier_range *range)
{
	struct vm *vm = notifier_vm(mn);

	write_lock(&vm->mmu.lock);
	WRITE_ONCE(vm->mmu.inv_seq, vm->mmu.inv_seq + 1);
	smp_wmb();	/* pairs with mmu_inv_begin() */
	WARN_ON_ONCE(--vm->mmu.inv_count < 0);
	write_unlock(&vm->mmu.lock);
}

static bool age_range(struct vm *vm, hva_t start, hva_t end, bool clear)
{
	struct mmu_range range = {};
	struct memslot *slot;
	bool young = false;

	write_lock(&vm->mmu.lock);
	for (slot = hva_tree_first(&vm->mmu.hva_tree, start, end - 1); slot;
	     slot = hva_tree_next(slot, start, end - 1)) {
		slot_range(slot, start, end - 1, &range);
		young |= mmu_op(vm, age, vm, &range, clear);
	}
	write_unlock(&vm->mmu.lock);
	return young;
}

/*
 * No flush, as x86 does without one for its own accessed bits: a translation
 * that stays in a TLB for a while makes a page look older than it is, and
 * nothing more. What is unmapped later is flushed then, aged or not.
 */
static int clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
			     unsigned long start, unsigned long end)
{
	trace_kvm_age_hva(start, end);
	return age_range(notifier_vm(mn), start, end, true);
}

static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
		       unsigned long start, unsigned long end)
{
	return age_range(notifier_vm(mn), start, end, true);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm,
		      unsigned long address)
{
	trace_kvm_test_age_hva(address);
	return age_range(notifier_vm(mn), address, address + PAGE_SIZE, false);
}

/*
 * The address space goes away, with the VM or before it. Nobody runs in it, so
 * what was unmapped stays so.
 */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	unmap_range(notifier_vm(mn), 0, ULONG_MAX, true, false);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

int notifier_init(struct vm *vm)
{
	int r;

	vm->mmu.notifier.ops = &notifier_ops;
	r = mmu_notifier_register(&vm->mmu.notifier, current->mm);
	vm->mmu.registered = !r;
	return r;
}

void notifier_release(struct vm *vm)
{
	if (!vm->mmu.registered)
		return;
	mmu_notifier_unregister(&vm->mmu.notifier, vm->mm);
	vm->mmu.registered = false;
}
