// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that has halted: look for an event for a while, then sleep.
 *
 *  H1. The window in which it looks follows what the last halts were like: it
 *      grows while events come soon after it, and is taken back where they take
 *      longer than the limit. No thread that wants the CPU waits for it.
 *  H2. Before a TSC deadline (lapic_deadline()), sleeping ends early by what waking
 *      up takes, as measured. The rest is waited for awake; no timer counts then,
 *      from lapic_timer_hold() to lapic_timer_unhold().
 */
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <asm/tsc.h>
#include "core/halt.h"
#include "core/trace.h"
#include "irqchip/irqchip.h"
#include "x86/x86.h"

static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest time to look for events before a halted vCPU sleeps");

static unsigned int halt_poll_ns_grow = 2;
module_param(halt_poll_ns_grow, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow, "the time grows by this factor; 0: not at all");

static unsigned int halt_poll_ns_grow_start = 10000;
module_param(halt_poll_ns_grow_start, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow_start, "to no less than this");

static unsigned int halt_poll_ns_shrink;
module_param(halt_poll_ns_shrink, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_shrink, "the time shrinks by this factor; 0: to nothing");

static unsigned int wake_early_ns = 100000;
module_param(wake_early_ns, uint, 0644);
MODULE_PARM_DESC(wake_early_ns, "wake up for a deadline early by at most this");

/* The TSC is the quicker clock to read */
static u64 now_ns(void)
{
	if (unlikely(check_tsc_unstable()))
		return ktime_get_mono_fast_ns();
	return mul_u64_u32_div(rdtsc(), NSEC_PER_MSEC, x86_host.tsc_khz);
}

/* For how long something took: the TSC while it can be trusted */
static u64 stopwatch(void)
{
	return unlikely(READ_ONCE(x86_tsc_unstable)) ? ktime_get_mono_fast_ns() :
						       rdtsc();
}

static u64 stopwatch_ns(u64 start)
{
	u64 took = stopwatch() - start;

	if (unlikely(READ_ONCE(x86_tsc_unstable)))
		return took;
	return mul_u64_u32_div(took, NSEC_PER_MSEC, x86_host.tsc_khz);
}

/* A VM may want less, or more (KVM_CAP_HALT_POLL) */
static u64 limit(const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	return READ_ONCE(vm->halt_poll_own) ? READ_ONCE(vm->halt_poll_ns) :
					      READ_ONCE(halt_poll_ns);
}

static void grow(struct vcpu *vcpu, u64 max)
{
	u64 ns = vcpu->halt_poll_ns;
	unsigned int by = READ_ONCE(halt_poll_ns_grow);

	if (!by)
		return;
	ns = max_t(u64, ns * by, READ_ONCE(halt_poll_ns_grow_start));
	vcpu->halt_poll_ns = min(ns, max);
}

static void shrink(struct vcpu *vcpu)
{
	unsigned int by = READ_ONCE(halt_poll_ns_shrink);

	vcpu->halt_poll_ns = by ? vcpu->halt_poll_ns / by : 0;
	if (vcpu->halt_poll_ns < READ_ONCE(halt_poll_ns_grow_start))
		vcpu->halt_poll_ns = 0;
}

/* @took: the whole halt */
static void adapt(struct vcpu *vcpu, u64 took)
{
	u64 max = limit(vcpu);

	if (vcpu->halt_poll_ns > max)
		vcpu->halt_poll_ns = max;
	if (took <= vcpu->halt_poll_ns)
		return;			/* as it should be */
	if (took > max)
		shrink(vcpu);
	else if (vcpu->halt_poll_ns < max)
		grow(vcpu, max);
}

static bool others_want_cpu(void)
{
	return need_resched() || !single_task_running();
}

/* Something came, or the thread has something else to do */
static bool enough(struct vcpu *vcpu)
{
	return vcpu_wake_event(vcpu) || signal_pending(current);
}

