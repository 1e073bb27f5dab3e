// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN that never lets go of the CPU.
 *
 * A guest that talks to a device in user space makes short runs: take the
 * answer, enter the guest, and the next access ends the run. Nothing in that
 * sleeps, so preemption stays off from load to put, and what only prepares for
 * being scheduled is left out: the preempt notifier, the user-return notifier,
 * the FPU state as the thread's own, vm->srcu over the whole run.
 *
 *  Q1. Which way a run takes is decided by how the last one went (vcpu->quick).
 *      Both give the same results.
 *  Q2. An exit that cannot be finished here leaves everything as enter_guest()
 *      of core/run.c leaves it before vmx_handle_exit(), and the run loop goes
 *      on from there.
 *  Q3. The guest's FPU state is in the CPU with interrupts off only.
 */
#include <linux/entry-kvm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "core/compat.h"
#include "core/run.h"
#include "core/trace.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

/*
 * Nothing that the run loop would have to look at before the first entry?
 * Requests and signals that come later are seen by the last look before it.
 */
static __always_inline bool possible(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	if (READ_ONCE(vcpu->requests) ||
	    vcpu->arch.mp_state != KVM_MP_STATE_RUNNABLE)
		return false;
	if (vcpu->sigset_active || vcpu->mmu.need_prepare ||
	    vcpu->arch.guest_debug || !vmx_surely_enterable(vcpu) ||
	    unlikely(READ_ONCE(x86_tsc_unstable)))
		return false;
	if (READ_ONCE(run->request_interrupt_window) ||
	    compat_immediate_exit(run) ||
	    READ_ONCE(run->kvm_valid_regs) | READ_ONCE(run->kvm_dirty_regs))
		return false;
	if (!vcpu->lapic && READ_ONCE(run->cr8) != vcpu->arch.cr8)
		return false;
	return vcpu->io.pending <= IO_SIMPLE;
}

/* Off to the run loop, which may sleep. Preemption off, and on again. */
static noinline void open_run(struct vcpu *vcpu)
{
	vcpu->quick = false;
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	vcpu_hold(vcpu);
	preempt_enable();
	x86_fpu_load(vcpu);
}

static bool mmio_to_user(struct vcpu *vcpu)
{
	int idx, ret;

	pagefault_disable();
	idx = srcu_read_lock(&vcpu->vm->srcu);
	ret = vmx_mmio(vcpu, false);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	pagefault_enable();
	return ret == RUN_EXIT_USER;
}

/* Interrupts off. Can user space have the exit as it is? */
static __always_inline bool to_user(struct vcpu *vcpu)
{
	unsigned int size;
	bool in;
	u16 port;

	if (vmx_exit_pio(vcpu, &in, &port, &size))
		return pio_to_user(vcpu, in, port, size);
	return vmx_maybe_mmio(vcpu) && mmio_to_user(vcpu);
}

static __always_inline enum quick_result run_quick(struct vcpu *vcpu)
{
	int cpu;

	if (!possible(vcpu))
		return QUICK_NOT;

	cpu = get_cpu();
	if (likely(vmx_still_here(vcpu)))
		vmx_counts_begin();
	else
		vcpu_load_here(vcpu, cpu);
	if (vcpu->io.pending)
		io_complete(vcpu);
	if (unlikely(!x86_host.fpu_section))
		x86_fpu_load(vcpu);

	local_irq_disable();
	vmx_switch_to_guest(vcpu);
	vmx_announce_entry(vcpu);
	if (unlikely(READ_ONCE(vcpu->requests) ||
		     __xfer_to_guest_mode_work_pending())) {
		WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
		local_irq_enable();
		open_run(vcpu);
		return QUICK_LOADED;
	}
	if (likely(x86_host.fpu_section))
		x86_fpu_enter(vcpu);
	else
		x86_fpu_again();
	guest_time_begin();
	vcpu->stats.entries++;
	vmx_enter(vcpu);
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	vcpu->stats.outer_exits++;
	if (likely(x86_host.fpu_section))
		x86_fpu_leave(vcpu);

	if (unlikely(!to_user(vcpu))) {
		vmx_handle_exit_irqoff(vcpu);
		/* take pending interrupts while the time is still the guest's */
		local_irq_enable();
		local_irq_disable();
		guest_time_end();
		local_irq_enable();
		open_run(vcpu);
		return QUICK_EXITED;
	}
	guest_time_end();
	run_fill(vcpu);
	vcpu->stats.user_exits++;
	trace_kvm_userspace_exit(vcpu->run->exit_reason, 0);
	vmx_msr_load_host();
	vmx_switch_to_host(vcpu);
	vmx_counts_end(vcpu);
	local_irq_enable();
	if (unlikely(!x86_host.fpu_section))
		x86_fpu_put(vcpu);
	put_cpu();
	return QUICK_DONE;
}

int vcpu_run(struct vcpu *vcpu)
{
	enum quick_result quick = QUICK_NOT;

	if (vcpu->quick) {
		quick = run_quick(vcpu);
		if (likely(quick == QUICK_DONE))
			return 0;
	}
	return run_full(vcpu, quick);
}
