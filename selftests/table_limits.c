// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that make long what the host has to go through: one page mapped
 * thousands of times, a table hung in thousands of times, a thousand tables
 * written to before one flush, more tables than the VM may have. Whatever the
 * host gives up in order to keep that short, the guest must not see.
 */
#include "kvmtest.h"
#include <assert.h>

KIND_SUITE(table_limits)

/* What shadow paging bounds (shadow/shadow.h) */
#define RMAP_MAX	1024
#define UNSYNC_MAX	1024
#define UNSYNC_FAST	32
#define RECLAIM_MAX	256

#define AREA	0x30000000ull		/* guest-physical: all of it */
#define PAGES	(AREA)			/* memory that is mapped ... */
#define NR_PAGES	16
#define UPPER	(AREA + NR_PAGES * PAGE_4K)	/* PDPT and PDs */
#define NR_PDS	5
#define PDPT	UPPER
#define PD(i)	(UPPER + (1 + (i)) * PAGE_4K)
#define PTS	(UPPER + (1 + NR_PDS) * PAGE_4K)
#define PT(k)	(PTS + (k) * PAGE_4K)
#define MAX_PTS	(NR_PDS * 512ull)
#define AREA_SIZE	(PT(MAX_PTS) - AREA)

#define VIRT	(1ull << 39)
#define AT(k, i)	(VIRT + (k) * 512ull * PAGE_4K + (i) * PAGE_4K)

#define RW	(PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

static u64 *entry(struct vm *vm, u64 table, unsigned int i)
{
	return (u64 *)vm_hva(vm, table) + i;
}

/* @nr tables; entry i of table k maps page (i + k * step) % pages */
static struct vm *tables_vm(unsigned int kind, u64 nr, u64 step, u64 pages)
{
	struct vm *vm = vm_new(kind);

	require(nr <= MAX_PTS && pages <= NR_PAGES);
	vm_add_mem(vm, 6, AREA, AREA_SIZE, 0);
	*entry(vm, vm->pt.root, 1) = PDPT | RW;
	for (u64 k = 0; k < nr; k += 512)
		*entry(vm, PDPT, k / 512) = PD(k / 512) | RW;
	for (u64 k = 0; k < nr; k++) {
		*entry(vm, PD(k / 512), k % 512) = PT(k) | RW;
		for (u64 i = 0; i < 512; i++)
			*entry(vm, PT(k), i) = (PAGES + (i + k * step) % pages *
						PAGE_4K) | RW;
	}
	for (u64 i = 0; i < NR_PAGES; i++)
		*entry(vm, PAGES + i * PAGE_4K, 0) = i;
	vcpu_new(vm, 0, NULL);
	return vm;
}

static void run(struct vm *vm, void *fn, u64 a, u64 b)
{
	vcpu_set_entry(vm->vcpus[0], fn);
	vcpu_args(vm->vcpus[0], 2, a, b);
}

static u64 read_at(u64 addr)
{
	return *(volatile u64 *)addr;
}

static void write_at(u64 addr, u64 value)
{
	*(volatile u64 *)addr = value;
}

/* ---- long lists ------------------------------------------------------------------ */

/* Every entry maps page 0 */
static void guest_one_page(u64 nr)
{
	u64 n = 0;

	for (u64 r = 0; r < 2; r++) {
		for (u64 k = 0; k < nr; k++) {
			for (u64 i = 0; i < 512; i++, n++) {
				GUEST_ASSERT_EQ(read_at(AT(k, i)), n);
				write_at(AT(k, i), n + 1);
			}
		}
		GUEST_SYNC(r);
	}
	/* it becomes a table: none of them may write to it unseen */
	write_at(PAGES, 0);
	write_at(PAGES, (PAGES + PAGE_4K) | RW);
	write_at(PD(nr / 512) + nr % 512 * 8, PAGES | RW);
	GUEST_ASSERT_EQ(read_at(AT(nr, 0)), 1);
	write_at(AT(0, 511), (PAGES + 2 * PAGE_4K) | RW);
	invlpg(AT(nr, 0));
	GUEST_ASSERT_EQ(read_at(AT(nr, 0)), 2);
	write_at(AT(nr - 1, 511), (PAGES + 3 * PAGE_4K) | RW);
	write_cr3(read_cr3());
	GUEST_ASSERT_EQ(read_at(AT(nr, 0)), 3);
	GUEST_DONE();
}

