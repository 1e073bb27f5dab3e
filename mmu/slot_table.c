// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sorted table of slots: chunks of at most SLOT_CHUNK slots, of which a
 * change copies those that it touches. See memslot.h for the structure, and
 * slot_table.h.
 */
#include <linux/slab.h>
#include "mmu/slot_table.h"

/* Index of the chunk @gfn belongs in; there is at least one */
static unsigned int chunk_of(const struct memslots *s, gfn_t gfn)
{
	unsigned int lo = 0, hi = s->nr_chunks, mid;

	while (hi - lo > 1) {
		mid = (lo + hi) / 2;
		if (s->dir[mid].first <= gfn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Position of the first slot in the chunk with a base above @gfn */
static unsigned int pos_in(const struct slot_chunk *c, gfn_t gfn)
{
	unsigned int i;

	for (i = 0; i < c->n && c->base[i] <= gfn; i++)
		;
	return i;
}

bool slot_table_overlaps(const struct memslots *s, gfn_t base,
			 unsigned long npages, const struct memslot *except)
{
	unsigned int i, j;

	if (!s->nr_chunks)
		return false;
	for (i = chunk_of(s, base); i < s->nr_chunks; i++) {
		const struct slot_chunk *c = s->dir[i].chunk;

		for (j = 0; j < c->n; j++) {
			const struct memslot *o = c->slot[j];

			if (o->base >= base + npages)
				return false;
			if (o != except && o->base + o->npages > base)
				return true;
		}
	}
	return false;
}

static struct slot_chunk *new_chunk(struct table_edit *e)
{
	struct slot_chunk *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (c)
		e->made[e->nr_made++] = c;
	return c;
}

static void chunk_fill(struct slot_chunk *to, const struct slot_chunk *from,
		       unsigned int first, unsigned int n)
{
	memcpy(to->base, from->base + first, n * sizeof(to->base[0]));
	memcpy(to->slot, from->slot + first, n * sizeof(to->slot[0]));
	to->n = n;
}

static void dir_set(struct memslots *s, unsigned int i, struct slot_chunk *c)
{
	s->dir[i].chunk = c;
	s->dir[i].first = c->base[0];
}

static void dir_insert(struct memslots *s, unsigned int i, struct slot_chunk *c)
{
	memmove(&s->dir[i + 1], &s->dir[i],
		(s->nr_chunks - i) * sizeof(s->dir[0]));
	s->nr_chunks++;
	dir_set(s, i, c);
}

/* Was the chunk made by this edit already? Then it may be changed in place. */
static bool made_here(struct table_edit *e, const struct slot_chunk *c)
{
	unsigned int i;

	for (i = 0; i < e->nr_made; i++)
		if (e->made[i] == c)
			return true;
	return false;
}

/* A private copy of chunk @i of the new table */
static struct slot_chunk *own_chunk(struct table_edit *e, unsigned int i)
{
	struct slot_chunk *old = e->table->dir[i].chunk, *c;

	if (made_here(e, old))
		return old;
	c = new_chunk(e);
	if (!c)
		return NULL;
	chunk_fill(c, old, 0, old->n);
	e->gone[e->nr_gone++] = old;
	e->table->dir[i].chunk = c;
	return c;
}

static int table_remove(struct table_edit *e, const struct memslot *slot)
{
	struct memslots *s = e->table;
	unsigned int i = chunk_of(s, slot->base), j;
	struct slot_chunk *c = own_chunk(e, i);

	if (!c)
		return -ENOMEM;
	j = pos_in(c, slot->base) - 1;
	c->n--;
	memmove(c->base + j, c->base + j + 1, (c->n - j) * sizeof(c->base[0]));
	memmove(c->slot + j, c->slot + j + 1, (c->n - j) * sizeof(c->slot[0]));
	s->nr--;
	if (c->n) {
		dir_set(s, i, c);
		return 0;
	}
	s->nr_chunks--;
	memmove(&s->dir[i], &s->dir[i + 1],
		(s->nr_chunks - i) * sizeof(s->dir[0]));
	/* c stays on the made list without being in use: see slot_table_commit() */
	return 0;
}

static int table_insert(struct table_edit *e, struct memslot *slot)
{
	struct memslots *s = e->table;
	struct slot_chunk *c, *tail;
	unsigned int i, j;

	if (!s->nr_chunks) {
		c = new_chunk(e);
		if (!c)
			return -ENOMEM;
		i = 0;
		j = 0;
		s->nr_chunks = 1;
	} else {
		i = chunk_of(s, slot->base);
		c = own_chunk(e, i);
		if (!c)
			return -ENOMEM;
		j = pos_in(c, slot->base);
	}
	if (c->n == SLOT_CHUNK) {
		/* slots that come in order fill their chunks: no split at the end */
		unsigned int keep = j == c->n ? c->n : c->n / 2;

		tail = new_chunk(e);
		if (!tail)
			return -ENOMEM;
		chunk_fill(tail, c, keep, c->n - keep);
		c->n = keep;
		if (j >= keep) {
			j -= keep;
			tail->base[0] = tail->n ? tail->base[0] : slot->base;
			dir_insert(s, i + 1, tail);
			i++;
			c = tail;
		} else {
			dir_insert(s, i + 1, tail);
		}
	}
	memmove(c->base + j + 1, c->base + j, (c->n - j) * sizeof(c->base[0]));
	memmove(c->slot + j + 1, c->slot + j, (c->n - j) * sizeof(c->slot[0]));
	c->base[j] = slot->base;
	c->slot[j] = slot;
	c->n++;
	s->nr++;
	dir_set(s, i, c);
	return 0;
}

static void edit_abort(struct table_edit *e)
{
	while (e->nr_made)
		kfree(e->made[--e->nr_made]);
	kvfree(e->table);
}

/* A table with room for this many chunks */
static size_t table_bytes(unsigned int chunks)
{
	return offsetof(struct memslots, dir) +
	       chunks * sizeof(((struct memslots *)0)->dir[0]);
}

int slot_table_edit(struct vm *vm, struct table_edit *e,
		    const struct memslot *old, struct memslot *new)
{
	struct memslots *cur = memslots_get(vm);
	int r = 0;

	memset(e, 0, sizeof(*e));
	e->table = kvmalloc(table_bytes(cur->nr_chunks + 2), GFP_KERNEL_ACCOUNT);
	if (!e->table)
		return -ENOMEM;
	memcpy(e->table, cur, table_bytes(cur->nr_chunks));
	e->table->generation++;
	if (old)
		r = table_remove(e, old);
	if (!r && new)
		r = table_insert(e, new);
	if (r)
		edit_abort(e);
	return r;
}

void slot_table_commit(struct vm *vm, struct table_edit *e)
{
	struct memslots *old = memslots_get(vm);
	unsigned int i;

	rcu_assign_pointer(vm->mmu.slots, e->table);
	synchronize_srcu_expedited(&vm->srcu);
	for (i = 0; i < e->nr_gone; i++)
		kfree(e->gone[i]);
	/* a chunk that was copied and then emptied is in no table */
	for (i = 0; i < e->nr_made; i++)
		if (!e->made[i]->n)
			kfree(e->made[i]);
	kvfree(old);
}

bool memslots_gap(const struct memslots *s, gfn_t gfn, struct mmu_gap *gap)
{
	gfn_t first = 0, end = ~(gfn_t)0;
	const struct slot_chunk *c;
	unsigned int i, pos;

	if (memslot_find(s, gfn))
		return false;
	if (s->nr_chunks) {
		i = chunk_of(s, gfn);
		c = s->dir[i].chunk;
		pos = pos_in(c, gfn);
		if (pos)
			first = c->base[pos - 1] + c->slot[pos - 1]->npages;
		if (pos < c->n)
			end = c->base[pos];
		else if (i + 1 < s->nr_chunks)
			end = s->dir[i + 1].first;
	}
	gap->first = first;
	gap->pages = end - first;
	return true;
}

struct memslots *slot_table_new(void)
{
	struct memslots *s = kvzalloc(table_bytes(0), GFP_KERNEL_ACCOUNT);

	if (s)
		s->generation = 1;
	return s;
}

void slot_table_free(struct memslots *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_chunks; i++)
		kfree(s->dir[i].chunk);
	kvfree(s);
}
