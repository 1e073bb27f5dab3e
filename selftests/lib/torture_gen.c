// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generator: programs that are mostly sensible, so that mappings exist, and
 * wrong often enough. All choices come from the seed and the model's state.
 */
#define SELFTEST_LIB
#include "torture.h"

static u64 rnd(struct tt_gen *g, unsigned int n)
{
	return (tt_random(&g->rng) >> 16) % n;
}

static bool chance(struct tt_gen *g, unsigned int percent)
{
	return rnd(g, 100) < percent;
}

static enum tt_verdict emit(struct tt_gen *g, struct tt_op op)
{
	struct tt_prog *p = g->prog;
	enum tt_verdict v;
	struct tt_exp exp;

	if (!op.size)
		op.size = 1;
	if (op.size < 8 && op.type <= OP_CMPXCHG)
		op.val &= (1ull << (op.size * 8)) - 1;
	if (op.size < 8 && op.type == OP_CMPXCHG)
		op.val2 &= 0xffffffff;
	v = tt_sim(g->m, &op, &exp);
	if (v != SIM_OK)
		return v;
	if (p->nr == p->max) {
		p->max = p->max ? 2 * p->max : 1024;
		p->op = realloc(p->op, p->max * sizeof(*p->op));
		p->exp = realloc(p->exp, p->max * sizeof(*p->exp));
		require(p->op && p->exp);
	}
	p->op[p->nr] = op;
	p->exp[p->nr++] = exp;
	g->since_sync++;
	return v;
}

#define EMIT(...)	emit(g, (struct tt_op) { __VA_ARGS__ })

static bool is64(struct tt_gen *g)
{
	return g->m->efer & EFER_LMA;
}

/* ---- flushing ---------------------------------------------------------------- */

static void flush(struct tt_gen *g, u64 va)
{
	struct tt_model *m = g->m;
	u64 pcid = m->cr4 & X86_CR4_PCIDE ? m->cr3 & 0xfff : 0;

	switch (rnd(g, 10)) {
	case 0:
		EMIT(OP_CR3, .val = m->cr3);
		break;
	case 1:
		EMIT(OP_CR4, .val = m->cr4 ^ X86_CR4_PGE);
		if (chance(g, 70))
			EMIT(OP_CR4, .val = m->cr4 ^ X86_CR4_PGE);
		break;
	case 2:
		EMIT(OP_INVPCID, .val = rnd(g, 4), .val2 = pcid, .addr = va);
		break;
	default:
		EMIT(OP_INVLPG, .addr = va);
	}
}

/* An op, with the flush it needs */
static bool run_op(struct tt_gen *g, struct tt_op op)
{
	for (int i = 0; i < 6; i++) {
		enum tt_verdict v = emit(g, op);

		if (v != SIM_STALE)
			return v == SIM_OK;
		if (i < 3)
			flush(g, g->m->flush_va);
		else
			EMIT(OP_INVLPG, .addr = g->m->flush_va);
	}
	return false;
}

/* ---- entries ------------------------------------------------------------------- */

static u64 table_frame(struct tt_gen *g)
{
	unsigned int r = rnd(g, 100);
	enum tt_fmt fmt = tt_fmt(g->m);

	if (r < 78)
		return TT_POOL + (16 + rnd(g, 32)) * 0x1000;
	if (r < 86)
		return tt_root(fmt, rnd(g, 4)) & ~0xfffull;
	if (r < 95)
		return TT_POOL + rnd(g, TT_FRAMES) * 0x1000;
	if (r < 99 || !g->m->wild)
		return TT_RO + rnd(g, TT_RO_SIZE / 0x1000) * 0x1000;
	return TT_MMIO + rnd(g, 16) * 0x1000;
}

