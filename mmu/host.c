// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page to host page through the owner's own page tables.
 *
 * The quick way reads the tables with interrupts off, as get_user_pages_fast()
 * does: a table page cannot be freed before this CPU has answered the TLB
 * flush for it, or before a grace period that interrupts-off holds up. The
 * caller must therefore run on the owner's mm. Whatever is unusual (special
 * mappings, entries without A or D, protection keys, pages not there) is left
 * to get_user_pages() and fixup_user_fault(). See host.h for why no reference
 * to the page is kept.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include "core/compat.h"
#include "core/apf.h"
#include "mmu/host.h"

unsigned int mmu_fault_around = 16;	/* [a] */

static int around_set(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int r = kstrtouint(val, 0, &n);

	if (r)
		return r;
	if (!n || n > HOST_AROUND_MAX || n & (n - 1))
		return -EINVAL;
	WRITE_ONCE(mmu_fault_around, n);
	return 0;
}

static const struct kernel_param_ops around_ops = {
	.set = around_set,
	.get = param_get_uint,
};

module_param_cb(fault_around, &around_ops, &mmu_fault_around, 0644);
MODULE_PARM_DESC(fault_around, "4K pages mapped by one fault where the host has them: 1 to 32, a power of 2 (16)");

#define PTE_UNCACHED_4K	(_PAGE_PCD | _PAGE_PWT | _PAGE_PAT)
#define PTE_UNCACHED_2M	(_PAGE_PCD | _PAGE_PWT | _PAGE_PAT_LARGE)

/*
 * May the entry be used as it stands? For writing the host must count on the
 * page to be dirty already (H2). The page's own mark is looked at where the
 * entry has none, as after the split of a large page.
 */
static bool leaf_ok(u64 flags, kvm_pfn_t pfn, bool write)
{
	const u64 need = _PAGE_PRESENT | _PAGE_USER | (write ? _PAGE_RW : 0);

	if ((flags & need) != need)
		return false;
	return !write || flags & _PAGE_DIRTY ||
	       (pfn_valid(pfn) && PageDirty(pfn_to_page(pfn)));
}

/*
 * A page-protection key is the user's own affair, but KVM_RUN should not get
 * past what the thread cannot: let get_user_pages() decide.
 */
static bool leaf_pkey(u64 flags)
{
	return cpu_feature_enabled(X86_FEATURE_OSPKE) &&
	       flags & _PAGE_PKEY_MASK;
}

static bool take_large(u64 entry, u64 flags, kvm_pfn_t pfn, hva_t hva,
		       unsigned int level, struct host_page *p)
{
	if (flags & _PAGE_DEVMAP || leaf_pkey(entry) ||
	    !leaf_ok(flags, pfn, p->write))
		return false;
	p->pfn = pfn + ((hva >> PAGE_SHIFT) & (pg_pages(level) - 1));
	p->level = level;
	p->writable = p->write || leaf_ok(flags, pfn, true);
	p->uncached = flags & PTE_UNCACHED_2M;
	return true;
}

/* Of an entry of ordinary memory that the guest may write to */
#define NEIGHBOUR_SET	(_PAGE_PRESENT | _PAGE_USER | _PAGE_RW | _PAGE_DIRTY)
#define NEIGHBOUR_CLEAR	(_PAGE_SPECIAL | _PAGE_DEVMAP | _PAGE_PKEY_MASK | \
			 PTE_UNCACHED_4K)

static u64 neighbour(pte_t pte)
{
	u64 flags = pte_flags(pte);
	kvm_pfn_t pfn = pte_pfn(pte);

	if (flags & (_PAGE_SPECIAL | _PAGE_DEVMAP | PTE_UNCACHED_4K) ||
	    leaf_pkey(flags) || !leaf_ok(flags, pfn, false))
		return 0;
	return (u64)pfn << PAGE_SHIFT | HOST_PAGE_VALID |
	       (leaf_ok(flags, pfn, true) ? HOST_PAGE_WRITE : 0);
}

/*
 * Report the neighbours in the aligned window of @p->window guest pages, cut
 * down to the slot and to the host's page table, which @ptep points into.
 */
