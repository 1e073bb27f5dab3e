// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU file: KVM_RUN, state, and the pages user space maps */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/coalesced.h"
#include "core/vcpu.h"
#include "irqchip/irqchip.h"
#include "mmu/dirty_ring.h"
#include "uapi/ioctl.h"
#include "x86/x86.h"

/* ---- running -------------------------------------------------------------------- */

/* KVM_RUN has no argument to move, and is the one that has to be fast */
static long run(struct vcpu *vcpu, unsigned long arg)
{
	long ret;

	if (arg)
		return -EINVAL;
	/* hardly ever contended: spare the might_sleep() */
	if (!mutex_trylock(&vcpu->mutex) && mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	ret = vcpu_run(vcpu);
	mutex_unlock(&vcpu->mutex);
	return ret;
}

static long set_signal_mask(struct vcpu *vcpu, void *data, unsigned long arg)
{
	struct kvm_signal_mask __user *user = (void __user *)arg;
	struct kvm_signal_mask mask;
	sigset_t set;

	if (!user) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&mask, user, sizeof(mask)))
		return -EFAULT;
	/* the same for 32-bit programs: one word of 64 bits in this byte order */
	if (mask.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, user->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

/* ---- registers ------------------------------------------------------------------- */

PASS_ON_VOID(get_regs, vcpu, x86_get_regs)
PASS_ON_VOID(set_regs, vcpu, x86_set_regs)
PASS_ON_VOID(get_sregs, vcpu, x86_get_sregs)
PASS_ON(set_sregs, vcpu, x86_set_sregs)
PASS_ON_VOID(get_sregs2, vcpu, x86_get_sregs2)
PASS_ON(set_sregs2, vcpu, x86_set_sregs2)
PASS_ON(get_fpu, vcpu, x86_get_fpu)
PASS_ON(set_fpu, vcpu, x86_set_fpu)

static long copy_xsave(struct vcpu *vcpu, unsigned long arg, unsigned int size)
{
	void *buf = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	long ret = 0;

	if (!buf)
		return -ENOMEM;
	x86_get_xsave(vcpu, buf, size);
	if (copy_to_user((void __user *)arg, buf, size))
		ret = -EFAULT;
	kvfree(buf);
	return ret;
}

/* The old one knows 4096 bytes; a state that is larger would be cut short */
static long get_xsave(struct vcpu *vcpu, void *data, unsigned long arg)
{
	if (x86_xsave_size() > sizeof(struct kvm_xsave))
		return -EINVAL;
	return copy_xsave(vcpu, arg, sizeof(struct kvm_xsave));
}

static long get_xsave2(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return copy_xsave(vcpu, arg, x86_xsave_size());
}

static long set_xsave(struct vcpu *vcpu, void *data, unsigned long arg)
{
	void *buf = memdup_user((void __user *)arg, x86_xsave_size());
	long ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = x86_set_xsave(vcpu, buf);
	kfree(buf);
	return ret;
}

PASS_ON_VOID(get_xcrs, vcpu, x86_get_xcrs)
PASS_ON(set_xcrs, vcpu, x86_set_xcrs)
PASS_ON_VOID(get_debugregs, vcpu, x86_get_debugregs)
PASS_ON(set_debugregs, vcpu, x86_set_debugregs)
PASS_ON_USER(get_msrs, vcpu, x86_get_msrs)
PASS_ON_USER(set_msrs, vcpu, x86_set_msrs)
PASS_ON_USER(set_cpuid, vcpu, x86_set_cpuid)
PASS_ON_USER(set_cpuid2, vcpu, x86_set_cpuid2)
PASS_ON_USER(get_cpuid2, vcpu, x86_get_cpuid2)

static long translate(struct vcpu *vcpu, void *data, unsigned long arg)
{
	struct kvm_translation *t = data;
	u64 gva = t->linear_address;
	bool writable = false, user = false;
	gpa_t gpa;
	int err;

	memset(t, 0, sizeof(*t));
	t->linear_address = gva;
	err = mmu_translate_debug(vcpu, gva, &gpa, &writable, &user);
	if (err && err != -ENOENT)
		return err;
	t->physical_address = err ? ~0ull : gpa & MMU_GPA_BITS;
	t->valid = !err;
	t->writeable = writable;
	t->usermode = user;
	return 0;
}

/* ---- events ------------------------------------------------------------------------ */

static long interrupt(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return x86_user_interrupt(vcpu, ((struct kvm_interrupt *)data)->irq);
}

static long nmi(struct vcpu *vcpu, void *data, unsigned long arg)
{
	x86_nmi(vcpu);
	return 0;
}

static long smi(struct vcpu *vcpu, void *data, unsigned long arg)
{
	x86_smi(vcpu);
	return 0;
}

PASS_ON(get_vcpu_events, vcpu, x86_get_events)
PASS_ON(set_vcpu_events, vcpu, x86_set_events)
PASS_ON(get_mp_state, vcpu, x86_get_mp_state)
PASS_ON(set_mp_state, vcpu, x86_set_mp_state)
PASS_ON(set_guest_debug, vcpu, x86_set_guest_debug)

static long get_lapic(struct vcpu *vcpu, void *data, unsigned long arg)
{
	if (!vcpu->lapic)
		return -EINVAL;
	lapic_get_state(vcpu, data);
	return 0;
}

static long set_lapic(struct vcpu *vcpu, void *data, unsigned long arg)
{
	if (!vcpu->lapic)
		return -EINVAL;
	return lapic_set_state(vcpu, data);
}

static long set_vapic_addr(struct vcpu *vcpu, void *data, unsigned long arg)
{
	const struct kvm_vapic_addr *va = data;
	int idx = srcu_read_lock(&vcpu->vm->srcu);
	long ret = vapic_set_addr(vcpu, va->vapic_addr);

	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return ret;
}

static long tpr_access_reporting(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return vapic_report_tpr(vcpu, data);
}

static long setup_mce(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return x86_setup_mce(vcpu, *(u64 *)data);
}

PASS_ON(set_mce, vcpu, x86_set_mce)

/* ---- time --------------------------------------------------------------------------- */

static long set_tsc_khz(struct vcpu *vcpu, void *data, unsigned long khz)
{
	if (khz > U32_MAX)
		return -EINVAL;
	return x86_set_tsc_khz(vcpu, khz ?: x86_host.tsc_khz);
}

static long get_tsc_khz(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return vcpu->arch.tsc_khz;
}

static long kvmclock_ctrl(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return x86_kvmclock_ctrl(vcpu);
}

/* ---- the rest ------------------------------------------------------------------------ */

PASS_ON(enable_cap, vcpu, caps_enable_vcpu)

static long get_stats_fd(struct vcpu *vcpu, void *data, unsigned long arg)
{
	return stats_file_create(vcpu->vm, vcpu);
}

PASS_ON(set_device_attr, vcpu, attr_vcpu_set)
PASS_ON(get_device_attr, vcpu, attr_vcpu_get)
PASS_ON(has_device_attr, vcpu, attr_vcpu_has)

#define GET	(ARG_OUT | VCPU_LOAD)
#define SET	(ARG_IN | VCPU_LOAD)

/* Two that share their number with another one */
static const struct ioctl_def ioctl_set_tsc_khz = {
	.cmd = KVM_SET_TSC_KHZ,
	.flags = VCPU_LOAD,
	.vcpu = set_tsc_khz,
};

static const struct ioctl_def ioctl_get_tsc_khz = {
	.cmd = KVM_GET_TSC_KHZ,
	.vcpu = get_tsc_khz,
};

static const struct ioctl_def vcpu_ioctls[] = {
	VCPU_IOCTL(KVM_SET_SIGNAL_MASK, 0, set_signal_mask),

	VCPU_IOCTL(KVM_GET_REGS, GET, get_regs),
	VCPU_IOCTL(KVM_SET_REGS, SET, set_regs),
	VCPU_IOCTL(KVM_GET_SREGS, GET, get_sregs),
	VCPU_IOCTL(KVM_SET_SREGS, SET, set_sregs),
	VCPU_IOCTL(KVM_GET_SREGS2, GET, get_sregs2),
	VCPU_IOCTL(KVM_SET_SREGS2, SET, set_sregs2),
	VCPU_IOCTL(KVM_GET_FPU, GET, get_fpu),
	VCPU_IOCTL(KVM_SET_FPU, SET, set_fpu),
	VCPU_IOCTL(KVM_GET_XSAVE, VCPU_LOAD, get_xsave),
	VCPU_IOCTL(KVM_GET_XSAVE2, VCPU_LOAD, get_xsave2),
	VCPU_IOCTL(KVM_SET_XSAVE, VCPU_LOAD, set_xsave),
	VCPU_IOCTL(KVM_GET_XCRS, GET, get_xcrs),
	VCPU_IOCTL(KVM_SET_XCRS, SET, set_xcrs),
	VCPU_IOCTL(KVM_GET_DEBUGREGS, GET, get_debugregs),
	VCPU_IOCTL(KVM_SET_DEBUGREGS, SET, set_debugregs,
		   .next = &ioctl_set_tsc_khz),
	VCPU_IOCTL(KVM_GET_MSRS, VCPU_LOAD, get_msrs),
	VCPU_IOCTL(KVM_SET_MSRS, VCPU_LOAD, set_msrs),
	VCPU_IOCTL(KVM_SET_CPUID, VCPU_LOAD, set_cpuid),
	VCPU_IOCTL(KVM_SET_CPUID2, VCPU_LOAD, set_cpuid2),
	VCPU_IOCTL(KVM_GET_CPUID2, VCPU_LOAD, get_cpuid2),
	VCPU_IOCTL(KVM_TRANSLATE, ARG_IN | GET, translate),

	VCPU_IOCTL(KVM_INTERRUPT, SET, interrupt),
	VCPU_IOCTL(KVM_NMI, VCPU_LOAD, nmi),
	VCPU_IOCTL(KVM_SMI, VCPU_LOAD, smi),
	VCPU_IOCTL(KVM_GET_VCPU_EVENTS, GET, get_vcpu_events),
	VCPU_IOCTL(KVM_SET_VCPU_EVENTS, SET, set_vcpu_events),
	VCPU_IOCTL(KVM_GET_MP_STATE, GET, get_mp_state),
	VCPU_IOCTL(KVM_SET_MP_STATE, SET, set_mp_state),
	VCPU_IOCTL(KVM_SET_GUEST_DEBUG, SET, set_guest_debug),
	VCPU_IOCTL(KVM_GET_LAPIC, GET, get_lapic),
	VCPU_IOCTL(KVM_SET_LAPIC, SET, set_lapic),
	VCPU_IOCTL(KVM_SET_VAPIC_ADDR, SET, set_vapic_addr),
	VCPU_IOCTL(KVM_TPR_ACCESS_REPORTING, ARG_IN | GET, tpr_access_reporting),
	VCPU_IOCTL(KVM_X86_SETUP_MCE, SET, setup_mce),
	VCPU_IOCTL(KVM_X86_SET_MCE, SET, set_mce),

	VCPU_IOCTL(KVM_KVMCLOCK_CTRL, VCPU_LOAD, kvmclock_ctrl),

	VCPU_IOCTL(KVM_ENABLE_CAP, SET, enable_cap, .next = &ioctl_get_tsc_khz),
	VCPU_IOCTL(KVM_GET_STATS_FD, VCPU_NOLOCK, get_stats_fd),
	VCPU_IOCTL(KVM_SET_DEVICE_ATTR, SET, set_device_attr),
	VCPU_IOCTL(KVM_GET_DEVICE_ATTR, SET, get_device_attr),
	VCPU_IOCTL(KVM_HAS_DEVICE_ATTR, ARG_IN, has_device_attr),
};

static long call_loaded(const struct ioctl_def *def, struct vcpu *vcpu,
			void *data, unsigned long arg)
{
	long ret;
	int idx;

	vcpu_load(vcpu);
	idx = srcu_read_lock(&vcpu->vm->srcu);
	ret = def->vcpu(vcpu, data, arg);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	vcpu_put(vcpu);
	return ret;
}

static long call_locked(const struct ioctl_def *def, struct vcpu *vcpu,
			void *data, unsigned long arg)
{
	long ret;

	if (def->flags & VCPU_NOLOCK)
		return def->vcpu(vcpu, data, arg);
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	if (def->flags & VCPU_LOAD)
		ret = call_loaded(def, vcpu, data, arg);
	else
		ret = def->vcpu(vcpu, data, arg);
	mutex_unlock(&vcpu->mutex);
	return ret;
}

/* Not inlined: the room for the argument would be KVM_RUN's too */
static noinline long other_ioctl(struct vcpu *vcpu, unsigned int cmd,
				 unsigned long arg)
{
	const struct ioctl_def *def;
	struct ioctl_arg a;
	long ret;

	def = ioctl_find(vcpu_ioctls, ARRAY_SIZE(vcpu_ioctls), cmd);
	if (!def)
		return -EINVAL;
	ret = ioctl_arg_get(def, &a, arg);
	if (ret)
		return ret;
	ret = call_locked(def, vcpu, a.data, arg);
	return ioctl_arg_put(def, &a, arg, ret);
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	if (likely(cmd == KVM_RUN))
		return run(vcpu, arg);
	return other_ioctl(vcpu, cmd, arg);
}

/* ---- the file ------------------------------------------------------------------------- */

static struct page *ring_page(struct vcpu *vcpu, unsigned long pgoff)
{
	if (pgoff < KVM_DIRTY_LOG_PAGE_OFFSET)
		return NULL;
	return dirty_ring_page(vcpu, pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page;

	switch (vmf->pgoff) {
	case 0:
		page = virt_to_page(vcpu->run);
		break;
	case KVM_PIO_PAGE_OFFSET:
		page = virt_to_page(vcpu->pio_page);
		break;
	case KVM_COALESCED_MMIO_PAGE_OFFSET:
		page = coalesced_ring_page(vcpu->vm);
		if (!page)
			return VM_FAULT_OOM;
		break;
	default:
		page = ring_page(vcpu, vmf->pgoff);
		if (!page)
			return VM_FAULT_SIGBUS;
	}
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vcpu *vcpu = file->private_data;
	unsigned long last = vma->vm_pgoff + vma_pages(vma) - 1;
	/* the lowest page that may be the ring's */
	unsigned long ring = max_t(unsigned long, vma->vm_pgoff,
				   KVM_DIRTY_LOG_PAGE_OFFSET);

	/* a private copy of the ring, or one to execute, can only be a mistake */
	if (ring <= last && ring_page(vcpu, ring) &&
	    (vma->vm_flags & VM_EXEC || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	if (vcpu)	/* NULL: vcpu_file_create() did not get that far */
		vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

/*
 * A vCPU cannot be taken back once it is published, so all that can fail comes
 * before: the descriptor, the file, then the vCPU.
 */
long vcpu_file_create(struct vm *vm, unsigned long id)
{
	char name[24];
	struct vcpu *vcpu;
	struct file *file;
	int fd;

	if (id >= VM_MAX_VCPU_ID)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	snprintf(name, sizeof(name), "kvm-vcpu:%lu", id);
	file = anon_inode_getfile(name, &vcpu_fops, NULL, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	vcpu = vcpu_create(vm, id);
	if (IS_ERR(vcpu)) {
		fput(file);
		put_unused_fd(fd);
		return PTR_ERR(vcpu);
	}
	vm_get(vm);	/* the file's */
	file->private_data = vcpu;
	fd_install(fd, file);
	return fd;
}
