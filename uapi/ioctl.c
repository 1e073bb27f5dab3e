// SPDX-License-Identifier: GPL-2.0-only
/* Finding an ioctl in its table, and moving its argument */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "uapi/ioctl.h"

const struct ioctl_def *ioctl_find(const struct ioctl_def *table, unsigned int n,
				   unsigned int cmd)
{
	const struct ioctl_def *def;
	unsigned int nr = _IOC_NR(cmd);

	if (_IOC_TYPE(cmd) != KVMIO || nr >= n)
		return NULL;
	nr = array_index_nospec(nr, n);
	for (def = &table[nr]; def; def = def->next) {
		if (def->cmd == cmd)	/* KVMIO is not 0: a hole never matches */
			return def;
	}
	return NULL;
}

int ioctl_arg_get(const struct ioctl_def *def, struct ioctl_arg *a,
		  unsigned long arg)
{
	unsigned int size = _IOC_SIZE(def->cmd);

	a->data = NULL;
	if (def->flags & ARG_ZERO && arg)
		return -EINVAL;
	if (!(def->flags & (ARG_IN | ARG_OUT)))
		return 0;
	if (size <= sizeof(a->small)) {
		a->data = a->small;
		memset(a->data, 0, size);
	} else {
		a->data = kzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!a->data)
			return -ENOMEM;
	}
	if (def->flags & ARG_IN &&
	    copy_from_user(a->data, (void __user *)arg, size)) {
		if (a->data != a->small)
			kfree(a->data);
		return -EFAULT;
	}
	return 0;
}

long ioctl_arg_put(const struct ioctl_def *def, struct ioctl_arg *a,
		   unsigned long arg, long ret)
{
	if (ret >= 0 && def->flags & ARG_OUT &&
	    copy_to_user((void __user *)arg, a->data, _IOC_SIZE(def->cmd)))
		ret = -EFAULT;
	if (a->data != a->small)
		kfree(a->data);
	return ret;
}

int uapi_install_fd(const char *name, const struct file_operations *fops,
		    void *priv, int flags)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, priv, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	/* an anonymous inode's file is a stream unless told otherwise */
	if (fops->llseek)
		file->f_mode |= FMODE_LSEEK | FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}
