// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: an eventfd whose signal drives a GSI, without user space.
 *
 *   eventfd's wait queue --wait--> irqfd --gsi--> routing table
 *                                    |
 *                                    +-- resampler of its GSI, with resamplefd
 *
 * The signal arrives in irqfd_wakeup() with the eventfd's wait queue lock held
 * and interrupts off, in any context; routing and delivery work there, so
 * nothing is deferred.
 *
 * A level irqfd (with resamplefd) asserts its GSI until the guest completes
 * the interrupt. Then irqfd_eoi() lets go of the line and signals resamplefd
 * of every irqfd of the GSI: one resampler for each such GSI. There may be many,
 * and on PREEMPT_RT an eventfd's lock sleeps: vm->irq.resamples keeps the fast
 * handlers, whose interrupts are off, from such an EOI.
 *
 * End of an irqfd, by deassignment, closing of the eventfd, or release of the
 * VM file. Who takes it off vm_eventfds.irqfds, under its lock, and nobody
 * else, queues its shutdown work, which
 *  1. takes it off the eventfd's wait queue: no wakeup runs or starts then,
 *  2. takes it off its resampler,
 *  3. counts it out of vm_eventfds.ending, and has the eventfds dropped and it
 *     freed after a grace period.
 * Deassignment and release wait until none of the VM's is ending; closing can not.
 * The works are those of all VMs: none waits for what an owner of one can hold up.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "core/compat.h"
#include "eventfds.h"
#include "internal.h"

/*
 * Far more than there are vectors and devices; what is done to all of a VM's, or
 * to all of a line's, is done with interrupts off.
 */
#define MAX_IRQFDS	8192
#define MAX_RESAMPLE	256

struct resampler {
	struct rcu_head rcu;
	u32 gsi;			/* [I] */
	unsigned int nr;		/* ev->resample_lock */
	struct list_head irqfds;	/* [r] ev->resample_lock */
	struct list_head link;		/* [r] ev->resample_lock; in ev->resamplers */
};

struct irqfd {
	struct vm *vm;			/* [I] */
	struct vm_eventfds *ev;		/* [I] */
	struct eventfd_ctx *eventfd;	/* [I] */
	struct eventfd_ctx *resamplefd;	/* [I] or NULL */
	struct resampler *resampler;	/* [I] with resamplefd */
	u32 gsi;			/* [I] */
	wait_queue_entry_t wait;	/* eventfd's wait queue lock */
	poll_table pt;
	struct list_head link;		/* ev->lock; off the list: shutting down */
	struct list_head resample_link;	/* [r] ev->resample_lock */
	struct work_struct shutdown;
	struct rcu_head rcu;
};

static struct workqueue_struct *shutdown_wq;

int irqchip_setup(void)
{
	shutdown_wq = alloc_workqueue("kvm-irqfd", WQ_UNBOUND, 0);
	return shutdown_wq ? 0 : -ENOMEM;
}

void irqchip_unsetup(void)
{
	destroy_workqueue(shutdown_wq);
	rcu_barrier();		/* irqfds that have ended */
}

struct vm_eventfds *eventfds_get(struct vm *vm)
{
	struct vm_eventfds *ev = vm->irq.eventfds;

	lockdep_assert_held(&vm->lock);
	if (ev)
		return ev;
	ev = kzalloc(sizeof(*ev), GFP_KERNEL_ACCOUNT);
	if (!ev)
		return NULL;
	spin_lock_init(&ev->lock);
	spin_lock_init(&ev->resample_lock);
	init_waitqueue_head(&ev->ended);
	mutex_init(&ev->config);
	INIT_LIST_HEAD(&ev->irqfds);
	INIT_LIST_HEAD(&ev->resamplers);
	INIT_LIST_HEAD(&ev->ioeventfds);
	/* complete before an EOI or a deassignment sees it */
	smp_store_release(&vm->irq.eventfds, ev);
	return ev;
}

void eventfds_free(struct vm *vm)
{
	kfree(vm->irq.eventfds);
	vm->irq.eventfds = NULL;
}

/* ---- the signal ------------------------------------------------------------- */

static __always_inline void inject(struct irqfd *irqfd)
{
	struct vm *vm = irqfd->vm;

	if (irqfd->resampler)
		irqchip_set_line(vm, IRQ_SRC_RESAMPLE, irqfd->gsi, true);
	else
		irqchip_pulse(vm, irqfd->gsi);
}

static void deactivate_locked(struct irqfd *irqfd)
{
	list_del_init(&irqfd->link);
	irqfd->ev->ending++;
	queue_work(shutdown_wq, &irqfd->shutdown);
}

