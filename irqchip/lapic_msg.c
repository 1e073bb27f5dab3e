// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to LAPICs: from other LAPICs, the IOAPIC, and as MSI. Who is meant
 * (SDM 3A 11.6.2), and what happens there.
 *
 * match() is the definition of who is meant; the map is a shortcut for the
 * usual cases, rebuilt when an id or a mode changes. Where LAPICs disagree on
 * the logical mode, or share an id, the map leaves the case to match().
 *
 * Everything here may be called in any context, interrupts off included.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include "x86/x86.h"
#include "lapic.h"
#include "trace.h"

#define XAPIC_BROADCAST		0xffU
#define X2APIC_BROADCAST	0xffffffffU

enum logical_mode {
	LOGICAL_UNSET,		/* no LAPIC has a logical id yet */
	LOGICAL_FLAT,		/* 8 ids */
	LOGICAL_CLUSTER,	/* 15 clusters of 4 ids */
	LOGICAL_X2APIC,		/* through phys[]: the id follows from it */
	LOGICAL_MIXED,		/* ask match() */
};

struct lapic_map {
	struct rcu_head rcu;
	enum logical_mode mode;
	bool phys_valid;
	u32 nr_phys;
	struct lapic *logical[64];	/* flat: by bit; cluster: 4 * cluster + bit */
	struct lapic *phys[];		/* by destination id */
};

/* ---- who is meant --------------------------------------------------------- */

static bool is_broadcast(const struct lapic *l, const struct lapic_msg *msg)
{
	if (msg->dest == X2APIC_BROADCAST)
		return true;
	if (msg->dest != XAPIC_BROADCAST || msg->x2apic_dest)
		return false;
	return !lapic_x2apic(l) || msg->ipi ||
	       !l->chip->vm->irq.no_broadcast_quirk;
}

static bool match_logical(const struct lapic *l, u32 dest)
{
	u32 ldr = lapic_reg(l, APIC_LDR);

	if (lapic_x2apic(l))
		return dest >> 16 == ldr >> 16 && dest & ldr & 0xffff;
	if (dest > 0xff)
		return false;
	ldr >>= 24;
	if (lapic_reg(l, APIC_DFR) >> 28 == 0xf)
		return dest & ldr;
	return dest >> 4 == ldr >> 4 && dest & ldr & 0xf;
}

static bool match(const struct lapic *l, const struct lapic_msg *msg,
		  const struct lapic *src)
{
	if (!lapic_hw_enabled(l))
		return false;
	switch (msg->shorthand) {
	case DEST_SELF:
		return l == src;
	case DEST_ALL:
		return true;
	case DEST_OTHERS:
		return l != src;
	}
	if (is_broadcast(l, msg))
		return true;
	if (msg->logical)
		return match_logical(l, msg->dest);
	/* a CPU beyond xAPIC's reach still has to hear its INIT */
	return msg->dest == lapic_id(l) ||
	       (msg->dest > XAPIC_BROADCAST && msg->dest == l->vcpu->id);
}

/* ---- what happens there --------------------------------------------------- */

static int accept(struct lapic *l, const struct lapic_msg *msg)
{
	switch (msg->mode) {
	case MODE_FIXED:
	case MODE_LOWEST:
		trace_kvm_apic_accept_irq(l->vcpu->id, msg->mode << 8,
					  msg->level, msg->vector);
		return lapic_accept_vector(l, msg->vector, msg->level);
	case MODE_SMI:
		x86_smi(l->vcpu);
		return 1;
	case MODE_NMI:
		x86_nmi(l->vcpu);
		return 1;
	case MODE_INIT:
		/* a level de-assert only set arbitration ids, long ago */
		if (msg->level && !msg->assert)
			return 1;
		/* what came before the INIT is gone */
		clear_bit(LAPIC_SIPI, &l->head.events);
		set_bit(LAPIC_INIT, &l->head.events);
		lapic_notify(l);
		return 1;
	case MODE_STARTUP:
		if (!msg->ipi)
			return -1;
		WRITE_ONCE(l->sipi_vector, msg->vector);
		smp_wmb();	/* pairs with lapic_accept_init_sipi() */
		set_bit(LAPIC_SIPI, &l->head.events);
		lapic_notify(l);
		return 1;
	case MODE_EXTINT:
		WRITE_ONCE(l->extint, true);
		lapic_notify(l);
		return 1;
	}
	/* remote read and reserved: nothing */
	return -1;
}

