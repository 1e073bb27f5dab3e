// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_VAPIC_ADDR: four bytes of guest memory through which a guest whose
 * instructions user space has patched reads and writes its TPR without an
 * exit: byte 0 TPR, byte 1 the class of the highest interrupt in service, byte 3
 * the highest one that is requested.
 */
#include "core/vcpu.h"
#include "core/vm.h"
#include "irqchip/lapic.h"
#include "mmu/mmu.h"

int vapic_set_addr(struct vcpu *vcpu, gpa_t addr)
{
	u32 data;

	if (!vcpu->lapic)
		return -EINVAL;
	if (addr && (addr & 3 || guest_read(vcpu->vm, addr, &data, sizeof(data))))
		return -EINVAL;
	vcpu->arch.vapic_addr = addr;
	return 0;
}

void vapic_from_guest(struct vcpu *vcpu)
{
	u8 tpr;

	if (!lapic_hw_enabled(vcpu->lapic) ||
	    guest_read(vcpu->vm, vcpu->arch.vapic_addr, &tpr, sizeof(tpr)))
		return;
	lapic_write_tpr(vcpu->lapic, tpr);
}

void vapic_to_guest(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	int irr, isr;
	u32 data;

	if (!lapic_hw_enabled(l))
		return;
	irr = max(lapic_highest(l, APIC_IRR), 0);
	isr = max(lapic_highest(l, APIC_ISR), 0);
	data = (lapic_reg(l, APIC_TASKPRI) & 0xff) | (isr & 0xf0) << 8 | irr << 24;
	guest_write(vcpu->vm, vcpu, vcpu->arch.vapic_addr, &data, sizeof(data));
}
