// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits of single instructions.
 */
#include <linux/kvm_para.h>
#include "core/run.h"
#include "core/trace.h"
#include "vmx/private.h"
#include "x86/x86.h"

/* ---- fast handlers; interrupts off ------------------------------------------- */

static noinline void search_cpuid(struct vcpu *vcpu)
{
	u32 eax = vcpu->regs[GPR_RAX], ecx = vcpu->regs[GPR_RCX], ebx, edx;

	x86_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	vcpu->regs[GPR_RAX] = eax;
	vcpu->regs[GPR_RBX] = ebx;
	vcpu->regs[GPR_RCX] = ecx;
	vcpu->regs[GPR_RDX] = edx;
}

static __always_inline void do_cpuid(struct vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e;

	e = x86_cpuid_direct(vcpu, vcpu->regs[GPR_RAX]);
	if (unlikely(!e)) {
		search_cpuid(vcpu);
		return;
	}
	TRACE_LAZY(kvm_cpuid, vcpu->regs[GPR_RAX], vcpu->regs[GPR_RCX], e->eax,
		   e->ebx, e->ecx, e->edx, true, false);
	vcpu->regs[GPR_RAX] = e->eax;
	vcpu->regs[GPR_RBX] = e->ebx;
	vcpu->regs[GPR_RCX] = e->ecx;
	vcpu->regs[GPR_RDX] = e->edx;
}

/* A debugger single-steps: whatever RIP passes is reported, by the full handlers */
static __always_inline bool stepping(struct vcpu *vcpu)
{
	return unlikely(vcpu->arch.guest_debug);
}

