// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers: what a guest may load, and what follows from it.
 * SDM 3A 2.5 (reserved bits), 4.1 (paging modes), 4.10.4 (TLB), 10.8.5
 * (IA-32e mode).
 */
#include <asm/apicdef.h>
#include "core/run.h"
#include "x86/priv.h"

u64 x86_cr0(struct vcpu *vcpu)
{
	return vmx_read_cr0(vcpu);
}

u64 x86_cr3(struct vcpu *vcpu)
{
	return vmx_read_cr3(vcpu);
}

u64 x86_cr4(struct vcpu *vcpu)
{
	return vmx_read_cr4(vcpu);
}

/* Bits whose change makes the MMU look at the guest's tables differently */
#define CR0_PAGING_BITS	(X86_CR0_PG | X86_CR0_WP)
#define CR4_PAGING_BITS	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | \
			 X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP | \
			 X86_CR4_PKE | X86_CR4_LA57)
/* SDM 3A 4.4.1: writes to these load the PDPTE registers in PAE paging */
#define CR0_PDPTE_BITS	(X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_PDPTE_BITS	(X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

#define CR0_KNOWN (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | \
		   X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
		   X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

bool cr0_valid(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if (cr0 & X86_CR0_NW && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || cr0 & X86_CR0_PE;
}

bool cr4_valid(struct vcpu *vcpu, u64 cr4)
{
	return !(cr4 & vcpu->arch.cr4_reserved) && vmx_cr4_valid(vcpu, cr4);
}

/* PAE paging without long mode: the only mode with PDPTE registers */
static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & EFER_LMA);
}

static bool cs_is_64bit(struct vcpu *vcpu)
{
	struct kvm_segment cs;

	vmx_get_segment(vcpu, &cs, SEG_CS);
	return cs.l;
}

static bool tss_is_16bit(struct vcpu *vcpu)
{
	struct kvm_segment tr;

	vmx_get_segment(vcpu, &tr, SEG_TR);
	return tr.type == 3;		/* busy (SDM 3A table 3-2) */
}

/* SDM 3A 10.8.5: LMA follows CR0.PG where LME is set */
static int check_paging_on(struct vcpu *vcpu, u64 cr0)
{
	u64 efer = vcpu->arch.efer;

	if (efer & EFER_LME)
		return !x86_pae(vcpu) || cs_is_64bit(vcpu) || tss_is_16bit(vcpu);
	if (pae_paging(cr0, x86_cr4(vcpu), efer))
		return !mmu_load_pdptes(vcpu, x86_cr3(vcpu));
	return 0;
}

/* The page attribute bits changed: whatever the TLB holds is stale */
static void flush_all(struct vcpu *vcpu)
{
	mmu_op(vcpu->vm, flush_guest, vcpu);
}

int x86_set_cr0(struct vcpu *vcpu, u64 cr0)
{
	u64 old = x86_cr0(vcpu), efer = vcpu->arch.efer, changed;

	/* reserved bits below 32 are ignored, ET is hard-wired (SDM 3A 2.5) */
	if (!cr0_valid(cr0))
		return 1;
	cr0 = (cr0 & CR0_KNOWN) | X86_CR0_ET;
	changed = cr0 ^ old;
	if (!changed)
		return 0;

	if (changed & cr0 & X86_CR0_PG) {
		if (check_paging_on(vcpu, cr0))
			return 1;
	} else if (changed & X86_CR0_PG) {
		/* SDM 3A 4.10.1, 2.5: not from 64-bit mode, nor with PCIDs */
		if (efer & EFER_LMA && cs_is_64bit(vcpu))
			return 1;
		if (x86_cr4(vcpu) & X86_CR4_PCIDE)
			return 1;
	} else if (changed & CR0_PDPTE_BITS &&
		   pae_paging(cr0, x86_cr4(vcpu), efer) &&
		   !mmu_load_pdptes(vcpu, x86_cr3(vcpu))) {
		return 1;
	}

	if (changed & X86_CR0_PG && efer & EFER_LME) {
		efer = cr0 & X86_CR0_PG ? efer | EFER_LMA : efer & ~EFER_LMA;
		vmx_update_cr0(vcpu, cr0);
		vmx_update_efer(vcpu, efer);
	} else {
		vmx_update_cr0(vcpu, cr0);
	}
	if (changed & CR0_PAGING_BITS)
		mmu_op(vcpu->vm, mode_changed, vcpu);
	/* SDM 3A 4.10.4.1: changing PG flushes, WP does not have to */
	if (changed & X86_CR0_PG)
		flush_all(vcpu);
	return 0;
}

#define CR3_NOFLUSH	BIT_ULL(63)	/* SDM 3A 4.10.4.1, with CR4.PCIDE */

int x86_set_cr3(struct vcpu *vcpu, u64 cr3)
{
	bool noflush = false;

	if (vcpu->arch.cr4 & X86_CR4_PCIDE) {	/* never guest-owned */
		noflush = cr3 & CR3_NOFLUSH;
		cr3 &= ~CR3_NOFLUSH;
	}
	if (x86_long_mode(vcpu)) {
		if (cr3 & vcpu->arch.gpa_reserved)
			return 1;
	} else {
		cr3 = (u32)cr3;
		if (pae_paging(x86_cr0(vcpu), x86_cr4(vcpu), vcpu->arch.efer) &&
		    !mmu_load_pdptes(vcpu, cr3))
			return 1;
	}
	vcpu->arch.cr3 = cr3;
	vmx_set_dirty(vcpu, VREG_CR3);
	mmu_op(vcpu->vm, new_cr3, vcpu, cr3, noflush);
	return 0;
}

