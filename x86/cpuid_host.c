// SPDX-License-Identifier: GPL-2.0-only
/*
 * What guests may be told by CPUID: the host's leaves, with only those bits
 * left in that this module makes work. SDM 2A, CPUID.
 */
#include <linux/string.h>
#include <asm/processor.h>
#include <asm/fpu/types.h>
#include <asm/vmx.h>
#include <uapi/asm/kvm_para.h>
#include "x86/priv.h"

#define B(n)	BIT(n)

/* Leaf 1 ECX: no DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2, CNXT-ID, PDCM, DCA */
#define L1_ECX	(B(0) | B(1) | B(9) | B(12) | B(13) | B(17) | B(19) | B(20) | \
		 B(22) | B(23) | B(25) | B(26) | B(28) | B(29) | B(30))
/* Local APIC x2APIC mode is emulated whatever the host has; hypervisor bit */
#define L1_ECX_ALWAYS	(B(21) | B(31))
/* Leaf 1 EDX: no PSN, DS, ACPI, HTT, TM, PBE */
#define L1_EDX	(B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) | \
		 B(9) | B(11) | B(12) | B(13) | B(14) | B(15) | B(16) | B(17) | \
		 B(19) | B(23) | B(24) | B(25) | B(26) | B(27))
/* Leaf 7 EBX: no SGX, PQM, MPX, PQE, PT */
#define L7_EBX	(B(0) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) | B(10) | \
		 B(11) | B(13) | B(16) | B(17) | B(18) | B(19) | B(20) | B(21) | \
		 B(23) | B(24) | B(26) | B(27) | B(28) | B(29) | B(30) | B(31))
#define L7_EBX_ALWAYS	B(1)	/* IA32_TSC_ADJUST is emulated */
/*
 * Leaf 7 ECX: AVX512_VBMI, UMIP, PKU, AVX512_VBMI2, GFNI, VAES, VPCLMULQDQ,
 * VNNI, BITALG, VPOPCNTDQ, LA57, RDPID, CLDEMOTE, MOVDIRI, MOVDIR64B
 */
#define L7_ECX	(B(1) | B(2) | B(3) | B(6) | B(8) | B(9) | B(10) | B(11) | B(12) | \
		 B(14) | B(16) | B(22) | B(25) | B(27) | B(28))
/*
 * Leaf 7 EDX: 4VNNIW, 4FMAPS, FSRM, VP2INTERSECT, MD_CLEAR, SERIALIZE,
 * TSXLDTRK, AVX512_FP16, IBRS/IBPB, STIBP, L1D_FLUSH, SSBD
 */
#define L7_EDX	(B(2) | B(3) | B(4) | B(8) | B(10) | B(14) | B(16) | B(23) | \
		 B(26) | B(27) | B(28) | B(31))
#define L7_EDX_ALWAYS	B(29)	/* IA32_ARCH_CAPABILITIES is emulated */
/* Leaf 7.1 EAX: AVX_VNNI, AVX512_BF16, FZRM, FSRS, FSRC, AVX_IFMA */
#define L7_1_EAX	(B(4) | B(5) | B(10) | B(11) | B(12) | B(23))
/* Leaf 7.1 EDX: AVX_VNNI_INT8, AVX_NE_CONVERT, PREFETCHI */
#define L7_1_EDX	(B(4) | B(5) | B(14))
#define L7_2_EDX	B(5)	/* MCDT_NO */
/* Leaf 0xd.1 EAX: XSAVEOPT, XSAVEC, XGETBV with ECX=1, XSAVES */
#define LD_1_EAX	(B(0) | B(1) | B(2) | B(3))
/* Leaf 0x80000001 ECX: LAHF, LZCNT, PREFETCHW */
#define LX1_ECX	(B(0) | B(5) | B(8))
/* Leaf 0x80000001 EDX: SYSCALL, NX, 1-GiB pages, RDTSCP, long mode */
#define LX1_EDX	(B(11) | B(20) | B(26) | B(27) | B(29))
#define AVX_512_EBX	(B(16) | B(17) | B(21) | B(26) | B(27) | B(28) | B(30) | B(31))

