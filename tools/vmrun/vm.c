// SPDX-License-Identifier: GPL-2.0-only
/* From /dev/kvm to a VM with memory and interrupt controllers. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "array.h"
#include "kvm_ext.h"
#include "layout.h"
#include "report.h"
#include "stop.h"
#include "vm.h"

static struct vm *the_vm;

int vm_capability(const struct vm *vm, unsigned long cap)
{
	int value = ioctl(vm->fd, KVM_CHECK_EXTENSION, cap);

	return value < 0 ? 0 : value;
}

static const char *open_hint(void)
{
	switch (errno) {
	case ENOENT:
		return "insmod kvm.ko; if it refuses, dmesg has the reason";
	case EACCES:
	case EPERM:
		return "run as root, or as a member of the group that owns the device";
	case ENODEV:
	case ENXIO:
		return "the node is there but no module answers: insmod kvm.ko";
	default:
		return NULL;
	}
}

static void open_device(struct vm *vm, const char *device)
{
	int version;

	vm->kvm_fd = open(device, O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		die_host(open_hint(), "opening %s", device);
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		die_host("name a KVM device with --device",
			 "asking %s for its API version", device);
	if (version != KVM_API_VERSION)
		die(EXIT_HOST, "%s has API version %d, vmrun knows %d", device,
		    version, KVM_API_VERSION);
	vm->run_size = (size_t)ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if ((ssize_t)vm->run_size < (ssize_t)sizeof(struct kvm_run))
		die_host(SEE_DMESG,
			 "asking for the size of a vCPU's shared area");
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die_host("dmesg tells what the module found missing",
			 "creating a virtual machine");
}

static const char *mmu_name(unsigned long kind)
{
	static const char * const names[] = {
		[KVM_MMU_KIND_AUTO] = "auto",
		[KVM_MMU_KIND_SHADOW] = "shadow",
		[KVM_MMU_KIND_EPT] = "ept",
	};

	return names[kind];
}

/* What a VM gets that does not choose; the module's parameter "mmu" says. */
static unsigned long default_mmu(int kinds)
{
	char text[16] = "";
	int fd = open("/sys/module/kvm/parameters/mmu", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		close(fd);
	}
	if (!strncmp(text, "shadow", 6))
		return KVM_MMU_KIND_SHADOW;
	return kinds & 1 << KVM_MMU_KIND_EPT ? KVM_MMU_KIND_EPT :
					       KVM_MMU_KIND_SHADOW;
}

static void describe_hypervisor(struct vm *vm, int kinds, unsigned long kind)
{
	if (!kinds) {
		snprintf(vm->hypervisor, sizeof(vm->hypervisor),
			 "another KVM");
		return;
	}
	if (kind == KVM_MMU_KIND_AUTO)
		kind = default_mmu(kinds);
	snprintf(vm->hypervisor, sizeof(vm->hypervisor), "kvm.ko with MMU %s",
		 mmu_name(kind));
}

/* This module's addition to the ABI; other KVMs answer 0 for the capability. */
static void choose_mmu(struct vm *vm, unsigned long kind)
{
	int kinds = vm_capability(vm, KVM_CAP_MMU_KIND);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MMU_KIND,
		.args = { kind },
	};

	describe_hypervisor(vm, kinds, kind);
	if (kind == KVM_MMU_KIND_AUTO)
		return;
	if (!kinds)
		die(EXIT_HOST,
		    "--mmu %s: this KVM does not let a VM choose its MMU; use --mmu auto (the in-tree module chooses with kvm_intel's parameter ept)",
		    mmu_name(kind));
	if (!(kinds & 1 << kind))
		die(EXIT_HOST,
		    "--mmu %s: not supported on this CPU or by this build of kvm.ko; use --mmu auto, and see dmesg for what is missing",
		    mmu_name(kind));
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0)
		die_host("use --mmu auto; dmesg tells what is missing",
			 "choosing the %s MMU", mmu_name(kind));
}

/* Without one of these it would not work, and would not say why. */
static void check_capabilities(const struct vm *vm)
{
	static const struct {
		unsigned int cap;
		const char *name;
		bool irqchip;	/* for the interrupt controllers alone */
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", false },
		{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", false },
		{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR", false },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", false },
		{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", true },
		{ KVM_CAP_PIT2, "KVM_CAP_PIT2", true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (needed[i].irqchip && !vm->irqchip)
			continue;
		if (vm_capability(vm, needed[i].cap) <= 0)
			die(EXIT_HOST, "this KVM lacks %s, which vmrun needs%s",
			    needed[i].name, needed[i].irqchip ?
			    " without --irqchip none" : "");
	}
}

/* Both are for hosts without unrestricted guest; all accept them. */
static void set_kvm_pages(struct vm *vm)
{
	uint64_t identity_map = GPA_IDENTITY_MAP;

	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, GPA_TSS) < 0)
		die_host(SEE_DMESG, "giving KVM its TSS pages");
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		die_host(SEE_DMESG, "giving KVM its identity-map page");
}

static void create_irqchip(struct vm *vm)
{
	/* Port 0x61 as well: Linux times the TSC with it. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		die_host("--irqchip none runs guests that need no interrupts",
			 "creating the interrupt controllers");
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0)
		die_host("--irqchip none runs guests that need no interrupts",
			 "creating the interval timer");
}

static void set_memory_slots(struct vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->memory.count; i++) {
		const struct memory_range *range = &vm->memory.ranges[i];
		struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = range->gpa,
			.memory_size = range->size,
			.userspace_addr = (uintptr_t)range->host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
			die_host("ask for less with --mem",
				 "giving the guest %" PRIu64 " MiB of memory at %#" PRIx64,
				 range->size >> 20, range->gpa);
	}
}

static void check_ncpus(const struct vm *vm)
{
	int max = vm_capability(vm, KVM_CAP_MAX_VCPUS);

	/* The ABI: without the capability the limit is 4 vCPUs. */
	if (max <= 0)
		max = 4;
	if (vm->ncpus > (unsigned int)max)
		die(EXIT_HOST, "--cpus %u: this KVM has at most %d vCPUs",
		    vm->ncpus, max);
	if (vm->ncpus > 1 && !vm->irqchip)
		die(EXIT_USAGE,
		    "--cpus %u needs the interrupt controllers that --irqchip none leaves out",
		    vm->ncpus);
}

void vm_create(struct vm *vm, const struct vm_config *config)
{
	memset(vm, 0, sizeof(*vm));
	the_vm = vm;
	vm->ncpus = config->ncpus;
	vm->irqchip = config->irqchip;
	vm->ports.name = "port";
	vm->mmio.name = "memory";
	open_device(vm, config->device);
	check_capabilities(vm);
	check_ncpus(vm);
	choose_mmu(vm, config->mmu_kind);
	set_kvm_pages(vm);
	if (vm->irqchip)
		create_irqchip(vm);
	memory_create(&vm->memory, config->memory_size);
	set_memory_slots(vm);
}

void vm_set_irq(unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (!the_vm->irqchip)
		return;
	if (ioctl(the_vm->fd, KVM_IRQ_LINE, &irq) < 0)
		request_stop(EXIT_HOST, "setting interrupt line %u: %s", gsi,
			     strerror(errno));
}
