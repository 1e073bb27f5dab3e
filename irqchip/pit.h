/* SPDX-License-Identifier: GPL-2.0-only */
/* One channel of the 8254: count and output as functions of time */
#ifndef IRQCHIP_PIT_H
#define IRQCHIP_PIT_H

#include <linux/nospec.h>
#include "internal.h"

#define PIT_HZ		1193182
#define PIT_MODE_NONE	0xff	/* not programmed yet, as the ABI has it */

struct pit_channel {
	struct kvm_pit_channel_state s;
	s64 gate_off;		/* when the gate fell; valid while it is low */
	bool triggered;		/* modes 1 and 5: the gate rose since the load */
	bool null_count;	/* a control word came, its count not yet */
};

/* The counter as a read shows it, BCD where asked for */
u16 pit_count(const struct pit_channel *c, s64 now);
bool pit_out(const struct pit_channel *c, s64 now);
void pit_load(struct pit_channel *c, u16 val, s64 now);
void pit_gate(struct pit_channel *c, bool gate, s64 now);

#endif
