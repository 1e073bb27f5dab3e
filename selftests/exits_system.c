// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions for operating systems that leave the guest or raise an exception
 * (SDM 3C 26.1.2, 26.1.3): MSRs, XCR0, TLBs, descriptor tables, VMX.
 */
#include "kvmtest.h"

GUEST_SUITE(exits_system)

/* ---- RDMSR, WRMSR ------------------------------------------------------- */

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

TEST_F(exits_system, msr_good)
{
	RUN_GUEST(guest_msr_good);
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
	GUEST_ASSERT_EQ(guest_user_call(try_rdmsr, MSR_EFER), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits_system, msr_bad)
{
	RUN_GUEST(guest_msr_bad);
}

/* ---- XSETBV, XSAVES ----------------------------------------------------- */

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

TEST_F(exits_system, xsetbv)
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

TEST_F(exits_system, xsaves_xrstors)
{
	if (!guest_has(0xd, 1, 'a', 3))
		skip_test("no XSAVES");
	RUN_GUEST(guest_xsaves);
}

/* ---- INVPCID, INVLPG ---------------------------------------------------- */

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

TEST_F(exits_system, invpcid)
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

TEST_F(exits_system, invpcid_hidden)
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

TEST_F(exits_system, invlpg)
{
	RUN_GUEST(guest_invlpg);
}

/* ---- VMX and other instructions that a guest has not -------------------- */

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

TEST_F(exits_system, vmx_instructions)
{
	RUN_GUEST(guest_vmx);
}

/* ---- descriptor tables -------------------------------------------------- */

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

TEST_F(exits_system, descriptor_tables)
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

TEST_F(exits_system, umip)
{
	if (!guest_has(7, 0, 'c', 2))
		skip_test("no UMIP");
	RUN_GUEST(guest_umip);
}

/* ---- triple fault ------------------------------------------------------- */

static void guest_triple_fault(void)
{
	struct table t = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(t));
}

TEST_F(exits_system, triple_fault)
{
	vcpu_set_entry(self->vcpu, guest_triple_fault);
	expect_exit(self->vcpu, KVM_EXIT_SHUTDOWN);
}

TEST_HARNESS_MAIN
