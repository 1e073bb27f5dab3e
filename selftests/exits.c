// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that leave the guest (SDM 3C 26.1.2, 26.1.3): each does what
 * the manual says of it, or raises the exception it says.
 */
#include "kvmtest.h"

GUEST_SUITE(exits)

/* Expect an instruction without operands to raise a vector, or none */
#define EXPECT_INSN(insn, vec) do {					\
	asm volatile(TRY(insn) : : "a"(0), "c"(0), "d"(0) : "memory");	\
	GUEST_ASSERT_EQ(caught(), vec);					\
} while (0)

/* ---- CPUID -------------------------------------------------------------- */

static void guest_cpuid(void)
{
	struct cpuid_regs r = cpuid(0x80000002, 0);

	GUEST_ASSERT_EQ(r.eax, 0x11111111);
	GUEST_ASSERT_EQ(r.ebx, 0x22222222);
	GUEST_ASSERT_EQ(r.ecx, 0x33333333);
	GUEST_ASSERT_EQ(r.edx, 0x44444444);
	/* Upper halves are cleared, nothing else changes */
	asm volatile("mov $-1, %%rbx; mov %%rbx, %%rdx; mov $0x80000002, %%eax;"
		     "mov %%rbx, %%rcx; cpuid; shr $32, %%rbx; shr $32, %%rdx;"
		     "shr $32, %%rax; shr $32, %%rcx; or %%rbx, %%rax;"
		     "or %%rcx, %%rax; or %%rdx, %%rax"
		     : "=a"(r.eax) : : "rbx", "rcx", "rdx");
	GUEST_ASSERT_EQ(r.eax, 0);
	GUEST_DONE();
}

TEST_F(exits, cpuid)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_entry(c, 0x80000002, 0);

	ASSERT_NE(NULL, e);
	e->eax = 0x11111111;
	e->ebx = 0x22222222;
	e->ecx = 0x33333333;
	e->edx = 0x44444444;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_CPUID2, c));
	RUN_GUEST(guest_cpuid);
}

static void guest_cpuid_osxsave(void)
{
	GUEST_ASSERT_EQ(cpuid(1, 0).ecx >> 27 & 1, 0);
	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	GUEST_ASSERT_EQ(cpuid(1, 0).ecx >> 27 & 1, 1);
	write_cr4(read_cr4() & ~(u64)X86_CR4_OSXSAVE);
	GUEST_ASSERT_EQ(cpuid(1, 0).ecx >> 27 & 1, 0);
	GUEST_DONE();
}

TEST_F(exits, cpuid_follows_cr4)
{
	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	RUN_GUEST(guest_cpuid_osxsave);
}

static u32 max_basic;

static void guest_cpuid_out_of_range(void)
{
	struct cpuid_regs a = cpuid(max_basic, 0);
	struct cpuid_regs b = cpuid(max_basic + 0x100, 0);

	/* SDM 2A, CPUID: beyond the last basic leaf, the last one's data */
	GUEST_ASSERT_EQ(a.eax, b.eax);
	GUEST_ASSERT_EQ(a.ebx, b.ebx);
	GUEST_ASSERT_EQ(a.ecx, b.ecx);
	GUEST_DONE();
}

TEST_F(exits, cpuid_out_of_range)
{
	max_basic = cpuid_entry(kvm_supported_cpuid(), 0, 0)->eax;
	sync_to_guest(self->vm, max_basic);
	RUN_GUEST(guest_cpuid_out_of_range);
}

/* ---- HLT ---------------------------------------------------------------- */

