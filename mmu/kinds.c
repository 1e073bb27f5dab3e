// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which kinds of MMU there are, which of them this CPU can run, and which one
 * a VM gets. The only place that names them.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <asm/vmx.h>
#include "mmu/dirty_ring.h"
#include "mmu/kinds.h"
#include "mmu/private.h"
#include "uapi/kvm_ext.h"

/* In the order in which "auto" prefers them */
static struct {
	u32 id;
	const char *name;
	const struct mmu_kind *kind;
	const char *why_not;		/* [I] after mmu_setup(); NULL: can run */
} kinds[] = {
	{ KVM_MMU_KIND_EPT, "ept", &ept_kind },
	{ KVM_MMU_KIND_SHADOW, "shadow", &shadow_kind },
};

static struct mmu_hw_caps hw;		/* [I] after mmu_setup() */
static unsigned int wanted = KVM_MMU_KIND_AUTO;	/* [a] module parameter */

static int param_set(const char *val, const struct kernel_param *kp)
{
	unsigned int i;

	if (sysfs_streq(val, "auto")) {
		WRITE_ONCE(wanted, KVM_MMU_KIND_AUTO);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!sysfs_streq(val, kinds[i].name))
			continue;
		WRITE_ONCE(wanted, kinds[i].id);
		return 0;
	}
	return -EINVAL;
}

static int param_get(char *buf, const struct kernel_param *kp)
{
	unsigned int i, id = READ_ONCE(wanted);

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].id == id)
			return sysfs_emit(buf, "%s\n", kinds[i].name);
	return sysfs_emit(buf, "auto\n");
}

static const struct kernel_param_ops param_ops = {
	.set = param_set,
	.get = param_get,
};

module_param_cb(mmu, &param_ops, NULL, 0644);
MODULE_PARM_DESC(mmu, "MMU of VMs created from now on: auto (default), ept or shadow");

u32 mmu_kinds_available(void)
{
	unsigned int i;
	u32 mask = 0;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!kinds[i].why_not)
			mask |= 1u << kinds[i].id;
	return mask;
}

/* The kind with this number, or the best one for KVM_MMU_KIND_AUTO */
static const struct mmu_kind *choose(u64 id, int *err)
{
	unsigned int i;

	*err = -EINVAL;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (id == KVM_MMU_KIND_AUTO) {
			if (!kinds[i].why_not)
				return kinds[i].kind;
			*err = -EOPNOTSUPP;
		} else if (id == kinds[i].id) {
			if (!kinds[i].why_not)
				return kinds[i].kind;
			pr_info_ratelimited("mmu=%s: %s\n", kinds[i].name,
					    kinds[i].why_not);
			*err = -EOPNOTSUPP;
		}
	}
	return NULL;
}

static void unsetup_kinds(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!kinds[i].why_not)
			kinds[i].kind->hw_unsetup();
}

int mmu_setup(const struct mmu_hw_caps *caps)
{
	unsigned int i;
	u32 mask;
	int r;

	hw = *caps;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		kinds[i].why_not = NULL;
		r = kinds[i].kind->hw_setup(caps, &kinds[i].why_not);
		if (r && !kinds[i].why_not)
			kinds[i].why_not = "set-up failed";
	}
	mask = mmu_kinds_available();
	if (!mask) {
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			pr_err("mmu=%s: %s\n", kinds[i].name, kinds[i].why_not);
		return -EOPNOTSUPP;
	}
	r = mmu_shrink_init();
	if (r) {
		unsetup_kinds();
		return r;
	}
	mmu_debugfs_init();
	return 0;
}

void mmu_unsetup(void)
{
	mmu_debugfs_exit();
	mmu_shrink_exit();
	unsetup_kinds();
}

