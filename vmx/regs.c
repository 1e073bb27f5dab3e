// SPDX-License-Identifier: GPL-2.0-only
/*
 * The register cache's slow parts, and advancing RIP.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/reboot.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include "vmx/private.h"
#include "x86/x86.h"

DEFINE_PER_CPU(struct vmcs_counts, vmcs_counts);

/* A VMX instruction failed: a defect of ours, unless VMX went off in a reboot */
noinline void vmx_insn_failed(const char *insn, unsigned long operand)
{
	if (system_state > SYSTEM_RUNNING || !(__read_cr4() & X86_CR4_VMXE))
		return;
	WARN_ONCE(1, "kvm: %s of %#lx failed, VM-instruction error %llu\n",
		  insn, operand,
		  operand == VM_INSTRUCTION_ERROR ? 0 : vmcs_read(VM_INSTRUCTION_ERROR));
}

/* While a debugger single-steps, TF is its own and not shown */
u64 vmx_guest_rflags(struct vcpu *vcpu, u64 hw)
{
	if (vmx_stepping(vcpu))
		hw &= ~(u64)X86_EFLAGS_TF;
	return vcpu->vmx.v86 ? vmx_v86_guest_rflags(vcpu, hw) : hw;
}

u64 vmx_hw_rflags(struct vcpu *vcpu)
{
	u64 rflags = vcpu->vmx.rflags;

	if (vcpu->vmx.v86)
		rflags = vmx_v86_hw_rflags(vcpu, rflags);
	return rflags | (vmx_stepping(vcpu) ? X86_EFLAGS_TF : 0);
}

/* Also called when stepping begins or ends: the VMCS is written anew */
void vcpu_set_rflags(struct vcpu *vcpu, u64 rflags)
{
	rflags |= X86_EFLAGS_FIXED;
	vcpu->vmx.rflags_special = vcpu->vmx.v86 || vmx_stepping(vcpu);
	/* VM changes what CPL means and what segments VMX accepts */
	if (unlikely((rflags ^ vcpu_rflags(vcpu)) & X86_EFLAGS_VM)) {
		vcpu->vmx.rflags = rflags;
		vmx_set_dirty(vcpu, VREG_RFLAGS);
		vcpu->vmx.avail &= ~BIT(VREG_CPL);
		vmx_check_emulation(vcpu);
		return;
	}
	vcpu->vmx.rflags = rflags;
	vmx_set_dirty(vcpu, VREG_RFLAGS);
}

int vcpu_cpl(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	if (vmx_avail(vcpu, VREG_CPL))
		return v->cpl;
	if (!x86_protected(vcpu))
		v->cpl = 0;
	else if (!x86_long_mode(vcpu) && vcpu_rflags(vcpu) & X86_EFLAGS_VM)
		v->cpl = 3;
	else
		v->cpl = VMX_AR_DPL(vmcs_read(GUEST_SS_AR_BYTES));
	vmx_set_avail(vcpu, VREG_CPL);
	return v->cpl;
}

bool vcpu_64bit(struct vcpu *vcpu)
{
	return x86_long_mode(vcpu) && vmcs_read(GUEST_CS_AR_BYTES) & VMX_AR_L_MASK;
}

/*
 * Before an entry that a debugger steps: TF on, whatever the guest thinks. A
 * blocking by STI or MOV SS would need a pending trap of the guest's own
 * (SDM 3C 27.3.1.5), so it is ended.
 */
void vmx_single_step(struct vcpu *vcpu)
{
	u64 held = vmx_held_breakpoints(vcpu);

	vcpu_rflags(vcpu);
	vmx_set_dirty(vcpu, VREG_RFLAGS);
	vmx_set_interrupt_shadow(vcpu, 0);
	if (unlikely(held))
		vmx_hold_breakpoints(vcpu, held);
	vmx_end_hlt(vcpu);	/* no step while it is halted (27.3.1.5) */
}

int vmx_raise_debug(struct vcpu *vcpu, u64 dr6)
{
	if (vcpu->arch.guest_debug & (KVM_GUESTDBG_SINGLESTEP |
				      KVM_GUESTDBG_USE_HW_BP))
		return vmx_debug_exit(vcpu, DB_VECTOR, dr6);
	x86_queue_exception_payload(vcpu, DB_VECTOR, dr6);
	return RUN_RESUME;
}

int vmx_raise_breakpoint(struct vcpu *vcpu)
{
	return vmx_debug_exit(vcpu, BP_VECTOR, 0);
}

/* Traps the guest is to take after the instruction just emulated */
static noinline int raise_traps(struct vcpu *vcpu, u64 rflags, u64 dr6)
{
	if (vmx_insn_traps(vcpu, rflags) || vmx_stepping(vcpu))
		dr6 |= DR6_BS;
	if (!dr6)
		return RUN_RESUME;
	if (dr6 & DR_TRAP_BITS || vmx_stepping(vcpu))
		return vmx_raise_debug(vcpu, dr6);
	x86_queue_exception_payload(vcpu, DB_VECTOR, dr6);
	return RUN_RESUME;
}

