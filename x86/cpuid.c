// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's CPUID: lookup at run time, the bits that follow registers, and
 * what the rest of the vCPU takes from it.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sort.h>
#include <asm/fpu/xstate.h>
#include <uapi/asm/kvm_para.h>
#include "core/trace.h"
#include "x86/priv.h"

/* ---- the table -------------------------------------------------------------- */

static inline int range_of(u32 function)
{
	switch (function >> 28) {
	case 0x0:
		return CPUID_BASIC;
	case 0x4:
		return CPUID_HYPERVISOR;
	case 0x8:
		return CPUID_EXTENDED;
	}
	return -1;
}

static int cmp_sorted(const void *pa, const void *pb, const void *priv)
{
	const struct x86_cpuid_table *t = priv;
	u16 ia = *(const u16 *)pa, ib = *(const u16 *)pb;
	const struct kvm_cpuid_entry2 *a = &t->e[ia], *b = &t->e[ib];

	if (a->function != b->function)
		return a->function < b->function ? -1 : 1;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return ia < ib ? -1 : 1;	/* of duplicates the first wins */
}

static u16 entry_number(struct x86_cpuid_table *t, u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(t, function, index);

	return e ? e - t->e : CPUID_NONE;
}

struct x86_cpuid_table *cpuid_table_build(const struct kvm_cpuid_entry2 *e,
					  unsigned int n)
{
	struct x86_cpuid_table *t;
	struct kvm_cpuid_entry2 *leaf0;
	unsigned int i;

	t = kvzalloc(struct_size(t, e, n), GFP_KERNEL_ACCOUNT);
	if (!t)
		return NULL;
	t->n = n;
	for (i = 0; i < n; i++) {
		t->e[i] = e[i];
		memset(t->e[i].padding, 0, sizeof(t->e[i].padding));
		t->sorted[i] = i;
	}
	sort_r(t->sorted, n, sizeof(t->sorted[0]), cmp_sorted, NULL, t);
	memset(t->first, 0xff, sizeof(t->first));
	for (i = n; i--; ) {
		u32 function = t->e[t->sorted[i]].function;
		int range = range_of(function);

		if (range >= 0 && (function & 0x0fffffff) < CPUID_DIRECT)
			t->first[range][function & 0x0fffffff] = i;
	}
	leaf0 = cpuid_find(t, 0, 0);
	t->max_basic = leaf0 ? leaf0->eax : 0;
	t->leaf1 = entry_number(t, 1, 0);
	t->leaf7 = entry_number(t, 7, 0);
	t->leafd0 = entry_number(t, 0xd, 0);
	t->leafd1 = entry_number(t, 0xd, 1);
	t->leafpv = entry_number(t, KVM_CPUID_FEATURES, 0);
	return t;
}

/* Position in sorted[] of the first entry of @function, or CPUID_NONE */
static unsigned int find_function(struct x86_cpuid_table *t, u32 function)
{
	unsigned int lo = 0, hi = t->n, mid, low = function & 0x0fffffff;
	int range = range_of(function);

	if (likely(range >= 0 && low < CPUID_DIRECT))
		return t->first[range][array_index_nospec(low, CPUID_DIRECT)];
	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (t->e[t->sorted[mid]].function < function)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < t->n && t->e[t->sorted[lo]].function == function)
		return lo;
	return CPUID_NONE;
}

struct kvm_cpuid_entry2 *cpuid_find(struct x86_cpuid_table *t, u32 function,
				    u32 index)
{
	unsigned int i = find_function(t, function);
	struct kvm_cpuid_entry2 *e;

	for (; i < t->n; i++) {
		e = &t->e[t->sorted[i]];
		if (e->function != function)
			return NULL;
		if (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		    e->index == index)
			return e;
	}
	return NULL;
}

/* ---- execution --------------------------------------------------------------- */

