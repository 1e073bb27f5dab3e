// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX operation of each CPU: VMXON while VMs exist, and which VMCSs are active
 * where.
 *
 *  C1. A CPU is in VMX operation exactly while vmx_users > 0 and it is online,
 *      except between suspend and resume, and after vmx_stop().
 *  C2. A VMCS is active on at most one CPU, vmcs->cpu, and is on that CPU's
 *      list. Only that CPU touches the list, with interrupts off.
 *  C3. Before VMXOFF every VMCS on the list is cleared, so that its contents
 *      are in memory.
 *  C4. A CPU that goes offline leaves VMX operation when no thread but its own
 *      is left on it: a VMREAD would give nothing, a VMWRITE be lost.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/tlbflush.h>
#include "core/compat.h"
#include "vmx/caps.h"
#include "vmx/private.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

static DEFINE_PER_CPU(void *, vmxon_region);
static DEFINE_PER_CPU(bool, vmx_on);
static DEFINE_PER_CPU(struct list_head, active_vmcs);
DEFINE_PER_CPU(struct vmcs *, current_vmcs);

static DEFINE_MUTEX(vmx_users_lock);
/* vmx_users_lock and cpus_read_lock(); hotplug callbacks exclude the latter */
static unsigned int vmx_users;		/* VMs */
static bool vmx_stopped;		/* the machine is going down */

/* ---- one CPU; interrupts off -------------------------------------------- */

static int cpu_on(void)
{
	u64 pa = __pa(this_cpu_read(vmxon_region));

	if (this_cpu_read(vmx_on))
		return 0;
	if (vmx_stopped)
		return -ESHUTDOWN;
	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;	/* another hypervisor */
	cr4_set_bits(X86_CR4_VMXE);
	/* where the CPU cannot trace in VMX operation (SDM 3D A.6, bit 14) */
	intel_pt_handle_vmx(1);
	if (vmxon(pa)) {
		intel_pt_handle_vmx(0);
		cr4_clear_bits(X86_CR4_VMXE);
		return -EIO;
	}
	this_cpu_write(vmx_on, true);
	/* SDM 3C 29.4.3.3: VMXON leaves cached mappings of earlier owners */
	if (vmx_caps.ept_vpid & VMX_EPT_INVEPT_BIT &&
	    vmx_caps.ept_vpid & VMX_EPT_EXTENT_GLOBAL_BIT)
		invept(VMX_EPT_EXTENT_GLOBAL, 0);
	if (vmx_caps.vpid)
		invvpid(VMX_VPID_EXTENT_ALL_CONTEXT, 0, 0);
	return 0;
}

static void clear_one(struct vmcs *vmcs)
{
	vmclear(__pa(vmcs->region));
	if (this_cpu_read(current_vmcs) == vmcs)
		this_cpu_write(current_vmcs, NULL);
	list_del(&vmcs->link);
	vmcs->launched = false;
	/* pairs with the reader in vmcs_load(): all the above comes first */
	smp_store_release(&vmcs->cpu, -1);
}

static void cpu_off(void)
{
	struct vmcs *vmcs, *next;

	if (!this_cpu_read(vmx_on))
		return;
	list_for_each_entry_safe(vmcs, next, this_cpu_ptr(&active_vmcs), link)
		clear_one(vmcs);
	vmx_msr_cpu_off();
	if (vmxoff())
		pr_err_ratelimited("VMXOFF failed on CPU %d\n", smp_processor_id());
	intel_pt_handle_vmx(0);
	cr4_clear_bits(X86_CR4_VMXE);
	this_cpu_write(vmx_on, false);
}

static void cpu_on_ipi(void *err)
{
	int r = cpu_on();

	if (r)
		atomic_cmpxchg((atomic_t *)err, 0, r);
}

static void cpu_off_ipi(void *unused)
{
	cpu_off();
}

/* ---- VMCS on CPUs -------------------------------------------------------- */

/**
 * vmcs_load() - make a VMCS current on this CPU
 * @vmcs: the VMCS, not active on another CPU (vmcs_evict() first)
 *
 * Context: interrupts off.
 * Return: true when it was not active here: per-CPU host fields must be written.
 */
bool vmcs_load(struct vmcs *vmcs)
{
	int cpu = smp_processor_id();
	bool moved = vmcs->cpu != cpu;

	/*
	 * VMXON failed here when the CPU came online, or the machine is going
	 * down: leave the VMCS cleared (C2). Entries fail.
	 */
	if (unlikely(!this_cpu_read(vmx_on)))
		return true;

	if (moved) {
		/* read after clear_one()'s release, so that links do not mix */
		smp_rmb();
		/* complete before it is seen: by emergency_off() in an NMI */
		list_add_rcu(&vmcs->link, this_cpu_ptr(&active_vmcs));
		vmcs->cpu = cpu;
	}
	if (!vmcs_is_current(vmcs))
		vmcs_make_current(vmcs);
	return moved;
}

static void evict_ipi(void *data)
{
	struct vmcs *vmcs = data;

	if (vmcs->cpu == smp_processor_id())	/* not cleared by cpu_off() meanwhile */
		clear_one(vmcs);
}

