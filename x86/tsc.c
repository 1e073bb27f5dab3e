// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's time-stamp counter: host TSC * ratio + offset (SDM 3C 26.3).
 *
 * Virtual CPUs whose TSCs user space sets to what looks like one value, a
 * moment apart, are meant to be in step: they get the same offset.
 *
 * Where the host's TSCs are not in step themselves (x86_tsc_unstable) an offset
 * means something on one CPU only. There a vCPU that comes to another CPU goes on
 * from what its TSC was when it left the last one, and by the host's clock since.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <asm/tsc.h>
#include "core/trace.h"
#include "x86/priv.h"

#define RATIO_SHIFT	X86_TSC_RATIO_SHIFT
#define RATIO_ONE	BIT_ULL(RATIO_SHIFT)
#define TOLERANCE_PPM	250		/* guest and host frequency are called equal */

static u64 scale(u64 ratio, u64 host_tsc)
{
	if (likely(ratio == RATIO_ONE))
		return host_tsc;
	return mul_u64_u64_shr(host_tsc, ratio, RATIO_SHIFT);
}

/*
 * Suspend may set the host's TSC back to zero. What is missing since is added
 * to the offsets, so that no guest sees its TSC go backwards.
 */
static u64 tsc_at_suspend;
static u64 tsc_lost;			/* [a] sum over all suspends */

u64 x86_scaled_tsc(struct vcpu *vcpu, u64 host_tsc)
{
	return scale(vcpu->arch.tsc_ratio, host_tsc) + vcpu->arch.tsc_offset;
}

u64 x86_scaled_ticks(struct vcpu *vcpu, u64 ticks)
{
	u64 ratio = vcpu->arch.tsc_ratio;

	/* the quotient would not fit */
	if (ticks >> (64 - RATIO_SHIFT) >= ratio)
		return ~0ull;
	return mul_u64_u64_div_u64(ticks, RATIO_ONE, ratio) + 1;
}

bool x86_tsc_unstable __read_mostly;

void x86_note_tsc(void)
{
	if (check_tsc_unstable())
		WRITE_ONCE(x86_tsc_unstable, true);
}

void x86_tsc_leave(struct vcpu *vcpu)
{
	vcpu->arch.tsc_left = x86_guest_tsc(vcpu, rdtsc());
	vcpu->arch.tsc_left_ns = ktime_get_mono_fast_ns();
}

static void put_offset(struct vcpu *vcpu, u64 offset)
{
	trace_kvm_write_tsc_offset(vcpu->id, vcpu->arch.tsc_offset, offset);
	vcpu->arch.tsc_offset = offset;
	vmx_update_tsc(vcpu);
	if (unlikely(READ_ONCE(x86_tsc_unstable)))
		x86_tsc_leave(vcpu);
	if (vcpu->lapic)
		lapic_tsc_changed(vcpu);
	vcpu_request(vcpu, REQ_CLOCK_UPDATE);
}

/* Around suspend: interrupts off, one CPU online, user space frozen */
void x86_tsc_suspend(void)
{
	tsc_at_suspend = rdtsc();
}

void x86_tsc_resume(void)
{
	u64 now = rdtsc();

	if (now < tsc_at_suspend)
		WRITE_ONCE(tsc_lost, tsc_lost + tsc_at_suspend - now);
}

/**
 * x86_tsc_resumed() - add what the host's TSC lost since the vCPU was loaded last
 * @vcpu: the vCPU, being loaded; suspend has cleared its VMCS
 */
void x86_tsc_resumed(struct vcpu *vcpu)
{
	u64 lost = READ_ONCE(tsc_lost) - vcpu->arch.tsc_lost;

	if (likely(!lost))
		return;
	vcpu->arch.tsc_lost += lost;
	put_offset(vcpu, vcpu->arch.tsc_offset +
			 scale(vcpu->arch.tsc_ratio, lost));
}

u64 x86_tsc_offset(struct vcpu *vcpu)
{
	return vcpu->arch.tsc_offset;
}

/* What the vCPU that wrote last, or one in step with it, reads @elapsed ns later */
static u64 later_tsc(const struct x86_vm *vma, u64 elapsed)
{
	return vma->last_tsc_write +
	       mul_u64_u32_div(elapsed, vma->last_tsc_khz, NSEC_PER_MSEC);
}

/*
 * Is @value, now, what the vCPU that wrote last would read, give or take 1 s? A
 * base that only comes of creation says nothing about what user space wants.
 */
static bool in_step(struct vcpu *vcpu, u64 value, u64 now_ns)
{
	struct x86_vm *vma = &vcpu->vm->arch;
	u64 khz = vcpu->arch.tsc_khz, expected, second = khz * 1000;
	u64 elapsed = now_ns - vma->last_tsc_ns;

	if (!vma->last_tsc_khz || vma->last_tsc_khz != khz)
		return false;
	/* a new vCPU joins those that run */
	if (!value)
		return true;
	if (!vma->user_tsc)
		return false;
	/* a day later nobody means the same moment */
	if (elapsed > 86400ull * NSEC_PER_SEC)
		return false;
	expected = later_tsc(vma, elapsed);
	return value < expected + second && value + second > expected;
}

/* Remember a write that sets a base others may be in step with */
static void new_base(struct vcpu *vcpu, u64 value, u64 now_ns, u64 offset)
{
	struct x86_vm *vma = &vcpu->vm->arch;

	vma->last_tsc_write = value;
	vma->last_tsc_ns = now_ns;
	vma->last_tsc_offset = offset;
	vma->last_tsc_khz = vcpu->arch.tsc_khz;
	vma->last_tsc_lost = vcpu->arch.tsc_lost;
}