/* Is @function inside the range that the table announces? */
static bool leaf_announced(struct x86_cpuid_table *t, u32 function)
{
	struct kvm_cpuid_entry2 *base;

	if (function >> 28 == 0)
		return function <= t->max_basic;
	/* hypervisor interfaces start at multiples of 0x100 */
	base = cpuid_find(t, function >> 28 == 4 ? function & ~0xffu :
			     function & ~0xffffu, 0);
	return base && (base->eax >= function ||
			(!base->eax && function == KVM_CPUID_FEATURES));
}

/*
 * No entry. SDM 2A, CPUID, "INPUT EAX": beyond the ranges Intel answers the
 * highest basic leaf, inside them zeroes.
 */
static noinline struct kvm_cpuid_entry2 *
find_absent(struct vcpu *vcpu, u32 function, u32 index)
{
	struct x86_cpuid_table *t = vcpu->arch.cpuid;

	if (!x86_gcap(vcpu, GCAP_INTEL) || leaf_announced(t, function))
		return NULL;
	return cpuid_find(t, t->max_basic, index);
}

void x86_cpuid(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct x86_cpuid_table *t = vcpu->arch.cpuid;
	u32 function = *eax, index = *ecx;
	struct kvm_cpuid_entry2 *e;
	bool found;

	e = cpuid_find(t, function, index);
	found = e;
	if (unlikely(!e))
		e = find_absent(vcpu, function, index);
	if (likely(e)) {
		*eax = e->eax;
		*ebx = e->ebx;
		*ecx = e->ecx;
		*edx = e->edx;
		trace_kvm_cpuid(function, index, *eax, *ebx, *ecx, *edx, found,
				!found);
		return;
	}
	*eax = 0;
	*ebx = 0;
	*ecx = 0;
	*edx = 0;
	/* SDM 2A: sub-leaves past the last topology level keep these two */
	if (function == 0xb || function == 0x1f) {
		e = cpuid_find(t, function, 0);
		if (e) {
			*ecx = index & 0xff;
			*edx = e->edx;
		}
	}
	trace_kvm_cpuid(function, index, *eax, *ebx, *ecx, *edx, false, false);
}

/* ---- bits that follow registers ------------------------------------------------ */

/* Size, offset and alignment of the state components; constant after setup */
static struct {
	u32 size, offset;
	bool aligned;
} xstate[63] __ro_after_init;

static void __init xstate_setup(void)
{
	u32 eax, ebx, ecx, edx;
	unsigned int i;

	for (i = 2; i < ARRAY_SIZE(xstate); i++) {
		if (!((x86_host.guest_xcr0 | x86_host.guest_xss) & BIT_ULL(i)))
			continue;
		cpuid_count(XSTATE_CPUID, i, &eax, &ebx, &ecx, &edx);
		xstate[i].size = eax;
		xstate[i].offset = ebx;
		xstate[i].aligned = ecx & 2;
	}
}

/* SDM 1 13.4.2 (standard format), 13.4.3 (compacted) */
u32 xsave_area_size(u64 xfeatures, bool compacted)
{
	u32 size = FXSAVE_SIZE + XSAVE_HDR_SIZE;
	unsigned int i;

	for (i = 2; i < ARRAY_SIZE(xstate); i++) {
		if (!(xfeatures & BIT_ULL(i)))
			continue;
		if (!compacted)
			size = max(size, xstate[i].offset + xstate[i].size);
		else if (xstate[i].aligned)
			size = ALIGN(size, 64) + xstate[i].size;
		else
			size += xstate[i].size;
	}
	return size;
}

static void assign_bit32(u32 *word, unsigned int bit, bool on)
{
	*word = (*word & ~BIT(bit)) | ((u32)on << bit);
}

/* IA32_MISC_ENABLE[18], SDM 4 table 2-2; the quirk is that CPUID decides */
static bool mwait_follows_msr(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->vm->arch.disabled_quirks) &
	       KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT;
}

/*
 * Paravirtual features that the APIC in the kernel has a part in. A VMM that
 * emulates the APIC may have passed on what KVM_GET_SUPPORTED_CPUID says.
 */
