// SPDX-License-Identifier: GPL-2.0-only
/*
 * PAUSE-loop exiting (SDM 3C 26.1.3): PAUSEs at CPL 0 that follow each other by
 * no more than ple_gap ticks of the TSC are a loop; one that lasts for longer
 * than ple_window ticks exits. Then vcpu_spins() looks for whom it waits for.
 *
 * A vCPU that spins on after such an exit waits for something that running
 * another vCPU did not bring about: each exit makes its window larger, until its
 * thread has lost the CPU, and others have had a chance.
 */
#include <linux/module.h>
#include "vmx/private.h"

static unsigned int ple_gap = 128;
module_param(ple_gap, uint, 0644);
MODULE_PARM_DESC(ple_gap, "TSC ticks between PAUSEs of one loop; 0: no exits. vCPUs made later");

static unsigned int ple_window = 4096;
module_param(ple_window, uint, 0644);
MODULE_PARM_DESC(ple_window, "TSC ticks of a loop of PAUSEs before an exit");

static unsigned int ple_window_grow = 2;
module_param(ple_window_grow, uint, 0644);
MODULE_PARM_DESC(ple_window_grow, "by this factor at each exit; 0 or 1: not at all");

static unsigned int ple_window_max = UINT_MAX;
module_param(ple_window_max, uint, 0644);
MODULE_PARM_DESC(ple_window_max, "to no more than this");

static bool in_use(const struct vcpu *vcpu)
{
	return vcpu->vmx.vmcs.proc2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING;
}

static void set_window(struct vcpu *vcpu, u32 window)
{
	if (window == vcpu->vmx.ple_window)
		return;
	vcpu->vmx.ple_window = window;
	vmcs_write(PLE_WINDOW, window);
}

void vmx_ple_init(struct vcpu *vcpu)
{
	u32 gap = READ_ONCE(ple_gap);

	if (!gap || !vmx_has_proc2(SECONDARY_EXEC_PAUSE_LOOP_EXITING) ||
	    vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_PAUSE)
		return;
	vmcs_write(PLE_GAP, gap);
	vcpu->vmx.ple_window = READ_ONCE(ple_window);
	vmcs_write(PLE_WINDOW, vcpu->vmx.ple_window);
	vmx_proc2_bits(vcpu, SECONDARY_EXEC_PAUSE_LOOP_EXITING, true);
}

void vmx_ple_grow(struct vcpu *vcpu)
{
	u64 window = vcpu->vmx.ple_window;
	u32 by = READ_ONCE(ple_window_grow), max = READ_ONCE(ple_window_max);

	if (!in_use(vcpu) || by < 2 || window >= max)
		return;
	set_window(vcpu, min_t(u64, max_t(u64, window, 1) * by, max));
}

void vmx_sched_in(struct vcpu *vcpu)
{
	if (in_use(vcpu))
		set_window(vcpu, READ_ONCE(ple_window));
}
