// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest states that this VM's hardware cannot enter.
 *
 * Without unrestricted guest VMX enters only protected mode with paging, and
 * segments as SDM 3C 27.3.1.2 wants them. Real mode runs as virtual-8086 mode
 * where it can (realmode.c). Anything else runs in the emulator, instruction by
 * instruction, until the state is one that can be entered.
 */
#include <linux/moduleparam.h>
#include "core/run.h"
#include "vmx/private.h"
#include "x86/x86.h"

/*
 * For tests of the emulator: what it makes of code that the CPU could run
 * itself. Guests that use what is not emulated end with an internal error.
 */
static bool force_emulation;
module_param(force_emulation, bool, 0644);
MODULE_PARM_DESC(force_emulation, "debug: VMs created from now on run in the emulator alone");

static bool usable(const struct vmx_seg *s)
{
	return !(s->ar & VMX_AR_UNUSABLE_MASK);
}

static unsigned int rpl(const struct vmx_seg *s)
{
	return s->sel & 3;
}

static unsigned int type_of(const struct vmx_seg *s)
{
	return s->ar & VMX_AR_TYPE_MASK;
}

/* Limit and granularity must agree */
static bool limit_ok(const struct vmx_seg *s)
{
	if ((s->limit & 0xfff) != 0xfff && s->ar & VMX_AR_G_MASK)
		return false;
	return !(s->limit & 0xfff00000) || s->ar & VMX_AR_G_MASK;
}

/* @ug: as an unrestricted guest may have it, here and below */
static bool code_ok(const struct vmx_seg *cs, const struct vmx_seg *ss, bool ug)
{
	unsigned int dpl = VMX_AR_DPL(cs->ar), ss_dpl = VMX_AR_DPL(ss->ar);

	if (!usable(cs) || !(cs->ar & VMX_AR_S_MASK) || !(cs->ar & VMX_AR_P_MASK) ||
	    cs->ar & VMX_AR_RESERVD_MASK || !limit_ok(cs))
		return false;
	switch (type_of(cs)) {
	case 3:			/* as real mode leaves it */
		return ug && !dpl && !ss_dpl;
	case 9: case 11:	/* non-conforming */
		return dpl == ss_dpl && (ug || dpl == rpl(cs));
	case 13: case 15:	/* conforming */
		return dpl <= ss_dpl;
	}
	return false;
}

static bool stack_ok(const struct vmx_seg *ss, const struct vmx_seg *cs, bool ug)
{
	if (!ug && (VMX_AR_DPL(ss->ar) != rpl(ss) || rpl(ss) != rpl(cs)))
		return false;
	if (!usable(ss))
		return true;
	return (type_of(ss) == 3 || type_of(ss) == 7) && ss->ar & VMX_AR_S_MASK &&
	       ss->ar & VMX_AR_P_MASK && !(ss->ar & VMX_AR_RESERVD_MASK) &&
	       limit_ok(ss);
}

static bool data_ok(const struct vmx_seg *s, bool ug)
{
	if (!usable(s))
		return true;
	if (!(s->ar & VMX_AR_S_MASK) || !(s->ar & VMX_AR_P_MASK) ||
	    s->ar & VMX_AR_RESERVD_MASK || !limit_ok(s) ||
	    !(s->ar & VMX_AR_TYPE_ACCESSES_MASK))
		return false;
	if (s->ar & VMX_AR_TYPE_CODE_MASK && !(s->ar & VMX_AR_TYPE_READABLE_MASK))
		return false;
	/* conforming code may be loaded with any RPL */
	return ug || type_of(s) >= 12 || VMX_AR_DPL(s->ar) >= rpl(s);
}

static bool tr_ok(const struct vmx_seg *tr, bool ia32e)
{
	if (!usable(tr) || tr->sel & 4 || tr->ar & VMX_AR_S_MASK ||
	    !(tr->ar & VMX_AR_P_MASK) || tr->ar & VMX_AR_RESERVD_MASK ||
	    !limit_ok(tr))
		return false;
	return type_of(tr) == VMX_AR_TYPE_BUSY_32_TSS ||
	       (!ia32e && type_of(tr) == VMX_AR_TYPE_BUSY_16_TSS);
}