TEST_F(exits, hlt)
{
	static const u8 code[] = { 0xf4, 0x90, 0xf4 };
	struct kvm_regs r;

	memcpy(vm_hva(self->vm, G_DATA), code, sizeof(code));
	vcpu_set_entry(self->vcpu, (void *)G_DATA);
	expect_exit(self->vcpu, KVM_EXIT_HLT);
	r = vcpu_regs(self->vcpu);
	ASSERT_EQ(G_DATA + 1, r.rip);
	expect_exit(self->vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(G_DATA + 3, vcpu_regs(self->vcpu).rip);
}

static u64 user_hlt(u64 x)
{
	asm volatile(TRY("hlt") : : : "memory");
	return caught();
}

static void guest_hlt_user(void)
{
	GUEST_ASSERT_EQ(guest_user_call(user_hlt, 0), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, hlt_user)
{
	RUN_GUEST(guest_hlt_user);
}

/* ---- VMCALL ------------------------------------------------------------- */

static long hypercall(long nr)
{
	long r;

	asm volatile("vmcall" : "=a"(r) : "a"(nr), "b"(0), "c"(0), "d"(0),
		     "S"(0) : "memory");
	return r;
}

static u64 user_hypercall(u64 nr)
{
	return hypercall(nr);
}

static void guest_vmcall(void)
{
	/* Documentation/virt/kvm/x86/hypercalls.rst: -KVM_ENOSYS, -KVM_EPERM */
	GUEST_ASSERT_EQ(hypercall(0x7fffffff), -1000l);
	GUEST_ASSERT_EQ(guest_user_call(user_hypercall, 0x7fffffff), -1l);
	GUEST_DONE();
}

TEST_F(exits, vmcall)
{
	RUN_GUEST(guest_vmcall);
}

/* AMD's instruction in the place of VMCALL, and RET */
static u8 vmmcall[] = { 0x0f, 0x01, 0xd9, 0xc3 };
static bool vmmcall_is_ud;

static long call_vmmcall(long nr)
{
	long r;

	asm volatile("call *%5" : "=a"(r)
		     : "a"(nr), "b"(0l), "c"(0l), "d"(0l), "r"(vmmcall),
		       "S"(0l) : "memory");
	return r;
}

static void skip_vmmcall(struct guest_regs *regs)
{
	regs->rax = 5;
	regs->rip += 3;
}

static void guest_vmmcall(void)
{
	guest_handlers[VEC_UD] = skip_vmmcall;
	GUEST_ASSERT_EQ(call_vmmcall(0x7fffffff), vmmcall_is_ud ? 5 : -1000l);
	GUEST_ASSERT_EQ(*(volatile u8 *)&vmmcall[2], vmmcall_is_ud ? 0xd9 : 0xc1);
	GUEST_DONE();
}

/* It is made this vendor's, in place */
TEST_F(exits, vmmcall)
{
	RUN_GUEST(guest_vmmcall);
}

/* ... unless the VMM wants the guest to see what a CPU would do */
TEST_F(exits, vmmcall_quirk_off)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DISABLE_QUIRKS2,
		.args = { KVM_X86_QUIRK_FIX_HYPERCALL_INSN },
	};

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	vmmcall_is_ud = true;
	sync_to_guest(self->vm, vmmcall_is_ud);
	RUN_GUEST(guest_vmmcall);
}

/* ---- caches, counters, randomness --------------------------------------- */

static u64 user_invd(u64 x)
{
	asm volatile(TRY("invd") : : : "memory");
	return caught();
}

static u64 user_wbinvd(u64 x)
{
	asm volatile(TRY("wbinvd") : : : "memory");
	return caught();
}

