// SPDX-License-Identifier: GPL-2.0-only
/* The guest of emulation.c: descriptor tables, tasks, page tables */
#define SELFTEST_LIB
#include "diff.h"

const char *const diff_mode_names[DIFF_MODES] = {
	"real", "prot16", "prot32", "v86", "compat", "long",
};

/* Access byte and flags (G = 8, D/B = 4, L = 2): SDM 3A 3.4.5 */
#define DESC(base, limit, access, flags)				\
	(((u64)(limit) & 0xffff) | ((u64)(base) & 0xffffff) << 16 |	\
	 (u64)(access) << 40 | ((u64)(limit) >> 16 & 15) << 48 |	\
	 (u64)(flags) << 52 | ((u64)(base) >> 24 & 0xff) << 56)
#define GATE(sel, off, access, more)					\
	(((u64)(off) & 0xffff) | (u64)(sel) << 16 | (u64)(more) << 32 |	\
	 (u64)(access) << 40 | (u64)((off) >> 16) << 48)

static const u64 gdt[32] = {
	[1] = DESC(0, 0xfffff, 0x9b, 0xc),	/* 08 code, 32 bits */
	[2] = DESC(0, 0xfffff, 0x93, 0xc),	/* 10 data */
	[3] = DESC(0, 0xfffff, 0x9b, 0xa),	/* 18 code, 64 bits */
	[4] = DESC(0, 0xfffff, 0xf3, 0xc),	/* 23 data, DPL 3 */
	[5] = DESC(0, 0xfffff, 0xfb, 0xc),	/* 2b code, 32 bits, DPL 3 */
	[6] = DESC(0, 0xfffff, 0xfb, 0xa),	/* 33 code, 64 bits, DPL 3 */
	[7] = DESC(0, 0xffff, 0x9b, 0x0),	/* 38 code, 16 bits */
	[8] = DESC(0, 0xffff, 0x93, 0x0),	/* 40 data, 16 bits */
	[9] = DESC(D_TSS64, 0x90, 0x8b, 0),	/* 48 TSS, 64 bits */
	[11] = DESC(D_TSS32, 0xa9, 0x8b, 0),	/* 58 TSS, 32 bits */
	[12] = DESC(D_TASK32, 0x67, 0x89, 0),	/* 60 */
	[13] = DESC(D_TASK16, 0x2b, 0x81, 0),	/* 68 */
	[14] = DESC(D_LDT, 0xff, 0x82, 0),	/* 70 LDT */
	[16] = GATE(0x08, D_TARGET + 0x10, 0xec, 1),	/* 80 call gate, 32 */
	[18] = GATE(0x60, 0, 0xe5, 0),		/* 90 task gate */
	[19] = DESC(0, 0xfffff, 0x9f, 0xc),	/* 98 conforming */
	[20] = DESC(0, 0x6fff, 0xf7, 0x4),	/* a3 expand-down */
	[21] = DESC(0, 0xfffff, 0x73, 0xc),	/* ab not present */
	[22] = GATE(0x38, D_TARGET + 0x20, 0xe4, 2),	/* b0 call gate, 16 */
	[23] = DESC(0, 0xfffff, 0xf9, 0xc),	/* bb execute-only */
	[24] = DESC(0, 0xfffff, 0x9f, 0xa),	/* c0 conforming, 64 bits */
	[25] = DESC(0, 0xfffff, 0xf2, 0xc),	/* cb not accessed */
	[26] = DESC(0, 0xfffff, 0x9a, 0xc),	/* d0 the same, code */
	[27] = DESC(0, 0xfffff, 0xf1, 0xc),	/* db read-only */
	[28] = DESC(D_DATA, 0x1000, 0xf3, 0x4),	/* e3 short */
	[29] = DESC(0, 0xffff, 0xfb, 0x0),	/* eb code, 16 bits, DPL 3 */
	[30] = DESC(0, 0xffff, 0xf3, 0x0),	/* f3 data, 16 bits, DPL 3 */
};

static const u64 ldt[32] = {
	[0] = DESC(0, 0xfffff, 0x9b, 0xc),
	[1] = DESC(0, 0xfffff, 0xf3, 0xc),
	[2] = DESC(0x100, 0xfffff, 0xfb, 0xc),
	[3] = DESC(D_DATA, 0xfff, 0xf7, 0xc),
	[4] = DESC(0, 0xfffff, 0xfb, 0xa),
	[5] = DESC(0, 0xfffff, 0x92, 0x4),
	/* 64-bit call gate, whose upper half would be another entry */
	[6] = GATE(0x18, D_TARGET + 0x30, 0xec, 0),
};

