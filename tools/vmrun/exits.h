/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vmrun does about each KVM_EXIT_*.
 */
#ifndef VMRUN_EXITS_H
#define VMRUN_EXITS_H

#include "vcpu.h"

/*
 * Handles what KVM_RUN came back for; asks for a stop where the guest cannot
 * go on.
 */
void handle_exit(struct vcpu *vcpu);

#endif
