// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paravirtual clock. Documentation/virt/kvm/x86/msr.rst.
 *
 * kvmclock is the host's raw monotonic time, suspend included, plus an offset
 * of the VM. A guest reads it from its TSC, a reference pair (TSC, ns) and a
 * factor:
 *
 *     vm: clock_tsc, clock_ns          one pair, taken once
 *           |
 *     vCPU's page: tsc_timestamp = guest TSC at clock_tsc
 *                  system_time   = clock_ns + kvmclock_offset
 *
 *  C1. While the host's clocksource is the TSC all vCPUs use the VM's pair, so
 *      that they agree to the nanosecond; the stable bit says so where their
 *      TSCs are in step too.
 *  C2. Otherwise each update takes a pair of its own.
 *  C3. The pair is taken anew when user space sets the clock, and when the
 *      host's relation of TSC and time broke: suspend, another clocksource.
 */
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <asm/pvclock-abi.h>
#include <linux/kvm_para.h>
#include "core/apf.h"
#include "core/trace.h"
#include "x86/priv.h"

#define MSR_ENABLE	BIT_ULL(0)

struct x86_pvclock {
	u32 version;			/* [v] of the clock page */
	struct x86_steal steal;
};

/* Moments that belong together */
struct clock_sample {
	u64 tsc;
	u64 ns;		/* raw monotonic time since boot, suspend included */
	u64 real;	/* wall-clock time, ns */
	bool exact;	/* the clocksource is the TSC: all of one instant */
};

static DEFINE_MUTEX(clock_vms_lock);
static LIST_HEAD(vms);			/* clock_vms_lock */
static bool host_tsc_clock;		/* [a] the host's clocksource is the TSC */
static ktime_t host_boot_offset;	/* timekeeper's lock */
static atomic_t clock_generation = ATOMIC_INIT(1);	/* C3 */

static void take_sample(struct clock_sample *s)
{
	struct system_time_snapshot snap;
	unsigned long flags;
	u64 before, after;

	local_irq_save(flags);
	before = rdtsc_ordered();
	ktime_get_snapshot(&snap);
	after = rdtsc_ordered();
	local_irq_restore(flags);
	s->exact = READ_ONCE(host_tsc_clock) &&
		   snap.cycles - before <= after - before;
	s->tsc = s->exact ? snap.cycles : after;
	s->ns = ktime_to_ns(snap.raw) +
		ktime_to_ns(ktime_mono_to_any(0, TK_OFFS_BOOT));
	s->real = ktime_to_ns(snap.real);
}

/*
 * ns = ((ticks << shift) * mul) >> 32, a negative shift being one to the right.
 * mul keeps 31 significant bits or more up to 8 GHz.
 */
static void make_factor(u32 khz, u32 *mul, s8 *shift)
{
	u64 hz = khz * 1000ULL, second = (u64)NSEC_PER_SEC << 32;
	int s = 0;

	while (div64_u64(second >> s, hz) > U32_MAX)
		s++;
	if (!s)
		while (s > -2 && div64_u64(second << -s, hz) < BIT_ULL(31))
			s--;
	*mul = div64_u64(s >= 0 ? second >> s : second << -s, hz);
	*shift = s;
}

static u64 ticks_to_ns(u64 ticks, u32 mul, s8 shift)
{
	ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
	return mul_u64_u32_shr(ticks, mul, 32);
}

/* The VM's pair as of C1, or one of its own as of C2 */
static bool reference(struct vm *vm, struct clock_sample *s)
{
	struct x86_vm *vma = &vm->arch;
	unsigned int generation = atomic_read(&clock_generation);
	struct clock_sample now;
	unsigned long flags;
	bool exact;

	take_sample(&now);
	raw_spin_lock_irqsave(&vma->clock_lock, flags);
	if (!now.exact || vma->clock_generation != generation) {
		vma->clock_tsc = now.tsc;
		vma->clock_ns = now.ns;
		vma->clock_generation = now.exact ? generation : 0;
	}
	s->tsc = vma->clock_tsc;
	s->ns = vma->clock_ns;
	exact = now.exact;
	raw_spin_unlock_irqrestore(&vma->clock_lock, flags);
	s->real = now.real;
	s->exact = exact;
	return exact;
}

