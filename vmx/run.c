// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fast loop: enter the guest, and after an exit that its fast handler
 * finishes enter again, with interrupts off all the time.
 *
 * What holds in the loop and is brought in order after it: the guest's CR2,
 * XCR0, PKRU, breakpoints and SPEC_CTRL; counters that perf does not want to
 * count guests. Nothing in the loop may sleep or wait for a lock, and what may
 * fault saves CR2 (vmx_keep_cr2()).
 */
#include <linux/context_tracking.h>
#include <linux/entry-kvm.h>
#include <linux/hw_breakpoint.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/nospec-branch.h>
#include <asm/perf_event.h>
#include "core/compat.h"
#include "core/trace.h"
#include "vmx/private.h"
#include "x86/x86.h"

static_assert(offsetof(struct vmx_entry, host_rsp) == 0);
static_assert(offsetof(struct vmx_entry, spec_ctrl) == 8);
static_assert(offsetof(struct vmx_entry, host_spec_ctrl) == 16);

static __always_inline void write_regs(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	if (v->dirty & BIT(VREG_RIP))
		vmcs_write(GUEST_RIP, v->rip);
	if (v->dirty & BIT(VREG_RSP))
		vmcs_write(GUEST_RSP, vcpu->regs[GPR_RSP]);
	if (v->dirty & BIT(VREG_RFLAGS))
		vmcs_write(GUEST_RFLAGS, unlikely(v->rflags_special) ?
			   vmx_hw_rflags(vcpu) : v->rflags);
	v->dirty = 0;
}

/* Roots, and the invalidations that are due (mmu/mmu.h) */
static noinline void load_mmu(struct vcpu *vcpu)
{
	struct mmu_hw_root root = { };
	int i;

	mmu_op(vcpu->vm, load, vcpu, &root);
	vcpu->mmu.need_load = false;
	/* where the guest loads CR3 itself, the field is what it loaded last */
	if (!vmx_policy(vcpu)->cr3_exiting || root.cr3 != vcpu->mmu.root.cr3)
		vmcs_write(GUEST_CR3, root.cr3);
	if (root.eptp && root.eptp != vcpu->mmu.root.eptp)
		vmcs_write(EPT_POINTER, root.eptp);
	if (vmx_policy(vcpu)->hw_pdptes && x86_paging(vcpu) && x86_pae(vcpu) &&
	    !x86_long_mode(vcpu))
		for (i = 0; i < 4; i++)
			vmcs_write(GUEST_PDPTR0 + 2 * i, root.pdpte[i]);
	vcpu->mmu.root = root;
}

/* perf's counters that must not run, or PEBS that must not write, in a guest */
static __always_inline int perf_to_guest(struct perf_guest_switch_msr **msrs)
{
	int i, n;

	*msrs = compat_perf_guest_msrs(&n);
	for (i = 0; i < n; i++)
		if ((*msrs)[i].host != (*msrs)[i].guest)
			wrmsrl((*msrs)[i].msr, (*msrs)[i].guest);
	return n;
}

static __always_inline void perf_to_host(struct perf_guest_switch_msr *msrs, int n)
{
	while (n--)
		if (msrs[n].host != msrs[n].guest)
			wrmsrl(msrs[n].msr, msrs[n].host);
}

/* What the loop puts aside of the host's */
struct loop {
	struct perf_guest_switch_msr *msrs;
	unsigned long debugctl;
	int nr_msrs;
};

static __always_inline void loop_begin(struct vcpu *vcpu, struct loop *l)
{
	vmx_host_state_entry(vcpu);
	/* perf changes it from interrupts, so not earlier than here */
	l->debugctl = get_debugctlmsr();
	if (read_cr2() != vcpu->arch.cr2)
		write_cr2(vcpu->arch.cr2);
	x86_load_guest_xcr0(vcpu);
	if (unlikely(vcpu->vmx.drs_active))
		vmx_load_drs(vcpu);
	if (unlikely(vmx_stepping(vcpu)))
		vmx_single_step(vcpu);
	l->nr_msrs = perf_to_guest(&l->msrs);
	vmx_mitigate_loop();
}

static __always_inline void loop_end(struct vcpu *vcpu, struct loop *l)
{
	compat_guest_ran();
	perf_to_host(l->msrs, l->nr_msrs);
	/* a VM exit clears DR7 and DEBUGCTL (SDM 3C 28.5.1) */
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	if (unlikely(l->debugctl))
		update_debugctlmsr(l->debugctl);
	x86_load_host_xcr0(vcpu);
	vcpu->arch.cr2 = read_cr2();
}

/*
 * An interrupt of the host's: it is taken outside of the loop, and the loop
 * begins anew. Whatever may come of it is a request, or work for the thread.
 */
static noinline bool host_interrupt(struct vcpu *vcpu, struct loop *l)
{
	unsigned long now;

	/* Q3 of core/quick.c; and what is not ordinary is stepped, for one */
	if (vcpu->quick || unlikely(vcpu->arch.guest_debug))
		return false;
	loop_end(vcpu, l);
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	vmx_host_interrupt(vcpu);
	local_irq_enable();
	vcpu->stats.host_interrupts++;
	local_irq_disable();
	/* see vmx_exit_external_interrupt(); once in a tick will do for RCU */
	now = jiffies;
	if (vcpu->vmx.quiescent != now) {
		vcpu->vmx.quiescent = now;
		compat_rcu_quiescent();
	}
	x86_fpu_again();
	vmx_announce_entry(vcpu);
	loop_begin(vcpu, l);
	return true;
}

