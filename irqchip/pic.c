// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8259A pair of a PC: master at 0x20, slave on its IR2 at 0xa0, ELCR at
 * 0x4d0. After the Intel 8259A data sheet (231468) and the PIIX3 data sheet
 * for the ELCR.
 *
 * Edge inputs are latched in the IRR until acknowledged even if the line falls
 * again, because user space reports an edge as two calls.
 *
 * Lock: pic.lock, a leaf. Whom a change concerns is told after unlocking, see
 * pic_unlock().
 */
#include <linux/nospec.h>
#include "internal.h"
#include "trace.h"

#define MASTER		0
#define SLAVE		1
#define CASCADE		2	/* IR of the master that the slave drives */
#define SPURIOUS	7	/* data sheet, "interrupt sequence" */

#define ICW1		0x10
#define ICW1_IC4	0x01
#define ICW1_SNGL	0x02
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10
#define OCW3		0x08
#define OCW3_RIS	0x01
#define OCW3_RR		0x02
#define OCW3_POLL	0x04
#define OCW3_SMM	0x20
#define OCW3_ESMM	0x40

/* Place of the first set bit in the order of priorities; 8 for none */
static unsigned int rank(const struct kvm_pic_state *s, u8 bits)
{
	unsigned int rot = s->priority_add & 7;

	if (!bits)
		return 8;
	return __ffs((bits >> rot | bits << (8 - rot)) & 0xff);
}

/* The request that would be served now, or -1 */
static int chip_pending(const struct kvm_pic_state *s, bool master)
{
	unsigned int want = rank(s, s->irr & ~s->imr);
	u8 isr = s->isr;

	if (want == 8)
		return -1;
	if (s->special_mask)
		isr &= ~s->imr;
	/* the slave may have something more urgent than what it is serving */
	if (s->special_fully_nested_mode && master)
		isr &= ~BIT(CASCADE);
	if (want >= rank(s, isr))
		return -1;
	return (want + s->priority_add) & 7;
}

/* Returns as irqchip_set_line() does */
static int chip_set_pin(struct kvm_pic_state *s, unsigned int pin, bool level)
{
	u8 bit = BIT(pin);
	int ret = 1;

	if (level) {
		bool request = s->elcr & bit || !(s->last_irr & bit);

		if (request) {
			ret = !(s->irr & bit);
			s->irr |= bit;
		}
		s->last_irr |= bit;
	} else {
		s->last_irr &= ~bit;
		if (s->elcr & bit)
			s->irr &= ~bit;
	}
	return s->imr & bit ? -1 : ret;
}

static int pic_offer(const struct pic *pic)
{
	int pin = chip_pending(&pic->chip[MASTER], true);

	if (pin < 0)
		return -1;
	if (pin != CASCADE)
		return pic->chip[MASTER].irq_base + pin;
	pin = chip_pending(&pic->chip[SLAVE], false);
	return pic->chip[SLAVE].irq_base + (pin < 0 ? SPURIOUS : pin);
}

/* Bring the cascade and the INTR output up to date */
static void pic_update(struct pic *pic)
{
	struct kvm_pic_state *m = &pic->chip[MASTER];
	bool slave = chip_pending(&pic->chip[SLAVE], false) >= 0;
	int offer;

	if (slave != !!(m->last_irr & BIT(CASCADE))) {
		chip_set_pin(m, CASCADE, slave);
		/* a withdrawn request of the slave must not end as spurious */
		if (!slave)
			m->irr &= ~BIT(CASCADE);
	}
	offer = pic_offer(pic);
	if (offer == pic->offer)
		return;
	pic->changed = true;
	if (pic->offer < 0)
		pic->rose = true;
	WRITE_ONCE(pic->offer, offer);
}

