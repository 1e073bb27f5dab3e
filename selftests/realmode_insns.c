// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode: instructions that are not the same in virtual-8086 mode, as which a
 * CPU without unrestricted guest runs it.
 */
#include "real.h"

GUEST_SUITE(realmode_insns)

/* ---- STAC and CLAC: of CPL 0, which real mode has ------------------------ */

REAL(ri_stac,
	"movw $" AT(ri_stac, ud) ", 0x18\n"
	"movw $0, 0x1a\n"
	"mov $7, %eax\n"
	"xor %ecx, %ecx\n"
	"cpuid\n"
	"shr $20, %ebx\n"
	"and $1, %ebx\n"		/* SMAP */
	"mov %bx, %ax\n"
	"out %ax, $0x80\n"
	"xor %si, %si\n"
	".byte 0x0f, 0x01, 0xcb\n"	/* stac */
	"pushfl\n"
	"pop %eax\n"
	"out %eax, $0x80\n"
	".byte 0x3e, 0x0f, 0x01, 0xca\n" /* clac with a prefix */
	"pushfl\n"
	"pop %eax\n"
	"out %eax, $0x80\n"
	".byte 0x66, 0x0f, 0x01, 0xca\n" /* #UD in any case */
	"mov %si, %ax\n"
	"out %ax, $0x80\n"
	"hlt\n"
	"ud: inc %si\n"			/* skips to the next of 3 to 5 bytes */
	"pop %bx\n"
	"push %bx\n"
	"mov %cs:(%bx), %al\n"
	"cmp $0x0f, %al\n"
	"je 1f\n"
	"inc %bx\n"
	"1: add $3, %bx\n"
	"pop %ax\n"
	"push %bx\n"
	"iret\n");

TEST_F(realmode_insns, stac)
{
	struct vcpu *v = self->vcpu;
	bool smap;

	START(v, ri_stac);
	smap = OUT16(v);
	ASSERT_EQ(smap ? X86_EFLAGS_AC : 0, OUT32(v) & X86_EFLAGS_AC);
	ASSERT_EQ(0, OUT32(v) & X86_EFLAGS_AC);
	ASSERT_EQ(smap ? 1 : 3, OUT16(v));
	expect_exit(v, KVM_EXIT_HLT);
}

/* ---- MONITOR and MWAIT: the same ------------------------------------------ */

REAL(ri_mwait,
	"movw $" AT(ri_mwait, mwait_ud) ", 0x18\n"
	"movw $0, 0x1a\n"
	"xor %si, %si\n"
	"mov $0x600, %eax\n"
	"xor %ecx, %ecx\n"
	"xor %edx, %edx\n"
	".byte 0x0f, 0x01, 0xc8\n"	/* monitor */
	"xor %eax, %eax\n"
	".byte 0x0f, 0x01, 0xc9\n"	/* mwait */
	"mov %si, %ax\n"
	"out %ax, $0x80\n"
	"hlt\n"
	"mwait_ud: inc %si\n"
	"pop %bx\n"
	"add $3, %bx\n"
	"push %bx\n"
	"iret\n");

/* How many of the two are #UD */
static unsigned int undefined_mwait(struct vcpu *v)
{
	unsigned int n;

	START(v, ri_mwait);
	n = OUT16(v);
	expect_exit(v, KVM_EXIT_HLT);
	return n;
}

static int announce_monitor(struct vcpu *v, bool on)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_entry(c, 1, 0);

	e->ecx = on ? e->ecx | 1u << 3 : e->ecx & ~(1u << 3);
	return ioctl(v->fd, KVM_SET_CPUID2, c);
}

static int be_strict(struct vcpu *v)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DISABLE_QUIRKS2,
		.args = { KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS },
	};

	return ioctl(v->vm->fd, KVM_ENABLE_CAP, &cap);
}

TEST_F(realmode_insns, mwait)
{
	ASSERT_EQ(0, announce_monitor(self->vcpu, true));
	ASSERT_EQ(0, be_strict(self->vcpu));
	ASSERT_EQ(0, undefined_mwait(self->vcpu));
}

