// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cpuid.h"
#include "exits.h"
#include "report.h"
#include "stop.h"
#include "tap.h"

#define NO_STOP 200

static struct kvm_cpuid2 *make_cpuid(uint32_t max_leaf)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
		CPUID_ENTRIES * sizeof(cpuid->entries[0]));

	cpuid->nent = 4;
	cpuid->entries[0].eax = max_leaf;
	cpuid->entries[1].function = 1;
	cpuid->entries[1].ebx = 0xffff0800;
	cpuid->entries[1].edx = 1 << 28;
	cpuid->entries[2].function = 4;
	cpuid->entries[2].flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	cpuid->entries[2].eax = 0xfc1fc121;	/* L1, shared, 64 cores */
	cpuid->entries[3].function = 0x15;
	cpuid->entries[3].ecx = 24000000;
	return cpuid;
}

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *cpuid,
					   uint32_t function, uint32_t index)
{
	static const struct kvm_cpuid_entry2 absent;
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == function &&
		    cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	}
	return &absent;
}

static void topology(void)
{
	struct kvm_cpuid2 *cpuid = make_cpuid(0x1f);

	cpuid_adapt(cpuid, &(struct cpuid_config){
		.apic_id = 5, .ncpus = 6, .tsc_deadline = true });
	CHECK_EQ(leaf(cpuid, 1, 0)->ebx, 0x05080800);
	CHECK_EQ(leaf(cpuid, 1, 0)->edx, 1 << 28);
	CHECK_EQ(leaf(cpuid, 1, 0)->ecx, 1u << 31 | 1 << 24);
	CHECK_EQ(leaf(cpuid, 4, 0)->eax, 7u << 26 | 0x121);
	CHECK_EQ(leaf(cpuid, 0xb, 0)->ecx, 0x100);
	CHECK_EQ(leaf(cpuid, 0xb, 1)->eax, 3);
	CHECK_EQ(leaf(cpuid, 0xb, 1)->ebx, 6);
	CHECK_EQ(leaf(cpuid, 0xb, 1)->edx, 5);
	CHECK_EQ(leaf(cpuid, 0x1f, 1)->edx, 5);
	free(cpuid);
	cpuid = make_cpuid(4);
	cpuid_adapt(cpuid, &(struct cpuid_config){ .ncpus = 1 });
	CHECK_EQ(leaf(cpuid, 1, 0)->edx, 0);
	CHECK_EQ(leaf(cpuid, 1, 0)->ecx, 1u << 31);
	CHECK_EQ(cpuid->nent, 3);
	free(cpuid);
}

