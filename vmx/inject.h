/* SPDX-License-Identifier: GPL-2.0-only */
/* The usual case of an interrupt into the guest, inline */
#ifndef VMX_INJECT_H
#define VMX_INJECT_H

#include <asm/vmx.h>
#include "core/vm.h"
#include "vmx/regs.h"

/* As vmx_irq_allowed() */
static __always_inline bool vmx_irqs_open(struct vcpu *vcpu)
{
	return vcpu_rflags(vcpu) & X86_EFLAGS_IF &&
	       !(vmcs_read(GUEST_INTERRUPTIBILITY_INFO) &
		 (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS));
}

/* Is an interrupt for the CPU to deliver, with no more than one field to write? */
static __always_inline bool vmx_delivers_plainly(const struct vcpu *vcpu)
{
	return vmx_surely_enterable(vcpu) && !vcpu->vmx.v86 &&
	       !(vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_HLT);
}

/*
 * As vmx_inject_irq(), where vmx_delivers_plainly(). arch.ev knows nothing of it
 * until vmx_cancel_injection() or vmx_take_back_event() puts it there.
 */
static __always_inline void vmx_inject_plainly(struct vcpu *vcpu, u8 vector)
{
	vcpu->vmx.event_given = true;
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD,
		   INTR_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | vector);
}

#endif
