// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that reach the guest: injected by user space, raised by the module,
 * interrupted on their way to the handler (SDM 3A 6, 3C 25.8, 27.8.2).
 */
#include "kvmtest.h"

#define IRQ	0x40
#define SOFT	0xf1		/* a gate of DPL 3 */

GUEST_SUITE(inject)

/* What the guest's handlers saw */
static volatile u64 hits[256], errors[256], rips[256], cr2s;

static void record(struct guest_regs *regs)
{
	hits[regs->vector]++;
	errors[regs->vector] = regs->error;
	rips[regs->vector] = regs->rip;
	if (regs->vector == VEC_PF)
		cr2s = read_cr2();
}

/* record(), and go on after the TRY() that faulted */
static void record_and_fix(struct guest_regs *regs)
{
	record(regs);
	regs->rip = guest_cpu()->fixup;
}

static void skip_ud2(struct guest_regs *regs)
{
	record(regs);
	regs->rip += 2;
}

/* ---- injected by user space ---------------------------------------------------- */

static void guest_wait_for_exception(void)
{
	guest_handlers[VEC_UD] = record;
	guest_handlers[VEC_GP] = record;
	guest_handlers[VEC_DE] = record;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(hits[VEC_UD], 1);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(hits[VEC_GP], 1);
	GUEST_ASSERT_EQ(errors[VEC_GP], 0x5678);
	GUEST_SYNC(3);
	GUEST_ASSERT_EQ(hits[VEC_DE], 1);
	GUEST_DONE();
}

static void set_exception(struct vcpu *vcpu, u8 vec, bool has_error, u32 error)
{
	struct kvm_vcpu_events ev = vcpu_events(vcpu);

	ev.exception.injected = 1;
	ev.exception.nr = vec;
	ev.exception.has_error_code = has_error;
	ev.exception.error_code = error;
	vcpu_set_events(vcpu, &ev);
}

TEST_F(inject, exception_by_user_space)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_wait_for_exception);
	expect_sync(v, 1);
	set_exception(v, VEC_UD, false, 0);
	ASSERT_EQ(1, vcpu_events(v).exception.injected);
	ASSERT_EQ(VEC_UD, vcpu_events(v).exception.nr);
	expect_sync(v, 2);
	ASSERT_EQ(0, vcpu_events(v).exception.injected);
	set_exception(v, VEC_GP, true, 0x5678);
	expect_sync(v, 3);
	set_exception(v, VEC_DE, false, 0);
	expect_done(v);
}

/* ---- external interrupts, without an interrupt controller in the kernel ---------- */

static void guest_irq_enabled(void)
{
	guest_handlers[IRQ] = record;
	sti();
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(hits[IRQ], 1);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(hits[IRQ], 2);
	GUEST_DONE();
}

static void interrupt(struct vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt irq = { .irq = vector };

	require(!ioctl(vcpu->fd, KVM_INTERRUPT, &irq));
}

TEST_F(inject, interrupt)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_irq_enabled);
	expect_sync(v, 1);
	ASSERT_EQ(1, v->run->if_flag);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	interrupt(v, IRQ);
	expect_sync(v, 2);
	interrupt(v, IRQ);
	expect_done(v);
}

static void guest_window(void)
{
	guest_handlers[IRQ] = record;
	cli();
	GUEST_SYNC(1);
	/* The window opens after the instruction that follows STI */
	asm volatile("xor %%ecx, %%ecx; sti; inc %%rcx; inc %%rcx; inc %%rcx;"
		     : : : "rcx", "cc", "memory");
	GUEST_ASSERT_EQ(hits[IRQ], 1);
	GUEST_DONE();
}

TEST_F(inject, interrupt_window)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_window);
	expect_sync(v, 1);
	ASSERT_EQ(0, v->run->if_flag);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);
	v->run->request_interrupt_window = 1;
	expect_exit(v, KVM_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(1, v->run->if_flag);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	ASSERT_EQ(1, vcpu_regs(v).rcx);
	v->run->request_interrupt_window = 0;
	interrupt(v, IRQ);
	expect_done(v);
}

