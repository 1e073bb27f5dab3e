// SPDX-License-Identifier: GPL-2.0-only
/* Pages of 2M and 1G: used where the host has them, split when it splits. */

#define BASE	0x40000000ull	/* 1G aligned */
#define SLOT	5
#define SIZE	(4 * PAGE_2M)
#define PAGES	(SIZE / PAGE_4K)

#include "fill.h"

GUEST_SUITE(large_pages)

static char *huge_mem(struct vm *vm, struct vcpu *v)
{
	char *mem = mem_anon(SIZE, true);

	memset(mem, 0, SIZE);
	require(!vm_set_region(vm, SLOT, 0, BASE, SIZE, mem));
	fill(v, 5);
	return mem;
}

#define need_huge(mem) do {						\
	if (!host_huge(mem, SIZE))					\
		skip_test("the host has no transparent huge pages");	\
} while (0)

TEST_F(large_pages, transparent)
{
	char *mem = huge_mem(self->vm, self->vcpu);

	need_huge(mem);
	if (variant->kind == KVM_MMU_KIND_EPT && on_our_module())
		EXPECT_EQ(4, mmu_stat("pages_2m"));
	ASSERT_EQ(0, wrong(self->vcpu, 5));
}

/* The slot's guest address or its ends do not fit a large page */
TEST_F(large_pages, misaligned)
{
	char *mem = mem_anon(SIZE, true);

	memset(mem, 0, SIZE);
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE,
				   SIZE - PAGE_4K, mem + PAGE_4K));
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT + 1, 0,
				   BASE + SIZE - PAGE_4K, PAGE_4K, mem));
	fill(self->vcpu, 5);
	for (u64 i = 0; i < PAGES - 1; i++)
		ASSERT_EQ(5 + i, *(u64 *)(mem + (i + 1) * PAGE_4K));
	if (on_our_module())
		EXPECT_GE(0, mmu_stat("pages_2m"));
	EXPECT_EQ(0, kvm_audit());
}

TEST_F(large_pages, cut_ends)
{
	char *mem = mem_anon(SIZE + 2 * PAGE_2M, true);

	memset(mem, 0, SIZE + 2 * PAGE_2M);
	/* begins one page into a large page, ends one page before the end */
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE + PAGE_4K,
				   SIZE - 2 * PAGE_4K, mem + PAGE_4K));
	ASSERT_EQ(0, vm_set_region(self->vm, 7, 0, BASE, PAGE_4K,
				   mem + SIZE));
	ASSERT_EQ(0, vm_set_region(self->vm, 8, 0, BASE + SIZE - PAGE_4K,
				   PAGE_4K, mem + SIZE + PAGE_4K));
	fill(self->vcpu, 9);
	ASSERT_EQ(0, wrong(self->vcpu, 9));
	ASSERT_EQ(9, *(u64 *)(mem + SIZE));
	ASSERT_EQ(0, *(u64 *)mem);
	if (variant->kind == KVM_MMU_KIND_EPT && on_our_module() &&
	    host_huge(mem, SIZE))
		EXPECT_EQ(2, mmu_stat("pages_2m"));
	EXPECT_EQ(0, kvm_audit());
}

TEST_F(large_pages, split_by_the_host)
{
	char *mem = huge_mem(self->vm, self->vcpu);

	need_huge(mem);
	/* protecting, discarding and unmapping a part splits the page */
	require(!mprotect(mem + 3 * PAGE_4K, PAGE_4K, PROT_READ));
	EXPECT_EQ(0, kvm_audit());
	ASSERT_EQ(0, wrong(self->vcpu, 5));
	require(!madvise(mem + PAGE_2M + PAGE_4K, PAGE_4K, MADV_DONTNEED));
	EXPECT_EQ(0, kvm_audit());
	ASSERT_EQ(1, wrong(self->vcpu, 5));
	require(!mprotect(mem, SIZE, PROT_READ | PROT_WRITE));
	fill(self->vcpu, 6);
	ASSERT_EQ(0, wrong(self->vcpu, 6));
	for (u64 i = 0; i < PAGES; i++)
		ASSERT_EQ(6 + i, *(u64 *)(mem + i * PAGE_4K));
}