#define PV_OF_LAPIC (BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |	\
		     BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_ASYNC_PF) |	\
		     BIT(KVM_FEATURE_ASYNC_PF_INT))

void cpuid_table_runtime(struct vcpu *vcpu, struct x86_cpuid_table *t)
{
	u64 cr4 = vcpu->arch.cr4;	/* these two are never guest-owned */
	struct kvm_cpuid_entry2 *e;

	if (t->leaf1 != CPUID_NONE) {
		e = &t->e[t->leaf1];
		assign_bit32(&e->ecx, 27, e->ecx & BIT(26) &&
			     cr4 & X86_CR4_OSXSAVE);
		/* without an irqchip in the kernel the APIC is user space's */
		if (vcpu->lapic)
			assign_bit32(&e->edx, 9,
				     vcpu->arch.apic_base & MSR_IA32_APICBASE_ENABLE);
		if (mwait_follows_msr(vcpu))
			assign_bit32(&e->ecx, 3, vcpu->arch.misc_enable &
				     MSR_IA32_MISC_ENABLE_MWAIT);
	}
	if (t->leaf7 != CPUID_NONE) {
		e = &t->e[t->leaf7];
		assign_bit32(&e->ecx, 4, e->ecx & BIT(3) && cr4 & X86_CR4_PKE);
	}
	if (t->leafpv != CPUID_NONE && !vcpu->lapic)
		t->e[t->leafpv].eax &= ~PV_OF_LAPIC;
	/* a kick does not end a HLT that made no exit (ABI 7.13) */
	if (t->leafpv != CPUID_NONE &&
	    vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_HLT)
		t->e[t->leafpv].eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
	if (t->leafd0 != CPUID_NONE)
		t->e[t->leafd0].ebx = xsave_area_size(vcpu->arch.xcr0, false);
	if (t->leafd1 != CPUID_NONE) {
		e = &t->e[t->leafd1];
		/* XSAVEC or XSAVES: size in the compacted format */
		if (e->eax & (BIT(1) | BIT(3)))
			e->ebx = xsave_area_size(vcpu->arch.xcr0 |
						 vcpu->arch.xss, true);
	}
}

void x86_cpuid_runtime(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;

	cpuid_table_runtime(vcpu, a->cpuid);
	if (!mwait_follows_msr(vcpu))
		return;
	if (a->misc_enable & MSR_IA32_MISC_ENABLE_MWAIT)
		a->gcaps |= BIT_ULL(GCAP_MWAIT);
	else
		a->gcaps &= ~BIT_ULL(GCAP_MWAIT);
}

/* ---- what follows from it -------------------------------------------------------- */

enum { R_EAX, R_EBX, R_ECX, R_EDX };