static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	int consumed = 0;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		inject(irqfd);
		consumed = 1;
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&irqfd->ev->lock, flags);
		if (!list_empty(&irqfd->link))
			deactivate_locked(irqfd);
		spin_unlock_irqrestore(&irqfd->ev->lock, flags);
	}
	return consumed;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *wqh,
			poll_table *pt)
{
	struct irqfd *irqfd = container_of(pt, struct irqfd, pt);

	/* ahead of user space's own waiters: the signal is ours to consume */
	add_wait_queue_priority(wqh, &irqfd->wait);
}

void irqfd_eoi(struct vm *vm, unsigned int gsi)
{
	/* pairs with eventfds_get() */
	struct vm_eventfds *ev = smp_load_acquire(&vm->irq.eventfds);
	struct resampler *r;
	struct irqfd *irqfd;

	if (!ev || list_empty(&ev->resamplers))
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(r, &ev->resamplers, link) {
		if (r->gsi != gsi)
			continue;
		irqchip_set_line(vm, IRQ_SRC_RESAMPLE, gsi, false);
		list_for_each_entry_rcu(irqfd, &r->irqfds, resample_link)
			compat_eventfd_signal(irqfd->resamplefd);
		break;
	}
	rcu_read_unlock();
}

/* ---- the end of one ---------------------------------------------------------- */

/*
 * Before the first resampler. A fast handler under way may have looked already:
 * interrupts that are off are a read-side section.
 */
static void announce_resampling(struct vm *vm)
{
	if (vm->irq.resamples)
		return;
	WRITE_ONCE(vm->irq.resamples, true);
	synchronize_rcu();
}

static int resampler_join(struct irqfd *irqfd)
{
	struct resampler *made = kzalloc(sizeof(*made), GFP_KERNEL_ACCOUNT), *r;
	struct vm_eventfds *ev = irqfd->ev;
	int err = 0;

	if (!made)
		return -ENOMEM;
	made->gsi = irqfd->gsi;
	INIT_LIST_HEAD(&made->irqfds);
	spin_lock_irq(&ev->resample_lock);
	list_for_each_entry(r, &ev->resamplers, link) {
		if (r->gsi == irqfd->gsi)
			goto found;
	}
	r = made;
	made = NULL;
	list_add_rcu(&r->link, &ev->resamplers);
found:
	if (r->nr < MAX_RESAMPLE) {
		r->nr++;
		list_add_rcu(&irqfd->resample_link, &r->irqfds);
		irqfd->resampler = r;
	} else {
		err = -ENOSPC;
	}
	spin_unlock_irq(&ev->resample_lock);
	kfree(made);
	return err;
}

static void resampler_leave(struct irqfd *irqfd)
{
	struct vm_eventfds *ev = irqfd->ev;
	struct resampler *r = irqfd->resampler;

	spin_lock_irq(&ev->resample_lock);
	list_del_rcu(&irqfd->resample_link);
	if (!--r->nr) {
		list_del_rcu(&r->link);
		/*
		 * Nobody is left who could let go of the line; and nobody new
		 * has asserted it, who would have had to join first.
		 */
		irqchip_set_line(irqfd->vm, IRQ_SRC_RESAMPLE, r->gsi, false);
		kfree_rcu(r, rcu);
	}
	spin_unlock_irq(&ev->resample_lock);
}

/* With a resampler after a grace period: an EOI may be signalling resamplefd */
static void irqfd_free(struct rcu_head *rcu)
{
	struct irqfd *irqfd = container_of(rcu, struct irqfd, rcu);

	if (irqfd->resamplefd)
		eventfd_ctx_put(irqfd->resamplefd);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

static void irqfd_end(struct irqfd *irqfd)
{
	if (irqfd->resampler) {
		resampler_leave(irqfd);
		call_rcu(&irqfd->rcu, irqfd_free);
	} else {
		irqfd_free(&irqfd->rcu);
	}
}

static void irqfd_shutdown(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, shutdown);
	struct vm_eventfds *ev = irqfd->ev;
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	irqfd_end(irqfd);
	/* ev may go once the lock is free: who waits for this takes it too */
	spin_lock_irq(&ev->lock);
	ev->nr--;
	if (!--ev->ending)
		wake_up_all(&ev->ended);
	spin_unlock_irq(&ev->lock);
}

/* Until what has begun to end so far has ended */
static void wait_for_ends(struct vm_eventfds *ev)
{
	spin_lock_irq(&ev->lock);
	wait_event_lock_irq(ev->ended, !ev->ending, ev->lock);
	spin_unlock_irq(&ev->lock);
}