/* User space's write: KVM_SET_MSRS, vCPU creation */
static void sync_write(struct vcpu *vcpu, u64 value)
{
	struct x86_vm *vma = &vcpu->vm->arch;
	unsigned long flags;
	u64 offset, now_ns;

	raw_spin_lock_irqsave(&vma->tsc_lock, flags);
	now_ns = ktime_get_boottime_ns();
	offset = value - scale(vcpu->arch.tsc_ratio, rdtsc());
	if (!in_step(vcpu, value, now_ns))
		new_base(vcpu, value, now_ns, offset);
	else if (unlikely(READ_ONCE(x86_tsc_unstable)))
		offset += later_tsc(vma, now_ns - vma->last_tsc_ns) - value;
	else
		offset = vma->last_tsc_offset +
			 scale(vcpu->arch.tsc_ratio,
			       vcpu->arch.tsc_lost - vma->last_tsc_lost);
	if (value)
		vma->user_tsc = true;
	raw_spin_unlock_irqrestore(&vma->tsc_lock, flags);
	put_offset(vcpu, offset);
}

void x86_write_tsc(struct vcpu *vcpu, u64 value, bool host)
{
	u64 now;

	if (host) {
		sync_write(vcpu, value);
		return;
	}
	/* SDM 3B 18.17.3: WRMSR to the TSC shows in TSC_ADJUST as well */
	now = x86_guest_tsc(vcpu, rdtsc());
	vcpu->arch.tsc_adjust += value - now;
	put_offset(vcpu, vcpu->arch.tsc_offset + (value - now));
}

void x86_set_tsc_offset(struct vcpu *vcpu, u64 offset, bool host)
{
	struct x86_vm *vma = &vcpu->vm->arch;
	unsigned long flags;

	raw_spin_lock_irqsave(&vma->tsc_lock, flags);
	new_base(vcpu, scale(vcpu->arch.tsc_ratio, rdtsc()) + offset,
		 ktime_get_boottime_ns(), offset);
	vma->user_tsc = true;
	raw_spin_unlock_irqrestore(&vma->tsc_lock, flags);
	put_offset(vcpu, offset);
}

/* User space restores the value alone; the guest's write moves the TSC */
int tsc_set_adjust(struct vcpu *vcpu, u64 value, bool host)
{
	u64 delta = value - vcpu->arch.tsc_adjust;

	vcpu->arch.tsc_adjust = value;
	if (!host && delta)
		put_offset(vcpu, vcpu->arch.tsc_offset + delta);
	return 0;
}

static bool about_host_khz(u32 khz)
{
	u64 diff = abs((s64)khz - x86_host.tsc_khz);

	return diff * 1000000 <= (u64)x86_host.tsc_khz * TOLERANCE_PPM;
}

bool x86_tsc_khz_possible(unsigned long khz)
{
	if (khz > X86_TSC_KHZ_MAX)
		return false;
	return about_host_khz(khz) || x86_host.tsc_scaling;
}

int x86_set_tsc_khz(struct vcpu *vcpu, u32 khz)
{
	u64 ratio = RATIO_ONE, now;

	if (!khz)
		khz = x86_host.tsc_khz;
	if (!x86_tsc_khz_possible(khz))
		return -EINVAL;
	if (!about_host_khz(khz)) {
		ratio = mul_u64_u32_div(RATIO_ONE, khz, x86_host.tsc_khz);
		if (!ratio)
			return -EINVAL;
	}
	vcpu->arch.tsc_khz = khz;
	if (vcpu->arch.tsc_ratio == ratio)
		return 0;
	/* the value goes on from where it is */
	now = rdtsc();
	vcpu->arch.tsc_offset = x86_guest_tsc(vcpu, now) - scale(ratio, now);
	vcpu->arch.tsc_ratio = ratio;
	put_offset(vcpu, vcpu->arch.tsc_offset);
	return 0;
}

/* It was last seen on another CPU, whose TSC says nothing about this one's */
static void carry_on(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;
	u64 now_ns = ktime_get_mono_fast_ns(), value = a->tsc_left;

	if (!a->tsc_left_ns)
		return;
	if (now_ns > a->tsc_left_ns)
		value += mul_u64_u32_div(now_ns - a->tsc_left_ns, a->tsc_khz,
					 NSEC_PER_MSEC);
	put_offset(vcpu, value - scale(a->tsc_ratio, rdtsc()));
}

void x86_tsc_load(struct vcpu *vcpu)
{
	if (unlikely(READ_ONCE(x86_tsc_unstable)))
		carry_on(vcpu);
	else if (!boot_cpu_has(X86_FEATURE_CONSTANT_TSC))
		vcpu_request(vcpu, REQ_CLOCK_UPDATE);
}

void tsc_vm_init(struct vm *vm)
{
	raw_spin_lock_init(&vm->arch.tsc_lock);
	vm->arch.default_tsc_khz = x86_host.tsc_khz;
}

/* Power-on: the TSC starts at zero, or in step with the VM's other vCPUs */
void tsc_vcpu_init(struct vcpu *vcpu)
{
	vcpu->arch.tsc_ratio = RATIO_ONE;
	vcpu->arch.tsc_adjust = 0;
	vcpu->arch.tsc_lost = READ_ONCE(tsc_lost);
	if (x86_set_tsc_khz(vcpu, vcpu->arch.tsc_khz))
		x86_set_tsc_khz(vcpu, x86_host.tsc_khz);
	sync_write(vcpu, 0);
}