/* PAE paging reads its PDPTEs, and what is refused gets its #GP, over there */
bool x86_fast_set_cr3(struct vcpu *vcpu, u64 cr3)
{
	struct x86_vcpu *a = &vcpu->arch;
	bool noflush = false;

	if (likely(x86_long_mode(vcpu))) {
		if (a->cr4 & X86_CR4_PCIDE) {
			noflush = cr3 & CR3_NOFLUSH;
			cr3 &= ~CR3_NOFLUSH;
		}
		if (cr3 & a->gpa_reserved)
			return false;
	} else {
		if (!x86_paging(vcpu) || x86_pae(vcpu))
			return false;
		cr3 = (u32)cr3;
	}
	if (!mmu_op(vcpu->vm, new_cr3_fast, vcpu, cr3, noflush))
		return false;
	a->cr3 = cr3;
	vmx_set_avail(vcpu, VREG_CR3);
	return true;
}

int x86_set_cr4(struct vcpu *vcpu, u64 cr4)
{
	u64 old = x86_cr4(vcpu), changed = old ^ cr4, cr3;

	if (!cr4_valid(vcpu, cr4))
		return 1;
	if (!changed)
		return 0;

	if (x86_long_mode(vcpu)) {
		/* SDM 3A 4.1.1, 4.1.2 */
		if (!(cr4 & X86_CR4_PAE) || changed & X86_CR4_LA57)
			return 1;
	} else if (changed & CR4_PDPTE_BITS &&
		   pae_paging(x86_cr0(vcpu), cr4, vcpu->arch.efer) &&
		   !mmu_load_pdptes(vcpu, x86_cr3(vcpu))) {
		return 1;
	}
	if (changed & cr4 & X86_CR4_PCIDE) {
		/* SDM 3A 4.10.1: from IA-32e mode with PCID 0 only */
		cr3 = x86_cr3(vcpu);
		if (!x86_long_mode(vcpu) || cr3 & 0xfff)
			return 1;
	}

	vmx_update_cr4(vcpu, cr4);
	if (changed & CR4_PAGING_BITS)
		mmu_op(vcpu->vm, mode_changed, vcpu);
	/* SDM 3A 4.10.4.1 */
	if (changed & (X86_CR4_PGE | X86_CR4_PAE | X86_CR4_PSE | X86_CR4_LA57) ||
	    changed & old & X86_CR4_PCIDE || changed & cr4 & X86_CR4_SMEP)
		flush_all(vcpu);
	if (changed & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		x86_cpuid_runtime(vcpu);
	return 0;
}

int x86_set_cr8(struct vcpu *vcpu, u64 cr8)
{
	if (cr8 & ~0xfULL)
		return 1;
	if (vcpu->lapic)
		lapic_set_tpr(vcpu, cr8);
	else
		vcpu->arch.cr8 = cr8;
	return 0;
}

u64 x86_get_cr8(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_get_tpr(vcpu) : vcpu->arch.cr8;
}

/* LMSW loads MP, EM, TS and can set but not clear PE (SDM 2A) */
void x86_lmsw(struct vcpu *vcpu, u16 msw)
{
	u64 cr0 = x86_cr0(vcpu);

	cr0 = (cr0 & ~(u64)(X86_CR0_MP | X86_CR0_EM | X86_CR0_TS)) |
	      (msw & (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS));
	/* no bit of it can make CR0 invalid */
	WARN_ON_ONCE(x86_set_cr0(vcpu, cr0));
}

/* ---- IA32_EFER ------------------------------------------------------------------ */

bool efer_valid(struct vcpu *vcpu, u64 efer, bool host)
{
	if (efer & x86_host.efer_reserved)
		return false;
	if (host)
		return true;
	if (efer & (EFER_LME | EFER_LMA) && !x86_gcap(vcpu, GCAP_LM))
		return false;
	if (efer & EFER_NX && !x86_gcap(vcpu, GCAP_NX))
		return false;
	return !(efer & EFER_SCE) || x86_gcap(vcpu, GCAP_SYSCALL) ||
	       x86_gcap(vcpu, GCAP_LM);
}

int x86_set_efer(struct vcpu *vcpu, u64 efer, bool host)
{
	u64 old = vcpu->arch.efer;

	if (!efer_valid(vcpu, efer, host))
		return 1;
	/* SDM 3A 10.8.5: #GP on a change of LME while paging; LMA is read-only */
	if (x86_paging(vcpu) && (old ^ efer) & EFER_LME)
		return 1;
	efer = (efer & ~(u64)EFER_LMA) | (old & EFER_LMA);
	if (efer == old)
		return 0;
	vmx_update_efer(vcpu, efer);
	if ((old ^ efer) & EFER_NX)
		mmu_op(vcpu->vm, mode_changed, vcpu);
	return 0;
}
