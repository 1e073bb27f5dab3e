// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discovery of VMX capabilities (SDM 3D appendix A), once, at module load.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include "core/compat.h"
#include "vmx/private.h"

struct vmx_caps vmx_caps __ro_after_init;

static bool vpid = true;
module_param(vpid, bool, 0444);
MODULE_PARM_DESC(vpid, "tag guest translations with VPIDs where the CPU can");

static bool unrestricted_guest = true;
module_param(unrestricted_guest, bool, 0444);
MODULE_PARM_DESC(unrestricted_guest, "run real mode natively where the CPU can");

struct ctl_want {
	const char *name;
	u32 msr, true_msr;
	u32 required;		/* cannot do without */
	u32 wanted;		/* in every VMCS where offered */
};

/* Words for the required controls, so that a refusal says what is missing */
static const struct {
	u32 msr, bit;
	const char *name;
} control_names[] = {
	{ MSR_IA32_VMX_PINBASED_CTLS, PIN_BASED_EXT_INTR_MASK, "external-interrupt exiting" },
	{ MSR_IA32_VMX_PINBASED_CTLS, PIN_BASED_NMI_EXITING, "NMI exiting" },
	{ MSR_IA32_VMX_PINBASED_CTLS, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs" },
	{ MSR_IA32_VMX_PROCBASED_CTLS, CPU_BASED_HLT_EXITING, "HLT exiting" },
	{ MSR_IA32_VMX_PROCBASED_CTLS, CPU_BASED_USE_MSR_BITMAPS, "MSR bitmaps" },
	{ MSR_IA32_VMX_PROCBASED_CTLS, CPU_BASED_USE_TSC_OFFSETTING, "TSC offsetting" },
	{ MSR_IA32_VMX_PROCBASED_CTLS, CPU_BASED_INTR_WINDOW_EXITING, "interrupt-window exiting" },
	{ MSR_IA32_VMX_PROCBASED_CTLS, CPU_BASED_NMI_WINDOW_EXITING, "NMI-window exiting" },
	{ MSR_IA32_VMX_EXIT_CTLS, VM_EXIT_HOST_ADDR_SPACE_SIZE, "64-bit host" },
	{ MSR_IA32_VMX_ENTRY_CTLS, VM_ENTRY_IA32E_MODE, "64-bit guests" },
};

static const struct ctl_want pin_want = {
	.name = "pin-based",
	.msr = MSR_IA32_VMX_PINBASED_CTLS,
	.true_msr = MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	.required = PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING |
		    PIN_BASED_VIRTUAL_NMIS,
};

static const struct ctl_want proc_want = {
	.name = "processor-based",
	.msr = MSR_IA32_VMX_PROCBASED_CTLS,
	.true_msr = MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	.required = CPU_BASED_HLT_EXITING | CPU_BASED_USE_MSR_BITMAPS |
		    CPU_BASED_USE_TSC_OFFSETTING | CPU_BASED_MOV_DR_EXITING |
		    CPU_BASED_RDPMC_EXITING | CPU_BASED_UNCOND_IO_EXITING |
		    CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING |
		    CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING,
	.wanted = CPU_BASED_ACTIVATE_SECONDARY_CONTROLS,
};

static const struct ctl_want proc2_want = {
	.name = "secondary processor-based",
	.msr = MSR_IA32_VMX_PROCBASED_CTLS2,
	.wanted = SECONDARY_EXEC_WBINVD_EXITING | SECONDARY_EXEC_ENCLS_EXITING,
};

static const struct ctl_want exit_want = {
	.name = "VM-exit",
	.msr = MSR_IA32_VMX_EXIT_CTLS,
	.true_msr = MSR_IA32_VMX_TRUE_EXIT_CTLS,
	.required = VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS,
	.wanted = VM_EXIT_LOAD_IA32_PAT | VM_EXIT_SAVE_IA32_PAT,
};

static const struct ctl_want entry_want = {
	.name = "VM-entry",
	.msr = MSR_IA32_VMX_ENTRY_CTLS,
	.true_msr = MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	.required = VM_ENTRY_LOAD_DEBUG_CONTROLS,
	.wanted = VM_ENTRY_LOAD_IA32_PAT,
};

static const char *control_name(u32 msr, u32 missing)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(control_names); i++)
		if (control_names[i].msr == msr && control_names[i].bit & missing)
			return control_names[i].name;
	return "a control";
}

