// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSRs a guest has, by number. SDM 4 chapter 2; Documentation/virt/kvm/
 * x86/msr.rst for the paravirtual ones. Sorted: msr_find() searches by halves.
 */
#include <asm/apicdef.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/mtrr.h>
#include <asm/msr.h>
#include "x86/priv.h"

#define ANYONE		NR_GCAPS

/* ---- those with rules of their own --------------------------------------------- */

static int get_zero(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = 0;
	return 0;
}

/* Written freely, nothing kept: a hint, or a register of a unit that is off */
static int set_ignored(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	return 0;
}

static int get_apic_base(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.apic_base;
	return 0;
}

static int set_apic_base(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	u64 old = vcpu->arch.apic_base;

	if (vcpu->lapic) {
		if (lapic_set_base(vcpu, value, host))
			return 1;
	} else if (value & (vcpu->arch.gpa_reserved | 0x2ff)) {
		/* bits 7:0 and 9 are reserved: SDM 3A 11.4.4 */
		return 1;
	}
	vcpu->arch.apic_base = value;
	if ((old ^ value) & MSR_IA32_APICBASE_ENABLE)
		x86_cpuid_runtime(vcpu);
	return 0;
}

static int get_tsc(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = x86_guest_tsc(vcpu, rdtsc());
	return 0;
}

static int set_tsc(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	x86_write_tsc(vcpu, value, host);
	return 0;
}

static int get_tsc_adjust(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.tsc_adjust;
	return 0;
}

static int set_tsc_adjust(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	return tsc_set_adjust(vcpu, value, host);
}

static int get_tsc_deadline(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->lapic ? lapic_get_tsc_deadline(vcpu) : 0;
	return 0;
}

static int set_tsc_deadline(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (vcpu->lapic)
		lapic_set_tsc_deadline(vcpu, value);
	return 0;
}

static int get_x2apic(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	return vcpu->lapic ? lapic_read_msr(vcpu, index, value) : 1;
}

static int set_x2apic(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	return vcpu->lapic ? lapic_write_msr(vcpu, index, value) : 1;
}

static int get_efer(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.efer;
	return 0;
}

static int set_efer(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	return x86_set_efer(vcpu, value, host);
}

static int get_pat(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.pat;
	return 0;
}

static int set_pat(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!pat_valid(value))
		return 1;
	vcpu->arch.pat = value;
	vmx_update_pat(vcpu);
	return 0;
}

/* Microcode update signature: the write that precedes reading it is a no-op */
static int get_ucode_rev(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.microcode_version;
	return 0;
}

static int set_ucode_rev(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (host)
		vcpu->arch.microcode_version = value;
	return 0;
}

#define MISC_ENABLE_RO (MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | \
			MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL | \
			MSR_IA32_MISC_ENABLE_EMON)
/*
 * What may be written on some family 6 CPU or other (SDM 4 tables 2-2 and 2-3 on;
 * prefetchers, thermal control, SpeedStep, ...). No more than kept, but for MWAIT.
 */
#define MISC_ENABLE_RW (MSR_IA32_MISC_ENABLE_FAST_STRING | \
			MSR_IA32_MISC_ENABLE_TCC | \
			MSR_IA32_MISC_ENABLE_TM1 | \
			MSR_IA32_MISC_ENABLE_PREFETCH_DISABLE | \
			MSR_IA32_MISC_ENABLE_FERR | \
			MSR_IA32_MISC_ENABLE_TM2 | \
			MSR_IA32_MISC_ENABLE_ENHANCED_SPEEDSTEP | \
			MSR_IA32_MISC_ENABLE_MWAIT | \
			MSR_IA32_MISC_ENABLE_ADJ_PREF_DISABLE | \
			MSR_IA32_MISC_ENABLE_SPEEDSTEP_LOCK | \
			MSR_IA32_MISC_ENABLE_LIMIT_CPUID | \
			MSR_IA32_MISC_ENABLE_XTPR_DISABLE | \
			MSR_IA32_MISC_ENABLE_XD_DISABLE | \
			MSR_IA32_MISC_ENABLE_DCU_PREF_DISABLE | \
			MSR_IA32_MISC_ENABLE_TURBO_DISABLE | \
			MSR_IA32_MISC_ENABLE_IP_PREF_DISABLE)

static int get_misc_enable(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.misc_enable;
	return 0;
}

