// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities: one table for KVM_CHECK_EXTENSION, one for KVM_ENABLE_CAP.
 * Only what works is listed.
 */
#include <linux/cpumask.h>
#include <linux/kvm_para.h>
#include <linux/nospec.h>
#include <asm/cpufeature.h>
#include "core/vcpu.h"
#include "core/vm.h"
#include "irqchip/irqchip.h"
#include "mmu/dirty_ring.h"
#include "mmu/mmu.h"
#include "uapi/ioctl.h"
#include "uapi/kvm_ext.h"
#include "x86/x86.h"

#define MSR_REASONS	(KVM_MSR_EXIT_REASON_INVAL |		\
			 KVM_MSR_EXIT_REASON_UNKNOWN |		\
			 KVM_MSR_EXIT_REASON_FILTER)

/* Quirks that the module has and that can be turned off */
#define QUIRKS	(KVM_X86_QUIRK_LINT0_REENABLED |		\
		 KVM_X86_QUIRK_LAPIC_MMIO_HOLE |		\
		 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT |		\
		 KVM_X86_QUIRK_FIX_HYPERCALL_INSN |		\
		 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

#define X2APIC_API	(KVM_X2APIC_API_USE_32BIT_IDS |		\
			 KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)

#define MANUAL_PROTECT	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |	\
			 KVM_DIRTY_LOG_INITIALLY_SET)

#define GUEST_DEBUG	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | \
			 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP | \
			 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP | \
			 KVM_GUESTDBG_BLOCKIRQ)

#define USER_HYPERCALLS	BIT(KVM_HC_MAP_GPA_RANGE)

#define CLOCK_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | \
			 KVM_CLOCK_HOST_TSC)

/* ---- values that the machine decides -------------------------------------------- */

static int recommended_vcpus(struct vm *vm)
{
	return min_t(unsigned int, num_online_cpus(), VM_MAX_VCPUS);
}

static int mmu_kinds(struct vm *vm)
{
	return mmu_kinds_available();
}

static int xsave_size(struct vm *vm)
{
	return x86_xsave_size();
}

static int has_xcrs(struct vm *vm)
{
	return boot_cpu_has(X86_FEATURE_XSAVE);
}

static int has_tsc_control(struct vm *vm)
{
	return x86_host.tsc_scaling;
}

static u64 exits_to_disable(void)
{
	u64 exits = KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE |
		    KVM_X86_DISABLE_EXITS_CSTATE;

	/* a guest's MWAIT must be able to wake on interrupts, and must exist */
	if (boot_cpu_has(X86_FEATURE_MWAIT))
		exits |= KVM_X86_DISABLE_EXITS_MWAIT;
	return exits;
}

static int disable_exits(struct vm *vm)
{
	return exits_to_disable();
}

static int has_vapic(struct vm *vm)
{
	return vapic_useful(vm);
}

static int mce_banks(struct vm *vm)
{
	return x86_mce_cap() & 0xff;	/* IA32_MCG_CAP: SDM 3B 16.3.1.1 */
}

/* ---- KVM_CHECK_EXTENSION ------------------------------------------------------------ */

struct cap {
	u32 nr;
	int value;			/* where there is no fn */
	int (*fn)(struct vm *vm);	/* @vm is NULL on /dev/kvm */
};

