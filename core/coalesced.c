// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coalesced I/O.
 *
 *   vm->coalesced ---> { zones ---> nr, zone[] } one table at a time, replaced
 *                      { ring  ---> the page user space maps }
 *
 * The ring has one slot less than fits, so that first == last means empty:
 *
 *       first: next to be taken, written by user space
 *       last:  next to be filled, written here
 *
 * User space can write any value to the page at any time; a bad one loses its
 * own I/O and nothing else.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include "core/coalesced.h"
#include "core/vcpu.h"

#define MAX_ZONES	1000

struct zones {
	unsigned int nr;
	struct kvm_coalesced_mmio_zone zone[];
};

struct coalesced_mmio {
	struct zones __rcu *zones;		/* [r] vm->srcu; written under [V] */
	struct kvm_coalesced_mmio_ring *ring;	/* [I] one page; user space writes it */
	spinlock_t lock;			/* fillers of the ring */
};

static struct coalesced_mmio *get_coalesced(struct vm *vm)
{
	struct coalesced_mmio *c = READ_ONCE(vm->coalesced);
	struct coalesced_mmio *other;

	if (c)
		return c;
	c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	if (!c)
		return NULL;
	spin_lock_init(&c->lock);
	c->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!c->ring) {
		kfree(c);
		return NULL;
	}
	/* a page fault on the ring comes with mmap_lock held: no mutex here */
	other = cmpxchg(&vm->coalesced, NULL, c);
	if (other) {
		free_page((unsigned long)c->ring);
		kfree(c);
		return other;
	}
	return c;
}

struct page *coalesced_ring_page(struct vm *vm)
{
	struct coalesced_mmio *c = get_coalesced(vm);

	return c ? virt_to_page(c->ring) : NULL;
}

/* Is @inner within @outer? Neither wraps. */
static bool covers(const struct kvm_coalesced_mmio_zone *outer,
		   const struct kvm_coalesced_mmio_zone *inner)
{
	return outer->pio == inner->pio && inner->addr >= outer->addr &&
	       inner->addr + inner->size <= outer->addr + outer->size;
}

static bool covered(struct vm *vm, struct coalesced_mmio *c,
		    const struct kvm_coalesced_mmio_zone *access)
{
	const struct zones *zones = srcu_dereference(c->zones, &vm->srcu);
	unsigned int i;

	if (!zones)
		return false;
	for (i = 0; i < zones->nr; i++) {
		if (covers(&zones->zone[i], access))
			return true;
	}
	return false;
}

static noinline bool write_to_ring(struct vcpu *vcpu, struct coalesced_mmio *c,
				   bool pio, u64 addr, unsigned int len,
				   const void *data)
{
	struct kvm_coalesced_mmio_zone access = {
		.addr = addr, .size = len, .pio = pio,
	};
	struct kvm_coalesced_mmio entry = {
		.phys_addr = addr, .len = len, .pio = pio,
	};
	unsigned int last, next;
	bool room;

	if (len > sizeof(entry.data) || addr + len < addr ||
	    !covered(vcpu->vm, c, &access))
		return false;
	memcpy(entry.data, data, len);

	spin_lock(&c->lock);
	last = READ_ONCE(c->ring->last);
	next = (last + 1) % KVM_COALESCED_MMIO_MAX;
	room = last < KVM_COALESCED_MMIO_MAX &&
	       next != READ_ONCE(c->ring->first);
	if (room) {
		last = array_index_nospec(last, KVM_COALESCED_MMIO_MAX);
		c->ring->coalesced_mmio[last] = entry;
		/* user space looks at the entry after it sees the new last */
		smp_store_release(&c->ring->last, next);
	}
	spin_unlock(&c->lock);
	return room;
}

bool coalesced_write(struct vcpu *vcpu, bool pio, u64 addr, unsigned int len,
		     const void *data)
{
	struct coalesced_mmio *c = READ_ONCE(vcpu->vm->coalesced);

	return unlikely(c) && write_to_ring(vcpu, c, pio, addr, len, data);
}

/* The rest of coalesced_claims() */
bool coalesced_search(struct vm *vm, struct coalesced_mmio *c, bool pio,
		      u64 addr, unsigned int len)
{
	const struct kvm_coalesced_mmio_zone access = {
		.addr = addr, .size = len, .pio = pio,
	};
	bool claimed;
	int idx;

	if (!rcu_access_pointer(c->zones))	/* only the ring is mapped */
		return false;
	idx = srcu_read_lock(&vm->srcu);
	claimed = addr + len >= addr && covered(vm, c, &access);
	srcu_read_unlock(&vm->srcu, idx);
	return claimed;
}

/* ---- registration ---------------------------------------------------------- */

static int check_zone(const struct kvm_coalesced_mmio_zone *zone)
{
	if (zone->pio > 1)
		return -EINVAL;
	if (zone->addr + zone->size < zone->addr)
		return -EINVAL;
	return 0;
}

static struct zones *vm_zones(struct vm *vm, struct coalesced_mmio *c)
{
	return rcu_dereference_protected(c->zones, lockdep_is_held(&vm->lock));
}

static void replace_zones(struct vm *vm, struct coalesced_mmio *c,
			  struct zones *new)
{
	struct zones *old = vm_zones(vm, c);

	rcu_assign_pointer(c->zones, new);
	synchronize_srcu(&vm->srcu);
	kvfree(old);
}

int coalesced_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone)
{
	struct coalesced_mmio *c;
	struct zones *old, *new;
	unsigned int nr;
	int err;

	err = check_zone(zone);
	if (err)
		return err;
	c = get_coalesced(vm);
	if (!c)
		return -ENOMEM;
	mutex_lock(&vm->lock);
	old = vm_zones(vm, c);
	nr = old ? old->nr : 0;
	err = -ENOSPC;
	if (nr >= MAX_ZONES)
		goto out;
	err = -ENOMEM;
	new = kvmalloc(struct_size(new, zone, nr + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		goto out;
	if (nr)
		memcpy(new->zone, old->zone, array_size(nr, sizeof(*zone)));
	new->zone[nr] = *zone;
	new->nr = nr + 1;
	replace_zones(vm, c, new);
	err = 0;
out:
	mutex_unlock(&vm->lock);
	return err;
}

int coalesced_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone)
{
	struct coalesced_mmio *c = READ_ONCE(vm->coalesced);
	struct zones *old, *new;
	unsigned int i;
	int err;

	err = check_zone(zone);
	if (err || !c)
		return err;
	mutex_lock(&vm->lock);
	old = vm_zones(vm, c);
	if (!old)
		goto out;
	new = kvmalloc(struct_size(new, zone, old->nr), GFP_KERNEL_ACCOUNT);
	if (!new) {
		err = -ENOMEM;
		goto out;
	}
	new->nr = 0;
	for (i = 0; i < old->nr; i++) {
		if (!covers(&old->zone[i], zone))
			new->zone[new->nr++] = old->zone[i];
	}
	if (new->nr == old->nr)
		kvfree(new);
	else
		replace_zones(vm, c, new);
out:
	mutex_unlock(&vm->lock);
	return err;
}

void coalesced_destroy(struct vm *vm)
{
	struct coalesced_mmio *c = vm->coalesced;

	if (!c)
		return;
	vm->coalesced = NULL;
	kvfree(rcu_dereference_protected(c->zones, true));
	free_page((unsigned long)c->ring);
	kfree(c);
}
