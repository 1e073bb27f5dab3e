// SPDX-License-Identifier: GPL-2.0-only
/*
 * FPU and extended state. Between x86_fpu_load() and x86_fpu_put() the guest's
 * state is the thread's; XCR0, XSS and PKRU, which the host must never run
 * with, are switched around each entry, and only where they differ.
 */
#include <linux/string.h>
#include <asm/asm.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/special_insns.h>
#include "x86/priv.h"

void x86_fpu_load(struct vcpu *vcpu)
{
	if (vcpu->arch.fpu_loaded)
		return;
	fpu_swap_kvm_fpstate(&vcpu->arch.fpu, true);
	vcpu->arch.fpu_loaded = true;
}

void x86_fpu_put(struct vcpu *vcpu)
{
	if (!vcpu->arch.fpu_loaded)
		return;
	fpu_swap_kvm_fpstate(&vcpu->arch.fpu, false);
	vcpu->arch.fpu_loaded = false;
}

/*
 * Components the kernel keeps in an FPU state, but for PKRU, which it switches by
 * itself and of which this file does the guest's.
 */
static void restore_state(struct fpstate *fps)
{
	u64 mask = fps->xfeatures & ~(u64)XFEATURE_MASK_PKRU;

	asm volatile("1: xrstors64 %0\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE_TYPE(1b, 2b, EX_TYPE_FPU_RESTORE)
		     : : "m" (fps->regs.xsave), "a" ((u32)mask),
			 "d" ((u32)(mask >> 32)) : "memory");
}

static void save_state(struct fpstate *fps)
{
	u64 mask = fps->xfeatures;

	asm volatile("xsaves64 %0"
		     : "+m" (fps->regs.xsave)
		     : "a" ((u32)mask), "d" ((u32)(mask >> 32)) : "memory");
}

/**
 * x86_fpu_enter() - the guest's state for a single entry; x86_fpu_leave() ends it
 * @vcpu: the vCPU, its state not loaded
 *
 * About half of what x86_fpu_load() and x86_fpu_put() cost. To the kernel the
 * guest is one of its own users of the FPU in between; the thread's state comes
 * back on its way to user space, or is not needed at all where x86_fpu_load()
 * follows.
 *
 * Only where x86_host.fpu_section says so. Context: interrupts off from the one
 * to the other.
 */
void x86_fpu_enter(struct vcpu *vcpu)
{
	kernel_fpu_begin_mask(0);
	restore_state(vcpu->arch.fpu.fpstate);
}

void x86_fpu_leave(struct vcpu *vcpu)
{
	save_state(vcpu->arch.fpu.fpstate);
	kernel_fpu_end();
}

/* Could the guest see, or have changed, PKRU? */
static bool guest_has_pkru(struct vcpu *vcpu)
{
	return x86_host.pku &&
	       (vcpu->arch.cr4 & X86_CR4_PKE ||
		vcpu->arch.xcr0 & XFEATURE_MASK_PKRU);
}

void x86_xcr0_to_guest(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;

	/* without OSXSAVE nothing of the guest can look at them */
	if (a->cr4 & X86_CR4_OSXSAVE) {
		if (a->xcr0 != x86_host.xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, a->xcr0);
		if (x86_host.xsaves && a->xss != x86_host.xss)
			wrmsrl(MSR_IA32_XSS, a->xss);
	}
	if (guest_has_pkru(vcpu)) {
		a->host_pkru = rdpkru();
		if (a->pkru != a->host_pkru)
			wrpkru(a->pkru);
	}
	a->xcr0_loaded = true;
}

void x86_xcr0_to_host(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;

	a->xcr0_loaded = false;
	if (guest_has_pkru(vcpu)) {
		a->pkru = rdpkru();
		if (a->pkru != a->host_pkru)
			wrpkru(a->host_pkru);
	}
	if (a->cr4 & X86_CR4_OSXSAVE) {
		if (a->xcr0 != x86_host.xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, x86_host.xcr0);
		if (x86_host.xsaves && a->xss != x86_host.xss)
			wrmsrl(MSR_IA32_XSS, x86_host.xss);
	}
}

/* SDM 1 13.3 and 3A 2.6: what XSETBV accepts */
static bool xcr0_valid(u64 xcr0)
{
	if (!(xcr0 & XFEATURE_MASK_FP) || xcr0 & ~x86_host.guest_xcr0)
		return false;
	if (xcr0 & XFEATURE_MASK_YMM && !(xcr0 & XFEATURE_MASK_SSE))
		return false;
	if (!(xcr0 & XFEATURE_MASK_AVX512))
		return true;
	return (xcr0 & XFEATURE_MASK_AVX512) == XFEATURE_MASK_AVX512 &&
	       xcr0 & XFEATURE_MASK_YMM;
}

static void set_xcr0(struct vcpu *vcpu, u64 xcr0)
{
	if (vcpu->arch.xcr0 == xcr0)
		return;
	vcpu->arch.xcr0 = xcr0;
	x86_cpuid_runtime(vcpu);
}

