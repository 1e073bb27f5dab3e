// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way from real mode into protected mode and back, the start of another
 * processor, which begins in real mode, and tasks in virtual-8086 mode.
 */
#include "irq.h"
#include "real.h"

GUEST_SUITE(realmode_switch)

/* ---- protected mode without paging, at both privilege levels, and back -- */

asm(".pushsection .rodata\n"
	".globl rm_prot, rm_prot_end\n"
	".code16\n"
	"rm_prot: cli\n"
	"	lgdtl 0x8000 + (prot_gdtr - rm_prot)\n"
	"	lidtl 0x8000 + (prot_idtr - rm_prot)\n"
	"	mov %cr0, %eax\n"
	"	or $1, %al\n"
	"	mov %eax, %cr0\n"
	"	ljmpl $0x18, $0x8000 + (prot_32 - rm_prot)\n"
	".code32\n"
	"prot_32: mov $0x10, %eax\n"
	"	mov %eax, %ds\n"
	"	mov %eax, %es\n"
	"	mov %eax, %ss\n"
	"	mov $0x7000, %esp\n"
	"	mov $0x58, %eax\n"
	"	ltr %ax\n"
	"	mov 0x800000, %eax\n"	/* memory above 1 MiB */
	"	out %eax, $0x80\n"
	"	push $0x2b\n"		/* to CPL 3 */
	"	push $0x6800\n"
	"	push $0x3002\n"		/* IOPL 3 */
	"	push $0x23\n"
	"	push $0x8000 + (prot_user - rm_prot)\n"
	"	iretl\n"
	"prot_user: mov $0x2b, %eax\n"
	"	mov %eax, %ds\n"
	"	mov 0x800004, %eax\n"
	"	out %eax, $0x80\n"
	"	hlt\n"			/* #GP, back to CPL 0 */
	"prot_gp: mov 12(%esp), %eax\n"	/* error code, EIP, CS, EFLAGS */
	"	mov 8(%esp), %eax\n"
	"	and $3, %eax\n"
	"	out %eax, $0x80\n"	/* it came from CPL 3 */
	"	mov $0x10, %eax\n"
	"	mov %eax, %ds\n"
	"	ljmp $0x38, $0x8000 + (prot_16 - rm_prot)\n"
	".code16\n"
	"prot_16: mov $0x40, %ax\n"
	"	mov %ax, %ds\n"
	"	mov %ax, %es\n"
	"	mov %ax, %fs\n"
	"	mov %ax, %gs\n"
	"	mov %ax, %ss\n"
	"	mov %cr0, %eax\n"
	"	and $0xfe, %al\n"
	"	mov %eax, %cr0\n"
	"	ljmp $0, $0x8000 + (prot_real - rm_prot)\n"
	"prot_real: xor %ax, %ax\n"
	"	mov %ax, %ds\n"
	"	mov %ax, %es\n"
	"	mov %ax, %fs\n"
	"	mov %ax, %gs\n"
	"	mov %ax, %ss\n"
	"	mov $0x7000, %sp\n"
	"	lidtl 0x8000 + (real_idtr - rm_prot)\n"
	"	movw $0x8000 + (prot_int - rm_prot), 0x30 * 4\n"
	"	movw $0, 0x30 * 4 + 2\n"
	"	int $0x30\n"
	"	mov $50000, %cx\n"
	"1:	loop 1b\n"
	"	out %al, $0x80\n"
	"	hlt\n"
	"prot_int: mov $0x30, %al\n"
	"	iret\n"
	"	.balign 8\n"
	"prot_gdtr: .word 0x7f\n"
	"	.long 0x100400\n"	/* G_GDT(0) */
	"	.balign 8\n"
	"prot_idtr: .word 14 * 8 - 1\n"
	"	.long 0x9000\n"
	"	.balign 8\n"
	"real_idtr: .word 0x3ff\n"
	"	.long 0\n"
	"rm_prot_end:\n"
	".code64\n"
	".globl prot_gp\n"
	".popsection\n");
extern const u8 rm_prot[], rm_prot_end[], prot_gp[];

