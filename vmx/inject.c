// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest: injection, taking back what an exit interrupted,
 * blocking and windows.
 *
 *  J1. At most one event is in VM_ENTRY_INTR_INFO_FIELD; the CPU clears its
 *      valid bit at the exit, so the field is never cleared by hand except when
 *      an entry is cancelled.
 *  J2. An event whose delivery an exit interrupted is in IDT_VECTORING_INFO.
 *      vmx_take_back_event() puts it into arch.ev before any handler runs.
 */
#include "core/run.h"
#include "core/trace.h"
#include "vmx/inject.h"
#include "vmx/private.h"
#include "x86/x86.h"

void vmx_inject(struct vcpu *vcpu, u32 info, u32 error, u32 insn_len)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;

	vcpu->vmx.event_given = true;
	if (unlikely(vmx_needs_emulation(vcpu) || v->v86)) {
		/* VMX cannot deliver into real mode without unrestricted guest */
		v->soft_event = (info & ~INTR_INFO_VALID_MASK) | INTR_INFO_VALID_MASK;
		v->soft_error = error;
		v->soft_len = insn_len;
		return;
	}
	/* not every exception is taken in it (SDM 3C 27.3.1.5) */
	vmx_end_hlt(vcpu);
	if (info & INTR_INFO_DELIVER_CODE_MASK)
		vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, error);
	if (type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
	    type == INTR_TYPE_PRIV_SW_EXCEPTION)
		vmcs_write(VM_ENTRY_INSTRUCTION_LEN, insn_len);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, info | INTR_INFO_VALID_MASK);
}

void vmx_inject_irq(struct vcpu *vcpu, u8 vector)
{
	if (likely(vmx_delivers_plainly(vcpu)))
		vmx_inject_plainly(vcpu, vector);
	else
		vmx_inject(vcpu, INTR_TYPE_EXT_INTR | vector, 0, 0);
}

/* An event in VMX form back into arch.ev, to be injected by the next entry */
static void requeue(struct vcpu *vcpu, u32 info, u32 error, u32 len)
{
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	vcpu->arch.ev.reinject_len = 0;
	switch (info & INTR_INFO_INTR_TYPE_MASK) {
	case INTR_TYPE_NMI_INTR:
		vcpu->arch.ev.nmi_injected = true;
		/* its delivery set the blocking; injecting again wants it off */
		vmx_set_nmi_blocked(vcpu, false);
		break;
	case INTR_TYPE_SOFT_EXCEPTION:
	case INTR_TYPE_PRIV_SW_EXCEPTION:
		vcpu->arch.ev.reinject_len = len;
		fallthrough;
	case INTR_TYPE_HARD_EXCEPTION:
		x86_requeue_exception(vcpu, vector,
				      info & INTR_INFO_DELIVER_CODE_MASK, error);
		break;
	case INTR_TYPE_SOFT_INTR:
		vcpu->arch.ev.reinject_len = len;
		fallthrough;
	case INTR_TYPE_EXT_INTR:
		vcpu->arch.ev.irq.injected = true;
		vcpu->arch.ev.irq.vector = vector;
		vcpu->arch.ev.irq.soft = (info & INTR_INFO_INTR_TYPE_MASK) ==
					 INTR_TYPE_SOFT_INTR;
		break;
	}
	vcpu_request(vcpu, REQ_EVENT);
}

/* What was given to the CPU has arrived, unless IDT vectoring says otherwise */
static void clear_given(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;

	vcpu->vmx.event_given = false;
	ev->exception.injected = false;
	ev->irq.injected = false;
	ev->nmi_injected = false;
}