static void pic_unlock(struct irqchip *chip, unsigned long flags)
	__releases(chip->pic.lock)
{
	struct pic *pic = &chip->pic;
	unsigned long eoi = pic->eoi, unmasked = pic->unmasked;
	bool changed = pic->changed, rose = pic->rose;
	unsigned int pin;

	pic->eoi = 0;
	pic->unmasked = 0;
	pic->changed = false;
	pic->rose = false;
	raw_spin_unlock_irqrestore(&pic->lock, flags);

	if (changed)
		lapic_pic_changed(chip, rose);
	for_each_set_bit(pin, &unmasked, PIC_PINS)
		irqchip_notify_unmask(chip, CHIP_PIC, pin);
	for_each_set_bit(pin, &eoi, PIC_PINS)
		irqchip_notify_eoi(chip, CHIP_PIC, pin);
}

int pic_set_pin(struct irqchip *chip, unsigned int pin, enum irq_source src,
		bool level)
{
	struct pic *pic = &chip->pic;
	unsigned long flags;
	int ret;

	pin = array_index_nospec(pin, PIC_PINS);
	raw_spin_lock_irqsave(&pic->lock, flags);
	if (level)
		pic->sources[pin] |= BIT(src);
	else
		pic->sources[pin] &= ~BIT(src);
	/* IR2 of the master belongs to the slave */
	if (pin == CASCADE) {
		ret = -1;
	} else {
		ret = chip_set_pin(&pic->chip[pin >> 3], pin & 7,
				   pic->sources[pin]);
		trace_kvm_pic_set_irq(pin >> 3, pin & 7,
				      pic->chip[pin >> 3].elcr,
				      pic->chip[pin >> 3].imr, !ret);
		pic_update(pic);
	}
	pic_unlock(chip, flags);
	return ret;
}

static void chip_end(struct pic *pic, unsigned int which, unsigned int pin)
{
	pic->chip[which].isr &= ~BIT(pin);
	pic->eoi |= BIT(which * 8 + pin);
}

static void chip_ack(struct pic *pic, unsigned int which, unsigned int pin)
{
	struct kvm_pic_state *s = &pic->chip[which];

	s->isr |= BIT(pin);
	if (!(s->elcr & BIT(pin)))
		s->irr &= ~BIT(pin);
	if (s->auto_eoi) {
		chip_end(pic, which, pin);
		if (s->rotate_on_auto_eoi)
			s->priority_add = (pin + 1) & 7;
	}
}

/* INTA or poll of the slave: INT falls, and rises again if there is more */
static int slave_ack(struct pic *pic)
{
	int pin = chip_pending(&pic->chip[SLAVE], false);

	if (pin >= 0)
		chip_ack(pic, SLAVE, pin);
	pic->chip[MASTER].last_irr &= ~BIT(CASCADE);
	pic->chip[MASTER].irr &= ~BIT(CASCADE);
	return pin;
}

static int pic_inta(struct pic *pic)
{
	struct kvm_pic_state *s = &pic->chip[MASTER];
	int pin = chip_pending(s, true);

	if (pin < 0)
		return s->irq_base + SPURIOUS;
	chip_ack(pic, MASTER, pin);
	if (pin != CASCADE)
		return s->irq_base + pin;
	s = &pic->chip[SLAVE];
	pin = slave_ack(pic);
	return s->irq_base + (pin < 0 ? SPURIOUS : pin);
}

int pic_ack(struct irqchip *chip)
{
	struct pic *pic = &chip->pic;
	unsigned long flags;
	int vector;

	raw_spin_lock_irqsave(&pic->lock, flags);
	vector = pic_inta(pic);
	/* INTR falls; what is on offer now, if anything, is a new request */
	pic->offer = -1;
	pic->changed = true;
	pic_update(pic);
	pic_unlock(chip, flags);
	return vector;
}

