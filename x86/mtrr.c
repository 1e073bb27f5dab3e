// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory type range registers, kept and checked. Guest memory is ordinary
 * write-back memory whatever they say, and no device is assigned that would
 * notice. SDM 3A 12.11.
 */
#include <asm/mtrr.h>
#include "x86/priv.h"

/* UC (0), WC (1), WT (4), WP (5), WB (6): SDM 3A 12.11 */
static bool type_valid(u8 type)
{
	return type < 8 && 0x73 & BIT(type);
}

/* PAT knows UC- (7) as well (SDM 3A 12.12.2). Eight types, one a byte. */
bool pat_valid(u64 pat)
{
	int i;

	for (i = 0; i < 8; i++) {
		u8 type = pat >> (8 * i);

		if (type >= 8 || !(0xf3 & BIT(type)))
			return false;
	}
	return true;
}

static bool fixed_valid(u64 value)
{
	int i;

	for (i = 0; i < 8; i++)
		if (!type_valid(value >> (8 * i)))
			return false;
	return true;
}

static u64 *find(struct vcpu *vcpu, u32 index)
{
	struct x86_vcpu *a = &vcpu->arch;

	switch (index) {
	case MTRRphysBase_MSR(0) ... MTRRphysMask_MSR(X86_NR_VAR_MTRRS - 1):
		return &a->mtrr.var[array_index_nospec(index - MTRRphysBase_MSR(0),
						       2 * X86_NR_VAR_MTRRS)];
	case MSR_MTRRfix64K_00000:
		return &a->mtrr.fixed[0];
	case MSR_MTRRfix16K_80000:
	case MSR_MTRRfix16K_A0000:
		return &a->mtrr.fixed[1 + (index & 1)];
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return &a->mtrr.fixed[3 + (index & 7)];
	case MSR_MTRRdefType:
		return &a->mtrr.deftype;
	}
	return NULL;
}

int mtrr_get(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	u64 *reg = find(vcpu, index);

	if (!reg)
		return 1;
	*value = *reg;
	return 0;
}

int mtrr_set(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	u64 reserved = vcpu->arch.gpa_reserved;
	u64 *reg = find(vcpu, index);

	if (!reg)
		return 1;
	if (index == MSR_MTRRdefType) {
		/* E, FE and a type (SDM 3A 12.11.2.1) */
		if (value & ~0xcffULL || !type_valid(value))
			return 1;
	} else if (index >= MSR_MTRRfix64K_00000) {
		if (!fixed_valid(value))
			return 1;
	} else if (index & 1) {
		/* PhysMask: V and the address bits (SDM 3A 12.11.2.3) */
		if (value & (reserved | 0x7ff))
			return 1;
	} else if (value & (reserved | 0xf00) || !type_valid(value)) {
		/* PhysBase: the address bits and a type */
		return 1;
	}
	*reg = value;
	return 0;
}
