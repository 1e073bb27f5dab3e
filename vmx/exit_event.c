// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that come of events rather than of an instruction the guest chose:
 * exceptions, interrupts, windows, task switches, failed entries.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <asm/cpu.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include "core/compat.h"
#include "core/run.h"
#include "core/trace.h"
#include "vmx/private.h"
#include "x86/x86.h"

/* VM-exit interruption information of a page fault, without NMIs unblocked */
#define PAGE_FAULT	(INTR_INFO_VALID_MASK | INTR_INFO_DELIVER_CODE_MASK | \
			 INTR_TYPE_HARD_EXCEPTION | PF_VECTOR)

/* What was tried, by the error code of a page fault */
static __always_inline u32 pf_access(u32 error)
{
	return (error & PFEC_W ? MMU_ACC_WRITE :
		error & PFEC_I ? MMU_ACC_EXEC : MMU_ACC_READ) |
	       (error & PFEC_U ? MMU_ACC_USER : 0);
}

static __always_inline void read_page_fault(struct vcpu *vcpu, u32 error,
					    struct mmu_fault *f)
{
	*f = (struct mmu_fault) {
		.kind = MMU_FAULT_PF,
		.error_code = error,
		.gva_valid = true,
		.gva = vmx_exit_qual(vcpu),
		.access = pf_access(error),
	};
}

/*
 * The guest's own fault, without leaving the fast loop. What is on the way
 * already was delivered (no IDT vectoring); a debugger or a trace wants the full
 * way, and so does what only it does for real mode.
 */
static int fast_inject(struct vcpu *vcpu, const struct x86_exception *e)
{
	u64 rflags = vcpu_rflags(vcpu);

	if (vcpu->arch.guest_debug || trace_kvm_inj_exception_enabled() ||
	    vcpu->vmx.v86 || vmx_needs_emulation(vcpu))
		return FAST_FULL;
	/* the pushed image of a fault has RF set (SDM 3B 18.3.1.1) */
	if (!(rflags & X86_EFLAGS_RF))
		vcpu_set_rflags(vcpu, rflags | X86_EFLAGS_RF);
	write_cr2(e->address);
	vmx_inject(vcpu, PAGE_FAULT & ~INTR_INFO_VALID_MASK, e->error, 0);
	vcpu->stats.pf_injected++;
	vcpu->stats.exception_injected++;
	return FAST_RESUME;
}

/* A write to memory that the MMU watches, made in the guest's place */
static bool store_fast(struct vcpu *vcpu, const struct mmu_fault *f)
{
	struct vm *vm = vcpu->vm;
	bool done;
	int idx;

	if (vcpu->arch.guest_debug)
		return false;
	idx = srcu_read_lock(&vm->srcu);
	pagefault_disable();
	done = run_store_fast(vcpu, f);
	pagefault_enable();
	srcu_read_unlock(&vm->srcu, idx);
	if (done)
		vcpu->stats.pf_mmio++;
	return done;
}

/* One that the MMU can mend with what the host has present */
static noinline int fast_page_fault(struct vcpu *vcpu)
{
	enum mmu_fast done;
	struct mmu_fault f;
	bool stored;
	u64 cr2;

	if (vmcs_read(IDT_VECTORING_INFO_FIELD) & VECTORING_INFO_VALID_MASK)
		return FAST_FULL;
	read_page_fault(vcpu, vmcs_read(VM_EXIT_INTR_ERROR_CODE), &f);
	cr2 = read_cr2();
	done = mmu_op(vcpu->vm, fault_fast, vcpu, &f);
	stored = done == MMU_FAST_STORE && store_fast(vcpu, &f);
	vmx_keep_cr2(cr2);
	if (stored)
		return FAST_RESUME;
	if (done == MMU_FAST_INJECT)
		return fast_inject(vcpu, &f.exception);
	if (done != MMU_FAST_DONE)
		return FAST_FULL;
	vcpu->stats.pf_fixed++;
	return FAST_RESUME;
}

/*
 * Devices, an event whose delivery faulted, and NMIs that an IRET unblocked
 * before it faulted, are for the outer loop.
 */
int vmx_fast_exception(struct vcpu *vcpu)
{
	if (vmx_intr_info(vcpu) != PAGE_FAULT || trace_kvm_page_fault_enabled() ||
	    mmu_maybe_device(&vcpu->mmu, vmx_exit_qual(vcpu)))
		return FAST_FULL;
	return fast_page_fault(vcpu);
}

