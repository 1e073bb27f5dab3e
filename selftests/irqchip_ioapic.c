// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAPIC: registers, edge and level, remote IRR, delivery, routing, MSI.
 *
 * again: tpr_shadow=N
 */
#include "irq.h"

IRQ_SUITE(irqchip_ioapic)

static u32 rte_low(unsigned int pin)
{
	return ioapic_read(0x10 + 2 * pin);
}

static void guest_regs(void)
{
	GUEST_ASSERT_EQ(ioapic_read(1) & 0xff, 0x11);
	GUEST_ASSERT_EQ(ioapic_read(1) >> 16 & 0xff, 23);
	ioapic_write(0, 0x0f000000);
	GUEST_ASSERT_EQ(ioapic_read(0), 0x0f000000);
	GUEST_ASSERT_EQ(ioapic_read(2), 0x0f000000);
	GUEST_ASSERT_EQ(read32(IOAPIC_BASE), 2);
	GUEST_ASSERT_EQ(rte_low(0), RTE_MASKED);
	GUEST_ASSERT_EQ(rte_low(23), RTE_MASKED);
	ioapic_rte(23, RTE_MASKED | RTE_LEVEL | 0x4321, 0x5a);
	/* mode 3, logical; bit 14 is not software's, bit 12 neither */
	GUEST_ASSERT_EQ(rte_low(23) & ~(1 << 13), RTE_MASKED | RTE_LEVEL | 0x321);
	GUEST_ASSERT_EQ(ioapic_read(0x10 + 47) >> 24, 0x5a);
	/* beyond the last: nothing happens */
	ioapic_write(0x10 + 48, 0);
	ioapic_read(0x10 + 48);
	ioapic_write(0xff, 0);
	ioapic_read(0xff);
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, registers)
{
	vcpu_set_entry(self->vcpu, guest_regs);
	expect_done(self->vcpu);
}

static void guest_edge(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(20, 0x50, 0);
	pulse(20);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x50], 1);
	raise_line(20);
	raise_line(20);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x50], 2);
	lower_line(20);
	GUEST_ASSERT_EQ(rte_low(20), 0x50);
	/* edges that come while masked are lost */
	ioapic_rte(20, RTE_MASKED | 0x50, 0);
	pulse(20);
	ioapic_rte(20, 0x50, 0);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x50], 2);
	/* nobody has this id */
	ioapic_rte(20, 0x50, 9);
	pulse(20);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x50], 2);
	/* everybody, logical, lowest priority */
	ioapic_rte(20, 0x51, 0xff);
	pulse(20);
	ioapic_rte(20, 0x52 | DM_LOWEST, 0);
	pulse(20);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x51], 1);
	GUEST_ASSERT_EQ(irq_hits[0x52], 1);
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, edge)
{
	vcpu_set_entry(self->vcpu, guest_edge);
	serve_lines(self->vcpu);
}

/* The handler of a device that is served while the line is high */
static volatile u32 irr_in_service;

static void irq_service(struct guest_regs *r)
{
	irq_record(r);
	irr_in_service = rte_low(17) & RTE_REMOTE_IRR;
	if (irq_hits[r->vector] % 2 == 0)
		lower_line(17);
	x2apic_write(APIC_EOI, 0);
}

static void guest_level(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_service);
	ioapic_rte(17, RTE_LEVEL | 0x60, 0);
	raise_line(17);
	GUEST_ASSERT_EQ(rte_low(17), RTE_LEVEL | RTE_REMOTE_IRR | 0x60);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TMR + 0x30), 1);
	irq_window();
	irq_window();
	/* still high at the first EOI: once more */
	GUEST_ASSERT_EQ(irq_hits[0x60], 2);
	GUEST_ASSERT_EQ(irr_in_service, RTE_REMOTE_IRR);
	GUEST_ASSERT_EQ(rte_low(17), RTE_LEVEL | 0x60);
	/* a level that comes while masked is not lost */
	ioapic_rte(17, RTE_MASKED | RTE_LEVEL | 0x60, 0);
	raise_line(17);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x60], 2);
	ioapic_rte(17, RTE_LEVEL | 0x60, 0);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x60], 4);
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, level)
{
	vcpu_set_entry(self->vcpu, guest_level);
	serve_lines(self->vcpu);
}

