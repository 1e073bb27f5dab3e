// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty ring (KVM_CAP_DIRTY_LOG_RING): each vCPU tells user space by a ring
 * of its own which pages were written.
 *
 *       reset            harvested by user space         dirty
 *         v                         v                      v
 *   | 00 | 1X | 1X | 1X | 1X | 1X | 01 | 01 | 01 | 01 | 01 | 00 | 00 |
 *          --- given back by ---    --- for user space ---
 *            KVM_RESET_DIRTY_RINGS      to read
 *
 *  R1. The slot's bitmap is kept as without a ring, for the module alone: a bit
 *      that becomes set puts the page into a ring; KVM_RESET_DIRTY_RINGS takes
 *      it away again as KVM_CLEAR_DIRTY_LOG would (D1 in dirty.c). So a page is
 *      in the rings once, and whatever feeds the bitmap feeds the rings.
 *  R2. A vCPU whose ring has no more than RESERVED places left leaves the guest
 *      with KVM_EXIT_DIRTY_RING_FULL. What may still come then, a full log of
 *      the hardware's above all, has a place.
 *  R3. What the hardware has logged is in the ring when KVM_RUN returns.
 *  R4. User space writes to the ring what it likes: nothing in it is believed
 *      but flags, and slot and offset are looked up again.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "mmu/dirty_ring.h"
#include "mmu/memslot.h"
#include "mmu/private.h"

/* Of the hardware's log (SDM 3C 29.3.6), and what else one exit can dirty */
#define RESERVED	(512 + 64)

struct dirty_ring {
	struct kvm_dirty_gfn *entry;	/* [I] user space has it mapped */
	u32 size;			/* [I] entries, a power of 2 */
	u32 dirty;			/* lock: next to be filled */
	u32 reset;			/* [s], read with lock: next to be given back */
	raw_spinlock_t lock;
};

int dirty_ring_enable(struct vm *vm, u64 bytes)
{
	int r = 0;

	if (!bytes || bytes & (bytes - 1) || bytes < PAGE_SIZE ||
	    bytes < RESERVED * sizeof(struct kvm_dirty_gfn))
		return -EINVAL;
	if (bytes > DIRTY_RING_MAX_BYTES)
		return -E2BIG;
	mutex_lock(&vm->mmu.slots_lock);
	/* with all pages in the log from the beginning none would come into a ring */
	if (vm->mmu.ring_size || vm->nr_vcpus || vm->mmu.manual_protect)
		r = -EINVAL;
	else
		vm->mmu.ring_size = bytes / sizeof(struct kvm_dirty_gfn);
	mutex_unlock(&vm->mmu.slots_lock);
	return r;
}

int dirty_ring_init(struct vcpu *vcpu)
{
	u32 size = READ_ONCE(vcpu->vm->mmu.ring_size);
	struct dirty_ring *ring;

	if (!size)
		return 0;
	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	ring->entry = __vmalloc(size * sizeof(*ring->entry),
				GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->entry) {
		kfree(ring);
		return -ENOMEM;
	}
	ring->size = size;
	raw_spin_lock_init(&ring->lock);
	vcpu->mmu.ring = ring;
	return 0;
}

void dirty_ring_destroy(struct vcpu *vcpu)
{
	struct dirty_ring *ring = vcpu->mmu.ring;

	if (!ring)
		return;
	vfree(ring->entry);
	kfree(ring);
	vcpu->mmu.ring = NULL;
}

struct page *dirty_ring_page(struct vcpu *vcpu, unsigned long n)
{
	struct dirty_ring *ring = vcpu->mmu.ring;
	unsigned long bytes;

	if (!ring)
		return NULL;
	bytes = ring->size * sizeof(*ring->entry);
	if (n >= bytes >> PAGE_SHIFT)
		return NULL;
	n = array_index_nospec(n, bytes >> PAGE_SHIFT);
	return vmalloc_to_page((void *)ring->entry + (n << PAGE_SHIFT));
}

