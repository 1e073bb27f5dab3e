// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC as a whole: life, interrupts in, INIT and SIPI, IA32_APIC_BASE,
 * and its state for user space. SDM 3A chapter 11. Interrupts out: lapic_out.c.
 * Rules L1 to L5: lapic.h.
 */
#include <linux/slab.h>
#include "x86/x86.h"
#include "lapic.h"
#include "trace.h"

#define LVT0_EXTINT	(MODE_EXTINT << 8)

/* ---- interrupts in --------------------------------------------------------- */

void lapic_notify(struct lapic *l)
{
	smp_wmb();	/* L3: the cause before the flag */
	WRITE_ONCE(l->head.changed, true);
	vcpu_request(l->vcpu, REQ_EVENT);
	vcpu_kick(l->vcpu);
}

/* The CPU is to say when TPR falls below what an interrupt waits for */
u8 lapic_threshold(struct lapic *l)
{
	int irr;

	if (!(l->assists & IRQ_ASSIST_TPR) || !lapic_sw_enabled(l))
		return 0;
	irr = lapic_highest(l, APIC_IRR);
	if (irr < 0 || irr >> 4 > lapic_reg(l, APIC_TASKPRI) >> 4)
		return 0;
	return irr >> 4;
}

void lapic_reeval(struct lapic *l)
{
	WRITE_ONCE(l->head.changed, true);
	if (l->virt || irqchip_pending(l->vcpu) >= 0 ||
	    lapic_threshold(l) != l->threshold)
		vcpu_request(l->vcpu, REQ_EVENT);
}

/* @own: by the vCPU's thread, which looks before it enters the guest */
static __always_inline int accept(struct lapic *l, u8 vector, bool level, bool own)
{
	if (!lapic_sw_enabled(l))
		return -1;
	if (vector < 16) {
		lapic_error(l, APIC_ESR_RECVILL);
		return -1;
	}
	/* TMR says at EOI whether a broadcast is due; it comes first */
	if (level != lapic_test_vec(l, APIC_TMR, vector)) {
		if (level)
			set_bit(vector & 31, lapic_vec_word(l, APIC_TMR, vector));
		else
			clear_bit(vector & 31, lapic_vec_word(l, APIC_TMR, vector));
	}
	if (l->virt)
		return lapic_post(l, vector);
	/* whoever set it has told the vCPU */
	if (test_and_set_bit(vector & 31, lapic_vec_word(l, APIC_IRR, vector)))
		return 0;
	if (own) {
		WRITE_ONCE(l->head.changed, true);
		vcpu_request(l->vcpu, REQ_EVENT);
	} else {
		lapic_notify(l);
	}
	return 1;
}

int lapic_accept_vector(struct lapic *l, u8 vector, bool level)
{
	return accept(l, vector, level, false);
}

void lapic_timer_deliver(struct lapic *l)
{
	u32 val = lapic_reg(l, APIC_LVTT);

	if (!(val & APIC_LVT_MASKED))
		accept(l, val & APIC_VECTOR_MASK, false, true);
}

int lapic_local_deliver(struct lapic *l, unsigned int lvt)
{
	u32 val = lapic_reg(l, lvt);

	if (!lapic_hw_enabled(l) || val & APIC_LVT_MASKED)
		return -1;
	switch (lvt == APIC_LVTT || lvt == APIC_LVTERR ? MODE_FIXED :
		GET_APIC_DELIVERY_MODE(val)) {
	case MODE_FIXED:
		/* LINT0 alone may be level, and has nobody to tell of an EOI */
		return lapic_accept_vector(l, val & APIC_VECTOR_MASK, false);
	case MODE_SMI:
		x86_smi(l->vcpu);
		return 1;
	case MODE_NMI:
		x86_nmi(l->vcpu);
		return 1;
	case MODE_INIT:
		set_bit(LAPIC_INIT, &l->head.events);
		lapic_notify(l);
		return 1;
	case MODE_EXTINT:
		WRITE_ONCE(l->extint, true);
		lapic_notify(l);
		return 1;
	}
	return -1;
}

void lapic_cmci(struct vcpu *vcpu)
{
	lapic_local_deliver(vcpu->lapic, APIC_LVTCMCI);
}

/* The register comes and goes with MCG_CMCI_P; masked at first */
void lapic_reset_cmci(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	lapic_set_reg(l, APIC_LVTCMCI, APIC_LVT_MASKED &
		      lapic_lvt_mask(l, APIC_LVTCMCI));
}

void lapic_error(struct lapic *l, u32 bit)
{
	u32 lvt = lapic_reg(l, APIC_LVTERR);

	if (atomic_fetch_or(bit, &l->esr) & bit)
		return;
	/* an error interrupt with a bad vector would be an error again */
	if ((lvt & APIC_VECTOR_MASK) >= 16)
		lapic_local_deliver(l, APIC_LVTERR);
}

