// SPDX-License-Identifier: GPL-2.0-only
/* Device attributes of /dev/kvm and of vCPUs */
#include <linux/uaccess.h>
#include "core/vcpu.h"
#include "uapi/ioctl.h"
#include "x86/x86.h"

static u64 __user *attr_user(const struct kvm_device_attr *attr)
{
	return (u64 __user *)(uintptr_t)attr->addr;
}

/* ---- /dev/kvm ---------------------------------------------------------------- */

long attr_dev_has(const struct kvm_device_attr *attr)
{
	if (attr->group || attr->attr != KVM_X86_XCOMP_GUEST_SUPP)
		return -ENXIO;
	return 0;
}

/* The XCR0 bits a guest may be given */
long attr_dev_get(const struct kvm_device_attr *attr)
{
	long err = attr_dev_has(attr);

	return err ?: put_user(x86_host.guest_xcr0, attr_user(attr));
}

/* ---- vCPU -------------------------------------------------------------------- */

long attr_vcpu_has(struct vcpu *vcpu, const struct kvm_device_attr *attr)
{
	if (attr->group != KVM_VCPU_TSC_CTRL || attr->attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	return 0;
}

long attr_vcpu_get(struct vcpu *vcpu, const struct kvm_device_attr *attr)
{
	long err = attr_vcpu_has(vcpu, attr);

	return err ?: put_user(x86_tsc_offset(vcpu), attr_user(attr));
}

long attr_vcpu_set(struct vcpu *vcpu, const struct kvm_device_attr *attr)
{
	long err = attr_vcpu_has(vcpu, attr);
	u64 offset;

	if (err)
		return err;
	if (get_user(offset, attr_user(attr)))
		return -EFAULT;
	x86_set_tsc_offset(vcpu, offset, true);
	return 0;
}
