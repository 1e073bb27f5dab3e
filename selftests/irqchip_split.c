// SPDX-License-Identifier: GPL-2.0-only
/*
 * LAPICs in the kernel, PIC and IOAPIC in user space: KVM_CAP_SPLIT_IRQCHIP.
 *
 * again: tpr_shadow=N
 */
#include "irq.h"

#define NR_PINS		24

static int enable_split(struct vm *vm, u64 pins)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins },
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

FIXTURE(irqchip_split) { struct vm *vm; struct vcpu *vcpu; };

KIND_VARIANTS(irqchip_split)
FIXTURE_SETUP(irqchip_split)
{
	self->vm = vm_new(variant->kind);
	if (!vm_check(self->vm, KVM_CAP_SPLIT_IRQCHIP))
		skip_test("no KVM_CAP_SPLIT_IRQCHIP");
	require(!enable_split(self->vm, NR_PINS));
	self->vcpu = vcpu_new(self->vm, 0, NULL);
}

FIXTURE_TEARDOWN(irqchip_split)
{
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

/* 0 or errno */
static int interrupt(struct vcpu *v, u32 vector)
{
	struct kvm_interrupt i = { .irq = vector };

	return ioctl(v->fd, KVM_INTERRUPT, &i) ? errno : 0;
}

static void eoi_exit(struct vcpu *v, u8 vector)
{
	expect_exit(v, KVM_EXIT_IOAPIC_EOI);
	require(v->run->eoi.vector == vector);
}

TEST_F(irqchip_split, arguments)
{
	struct kvm_irq_routing_entry pin = route_pin(0, KVM_IRQCHIP_IOAPIC, 0);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irqfd irqfd = { .flags = KVM_IRQFD_FLAG_RESAMPLE };
	struct kvm_reinject_control c = {};
	struct kvm_pit_config pit = {};
	struct vm *vm = self->vm;

	ASSERT_EQ(EEXIST, enable_split(vm, NR_PINS));
	ASSERT_EQ(-1, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	ASSERT_EQ(EEXIST, errno);
	/* the in-tree KVM makes one, which drives the routes */
	if (on_our_module()) {
		ASSERT_EQ(-1, ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
		ASSERT_EQ(ENOENT, errno);
	}
	ASSERT_EQ(-1, ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	ASSERT_EQ(ENXIO, errno);
	ASSERT_EQ(-1, ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	ASSERT_EQ(ENXIO, errno);
	ASSERT_EQ(-1, ioctl(vm->fd, KVM_REINJECT_CONTROL, &c));
	ASSERT_EQ(ENXIO, errno);
	/* there are no pins to lead to */
	ASSERT_EQ(EINVAL, set_routing(vm, 1, &pin));
	irqfd.fd = eventfd(0, 0);
	irqfd.resamplefd = eventfd(0, 0);
	ASSERT_EQ(-1, ioctl(vm->fd, KVM_IRQFD, &irqfd));
	ASSERT_EQ(EINVAL, errno);
	close(irqfd.fd);
	close(irqfd.resamplefd);
}

TEST_F(irqchip_split, when)
{
	struct vm *vm = vm_new(variant->kind);

	ASSERT_EQ(EINVAL, enable_split(vm, 4097));
	ASSERT_EQ(EINVAL, enable_split(vm, ~0ull));
	vcpu_new(vm, 0, NULL);
	ASSERT_NE(0, enable_split(vm, NR_PINS));
	vm_free(vm);

	vm = irq_vm_new(variant->kind);
	ASSERT_EQ(EEXIST, enable_split(vm, NR_PINS));
	vm_free(vm);

	/* all of them, and none */
	vm = vm_new(variant->kind);
	ASSERT_EQ(0, enable_split(vm, 0));
	vm_free(vm);
	vm = vm_new(variant->kind);
	ASSERT_EQ(0, enable_split(vm, 4096));
	vm_free(vm);
}

/* ---- the IOAPIC of user space ----------------------------------------------- */

static void guest_pins(u64 x2apic)
{
	if (x2apic)
		x2apic_on();
	else
		xapic_on();
	irq_handler(0x30, 0xfe, x2apic ? irq_x2apic : irq_xapic);
	for (;;) {
		GUEST_SYNC(1);
		irq_nr = 0;
		irq_window();
		irq_window();
		GUEST_SYNC_ARGS(2, irq_nr, irq_order[0], irq_order[1], 0);
	}
}

static void pins(struct vm *vm, struct vcpu *v, bool x2apic)
{
	struct kvm_irq_routing_entry e[] = {
		route_msi(4, 0xfee00000, 0x8055),
		route_msi(5, 0xfee00000, 0x0056),
		route_msi(NR_PINS, 0xfee00000, 0x8057),
		/* the same vector as a level pin, and edge */
		route_msi(40, 0xfee00000, 0x0055),
	};

	vcpu_set_entry(v, guest_pins);
	vcpu_args(v, 1, (u64)x2apic);
	expect_sync(v, 1);
	require(!set_routing(vm, ARRAY_SIZE(e), e));

	/* a level pin's EOI comes out */
	require(irq_line(vm, 4, 1) == 1);
	eoi_exit(v, 0x55);
	expect_sync(v, 2);
	require(v->uc[1] == 1 && v->uc[2] == 0x55);
	expect_sync(v, 1);
	/* still asserted, says user space */
	irq_line(vm, 4, 1);
	irq_line(vm, 4, 1);
	eoi_exit(v, 0x55);
	expect_sync(v, 2);
	expect_sync(v, 1);

	/* those of others do not */
	irq_line(vm, 5, 1);
	irq_line(vm, NR_PINS, 1);
	expect_sync(v, 2);
	require(v->uc[1] == 2 && v->uc[2] == 0x57 && v->uc[3] == 0x56);
	expect_sync(v, 1);
	/* the in-tree KVM goes by the vector alone */
	irq_line(vm, 40, 1);
	if (!on_our_module())
		eoi_exit(v, 0x55);
	expect_sync(v, 2);
	require(v->uc[1] == 1 && v->uc[2] == 0x55);
	expect_sync(v, 1);

	/* two at once: two exits, in the order of their EOIs */
	e[1] = route_msi(5, 0xfee00000, 0x8066);
	require(!set_routing(vm, ARRAY_SIZE(e), e));
	irq_line(vm, 4, 1);
	irq_line(vm, 5, 1);
	eoi_exit(v, 0x66);
	eoi_exit(v, 0x55);
	expect_sync(v, 2);
	require(v->uc[1] == 2);
	expect_sync(v, 1);

	/* the pin got another vector between interrupt and EOI */
	irq_line(vm, 4, 1);
	e[0] = route_msi(4, 0xfee00000, 0x8077);
	require(!set_routing(vm, ARRAY_SIZE(e), e));
	irq_line(vm, 4, 1);
	eoi_exit(v, 0x77);
	expect_sync(v, 2);
	require(v->uc[1] == 2 && v->uc[2] == 0x77 && v->uc[3] == 0x55);
}

TEST_F(irqchip_split, xapic)
{
	pins(self->vm, self->vcpu, false);
}

TEST_F(irqchip_split, x2apic)
{
	pins(self->vm, self->vcpu, true);
}

/* With a signal pending the exit comes all the same: else it would be lost */
TEST_F(irqchip_split, eoi_and_signal)
{
	struct kvm_irq_routing_entry e = route_msi(4, 0xfee00000, 0x8055);
	struct vcpu *v = self->vcpu;
	int i, ret;

	vcpu_set_entry(v, guest_pins);
	vcpu_args(v, 1, 1ull);
	expect_sync(v, 1);
	ASSERT_EQ(0, set_routing(self->vm, 1, &e));
	for (i = 0; i < 20; i++) {
		irq_line(self->vm, 4, 1);
		v->run->immediate_exit = i & 1;
		do {
			ret = vcpu_run_raw(v);
			v->run->immediate_exit = 0;
		} while (ret == EINTR);
		ASSERT_EQ(0, ret);
		ASSERT_EQ(KVM_EXIT_IOAPIC_EOI, v->run->exit_reason);
		expect_sync(v, 2);
		expect_sync(v, 1);
	}
}

/* ---- the PIC of user space ---------------------------------------------------- */

static void guest_extint(void)
{
	x2apic_on();
	/* the PIC has no EOI here; a LAPIC's would find nothing in service */
	irq_handler(0x30, 0xfe, irq_record);
	GUEST_SYNC(1);
	irq_window();
	irq_window();
	GUEST_SYNC_ARGS(2, irq_nr, 0, 0, 0);
	x2apic_write(APIC_LVT0, DM_EXTINT);
	irq_window();
	irq_window();
	GUEST_SYNC_ARGS(3, irq_nr, irq_order[0], 0, 0);
	asm volatile("sti");
	GUEST_SYNC(4);
	GUEST_SYNC_ARGS(5, irq_nr, irq_order[1], x2apic_read(APIC_ISR + 0x20), 0);
	asm volatile("cli");
	GUEST_SYNC(6);
	irq_window();
	GUEST_SYNC(7);
	/* it would sleep in the kernel */
	irq_wait();
	GUEST_SYNC_ARGS(8, irq_nr, irq_order[3], 0, 0);
	GUEST_DONE();
}

TEST_F(irqchip_split, extint)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events ev;

	if (!on_our_module())
		skip_test("the in-tree KVM does not look again when LINT0 is unmasked");
	vcpu_set_entry(v, guest_extint);
	expect_sync(v, 1);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);
	ASSERT_EQ(EINVAL, interrupt(v, 256));
	ASSERT_EQ(0, interrupt(v, 0x40));
	ASSERT_EQ(EEXIST, interrupt(v, 0x41));
	/* saved and restored, it still waits */
	ev = vcpu_events(v);
	ASSERT_EQ(1, ev.interrupt.injected);
	ASSERT_EQ(0x40, ev.interrupt.nr);
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev));
	/* LINT0 is masked */
	expect_sync(v, 2);
	ASSERT_EQ(0, v->uc[1]);
	expect_sync(v, 3);
	ASSERT_EQ(1, v->uc[1]);
	ASSERT_EQ(0x40, v->uc[2]);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);

	/* the chance is there */
	expect_sync(v, 4);
	ASSERT_EQ(1, v->run->if_flag);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	ASSERT_EQ(0, interrupt(v, 0x42));
	ev = vcpu_events(v);
	ASSERT_EQ(0x42, ev.interrupt.nr);
	expect_sync(v, 5);
	ASSERT_EQ(2, v->uc[1]);
	ASSERT_EQ(0x42, v->uc[2]);
	/* not the LAPIC's business */
	ASSERT_EQ(0, v->uc[3]);

	/* the chance will be there */
	expect_sync(v, 6);
	ASSERT_EQ(0, v->run->ready_for_interrupt_injection);
	v->run->request_interrupt_window = 1;
	expect_exit(v, KVM_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(1, v->run->ready_for_interrupt_injection);
	v->run->request_interrupt_window = 0;
	ASSERT_EQ(0, interrupt(v, 0x43));
	expect_sync(v, 7);
	ASSERT_EQ(0, interrupt(v, 0x44));
	expect_sync(v, 8);
	ASSERT_EQ(4, v->uc[1]);
	ASSERT_EQ(0x44, v->uc[2]);
	expect_done(v);
}

TEST_HARNESS_MAIN
