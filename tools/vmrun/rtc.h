/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock and its battery-backed memory (MC146818), ports 0x70 and 0x71.
 */
#ifndef VMRUN_RTC_H
#define VMRUN_RTC_H

#include "bus.h"
#include "irq.h"

struct rtc;
struct snapshot;

#define RTC_CENTURY 0x32	/* where the FADT says the century is */

struct rtc *rtc_create(struct irq_line irq);
void rtc_attach(struct rtc *rtc, struct bus *ports);

/* Registers, memory and the guest's time to a file or from it. */
void rtc_snapshot(struct rtc *rtc, struct snapshot *s);

#endif