/**
 * vmcs_evict() - write a VMCS back to memory wherever it is active
 * @vmcs: the VMCS
 *
 * Context: preemptible or preemption off, interrupts on.
 */
void vmcs_evict(struct vmcs *vmcs)
{
	int cpu = READ_ONCE(vmcs->cpu);

	/* an offline CPU has cleared it in cpu_off() (C3) */
	if (cpu >= 0)
		smp_call_function_single(cpu, evict_ipi, vmcs, 1);
}

/* ---- all CPUs ------------------------------------------------------------- */

static void report(int err)
{
	pr_err_ratelimited("cannot turn VMX on: %s\n",
			   err == -EBUSY ? "another hypervisor uses it" :
			   err == -ESHUTDOWN ? "the machine is going down" :
					       "VMXON failed");
}

int vmx_enable(void)
{
	atomic_t err = ATOMIC_INIT(0);

	cpus_read_lock();
	mutex_lock(&vmx_users_lock);
	if (vmx_users++ == 0) {
		on_each_cpu(cpu_on_ipi, &err, 1);
		if (atomic_read(&err)) {
			vmx_users--;
			on_each_cpu(cpu_off_ipi, NULL, 1);
			report(atomic_read(&err));
		}
	}
	mutex_unlock(&vmx_users_lock);
	cpus_read_unlock();
	return atomic_read(&err);
}

void vmx_disable(void)
{
	cpus_read_lock();
	mutex_lock(&vmx_users_lock);
	if (--vmx_users == 0)
		on_each_cpu(cpu_off_ipi, NULL, 1);
	mutex_unlock(&vmx_users_lock);
	cpus_read_unlock();
}

void vmx_stop(void)
{
	cpus_read_lock();
	mutex_lock(&vmx_users_lock);
	vmx_stopped = true;
	on_each_cpu(cpu_off_ipi, NULL, 1);
	mutex_unlock(&vmx_users_lock);
	cpus_read_unlock();
}

/*
 * Hotplug callbacks run on the CPU itself with cpus_write_lock() held: nobody
 * changes vmx_users.
 */
static int on_online(unsigned int cpu)
{
	unsigned long flags;
	int err = 0;

	if (vmx_users && !vmx_stopped) {
		local_irq_save(flags);
		err = cpu_on();
		local_irq_restore(flags);
		if (err)
			report(err);
	}
	return COMPAT_CPUHP_MAY_FAIL ? err : 0;
}

static int on_offline(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	cpu_off();
	local_irq_restore(flags);
	return 0;
}

/*
 * Suspend: the other CPUs are offline, interrupts are off, and user space is
 * frozen, so nobody changes vmx_users.
 */
static int vmx_suspend(void)
{
	cpu_off();
	x86_tsc_suspend();
	return 0;
}

static void vmx_resume(void)
{
	x86_tsc_resume();
	if (vmx_users)
		WARN_ON_ONCE(cpu_on());
}

static struct syscore_ops vmx_syscore_ops = {
	.suspend = vmx_suspend,
	.resume = vmx_resume,
};

/*
 * Any context, NMI included. What VMCSs hold is not wanted any more, but a CPU
 * may write it to memory later, which is another kernel's then: clear them
 * first (SDM 3C 25.11.1). The list can be read forwards at any moment: what is
 * added or taken off is so by one store, and this CPU does nothing else now.
 */
static void emergency_off(void)
{
	struct vmcs *vmcs;

	if (!(__read_cr4() & X86_CR4_VMXE))
		return;
	if (this_cpu_read(vmx_on))
		list_for_each_entry(vmcs, this_cpu_ptr(&active_vmcs), link)
			vmclear(__pa(vmcs->region));
	vmxoff();
	cr4_clear_bits(X86_CR4_VMXE);
}

static void free_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(vmxon_region, cpu));
		per_cpu(vmxon_region, cpu) = NULL;
	}
}

static int alloc_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		u32 *region = (void *)get_zeroed_page(GFP_KERNEL);

		if (!region) {
			free_regions();
			return -ENOMEM;
		}
		*region = vmx_caps.revision;	/* SDM 3C 25.11.5 */
		per_cpu(vmxon_region, cpu) = region;
		INIT_LIST_HEAD(&per_cpu(active_vmcs, cpu));
	}
	return 0;
}

int vmx_setup_cpus(void)
{
	int err = alloc_regions();

	if (err)
		return err;
	err = cpuhp_setup_state(COMPAT_CPUHP_KVM, "x86/kvm:vmx", on_online,
				on_offline);
	if (err) {
		free_regions();
		return err;
	}
	register_syscore_ops(&vmx_syscore_ops);
	compat_emergency_register(emergency_off);
	return 0;
}

void vmx_unsetup_cpus(void)
{
	compat_emergency_unregister(emergency_off);
	unregister_syscore_ops(&vmx_syscore_ops);
	cpuhp_remove_state(COMPAT_CPUHP_KVM);
	free_regions();
}
