/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for emulation.c: one instruction in one state, to be executed by the
 * CPU and by the emulator.
 *
 * Whatever the instruction does, the guest stops soon after: all memory that
 * can be jumped to holds HLT, and so do the handlers of all vectors (at CPL 3
 * HLT is a #GP). RIP tells which of them it was.
 */
#ifndef SELFTEST_DIFF_H
#define SELFTEST_DIFF_H

#include "kvmtest.h"

/* Linear is physical. Real mode reaches all of it. */
#define D_HANDLERS	0x0500		/* vector n: HLT at D_HANDLERS + n */
#define D_GDT		0x0800
#define D_LDT		0x0a00
#define D_IDT32		0x0c00
#define D_TSS32		0x1000
#define D_TSS64		0x1200
#define D_TASK32	0x1400		/* tasks to be switched to */
#define D_TASK16	0x1500
#define D_IDT64		0x2000
#define D_CODE		0x3000		/* a page; the instruction is at D_INSN */
#define D_INSN		0x3100
#define D_TARGET	0x3800		/* where jumps should go */
#define D_STACK0	0x5000		/* tops */
#define D_STACK3	0x6000
#define D_DATA		0x6000		/* two pages, writable */
#define D_READONLY	0x8000
#define D_SUPERVISOR	0x9000
#define D_ABSENT	0xa000
#define D_TABLES	0xb000		/* read-only for the guest itself */
#define D_TABLES_END	0x12000
#define D_SIZE		0x12000		/* what there is, and is compared */
#define D_VECTORS	64

#define D_ROOT64	D_TABLES
#define D_ROOT32	(D_TABLES + 0x4000)
#define D_ROOT64_HIGH	(D_TABLES + 0x6000)

/*
 * In IA-32e mode all of it is there a second time. What lies in the lower half of
 * these addresses is not mapped: who drops their upper half does not get far.
 */
#define D_HIGH		0xfffffe0040000000ull

enum diff_mode {
	DIFF_REAL, DIFF_PROT16, DIFF_PROT32, DIFF_V86, DIFF_COMPAT, DIFF_LONG,
	DIFF_MODES,
};

extern const char *const diff_mode_names[DIFF_MODES];

struct diff_case {
	u64 seed;
	enum diff_mode mode;
	unsigned int cpl;
	unsigned int len;
	u8 insn[16];
	const char *what;
	u64 undefined_flags;
	bool fpu;		/* its state is worth comparing */
	bool any_push;		/* a faulting one may have pushed */
	bool any_order;		/* CPUs differ in the order of its accesses */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	u8 mem[D_SIZE];
};

/* Eight bytes at a time: the harness's memcpy() counts single ones */
static inline void diff_copy(void *to, const void *from)
{
	u64 n = D_SIZE / 8;

	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* diff_world.c: tables, tasks, segments */
void diff_world(u8 *mem);
void diff_segment(const u8 *mem, u16 sel, bool lma, struct kvm_segment *s);
void diff_sregs(struct diff_case *c, u64 random);
/* diff_gen.c */
u64 diff_random(u64 *state);
void diff_generate(struct diff_case *c, enum diff_mode mode, u64 seed);

#endif
