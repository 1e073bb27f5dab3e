// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that VMX switches, that the guest may touch without an exit, or that
 * live in the VMCS.
 *
 * STAR, LSTAR, FMASK and TSC_AUX are used by the host only on the way to and
 * from user space. So the guest's values stay in the CPU while the host's
 * kernel runs, and the host's come back when the thread returns to user space,
 * each only when it differs: by a user-return notifier, since another thread may
 * be the first to return; or by vmx_msr_load_host(), when this thread has not
 * let go of the CPU.
 */
#include <linux/percpu.h>
#include <linux/user-return-notifier.h>
#include <asm/msr.h>
#include "irqchip/irqchip.h"
#include "vmx/private.h"
#include "x86/x86.h"

enum { UR_STAR, UR_LSTAR, UR_FMASK, UR_TSC_AUX, NR_UR };

static const u32 ur_index[NR_UR] = {
	[UR_STAR] = MSR_STAR,
	[UR_LSTAR] = MSR_LSTAR,
	[UR_FMASK] = MSR_SYSCALL_MASK,
	[UR_TSC_AUX] = MSR_TSC_AUX,
};

/* This CPU's; touched with interrupts off */
struct user_return {
	struct user_return_notifier notifier;
	bool registered;
	bool known;		/* host[] is filled */
	bool differs;		/* something in now[] is not as in host[] */
	u64 host[NR_UR];
	u64 now[NR_UR];
};

static DEFINE_PER_CPU(struct user_return, user_return);
static bool ur_exists[NR_UR] __ro_after_init;

/* Interrupts off */
static __always_inline void load_host(struct user_return *ur)
{
	int i;

	if (!ur->differs)
		return;
	ur->differs = false;
#pragma GCC unroll 4
	for (i = 0; i < NR_UR; i++) {
		u64 host = ur->host[i];

		if (ur->now[i] == host)
			continue;
		ur->now[i] = host;
		native_wrmsrl(ur_index[i], host);
	}
}

/**
 * vmx_msr_load_host() - the host's values back, without waiting for the notifier
 *
 * Context: interrupts off, the thread not preempted since vmx_switch_to_guest().
 */
void vmx_msr_load_host(void)
{
	load_host(this_cpu_ptr(&user_return));
}

static void on_user_return(struct user_return_notifier *n)
{
	struct user_return *ur = container_of(n, struct user_return, notifier);
	unsigned long flags;

	local_irq_save(flags);
	if (ur->registered) {
		ur->registered = false;
		user_return_notifier_unregister(n);
	}
	load_host(ur);
	local_irq_restore(flags);
}

/* This CPU leaves VMX operation: nothing of a guest's may stay; interrupts off */
void vmx_msr_cpu_off(void)
{
	struct user_return *ur = this_cpu_ptr(&user_return);

	if (ur->known)
		on_user_return(&ur->notifier);
}

static void ur_learn(struct user_return *ur)
{
	int i;

	for (i = 0; i < NR_UR; i++) {
		if (ur_exists[i])
			rdmsrl(ur_index[i], ur->host[i]);
		ur->now[i] = ur->host[i];
	}
	ur->notifier.on_user_return = on_user_return;
	ur->known = true;
}

static __always_inline unsigned int ur_set(struct user_return *ur, int i,
					   u64 value)
{
	if (likely(ur->now[i] == value))
		return 0;
	/* CPUs with long mode have the others */
	if (i == UR_TSC_AUX && !ur_exists[i])
		return 0;
	ur->now[i] = value;
	native_wrmsrl(ur_index[i], value);
	return 1;
}

/* Interrupts off; see vmx_switch_to_guest() */
void vmx_msr_load_guest(struct vcpu *vcpu)
{
	struct user_return *ur = this_cpu_ptr(&user_return);
	struct vmx_vcpu *v = &vcpu->vmx;
	unsigned int n = 0;

	if (unlikely(!ur->known))
		ur_learn(ur);
	/* without SCE the guest cannot execute SYSCALL */
	if (vcpu->arch.efer & EFER_SCE) {
		n += ur_set(ur, UR_STAR, v->star);
		n += ur_set(ur, UR_LSTAR, v->lstar);
		n += ur_set(ur, UR_FMASK, v->fmask);
	}
	if (x86_gcap(vcpu, GCAP_RDTSCP) || x86_gcap(vcpu, GCAP_RDPID))
		n += ur_set(ur, UR_TSC_AUX, v->tsc_aux);
	if (n) {
		ur->differs = true;
		vcpu->stats.msr_switches += n;
	}
}

void vmx_arm_user_return(void)
{
	struct user_return *ur = this_cpu_ptr(&user_return);

	if (ur->differs && !ur->registered) {
		ur->registered = true;
		user_return_notifier_register(&ur->notifier);
	}
}

