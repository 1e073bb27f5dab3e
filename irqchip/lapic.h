/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC: the registers in one page, in the architectural layout, so
 * that the page can serve as the CPU's virtual-APIC page.
 *
 * Who may touch what:
 *  L1. other threads set bits of IRR and TMR, head.changed, events,
 *      sipi_vector, extint, esr and timer.pending, all atomically, then
 *      request REQ_EVENT (or REQ_TIMER) and kick; they only read the rest.
 *      Where there is virt, IRR is the vCPU's own as well: they set bits of
 *      virt->posted or virt->trapped instead (lapic_virt.c).
 *  L2. everything else is written under vcpu->mutex.
 *  L3. after a change of what irqchip_pending() answers, head.changed is set.
 *      With IRQ_ASSIST_TPR the guest changes that unseen: head.by_guest.
 *  L4. isrv is the highest bit of the ISR, or -1, and nr_isr how many are set;
 *      without virt. With it the CPU may change the ISR: ask lapic_in_service().
 *  L5. in the guest the CPU may change the registers of the page as the
 *      assists allow. What a register was before it was written is kept
 *      elsewhere: sw_on, timer.mode, timer.divide.
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
	atomic_t pending;	/* [a] not 0: expiries that are no interrupt yet */
	u32 mode;		/* [v] of LVTT: APIC_LVT_TIMER_* */
	u32 divide;		/* [v] 1 to 128 */
	u64 period;		/* [v] ns; 0 unless periodic. The callback reads it */
	u64 deadline;		/* [v] IA32_TSC_DEADLINE, 0 is disarmed */
	u64 cpu_at;		/* [v] host TSC of it, where the CPU counts; or 0 */
};

/* SDM 3C table 30-1; must be alone in its page (lapic_posted()) */
struct lapic_posted {
	unsigned long pir[4];
	unsigned long on;		/* bit 0: outstanding notification */
	unsigned long unused[3];
} __aligned(64);

/* With delivery by the CPU */
struct lapic_virt {
	struct lapic_posted *posted;	/* [I] one page; [a] */
	unsigned long trapped[4];	/* [a] vectors that wait for eoi_exits */
	u8 any_trapped;			/* [a] */
	bool by_cpu;			/* [v] of the next entry, or the one that is */
	bool eoi_exits_changed;		/* [v] since the CPU was told */
	s16 irr, isr;			/* [v] highest ones, with vcpu->apic_seen (A4) */
	unsigned long eoi_exits[4];	/* [v] written; read by all */
};

enum lapic_event {
	LAPIC_INIT,
	LAPIC_SIPI,
};

struct lapic {
	struct lapic_head head;		/* must be first, see irqchip_pending() */
	s16 isrv;			/* [v] L4 */
	u16 nr_isr;			/* [v] L4 */
	u8 threshold;			/* [v] TPR threshold as the CPU has it */
	bool sw_on;			/* [v] SPIV's enable bit, as last acted upon */
	u32 assists;			/* [I] vm->irq.assists */
	bool odd;			/* [v] no xAPIC at the usual address: chip->nr_odd */
	struct lapic_virt *virt;	/* [I] with IRQ_ASSIST_DELIVERY */
	void *regs;			/* [I] one page */
	struct vcpu *vcpu;		/* [I] */
	struct irqchip *chip;		/* [I] */
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
	u32 low = lapic_reg(l, bank) | lapic_reg(l, bank + 0x10) |
		  lapic_reg(l, bank + 0x20) | lapic_reg(l, bank + 0x30);
	u32 high = lapic_reg(l, bank + 0x40) | lapic_reg(l, bank + 0x50) |
		   lapic_reg(l, bank + 0x60) | lapic_reg(l, bank + 0x70);
	int i;

	/* most often there is none */
	if (!(low | high))
		return -1;
	for (i = high ? 7 : 3; i >= 0; i--) {
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
/* The same of LVTT, by the vCPU's thread */
void lapic_timer_deliver(struct lapic *l);
u8 lapic_threshold(struct lapic *l);
void lapic_error(struct lapic *l, u32 bit);

/* ---- lapic_out.c ---- */

/* PPR, as the other registers have it; by any thread */
u32 lapic_priority(const struct lapic *l);
void lapic_update_ppr(struct lapic *l);
void lapic_eoi(struct lapic *l);
void lapic_tell_eoi(struct lapic *l, u8 vector);

/* ---- split.c ---- */

/* The EOI of a level interrupt, where the IOAPIC is in user space */
void lapic_eoi_to_user(struct lapic *l, u8 vector);

/* The vector in service that counts, or -1 */
static inline int lapic_in_service(const struct lapic *l)
{
	return l->virt ? lapic_highest(l, APIC_ISR) : l->isrv;
}

/* Is somebody to hear of the EOI? TMR says so of level interrupts. */
static inline bool lapic_eoi_is_seen(struct lapic *l, u8 vector)
{
	return lapic_test_vec(l, APIC_TMR, vector) ||
	       ioapic_wants_eoi(l->chip, vector);
}

/* ---- lapic_virt.c ---- */

int lapic_virt_create(struct lapic *l);		/* 0, -ENOMEM */
void lapic_virt_destroy(struct lapic *l);
/* lapic_accept_vector() where there is virt: 1 or 0 */
int lapic_post(struct lapic *l, u8 vector);
/* What was posted into the IRR; by the vCPU's thread, the guest does not run */
void lapic_collect_posted(struct lapic *l);
static inline bool lapic_any_posted(const struct lapic *l)
{
	return l->virt && (READ_ONCE(l->virt->posted->on) |
			   READ_ONCE(l->virt->any_trapped));
}

/* IRR and ISR are new: nothing posted, and which EOIs are to exit */
void lapic_virt_reset(struct lapic *l);
/* The mode or the address changed: is the xAPIC page to be mapped? May sleep. */
void lapic_base_changed(struct lapic *l);

/* ---- lapic_reg.c ---- */

u32 lapic_version(const struct lapic *l);
u32 lapic_lvt_mask(const struct lapic *l, unsigned int off);
/* A write to the xAPIC page: false where there is no register to write */
bool lapic_write_reg(struct lapic *l, unsigned int off, u32 val);
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
	return l->timer.mode;
}

/* May lapic_timer_fired() have something to do? */
static inline bool lapic_timer_due(const struct lapic *l)
{
	return l->timer.cpu_at || atomic_read(&l->timer.pending);
}

static inline void lapic_timer_set_mode(struct lapic *l)
{
	l->timer.mode = lapic_reg(l, APIC_LVTT) & (3 << 17);
}

#endif
