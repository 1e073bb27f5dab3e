/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQCHIP_IRQCHIP_VM_H
#define IRQCHIP_IRQCHIP_VM_H

#include <linux/types.h>

struct vm_eventfds;

/* What irqchip/ keeps in a VM even without an irqchip; all zero at first */
struct irqchip_vm {
	struct vm_eventfds *eventfds;	/* [V] irqfds and ioeventfds, once used */
	bool x2apic_format;		/* [V] KVM_X2APIC_API_USE_32BIT_IDS */
	bool split;			/* [V] before vCPUs: LAPICs alone are here */
	bool resamples;			/* [r] some irqfd has, or had, a resamplefd */
	u32 assists;			/* [I] IRQ_ASSIST_*; from KVM_CREATE_IRQCHIP on */
	bool no_broadcast_quirk;	/* [V] KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK */
};

#endif
