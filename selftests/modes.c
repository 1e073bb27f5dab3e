// SPDX-License-Identifier: GPL-2.0-only
/*
 * From real mode to long mode and all the way back, in one guest, and what
 * real mode, 16-bit protected mode and virtual-8086 mode do on the way.
 */
#include "real.h"

GUEST_SUITE(modes)

/* Stages that the code tells by OUT to this port */
#define STAGE_PORT	0x99

/*
 * Runs at G_LOW. Tables: a GDT of its own; page tables are the test's, CR3 in
 * EBX (4 levels) and ECX (PAE) at the start.
 */
asm(".pushsection .rodata\n"
	".globl climb, climb_end\n"
	".code16\n"
	"climb:\n"
	"	cli\n"
	"	mov $1, %al\n"
	"	out %al, $0x99\n"		/* 1: real mode */
	"	mov %cs, %ax\n"
	"	mov %ax, %ds\n"
	"	mov %ax, %ss\n"
	"	mov $0x7ff0, %sp\n"
	"	lgdtl 0x8000 + (gdt_ptr - climb)\n"
	"	mov %cr0, %eax\n"
	"	or $1, %al\n"
	"	mov %eax, %cr0\n"
	"	mov $2, %al\n"
	"	out %al, $0x99\n"		/* 2: PE set, still 16-bit CS */
	"	ljmpl $0x18, $0x8000 + (prot32 - climb)\n"
	".code32\n"
	"prot32:\n"
	"	mov $0x10, %eax\n"
	"	mov %eax, %ds\n"
	"	mov %eax, %es\n"
	"	mov %eax, %ss\n"
	"	mov $0x7ff0, %esp\n"
	"	mov $3, %al\n"
	"	out %al, $0x99\n"		/* 3: 32-bit protected mode */
	"	mov %cr4, %eax\n"
	"	or $0x20, %eax\n"
	"	mov %eax, %cr4\n"
	"	mov %ecx, %cr3\n"
	"	mov %cr0, %eax\n"
	"	or $0x80000000, %eax\n"
	"	mov %eax, %cr0\n"
	"	mov $4, %al\n"
	"	out %al, $0x99\n"		/* 4: PAE paging */
	"	mov %cr0, %eax\n"
	"	and $0x7fffffff, %eax\n"
	"	mov %eax, %cr0\n"
	"	mov %ebx, %cr3\n"
	"	mov $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	or $0x100, %eax\n"
	"	wrmsr\n"
	"	mov %cr0, %eax\n"
	"	or $0x80000000, %eax\n"
	"	mov %eax, %cr0\n"
	"	mov $5, %al\n"
	"	out %al, $0x99\n"		/* 5: compatibility mode */
	"	ljmp $0x8, $0x8000 + (long64 - climb)\n"
	".code64\n"
	"long64:\n"
	"	mov $6, %al\n"
	"	out %al, $0x99\n"		/* 6: 64-bit mode */
	"	mov $0x123456789abcdef0, %r10\n"
	"	push %r10\n"
	"	pop %r11\n"
	"	ljmp *0x8000 + (to_compat - climb)\n"
	".code32\n"
	"compat:\n"
	"	mov $7, %al\n"
	"	out %al, $0x99\n"		/* 7: compatibility mode again */
	"	mov %cr0, %eax\n"
	"	and $0x7fffffff, %eax\n"
	"	mov %eax, %cr0\n"		/* paging off: leaves IA-32e */
	"	mov $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	and $0xfffffeff, %eax\n"
	"	wrmsr\n"
	"	mov $8, %al\n"
	"	out %al, $0x99\n"		/* 8: 32-bit without paging */
	"	ljmp $0x38, $0x8000 + (prot16 - climb)\n"
	".code16\n"
	"prot16:\n"
	"	mov $0x40, %ax\n"
	"	mov %ax, %ds\n"
	"	mov %ax, %ss\n"
	"	mov %ax, %es\n"
	"	mov $9, %al\n"
	"	out %al, $0x99\n"		/* 9: 16-bit protected mode */
	"	mov %cr0, %eax\n"
	"	and $0xfe, %al\n"
	"	mov %eax, %cr0\n"
	"	ljmp $0, $0x8000 + (real_again - climb)\n"
	"real_again:\n"
	"	xor %ax, %ax\n"
	"	mov %ax, %ds\n"
	"	mov %ax, %ss\n"
	"	mov $10, %al\n"
	"	out %al, $0x99\n"		/* 10: real mode again */
	"	hlt\n"
	"	.balign 8\n"
	"to_compat:\n"
	"	.long 0x8000 + (compat - climb)\n"
	"	.word 0x18\n"
	"	.balign 8\n"
	"gdt_ptr:\n"
	"	.word 0x7f\n"
	"	.long 0x100400\n"		/* G_GDT(0) */
	"climb_end:\n"
	".code64\n"
	".popsection\n");
