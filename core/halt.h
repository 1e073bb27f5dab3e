/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CORE_HALT_H
#define CORE_HALT_H

#include "core/vcpu.h"

/**
 * vcpu_halt() - until there is an event for a vCPU that does not run, or a signal
 * @vcpu: the vCPU, loaded; vm->srcu not held
 *
 * Return: true where an event is known to be there; false: vcpu_wake_event() tells.
 */
bool vcpu_halt(struct vcpu *vcpu);

/* Has something come that ends HLT? core/run.c */
bool vcpu_wake_event(struct vcpu *vcpu);

#endif