static u64 idt32_entry(unsigned int v)
{
	u32 off = D_HANDLERS + v;

	switch (v) {
	case 3: case 4: case 32:
		return GATE(0x08, off, 0xee, 0);	/* DPL 3 */
	case 33:
		return GATE(0x08, off, 0xef, 0);	/* trap gate */
	case 34:
		return GATE(0x38, off, 0xe6, 0);	/* 16 bits */
	case 35:
		return GATE(0x38, off, 0xe7, 0);
	case 36:
		return GATE(0x60, 0, 0xe5, 0);		/* task gate */
	case 37:
		return GATE(0x08, off, 0x6e, 0);	/* not present */
	case 38:
		return GATE(0x98, off, 0xee, 0);	/* conforming */
	case 39:
		return GATE(0x2b, off, 0xee, 0);	/* outer level */
	case 40:
		return GATE(0x10, off, 0xee, 0);	/* no code */
	case 41:
		return GATE(0x08, off, 0xec, 0);	/* no gate of an IDT */
	case 42:
		return GATE(0x68, 0, 0xe5, 0);		/* 16-bit task */
	case 43:
		return 0;
	default:
		return GATE(0x08, off, 0x8e, 0);
	}
}

static u64 idt64_entry(unsigned int v)
{
	u64 e = idt32_entry(v);
	u16 sel = e >> 16;

	switch (sel) {
	case 0x08:
		sel = 0x18;
		break;
	case 0x98:
		sel = 0xc0;
		break;
	case 0x2b:
		sel = 0x33;
		break;
	}
	e = (e & ~0xffff0000ull) | (u64)sel << 16;
	if (v == 44 || v == 13)
		e |= 1ull << 32;	/* IST 1 */
	return e;
}

static void put(u8 *mem, u64 at, u64 val, unsigned int size)
{
	memcpy(mem + at, &val, size);
}

/* SDM 3A figures 8-2, 8-10, 8-11; maps of interrupts and ports behind it */
static void put_tasks(u8 *mem)
{
	unsigned int i;

	memset(mem + D_TSS32, 0, 0x100);
	memset(mem + D_TSS64, 0, 0x100);
	memset(mem + D_TASK32, 0, 0x200);
	put(mem, D_TSS32 + 4, D_STACK0 - 0x200, 4);
	put(mem, D_TSS32 + 8, 0x10, 2);
	put(mem, D_TSS32 + 0x1c, D_ROOT32, 4);
	put(mem, D_TSS32 + 0x66, 0x88, 2);
	put(mem, D_TSS64 + 4, D_HIGH + D_STACK0 - 0x200, 8);
	put(mem, D_TSS64 + 0x24, D_HIGH + D_STACK0 - 0x400, 8);
	put(mem, D_TSS64 + 0x66, 0x70, 2);
	for (i = 0; i < 0x20; i++) {
		mem[D_TSS32 + 0x68 + i] = 0x5a + i * 37;
		mem[D_TSS32 + 0x88 + i] = i * 29;
		mem[D_TSS64 + 0x70 + i] = i * 29;
	}
	mem[D_TSS32 + 0xa8] = 0xff;
	mem[D_TSS64 + 0x90] = 0xff;

	put(mem, D_TASK32 + 0x1c, D_ROOT32, 4);
	put(mem, D_TASK32 + 0x20, D_TARGET + 0x40, 4);
	put(mem, D_TASK32 + 0x24, 0x202, 4);
	for (i = 0; i < 8; i++) {
		put(mem, D_TASK32 + 0x28 + 4 * i, 0x11111111 * i, 4);
		put(mem, D_TASK16 + 0x12 + 2 * i, 0x1111 * i, 2);
	}
	put(mem, D_TASK32 + 0x38, D_STACK0 - 0x600, 4);
	put(mem, D_TASK32 + 0x48, 0x23, 4);
	put(mem, D_TASK32 + 0x4c, 0x08, 4);
	put(mem, D_TASK32 + 0x50, 0x10, 4);
	put(mem, D_TASK32 + 0x54, 0x10, 4);
	put(mem, D_TASK32 + 0x60, 0x70, 4);
	put(mem, D_TASK32 + 0x66, 0x68, 2);

	put(mem, D_TASK16 + 0x0e, D_TARGET + 0x50, 2);
	put(mem, D_TASK16 + 0x10, 0x2, 2);
	put(mem, D_TASK16 + 0x1a, D_STACK0 - 0x600, 2);
	put(mem, D_TASK16 + 0x22, 0x40, 2);
	put(mem, D_TASK16 + 0x24, 0x38, 2);
	put(mem, D_TASK16 + 0x26, 0x40, 2);
	put(mem, D_TASK16 + 0x28, 0x40, 2);
}

