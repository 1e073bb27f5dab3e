// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reverse maps: from a guest page to the leaf entries that map it, and from a
 * shadow page to the links that point to it.
 *
 *   rmap.val   0                     none
 *              pointer to an entry   one: nearly all have no more
 *              desc | 1 --> desc --> desc     the first may have room,
 *                                             those behind it are full
 *
 * An entry is added to the first descriptor, or to a new one before it; one that
 * goes is replaced by the last of the first descriptor. So both ends of an
 * entry's life cost the same however long the list is, but for the search.
 */
#include <linux/slab.h>
#include "shadow/shadow.h"

#define RMAP_LIST	1ul

static inline struct rmap_desc *rmap_list(const struct rmap *head)
{
	return (struct rmap_desc *)(head->val & ~RMAP_LIST);
}

static void add_many(struct shadow_cache *cache, struct rmap *head, u64 *ep)
{
	struct rmap_desc *desc = head->val & RMAP_LIST ? rmap_list(head) : NULL;

	if (!desc || desc->n == RMAP_DESC_N) {
		struct rmap_desc *first;

		first = cache->desc[--cache->nr_descs];
		first->next = desc;
		first->n = 0;
		first->total = desc ? desc->total : 1;
		if (!desc)
			first->ep[first->n++] = (u64 *)head->val;
		desc = first;
		head->val = (unsigned long)desc | RMAP_LIST;
	}
	desc->ep[desc->n++] = ep;
	desc->total++;
}

void rmap_add(struct shadow_cache *cache, struct rmap *head, u64 *ep)
{
	if (likely(!head->val))
		head->val = (unsigned long)ep;
	else
		add_many(cache, head, ep);
}

/* A descriptor that is empty; whoever changes an entry soon needs one again */
static void desc_free(struct shadow_cache *cache, struct rmap_desc *desc)
{
	if (cache && cache->nr_descs < SH_CACHE_DESCS)
		cache->desc[cache->nr_descs++] = desc;
	else
		kfree(desc);
}

static void del_many(struct shadow_cache *cache, struct rmap *head, u64 *ep)
{
	struct rmap_desc *first = rmap_list(head), *desc;
	unsigned long i;

	for (desc = first; desc; desc = desc->next)
		for (i = 0; i < desc->n; i++)
			if (desc->ep[i] == ep)
				goto found;
	WARN_ONCE(1, "shadow entry that its reverse map does not have");
	return;

found:
	desc->ep[i] = first->ep[--first->n];
	first->total--;
	if (first->n > 1 || (first->n && first->next))
		return;
	if (first->n) {
		head->val = (unsigned long)first->ep[0];
	} else {
		first->next->total = first->total;
		head->val = (unsigned long)first->next | RMAP_LIST;
	}
	desc_free(cache, first);
}

void rmap_del(struct shadow_cache *cache, struct rmap *head, u64 *ep)
{
	if (likely(head->val == (unsigned long)ep))
		head->val = 0;
	else if (!WARN_ON_ONCE(!(head->val & RMAP_LIST)))
		del_many(cache, head, ep);
}

u64 *rmap_first(const struct rmap *head)
{
	if (!(head->val & RMAP_LIST))
		return (u64 *)head->val;
	return rmap_list(head)->ep[rmap_list(head)->n - 1];
}

unsigned int rmap_len(const struct rmap *head)
{
	if (!(head->val & RMAP_LIST))
		return !!head->val;
	return rmap_list(head)->total;
}

bool rmap_for_each(struct vm *vm, const struct rmap *head,
		   bool (*fn)(struct vm *vm, u64 *ep))
{
	struct rmap_desc *desc;
	bool any = false;
	unsigned long i;

	if (!head->val)
		return false;
	if (!(head->val & RMAP_LIST))
		return fn(vm, (u64 *)head->val);
	for (desc = rmap_list(head); desc; desc = desc->next)
		for (i = 0; i < desc->n; i++)
			any |= fn(vm, desc->ep[i]);
	return any;
}

static bool is_it(const struct rmap *head, u64 *ep, void *wanted)
{
	return ep == wanted;
}

bool rmap_any(const struct rmap *head,
	      bool (*fn)(const struct rmap *head, u64 *ep, void *data),
	      void *data)
{
	struct rmap_desc *desc;
	unsigned long i;

	if (!(head->val & RMAP_LIST))
		return head->val && fn(head, (u64 *)head->val, data);
	for (desc = rmap_list(head); desc; desc = desc->next)
		for (i = 0; i < desc->n; i++)
			if (fn(head, desc->ep[i], data))
				return true;
	return false;
}

bool rmap_has(const struct rmap *head, u64 *ep)
{
	return rmap_any(head, is_it, ep);
}

static bool protect(struct vm *vm, u64 *ep)
{
	return shadow_entry_protect(ep);
}

