/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests with several CPUs that send each other interrupts, in x2APIC mode */
#ifndef SELFTEST_SMP_H
#define SELFTEST_SMP_H

#include "irq.h"

#define NCPUS	4

/* By LAPIC id: is it there, and the interrupts that it had */
static volatile u32 here[NCPUS];
static volatile u32 got[NCPUS][256];

static inline unsigned int my_id(void)
{
	return x2apic_read(APIC_ID);
}

static inline void irq_count(struct guest_regs *r)
{
	got[my_id()][r->vector]++;
	if (r->vector >= 32)
		x2apic_write(APIC_EOI, 0);
}

/* CPUs other than the first: take interrupts */
static inline void guest_ap(void)
{
	x2apic_on();
	here[my_id()] = 1;
	for (;;)
		irq_wait();
}

/* The first: wait for the others */
static inline void guest_bsp(void)
{
	irq_handler(0x30, 0xfe, irq_count);
	guest_handlers[VEC_NMI] = irq_count;
	x2apic_on();
	for (unsigned int i = 1; i < NCPUS; i++)
		wait_for(&here[i], 1);
}

#endif