static int set_misc_enable(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	u64 old = vcpu->arch.misc_enable;

	if (!host) {
		/* reserved ones, unless user space has set them */
		if (value & ~(MISC_ENABLE_RW | MISC_ENABLE_RO | old))
			return 1;
		value = (value & ~MISC_ENABLE_RO) | (old & MISC_ENABLE_RO);
	}
	vcpu->arch.misc_enable = value;
	if ((old ^ value) & MSR_IA32_MISC_ENABLE_MWAIT)
		x86_cpuid_runtime(vcpu);
	return 0;
}

static int get_feature_control(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.feature_control;
	return 0;
}

/* SDM 3C 24.7: the lock bit holds until reset; there is nothing to enable */
static int set_feature_control(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (value & ~(u64)FEAT_CTL_LOCKED)
		return 1;
	if (!host && vcpu->arch.feature_control & FEAT_CTL_LOCKED)
		return 1;
	vcpu->arch.feature_control = value;
	return 0;
}

static int get_arch_caps(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.arch_capabilities;
	return 0;
}

static int set_arch_caps(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	vcpu->arch.arch_capabilities = value;
	return 0;
}

/* CPUID faulting is not offered, so that there is no bit to set */
static int set_misc_features(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	return value != 0;
}

/* Of user space's: the guest's comes with the SMM-transfer monitor (SDM 3C 32.15.6.4) */
static int get_smbase(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	if (!host)
		return 1;
	*value = vcpu->arch.smbase;
	return 0;
}

static int set_smbase(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (!host || value > U32_MAX)
		return 1;
	vcpu->arch.smbase = value;
	return 0;
}

/* KVM_CAP_MSR_PLATFORM_INFO can take it away from the guest */
static int get_platform_info(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	if (!host && READ_ONCE(vcpu->vm->arch.hide_platform_info))
		return 1;
	*value = vcpu->arch.platform_info;
	return 0;
}

static int set_platform_info(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	vcpu->arch.platform_info = value;
	return 0;
}

static int get_xss(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = vcpu->arch.xss;
	return 0;
}

static int set_xss(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	if (value & ~x86_host.guest_xss)
		return 1;
	vcpu->arch.xss = value;
	x86_cpuid_runtime(vcpu);
	return 0;
}

/* MTRRcap: 8 variable ranges, fixed ranges, WC; no SMRR (SDM 3A 12.11.1) */
static int get_mtrrcap(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = X86_NR_VAR_MTRRS | BIT(8) | BIT(10);
	return 0;
}

/* FSB and core clock of CPUs that have a table for them: 100 MHz, ratio 1 */
static int get_ebl_cr_poweron(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = 1 << 24;
	return 0;
}

static int get_perf_status(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	/* current ratio and voltage of CPUs that change neither */
	*value = 1000ULL | 4ULL << 40;
	return 0;
}

/* Guests have no PMU, and CPUID no PDCM (SDM 3B 20.8): there for user space alone */
static int get_perf_caps(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	*value = 0;
	return !host;
}

static int set_perf_caps(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	return !host || value;
}

/* ---- the table -------------------------------------------------------------------- */