/* SDM 3D A.3.1: low half must be 1 where 1, high half may be 1 where 1 */
static int read_ctl(struct vmx_ctl *ctl, const struct ctl_want *want, bool use_true)
{
	u32 must, may;

	rdmsr(use_true && want->true_msr ? want->true_msr : want->msr, must, may);
	ctl->allowed = may;
	ctl->base = must | want->required | (want->wanted & may);
	if (want->required & ~may) {
		pr_err("this CPU's VMX lacks %s (%s controls, bits %#x)\n",
		       control_name(want->msr, want->required & ~may),
		       want->name, want->required & ~may);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int check_firmware(void)
{
	u64 ctl;

	if (!boot_cpu_has(X86_FEATURE_VMX)) {
		pr_err("this CPU has no VMX (or the firmware hides it)\n");
		return -EOPNOTSUPP;
	}
	/* SDM 3C 24.7: VMXON faults unless locked with the enable bit set */
	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &ctl)) {
		pr_err("this CPU has no IA32_FEATURE_CONTROL, so VMX cannot be on\n");
		return -EOPNOTSUPP;
	}
	if (!(ctl & FEAT_CTL_LOCKED) ||
	    !(ctl & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX)) {
		pr_err("the firmware disabled VMX (IA32_FEATURE_CONTROL %#llx)\n",
		       ctl);
		return -EOPNOTSUPP;
	}
	if (!compat_can_call_idt()) {
		pr_err("the host runs with FRED, which is not supported\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static void setup_vpid(struct vmx_caps *c)
{
	u32 ext = c->ept_vpid >> 32;	/* VPID bits as <asm/vmx.h> numbers them */

	c->vpid = vpid && (c->proc2.allowed & SECONDARY_EXEC_ENABLE_VPID) &&
		  (ext & VMX_VPID_INVVPID_BIT) &&
		  (ext & VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT) &&
		  (ext & VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT);
	c->proc2.base &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (c->vpid)
		c->proc2.base |= SECONDARY_EXEC_ENABLE_VPID;
}

int vmx_setup_caps(void)
{
	struct vmx_caps *c = &vmx_caps;
	bool true_ctls;
	u64 basic;
	int err;

	err = check_firmware();
	if (err)
		return err;

	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	c->revision = vmx_basic_vmcs_revision_id(basic);
	if (vmx_basic_vmcs_size(basic) > PAGE_SIZE) {
		pr_err("VMCS regions of %u bytes do not fit a page\n",
		       vmx_basic_vmcs_size(basic));
		return -EOPNOTSUPP;
	}
	if (((basic >> 50) & 0xf) != 6 /* write-back */) {	/* SDM 3D A.1 */
		pr_err("this CPU wants its VMCS in uncached memory\n");
		return -EOPNOTSUPP;
	}
	true_ctls = basic & BIT_ULL(55);
	rdmsrl(MSR_IA32_VMX_MISC, c->misc);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, c->cr0_fixed0);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED1, c->cr0_fixed1);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, c->cr4_fixed0);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED1, c->cr4_fixed1);

	err = read_ctl(&c->pin, &pin_want, true_ctls) ?:
	      read_ctl(&c->proc, &proc_want, true_ctls) ?:
	      read_ctl(&c->exit, &exit_want, true_ctls) ?:
	      read_ctl(&c->entry, &entry_want, true_ctls);
	if (err)
		return err;

	/* the guest's must not stay in the host */
	if (!(c->exit.base & VM_EXIT_LOAD_IA32_PAT))
		c->entry.base &= ~VM_ENTRY_LOAD_IA32_PAT;

	if (c->proc.allowed & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS) {
		err = read_ctl(&c->proc2, &proc2_want, false);
		if (err)
			return err;
	}
	if (c->proc2.allowed & (SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_ENABLE_VPID))
		rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, c->ept_vpid);
	setup_vpid(c);

	/* without the true MSRs CR3 and INVLPG exiting read as must-be-1 */
	if (true_ctls)
		c->proc.base &= ~(CPU_BASED_CR3_LOAD_EXITING |
				  CPU_BASED_CR3_STORE_EXITING |
				  CPU_BASED_INVLPG_EXITING);
	c->load_efer = (c->entry.allowed & VM_ENTRY_LOAD_IA32_EFER) &&
		       (c->exit.allowed & VM_EXIT_LOAD_IA32_EFER);
	if (c->load_efer)
		c->exit.base |= VM_EXIT_LOAD_IA32_EFER;
	c->unrestricted = unrestricted_guest &&
		(c->proc2.allowed & SECONDARY_EXEC_UNRESTRICTED_GUEST);
	c->tsc_scaling = c->proc2.allowed & SECONDARY_EXEC_TSC_SCALING;

	c->mmu.ept_vpid_cap = c->ept_vpid;
	c->mmu.secondary_allowed = c->proc2.allowed;
	if (!unrestricted_guest)
		c->mmu.secondary_allowed &= ~SECONDARY_EXEC_UNRESTRICTED_GUEST;
	c->mmu.phys_bits = boot_cpu_data.x86_phys_bits;
	c->mmu.vpid = c->vpid;
	return 0;
}

/**
 * vmx_mmu_caps() - what an MMU kind wants to know of the CPU
 *
 * Return: constant data, valid after vmx_setup().
 */
const struct mmu_hw_caps *vmx_mmu_caps(void)
{
	return &vmx_caps.mmu;
}