/* A and D are set already: nothing to be written by the CPU */
static void put_page_tables(u8 *mem)
{
	const u64 table = PTE_P | PTE_W | PTE_U | PTE_A;
	unsigned int i;

	memset(mem + D_TABLES, 0, D_TABLES_END - D_TABLES);
	put(mem, D_ROOT64, (D_ROOT64 + 0x1000) | table, 8);
	put(mem, D_ROOT64 + 0x1000, (D_ROOT64 + 0x2000) | table, 8);
	put(mem, D_ROOT64 + 0x2000, (D_ROOT64 + 0x3000) | table, 8);
	put(mem, D_ROOT64 + 8 * (D_HIGH >> 39 & 511), D_ROOT64_HIGH | table, 8);
	put(mem, D_ROOT64_HIGH + 8 * (D_HIGH >> 30 & 511),
	    (D_ROOT64 + 0x2000) | table, 8);
	put(mem, D_ROOT32, (D_ROOT32 + 0x1000) | table, 4);
	for (i = 0; i < D_SIZE / 0x1000; i++) {
		u64 e = i * 0x1000 | PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;

		switch (i * 0x1000) {
		case D_READONLY:
		case D_TABLES ... D_TABLES_END - 1:
			e &= ~PTE_W;
			break;
		case D_SUPERVISOR:
			e &= ~PTE_U;
			break;
		case D_ABSENT:
			e = 0;
			break;
		}
		put(mem, D_ROOT64 + 0x3000 + 8 * i, e, 8);
		put(mem, D_ROOT32 + 0x1000 + 4 * i, e, 4);
	}
}

/* All but the data and the stacks, which are the case's */
void diff_world(u8 *to)
{
	static u8 mem[D_SIZE] __attribute__((aligned(8)));
	unsigned int i;

	if (mem[D_CODE]) {	/* made already */
		diff_copy(to, mem);
		return;
	}
	memset(mem, 0xf4, D_SIZE);
	for (i = 0; i < 256; i++)
		put(mem, 4 * i, D_HANDLERS + (i & 0xff), 4);
	memcpy(mem + D_GDT, gdt, sizeof(gdt));
	memcpy(mem + D_LDT, ldt, sizeof(ldt));
	for (i = 0; i < D_VECTORS; i++) {
		put(mem, D_IDT32 + 8 * i, idt32_entry(i), 8);
		put(mem, D_IDT64 + 16 * i, idt64_entry(i), 8);
		put(mem, D_IDT64 + 16 * i + 8, 0, 8);
	}
	put_tasks(mem);
	put_page_tables(mem);
	diff_copy(to, mem);
}

/* What loading the selector makes of a segment register */
void diff_segment(const u8 *mem, u16 sel, bool lma, struct kvm_segment *s)
{
	u64 d;

	memcpy(&d, mem + (sel & 4 ? D_LDT : D_GDT) + (sel & ~7), 8);
	*s = (struct kvm_segment) {
		.selector = sel,
		.base = (d >> 16 & 0xffffff) | (d >> 56) << 24,
		.limit = (d & 0xffff) | (d >> 48 & 15) << 16,
		.type = d >> 40 & 15, .s = d >> 44 & 1, .dpl = d >> 45 & 3,
		.present = d >> 47 & 1, .avl = d >> 52 & 1, .l = d >> 53 & 1,
		.db = d >> 54 & 1, .g = d >> 55,
	};
	if (s->g)
		s->limit = s->limit << 12 | 0xfff;
	if (!(sel & ~3))
		*s = (struct kvm_segment) { .selector = sel, .unusable = 1 };
}

