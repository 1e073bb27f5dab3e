// SPDX-License-Identifier: GPL-2.0-only
/* Page tables of every format, as data (SDM 3A 4.3 to 4.5). */
#define SELFTEST_LIB
#include "kvmtest.h"

static const struct pt_format {
	int levels;
	int bits;		/* of an index; the topmost level's is top_bits */
	int top_bits;
	int entry_size;
} formats[] = {
	[PT_32]	    = { .levels = 2, .bits = 10, .top_bits = 10, .entry_size = 4 },
	[PT_PAE]    = { .levels = 3, .bits = 9, .top_bits = 2, .entry_size = 8 },
	[PT_4LEVEL] = { .levels = 4, .bits = 9, .top_bits = 9, .entry_size = 8 },
	[PT_5LEVEL] = { .levels = 5, .bits = 9, .top_bits = 9, .entry_size = 8 },
};

u64 pt_alloc(struct vm *vm)
{
	u64 gpa = vm->pt_next;

	if (gpa == G_PT_END)
		gpa = G_DATA_END;
	if (gpa >= G_RAM_SIZE)
		die("no room for more page tables");
	vm->pt_next = gpa + PAGE_4K;
	memset(vm_hva(vm, gpa), 0, PAGE_4K);
	return gpa;
}

static int level_shift(const struct pt_format *f, int level)
{
	return 12 + (level - 1) * f->bits;
}

static u64 entry_read(struct pt *pt, u64 gpa)
{
	void *p = vm_hva(pt->vm, gpa);

	return formats[pt->mode].entry_size == 4 ? *(u32 *)p : *(u64 *)p;
}

static void entry_write(struct pt *pt, u64 gpa, u64 v)
{
	void *p = vm_hva(pt->vm, gpa);

	if (formats[pt->mode].entry_size == 4)
		*(volatile u32 *)p = v;
	else
		*(volatile u64 *)p = v;
}

/* Where the entry for @gva is; missing tables are made if @make */
static u64 walk(struct pt *pt, u64 gva, int level, bool make)
{
	const struct pt_format *f = &formats[pt->mode];
	u64 table = pt->root;

	for (int l = f->levels; ; l--) {
		int bits = l == f->levels ? f->top_bits : f->bits;
		u64 index = gva >> level_shift(f, l) & ((1ull << bits) - 1);
		u64 at = table + index * f->entry_size;
		u64 e;

		if (l == level)
			return at;
		e = entry_read(pt, at);
		if (!(e & PTE_P)) {
			if (!make)
				die("nothing mapped at 0x%lx, level %d", gva,
				    l);
			e = pt_alloc(pt->vm) | PTE_P;
			/* A PAE PDPTE has no rights (SDM 3A 4.4.1) */
			if (!(pt->mode == PT_PAE && l == 3))
				e |= PTE_W | PTE_U | PTE_A;
			entry_write(pt, at, e);
		} else if (l > 1 && l < 4 && (e & PTE_PS)) {
			die("a large page at 0x%lx, level %d", gva, l);
		}
		table = e & PTE_ADDR;
	}
}

static int page_level(struct pt *pt, u64 page_size)
{
	const struct pt_format *f = &formats[pt->mode];

	for (int l = 1; l <= f->levels; l++)
		if (page_size == 1ull << level_shift(f, l))
			return l;
	die("no pages of 0x%lx bytes in this mode", page_size);
}

void pt_map(struct pt *pt, u64 gva, u64 gpa, u64 page_size, u64 flags)
{
	int level = page_level(pt, page_size);

	entry_write(pt, walk(pt, gva, level, true),
		    gpa | flags | PTE_P | (level > 1 ? PTE_PS : 0));
}

void pt_map_range(struct pt *pt, u64 gva, u64 gpa, u64 size, u64 page_size,
		  u64 flags)
{
	for (u64 i = 0; i < size; i += page_size)
		pt_map(pt, gva + i, gpa + i, page_size, flags);
}

u64 pt_entry_gpa(struct pt *pt, u64 gva, int level)
{
	return walk(pt, gva, level, false);
}

u64 pt_get(struct pt *pt, u64 gva, int level)
{
	return entry_read(pt, walk(pt, gva, level, false));
}

void pt_set(struct pt *pt, u64 gva, int level, u64 entry)
{
	entry_write(pt, walk(pt, gva, level, false), entry);
}

void pt_flags(struct pt *pt, u64 gva, u64 size, u64 set, u64 clear)
{
	for (u64 a = gva; a - gva < size; a += PAGE_4K)
		pt_set(pt, a, 1, (pt_get(pt, a, 1) & ~clear) | set);
}

struct pt pt_new_empty(struct vm *vm, enum pt_mode mode)
{
	struct pt pt = { .vm = vm, .mode = mode };

	if (mode != PT_NONE)
		pt.root = pt_alloc(vm);
	return pt;
}

struct pt pt_new(struct vm *vm, enum pt_mode mode)
{
	struct pt pt = pt_new_empty(vm, mode);
	u64 flags = PTE_W | PTE_U | PTE_A | PTE_D;
	u64 large = mode == PT_32 ? PAGE_4M : PAGE_2M;

	if (mode == PT_NONE)
		return pt;
	pt_map_range(&pt, 0, 0, G_RAM_SIZE, PAGE_4K, flags);
	pt_map_range(&pt, G_RAM_SIZE, G_RAM_SIZE, (4ull << 30) - G_RAM_SIZE,
		     large, flags);
	return pt;
}
