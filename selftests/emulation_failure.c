// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that KVM cannot emulate: what the guest and user space get */
#include "kvmtest.h"

GUEST_SUITE(emulation_failure)

#define MMIO	0xd0000000ull

static u64 load_x87(u64 addr)
{
	asm volatile("flds (%0)" : : "r"(addr) : "memory");
	return 0;
}

static void guest_kernel(void)
{
	load_x87(MMIO);
	GUEST_DONE();
}

static void guest_user(void)
{
	asm volatile(TRY("nop") : : : "memory");
	guest_user_call(load_x87, MMIO);
	GUEST_DONE();
}

static void enable(struct vm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = { 1 },
	};

	require(!ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

/* KVM_EXIT_INTERNAL_ERROR with the instruction's bytes; then go on behind it */
static void check_failure(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;

	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION,
		  run->emulation_failure.suberror);
	EXPECT_LE(1, run->emulation_failure.ndata);
	ASSERT_TRUE(run->emulation_failure.flags &
		    KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
	EXPECT_LE(2, run->emulation_failure.insn_size);
	EXPECT_EQ(0xd9, run->emulation_failure.insn_bytes[0]);
	regs = vcpu_regs(vcpu);
	EXPECT_EQ(0xd9, *(u8 *)vm_hva(vcpu->vm, regs.rip));
	if (on_our_module()) {
		/* beyond the ABI: where, and in 64-bit mode */
		EXPECT_EQ(5, run->internal.ndata);
		EXPECT_EQ(regs.rip, run->internal.data[3]);
		EXPECT_EQ(0x803, run->internal.data[4]);
	}
	regs.rip += 2;
	vcpu_set_regs(vcpu, &regs);
}

TEST_F(emulation_failure, kernel)
{
	vcpu_set_entry(self->vcpu, guest_kernel);
	if (on_our_module())
		check_failure(_metadata, self->vcpu);
	else
		skip_test("the in-tree KVM gives bytes only when asked to");
	expect_done(self->vcpu);
}

TEST_F(emulation_failure, kernel_asked_for)
{
	if (!kvm_check(KVM_CAP_EXIT_ON_EMULATION_FAILURE))
		skip_test("no KVM_CAP_EXIT_ON_EMULATION_FAILURE");
	enable(self->vm);
	vcpu_set_entry(self->vcpu, guest_kernel);
	check_failure(_metadata, self->vcpu);
	expect_done(self->vcpu);
}

/* A process in the guest must not end it: #UD */
TEST_F(emulation_failure, user)
{
	vcpu_set_entry(self->vcpu, guest_user);
	expect_exception(self->vcpu, VEC_UD);
}

/* ... unless user space wants to know */
TEST_F(emulation_failure, user_asked_for)
{
	if (!kvm_check(KVM_CAP_EXIT_ON_EMULATION_FAILURE))
		skip_test("no KVM_CAP_EXIT_ON_EMULATION_FAILURE");
	enable(self->vm);
	vcpu_set_entry(self->vcpu, guest_user);
	check_failure(_metadata, self->vcpu);
	expect_done(self->vcpu);
}

static void guest_ud(void)
{
	GUEST_SYNC(1);
	asm volatile(TRY("ud2") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	GUEST_DONE();
}

/* Where the CPU does not run real mode: a state that no guest can get out of */
TEST_F(emulation_failure, no_tr)
{
	struct kvm_run *run = self->vcpu->run;
	struct kvm_sregs good, bad;
	int i;

	vcpu_set_entry(self->vcpu, guest_ud);
	expect_sync(self->vcpu, 1);
	good = vcpu_sregs(self->vcpu);
	bad = good;
	bad.tr.unusable = 1;
	vcpu_set_sregs(self->vcpu, &bad);
	for (i = 0; i < 2; i++) {
		if (vcpu_run(self->vcpu) == KVM_EXIT_FAIL_ENTRY)
			skip_test("the CPU runs real mode: the entry fails");
		EXPECT_EQ(KVM_EXIT_INTERNAL_ERROR, run->exit_reason);
		EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, run->internal.suberror);
	}
	vcpu_set_sregs(self->vcpu, &good);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
