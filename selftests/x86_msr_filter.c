// SPDX-License-Identifier: GPL-2.0-only
/* MSRs that user space forbids, and MSRs that user space answers for. */
#include "kvmtest.h"
#include <stdatomic.h>

GUEST_SUITE(x86_msr_filter)

#define UNKNOWN_MSR	0x474f4f00
#define NONE		0x100	/* what caught() says */
#define MSR_SYSENTER_CS	0x174
#define MSR_FS_BASE_	0xc0000100
#define MSR_APIC_BASE_	0x1b
#define MSR_PAT_	0x277

static int filter_err(struct vm *vm, struct kvm_msr_filter *f)
{
	return ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, f) ? errno : 0;
}

static int user_msr_err(struct vm *vm, u64 mask)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { mask },
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

/* Forbid one MSR, the others are free */
static struct kvm_msr_filter one(u32 msr, u32 flags)
{
	static u8 none[8];
	struct kvm_msr_filter f = {
		.ranges[0] = {
			.flags = flags, .base = msr, .nmsrs = 1, .bitmap = none,
		},
	};

	return f;
}

#define RW	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

/* ---- arguments -------------------------------------------------------------- */

TEST_F(x86_msr_filter, arguments)
{
	struct kvm_msr_filter f = one(MSR_PAT_, RW);
	struct kvm_msr_filter none = {};

	ASSERT_NE(0, kvm_check(KVM_CAP_X86_MSR_FILTER));
	ASSERT_NE(0, kvm_check(KVM_CAP_X86_USER_SPACE_MSR));
	EXPECT_EQ(0, filter_err(self->vm, &f));
	EXPECT_EQ(0, filter_err(self->vm, &none));
	f.flags = 2;
	EXPECT_EQ(EINVAL, filter_err(self->vm, &f));
	none.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	EXPECT_EQ(EINVAL, filter_err(self->vm, &none));
	f = one(MSR_PAT_, 0);
	EXPECT_EQ(EINVAL, filter_err(self->vm, &f));
	f = one(MSR_PAT_, 4 | KVM_MSR_FILTER_READ);
	EXPECT_EQ(EINVAL, filter_err(self->vm, &f));
	f = one(MSR_PAT_, RW);
	f.ranges[0].nmsrs = KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8 + 1;
	EXPECT_EQ(EINVAL, filter_err(self->vm, &f));
	f.ranges[0].nmsrs = ~0u;
	EXPECT_EQ(EINVAL, filter_err(self->vm, &f));
	f.ranges[0].nmsrs = 1;
	f.ranges[0].bitmap = (u8 *)8;
	EXPECT_EQ(EFAULT, filter_err(self->vm, &f));
	EXPECT_EQ(EFAULT, ioctl(self->vm->fd, KVM_X86_SET_MSR_FILTER, 8) ?
		  errno : 0);
	EXPECT_EQ(EINVAL, user_msr_err(self->vm, 8));
	EXPECT_EQ(EINVAL, user_msr_err(self->vm, ~0ull));
	EXPECT_EQ(0, user_msr_err(self->vm, 7));
	EXPECT_EQ(0, user_msr_err(self->vm, 0));
}

/* ---- filters ------------------------------------------------------------------- */

static void guest_access(u64 msr)
{
	for (;;) {
		u32 lo = 0, hi = 0;
		int rd, wr;

		asm volatile(TRY("rdmsr") : "+a"(lo), "+d"(hi) :
			     "c"((u32)msr));
		rd = caught();
		asm volatile(TRY("wrmsr") : : "a"(lo), "d"(hi),
			     "c"((u32)msr));
		wr = caught();
		GUEST_SYNC_ARGS(1, rd, wr, 0, 0);
	}
}

/* What the next access says: vectors of RDMSR and WRMSR, NONE */
static void expect_access(struct vcpu *v, int rd, int wr)
{
	expect_sync(v, 1);
	if ((int)v->uc[1] != rd || (int)v->uc[2] != wr)
		die("RDMSR %d, WRMSR %d, wanted %d, %d", (int)v->uc[1],
		    (int)v->uc[2], rd, wr);
}