/* The breakpoints that the MOV SS before it has hit come now */
static noinline u64 end_shadow(struct vcpu *vcpu)
{
	u64 held = vmx_held_breakpoints(vcpu);

	vmx_set_interrupt_shadow(vcpu, 0);
	return held;
}

static __always_inline int skipped(struct vcpu *vcpu, u64 rflags, u64 dr6)
{
	u32 intr = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);

	if (unlikely(intr & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)))
		dr6 |= end_shadow(vcpu);
	if (unlikely(rflags & X86_EFLAGS_TF || dr6 || vmx_stepping(vcpu)))
		return raise_traps(vcpu, rflags, dr6);
	return RUN_RESUME;
}

/**
 * vmx_skipped() - RIP was moved past an instruction: its other effects
 * @vcpu: the vCPU
 * @rflags: RFLAGS as they were before the instruction
 *
 * Ends STI and MOV-SS blocking (SDM 3A 6.8.3) and traps if TF was set.
 * Return: RUN_RESUME or RUN_EXIT_USER.
 */
int vmx_skipped(struct vcpu *vcpu, u64 rflags)
{
	return skipped(vcpu, rflags, 0);
}

int vmx_skipped_breakpoints(struct vcpu *vcpu, u64 rflags, u64 dr6)
{
	return skipped(vcpu, rflags, dr6);
}

static noinline int skip_unusual(struct vcpu *vcpu)
{
	u64 rip = vcpu_rip(vcpu);
	u64 next = rip + vmx_insn_len(vcpu);

	/*
	 * Only a 64-bit RIP carries across 4 GiB. CS is looked at in the one
	 * case where it matters.
	 */
	if (unlikely((rip ^ next) >> 32) && !vcpu_64bit(vcpu))
		next = (u32)next;
	vcpu_set_rip(vcpu, next);
	return skipped(vcpu, vcpu_rflags(vcpu), 0);
}

/* STI; HLT: there are no breakpoints that blocking by STI has held */
static noinline int end_sti(u64 intr)
{
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, intr & ~(u64)GUEST_INTR_STATE_STI);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	return RUN_RESUME;
}

/*
 * On the way of most exits. Nothing is called but where something is unusual, so
 * that it needs no registers of its caller's.
 */
int vmx_skip_insn(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	u64 rip = v->rip, rflags = v->rflags, len = v->insn_len, intr, next;

	/* which a debugger's single steps are, too */
	if (unlikely(v->rflags_special) ||
	    (!vmx_avail(vcpu, VREG_RIP) && !vmcs_try_read(GUEST_RIP, &rip)) ||
	    (!vmx_avail(vcpu, VREG_INSN_LEN) &&
	     !vmcs_try_read(VM_EXIT_INSTRUCTION_LEN, &len)) ||
	    (!vmx_avail(vcpu, VREG_RFLAGS) &&
	     !vmcs_try_read(GUEST_RFLAGS, &rflags)) ||
	    !vmcs_try_read(GUEST_INTERRUPTIBILITY_INFO, &intr))
		return skip_unusual(vcpu);
	next = rip + (u32)len;
	if (unlikely((rip ^ next) >> 32 || rflags & X86_EFLAGS_TF ||
		     intr & GUEST_INTR_STATE_MOV_SS))
		return skip_unusual(vcpu);
	v->rip = next;
	v->rflags = rflags;
	v->avail |= BIT(VREG_RIP) | BIT(VREG_RFLAGS);
	v->dirty |= BIT(VREG_RIP);
	return intr & GUEST_INTR_STATE_STI ? end_sti(intr) : RUN_RESUME;
}

u64 vmx_read_cr0(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_CR0)) {
		u64 owned = vcpu->vmx.cr0_owned;

		if (owned)
			vcpu->arch.cr0 = (vcpu->arch.cr0 & ~owned) |
					 (vmcs_read(GUEST_CR0) & owned);
		vmx_set_avail(vcpu, VREG_CR0);
	}
	return vcpu->arch.cr0;
}

u64 vmx_read_cr4(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_CR4)) {
		u64 owned = vcpu->vmx.cr4_owned;

		if (owned)
			vcpu->arch.cr4 = (vcpu->arch.cr4 & ~owned) |
					 (vmcs_read(GUEST_CR4) & owned);
		vmx_set_avail(vcpu, VREG_CR4);
	}
	return vcpu->arch.cr4;
}

u64 vmx_read_cr3(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_CR3)) {
		/* while CR3 loads exit, arch.cr3 is kept by x86_set_cr3() */
		if (!(vcpu->vmx.vmcs.proc & CPU_BASED_CR3_LOAD_EXITING))
			vcpu->arch.cr3 = vmcs_read(GUEST_CR3);
		vmx_set_avail(vcpu, VREG_CR3);
	}
	return vcpu->arch.cr3;
}

void vmx_read_pdptes(struct vcpu *vcpu)
{
	int i;

	if (!vmx_policy(vcpu)->hw_pdptes || vmx_avail(vcpu, VREG_PDPTES))
		return;
	for (i = 0; i < 4; i++)
		vcpu->arch.pdpte[i] = vmcs_read(GUEST_PDPTR0 + 2 * i);
	vmx_set_avail(vcpu, VREG_PDPTES);
}
