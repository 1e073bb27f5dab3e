// SPDX-License-Identifier: GPL-2.0-only
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "report.h"
#include "tap.h"
#include "term.h"

static void leave_by_return(void)
{
	term_restore();
}

static void leave_by_exit(void)
{
	exit(3);
}

static void leave_by_die(void)
{
	die(EXIT_HOST, "as it should");
}

static void leave_by_abort(void)
{
	abort();
}

static void leave_by_fault(void)
{
	raise(SIGSEGV);
}

/*
 * A child makes its terminal raw and leaves by @leave: the terminal, which
 * stays open here, must be as before.
 */
static void leave_restores(void (*leave)(void))
{
	struct termios before, during, after;
	int master, slave, status;
	char go = 0;
	int pipes[2];
	pid_t pid;

	CHECK(!openpty(&master, &slave, NULL, NULL, NULL) && !pipe(pipes));
	tcgetattr(slave, &before);
	pid = fork();
	if (!pid) {
		dup2(slave, STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		term_make_raw();
		CHECK(term_is_raw());
		if (read(pipes[0], &go, 1) == 1)
			leave();
		_exit(0);
	}
	do {
		usleep(1000);
		tcgetattr(slave, &during);
	} while ((during.c_lflag & ICANON) && !waitpid(pid, NULL, WNOHANG));
	CHECK_EQ(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	CHECK(write(pipes[1], "g", 1) == 1);
	waitpid(pid, &status, 0);
	tcgetattr(slave, &after);
	CHECK_EQ(after.c_lflag, before.c_lflag);
	CHECK_EQ(after.c_iflag, before.c_iflag);
	CHECK_EQ(after.c_oflag, before.c_oflag);
	close(master);
	close(slave);
	close(pipes[0]);
	close(pipes[1]);
}

static void restored(void)
{
	leave_restores(leave_by_return);
	leave_restores(leave_by_exit);
	leave_restores(leave_by_die);
}

static void restored_after_fatal_signal(void)
{
	leave_restores(leave_by_abort);
	leave_restores(leave_by_fault);
}

const struct test term_tests[] = {
	{ "term: restored by return, exit and die", restored },
	{ "term: restored by abort and a fault", restored_after_fatal_signal },
	{ NULL, NULL },
};
