// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots: create, move, change, delete. See memslot.h for the structure
 * and its invariants, slot_table.c for the table of slots, private_slot.c for the
 * VM's own slots.
 *
 * Order of a change (the numbers are cited below):
 *  C1. everything that can fail is done before anything changes;
 *  C2. the new slot goes into the hva tree once no notifier event that began
 *      without knowing it is under way;
 *  C3. the new table is published, with the next generation;
 *  C4. after synchronize_srcu() nobody uses the old slot;
 *  C5. the kind drops what was mapped through the old slot, vCPUs flush, and
 *      it leaves the hva tree; write protection for a dirty log that was turned
 *      on is done here too: an entry made without marking must not survive;
 *  C6. the old objects are freed;
 *  C7. hardware logs guest addresses: what it logged for a slot is collected
 *      while that slot, or none, is at the address.
 */
#include <linux/interval_tree_generic.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/skip_flush.h"
#include "mmu/memslot.h"
#include "mmu/private.h"
#include "mmu/slot_table.h"

#define HVA_FIRST(slot)	((slot)->hva)
#define HVA_LAST(slot)	(memslot_hva_end(slot) - 1)

INTERVAL_TREE_DEFINE(struct memslot, hva_node, hva_t, subtree_last,
		     HVA_FIRST, HVA_LAST, static __maybe_unused, hva_it)

struct memslot *hva_tree_first(struct rb_root_cached *root, hva_t start,
			       hva_t last)
{
	return hva_it_iter_first(root, start, last);
}

struct memslot *hva_tree_next(struct memslot *slot, hva_t start, hva_t last)
{
	return hva_it_iter_next(slot, start, last);
}

/* ---- slots ---------------------------------------------------------------- */

static void slot_free(struct vm *vm, struct memslot *slot)
{
	mmu_op(vm, slot_free, vm, slot);
	kvfree(slot->dirty);
	kfree(slot);
}

static int slot_alloc_dirty(struct vm *vm, struct memslot *slot)
{
	unsigned long bytes = BITS_TO_LONGS(slot->npages) * sizeof(long);

	slot->dirty = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!slot->dirty)
		return -ENOMEM;
	if (vm->mmu.manual_protect & KVM_DIRTY_LOG_INITIALLY_SET)
		bitmap_set(slot->dirty, 0, slot->npages);
	return 0;
}

/*
 * C2. Whoever looks up a page of the new slot after this is seen by notifier
 * events that begin after it. Events that began before it did not find the
 * slot, but count in inv_count, and mmu_inv_stale() looks at their address
 * range whether or not a slot was there.
 */
static void hva_insert(struct vm *vm, struct memslot *slot)
{
	write_lock(&vm->mmu.lock);
	hva_it_insert(slot, &vm->mmu.hva_tree);
	write_unlock(&vm->mmu.lock);
}

static void hva_remove(struct vm *vm, struct memslot *slot)
{
	write_lock(&vm->mmu.lock);
	notifier_slot_gone(vm, slot);
	hva_it_remove(slot, &vm->mmu.hva_tree);
	write_unlock(&vm->mmu.lock);
}

