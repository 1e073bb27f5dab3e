// SPDX-License-Identifier: GPL-2.0-only
/*
 * Side channels between guest and host, and between guests. The host's own
 * settings decide (mitigations=, l1tf=, mds=, spectre_v2= ...); what is off
 * costs a no-op.
 *
 * Return-stack filling, clearing of CPU buffers (VERW) and the switch of
 * SPEC_CTRL are in entry.S. Here: what of that is wanted, flushing the L1 data
 * cache (L1TF), and the barrier when a CPU turns to another vCPU.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include "core/compat.h"
#include "vmx/private.h"

static char *l1d_flush = "auto";
module_param(l1d_flush, charp, 0444);
MODULE_PARM_DESC(l1d_flush, "flush the L1 data cache before VM entry: auto (as l1tf= says), never, cond, always");

DEFINE_STATIC_KEY_FALSE(vmx_l1d_flush_key);	/* when the fast loop begins */
DEFINE_STATIC_KEY_FALSE(vmx_l1d_always_key);	/* before every entry */

unsigned long vmx_entry_flags __ro_after_init;	/* VMX_ENTRY_* of every entry */

/* For CPUs without L1D_FLUSH: read twice the cache's size (SDM does not say how) */
#define L1D_FILL_ORDER	4
#define L1D_FILL_SIZE	(PAGE_SIZE << L1D_FILL_ORDER)
static void *l1d_fill_pages;

DEFINE_PER_CPU(u64, vmx_last_vcpu_id);

static enum vmx_l1d_flush_state choose_l1d_flush(void)
{
	if (!boot_cpu_has_bug(X86_BUG_L1TF))
		return VMENTER_L1D_FLUSH_NOT_REQUIRED;
	if (!(vmx_caps.proc2.allowed & SECONDARY_EXEC_ENABLE_EPT))
		return VMENTER_L1D_FLUSH_EPT_DISABLED;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES)) {
		u64 cap;

		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, cap);
		if (cap & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH)
			return VMENTER_L1D_FLUSH_NOT_REQUIRED;
	}
	if (!strcmp(l1d_flush, "never"))
		return VMENTER_L1D_FLUSH_NEVER;
	if (!strcmp(l1d_flush, "cond"))
		return VMENTER_L1D_FLUSH_COND;
	if (!strcmp(l1d_flush, "always"))
		return VMENTER_L1D_FLUSH_ALWAYS;
	if (strcmp(l1d_flush, "auto"))
		pr_warn("l1d_flush=%s is unknown, taken as auto\n", l1d_flush);
	switch (l1tf_mitigation) {
	case L1TF_MITIGATION_OFF:
		return VMENTER_L1D_FLUSH_NEVER;
	case L1TF_MITIGATION_FULL:
	case L1TF_MITIGATION_FULL_FORCE:
		return VMENTER_L1D_FLUSH_ALWAYS;
	default:
		return VMENTER_L1D_FLUSH_COND;
	}
}

int vmx_mitigations_setup(void)
{
	enum vmx_l1d_flush_state state = choose_l1d_flush();
	int i;

	if (state == VMENTER_L1D_FLUSH_COND || state == VMENTER_L1D_FLUSH_ALWAYS) {
		if (!boot_cpu_has(X86_FEATURE_FLUSH_L1D)) {
			l1d_fill_pages = (void *)__get_free_pages(GFP_KERNEL,
								  L1D_FILL_ORDER);
			if (!l1d_fill_pages)
				return -ENOMEM;
			/* each page another pattern, or a host below may merge them */
			for (i = 0; i < 1 << L1D_FILL_ORDER; i++)
				memset(l1d_fill_pages + i * PAGE_SIZE, i + 1,
				       PAGE_SIZE);
		}
		static_branch_enable(&vmx_l1d_flush_key);
		if (state == VMENTER_L1D_FLUSH_ALWAYS)
			static_branch_enable(&vmx_l1d_always_key);
	}
	l1tf_vmx_mitigation = state;	/* shown in sysfs vulnerabilities/l1tf */

	if (compat_clear_cpu_buffers())
		vmx_entry_flags |= VMX_ENTRY_VERW;
	/* IBRS has to be written after each exit, changed or not */
	if (boot_cpu_has(X86_FEATURE_KERNEL_IBRS))
		vmx_entry_flags |= VMX_ENTRY_IBRS;
	return 0;
}

void vmx_mitigations_unsetup(void)
{
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
	free_pages((unsigned long)l1d_fill_pages, L1D_FILL_ORDER);
	l1d_fill_pages = NULL;
}

void vmx_flush_l1d(void)
{
	unsigned int eax = 0, ecx = 0;
	unsigned long i;

	if (static_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		native_wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		return;
	}
	/* first the TLB, so that no page walk disturbs the filling */
	for (i = 0; i < L1D_FILL_SIZE; i += PAGE_SIZE)
		READ_ONCE(*(u8 *)(l1d_fill_pages + i));
	asm volatile("cpuid"	/* serialize */
		     : "+a" (eax), "+c" (ecx) : : "ebx", "edx", "memory");
	for (i = 0; i < L1D_FILL_SIZE; i += 64)
		READ_ONCE(*(u8 *)(l1d_fill_pages + i));
	asm volatile("lfence" : : : "memory");
}

/*
 * This CPU turns to another vCPU than last time. Be it one of the same VM: what
 * runs there runs on another CPU, as far as its kernel knows.
 */
void vmx_mitigate_other_vcpu(struct vcpu *vcpu)
{
	this_cpu_write(vmx_last_vcpu_id, vcpu->vmx.id);
	indirect_branch_prediction_barrier();
}
