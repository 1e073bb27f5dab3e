/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of irqchip/ share.
 *
 * Locks. pic.lock, ioapic.lock and pit.lock are leaves: none of them is held
 * while another lock of this folder is taken, or while anything outside the
 * chip is told something (other chips, eventfds). All three are raw and taken
 * with interrupts off, so that a line may be driven from a timer's expiry or
 * from an eventfd's wake-up. LAPICs have no lock: other threads set bits of
 * the IRR and event flags atomically, all else belongs to the vCPU's mutex.
 * irqchip.lock, a mutex, serialises those who replace the destination map or
 * the routing table; readers of both are under RCU.
 *
 *	vm->lock > irqchip.lock			sleeping
 *	eventfd's wait queue lock > one of pic.lock, ioapic.lock, pit.lock
 */
#ifndef IRQCHIP_INTERNAL_H
#define IRQCHIP_INTERNAL_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "core/vcpu.h"
#include "irqchip/irqchip.h"

#define PIC_PINS	16
#define IOAPIC_PINS	KVM_IOAPIC_NUM_PINS

/* Chips that a pin belongs to, for notifications of an EOI or an unmasking */
enum chip_kind {
	CHIP_PIC,		/* pin 0..15 */
	CHIP_IOAPIC,		/* pin 0..23 */
	NR_CHIPS
};

struct lapic;
struct lapic_map;
struct pit;
struct routes;

struct pic {
	raw_spinlock_t lock;
	struct kvm_pic_state chip[2];	/* lock; master and slave */
	bool single[2];			/* lock; ICW1.SNGL */
	u8 sources[PIC_PINS];		/* lock; BIT(enum irq_source) that assert */
	u16 eoi;			/* lock; pins to notify about after unlocking */
	u16 unmasked;			/* lock; likewise */
	bool changed, rose;		/* lock; the offer, the INTR output did */
	int offer;			/* lock, read without; vector or -1: INTR */
	struct io_device dev;
};

struct ioapic {
	raw_spinlock_t lock;
	u64 base;			/* [I] */
	u32 select;			/* lock */
	u32 id;				/* lock */
	u32 irr;			/* lock; pins that are asserted */
	union kvm_ioapic_rte {
		u64 bits;
		struct {
			u64 vector:8;
			u64 mode:3;
			u64 logical:1;
			u64 status:1;
			u64 polarity:1;
			u64 remote_irr:1;
			u64 level:1;
			u64 mask:1;
			u64 reserved:39;
			u64 dest:8;
		};
	} rte[IOAPIC_PINS];		/* lock */
	u8 sources[IOAPIC_PINS];	/* lock; BIT(enum irq_source) */
	u16 storm[IOAPIC_PINS];		/* lock; EOIs in a row that left the line high */
	struct delayed_work resume;	/* pins that storm, after a pause */
	u32 watched;			/* lock; edge pins whose EOI somebody wants */
	DECLARE_BITMAP(eoi_vectors, 256); /* their vectors; bits read without lock */
	struct io_device dev;
};

struct irqchip {
	struct vm *vm;				/* [I] */
	refcount_t refs;			/* [a] the VM's, one per LAPIC and bus device */
	/* unused where they are in user space (vm->irq.split) */
	struct pic pic;
	struct ioapic ioapic;
	u32 nr_user_pins;			/* [I] routes of user space's IOAPIC */
	struct pit *pit;			/* [V], published with release */
	struct mutex lock;
	struct routes __rcu *routes;		/* [r] lock */
	struct lapic_map __rcu *map;		/* [r] lock */
	struct list_head lapics;		/* lock */
	unsigned int nr_odd;			/* lock; LAPICs that are odd */
};

/* ---- messages to LAPICs (lapic_msg.c) ------------------------------------ */

/* Delivery modes, SDM 3A 11.6.1 and 11.11.2 */
enum lapic_mode {
	MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_RESERVED,
	MODE_NMI, MODE_INIT, MODE_STARTUP, MODE_EXTINT
};

enum lapic_shorthand {
	DEST_FIELD, DEST_SELF, DEST_ALL, DEST_OTHERS
};

struct lapic_msg {
	u32 dest;
	u8 vector;
	u8 mode;		/* enum lapic_mode */
	u8 shorthand;		/* enum lapic_shorthand */
	bool logical;
	bool level;
	bool assert;
	bool ipi;		/* from a LAPIC */
	bool x2apic_dest;	/* from one in x2APIC mode: 0xff is no broadcast */
};