static int irqfd_deassign(struct vm *vm, const struct kvm_irqfd *args)
{
	/* pairs with eventfds_get() */
	struct vm_eventfds *ev = smp_load_acquire(&vm->irq.eventfds);
	struct eventfd_ctx *eventfd;
	struct irqfd *irqfd, *next;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	if (ev) {
		mutex_lock(&ev->config);
		spin_lock_irq(&ev->lock);
		list_for_each_entry_safe(irqfd, next, &ev->irqfds, link) {
			if (irqfd->eventfd == eventfd && irqfd->gsi == args->gsi)
				deactivate_locked(irqfd);
		}
		spin_unlock_irq(&ev->lock);
		mutex_unlock(&ev->config);
		/* no interrupt comes of it any more once this returns */
		wait_for_ends(ev);
	}
	eventfd_ctx_put(eventfd);
	return 0;
}

void eventfd_release(struct vm *vm)
{
	struct vm_eventfds *ev = vm->irq.eventfds;
	struct irqfd *irqfd;

	if (!ev)
		return;
	/* one at a time: there may be many, and interrupts are off */
	do {
		spin_lock_irq(&ev->lock);
		irqfd = list_first_entry_or_null(&ev->irqfds, struct irqfd,
						 link);
		if (irqfd)
			deactivate_locked(irqfd);
		spin_unlock_irq(&ev->lock);
		cond_resched();
	} while (irqfd);
	wait_for_ends(ev);

	/* they stay on their bus, which frees them; nobody can find them now */
	mutex_lock(&vm->lock);
	while (!list_empty(&ev->ioeventfds))
		list_del_init(ev->ioeventfds.next);
	mutex_unlock(&vm->lock);
}

/* ---- the making of one ------------------------------------------------------- */

static int irqfd_publish(struct irqfd *irqfd)
{
	struct vm_eventfds *ev = irqfd->ev;
	struct irqfd *other;
	int err = 0;

	spin_lock_irq(&ev->lock);
	list_for_each_entry(other, &ev->irqfds, link) {
		/* it would take the signals from the other one */
		if (other->eventfd == irqfd->eventfd)
			err = -EBUSY;
	}
	if (!err && ev->nr >= MAX_IRQFDS)
		err = -ENOSPC;
	if (!err) {
		list_add_tail(&irqfd->link, &ev->irqfds);
		ev->nr++;
	}
	spin_unlock_irq(&ev->lock);
	return err;
}

int irqfd_assign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct irqfd *irqfd;
	struct file *file;
	int err;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE) ||
	    args->gsi >= IRQCHIP_MAX_ROUTES)
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return irqfd_deassign(vm, args);
	if (!irqchip_in_kernel(vm))
		return -EINVAL;
	/* the line is in user space, too */
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE && vm->irq.split)
		return -EINVAL;

	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->gsi = args->gsi;
	INIT_LIST_HEAD(&irqfd->link);
	INIT_WORK(&irqfd->shutdown, irqfd_shutdown);
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->pt, irqfd_queue);

	file = fget(args->fd);
	if (!file) {
		err = -EBADF;
		goto free;
	}
	irqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->eventfd)) {
		err = PTR_ERR(irqfd->eventfd);
		goto file;
	}
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->resamplefd);

		if (IS_ERR(ctx)) {
			err = PTR_ERR(ctx);
			goto eventfd;
		}
		irqfd->resamplefd = ctx;
	}

	mutex_lock(&vm->lock);
	irqfd->ev = eventfds_get(vm);
	mutex_unlock(&vm->lock);
	err = -ENOMEM;
	if (!irqfd->ev)
		goto eventfd;

	/* against a deassignment between the list and the wait queue */
	mutex_lock(&irqfd->ev->config);
	if (irqfd->resamplefd)
		announce_resampling(vm);
	err = irqfd->resamplefd ? resampler_join(irqfd) : 0;
	if (!err)
		err = irqfd_publish(irqfd);
	if (!err && vfs_poll(file, &irqfd->pt) & EPOLLIN)
		inject(irqfd);	/* signalled before we listened */
	mutex_unlock(&irqfd->ev->config);
	if (err)
		goto eventfd;
	/* it may be closed now, and the irqfd gone */
	fput(file);
	return 0;

eventfd:
	irqfd_end(irqfd);
	fput(file);
	return err;
file:
	fput(file);
free:
	kfree(irqfd);
	return err;
}
