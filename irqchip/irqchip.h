/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt controllers and timers: PIC, IOAPIC, LAPIC, PIT, GSI routing.
 *
 * Knows nothing of VMX. Hardware assists (APICv) are offered to it through
 * struct irqchip_assist.
 */
#ifndef IRQCHIP_IRQCHIP_H
#define IRQCHIP_IRQCHIP_H

#include "core/vcpu.h"

/* Sources that may hold a GSI line; the line is the OR of them */
enum irq_source {
	IRQ_SRC_USER,		/* KVM_IRQ_LINE */
	IRQ_SRC_PIT,
	IRQ_SRC_RESAMPLE,	/* irqfds with a resamplefd, until the EOI */
	NR_IRQ_SOURCES
};

/*
 * What the CPU does of a LAPIC's work (Documentation/interrupts.rst). Each wants
 * those above it, but for X2APIC, which stands beside ACCESS.
 */
#define IRQ_ASSIST_TPR		BIT(0)	/* CR8, and TPR where it is virtualized */
#define IRQ_ASSIST_ACCESS	BIT(1)	/* the xAPIC page, at its usual address */
#define IRQ_ASSIST_X2APIC	BIT(2)	/* x2APIC MSRs */
#define IRQ_ASSIST_REGS		BIT(3)	/* reads, and exits after writes */
#define IRQ_ASSIST_DELIVERY	BIT(4)	/* interrupts out of IRR, and EOI */
#define IRQ_ASSIST_POSTED	BIT(5)	/* interrupts into IRR while it runs */

/*
 * struct irqchip_assist - what has the CPU do it; vmx/ fills it in
 *
 * available() IRQ_ASSIST_* for VMs that get their LAPICs now
 * notify()    a posted interrupt waits (SDM 3C 30.6): true where the CPU that
 *	       runs the vCPU has been told, false where the vCPU must be made to
 *	       look by itself. Any context, after the bit in the descriptor.
 */
struct irqchip_assist {
	u32 (*available)(void);
	bool (*notify)(struct vcpu *vcpu);
};

/* At module load, before any VM exists */
void irqchip_set_assist(const struct irqchip_assist *assist);

#define IRQCHIP_MAX_ROUTES	4096	/* KVM_CAP_IRQ_ROUTING; GSIs are below it */

/*
 * What irqchip_pending() answers while nothing changed. First member of
 * struct lapic, here so that the question is inline on the entry path.
 */
struct lapic_head {
	u8 changed;		/* [a] the answer may be stale */
	bool by_guest;		/* [I] the guest may change it, and nobody is told */
	s16 vector;		/* [v] last answer, or -1 */
	unsigned long events;	/* [a] BIT(enum lapic_event) */
};

static inline bool irqchip_in_kernel(struct vm *vm)
{
	return smp_load_acquire(&vm->irqchip);	/* pairs with irqchip_create() */
}

/* ---- VM ------------------------------------------------------------------ */

/*
 * x2APIC ids are 32 bits wide in KVM_GET/SET_LAPIC and MSI addresses
 * (KVM_CAP_X2APIC_API): @flags are KVM_X2APIC_API_*. 0 or -EINVAL. [V]
 */
int irqchip_set_x2apic_api(struct vm *vm, u64 flags);

/* KVM_CREATE_IRQCHIP; vm->lock held. 0, -EEXIST, -EINVAL (vCPUs exist), -ENOMEM */
int irqchip_create(struct vm *vm);
/*
 * KVM_CAP_SPLIT_IRQCHIP: LAPICs and routing, the first @nr_pins routes being
 * those of user space's IOAPIC. vm->lock held. 0, -EINVAL, -EEXIST (an irqchip
 * or vCPUs), -ENOMEM
 */
