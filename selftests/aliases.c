// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page of guest memory under many guest-virtual addresses: what happens to
 * the page reaches every mapping of it, whatever the way it is mapped.
 */
#include "kvmtest.h"
#include <stdatomic.h>

#define BASE	0x20000000ull		/* guest-physical */
#define ELSE	0x28000000ull		/* where the slot moves to */
#define SLOT	5
#define PAGES	512			/* so that one 2M page maps all */
#define SIZE	(PAGES * PAGE_4K)
#define WORDS	(PAGES / 64)

/* Guest-virtual addresses of the windows that are not one-to-one */
#define FLAT4K	0x100000000ull
#define RDONLY	0x100200000ull
#define BACKW	0x100400000ull		/* last page first */
#define TWICE	0x100600000ull		/* page 0, 0, 1, 1, ... with RDONLY's table */

struct window {
	const char *name;
	u64 gva;			/* of page 0 */
	long step;			/* to the next page */
	bool writable;
	bool second;			/* in the second address space */
};

static const struct window windows[] = {
	{ "one-to-one, 2M", BASE, PAGE_4K, true },
	{ "4K", FLAT4K, PAGE_4K, true },
	{ "read-only", RDONLY, PAGE_4K, false },
	{ "backwards", BACKW + SIZE - PAGE_4K, -(long)PAGE_4K, true },
	{ "shared table", TWICE, PAGE_4K, false },
	{ "second space, 2M", BASE, PAGE_4K, true, true },
	{ "second space, 4K", FLAT4K, PAGE_4K, true, true },
};

#define NR_WINDOWS	ARRAY_SIZE(windows)

#define for_each_window(w) \
	for (const struct window *w = windows; w < windows + NR_WINDOWS; w++)

FIXTURE(aliases) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct pt pt2;
	char *mem;
};

KIND_VARIANTS(aliases)

static void map_windows(struct pt *pt)
{
	u64 rw = PTE_W | PTE_U | PTE_A | PTE_D;

	for (u64 i = 0; i < PAGES; i++) {
		pt_map(pt, FLAT4K + i * PAGE_4K, BASE + i * PAGE_4K, PAGE_4K,
		       rw);
		pt_map(pt, RDONLY + i * PAGE_4K, BASE + i * PAGE_4K, PAGE_4K,
		       PTE_U | PTE_A);
		pt_map(pt, BACKW + i * PAGE_4K,
		       BASE + SIZE - PAGE_4K - i * PAGE_4K, PAGE_4K, rw);
	}
	/* one table of the guest in two places */
	pt_map(pt, TWICE, 0, PAGE_4K, 0);
	pt_set(pt, TWICE, 2, pt_get(pt, RDONLY, 2));
}

FIXTURE_SETUP(aliases)
{
	self->vm = vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
	self->pt2 = pt_new(self->vm, PT_4LEVEL);
	map_windows(&self->vm->pt);
	map_windows(&self->pt2);
	self->mem = mem_anon(SIZE, false);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE, self->mem));
}

