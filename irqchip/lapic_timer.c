// SPDX-License-Identifier: GPL-2.0-only
/*
 * The LAPIC timer (SDM 3A 11.5.4): one-shot, periodic, TSC deadline.
 *
 * An hrtimer pinned to the CPU that the vCPU runs on. Its expiry is a count in
 * timer.pending, REQ_TIMER and a kick; the vCPU's thread makes an interrupt of
 * it, in lapic_timer_fired(). So IA32_TSC_DEADLINE and LVTT stay with that
 * thread.
 *
 * A TSC deadline is counted by the CPU where it can (lapic_set_timer()), until
 * the vCPU sleeps: then by the hrtimer, which stays until the next deadline.
 * timer.cpu_at tells. A vCPU that neither runs nor sleeps needs no timer: it
 * looks at the clock when it enters the guest. One that waits awake for the rest
 * of the time holds both (lapic_timer_hold()).
 *
 * A guest can not storm the host: a periodic timer's period has a lower limit,
 * and it stops when it has expired twice while the vCPU's thread did not look
 * (STALLED), until that does; the other modes need an exit for each expiry.
 */
#include <linux/math64.h>
#include <linux/module.h>
#include <asm/tsc.h>
#include "core/compat.h"
#include "x86/x86.h"
#include "lapic.h"

#define BUS_NS		1	/* one tick of the undivided timer: 1 GHz */

static unsigned int min_timer_period_us = 200;
module_param(min_timer_period_us, uint, 0644);
MODULE_PARM_DESC(min_timer_period_us,
		 "shortest period of a guest's periodic timers");

/* Values of timer.pending */
enum {
	NOTHING,
	EXPIRED,
	STALLED,	/* twice, and the hrtimer has stopped */
};

/* So far ahead that it never happens, and no arithmetic on it overflows */
#define FAR_FUTURE_NS	((u64)365 * 86400 * NSEC_PER_SEC)

u64 irqchip_limit_period(u64 ns)
{
	u64 min = (u64)READ_ONCE(min_timer_period_us) * NSEC_PER_USEC;

	if (ns >= min)
		return ns;
	pr_info_ratelimited("guest timer period of %llu ns limited to %llu ns\n",
			    ns, min);
	return max_t(u64, min, 1);
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct lapic *l = container_of(timer, struct lapic, timer.timer);
	u64 period = READ_ONCE(l->timer.period);
	bool stalled = false;

	/*
	 * Expiries nobody has looked at yet are one interrupt anyway. Of a vCPU
	 * that nobody runs there would be no end of them.
	 */
	if (period)
		stalled = atomic_cmpxchg(&l->timer.pending, EXPIRED, STALLED) ==
			  EXPIRED;
	if (!stalled)
		atomic_set(&l->timer.pending, EXPIRED);
	smp_wmb();	/* L3: the cause before the flag */
	WRITE_ONCE(l->head.changed, true);
	vcpu_request(l->vcpu, REQ_TIMER);
	vcpu_kick(l->vcpu);

	if (!period || stalled)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(period));
	return HRTIMER_RESTART;
}

static bool no_timer(struct vcpu *vcpu, u64 at)
{
	return !at;
}

void lapic_timer_init(struct lapic *l)
{
	compat_hrtimer_setup(&l->timer.timer, timer_expired, CLOCK_MONOTONIC,
			     HRTIMER_MODE_ABS_PINNED_HARD);
	l->timer.divide = 2;
}

bool (*lapic_set_timer)(struct vcpu *vcpu, u64 at) = no_timer;

static void leave_cpu_timer(struct lapic *l)
{
	if (!l->timer.cpu_at)
		return;
	l->timer.cpu_at = 0;
	lapic_set_timer(l->vcpu, 0);
}

void lapic_timer_stop(struct lapic *l)
{
	leave_cpu_timer(l);
	hrtimer_cancel(&l->timer.timer);
	l->timer.period = 0;
	l->timer.deadline = 0;
	atomic_set(&l->timer.pending, NOTHING);
}

/* SDM 3A figure 11-10: 0, 1, 2, 3, 8, 9, a, b are 2, 4, ..., 128, 1 */
void lapic_timer_set_divide(struct lapic *l, u32 tdcr)
{
	unsigned int n = (tdcr & 3) | (tdcr & 8) >> 1;

	l->timer.divide = 1U << ((n + 1) & 7);
}