int vmx_msr_setup(void)
{
	u64 unused;
	int i;

	for (i = 0; i < NR_UR; i++)
		ur_exists[i] = !rdmsrl_safe(ur_index[i], &unused);
	return 0;
}

void vmx_msr_unsetup(void)
{
	int cpu;

	/* vmx_msr_cpu_off() has run on each CPU */
	for_each_possible_cpu(cpu)
		WARN_ON_ONCE(per_cpu(user_return, cpu).registered);
}

/* ---- the MSR bitmap: SDM 3C 25.6.9 --------------------------------------------- */

#define MSR_BITMAP_READ		1
#define MSR_BITMAP_WRITE	2

/* Let the guest read and/or write an MSR without an exit, or not any more */
static void set_passthrough(struct vcpu *vcpu, u32 msr, int how, bool on)
{
	unsigned long *bitmap = vcpu->vmx.msr_bitmap;
	unsigned int bit;

	if (msr <= 0x1fff)
		bit = msr;
	else if (msr >= 0xc0000000 && msr <= 0xc0001fff)
		bit = 0x2000 + (msr & 0x1fff);
	else
		return;
	if (how & MSR_BITMAP_READ)
		__assign_bit(bit, bitmap,
			     !on || x86_msr_filtered(vcpu, msr, false));
	if (how & MSR_BITMAP_WRITE)
		__assign_bit(0x4000 + bit, bitmap,
			     !on || x86_msr_filtered(vcpu, msr, true));
}

#define RW (MSR_BITMAP_READ | MSR_BITMAP_WRITE)

/*
 * x2APIC MSRs that the CPU answers for by itself out of the virtual-APIC page,
 * and right (SDM 3C 30.5): bits are the MSR's number less 800H. What is not
 * there is #GP, TMCCT is counted, the CMCI's LVT may not exist.
 */
#define X2APIC_READ	(BIT_ULL(0x02) | BIT_ULL(0x03) | BIT_ULL(0x0d) | \
			 BIT_ULL(0x0f) | GENMASK_ULL(0x28, 0x10) | \
			 BIT_ULL(0x30) | GENMASK_ULL(0x38, 0x32) | BIT_ULL(0x3e))
#define X2APIC_TPR	BIT_ULL(0x08)
#define X2APIC_PPR	BIT_ULL(0x0a)
#define X2APIC_EOI	BIT_ULL(0x0b)
#define X2APIC_SELF	BIT_ULL(0x3f)

/* vmx.x2apic_virt is another */
void vmx_msr_x2apic_changed(struct vcpu *vcpu)
{
	u8 virt = vcpu->vmx.x2apic_virt;
	u64 read = 0, write = 0;
	unsigned int i;

	if (virt & IRQ_ASSIST_X2APIC) {
		read |= X2APIC_TPR;
		write |= X2APIC_TPR;
		if (virt & IRQ_ASSIST_REGS)
			read |= X2APIC_READ;
		if (virt & IRQ_ASSIST_DELIVERY)
			write |= X2APIC_EOI | X2APIC_SELF;
		/* without delivery nobody keeps PPR up to date */
		if (virt & IRQ_ASSIST_REGS && virt & IRQ_ASSIST_DELIVERY)
			read |= X2APIC_PPR;
	}
	for (i = 0; i < 64; i++) {
		set_passthrough(vcpu, 0x800 + i, MSR_BITMAP_READ,
				read & BIT_ULL(i));
		set_passthrough(vcpu, 0x800 + i, MSR_BITMAP_WRITE,
				write & BIT_ULL(i));
	}
}

int vmx_msr_vcpu_init(struct vcpu *vcpu)
{
	vmx_msr_update_intercepts(vcpu);
	return 0;
}

/**
 * vmx_msr_update_intercepts() - CPUID, EFER or the MSR filter changed
 * @vcpu: the vCPU
 *
 * Without long mode in CPUID the 64-bit MSRs do not exist for the guest.
 */
