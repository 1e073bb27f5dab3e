// SPDX-License-Identifier: GPL-2.0-only
/*
 * GSI routing: from a line that user space or a device drives to pins and MSIs.
 *
 * The table is replaced as a whole; readers are under RCU, so lines can be
 * driven from any context and a replacement does not wait for them.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include "internal.h"
#include "trace.h"

#define MSI_LEVEL	BIT(15)		/* of the data: SDM 3A 11.11.2 */

#define MAX_PER_GSI	3	/* a pin of each PIC and one of the IOAPIC, or an MSI */

enum route_type {
	ROUTE_NONE,
	ROUTE_PIC,
	ROUTE_IOAPIC,
	ROUTE_MSI,
};

struct route {
	u8 type;		/* enum route_type */
	u8 pin;
	bool plain;		/* an MSI to one CPU by its id, fixed and edge */
	u32 address_lo, address_hi, data;
};

struct routes {
	struct rcu_head rcu;
	s16 gsi_of_pic[PIC_PINS];
	s16 gsi_of_ioapic[IOAPIC_PINS];
	DECLARE_BITMAP(level_vectors, 256);	/* of user space's pins */
	u32 nr;
	struct route entry[][MAX_PER_GSI];
};

/* MSI address and data, SDM 3A 11.11 */
static int deliver_msi(struct irqchip *chip, u32 lo, u32 hi, u32 data)
{
	bool wide = chip->vm->irq.x2apic_format;
	struct lapic_msg msg = {
		.dest = lo >> 12 & 0xff,
		.vector = data & 0xff,
		.mode = data >> 8 & 7,
		.logical = lo & BIT(2),
		.level = data & MSI_LEVEL,
		.assert = data & BIT(14),
	};

	trace_kvm_msi_set_irq((u64)hi << 32 | lo, data);
	if (wide)
		msg.dest |= hi & 0xffffff00;
	/* the redirection hint asks for the lowest priority of a set */
	if (lo & BIT(3) && msg.logical && msg.mode == MODE_FIXED)
		msg.mode = MODE_LOWEST;
	return lapic_deliver(chip, &msg, NULL);
}

static bool is_plain(const struct route *r)
{
	const u32 unusual = 7 << 8 | MSI_LEVEL;		/* delivery mode */

	return !(r->data & unusual) && !(r->address_lo & (BIT(2) | BIT(3)));
}

/* The same for the most usual ones */
static bool deliver_plain(struct irqchip *chip, const struct route *r)
{
	u32 dest = r->address_lo >> 12 & 0xff;

	if (!r->plain)
		return false;
	trace_kvm_msi_set_irq((u64)r->address_hi << 32 | r->address_lo, r->data);
	if (chip->vm->irq.x2apic_format)
		dest |= r->address_hi & 0xffffff00;
	return lapic_deliver_one(chip, dest, r->data & 0xff);
}

static int drive(struct irqchip *chip, const struct route *r,
		 enum irq_source src, bool level)
{
	switch (r->type) {
	case ROUTE_PIC:
		return pic_set_pin(chip, r->pin, src, level);
	case ROUTE_IOAPIC:
		return ioapic_set_pin(chip, r->pin, src, level);
	case ROUTE_MSI:
		if (level)
			return deliver_msi(chip, r->address_lo, r->address_hi,
					   r->data);
	}
	return -1;
}

int irqchip_set_line(struct vm *vm, enum irq_source src, u32 gsi, bool level)
{
	struct irqchip *chip = vm->irqchip;
	const struct routes *t;
	unsigned int i;
	int ret = -1, one;

	trace_kvm_set_irq(gsi, level, src);
	rcu_read_lock();
	t = rcu_dereference(chip->routes);
	if (t && gsi < t->nr) {
		gsi = array_index_nospec(gsi, t->nr);
		for (i = 0; i < MAX_PER_GSI; i++) {
			one = drive(chip, &t->entry[gsi][i], src, level);
			if (one >= 0)
				ret = max(ret, 0) + one;
		}
	}
	rcu_read_unlock();
	return ret;
}