int vmx_fast_cpuid(struct vcpu *vcpu)
{
	if (stepping(vcpu))
		return FAST_FULL;
	do_cpuid(vcpu);
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

/* A number that no hypercall has; the known ones take the full way */
int vmx_fast_vmcall(struct vcpu *vcpu)
{
	u64 nr = vcpu->regs[GPR_RAX];

	if (stepping(vcpu) || (u32)nr <= KVM_HC_MAP_GPA_RANGE)
		return FAST_FULL;
	vcpu->stats.hypercalls++;
	vcpu->regs[GPR_RAX] = vcpu_cpl(vcpu) ? -KVM_EPERM : -KVM_ENOSYS;
	if (!vcpu_64bit(vcpu))
		vcpu->regs[GPR_RAX] = (u32)vcpu->regs[GPR_RAX];
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

int vmx_fast_rdmsr(struct vcpu *vcpu)
{
	u32 index = vcpu->regs[GPR_RCX];
	u64 value;

	if (stepping(vcpu) || !x86_fast_rdmsr(vcpu, index, &value))
		return FAST_FULL;
	trace_kvm_msr_read(index, value);
	vcpu->regs[GPR_RAX] = (u32)value;
	vcpu->regs[GPR_RDX] = value >> 32;
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

int vmx_fast_wrmsr(struct vcpu *vcpu)
{
	u32 index = vcpu->regs[GPR_RCX];
	u64 value = (u32)vcpu->regs[GPR_RAX] | vcpu->regs[GPR_RDX] << 32;

	if (stepping(vcpu) ||
	    !(lapic_is_msr(index) ? lapic_write_msr_fast(vcpu, index, value) :
				    x86_fast_wrmsr(vcpu, index, value)))
		return FAST_FULL;
	trace_kvm_msr_write(index, value);
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

/* Does nothing to an address that is none (SDM 2A INVLPG) */
static bool invlpg_address(struct vcpu *vcpu)
{
	return !x86_long_mode(vcpu) || x86_canonical(vcpu, vmx_exit_qual(vcpu));
}

int vmx_fast_invlpg(struct vcpu *vcpu)
{
	u64 cr2 = read_cr2();
	bool done = true;

	if (stepping(vcpu))
		return FAST_FULL;
	if (likely(invlpg_address(vcpu)))
		done = mmu_op(vcpu->vm, invlpg_fast, vcpu, vmx_exit_qual(vcpu));
	vmx_keep_cr2(cr2);
	if (!done)
		return FAST_FULL;
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

/* ---- full handlers -------------------------------------------------------------- */

int vmx_exit_cpuid(struct vcpu *vcpu)
{
	do_cpuid(vcpu);
	return vmx_skip_insn(vcpu);
}

int vmx_exit_hlt(struct vcpu *vcpu)
{
	int ret = vmx_skip_insn(vcpu);

	return ret == RUN_RESUME ? run_halt(vcpu) : ret;
}

/*
 * The caches are coherent with everything a guest's memory is used for, so
 * neither instruction has an effect to bring about; INVD must not lose data.
 */
int vmx_exit_wbinvd(struct vcpu *vcpu)
{
	return vmx_skip_insn(vcpu);
}

int vmx_exit_invlpg(struct vcpu *vcpu)
{
	if (invlpg_address(vcpu))
		mmu_op(vcpu->vm, invlpg, vcpu, vmx_exit_qual(vcpu));
	return vmx_skip_insn(vcpu);
}

/* No performance counters are offered, so each number is out of range */
int vmx_exit_rdpmc(struct vcpu *vcpu)
{
	x86_inject_gp(vcpu);
	return RUN_RESUME;
}

static void read_tsc(struct vcpu *vcpu)
{
	u64 tsc = x86_guest_tsc(vcpu, rdtsc());

	vcpu->regs[GPR_RAX] = (u32)tsc;
	vcpu->regs[GPR_RDX] = tsc >> 32;
}

int vmx_exit_rdtsc(struct vcpu *vcpu)
{
	read_tsc(vcpu);
	return vmx_skip_insn(vcpu);
}

int vmx_exit_rdtscp(struct vcpu *vcpu)
{
	read_tsc(vcpu);
	vcpu->regs[GPR_RCX] = vcpu->vmx.tsc_aux;
	return vmx_skip_insn(vcpu);
}

int vmx_exit_vmcall(struct vcpu *vcpu)
{
	vcpu->stats.hypercalls++;
	return run_hypercall(vcpu);
}

/* An instruction of a feature the guest's CPUID does not have */
int vmx_exit_ud(struct vcpu *vcpu)
{
	x86_queue_exception(vcpu, UD_VECTOR);
	return RUN_RESUME;
}

int vmx_exit_rdmsr(struct vcpu *vcpu)
{
	return run_rdmsr(vcpu);
}

int vmx_exit_wrmsr(struct vcpu *vcpu)
{
	return run_wrmsr(vcpu);
}

/* They do nothing, which they may; as in the emulator, emul_x_monitor() */
static int monitor_mwait(struct vcpu *vcpu)
{
	return x86_has_monitor(vcpu) ? vmx_skip_insn(vcpu) : vmx_exit_ud(vcpu);
}

int vmx_exit_mwait(struct vcpu *vcpu)
{
	return monitor_mwait(vcpu);
}

int vmx_exit_monitor(struct vcpu *vcpu)
{
	return monitor_mwait(vcpu);
}

/* Another vCPU probably holds what this one spins for (vmx/ple.c) */
int vmx_exit_pause(struct vcpu *vcpu)
{
	vmx_ple_grow(vcpu);
	vcpu_spins(vcpu);
	return vmx_skip_insn(vcpu);
}

int vmx_exit_xsetbv(struct vcpu *vcpu)
{
	u64 value = (u32)vcpu->regs[GPR_RAX] | vcpu->regs[GPR_RDX] << 32;

	if (vcpu_cpl(vcpu) || x86_set_xcr(vcpu, vcpu->regs[GPR_RCX], value)) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	return vmx_skip_insn(vcpu);
}

/* ---- INVPCID (SDM 2A) ------------------------------------------------------------- */

/* Instruction information: SDM 3C table 28-14 */
#define INFO_SCALE(i)		((i) & 3)
#define INFO_ADDR_SIZE(i)	(((i) >> 7) & 7)	/* 0: 16, 1: 32, 2: 64 bits */
#define INFO_SEG(i)		(((i) >> 15) & 7)
#define INFO_INDEX(i)		(((i) >> 18) & 15)
#define INFO_NO_INDEX(i)	((i) & BIT(22))
#define INFO_BASE(i)		(((i) >> 23) & 15)
#define INFO_NO_BASE(i)		((i) & BIT(27))
#define INFO_REG2(i)		(((i) >> 28) & 15)

/*
 * operand_gva() - linear address of an exiting instruction's operand
 * @vcpu: the vCPU
 * @info: VM-exit instruction information
 * @disp: displacement (the exit qualification)
 * @len: bytes accessed
 * @gva: result
 *
 * Return: 0, or -1 after queueing the fault the guest gets.
 */
static int operand_gva(struct vcpu *vcpu, u32 info, u64 disp, u32 len, gva_t *gva)
{
	static const u64 addr_mask[] = { 0xffff, 0xffffffff, ~0ull, 0 };
	enum seg_reg reg = INFO_SEG(info);
	struct vmx_seg seg;
	u64 off = disp;

	if (reg > SEG_GS || INFO_ADDR_SIZE(info) > 2)
		return -1;
	if (!INFO_NO_BASE(info))
		off += vcpu_gpr(vcpu, INFO_BASE(info));
	if (!INFO_NO_INDEX(info))
		off += vcpu_gpr(vcpu, INFO_INDEX(info)) << INFO_SCALE(info);
	off &= addr_mask[INFO_ADDR_SIZE(info)];

	vmx_read_seg(vcpu, &seg, reg);
	if (vcpu_64bit(vcpu)) {
		*gva = off + (reg >= SEG_FS ? seg.base : 0);
		if (x86_canonical(vcpu, *gva))
			return 0;
	} else {
		bool down = !(seg.ar & VMX_AR_TYPE_CODE_MASK) && seg.ar & BIT(2);
		u64 last = off + len - 1;

		*gva = (u32)(seg.base + off);
		if (!(seg.ar & VMX_AR_UNUSABLE_MASK) &&
		    (down ? off > seg.limit &&
			    last <= (seg.ar & VMX_AR_DB_MASK ? U32_MAX : 0xffff) :
			    last <= seg.limit))
			return 0;
	}
	x86_queue_exception_error(vcpu, reg == SEG_SS ? SS_VECTOR : GP_VECTOR, 0);
	return -1;
}

int vmx_exit_invpcid(struct vcpu *vcpu)
{
	u32 info = vmcs_read(VMX_INSTRUCTION_INFO);
	u64 type = vcpu_gpr(vcpu, INFO_REG2(info));
	struct x86_exception e;
	struct {
		u64 pcid, gva;
	} desc;
	gva_t gva;
	int ret;

	if (!x86_gcap(vcpu, GCAP_INVPCID))
		return vmx_exit_ud(vcpu);
	/* Faults come before the exit, but not on every implementation */
	if (vcpu_cpl(vcpu)) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	if (!vcpu_64bit(vcpu))
		type = (u32)type;
	if (operand_gva(vcpu, info, vmx_exit_qual(vcpu), sizeof(desc), &gva))
		return RUN_RESUME;
	ret = vcpu_read_gva(vcpu, gva, &desc, sizeof(desc), MMU_ACC_READ, &e);
	if (ret == MMU_INJECT) {
		x86_queue_fault(vcpu, &e);
		return RUN_RESUME;
	}
	if (ret == MMU_EMULATE)	/* the descriptor is in no memory */
		return run_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	if (ret < 0)
		return ret == -EAGAIN ? RUN_RESUME : ret;
	if (type > 3 || desc.pcid >> 12 ||
	    (type < 2 && desc.pcid && !(x86_cr4(vcpu) & X86_CR4_PCIDE)) ||
	    (type == 0 && !x86_canonical(vcpu, desc.gva))) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	switch (type) {
	case 0:
		mmu_op(vcpu->vm, invpcid_addr, vcpu, desc.pcid, desc.gva);
		break;
	case 1:
		mmu_op(vcpu->vm, invpcid, vcpu, desc.pcid);
		break;
	case 2:
	case 3:		/* but global ones, which may go too */
		mmu_op(vcpu->vm, flush_guest, vcpu);
		break;
	}
	return vmx_skip_insn(vcpu);
}
