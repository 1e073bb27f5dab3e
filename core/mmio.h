/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to devices by plain moves, without the emulator. Private to core/.
 */
#ifndef CORE_MMIO_H
#define CORE_MMIO_H

#include "core/vcpu.h"

/**
 * mmio_mov() - make the access to a device if the instruction is a plain move
 * @vcpu: the vCPU, no event under way
 * @f: the fault, with f->mmio
 * @ret: enum run_result or -errno, where the instruction was one
 *
 * Return: false where it is the emulator's; nothing has changed then.
 */
bool mmio_mov(struct vcpu *vcpu, const struct mmu_fault *f, int *ret);

/* User space has answered what mmio_mov() asked. Return: enum run_result. */
int mmio_mov_complete(struct vcpu *vcpu);

#endif
