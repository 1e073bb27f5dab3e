// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steal time: how long the vCPU wanted to run and was not let.
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME.
 */
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/uaccess.h>
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

/*
 * The guest owns preempted as much as we do: another CPU of it may ask for a
 * flush instead of an IPI, as long as it reads "preempted".
 */
static void set_running(struct vcpu *vcpu, gpa_t gpa, u8 was)
{
	const u8 running = 0;
	unsigned int tries = 8;
	int r;

	gpa += offsetof(struct kvm_steal_time, preempted);
	do {
		if (!was)
			return;
		r = guest_cmpxchg_quiet(vcpu, gpa, &was, &running, sizeof(was));
	} while (r > 0 && --tries);
	/* where it never held still nobody knows whether a flush was asked for */
	if (r >= 0 && (r || was & KVM_VCPU_FLUSH_TLB) &&
	    x86_pv_has(vcpu, GCAP_PV_TLB_FLUSH)) {
		vcpu->stats.pv_tlb_flushes++;
		mmu_op(vcpu->vm, flush_guest, vcpu);
	}
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
	/* before the entry: what is asked for from here on comes by IPI */
	set_running(vcpu, gpa, s.preempted);
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

/* Time may have been stolen from the thread outside of KVM_RUN */
void x86_steal_load(struct vcpu *vcpu)
{
	if (vcpu->arch.steal_msr & MSR_ENABLE &&
	    pvclock_steal(vcpu)->last_delay != run_delay())
		vcpu_request(vcpu, REQ_STEAL_UPDATE);
}

/*
 * What was stolen is known when the thread runs again, before the next entry.
 * The scheduler's lock is held: nothing here may sleep or take another one.
 */
void x86_steal_preempted(struct vcpu *vcpu)
{
	const u8 preempted = KVM_VCPU_PREEMPTED;
	struct vm *vm = vcpu->vm;
	u8 running = 0;
	gpa_t gpa;
	int idx;

	if (!(vcpu->arch.steal_msr & MSR_ENABLE))
		return;
	vcpu_request(vcpu, REQ_STEAL_UPDATE);
	/* an ioctl may have it loaded, and exit_mm() may be past */
	if (current->mm != vm->mm)
		return;
	gpa = (vcpu->arch.steal_msr & ~MSR_ENABLE) +
	      offsetof(struct kvm_steal_time, preempted);
	idx = srcu_read_lock(&vm->srcu);
	pagefault_disable();
	guest_cmpxchg_quiet(vcpu, gpa, &running, &preempted, sizeof(preempted));
	pagefault_enable();
	srcu_read_unlock(&vm->srcu, idx);
}
