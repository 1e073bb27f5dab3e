/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results in the Test Anything Protocol.
 */
#ifndef UNIT_TAP_H
#define UNIT_TAP_H

#include <stdarg.h>
#include <stdio.h>

static unsigned int tap_nr, tap_failed;

static inline void __attribute__((__format__(__printf__, 2, 3)))
tap_result(int good, const char *fmt, ...)
{
	va_list args;

	if (!good)
		tap_failed++;
	printf("%sok %u ", good ? "" : "not ", ++tap_nr);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

static inline int tap_end(void)
{
	printf("1..%u\n", tap_nr);
	return tap_failed != 0;
}

#endif
