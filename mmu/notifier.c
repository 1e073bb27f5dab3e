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

/* ---- from slot to slot ---------------------------------------------------------- */

/*
 * Where an event is. The lock is dropped on the way, slots come and go then, and
 * who takes one out of hva_tree moves those on that are at it. What comes in may
 * be passed over: nothing is mapped through it yet (N1), but where entries stay
 * and get another slot (slot_change_log()). That one is put behind all that begin
 * at the same address, so the event meets it if it has not met the old one.
 */
struct hva_cursor {
	struct list_head link;		/* [m] vm->mmu.cursors */
	hva_t start, last;		/* [I] */
	struct memslot *slot;		/* [m] where to go on, NULL: nowhere */
	gfn_t gfn;			/* [m] and there */
};

static void cursor_at(struct hva_cursor *c, struct memslot *slot)
{
	struct mmu_range range;

	c->slot = slot;
	if (!slot)
		return;
	slot_range(slot, c->start, c->last, &range);
	c->gfn = range.start;
}

void notifier_slot_gone(struct vm *vm, struct memslot *slot)
{
	struct hva_cursor *c;

	lockdep_assert_held_write(&vm->mmu.lock);
	list_for_each_entry(c, &vm->mmu.cursors, link)
		if (c->slot == slot)
			cursor_at(c, hva_tree_next(slot, c->start, c->last));
}

/* What it costs to go to a slot, and past memory that is not mapped, in pages */
#define SLOT_COST	64
#define HOLE_COST(n)	((n) >> 12)

/*
 * As much as one hold of the lock may do. The host's addresses are no measure of
 * that, since any number of slots may name them all; and what is not mapped is
 * skipped, or a VM that has no page would take the time of all that it might have.
 */
static void unmap_some(struct vm *vm, struct hva_cursor *c)
{
	gfn_t left = vm->mmu.kind->unmap_step, end, cost;
	struct mmu_range range;
	bool flush = false;

	do {
		slot_range(c->slot, c->start, c->last, &range);
		end = range.end;
		range.start = mmu_op(vm, next_mapped, vm, c->gfn, end);
		range.end = min(end, range.start + left);
		if (range.start < range.end)
			flush |= mmu_op(vm, unmap, vm, &range);
		cost = range.end - range.start + SLOT_COST +
		       HOLE_COST(range.start - c->gfn);
		left -= min(left, cost);
		c->gfn = range.end;
		if (c->gfn == end)
			cursor_at(c, hva_tree_next(c->slot, c->start, c->last));
	} while (c->slot && left);
	if (flush && !skip_flush(SKIP_FLUSH_UNMAP))
		mmu_flush_all(vm);
}

/*
 * exit_mmap() names the whole address space: go from slot to slot, and through
 * large ones in steps, rather than hold the lock for all of it. So too where the
 * host may not sleep, as when it is out of memory: what waits for the lock
 * should have it. @event: one that ends later begins here.
 */
static void unmap_range(struct vm *vm, hva_t start, hva_t last, bool may_sleep,
			bool event)
{
	struct hva_cursor c = { .start = start, .last = last };

	write_lock(&vm->mmu.lock);
	if (event)
		inv_begin_locked(vm, start, last + 1);
	cursor_at(&c, hva_tree_first(&vm->mmu.hva_tree, start, last));
	if (!c.slot)
		goto unlock;
	list_add(&c.link, &vm->mmu.cursors);
	for (;;) {
		unmap_some(vm, &c);
		if (!c.slot)
			break;
		write_unlock(&vm->mmu.lock);
		if (may_sleep)
			cond_resched();
		write_lock(&vm->mmu.lock);
		/* the slots that were left may have gone meanwhile */
		if (!c.slot)
			break;
	}
	list_del(&c.link);
unlock:
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

/*
 * Reclaim asks for every page, with locks held that others wait for, so what it
 * waits for is bounded. Memory that has more names than that may look older than
 * it is.
 */
#define AGE_NAMES	64

static bool age_range(struct vm *vm, hva_t start, hva_t end, bool clear)
{
	unsigned long left = AGE_NAMES * ((end - start) >> PAGE_SHIFT);
	struct mmu_range range = {};
	struct memslot *slot;
	bool young = false;

	write_lock(&vm->mmu.lock);
	for (slot = hva_tree_first(&vm->mmu.hva_tree, start, end - 1);
	     slot && left; left--,
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