static void check_one(struct vcpu *v, u32 msr)
{
	struct kvm_msr_filter f, none = {};

	vcpu_set_entry(v, guest_access);
	vcpu_args(v, 1, (u64)msr);
	expect_access(v, NONE, NONE);
	f = one(msr, RW);
	require(!filter_err(v->vm, &f));
	expect_access(v, VEC_GP, VEC_GP);
	f = one(msr, KVM_MSR_FILTER_READ);
	require(!filter_err(v->vm, &f));
	expect_access(v, VEC_GP, NONE);
	f = one(msr, KVM_MSR_FILTER_WRITE);
	require(!filter_err(v->vm, &f));
	expect_access(v, NONE, VEC_GP);
	f = one(msr + 1, RW);
	require(!filter_err(v->vm, &f));
	expect_access(v, NONE, NONE);
	f.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	require(!filter_err(v->vm, &f));
	expect_access(v, VEC_GP, VEC_GP);
	require(!filter_err(v->vm, &none));
	expect_access(v, NONE, NONE);
	/* user space is not meant */
	f = one(msr, RW);
	require(!filter_err(v->vm, &f));
	require(vcpu_set_msr(v, msr, vcpu_get_msr(v, msr)));
	require(!filter_err(v->vm, &none));
}

/* With an exit, without one, and in the fast path of exits */
TEST_F(x86_msr_filter, intercepted)
{
	check_one(self->vcpu, MSR_PAT_);
}

TEST_F(x86_msr_filter, passed_through)
{
	check_one(self->vcpu, MSR_SYSENTER_CS);
	check_one(self->vcpu, MSR_FS_BASE_);
}

TEST_F(x86_msr_filter, quick)
{
	check_one(self->vcpu, MSR_APIC_BASE_);
}

/* The first range that is about the access decides; bits allow */
TEST_F(x86_msr_filter, ranges)
{
	u8 some[8] = { 1 << (MSR_SYSENTER_CS - 0x170) }, none[8] = {};
	struct kvm_msr_filter f = {
		.flags = KVM_MSR_FILTER_DEFAULT_DENY,
		.ranges[0] = { .flags = KVM_MSR_FILTER_READ, .base = 0x170,
			       .nmsrs = 8, .bitmap = some },
		.ranges[1] = { .flags = RW, .base = 0x174, .nmsrs = 1,
			       .bitmap = none },
	};

	vcpu_set_entry(self->vcpu, guest_access);
	vcpu_args(self->vcpu, 1, (u64)MSR_SYSENTER_CS);
	require(!filter_err(self->vm, &f));
	expect_access(self->vcpu, NONE, VEC_GP);
	f.flags = 0;
	f.ranges[1].nmsrs = 0;
	require(!filter_err(self->vm, &f));
	expect_access(self->vcpu, NONE, NONE);
	some[0] = 0;
	require(!filter_err(self->vm, &f));
	expect_access(self->vcpu, VEC_GP, NONE);
	/* up to the last MSR that there can be */
	f.ranges[0].base = ~0u;
	f.ranges[0].nmsrs = 64;
	require(!filter_err(self->vm, &f));
	expect_access(self->vcpu, NONE, NONE);
}

static atomic_bool stop;

static void *keep_running(void *arg)
{
	struct vcpu *v = arg;
	unsigned long refused = 0;

	while (!stop) {
		expect_sync(v, 1);
		refused += (int)v->uc[1] == VEC_GP;
	}
	return (void *)refused;
}