extern const u8 climb[], climb_end[];

static void stage(struct __test_metadata *_metadata, struct vcpu *v, u8 n,
		  u64 cr0_set, u64 cr0_clear, u64 efer, int cs_l, int cs_db)
{
	struct kvm_sregs s;

	ASSERT_EQ(n, *(u8 *)expect_pio(v, STAGE_PORT, true, 1, 1));
	s = vcpu_sregs(v);
	ASSERT_EQ(cr0_set, s.cr0 & cr0_set);
	ASSERT_EQ(0, s.cr0 & cr0_clear);
	ASSERT_EQ(efer, s.efer & (EFER_LME | EFER_LMA));
	ASSERT_EQ(cs_l, s.cs.l);
	ASSERT_EQ(cs_db, s.cs.db);
}

TEST_F(modes, real_to_long_and_back)
{
	const u64 pe = X86_CR0_PE, pg = X86_CR0_PG, none = 0;
	const u64 lm = EFER_LME | EFER_LMA;
	struct vm *vm = self->vm;
	struct vcpu *v = self->vcpu;
	struct pt pae = pt_new(vm, PT_PAE);
	struct kvm_regs r = { .rip = G_LOW, .rflags = X86_EFLAGS_FIXED };

	memcpy(vm_hva(vm, G_LOW), climb, climb_end - climb);
	vcpu_set_mode(v, CPU_REAL, NULL);
	r.rbx = vm->pt.root;
	r.rcx = pae.root;
	vcpu_set_regs(v, &r);
	stage(_metadata, v, 1, none, pe | pg, 0, 0, 0);
	stage(_metadata, v, 2, pe, pg, 0, 0, 0);
	stage(_metadata, v, 3, pe, pg, 0, 0, 1);
	stage(_metadata, v, 4, pe | pg, 0, 0, 0, 1);
	stage(_metadata, v, 5, pe | pg, 0, lm, 0, 1);
	stage(_metadata, v, 6, pe | pg, 0, lm, 1, 0);
	stage(_metadata, v, 7, pe | pg, 0, lm, 0, 1);
	ASSERT_EQ(0x123456789abcdef0, vcpu_regs(v).r11);
	stage(_metadata, v, 8, pe, pg, 0, 0, 1);
	stage(_metadata, v, 9, pe, pg, 0, 0, 0);
	stage(_metadata, v, 10, none, pe | pg, 0, 0, 0);
	expect_exit(v, KVM_EXIT_HLT);
}

/* ---- real mode ------------------------------------------------------------------- */

static void run_real(struct vm *vm, struct vcpu *v, const u8 *code, size_t n,
		     u64 rip)
{
	struct kvm_regs r = {
		.rip = rip, .rsp = 0x7000, .rflags = X86_EFLAGS_FIXED,
	};

	memcpy(vm_hva(vm, G_LOW), code, n);
	vcpu_set_mode(v, CPU_REAL, NULL);
	vcpu_set_regs(v, &r);
}