FIXTURE_TEARDOWN(aliases)
{
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

/* ---- guest ------------------------------------------------------------------ */

/* Of pages first, first + every, ...; returns how many hold another value */
static void guest_fill(u64 cr3, u64 gva, u64 step, u64 n, u64 value)
{
	if (read_cr3() != cr3)
		write_cr3(cr3);
	for (; n; n--, gva += step)
		*(volatile u64 *)gva = value++;
	GUEST_DONE();
}

static void guest_check(u64 cr3, u64 gva, u64 step, u64 n, u64 value, u64 inc)
{
	u64 wrong = 0;

	if (read_cr3() != cr3)
		write_cr3(cr3);
	for (; n; n--, gva += step, value += inc)
		wrong += *(volatile u64 *)gva != value;
	GUEST_RETURN(wrong);
}

#define ctx FIXTURE_DATA(aliases)

static u64 window_cr3(ctx *c, const struct window *w)
{
	return w->second ? c->pt2.root : c->vm->pt.root;
}

static void start(ctx *c, void *fn, const struct window *w, u64 first, u64 n,
		  u64 value, u64 inc)
{
	vcpu_set_entry(c->vcpu, fn);
	vcpu_args(c->vcpu, 6, window_cr3(c, w), w->gva + first * w->step,
		  w->step, n, value, inc);
}

/* value to the first of the pages, value + 1 to the next and so on */
static void fill_some(ctx *c, const struct window *w, u64 first, u64 n,
		      u64 value)
{
	start(c, guest_fill, w, first, n, value, 0);
	expect_done(c->vcpu);
}

static void fill(ctx *c, const struct window *w, u64 value)
{
	fill_some(c, w, 0, PAGES, value);
}

/* Through every window the pages hold value, value + inc, ... */
static void check_inc(ctx *c, u64 value, u64 inc, const char *when)
{
	for_each_window(w) {
		u64 n;

		start(c, guest_check, w, 0, PAGES, value, inc);
		n = expect_done(c->vcpu);
		if (n)
			die("%s: %lu pages wrong through \"%s\"", when, n,
			    w->name);
	}
}

static void check(ctx *c, u64 value, const char *when)
{
	check_inc(c, value, 1, when);
}

static u64 *page(ctx *c, u64 i)
{
	return (u64 *)(c->mem + i * PAGE_4K);
}

static void host_fill(ctx *c, u64 value)
{
	for (u64 i = 0; i < PAGES; i++)
		*page(c, i) = value + i;
}

/* ---- tests ------------------------------------------------------------------ */

TEST_F(aliases, seen_everywhere)
{
	u64 value = 1000;

	for_each_window(w) {
		if (!w->writable)
			continue;
		fill(self, w, value += PAGES);
		check(self, value, w->name);
		host_fill(self, value += PAGES);
		check(self, value, "written by the host");
	}
	EXPECT_EQ(0, kvm_audit());
}

static void get_log(ctx *c, u64 *map)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = map };

	require(!ioctl(c->vm->fd, KVM_GET_DIRTY_LOG, &log));
}

/* The log has just the pages first, first + 1, ... */
static void check_log(ctx *c, u64 first, u64 n, const char *when)
{
	u64 map[WORDS];

	get_log(c, map);
	for (u64 i = 0; i < PAGES; i++) {
		bool in = map[i / 64] >> i % 64 & 1;

		if (in != (i - first < n))
			die("%s: page %lu is %s the log", when, i,
			    in ? "in" : "not in");
	}
}

static void dirty_log(ctx *c, void *mem)
{
	u64 map[WORDS], value = 1;

	for (int round = 0; round < 2; round++) {
		for_each_window(w)
			if (w->writable)
				fill(c, w, value);
		require(!vm_set_region(c->vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES,
				       BASE, SIZE, mem));
		check_log(c, 0, 0, "switched on");
		for_each_window(w) {
			if (!w->writable)
				continue;
			fill_some(c, w, 100, 40, value + 100);
			check_log(c, 100, 40, w->name);
			check(c, value, w->name);
			/* the in-tree KVM reports what it maps writable */
			if (on_our_module())
				check_log(c, 0, 0, "after reading");
			else
				get_log(c, map);
		}
		/* the first write through one window, more through another */
		for_each_window(w)
			if (w->writable)
				fill_some(c, w, 7, 3, value + 7);
		check_log(c, 7, 3, "through all windows");
		require(!kvm_audit());
		require(!vm_set_region(c->vm, SLOT, 0, BASE, SIZE, mem));
		require(!kvm_audit());
		check(c, value, "switched off");
	}
}

TEST_F(aliases, dirty_log)
{
	dirty_log(self, self->mem);
}

TEST_F(aliases, dirty_log_huge)
{
	char *huge = mem_anon(SIZE, true);

	memset(huge, 1, SIZE);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, 0, self->mem));
	require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE, huge));
	dirty_log(self, huge);
	if (!host_huge(huge, SIZE))
		skip_test("the host has no transparent huge pages");
}

