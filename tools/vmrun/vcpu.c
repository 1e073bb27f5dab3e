// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU thread leaves KVM_RUN for vmrun's own ends only when it is kicked: a
 * signal whose handler sets immediate_exit, so that it does not matter whether
 * the signal comes inside KVM_RUN, or just before it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cpuid.h"
#include "entry.h"
#include "exits.h"
#include "report.h"
#include "stop.h"
#include "vcpu.h"

#define KICK_SIGNAL SIGUSR1
#define JOIN_SECONDS 10

/* SDM 3A 12.11.2.1: IA32_MTRR_DEF_TYPE, enabled, write-back */
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLED_WB		(1 << 11 | 6)

static __thread struct kvm_run *this_run;

static void kicked(int sig)
{
	(void)sig;
	if (this_run)
		this_run->immediate_exit = 1;
}

/* KVM_RUN returns an error: EINTR is a kick, all else ends the run. */
static void run_failed(struct vcpu *vcpu)
{
	if (errno == EINTR || errno == EAGAIN)
		return;
	request_stop(EXIT_HOST, "running vCPU %u: %s%s", vcpu->id,
		     strerror(errno),
		     errno == EFAULT ? " (guest memory that the host cannot give)"
				     : "");
}

/*
 * The instruction that made the last exit is completed by the next KVM_RUN, which
 * then ends at once; it may need user space again before that.
 */
static void complete_exit(struct vcpu *vcpu)
{
	do {
		vcpu->run->immediate_exit = 1;
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0)
			return;
		handle_exit(vcpu);
	} while (true);
}

static void *vcpu_thread(void *opaque)
{
	struct vcpu *vcpu = opaque;

	this_run = vcpu->run;
	while (!stop_requested()) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0)
			run_failed(vcpu);
		else
			handle_exit(vcpu);
	}
	if (vcpu->vm->save)
		complete_exit(vcpu);
	return NULL;
}

static void set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *supported)
{
	struct vm *vm = vcpu->vm;
	int tsc_khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
	struct cpuid_config config = {
		.apic_id = vcpu->id,
		.ncpus = vm->ncpus,
		.tsc_deadline = vm->irqchip &&
			vm_capability(vm, KVM_CAP_TSC_DEADLINE_TIMER),
		.tsc_khz = tsc_khz > 0 ? (unsigned int)tsc_khz : 0,
	};
	size_t size = sizeof(*supported) +
		      CPUID_ENTRIES * sizeof(supported->entries[0]);
	struct kvm_cpuid2 *cpuid = malloc(size);

	if (!cpuid)
		die_host(NULL, "allocating a CPUID table");
	memcpy(cpuid, supported, size);
	cpuid_adapt(cpuid, &config);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
		die_host(SEE_DMESG,
			 "setting the CPUID leaves of vCPU %u", vcpu->id);
	free(cpuid);
}

/* Firmware would do this: without it all memory is uncached to the guest. */
static void set_memory_type(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entry;
	} msrs = {
		.header.nmsrs = 1,
		.entry = {
			.index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WB,
		},
	};
	int n = ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);

	if (n < 0)
		die_host(SEE_DMESG, "setting the MTRRs of vCPU %u", vcpu->id);
	if (n != 1)
		say("vCPU %u has no MTRRs: the guest may run uncached",
		    vcpu->id);
}

static void create(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = &vm->vcpus[id];

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		die_host("use fewer --cpus; dmesg may tell more",
			 "creating vCPU %u", id);
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die_host(SEE_DMESG, "mapping the shared area of vCPU %u", id);
}

void vcpus_create(struct vm *vm, const struct entry_state *entry)
{
	struct kvm_cpuid2 *supported = cpuid_supported(vm);
	unsigned int i;

	vm->vcpus = calloc(vm->ncpus, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		die_host(NULL, "allocating the vCPUs");
	for (i = 0; i < vm->ncpus; i++) {
		create(vm, i);
		set_cpuid(&vm->vcpus[i], supported);
		set_memory_type(&vm->vcpus[i]);
	}
	free(supported);
	if (entry)
		entry_set_registers(&vm->vcpus[0], entry);
}

void vcpus_start(struct vm *vm)
{
	struct sigaction action = { .sa_handler = kicked };
	char name[16];
	unsigned int i;
	int err;

	sigaction(KICK_SIGNAL, &action, NULL);
	for (i = 0; i < vm->ncpus; i++) {
		err = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_thread,
				     &vm->vcpus[i]);
		if (err) {
			errno = err;
			die_host("ask for fewer --cpus",
				 "starting the thread of vCPU %u", i);
		}
		snprintf(name, sizeof(name), "vcpu%u", i);
		pthread_setname_np(vm->vcpus[i].thread, name);
	}
}

void vcpus_join(struct vm *vm)
{
	struct timespec until;
	unsigned int i;

	for (i = 0; i < vm->ncpus; i++)
		pthread_kill(vm->vcpus[i].thread, KICK_SIGNAL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOIN_SECONDS;
	for (i = 0; i < vm->ncpus; i++) {
		if (!pthread_timedjoin_np(vm->vcpus[i].thread, NULL, &until))
			continue;
		say("vCPU %u does not come back from KVM_RUN after %d s: a defect of the module",
		    i, JOIN_SECONDS);
	}
}
