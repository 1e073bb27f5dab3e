// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that page tables take: accounted to the VM's owner (the kinds allocate
 * with GFP_KERNEL_ACCOUNT) and to the host's SecPageTables, and given back when
 * memory is short. Everything in them can be made again by faults.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/shrinker.h>
#include "core/compat.h"
#include "mmu/memslot.h"
#include "mmu/private.h"

static DEFINE_MUTEX(table_vms_lock);
static LIST_HEAD(vms);			/* mmu.shrink_link; table_vms_lock */
static atomic_long_t table_pages;	/* of all VMs */
static struct shrinker *shrinker;	/* [I] */

void mmu_table_account(struct page *page, int n)
{
	atomic_long_add(n, &table_pages);
	mod_lruvec_page_state(page, NR_SECONDARY_PAGETABLE, n);
}

static unsigned long count(struct shrinker *s, struct shrink_control *sc)
{
	long n = atomic_long_read(&table_pages);

	return n > 0 ? n : SHRINK_EMPTY;
}

/* VMs that a call looks at: roots in use are counted, and nobody gives them back */
#define SCAN_VMS	64

/* Reclaim may come from under any lock but mmu.lock: never wait for table_vms_lock */
static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;
	unsigned int looks = 0;
	struct vm *vm, *next;
	LIST_HEAD(done);

	if (!mutex_trylock(&table_vms_lock))
		return SHRINK_STOP;
	list_for_each_entry_safe(vm, next, &vms, mmu.shrink_link) {
		if (freed >= sc->nr_to_scan || looks++ == SCAN_VMS)
			break;
		write_lock(&vm->mmu.lock);
		freed += mmu_op(vm, shrink, vm, sc->nr_to_scan - freed);
		write_unlock(&vm->mmu.lock);
		/* the next call begins with the others */
		list_move_tail(&vm->mmu.shrink_link, &done);
		cond_resched();
	}
	list_splice_tail(&done, &vms);
	mutex_unlock(&table_vms_lock);
	return freed ?: SHRINK_STOP;
}

/* Fewer would not hold what one instruction needs at a time */
#define NR_PAGES_MIN	64

int mmu_set_nr_pages(struct vm *vm, unsigned long nr)
{
	bool more;

	if (nr < NR_PAGES_MIN)
		return -EINVAL;
	/* the ioctl returns an int */
	nr = min_t(unsigned long, nr, INT_MAX);
	mutex_lock(&vm->mmu.slots_lock);
	WRITE_ONCE(vm->mmu.nr_pages, nr);
	do {
		write_lock(&vm->mmu.lock);
		more = mmu_op(vm, limit_pages, vm, nr);
		write_unlock(&vm->mmu.lock);
		cond_resched();
	} while (more);
	mutex_unlock(&vm->mmu.slots_lock);
	return 0;
}

unsigned long mmu_nr_pages(struct vm *vm)
{
	return READ_ONCE(vm->mmu.nr_pages);
}

void mmu_shrink_add(struct vm *vm)
{
	mutex_lock(&table_vms_lock);
	list_add_tail(&vm->mmu.shrink_link, &vms);
	mutex_unlock(&table_vms_lock);
}

void mmu_shrink_remove(struct vm *vm)
{
	mutex_lock(&table_vms_lock);
	list_del(&vm->mmu.shrink_link);
	mutex_unlock(&table_vms_lock);
}

int mmu_shrink_init(void)
{
	/* making a table again costs a fault: dearer than a page cache page */
	shrinker = compat_shrinker_register("kvm-mmu", count, scan,
					    2 * DEFAULT_SEEKS);
	return shrinker ? 0 : -ENOMEM;
}

void mmu_shrink_exit(void)
{
	compat_shrinker_unregister(shrinker);
}
