/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef X86_X86_VM_H
#define X86_X86_VM_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/spinlock.h>

/* What x86/ keeps in a VM */
struct x86_vm {
	u64 disabled_quirks;		/* [V] KVM_CAP_DISABLE_QUIRKS2 */
	u64 disabled_exits;		/* [V] KVM_X86_DISABLE_EXITS_*, before vCPUs */
	u32 default_tsc_khz;		/* [V] */
	raw_spinlock_t tsc_lock;	/* TSC synchronisation of the VM's vCPUs */
	u64 last_tsc_write;		/* tsc_lock */
	u64 last_tsc_ns;		/* tsc_lock */
	u64 last_tsc_offset;		/* tsc_lock */
	u64 last_tsc_lost;		/* tsc_lock; tsc_lost of that vCPU */
	u32 last_tsc_khz;		/* tsc_lock; 0: no write yet */
	bool user_tsc;			/* tsc_lock; user space has set one */
	s64 kvmclock_offset;		/* [a] kvmclock = host boot time + this */
	raw_spinlock_t clock_lock;	/* the pair below */
	u64 clock_tsc, clock_ns;	/* clock_lock: taken at the same moment */
	unsigned int clock_generation;	/* clock_lock: of the pair; 0: none */
	struct list_head clock_link;	/* clock_vms_lock in x86/pvclock.c */
	bool exception_payload;		/* [V] KVM_CAP_EXCEPTION_PAYLOAD */
	bool hide_platform_info;	/* [V] KVM_CAP_MSR_PLATFORM_INFO */
	bool exit_on_emul_failure;	/* [V] KVM_CAP_EXIT_ON_EMULATION_FAILURE */
	bool triple_fault_event;	/* [V] KVM_CAP_X86_TRIPLE_FAULT_EVENT */
	u64 user_hypercalls;		/* [a] KVM_CAP_EXIT_HYPERCALL */
	u32 user_msr_mask;		/* [a] KVM_CAP_X86_USER_SPACE_MSR: reasons */
	struct msr_filter __rcu *msr_filter;	/* [V] x86/msr_filter.c; NULL: none */
	u32 bsp_vcpu_id;		/* [V] KVM_SET_BOOT_CPU_ID */
};

#endif