/* Guest capabilities that are one CPUID bit */
static const struct {
	u32 function;
	u8 index, reg, bit, cap;
} cap_bits[] = {
	{ 1, 0, R_ECX, 3, GCAP_MWAIT },
	{ 1, 0, R_ECX, 17, GCAP_PCID },
	{ 1, 0, R_ECX, 21, GCAP_X2APIC },
	{ 1, 0, R_ECX, 24, GCAP_TSC_DEADLINE },
	{ 1, 0, R_ECX, 26, GCAP_XSAVE },
	{ 1, 0, R_ECX, 30, GCAP_RDRAND },
	{ 1, 0, R_EDX, 7, GCAP_MCE },
	{ 1, 0, R_EDX, 12, GCAP_MTRR },
	{ 1, 0, R_EDX, 16, GCAP_PAT },
	{ 1, 0, R_EDX, 17, GCAP_PSE36 },
	{ 7, 0, R_EBX, 0, GCAP_FSGSBASE },
	{ 7, 0, R_EBX, 1, GCAP_TSC_ADJUST },
	{ 7, 0, R_EBX, 7, GCAP_SMEP },
	{ 7, 0, R_EBX, 10, GCAP_INVPCID },
	{ 7, 0, R_EBX, 11, GCAP_RTM },
	{ 7, 0, R_EBX, 18, GCAP_RDSEED },
	{ 7, 0, R_EBX, 20, GCAP_SMAP },
	{ 7, 0, R_ECX, 2, GCAP_UMIP },
	{ 7, 0, R_ECX, 3, GCAP_PKU },
	{ 7, 0, R_ECX, 16, GCAP_LA57 },
	{ 7, 0, R_ECX, 22, GCAP_RDPID },
	{ 7, 0, R_EDX, 26, GCAP_SPEC_CTRL },
	{ 7, 0, R_EDX, 26, GCAP_PRED_CMD },
	{ 7, 0, R_EDX, 28, GCAP_FLUSH_L1D },
	{ 7, 0, R_EDX, 29, GCAP_ARCH_CAP },
	{ 0xd, 1, R_EAX, 3, GCAP_XSAVES },
	{ 0x80000001, 0, R_EDX, 11, GCAP_SYSCALL },
	{ 0x80000001, 0, R_EDX, 20, GCAP_NX },
	{ 0x80000001, 0, R_EDX, 26, GCAP_GBPAGES },
	{ 0x80000001, 0, R_EDX, 27, GCAP_RDTSCP },
	{ 0x80000001, 0, R_EDX, 29, GCAP_LM },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_CLOCKSOURCE, GCAP_KVMCLOCK },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_CLOCKSOURCE2, GCAP_KVMCLOCK },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_STEAL_TIME, GCAP_STEAL_TIME },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_PV_EOI, GCAP_PV_EOI },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_PV_UNHALT, GCAP_PV_UNHALT },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_ASYNC_PF, GCAP_ASYNC_PF },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_ASYNC_PF_INT,
	  GCAP_ASYNC_PF_INT },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_PV_TLB_FLUSH, GCAP_PV_TLB_FLUSH },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_PV_SEND_IPI, GCAP_PV_SEND_IPI },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_PV_SCHED_YIELD,
	  GCAP_PV_SCHED_YIELD },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_POLL_CONTROL, GCAP_POLL_CONTROL },
	{ KVM_CPUID_FEATURES, 0, R_EAX, KVM_FEATURE_MIGRATION_CONTROL,
	  GCAP_MIGRATION },
};

static u64 cpuid_gcaps(struct x86_cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e;
	unsigned int i;
	u64 caps = 0;

	for (i = 0; i < ARRAY_SIZE(cap_bits); i++) {
		u32 reg;

		e = cpuid_find(t, cap_bits[i].function, cap_bits[i].index);
		if (!e)
			continue;
		reg = (&e->eax)[cap_bits[i].reg];
		if (reg & BIT(cap_bits[i].bit))
			caps |= BIT_ULL(cap_bits[i].cap);
	}
	/* "GenuineIntel" in EBX, EDX and ECX (SDM 2A CPUID, leaf 0) */
	e = cpuid_find(t, 0, 0);
	if (!e || (e->ebx == 0x756e6547 && e->edx == 0x49656e69 &&
		   e->ecx == 0x6c65746e))
		caps |= BIT_ULL(GCAP_INTEL);
	return caps;
}

bool x86_cpuid_bit(struct vcpu *vcpu, u32 function, u32 index, unsigned int reg,
		   unsigned int bit)
{
	struct x86_cpuid_table *t = vcpu->arch.cpuid;
	struct kvm_cpuid_entry2 *e;
	u32 r[4] = { 0 };

	if (t->n) {
		e = cpuid_find(t, function, index);
		return e && (&e->eax)[reg] >> bit & 1;
	}
	/* the first leaf of a range says which is its last */
	if (cpuid_eax(function & 0xffff0000) >= function)
		cpuid_count(function, index, &r[0], &r[1], &r[2], &r[3]);
	return r[reg] >> bit & 1;
}