const struct msr_desc x86_msr_table[] = {
	/* P5_MC_ADDR, P5_MC_TYPE */
	{ 0x0, 0x1, 0, GCAP_MCE, .get = get_zero, .set = set_ignored },
	{ MSR_IA32_TSC, MSR_IA32_TSC, MSR_F_LIST, ANYONE,
	  .get = get_tsc, .set = set_tsc },
	{ MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_F_LIST | MSR_F_PV,
	  GCAP_KVMCLOCK, .get = pv_get_msr, .set = pv_set_msr },
	/* PLATFORM_ID: the BIOS's and microcode loader's business */
	{ MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID, MSR_F_RO, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_IA32_APICBASE, MSR_IA32_APICBASE, 0, ANYONE,
	  .get = get_apic_base, .set = set_apic_base },
	{ MSR_IA32_EBL_CR_POWERON, MSR_IA32_EBL_CR_POWERON, MSR_F_RO, ANYONE,
	  .get = get_ebl_cr_poweron, .set = set_ignored },
	{ MSR_SMI_COUNT, MSR_SMI_COUNT, MSR_F_LIST | MSR_F_FIELD | MSR_F_RO,
	  ANYONE, offsetof(struct x86_vcpu, smi_count) },
	{ MSR_IA32_FEAT_CTL, MSR_IA32_FEAT_CTL, MSR_F_LIST, ANYONE,
	  .get = get_feature_control, .set = set_feature_control },
	{ MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_ADJUST, MSR_F_LIST, GCAP_TSC_ADJUST,
	  .get = get_tsc_adjust, .set = set_tsc_adjust },
	{ MSR_IA32_SPEC_CTRL, MSR_IA32_SPEC_CTRL, MSR_F_LIST | MSR_F_VMX,
	  GCAP_SPEC_CTRL },
	{ MSR_IA32_PRED_CMD, MSR_IA32_PRED_CMD, MSR_F_VMX, GCAP_PRED_CMD },
	/* a microcode update: accepted, as hypervisors do, and not applied */
	{ MSR_IA32_UCODE_WRITE, MSR_IA32_UCODE_WRITE, 0, ANYONE,
	  .get = NULL, .set = set_ignored },
	{ MSR_IA32_UCODE_REV, MSR_IA32_UCODE_REV, MSR_F_LIST, ANYONE,
	  .get = get_ucode_rev, .set = set_ucode_rev },
	{ MSR_IA32_SMBASE, MSR_IA32_SMBASE, MSR_F_LIST, ANYONE,
	  .get = get_smbase, .set = set_smbase },
	{ MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, MSR_F_LIST | MSR_F_RO, ANYONE,
	  .get = get_platform_info, .set = set_platform_info },
	{ MSR_MTRRcap, MSR_MTRRcap, MSR_F_RO | MSR_F_RO_HOST, GCAP_MTRR,
	  .get = get_mtrrcap },
	{ MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_ARCH_CAPABILITIES,
	  MSR_F_LIST | MSR_F_RO, GCAP_ARCH_CAP,
	  .get = get_arch_caps, .set = set_arch_caps },
	{ MSR_IA32_FLUSH_CMD, MSR_IA32_FLUSH_CMD, MSR_F_VMX, GCAP_FLUSH_L1D },
	/* BBL_CR_CTL3: L2 present and enabled */
	{ MSR_IA32_BBL_CR_CTL3, MSR_IA32_BBL_CR_CTL3, 0, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_MISC_FEATURES_ENABLES, MSR_MISC_FEATURES_ENABLES, MSR_F_LIST, ANYONE,
	  .get = get_zero, .set = set_misc_features },
	{ MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_EIP, MSR_F_LIST | MSR_F_VMX,
	  ANYONE },
	/* KVM_X86_SETUP_MCE's */
	{ MSR_IA32_MCG_CAP, MSR_IA32_MCG_CAP, 0, ANYONE,
	  .get = mce_get, .set = mce_set },
	{ MSR_IA32_MCG_STATUS, MSR_IA32_MCG_CTL, MSR_F_LIST, ANYONE,
	  .get = mce_get, .set = mce_set },
	{ MSR_IA32_PERF_STATUS, MSR_IA32_PERF_STATUS, MSR_F_RO, ANYONE,
	  .get = get_perf_status, .set = set_ignored },
	{ MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE, MSR_F_LIST, ANYONE,
	  .get = get_misc_enable, .set = set_misc_enable },
	{ MSR_IA32_DEBUGCTLMSR, MSR_IA32_DEBUGCTLMSR, MSR_F_VMX, ANYONE },
	/* last branch and interrupt records: never filled, LBR stays clear */
	{ MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP,
	  MSR_F_RO | MSR_F_RO_HOST, ANYONE, .get = get_zero },
	/* POWER_CTL: C1E and others that mean nothing here */
	{ MSR_IA32_POWER_CTL, MSR_IA32_POWER_CTL, MSR_F_LIST, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MTRRphysBase_MSR(0), MTRRphysMask_MSR(X86_NR_VAR_MTRRS - 1),
	  0, GCAP_MTRR, .get = mtrr_get, .set = mtrr_set },
	{ MSR_MTRRfix64K_00000, MSR_MTRRfix64K_00000, 0, GCAP_MTRR,
	  .get = mtrr_get, .set = mtrr_set },
	{ MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000, 0, GCAP_MTRR,
	  .get = mtrr_get, .set = mtrr_set },
	{ MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, 0, GCAP_MTRR,
	  .get = mtrr_get, .set = mtrr_set },
	{ MSR_IA32_CR_PAT, MSR_IA32_CR_PAT, MSR_F_LIST, GCAP_PAT,
	  .get = get_pat, .set = set_pat },
	{ MSR_IA32_MC0_CTL2, MSR_IA32_MC0_CTL2 + X86_MCE_BANKS - 1, 0, ANYONE,
	  .get = mce_get_ctl2, .set = mce_set_ctl2 },
	{ MSR_MTRRdefType, MSR_MTRRdefType, 0, GCAP_MTRR,
	  .get = mtrr_get, .set = mtrr_set },
	{ MSR_IA32_PERF_CAPABILITIES, MSR_IA32_PERF_CAPABILITIES, 0, ANYONE,
	  .get = get_perf_caps, .set = set_perf_caps },
	{ MSR_IA32_MC0_CTL, MSR_IA32_MCx_CTL(X86_MCE_BANKS) - 1, 0, ANYONE,
	  .get = mce_get, .set = mce_set },
	/* energy counters of CPUs without: reads as zero */
	{ MSR_RAPL_POWER_UNIT, MSR_RAPL_POWER_UNIT, MSR_F_RO, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_PKG_ENERGY_STATUS, MSR_PKG_ENERGY_STATUS, MSR_F_RO, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_DRAM_ENERGY_STATUS, MSR_DRAM_ENERGY_STATUS, MSR_F_RO, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_PP0_ENERGY_STATUS, MSR_PP0_ENERGY_STATUS, MSR_F_RO, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_PP1_ENERGY_STATUS, MSR_PP1_ENERGY_STATUS, MSR_F_RO, ANYONE,
	  .get = get_zero, .set = set_ignored },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE, MSR_F_LIST,
	  GCAP_TSC_DEADLINE, .get = get_tsc_deadline, .set = set_tsc_deadline },
	{ APIC_BASE_MSR, APIC_BASE_MSR + 0xff, 0, ANYONE,
	  .get = get_x2apic, .set = set_x2apic },
	{ MSR_IA32_XSS, MSR_IA32_XSS, MSR_F_LIST, GCAP_XSAVES,
	  .get = get_xss, .set = set_xss },
	{ MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, MSR_F_LIST | MSR_F_PV,
	  GCAP_KVMCLOCK, .get = pv_get_msr, .set = pv_set_msr },
	{ MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_EN, MSR_F_LIST | MSR_F_PV,
	  GCAP_ASYNC_PF, .get = pv_get_msr, .set = pv_set_msr },
	{ MSR_KVM_STEAL_TIME, MSR_KVM_STEAL_TIME, MSR_F_LIST | MSR_F_PV,
	  GCAP_STEAL_TIME, .get = pv_get_msr, .set = pv_set_msr },
	{ MSR_KVM_PV_EOI_EN, MSR_KVM_PV_EOI_EN, MSR_F_LIST | MSR_F_PV,
	  GCAP_PV_EOI, .get = pv_get_msr, .set = pv_set_msr },
	{ MSR_KVM_POLL_CONTROL, MSR_KVM_POLL_CONTROL, MSR_F_LIST | MSR_F_PV,
	  GCAP_POLL_CONTROL, .get = pv_get_msr, .set = pv_set_msr },
	{ MSR_KVM_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_ACK, MSR_F_LIST | MSR_F_PV,
	  GCAP_ASYNC_PF_INT, .get = pv_get_msr, .set = pv_set_msr },
	/* where user space offers it, and not otherwise */
	{ MSR_KVM_MIGRATION_CONTROL, MSR_KVM_MIGRATION_CONTROL, 0,
	  GCAP_MIGRATION, .get = pv_get_msr, .set = pv_set_msr },
	/* user space has it in the special registers */
	{ MSR_EFER, MSR_EFER, 0, ANYONE,
	  .get = get_efer, .set = set_efer },
	{ MSR_STAR, MSR_SYSCALL_MASK, MSR_F_LIST | MSR_F_VMX, GCAP_LM },
	{ MSR_FS_BASE, MSR_GS_BASE, MSR_F_VMX, GCAP_LM },
	{ MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, MSR_F_LIST | MSR_F_VMX, GCAP_LM },
	{ MSR_TSC_AUX, MSR_TSC_AUX, MSR_F_LIST | MSR_F_VMX, GCAP_RDTSCP },
};

const unsigned int x86_nr_msr_descs = ARRAY_SIZE(x86_msr_table);
