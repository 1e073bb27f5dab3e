// SPDX-License-Identifier: GPL-2.0-only
/*
 * The APIC-access page (SDM 3C 30.4): where the guest maps the xAPIC page, the
 * kind maps a page of the VM's own. The CPU knows its address and makes no access
 * to it, so nobody ever finds anything in there.
 *
 * To the kinds it is a slot of one page that no list has. The owner has no address
 * for it: it is found by fault alone, no notifier event takes it away, and what
 * the host side reads and writes there are the LAPIC's registers, as before.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <asm/apicdef.h>
#include "mmu/apic_page.h"
#include "mmu/memslot.h"

int mmu_apic_page_create(struct vm *vm)
{
	struct mmu_apic_page *a;

	if (vm->mmu.apic_page)
		return 0;
	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	a->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!a->page) {
		kfree(a);
		return -ENOMEM;
	}
	a->slot.id = SLOT_PRIVATE_APIC;
	a->slot.base = APIC_DEFAULT_PHYS_BASE >> PAGE_SHIFT;
	a->slot.npages = 1;
	a->allowed = true;
	/* pairs with mmu_apic_slot() */
	smp_store_release(&vm->mmu.apic_page, a);
	return 0;
}

void mmu_apic_page_destroy(struct vm *vm)
{
	struct mmu_apic_page *a = vm->mmu.apic_page;

	if (!a)
		return;
	__free_page(a->page);
	kfree(a);
	vm->mmu.apic_page = NULL;
}

u64 mmu_apic_page_hpa(struct vm *vm)
{
	struct mmu_apic_page *a = vm->mmu.apic_page;

	return a ? page_to_phys(a->page) : 0;
}

void mmu_apic_page_allow(struct vm *vm, bool on)
{
	struct mmu_apic_page *a = vm->mmu.apic_page;
	struct mmu_range range;

	if (!a || a->allowed == on)
		return;
	range = (struct mmu_range) {
		.slot = &a->slot,
		.start = a->slot.base,
		.end = a->slot.base + 1,
	};
	write_lock(&vm->mmu.lock);
	WRITE_ONCE(a->allowed, on);
	if (!on && mmu_op(vm, unmap, vm, &range))
		mmu_flush_all(vm);
	write_unlock(&vm->mmu.lock);
}
