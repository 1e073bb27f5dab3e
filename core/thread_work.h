/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CORE_THREAD_WORK_H
#define CORE_THREAD_WORK_H

/**
 * thread_work() - what __xfer_to_guest_mode_work_pending() finds
 *
 * Context: preemptible, not in a section that must not be slept in.
 * Return: 0, or -EINTR where a signal is pending.
 */
int thread_work(void);

#endif
