// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSR access: find the descriptor, apply the rules that are the same for all.
 * The MSRs themselves are in x86/msr_table.c.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/ratelimit.h>
#include <asm/apicdef.h>
#include "x86/priv.h"

static bool ignore_msrs;
module_param(ignore_msrs, bool, 0644);
MODULE_PARM_DESC(ignore_msrs, "guests read unknown MSRs as zero and may write them");
static bool report_ignored_msrs = true;
module_param(report_ignored_msrs, bool, 0644);
MODULE_PARM_DESC(report_ignored_msrs, "log accesses that ignore_msrs lets pass");

static const struct msr_desc *msr_find(u32 index)
{
	unsigned int lo = 0, hi = x86_nr_msr_descs, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (x86_msr_table[mid].last < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	lo = array_index_nospec(lo, x86_nr_msr_descs);
	if (x86_msr_table[lo].first > index || x86_msr_table[lo].last < index)
		return NULL;
	return &x86_msr_table[lo];
}

/* The search needs the order: a defect of the table is found at module load */
int __init msr_setup(void)
{
	unsigned int i;

	for (i = 0; i < x86_nr_msr_descs; i++) {
		const struct msr_desc *d = &x86_msr_table[i];

		if (d->first > d->last || (i && d->first <= d[-1].last)) {
			pr_err("MSR table is out of order at %#x\n", d->first);
			return -EINVAL;
		}
	}
	return 0;
}

static u64 *field_of(struct vcpu *vcpu, const struct msr_desc *d)
{
	return (void *)&vcpu->arch + d->field;
}

/* Does the guest's CPUID say that it has the MSR? User space always has it. */
static bool present(struct vcpu *vcpu, const struct msr_desc *d, bool host)
{
	if (host || d->cap == NR_GCAPS || x86_gcap(vcpu, d->cap))
		return true;
	if (d->flags & MSR_F_PV)
		return x86_pv_has(vcpu, d->cap);
	/* TSC_AUX comes with either instruction that reads it */
	return d->first == MSR_TSC_AUX && x86_gcap(vcpu, GCAP_RDPID);
}

static int unknown_msr(struct vcpu *vcpu, u32 index, bool host, bool write)
{
	if (host || !ignore_msrs)
		return X86_MSR_UNKNOWN;
	if (report_ignored_msrs)
		pr_info_ratelimited("vCPU %u: %s of MSR %#x ignored\n", vcpu->id,
				    write ? "write" : "read", index);
	return 0;
}

int x86_get_msr(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	const struct msr_desc *d;

	if (index == MSR_IA32_APICBASE) {
		*value = vcpu->arch.apic_base;
		return 0;
	}
	d = msr_find(index);
	if (!d || !present(vcpu, d, host)) {
		*value = 0;
		return !unknown_msr(vcpu, index, host, false) ? 0 :
		       d ? X86_MSR_INVALID : X86_MSR_UNKNOWN;
	}
	if (d->get)
		return d->get(vcpu, index, value, host);
	if (d->flags & MSR_F_FIELD) {
		*value = *field_of(vcpu, d);
		return 0;
	}
	/* what vmx/ cannot read is write-only: a command */
	if (d->flags & MSR_F_VMX)
		return vmx_get_msr(vcpu, index, value) ? 1 : 0;
	return 1;
}

int x86_set_msr(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	const struct msr_desc *d = msr_find(index);
	u64 old;

	if (!d || !present(vcpu, d, host))
		return !unknown_msr(vcpu, index, host, true) ? 0 :
		       d ? X86_MSR_INVALID : X86_MSR_UNKNOWN;
	if (!host && d->flags & MSR_F_RO)
		return 1;
	if (d->flags & MSR_F_RO_HOST) {
		/* what was saved may be restored */
		return x86_get_msr(vcpu, index, &old, true) || old != value;
	}
	if (d->set)
		return d->set(vcpu, index, value, host);
	if (d->flags & MSR_F_FIELD) {
		if (value & d->reserved)
			return 1;
		*field_of(vcpu, d) = value;
		return 0;
	}
	if (d->flags & MSR_F_VMX)
		return vmx_set_msr(vcpu, index, value, host) ? 1 : 0;
	return 1;
}

/* ---- with interrupts off ------------------------------------------------------ */

/* Then the full handlers decide. x2APIC registers are never filtered. */
static __always_inline bool filter_in_force(struct vcpu *vcpu)
{
	return rcu_access_pointer(vcpu->vm->arch.msr_filter);
}

bool x86_fast_rdmsr(struct vcpu *vcpu, u32 index, u64 *value)
{
	switch (index) {
	case MSR_IA32_APICBASE:
		if (unlikely(filter_in_force(vcpu)))
			return false;
		*value = vcpu->arch.apic_base;
		return true;
	case MSR_IA32_TSC_DEADLINE:
		if (unlikely(filter_in_force(vcpu)))
			return false;
		if (!vcpu->lapic || !x86_gcap(vcpu, GCAP_TSC_DEADLINE))
			return false;
		*value = lapic_get_tsc_deadline(vcpu);
		return true;
	}
	return false;
}

bool x86_fast_wrmsr(struct vcpu *vcpu, u32 index, u64 value)
{
	if (!vcpu->lapic)
		return false;
	if (index != MSR_IA32_TSC_DEADLINE || unlikely(filter_in_force(vcpu)) ||
	    !x86_gcap(vcpu, GCAP_TSC_DEADLINE))
		return false;
	lapic_set_tsc_deadline(vcpu, value);
	return true;
}
