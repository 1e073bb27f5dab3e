// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control and debug registers: every form of instruction that touches them
 * (SDM 2A MOV, LMSW, SMSW, CLTS; 3A 2.5, 3B 18.2).
 */
#include "kvmtest.h"

GUEST_SUITE(exits_cr)

#define TRY_MOV(cr)							\
static u64 try_##cr(u64 v)						\
{									\
	asm volatile(TRY("mov %0, %%" #cr) : : "r"(v) : "memory");	\
	return caught();						\
}

TRY_MOV(cr0)
TRY_MOV(cr3)
TRY_MOV(cr4)
TRY_MOV(cr8)

/* ---- CR0 ------------------------------------------------------------------ */

static void guest_cr0(void)
{
	u64 cr0 = read_cr0();

	GUEST_ASSERT(cr0 & X86_CR0_PG);
	GUEST_ASSERT(cr0 & X86_CR0_ET);
	/* Each bit that may change, alone */
	static const u64 bits[] = {
		X86_CR0_MP, X86_CR0_EM, X86_CR0_TS, X86_CR0_NE, X86_CR0_WP,
		X86_CR0_AM,
	};

	for (u64 i = 0; i < ARRAY_SIZE(bits); i++) {
		GUEST_ASSERT_EQ(try_cr0(cr0 ^ bits[i]), GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(read_cr0(), cr0 ^ bits[i]);
		GUEST_ASSERT_EQ(try_cr0(cr0), GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(read_cr0(), cr0);
	}
	/* ET is stuck at 1 */
	GUEST_ASSERT_EQ(try_cr0(cr0 & ~(u64)X86_CR0_ET), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(read_cr0(), cr0);
	/* NW without CD; PG without PE; bits above 31; PG off in 64-bit code */
	GUEST_ASSERT_EQ(try_cr0(cr0 | X86_CR0_NW), VEC_GP);
	GUEST_ASSERT_EQ(try_cr0(cr0 & ~(u64)X86_CR0_PE), VEC_GP);
	GUEST_ASSERT_EQ(try_cr0(cr0 | 1ull << 32), VEC_GP);
	GUEST_ASSERT_EQ(try_cr0(cr0 & ~(u64)X86_CR0_PG), VEC_GP);
	GUEST_ASSERT_EQ(read_cr0(), cr0);
	/* Caching off and on */
	GUEST_ASSERT_EQ(try_cr0(cr0 | X86_CR0_CD), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(read_cr0(), cr0 | X86_CR0_CD);
	GUEST_ASSERT_EQ(try_cr0(cr0 | X86_CR0_CD | X86_CR0_NW),
			GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(try_cr0(cr0), GUEST_NO_EXCEPTION);
	GUEST_DONE();
}

TEST_F(exits_cr, cr0)
{
	RUN_GUEST(guest_cr0);
}

static void guest_clts_lmsw(void)
{
	u64 cr0 = read_cr0(), v;
	u16 w;

	write_cr0(cr0 | X86_CR0_TS);
	asm volatile("clts");
	GUEST_ASSERT_EQ(read_cr0(), cr0);
	asm volatile("clts");
	GUEST_ASSERT_EQ(read_cr0(), cr0);

	/* LMSW: the low four bits; it sets PE but never clears it */
	asm volatile("lmsw %w0" : : "r"(0xfff8 | X86_CR0_TS));
	GUEST_ASSERT_EQ(read_cr0(), (cr0 & ~0xfull) | X86_CR0_PE |
			X86_CR0_TS);
	w = X86_CR0_MP | X86_CR0_EM;
	asm volatile("lmsw %0" : : "m"(w));
	GUEST_ASSERT_EQ(read_cr0(), (cr0 & ~0xfull) | X86_CR0_PE |
			X86_CR0_MP | X86_CR0_EM);
	asm volatile("lmsw %w0" : : "r"((u32)cr0));
	GUEST_ASSERT_EQ(read_cr0(), cr0);

	asm volatile("smsw %0" : "=r"(v));
	GUEST_ASSERT_EQ((u32)v, (u32)cr0);
	asm volatile("smsw %0" : "=m"(w));
	GUEST_ASSERT_EQ(w, (u16)cr0);
	GUEST_DONE();
}

TEST_F(exits_cr, clts_lmsw_smsw)
{
	RUN_GUEST(guest_clts_lmsw);
}

/* TS really makes the FPU fault */
static void guest_nm(void)
{
	u64 cr0 = read_cr0();

	write_cr0(cr0 | X86_CR0_TS);
	asm volatile(TRY("fnop") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_NM);
	asm volatile(TRY("movq %%rax, %%xmm0") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_NM);
	asm volatile("clts");
	asm volatile(TRY("fnop") : : : "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	write_cr0(cr0 | X86_CR0_EM);
	asm volatile(TRY("fnop") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_NM);
	asm volatile(TRY("movq %%rax, %%xmm0") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	write_cr0(cr0);
	GUEST_DONE();
}

TEST_F(exits_cr, device_not_available)
{
	RUN_GUEST(guest_nm);
}

/* ---- CR2, CR3 --------------------------------------------------------------- */

static void guest_cr2_cr3(u64 other)
{
	u64 cr3 = read_cr3();

	write_cr2(0xffff888012345678);
	GUEST_ASSERT_EQ(read_cr2(), 0xffff888012345678);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(read_cr2(), 0xffff888012345678);

	GUEST_ASSERT_EQ(try_cr3(other), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(read_cr3(), other);
	GUEST_SYNC(2);
	/* PWT and PCD are kept */
	GUEST_ASSERT_EQ(try_cr3(cr3 | 0x18), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(read_cr3(), cr3 | 0x18);
	GUEST_ASSERT_EQ(try_cr3(cr3), GUEST_NO_EXCEPTION);
	/* Beyond MAXPHYADDR; bit 63 without CR4.PCIDE */
	GUEST_ASSERT_EQ(try_cr3(cr3 | 1ull << 51), VEC_GP);
	GUEST_ASSERT_EQ(try_cr3(cr3 | 1ull << 63), VEC_GP);
	GUEST_ASSERT_EQ(read_cr3(), cr3);
	GUEST_DONE();
}

TEST_F(exits_cr, cr2_cr3)
{
	struct pt pt = pt_new(self->vm, PT_4LEVEL);

	vcpu_set_entry(self->vcpu, guest_cr2_cr3);
	vcpu_args(self->vcpu, 1, pt.root);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(0xffff888012345678, vcpu_sregs(self->vcpu).cr2);
	expect_sync(self->vcpu, 2);
	ASSERT_EQ(pt.root, vcpu_sregs(self->vcpu).cr3);
	expect_done(self->vcpu);
}

/* ---- CR4 ---------------------------------------------------------------------- */

static void guest_cr4(u64 allowed)
{
	u64 cr4 = read_cr4();

	GUEST_ASSERT_EQ(cr4, X86_CR4_PAE | X86_CR4_OSFXSR |
			X86_CR4_OSXMMEXCPT);
	for (int b = 0; b < 64; b++) {
		u64 bit = 1ull << b, vec;

		/* Not PAE in long mode; VMXE and SMXE are for others to say */
		if (bit & (X86_CR4_PAE | X86_CR4_VMXE | X86_CR4_SMXE |
			   X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_LA57))
			continue;
		vec = try_cr4(cr4 ^ bit);
		if (!(allowed & bit)) {
			GUEST_ASSERT_EQ(vec, VEC_GP);
			GUEST_ASSERT_EQ(read_cr4(), cr4);
			continue;
		}
		GUEST_ASSERT_EQ(vec, GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(read_cr4(), cr4 ^ bit);
		GUEST_ASSERT_EQ(try_cr4(cr4), GUEST_NO_EXCEPTION);
	}
	GUEST_ASSERT_EQ(try_cr4(cr4 & ~(u64)X86_CR4_PAE), VEC_GP);
	GUEST_ASSERT_EQ(read_cr4(), cr4);
	GUEST_DONE();
}

/* The bits that CPUID offers can be set, the others fault */
TEST_F(exits_cr, cr4)
{
	u64 allowed = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
		      X86_CR4_PSE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE |
		      X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	if (guest_has(7, 0, 'c', 2))
		allowed |= X86_CR4_UMIP;
	if (guest_has(7, 0, 'b', 0))
		allowed |= X86_CR4_FSGSBASE;
	if (GUEST_HAS_PCID())
		allowed |= X86_CR4_PCIDE;
	if (GUEST_HAS_XSAVE())
		allowed |= X86_CR4_OSXSAVE;
	if (GUEST_HAS_PKU())
		allowed |= X86_CR4_PKE;
	vcpu_set_entry(self->vcpu, guest_cr4);
	vcpu_args(self->vcpu, 1, allowed);
	expect_done(self->vcpu);
}

static void guest_pcide(u64 cr3)
{
	u64 cr4 = read_cr4();

	/* PCIDE can be set only with PCID 0, and is there in long mode only */
	GUEST_ASSERT_EQ(try_cr3(cr3 | 0x18), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(try_cr4(cr4 | X86_CR4_PCIDE), VEC_GP);
	GUEST_ASSERT_EQ(try_cr3(cr3), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(try_cr4(cr4 | X86_CR4_PCIDE), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(try_cr3(cr3 | 0x123), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(read_cr3(), cr3 | 0x123);
	/* Bit 63: no flush, and not kept */
	GUEST_ASSERT_EQ(try_cr3(cr3 | 0x124 | 1ull << 63),
			GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(read_cr3(), cr3 | 0x124);
	GUEST_ASSERT_EQ(try_cr4(cr4), GUEST_NO_EXCEPTION);
	GUEST_DONE();
}

TEST_F(exits_cr, cr4_pcide)
{
	if (!GUEST_HAS_PCID())
		skip_test("no PCID");
	vcpu_set_entry(self->vcpu, guest_pcide);
	vcpu_args(self->vcpu, 1, self->vm->pt.root);
	expect_done(self->vcpu);
}

/* ---- CR8 ------------------------------------------------------------------------ */

static void guest_cr8(void)
{
	GUEST_ASSERT_EQ(read_cr8(), 0);
	for (u64 i = 0; i < 16; i++) {
		GUEST_ASSERT_EQ(try_cr8(i), GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(read_cr8(), i);
	}
	GUEST_ASSERT_EQ(try_cr8(16), VEC_GP);
	GUEST_ASSERT_EQ(read_cr8(), 15);
	write_cr8(7);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(read_cr8(), 9);
	GUEST_DONE();
}

/*
 * Without an APIC in the kernel, user space is told when CR8 is lowered
 * (KVM_EXIT_SET_TPR), and CR8 travels in kvm_run.
 */
TEST_F(exits_cr, cr8)
{
	struct kvm_run *run = self->vcpu->run;

	vcpu_set_entry(self->vcpu, guest_cr8);
	for (;;) {
		if (vcpu_run(self->vcpu) != KVM_EXIT_SET_TPR)
			break;
	}
	ASSERT_EQ(UCALL_SYNC, self->vcpu->uc_cmd);
	ASSERT_EQ(7, run->cr8);
	ASSERT_EQ(7, vcpu_sregs(self->vcpu).cr8);
	run->cr8 = 9;
	expect_done(self->vcpu);
}

/* ---- at CPL 3 --------------------------------------------------------------------- */

#define USER(name, insn)						\
static u64 user_##name(u64 x)						\
{									\
	asm volatile(TRY(insn) : : : "rax", "memory");			\
	return caught();						\
}

USER(cr0_read, "mov %%cr0, %%rax")
USER(cr0_write, "mov %%rax, %%cr0")
USER(cr3_read, "mov %%cr3, %%rax")
USER(cr8_read, "mov %%cr8, %%rax")
USER(lmsw, "lmsw %%ax")
USER(clts, "clts")
USER(dr_read, "mov %%db0, %%rax")
USER(dr_write, "mov %%rax, %%db7")

static void guest_user(void)
{
	GUEST_ASSERT_EQ(guest_user_call(user_cr0_read, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_cr0_write, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_cr3_read, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_cr8_read, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_lmsw, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_clts, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_dr_read, 0), VEC_GP);
	GUEST_ASSERT_EQ(guest_user_call(user_dr_write, 0), VEC_GP);
	GUEST_DONE();
}

TEST_F(exits_cr, user_mode)
{
	RUN_GUEST(guest_user);
}

/* CR1 and CR5 do not exist */
static void guest_no_cr(void)
{
	asm volatile(TRY(".byte 0x0f, 0x20, 0xc8") : : : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	asm volatile(TRY(".byte 0x0f, 0x22, 0xe8") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	GUEST_DONE();
}

TEST_F(exits_cr, missing_registers)
{
	RUN_GUEST(guest_no_cr);
}

/* ---- debug registers ----------------------------------------------------------------- */

static void guest_dr(void)
{
	u64 dr7;

	write_dr0(0x1000);
	write_dr1(0x2000);
	write_dr2(0x3000);
	write_dr3(0xffff800000004000);
	GUEST_ASSERT_EQ(read_dr0(), 0x1000);
	GUEST_ASSERT_EQ(read_dr1(), 0x2000);
	GUEST_ASSERT_EQ(read_dr2(), 0x3000);
	GUEST_ASSERT_EQ(read_dr3(), 0xffff800000004000);
	GUEST_ASSERT_EQ(read_dr7(), 0x400);
	GUEST_ASSERT_EQ(read_dr6(), 0xffff0ff0);
	write_dr6(0);
	GUEST_ASSERT_EQ(read_dr6(), 0xffff0ff0);
	write_dr6(0xf);
	GUEST_ASSERT_EQ(read_dr6(), 0xffff0fff);
	write_dr6(0xffff0ff0);
	write_dr7(0x10000);
	GUEST_ASSERT_EQ(read_dr7(), 0x10400);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(read_dr0(), 0x1000);
	GUEST_ASSERT_EQ(read_dr7(), 0x10400);
	write_dr7(0);

	/* Upper halves of DR6 and DR7 are reserved */
	asm volatile(TRY("mov %0, %%db6") : : "r"(1ull << 32) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("mov %0, %%db7") : : "r"(1ull << 32) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);

	/* DR4 and DR5 are DR6 and DR7, or nothing with CR4.DE */
	asm volatile("mov %%db5, %0" : "=r"(dr7));
	GUEST_ASSERT_EQ(dr7, 0x400);
	write_cr4(read_cr4() | X86_CR4_DE);
	asm volatile(TRY("mov %%db5, %0") : "=r"(dr7) : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	asm volatile(TRY("mov %0, %%db4") : : "r"(0ull) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);

	/* General detect */
	write_dr7(0x2000);
	asm volatile(TRY("mov %%db0, %%rax") : : : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_DB);
	/* Delivery of #DB clears GD (SDM 3B 18.2.4) */
	GUEST_ASSERT_EQ(read_dr7(), 0x400);
	GUEST_ASSERT_EQ(read_dr6() & 0x2000, 0x2000);
	GUEST_DONE();
}

TEST_F(exits_cr, debug_registers)
{
	struct kvm_debugregs d;

	vcpu_set_entry(self->vcpu, guest_dr);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEBUGREGS, &d));
	ASSERT_EQ(0x1000, d.db[0]);
	ASSERT_EQ(0x2000, d.db[1]);
	ASSERT_EQ(0xffff800000004000, d.db[3]);
	ASSERT_EQ(0x10400, d.dr7);
	expect_done(self->vcpu);
}

static volatile u64 watched, db_count, db_dr6;

static void db_handler(struct guest_regs *regs)
{
	db_count++;
	db_dr6 = read_dr6();
	write_dr6(0xffff0ff0);
	/* An instruction breakpoint is a fault: step over it */
	regs->rflags |= X86_EFLAGS_RF;
}

static void guest_breakpoints(void)
{
	volatile u64 *w = &watched;
	u64 at;

	guest_handlers[VEC_DB] = db_handler;
	write_dr0((u64)w);
	write_dr7(0xd0402);	/* 4 bytes, write, G0 */
	*w = 1;
	GUEST_ASSERT_EQ(db_count, 1);
	GUEST_ASSERT_EQ(db_dr6 & 0xf, 1);
	at = *w;		/* reads do not count */
	GUEST_ASSERT_EQ(db_count, 1);
	GUEST_SYNC(1);
	*w = 2;			/* still armed after user space had the CPU */
	GUEST_ASSERT_EQ(db_count, 2);
	write_dr7(0);

	asm volatile("lea 1f(%%rip), %0; mov %0, %%db1; mov %1, %%db7;"
		     "1: nop" : "=&r"(at) : "r"(0x408ull) : "memory");
	GUEST_ASSERT_EQ(db_count, 3);
	GUEST_ASSERT_EQ(db_dr6 & 0xf, 2);
	write_dr7(0);
	GUEST_DONE();
}

TEST_F(exits_cr, breakpoints)
{
	vcpu_set_entry(self->vcpu, guest_breakpoints);
	expect_sync(self->vcpu, 1);
	expect_done(self->vcpu);
}

/* The host's own debug registers are not the guest's: ours, by ptrace(2) */
TEST_F(exits_cr, breakpoints_stay_in_guest)
{
	vcpu_set_entry(self->vcpu, guest_breakpoints);
	expect_sync(self->vcpu, 1);
	/* Same address here; a #DB would be a SIGTRAP */
	*(volatile u64 *)&watched = 5;
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
