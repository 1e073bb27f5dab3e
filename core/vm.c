// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs: creation, references, destruction.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "core/coalesced.h"
#include "core/vcpu.h"
#include "irqchip/irqchip.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

static DEFINE_MUTEX(vm_list_lock);
static LIST_HEAD(vm_list);

struct vm *vm_create(unsigned long type)
{
	struct vm *vm;
	int err;

	if (type)
		return ERR_PTR(-EINVAL);
	vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	refcount_set(&vm->refs, 1);
	mutex_init(&vm->lock);
	xa_init(&vm->vcpus);
	err = init_srcu_struct(&vm->srcu);
	if (err)
		goto free;
	mmgrab(current->mm);
	vm->mm = current->mm;

	err = vmx_vm_init(vm);
	if (err)
		goto mm;
	err = x86_vm_init(vm);
	if (err)
		goto vmx;
	err = mmu_vm_init(vm);
	if (err)
		goto x86;

	mutex_lock(&vm_list_lock);
	list_add(&vm->link, &vm_list);
	mutex_unlock(&vm_list_lock);
	return vm;
x86:
	x86_vm_release(vm);
	x86_vm_destroy(vm);
vmx:
	vmx_vm_destroy(vm);
mm:
	mmdrop(vm->mm);
	cleanup_srcu_struct(&vm->srcu);
free:
	kvfree(vm);
	return ERR_PTR(err);
}

void vm_get(struct vm *vm)
{
	refcount_inc(&vm->refs);
}

/* The last reference is gone: no file, no vCPU thread, no ioctl any more */
static void vm_destroy(struct vm *vm)
{
	struct vcpu *vcpu;
	unsigned long i;

	mutex_lock(&vm_list_lock);
	list_del(&vm->link);
	mutex_unlock(&vm_list_lock);

	/* no notifier, no shrinker and no clock comes in after this */
	mmu_vm_release(vm);
	x86_vm_release(vm);
	/* devices may point at vCPUs, so they go first */
	mutex_lock(&vm->lock);
	irqchip_destroy(vm);
	coalesced_destroy(vm);
	io_bus_destroy(vm, &vm->pio_bus);
	io_bus_destroy(vm, &vm->mmio_bus);
	mutex_unlock(&vm->lock);
	vm_for_each_vcpu(vm, i, vcpu)
		vcpu_destroy(vcpu);
	xa_destroy(&vm->vcpus);
	mmu_vm_destroy(vm);
	x86_vm_destroy(vm);
	vmx_vm_destroy(vm);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	kvfree(vm);
}

void vm_put(struct vm *vm)
{
	if (refcount_dec_and_test(&vm->refs))
		vm_destroy(vm);
}

void vm_kill(struct vm *vm)
{
	WRITE_ONCE(vm->dead, true);
	vm_request_all(vm, REQ_DEAD, false);
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned int index)
{
	unsigned int nr = READ_ONCE(vm->nr_vcpus);

	if (index >= nr)
		return NULL;
	smp_rmb();	/* pairs with the publication in vcpu_create() */
	return xa_load(&vm->vcpus, array_index_nospec(index, nr));
}

struct vcpu *vm_vcpu_by_id(struct vm *vm, u32 id)
{
	struct vcpu *vcpu;
	unsigned long i;

	/* most VMMs number their vCPUs from 0 on */
	vcpu = id < VM_MAX_VCPUS ? vm_vcpu(vm, id) : NULL;
	if (vcpu && vcpu->id == id)
		return vcpu;
	vm_for_each_vcpu(vm, i, vcpu)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}

/**
 * vm_for_each() - call a function for every VM
 * @fn: called with vm_list_lock held, so the VM stays; nonzero ends the walk
 * @data: handed on
 *
 * Return: what the last call returned.
 */
int vm_for_each(int (*fn)(struct vm *vm, void *data), void *data)
{
	struct vm *vm;
	int ret = 0;

	mutex_lock(&vm_list_lock);
	list_for_each_entry(vm, &vm_list, link) {
		ret = fn(vm, data);
		if (ret)
			break;
	}
	mutex_unlock(&vm_list_lock);
	return ret;
}
