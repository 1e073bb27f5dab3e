// SPDX-License-Identifier: GPL-2.0-only
/* Virtual CPUs: creation, modes, registers. */
#define SELFTEST_LIB
#include "kvmtest.h"
#include <stdarg.h>

extern const char guest_stubs[];

static int run_size(void)
{
	int fd = kvm_open();
	int size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	close(fd);
	if (size < (int)sizeof(struct kvm_run))
		die("KVM_GET_VCPU_MMAP_SIZE: %d", size);
	return size;
}

struct vcpu *vcpu_new_bare(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

	require(vcpu && vm->nr_vcpus < G_MAX_VCPUS);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		die("KVM_CREATE_VCPU: %s", strerror(errno));
	vcpu->run = mmap(NULL, run_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	require(vcpu->run != MAP_FAILED);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, kvm_supported_cpuid()))
		die("KVM_SET_CPUID2: %s", strerror(errno));
	vm->vcpus[vm->nr_vcpus++] = vcpu;
	return vcpu;
}

/* ---- descriptor tables --------------------------------------------------- */

static u64 descriptor(const struct kvm_segment *s)
{
	u64 limit = s->g ? s->limit >> 12 : s->limit;

	return (limit & 0xffff) | (s->base & 0xffffff) << 16 |
	       (u64)s->type << 40 | (u64)s->s << 44 | (u64)s->dpl << 45 |
	       (u64)s->present << 47 | (limit >> 16 & 0xf) << 48 |
	       (u64)s->avl << 52 | (u64)s->l << 53 | (u64)s->db << 54 |
	       (u64)s->g << 55 | (s->base >> 24 & 0xff) << 56;
}

/* Flat code or data of a width */
static struct kvm_segment flat(u16 selector, int type, int bits)
{
	return (struct kvm_segment) {
		.selector = selector,
		.limit = bits == 16 ? 0xffff : 0xffffffff,
		.type = type,
		.present = 1,
		.dpl = selector & 3,
		.db = bits == 32,
		.s = 1,
		.l = bits == 64,
		.g = bits != 16,
	};
}

#define TYPE_CODE	0xb	/* execute, read, accessed */
#define TYPE_DATA	0x3	/* read, write, accessed */

static void put_gdt(struct vm *vm, unsigned int id)
{
	u64 *gdt = vm_hva(vm, G_GDT(id));
	struct kvm_segment s;

#define PUT(sel, type, bits) do {				\
	s = flat(sel, type, bits);				\
	gdt[(sel) >> 3] = descriptor(&s);			\
} while (0)
	PUT(SEL_CS64, TYPE_CODE, 64);
	PUT(SEL_DS, TYPE_DATA, 32);
	PUT(SEL_CS32, TYPE_CODE, 32);
	PUT(SEL_UCS32, TYPE_CODE, 32);
	PUT(SEL_UDS, TYPE_DATA, 32);
	PUT(SEL_UCS64, TYPE_CODE, 64);
	PUT(SEL_CS16, TYPE_CODE, 16);
	PUT(SEL_DS16, TYPE_DATA, 16);
#undef PUT
	s = (struct kvm_segment) {
		.base = G_TSS(id), .limit = 0x67, .type = 11, .present = 1,
	};
	gdt[SEL_TSS >> 3] = descriptor(&s);
	gdt[(SEL_TSS >> 3) + 1] = 0;
	s.base = G_TSS32(id);
	gdt[SEL_TSS32 >> 3] = descriptor(&s);
}

static void put_gate64(struct vm *vm, u64 idt, unsigned int vec, u64 to,
		       int dpl, int ist)
{
	u64 *e = vm_hva(vm, idt + vec * 16);

	e[0] = (to & 0xffff) | (u64)SEL_CS64 << 16 | (u64)ist << 32 |
	       0x8e00ull << 32 | (u64)dpl << 45 | (to >> 16 & 0xffff) << 48;
	e[1] = to >> 32;
}

