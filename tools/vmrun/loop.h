/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The main thread's event loop: file descriptors and timers.
 *
 * Callbacks run in the main thread, one after the other. Everything is added
 * before loop_run(); timers may be set by any thread at any time.
 */
#ifndef VMRUN_LOOP_H
#define VMRUN_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_watch;

typedef void (*loop_fn)(void *opaque);

/*
 * Calls @fn whenever @fd is readable. The watch lives as long as vmrun.
 * Returns NULL for regular files and the like, which cannot be waited for.
 */
struct loop_watch *loop_watch_fd(int fd, loop_fn fn, void *opaque);

/* Stops (or starts again) looking at the descriptor. Any thread. */
void loop_watch_enable(struct loop_watch *watch, bool on);

/* A timer on CLOCK_MONOTONIC, not running yet. */
struct loop_watch *loop_timer(loop_fn fn, void *opaque);

/* Fires once, at @when (see now_ns()); 0 stops the timer. Any thread. */
void loop_timer_set(struct loop_watch *timer, uint64_t when_ns);

/* Runs until a stop is asked for. */
void loop_run(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);

#define NSEC_PER_SEC 1000000000ull

#endif
