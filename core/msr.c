// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDMSR and WRMSR of the guest, with all their ways out.
 */
#include "core/run.h"
#include "core/trace.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

int run_rdmsr(struct vcpu *vcpu)
{
	u32 index = vcpu->regs[GPR_RCX];
	u64 value;

	if (x86_get_msr(vcpu, index, &value, false)) {
		trace_kvm_msr_read_ex(index);
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	trace_kvm_msr_read(index, value);
	vcpu->regs[GPR_RAX] = (u32)value;
	vcpu->regs[GPR_RDX] = value >> 32;
	return vmx_skip_insn(vcpu);
}

int run_wrmsr(struct vcpu *vcpu)
{
	u32 index = vcpu->regs[GPR_RCX];
	u64 value = (u32)vcpu->regs[GPR_RAX] | vcpu->regs[GPR_RDX] << 32;

	if (x86_set_msr(vcpu, index, value, false)) {
		trace_kvm_msr_write_ex(index, value);
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	trace_kvm_msr_write(index, value);
	return vmx_skip_insn(vcpu);
}