static void trace_exit(struct vcpu *vcpu)
{
	u64 cr2 = read_cr2();
	u32 info = vmcs_read(VM_EXIT_INTR_INFO);
	u32 error = info & INTR_INFO_VALID_MASK &&
		    info & INTR_INFO_DELIVER_CODE_MASK ?
		    vmcs_read(VM_EXIT_INTR_ERROR_CODE) : 0;

	trace_kvm_exit(vcpu->id, vcpu_rip(vcpu), vcpu->vmx.exit_reason,
		       TRACE_ISA_VMX, vmx_exit_qual(vcpu),
		       vmcs_read(IDT_VECTORING_INFO_FIELD), info, error,
		       READ_ONCE(vcpu->requests));
	/* who listens may touch memory that is not there */
	vmx_keep_cr2(cr2);
}

/* What there is for an exit reason: nothing for a failed entry, for instance */
static __always_inline const struct vmx_exit *exit_entry(struct vcpu *vcpu,
							 u32 reason)
{
	if (unlikely(reason >= vmx_nr_exits)) {
		if (reason < NR_EXIT_REASONS)
			vcpu->stats.exits[reason]++;
		return NULL;
	}
	vcpu->stats.exits[reason]++;
	return &vmx_exits[reason];
}

/* Something that only the outer loop can do, unless vmx_fast_events() can? */
static __always_inline bool must_leave(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || __xfer_to_guest_mode_work_pending();
}

void vmx_enter(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	const struct vmx_exit *entry;
	enum fast_result done;
	unsigned long flags;
	struct loop loop;
	int failed;

	loop_begin(vcpu, &loop);
	for (;;) {
		if (unlikely(vcpu->mmu.need_load))
			load_mmu(vcpu);
		if (v->dirty)
			write_regs(vcpu);
		TRACE_LAZY(kvm_entry, vcpu->id, vcpu_rip(vcpu), false);

		flags = vmx_entry_flags;
		if (likely(v->vmcs.launched))
			flags |= VMX_ENTRY_RESUME;
		if (unlikely(v->seldom)) {
			if (v->spec_ctrl_passthrough)
				flags |= VMX_ENTRY_SPEC_CTRL;
			if (v->timer_armed)
				vmx_write_timer(vcpu);
		}
		if (unlikely(flags & (VMX_ENTRY_SPEC_CTRL | VMX_ENTRY_IBRS)))
			v->entry.host_spec_ctrl =
				this_cpu_read(x86_spec_ctrl_current);
		context_tracking_guest_enter();
		failed = vmx_asm_enter(vcpu->regs, flags, &v->entry);
		context_tracking_guest_exit();

		v->avail = 0;
		if (unlikely(failed)) {
			entry = NULL;
			v->exit_reason = VMX_REASON_VMFAIL;
			v->entry_fail = vmcs_read(VM_INSTRUCTION_ERROR);
			break;
		}
		v->exit_reason = vmcs_read(VM_EXIT_REASON);
		/* a failed entry launches nothing (SDM 3C 27.8) */
		if (unlikely((s32)v->exit_reason < 0))
			v->vmcs.launched = flags & VMX_ENTRY_RESUME;
		else
			v->vmcs.launched = true;
		if (trace_kvm_exit_enabled())
			trace_exit(vcpu);
		entry = exit_entry(vcpu, v->exit_reason);
		/* a full exit, unless a fast handler did it all */
		if (!entry || !entry->fast)
			break;
		done = entry->fast(vcpu);
		if (unlikely(done != FAST_RESUME) &&
		    (done != FAST_HOST || !host_interrupt(vcpu, &loop)))
			break;
		if (unlikely(must_leave(vcpu)) && !vmx_fast_events(vcpu)) {
			/* what a fast handler gave has not been delivered */
			vmx_cancel_injection(vcpu);
			v->exit_reason = VMX_REASON_NONE;
			break;
		}
		vcpu->stats.fast_exits++;
		vmx_mitigate_entry();
	}

	loop_end(vcpu, &loop);
	if (unlikely(v->event_given || !entry || entry->delivery))
		vmx_take_back_event(vcpu);
	else
		v->idt_info = 0;
}

/*
 * The host's handler is to take it for one of user space: a memory error that
 * the guest consumed costs the VM, not the host.
 */
static void forward_machine_check(void)
{
#ifdef CONFIG_X86_MCE
	struct pt_regs regs = {
		.cs = 3,	/* CPL 3 */
		.flags = X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
#endif
}

void vmx_handle_exit_irqoff(struct vcpu *vcpu)
{
	u32 reason = vcpu->vmx.exit_reason;
	u32 info;

	if (unlikely(reason == (EXIT_REASON_MCE_DURING_VMENTRY |
				VMX_EXIT_REASONS_FAILED_VMENTRY) ||
		     reason == EXIT_REASON_MCE_DURING_VMENTRY)) {
		forward_machine_check();
		return;
	}
	if (reason == EXIT_REASON_EXTERNAL_INTERRUPT) {
		vmx_host_interrupt(vcpu);
		return;
	}
	if (reason != EXIT_REASON_EXCEPTION_NMI)
		return;
	info = vmx_intr_info(vcpu);
	/*
	 * Raise them again through the host's IDT. NMIs stay blocked since the
	 * exit: the IRET of the handler unblocks them.
	 */
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		asm volatile("int $2");
	else if ((info & INTR_INFO_VECTOR_MASK) == MC_VECTOR)
		forward_machine_check();
}