/* Lowest-priority arbitration (SDM 3A 11.6.2.4): the better of two */
static struct lapic *arbitrate(struct lapic *a, struct lapic *b)
{
	u32 pa, pb;

	if (!lapic_sw_enabled(b))
		return a;
	if (!a)
		return b;
	pa = lapic_priority(a) >> 4;
	pb = lapic_priority(b) >> 4;
	if (pa != pb)
		return pa < pb ? a : b;
	/* among equals, turn by turn */
	return (s32)(READ_ONCE(b->served) - READ_ONCE(a->served)) < 0 ? b : a;
}

struct delivery {
	const struct lapic_msg *msg;
	struct lapic *lowest;
	int ret;
};

static void deliver_to(struct delivery *d, struct lapic *l)
{
	int ret;

	if (d->msg->mode == MODE_LOWEST) {
		d->lowest = arbitrate(d->lowest, l);
		return;
	}
	ret = accept(l, d->msg);
	if (ret >= 0)
		d->ret = max(d->ret, 0) + ret;
}

/* True when the map could answer */
static bool deliver_fast(const struct lapic_map *map, struct delivery *d)
{
	const struct lapic_msg *msg = d->msg;
	unsigned long bits;
	u32 base, dest = msg->dest;
	unsigned int bit;
	struct lapic *l;

	if (msg->shorthand != DEST_FIELD || dest == XAPIC_BROADCAST ||
	    dest == X2APIC_BROADCAST)
		return false;

	if (!msg->logical) {
		if (!map->phys_valid)
			return false;
		if (dest < map->nr_phys) {
			l = map->phys[array_index_nospec(dest, map->nr_phys)];
			if (l)
				deliver_to(d, l);
		}
		return true;
	}

	switch (map->mode) {
	case LOGICAL_FLAT:
		base = 0;
		bits = dest & 0xff;
		break;
	case LOGICAL_CLUSTER:
		base = (dest >> 4 & 0xf) * 4;
		bits = dest & 0xf;
		break;
	case LOGICAL_X2APIC:
		if (!map->phys_valid)
			return false;
		base = (dest >> 16) * 16;
		bits = dest & 0xffff;
		for_each_set_bit(bit, &bits, 16) {
			if (base + bit >= map->nr_phys)
				break;
			l = map->phys[array_index_nospec(base + bit,
							 map->nr_phys)];
			if (l)
				deliver_to(d, l);
		}
		return true;
	default:
		return false;
	}
	for_each_set_bit(bit, &bits, 8) {
		l = map->logical[array_index_nospec(base + bit,
						    ARRAY_SIZE(map->logical))];
		if (l)
			deliver_to(d, l);
	}
	return true;
}

bool lapic_deliver_one(struct irqchip *chip, u32 dest, u8 vector)
{
	const struct lapic_map *map;
	struct lapic *l = NULL;
	bool known = false;

	if (dest == XAPIC_BROADCAST)
		return false;
	rcu_read_lock();
	map = rcu_dereference(chip->map);
	if (likely(map && map->phys_valid && dest < map->nr_phys)) {
		known = true;
		l = map->phys[array_index_nospec(dest, map->nr_phys)];
	}
	if (l) {
		trace_kvm_apic_accept_irq(l->vcpu->id, 0, false, vector);
		lapic_accept_vector(l, vector, false);
	}
	rcu_read_unlock();
	return known;
}

int lapic_deliver(struct irqchip *chip, const struct lapic_msg *msg,
		  struct lapic *src)
{
	struct delivery d = { .msg = msg, .ret = -1 };
	const struct lapic_map *map;
	struct lapic *l;
	int ret;

	rcu_read_lock();
	map = rcu_dereference(chip->map);
	if (!map || !deliver_fast(map, &d)) {
		list_for_each_entry_rcu(l, &chip->lapics, link) {
			if (match(l, msg, src))
				deliver_to(&d, l);
		}
	}
	if (d.lowest) {
		WRITE_ONCE(d.lowest->served, READ_ONCE(d.lowest->served) + 1);
		ret = accept(d.lowest, msg);
		if (ret >= 0)
			d.ret = ret;
	}
	rcu_read_unlock();
	return d.ret;
}

