/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Table-driven ioctls.
 *
 * Each of the three kinds of file (/dev/kvm, VM, vCPU) has a table indexed by
 * ioctl number. The argument is copied in once, before the handler sees it, and
 * copied out once, after it succeeded; nobody else follows the user pointer,
 * except for handlers of arguments of variable length.
 */
#ifndef UAPI_IOCTL_H
#define UAPI_IOCTL_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/kvm.h>
#include <linux/file.h>

struct vm;
struct vcpu;

/* struct ioctl_def, flags */
#define ARG_IN		BIT(0)	/* copy _IOC_SIZE bytes in */
#define ARG_OUT		BIT(1)	/* and out; zeroed where not ARG_IN */
#define ARG_ZERO	BIT(2)	/* by value, and must be 0 */
#define VCPU_LOAD	BIT(3)	/* loaded, vm->srcu held for reading */
#define VCPU_NOLOCK	BIT(4)	/* works while another thread is in KVM_RUN */

/**
 * struct ioctl_def - one ioctl
 * @cmd: the whole number with direction and size
 * @flags: ARG_*, VCPU_*
 * @next: another ioctl with the same _IOC_NR()
 * @dev: handler, of /dev/kvm
 * @vm: handler, of a VM
 * @vcpu: handler, of a vCPU
 *
 * The handler gets the copied argument in @data (NULL without ARG_IN and
 * ARG_OUT) and the ioctl's third argument as it is in @arg. It returns what the
 * ioctl returns. vcpu->mutex is held for vCPU handlers.
 */
struct ioctl_def {
	unsigned int cmd;
	unsigned int flags;
	const struct ioctl_def *next;
	union {
		long (*dev)(void *data, unsigned long arg);
		long (*vm)(struct vm *vm, void *data, unsigned long arg);
		long (*vcpu)(struct vcpu *vcpu, void *data, unsigned long arg);
	};
};

#define DEV_IOCTL(cmd_, flags_, fn_) \
	[_IOC_NR(cmd_)] = { .cmd = (cmd_), .flags = (flags_), .dev = (fn_) }
#define VM_IOCTL(cmd_, flags_, fn_, ...) \
	[_IOC_NR(cmd_)] = { .cmd = (cmd_), .flags = (flags_), .vm = (fn_), \
			    __VA_ARGS__ }
#define VCPU_IOCTL(cmd_, flags_, fn_, ...) \
	[_IOC_NR(cmd_)] = { .cmd = (cmd_), .flags = (flags_), .vcpu = (fn_), \
			    __VA_ARGS__ }

/*
 * A handler that does no more than to call a function of another folder, which
 * takes the vCPU or VM (@what: vcpu, vm) and a structure: @fn(vcpu, argument).
 */
#define PASS_ON(name, what, fn)						\
static long name(struct what *what, void *data, unsigned long arg)	\
{									\
	return fn(what, data);						\
}

/* The same where it cannot fail */
#define PASS_ON_VOID(name, what, fn)					\
static long name(struct what *what, void *data, unsigned long arg)	\
{									\
	fn(what, data);							\
	return 0;							\
}

/* The same where it follows the user's pointer itself: variable length */
#define PASS_ON_USER(name, what, fn)					\
static long name(struct what *what, void *data, unsigned long arg)	\
{									\
	return fn(what, (void __user *)arg);				\
}

/* The copied argument: small ones need no allocation */
struct ioctl_arg {
	void *data;
	u64 small[24];
};

/* The entry, or NULL for a number that is not in the table */
const struct ioctl_def *ioctl_find(const struct ioctl_def *table, unsigned int n,
				   unsigned int cmd);
/* 0, -EFAULT, -ENOMEM, -EINVAL (ARG_ZERO); ioctl_arg_put() follows on 0 alone */
int ioctl_arg_get(const struct ioctl_def *def, struct ioctl_arg *a,
		  unsigned long arg);
/* Copies out where @ret, the handler's result, is no error. Returns @ret or -EFAULT. */
long ioctl_arg_put(const struct ioctl_def *def, struct ioctl_arg *a,
		   unsigned long arg, long ret);

/* ---- files ----------------------------------------------------------------- */

extern const struct file_operations vm_fops;

/* KVM_CREATE_VCPU and KVM_GET_STATS_FD: a file descriptor or -errno */
long vcpu_file_create(struct vm *vm, unsigned long id);
long stats_file_create(struct vm *vm, struct vcpu *vcpu);

/**
 * uapi_install_fd() - make a file of ours and give it to the process
 * @name: shown in /proc/PID/fd
 * @fops: its operations; their owner is this module
 * @priv: private_data
 * @flags: O_RDWR or O_RDONLY; close-on-exec is added
 *
 * Nothing can fail after the process sees the descriptor. On failure
 * @fops->release is not called.
 *
 * Return: the descriptor or -errno.
 */
int uapi_install_fd(const char *name, const struct file_operations *fops,
		    void *priv, int flags);

/* ---- capabilities ----------------------------------------------------------- */

/* KVM_CHECK_EXTENSION; @vm is NULL on /dev/kvm. 0 for what is not there. */
int caps_check(struct vm *vm, unsigned long cap);
long caps_enable_vm(struct vm *vm, const struct kvm_enable_cap *cap);
long caps_enable_vcpu(struct vcpu *vcpu, const struct kvm_enable_cap *cap);

/* Device attributes of /dev/kvm and of vCPUs: KVM_{SET,GET,HAS}_DEVICE_ATTR */
long attr_dev_get(const struct kvm_device_attr *attr);
long attr_dev_has(const struct kvm_device_attr *attr);
long attr_vcpu_set(struct vcpu *vcpu, const struct kvm_device_attr *attr);
long attr_vcpu_get(struct vcpu *vcpu, const struct kvm_device_attr *attr);
long attr_vcpu_has(struct vcpu *vcpu, const struct kvm_device_attr *attr);

#endif
