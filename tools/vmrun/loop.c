// SPDX-License-Identifier: GPL-2.0-only
/* epoll and timerfds. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "report.h"
#include "stop.h"

struct loop_watch {
	int fd;
	bool timer;
	loop_fn fn;
	void *opaque;
};

static int epoll_fd = -1;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static struct loop_watch *add(int fd, bool timer, loop_fn fn, void *opaque)
{
	struct loop_watch *watch = malloc(sizeof(*watch));
	struct epoll_event event = { .events = EPOLLIN };

	if (epoll_fd < 0)
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!watch || epoll_fd < 0)
		die_host(NULL, "creating the event loop");
	*watch = (struct loop_watch){
		.fd = fd, .timer = timer, .fn = fn, .opaque = opaque,
	};
	event.data.ptr = watch;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		if (errno == EPERM) {
			free(watch);
			return NULL;
		}
		die_host(NULL, "watching file descriptor %d", fd);
	}
	return watch;
}

struct loop_watch *loop_watch_fd(int fd, loop_fn fn, void *opaque)
{
	return add(fd, false, fn, opaque);
}

void loop_watch_enable(struct loop_watch *watch, bool on)
{
	struct epoll_event event = {
		.events = on ? EPOLLIN : 0,
		.data.ptr = watch,
	};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		die_host(NULL, "watching file descriptor %d", watch->fd);
}

struct loop_watch *loop_timer(loop_fn fn, void *opaque)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		die_host(NULL, "creating a timer");
	return add(fd, true, fn, opaque);
}

void loop_timer_set(struct loop_watch *timer, uint64_t when_ns)
{
	struct itimerspec spec = {
		.it_value.tv_sec = (time_t)(when_ns / NSEC_PER_SEC),
		.it_value.tv_nsec = (long)(when_ns % NSEC_PER_SEC),
	};

	if (timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		die_host(NULL, "setting a timer");
}

static void dispatch(struct loop_watch *watch)
{
	uint64_t expirations;

	/* A timer that was set anew since it fired has nothing to read. */
	if (watch->timer && read(watch->fd, &expirations,
				 sizeof(expirations)) < 0)
		return;
	watch->fn(watch->opaque);
}

/* The stop eventfd is watched to end epoll_wait(); the flag does the rest. */
static void stop_wakes_loop(void *opaque)
{
	(void)opaque;
}

void loop_run(void)
{
	struct epoll_event events[8];
	int i, n;

	loop_watch_fd(stop_fd(), stop_wakes_loop, NULL);
	while (!stop_requested()) {
		n = epoll_wait(epoll_fd, events, 8, -1);
		if (n < 0 && errno != EINTR)
			die_host(NULL, "waiting for events");
		for (i = 0; i < n; i++)
			dispatch(events[i].data.ptr);
	}
}
