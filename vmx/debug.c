// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS in words, for entries the CPU refused and exits nobody expected.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/ratelimit.h>
#include "vmx/private.h"

#define R(field) vmcs_read(field)

static void dump_seg(const char *name, enum seg_reg r)
{
	pr_err("%-4s sel %04llx attr %05llx limit %08llx base %016llx\n", name,
	       R(GUEST_SEG_SELECTOR(r)), R(GUEST_SEG_AR(r)),
	       R(GUEST_SEG_LIMIT(r)), R(GUEST_SEG_BASE(r)));
}

static void dump_guest(struct vcpu *vcpu)
{
	static const char *const names[NR_SEGS] = {
		"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"
	};
	int i;

	pr_err("guest CR0 %016llx shadow %016llx mask %016llx\n",
	       R(GUEST_CR0), R(CR0_READ_SHADOW), R(CR0_GUEST_HOST_MASK));
	pr_err("guest CR4 %016llx shadow %016llx mask %016llx CR3 %016llx\n",
	       R(GUEST_CR4), R(CR4_READ_SHADOW), R(CR4_GUEST_HOST_MASK),
	       R(GUEST_CR3));
	pr_err("guest's own CR0 %016llx CR3 %016llx CR4 %016llx EFER %016llx\n",
	       vcpu->arch.cr0, vcpu->arch.cr3, vcpu->arch.cr4, vcpu->arch.efer);
	pr_err("guest RIP %016llx RSP %016llx RFLAGS %08llx DR7 %08llx\n",
	       R(GUEST_RIP), R(GUEST_RSP), R(GUEST_RFLAGS), R(GUEST_DR7));
	if (vmx_caps.load_efer)
		pr_err("guest EFER %016llx\n", R(GUEST_IA32_EFER));
	for (i = 0; i < NR_SEGS; i++)
		dump_seg(names[i], i);
	pr_err("GDTR limit %04llx base %016llx IDTR limit %04llx base %016llx\n",
	       R(GUEST_GDTR_LIMIT), R(GUEST_GDTR_BASE), R(GUEST_IDTR_LIMIT),
	       R(GUEST_IDTR_BASE));
	pr_err("activity %llx interruptibility %llx pending debug %llx DEBUGCTL %llx\n",
	       R(GUEST_ACTIVITY_STATE), R(GUEST_INTERRUPTIBILITY_INFO),
	       R(GUEST_PENDING_DBG_EXCEPTIONS), R(GUEST_IA32_DEBUGCTL));
}

static void dump_controls(struct vcpu *vcpu)
{
	struct vmcs *vmcs = &vcpu->vmx.vmcs;

	pr_err("controls: pin %08x processor %08x secondary %08x exit %08x entry %08x\n",
	       vmcs->pin, vmcs->proc, vmcs->proc2, vmcs->exit_ctls,
	       vmcs->entry_ctls);
	pr_err("exceptions %08llx entry event %08llx error %08llx length %llu\n",
	       R(EXCEPTION_BITMAP), R(VM_ENTRY_INTR_INFO_FIELD),
	       R(VM_ENTRY_EXCEPTION_ERROR_CODE), R(VM_ENTRY_INSTRUCTION_LEN));
	pr_err("exit reason %08x qualification %016llx event %08llx vectoring %08llx\n",
	       vcpu->vmx.exit_reason, R(EXIT_QUALIFICATION), R(VM_EXIT_INTR_INFO),
	       R(IDT_VECTORING_INFO_FIELD));
	if (vmcs->proc2 & SECONDARY_EXEC_ENABLE_EPT)
		pr_err("EPTP %016llx\n", R(EPT_POINTER));
}

/**
 * vmx_dump() - write the VMCS to the log
 * @vcpu: the vCPU; a guest can cause it, so rate limited
 */
void vmx_dump(struct vcpu *vcpu)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 1);

	if (!__ratelimit(&limit))
		return;
	pr_err("vCPU %u: exit reason %#x, VM-instruction error %u\n", vcpu->id,
	       vcpu->vmx.exit_reason, vcpu->vmx.entry_fail);
	dump_guest(vcpu);
	dump_controls(vcpu);
}
