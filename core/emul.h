/* SPDX-License-Identifier: GPL-2.0-only */
/* The emulator's connection to the vCPU. Private to core/. */
#ifndef CORE_EMUL_H
#define CORE_EMUL_H

#include "core/vcpu.h"

void emul_glue_init(struct vcpu *vcpu);

/* User space has answered: go on with the instruction. As run_emulate(). */
int emul_resume(struct vcpu *vcpu);
int emul_resume_msr(struct vcpu *vcpu, u64 value, bool error);

/* User space has answered what run_mmio() asked. Return: enum run_result. */
int mmio_mov_complete(struct vcpu *vcpu);

/* run_mmio()'s counterpart for a store to memory. Return: as run_mmio(). */
int run_watched_store(struct vcpu *vcpu, const struct mmu_fault *f);

/* Fill vcpu->run once more with what io_exit_pio() has put there */
void io_refill_pio(struct vcpu *vcpu);
int io_exit_pio(struct vcpu *vcpu, bool in, u16 port, unsigned int size,
		u32 count);

/* In-kernel devices on memory addresses. False: user space has to answer. */
bool io_read_device(struct vcpu *vcpu, gpa_t gpa, void *buf, unsigned int len);
bool io_write_device(struct vcpu *vcpu, gpa_t gpa, const void *buf,
		     unsigned int len);

extern const struct emul_ops emul_glue_ops;

#endif
