// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN: the outer loop around the fast loop of vmx/run.c.
 */
#include <linux/context_tracking.h>
#include <linux/entry-kvm.h>
#include <linux/kvm_para.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include "core/apf.h"
#include "core/compat.h"
#include "core/emul.h"
#include "core/halt.h"
#include "core/run.h"
#include "core/thread_work.h"
#include "core/trace.h"
#include "irqchip/irqchip.h"
#include "mmu/dirty_ring.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

static void srcu_enter(struct vcpu *vcpu)
	__acquires(&vcpu->vm->srcu)
{
	vcpu->srcu_idx = srcu_read_lock(&vcpu->vm->srcu);
}

static void srcu_leave(struct vcpu *vcpu)
	__releases(&vcpu->vm->srcu)
{
	srcu_read_unlock(&vcpu->vm->srcu, vcpu->srcu_idx);
}

/* ---- requests ---------------------------------------------------------------------- */

static int triple_fault(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return RUN_EXIT_USER;
}

/* Again and again, until user space gives places back */
static int ring_full(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_DIRTY_RING);
	vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
	return RUN_EXIT_USER;
}

/* REQ_EVENT, the most usual one, is step()'s own */
static __always_inline bool others_requested(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) & ~BIT(REQ_EVENT);
}

static int handle_requests(struct vcpu *vcpu)
{
	if (vcpu_requested(vcpu, REQ_DEAD))
		return -EIO;
	if (vcpu_take_request(vcpu, REQ_TRIPLE_FAULT))
		return triple_fault(vcpu);
	if (unlikely(vcpu_take_request(vcpu, REQ_DIRTY_RING)) &&
	    dirty_ring_full(vcpu))
		return ring_full(vcpu);
	if (vcpu_take_request(vcpu, REQ_MMU_RELOAD))
		vcpu->mmu.need_prepare = true;
	if (vcpu_take_request(vcpu, REQ_TLB_FLUSH))
		vcpu->mmu.need_load = true;	/* load() finds out what is due */
	x86_process_smi(vcpu);
	if (vcpu_take_request(vcpu, REQ_NMI))
		x86_process_nmi(vcpu);
	if (vcpu_take_request(vcpu, REQ_CLOCK_UPDATE))
		x86_update_clock(vcpu);
	if (vcpu_take_request(vcpu, REQ_STEAL_UPDATE))
		x86_update_steal(vcpu);
	if (vcpu_take_request(vcpu, REQ_TIMER))
		lapic_timer_fired(vcpu);
	if (vcpu_take_request(vcpu, REQ_APF))
		apf_ready(vcpu);
	if (vcpu_take_request(vcpu, REQ_MSR_FILTER))
		vmx_msr_update_intercepts(vcpu);
	if (vcpu_take_request(vcpu, REQ_TSS_ADDR))
		vmx_check_emulation(vcpu);
	if (vcpu_take_request(vcpu, REQ_PIT))
		irqchip_pit_look(vcpu);
	vcpu_take_request(vcpu, REQ_UNBLOCK);
	vcpu_take_request(vcpu, REQ_OUTSIDE);
	if (vcpu_take_request(vcpu, REQ_IOAPIC_EOI))
		return irqchip_eoi_exit(vcpu);
	if (vcpu_take_request(vcpu, REQ_TPR_ACCESS))
		return vapic_tpr_exit(vcpu);
	return RUN_RESUME;
}

/* ---- blocking ------------------------------------------------------------------------ */

/* Has something come that ends HLT? */
bool vcpu_wake_event(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;
	const u64 any = BIT(REQ_UNBLOCK) | BIT(REQ_DEAD) | BIT(REQ_TIMER) |
			BIT(REQ_NMI) | BIT(REQ_SMI) | BIT(REQ_APF) |
			BIT(REQ_TRIPLE_FAULT) | BIT(REQ_PIT);

	if (READ_ONCE(vcpu->requests) & any)
		return true;
	if (lapic_init_sipi_pending(vcpu))
		return true;
	/* a CPU that waits for INIT or SIPI hears nothing else */
	if (vcpu->arch.mp_state != KVM_MP_STATE_RUNNABLE &&
	    vcpu->arch.mp_state != KVM_MP_STATE_HALTED)
		return false;
	/* the most likely one */
	if (irqchip_pending_asleep(vcpu, vmx_posted_waits(vcpu)) >= 0 &&
	    vmx_irq_allowed(vcpu))
		return true;
	return ev->exception.pending || ev->exception.injected ||
	       (ev->nmi_pending && vmx_nmi_allowed(vcpu)) ||
	       (ev->irq.held && vmx_irq_allowed(vcpu)) ||
	       READ_ONCE(vcpu->arch.pv_unhalted) ||
	       (ev->smi_pending && !vcpu->arch.smm);
}

