// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs: creation and destruction, the CPU they are loaded on, requests and
 * kicks.
 */
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include "core/apf.h"
#include "core/compat.h"
#include "core/vcpu.h"
#include "core/emul.h"
#include "irqchip/irqchip.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

/* ---- loaded on a CPU ------------------------------------------------------------ */

void vcpu_load_here(struct vcpu *vcpu, int cpu)
{
	bool moved = vcpu->cpu != cpu;

	WRITE_ONCE(vcpu->cpu, cpu);
	vmx_vcpu_load(vcpu, cpu);
	if (moved) {
		x86_tsc_load(vcpu);
		if (vcpu->lapic)
			lapic_migrate_timers(vcpu);
	}
}

static void sched_in(struct preempt_notifier *n, int cpu)
{
	struct vcpu *vcpu = container_of(n, struct vcpu, preempt);

	WRITE_ONCE(vcpu->preempted, false);
	WRITE_ONCE(vcpu->ready, false);
	vcpu_load_here(vcpu, cpu);
	vmx_sched_in(vcpu);
}

static void sched_out(struct preempt_notifier *n, struct task_struct *next)
{
	struct vcpu *vcpu = container_of(n, struct vcpu, preempt);

	if (task_is_running(current))
		WRITE_ONCE(vcpu->preempted, true);
	if (unlikely(vcpu->arch.steal_msr))
		x86_steal_preempted(vcpu);
	if (unlikely(READ_ONCE(x86_tsc_unstable)))
		x86_tsc_leave(vcpu);
	vmx_vcpu_put(vcpu);
}

static struct preempt_ops vcpu_preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

void vcpu_load(struct vcpu *vcpu)
{
	int cpu = get_cpu();

	preempt_notifier_register(&vcpu->preempt);
	vcpu_load_here(vcpu, cpu);
	put_cpu();
}

void vcpu_hold(struct vcpu *vcpu)
{
	preempt_notifier_register(&vcpu->preempt);
	local_irq_disable();
	vmx_arm_user_return();
	local_irq_enable();
}

void vcpu_put(struct vcpu *vcpu)
{
	preempt_disable();
	if (unlikely(READ_ONCE(x86_tsc_unstable)))
		x86_tsc_leave(vcpu);
	vmx_vcpu_put(vcpu);
	preempt_notifier_unregister(&vcpu->preempt);
	preempt_enable();
}

/* ---- life ------------------------------------------------------------------------ */

static struct vcpu *alloc_vcpu(struct vm *vm, u32 id)
{
	struct vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return NULL;
	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->pio_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run || !vcpu->pio_page) {
		free_page((unsigned long)vcpu->run);
		free_page((unsigned long)vcpu->pio_page);
		kfree(vcpu);
		return NULL;
	}
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	preempt_notifier_init(&vcpu->preempt, &vcpu_preempt_ops);
	emul_glue_init(vcpu);
	return vcpu;
}

static void free_vcpu(struct vcpu *vcpu)
{
	put_pid(rcu_dereference_protected(vcpu->pid, true));
	free_page((unsigned long)vcpu->run);
	free_page((unsigned long)vcpu->pio_page);
	kfree(vcpu);
}

static int init_vcpu(struct vcpu *vcpu)
{
	int err;

	err = mmu_vcpu_init(vcpu);
	if (err)
		return err;
	err = vmx_vcpu_init(vcpu);
	if (err)
		goto mmu;
	err = x86_vcpu_init(vcpu);
	if (err)
		goto vmx;
	if (irqchip_in_kernel(vcpu->vm)) {
		err = lapic_create(vcpu);
		if (err)
			goto x86;
	}
	vcpu_load(vcpu);
	vmx_apic_init(vcpu);
	x86_vcpu_reset(vcpu, false);
	vcpu_put(vcpu);
	return 0;
x86:
	x86_vcpu_destroy(vcpu);
vmx:
	vmx_vcpu_destroy(vcpu);
mmu:
	mmu_vcpu_destroy(vcpu);
	return err;
}