static void put_gate32(struct vm *vm, u64 idt, unsigned int vec, u32 to)
{
	u64 *e = vm_hva(vm, idt + vec * 8);

	*e = (to & 0xffff) | (u64)SEL_CS32 << 16 | 0x8e00ull << 32 |
	     (u64)(to >> 16) << 48;
}

static void put_tables(struct vm *vm, unsigned int id)
{
	struct guest_cpu *c = vm_hva(vm, G_CPU(id));
	u32 *tss = vm_hva(vm, G_TSS(id));
	u32 *tss32 = vm_hva(vm, G_TSS32(id));

	c->self = G_CPU(id);
	c->id = id;
	put_gdt(vm, id);
	/* SDM 3A 8.7: RSP0 at 4, IST1 at 0x24, I/O map base at 0x66 */
	tss[1] = G_RSP0(id);
	tss[9] = G_IST(id);
	tss[25] = 0x68 << 16;
	/* SDM 3A 8.2.1: ESP0 at 4, SS0 at 8 */
	tss32[1] = G_RSP0(id);
	tss32[2] = SEL_DS;
	tss32[25] = 0x68 << 16;
	for (unsigned int v = 0; v < 256; v++)
		put_gate64(vm, G_IDT, v, (u64)guest_stubs + v * 16,
			   v == VEC_BP || v >= 0xf0 ? 3 : 0, v == VEC_DF);
	for (unsigned int v = 0; v < 32; v++) {
		put_gate64(vm, G_IDT_PROBE64, v, (u64)probe64_stubs + v * 8,
			   0, v == VEC_DF);
		put_gate32(vm, G_IDT_PROBE32, v, (u64)probe32_stubs + v * 8);
	}
}

/* ---- modes --------------------------------------------------------------- */

static void set_segments(struct kvm_sregs *s, u16 cs, u16 ds, int bits)
{
	s->cs = flat(cs, TYPE_CODE, bits);
	s->ds = flat(ds, TYPE_DATA, bits == 16 ? 16 : 32);
	s->es = s->ds;
	s->fs = s->ds;
	s->gs = s->ds;
	s->ss = s->ds;
}

void vcpu_set_mode(struct vcpu *vcpu, enum cpu_mode mode, const struct pt *pt)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);
	unsigned int id = vcpu->id;

	vcpu->ring3 = false;
	s.cr0 = X86_CR0_ET | X86_CR0_NE | X86_CR0_MP;
	s.cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	s.cr3 = 0;
	s.efer = 0;
	s.gdt.base = G_GDT(id);
	s.gdt.limit = GDT_LIMIT;
	s.ldt = (struct kvm_segment) { .unusable = 1, .type = 2 };
	s.tr = (struct kvm_segment) {
		.selector = SEL_TSS32, .base = G_TSS32(id), .limit = 0x67,
		.type = 11, .present = 1,
	};

	if (mode == CPU_REAL) {
		set_segments(&s, 0, 0, 16);
		s.idt.base = 0;
		s.idt.limit = 0x3ff;
		vcpu_set_sregs(vcpu, &s);
		return;
	}
	s.cr0 |= X86_CR0_PE;
	s.idt.base = G_IDT_PROBE32;
	s.idt.limit = 32 * 8 - 1;
	if (mode == CPU_PROT16)
		set_segments(&s, SEL_CS16, SEL_DS16, 16);
	else
		set_segments(&s, SEL_CS32, SEL_DS, 32);
	if (pt && pt->mode != PT_NONE) {
		s.cr0 |= X86_CR0_PG;
		s.cr3 = pt->root;
		if (pt->mode == PT_32)
			s.cr4 |= X86_CR4_PSE;
		else
			s.cr4 |= X86_CR4_PAE;
		if (pt->mode == PT_5LEVEL)
			s.cr4 |= X86_CR4_LA57;
		if (pt->mode == PT_PAE && GUEST_HAS_NX())
			s.efer = EFER_NX;
	}
	if (mode == CPU_LONG) {
		set_segments(&s, SEL_CS64, SEL_DS, 64);
		s.gs.base = G_CPU(id);
		s.efer = EFER_LME | EFER_LMA | EFER_SCE;
		if (GUEST_HAS_NX())
			s.efer |= EFER_NX;
		s.idt.base = G_IDT;
		s.idt.limit = 256 * 16 - 1;
		s.tr.selector = SEL_TSS;
		s.tr.base = G_TSS(id);
	}
	vcpu_set_sregs(vcpu, &s);
}