int x86_set_xcr(struct vcpu *vcpu, u32 index, u64 value)
{
	struct kvm_cpuid_entry2 *e;
	u64 offered;

	if (index != XCR_XFEATURE_ENABLED_MASK || !xcr0_valid(value))
		return 1;
	/* and only what this guest's CPUID offers */
	e = cpuid_find(vcpu->arch.cpuid, XSTATE_CPUID, 0);
	offered = e ? e->eax | (u64)e->edx << 32 : 0;
	if (vcpu->arch.cpuid->n && value & ~(offered | XFEATURE_MASK_FP))
		return 1;
	set_xcr0(vcpu, value);
	return 0;
}

void x86_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *x)
{
	memset(x, 0, sizeof(*x));
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return;
	x->nr_xcrs = 1;
	x->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	x->xcrs[0].value = vcpu->arch.xcr0;
}

int x86_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *x)
{
	unsigned int i;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -EINVAL;
	if (x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	/* XCR0 is the only one there is; others are passed over */
	for (i = 0; i < x->nr_xcrs; i++)
		if (x->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK &&
		    !xcr0_valid(x->xcrs[i].value))
			return -EINVAL;
	for (i = 0; i < x->nr_xcrs; i++)
		if (x->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			set_xcr0(vcpu, x->xcrs[i].value);
	return 0;
}

/* ---- FXSAVE and XSAVE images; the state is in memory outside KVM_RUN ---------- */

/* XSAVE does not write what is in its initial state (SDM 1 13.6) */
static u64 present(struct vcpu *vcpu)
{
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return XFEATURE_MASK_FPSSE;
	return vcpu->arch.fpu.fpstate->regs.xsave.header.xfeatures;
}

static u32 get_mxcsr(struct vcpu *vcpu)
{
	return present(vcpu) & XFEATURE_MASK_SSE ?
	       vcpu->arch.fpu.fpstate->regs.fxsave.mxcsr : MXCSR_DEFAULT;
}

int x86_get_fpu(struct vcpu *vcpu, struct kvm_fpu *f)
{
	const struct fxregs_state *fx = &vcpu->arch.fpu.fpstate->regs.fxsave;

	BUILD_BUG_ON(sizeof(f->fpr) != sizeof(fx->st_space));
	memset(f, 0, sizeof(*f));
	if (present(vcpu) & XFEATURE_MASK_SSE)
		memcpy(f->xmm, fx->xmm_space, sizeof(f->xmm));
	f->mxcsr = get_mxcsr(vcpu);
	f->fcw = 0x37f;
	if (!(present(vcpu) & XFEATURE_MASK_FP))
		return 0;
	memcpy(f->fpr, fx->st_space, sizeof(f->fpr));
	f->fcw = fx->cwd;
	f->fsw = fx->swd;
	f->ftwx = fx->twd;
	f->last_opcode = fx->fop;
	f->last_ip = fx->rip;
	f->last_dp = fx->rdp;
	return 0;
}

/*
 * MXCSR 0, with all exceptions unmasked and pending ones to come, is what those
 * have who do not fill the field: it stays as it is.
 */
int x86_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *f)
{
	struct xregs_state *xs = &vcpu->arch.fpu.fpstate->regs.xsave;
	struct fxregs_state *fx = &vcpu->arch.fpu.fpstate->regs.fxsave;
	u32 mxcsr;

	/* reserved bits would make the host's FXRSTOR fault (SDM 1 11.6.6) */
	if (f->mxcsr & ~x86_host.mxcsr_mask)
		return -EINVAL;
	mxcsr = f->mxcsr ?: get_mxcsr(vcpu);
	memcpy(fx->st_space, f->fpr, sizeof(f->fpr));
	fx->cwd = f->fcw;
	fx->swd = f->fsw;
	fx->twd = f->ftwx;
	fx->fop = f->last_opcode;
	fx->rip = f->last_ip;
	fx->rdp = f->last_dp;
	memcpy(fx->xmm_space, f->xmm, sizeof(f->xmm));
	fx->mxcsr = mxcsr;
	/* have XRSTOR load it rather than the initial state */
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		xs->header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

/* The components that user space sees; FP and SSE in any case */
static u64 uabi_xfeatures(void)
{
	return x86_host.guest_xcr0 | XFEATURE_MASK_FPSSE;
}

unsigned int x86_xsave_size(void)
{
	return max_t(unsigned int, sizeof(struct kvm_xsave),
		     xsave_area_size(x86_host.guest_xcr0, false));
}

void x86_get_xsave(struct vcpu *vcpu, void *buf, unsigned int size)
{
	memset(buf, 0, size);
	fpu_copy_guest_fpstate_to_uabi(&vcpu->arch.fpu, buf, size,
				       uabi_xfeatures(), vcpu->arch.pkru);
}

int x86_set_xsave(struct vcpu *vcpu, const void *buf)
{
	return fpu_copy_uabi_to_guest_fpstate(&vcpu->arch.fpu, buf,
					      uabi_xfeatures(),
					      &vcpu->arch.pkru);
}
