// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode: interrupts and exceptions through the vector table, ports, devices,
 * system instructions. A CPU without unrestricted guest has to imitate most of it.
 */
#include "irq.h"
#include "real.h"

GUEST_SUITE(realmode)

/* ---- plain code --------------------------------------------------------- */

REAL(rm_loop,
	"mov $60000, %cx\n"
	"xor %eax, %eax\n"
	"1: push %cx\n"
	"inc %eax\n"
	"call 2f\n"
	"pop %cx\n"
	"loop 1b\n"
	"outl %eax, $0x80\n"
	"hlt\n"
	"2: add $0, %dx\n"
	"ret\n");

/* Where the instructions are the CPU's own, they are not emulated */
TEST_F(realmode, runs_natively)
{
	struct vcpu *v = self->vcpu;
	int64_t emulated;

	START(v, rm_loop);
	ASSERT_EQ(60000, OUT32(v));
	if (on_our_module()) {
		emulated = stat_read(v->fd, "insn_emulated");
		ASSERT_LE(0, emulated);
		ASSERT_GT(100, emulated);
	}
	expect_exit(v, KVM_EXIT_HLT);
}

/* ---- INT n, IRET and flags ---------------------------------------------- */

REAL(rm_iopl,
	"pushf\n"
	"pop %ax\n"
	"out %ax, $0x80\n"
	"or $0x3000, %ax\n"
	"push %ax\n"
	"popf\n"
	"pushf\n"
	"pop %ax\n"
	"out %ax, $0x80\n"
	"movw $" AT(rm_iopl, handler) ", 0x84\n"
	"movw $0, 0x86\n"
	"push $0x1002\n"
	"popf\n"
	"int $0x21\n"
	"out %ax, $0x80\n"
	"pushf\n"
	"pop %ax\n"
	"out %ax, $0x80\n"
	"hlt\n"
	"handler: mov %sp, %bp\n"
	"mov 4(%bp), %ax\n"
	"orw $0x2000, 4(%bp)\n"
	"iret\n");

/* Real mode has an IOPL, and programs tell CPUs by it */
TEST_F(realmode, iopl)
{
	struct vcpu *v = self->vcpu;

	START(v, rm_iopl);
	ASSERT_EQ(0, OUT16(v) & X86_EFLAGS_IOPL);
	ASSERT_EQ(X86_EFLAGS_IOPL, OUT16(v) & X86_EFLAGS_IOPL);
	ASSERT_EQ(0x1000, OUT16(v) & X86_EFLAGS_IOPL);
	ASSERT_EQ(0x3000, OUT16(v) & X86_EFLAGS_IOPL);
	expect_exit(v, KVM_EXIT_HLT);
}

/* KVM_SET_TSS_ADDR while a vCPU is in real mode */
TEST_F(realmode, tss_moves)
{
	struct vcpu *v = self->vcpu;

	if (!on_our_module())
		skip_test("the in-tree KVM goes on with the old one");
	START(v, rm_iopl);
	ASSERT_EQ(0, OUT16(v) & X86_EFLAGS_IOPL);
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_TSS_ADDR, 0xfefa0000ul));
	ASSERT_EQ(X86_EFLAGS_IOPL, OUT16(v) & X86_EFLAGS_IOPL);
	ASSERT_EQ(0x1000, OUT16(v) & X86_EFLAGS_IOPL);
	ASSERT_EQ(0x3000, OUT16(v) & X86_EFLAGS_IOPL);
	expect_exit(v, KVM_EXIT_HLT);
}

