// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "tap.h"

static unsigned int failures;

/* vmrun's devices live as long as the process: that is not a leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

void check(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	failures++;
	printf("# %s:%d: not so: %s\n", file, line, what);
}

void check_eq(unsigned long long a, unsigned long long b, const char *what,
	      const char *file, int line)
{
	if (a == b)
		return;
	failures++;
	printf("# %s:%d: not so: %s (%#llx, %#llx)\n", file, line, what, a, b);
}

int status_of(void (*fn)(void *), void *arg)
{
	int status, null;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (!pid) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		fn(arg);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

unsigned int test_random(void)
{
	static unsigned int state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

int main(void)
{
	const struct test * const suites[] = {
		bus_tests, boot_tests, firmware_tests, options_tests,
		power_tests, rtc_tests, serial_tests, term_tests, vcpu_tests,
	};
	const size_t nsuites = ARRAY_SIZE(suites);
	unsigned int number = 0, failed = 0, before;
	const struct test *test;
	size_t i;

	for (i = 0; i < nsuites; i++) {
		for (test = suites[i]; test->name; test++)
			number++;
	}
	printf("TAP version 13\n1..%u\n", number);
	number = 0;
	for (i = 0; i < nsuites; i++) {
		for (test = suites[i]; test->name; test++) {
			before = failures;
			test->fn();
			printf("%sok %u - %s\n",
			       failures == before ? "" : "not ", ++number,
			       test->name);
			failed += failures != before;
		}
	}
	return failed ? 1 : 0;
}
