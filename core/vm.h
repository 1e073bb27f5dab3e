/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine: lifetime, and what its vCPUs share.
 *
 *   /dev/kvm --KVM_CREATE_VM--> VM file --KVM_CREATE_VCPU--> vCPU files
 *
 * The VM file, every vCPU file and every stats file hold one reference each.
 * vCPUs are never removed before the VM itself goes, so that anyone who holds
 * a VM reference may walk vm->vcpus without a lock.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/xarray.h>
#include <linux/list.h>
#include "core/types.h"
#include "core/bus.h"
#include "irqchip/irqchip_vm.h"
#include "mmu/mmu.h"
#include "vmx/vmx_vm.h"
#include "x86/x86_vm.h"

#define VM_MAX_VCPUS		1024	/* KVM_CAP_MAX_VCPUS */
#define VM_MAX_VCPU_ID		4096	/* KVM_CAP_MAX_VCPU_ID: ids are below it */

struct irqchip;

struct vm {
	refcount_t refs;			/* [a] */
	struct mm_struct *mm;			/* [I] owner; grabbed with mmgrab() */
	struct mutex lock;			/* vCPU creation, VM-wide configuration */
	struct srcu_struct srcu;		/* memslots, buses, coalesced zones */
	struct xarray vcpus;			/* [r][V] by index, dense */
	unsigned int nr_vcpus;			/* [V], read with READ_ONCE elsewhere */
	u32 max_vcpu_id;			/* [V] ids are below it; 0: VM_MAX_VCPU_ID */
	struct list_head link;			/* vm_list_lock in core/vm.c */
	bool dead;				/* [a] bugged: every ioctl answers -EIO */
	bool halt_poll_own;			/* [a] KVM_CAP_HALT_POLL: */
	u32 halt_poll_ns;			/* [a] instead of the parameter */
	unsigned int last_boosted;		/* [a] core/yield.c: index of a vCPU */

	struct bus pio_bus;			/* [r][V] */
	struct bus mmio_bus;			/* [r][V] */
	struct coalesced_mmio *coalesced;	/* [V] core/coalesced.c */

	struct mmu_vm mmu;
	struct vmx_vm vmx;
	struct x86_vm arch;
	struct irqchip_vm irq;
	struct irqchip *irqchip;		/* [V], published with smp_store_release */
};

/**
 * vm_create() - make a VM owned by the calling process
 * @type: the KVM_CREATE_VM argument; only 0 is known
 *
 * The first VM turns VMX on, everywhere.
 *
 * Return: the VM with one reference, or ERR_PTR: -EINVAL for an unknown type,
 * -ENOMEM, -EBUSY where VMX is in use by somebody else, -EIO.
 */
struct vm *vm_create(unsigned long type);

/* Take another reference to a VM that the caller has one of */
void vm_get(struct vm *vm);

/**
 * vm_put() - drop a reference; the last one destroys the VM
 * @vm: the VM
 *
 * Context: may sleep.
 */
void vm_put(struct vm *vm);

/**
 * vm_kill() - a defect was found in the VM's own state: stop it for good
 * @vm: the VM; vCPUs leave KVM_RUN with -EIO, other ioctls answer -EIO
 */
void vm_kill(struct vm *vm);

#define vm_for_each_vcpu(vm, i, vcpu) \
	xa_for_each(&(vm)->vcpus, i, vcpu)

/* Call @fn for every VM, until it returns nonzero; may sleep */
int vm_for_each(int (*fn)(struct vm *vm, void *data), void *data);

/* vCPU by index; NULL where there is none. The index may come from user space. */
struct vcpu *vm_vcpu(struct vm *vm, unsigned int index);

/* vCPU by its KVM_CREATE_VCPU id (= initial APIC id); NULL where there is none */
struct vcpu *vm_vcpu_by_id(struct vm *vm, u32 id);

#endif