/* An event was being delivered: @info is the IDT-vectoring information */
static noinline void take_back(struct vcpu *vcpu, u32 info)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	u32 type;

	v->idt_info = info;
	if (info & VECTORING_INFO_DELIVER_CODE_MASK)
		v->idt_error = vmcs_read(IDT_VECTORING_ERROR_CODE);
	v->idt_len = vmx_insn_len(vcpu);
	requeue(vcpu, info, v->idt_error, v->idt_len);
	/*
	 * Where a page fault stopped the delivery, RF is as the frame of that
	 * fault would have it (SDM 3C 28.3.3); INT n and #DB do not push that. (With
	 * EPT it should be right, but the emulator sets it all the same.)
	 */
	type = info & VECTORING_INFO_TYPE_MASK;
	if (type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
	    type == INTR_TYPE_PRIV_SW_EXCEPTION ||
	    (type == INTR_TYPE_HARD_EXCEPTION &&
	     (info & INTR_INFO_VECTOR_MASK) == DB_VECTOR))
		vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) & ~X86_EFLAGS_RF);
}

/**
 * vmx_take_back_event() - after the last exit of the fast loop
 * @vcpu: the vCPU
 *
 * Context: interrupts off.
 */
void vmx_take_back_event(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	u32 reason = v->exit_reason;
	u32 info;

	v->idt_info = 0;
	/* also VMfail: what was to be given is still there (SDM 3C 27.8) */
	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
		vmx_cancel_injection(vcpu);
		return;
	}
	if (v->event_given)
		clear_given(vcpu);
	if (reason >= vmx_nr_exits || !vmx_exits[reason].delivery)
		return;
	info = vmcs_read(IDT_VECTORING_INFO_FIELD);
	if (unlikely(info & VECTORING_INFO_VALID_MASK))
		take_back(vcpu, info);
}

static noinline void cancel_soft_event(struct vcpu *vcpu)
{
	u32 info = vcpu->vmx.soft_event;

	vcpu->vmx.soft_event = 0;
	requeue(vcpu, info, vcpu->vmx.soft_error, vcpu->vmx.soft_len);
}

static noinline void cancel_event(struct vcpu *vcpu, u32 info)
{
	requeue(vcpu, info, vmcs_read(VM_ENTRY_EXCEPTION_ERROR_CODE),
		vmcs_read(VM_ENTRY_INSTRUCTION_LEN));
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
}

void vmx_cancel_injection(struct vcpu *vcpu)
{
	u32 info;

	if (!vcpu->vmx.event_given)
		return;
	clear_given(vcpu);
	if (unlikely(vcpu->vmx.soft_event)) {
		cancel_soft_event(vcpu);
		return;
	}
	/* the CPU has it, most often */
	info = vmcs_read(VM_ENTRY_INTR_INFO_FIELD);
	if (unlikely(info & INTR_INFO_VALID_MASK))
		cancel_event(vcpu, info);
}

/* ---- blocking (SDM 3C table 25-3) ------------------------------------------------ */

bool vmx_irq_allowed(struct vcpu *vcpu)
{
	return vmx_irqs_open(vcpu);
}

bool vmx_nmi_allowed(struct vcpu *vcpu)
{
	return !(vmcs_read(GUEST_INTERRUPTIBILITY_INFO) &
		 (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS |
		  GUEST_INTR_STATE_NMI));
}

void vmx_request_irq_window(struct vcpu *vcpu)
{
	vmx_proc_bits(vcpu, CPU_BASED_INTR_WINDOW_EXITING, true);
}

void vmx_request_nmi_window(struct vcpu *vcpu)
{
	/*
	 * Blocking by STI may leave the window open (SDM 3C 26.2), but nothing
	 * can be injected then (27.3.1.5): one instruction ends it.
	 */
	if (vmcs_read(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_STI &&
	    vmx_caps.proc.allowed & CPU_BASED_MONITOR_TRAP_FLAG)
		vmx_proc_bits(vcpu, CPU_BASED_MONITOR_TRAP_FLAG, true);
	else
		vmx_proc_bits(vcpu, CPU_BASED_NMI_WINDOW_EXITING, true);
}

bool vmx_nmi_blocked(struct vcpu *vcpu)
{
	return vmcs_read(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_NMI;
}

void vmx_set_nmi_blocked(struct vcpu *vcpu, bool blocked)
{
	u32 intr = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);

	if (!!(intr & GUEST_INTR_STATE_NMI) == blocked)
		return;
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, intr ^ GUEST_INTR_STATE_NMI);
}

