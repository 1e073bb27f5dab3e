// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices in memory, accessed by plain moves: what may change between two
 * accesses by the same instruction, and what an instruction does besides.
 */
#include "kvmtest.h"

#define HOLE	0xd0000000ull	/* mapped by the guest, no memory slot */
#define CODE	(G_DATA)	/* where tests put code of their own */
#define OTHER	(G_DATA + 0x1000)
#define WINDOW	(G_DATA + 0x200000)	/* mapped now here, now there */
#define SLOT	30

GUEST_SUITE(mmio)

/* Moves between the device and the accumulator, padded to eight bytes */
#define CODE_STORE32	0x90909090c3078990ull	/* mov %eax, (%rdi) */
#define CODE_STORE64	0x90909090c3078948ull	/* mov %rax, (%rdi) */
#define CODE_STORE8	0x90909090c3078890ull	/* mov %al, (%rdi) */
#define CODE_LOAD32	0x90909090c3078b90ull	/* mov (%rdi), %eax */
#define CODE_STORE_HIGH	0x909090c310478990ull	/* mov %eax, 16(%rdi) */
#define CODE_OR		0x90909090c3070990ull	/* or %eax, (%rdi) */

static inline u64 call(u64 at, u64 to, u64 value)
{
	asm volatile("call *%2" : "+a"(value) : "D"(to), "r"(at)
		     : "memory", "cc");
	return value;
}

static u64 wrote(struct vcpu *v, u64 gpa, unsigned int len)
{
	u64 x = 0;

	memcpy(&x, expect_mmio(v, gpa, true, len), len);
	return x;
}

static void answer(struct vcpu *v, u64 gpa, unsigned int len, u64 x)
{
	memcpy(expect_mmio(v, gpa, false, len), &x, 8);
}

/* ---- code that changes ------------------------------------------------------- */

static void guest_rewrite(void)
{
	u64 *code = (u64 *)CODE;
	int i;

	for (i = 0; i < 3; i++) {
		*code = CODE_STORE32;
		call(CODE, HOLE, 0x1122334455667788);
		*code = CODE_STORE64;
		call(CODE, HOLE, 0x1122334455667788);
		*code = CODE_STORE8;
		call(CODE, HOLE, 0x1122334455667788);
		*code = CODE_LOAD32;
		GUEST_ASSERT_EQ(call(CODE, HOLE, ~0ull), 0xcafe);
		*code = CODE_STORE_HIGH;
		call(CODE, HOLE, 0x99);
		*code = CODE_OR;
		call(CODE, HOLE, 0xf0);
	}
	GUEST_DONE();
}

/* The same place holds another instruction each time */
TEST_F(mmio, code_rewritten)
{
	struct vcpu *v = self->vcpu;
	int i;

	vcpu_set_entry(v, guest_rewrite);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0x55667788, wrote(v, HOLE, 4));
		ASSERT_EQ(0x1122334455667788, wrote(v, HOLE, 8));
		ASSERT_EQ(0x88, wrote(v, HOLE, 1));
		answer(v, HOLE, 4, 0xcafe);
		ASSERT_EQ(0x99, wrote(v, HOLE + 16, 4));
		answer(v, HOLE, 4, 0x0f);
		ASSERT_EQ(0xff, wrote(v, HOLE, 4));
	}
	expect_done(v);
}

static u64 pte_of_window, pde_of_window;
static u64 window_at[2];
static u64 new_table;

static void set_entry(u64 at, u64 val)
{
	*(volatile u64 *)at = val;
	invlpg(WINDOW);
}