static const struct cap caps[] = {
	/* memory */
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_MMU_SHADOW_CACHE_CONTROL, 1 },
	{ KVM_CAP_NR_MEMSLOTS, MMU_USER_SLOTS },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, MMU_ADDRESS_SPACES },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, MANUAL_PROTECT },
	{ KVM_CAP_DIRTY_LOG_RING, DIRTY_RING_MAX_BYTES },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, DIRTY_RING_MAX_BYTES },
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO, 1 },
	{ KVM_CAP_MMU_KIND, .fn = mmu_kinds },

	/* vCPUs */
	{ KVM_CAP_NR_VCPUS, .fn = recommended_vcpus },
	{ KVM_CAP_MAX_VCPUS, VM_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPU_ID, VM_MAX_VCPU_ID },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_EXT_EMUL_CPUID, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_X86_USER_SPACE_MSR, 1 },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, .fn = xsave_size },
	{ KVM_CAP_XCRS, .fn = has_xcrs },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_INTR_SHADOW, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_X86_SMM, 1 },
	{ KVM_CAP_MCE, .fn = mce_banks },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, GUEST_DEBUG },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_SYS_ATTRIBUTES, 1 },

	/* running */
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_EXIT_HYPERCALL, USER_HYPERCALLS },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ KVM_CAP_X86_DISABLE_EXITS, .fn = disable_exits },
	{ KVM_CAP_HALT_POLL, 1 },
	{ KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE },
	{ KVM_CAP_DISABLE_QUIRKS, 1 },
	{ KVM_CAP_DISABLE_QUIRKS2, QUIRKS },

	/* interrupts */
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_IRQ_ROUTING, IRQCHIP_MAX_ROUTES },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_IOAPIC_POLARITY_IGNORED, 1 },
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_VAPIC, .fn = has_vapic },
	{ KVM_CAP_X2APIC_API, X2APIC_API },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },

	/* time */
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_ASYNC_PF, 1 },
	{ KVM_CAP_ASYNC_PF_INT, 1 },
	{ KVM_CAP_ADJUST_CLOCK, CLOCK_FLAGS },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_TSC_CONTROL, .fn = has_tsc_control },
	{ KVM_CAP_VM_TSC_CONTROL, .fn = has_tsc_control },

	/* the ABI itself */
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },
};

int caps_check(struct vm *vm, unsigned long nr)
{
	const struct cap *c;

	for (c = caps; c < caps + ARRAY_SIZE(caps); c++) {
		if (c->nr == nr)
			return c->fn ? c->fn(vm) : c->value;
	}
	return 0;
}

/* ---- KVM_ENABLE_CAP on a VM ------------------------------------------------------------ */

static long enable_mmu_kind(struct vm *vm, const u64 *args)
{
	return mmu_vm_choose(vm, args[0]);
}

static long enable_quirks(struct vm *vm, const u64 *args)
{
	if (args[0] & ~(u64)QUIRKS)
		return -EINVAL;
	WRITE_ONCE(vm->arch.disabled_quirks, args[0]);
	return 0;
}

/* Old: user space cannot ask for what is there, so unknown ones are no error */
static long enable_quirks_old(struct vm *vm, const u64 *args)
{
	WRITE_ONCE(vm->arch.disabled_quirks, args[0] & QUIRKS);
	return 0;
}

static long enable_disable_exits(struct vm *vm, const u64 *args)
{
	if (args[0] & ~exits_to_disable())
		return -EINVAL;
	if (vm->nr_vcpus)
		return -EINVAL;
	vm->arch.disabled_exits |= args[0];
	return 0;
}

static long enable_halt_poll(struct vm *vm, const u64 *args)
{
	if (args[0] > U32_MAX)
		return -EINVAL;
	WRITE_ONCE(vm->halt_poll_ns, args[0]);
	WRITE_ONCE(vm->halt_poll_own, true);
	return 0;
}

static long enable_split_irqchip(struct vm *vm, const u64 *args)
{
	return irqchip_create_split(vm, args[0]);
}

/* Guests have no PMU: it can be turned off, and is */
static long enable_pmu_capability(struct vm *vm, const u64 *args)
{
	return args[0] & ~(u64)KVM_PMU_CAP_DISABLE || vm->nr_vcpus ? -EINVAL : 0;
}

static long enable_x2apic_api(struct vm *vm, const u64 *args)
{
	return irqchip_set_x2apic_api(vm, args[0]);
}

static long enable_exception_payload(struct vm *vm, const u64 *args)
{
	vm->arch.exception_payload = args[0];
	return 0;
}

static long enable_platform_info(struct vm *vm, const u64 *args)
{
	WRITE_ONCE(vm->arch.hide_platform_info, !args[0]);
	return 0;
}

static long enable_triple_fault(struct vm *vm, const u64 *args)
{
	vm->arch.triple_fault_event = args[0];
	return 0;
}

