// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs kvm/<pid>-<number>/audit: read it to have every live entry of the VM's
 * page tables checked against its definition: a line for each finding, and the
 * line "findings: N". What the host maps is checked when the reader is a thread of
 * the VM's own process. <number> counts the module's VMs.
 */
#include <linux/debugfs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include "mmu/memslot.h"
#include "mmu/private.h"

static struct dentry *root_dir;		/* [I] */
static atomic_t vm_number;

/* Number of findings, or -EINTR */
static int check(struct vm *vm, struct seq_file *out)
{
	int n;

	/* user space can make whoever has it wait as long as it likes */
	if (mutex_lock_killable(&vm->mmu.slots_lock))
		return -EINTR;
	n = mmu_op(vm, audit, vm, out);
	mutex_unlock(&vm->mmu.slots_lock);
	seq_printf(out, "findings: %d\n", n);
	return n;
}

static int audit_show(struct seq_file *out, void *unused)
{
	int n = check(out->private, out);

	return min(n, 0);
}

DEFINE_SHOW_ATTRIBUTE(audit);

static int mmu_show(struct seq_file *out, void *unused)
{
	struct vm *vm = out->private;
	struct mmu_stats s;

	if (mutex_lock_killable(&vm->mmu.slots_lock))
		return -EINTR;
	mmu_op(vm, stats, vm, &s);
	seq_printf(out, "kind %s\nslots %u\n", vm->mmu.kind->name,
		   memslots_get(vm)->nr);
	mutex_unlock(&vm->mmu.slots_lock);
	seq_printf(out, "pages_4k %llu\npages_2m %llu\npages_1g %llu\n",
		   s.pages_4k, s.pages_2m, s.pages_1g);
	seq_printf(out, "table_pages %llu\nfaults_fixed %llu\n",
		   s.table_pages, s.faults_fixed);
	seq_printf(out, "faults_spurious %llu\nflushes %llu\n",
		   s.faults_spurious, s.flushes);
	seq_printf(out, "unsync %llu\nrecycled %llu\nflooded %llu\n",
		   s.unsync, s.recycled, s.flooded);
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(mmu);

void mmu_debugfs_init(void)
{
	root_dir = debugfs_create_dir("kvm", NULL);
}

void mmu_debugfs_exit(void)
{
	debugfs_remove(root_dir);
}

void mmu_debugfs_add(struct vm *vm)
{
	char name[32];

	snprintf(name, sizeof(name), "%d-%d", task_tgid_nr(current),
		 atomic_inc_return(&vm_number));
	vm->mmu.debugfs = debugfs_create_dir(name, root_dir);
	debugfs_create_file("audit", 0400, vm->mmu.debugfs, vm, &audit_fops);
	debugfs_create_file("mmu", 0400, vm->mmu.debugfs, vm, &mmu_fops);
}

/* Waits for readers; none can begin afterwards */
void mmu_debugfs_remove(struct vm *vm)
{
	debugfs_remove(vm->mmu.debugfs);
	vm->mmu.debugfs = NULL;
}
