/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions, all of them, and nowhere else.
 */
#ifndef CORE_COMPAT_H
#define CORE_COMPAT_H

#include <linux/version.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>

/* hrtimer_setup() came in 6.13, hrtimer_init() went later */
static inline void
compat_hrtimer_setup(struct hrtimer *timer,
		     enum hrtimer_restart (*function)(struct hrtimer *),
		     clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/* The count to add became always 1 in 6.8 */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/*
 * compat_follow_pte() - copy the page-table entry of a VM_IO or VM_PFNMAP page
 *
 * mmap_lock held. follow_pte() takes the VMA since 6.10; follow_pfnmap_start()
 * replaces it for modules in 6.12 and gives only what is needed to rebuild the
 * entry. 0 or -EINVAL.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline int compat_follow_pte(struct vm_area_struct *vma,
				    unsigned long addr, pte_t *pte)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pte = pfn_pte(args.pfn, args.pgprot);
	*pte = args.writable ? pte_mkwrite_novma(*pte) : pte_wrprotect(*pte);
	follow_pfnmap_end(&args);
	return 0;
}
#else
static inline int compat_follow_pte(struct vm_area_struct *vma,
				    unsigned long addr, pte_t *pte)
{
	spinlock_t *ptl;
	pte_t *ptep;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	int r = follow_pte(vma, addr, &ptep, &ptl);
#else
	int r = follow_pte(vma->vm_mm, addr, &ptep, &ptl);
#endif

	if (r)
		return r;
	*pte = *ptep;
	pte_unmap_unlock(ptep, ptl);
	return 0;
}
#endif

/* get_user_pages() stopped to honour NUMA hinting by itself in 6.6 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define COMPAT_FOLL_NUMA	FOLL_HONOR_NUMA_FAULT
#else
#define COMPAT_FOLL_NUMA	0
#endif

#endif
