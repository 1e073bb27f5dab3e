// SPDX-License-Identifier: GPL-2.0-only
/*
 * User space's view of the registers. Everything is checked before anything
 * changes.
 */
#include <linux/string.h>
#include <asm/apicdef.h>
#include "x86/priv.h"

/* ---- general registers ------------------------------------------------------ */

void x86_get_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	const u64 *r = vcpu->regs;

	regs->rax = r[GPR_RAX];
	regs->rbx = r[GPR_RBX];
	regs->rcx = r[GPR_RCX];
	regs->rdx = r[GPR_RDX];
	regs->rsi = r[GPR_RSI];
	regs->rdi = r[GPR_RDI];
	regs->rsp = vcpu_rsp(vcpu);
	regs->rbp = r[GPR_RBP];
	regs->r8 = r[GPR_R8];
	regs->r9 = r[GPR_R9];
	regs->r10 = r[GPR_R10];
	regs->r11 = r[GPR_R11];
	regs->r12 = r[GPR_R12];
	regs->r13 = r[GPR_R13];
	regs->r14 = r[GPR_R14];
	regs->r15 = r[GPR_R15];
	regs->rip = vcpu_rip(vcpu);
	regs->rflags = vcpu_rflags(vcpu);
}

/* SDM 3A 2.3: bits of RFLAGS that exist */
#define RFLAGS_KNOWN (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | \
		      X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
		      X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_OF | \
		      X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
		      X86_EFLAGS_VM | X86_EFLAGS_AC | X86_EFLAGS_VIF | \
		      X86_EFLAGS_VIP | X86_EFLAGS_ID)

void x86_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	u64 *r = vcpu->regs;

	vmx_end_hlt(vcpu);
	r[GPR_RAX] = regs->rax;
	r[GPR_RBX] = regs->rbx;
	r[GPR_RCX] = regs->rcx;
	r[GPR_RDX] = regs->rdx;
	r[GPR_RSI] = regs->rsi;
	r[GPR_RDI] = regs->rdi;
	r[GPR_RBP] = regs->rbp;
	r[GPR_R8] = regs->r8;
	r[GPR_R9] = regs->r9;
	r[GPR_R10] = regs->r10;
	r[GPR_R11] = regs->r11;
	r[GPR_R12] = regs->r12;
	r[GPR_R13] = regs->r13;
	r[GPR_R14] = regs->r14;
	r[GPR_R15] = regs->r15;
	vcpu_set_rsp(vcpu, regs->rsp);
	vcpu_set_rip(vcpu, regs->rip);
	vcpu_set_rflags(vcpu, (regs->rflags & RFLAGS_KNOWN) | X86_EFLAGS_FIXED);
	vmx_renew_interrupt_shadow(vcpu);
	/* new registers: an exception of the old ones means nothing */
	vcpu->arch.ev.exception.pending = false;
	vcpu_request(vcpu, REQ_EVENT);
}

/* ---- special registers --------------------------------------------------------- */

/* struct kvm_sregs and struct kvm_sregs2 begin alike, up to apic_base */
static_assert(offsetof(struct kvm_sregs, apic_base) ==
	      offsetof(struct kvm_sregs2, apic_base));

static void get_common(struct vcpu *vcpu, struct kvm_sregs2 *s)
{
	vmx_get_segment(vcpu, &s->cs, SEG_CS);
	vmx_get_segment(vcpu, &s->ds, SEG_DS);
	vmx_get_segment(vcpu, &s->es, SEG_ES);
	vmx_get_segment(vcpu, &s->fs, SEG_FS);
	vmx_get_segment(vcpu, &s->gs, SEG_GS);
	vmx_get_segment(vcpu, &s->ss, SEG_SS);
	vmx_get_segment(vcpu, &s->tr, SEG_TR);
	vmx_get_segment(vcpu, &s->ldt, SEG_LDTR);
	vmx_get_idt(vcpu, &s->idt);
	vmx_get_gdt(vcpu, &s->gdt);
	s->cr0 = x86_cr0(vcpu);
	s->cr2 = vcpu->arch.cr2;
	s->cr3 = x86_cr3(vcpu);
	s->cr4 = x86_cr4(vcpu);
	s->cr8 = x86_get_cr8(vcpu);
	s->efer = vcpu->arch.efer;
	s->apic_base = vcpu->arch.apic_base;
}

