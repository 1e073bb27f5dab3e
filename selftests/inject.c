// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that reach the guest: injected by user space or raised by the module
 * (SDM 3A 6, 3C 27.6).
 */
#include "inject.h"

GUEST_SUITE(inject)

static void skip_ud2(struct guest_regs *regs)
{
	record(regs);
	regs->rip += 2;
}

/* ---- injected by user space --------------------------------------------- */

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

/* ---- external interrupts, without an interrupt controller in the kernel - */

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

/* The vCPU is behind an STI or a MOV SS, or behind neither */
static void set_shadow(struct vcpu *v, u64 rflags, u8 shadow)
{
	struct kvm_regs r = vcpu_regs(v);
	struct kvm_vcpu_events ev;

	r.rflags = rflags;
	vcpu_set_regs(v, &r);
	ev = vcpu_events(v);
	ev.interrupt.shadow = shadow;
	ev.flags |= KVM_VCPUEVENT_VALID_SHADOW;
	vcpu_set_events(v, &ev);
}

/* Blocking by STI and by MOV SS, set by user space, lasts one instruction */
TEST_F(inject, interrupt_shadow)
{
	static const u8 shadows[] = {
		0, KVM_X86_SHADOW_INT_STI, KVM_X86_SHADOW_INT_MOV_SS,
	};
	struct vcpu *v = self->vcpu;

	for (size_t i = 0; i < ARRAY_SIZE(shadows); i++) {
		vcpu_set_entry(v, guest_count);
		set_shadow(v, vcpu_regs(v).rflags | X86_EFLAGS_IF, shadows[i]);
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

/* ---- NMI ---------------------------------------------------------------- */

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
	hits[VEC_NMI] = 0;
	GUEST_SYNC(1);
	asm volatile("xor %%ecx, %%ecx; mov $0x80, %%edx; out %%al, %%dx;"
		     "inc %%rcx; inc %%rcx; inc %%rcx"
		     : : : "rcx", "rdx", "memory", "cc");
	GUEST_ASSERT_EQ(hits[VEC_NMI], 1);
	GUEST_ASSERT_EQ(nmi_rcx, 1);
	GUEST_DONE();
}

/* Blocking by MOV SS holds an NMI up too, and so does blocking by STI */
TEST_F(inject, nmi_in_shadow)
{
	static const u8 shadows[] = {
		KVM_X86_SHADOW_INT_MOV_SS, KVM_X86_SHADOW_INT_STI,
	};
	struct vcpu *v = self->vcpu;

	for (size_t i = 0; i < ARRAY_SIZE(shadows); i++) {
		vcpu_set_entry(v, guest_nmi_shadow);
		expect_sync(v, 1);
		expect_pio(v, 0x80, true, 1, 1);
		/* Past the OUT */
		vcpu_complete_exit(v);
		set_shadow(v, vcpu_regs(v).rflags | X86_EFLAGS_IF, shadows[i]);
		ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
		expect_done(v);
	}
}

static u64 trapped_at;

static void trap_handler(struct guest_regs *r)
{
	trapped_at = r->rcx;
	r->rflags &= ~(u64)X86_EFLAGS_TF;
}

static void guest_trapped(void)
{
	guest_handlers[VEC_DB] = trap_handler;
	trapped_at = 0;
	asm volatile("xor %%ecx, %%ecx; mov $0x80, %%edx; out %%al, %%dx;"
		     "inc %%rcx; inc %%rcx; inc %%rcx"
		     : : : "rcx", "rdx", "memory", "cc");
	GUEST_RETURN(trapped_at);
}

/* Registers that do not go with a blocking from before are entered all the same */
TEST_F(inject, registers_in_shadow)
{
	static const struct {
		u8 shadow;
		u16 before, after;
		u8 at;		/* what the guest saw in RCX in a trap */
	} c[] = {
		{ KVM_X86_SHADOW_INT_STI, X86_EFLAGS_IF, 0, 0 },
		{ KVM_X86_SHADOW_INT_STI, X86_EFLAGS_IF,
		  X86_EFLAGS_IF | X86_EFLAGS_TF, 1 },
		{ KVM_X86_SHADOW_INT_MOV_SS, 0, X86_EFLAGS_TF, 1 },
		{ KVM_X86_SHADOW_INT_MOV_SS, X86_EFLAGS_TF, 0, 0 },
	};
	struct vcpu *v = self->vcpu;

	if (!on_our_module())
		skip_test("the in-tree KVM cannot enter some of these");
	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		struct kvm_regs r;

		vcpu_set_entry(v, guest_trapped);
		expect_pio(v, 0x80, true, 1, 1);
		vcpu_complete_exit(v);
		set_shadow(v, X86_EFLAGS_FIXED | c[i].before, c[i].shadow);
		r = vcpu_regs(v);
		r.rflags = X86_EFLAGS_FIXED | c[i].after;
		vcpu_set_regs(v, &r);
		ASSERT_EQ(c[i].at, expect_done(v)) {
			TH_LOG("case %zu", i);
		}
	}
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

/* ---- traps -------------------------------------------------------------- */

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
