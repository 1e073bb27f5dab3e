/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of events: what the guest's handlers saw, interrupts from user space */
#ifndef SELFTEST_INJECT_H
#define SELFTEST_INJECT_H

#include "kvmtest.h"

#define IRQ	0x40
#define SOFT	0xf1		/* a gate of DPL 3 */

/* What the guest's handlers saw */
static volatile u64 hits[256], errors[256], rips[256], cr2s;

static inline void record(struct guest_regs *regs)
{
	hits[regs->vector]++;
	errors[regs->vector] = regs->error;
	rips[regs->vector] = regs->rip;
	if (regs->vector == VEC_PF)
		cr2s = read_cr2();
}

/* record(), and go on after the TRY() that faulted */
static inline void record_and_fix(struct guest_regs *regs)
{
	record(regs);
	regs->rip = guest_cpu()->fixup;
}

static inline void interrupt(struct vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt irq = { .irq = vector };

	require(!ioctl(vcpu->fd, KVM_INTERRUPT, &irq));
}

#endif