TEST_F(realmode_switch, protected_mode_without_paging)
{
	u32 gp = G_LOW + (prot_gp - rm_prot);
	struct vcpu *v = self->vcpu;
	u64 *idt = vm_hva(self->vm, 0x9000);
	int64_t emulated;

	START(v, rm_prot);
	/* a TSS that LTR takes is not busy */
	((u8 *)vm_hva(self->vm, G_GDT(0) + SEL_TSS32))[5] = 0x89;
	idt[13] = (gp & 0xffff) | (u64)SEL_CS32 << 16 | 0x8e00ull << 32;
	*(u32 *)vm_hva(self->vm, 0x800000) = 0x11223344;
	*(u32 *)vm_hva(self->vm, 0x800004) = 0x55667788;
	ASSERT_EQ(0x11223344, OUT32(v));
	ASSERT_EQ(0x55667788, OUT32(v));
	ASSERT_EQ(3, OUT32(v));
	ASSERT_EQ(0x30, OUT8(v));
	if (on_our_module()) {
		emulated = stat_read(v->fd, "insn_emulated");
		ASSERT_LE(0, emulated);
		ASSERT_GT(100, emulated);
	}
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0, vcpu_sregs(v).cr0 & X86_CR0_PE);
}

/*
 * ---- and back from a 32-bit segment: CS.D counts until CS is loaded again, and
 * maybe afterwards, so that what follows is the same in both sizes of code
 */

asm(".pushsection .rodata\n"
	".globl rm_wide, rm_wide_end\n"
	".code16\n"
	"rm_wide: cli\n"
	"	lgdtl 0x8000 + (wide_gdtr - rm_wide)\n"
	"	mov %cr0, %eax\n"
	"	or $1, %al\n"
	"	mov %eax, %cr0\n"
	"	ljmpl $0x18, $0x8000 + (wide_32 - rm_wide)\n"
	".code32\n"
	"wide_32: mov $0x10, %eax\n"
	"	mov %eax, %ds\n"
	"	mov %cr0, %eax\n"
	"	and $0xfe, %al\n"
	"	mov %eax, %cr0\n"
	"	mov $0x12345678, %eax\n"
	"	out %eax, $0x80\n"
	"	mov %eax, 0xd0000000\n"	/* a device */
	"	mov 0x800000, %eax\n"
	"	ljmp $0x100, $0x7000 + (wide_real - rm_wide)\n"
	"wide_real: out %al, $0x80\n"
	"	hlt\n"
	"	.balign 8\n"
	"wide_gdtr: .word 0x7f\n"
	"	.long 0x100400\n"	/* G_GDT(0) */
	"rm_wide_end:\n"
	".code64\n"
	".popsection\n");
extern const u8 rm_wide[], rm_wide_end[];

TEST_F(realmode_switch, back_from_32_bit_code)
{
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;

	START(v, rm_wide);
	*(u32 *)vm_hva(self->vm, 0x800000) = 0x11223344;
	ASSERT_EQ(0x12345678, OUT32(v));
	expect_exit(v, KVM_EXIT_MMIO);
	ASSERT_EQ(0xd0000000, v->run->mmio.phys_addr);
	ASSERT_EQ(4, v->run->mmio.len);
	ASSERT_EQ(0x12345678, *(u32 *)v->run->mmio.data);
	ASSERT_EQ(0x44, OUT8(v));
	expect_exit(v, KVM_EXIT_HLT);
	s = vcpu_sregs(v);
	ASSERT_EQ(0, s.cr0 & X86_CR0_PE);
	ASSERT_EQ(0x100, s.cs.selector);
	ASSERT_EQ(0x1000, s.cs.base);
}

/* ---- another processor -------------------------------------------------- */

static void guest_start_ap(void)
{
	x2apic_on();
	x2apic_write(APIC_ICR, 1ull << 32 | 0x4500);	/* INIT */
	x2apic_write(APIC_ICR, 1ull << 32 | 0x4608);	/* SIPI to 0x8000 */
	while (*(volatile u32 *)0x800000ul != 0x600d)
		cpu_pause();
	GUEST_DONE();
}

/* Real mode at 0800:0, from there into 64-bit mode; CR3 is at 0x7ff8 */
asm(".pushsection .rodata\n"
	".globl ap_code, ap_code_end\n"
	".code16\n"
	"ap_code: mov %cs, %ax\n"
	"	mov %ax, %ds\n"
	"	lgdtl ap_gdtr - ap_code\n"
	"	mov %cr4, %eax\n"
	"	or $0x20, %eax\n"
	"	mov %eax, %cr4\n"
	"	mov $0x7ff0, %ebx\n"
	"	xor %ax, %ax\n"
	"	mov %ax, %ds\n"
	"	mov 8(%bx), %eax\n"
	"	mov %eax, %cr3\n"
	"	mov $0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	or $0x100, %eax\n"
	"	wrmsr\n"
	"	mov %cr0, %eax\n"
	"	or $0x80000001, %eax\n"
	"	mov %eax, %cr0\n"	/* paging and protection at once */
	"	ljmpl $0x8, $0x8000 + (ap_64 - ap_code)\n"
	".code64\n"
	"ap_64:	movl $0x600d, 0x800000\n"
	"1:	hlt\n"
	"	jmp 1b\n"
	"	.balign 8\n"
	"ap_gdtr: .word 0x7f\n"
	"	.long 0x100400\n"
	"ap_code_end:\n"
	".popsection\n");