static long enable_user_msr(struct vm *vm, const u64 *args)
{
	if (args[0] & ~(u64)MSR_REASONS)
		return -EINVAL;
	WRITE_ONCE(vm->arch.user_msr_mask, args[0]);
	return 0;
}

static long enable_exit_hypercall(struct vm *vm, const u64 *args)
{
	if (args[0] & ~(u64)USER_HYPERCALLS)
		return -EINVAL;
	WRITE_ONCE(vm->arch.user_hypercalls, args[0]);
	return 0;
}

/* Once, and before there are vCPUs */
static long enable_max_vcpu_id(struct vm *vm, const u64 *args)
{
	if (args[0] > VM_MAX_VCPU_ID)
		return -EINVAL;
	if (vm->max_vcpu_id == args[0])
		return 0;
	if (vm->max_vcpu_id || vm->nr_vcpus || vm->arch.bsp_vcpu_id >= args[0])
		return -EINVAL;
	vm->max_vcpu_id = args[0];
	return 0;
}

static long enable_emulation_exit(struct vm *vm, const u64 *args)
{
	if (args[0] & ~1ull)
		return -EINVAL;
	WRITE_ONCE(vm->arch.exit_on_emul_failure, args[0]);
	return 0;
}

static long enable_manual_protect(struct vm *vm, const u64 *args)
{
	if (args[0] & ~(u64)MANUAL_PROTECT)
		return -EINVAL;
	/* the second means nothing without the first */
	if (args[0] == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	if (args[0] && vm->mmu.ring_size)
		return -EINVAL;
	WRITE_ONCE(vm->mmu.manual_protect, args[0]);
	return 0;
}

static long enable_dirty_ring(struct vm *vm, const u64 *args)
{
	return dirty_ring_enable(vm, args[0]);
}

static const struct enable {
	u32 nr;
	long (*fn)(struct vm *vm, const u64 *args);	/* vm->lock held */
} vm_enables[] = {
	{ KVM_CAP_MMU_KIND, enable_mmu_kind },
	{ KVM_CAP_DISABLE_QUIRKS, enable_quirks_old },
	{ KVM_CAP_DISABLE_QUIRKS2, enable_quirks },
	{ KVM_CAP_X86_DISABLE_EXITS, enable_disable_exits },
	{ KVM_CAP_HALT_POLL, enable_halt_poll },
	{ KVM_CAP_PMU_CAPABILITY, enable_pmu_capability },
	{ KVM_CAP_X2APIC_API, enable_x2apic_api },
	{ KVM_CAP_SPLIT_IRQCHIP, enable_split_irqchip },
	{ KVM_CAP_EXCEPTION_PAYLOAD, enable_exception_payload },
	{ KVM_CAP_MSR_PLATFORM_INFO, enable_platform_info },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, enable_triple_fault },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, enable_manual_protect },
	{ KVM_CAP_DIRTY_LOG_RING, enable_dirty_ring },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, enable_dirty_ring },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, enable_emulation_exit },
	{ KVM_CAP_X86_USER_SPACE_MSR, enable_user_msr },
	{ KVM_CAP_EXIT_HYPERCALL, enable_exit_hypercall },
	{ KVM_CAP_MAX_VCPU_ID, enable_max_vcpu_id },
};

long caps_enable_vm(struct vm *vm, const struct kvm_enable_cap *cap)
{
	const struct enable *e;
	long ret = -EINVAL;

	if (cap->flags)
		return -EINVAL;
	mutex_lock(&vm->lock);
	for (e = vm_enables; e < vm_enables + ARRAY_SIZE(vm_enables); e++) {
		if (e->nr == cap->cap) {
			ret = e->fn(vm, cap->args);
			break;
		}
	}
	mutex_unlock(&vm->lock);
	return ret;
}

/* The others that upstream knows for a vCPU, Hyper-V's, are not there */
long caps_enable_vcpu(struct vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	if (cap->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID || cap->flags ||
	    cap->args[0] > 1)
		return -EINVAL;
	vcpu->arch.pv_enforce = cap->args[0];
	return 0;
}