static int slot_create(struct vm *vm, struct memslot *new)
{
	struct table_edit e;
	int r;

	r = xa_reserve(&vm->mmu.slot_ids, new->id, GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	r = mmu_op(vm, slot_init, vm, new);
	if (r)
		goto release;
	r = slot_table_edit(vm, &e, NULL, new);
	if (r)
		goto free_kind;
	hva_insert(vm, new);
	xa_store(&vm->mmu.slot_ids, new->id, new, GFP_KERNEL_ACCOUNT);
	slot_table_commit(vm, &e);
	return 0;

free_kind:
	mmu_op(vm, slot_free, vm, new);
release:
	xa_release(&vm->mmu.slot_ids, new->id);
	return r;
}

void mmu_slot_in_steps(struct vm *vm, struct memslot *slot,
		       bool (*fn)(struct vm *vm, const struct mmu_range *range))
{
	gfn_t end = slot->base + slot->npages;
	struct mmu_range range = { .slot = slot, .end = slot->base };

	do {
		range.start = range.end;
		range.end += min_t(gfn_t, end - range.start,
				   vm->mmu.kind->unmap_step);
		write_lock(&vm->mmu.lock);
		if (fn(vm, &range))
			mmu_flush_all(vm);
		write_unlock(&vm->mmu.lock);
		cond_resched();
	} while (range.end < end);
}

static bool zap_step(struct vm *vm, const struct mmu_range *range)
{
	return mmu_op(vm, slot_removed, vm, range) &&
	       !skip_flush(SKIP_FLUSH_ENTRY);
}

static void slot_zap(struct vm *vm, struct memslot *slot)
{
	mmu_slot_in_steps(vm, slot, zap_step);
}

/* C5 for a slot that is gone or moved away */
static void slot_unmap(struct vm *vm, struct memslot *old)
{
	slot_zap(vm, old);
	hva_remove(vm, old);
}

static int slot_delete(struct vm *vm, struct memslot *old)
{
	struct table_edit e;
	int r = slot_table_edit(vm, &e, old, NULL);

	if (r)
		return r;
	xa_erase(&vm->mmu.slot_ids, old->id);
	slot_table_commit(vm, &e);
	slot_unmap(vm, old);
	if (old->dirty)
		mmu_op(vm, collect_dirty, vm);		/* C7 */
	slot_free(vm, old);
	return 0;
}

/* @new has the same pages at another guest address; the dirty log goes along */
static int slot_move(struct vm *vm, struct memslot *old, struct memslot *new)
{
	struct table_edit e;
	int r;

	r = mmu_op(vm, slot_init, vm, new);
	if (r)
		return r;
	r = slot_table_edit(vm, &e, old, new);
	if (r) {
		mmu_op(vm, slot_free, vm, new);
		return r;
	}
	if (old->dirty && new->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		kvfree(new->dirty);
		new->dirty = old->dirty;
	}
	if (old->dirty) {
		/*
		 * C7: what hardware has logged is looked up at the old address,
		 * so from here on each first write is a fault, which logs at once.
		 */
		write_lock(&vm->mmu.lock);
		old->moving = true;
		write_unlock(&vm->mmu.lock);
		slot_zap(vm, old);
		mmu_op(vm, collect_dirty, vm);
	}
	hva_insert(vm, new);
	xa_store(&vm->mmu.slot_ids, new->id, new, GFP_KERNEL_ACCOUNT);
	slot_table_commit(vm, &e);
	slot_unmap(vm, old);
	if (old->dirty == new->dirty)
		old->dirty = NULL;
	slot_free(vm, old);
	return 0;
}

/* @new is @old with dirty logging turned on or off; the kind's data goes along */
static int slot_change_log(struct vm *vm, struct memslot *old,
			   struct memslot *new)
{
	struct table_edit e;
	int r = slot_table_edit(vm, &e, old, new);

	if (r)
		return r;
	new->priv = old->priv;
	hva_insert(vm, new);
	xa_store(&vm->mmu.slot_ids, new->id, new, GFP_KERNEL_ACCOUNT);
	slot_table_commit(vm, &e);
	hva_remove(vm, old);
	mmu_op(vm, dirty_log_changed, vm, new, new->dirty);
	if (old->dirty)
		mmu_op(vm, collect_dirty, vm);		/* C7 */
	kvfree(old->dirty);
	kfree(old);
	return 0;
}

static int set_slot(struct vm *vm, const struct memslot *want)
{
	struct memslot *old = xa_load(&vm->mmu.slot_ids, want->id);
	struct memslot *new;
	int r;

	lockdep_assert_held(&vm->mmu.slots_lock);
	if (!want->npages)
		return old ? slot_delete(vm, old) : -EINVAL;
	if (old && (old->npages != want->npages || old->hva != want->hva ||
		    (old->flags ^ want->flags) & KVM_MEM_READONLY))
		return -EINVAL;
	if (old && old->base == want->base && old->flags == want->flags)
		return 0;
	if (slot_table_overlaps(memslots_get(vm), want->base, want->npages, old))
		return -EEXIST;

	new = kmemdup(want, sizeof(*want), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	if (new->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		r = slot_alloc_dirty(vm, new);
		if (r)
			goto free;
	}
	if (!old)
		r = slot_create(vm, new);
	else if (old->base != new->base)
		r = slot_move(vm, old, new);
	else
		r = slot_change_log(vm, old, new);
	if (!r)
		return 0;
free:
	kvfree(new->dirty);
	kfree(new);
	return r;
}

int mmu_set_region(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
	u32 id = region->slot & 0xffff, space = region->slot >> 16;
	u64 size = region->memory_size, gpa = region->guest_phys_addr;
	struct memslot want = {};
	int r;

	if (region->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if (id >= MMU_USER_SLOTS || space >= MMU_ADDRESS_SPACES)
		return -EINVAL;
	if ((size | gpa | region->userspace_addr) & ~PAGE_MASK)
		return -EINVAL;
	if (size >> PAGE_SHIFT > SLOT_MAX_PAGES || gpa + size < gpa)
		return -EINVAL;
	if (region->userspace_addr ^ untagged_addr(region->userspace_addr) ||
	    !access_ok((void __user *)(unsigned long)region->userspace_addr,
		       size))
		return -EINVAL;
	if (size && gpa + size - 1 > mmu_gpa_last(vm))
		return -EINVAL;

	want.id = region->slot;
	want.base = (mmu_space_base(space) | gpa) >> PAGE_SHIFT;
	want.npages = size >> PAGE_SHIFT;
	want.hva = region->userspace_addr;
	want.flags = region->flags;

	mutex_lock(&vm->mmu.slots_lock);
	r = set_slot(vm, &want);
	mutex_unlock(&vm->mmu.slots_lock);
	return r;
}

/* The same slot in each space, or as it was in all of them */
static int set_in_all(struct vm *vm, struct memslot *want, gfn_t base, u32 nr)
{
	struct memslot *old = xa_load(&vm->mmu.slot_ids, nr);
	gfn_t old_base = old ? old->base : 0;
	unsigned int space;
	int r = 0;

	for (space = 0; space < MMU_ADDRESS_SPACES; space++) {
		want->id = SLOT_ID(space, nr);
		want->base = mmu_space_base(space) >> PAGE_SHIFT | base;
		r = set_slot(vm, want);
		if (r)
			break;
	}
	if (!r)
		return 0;
	while (space--) {
		want->id = SLOT_ID(space, nr);
		want->base = mmu_space_base(space) >> PAGE_SHIFT | old_base;
		if (!old)
			want->npages = 0;
		set_slot(vm, want);
	}
	return r;
}

/**
 * memslot_set_private() - a slot of the VM's own, of fresh anonymous memory
 * @vm: the VM, slots lock held; called by the process that owns it
 * @id: SLOT_PRIVATE_*
 * @gpa: where; the slot is moved there when it exists already
 * @npages: how large
 * @hva: receives where the memory is
 *
 * The same memory is in every address space.
 *
 * Return: 0, -EEXIST where it would overlap another slot, -EINVAL where the
 * guest cannot address it, -ENOMEM.
 */
int memslot_set_private(struct vm *vm, u32 id, gpa_t gpa, unsigned long npages,
			hva_t *hva)
{
	struct memslot *old = xa_load(&vm->mmu.slot_ids, id);
	unsigned long size = npages << PAGE_SHIFT;
	struct memslot want = { .npages = npages };
	bool made = !old;
	int r;

	if (gpa + size - 1 > mmu_gpa_last(vm))
		return -EINVAL;
	if (old) {
		want.hva = old->hva;
	} else {
		want.hva = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, 0);
		if (IS_ERR_VALUE(want.hva))
			return -ENOMEM;
	}
	*hva = want.hva;
	r = set_in_all(vm, &want, gpa >> PAGE_SHIFT, id);
	/* unless taking the first of them back found no memory */
	if (r && made && !xa_load(&vm->mmu.slot_ids, id))
		vm_munmap(want.hva, size);
	return r;
}

bool mmu_gpa_is_memory(struct vm *vm, gpa_t gpa, bool write)
{
	struct memslot *slot = memslot_find(memslots_get(vm), gpa >> PAGE_SHIFT);

	return slot && !(write && slot->flags & KVM_MEM_READONLY);
}

int memslots_init(struct vm *vm)
{
	struct memslots *s = slot_table_new();

	if (!s)
		return -ENOMEM;
	xa_init(&vm->mmu.slot_ids);
	vm->mmu.hva_tree = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&vm->mmu.cursors);
	RCU_INIT_POINTER(vm->mmu.slots, s);
	return 0;
}

/* Nobody else can reach the VM. The kind's tables are gone or go next. */
void memslots_destroy(struct vm *vm)
{
	struct memslots *s = rcu_dereference_protected(vm->mmu.slots, true);
	struct memslot *slot;
	unsigned long id;

	xa_for_each(&vm->mmu.slot_ids, id, slot) {
		slot_free(vm, slot);
		cond_resched();
	}
	xa_destroy(&vm->mmu.slot_ids);
	slot_table_free(s);
}
