// SPDX-License-Identifier: GPL-2.0-only
/*
 * System-management mode: SDM 3C chapter 32.
 *
 *  S1. An SMI comes in at an instruction boundary at which no other event is
 *      about to be delivered, before NMIs and interrupts (SDM 3A table 6-2).
 *  S2. In SMM the vCPU is in the address space MMU_SPACE_SMM; NMIs are blocked,
 *      another SMI waits (one at most), and so does INIT (31.2, 31.8).
 *  S3. The map is written and read through that address space too: a handler
 *      changes what RSM loads, and user space saves it as memory.
 *
 * The map of a CPU without Intel 64 is that of table 31-1. For one with Intel 64
 * two layouts exist. Firmware for virtual machines tells them apart by the
 * revision identifier and knows that of AMD64 (AMD64 Architecture Programmer's
 * Manual 2, table 10-1), revision 20064H, not Intel's of table 31-3; so that is
 * the one that is made. What neither manual gives a place (interrupt shadow,
 * hidden parts of segment registers in the 32-bit map) is in reserved bytes.
 */
#include <asm/processor-flags.h>
#include "core/run.h"
#include "x86/priv.h"

/* Offsets in the map are from SMBASE + 8000H + 7E00H */
#define MAP_AT		0xfe00
#define MAP_SIZE	0x200

#define SMM_ENTRY	0x8000		/* EIP of the handler: 31.3.1 */
#define REV_RELOCATION	BIT(17)		/* SMBASE can be changed: 31.11 */
#define REV_AMD64	0x64

struct smm_seg64 {
	u16 selector, attributes;
	u32 limit;
	u64 base;
} __packed;

/* AMD64, table 10-1 */
struct smm_map64 {
	struct smm_seg64 es, cs, ss, ds, fs, gs;	/* FE00 */
	struct smm_seg64 gdtr, ldtr, idtr, tr;		/* FE60 */
	u64 io_restart[4];				/* FEA0 */
	u32 io_offset, local_status;			/* FEC0 */
	u8 io_flag;					/* FEC8 */
	u8 halt;		/* restart HLT on RSM */
	u8 shadow;		/* ours: KVM_X86_SHADOW_INT_* */
	u8 reserved1[5];
	u64 efer;					/* FED0 */
	u64 svm[3];
	u32 reserved2;
	u32 reserved3[2];
	u32 revision;					/* FEFC */
	u32 smbase;					/* FF00 */
	u32 reserved4[17];
	u64 cr4, cr3, cr0, dr7, dr6;			/* FF48 */
	u64 rflags, rip;				/* FF70 */
	u64 r15, r14, r13, r12, r11, r10, r9, r8;	/* FF80 */
	u64 rdi, rsi, rbp, rsp, rbx, rdx, rcx, rax;	/* FFC0 */
} __packed;

static_assert(sizeof(struct smm_map64) == MAP_SIZE);
static_assert(offsetof(struct smm_map64, efer) == 0xd0);
static_assert(offsetof(struct smm_map64, revision) == 0xfc);
static_assert(offsetof(struct smm_map64, cr4) == 0x148);
static_assert(offsetof(struct smm_map64, rflags) == 0x170);

struct smm_seg32 {
	u32 base, limit, attributes;
};

/* SDM 3C table 32-1 */
struct smm_map32 {
	u8 reserved1[0xf8];				/* 7E00 */
	u32 smbase, revision;				/* 7EF8 */
	u16 io_restart, halt;				/* 7F00 */
	/* ours, in reserved bytes */
	struct smm_seg32 es_, cs_, ss_, ds_, fs_, gs_, ldt_, tr_; /* 7F04 */
	u32 gdt_base, idt_base;
	u16 gdt_limit, idt_limit;
	u32 cr4, efer, shadow;
	u32 reserved2[9];
	u32 io_address, io_state;			/* 7FA0 */
	u32 es, cs, ss, ds, fs, gs, ldt, tr;		/* 7FA8 */
	u32 dr7, dr6;					/* 7FC8 */
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;	/* 7FD0 */
	u32 eip, eflags, cr3, cr0;			/* 7FF0 */
} __packed;

