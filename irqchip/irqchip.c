// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt controllers of a VM as a unit: creation, teardown, state, and
 * who is told when an interrupt has been completed.
 *
 * Teardown. irqchip_destroy(), or lapic_destroy() of the first vCPU, whichever
 * comes first, calls irqchip_stop(): timers off, no LAPIC can be found any
 * more, and a grace period. After that buses, vCPUs and the VM's irqchip may go
 * in any order; the last of them frees struct irqchip.
 */
#include <linux/slab.h>
#include "eventfds.h"
#include "lapic.h"
#include "trace.h"

static u32 no_assists(void)
{
	return 0;
}

static bool no_notify(struct vcpu *vcpu)
{
	return false;
}

static const struct irqchip_assist no_assist = {
	.available = no_assists,
	.notify = no_notify,
};

const struct irqchip_assist *irqchip_assist = &no_assist;

void irqchip_set_assist(const struct irqchip_assist *assist)
{
	irqchip_assist = assist ?: &no_assist;
}

void irqchip_choose_assists(struct vm *vm)
{
	u32 assists = irqchip_assist->available();

	/* one can do without it */
	if (assists & IRQ_ASSIST_ACCESS && mmu_apic_page_create(vm))
		assists &= ~IRQ_ASSIST_ACCESS;
	vm->irq.assists = assists;
}

int irqchip_create(struct vm *vm)
{
	struct irqchip *chip;
	int err;

	lockdep_assert_held(&vm->lock);
	if (vm->irqchip)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;
	chip = kzalloc(sizeof(*chip), GFP_KERNEL_ACCOUNT);
	if (!chip)
		return -ENOMEM;
	chip->vm = vm;
	refcount_set(&chip->refs, 3);	/* ours, and two bus devices' */
	mutex_init(&chip->lock);
	INIT_LIST_HEAD(&chip->lapics);

	err = pic_init(chip);
	if (err)
		goto free;
	err = ioapic_init(chip);
	if (err)
		goto pic;
	err = routes_default(chip);
	if (err)
		goto ioapic;
	irqchip_choose_assists(vm);
	/* complete before anybody sees it: irqchip_in_kernel() */
	smp_store_release(&vm->irqchip, chip);
	return 0;

ioapic:
	ioapic_fini(chip);
pic:
	pic_fini(chip);
free:
	kfree(chip);
	return err;
}

void irqchip_put(struct irqchip *chip)
{
	if (!refcount_dec_and_test(&chip->refs))
		return;
	kfree(chip->pit);
	routes_free(chip);
	kfree(chip);
}

void irqchip_stop(struct irqchip *chip)
{
	if (chip->pit)
		pit_stop(chip->pit);
	if (!chip->vm->irq.split)
		ioapic_stop(chip);
	lapic_forget_all(chip);
}

void irqchip_destroy(struct vm *vm)
{
	struct irqchip *chip = vm->irqchip;

	eventfds_free(vm);
	if (!chip)
		return;
	irqchip_stop(chip);
	vm->irqchip = NULL;
	irqchip_put(chip);
}

int irqchip_set_x2apic_api(struct vm *vm, u64 flags)
{
	if (flags & ~(KVM_X2APIC_API_USE_32BIT_IDS |
		      KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return -EINVAL;
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		vm->irq.x2apic_format = true;
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		vm->irq.no_broadcast_quirk = true;
	return 0;
}

int irqchip_get(struct vm *vm, struct kvm_irqchip *state)
{
	struct irqchip *chip = vm->irqchip;

	if (!chip || vm->irq.split)
		return -ENXIO;
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_get(chip, state->chip_id, &state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get(chip, &state->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

int irqchip_set(struct vm *vm, const struct kvm_irqchip *state)
{
	struct irqchip *chip = vm->irqchip;

	if (!chip || vm->irq.split)
		return -ENXIO;
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_set(chip, state->chip_id, &state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set(chip, &state->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

/* ---- completion ------------------------------------------------------------ */

void irqchip_notify_eoi(struct irqchip *chip, enum chip_kind kind,
			unsigned int pin)
{
	/* pairs with irqchip_create_pit() */
	struct pit *pit = smp_load_acquire(&chip->pit);
	int gsi;

	trace_kvm_ack_irq(kind == CHIP_IOAPIC ? KVM_IRQCHIP_IOAPIC : pin >> 3,
			  kind == CHIP_IOAPIC ? pin : pin & 7);
	rcu_read_lock();
	gsi = routes_pin_to_gsi(chip, kind, pin);
	rcu_read_unlock();
	if (gsi < 0)
		return;
	if (!gsi && pit)
		pit_eoi(pit);
	irqfd_eoi(chip->vm, gsi);
}

void irqchip_notify_unmask(struct irqchip *chip, enum chip_kind kind,
			   unsigned int pin)
{
	/* pairs with irqchip_create_pit() */
	struct pit *pit = smp_load_acquire(&chip->pit);
	int gsi;

	rcu_read_lock();
	gsi = routes_pin_to_gsi(chip, kind, pin);
	rcu_read_unlock();
	if (!gsi && pit)
		pit_unmasked(pit);
}

void irqchip_update_watched(struct irqchip *chip)
{
	unsigned int pin;
	u32 pins = 0;

	lockdep_assert_held(&chip->lock);
	if (chip->vm->irq.split)
		return;
	if (chip->pit && pit_wants_eoi(chip->pit)) {
		rcu_read_lock();
		for (pin = 0; pin < IOAPIC_PINS; pin++) {
			if (!routes_pin_to_gsi(chip, CHIP_IOAPIC, pin))
				pins |= BIT(pin);
		}
		rcu_read_unlock();
	}
	ioapic_watch(chip, pins);
}
