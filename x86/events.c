// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way to the guest.
 *
 *  E1. Whoever makes an event possible requests REQ_EVENT; without it nothing
 *      here runs on the way to an entry.
 *  E2. What the last entry was given and did not deliver (ev.*.injected) goes
 *      first, an exception before an NMI before an interrupt.
 *  E3. A new exception comes next: it is part of the instruction that has been
 *      executed. SDM 3A table 6-2 orders what waits at the boundary after it:
 *      SMI, NMI, then external interrupts.
 *  E4. What cannot be delivered yet has its window armed; the exit that the
 *      window makes requests REQ_EVENT.
 *      For SMIs there is no window: one that waits for another event's delivery
 *      (ev.smi_delayed) has the CPU leave the guest right after that.
 *  E5. DR6 and CR2 of an exception change when it is given to the CPU, since
 *      until then something else may happen and user space may look.
 */
#include <asm/vmx.h>
#include "core/run.h"
#include "core/trace.h"
#include "vmx/inject.h"
#include "x86/priv.h"

/* SDM 3A table 6-4: how exceptions combine */
enum exception_class { EXC_BENIGN, EXC_CONTRIBUTORY, EXC_PAGE_FAULT };

#define CONTRIBUTORY (BIT(X86_TRAP_DE) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
		      BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(21 /* #CP */))
/* SDM 3A table 6-1: not faults. #DB can be either and never sets RF here. */
#define NOT_FAULTS (BIT(X86_TRAP_DB) | BIT(X86_TRAP_NMI) | BIT(X86_TRAP_BP) | \
		    BIT(X86_TRAP_OF) | BIT(X86_TRAP_DF) | BIT(X86_TRAP_MC))

#define DR6_ACTIVE_LOW	0x00010800ULL	/* RTM, BLD: SDM 3B 18.2.3 */
#define DR6_TRAPS	0x0000e00fULL	/* B0-B3, BD, BS, BT */

static enum exception_class class_of(u8 vector)
{
	if (vector == X86_TRAP_PF || vector == X86_TRAP_VE)
		return EXC_PAGE_FAULT;
	if (vector < 32 && CONTRIBUTORY & BIT(vector))
		return EXC_CONTRIBUTORY;
	return EXC_BENIGN;
}

/* ---- queueing ------------------------------------------------------------------- */

void x86_triple_fault(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_TRIPLE_FAULT);
}

void x86_deliver_payload(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;

	if (!ev->exception.has_payload)
		return;
	ev->exception.has_payload = false;
	switch (ev->exception.vector) {
	case X86_TRAP_DB:
		/*
		 * The payload has RTM and BLD the other way round than DR6:
		 * set means that it happened.
		 */
		vcpu->arch.dr6 &= ~DR6_TRAPS;
		vcpu->arch.dr6 |= DR6_ACTIVE_LOW;
		vcpu->arch.dr6 |= ev->exception.payload;
		vcpu->arch.dr6 ^= ev->exception.payload & DR6_ACTIVE_LOW;
		/* bit 12 says "enabled breakpoint" in VMX, nothing in DR6 */
		vcpu->arch.dr6 &= ~BIT_ULL(12);
		break;
	case X86_TRAP_PF:
		vcpu->arch.cr2 = ev->exception.payload;
		break;
	}
}

static void put_exception(struct vcpu *vcpu, u8 vector, bool has_error,
			  u32 error, bool has_payload, u64 payload)
{
	struct x86_events *ev = &vcpu->arch.ev;

	ev->exception.pending = true;
	ev->exception.injected = false;
	ev->exception.vector = vector;
	ev->exception.has_error = has_error;
	ev->exception.error = error;
	ev->exception.has_payload = has_payload;
	ev->exception.payload = payload;
	ev->reinject_len = 0;
	vcpu_request(vcpu, REQ_EVENT);
}

/* A second exception while a first is on its way: SDM 3A table 6-5 */
static void queue(struct vcpu *vcpu, u8 vector, bool has_error, u32 error,
		  bool has_payload, u64 payload)
{
	struct x86_events *ev = &vcpu->arch.ev;
	enum exception_class first, second = class_of(vector);

	if (likely(!ev->exception.pending && !ev->exception.injected)) {
		put_exception(vcpu, vector, has_error, error, has_payload,
			      payload);
		return;
	}
	if (ev->exception.vector == X86_TRAP_DF && second != EXC_BENIGN) {
		ev->exception.pending = false;
		ev->exception.injected = false;
		x86_triple_fault(vcpu);
		return;
	}
	first = class_of(ev->exception.vector);
	if ((first == EXC_CONTRIBUTORY && second == EXC_CONTRIBUTORY) ||
	    (first == EXC_PAGE_FAULT && second != EXC_BENIGN))
		put_exception(vcpu, X86_TRAP_DF, true, 0, false, 0);
	else	/* one after the other: the first comes back by itself */
		put_exception(vcpu, vector, has_error, error, has_payload,
			      payload);
}