static_assert(sizeof(struct smm_map32) == MAP_SIZE);
static_assert(offsetof(struct smm_map32, smbase) == 0xf8);
static_assert(offsetof(struct smm_map32, halt) == 0x102);
static_assert(offsetof(struct smm_map32, es) == 0x1a8);
static_assert(offsetof(struct smm_map32, cr0) == 0x1fc);

union smm_map {
	struct smm_map64 m64;
	struct smm_map32 m32;
};

/* All that is saved, whatever the map's format */
struct smm_state {
	struct kvm_regs regs;
	struct kvm_sregs2 sregs;
	u64 dr6, dr7;
	u32 smbase;
	u32 shadow;
	bool halted;
};

/* ---- the maps ------------------------------------------------------------------ */

/* Bits 55:52 and 47:40 of a descriptor */
static u16 attributes(const struct kvm_segment *s)
{
	return (s->type & 15) | (s->s & 1) << 4 | (s->dpl & 3) << 5 |
	       (s->present & 1) << 7 | (s->avl & 1) << 12 | (s->l & 1) << 13 |
	       (s->db & 1) << 14 | (s->g & 1) << 15;
}

static void set_attributes(struct kvm_segment *s, u16 ar)
{
	s->type = ar & 15;
	s->s = ar >> 4 & 1;
	s->dpl = ar >> 5 & 3;
	s->present = ar >> 7 & 1;
	s->avl = ar >> 12 & 1;
	s->l = ar >> 13 & 1;
	s->db = ar >> 14 & 1;
	s->g = ar >> 15 & 1;
	s->unusable = !s->present;
}

static void put_seg64(struct smm_seg64 *to, const struct kvm_segment *s)
{
	to->selector = s->selector;
	to->attributes = attributes(s);
	to->limit = s->limit;
	to->base = s->base;
}

static void get_seg64(const struct smm_seg64 *from, struct kvm_segment *s)
{
	s->selector = from->selector;
	s->limit = from->limit;
	s->base = from->base;
	set_attributes(s, from->attributes);
}

static void put_map64(struct smm_map64 *m, const struct smm_state *st)
{
	const struct kvm_regs *r = &st->regs;
	const struct kvm_sregs2 *s = &st->sregs;

	put_seg64(&m->es, &s->es);
	put_seg64(&m->cs, &s->cs);
	put_seg64(&m->ss, &s->ss);
	put_seg64(&m->ds, &s->ds);
	put_seg64(&m->fs, &s->fs);
	put_seg64(&m->gs, &s->gs);
	put_seg64(&m->ldtr, &s->ldt);
	put_seg64(&m->tr, &s->tr);
	m->gdtr.limit = s->gdt.limit;
	m->gdtr.base = s->gdt.base;
	m->idtr.limit = s->idt.limit;
	m->idtr.base = s->idt.base;
	m->halt = st->halted;
	m->shadow = st->shadow;
	m->efer = s->efer;
	m->revision = REV_RELOCATION | REV_AMD64;
	m->smbase = st->smbase;
	m->cr4 = s->cr4;
	m->cr3 = s->cr3;
	m->cr0 = s->cr0;
	m->dr7 = st->dr7;
	m->dr6 = st->dr6;
	m->rflags = r->rflags;
	m->rip = r->rip;
	m->r15 = r->r15;
	m->r14 = r->r14;
	m->r13 = r->r13;
	m->r12 = r->r12;
	m->r11 = r->r11;
	m->r10 = r->r10;
	m->r9 = r->r9;
	m->r8 = r->r8;
	m->rdi = r->rdi;
	m->rsi = r->rsi;
	m->rbp = r->rbp;
	m->rsp = r->rsp;
	m->rbx = r->rbx;
	m->rdx = r->rdx;
	m->rcx = r->rcx;
	m->rax = r->rax;
}

