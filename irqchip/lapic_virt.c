// SPDX-License-Identifier: GPL-2.0-only
/*
 * A LAPIC that the CPU does part of the work of: SDM 3C chapter 30. What is
 * where and whose it is: Documentation/interrupts.rst.
 *
 *  A1. With delivery by the CPU an interrupt comes as a bit of posted->pir, then
 *      posted->on, then a notification; the vCPU's thread, or its CPU where it
 *      has posted interrupts, moves it to the IRR after it has cleared on.
 *  A2. The EOI of a vector exits where its bit in eoi_exits is set. A vector
 *      whose EOI somebody wants to hear of and whose bit is not set is not
 *      posted: it waits in trapped until the vCPU's thread has set the bit.
 *  A3. The xAPIC page is mapped only while every LAPIC of the VM answers at its
 *      usual address: a vCPU never enters the guest with the page mapped and
 *      "virtualize APIC accesses" off.
 *  A4. irr and isr are what the page has, while vcpu->apic_seen. An entry ends
 *      that, and whoever changes IRR or ISR outside the guest.
 */
#include <linux/slab.h>
#include "x86/x86.h"
#include "lapic.h"
#include "trace.h"

int lapic_virt_create(struct lapic *l)
{
	struct lapic_virt *v;

	l->assists = l->chip->vm->irq.assists;
	if (!(l->assists & IRQ_ASSIST_DELIVERY))
		return 0;
	v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	if (!v)
		return -ENOMEM;
	/* 64 bytes would do for the manual, not for every implementation */
	v->posted = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!v->posted) {
		kfree(v);
		return -ENOMEM;
	}
	l->virt = v;
	return 0;
}

void lapic_virt_destroy(struct lapic *l)
{
	if (!l->virt)
		return;
	free_page((unsigned long)l->virt->posted);
	kfree(l->virt);
}

/* ---- interrupts in --------------------------------------------------------- */

int lapic_post(struct lapic *l, u8 vector)
{
	struct lapic_virt *v = l->virt;
	int ret;

	/* TMR, which decides, is set before this and before any EOI (A2) */
	if (lapic_eoi_is_seen(l, vector) && !test_bit(vector, v->eoi_exits)) {
		if (test_and_set_bit(vector, v->trapped))
			return 0;
		/* pairs with lapic_collect_posted() */
		smp_store_release(&v->any_trapped, true);
		lapic_notify(l);
		return 1;
	}
	if (test_and_set_bit(vector, v->posted->pir))
		return 0;
	ret = !lapic_test_vec(l, APIC_IRR, vector);
	/* who sets it notifies for all that come before it is cleared */
	if (!test_and_set_bit(0, &v->posted->on) &&
	    !irqchip_assist->notify(l->vcpu))
		lapic_notify(l);
	return ret;
}

static void add_to_irr(struct lapic *l, unsigned int word, u64 bits)
{
	unsigned int at = APIC_IRR + word * 0x20;

	if ((u32)bits)
		lapic_set_reg(l, at, lapic_reg(l, at) | (u32)bits);
	if (bits >> 32)
		lapic_set_reg(l, at + 0x10, lapic_reg(l, at + 0x10) | bits >> 32);
}

void lapic_collect_posted(struct lapic *l)
{
	struct lapic_virt *v = l->virt;
	unsigned long bits;
	unsigned int i;

	if (!v)
		return;
	l->vcpu->apic_seen = false;
	if (READ_ONCE(v->posted->on)) {
		clear_bit(0, &v->posted->on);
		smp_mb__after_atomic();	/* A1: before the bits are read */
		for (i = 0; i < ARRAY_SIZE(v->posted->pir); i++)
			if (READ_ONCE(v->posted->pir[i]))
				add_to_irr(l, i, xchg(&v->posted->pir[i], 0));
	}
	if (unlikely(READ_ONCE(v->any_trapped))) {
		WRITE_ONCE(v->any_trapped, false);
		smp_mb();	/* pairs with the release in lapic_post() */
		for (i = 0; i < ARRAY_SIZE(v->trapped); i++) {
			bits = xchg(&v->trapped[i], 0);
			WRITE_ONCE(v->eoi_exits[i], v->eoi_exits[i] | bits);
			add_to_irr(l, i, bits);
		}
		v->eoi_exits_changed = true;
	}
}