static u64 page_frame(struct tt_gen *g)
{
	unsigned int r = rnd(g, 100);

	if (r < 45)
		return TT_POOL + (48 + rnd(g, 16)) * 0x1000;
	if (r < 80)
		return TT_POOL + (16 + rnd(g, 32)) * 0x1000;
	if (r < 90)
		return TT_POOL + rnd(g, TT_FRAMES) * 0x1000;
	if (r < 95)
		return TT_RO + rnd(g, TT_RO_SIZE / 0x1000) * 0x1000;
	return TT_MMIO + rnd(g, 16) * 0x1000;
}

static u64 large_frame(struct tt_gen *g, enum tt_fmt fmt, int level)
{
	if (level == 3)
		return chance(g, 85) ? 0 : PAGE_1G;
	if (chance(g, 85))
		return TT_POOL + (fmt == FMT_32 ? 0 : rnd(g, 2) * PAGE_2M);
	return chance(g, 50) ? TT_RO : TT_MMIO;
}

static u64 bits_or(struct tt_gen *g, u64 bit, unsigned int percent)
{
	return chance(g, percent) ? bit : 0;
}

static u64 make_entry(struct tt_gen *g, int level)
{
	enum tt_fmt fmt = tt_fmt(g->m);
	bool wide = fmt != FMT_32;
	bool large = level > 1 && level <= 3 && chance(g, 22) &&
		     !(level == 3 && (fmt == FMT_PAE || !g->m->caps.gb));
	bool table = level > 1 && !large;
	u64 e = table ? table_frame(g) : large ? large_frame(g, fmt, level) :
		page_frame(g);

	if (fmt == FMT_PAE && level == 3)
		return e | bits_or(g, PTE_P, 90) | bits_or(g, PTE_AVL_ANY, 10);
	e |= bits_or(g, PTE_P, 94) | bits_or(g, PTE_W, table ? 85 : 70) |
	     bits_or(g, PTE_U, table ? 85 : 60) | bits_or(g, PTE_A, 45) |
	     bits_or(g, PTE_D, 35) | bits_or(g, PTE_AVL_ANY, 10) |
	     bits_or(g, PTE_PWT, 3) | bits_or(g, PTE_PCD, 3);
	if (large)
		e |= PTE_PS;
	if (!table)
		e |= bits_or(g, PTE_G, 15);
	else
		e |= bits_or(g, PTE_G, 3);
	if (!wide)
		return large && chance(g, 4) ? e | 1 << (13 + rnd(g, 9)) : e;
	e |= bits_or(g, PTE_NX, table ? 6 : 20);
	if (fmt >= FMT_4L && chance(g, 30))
		e |= PTE_PKEY(rnd(g, 4));
	if (chance(g, 3))
		e |= 1ull << (large ? 13 + rnd(g, 7) :
			      fmt == FMT_PAE ? 45 + rnd(g, 18) :
					       45 + rnd(g, 7));
	if (level > 3 && chance(g, 2))
		e |= PTE_PS;
	return e;
}

/* ---- writing to memory ------------------------------------------------------------ */

/* Another address of the frame, where there is one; else the direct map's */
static u64 address_of(struct tt_gen *g, u64 gpa)
{
	struct tt_model *m = g->m;
	unsigned int start = rnd(g, TT_SLOTS);
	enum tt_fmt fmt = tt_fmt(m);

	if (fmt == FMT_NONE || !chance(g, 40))
		return gpa;
	for (unsigned int i = 0; i < TT_SLOTS; i++) {
		unsigned int s = (start + i) % TT_SLOTS;
		struct tt_walk *w = &m->ctx[m->cur].w[s];

		if (w->status == WALK_OK && w->gpa == (gpa & ~0xfffull))
			return m->page[fmt][s] | (gpa & 0xfff);
	}
	return gpa;
}

static bool put(struct tt_gen *g, u8 type, u64 gpa, u64 val, u8 size)
{
	struct tt_op op = {
		.type = type, .size = size, .val = val, .ac = true,
		.addr = address_of(g, gpa),
	};

	if (run_op(g, op) && op.addr == gpa)
		return true;
	op.addr = gpa;
	return run_op(g, op);
}