TEST_F(realmode_insns, mwait_denied)
{
	ASSERT_EQ(0, announce_monitor(self->vcpu, false));
	ASSERT_EQ(0, undefined_mwait(self->vcpu));
	/* unless the VMM wants the guest to see what a CPU would do */
	ASSERT_EQ(0, be_strict(self->vcpu));
	ASSERT_EQ(2, undefined_mwait(self->vcpu));
}

/* ---- INT3 and INTO with prefixes ----------------------------------------- */

REAL(ri_traps,
	"movw $" AT(ri_traps, handler) ", 0x0c\n"
	"movw $0, 0x0e\n"
	"movw $" AT(ri_traps, handler) ", 0x10\n"
	"movw $0, 0x12\n"
	"int3\n"
	"t0: .byte 0x3e, 0xcc\n"	/* int3 */
	"t1: .byte 0x66, 0x2e, 0xcc\n"
	"t2: mov $0x7f, %al\n"
	"add $1, %al\n"
	"into\n"
	"t3: mov $0x7f, %al\n"
	"add $1, %al\n"
	".byte 0x66, 0xce\n"		/* into */
	"t4: .byte 0x3e, 0xce\n"	/* OF is in the flags that IRET restores */
	"t5: hlt\n"
	"handler: mov %sp, %bp\n"
	"mov (%bp), %ax\n"
	"out %ax, $0x80\n"
	"iret\n"
	".globl t0, t1, t2, t3, t4, t5\n");
extern const u8 t0[], t1[], t2[], t3[], t4[], t5[];

TEST_F(realmode_insns, prefixed_traps)
{
	const u8 *const next[] = { t0, t1, t2, t3, t4, t5 };
	struct vcpu *v = self->vcpu;

	START(v, ri_traps);
	for (unsigned int i = 0; i < ARRAY_SIZE(next); i++)
		ASSERT_EQ(G_LOW + (next[i] - ri_traps), OUT16(v));
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0x7000, vcpu_regs(v).rsp);
}

/* ---- no alignment checking ----------------------------------------------- */

REAL(ri_align,
	"movw $" AT(ri_align, ac) ", 0x44\n"
	"movw $0, 0x46\n"
	"mov %cr0, %eax\n"
	"or $0x40000, %eax\n"		/* AM */
	"mov %eax, %cr0\n"
	"pushfl\n"
	"orw $4, 2(%esp)\n"		/* AC */
	"popfl\n"
	"mov 0x601, %eax\n"
	"add %eax, 0x603\n"
	"pushfl\n"
	"pop %eax\n"
	"out %eax, $0x80\n"
	"hlt\n"
	"ac: xor %eax, %eax\n"
	"out %eax, $0x80\n"
	"hlt\n");

TEST_F(realmode_insns, alignment)
{
	struct vcpu *v = self->vcpu;

	START(v, ri_align);
	ASSERT_EQ(X86_EFLAGS_AC, OUT32(v) & X86_EFLAGS_AC);
	expect_exit(v, KVM_EXIT_HLT);
}

/* ---- WRMSR and RDMSR ----------------------------------------------------- */

REAL(ri_base,
	"movb $0x5a, 0x640\n"
	"movb $0x5b, 0x740\n"
	"mov $0xc0000100, %ecx\n"	/* FS_BASE */
	"mov $0x600, %eax\n"
	"xor %edx, %edx\n"
	"wrmsr\n"
	"mov %fs:0x40, %al\n"
	"out %al, $0x80\n"
	"xor %eax, %eax\n"
	"rdmsr\n"
	"out %eax, $0x80\n"
	"mov $0x70, %ax\n"		/* and as real mode has it again */
	"mov %ax, %fs\n"
	"mov %fs:0x40, %al\n"
	"out %al, $0x80\n"
	"rdmsr\n"
	"out %eax, $0x80\n"
	"hlt\n");

