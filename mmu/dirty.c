// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG.
 *
 * Invariant:
 *  D1. A page that is written after its bit was taken from the bitmap has its
 *      bit again, at the latest when the next log is read: the bit is taken
 *      first, then the kind makes the next write noticed, then translations
 *      that would not notice are flushed, all before the ioctl returns.
 *      A write before the bit was taken is reported by this call or, when its
 *      mark comes late, by the next one.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/skip_flush.h"
#include "mmu/memslot.h"
#include "mmu/private.h"

/* Words handled between two copies to or from user space */
#define CHUNK_LONGS	(PAGE_SIZE / sizeof(long))

static struct memslot *logged_slot(struct vm *vm, u32 slot_arg, int *err)
{
	u32 id = slot_arg & 0xffff, space = slot_arg >> 16;
	struct memslot *slot;

	*err = -ENXIO;
	if (vm->mmu.ring_size)
		return NULL;
	*err = -EINVAL;
	if (space >= MMU_ADDRESS_SPACES || id >= MMU_USER_SLOTS)
		return NULL;
	*err = -ENOENT;
	slot = xa_load(&vm->mmu.slot_ids, slot_arg);
	return slot && slot->dirty ? slot : NULL;
}

/*
 * Take the bits of @mask out of word @i of the log and have the next writes
 * noticed. Returns what was set. [m] held for writing.
 */
unsigned long dirty_take_bits(struct vm *vm, struct memslot *slot,
			      unsigned long i, unsigned long mask, bool *flush)
{
	unsigned long *word = &slot->dirty[i], old;

	old = READ_ONCE(*word) & mask;
	if (!old)
		return 0;
	old = atomic_long_fetch_andnot(mask, (atomic_long_t *)word) & mask;
	if (old)
		*flush |= mmu_op(vm, clear_dirty, vm, slot,
				 slot->base + i * BITS_PER_LONG, old);
	return old;
}

/* @n words from @first on, to @buf; they are cleared if @take */
static void read_words(struct vm *vm, struct memslot *slot, unsigned long first,
		       unsigned long n, unsigned long *buf, bool take,
		       bool *flush)
{
	unsigned long i;

	if (!take) {
		for (i = 0; i < n; i++)
			buf[i] = READ_ONCE(slot->dirty[first + i]);
		return;
	}
	write_lock(&vm->mmu.lock);
	for (i = 0; i < n; i++)
		buf[i] = dirty_take_bits(vm, slot, first + i, ~0ul, flush);
	write_unlock(&vm->mmu.lock);
}

/* With the lock: until all have left the guest nobody is to take it for flushed */
void dirty_flush(struct vm *vm)
{
	if (skip_flush(SKIP_FLUSH_DIRTY))
		return;
	write_lock(&vm->mmu.lock);
	mmu_flush_all(vm);
	write_unlock(&vm->mmu.lock);
}

/* A log may be of terabytes: let others run, and do not go on for the dead */
static bool stopped(int *err)
{
	cond_resched();
	if (!fatal_signal_pending(current))
		return false;
	*err = -EINTR;
	return true;
}

int mmu_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log)
{
	unsigned long words, first, n, i, *buf;
	struct memslot *slot;
	bool take, flush = false;
	int r;

	buf = (unsigned long *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&vm->mmu.slots_lock);
	slot = logged_slot(vm, log->slot, &r);
	if (!slot)
		goto out;
	take = !READ_ONCE(vm->mmu.manual_protect);
	mmu_op(vm, collect_dirty, vm);
	words = BITS_TO_LONGS(slot->npages);
	for (first = 0, r = 0; first < words && !r; first += n) {
		n = min_t(unsigned long, words - first, CHUNK_LONGS);
		if (stopped(&r))
			break;
		read_words(vm, slot, first, n, buf, take, &flush);
		if (!copy_to_user((unsigned long __user *)log->dirty_bitmap +
				  first, buf, n * sizeof(long)))
			continue;
		r = -EFAULT;
		/* nobody got to know: put them back */
		for (i = 0; take && i < n; i++)
			atomic_long_or(buf[i], (atomic_long_t *)
				       &slot->dirty[first + i]);
	}
	if (flush)
		dirty_flush(vm);
out:
	mutex_unlock(&vm->mmu.slots_lock);
	free_page((unsigned long)buf);
	return r;
}

int mmu_clear_dirty_log(struct vm *vm, const struct kvm_clear_dirty_log *log)
{
	unsigned long words, first, n, i, rest, *buf;
	u64 page = log->first_page;
	u32 pages = log->num_pages;
	struct memslot *slot;
	bool flush = false;
	int r;

	buf = (unsigned long *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&vm->mmu.slots_lock);
	slot = logged_slot(vm, log->slot, &r);
	if (!slot)
		goto out;
	r = -EINVAL;
	if (page & 63 || page >= slot->npages || pages > slot->npages - page ||
	    (pages & 63 && pages != slot->npages - page))
		goto out;
	mmu_op(vm, collect_dirty, vm);
	words = BITS_TO_LONGS(pages);
	rest = pages % BITS_PER_LONG;
	for (first = 0, r = 0; first < words; first += n) {
		n = min_t(unsigned long, words - first, CHUNK_LONGS);
		if (stopped(&r))
			break;
		if (copy_from_user(buf, (unsigned long __user *)
				   log->dirty_bitmap + first,
				   n * sizeof(long))) {
			r = -EFAULT;
			break;
		}
		if (rest && first + n == words)
			buf[n - 1] &= BIT(rest) - 1;
		write_lock(&vm->mmu.lock);
		for (i = 0; i < n; i++)
			dirty_take_bits(vm, slot,
					page / BITS_PER_LONG + first + i,
					buf[i], &flush);
		write_unlock(&vm->mmu.lock);
	}
	if (flush)
		dirty_flush(vm);
out:
	mutex_unlock(&vm->mmu.slots_lock);
	free_page((unsigned long)buf);
	return r;
}
