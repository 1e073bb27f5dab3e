// SPDX-License-Identifier: GPL-2.0-only
/* /dev/kvm: what concerns no VM */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include "core/vm.h"
#include "uapi/ioctl.h"
#include "uapi/uapi.h"
#include "x86/x86.h"

static long get_api_version(void *data, unsigned long arg)
{
	return KVM_API_VERSION;
}

static long create_vm(void *data, unsigned long type)
{
	struct vm *vm = vm_create(type);
	int fd;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = uapi_install_fd("kvm-vm", &vm_fops, vm, O_RDWR);
	if (fd < 0)
		vm_put(vm);
	return fd;
}

static long check_extension(void *data, unsigned long cap)
{
	return caps_check(NULL, cap);
}

static long get_vcpu_mmap_size(void *data, unsigned long arg)
{
	/* struct kvm_run, data of port I/O, ring of coalesced I/O */
	return 3 * PAGE_SIZE;
}

static long get_msr_index_list(void *data, unsigned long arg)
{
	return x86_msr_index_list((void __user *)arg);
}

static long get_msr_feature_index_list(void *data, unsigned long arg)
{
	return x86_msr_feature_list((void __user *)arg);
}

static long get_supported_cpuid(void *data, unsigned long arg)
{
	return x86_supported_cpuid((void __user *)arg, false);
}

static long get_emulated_cpuid(void *data, unsigned long arg)
{
	return x86_supported_cpuid((void __user *)arg, true);
}

static long get_msrs(void *data, unsigned long arg)
{
	return x86_get_feature_msrs((void __user *)arg);
}

static long get_mce_cap_supported(void *data, unsigned long arg)
{
	*(u64 *)data = x86_mce_cap();
	return 0;
}

static long get_device_attr(void *data, unsigned long arg)
{
	return attr_dev_get(data);
}

static long has_device_attr(void *data, unsigned long arg)
{
	return attr_dev_has(data);
}

static const struct ioctl_def dev_ioctls[] = {
	DEV_IOCTL(KVM_GET_API_VERSION, ARG_ZERO, get_api_version),
	DEV_IOCTL(KVM_CREATE_VM, 0, create_vm),
	DEV_IOCTL(KVM_CHECK_EXTENSION, 0, check_extension),
	DEV_IOCTL(KVM_GET_VCPU_MMAP_SIZE, ARG_ZERO, get_vcpu_mmap_size),
	DEV_IOCTL(KVM_GET_MSR_INDEX_LIST, 0, get_msr_index_list),
	DEV_IOCTL(KVM_GET_MSR_FEATURE_INDEX_LIST, 0, get_msr_feature_index_list),
	DEV_IOCTL(KVM_GET_SUPPORTED_CPUID, 0, get_supported_cpuid),
	DEV_IOCTL(KVM_GET_EMULATED_CPUID, 0, get_emulated_cpuid),
	DEV_IOCTL(KVM_GET_MSRS, 0, get_msrs),
	DEV_IOCTL(KVM_X86_GET_MCE_CAP_SUPPORTED, ARG_OUT, get_mce_cap_supported),
	DEV_IOCTL(KVM_GET_DEVICE_ATTR, ARG_IN, get_device_attr),
	DEV_IOCTL(KVM_HAS_DEVICE_ATTR, ARG_IN, has_device_attr),
};

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_def *def;
	struct ioctl_arg a;
	long ret;

	def = ioctl_find(dev_ioctls, ARRAY_SIZE(dev_ioctls), cmd);
	if (!def)
		return -EINVAL;
	ret = ioctl_arg_get(def, &a, arg);
	if (ret)
		return ret;
	ret = def->dev(a.data, arg);
	return ioctl_arg_put(def, &a, arg, ret);
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice kvm_dev = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &dev_fops,
};

int uapi_setup(void)
{
	return misc_register(&kvm_dev);
}

void uapi_unsetup(void)
{
	misc_deregister(&kvm_dev);
}
