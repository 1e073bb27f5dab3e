// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries themselves: the only stores to them (M6), with the lists that
 * go along with each store (P2, P3). Invariants: shadow.h.
 */
#include <linux/mm.h>
#include "shadow/shadow.h"

/* A 32-bit guest's 4M page, of which an entry maps one half (SDM 3A table 4-4) */
static gfn_t gfn_4m(u64 gpte, unsigned int i)
{
	u64 base = (gpte & GENMASK_ULL(31, 22)) |
		   (gpte & GENMASK_ULL(20, 13)) << (32 - 13);

	return (base >> PAGE_SHIFT) + (i & 1) * SH_ENTRIES;
}

/* The same for an entry that would be made of @gpte */
static __always_inline gfn_t gpte_gfn(const struct shadow_page *sp,
				      unsigned int i, u64 gpte)
{
	unsigned int level = sp->role.level;

	if (likely(level == 1 && sp->role.format >= SHF_PAE))
		return sh_space(sp) | (gpte & SH_ADDR) >> PAGE_SHIFT;
	if (sh_direct(sp))
		return sp->gfn + i * pg_pages(level);
	if (sp->role.format == SHF_32) {
		if (level > 1)
			return sh_space(sp) | gfn_4m(gpte, i);
		return sh_space(sp) | (u32)gpte >> PAGE_SHIFT;
	}
	return sh_space(sp) |
	       (((gpte & SH_ADDR) >> PAGE_SHIFT) & ~(pg_pages(level) - 1));
}

gfn_t shadow_entry_gfn(const struct shadow_page *sp, unsigned int i)
{
	return gpte_gfn(sp, i, sh_direct(sp) ? 0 : sp->gpte[i]);
}

void shadow_entry_fill(u64 *table)
{
	memset64(table, shadow_hw.trap, SH_ENTRIES);
}

/* An entry that is not present is about to be something else */
static void leave_absent(struct shadow_page *sp, u64 old)
{
	if (shadow_hw.trap && !old)
		sp->nr_np--;
}

/* A present leaf of @gfn ends: off the list. @b is perhaps the block of its page. */
static __always_inline void leaf_ends(struct vm *vm, struct shadow_cache *cache,
				      unsigned int level, u64 *ep, gfn_t gfn,
				      struct rmap_block *b, gfn_t b_gfn)
{
	if (!b || (gfn ^ b_gfn) >= SH_ENTRIES)
		b = rmap_block(vm, gfn);
	rmap_del(cache, rmap_of(b, gfn, level), ep);
}

/*
 * The list is about to grow. One that is long ends: whatever was on it is made
 * again when it is used. The oldest entry is found last, and a drop must not take
 * long.
 */
static __always_inline void rmap_bound(struct vm *vm, const struct rmap *head)
{
	if (likely(rmap_len(head) < SH_RMAP_MAX))
		return;
	shadow_entry_drop_list(vm, head);
	shadow_note_stale(vm);
}

void shadow_entry_make(struct vm *vm, struct shadow_cache *cache,
		       struct rmap_block *b, u64 *ep, u64 gpte, u64 e)
{
	struct shadow_page *sp = sh_page_of(ep);
	unsigned int i = sh_index_of(ep), level = sp->role.level;
	gfn_t gfn = gpte_gfn(sp, i, gpte), was;
	u64 old = READ_ONCE(*ep);

	if (sh_present(old)) {
		was = shadow_entry_gfn(sp, i);
		if (was == gfn) {
			if (sp->gpte)
				sp->gpte[i] = gpte;
			WRITE_ONCE(*ep, e);
			return;
		}
		rmap_bound(vm, rmap_of(b, gfn, level));
		leaf_ends(vm, cache, level, ep, was, b,
			  gfn & ~(gfn_t)(SH_ENTRIES - 1));
		if (level > PG_4K)
			shadow_vm(vm)->link_gen++;
	} else {
		rmap_bound(vm, rmap_of(b, gfn, level));
		leave_absent(sp, old);
		sp->nr_present++;
		shadow_vm(vm)->leaves[level]++;
	}
	if (sp->gpte)
		sp->gpte[i] = gpte;
	WRITE_ONCE(*ep, e);
	sp->writes = 0;
	rmap_add(cache, rmap_of(b, gfn, level), ep);
}

void shadow_entry_link(struct vm *vm, struct shadow_cache *cache, u64 *ep,
		       u64 gpte, struct shadow_page *child, u64 bits)
{
	struct shadow_page *sp = sh_page_of(ep);

	rmap_bound(vm, &child->parents);
	leave_absent(sp, READ_ONCE(*ep));
	if (sp->gpte)
		sp->gpte[sh_index_of(ep)] = gpte;
	/* the CPU would set A in it with a locked cycle */
	WRITE_ONCE(*ep, __pa(child->table) | bits | SH_P | SH_A);
	sp->nr_present++;
	sp->writes = 0;
	rmap_add(cache, &child->parents, ep);
}

bool shadow_entry_drop(struct vm *vm, u64 *ep)
{
	struct shadow_page *sp = sh_page_of(ep);
	unsigned int level = sp->role.level;
	u64 old = READ_ONCE(*ep);

	if (!sh_present(old)) {
		leave_absent(sp, old);
		WRITE_ONCE(*ep, shadow_hw.trap);
		return false;
	}
	WRITE_ONCE(*ep, shadow_hw.trap);
	sp->nr_present--;
	if (sh_leaf(old, level)) {
		leaf_ends(vm, NULL, level, ep,
			  shadow_entry_gfn(sp, sh_index_of(ep)), NULL, 0);
		shadow_vm(vm)->leaves[level]--;
	} else {
		rmap_del(NULL, &sh_child(old)->parents, ep);
	}
	/* INVLPG of one address ends all that came through it (fast.c) */
	if (level > PG_4K)
		shadow_vm(vm)->link_gen++;
	return true;
}

bool shadow_entry_drop_list(struct vm *vm, const struct rmap *head)
{
	bool any = !rmap_empty(head);
	u64 *ep;

	while ((ep = rmap_first(head)))
		shadow_entry_drop(vm, ep);
	return any;
}

void shadow_entry_set_np(struct shadow_page *sp, unsigned int i)
{
	if (!shadow_hw.trap || !sp->table[i])
		return;
	WRITE_ONCE(sp->table[i], 0);
	sp->nr_np++;
}

void shadow_entry_np_to_trap(struct shadow_page *sp)
{
	unsigned int i;

	for (i = 0; sp->nr_np && i < SH_ENTRIES; i++) {
		if (sp->table[i])
			continue;
		WRITE_ONCE(sp->table[i], shadow_hw.trap);
		sp->nr_np--;
	}
}

bool shadow_entry_protect(u64 *ep)
{
	/* the CPU may be setting A */
	return test_and_clear_bit(1, (unsigned long *)ep);
}

bool shadow_entry_young(u64 *ep, bool clear)
{
	if (!(READ_ONCE(*ep) & SH_A))
		return false;
	if (clear)
		clear_bit(5, (unsigned long *)ep);
	return true;
}
