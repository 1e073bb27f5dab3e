// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that misbehave: the host is unharmed, user space is told, and another
 * guest goes on as before.
 */
#include "kvmtest.h"

GUEST_SUITE(hostile)

static void guest_ok(void)
{
	GUEST_RETURN(77);
}

/* After each horror a decent guest runs in the same VM kind */
#define STILL_WORKS()							\
	ASSERT_EQ(77, guest_run(self->vm->kind, guest_ok))

static void on_alarm(int sig)
{
}

/* Interrupt KVM_RUN after a while */
static void alarm_in(unsigned int usec)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	require(!sigaction(SIGALRM, &sa, NULL));
	ualarm(usec, 0);
}

/* Whatever it ends in, it ends, and not in the host's kernel log */
static u32 run_some(struct vcpu *v, int exits)
{
	u32 reason = 0;
	int err;

	while (exits--) {
		err = vcpu_run_raw(v);
		if (err)
			return 1000 + err;
		reason = v->run->exit_reason;
		if (reason != KVM_EXIT_MMIO && reason != KVM_EXIT_IO)
			break;
	}
	return reason;
}

/* ---- state that VM entry refuses (SDM 3C 27.3.1) -------------------------------- */

/*
 * Either refused by KVM_SET_SREGS (EINVAL), or by the CPU
 * (KVM_EXIT_FAIL_ENTRY with its reason), or emulated until that ends.
 */
static void bad_sregs(struct __test_metadata *_metadata, struct vcpu *v,
		      const struct kvm_sregs *s)
{
	u32 reason;

	if (vcpu_set_sregs_err(v, s)) {
		ASSERT_EQ(EINVAL, errno);
		return;
	}
	alarm_in(50000);
	reason = run_some(v, 10);
	if (reason == KVM_EXIT_FAIL_ENTRY) {
		ASSERT_NE(0, v->run->fail_entry.hardware_entry_failure_reason);
	} else {
		ASSERT_TRUE(reason == KVM_EXIT_INTERNAL_ERROR ||
			    reason == KVM_EXIT_SHUTDOWN ||
			    reason == KVM_EXIT_IO || reason == 1000 + EINTR);
	}
}

TEST_F(hostile, invalid_segments)
{
	struct kvm_sregs good, s;

	vcpu_set_entry(self->vcpu, guest_ok);
	good = vcpu_sregs(self->vcpu);

	s = good;
	s.cs.type = 3;			/* data segment as code */
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.ss.dpl = 3;			/* SS DPL is not CPL */
	s.ss.selector = SEL_UDS;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.tr.type = 2;			/* not a TSS */
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.tr.unusable = 1;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cs.l = 1;
	s.cs.db = 1;			/* both */
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.ds.limit = 0x12345;		/* with G set: low bits must be ones */
	s.ds.g = 1;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.tr.base = 1ull << 62;		/* not canonical */
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.gdt.base = 1ull << 62;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cs.present = 0;
	bad_sregs(_metadata, self->vcpu, &s);
	STILL_WORKS();
}

TEST_F(hostile, invalid_control_registers)
{
	struct kvm_sregs good, s;

	vcpu_set_entry(self->vcpu, guest_ok);
	good = vcpu_sregs(self->vcpu);

	s = good;
	s.cr0 &= ~(u64)X86_CR0_PE;	/* PG without PE */
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cr4 &= ~(u64)X86_CR4_PAE;	/* long mode without PAE */
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cr0 |= 1ull << 40;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cr4 |= 1ull << 60;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cr3 |= 1ull << 62;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.efer &= ~EFER_LMA;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.efer |= 1ull << 40;
	bad_sregs(_metadata, self->vcpu, &s);
	s = good;
	s.cr0 |= X86_CR0_NW;
	bad_sregs(_metadata, self->vcpu, &s);
	/* Good state is accepted afterwards and works */
	vcpu_set_sregs(self->vcpu, &good);
	vcpu_set_entry(self->vcpu, guest_ok);
	ASSERT_EQ(77, expect_done(self->vcpu));
}

/* An entry that fails launches nothing: the next one is the first */
TEST_F(hostile, first_entry_fails)
{
	struct kvm_sregs good, s;

	pin_to_cpu(0);
	vcpu_set_entry(self->vcpu, guest_ok);
	good = vcpu_sregs(self->vcpu);
	s = good;
	s.gdt.base = 1ull << 62;
	vcpu_set_sregs(self->vcpu, &s);
	ASSERT_EQ(0, vcpu_run_raw(self->vcpu));
	ASSERT_EQ(KVM_EXIT_FAIL_ENTRY, self->vcpu->run->exit_reason);
	ASSERT_EQ(1u << 31 | 33,
		  self->vcpu->run->fail_entry.hardware_entry_failure_reason);
	vcpu_set_sregs(self->vcpu, &good);
	ASSERT_EQ(77, expect_done(self->vcpu));
}

