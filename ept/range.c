// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host and user space ask of a range of guest memory: unmap, protect,
 * log, age. mmu.lock is held for writing unless a function says otherwise.
 */
#include <linux/mm.h>
#include "ept/ept.h"
#include "vmx/insn.h"

/* The largest level whose entry lies wholly inside [gfn, end) and starts at gfn */
static unsigned int inside_level(gfn_t gfn, gfn_t end)
{
	unsigned int level = PG_4K;

	while (level < ept_hw.fmt->levels &&
	       !(gfn & (pg_pages(level + 1) - 1)) &&
	       end - gfn >= pg_pages(level + 1))
		level++;
	return level;
}

/*
 * Take everything in [gfn, end) away, whole tables where they lie inside; a
 * large page that sticks out goes too. Tables are freed after a flush made
 * here, the other pages' flush is left to the caller, who is told.
 */
static bool zap_range(struct vm *vm, gfn_t gfn, gfn_t end)
{
	struct ept_dead dead = {};
	unsigned int level;
	bool flush = false;
	u64 *ep;

	while (gfn < end) {
		ep = ept_walk(vm, gfn, inside_level(gfn, end), &level);
		do {
			if (ept_mapped(READ_ONCE(*ep))) {
				ept_zap(vm, ep, level, &dead);
				flush = true;
			}
			gfn = (gfn | (pg_pages(level) - 1)) + 1;
			ep++;
		} while (level == PG_4K && gfn < end && gfn & 511);
	}
	if (!dead.list)
		return flush;
	mmu_flush_all(vm);
	ept_free_dead(vm, &dead);
	return false;
}

bool ept_unmap(struct vm *vm, const struct mmu_range *range)
{
	return zap_range(vm, range->start, range->end);
}

/* Gigabytes to look at, where their tables' parents are all there */
#define NEXT_LOOKS	4096

gfn_t ept_next_mapped(struct vm *vm, gfn_t gfn, gfn_t end)
{
	unsigned int level, n;

	for (n = 0; gfn < end && n < NEXT_LOOKS; n++) {
		if (ept_mapped(READ_ONCE(*ept_walk(vm, gfn, PG_1G, &level))))
			break;
		gfn = (gfn | (pg_pages(level) - 1)) + 1;
	}
	return min(gfn, end);
}

bool ept_slot_removed(struct vm *vm, const struct mmu_range *range)
{
	return zap_range(vm, range->start, range->end);
}

/* A leaf that came to its turn; returns the value it is to have */
typedef u64 (*leaf_fn)(u64 e, unsigned int level);

/* Apply @fn to all leaves that meet [gfn, end). Returns whether one changed. */
static bool change_leaves(struct vm *vm, gfn_t gfn, gfn_t end, leaf_fn fn)
{
	bool changed = false;
	unsigned int level;
	u64 *ep, e, new;

	while (gfn < end) {
		ep = ept_walk(vm, gfn, PG_4K, &level);
		do {
			/* hardware sets A and D whenever it likes */
			do {
				e = READ_ONCE(*ep);
				new = ept_mapped(e) ? fn(e, level) : e;
			} while (new != e && !ept_change(ep, e, new));
			changed |= new != e;
			gfn = (gfn | (pg_pages(level) - 1)) + 1;
			ep++;
		} while (level == PG_4K && gfn < end && gfn & 511);
	}
	return changed;
}

static u64 leaf_protect(u64 e, unsigned int level)
{
	return e & ~(EPT_W | EPT_SAVED_W);
}

/* With PML: small pages are logged once D is clear, large ones must be split */
static u64 leaf_log(u64 e, unsigned int level)
{
	return level == PG_4K ? e & ~EPT_D : leaf_protect(e, level);
}

bool ept_write_protect(struct vm *vm, const struct mmu_range *range)
{
	return change_leaves(vm, range->start, range->end, leaf_protect);
}

bool ept_clear_dirty(struct vm *vm, struct memslot *slot, gfn_t first,
		     unsigned long mask)
{
	leaf_fn fn = ept_logs_writes(slot) ? leaf_log : leaf_protect;
	unsigned long from, to;
	bool flush = false;

	/* runs of set bits, so that neighbours share a walk */
	for (from = 0; mask >> from; from = to) {
		from += __ffs(mask >> from);
		to = from + 1;
		while (to < BITS_PER_LONG && mask & BIT(to))
			to++;
		flush |= change_leaves(vm, first + from, first + to, fn);
		if (to == BITS_PER_LONG)
			break;
	}
	return flush;
}

static bool begin_log(struct vm *vm, const struct mmu_range *range)
{
	return change_leaves(vm, range->start, range->end,
			     ept_logs_writes(range->slot) ? leaf_log :
							    leaf_protect);
}

void ept_dirty_log_changed(struct vm *vm, struct memslot *slot, bool on)
{
	/* every page is in the log then, and protected when it is cleared */
	if (on && READ_ONCE(vm->mmu.manual_protect) & KVM_DIRTY_LOG_INITIALLY_SET)
		return;
	/*
	 * The log begins when all steps are done. When it ends, small pages
	 * become large again and need no log: start over.
	 */
	mmu_slot_in_steps(vm, slot, on ? begin_log : ept_unmap);
}

/* E7 */
static u64 leaf_track(u64 e)
{
	if (e & EPT_TRACK)
		return e;
	return (e & ~(EPT_RWX | EPT_AROUND)) | EPT_TRACK |
	       (e & EPT_W ? EPT_SAVED_W : 0) | (e & EPT_X ? EPT_SAVED_X : 0);
}

