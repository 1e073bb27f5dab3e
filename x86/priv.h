/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of x86/ share among themselves */
#ifndef X86_PRIV_H
#define X86_PRIV_H

#include <linux/nospec.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include "x86/x86.h"
#include "vmx/vmx.h"
#include "mmu/mmu.h"
#include "irqchip/irqchip.h"

/* ---- CPUID ---------------------------------------------------------------- */

#define X86_MAX_CPUID	256	/* entries KVM_SET_CPUID2 takes */

/*
 * A guest's CPUID. e[] is in user space's order, which KVM_GET_CPUID2 gives
 * back; sorted[] orders it by function and index. first[] finds the first
 * entry of the small leaves of each range without a search.
 */
enum cpuid_range { CPUID_BASIC, CPUID_HYPERVISOR, CPUID_EXTENDED, NR_CPUID_RANGES };

#define CPUID_DIRECT	X86_CPUID_DIRECT	/* leaves of a range found without a search */
#define CPUID_NONE	0xffff

struct x86_cpuid_table {
	unsigned int n;
	u32 max_basic;			/* highest basic leaf */
	u16 first[NR_CPUID_RANGES][CPUID_DIRECT];	/* into sorted[] */
	u16 sorted[X86_MAX_CPUID];			/* into e[] */
	u16 leaf1, leaf7, leafd0, leafd1, leafpv;	/* into e[]: entries with runtime bits */
	struct kvm_cpuid_entry2 e[];
};

/* Fill @e, room for @max, with what guests may be told. Entries, or -E2BIG. */
int cpuid_supported(struct kvm_cpuid_entry2 *e, unsigned int max);
int cpuid_host_setup(void);

/* A table from @n entries at @e, or NULL: no memory */
struct x86_cpuid_table *cpuid_table_build(const struct kvm_cpuid_entry2 *e,
					  unsigned int n);
struct kvm_cpuid_entry2 *cpuid_find(struct x86_cpuid_table *t, u32 function,
				    u32 index);
/* Bits that mirror the vCPU's registers, in a table that may not be its own */
void cpuid_table_runtime(struct vcpu *vcpu, struct x86_cpuid_table *t);
/* What follows from the CPUID table for the rest of the vCPU */
void cpuid_derive(struct vcpu *vcpu);

/* Bytes of the XSAVE area for the components of @xfeatures */
u32 xsave_area_size(u64 xfeatures, bool compacted);

/* ---- MSRs ----------------------------------------------------------------- */

/*
 * One MSR, or a run of like ones. An MSR with neither get nor set lives in the
 * u64 at @field of struct x86_vcpu; @reserved are the bits that fault.
 */
struct msr_desc {
	u32 first, last;
	u16 flags;		/* MSR_* below */
	u8 cap;			/* enum x86_guest_cap it needs, or NR_GCAPS */
	u16 field;		/* offset in struct x86_vcpu */
	u64 reserved;
	int (*get)(struct vcpu *vcpu, u32 index, u64 *value, bool host);
	int (*set)(struct vcpu *vcpu, u32 index, u64 value, bool host);
};

#define MSR_F_LIST	BIT(0)	/* in KVM_GET_MSR_INDEX_LIST */
#define MSR_F_FIELD	BIT(1)	/* the value is at @field */
#define MSR_F_RO	BIT(2)	/* the guest's write faults */
#define MSR_F_RO_HOST	BIT(3)	/* user space's write faults too, unless unchanged */
#define MSR_F_VMX	BIT(5)	/* kept by vmx/ */
#define MSR_F_PV	BIT(6)	/* paravirtual */

extern const struct msr_desc x86_msr_table[];
extern const unsigned int x86_nr_msr_descs;

int msr_setup(void);
void msr_filter_destroy(struct vm *vm);

/* x86/mtrr.c */
int mtrr_get(struct vcpu *vcpu, u32 index, u64 *value, bool host);
int mtrr_set(struct vcpu *vcpu, u32 index, u64 value, bool host);
bool pat_valid(u64 pat);

/* x86/mce.c */
#define X86_MCE_BANKS	32
int mce_get(struct vcpu *vcpu, u32 index, u64 *value, bool host);
int mce_set(struct vcpu *vcpu, u32 index, u64 value, bool host);
int mce_get_ctl2(struct vcpu *vcpu, u32 index, u64 *value, bool host);
int mce_set_ctl2(struct vcpu *vcpu, u32 index, u64 value, bool host);

/* x86/pvclock.c */
int pv_get_msr(struct vcpu *vcpu, u32 index, u64 *value, bool host);
int pv_set_msr(struct vcpu *vcpu, u32 index, u64 value, bool host);
int pvclock_vcpu_init(struct vcpu *vcpu);
void pvclock_vcpu_destroy(struct vcpu *vcpu);
void pvclock_vm_init(struct vm *vm);
void pvclock_reset(struct vcpu *vcpu);

long pvclock_pairing(struct vcpu *vcpu, gpa_t gpa, u64 type);

/* x86/steal.c */
struct x86_steal {
	u64 last_delay;			/* [v] run_delay of the thread when last looked at */
};

struct x86_steal *pvclock_steal(struct vcpu *vcpu);
bool steal_available(void);
int steal_set_msr(struct vcpu *vcpu, u64 value);

/* x86/tsc.c */
void tsc_vm_init(struct vm *vm);
/* Each time the host looks at its clocks: does it still trust its TSCs? */
void x86_note_tsc(void);
void tsc_vcpu_init(struct vcpu *vcpu);
int tsc_set_adjust(struct vcpu *vcpu, u64 value, bool host);

/* ---- the rest -------------------------------------------------------------- */

/* x86/cr.c: is the combination one that MOV to CR and user space may make? */
bool cr0_valid(u64 cr0);
bool cr4_valid(struct vcpu *vcpu, u64 cr4);
bool efer_valid(struct vcpu *vcpu, u64 efer, bool host);

/* x86/events.c */
/* DR6 or CR2 as the handler is to find them */
void x86_deliver_payload(struct vcpu *vcpu);

/* x86/events_user.c */
/* One that user space saved on its way in (KVM_SET_SREGS, _VCPU_EVENTS); -1: none */
void x86_restore_irq(struct vcpu *vcpu, int vector);

/* x86/dr.c */
void dr_changed(struct vcpu *vcpu);

#endif
