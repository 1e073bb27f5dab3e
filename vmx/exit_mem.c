// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits of memory and port accesses.
 */
#include "core/run.h"
#include "core/trace.h"
#include "vmx/private.h"
#include "x86/x86.h"

/* A device that only has to be told, as an ioeventfd */
int vmx_fast_io(struct vcpu *vcpu)
{
	u64 qual;

	if (likely(!io_bus_any_fast(&vcpu->vm->pio_bus)))
		return FAST_FULL;
	qual = vmx_exit_qual(vcpu);
	if (qual & (VMX_IO_STRING | VMX_IO_IN) ||
	    unlikely(vcpu->arch.guest_debug || vcpu->vmx.drs_active) ||
	    !pio_fast(vcpu, VMX_IO_PORT(qual), VMX_IO_SIZE(qual)))
		return FAST_FULL;
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

int vmx_exit_io(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);

	/* an I/O breakpoint would be the emulator's to notice */
	if (qual & VMX_IO_STRING || unlikely(vcpu->vmx.drs_active))
		return run_emulate(vcpu, NULL);
	return run_pio(vcpu, qual & VMX_IO_IN, VMX_IO_PORT(qual),
		       VMX_IO_SIZE(qual));
}

/* Qualification of an EPT violation, SDM 3C table 28-7: bits 2:0 are MMU_ACC_* */
#define VIOLATION_ACCESS	(MMU_ACC_READ | MMU_ACC_WRITE | MMU_ACC_EXEC)

static __always_inline void read_violation(struct vcpu *vcpu, u64 qual,
					   struct mmu_fault *f)
{
	*f = (struct mmu_fault) {
		.kind = MMU_FAULT_VIOLATION,
		.gpa = vmx_fault_gpa(vcpu),
		.access = qual & VIOLATION_ACCESS,
		.gva_valid = qual & EPT_VIOLATION_GVA_IS_VALID,
		.in_walk = !(qual & EPT_VIOLATION_GVA_TRANSLATED),
		.present = qual & EPT_VIOLATION_RWX_MASK,
	};
}

static __always_inline bool maybe_device(struct vcpu *vcpu)
{
	return mmu_maybe_gap(&vcpu->mmu, vmx_fault_gpa(vcpu) >> PAGE_SHIFT);
}

/* Memory that the host has present: no need to leave the fast loop */
static noinline int fast_violation(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	struct mmu_fault f;

	/* an event whose delivery faulted is for the outer loop to save */
	if (qual & INTR_INFO_UNBLOCK_NMI || trace_kvm_page_fault_enabled() ||
	    vmcs_read(IDT_VECTORING_INFO_FIELD) & VECTORING_INFO_VALID_MASK)
		return FAST_FULL;
	read_violation(vcpu, qual, &f);
	if (!mmu_op(vcpu->vm, fault_fast, vcpu, &f))
		return FAST_FULL;
	vcpu->stats.pf_fixed++;
	return FAST_RESUME;
}

int vmx_fast_ept_violation(struct vcpu *vcpu)
{
	return maybe_device(vcpu) ? FAST_FULL : fast_violation(vcpu);
}

static noinline int full_violation(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	struct mmu_fault f;

	read_violation(vcpu, qual, &f);
	if (f.gva_valid)
		f.gva = vmcs_read(GUEST_LINEAR_ADDRESS);
	/* IRET had unblocked NMIs when its stack faulted (SDM 3C 28.2.3) */
	if (unlikely(qual & INTR_INFO_UNBLOCK_NMI) &&
	    !(vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK))
		vmx_set_nmi_blocked(vcpu, true);
	f.delivery = vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK;
	return run_mmu_fault(vcpu, &f);
}

/* Nothing but an access by an instruction, whose own address it was */
static bool plain_access(struct vcpu *vcpu)
{
	const u64 wanted = EPT_VIOLATION_GVA_IS_VALID |
			   EPT_VIOLATION_GVA_TRANSLATED;

	return (vmx_exit_qual(vcpu) & (wanted | INTR_INFO_UNBLOCK_NMI)) == wanted &&
	       !(vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK);
}

static __always_inline int violation_mmio(struct vcpu *vcpu, bool devices)
{
	if (!maybe_device(vcpu) || !plain_access(vcpu))
		return MMIO_OTHER;
	return run_mmio(vcpu, vmx_fault_gpa(vcpu), vmcs_read(GUEST_LINEAR_ADDRESS),
			vmx_exit_qual(vcpu) & VIOLATION_ACCESS, devices);
}

int vmx_mmio(struct vcpu *vcpu, bool devices)
{
	int ret;

	if (trace_kvm_page_fault_enabled())
		return MMIO_OTHER;
	if (vcpu->vmx.exit_reason == EXIT_REASON_EPT_VIOLATION)
		ret = violation_mmio(vcpu, devices);
	else
		ret = vmx_page_fault_mmio(vcpu, devices);
	if (likely(ret != MMIO_OTHER))
		vcpu->stats.pf_mmio++;
	return ret;
}

int vmx_exit_ept_violation(struct vcpu *vcpu)
{
	int ret = vmx_mmio(vcpu, true);

	return likely(ret != MMIO_OTHER) ? ret : full_violation(vcpu);
}

int vmx_exit_ept_misconfig(struct vcpu *vcpu)
{
	struct mmu_fault f = {
		.kind = MMU_FAULT_MISCONFIG,
		.gpa = vmx_fault_gpa(vcpu),
	};

	return run_mmu_fault(vcpu, &f);
}

/* Whoever reads the dirty log collects what is not full yet: collect_dirty() */
int vmx_exit_pml_full(struct vcpu *vcpu)
{
	if (unlikely(vmx_exit_qual(vcpu) & INTR_INFO_UNBLOCK_NMI) &&
	    !(vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK))
		vmx_set_nmi_blocked(vcpu, true);
	trace_kvm_pml_full(vcpu->id);
	mmu_op(vcpu->vm, sync_dirty, vcpu);
	return RUN_RESUME;
}

/* Instructions that exit but that nothing short of the emulator can do */
int vmx_exit_emulate(struct vcpu *vcpu)
{
	return run_emulate(vcpu, NULL);
}