/* While a vCPU runs */
TEST_F(x86_msr_filter, replaced_under_a_running_vcpu)
{
	struct kvm_msr_filter f = one(MSR_SYSENTER_CS, RW), none = {};
	pthread_t t;

	vcpu_set_entry(self->vcpu, guest_access);
	vcpu_args(self->vcpu, 1, (u64)MSR_SYSENTER_CS);
	stop = false;
	t = vcpu_thread(self->vcpu, keep_running);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, filter_err(self->vm, &f));
		ASSERT_EQ(0, filter_err(self->vm, &none));
	}
	stop = true;
	pthread_join(t, NULL);
	expect_access(self->vcpu, NONE, NONE);
}

/* ---- user space answers ------------------------------------------------------------ */

static void guest_read(u64 msr)
{
	for (;;) {
		u32 lo = 0x11, hi = 0x22;
		int v;

		asm volatile(TRY("rdmsr") : "+a"(lo), "+d"(hi) :
			     "c"((u32)msr));
		v = caught();
		GUEST_SYNC_ARGS(2, v, lo, hi, 0);
	}
}

static void guest_write(u64 msr)
{
	for (;;) {
		int v;

		asm volatile(TRY("wrmsr") : : "a"(0x1234), "d"(0x5678),
			     "c"((u32)msr));
		v = caught();
		GUEST_SYNC_ARGS(3, v, 0, 0, 0);
	}
}

static void start(struct vcpu *v, void *fn, u32 msr)
{
	vcpu_set_entry(v, fn);
	vcpu_args(v, 1, (u64)msr);
}

static void read_exit(struct vcpu *v, u32 msr, u32 reason)
{
	expect_exit(v, KVM_EXIT_X86_RDMSR);
	require(v->run->msr.index == msr && v->run->msr.reason == reason);
	require(v->run->msr.data == 0 && v->run->msr.error == 0);
}