REAL(rm_int,
	"movw $" AT(rm_int, h21) ", 0x84\n"
	"movw $0, 0x86\n"
	"movw $" AT(rm_int, h22) ", 0x88\n"
	"movw $0, 0x8a\n"
	"sti\n"
	"stc\n"
	"mov $0x11, %al\n"
	"int $0x21\n"
	"pushf\n"
	"pop %bx\n"			/* flags after: IF and the handler's CF */
	"out %al, $0x80\n"
	"mov %bx, %ax\n"
	"out %ax, $0x80\n"
	"hlt\n"
	"h21: mov %sp, %bp\n"
	"testw $1, 4(%bp)\n"		/* CF in the pushed image */
	"jz 1f\n"
	"inc %al\n"
	"1: pushf\n"
	"pop %dx\n"
	"test $0x200, %dx\n"		/* IF is clear in here */
	"jnz 2f\n"
	"inc %al\n"
	"2: sti\n"
	"int $0x22\n"
	"andw $0xfffe, 4(%bp)\n"	/* the caller finds CF clear */
	"iret\n"
	"h22: add $0x10, %al\n"
	"iret\n");

TEST_F(realmode, software_interrupts)
{
	struct vcpu *v = self->vcpu;
	u16 flags;

	START(v, rm_int);
	ASSERT_EQ(0x23, OUT8(v));
	flags = OUT16(v);
	ASSERT_EQ(X86_EFLAGS_IF, flags & (X86_EFLAGS_IF | X86_EFLAGS_CF));
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0x7000, vcpu_regs(v).rsp);
	/* what the guest is run as does not show */
	ASSERT_EQ(0, vcpu_regs(v).rflags & X86_EFLAGS_VM);
}

/* ---- exceptions --------------------------------------------------------- */

/*
 * Each exception's handler sends its vector and the IP on the stack, and goes
 * on where DI says.
 */
REAL(rm_exceptions,
	"xor %bx, %bx\n"
	"mov $" AT(rm_exceptions, stubs) ", %ax\n"
	"1: mov %ax, (%bx)\n"
	"movw $0, 2(%bx)\n"
	"add $4, %ax\n"
	"add $4, %bx\n"
	"cmp $80, %bx\n"
	"jb 1b\n"

	"mov $" AT(rm_exceptions, r0) ", %di\n"
	"xor %cx, %cx\n"
	"e0: div %cx\n"				/* #DE, a fault */
	"r0: mov $" AT(rm_exceptions, r1) ", %di\n"
	"e1: ud2\n"				/* #UD */
	"r1: mov $" AT(rm_exceptions, r2) ", %di\n"
	"e2: int3\n"				/* #BP, a trap */
	"r2: mov $" AT(rm_exceptions, r3) ", %di\n"
	"mov $0x7f, %al\n"
	"add $1, %al\n"
	"e3: into\n"				/* #OF, a trap */
	"r3: mov $" AT(rm_exceptions, r4) ", %di\n"
	"movw $1, 0x600\n"
	"movw $2, 0x602\n"
	"mov $3, %ax\n"
	"e4: bound %ax, 0x600\n"		/* #BR */
	"r4: mov $" AT(rm_exceptions, r5) ", %di\n"
	"mov %cr0, %eax\n"
	"or $8, %al\n"
	"mov %eax, %cr0\n"
	"e5: fnop\n"				/* #NM: CR0.TS */
	"r5: clts\n"
	"mov $" AT(rm_exceptions, r6) ", %di\n"
	"mov $0xffff, %bx\n"
	"e6: mov (%bx), %ax\n"			/* #GP: beyond the limit */
	"r6: mov $" AT(rm_exceptions, r7) ", %di\n"
	"mov $0xffff, %bp\n"
	"e7: mov (%bp), %ax\n"			/* #SS */
	"r7: mov $" AT(rm_exceptions, r8) ", %di\n"
	"pushf\n"
	"pop %ax\n"
	"or $0x100, %ax\n"
	"push %ax\n"
	"popf\n"				/* TF */
	"e8: nop\n"
	"e8t: nop\n"				/* #DB, a trap */
	"r8: hlt\n"

	".balign 4\n"
	"stubs:\n"
	".set i, 0\n"
	".rept 20\n"
	"	mov $i, %al\n"
	"	jmp common\n"
	".set i, i + 1\n"
	".endr\n"
	"common: out %al, $0x80\n"
	"pop %ax\n"				/* IP */
	"out %ax, $0x80\n"
	"add $4, %sp\n"				/* CS, flags */
	"jmp *%di\n"
	".globl e0, e1, e2, r2, e3, r3, e4, e5, e6, e7, e8t\n");