TEST_F(hostile, invalid_rip_and_flags)
{
	struct kvm_regs r;
	u32 reason;

	vcpu_set_entry(self->vcpu, guest_ok);
	r = vcpu_regs(self->vcpu);
	r.rip = 1ull << 62;
	vcpu_set_regs(self->vcpu, &r);
	reason = run_some(self->vcpu, 10);
	ASSERT_TRUE(reason == KVM_EXIT_FAIL_ENTRY ||
		    reason == KVM_EXIT_INTERNAL_ERROR ||
		    reason == KVM_EXIT_SHUTDOWN || reason == KVM_EXIT_IO);
	vcpu_set_entry(self->vcpu, guest_ok);
	r = vcpu_regs(self->vcpu);
	/* VM flag in long mode, reserved bits */
	r.rflags = ~0ull & ~(u64)X86_EFLAGS_TF;
	ioctl(self->vcpu->fd, KVM_SET_REGS, &r);
	run_some(self->vcpu, 10);
	STILL_WORKS();
}

/* Events that do not exist */
TEST_F(hostile, invalid_events)
{
	struct kvm_vcpu_events ev, good;

	vcpu_set_entry(self->vcpu, guest_ok);
	good = vcpu_events(self->vcpu);
	for (int nr = 0; nr < 256; nr += 7) {
		ev = good;
		ev.exception.injected = 1;
		ev.exception.nr = nr;
		ev.exception.has_error_code = nr & 1;
		if (ioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &ev)) {
			ASSERT_EQ(EINVAL, errno);
			continue;
		}
		run_some(self->vcpu, 3);
		vcpu_set_events(self->vcpu, &good);
		vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
		vcpu_set_entry(self->vcpu, guest_ok);
	}
	STILL_WORKS();
}

/* ---- jumps into nothing ------------------------------------------------------------ */

static void guest_jump(u64 to)
{
	((void (*)(void))to)();
}

TEST_F(hostile, jump_into_nothing)
{
	static const u64 to[] = {
		G_RAM_SIZE,		/* mapped, no memory */
		0xd0000000, 0xfee00000, 0xfffffff0,
		1ull << 40,		/* not mapped */
		1ull << 62,		/* not canonical */
		0,			/* the vector table */
	};

	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
		vcpu_set_entry(self->vcpu, guest_jump);
		vcpu_args(self->vcpu, 1, to[i]);
		alarm_in(20000);
		run_some(self->vcpu, 10);
	}
	STILL_WORKS();
}

/* Tables, stack and CR3 where there is no memory */
TEST_F(hostile, tables_in_nothing)
{
	static const u64 where[] = {
		0xd0000000, 0xfee00000, 0x123456000, 0xffffff000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		for (int what = 0; what < 4; what++) {
			struct kvm_sregs s;
			struct kvm_regs r;

			vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
			vcpu_set_entry(self->vcpu, guest_jump);
			vcpu_args(self->vcpu, 1, 1ull << 40);
			s = vcpu_sregs(self->vcpu);
			r = vcpu_regs(self->vcpu);
			if (what == 0)
				s.cr3 = where[i];
			else if (what == 1)
				s.idt.base = where[i];
			else if (what == 2)
				s.gdt.base = where[i];
			else
				r.rsp = where[i];
			vcpu_set_regs(self->vcpu, &r);
			if (vcpu_set_sregs_err(self->vcpu, &s))
				continue;
			alarm_in(20000);
			run_some(self->vcpu, 10);
		}
	}
	STILL_WORKS();
}

/* Real mode, code of zeros up to the end of memory */
TEST_F(hostile, run_off_the_end)
{
	struct kvm_regs r = {
		.rip = 0xfff0, .rsp = 0x8000, .rflags = X86_EFLAGS_FIXED,
	};

	vcpu_set_mode(self->vcpu, CPU_REAL, NULL);
	vcpu_set_regs(self->vcpu, &r);
	alarm_in(20000);
	run_some(self->vcpu, 100);
	STILL_WORKS();
}

/* ---- MMIO everywhere ----------------------------------------------------------------- */

static void guest_mmio_sweep(void)
{
	/* Each megabyte of the first 4 GiB that is not memory */
	for (u64 a = G_RAM_SIZE; a < 1ull << 32; a += 0x800000) {
		write32(a, 1);
		read32(a + 8);
	}
	GUEST_DONE();
}

