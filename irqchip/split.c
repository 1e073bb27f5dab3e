// SPDX-License-Identifier: GPL-2.0-only
/*
 * Half an irqchip: LAPICs and routing here, PIC, IOAPIC and PIT in user space
 * (KVM_CAP_SPLIT_IRQCHIP).
 *
 *   user space's IOAPIC --KVM_IRQ_LINE, irqfd--> route n, an MSI --> LAPIC
 *           ^                                                          |
 *           +---- KVM_EXIT_IOAPIC_EOI, if a route of a pin is level ----+
 *   user space's PIC ----KVM_INTERRUPT--> ExtINT of the boot CPU's LAPIC
 *
 * The routes of the first GSIs are those of the IOAPIC's pins; user space has
 * said how many. An EOI goes to user space by its vector if the interrupt was
 * a level one and a pin has the vector. It is not asked which CPU the pin's
 * interrupt goes to: the route may have changed since.
 */
#include <linux/slab.h>
#include "x86/x86.h"
#include "lapic.h"

int irqchip_create_split(struct vm *vm, u64 nr_pins)
{
	struct irqchip *chip;

	lockdep_assert_held(&vm->lock);
	if (nr_pins > IRQCHIP_MAX_ROUTES)
		return -EINVAL;
	if (vm->irqchip || vm->nr_vcpus)
		return -EEXIST;
	chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	if (!chip)
		return -ENOMEM;
	chip->vm = vm;
	chip->nr_user_pins = nr_pins;
	chip->pic.offer = -1;
	vm->irq.split = true;
	refcount_set(&chip->refs, 1);
	mutex_init(&chip->lock);
	INIT_LIST_HEAD(&chip->lapics);
	irqchip_choose_assists(vm);
	/* complete before anybody sees it: irqchip_in_kernel() */
	smp_store_release(&vm->irqchip, chip);
	return 0;
}

/* ---- EOIs of user space's IOAPIC -------------------------------------------- */

void lapic_eoi_to_user(struct lapic *l, u8 vector)
{
	if (!routes_user_pin_has(l->chip, vector))
		return;
	/* one at a time: the request is looked at before the next entry */
	l->eoi_vector = vector;
	vcpu_request(l->vcpu, REQ_IOAPIC_EOI);
}

int irqchip_eoi_exit(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->run->eoi.vector = vcpu->lapic->eoi_vector;
	return RUN_EXIT_USER;
}

/* ---- interrupts of user space's PIC ------------------------------------------ */

int irqchip_user_extint(struct vcpu *vcpu, u8 vector)
{
	struct x86_events *ev = &vcpu->arch.ev;

	if (ev->user_irq >= 0)
		return -EEXIST;
	ev->user_irq = vector;
	WRITE_ONCE(vcpu->lapic->head.changed, true);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

bool irqchip_in_service(struct vcpu *vcpu, u8 vector)
{
	return lapic_test_vec(vcpu->lapic, APIC_ISR, vector);
}

bool irqchip_wants_extint(struct vcpu *vcpu)
{
	return lapic_accepts_pic(vcpu->lapic);
}
