// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own debug registers: breakpoints on instructions, data and ports,
 * general detect, single steps. Once with the guest run by the CPU, once with
 * it run by the emulator alone (parameter force_emulation).
 */
#include "kvmtest.h"

KIND_SUITE(breakpoints)

#define DEVICE		0xc0000000ul

/* DR7.R/W0 and LEN0 (SDM 3B 18.2.4), with G0 */
#define ON_CODE		0x402u
#define ON_WRITE	0xd0402u	/* 4 bytes */
#define ON_DATA		0xf0402u
#define ON_DATA16	0x70402u	/* 2 bytes */
#define ON_PORT		0x20402u	/* 1 byte */

#define BD		0x2000u
#define BS		0x4000u

static volatile u32 variable __attribute__((__aligned__(4)));
static volatile u8 buffer[16] __attribute__((__aligned__(16)));

static volatile struct {
	u64 count, rip, dr6, dr7;
} trap;

static void on_debug(struct guest_regs *r)
{
	trap.count++;
	trap.rip = r->rip;
	trap.dr6 = read_dr6();
	asm volatile("mov %%dr7, %0" : "=r"(*(u64 *)&trap.dr7));
	write_dr6(0xffff0ff0);
	/* a breakpoint on an instruction is not to come again */
	r->rflags |= X86_EFLAGS_RF;
	r->rflags &= ~(u64)X86_EFLAGS_TF;
}

static inline void set_dr(u64 dr0, u64 dr7)
{
	asm volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(dr0), "r"(dr7));
}

static void begin(u64 dr0, u64 dr7)
{
	trap.count = 0;
	trap.dr6 = 0;
	set_dr(dr0, dr7);
}

/* What came, with the address the trap or fault was at; bits B0 to B3, BD, BS */
static void end(u64 count, u64 rip, u64 dr6)
{
	set_dr(0, 0x400);
	GUEST_ASSERT_EQ(trap.count, count);
	if (!count)
		return;
	GUEST_ASSERT_EQ(trap.rip, rip);
	GUEST_ASSERT_EQ(trap.dr6 & 0xe00f, dr6);
}

#define LABEL(name)	({ u64 at_; \
	asm("lea " name "(%%rip), %0" : "=r"(at_)); at_; })

static void guest_data(void)
{
	u64 rdi, rcx, value;

	guest_handlers[VEC_DB] = on_debug;
	begin((u64)&variable, ON_WRITE);
	asm volatile("movl $1, %0\n.globl after_store\nafter_store:" :
		     "=m"(variable));
	end(1, LABEL("after_store"), 1);

	begin((u64)&variable, ON_WRITE);
	asm volatile("movl %1, %k0" : "=r"(value) : "m"(variable));
	end(0, 0, 0);

	begin((u64)&variable + 3, ON_DATA);	/* aligned down to 4 */
	asm volatile("movzbl %1, %k0\n.globl after_load\nafter_load:" :
		     "=r"(value) : "m"(variable));
	end(1, LABEL("after_load"), 1);

	begin((u64)&variable, ON_DATA);
	asm volatile("lock addl $1, %0\n.globl after_lock\nafter_lock:" :
		     "+m"(variable));
	end(1, LABEL("after_lock"), 1);

	/* with a single step at the same instruction */
	begin((u64)&variable, ON_WRITE);
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; movl $1, %0\n"
		     ".globl after_step\nafter_step:" : "=m"(variable));
	end(1, LABEL("after_step"), 1 | BS);

	/* after the iteration that hit it, the rest without another */
	begin((u64)&buffer[4], ON_WRITE);
	rdi = (u64)buffer + 2;
	rcx = 6;
	asm volatile(".globl at_rep\nat_rep: rep stosb" :
		     "+D"(rdi), "+c"(rcx) : "a"(0x5a) : "memory");
	set_dr(0, 0x400);
	GUEST_ASSERT_EQ(trap.count, 4);		/* 4 to 7 */
	GUEST_ASSERT_EQ(rcx, 0);
	GUEST_ASSERT_EQ(buffer[7], 0x5a);
	GUEST_DONE();
}

static void guest_code(void)
{
	u64 value, fl;

	guest_handlers[VEC_DB] = on_debug;
	begin(LABEL("here"), ON_CODE);
	asm volatile("xor %k0, %k0\n.globl here\nhere: inc %k0" : "=&r"(value));
	end(1, LABEL("here"), 1);
	GUEST_ASSERT_EQ(value, 1);

	/* one that exits to be emulated, in any case */
	begin(LABEL("here2"), ON_CODE);
	asm volatile("xor %%eax, %%eax\n.globl here2\nhere2: cpuid" : : :
		     "rax", "rbx", "rcx", "rdx");
	end(1, LABEL("here2"), 1);

	/* general detect: a fault, and GD is clear in the handler */
	trap.count = 0;
	set_dr(0, 0x2400);
	asm volatile(".globl here3\nhere3: mov %%dr0, %0; pushfq; pop %1" :
		     "=r"(value), "=r"(fl));
	GUEST_ASSERT_EQ(trap.count, 1);
	GUEST_ASSERT_EQ(trap.rip, LABEL("here3"));
	GUEST_ASSERT_EQ(trap.dr6 & 0xe00f, BD);
	GUEST_ASSERT_EQ(trap.dr7 & 0x2000, 0);
	GUEST_ASSERT_EQ(fl & X86_EFLAGS_RF, 0);
	GUEST_DONE();
}