/* Is it an MSI? Then it is sent. */
static bool pulse_msi(struct vm *vm, u32 gsi)
{
	struct irqchip *chip = vm->irqchip;
	const struct route *r;
	const struct routes *t;
	bool msi = false;

	rcu_read_lock();
	t = rcu_dereference(chip->routes);
	if (likely(t && gsi < t->nr)) {
		/* an MSI has the GSI for itself */
		r = t->entry[array_index_nospec(gsi, t->nr)];
		msi = r->type == ROUTE_MSI;
		if (msi) {
			trace_kvm_set_irq(gsi, true, IRQ_SRC_USER);
			if (!deliver_plain(chip, r))
				deliver_msi(chip, r->address_lo, r->address_hi,
					    r->data);
		}
	}
	rcu_read_unlock();
	return msi;
}

void irqchip_pulse(struct vm *vm, u32 gsi)
{
	if (pulse_msi(vm, gsi))
		return;
	irqchip_set_line(vm, IRQ_SRC_USER, gsi, true);
	irqchip_set_line(vm, IRQ_SRC_USER, gsi, false);
}

int irqchip_send_msi(struct vm *vm, const struct kvm_msi *msi)
{
	struct irqchip *chip = vm->irqchip;
	int ret;

	if (!chip || msi->flags)
		return -EINVAL;
	if (vm->irq.x2apic_format && msi->address_hi & 0xff)
		return -EINVAL;
	ret = deliver_msi(chip, msi->address_lo, msi->address_hi, msi->data);
	/* 0 is for what reached nobody; merged with a pending one is delivered */
	return ret < 0 ? 0 : max(ret, 1);
}

int routes_pin_to_gsi(struct irqchip *chip, enum chip_kind kind,
		      unsigned int pin)
{
	const struct routes *t = rcu_dereference(chip->routes);

	if (!t)
		return -1;
	return kind == CHIP_PIC ? t->gsi_of_pic[pin] : t->gsi_of_ioapic[pin];
}

bool routes_user_pin_has(struct irqchip *chip, u8 vector)
{
	const struct routes *t;
	bool has;

	rcu_read_lock();
	t = rcu_dereference(chip->routes);
	has = t && test_bit(vector, t->level_vectors);
	rcu_read_unlock();
	return has;
}

/* ---- building a table ------------------------------------------------------ */

static int fill_irqchip(struct routes *t, struct route *r, u32 gsi,
			const struct kvm_irq_routing_irqchip *u)
{
	u32 pin = u->pin;

	switch (u->irqchip) {
	case KVM_IRQCHIP_PIC_SLAVE:
		/* the ABI counts the pins of each chip from 0 */
		if (pin >= PIC_PINS / 2)
			return -EINVAL;
		pin += PIC_PINS / 2;
		break;
	case KVM_IRQCHIP_PIC_MASTER:
		if (pin >= PIC_PINS / 2)
			return -EINVAL;
		break;
	case KVM_IRQCHIP_IOAPIC:
		if (pin >= IOAPIC_PINS)
			return -EINVAL;
		pin = array_index_nospec(pin, IOAPIC_PINS);
		r->type = ROUTE_IOAPIC;
		r->pin = pin;
		t->gsi_of_ioapic[pin] = gsi;
		return 0;
	default:
		return -EINVAL;
	}
	pin = array_index_nospec(pin, PIC_PINS);
	r->type = ROUTE_PIC;
	r->pin = pin;
	t->gsi_of_pic[pin] = gsi;
	return 0;
}

/* The two PICs are two chips */
static bool same_chip(const struct route *a, const struct route *b)
{
	return a->type == b->type && (a->type != ROUTE_PIC ||
				      a->pin / (PIC_PINS / 2) ==
				      b->pin / (PIC_PINS / 2));
}