/* mp_state is not RUNNABLE: sleep, then act on what came */
static int block(struct vcpu *vcpu)
{
	bool event;
	int ret;

	lapic_sync_pv_eoi(vcpu);
	srcu_leave(vcpu);
	event = vcpu_halt(vcpu);
	srcu_enter(vcpu);

	if (others_requested(vcpu)) {
		event = false;
		ret = handle_requests(vcpu);
		if (ret != RUN_RESUME)
			return ret;
	}
	if (lapic_init_sipi_pending(vcpu))
		lapic_accept_init_sipi(vcpu);
	/* a vCPU that waits for SIPI is woken by nothing else */
	if (vcpu->arch.mp_state == KVM_MP_STATE_HALTED &&
	    (event || vcpu_wake_event(vcpu))) {
		vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
		WRITE_ONCE(vcpu->arch.pv_unhalted, false);
		vcpu->arch.unhalted = true;
		vcpu_request(vcpu, REQ_EVENT);
	}
	return RUN_RESUME;
}

int run_halt(struct vcpu *vcpu)
{
	vcpu->stats.halts++;
	if (!vcpu->lapic) {
		vcpu->run->exit_reason = KVM_EXIT_HLT;
		return RUN_EXIT_USER;
	}
	vcpu->arch.mp_state = KVM_MP_STATE_HALTED;
	return RUN_RESUME;
}

/* ---- entering the guest ----------------------------------------------------------------- */

/*
 * Interrupts off. The IPI arrives when the guest has got its event, before its
 * first instruction (SDM 3C 27.7.5), and the run loop looks at events again.
 */
static void leave_soon(struct vcpu *vcpu)
{
	vcpu->arch.ev.smi_delayed = false;
	compat_send_reschedule(smp_processor_id());
	vcpu_request(vcpu, REQ_EVENT);
}

/*
 * Return: enum run_result or -errno. Entered with everything injected that is
 * to be injected.
 */
static int enter_guest(struct vcpu *vcpu)
	__must_hold(&vcpu->vm->srcu)
{
	preempt_disable();
	local_irq_disable();
	if (!vcpu->vmx.guest_state_loaded) {
		vmx_switch_to_guest(vcpu);
		vmx_arm_user_return();
	}
	x86_fpu_again();

	srcu_leave(vcpu);
	vmx_announce_entry(vcpu);
	if (unlikely(READ_ONCE(vcpu->requests) || __xfer_to_guest_mode_work_pending())) {
		WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
		local_irq_enable();
		preempt_enable();
		srcu_enter(vcpu);
		vmx_cancel_injection(vcpu);
		return RUN_RESUME;
	}

	guest_time_begin();
	vcpu->stats.entries++;
	if (unlikely(vcpu->arch.ev.smi_delayed))
		leave_soon(vcpu);
	vmx_enter(vcpu);
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	vmx_handle_exit_irqoff(vcpu);

	/* take pending interrupts while the time is still the guest's */
	local_irq_enable();
	vcpu->stats.outer_exits++;
	local_irq_disable();
	guest_time_end();
	local_irq_enable();
	preempt_enable();

	srcu_enter(vcpu);
	if (unlikely(vcpu->arch.vapic_addr))
		vapic_from_guest(vcpu);
	return vmx_handle_exit(vcpu);
}

/*
 * Events before the next entry: an INIT, or what can be given to the CPU.
 * False: the vCPU is another one now, and whatever was made ready is not.
 */
static bool ready_events(struct vcpu *vcpu)
{
	if (unlikely(lapic_init_sipi_pending(vcpu))) {
		lapic_accept_init_sipi(vcpu);
		vcpu_request(vcpu, REQ_EVENT);
		return false;
	}
	return !x86_inject_events(vcpu);
}