static void get_map64(const struct smm_map64 *m, struct smm_state *st)
{
	struct kvm_regs *r = &st->regs;
	struct kvm_sregs2 *s = &st->sregs;

	get_seg64(&m->es, &s->es);
	get_seg64(&m->cs, &s->cs);
	get_seg64(&m->ss, &s->ss);
	get_seg64(&m->ds, &s->ds);
	get_seg64(&m->fs, &s->fs);
	get_seg64(&m->gs, &s->gs);
	get_seg64(&m->ldtr, &s->ldt);
	get_seg64(&m->tr, &s->tr);
	s->gdt.limit = m->gdtr.limit;
	s->gdt.base = m->gdtr.base;
	s->idt.limit = m->idtr.limit;
	s->idt.base = m->idtr.base;
	st->halted = m->halt & 1;
	st->shadow = m->shadow;
	s->efer = m->efer;
	if (m->revision & REV_RELOCATION)
		st->smbase = m->smbase;
	s->cr4 = m->cr4;
	s->cr3 = m->cr3;
	s->cr0 = m->cr0;
	st->dr7 = m->dr7;
	st->dr6 = m->dr6;
	r->rflags = m->rflags;
	r->rip = m->rip;
	r->r15 = m->r15;
	r->r14 = m->r14;
	r->r13 = m->r13;
	r->r12 = m->r12;
	r->r11 = m->r11;
	r->r10 = m->r10;
	r->r9 = m->r9;
	r->r8 = m->r8;
	r->rdi = m->rdi;
	r->rsi = m->rsi;
	r->rbp = m->rbp;
	r->rsp = m->rsp;
	r->rbx = m->rbx;
	r->rdx = m->rdx;
	r->rcx = m->rcx;
	r->rax = m->rax;
}

static void put_seg32(u32 *selector, struct smm_seg32 *to,
		      const struct kvm_segment *s)
{
	*selector = s->selector;
	to->base = s->base;
	to->limit = s->limit;
	to->attributes = attributes(s);
}

static void get_seg32(u32 selector, const struct smm_seg32 *from,
		      struct kvm_segment *s)
{
	s->selector = selector;
	s->base = from->base;
	s->limit = from->limit;
	set_attributes(s, from->attributes);
}

static void put_map32(struct smm_map32 *m, const struct smm_state *st)
{
	const struct kvm_regs *r = &st->regs;
	const struct kvm_sregs2 *s = &st->sregs;
	struct smm_map32 v = {
		.smbase = st->smbase, .revision = REV_RELOCATION,
		.halt = st->halted, .shadow = st->shadow,
		.gdt_base = s->gdt.base, .gdt_limit = s->gdt.limit,
		.idt_base = s->idt.base, .idt_limit = s->idt.limit,
		.cr4 = s->cr4, .efer = s->efer,
		.dr7 = st->dr7, .dr6 = st->dr6,
		.eax = r->rax, .ecx = r->rcx, .edx = r->rdx, .ebx = r->rbx,
		.esp = r->rsp, .ebp = r->rbp, .esi = r->rsi, .edi = r->rdi,
		.eip = r->rip, .eflags = r->rflags,
		.cr3 = s->cr3, .cr0 = s->cr0,
	};

	*m = v;
	put_seg32(&m->es, &m->es_, &s->es);
	put_seg32(&m->cs, &m->cs_, &s->cs);
	put_seg32(&m->ss, &m->ss_, &s->ss);
	put_seg32(&m->ds, &m->ds_, &s->ds);
	put_seg32(&m->fs, &m->fs_, &s->fs);
	put_seg32(&m->gs, &m->gs_, &s->gs);
	put_seg32(&m->ldt, &m->ldt_, &s->ldt);
	put_seg32(&m->tr, &m->tr_, &s->tr);
}

