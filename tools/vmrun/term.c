// SPDX-License-Identifier: GPL-2.0-only
/* What was changed of the terminal is put back at every way out. */
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "array.h"
#include "report.h"
#include "term.h"

static struct termios saved;
static volatile sig_atomic_t raw;

bool term_is_raw(void)
{
	return raw;
}

void term_restore(void)
{
	if (!raw)
		return;
	raw = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

/* SA_RESETHAND: the signal, raised again, does what it would have done. */
static void fatal_signal(int sig)
{
	term_restore();
	raise(sig);
}

static void catch_fatal_signals(void)
{
	static const int fatal[] = {
		SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS,
	};
	struct sigaction action = {
		.sa_handler = fatal_signal,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &action, NULL);
}

void term_make_raw(void)
{
	static bool prepared;
	struct termios wanted;

	if (!isatty(STDIN_FILENO))
		return;
	if (!prepared) {
		if (tcgetattr(STDIN_FILENO, &saved) < 0)
			die_host("run with standard input not a terminal, for example < /dev/null",
				 "reading the terminal's settings");
		prepared = true;
		atexit(term_restore);
		catch_fatal_signals();
	}
	wanted = saved;
	cfmakeraw(&wanted);
	/* Before the call: were it after, a signal in between would leave it. */
	raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &wanted) < 0)
		die_host("run vmrun in the foreground of its terminal",
			 "making the terminal raw");
}