/* Software ends a level interrupt by making the entry an edge one */
static void guest_remote_irr(void)
{
	x2apic_on();
	ioapic_rte(17, RTE_LEVEL | 0x60, 0);
	raise_line(17);
	GUEST_ASSERT(rte_low(17) & RTE_REMOTE_IRR);
	ioapic_rte(17, RTE_MASKED | RTE_LEVEL | 0x60, 0);
	GUEST_ASSERT(rte_low(17) & RTE_REMOTE_IRR);
	ioapic_rte(17, RTE_MASKED | 0x60, 0);
	GUEST_ASSERT(!(rte_low(17) & RTE_REMOTE_IRR));
	ioapic_rte(17, RTE_MASKED | RTE_LEVEL | 0x60, 0);
	GUEST_ASSERT(!(rte_low(17) & RTE_REMOTE_IRR));
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, remote_irr)
{
	vcpu_set_entry(self->vcpu, guest_remote_irr);
	serve_lines(self->vcpu);
}

static volatile u64 nmis;

static void on_nmi(struct guest_regs *r)
{
	nmis++;
}

static void guest_modes(void)
{
	x2apic_on();
	guest_handlers[VEC_NMI] = on_nmi;
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(21, DM_NMI, 0);
	pulse(21);
	cpu_pause();
	GUEST_ASSERT_EQ(nmis, 1);
	/* the PIT is GSI 0 */
	ioapic_rte(0, 0x44, 0);
	outb(0x43, 0x34);
	outb(0x40, 5966 & 0xff);
	outb(0x40, 5966 >> 8);
	while (irq_hits[0x44] < 4)
		irq_wait();
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, nmi_and_pit)
{
	vcpu_set_entry(self->vcpu, guest_modes);
	serve_lines(self->vcpu);
}

static void guest_status(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(20, 0x50, 0);
	ioapic_rte(21, RTE_LEVEL | 0x51, 0);
	GUEST_SYNC(1);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 2);
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, status_and_state)
{
	struct kvm_irqchip c;

	vcpu_set_entry(self->vcpu, guest_status);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(1, irq_line(self->vm, 20, 1));
	irq_line(self->vm, 20, 0);
	/* merged with one that is pending, which the in-tree KVM does not tell */
	if (on_our_module())
		ASSERT_EQ(0, irq_line(self->vm, 20, 1));
	irq_line(self->vm, 20, 0);
	ASSERT_EQ(1, irq_line(self->vm, 21, 1));
	ASSERT_GE(0, irq_line(self->vm, 21, 1));	/* in service already */
	ASSERT_GT(0, irq_line(self->vm, 22, 1));	/* masked */
	irq_line(self->vm, 22, 0);

	c = irqchip_state(self->vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(IOAPIC_BASE, c.chip.ioapic.base_address);
	ASSERT_EQ(1 << 21, c.chip.ioapic.irr);
	ASSERT_EQ(0x50, c.chip.ioapic.redirtbl[20].bits);
	ASSERT_EQ(RTE_LEVEL | RTE_REMOTE_IRR | 0x51,
		  c.chip.ioapic.redirtbl[21].bits);
	irq_line(self->vm, 21, 0);
	require(!ioctl(self->vm->fd, KVM_SET_IRQCHIP, &c));
	irq_line(self->vm, 21, 1);
	irq_line(self->vm, 21, 0);
	c = irqchip_state(self->vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(0, c.chip.ioapic.irr);
	ASSERT_EQ(RTE_LEVEL | RTE_REMOTE_IRR | 0x51,
		  c.chip.ioapic.redirtbl[21].bits);
	expect_done(self->vcpu);
}

/* KVM_CAP_IOAPIC_POLARITY_IGNORED: a line that is low for active is one like others */
static void guest_polarity(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(20, RTE_LOW_ACTIVE | 0x50, 0);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x50], 0);
	pulse(20);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x50], 1);
	ioapic_rte(20, RTE_LOW_ACTIVE | RTE_LEVEL | 0x51, 0);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x51], 0);
	raise_line(20);
	irq_window();
	GUEST_ASSERT_NE(irq_hits[0x51], 0);
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, polarity_ignored)
{
	ASSERT_EQ(1, vm_check(self->vm, KVM_CAP_IOAPIC_POLARITY_IGNORED));
	vcpu_set_entry(self->vcpu, guest_polarity);
	serve_lines(self->vcpu);
}