void vcpu_set_ring3(struct vcpu *vcpu)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);
	u64 gs = s.gs.base;

	vcpu->ring3 = true;
	if (s.efer & EFER_LMA)
		set_segments(&s, SEL_UCS64, SEL_UDS, 64);
	else
		set_segments(&s, SEL_UCS32, SEL_UDS, 32);
	s.gs.base = gs;
	vcpu_set_sregs(vcpu, &s);
}

void vcpu_set_entry(struct vcpu *vcpu, void *fn)
{
	struct kvm_regs r = {
		.rip = (u64)fn,
		/* as after a CALL */
		.rsp = G_STACK(vcpu->id) - 8,
		/* IOPL 3: ucalls work at CPL 3 */
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IOPL,
	};

	vcpu_set_regs(vcpu, &r);
}

struct vcpu *vcpu_new(struct vm *vm, unsigned int id, void *fn)
{
	struct vcpu *vcpu = vcpu_new_bare(vm, id);

	put_tables(vm, id);
	vcpu_set_mode(vcpu, CPU_LONG, &vm->pt);
	vcpu_set_entry(vcpu, fn);
	return vcpu;
}

void vcpu_args(struct vcpu *vcpu, unsigned int n, ...)
{
	struct kvm_regs r = vcpu_regs(vcpu);
	__u64 *to[] = { &r.rdi, &r.rsi, &r.rdx, &r.rcx, &r.r8, &r.r9 };
	va_list ap;

	require(n <= 6);
	va_start(ap, n);
	for (unsigned int i = 0; i < n; i++)
		*to[i] = va_arg(ap, u64);
	va_end(ap);
	vcpu_set_regs(vcpu, &r);
}

/* ---- registers ----------------------------------------------------------- */

#define GET(vcpu, req, p) do {						\
	if (ioctl((vcpu)->fd, req, p))					\
		die(#req ": %s", strerror(errno));			\
} while (0)

struct kvm_regs vcpu_regs(struct vcpu *vcpu)
{
	struct kvm_regs r;

	GET(vcpu, KVM_GET_REGS, &r);
	return r;
}

void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	GET(vcpu, KVM_SET_REGS, regs);
}

struct kvm_sregs vcpu_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs s;

	GET(vcpu, KVM_GET_SREGS, &s);
	return s;
}

void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	GET(vcpu, KVM_SET_SREGS, sregs);
}

int vcpu_set_sregs_err(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	return ioctl(vcpu->fd, KVM_SET_SREGS, sregs) ? errno : 0;
}

struct kvm_vcpu_events vcpu_events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events ev;

	GET(vcpu, KVM_GET_VCPU_EVENTS, &ev);
	return ev;
}

void vcpu_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *ev)
{
	GET(vcpu, KVM_SET_VCPU_EVENTS, ev);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

u64 vcpu_get_msr(struct vcpu *vcpu, u32 msr)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = msr };
	int r = ioctl(vcpu->fd, KVM_GET_MSRS, &m);

	if (r != 1)
		die("KVM_GET_MSRS 0x%x: %d, %s", msr, r, strerror(errno));
	return m.entry.data;
}

int vcpu_set_msr(struct vcpu *vcpu, u32 msr, u64 val)
{
	struct one_msr m = {
		.head.nmsrs = 1, .entry.index = msr, .entry.data = val,
	};
	int r = ioctl(vcpu->fd, KVM_SET_MSRS, &m);

	if (r < 0)
		die("KVM_SET_MSRS 0x%x: %s", msr, strerror(errno));
	return r;
}