bool rmap_protect_list(struct vm *vm, const struct rmap *head)
{
	return rmap_for_each(vm, head, protect);
}

/*
 * A large entry loses W for all that it maps: whoever wants to write to the rest
 * faults, and gets small pages there if it must be.
 */
static bool protect_in(struct vm *vm, struct rmap_block *b, gfn_t gfn)
{
	if (!b)
		return false;
	return rmap_protect_list(vm, rmap_of(b, gfn, PG_4K)) |
	       rmap_protect_list(vm, rmap_of(b, gfn, PG_2M));
}

bool rmap_protect_table(struct vm *vm, gfn_t gfn)
{
	return protect_in(vm, rmap_block(vm, gfn), gfn) |
	       protect_in(vm, rmap_other_space(vm, gfn), gfn);
}

bool rmap_protect(struct vm *vm, gfn_t gfn)
{
	return protect_in(vm, rmap_block(vm, gfn), gfn);
}

/* ---- blocks ------------------------------------------------------------------ */

/* [m] held */
struct rmap_block *rmap_block_find(struct vm *vm, gfn_t gfn)
{
	unsigned long i = gfn >> RMAP_BLOCK_SHIFT;
	struct rmap_block *b = rmap_block_rcu(vm, gfn);

	if (b)
		shadow_vm(vm)->near[i % SH_NEAR] = (struct near_block) { i, b };
	return b;
}

/* [m] held, and memory for the store reserved. False: another vCPU was faster. */
static bool block_store(struct vm *vm, gfn_t gfn, struct rmap_block *b)
{
	struct shadow_vm *sv = shadow_vm(vm);
	unsigned long i = gfn >> RMAP_BLOCK_SHIFT;
	struct rmap_block *other;

	if (xa_load(&sv->blocks, i))
		return false;
	if (gfn & RMAP_SPACE)
		WRITE_ONCE(sv->two_spaces, true);
	other = rmap_other_space(vm, gfn);
	if (other) {
		memcpy(b->tables, other->tables, sizeof(b->tables));
		b->nr_tables = other->nr_tables;
	}
	return !xa_err(xa_store(&sv->blocks, i, b, GFP_ATOMIC));
}

/* What is stored goes when it is empty (rmap_blocks_trim()). */
int rmap_block_make(struct vm *vm, gfn_t gfn)
{
	struct xarray *blocks = &shadow_vm(vm)->blocks;
	unsigned long i = gfn >> RMAP_BLOCK_SHIFT;
	struct rmap_block *b;
	bool stored;
	int r;

	if (likely(xa_load(blocks, i)))
		return 0;
	b = kvzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return -ENOMEM;
	r = xa_reserve(blocks, i, GFP_KERNEL_ACCOUNT);
	if (!r) {
		write_lock(&vm->mmu.lock);
		stored = block_store(vm, gfn, b);
		write_unlock(&vm->mmu.lock);
		if (stored)
			return 0;
	}
	kvfree(b);
	return r;
}

static bool block_empty(const struct rmap_block *b)
{
	unsigned int i;

	if (b->nr_tables || !rmap_empty(&b->large))
		return false;
	for (i = 0; i < SH_ENTRIES; i++)
		if (!rmap_empty(&b->head[i]))
			return false;
	return true;
}

void rmap_blocks_trim(struct vm *vm, gfn_t first, gfn_t last)
{
	struct xarray *blocks = &shadow_vm(vm)->blocks;
	struct rmap_block *b;
	unsigned long i;

	xa_for_each_range(blocks, i, b, first >> RMAP_BLOCK_SHIFT,
			  last >> RMAP_BLOCK_SHIFT) {
		if (!block_empty(b))
			continue;
		xa_erase(blocks, i);
		if (shadow_vm(vm)->near[i % SH_NEAR].b == b)
			shadow_vm(vm)->near[i % SH_NEAR].b = NULL;
		kvfree_rcu(b, rcu);
	}
}

void rmap_blocks_destroy(struct vm *vm)
{
	struct xarray *blocks = &shadow_vm(vm)->blocks;
	struct rmap_block *b;
	unsigned long i;

	xa_for_each(blocks, i, b) {
		WARN_ON_ONCE(!block_empty(b));
		kvfree(b);
		cond_resched();
	}
	xa_destroy(blocks);
}

static void count_in(struct rmap_block *b, gfn_t gfn, int n)
{
	b->tables[gfn & (SH_ENTRIES - 1)] += n;
	b->nr_tables += n;
}

void rmap_count_table(struct vm *vm, gfn_t gfn, int n)
{
	struct rmap_block *b = rmap_block(vm, gfn);

	if (WARN_ON_ONCE(!b))
		return;
	count_in(b, gfn, n);
	b = rmap_other_space(vm, gfn);
	if (b)
		count_in(b, gfn, n);
}
