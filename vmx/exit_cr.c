// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control- and debug-register accesses (SDM 3C tables 28-3 and 28-4).
 */
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include "core/run.h"
#include "core/trace.h"
#include "irqchip/irqchip.h"
#include "vmx/private.h"
#include "x86/x86.h"

enum { CR_TO, CR_FROM, CR_CLTS, CR_LMSW };

/*
 * Without an in-kernel APIC user space keeps the TPR: it must see one that
 * went down, since an interrupt may wait for it.
 */
static int mov_to_cr8(struct vcpu *vcpu, u64 value)
{
	u64 old = x86_get_cr8(vcpu);
	int ret;

	if (x86_set_cr8(vcpu, value)) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	ret = vmx_skip_insn(vcpu);
	if (ret != RUN_RESUME || vcpu->lapic || value >= old)
		return ret;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return RUN_EXIT_USER;
}

static int mov_to_cr(struct vcpu *vcpu, unsigned int cr, u64 value)
{
	int gp;

	trace_kvm_cr_write(cr, value);
	switch (cr) {
	case 0:
		gp = x86_set_cr0(vcpu, value);
		break;
	case 3:
		gp = x86_set_cr3(vcpu, value);
		break;
	case 4:
		gp = x86_set_cr4(vcpu, value);
		break;
	case 8:
		return mov_to_cr8(vcpu, value);
	default:
		return vmx_exit_unexpected(vcpu);
	}
	if (gp) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	return vmx_skip_insn(vcpu);
}

static int mov_from_cr(struct vcpu *vcpu, unsigned int cr, enum gpr reg)
{
	u64 value;

	switch (cr) {
	case 3:
		value = x86_cr3(vcpu);
		break;
	case 8:
		value = x86_get_cr8(vcpu);
		break;
	default:
		return vmx_exit_unexpected(vcpu);
	}
	trace_kvm_cr_read(cr, value);
	vcpu_set_gpr(vcpu, reg, value);
	return vmx_skip_insn(vcpu);
}

/* MOV to CR3 of a table that the MMU knows already */
int vmx_fast_cr(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	u64 value, cr2;
	bool done;

	/* SDM 3C table 28-3: register 3 in bits 3:0, access type 0 in bits 5:4 */
	if ((qual & 0x3f) != 3 || unlikely(vcpu->arch.guest_debug))
		return FAST_FULL;
	value = vcpu_gpr(vcpu, (qual >> 8) & 15);
	if (unlikely(value >> 32) && !vcpu_64bit(vcpu))
		value = (u32)value;
	/* a look at guest memory may fault, and the guest's CR2 is in the CPU */
	cr2 = read_cr2();
	done = x86_fast_set_cr3(vcpu, value);
	vmx_keep_cr2(cr2);
	if (!done)
		return FAST_FULL;
	trace_kvm_cr_write(3, value);
	vmx_skip_insn(vcpu);
	return FAST_RESUME;
}

int vmx_exit_cr(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	unsigned int cr = qual & 15;
	enum gpr reg = (qual >> 8) & 15;

	switch ((qual >> 4) & 3) {
	case CR_TO: {
		u64 value = vcpu_gpr(vcpu, reg);

		/* outside 64-bit mode the operand has 32 bits */
		if (!vcpu_64bit(vcpu))
			value = (u32)value;
		return mov_to_cr(vcpu, cr, value);
	}
	case CR_FROM:
		return mov_from_cr(vcpu, cr, reg);
	case CR_CLTS:
		trace_kvm_cr_write(0, x86_cr0(vcpu) & ~X86_CR0_TS);
		vmx_update_cr0(vcpu, x86_cr0(vcpu) & ~X86_CR0_TS);
		return vmx_skip_insn(vcpu);
	case CR_LMSW:
		x86_lmsw(vcpu, qual >> LMSW_SOURCE_DATA_SHIFT);
		return vmx_skip_insn(vcpu);
	}
	return vmx_exit_unexpected(vcpu);
}

int vmx_exit_dr(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	unsigned int dr = qual & DEBUG_REG_ACCESS_NUM;
	enum gpr reg = DEBUG_REG_ACCESS_REG(qual);
	int vector;
	u64 value;

	/*
	 * The #GP of the privilege check comes first (SDM 3C 26.1.1), but not
	 * in every emulator.
	 */
	if (vcpu_cpl(vcpu)) {
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	}
	if (unlikely(vcpu->arch.guest_debug & KVM_GUESTDBG_USE_HW_BP &&
		     vcpu->arch.guest_debug_dr7 & DR7_GD))
		return vmx_debug_exit(vcpu, DB_VECTOR, DR6_BD);
	if (qual & TYPE_MOV_FROM_DR) {
		vector = x86_get_dr(vcpu, dr, &value);
		if (!vector)
			vcpu_set_gpr(vcpu, reg, value);
	} else {
		value = vcpu_gpr(vcpu, reg);
		if (!vcpu_64bit(vcpu))
			value = (u32)value;
		vector = x86_set_dr(vcpu, dr, value);
	}
	switch (vector) {
	case 0:
		return vmx_skip_insn(vcpu);
	case GP_VECTOR:
		x86_inject_gp(vcpu);
		return RUN_RESUME;
	case DB_VECTOR:
		x86_queue_exception_payload(vcpu, DB_VECTOR, DR6_BD);
		return RUN_RESUME;
	default:
		x86_queue_exception(vcpu, vector);
		return RUN_RESUME;
	}
}