extern const u8 e0[], e1[], r2[], r3[], e4[], e5[], e6[], e7[], e8t[];

TEST_F(realmode, exceptions)
{
	const struct {
		u8 vector;
		const u8 *ip;
	} want[] = {
		{ VEC_DE, e0 }, { VEC_UD, e1 }, { VEC_BP, r2 },
		{ VEC_OF, r3 }, { VEC_BR, e4 }, { VEC_NM, e5 },
		{ VEC_GP, e6 }, { VEC_SS, e7 }, { VEC_DB, e8t },
	};
	struct vcpu *v = self->vcpu;

	START(v, rm_exceptions);
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(want[i].vector, OUT8(v)) {
			TH_LOG("exception %u of the list", i);
		}
		ASSERT_EQ(G_LOW + (want[i].ip - rm_exceptions), OUT16(v)) {
			TH_LOG("exception %u of the list", i);
		}
	}
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0x7000, vcpu_regs(v).rsp);
}

/* ---- interrupts and NMIs ------------------------------------------------ */

REAL(rm_irq,
	"movw $" AT(rm_irq, nmi) ", 8\n"
	"movw $0, 10\n"
	"movw $" AT(rm_irq, irq) ", 0x100\n"
	"movw $0, 0x102\n"
	"mov $1, %al\n"
	"out %al, $0x80\n"		/* 1: the host waits for the window */
	"mov $2, %al\n"
	"out %al, $0x80\n"		/* 2: IF is clear, nothing yet */
	"sti\n"
	"mov $3, %al\n"			/* in the shadow of STI, then it opens */
	"nop\n"
	"out %al, $0x80\n"		/* 0x43: the handler added 0x40 */
	"mov $4, %al\n"
	"out %al, $0x80\n"		/* 4: NMI, and another while it is served */
	"out %al, $0x80\n"		/* 0x24: both were served, one after the other */
	"hlt\n"
	"irq: add $0x40, %al\n"
	"iret\n"
	"nmi: add $0x10, %al\n"
	"out %al, $0x80\n"
	"nop\n"
	"iret\n");

static void take_interrupts(struct __test_metadata *_metadata, struct vcpu *v)
{
	struct kvm_interrupt irq = { .irq = 0x40 };

	START(v, rm_irq);
	ASSERT_EQ(1, OUT8(v));
	v->run->request_interrupt_window = 1;
	ASSERT_EQ(2, OUT8(v));
	expect_exit(v, KVM_EXIT_IRQ_WINDOW_OPEN);
	v->run->request_interrupt_window = 0;
	ASSERT_EQ(3, vcpu_regs(v).rax & 0xff);
	ASSERT_EQ(0, ioctl(v->fd, KVM_INTERRUPT, &irq));
	ASSERT_EQ(0x43, OUT8(v));
	ASSERT_EQ(4, OUT8(v));
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	ASSERT_EQ(0x14, OUT8(v));
	/* the in-tree KVM without unrestricted guest does not say so */
	if (on_our_module())
		ASSERT_EQ(1, vcpu_events(v).nmi.masked);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	/* not before the first one's IRET */
	ASSERT_EQ(0x24, OUT8(v));
	ASSERT_EQ(0x24, OUT8(v));
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(0, vcpu_events(v).nmi.masked);
}

TEST_F(realmode, interrupts)
{
	take_interrupts(_metadata, self->vcpu);
}