static void get_map32(const struct smm_map32 *m, struct smm_state *st)
{
	struct kvm_regs *r = &st->regs;
	struct kvm_sregs2 *s = &st->sregs;

	get_seg32(m->es, &m->es_, &s->es);
	get_seg32(m->cs, &m->cs_, &s->cs);
	get_seg32(m->ss, &m->ss_, &s->ss);
	get_seg32(m->ds, &m->ds_, &s->ds);
	get_seg32(m->fs, &m->fs_, &s->fs);
	get_seg32(m->gs, &m->gs_, &s->gs);
	get_seg32(m->ldt, &m->ldt_, &s->ldt);
	get_seg32(m->tr, &m->tr_, &s->tr);
	s->gdt.base = m->gdt_base;
	s->gdt.limit = m->gdt_limit;
	s->idt.base = m->idt_base;
	s->idt.limit = m->idt_limit;
	if (m->revision & REV_RELOCATION)
		st->smbase = m->smbase;
	st->halted = m->halt & 1;
	st->shadow = m->shadow;
	s->cr4 = m->cr4;
	s->efer = m->efer;
	s->cr3 = m->cr3;
	s->cr0 = m->cr0;
	st->dr7 = m->dr7;
	st->dr6 = m->dr6;
	r->rax = m->eax;
	r->rcx = m->ecx;
	r->rdx = m->edx;
	r->rbx = m->ebx;
	r->rsp = m->esp;
	r->rbp = m->ebp;
	r->rsi = m->esi;
	r->rdi = m->edi;
	r->rip = m->eip;
	r->rflags = m->eflags;
}

static gpa_t map_gpa(struct vcpu *vcpu)
{
	return MMU_SPACE_SMM | (vcpu->arch.smbase + MAP_AT);
}

/* ---- the mode ------------------------------------------------------------------- */

void x86_set_smm(struct vcpu *vcpu, bool smm)
{
	if (vcpu->arch.smm == smm)
		return;
	vcpu->arch.smm = smm;
	mmu_set_space(vcpu, smm);
	vmx_update_exception_bitmap(vcpu);	/* #UD: RSM */
	mmu_op(vcpu->vm, mode_changed, vcpu);
	vcpu_request(vcpu, REQ_EVENT);
}

static void get_state(struct vcpu *vcpu, struct smm_state *st)
{
	memset(st, 0, sizeof(*st));
	x86_get_regs(vcpu, &st->regs);
	x86_get_sregs2(vcpu, &st->sregs);
	st->sregs.flags = 0;	/* PDPTEs come from memory */
	st->dr6 = vcpu->arch.dr6;
	st->dr7 = vcpu->arch.dr7;
	st->smbase = vcpu->arch.smbase;
	st->shadow = vmx_get_interrupt_shadow(vcpu);
}

static void set_debug_regs(struct vcpu *vcpu, u64 dr6, u64 dr7)
{
	/* SDM 3B 18.2: bits that read as 1, bits that do not exist */
	vcpu->arch.dr6 = (dr6 & 0xe00f) | 0xffff0ff0;
	vcpu->arch.dr7 = (dr7 & 0xffff2bff) | 0x400;
	dr_changed(vcpu);
}

