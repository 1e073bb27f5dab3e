// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode on CPUs without unrestricted guest: as virtual-8086 mode.
 *
 *  V1. While vmx.v86 is set the CPU runs the guest at CPL 3 with RFLAGS.VM; the
 *      VMCS has the segments, the RFLAGS and the TR that this takes. Selectors
 *      and bases are the guest's own. What else the guest has of its segments
 *      is in vmx.rm_seg, its hidden RFLAGS bits are in vmx.rm_rflags. Everybody
 *      reads and writes segments and RFLAGS through functions that know.
 *  V2. IOPL is 0 and CR4.VME clear, so that CLI, STI, PUSHF, POPF, INT n and IRET
 *      fault and are emulated (V3): with IOPL 3, or with VME, the FLAGS that the
 *      guest pushes would show the CPU's IOPL, and POPF would not change it.
 *  V3. Every exception exits: the CPU would use the vector table as an IDT. What
 *      virtual-8086 mode forbids and real mode does not comes as #GP or #SS and
 *      is emulated; so are accesses beyond 64 KiB with the limits of "unreal"
 *      mode, CLAC, STAC, MONITOR and MWAIT (#UD), what is not aligned (#AC), INT3 and
 *      INTO, whose length only decoding tells. Other exceptions, interrupts and NMIs are
 *      delivered by the emulator.
 *  V4. State that virtual-8086 mode cannot show is emulated until it is gone:
 *      bases other than selector * 16, 32-bit code or stacks, small limits, a
 *      vector table elsewhere.
 */
#include "core/run.h"
#include "vmx/private.h"
#include "x86/x86.h"

/*
 * The TSS of KVM_SET_TSS_ADDR (SDM 3A 8.2.1, 3B 21.3.3): I/O permission map all
 * clear, one byte of ones behind it. The redirection map does not count here.
 */
#define TSS_IOMAP_FIELD		102
#define TSS_REDIRECTION		104
#define TSS_IOMAP		(TSS_REDIRECTION + 256 / 8)
#define TSS_END			(TSS_IOMAP + 65536 / 8)	/* the byte of ones */

#define V86_AR			0xf3	/* SDM 3C 27.3.1.2 */
#define RFLAGS_HIDDEN		(X86_EFLAGS_VM | X86_EFLAGS_IOPL | \
				 X86_EFLAGS_VIF | X86_EFLAGS_VIP)

/* Would the guest notice that the segment is one of virtual-8086 mode? */
static bool seg_fits(const struct vmx_seg *s, enum seg_reg r)
{
	unsigned int type = s->ar & VMX_AR_TYPE_MASK;

	if (s->base != (u64)s->sel << 4 || s->limit < 0xffff ||
	    s->ar & VMX_AR_UNUSABLE_MASK || !(s->ar & VMX_AR_P_MASK) ||
	    !(s->ar & VMX_AR_S_MASK))
		return false;
	if (r == SEG_CS)
		return !(s->ar & (VMX_AR_DB_MASK | VMX_AR_L_MASK));
	/* data, expand-up, writable; accessed or not (SDM 3A table 3-1) */
	if (type != 2 && type != 3)
		return false;
	return r != SEG_SS || !(s->ar & VMX_AR_DB_MASK);
}

static bool write_tss(struct vcpu *vcpu)
{
	const u16 iomap = TSS_IOMAP;
	struct vm *vm = vcpu->vm;
	const u8 ones = 0xff;
	gpa_t tss;

	if (READ_ONCE(vm->vmx.tss_written))
		return true;
	/* the slot is new memory, zero but for these; others may write the same */
	if (!READ_ONCE(vm->mmu.tss_set))
		return false;
	tss = READ_ONCE(vm->mmu.tss_addr);
	if (guest_write(vm, vcpu, tss + TSS_IOMAP_FIELD, &iomap, sizeof(iomap)) ||
	    guest_write(vm, vcpu, tss + TSS_END, &ones, sizeof(ones)))
		return false;
	WRITE_ONCE(vm->vmx.tss_written, true);
	return true;
}

/**
 * vmx_v86_possible() - can virtual-8086 mode stand for the guest's real mode?
 * @vcpu: the vCPU, in real mode, without unrestricted guest
 *
 * Context: vm->srcu held, may sleep.
 */
bool vmx_v86_possible(struct vcpu *vcpu)
{
	struct vmx_seg s;
	int r;

	for (r = SEG_ES; r <= SEG_GS; r++) {
		vmx_read_seg(vcpu, &s, r);
		if (!seg_fits(&s, r))
			return false;
	}
	return !vmcs_read(GUEST_IDTR_BASE) &&
	       vmcs_read(GUEST_IDTR_LIMIT) >= 256 * 4 - 1 && write_tss(vcpu);
}

/**
 * vmx_v86_enter() - from the guest's own state to virtual-8086 mode
 * @vcpu: the vCPU, vmx_v86_possible()
 */
