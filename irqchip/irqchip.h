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
	IRQ_SRC_RESAMPLE,
	NR_IRQ_SOURCES
};

static inline bool irqchip_in_kernel(struct vm *vm)
{
	return smp_load_acquire(&vm->irqchip);
}

/* ---- VM ------------------------------------------------------------------ */

/* KVM_CREATE_IRQCHIP; vm->lock held. 0, -EEXIST, -EINVAL (vCPUs exist), -ENOMEM */
int irqchip_create(struct vm *vm);
void irqchip_destroy(struct vm *vm);		/* VM teardown; NULL is fine */
/* KVM_CREATE_PIT2; vm->lock held. 0, -EEXIST, -ENOENT (no irqchip), -EINVAL, -ENOMEM */
int irqchip_create_pit(struct vm *vm, const struct kvm_pit_config *cfg);
int irqchip_get(struct vm *vm, struct kvm_irqchip *chip);
int irqchip_set(struct vm *vm, const struct kvm_irqchip *chip);
int irqchip_get_pit(struct vm *vm, struct kvm_pit_state2 *ps);
int irqchip_set_pit(struct vm *vm, const struct kvm_pit_state2 *ps);
int irqchip_reinject_control(struct vm *vm, const struct kvm_reinject_control *c);

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

int irqchip_set_routing(struct vm *vm, const struct kvm_irq_routing_entry *e,
			unsigned int n, u32 flags);	/* 0, -EINVAL, -ENOMEM */
int irqchip_send_msi(struct vm *vm, const struct kvm_msi *msi); /* as set_line */

/* KVM_IRQFD and KVM_IOEVENTFD (irqchip/eventfd.c); released with the VM file */
int irqfd_assign(struct vm *vm, const struct kvm_irqfd *args);
int ioeventfd_assign(struct vm *vm, const struct kvm_ioeventfd *args);
void eventfd_release(struct vm *vm);

/* ---- vCPU ---------------------------------------------------------------- */

int lapic_create(struct vcpu *vcpu);		/* with an in-kernel irqchip; 0, -ENOMEM */
void lapic_destroy(struct vcpu *vcpu);		/* NULL is fine */
void lapic_reset(struct vcpu *vcpu, bool init);

/**
 * irqchip_pending() - the vector that would be delivered now
 * @vcpu: the vCPU, by its own thread
 *
 * LAPIC (IRR above PPR), else PIC through LVT0 ExtINT on the CPU wired to it.
 * Return: 0..255, or -1. Cheap when nothing changed since the last call.
 */
int irqchip_pending(struct vcpu *vcpu);

/* Acknowledge what irqchip_pending() answers: IRR -> ISR, or PIC INTA. -1: spurious */
int irqchip_ack(struct vcpu *vcpu);

/* An event for a CPU that waits: INIT or SIPI latched */
bool lapic_init_sipi_pending(struct vcpu *vcpu);
/* Act on latched INIT/SIPI: x86_vcpu_reset(), mp_state, CS from the vector */
void lapic_accept_init_sipi(struct vcpu *vcpu);

u64 lapic_get_tpr(struct vcpu *vcpu);		/* CR8 view: bits 3:0 */
void lapic_set_tpr(struct vcpu *vcpu, u64 cr8);
int lapic_highest_irr(struct vcpu *vcpu);	/* or -1; for the TPR threshold */

/* IA32_APIC_BASE write: 0, or 1 for #GP */
int lapic_set_base(struct vcpu *vcpu, u64 value, bool host);
/* x2APIC MSRs 0x800..0x8ff: 0, or 1 for #GP */
int lapic_read_msr(struct vcpu *vcpu, u32 index, u64 *value);
int lapic_write_msr(struct vcpu *vcpu, u32 index, u64 value);
u64 lapic_get_tsc_deadline(struct vcpu *vcpu);
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
/* The vCPU thread moved: move its timers to this CPU */
void lapic_migrate_timers(struct vcpu *vcpu);
/* Guest TSC offset or frequency changed: recompute a pending deadline */
void lapic_tsc_changed(struct vcpu *vcpu);

void lapic_get_state(struct vcpu *vcpu, struct kvm_lapic_state *s);
int lapic_set_state(struct vcpu *vcpu, const struct kvm_lapic_state *s);

#endif