/* SDM 3C table 32-4 */
static int enter_state(struct vcpu *vcpu, struct smm_state *st)
{
	const struct kvm_segment data = {
		.limit = ~0u, .type = 3, .present = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs2 *s = &st->sregs;
	struct kvm_regs *r = &st->regs;
	int err;

	s->ds = data;
	s->es = data;
	s->fs = data;
	s->gs = data;
	s->ss = data;
	s->cs = data;
	s->cs.type = 11;
	s->cs.selector = vcpu->arch.smbase >> 4;
	s->cs.base = vcpu->arch.smbase;
	s->cr0 &= ~(u64)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	s->cr4 = 0;
	s->efer = 0;
	err = x86_set_sregs2(vcpu, s);
	if (err)
		return err;
	r->rip = SMM_ENTRY;
	r->rflags = X86_EFLAGS_FIXED;
	x86_set_regs(vcpu, r);
	vcpu->arch.dr7 = 0x400;
	dr_changed(vcpu);
	vmx_set_interrupt_shadow(vcpu, 0);
	return 0;
}

void x86_enter_smm(struct vcpu *vcpu, bool halted)
{
	struct x86_vcpu *a = &vcpu->arch;
	union smm_map map = {};
	struct smm_state st;

	get_state(vcpu, &st);
	st.halted = vmx_end_hlt(vcpu) || halted;
	if (x86_gcap(vcpu, GCAP_LM))
		put_map64(&map.m64, &st);
	else
		put_map32(&map.m32, &st);

	a->smi_count++;
	a->smm_nmi_blocked = vmx_nmi_blocked(vcpu);
	vmx_set_nmi_blocked(vcpu, true);
	x86_set_smm(vcpu, true);
	/* without memory there it is lost, and RSM finds nothing that it can load */
	guest_write(vcpu->vm, vcpu, map_gpa(vcpu), &map, sizeof(map));
	if (enter_state(vcpu, &st))
		x86_triple_fault(vcpu);
}

/* What x86_set_sregs2() leaves to VM entry, or allows user space alone */
static bool state_possible(struct vcpu *vcpu, const struct smm_state *st)
{
	unsigned int shift = st->sregs.cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;
	u64 rip = st->regs.rip, cr3 = st->sregs.cr3;
	bool lma = st->sregs.efer & EFER_LMA;

	if (!efer_valid(vcpu, st->sregs.efer, false) ||
	    cr3 & vcpu->arch.gpa_reserved)
		return false;
	if (st->regs.rflags & X86_EFLAGS_VM &&
	    (lma || !(st->sregs.cr0 & X86_CR0_PE)))
		return false;
	if (!lma && st->sregs.cr4 & X86_CR4_PCIDE)
		return false;
	if (!lma || !st->sregs.cs.l)
		return rip <= U32_MAX;
	return (u64)((s64)(rip << shift) >> shift) == rip;
}

/* Blocking by STI is not there without IF (SDM 3C 27.3.1.5) */
static u32 shadow_possible(const struct smm_state *st)
{
	return st->regs.rflags & X86_EFLAGS_IF ? st->shadow :
	       st->shadow & ~(u32)KVM_X86_SHADOW_INT_STI;
}

int x86_rsm(struct vcpu *vcpu)
{
	struct x86_vcpu *a = &vcpu->arch;
	union smm_map map;
	struct smm_state st;

	if (!a->smm)
		return -EPERM;
	get_state(vcpu, &st);		/* what is in no map stays */
	if (guest_read(vcpu->vm, map_gpa(vcpu), &map, sizeof(map)))
		memset(&map, 0xff, sizeof(map));
	if (x86_gcap(vcpu, GCAP_LM))
		get_map64(&map.m64, &st);
	else
		get_map32(&map.m32, &st);

	/* the tables of the state that is loaded are in the other space */
	x86_set_smm(vcpu, false);
	vmx_set_nmi_blocked(vcpu, a->smm_nmi_blocked);
	a->smm_nmi_blocked = false;
	/* 31.4.1: a state that no CPU can be in shuts it down */
	if (!state_possible(vcpu, &st) || x86_set_sregs2(vcpu, &st.sregs)) {
		x86_triple_fault(vcpu);
		return 0;
	}
	x86_set_regs(vcpu, &st.regs);
	set_debug_regs(vcpu, st.dr6, st.dr7);
	vmx_set_interrupt_shadow(vcpu, shadow_possible(&st));
	if (!vmx_segments_possible(vcpu)) {
		x86_triple_fault(vcpu);
		return 0;
	}
	a->smbase = st.smbase;
	/* 31.10: HLT goes on, unless the handler has cleared the flag */
	if (st.halted && vcpu->lapic)
		a->mp_state = KVM_MP_STATE_HALTED;
	return 0;
}

/* ---- the interrupt --------------------------------------------------------------- */

void x86_smi(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_SMI);
	vcpu_kick(vcpu);
}