TEST_F(aliases, read_only_slot)
{
	struct kvm_run *run = self->vcpu->run;

	fill(self, windows, 50);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, 0, self->mem));
	require(!vm_set_region(self->vm, SLOT, KVM_MEM_READONLY, BASE, SIZE,
			       self->mem));
	for (int round = 0; round < 2; round++) {
		/* mapped by the reads or not */
		if (round)
			check(self, 50, "read-only");
		for_each_window(w) {
			if (!w->writable)
				continue;
			start(self, guest_fill, w, 9, 2, 77, 0);
			for (u64 i = 0; i < 2; i++) {
				expect_mmio(self->vcpu, BASE + (9 + i) * PAGE_4K,
					    true, 8);
				ASSERT_EQ(77 + i, *(u64 *)run->mmio.data);
			}
			expect_done(self->vcpu);
			EXPECT_EQ(0, kvm_audit());
		}
		check(self, 50, "after refused writes");
	}
	host_fill(self, 60);
	check(self, 60, "written by the host");
}

/* No memory behind any window */
static void check_mmio(ctx *c, const char *when)
{
	u64 value = 0x1122334455667788;

	for_each_window(w) {
		for (u64 i = 0; i < PAGES; i += PAGES - 1) {
			u64 gpa = BASE + i * PAGE_4K;

			/* twice: remembered the second time */
			for (int k = 0; k < 2; k++) {
				start(c, guest_check, w, i, 1, value, 0);
				memcpy(expect_mmio(c->vcpu, gpa, false, 8),
				       &value, 8);
				if (expect_done(c->vcpu))
					die("%s: \"%s\"", when, w->name);
			}
			if (!w->writable)
				continue;
			start(c, guest_fill, w, i, 1, value, 0);
			expect_mmio(c->vcpu, gpa, true, 8);
			expect_done(c->vcpu);
		}
	}
}

TEST_F(aliases, slot_deleted)
{
	for (u64 i = 0; i < 3; i++) {
		fill(self, windows + i, 50 + i);
		check(self, 50 + i, "before");
		require(!vm_set_region(self->vm, SLOT, 0, BASE, 0, self->mem));
		EXPECT_EQ(0, kvm_audit());
		check_mmio(self, "deleted");
		require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE,
				       self->mem));
		check(self, 50 + i, "made again");
		if (!windows[i + 1].writable)
			break;
	}
}

TEST_F(aliases, slot_moved)
{
	for (int i = 0; i < 2; i++) {
		fill(self, windows, 50 + i);
		check(self, 50 + i, "before");
		require(!vm_set_region(self->vm, SLOT, 0, ELSE, SIZE,
				       self->mem));
		EXPECT_EQ(0, kvm_audit());
		check_mmio(self, "moved away");
		/* by one page: each window shows its neighbour, and one misses */
		require(!vm_set_region(self->vm, SLOT, 0, BASE - PAGE_4K, SIZE,
				       self->mem));
		for_each_window(w) {
			start(self, guest_check, w, 0, PAGES - 1, 51 + i, 1);
			ASSERT_EQ(0, expect_done(self->vcpu));
		}
		require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE,
				       self->mem));
		check(self, 50 + i, "moved back");
	}
}

/* Other memory in the same place, in one change of the slots after another */
TEST_F(aliases, slot_replaced)
{
	char *other = mem_anon(SIZE, false), *mem[2] = { self->mem, other };

	for (u64 i = 0; i < PAGES; i++)
		*(u64 *)(other + i * PAGE_4K) = 9000 + i;
	fill(self, windows, 50);
	for (int i = 1; i < 6; i++) {
		require(!vm_set_region(self->vm, SLOT, 0, BASE, 0, NULL));
		require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE,
				       mem[i & 1]));
		check(self, i & 1 ? 9000 : 50, "replaced");
	}
}