void lapic_pic_changed(struct irqchip *chip, bool rising)
{
	bool offer = READ_ONCE(chip->pic.offer) >= 0;
	struct lapic *l;

	rcu_read_lock();
	list_for_each_entry_rcu(l, &chip->lapics, link) {
		if (lapic_accepts_pic(l)) {
			if (offer)
				lapic_notify(l);
			else
				WRITE_ONCE(l->head.changed, true);
		} else if (rising && lapic_hw_enabled(l) &&
			   !(lapic_reg(l, APIC_LVT0) & APIC_LVT_MASKED)) {
			/* LINT0 as a plain input: fixed or NMI (watchdog) */
			lapic_local_deliver(l, APIC_LVT0);
		}
	}
	rcu_read_unlock();
}

/* ---- the map -------------------------------------------------------------- */

static void map_logical(struct lapic_map *map, struct lapic *l)
{
	u32 ldr = lapic_reg(l, APIC_LDR) >> 24;
	enum logical_mode mode;
	struct lapic **slot;
	u32 bit;

	if (lapic_x2apic(l))
		mode = LOGICAL_X2APIC;
	else if (!ldr)
		return;
	else if (lapic_reg(l, APIC_DFR) >> 28 == 0xf)
		mode = LOGICAL_FLAT;
	else
		mode = LOGICAL_CLUSTER;

	if (map->mode == LOGICAL_UNSET)
		map->mode = mode;
	if (map->mode != mode) {
		map->mode = LOGICAL_MIXED;
		return;
	}
	if (mode == LOGICAL_X2APIC)
		return;

	bit = mode == LOGICAL_FLAT ? ldr : ldr & 0xf;
	/* software may claim several ids, or one that is taken */
	if (hweight32(bit) != 1) {
		map->mode = LOGICAL_MIXED;
		return;
	}
	slot = &map->logical[mode == LOGICAL_FLAT ? __ffs(bit) :
			     (ldr >> 4) * 4 + __ffs(bit)];
	if (*slot)
		map->mode = LOGICAL_MIXED;
	*slot = l;
}

static void map_phys(struct lapic_map *map, struct lapic *l, u32 id)
{
	if (map->phys[id] && map->phys[id] != l)
		map->phys_valid = false;
	map->phys[id] = l;
}

int lapic_map_rebuild(struct irqchip *chip)
{
	struct lapic_map *map, *old;
	struct lapic *l;
	u32 max = XAPIC_BROADCAST;

	mutex_lock(&chip->lock);
	list_for_each_entry(l, &chip->lapics, link)
		max = max(max, l->vcpu->id);
	map = kvzalloc(offsetof(struct lapic_map, phys) +
		       (max + 1) * sizeof(map->phys[0]), GFP_KERNEL_ACCOUNT);
	if (map) {
		map->nr_phys = max + 1;
		map->phys_valid = true;
		list_for_each_entry(l, &chip->lapics, link) {
			if (!lapic_hw_enabled(l))
				continue;
			map_phys(map, l, lapic_id(l));
			if (l->vcpu->id > XAPIC_BROADCAST)
				map_phys(map, l, l->vcpu->id);
			map_logical(map, l);
		}
	}
	/* without memory there is no map: slower, and as right */
	old = rcu_replace_pointer(chip->map, map,
				  lockdep_is_held(&chip->lock));
	mutex_unlock(&chip->lock);
	if (old)
		kvfree_rcu(old, rcu);
	return map ? 0 : -ENOMEM;
}

void lapic_forget_all(struct irqchip *chip)
{
	struct lapic_map *map;
	struct lapic *l, *next;
	bool any;

	mutex_lock(&chip->lock);
	any = !list_empty(&chip->lapics);
	map = rcu_replace_pointer(chip->map, NULL,
				  lockdep_is_held(&chip->lock));
	list_for_each_entry_safe(l, next, &chip->lapics, link)
		list_del_rcu(&l->link);
	mutex_unlock(&chip->lock);
	if (!any)
		return;		/* without vCPUs, or done before */
	synchronize_rcu();
	kvfree(map);
}