static void guest_remap(void)
{
	u64 pde = *(u64 *)pde_of_window;

	*(u64 *)window_at[0] = CODE_STORE32;
	*(u64 *)window_at[1] = CODE_STORE8;
	call(WINDOW, HOLE, 0x1234);
	call(WINDOW, HOLE, 0x1234);
	set_entry(pte_of_window, window_at[1] | PTE_P | PTE_W | PTE_U);
	call(WINDOW, HOLE, 0x1234);
	set_entry(pte_of_window, window_at[0] | PTE_P | PTE_W | PTE_U);
	call(WINDOW, HOLE, 0x1234);
	/* another table altogether */
	*(u64 *)new_table = window_at[1] | PTE_P | PTE_W | PTE_U;
	set_entry(pde_of_window, new_table | PTE_P | PTE_W | PTE_U);
	call(WINDOW, HOLE, 0x1234);
	set_entry(pde_of_window, pde);
	call(WINDOW, HOLE, 0x1234);
	GUEST_DONE();
}

/* The page with the code is another one now, the address is the same */
TEST_F(mmio, code_remapped)
{
	struct pt *pt = &self->vm->pt;
	struct vcpu *v = self->vcpu;

	window_at[0] = CODE;
	window_at[1] = OTHER;
	pt_map(pt, WINDOW, CODE, 0x1000, PTE_W | PTE_U);
	pte_of_window = pt_entry_gpa(pt, WINDOW, 1);
	pde_of_window = pt_entry_gpa(pt, WINDOW, 2);
	new_table = pt_alloc(self->vm);
	sync_to_guest(self->vm, window_at);
	sync_to_guest(self->vm, pte_of_window);
	sync_to_guest(self->vm, pde_of_window);
	sync_to_guest(self->vm, new_table);
	vcpu_set_entry(v, guest_remap);
	ASSERT_EQ(0x1234, wrote(v, HOLE, 4));
	ASSERT_EQ(0x1234, wrote(v, HOLE, 4));
	ASSERT_EQ(0x34, wrote(v, HOLE, 1));
	ASSERT_EQ(0x1234, wrote(v, HOLE, 4));
	ASSERT_EQ(0x34, wrote(v, HOLE, 1));
	ASSERT_EQ(0x1234, wrote(v, HOLE, 4));
	expect_done(v);
}

static u64 roots[2];

static void guest_other_root(void)
{
	int i;

	*(u64 *)CODE = CODE_STORE32;
	*(u64 *)OTHER = CODE_STORE8;
	for (i = 0; i < 8; i++) {
		write_cr3(roots[i & 1]);
		call(WINDOW, HOLE, 0x1234);
	}
	GUEST_DONE();
}

/* Two sets of tables with different code at one address */
TEST_F(mmio, code_in_two_spaces)
{
	struct vcpu *v = self->vcpu;
	struct pt other = pt_new(self->vm, PT_4LEVEL);
	int i;

	pt_map(&self->vm->pt, WINDOW, CODE, 0x1000, PTE_W | PTE_U);
	pt_map(&other, WINDOW, OTHER, 0x1000, PTE_W | PTE_U);
	roots[0] = self->vm->pt.root;
	roots[1] = other.root;
	sync_to_guest(self->vm, roots);
	vcpu_set_entry(v, guest_other_root);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(i & 1 ? 0x34 : 0x1234,
			  wrote(v, HOLE, i & 1 ? 1 : 4));
	expect_done(v);
}

static void guest_call_forever(u64 at)
{
	for (;;)
		call(at, HOLE, 0x1234);
}

/* Other memory behind the same guest-physical address */
TEST_F(mmio, code_in_another_slot)
{
	const u64 gpa = G_RAM_SIZE + 0x200000;
	u64 *a = mem_anon(0x1000, false), *b = mem_anon(0x1000, false);
	struct vcpu *v = self->vcpu;
	int i;

	*a = CODE_STORE32;
	*b = CODE_STORE8;
	vcpu_set_entry(v, guest_call_forever);
	vcpu_args(v, 1, gpa);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, gpa, 0x1000,
					   i & 1 ? b : a));
		ASSERT_EQ(i & 1 ? 0x34 : 0x1234,
			  wrote(v, HOLE, i & 1 ? 1 : 4));
		ASSERT_EQ(i & 1 ? 0x34 : 0x1234,
			  wrote(v, HOLE, i & 1 ? 1 : 4));
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, gpa, 0, NULL));
	}
}

