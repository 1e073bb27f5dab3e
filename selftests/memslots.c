// SPDX-License-Identifier: GPL-2.0-only
/* Memory slots: arguments, life, and how many of them. */
#include "kvmtest.h"

#define BASE	0x20000000ull	/* guest-physical; mapped by the guest's tables */
#define SLOT	5

GUEST_SUITE(memslots)

static void guest_read(u64 addr)
{
	GUEST_RETURN(*(volatile u64 *)addr);
}

static void guest_write(u64 addr, u64 value)
{
	*(volatile u64 *)addr = value;
	GUEST_DONE();
}

static u64 do_read(struct vcpu *v, u64 addr)
{
	vcpu_set_entry(v, guest_read);
	vcpu_args(v, 1, addr);
	return expect_done(v);
}

static void do_write(struct vcpu *v, u64 addr, u64 value)
{
	vcpu_set_entry(v, guest_write);
	vcpu_args(v, 2, addr, value);
	expect_done(v);
}

/* The guest finds no memory at the address */
static void do_miss(struct vcpu *v, u64 addr)
{
	u64 value = 0x1122334455667788;

	vcpu_set_entry(v, guest_read);
	vcpu_args(v, 1, addr);
	memcpy(expect_mmio(v, addr, false, 8), &value, 8);
	require(expect_done(v) == value);
	vcpu_set_entry(v, guest_write);
	vcpu_args(v, 2, addr, value + 1);
	require(*(u64 *)expect_mmio(v, addr, true, 8) == value + 1);
	expect_done(v);
}

/* Every refused call leaves the slots as they were */
TEST_F(memslots, bad_arguments)
{
	char *mem = mem_anon(PAGE_2M, false);
	struct vm *vm = self->vm;
	u64 top = 1ull << 52;

	*(u64 *)mem = 42;
	ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M, mem));

	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, PAGE_4K + 1, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, 123, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2 + 8, PAGE_4K, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, PAGE_4K, mem + 8));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, PAGE_4K,
					(void *)0xffff888000000000));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, PAGE_4K,
					(void *)0x800000000000));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, 1ull << 47,
					mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 4, BASE * 2, PAGE_4K, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 1u << 31, BASE * 2, PAGE_4K,
					mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 0xffff, 0, BASE * 2, PAGE_4K, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, kvm_check(KVM_CAP_NR_MEMSLOTS), 0,
					BASE * 2, PAGE_4K, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6 | 0x7fff0000, 0, BASE * 2,
					PAGE_4K, mem));
	/* the end wraps, or no guest can reach it */
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, ~0xfffull, 0x2000, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, ~0xfffull, 0x1000, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, top, PAGE_4K, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, 0, ~0xfffull, mem));
	/* no such slot */
	EXPECT_EQ(EINVAL, vm_set_region(vm, 6, 0, BASE * 2, 0, mem));
	/* size, address of the memory and read-only-ness are for good */
	EXPECT_EQ(EINVAL, vm_set_region(vm, SLOT, 0, BASE, PAGE_4K, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M * 2, mem));
	EXPECT_EQ(EINVAL, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M,
					mem + PAGE_4K));
	EXPECT_EQ(EINVAL, vm_set_region(vm, SLOT, KVM_MEM_READONLY, BASE,
					PAGE_2M, mem));
	/* overlaps, also by moving */
	EXPECT_EQ(EEXIST, vm_set_region(vm, 6, 0, BASE, PAGE_2M, mem));
	EXPECT_EQ(EEXIST, vm_set_region(vm, 6, 0, BASE + PAGE_2M - PAGE_4K,
					PAGE_2M, mem));
	EXPECT_EQ(EEXIST, vm_set_region(vm, 6, 0, BASE - PAGE_2M + PAGE_4K,
					PAGE_2M, mem));
	EXPECT_EQ(EEXIST, vm_set_region(vm, 6, 0, BASE - PAGE_2M, PAGE_2M * 4,
					mem));
	EXPECT_EQ(EEXIST, vm_set_region(vm, SLOT, 0, 0, PAGE_2M, mem));

	ASSERT_EQ(42, do_read(self->vcpu, BASE));
	do_miss(self->vcpu, BASE - PAGE_4K);
	do_miss(self->vcpu, BASE + PAGE_2M);
	do_miss(self->vcpu, BASE * 2);
	/* the same again is no change and no error; neighbours may touch */
	EXPECT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M, mem));
	EXPECT_EQ(0, vm_set_region(vm, 6, 0, BASE + PAGE_2M, PAGE_4K, mem));
	EXPECT_EQ(0, vm_set_region(vm, 7, 0, BASE - PAGE_4K, PAGE_4K, mem));
	ASSERT_EQ(42, do_read(self->vcpu, BASE - PAGE_4K));
	ASSERT_EQ(42, do_read(self->vcpu, BASE + PAGE_2M));
}