int irqchip_create_split(struct vm *vm, u64 nr_pins);
void irqchip_destroy(struct vm *vm);		/* VM teardown; NULL is fine */
/* KVM_CREATE_PIT2; vm->lock held. 0, -EEXIST, -ENOENT (no irqchip), -EINVAL, -ENOMEM */
int irqchip_create_pit(struct vm *vm, const struct kvm_pit_config *cfg);
/* State of chips for user space: 0, -ENXIO no such chip here, -EINVAL */
int irqchip_get(struct vm *vm, struct kvm_irqchip *chip);
int irqchip_set(struct vm *vm, const struct kvm_irqchip *chip);
int irqchip_get_pit(struct vm *vm, struct kvm_pit_state2 *ps);
int irqchip_set_pit(struct vm *vm, const struct kvm_pit_state2 *ps);
int irqchip_reinject_control(struct vm *vm, const struct kvm_reinject_control *c);
/* REQ_PIT: a vCPU runs, which may take ticks again */
void irqchip_pit_look(struct vcpu *vcpu);

/**
 * irqchip_set_line() - change the level a source drives a GSI with
 * @vm: the VM with an in-kernel irqchip; vm->srcu held
 * @src: who
 * @gsi: line, from user space: any value
 * @level: true is asserted
 *
 * Context: any but hard interrupt.
 * Return: >0 delivered to that many CPUs, 0 coalesced with one already
 * pending, <0 masked or nobody there (KVM_IRQ_LINE_STATUS), or -EINVAL.
 */
int irqchip_set_line(struct vm *vm, enum irq_source src, u32 gsi, bool level);

/* KVM_SET_GSI_ROUTING; with or without vm->lock held */
int irqchip_set_routing(struct vm *vm, const struct kvm_irq_routing_entry *e,
			unsigned int n, u32 flags);	/* 0, -EINVAL, -ENOMEM */
/* KVM_SIGNAL_MSI: >0 delivered or merged, 0 nobody took it, -EINVAL */
int irqchip_send_msi(struct vm *vm, const struct kvm_msi *msi);

/*
 * KVM_IRQFD (irqchip/irqfd.c) and KVM_IOEVENTFD (irqchip/ioeventfd.c), assign
 * and deassign as the flags say; vm->lock not held. 0, -EINVAL, -EBADF,
 * -EBUSY, -EEXIST, -ENOENT, -ENOSPC, -ENOMEM.
 */
int irqfd_assign(struct vm *vm, const struct kvm_irqfd *args);
int ioeventfd_assign(struct vm *vm, const struct kvm_ioeventfd *args);
/* When the VM file is released: no irqfd fires any more on return */
void eventfd_release(struct vm *vm);

/* Module load and unload */
int irqchip_setup(void);
void irqchip_unsetup(void);

/* ---- vCPU ---------------------------------------------------------------- */

/**
 * lapic_create() - the LAPIC of a new vCPU
 * @vcpu: the vCPU, which nobody else knows yet, of a VM with an in-kernel irqchip
 *
 * Return: 0, -ENOMEM.
 */
int lapic_create(struct vcpu *vcpu);
void lapic_destroy(struct vcpu *vcpu);		/* NULL is fine */
void lapic_reset(struct vcpu *vcpu, bool init);

int irqchip_pending_slow(struct vcpu *vcpu);

/**
 * irqchip_pending() - the vector that would be delivered now
 * @vcpu: the vCPU, by its own thread
 *
 * PIC through LVT0 ExtINT on the CPU wired to it, else LAPIC (IRR above PPR).
 * An expired timer that nobody turned into an interrupt yet counts.
 * Return: 0..255, or -1. Cheap when nothing changed since the last call.
 */
static inline int irqchip_pending(struct vcpu *vcpu)
{
	const struct lapic_head *head = (const void *)vcpu->lapic;

	if (!head)
		return -1;
	if (likely(!READ_ONCE(head->changed) && !head->by_guest))
		return head->vector;
	return irqchip_pending_slow(vcpu);
}

/* Is it known, without a look, that there is none? */
static inline bool irqchip_surely_none(struct vcpu *vcpu)
{
	const struct lapic_head *head = (const void *)vcpu->lapic;

	return !READ_ONCE(head->changed) && !head->by_guest && head->vector < 0;
}

/**
 * irqchip_pending_asleep() - the same, of a vCPU that has not run meanwhile
 * @vcpu: the vCPU, by its own thread
 * @posted: something waits in its posted-interrupt descriptor
 *
 * irqchip_look_again() comes first, when it has ceased to run.
 */