/* int $0x21 through the vector table, its handler returns; hlt */
TEST_F(modes, real_interrupt)
{
	static const u8 code[] = {
		0xcd, 0x21,		/* int $0x21 */
		0xe6, 0x80,		/* out %al, $0x80 */
		0xf4,			/* hlt */
		0xb0, 0x5a, 0xcf,	/* handler: mov $0x5a, %al; iret */
	};
	struct vcpu *v = self->vcpu;

	run_real(self->vm, v, code, sizeof(code), G_LOW);
	*(u32 *)vm_hva(self->vm, 0x21 * 4) = G_LOW + 5;
	ASSERT_EQ(0x5a, *(u8 *)expect_pio(v, 0x80, true, 1, 1));
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0x7000, vcpu_regs(v).rsp);
}

/* Divide error through the vector table: no error code on the stack */
TEST_F(modes, real_exception)
{
	static const u8 code[] = {
		0x31, 0xc9, 0xf7, 0xf1,	/* xor %cx, %cx; div %cx */
		0xf4,
		0xb0, 0x33, 0xe6, 0x80, 0xf4,	/* handler */
	};
	struct vcpu *v = self->vcpu;

	run_real(self->vm, v, code, sizeof(code), G_LOW);
	*(u32 *)vm_hva(self->vm, 0) = G_LOW + 5;
	ASSERT_EQ(0x33, *(u8 *)expect_pio(v, 0x80, true, 1, 1));
	ASSERT_EQ(0x7000 - 6, vcpu_regs(v).rsp);
	ASSERT_EQ(G_LOW + 2, *(u16 *)vm_hva(self->vm, 0x7000 - 6));
}

/* An external interrupt and an NMI in real mode */
TEST_F(modes, real_injection)
{
	static const u8 code[] = {
		0xfb, 0xe6, 0x80,	/* sti; out %al, $0x80 */
		0xe6, 0x80, 0xf4,	/* out; hlt */
		0xb0, 0x40, 0xe6, 0x81, 0xcf,	/* 6: irq */
		0xb0, 0x02, 0xe6, 0x81, 0xcf,	/* 11: nmi */
	};
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct vcpu *v = self->vcpu;

	run_real(self->vm, v, code, sizeof(code), G_LOW);
	*(u32 *)vm_hva(self->vm, 0x40 * 4) = G_LOW + 6;
	*(u32 *)vm_hva(self->vm, 2 * 4) = G_LOW + 11;
	expect_pio(v, 0x80, true, 1, 1);
	ASSERT_EQ(0, ioctl(v->fd, KVM_INTERRUPT, &irq));
	ASSERT_EQ(0x40, *(u8 *)expect_pio(v, 0x81, true, 1, 1));
	expect_pio(v, 0x80, true, 1, 1);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	ASSERT_EQ(0x02, *(u8 *)expect_pio(v, 0x81, true, 1, 1));
	expect_exit(v, KVM_EXIT_HLT);
}

/* Segment * 16 + offset; the reset vector's CS base is far above */
TEST_F(modes, real_segments)
{
	static const u8 code[] = {
		0xb8, 0x34, 0x12,		/* mov $0x1234, %ax */
		0x8e, 0xd8,			/* mov %ax, %ds */
		0xa0, 0x10, 0x00,		/* mov 0x10, %al */
		0xe6, 0x80,			/* out %al, $0x80 */
		0xea, 0x00, 0x00, 0x00, 0x0a,	/* ljmp $0xa00, $0 */
	};
	static const u8 far[] = { 0x8c, 0xc8, 0xe7, 0x80, 0xf4 };
	struct vcpu *v = self->vcpu;

	run_real(self->vm, v, code, sizeof(code), G_LOW);
	*(u8 *)vm_hva(self->vm, 0x12350) = 0x77;
	memcpy(vm_hva(self->vm, 0xa000), far, sizeof(far));
	ASSERT_EQ(0x77, *(u8 *)expect_pio(v, 0x80, true, 1, 1));
	/* mov %cs, %ax; out %ax, $0x80 */
	ASSERT_EQ(0xa00, *(u16 *)expect_pio(v, 0x80, true, 2, 1));
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0xa000, vcpu_sregs(v).cs.base);
	ASSERT_EQ(0x12340, vcpu_sregs(v).ds.base);
}

