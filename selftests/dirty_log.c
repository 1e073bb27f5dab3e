// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG report each written page. */
#include "kvmtest.h"

#define BASE	0x20000000ull
#define SLOT	5
#define PAGES	1000		/* not a multiple of 64 */
#define WORDS	((PAGES + 63) / 64)
#define LOG	KVM_MEM_LOG_DIRTY_PAGES

FIXTURE(dirty_log) {
	struct vm *vm;
	struct vcpu *vcpu;
	char *mem;
};

KIND_VARIANTS(dirty_log)

FIXTURE_SETUP(dirty_log)
{
	self->vm = vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
	self->mem = mem_anon(4 * PAGE_2M, false);
	memset(self->mem, 1, 4 * PAGE_2M);
}

FIXTURE_TEARDOWN(dirty_log)
{
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

/* Write to pages first, first + step, ... */
static void guest_write(u64 first, u64 n, u64 step)
{
	for (; n; n--, first += step)
		(*(volatile u64 *)(BASE + first * PAGE_4K))++;
	GUEST_DONE();
}

static void guest_read(u64 first, u64 n, u64 step)
{
	u64 sum = 0;

	for (; n; n--, first += step)
		sum += *(volatile u64 *)(BASE + first * PAGE_4K);
	GUEST_RETURN(sum);
}

static void run(struct vcpu *v, void *fn, u64 first, u64 n, u64 step)
{
	vcpu_set_entry(v, fn);
	vcpu_args(v, 3, first, n, step);
	expect_done(v);
}

static int get_log_err(struct vm *vm, u32 slot, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) ? errno : 0;
}

static int clear_log_err(struct vm *vm, u32 slot, u64 first, u32 n, void *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = n,
		.dirty_bitmap = bitmap,
	};

	return ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &log) ? errno : 0;
}

static bool bit(const u64 *map, u64 i)
{
	return map[i / 64] >> i % 64 & 1;
}

/* The log has pages first, first + step, ... and no other */
static void check_log(struct vm *vm, u64 first, u64 n, u64 step)
{
	u64 map[WORDS + 1], i;

	memset(map, 0xa5, sizeof(map));
	require(!get_log_err(vm, SLOT, map));
	require(map[WORDS] == 0xa5a5a5a5a5a5a5a5);
	for (i = 0; i < WORDS * 64; i++) {
		bool want = n && i >= first && i < first + n * step &&
			    (i - first) % step == 0;

		if (bit(map, i) != want)
			die("page %lu is %s the log", i,
			    want ? "not in" : "in");
	}
}

static int enable_manual(struct vm *vm, u64 flags)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags },
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

TEST_F(dirty_log, bad_arguments)
{
	u64 map[WORDS] = {};
	struct vm *vm = self->vm;

	ASSERT_EQ(ENOENT, get_log_err(vm, SLOT, map));
	ASSERT_EQ(EINVAL, get_log_err(vm, 0xffff, map));
	ASSERT_EQ(EINVAL, get_log_err(vm, SLOT | 0x70000, map));
	ASSERT_EQ(ENOENT, clear_log_err(vm, SLOT, 0, 64, map));
	ASSERT_EQ(0, vm_set_region(vm, SLOT, 0, BASE, PAGES * PAGE_4K,
				   self->mem));
	/* a slot without a log */
	ASSERT_EQ(ENOENT, get_log_err(vm, SLOT, map));
	ASSERT_EQ(0, vm_set_region(vm, SLOT, LOG, BASE, PAGES * PAGE_4K,
				   self->mem));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 1, 64, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 32, 64, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 0, 63, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 0, PAGES + 1, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 0, PAGES + 24, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 1024, 64, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, ~63ull, 128, map));
	EXPECT_EQ(EINVAL, clear_log_err(vm, SLOT, 64, ~0u, map));
	EXPECT_EQ(0, clear_log_err(vm, SLOT, 0, PAGES, map));
	EXPECT_EQ(0, clear_log_err(vm, SLOT, 960, PAGES - 960, map));
	EXPECT_EQ(EFAULT, clear_log_err(vm, SLOT, 0, PAGES, (void *)8));
	EXPECT_EQ(EFAULT, get_log_err(vm, SLOT, (void *)8));
}