/* A CPU that wants KVM_SET_TSS_ADDR and does not get it has to emulate it all */
TEST_F(realmode, no_tss_address)
{
	struct vm *vm = vm_new_bare(variant->kind);
	u64 map = 0xfeffc000;

	if (!on_our_module())
		skip_test("only ours promises that it works");
	require(!ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &map));
	vm_add_mem(vm, 0, 0, 0x200000, 0);
	take_interrupts(_metadata, vcpu_new_bare(vm, 0));
	vm_free(vm);
}

/* HLT, woken by the PIT through the PIC, which keep real mode's vectors */
REAL(rm_timer,
	"movw $" AT(rm_timer, tick) ", 0x20\n"
	"movw $0, 0x22\n"
	"mov $0x11, %al\n"		/* 8259A: ICW1 to ICW4, base 8 */
	"out %al, $0x20\n"
	"mov $8, %al\n"
	"out %al, $0x21\n"
	"mov $4, %al\n"
	"out %al, $0x21\n"
	"mov $1, %al\n"
	"out %al, $0x21\n"
	"mov $0xfe, %al\n"
	"out %al, $0x21\n"
	"mov $0x34, %al\n"		/* 8254: channel 0, mode 2 */
	"out %al, $0x43\n"
	"mov $0x80, %al\n"		/* 14 ms: a slow host keeps up with it */
	"out %al, $0x40\n"
	"mov $0x40, %al\n"
	"out %al, $0x40\n"
	"xor %cx, %cx\n"
	"1: sti\n"
	"hlt\n"
	"cmp $5, %cx\n"
	"jb 1b\n"
	"cli\n"
	"mov %cx, %ax\n"
	"out %ax, $0x80\n"
	"tick: inc %cx\n"
	"push %ax\n"
	"mov $0x20, %al\n"
	"out %al, $0x20\n"
	"pop %ax\n"
	"iret\n");

TEST_F(realmode, timer)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, NULL);

	START(v, rm_timer);
	/* on a slow host more have come before CLI */
	ASSERT_LE(5, OUT16(v));
	vm_free(vm);
}

/* ---- ports and devices -------------------------------------------------- */

REAL(rm_io,
	"in $0x71, %al\n"
	"out %al, $0x80\n"
	"in $0x72, %ax\n"
	"out %ax, $0x80\n"
	"in $0x74, %eax\n"
	"out %eax, $0x80\n"
	"mov $0x3f8, %dx\n"
	"mov $" AT(rm_io, text) ", %si\n"
	"mov $4, %cx\n"
	"cld\n"
	"rep outsb\n"
	"mov $0x600, %di\n"
	"mov $0x1f0, %dx\n"
	"mov $2, %cx\n"
	"rep insw\n"
	"mov 0x600, %eax\n"
	"out %eax, $0x80\n"
	"hlt\n"
	"text: .ascii \"real\"\n");

TEST_F(realmode, ports)
{
	struct vcpu *v = self->vcpu;
	char got[4];

	START(v, rm_io);
	*(u8 *)expect_pio(v, 0x71, false, 1, 1) = 0x5a;
	ASSERT_EQ(0x5a, OUT8(v));
	*(u16 *)expect_pio(v, 0x72, false, 2, 1) = 0x1234;
	ASSERT_EQ(0x1234, OUT16(v));
	*(u32 *)expect_pio(v, 0x74, false, 4, 1) = 0x89abcdef;
	ASSERT_EQ(0x89abcdef, OUT32(v));
	for (unsigned int n = 0; n < sizeof(got);) {
		struct kvm_run *run = v->run;

		expect_exit(v, KVM_EXIT_IO);
		ASSERT_EQ(0x3f8, run->io.port);
		memcpy(got + n, (u8 *)run + run->io.data_offset, run->io.count);
		n += run->io.count;
	}
	ASSERT_EQ(0, memcmp(got, "real", 4));
	for (unsigned int n = 0; n < 2;) {
		struct kvm_run *run = v->run;

		expect_exit(v, KVM_EXIT_IO);
		ASSERT_EQ(0x1f0, run->io.port);
		for (unsigned int i = 0; i < run->io.count; i++)
			((u16 *)((u8 *)run + run->io.data_offset))[i] =
				0x1111 * (++n);
	}
	ASSERT_EQ(0x22221111, OUT32(v));
	expect_exit(v, KVM_EXIT_HLT);
}