static void look_around(pte_t *ptep, const struct memslot *slot, gfn_t gfn,
			hva_t hva, struct host_page *p)
{
	gfn_t first = gfn & ~(gfn_t)(p->window - 1);
	gfn_t end = min_t(gfn_t, first + p->window, slot->base + slot->npages);
	unsigned long i = (hva >> PAGE_SHIFT) & (PTRS_PER_PTE - 1);
	const u64 addr = PTE_PFN_MASK;
	unsigned int n;

	first = max3(first, slot->base, gfn >= i ? gfn - i : 0);
	end = min_t(gfn_t, end, gfn + (PTRS_PER_PTE - i));
	ptep -= gfn - first;
	for (n = 0; n < end - first; n++) {
		pte_t pte = READ_ONCE(ptep[n]);

		/* nearly all look like this: the loop is the price of a fault */
		if (likely((pte_val(pte) & (NEIGHBOUR_SET | NEIGHBOUR_CLEAR)) ==
			   NEIGHBOUR_SET))
			p->around[n] = (pte_val(pte) & addr) |
				       HOST_PAGE_VALID | HOST_PAGE_WRITE;
		else
			p->around[n] = neighbour(pte);
	}
	p->first = first;
	p->nr = n;
}

static bool walk(struct mm_struct *mm, hva_t hva, const struct memslot *slot,
		 gfn_t gfn, struct host_page *p)
{
	u64 flags;
	pgd_t *pgdp;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t *ptep, pte;

	pgdp = pgd_offset(mm, hva);
	if (!pgd_present(READ_ONCE(*pgdp)))
		return false;
	p4dp = p4d_offset(pgdp, hva);
	p4d = READ_ONCE(*p4dp);
	if (!p4d_present(p4d))
		return false;
	pudp = pud_offset(&p4d, hva);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		return false;
	if (pud_leaf(pud))
		return take_large(pud_val(pud), pud_flags(pud), pud_pfn(pud),
				  hva, PG_1G, p);
	pmdp = pmd_offset(&pud, hva);
	pmd = READ_ONCE(*pmdp);
	if (!pmd_present(pmd))
		return false;
	if (pmd_leaf(pmd))
		return take_large(pmd_val(pmd), pmd_flags(pmd), pmd_pfn(pmd),
				  hva, PG_2M, p);
	ptep = pte_offset_kernel(&pmd, hva);
	pte = READ_ONCE(*ptep);
	flags = pte_flags(pte);
	if ((flags & (_PAGE_SPECIAL | _PAGE_DEVMAP) && !p->special) ||
	    leaf_pkey(flags) || !leaf_ok(flags, pte_pfn(pte), p->write))
		return false;
	p->pfn = pte_pfn(pte);
	p->level = PG_4K;
	p->writable = p->write || leaf_ok(flags, pte_pfn(pte), true);
	/* what is written back to nowhere need not be dirty */
	if (unlikely(flags & _PAGE_SPECIAL))
		p->writable = flags & _PAGE_RW;
	p->uncached = flags & PTE_UNCACHED_4K;
	if (slot && p->window > 1 && !p->uncached)
		look_around(ptep, slot, gfn, hva, p);
	return true;
}

static bool walk_irqoff(struct vm *vm, hva_t hva, const struct memslot *slot,
			gfn_t gfn, struct host_page *p)
{
	unsigned long flags;
	bool found;

	if (current->mm != vm->mm)
		return false;
	local_irq_save(flags);
	found = walk(vm->mm, hva, slot, gfn, p);
	local_irq_restore(flags);
	return found;
}

/* For an audit: as host_look(), special mappings (VM_PFNMAP) too; no window */
static bool peek(struct vm *vm, hva_t hva, struct host_page *p)
{
	p->nr = 0;
	p->special = true;
	return walk_irqoff(vm, hva, NULL, 0, p);
}

bool host_look(struct vm *vm, struct memslot *slot, gfn_t gfn,
	       struct host_page *p)
{
	p->nr = 0;
	p->special = false;
	return walk_irqoff(vm, memslot_hva(slot, gfn), slot, gfn, p);
}

/*
 * Memory that has no struct page to speak of (VM_IO, VM_PFNMAP): its page
 * table entry is all there is, and the notifier covers it like any other.
 */
static bool pfnmap_ok(pte_t pte, bool write)
{
	/* PROT_NONE counts as present for the kernel */
	return pte_flags(pte) & _PAGE_PRESENT && (!write || pte_write(pte));
}