/* Capabilities that are the VMM's decision and need nothing of the host */
#define CAPS_FREE (BIT_ULL(GCAP_TSC_DEADLINE) | BIT_ULL(GCAP_MWAIT) | \
		   BIT_ULL(GCAP_INTEL) | BIT_ULL(GCAP_X2APIC) | \
		   BIT_ULL(GCAP_TSC_ADJUST) | BIT_ULL(GCAP_ARCH_CAP) | \
		   BIT_ULL(GCAP_MTRR) | BIT_ULL(GCAP_MCE) | BIT_ULL(GCAP_PAT) | \
		   BIT_ULL(GCAP_MIGRATION))

/* CR4 bits that need a capability; all others below are always there */
static const struct {
	u64 bit;
	u8 cap;
} cr4_caps[] = {
	{ X86_CR4_UMIP, GCAP_UMIP },
	{ X86_CR4_LA57, GCAP_LA57 },
	{ X86_CR4_FSGSBASE, GCAP_FSGSBASE },
	{ X86_CR4_PCIDE, GCAP_PCID },
	{ X86_CR4_OSXSAVE, GCAP_XSAVE },
	{ X86_CR4_SMEP, GCAP_SMEP },
	{ X86_CR4_SMAP, GCAP_SMAP },
	{ X86_CR4_PKE, GCAP_PKU },
};

#define CR4_ALWAYS (X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | \
		    X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | \
		    X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static u64 cr4_reserved(u64 gcaps)
{
	u64 allowed = CR4_ALWAYS;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cr4_caps); i++)
		if (gcaps & BIT_ULL(cr4_caps[i].cap))
			allowed |= cr4_caps[i].bit;
	return ~allowed;
}

/* Guest MAXPHYADDR: leaf 0x80000008, else 36 (SDM 3A 4.1.4) */
static u8 table_phys_bits(struct x86_cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(t, 0x80000000, 0);

	if (e && e->eax >= 0x80000008) {
		e = cpuid_find(t, 0x80000008, 0);
		if (e && e->eax & 0xff)
			return clamp_t(u32, e->eax & 0xff, 32, 52);
	}
	return 36;
}

/*
 * Until user space sets a CPUID, nothing is forbidden that the host can do:
 * small VMMs never set one, and others set CR4 or EFER before it.
 */
void cpuid_derive(struct vcpu *vcpu)
{
	struct x86_cpuid_table *t = vcpu->arch.cpuid;
	struct x86_vcpu *a = &vcpu->arch;
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	if (t->n) {
		a->gcaps = cpuid_gcaps(t) & (x86_host.gcaps | CAPS_FREE);
		a->phys_bits = table_phys_bits(t);
	} else {
		a->gcaps = x86_host.gcaps | BIT_ULL(GCAP_TSC_DEADLINE);
		a->phys_bits = x86_host.phys_bits;
	}
	for (i = 0; i < X86_CPUID_DIRECT; i++) {
		e = cpuid_find(t, i, 0);
		if (e && e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
			e = NULL;
		a->cpuid_direct[i] = e;
	}
	a->cr4_reserved = cr4_reserved(a->gcaps) | x86_host.cr4_reserved;
	a->gpa_reserved = ~0ULL << a->phys_bits;
	x86_cpuid_runtime(vcpu);
}

/* The host's own capabilities, from the table that guests are offered */
int __init cpuid_host_setup(void)
{
	struct kvm_cpuid_entry2 *e;
	struct x86_cpuid_table *t;
	int n, err = -ENOMEM;

	xstate_setup();
	e = kvcalloc(X86_MAX_CPUID, sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	n = cpuid_supported(e, X86_MAX_CPUID);
	if (WARN_ON_ONCE(n < 0)) {
		err = n;
		goto free;
	}
	t = cpuid_table_build(e, n);
	if (!t)
		goto free;
	x86_host.gcaps = cpuid_gcaps(t) | BIT_ULL(GCAP_INTEL);
	x86_host.cr4_reserved = cr4_reserved(x86_host.gcaps);
	kvfree(t);
	err = 0;
free:
	kvfree(e);
	return err;
}
