// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_DIRTY_LOG_RING: each written page comes into a ring, once. */
#include "kvmtest.h"
#include <stdatomic.h>

#define BASE	0x20000000ull
#define SLOT	5
#define PAGES	4096ull
#define LOG	KVM_MEM_LOG_DIRTY_PAGES
#define BYTES	16384u		/* of a ring: the smallest */
#define ENTRIES	(BYTES / sizeof(struct kvm_dirty_gfn))

FIXTURE(dirty_ring) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_dirty_gfn *ring;
	char *mem;
	u32 next;		/* in the ring */
	u8 seen[PAGES];		/* how often each page came */
};

KIND_VARIANTS(dirty_ring)

static int enable(struct vm *vm, u32 nr, u64 bytes)
{
	struct kvm_enable_cap cap = { .cap = nr, .args = { bytes } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

static struct kvm_dirty_gfn *map_ring(struct vcpu *v)
{
	void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		       KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_4K);

	require(p != MAP_FAILED);
	return p;
}

FIXTURE_SETUP(dirty_ring)
{
	if (!kvm_check(KVM_CAP_DIRTY_LOG_RING))
		skip_test("no dirty ring");
	self->vm = vm_new(variant->kind);
	require(!enable(self->vm, KVM_CAP_DIRTY_LOG_RING, BYTES));
	self->vcpu = vcpu_new(self->vm, 0, NULL);
	self->ring = map_ring(self->vcpu);
	self->mem = mem_anon(PAGES * PAGE_4K, false);
	memset(self->mem, 1, PAGES * PAGE_4K);
	require(!vm_set_region(self->vm, SLOT, LOG, BASE, PAGES * PAGE_4K,
			       self->mem));
}

FIXTURE_TEARDOWN(dirty_ring)
{
	EXPECT_EQ(0, kvm_audit());
	munmap(self->ring, BYTES);
	vm_free(self->vm);
	munmap(self->mem, PAGES * PAGE_4K);
}

/* Take what there is; pages of other slots are not logged */
static unsigned int harvest(struct _test_data_dirty_ring *self)
{
	unsigned int n;

	for (n = 0; n < ENTRIES; n++, self->next++) {
		struct kvm_dirty_gfn *e = &self->ring[self->next % ENTRIES];

		if (atomic_load_explicit((_Atomic u32 *)&e->flags,
					 memory_order_acquire) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			break;
		require(e->slot == SLOT && e->offset < PAGES);
		self->seen[e->offset]++;
		atomic_store_explicit((_Atomic u32 *)&e->flags,
				      KVM_DIRTY_GFN_F_RESET,
				      memory_order_release);
	}
	return n;
}

static int reset(struct vm *vm)
{
	return ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0);
}

static void guest_write(u64 first, u64 n, u64 step)
{
	for (; n; n--, first += step)
		(*(volatile u64 *)(BASE + first * PAGE_4K))++;
	GUEST_DONE();
}

static void start(struct vcpu *v, u64 first, u64 n, u64 step)
{
	vcpu_set_entry(v, guest_write);
	vcpu_args(v, 3, first, n, step);
}

/* ---- arguments ------------------------------------------------------------------- */

TEST_F(dirty_ring, arguments)
{
	struct kvm_dirty_log log = { .slot = SLOT };
	struct kvm_clear_dirty_log clear = { .slot = SLOT };
	struct vm *vm = vm_new(variant->kind);
	u64 max = kvm_check(KVM_CAP_DIRTY_LOG_RING);
	void *p;

	EXPECT_EQ(max, vm_check(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, 0));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, 4095));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, 4096));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, 3 * BYTES));
	EXPECT_EQ(E2BIG, enable(vm, KVM_CAP_DIRTY_LOG_RING, 2 * max));
	EXPECT_EQ(E2BIG, enable(vm, KVM_CAP_DIRTY_LOG_RING, 1ull << 63));
	EXPECT_EQ(-1, reset(vm));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, enable(vm, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, max));
	/* once, and not together with the other way to log */
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, BYTES));
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 3));
	EXPECT_EQ(0, reset(vm));
	vm_free(vm);
	vm = vm_new(variant->kind);
	vcpu_new(vm, 0, NULL);
	EXPECT_EQ(EINVAL, enable(vm, KVM_CAP_DIRTY_LOG_RING, BYTES));
	/* a vCPU without a ring */
	p = mmap(NULL, PAGE_4K, PROT_READ, MAP_SHARED, vm->vcpus[0]->fd,
		 KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_4K);
	if (p != MAP_FAILED)
		munmap(p, PAGE_4K);
	vm_free(vm);

	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE,
				   self->vcpu->fd,
				   KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_4K));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, BYTES, PROT_READ | PROT_EXEC,
				   MAP_SHARED, self->vcpu->fd,
				   KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_4K));
	/* nor where it begins before the ring and ends behind it */
	if (on_our_module())
		EXPECT_EQ(MAP_FAILED,
			  mmap(NULL, BYTES + 2 * PAGE_4K, PROT_READ,
			       MAP_PRIVATE, self->vcpu->fd,
			       (KVM_DIRTY_LOG_PAGE_OFFSET - 1) * PAGE_4K));
}

/* ---- what comes -------------------------------------------------------------------- */