static void guest_count(void)
{
	asm volatile("inc %%rcx; inc %%rcx; inc %%rcx; inc %%rcx"
		     : : : "rcx", "cc");
	GUEST_DONE();
}

/* Blocking by STI and by MOV SS, set by user space, lasts one instruction */
TEST_F(inject, interrupt_shadow)
{
	static const u8 shadows[] = {
		0, KVM_X86_SHADOW_INT_STI, KVM_X86_SHADOW_INT_MOV_SS,
	};
	struct vcpu *v = self->vcpu;

	for (size_t i = 0; i < ARRAY_SIZE(shadows); i++) {
		struct kvm_vcpu_events ev;
		struct kvm_regs r;

		vcpu_set_entry(v, guest_count);
		r = vcpu_regs(v);
		r.rflags |= X86_EFLAGS_IF;
		vcpu_set_regs(v, &r);
		ev = vcpu_events(v);
		ev.interrupt.shadow = shadows[i];
		ev.flags |= KVM_VCPUEVENT_VALID_SHADOW;
		vcpu_set_events(v, &ev);
		ASSERT_EQ(shadows[i], vcpu_events(v).interrupt.shadow);
		v->run->request_interrupt_window = 1;
		expect_exit(v, KVM_EXIT_IRQ_WINDOW_OPEN);
		ASSERT_EQ(shadows[i] ? 1 : 0, vcpu_regs(v).rcx);
		v->run->request_interrupt_window = 0;
		expect_done(v);
	}
}

/* HLT with the interrupt there already, and with it coming later */
static void guest_halt(void)
{
	guest_handlers[IRQ] = record;
	asm volatile("sti; hlt" : : : "memory");
	GUEST_ASSERT_EQ(hits[IRQ], 1);
	GUEST_DONE();
}

TEST_F(inject, interrupt_ends_halt)
{
	vcpu_set_entry(self->vcpu, guest_halt);
	expect_exit(self->vcpu, KVM_EXIT_HLT);
	interrupt(self->vcpu, IRQ);
	expect_done(self->vcpu);
}

TEST_F(inject, interrupt_arguments)
{
	struct kvm_interrupt irq = { .irq = 256 };

	ASSERT_EQ(-1, ioctl(self->vcpu->fd, KVM_INTERRUPT, &irq));
	ASSERT_EQ(EINVAL, errno);
}

/* An interrupt that was on its way travels in KVM_GET/SET_VCPU_EVENTS */
TEST_F(inject, interrupt_by_events)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events ev;

	vcpu_set_entry(v, guest_irq_enabled);
	expect_sync(v, 1);
	ev = vcpu_events(v);
	ev.interrupt.injected = 1;
	ev.interrupt.nr = IRQ;
	ev.interrupt.soft = 0;
	vcpu_set_events(v, &ev);
	expect_sync(v, 2);
	ASSERT_EQ(0, vcpu_events(v).interrupt.injected);
	interrupt(v, IRQ);
	ev = vcpu_events(v);
	ASSERT_EQ(1, ev.interrupt.injected);
	ASSERT_EQ(IRQ, ev.interrupt.nr);
	expect_done(v);
}

/* ---- NMI ----------------------------------------------------------------------- */

static volatile u64 depth, max_depth;

static void nmi_handler(struct guest_regs *regs)
{
	hits[VEC_NMI]++;
	if (++depth > max_depth)
		max_depth = depth;
	if (hits[VEC_NMI] == 1)
		GUEST_SYNC(10);
	for (int i = 0; i < 100; i++)
		cpu_pause();
	depth--;
}

static void guest_nmi(void)
{
	guest_handlers[VEC_NMI] = nmi_handler;
	cli();
	GUEST_SYNC(1);
	for (int i = 0; i < 100; i++)
		cpu_pause();
	GUEST_ASSERT_EQ(hits[VEC_NMI], 2);
	GUEST_ASSERT_EQ(max_depth, 1);
	GUEST_DONE();
}

