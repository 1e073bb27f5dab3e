// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's memory, its page walk, and what a CPU may have cached of it.
 *
 * For each PCID in use (a context) and each page address of the program the
 * walk as it is now is kept. When memory or CR3 changes, all are walked again,
 * and where a part that may have been cached (SDM 3A 4.10.2.1: entries whose A
 * is set, down to the first that is not present) is different now, the address
 * is stale in that context until something flushes it. Any address may be
 * cached, used or not: a shadow MMU prefetches, as a CPU does.
 */
#define SELFTEST_LIB
#include "torture.h"

const struct tt_format tt_formats[NR_FMT] = {
	[FMT_NONE] = { "none", .linear = 32 },
	[FMT_32] = { "32-bit", 2, 10, 10, 4, 32 },
	[FMT_PAE] = { "PAE", 3, 9, 2, 8, 32 },
	[FMT_4L] = { "4-level", 4, 9, 9, 8, 48 },
	[FMT_5L] = { "5-level", 5, 9, 9, 8, 57 },
};

const u16 tt_pcids[TT_CTX] = { 0, 1, 2, 0xabc };

#define PTE_AVL		0xe00ull	/* ignored by the CPU */

u64 tt_random(u64 *state)
{
	/* xorshift64* */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

enum tt_fmt tt_fmt(const struct tt_model *m)
{
	if (!(m->cr0 & X86_CR0_PG))
		return FMT_NONE;
	if (m->efer & EFER_LMA)
		return m->cr4 & X86_CR4_LA57 ? FMT_5L : FMT_4L;
	return m->cr4 & X86_CR4_PAE ? FMT_PAE : FMT_32;
}

/* ---- memory ------------------------------------------------------------------ */

bool tt_in_pool(u64 gpa, unsigned int len)
{
	return gpa >= TT_POOL && gpa + len <= TT_POOL_END;
}

void *tt_mem(struct tt_model *m, u64 gpa, unsigned int len)
{
	if (tt_in_pool(gpa, len) ||
	    (gpa >= TT_FIXED && gpa + len <= TT_FIXED_END))
		return m->ram + gpa;
	if (gpa >= TT_RO && gpa + len <= TT_RO + TT_RO_SIZE)
		return m->ro + (gpa - TT_RO);
	return NULL;
}

u64 tt_load(struct tt_model *m, u64 gpa, unsigned int size)
{
	void *p = tt_mem(m, gpa, size);
	u64 v = 0;

	if (!p)
		die("model: no memory at 0x%lx", gpa);
	memcpy(&v, p, size);
	return v;
}

static void touched(struct tt_model *m, u64 gpa, unsigned int size);

static unsigned int frame_of(u64 gpa)
{
	return (gpa - TT_POOL) >> 12;
}

static bool bit(const u64 *map, unsigned int n)
{
	return map[n / 64] >> (n % 64) & 1;
}

static void set_bit(u64 *map, unsigned int n)
{
	map[n / 64] |= 1ull << (n % 64);
}

void tt_store(struct tt_model *m, u64 gpa, u64 val, unsigned int size)
{
	bool tables = false;

	require(tt_in_pool(gpa, size));
	memcpy(m->ram + gpa, &val, size);
	for (u64 a = gpa & ~0xfffull; a < gpa + size; a += 0x1000) {
		set_bit(m->written, frame_of(a));
		tables |= bit(m->in_use, frame_of(a));
	}
	if (tables)
		touched(m, gpa, size);
}

/* ---- the walk ---------------------------------------------------------------- */

/* SDM 3A tables 4-4 to 4-20 */
static u64 reserved(const struct tt_model *m, enum tt_fmt fmt, int level,
		    bool leaf)
{
	const struct tt_format *f = &tt_formats[fmt];
	u64 r;

	if (fmt == FMT_32) {
		int bits = m->caps.maxphy > 40 ? 40 : m->caps.maxphy;

		if (level == 1 || !leaf)
			return 0;
		/* 4M: bits 20:13 are address bits 39:32 */
		return (0x3fffffull & ~((1ull << (bits - 19)) - 1));
	}
	r = 0xfffffffffffffull & ~((1ull << m->caps.maxphy) - 1);
	if (fmt == FMT_PAE)
		r |= 0x7ffull << 52;
	if (!(m->efer & EFER_NX))
		r |= PTE_NX;
	if (level > 1 && leaf)
		r |= ((1ull << (12 + (level - 1) * f->bits)) - 1) & ~0x1fffull;
	if (level > 3 || (level == 3 && !m->caps.gb))
		r |= PTE_PS;
	return r;
}

void tt_walk(const struct tt_model *cm, u64 root, u64 va, struct tt_walk *w)
{
	struct tt_model *m = (struct tt_model *)cm;
	enum tt_fmt fmt = tt_fmt(m);
	const struct tt_format *f = &tt_formats[fmt];
	u64 table = fmt == FMT_32 ? root & 0xfffff000 : root & PTE_ADDR;
	bool building = true;

	*w = (struct tt_walk) { .w = true, .u = true, .x = true };
	for (int l = f->levels; ; l--) {
		int shift = 12 + (l - 1) * f->bits;
		int bits = l == f->levels ? f->top_bits : f->bits;
		u64 index = va >> shift & ((1ull << bits) - 1);
		u64 at = table + index * f->esize;
		bool leaf, pdpte = fmt == FMT_PAE && l == 3;
		void *p;
		u64 e;

		w->level = l;
		if (pdpte) {
			at = TT_PDPTE + index;
			e = m->pdpte[index];
		} else {
			p = tt_mem(m, at, f->esize);
			if (!p) {
				w->status = WALK_BAD;
				return;
			}
			e = fmt == FMT_32 ? *(u32 *)p : *(u64 *)p;
		}
		w->e[w->n].at = at;
		w->e[w->n++].val = e;
		if (!(e & PTE_P)) {
			w->status = WALK_NP;
			return;
		}
		leaf = l == 1 || (!pdpte && l <= 3 && (e & PTE_PS) &&
				  (fmt != FMT_32 || (m->cr4 & X86_CR4_PSE)));
		if (!pdpte && (e & reserved(m, fmt, l, leaf))) {
			w->status = WALK_RSVD;
			return;
		}
		building = building && (pdpte || (e & PTE_A));
		if (building)
			w->cached = w->n;
		if (!pdpte) {
			w->w &= !!(e & PTE_W);
			w->u &= !!(e & PTE_U);
			w->x &= !(e & PTE_NX);
		}
		if (leaf) {
			u64 mask = (1ull << shift) - 1;

			w->gpa = fmt == FMT_32 ? (u32)e & ~mask & ~0xfffull :
				 e & PTE_ADDR & ~mask;
			if (fmt == FMT_32 && l == 2)
				w->gpa |= (e >> 13 & 0xff) << 32;
			w->gpa |= va & mask & ~0xfffull;
			w->g = (e & PTE_G) && (m->cr4 & X86_CR4_PGE);
			if (fmt >= FMT_4L)
				w->pkey = e >> 59 & 15;
			w->status = WALK_OK;
			return;
		}
		table = fmt == FMT_32 ? e & 0xfffff000 : e & PTE_ADDR;
	}
}

int tt_slot(const struct tt_model *m, u64 va)
{
	enum tt_fmt fmt = tt_fmt(m);

	for (int i = 0; i < TT_SLOTS; i++)
		if (m->page[fmt][i] == (va & ~0xfffull))
			return i;
	return -1;
}

bool tt_is_stale(const struct tt_model *m, int slot)
{
	return m->ctx[m->cur].stale[slot] || m->global[slot].stale;
}

/* ---- caches -------------------------------------------------------------------- */

/* The same for a CPU that has cached @old? A and D may have been added. */
static bool same(u64 old, u64 new)
{
	return ((old | PTE_A | PTE_D) & ~PTE_AVL) ==
	       ((new | PTE_A | PTE_D) & ~PTE_AVL) &&
	       !(old & ~new & (PTE_A | PTE_D));
}

static bool leaf_cached(const struct tt_walk *w)
{
	return w->status == WALK_OK && w->cached == w->n;
}

static u8 staleness(const struct tt_walk *old, const struct tt_walk *new)
{
	u8 stale = 0;

	for (int i = 0; i < old->cached; i++) {
		bool pdpte = old->e[i].at >= TT_PDPTE;

		if (i < new->n && old->e[i].at == new->e[i].at &&
		    (pdpte ? old->e[i].val == new->e[i].val :
			     same(old->e[i].val, new->e[i].val)))
			continue;
		/* Something cached of this entry, or of one further down */
		if (leaf_cached(old))
			stale |= STALE_PAGE(old->level);
		if (!leaf_cached(old) || old->cached > 1)
			stale |= STALE_UPPER;
		break;
	}
	return stale;
}

static u8 global_bits(const struct tt_walk *w)
{
	return w->w | w->u << 1 | w->x << 2 |
	       !!(w->e[w->n - 1].val & PTE_D) << 3 | w->pkey << 4;
}

/* Global translations are there in every context */
static void refresh_global(struct tt_model *m, int i, const struct tt_walk *w)
{
	struct tt_global *g = &m->global[i];
	bool cached = leaf_cached(w);

	if (g->valid && !(cached && g->gpa == w->gpa && g->level == w->level &&
			  (g->bits | 8) == (global_bits(w) | 8) &&
			  !(g->bits & ~global_bits(w) & 8))) {
		/* a page that has become not global may be cached both ways */
		g->stale |= STALE_PAGE(g->level);
	}
	if (!w->g || !cached)
		return;
	g->valid = true;
	g->level = w->level;
	g->gpa = w->gpa;
	g->bits = global_bits(w);
}

static void walk_slot(struct tt_model *m, unsigned int c, int i, bool compare)
{
	struct tt_ctx *ctx = &m->ctx[c];
	struct tt_walk w;

	tt_walk(m, ctx->root, m->page[tt_fmt(m)][i], &w);
	if (compare)
		ctx->stale[i] |= staleness(&ctx->w[i], &w);
	ctx->w[i] = w;
	for (int j = 0; j < w.n; j++)
		if (tt_in_pool(w.e[j].at, 1))
			set_bit(m->in_use, frame_of(w.e[j].at));
	if (c == m->cur)
		refresh_global(m, i, &w);
}

void tt_refresh(struct tt_model *m)
{
	memset(m->in_use, 0, sizeof(m->in_use));
	if (tt_fmt(m) == FMT_NONE)
		return;
	for (unsigned int c = 0; c < TT_CTX; c++)
		for (int i = 0; i < TT_SLOTS && m->ctx[c].live; i++)
			walk_slot(m, c, i, true);
}

/* The walks that pass there, again */
static void touched(struct tt_model *m, u64 gpa, unsigned int size)
{
	unsigned int esize = tt_formats[tt_fmt(m)].esize;

	for (unsigned int c = 0; c < TT_CTX; c++) {
		struct tt_walk *w = m->ctx[c].w;

		if (!m->ctx[c].live)
			continue;
		for (int i = 0; i < TT_SLOTS; i++, w++) {
			for (int j = 0; j < w->n; j++) {
				if (w->e[j].at >= gpa + size ||
				    w->e[j].at + esize <= gpa)
					continue;
				walk_slot(m, c, i, true);
				break;
			}
		}
	}
}

/* What is global now may be cached again as soon as it has been flushed */
static void refresh_globals(struct tt_model *m)
{
	if (!m->ctx[m->cur].live || tt_fmt(m) == FMT_NONE)
		return;
	for (int i = 0; i < TT_SLOTS; i++)
		refresh_global(m, i, &m->ctx[m->cur].w[i]);
}

void tt_flush_page(struct tt_model *m, unsigned int ctx, u64 va, bool global)
{
	const struct tt_format *f = &tt_formats[tt_fmt(m)];
	u64 *page = m->page[tt_fmt(m)];
	struct tt_ctx *c = &m->ctx[ctx];

	for (int i = 0; i < TT_SLOTS; i++) {
		/* INVLPG: paging-structure caches, whatever the address */
		if (global || page[i] == (va & ~0xfffull))
			c->stale[i] &= ~STALE_UPPER;
		for (int l = 1; l <= 3 && l <= f->levels; l++) {
			int shift = 12 + (l - 1) * f->bits;

			if (page[i] >> shift != va >> shift)
				continue;
			/*
			 * Of a large page any address will do, if nothing but
			 * large pages of this size can be cached here.
			 */
			if (page[i] >> 12 == va >> 12)
				c->stale[i] &= STALE_UPPER;
			else if ((c->stale[i] & ~STALE_UPPER) == STALE_PAGE(l))
				c->stale[i] &= ~STALE_PAGE(l);
			if (!global)
				continue;
			if (page[i] >> 12 == va >> 12 ||
			    m->global[i].stale == STALE_PAGE(l)) {
				m->global[i].stale = 0;
				m->global[i].valid = false;
			}
		}
	}
	refresh_globals(m);
}

void tt_flush_ctx(struct tt_model *m, unsigned int ctx)
{
	memset(m->ctx[ctx].stale, 0, sizeof(m->ctx[ctx].stale));
	/* Not the current one: nothing gets cached until it is used again */
	if (ctx != m->cur)
		m->ctx[ctx].live = false;
}

void tt_flush_all(struct tt_model *m, bool global)
{
	for (unsigned int c = 0; c < TT_CTX; c++)
		tt_flush_ctx(m, c);
	if (global)
		memset(m->global, 0, sizeof(m->global));
	refresh_globals(m);
}

void tt_use_root(struct tt_model *m)
{
	u16 pcid = m->cr4 & X86_CR4_PCIDE ? m->cr3 & 0xfff : 0;
	struct tt_ctx *ctx;
	bool was_live;

	for (m->cur = 0; tt_pcids[m->cur] != pcid; m->cur++)
		require(m->cur < TT_CTX - 1);
	ctx = &m->ctx[m->cur];
	was_live = ctx->live;
	ctx->live = true;
	ctx->root = m->cr3;
	if (tt_fmt(m) == FMT_NONE)
		return;
	if (!was_live)
		memset(ctx->stale, 0, sizeof(ctx->stale));
	for (int i = 0; i < TT_SLOTS; i++)
		walk_slot(m, m->cur, i, was_live);
}
