// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory the VM keeps for itself, on CPUs that cannot run a guest in real mode
 * or with paging off: a TSS for virtual-8086 mode, which vmx/ fills in, and a
 * page table that maps 4 GiB one to one, for guests with paging off.
 *
 * The memory is anonymous memory of the owner, so it is accounted to it. The
 * owner may unmap or overwrite it; that hurts its own guest and nobody else.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include <asm/vmx.h>
#include "core/vcpu.h"
#include "mmu/memslot.h"
#include "mmu/private.h"

#define TSS_PAGES	3
/* Where the identity map is unless user space says otherwise (api.rst 4.40) */
#define IDENTITY_DEFAULT	VMX_EPT_IDENTITY_PAGETABLE_ADDR

int mmu_set_tss_addr(struct vm *vm, gpa_t addr)
{
	hva_t hva;
	int r = 0;

	if (addr & ~PAGE_MASK || addr > SZ_4G - TSS_PAGES * PAGE_SIZE)
		return -EINVAL;
	mutex_lock(&vm->mmu.slots_lock);
	if (!mmu_unrestricted(vm))
		r = memslot_set_private(vm, SLOT_PRIVATE_TSS, addr, TSS_PAGES,
					&hva);
	if (!r) {
		vm->mmu.tss_addr = addr;
		vm->mmu.tss_set = true;
		vm->vmx.tss_written = false;
	}
	mutex_unlock(&vm->mmu.slots_lock);
	if (!r)
		vm_request_all(vm, REQ_TSS_ADDR, false);
	return r;
}

int mmu_set_identity_map_addr(struct vm *vm, gpa_t addr)
{
	int r = -EINVAL;

	if (addr & ~PAGE_MASK || addr >= SZ_4G)
		return -EINVAL;
	mutex_lock(&vm->mmu.slots_lock);
	/* a vCPU that is being made, or could not be, may have made the slot */
	if (!READ_ONCE(vm->nr_vcpus) &&
	    !xa_load(&vm->mmu.slot_ids, SLOT_PRIVATE_IDENTITY)) {
		vm->mmu.identity_map = addr ?: IDENTITY_DEFAULT;
		r = 0;
	}
	mutex_unlock(&vm->mmu.slots_lock);
	return r;
}

/* 1024 entries of 4M: present, writable, user, accessed, dirty, PS */
static int write_identity_map(hva_t hva)
{
	u32 __user *to = (u32 __user *)hva;
	unsigned int i;

	for (i = 0; i < 1024; i++)
		if (put_user((i << 22) | 0xe7, to + i))
			return -EFAULT;
	return 0;
}

/* Called for each vCPU made; the first one makes the slot */
int private_slots_vcpu(struct vm *vm)
{
	hva_t hva;
	int r = 0;

	mutex_lock(&vm->mmu.slots_lock);
	if (xa_load(&vm->mmu.slot_ids, SLOT_PRIVATE_IDENTITY))
		goto out;
	if (!vm->mmu.identity_map)
		vm->mmu.identity_map = IDENTITY_DEFAULT;
	r = memslot_set_private(vm, SLOT_PRIVATE_IDENTITY,
				vm->mmu.identity_map, 1, &hva);
	if (!r)
		r = write_identity_map(hva);
out:
	mutex_unlock(&vm->mmu.slots_lock);
	return r;
}

/* The memory goes back while its owner is still there; at exit it goes anyway */
void private_slots_release(struct vm *vm)
{
	struct memslot *slot;
	u32 id;

	if (current->mm != vm->mm)
		return;
	for (id = SLOT_PRIVATE_TSS; id <= SLOT_PRIVATE_APIC; id++) {
		slot = xa_load(&vm->mmu.slot_ids, id);
		if (slot)
			vm_munmap(slot->hva, slot->npages << PAGE_SHIFT);
	}
}