/* Make the 4 or 8 bytes at @gpa be @val, in one of many ways */
static bool set_entry(struct tt_gen *g, u64 gpa, u64 val, u8 size)
{
	struct tt_op op = { .ac = true };
	u64 old;

	if (!tt_in_pool(gpa, size))
		return false;
	old = tt_load(g->m, gpa, size);
	if (size == 8 && !is64(g)) {
		if (chance(g, 30)) {
			op = (struct tt_op) {
				OP_CMPXCHG8B, 8, .ac = true, .addr = gpa,
				.val = old, .val2 = val,
			};
			return run_op(g, op);
		}
		if (chance(g, 50))
			return put(g, OP_WRITE, gpa + 4, val >> 32, 4) &&
			       put(g, OP_WRITE, gpa, val, 4);
		return put(g, OP_WRITE, gpa, val, 4) &&
		       put(g, OP_WRITE, gpa + 4, val >> 32, 4);
	}
	switch (rnd(g, 12)) {
	case 0:
		return put(g, OP_XCHG, gpa, val, size);
	case 1:
		return put(g, OP_ADD, gpa, val - old, size);
	case 2:
		return put(g, OP_AND, gpa, val, size) &&
		       put(g, OP_OR, gpa, val, size);
	case 3:
		op = (struct tt_op) {
			OP_CMPXCHG, size, .ac = true, .addr = gpa,
			.val = old, .val2 = val,
		};
		return run_op(g, op);
	case 4:
		for (int i = 0; i < size; i += 2)
			if (!put(g, OP_WRITE, gpa + i, val >> (8 * i), 2))
				return false;
		return true;
	case 5:
		for (int i = 0; i < size; i++)
			if (!put(g, OP_WRITE, gpa + i, val >> (8 * i), 1))
				return false;
		return true;
	default:
		return put(g, OP_WRITE, gpa, val, size);
	}
}

/* Where entry @i of the walk is in memory, or 0 */
static u64 entry_at(struct tt_gen *g, const struct tt_walk *w, int i)
{
	u64 at = w->e[i].at;

	if (at >= TT_PDPTE)
		at = (g->m->cr3 & 0xffffffe0) + (at - TT_PDPTE) * 8;
	return tt_in_pool(at, 8) ? at : 0;
}

static void reload(struct tt_gen *g, const struct tt_walk *w, int i)
{
	if (w->e[i].at >= TT_PDPTE && chance(g, 90))
		EMIT(OP_CR3, .val = g->m->cr3);
}

/* Change one entry on the way of a page */
static void edit(struct tt_gen *g, int slot)
{
	static const u64 flags[] = {
		PTE_P, PTE_W, PTE_U, PTE_A, PTE_D, PTE_G, PTE_NX, PTE_PS,
		PTE_PKEY(1), PTE_PKEY(2), 0x200, 1ull << 50, PTE_W, PTE_U,
		PTE_A, PTE_D, PTE_NX, PTE_PCD,
	};
	const struct tt_format *f = &tt_formats[tt_fmt(g->m)];
	struct tt_walk w = g->m->ctx[g->m->cur].w[slot];
	int i = chance(g, 60) ? w.n - 1 : rnd(g, w.n);
	u64 at = entry_at(g, &w, i), val, bit;

	if (!at)
		return;
	val = tt_load(g->m, at, f->esize);
	switch (rnd(g, 8)) {
	case 0:
		val = 0;
		break;
	case 1:
	case 2:
		val = make_entry(g, f->levels - i);
		break;
	case 3:		/* another frame, the same rights */
		val = (val & ~PTE_ADDR) |
		      (make_entry(g, f->levels - i) & PTE_ADDR);
		break;
	default:
		bit = flags[rnd(g, ARRAY_SIZE(flags))];
		if (f->esize == 4)
			bit &= 0xffffffff;
		if ((is64(g) || f->esize == 4) && chance(g, 50)) {
			if (val & bit)
				put(g, OP_AND, at, ~bit, f->esize);
			else
				put(g, OP_OR, at, bit, f->esize);
			reload(g, &w, i);
			return;
		}
		val ^= bit;
	}
	set_entry(g, at, val, f->esize);
	reload(g, &w, i);
}