void x86_queue_exception(struct vcpu *vcpu, u8 vector)
{
	queue(vcpu, vector, false, 0, false, 0);
}

void x86_queue_exception_error(struct vcpu *vcpu, u8 vector, u32 error)
{
	queue(vcpu, vector, true, error, false, 0);
}

void x86_queue_exception_payload(struct vcpu *vcpu, u8 vector, u64 payload)
{
	queue(vcpu, vector, false, 0, true, payload);
}

void x86_queue_fault(struct vcpu *vcpu, const struct x86_exception *e)
{
	queue(vcpu, e->vector, e->has_error, e->error,
	      e->vector == X86_TRAP_PF || e->vector == X86_TRAP_DB, e->address);
}

void x86_requeue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct x86_events *ev = &vcpu->arch.ev;

	ev->exception.pending = false;
	ev->exception.injected = true;
	ev->exception.vector = vector;
	ev->exception.has_error = has_error;
	ev->exception.error = error;
	ev->exception.has_payload = false;
	vcpu_request(vcpu, REQ_EVENT);
}

/* ---- giving them to the CPU ------------------------------------------------------- */

static void inject_exception(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;
	u8 vector = ev->exception.vector;
	u32 info = vector, len = ev->reinject_len;

	if (vector == X86_TRAP_BP || vector == X86_TRAP_OF) {
		info |= INTR_TYPE_SOFT_EXCEPTION;
		len = len ?: 1;		/* INT3 and INTO are one byte long */
	} else if (vector == X86_TRAP_DB && len) {
		info |= INTR_TYPE_PRIV_SW_EXCEPTION;	/* INT1 */
	} else {
		info |= INTR_TYPE_HARD_EXCEPTION;
	}
	/* SDM 3C 27.2.1.3: no error code in real mode */
	if (ev->exception.has_error && x86_protected(vcpu))
		info |= INTR_INFO_DELIVER_CODE_MASK;
	trace_kvm_inj_exception(vector, info & INTR_INFO_DELIVER_CODE_MASK,
				ev->exception.error, ev->exception.injected);
	ev->exception.pending = false;
	ev->exception.injected = true;
	vcpu->stats.exception_injected++;
	vmx_inject(vcpu, info, ev->exception.error, len);
}

/* A new exception: its effects besides the transfer of control */
static void begin_exception(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;
	u8 vector = ev->exception.vector;

	/* SDM 3B 18.3.1.1: the pushed image of a fault has RF set */
	if (vector < 32 && !(NOT_FAULTS & BIT(vector)))
		vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) | X86_EFLAGS_RF);
	x86_deliver_payload(vcpu);
	if (vector == X86_TRAP_DB)
		vmx_end_btf(vcpu);
	if (vector == X86_TRAP_DB && vcpu->arch.dr7 & DR7_GD) {
		vcpu->arch.dr7 &= ~(u64)DR7_GD;
		dr_changed(vcpu);
	}
	/*
	 * An interrupt or NMI whose delivery led to this fault is gone, as on
	 * a CPU: it had been acknowledged.
	 */
	ev->irq.injected = false;
	ev->nmi_injected = false;
}

static void inject_irq(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;

	trace_kvm_inj_virq(ev->irq.vector, ev->irq.soft, false);
	vcpu->stats.irq_injected++;
	if (unlikely(ev->irq.soft))
		vmx_inject(vcpu, INTR_TYPE_SOFT_INTR | ev->irq.vector, 0,
			   ev->reinject_len);
	else
		vmx_inject_irq(vcpu, ev->irq.vector);
}

static void inject_nmi(struct vcpu *vcpu)
{
	vcpu->arch.ev.nmi_injected = true;
	vcpu->stats.nmi_injected++;
	vmx_inject(vcpu, INTR_TYPE_NMI_INTR | X86_TRAP_NMI, 0, 0);
}

/*
 * An external interrupt that waits, from the irqchip or from user space, other than
 * those that the CPU delivers out of the virtual-APIC page
 */
