// SPDX-License-Identifier: GPL-2.0-only
/* The CPUID ioctls */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "x86/priv.h"

/* @n entries to user space's @arg, which has room for @room */
static int put_entries(struct kvm_cpuid2 __user *arg, u32 room,
		       const struct kvm_cpuid_entry2 *e, u32 n)
{
	if (n > room)
		return -E2BIG;
	if (put_user(n, &arg->nent) ||
	    copy_to_user(arg->entries, e, n * sizeof(*e)))
		return -EFAULT;
	return 0;
}

int x86_supported_cpuid(struct kvm_cpuid2 __user *arg, bool emulated)
{
	struct kvm_cpuid_entry2 *e;
	u32 room;
	int n;

	if (get_user(room, &arg->nent))
		return -EFAULT;
	/* nothing is offered that only emulation makes work */
	if (emulated)
		return put_entries(arg, room, NULL, 0);
	e = kvcalloc(X86_MAX_CPUID, sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	n = cpuid_supported(e, X86_MAX_CPUID);
	if (n >= 0)
		n = put_entries(arg, room, e, n);
	kvfree(e);
	return n;
}

/* SDM 3A 4.1.4: linear addresses are 48 or 57 bits wide; 0: not said */
static bool table_valid(struct x86_cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(t, 0x80000008, 0);
	u8 virt;

	if (!e)
		return true;
	virt = e->eax >> 8;
	return virt == 48 || virt == 57 || virt == 0;
}

static bool same_table(const struct x86_cpuid_table *a,
		       const struct x86_cpuid_table *b)
{
	return a->n == b->n && !memcmp(a->e, b->e, a->n * sizeof(a->e[0]));
}

static int set_table(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *e, u32 n)
{
	struct x86_cpuid_table *old = vcpu->arch.cpuid, *t;

	t = cpuid_table_build(e, n);
	if (!t)
		return -ENOMEM;
	if (!table_valid(t)) {
		kvfree(t);
		return -EINVAL;
	}
	cpuid_table_runtime(vcpu, t);
	/* a CPU that has run does not turn into another one */
	if (vcpu->stats.entries) {
		bool same = same_table(old, t);

		kvfree(t);
		return same ? 0 : -EINVAL;
	}
	vcpu->arch.cpuid = t;
	cpuid_derive(vcpu);
	vmx_cpuid_changed(vcpu);
	vmx_update_cr4(vcpu, x86_cr4(vcpu));
	mmu_op(vcpu->vm, mode_changed, vcpu);
	mmu_forget_devices(vcpu);
	kvfree(old);
	return 0;
}

int x86_set_cpuid2(struct vcpu *vcpu, struct kvm_cpuid2 __user *arg)
{
	struct kvm_cpuid_entry2 *e = NULL;
	u32 n;
	int err;

	if (get_user(n, &arg->nent))
		return -EFAULT;
	if (n > X86_MAX_CPUID)
		return -E2BIG;
	if (n) {
		e = vmemdup_user(arg->entries, array_size(n, sizeof(*e)));
		if (IS_ERR(e))
			return PTR_ERR(e);
	}
	err = set_table(vcpu, e, n);
	kvfree(e);
	return err;
}

/* The older form, without sub-leaves */
int x86_set_cpuid(struct vcpu *vcpu, struct kvm_cpuid __user *arg)
{
	struct kvm_cpuid_entry *old = NULL;
	struct kvm_cpuid_entry2 *e = NULL;
	u32 i, n;
	int err;

	if (get_user(n, &arg->nent))
		return -EFAULT;
	if (n > X86_MAX_CPUID)
		return -E2BIG;
	if (n) {
		old = vmemdup_user(arg->entries, array_size(n, sizeof(*old)));
		if (IS_ERR(old))
			return PTR_ERR(old);
		e = kvcalloc(n, sizeof(*e), GFP_KERNEL_ACCOUNT);
		if (!e) {
			kvfree(old);
			return -ENOMEM;
		}
	}
	for (i = 0; i < n; i++) {
		e[i].function = old[i].function;
		e[i].eax = old[i].eax;
		e[i].ebx = old[i].ebx;
		e[i].ecx = old[i].ecx;
		e[i].edx = old[i].edx;
	}
	err = set_table(vcpu, e, n);
	kvfree(e);
	kvfree(old);
	return err;
}

int x86_get_cpuid2(struct vcpu *vcpu, struct kvm_cpuid2 __user *arg)
{
	u32 room;

	if (get_user(room, &arg->nent))
		return -EFAULT;
	return put_entries(arg, room, vcpu->arch.cpuid->e, vcpu->arch.cpuid->n);
}
