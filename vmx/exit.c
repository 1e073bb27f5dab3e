// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of exits (SDM 3D appendix C), and the outer dispatch.
 *
 * A fast handler runs in the fast loop with interrupts off and finishes the
 * simple case; everything else is the full handler's. Each basic exit reason
 * is here: handled, turned into the fault the guest would get, or reported to
 * user space.
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include "core/run.h"
#include "vmx/private.h"

#define EXIT(reason_, fast_, full_) \
	[reason_] = { .name = #reason_, .fast = fast_, .full = full_ }
/* the exit may come in the middle of delivering an event (SDM 3C 28.2.4) */
#define EXIT_DELIVERY(reason_, full_) \
	[reason_] = { .name = #reason_, .full = full_, .delivery = true }

#define EXIT_DELIVERY_FAST(reason_, fast_, full_) \
	[reason_] = { .name = #reason_, .fast = fast_, .full = full_, \
		      .delivery = true }

/* Reasons that <asm/vmx.h> of some kernels does not name (SDM 3D table C-1) */
#define REASON_IO_SMI			5
#define REASON_OTHER_SMI		6
#define REASON_GETSEC			11
#define REASON_RSM			17
#define REASON_ENTRY_MSR_LOAD		34
#define REASON_RDRAND			57
#define REASON_ENCLS			60
#define REASON_RDSEED			61
#define REASON_PCONFIG			65
#define REASON_SPP			66
#define REASON_LOADIWKEY		69
#define REASON_ENCLV			70
#define REASON_ENQCMD_PASID		72
#define REASON_ENQCMDS_PASID		73
#define REASON_BUS_LOCK			74
#define REASON_NOTIFY			75

const struct vmx_exit vmx_exits[] = {
	EXIT_DELIVERY_FAST(EXIT_REASON_EXCEPTION_NMI, vmx_fast_exception,
			   vmx_exit_exception),
	EXIT(EXIT_REASON_EXTERNAL_INTERRUPT, vmx_fast_interrupt, vmx_exit_external_interrupt),
	EXIT_DELIVERY(EXIT_REASON_TRIPLE_FAULT, vmx_exit_triple_fault),
	EXIT(EXIT_REASON_INIT_SIGNAL, NULL, vmx_exit_unexpected),
	EXIT(EXIT_REASON_SIPI_SIGNAL, NULL, vmx_exit_unexpected),
	EXIT(REASON_IO_SMI, NULL, vmx_exit_unexpected),
	EXIT(REASON_OTHER_SMI, NULL, vmx_exit_unexpected),
	EXIT(EXIT_REASON_INTERRUPT_WINDOW, vmx_fast_irq_window,
	     vmx_exit_irq_window),
	EXIT(EXIT_REASON_NMI_WINDOW, NULL, vmx_exit_nmi_window),
	EXIT_DELIVERY(EXIT_REASON_TASK_SWITCH, vmx_exit_task_switch),
	EXIT(EXIT_REASON_CPUID, vmx_fast_cpuid, vmx_exit_cpuid),
	EXIT(REASON_GETSEC, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_HLT, vmx_fast_hlt, vmx_exit_hlt),
	EXIT(EXIT_REASON_INVD, NULL, vmx_exit_wbinvd),
	EXIT(EXIT_REASON_INVLPG, vmx_fast_invlpg, vmx_exit_invlpg),
	EXIT(EXIT_REASON_RDPMC, NULL, vmx_exit_rdpmc),
	EXIT(EXIT_REASON_RDTSC, NULL, vmx_exit_rdtsc),
	EXIT(REASON_RSM, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMCALL, vmx_fast_vmcall, vmx_exit_vmcall),
	EXIT(EXIT_REASON_VMCLEAR, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMLAUNCH, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMPTRLD, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMPTRST, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMREAD, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMRESUME, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMWRITE, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMOFF, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_VMON, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_CR_ACCESS, vmx_fast_cr, vmx_exit_cr),
	EXIT(EXIT_REASON_DR_ACCESS, NULL, vmx_exit_dr),
	EXIT(EXIT_REASON_IO_INSTRUCTION, vmx_fast_io, vmx_exit_io),
	EXIT(EXIT_REASON_MSR_READ, vmx_fast_rdmsr, vmx_exit_rdmsr),
	EXIT(EXIT_REASON_MSR_WRITE, vmx_fast_wrmsr, vmx_exit_wrmsr),
	EXIT(EXIT_REASON_INVALID_STATE, NULL, vmx_exit_entry_failed),
	EXIT(REASON_ENTRY_MSR_LOAD, NULL, vmx_exit_entry_failed),
	EXIT(EXIT_REASON_MWAIT_INSTRUCTION, NULL, vmx_exit_mwait),
	EXIT(EXIT_REASON_MONITOR_TRAP_FLAG, NULL, vmx_exit_mtf),
	EXIT(EXIT_REASON_MONITOR_INSTRUCTION, NULL, vmx_exit_monitor),
	EXIT(EXIT_REASON_PAUSE_INSTRUCTION, NULL, vmx_exit_pause),
	EXIT(EXIT_REASON_MCE_DURING_VMENTRY, NULL, vmx_exit_entry_failed),
	EXIT(EXIT_REASON_TPR_BELOW_THRESHOLD, vmx_fast_tpr, vmx_exit_tpr),
	EXIT_DELIVERY_FAST(EXIT_REASON_APIC_ACCESS, vmx_fast_apic_access,
			   vmx_exit_apic_access),
	EXIT(EXIT_REASON_EOI_INDUCED, NULL, vmx_exit_eoi_induced),
	EXIT(EXIT_REASON_GDTR_IDTR, NULL, vmx_exit_emulate),
	EXIT(EXIT_REASON_LDTR_TR, NULL, vmx_exit_emulate),
	EXIT_DELIVERY_FAST(EXIT_REASON_EPT_VIOLATION, vmx_fast_ept_violation,
			   vmx_exit_ept_violation),
	EXIT_DELIVERY(EXIT_REASON_EPT_MISCONFIG, vmx_exit_ept_misconfig),
	EXIT(EXIT_REASON_INVEPT, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_RDTSCP, NULL, vmx_exit_rdtscp),
	EXIT(EXIT_REASON_PREEMPTION_TIMER, vmx_fast_preemption_timer,
	     vmx_exit_preemption_timer),
	EXIT(EXIT_REASON_INVVPID, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_WBINVD, NULL, vmx_exit_wbinvd),
	EXIT(EXIT_REASON_XSETBV, NULL, vmx_exit_xsetbv),
	EXIT(EXIT_REASON_APIC_WRITE, vmx_fast_apic_write, vmx_exit_apic_write),
	EXIT(REASON_RDRAND, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_INVPCID, NULL, vmx_exit_invpcid),
	EXIT(EXIT_REASON_VMFUNC, NULL, vmx_exit_ud),
	EXIT(REASON_ENCLS, NULL, vmx_exit_ud),
	EXIT(REASON_RDSEED, NULL, vmx_exit_ud),
	EXIT_DELIVERY(EXIT_REASON_PML_FULL, vmx_exit_pml_full),
	EXIT(EXIT_REASON_XSAVES, NULL, vmx_exit_unexpected),
	EXIT(EXIT_REASON_XRSTORS, NULL, vmx_exit_unexpected),
	EXIT(REASON_PCONFIG, NULL, vmx_exit_ud),
	EXIT(REASON_SPP, NULL, vmx_exit_unexpected),
	EXIT(EXIT_REASON_UMWAIT, NULL, vmx_exit_ud),
	EXIT(EXIT_REASON_TPAUSE, NULL, vmx_exit_ud),
	EXIT(REASON_LOADIWKEY, NULL, vmx_exit_ud),
	EXIT(REASON_ENCLV, NULL, vmx_exit_ud),
	EXIT(REASON_ENQCMD_PASID, NULL, vmx_exit_unexpected),
	EXIT(REASON_ENQCMDS_PASID, NULL, vmx_exit_unexpected),
	EXIT(REASON_BUS_LOCK, NULL, vmx_exit_unexpected),
	EXIT(REASON_NOTIFY, NULL, vmx_exit_unexpected),
};

const unsigned int vmx_nr_exits = ARRAY_SIZE(vmx_exits);

static bool exit_time;
module_param(exit_time, bool, 0644);
MODULE_PARM_DESC(exit_time, "account the time of full exit handlers to the exit reasons");

/* An exit that no control of ours asks for, or whose reason nobody knows */
int vmx_exit_unexpected(struct vcpu *vcpu)
{
	const u64 data[] = { vcpu->vmx.exit_reason, vcpu->vmx.vmcs.cpu };

	pr_err_ratelimited("vCPU %u: unexpected exit, reason %#x, qualification %#llx\n",
			   vcpu->id, vcpu->vmx.exit_reason, vmx_exit_qual(vcpu));
	vmx_dump(vcpu);
	return run_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
				  ARRAY_SIZE(data), data);
}

/*
 * An exit in the middle of a delivery that will not resume by itself: going on
 * would lose the event.
 */
static int delivery_error(struct vcpu *vcpu)
{
	const u64 data[] = {
		vcpu->vmx.idt_info, vcpu->vmx.exit_reason, vmx_exit_qual(vcpu),
		vcpu->vmx.vmcs.cpu,
	};

	return run_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV,
				  ARRAY_SIZE(data), data);
}

