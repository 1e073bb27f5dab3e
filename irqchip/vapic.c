// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space patches a guest's accesses to TPR with, where these exit.
 *
 * KVM_TPR_ACCESS_REPORTING: it hears of each instruction that makes one, when
 * that is done.
 *
 * KVM_SET_VAPIC_ADDR: four bytes of guest memory through which a guest whose
 * instructions user space has patched reads and writes its TPR without an
 * exit: byte 0 TPR, byte 1 the class of the highest interrupt in service, byte 3
 * the highest one that is requested.
 */
#include "core/vcpu.h"
#include "core/vm.h"
#include "irqchip/lapic.h"
#include "mmu/mmu.h"
#include "x86/x86.h"

bool vapic_useful(struct vm *vm)
{
	u32 assists = vm && irqchip_in_kernel(vm) ? vm->irq.assists :
						    irqchip_assist->available();

	return !(assists & IRQ_ASSIST_ACCESS);
}

int vapic_report_tpr(struct vcpu *vcpu, const struct kvm_tpr_access_ctl *ctl)
{
	if (ctl->flags)
		return -EINVAL;
	vcpu->arch.tpr_reports = ctl->enabled;
	return 0;
}

void vapic_tpr_accessed(struct vcpu *vcpu, bool write)
{
	struct kvm_regs regs;

	if (likely(!vcpu->arch.tpr_reports))
		return;
	x86_get_regs(vcpu, &regs);
	/* one that reads first and then writes is one that writes */
	vcpu->arch.tpr_written = write;
	vcpu->arch.tpr_rip = regs.rip;
	vcpu_request(vcpu, REQ_TPR_ACCESS);
}

int vapic_tpr_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_TPR_ACCESS;
	run->tpr_access.rip = vcpu->arch.tpr_rip;
	run->tpr_access.is_write = vcpu->arch.tpr_written;
	run->tpr_access.pad = 0;
	return RUN_EXIT_USER;
}

int vapic_set_addr(struct vcpu *vcpu, gpa_t addr)
{
	u32 data;

	if (!vcpu->lapic)
		return -EINVAL;
	if (addr && (addr & 3 || guest_read(vcpu->vm, addr, &data, sizeof(data))))
		return -EINVAL;
	vcpu->arch.vapic_addr = addr;
	vcpu->quick = false;	/* which leaves it out */
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
