// SPDX-License-Identifier: GPL-2.0-only
/* What KVM's leaves lack: topology, caches, frequencies, and what this VM has not. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpuid.h"
#include "report.h"

/* SDM 2A, CPUID */
enum {
	LEAF_VENDOR		= 0x0,
	LEAF_FEATURES		= 0x1,
	LEAF_CACHES		= 0x4,
	LEAF_TOPOLOGY		= 0xb,
	LEAF_TSC		= 0x15,
	LEAF_TOPOLOGY_V2	= 0x1f,

	FEATURE_ECX_TSC_DEADLINE = 1 << 24,
	FEATURE_ECX_HYPERVISOR_BIT = 31,
	FEATURE_EDX_HTT		= 1 << 28,

	TOPOLOGY_THREAD		= 1,
	TOPOLOGY_CORE		= 2,
};

/* KVM's local APIC counts nanoseconds: a bus of 1 GHz (api.rst). */
#define CRYSTAL_HZ 1000000000u

struct kvm_cpuid2 *cpuid_supported(const struct vm *vm)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
		       CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		die_host(NULL, "allocating the CPUID table");
	cpuid->nent = CPUID_ENTRIES - 8;	/* cpuid_adapt() adds some */
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		die_host(SEE_DMESG,
			 "asking KVM for the CPUID leaves it supports");
	return cpuid;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t leaf,
				     uint32_t index)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function != leaf)
			continue;
		if (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		    entry->index == index)
			return entry;
	}
	return NULL;
}

static void remove_leaf(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	uint32_t i, kept = 0;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function != leaf)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->nent = kept;
}

static void append(struct kvm_cpuid2 *cpuid,
		   const struct kvm_cpuid_entry2 *entry)
{
	if (cpuid->nent < CPUID_ENTRIES)
		cpuid->entries[cpuid->nent++] = *entry;
}

/* Smallest n with 2^n >= count. */
static uint32_t order(uint32_t count)
{
	return count > 1 ? 32 - (uint32_t)__builtin_clz(count - 1) : 0;
}

static void adapt_features(struct kvm_cpuid_entry2 *entry,
			   const struct cpuid_config *config)
{
	uint32_t logical = 1u << order(config->ncpus);

	/* EBX: initial APIC id, logical processors in the package. */
	entry->ebx = (entry->ebx & 0xffff) | config->apic_id << 24 |
		     (logical > 255 ? 255 : logical) << 16;
	if (config->ncpus > 1)
		entry->edx |= FEATURE_EDX_HTT;
	else
		entry->edx &= ~(uint32_t)FEATURE_EDX_HTT;
	/* Mainline's KVM leaves it to its client to own up. */
	entry->ecx |= 1u << FEATURE_ECX_HYPERVISOR_BIT;
	if (config->tsc_deadline)
		entry->ecx |= FEATURE_ECX_TSC_DEADLINE;
	else
		entry->ecx &= ~(uint32_t)FEATURE_ECX_TSC_DEADLINE;
}

/* One thread a core, all cores in one package, the last level shared. */
static void adapt_caches(struct kvm_cpuid2 *cpuid,
			 const struct cpuid_config *config)
{
	uint32_t cores = (1u << order(config->ncpus)) - 1;
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
		uint32_t level = entry->eax >> 5 & 7;
		uint32_t sharing = level >= 3 ? cores : 0;

		if (entry->function != LEAF_CACHES || !(entry->eax & 0x1f))
			continue;
		entry->eax = (entry->eax & 0x3fff) | sharing << 14 |
			     (cores > 63 ? 63 : cores) << 26;
	}
}

static void set_topology(struct kvm_cpuid2 *cpuid, uint32_t leaf,
			 const struct cpuid_config *config)
{
	struct kvm_cpuid_entry2 entry = {
		.function = leaf,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.edx = config->apic_id,
	};

	remove_leaf(cpuid, leaf);
	entry.index = 0;
	entry.eax = 0;
	entry.ebx = 1;
	entry.ecx = TOPOLOGY_THREAD << 8;
	append(cpuid, &entry);
	entry.index = 1;
	entry.eax = order(config->ncpus);
	entry.ebx = config->ncpus;
	entry.ecx = TOPOLOGY_CORE << 8 | 1;
	append(cpuid, &entry);
	entry.index = 2;	/* the end of the list */
	entry.eax = 0;
	entry.ebx = 0;
	entry.ecx = 2;
	append(cpuid, &entry);
}

/*
 * The fraction nearest to @value / @unit whose numerator is at most @max: a
 * continued fraction, whose last digit is made smaller where the numerator
 * would grow too large; less than half of that digit would be worse than none.
 */
static void approximate(uint64_t value, uint64_t unit, uint64_t max,
			uint32_t *numerator, uint32_t *denominator)
{
	uint64_t n0 = 0, d0 = 1, n1 = 1, d1 = 0;

	while (unit) {
		uint64_t digit = value / unit, rest = value % unit;
		uint64_t largest = n1 ? (max - n0) / n1 : digit;
		uint64_t used = digit < largest ? digit : largest;
		uint64_t n = used * n1 + n0, d = used * d1 + d0;

		if (2 * used <= digit && digit)
			break;
		n0 = n1;
		d0 = d1;
		n1 = n;
		d1 = d;
		if (used < digit)
			break;
		value = unit;
		unit = rest;
	}
	*numerator = (uint32_t)n1;
	*denominator = (uint32_t)d1;
}

/*
 * TSC = crystal * EBX / EAX. A guest without a paravirtual clock need not
 * measure its clocks against the PIT, and is not misled by the leaf of a host
 * CPU whose TSC runs at another speed than the guest's. Linux computes
 * crystal in kHz * EBX in 32 bits: a large EBX would overflow. Where a small
 * one is off by more than ten parts in a million the guest measures better.
 */
static void set_tsc_frequency(struct kvm_cpuid2 *cpuid, unsigned int tsc_khz)
{
	const uint32_t crystal_khz = CRYSTAL_HZ / 1000;
	struct kvm_cpuid_entry2 entry = {
		.function = LEAF_TSC, .ecx = CRYSTAL_HZ,
	};
	struct kvm_cpuid_entry2 *vendor = find(cpuid, LEAF_VENDOR, 0);
	uint64_t wanted, given;

	remove_leaf(cpuid, LEAF_TSC);
	if (!tsc_khz || !vendor || vendor->eax < LEAF_TSC)
		return;
	approximate(tsc_khz, crystal_khz, UINT32_MAX / crystal_khz,
		    &entry.ebx, &entry.eax);
	wanted = (uint64_t)tsc_khz * entry.eax;
	given = (uint64_t)crystal_khz * entry.ebx;
	if (llabs((long long)(wanted - given)) <= (long long)(wanted / 100000))
		append(cpuid, &entry);
}

void cpuid_adapt(struct kvm_cpuid2 *cpuid, const struct cpuid_config *config)
{
	struct kvm_cpuid_entry2 *features = find(cpuid, LEAF_FEATURES, 0);
	struct kvm_cpuid_entry2 *vendor = find(cpuid, LEAF_VENDOR, 0);

	if (features)
		adapt_features(features, config);
	adapt_caches(cpuid, config);
	if (vendor && vendor->eax >= LEAF_TOPOLOGY)
		set_topology(cpuid, LEAF_TOPOLOGY, config);
	if (vendor && vendor->eax >= LEAF_TOPOLOGY_V2)
		set_topology(cpuid, LEAF_TOPOLOGY_V2, config);
	set_tsc_frequency(cpuid, config->tsc_khz);
}
