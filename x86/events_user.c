// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that user space sees and makes: KVM_INTERRUPT, KVM_GET_VCPU_EVENTS,
 * KVM_SET_VCPU_EVENTS. The vCPU does not run.
 */
#include "x86/priv.h"

/* SDM 3A table 6-1: those that push an error code (in protected mode) */
#define WITH_ERROR (BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
		    BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) | \
		    BIT(X86_TRAP_AC) | BIT(21 /* #CP */))

int x86_user_interrupt(struct vcpu *vcpu, u32 irq)
{
	if (irq > 255)
		return -EINVAL;
	if (vcpu->lapic)
		return vcpu->vm->irq.split ? irqchip_user_extint(vcpu, irq) :
					     -ENXIO;
	if (vcpu->arch.ev.user_irq >= 0)
		return -EEXIST;
	vcpu->arch.ev.user_irq = irq;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

void x86_restore_irq(struct vcpu *vcpu, int vector)
{
	struct x86_events *ev = &vcpu->arch.ev;

	ev->irq.injected = vcpu->lapic && vector >= 0;
	ev->irq.restored = ev->irq.injected;
	ev->irq.held = false;
	ev->irq.soft = false;
	ev->irq.vector = vector;
	ev->user_irq = vcpu->lapic ? -1 : vector;
	vcpu_request(vcpu, REQ_EVENT);
}

int x86_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *e)
{
	struct x86_events *ev = &vcpu->arch.ev;
	struct x86_vm *vma = &vcpu->vm->arch;

	memset(e, 0, sizeof(*e));
	x86_process_nmi(vcpu);
	x86_process_smi(vcpu);
	/*
	 * Without the capability user space cannot take a payload along: its
	 * effect has to show already.
	 */
	if (!vma->exception_payload && ev->exception.pending)
		x86_deliver_payload(vcpu);

	e->exception.injected = ev->exception.injected;
	e->exception.pending = ev->exception.pending;
	if (!vma->exception_payload) {
		/*
		 * One flag for both, a software exception is raised anew; that
		 * it is not on its way yet may be told all the same.
		 */
		e->exception.injected |= e->exception.pending;
	} else {
		e->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
		if (e->exception.pending && ev->exception.has_payload) {
			e->exception_has_payload = 1;
			e->exception_payload = ev->exception.payload;
		}
	}
	if (e->exception.injected || e->exception.pending) {
		e->exception.nr = ev->exception.vector;
		e->exception.has_error_code = ev->exception.has_error;
		e->exception.error_code = ev->exception.error;
	}
	/* KVM_INTERRUPT's counts as on its way */
	if (ev->irq.injected && !ev->irq.soft) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->irq.vector;
	} else if (ev->irq.held) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->irq.held_vector;
	} else if (ev->user_irq >= 0) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->user_irq;
	}
	e->interrupt.shadow = vmx_get_interrupt_shadow(vcpu);
	e->nmi.injected = ev->nmi_injected;
	e->nmi.pending = ev->nmi_pending;
	e->nmi.masked = vmx_nmi_blocked(vcpu);
	e->smi.smm = vcpu->arch.smm;
	e->smi.pending = ev->smi_pending;
	e->smi.smm_inside_nmi = vcpu->arch.smm_nmi_blocked;
	e->smi.latched_init = lapic_init_latched(vcpu);
	e->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING |
		    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;
	if (vma->triple_fault_event) {
		e->triple_fault.pending = vcpu_requested(vcpu, REQ_TRIPLE_FAULT);
		e->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
	return 0;
}

#define EVENT_FLAGS (KVM_VCPUEVENT_VALID_NMI_PENDING | \
		     KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
		     KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM | \
		     KVM_VCPUEVENT_VALID_PAYLOAD | \
		     KVM_VCPUEVENT_VALID_TRIPLE_FAULT)

static bool events_valid(struct vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	struct x86_vm *vma = &vcpu->vm->arch;

	if (e->flags & ~EVENT_FLAGS)
		return false;
	if (e->flags & KVM_VCPUEVENT_VALID_PAYLOAD) {
		if (!vma->exception_payload)
			return false;
		if (e->exception.pending && e->exception.injected)
			return false;
	}
	if (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT &&
	    (!vma->triple_fault_event || e->triple_fault.pending > 1))
		return false;
	if ((e->exception.injected ||
	     (e->flags & KVM_VCPUEVENT_VALID_PAYLOAD && e->exception.pending)) &&
	    (e->exception.nr > 31 || e->exception.nr == X86_TRAP_NMI))
		return false;
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW &&
	    e->interrupt.shadow & ~(KVM_X86_SHADOW_INT_STI |
				    KVM_X86_SHADOW_INT_MOV_SS))
		return false;
	/* INIT waits in SMM: a CPU that has taken it is not there */
	if (e->flags & KVM_VCPUEVENT_VALID_SMM &&
	    (e->smi.smm || e->smi.pending) &&
	    vcpu->arch.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return false;
	return true;
}

static void set_smm(struct vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	vcpu->arch.ev.smi_pending = e->smi.pending;
	vcpu->arch.smm_nmi_blocked = e->smi.smm && e->smi.smm_inside_nmi;
	x86_set_smm(vcpu, e->smi.smm);
	/* zero does not take back one that has just come to a CPU not in SMM */
	if (e->smi.smm || e->smi.latched_init)
		lapic_latch_init(vcpu, e->smi.latched_init);
}

int x86_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	bool payload = e->flags & KVM_VCPUEVENT_VALID_PAYLOAD;
	struct x86_events *ev = &vcpu->arch.ev;
	bool waiting;

	if (!events_valid(vcpu, e))
		return -EINVAL;

	x86_process_nmi(vcpu);
	ev->exception.injected = e->exception.injected;
	ev->exception.pending = payload && e->exception.pending;
	waiting = ev->exception.injected || ev->exception.pending;
	ev->exception.vector = e->exception.nr;
	/* what VMX demands of the error code: SDM 3C 27.2.1.3 */
	ev->exception.has_error = waiting && e->exception.nr < 32 &&
				  WITH_ERROR & BIT(e->exception.nr);
	ev->exception.error = ev->exception.has_error &&
			      e->exception.has_error_code ?
			      e->exception.error_code : 0;
	ev->exception.has_payload = ev->exception.pending &&
				    e->exception_has_payload;
	ev->exception.payload = e->exception_payload;
	ev->reinject_len = 0;

	x86_restore_irq(vcpu, e->interrupt.injected ? e->interrupt.nr : -1);
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW)
		vmx_set_interrupt_shadow(vcpu, e->interrupt.shadow);

	ev->nmi_injected = e->nmi.injected;
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		ev->nmi_pending = min_t(u8, e->nmi.pending, 2);
	vmx_set_nmi_blocked(vcpu, e->nmi.masked);

	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		lapic_set_sipi_vector(vcpu, e->sipi_vector);
	if (e->flags & KVM_VCPUEVENT_VALID_SMM) {
		x86_process_smi(vcpu);
		set_smm(vcpu, e);
	}

	if (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT) {
		if (e->triple_fault.pending)
			vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		else
			clear_bit(REQ_TRIPLE_FAULT,
				  (unsigned long *)&vcpu->requests);
	}
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}