/* Make the page be mapped, with what is missing */
static void build(struct tt_gen *g, int slot)
{
	const struct tt_format *f = &tt_formats[tt_fmt(g->m)];

	for (int n = 0; n < 2 * f->levels; n++) {
		struct tt_walk w = g->m->ctx[g->m->cur].w[slot];
		int i = w.n - 1;
		u64 at;

		if (w.status == WALK_OK)
			return;
		if (w.status == WALK_BAD && i < 0)
			return;
		at = entry_at(g, &w, i);
		if (!at || !set_entry(g, at, make_entry(g, f->levels - i),
				      f->esize))
			return;
		if (w.e[i].at >= TT_PDPTE)
			EMIT(OP_CR3, .val = g->m->cr3);
	}
}

/* ---- accesses ------------------------------------------------------------------------ */

static u64 some_value(struct tt_gen *g)
{
	if (tt_fmt(g->m) != FMT_NONE && chance(g, 55))
		return make_entry(g, 1 + rnd(g, 2));
	return tt_random(&g->rng);
}

static u64 exec_offset(struct tt_gen *g, int slot, u64 va)
{
	struct tt_model *m = g->m;
	struct tt_walk *w = &m->ctx[m->cur].w[slot];
	u64 gpa = tt_fmt(m) == FMT_NONE ? va : w->gpa;
	u8 *p;

	if (tt_fmt(m) != FMT_NONE && w->status != WALK_OK)
		return rnd(g, 0x1000);
	p = tt_mem(m, gpa, 0x1000);
	for (int i = 0; p && i < 0x1000; i += 3)
		if (p[0xfff - i] == 0xc3)
			return 0xfff - i;
	return 0xff8;
}

static void access_page(struct tt_gen *g, int slot)
{
	static const u8 sizes[] = { 1, 2, 4, 8, 4, 8 };
	static const u8 rmw[] = {
		OP_XCHG, OP_XADD, OP_ADD, OP_OR, OP_AND, OP_CMPXCHG,
	};
	u64 *page = g->m->page[tt_fmt(g->m)];
	unsigned int r = rnd(g, 100);
	struct tt_op op = {
		.user = chance(g, 45),
		.ac = chance(g, 40),
		.val = some_value(g),
	};

	op.size = sizes[rnd(g, ARRAY_SIZE(sizes))];
	if (op.size == 8 && !is64(g))
		op.size = 4;
	op.addr = page[slot] + rnd(g, 0x1000 / op.size) * op.size;
	if (chance(g, 25))	/* of this and other pages' entries */
		op.addr = page[slot] + rnd(g, 20) * 8;
	if (r < 42) {
		op.type = OP_READ;
	} else if (r < 66) {
		op.type = OP_WRITE;
	} else if (r < 80) {
		op.type = rmw[rnd(g, ARRAY_SIZE(rmw))];
		if (op.size < 4)
			op.size = 4;
		op.addr &= ~7ull;
		op.val2 = some_value(g);
	} else if (r < 92) {
		op.type = OP_EXEC;
		op.size = 1;
		op.addr = page[slot] + exec_offset(g, slot, page[slot]);
	} else if (r < 96) {
		op.type = OP_MOVS;
		op.size = op.size == 2 ? 1 : op.size;
		op.addr &= ~7ull;
		op.val2 = page[rnd(g, TT_SLOTS)] + rnd(g, 0x200) * 8;
		op.val = 0;
	} else {
		op.type = OP_CMPXCHG8B;
		op.size = 8;
		op.addr &= ~7ull;
		op.val2 = some_value(g);
	}
	if (r < 66 && op.size > 1 && chance(g, 8))
		op.addr = page[slot] + 0x1000 - 1 - rnd(g, op.size - 1);
	if (r < 66 && is64(g) && chance(g, 1))
		op.addr ^= 1ull << 62;
	if (op.type == OP_CMPXCHG8B && chance(g, 50)) {
		/* one that succeeds */
		struct tt_walk *w = &g->m->ctx[g->m->cur].w[slot];
		u64 gpa = tt_fmt(g->m) == FMT_NONE ? op.addr :
			  w->gpa | (op.addr & 0xfff);

		if (tt_in_pool(gpa, 8))
			op.val = tt_load(g->m, gpa, 8);
	}
	run_op(g, op);
}

