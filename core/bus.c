// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O buses: a sorted array of ranges, replaced as a whole under vm->lock
 * and read under vm->srcu.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "core/bus.h"
#include "core/vcpu.h"

/*
 * Nearly all are ioeventfds: a few for each queue of each device, of which a large
 * VM has thousands. Memory is accounted to the VM's owner; this bounds the time that
 * replacing the table takes, and the memory for a single file descriptor.
 */
#define BUS_MAX_RANGES	8192

/* How many devices an access with interrupts off may ask */
#define BUS_MAX_FAST	128

struct bus_range {
	u64 first, last;	/* inclusive */
	u64 reach;		/* the largest last up to here */
	bool any_len;		/* ioeventfd of length 0: only the address counts */
	struct io_device *dev;
};

struct bus_table {
	unsigned int nr;
	struct bus_range ranges[];
};

static struct bus_table *table_locked(struct vm *vm, struct bus *bus)
{
	return rcu_dereference_protected(bus->table, lockdep_is_held(&vm->lock));
}

/* Where ranges overlap, the later may be the shorter. Those before @from have it. */
static void set_reach(struct bus_table *table, unsigned int from)
{
	u64 reach = from ? table->ranges[from - 1].reach : 0;
	unsigned int i;

	for (i = from; i < table->nr; i++) {
		reach = max(reach, table->ranges[i].last);
		table->ranges[i].reach = reach;
	}
}

/* The first address, by its low bits, if its device has write_fast */
static u64 fast_hint(const struct bus_range *r)
{
	return r->dev->ops->write_fast ? BIT_ULL(r->first & 63) : 0;
}

static void publish(struct vm *vm, struct bus *bus, struct bus_table *new,
		    struct bus_table *old, u64 fast)
{
	WRITE_ONCE(bus->fast, fast);
	rcu_assign_pointer(bus->table, new);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
}

int io_bus_register(struct vm *vm, struct bus *bus, u64 addr, u64 len,
		    struct io_device *dev)
{
	struct bus_table *old = table_locked(vm, bus), *new;
	unsigned int nr = old ? old->nr : 0, at;
	u64 last = len ? addr + len - 1 : addr;

