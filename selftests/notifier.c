// SPDX-License-Identifier: GPL-2.0-only
/* The owner's address space changes under the guest, which sees just that. */
#include <stdatomic.h>

#define BASE	0x20000000ull
#define SLOT	5
#define PAGES	512
#define SIZE	(PAGES * PAGE_4K)

#include "fill.h"

FIXTURE(notifier) {
	struct vm *vm;
	struct vcpu *vcpu;
	char *mem;
};

KIND_VARIANTS(notifier)

FIXTURE_SETUP(notifier)
{
	self->vm = vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
	self->mem = mem_anon(SIZE, false);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE, self->mem));
}

FIXTURE_TEARDOWN(notifier)
{
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

static u64 *page(char *mem, int i)
{
	return (u64 *)(mem + i * PAGE_4K);
}

/* wrong() for a guest whose pages are all zero */
static u64 nonzero(struct vcpu *v)
{
	return PAGES - 1 - wrong(v, 0) ? PAGES : 0;
}

TEST_F(notifier, dontneed)
{
	for (int i = 0; i < 5; i++) {
		fill(self->vcpu, 1000 * i + 1);
		require(!madvise(self->mem, SIZE, MADV_DONTNEED));
		EXPECT_EQ(0, kvm_audit());
		/* all zero: every page but the first is wrong */
		ASSERT_EQ(0, nonzero(self->vcpu));
	}
}

TEST_F(notifier, one_page_of_many)
{
	fill(self->vcpu, 7);
	require(!madvise(page(self->mem, 100), PAGE_4K, MADV_DONTNEED));
	ASSERT_EQ(1, wrong(self->vcpu, 7));
	*page(self->mem, 100) = 107;
	ASSERT_EQ(0, wrong(self->vcpu, 7));
}

TEST_F(notifier, mapped_anew)
{
	for (int i = 0; i < 5; i++) {
		fill(self->vcpu, 7);
		require(mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			self->mem);
		for (int j = 0; j < PAGES; j++)
			*page(self->mem, j) = 50 + j;
		ASSERT_EQ(0, wrong(self->vcpu, 50));
	}
}

TEST_F(notifier, protection)
{
	for (int i = 0; i < 3; i++) {
		fill(self->vcpu, 70 + i);
		require(!mprotect(self->mem, SIZE, PROT_READ));
		ASSERT_EQ(0, wrong(self->vcpu, 70 + i));
		vcpu_set_entry(self->vcpu, guest_fill);
		vcpu_args(self->vcpu, 1, 80ull);
		ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
		ASSERT_EQ(70 + i, *page(self->mem, 0));
		require(!mprotect(self->mem, SIZE, PROT_NONE));
		ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
		require(!mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
		expect_done(self->vcpu);
		ASSERT_EQ(0, wrong(self->vcpu, 80));
	}
}

TEST_F(notifier, unmapped)
{
	fill(self->vcpu, 1);
	require(!munmap(self->mem, SIZE));
	EXPECT_EQ(0, kvm_audit());
	vcpu_set_entry(self->vcpu, guest_check);
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
}

TEST_F(notifier, moved_by_mremap)
{
	char *to = mem_anon(SIZE, false);

	fill(self->vcpu, 1);
	require(mremap(self->mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       to) == to);
	vcpu_set_entry(self->vcpu, guest_check);
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	require(mremap(to, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       self->mem) == self->mem);
	ASSERT_EQ(0, wrong(self->vcpu, 1));
}

/* After fork() either side writes to pages of its own */
TEST_F(notifier, fork)
{
	int status, pipes[2];
	char c;

	fill(self->vcpu, 1000);
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		require(!pipe(pipes));
		pid = fork();
		require(pid >= 0);
		if (!pid) {
			/* the child waits until the guest has written */
			require(read(pipes[0], &c, 1) == 1);
			for (int j = 0; j < PAGES; j++)
				if (*page(self->mem, j) != (u64)(1000 + i + j))
					_exit(1);
			memset(self->mem, 0xee, SIZE);
			_exit(0);
		}
		EXPECT_EQ(0, kvm_audit());
		fill(self->vcpu, 1001 + i);
		require(write(pipes[1], &c, 1) == 1);
		require(waitpid(pid, &status, 0) == pid);
		ASSERT_EQ(0, status);
		ASSERT_EQ(0, wrong(self->vcpu, 1001 + i));
		close(pipes[0]);
		close(pipes[1]);
	}
}

TEST_F(notifier, file)
{
	int fd = memfd_create("guest", 0);

	require(fd >= 0);
	require(!ftruncate(fd, SIZE));
	require(mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, fd, 0) == self->mem);
	fill(self->vcpu, 9);
	ASSERT_EQ(0, wrong(self->vcpu, 9));
	/* a hole in the file, and its end */
	require(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			   PAGE_4K, 2 * PAGE_4K));
	ASSERT_EQ(2, wrong(self->vcpu, 9));
	require(!ftruncate(fd, PAGE_4K));
	vcpu_set_entry(self->vcpu, guest_check);
	/* SIGBUS for user space; whatever it is, no page appears */
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	require(!ftruncate(fd, SIZE));
	vcpu_set_entry(self->vcpu, guest_fill);
	vcpu_args(self->vcpu, 1, 60ull);
	expect_done(self->vcpu);
	for (int i = 0; i < PAGES; i++)
		ASSERT_EQ(60 + i, *page(self->mem, i));
	close(fd);
}

