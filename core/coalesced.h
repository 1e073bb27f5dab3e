/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coalesced I/O: writes to registered zones go into a ring that user space
 * shares, instead of ending KVM_RUN each.
 */
#ifndef CORE_COALESCED_H
#define CORE_COALESCED_H

#include <linux/types.h>
#include "core/vm.h"

struct page;
struct coalesced_mmio;
struct vcpu;
struct kvm_coalesced_mmio_zone;

/**
 * coalesced_write() - put a write into the ring, if a zone covers it
 * @vcpu: the vCPU that writes; vm->srcu held
 * @pio: @addr is a port
 * @addr: first byte
 * @len: bytes, at most 8
 * @data: what is written
 *
 * Return: true when it is in the ring and the instruction is done; false when
 * no zone covers all of it or the ring is full: user space has to be asked.
 */
bool coalesced_write(struct vcpu *vcpu, bool pio, u64 addr, unsigned int len,
		     const void *data);

bool coalesced_search(struct vm *vm, struct coalesced_mmio *c, bool pio,
		      u64 addr, unsigned int len);

/**
 * coalesced_claims() - would coalesced_write() want the write?
 * @vm: the VM; vm->srcu not held
 * @pio: @addr is a port
 * @addr: first byte
 * @len: bytes
 *
 * Return: true where a zone covers it, whether the ring has room or not.
 */
static inline bool coalesced_claims(struct vm *vm, bool pio, u64 addr,
				    unsigned int len)
{
	struct coalesced_mmio *c = READ_ONCE(vm->coalesced);

	return c && coalesced_search(vm, c, pio, addr, len);
}

/*
 * KVM_REGISTER_COALESCED_MMIO. 0, -EINVAL for a zone that wraps or of an unknown
 * kind, -ENOMEM, -ENOSPC when there are 1000. vm->lock not held.
 */
int coalesced_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone);

/*
 * KVM_UNREGISTER_COALESCED_MMIO: zones that cover @zone go; no error where there
 * are none. 0, -EINVAL or -ENOMEM. vm->lock not held.
 */
int coalesced_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone);

/* The ring's page, made at first use; NULL: no memory. No lock needed. */
struct page *coalesced_ring_page(struct vm *vm);

void coalesced_destroy(struct vm *vm);	/* VM teardown */

#endif