TEST_F(table_limits, page_mapped_everywhere)
{
	const u64 nr = 8;
	struct vm *vm = tables_vm(variant->kind, nr, 0, 1);
	struct vcpu *v = vm->vcpus[0];
	long before = mmu_stat("pages_4k");

	run(vm, guest_one_page, nr, 0);
	for (u64 r = 0; r < 2; r++) {
		expect_sync(v, r);
		require(!kvm_audit());
		if (variant->kind != KVM_MMU_KIND_SHADOW || before < 0)
			continue;
		/* the guest's own program and stack have some, too */
		EXPECT_GE(before + RMAP_MAX + 256, mmu_stat("pages_4k"));
		EXPECT_LE(RMAP_MAX / 2, mmu_stat("pages_4k"));
	}
	expect_done(v);
	require(!kvm_audit());
	vm_free(vm);
}

/* Every entry of the directories points to one table */
static void guest_one_table(u64 nr)
{
	for (u64 r = 0; r < 3; r++) {
		for (u64 k = 0; k < nr; k++)
			GUEST_ASSERT_EQ(read_at(AT(k, 1)), 1 + r);
		/* seen through all of them after a flush */
		write_at(PT(0) + 8, (PAGES + (2 + r) * PAGE_4K) | RW);
		write_cr3(read_cr3());
		GUEST_SYNC(r);
	}
	GUEST_DONE();
}

TEST_F(table_limits, table_linked_everywhere)
{
	const u64 nr = 2000;
	struct vm *vm = tables_vm(variant->kind, nr, 0, NR_PAGES);

	for (u64 k = 0; k < nr; k++)
		*entry(vm, PD(k / 512), k % 512) = PT(0) | RW;
	run(vm, guest_one_table, nr, 0);
	for (u64 r = 0; r < 3; r++) {
		expect_sync(vm->vcpus[0], r);
		require(!kvm_audit());
	}
	expect_done(vm->vcpus[0]);
	vm_free(vm);
}

/* ---- tables written to before a flush ---------------------------------------------- */

/* All are in use; entry 0 of each maps another page each round */
static void guest_edit_all(u64 nr, u64 rounds)
{
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = 0; k < nr; k++)
			GUEST_ASSERT_EQ(read_at(AT(k, 0)), (k + r) % NR_PAGES);
		for (u64 k = 0; k < nr; k++)
			write_at(PT(k), (PAGES + (k + r + 1) % NR_PAGES *
					 PAGE_4K) | RW);
		GUEST_SYNC(r);
		/* one by one, then all: what INVLPG left alone is stale or not */
		for (u64 k = 0; k < nr; k += 100) {
			invlpg(AT(k, 0));
			GUEST_ASSERT_EQ(read_at(AT(k, 0)),
					(k + r + 1) % NR_PAGES);
		}
		write_cr3(read_cr3());
	}
	for (u64 k = 0; k < nr; k++)
		GUEST_ASSERT_EQ(read_at(AT(k, 0)), (k + rounds) % NR_PAGES);
	GUEST_DONE();
}

static void edit_all(struct __test_metadata *_metadata, unsigned int kind,
		     u64 nr, u64 rounds)
{
	struct vm *vm = tables_vm(kind, nr, 1, NR_PAGES);
	long unsync;

	run(vm, guest_edit_all, nr, rounds);
	for (u64 r = 0; r < rounds; r++) {
		expect_sync(vm->vcpus[0], r);
		require(!kvm_audit());
		unsync = mmu_stat("unsync");
		if (kind != KVM_MMU_KIND_SHADOW || unsync < 0)
			continue;
		EXPECT_GE(UNSYNC_MAX, unsync);
		if (nr > UNSYNC_MAX)
			EXPECT_LT(UNSYNC_MAX / 2, unsync);
	}
	expect_done(vm->vcpus[0]);
	require(!kvm_audit());
	vm_free(vm);
}

TEST_F(table_limits, many_tables_edited)
{
	edit_all(_metadata, variant->kind, UNSYNC_MAX + 300, 2);
}

/* About as many as are synchronised right after the exit */
TEST_F(table_limits, some_tables_edited)
{
	for (u64 nr = UNSYNC_FAST - 2; nr < UNSYNC_FAST + 3; nr++)
		edit_all(_metadata, variant->kind, nr, 3);
}

/*
 * Two CPUs, each with tables of its own and tables that both write to, in root
 * tables of their own: each sees what it or the other has written before its CR3
 * load.
 */