	if (last < addr)
		return -EINVAL;
	if (nr >= BUS_MAX_RANGES)
		return -ENOSPC;
	new = kvmalloc(struct_size(new, ranges, nr + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	/* by first address; equal ones in the order of registration */
	for (at = nr; at && old->ranges[at - 1].first > addr; at--)
		;
	if (at)
		memcpy(new->ranges, old->ranges, at * sizeof(new->ranges[0]));
	new->ranges[at] = (struct bus_range) {
		.first = addr, .last = last, .any_len = !len, .dev = dev,
	};
	if (nr > at)
		memcpy(new->ranges + at + 1, old->ranges + at,
		       (nr - at) * sizeof(new->ranges[0]));
	new->nr = nr + 1;
	set_reach(new, at);
	publish(vm, bus, new, old, bus->fast | fast_hint(&new->ranges[at]));
	return 0;
}

int io_bus_unregister(struct vm *vm, struct bus *bus, struct io_device *dev)
{
	struct bus_table *old = table_locked(vm, bus), *new;
	unsigned int i, left = 0;
	u64 fast = 0;

	for (i = 0; old && i < old->nr; i++)
		left += old->ranges[i].dev != dev;
	if (!old || left == old->nr)
		return -ENOENT;
	new = kvmalloc(struct_size(new, ranges, left),
		       GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	new->nr = 0;
	for (i = 0; i < old->nr; i++) {
		if (old->ranges[i].dev == dev)
			continue;
		fast |= fast_hint(&old->ranges[i]);
		new->ranges[new->nr++] = old->ranges[i];
	}
	set_reach(new, 0);
	publish(vm, bus, new, old, fast);
	return 0;
}

void io_bus_destroy(struct vm *vm, struct bus *bus)
{
	struct bus_table *table = table_locked(vm, bus);
	struct io_device *dev;
	unsigned int i;

	if (!table)
		return;
	RCU_INIT_POINTER(bus->table, NULL);
	/* a device may have several ranges: destroy it once */
	for (i = 0; i < table->nr; i++) {
		dev = table->ranges[i].dev;
		if (dev->leaving)
			table->ranges[i].dev = NULL;
		dev->leaving = true;
	}
	for (i = 0; i < table->nr; i++) {
		dev = table->ranges[i].dev;
		if (dev)
			dev->ops->destroy(dev);
		cond_resched();
	}
	kvfree(table);
}

static __always_inline bool begins_by(const struct bus_range *r, u64 addr)
{
	return r->first <= addr;
}

static __always_inline bool ends_before(const struct bus_range *r, u64 addr)
{
	return r->reach < addr;
}

typedef bool (*range_fn)(const struct bus_range *r, u64 addr);

/* How many of the first @nr are so; by bisection, since first and reach ascend */
static __always_inline unsigned int count(const struct bus_table *table,
					  unsigned int nr, u64 addr, range_fn so)
{
	unsigned int lo = 0, hi = nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (so(&table->ranges[mid], addr))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Ranges from @from up to @to may hold the address; no others do */
static __always_inline void candidates(const struct bus_table *table, u64 addr,
				       unsigned int *from, unsigned int *to)
{
	*to = count(table, table->nr, addr, begins_by);
	*from = count(table, *to, addr, ends_before);
}

static bool holds(const struct bus_range *r, u64 addr, unsigned int len)
{
	return r->any_len ? addr == r->first :
	       addr >= r->first && addr + len - 1 <= r->last;
}

typedef int (*bus_fn)(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		      unsigned int len, void *data);

static int do_read(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		   unsigned int len, void *data)
{
	return dev->ops->read(vcpu, dev, addr, len, data);
}

static int do_write(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		    unsigned int len, void *data)
{
	return dev->ops->write(vcpu, dev, addr, len, data);
}

static __always_inline int bus_access(struct vcpu *vcpu, struct bus *bus,
				      u64 addr, unsigned int len, void *data,
				      bus_fn fn)
{
	const struct bus_table *table = srcu_dereference(bus->table,
							 &vcpu->vm->srcu);
	unsigned int i, end;

	if (!table)
		return -EOPNOTSUPP;
	candidates(table, addr, &i, &end);
	for (; i < end; i++) {
		if (!holds(&table->ranges[i], addr, len))
			continue;
		if (fn(vcpu, table->ranges[i].dev, addr, len, data) == 0)
			return 0;
	}
	return -EOPNOTSUPP;
}

bool io_bus_write_fast(struct vcpu *vcpu, struct bus *bus, u64 addr,
		       unsigned int len, const void *data)
{
	struct srcu_struct *srcu = &vcpu->vm->srcu;
	const struct bus_table *table;
	const struct io_device_ops *ops;
	struct io_device *dev;
	unsigned int i, end;
	bool done = false;
	int idx;

	idx = srcu_read_lock(srcu);
	table = srcu_dereference(bus->table, srcu);
	if (unlikely(!table))
		goto out;
	candidates(table, addr, &i, &end);
	if (unlikely(end - i > BUS_MAX_FAST))
		goto out;
	for (; i < end && !done; i++) {
		if (!holds(&table->ranges[i], addr, len))
			continue;
		dev = table->ranges[i].dev;
		ops = dev->ops;
		/* the order of the devices counts */
		if (!ops->write_fast)
			break;
		done = !ops->write_fast(vcpu, dev, addr, len, data);
	}
out:
	srcu_read_unlock(srcu, idx);
	return done;
}

/* The rest of io_bus_claims() */
bool io_bus_search(struct vm *vm, struct bus *bus, u64 addr, unsigned int len)
{
	const struct bus_table *table;
	unsigned int i, end;
	bool claimed = false;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	table = srcu_dereference(bus->table, &vm->srcu);
	if (table) {
		candidates(table, addr, &i, &end);
		claimed = end - i > BUS_MAX_FAST;
		for (; i < end && !claimed; i++)
			claimed = holds(&table->ranges[i], addr, len);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return claimed;
}

int io_bus_read(struct vcpu *vcpu, struct bus *bus, u64 addr, unsigned int len,
		void *data)
{
	return bus_access(vcpu, bus, addr, len, data, do_read);
}

int io_bus_write(struct vcpu *vcpu, struct bus *bus, u64 addr, unsigned int len,
		 const void *data)
{
	return bus_access(vcpu, bus, addr, len, (void *)data, do_write);
}