static void data_segments(struct diff_case *c, u64 random)
{
	static const u16 outer[] = { 0x23, 0x23, 0x23, 0xa3, 0xdb, 0xe3, 0, 0x0f };
	static const u16 inner[] = { 0x10, 0x10, 0x10, 0x23, 0x40, 0xa3, 0, 0x0f };
	const u16 *sel = c->cpl ? outer : inner;
	bool lma = c->mode == DIFF_COMPAT || c->mode == DIFF_LONG;
	struct kvm_sregs *s = &c->sregs;

	diff_segment(c->mem, sel[random & 7], lma, &s->ds);
	diff_segment(c->mem, sel[random >> 3 & 7], lma, &s->es);
	diff_segment(c->mem, sel[random >> 6 & 7], lma, &s->fs);
	diff_segment(c->mem, sel[random >> 9 & 7], lma, &s->gs);
	if (c->mode == DIFF_LONG) {
		s->fs.base = D_DATA + (random >> 12 & 0xff0);
		s->gs.base = D_DATA + (random >> 20 & 0xff0);
	}
}

static void flat8086(struct kvm_segment *s, u16 sel, bool v86)
{
	*s = (struct kvm_segment) {
		.selector = sel, .base = sel << 4, .limit = 0xffff,
		.type = 3, .s = 1, .present = 1,
		.dpl = v86 ? 3 : 0,
	};
}

/* System registers for the mode and privilege level of the case */
void diff_sregs(struct diff_case *c, u64 random)
{
	static const u16 bases[] = { 0, 0, 0x300, 0x600 };
	static const u16 code[] = { 0, 0x300, 0x200, 0x2ff };
	struct kvm_sregs *s = &c->sregs;
	bool v86 = c->mode == DIFF_V86;

	s->cr0 = X86_CR0_ET | X86_CR0_NE | X86_CR0_WP;
	s->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	s->cr2 = 0;
	s->cr3 = 0;
	s->cr8 = 0;
	s->efer = 0;
	s->gdt = (struct kvm_dtable) { .base = D_GDT, .limit = 0xff };
	s->idt = (struct kvm_dtable) { .base = 0, .limit = 0x3ff };
	s->ldt = (struct kvm_segment) { .unusable = 1, .type = 2 };
	if (random >> 40 & 1)
		s->cr0 |= X86_CR0_AM;
	if (random >> 41 & 1)
		s->cr4 |= X86_CR4_VME | X86_CR4_DE;
	if (!(random >> 42 & 15))
		s->cr4 |= X86_CR4_TSD | X86_CR4_PCE;
	if (!(random >> 46 & 7))
		s->cr0 |= X86_CR0_TS | X86_CR0_MP;
	diff_segment(c->mem, 0x58, false, &s->tr);
	if (c->mode == DIFF_REAL || v86) {
		flat8086(&s->cs, code[random & 3], v86);
		flat8086(&s->ss, bases[random >> 2 & 1], v86);
		flat8086(&s->ds, bases[random >> 3 & 3], v86);
		flat8086(&s->es, bases[random >> 5 & 3], v86);
		flat8086(&s->fs, bases[random >> 7 & 3], v86);
		flat8086(&s->gs, bases[random >> 9 & 3], v86);
	}
	if (c->mode == DIFF_REAL)
		return;
	s->cr0 |= X86_CR0_PE | X86_CR0_PG;
	s->cr3 = D_ROOT32;
	s->idt = (struct kvm_dtable) {
		.base = D_IDT32, .limit = D_VECTORS * 8 - 1,
	};
	diff_segment(c->mem, 0x70, false, &s->ldt);
	if (v86)
		return;
	if (c->mode == DIFF_COMPAT || c->mode == DIFF_LONG) {
		s->efer = EFER_LME | EFER_LMA | EFER_SCE;
		s->cr3 = D_ROOT64;
		s->cr4 |= X86_CR4_PAE;
		s->idt = (struct kvm_dtable) {
			.base = D_IDT64, .limit = D_VECTORS * 16 - 1,
		};
		diff_segment(c->mem, 0x48, true, &s->tr);
	}
	if (c->mode == DIFF_COMPAT) {
		/* as 64-bit systems have them for their 32-bit processes */
		s->gdt.base += D_HIGH;
		s->idt.base += D_HIGH;
		s->ldt.base += D_HIGH;
		s->tr.base += D_HIGH;
	}
	data_segments(c, random);
	if (c->mode == DIFF_PROT16) {
		diff_segment(c->mem, c->cpl ? 0xeb : 0x38, false, &s->cs);
		diff_segment(c->mem, c->cpl ? 0xf3 : 0x40, false, &s->ss);
	} else {
		diff_segment(c->mem, c->mode == DIFF_LONG ?
			     (c->cpl ? 0x33 : 0x18) : (c->cpl ? 0x2b : 0x08),
			     false, &s->cs);
		diff_segment(c->mem, c->cpl ? 0x23 : 0x10, false, &s->ss);
	}
}