void x86_get_sregs(struct vcpu *vcpu, struct kvm_sregs *s)
{
	struct x86_events *ev = &vcpu->arch.ev;
	struct kvm_sregs2 s2;

	memset(&s2, 0, sizeof(s2));
	memset(s, 0, sizeof(*s));
	get_common(vcpu, &s2);
	memcpy(s, &s2, offsetofend(struct kvm_sregs, apic_base));
	/* an interrupt on its way in */
	if (ev->irq.injected && !ev->irq.soft)
		__set_bit(ev->irq.vector, (unsigned long *)s->interrupt_bitmap);
	else if (ev->irq.held)
		__set_bit(ev->irq.held_vector,
			  (unsigned long *)s->interrupt_bitmap);
	else if (ev->user_irq >= 0)
		__set_bit(ev->user_irq, (unsigned long *)s->interrupt_bitmap);
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & EFER_LMA);
}

void x86_get_sregs2(struct vcpu *vcpu, struct kvm_sregs2 *s)
{
	memset(s, 0, sizeof(*s));
	get_common(vcpu, s);
	if (!pae_paging(s->cr0, s->cr4, s->efer))
		return;
	vmx_read_pdptes(vcpu);
	memcpy(s->pdptrs, vcpu->arch.pdpte, sizeof(s->pdptrs));
	s->flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
}

/* A combination that a CPU can be in? SDM 3A 4.1.1, 10.8.5 */
static bool sregs_valid(struct vcpu *vcpu, const struct kvm_sregs2 *s)
{
	if (!cr0_valid(s->cr0) || !cr4_valid(vcpu, s->cr4) ||
	    !efer_valid(vcpu, s->efer, true) || s->cr8 & ~0xfULL)
		return false;
	if (s->efer & EFER_LME && s->cr0 & X86_CR0_PG) {
		/* long mode: PAE paging, LMA set, CR3 within MAXPHYADDR */
		if (!(s->cr4 & X86_CR4_PAE) || !(s->efer & EFER_LMA))
			return false;
		if (s->cr3 & vcpu->arch.gpa_reserved)
			return false;
		/* L and D together are reserved */
		if (s->cs.l && s->cs.db)
			return false;
	} else {
		if (s->efer & EFER_LMA || s->cs.l)
			return false;
		/* PCIDE with it is for VM entry to refuse: clients set it early */
	}
	return true;
}

static int check_apic_base(struct vcpu *vcpu, u64 base)
{
	/* reserved bits: SDM 3A 11.4.4 */
	if (base & (vcpu->arch.gpa_reserved | 0x2ff))
		return -EINVAL;
	/* x2APIC without the APIC on: SDM 3A 11.12.1 */
	if ((base & (X2APIC_ENABLE | MSR_IA32_APICBASE_ENABLE)) == X2APIC_ENABLE)
		return -EINVAL;
	return 0;
}

/* What both forms have in common but the PDPTEs */
static int set_common(struct vcpu *vcpu, const struct kvm_sregs2 *s,
		      bool *paging_changed)
{
	u64 old_base = vcpu->arch.apic_base;

	if (!sregs_valid(vcpu, s))
		return -EINVAL;
	if (s->apic_base != old_base) {
		if (check_apic_base(vcpu, s->apic_base))
			return -EINVAL;
		/* checks the rest, changes nothing if it refuses */
		if (vcpu->lapic && lapic_set_base(vcpu, s->apic_base, true))
			return -EINVAL;
		vcpu->arch.apic_base = s->apic_base;
	}

	vmx_set_idt(vcpu, &s->idt);
	vmx_set_gdt(vcpu, &s->gdt);
	vcpu->arch.cr2 = s->cr2;
	*paging_changed = x86_cr3(vcpu) != s->cr3 || x86_cr0(vcpu) != s->cr0 ||
			  x86_cr4(vcpu) != s->cr4 ||
			  vcpu->arch.efer != s->efer;
	vcpu->arch.cr3 = s->cr3;
	vmx_set_dirty(vcpu, VREG_CR3);
	x86_set_cr8(vcpu, s->cr8);
	/* CR0 first: vmx/ derives the real EFER from it */
	vmx_update_cr0(vcpu, s->cr0);
	vmx_update_efer(vcpu, s->efer);
	vmx_update_cr4(vcpu, s->cr4);

	vmx_set_segment(vcpu, &s->cs, SEG_CS);
	vmx_set_segment(vcpu, &s->ds, SEG_DS);
	vmx_set_segment(vcpu, &s->es, SEG_ES);
	vmx_set_segment(vcpu, &s->fs, SEG_FS);
	vmx_set_segment(vcpu, &s->gs, SEG_GS);
	vmx_set_segment(vcpu, &s->ss, SEG_SS);
	vmx_set_segment(vcpu, &s->tr, SEG_TR);
	vmx_set_segment(vcpu, &s->ldt, SEG_LDTR);
	x86_cpuid_runtime(vcpu);

	/*
	 * VMMs of old reset a boot CPU by its registers alone, to the reset
	 * vector in real mode, while its state says "halted": it runs.
	 */
	if (vcpu->id == vcpu->vm->arch.bsp_vcpu_id &&
	    vcpu_rip(vcpu) == 0xfff0 && s->cs.selector == 0xf000 &&
	    s->cs.base == 0xffff0000 && !(s->cr0 & X86_CR0_PE))
		vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* The MMU looks at everything anew */
static void paging_changed(struct vcpu *vcpu, bool changed)
{
	mmu_op(vcpu->vm, mode_changed, vcpu);
	if (!changed)
		return;
	mmu_op(vcpu->vm, new_cr3, vcpu, vcpu->arch.cr3, false);
	mmu_op(vcpu->vm, flush_guest, vcpu);
}

static int find_irq(const struct kvm_sregs *s)
{
	int bit = find_first_bit((const unsigned long *)s->interrupt_bitmap,
				 KVM_NR_INTERRUPTS);

	return bit < KVM_NR_INTERRUPTS ? bit : -1;
}

int x86_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *s)
{
	struct kvm_sregs2 s2;
	bool changed = false;
	int irq, err, idx;

	memset(&s2, 0, sizeof(s2));
	memcpy(&s2, s, offsetofend(struct kvm_sregs, apic_base));
	err = set_common(vcpu, &s2, &changed);
	if (err)
		return err;
	if (pae_paging(s2.cr0, s2.cr4, s2.efer)) {
		/* memory that is not there yet leaves them zero: #PF, not error */
		idx = srcu_read_lock(&vcpu->vm->srcu);
		mmu_load_pdptes(vcpu, s2.cr3);
		srcu_read_unlock(&vcpu->vm->srcu, idx);
		vmx_set_dirty(vcpu, VREG_PDPTES);
	}
	paging_changed(vcpu, changed);
	irq = find_irq(s);
	if (irq >= 0)
		x86_restore_irq(vcpu, irq);
	return 0;
}

