// SPDX-License-Identifier: GPL-2.0-only
/*
 * A debugger in user space: single steps, breakpoints in code and in debug
 * registers, and what the guest does with its own exceptions meanwhile.
 */
#include "irq.h"

GUEST_SUITE(guest_debug)

static void debug(struct vcpu *v, u32 control, u64 dr0, u64 dr7)
{
	struct kvm_guest_debug d = {
		.control = control ? control | KVM_GUESTDBG_ENABLE : 0,
	};

	d.arch.debugreg[0] = dr0;
	d.arch.debugreg[7] = dr7;
	require(!ioctl(v->fd, KVM_SET_GUEST_DEBUG, &d));
}

static void expect_debug(struct vcpu *v, u32 vector, u64 pc)
{
	struct kvm_debug_exit_arch *a = &v->run->debug.arch;

	expect_exit(v, KVM_EXIT_DEBUG);
	if (a->exception != vector || a->pc != pc)
		die("debug exit: vector %u at 0x%llx, not %u at 0x%lx",
		    a->exception, (unsigned long long)a->pc, vector, pc);
}

/*
 * Without unrestricted guest the in-tree KVM emulates real mode, and page faults
 * in part, without the steps.
 */
static bool steps_get_lost(void)
{
	char c = 'Y';
	int fd;

	if (on_our_module())
		return false;
	fd = open("/sys/module/kvm_intel/parameters/unrestricted_guest",
		  O_RDONLY);
	if (fd >= 0 && read(fd, &c, 1) != 1)
		c = 'N';
	close(fd);
	return c == 'N';
}

/*
 * Instructions of different ways through KVM: none, an exit, an exit that the
 * MMU handles, memory never touched before, a device.
 */
asm(".pushsection .text\n"
	".globl step_code, s1, s2, s3, s4, s5, s6, s7, s8, s9\n"
	"step_code: nop\n"
	"s1: cpuid\n"
	"s2: mov %cr3, %rax\n"
	"s3: mov %rax, %cr3\n"
	"s4: invlpg 0x900000\n"
	"s5: mov 0x901000, %rax\n"
	"s6: movq $1, 0x902000\n"
	"s7: movabs %al, 0xc0000000\n"
	"s8: pushfq\n"
	"	pop %rdi\n"
	"s9: mov $0x3f8, %dx\n"
	"	out %al, %dx\n"
	"1:	jmp 1b\n"
	".popsection\n");
extern const u8 step_code[], s1[], s2[], s3[], s4[], s5[], s6[], s7[], s8[],
	s9[];

TEST_F(guest_debug, single_steps)
{
	const u8 *const at[] = { s1, s2, s3, s4, s5, s6, s7 };
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, (void *)step_code);
	debug(v, KVM_GUESTDBG_SINGLESTEP, 0, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		expect_debug(v, VEC_DB, (u64)at[i]);
	ASSERT_EQ(1, *(u64 *)vm_hva(self->vm, 0x902000));
	/* the debugger's TF is none of the guest's */
	ASSERT_EQ(0, vcpu_regs(v).rflags & X86_EFLAGS_TF);
	/* an access to a device comes out before the step does */
	expect_exit(v, KVM_EXIT_MMIO);
	debug(v, 0, 0, 0);
	expect_pio(v, 0x3f8, true, 1, 1);
}

/*
 * Writes to devices, and the step or the breakpoint that comes with each: user
 * space gets both, one after the other.
 */
asm(".pushsection .text\n"
	".globl device_code, d1, d2, d3, d4\n"
	"device_code: movabs %al, 0xc0000000\n"
	"d1: add %al, (%rdi)\n"
	"d2: outsb\n"
	"d3: out %al, %dx\n"
	"d4: nop\n"
	"	hlt\n"
	".popsection\n");
extern const u8 device_code[], d1[], d2[], d3[], d4[];

static void start_devices(struct vm *vm, struct vcpu *v)
{
	struct kvm_regs r;

	vcpu_set_entry(v, (void *)device_code);
	r = vcpu_regs(v);
	r.rax = 5;
	r.rdx = 0x3f8;
	r.rsi = 0x901000;
	r.rdi = 0xc0000000;
	vcpu_set_regs(v, &r);
	*(u8 *)vm_hva(vm, 0x901000) = 0x77;
}