/* ICW1: edge sense and masks cleared, IR7 lowest, modes off */
static void chip_icw1(struct pic *pic, unsigned int which, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[which];
	u8 elcr = s->elcr;

	pic->eoi |= (u16)s->isr << which * 8;
	s->irr &= elcr;
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->special_mask = 0;
	s->auto_eoi = 0;
	s->rotate_on_auto_eoi = 0;
	s->special_fully_nested_mode = 0;
	s->init4 = val & ICW1_IC4;
	s->init_state = 1;
	pic->single[which] = val & ICW1_SNGL;
	pic->unmasked |= 0xff << which * 8;
}

static void chip_ocw2(struct pic *pic, unsigned int which, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[which];
	unsigned int pin = val & 7, r;
	u8 isr = s->isr;

	switch (val >> 5) {
	case 0:			/* rotate in AEOI mode: clear */
		s->rotate_on_auto_eoi = 0;
		break;
	case 4:			/* and set */
		s->rotate_on_auto_eoi = 1;
		break;
	case 1:			/* non-specific EOI */
	case 5:			/* and rotate */
		/* does not end what is masked in special mask mode */
		if (s->special_mask)
			isr &= ~s->imr;
		r = rank(s, isr);
		if (r == 8)
			break;
		pin = (r + s->priority_add) & 7;
		fallthrough;
	case 3:			/* specific EOI */
	case 7:			/* and rotate */
		if (s->isr & BIT(pin))
			chip_end(pic, which, pin);
		if (val & 0x80)
			s->priority_add = (pin + 1) & 7;
		break;
	case 6:			/* set priority */
		s->priority_add = (pin + 1) & 7;
		break;
	}
}

static void chip_write_even(struct pic *pic, unsigned int which, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[which];

	if (val & ICW1) {
		chip_icw1(pic, which, val);
	} else if (val & OCW3) {
		if (val & OCW3_POLL)
			s->poll = 1;
		else if (val & OCW3_RR)
			s->read_reg_select = val & OCW3_RIS;
		if (val & OCW3_ESMM)
			s->special_mask = !!(val & OCW3_SMM);
	} else {
		chip_ocw2(pic, which, val);
	}
}

static void chip_write_odd(struct pic *pic, unsigned int which, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[which];

	switch (s->init_state) {
	case 0:
		pic->unmasked |= (s->imr & ~val) << which * 8;
		s->imr = val;
		break;
	case 1:			/* ICW2 */
		s->irq_base = val & 0xf8;
		if (pic->single[which])
			s->init_state = s->init4 ? 3 : 0;
		else
			s->init_state = 2;
		break;
	case 2:			/* ICW3: the cascade of a PC is what it is */
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3:			/* ICW4 */
		s->auto_eoi = !!(val & ICW4_AEOI);
		s->special_fully_nested_mode = !!(val & ICW4_SFNM);
		s->init_state = 0;
		break;
	}
}

static u8 chip_poll(struct pic *pic, unsigned int which)
{
	int pin;

	pic->chip[which].poll = 0;
	if (which == SLAVE) {
		pin = slave_ack(pic);
	} else {
		pin = chip_pending(&pic->chip[MASTER], true);
		if (pin >= 0)
			chip_ack(pic, MASTER, pin);
	}
	return pin < 0 ? 0 : 0x80 | pin;
}