/* Do all vCPUs read the same TSC? */
static bool tscs_in_step(struct vcpu *vcpu)
{
	struct vcpu *other;
	unsigned long i;

	vm_for_each_vcpu(vcpu->vm, i, other)
		if (READ_ONCE(other->arch.tsc_offset) != vcpu->arch.tsc_offset ||
		    READ_ONCE(other->arch.tsc_ratio) != vcpu->arch.tsc_ratio)
			return false;
	return true;
}

/*
 * A guest that reads it, maybe on another CPU, sees an odd version while it
 * changes.
 */
static void write_page(struct vcpu *vcpu, gpa_t gpa,
		       struct pvclock_vcpu_time_info *info)
{
	struct x86_pvclock *pv = vcpu->arch.pvclock;
	const size_t body = offsetof(struct pvclock_vcpu_time_info, pad0);
	u32 version = pv->version + 1;
	struct vm *vm = vcpu->vm;

	if (guest_write(vm, vcpu, gpa, &version, sizeof(version)))
		return;
	smp_wmb();	/* version and body in order: the guest reads them so */
	guest_write(vm, vcpu, gpa + body, (void *)info + body,
		    sizeof(*info) - body);
	smp_wmb();	/* version and body in order: the guest reads them so */
	pv->version = ++version;
	guest_write(vm, vcpu, gpa, &version, sizeof(version));
}

void x86_update_clock(struct vcpu *vcpu)
{
	struct pvclock_vcpu_time_info info = {}, old;
	struct x86_vcpu *a = &vcpu->arch;
	gpa_t gpa = a->system_time_msr & ~MSR_ENABLE;
	struct clock_sample ref;

	if (!(a->system_time_msr & MSR_ENABLE))
		return;
	if (reference(vcpu->vm, &ref) && tscs_in_step(vcpu))
		info.flags |= PVCLOCK_TSC_STABLE_BIT;
	info.tsc_timestamp = x86_guest_tsc(vcpu, ref.tsc);
	info.system_time = ref.ns + READ_ONCE(vcpu->vm->arch.kvmclock_offset);
	make_factor(a->tsc_khz, &info.tsc_to_system_mul, &info.tsc_shift);
	/* until the guest has seen it and cleared it */
	if (!guest_read(vcpu->vm, gpa, &old, sizeof(old)))
		info.flags |= old.flags & PVCLOCK_GUEST_STOPPED;
	if (a->pvclock_stopped) {
		info.flags |= PVCLOCK_GUEST_STOPPED;
		a->pvclock_stopped = false;
	}
	write_page(vcpu, gpa, &info);
}

/* kvmclock now, as the vCPUs read it */
static u64 clock_now(struct vm *vm, struct clock_sample *now)
{
	struct clock_sample ref;
	u32 mul;
	s8 shift;

	reference(vm, &ref);
	take_sample(now);
	if (now->exact && ref.exact && now->tsc >= ref.tsc) {
		make_factor(x86_host.tsc_khz, &mul, &shift);
		now->ns = ref.ns + ticks_to_ns(now->tsc - ref.tsc, mul, shift);
	}
	return now->ns + READ_ONCE(vm->arch.kvmclock_offset);
}

/* Time of day at kvmclock zero */
static void write_wall_clock(struct vcpu *vcpu, gpa_t gpa)
{
	struct pvclock_wall_clock wall = {};
	struct clock_sample now;
	u64 boot, clock;
	u32 version;

	if (!gpa || guest_read(vcpu->vm, gpa, &version, sizeof(version)))
		return;
	version |= 1;		/* odd: being written */
	if (guest_write(vcpu->vm, vcpu, gpa, &version, sizeof(version)))
		return;
	clock = clock_now(vcpu->vm, &now);
	boot = now.real - clock;
	wall.nsec = do_div(boot, NSEC_PER_SEC);
	wall.sec = boot;
	wall.version = version;
	guest_write(vcpu->vm, vcpu, gpa, &wall, sizeof(wall));
	smp_wmb();	/* version and body in order: the guest reads them so */
	version++;
	guest_write(vcpu->vm, vcpu, gpa, &version, sizeof(version));
}

