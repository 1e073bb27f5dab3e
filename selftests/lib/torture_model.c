// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model's state at the start: the tables that are never touched (the direct
 * map with the interpreter), memory of the pool, page addresses to play with.
 */
#define SELFTEST_LIB
#include "torture.h"

#define TABLE	(PTE_P | PTE_W | PTE_U | PTE_A)
#define PAGE	(PTE_P | PTE_W | PTE_A | PTE_D)

/* Entries of a root that must stay: the interpreter is below */
unsigned int tt_fixed_entries(enum tt_fmt fmt)
{
	return fmt == FMT_32 ? TT_DIRECT_END / PAGE_4M : 1;
}

u64 tt_fixed_entry(enum tt_fmt fmt, unsigned int i)
{
	switch (fmt) {
	case FMT_32:
		return TT_PT32(i) | TABLE;
	case FMT_PAE:
		return TT_PD | PTE_P;
	case FMT_4L:
		return TT_PDPT | TABLE;
	default:
		return TT_PML4 | TABLE;
	}
}

/* Each format has some pages of the pool for its roots */
u64 tt_root(enum tt_fmt fmt, unsigned int i)
{
	switch (fmt) {
	case FMT_NONE:
		return 0;
	case FMT_PAE:
		return TT_POOL + 0x4000 + i % 4 * 0x20;
	default:
		return TT_POOL + ((u64)(fmt - FMT_32) * 4 + i % 4) * 0x1000;
	}
}

bool tt_root_ok(struct tt_model *m, enum tt_fmt fmt, u64 cr3)
{
	const struct tt_format *f = &tt_formats[fmt];
	u64 root = cr3 & (fmt == FMT_PAE ? 0xffffffe0 : PTE_ADDR);

	if (fmt == FMT_NONE)
		return true;
	if (!tt_in_pool(root, fmt == FMT_PAE ? 32 : 4096))
		return false;
	for (unsigned int i = 0; i < tt_fixed_entries(fmt); i++)
		if (tt_load(m, root + i * f->esize, f->esize) !=
		    tt_fixed_entry(fmt, i))
			return false;
	return true;
}

bool tt_hits_root(struct tt_model *m, u64 gpa, unsigned int len)
{
	enum tt_fmt fmt = tt_fmt(m);
	u64 size = tt_fixed_entries(fmt) * tt_formats[fmt].esize;

	/* PDPTEs are in registers: looked at when they are loaded */
	if (fmt == FMT_NONE || fmt == FMT_PAE)
		return false;
	for (unsigned int c = 0; c < TT_CTX; c++) {
		u64 root = m->ctx[c].root & PTE_ADDR;

		if (m->ctx[c].live && gpa < root + size && gpa + len > root)
			return true;
	}
	return false;
}

static void put(struct tt_model *m, u64 gpa, u64 val, unsigned int size)
{
	memcpy(m->ram + gpa, &val, size);
}

static void fixed_tables(struct tt_model *m, u64 *rng)
{
	u64 global = tt_random(rng) & 1 ? PTE_G : 0;

	for (u64 a = 0; a < TT_DIRECT_END; a += 0x1000) {
		u64 e = a | PAGE | global;

		if (a == TT_UCODE || a == TT_UCODE + 0x1000)
			e |= PTE_U;
		put(m, TT_PT32(0) + a / 0x1000 * 4, e, 4);
		put(m, TT_PT64(0) + a / 0x1000 * 8, e, 8);
	}
	for (int i = 0; i < TT_DIRECT_END / PAGE_2M; i++)
		put(m, TT_PD + i * 8, TT_PT64(i) | TABLE, 8);
	put(m, TT_PDPT, TT_PD | TABLE, 8);
	put(m, TT_PML4, TT_PDPT | TABLE, 8);
}

static void roots(struct tt_model *m)
{
	for (enum tt_fmt f = FMT_32; f < NR_FMT; f++)
		for (int i = 0; i < 4; i++)
			for (int j = 0; j < tt_fixed_entries(f); j++)
				put(m, tt_root(f, i) + j * tt_formats[f].esize,
				    tt_fixed_entry(f, j), tt_formats[f].esize);
}

/*
 * Few indexes, so that tables get shared and confused; among them those that
 * lead to the pool in pages of 4M, 2M and 1G. Pairs of neighbours, for accesses
 * across their border.
 */
