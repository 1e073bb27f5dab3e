/* SPDX-License-Identifier: GPL-2.0-only */
/* Host side of the programs that measure: handlers in assembler, the guest's calls */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "kvmtest.h"

/* A handler in assembler instead of the library's */
static inline void set_gate(struct vm *vm, unsigned int vector,
			    const char *handler)
{
	u64 *gate = vm_hva(vm, G_IDT + vector * 16);
	u64 to = (u64)handler;

	gate[0] = (to & 0xffff) | (u64)SEL_CS64 << 16 | 0x8e00ull << 32 |
		  (to >> 16 & 0xffff) << 48;
	gate[1] = to >> 32;
}

/*
 * To the guest's next GUEST_SYNC() or GUEST_DONE(), with as little done at other
 * exits as can be; where they are not what is measured there are to be none.
 */
static inline void run_to_ucall(struct vcpu *vcpu, bool exits)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0ul))
			die("KVM_RUN: %s", strerror(errno));
		if (run->exit_reason == KVM_EXIT_IO &&
		    run->io.port == UCALL_PORT)
			break;
		if (!exits || (run->exit_reason != KVM_EXIT_IO &&
			       run->exit_reason != KVM_EXIT_MMIO))
			die("exit %s", exit_name(run->exit_reason));
	}
	r = vcpu_regs(vcpu);
	vcpu->uc_cmd = (u32)r.rax;
	vcpu->uc[0] = r.rdi;
	vcpu->uc[1] = r.rsi;
	vcpu->uc[2] = r.rcx;
	if (vcpu->uc_cmd != UCALL_SYNC && vcpu->uc_cmd != UCALL_DONE)
		die("the guest failed: %lu 0x%lx 0x%lx 0x%lx", vcpu->uc_cmd,
		    vcpu->uc[0], vcpu->uc[1], vcpu->uc[2]);
}

#endif