static void step_devices(struct __test_metadata *_metadata, struct vm *vm,
			 struct vcpu *v, u32 control)
{
	start_devices(vm, v);
	debug(v, control, 0xc0100000, 0x90402);
	ASSERT_EQ(5, *(u8 *)expect_mmio(v, 0xc0000000, true, 1));
	expect_debug(v, VEC_DB, (u64)d1);
	ASSERT_EQ(0x4000, v->run->debug.arch.dr6 & 0xe00f);
	*(u8 *)expect_mmio(v, 0xc0000000, false, 1) = 0x20;
	ASSERT_EQ(0x25, *(u8 *)expect_mmio(v, 0xc0000000, true, 1));
	expect_debug(v, VEC_DB, (u64)d2);
	ASSERT_EQ(0x77, *(u8 *)expect_pio(v, 0x3f8, true, 1, 1));
	expect_debug(v, VEC_DB, (u64)d3);
	ASSERT_EQ(5, *(u8 *)expect_pio(v, 0x3f8, true, 1, 1));
	expect_debug(v, VEC_DB, (u64)d4);
	debug(v, 0, 0, 0);
	expect_exit(v, KVM_EXIT_HLT);
}

TEST_F(guest_debug, steps_at_devices)
{
	if (!on_our_module())
		skip_test("mainline loses the steps of writes to devices");
	step_devices(_metadata, self->vm, self->vcpu, KVM_GUESTDBG_SINGLESTEP);
	step_devices(_metadata, self->vm, self->vcpu,
		     KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
}

TEST_F(guest_debug, watched_devices)
{
	struct vcpu *v = self->vcpu;

	if (!on_our_module())
		skip_test("mainline does not look at what it emulates");
	start_devices(self->vm, v);
	debug(v, KVM_GUESTDBG_USE_HW_BP, 0xc0000000, 0x10402);
	expect_mmio(v, 0xc0000000, true, 1);
	expect_debug(v, VEC_DB, (u64)d1);
	ASSERT_EQ(1, v->run->debug.arch.dr6 & 0xe00f);
	expect_mmio(v, 0xc0000000, false, 1);
	expect_mmio(v, 0xc0000000, true, 1);
	/* nobody to be told any more */
	debug(v, 0, 0, 0);
	expect_pio(v, 0x3f8, true, 1, 1);
	expect_pio(v, 0x3f8, true, 1, 1);
	expect_exit(v, KVM_EXIT_HLT);
}

/* The guest's own #PF goes to its handler, which is stepped as well */
static u64 handled;

static void on_page_fault(struct guest_regs *r)
{
	handled = r->error;
	r->rip += 8;			/* movb of the test */
}

asm(".pushsection .text\n"
	".globl fault_code, f1, f2\n"
	"fault_code: nop\n"
	"f1: movb $1, 0xa00000\n"
	"f2: nop\n"
	"	mov $0x3f8, %dx\n"
	"	out %al, %dx\n"
	".popsection\n");
extern const u8 fault_code[], f1[], f2[];

TEST_F(guest_debug, page_fault_of_the_guest)
{
	struct vcpu *v = self->vcpu;
	u64 *g = guest_var(self->vm, handled);
	unsigned int n;

	if (steps_get_lost())
		skip_test("the in-tree KVM loses steps");
	ASSERT_EQ(8, f2 - f1);
	guest_handlers[VEC_PF] = on_page_fault;
	sync_to_guest(self->vm, guest_handlers);
	pt_set(&self->vm->pt, 0xa00000, 1, 0);
	*g = 0;
	vcpu_set_entry(v, (void *)fault_code);
	debug(v, KVM_GUESTDBG_SINGLESTEP, 0, 0);
	expect_debug(v, VEC_DB, (u64)f1);
	/* steps through the handler, or over it */
	for (n = 0; n < 1000; n++) {
		expect_exit(v, KVM_EXIT_DEBUG);
		if (v->run->debug.arch.pc >= (u64)f2 &&
		    v->run->debug.arch.pc < (u64)f2 + 8)
			break;
	}
	ASSERT_GT(1000, n);
	debug(v, 0, 0, 0);
	expect_pio(v, 0x3f8, true, 1, 1);
	ASSERT_EQ(PFEC_W, *g);
	ASSERT_EQ(0xa00000, vcpu_sregs(v).cr2);
}

asm(".pushsection .text\n"
	".globl break_code, b1\n"
	"break_code: nop\n"
	"b1: int3\n"
	"	mov $0x3f8, %dx\n"
	"	out %al, %dx\n"
	".popsection\n");
extern const u8 break_code[], b1[];

static void on_breakpoint(struct guest_regs *r)
{
	handled = r->rip;
}

TEST_F(guest_debug, breakpoint_instruction)
{
	struct vcpu *v = self->vcpu;
	u64 *g = guest_var(self->vm, handled);

	guest_handlers[VEC_BP] = on_breakpoint;
	sync_to_guest(self->vm, guest_handlers);
	vcpu_set_entry(v, (void *)break_code);
	debug(v, KVM_GUESTDBG_USE_SW_BP, 0, 0);
	expect_debug(v, VEC_BP, (u64)b1);
	ASSERT_EQ((u64)b1, vcpu_regs(v).rip);
	/* not the debugger's: given to the guest, which returns behind it */
	debug(v, KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_INJECT_BP, 0, 0);
	expect_pio(v, 0x3f8, true, 1, 1);
	ASSERT_EQ((u64)b1 + 1, *g);
}

TEST_F(guest_debug, breakpoint_registers)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, (void *)step_code);
	/* instruction, then data written: SDM 3B 18.2.4 */
	debug(v, KVM_GUESTDBG_USE_HW_BP, (u64)s4, 0x402);
	expect_debug(v, VEC_DB, (u64)s4);
	ASSERT_EQ(1, v->run->debug.arch.dr6 & 15);
	ASSERT_EQ(0x402, v->run->debug.arch.dr7);
	debug(v, KVM_GUESTDBG_USE_HW_BP, 0x902000, 0x90402);
	expect_debug(v, VEC_DB, (u64)s7);
	ASSERT_EQ(1, v->run->debug.arch.dr6 & 15);
	/* by which debuggers know a watchpoint */
	ASSERT_EQ(0x90402, v->run->debug.arch.dr7);
	debug(v, 0, 0, 0);
	expect_exit(v, KVM_EXIT_MMIO);
	expect_pio(v, 0x3f8, true, 1, 1);
}

