// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs of different kinds of MMU at the same time: on one CPU in turn, at once,
 * and over the same memory of the host. Runs once, for it chooses the kinds.
 */
#include "kvmtest.h"
#include <stdatomic.h>

#define BASE	0x20000000ull
#define SLOT	5
#define PAGES	256
#define SIZE	(PAGES * PAGE_4K)
#define VIRT	(1ull << 39)	/* where the guest's own tables map it again */

FIXTURE(kinds) {
	struct vm *vm[2];
	char *mem;
};

FIXTURE_SETUP(kinds)
{
	const unsigned int kind[] = { KVM_MMU_KIND_EPT, KVM_MMU_KIND_SHADOW };

	self->mem = NULL;
	if (!on_our_module() || !mmu_kind_available(kind[0]) ||
	    !mmu_kind_available(kind[1]))
		skip_test("not both kinds of MMU here");
	self->mem = mem_anon(SIZE, false);
	for (int i = 0; i < 2; i++) {
		struct vm *vm = vm_new(kind[i]);

		require(!vm_set_region(vm, SLOT, 0, BASE, SIZE, self->mem));
		for (u64 k = 0; k < PAGES; k++)
			pt_map(&vm->pt, VIRT + k * PAGE_4K,
			       BASE + (PAGES - 1 - k) * PAGE_4K, PAGE_4K,
			       PTE_W | PTE_A | PTE_D);
		vcpu_new(vm, 0, NULL);
		self->vm[i] = vm;
	}
}

FIXTURE_TEARDOWN(kinds)
{
	if (!self->mem)
		return;
	EXPECT_EQ(0, kvm_audit());
	for (int i = 0; i < 2; i++)
		vm_free(self->vm[i]);
}

/* ---- guest ------------------------------------------------------------------- */

/*
 * In rounds: all pages hold what the other VM left there. They are written and
 * read back through the other address, whose entries change meanwhile.
 */
static void guest_rounds(u64 mine, u64 theirs, u64 first, u64 rounds)
{
	for (u64 r = first; r < first + rounds; r++) {
		for (u64 k = 0; k < PAGES; k++) {
			volatile u64 *p = (u64 *)(BASE + k * PAGE_4K);
			volatile u64 *q = (u64 *)(VIRT + (PAGES - 1 - k) *
						  PAGE_4K);

			GUEST_ASSERT_EQ(*q, r ? theirs + r - 1 + k : 0);
			*p = mine + r + k;
			GUEST_ASSERT_EQ(*q, mine + r + k);
		}
		write_cr3(read_cr3());
		GUEST_SYNC(r);
	}
	GUEST_DONE();
}

/* Counts in pages that no other VM touches */
static void guest_count(u64 first, u64 rounds)
{
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = first; k < PAGES; k += 2) {
			volatile u64 *p = (u64 *)(BASE + k * PAGE_4K);
			volatile u64 *q = (u64 *)(VIRT + (PAGES - 1 - k) *
						  PAGE_4K);

			GUEST_ASSERT_EQ(*q, r);
			*p = r + 1;
			GUEST_ASSERT_EQ(*q, r + 1);
		}
		write_cr3(read_cr3());
	}
	GUEST_DONE();
}

/* ---- tests ------------------------------------------------------------------- */

static void start_rounds(struct vm **vm, u64 rounds)
{
	for (int i = 0; i < 2; i++) {
		vcpu_set_entry(vm[i]->vcpus[0], guest_rounds);
		/* the first VM reads what the second wrote the round before */
		vcpu_args(vm[i]->vcpus[0], 4, 1000000ull * (i + 1),
			  i ? 1000000ull : 2000000ull, (u64)i, rounds);
	}
}

/* Turn by turn on one CPU, over the same memory */
TEST_F(kinds, in_turn)
{
	start_rounds(self->vm, 10);
	for (u64 r = 0; r < 10; r++) {
		expect_sync(self->vm[0]->vcpus[0], r);
		if (r == 3)
			EXPECT_EQ(0, kvm_audit());
		expect_sync(self->vm[1]->vcpus[0], r + 1);
		/* as the first one is to find it */
		for (u64 k = 0; k < PAGES; k++)
			*(u64 *)(self->mem + k * PAGE_4K) -= 1;
	}
	for (int i = 0; i < 2; i++)
		expect_done(self->vm[i]->vcpus[0]);
}

/* At once, while the host does things to the memory of both */
static void at_once(struct vm **vm, char *mem, int what, u64 rounds)
{
	unsigned int times = 0;
	pthread_t t[2];

	memset(mem, 0, SIZE);
	for (u64 i = 0; i < 2; i++) {
		vcpu_set_entry(vm[i]->vcpus[0], guest_count);
		vcpu_args(vm[i]->vcpus[0], 2, i, rounds);
		t[i] = vcpu_thread_done(vm[i]->vcpus[0]);
	}
	while (vcpus_not_done) {
		if (what == 0) {
			madvise(mem, SIZE, MADV_PAGEOUT);
		} else if (what == 1) {
			drop_tables();
		} else {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		if (++times % 8 == 0)
			require(!kvm_audit());
		usleep(what == 2 ? 5000 : 300);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	fprintf(stderr, "# %u times\n", times);
	for (u64 k = 0; k < PAGES; k++)
		require(*(u64 *)(mem + k * PAGE_4K) == rounds);
}

TEST_F_TIMEOUT(kinds, at_once_paged_out, 60)
{
	swap_on();
	at_once(self->vm, self->mem, 0, 60);
}

TEST_F_TIMEOUT(kinds, at_once_tables_reclaimed, 60)
{
	at_once(self->vm, self->mem, 1, 60);
}

TEST_F_TIMEOUT(kinds, at_once_forked, 60)
{
	at_once(self->vm, self->mem, 2, 60);
}

/* One goes while the other runs */
TEST_F(kinds, one_goes)
{
	for (int i = 0; i < 4; i++) {
		struct vm *vm = vm_new(i & 1 ? KVM_MMU_KIND_EPT :
				       KVM_MMU_KIND_SHADOW);
		struct vcpu *vcpu;
		char *mem;

		vcpu = vcpu_new(vm, 0, guest_count);
		mem = vm_add_mem(vm, SLOT, BASE, SIZE, 0);
		for (u64 k = 0; k < PAGES; k++)
			pt_map(&vm->pt, VIRT + k * PAGE_4K,
			       BASE + (PAGES - 1 - k) * PAGE_4K, PAGE_4K,
			       PTE_W | PTE_A | PTE_D);
		vcpu_args(vcpu, 2, 0ull, 3ull);
		expect_done(vcpu);
		for (u64 k = 0; k < PAGES; k++)
			ASSERT_EQ(k & 1 ? 0 : 3, *(u64 *)(mem + k * PAGE_4K));
		vm_free(vm);
		memset(self->mem, 0, SIZE);
		for (int k = 0; k < 2; k++) {
			vcpu_set_entry(self->vm[k]->vcpus[0], guest_count);
			vcpu_args(self->vm[k]->vcpus[0], 2, (u64)k, 3ull);
			expect_done(self->vm[k]->vcpus[0]);
		}
		EXPECT_EQ(0, kvm_audit());
	}
}

TEST_HARNESS_MAIN
