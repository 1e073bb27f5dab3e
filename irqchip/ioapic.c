// SPDX-License-Identifier: GPL-2.0-only
/*
 * An I/O APIC with 24 pins, version 0x11, after the Intel 82093AA data sheet
 * (290566). Completion of level interrupts comes by EOI broadcast.
 *
 * Invariants, kept under ioapic.lock:
 *  O1. bit p of irr is set exactly while a source asserts pin p, except from
 *      ioapic_set() (which does not know the sources) to the next change of p.
 *  O2. remote_irr of a level pin is set from delivery until the EOI; nothing
 *      is delivered from the pin meanwhile.
 *  O3. an edge pin has remote_irr clear.
 *  O4. eoi_vectors has the vector of every unmasked edge pin in watched.
 *
 * A level line that nobody lowers interrupts again at each EOI, and the guest
 * gets no further: not to its own code, nor user space to the device that would
 * lower the line. After STORM_EOIS of them in a row the pin rests for a while.
 *
 * Lock: ioapic.lock, a leaf. A message is composed under it and goes to the
 * LAPICs under it too, which take no lock; notifications go out after it.
 */
#include <linux/nospec.h>
#include <asm/apicdef.h>
#include "internal.h"
#include "trace.h"

#define IOAPIC_LEN	0x100
#define REG_SELECT	0x00
#define REG_WINDOW	0x10

#define IDX_ID		0x00
#define IDX_VERSION	0x01
#define IDX_ARB		0x02
#define IDX_RTE		0x10

#define IOAPIC_VERSION	0x11

#define STORM_EOIS	1000
#define STORM_PAUSE	(HZ / 100 ?: 1)

/* Written by software; status, remote IRR and reserved bits are not */
#define RTE_WRITABLE	(0xff000000000107ffULL | BIT_ULL(11) | \
			 BIT_ULL(13) | BIT_ULL(15))

static int ioapic_deliver(struct irqchip *chip, unsigned int pin)
{
	union kvm_ioapic_rte *e = &chip->ioapic.rte[pin];
	struct lapic_msg msg = {
		.dest = e->dest,
		.vector = e->vector,
		.mode = e->mode,
		.logical = e->logical,
		.level = e->level,
		.assert = true,
	};
	int ret;

	/* these modes are edge whatever the entry says, 82093AA 3.2.4 */
	if (msg.mode != MODE_FIXED && msg.mode != MODE_LOWEST)
		msg.level = false;
	ret = lapic_deliver(chip, &msg, NULL);
	trace_kvm_ioapic_set_irq(e->bits, pin, !ret);
	/*
	 * Accepted or merged with one that is pending: it will be completed.
	 * Not accepted (nobody there): try again at the next change.
	 */
	if (msg.level && ret >= 0)
		e->remote_irr = 1;
	return ret;
}

static int ioapic_service(struct irqchip *chip, unsigned int pin)
{
	union kvm_ioapic_rte *e = &chip->ioapic.rte[pin];

	if (e->mask)
		return -1;
	if (e->level && e->remote_irr)
		return 0;
	return ioapic_deliver(chip, pin);
}

static void update_vectors(struct ioapic *io)
{
	unsigned long watched = io->watched;
	DECLARE_BITMAP(vectors, 256);
	unsigned int pin;

	bitmap_zero(vectors, 256);
	for_each_set_bit(pin, &watched, IOAPIC_PINS) {
		if (!io->rte[pin].mask && !io->rte[pin].level)
			__set_bit(io->rte[pin].vector, vectors);
	}
	for (pin = 0; pin < BITS_TO_LONGS(256); pin++)
		WRITE_ONCE(io->eoi_vectors[pin], vectors[pin]);
}

