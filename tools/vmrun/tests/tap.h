/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests that speak TAP.
 */
#ifndef VMRUN_TESTS_TAP_H
#define VMRUN_TESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>

typedef void (*test_fn)(void);

struct test {
	const char *name;
	test_fn fn;
};

/* Within a test: notes a failure with its place, and goes on. */
#define CHECK(condition) \
	check(condition, #condition, __FILE__, __LINE__)
#define CHECK_EQ(a, b) \
	check_eq((unsigned long long)(a), (unsigned long long)(b), \
		 #a " == " #b, __FILE__, __LINE__)

void check(bool ok, const char *what, const char *file, int line);
void check_eq(unsigned long long a, unsigned long long b, const char *what,
	      const char *file, int line);

/*
 * Runs @fn in a process of its own, with its output thrown away, and returns
 * its exit status, or 128 plus the signal that ended it.
 */
int status_of(void (*fn)(void *), void *arg);

/* xorshift: the same sequence in every run. */
unsigned int test_random(void);

extern const struct test bus_tests[], boot_tests[], firmware_tests[],
	options_tests[], power_tests[], rtc_tests[], serial_tests[],
	term_tests[], vcpu_tests[];

#endif