static int lookup_pfnmap(struct vm *vm, hva_t hva, struct host_page *p)
{
	struct mm_struct *mm = vm->mm;
	struct vm_area_struct *vma;
	bool unlocked = false;
	pte_t pte;
	int r;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma_intersection(mm, hva, hva + 1);
	r = -EFAULT;
	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)) ||
	    !(vma->vm_flags & (p->write ? VM_WRITE : VM_READ)))
		goto out;
	r = compat_follow_pte(vma, hva, &pte);
	if (!r && !pfnmap_ok(pte, p->write))
		r = -EFAULT;
	if (r) {
		r = fixup_user_fault(mm, hva, p->write ? FAULT_FLAG_WRITE : 0,
				     &unlocked);
		if (r)
			goto out;
		if (unlocked) {
			r = -EAGAIN;
			goto out;
		}
		r = compat_follow_pte(vma, hva, &pte);
	}
	if (r || !pfnmap_ok(pte, p->write)) {
		r = -EFAULT;
		goto out;
	}
	p->pfn = pte_pfn(pte);
	p->level = PG_4K;
	p->writable = pte_write(pte);
	p->uncached = pte_flags(pte) & PTE_UNCACHED_4K;
out:
	mmap_read_unlock(mm);
	return r;
}

int host_lookup(struct vm *vm, struct memslot *slot, gfn_t gfn,
		struct host_page *p)
{
	hva_t hva = memslot_hva(slot, gfn);
	unsigned int flags;
	struct page *page;
	long n;

	p->nr = 0;
	p->special = false;
	if (likely(walk_irqoff(vm, hva, slot, gfn, p)))
		return 0;

	flags = FOLL_HWPOISON | COMPAT_FOLL_NUMA | COMPAT_FOLL_INTERRUPTIBLE |
		(p->write ? FOLL_WRITE : 0);
	n = 0;
	if (apf_wanted(p->vcpu)) {
		n = get_user_pages_unlocked(hva, 1, &page, flags | FOLL_NOWAIT);
		/* neither there nor an error: it would have to be waited for */
		if (!n && apf_start(p->vcpu, hva, p->write))
			return -EAGAIN;
	}
	if (n != 1)
		n = get_user_pages_unlocked(hva, 1, &page, flags);
	if (n == 1) {
		p->pfn = page_to_pfn(page);
		p->level = PG_4K;
		p->writable = p->write;
		p->uncached = false;
		/*
		 * get_user_pages() leaves A and D as it finds them. With the
		 * page itself marked, the guest's write is not forgotten even
		 * if the entry says clean (H2).
		 */
		if (p->write && !PageDirty(page))
			set_page_dirty_lock(page);
		put_page(page);
		/* now that it is there: its size, permission and neighbours */
		walk_irqoff(vm, hva, slot, gfn, p);
		return 0;
	}
	if (n == -EHWPOISON) {
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT,
				current);
		return -EHWPOISON;
	}
	if (n == -EFAULT)
		return lookup_pfnmap(vm, hva, p);
	if (n == -EINTR || n == -ERESTARTSYS || fatal_signal_pending(current))
		return -EINTR;
	return n == -ENOMEM ? -ENOMEM : -EFAULT;
}

unsigned int host_map_level(const struct memslot *slot, gfn_t gfn,
			    const struct host_page *p, unsigned int max)
{
	unsigned int level = min_t(unsigned int, p->level, max);
	gfn_t offset = (slot->hva >> PAGE_SHIFT) - slot->base;

	if (slot->dirty)
		return PG_4K;
	for (; level > PG_4K; level--) {
		gfn_t mask = pg_pages(level) - 1, first = gfn & ~mask;

		if (!(offset & mask) && first >= slot->base &&
		    first + mask < slot->base + slot->npages)
			break;
	}
	return level;
}

const char *host_audit(struct vm *vm, const struct memslot *slot, gfn_t gfn,
		       unsigned int level, kvm_pfn_t pfn, bool writable)
{
	struct host_page p = { .window = 1 };

	if (!peek(vm, memslot_hva(slot, gfn), &p))
		return "the host maps nothing (H1)";
	if (p.pfn != pfn)
		return "not the host's page (H1)";
	if (writable && !p.writable)
		return "the host's page is read-only (H2)";
	if (level > p.level)
		return "larger than the host's page (H3)";
	return NULL;
}
