/* SPDX-License-Identifier: GPL-2.0-only */
/* Reverse maps: which entries map a guest page, and is it a table (P2, P4) */
#ifndef SHADOW_RMAP_H
#define SHADOW_RMAP_H

#include "types.h"

#define RMAP_BLOCK_SHIFT	9

struct rmap_block *rmap_block_find(struct vm *vm, gfn_t gfn);

/* The block @gfn is in, or NULL where none was made; [m] held */
static inline struct rmap_block *rmap_block(struct vm *vm, gfn_t gfn)
{
	unsigned long i = gfn >> RMAP_BLOCK_SHIFT;
	struct near_block *near = &shadow_vm(vm)->near[i % SH_NEAR];

	if (likely(near->b && near->index == i))
		return near->b;
	return rmap_block_find(vm, gfn);
}

/* The same without [m], under RCU */
static inline struct rmap_block *rmap_block_rcu(struct vm *vm, gfn_t gfn)
{
	return xa_load(&shadow_vm(vm)->blocks, gfn >> RMAP_BLOCK_SHIFT);
}

#define RMAP_SPACE	((gfn_t)(MMU_SPACE_SMM >> PAGE_SHIFT))

/*
 * The block of the same address in the other space, or NULL; [m] held. A table
 * counts in both (P4).
 */
static inline struct rmap_block *rmap_other_space(struct vm *vm, gfn_t gfn)
{
	if (likely(!shadow_vm(vm)->two_spaces))
		return NULL;
	return rmap_block_rcu(vm, gfn ^ RMAP_SPACE);
}

/* Where leaves of @level (PG_4K, PG_2M) for the page are listed */
static inline struct rmap *rmap_of(struct rmap_block *b, gfn_t gfn,
				   unsigned int level)
{
	return level == PG_4K ? &b->head[gfn & (SH_ENTRIES - 1)] : &b->large;
}

/**
 * rmap_block_make() - have a block for the page
 * @vm: the VM; no lock held, may sleep; [m] is taken here
 * @gfn: a page that a slot has
 *
 * Return: 0 or -ENOMEM. A block can go again until [m] is taken (slot removed):
 * look with rmap_block() under [m].
 */
int rmap_block_make(struct vm *vm, gfn_t gfn);
void rmap_blocks_destroy(struct vm *vm);	/* VM teardown; all empty */
/* Free the empty ones of these pages; [m] held */
void rmap_blocks_trim(struct vm *vm, gfn_t first, gfn_t last);

/* @cache has a descriptor, or the list is not full; see RMAP_DESC_N */
void rmap_add(struct shadow_cache *cache, struct rmap *head, u64 *ep);
/* An empty descriptor goes to @cache where there is one */
void rmap_del(struct shadow_cache *cache, struct rmap *head, u64 *ep);

static inline bool rmap_empty(const struct rmap *head)
{
	return !head->val;
}

/* Any entry of a list, for "while not empty: drop it"; NULL if empty */
u64 *rmap_first(const struct rmap *head);
/* Number of entries */
unsigned int rmap_len(const struct rmap *head);

/* Call @fn for each; it must not change the list. Returns the OR of its answers. */
bool rmap_for_each(struct vm *vm, const struct rmap *head,
		   bool (*fn)(struct vm *vm, u64 *ep));

/* Ask @fn for one after the other until it says yes; has it? */
bool rmap_any(const struct rmap *head,
	      bool (*fn)(const struct rmap *head, u64 *ep, void *data),
	      void *data);
bool rmap_has(const struct rmap *head, u64 *ep);

/* Take W from all of a list. True if one had it; the flush is the caller's. */
bool rmap_protect_list(struct vm *vm, const struct rmap *head);

/**
 * rmap_protect() - no writable entry maps the page, small or large
 * @vm: the VM; [m] held
 * @gfn: the page
 *
 * Return: true if one did; the flush is the caller's.
 */
bool rmap_protect(struct vm *vm, gfn_t gfn);
bool rmap_protect_table(struct vm *vm, gfn_t gfn);	/* in both spaces */

/* A page of @gfn became a synchronised table (@n = 1), or is none (@n = -1) */
void rmap_count_table(struct vm *vm, gfn_t gfn, int n);

/* Is the page a synchronised table? Then no writable leaf may map it (P4). */
static inline bool rmap_is_table(struct vm *vm, gfn_t gfn)
{
	struct rmap_block *b = rmap_block(vm, gfn);

	return b && b->tables[gfn & (SH_ENTRIES - 1)];
}

/* The same without [m], under RCU */
static inline bool rmap_is_table_rcu(struct vm *vm, gfn_t gfn)
{
	struct rmap_block *b = rmap_block_rcu(vm, gfn);

	/* one that is made later begins with what counts in the other space */
	if (!b && (gfn & RMAP_SPACE || READ_ONCE(shadow_vm(vm)->two_spaces)))
		b = rmap_block_rcu(vm, gfn ^ RMAP_SPACE);
	return b && READ_ONCE(b->tables[gfn & (SH_ENTRIES - 1)]);
}

#endif
