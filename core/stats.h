/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of a vCPU, served by KVM_GET_STATS_FD (uapi/stats.c).
 * Written by the vCPU's thread alone, so a plain increment is enough; read
 * elsewhere with READ_ONCE().
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <linux/types.h>

#define NR_EXIT_REASONS		80	/* SDM 3D appendix C, rounded up */

struct vcpu_stats {
	u64 exits[NR_EXIT_REASONS];	/* by basic exit reason */
	u64 exit_ns[NR_EXIT_REASONS];	/* host time in full handlers, module parameter exit_time */
	u64 entries;
	u64 outer_exits;		/* left the fast loop */
	u64 fast_exits;			/* re-entered without leaving the fast loop */
	u64 user_exits;			/* KVM_RUN returned to user space */
	u64 signal_exits;
	u64 mmio_exits, pio_exits;	/* that user space served */
	u64 insn_emulated, insn_emul_failed;
	u64 irq_injected, nmi_injected, exception_injected;
	u64 irq_window, nmi_window;
	u64 host_interrupts;	/* taken without leaving the fast loop */
	u64 pv_tlb_flushes;
	u64 apf_not_present, apf_ready;
	u64 halts, halt_wakeups;
	u64 halt_attempted_poll, halt_successful_poll;
	u64 yields;			/* PAUSE loops that another vCPU got the CPU for */
	u64 pf_fixed, pf_spurious, pf_injected, pf_mmio;
	u64 tlb_flushes;
	u64 vmreads, vmwrites;		/* between vcpu_load() and vcpu_put() */
	u64 msr_switches;
	u64 vmcs_migrations;
	u64 hypercalls;
};

#endif
