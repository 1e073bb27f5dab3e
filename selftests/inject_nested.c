// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery that does not come through: an exit on the way to the handler (IDT
 * vectoring, SDM 3C 28.2.4), faults that the guest must see (SDM 3A table 6-5).
 */
#include "inject.h"

GUEST_SUITE(inject_nested)

/* ---- delivery that is interrupted by an exit (IDT vectoring) ------------ */

#define FRESH	0x20000000ull	/* memory that comes and goes in the host */
#define F_IDT	(FRESH + 0x0000)
#define F_GDT	(FRESH + 0x1000)
#define F_STACK	(FRESH + 0x8000)	/* top */
#define F_SIZE	0x10000

enum {
	EV_INT, EV_UD, EV_GP, EV_PF, EV_IRQ, EV_NMI, EV_INT3, EV_WRMSR,
	NR_EV
};

/* The event, on a stack of its own; TRY() is for those that fault */
#define ON_STACK(insn) ({						\
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp\n\t"		\
		     TRY(insn) "mov %%rbx, %%rsp"			\
		     : : "r"(F_STACK), "c"(0x12345)			\
		     : "rbx", "rax", "rdx", "memory");			\
})

static void guest_vectoring(u64 mask)
{
	guest_handlers[SOFT] = record;
	guest_handlers[VEC_UD] = record_and_fix;
	guest_handlers[VEC_GP] = record_and_fix;
	guest_handlers[VEC_PF] = record_and_fix;
	guest_handlers[VEC_BP] = record;
	guest_handlers[VEC_NMI] = record;
	guest_handlers[IRQ] = record;
	sti();
	for (u64 ev = 0; ev < NR_EV; ev++) {
		u64 at = 0;

		switch (ev) {
		case EV_INT:
			GUEST_SYNC(ev);
			asm volatile("mov %%rsp, %%rbx; mov %1, %%rsp;"
				     "int %2; 1: mov %%rbx, %%rsp;"
				     "lea 1b(%%rip), %0" : "=r"(at)
				     : "r"(F_STACK), "i"(SOFT)
				     : "rbx", "memory");
			GUEST_ASSERT_EQ(hits[SOFT], 1);
			GUEST_ASSERT_EQ(rips[SOFT], at);
			break;
		case EV_INT3:
			GUEST_SYNC(ev);
			asm volatile("mov %%rsp, %%rbx; mov %1, %%rsp;"
				     "int3; 1: mov %%rbx, %%rsp;"
				     "lea 1b(%%rip), %0" : "=r"(at)
				     : "r"(F_STACK) : "rbx", "memory");
			GUEST_ASSERT_EQ(hits[VEC_BP], 1);
			GUEST_ASSERT_EQ(rips[VEC_BP], at);
			break;
		case EV_UD:
			GUEST_SYNC(ev);
			ON_STACK("ud2");
			GUEST_ASSERT_EQ(hits[VEC_UD], 1);
			break;
		case EV_GP:
			GUEST_SYNC(ev);
			/* A selector beyond the GDT */
			ON_STACK("mov $0xff8, %%eax; mov %%eax, %%es");
			GUEST_ASSERT_EQ(hits[VEC_GP], 1);
			GUEST_ASSERT_EQ(errors[VEC_GP], 0xff8);
			break;
		case EV_WRMSR:
			GUEST_SYNC(ev);
			/* Raised by the module */
			ON_STACK("wrmsr");
			GUEST_ASSERT_EQ(hits[VEC_GP], 2);
			GUEST_ASSERT_EQ(errors[VEC_GP], 0);
			break;
		case EV_PF:
			GUEST_SYNC(ev);
			ON_STACK("movabs $0x10000001234, %%rax;"
				 "movb $1, (%%rax)");
			GUEST_ASSERT_EQ(hits[VEC_PF], 1);
			GUEST_ASSERT_EQ(errors[VEC_PF], PFEC_W);
			GUEST_ASSERT_EQ(cr2s, 0x10000001234);
			break;
		case EV_IRQ:
		case EV_NMI:
			/* The OUT leaves with the stack switched already */
			asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp;"
				     "out %%eax, %%dx; nop; mov %%rbx, %%rsp"
				     : : "r"(F_STACK), "a"(UCALL_SYNC),
				     "d"(UCALL_PORT), "D"(ev)
				     : "rbx", "memory");
			GUEST_ASSERT_EQ(hits[ev == EV_IRQ ? IRQ : VEC_NMI], 1);
			break;
		}
	}
	GUEST_DONE();
}

