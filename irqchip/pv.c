// SPDX-License-Identifier: GPL-2.0-only
/*
 * What guests that know KVM spare their LAPIC: EOIs without an exit, IPIs to
 * many CPUs by one. Documentation/virt/kvm/x86/{msr,hypercalls}.rst.
 *
 * PV EOI. A bit in guest memory says that clearing it will do for an EOI. It is
 * set with an interrupt after whose EOI there is nothing to do: nobody wants to
 * be told of it, and no other interrupt waits. So the EOI needs to be known
 * only when somebody looks:
 *
 *  V1. while the bit may be set, arch.pv_eoi is not PV_EOI_NONE, and the ISR
 *      may still have a vector that the guest has completed;
 *  V2. who is about to use the ISR or what follows from it calls
 *      lapic_sync_pv_eoi() first, which ends that: before events are looked
 *      for, before the vCPU sleeps, before somebody reads ISR or PPR. That
 *      reads guest memory, and so it may sleep; lapic_sync_pv_eoi_fast() does
 *      not, and says where it could not find out.
 */
#include <linux/kvm_para.h>
#include <linux/uaccess.h>
#include "trace.h"
#include "x86/x86.h"
#include "lapic.h"

/* ---- PV EOI ------------------------------------------------------------------- */

static gpa_t pv_eoi_gpa(struct vcpu *vcpu)
{
	return vcpu->arch.pv_eoi_msr & ~3ULL;
}

int lapic_set_pv_eoi(struct vcpu *vcpu, u64 value, bool host)
{
	struct x86_vcpu *a = &vcpu->arch;

	if (value & BIT_ULL(1) || (value & KVM_MSR_ENABLED && !vcpu->lapic))
		return 1;
	/* an offer in the old place holds no longer */
	lapic_sync_pv_eoi(vcpu);
	a->pv_eoi_msr = value;
	/* from a VM that was saved: the bit may have come with its memory */
	if (host && value & KVM_MSR_ENABLED) {
		a->pv_eoi = PV_EOI_STALE;
		vcpu_request(vcpu, REQ_EVENT);
	}
	return 0;
}

/*
 * Set or clear the bit, without sleeping. Return: 1 where it was set before, 0
 * where it was not, -EFAULT where that cannot be known without sleeping, or the
 * guest keeps changing the byte.
 */
static int change_bit_of_guest(struct vcpu *vcpu, bool set)
{
	u8 was = set ? 0 : KVM_PV_EOI_MASK, now;
	struct vm *vm = vcpu->vm;
	int tries = 4, idx, r;
	u64 cr2 = read_cr2();

	idx = srcu_read_lock(&vm->srcu);
	pagefault_disable();
	do {
		now = set ? was | KVM_PV_EOI_MASK : was & ~KVM_PV_EOI_MASK;
		r = now == was ? 0 :
		    guest_cmpxchg_quiet(vcpu, pv_eoi_gpa(vcpu), &was, &now, 1);
	} while (r > 0 && --tries);
	pagefault_enable();
	srcu_read_unlock(&vm->srcu, idx);
	/* in the fast loop it is the guest's */
	if (unlikely(read_cr2() != cr2))
		write_cr2(cr2);
	return r ? -EFAULT : !!(was & KVM_PV_EOI_MASK);
}

void lapic_offer_pv_eoi(struct vcpu *vcpu, u8 vector)
{
	struct lapic *l = vcpu->lapic;

	/* the CPU, which may deliver the next one, knows nothing of the bit */
	if (l->virt)
		return;
	if (vcpu->arch.pv_eoi != PV_EOI_NONE || l->isrv != vector ||
	    lapic_test_vec(l, APIC_TMR, vector) ||
	    ioapic_wants_eoi(l->chip, vector) || lapic_highest(l, APIC_IRR) >= 0)
		return;
	/* where it fails the guest makes an EOI as any other does */
	if (change_bit_of_guest(vcpu, true) >= 0)
		vcpu->arch.pv_eoi = PV_EOI_OFFERED;
}

bool lapic_sync_pv_eoi_fast(struct vcpu *vcpu)
{
	bool offered = vcpu->arch.pv_eoi == PV_EOI_OFFERED;
	int was_set;

	if (likely(vcpu->arch.pv_eoi == PV_EOI_NONE))
		return true;
	/* somebody may want to hear of it since the offer */
	if (irqchip_eoi_sleeps(vcpu) && irqs_disabled())
		return false;
	was_set = change_bit_of_guest(vcpu, false);
	if (was_set < 0)
		return false;
	vcpu->arch.pv_eoi = PV_EOI_NONE;
	if (!was_set && offered)
		lapic_eoi(vcpu->lapic);
	return true;
}

void lapic_sync_pv_eoi_slow(struct vcpu *vcpu)
{
	bool offered = vcpu->arch.pv_eoi == PV_EOI_OFFERED;
	struct vm *vm = vcpu->vm;
	u8 flags;
	int idx;

	if (lapic_sync_pv_eoi_fast(vcpu))
		return;
	vcpu->arch.pv_eoi = PV_EOI_NONE;
	idx = srcu_read_lock(&vm->srcu);
	if (guest_read(vm, pv_eoi_gpa(vcpu), &flags, sizeof(flags))) {
		/* it will have to make an EOI if it can at all */
	} else if (flags & KVM_PV_EOI_MASK) {
		flags &= ~KVM_PV_EOI_MASK;
		guest_write(vm, vcpu, pv_eoi_gpa(vcpu), &flags, sizeof(flags));
	} else if (offered) {
		lapic_eoi(vcpu->lapic);
	}
	srcu_read_unlock(&vm->srcu, idx);
}

void lapic_raise(struct vcpu *vcpu, u8 vector)
{
	lapic_accept_vector(vcpu->lapic, vector, false);
}

/* ---- KVM_HC_SEND_IPI ------------------------------------------------------------ */

static int send_some(struct lapic *l, struct lapic_msg *msg, unsigned long map,
		     u32 first)
{
	unsigned int bit;
	int done = 0;

	for_each_set_bit(bit, &map, BITS_PER_LONG) {
		/* the last id is a broadcast to LAPICs, and nobody's */
		if (check_add_overflow(first, bit, &msg->dest) ||
		    msg->dest == U32_MAX)
			break;
		if (lapic_deliver(l->chip, msg, l) >= 0)
			done++;
	}
	return done;
}

long lapic_send_many(struct vcpu *vcpu, u64 low, u64 high, u32 first, u32 icr,
		     unsigned int width)
{
	struct lapic *l = vcpu->lapic;
	struct lapic_msg msg = {
		.vector = icr & APIC_VECTOR_MASK,
		.mode = GET_APIC_DELIVERY_MODE(icr),
		.ipi = true,
		.x2apic_dest = true,	/* ids, none of them a broadcast */
	};
	int done;
	u32 next;

	if (icr & (APIC_DEST_LOGICAL | APIC_DEST_ALLBUT) ||
	    (msg.mode != MODE_FIXED && msg.mode != MODE_NMI) ||
	    (msg.mode == MODE_FIXED && msg.vector < 16))
		return -KVM_EINVAL;
	trace_kvm_apic_ipi(icr, first);
	done = send_some(l, &msg, low, first);
	if (!check_add_overflow(first, (u32)width, &next))
		done += send_some(l, &msg, high, next);
	return done;
}
