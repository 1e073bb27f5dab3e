// SPDX-License-Identifier: GPL-2.0-only
/* Capabilities of a VM that no other subject's test turns on and off */
#include "kvmtest.h"

GUEST_SUITE(capabilities)

#define MSR_PLATFORM_INFO	0xce
#define APIC_LVT0		0x350
#define LVT0_MASKED		0x10000		/* as after reset */
#define LVT0_EXTINT		0x700		/* for the PIC */

/* 0 or errno */
static int enable(struct vm *vm, u32 nr, u64 arg)
{
	struct kvm_enable_cap cap = { .cap = nr, .args = { arg } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

static int enable_with_flags(struct vm *vm, u32 nr)
{
	struct kvm_enable_cap cap = { .cap = nr, .flags = 1, .args = { 1 } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

/* ---- KVM_CAP_X86_TRIPLE_FAULT_EVENT --------------------------------------- */

static void guest_triple_fault(void)
{
	static const u8 no_idt[10];

	GUEST_SYNC(1);
	GUEST_SYNC(2);
	asm volatile("lidt %0; ud2" : : "m"(no_idt));
}

static int set_triple_fault(struct vcpu *vcpu, u8 pending)
{
	struct kvm_vcpu_events ev = vcpu_events(vcpu);

	ev.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	ev.triple_fault.pending = pending;
	return ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &ev) ? errno : 0;
}

TEST_F(capabilities, triple_fault_event)
{
	struct vcpu *vcpu = self->vcpu;

	vcpu_set_entry(vcpu, guest_triple_fault);
	ASSERT_EQ(1, vm_check(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT));
	EXPECT_EQ(EINVAL, enable_with_flags(self->vm,
					    KVM_CAP_X86_TRIPLE_FAULT_EVENT));
	EXPECT_FALSE(vcpu_events(vcpu).flags &
		     KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	EXPECT_EQ(EINVAL, set_triple_fault(vcpu, 1));
	expect_sync(vcpu, 1);

	ASSERT_EQ(0, enable(self->vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	EXPECT_TRUE(vcpu_events(vcpu).flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	EXPECT_EQ(0, vcpu_events(vcpu).triple_fault.pending);
	ASSERT_EQ(0, set_triple_fault(vcpu, 1));
	EXPECT_EQ(1, vcpu_events(vcpu).triple_fault.pending);
	/* taken back */
	ASSERT_EQ(0, set_triple_fault(vcpu, 0));
	EXPECT_EQ(0, vcpu_events(vcpu).triple_fault.pending);
	/* and for good: told once, and the guest is as it was */
	ASSERT_EQ(0, set_triple_fault(vcpu, 1));
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
	EXPECT_EQ(0, vcpu_events(vcpu).triple_fault.pending);
	expect_sync(vcpu, 2);
	/* one of the guest's own */
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
	EXPECT_EQ(0, vcpu_events(vcpu).triple_fault.pending);
}

/* HLT does not hide it */
TEST_F(capabilities, triple_fault_of_halted)
{
	struct kvm_mp_state halted = { KVM_MP_STATE_HALTED };
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *vcpu;

	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	ASSERT_EQ(0, enable(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	vcpu = vcpu_new(vm, 0, guest_triple_fault);
	expect_sync(vcpu, 1);
	require(!ioctl(vcpu->fd, KVM_SET_MP_STATE, &halted));
	ASSERT_EQ(0, set_triple_fault(vcpu, 1));
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
	vm_free(vm);
}

/* ---- KVM_CAP_MSR_PLATFORM_INFO --------------------------------------------- */

/* Sends what it reads, or -1 where that is #GP */
static void guest_platform_info(void)
{
	u32 lo, hi;

	for (;;) {
		asm volatile(TRY("rdmsr") : "=a"(lo), "=d"(hi)
			     : "c"(MSR_PLATFORM_INFO));
		GUEST_SYNC(caught() == VEC_GP ? ~0ull : (u64)hi << 32 | lo);
	}
}

TEST_F(capabilities, msr_platform_info)
{
	const u64 value = 0x80000f00;
	struct vcpu *vcpu = self->vcpu;

	ASSERT_EQ(1, vm_check(self->vm, KVM_CAP_MSR_PLATFORM_INFO));
	EXPECT_EQ(EINVAL, enable_with_flags(self->vm,
					    KVM_CAP_MSR_PLATFORM_INFO));
	ASSERT_EQ(1, vcpu_set_msr(vcpu, MSR_PLATFORM_INFO, value));
	vcpu_set_entry(vcpu, guest_platform_info);
	expect_sync(vcpu, value);
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_MSR_PLATFORM_INFO, 0));
	expect_sync(vcpu, ~0ull);
	/* user space still has it */
	EXPECT_EQ(value, vcpu_get_msr(vcpu, MSR_PLATFORM_INFO));
	ASSERT_EQ(0, enable(self->vm, KVM_CAP_MSR_PLATFORM_INFO, 1));
	expect_sync(vcpu, value);
}

/* ---- KVM_CAP_DISABLE_QUIRKS ------------------------------------------------- */

/* What the LAPIC of a new vCPU, of the given id, has in LVT0 */
static u32 fresh_lvt0(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = vcpu_new_bare(vm, id);
	struct kvm_lapic_state lapic;

	require(!ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic));
	return *(u32 *)(lapic.regs + APIC_LVT0);
}

TEST_F(capabilities, disable_quirks)
{
	struct vm *vm = vm_new(variant->kind);

	ASSERT_EQ(1, vm_check(vm, KVM_CAP_DISABLE_QUIRKS));
	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EINVAL, enable_with_flags(vm, KVM_CAP_DISABLE_QUIRKS));
	EXPECT_EQ(LVT0_EXTINT, fresh_lvt0(vm, 0));
	vm_free(vm);

	vm = vm_new(variant->kind);
	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	/* what it does not know is no error, unlike DISABLE_QUIRKS2 */
	ASSERT_EQ(0, enable(vm, KVM_CAP_DISABLE_QUIRKS, ~0ull));
	EXPECT_EQ(LVT0_MASKED, fresh_lvt0(vm, 0));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DISABLE_QUIRKS2, ~0ull));
	vm_free(vm);
}

TEST_HARNESS_MAIN
