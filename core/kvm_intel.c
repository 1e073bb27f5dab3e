// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-intel.ko: the name under which scripts, udev and modprobe.d know KVM on
 * this vendor's CPUs, and the parameters that programs look up there. All that
 * works is in kvm.ko.
 */
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <asm/cpu_device_id.h>
#include "mmu/mmu.h"

static int ept_set(const char *val, const struct kernel_param *kp)
{
	bool on;

	if (kstrtobool(val, &on))
		return -EINVAL;
	mmu_prefer_ept(on);
	return 0;
}

static int ept_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%c\n", mmu_default_ept() ? 'Y' : 'N');
}

static const struct kernel_param_ops ept_ops = {
	.set = ept_set,
	.get = ept_get,
};

module_param_cb(ept, &ept_ops, NULL, 0444);
MODULE_PARM_DESC(ept, "VMs created from now on use EPT: as kvm's parameter mmu, auto or shadow");

static int never_set(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static int unrestricted_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%c\n", mmu_default_unrestricted() ? 'Y' : 'N');
}

static const struct kernel_param_ops unrestricted_ops = {
	.set = never_set,
	.get = unrestricted_get,
};

module_param_cb(unrestricted_guest, &unrestricted_ops, NULL, 0444);
MODULE_PARM_DESC(unrestricted_guest, "the CPU itself runs real mode in VMs created from now on (read only)");

static int nested_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "N\n");
}

static const struct kernel_param_ops nested_ops = {
	.set = never_set,
	.get = nested_get,
};

module_param_cb(nested, &nested_ops, NULL, 0444);
MODULE_PARM_DESC(nested, "guests are offered VMX (read only: they are not)");

static const struct x86_cpu_id cpu_ids[] = {
	X86_MATCH_FEATURE(X86_FEATURE_VMX, NULL),
	{}
};
MODULE_DEVICE_TABLE(x86cpu, cpu_ids);

static int __init kvm_intel_init(void)
{
	return 0;
}

static void __exit kvm_intel_exit(void)
{
}

module_init(kvm_intel_init);
module_exit(kvm_intel_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KVM on Intel CPUs");