/* ---- routing, MSI ------------------------------------------------------------ */

static void guest_msi(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	GUEST_SYNC(1);
	irq_window();
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x81], 1);
	GUEST_ASSERT_EQ(irq_hits[0x82], 1);
	GUEST_ASSERT_EQ(irq_hits[0x83], 0);
	GUEST_ASSERT_EQ(irq_hits[0x84], 1);
	GUEST_SYNC(2);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x90], 1);
	GUEST_ASSERT_EQ(irq_hits[0x91], 0);
	GUEST_DONE();
}

TEST_F(irqchip_ioapic, msi_and_routing)
{
	struct kvm_irq_routing_entry e[2];
	struct vm *vm = self->vm;

	vcpu_set_entry(self->vcpu, guest_msi);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(1, msi_send(vm, 0xfee00000, 0x81));
	ASSERT_EQ(1, msi_send(vm, 0xfee00000, 0x81));
	ASSERT_EQ(1, msi_send(vm, 0xfeeff000, 0x82));	/* broadcast */
	ASSERT_EQ(0, msi_send(vm, 0xfee05000, 0x83));	/* nobody */
	ASSERT_EQ(1, msi_send(vm, 0xfee0100c, 0x84));	/* logical, lowest */
	expect_sync(self->vcpu, 2);

	e[0] = route_msi(30, 0xfee00000, 0x90);
	e[1] = route_pin(4, KVM_IRQCHIP_IOAPIC, 4);
	ASSERT_EQ(0, set_routing(vm, 2, e));
	ASSERT_EQ(1, irq_line(vm, 30, 1));
	irq_line(vm, 30, 0);
	ASSERT_GT(0, irq_line(vm, 20, 1));		/* routed no more */
	expect_done(self->vcpu);
}

TEST_F(irqchip_ioapic, routing_arguments)
{
	struct kvm_irq_routing_entry e[4] = {};
	struct vm *vm = self->vm;

	/* a pin of each chip, not two of one */
	e[0] = route_pin(1, KVM_IRQCHIP_IOAPIC, 1);
	e[1] = route_pin(1, KVM_IRQCHIP_PIC_MASTER, 1);
	ASSERT_EQ(0, set_routing(vm, 2, e));
	e[1] = route_pin(1, KVM_IRQCHIP_IOAPIC, 2);
	ASSERT_EQ(EINVAL, set_routing(vm, 2, e));
	e[1] = route_msi(1, 0xfee00000, 0x40);
	ASSERT_EQ(EINVAL, set_routing(vm, 2, e));
	e[0] = route_pin(1, KVM_IRQCHIP_IOAPIC, 24);
	ASSERT_EQ(EINVAL, set_routing(vm, 1, e));
	e[0] = route_pin(1, KVM_IRQCHIP_PIC_SLAVE, 8);
	ASSERT_EQ(EINVAL, set_routing(vm, 1, e));
	e[0] = route_pin(1, 3, 0);
	ASSERT_EQ(EINVAL, set_routing(vm, 1, e));
	e[0] = route_pin(4096, KVM_IRQCHIP_IOAPIC, 0);
	ASSERT_EQ(EINVAL, set_routing(vm, 1, e));
	e[0] = route_pin(1, KVM_IRQCHIP_IOAPIC, 1);
	e[0].flags = 1;
	ASSERT_EQ(EINVAL, set_routing(vm, 1, e));
	e[0].flags = 0;
	e[0].type = 77;
	ASSERT_EQ(EINVAL, set_routing(vm, 1, e));
	/* no routes at all are a table too */
	ASSERT_EQ(0, set_routing(vm, 0, e));
	ASSERT_GT(0, irq_line(vm, 1, 1));
}

TEST_HARNESS_MAIN