static u64 phase[2];

static void meet(u64 me, u64 n)
{
	__atomic_store_n(&phase[me], n, __ATOMIC_RELEASE);
	while (__atomic_load_n(&phase[!me], __ATOMIC_ACQUIRE) < n)
		asm volatile("pause");
}

static void guest_edit_two(u64 me, u64 root, u64 nr, u64 rounds)
{
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = me; k < nr; k += 2) {
			write_at(PT(k) + 8, (PAGES + (k + r) % NR_PAGES *
					     PAGE_4K) | RW);
			write_cr3(root);
			GUEST_ASSERT_EQ(read_at(AT(k, 1)), (k + r) % NR_PAGES);
		}
		meet(me, 2 * r + 1);
		/* what the other has written is seen after a load of CR3 */
		write_cr3(root);
		for (u64 k = 0; k < nr; k++)
			GUEST_ASSERT_EQ(read_at(AT(k, 1)), (k + r) % NR_PAGES);
		meet(me, 2 * r + 2);
	}
	GUEST_DONE();
}

static void edit_two(unsigned int kind, u64 nr, u64 rounds)
{
	struct vm *vm = tables_vm(kind, nr, 1, NR_PAGES);
	long before;
	pthread_t t;

	vcpu_new(vm, 1, NULL);
	phase[0] = 0;
	phase[1] = 0;
	sync_to_guest(vm, phase);
	for (u64 n = 0; n < 2; n++) {
		u64 root = pt_alloc(vm);

		*entry(vm, root, 0) = *entry(vm, vm->pt.root, 0);
		*entry(vm, root, 1) = PDPT | RW;
		vcpu_set_entry(vm->vcpus[n], guest_edit_two);
		vcpu_args(vm->vcpus[n], 4, n, root, nr, rounds);
	}
	before = mmu_stat("flushes");
	t = vcpu_thread_done(vm->vcpus[1]);
	expect_done(vm->vcpus[0]);
	pthread_join(t, NULL);
	if (before >= 0)
		fprintf(stderr, "# %lu loads of CR3 or so: %ld flushes\n",
			(nr + 2) * rounds, mmu_stat("flushes") - before);
	require(!kvm_audit());
	vm_free(vm);
}

TEST_F(table_limits, two_cpus_edit)
{
	edit_two(variant->kind, 2, 300);
	edit_two(variant->kind, 20, 20);
}

/* ---- more tables than there may be --------------------------------------------------- */

static void guest_use_all(u64 nr, u64 rounds)
{
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = 0; k < nr; k++)
			GUEST_ASSERT_EQ(read_at(AT(k, r)),
					(k + r) % NR_PAGES);
		GUEST_SYNC(r);
	}
	GUEST_DONE();
}

TEST_F_TIMEOUT(table_limits, limit_is_kept, 120)
{
	/* an eighth would be more than what goes in one step */
	const long limit = MAX_PTS - 100;
	struct vm *vm = tables_vm(variant->kind, MAX_PTS, 1, NR_PAGES);
	bool shadow = variant->kind == KVM_MMU_KIND_SHADOW && on_our_module();

	static_assert((MAX_PTS - 100) / 8 > RECLAIM_MAX, "not the bound");
	if (ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, limit))
		skip_test("no limit can be set");
	EXPECT_EQ(limit, ioctl(vm->fd, KVM_GET_NR_MMU_PAGES));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, 63));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(limit, ioctl(vm->fd, KVM_GET_NR_MMU_PAGES));

	run(vm, guest_use_all, MAX_PTS, 3);
	for (u64 r = 0; r < 3; r++) {
		expect_sync(vm->vcpus[0], r);
		require(!kvm_audit());
		if (shadow) {
			EXPECT_GE(limit, mmu_stat("table_pages"));
			/* as many as one step takes, and those not freed yet */
			EXPECT_LE(limit - RECLAIM_MAX - 128,
				  mmu_stat("table_pages"));
		}
		if (r < 1)
			continue;
		/* fewer at once */
		EXPECT_EQ(0, ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, 100));
		EXPECT_EQ(100, ioctl(vm->fd, KVM_GET_NR_MMU_PAGES));
		if (shadow)
			EXPECT_GE(100, mmu_stat("table_pages"));
		require(!kvm_audit());
		EXPECT_EQ(0, ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, limit));
	}
	expect_done(vm->vcpus[0]);
	vm_free(vm);
}

TEST_HARNESS_MAIN