/* A new vCPU starts where a processor does after reset */
TEST_F(modes, reset_state)
{
	static const u8 code[] = { 0xe6, 0x80, 0xf4 };
	struct vcpu *v = vcpu_new_bare(self->vm, 1);
	struct kvm_sregs s = vcpu_sregs(v);
	struct kvm_regs r = vcpu_regs(v);
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	char *rom = vm_add_mem(self->vm, 6, 0xffff0000, 0x10000, 0);

	/* SDM 3A table 10-1 */
	ASSERT_EQ(0xfff0, r.rip);
	ASSERT_EQ(2, r.rflags);
	ASSERT_EQ(0xf000, s.cs.selector);
	ASSERT_EQ(0xffff0000, s.cs.base);
	ASSERT_EQ(0xffff, s.cs.limit);
	ASSERT_EQ(0x60000010, s.cr0);
	ASSERT_EQ(0, s.cr4);
	ASSERT_EQ(0, s.efer);
	ASSERT_EQ(0xffff, s.idt.limit);
	ASSERT_EQ(0xffff, s.gdt.limit);
	memcpy(rom + 0xfff0, code, sizeof(code));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_MP_STATE, &mp));
	expect_pio(v, 0x80, true, 1, 1);
	expect_exit(v, KVM_EXIT_HLT);
}

/* 32-bit segments in real mode, left over from protected mode ("unreal") */
TEST_F(modes, big_real_mode)
{
	/* addr32 mov %ds:(%ebx), %al; out %al, $0x80; hlt */
	static const u8 code[] = { 0x67, 0x8a, 0x03, 0xe6, 0x80, 0xf4 };
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;
	struct kvm_regs r;

	run_real(self->vm, v, code, sizeof(code), G_LOW);
	s = vcpu_sregs(v);
	s.ds.limit = 0xffffffff;
	s.ds.g = 1;
	vcpu_set_sregs(v, &s);
	r = vcpu_regs(v);
	r.rbx = G_DATA;
	vcpu_set_regs(v, &r);
	*(u8 *)vm_hva(self->vm, G_DATA) = 0x3c;
	ASSERT_EQ(0x3c, *(u8 *)expect_pio(v, 0x80, true, 1, 1));
	expect_exit(v, KVM_EXIT_HLT);
}

/* ---- virtual-8086 mode ------------------------------------------------------------- */

TEST_F(modes, virtual_8086)
{
	/* mov %cs, %ax; hlt: not for this mode, #GP to the monitor */
	static const u8 code[] = { 0x8c, 0xc8, 0xf4 };
	struct pt pt = pt_new(self->vm, PT_32);
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = 0, .rsp = 0x1000,
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_VM | X86_EFLAGS_IOPL,
	};
	u32 *sp;

	memcpy(vm_hva(self->vm, 0x8000), code, sizeof(code));
	vcpu_set_mode(v, CPU_PROT32, &pt);
	s = vcpu_sregs(v);
	v86_segments(&s, 0x8000);
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &r);
	expect_pio(v, PROBE_EXC, true, 1, 1);
	r = vcpu_regs(v);
	ASSERT_EQ(0x800, (u16)r.rax);
	ASSERT_EQ(0, r.rflags & X86_EFLAGS_VM);
	/* Vector, error, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS */
	sp = vm_hva(self->vm, r.rsp);
	ASSERT_EQ(VEC_GP, sp[0]);
	ASSERT_EQ(2, sp[2]);
	ASSERT_EQ(0x800, sp[3]);
	ASSERT_NE(0, sp[4] & X86_EFLAGS_VM);
	ASSERT_EQ(0x1000, sp[5]);
	ASSERT_EQ(0x800, sp[6]);
}

/*
 * Error codes of 32-bit paging do not tell fetches from reads, whatever EFER.NXE
 * says (SDM 3A 4.7)
 */
