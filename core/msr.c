// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDMSR and WRMSR of the guest, with all their ways out.
 */
#include "core/emul.h"
#include "core/run.h"
#include "core/trace.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

int msr_read(struct vcpu *vcpu, u32 index, u64 *value)
{
	int ret = x86_msr_filtered(vcpu, index, false) ? X86_MSR_FILTERED :
		  x86_get_msr(vcpu, index, value, false);

	if (ret)
		trace_kvm_msr_read_ex(index);
	else
		trace_kvm_msr_read(index, *value);
	return ret;
}

int msr_write(struct vcpu *vcpu, u32 index, u64 value)
{
	int ret = x86_msr_filtered(vcpu, index, true) ? X86_MSR_FILTERED :
		  x86_set_msr(vcpu, index, value, false);

	if (ret)
		trace_kvm_msr_write_ex(index, value);
	else
		trace_kvm_msr_write(index, value);
	return ret;
}

bool msr_ask_user(struct vcpu *vcpu, bool write, u32 index, u64 value, int why)
{
	struct kvm_run *run = vcpu->run;
	u32 reason = why == X86_MSR_FILTERED ? KVM_MSR_EXIT_REASON_FILTER :
		     why == X86_MSR_UNKNOWN ? KVM_MSR_EXIT_REASON_UNKNOWN :
					      KVM_MSR_EXIT_REASON_INVAL;

	if (!(READ_ONCE(vcpu->vm->arch.user_msr_mask) & reason))
		return false;
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = value;
	return true;
}

static int refused(struct vcpu *vcpu, bool write, u64 value, int why)
{
	if (!msr_ask_user(vcpu, write, vcpu->regs[GPR_RCX], value, why)) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	/* user space may look at RIP, move it, or save the vCPU meanwhile */
	vcpu->io.rip = vcpu_rip(vcpu);
	vmx_insn_len(vcpu);
	vcpu->io.pending = write ? IO_WRMSR : IO_RDMSR;
	return RUN_EXIT_USER;
}

static void set_edx_eax(struct vcpu *vcpu, u64 value)
{
	vcpu->regs[GPR_RAX] = (u32)value;
	vcpu->regs[GPR_RDX] = value >> 32;
}

int msr_complete(struct vcpu *vcpu, enum io_pending what)
{
	struct kvm_run *run = vcpu->run;
	u64 value = READ_ONCE(run->msr.data);
	bool error = READ_ONCE(run->msr.error);

	if (what == IO_EMUL_MSR)
		return emul_resume_msr(vcpu, value, error);
	/* user space set another RIP: the instruction is none of ours any more */
	if (vcpu_rip(vcpu) != vcpu->io.rip)
		return RUN_RESUME;
	if (error) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	if (what == IO_RDMSR)
		set_edx_eax(vcpu, value);
	return vmx_skip_insn(vcpu);
}

int run_rdmsr(struct vcpu *vcpu)
{
	u64 value = 0;
	int why = msr_read(vcpu, vcpu->regs[GPR_RCX], &value);

	if (why)
		return refused(vcpu, false, 0, why);
	set_edx_eax(vcpu, value);
	return vmx_skip_insn(vcpu);
}

int run_wrmsr(struct vcpu *vcpu)
{
	u64 value = (u32)vcpu->regs[GPR_RAX] | vcpu->regs[GPR_RDX] << 32;
	int why = msr_write(vcpu, vcpu->regs[GPR_RCX], value);

	if (why)
		return refused(vcpu, true, value, why);
	return vmx_skip_insn(vcpu);
}