static u8 chip_read(struct pic *pic, unsigned int which, bool odd)
{
	struct kvm_pic_state *s = &pic->chip[which];

	if (s->poll)
		return chip_poll(pic, which);
	if (odd)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

static void elcr_write(struct pic *pic, unsigned int which, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[which];
	u8 level;

	val &= s->elcr_mask;
	/* level inputs show the line, whatever was latched before */
	level = val & ~s->elcr;
	s->irr = (s->irr & ~level) | (s->last_irr & level);
	s->elcr = val;
}

static struct irqchip *to_chip(struct io_device *dev)
{
	return container_of(dev, struct irqchip, pic.dev);
}

/* 16- and 32-bit accesses to 8-bit ports come as single bytes */
static int pic_write(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		     unsigned int len, const void *data)
{
	struct irqchip *chip = to_chip(dev);
	struct pic *pic = &chip->pic;
	const u8 *byte = data;
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (; len--; addr++, byte++) {
		unsigned int which = addr >= 0x4d0 ? addr & 1 : addr >= 0xa0;

		if (addr >= 0x4d0)
			elcr_write(pic, which, *byte);
		else if (addr & 1)
			chip_write_odd(pic, which, *byte);
		else
			chip_write_even(pic, which, *byte);
	}
	pic_update(pic);
	pic_unlock(chip, flags);
	return 0;
}

static int pic_read(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		    unsigned int len, void *data)
{
	struct irqchip *chip = to_chip(dev);
	struct pic *pic = &chip->pic;
	u8 *byte = data;
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (; len--; addr++, byte++) {
		unsigned int which = addr >= 0x4d0 ? addr & 1 : addr >= 0xa0;
		bool poll = addr < 0x4d0 && pic->chip[which].poll;

		if (addr >= 0x4d0)
			*byte = pic->chip[which].elcr;
		else
			*byte = chip_read(pic, which, addr & 1);
		if (poll)
			pic_update(pic);
	}
	pic_unlock(chip, flags);
	return 0;
}

static void pic_destroy(struct io_device *dev)
{
	irqchip_put(to_chip(dev));
}

static const struct io_device_ops pic_ops = {
	.read = pic_read,
	.write = pic_write,
	.destroy = pic_destroy,
};

void pic_get(struct irqchip *chip, unsigned int which, struct kvm_pic_state *s)
{
	unsigned long flags;

	which = array_index_nospec(which, 2);
	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	*s = chip->pic.chip[which];
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
}

void pic_set(struct irqchip *chip, unsigned int which,
	     const struct kvm_pic_state *s)
{
	struct pic *pic = &chip->pic;
	struct kvm_pic_state *to;
	unsigned long flags;

	which = array_index_nospec(which, 2);
	to = &pic->chip[which];
	raw_spin_lock_irqsave(&pic->lock, flags);
	*to = (struct kvm_pic_state) {
		.last_irr = s->last_irr,
		.irr = s->irr,
		.imr = s->imr,
		.isr = s->isr,
		.priority_add = s->priority_add & 7,
		.irq_base = s->irq_base & 0xf8,
		.read_reg_select = !!s->read_reg_select,
		.poll = !!s->poll,
		.special_mask = !!s->special_mask,
		.init_state = s->init_state & 3,
		.auto_eoi = !!s->auto_eoi,
		.rotate_on_auto_eoi = !!s->rotate_on_auto_eoi,
		.special_fully_nested_mode = !!s->special_fully_nested_mode,
		.init4 = !!s->init4,
		.elcr = s->elcr & to->elcr_mask,
		.elcr_mask = to->elcr_mask,
	};
	pic->single[which] = false;
	pic_update(pic);
	pic_unlock(chip, flags);
}

int pic_init(struct irqchip *chip)
{
	static const struct {
		u16 port, len;
	} ranges[] = {
		{ 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 },
	};
	struct vm *vm = chip->vm;
	struct pic *pic = &chip->pic;
	unsigned int i;
	int err;

	raw_spin_lock_init(&pic->lock);
	pic->offer = -1;
	/* the system timer, keyboard and cascade, RTC and FPU stay edge: PIIX */
	pic->chip[MASTER].elcr_mask = 0xf8;
	pic->chip[SLAVE].elcr_mask = 0xde;
	pic->dev.ops = &pic_ops;
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		err = io_bus_register(vm, &vm->pio_bus, ranges[i].port,
				      ranges[i].len, &pic->dev);
		if (err) {
			pic_fini(chip);
			return err;
		}
	}
	return 0;
}

void pic_fini(struct irqchip *chip)
{
	io_bus_unregister(chip->vm, &chip->vm->pio_bus, &chip->pic.dev);
}