static int step(struct vcpu *vcpu)
{
	int ret;

	if (others_requested(vcpu)) {
		ret = handle_requests(vcpu);
		if (ret != RUN_RESUME)
			return ret;
	}
	if (unlikely(vcpu->mmu.need_prepare)) {
		ret = mmu_op(vcpu->vm, prepare, vcpu);
		if (ret)
			return ret;
		vcpu->mmu.need_prepare = false;
		vcpu->mmu.need_load = true;
	}
	if ((vcpu_take_request(vcpu, REQ_EVENT) ||
	     vcpu->run->request_interrupt_window) && !ready_events(vcpu))
		return RUN_RESUME;
	if (unlikely(vcpu->arch.vapic_addr))
		vapic_to_guest(vcpu);
	if (unlikely(vmx_needs_emulation(vcpu))) {
		/* the event is delivered there, then it is the SMI's turn */
		if (vcpu->arch.ev.smi_delayed) {
			vcpu->arch.ev.smi_delayed = false;
			vcpu_request(vcpu, REQ_EVENT);
		}
		/* no entry, so none of the CPU's timer either */
		lapic_timer_expired(vcpu);
		return vmx_emulate(vcpu);
	}
	return enter_guest(vcpu);
}

/* Without an in-kernel irqchip: does user space wait for the chance to inject? */
static bool irq_window_wanted(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) &&
	       irqchip_user_irqs(vcpu) &&
	       vcpu->arch.ev.user_irq < 0 && !vcpu->arch.ev.irq.injected &&
	       vmx_irq_allowed(vcpu);
}

static int handle_thread_work(struct vcpu *vcpu)
{
	int ret;

	/* user space may save the VM now, where the request would be lost */
	if (unlikely(vcpu_take_request(vcpu, REQ_IOAPIC_EOI)))
		return irqchip_eoi_exit(vcpu);
	if (likely(thread_work_defer())) {
		vcpu->work_deferred = true;
		return RUN_RESUME;
	}
	srcu_leave(vcpu);
	ret = thread_work();
	srcu_enter(vcpu);
	if (likely(!ret))
		return RUN_RESUME;
	if (ret == -EINTR) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		vcpu->stats.signal_exits++;
	}
	return ret;
}

/* @exited: there is an exit to be handled first */
static int run_loop(struct vcpu *vcpu, bool exited)
{
	int ret;

	do {
		if (unlikely(exited))
			ret = vmx_handle_exit(vcpu);
		else if (likely(vcpu->arch.mp_state == KVM_MP_STATE_RUNNABLE))
			ret = step(vcpu);
		else
			ret = block(vcpu);
		exited = false;
		if (ret != RUN_RESUME)
			break;
		if (unlikely(irq_window_wanted(vcpu))) {
			vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			return RUN_EXIT_USER;
		}
		if (unlikely(__xfer_to_guest_mode_work_pending()))
			ret = handle_thread_work(vcpu);
	} while (ret == RUN_RESUME);
	return ret;
}

/* ---- KVM_RUN ---------------------------------------------------------------------------- */

static void sigset_begin(struct vcpu *vcpu)
{
	if (vcpu->sigset_active)
		/* current->real_blocked is the old mask while ours is on */
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
}

