/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions, all of them, and nowhere else.
 */
#ifndef CORE_COMPAT_H
#define CORE_COMPAT_H

#include <linux/version.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>

/* hrtimer_setup() came in 6.13, hrtimer_init() went later */
static inline void
compat_hrtimer_setup(struct hrtimer *timer,
		     enum hrtimer_restart (*function)(struct hrtimer *),
		     clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/* The count to add became always 1 in 6.8 */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

#endif
