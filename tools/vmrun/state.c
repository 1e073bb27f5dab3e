// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order of what is written matters:
 *  1. CPUID and the TSC's frequency: what else is allowed depends on it;
 *  2. special registers: the paging mode, IA32_APIC_BASE;
 *  3. the LAPIC, before IA32_TSC_DEADLINE, which its timer's mode decides about;
 *  4. the TSC, before the deadline that is measured by it;
 *  5. what is on its way into the guest, after the registers that would
 *     clear it.
 * Reading begins with the state that may still act on a pending INIT or SIPI,
 * and changes registers then.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "state.h"

#define MSR_TSC			0x10
#define MSR_TSC_DEADLINE	0x6e0
/* Architectural ones that the list does not name: MTRRs, SDM 4 table 2-2 */
#define MTRR_DEF_TYPE		0x2ff

static uint32_t saved[STATE_MAX_MSRS];
static uint32_t nr_saved;

#define TRY_IOCTL(fd, cmd, arg) do {					\
	if (ioctl(fd, cmd, arg) < 0)					\
		return #cmd;						\
} while (0)

static void add(uint32_t index)
{
	if (nr_saved < STATE_MAX_MSRS)
		saved[nr_saved++] = index;
}

const char *state_init(int kvm_fd)
{
	struct {
		struct kvm_msr_list head;
		uint32_t indices[1024];
	} list = { .head.nmsrs = 1024 };
	uint32_t i;

	TRY_IOCTL(kvm_fd, KVM_GET_MSR_INDEX_LIST, &list);
	nr_saved = 0;
	/* first and last: see above */
	add(MSR_TSC);
	for (i = 0; i < list.head.nmsrs; i++)
		if (list.head.indices[i] != MSR_TSC &&
		    list.head.indices[i] != MSR_TSC_DEADLINE)
			add(list.head.indices[i]);
	for (i = 0x200; i < 0x210; i++)
		add(i);
	add(0x250);
	add(0x258);
	add(0x259);
	for (i = 0x268; i < 0x270; i++)
		add(i);
	add(MTRR_DEF_TYPE);
	add(MSR_TSC_DEADLINE);
	return NULL;
}

/* ---- the VM ---------------------------------------------------------------- */

const char *state_get_vm(int vm_fd, struct vm_state *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < 3; i++) {
		s->chips[i].chip_id = i;
		if (ioctl(vm_fd, KVM_GET_IRQCHIP, &s->chips[i]) < 0)
			break;
	}
	/* none of them where they are in user space, or nowhere */
	if (i && i < 3)
		return "KVM_GET_IRQCHIP";
	s->irqchip = i == 3;
	s->pit = !ioctl(vm_fd, KVM_GET_PIT2, &s->pit2);
	TRY_IOCTL(vm_fd, KVM_GET_CLOCK, &s->clock);
	return NULL;
}

const char *state_set_vm(int vm_fd, const struct vm_state *s)
{
	struct kvm_clock_data clock = {
		.clock = s->clock.clock, .realtime = s->clock.realtime,
		.flags = s->clock.flags & KVM_CLOCK_REALTIME,
	};
	struct kvm_irqchip chip;
	unsigned int i;

	TRY_IOCTL(vm_fd, KVM_SET_CLOCK, &clock);
	for (i = 0; s->irqchip && i < 3; i++) {
		chip = s->chips[i];
		TRY_IOCTL(vm_fd, KVM_SET_IRQCHIP, &chip);
	}
	if (s->pit)
		TRY_IOCTL(vm_fd, KVM_SET_PIT2, &s->pit2);
	return NULL;
}

/* ---- a vCPU ------------------------------------------------------------------ */

/* Reading ends at an MSR that this vCPU has not: one by one */
static const char *get_msrs(int fd, struct vcpu_state *s)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1 };
	uint32_t i, n = 0;
	int done;

	for (i = 0; i < nr_saved; i++) {
		one.entry.index = saved[i];
		done = ioctl(fd, KVM_GET_MSRS, &one);
		if (done < 0)
			return "KVM_GET_MSRS";
		if (done)
			s->msrs.entries[n++] = one.entry;
	}
	s->msrs.head.nmsrs = n;
	return NULL;
}

const char *state_get_vcpu(int fd, bool has_lapic, struct vcpu_state *s)
{
	int khz;

	memset(s, 0, sizeof(*s));
	TRY_IOCTL(fd, KVM_GET_MP_STATE, &s->mp_state);
	s->cpuid.head.nent = STATE_MAX_CPUID;
	TRY_IOCTL(fd, KVM_GET_CPUID2, &s->cpuid);
	khz = ioctl(fd, KVM_GET_TSC_KHZ, 0);
	s->tsc_khz = khz > 0 ? (uint64_t)khz : 0;
	TRY_IOCTL(fd, KVM_GET_REGS, &s->regs);
	TRY_IOCTL(fd, KVM_GET_SREGS2, &s->sregs);
	s->has_xcrs = !ioctl(fd, KVM_GET_XCRS, &s->xcrs) && s->xcrs.nr_xcrs;
	TRY_IOCTL(fd, KVM_GET_XSAVE2, &s->xsave);
	s->has_lapic = has_lapic;
	if (has_lapic)
		TRY_IOCTL(fd, KVM_GET_LAPIC, &s->lapic);
	if (get_msrs(fd, s))
		return "KVM_GET_MSRS";
	TRY_IOCTL(fd, KVM_GET_DEBUGREGS, &s->debugregs);
	TRY_IOCTL(fd, KVM_GET_VCPU_EVENTS, &s->events);
	return NULL;
}

/* EINVAL stands for an MSR that is read-only, and not as it was */
static const char *set_msrs(int fd, const struct vcpu_state *s)
{
	int n = ioctl(fd, KVM_SET_MSRS, &s->msrs);

	if (n == (int)s->msrs.head.nmsrs)
		return NULL;
	if (n >= 0)
		errno = EINVAL;
	return "KVM_SET_MSRS";
}

const char *state_set_vcpu(int fd, const struct vcpu_state *s)
{
	struct kvm_vcpu_events events = s->events;
	struct kvm_mp_state mp_state = s->mp_state;

	TRY_IOCTL(fd, KVM_SET_CPUID2, &s->cpuid);
	if (s->tsc_khz &&
	    ioctl(fd, KVM_GET_TSC_KHZ, 0) != (int)s->tsc_khz)
		TRY_IOCTL(fd, KVM_SET_TSC_KHZ, s->tsc_khz);
	TRY_IOCTL(fd, KVM_SET_SREGS2, &s->sregs);
	TRY_IOCTL(fd, KVM_SET_REGS, &s->regs);
	if (s->has_xcrs)
		TRY_IOCTL(fd, KVM_SET_XCRS, &s->xcrs);
	TRY_IOCTL(fd, KVM_SET_XSAVE, &s->xsave);
	if (s->has_lapic)
		TRY_IOCTL(fd, KVM_SET_LAPIC, &s->lapic);
	if (set_msrs(fd, s))
		return "KVM_SET_MSRS";
	TRY_IOCTL(fd, KVM_SET_DEBUGREGS, &s->debugregs);
	TRY_IOCTL(fd, KVM_SET_MP_STATE, &mp_state);
	TRY_IOCTL(fd, KVM_SET_VCPU_EVENTS, &events);
	return NULL;
}