TEST_F(hostile, mmio_everywhere)
{
	u32 count = 0;

	vcpu_set_entry(self->vcpu, guest_mmio_sweep);
	while (vcpu_run(self->vcpu) == KVM_EXIT_MMIO)
		count++;
	ASSERT_EQ(UCALL_DONE, self->vcpu->uc_cmd);
	/* Local APIC and whatever else the kernel may serve are not there */
	ASSERT_GE(count, 2 * (4096 - 16) / 8 - 4);
}

/* An instruction that is all MMIO: code, stack, operand */
static void guest_mmio_stack(void)
{
	asm volatile("mov %0, %%rsp; push %%rax; pop %%rax; call 1f; 1: ret"
		     : : "r"(0xd0001000ull) : "rax", "memory");
}

TEST_F(hostile, mmio_stack)
{
	vcpu_set_entry(self->vcpu, guest_mmio_stack);
	alarm_in(50000);
	run_some(self->vcpu, 20);
	STILL_WORKS();
}

/* ---- exceptions without end ------------------------------------------------------------ */

static void guest_fault_forever(void)
{
	asm volatile("1: int3; jmp 1b");
}

static void nothing(struct guest_regs *regs)
{
}

static void guest_spin(void)
{
	for (;;)
		cpu_pause();
}

static void guest_fault_loop(void)
{
	guest_handlers[VEC_BP] = nothing;
	guest_fault_forever();
}

/* A signal ends it */
TEST_F(hostile, endless_loops)
{
	static void (*const fn[])(void) = { guest_spin, guest_fault_loop };
	for (size_t i = 0; i < ARRAY_SIZE(fn); i++) {
		vcpu_set_entry(self->vcpu, fn[i]);
		alarm_in(20000);
		ASSERT_EQ(EINTR, vcpu_run_raw(self->vcpu));
	}
}

static void guest_cli_spin(void)
{
	cli();
	for (;;)
		;
}

/* Interrupts off in the guest do not keep the host's away */
TEST_F(hostile, interrupts_off)
{
	vcpu_set_entry(self->vcpu, guest_cli_spin);
	alarm_in(20000);
	ASSERT_EQ(EINTR, vcpu_run_raw(self->vcpu));
}

/* #DB and #AC that would recur for ever inside the CPU (CVE-2015-5307, -8104) */
static void guest_db_loop(u64 stack)
{
	/* A data breakpoint on the stack of the #DB handler */
	write_dr0(stack - 8);
	write_dr7(0xd0403);
	asm volatile("mov %0, %%rsp; push %%rax" : : "r"(stack));
	GUEST_DONE();
}

static void guest_ac_loop(void)
{
	write_cr0(read_cr0() | X86_CR0_AM);
	/* At CPL 3, alignment checks on, IDT handlers at CPL 3's stack */
	asm volatile("pushfq; orl $0x40000, (%rsp); popfq");
	for (int i = 0; i < 1000; i++)
		asm volatile("int3");
	GUEST_DONE();
}

TEST_F(hostile, recursive_debug_exceptions)
{
	vcpu_set_entry(self->vcpu, guest_db_loop);
	vcpu_args(self->vcpu, 1, (u64)G_DATA + 0x1000);
	alarm_in(50000);
	run_some(self->vcpu, 10);
	vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
	vcpu_set_entry(self->vcpu, guest_ac_loop);
	alarm_in(50000);
	run_some(self->vcpu, 10);
	STILL_WORKS();
}

/* ---- the shared page --------------------------------------------------------------------- */

static void guest_io_loop(void)
{
	for (;;) {
		asm volatile("rep outsb" : : "S"(G_DATA), "c"(64), "d"(0x80));
		asm volatile("rep insb" : : "D"(G_DATA), "c"(64), "d"(0x80));
		write64(0xd0000000, 1);
		read64(0xd0000000);
	}
}

/* User space scribbles over kvm_run between its exits */
TEST_F(hostile, kvm_run_overwritten)
{
	struct vcpu *v = self->vcpu;
	unsigned int seed = 12345;

	vcpu_set_entry(v, guest_io_loop);
	for (int i = 0; i < 60; i++) {
		u32 *p = (u32 *)v->run;

		if (vcpu_run_raw(v))
			break;
		for (size_t k = 0; k < 4096 / 4; k++) {
			seed = seed * 1103515245 + 12345;
			p[k] = i & 1 ? ~0u : seed;
		}
		v->run->immediate_exit = 0;
		v->run->kvm_dirty_regs = 0;
		v->run->kvm_valid_regs = 0;
	}
	STILL_WORKS();
}

TEST_HARNESS_MAIN