/* Code at the end of a page, and over it */
static void guest_page_edge(void)
{
	u64 at;
	int i;

	for (i = 0; i < 2; i++) {
		for (at = OTHER - 20; at < OTHER; at++) {
			*(u64 *)at = CODE_STORE32;
			call(at, HOLE, at);
		}
	}
	GUEST_DONE();
}

TEST_F(mmio, code_at_page_edge)
{
	struct vcpu *v = self->vcpu;
	u64 at;
	int i;

	vcpu_set_entry(v, guest_page_edge);
	for (i = 0; i < 2; i++)
		for (at = OTHER - 20; at < OTHER; at++)
			ASSERT_EQ(at, wrote(v, HOLE, 4));
	expect_done(v);
}

/* ---- devices that change ------------------------------------------------------- */

static void guest_write_forever(void)
{
	u64 i;

	for (i = 0; ; i++) {
		write64(HOLE, i);
		GUEST_SYNC_ARGS(i, read64(HOLE), 0, 0, 0);
	}
}

/* Memory comes where a device was, and goes again */
TEST_F(mmio, device_becomes_memory)
{
	u64 *mem = mem_anon(0x1000, false);
	struct vcpu *v = self->vcpu;
	u64 i;

	vcpu_set_entry(v, guest_write_forever);
	for (i = 0; i < 8; i += 2) {
		ASSERT_EQ(i, wrote(v, HOLE, 8));
		answer(v, HOLE, 8, 1000 + i);
		expect_sync(v, i);
		ASSERT_EQ(1000 + i, v->uc[1]);

		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, HOLE, 0x1000, mem));
		expect_sync(v, i + 1);
		ASSERT_EQ(i + 1, v->uc[1]);
		ASSERT_EQ(i + 1, *mem);
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, HOLE, 0, NULL));
	}
}

static u64 pte_of_device;

static void set_device(u64 entry)
{
	*(volatile u64 *)pte_of_device = entry;
	invlpg(WINDOW);
}

static void guest_device_remap(void)
{
	const u64 flags = PTE_P | PTE_W | PTE_U;
	int i;

	*(u64 *)CODE = CODE_STORE32;
	for (i = 0; i < 3; i++) {
		set_device(HOLE | flags);
		call(CODE, WINDOW, 1);
		call(CODE, WINDOW, 2);
		set_device((HOLE + 0x5000) | flags);
		call(CODE, WINDOW, 3);
		/* read-only, then not there at all: the guest's own fault */
		set_device(HOLE | PTE_P | PTE_U);
		GUEST_ASSERT_EQ(read32(WINDOW), 0x77);
		asm volatile(TRY("movl %1, (%0)")
			     : : "r"(WINDOW), "r"(4) : "memory");
		GUEST_ASSERT_EQ(caught(), VEC_PF);
		GUEST_ASSERT_EQ(guest_cpu()->error, 3);
		set_device(0);
		asm volatile(TRY("movl %1, (%0)")
			     : : "r"(WINDOW), "r"(5) : "memory");
		GUEST_ASSERT_EQ(caught(), VEC_PF);
		GUEST_ASSERT_EQ(guest_cpu()->error, 2);
		/* memory for a while */
		set_device(OTHER | flags);
		*(u32 *)OTHER = 0;
		call(CODE, WINDOW, 6);
		GUEST_ASSERT_EQ(*(volatile u32 *)OTHER, 6);
	}
	GUEST_DONE();
}