/* The hole where a PC has its display */
REAL(rm_mmio,
	"mov $0xa000, %ax\n"
	"mov %ax, %es\n"
	"mov $0x10, %bx\n"
	"mov $0x4d, %al\n"
	"mov %al, %es:(%bx)\n"
	"mov %es:2(%bx), %ax\n"
	"out %ax, $0x80\n"
	"movw $0x55aa, 0x600\n"
	"mov $0x600, %si\n"
	"mov $0x20, %di\n"
	"movsw\n"
	"hlt\n");

TEST_F(realmode, devices)
{
	struct vm *vm = vm_new_bare(variant->kind);
	u64 map = 0xfeffc000;
	struct vcpu *v;

	require(!ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &map));
	require(!ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	vm_add_mem(vm, 0, 0, 0xa0000, 0);
	v = vcpu_new_bare(vm, 0);
	START(v, rm_mmio);
	ASSERT_EQ(0x4d, *(u8 *)expect_mmio(v, 0xa0010, true, 1));
	*(u16 *)expect_mmio(v, 0xa0012, false, 2) = 0xbeef;
	ASSERT_EQ(0xbeef, OUT16(v));
	ASSERT_EQ(0x55aa, *(u16 *)expect_mmio(v, 0xa0020, true, 2));
	expect_exit(v, KVM_EXIT_HLT);
	EXPECT_EQ(0, kvm_audit());
	vm_free(vm);
}

/* ---- system instructions ------------------------------------------------ */

REAL(rm_system,
	"smsw %ax\n"
	"and $1, %ax\n"
	"out %ax, $0x80\n"		/* PE is clear */
	"sgdtl 0x600\n"
	"mov 0x602, %eax\n"
	"out %eax, $0x80\n"
	"mov $0x174, %ecx\n"		/* SYSENTER_CS */
	"rdmsr\n"
	"out %eax, $0x80\n"
	"mov $0x38, %eax\n"
	"wrmsr\n"
	"mov $0x12345000, %eax\n"
	"mov %eax, %cr3\n"
	"xor %eax, %eax\n"
	"mov %cr3, %eax\n"
	"out %eax, $0x80\n"
	"mov %cr4, %eax\n"
	"and $1, %eax\n"		/* VME is what the guest made it */
	"out %eax, $0x80\n"
	"mov $0x99, %eax\n"
	"mov %eax, %dr1\n"
	"mov %dr1, %ebx\n"
	"mov %ebx, %eax\n"
	"out %eax, $0x80\n"
	"wbinvd\n"
	"xor %eax, %eax\n"
	"cpuid\n"
	"rdtsc\n"
	"mov $1, %al\n"
	"out %al, $0x80\n"
	"hlt\n");

TEST_F(realmode, system_instructions)
{
	struct vcpu *v = self->vcpu;

	START(v, rm_system);
	vcpu_set_msr(v, 0x174, 0x18);
	ASSERT_EQ(0, OUT16(v));
	ASSERT_EQ(G_GDT(0), OUT32(v));
	ASSERT_EQ(0x18, OUT32(v));
	ASSERT_EQ(0x12345000, OUT32(v));
	ASSERT_EQ(0x12345000, vcpu_sregs(v).cr3);
	ASSERT_EQ(0x38, vcpu_get_msr(v, 0x174));
	ASSERT_EQ(0, OUT32(v));
	ASSERT_EQ(0x99, OUT32(v));
	ASSERT_EQ(1, OUT8(v));
	expect_exit(v, KVM_EXIT_HLT);
}

TEST_HARNESS_MAIN