/* As irqchip_set_line(); @src is the sending LAPIC or NULL. Any context. */
int lapic_deliver(struct irqchip *chip, const struct lapic_msg *msg,
		  struct lapic *src);
/* A fixed IPI to one CPU, the usual one. False: lapic_deliver() has to do it. */
bool lapic_deliver_one(struct irqchip *chip, u32 dest, u8 vector);
/* What the PIC offers changed; @rising: its INTR pin rose */
void lapic_pic_changed(struct irqchip *chip, bool rising);
/* An id, a mode or the set of LAPICs changed. May sleep. 0 or -ENOMEM (slower) */
int lapic_map_rebuild(struct irqchip *chip);
/* VM teardown: no LAPIC is found any more on return */
void lapic_forget_all(struct irqchip *chip);

/* ---- chips --------------------------------------------------------------- */

int pic_init(struct irqchip *chip);	/* vm->lock; registers its ports */
void pic_fini(struct irqchip *chip);
int pic_set_pin(struct irqchip *chip, unsigned int pin, enum irq_source src,
		bool level);
/* INTA: always a vector, a spurious one when the request went away */
int pic_ack(struct irqchip *chip);
void pic_get(struct irqchip *chip, unsigned int which, struct kvm_pic_state *s);
void pic_set(struct irqchip *chip, unsigned int which,
	     const struct kvm_pic_state *s);

int ioapic_init(struct irqchip *chip);
void ioapic_fini(struct irqchip *chip);
void ioapic_stop(struct irqchip *chip);
int ioapic_set_pin(struct irqchip *chip, unsigned int pin, enum irq_source src,
		   bool level);
/* EOI broadcast, or an EOI of an edge interrupt whose vector is watched */
void ioapic_eoi(struct irqchip *chip, u8 vector);
void ioapic_get(struct irqchip *chip, struct kvm_ioapic_state *s);
void ioapic_set(struct irqchip *chip, const struct kvm_ioapic_state *s);
/* Edge pins (mask) whose EOI irqchip_notify_eoi() wants to hear of */
void ioapic_watch(struct irqchip *chip, u32 pins);

static inline bool ioapic_wants_eoi(struct irqchip *chip, u8 vector)
{
	return test_bit(vector, chip->ioapic.eoi_vectors);
}

/* A pin's interrupt was completed, or the pin was unmasked. No lock held. */
void irqchip_notify_eoi(struct irqchip *chip, enum chip_kind kind,
			unsigned int pin);
void irqchip_notify_unmask(struct irqchip *chip, enum chip_kind kind,
			   unsigned int pin);
void irqchip_put(struct irqchip *chip);
extern const struct irqchip_assist *irqchip_assist;
/* vm->irq.assists, before vCPUs */
void irqchip_choose_assists(struct vm *vm);
/* Timers off, no vCPU reachable; at the start of VM teardown. Idempotent. */
void irqchip_stop(struct irqchip *chip);
/* Which edge pins matter changed: routing, PIT, reinjection. irqchip.lock held. */
void irqchip_update_watched(struct irqchip *chip);

/* ---- routing ------------------------------------------------------------- */

int routes_default(struct irqchip *chip);
void routes_free(struct irqchip *chip);
/* An edge of user space's: up, and down again. As irqchip_set_line(). */
void irqchip_pulse(struct vm *vm, u32 gsi);
/* The GSI that leads to a pin, or -1. RCU read lock held. */
int routes_pin_to_gsi(struct irqchip *chip, enum chip_kind kind,
		      unsigned int pin);

/* Split irqchip: is there a level route of a pin with this vector? */
bool routes_user_pin_has(struct irqchip *chip, u8 vector);

/* ---- timers -------------------------------------------------------------- */

/* Raise a guest's period to what the host allows; logged, rate limited */
u64 irqchip_limit_period(u64 ns);

/* ---- PIT ----------------------------------------------------------------- */

void pit_stop(struct pit *pit);
/* GSI 0 completed an interrupt; GSI 0 was unmasked */
void pit_eoi(struct pit *pit);
void pit_unmasked(struct pit *pit);
bool pit_wants_eoi(struct pit *pit);

/* ---- irqfd --------------------------------------------------------------- */

/*
 * A GSI completed its interrupt: resample. Interrupts on, unless vm->irq.resamples
 * has been seen to be false since they are off; no lock held.
 */
void irqfd_eoi(struct vm *vm, unsigned int gsi);

#endif