TEST_F(aliases, unmapped_by_the_host)
{
	for_each_window(w) {
		if (!w->writable)
			continue;
		fill(self, w, 500);
		check(self, 500, "filled");
		require(!madvise(self->mem, SIZE, MADV_DONTNEED));
		EXPECT_EQ(0, kvm_audit());
		check_inc(self, 0, 0, "MADV_DONTNEED");
		host_fill(self, 600);
		require(!madvise(page(self, 200), PAGE_4K, MADV_DONTNEED));
		*page(self, 200) = 800;
		check(self, 600, "one page");
	}
	require(!munmap(self->mem, SIZE));
	EXPECT_EQ(0, kvm_audit());
	for_each_window(w) {
		start(self, guest_check, w, 3, 1, 0, 0);
		ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	}
}

TEST_F(aliases, changed_by_the_host)
{
	for (u64 i = 0; i < 5; i++) {
		fill(self, windows, 500);
		check(self, 500, "filled");
		require(mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			self->mem);
		host_fill(self, 700 + i);
		check(self, 700 + i, "other pages");
		/* the zero page, then a page of its own at the first write */
		require(!madvise(self->mem, SIZE, MADV_DONTNEED));
		check_inc(self, 0, 0, "zero pages");
		fill(self, windows + i, 900);
		check(self, 900, "written");
		if (!windows[i + 1].writable)
			break;
	}
}

/* What is shared with a child is copied before the guest writes */
TEST_F(aliases, shared_with_a_child)
{
	int status, pipes[2];
	u64 value = 500;
	char ch;

	for_each_window(w) {
		pid_t pid;

		if (!w->writable)
			continue;
		fill(self, w, value);
		check(self, value, "filled");
		require(!pipe(pipes));
		pid = fork();
		require(pid >= 0);
		if (!pid) {
			require(read(pipes[0], &ch, 1) == 1);
			for (u64 i = 0; i < PAGES; i++)
				if (*page(self, i) != value + i)
					_exit(1);
			_exit(0);
		}
		check(self, value, "shared");
		EXPECT_EQ(0, kvm_audit());
		fill(self, w, value + 1);
		require(write(pipes[1], &ch, 1) == 1);
		require(waitpid(pid, &status, 0) == pid);
		ASSERT_EQ(0, status);
		check(self, ++value, "copied");
		close(pipes[0]);
		close(pipes[1]);
	}
}

TEST_F(aliases, aged_and_paged_out)
{
	bool have = swap_on();

	for_each_window(w) {
		if (!w->writable)
			continue;
		fill(self, w, 300);
		madvise(self->mem, SIZE, MADV_COLD);
		EXPECT_EQ(0, kvm_audit());
		check(self, 300, "aged");
		madvise(self->mem, SIZE, MADV_COLD);
		fill(self, w, 301);
		madvise(self->mem, SIZE, MADV_PAGEOUT);
		EXPECT_EQ(0, kvm_audit());
		check(self, 301, "paged out");
	}
	if (!have)
		skip_test("no swap: the host's kernel has no zram");
}

TEST_F(aliases, huge_page_split)
{
	char *huge = mem_anon(SIZE, true);

	memset(huge, 1, SIZE);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, 0, self->mem));
	require(!vm_set_region(self->vm, SLOT, 0, BASE, SIZE, huge));
	self->mem = huge;
	if (!host_huge(huge, SIZE))
		skip_test("the host has no transparent huge pages");
	for_each_window(w) {
		if (!w->writable)
			continue;
		fill(self, w, 300);
		check(self, 300, "large");
		EXPECT_EQ(0, kvm_audit());
		require(!mprotect(page(self, 100), PAGE_4K, PROT_READ));
		EXPECT_EQ(0, kvm_audit());
		check(self, 300, "split by mprotect()");
		start(self, guest_fill, w, 100, 1, 3, 0);
		ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
		require(!mprotect(page(self, 100), PAGE_4K,
				  PROT_READ | PROT_WRITE));
		expect_done(self->vcpu);
		*page(self, 100) = 400;
		check(self, 300, "and permitted again");
		require(!madvise(page(self, 50), PAGE_4K, MADV_DONTNEED));
		*page(self, 50) = 350;
		check(self, 300, "with a page taken out");
		EXPECT_EQ(0, kvm_audit());
		/* and a huge page again */
		require(!madvise(huge, SIZE, MADV_DONTNEED));
		memset(huge, 1, SIZE);
	}
}

