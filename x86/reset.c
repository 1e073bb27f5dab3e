// SPDX-License-Identifier: GPL-2.0-only
/* Power-on and INIT: SDM 3A table 10-1, and the start-up IPI */
#include <asm/fpu/api.h>
#include <asm/fpu/xstate.h>
#include "x86/priv.h"

#define PAT_RESET	0x0007040600070406ULL	/* SDM 3A 12.12.4 */

static void reset_segments(struct vcpu *vcpu)
{
	struct kvm_segment s = {
		.limit = 0xffff, .type = 3, .present = 1, .s = 1,
	};
	struct kvm_dtable dt = { .limit = 0xffff };

	vmx_set_segment(vcpu, &s, SEG_DS);
	vmx_set_segment(vcpu, &s, SEG_ES);
	vmx_set_segment(vcpu, &s, SEG_FS);
	vmx_set_segment(vcpu, &s, SEG_GS);
	vmx_set_segment(vcpu, &s, SEG_SS);
	s.selector = 0xf000;
	s.base = 0xffff0000;
	s.type = 11;
	vmx_set_segment(vcpu, &s, SEG_CS);
	s = (struct kvm_segment){ .limit = 0xffff, .type = 2, .present = 1 };
	vmx_set_segment(vcpu, &s, SEG_LDTR);
	s.type = 11;
	vmx_set_segment(vcpu, &s, SEG_TR);
	vmx_set_gdt(vcpu, &dt);
	vmx_set_idt(vcpu, &dt);
}

static void reset_msrs(struct vcpu *vcpu)
{
	static const u32 zero[] = {
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
		MSR_KERNEL_GS_BASE, MSR_TSC_AUX, MSR_IA32_SPEC_CTRL,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};
	struct x86_vcpu *a = &vcpu->arch;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(zero); i++)
		vmx_set_msr(vcpu, zero[i], 0, true);
	a->pat = PAT_RESET;
	vmx_update_pat(vcpu);
	a->misc_enable = MSR_IA32_MISC_ENABLE_FAST_STRING |
			 MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |
			 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL;
	a->smbase = 0x30000;		/* SDM 3C 32.11 */
	a->smi_count = 0;
	a->mcg_status = 0;
	a->apic_base = 0xfee00000 | MSR_IA32_APICBASE_ENABLE |
		       (vcpu->id == vcpu->vm->arch.bsp_vcpu_id ?
			MSR_IA32_APICBASE_BSP : 0);
	pvclock_reset(vcpu);
}

/*
 * As FNINIT has it (SDM 1 13.6), not as after power-on, where FCW has 40H (SDM 3A
 * table 10-1): VMMs begin in the middle of a guest, without the firmware that would
 * have executed it. INIT leaves the FPU alone.
 */
static void reset_fpu(struct vcpu *vcpu)
{
	struct fpstate *fp = vcpu->arch.fpu.fpstate;

	memset(&fp->regs.fxsave, 0, sizeof(fp->regs.fxsave));
	fp->regs.fxsave.cwd = 0x37f;
	fp->regs.fxsave.mxcsr = MXCSR_DEFAULT;
	/* the other components are in their initial state */
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		fp->regs.xsave.header.xfeatures = XFEATURE_MASK_FPSSE;
	vcpu->arch.xcr0 = XFEATURE_MASK_FP;
	vcpu->arch.xss = 0;
	vcpu->arch.pkru = 0;
}

void x86_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct x86_vcpu *a = &vcpu->arch;
	struct kvm_cpuid_entry2 *e;
	u64 cr0 = X86_CR0_ET | X86_CR0_CD | X86_CR0_NW;
	u64 apic_base = a->apic_base;

	memset(&a->ev.exception, 0, sizeof(a->ev.exception));
	memset(&a->ev.irq, 0, sizeof(a->ev.irq));
	a->ev.nmi_injected = false;
	a->ev.smi_pending = false;
	a->ev.smi_delayed = false;
	a->ev.nmi_pending = 0;
	atomic_set(&a->ev.nmi_queued, 0);
	a->ev.user_irq = -1;
	WRITE_ONCE(a->pv_unhalted, false);
	a->ev.reinject_len = 0;

	memset(vcpu->regs, 0, sizeof(vcpu->regs));
	/* EDX: family, model and stepping. SDM 3A table 10-1: 06xxH */
	e = cpuid_find(a->cpuid, 1, 0);
	vcpu->regs[GPR_RDX] = e ? e->eax : 0x600;
	memset(a->db, 0, sizeof(a->db));
	a->dr6 = 0xffff0ff0;		/* the same table, and DR7 */
	a->dr7 = 0x400;
	a->cr2 = 0;

	/* INIT keeps CD and NW; the rest of CR0 is as after power-on */
	if (init)
		cr0 = X86_CR0_ET |
		      (x86_cr0(vcpu) & (X86_CR0_CD | X86_CR0_NW));
	if (!init) {
		reset_fpu(vcpu);
		reset_msrs(vcpu);
		a->mp_state = vcpu->id == vcpu->vm->arch.bsp_vcpu_id ||
			      !vcpu->lapic ? KVM_MP_STATE_RUNNABLE :
					     KVM_MP_STATE_UNINITIALIZED;
		tsc_vcpu_init(vcpu);
	} else {
		/* INIT leaves MTRRs, MSRs, the TSC and the FPU as they are */
		a->apic_base = apic_base;
	}

	a->smm_nmi_blocked = false;
	a->unhalted = false;
	x86_set_smm(vcpu, false);
	vmx_vcpu_reset(vcpu, init);
	a->cr3 = 0;
	vmx_set_dirty(vcpu, VREG_CR3);
	vmx_update_cr0(vcpu, cr0);
	vmx_update_cr4(vcpu, 0);
	vmx_update_efer(vcpu, 0);
	x86_set_cr8(vcpu, 0);
	reset_segments(vcpu);
	vcpu_set_rsp(vcpu, 0);
	vcpu_set_rip(vcpu, 0xfff0);
	vcpu_set_rflags(vcpu, X86_EFLAGS_FIXED);
	dr_changed(vcpu);
	vmx_update_exception_bitmap(vcpu);
	if (vcpu->lapic)
		lapic_reset(vcpu, init);
	x86_cpuid_runtime(vcpu);
	if (!init)
		vmx_cpuid_changed(vcpu);
	mmu_op(vcpu->vm, mode_changed, vcpu);
	mmu_op(vcpu->vm, new_cr3, vcpu, 0, false);
	mmu_op(vcpu->vm, flush_guest, vcpu);
}

void x86_deliver_sipi(struct vcpu *vcpu, u8 vector)
{
	struct kvm_segment cs;

	vmx_get_segment(vcpu, &cs, SEG_CS);
	cs.selector = vector << 8;
	cs.base = vector << 12;
	vmx_set_segment(vcpu, &cs, SEG_CS);
	vcpu_set_rip(vcpu, 0);
	vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
}