static bool irq_to_inject(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_pending_by_hand(vcpu) >= 0 :
			     vcpu->arch.ev.user_irq >= 0;
}

static bool take_irq(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;
	int vector;

	if (vcpu->lapic) {
		vector = irqchip_ack(vcpu);
		if (vector < 0)
			return false;
		if (vcpu->arch.pv_eoi_msr & 1)
			lapic_offer_pv_eoi(vcpu, vector);
	} else {
		vector = ev->user_irq;
		ev->user_irq = -1;
	}
	ev->irq.injected = true;
	ev->irq.soft = false;
	ev->irq.vector = vector;
	return true;
}

/* User space waits for KVM_EXIT_IRQ_WINDOW_OPEN */
static bool user_wants_window(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) &&
	       irqchip_user_irqs(vcpu);
}

static bool irqs_held_back(struct vcpu *vcpu)
{
	return vcpu->arch.guest_debug & KVM_GUESTDBG_BLOCKIRQ;
}

/*
 * Split irqchip: an interrupt of user space's PIC that waits is saved as one on
 * its way, since there is no other place for it. Whether it waited is known when
 * all of the state is there: the LAPIC has not acknowledged it, and it cannot be
 * taken.
 */
static bool waits_in_pic(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;

	return ev->irq.restored && vcpu->vm->irq.split && ev->user_irq < 0 &&
	       !irqchip_in_service(vcpu, ev->irq.vector) &&
	       !(vmx_irq_allowed(vcpu) && irqchip_wants_extint(vcpu));
}

/*
 * One on its way that the guest cannot take: user space put it there, or changed
 * RFLAGS. It is put aside, since other events may come and go before it.
 */
static void look_at_irq(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;

	if (ev->irq.soft)
		return;
	if (waits_in_pic(vcpu)) {
		irqchip_user_extint(vcpu, ev->irq.vector);
		ev->irq.injected = false;
	} else if (!vmx_irq_allowed(vcpu)) {
		ev->irq.held = true;
		ev->irq.held_vector = ev->irq.vector;
		ev->irq.injected = false;
	}
	ev->irq.restored = false;
}

static void inject_held(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;

	ev->irq.held = false;
	ev->irq.injected = true;
	ev->irq.soft = false;
	ev->irq.vector = ev->irq.held_vector;
	ev->reinject_len = 0;
	inject_irq(vcpu);
}

/* Nothing waits but perhaps an interrupt of the irqchip's, as most often? */
static __always_inline bool only_irqs(const struct vcpu *vcpu)
{
	const struct x86_events *ev = &vcpu->arch.ev;

	return !(ev->exception.pending | ev->exception.injected |
		 ev->irq.injected | ev->irq.held | ev->smi_pending |
		 ev->nmi_injected | ev->nmi_pending) &&
	       vcpu->lapic && !vcpu->arch.guest_debug &&
	       vcpu->arch.pv_eoi == PV_EOI_NONE &&
	       !READ_ONCE(vcpu->run->request_interrupt_window);
}

/* inject_events() then */
static __always_inline void inject_irqs(struct vcpu *vcpu)
{
	vcpu->arch.unhalted = false;
	if (lapic_pending_by_hand(vcpu) < 0)
		return;
	if (vmx_irq_allowed(vcpu) && take_irq(vcpu))
		inject_irq(vcpu);
	if (lapic_pending_by_hand(vcpu) >= 0)
		vmx_request_irq_window(vcpu);
}

/*
 * The same for a LAPIC that has none of the assists, which want to be looked at
 * before and after it
 */
static __always_inline void inject_plain_irqs(struct vcpu *vcpu)
{
	int vector;

	vcpu->arch.unhalted = false;
	if (irqchip_surely_none(vcpu))
		return;
	if (vmx_irqs_open(vcpu)) {
		vector = irqchip_take(vcpu);
		if (likely(vector >= 0)) {
			if (unlikely(vcpu->arch.pv_eoi_msr & 1))
				lapic_offer_pv_eoi(vcpu, vector);
			trace_kvm_inj_virq(vector, false, false);
			vcpu->stats.irq_injected++;
			vmx_inject_plainly(vcpu, vector);
		}
	}
	if (unlikely(lapic_pending_by_hand(vcpu) >= 0))
		vmx_request_irq_window(vcpu);
}

