// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode: segments at any base and of any limit, a vector table that LIDT
 * moves. A CPU without unrestricted guest has to imitate most of it.
 */
#include "real.h"

GUEST_SUITE(realmode_segments)

/* ---- segments ----------------------------------------------------------- */

REAL(rm_high,
	"mov $0xffff, %ax\n"
	"mov %ax, %ds\n"
	"mov 0x10, %al\n"		/* 0x100000: A20 is on */
	"out %al, $0x80\n"
	"push %ds\n"
	"pop %es\n"
	"mov %es, %ax\n"
	"out %ax, $0x80\n"
	"lss %cs:" AT(rm_high, stack) ", %sp\n"
	"push $0x1234\n"
	"mov %sp, %ax\n"
	"out %ax, $0x80\n"
	"lcall $0x900, $0x10\n"
	"hlt\n"
	"stack: .word 0x0, 0x3000\n");

TEST_F(realmode_segments, segments)
{
	/* mov %cs, %ax; out %ax, $0x80; lret */
	static const u8 far[] = { 0x8c, 0xc8, 0xe7, 0x80, 0xcb };
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;

	START(v, rm_high);
	*(u8 *)vm_hva(self->vm, 0x100000) = 0x66;
	memcpy(vm_hva(self->vm, 0x9010), far, sizeof(far));
	ASSERT_EQ(0x66, OUT8(v));
	ASSERT_EQ(0xffff, OUT16(v));
	/* SP wraps within the stack's 64 KiB */
	ASSERT_EQ(0xfffe, OUT16(v));
	ASSERT_EQ(0x1234, *(u16 *)vm_hva(self->vm, 0x3fffe));
	ASSERT_EQ(0x900, OUT16(v));
	expect_exit(v, KVM_EXIT_HLT);
	s = vcpu_sregs(v);
	ASSERT_EQ(0x30000, s.ss.base);
	ASSERT_EQ(0xffff, s.ss.limit);
	ASSERT_EQ(0xffff0, s.ds.base);
	ASSERT_EQ(0, s.cs.base);
	ASSERT_EQ(SEL_TSS32, s.tr.selector);
	ASSERT_EQ(G_TSS32(0), s.tr.base);
}

/*
 * A visit to protected mode leaves DS and ES with limits of 4 GiB; loads of
 * real mode keep them. FS keeps its own 64 KiB.
 */
REAL(rm_unreal,
	"cli\n"
	"movw $" AT(rm_unreal, gp) ", 13 * 4\n"
	"movw $0, 13 * 4 + 2\n"
	"lgdtl " AT(rm_unreal, gdtr) "\n"
	"mov %cr0, %eax\n"
	"or $1, %al\n"
	"mov %eax, %cr0\n"
	"mov $0x10, %bx\n"
	"mov %bx, %ds\n"
	"mov %bx, %es\n"
	"and $0xfe, %al\n"
	"mov %eax, %cr0\n"
	"xor %ax, %ax\n"
	"mov %ax, %es\n"
	"mov $0x1000, %ax\n"
	"mov %ax, %ds\n"
	"mov $0x7f0000, %ebx\n"
	"addr32 mov (%ebx), %eax\n"	/* 0x10000 + 0x7f0000 */
	"out %eax, $0x80\n"
	"mov $0x7f0000, %esi\n"
	"mov $0x900000, %edi\n"
	"mov $1024, %ecx\n"
	"cld\n"
	"addr32 rep movsl\n"
	"mov $0x7f0000, %ebx\n"
	"mov $100, %cx\n"
	"1: addr32 incl 4(%ebx)\n"
	"loop 1b\n"
	"mov $" AT(rm_unreal, after) ", %di\n"
	"addr32 mov %fs:(%ebx), %eax\n"	/* #GP */
	"hlt\n"
	"gp: mov $13, %al\n"
	"out %al, $0x80\n"
	"add $6, %sp\n"
	"jmp *%di\n"
	"after: mov %sp, %ax\n"
	"out %ax, $0x80\n"
	"hlt\n"
	".balign 8\n"
	"gdtr: .word 0x7f\n"
	".long 0x100400\n");		/* G_GDT(0) */

