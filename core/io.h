/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O that user space has to serve.
 *
 * A read stops the instruction until the answer is there. Writes are taken at
 * once and queued here; KVM_RUN hands them out one by one, in order, before the
 * guest or the emulator goes on.
 */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <linux/kvm.h>
#include <linux/types.h>
#include "emulate/mov.h"
#include "mmu/mmu.h"

enum io_pending {
	IO_NONE,
	IO_PIO_IN,	/* IN: the answer goes to RAX, then RIP moves */
	IO_PIO_OUT,	/* OUT: RIP moves when user space has seen it */
	IO_MOV_LOAD,	/* a load by a plain move: core/mmio.c */
	IO_SIMPLE = IO_MOV_LOAD,	/* up to here: no more than RIP and a register */
	IO_EMUL_PIO,	/* string I/O under way in the emulator */
	IO_EMUL_MMIO,	/* MMIO of the emulator */
	IO_RDMSR,	/* the answer goes to EDX:EAX, or #GP, then RIP moves */
	IO_WRMSR,
	IO_HYPERCALL,	/* the answer goes to RAX, then RIP moves */
	IO_EMUL_MSR,	/* RDMSR or WRMSR of the emulator */
	IO_EMUL_HYPERCALL,	/* the answer goes to RAX; RIP has moved */
	IO_DEBUG,	/* nothing but a debugger's exit that waits */
};

/* The widest register has 64 bytes, and MMIO exits carry 8 at most */
#define IO_MAX_FRAGMENTS	8

struct io_fragment {
	gpa_t gpa;
	u8 len;			/* 1 to 8 */
	u8 data[8];
};

struct vcpu_io {
	u8 pending;		/* [v] enum io_pending */
	u8 size;		/* [v] port access: bytes of one item */
	u16 port;		/* [v] */
	u32 count;		/* [v] items */
	bool in;		/* [v] */
	u64 rip;		/* [v] of what waits for the answer */
	const struct emul_mov *mov;	/* [v] with IO_MOV_LOAD: in vcpu->mmio_insn */

	bool emul_continue;	/* [v] the emulator waits for the answer */
	bool reading;		/* [v] a fragment to read is at frags[nr - 1] */
	u8 nr, cur;		/* [v] fragments, and the one user space has */
	struct io_fragment frags[IO_MAX_FRAGMENTS];	/* [v] */

	/* A step or a breakpoint of a debugger at what has written to devices */
	bool debug_held;	/* [v] its exit comes when user space has the writes */
	u64 debug_rip;		/* [v] */
	struct kvm_debug_exit_arch debug;	/* [v] */
};

/* Instructions of 64-bit code that were found to access devices */
#define MMIO_INSN_BITS	3

struct mmio_insn {
	struct mmu_code code;	/* [v] its bytes, EMUL_MOV_BYTES of them */
	bool plain;		/* [v] they are a plain move: */
	struct emul_mov mov;	/* [v] */
};

struct vcpu;

/**
 * io_complete() - KVM_RUN begins: take user space's answer
 * @vcpu: the vCPU, loaded, vm->srcu held
 *
 * Return: RUN_RESUME when nothing is pending any more, RUN_EXIT_USER with the
 * next request, or -errno.
 */
int io_complete(struct vcpu *vcpu);

/* User space's answer to KVM_EXIT_X86_RDMSR and KVM_EXIT_X86_WRMSR: core/msr.c */
int msr_complete(struct vcpu *vcpu, enum io_pending what);

/*
 * KVM_EXIT_DEBUG is in vcpu->run, and writes have to be handed out first: keep it.
 * The caller fills vcpu->run again and sets vcpu->io.pending.
 */
void io_hold_debug(struct vcpu *vcpu);

/* Hand the first queued fragment to user space. Return: RUN_EXIT_USER. */
int io_exit_mmio(struct vcpu *vcpu);

#endif