/* Accesses that the module makes for the guest, whoever runs it */
static void guest_devices(void)
{
	u64 cr4 = read_cr4();

	guest_handlers[VEC_DB] = on_debug;
	begin(DEVICE, ON_WRITE);
	asm volatile("movl $0x1234, (%0)\n.globl after_mmio\nafter_mmio:" : :
		     "r"(DEVICE) : "memory");
	end(1, LABEL("after_mmio"), 1);

	begin(DEVICE, ON_DATA);
	asm volatile("movl (%0), %%eax\n.globl after_mmio2\nafter_mmio2:" : :
		     "r"(DEVICE) : "rax", "memory");
	end(1, LABEL("after_mmio2"), 1);

	write_cr4(cr4 | X86_CR4_DE);
	begin(0x80, ON_PORT);
	asm volatile("outb %%al, $0x80\n.globl after_out\nafter_out:" : : "a"(7));
	end(1, LABEL("after_out"), 1);
	begin(0x80, ON_PORT);
	asm volatile("outb %%al, $0x81" : : "a"(7));
	end(0, 0, 0);
	write_cr4(cr4);
	GUEST_DONE();
}

static volatile u16 ss __attribute__((__aligned__(4)));

static void save_ss(void)
{
	u16 now;

	guest_handlers[VEC_DB] = on_debug;
	asm volatile("mov %%ss, %0" : "=r"(now));
	ss = now;
}

/* MOV SS: what it hits comes after the instruction behind it */
static void guest_mov_ss(void)
{
	save_ss();
	begin((u64)&ss, ON_DATA16);
	asm volatile("mov %0, %%ss; nop\n.globl after_ss\nafter_ss: nop" : :
		     "m"(ss));
	end(1, LABEL("after_ss"), 1);

	/* with a single step, which waits as well */
	begin((u64)&ss, ON_DATA16);
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq; mov %0, %%ss; nop\n"
		     ".globl after_ss2\nafter_ss2: nop" : : "m"(ss));
	end(1, LABEL("after_ss2"), 1 | BS);
	GUEST_DONE();
}

/* The instruction behind it exits, to be emulated in any case */
static void guest_mov_ss_exit(void)
{
	save_ss();
	begin((u64)&ss, ON_DATA16);
	asm volatile("mov %0, %%ss; cpuid\n.globl after_ss3\nafter_ss3: nop" : :
		     "m"(ss) : "rax", "rbx", "rcx", "rdx");
	end(1, LABEL("after_ss3"), 1);
	GUEST_DONE();
}

static struct vm *new_vm(unsigned int kind, bool forced, struct vcpu **v,
			 void (*fn)(void))
{
	char old[KVM_PARAM_MAX];
	struct vm *vm;

	if (!kvm_param("force_emulation", forced ? "1" : "0", old) && forced)
		return NULL;
	vm = vm_new(kind);
	kvm_param("force_emulation", old, NULL);
	*v = vcpu_new(vm, 0, fn);
	return vm;
}

static void run_both(unsigned int kind, void (*fn)(void))
{
	struct vcpu *v;

	for (int forced = 0; forced < 2; forced++) {
		struct vm *vm = new_vm(kind, forced, &v, fn);

		if (!vm)
			break;
		expect_done(v);
		vm_free(vm);
	}
}

TEST_F(breakpoints, memory)
{
	run_both(variant->kind, guest_data);
}

TEST_F(breakpoints, code)
{
	run_both(variant->kind, guest_code);
}

TEST_F(breakpoints, stack_segment)
{
	run_both(variant->kind, guest_mov_ss);
}

TEST_F(breakpoints, stack_segment_exit)
{
	if (!on_our_module())
		skip_test("mainline forgets what waits for the exit's end");
	run_both(variant->kind, guest_mov_ss_exit);
}

TEST_F(breakpoints, devices)
{
	struct vcpu *v;

	if (!on_our_module())
		skip_test("mainline does not look at what it emulates");
	for (int forced = 0; forced < 2; forced++) {
		struct vm *vm = new_vm(variant->kind, forced, &v, guest_devices);
		u32 val = 0x77;

		expect_exit(v, KVM_EXIT_MMIO);
		ASSERT_EQ(1, v->run->mmio.is_write);
		expect_exit(v, KVM_EXIT_MMIO);
		ASSERT_EQ(0, v->run->mmio.is_write);
		memcpy(v->run->mmio.data, &val, sizeof(val));
		expect_pio(v, 0x80, true, 1, 1);
		expect_pio(v, 0x81, true, 1, 1);
		expect_done(v);
		vm_free(vm);
	}
}

static void guest_int3(void)
{
	asm volatile(".globl at_int3\nat_int3: int3");
	GUEST_DONE();
}

/* A debugger's INT3, in the emulator as well */
TEST_F(breakpoints, of_a_debugger)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP,
	};
	extern const u8 at_int3[];
	struct kvm_regs regs;
	struct vcpu *v;

	for (int forced = 0; forced < 2; forced++) {
		struct vm *vm = new_vm(variant->kind, forced, &v, guest_int3);

		if (!vm)
			break;
		require(!ioctl(v->fd, KVM_SET_GUEST_DEBUG, &d));
		expect_exit(v, KVM_EXIT_DEBUG);
		ASSERT_EQ(VEC_BP, v->run->debug.arch.exception);
		ASSERT_EQ((u64)at_int3, v->run->debug.arch.pc);
		regs = vcpu_regs(v);
		ASSERT_EQ((u64)at_int3, regs.rip);
		regs.rip++;
		vcpu_set_regs(v, &regs);
		expect_done(v);
		vm_free(vm);
	}
}

TEST_HARNESS_MAIN
