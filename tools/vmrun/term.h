/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal on standard input: raw while a guest runs, and given back as
 * it was on every way out, abort and fatal signals included.
 */
#ifndef VMRUN_TERM_H
#define VMRUN_TERM_H

#include <stdbool.h>

/* Makes standard input raw; does nothing when it is not a terminal. */
void term_make_raw(void);

/* Gives the terminal back. Async-signal-safe; may be called any time. */
void term_restore(void);

bool term_is_raw(void);

#endif
