// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the guest without leaving the fast loop: interrupts that a fast
 * handler has brought about, or that waited for a window.
 */
#include <linux/entry-kvm.h>
#include "core/run.h"
#include "irqchip/irqchip.h"
#include "vmx/private.h"
#include "x86/x86.h"

/* Requests that are served here */
#define SERVED	(BIT(REQ_EVENT) | BIT(REQ_TIMER))

/*
 * Nothing that the outer loop does otherwise, or that may sleep: debuggers, soft
 * delivery, system-management mode, a TPR in the guest's memory.
 */
static __always_inline bool ordinary(struct vcpu *vcpu)
{
	return vcpu->lapic && !vcpu->arch.guest_debug &&
	       !READ_ONCE(vcpu->run->request_interrupt_window) &&
	       vmx_surely_enterable(vcpu) && !vcpu->vmx.v86 &&
	       !vcpu->arch.ev.smi_pending && !vcpu->arch.vapic_addr;
}

/**
 * vmx_fast_events() - give the next entry its event
 * @vcpu: the vCPU, after an exit that a fast handler has finished
 *
 * Context: interrupts off; vcpu->mode is VCPU_IN_GUEST, so that who requests
 * something meanwhile interrupts the guest as soon as it is entered.
 *
 * Return: false where the outer loop is needed; vmx_cancel_injection() is due.
 */
bool vmx_fast_events(struct vcpu *vcpu)
{
	if (READ_ONCE(vcpu->requests) & ~SERVED ||
	    __xfer_to_guest_mode_work_pending() || !ordinary(vcpu) ||
	    lapic_init_sipi_pending(vcpu) ||
	    (unlikely(vcpu->arch.pv_eoi != PV_EOI_NONE) &&
	     !lapic_sync_pv_eoi_fast(vcpu)))
		return false;
	/* the last event has arrived, but for one of the fast handler's own */
	vmx_cancel_injection(vcpu);
	if (vcpu_take_request(vcpu, REQ_TIMER))
		lapic_timer_fired(vcpu);
	if (vcpu_take_request(vcpu, REQ_EVENT))
		x86_inject_irq_events(vcpu);
	/* an expiry that this look found, for instance */
	return !READ_ONCE(vcpu->requests);
}

int vmx_fast_irq_window(struct vcpu *vcpu)
{
	if (!ordinary(vcpu))
		return FAST_FULL;
	vmx_exit_irq_window(vcpu);
	return FAST_RESUME;
}

int vmx_fast_interrupt(struct vcpu *vcpu)
{
	return FAST_HOST;
}

int vmx_fast_tpr(struct vcpu *vcpu)
{
	vmx_exit_tpr(vcpu);
	return FAST_RESUME;
}

/* An interrupt is there already: no need to sleep. Or there is none. */
int vmx_fast_hlt(struct vcpu *vcpu)
{
	if (!ordinary(vcpu) || !(vcpu_rflags(vcpu) & X86_EFLAGS_IF) ||
	    (unlikely(vcpu->arch.pv_eoi != PV_EOI_NONE) &&
	     !lapic_sync_pv_eoi_fast(vcpu)))
		return FAST_FULL;
	vcpu->stats.halts++;
	vmx_skip_insn(vcpu);
	if (irqchip_pending(vcpu) < 0) {
		vcpu->looked = true;
		/* what run_halt() does: nothing is left for the full handler */
		vcpu->arch.mp_state = KVM_MP_STATE_HALTED;
		vcpu->vmx.exit_reason = VMX_REASON_NONE;
		return FAST_FULL;
	}
	vcpu_request(vcpu, REQ_EVENT);
	return FAST_RESUME;
}