TEST_F(dirty_ring, each_page_once)
{
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		memset(self->seen, 0, sizeof(self->seen));
		start(self->vcpu, 7, 50, 3);
		expect_done(self->vcpu);
		/* again, before anybody has looked */
		start(self->vcpu, 7, 50, 3);
		expect_done(self->vcpu);
		ASSERT_EQ(50, harvest(self));
		for (i = 0; i < PAGES; i++)
			ASSERT_EQ(i >= 7 && i < 157 && (i - 7) % 3 == 0,
				  self->seen[i]);
		/* what is harvested and not given back does not come again */
		start(self->vcpu, 7, 50, 3);
		expect_done(self->vcpu);
		ASSERT_EQ(0, harvest(self));
		ASSERT_EQ(50, reset(self->vm));
		ASSERT_EQ(0, reset(self->vm));
	}
}

/* Full, again and again: none is lost */
TEST_F(dirty_ring, full)
{
	unsigned int fulls = 0, i, total = 0;

	start(self->vcpu, 0, PAGES, 1);
	while (vcpu_run(self->vcpu) == KVM_EXIT_DIRTY_RING_FULL) {
		/* it stays full until places are given back */
		ASSERT_EQ(KVM_EXIT_DIRTY_RING_FULL, vcpu_run(self->vcpu));
		ASSERT_LT(0, (int)harvest(self));
		if (fulls & 1)
			ASSERT_EQ(KVM_EXIT_DIRTY_RING_FULL,
				  vcpu_run(self->vcpu));
		i = reset(self->vm);
		ASSERT_LT(0, (int)i);
		total += i;
		fulls++;
	}
	ASSERT_EQ(UCALL_DONE, self->vcpu->uc_cmd);
	ASSERT_LE(3, fulls);
	harvest(self);
	total += reset(self->vm);
	for (i = 0; i < PAGES; i++)
		ASSERT_LE(1, self->seen[i]);
	ASSERT_LE(PAGES, total);
}

/* A ring whose contents user space has made up */
TEST_F(dirty_ring, spoiled)
{
	unsigned int i;

	start(self->vcpu, 0, 20, 1);
	expect_done(self->vcpu);
	for (i = 0; i < ENTRIES; i++) {
		self->ring[i].flags = KVM_DIRTY_GFN_F_RESET;
		self->ring[i].slot = i % 3 ? SLOT : i * 0x10001;
		self->ring[i].offset = i % 2 ? ~0ull - i : i * 1000003ull;
	}
	EXPECT_EQ(20, reset(self->vm));
	for (i = 0; i < ENTRIES; i++)
		self->ring[i].flags = 0;
	start(self->vcpu, 100, 20, 1);
	expect_done(self->vcpu);
	self->next = 20;
	EXPECT_EQ(20, harvest(self));
}

/* Slots that come and go while their pages are in the ring */
TEST_F(dirty_ring, slot_changes)
{
	start(self->vcpu, 0, 30, 1);
	expect_done(self->vcpu);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, PAGES * PAGE_4K,
			       self->mem));
	EXPECT_EQ(30, harvest(self));
	EXPECT_EQ(30, reset(self->vm));
	start(self->vcpu, 0, 30, 1);
	expect_done(self->vcpu);
	EXPECT_EQ(0, harvest(self));
	require(!vm_set_region(self->vm, SLOT, LOG, BASE, PAGES * PAGE_4K,
			       self->mem));
	start(self->vcpu, 10, 30, 1);
	expect_done(self->vcpu);
	EXPECT_EQ(30, harvest(self));
	require(!vm_set_region(self->vm, SLOT, 0, BASE, 0, self->mem));
	EXPECT_EQ(30, reset(self->vm));
}

/* ---- two vCPUs and a reaper ------------------------------------------------------------ */

static atomic_bool stop;

static void guest_forever(u64 first, u64 n)
{
	u64 i;

	for (;;) {
		for (i = first; i < first + n; i++)
			(*(volatile u64 *)(BASE + i * PAGE_4K))++;
		GUEST_SYNC(1);
	}
}

static void *keep_running(void *arg)
{
	struct vcpu *v = arg;
	u32 reason;

	while (!stop) {
		reason = vcpu_run(v);
		if (reason == KVM_EXIT_DIRTY_RING_FULL)
			sched_yield();
	}
	return NULL;
}

/* What changed since it was looked at last is in the ring */
TEST_F(dirty_ring, reaper)
{
	static u64 was[PAGES];
	unsigned int i, round, n = 0;
	pthread_t thread;

	stop = false;
	vcpu_set_entry(self->vcpu, guest_forever);
	vcpu_args(self->vcpu, 2, 0ull, 200ull);
	for (i = 0; i < PAGES; i++)
		was[i] = *(u64 *)(self->mem + i * PAGE_4K);
	thread = vcpu_thread(self->vcpu, keep_running);
	for (round = 0; round < 50; round++) {
		memset(self->seen, 0, sizeof(self->seen));
		n += harvest(self);
		reset(self->vm);
		for (i = 0; i < 200; i++)
			if (self->seen[i])
				was[i] = *(volatile u64 *)(self->mem +
							   i * PAGE_4K);
		sched_yield();
	}
	stop = true;
	pthread_join(thread, NULL);
	memset(self->seen, 0, sizeof(self->seen));
	harvest(self);
	for (i = 0; i < PAGES; i++)
		if (!self->seen[i])
			ASSERT_EQ(was[i], *(u64 *)(self->mem + i * PAGE_4K));
	EXPECT_LE(0, (int)n);
}

TEST_HARNESS_MAIN
