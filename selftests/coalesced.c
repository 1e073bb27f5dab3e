// SPDX-License-Identifier: GPL-2.0-only
/* Coalesced MMIO and PIO: the ring instead of exits */
#include "kvmtest.h"

#define PAGE_SIZE	4096	/* for KVM_COALESCED_MMIO_MAX */
#define MMIO		0xd0000000ull
#define PORT		0x600

FIXTURE(coalesced) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_coalesced_mmio_ring *ring;
};

KIND_VARIANTS(coalesced)

FIXTURE_SETUP(coalesced)
{
	self->vm = vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
	self->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->vcpu->fd,
			  4096 * vm_check(self->vm, KVM_CAP_COALESCED_MMIO));
	require(self->ring != MAP_FAILED);
}

FIXTURE_TEARDOWN(coalesced)
{
	munmap(self->ring, 4096);
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

static void zone(struct vm *vm, bool add, u64 addr, u32 size, bool pio)
{
	struct kvm_coalesced_mmio_zone z = {
		.addr = addr, .size = size, .pio = pio,
	};

	require(!ioctl(vm->fd, add ? KVM_REGISTER_COALESCED_MMIO :
		       KVM_UNREGISTER_COALESCED_MMIO, &z));
}

static void guest_writes(u64 n)
{
	volatile u32 *p = (u32 *)MMIO;

	for (u64 i = 0; i < n; i++)
		p[i % 1024] = 0x100 + i;
	GUEST_DONE();
}

TEST_F(coalesced, mmio)
{
	struct kvm_coalesced_mmio *e = self->ring->coalesced_mmio;

	zone(self->vm, true, MMIO, 4096, false);
	vcpu_set_entry(self->vcpu, guest_writes);
	vcpu_args(self->vcpu, 1, 5ull);
	expect_done(self->vcpu);
	ASSERT_EQ(0, self->ring->first);
	ASSERT_EQ(5, self->ring->last);
	for (u32 i = 0; i < 5; i++) {
		EXPECT_EQ(MMIO + 4 * i, e[i].phys_addr);
		EXPECT_EQ(4, e[i].len);
		EXPECT_EQ(0, e[i].pio);
		EXPECT_EQ(0x100 + i, *(u64 *)e[i].data);
	}

	/* taken: the next goes behind them */
	self->ring->first = 5;
	vcpu_set_entry(self->vcpu, guest_writes);
	vcpu_args(self->vcpu, 1, 1ull);
	expect_done(self->vcpu);
	EXPECT_EQ(6, self->ring->last);

	/* no zone any more */
	zone(self->vm, false, MMIO, 4096, false);
	vcpu_set_entry(self->vcpu, guest_writes);
	vcpu_args(self->vcpu, 1, 1ull);
	EXPECT_EQ(0x100, *(u32 *)expect_mmio(self->vcpu, MMIO, true, 4));
	expect_done(self->vcpu);
	EXPECT_EQ(6, self->ring->last);
}

/* What does not fit ends KVM_RUN, and nothing is lost */
TEST_F(coalesced, full)
{
	u32 max = KVM_COALESCED_MMIO_MAX;

	if (!on_our_module())
		skip_test("the in-tree KVM of 6.1 takes half a ring for a full one");
	zone(self->vm, true, MMIO, 4096, false);
	vcpu_set_entry(self->vcpu, guest_writes);
	vcpu_args(self->vcpu, 1, (u64)max + 1);
	EXPECT_EQ(0x100 + max - 1,
		  *(u32 *)expect_mmio(self->vcpu, MMIO + 4 * (max - 1), true, 4));
	ASSERT_EQ(0, self->ring->first);
	ASSERT_EQ(max - 1, self->ring->last);
	/* one more fits, and last wraps */
	self->ring->first = 1;
	expect_done(self->vcpu);
	EXPECT_EQ(0, self->ring->last);
	EXPECT_EQ(0x100 + max,
		  *(u32 *)self->ring->coalesced_mmio[max - 1].data);
}

static void guest_edge(void)
{
	*(volatile u32 *)(MMIO + 0x7fc) = 1;	/* the zone's last bytes */
	*(volatile u32 *)(MMIO + 0x7fe) = 2;	/* half of it outside */
	*(volatile u8 *)(MMIO - 1) = 3;
	*(volatile u8 *)(MMIO + 0x800) = 4;
	(void)*(volatile u32 *)MMIO;		/* reads are never coalesced */
	GUEST_DONE();
}

TEST_F(coalesced, edges)
{
	zone(self->vm, true, MMIO, 0x800, false);
	vcpu_set_entry(self->vcpu, guest_edge);
	expect_mmio(self->vcpu, MMIO + 0x7fe, true, 4);
	EXPECT_EQ(1, self->ring->last);
	expect_mmio(self->vcpu, MMIO - 1, true, 1);
	expect_mmio(self->vcpu, MMIO + 0x800, true, 1);
	expect_mmio(self->vcpu, MMIO, false, 4);
	expect_done(self->vcpu);
	EXPECT_EQ(1, self->ring->last);
}

static void guest_outs(void)
{
	asm volatile("outb %%al, %%dx" : : "a"(0x11), "d"(PORT));
	asm volatile("outl %%eax, %%dx" : : "a"(0x22334455), "d"(PORT + 4));
	asm volatile("outb %%al, %%dx" : : "a"(0x66), "d"(PORT + 8));
	GUEST_DONE();
}

TEST_F(coalesced, pio)
{
	struct kvm_coalesced_mmio *e = self->ring->coalesced_mmio;

	if (!vm_check(self->vm, KVM_CAP_COALESCED_PIO))
		skip_test("no coalesced PIO");
	/* of the other address space: does not count */
	zone(self->vm, true, PORT, 16, false);
	vcpu_set_entry(self->vcpu, guest_outs);
	expect_pio(self->vcpu, PORT, true, 1, 1);
	expect_pio(self->vcpu, PORT + 4, true, 4, 1);
	expect_pio(self->vcpu, PORT + 8, true, 1, 1);
	expect_done(self->vcpu);
	ASSERT_EQ(0, self->ring->last);

	zone(self->vm, true, PORT, 8, true);
	vcpu_set_entry(self->vcpu, guest_outs);
	expect_pio(self->vcpu, PORT + 8, true, 1, 1);
	expect_done(self->vcpu);
	ASSERT_EQ(2, self->ring->last);
	EXPECT_EQ(PORT, e[0].phys_addr);
	EXPECT_EQ(1, e[0].len);
	EXPECT_EQ(1, e[0].pio);
	EXPECT_EQ(0x11, e[0].data[0]);
	EXPECT_EQ(PORT + 4, e[1].phys_addr);
	EXPECT_EQ(4, e[1].len);
	EXPECT_EQ(0x22334455, *(u32 *)e[1].data);
}

static void guest_outs_string(void)
{
	static const u8 s[] = { 1, 2, 3, 4, 5 };
	const u8 *p = s;
	u64 n = sizeof(s);

	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(PORT) : "memory");
	GUEST_DONE();
}

