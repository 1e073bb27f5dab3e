// SPDX-License-Identifier: GPL-2.0-only
/* The VM file */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "core/coalesced.h"
#include "core/vcpu.h"
#include "core/vm.h"
#include "irqchip/irqchip.h"
#include "mmu/dirty_ring.h"
#include "uapi/ioctl.h"
#include "x86/x86.h"

/* ---- memory ------------------------------------------------------------------ */

PASS_ON(set_user_memory_region, vm, mmu_set_region)

static long get_dirty_log(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_dirty_log *log = data;

	/* 32-bit programs set half of the union */
	if (in_compat_syscall())
		log->dirty_bitmap = compat_ptr(ptr_to_compat(log->dirty_bitmap));
	return mmu_get_dirty_log(vm, log);
}

static long clear_dirty_log(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_clear_dirty_log *log = data;

	if (in_compat_syscall())
		log->dirty_bitmap = compat_ptr(ptr_to_compat(log->dirty_bitmap));
	return mmu_clear_dirty_log(vm, log);
}

static long reset_dirty_rings(struct vm *vm, void *data, unsigned long arg)
{
	return dirty_ring_reset(vm);
}

static long set_tss_addr(struct vm *vm, void *data, unsigned long addr)
{
	return mmu_set_tss_addr(vm, addr);
}

static long set_identity_map_addr(struct vm *vm, void *data, unsigned long arg)
{
	return mmu_set_identity_map_addr(vm, *(u64 *)data);
}

static long set_nr_mmu_pages(struct vm *vm, void *data, unsigned long nr)
{
	return mmu_set_nr_pages(vm, nr);
}

static long get_nr_mmu_pages(struct vm *vm, void *data, unsigned long arg)
{
	return mmu_nr_pages(vm);
}

PASS_ON(register_coalesced_mmio, vm, coalesced_register)

static long unregister_coalesced_mmio(struct vm *vm, void *data,
				      unsigned long arg)
{
	return coalesced_unregister(vm, data);
}

/* ---- interrupt controllers ------------------------------------------------------ */

static long create_irqchip(struct vm *vm, void *data, unsigned long arg)
{
	long ret;

	mutex_lock(&vm->lock);
	ret = irqchip_create(vm);
	mutex_unlock(&vm->lock);
	return ret;
}

static long create_pit2(struct vm *vm, void *data, unsigned long arg)
{
	long ret;

	mutex_lock(&vm->lock);
	ret = irqchip_create_pit(vm, data);
	mutex_unlock(&vm->lock);
	return ret;
}

/* The one before KVM_CREATE_PIT2, which always had port 0x61 */
static long create_pit(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return create_pit2(vm, &config, arg);
}