/* From the first write on, each round by itself */
TEST_F(dirty_log, rounds)
{
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, PAGES * PAGE_4K,
				   self->mem));
	check_log(self->vm, 0, 0, 1);
	run(self->vcpu, guest_write, 3, 100, 7);
	check_log(self->vm, 3, 100, 7);
	check_log(self->vm, 0, 0, 1);
	run(self->vcpu, guest_write, 3, 100, 7);
	check_log(self->vm, 3, 100, 7);
	/* reading is not writing; the in-tree KVM reports what it maps writable */
	run(self->vcpu, guest_read, 0, PAGES, 1);
	if (on_our_module())
		check_log(self->vm, 0, 0, 1);
	run(self->vcpu, guest_write, 0, PAGES, 1);
	check_log(self->vm, 0, PAGES, 1);
	run(self->vcpu, guest_write, PAGES - 1, 1, 1);
	check_log(self->vm, PAGES - 1, 1, 1);
	check_log(self->vm, 0, 0, 1);
	EXPECT_EQ(0, kvm_audit());
}

/* On and off, over pages that are mapped writable already */
TEST_F(dirty_log, switched_on)
{
	u64 size = PAGES * PAGE_4K;

	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, size, self->mem));
	for (int i = 0; i < 3; i++) {
		run(self->vcpu, guest_write, 0, PAGES, 1);
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, size,
					   self->mem));
		check_log(self->vm, 0, 0, 1);
		run(self->vcpu, guest_write, 5, 50, 3);
		check_log(self->vm, 5, 50, 3);
		run(self->vcpu, guest_write, 6, 50, 3);
		EXPECT_EQ(0, kvm_audit());
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, size,
					   self->mem));
		EXPECT_EQ(0, kvm_audit());
	}
}

/* Large pages come down to 4K, and the log has no page too many */
TEST_F(dirty_log, large_pages)
{
	u64 size = PAGES * PAGE_4K;
	char *huge = mem_anon(4 * PAGE_2M, true);

	memset(huge, 1, 4 * PAGE_2M);
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, size, huge));
	for (int i = 0; i < 3; i++) {
		run(self->vcpu, guest_write, 0, PAGES, 1);
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, size,
					   huge));
		check_log(self->vm, 0, 0, 1);
		run(self->vcpu, guest_read, 0, PAGES, 1);
		check_log(self->vm, 0, 0, 1);
		run(self->vcpu, guest_write, 5, 50, 11);
		check_log(self->vm, 5, 50, 11);
		run(self->vcpu, guest_write, 5, 50, 12);
		check_log(self->vm, 5, 50, 12);
		EXPECT_EQ(0, kvm_audit());
		ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, size,
					   huge));
	}
	/* nothing was lost or written twice */
	for (int i = 0; i < PAGES; i++) {
		u64 want = 0x0101010101010101ull + 3;

		if (i >= 5 && i < 5 + 50 * 11 && (i - 5) % 11 == 0)
			want += 3;
		if (i >= 5 && i < 5 + 50 * 12 && (i - 5) % 12 == 0)
			want += 3;
		ASSERT_EQ(want, *(u64 *)(huge + i * PAGE_4K));
	}
}

/* The log goes along when the slot moves */
TEST_F(dirty_log, moved_slot)
{
	u64 size = PAGES * PAGE_4K;

	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE * 2, size,
				   self->mem));
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, size, self->mem));
	run(self->vcpu, guest_write, 1, 10, 1);
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE - PAGE_4K, size,
				   self->mem));
	check_log(self->vm, 1, 10, 1);
	run(self->vcpu, guest_write, 20, 10, 1);
	check_log(self->vm, 21, 10, 1);
}

/* User space takes bits away one by one */
TEST_F(dirty_log, manual_clear)
{
	u64 map[WORDS] = {}, size = PAGES * PAGE_4K;

	if (kvm_check(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) < 1)
		skip_test("no KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	ASSERT_EQ(EINVAL, enable_manual(self->vm, 4));
	ASSERT_EQ(0, enable_manual(self->vm, 1));
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, size, self->mem));
	run(self->vcpu, guest_write, 0, 200, 1);
	check_log(self->vm, 0, 200, 1);
	check_log(self->vm, 0, 200, 1);
	run(self->vcpu, guest_write, 0, 200, 1);
	/* 64 to 127 */
	map[1] = ~0ull;
	ASSERT_EQ(0, clear_log_err(self->vm, SLOT, 0, PAGES, map));
	require(!get_log_err(self->vm, SLOT, map));
	for (int i = 0; i < PAGES; i++)
		ASSERT_EQ(i < 200 && (i < 64 || i >= 128), bit(map, i));
	/* a bitmap that begins at a later page; bits past the end ignored */
	memset(map, 0xff, sizeof(map));
	ASSERT_EQ(0, clear_log_err(self->vm, SLOT, 64, PAGES - 64, map));
	check_log(self->vm, 0, 64, 1);
	run(self->vcpu, guest_write, 0, 150, 1);
	check_log(self->vm, 0, 150, 1);
	ASSERT_EQ(0, clear_log_err(self->vm, SLOT, 0, PAGES, map));
	check_log(self->vm, 0, 0, 1);
	run(self->vcpu, guest_write, 999, 1, 1);
	check_log(self->vm, 999, 1, 1);
}

