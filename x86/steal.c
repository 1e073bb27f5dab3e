// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steal time: how long the vCPU wanted to run and was not let.
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME.
 */
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <uapi/asm/kvm_para.h>
#include "x86/priv.h"

#define MSR_ENABLE	BIT_ULL(0)

bool steal_available(void)
{
	return sched_info_on();
}

/* Time this thread waited for a CPU, ns */
static u64 run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

int steal_set_msr(struct vcpu *vcpu, u64 value)
{
	/* bits 5:1 are reserved: the area is 64-byte aligned */
	if (value & KVM_STEAL_RESERVED_MASK ||
	    (value & MSR_ENABLE && !steal_available()))
		return 1;
	vcpu->arch.steal_msr = value;
	pvclock_steal(vcpu)->last_delay = run_delay();
	if (value & MSR_ENABLE)
		vcpu_request(vcpu, REQ_STEAL_UPDATE);
	return 0;
}

void x86_update_steal(struct vcpu *vcpu)
{
	struct x86_steal *st = pvclock_steal(vcpu);
	gpa_t gpa = vcpu->arch.steal_msr & ~MSR_ENABLE;
	struct vm *vm = vcpu->vm;
	struct kvm_steal_time s;
	u64 delay = run_delay();

	if (!(vcpu->arch.steal_msr & MSR_ENABLE) ||
	    guest_read(vm, gpa, &s, sizeof(s)))
		return;
	/* another thread may run the vCPU now, with a count of its own */
	if (delay < st->last_delay)
		st->last_delay = delay;

	s.version |= 1;		/* odd: being written */
	if (guest_write(vm, vcpu, gpa + offsetof(struct kvm_steal_time, version),
			&s.version, sizeof(s.version)))
		return;
	smp_wmb();	/* version and body in order: the guest reads them so */
	s.steal += delay - st->last_delay;
	st->last_delay = delay;
	guest_write(vm, vcpu, gpa, &s.steal, sizeof(s.steal));
	smp_wmb();	/* version and body in order: the guest reads them so */
	s.version++;
	guest_write(vm, vcpu, gpa + offsetof(struct kvm_steal_time, version),
		    &s.version, sizeof(s.version));
}

/* What was stolen is known when the thread runs again, before the next entry */
void x86_steal_preempted(struct vcpu *vcpu)
{
	if (vcpu->arch.steal_msr & MSR_ENABLE)
		vcpu_request(vcpu, REQ_STEAL_UPDATE);
}