/* ---- control registers ------------------------------------------------------------------- */

static void repair_root(struct tt_gen *g, enum tt_fmt fmt, u64 root)
{
	const struct tt_format *f = &tt_formats[fmt];

	for (unsigned int i = 0; i < tt_fixed_entries(fmt); i++)
		if (tt_load(g->m, root + i * f->esize, f->esize) !=
		    tt_fixed_entry(fmt, i))
			set_entry(g, root + i * f->esize,
				  tt_fixed_entry(fmt, i), f->esize);
	if (fmt != FMT_PAE)
		return;
	for (int i = 1; i < 4; i++)
		if (chance(g, 97) && (tt_load(g->m, root + i * 8, 8) &
				      ~(PTE_ADDR | PTE_P | PTE_AVL_ANY)))
			set_entry(g, root + i * 8, 0, 8);
}

static void load_root(struct tt_gen *g)
{
	struct tt_model *m = g->m;
	enum tt_fmt fmt = tt_fmt(m);
	u64 cr3 = tt_root(fmt, rnd(g, 4));

	if (fmt == FMT_NONE)
		return;
	if (!tt_root_ok(m, fmt, cr3) || fmt == FMT_PAE)
		repair_root(g, fmt, cr3);
	if (m->cr4 & X86_CR4_PCIDE) {
		cr3 |= tt_pcids[rnd(g, TT_CTX)];
		cr3 |= bits_or(g, PTE_NX, 50);
	} else {
		cr3 |= bits_or(g, PTE_PWT, 5);
		if (is64(g) && chance(g, 3))
			cr3 |= PTE_NX;
	}
	if (is64(g) && chance(g, 2))
		cr3 |= 1ull << 51;
	EMIT(OP_CR3, .val = cr3, .user = chance(g, 3));
}

/* The guest's own change between its three modes without long mode */
static void switch_mode(struct tt_gen *g)
{
	struct tt_model *m = g->m;
	enum tt_fmt to = rnd(g, 3);
	u64 cr4 = m->cr4 & ~(u64)(X86_CR4_PAE | X86_CR4_PSE);

	if (is64(g) || !(g->modes & 1 << to))
		return;
	if (to == FMT_PAE)
		cr4 |= X86_CR4_PAE;
	cr4 |= bits_or(g, X86_CR4_PSE, 70);
	if (m->cr0 & X86_CR0_PG)
		EMIT(OP_CR0, .val = m->cr0 & ~(u64)X86_CR0_PG);
	EMIT(OP_CR4, .val = cr4);
	if (to == FMT_NONE)
		return;
	repair_root(g, to, tt_root(to, 1));
	EMIT(OP_CR3, .val = tt_root(to, 1));
	EMIT(OP_CR0, .val = m->cr0 | X86_CR0_PG);
}