/* A second NMI waits for the IRET of the first; more than two are one */
TEST_F(inject, nmi)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_nmi);
	expect_sync(v, 1);
	ASSERT_EQ(0, vcpu_events(v).nmi.masked);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	expect_sync(v, 10);
	ASSERT_EQ(1, vcpu_events(v).nmi.masked);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	expect_done(v);
	ASSERT_EQ(0, vcpu_events(v).nmi.masked);
}

static volatile u64 nmi_rcx;

static void nmi_rcx_handler(struct guest_regs *regs)
{
	hits[VEC_NMI]++;
	nmi_rcx = regs->rcx;
}

static void guest_nmi_shadow(void)
{
	guest_handlers[VEC_NMI] = nmi_rcx_handler;
	GUEST_SYNC(1);
	asm volatile("xor %%ecx, %%ecx; mov $0x80, %%edx; out %%al, %%dx;"
		     "inc %%rcx; inc %%rcx; inc %%rcx"
		     : : : "rcx", "rdx", "memory", "cc");
	GUEST_ASSERT_EQ(hits[VEC_NMI], 1);
	GUEST_ASSERT_EQ(nmi_rcx, 1);
	GUEST_DONE();
}

/* Blocking by MOV SS holds an NMI up too */
TEST_F(inject, nmi_after_mov_ss)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events ev;

	vcpu_set_entry(v, guest_nmi_shadow);
	expect_sync(v, 1);
	expect_pio(v, 0x80, true, 1, 1);
	/* Past the OUT */
	v->run->immediate_exit = 1;
	ASSERT_EQ(EINTR, vcpu_run_raw(v));
	v->run->immediate_exit = 0;
	ev = vcpu_events(v);
	ev.interrupt.shadow = KVM_X86_SHADOW_INT_MOV_SS;
	ev.flags |= KVM_VCPUEVENT_VALID_SHADOW;
	vcpu_set_events(v, &ev);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	expect_done(v);
}

static void guest_nmi_masked(void)
{
	guest_handlers[VEC_NMI] = record;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(hits[VEC_NMI], 0);
	/* IRET ends the blocking, wherever it comes from */
	asm volatile("mov %%rsp, %%rax; pushq $0x10; push %%rax; pushfq;"
		     "pushq $0x8; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:"
		     : : : "rax", "memory");
	for (int i = 0; i < 10; i++)
		cpu_pause();
	GUEST_ASSERT_EQ(hits[VEC_NMI], 1);
	GUEST_DONE();
}

TEST_F(inject, nmi_masked_by_events)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events ev;

	vcpu_set_entry(v, guest_nmi_masked);
	expect_sync(v, 1);
	ev = vcpu_events(v);
	ev.nmi.masked = 1;
	ev.nmi.pending = 1;
	ev.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
	vcpu_set_events(v, &ev);
	ASSERT_EQ(1, vcpu_events(v).nmi.masked);
	ASSERT_EQ(1, vcpu_events(v).nmi.pending);
	expect_done(v);
	ASSERT_EQ(0, vcpu_events(v).nmi.pending);
}

/* NMI and interrupt at once: the NMI first, both arrive */
static volatile u64 order, nmi_order, irq_order;

static void order_handler(struct guest_regs *regs)
{
	if (regs->vector == VEC_NMI)
		nmi_order = ++order;
	else
		irq_order = ++order;
	hits[regs->vector]++;
}

static void guest_both(void)
{
	guest_handlers[VEC_NMI] = order_handler;
	guest_handlers[IRQ] = order_handler;
	sti();
	GUEST_SYNC(1);
	for (int i = 0; i < 10; i++)
		cpu_pause();
	GUEST_ASSERT_EQ(hits[VEC_NMI], 1);
	GUEST_ASSERT_EQ(hits[IRQ], 1);
	GUEST_DONE();
}

