// SPDX-License-Identifier: GPL-2.0-only
/* What the host CPU offers guests, and the life of the state kept in x86/ */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/mm.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/tsc.h>
#include <asm/vmx.h>
#include "core/compat.h"
#include "x86/priv.h"

/* SDM 1 11.6.6: in byte 28 of the FXSAVE image; 0 stands for the default */
static u32 read_mxcsr_mask(void)
{
	static struct fxregs_state fx;

	kernel_fpu_begin();
	asm volatile("fxsave %0" : "+m" (fx));
	kernel_fpu_end();
	return fx.mxcsr_mask ?: 0x0000ffbf;
}

struct x86_host x86_host __ro_after_init;

/* State components switched with fpu_swap_kvm_fpstate(), no MPX, no AMX */
#define GUEST_XCR0 (XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | \
		    XFEATURE_MASK_AVX512 | XFEATURE_MASK_PKRU)

/* IA32_ARCH_CAPABILITIES bits passed on: what the CPU is not prone to */
#define ARCH_CAP_PASSED \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_SSB_NO | \
	 ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO | \
	 ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO | \
	 ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_PBRSB_NO)

static u64 host_arch_capabilities(void)
{
	u64 caps = 0;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, caps);
	caps &= ARCH_CAP_PASSED;
	/* not all defects have a bit in CPUs that are free of them */
	if (!boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN))
		caps |= ARCH_CAP_RDCL_NO;
	if (!boot_cpu_has_bug(X86_BUG_SPEC_STORE_BYPASS))
		caps |= ARCH_CAP_SSB_NO;
	if (!boot_cpu_has_bug(X86_BUG_MDS))
		caps |= ARCH_CAP_MDS_NO;
	/* the host flushes before it enters: nested hypervisors need not */
	return caps | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH;
}

int __init x86_setup(void)
{
	u32 secondary = vmx_mmu_caps()->secondary_allowed;
	int err;

	if (boot_cpu_has(X86_FEATURE_XSAVE)) {
		x86_host.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		x86_host.guest_xcr0 = x86_host.xcr0 & GUEST_XCR0;
		if (boot_cpu_has(X86_FEATURE_XSAVES)) {
			rdmsrl(MSR_IA32_XSS, x86_host.xss);
			x86_host.xsaves = secondary & SECONDARY_EXEC_XSAVES;
		}
	}
	x86_host.mxcsr_mask = read_mxcsr_mask();
	/* the layout the kernel uses without XSAVES depends on its version */
	x86_host.fpu_section = boot_cpu_has(X86_FEATURE_XSAVES);
	x86_host.pku = boot_cpu_has(X86_FEATURE_OSPKE);
	if (!x86_host.pku)
		x86_host.guest_xcr0 &= ~XFEATURE_MASK_PKRU;
	x86_host.tsc_khz = tsc_khz;
	x86_host.tsc_scaling = secondary & SECONDARY_EXEC_TSC_SCALING;
	/* four-level EPT translates 48 bits (SDM 3C 29.3.2) */
	x86_host.phys_bits = min_t(u8, vmx_mmu_caps()->phys_bits, 48);
	x86_host.arch_capabilities = host_arch_capabilities();

	err = msr_setup();
	if (!err)
		err = cpuid_host_setup();
	if (err)
		return err;
	x86_host.efer_reserved = ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX);
	if (!(x86_host.gcaps & BIT_ULL(GCAP_NX)))
		x86_host.efer_reserved |= EFER_NX;
	return x86_clock_setup();
}

void x86_unsetup(void)
{
	x86_clock_unsetup();
}

int x86_vm_init(struct vm *vm)
{
	tsc_vm_init(vm);
	pvclock_vm_init(vm);
	return 0;
}

void x86_vm_destroy(struct vm *vm)
{
	msr_filter_destroy(vm);
}

int x86_vcpu_init(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;
	int err = -ENOMEM;

	a->mce_banks = kcalloc(X86_MCE_BANKS * 5, sizeof(u64), GFP_KERNEL_ACCOUNT);
	if (!a->mce_banks)
		return -ENOMEM;
	/* empty, and replaced by KVM_SET_CPUID2 */
	a->cpuid = cpuid_table_build(NULL, 0);
	if (!a->cpuid)
		goto free_mce;
	err = pvclock_vcpu_init(vcpu);
	if (err)
		goto free_cpuid;
	err = -ENOMEM;
	if (!fpu_alloc_guest_fpstate(&a->fpu))
		goto free_pvclock;

	a->mcg_cap = 10;	/* banks, until KVM_X86_SETUP_MCE */
	a->arch_capabilities = x86_host.arch_capabilities;
	a->tsc_khz = READ_ONCE(vcpu->vm->arch.default_tsc_khz);
	a->ev.user_irq = -1;
	a->poll_control = 1;
	a->microcode_version = 0x100000000ULL;
	cpuid_derive(vcpu);
	return 0;

free_pvclock:
	pvclock_vcpu_destroy(vcpu);
free_cpuid:
	kvfree(a->cpuid);
free_mce:
	kfree(a->mce_banks);
	return err;
}

void x86_vcpu_destroy(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;

	fpu_free_guest_fpstate(&a->fpu);
	pvclock_vcpu_destroy(vcpu);
	kvfree(a->cpuid);
	kfree(a->mce_banks);
}
