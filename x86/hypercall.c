// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls: Documentation/virt/kvm/x86/hypercalls.rst. One that belongs to a
 * feature is there if the guest's CPUID names the feature.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/kvm_para.h>
#include "core/compat.h"
#include "core/run.h"
#include "x86/priv.h"

/* Bits of KVM_HC_MAP_GPA_RANGE's attributes that mean something */
#define MAP_GPA_ATTRS	GENMASK(4, 0)

/* Wake a vCPU from HLT, now or when it gets there */
static u64 kick_cpu(struct vcpu *vcpu, u32 apic_id)
{
	struct vcpu *target = vm_vcpu_by_id(vcpu->vm, apic_id);

	if (target) {
		WRITE_ONCE(target->arch.pv_unhalted, true);
		vcpu_request(target, REQ_UNBLOCK);
		vcpu_kick(target);
	}
	return 0;
}

/* Let a vCPU that was preempted have this CPU */
static u64 sched_yield_to(struct vcpu *vcpu, u32 apic_id)
{
	struct vcpu *target = vm_vcpu_by_id(vcpu->vm, apic_id);

	if (target && target != vcpu && READ_ONCE(target->preempted))
		vcpu_yield_to(target);
	return 0;
}

/* KVM_EXIT_HYPERCALL; the result comes with the next KVM_RUN */
static int map_gpa_range(struct vcpu *vcpu, u64 gpa, u64 npages, u64 attrs,
			 u64 *ret)
{
	u64 last = (gpa >> PAGE_SHIFT) + npages - 1;
	struct kvm_run *run = vcpu->run;

	*ret = -KVM_EINVAL;
	if (!PAGE_ALIGNED(gpa) || !npages || npages > ~0ULL >> PAGE_SHIFT ||
	    last < gpa >> PAGE_SHIFT || last > ~0ULL >> PAGE_SHIFT ||
	    attrs & ~MAP_GPA_ATTRS)
		return RUN_RESUME;
	run->exit_reason = KVM_EXIT_HYPERCALL;
	memset(&run->hypercall, 0, sizeof(run->hypercall));
	run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	run->hypercall.args[0] = gpa;
	run->hypercall.args[1] = npages;
	run->hypercall.args[2] = attrs;
	compat_hypercall_longmode(run, vcpu_64bit(vcpu));
	return RUN_EXIT_USER;
}

static bool user_handles(struct vcpu *vcpu, u64 nr)
{
	return READ_ONCE(vcpu->vm->arch.user_hypercalls) & BIT_ULL(nr);
}

int x86_hypercall(struct vcpu *vcpu, const u64 *regs, u64 *ret)
{
	u64 mask = vcpu_64bit(vcpu) ? ~0ULL : U32_MAX;
	u64 nr = regs[GPR_RAX] & mask;
	u64 a0 = regs[GPR_RBX] & mask, a1 = regs[GPR_RCX] & mask;
	u64 a2 = regs[GPR_RDX] & mask, a3 = regs[GPR_RSI] & mask;

	*ret = -KVM_ENOSYS;
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		/* the exit was the point: interrupts are looked at on entry */
		vcpu_request(vcpu, REQ_EVENT);
		*ret = 0;
		break;
	case KVM_HC_KICK_CPU:
		if (x86_pv_has(vcpu, GCAP_PV_UNHALT))
			*ret = kick_cpu(vcpu, a1);
		break;
	case KVM_HC_CLOCK_PAIRING:
		*ret = pvclock_pairing(vcpu, a0, a1);
		break;
	case KVM_HC_SEND_IPI:
		if (x86_pv_has(vcpu, GCAP_PV_SEND_IPI) && vcpu->lapic)
			*ret = lapic_send_many(vcpu, a0, a1, a2, a3,
					       vcpu_64bit(vcpu) ? 64 : 32);
		break;
	case KVM_HC_SCHED_YIELD:
		if (x86_pv_has(vcpu, GCAP_PV_SCHED_YIELD))
			*ret = sched_yield_to(vcpu, a0);
		break;
	case KVM_HC_MAP_GPA_RANGE:
		if (user_handles(vcpu, nr))
			return map_gpa_range(vcpu, a0, a1, a2, ret);
		break;
	}
	return RUN_RESUME;
}