/* As x86_inject_events() */
static noinline int inject_events(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;
	bool given = true, unhalted = vcpu->arch.unhalted;

	vcpu->arch.unhalted = false;
	if (unlikely(ev->irq.injected))
		look_at_irq(vcpu);
	/* an offer whose interrupt is still on its way holds if nothing new came */
	if (!ev->irq.injected || lapic_highest_irr(vcpu) >= 0)
		lapic_sync_pv_eoi(vcpu);
	if (ev->exception.pending) {
		begin_exception(vcpu);
		inject_exception(vcpu);
	} else if (ev->exception.injected) {
		inject_exception(vcpu);
	} else if (ev->nmi_injected) {
		inject_nmi(vcpu);
	} else if (ev->irq.injected) {
		inject_irq(vcpu);
	} else {
		given = false;
	}

	if (unlikely(ev->smi_pending) && !vcpu->arch.smm &&
	    !irqs_held_back(vcpu)) {
		if (!given) {
			ev->smi_pending = false;
			x86_enter_smm(vcpu, unhalted);
			return 1;
		}
		ev->smi_delayed = true;
	}

	if (ev->nmi_pending && !irqs_held_back(vcpu)) {
		if (!given && vmx_nmi_allowed(vcpu)) {
			ev->nmi_pending--;
			inject_nmi(vcpu);
			given = true;
		}
		if (ev->nmi_pending)
			vmx_request_nmi_window(vcpu);
	}

	if (irqs_held_back(vcpu))
		return 0;
	if (unlikely(ev->irq.held)) {
		if (!given && vmx_irq_allowed(vcpu)) {
			inject_held(vcpu);
			given = true;
		} else {
			vmx_request_irq_window(vcpu);
		}
	}
	if (irq_to_inject(vcpu)) {
		if (!given && vmx_irq_allowed(vcpu) && take_irq(vcpu)) {
			inject_irq(vcpu);
			given = true;
		}
		if (irq_to_inject(vcpu))
			vmx_request_irq_window(vcpu);
	}
	if (unlikely(user_wants_window(vcpu)))
		vmx_request_irq_window(vcpu);
	return 0;
}

static noinline int inject_with_assists(struct vcpu *vcpu)
{
	u32 assists = lapic_assists(vcpu);
	bool by_cpu = assists & IRQ_ASSIST_DELIVERY &&
		      vmx_apic_choose(vcpu, !irqs_held_back(vcpu));
	int ret = 0;

	if (likely(only_irqs(vcpu)))
		inject_irqs(vcpu);
	else
		ret = inject_events(vcpu);
	if (assists & IRQ_ASSIST_TPR)
		vmx_apic_entry(vcpu, assists, by_cpu);
	return ret;
}

int x86_inject_events(struct vcpu *vcpu)
{
	if (vcpu->vm->irq.assists || !only_irqs(vcpu) ||
	    !vmx_delivers_plainly(vcpu))
		return inject_with_assists(vcpu);
	inject_plain_irqs(vcpu);
	return 0;
}

void x86_inject_irq_events(struct vcpu *vcpu)
{
	const struct x86_events *ev = &vcpu->arch.ev;

	if (unlikely(vcpu->vm->irq.assists ||
		     ev->exception.pending | ev->exception.injected |
		     ev->irq.injected | ev->irq.held |
		     ev->nmi_injected | ev->nmi_pending ||
		     vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_HLT))
		x86_inject_events(vcpu);
	else
		inject_plain_irqs(vcpu);
}

/* ---- NMIs and SMIs --------------------------------------------------------------- */

void x86_nmi(struct vcpu *vcpu)
{
	atomic_inc(&vcpu->arch.ev.nmi_queued);
	vcpu_request(vcpu, REQ_NMI);
	vcpu_kick(vcpu);
}

/*
 * SDM 3A 6.7.1: one NMI in service blocks others, of which one is latched. So
 * one more may wait while NMIs are blocked, two while they are not.
 */
void x86_process_nmi(struct vcpu *vcpu)
{
	struct x86_events *ev = &vcpu->arch.ev;
	unsigned int limit = 2;

	if (vmx_nmi_blocked(vcpu) || ev->nmi_injected)
		limit = 1;
	ev->nmi_pending = min_t(unsigned int, limit, ev->nmi_pending +
				atomic_xchg(&ev->nmi_queued, 0));
	vcpu_request(vcpu, REQ_EVENT);
}

void x86_process_smi(struct vcpu *vcpu)
{
	if (!vcpu_take_request(vcpu, REQ_SMI))
		return;
	vcpu->arch.ev.smi_pending = true;
	vcpu_request(vcpu, REQ_EVENT);
}