/* Tables and stack in shared memory whose pages the host takes away each time */
static void vectoring_test(struct vm *vm, struct vcpu *v, bool idt, bool gdt,
			   bool stack)
{
	struct kvm_sregs s = vcpu_sregs(v);
	int fd = memfd_create("fresh", 0);
	char *p;

	require(fd >= 0 && !ftruncate(fd, F_SIZE));
	p = mmap(NULL, F_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	require(p != MAP_FAILED);
	vm_add_mem_at(vm, 7, FRESH, F_SIZE, 0, p);
	memcpy(p, vm_hva(vm, G_IDT), PAGE_4K);
	memcpy(p + 0x1000, vm_hva(vm, G_GDT(0)), GDT_LIMIT + 1);
	if (idt)
		s.idt.base = F_IDT;
	if (gdt)
		s.gdt.base = F_GDT;
	vcpu_set_sregs(v, &s);
	vcpu_set_entry(v, guest_vectoring);
	for (int ev = 0; ev < NR_EV; ev++) {
		expect_sync(v, ev);
		if (stack)
			memset(p + 0x3000, 0xcc, 0x5000);
		require(!madvise(p, F_SIZE, MADV_DONTNEED));
		if (ev == EV_IRQ)
			interrupt(v, IRQ);
		if (ev == EV_NMI)
			require(!ioctl(v->fd, KVM_NMI, 0));
	}
	expect_done(v);
	close(fd);
}

TEST_F(inject_nested, vectoring_stack_absent)
{
	vectoring_test(self->vm, self->vcpu, false, false, true);
}

TEST_F(inject_nested, vectoring_idt_absent)
{
	vectoring_test(self->vm, self->vcpu, true, false, false);
}

TEST_F(inject_nested, vectoring_all_absent)
{
	vectoring_test(self->vm, self->vcpu, true, true, true);
}

/* The handler's stack is no memory at all: an error, and the host lives */
static void guest_stack_in_hole(void)
{
	asm volatile("mov %0, %%rsp; ud2" : : "r"(0xd0001000ull));
}

TEST_F(inject_nested, vectoring_to_mmio)
{
	u32 reason;

	vcpu_set_entry(self->vcpu, guest_stack_in_hole);
	reason = vcpu_run_any(self->vcpu);
	ASSERT_TRUE(reason == KVM_EXIT_INTERNAL_ERROR ||
		    reason == KVM_EXIT_SHUTDOWN);
}

/* ---- faults during delivery that the guest must see (SDM 3A table 6-5) -- */

static volatile u64 df_hits;

static void df_handler(struct guest_regs *regs)
{
	df_hits++;
	GUEST_ASSERT_EQ(regs->error, 0);
	/* #DF is an abort; its stack here is good: go on after TRY() */
	regs->rip = guest_cpu()->fixup;
}

/* A handler whose gate was broken gets it back, and the guest goes on */
static void absent_gate(unsigned int vec)
{
	((volatile u8 *)G_IDT)[vec * 16 + 5] = 0x0e;
}

static void present_gate(unsigned int vec)
{
	((volatile u8 *)G_IDT)[vec * 16 + 5] = 0x8e;
}

#define GP_INSN		"mov $0xff8, %%eax; mov %%eax, %%es"
#define PF_INSN		"movabs $0x10000000000, %%rax; movb (%%rax), %%al"
#define FAULT(insn) ({							\
	asm volatile(TRY(insn) : : "c"(0x12345)				\
		     : "rax", "rdx", "memory");				\
})

static void guest_double_fault(void)
{
	guest_handlers[VEC_DF] = df_handler;
	guest_handlers[VEC_NP] = record_and_fix;
	guest_handlers[VEC_PF] = record_and_fix;

	/* Benign, then contributory: the second, with EXT = 1 for a fault */
	absent_gate(VEC_UD);
	FAULT("ud2");
	GUEST_ASSERT_EQ(df_hits, 0);
	GUEST_ASSERT_EQ(hits[VEC_NP], 1);
	GUEST_ASSERT_EQ(errors[VEC_NP], VEC_UD * 8 + 3);
	present_gate(VEC_UD);

	/* Contributory twice */
	absent_gate(VEC_GP);
	FAULT(GP_INSN);
	GUEST_ASSERT_EQ(df_hits, 1);
	/* the same raised by the module */
	FAULT("wrmsr");
	GUEST_ASSERT_EQ(df_hits, 2);
	present_gate(VEC_GP);

	/* Page fault, then contributory */
	absent_gate(VEC_PF);
	FAULT(PF_INSN);
	GUEST_ASSERT_EQ(df_hits, 3);
	GUEST_ASSERT_EQ(read_cr2(), 1ull << 40);
	present_gate(VEC_PF);
	GUEST_ASSERT_EQ(hits[VEC_NP], 1);
	GUEST_DONE();
}

