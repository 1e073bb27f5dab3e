/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest registers that live in the VMCS, read at most once per exit and
 * written at most once per entry. The vCPU must be loaded.
 */
#ifndef VMX_REGS_H
#define VMX_REGS_H

#include "core/vcpu.h"
#include <asm/processor-flags.h>
#include "vmx/insn.h"

static __always_inline bool vmx_avail(const struct vcpu *vcpu, enum vmx_reg r)
{
	return vcpu->vmx.avail & BIT(r);
}

static __always_inline void vmx_set_avail(struct vcpu *vcpu, enum vmx_reg r)
{
	vcpu->vmx.avail |= BIT(r);
}

static __always_inline void vmx_set_dirty(struct vcpu *vcpu, enum vmx_reg r)
{
	vcpu->vmx.avail |= BIT(r);
	vcpu->vmx.dirty |= BIT(r);
}

static __always_inline u64 vcpu_rip(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_RIP)) {
		vcpu->vmx.rip = vmcs_read(GUEST_RIP);
		vmx_set_avail(vcpu, VREG_RIP);
	}
	return vcpu->vmx.rip;
}

static __always_inline void vcpu_set_rip(struct vcpu *vcpu, u64 rip)
{
	vcpu->vmx.rip = rip;
	vmx_set_dirty(vcpu, VREG_RIP);
}

static __always_inline u64 vcpu_rsp(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_RSP)) {
		vcpu->regs[GPR_RSP] = vmcs_read(GUEST_RSP);
		vmx_set_avail(vcpu, VREG_RSP);
	}
	return vcpu->regs[GPR_RSP];
}

static __always_inline void vcpu_set_rsp(struct vcpu *vcpu, u64 rsp)
{
	vcpu->regs[GPR_RSP] = rsp;
	vmx_set_dirty(vcpu, VREG_RSP);
}

/* Any GPR by its encoding; RSP comes out of the VMCS when needed */
static __always_inline u64 vcpu_gpr(struct vcpu *vcpu, enum gpr r)
{
	return r == GPR_RSP ? vcpu_rsp(vcpu) : vcpu->regs[r];
}

static __always_inline void vcpu_set_gpr(struct vcpu *vcpu, enum gpr r, u64 v)
{
	if (r == GPR_RSP)
		vcpu_set_rsp(vcpu, v);
	else
		vcpu->regs[r] = v;
}

u64 vmx_guest_rflags(struct vcpu *vcpu, u64 hw);
u64 vmx_hw_rflags(struct vcpu *vcpu);

static __always_inline u64 vcpu_rflags(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_RFLAGS)) {
		vcpu->vmx.rflags = vmcs_read(GUEST_RFLAGS);
		if (unlikely(vcpu->vmx.rflags_special))
			vcpu->vmx.rflags = vmx_guest_rflags(vcpu, vcpu->vmx.rflags);
		vmx_set_avail(vcpu, VREG_RFLAGS);
	}
	return vcpu->vmx.rflags;
}

/**
 * vcpu_set_rflags() - set the guest's RFLAGS
 * @vcpu: the vCPU, loaded
 * @rflags: as the guest is to see them; bit 1 is added
 *
 * What the CPU is given besides (a debugger's TF, virtual-8086 mode for real mode)
 * is added when it is written to the VMCS, before the next entry.
 */
void vcpu_set_rflags(struct vcpu *vcpu, u64 rflags);

/* As each instruction does when it is over; faults that exit save it set */
static __always_inline void vcpu_clear_rf(struct vcpu *vcpu)
{
	if (vcpu_rflags(vcpu) & X86_EFLAGS_RF) {
		vcpu->vmx.rflags &= ~(u64)X86_EFLAGS_RF;
		vmx_set_dirty(vcpu, VREG_RFLAGS);
	}
}

/* Guest CR0, CR3, CR4, with the bits the guest owns read back from the VMCS */
u64 vmx_read_cr0(struct vcpu *vcpu);
u64 vmx_read_cr3(struct vcpu *vcpu);
u64 vmx_read_cr4(struct vcpu *vcpu);
static __always_inline u64 vcpu_cr3(struct vcpu *vcpu)
{
	/* while CR3 loads exit, arch.cr3 is kept by x86_set_cr3() */
	return vcpu->vmx.vmcs.proc & CPU_BASED_CR3_LOAD_EXITING ||
	       vmx_avail(vcpu, VREG_CR3) ? vcpu->arch.cr3 : vmx_read_cr3(vcpu);
}

/* PAE entries the CPU keeps: EPT with PAE paging reads them back into arch.pdpte */
void vmx_read_pdptes(struct vcpu *vcpu);

/* Current privilege level: DPL of SS (SDM 3C 25.4.1), 0 in real mode, 3 in v86 */
int vcpu_cpl(struct vcpu *vcpu);
/* CS.L with EFER.LMA: 64-bit mode */
bool vcpu_64bit(struct vcpu *vcpu);

static __always_inline u64 vmx_exit_qual(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_EXIT_QUAL)) {
		vcpu->vmx.exit_qual = vmcs_read(EXIT_QUALIFICATION);
		vmx_set_avail(vcpu, VREG_EXIT_QUAL);
	}
	return vcpu->vmx.exit_qual;
}

static __always_inline gpa_t vmx_fault_gpa(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_FAULT_GPA)) {
		vcpu->vmx.fault_gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS) |
				      vcpu->mmu.space;
		vmx_set_avail(vcpu, VREG_FAULT_GPA);
	}
	return vcpu->vmx.fault_gpa;
}

static __always_inline u32 vmx_intr_info(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_INTR_INFO)) {
		vcpu->vmx.intr_info = vmcs_read(VM_EXIT_INTR_INFO);
		vmx_set_avail(vcpu, VREG_INTR_INFO);
	}
	return vcpu->vmx.intr_info;
}

static __always_inline u32 vmx_insn_len(struct vcpu *vcpu)
{
	if (!vmx_avail(vcpu, VREG_INSN_LEN)) {
		vcpu->vmx.insn_len = vmcs_read(VM_EXIT_INSTRUCTION_LEN);
		vmx_set_avail(vcpu, VREG_INSN_LEN);
	}
	return vcpu->vmx.insn_len;
}

#endif