/* The guest maps one address to a device, to another, to memory, to nothing */
TEST_F(mmio, device_remapped)
{
	struct pt *pt = &self->vm->pt;
	struct vcpu *v = self->vcpu;
	struct kvm_sregs sregs;
	int i;

	pt_map(pt, WINDOW, HOLE, 0x1000, PTE_W | PTE_U);
	pte_of_device = pt_entry_gpa(pt, WINDOW, 1);
	sync_to_guest(self->vm, pte_of_device);
	sregs = vcpu_sregs(v);
	sregs.cr0 |= 1u << 16;		/* WP */
	vcpu_set_sregs(v, &sregs);
	vcpu_set_entry(v, guest_device_remap);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, wrote(v, HOLE, 4));
		ASSERT_EQ(2, wrote(v, HOLE, 4));
		ASSERT_EQ(3, wrote(v, HOLE + 0x5000, 4));
		answer(v, HOLE, 4, 0x77);
	}
	expect_done(v);
}

/* ---- what comes with an instruction ----------------------------------------- */

#define TF	0x100ull
#define RF	0x10000ull

static void start(struct vcpu *v, u64 code, u64 rflags)
{
	struct kvm_regs regs;

	*(u64 *)vm_hva(v->vm, CODE) = code;
	vcpu_set_entry(v, (void *)CODE);
	regs = vcpu_regs(v);
	regs.rflags |= rflags;
	regs.rdi = HOLE;
	regs.rax = 0x1122334455667788;
	vcpu_set_regs(v, &regs);
}

/* nop; mov %eax, (%rdi); hlt */
#define CODE_STORE_HLT	0x90909090f4078990ull
/* nop; mov (%rdi), %eax; hlt */
#define CODE_LOAD_HLT	0x90909090f4078b90ull
/* sti; mov %eax, (%rdi); hlt */
#define CODE_STI_STORE	0x90909090f40789fbull
/* sti; mov (%rdi), %eax; hlt */
#define CODE_STI_LOAD	0x90909090f4078bfbull

/* RIP is past the access, RF and the interrupt shadow are gone */
TEST_F(mmio, state_after)
{
	struct vcpu *v = self->vcpu;

	start(v, CODE_STORE_HLT, RF);
	ASSERT_EQ(0x55667788, wrote(v, HOLE, 4));
	vcpu_complete_exit(v);
	ASSERT_EQ(CODE + 3, vcpu_regs(v).rip);
	ASSERT_EQ(0, vcpu_regs(v).rflags & RF);

	start(v, CODE_LOAD_HLT, RF);
	answer(v, HOLE, 4, 0x12345678);
	vcpu_complete_exit(v);
	ASSERT_EQ(CODE + 3, vcpu_regs(v).rip);
	ASSERT_EQ(0, vcpu_regs(v).rflags & RF);
	ASSERT_EQ(0x12345678, vcpu_regs(v).rax);

	start(v, CODE_STI_STORE, 0);
	ASSERT_EQ(0x55667788, wrote(v, HOLE, 4));
	vcpu_complete_exit(v);
	ASSERT_EQ(0, vcpu_events(v).interrupt.shadow);

	start(v, CODE_STI_LOAD, 0);
	answer(v, HOLE, 4, 0x12345678);
	vcpu_complete_exit(v);
	ASSERT_EQ(0, vcpu_events(v).interrupt.shadow);
}

static u64 trapped_at;

static void on_trap(struct guest_regs *r)
{
	trapped_at = r->rip;
	r->rflags &= ~TF;
}

static void guest_step_over(u64 load)
{
	u64 after;

	guest_handlers[1] = on_trap;
	/* TF as set by POPF traps after the next instruction */
	if (load)
		asm volatile("pushfq\n\t"
			     "orl $0x100, (%%rsp)\n\t"
			     "popfq\n\t"
			     "mov (%1), %%eax\n\t"
			     "lea 1f(%%rip), %0\n"
			     "1:" : "=&r"(after) : "r"(HOLE)
			     : "rax", "memory", "cc");
	else
		asm volatile("pushfq\n\t"
			     "orl $0x100, (%%rsp)\n\t"
			     "popfq\n\t"
			     "mov %%eax, (%1)\n\t"
			     "lea 1f(%%rip), %0\n"
			     "1:" : "=&r"(after) : "r"(HOLE)
			     : "memory", "cc");
	/* LEA with a 32-bit displacement has seven bytes */
	GUEST_ASSERT_EQ(trapped_at, after - 7);
	GUEST_DONE();
}