void vmx_v86_enter(struct vcpu *vcpu)
{
	const struct vmx_seg tss = {
		.base = READ_ONCE(vcpu->vm->mmu.tss_addr), .limit = TSS_END,
		.ar = VMX_AR_P_MASK | VMX_AR_TYPE_BUSY_32_TSS,
	};
	struct vmx_vcpu *v = &vcpu->vmx;
	u64 rflags = vcpu_rflags(vcpu);
	int r;

	if (v->v86) {
		/* KVM_SET_TSS_ADDR may have moved it meanwhile */
		vmcs_write(GUEST_SEG_BASE(SEG_TR), tss.base);
		return;
	}
	for (r = SEG_ES; r < NR_SEGS; r++)
		vmx_read_seg(vcpu, &v->rm_seg[r], r);
	for (r = SEG_ES; r <= SEG_GS; r++) {
		vmcs_write(GUEST_SEG_LIMIT(r), 0xffff);
		vmcs_write(GUEST_SEG_AR(r), V86_AR);
	}
	vmx_write_seg(vcpu, &tss, SEG_TR);
	vmcs_write(GUEST_SEG_AR(SEG_LDTR), VMX_AR_UNUSABLE_MASK);
	/* SYSENTER, which CPL 3 has, is to fault as real mode does */
	v->rm_sysenter_cs = vmcs_read(GUEST_SYSENTER_CS);
	vmcs_write(GUEST_SYSENTER_CS, 0);
	v->v86 = true;
	vcpu_set_rflags(vcpu, rflags);
	vmx_update_cr0(vcpu, x86_cr0(vcpu));
}

/**
 * vmx_v86_leave() - and back: the VMCS has what the guest has
 * @vcpu: the vCPU. The caller goes on to vmx_update_cr0().
 */
void vmx_v86_leave(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	u64 rflags = vcpu_rflags(vcpu);
	int r;

	if (!v->v86)
		return;
	v->v86 = false;
	for (r = SEG_ES; r <= SEG_GS; r++) {
		vmcs_write(GUEST_SEG_LIMIT(r), v->rm_seg[r].limit);
		vmcs_write(GUEST_SEG_AR(r), v->rm_seg[r].ar);
	}
	vmx_write_seg(vcpu, &v->rm_seg[SEG_TR], SEG_TR);
	vmx_write_seg(vcpu, &v->rm_seg[SEG_LDTR], SEG_LDTR);
	vmcs_write(GUEST_SYSENTER_CS, v->rm_sysenter_cs);
	vcpu_set_rflags(vcpu, rflags);
}

/* A segment as the guest has it (V1) */
void vmx_v86_read_seg(struct vcpu *vcpu, struct vmx_seg *s, enum seg_reg r)
{
	*s = vcpu->vmx.rm_seg[r];
	if (r > SEG_GS)
		return;
	s->sel = vmcs_read(GUEST_SEG_SELECTOR(r));
	s->base = (u64)s->sel << 4;
}

/* False: virtual-8086 mode cannot have it, and has been left for that */
bool vmx_v86_write_seg(struct vcpu *vcpu, const struct vmx_seg *s,
		       enum seg_reg r)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	if (r > SEG_GS) {
		v->rm_seg[r] = *s;
		return true;
	}
	if (!seg_fits(s, r)) {
		vmx_v86_leave(vcpu);
		vmx_update_cr0(vcpu, x86_cr0(vcpu));
		return false;
	}
	v->rm_seg[r] = *s;
	vmcs_write(GUEST_SEG_SELECTOR(r), s->sel);
	vmcs_write(GUEST_SEG_BASE(r), s->base);
	return true;
}

/* RFLAGS: what the guest has of the CPU's, and what the CPU gets of the guest's */
u64 vmx_v86_guest_rflags(struct vcpu *vcpu, u64 hw)
{
	return (hw & ~(u64)RFLAGS_HIDDEN) | vcpu->vmx.rm_rflags;
}

u64 vmx_v86_hw_rflags(struct vcpu *vcpu, u64 rflags)
{
	vcpu->vmx.rm_rflags = rflags & RFLAGS_HIDDEN;
	return (rflags & ~(u64)RFLAGS_HIDDEN) | X86_EFLAGS_VM;
}

/**
 * vmx_v86_exception() - an exception in what the guest takes for real mode
 * @vcpu: the vCPU
 * @vector: neither NMI, #MC, #PF nor #DB
 *
 * Return: enum run_result or -errno.
 */
int vmx_v86_exception(struct vcpu *vcpu, u8 vector)
{
	/* an INT n that faulted: the emulator delivers it, fault and all (V2) */
	if (vcpu->vmx.idt_info & VECTORING_INFO_VALID_MASK)
		return RUN_RESUME;
	switch (vector) {
	case BP_VECTOR:
		if (vcpu->arch.guest_debug & KVM_GUESTDBG_USE_SW_BP)
			return vmx_debug_exit(vcpu, BP_VECTOR, 0);
		fallthrough;
	case OF_VECTOR:		/* the emulator knows what follows INT3 and INTO */
	case AC_VECTOR:		/* real mode has no alignment checking */
	case GP_VECTOR:
	case SS_VECTOR:
		return run_emulate(vcpu, NULL);
	case UD_VECTOR:		/* CLAC, STAC, MONITOR and MWAIT want CPL 0 */
		return run_emulate_undefined(vcpu);
	}
	x86_queue_exception(vcpu, vector);
	return RUN_RESUME;
}