/* KVM_HC_CLOCK_PAIRING: the time of day and the TSC of one instant */
long pvclock_pairing(struct vcpu *vcpu, gpa_t gpa, u64 type)
{
	struct kvm_clock_pairing pair = {};
	struct clock_sample now;
	u32 rem;

	if (type != KVM_CLOCK_PAIRING_WALLCLOCK)
		return -KVM_EOPNOTSUPP;
	if (gpa & ~MMU_GPA_BITS)
		return -KVM_EFAULT;
	take_sample(&now);
	if (!now.exact)
		return -KVM_EOPNOTSUPP;
	pair.sec = div_u64_rem(now.real, NSEC_PER_SEC, &rem);
	pair.nsec = rem;
	pair.tsc = x86_guest_tsc(vcpu, now.tsc);
	return guest_write(vcpu->vm, vcpu, gpa, &pair, sizeof(pair)) ?
	       -KVM_EFAULT : 0;
}

/* ---- ioctls --------------------------------------------------------------------- */

void x86_get_clock(struct vm *vm, struct kvm_clock_data *data)
{
	struct clock_sample now;

	memset(data, 0, sizeof(*data));
	data->clock = clock_now(vm, &now);
	if (!now.exact)
		return;
	data->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
		      KVM_CLOCK_HOST_TSC;
	data->realtime = now.real;
	data->host_tsc = now.tsc;
}

int x86_set_clock(struct vm *vm, const struct kvm_clock_data *data)
{
	struct x86_vm *vma = &vm->arch;
	struct clock_sample now;
	unsigned long flags;
	u64 clock = data->clock;

	if (data->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
			    KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	take_sample(&now);
	/* the time that passed on the way; the past is not gone back to */
	if (data->flags & KVM_CLOCK_REALTIME && now.real > data->realtime)
		clock += now.real - data->realtime;
	raw_spin_lock_irqsave(&vma->clock_lock, flags);
	vma->clock_tsc = now.tsc;
	vma->clock_ns = now.ns;
	vma->clock_generation = now.exact ? atomic_read(&clock_generation) : 0;
	WRITE_ONCE(vma->kvmclock_offset, clock - now.ns);
	raw_spin_unlock_irqrestore(&vma->clock_lock, flags);
	vm_request_all(vm, REQ_CLOCK_UPDATE, false);
	return 0;
}

int x86_kvmclock_ctrl(struct vcpu *vcpu)
{
	if (!(vcpu->arch.system_time_msr & MSR_ENABLE))
		return -EINVAL;
	vcpu->arch.pvclock_stopped = true;
	vcpu_request(vcpu, REQ_CLOCK_UPDATE);
	return 0;
}

/* ---- MSRs ----------------------------------------------------------------------- */

int pv_get_msr(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*value = vcpu->arch.wall_clock_msr;
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*value = vcpu->arch.system_time_msr;
		return 0;
	case MSR_KVM_STEAL_TIME:
		*value = vcpu->arch.steal_msr;
		return 0;
	case MSR_KVM_ASYNC_PF_EN:
		*value = vcpu->arch.apf_msr;
		return 0;
	case MSR_KVM_ASYNC_PF_INT:
		*value = vcpu->arch.apf_int_msr;
		return 0;
	case MSR_KVM_ASYNC_PF_ACK:
		*value = 0;
		return 0;
	case MSR_KVM_PV_EOI_EN:
		*value = vcpu->arch.pv_eoi_msr;
		return 0;
	case MSR_KVM_POLL_CONTROL:
		*value = vcpu->arch.poll_control;
		return 0;
	case MSR_KVM_MIGRATION_CONTROL:
		*value = vcpu->arch.migration_control;
		return 0;
	}
	return 1;
}

int pv_set_msr(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	/* an address above, or in another address space: see mmu/mmu.h */
	if (value & ~MMU_GPA_BITS)
		return 1;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		vcpu->arch.wall_clock_msr = value;
		/* restoring the register is no request for the time */
		if (!host)
			write_wall_clock(vcpu, value);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		vcpu->arch.system_time_msr = value;
		vcpu_request(vcpu, REQ_CLOCK_UPDATE);
		return 0;
	case MSR_KVM_STEAL_TIME:
		return steal_set_msr(vcpu, value);
	case MSR_KVM_ASYNC_PF_EN:
		return apf_enable(vcpu, value, host);
	case MSR_KVM_ASYNC_PF_INT:
		if (value & ~(u64)KVM_ASYNC_PF_VEC_MASK)
			return 1;
		vcpu->arch.apf_int_msr = value;
		return 0;
	case MSR_KVM_ASYNC_PF_ACK:
		if (value & 1)
			apf_acknowledge(vcpu);
		return 0;
	case MSR_KVM_PV_EOI_EN:
		return lapic_set_pv_eoi(vcpu, value, host);
	case MSR_KVM_POLL_CONTROL:
		if (value & ~MSR_ENABLE)
			return 1;
		vcpu->arch.poll_control = value;
		return 0;
	case MSR_KVM_MIGRATION_CONTROL:
		if (value & ~(u64)KVM_MIGRATION_READY)
			return 1;
		vcpu->arch.migration_control = value;
		return 0;
	}
	return 1;
}