TEST_F(coalesced, pio_string)
{
	struct kvm_coalesced_mmio *e = self->ring->coalesced_mmio;
	struct vcpu *v = self->vcpu;

	if (!vm_check(self->vm, KVM_CAP_COALESCED_PIO))
		skip_test("no coalesced PIO");
	zone(self->vm, true, PORT, 8, true);
	vcpu_set_entry(v, guest_outs_string);
	expect_done(v);
	ASSERT_EQ(5, self->ring->last);
	for (unsigned int i = 0; i < 5; i++) {
		EXPECT_EQ(PORT, e[i].phys_addr);
		EXPECT_EQ(1, e[i].len);
		EXPECT_EQ(i + 1, e[i].data[0]);
	}
	/* the rest goes to user space where there is no room: as above */
	if (!on_our_module())
		return;
	self->ring->first = 8;
	vcpu_set_entry(v, guest_outs_string);
	EXPECT_EQ(3, *(u8 *)expect_pio(v, PORT, true, 1, 3));
	expect_done(v);
	ASSERT_EQ(7, self->ring->last);
}

/* The ring is user space's to spoil: at worst its own writes are not in it */
TEST_F(coalesced, spoiled_ring)
{
	static const u32 bad[] = { KVM_COALESCED_MMIO_MAX, ~0u, 1u << 31 };

	zone(self->vm, true, MMIO, 4096, false);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		self->ring->first = 0;
		self->ring->last = bad[i];
		vcpu_set_entry(self->vcpu, guest_writes);
		vcpu_args(self->vcpu, 1, 1ull);
		expect_mmio(self->vcpu, MMIO, true, 4);
		expect_done(self->vcpu);
		self->ring->last = 0;
		self->ring->first = bad[i];
		vcpu_set_entry(self->vcpu, guest_writes);
		vcpu_args(self->vcpu, 1, 1ull);
		expect_done(self->vcpu);
	}
}

/* Zones that cover what is unregistered go, and no others */
TEST_F(coalesced, unregister)
{
	zone(self->vm, true, MMIO, 16, false);
	zone(self->vm, true, MMIO + 16, 16, false);
	zone(self->vm, false, MMIO, 32, false);
	zone(self->vm, false, MMIO, 16, true);
	vcpu_set_entry(self->vcpu, guest_writes);
	vcpu_args(self->vcpu, 1, 8ull);
	expect_done(self->vcpu);
	EXPECT_EQ(8, self->ring->last);
	zone(self->vm, false, MMIO + 16, 16, false);
	vcpu_set_entry(self->vcpu, guest_writes);
	vcpu_args(self->vcpu, 1, 5ull);
	expect_mmio(self->vcpu, MMIO + 16, true, 4);
	expect_done(self->vcpu);
	EXPECT_EQ(12, self->ring->last);
}

TEST_HARNESS_MAIN