int mmu_vm_choose(struct vm *vm, u64 id)
{
	const struct mmu_kind *old = vm->mmu.kind, *new;
	int r;

	new = choose(id, &r);
	if (!new)
		return r;
	mutex_lock(&vm->mmu.slots_lock);
	r = -EBUSY;
	if (vm->nr_vcpus || !xa_empty(&vm->mmu.slot_ids))
		goto out;
	r = 0;
	if (new == old)
		goto out;
	/*
	 * Without slots no notifier event and without vCPUs no fault reaches
	 * the kind; the shrinker would. Both kinds live for a moment: a failure
	 * must leave the old one in place.
	 */
	mmu_shrink_remove(vm);
	swap(vm->mmu.priv, vm->mmu.spare_priv);
	vm->mmu.kind = new;
	r = new->vm_init(vm);
	if (r) {
		vm->mmu.kind = old;
		swap(vm->mmu.priv, vm->mmu.spare_priv);
	} else {
		swap(vm->mmu.priv, vm->mmu.spare_priv);
		old->vm_destroy(vm);
		vm->mmu.priv = vm->mmu.spare_priv;
	}
	vm->mmu.spare_priv = NULL;
	mmu_shrink_add(vm);
out:
	mutex_unlock(&vm->mmu.slots_lock);
	return r;
}

void mmu_prefer_ept(bool on)
{
	WRITE_ONCE(wanted, on ? KVM_MMU_KIND_AUTO : KVM_MMU_KIND_SHADOW);
}
EXPORT_SYMBOL_GPL(mmu_prefer_ept);

static const struct mmu_kind *default_kind(void)
{
	int err;

	return choose(READ_ONCE(wanted), &err);
}

bool mmu_default_ept(void)
{
	return default_kind() == &ept_kind;
}
EXPORT_SYMBOL_GPL(mmu_default_ept);

bool mmu_default_unrestricted(void)
{
	const struct mmu_kind *kind = default_kind();

	return kind && kind->policy->unrestricted_guest &&
	       hw.secondary_allowed & SECONDARY_EXEC_UNRESTRICTED_GUEST;
}
EXPORT_SYMBOL_GPL(mmu_default_unrestricted);

bool mmu_unrestricted(struct vm *vm)
{
	return vm->mmu.kind->policy->unrestricted_guest &&
	       hw.secondary_allowed & SECONDARY_EXEC_UNRESTRICTED_GUEST;
}

int mmu_vm_init(struct vm *vm)
{
	int r;

	mutex_init(&vm->mmu.slots_lock);
	rwlock_init(&vm->mmu.lock);
	atomic64_set(&vm->mmu.flush_gen, 1);	/* 0: a CPU that never flushed for this VM */
	vm->mmu.kind = choose(READ_ONCE(wanted), &r);
	if (!vm->mmu.kind)
		return r;
	r = memslots_init(vm);
	if (r)
		return r;
	r = vm->mmu.kind->vm_init(vm);
	if (r)
		goto free_slots;
	r = notifier_init(vm);
	if (r)
		goto destroy;
	mmu_shrink_add(vm);
	mmu_debugfs_add(vm);
	return 0;

destroy:
	vm->mmu.kind->vm_destroy(vm);
free_slots:
	memslots_destroy(vm);
	return r;
}

void mmu_vm_release(struct vm *vm)
{
	mmu_debugfs_remove(vm);
	mmu_shrink_remove(vm);
	private_slots_release(vm);
	notifier_release(vm);
}

void mmu_vm_destroy(struct vm *vm)
{
	memslots_destroy(vm);
	vm->mmu.kind->vm_destroy(vm);
	mmu_apic_page_destroy(vm);
}

int mmu_vcpu_init(struct vcpu *vcpu)
{
	int r;

	if (!mmu_unrestricted(vcpu->vm)) {
		r = private_slots_vcpu(vcpu->vm);
		if (r)
			return r;
	}
	mmu_forget_devices(vcpu);
	vcpu->mmu.need_prepare = true;
	vcpu->mmu.need_load = true;
	r = dirty_ring_init(vcpu);
	if (r)
		return r;
	r = vcpu->vm->mmu.kind->vcpu_init(vcpu);
	if (r)
		dirty_ring_destroy(vcpu);
	return r;
}

void mmu_vcpu_destroy(struct vcpu *vcpu)
{
	vcpu->vm->mmu.kind->vcpu_destroy(vcpu);
	dirty_ring_destroy(vcpu);
}

void mmu_flush_all(struct vm *vm)
{
	lockdep_assert_held(&vm->mmu.lock);
	/*
	 * The count goes up before any vCPU is looked at: one that is found
	 * outside the guest sees it in load().
	 */
	atomic64_inc(&vm->mmu.flush_gen);
	vm_request_all(vm, REQ_TLB_FLUSH, true);
}