u32 vmx_get_interrupt_shadow(struct vcpu *vcpu)
{
	u32 intr = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);

	return (intr & GUEST_INTR_STATE_STI ? KVM_X86_SHADOW_INT_STI : 0) |
	       (intr & GUEST_INTR_STATE_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

/* #DB is delivered: that ends blocking, too, and what waits for its end */
void vmx_end_btf(struct vcpu *vcpu)
{
	vmx_set_interrupt_shadow(vcpu, 0);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
}

bool vmx_end_hlt(struct vcpu *vcpu)
{
	if (likely(!(vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_HLT)) ||
	    vmcs_read(GUEST_ACTIVITY_STATE) != GUEST_ACTIVITY_HLT)
		return false;
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	return true;
}

/* Enabled breakpoint (SDM 3C table 25-4) */
#define PENDING_DB_ENABLED	BIT(12)

/**
 * vmx_held_breakpoints() - what MOV SS or POP SS has hit
 * @vcpu: the vCPU
 *
 * It waits for the end of the next instruction (SDM 3A 6.8.3). An exit of that
 * has it in the VMCS (SDM 3C 28.3.4).
 *
 * Return: DR6.B0 to B3.
 */
u64 vmx_held_breakpoints(struct vcpu *vcpu)
{
	if (!(vmcs_read(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_MOV_SS))
		return 0;
	return vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS) & DR_TRAP_BITS;
}

/**
 * vmx_hold_breakpoints() - have them delivered when no MOV SS blocks them
 * @vcpu: the vCPU; vmx_set_interrupt_shadow() was called
 * @dr6: DR6.B0 to B3
 */
void vmx_hold_breakpoints(struct vcpu *vcpu, u64 dr6)
{
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS,
		   vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS) | dr6 |
		   PENDING_DB_ENABLED);
}

/*
 * Where every instruction traps, the trap that waits for the end of the blocking
 * has to be in the VMCS as well (SDM 3C 27.3.1.5).
 */
void vmx_set_interrupt_shadow(struct vcpu *vcpu, u32 shadow)
{
	u32 blocks, old = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);
	u32 intr = old & ~(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS);

	/* never both: SDM 3C 27.3.1.5 */
	if (shadow & KVM_X86_SHADOW_INT_MOV_SS)
		intr |= GUEST_INTR_STATE_MOV_SS;
	else if (shadow & KVM_X86_SHADOW_INT_STI)
		intr |= GUEST_INTR_STATE_STI;
	if (intr == old)
		return;
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, intr);
	blocks = intr & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS);
	if (blocks)
		vmx_end_hlt(vcpu);	/* no such blocking while it is halted */
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS,
		   blocks && vmx_insn_traps(vcpu, vcpu_rflags(vcpu)) ? DR6_BS : 0);
}

/**
 * vmx_renew_interrupt_shadow() - RFLAGS or DEBUGCTL changed in a shadow
 * @vcpu: the vCPU
 *
 * Blocking by STI needs IF, and either blocking a trap that waits if and only if
 * every instruction traps (SDM 3C 27.3.1.5). STI does not hold a trap back: one
 * instruction too early for interrupts is better than that. Breakpoints that
 * MOV SS holds back stay.
 */
void vmx_renew_interrupt_shadow(struct vcpu *vcpu)
{
	u32 shadow = vmx_get_interrupt_shadow(vcpu);
	u64 rflags = vcpu_rflags(vcpu), held;

	if (likely(!shadow))
		return;
	held = vmx_held_breakpoints(vcpu);
	vmx_set_interrupt_shadow(vcpu, 0);
	if (!(shadow & KVM_X86_SHADOW_INT_MOV_SS) &&
	    (!(rflags & X86_EFLAGS_IF) || rflags & X86_EFLAGS_TF))
		return;
	vmx_set_interrupt_shadow(vcpu, shadow);
	if (held)
		vmx_hold_breakpoints(vcpu, held);
}
