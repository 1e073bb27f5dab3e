// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debug registers, the guest's and the debugger's. MOV DR and #DB exit, so
 * that vcpu->arch always has the guest's values. SDM 3B 18.2.
 */
#include "x86/priv.h"

#define DR6_ALWAYS_ONE	0xffff0ff0ULL	/* reserved, RTM and BLD included */
#define DR6_WRITABLE	0x0000e00fULL	/* B0-B3, BD, BS, BT */
#define DR7_ALWAYS_ONE	0x00000400ULL
#define DR7_WRITABLE	0xffff2bffULL	/* without RTM (bit 11): see below */

static u64 dr6_make(u64 value)
{
	return (value & DR6_WRITABLE) | DR6_ALWAYS_ONE;
}

static u64 dr7_make(struct vcpu *vcpu, u64 value)
{
	u64 writable = DR7_WRITABLE & ~BIT_ULL(11);

	/* SDM 3B 18.3.3: advanced debugging of RTM regions */
	if (x86_gcap(vcpu, GCAP_RTM))
		writable |= BIT_ULL(11);
	return (value & writable) | DR7_ALWAYS_ONE;
}

/* DR7 of the guest or the debugger changed: which goes into the CPU? */
void dr_changed(struct vcpu *vcpu)
{
	if (vcpu->arch.guest_debug & KVM_GUESTDBG_USE_HW_BP)
		/* MOV DR exits without GD; vmx_exit_dr() looks at it */
		vmx_update_dr7(vcpu, vcpu->arch.guest_debug_dr7 & ~DR7_GD);
	else
		vmx_update_dr7(vcpu, vcpu->arch.dr7);
}

/* Common to reading and writing: what comes before the access itself */
static int check_access(struct vcpu *vcpu, unsigned int *n)
{
	if (*n == 4 || *n == 5) {
		if (x86_cr4(vcpu) & X86_CR4_DE)
			return X86_TRAP_UD;
		*n += 2;
	}
	if (*n > 7)
		return X86_TRAP_UD;
	/* with DR6_BD as its payload; delivery clears GD (SDM 3B 18.2.3) */
	return vcpu->arch.dr7 & DR7_GD ? X86_TRAP_DB : 0;
}

int x86_set_dr(struct vcpu *vcpu, unsigned int n, u64 value)
{
	int vector = check_access(vcpu, &n);

	if (vector)
		return vector;
	switch (n) {
	case 0 ... 3:
		vcpu->arch.db[array_index_nospec(n, 4)] = value;
		/* reloaded from memory before the next entry */
		break;
	case 6:
		if (value >> 32)
			return X86_TRAP_GP;
		vcpu->arch.dr6 = dr6_make(value);
		break;
	default:
		if (value >> 32)
			return X86_TRAP_GP;
		vcpu->arch.dr7 = dr7_make(vcpu, value);
		dr_changed(vcpu);
	}
	return 0;
}

/* Whatever DR7.GD says: no instruction accesses it. L0 to L3 and LE: SDM 3B 18.2.4 */
void x86_end_local_breakpoints(struct vcpu *vcpu)
{
	vcpu->arch.dr7 &= ~0x155ULL;
	dr_changed(vcpu);
}

int x86_get_dr(struct vcpu *vcpu, unsigned int n, u64 *value)
{
	int vector = check_access(vcpu, &n);

	if (vector)
		return vector;
	switch (n) {
	case 0 ... 3:
		*value = vcpu->arch.db[array_index_nospec(n, 4)];
		break;
	case 6:
		*value = vcpu->arch.dr6;
		break;
	default:
		*value = vcpu->arch.dr7;
	}
	return 0;
}

void x86_get_debugregs(struct vcpu *vcpu, struct kvm_debugregs *d)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->db, vcpu->arch.db, sizeof(d->db));
	d->dr6 = vcpu->arch.dr6;
	d->dr7 = vcpu->arch.dr7;
}

int x86_set_debugregs(struct vcpu *vcpu, const struct kvm_debugregs *d)
{
	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(vcpu->arch.db, d->db, sizeof(d->db));
	vcpu->arch.dr6 = dr6_make(d->dr6);
	vcpu->arch.dr7 = dr7_make(vcpu, d->dr7);
	dr_changed(vcpu);
	return 0;
}

#define GUEST_DEBUG_KNOWN (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | \
			   KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP | \
			   KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP | \
			   KVM_GUESTDBG_BLOCKIRQ)

int x86_set_guest_debug(struct vcpu *vcpu, const struct kvm_guest_debug *dbg)
{
	struct x86_vcpu *a = &vcpu->arch;
	u32 control = dbg->control;
	u64 rflags;

	if (control & ~GUEST_DEBUG_KNOWN)
		return -EINVAL;
	if (control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (a->ev.exception.pending || a->ev.exception.injected)
			return -EBUSY;
		if (control & KVM_GUESTDBG_INJECT_DB)
			x86_queue_exception(vcpu, X86_TRAP_DB);
		else
			x86_queue_exception(vcpu, X86_TRAP_BP);
	}
	if (!(control & KVM_GUESTDBG_ENABLE))
		control = 0;
	/* the guest's own RFLAGS, before TF becomes, or ends to be, ours */
	rflags = vcpu_rflags(vcpu);
	a->guest_debug = control & ~(KVM_GUESTDBG_INJECT_DB |
				     KVM_GUESTDBG_INJECT_BP);
	if (control & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(a->guest_debug_db, dbg->arch.debugreg,
		       sizeof(a->guest_debug_db));
		a->guest_debug_dr7 = (u32)dbg->arch.debugreg[7] | DR7_ALWAYS_ONE;
	} else {
		a->guest_debug_dr7 = 0;
	}
	dr_changed(vcpu);
	vcpu_set_rflags(vcpu, rflags);
	vmx_update_exception_bitmap(vcpu);
	/* KVM_GUESTDBG_BLOCKIRQ */
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}
