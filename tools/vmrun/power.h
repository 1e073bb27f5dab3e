/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways a guest ends itself: ACPI, reset ports, and the debug-exit port;
 * with the ACPI timer, which lives in the same block of ports.
 */
#ifndef VMRUN_POWER_H
#define VMRUN_POWER_H

#include "bus.h"
#include "irq.h"

struct snapshot;

/* The FADT and the DSDT tell the guest of these. */
#define ACPI_PM_BASE		0x600
#define ACPI_PM1_EVENT		ACPI_PM_BASE
#define ACPI_PM1_EVENT_SIZE	4
#define ACPI_PM1_CONTROL	(ACPI_PM_BASE + 4)
#define ACPI_PM1_CONTROL_SIZE	2
#define ACPI_PM_TIMER		(ACPI_PM_BASE + 8)
#define ACPI_PM_TIMER_SIZE	4
#define ACPI_SLEEP_TYPE_S5	5
#define RESET_PORT		0xcf9
#define RESET_VALUE		0x06
#define DEBUG_EXIT_PORT		0xf4

/* @sci is the ACPI interrupt, level-triggered. */
void power_attach(struct bus *ports, struct irq_line sci);

/* As if the user pressed the machine's button for a moment. */
void power_button(void);

/* The ACPI registers and timer to a file or from it. */
void power_snapshot(struct snapshot *s);

#endif