/*
 * Where fetches cannot be denied the CPU does not tell them from reads (SDM 3A
 * 4.7), and SMAP and protection keys deny reads alone. What faults on an entry
 * that is not built, at the instruction's own address, is taken for the fetch;
 * if it was a read after all, it faults again, on the entry that was built.
 */
static bool untold_fetch(struct vcpu *vcpu, const struct mmu_fault *f)
{
	u64 cr4 = vcpu->arch.cr4;
	bool nx = vcpu->arch.efer & EFER_NX && cr4 & X86_CR4_PAE;

	return cr4 & (X86_CR4_SMAP | X86_CR4_PKE) && !(cr4 & X86_CR4_SMEP) &&
	       !nx && f->access & MMU_ACC_READ &&
	       f->error_code & PFEC_RSVD &&
	       f->gva - (vcpu_rip(vcpu) + vmx_segment_base(vcpu, SEG_CS)) < 15;
}

/* An EXCEPTION_NMI exit: vmx_mmio()'s part where the kind sees page faults */
int vmx_page_fault_mmio(struct vcpu *vcpu, bool devices)
{
	gva_t gva;
	u32 access;
	gpa_t gpa;

	if (vmx_intr_info(vcpu) != PAGE_FAULT)
		return MMIO_OTHER;
	gva = vmx_exit_qual(vcpu);
	if (!mmu_maybe_device(&vcpu->mmu, gva) ||
	    vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK)
		return MMIO_OTHER;
	access = pf_access(vmcs_read(VM_EXIT_INTR_ERROR_CODE));
	if (!mmu_device_again(vcpu, gva, access, &gpa))
		return MMIO_OTHER;
	return run_mmio(vcpu, gpa, gva, access, devices);
}

static noinline int page_fault(struct vcpu *vcpu, u32 error)
{
	struct mmu_fault f;

	read_page_fault(vcpu, error, &f);
	if (unlikely(untold_fetch(vcpu, &f)))
		f.access ^= MMU_ACC_READ | MMU_ACC_EXEC;
	if (unlikely(!vmx_policy(vcpu)->pf_intercept)) {
		/* somebody spoiled the page table of real mode: the guest's loss */
		f.exception = (struct x86_exception) {
			.vector = PF_VECTOR, .has_error = true, .error = error,
			.address = f.gva,
		};
		x86_queue_fault(vcpu, &f.exception);
		return RUN_RESUME;
	}
	f.delivery = vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK;
	return run_mmu_fault(vcpu, &f);
}

/* KVM_EXIT_DEBUG, for a debugger that user space is */
int vmx_debug_exit(struct vcpu *vcpu, u8 vector, u64 dr6)
{
	const struct x86_vcpu *a = &vcpu->arch;
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = vector;
	run->debug.arch.pc = vcpu_rip(vcpu) + vmx_segment_base(vcpu, SEG_CS);
	run->debug.arch.dr6 = dr6 | DR6_RESERVED;
	/* the one in force: it says what kind of breakpoint was hit */
	run->debug.arch.dr7 = a->guest_debug & KVM_GUESTDBG_USE_HW_BP ?
			      a->guest_debug_dr7 : a->dr7;
	return RUN_EXIT_USER;
}

/* Exit qualification has DR6's bits in its layout (SDM 3C table 28-1) */
static int debug_exception(struct vcpu *vcpu)
{
	u64 dr6 = vmx_exit_qual(vcpu);

	/*
	 * With TF, blocking by STI or MOV SS is accepted only with a trap that
	 * waits (SDM 3C 27.3.1.5). It does not any more: this may be it.
	 */
	if (vcpu_rflags(vcpu) & X86_EFLAGS_TF)
		vmx_set_interrupt_shadow(vcpu, 0);
	if (vcpu->arch.guest_debug & (KVM_GUESTDBG_SINGLESTEP |
				      KVM_GUESTDBG_USE_HW_BP))
		return vmx_debug_exit(vcpu, DB_VECTOR, dr6);
	/* INT1 is a trap, and exits as a fault (SDM 3C 28.2.2) */
	if ((vmx_intr_info(vcpu) & INTR_INFO_INTR_TYPE_MASK) ==
	    INTR_TYPE_PRIV_SW_EXCEPTION) {
		vcpu_set_rip(vcpu, vcpu_rip(vcpu) + vmx_insn_len(vcpu));
		vmx_set_interrupt_shadow(vcpu, 0);
	}
	x86_queue_exception_payload(vcpu, DB_VECTOR, dr6);
	return RUN_RESUME;
}