static inline int irqchip_pending_asleep(struct vcpu *vcpu, bool posted)
{
	const struct lapic_head *head = (const void *)vcpu->lapic;

	if (!head)
		return -1;
	if (likely(!READ_ONCE(head->changed) && !posted))
		return head->vector;
	return irqchip_pending_slow(vcpu);
}

static inline void irqchip_look_again(struct vcpu *vcpu)
{
	struct lapic_head *head = (void *)vcpu->lapic;

	if (head)
		WRITE_ONCE(head->changed, true);
}

int lapic_pending_by_hand_slow(struct vcpu *vcpu);

/*
 * An interrupt that the CPU does not deliver by itself: of the PIC always. Where
 * lapic_choose_delivery() said no, as irqchip_pending().
 */
static inline int lapic_pending_by_hand(struct vcpu *vcpu)
{
	const struct lapic_head *head = (const void *)vcpu->lapic;

	if (head->by_guest)
		return lapic_pending_by_hand_slow(vcpu);
	return READ_ONCE(head->changed) ? irqchip_pending_slow(vcpu) :
					  head->vector;
}

/*
 * Acknowledge what irqchip_pending() answers: IRR -> ISR, or PIC INTA. -1: spurious,
 * or not with interrupts off: REQ_EVENT
 */
int irqchip_ack(struct vcpu *vcpu);

/*
 * Both in one, for a LAPIC without any of the assists: the vector, or -1. The
 * guest can be interrupted.
 */
int irqchip_take(struct vcpu *vcpu);

/*
 * May an EOI signal eventfds, so that interrupts have to be on? Whether this one
 * does cannot be known before: a level interrupt of its vector may just arrive.
 */
static inline bool irqchip_eoi_sleeps(struct vcpu *vcpu)
{
	return unlikely(READ_ONCE(vcpu->vm->irq.resamples));
}

bool lapic_init_sipi_slow(struct vcpu *vcpu);

/*
 * An event for a CPU that waits: INIT latched, or SIPI where the CPU waits for
 * one (KVM_MP_STATE_INIT_RECEIVED). REQ_EVENT comes with it.
 */
static inline bool lapic_init_sipi_pending(struct vcpu *vcpu)
{
	const struct lapic_head *head = (const void *)vcpu->lapic;

	return head && unlikely(READ_ONCE(head->events)) &&
	       lapic_init_sipi_slow(vcpu);
}

/* A corrected machine check, or the like, is told: the LVT's CMCI register */
void lapic_cmci(struct vcpu *vcpu);
void lapic_reset_cmci(struct vcpu *vcpu);	/* KVM_X86_SETUP_MCE */
/* The INIT that waits, as while the vCPU is in SMM, for user space to save */
bool lapic_init_latched(struct vcpu *vcpu);
void lapic_latch_init(struct vcpu *vcpu, bool init);
/* KVM_MP_STATE_SIPI_RECEIVED, with the vector from KVM_SET_VCPU_EVENTS */
void lapic_set_sipi_vector(struct vcpu *vcpu, u8 vector);
void lapic_latch_sipi(struct vcpu *vcpu);
/* Act on latched INIT/SIPI: x86_vcpu_reset(), mp_state, CS from the vector */
void lapic_accept_init_sipi(struct vcpu *vcpu);

/*
 * Split irqchip. An interrupt of user space's PIC (KVM_INTERRUPT): 0, or -EEXIST
 * where one waits; would one be taken by this vCPU; REQ_IOAPIC_EOI:
 * KVM_EXIT_IOAPIC_EOI.
 */
int irqchip_user_extint(struct vcpu *vcpu, u8 vector);
bool irqchip_wants_extint(struct vcpu *vcpu);
/* Has the LAPIC given this vector to the CPU? */
bool irqchip_in_service(struct vcpu *vcpu, u8 vector);
int irqchip_eoi_exit(struct vcpu *vcpu);

/* Do external interrupts of this vCPU come from user space by KVM_INTERRUPT? */
static inline bool irqchip_user_irqs(struct vcpu *vcpu)
{
	return !vcpu->lapic ||
	       (unlikely(vcpu->vm->irq.split) && irqchip_wants_extint(vcpu));
}

/* ---- paravirtual (irqchip/pv.c) ---- */