bool lapic_accepts_pic(const struct lapic *l)
{
	u32 lvt = lapic_reg(l, APIC_LVT0);

	/* without its LAPIC a CPU has a plain INTR pin; it is the boot CPU's */
	if (!lapic_hw_enabled(l))
		return l->vcpu->id == l->chip->vm->arch.bsp_vcpu_id;
	return !(lvt & APIC_LVT_MASKED) &&
	       GET_APIC_DELIVERY_MODE(lvt) == MODE_EXTINT;
}

/* ---- what others ask ------------------------------------------------------- */

int lapic_highest_irr(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (!l)
		return -1;
	lapic_collect_posted(l);
	return lapic_sw_enabled(l) ? lapic_highest(l, APIC_IRR) : -1;
}

u64 lapic_get_tpr(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_reg(vcpu->lapic, APIC_TASKPRI) >> 4 : 0;
}

void lapic_set_tpr(struct vcpu *vcpu, u64 cr8)
{
	if (vcpu->lapic)
		lapic_write_tpr(vcpu->lapic, (cr8 & 0xf) << 4);
}

/* ---- INIT and SIPI --------------------------------------------------------- */

bool lapic_init_sipi_slow(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	unsigned long events = READ_ONCE(l->head.events);

	/* SDM 3C 32.3: INIT waits for RSM */
	if (unlikely(vcpu->arch.smm))
		return false;
	if (events & BIT(LAPIC_INIT) ||
	    vcpu->arch.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return true;
	/* nobody waits for this SIPI; an INIT that arrives now changes events */
	cmpxchg(&l->head.events, BIT(LAPIC_SIPI), 0);
	return false;
}

bool lapic_init_latched(struct vcpu *vcpu)
{
	unsigned long events = vcpu->lapic ?
			       READ_ONCE(vcpu->lapic->head.events) : 0;

	/* where a SIPI has come, too, KVM_GET_MP_STATE tells what becomes of both */
	return events & BIT(LAPIC_INIT) &&
	       (vcpu->arch.smm || !(events & BIT(LAPIC_SIPI)));
}

void lapic_latch_init(struct vcpu *vcpu, bool init)
{
	if (vcpu->lapic)
		assign_bit(LAPIC_INIT, &vcpu->lapic->head.events, init);
}

void lapic_set_sipi_vector(struct vcpu *vcpu, u8 vector)
{
	if (vcpu->lapic)
		WRITE_ONCE(vcpu->lapic->sipi_vector, vector);
}

void lapic_latch_sipi(struct vcpu *vcpu)
{
	set_bit(LAPIC_SIPI, &vcpu->lapic->head.events);
}

void lapic_accept_init_sipi(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (!l)
		return;
	if (test_and_clear_bit(LAPIC_INIT, &l->head.events)) {
		x86_vcpu_reset(vcpu, true);
		/* SDM 3A 9.4.1: the boot CPU runs from the reset vector */
		if (vcpu->id == vcpu->vm->arch.bsp_vcpu_id)
			vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
		else
			vcpu->arch.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	}
	if (test_and_clear_bit(LAPIC_SIPI, &l->head.events) &&
	    vcpu->arch.mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		smp_rmb();	/* pairs with the sender of the SIPI */
		x86_deliver_sipi(vcpu, READ_ONCE(l->sipi_vector));
		vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
	}
}

/* ---- reset, IA32_APIC_BASE ------------------------------------------------- */

/* SDM 3A 11.12.10.1: the logical id follows from the id */
static void set_x2apic_ids(struct lapic *l)
{
	u32 id = l->vcpu->id;

	lapic_set_reg(l, APIC_ID, id);
	lapic_set_reg(l, APIC_LDR, id >> 4 << 16 | 1U << (id & 0xf));
}

/* SDM 3A 11.4.7.1; an INIT keeps the id (11.4.7.3) */
static void reset_regs(struct lapic *l, bool init)
{
	struct vm *vm = l->vcpu->vm;
	u32 id = lapic_reg(l, APIC_ID);
	unsigned int off;

	lapic_timer_stop(l);
	memset(l->regs, 0, KVM_APIC_REG_SIZE);
	lapic_set_reg(l, APIC_ID, init ? id : l->vcpu->id << 24);
	lapic_set_reg(l, APIC_LVR, lapic_version(l));
	lapic_set_reg(l, APIC_DFR, APIC_DFR_FLAT);
	lapic_set_reg(l, APIC_SPIV, 0xff);
	for (off = APIC_LVTT; off <= APIC_LVTERR; off += 0x10)
		lapic_set_reg(l, off, APIC_LVT_MASKED);
	lapic_set_reg(l, APIC_LVTCMCI, APIC_LVT_MASKED &
		      lapic_lvt_mask(l, APIC_LVTCMCI));
	/* firmware's virtual wire mode, for guests that start without firmware */
	if (l->vcpu->id == vm->arch.bsp_vcpu_id &&
	    !(vm->arch.disabled_quirks & KVM_X86_QUIRK_LINT0_REENABLED))
		lapic_set_reg(l, APIC_LVT0, LVT0_EXTINT);
	lapic_timer_set_mode(l);
	lapic_timer_set_divide(l, 0);
	atomic_set(&l->esr, 0);
	l->isrv = -1;
	l->nr_isr = 0;
	l->sw_on = false;
	lapic_virt_reset(l);
	WRITE_ONCE(l->extint, false);
	WRITE_ONCE(l->head.changed, true);
	if (l->vcpu->arch.pv_eoi == PV_EOI_OFFERED)
		l->vcpu->arch.pv_eoi = PV_EOI_STALE;
	if (lapic_x2apic(l))
		set_x2apic_ids(l);
}

void lapic_reset(struct vcpu *vcpu, bool init)
{
	struct lapic *l = vcpu->lapic;

	if (!init) {
		vcpu->arch.apic_base = APIC_DEFAULT_PHYS_BASE |
				       MSR_IA32_APICBASE_ENABLE;
		if (vcpu->id == vcpu->vm->arch.bsp_vcpu_id)
			vcpu->arch.apic_base |= MSR_IA32_APICBASE_BSP;
	}
	if (!l)
		return;
	reset_regs(l, init);
	lapic_map_rebuild(l->chip);
	vcpu_request(vcpu, REQ_EVENT);
}

int lapic_set_base(struct vcpu *vcpu, u64 value, bool host)
{
	const u64 en = MSR_IA32_APICBASE_ENABLE, ext = X2APIC_ENABLE;
	u64 old = vcpu->arch.apic_base;
	struct lapic *l = vcpu->lapic;
	u64 reserved;

	/* SDM 3A 11.4.4 and 11.12.1 */
	reserved = vcpu->arch.gpa_reserved | 0x2ff;
	if (!x86_gcap(vcpu, GCAP_X2APIC))
		reserved |= ext;
	if (value & reserved)
		return 1;
	/* SDM 3A 11.12.5: this state does not exist, and these steps do not */
	if ((value & (en | ext)) == ext)
		return 1;
	if (!host) {
		if ((old & (en | ext)) == (en | ext) &&
		    (value & (en | ext)) == en)
			return 1;
		if (!(old & en) && (value & (en | ext)) == (en | ext))
			return 1;
	}

	WRITE_ONCE(vcpu->arch.apic_base, value);
	if (!l)
		return 0;
	lapic_base_changed(l);
	if (!((old ^ value) & (en | ext)))
		return 0;
	if (!(value & en) || !(old & en))
		reset_regs(l, false);
	else if (value & ext)
		set_x2apic_ids(l);
	else	/* user space, back from x2APIC mode */
		lapic_set_reg(l, APIC_ID, vcpu->id << 24);
	lapic_map_rebuild(l->chip);
	lapic_reeval(l);
	/* the assists depend on the mode */
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* ---- user space's view ----------------------------------------------------- */

static u32 *state_reg(void *regs, unsigned int off)
{
	return regs + off;
}

void lapic_get_state(struct vcpu *vcpu, struct kvm_lapic_state *s)
{
	struct lapic *l = vcpu->lapic;

	lapic_timer_fired(vcpu);
	lapic_sync_pv_eoi(vcpu);
	lapic_collect_posted(l);
	lapic_update_ppr(l);
	memcpy(s->regs, l->regs, sizeof(s->regs));
	*state_reg(s->regs, APIC_LVR) = lapic_version(l);
	*state_reg(s->regs, APIC_TMCCT) = lapic_timer_count(l);
	if (!lapic_x2apic(l))
		return;
	/* the state has ICR in two registers, and ids of 8 bits by default */
	*state_reg(s->regs, APIC_ICR2) = lapic_reg(l, APIC_ICR + 4);
	*state_reg(s->regs, APIC_ICR + 4) = 0;
	if (!vcpu->vm->irq.x2apic_format)
		*state_reg(s->regs, APIC_ID) = vcpu->id << 24;
}

static void count_isr(struct lapic *l)
{
	unsigned int off;

	l->isrv = lapic_highest(l, APIC_ISR);
	l->nr_isr = 0;
	for (off = APIC_ISR; off < APIC_ISR + 0x80; off += 0x10)
		l->nr_isr += hweight32(lapic_reg(l, off));
}

int lapic_set_state(struct vcpu *vcpu, const struct kvm_lapic_state *s)
{
	struct lapic *l = vcpu->lapic;
	const void *from = s->regs;
	unsigned int off;
	u64 deadline = l->timer.deadline;
	u32 count, id;

	id = *(u32 *)(from + APIC_ID);
	/* one of 8 bits is no more than looked at (api.rst 4.57) */
	if (lapic_x2apic(l) && vcpu->vm->irq.x2apic_format && id != vcpu->id)
		return -EINVAL;

	if (vcpu->arch.pv_eoi == PV_EOI_OFFERED)
		vcpu->arch.pv_eoi = PV_EOI_STALE;
	lapic_timer_stop(l);
	memcpy(l->regs, from, KVM_APIC_REG_SIZE);
	lapic_set_reg(l, APIC_LVR, lapic_version(l));
	lapic_set_reg(l, APIC_TASKPRI, lapic_reg(l, APIC_TASKPRI) & 0xff);
	lapic_set_reg(l, APIC_SPIV, lapic_reg(l, APIC_SPIV) &
		      (APIC_SPIV_APIC_ENABLED | APIC_VECTOR_MASK));
	for (off = APIC_LVTT; off <= APIC_LVTERR; off += 0x10)
		lapic_set_reg(l, off, lapic_reg(l, off) & lapic_lvt_mask(l, off));
	lapic_set_reg(l, APIC_LVTCMCI, lapic_reg(l, APIC_LVTCMCI) &
		      lapic_lvt_mask(l, APIC_LVTCMCI));
	lapic_set_reg(l, APIC_ICR, lapic_reg(l, APIC_ICR) & ~APIC_ICR_BUSY);
	if (lapic_x2apic(l)) {
		lapic_set_reg(l, APIC_ICR + 4, lapic_reg(l, APIC_ICR2));
		lapic_set_reg(l, APIC_ICR2, 0);
		set_x2apic_ids(l);
	} else {
		lapic_set_reg(l, APIC_ID, id & 0xff000000);
		lapic_set_reg(l, APIC_LDR, lapic_reg(l, APIC_LDR) & APIC_LDR_MASK);
		lapic_set_reg(l, APIC_DFR, lapic_reg(l, APIC_DFR) | 0x0fffffff);
	}
	atomic_set(&l->esr, 0);
	count_isr(l);
	l->sw_on = lapic_reg(l, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
	lapic_timer_set_mode(l);
	lapic_virt_reset(l);
	lapic_map_rebuild(l->chip);

	count = lapic_reg(l, APIC_TMCCT);
	lapic_set_reg(l, APIC_TMCCT, 0);
	lapic_timer_set_divide(l, lapic_reg(l, APIC_TDCR));
	/* a one-shot timer that had run out stays so */
	if (count || lapic_timer_mode(l) == APIC_LVT_TIMER_PERIODIC)
		lapic_timer_start(l, count ?: lapic_reg(l, APIC_TMICT));
	/* an MSR of its own, which user space may have set before */
	lapic_set_tsc_deadline(vcpu, deadline);
	WRITE_ONCE(l->head.changed, true);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* ---- life ------------------------------------------------------------------ */

int lapic_create(struct vcpu *vcpu)
{
	struct irqchip *chip = vcpu->vm->irqchip;
	struct lapic *l;

	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	l->regs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!l->regs) {
		kfree(l);
		return -ENOMEM;
	}
	l->vcpu = vcpu;
	l->chip = chip;
	if (lapic_virt_create(l)) {
		free_page((unsigned long)l->regs);
		kfree(l);
		return -ENOMEM;
	}
	refcount_inc(&chip->refs);
	l->head.vector = -1;
	l->head.changed = true;
	l->head.by_guest = l->assists;
	l->isrv = -1;
	lapic_timer_init(l);
	vcpu->lapic = l;
	lapic_reset(vcpu, false);

	mutex_lock(&chip->lock);
	list_add_tail_rcu(&l->link, &chip->lapics);
	mutex_unlock(&chip->lock);
	lapic_map_rebuild(chip);
	/* the PIT may have stopped before there was a vCPU to ask */
	vcpu_request(vcpu, REQ_PIT);
	return 0;
}

void lapic_destroy(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	struct irqchip *chip;

	if (!l)
		return;
	chip = l->chip;
	if (!refcount_read(&vcpu->vm->refs)) {
		/* the whole VM goes: one grace period for all of them */
		irqchip_stop(chip);
	} else {
		/* creation failed half-way: others may have seen it */
		mutex_lock(&chip->lock);
		list_del_rcu(&l->link);
		mutex_unlock(&chip->lock);
		if (lapic_map_rebuild(chip))
			pr_warn_once("no memory for a destination map\n");
		synchronize_rcu();
	}
	hrtimer_cancel(&l->timer.timer);
	vcpu->lapic = NULL;
	lapic_virt_destroy(l);
	free_page((unsigned long)l->regs);
	kfree(l);
	irqchip_put(chip);
}