/* What Linux makes of leaf 15H is right, or there is no such leaf. */
static void tsc_frequency(void)
{
	static const struct {
		uint32_t khz;
		bool leaf;
	} cases[] = {
		{ 1, true }, { 999, true }, { 100000, true }, { 99998, true },
		{ 1000000, true }, { 2304007, true }, { 2999999, true },
		{ 5000000, true }, { 3499912, false }, { 3000350, false },
		{ 0, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kvm_cpuid2 *cpuid = make_cpuid(0x16);
		const struct kvm_cpuid_entry2 *e;
		uint32_t khz = cases[i].khz, computed;

		cpuid_adapt(cpuid, &(struct cpuid_config){
			.ncpus = 1, .tsc_khz = khz });
		e = leaf(cpuid, 0x15, 0);
		CHECK_EQ(e->ecx, cases[i].leaf * 1000000000);
		computed = e->eax ? e->ecx / 1000 * e->ebx / e->eax : khz;
		CHECK((uint32_t)abs((int)(computed - khz)) <=
		      khz / 100000 + 1);
		free(cpuid);
	}
}

/* A vCPU without a kernel behind it, and an area as KVM_RUN leaves it. */
static struct vm vm;
static union {
	struct kvm_run run;
	uint8_t bytes[8192];
} area;
static struct vcpu vcpu = { .vm = &vm, .fd = -1, .run = &area.run };

static void handle_and_exit(void *arg)
{
	(void)arg;
	stop_init();
	handle_exit(&vcpu);
	_exit(stop_requested() ? stop_status() : NO_STOP);
}

static void exit_statuses(void)
{
	static const struct {
		uint32_t reason;
		int status;
	} cases[] = {
		{ KVM_EXIT_UNKNOWN, EXIT_INTERNAL },
		{ KVM_EXIT_EXCEPTION, EXIT_INTERNAL },
		{ KVM_EXIT_HYPERCALL, NO_STOP },
		{ KVM_EXIT_DEBUG, EXIT_INTERNAL },
		{ KVM_EXIT_HLT, EXIT_HALTED },
		{ KVM_EXIT_IRQ_WINDOW_OPEN, NO_STOP },
		{ KVM_EXIT_SHUTDOWN, EXIT_TRIPLE_FAULT },
		{ KVM_EXIT_FAIL_ENTRY, EXIT_ENTRY_FAILED },
		{ KVM_EXIT_INTR, NO_STOP },
		{ KVM_EXIT_SET_TPR, NO_STOP },
		{ KVM_EXIT_TPR_ACCESS, NO_STOP },
		{ KVM_EXIT_S390_SIEIC, EXIT_INTERNAL },
		{ KVM_EXIT_NMI, NO_STOP },
		{ KVM_EXIT_INTERNAL_ERROR, EXIT_INTERNAL },
		{ KVM_EXIT_SYSTEM_EVENT, EXIT_INTERNAL },
		{ KVM_EXIT_IOAPIC_EOI, NO_STOP },
		{ KVM_EXIT_HYPERV, EXIT_INTERNAL },
		{ KVM_EXIT_X86_RDMSR, NO_STOP },
		{ KVM_EXIT_NOTIFY, EXIT_INTERNAL },
		{ 0x7fffffff, EXIT_INTERNAL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(&area, 0, sizeof(area));
		area.run.exit_reason = cases[i].reason;
		CHECK_EQ(status_of(handle_and_exit, NULL), cases[i].status);
	}
}

static void hostile_internal_error(void)
{
	memset(&area, 0xff, sizeof(area));
	area.run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
	area.run.internal.suberror = 0xffffffff;
	CHECK_EQ(status_of(handle_and_exit, NULL), EXIT_INTERNAL);
	area.run.internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	CHECK_EQ(status_of(handle_and_exit, NULL), EXIT_INTERNAL);
}

static void system_events(void)
{
	memset(&area, 0, sizeof(area));
	area.run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
	area.run.system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	CHECK_EQ(status_of(handle_and_exit, NULL), EXIT_POWEROFF);
	area.run.system_event.type = KVM_SYSTEM_EVENT_RESET;
	CHECK_EQ(status_of(handle_and_exit, NULL), EXIT_REBOOT);
	area.run.system_event.type = KVM_SYSTEM_EVENT_CRASH;
	CHECK_EQ(status_of(handle_and_exit, NULL), EXIT_CRASHED);
}

static unsigned int written;

static void count_write(void *opaque, uint64_t offset, unsigned int len,
			uint32_t value)
{
	(void)opaque;
	(void)offset;
	written = written * 16 + (len * 16 | value);
}

static void string_output(void)
{
	memset(&area, 0, sizeof(area));
	memset(&vm, 0, sizeof(vm));
	bus_add(&vm.ports, &(struct bus_range){
		.name = "p", .base = 0x10, .size = 1, .width = 1,
		.write = count_write });
	area.run.exit_reason = KVM_EXIT_IO;
	area.run.io.direction = KVM_EXIT_IO_OUT;
	area.run.io.size = 1;
	area.run.io.port = 0x10;
	area.run.io.count = 3;
	area.run.io.data_offset = 4096;
	memcpy(area.bytes + 4096, "\1\2\3", 3);
	handle_exit(&vcpu);
	CHECK_EQ(written, 0x1233);
}

const struct test vcpu_tests[] = {
	{ "cpuid: topology", topology },
	{ "cpuid: TSC frequency", tsc_frequency },
	{ "exits: what each ends with", exit_statuses },
	{ "exits: nonsense in an internal error", hostile_internal_error },
	{ "exits: system events", system_events },
	{ "exits: string output", string_output },
	{ NULL, NULL },
};