/* A fixed interrupt from here to the vCPU; by its own thread */
void lapic_raise(struct vcpu *vcpu, u8 vector);
/* MSR_KVM_PV_EOI_EN: 0, or 1 for #GP */
int lapic_set_pv_eoi(struct vcpu *vcpu, u64 value, bool host);
/* An interrupt was acknowledged: let the guest do without an EOI if it can */
void lapic_offer_pv_eoi(struct vcpu *vcpu, u8 vector);
void lapic_sync_pv_eoi_slow(struct vcpu *vcpu);

/* The same, without sleeping. False: not done, nothing is known. */
bool lapic_sync_pv_eoi_fast(struct vcpu *vcpu);

/* The ISR is going to be used: V2 in irqchip/pv.c. May sleep. */
static inline void lapic_sync_pv_eoi(struct vcpu *vcpu)
{
	if (unlikely(vcpu->arch.pv_eoi != PV_EOI_NONE))
		lapic_sync_pv_eoi_slow(vcpu);
}

/*
 * KVM_HC_SEND_IPI: to the CPUs whose ids less @first are set in @low and, less
 * @width more, in @high. How many got it, or -KVM_EINVAL.
 */
long lapic_send_many(struct vcpu *vcpu, u64 low, u64 high, u32 first, u32 icr,
		     unsigned int width);

/* ---- TPR in guest memory (irqchip/vapic.c) ---- */

/*
 * Do accesses to TPR in the xAPIC page exit? Only then can user space hear of
 * them. @vm: NULL for VMs to come.
 */
bool vapic_useful(struct vm *vm);
int vapic_report_tpr(struct vcpu *vcpu, const struct kvm_tpr_access_ctl *ctl);
/* The guest's instruction has read or written it */
void vapic_tpr_accessed(struct vcpu *vcpu, bool write);
int vapic_tpr_exit(struct vcpu *vcpu);		/* REQ_TPR_ACCESS: RUN_EXIT_USER */

/* vm->srcu held. 0, -EINVAL */
int vapic_set_addr(struct vcpu *vcpu, gpa_t addr);
/* Where there is an address: after an exit, before an entry */
void vapic_from_guest(struct vcpu *vcpu);
void vapic_to_guest(struct vcpu *vcpu);

/**
 * lapic_highest_irr() - the highest interrupt that is pending
 * @vcpu: the vCPU, in whose mutex the caller is; what was posted is collected
 *
 * Return: the vector, whatever TPR and the ISR hold back; -1 without one, without
 * a LAPIC, and where software has disabled it.
 */
int lapic_highest_irr(struct vcpu *vcpu);
u64 lapic_get_tpr(struct vcpu *vcpu);		/* CR8 view: bits 3:0 */
void lapic_set_tpr(struct vcpu *vcpu, u64 cr8);

/* IA32_APIC_BASE write: 0, or 1 for #GP */
int lapic_set_base(struct vcpu *vcpu, u64 value, bool host);
/* x2APIC MSRs 0x800..0x8ff: 0, or 1 for #GP */
int lapic_read_msr(struct vcpu *vcpu, u32 index, u64 *value);
int lapic_write_msr(struct vcpu *vcpu, u32 index, u64 value);
/* The same with interrupts off. False: nothing done, #GP or not for this place */
bool lapic_write_msr_fast(struct vcpu *vcpu, u32 index, u64 value);

static inline bool lapic_is_msr(u32 index)
{
	return index >> 8 == 0x8;
}

u64 lapic_get_tsc_deadline(struct vcpu *vcpu);
/* Interrupts may be off */
void lapic_set_tsc_deadline(struct vcpu *vcpu, u64 value);

/*
 * The xAPIC page: true when the access was inside it and is done. @gpa is any
 * guest-physical address; @len 1 to 8.
 */
bool lapic_mmio_read(struct vcpu *vcpu, gpa_t gpa, unsigned int len, void *data);
bool lapic_mmio_write(struct vcpu *vcpu, gpa_t gpa, unsigned int len,
		      const void *data);

/* REQ_TIMER: the timer's expiry becomes an interrupt */
void lapic_timer_fired(struct vcpu *vcpu);

