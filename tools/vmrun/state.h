/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that KVM knows of a VM and its vCPUs, but for memory: read from one VM,
 * written to another one that was made in the same way. Needs no other file of
 * vmrun; the selftests use it, too.
 *
 * The vCPUs must not run, and must have completed what KVM_RUN left for
 * user space to do: one KVM_RUN with immediate_exit set, that ends with EINTR.
 */
#ifndef VMRUN_STATE_H
#define VMRUN_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#define STATE_MAX_MSRS	250	/* KVM takes less than 256 at a time */
#define STATE_MAX_CPUID	256
#define STATE_MAX_XSAVE	16384

struct vm_state {
	struct kvm_clock_data clock;
	uint32_t irqchip;		/* there are these: */
	uint32_t pit;
	struct kvm_irqchip chips[3];	/* by chip_id */
	struct kvm_pit_state2 pit2;
};

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs2 sregs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_mp_state mp_state;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	uint32_t has_lapic, has_xcrs;
	uint64_t tsc_khz;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[STATE_MAX_MSRS];
	} msrs;
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[STATE_MAX_CPUID];
	} cpuid;
	union {
		struct kvm_xsave head;
		uint8_t bytes[STATE_MAX_XSAVE];
	} xsave;
};

/*
 * The MSRs worth saving, by KVM_GET_MSR_INDEX_LIST of @kvm_fd. Call it once
 * before the others. NULL, or the name of what failed, with errno.
 */
const char *state_init(int kvm_fd);

/* Each returns NULL, or the name of the ioctl that failed, with errno. */
const char *state_get_vm(int vm_fd, struct vm_state *s);
const char *state_set_vm(int vm_fd, const struct vm_state *s);
/* A vCPU's file; @has_lapic: the VM has interrupt controllers in the kernel */
const char *state_get_vcpu(int fd, bool has_lapic, struct vcpu_state *s);
const char *state_set_vcpu(int fd, const struct vcpu_state *s);

#endif