/* Real mode, which may be run as another */
TEST_F(guest_debug, real_mode_steps)
{
	static const u8 code[] = {
		0x90,			/* 0: nop */
		0xfa,			/* 1: cli */
		0x0f, 0x20, 0xc0,	/* 2: mov %cr0, %eax */
		0x8e, 0xd8,		/* 5: mov %ax, %ds */
		0x9c, 0x5b,		/* 7: pushf; 8: pop %bx */
		0xe6, 0x80,		/* 9: out %al, $0x80 */
	};
	static const u8 at[] = { 1, 2, 5, 7, 8, 9 };
	struct kvm_regs r = {
		.rip = G_LOW, .rsp = 0x7000, .rflags = X86_EFLAGS_FIXED,
	};
	struct vcpu *v = self->vcpu;

	if (steps_get_lost())
		skip_test("the in-tree KVM loses steps");
	memcpy(vm_hva(self->vm, G_LOW), code, sizeof(code));
	vcpu_set_mode(v, CPU_REAL, NULL);
	vcpu_set_regs(v, &r);
	debug(v, KVM_GUESTDBG_SINGLESTEP, 0, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		expect_debug(v, VEC_DB, G_LOW + at[i]);
	debug(v, 0, 0, 0);
	expect_pio(v, 0x80, true, 1, 1);
}

/* ---- events wait while the debugger says so ------------------------------------ */

static void guest_interrupted(void)
{
	xapic_on();
	irq_handler(0x40, 0x40, irq_xapic);
	guest_handlers[VEC_NMI] = irq_record;
	GUEST_SYNC(1);
	asm volatile("sti\n.rept 100\nnop\n.endr\ncli" : : : "memory");
	GUEST_SYNC(2);
	GUEST_DONE();
}

KIND_SUITE(guest_debug_irq)

TEST_F(guest_debug_irq, held_back)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_interrupted);
	volatile u64 *hits = *guest_var(vm, irq_hits);

	expect_sync(v, 1);
	ASSERT_EQ(1, msi_send(vm, APIC_BASE, 0x40));
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI));
	debug(v, KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ, 0, 0);
	for (unsigned int i = 0; i < 60; i++)
		expect_exit(v, KVM_EXIT_DEBUG);
	EXPECT_NE(0, vcpu_regs(v).rflags & X86_EFLAGS_IF);
	EXPECT_EQ(0, hits[0x40]);
	EXPECT_EQ(0, hits[VEC_NMI]);
	debug(v, 0, 0, 0);
	expect_sync(v, 2);
	EXPECT_EQ(1, hits[0x40]);
	EXPECT_EQ(1, hits[VEC_NMI]);
	expect_done(v);
	vm_free(vm);
}

TEST_HARNESS_MAIN