/* Not written by anybody but the guest since it came from the disk */
TEST_F(notifier, swap)
{
	bool have = swap_on();

	for (int i = 0; i < 6; i++) {
		fill(self->vcpu, 100 * i);
		madvise(self->mem, SIZE, MADV_PAGEOUT);
		EXPECT_EQ(0, kvm_audit());
		ASSERT_EQ(0, wrong(self->vcpu, 100 * i));
		madvise(self->mem, SIZE, MADV_PAGEOUT);
		ASSERT_EQ(0, wrong(self->vcpu, 100 * i));
	}
	if (!have)
		skip_test("no swap: the host's kernel has no zram");
}

/* What the guest writes after MADV_FREE is not thrown away */
TEST_F(notifier, free_and_written_again)
{
	bool have = swap_on();

	for (int i = 0; i < 4; i++) {
		fill(self->vcpu, 100);
		require(!madvise(self->mem, SIZE, MADV_FREE));
		fill(self->vcpu, 200 + i);
		madvise(self->mem, SIZE, MADV_PAGEOUT);
		ASSERT_EQ(0, wrong(self->vcpu, 200 + i));
	}
	if (!have)
		skip_test("no swap: the host's kernel has no zram");
}

/* Equal pages merged into one, and parted again by a write */
TEST_F(notifier, same_pages_merged)
{
	FILE *f = fopen("/sys/kernel/mm/ksm/run", "w");
	u64 sum = 0;

	if (!f)
		skip_test("the host's kernel has no KSM");
	fprintf(f, "1\n");
	fclose(f);
	f = fopen("/sys/kernel/mm/ksm/pages_to_scan", "w");
	fprintf(f, "2000\n");
	fclose(f);
	require(!madvise(self->mem, SIZE, MADV_MERGEABLE));
	memset(self->mem, 0x5a, SIZE);
	vcpu_set_entry(self->vcpu, guest_check);
	vcpu_args(self->vcpu, 1, 0ull);
	ASSERT_EQ(PAGES, expect_done(self->vcpu));
	for (int i = 0; i < 50 && sum < PAGES / 2; i++) {
		usleep(20000);
		f = fopen("/sys/kernel/mm/ksm/pages_sharing", "r");
		require(f && fscanf(f, "%lu", &sum) == 1);
		fclose(f);
	}
	fprintf(stderr, "# %lu pages share\n", sum);
	EXPECT_EQ(0, kvm_audit());
	fill(self->vcpu, 5);
	ASSERT_EQ(0, wrong(self->vcpu, 5));
	for (int i = 0; i < PAGES; i++) {
		ASSERT_EQ(5 + i, page(self->mem, i)[0]);
		ASSERT_EQ(0x5a5a5a5a5a5a5a5a, page(self->mem, i)[1]);
	}
}

/*
 * The guest counts in each page, and would notice a count that went back,
 * while the pages are taken away, protected and shared with children.
 */
static void guest_count(u64 rounds)
{
	for (u64 r = 1; r <= rounds; r++) {
		for (u64 i = 0; i < PAGES; i++) {
			volatile u64 *p = (u64 *)(BASE + i * PAGE_4K);

			GUEST_ASSERT_EQ(*p, r - 1);
			*p = r;
		}
	}
	GUEST_DONE();
}

static void storm(struct vcpu *v, char *mem, int what, u64 rounds)
{
	pthread_t t;
	unsigned int n = 0;

	memset(mem, 0, SIZE);
	vcpu_set_entry(v, guest_count);
	vcpu_args(v, 1, rounds);
	t = vcpu_thread_done(v);
	while (vcpus_not_done) {
		u64 at = (n * 37 % PAGES) * PAGE_4K;

		switch (what) {
		case 0:
			madvise(mem + at, SIZE - at, MADV_PAGEOUT);
			break;
		case 1:
			madvise(mem, SIZE, MADV_COLD);
			break;
		case 3:
			drop_tables();
			break;
		case 2: {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
			break;
		}
		}
		n++;
		if (n % 16 == 0)
			require(!kvm_audit());
		usleep(what == 2 ? 5000 : 100);
	}
	pthread_join(t, NULL);
	fprintf(stderr, "# %u times\n", n);
	for (int i = 0; i < PAGES; i++)
		require(*page(mem, i) == rounds);
}

TEST_F_TIMEOUT(notifier, paged_out_all_the_time, 120)
{
	swap_on();
	storm(self->vcpu, self->mem, 0, 100);
}

TEST_F_TIMEOUT(notifier, aged_all_the_time, 120)
{
	storm(self->vcpu, self->mem, 1, 400);
}

TEST_F_TIMEOUT(notifier, tables_reclaimed_all_the_time, 120)
{
	storm(self->vcpu, self->mem, 3, 100);
}

TEST_F_TIMEOUT(notifier, forked_all_the_time, 120)
{
	storm(self->vcpu, self->mem, 2, 40);
}

TEST_HARNESS_MAIN