static void sigset_end(struct vcpu *vcpu)
{
	if (vcpu->sigset_active) {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
}

static int sync_regs_in(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);

	if (READ_ONCE(run->kvm_valid_regs) & ~KVM_SYNC_X86_VALID_FIELDS ||
	    dirty & ~KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (dirty & KVM_SYNC_X86_REGS) {
		struct kvm_regs regs = run->s.regs.regs;

		x86_set_regs(vcpu, &regs);
	}
	if (dirty & KVM_SYNC_X86_SREGS) {
		struct kvm_sregs sregs = run->s.regs.sregs;

		if (x86_set_sregs(vcpu, &sregs))
			return -EINVAL;
	}
	if (dirty & KVM_SYNC_X86_EVENTS) {
		struct kvm_vcpu_events events = run->s.regs.events;

		if (x86_set_events(vcpu, &events))
			return -EINVAL;
	}
	run->kvm_dirty_regs = 0;
	return 0;
}

static void sync_regs_out(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 valid = READ_ONCE(run->kvm_valid_regs);

	if (valid & KVM_SYNC_X86_REGS)
		x86_get_regs(vcpu, &run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		x86_get_sregs(vcpu, &run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		x86_get_events(vcpu, &run->s.regs.events);
}

static void fill_run(struct vcpu *vcpu)
{
	run_fill(vcpu);
	if (unlikely(READ_ONCE(vcpu->run->kvm_valid_regs)))
		sync_regs_out(vcpu);
}

/* A CPU that waits for INIT: sleep until it has got one, whatever wakes it */
static int run_uninitialized(struct vcpu *vcpu)
{
	int ret;

	if (compat_immediate_exit(vcpu->run))
		return -EINTR;
	do {
		ret = block(vcpu);
		if (ret != RUN_RESUME)
			return ret;
		if (signal_pending(current)) {
			vcpu->run->exit_reason = KVM_EXIT_INTR;
			vcpu->stats.signal_exits++;
			return -EINTR;
		}
	} while (vcpu->arch.mp_state == KVM_MP_STATE_UNINITIALIZED);
	return -EAGAIN;
}

/*
 * Would run_quick() have done for this run? Then it is the way of the next one.
 * @exits: full exits before this run
 */
static bool was_short(const struct vcpu *vcpu, u64 exits)
{
	u32 reason = vcpu->run->exit_reason;

	return vcpu->stats.outer_exits - exits <= 1 && !vcpu->mmu.ring &&
	       vcpu->io.pending <= IO_SIMPLE && !vcpu->arch.steal_msr &&
	       !vcpu->arch.vapic_addr && !READ_ONCE(x86_tsc_unstable) &&
	       (reason == KVM_EXIT_IO || reason == KVM_EXIT_MMIO);
}

/*
 * Whose turn it is to run when the vCPU's is: for vcpu_yield_to(). A hint: the
 * quick way in does not look, and the next exit that it cannot handle does.
 */
static void note_thread(struct vcpu *vcpu)
{
	struct pid *old = rcu_dereference_protected(vcpu->pid,
						    lockdep_is_held(&vcpu->mutex));

	if (likely(old == task_pid(current)))
		return;
	rcu_assign_pointer(vcpu->pid, get_task_pid(current, PIDTYPE_PID));
	if (old)
		synchronize_rcu();
	put_pid(old);
}

int run_full(struct vcpu *vcpu, enum quick_result quick)
{
	/* run_quick() may have counted one of this run */
	u64 exits = vcpu->stats.outer_exits - (quick == QUICK_EXITED);
	struct kvm_run *run = vcpu->run;
	int ret;

	vcpu->quick = false;
	if (quick != QUICK_NOT) {
		srcu_enter(vcpu);
		ret = run_loop(vcpu, quick == QUICK_EXITED);
		goto out;
	}
	note_thread(vcpu);
	vcpu_load(vcpu);
	x86_steal_load(vcpu);
	sigset_begin(vcpu);
	x86_fpu_load(vcpu);
	srcu_enter(vcpu);

	if (unlikely(vcpu->arch.mp_state == KVM_MP_STATE_UNINITIALIZED)) {
		ret = run_uninitialized(vcpu);
		goto out;
	}
	if (unlikely(READ_ONCE(run->kvm_valid_regs) | READ_ONCE(run->kvm_dirty_regs))) {
		ret = sync_regs_in(vcpu);
		if (ret)
			goto out;
	}
	if (!vcpu->lapic) {
		ret = -EINVAL;
		if (x86_set_cr8(vcpu, READ_ONCE(run->cr8)))
			goto out;
	}
	if (vcpu->io.pending) {
		ret = io_complete(vcpu);
		if (ret != RUN_RESUME)
			goto out;
	}
	/* with immediate_exit the last exit's data stay: clients look at them */
	if (compat_immediate_exit(run)) {
		ret = -EINTR;
	} else {
		run->exit_reason = KVM_EXIT_UNKNOWN;
		ret = run_loop(vcpu, false);
	}
out:
	if (unlikely(vcpu->mmu.ring))
		mmu_op(vcpu->vm, sync_dirty, vcpu);
	fill_run(vcpu);
	vcpu->quick = was_short(vcpu, exits);
	srcu_leave(vcpu);
	x86_fpu_put(vcpu);
	sigset_end(vcpu);
	/* only now: a changed signal mask makes the kernel look for itself */
	if (ret == -ERESTARTNOHAND)
		set_thread_flag(TIF_SIGPENDING);
	if (vcpu->work_deferred) {
		vcpu->work_deferred = false;
		thread_work_deferred();
	}
	vcpu->stats.user_exits++;
	trace_kvm_userspace_exit(run->exit_reason, ret);
	vcpu_put(vcpu);
	return ret;
}

int run_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int n,
		       const u64 *data)
{
	struct kvm_run *run = vcpu->run;

	n = min_t(unsigned int, n, ARRAY_SIZE(run->internal.data));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = n;
	memset(run->internal.data, 0, sizeof(run->internal.data));
	if (n)
		memcpy(run->internal.data, data, n * sizeof(*data));
	return RUN_EXIT_USER;
}

/* The kind's answer, or our own where no kind could give another */
static int mmu_answer(struct vcpu *vcpu, struct mmu_fault *f)
{
	gfn_t gfn = f->gpa >> PAGE_SHIFT;
	int ret;

	if (f->kind == MMU_FAULT_VIOLATION && mmu_in_gap(vcpu, gfn)) {
		f->mmio = true;
		return MMU_EMULATE;
	}
	ret = mmu_op(vcpu->vm, fault, vcpu, f);
	gfn = f->gpa >> PAGE_SHIFT;
	if (ret == MMU_EMULATE && f->mmio && f->kind == MMU_FAULT_PF)
		mmu_note_device(vcpu, f);
	/* also forget a gap that has been filled: see mmu_maybe_gap() */
	if (ret == MMU_EMULATE ? f->mmio && !mmu_in_gap(vcpu, gfn) :
				 mmu_maybe_gap(&vcpu->mmu, gfn))
		mmu_note_gap(vcpu, gfn);
	return ret;
}

int run_mmu_fault(struct vcpu *vcpu, struct mmu_fault *f)
{
	int ret = mmu_answer(vcpu, f);

	TRACE_LAZY(kvm_page_fault, vcpu->id, vcpu_rip(vcpu),
		   f->gpa & MMU_GPA_BITS, f->error_code);
	switch (ret) {
	case MMU_RESUME:
		vcpu->stats.pf_fixed++;
		return RUN_RESUME;
	case MMU_EMULATE:
		vcpu->stats.pf_mmio++;
		return run_emulate(vcpu, f);
	case MMU_INJECT:
		vcpu->stats.pf_injected++;
		x86_queue_fault(vcpu, &f->exception);
		return RUN_RESUME;
	}
	if (ret == -EAGAIN)
		return RUN_RESUME;
	return ret;
}

static void hypercall_answer(struct vcpu *vcpu, u64 ret)
{
	vcpu->regs[GPR_RAX] = vcpu_64bit(vcpu) ? ret : (u32)ret;
}

int hypercall_complete(struct vcpu *vcpu, bool emulated)
{
	/* user space set another RIP: the instruction is none of ours any more */
	if (vcpu_rip(vcpu) != vcpu->io.rip)
		return RUN_RESUME;
	hypercall_answer(vcpu, READ_ONCE(vcpu->run->hypercall.ret));
	return emulated ? RUN_RESUME : vmx_skip_insn(vcpu);
}

int run_hypercall(struct vcpu *vcpu)
{
	u64 ret = -KVM_EPERM;

	trace_kvm_hypercall(vcpu->regs[GPR_RAX], vcpu->regs[GPR_RBX],
			    vcpu->regs[GPR_RCX], vcpu->regs[GPR_RDX],
			    vcpu->regs[GPR_RSI]);
	if (!vcpu_cpl(vcpu) &&
	    x86_hypercall(vcpu, vcpu->regs, &ret) == RUN_EXIT_USER) {
		vcpu->io.pending = IO_HYPERCALL;
		vcpu->io.rip = vcpu_rip(vcpu);
		/* VMCS fields of this exit may not be there later */
		vmx_insn_len(vcpu);
		return RUN_EXIT_USER;
	}
	hypercall_answer(vcpu, ret);
	return vmx_skip_insn(vcpu);
}