void ioapic_watch(struct irqchip *chip, u32 pins)
{
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;

	raw_spin_lock_irqsave(&io->lock, flags);
	io->watched = pins;
	update_vectors(io);
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

int ioapic_set_pin(struct irqchip *chip, unsigned int pin, enum irq_source src,
		   bool level)
{
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;
	int ret = 1;

	pin = array_index_nospec(pin, IOAPIC_PINS);
	raw_spin_lock_irqsave(&io->lock, flags);
	if (level)
		io->sources[pin] |= BIT(src);
	else
		io->sources[pin] &= ~BIT(src);

	if (!io->sources[pin]) {
		io->irr &= ~BIT(pin);
		io->storm[pin] = 0;
	} else if (!level || io->storm[pin] >= STORM_EOIS ||
		   (io->irr & BIT(pin) && !io->rte[pin].level)) {
		ret = 0;	/* still high, at rest, or no new edge */
	} else {
		io->irr |= BIT(pin);
		ret = ioapic_service(chip, pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
	return ret;
}

void ioapic_eoi(struct irqchip *chip, u8 vector)
{
	struct ioapic *io = &chip->ioapic;
	unsigned long flags, done = 0;
	bool pause = false;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		union kvm_ioapic_rte *e = &io->rte[pin];

		if (e->vector != vector)
			continue;
		if (e->level) {
			if (!e->remote_irr)
				continue;
			e->remote_irr = 0;
			done |= BIT(pin);
		} else if (io->watched & BIT(pin)) {
			done |= BIT(pin);
		}
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);

	/* resampled sources let go of the line before it is looked at again */
	for_each_set_bit(pin, &done, IOAPIC_PINS)
		irqchip_notify_eoi(chip, CHIP_IOAPIC, pin);

	raw_spin_lock_irqsave(&io->lock, flags);
	for_each_set_bit(pin, &done, IOAPIC_PINS) {
		if (!io->rte[pin].level || !(io->irr & BIT(pin)))
			continue;
		if (++io->storm[pin] < STORM_EOIS)
			ioapic_service(chip, pin);
		else
			pause = true;
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
	if (unlikely(pause))
		schedule_delayed_work(&io->resume, STORM_PAUSE);
}

static void ioapic_resume(struct work_struct *work)
{
	struct irqchip *chip = container_of(to_delayed_work(work),
					    struct irqchip, ioapic.resume);
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (io->storm[pin] < STORM_EOIS)
			continue;
		io->storm[pin] = 0;
		if (io->rte[pin].level && io->irr & BIT(pin))
			ioapic_service(chip, pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

void ioapic_stop(struct irqchip *chip)
{
	cancel_delayed_work_sync(&chip->ioapic.resume);
}

/* Returns true where the pin became unmasked */
static bool write_rte(struct irqchip *chip, unsigned int pin, u32 val, bool high)
{
	struct ioapic *io = &chip->ioapic;
	union kvm_ioapic_rte *e = &io->rte[pin];
	bool masked = e->mask;
	u64 bits;

	if (high)
		bits = (u64)val << 32 | (u32)e->bits;
	else
		bits = (e->bits & ~0xffffffffULL) | val;
	e->bits = (e->bits & ~RTE_WRITABLE) | (bits & RTE_WRITABLE);
	/* O3; software uses this to end a level interrupt by hand */
	if (!e->level)
		e->remote_irr = 0;
	update_vectors(io);
	/* edges that came while masked are lost (82093AA 3.2.4), levels not */
	if (e->level && io->irr & BIT(pin))
		ioapic_service(chip, pin);
	return masked && !e->mask;
}

static u32 read_window(struct ioapic *io)
{
	u32 idx = io->select;
	unsigned int pin;

	switch (idx) {
	case IDX_ID:
	case IDX_ARB:
		return (io->id & 0xf) << 24;
	case IDX_VERSION:
		return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
	}
	if (idx < IDX_RTE || idx >= IDX_RTE + 2 * IOAPIC_PINS)
		return 0xffffffff;
	pin = array_index_nospec((idx - IDX_RTE) >> 1, IOAPIC_PINS);
	return io->rte[pin].bits >> (idx & 1 ? 32 : 0);
}

static struct irqchip *to_chip(struct io_device *dev)
{
	return container_of(dev, struct irqchip, ioapic.dev);
}

static int ioapic_read(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		       unsigned int len, void *data)
{
	struct irqchip *chip = to_chip(dev);
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;
	u8 reg[8] = {};
	u32 val = 0;

	addr -= io->base;
	raw_spin_lock_irqsave(&io->lock, flags);
	switch (addr & ~0xfULL) {
	case REG_SELECT:
		val = io->select;
		break;
	case REG_WINDOW:
		val = read_window(io);
		break;
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);

	/* registers are 32 bits at the start of their 16 bytes */
	memset(data, 0, len);
	memcpy(reg, &val, sizeof(val));
	addr &= 0xf;
	if (addr < sizeof(reg))
		memcpy(data, reg + addr, min_t(unsigned int, len,
					       sizeof(reg) - addr));
	return 0;
}

static int ioapic_write(struct vcpu *vcpu, struct io_device *dev, u64 addr,
			unsigned int len, const void *data)
{
	struct irqchip *chip = to_chip(dev);
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;
	unsigned int pin;
	bool unmasked = false;
	u32 val = 0;

	addr -= io->base;
	if (addr & 0xf)
		return 0;
	memcpy(&val, data, min_t(unsigned int, len, sizeof(val)));

	raw_spin_lock_irqsave(&io->lock, flags);
	if (addr == REG_SELECT) {
		io->select = val & 0xff;
	} else if (addr == REG_WINDOW && len >= sizeof(val)) {
		pin = (io->select - IDX_RTE) >> 1;
		if (io->select == IDX_ID) {
			io->id = val >> 24 & 0xf;
		} else if (io->select >= IDX_RTE && pin < IOAPIC_PINS) {
			pin = array_index_nospec(pin, IOAPIC_PINS);
			unmasked = write_rte(chip, pin, val, io->select & 1);
		}
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);

	if (unmasked)
		irqchip_notify_unmask(chip, CHIP_IOAPIC, pin);
	return 0;
}

static void ioapic_destroy(struct io_device *dev)
{
	irqchip_put(to_chip(dev));
}

static const struct io_device_ops ioapic_ops = {
	.read = ioapic_read,
	.write = ioapic_write,
	.destroy = ioapic_destroy,
};

void ioapic_get(struct irqchip *chip, struct kvm_ioapic_state *s)
{
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;
	unsigned int pin;

	memset(s, 0, sizeof(*s));
	raw_spin_lock_irqsave(&io->lock, flags);
	s->base_address = io->base;
	s->ioregsel = io->select;
	s->id = io->id;
	s->irr = io->irr;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		s->redirtbl[pin].bits = io->rte[pin].bits;
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

void ioapic_set(struct irqchip *chip, const struct kvm_ioapic_state *s)
{
	struct ioapic *io = &chip->ioapic;
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	io->select = s->ioregsel & 0xff;
	io->id = s->id & 0xf;
	io->irr = s->irr & GENMASK(IOAPIC_PINS - 1, 0);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		union kvm_ioapic_rte *e = &io->rte[pin];

		e->bits = s->redirtbl[pin].bits & (RTE_WRITABLE | BIT_ULL(14));
		if (!e->level)
			e->remote_irr = 0;
	}
	update_vectors(io);
	/* an edge was delivered before the state was saved, or is lost */
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (io->irr & BIT(pin) && io->rte[pin].level)
			ioapic_service(chip, pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

int ioapic_init(struct irqchip *chip)
{
	struct ioapic *io = &chip->ioapic;
	struct vm *vm = chip->vm;
	unsigned int pin;

	raw_spin_lock_init(&io->lock);
	INIT_DELAYED_WORK(&io->resume, ioapic_resume);
	io->base = IO_APIC_DEFAULT_PHYS_BASE;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->rte[pin].mask = 1;
	io->dev.ops = &ioapic_ops;
	return io_bus_register(vm, &vm->mmio_bus, io->base, IOAPIC_LEN, &io->dev);
}

void ioapic_fini(struct irqchip *chip)
{
	io_bus_unregister(chip->vm, &chip->vm->mmio_bus, &chip->ioapic.dev);
}
