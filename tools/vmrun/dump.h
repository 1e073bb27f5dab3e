/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Saying what state a guest was in, and what KVM's and the CPU's numbers mean.
 */
#ifndef VMRUN_DUMP_H
#define VMRUN_DUMP_H

#include "vcpu.h"

/* Registers and the bytes at RIP, on standard error. */
void dump_vcpu(const struct vcpu *vcpu);

const char *internal_error_name(uint32_t suberror);
const char *entry_failure_name(uint64_t hardware_reason);

#endif