TEST_F(x86_msr_filter, user_space_answers_reads)
{
	struct vcpu *v = self->vcpu;

	ASSERT_EQ(0, user_msr_err(self->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	start(v, guest_read, UNKNOWN_MSR);
	read_exit(v, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.data = 0x1122334455667788;
	expect_sync(v, 2);
	ASSERT_EQ(NONE, (int)v->uc[1]);
	ASSERT_EQ(0x55667788, v->uc[2]);
	ASSERT_EQ(0x11223344, v->uc[3]);
	/* refused */
	read_exit(v, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.data = 5;
	v->run->msr.error = 1;
	expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, (int)v->uc[1]);
	ASSERT_EQ(0x11, v->uc[2]);
	ASSERT_EQ(0x22, v->uc[3]);
	/* completed without entering the guest */
	read_exit(v, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.data = 77;
	vcpu_complete_exit(v);
	ASSERT_EQ(77, vcpu_regs(v).rax);
	expect_sync(v, 2);
	ASSERT_EQ(77, v->uc[2]);
	/* not any more */
	ASSERT_EQ(0, user_msr_err(self->vm, 0));
	expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, (int)v->uc[1]);
}

TEST_F(x86_msr_filter, user_space_answers_writes)
{
	struct vcpu *v = self->vcpu;

	ASSERT_EQ(0, user_msr_err(self->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	start(v, guest_write, UNKNOWN_MSR);
	for (int error = 0; error < 2; error++) {
		expect_exit(v, KVM_EXIT_X86_WRMSR);
		ASSERT_EQ(UNKNOWN_MSR, v->run->msr.index);
		ASSERT_EQ(KVM_MSR_EXIT_REASON_UNKNOWN, v->run->msr.reason);
		ASSERT_EQ(0x567800001234, v->run->msr.data);
		v->run->msr.error = error;
		expect_sync(v, 3);
		ASSERT_EQ(error ? VEC_GP : NONE, (int)v->uc[1]);
	}
}

/* Each reason is told apart, and only those asked for exit */
TEST_F(x86_msr_filter, reasons)
{
	struct kvm_msr_filter f = one(MSR_SYSENTER_CS, RW);
	struct vcpu *v = self->vcpu;

	ASSERT_EQ(0, filter_err(self->vm, &f));
	ASSERT_EQ(0, user_msr_err(self->vm, KVM_MSR_EXIT_REASON_FILTER));
	start(v, guest_read, MSR_SYSENTER_CS);
	read_exit(v, MSR_SYSENTER_CS, KVM_MSR_EXIT_REASON_FILTER);
	v->run->msr.data = 9;
	expect_sync(v, 2);
	ASSERT_EQ(9, v->uc[2]);
	start(v, guest_read, UNKNOWN_MSR);
	expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, (int)v->uc[1]);

	/* reserved bits of the PAT */
	start(v, guest_write, MSR_PAT_);
	expect_sync(v, 3);
	ASSERT_EQ(VEC_GP, (int)v->uc[1]);
	ASSERT_EQ(0, user_msr_err(self->vm, KVM_MSR_EXIT_REASON_INVAL));
	expect_exit(v, KVM_EXIT_X86_WRMSR);
	ASSERT_EQ(KVM_MSR_EXIT_REASON_INVAL, v->run->msr.reason);
	expect_sync(v, 3);
	ASSERT_EQ(NONE, (int)v->uc[1]);
	start(v, guest_read, MSR_SYSENTER_CS);
	expect_sync(v, 2);
	ASSERT_EQ(VEC_GP, (int)v->uc[1]);
}

/* User space moves RIP before it answers: the answer is for nobody */
TEST_F(x86_msr_filter, answer_to_another_instruction)
{
	struct vcpu *v = self->vcpu;
	struct kvm_regs r;

	ASSERT_EQ(0, user_msr_err(self->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	start(v, guest_read, UNKNOWN_MSR);
	read_exit(v, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.data = 0xbad;
	start(v, guest_write, MSR_SYSENTER_CS);
	r = vcpu_regs(v);
	vcpu_complete_exit(v);
	ASSERT_EQ(r.rip, vcpu_regs(v).rip);
	ASSERT_EQ(r.rax, vcpu_regs(v).rax);
}

/* In real mode, which some CPUs leave to the emulator */
TEST_F(x86_msr_filter, real_mode)
{
	static const u8 code[] = {
		0x66, 0xb9, 0x00, 0x4f, 0x4f, 0x47,	/* mov ecx, UNKNOWN_MSR */
		0x0f, 0x32,				/* rdmsr */
		0xf4,					/* hlt */
		0x0f, 0x30,				/* wrmsr */
		0xf4,
		0x0f, 0x32,
		0xf4,
	};
	/* #GP goes there: HLT with RBX changed */
	static const u8 handler[] = { 0xbb, 0x99, 0x00, 0xf4 };
	struct vcpu *v = self->vcpu;
	struct kvm_regs r = { .rip = G_LOW, .rsp = G_LOW, .rflags = 2 };

	ASSERT_EQ(0, user_msr_err(self->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	vcpu_set_mode(v, CPU_REAL, NULL);
	memcpy(vm_hva(self->vm, G_LOW), code, sizeof(code));
	memcpy(vm_hva(self->vm, G_LOW + 0x100), handler, sizeof(handler));
	*(u32 *)vm_hva(self->vm, VEC_GP * 4) = G_LOW + 0x100;
	vcpu_set_regs(v, &r);
	read_exit(v, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.data = 0x1122334455667788;
	expect_exit(v, KVM_EXIT_HLT);
	r = vcpu_regs(v);
	ASSERT_EQ(0x55667788, r.rax);
	ASSERT_EQ(0x11223344, r.rdx);
	expect_exit(v, KVM_EXIT_X86_WRMSR);
	ASSERT_EQ(0x1122334455667788, v->run->msr.data);
	expect_exit(v, KVM_EXIT_HLT);
	read_exit(v, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	v->run->msr.error = 1;
	expect_exit(v, KVM_EXIT_HLT);
	r = vcpu_regs(v);
	ASSERT_EQ(0x99, r.rbx & 0xffff);
	ASSERT_EQ(0x55667788, r.rax);
}

TEST_HARNESS_MAIN