static bool ldtr_ok(const struct vmx_seg *l)
{
	if (!usable(l))
		return true;
	return !(l->sel & 4) && type_of(l) == VMX_AR_TYPE_LDT &&
	       !(l->ar & VMX_AR_S_MASK) && l->ar & VMX_AR_P_MASK &&
	       !(l->ar & VMX_AR_RESERVD_MASK) && limit_ok(l);
}

/* Virtual-8086 segments (SDM 3C 27.3.1.2) */
static bool v86_ok(const struct vmx_seg *s)
{
	return s->base == (u64)s->sel << 4 && s->limit == 0xffff && s->ar == 0xf3;
}

static void read_segs(struct vcpu *vcpu, struct vmx_seg s[NR_SEGS])
{
	int i;

	for (i = 0; i < NR_SEGS; i++)
		vmx_read_seg(vcpu, &s[i], i);
}

/* Would VM entry accept them, but for their bases? */
static bool segs_ok(struct vcpu *vcpu, const struct vmx_seg s[NR_SEGS], bool ug)
{
	bool v86 = vcpu_rflags(vcpu) & X86_EFLAGS_VM && !x86_long_mode(vcpu);
	int i;

	for (i = SEG_ES; i <= SEG_GS; i++) {
		if (v86) {
			if (!v86_ok(&s[i]))
				return false;
		} else if (i != SEG_CS && i != SEG_SS && !data_ok(&s[i], ug)) {
			return false;
		}
	}
	if (!v86 && (!code_ok(&s[SEG_CS], &s[SEG_SS], ug) ||
		     !stack_ok(&s[SEG_SS], &s[SEG_CS], ug)))
		return false;
	return tr_ok(&s[SEG_TR], x86_long_mode(vcpu)) && ldtr_ok(&s[SEG_LDTR]);
}

/* Would VM entry accept the guest's segments, without unrestricted guest? */
static bool segments_enterable(struct vcpu *vcpu)
{
	struct vmx_seg s[NR_SEGS];

	if (!x86_protected(vcpu))
		return false;
	read_segs(vcpu, s);
	return segs_ok(vcpu, s, false);
}

/* SDM 3C 27.3.1.2, 27.3.1.3: 64 bits of those that 64-bit mode uses, 32 of others */
static bool bases_ok(struct vcpu *vcpu, const struct vmx_seg s[NR_SEGS])
{
	struct kvm_dtable gdt, idt;

	vmx_get_gdt(vcpu, &gdt);
	vmx_get_idt(vcpu, &idt);
	if (s[SEG_CS].base > U32_MAX ||
	    (usable(&s[SEG_SS]) && s[SEG_SS].base > U32_MAX) ||
	    (usable(&s[SEG_DS]) && s[SEG_DS].base > U32_MAX) ||
	    (usable(&s[SEG_ES]) && s[SEG_ES].base > U32_MAX))
		return false;
	return x86_canonical_register(vcpu, s[SEG_FS].base) &&
	       x86_canonical_register(vcpu, s[SEG_GS].base) &&
	       x86_canonical_register(vcpu, s[SEG_TR].base) &&
	       (!usable(&s[SEG_LDTR]) ||
		x86_canonical_register(vcpu, s[SEG_LDTR].base)) &&
	       x86_canonical_register(vcpu, gdt.base) &&
	       x86_canonical_register(vcpu, idt.base);
}

/**
 * vmx_segments_possible() - can a CPU have the guest's segments?
 * @vcpu: the vCPU, its mode and RFLAGS what they will be
 *
 * What VM entry refuses no instruction brings about, but for RSM, which loads
 * hidden parts from memory. Real mode that the emulator runs may be odder.
 */
bool vmx_segments_possible(struct vcpu *vcpu)
{
	struct vmx_seg s[NR_SEGS];

	if (!vcpu->vm->vmx.unrestricted && !x86_protected(vcpu))
		return true;
	read_segs(vcpu, s);
	/* a stack of real mode is one of CPL 0: SDM 3C 27.3.1.2 */
	if (!x86_protected(vcpu) && VMX_AR_DPL(s[SEG_SS].ar))
		return false;
	return segs_ok(vcpu, s, true) && bases_ok(vcpu, s);
}

