// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space patches accesses to TPR with, where the CPU does not do them
 * by itself: KVM_TPR_ACCESS_REPORTING and KVM_SET_VAPIC_ADDR.
 */
#include "irq.h"

#define VAPIC	(G_DATA + 0x40)		/* the four bytes */

FIXTURE(irqchip_vapic) {
	struct vm *vm;
	struct vcpu *vcpu;
	char old[KVM_PARAM_MAX];
};

KIND_VARIANTS(irqchip_vapic)

FIXTURE_SETUP(irqchip_vapic)
{
	/* the in-tree module has "flexpriority", to be given when it is loaded */
	if (!kvm_param("apic_access", "N", self->old))
		self->old[0] = 0;
	if (!kvm_check(KVM_CAP_VAPIC))
		skip_test("the CPU does accesses to TPR by itself");
	self->vm = irq_vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
}

FIXTURE_TEARDOWN(irqchip_vapic)
{
	if (self->old[0])
		kvm_param("apic_access", self->old, NULL);
	EXPECT_EQ(0, kvm_audit());
	if (self->vm)
		vm_free(self->vm);
}

/* 0 or errno */
static int report(struct vcpu *vcpu, u32 enabled, u32 flags)
{
	struct kvm_tpr_access_ctl ctl = { .enabled = enabled, .flags = flags };

	return ioctl(vcpu->fd, KVM_TPR_ACCESS_REPORTING, &ctl) ? errno : 0;
}

/* Each access at a place that the host knows */
extern const char tpr_store[], tpr_load[], tpr_add[], tpr_end[];

static __attribute__((noinline)) u32 guest_accesses(u32 val)
{
	volatile u32 *tpr = (u32 *)(APIC_BASE + APIC_TPR);

	asm volatile("tpr_store: movl %0, (%1)\n"
		     "tpr_load: movl (%1), %0\n"
		     "tpr_add: addl $0x10, (%1)\n"
		     "tpr_end:\n"
		     : "+r"(val) : "r"(tpr) : "memory");
	return val;
}

static void guest_tpr(void)
{
	xapic_on();
	for (u32 val = 0x30;; val += 0x20) {
		GUEST_ASSERT_EQ(guest_accesses(val), val);
		GUEST_ASSERT_EQ(read_cr8(), (val >> 4) + 1);
		write_cr8(1);
		/* another register of the page */
		xapic_write(APIC_LDR, 0x01000000);
		GUEST_SYNC(val);
	}
}

static void expect_report(struct vcpu *vcpu, const char *at, const char *next,
			  bool write)
{
	struct kvm_regs regs;

	expect_exit(vcpu, KVM_EXIT_TPR_ACCESS);
	require(vcpu->run->tpr_access.rip == (u64)at);
	require(vcpu->run->tpr_access.is_write == write);
	/* when it is reported, it is done */
	regs = vcpu_regs(vcpu);
	require(regs.rip == (u64)next);
}

TEST_F(irqchip_vapic, reports)
{
	struct vcpu *vcpu = self->vcpu;
	struct kvm_lapic_state s;

	EXPECT_EQ(1, vm_check(self->vm, KVM_CAP_VAPIC));
	vcpu_set_entry(vcpu, guest_tpr);
	expect_sync(vcpu, 0x30);

	EXPECT_EQ(0, report(vcpu, 1, 0));
	expect_report(vcpu, tpr_store, tpr_load, true);
	s = lapic_state(vcpu);
	EXPECT_EQ(0x50, lapic_state_reg(&s, APIC_TPR));
	expect_report(vcpu, tpr_load, tpr_add, false);
	expect_report(vcpu, tpr_add, tpr_end, true);
	s = lapic_state(vcpu);
	EXPECT_EQ(0x60, lapic_state_reg(&s, APIC_TPR));
	expect_sync(vcpu, 0x50);

	/* what is refused changes nothing */
	EXPECT_EQ(EINVAL, report(vcpu, 0, 1));
	expect_report(vcpu, tpr_store, tpr_load, true);
	EXPECT_EQ(0, report(vcpu, 0, 0));
	expect_sync(vcpu, 0x70);
	expect_sync(vcpu, 0x90);
}

/* Is it seen at each entry, and by the guest? */
static void guest_vapic(void)
{
	volatile u8 *vapic = (u8 *)VAPIC;

	xapic_on();
	irq_handler(0x30, 0xfe, irq_xapic);
	GUEST_SYNC(1);
	/* TPR by the four bytes, as a patched instruction does it */
	vapic[0] = 0x60;
	xapic_write(APIC_ICR, ICR_SELF | 0x51);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x60);
	GUEST_ASSERT_EQ(vapic[3], 0x51);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 0);
	vapic[0] = 0x40;
	GUEST_SYNC(2);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x51], 1);
	GUEST_ASSERT_EQ(vapic[3], 0);
	GUEST_DONE();
}

TEST_F(irqchip_vapic, four_bytes)
{
	struct kvm_vapic_addr va = { .vapic_addr = VAPIC };
	u8 *vapic = vm_hva(self->vm, VAPIC);

	memset(vapic, 0xff, 4);
	vcpu_set_entry(self->vcpu, guest_vapic);
	expect_sync(self->vcpu, 1);
	EXPECT_EQ(0xff, vapic[0]);
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VAPIC_ADDR, &va));
	expect_sync(self->vcpu, 2);
	EXPECT_EQ(0x40, vapic[0]);
	expect_done(self->vcpu);
	va.vapic_addr = 0;
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_VAPIC_ADDR, &va));
}

/* Where the CPU does accesses to TPR, there is nothing to patch */
KIND_SUITE(irqchip_vapic_not)

TEST_F(irqchip_vapic_not, offered)
{
	char old[KVM_PARAM_MAX];

	if (!kvm_param("apic_access", "Y", old))
		skip_test("no parameter");
	EXPECT_EQ(old[0] != 'Y', kvm_check(KVM_CAP_VAPIC));
	kvm_param("apic_access", old, NULL);
}

TEST_HARNESS_MAIN
