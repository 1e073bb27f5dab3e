/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPUID leaves of each vCPU: what KVM supports, with the topology and the
 * clock frequencies of this machine filled in.
 */
#ifndef VMRUN_CPUID_H
#define VMRUN_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "vm.h"

struct cpuid_config {
	unsigned int apic_id;
	unsigned int ncpus;
	bool tsc_deadline;	/* KVM's local APIC has the TSC-deadline mode */
	unsigned int tsc_khz;	/* 0: not known */
};

#define CPUID_ENTRIES 256

/* KVM_GET_SUPPORTED_CPUID; the caller frees the result. */
struct kvm_cpuid2 *cpuid_supported(const struct vm *vm);

/*
 * Adapts the leaves to one vCPU. @cpuid has room for CPUID_ENTRIES entries, a
 * few of which must be free.
 */
void cpuid_adapt(struct kvm_cpuid2 *cpuid, const struct cpuid_config *config);

#endif