void vmx_msr_update_intercepts(struct vcpu *vcpu)
{
	static const u32 always[] = {
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};
	/* what the host's CPU has not, faults in the guest as it does here */
	static const u32 cstate[] = {
		MSR_CORE_C1_RES, MSR_CORE_C3_RESIDENCY, MSR_CORE_C6_RESIDENCY,
		MSR_CORE_C7_RESIDENCY,
	};
	bool lm = x86_gcap(vcpu, GCAP_LM);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		set_passthrough(vcpu, always[i], RW, true);
	for (i = 0; i < ARRAY_SIZE(cstate); i++)
		set_passthrough(vcpu, cstate[i], MSR_BITMAP_READ,
				vcpu->vm->arch.disabled_exits &
				KVM_X86_DISABLE_EXITS_CSTATE);
	/* honours TSC offsetting and scaling (SDM 3C 26.3) */
	set_passthrough(vcpu, MSR_IA32_TSC, MSR_BITMAP_READ, true);
	set_passthrough(vcpu, MSR_FS_BASE, RW, lm);
	set_passthrough(vcpu, MSR_GS_BASE, RW, lm);
	set_passthrough(vcpu, MSR_KERNEL_GS_BASE, RW, lm);
	set_passthrough(vcpu, MSR_IA32_PRED_CMD, MSR_BITMAP_WRITE,
			x86_gcap(vcpu, GCAP_PRED_CMD));
	set_passthrough(vcpu, MSR_IA32_FLUSH_CMD, MSR_BITMAP_WRITE,
			x86_gcap(vcpu, GCAP_FLUSH_L1D));
	vmx_msr_x2apic_changed(vcpu);
	if (!x86_gcap(vcpu, GCAP_SPEC_CTRL))
		vcpu->vmx.spec_ctrl_passthrough = false;
	set_passthrough(vcpu, MSR_IA32_SPEC_CTRL, RW,
			vcpu->vmx.spec_ctrl_passthrough);
}