extern const u8 ap_code[], ap_code_end[];

TEST_F(realmode_switch, start_up_ipi)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *bsp = vcpu_new(vm, 0, guest_start_ap);
	struct vcpu *ap = vcpu_new_bare(vm, 1);
	pthread_t t;

	memcpy(vm_hva(vm, G_LOW), ap_code, ap_code_end - ap_code);
	*(u64 *)vm_hva(vm, 0x7ff8) = vm->pt.root;
	*(u32 *)vm_hva(vm, 0x800000) = 0;
	t = vcpu_start(ap);
	expect_done(bsp);
	vcpu_stop(ap, t);
	ASSERT_EQ(EFER_LME | EFER_LMA,
		  vcpu_sregs(ap).efer & (EFER_LME | EFER_LMA));
	vm_free(vm);
}

/* ---- virtual-8086 mode of the guest's own ------------------------------- */

/* A task with VME: INT 21h by the redirection map, STI and CLI on VIF */
REAL(v86_task,
	"mov $0x10, %al\n"
	"int $0x21\n"
	"out %al, $0x80\n"
	"sti\n"
	"pushf\n"
	"pop %ax\n"
	"out %ax, $0x80\n"		/* IF is VIF, IOPL reads 3 */
	"cli\n"
	"pushf\n"
	"pop %ax\n"
	"out %ax, $0x80\n"
	"int $0x22\n"			/* not redirected: #GP, IOPL is 0 */
	"v86_h21: inc %al\n"
	"iret\n"
	".globl v86_h21\n");
extern const u8 v86_h21[];

TEST_F(realmode_switch, task_of_virtual_8086_mode)
{
	struct pt pt = pt_new(self->vm, PT_PAE);
	struct vcpu *v = self->vcpu;
	u8 *tss = vm_hva(self->vm, G_TSS32(0));
	struct kvm_regs r = {
		.rip = G_LOW, .rsp = 0x7000,
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_VM,
	};
	struct kvm_sregs s;
	u16 flags;

	if (!guest_has(1, 0, 'd', 1))
		skip_test("no VME");
	memcpy(vm_hva(self->vm, G_LOW), v86_task, v86_task_end - v86_task);
	*(u32 *)vm_hva(self->vm, 0x21 * 4) = G_LOW + (v86_h21 - v86_task);
	/* map base behind 32 bytes of redirection, 1024 ports open; see layout.h */
	memset(tss + 0x68, 0, 32 + 128);
	tss[0x68 + 0x22 / 8] = 1 << (0x22 & 7);
	tss[0x68 + 32 + 128] = 0xff;
	*(u16 *)(tss + 102) = 0x68 + 32;
	vcpu_set_mode(v, CPU_PROT32, &pt);
	s = vcpu_sregs(v);
	s.cr4 |= X86_CR4_VME;
	s.tr.limit = 0x68 + 32 + 128;
	v86_segments(&s, 0);
	vcpu_set_sregs(v, &s);
	vcpu_set_regs(v, &r);
	ASSERT_EQ(0x11, OUT8(v));
	flags = OUT16(v);
	ASSERT_EQ(X86_EFLAGS_IF | X86_EFLAGS_IOPL,
		  flags & (X86_EFLAGS_IF | X86_EFLAGS_IOPL));
	ASSERT_NE(0, vcpu_regs(v).rflags & X86_EFLAGS_VIF);
	ASSERT_NE(0, vcpu_regs(v).rflags & X86_EFLAGS_VM);
	flags = OUT16(v);
	ASSERT_EQ(X86_EFLAGS_IOPL, flags & (X86_EFLAGS_IF | X86_EFLAGS_IOPL));
	expect_pio(v, PROBE_EXC, true, 1, 1);
	ASSERT_EQ(VEC_GP, *(u32 *)vm_hva(self->vm, vcpu_regs(v).rsp));
}

TEST_HARNESS_MAIN
