// SPDX-License-Identifier: GPL-2.0-only
/*
 * PAUSE-loop exiting (SDM 3C 26.1.3): PAUSEs at CPL 0 that follow each other by
 * no more than ple_gap ticks of the TSC are a loop; one that lasts for longer
 * than ple_window ticks exits. Then vcpu_spins() looks for whom it waits for.
 */
#include <linux/module.h>
#include "vmx/private.h"

static unsigned int ple_gap = 128;
module_param(ple_gap, uint, 0644);
MODULE_PARM_DESC(ple_gap, "TSC ticks between PAUSEs of one loop; 0: no exits. vCPUs made later");

static unsigned int ple_window = 4096;
module_param(ple_window, uint, 0644);
MODULE_PARM_DESC(ple_window, "TSC ticks of a loop of PAUSEs before an exit. vCPUs made later");

void vmx_ple_init(struct vcpu *vcpu)
{
	u32 gap = READ_ONCE(ple_gap);

	if (!gap || !vmx_has_proc2(SECONDARY_EXEC_PAUSE_LOOP_EXITING) ||
	    vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_PAUSE)
		return;
	vmcs_write(PLE_GAP, gap);
	vmcs_write(PLE_WINDOW, READ_ONCE(ple_window));
	vmx_proc2_bits(vcpu, SECONDARY_EXEC_PAUSE_LOOP_EXITING, true);
}