static void control(struct tt_gen *g)
{
	static const u32 cr4[] = {
		X86_CR4_PGE, X86_CR4_PSE, X86_CR4_SMEP, X86_CR4_SMAP,
		X86_CR4_PKE, X86_CR4_PCIDE, X86_CR4_PCIDE, X86_CR4_SMAP,
	};
	struct tt_model *m = g->m;
	u64 bit;

	switch (rnd(g, 12)) {
	case 0:
	case 1:
		EMIT(OP_CR0, .val = m->cr0 ^ X86_CR0_WP, .user = chance(g, 3));
		break;
	case 2:
	case 3:
	case 4:
		bit = cr4[rnd(g, ARRAY_SIZE(cr4))];
		if (bit == X86_CR4_PCIDE && (m->cr3 & 0xfff) && chance(g, 90))
			EMIT(OP_CR3, .val = m->cr3 & ~0xfffull);
		EMIT(OP_CR4, .val = m->cr4 ^ bit, .user = chance(g, 2));
		break;
	case 5:
		EMIT(OP_EFER, .val = m->efer ^ EFER_NX);
		break;
	case 6:
		EMIT(OP_PKRU, .val = rnd(g, 64) << 2, .user = chance(g, 50));
		break;
	case 7:
		switch_mode(g);
		break;
	case 8:
		EMIT(OP_INVPCID, .val = rnd(g, 5), .user = chance(g, 3),
		     .val2 = tt_pcids[rnd(g, TT_CTX)],
		     .addr = m->page[tt_fmt(m)][rnd(g, TT_SLOTS)]);
		break;
	default:
		load_root(g);
	}
}

/* ---- the host ------------------------------------------------------------------------------ */

static void host(struct tt_gen *g)
{
	static const u8 ops[] = {
		OP_DIRTY_ON, OP_DIRTY_ON, OP_DIRTY_OFF, OP_DISCARD,
		OP_DISCARD, OP_PROTECT, OP_PROTECT, OP_SLOT, OP_SREGS,
		OP_SHRINK,
	};

	EMIT(ops[rnd(g, ARRAY_SIZE(ops))],
	     .addr = (rnd(g, 20) ? rnd(g, TT_FRAMES) : 511) * 0x1000,
	     .val = rnd(g, 2));
}

/* What needs the model as it is at the end of the batch */
static void host_last(struct tt_gen *g)
{
	struct tt_model *m = g->m;

	switch (rnd(g, 4)) {
	case 0:
		EMIT(OP_TRANSLATE,
		     .addr = m->page[tt_fmt(m)][rnd(g, TT_SLOTS)] +
			     rnd(g, 0x1000));
		break;
	case 1:
	case 2:
		EMIT(OP_DIRTY_GET);
		break;
	case 3:
		break;
	}
}

static void change_mode(struct tt_gen *g)
{
	enum tt_fmt to = rnd(g, NR_FMT);

	if ((g->modes & 1 << to) && (to != FMT_5L || g->m->caps.la57))
		EMIT(OP_MODE, .addr = to);
}

void tt_gen_batch(struct tt_gen *g)
{
	unsigned int len = 1 + rnd(g, chance(g, 30) ? 6 : 48), tries = 0;
	struct tt_model *m = g->m;
	int slot = rnd(g, TT_SLOTS);

	g->since_sync = 0;
	while (!(g->modes & 1 << tt_fmt(m)) && tries++ < 100)
		change_mode(g);
	if (g->since_sync)
		len = 0;
	for (tries = 0; g->since_sync < len && tries < 200; tries++) {
		unsigned int r = rnd(g, 100);

		if (chance(g, 35))
			slot = rnd(g, TT_SLOTS);
		if (tt_fmt(m) == FMT_NONE) {
			if (r < 80)
				access_page(g, slot);
			else if (r < 90)
				switch_mode(g);
			else if (r < 95)
				control(g);
			else if (g->host_ops)
				host(g);
			continue;
		}
		if (r < 50)
			access_page(g, slot);
		else if (r < 70)
			edit(g, slot);
		else if (r < 88)
			build(g, slot);
		else if (r < 90)
			flush(g, m->page[tt_fmt(m)][slot]);
		else if (r < 98)
			control(g);
		else if (g->host_ops)
			host(g);
	}
	if (len && g->host_ops && chance(g, 15))
		host_last(g);
	else if (len && chance(g, 4))
		change_mode(g);
	EMIT(OP_SYNC, .val = !rnd(g, 16));
}
