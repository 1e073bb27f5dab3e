// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control and debug registers: from the guest's values, the MMU kind's policy
 * and what VMX demands to what the CPU really gets.
 */
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/tlbflush.h>
#include "vmx/private.h"
#include "x86/x86.h"

/* Does the CPU page while this guest runs? Without unrestricted guest: always */
static bool hw_paging(struct vcpu *vcpu, u64 cr0)
{
	return !vcpu->vm->vmx.unrestricted || cr0 & X86_CR0_PG ||
	       vmx_policy(vcpu)->cr0_forced & X86_CR0_PG;
}

/**
 * vmx_update_cr0() - the guest's CR0 becomes @cr0
 * @vcpu: the vCPU; EFER is updated by the caller when LMA changes
 * @cr0: checked value
 */
void vmx_update_cr0(struct vcpu *vcpu, u64 cr0)
{
	const struct mmu_policy *policy = vmx_policy(vcpu);
	struct vmx_vcpu *v = &vcpu->vmx;
	u64 must = vmx_caps.cr0_fixed0;
	u64 owned, hw;

	if (unlikely(v->v86 && cr0 & X86_CR0_PE))
		vmx_v86_leave(vcpu);
	/* SDM 3C 24.8: with unrestricted guest PE and PG may be 0 */
	if (vcpu->vm->vmx.unrestricted)
		must &= ~(X86_CR0_PE | X86_CR0_PG);
	owned = policy->cr0_guest_owned & ~must & ~policy->cr0_forced;
	hw = (cr0 | must | policy->cr0_forced) & vmx_caps.cr0_fixed1;
	if (unlikely(v->v86)) {
		/* no alignment checks in real mode, whatever the CPL is here */
		hw &= ~(u64)X86_CR0_AM;
		owned &= ~(u64)X86_CR0_AM;
	}

	/*
	 * LMSW loads the bits that the guest owns and lets it read the others as
	 * before (SDM 3C 26.3). The in-tree KVM, where this runs inside one of its
	 * guests, carries it out and makes the real CR0 what is read. Bits that are
	 * not owned exit.
	 */
	if (hw != cr0 && boot_cpu_has(X86_FEATURE_HYPERVISOR))
		owned &= ~(u64)(X86_CR0_MP | X86_CR0_EM | X86_CR0_TS);

	if (!vcpu->vm->vmx.unrestricted && !policy->cr3_exiting) {
		/*
		 * The CPU pages through the identity map while the guest
		 * thinks it does not: CR3 is its own only with paging on.
		 */
		vmx_read_cr3(vcpu);
		vmx_proc_bits(vcpu, CPU_BASED_CR3_LOAD_EXITING |
				    CPU_BASED_CR3_STORE_EXITING,
			      !(cr0 & X86_CR0_PG));
	}

	vcpu->arch.cr0 = cr0;
	vmx_set_avail(vcpu, VREG_CR0);
	v->avail &= ~BIT(VREG_CPL);
	v->cr0_owned = owned;
	vmcs_write(GUEST_CR0, hw);
	vmcs_write(CR0_READ_SHADOW, cr0);
	vmcs_write(CR0_GUEST_HOST_MASK, ~owned);
	vmx_update_cr4(vcpu, vmx_read_cr4(vcpu));
	vmx_update_exception_bitmap(vcpu);
	vmx_check_emulation(vcpu);
}

bool vmx_cr4_valid(struct vcpu *vcpu, u64 cr4)
{
	/* nested VMX is not offered; the rest is CPUID's matter */
	return !(cr4 & X86_CR4_VMXE) && !(cr4 & ~vmx_caps.cr4_fixed1);
}

void vmx_update_cr4(struct vcpu *vcpu, u64 cr4)
{
	const struct mmu_policy *policy = vmx_policy(vcpu);
	struct vmx_vcpu *v = &vcpu->vmx;
	u64 hw = cr4, owned = policy->cr4_guest_owned;
	bool pae = (vcpu->arch.cr4 ^ cr4) & X86_CR4_PAE;

	if (hw_paging(vcpu, vcpu->arch.cr0) && !(vcpu->arch.cr0 & X86_CR0_PG)) {
		hw |= policy->cr4_no_paging_set;
		hw &= ~policy->cr4_no_paging_clear;
		owned &= ~(policy->cr4_no_paging_set | policy->cr4_no_paging_clear);
	}
	hw &= ~policy->cr4_never;
	hw |= policy->cr4_forced | vmx_caps.cr4_fixed0;
	/*
	 * Machine checks are the host's: without the bit one is a shutdown of
	 * the CPU (SDM 3A 2.5), which the guest must not be able to choose.
	 */
	hw = (hw & ~(u64)X86_CR4_MCE) | (cr4_read_shadow() & X86_CR4_MCE);
	hw &= vmx_caps.cr4_fixed1;
	owned &= ~(policy->cr4_never | policy->cr4_forced | vmx_caps.cr4_fixed0);
	if (unlikely(v->v86)) {
		hw &= ~(u64)(X86_CR4_VME | X86_CR4_PVI);
		owned &= ~(u64)(X86_CR4_VME | X86_CR4_PVI);
	}
	/* bits CPUID denies the guest must go on to fault */
	owned &= ~vcpu->arch.cr4_reserved;

	vcpu->arch.cr4 = cr4;
	vmx_set_avail(vcpu, VREG_CR4);
	v->cr4_owned = owned;
	vmcs_write(GUEST_CR4, hw);
	vmcs_write(CR4_READ_SHADOW, cr4);
	vmcs_write(CR4_GUEST_HOST_MASK, ~owned);
	if (pae && vcpu->arch.efer & EFER_NX)
		vmx_update_efer(vcpu, vcpu->arch.efer);
}

