// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trap flag where STI and MOV SS hold events back (SDM 3A 6.8.3), and INT1:
 * VM entry has rules of its own for each (SDM 3C 27.3.1.5).
 */
#include "kvmtest.h"

GUEST_SUITE(debug_traps)

#define STEPS	6

static u64 steps[STEPS];
static unsigned int nr_steps;

/* Note where, and stop stepping when there is no more room */
static void on_trap(struct guest_regs *regs)
{
	if (nr_steps < STEPS)
		steps[nr_steps++] = regs->rip;
	else
		regs->rflags &= ~(u64)X86_EFLAGS_TF;
}

/* TF is on from the first of @insns; their labels 1 and 2 are noted in at[] */
#define STEP_OVER(insns) do {						\
	nr_steps = 0;							\
	asm volatile("cli; lea 1f(%%rip), %%rdi; lea 2f(%%rip), %%rsi;"	\
		     "mov %%ss, %%r8d; xor %%eax, %%eax; xor %%ecx, %%ecx;" \
		     "pushfq; orl $0x100, (%%rsp); popfq;"		\
		     insns						\
		     "nop; nop; nop; nop; nop; nop; nop; nop; nop; nop;" \
		     "cli; pushfq; andl $~0x100, (%%rsp); popfq;"	\
		     "mov %%rdi, 0(%0); mov %%rsi, 8(%0)"		\
		     : : "r"(at)					\
		     : "rax", "rbx", "rcx", "rdx", "rdi", "rsi", "r8",	\
		       "memory");					\
} while (0)

#define GUEST(name, insns)						\
	static void guest_##name(void)					\
	{								\
		u64 at[2];						\
									\
		guest_handlers[VEC_DB] = on_trap;			\
		STEP_OVER(insns);					\
		GUEST_ASSERT_EQ(steps[0], at[0]);			\
		GUEST_ASSERT_EQ(steps[1], at[1]);			\
		GUEST_ASSERT_EQ(nr_steps, STEPS);			\
		GUEST_DONE();						\
	}								\
									\
	TEST_F(debug_traps, name)					\
	{								\
		vcpu_set_entry(self->vcpu, guest_##name);		\
		expect_done(self->vcpu);				\
	}

/* STI holds no trap back */
GUEST(sti, "sti; 1: nop; 2: nop;")
/* MOV SS does, to the end of the next instruction */
GUEST(mov_ss, "mov %%r8d, %%ss; nop; 1: nop; 2: nop;")
/* ... also where that one exits */
GUEST(mov_ss_cpuid, "mov %%r8d, %%ss; cpuid; 1: nop; 2: nop;")
/* INT1 is not held back */
GUEST(mov_ss_int1, "mov %%r8d, %%ss; .byte 0xf1; 1: nop; 2: nop;")
GUEST(int1, ".byte 0xf1; 1: nop; 2: nop;")

TEST_HARNESS_MAIN