/* Paravirtual features that work, leaf 0x40000001 EAX */
#define PV_FEATURES	(B(KVM_FEATURE_CLOCKSOURCE) | B(KVM_FEATURE_NOP_IO_DELAY) | \
			 B(KVM_FEATURE_CLOCKSOURCE2) | B(KVM_FEATURE_STEAL_TIME) | \
			 B(KVM_FEATURE_ASYNC_PF) | B(KVM_FEATURE_ASYNC_PF_INT) | \
			 B(KVM_FEATURE_PV_EOI) | B(KVM_FEATURE_PV_UNHALT) | \
			 B(KVM_FEATURE_PV_TLB_FLUSH) | B(KVM_FEATURE_PV_SEND_IPI) | \
			 B(KVM_FEATURE_POLL_CONTROL) | \
			 B(KVM_FEATURE_PV_SCHED_YIELD) | \
			 B(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))
/* Those that need to know who was preempted */
#define PV_STEAL_FEATURES (B(KVM_FEATURE_STEAL_TIME) | \
			   B(KVM_FEATURE_PV_TLB_FLUSH) | \
			   B(KVM_FEATURE_PV_SCHED_YIELD))

static u32 secondary_controls(void)
{
	return vmx_mmu_caps()->secondary_allowed;
}

static void clear(struct kvm_cpuid_entry2 *e)
{
	e->eax = 0;
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
}

static u32 leaf7_ebx(u32 host)
{
	u32 v = (host & L7_EBX) | L7_EBX_ALWAYS;

	if (!(secondary_controls() & SECONDARY_EXEC_ENABLE_INVPCID))
		v &= ~B(10);
	if (!(x86_host.guest_xcr0 & XFEATURE_MASK_YMM))
		v &= ~B(5);
	if (!(x86_host.guest_xcr0 & XFEATURE_MASK_AVX512))
		v &= ~AVX_512_EBX;
	return v;
}

static u32 leaf7_ecx(u32 host)
{
	u32 v = host & L7_ECX;

	if (!x86_host.pku)
		v &= ~B(3);
	if (!(secondary_controls() & SECONDARY_EXEC_ENABLE_RDTSCP))
		v &= ~B(22);
	return v;
}

/* The XSAVE leaf and its sub-leaves, SDM 1 13.2 */
static void mask_xsave(struct kvm_cpuid_entry2 *e)
{
	u64 all = x86_host.guest_xcr0 | x86_host.guest_xss;

	switch (e->index) {
	case 0:
		e->eax = x86_host.guest_xcr0;
		e->edx = x86_host.guest_xcr0 >> 32;
		e->ebx = xsave_area_size(XFEATURE_MASK_FPSSE, false);
		e->ecx = xsave_area_size(x86_host.guest_xcr0, false);
		break;
	case 1:
		e->eax &= LD_1_EAX;
		if (!x86_host.xsaves)
			e->eax &= ~B(3);
		e->ebx = 0;
		e->ecx = x86_host.guest_xss;
		e->edx = x86_host.guest_xss >> 32;
		break;
	default:
		if (!(all & BIT_ULL(e->index)))
			clear(e);
		/* no XFD: bit 2 of ECX */
		e->ecx &= 3;
		e->edx = 0;
	}
}

/* What the host says in @e becomes what a guest may be told */
static void mask_leaf(struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0:
		/* the topology leaves are the last that mean anything here */
		e->eax = clamp(e->eax, 0xdu, 0x1fu);
		break;
	case 1:
		/* initial APIC id and logical CPUs are the VMM's to say */
		e->ebx &= 0xff00;
		e->ecx = (e->ecx & L1_ECX) | L1_ECX_ALWAYS;
		e->edx &= L1_EDX;
		if (!(x86_host.guest_xcr0 & XFEATURE_MASK_YMM))
			e->ecx &= ~(B(12) | B(28) | B(29));
		if (!x86_host.guest_xcr0)
			e->ecx &= ~B(26);
		break;
	case 2:
		break;
	case 4:
		/* no sharing of caches and cores known: APIC ids are the VMM's */
		e->eax &= 0x3ff;
		break;
	case 6:
		clear(e);
		e->eax = B(2);		/* ARAT: the APIC timer never stops */
		break;
	case 7:
		if (e->index == 0) {
			e->eax = min(e->eax, 2u);
			e->ebx = leaf7_ebx(e->ebx);
			e->ecx = leaf7_ecx(e->ecx);
			e->edx = (e->edx & L7_EDX) | L7_EDX_ALWAYS;
		} else if (e->index == 1) {
			e->eax &= L7_1_EAX;
			e->ebx = 0;
			e->ecx = 0;
			e->edx &= L7_1_EDX;
		} else {
			e->eax = 0;
			e->ebx = 0;
			e->ecx = 0;
			e->edx &= L7_2_EDX;
		}
		break;
	case 0xd:
		mask_xsave(e);
		break;
	case 0x80000000:
		e->eax = clamp(e->eax, 0x80000001u, 0x80000008u);
		break;
	case 0x80000001:
		e->eax = 0;
		e->ebx = 0;
		e->ecx &= LX1_ECX;
		e->edx &= LX1_EDX;
		/* the host's kernel may hide these in a 32-bit view */
		if (!(secondary_controls() & SECONDARY_EXEC_ENABLE_RDTSCP))
			e->edx &= ~B(27);
		break;
	case 0x80000002 ... 0x80000004:
	case 0x80000006:
		break;
	case 0x80000007:
		e->eax = 0;
		e->ebx = 0;
		e->ecx = 0;
		e->edx &= B(8);		/* invariant TSC */
		break;
	case 0x80000008:
		e->eax = (e->eax & 0xff00) | x86_host.phys_bits;
		e->ebx &= B(9);		/* WBNOINVD */
		e->ecx = 0;
		e->edx = 0;
		break;
	default:
		clear(e);
	}
}

