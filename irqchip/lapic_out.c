// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC: which interrupt is delivered next, and its end. SDM 3A 11.8.
 * Rules L1 to L5: lapic.h.
 */
#include "x86/x86.h"
#include "lapic.h"
#include "trace.h"

/* With @isr in service, or -1 */
static u32 priority(const struct lapic *l, int isr)
{
	u32 tpr = lapic_reg(l, APIC_TASKPRI);

	return isr >= 0 && isr >> 4 > tpr >> 4 ? isr & 0xf0 : tpr;
}

u32 lapic_priority(const struct lapic *l)
{
	return priority(l, lapic_in_service(l));
}

/* PPR (SDM 3A 11.8.3.1), kept in its register */
void lapic_update_ppr(struct lapic *l)
{
	lapic_set_reg(l, APIC_PROCPRI, lapic_priority(l));
}

static int pending_vector(struct lapic *l)
{
	int irr = lapic_highest(l, APIC_IRR), isr;
	struct lapic_virt *v = l->virt;
	u32 ppr;

	/* where the CPU delivers it keeps PPR as well */
	if (irr < 0 && v && v->by_cpu)
		return -1;
	isr = lapic_in_service(l);
	if (v) {
		v->irr = irr;
		v->isr = isr;
		l->vcpu->apic_seen = true;
	}
	ppr = priority(l, isr);
	lapic_set_reg(l, APIC_PROCPRI, ppr);
	if (!lapic_sw_enabled(l))
		return -1;
	return irr >= 0 && (u32)irr >> 4 > ppr >> 4 ? irr : -1;
}

static int pic_vector(struct lapic *l)
{
	int vector = l->chip->vm->irq.split ? l->vcpu->arch.ev.user_irq :
					      READ_ONCE(l->chip->pic.offer);

	if (vector < 0)
		return -1;
	return READ_ONCE(l->extint) || lapic_accepts_pic(l) ? vector : -1;
}

int irqchip_pending_slow(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	int vector;

	WRITE_ONCE(l->head.changed, false);
	smp_mb();	/* L3: what is set after this look sets the flag again */
	if (lapic_timer_due(l))
		lapic_timer_fired(vcpu);
	if (lapic_any_posted(l))
		lapic_collect_posted(l);

	vector = pic_vector(l);
	if (vector < 0)
		vector = pending_vector(l);
	l->head.vector = vector;
	return vector;
}

int lapic_pending_by_hand_slow(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (likely(l->virt && l->virt->by_cpu))
		return pic_vector(l);
	return irqchip_pending(vcpu);
}

/* From IRR to ISR; it is above PPR, so above all that is in service */
static __always_inline void serve(struct lapic *l, unsigned int vector)
{
	/* words of either are 16 bytes apart */
	void *word = l->regs + (vector >> 5) * 0x10;

	clear_bit(vector & 31, word + APIC_IRR);
	__set_bit(vector & 31, word + APIC_ISR);
	l->isrv = vector;
	l->nr_isr++;
}

/* PPR then, and nothing is above it until something changes */
static __always_inline void serve_highest(struct lapic *l, unsigned int vector)
{
	l->head.vector = -1;
	lapic_set_reg(l, APIC_PROCPRI, vector & 0xf0);
	serve(l, vector);
}

int irqchip_ack(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	int vector;

	if (!l)
		return -1;
	if (pic_vector(l) >= 0) {
		/* its EOI may be automatic */
		if (irqchip_eoi_sleeps(vcpu) && irqs_disabled()) {
			vcpu_request(vcpu, REQ_EVENT);
			return -1;
		}
		WRITE_ONCE(l->head.changed, true);
		WRITE_ONCE(l->extint, false);
		if (!l->chip->vm->irq.split)
			return pic_ack(l->chip);
		vector = vcpu->arch.ev.user_irq;
		vcpu->arch.ev.user_irq = -1;
		return vector;
	}
	vector = l->head.vector;
	if (READ_ONCE(l->head.changed) || l->head.by_guest || vector < 0 ||
	    !lapic_test_vec(l, APIC_IRR, vector)) {
		WRITE_ONCE(l->head.changed, true);
		vector = pending_vector(l);
		if (vector < 0)
			return -1;
		serve(l, vector);
	} else {
		serve_highest(l, vector);
	}
	vcpu->apic_seen = false;
	return vector;
}

int irqchip_take(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	int vector;

	if (unlikely(!READ_ONCE(l->head.changed)))
		goto known;
	WRITE_ONCE(l->head.changed, false);
	smp_mb();	/* L3, as irqchip_pending_slow() */
	if (unlikely(lapic_timer_due(l)))
		lapic_timer_fired(vcpu);
	vector = lapic_highest(l, APIC_IRR);
	if (likely(vector >= 0 && pic_vector(l) < 0 && lapic_sw_enabled(l) &&
		   (u32)vector >> 4 > priority(l, l->isrv) >> 4)) {
		serve_highest(l, vector);
		return vector;
	}
	WRITE_ONCE(l->head.changed, true);
known:
	return irqchip_pending(vcpu) < 0 ? -1 : irqchip_ack(vcpu);
}

void lapic_tell_eoi(struct lapic *l, u8 vector)
{
	if (unlikely(l->chip->vm->irq.split))
		lapic_eoi_to_user(l, vector);
	else
		ioapic_eoi(l->chip, vector);
}

void lapic_eoi(struct lapic *l)
{
	int vector = lapic_in_service(l);

	trace_kvm_eoi(l->vcpu->id, vector);
	/* a real one: what the bit says means nothing any more */
	if (unlikely(l->vcpu->arch.pv_eoi == PV_EOI_OFFERED))
		l->vcpu->arch.pv_eoi = PV_EOI_STALE;
	if (vector < 0)
		return;
	l->vcpu->apic_seen = false;
	__clear_bit(vector & 31, lapic_vec_word(l, APIC_ISR, vector));
	l->isrv = --l->nr_isr ? lapic_highest(l, APIC_ISR) : -1;
	if (lapic_eoi_is_seen(l, vector))
		lapic_tell_eoi(l, vector);
	/* whoever puts something there from now on tells the vCPU */
	if (!l->virt && lapic_highest(l, APIC_IRR) < 0)
		lapic_update_ppr(l);
	else
		lapic_reeval(l);
}