static bool poll(struct vcpu *vcpu)
{
	u64 end = now_ns() + min_t(u64, vcpu->halt_poll_ns, limit(vcpu));
	bool found;

	vcpu->stats.halt_attempted_poll++;
	do {
		/* no timer has been started for it yet */
		lapic_timer_expired(vcpu);
		found = enough(vcpu);
		if (found || others_want_cpu())
			break;
		cpu_relax();
	} while (now_ns() < end);
	if (found)
		vcpu->stats.halt_successful_poll++;
	return found;
}

/* ---- deadlines (H2) ------------------------------------------------------------- */

static u64 ns_to_tsc(u64 ns)
{
	return mul_u64_u32_div(ns, x86_host.tsc_khz, NSEC_PER_MSEC);
}

/*
 * What waking up took, from when the timer was to expire: the mean of the last
 * times, in ticks of the TSC.
 */
static void learn(struct vcpu *vcpu, u64 expiry)
{
	u64 now = rdtsc(), took, max = ns_to_tsc(READ_ONCE(wake_early_ns));

	if (now <= expiry)
		return;			/* it was something else */
	took = min(now - expiry, max);
	vcpu->wake_ticks += ((s64)took - (s64)vcpu->wake_ticks) / 4;
}

/*
 * Awake until the deadline. @expiry: when the timer expired that has ended the
 * sleep before, or 0. False: somebody else wants the CPU.
 */
static bool wait_awake(struct vcpu *vcpu, u64 deadline, u64 expiry)
{
	bool done;

	lapic_timer_hold(vcpu);
	if (expiry)
		learn(vcpu, expiry);
	do {
		done = enough(vcpu);
		if (done || others_want_cpu())
			goto out;
		cpu_relax();
	} while (rdtsc() < deadline);
	done = true;
out:
	lapic_timer_unhold(vcpu);
	return done;
}

/*
 * Return: an event has come, and not only a signal. @expiry: when the deadline's
 * timer expired, if that was it, or 0.
 */
static bool sleep(struct vcpu *vcpu, u64 deadline, u64 *expiry)
{
	bool waited = false, event;

	*expiry = deadline ? lapic_timer_block(vcpu, vcpu->wake_ticks) : 0;
	prepare_to_rcuwait(&vcpu->wait);
	WRITE_ONCE(vcpu->blocked, true);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		event = vcpu_wake_event(vcpu);
		if (event || signal_pending(current))
			break;
		waited = true;
		schedule();
	}
	WRITE_ONCE(vcpu->blocked, false);
	finish_rcuwait(&vcpu->wait);
	if (!waited || !vcpu_requested(vcpu, REQ_TIMER))
		*expiry = 0;
	return event;
}

bool vcpu_halt(struct vcpu *vcpu)
{
	bool halted = vcpu->arch.mp_state == KVM_MP_STATE_HALTED;
	u64 start = stopwatch(), took, deadline, expiry = 0;
	bool slept = false, event = false;

	/* vmx_fast_hlt() may have looked a moment ago */
	if (!vcpu->looked)
		irqchip_look_again(vcpu);
	vcpu->looked = false;
	deadline = lapic_deadline(vcpu);
	if (halted && deadline && rdtsc() + vcpu->wake_ticks >= deadline &&
	    wait_awake(vcpu, deadline, 0))
		return false;
	/* a guest that looks for events by itself says so (MSR_KVM_POLL_CONTROL) */
	if (!halted || !vcpu->halt_poll_ns || !vcpu->arch.poll_control ||
	    others_want_cpu() || !poll(vcpu)) {
		event = sleep(vcpu, deadline, &expiry);
		slept = true;
	}
	took = stopwatch_ns(start);
	if (halted)
		adapt(vcpu, took);
	trace_kvm_vcpu_wakeup(took, slept, true);
	if (!halted || !expiry)
		return event;
	wait_awake(vcpu, deadline, expiry);
	return false;
}