void lapic_virt_reset(struct lapic *l)
{
	struct lapic_virt *v = l->virt;
	unsigned int i;

	if (!v)
		return;
	l->vcpu->apic_seen = false;
	clear_bit(0, &v->posted->on);
	v->any_trapped = false;
	smp_mb();	/* as lapic_collect_posted() */
	for (i = 0; i < ARRAY_SIZE(v->trapped); i++) {
		xchg(&v->posted->pir[i], 0);
		xchg(&v->trapped[i], 0);
	}
	/* of what is pending and in service; vectors that come later come by A2 */
	for (i = 0; i < 256; i++)
		__assign_bit(i, v->eoi_exits, lapic_eoi_is_seen(l, i));
	v->eoi_exits_changed = true;
}

/* ---- before an entry --------------------------------------------------------- */

bool lapic_choose_delivery(struct vcpu *vcpu, bool deliver)
{
	struct lapic *l = vcpu->lapic;

	if (!l || !l->virt)
		return false;
	if (lapic_timer_due(l))
		lapic_timer_fired(vcpu);
	if (lapic_any_posted(l))
		lapic_collect_posted(l);
	l->virt->by_cpu = deliver && lapic_sw_enabled(l);
	return l->virt->by_cpu;
}

void lapic_entry(struct vcpu *vcpu, struct lapic_entry *e)
{
	struct lapic *l = vcpu->lapic;
	struct lapic_virt *v = l->virt;
	int irr, isr;

	e->threshold = v && v->by_cpu ? 0 : lapic_threshold(l);
	l->threshold = e->threshold;
	if (!v)
		return;
	if (vcpu->apic_seen) {
		irr = v->irr;
		isr = v->isr;
	} else {
		irr = lapic_highest(l, APIC_IRR);
		isr = lapic_highest(l, APIC_ISR);
	}
	e->rvi = max(irr, 0);
	e->svi = max(isr, 0);
	e->eoi_exits = v->eoi_exits;
	e->eoi_exits_changed = v->eoi_exits_changed;
	v->eoi_exits_changed = false;
}

/* ---- exits ------------------------------------------------------------------- */

void lapic_eoi_exit(struct vcpu *vcpu, u8 vector)
{
	struct lapic *l = vcpu->lapic;
	struct lapic_virt *v = l->virt;

	trace_kvm_eoi(vcpu->id, vector);
	if (likely(lapic_eoi_is_seen(l, vector))) {
		lapic_tell_eoi(l, vector);
		return;
	}
	/* nobody wants to know any more, as it seems; A2 against lapic_post() */
	clear_bit(vector, v->eoi_exits);
	smp_mb__after_atomic();	/* either side sees what the other did */
	if (lapic_eoi_is_seen(l, vector))
		set_bit(vector, v->eoi_exits);
	v->eoi_exits_changed = true;
	vcpu_request(vcpu, REQ_EVENT);
}

void lapic_apic_write(struct vcpu *vcpu, unsigned int off)
{
	struct lapic *l = vcpu->lapic;
	u32 val = lapic_reg(l, off);

	trace_kvm_apic_write(off, val);
	if (off == APIC_SELF_IPI)
		lapic_send_ipi(l, APIC_DEST_SELF | (val & APIC_VECTOR_MASK), 0);
	else
		lapic_write_reg(l, off, val);
}

/* ---- what vmx/ asks ------------------------------------------------------------ */

void *lapic_page(struct vcpu *vcpu)
{
	return vcpu->lapic ? vcpu->lapic->regs : NULL;
}

void *lapic_posted(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	return l && l->virt ? l->virt->posted : NULL;
}

unsigned long *lapic_posted_on(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	return l && l->virt ? &l->virt->posted->on : NULL;
}

void lapic_version_changed(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (l)
		lapic_set_reg(l, APIC_LVR, lapic_version(l));
}

enum lapic_access lapic_access(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (lapic_x2apic(l))
		return LAPIC_X2APIC;
	return l->odd ? LAPIC_NONE : LAPIC_XAPIC;
}

/* ---- the xAPIC page (A3) -------------------------------------------------------- */

static bool is_odd(const struct lapic *l)
{
	u64 base = lapic_base(l);

	return base >> PAGE_SHIFT != APIC_DEFAULT_PHYS_BASE >> PAGE_SHIFT ||
	       (base & (MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE)) !=
	       MSR_IA32_APICBASE_ENABLE;
}

void lapic_base_changed(struct lapic *l)
{
	struct irqchip *chip = l->chip;
	bool odd = is_odd(l);

	if (odd == l->odd)
		return;
	mutex_lock(&chip->lock);
	l->odd = odd;
	chip->nr_odd += odd ? 1 : -1;
	if (l->assists & IRQ_ASSIST_ACCESS)
		mmu_apic_page_allow(chip->vm, !chip->nr_odd);
	mutex_unlock(&chip->lock);
	/* "virtualize APIC accesses" changes before the next entry */
	vcpu_request(l->vcpu, REQ_EVENT);
}