/* Small pages that the guest uses become a large one */
TEST_F(large_pages, collapsed_by_the_host)
{
	char *mem = mem_anon(SIZE, true);

	madvise(mem, SIZE, MADV_NOHUGEPAGE);
	memset(mem, 0, SIZE);
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, SIZE, mem));
	fill(self->vcpu, 1);
	if (on_our_module())
		EXPECT_EQ(0, mmu_stat("pages_2m"));
	madvise(mem, SIZE, MADV_HUGEPAGE);
	if (madvise(mem, SIZE, 25 /* MADV_COLLAPSE */))
		skip_test("the host has no MADV_COLLAPSE");
	EXPECT_EQ(0, kvm_audit());
	ASSERT_EQ(0, wrong(self->vcpu, 1));
	fill(self->vcpu, 2);
	ASSERT_EQ(0, wrong(self->vcpu, 2));
	if (variant->kind == KVM_MMU_KIND_EPT && on_our_module())
		EXPECT_EQ(4, mmu_stat("pages_2m"));
}

/* The host wants its caches back, page tables of guests among them */
TEST_F(large_pages, tables_given_back)
{
	long before, after;

	vm_add_mem(self->vm, SLOT, BASE, SIZE, 0);
	fill(self->vcpu, 4);
	before = mmu_stat("table_pages");
	if (before < 0)
		skip_test("nothing tells the number of tables");
	drop_tables();
	after = mmu_stat("table_pages");
	EXPECT_GE(before - 4, after);
	EXPECT_EQ(0, kvm_audit());
	ASSERT_EQ(0, wrong(self->vcpu, 4));
	EXPECT_LT(after, mmu_stat("table_pages"));
}

/* Reserve pages of this size in the host; false: it cannot */
static bool reserve(u64 size, unsigned int n)
{
	char path[128];
	unsigned int have = 0;
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages",
		 size / 1024);
	f = fopen(path, "r+");
	if (!f)
		return false;
	fprintf(f, "%u\n", n);
	fflush(f);
	rewind(f);
	if (fscanf(f, "%u", &have) != 1)
		have = 0;
	fclose(f);
	return have >= n;
}

static void *hugetlb(u64 size, unsigned int bits)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
		       (bits << MAP_HUGE_SHIFT), -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

TEST_F(large_pages, hugetlb_2m)
{
	char *mem;

	if (!reserve(PAGE_2M, 4))
		skip_test("the host cannot reserve 2M pages");
	mem = hugetlb(SIZE, 21);
	require(mem);
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, SIZE, mem));
	fill(self->vcpu, 3);
	ASSERT_EQ(0, wrong(self->vcpu, 3));
	if (variant->kind == KVM_MMU_KIND_EPT && on_our_module())
		EXPECT_EQ(4, mmu_stat("pages_2m"));
	EXPECT_EQ(0, kvm_audit());
	require(!munmap(mem, SIZE));
	EXPECT_EQ(0, kvm_audit());
	reserve(PAGE_2M, 0);
}

TEST_F(large_pages, hugetlb_1g)
{
	char *mem;

	if (!reserve(PAGE_1G, 1))
		skip_test("the host cannot reserve a 1G page");
	/* and keeps it: once given up it cannot be had again */
	mem = hugetlb(PAGE_1G, 30);
	require(mem);
	ASSERT_EQ(0, vm_set_region(self->vm, SLOT, 0, BASE, PAGE_1G, mem));
	fill(self->vcpu, 3);
	ASSERT_EQ(0, wrong(self->vcpu, 3));
	if (variant->kind == KVM_MMU_KIND_EPT && on_our_module())
		EXPECT_EQ(1, mmu_stat("pages_1g") + !GUEST_HAS_1G());
	EXPECT_EQ(0, kvm_audit());
	require(!munmap(mem, PAGE_1G));
	EXPECT_EQ(0, kvm_audit());
}

TEST_HARNESS_MAIN
