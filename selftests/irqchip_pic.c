// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8259 pair: masks, priorities, EOI commands, levels, cascade, state.
 *
 * again: tpr_shadow=N
 */
#include "irq.h"

IRQ_SUITE(irqchip_pic)

static u8 pic_irr(u16 port)
{
	outb(port, 0x0a);
	return inb(port);
}

static u8 pic_isr(u16 port)
{
	outb(port, 0x0b);
	return inb(port);
}

static void start(guest_handler fn)
{
	pic_init(0x01);
	irq_handler(0x20, 0x2f, fn);
}

static void guest_masks(void)
{
	start(irq_pic);
	outb(0x21, 0xf7);		/* IRQ 3 */
	GUEST_ASSERT_EQ(inb(0x21), 0xf7);
	GUEST_ASSERT_EQ(inb(0xa1), 0xff);
	pulse(4);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 0);
	GUEST_ASSERT_EQ(pic_irr(0x20), 1 << 4);
	pulse(3);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 1);
	GUEST_ASSERT_EQ(irq_order[0], 0x23);
	/* an edge that came while masked is kept */
	outb(0x21, 0xe7);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 2);
	GUEST_ASSERT_EQ(irq_order[1], 0x24);
	/* held high it is one edge */
	raise_line(3);
	raise_line(3);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 3);
	lower_line(3);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 3);
	GUEST_DONE();
}

TEST_F(irqchip_pic, masks)
{
	vcpu_set_entry(self->vcpu, guest_masks);
	serve_lines(self->vcpu);
}

static void guest_order(void)
{
	static const u8 want[] = { 0x21, 0x28, 0x2f, 0x23, 0x27 };
	unsigned int i;

	start(irq_pic);
	outb(0x21, 0);
	outb(0xa1, 0);
	pulse(7);
	pulse(3);
	pulse(15);
	pulse(8);
	pulse(1);
	for (i = 0; i < 8; i++)
		irq_window();
	GUEST_ASSERT_EQ(irq_nr, 5);
	for (i = 0; i < 5; i++)
		GUEST_ASSERT_EQ(irq_order[i], want[i]);
	/* rotated: IR4 highest */
	outb(0x20, 0xc3);
	irq_nr = 0;
	pulse(1);
	pulse(5);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_order[0], 0x25);
	GUEST_ASSERT_EQ(irq_order[1], 0x21);
	GUEST_DONE();
}

TEST_F(irqchip_pic, order)
{
	vcpu_set_entry(self->vcpu, guest_order);
	serve_lines(self->vcpu);
}

/* No EOI by itself */
static void guest_eoi(void)
{
	start(irq_record);
	outb(0x21, 0);
	pulse(5);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 1);
	GUEST_ASSERT_EQ(pic_isr(0x20), 1 << 5);
	GUEST_ASSERT_EQ(pic_irr(0x20), 0);
	pulse(6);			/* lower: held back */
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 1);
	pulse(3);			/* higher: nested */
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 2);
	GUEST_ASSERT_EQ(pic_isr(0x20), 1 << 5 | 1 << 3);
	outb(0x20, 0x20);		/* non-specific: the highest */
	GUEST_ASSERT_EQ(pic_isr(0x20), 1 << 5);
	outb(0x20, 0x61);		/* specific, of another */
	GUEST_ASSERT_EQ(pic_isr(0x20), 1 << 5);
	outb(0x20, 0x65);
	GUEST_ASSERT_EQ(pic_isr(0x20), 0);
	irq_window();
	GUEST_ASSERT_EQ(irq_order[2], 0x26);
	outb(0x20, 0xa0);		/* EOI and rotate: IR6 is lowest now */
	pulse(0);
	pulse(7);
	irq_window();
	GUEST_ASSERT_EQ(irq_order[3], 0x27);
	GUEST_DONE();
}

TEST_F(irqchip_pic, eoi_commands)
{
	vcpu_set_entry(self->vcpu, guest_eoi);
	serve_lines(self->vcpu);
}

static void guest_special_mask(void)
{
	start(irq_record);
	outb(0x21, 0);
	pulse(3);
	irq_window();
	outb(0x20, 0x68);		/* special mask mode */
	outb(0x21, 1 << 3);
	pulse(5);			/* lower, but the one in service is masked */
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 2);
	GUEST_ASSERT_EQ(irq_order[1], 0x25);
	outb(0x20, 0x48);
	GUEST_ASSERT_EQ(pic_isr(0x20), 1 << 5 | 1 << 3);
	GUEST_DONE();
}

TEST_F(irqchip_pic, special_mask)
{
	if (!on_our_module())
		skip_test("the in-tree KVM has no special mask mode");
	vcpu_set_entry(self->vcpu, guest_special_mask);
	serve_lines(self->vcpu);
}

static void guest_auto_eoi(void)
{
	pic_init(0x03);
	irq_handler(0x20, 0x2f, irq_record);
	outb(0x21, 0);
	outb(0xa1, 0);
	pulse(4);
	pulse(6);
	pulse(10);
	irq_window();
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 3);
	GUEST_ASSERT_EQ(pic_isr(0x20), 0);
	GUEST_ASSERT_EQ(pic_isr(0xa0), 0);
	GUEST_DONE();
}

TEST_F(irqchip_pic, auto_eoi)
{
	vcpu_set_entry(self->vcpu, guest_auto_eoi);
	serve_lines(self->vcpu);
}

/* Masks the line, which would interrupt again and again */
static void irq_level(struct guest_regs *r)
{
	outb(0xa1, 0xff);
	irq_pic(r);
}

