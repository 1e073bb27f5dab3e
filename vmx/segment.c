// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment and descriptor-table registers.
 */
#include "vmx/private.h"
#include "x86/x86.h"

const u16 vmx_seg_field[NR_SEGS] = {
	[SEG_ES] = GUEST_ES_SELECTOR,
	[SEG_CS] = GUEST_CS_SELECTOR,
	[SEG_SS] = GUEST_SS_SELECTOR,
	[SEG_DS] = GUEST_DS_SELECTOR,
	[SEG_FS] = GUEST_FS_SELECTOR,
	[SEG_GS] = GUEST_GS_SELECTOR,
	[SEG_LDTR] = GUEST_LDTR_SELECTOR,
	[SEG_TR] = GUEST_TR_SELECTOR,
};

void vmx_read_seg(struct vcpu *vcpu, struct vmx_seg *s, enum seg_reg r)
{
	if (unlikely(vcpu->vmx.v86)) {
		vmx_v86_read_seg(vcpu, s, r);
		return;
	}
	s->sel = vmcs_read(GUEST_SEG_SELECTOR(r));
	s->base = vmcs_read(GUEST_SEG_BASE(r));
	s->limit = vmcs_read(GUEST_SEG_LIMIT(r));
	s->ar = vmcs_read(GUEST_SEG_AR(r));
}

void vmx_write_seg(struct vcpu *vcpu, const struct vmx_seg *s, enum seg_reg r)
{
	vcpu->vmx.avail &= ~BIT(VREG_CPL);
	if (unlikely(vcpu->vmx.v86) && vmx_v86_write_seg(vcpu, s, r))
		return;
	vmcs_write(GUEST_SEG_SELECTOR(r), s->sel);
	vmcs_write(GUEST_SEG_BASE(r), s->base);
	vmcs_write(GUEST_SEG_LIMIT(r), s->limit);
	vmcs_write(GUEST_SEG_AR(r), s->ar);
	vmx_check_emulation(vcpu);
}

void vmx_get_segment(struct vcpu *vcpu, struct kvm_segment *k, enum seg_reg r)
{
	struct vmx_seg s;

	vmx_read_seg(vcpu, &s, r);
	memset(k, 0, sizeof(*k));
	k->base = s.base;
	k->limit = s.limit;
	k->selector = s.sel;
	k->type = s.ar & VMX_AR_TYPE_MASK;
	k->s = (s.ar >> 4) & 1;
	k->dpl = VMX_AR_DPL(s.ar);
	k->unusable = (s.ar >> 16) & 1;
	/* an unusable segment may still have its P bit in the VMCS */
	k->present = !k->unusable && (s.ar & VMX_AR_P_MASK);
	k->avl = (s.ar >> 12) & 1;
	k->l = (s.ar >> 13) & 1;
	k->db = (s.ar >> 14) & 1;
	k->g = (s.ar >> 15) & 1;
}

void vmx_set_segment(struct vcpu *vcpu, const struct kvm_segment *k,
		     enum seg_reg r)
{
	struct vmx_seg s = {
		.sel = k->selector,
		.base = k->base,
		.limit = k->limit,
		.ar = (k->type & 15) | (k->s & 1) << 4 | (k->dpl & 3) << 5 |
		      (k->present & 1) << 7 | (k->avl & 1) << 12 |
		      (k->l & 1) << 13 | (k->db & 1) << 14 | (k->g & 1) << 15,
	};

	if (k->unusable || !k->present)
		s.ar |= VMX_AR_UNUSABLE_MASK;
	/*
	 * Some VMMs set up a code or data segment without its accessed bit,
	 * which VM entry refuses on a usable segment (SDM 3C 27.3.1.2); on a
	 * CPU that loaded the segment it would be set.
	 */
	if (!(s.ar & VMX_AR_UNUSABLE_MASK) && r != SEG_LDTR && r != SEG_TR)
		s.ar |= VMX_AR_TYPE_ACCESSES_MASK;
	vmx_write_seg(vcpu, &s, r);
}

u64 vmx_segment_base(struct vcpu *vcpu, enum seg_reg r)
{
	if (unlikely(r > SEG_GS && vcpu->vmx.v86))
		return vcpu->vmx.rm_seg[r].base;
	return vmcs_read(GUEST_SEG_BASE(r));
}

/* By FS_BASE or GS_BASE. Virtual-8086 mode cannot have every base (V4). */
void vmx_set_segment_base(struct vcpu *vcpu, enum seg_reg r, u64 base)
{
	struct vmx_seg s;

	if (unlikely(vcpu->vmx.v86)) {
		vmx_read_seg(vcpu, &s, r);
		s.base = base;
		vmx_write_seg(vcpu, &s, r);
		return;
	}
	vmcs_write(GUEST_SEG_BASE(r), base);
	if (unlikely(!x86_protected(vcpu)))
		vmx_check_emulation(vcpu);
}

void vmx_get_gdt(struct vcpu *vcpu, struct kvm_dtable *dt)
{
	memset(dt, 0, sizeof(*dt));
	dt->base = vmcs_read(GUEST_GDTR_BASE);
	dt->limit = vmcs_read(GUEST_GDTR_LIMIT);
}

void vmx_set_gdt(struct vcpu *vcpu, const struct kvm_dtable *dt)
{
	vmcs_write(GUEST_GDTR_BASE, dt->base);
	vmcs_write(GUEST_GDTR_LIMIT, dt->limit);
}

void vmx_get_idt(struct vcpu *vcpu, struct kvm_dtable *dt)
{
	memset(dt, 0, sizeof(*dt));
	dt->base = vmcs_read(GUEST_IDTR_BASE);
	dt->limit = vmcs_read(GUEST_IDTR_LIMIT);
}

void vmx_set_idt(struct vcpu *vcpu, const struct kvm_dtable *dt)
{
	vmcs_write(GUEST_IDTR_BASE, dt->base);
	vmcs_write(GUEST_IDTR_LIMIT, dt->limit);
	/* in real mode it matters where it is */
	if (!x86_protected(vcpu))
		vmx_check_emulation(vcpu);
}