void pvclock_reset(struct vcpu *vcpu)
{
	vcpu->arch.system_time_msr = 0;
	vcpu->arch.wall_clock_msr = 0;
	vcpu->arch.steal_msr = 0;
	vcpu->arch.pvclock_stopped = false;
	apf_enable(vcpu, 0, true);
	vcpu->arch.apf_int_msr = 0;
	vcpu->arch.pv_eoi_msr = 0;
	vcpu->arch.pv_eoi = PV_EOI_NONE;
	vcpu->arch.poll_control = MSR_ENABLE;
	/* no encrypted memory: the guest may be moved */
	vcpu->arch.migration_control = KVM_MIGRATION_READY;
}

struct x86_steal *pvclock_steal(struct vcpu *vcpu)
{
	return &vcpu->arch.pvclock->steal;
}

int pvclock_vcpu_init(struct vcpu *vcpu)
{
	vcpu->arch.pvclock = kzalloc(sizeof(*vcpu->arch.pvclock),
				     GFP_KERNEL_ACCOUNT);
	return vcpu->arch.pvclock ? 0 : -ENOMEM;
}

void pvclock_vcpu_destroy(struct vcpu *vcpu)
{
	kfree(vcpu->arch.pvclock);
}

/* ---- VMs, and the host's clock ------------------------------------------------------ */

void pvclock_vm_init(struct vm *vm)
{
	struct clock_sample now;

	raw_spin_lock_init(&vm->arch.clock_lock);
	take_sample(&now);
	vm->arch.kvmclock_offset = -now.ns;
	mutex_lock(&clock_vms_lock);
	list_add(&vm->arch.clock_link, &vms);
	mutex_unlock(&clock_vms_lock);
}

void x86_vm_release(struct vm *vm)
{
	mutex_lock(&clock_vms_lock);
	list_del(&vm->arch.clock_link);
	mutex_unlock(&clock_vms_lock);
}

static void refresh_all(struct work_struct *work)
{
	struct vm *vm;

	mutex_lock(&clock_vms_lock);
	list_for_each_entry(vm, &vms, arch.clock_link)
		vm_request_all(vm, REQ_CLOCK_UPDATE, false);
	mutex_unlock(&clock_vms_lock);
}

static DECLARE_WORK(refresh_work, refresh_all);

static void refresh_later(struct irq_work *work)
{
	schedule_work(&refresh_work);
}

static DEFINE_IRQ_WORK(refresh_irq, refresh_later);

/*
 * Every update of the host's time. The timekeeper's sequence count is held for
 * writing: a lock taken here may be one whose owner waits to read the time.
 */
static int on_timekeeping(struct notifier_block *nb, unsigned long stepped,
			  void *priv)
{
	const struct timekeeper *tk = priv;
	bool tsc = tk->tkr_mono.clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;

	x86_note_tsc();
	if (tsc == host_tsc_clock && tk->offs_boot == host_boot_offset)
		return 0;
	WRITE_ONCE(host_tsc_clock, tsc);
	host_boot_offset = tk->offs_boot;
	/* 0 means "no pair" in a VM */
	if (!atomic_inc_return(&clock_generation))
		atomic_inc(&clock_generation);
	irq_work_queue(&refresh_irq);
	return 0;
}

static struct notifier_block clock_notifier = {
	.notifier_call = on_timekeeping,
};

int __init x86_clock_setup(void)
{
	/* calls on_timekeeping() at once */
	return pvclock_gtod_register_notifier(&clock_notifier);
}

void x86_clock_unsetup(void)
{
	pvclock_gtod_unregister_notifier(&clock_notifier);
	irq_work_sync(&refresh_irq);
	cancel_work_sync(&refresh_work);
}