static bool nearly_full(const struct dirty_ring *ring)
{
	return READ_ONCE(ring->dirty) - READ_ONCE(ring->reset) >=
	       ring->size - RESERVED;
}

void dirty_ring_push(struct vcpu *vcpu, const struct memslot *slot, u64 offset)
{
	struct dirty_ring *ring = vcpu->mmu.ring;
	struct kvm_dirty_gfn *e;
	unsigned long flags;
	bool full = true;

	raw_spin_lock_irqsave(&ring->lock, flags);
	if (ring->dirty - READ_ONCE(ring->reset) < ring->size) {
		e = &ring->entry[ring->dirty & (ring->size - 1)];
		WRITE_ONCE(e->slot, slot->id);
		WRITE_ONCE(e->offset, offset);
		/* user space sees them before the flag */
		smp_store_release(&e->flags, KVM_DIRTY_GFN_F_DIRTY);
		WRITE_ONCE(ring->dirty, ring->dirty + 1);
		full = nearly_full(ring);
	} else {
		/*
		 * Only ioctls that write guest memory, made without end, come
		 * here. Nothing may be printed: the scheduler's lock may be
		 * held. The next write of this kind tries again.
		 */
		clear_bit(offset, slot->dirty);
	}
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	if (full)
		vcpu_request(vcpu, REQ_DIRTY_RING);
}

bool dirty_ring_full(struct vcpu *vcpu)
{
	return vcpu->mmu.ring && nearly_full(vcpu->mmu.ring);
}

/* ---- KVM_RESET_DIRTY_RINGS -------------------------------------------------------- */

/* Pages of one word of a slot's bitmap, to be protected together */
struct batch {
	struct memslot *slot;
	unsigned long word, mask;
	bool flush;
};

static void batch_end(struct vm *vm, struct batch *b)
{
	if (!b->mask)
		return;
	write_lock(&vm->mmu.lock);
	dirty_take_bits(vm, b->slot, b->word, b->mask, &b->flush);
	write_unlock(&vm->mmu.lock);
	b->mask = 0;
}

static void batch_add(struct vm *vm, struct batch *b, u32 id, u64 offset)
{
	struct memslot *slot = xa_load(&vm->mmu.slot_ids, id);
	unsigned long word;

	/* the VM's own slots have no log */
	if (!slot || !slot->dirty || offset >= slot->npages)
		return;
	offset = array_index_nospec(offset, slot->npages);
	word = offset / BITS_PER_LONG;
	if (slot != b->slot || word != b->word)
		batch_end(vm, b);
	b->slot = slot;
	b->word = word;
	b->mask |= BIT(offset % BITS_PER_LONG);
}

static int reset_ring(struct vm *vm, struct dirty_ring *ring, struct batch *b)
{
	struct kvm_dirty_gfn *e;
	int n = 0;

	/* not further than has been filled, whatever the flags say (R4) */
	while (ring->reset != READ_ONCE(ring->dirty) && n < ring->size) {
		e = &ring->entry[ring->reset & (ring->size - 1)];
		/* user space has read slot and offset before */
		if (!(smp_load_acquire(&e->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		batch_add(vm, b, READ_ONCE(e->slot), READ_ONCE(e->offset));
		WRITE_ONCE(e->flags, 0);
		/* the place can be filled when it has been emptied */
		smp_store_release(&ring->reset, ring->reset + 1);
		n++;
		cond_resched();
	}
	batch_end(vm, b);
	return n;
}

int dirty_ring_reset(struct vm *vm)
{
	struct batch b = {};
	struct vcpu *vcpu;
	unsigned long i;
	int n = 0;

	if (!READ_ONCE(vm->mmu.ring_size))
		return -EINVAL;
	mutex_lock(&vm->mmu.slots_lock);
	vm_for_each_vcpu(vm, i, vcpu)
		if (vcpu->mmu.ring)
			n += reset_ring(vm, vcpu->mmu.ring, &b);
	if (b.flush)
		dirty_flush(vm);
	mutex_unlock(&vm->mmu.slots_lock);
	return n;
}
