// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory read and written from the host side, through the owner's
 * mapping of it: the same pages the guest sees, so nothing has to be kept
 * coherent. Every write marks the page dirty afterwards and tells the kind.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "mmu/host.h"
#include "mmu/walk.h"

/* One page's part of an access: where it is for us; NULL where there is none */
static void __user *part(struct vm *vm, gpa_t gpa, bool write,
			 struct memslot **slotp)
{
	struct memslot *slot = memslot_find(memslots_get(vm), gpa >> PAGE_SHIFT);

	*slotp = slot;
	if (!slot || (write && slot->flags & KVM_MEM_READONLY))
		return NULL;
	/* user addresses mean the caller's: it must be the owner */
	if (WARN_ON_ONCE(current->mm != vm->mm))
		return NULL;
	return (void __user *)(memslot_hva(slot, gpa >> PAGE_SHIFT) +
			       offset_in_page(gpa));
}

static unsigned int part_len(gpa_t gpa, unsigned int len)
{
	return min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
}

static void written(struct vm *vm, struct vcpu *vcpu, struct memslot *slot,
		    gpa_t gpa, unsigned int len)
{
	/* written by nobody: the first one's ring is as good as another */
	memslot_mark_dirty(vcpu ?: vm_vcpu(vm, 0), slot, gpa >> PAGE_SHIFT);
	mmu_op(vm, gpa_written, vm, vcpu, gpa, len);
}

/*
 * What a register can hold goes in one access where it is aligned (SDM 3A
 * 9.1.1), so that no other CPU sees a part of it, nor does the walk of a table:
 * the kernel may copy byte by byte.
 */
static bool one_access(gpa_t gpa, unsigned int len)
{
	return len <= 8 && is_power_of_2(len) && !(gpa & (len - 1));
}

#define LOAD(type, data, from) ({					\
	type val;							\
	int err = __get_user(val, (const type __user *)(from));	\
									\
	memcpy(data, &val, sizeof(val));				\
	err;								\
})

static int load(void *data, const void __user *from, unsigned int len)
{
	switch (len) {
	case 1:
		return LOAD(u8, data, from);
	case 2:
		return LOAD(u16, data, from);
	case 4:
		return LOAD(u32, data, from);
	default:
		return LOAD(u64, data, from);
	}
}

#define STORE(type, to, data) ({					\
	type val;							\
									\
	memcpy(&val, data, sizeof(val));				\
	__put_user(val, (type __user *)(to));				\
})

static int store(void __user *to, const void *data, unsigned int len)
{
	switch (len) {
	case 1:
		return STORE(u8, to, data);
	case 2:
		return STORE(u16, to, data);
	case 4:
		return STORE(u32, to, data);
	default:
		return STORE(u64, to, data);
	}
}

int guest_read(struct vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	struct memslot *slot;
	void __user *from;
	unsigned int n;

	for (; len; len -= n, gpa += n, data += n) {
		n = part_len(gpa, len);
		from = part(vm, gpa, false, &slot);
		if (!from)
			return -EFAULT;
		if (one_access(gpa, n) ? load(data, from, n) :
					 __copy_from_user(data, from, n) != 0)
			return -EFAULT;
	}
	return 0;
}

int guest_write(struct vm *vm, struct vcpu *vcpu, gpa_t gpa, const void *data,
		unsigned int len)
{
	struct memslot *slot;
	void __user *to;
	unsigned int n;
	bool failed;

	for (; len; len -= n, gpa += n, data += n) {
		n = part_len(gpa, len);
		to = part(vm, gpa, true, &slot);
		if (!to)
			return -EFAULT;
		/* a copy that fails half way has still written something */
		failed = one_access(gpa, n) ? store(to, data, n) :
					      __copy_to_user(to, data, n) != 0;
		written(vm, vcpu, slot, gpa, n);
		if (failed)
			return -EFAULT;
	}
	return 0;
}

/* 16 bytes have no user-space primitive: through the page itself */
static int cmpxchg16(void __user *to, void *old, const void *new)
{
	unsigned long addr = (__force unsigned long)to;
	struct { u64 lo, hi; } want, val;
	struct page *page;
	bool equal;
	void *p;

	if (!boot_cpu_has(X86_FEATURE_CX16))
		return -EFAULT;
	memcpy(&want, old, sizeof(want));
	memcpy(&val, new, sizeof(val));
	if (get_user_pages_fast(addr, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;
	p = page_address(page) + offset_in_page(addr);
	asm volatile("lock cmpxchg16b %[m]"
		     : [m] "+m" (*(u64 (*)[2])p), "=@cce" (equal),
		       "+a" (want.lo), "+d" (want.hi)
		     : "b" (val.lo), "c" (val.hi) : "memory");
	set_page_dirty_lock(page);
	put_page(page);
	if (equal)
		return 0;
	memcpy(old, &want, sizeof(want));
	return 1;
}

#define DEFINE_CMPXCHG_USER(type)					\
static int cmpxchg_##type(type __user *to, type *old, const type *new)	\
{									\
	bool equal;							\
									\
	if (!user_access_begin(to, sizeof(*to)))			\
		return -EFAULT;						\
	equal = unsafe_try_cmpxchg_user(to, old, *new, fault);		\
	user_access_end();						\
	return !equal;							\
fault:									\
	user_access_end();						\
	return -EFAULT;							\
}

DEFINE_CMPXCHG_USER(u8)
DEFINE_CMPXCHG_USER(u16)
DEFINE_CMPXCHG_USER(u32)
DEFINE_CMPXCHG_USER(u64)

static int cmpxchg_guest(struct vm *vm, gpa_t gpa, void *old, const void *new,
			 unsigned int len, struct memslot **slot)
{
	void __user *to;

	if (WARN_ON_ONCE(!len || len & (len - 1) || len > 16 ||
			 gpa & (len - 1)))
		return -EFAULT;
	to = part(vm, gpa, true, slot);
	if (!to)
		return -EFAULT;
	switch (len) {
	case 1:
		return cmpxchg_u8(to, old, new);
	case 2:
		return cmpxchg_u16(to, old, new);
	case 4:
		return cmpxchg_u32(to, old, new);
	case 8:
		return cmpxchg_u64(to, old, new);
	default:
		return cmpxchg16(to, old, new);
	}
}

int guest_cmpxchg(struct vm *vm, struct vcpu *vcpu, gpa_t gpa, void *old,
		  const void *new, unsigned int len)
{
	struct memslot *slot;
	int r = cmpxchg_guest(vm, gpa, old, new, len, &slot);

	if (!r)
		written(vm, vcpu, slot, gpa, len);
	return r;
}

int guest_cmpxchg_quiet(struct vcpu *vcpu, gpa_t gpa, void *old, const void *new,
			unsigned int len)
{
	struct memslot *slot;
	int r = cmpxchg_guest(vcpu->vm, gpa, old, new, len, &slot);

	if (!r)
		memslot_mark_dirty(vcpu, slot, gpa >> PAGE_SHIFT);
	return r;
}

int guest_store_quiet(struct vcpu *vcpu, gpa_t gpa, u64 val, unsigned int len)
{
	struct memslot *slot;
	void __user *to = part(vcpu->vm, gpa, true, &slot);

	if (!to || !one_access(gpa, len) || store(to, &val, len))
		return -EFAULT;
	memslot_mark_dirty(vcpu, slot, gpa >> PAGE_SHIFT);
	return 0;
}
