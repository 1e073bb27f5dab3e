/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel devices on the port and memory-mapped I/O buses of a VM.
 */
#ifndef CORE_BUS_H
#define CORE_BUS_H

#include <linux/types.h>
#include <linux/list.h>
#include <linux/rcupdate.h>

struct vm;
struct vcpu;
struct bus_table;
struct io_device;

struct bus {
	struct bus_table __rcu *table;	/* [r] vm->srcu; written under vm->lock */
	u64 fast;			/* [V] read by all, a hint: io_bus_maybe_fast() */
};

/**
 * struct io_device_ops - a device as the bus sees it
 * @read: fill @data; return 0, or -EOPNOTSUPP to let the next device (in the
 *	end user space) answer
 * @write: likewise
 * @write_fast: @write, or NULL, where that may be called with interrupts off; it
 *	neither sleeps nor goes to user space then
 * @destroy: the device left the bus for good; called after a grace period
 *
 * @addr lies inside the registered range; @len is 1, 2, 4 or 8 and the access
 * does not reach past the range. vm->srcu is held for reading. @vcpu is the
 * vCPU that makes the access.
 */
struct io_device_ops {
	int (*read)(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		    unsigned int len, void *data);
	int (*write)(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		     unsigned int len, const void *data);
	int (*write_fast)(struct vcpu *vcpu, struct io_device *dev, u64 addr,
			  unsigned int len, const void *data);
	void (*destroy)(struct io_device *dev);
};

struct io_device {
	const struct io_device_ops *ops;
	bool leaving;			/* io_bus_destroy() has seen it */
};

/**
 * io_bus_register() - put a device on a bus
 * @vm: the VM
 * @bus: &vm->pio_bus or &vm->mmio_bus
 * @addr: first address
 * @len: bytes; 0 means "any length at exactly @addr" (ioeventfd)
 * @dev: the device; one device may be registered at several ranges
 *
 * Context: vm->lock held. Ranges may overlap; the earlier one is asked first.
 * Return: 0, -ENOMEM, -ENOSPC where the bus is full (8192 ranges), -EINVAL
 * where the range wraps.
 */
int io_bus_register(struct vm *vm, struct bus *bus, u64 addr, u64 len,
		    struct io_device *dev);

/**
 * io_bus_unregister() - take a device off a bus, all its ranges
 * @vm: the VM
 * @bus: the bus
 * @dev: the device; not called any more when this returns. ops->destroy is
 *	not called: the caller disposes of the device.
 *
 * Context: vm->lock held, may sleep. Return: 0 or -ENOENT.
 */
int io_bus_unregister(struct vm *vm, struct bus *bus, struct io_device *dev);

/* Every device off the bus, ops->destroy called once for each. VM teardown only. */
void io_bus_destroy(struct vm *vm, struct bus *bus);

/**
 * io_bus_read() - ask the in-kernel devices
 * @vcpu: the vCPU that reads
 * @bus: the bus
 * @addr: address
 * @len: 1, 2, 4 or 8
 * @data: filled on success only
 *
 * Return: 0 when a device answered, -EOPNOTSUPP when user space has to.
 */
int io_bus_read(struct vcpu *vcpu, struct bus *bus, u64 addr, unsigned int len,
		void *data);

/* The same for a write */
int io_bus_write(struct vcpu *vcpu, struct bus *bus, u64 addr, unsigned int len,
		 const void *data);

/**
 * io_bus_write_fast() - io_bus_write(), if the devices asked can do it so
 * @vcpu: the vCPU that writes
 * @bus: the bus
 * @addr: address; io_bus_maybe_fast() was true of it
 * @len: 1, 2, 4 or 8
 * @data: what is written
 *
 * Context: any, interrupts off, vm->srcu not held.
 * Return: true where it is done; false: nothing is, io_bus_write() has to. That
 * is so, too, where very many ranges may hold the address.
 */
bool io_bus_write_fast(struct vcpu *vcpu, struct bus *bus, u64 addr,
		       unsigned int len, const void *data);

static __always_inline bool io_bus_any_fast(const struct bus *bus)
{
	return READ_ONCE(bus->fast);
}

/* Where it says false there is no need to try. Exact enough for what is usual. */
static __always_inline bool io_bus_maybe_fast(const struct bus *bus, u64 addr)
{
	return READ_ONCE(bus->fast) >> (addr & 63) & 1;
}

bool io_bus_search(struct vm *vm, struct bus *bus, u64 addr, unsigned int len);

/**
 * io_bus_claims() - is there a device that could answer?
 * @vm: the VM
 * @bus: the bus
 * @addr: address
 * @len: 1, 2, 4 or 8
 *
 * Context: any, vm->srcu not held. Where many would have to be asked, it says yes.
 */
static inline bool io_bus_claims(struct vm *vm, struct bus *bus, u64 addr,
				 unsigned int len)
{
	return rcu_access_pointer(bus->table) &&
	       io_bus_search(vm, bus, addr, len);
}

#endif