static void guest_cache(void)
{
	static volatile u64 x = 5;

	x = 6;
	EXPECT_INSN("invd", GUEST_NO_EXCEPTION);
	EXPECT_INSN("wbinvd", GUEST_NO_EXCEPTION);
	/* INVD of a guest must not throw the host's cache away */
	GUEST_ASSERT_EQ(x, 6);
	GUEST_ASSERT_EQ(guest_user_call(user_invd, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_wbinvd, 0), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, invd_wbinvd)
{
	RUN_GUEST(guest_cache);
}

static u64 user_rdpmc(u64 x)
{
	asm volatile(TRY("rdpmc") : : "c"(0) : "rax", "rdx", "memory");
	return caught();
}

static void guest_rdpmc(void)
{
	asm volatile(TRY("rdpmc") : : "c"(0x12345) : "rax", "rdx", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_rdpmc, 0), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, rdpmc)
{
	RUN_GUEST(guest_rdpmc);
}

static u64 user_rdtsc(u64 x)
{
	asm volatile(TRY("rdtsc") : : : "rax", "rdx", "memory");
	return caught();
}

static void guest_rdtsc(void)
{
	u64 a = rdtsc(), b = rdtsc();

	GUEST_ASSERT_CMP(a, <, b);
	GUEST_ASSERT_EQ(guest_user_call(user_rdtsc, 0), GUEST_NO_EXCEPTION);
	write_cr4(read_cr4() | X86_CR4_TSD);
	GUEST_ASSERT_EQ(guest_user_call(user_rdtsc, 0), VEC_GP);
	GUEST_ASSERT_CMP(b, <, rdtsc());
	GUEST_DONE();
}

TEST_F(exits, rdtsc)
{
	RUN_GUEST(guest_rdtsc);
}

static void guest_rdtscp(void)
{
	u64 a = rdtsc(), b;
	u32 lo, hi, aux;

	wrmsr(MSR_TSC_AUX, 0x12345678);
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	b = lo | (u64)hi << 32;
	GUEST_ASSERT_EQ(aux, 0x12345678);
	GUEST_ASSERT_CMP(a, <, b);
	GUEST_DONE();
}

TEST_F(exits, rdtscp)
{
	if (!GUEST_HAS_RDTSCP())
		skip_test("no RDTSCP");
	RUN_GUEST(guest_rdtscp);
}

static void guest_no_rdtscp(void)
{
	asm volatile(TRY("rdtscp") : : : "rax", "rcx", "rdx", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	GUEST_DONE();
}

/* Without the CPUID bits the instruction is not there */
TEST_F(exits, rdtscp_hidden)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_entry(c, 0x80000001, 0);

	if (!GUEST_HAS_RDTSCP())
		skip_test("no RDTSCP");
	e->edx &= ~(1u << 27);
	e = cpuid_entry(c, 7, 0);
	if (e)
		e->ecx &= ~(1u << 22);		/* RDPID */
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_CPUID2, c));
	RUN_GUEST(guest_no_rdtscp);
}

static void guest_random(u64 rdrand, u64 rdseed)
{
	u64 a = 0, b = 0;
	u8 ok = 0;

	if (rdrand) {
		asm volatile("rdrand %0; setc %1" : "=r"(a), "=r"(ok));
		asm volatile("rdrand %0; setc %1" : "=r"(b), "=r"(ok));
		GUEST_ASSERT(!ok || a != b);
		asm volatile("rdrand %k0" : "+r"(a));
		asm volatile("rdrand %w0" : "+r"(a));
	}
	if (rdseed) {
		asm volatile("rdseed %0; setc %1" : "=r"(a), "=r"(ok));
		asm volatile("rdseed %0; setc %1" : "=r"(b), "=r"(ok));
		GUEST_ASSERT(!ok || a != b);
	}
	GUEST_DONE();
}

TEST_F(exits, rdrand_rdseed)
{
	if (!GUEST_HAS_RDRAND() && !GUEST_HAS_RDSEED())
		skip_test("neither RDRAND nor RDSEED");
	vcpu_set_entry(self->vcpu, guest_random);
	vcpu_args(self->vcpu, 2, (u64)GUEST_HAS_RDRAND(),
		  (u64)GUEST_HAS_RDSEED());
	expect_done(self->vcpu);
}

static void guest_no_random(void)
{
	asm volatile(TRY("rdrand %%rax") : : : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	asm volatile(TRY("rdseed %%rax") : : : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	GUEST_DONE();
}

TEST_F(exits, rdrand_rdseed_hidden)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();

	cpuid_entry(c, 1, 0)->ecx &= ~(1u << 30);
	if (cpuid_entry(c, 7, 0))
		cpuid_entry(c, 7, 0)->ebx &= ~(1u << 18);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_CPUID2, c));
	RUN_GUEST(guest_no_random);
}