/* What was memory becomes MMIO and back, over remembered MMIO too */
TEST_F(memslots, create_and_delete)
{
	u64 *mem = mem_anon(PAGE_2M, false);
	struct vm *vm = self->vm;

	for (int i = 0; i < 20; i++) {
		do_miss(self->vcpu, BASE);
		do_miss(self->vcpu, BASE);
		mem[0] = 100 + i;
		ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M, mem));
		ASSERT_EQ(100 + i, do_read(self->vcpu, BASE));
		do_write(self->vcpu, BASE + PAGE_2M - 8, i);
		ASSERT_EQ(i, mem[PAGE_2M / 8 - 1]);
		EXPECT_EQ(0, kvm_audit());
		ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, 0, mem));
	}
	do_miss(self->vcpu, BASE);
}

TEST_F(memslots, move)
{
	u64 *mem = mem_anon(PAGE_2M, false), at = BASE;
	struct vm *vm = self->vm;

	mem[0] = 1;
	ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, at, PAGE_2M, mem));
	ASSERT_EQ(1, do_read(self->vcpu, at));
	for (int i = 2; i < 20; i++) {
		/* by a page, so that old and new overlap, and far away */
		u64 to = i & 1 ? at + PAGE_4K : at + 16 * PAGE_2M;

		mem[0] = i;
		mem[512] = i + 100;
		ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, to, PAGE_2M, mem));
		ASSERT_EQ(i, do_read(self->vcpu, to));
		ASSERT_EQ(i + 100, do_read(self->vcpu, to + PAGE_4K));
		do_miss(self->vcpu, at);
		do_miss(self->vcpu, to + PAGE_2M);
		EXPECT_EQ(0, kvm_audit());
		at = to;
	}
}

TEST_F(memslots, aliases)
{
	u64 *mem = mem_anon(PAGE_2M, false);

	/* the same memory in two places */
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, PAGE_2M, mem));
	ASSERT_EQ(0, vm_set_region(self->vm, 6, 0, BASE * 2, PAGE_2M, mem));
	do_write(self->vcpu, BASE + 8, 77);
	ASSERT_EQ(77, do_read(self->vcpu, BASE * 2 + 8));
	do_write(self->vcpu, BASE * 2 + 8, 78);
	ASSERT_EQ(78, mem[1]);
	/* an event in the host reaches both */
	require(!madvise(mem, PAGE_2M, MADV_DONTNEED));
	ASSERT_EQ(0, do_read(self->vcpu, BASE * 2 + 8));
	ASSERT_EQ(0, do_read(self->vcpu, BASE + 8));
}

TEST_F(memslots, read_only)
{
	u64 *mem = mem_anon(PAGE_2M, false);
	struct vm *vm = self->vm;

	if (!kvm_check(KVM_CAP_READONLY_MEM))
		skip_test("no KVM_CAP_READONLY_MEM");
	mem[0] = 5;
	ASSERT_EQ(0, vm_set_region(vm, SLOT, KVM_MEM_READONLY, BASE, PAGE_2M,
				   mem));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(5, do_read(self->vcpu, BASE));
		vcpu_set_entry(self->vcpu, guest_write);
		vcpu_args(self->vcpu, 2, BASE, 99ull);
		ASSERT_EQ(99, *(u64 *)expect_mmio(self->vcpu, BASE, true, 8));
		expect_done(self->vcpu);
		/* a page that has not been read before */
		vcpu_set_entry(self->vcpu, guest_write);
		vcpu_args(self->vcpu, 2, BASE + 0x10000 * (i + 1), 98ull);
		ASSERT_EQ(98, *(u64 *)expect_mmio(self->vcpu,
						  BASE + 0x10000 * (i + 1),
						  true, 8));
		expect_done(self->vcpu);
	}
	ASSERT_EQ(5, mem[0]);
	/* user space may write, and the guest sees it */
	mem[0] = 6;
	ASSERT_EQ(6, do_read(self->vcpu, BASE));
	/* without the flag only as a new slot */
	ASSERT_EQ(EINVAL, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M, mem));
	ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, 0, mem));
	ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M, mem));
	do_write(self->vcpu, BASE, 7);
	ASSERT_EQ(7, mem[0]);
}

/* Memory that user space itself may only read, or not at all */
TEST_F(memslots, host_protection)
{
	u64 *mem = mem_anon(PAGE_2M, false);
	struct vm *vm = self->vm;

	mem[0] = 5;
	require(!mprotect(mem, PAGE_2M, PROT_READ));
	ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, PAGE_2M, mem));
	ASSERT_EQ(5, do_read(self->vcpu, BASE));
	vcpu_set_entry(self->vcpu, guest_write);
	vcpu_args(self->vcpu, 2, BASE, 9ull);
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	require(!mprotect(mem, PAGE_2M, PROT_READ | PROT_WRITE));
	expect_done(self->vcpu);
	ASSERT_EQ(9, mem[0]);

	/* nothing mapped there: allowed until the guest uses it */
	require(!munmap(mem, PAGE_2M));
	vcpu_set_entry(self->vcpu, guest_read);
	vcpu_args(self->vcpu, 1, BASE);
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	require(mmap(mem, PAGE_2M, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		     MAP_ANONYMOUS | MAP_FIXED, -1, 0) == mem);
	mem[0] = 11;
	ASSERT_EQ(11, expect_done(self->vcpu));
}