static void guest_level(void)
{
	start(irq_level);
	/* the low lines and RTC, FPU stay edge */
	outb(0x4d0, 0xff);
	outb(0x4d1, 0xff);
	GUEST_ASSERT_EQ(inb(0x4d0), 0xf8);
	GUEST_ASSERT_EQ(inb(0x4d1), 0xde);
	outb(0x4d0, 0x00);
	outb(0x4d1, 0x08);		/* IRQ 11 */
	outb(0x21, 0xfb);
	outb(0xa1, 0xf7);
	raise_line(11);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x2b], 1);
	/* after the EOI it is there again, and stays while high */
	GUEST_ASSERT_EQ(pic_irr(0xa0), 1 << 3);
	GUEST_ASSERT_EQ(pic_isr(0xa0), 0);
	outb(0xa1, 0xf7);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x2b], 2);
	lower_line(11);
	outb(0xa1, 0xf7);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x2b], 2);
	GUEST_ASSERT_EQ(pic_irr(0xa0), 0);
	GUEST_DONE();
}

TEST_F(irqchip_pic, level)
{
	vcpu_set_entry(self->vcpu, guest_level);
	serve_lines(self->vcpu);
}

static void guest_poll(void)
{
	start(irq_pic);
	outb(0x21, 0xfd);		/* IRQ 1 */
	outb(0x20, 0x0c);
	GUEST_ASSERT_EQ(inb(0x20) & 0x80, 0);
	pulse(1);
	outb(0x20, 0x0c);
	GUEST_ASSERT_EQ(inb(0x20), 0x81);
	GUEST_ASSERT_EQ(pic_isr(0x20), 1 << 1);
	outb(0x20, 0x20);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 0);
	GUEST_DONE();
}

TEST_F(irqchip_pic, poll)
{
	if (!on_our_module())
		skip_test("the in-tree KVM polls without bit 7");
	vcpu_set_entry(self->vcpu, guest_poll);
	serve_lines(self->vcpu);
}

/* LINT0 masked: the CPU hears nothing of the PIC */
static void guest_lint0(void)
{
	start(irq_pic);
	xapic_write(APIC_SPIV, 0x1ff);
	xapic_write(APIC_LVT0, LVT_MASKED | DM_EXTINT);
	outb(0x21, 0);
	pulse(1);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 0);
	xapic_write(APIC_LVT0, DM_EXTINT);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x21], 1);
	GUEST_DONE();
}

TEST_F(irqchip_pic, lint0)
{
	if (!on_our_module())
		skip_test("the in-tree KVM looks at LINT0 only at the next event");
	vcpu_set_entry(self->vcpu, guest_lint0);
	serve_lines(self->vcpu);
}

static void guest_halt(void)
{
	start(irq_pic);
	outb(0x21, 0xfe);
	/* the PIT, mode 2, 5 ms */
	outb(0x43, 0x34);
	outb(0x40, 5966 & 0xff);
	outb(0x40, 5966 >> 8);
	while (irq_hits[0x20] < 5)
		irq_wait();
	GUEST_DONE();
}

TEST_F(irqchip_pic, wakes_from_halt)
{
	vcpu_set_entry(self->vcpu, guest_halt);
	expect_done(self->vcpu);
}

static void guest_state(void)
{
	start(irq_pic);
	outb(0x21, 0xf9);
	outb(0xa1, 0xfe);
	GUEST_SYNC(1);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_order[0], 0x41);
	GUEST_ASSERT_EQ(irq_order[1], 0x28);
	GUEST_DONE();
}

TEST_F(irqchip_pic, state)
{
	struct kvm_irqchip c;

	vcpu_set_entry(self->vcpu, guest_state);
	expect_sync(self->vcpu, 1);
	irq_pulse(self->vm, 8);
	c = irqchip_state(self->vm, KVM_IRQCHIP_PIC_SLAVE);
	ASSERT_EQ(0x28, c.chip.pic.irq_base);
	ASSERT_EQ(0xfe, c.chip.pic.imr);
	ASSERT_EQ(1, c.chip.pic.irr);
	ASSERT_EQ(0xde, c.chip.pic.elcr_mask);
	c = irqchip_state(self->vm, KVM_IRQCHIP_PIC_MASTER);
	ASSERT_EQ(0x20, c.chip.pic.irq_base);
	ASSERT_EQ(0xf9, c.chip.pic.imr);
	ASSERT_EQ(0xf8, c.chip.pic.elcr_mask);
	c.chip.pic.irq_base = 0x40;
	c.chip.pic.irr |= 1 << 1;
	require(!ioctl(self->vm->fd, KVM_SET_IRQCHIP, &c));
	(*guest_var(self->vm, guest_handlers))[0x41] = irq_pic;
	expect_done(self->vcpu);
}

/* KVM_IRQ_LINE_STATUS: delivered, merged, masked */
static void guest_status(void)
{
	start(irq_pic);
	outb(0x21, 0xf7);
	GUEST_SYNC(1);
	GUEST_DONE();
}

TEST_F(irqchip_pic, line_status)
{
	vcpu_set_entry(self->vcpu, guest_status);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(1, irq_line(self->vm, 3, 1));
	irq_line(self->vm, 3, 0);
	ASSERT_EQ(0, irq_line(self->vm, 3, 1));
	irq_line(self->vm, 3, 0);
	ASSERT_GT(0, irq_line(self->vm, 4, 1));
	/* of the IOAPIC alone, and masked */
	ASSERT_GT(0, irq_line(self->vm, 20, 1));
	/* no such line */
	ASSERT_GT(0, irq_line(self->vm, 5000, 1));
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