/* ---- PAUSE, MONITOR, MWAIT ---------------------------------------------- */

static void guest_pause(void)
{
	for (int i = 0; i < 20000; i++)
		cpu_pause();
	GUEST_DONE();
}

TEST_F(exits, pause)
{
	RUN_GUEST(guest_pause);
}

static void guest_mwait(u64 has)
{
	static u64 line;

	asm volatile(TRY("monitor") : : "a"(&line), "c"(0), "d"(0) : "memory");
	/* Hidden: #UD; KVM by default makes them do nothing */
	if (has)
		GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	else
		GUEST_ASSERT(caught() == GUEST_NO_EXCEPTION ||
			     caught() == VEC_UD);
	asm volatile(TRY("mwait") : : "a"(0), "c"(0) : "memory");
	if (has)
		GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	else
		GUEST_ASSERT(caught() == GUEST_NO_EXCEPTION ||
			     caught() == VEC_UD);
	GUEST_DONE();
}

TEST_F(exits, monitor_mwait)
{
	vcpu_set_entry(self->vcpu, guest_mwait);
	vcpu_args(self->vcpu, 1, (u64)GUEST_HAS_MONITOR());
	expect_done(self->vcpu);
}

/* ---- single step over instructions that exit ---------------------------- */

static volatile u64 steps[64];
static volatile u64 nr_steps;

static void step_handler(struct guest_regs *regs)
{
	GUEST_ASSERT(read_dr6() & 0x4000);
	write_dr6(0);
	if (nr_steps < ARRAY_SIZE(steps))
		steps[nr_steps++] = regs->rip;
}

static void guest_step(void)
{
	u64 at[4];

	guest_handlers[VEC_DB] = step_handler;
	asm volatile("lea 1f(%%rip), %%rdi; lea 2f(%%rip), %%rsi;"
		     "lea 3f(%%rip), %%r8; lea 4f(%%rip), %%r9;"
		     "xor %%eax, %%eax; xor %%ecx, %%ecx; mov $0x80, %%edx;"
		     "pushfq; orl $0x100, (%%rsp); popfq;"
		     "1: cpuid\n"
		     "2: mov $0x80, %%edx\n"
		     "3: out %%al, %%dx\n"
		     "4: pushfq; andl $~0x100, (%%rsp); popfq\n"
		     "mov %%rdi, 0(%0); mov %%rsi, 8(%0); mov %%r8, 16(%0);"
		     "mov %%r9, 24(%0)"
		     : : "r"(at) : "rax", "rbx", "rcx", "rdx", "rsi", "rdi",
		     "r8", "r9", "memory");
	/* A trap after each instruction that began with TF set */
	GUEST_ASSERT_EQ(steps[0], at[1]);
	GUEST_ASSERT_EQ(steps[1], at[2]);
	GUEST_ASSERT_EQ(steps[2], at[3]);
	GUEST_DONE();
}

/* CPUID and OUT are done by the module, and the trap comes all the same */
TEST_F(exits, single_step)
{
	vcpu_set_entry(self->vcpu, guest_step);
	expect_pio(self->vcpu, 0x80, true, 1, 1);
	expect_done(self->vcpu);
}

/* ---- without exits, where user space wants it so ------------------------ */

static void guest_idle(void)
{
	u32 lo = 0, hi = 0, i;

	for (i = 0; i < 2000; i++)
		asm volatile("pause");
	/* C6 residency: the CPU's own, which it may not have */
	asm volatile(TRY("rdmsr") : "+a"(lo), "+d"(hi) : "c"(0x3fd));
	GUEST_ASSERT(caught() == GUEST_NO_EXCEPTION || caught() == VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, disabled)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS,
		.args = { kvm_check(KVM_CAP_X86_DISABLE_EXITS) },
	};
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v;

	ASSERT_EQ(0, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	v = vcpu_new(vm, 0, guest_idle);
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EINVAL, errno);
	expect_done(v);
	vm_free(vm);
}

TEST_HARNESS_MAIN
