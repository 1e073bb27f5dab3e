// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module life: set up what does not depend on a VM, in the order of the layers.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/module.h>
#include <linux/preempt.h>
#include "core/vcpu.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "uapi/uapi.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

static int __init kvm_init(void)
{
	int err;

	err = vmx_setup();
	if (err)
		return err;
	err = x86_setup();
	if (err)
		goto vmx;
	err = mmu_setup(vmx_mmu_caps());
	if (err)
		goto x86;
	err = irqchip_setup();
	if (err)
		goto mmu;
	preempt_notifier_inc();
	err = uapi_setup();	/* last: from here on user space can come in */
	if (err)
		goto irqchip;
	return 0;
irqchip:
	preempt_notifier_dec();
	irqchip_unsetup();
mmu:
	mmu_unsetup();
x86:
	x86_unsetup();
vmx:
	vmx_unsetup();
	return err;
}
module_init(kvm_init);

static void __exit kvm_exit(void)
{
	uapi_unsetup();
	preempt_notifier_dec();
	irqchip_unsetup();
	mmu_unsetup();
	x86_unsetup();
	vmx_unsetup();
}
module_exit(kvm_exit);

MODULE_DESCRIPTION("KVM user-space ABI on Intel VT-x, with EPT and shadow paging");
MODULE_AUTHOR("The kvm.ko authors");
MODULE_LICENSE("GPL");