/*
 * lapic_set_timer() - have the vCPU call lapic_timer_expired() in time
 * @vcpu: the vCPU, loaded
 * @at: value of the host's TSC; 0: no more
 *
 * vmx/ puts in its own where the CPU has a timer for it, which counts while the
 * vCPU is in the guest. Return: false where it has not. Never for 0.
 */
extern bool (*lapic_set_timer)(struct vcpu *vcpu, u64 at);
/* Has it expired? Then the interrupt is pending; REQ_EVENT. Interrupts may be off. */
void lapic_timer_expired(struct vcpu *vcpu);
/* The host's TSC at the TSC deadline; 0: there is none */
u64 lapic_deadline(struct vcpu *vcpu);
/*
 * The vCPU is about to sleep: an hrtimer has to count the deadline, and expire
 * @early ticks of the host's TSC before. Return: the host's TSC then, or 0.
 */
u64 lapic_timer_block(struct vcpu *vcpu, u64 early);
/* The caller waits for the deadline itself, and nothing counts it until ... */
void lapic_timer_hold(struct vcpu *vcpu);
/* ... this: it has come, and the interrupt is pending, or is counted again */
void lapic_timer_unhold(struct vcpu *vcpu);
/* The vCPU thread moved: move its timers to this CPU */
void lapic_migrate_timers(struct vcpu *vcpu);
/* Guest TSC offset or frequency changed: recompute a pending deadline */
void lapic_tsc_changed(struct vcpu *vcpu);

/* ---- hardware assists (lapic_virt.c) -------------------------------------- */

/* The register page in the layout of a virtual-APIC page (SDM 3C 30.1.1) */
void *lapic_page(struct vcpu *vcpu);
/* The posted-interrupt descriptor, alone in its page; NULL where there is none */
void *lapic_posted(struct vcpu *vcpu);
/* The word of it that is not 0 while something waits there */
unsigned long *lapic_posted_on(struct vcpu *vcpu);

enum lapic_access {
	LAPIC_NONE,		/* off, or its page is not where it usually is */
	LAPIC_XAPIC,
	LAPIC_X2APIC,
};

/* How the guest reaches its registers now */
enum lapic_access lapic_access(struct vcpu *vcpu);

/*
 * Can the CPU deliver the LAPIC's interrupts, by @deliver's leave? Before an
 * entry's events are chosen. From here to lapic_entry(), and in the guest where
 * the answer is true, the IRR of the page has all that had been posted.
 */
bool lapic_choose_delivery(struct vcpu *vcpu, bool deliver);

/* What the CPU is to be told before it enters */
struct lapic_entry {
	u8 rvi, svi;		/* with delivery by the CPU (SDM 3C 25.4.2) */
	u8 threshold;		/* without (SDM 3C 25.6.8) */
	bool eoi_exits_changed;
	const unsigned long *eoi_exits;	/* bitmap of 256 vectors */
};

/**
 * lapic_entry() - what the CPU has to know of the LAPIC before an entry
 * @vcpu: the vCPU, loaded, with a LAPIC
 * @e: filled in; of what is for delivery by the CPU only where it can deliver
 */
void lapic_entry(struct vcpu *vcpu, struct lapic_entry *e);

/* An EOI-induced exit (SDM 3C 30.1.4): @vector is out of the ISR already */
void lapic_eoi_exit(struct vcpu *vcpu, u8 vector);
/*
 * An APIC-write exit (SDM 3C 30.4.3.3): what was written to @off is in the page.
 * With interrupts off for APIC_ICR and APIC_EOI alone.
 */
void lapic_apic_write(struct vcpu *vcpu, unsigned int off);
/* vcpu->arch.mcg_cap changed: so may the version register */
void lapic_version_changed(struct vcpu *vcpu);

static inline u32 lapic_assists(const struct vcpu *vcpu)
{
	return vcpu->lapic ? vcpu->vm->irq.assists : 0;
}

/* KVM_GET_LAPIC, KVM_SET_LAPIC; loaded. 0, or -EINVAL for another id */
void lapic_get_state(struct vcpu *vcpu, struct kvm_lapic_state *s);
int lapic_set_state(struct vcpu *vcpu, const struct kvm_lapic_state *s);

#endif