static u64 ticks_to_ns(struct lapic *l, u32 ticks)
{
	return (u64)ticks * l->timer.divide * BUS_NS;
}

static void start_at(struct lapic *l, ktime_t when)
{
	hrtimer_start(&l->timer.timer, when, HRTIMER_MODE_ABS_PINNED_HARD);
}

/* Raise it without a timer: the time is already past */
static void fire_now(struct lapic *l)
{
	atomic_set(&l->timer.pending, EXPIRED);
	WRITE_ONCE(l->head.changed, true);
	vcpu_request(l->vcpu, REQ_TIMER);
}

void lapic_timer_start(struct lapic *l, u32 count)
{
	u32 mode = lapic_timer_mode(l);
	u32 init = lapic_reg(l, APIC_TMICT);
	u64 first;

	lapic_timer_stop(l);
	if (!init || (mode & APIC_LVT_TIMER_TSCDEADLINE))
		return;
	first = ticks_to_ns(l, count);
	if (mode == APIC_LVT_TIMER_PERIODIC) {
		WRITE_ONCE(l->timer.period,
			   irqchip_limit_period(ticks_to_ns(l, init)));
		if (count == init)
			first = l->timer.period;
	}
	start_at(l, ktime_add_ns(ktime_get(), first));
}

u32 lapic_timer_count(struct lapic *l)
{
	u64 over;
	s64 left;

	if (!lapic_reg(l, APIC_TMICT) ||
	    lapic_timer_mode(l) & APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	left = ktime_to_ns(hrtimer_get_remaining(&l->timer.timer));
	if (unlikely(atomic_read(&l->timer.pending) == STALLED)) {
		div64_u64_rem(left < 0 ? -left : 0, l->timer.period, &over);
		left = l->timer.period - over;
	}
	if (left <= 0)
		return 0;
	/* a limited period still counts down from no more than TMICT */
	return min_t(u64, div_u64(left, l->timer.divide * BUS_NS),
		     lapic_reg(l, APIC_TMICT));
}

/* ---- TSC deadline -------------------------------------------------------- */

/* An hrtimer that counts a deadline; an expiry under way is seen to be early */
static void stop_hrtimer(struct lapic *l)
{
	if (hrtimer_is_queued(&l->timer.timer))
		hrtimer_cancel(&l->timer.timer);
}

/* The CPU counts @delta of the guest's ticks from the host's @now */
static bool start_on_cpu(struct lapic *l, u64 now, u64 delta)
{
	u64 at = now + x86_host_ticks(l->vcpu, delta);

	/* so far ahead that it does not fit: whenever */
	if (unlikely(at < now))
		at = ~0ull;
	if (!lapic_set_timer(l->vcpu, at))
		return false;
	l->timer.cpu_at = at;
	stop_hrtimer(l);
	return true;
}

static void start_deadline(struct lapic *l)
{
	struct vcpu *vcpu = l->vcpu;
	u32 khz = vcpu->arch.tsc_khz;
	u64 now = rdtsc(), tsc, delta, ns = FAR_FUTURE_NS;

	tsc = x86_guest_tsc(vcpu, now);
	if (l->timer.deadline <= tsc) {
		leave_cpu_timer(l);
		stop_hrtimer(l);
		fire_now(l);
		return;
	}
	delta = l->timer.deadline - tsc;
	if (start_on_cpu(l, now, delta))
		return;
	leave_cpu_timer(l);
	/* the limit also keeps the division from overflowing */
	if (khz && delta < (u64)khz * (FAR_FUTURE_NS / NSEC_PER_MSEC))
		ns = mul_u64_u32_div(delta, NSEC_PER_MSEC, khz) + 1;
	/* the clock is read after the TSC: rather late than early and again */
	start_at(l, ktime_add_ns(ktime_get(), ns));
}

u64 lapic_get_tsc_deadline(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (!l || lapic_timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	return l->timer.deadline;
}

void lapic_set_tsc_deadline(struct vcpu *vcpu, u64 value)
{
	struct lapic *l = vcpu->lapic;

	/* SDM 3A 11.5.4.1: writes in other modes are ignored */
	if (!l || lapic_timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	if (lapic_timer_due(l))
		lapic_timer_fired(vcpu);
	l->timer.deadline = value;
	/*
	 * A timer that runs is started anew, which is cheaper than to cancel
	 * it first. An expiry that comes in between is seen to be too early.
	 */
	if (value) {
		start_deadline(l);
		return;
	}
	leave_cpu_timer(l);
	hrtimer_cancel(&l->timer.timer);
}

void lapic_tsc_changed(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (!l || !l->timer.deadline)
		return;
	start_deadline(l);
}

u64 lapic_deadline(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	u64 now, tsc, at;

	if (!l || !l->timer.deadline)
		return 0;
	if (l->timer.cpu_at)
		return l->timer.cpu_at;
	if (unlikely(READ_ONCE(x86_tsc_unstable)))
		return 0;
	now = rdtsc();
	tsc = x86_guest_tsc(vcpu, now);
	if (l->timer.deadline <= tsc)
		return now;
	at = now + x86_host_ticks(vcpu, l->timer.deadline - tsc);
	return at < now ? ~0ull : at;
}

u64 lapic_timer_block(struct vcpu *vcpu, u64 early)
{
	struct lapic *l = vcpu->lapic;
	u64 at = lapic_deadline(vcpu), now, ns = FAR_FUTURE_NS;
	bool by_cpu;

	if (!at)
		return 0;
	by_cpu = l->timer.cpu_at;
	leave_cpu_timer(l);
	now = rdtsc();
	/* not so early that it would not be worth sleeping */
	if (early && at > now && at - now > early)
		at -= early;
	else if (!by_cpu)
		return at;		/* the hrtimer counts just that */
	if (at <= now) {
		fire_now(l);
		return 0;
	}
	if (at - now < (u64)x86_host.tsc_khz * (FAR_FUTURE_NS / NSEC_PER_MSEC))
		ns = mul_u64_u32_div(at - now, NSEC_PER_MSEC, x86_host.tsc_khz) + 1;
	start_at(l, ktime_add_ns(ktime_get(), ns));
	return at;
}

void lapic_timer_hold(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	leave_cpu_timer(l);
	stop_hrtimer(l);
	/* an expiry, too, is what lapic_timer_unhold() begins with */
	atomic_set(&l->timer.pending, NOTHING);
	vcpu_take_request(vcpu, REQ_TIMER);
}

void lapic_timer_unhold(struct vcpu *vcpu)
{
	atomic_set(&vcpu->lapic->timer.pending, EXPIRED);
	lapic_timer_fired(vcpu);
}

/* ---- expiry and migration ------------------------------------------------- */

/* A periodic timer that has stopped goes on, in step with what it was */
static void go_on(struct lapic *l)
{
	/* the callback may still be about to return */
	hrtimer_cancel(&l->timer.timer);
	if (!l->timer.period)
		return;
	hrtimer_forward_now(&l->timer.timer, ns_to_ktime(l->timer.period));
	hrtimer_start_expires(&l->timer.timer, HRTIMER_MODE_ABS_PINNED_HARD);
}

void lapic_timer_fired(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;
	struct lapic_timer *t;
	int expired;

	if (!l)
		return;
	t = &l->timer;
	if (t->cpu_at && rdtsc() >= t->cpu_at) {
		leave_cpu_timer(l);
		atomic_set(&t->pending, EXPIRED);
	}
	if (!atomic_read(&t->pending))
		return;
	expired = atomic_xchg(&t->pending, NOTHING);
	if (!expired)
		return;
	if (unlikely(expired == STALLED))
		go_on(l);
	if (lapic_timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE) {
		if (!t->deadline)
			return;
		/*
		 * The host's clock is disciplined and runs a little faster or
		 * slower than the TSC: not before the guest's TSC says so.
		 */
		if (x86_guest_tsc(vcpu, rdtsc()) < t->deadline) {
			start_deadline(l);
			return;
		}
		t->deadline = 0;
	}
	lapic_timer_deliver(l);
}

void lapic_timer_expired(struct vcpu *vcpu)
{
	/* the hrtimer's expiry says so by timer.pending, and is none of ours */
	if (vcpu->lapic && vcpu->lapic->timer.cpu_at)
		lapic_timer_fired(vcpu);
}

void lapic_migrate_timers(struct vcpu *vcpu)
{
	struct lapic *l = vcpu->lapic;

	if (!l)
		return;
	if (hrtimer_cancel(&l->timer.timer))
		hrtimer_start_expires(&l->timer.timer,
				      HRTIMER_MODE_ABS_PINNED_HARD);
}
