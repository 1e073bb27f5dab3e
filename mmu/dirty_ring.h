/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_CAP_DIRTY_LOG_RING: see dirty_ring.c */
#ifndef MMU_DIRTY_RING_H
#define MMU_DIRTY_RING_H

#include <linux/types.h>

struct memslot;
struct page;
struct vcpu;
struct vm;

#define DIRTY_RING_MAX_BYTES	(65536 * sizeof(struct kvm_dirty_gfn))

/**
 * dirty_ring_enable() - KVM_ENABLE_CAP
 * @vm: the VM, vm->lock held
 * @bytes: of each vCPU's ring
 *
 * Return: 0, -EINVAL (no power of 2, too small, too late), -E2BIG.
 */
int dirty_ring_enable(struct vm *vm, u64 bytes);

/* A vCPU's ring; 0 or -ENOMEM */
int dirty_ring_init(struct vcpu *vcpu);
void dirty_ring_destroy(struct vcpu *vcpu);

/* Page @n of the ring for user space to map, or NULL */
struct page *dirty_ring_page(struct vcpu *vcpu, unsigned long n);

/* The page was written, by this vCPU or on its behalf. Any context. */
void dirty_ring_push(struct vcpu *vcpu, const struct memslot *slot, u64 offset);

/* KVM_EXIT_DIRTY_RING_FULL? */
bool dirty_ring_full(struct vcpu *vcpu);

/* KVM_RESET_DIRTY_RINGS: entries given back, or -EINVAL without rings */
int dirty_ring_reset(struct vm *vm);

#endif