struct vcpu *vcpu_create(struct vm *vm, u32 id)
{
	struct vcpu *vcpu;
	int err;

	if (id >= VM_MAX_VCPU_ID)
		return ERR_PTR(-EINVAL);
	mutex_lock(&vm->lock);
	err = -EINVAL;
	if (vm->nr_vcpus >= VM_MAX_VCPUS ||
	    (vm->max_vcpu_id && id >= vm->max_vcpu_id))
		goto out;
	err = -EEXIST;
	if (vm_vcpu_by_id(vm, id))
		goto out;
	err = -ENOMEM;
	vcpu = alloc_vcpu(vm, id);
	if (!vcpu)
		goto out;
	err = init_vcpu(vcpu);
	if (err)
		goto free;
	vcpu->index = vm->nr_vcpus;
	err = xa_insert(&vm->vcpus, vcpu->index, vcpu, GFP_KERNEL_ACCOUNT);
	if (err)
		goto destroy;
	smp_wmb();	/* pairs with vm_vcpu() */
	WRITE_ONCE(vm->nr_vcpus, vm->nr_vcpus + 1);
	mutex_unlock(&vm->lock);
	return vcpu;
destroy:
	vcpu_destroy(vcpu);
	goto out;
free:
	free_vcpu(vcpu);
out:
	mutex_unlock(&vm->lock);
	return ERR_PTR(err);
}

void vcpu_destroy(struct vcpu *vcpu)
{
	apf_destroy(vcpu);
	lapic_destroy(vcpu);
	x86_vcpu_destroy(vcpu);
	vmx_vcpu_destroy(vcpu);
	mmu_vcpu_destroy(vcpu);
	free_vcpu(vcpu);
}

/* ---- kicks ------------------------------------------------------------------------- */

/* From HLT, if it is blocked; after a full barrier, which pairs with sleep()'s */
static void wake(struct vcpu *vcpu)
{
	if (!rcuwait_active(&vcpu->wait) || !rcuwait_wake_up(&vcpu->wait))
		return;
	WRITE_ONCE(vcpu->ready, true);
	vcpu->stats.halt_wakeups++;
}

void vcpu_kick(struct vcpu *vcpu)
{
	int me = get_cpu(), cpu;

	/*
	 * A full barrier after the caller's request, before mode: pairs with the
	 * one in enter_guest(). Who is in the guest sees the request before it
	 * sleeps.
	 */
	smp_mb();
	if (READ_ONCE(vcpu->mode) == VCPU_IN_GUEST) {
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu != me && cpu >= 0 && cpu_online(cpu))
			compat_send_reschedule(cpu);
	} else {
		wake(vcpu);
	}
	put_cpu();
}

static void nothing(void *unused)
{
}

void vm_request_all(struct vm *vm, enum vcpu_request req, bool wait)
{
	struct vcpu *vcpu;
	cpumask_var_t cpus;
	unsigned long i;
	bool have_mask;

	if (!wait) {
		vm_for_each_vcpu(vm, i, vcpu) {
			vcpu_request(vcpu, req);
			vcpu_kick(vcpu);
		}
		return;
	}
	have_mask = zalloc_cpumask_var(&cpus, GFP_ATOMIC);
	preempt_disable();
	vm_for_each_vcpu(vm, i, vcpu) {
		int cpu;

		vcpu_request(vcpu, req);
		smp_mb();	/* pairs with enter_guest() */
		if (READ_ONCE(vcpu->mode) != VCPU_IN_GUEST)
			continue;
		cpu = READ_ONCE(vcpu->cpu);
		if (have_mask && cpu >= 0)
			cpumask_set_cpu(cpu, cpus);
	}
	/*
	 * The function call interrupts a guest that runs there, and answers only
	 * after the guest was left. Without memory for the mask: everywhere.
	 */
	smp_call_function_many(have_mask ? cpus : cpu_online_mask, nothing, NULL, true);
	preempt_enable();
	if (have_mask)
		free_cpumask_var(cpus);
}