void vmx_cpuid_changed(struct vcpu *vcpu)
{
	u32 proc2 = vcpu->vmx.vmcs.proc2;

	vmx_msr_update_intercepts(vcpu);
	if (!(vmx_caps.proc.allowed & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
		return;

	proc2 &= ~(SECONDARY_EXEC_ENABLE_RDTSCP | SECONDARY_EXEC_ENABLE_INVPCID |
		   SECONDARY_EXEC_XSAVES);
	if (x86_gcap(vcpu, GCAP_RDTSCP) || x86_gcap(vcpu, GCAP_RDPID))
		proc2 |= SECONDARY_EXEC_ENABLE_RDTSCP;
	if (x86_gcap(vcpu, GCAP_INVPCID))
		proc2 |= SECONDARY_EXEC_ENABLE_INVPCID;
	if (x86_gcap(vcpu, GCAP_XSAVES))
		proc2 |= SECONDARY_EXEC_XSAVES;
	/* instructions the CPU has and the guest has not: #UD through an exit */
	proc2 &= ~(SECONDARY_EXEC_RDRAND_EXITING | SECONDARY_EXEC_RDSEED_EXITING);
	if (!x86_gcap(vcpu, GCAP_RDRAND))
		proc2 |= SECONDARY_EXEC_RDRAND_EXITING;
	if (!x86_gcap(vcpu, GCAP_RDSEED))
		proc2 |= SECONDARY_EXEC_RDSEED_EXITING;
	vmx_set_proc2(vcpu, proc2 & vmx_caps.proc2.allowed);
	if (vcpu->vmx.vmcs.proc2 & SECONDARY_EXEC_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, 0);
}

/* ---- reading and writing -------------------------------------------------------- */

static u64 read_kernel_gs_base(struct vcpu *vcpu)
{
	u64 value;

	preempt_disable();
	if (vcpu->vmx.guest_state_loaded)
		rdmsrl(MSR_KERNEL_GS_BASE, vcpu->vmx.kernel_gs_base);
	value = vcpu->vmx.kernel_gs_base;
	preempt_enable();
	return value;
}

static void write_kernel_gs_base(struct vcpu *vcpu, u64 value)
{
	preempt_disable();
	vcpu->vmx.kernel_gs_base = value;
	if (vcpu->vmx.guest_state_loaded)
		wrmsrl(MSR_KERNEL_GS_BASE, value);
	preempt_enable();
}

/* Into the CPU at once what changed, if the guest's MSRs are there */
void vmx_msr_reload(struct vcpu *vcpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (vcpu->vmx.guest_state_loaded) {
		vmx_msr_load_guest(vcpu);
		vmx_arm_user_return();
	}
	local_irq_restore(flags);
}

static void write_switched(struct vcpu *vcpu, u64 *copy, u64 value)
{
	*copy = value;
	vmx_msr_reload(vcpu);
}

/* Bits of SPEC_CTRL the host CPU has (SDM 4 table 2-2) */
static u64 spec_ctrl_valid(void)
{
	u64 valid = 0;

	if (boot_cpu_has(X86_FEATURE_SPEC_CTRL))
		valid |= SPEC_CTRL_IBRS;
	if (boot_cpu_has(X86_FEATURE_INTEL_STIBP))
		valid |= SPEC_CTRL_STIBP;
	if (boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD))
		valid |= SPEC_CTRL_SSBD;
	return valid;
}

int vmx_get_msr(struct vcpu *vcpu, u32 index, u64 *value)
{
	switch (index) {
	case MSR_FS_BASE:
		*value = vmx_segment_base(vcpu, SEG_FS);
		return 0;
	case MSR_GS_BASE:
		*value = vmx_segment_base(vcpu, SEG_GS);
		return 0;
	case MSR_KERNEL_GS_BASE:
		*value = read_kernel_gs_base(vcpu);
		return 0;
	case MSR_IA32_SYSENTER_CS:
		*value = vcpu->vmx.v86 ? vcpu->vmx.rm_sysenter_cs :
					 vmcs_read(GUEST_SYSENTER_CS);
		return 0;
	case MSR_IA32_SYSENTER_ESP:
		*value = vmcs_read(GUEST_SYSENTER_ESP);
		return 0;
	case MSR_IA32_SYSENTER_EIP:
		*value = vmcs_read(GUEST_SYSENTER_EIP);
		return 0;
	case MSR_STAR:
		*value = vcpu->vmx.star;
		return 0;
	case MSR_LSTAR:
		*value = vcpu->vmx.lstar;
		return 0;
	case MSR_CSTAR:
		*value = vcpu->vmx.cstar;
		return 0;
	case MSR_SYSCALL_MASK:
		*value = vcpu->vmx.fmask;
		return 0;
	case MSR_TSC_AUX:
		*value = vcpu->vmx.tsc_aux;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		/* the CPU may have taken bits that guests are not offered */
		*value = vcpu->vmx.entry.spec_ctrl & spec_ctrl_valid();
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		*value = vmcs_read(GUEST_IA32_DEBUGCTL);
		return 0;
	}
	return -ENOENT;
}

int vmx_set_msr(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	switch (index) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		if (!x86_canonical_register(vcpu, value))
			return -EINVAL;
		vmx_set_segment_base(vcpu, index == MSR_FS_BASE ? SEG_FS : SEG_GS,
				     value);
		return 0;
	case MSR_KERNEL_GS_BASE:
		if (!x86_canonical_register(vcpu, value))
			return -EINVAL;
		write_kernel_gs_base(vcpu, value);
		return 0;
	case MSR_IA32_SYSENTER_CS:
		if (vcpu->vmx.v86)
			vcpu->vmx.rm_sysenter_cs = value;
		else
			vmcs_write(GUEST_SYSENTER_CS, (u32)value);
		return 0;
	case MSR_IA32_SYSENTER_ESP:
		if (!x86_canonical_register(vcpu, value))
			return -EINVAL;
		vmcs_write(GUEST_SYSENTER_ESP, value);
		return 0;
	case MSR_IA32_SYSENTER_EIP:
		if (!x86_canonical_register(vcpu, value))
			return -EINVAL;
		vmcs_write(GUEST_SYSENTER_EIP, value);
		return 0;
	case MSR_STAR:
		write_switched(vcpu, &vcpu->vmx.star, value);
		return 0;
	case MSR_LSTAR:
		if (!x86_canonical_register(vcpu, value))
			return -EINVAL;
		write_switched(vcpu, &vcpu->vmx.lstar, value);
		return 0;
	case MSR_CSTAR:
		/* Intel CPUs keep it and never use it: SYSCALL is 64-bit only */
		if (!x86_canonical_register(vcpu, value))
			return -EINVAL;
		vcpu->vmx.cstar = value;
		return 0;
	case MSR_SYSCALL_MASK:
		write_switched(vcpu, &vcpu->vmx.fmask, (u32)value);
		return 0;
	case MSR_TSC_AUX:
		if (value >> 32)
			return -EINVAL;
		write_switched(vcpu, &vcpu->vmx.tsc_aux, value);
		return 0;
	case MSR_IA32_SPEC_CTRL:
		if (value & ~spec_ctrl_valid())
			return -EINVAL;
		vcpu->vmx.entry.spec_ctrl = value;
		/* from now on without exits; zero needs no switching */
		if (value && x86_gcap(vcpu, GCAP_SPEC_CTRL)) {
			vcpu->vmx.spec_ctrl_passthrough = true;
			vmx_msr_update_intercepts(vcpu);
		}
		return 0;
	case MSR_IA32_PRED_CMD:
		if (value & ~PRED_CMD_IBPB)
			return -EINVAL;
		if (value)
			indirect_branch_prediction_barrier();
		return 0;
	case MSR_IA32_FLUSH_CMD:
		if (value & ~L1D_FLUSH || !boot_cpu_has(X86_FEATURE_FLUSH_L1D))
			return -EINVAL;
		if (value)
			wrmsrl(MSR_IA32_FLUSH_CMD, value);
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		/*
		 * BTS and others come with what CPUID tells. Every CPU has LBR,
		 * and clears it when it likes (SDM 3B 18.4): here it does at once.
		 */
		if (value & ~(u64)(DEBUGCTLMSR_BTF | DEBUGCTLMSR_LBR))
			return -EINVAL;
		value &= ~(u64)DEBUGCTLMSR_LBR;
		vmcs_write(GUEST_IA32_DEBUGCTL, value);
		vmx_renew_interrupt_shadow(vcpu);
		return 0;
	}
	return -ENOENT;
}