/* The trap of TF comes after the access, before the next instruction */
TEST_F(mmio, single_step_trap)
{
	struct vcpu *v = self->vcpu;

	if (!on_our_module())
		skip_test("the in-tree KVM traps one instruction late");
	vcpu_set_entry(v, guest_step_over);
	vcpu_args(v, 1, 0);
	expect_mmio(v, HOLE, true, 4);
	expect_done(v);
	vcpu_set_entry(v, guest_step_over);
	vcpu_args(v, 1, 1);
	answer(v, HOLE, 4, 1);
	expect_done(v);
}

/* From the instruction at CODE + 1, which is not over, to the HLT at CODE + 3 */
static void abandon(struct __test_metadata *_metadata, struct vcpu *v)
{
	struct kvm_regs regs = vcpu_regs(v);

	ASSERT_EQ(CODE + 1, regs.rip);
	regs.rip = CODE + 3;
	vcpu_set_regs(v, &regs);
	expect_exit(v, KVM_EXIT_HLT);
	ASSERT_EQ(CODE + 4, vcpu_regs(v).rip);
}

/* Another RIP while the device has not answered: the load is abandoned */
TEST_F(mmio, load_abandoned)
{
	struct vcpu *v = self->vcpu;

	start(v, CODE_LOAD_HLT, 0);
	answer(v, HOLE, 4, 0x12345678);
	abandon(_metadata, v);
	ASSERT_EQ(0x1122334455667788, vcpu_regs(v).rax);
}

/* nop; or %eax, (%rdi); hlt */
#define CODE_OR_HLT	0x90909090f4070990ull
/* nop; insb; nop; hlt */
#define CODE_INS_HLT	0x90909090f4906c90ull

/* The same for what the emulator has begun */
TEST_F(mmio, instruction_abandoned)
{
	struct vcpu *v = self->vcpu;
	struct kvm_regs regs;

	if (!on_our_module())
		skip_test("mainline goes on with the instruction");
	start(v, CODE_OR_HLT, 0);
	answer(v, HOLE, 4, 0x12345678);
	abandon(_metadata, v);

	start(v, CODE_INS_HLT, 0);
	regs = vcpu_regs(v);
	regs.rdx = 0x80;
	regs.rdi = OTHER;
	vcpu_set_regs(v, &regs);
	*(u8 *)vm_hva(self->vm, OTHER) = 0x11;
	*(u8 *)expect_pio(v, 0x80, false, 1, 1) = 0x22;
	abandon(_metadata, v);
	ASSERT_EQ(OTHER, vcpu_regs(v).rdi);
	ASSERT_EQ(0x11, *(u8 *)vm_hva(self->vm, OTHER));
}

/* ---- from user code ------------------------------------------------------------ */

static u64 user_access(u64 arg)
{
	write32(HOLE, arg);
	return read32(HOLE + 4);
}

static void guest_user_access(void)
{
	GUEST_ASSERT_EQ(guest_user_call(user_access, 7), 8);
	GUEST_ASSERT_EQ(guest_user_call(user_access, 9), 10);
	GUEST_DONE();
}

TEST_F(mmio, user_code)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_user_access);
	ASSERT_EQ(7, wrote(v, HOLE, 4));
	answer(v, HOLE + 4, 4, 8);
	ASSERT_EQ(9, wrote(v, HOLE, 4));
	answer(v, HOLE + 4, 4, 10);
	expect_done(v);
}

TEST_HARNESS_MAIN
