// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shortest guests in each CPU mode, and the test library itself: when
 * these fail, nothing else need be looked at.
 */
#include "kvmtest.h"

GUEST_SUITE(smoke)

static u64 shared;

static void guest_done(void)
{
	GUEST_RETURN(0x1234);
}

TEST_F(smoke, long_mode)
{
	vcpu_set_entry(self->vcpu, guest_done);
	ASSERT_EQ(0x1234, expect_done(self->vcpu));
}

static void guest_hlt(void)
{
	hlt();
	GUEST_DONE();
}

TEST_F(smoke, halt)
{
	vcpu_set_entry(self->vcpu, guest_hlt);
	expect_exit(self->vcpu, KVM_EXIT_HLT);
	expect_done(self->vcpu);
}

static void guest_args(u64 a, u64 b)
{
	shared++;
	GUEST_SYNC_ARGS(1, a, b, shared, 0);
	GUEST_DONE();
}

TEST_F(smoke, arguments_and_variables)
{
	shared = 41;
	sync_to_guest(self->vm, shared);
	vcpu_set_entry(self->vcpu, guest_args);
	vcpu_args(self->vcpu, 2, 5ull, 6ull);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(5, self->vcpu->uc[1]);
	ASSERT_EQ(6, self->vcpu->uc[2]);
	ASSERT_EQ(42, self->vcpu->uc[3]);
	expect_done(self->vcpu);
	ASSERT_EQ(41, shared);
	sync_from_guest(self->vm, shared);
	ASSERT_EQ(42, shared);
}

static void guest_exceptions(void)
{
	asm volatile(TRY("ud2") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	asm volatile(TRY("int3") : : : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_BP);
	asm volatile(TRY("mov (%0), %%al") : : "r"(1ull << 40) : "memory", "rax");
	GUEST_ASSERT_EQ(caught(), VEC_PF);
	GUEST_ASSERT_EQ(guest_cpu()->cr2, 1ull << 40);
	GUEST_ASSERT_EQ(guest_cpu()->error, 0);
	asm volatile(TRY("nop") : : : "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	GUEST_DONE();
}

TEST_F(smoke, exceptions)
{
	vcpu_set_entry(self->vcpu, guest_exceptions);
	expect_done(self->vcpu);
}

static void guest_ud(void)
{
	asm volatile("ud2");
}

TEST_F(smoke, unexpected_exception)
{
	vcpu_set_entry(self->vcpu, guest_ud);
	expect_exception(self->vcpu, VEC_UD);
	ASSERT_EQ((u64)guest_ud, self->vcpu->uc[2]);
}

static u64 user_fn(u64 x)
{
	u16 cs;

	asm volatile("mov %%cs, %0" : "=r"(cs));
	return x + (cs & 3);
}

static void guest_user(void)
{
	GUEST_ASSERT_EQ(guest_user_call(user_fn, 10), 13);
	GUEST_ASSERT_EQ(guest_user_call(user_fn, 20), 23);
	GUEST_DONE();
}

TEST_F(smoke, ring3)
{
	vcpu_set_entry(self->vcpu, guest_user);
	expect_done(self->vcpu);
}

/* mov $0x77, %al; out %al, $0x80; hlt */
static const u8 code16[] = { 0xb0, 0x77, 0xe6, 0x80, 0xf4 };

static void run_code16(struct vm *vm, struct vcpu *vcpu, enum cpu_mode mode)
{
	struct kvm_regs r = {
		.rip = G_LOW, .rsp = G_LOW - 16, .rflags = X86_EFLAGS_FIXED,
	};

	memcpy(vm_hva(vm, G_LOW), code16, sizeof(code16));
	vcpu_set_mode(vcpu, mode, NULL);
	vcpu_set_regs(vcpu, &r);
	require(*(u8 *)expect_pio(vcpu, 0x80, true, 1, 1) == 0x77);
	expect_exit(vcpu, KVM_EXIT_HLT);
	require(vcpu_regs(vcpu).rip == G_LOW + sizeof(code16));
}

TEST_F(smoke, real_mode)
{
	run_code16(self->vm, self->vcpu, CPU_REAL);
}

TEST_F(smoke, protected_16)
{
	run_code16(self->vm, self->vcpu, CPU_PROT16);
}

/* Read, write and a fault in a 32-bit mode */
static void run_probe32(struct __test_metadata *_metadata, struct vm *vm,
			struct vcpu *vcpu, enum pt_mode mode)
{
	struct pt pt = pt_new(vm, mode);
	u32 *data = vm_hva(vm, G_DATA);
	struct probe_result p;

	vcpu_set_mode(vcpu, CPU_PROT32, &pt);
	probe_init(vcpu, 32);
	*data = 0x55667788;
	p = probe(vcpu, probe32_read, G_DATA, 0);
	ASSERT_EQ(-1, p.vector);
	ASSERT_EQ(0x55667788, p.value);
	p = probe(vcpu, probe32_write, G_DATA, 0x11223344);
	ASSERT_EQ(-1, p.vector);
	ASSERT_EQ(0x11223344, *data);
	if (mode == PT_NONE)
		return;
	probe_pt_set(vcpu, &pt, G_DATA, 1, 0);
	p = probe(vcpu, probe32_write, G_DATA + 4, 0);
	ASSERT_EQ(VEC_PF, p.vector);
	ASSERT_EQ(PFEC_W, p.error);
	ASSERT_EQ(G_DATA + 4, p.cr2);
	ASSERT_EQ((u64)probe32_write, p.rip);
}

TEST_F(smoke, protected_32)
{
	run_probe32(_metadata, self->vm, self->vcpu, PT_NONE);
}

TEST_F(smoke, paging_32)
{
	run_probe32(_metadata, self->vm, self->vcpu, PT_32);
}

TEST_F(smoke, paging_pae)
{
	run_probe32(_metadata, self->vm, self->vcpu, PT_PAE);
}

TEST_F(smoke, probe_64)
{
	struct pt *pt = &self->vm->pt;
	struct probe_result p;

	probe_init(self->vcpu, 64);
	probe_pt_set(self->vcpu, pt, G_DATA, 1, 0);
	p = probe(self->vcpu, probe64_read, G_DATA, 0);
	ASSERT_EQ(VEC_PF, p.vector);
	ASSERT_EQ(0, p.error);
	ASSERT_EQ(G_DATA, p.cr2);
	ASSERT_EQ((u64)probe64_read, p.rip);
}

TEST_HARNESS_MAIN
