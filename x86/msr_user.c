// SPDX-License-Identifier: GPL-2.0-only
/* The MSR ioctls */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "x86/priv.h"

#define MAX_MSRS	256	/* entries of one KVM_GET_MSRS or KVM_SET_MSRS */

/* ---- lists ------------------------------------------------------------------- */

/* Is the MSR one that guests of this host can have? */
static bool listed(const struct msr_desc *d)
{
	if (!(d->flags & MSR_F_LIST))
		return false;
	return d->cap == NR_GCAPS || d->cap == GCAP_TSC_DEADLINE ||
	       x86_host.gcaps & BIT_ULL(d->cap);
}

static int put_list(struct kvm_msr_list __user *arg, const u32 *list, u32 n)
{
	u32 room;

	if (get_user(room, &arg->nmsrs) || put_user(n, &arg->nmsrs))
		return -EFAULT;
	if (room < n)
		return -E2BIG;
	if (copy_to_user(arg->indices, list, n * sizeof(*list)))
		return -EFAULT;
	return 0;
}

int x86_msr_index_list(struct kvm_msr_list __user *arg)
{
	unsigned int i, n = 0;
	u32 *list, index;
	int err;

	for (i = 0; i < x86_nr_msr_descs; i++)
		if (listed(&x86_msr_table[i]))
			n += x86_msr_table[i].last - x86_msr_table[i].first + 1;
	list = kmalloc_array(n, sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list)
		return -ENOMEM;
	n = 0;
	for (i = 0; i < x86_nr_msr_descs; i++) {
		if (!listed(&x86_msr_table[i]))
			continue;
		for (index = x86_msr_table[i].first;
		     index <= x86_msr_table[i].last; index++)
			list[n++] = index;
	}
	err = put_list(arg, list, n);
	kfree(list);
	return err;
}

/* ---- MSRs that describe the machine --------------------------------------------- */

static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV,
	MSR_IA32_ARCH_CAPABILITIES,
	MSR_IA32_PERF_CAPABILITIES,
};

static int get_feature(u32 index, u64 *value)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		rdmsrl_safe(MSR_IA32_UCODE_REV, value);
		return 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*value = x86_host.arch_capabilities;
		return 0;
	case MSR_IA32_PERF_CAPABILITIES:
		*value = 0;		/* guests have no PMU */
		return 0;
	}
	/* guests are not offered VMX, so that its MSRs describe nothing */
	return -ENOENT;
}

int x86_msr_feature_list(struct kvm_msr_list __user *arg)
{
	u32 list[ARRAY_SIZE(feature_msrs)];
	unsigned int i, n = 0;
	u64 value;

	for (i = 0; i < ARRAY_SIZE(feature_msrs); i++)
		if (!get_feature(feature_msrs[i], &value))
			list[n++] = feature_msrs[i];
	return put_list(arg, list, n);
}

/* ---- transfers -------------------------------------------------------------------- */

/*
 * The entries of @arg through @one until one is refused. Return: how many were
 * done, or -errno. @copy_back: the values go to user space.
 */
static int transfer(struct vcpu *vcpu, struct kvm_msrs __user *arg,
		    int (*one)(struct vcpu *vcpu, struct kvm_msr_entry *e),
		    bool copy_back)
{
	struct kvm_msr_entry *e;
	struct kvm_msrs head;
	u32 i;
	int ret;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MAX_MSRS)
		return -E2BIG;
	if (!head.nmsrs)
		return 0;
	e = memdup_user(arg->entries, array_size(head.nmsrs, sizeof(*e)));
	if (IS_ERR(e))
		return PTR_ERR(e);
	for (i = 0; i < head.nmsrs; i++)
		if (one(vcpu, &e[i]))
			break;
	ret = i;
	if (copy_back && copy_to_user(arg->entries, e,
				      array_size(head.nmsrs, sizeof(*e))))
		ret = -EFAULT;
	kfree(e);
	return ret;
}

static int one_feature(struct vcpu *vcpu, struct kvm_msr_entry *e)
{
	return get_feature(e->index, &e->data);
}

static int one_get(struct vcpu *vcpu, struct kvm_msr_entry *e)
{
	return x86_get_msr(vcpu, e->index, &e->data, true);
}

static int one_set(struct vcpu *vcpu, struct kvm_msr_entry *e)
{
	return x86_set_msr(vcpu, e->index, e->data, true);
}

int x86_get_feature_msrs(struct kvm_msrs __user *arg)
{
	return transfer(NULL, arg, one_feature, true);
}

int x86_get_msrs(struct vcpu *vcpu, struct kvm_msrs __user *arg)
{
	return transfer(vcpu, arg, one_get, true);
}

int x86_set_msrs(struct vcpu *vcpu, struct kvm_msrs __user *arg)
{
	int idx, ret;

	/* some are written to guest memory at once */
	idx = srcu_read_lock(&vcpu->vm->srcu);
	ret = transfer(vcpu, arg, one_set, false);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return ret;
}