bool ept_age(struct vm *vm, const struct mmu_range *range, bool clear)
{
	gfn_t gfn = range->start;
	unsigned int level;
	bool young = false;
	u64 *ep, e, new;

	while (gfn < range->end) {
		ep = ept_walk(vm, gfn, PG_4K, &level);
		gfn = (gfn | (pg_pages(level) - 1)) + 1;
		do {
			e = READ_ONCE(*ep);
			if (!ept_mapped(e))
				break;
			new = ept_hw.ad ? e & ~EPT_A : leaf_track(e);
		} while (clear && new != e && !ept_change(ep, e, new));
		if (!ept_mapped(e))
			continue;
		if (ept_hw.ad)
			young |= !!(e & EPT_A);
		else
			young |= !(e & (EPT_TRACK | EPT_AROUND));
	}
	return young;
}

/* Gigabytes that a call looks at: where there is nothing, the next goes on */
#define SHRINK_LOOKS	4096

/* The level of entries that name tables of gigabytes */
#define LEVEL_512G	(PG_1G + 1)

/* A gigabyte's tables at a time, from where the last call stopped */
unsigned long ept_shrink(struct vm *vm, unsigned long nr)
{
	struct ept_vm *et = ept_vm(vm);
	long before = atomic_long_read(&et->tables);
	gfn_t end = (mmu_gpa_last(vm) >> PAGE_SHIFT) + 1;
	gfn_t gfn = et->shrink_next, at;
	unsigned int space = et->shrink_space, level, looks;
	/* all spaces, and the first once more for what is before the start */
	unsigned int turns = MMU_ADDRESS_SPACES;
	struct ept_dead dead = {};
	u64 *ep, e;

	for (looks = 0; dead.nr < nr && looks < SHRINK_LOOKS; looks++) {
		if (gfn >= end) {
			if (!turns--)
				break;
			space = (space + 1) % MMU_ADDRESS_SPACES;
			gfn = 0;
		}
		at = gfn + (mmu_space_base(space) >> PAGE_SHIFT);
		if (!(gfn & (pg_pages(LEVEL_512G) - 1))) {
			ep = ept_walk(vm, at, LEVEL_512G, &level);
			e = READ_ONCE(*ep);
			/* emptied by earlier calls */
			if (level == LEVEL_512G && ept_is_table(e) &&
			    !memchr_inv(ept_table(e), 0, PAGE_SIZE))
				ept_zap(vm, ep, level, &dead);
		}
		ep = ept_walk(vm, at, PG_1G, &level);
		e = READ_ONCE(*ep);
		if (level == PG_1G && ept_is_table(e))
			ept_zap(vm, ep, level, &dead);
		gfn = (gfn | (pg_pages(level) - 1)) + 1;
	}
	et->shrink_next = gfn;
	et->shrink_space = space;
	if (dead.list) {
		mmu_flush_all(vm);
		ept_free_dead(vm, &dead);
	}
	return before - atomic_long_read(&et->tables);
}

/* ---- page-modification logging (SDM 3C 29.3.6) --------------------------------- */

/*
 * An entry of the log is taken by exchange, so that the vCPU's own thread and
 * whoever reads the dirty log can both go through it. The log does not tell the
 * address space. The vCPU's own thread knows it, as the log is emptied before it
 * changes; somebody else marks the page in all.
 */
static void pml_take(struct vcpu *vcpu, u64 *entry, unsigned int first,
		     unsigned int last)
{
	struct memslot *slot;
	gfn_t gfn;
	u64 gpa;

	if (READ_ONCE(*entry) == EPT_PML_EMPTY)
		return;
	gpa = xchg(entry, EPT_PML_EMPTY);
	if (gpa == EPT_PML_EMPTY)
		return;
	for (; first <= last; first++) {
		gfn = (mmu_space_base(first) | gpa) >> PAGE_SHIFT;
		slot = memslot_find(memslots_get(vcpu->vm), gfn);
		if (slot)
			memslot_mark_dirty(vcpu, slot, gfn);
	}
}

void ept_sync_dirty(struct vcpu *vcpu)
{
	unsigned int i, space = vcpu->mmu.space ? 1 : 0;
	u64 *pml = vcpu->vmx.pml;
	u16 index;

	if (!vcpu->vmx.has_pml)
		return;
	/* hardware counts down, and is past 0 when the log is full */
	index = vmcs_read(GUEST_PML_INDEX);
	if (index == EPT_PML_ENTRIES - 1)
		return;
	i = index < EPT_PML_ENTRIES ? index + 1 : 0;
	for (; i < EPT_PML_ENTRIES; i++)
		pml_take(vcpu, pml + i, space, space);
	vmcs_write(GUEST_PML_INDEX, EPT_PML_ENTRIES - 1);
}

void ept_collect_dirty(struct vm *vm)
{
	struct vcpu *vcpu;
	unsigned long n;
	unsigned int i;

	if (!ept_hw.pml)
		return;
	/* what a CPU is about to log is in memory once it has left the guest */
	vm_request_all(vm, REQ_OUTSIDE, true);
	vm_for_each_vcpu(vm, n, vcpu) {
		if (!vcpu->vmx.has_pml)
			continue;
		for (i = 0; i < EPT_PML_ENTRIES; i++)
			pml_take(vcpu, (u64 *)vcpu->vmx.pml + i, 0,
				 MMU_ADDRESS_SPACES - 1);
	}
}
