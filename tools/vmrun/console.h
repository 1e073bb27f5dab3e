/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's console: COM1 on standard input and output.
 */
#ifndef VMRUN_CONSOLE_H
#define VMRUN_CONSOLE_H

#include <stdbool.h>

#include "serial.h"

#define EXPECT_MAX 256

struct console_options {
	const char *expect;	/* 1 to EXPECT_MAX characters, or NULL */
	void (*power_button)(void);
};

/* What a UART is to be created with; call before console_start(). */
struct serial_host console_serial_host(void);

/* From here on the terminal is raw and input goes to @serial. */
void console_start(struct serial *serial, const struct console_options *opt);

/* Writes out what is still held back. */
void console_flush(void);

/* Whether the expected text has appeared (true when none is expected). */
bool console_expect_seen(void);

#endif