TEST_F(dirty_log, initially_set)
{
	u64 map[WORDS], size = PAGES * PAGE_4K;

	if (!(kvm_check(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) & 2))
		skip_test("no KVM_DIRTY_LOG_INITIALLY_SET");
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, size, self->mem));
	run(self->vcpu, guest_write, 0, PAGES, 1);
	ASSERT_EQ(0, enable_manual(self->vm, 3));
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, size, self->mem));
	check_log(self->vm, 0, PAGES, 1);
	run(self->vcpu, guest_write, 0, PAGES, 1);
	memset(map, 0xff, sizeof(map));
	ASSERT_EQ(0, clear_log_err(self->vm, SLOT, 0, PAGES, map));
	check_log(self->vm, 0, 0, 1);
	run(self->vcpu, guest_write, 7, 100, 9);
	check_log(self->vm, 7, 100, 9);
}

/*
 * Migration: the guest writes all the time, its memory is copied by the log.
 * After the last round, with the guest stopped, the copy is the memory.
 */
static void guest_churn(u64 seed)
{
	volatile u64 *stop = (u64 *)G_DATA;
	u64 n = 0;

	while (!*stop) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		n++;
		*(volatile u64 *)(BASE + (seed >> 33) % PAGES * PAGE_4K +
				  (seed >> 20 & 0xff8)) = seed + n;
	}
	GUEST_RETURN(n);
}

static void *churn_thread(void *arg)
{
	expect_done(arg);
	return NULL;
}

static void copy_dirty(struct vm *vm, char *mem, char *copy, bool manual)
{
	u64 map[WORDS];

	require(!get_log_err(vm, SLOT, map));
	if (manual)
		require(!clear_log_err(vm, SLOT, 0, PAGES, map));
	for (int i = 0; i < PAGES; i++)
		if (bit(map, i))
			memcpy(copy + i * PAGE_4K, mem + i * PAGE_4K, PAGE_4K);
}

static void churn(struct __test_metadata *_metadata, struct vm *vm,
		  struct vcpu **vcpu, unsigned int n, char *mem, bool manual)
{
	volatile u64 *stop = vm_hva(vm, G_DATA);
	char *copy = mem_anon(PAGES * PAGE_4K, false);
	pthread_t t[2];

	ASSERT_EQ(0, vm_set_region(vm, SLOT, LOG, BASE, PAGES * PAGE_4K, mem));
	memcpy(copy, mem, PAGES * PAGE_4K);
	*stop = 0;
	for (unsigned int i = 0; i < n; i++) {
		vcpu_set_entry(vcpu[i], guest_churn);
		vcpu_args(vcpu[i], 1, 12345ull + i);
		t[i] = vcpu_thread(vcpu[i], churn_thread);
	}
	for (int i = 0; i < 60; i++) {
		usleep(i * 30);
		copy_dirty(vm, mem, copy, manual);
	}
	*stop = 1;
	for (unsigned int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	copy_dirty(vm, mem, copy, manual);
	for (int i = 0; i < PAGES; i++)
		if (memcmp(copy + i * PAGE_4K, mem + i * PAGE_4K, PAGE_4K))
			die("page %d differs", i);
	check_log(vm, 0, 0, 1);
	EXPECT_EQ(0, kvm_audit());
}

TEST_F(dirty_log, concurrent_writer)
{
	churn(_metadata, self->vm, &self->vcpu, 1, self->mem, false);
}

TEST_F(dirty_log, concurrent_writers_manual)
{
	struct vcpu *v[2] = { self->vcpu };

	if (kvm_check(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) < 1)
		skip_test("no KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	v[1] = vcpu_new(self->vm, 1, NULL);
	ASSERT_EQ(0, enable_manual(self->vm, 1));
	churn(_metadata, self->vm, v, 2, self->mem, true);
}

/* More first writes than the CPU's own log (PML) holds */
TEST_F(dirty_log, log_of_the_cpu_fills)
{
	u64 size = PAGES * PAGE_4K;

	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, LOG, BASE, size, self->mem));
	for (int i = 0; i < 4; i++) {
		run(self->vcpu, guest_write, 0, PAGES, 1);
		check_log(self->vm, 0, PAGES, 1);
	}
	run(self->vcpu, guest_write, 0, 512, 1);
	check_log(self->vm, 0, 512, 1);
	run(self->vcpu, guest_write, 0, 511, 1);
	check_log(self->vm, 0, 511, 1);
	run(self->vcpu, guest_write, 0, 513, 1);
	check_log(self->vm, 0, 513, 1);
}

TEST_HARNESS_MAIN