/* Where the leaf has sub-leaves by ECX */
static bool has_index(u32 function)
{
	switch (function) {
	case 4: case 7: case 0xb: case 0xd: case 0xf: case 0x10: case 0x12:
	case 0x14: case 0x17: case 0x18: case 0x1d: case 0x1e: case 0x1f:
		return true;
	}
	return false;
}

struct fill {
	struct kvm_cpuid_entry2 *e;
	unsigned int n, max;
};

static struct kvm_cpuid_entry2 *add(struct fill *f, u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *e;

	if (f->n >= f->max)
		return NULL;
	e = &f->e[f->n++];
	memset(e, 0, sizeof(*e));
	e->function = function;
	e->index = index;
	if (has_index(function))
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	return e;
}

/* One leaf or sub-leaf of the host, masked; NULL: no room */
static struct kvm_cpuid_entry2 *add_host(struct fill *f, u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *e = add(f, function, index);

	if (!e)
		return NULL;
	cpuid_count(function, index, &e->eax, &e->ebx, &e->ecx, &e->edx);
	mask_leaf(e);
	return e;
}

/* A leaf with its sub-leaves. Return: its first entry, NULL: no room */
static struct kvm_cpuid_entry2 *add_leaf(struct fill *f, u32 function)
{
	struct kvm_cpuid_entry2 *e = add_host(f, function, 0);
	u64 all = x86_host.guest_xcr0 | x86_host.guest_xss;
	u32 i, last;

	if (!e)
		return NULL;
	switch (function) {
	case 4:
		/* ends with a sub-leaf of cache type 0 */
		for (i = 1; i < 16 && f->e[f->n - 1].eax & 0x1f; i++)
			if (!add_host(f, 4, i))
				return NULL;
		break;
	case 7:
		last = e->eax;
		for (i = 1; i <= last; i++)
			if (!add_host(f, 7, i))
				return NULL;
		break;
	case 0xd:
		if (!all)
			break;
		if (!add_host(f, 0xd, 1))
			return NULL;
		for (i = 2; i < 63; i++)
			if (all & BIT_ULL(i) && !add_host(f, 0xd, i))
				return NULL;
		break;
	case 0xb:
	case 0x1f:
		/* type "invalid": the VMM adds the guest's topology */
		break;
	}
	return e;
}

int cpuid_supported(struct kvm_cpuid_entry2 *entries, unsigned int max)
{
	struct fill f = { .e = entries, .max = max };
	struct kvm_cpuid_entry2 *e;
	u32 i, last;

	e = add_leaf(&f, 0);
	if (!e)
		return -E2BIG;
	last = e->eax;
	for (i = 1; i <= last; i++)
		if (!add_leaf(&f, i))
			return -E2BIG;

	e = add(&f, KVM_CPUID_SIGNATURE, 0);
	if (!e)
		return -E2BIG;
	e->eax = KVM_CPUID_FEATURES;
	memcpy(&e->ebx, "KVMK", 4);
	memcpy(&e->ecx, "VMKV", 4);
	memcpy(&e->edx, "M\0\0\0", 4);
	e = add(&f, KVM_CPUID_FEATURES, 0);
	if (!e)
		return -E2BIG;
	e->eax = PV_FEATURES;
	if (!steal_available())
		e->eax &= ~PV_STEAL_FEATURES;

	e = add_leaf(&f, 0x80000000);
	if (!e)
		return -E2BIG;
	last = e->eax;
	for (i = 0x80000001; i <= last; i++)
		if (!add_leaf(&f, i))
			return -E2BIG;
	return f.n;
}
