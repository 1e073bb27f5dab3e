/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What exit handlers ask of the run loop: I/O, emulation, exits to user space.
 * All of these are called with the vCPU loaded, vm->srcu held for reading,
 * interrupts on, and return an enum run_result or -errno.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include "core/vcpu.h"

struct mmu_fault;

/**
 * run_pio() - port I/O of one IN or OUT (not a string instruction)
 * @vcpu: the vCPU; RIP still at the instruction
 * @in: IN
 * @port: port number
 * @size: 1, 2 or 4
 *
 * Advances RIP when done in the kernel or handed to user space.
 */
int run_pio(struct vcpu *vcpu, bool in, u16 port, unsigned int size);

/* Ports that an in-kernel device serves, interrupts off; true when done */
bool run_pio_fast(struct vcpu *vcpu, bool in, u16 port, unsigned int size);

/**
 * run_emulate() - emulate the instruction at RIP
 * @vcpu: the vCPU
 * @f: the memory fault that led here, or NULL
 *
 * Emulation that cannot be done ends in KVM_EXIT_INTERNAL_ERROR with the
 * instruction bytes.
 */
int run_emulate(struct vcpu *vcpu, struct mmu_fault *f);

/**
 * run_mmu_fault() - hand a fault to the MMU kind and act on the answer
 * @vcpu: the vCPU
 * @f: the fault
 *
 * MMU_RESUME resumes, MMU_EMULATE emulates, MMU_INJECT queues f->exception.
 */
int run_mmu_fault(struct vcpu *vcpu, struct mmu_fault *f);

/* HLT executed: block, or exit with KVM_EXIT_HLT where there is no irqchip */
int run_halt(struct vcpu *vcpu);

/**
 * run_internal_error() - end KVM_RUN with KVM_EXIT_INTERNAL_ERROR
 * @vcpu: the vCPU
 * @suberror: KVM_INTERNAL_ERROR_*
 * @n: words in @data, at most 16
 * @data: may be NULL when @n is 0
 *
 * Return: RUN_EXIT_USER.
 */
int run_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int n,
		       const u64 *data);

/* A hypercall (VMCALL). RIP is advanced here. */
int run_hypercall(struct vcpu *vcpu);

#endif