/* Another vendor's hypercall instruction, and this one's */
static const u8 insn_vmmcall[] = { 0x0f, 0x01, 0xd9 };
static const u8 insn_vmcall[] = { 0x0f, 0x01, 0xc1 };

/*
 * VMMCALL becomes VMCALL in the guest's memory and runs again, unless the VMM
 * turned KVM_X86_QUIRK_FIX_HYPERCALL_INSN off. Where the guest may not write to
 * its code it gets the page fault.
 */
static int fix_hypercall(struct vcpu *vcpu, u64 at)
{
	u32 access = vcpu_cpl(vcpu) == 3 ? MMU_ACC_USER : 0;
	struct x86_exception e;
	int ret;

	ret = vcpu_write_gva(vcpu, at, insn_vmcall, sizeof(insn_vmcall), access, &e);
	if (ret == MMU_INJECT)
		x86_queue_fault(vcpu, &e);
	else if (ret == MMU_EMULATE)
		x86_queue_exception(vcpu, UD_VECTOR);
	/* the guest's tables did not hold still: once more */
	return ret < 0 && ret != -EAGAIN ? ret : RUN_RESUME;
}

/*
 * #UD of an instruction that is none here, but is on the CPU the guest knows:
 * VMMCALL, and RSM, which in VMX only the host has.
 */
static int invalid_opcode(struct vcpu *vcpu)
{
	u32 access = MMU_ACC_EXEC | (vcpu_cpl(vcpu) == 3 ? MMU_ACC_USER : 0);
	u64 at = vcpu_rip(vcpu);
	struct x86_exception e;
	u8 insn[3];

	if (!vcpu_64bit(vcpu))
		at = (u32)(at + vmx_segment_base(vcpu, SEG_CS));
	if (vcpu->arch.smm &&
	    !vcpu_read_gva(vcpu, at, insn, 2, access, &e) &&
	    insn[0] == 0x0f && insn[1] == 0xaa && !x86_rsm(vcpu))
		return RUN_RESUME;
	if (!(READ_ONCE(vcpu->vm->arch.disabled_quirks) &
	      KVM_X86_QUIRK_FIX_HYPERCALL_INSN) &&
	    !vcpu_read_gva(vcpu, at, insn, sizeof(insn), access, &e) &&
	    !memcmp(insn, insn_vmmcall, sizeof(insn)))
		return fix_hypercall(vcpu, at);
	x86_queue_exception(vcpu, UD_VECTOR);
	return RUN_RESUME;
}

/* An alignment check of the guest's own (SDM 3A 6.15) */
static bool checks_alignment(struct vcpu *vcpu)
{
	return vcpu_cpl(vcpu) == 3 && x86_cr0(vcpu) & X86_CR0_AM &&
	       vcpu_rflags(vcpu) & X86_EFLAGS_AC;
}

/*
 * The host detects locked accesses that cross a cache line, by the same exception.
 * It decides whether the guest may go on, without the detection for a while.
 */
static int split_lock(struct vcpu *vcpu, u32 error)
{
	struct kvm_run *run = vcpu->run;

	if (handle_guest_split_lock(vcpu_rip(vcpu)))
		return RUN_RESUME;
	run->exit_reason = KVM_EXIT_EXCEPTION;
	run->ex.exception = AC_VECTOR;
	run->ex.error_code = error;
	return RUN_EXIT_USER;
}

static noinline int exception(struct vcpu *vcpu)
{
	u32 info = vmx_intr_info(vcpu);
	u8 vector = info & INTR_INFO_VECTOR_MASK;
	u32 error = 0;

	/* both went to the host with interrupts still off */
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR ||
	    vector == MC_VECTOR)
		return RUN_RESUME;

	/*
	 * A fault of IRET: it had unblocked NMIs already, and will run again
	 * (SDM 3C 28.2.3)
	 */
	if (info & INTR_INFO_UNBLOCK_NMI && vector != DF_VECTOR &&
	    !(vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK))
		vmx_set_nmi_blocked(vcpu, true);

	if (info & INTR_INFO_DELIVER_CODE_MASK)
		error = vmcs_read(VM_EXIT_INTR_ERROR_CODE);

	if (vector == PF_VECTOR)
		return page_fault(vcpu, error);
	if (vector == DB_VECTOR)
		return debug_exception(vcpu);
	if (vector == AC_VECTOR && boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT) &&
	    !checks_alignment(vcpu))
		return split_lock(vcpu, error);
	if (unlikely(vcpu->vmx.v86 && !(vector == UD_VECTOR && vcpu->arch.smm)))
		return vmx_v86_exception(vcpu, vector);
	if (vector == UD_VECTOR)
		return invalid_opcode(vcpu);
	if (vector == BP_VECTOR)
		return vmx_debug_exit(vcpu, BP_VECTOR, 0);
	if (info & INTR_INFO_DELIVER_CODE_MASK)
		x86_queue_exception_error(vcpu, vector, error);
	else
		x86_queue_exception(vcpu, vector);
	return RUN_RESUME;
}

