// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output is collected and written a line at a time: a system call for every
 * byte would cost more than the exit that brought the byte. What does not end
 * in a newline (a prompt) follows after FLUSH_NS.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "console.h"
#include "loop.h"
#include "report.h"
#include "stop.h"
#include "term.h"

#define FLUSH_NS (5 * 1000 * 1000ull)
#define ESCAPE_KEY 0x01		/* Ctrl-A */

static struct {
	pthread_mutex_t lock;	/* guards the output side */
	uint8_t buffer[1024];
	size_t len;
	bool flush_due;		/* the timer runs */
	struct loop_watch *flush_timer;
	const char *expect;
	uint8_t history[EXPECT_MAX];	/* the last bytes, for the expected text */
	atomic_bool expect_seen;

	/* Main thread alone, save @input_paused. */
	struct serial *serial;
	struct loop_watch *input;
	atomic_bool input_paused;
	bool escaped;
	void (*power_button)(void);
} con = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void write_out(void)
{
	const uint8_t *p = con.buffer;
	struct pollfd writable = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t n;

	while (con.len) {
		n = write(STDOUT_FILENO, p, con.len);
		if (n < 0 && errno == EAGAIN)
			poll(&writable, 1, -1);
		else if (n < 0 && (errno != EINTR || stop_requested()))
			break;		/* no reader: the guest goes on */
		else if (n > 0) {
			p += n;
			con.len -= (size_t)n;
		}
	}
	con.len = 0;
}

void console_flush(void)
{
	pthread_mutex_lock(&con.lock);
	con.flush_due = false;
	write_out();
	pthread_mutex_unlock(&con.lock);
}

static void flush_timer_fired(void *opaque)
{
	(void)opaque;
	console_flush();
}

/* The text may contain any bytes, and the console is slow: compare afresh. */
static void look_for_expected(uint8_t byte)
{
	size_t len;

	if (!con.expect || atomic_load(&con.expect_seen))
		return;
	len = strlen(con.expect);
	memmove(con.history, con.history + 1, len - 1);
	con.history[len - 1] = byte;
	if (!memcmp(con.history, con.expect, len))
		atomic_store(&con.expect_seen, true);
}

static void transmit(void *opaque, uint8_t byte)
{
	(void)opaque;
	pthread_mutex_lock(&con.lock);
	look_for_expected(byte);
	con.buffer[con.len++] = byte;
	if (byte == '\n' || con.len == sizeof(con.buffer)) {
		write_out();
	} else if (!con.flush_due) {
		con.flush_due = true;
		loop_timer_set(con.flush_timer, now_ns() + FLUSH_NS);
	}
	pthread_mutex_unlock(&con.lock);
}

static void room(void *opaque)
{
	(void)opaque;
	if (atomic_exchange(&con.input_paused, false))
		loop_watch_enable(con.input, true);
}

/*
 * The UART is full: look away from the input until it has room. Room that came
 * up before the flag was set is found by asking again after.
 */
static void pause_input(void)
{
	loop_watch_enable(con.input, false);
	atomic_store(&con.input_paused, true);
	if (serial_room(con.serial))
		room(NULL);
}

static void show_keys(void)
{
	say("Ctrl-A x  quit");
	say("Ctrl-A p  press the power button");
	say("Ctrl-A Ctrl-A  send Ctrl-A to the guest");
}

/* Returns whether @key is for the guest. */
static bool filter_key(uint8_t key)
{
	if (!con.escaped) {
		con.escaped = key == ESCAPE_KEY && term_is_raw();
		return !con.escaped;
	}
	con.escaped = false;
	switch (key) {
	case ESCAPE_KEY:
		return true;
	case 'x':
		request_stop(EXIT_QUIT, "stopped from the keyboard");
		break;
	case 'p':
		con.power_button();
		break;
	default:
		show_keys();
		break;
	}
	return false;
}

static void input_ready(void *opaque)
{
	uint8_t bytes[16];
	size_t len = 0;
	ssize_t i, n;
	size_t want = serial_room(con.serial);

	(void)opaque;
	if (!want) {
		pause_input();
		return;
	}
	if (want > sizeof(bytes))
		want = sizeof(bytes);
	n = read(STDIN_FILENO, bytes, want);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* End of input is not the end of the guest. */
		loop_watch_enable(con.input, false);
		return;
	}
	for (i = 0; i < n; i++) {
		if (filter_key(bytes[i]))
			bytes[len++] = bytes[i];
	}
	serial_receive(con.serial, bytes, len);
}

/*
 * Files are always ready, which epoll refuses to say: an eventfd that nobody
 * reads says it for them.
 */
static struct loop_watch *watch_input(void)
{
	struct loop_watch *watch = loop_watch_fd(STDIN_FILENO, input_ready,
						 NULL);
	int fd;

	if (watch)
		return watch;
	fd = eventfd(1, EFD_CLOEXEC);
	if (fd < 0)
		die_host(NULL, "creating an eventfd");
	return loop_watch_fd(fd, input_ready, NULL);
}

struct serial_host console_serial_host(void)
{
	return (struct serial_host){ .transmit = transmit, .room = room };
}

void console_start(struct serial *serial, const struct console_options *opt)
{
	con.serial = serial;
	con.expect = opt->expect;
	con.power_button = opt->power_button;
	con.flush_timer = loop_timer(flush_timer_fired, NULL);
	term_make_raw();
	con.input = watch_input();
	if (term_is_raw())
		say("Ctrl-A x quits, Ctrl-A h lists the keys");
}

bool console_expect_seen(void)
{
	return !con.expect || atomic_load(&con.expect_seen);
}
