// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMX-preemption timer (SDM 3C 26.5.1) as the LAPIC's TSC-deadline timer
 * while the vCPU runs: its expiry is an exit, and nothing has to be programmed
 * but a field of the VMCS.
 *
 *  T1. timer_at is a value of the host's TSC. The CPU counts down from what the
 *      field holds at each entry, so the field is written before each one while
 *      timer_armed.
 *  T2. Once used, the control stays on; without a deadline the field holds the
 *      largest count, whose expiry means nothing.
 *  T3. Expiry is a reason to look at the clock, no more: the count is coarser
 *      than the TSC (IA32_VMX_MISC[4:0]) and has 32 bits.
 */
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/intel-family.h>
#include <asm/tsc.h>
#include "irqchip/irqchip.h"
#include "vmx/private.h"

/* IA32_VMX_MISC: it counts when this bit of the TSC changes (SDM 3D A.6) */
#define TIMER_RATE	GENMASK(4, 0)

static bool preemption_timer = true;
module_param(preemption_timer, bool, 0644);
MODULE_PARM_DESC(preemption_timer, "TSC deadlines by the VMX-preemption timer while the vCPU runs");

/*
 * Specification updates of Nehalem and Westmere: the timer may not count at the
 * rate that IA32_VMX_MISC tells (AAJ, AAK, AAM, AAN, AAO, AAP, BA, BD, BE).
 */
static bool wrong_rate(void)
{
	if (boot_cpu_data.x86 != 6)
		return false;
	switch (boot_cpu_data.x86_model) {
	case 0x1a:
	case 0x1e:
	case 0x1f:
	case 0x25:
	case 0x2c:
	case 0x2e:
	case 0x2f:
		return true;
	}
	return false;
}

/*
 * set_timer() - exit when the host's TSC reaches a value
 * @vcpu: the vCPU, loaded
 * @at: the value; 0 to exit no more
 *
 * Return: false where that is not possible. Never for 0.
 */
static bool set_timer(struct vcpu *vcpu, u64 at)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	if (!at) {
		if (v->timer_armed) {
			v->timer_armed = false;
			vmcs_write(VMX_PREEMPTION_TIMER_VALUE, U32_MAX);
		}
		return true;
	}
	/*
	 * It stands still in deep C-states (SDM 3C 26.5.1), where the guest's
	 * own MWAIT may go.
	 */
	if (!READ_ONCE(preemption_timer) ||
	    vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_MWAIT)
		return false;
	v->timer_at = at;
	v->timer_armed = true;
	vmx_set_pin(vcpu, v->vmcs.pin | PIN_BASED_VMX_PREEMPTION_TIMER);
	return true;
}

/* Interrupts off, right before the entry (T1) */
void vmx_write_timer(struct vcpu *vcpu)
{
	u64 now = rdtsc(), at = vcpu->vmx.timer_at, left = 0;
	unsigned int rate = vmx_caps.misc & TIMER_RATE;

	if (likely(at > now))
		left = ((at - now - 1) >> rate) + 1;
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, min_t(u64, left, U32_MAX));
}

int vmx_fast_preemption_timer(struct vcpu *vcpu)
{
	lapic_timer_expired(vcpu);
	return FAST_RESUME;
}

int vmx_exit_preemption_timer(struct vcpu *vcpu)
{
	lapic_timer_expired(vcpu);
	return RUN_RESUME;
}

void vmx_timer_setup(void)
{
	/* a value of the TSC has to mean the same on each CPU */
	if (vmx_caps.pin.allowed & PIN_BASED_VMX_PREEMPTION_TIMER &&
	    boot_cpu_has(X86_FEATURE_TSC) && !check_tsc_unstable() &&
	    !wrong_rate())
		lapic_set_timer = set_timer;
}
