/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of the run: any thread may ask for it, the first one wins.
 */
#ifndef VMRUN_STOP_H
#define VMRUN_STOP_H

#include <stdbool.h>

#include "report.h"

/* Asks the main loop to end the run with @status, because of @fmt. */
void request_stop(int status, const char *fmt, ...) PRINTF(2, 3);

bool stop_requested(void);

/* Readable once a stop was asked for; valid after stop_init(). */
int stop_fd(void);
void stop_init(void);

/* After the stop: what was asked for. */
int stop_status(void);
const char *stop_reason(void);

#endif
