/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vmx/ keeps in a vCPU, and the register cache over the VMCS.
 *
 * avail: the copy in memory is what the guest has. Cleared at every exit.
 * dirty: the copy is newer than the VMCS; written before the next entry.
 * A bit in dirty implies the bit in avail.
 */
#ifndef VMX_VMX_VCPU_H
#define VMX_VMX_VCPU_H

#include <linux/types.h>
#include <linux/list.h>
#include <linux/bits.h>
#include <asm/desc_defs.h>
#include <asm/vmx.h>

enum vmx_reg {
	VREG_RIP, VREG_RSP, VREG_RFLAGS, VREG_CR0, VREG_CR3, VREG_CR4,
	VREG_EXIT_QUAL, VREG_INTR_INFO, VREG_INSN_LEN, VREG_PDPTES,
	VREG_CPL, VREG_FAULT_GPA,
};

struct vmx_seg {
	u16 sel;
	u32 limit, ar;			/* ar: VMX format, bit 16 is "unusable" */
	u64 base;
};

/* The thread's data segments, compared all at once */
union host_selectors {
	struct {
		u16 ds, es, fs, gs;
	};
	u64 all;
};

/* One VMCS region and what its hardware copy currently holds */
struct vmcs {
	void *region;			/* [I] one page */
	int cpu;			/* [c] active on, or -1 */
	bool launched;			/* [c] */
	struct list_head link;		/* [c] the CPU's list of active ones */

	/* fields as last written, so that they are written only when different */
	u32 pin, proc, proc2, entry_ctls, exit_ctls;
	u32 exception_bitmap;
	u64 host_cr3, host_cr4;
	u64 host_fs_base;
	union host_selectors host_sel;
};

/* What vmx_asm_enter() has at hand; entry.S knows the layout */
struct vmx_entry {
	u64 host_rsp;			/* [c] HOST_RSP as last written */
	u64 spec_ctrl;			/* [v] guest's */
	u64 host_spec_ctrl;		/* [c] where flags say it is wanted */
};

struct vmx_vcpu {
	u32 avail, dirty;		/* [v] BIT(enum vmx_reg) */
	u64 cr0_owned, cr4_owned;	/* [v] bits the guest changes without exit */
	u64 rip;			/* [v] */
	u64 rflags;			/* [v] as the guest has it */
	bool rflags_special;		/* [v] the VMCS has it otherwise: v86, or stepped */
	u32 exit_reason;		/* [v] with the entry-failure bit 31 */
	u32 intr_info;			/* [v] VM_EXIT_INTR_INFO */
	u64 exit_qual;			/* [v] */
	gpa_t fault_gpa;		/* [v] GUEST_PHYSICAL_ADDRESS, with its space */
	u32 insn_len;			/* [v] */
	u8 cpl;				/* [v] */
	u32 idt_info, idt_error, idt_len; /* [v] IDT vectoring of the last exit */
	u32 entry_fail;			/* [v] VM-instruction error of a failed entry */

	struct vmcs vmcs;
	struct vmx_entry entry;
	/* EFER on CPUs whose VMCS has no field for it (SDM 3C 25.8.2) */
	struct vmx_msr_entry guest_efer, host_efer;	/* [v] */
	void *msr_bitmap;		/* [I] one page */
	u16 vpid;			/* [I] 0: none */
	u64 id;				/* [I] never used twice */

	/* MSRs the guest has that the host's user space also uses */
	u64 star, lstar, cstar, fmask, tsc_aux;	/* [v] guest's */
	u64 kernel_gs_base;		/* [v] guest's, while not loaded */
	u64 host_kernel_gs_base;	/* [c] host's, while the guest's is loaded */
	u16 host_ldt;			/* [c] */
	struct desc_ptr host_gdt;	/* [c] of the CPU the VMCS is active on */
	bool guest_state_loaded;	/* [c] host-only state has been put aside */
	union {			/* before an entry one look for all of them */
		struct {
			bool spec_ctrl_passthrough;	/* [v] the guest has written it */
			bool timer_armed;		/* [v] timer.c */
		};
		u16 seldom;
	};
	u64 timer_at;			/* [v] host TSC of the exit, with timer_armed */
	bool emulation_required;	/* [v] state VMX cannot enter: emulate */
	bool state_changed;		/* [v] emulation_required is to be worked out anew */
	bool v86;			/* [v] real mode as virtual-8086 mode */
	u32 rm_sysenter_cs;		/* [v] guest's, while v86 */
	u64 rm_rflags;			/* [v] guest's RFLAGS that the CPU has not, likewise */
	struct vmx_seg rm_seg[8];	/* [v] guest's segments: limits, rights, LDTR, TR */
	bool event_given;		/* [v] this entry delivers an event */
	u32 soft_event, soft_error, soft_len; /* [v] for the emulator to deliver */
	bool drs_active;		/* [v] a breakpoint is on in DR7 */
	bool posting;			/* [v] read by all: posted interrupts are on */
	u8 apic_controls;		/* [v] what the controls of vmx/apicv.c are made for */
	u8 x2apic_virt;			/* [v] IRQ_ASSIST_* the MSR bitmap is made for */
	u8 tpr_threshold;		/* [v] as written */
	u32 ple_window;			/* [v] as written: ple.c */
	unsigned long quiescent;	/* [v] jiffies, when RCU was told of us */
	unsigned long *posted_on;	/* [I] in the posted-interrupt descriptor, or NULL */
	bool has_pml;			/* [I] */
	void *pml;			/* [I] one page, 512 entries */
};

#endif