/*
 * A CPU without a VMCS field for EFER: LMA and LME follow from the entry and
 * exit controls (SDM 3C 27.3.2.1, 28.5.1), the rest is loaded as an MSR where
 * the host's differs.
 */
static void switch_efer_by_list(struct vcpu *vcpu, u64 hw)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	unsigned int n;
	u64 host;

	rdmsrl(MSR_EFER, host);
	v->guest_efer.index = MSR_EFER;
	v->guest_efer.value = hw;
	v->host_efer.index = MSR_EFER;
	v->host_efer.value = host;
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, __pa(&v->guest_efer));
	vmcs_write(VM_EXIT_MSR_LOAD_ADDR, __pa(&v->host_efer));
	n = (hw ^ host) & ~(u64)(EFER_LMA | EFER_LME) ? 1 : 0;
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, n);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, n);
}

void vmx_update_efer(struct vcpu *vcpu, u64 efer)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	u32 entry = v->vmcs.entry_ctls;
	u64 hw = efer;

	vcpu->arch.efer = efer;
	/*
	 * NX means nothing without PAE, not even in error codes (SDM 3A 4.7).
	 * Where the policy forces PAE it would.
	 */
	if (!x86_pae(vcpu))
		hw &= ~(u64)EFER_NX;
	if (efer & EFER_LMA)
		entry |= VM_ENTRY_IA32E_MODE;
	else
		entry &= ~VM_ENTRY_IA32E_MODE;
	/* SDM 3C 27.3.1.1: with CR0.PG set LME and LMA must agree */
	if (hw_paging(vcpu, vcpu->arch.cr0)) {
		hw &= ~EFER_LME;
		if (efer & EFER_LMA)
			hw |= EFER_LME;
	}
	if (vmx_caps.load_efer) {
		vmx_set_entry_ctls(vcpu, entry | VM_ENTRY_LOAD_IA32_EFER);
		vmcs_write(GUEST_IA32_EFER, hw);
	} else {
		vmx_set_entry_ctls(vcpu, entry);
		switch_efer_by_list(vcpu, hw);
	}
	vmx_msr_update_intercepts(vcpu);
	/* with SCE the guest can see STAR, LSTAR and FMASK: they must be its own */
	vmx_msr_reload(vcpu);
	vmx_check_emulation(vcpu);
}

/**
 * vmx_update_pat() - the guest's IA32_PAT has changed
 * @vcpu: the vCPU, its VMCS current
 *
 * With EPT it decides together with the EPT entry, which ignores it for memory
 * (SDM 3C 29.3.7.2). Shadow entries index the host's.
 */
void vmx_update_pat(struct vcpu *vcpu)
{
	if (vmx_caps.entry.base & VM_ENTRY_LOAD_IA32_PAT &&
	    vmx_policy(vcpu)->guest_pat)
		vmcs_write(GUEST_IA32_PAT, vcpu->arch.pat);
}

/* ---- debug registers --------------------------------------------------------- */

void vmx_update_dr7(struct vcpu *vcpu, u64 dr7)
{
	vcpu->vmx.drs_active = dr7 & 0xff;	/* L0..G3, SDM 3B 18.2.4 */
	vmcs_write(GUEST_DR7, dr7);
}

/*
 * DR0 to DR3 and DR6 are always in memory, since MOV DR and #DB exit. They are
 * in the CPU only while it runs a guest that has a breakpoint on.
 */
void vmx_load_drs(struct vcpu *vcpu)
{
	u64 *db = vcpu->arch.guest_debug & KVM_GUESTDBG_USE_HW_BP ?
		  vcpu->arch.guest_debug_db : vcpu->arch.db;

	/* the host's breakpoints must not move to the guest's addresses */
	if (unlikely(hw_breakpoint_active()))
		set_debugreg(0, 7);
	set_debugreg(db[0], 0);
	set_debugreg(db[1], 1);
	set_debugreg(db[2], 2);
	set_debugreg(db[3], 3);
	/* DR6 bits accumulate: start clean, #DB exits report the new ones */
	set_debugreg(DR6_RESERVED, 6);
}

/**
 * vmx_update_exception_bitmap() - which exceptions of the guest exit
 * @vcpu: the vCPU
 *
 * #MC because the host has to see it, #AC so that a guest cannot loop in its
 * delivery without end, #DB likewise and for DR6, #UD for RSM and another
 * vendor's hypercall instruction, #PF as the MMU kind wants. All of them where the
 * guest has no IDT that the CPU could use (realmode.c).
 */
void vmx_update_exception_bitmap(struct vcpu *vcpu)
{
	u32 bitmap = BIT(MC_VECTOR) | BIT(AC_VECTOR) | BIT(DB_VECTOR) |
		     BIT(UD_VECTOR);
	const struct mmu_policy *policy = vmx_policy(vcpu);
	bool v86 = vcpu->vmx.v86;

	if (vcpu->arch.guest_debug & (KVM_GUESTDBG_USE_SW_BP))
		bitmap |= BIT(BP_VECTOR);
	if (policy->pf_intercept)
		bitmap |= BIT(PF_VECTOR);
	if (unlikely(v86))
		bitmap = ~0u;
	if (bitmap == vcpu->vmx.vmcs.exception_bitmap)
		return;
	vcpu->vmx.vmcs.exception_bitmap = bitmap;
	vmcs_write(EXCEPTION_BITMAP, bitmap);
	/* with both 0 every #PF that the bitmap names exits (SDM 3C 26.2) */
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK,
		   policy->pf_intercept && !v86 ? policy->pfec_mask : 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH,
		   policy->pf_intercept && !v86 ? policy->pfec_match : 0);
}