int vmx_exit_exception(struct vcpu *vcpu)
{
	int ret = vmx_mmio(vcpu, true);

	return likely(ret != MMIO_OTHER) ? ret : exception(vcpu);
}

/*
 * It was taken right after the exit, see vmx_host_interrupt(). Perhaps a tick: then RCU
 * may wait for this CPU, to which running a guest is no more than kernel code.
 */
int vmx_exit_external_interrupt(struct vcpu *vcpu)
{
	unsigned long flags;

	local_irq_save(flags);
	compat_rcu_quiescent();
	local_irq_restore(flags);
	return RUN_RESUME;
}

int vmx_exit_triple_fault(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_TRIPLE_FAULT);
	return RUN_RESUME;
}

int vmx_exit_irq_window(struct vcpu *vcpu)
{
	vmx_proc_bits(vcpu, CPU_BASED_INTR_WINDOW_EXITING, false);
	vcpu->stats.irq_window++;
	vcpu_request(vcpu, REQ_EVENT);
	return RUN_RESUME;
}

int vmx_exit_nmi_window(struct vcpu *vcpu)
{
	vmx_proc_bits(vcpu, CPU_BASED_NMI_WINDOW_EXITING, false);
	vcpu->stats.nmi_window++;
	vcpu_request(vcpu, REQ_EVENT);
	return RUN_RESUME;
}

/* The instruction after STI is done: vmx_request_nmi_window() */
int vmx_exit_mtf(struct vcpu *vcpu)
{
	vmx_proc_bits(vcpu, CPU_BASED_MONITOR_TRAP_FLAG, false);
	vcpu_request(vcpu, REQ_EVENT);
	return RUN_RESUME;
}

int vmx_exit_tpr(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_EVENT);
	return RUN_RESUME;
}

/*
 * SDM 3C table 28-2. The switch delivers the event that went through a task
 * gate.
 */
int vmx_exit_task_switch(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	unsigned int cause = (qual >> 30) & 3;
	u32 idt = vcpu->vmx.idt_info;
	u64 next_rip = vcpu_rip(vcpu);
	bool has_error = false;
	u32 error = 0, type;

	if (cause == EMUL_TASK_GATE && idt & VECTORING_INFO_VALID_MASK) {
		type = idt & VECTORING_INFO_TYPE_MASK;
		if (idt & VECTORING_INFO_DELIVER_CODE_MASK) {
			has_error = true;
			error = vcpu->vmx.idt_error;
		}
		if (type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
		    type == INTR_TYPE_PRIV_SW_EXCEPTION)
			next_rip += vmx_insn_len(vcpu);
		if (type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION)
			cause = EMUL_TASK_INT;
		if (type == INTR_TYPE_NMI_INTR)
			vmx_set_nmi_blocked(vcpu, true);
	} else if (cause != EMUL_TASK_GATE) {
		next_rip += vmx_insn_len(vcpu);
	}
	return run_task_switch(vcpu, (u16)qual, cause, next_rip, has_error,
			       error);
}

/**
 * vmx_exit_entry_failed() - the CPU refused to enter the guest
 * @vcpu: the vCPU
 *
 * Either VMfail, with a VM-instruction error, or an exit with bit 31 set:
 * KVM_EXIT_FAIL_ENTRY with the reason.
 */
int vmx_exit_entry_failed(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u32 reason = vcpu->vmx.exit_reason;

	if (reason == (EXIT_REASON_MCE_DURING_VMENTRY |
		       VMX_EXIT_REASONS_FAILED_VMENTRY))
		return RUN_RESUME;	/* the host has handled the machine check */
	vmx_dump(vcpu);
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason =
		reason == VMX_REASON_VMFAIL ? vcpu->vmx.entry_fail : reason;
	run->fail_entry.cpu = vcpu->vmx.vmcs.cpu;
	return RUN_EXIT_USER;
}
