/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQCHIP_EVENTFDS_H
#define IRQCHIP_EVENTFDS_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

struct vm;

struct vm_eventfds {
	spinlock_t lock;		/* taken inside an eventfd's queue lock */
	struct list_head irqfds;	/* lock; those that may fire */
	unsigned int nr;		/* lock; they, and those that end */
	unsigned int ending;		/* lock; those that end */
	wait_queue_head_t ended;	/* none of these is left */
	struct mutex config;		/* making and deassigning irqfds */
	spinlock_t resample_lock;
	struct list_head resamplers;	/* [r] written under resample_lock */
	struct list_head ioeventfds;	/* [V] */
};

/* The VM's, made at first use; vm->lock held. NULL: no memory. */
struct vm_eventfds *eventfds_get(struct vm *vm);
/* VM teardown */
void eventfds_free(struct vm *vm);

#endif