/* ---- all of it while the guest runs ------------------------------------------ */

/*
 * Counts in each page, through all windows in turn, and would notice a count
 * that went back. Reads through one window what it wrote through another.
 */
static void guest_count(u64 rounds, u64 cr3, u64 cr3_second)
{
	for (u64 r = 1; r <= rounds; r++) {
		const struct window *w = &windows[r % NR_WINDOWS];
		const struct window *o = &windows[(r + 2) % NR_WINDOWS];

		if (!w->writable)
			w = windows;
		write_cr3(w->second ? cr3_second : cr3);
		/* the other space has the same windows, at the same addresses */
		for (u64 i = 0; i < PAGES; i++) {
			volatile u64 *p = (u64 *)(w->gva + i * w->step);

			GUEST_ASSERT_EQ(*(volatile u64 *)(o->gva + i * o->step),
					r - 1);
			*p = r;
			GUEST_ASSERT_EQ(*(volatile u64 *)(o->gva + i * o->step),
					r);
		}
	}
	GUEST_DONE();
}

enum storm { STORM_PAGEOUT, STORM_COLD, STORM_FORK, STORM_DROP, STORM_LOG };

static void storm(ctx *c, enum storm what, u64 rounds)
{
	unsigned int n = 0, flags = 0;
	pthread_t t;

	host_fill(c, 0);
	for (u64 i = 0; i < PAGES; i++)
		*page(c, i) = 0;
	vcpu_set_entry(c->vcpu, guest_count);
	vcpu_args(c->vcpu, 3, rounds, c->vm->pt.root, c->pt2.root);
	t = vcpu_thread_done(c->vcpu);
	while (vcpus_not_done) {
		u64 at = (n * 37 % PAGES) * PAGE_4K;

		switch (what) {
		case STORM_PAGEOUT:
			madvise(c->mem + at, SIZE - at, MADV_PAGEOUT);
			break;
		case STORM_COLD:
			madvise(c->mem, SIZE, MADV_COLD);
			break;
		case STORM_FORK: {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
			break;
		}
		case STORM_DROP:
			drop_tables();
			break;
		case STORM_LOG:
			flags ^= KVM_MEM_LOG_DIRTY_PAGES;
			require(!vm_set_region(c->vm, SLOT, flags, BASE, SIZE,
					       c->mem));
			break;
		}
		if (++n % 8 == 0)
			require(!kvm_audit());
		usleep(what == STORM_FORK ? 5000 : 200);
	}
	pthread_join(t, NULL);
	fprintf(stderr, "# %u times\n", n);
	for (u64 i = 0; i < PAGES; i++)
		require(*page(c, i) == rounds);
}

TEST_F_TIMEOUT(aliases, paged_out_all_the_time, 400)
{
	swap_on();
	storm(self, STORM_PAGEOUT, 30);
}

TEST_F_TIMEOUT(aliases, aged_all_the_time, 400)
{
	storm(self, STORM_COLD, 30);
}

TEST_F_TIMEOUT(aliases, forked_all_the_time, 400)
{
	storm(self, STORM_FORK, 15);
}

TEST_F_TIMEOUT(aliases, tables_reclaimed_all_the_time, 400)
{
	storm(self, STORM_DROP, 30);
}

TEST_F_TIMEOUT(aliases, logged_on_and_off, 400)
{
	storm(self, STORM_LOG, 30);
}

TEST_HARNESS_MAIN
