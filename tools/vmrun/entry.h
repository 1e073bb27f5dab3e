/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers a guest starts with.
 */
#ifndef VMRUN_ENTRY_H
#define VMRUN_ENTRY_H

#include "vcpu.h"

/* Sets the boot CPU's registers, and the tables they point to. */
void entry_set_registers(struct vcpu *vcpu, const struct entry_state *entry);

#endif
