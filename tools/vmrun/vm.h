/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine: the device, the VM's file, memory slots, interrupts, buses.
 */
#ifndef VMRUN_VM_H
#define VMRUN_VM_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "bus.h"
#include "memory.h"

struct vcpu;

struct vm {
	int kvm_fd;
	int fd;
	bool irqchip;		/* in the kernel, else none at all */
	bool save;		/* vCPUs come home in a state that can be saved */
	unsigned int ncpus;
	struct vcpu *vcpus;
	size_t run_size;	/* of the area shared with each vCPU */
	struct memory memory;
	struct bus ports;
	struct bus mmio;
	/* What the guest's vendor and product strings tell of the host. */
	char hypervisor[64];
};

struct vm_config {
	const char *device;
	unsigned int ncpus;
	unsigned long mmu_kind;	/* KVM_MMU_KIND_* */
	bool irqchip;
	uint64_t memory_size;
};

/* Opens the device and creates a VM with memory; dies when it cannot. */
void vm_create(struct vm *vm, const struct vm_config *config);

/* What KVM_CHECK_EXTENSION says of @cap on the VM file; 0 for unknown. */
int vm_capability(const struct vm *vm, unsigned long cap);

/* For struct irq_line. There is one VM in a process. */
void vm_set_irq(unsigned int gsi, bool level);

#endif