static void pick_pages(struct tt_model *m, enum tt_fmt fmt, u64 *rng)
{
	static const u16 low[] = {
		0, 1, 2, 4, 5, 16, 17, 20, 24, 33, 40, 48, 49, 52, 56, 62,
	};
	static const u16 mid[] = { 4, 4, 5, 5, 0, 1, 511 };
	static const u16 top[] = { 1, 2, 256, 511 };
	static const u16 top32[] = { 4, 4, 5, 64, 512, 1023 };
	const struct tt_format *f = &tt_formats[fmt];

	for (int i = 0; i < TT_SLOTS; i += 2) {
		u64 va = 0, r = tt_random(rng);

		for (int l = f->levels; l >= 1; l--) {
			u64 index;

			if (l == 1)
				index = low[r % ARRAY_SIZE(low)];
			else if (fmt == FMT_32)
				index = top32[r % ARRAY_SIZE(top32)];
			else if (fmt == FMT_PAE && l == 3)
				index = 1 + r % 3;
			else if (l == f->levels)
				index = top[r % ARRAY_SIZE(top)];
			else if (l == 3)
				index = r & 1 ? 0 : r & 2 ? 1 : 511;
			else
				index = mid[r % ARRAY_SIZE(mid)];
			va |= index << (12 + (l - 1) * f->bits);
			r >>= 11;
		}
		if (fmt != FMT_32 && r % 8 == 0)
			va = (va & ~0x1fffffull) | 0x1ff000;
		if (va >> (f->linear - 1) & 1 && f->linear > 32)
			va |= ~0ull << f->linear;
		m->page[fmt][i] = va;
		va += 0x1000;
		if (f->linear == 32)
			va = (u32)va;
		/* Not round to the direct map */
		if (!(va >> 12))
			va = m->page[fmt][i];
		m->page[fmt][i + 1] = va;
	}
}

static bool has(u32 leaf, char reg, unsigned int n)
{
	return guest_has(leaf, 0, reg, n);
}

static void read_caps(struct tt_caps *c)
{
	struct kvm_cpuid_entry2 *e = cpuid_entry(kvm_supported_cpuid(),
						 0x80000008, 0);

	c->maxphy = e ? e->eax & 0xff : 36;
	c->nx = GUEST_HAS_NX();
	c->pcid = GUEST_HAS_PCID();
	c->invpcid = GUEST_HAS_INVPCID();
	c->smep = GUEST_HAS_SMEP();
	c->smap = GUEST_HAS_SMAP();
	c->pku = GUEST_HAS_PKU();
	c->gb = GUEST_HAS_1G();
	c->la57 = has(7, 'c', 16);
}

struct tt_model *tt_model_new(u64 seed)
{
	struct tt_model *m = calloc(1, sizeof(*m));
	u64 rng = seed ^ 0x9e3779b97f4a7c15ull;

	require(m);
	m->seed = seed;
	m->ram = mmap(NULL, TT_POOL_END, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	require(m->ram != MAP_FAILED);
	m->ro = calloc(1, TT_RO_SIZE);
	require(m->ro);
	read_caps(&m->caps);
	m->peer = !on_our_module();
	for (int i = 0; i < 4; i++)
		tt_random(&rng);
	fixed_tables(m, &rng);
	roots(m);
	/* RET, where something may be executed */
	for (int i = 16; i < TT_FRAMES; i++)
		memset(m->ram + TT_POOL + i * 0x1000 + 0xff0, 0xc3, 16);
	/* The upper half of these could be tables of 8-byte entries */
	for (u64 i = 0; i < TT_RO_SIZE; i += 8) {
		u64 to = TT_POOL + (16 + tt_random(&rng) % 48) * 0x1000;
		u64 e = tt_random(&rng);

		if (i % 0x1000 < 0x800)
			e = to | PTE_P | PTE_A | PTE_D | (e & (PTE_U | PTE_W));
		else if (i % 0x1000 >= 0xff0)
			e = 0xc3c3c3c3c3c3c3c3ull;
		memcpy(m->ro + i, &e, 8);
	}
	for (enum tt_fmt f = FMT_32; f < NR_FMT; f++)
		pick_pages(m, f, &rng);
	for (int i = 0; i < TT_SLOTS; i++)
		m->page[FMT_NONE][i] = TT_POOL + i * 0x1000;
	return m;
}

void tt_model_free(struct tt_model *m)
{
	munmap(m->ram, TT_POOL_END);
	free(m->ro);
	free(m);
}

void tt_model_mode(struct tt_model *m, enum tt_fmt fmt)
{
	m->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_MP |
		 X86_CR0_WP;
	m->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	m->efer = 0;
	m->cr3 = tt_root(fmt, 0);
	if (fmt != FMT_NONE)
		m->cr0 |= X86_CR0_PG;
	if (fmt >= FMT_PAE)
		m->cr4 |= X86_CR4_PAE;
	if (fmt >= FMT_PAE && m->caps.nx)
		m->efer |= EFER_NX;
	if (fmt >= FMT_4L)
		m->efer |= EFER_LME | EFER_LMA;
	if (fmt == FMT_5L)
		m->cr4 |= X86_CR4_LA57;
	if (fmt == FMT_PAE)
		memcpy(m->pdpte, m->ram + m->cr3, 32);
	for (unsigned int c = 0; c < TT_CTX; c++)
		m->ctx[c].live = false;
	memset(m->global, 0, sizeof(m->global));
	tt_use_root(m);
}
