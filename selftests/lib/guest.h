/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C code of a test that runs in the guest may use, besides x86.h.
 *
 * A guest function is an ordinary function of the test: the whole program is
 * copied into guest memory at the address it is linked at. It must not call
 * the C library. Its global variables are the guest's own copies.
 */
#ifndef SELFTEST_GUEST_H
#define SELFTEST_GUEST_H

#include <stddef.h>
#include "x86.h"

/* ---- telling the host something ---------------------------------------- */

#define UCALL_PORT	0x6b76

enum ucall_cmd {
	UCALL_NONE,
	UCALL_SYNC,		/* args: stage and four values */
	UCALL_DONE,		/* args: result */
	UCALL_ASSERT,		/* args: file, line, text, two values */
	UCALL_PRINT,		/* args: format and four values */
	UCALL_EXCEPTION,	/* args: vector, error, rip, cr2, rsp */
};

/* Everything travels in registers: works with any page tables */
static inline void ucall(enum ucall_cmd cmd, u64 a0, u64 a1, u64 a2, u64 a3,
			 u64 a4)
{
	register u64 r8 asm("r8") = a3;
	register u64 r9 asm("r9") = a4;

	asm volatile("outl %%eax, %%dx" : : "a"(cmd), "d"(UCALL_PORT),
		     "D"(a0), "S"(a1), "c"(a2), "r"(r8), "r"(r9) : "memory");
}

#define GUEST_SYNC(stage)	ucall(UCALL_SYNC, (stage), 0, 0, 0, 0)
#define GUEST_SYNC_ARGS(stage, a, b, c, d) \
	ucall(UCALL_SYNC, (stage), (a), (b), (c), (d))
#define GUEST_DONE()		ucall(UCALL_DONE, 0, 0, 0, 0, 0)
#define GUEST_RETURN(v)		ucall(UCALL_DONE, (v), 0, 0, 0, 0)
/* A line in the test's log; the format is printf's, arguments are u64 (%lx) */
#define GUEST_PRINT(fmt, a, b, c) \
	ucall(UCALL_PRINT, (u64)(fmt), (u64)(a), (u64)(b), (u64)(c), 0)

#define GUEST_ASSERT(cond) do {						\
	if (!(cond))							\
		ucall(UCALL_ASSERT, (u64)__FILE__, __LINE__,		\
		      (u64)#cond, 1, 0);				\
} while (0)

#define GUEST_ASSERT_CMP(a, op, b) do {					\
	u64 ga_ = (u64)(a), gb_ = (u64)(b);				\
	if (!(ga_ op gb_))						\
		ucall(UCALL_ASSERT, (u64)__FILE__, __LINE__,		\
		      (u64)(#a " " #op " " #b), ga_, gb_);		\
} while (0)
#define GUEST_ASSERT_EQ(a, b)	GUEST_ASSERT_CMP(a, ==, b)
#define GUEST_ASSERT_NE(a, b)	GUEST_ASSERT_CMP(a, !=, b)

/* ---- exceptions and interrupts ------------------------------------------ */

#define GUEST_NO_EXCEPTION	0x100

/* Per vCPU, at the base of GS */
struct guest_cpu {
	u64 self;
	u64 fixup;	/* where to go on after an exception, or 0 */
	u64 vector;	/* the last one that took the fixup */
	u64 error;
	u64 cr2;
	u64 rip;	/* of the instruction that faulted */
	u64 rflags;
	u64 id;
	u64 count;	/* exceptions and interrupts taken, all vectors */
	u64 dr6;
};

static inline struct guest_cpu *guest_cpu(void)
{
	struct guest_cpu *c;

	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/*
 * Run an instruction that may fault:
 *
 *	asm volatile(TRY("rdmsr") : "=a"(lo), "=d"(hi) : "c"(msr));
 *	GUEST_ASSERT_EQ(caught(), VEC_GP);
 *
 * The rest of the record is in guest_cpu(). For extended asm (has operands).
 */
#define TRY(insn)						\
	"movq $0x100, %%gs:16\n\t"				\
	"movq $771f, %%gs:8\n\t"				\
	insn "\n"						\
	"771:\tmovq $0, %%gs:8\n\t"

static inline u64 caught(void)
{
	/* TRY() does not tell the compiler that it changes */
	return *(volatile u64 *)&guest_cpu()->vector;
}

/* caught() of RDMSR and WRMSR */
static inline u64 try_rdmsr(u64 msr)
{
	asm volatile(TRY("rdmsr") : : "c"((u32)msr) : "rax", "rdx", "memory");
	return caught();
}

static inline u64 try_wrmsr(u32 msr, u64 val)
{
	asm volatile(TRY("wrmsr") : : "c"(msr), "a"((u32)val),
		     "d"((u32)(val >> 32)) : "memory");
	return caught();
}

struct guest_regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/*
 * A handler of the guest's own; it may change the frame. Vectors without one
 * go to the fixup of TRY(), or end the test with UCALL_EXCEPTION.
 */
typedef void (*guest_handler)(struct guest_regs *regs);
extern guest_handler guest_handlers[256];

/* Run fn(arg) at CPL 3 on the user stack and come back; returns fn's result */
u64 guest_user_call(u64 (*fn)(u64), u64 arg);

#endif
