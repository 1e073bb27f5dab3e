// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_X86_SET_MSR_FILTER: which MSRs a guest may read and write.
 *
 *  F1. A filter is never changed, only replaced. Readers look at it under RCU.
 *  F2. MSRs that the guest reaches without an exit are those that the filter in
 *      force allows: vmx_msr_update_intercepts() asks for each, and every vCPU
 *      is told, and has left the guest, before the ioctl returns.
 *  F3. x2APIC registers are not filtered: APIC accesses may not even exit.
 */
#include <linux/bitmap.h>
#include <linux/compat.h>
#include <linux/overflow.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include "core/vcpu.h"
#include "core/vm.h"
#include "x86/priv.h"

#define LAST_X2APIC_MSR	0x8ff	/* SDM 3A 11.12.1.2 */

struct msr_range {
	u32 flags;		/* KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE */
	u32 base, nmsrs;
	unsigned long *bitmap;
};

struct msr_filter {
	struct rcu_head rcu;
	bool deny;		/* what no range is about */
	unsigned int nr;
	struct msr_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static void free_filter(struct msr_filter *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < f->nr; i++)
		kfree(f->ranges[i].bitmap);
	kfree(f);
}

static bool allows(const struct msr_filter *f, u32 index, u32 access)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++) {
		const struct msr_range *r = &f->ranges[i];

		if (r->flags & access && index >= r->base &&
		    index - r->base < r->nmsrs)
			return test_bit(array_index_nospec(index - r->base,
							   r->nmsrs), r->bitmap);
	}
	return !f->deny;
}

bool x86_msr_filtered(struct vcpu *vcpu, u32 index, bool write)
{
	const struct msr_filter *f;
	bool filtered;

	if (index >= APIC_BASE_MSR && index <= LAST_X2APIC_MSR)
		return false;
	rcu_read_lock();
	f = rcu_dereference(vcpu->vm->arch.msr_filter);
	filtered = f && !allows(f, index, write ? KVM_MSR_FILTER_WRITE :
						  KVM_MSR_FILTER_READ);
	rcu_read_unlock();
	return filtered;
}

static int filter_add(struct msr_filter *f,
		      const struct kvm_msr_filter_range *user)
{
	struct msr_range *r = &f->ranges[f->nr];
	size_t bytes = DIV_ROUND_UP((u64)user->nmsrs, BITS_PER_BYTE);

	if (!user->nmsrs)
		return 0;
	if (!user->flags ||
	    user->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE) ||
	    bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	r->bitmap = kzalloc(round_up(bytes, sizeof(long)), GFP_KERNEL_ACCOUNT);
	if (!r->bitmap)
		return -ENOMEM;
	f->nr++;
	r->flags = user->flags;
	r->base = user->base;
	r->nmsrs = user->nmsrs;
	if (copy_from_user(r->bitmap, (__force const void __user *)user->bitmap, bytes))
		return -EFAULT;
	return 0;
}

/* NULL: no filter */
static struct msr_filter *make_filter(const struct kvm_msr_filter *user)
{
	struct msr_filter *f;
	unsigned int i;
	int err = 0;

	if (user->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return ERR_PTR(-EINVAL);
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->deny = user->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = 0; !err && i < ARRAY_SIZE(user->ranges); i++)
		err = filter_add(f, &user->ranges[i]);
	if (!err && f->deny && !f->nr)
		err = -EINVAL;
	if (!err && f->nr)
		return f;
	free_filter(f);
	return ERR_PTR(err);
}

#ifdef CONFIG_COMPAT
struct filter_range32 {
	u32 flags, nmsrs, base;
	compat_uptr_t bitmap;
};

struct filter32 {
	u32 flags;
	struct filter_range32 ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static_assert(sizeof(struct filter32) == X86_MSR_FILTER32_SIZE);

int x86_set_msr_filter32(struct vm *vm, const void *data)
{
	const struct filter32 *from = data;
	struct kvm_msr_filter f = { .flags = from->flags };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(f.ranges); i++) {
		f.ranges[i].flags = from->ranges[i].flags;
		f.ranges[i].nmsrs = from->ranges[i].nmsrs;
		f.ranges[i].base = from->ranges[i].base;
		f.ranges[i].bitmap = (__force __u8 *)
			compat_ptr(from->ranges[i].bitmap);
	}
	return x86_set_msr_filter(vm, &f);
}
#endif

int x86_set_msr_filter(struct vm *vm, const struct kvm_msr_filter *user)
{
	struct msr_filter *old, *f = make_filter(user);

	if (IS_ERR(f))
		return PTR_ERR(f);
	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(vm->arch.msr_filter, f,
				  lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	vm_request_all(vm, REQ_MSR_FILTER, true);
	synchronize_rcu();
	free_filter(old);
	return 0;
}

void msr_filter_destroy(struct vm *vm)
{
	free_filter(rcu_dereference_protected(vm->arch.msr_filter, true));
}