/**
 * vmx_check_emulation() - segments or mode changed: who runs the guest now?
 * @vcpu: the vCPU
 *
 * With unrestricted guest the CPU enters every state that an instruction can
 * reach; what only a VMM can set up fails the entry.
 *
 * Without it the answer is worked out before the next entry, when the last of
 * several changes has been made.
 */
void vmx_check_emulation(struct vcpu *vcpu)
{
	if (!vcpu->vm->vmx.unrestricted)
		vcpu->vmx.state_changed = true;
}

bool vmx_emulation_forced(void)
{
	return READ_ONCE(force_emulation);
}

/* The guest's state is what it will be at the next entry: how is it run? */
static void settle(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	bool by_hand = v->v86 || v->emulation_required;

	if (unlikely(vcpu->vm->vmx.force_emulation)) {
		v->emulation_required = true;
	} else if (x86_protected(vcpu)) {
		v->emulation_required = !segments_enterable(vcpu);
	} else if (vmx_v86_possible(vcpu)) {
		vmx_v86_enter(vcpu);
		v->emulation_required = false;
	} else {
		if (v->v86) {
			vmx_v86_leave(vcpu);
			vmx_update_cr0(vcpu, x86_cr0(vcpu));
		}
		v->emulation_required = true;
	}
	v->state_changed = false;
	/* who delivers interrupts now? vmx_apic_choose() */
	if (unlikely(by_hand != (v->v86 || v->emulation_required)))
		vcpu_request(vcpu, REQ_EVENT);
}

/* The rest of vmx_needs_emulation() */
bool vmx_needs_emulation_slow(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	if (unlikely(v->state_changed))
		settle(vcpu);
	return v->emulation_required || v->soft_event;
}

/* Windows that the CPU would exit for, were it running the guest */
static void check_windows(struct vcpu *vcpu)
{
	u32 proc = vcpu->vmx.vmcs.proc;

	if (unlikely(proc & CPU_BASED_INTR_WINDOW_EXITING) &&
	    vmx_irq_allowed(vcpu))
		vmx_exit_irq_window(vcpu);
	if (unlikely(proc & CPU_BASED_NMI_WINDOW_EXITING) &&
	    vmx_nmi_allowed(vcpu))
		vmx_exit_nmi_window(vcpu);
	if (unlikely(proc & CPU_BASED_MONITOR_TRAP_FLAG) &&
	    vmx_nmi_allowed(vcpu))
		vmx_exit_mtf(vcpu);
}

/* Instructions in one go before the run loop looks at signals and events */
#define EMULATE_BATCH	128

/*
 * No instruction makes TR unusable, so a guest in protected mode without it is
 * the VMM's mistake, and no instruction mends it.
 */
static bool never_enterable(struct vcpu *vcpu)
{
	struct vmx_seg tr;

	if (!vcpu->vmx.emulation_required || vcpu->vm->vmx.force_emulation ||
	    !x86_protected(vcpu))
		return false;
	vmx_read_seg(vcpu, &tr, SEG_TR);
	return !usable(&tr);
}

/**
 * vmx_emulate() - run the guest in the emulator for a while
 * @vcpu: the vCPU; vmx_needs_emulation() said yes
 *
 * Delivers the event that vmx_inject() was given, if any.
 * Return: enum run_result or -errno.
 */
int vmx_emulate(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	int i, ret;

	if (unlikely(never_enterable(vcpu))) {
		vmx_cancel_injection(vcpu);
		return run_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION,
					  0, NULL);
	}
	if (v->soft_event) {
		u32 info = v->soft_event;

		v->soft_event = 0;
		v->event_given = false;
		ret = run_deliver(vcpu, info, v->soft_error, v->soft_len);
		if (ret != RUN_RESUME)
			return ret;
	}
	for (i = 0; i < EMULATE_BATCH && vmx_needs_emulation(vcpu); i++) {
		check_windows(vcpu);
		if (READ_ONCE(vcpu->requests) || signal_pending(current) ||
		    need_resched() ||
		    vcpu->arch.mp_state != KVM_MP_STATE_RUNNABLE)
			break;
		ret = run_emulate_next(vcpu);
		if (ret != RUN_RESUME)
			return ret;
	}
	return RUN_RESUME;
}