static __always_inline int dispatch(struct vcpu *vcpu, u32 reason)
{
	if (unlikely(reason >= vmx_nr_exits))
		return vmx_exit_unexpected(vcpu);
	reason = array_index_nospec(reason, vmx_nr_exits);
	if (unlikely(!vmx_exits[reason].full))
		return vmx_exit_unexpected(vcpu);
	if (unlikely(vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK &&
		     reason == EXIT_REASON_APIC_ACCESS))
		return delivery_error(vcpu);
	return vmx_exits[reason].full(vcpu);
}

static noinline int dispatch_timed(struct vcpu *vcpu, u32 reason)
{
	u64 start = ktime_get_mono_fast_ns();
	int ret = dispatch(vcpu, reason);

	if (reason < NR_EXIT_REASONS)
		vcpu->stats.exit_ns[reason] += ktime_get_mono_fast_ns() - start;
	return ret;
}

int vmx_handle_exit(struct vcpu *vcpu)
{
	u32 reason = vcpu->vmx.exit_reason;

	if (likely(reason == VMX_REASON_NONE))
		return RUN_RESUME;
	if (unlikely(reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return vmx_exit_entry_failed(vcpu);
	return unlikely(READ_ONCE(exit_time)) ? dispatch_timed(vcpu, reason) :
						dispatch(vcpu, reason);
}
