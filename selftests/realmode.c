// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode: interrupts and exceptions through the vector table, ports, devices,
 * segments of any limit, the way into protected mode and back, other processors'
 * start. A CPU without unrestricted guest has to imitate most of it.
 */
#include "irq.h"

GUEST_SUITE(realmode)

/* 16-bit code that runs at 0:8000; labels are local to it, AT() is their offset */
#define REAL(name, text)						\
	asm(".pushsection .rodata\n"					\
	    ".globl " #name ", " #name "_end\n"				\
	    ".code16\n"							\
	    #name ":\n"							\
	    text "\n"							\
	    #name "_end:\n"						\
	    ".code64\n"							\
	    ".popsection\n");						\
	extern const u8 name[], name##_end[]
#define AT(name, label)		"(0x8000 + " #label " - " #name ")"

#define OUT_PORT	0x80

static void start_real(struct vcpu *v, const u8 *code, const u8 *end)
{
	struct kvm_regs r = {
		.rip = G_LOW, .rsp = 0x7000, .rflags = X86_EFLAGS_FIXED,
	};

	memcpy(vm_hva(v->vm, G_LOW), code, end - code);
	vcpu_set_mode(v, CPU_REAL, NULL);
	vcpu_set_regs(v, &r);
}

#define START(v, name)		start_real(v, name, name##_end)
#define OUT8(v)			(*(u8 *)expect_pio(v, OUT_PORT, true, 1, 1))
#define OUT16(v)		(*(u16 *)expect_pio(v, OUT_PORT, true, 2, 1))
#define OUT32(v)		(*(u32 *)expect_pio(v, OUT_PORT, true, 4, 1))

/* ---- plain code ---------------------------------------------------------- */

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

/* ---- INT n, IRET and flags ----------------------------------------------- */

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

/* ---- exceptions ---------------------------------------------------------- */

#define HANDLERS 20

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

/* ---- interrupts and NMIs ------------------------------------------------- */

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

/* ---- ports and devices --------------------------------------------------- */

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

/* ---- segments ------------------------------------------------------------ */

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

TEST_F(realmode, segments)
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

TEST_F(realmode, unreal)
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

TEST_F(realmode, vector_table_elsewhere)
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

TEST_F(realmode, spoiled_tss)
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

/* ---- system instructions ------------------------------------------------- */

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

/* ---- protected mode without paging, at both privilege levels, and back ------- */

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

TEST_F(realmode, protected_mode_without_paging)
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

/* ---- another processor --------------------------------------------------- */

static volatile u32 ap_there;

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

static void *run_ap(void *arg)
{
	struct vcpu *v = arg;
	int err;

	do {
		err = vcpu_run_raw(v);
	} while (err == EAGAIN);
	return NULL;
}

static void on_signal(int sig)
{
}

TEST_F(realmode, start_up_ipi)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *bsp = vcpu_new(vm, 0, guest_start_ap);
	struct vcpu *ap = vcpu_new_bare(vm, 1);
	pthread_t t;

	signal(SIGUSR1, on_signal);
	memcpy(vm_hva(vm, G_LOW), ap_code, ap_code_end - ap_code);
	*(u64 *)vm_hva(vm, 0x7ff8) = vm->pt.root;
	*(u32 *)vm_hva(vm, 0x800000) = 0;
	t = vcpu_thread(ap, run_ap);
	expect_done(bsp);
	ap->run->immediate_exit = 1;
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	ASSERT_EQ(EFER_LME | EFER_LMA,
		  vcpu_sregs(ap).efer & (EFER_LME | EFER_LMA));
	vm_free(vm);
}

/* ---- virtual-8086 mode of the guest's own -------------------------------- */

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

TEST_F(realmode, task_of_virtual_8086_mode)
{
	struct pt pt = pt_new(self->vm, PT_PAE);
	struct vcpu *v = self->vcpu;
	u8 *tss = vm_hva(self->vm, G_TSS32(0));
	struct kvm_segment seg = {
		.limit = 0xffff, .type = 3, .present = 1, .dpl = 3, .s = 1,
	};
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
	s.cs = seg;
	s.ds = seg;
	s.es = seg;
	s.fs = seg;
	s.gs = seg;
	s.ss = seg;
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