TEST_F(inject, nmi_and_interrupt)
{
	vcpu_set_entry(self->vcpu, guest_both);
	expect_sync(self->vcpu, 1);
	interrupt(self->vcpu, IRQ);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_NMI, 0));
	expect_done(self->vcpu);
}

/* ---- delivery that is interrupted by an exit (IDT vectoring) ------------------------ */

#define FRESH	0x20000000ull	/* memory that comes and goes in the host */
#define F_IDT	(FRESH + 0x0000)
#define F_GDT	(FRESH + 0x1000)
#define F_TSS	(FRESH + 0x2000)
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

TEST_F(inject, vectoring_stack_absent)
{
	vectoring_test(self->vm, self->vcpu, false, false, true);
}

TEST_F(inject, vectoring_idt_absent)
{
	vectoring_test(self->vm, self->vcpu, true, false, false);
}

TEST_F(inject, vectoring_all_absent)
{
	vectoring_test(self->vm, self->vcpu, true, true, true);
}

/* The handler's stack is no memory at all: an error, and the host lives */
static void guest_stack_in_hole(void)
{
	asm volatile("mov %0, %%rsp; ud2" : : "r"(0xd0001000ull));
}

TEST_F(inject, vectoring_to_mmio)
{
	u32 reason;

	vcpu_set_entry(self->vcpu, guest_stack_in_hole);
	reason = vcpu_run_any(self->vcpu);
	ASSERT_TRUE(reason == KVM_EXIT_INTERNAL_ERROR ||
		    reason == KVM_EXIT_SHUTDOWN);
}

/* ---- faults during delivery that the guest must see (SDM 3A table 6-5) -------------- */

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

TEST_F(inject, double_fault)
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
TEST_F(inject, fault_during_delivery)
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

TEST_F(inject, triple_fault)
{
	vcpu_set_entry(self->vcpu, guest_triple);
	expect_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
}

/* The vCPU can be used again after a shutdown: user space resets it */
TEST_F(inject, life_after_shutdown)
{
	vcpu_set_entry(self->vcpu, guest_triple);
	expect_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
	vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
	vcpu_set_entry(self->vcpu, guest_count);
	expect_done(self->vcpu);
}

/* ---- traps -------------------------------------------------------------------------- */

static void guest_software(void)
{
	u64 at;

	guest_handlers[SOFT] = record;
	guest_handlers[VEC_BP] = record;
	guest_handlers[VEC_DB] = record;
	guest_handlers[VEC_UD] = skip_ud2;
	asm volatile("int %1; 1: lea 1b(%%rip), %0" : "=r"(at) : "i"(SOFT));
	GUEST_ASSERT_EQ(rips[SOFT], at);
	asm volatile("int3; 1: lea 1b(%%rip), %0" : "=r"(at));
	GUEST_ASSERT_EQ(rips[VEC_BP], at);
	asm volatile(".byte 0xf1; 1: lea 1b(%%rip), %0" : "=r"(at));
	GUEST_ASSERT_EQ(rips[VEC_DB], at);
	asm volatile("1: ud2; lea 1b(%%rip), %0" : "=r"(at));
	GUEST_ASSERT_EQ(rips[VEC_UD], at);
	GUEST_DONE();
}

TEST_F(inject, software_interrupts)
{
	vcpu_set_entry(self->vcpu, guest_software);
	expect_done(self->vcpu);
}

static u64 user_int(u64 x)
{
	asm volatile(TRY("int $0x41") : : : "memory");
	return caught() == VEC_GP ? guest_cpu()->error : 0x1000;
}

static void guest_gate_privilege(void)
{
	GUEST_ASSERT_EQ(guest_user_call(user_int, 0), 0x41 * 8 + 2);
	GUEST_DONE();
}

TEST_F(inject, gate_privilege)
{
	vcpu_set_entry(self->vcpu, guest_gate_privilege);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
