// SPDX-License-Identifier: GPL-2.0-only
/* Messages go to standard error, a line at a time. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "term.h"

static int verbose;

void set_verbose(int on)
{
	verbose = on;
}

/*
 * One write() per line, so that lines of several threads do not mix; and a
 * carriage return where the terminal is raw and would not add it itself.
 */
static void emit(const char *prefix, const char *fmt, va_list args)
{
	char line[1024];
	const char *eol = term_is_raw() ? "\r\n" : "\n";
	size_t room = sizeof(line) - 3;
	size_t len;
	int n;

	len = (size_t)snprintf(line, room, "%s", prefix);
	n = vsnprintf(line + len, room - len, fmt, args);
	if (n > 0)
		len += (size_t)n < room - len ? (size_t)n : room - len - 1;
	len += (size_t)sprintf(line + len, "%s", eol);
	if (write(STDERR_FILENO, line, len) < 0)
		return;		/* nowhere left to complain */
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit("vmrun: ", fmt, args);
	va_end(args);
}

void say_verbose(const char *fmt, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, fmt);
	emit("vmrun: ", fmt, args);
	va_end(args);
}

void say_raw(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	emit("", fmt, args);
	va_end(args);
}

void die(enum exit_status status, const char *fmt, ...)
{
	va_list args;

	term_restore();
	va_start(args, fmt);
	emit("vmrun: ", fmt, args);
	va_end(args);
	exit(status);
}

void die_host(const char *hint, const char *fmt, ...)
{
	char what[512];
	int err = errno;
	va_list args;

	term_restore();
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	say("%s: %s", what, strerror(err));
	if (hint)
		say("try: %s", hint);
	exit(EXIT_HOST);
}