static int set_line(struct vm *vm, const struct kvm_irq_level *line)
{
	int idx, ret;

	idx = srcu_read_lock(&vm->srcu);
	ret = irqchip_set_line(vm, IRQ_SRC_USER, line->irq, line->level);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

static long irq_line(struct vm *vm, void *data, unsigned long arg)
{
	if (!irqchip_in_kernel(vm))
		return -ENXIO;
	set_line(vm, data);
	return 0;
}

static long irq_line_status(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_irq_level *line = data;
	int ret;

	if (!irqchip_in_kernel(vm))
		return -ENXIO;
	ret = set_line(vm, line);
	line->status = ret < 0 ? -1 : ret;
	return 0;
}

static long get_irqchip(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_irqchip *chip = data;
	u32 id = chip->chip_id;

	/* what the chip does not fill goes out as zero, not as it came in */
	memset(chip, 0, sizeof(*chip));
	chip->chip_id = id;
	return irqchip_get(vm, chip);
}

PASS_ON(set_irqchip, vm, irqchip_set)
PASS_ON(get_pit2, vm, irqchip_get_pit)
PASS_ON(set_pit2, vm, irqchip_set_pit)

/* The channels alone: those before the state got flags */
static long get_pit(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_pit_state *old = data;
	struct kvm_pit_state2 state;
	int err = irqchip_get_pit(vm, &state);

	if (!err)
		memcpy(old->channels, state.channels, sizeof(old->channels));
	return err;
}

static long set_pit(struct vm *vm, void *data, unsigned long arg)
{
	const struct kvm_pit_state *old = data;
	struct kvm_pit_state2 state;
	int err = irqchip_get_pit(vm, &state);

	if (err)
		return err;
	memcpy(state.channels, old->channels, sizeof(state.channels));
	return irqchip_set_pit(vm, &state);
}

/* Its number says that it has no argument, but it has one */
static long reinject_control(struct vm *vm, void *data, unsigned long arg)
{
	struct kvm_reinject_control control;

	if (copy_from_user(&control, (void __user *)arg, sizeof(control)))
		return -EFAULT;
	return irqchip_reinject_control(vm, &control);
}

/* Variable length: the header has been copied in, the entries follow it */
static long set_gsi_routing(struct vm *vm, void *data, unsigned long arg)
{
	const struct kvm_irq_routing *head = data;
	struct kvm_irq_routing __user *user = (void __user *)arg;
	struct kvm_irq_routing_entry *entries = NULL;
	long ret;

	if (!irqchip_in_kernel(vm) || head->nr > IRQCHIP_MAX_ROUTES ||
	    head->flags)
		return -EINVAL;
	if (head->nr) {
		entries = vmemdup_user(user->entries,
				       array_size(head->nr, sizeof(*entries)));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	mutex_lock(&vm->lock);
	ret = irqchip_set_routing(vm, entries, head->nr, head->flags);
	mutex_unlock(&vm->lock);
	kvfree(entries);
	return ret;
}

static long signal_msi(struct vm *vm, void *data, unsigned long arg)
{
	const struct kvm_msi *msi = data;
	long ret;
	int idx;

	/* no device ids on this architecture: KVM_CAP_MSI_DEVID */
	if (!irqchip_in_kernel(vm) || msi->flags)
		return -EINVAL;
	idx = srcu_read_lock(&vm->srcu);
	ret = irqchip_send_msi(vm, msi);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

PASS_ON(irqfd, vm, irqfd_assign)
PASS_ON(ioeventfd, vm, ioeventfd_assign)

/* ---- time --------------------------------------------------------------------- */

PASS_ON_VOID(get_clock, vm, x86_get_clock)
PASS_ON(set_clock, vm, x86_set_clock)

/* The frequency that vCPUs created later start with; 0: the host's */
static long set_tsc_khz(struct vm *vm, void *data, unsigned long khz)
{
	khz = khz ?: x86_host.tsc_khz;
	if (!x86_tsc_khz_possible(khz))
		return -EINVAL;
	WRITE_ONCE(vm->arch.default_tsc_khz, khz);
	return 0;
}

static long get_tsc_khz(struct vm *vm, void *data, unsigned long arg)
{
	return READ_ONCE(vm->arch.default_tsc_khz);
}

/* ---- the VM itself --------------------------------------------------------------- */

static long check_extension(struct vm *vm, void *data, unsigned long cap)
{
	return caps_check(vm, cap);
}

PASS_ON(enable_cap, vm, caps_enable_vm)

static long create_vcpu(struct vm *vm, void *data, unsigned long id)
{
	return vcpu_file_create(vm, id);
}

static long set_boot_cpu_id(struct vm *vm, void *data, unsigned long id)
{
	long ret = -EBUSY;

	if (id >= VM_MAX_VCPU_ID)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->max_vcpu_id && id >= vm->max_vcpu_id) {
		ret = -EINVAL;
	} else if (!vm->nr_vcpus) {
		vm->arch.bsp_vcpu_id = id;
		ret = 0;
	}
	mutex_unlock(&vm->lock);
	return ret;
}

PASS_ON(set_msr_filter, vm, x86_set_msr_filter)

static long get_stats_fd(struct vm *vm, void *data, unsigned long arg)
{
	return stats_file_create(vm, NULL);
}

/* Two that share their number with another one */
static const struct ioctl_def ioctl_register_coalesced = {
	.cmd = KVM_REGISTER_COALESCED_MMIO,
	.flags = ARG_IN,
	.vm = register_coalesced_mmio,
};

static const struct ioctl_def ioctl_get_tsc_khz = {
	.cmd = KVM_GET_TSC_KHZ,
	.vm = get_tsc_khz,
};

static const struct ioctl_def vm_ioctls[] = {
	VM_IOCTL(KVM_CHECK_EXTENSION, 0, check_extension),
	VM_IOCTL(KVM_ENABLE_CAP, ARG_IN, enable_cap, .next = &ioctl_get_tsc_khz),
	VM_IOCTL(KVM_CREATE_VCPU, 0, create_vcpu),
	VM_IOCTL(KVM_SET_BOOT_CPU_ID, 0, set_boot_cpu_id),
	VM_IOCTL(KVM_GET_STATS_FD, 0, get_stats_fd),

	VM_IOCTL(KVM_SET_USER_MEMORY_REGION, ARG_IN, set_user_memory_region),
	VM_IOCTL(KVM_SET_NR_MMU_PAGES, 0, set_nr_mmu_pages),
	VM_IOCTL(KVM_GET_NR_MMU_PAGES, 0, get_nr_mmu_pages),
	VM_IOCTL(KVM_GET_DIRTY_LOG, ARG_IN, get_dirty_log),
	VM_IOCTL(KVM_CLEAR_DIRTY_LOG, ARG_IN, clear_dirty_log),
	VM_IOCTL(KVM_RESET_DIRTY_RINGS, 0, reset_dirty_rings),
	VM_IOCTL(KVM_SET_TSS_ADDR, 0, set_tss_addr),
	VM_IOCTL(KVM_SET_IDENTITY_MAP_ADDR, ARG_IN, set_identity_map_addr),
	VM_IOCTL(KVM_UNREGISTER_COALESCED_MMIO, ARG_IN, unregister_coalesced_mmio),

	VM_IOCTL(KVM_CREATE_IRQCHIP, 0, create_irqchip),
	VM_IOCTL(KVM_CREATE_PIT, 0, create_pit),
	VM_IOCTL(KVM_CREATE_PIT2, ARG_IN, create_pit2),
	VM_IOCTL(KVM_IRQ_LINE, ARG_IN, irq_line),
	VM_IOCTL(KVM_IRQ_LINE_STATUS, ARG_IN | ARG_OUT, irq_line_status,
		 .next = &ioctl_register_coalesced),
	VM_IOCTL(KVM_GET_IRQCHIP, ARG_IN | ARG_OUT, get_irqchip),
	VM_IOCTL(KVM_SET_IRQCHIP, ARG_IN, set_irqchip),
	VM_IOCTL(KVM_GET_PIT, ARG_OUT, get_pit),
	VM_IOCTL(KVM_SET_PIT, ARG_IN, set_pit),
	VM_IOCTL(KVM_GET_PIT2, ARG_OUT, get_pit2),
	VM_IOCTL(KVM_SET_PIT2, ARG_IN, set_pit2),
	VM_IOCTL(KVM_REINJECT_CONTROL, 0, reinject_control),
	VM_IOCTL(KVM_SET_GSI_ROUTING, ARG_IN, set_gsi_routing),
	VM_IOCTL(KVM_SIGNAL_MSI, ARG_IN, signal_msi),
	VM_IOCTL(KVM_IRQFD, ARG_IN, irqfd),
	VM_IOCTL(KVM_IOEVENTFD, ARG_IN, ioeventfd),

	VM_IOCTL(KVM_GET_CLOCK, ARG_OUT, get_clock),
	VM_IOCTL(KVM_SET_CLOCK, ARG_IN, set_clock),
	VM_IOCTL(KVM_SET_TSC_KHZ, 0, set_tsc_khz),
	VM_IOCTL(KVM_X86_SET_MSR_FILTER, ARG_IN, set_msr_filter),
};

static long call(struct file *file, const struct ioctl_def *def, unsigned long arg)
{
	struct vm *vm = file->private_data;
	struct ioctl_arg a;
	long ret;

	/* memory slots are addresses of the creator: nobody else has business here */
	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	if (!def)
		return -ENOTTY;
	ret = ioctl_arg_get(def, &a, arg);
	if (ret)
		return ret;
	ret = def->vm(vm, a.data, arg);
	return ioctl_arg_put(def, &a, arg, ret);
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return call(file, ioctl_find(vm_ioctls, ARRAY_SIZE(vm_ioctls), cmd), arg);
}

#ifdef CONFIG_COMPAT
PASS_ON(set_msr_filter32, vm, x86_set_msr_filter32)

/* The one whose argument has another size, and so another number */
static const struct ioctl_def ioctl_set_msr_filter32 = {
	.cmd = _IOC(_IOC_WRITE, KVMIO, _IOC_NR(KVM_X86_SET_MSR_FILTER),
		    X86_MSR_FILTER32_SIZE),
	.flags = ARG_IN,
	.vm = set_msr_filter32,
};

static long vm_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	arg = (__force unsigned long)compat_ptr(arg);
	if (cmd == ioctl_set_msr_filter32.cmd)
		return call(file, &ioctl_set_msr_filter32, arg);
	return vm_ioctl(file, cmd, arg);
}
#else
#define vm_compat_ioctl	compat_ptr_ioctl
#endif

static int vm_release(struct inode *inode, struct file *file)
{
	struct vm *vm = file->private_data;

	eventfd_release(vm);
	vm_put(vm);
	return 0;
}

const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = vm_compat_ioctl,
	.llseek = noop_llseek,
};
