// SPDX-License-Identifier: GPL-2.0-only
/* The guest's machine-check banks: SDM 3B 16.3 */
#include <asm/mce.h>
#include "core/run.h"
#include "x86/priv.h"

/* MCG_CTL is there, software error recovery and CMCI too; no extended state */
u64 x86_mce_cap(void)
{
	return MCG_CTL_P | MCG_SER_P | MCG_CMCI_P | X86_MCE_BANKS;
}

static unsigned int nr_banks(struct vcpu *vcpu)
{
	return vcpu->arch.mcg_cap & MCG_BANKCNT_MASK;
}

static u64 *find_bank_reg(struct vcpu *vcpu, u32 index)
{
	u32 n = index - MSR_IA32_MC0_CTL;

	if (index < MSR_IA32_MC0_CTL || n >= 4 * nr_banks(vcpu))
		return NULL;
	return &vcpu->arch.mce_banks[array_index_nospec(n, 4 * X86_MCE_BANKS)];
}

static u64 *bank_ctl2(struct vcpu *vcpu, unsigned int bank)
{
	bank = array_index_nospec(bank, X86_MCE_BANKS);
	return &vcpu->arch.mce_banks[4 * X86_MCE_BANKS + bank];
}

/* IA32_MCi_CTL2: SDM 3B 16.3.2.5 */
static u64 *find_ctl2(struct vcpu *vcpu, u32 index, bool host)
{
	u32 bank = index - MSR_IA32_MC0_CTL2;

	if (index < MSR_IA32_MC0_CTL2 || bank >= nr_banks(vcpu) ||
	    (!host && !(vcpu->arch.mcg_cap & MCG_CMCI_P)))
		return NULL;
	return bank_ctl2(vcpu, bank);
}

int mce_get_ctl2(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	u64 *reg = find_ctl2(vcpu, index, host);

	if (!reg)
		return 1;
	*value = *reg;
	return 0;
}

int mce_set_ctl2(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	u64 *reg = find_ctl2(vcpu, index, host);

	if (!reg || value & ~(MCI_CTL2_CMCI_EN | MCI_CTL2_CMCI_THRESHOLD_MASK) ||
	    (value && !(vcpu->arch.mcg_cap & MCG_CMCI_P)))
		return 1;
	*reg = value;
	return 0;
}

int mce_get(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	struct x86_vcpu *a = &vcpu->arch;
	u64 *reg;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		*value = a->mcg_cap;
		return 0;
	case MSR_IA32_MCG_STATUS:
		*value = a->mcg_status;
		return 0;
	case MSR_IA32_MCG_CTL:
		if (!(a->mcg_cap & MCG_CTL_P) && !host)
			return 1;
		*value = a->mcg_ctl;
		return 0;
	}
	reg = find_bank_reg(vcpu, index);
	if (!reg)
		return 1;
	*value = *reg;
	return 0;
}

int mce_set(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	struct x86_vcpu *a = &vcpu->arch;
	u64 *reg;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		/* read-only; KVM_X86_SETUP_MCE sets it */
		return !host || value != a->mcg_cap;
	case MSR_IA32_MCG_STATUS:
		a->mcg_status = value;
		return 0;
	case MSR_IA32_MCG_CTL:
		if (!(a->mcg_cap & MCG_CTL_P) && (value || !host))
			return 1;
		if (value && ~value)
			return 1;	/* all on or all off */
		a->mcg_ctl = value;
		return 0;
	}
	reg = find_bank_reg(vcpu, index);
	if (!reg)
		return 1;
	switch (index & 3) {
	case 0:
		/* some kernels clear bit 10 of bank 4's: all on otherwise */
		if (value && (value | BIT_ULL(10) | 1) != ~0ULL)
			return 1;
		break;
	case 1:
		/* SDM 3B 16.3.2.2: software may only clear the status */
		if (!host && value)
			return 1;
		break;
	}
	*reg = value;
	return 0;
}

int x86_setup_mce(struct vcpu *vcpu, u64 mcg_cap)
{
	struct x86_vcpu *a = &vcpu->arch;
	unsigned int banks = mcg_cap & MCG_BANKCNT_MASK;
	unsigned int i;

	if (!banks || banks > X86_MCE_BANKS)
		return -EINVAL;
	if (mcg_cap & ~(x86_mce_cap() | MCG_BANKCNT_MASK))
		return -EINVAL;
	a->mcg_cap = mcg_cap;
	lapic_version_changed(vcpu);
	if (mcg_cap & MCG_CTL_P)
		a->mcg_ctl = ~0ULL;
	for (i = 0; i < banks; i++)
		a->mce_banks[4 * i] = ~0ULL;
	for (i = 0; i < X86_MCE_BANKS; i++)
		*bank_ctl2(vcpu, i) = 0;
	if (vcpu->lapic)
		lapic_reset_cmci(vcpu);
	return 0;
}

static void put_error(u64 *bank, const struct kvm_x86_mce *mce)
{
	bank[1] = mce->status |
		  (bank[1] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0);
	bank[2] = mce->addr;
	bank[3] = mce->misc;
}

/* Uncorrected, and no action is required: told by CMCI, if at all (SDM 3B 16.6.3) */
static bool is_ucna(const struct kvm_x86_mce *mce)
{
	return mce->status & MCI_STATUS_UC && !mce->mcg_status &&
	       !(mce->status & (MCI_STATUS_PCC | MCI_STATUS_S | MCI_STATUS_AR));
}

/* SDM 3B 16.5: the threshold is 1 for errors that are told one by one */
static void tell_by_cmci(struct vcpu *vcpu, unsigned int bank)
{
	if (vcpu->arch.mcg_cap & MCG_CMCI_P && vcpu->lapic &&
	    *bank_ctl2(vcpu, bank) & MCI_CTL2_CMCI_EN)
		lapic_cmci(vcpu);
}

/* KVM_X86_SET_MCE: an error happens in the guest's machine */
int x86_set_mce(struct vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	struct x86_vcpu *a = &vcpu->arch;
	u64 *bank;

	if (mce->bank >= nr_banks(vcpu) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = &a->mce_banks[4 * array_index_nospec(mce->bank, X86_MCE_BANKS)];
	if (is_ucna(mce)) {
		put_error(bank, mce);
		tell_by_cmci(vcpu, mce->bank);
		return 0;
	}
	/* reporting turned off: an uncorrected error is lost */
	if (mce->status & MCI_STATUS_UC) {
		if (a->mcg_cap & MCG_CTL_P && a->mcg_ctl != ~0ULL)
			return 0;
		if (bank[0] != ~0ULL)
			return 0;
		/* SDM 3B 16.7: a second one shuts the machine down */
		if (a->mcg_status & MCG_STATUS_MCIP ||
		    !(x86_cr4(vcpu) & X86_CR4_MCE)) {
			x86_triple_fault(vcpu);
			return 0;
		}
		put_error(bank, mce);
		a->mcg_status = mce->mcg_status;
		x86_queue_exception(vcpu, X86_TRAP_MC);
		return 0;
	}
	/* SDM 3B 16.3.2.2.1: a corrected error does not overwrite another kind */
	if (bank[1] & MCI_STATUS_VAL && bank[1] & MCI_STATUS_UC) {
		bank[1] |= MCI_STATUS_OVER;
		return 0;
	}
	put_error(bank, mce);
	tell_by_cmci(vcpu, mce->bank);
	return 0;
}
