/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CORE_THREAD_WORK_H
#define CORE_THREAD_WORK_H

/**
 * thread_work() - do what the thread has pending before it enters a guest
 *
 * Context: may sleep. Return: 0, or -EINTR where a signal waits.
 */
int thread_work(void);

#endif
