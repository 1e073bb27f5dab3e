/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC: the registers in one page, in the architectural layout, so
 * that the page can serve as the CPU's virtual-APIC page.
 *
 * Who may touch what:
 *  L1. other threads set bits of IRR and TMR, head.changed, events,
 *      sipi_vector, extint, esr and timer.pending, all atomically, then
 *      request REQ_EVENT (or REQ_TIMER) and kick; they only read the rest.
 *  L2. everything else is written under vcpu->mutex.
 *  L3. after a change of what irqchip_pending() answers, head.changed is set.
 *  L4. isrv is the highest bit of the ISR, or -1.
 */
#ifndef IRQCHIP_LAPIC_H
#define IRQCHIP_LAPIC_H

#include <linux/hrtimer.h>
#include <linux/rculist.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include "internal.h"

struct lapic_timer {
	struct hrtimer timer;
	atomic_t pending;	/* [a] expiries that are no interrupt yet */
	u32 divide;		/* [v] 1 to 128 */
	u64 period;		/* [v] ns; 0 unless periodic. The callback reads it */
	u64 deadline;		/* [v] IA32_TSC_DEADLINE, 0 is disarmed */
	u64 cpu_at;		/* [v] host TSC of it, where the CPU counts; or 0 */
};

enum lapic_event {
	LAPIC_INIT,
	LAPIC_SIPI,
};

struct lapic {
	struct lapic_head head;		/* must be first, see irqchip_pending() */
	s16 isrv;			/* [v] L4 */
	void *regs;			/* [I] one page */
	struct vcpu *vcpu;		/* [I] */
	struct irqchip *chip;		/* [I] */
	unsigned long events;		/* [a] BIT(enum lapic_event) */
	u8 sipi_vector;			/* [a] */
	u8 extint;			/* [a] an ExtINT message is waiting */
	u8 eoi_vector;			/* [v] of REQ_IOAPIC_EOI */
	atomic_t esr;			/* [a] errors since the last write of ESR */
	u32 served;			/* [a] lowest-priority arbitration */
	struct list_head link;		/* [r] chip->lapics, written under chip->lock */
	struct lapic_timer timer;
};

static inline u32 lapic_reg(const struct lapic *l, unsigned int off)
{
	return READ_ONCE(*(u32 *)(l->regs + off));
}

static inline void lapic_set_reg(struct lapic *l, unsigned int off, u32 val)
{
	WRITE_ONCE(*(u32 *)(l->regs + off), val);
}

/* IRR, ISR and TMR: 32 bits at the start of each 16 bytes (SDM 3A 11.8.4) */
static inline unsigned long *lapic_vec_word(struct lapic *l, unsigned int bank,
					    u8 vector)
{
	return l->regs + bank + (vector >> 5) * 0x10;
}

static inline bool lapic_test_vec(struct lapic *l, unsigned int bank, u8 vector)
{
	return test_bit(vector & 31, lapic_vec_word(l, bank, vector));
}

/* Highest bit of IRR or ISR, or -1 */
static inline int lapic_highest(const struct lapic *l, unsigned int bank)
{
	int i;

	for (i = 7; i >= 0; i--) {
		u32 word = lapic_reg(l, bank + i * 0x10);

		if (word)
			return i * 32 + __fls(word);
	}
	return -1;
}

static inline u64 lapic_base(const struct lapic *l)
{
	return READ_ONCE(l->vcpu->arch.apic_base);
}

static inline bool lapic_hw_enabled(const struct lapic *l)
{
	return lapic_base(l) & MSR_IA32_APICBASE_ENABLE;
}

static inline bool lapic_x2apic(const struct lapic *l)
{
	const u64 both = MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE;

	return (lapic_base(l) & both) == both;
}

static inline bool lapic_sw_enabled(const struct lapic *l)
{
	return lapic_hw_enabled(l) &&
	       lapic_reg(l, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
}

static inline u32 lapic_id(const struct lapic *l)
{
	return lapic_x2apic(l) ? l->vcpu->id : lapic_reg(l, APIC_ID) >> 24;
}

/* ---- lapic.c ---- */

/* Another thread changed something: look at it soon */
void lapic_notify(struct lapic *l);
/* The vCPU's own thread changed something: look at it before the next entry */
void lapic_reeval(struct lapic *l);
bool lapic_accepts_pic(const struct lapic *l);
/* A vector arrives. 1 new, 0 merged with a pending one, -1 not accepted. */
int lapic_accept_vector(struct lapic *l, u8 vector, bool level);
/* An event of one of the LVT registers. 1, 0 or -1 as above. */
int lapic_local_deliver(struct lapic *l, unsigned int lvt);
void lapic_eoi(struct lapic *l);
void lapic_error(struct lapic *l, u32 bit);
void lapic_set_x2apic_ids(struct lapic *l);

/* ---- split.c ---- */

/* The EOI of a level interrupt, where the IOAPIC is in user space */
void lapic_eoi_to_user(struct lapic *l, u8 vector);

/* ---- lapic_reg.c ---- */

u32 lapic_version(const struct lapic *l);
u32 lapic_lvt_mask(const struct lapic *l, unsigned int off);
/* IPI as ICR says */
void lapic_send_ipi(struct lapic *l, u32 low, u32 dest);
void lapic_write_tpr(struct lapic *l, u8 tpr);

/* ---- lapic_timer.c ---- */

void lapic_timer_init(struct lapic *l);
void lapic_timer_stop(struct lapic *l);
/* TMICT, TDCR or the mode is new: count from @count */
void lapic_timer_start(struct lapic *l, u32 count);
u32 lapic_timer_count(struct lapic *l);		/* TMCCT */
void lapic_timer_set_divide(struct lapic *l, u32 tdcr);

static inline u32 lapic_timer_mode(const struct lapic *l)
{
	return lapic_reg(l, APIC_LVTT) & (3 << 17);
}

#endif
