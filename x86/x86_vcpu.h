/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef X86_X86_VCPU_H
#define X86_X86_VCPU_H

#include <linux/types.h>
#include <linux/kvm.h>
#include <asm/fpu/types.h>

/*
 * Events on their way into the guest.
 *
 * pending: decided, not yet given to the VMCS. injected: given to the VMCS for
 * the next entry, or taken back from IDT-vectoring information after an exit
 * that interrupted its delivery; it must be delivered before anything else.
 */
struct x86_events {
	struct {
		bool pending;
		bool injected;
		bool has_error;
		bool has_payload;
		u8 vector;
		u32 error;
		u64 payload;		/* CR2 or DR6 bits, until delivered */
	} exception;
	struct {
		bool injected;
		bool soft;		/* INT n taken back from IDT vectoring */
		bool restored;		/* user space put it there, and it may only wait */
		u8 vector;
		bool held;		/* another one is acknowledged and waits for IF */
		u8 held_vector;
	} irq;
	bool smi_pending;
	bool smi_delayed;		/* it waits for the event that this entry delivers */
	bool nmi_injected;
	u8 nmi_pending;			/* at most 2: one in service, one latched */
	atomic_t nmi_queued;		/* [a] from other threads, see REQ_NMI */
	u32 reinject_len;		/* instruction length of a software event, else 0 */
	int user_irq;			/* KVM_INTERRUPT, not given yet, or -1 */
};

#define X86_NR_VAR_MTRRS	8	/* MTRRcap.VCNT */

/* A bit of guest CPUID that other code asks for on fast paths */
enum x86_guest_cap {
	GCAP_NX, GCAP_LM, GCAP_PCID, GCAP_SMEP, GCAP_SMAP, GCAP_PKU, GCAP_LA57,
	GCAP_UMIP, GCAP_FSGSBASE, GCAP_XSAVE, GCAP_XSAVES, GCAP_RDTSCP,
	GCAP_INVPCID, GCAP_X2APIC, GCAP_TSC_DEADLINE, GCAP_TSC_ADJUST,
	GCAP_GBPAGES, GCAP_RDPID, GCAP_SPEC_CTRL, GCAP_PRED_CMD, GCAP_FLUSH_L1D,
	GCAP_MTRR, GCAP_MCE, GCAP_SMX, GCAP_VMX, GCAP_SYSCALL, GCAP_MWAIT,
	GCAP_ARCH_CAP, GCAP_PAT, GCAP_RTM, GCAP_PSE36, GCAP_INTEL, GCAP_XFD,
	GCAP_RDRAND, GCAP_RDSEED,
	GCAP_PV_UNHALT, GCAP_PV_EOI, GCAP_STEAL_TIME, GCAP_KVMCLOCK,
	GCAP_PV_TLB_FLUSH, GCAP_PV_SEND_IPI, GCAP_PV_SCHED_YIELD,
	GCAP_POLL_CONTROL, GCAP_MIGRATION, GCAP_ASYNC_PF, GCAP_ASYNC_PF_INT,
	NR_GCAPS
};

struct x86_cpuid_table;
#define X86_CPUID_DIRECT	32

struct x86_vcpu {
	u64 cr0, cr2, cr3, cr4;		/* [v] guest's view; cr0/cr3/cr4 through x86.h */
	u64 cr8;			/* [v] without irqchip */
	u64 efer;			/* [v] */
	u64 xcr0;			/* [v] */
	u64 xss;			/* [v] */
	u64 apic_base;			/* [v] IA32_APIC_BASE */
	u64 pdpte[4];			/* [v] guest's, PAE paging */
	u64 cr4_reserved;		/* [v] bits CPUID does not offer */
	u64 gcaps;			/* [v] BIT(enum x86_guest_cap) */
	u8 phys_bits;			/* [v] guest MAXPHYADDR */
	u64 gpa_reserved;		/* [v] bits at and above it */
	struct x86_cpuid_table *cpuid;	/* [v] */
	/* [v] of leaves below it, the entry, where sub-leaves do not matter */
	const struct kvm_cpuid_entry2 *cpuid_direct[X86_CPUID_DIRECT];

	u64 db[4], dr6, dr7;		/* [v] guest's */
	u64 guest_debug_db[4];		/* [v] debugger's */
	u64 guest_debug_dr7;		/* [v] */
	u32 guest_debug;		/* [v] KVM_GUESTDBG_* */

	struct x86_events ev;		/* [v] */
	u32 mp_state;			/* [v] KVM_MP_STATE_* */

	struct fpu_guest fpu;		/* [v] */
	bool fpu_loaded;		/* [v] the guest's FPU state is in the CPU */
	u32 pkru, host_pkru;		/* [v] */
	bool xcr0_loaded;		/* [c] */

	u64 pat;			/* [v] IA32_CR_PAT */
	u64 misc_enable;		/* [v] */
	u64 tsc_offset;			/* [v] guest TSC = host TSC * ratio + offset */
	u64 tsc_adjust;			/* [v] */
	u64 tsc_lost;			/* [v] by suspend, as far as it is in tsc_offset */
	u32 tsc_khz;			/* [v] */
	u64 tsc_left, tsc_left_ns;	/* [v] value and time, where TSCs are unstable */
	u64 tsc_ratio;			/* [v] fixed point, 1 << 48 = unscaled */
	u64 arch_capabilities;		/* [v] */
	u64 smbase;			/* [v] */
	u64 smi_count;			/* [v] MSR_SMI_COUNT */
	bool smm;			/* [v] in system-management mode */
	bool smm_nmi_blocked;		/* [v] as NMIs were before it */
	bool unhalted;			/* [v] an event ended HLT a moment ago */
	u64 mcg_cap, mcg_status, mcg_ctl;	/* [v] */
	u64 *mce_banks;			/* [v] 4 per bank: CTL, STATUS, ADDR, MISC; */
					/* then CTL2 of all */
	struct {
		u64 fixed[11];
		u64 var[2 * X86_NR_VAR_MTRRS];	/* base, mask, base, ... */
		u64 deftype;
	} mtrr;				/* [v] */
	u64 microcode_version;		/* [v] */
	u64 platform_info;		/* [v] */
	u64 feature_control;		/* [v] */
	u64 system_time_msr;		/* [v] kvmclock */
	gpa_t vapic_addr;		/* [v] KVM_SET_VAPIC_ADDR, 0 for none */
	bool tpr_reports;		/* [v] KVM_TPR_ACCESS_REPORTING */
	bool tpr_written;		/* [v] REQ_TPR_ACCESS: by the instruction */
	u64 tpr_rip;			/* [v] at this address */
	u64 steal_msr;			/* [v] */
	u64 pv_eoi_msr;			/* [v] */
	enum {
		PV_EOI_NONE,
		PV_EOI_OFFERED,	/* the guest may clear the bit for an EOI */
		PV_EOI_STALE,	/* the bit may be set, and means nothing */
	} pv_eoi;			/* [v] irqchip/pv.c */
	bool pv_enforce;		/* [v] KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	bool pv_unhalted;		/* [a] KVM_HC_KICK_CPU: no HLT sleeps */
	u64 apf_msr, apf_int_msr;	/* [v] asynchronous page faults */
	u64 poll_control;		/* [v] */
	u64 migration_control;		/* [v] */
	u64 wall_clock_msr;		/* [v] last value written, to read back */
	bool pvclock_stopped;		/* [v] KVM_KVMCLOCK_CTRL: tell the guest */
	struct x86_pvclock *pvclock;	/* [I] x86/pvclock.c */
};

#endif
