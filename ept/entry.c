// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries themselves: the only stores to them, and the life of tables.
 * Invariants: ept.h.
 */
#include <linux/mm.h>
#include <linux/io.h>
#include <linux/rcupdate.h>
#include "ept/ept.h"

/* A table entry allows everything; the leaf decides (SDM 3C table 29-2) */
#define EPT_TABLE_BITS	EPT_RWX

/* ---- table pages ----------------------------------------------------------- */

static struct page *table_alloc(void)
{
	return alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

static void table_account(struct vm *vm, struct page *page, int n)
{
	atomic_long_add(n, &ept_vm(vm)->tables);
	mmu_table_account(page, n);
}

int ept_cache_fill(struct vcpu *vcpu)
{
	struct ept_vcpu *ev = ept_vcpu(vcpu);
	struct page *page;

	while (ev->nr_cache < EPT_CACHE_MIN) {
		page = table_alloc();
		if (!page)
			return -ENOMEM;
		ev->cache[ev->nr_cache++] = page;
	}
	return 0;
}

void ept_cache_drain(struct vcpu *vcpu)
{
	struct ept_vcpu *ev = ept_vcpu(vcpu);

	while (ev->nr_cache)
		__free_page(ev->cache[--ev->nr_cache]);
}

u64 *ept_root_alloc(struct vm *vm)
{
	struct page *page = table_alloc();

	if (!page)
		return NULL;
	table_account(vm, page, 1);
	return page_address(page);
}

static void table_free_rcu(struct rcu_head *head)
{
	__free_page(container_of(head, struct page, rcu_head));
}

void ept_free_dead(struct vm *vm, struct ept_dead *dead)
{
	struct page *page, *next;

	for (page = dead->list; page; page = next) {
		next = (struct page *)page_private(page);
		set_page_private(page, 0);
		table_account(vm, page, -1);
		call_rcu(&page->rcu_head, table_free_rcu);
	}
	dead->list = NULL;
	dead->nr = 0;
}

/* ---- finding entries --------------------------------------------------------- */

u64 *ept_walk(struct vm *vm, gfn_t gfn, unsigned int min_level,
	      unsigned int *level)
{
	unsigned int l = ept_hw.fmt->levels;
	u64 *ep = ept_root_entry(vm, gfn);
	u64 e;

	for (; l > min_level; l--) {
		e = READ_ONCE(*ep);
		if (!ept_is_table(e))
			break;
		ep = ept_table(e) + ept_index(gfn, l - 1);
	}
	*level = l;
	return ep;
}

/*
 * The table that maps exactly what the large page @e maps, one level further
 * down, entry by entry with the same permissions and the same software bits.
 */
static void split_fill(u64 *table, u64 e, unsigned int level)
{
	u64 step = pg_pages(level - 1) << PAGE_SHIFT;
	unsigned int i;

	if (level - 1 == PG_4K)
		e &= ~EPT_PS;
	/* a large page that could not be executed can be, in small pieces */
	if (ept_hw.no_exec_large && level - 1 == PG_4K && e & EPT_R)
		e |= EPT_X;
	for (i = 0; i < 512; i++)
		table[i] = e + i * step;
}

static bool link_table(struct vcpu *vcpu, u64 *ep, u64 old, unsigned int level)
{
	struct ept_vcpu *ev = ept_vcpu(vcpu);
	struct ept_vm *et = ept_vm(vcpu->vm);
	struct page *page;
	u64 *table;

	if (!ev->nr_cache)
		return false;
	page = ev->cache[ev->nr_cache - 1];
	table = page_address(page);
	if (ept_mapped(old))
		split_fill(table, old, level);
	/* the table's content is ordered before the link by cmpxchg() */
	if (cmpxchg(ep, old, page_to_phys(page) | EPT_TABLE_BITS |
		    (ept_hw.ad ? EPT_A : 0)) == old) {
		ev->nr_cache--;
		table_account(vcpu->vm, page, 1);
		if (ept_mapped(old)) {
			atomic_long_dec(&et->leaves[level]);
			atomic_long_add(512, &et->leaves[level - 1]);
		}
		return true;
	}
	if (ept_mapped(old))
		clear_page(table);
	return true;	/* the caller looks again */
}

u64 *ept_reach(struct vcpu *vcpu, gfn_t gfn, unsigned int level, bool may_split)
{
	unsigned int l = ept_hw.fmt->levels;
	u64 *ep = ept_root_entry(vcpu->vm, gfn);
	bool split = false;
	u64 e;

	while (l > level) {
		e = READ_ONCE(*ep);
		if (unlikely(!ept_is_table(e))) {
			split |= ept_mapped(e);
			if (split && !may_split)
				return NULL;
			if (!link_table(vcpu, ep, e, l))
				return NULL;
			continue;
		}
		l--;
		ep = ept_table(e) + ept_index(gfn, l);
	}
	/*
	 * The small entries say what the large one said, so no CPU is wrong
	 * with either. But one address must not be in a TLB in two sizes when
	 * the small one changes next.
	 */
	if (split)
		mmu_flush_all(vcpu->vm);
	return ep;
}

/* ---- stores ---------------------------------------------------------------- */

bool ept_change(u64 *ep, u64 old, u64 new)
{
	return cmpxchg(ep, old, new) == old;
}

bool ept_make(struct vm *vm, u64 *ep, unsigned int level, u64 old, u64 new)
{
	if (cmpxchg(ep, old, new) != old)
		return false;
	if (ept_mapped(new) && !ept_mapped(old))
		atomic_long_inc(&ept_vm(vm)->leaves[level]);
	return true;
}

unsigned int ept_make_many(struct vm *vm, u64 *ep, const u64 *val,
			   unsigned int n)
{
	unsigned int i, made = 0;

	for (i = 0; i < n; i++) {
		if (val[i] && !READ_ONCE(ep[i]) && !cmpxchg(&ep[i], 0, val[i]))
			made++;
	}
	if (made)
		atomic_long_add(made, &ept_vm(vm)->leaves[PG_4K]);
	return made;
}

/* The table page itself and all below it; its parent's entry is gone already */
static void table_unlink(struct vm *vm, u64 *table, unsigned int level,
			 struct ept_dead *dead)
{
	struct page *page = virt_to_page(table);
	long leaves = 0;
	unsigned int i;

	for (i = 0; i < 512; i++) {
		u64 e = READ_ONCE(table[i]);

		if (!ept_mapped(e))
			continue;
		if (!ept_leaf(e, level))
			table_unlink(vm, ept_table(e), level - 1, dead);
		else
			leaves++;
	}
	if (leaves)
		atomic_long_sub(leaves, &ept_vm(vm)->leaves[level]);
	set_page_private(page, (unsigned long)dead->list);
	dead->list = page;
	dead->nr++;
}

void ept_zap(struct vm *vm, u64 *ep, unsigned int level, struct ept_dead *dead)
{
	u64 e = xchg(ep, 0);

	if (!ept_mapped(e))
		return;
	if (ept_leaf(e, level))
		atomic_long_dec(&ept_vm(vm)->leaves[level]);
	else
		table_unlink(vm, ept_table(e), level - 1, dead);
}

void ept_root_free(struct vm *vm, u64 *root)
{
	struct ept_dead dead = {};

	table_unlink(vm, root, ept_hw.fmt->levels, &dead);
	ept_free_dead(vm, &dead);
}