static int fill(struct vm *vm, struct routes *t,
		const struct kvm_irq_routing_entry *e)
{
	u32 gsi = array_index_nospec(e->gsi, t->nr);
	struct route *slot = t->entry[gsi], r = {};
	unsigned int i;
	int err;

	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (e->flags || vm->irq.split)
			return -EINVAL;
		err = fill_irqchip(t, &r, gsi, &e->u.irqchip);
		if (err)
			return err;
		break;
	case KVM_IRQ_ROUTING_MSI:
		/* a device id is welcome, and means nothing here */
		if (e->flags & ~KVM_MSI_VALID_DEVID)
			return -EINVAL;
		if (vm->irq.x2apic_format && e->u.msi.address_hi & 0xff)
			return -EINVAL;
		r.type = ROUTE_MSI;
		r.address_lo = e->u.msi.address_lo;
		r.address_hi = e->u.msi.address_hi;
		r.data = e->u.msi.data;
		r.plain = is_plain(&r);
		if (gsi < vm->irqchip->nr_user_pins && r.data & MSI_LEVEL)
			__set_bit(r.data & 0xff, t->level_vectors);
		break;
	default:
		return -EINVAL;
	}

	/* another one only for another chip, so that there is room */
	for (i = 0; i < MAX_PER_GSI && slot[i].type != ROUTE_NONE; i++)
		if (slot[i].type == ROUTE_MSI || r.type == ROUTE_MSI ||
		    same_chip(&slot[i], &r))
			return -EINVAL;
	slot[i] = r;
	return 0;
}

static struct routes *routes_build(struct vm *vm,
				   const struct kvm_irq_routing_entry *e,
				   unsigned int n)
{
	struct routes *t;
	u32 nr = 0;
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		if (e[i].gsi >= IRQCHIP_MAX_ROUTES)
			return ERR_PTR(-EINVAL);
		nr = max(nr, e[i].gsi + 1);
	}
	t = kvzalloc(offsetof(struct routes, entry) + nr * sizeof(t->entry[0]),
		     GFP_KERNEL_ACCOUNT);
	if (!t)
		return ERR_PTR(-ENOMEM);
	t->nr = nr;
	memset(t->gsi_of_pic, -1, sizeof(t->gsi_of_pic));
	memset(t->gsi_of_ioapic, -1, sizeof(t->gsi_of_ioapic));
	for (i = 0; i < n; i++) {
		err = fill(vm, t, &e[i]);
		if (err) {
			kvfree(t);
			return ERR_PTR(err);
		}
	}
	return t;
}

static void routes_replace(struct irqchip *chip, struct routes *t)
{
	struct routes *old;

	mutex_lock(&chip->lock);
	old = rcu_replace_pointer(chip->routes, t, lockdep_is_held(&chip->lock));
	if (old)
		kvfree_rcu(old, rcu);
	irqchip_update_watched(chip);
	mutex_unlock(&chip->lock);
}

int irqchip_set_routing(struct vm *vm, const struct kvm_irq_routing_entry *e,
			unsigned int n, u32 flags)
{
	struct routes *t;

	if (!vm->irqchip || flags || n > IRQCHIP_MAX_ROUTES)
		return -EINVAL;
	t = routes_build(vm, e, n);
	if (IS_ERR(t))
		return PTR_ERR(t);
	routes_replace(vm->irqchip, t);
	return 0;
}

/* GSI n is pin n of the IOAPIC, and IRn of the PIC below 16 */
int routes_default(struct irqchip *chip)
{
	struct kvm_irq_routing_entry *e;
	unsigned int n = 0, gsi;
	struct routes *t;

	e = kcalloc(PIC_PINS + IOAPIC_PINS, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		e[n].gsi = gsi;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e[n++].u.irqchip.pin = gsi;
		if (gsi >= PIC_PINS)
			continue;
		e[n].gsi = gsi;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip = gsi >> 3;	/* master, slave */
		e[n++].u.irqchip.pin = gsi & 7;
	}
	t = routes_build(chip->vm, e, n);
	kfree(e);
	if (IS_ERR(t))
		return PTR_ERR(t);
	routes_replace(chip, t);
	return 0;
}

void routes_free(struct irqchip *chip)
{
	kvfree(rcu_dereference_protected(chip->routes, true));
	RCU_INIT_POINTER(chip->routes, NULL);
}
