/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQ_OPS_H
#define IRQ_OPS_H

#include "x86.h"

#define IRQ_VECTOR	0x40	/* keeps the time it came at */
#define EOI_VECTOR	0x41	/* keeps what the EOI took */
#define PONG_VECTOR	0x42	/* answers vCPU 0 with IRQ_VECTOR */
#define NOTIFY_MMIO	0xd0000000ull
#define NOTIFY_PORT	0x90

/* The guest's; in memory that the host looks at meanwhile */
struct irq_bench {
	u64 n;			/* operations */
	volatile u64 at;	/* TSC in the last handler of IRQ_VECTOR */
	volatile u64 count;	/* interrupts handled */
	volatile u64 eoi;	/* ticks, sum */
	volatile u64 ready;	/* who is to be interrupted takes interrupts */
};

struct irq_op {
	const char *name;
	u64 n;
	u64 (*run)(u64 n);		/* on vCPU 0; ticks in all */
	void (*peer)(void);		/* vCPU 1, where there is one */
	unsigned int host_cpus;		/* wanted; 2: each vCPU has its own */
	bool irqfd;			/* the host makes the interrupts */
	bool mmio, pio;			/* ioeventfd */
	bool loop;			/* take off what an empty loop takes */
};

extern const struct irq_op irq_ops[];
extern const unsigned int nr_irq_ops;
extern struct irq_bench irq_bench;
extern const char irq_at[], irq_eoi[], irq_pong[];
u64 irq_empty(u64 n);
void irq_guest(u64 op);

#endif
