// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioeventfd: a guest's write to a port or an address signals an eventfd,
 * without user space. Each one is a device on the bus.
 *
 * The list of a VM is under vm->lock; the devices themselves are found through
 * the bus, whose rules keep one alive while it is called.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>
#include "core/compat.h"
#include "eventfds.h"
#include "internal.h"

struct ioeventfd {
	struct io_device dev;
	struct list_head link;		/* [V] */
	struct eventfd_ctx *eventfd;	/* [I] */
	struct bus *bus;		/* [I] */
	u64 addr;			/* [I] */
	u64 datamatch;			/* [I] */
	u32 len;			/* [I] 0: any */
	bool wildcard;			/* [I] any data */
};

static int ioeventfd_read(struct vcpu *vcpu, struct io_device *dev, u64 addr,
			  unsigned int len, void *data)
{
	return -EOPNOTSUPP;
}

static int ioeventfd_write(struct vcpu *vcpu, struct io_device *dev, u64 addr,
			   unsigned int len, const void *data)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);
	u64 val = 0;

	if (addr != p->addr || (p->len && p->len != len))
		return -EOPNOTSUPP;
	if (!p->wildcard) {
		memcpy(&val, data, len);
		if (val != p->datamatch)
			return -EOPNOTSUPP;
	}
	compat_eventfd_signal(p->eventfd);
	return 0;
}

static void ioeventfd_free(struct io_device *dev)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);

	eventfd_ctx_put(p->eventfd);
	kfree(p);
}

static const struct io_device_ops ioeventfd_ops = {
	.read = ioeventfd_read,
	.write = ioeventfd_write,
	/* on PREEMPT_RT an eventfd's lock sleeps */
	.write_fast = IS_ENABLED(CONFIG_PREEMPT_RT) ? NULL : ioeventfd_write,
	.destroy = ioeventfd_free,
};

/* Is there a write that both would take? */
static bool collides(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->bus != b->bus || a->addr != b->addr)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (a->wildcard || b->wildcard ||
				    a->datamatch == b->datamatch);
}

static int add(struct vm *vm, struct ioeventfd *p)
{
	struct vm_eventfds *ev;
	struct ioeventfd *other;
	int err;

	lockdep_assert_held(&vm->lock);
	ev = eventfds_get(vm);
	if (!ev)
		return -ENOMEM;
	list_for_each_entry(other, &ev->ioeventfds, link) {
		if (collides(other, p))
			return -EEXIST;
	}
	err = io_bus_register(vm, p->bus, p->addr, p->len, &p->dev);
	if (!err)
		list_add_tail(&p->link, &ev->ioeventfds);
	return err;
}

static int del(struct vm *vm, const struct ioeventfd *what)
{
	struct vm_eventfds *ev = vm->irq.eventfds;
	struct ioeventfd *p;

	lockdep_assert_held(&vm->lock);
	if (!ev)
		return -ENOENT;
	list_for_each_entry(p, &ev->ioeventfds, link) {
		if (p->bus != what->bus || p->eventfd != what->eventfd ||
		    p->addr != what->addr || p->len != what->len ||
		    p->wildcard != what->wildcard ||
		    (!p->wildcard && p->datamatch != what->datamatch))
			continue;
		io_bus_unregister(vm, p->bus, &p->dev);
		list_del(&p->link);
		ioeventfd_free(&p->dev);
		return 0;
	}
	return -ENOENT;
}

static int check(const struct kvm_ioeventfd *args)
{
	const u32 known = KVM_IOEVENTFD_FLAG_DATAMATCH |
			  KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN;

	if (args->flags & ~known)
		return -EINVAL;
	switch (args->len) {
	case 0:
		/* no length, no data to compare */
		if (args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
			return -EINVAL;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return -EINVAL;
	}
	return args->addr + args->len < args->addr ? -EINVAL : 0;
}

int ioeventfd_assign(struct vm *vm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd *p;
	int err = check(args);

	if (err)
		return err;
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	p->dev.ops = &ioeventfd_ops;
	p->addr = args->addr;
	p->len = args->len;
	p->datamatch = args->datamatch;
	p->wildcard = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	p->bus = args->flags & KVM_IOEVENTFD_FLAG_PIO ? &vm->pio_bus :
							&vm->mmio_bus;
	p->eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(p->eventfd)) {
		err = PTR_ERR(p->eventfd);
		kfree(p);
		return err;
	}

	mutex_lock(&vm->lock);
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		err = del(vm, p);
	else
		err = add(vm, p);
	mutex_unlock(&vm->lock);

	/* a deassignment only described one */
	if (err || args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		ioeventfd_free(&p->dev);
	return err;
}
