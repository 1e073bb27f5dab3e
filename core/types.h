/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Types and constants every folder uses.
 *
 * Lock annotations used behind struct fields everywhere:
 *   [I] immutable after creation        [v] vcpu->mutex
 *   [V] vm->lock                        [s] vm->mmu.slots_lock
 *   [m] vm->mmu.lock                    [r] RCU or SRCU, written under the lock named
 *   [a] atomic or single-word access    [c] the CPU the vCPU is loaded on
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <linux/types.h>
#include <linux/kvm_types.h>	/* gva_t, gpa_t, gfn_t, hva_t, hpa_t, kvm_pfn_t */
#include <linux/kvm.h>
#include <asm/vmx.h>

/* The kernel's header has macros of these names for one field of one VMCS word */
#undef REG_R8
#undef REG_R9
#undef REG_R10
#undef REG_R11
#undef REG_R12
#undef REG_R13
#undef REG_R14
#undef REG_R15

struct vm;
struct vcpu;

/* Architectural encoding order: ModRM/REX numbers (SDM 2A 2.1.5) */
enum gpr {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	NR_GPRS
};

/* Segment registers in the encoding of MOV Sreg (SDM 2B table 4-3), then the rest */
enum seg_reg {
	SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR,
	NR_SEGS
};

/* A fault on its way to the guest; filled by walkers and emulators, never queued by them */
struct x86_exception {
	u8 vector;
	bool has_error;
	u16 error;
	u64 address;		/* CR2 of a page fault */
};

#define PFEC_P		(1u << 0)	/* SDM 3A 4.7 */
#define PFEC_W		(1u << 1)
#define PFEC_U		(1u << 2)
#define PFEC_RSVD	(1u << 3)
#define PFEC_I		(1u << 4)
#define PFEC_PK	(1u << 5)

/*
 * What handlers on the way from an exit to the next entry return.
 * Negative values are -errno and end KVM_RUN with that errno.
 */
enum run_result {
	RUN_EXIT_USER = 0,	/* kvm_run is filled, return 0 from KVM_RUN */
	RUN_RESUME = 1,		/* enter the guest again */
};

#endif
