/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CORE_THREAD_WORK_H
#define CORE_THREAD_WORK_H

#include <linux/thread_info.h>

/**
 * thread_work() - what __xfer_to_guest_mode_work_pending() finds
 *
 * Context: preemptible, not in a section that must not be slept in.
 * Return: 0, or -EINTR where a signal is pending.
 */
int thread_work(void);

/**
 * thread_work_defer() - can all that there is wait for the return to user space?
 *
 * What restartable sequences want after a context switch can: user space alone
 * sees it. Return: true where there is nothing else; no work is pending then,
 * and thread_work_deferred() is due before user space goes on.
 */
bool thread_work_defer(void);

/* There was some: the kernel is to do it when the thread returns to user space */
static inline void thread_work_deferred(void)
{
	set_thread_flag(TIF_NOTIFY_RESUME);
}

#endif
