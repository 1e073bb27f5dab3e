// SPDX-License-Identifier: GPL-2.0-only
/* The first reason to stop counts; an eventfd wakes whoever waits. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stop.h"

static atomic_flag taken = ATOMIC_FLAG_INIT;
static atomic_bool stopping;
static int wake_fd = -1;
static int status_wanted;
static char reason_given[256];

void stop_init(void)
{
	wake_fd = eventfd(0, EFD_CLOEXEC);
	if (wake_fd < 0)
		die_host(NULL, "creating an eventfd");
}

int stop_fd(void)
{
	return wake_fd;
}

void request_stop(int status, const char *fmt, ...)
{
	const uint64_t one = 1;
	va_list args;

	if (atomic_flag_test_and_set(&taken))
		return;
	status_wanted = status;
	va_start(args, fmt);
	vsnprintf(reason_given, sizeof(reason_given), fmt, args);
	va_end(args);
	/* Releases what was stored above to whoever sees the flag. */
	atomic_store(&stopping, true);
	if (write(wake_fd, &one, sizeof(one)) < 0)
		say("waking the main loop failed; press the escape sequence");
}

bool stop_requested(void)
{
	return atomic_load(&stopping);
}

int stop_status(void)
{
	return status_wanted;
}

const char *stop_reason(void)
{
	return reason_given;
}
