/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's interrupt line. The device's lock guards it.
 */
#ifndef VMRUN_IRQ_H
#define VMRUN_IRQ_H

#include <stdbool.h>

struct irq_line {
	void (*set)(unsigned int gsi, bool level);
	unsigned int gsi;
	bool level;
};

/* Only a change costs an ioctl. */
static inline void irq_set(struct irq_line *line, bool level)
{
	if (line->level == level)
		return;
	line->level = level;
	line->set(line->gsi, level);
}

#endif