/* A base that is not 16 times the selector */
TEST_F(realmode_insns, segment_base)
{
	struct vcpu *v = self->vcpu;

	START(v, ri_base);
	ASSERT_EQ(0x5a, OUT8(v));
	ASSERT_EQ(0x600, OUT32(v));
	ASSERT_EQ(0x600, vcpu_sregs(v).fs.base);
	ASSERT_EQ(0x5b, OUT8(v));
	ASSERT_EQ(0x700, OUT32(v));
	expect_exit(v, KVM_EXIT_HLT);
}

/* The same set by user space */
REAL(ri_base_set,
	"movb $0x5c, 0x640\n"
	"out %al, $0x80\n"
	"mov %gs:0x40, %al\n"
	"out %al, $0x80\n"
	"hlt\n");

TEST_F(realmode_insns, segment_base_set)
{
	struct vcpu *v = self->vcpu;

	START(v, ri_base_set);
	expect_pio(v, 0x80, true, 1, 1);
	vcpu_set_msr(v, MSR_GS_BASE, 0x600);
	ASSERT_EQ(0x5c, OUT8(v));
	expect_exit(v, KVM_EXIT_HLT);
}

REAL(ri_msr,
	"mov $0x12345678, %ecx\n"
	"rdmsr\n"
	"out %eax, $0x80\n"
	"mov %edx, %eax\n"
	"out %eax, $0x80\n"
	"mov $0x11, %eax\n"
	"mov $0x22, %edx\n"
	"wrmsr\n"
	"mov $1, %al\n"
	"out %al, $0x80\n"
	"movw $" AT(ri_msr, gp) ", 0x34\n"
	"movw $0, 0x36\n"
	"at: rdmsr\n"
	"hlt\n"
	"gp: pop %ax\n"
	"out %ax, $0x80\n"
	"hlt\n"
	".globl at\n");
extern const u8 at[];

/* MSRs that nobody knows go to user space from here as from everywhere */
TEST_F(realmode_insns, msr_exits)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_UNKNOWN },
	};
	struct vcpu *v = self->vcpu;
	struct kvm_run *run = v->run;

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	START(v, ri_msr);
	expect_exit(v, KVM_EXIT_X86_RDMSR);
	ASSERT_EQ(0x12345678, run->msr.index);
	ASSERT_EQ(KVM_MSR_EXIT_REASON_UNKNOWN, run->msr.reason);
	run->msr.data = 0x1111222233334444;
	ASSERT_EQ(0x33334444, OUT32(v));
	ASSERT_EQ(0x11112222, OUT32(v));
	expect_exit(v, KVM_EXIT_X86_WRMSR);
	ASSERT_EQ(0x12345678, run->msr.index);
	ASSERT_EQ(0x2200000011, run->msr.data);
	ASSERT_EQ(1, OUT8(v));
	expect_exit(v, KVM_EXIT_X86_RDMSR);
	run->msr.error = 1;
	ASSERT_EQ(G_LOW + (at - ri_msr), OUT16(v));
	run->msr.error = 0;
	expect_exit(v, KVM_EXIT_HLT);
}

/* ---- INS and OUTS -------------------------------------------------------- */

REAL(ri_ins,
	"cld\n"
	"mov $0x600, %di\n"
	"mov $0x1f0, %dx\n"
	"insw\n"
	"mov $8, %cx\n"
	"rep insw\n"
	"mov $0x600, %si\n"
	"mov $9, %cx\n"
	"rep outsw\n"
	"hlt\n");

/* All of a repeated one in one exit, as it is where the CPU runs real mode */
TEST_F(realmode_insns, string_io)
{
	struct vcpu *v = self->vcpu;
	u16 *data;

	if (!on_our_module())
		skip_test("how many go to an exit is the module's affair");
	START(v, ri_ins);
	*(u16 *)expect_pio(v, 0x1f0, false, 2, 1) = 0x1111;
	data = expect_pio(v, 0x1f0, false, 2, 8);
	for (unsigned int i = 0; i < 8; i++)
		data[i] = 0x1111 * (i + 2);
	data = expect_pio(v, 0x1f0, true, 2, 9);
	for (unsigned int i = 0; i < 9; i++)
		ASSERT_EQ(0x1111 * (i + 1), data[i]);
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0, vcpu_regs(v).rcx & 0xffff);
}

TEST_HARNESS_MAIN