TEST_F(modes, nx_without_pae)
{
	struct pt pt = pt_new(self->vm, PT_32);
	struct vcpu *v = self->vcpu;
	struct probe_result r;
	struct kvm_sregs s;

	if (!GUEST_HAS_NX())
		skip_test("no NX");
	vcpu_set_mode(v, CPU_PROT32, &pt);
	probe_init(v, 32);
	s = vcpu_sregs(v);
	s.efer |= EFER_NX;
	vcpu_set_sregs(v, &s);
	pt_set(&pt, 0x80000000, 2, 0);
	r = probe(v, probe32_exec, 0x80000000, 0);
	ASSERT_EQ(VEC_PF, r.vector);
	ASSERT_EQ(0, r.error);
	ASSERT_EQ(0x80000000, r.cr2);
	ASSERT_EQ(EFER_NX, vcpu_sregs(v).efer);
}

/*
 * A page directory where no memory is reads as all ones: without CR4.PSE each entry
 * points to a table at 0xfffff000. The in-tree KVM ends the guest.
 */
static void no_directory(struct __test_metadata *_metadata, struct vm *vm,
			 struct vcpu *v, bool memory)
{
	/* mov %ebx, %cr3; nop; out %al, $0x99; hlt */
	static const u8 code[] = {
		0x0f, 0x22, 0xdb, 0x90, 0xe6, STAGE_PORT, 0xf4 };
	struct pt pt = pt_new(vm, PT_32);
	struct kvm_sregs s;
	struct kvm_regs r;
	u32 *table = NULL;

	memcpy(vm_hva(vm, G_LOW), code, sizeof(code));
	if (memory) {
		table = vm_add_mem(vm, 7, 0xfffff000, PAGE_4K, 0);
		for (u32 i = 0; i < 1024; i++)
			table[i] = i << 12 | PTE_P | PTE_W | PTE_U;
	}
	vcpu_set_mode(v, CPU_PROT32, &pt);
	s = vcpu_sregs(v);
	s.cr4 &= ~(u64)X86_CR4_PSE;
	vcpu_set_sregs(v, &s);
	r = vcpu_regs(v);
	r.rip = G_LOW;
	r.rbx = 0x70000000;
	r.rax = 0x5a;
	vcpu_set_regs(v, &r);
	alarm(60);
	ASSERT_EQ(0, vcpu_run_raw(v));
	if (!on_our_module()) {
		ASSERT_NE(KVM_EXIT_UNKNOWN, v->run->exit_reason);
		return;
	}
	if (!memory) {
		ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, v->run->exit_reason);
		return;
	}
	ASSERT_EQ(KVM_EXIT_IO, v->run->exit_reason);
	ASSERT_EQ(STAGE_PORT, v->run->io.port);
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_NE(0, table[G_LOW >> 12] & PTE_A);
}

TEST_F(modes, directory_nowhere_table_in_memory)
{
	no_directory(_metadata, self->vm, self->vcpu, true);
}

TEST_F(modes, directory_and_table_nowhere)
{
	no_directory(_metadata, self->vm, self->vcpu, false);
}

/* ---- compatibility mode ------------------------------------------------------------- */

asm(".pushsection .text\n"
	".globl compat_code\n"
	".code32\n"
	"compat_code:\n"
	"	mov $0x11, %eax\n"
	"	push %eax\n"
	"	add (%esp), %eax\n"
	"	pop %ecx\n"
	"	xor %ecx, %ecx\n"
	"	mov %eax, %ebp\n"
	"	mov $0, %eax\n"
	"	cpuid\n"			/* an exit from 32-bit code */
	"	mov %ebp, %eax\n"
	"	lret\n"
	".code64\n"
	".popsection\n");
extern const char compat_code[];

static void guest_compat(void)
{
	struct { u32 off; u16 sel; } to = { (u32)(u64)compat_code, SEL_CS32 };
	u64 r;

	/* The 32-bit far return pops 32-bit words: push them so */
	asm volatile("push %%rbp; sub $8, %%rsp; movl $1f, (%%rsp);"
		     "movl $0x8, 4(%%rsp); ljmp *(%1); 1: pop %%rbp"
		     : "=a"(r) : "S"(&to) : "rbx", "rcx", "rdx", "memory");
	GUEST_ASSERT_EQ((u32)r, 0x22);
	GUEST_DONE();
}

TEST_F(modes, compatibility_mode)
{
	vcpu_set_entry(self->vcpu, guest_compat);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
