// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directed yield: a vCPU spins, most likely for something that another one holds
 * whose thread is not running. That one gets the CPU.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include "core/vcpu.h"

/* Would it run if there were a CPU for it? */
static bool wants_cpu(const struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->preempted) || READ_ONCE(vcpu->ready);
}

int vcpu_yield_to(struct vcpu *vcpu)
{
	struct task_struct *task = NULL;
	struct pid *pid;
	int ret;

	rcu_read_lock();
	pid = rcu_dereference(vcpu->pid);
	if (pid)
		task = get_pid_task(pid, PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return 0;
	ret = yield_to(task, true);
	put_task_struct(task);
	return ret;
}

void vcpu_spins(struct vcpu *me)
{
	struct vm *vm = me->vm;
	unsigned int nr = READ_ONCE(vm->nr_vcpus), i, at;
	unsigned int tries = 3;
	struct vcpu *vcpu;
	int ret;

	/* turn by turn, beginning behind the one that had it last */
	at = READ_ONCE(vm->last_boosted);
	for (i = 0; i < nr && tries; i++) {
		if (++at >= nr)
			at = 0;
		vcpu = vm_vcpu(vm, at);
		if (!vcpu || vcpu == me || !wants_cpu(vcpu))
			continue;
		ret = vcpu_yield_to(vcpu);
		if (ret > 0) {
			WRITE_ONCE(vm->last_boosted, at);
			me->stats.yields++;
			return;
		}
		/* a task that cannot be yielded to, or none */
		if (ret <= 0)
			tries--;
	}
	cond_resched();
}
