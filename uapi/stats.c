// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_STATS_FD: the binary statistics of a VM or a vCPU.
 *
 *   0      struct kvm_stats_header
 *          id string, NAME_SIZE bytes
 *          descriptors, each with its name of NAME_SIZE bytes
 *          data, one u64 for each descriptor, in the same order
 *
 * All but the data is made when the file is, and never changes. The file holds
 * a reference to the VM; anyone who has got it may read it.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "core/vcpu.h"
#include "core/vm.h"
#include "mmu/mmu.h"
#include "uapi/ioctl.h"

#define NAME_SIZE	48

/* One value: where it is in the structure that stats_values() gets hold of */
struct stat_field {
	const char *name;
	u32 flags;
	s16 exponent;
	u16 offset;
};

#define COUNT		(KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE)
#define NOW		(KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE)
#define TIME		(KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS)
#define NANO		(-9)

/* ---- of a vCPU ------------------------------------------------------------------- */

#define VCPU(field) \
	{ #field, COUNT, 0, offsetof(struct vcpu_stats, field) }
/* Basic exit reasons: SDM 3D appendix C */
#define EXIT(nr, name)							\
	{ "exits_" name, COUNT, 0,					\
	  offsetof(struct vcpu_stats, exits[nr]) },			\
	{ "exit_time_" name, TIME, NANO,				\
	  offsetof(struct vcpu_stats, exit_ns[nr]) }

static const struct stat_field vcpu_fields[] = {
	VCPU(entries),
	VCPU(fast_exits),
	VCPU(user_exits),
	VCPU(signal_exits),
	VCPU(mmio_exits),
	VCPU(pio_exits),
	VCPU(insn_emulated),
	VCPU(insn_emul_failed),
	VCPU(irq_injected),
	VCPU(nmi_injected),
	VCPU(exception_injected),
	VCPU(host_interrupts),
	VCPU(irq_window),
	VCPU(nmi_window),
	VCPU(pv_tlb_flushes),
	VCPU(apf_not_present),
	VCPU(apf_ready),
	VCPU(halts),
	VCPU(halt_wakeups),
	VCPU(halt_attempted_poll),
	VCPU(halt_successful_poll),
	VCPU(yields),
	VCPU(hypercalls),
	VCPU(pf_fixed),
	VCPU(pf_spurious),
	VCPU(pf_injected),
	VCPU(pf_mmio),
	VCPU(tlb_flushes),
	VCPU(vmreads),
	VCPU(vmwrites),
	VCPU(msr_switches),
	VCPU(vmcs_migrations),
	EXIT(0, "exception_nmi"),
	EXIT(1, "external_interrupt"),
	EXIT(2, "triple_fault"),
	EXIT(3, "init_signal"),
	EXIT(4, "sipi_signal"),
	EXIT(5, "io_smi"),
	EXIT(6, "other_smi"),
	EXIT(7, "interrupt_window"),
	EXIT(8, "nmi_window"),
	EXIT(9, "task_switch"),
	EXIT(10, "cpuid"),
	EXIT(11, "getsec"),
	EXIT(12, "hlt"),
	EXIT(13, "invd"),
	EXIT(14, "invlpg"),
	EXIT(15, "rdpmc"),
	EXIT(16, "rdtsc"),
	EXIT(17, "rsm"),
	EXIT(18, "vmcall"),
	EXIT(19, "vmclear"),
	EXIT(20, "vmlaunch"),
	EXIT(21, "vmptrld"),
	EXIT(22, "vmptrst"),
	EXIT(23, "vmread"),
	EXIT(24, "vmresume"),
	EXIT(25, "vmwrite"),
	EXIT(26, "vmxoff"),
	EXIT(27, "vmxon"),
	EXIT(28, "cr_access"),
	EXIT(29, "dr_access"),
	EXIT(30, "io_instruction"),
	EXIT(31, "msr_read"),
	EXIT(32, "msr_write"),
	EXIT(33, "invalid_state"),
	EXIT(34, "msr_load_fail"),
	EXIT(36, "mwait"),
	EXIT(37, "monitor_trap_flag"),
	EXIT(39, "monitor"),
	EXIT(40, "pause"),
	EXIT(41, "mce_during_entry"),
	EXIT(43, "tpr_below_threshold"),
	EXIT(44, "apic_access"),
	EXIT(45, "eoi_induced"),
	EXIT(46, "gdtr_idtr"),
	EXIT(47, "ldtr_tr"),
	EXIT(48, "ept_violation"),
	EXIT(49, "ept_misconfig"),
	EXIT(50, "invept"),
	EXIT(51, "rdtscp"),
	EXIT(52, "preemption_timer"),
	EXIT(53, "invvpid"),
	EXIT(54, "wbinvd"),
	EXIT(55, "xsetbv"),
	EXIT(56, "apic_write"),
	EXIT(57, "rdrand"),
	EXIT(58, "invpcid"),
	EXIT(59, "vmfunc"),
	EXIT(60, "encls"),
	EXIT(61, "rdseed"),
	EXIT(62, "pml_full"),
	EXIT(63, "xsaves"),
	EXIT(64, "xrstors"),
	EXIT(65, "pconfig"),
	EXIT(66, "spp_event"),
	EXIT(67, "umwait"),
	EXIT(68, "tpause"),
	EXIT(69, "loadiwkey"),
	EXIT(74, "bus_lock"),
	EXIT(75, "notify"),
};

/* ---- of a VM --------------------------------------------------------------------- */

#define MMU(name, field, flags) \
	{ name, flags, 0, offsetof(struct mmu_stats, field) }

static const struct stat_field vm_fields[] = {
	MMU("pages_4k", pages_4k, NOW),
	MMU("pages_2m", pages_2m, NOW),
	MMU("pages_1g", pages_1g, NOW),
	MMU("mmu_table_pages", table_pages, NOW),
	MMU("mmu_unsync", unsync, NOW),
	MMU("mmu_recycled", recycled, COUNT),
	MMU("mmu_flooded", flooded, COUNT),
	MMU("mmu_faults_fixed", faults_fixed, COUNT),
	MMU("mmu_faults_spurious", faults_spurious, COUNT),
	MMU("remote_tlb_flush", flushes, COUNT),
};

/* ---- the file ---------------------------------------------------------------------- */

struct stats_file {
	struct vm *vm;
	struct vcpu *vcpu;		/* NULL: of the VM */
	const struct stat_field *fields;
	unsigned int nr;
	size_t head_size;		/* all before the data */
	u8 head[];
};

struct stats_head {
	struct kvm_stats_header header;
	char id[NAME_SIZE];
};

/* A descriptor and its name, for which some kernels leave room in the structure */
#define DESC_SIZE	(offsetof(struct kvm_stats_desc, name) + NAME_SIZE)

static size_t data_size(const struct stats_file *sf)
{
	return sf->nr * sizeof(u64);
}

static int stats_values(struct stats_file *sf, u64 *values)
{
	struct mmu_stats mmu = {};
	const void *base = &mmu;
	unsigned int i;

	if (sf->vcpu) {
		base = &sf->vcpu->stats;
	} else {
		/* the kind may change until it is used */
		if (mutex_lock_killable(&sf->vm->lock))
			return -EINTR;
		mmu_op(sf->vm, stats, sf->vm, &mmu);
		mutex_unlock(&sf->vm->lock);
	}
	for (i = 0; i < sf->nr; i++)
		values[i] = READ_ONCE(*(const u64 *)(base + sf->fields[i].offset));
	return 0;
}

static ssize_t read_data(struct stats_file *sf, char __user *buf, size_t len,
			 loff_t pos)
{
	u64 *values = kmalloc(data_size(sf), GFP_KERNEL_ACCOUNT);
	ssize_t ret;

	if (!values)
		return -ENOMEM;
	ret = stats_values(sf, values);
	if (!ret)
		ret = simple_read_from_buffer(buf, len, &pos, values,
					      data_size(sf));
	kfree(values);
	return ret;
}

static ssize_t stats_read(struct file *file, char __user *buf, size_t len,
			  loff_t *ppos)
{
	struct stats_file *sf = file->private_data;
	ssize_t head = 0, data = 0;
	loff_t pos = *ppos;

	if (pos < 0)
		return -EINVAL;
	if (pos < sf->head_size) {
		head = simple_read_from_buffer(buf, len, &pos, sf->head,
					       sf->head_size);
		if (head < 0)
			return head;
		buf += head;
		len -= head;
	}
	if (len && pos >= sf->head_size)
		data = read_data(sf, buf, len, pos - sf->head_size);
	if (data < 0) {
		if (!head)
			return data;
		data = 0;	/* the part that was read counts */
	}
	*ppos += head + data;
	return head + data;
}

static loff_t stats_llseek(struct file *file, loff_t offset, int whence)
{
	struct stats_file *sf = file->private_data;

	return fixed_size_llseek(file, offset, whence,
				 sf->head_size + data_size(sf));
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_file *sf = file->private_data;

	vm_put(sf->vm);
	kvfree(sf);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.llseek = stats_llseek,
	.release = stats_release,
};

static void fill_head(struct stats_file *sf)
{
	struct stats_head *head = (void *)sf->head;
	struct kvm_stats_desc *desc;
	pid_t pid = task_tgid_vnr(current);
	unsigned int i;

	head->header.name_size = NAME_SIZE;
	head->header.num_desc = sf->nr;
	head->header.id_offset = offsetof(struct stats_head, id);
	head->header.desc_offset = sizeof(*head);
	head->header.data_offset = sf->head_size;
	if (sf->vcpu)
		snprintf(head->id, NAME_SIZE, "kvm-%d/vcpu-%u", pid, sf->vcpu->id);
	else
		snprintf(head->id, NAME_SIZE, "kvm-%d", pid);

	for (i = 0; i < sf->nr; i++) {
		desc = (void *)(head + 1) + i * DESC_SIZE;
		desc->flags = sf->fields[i].flags;
		desc->exponent = sf->fields[i].exponent;
		desc->size = 1;
		desc->offset = i * sizeof(u64);
		strscpy((char *)desc + offsetof(struct kvm_stats_desc, name),
			sf->fields[i].name, NAME_SIZE);
	}
}

/**
 * stats_file_create() - KVM_GET_STATS_FD
 * @vm: the VM
 * @vcpu: one of its vCPUs, or NULL for the VM's own statistics
 *
 * Return: a file descriptor, -ENOMEM, -EMFILE or -ENFILE.
 */
long stats_file_create(struct vm *vm, struct vcpu *vcpu)
{
	unsigned int nr = vcpu ? ARRAY_SIZE(vcpu_fields) : ARRAY_SIZE(vm_fields);
	size_t size = sizeof(struct stats_head) + nr * DESC_SIZE;
	struct stats_file *sf;
	int fd;

	BUILD_BUG_ON(sizeof(struct stats_head) % 8);
	BUILD_BUG_ON(DESC_SIZE % 8);
	sf = kvzalloc(struct_size(sf, head, size), GFP_KERNEL_ACCOUNT);
	if (!sf)
		return -ENOMEM;
	sf->vm = vm;
	sf->vcpu = vcpu;
	sf->fields = vcpu ? vcpu_fields : vm_fields;
	sf->nr = nr;
	sf->head_size = size;
	fill_head(sf);
	vm_get(vm);
	fd = uapi_install_fd(vcpu ? "kvm-vcpu-stats" : "kvm-vm-stats",
			     &stats_fops, sf, O_RDONLY);
	if (fd < 0) {
		vm_put(vm);
		kvfree(sf);
	}
	return fd;
}
