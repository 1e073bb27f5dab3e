// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module life: set up what does not depend on a VM, in the order of the layers.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/reboot.h>
#include "core/apf.h"
#include "core/vcpu.h"
#include "core/vm.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "uapi/uapi.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

/* ---- the machine goes down ------------------------------------------------------ */

#define REBOOT_WAIT_MS	1000

static int kill_vm(struct vm *vm, void *unused)
{
	vm_kill(vm);
	return 0;
}

/* Is somebody still inside KVM_RUN or another ioctl of a vCPU? */
static int vm_busy(struct vm *vm, void *unused)
{
	struct vcpu *vcpu;
	unsigned long i;

	vm_for_each_vcpu(vm, i, vcpu) {
		if (!mutex_trylock(&vcpu->mutex))
			return -EBUSY;
		mutex_unlock(&vcpu->mutex);
	}
	return 0;
}

/*
 * Reboot, power-off, kexec. A CPU in VMX operation does not take INIT (SDM 3C
 * 24.8), and the kernel that comes next could not use VMX. First every vCPU
 * leaves: without VMX its VMREADs would read zeros. One that waits for memory
 * which never comes is not waited for.
 */
static int on_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	int waited;

	vm_for_each(kill_vm, NULL);
	for (waited = 0; waited < REBOOT_WAIT_MS; waited += 20) {
		if (!vm_for_each(vm_busy, NULL))
			break;
		msleep(20);
	}
	vmx_stop();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = on_reboot,
};

/* ---- the module ------------------------------------------------------------------- */

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
	err = apf_setup();
	if (err)
		goto irqchip;
	preempt_notifier_inc();
	err = register_reboot_notifier(&reboot_notifier);
	if (err)
		goto preempt;
	err = uapi_setup();	/* last: from here on user space can come in */
	if (err)
		goto reboot;
	return 0;
reboot:
	unregister_reboot_notifier(&reboot_notifier);
preempt:
	preempt_notifier_dec();
	apf_unsetup();
irqchip:
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
	unregister_reboot_notifier(&reboot_notifier);
	preempt_notifier_dec();
	apf_unsetup();
	irqchip_unsetup();
	mmu_unsetup();
	x86_unsetup();
	vmx_unsetup();
}
module_exit(kvm_exit);

MODULE_DESCRIPTION("KVM user-space ABI on Intel VT-x, with EPT and shadow paging");
MODULE_AUTHOR("The kvm.ko authors");
MODULE_LICENSE("GPL");