/* One page each, every other page, made and removed in a shuffled order */
static void guest_sum(u64 n)
{
	u64 i, sum = 0;

	for (i = 0; i < n; i++)
		sum += *(volatile u64 *)(BASE + i * 2 * PAGE_4K);
	GUEST_RETURN(sum);
}

#define MANY	4096

TEST_F_TIMEOUT(memslots, many, 120)
{
	u64 *mem = mem_anon(MANY * PAGE_4K, false), sum = 0;
	struct vm *vm = self->vm;
	u32 i, n;

	ASSERT_LE(MANY + 1, kvm_check(KVM_CAP_NR_MEMSLOTS));
	for (n = 0; n < MANY; n++) {
		i = n * 2731 % MANY;	/* odd: each once */
		mem[i * 512] = i * 3;
		sum += i * 3;
		ASSERT_EQ(0, vm_set_region(vm, i + 1, 0, BASE + i * 2 * PAGE_4K,
					   PAGE_4K, mem + i * 512));
	}
	ASSERT_EQ(EEXIST, vm_set_region(vm, MANY + 1, 0, BASE, MANY * PAGE_4K,
					mem));
	vcpu_set_entry(self->vcpu, guest_sum);
	vcpu_args(self->vcpu, 1, (u64)MANY);
	ASSERT_EQ(sum, expect_done(self->vcpu));
	do_miss(self->vcpu, BASE + PAGE_4K);
	for (n = 0; n < MANY; n++) {
		i = n * 1237 % MANY;
		ASSERT_EQ(0, vm_set_region(vm, i + 1, 0, 0, 0, NULL));
		if (n % 512)
			continue;
		do_miss(self->vcpu, BASE + i * 2 * PAGE_4K);
		EXPECT_EQ(0, kvm_audit());
	}
	ASSERT_EQ(0, vm_set_region(vm, 1, 0, BASE, MANY * PAGE_4K, mem));
}

/* The highest number, and the highest address */
TEST_F(memslots, limits)
{
	u32 last = kvm_check(KVM_CAP_NR_MEMSLOTS) - 1;
	u32 bits = cpuid_entry(kvm_supported_cpuid(), 0x80000008, 0)->eax & 0xff;
	u64 *mem = mem_anon(PAGE_2M, false), gpa;
	struct pt *pt = &self->vm->pt;

	ASSERT_EQ(0, vm_set_region(self->vm, last, 0, BASE, PAGE_4K, mem));
	mem[0] = 3;
	ASSERT_EQ(3, do_read(self->vcpu, BASE));
	gpa = (1ull << (bits > 48 ? 48 : bits)) - PAGE_4K;
	ASSERT_EQ(0, vm_set_region(self->vm, 7, 0, gpa, PAGE_4K, mem));
	probe_init(self->vcpu, 64);
	probe_pt_set(self->vcpu, pt, G_DATA, 1, gpa | PTE_P | PTE_W);
	ASSERT_EQ(3, probe(self->vcpu, probe64_read, G_DATA, 0).value);
}

/* Slots change while the guest runs in them */
static void guest_spin(u64 addr)
{
	volatile u64 *p = (u64 *)addr;
	u64 i;

	for (i = 0; i < 1000000; i++) {
		u64 v = *p;

		/* memory says 1, user space answers 2 */
		if (v == 3)
			break;
		GUEST_ASSERT(v == 1 || v == 2);
	}
	GUEST_DONE();
}

static void *spin_thread(void *arg)
{
	struct vcpu *v = arg;

	while (vcpu_run(v) == KVM_EXIT_MMIO) {
		u64 two = 2;

		require(!v->run->mmio.is_write);
		memcpy(v->run->mmio.data, &two, 8);
	}
	require(v->uc_cmd == UCALL_DONE);
	return NULL;
}

TEST_F(memslots, under_a_running_guest)
{
	u64 *mem = mem_anon(PAGE_2M, false);
	pthread_t t;

	mem[0] = 1;
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, PAGE_2M, mem));
	vcpu_set_entry(self->vcpu, guest_spin);
	vcpu_args(self->vcpu, 1, BASE);
	t = vcpu_thread(self->vcpu, (void *(*)(void *))spin_thread);
	for (int i = 0; i < 100; i++) {
		usleep(200);
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, 0, 0, NULL));
		usleep(200);
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, PAGE_2M,
					   mem));
		if (i & 1)
			ASSERT_EQ(0, vm_set_region(self->vm, SLOT,
						   KVM_MEM_LOG_DIRTY_PAGES,
						   BASE, PAGE_2M, mem));
	}
	mem[0] = 3;
	pthread_join(t, NULL);
}

TEST_HARNESS_MAIN