TEST_F(realmode_segments, unreal)
{
	struct vcpu *v = self->vcpu;
	u32 *from = vm_hva(self->vm, 0x800000);
	u32 *to = vm_hva(self->vm, 0x900000);
	struct kvm_sregs s;

	START(v, rm_unreal);
	for (u32 i = 0; i < 1024; i++)
		from[i] = 0xabcd0000 + i;
	ASSERT_EQ(0xabcd0000, OUT32(v));
	ASSERT_EQ(13, OUT8(v));
	ASSERT_EQ(0x7000, OUT16(v));
	expect_exit(v, KVM_EXIT_HLT);
	for (u32 i = 0; i < 1024; i++)
		ASSERT_EQ(0xabcd0000 + i, to[i]);
	ASSERT_EQ(0xabcd0001 + 100, from[1]);
	s = vcpu_sregs(v);
	ASSERT_EQ(0xffffffff, s.ds.limit);
	ASSERT_EQ(0x1000, s.ds.selector);
	ASSERT_EQ(0x10000, s.ds.base);
	ASSERT_EQ(0xffff, s.fs.limit);
}

/* The vector table is where LIDT puts it; one too short means shutdown */
REAL(rm_lidt,
	"lidtl " AT(rm_lidt, idtr) "\n"
	"int $0x10\n"
	"out %al, $0x80\n"
	"lidtl " AT(rm_lidt, none) "\n"
	"int $0x10\n"
	"hlt\n"
	"h: mov $0x77, %al\n"
	"iret\n"
	".balign 8\n"
	"table: .skip 0x40\n"
	".word " AT(rm_lidt, h) ", 0\n"
	".balign 8\n"
	"idtr: .word 0x43\n"
	".long " AT(rm_lidt, table) "\n"
	"none: .word 0\n"
	".long 0\n");

TEST_F(realmode_segments, vector_table_elsewhere)
{
	struct vcpu *v = self->vcpu;

	START(v, rm_lidt);
	ASSERT_EQ(0x77, OUT8(v));
	/* in the in-tree KVM without unrestricted guest INT n goes to address 0 */
	if (on_our_module())
		expect_exit(v, KVM_EXIT_SHUTDOWN);
}

/*
 * The guest overwrites the maps of the TSS that it may be run with: its own
 * loss, if any. Ports and INT n come out as exits and are emulated.
 */
REAL(rm_spoil,
	"cli\n"
	"movw $" AT(rm_spoil, spoil_h) ", 0x21 * 4\n"
	"movw $0, 0x21 * 4 + 2\n"
	"lgdtl " AT(rm_spoil, spoil_gdtr) "\n"
	"mov %cr0, %eax\n"
	"or $1, %al\n"
	"mov %eax, %cr0\n"
	"mov $0x10, %bx\n"
	"mov %bx, %es\n"
	"and $0xfe, %al\n"
	"mov %eax, %cr0\n"
	"xor %ax, %ax\n"
	"mov %ax, %es\n"
	"mov $0xfeffd068, %edi\n"	/* KVM_SET_TSS_ADDR of vm_new() */
	"mov $0x2020, %ecx\n"
	"mov $0xff, %al\n"
	"cld\n"
	"addr32 rep stosb\n"
	"mov $0x31, %al\n"
	"out %al, $0x80\n"
	"int $0x21\n"
	"out %al, $0x80\n"
	"hlt\n"
	"spoil_h: inc %al\n"
	"iret\n"
	".balign 8\n"
	"spoil_gdtr: .word 0x7f\n"
	".long 0x100400\n");

TEST_F(realmode_segments, spoiled_tss)
{
	struct vcpu *v = self->vcpu;
	u8 al;

	if (!on_our_module())
		skip_test("only ours promises that it works");
	START(v, rm_spoil);
	/* where the CPU needs no TSS there is no memory at that address */
	do {
		vcpu_run(v);
	} while (v->run->exit_reason == KVM_EXIT_MMIO);
	ASSERT_EQ(KVM_EXIT_IO, v->run->exit_reason);
	al = *((u8 *)v->run + v->run->io.data_offset);
	ASSERT_EQ(0x31, al);
	ASSERT_EQ(0x32, OUT8(v));
	expect_exit(v, KVM_EXIT_HLT);
}

TEST_HARNESS_MAIN