/* SDM 3A 4.4.1: reserved bits of a present PDPTE */
static bool pdpte_valid(struct vcpu *vcpu, u64 pdpte)
{
	return !(pdpte & 1) ||
	       !(pdpte & (vcpu->arch.gpa_reserved | 0x1e6));
}

int x86_set_sregs2(struct vcpu *vcpu, const struct kvm_sregs2 *s)
{
	bool pdptes = s->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	bool pae = pae_paging(s->cr0, s->cr4, s->efer);
	bool changed = false;
	int i, err, idx;

	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if (pdptes && !pae)
		return -EINVAL;
	for (i = 0; pdptes && i < 4; i++)
		if (!pdpte_valid(vcpu, s->pdptrs[i]))
			return -EINVAL;
	err = set_common(vcpu, s, &changed);
	if (err)
		return err;
	if (pdptes) {
		memcpy(vcpu->arch.pdpte, s->pdptrs, sizeof(vcpu->arch.pdpte));
	} else if (pae) {
		idx = srcu_read_lock(&vcpu->vm->srcu);
		mmu_load_pdptes(vcpu, s->cr3);
		srcu_read_unlock(&vcpu->vm->srcu, idx);
	}
	if (pae)
		vmx_set_dirty(vcpu, VREG_PDPTES);
	paging_changed(vcpu, changed);
	return 0;
}

/* ---- activity state ------------------------------------------------------------- */

int x86_get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *s)
{
	/* what is latched in the LAPIC is no part of its state: act on it */
	if (lapic_init_sipi_pending(vcpu))
		lapic_accept_init_sipi(vcpu);
	s->mp_state = vcpu->arch.mp_state;
	/* the kick that ends it has come already */
	if (s->mp_state == KVM_MP_STATE_HALTED &&
	    READ_ONCE(vcpu->arch.pv_unhalted))
		s->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

int x86_set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *s)
{
	/* INIT waits while an SMI is handled: events_valid() */
	if ((vcpu->arch.smm || vcpu->arch.ev.smi_pending) &&
	    (s->mp_state == KVM_MP_STATE_INIT_RECEIVED ||
	     s->mp_state == KVM_MP_STATE_SIPI_RECEIVED))
		return -EINVAL;
	switch (s->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		/* these are states of an APIC that user space has */
		if (!vcpu->lapic)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	/* not seen here: one that has come is accepted when the state is looked at */
	if (s->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->arch.mp_state = KVM_MP_STATE_INIT_RECEIVED;
		lapic_latch_sipi(vcpu);
	} else {
		vcpu->arch.mp_state = s->mp_state;
	}
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}
