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

#define RUN_GUEST(fn)							\
	do {								\
		vcpu_set_entry(self->vcpu, fn);				\
		expect_done(self->vcpu);				\
	} while (0)

/* ---- CPUID --------------------------------------------------------------- */

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

/* ---- HLT ------------------------------------------------------------------ */

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

/* ---- VMCALL --------------------------------------------------------------- */

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

/* ---- caches, counters, randomness ----------------------------------------- */

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

/* ---- RDMSR, WRMSR --------------------------------------------------------- */

static u64 try_rdmsr(u64 msr)
{
	u32 lo, hi;

	asm volatile(TRY("rdmsr") : "=a"(lo), "=d"(hi) : "c"((u32)msr)
		     : "memory");
	return caught();
}

static u64 try_wrmsr(u32 msr, u64 v)
{
	asm volatile(TRY("wrmsr") : : "c"(msr), "a"((u32)v),
		     "d"((u32)(v >> 32)) : "memory");
	return caught();
}

static void guest_msr_good(void)
{
	static const u32 addresses[] = {
		MSR_KERNEL_GS_BASE, MSR_FS_BASE, MSR_LSTAR, MSR_CSTAR,
		MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	};

	for (u64 i = 0; i < ARRAY_SIZE(addresses); i++) {
		u64 v = 0xffff800000001000 + i;

		GUEST_ASSERT_EQ(try_wrmsr(addresses[i], v),
				GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(rdmsr(addresses[i]), v);
	}
	wrmsr(MSR_STAR, 0x0023001000000000);
	GUEST_ASSERT_EQ(rdmsr(MSR_STAR), 0x0023001000000000);
	wrmsr(MSR_SFMASK, 0x4700);
	GUEST_ASSERT_EQ(rdmsr(MSR_SFMASK), 0x4700);
	wrmsr(MSR_PAT, 0x0007040600070406);
	GUEST_ASSERT_EQ(rdmsr(MSR_PAT), 0x0007040600070406);
	wrmsr(MSR_SYSENTER_CS, 0x10);
	GUEST_ASSERT_EQ(rdmsr(MSR_SYSENTER_CS), 0x10);
	GUEST_ASSERT_CMP(rdmsr(MSR_TSC), <, rdtsc());
	/* Upper halves of RAX and RDX are cleared */
	{
		u64 rax = ~0ull, rdx = ~0ull;

		asm volatile("rdmsr" : "+a"(rax), "+d"(rdx)
			     : "c"(MSR_SYSENTER_CS));
		GUEST_ASSERT_EQ(rax, 0x10);
		GUEST_ASSERT_EQ(rdx, 0);
	}
	GUEST_DONE();
}

TEST_F(exits, msr_good)
{
	RUN_GUEST(guest_msr_good);
}

static u64 user_rdmsr(u64 msr)
{
	return try_rdmsr(msr);
}

static void guest_msr_bad(void)
{
	u64 efer = rdmsr(MSR_EFER);

	GUEST_ASSERT_EQ(try_rdmsr(0x12345), VEC_GP);
	GUEST_ASSERT_EQ(guest_cpu()->error, 0);
	GUEST_ASSERT_EQ(try_wrmsr(0x12345, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_cpu()->error, 0);
	/* Not canonical */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_KERNEL_GS_BASE, 1ull << 62), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_LSTAR, 1ull << 62), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_FS_BASE, 1ull << 62), VEC_GP);
	/* Memory types 2 and 3 do not exist, nor do values above 7 */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_PAT, 0x0007040600070402), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_PAT, 0x0007040600070408), VEC_GP);
	/* Reserved bits; LME cannot change under paging */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_EFER, efer | 1ull << 20), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_EFER, efer & ~EFER_LME), VEC_GP);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), efer);
	/* LMA is not writable, but no fault */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_EFER, efer & ~EFER_LMA),
			GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), efer);
	GUEST_ASSERT_EQ(guest_user_call(user_rdmsr, MSR_EFER), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, msr_bad)
{
	RUN_GUEST(guest_msr_bad);
}

/* ---- PAUSE, MONITOR, MWAIT -------------------------------------------------- */

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

/* ---- XSETBV, XSAVES --------------------------------------------------------- */

static u64 try_xsetbv(u32 index, u64 v)
{
	asm volatile(TRY("xsetbv") : : "c"(index), "a"((u32)v),
		     "d"((u32)(v >> 32)) : "memory");
	return caught();
}

static u64 xgetbv(u32 index)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
	return lo | (u64)hi << 32;
}