TEST_F(inject_nested, double_fault)
{
	vcpu_set_entry(self->vcpu, guest_double_fault);
	expect_done(self->vcpu);
}

static u64 bad_stack;

static void guest_stack_not_present(void)
{
	struct { u32 r0; u64 rsp[3]; u64 r1, ist[7]; } __attribute__((packed))
		volatile *tss = (void *)G_TSS(0);

	guest_handlers[VEC_DF] = df_handler;
	guest_handlers[VEC_PF] = record_and_fix;
	/* #PF on a good stack */
	tss->ist[1] = G_IST(0) - 0x1000;
	((volatile u8 *)G_IDT)[VEC_PF * 16 + 4] = 2;

	/* Benign or contributory, then #PF: the page fault is what arrives */
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp;" TRY("ud2")
		     "mov %%rbx, %%rsp" : : "r"(bad_stack)
		     : "rbx", "memory");
	GUEST_ASSERT_EQ(hits[VEC_PF], 1);
	GUEST_ASSERT_EQ(errors[VEC_PF], PFEC_W);
	GUEST_ASSERT_EQ(cr2s, bad_stack - 8);
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp;" TRY(GP_INSN)
		     "mov %%rbx, %%rsp" : : "r"(bad_stack)
		     : "rax", "rbx", "memory");
	GUEST_ASSERT_EQ(hits[VEC_PF], 2);
	GUEST_ASSERT_EQ(df_hits, 0);
	/* A software interrupt too, and it can be done again */
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp;" TRY("int %1")
		     "mov %%rbx, %%rsp" : : "r"(bad_stack), "i"(SOFT)
		     : "rbx", "memory");
	GUEST_ASSERT_EQ(hits[VEC_PF], 3);
	GUEST_ASSERT_EQ(hits[SOFT], 0);
	/* Raised by the module */
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp;" TRY("wrmsr")
		     "mov %%rbx, %%rsp" : : "r"(bad_stack), "c"(0x12345)
		     : "rax", "rdx", "rbx", "memory");
	GUEST_ASSERT_EQ(hits[VEC_PF], 4);
	GUEST_ASSERT_EQ(df_hits, 0);

	/* #PF on the bad stack, then #PF: double fault */
	((volatile u8 *)G_IDT)[VEC_PF * 16 + 4] = 0;
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp;" TRY(PF_INSN)
		     "mov %%rbx, %%rsp" : : "r"(bad_stack)
		     : "rax", "rbx", "memory");
	GUEST_ASSERT_EQ(df_hits, 1);
	GUEST_DONE();
}

/* In the shadow MMU this #PF during delivery is an exit of its own */
TEST_F(inject_nested, fault_during_delivery)
{
	struct vm *vm = self->vm;

	bad_stack = G_DATA + 0x10000;
	pt_set(&vm->pt, bad_stack - PAGE_4K, 1, 0);
	sync_to_guest(vm, bad_stack);
	vcpu_set_entry(self->vcpu, guest_stack_not_present);
	expect_done(self->vcpu);
}

static void guest_triple(void)
{
	absent_gate(VEC_DF);
	absent_gate(VEC_NP);
	absent_gate(VEC_GP);
	asm volatile("mov $0xff8, %%eax; mov %%eax, %%es" : : : "rax");
}

TEST_F(inject_nested, triple_fault)
{
	vcpu_set_entry(self->vcpu, guest_triple);
	expect_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
}

static void guest_lives(void)
{
	GUEST_DONE();
}

/* The vCPU can be used again after a shutdown: user space resets it */
TEST_F(inject_nested, life_after_shutdown)
{
	vcpu_set_entry(self->vcpu, guest_triple);
	expect_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
	vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
	vcpu_set_entry(self->vcpu, guest_lives);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