static u64 user_xsetbv(u64 x)
{
	return try_xsetbv(0, 1);
}

static void guest_xsetbv(void)
{
	GUEST_ASSERT_EQ(try_xsetbv(0, 1), VEC_UD);
	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	GUEST_ASSERT_EQ(xgetbv(0), 1);
	GUEST_ASSERT_EQ(try_xsetbv(0, 3), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(xgetbv(0), 3);
	/* x87 must be on; YMM needs XMM; bit 63 is reserved; only XCR0 */
	GUEST_ASSERT_EQ(try_xsetbv(0, 2), VEC_GP);
	GUEST_ASSERT_EQ(try_xsetbv(0, 5), VEC_GP);
	GUEST_ASSERT_EQ(try_xsetbv(0, 1ull << 63 | 1), VEC_GP);
	GUEST_ASSERT_EQ(try_xsetbv(1, 3), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_xsetbv, 0), VEC_GP);
	GUEST_ASSERT_EQ(xgetbv(0), 3);
	GUEST_DONE();
}

TEST_F(exits, xsetbv)
{
	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	RUN_GUEST(guest_xsetbv);
}

static u8 xsave_area[4096] __attribute__((aligned(64)));

static void guest_xsaves(void)
{
	u64 out = 0;

	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	GUEST_ASSERT_EQ(try_xsetbv(0, 3), GUEST_NO_EXCEPTION);
	asm volatile("movq %0, %%xmm5" : : "r"(0x123456789abcdefull));
	asm volatile(TRY("xsaves %0") : "+m"(xsave_area) : "a"(3), "d"(0)
		     : "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	asm volatile("pxor %%xmm5, %%xmm5" : : : "memory");
	asm volatile(TRY("xrstors %0") : : "m"(xsave_area), "a"(3), "d"(0)
		     : "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	asm volatile("movq %%xmm5, %0" : "=r"(out));
	GUEST_ASSERT_EQ(out, 0x123456789abcdefull);
	GUEST_DONE();
}

TEST_F(exits, xsaves_xrstors)
{
	if (!guest_has(0xd, 1, 'a', 3))
		skip_test("no XSAVES");
	RUN_GUEST(guest_xsaves);
}

/* ---- INVPCID, INVLPG --------------------------------------------------------- */

static u64 try_invpcid(u64 type, u64 pcid, u64 addr)
{
	struct { u64 pcid, addr; } d = { pcid, addr };

	asm volatile(TRY("invpcid %0, %1") : : "m"(d), "r"(type) : "memory");
	return caught();
}

static void guest_invpcid(void)
{
	for (u64 type = 0; type < 4; type++)
		GUEST_ASSERT_EQ(try_invpcid(type, 0, G_DATA),
				GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(try_invpcid(4, 0, 0), VEC_GP);
	/* Reserved descriptor bits; PCID other than 0 without CR4.PCIDE */
	GUEST_ASSERT_EQ(try_invpcid(1, 0x1000, 0), VEC_GP);
	GUEST_ASSERT_EQ(try_invpcid(0, 1, 0), VEC_GP);
	GUEST_ASSERT_EQ(try_invpcid(0, 0, 1ull << 62), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, invpcid)
{
	if (!GUEST_HAS_INVPCID())
		skip_test("no INVPCID");
	RUN_GUEST(guest_invpcid);
}

static void guest_no_invpcid(void)
{
	GUEST_ASSERT_EQ(try_invpcid(2, 0, 0), VEC_UD);
	GUEST_DONE();
}

TEST_F(exits, invpcid_hidden)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();

	if (cpuid_entry(c, 7, 0))
		cpuid_entry(c, 7, 0)->ebx &= ~(1u << 10);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_CPUID2, c));
	RUN_GUEST(guest_no_invpcid);
}

static u64 user_invlpg(u64 addr)
{
	asm volatile(TRY("invlpg (%0)") : : "r"(addr) : "memory");
	return caught();
}

static void guest_invlpg(void)
{
	invlpg(G_DATA);
	/* Neither an unmapped nor a non-canonical address faults */
	invlpg(1ull << 40);
	invlpg(1ull << 62);
	GUEST_ASSERT_EQ(guest_user_call(user_invlpg, G_DATA), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits, invlpg)
{
	RUN_GUEST(guest_invlpg);
}

/* ---- VMX and other instructions that a guest has not --------------------------- */

static void guest_vmx(void)
{
	static u64 m[2];

#define VMX(insn) do {							\
	asm volatile(TRY(insn) : "+m"(m) : "a"(m), "c"(0) : "memory");	\
	GUEST_ASSERT_EQ(caught(), VEC_UD);				\
} while (0)
	VMX("vmxon %0");
	VMX("vmxoff");
	VMX("vmclear %0");
	VMX("vmptrld %0");
	VMX("vmptrst %0");
	VMX("vmread %%rcx, %%rax");
	VMX("vmwrite %%rax, %%rcx");
	VMX("vmlaunch");
	VMX("vmresume");
	VMX("invept %0, %%rcx");
	VMX("invvpid %0, %%rcx");
	VMX("vmfunc");
	VMX("getsec");
	VMX("rsm");
	GUEST_DONE();
#undef VMX
}

TEST_F(exits, vmx_instructions)
{
	RUN_GUEST(guest_vmx);
}

/* ---- descriptor tables ----------------------------------------------------------- */

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void guest_tables(void)
{
	struct table gdt = {}, idt = {}, other;
	u16 ldt = 0xffff, tr = 0;

	asm volatile("sgdt %0" : "=m"(gdt));
	GUEST_ASSERT_EQ(gdt.base, G_GDT(0));
	GUEST_ASSERT_EQ(gdt.limit, GDT_LIMIT);
	asm volatile("sidt %0" : "=m"(idt));
	GUEST_ASSERT_EQ(idt.base, G_IDT);
	GUEST_ASSERT_EQ(idt.limit, 256 * 16 - 1);
	asm volatile("sldt %0" : "=m"(ldt));
	GUEST_ASSERT_EQ(ldt, 0);
	asm volatile("str %0" : "=m"(tr));
	GUEST_ASSERT_EQ(tr, SEL_TSS);

	other = idt;
	other.limit = 0x7ff;
	asm volatile("lidt %0" : : "m"(other));
	asm volatile("sidt %0" : "=m"(other));
	GUEST_ASSERT_EQ(other.limit, 0x7ff);
	asm volatile("lidt %0" : : "m"(idt));
	asm volatile("lgdt %0" : : "m"(gdt));
	asm volatile("lldt %0" : : "m"(ldt));
	/* The TSS is busy */
	asm volatile(TRY("ltr %0") : : "m"(tr) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	GUEST_ASSERT_EQ(guest_cpu()->error, SEL_TSS);
	/* Make it available, and load it again */
	*(volatile u8 *)(G_GDT(0) + SEL_TSS + 5) = 0x89;
	asm volatile(TRY("ltr %0") : : "m"(tr) : "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(*(volatile u8 *)(G_GDT(0) + SEL_TSS + 5), 0x8b);
	GUEST_DONE();
}

TEST_F(exits, descriptor_tables)
{
	struct kvm_sregs s;

	RUN_GUEST(guest_tables);
	s = vcpu_sregs(self->vcpu);
	ASSERT_EQ(G_IDT, s.idt.base);
	ASSERT_EQ(SEL_TSS, s.tr.selector);
	ASSERT_EQ(G_TSS(0), s.tr.base);
}

static u64 user_tables(u64 x)
{
	struct table t;
	u64 n = 0;

#define COUNT(insn) do {						\
	asm volatile(TRY(insn) : "=m"(t) : : "rax", "memory");		\
	n += caught() == VEC_GP;					\
} while (0)
	COUNT("sgdt %0");
	COUNT("sidt %0");
	COUNT("sldt %0");
	COUNT("str %0");
	/* SMSW cannot be intercepted where the CPU has no UMIP of its own */
#undef COUNT
	return n;
}

static void guest_umip(void)
{
	GUEST_ASSERT_EQ(guest_user_call(user_tables, 0), 0);
	write_cr4(read_cr4() | X86_CR4_UMIP);
	GUEST_ASSERT_EQ(guest_user_call(user_tables, 0), 4);
	GUEST_DONE();
}

TEST_F(exits, umip)
{
	if (!guest_has(7, 0, 'c', 2))
		skip_test("no UMIP");
	RUN_GUEST(guest_umip);
}

/* ---- triple fault ------------------------------------------------------------------ */

static void guest_triple_fault(void)
{
	struct table t = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(t));
}

TEST_F(exits, triple_fault)
{
	vcpu_set_entry(self->vcpu, guest_triple_fault);
	expect_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
}

/* ---- single step over instructions that exit ---------------------------------------- */

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

/* ---- without exits, where user space wants it so ---------------------------- */

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
