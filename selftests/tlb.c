// SPDX-License-Identifier: GPL-2.0-only
/*
 * Invalidations. Each scenario changes what an address means, and the guest
 * must see the change at once. To know that the test would notice a missing
 * invalidation, the scenario is run once more with that one left out: then
 * the guest must see what was there before, on a CPU that remembers it.
 *
 * What is left out is chosen by a parameter of a module built for this
 * (skip_flush.ko), which takes the place of the other one meanwhile. All the
 * memory that a guest may see too long belongs to this process.
 * testhost: --cpus 2
 */
#include "kvmtest.h"
#include <stdatomic.h>
#include <sys/syscall.h>
#include "core/skip_flush.h"

#define GVA	0x20000000ull		/* not mapped by vm_new() with 4K pages */
#define BASE	0x30000000ull
#define SLOT	5
#define OLD	0x0123456789abcdefull
#define NEW	0xfedcba9876543210ull

static bool can_skip;			/* the module has the parameter */
static bool skipping;

KIND_SUITE(tlb)

/* ---- leaving out ---------------------------------------------------------- */

static void leave_out(unsigned int mask)
{
	char text[16];

	if (!can_skip)
		return;
	skipping = mask;
	snprintf(text, sizeof(text), "%u\n", mask);
	require(kvm_param("skip_flush", text, NULL));
}

/* Without VPIDs every entry and exit flushes: nothing can be left out */
static bool has_vpids(void)
{
	return !system("grep -q '^vmx flags.* vpid' /proc/cpuinfo") &&
	       !system("grep -q Y /sys/module/kvm/parameters/vpid");
}

/*
 * Run @scenario(vm, vcpu), which answers whether the guest saw what is no
 * longer there, without the invalidation, and then with it.
 */
#define check_flush(what_, scenario_) do {				\
	const char *tlb_ = getenv("TLB");				\
	bool stale_;							\
									\
	leave_out(0);							\
	ASSERT_FALSE(run_anew(variant->kind, scenario_));		\
	if (!can_skip)							\
		skip_test("the module cannot leave out invalidations");	\
	if (!has_vpids())						\
		skip_test("no VPIDs: each entry and exit flushes");	\
	leave_out(1 << (what_));					\
	stale_ = run_anew(variant->kind, scenario_);			\
	leave_out(0);							\
	if (!stale_ && (!tlb_ || strcmp(tlb_, "strict")))		\
		skip_test("this CPU's TLB forgets (TLB=strict does not)"); \
	ASSERT_TRUE(stale_);						\
	ASSERT_FALSE(run_anew(variant->kind, scenario_));		\
} while (0)

typedef bool (*scenario)(struct vm *vm, struct vcpu *v);

/*
 * There is no other VM meanwhile: making this one turns VMX on, which flushes
 * all that the CPUs remember of earlier ones, whose memory is gone.
 */
static bool run_anew(unsigned int kind, scenario fn)
{
	struct vm *vm = vm_new(kind);
	bool stale = fn(vm, vcpu_new(vm, 0, NULL));

	vm_free(vm);
	return stale;
}

/* ---- memory whose pages outlive their mapping ------------------------------- */

/* Two pages of a file: the first holds OLD, the second NEW */
static int two_pages(void)
{
	int fd = memfd_create("tlb", 0);
	u64 v;

	require(fd >= 0 && !ftruncate(fd, 2 * PAGE_4K));
	v = OLD;
	require(pwrite(fd, &v, 8, 0) == 8);
	v = NEW;
	require(pwrite(fd, &v, 8, PAGE_4K) == 8);
	return fd;
}

static u64 *map_page(int fd, int i, void *at)
{
	u64 *p = mmap(at, PAGE_4K, PROT_READ | PROT_WRITE,
		      MAP_SHARED | (at ? MAP_FIXED : 0), fd, i * PAGE_4K);

	require(p != MAP_FAILED);
	*(volatile u64 *)p;		/* present in the host's tables */
	return p;
}

/* Reads the same address for ever */
static void guest_reads(u64 addr)
{
	for (;;)
		GUEST_SYNC(*(volatile u64 *)addr);
}

static u64 read_again(struct vcpu *v)
{
	u32 reason = vcpu_run(v);

	require(reason == KVM_EXIT_IO && v->uc_cmd == UCALL_SYNC);
	return v->uc[0];
}

static void start_reader(struct vcpu *v, u64 addr)
{
	vcpu_set_entry(v, guest_reads);
	vcpu_args(v, 1, addr);
	require(read_again(v) == OLD);
	require(read_again(v) == OLD);
}

/* OLD or NEW, nothing else */
static bool is_old(u64 value)
{
	require(value == OLD || value == NEW);
	return value == OLD;
}

/* ---- the host changes something ----------------------------------------------- */

/* A slot is replaced by one with other memory */
static bool slot_replaced(struct vm *vm, struct vcpu *v)
{
	int fd = two_pages();
	u64 *old = map_page(fd, 0, NULL), *new = map_page(fd, 1, NULL);
	bool stale;

	require(!vm_set_region(vm, SLOT, 0, BASE, PAGE_4K, old));
	start_reader(v, BASE);
	require(!vm_set_region(vm, SLOT, 0, BASE, 0, old));
	require(!vm_set_region(vm, SLOT, 0, BASE, PAGE_4K, new));
	stale = is_old(read_again(v));
	require(!vm_set_region(vm, SLOT, 0, BASE, 0, new));
	munmap(old, PAGE_4K);
	munmap(new, PAGE_4K);
	close(fd);
	return stale;
}

TEST_F(tlb, entry_changed)
{
	check_flush(SKIP_FLUSH_ENTRY, slot_replaced);
}

/* The process maps another page behind a slot */
static bool page_replaced(struct vm *vm, struct vcpu *v)
{
	int fd = two_pages();
	u64 *mem = map_page(fd, 0, NULL);
	bool stale;

	require(!vm_set_region(vm, SLOT, 0, BASE, PAGE_4K, mem));
	start_reader(v, BASE);
	map_page(fd, 1, mem);
	stale = is_old(read_again(v));
	require(!vm_set_region(vm, SLOT, 0, BASE, 0, mem));
	munmap(mem, PAGE_4K);
	close(fd);
	return stale;
}

TEST_F(tlb, unmapped_by_the_host)
{
	check_flush(SKIP_FLUSH_UNMAP, page_replaced);
}

static void guest_writes(u64 addr)
{
	for (u64 i = 1; ; i++) {
		*(volatile u64 *)addr = i;
		GUEST_SYNC(i);
	}
}

static bool page_logged(struct vm *vm)
{
	u64 bitmap = 0;
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = &bitmap };

	require(!ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	return bitmap & 1;
}

/* A page that was written, and is written again after the log was read */
static bool write_not_logged(struct vm *vm, struct vcpu *v)
{
	void *mem = mem_anon(PAGE_4K, false);
	bool missing;

	require(!vm_set_region(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, BASE,
			       PAGE_4K, mem));
	vcpu_set_entry(v, guest_writes);
	vcpu_args(v, 1, BASE);
	expect_sync(v, 1);
	expect_sync(v, 2);
	require(page_logged(vm));
	expect_sync(v, 3);
	missing = !page_logged(vm);
	require(!vm_set_region(vm, SLOT, 0, BASE, 0, mem));
	munmap(mem, PAGE_4K);
	return missing;
}

TEST_F(tlb, written_again_while_logged)
{
	check_flush(SKIP_FLUSH_DIRTY, write_not_logged);
}

/* ---- the guest changes something ------------------------------------------------ */

/* Two pages in guest memory and a table entry for GVA, which is @pte */
struct guest_pages {
	u64 pte, old, new;
};

static struct guest_pages guest_pages(struct vm *vm)
{
	struct guest_pages g = { .old = G_DATA, .new = G_DATA + PAGE_4K };

	*(u64 *)vm_hva(vm, g.old) = OLD;
	*(u64 *)vm_hva(vm, g.new) = NEW;
	/* vm_new() maps here with large pages */
	pt_set(&vm->pt, GVA, 2, 0);
	pt_map(&vm->pt, GVA, g.old, PAGE_4K, PTE_W | PTE_U);
	g.pte = pt_entry_gpa(&vm->pt, GVA, 1);
	return g;
}

/* Sync after every read; the second turn changes the entry first */
static void guest_edits(u64 pte, u64 new)
{
	volatile u64 *entry = (u64 *)pte;

	GUEST_SYNC(*(volatile u64 *)GVA);
	GUEST_SYNC(*(volatile u64 *)GVA);
	*entry = (*entry & 0xfff) | new;
	invlpg(GVA);
	for (;;)
		GUEST_SYNC(*(volatile u64 *)GVA);
}

static void start_editor(struct vcpu *v, const struct guest_pages *g)
{
	vcpu_set_entry(v, guest_edits);
	vcpu_args(v, 2, g->pte, g->new);
	require(read_again(v) == OLD);
	require(read_again(v) == OLD);
}

/* An entry changed and INVLPG, on one CPU */
static bool guest_entry_changed(struct vm *vm, struct vcpu *v)
{
	struct guest_pages g = guest_pages(vm);

	start_editor(v, &g);
	return is_old(read_again(v));
}

TEST_F(tlb, guest_entry_changed)
{
	/* under EPT the CPU does what INVLPG says */
	if (variant->kind == KVM_MMU_KIND_EPT) {
		ASSERT_FALSE(run_anew(variant->kind, guest_entry_changed));
		return;
	}
	check_flush(SKIP_FLUSH_ENTRY, guest_entry_changed);
}

/* Two address spaces that differ at GVA */
static void guest_switches(u64 cr3_old, u64 cr3_new)
{
	write_cr3(cr3_old);
	GUEST_SYNC(*(volatile u64 *)GVA);
	write_cr3(cr3_new);
	*(volatile u64 *)GVA;
	write_cr3(cr3_old);
	GUEST_SYNC(*(volatile u64 *)GVA);
	write_cr3(cr3_new);
	for (;;)
		GUEST_SYNC(*(volatile u64 *)GVA);
}

static bool root_changed(struct vm *vm, struct vcpu *v)
{
	struct guest_pages g = guest_pages(vm);
	struct pt other = pt_new(vm, PT_4LEVEL);

	pt_set(&other, GVA, 2, 0);
	pt_map(&other, GVA, g.new, PAGE_4K, PTE_W | PTE_U);
	vcpu_set_entry(v, guest_switches);
	vcpu_args(v, 2, vm->pt.root, other.root);
	for (int i = 0; i < 3; i++)
		if (read_again(v) != (i < 2 ? OLD : NEW))
			return true;
	return false;
}

TEST_F(tlb, root_changed)
{
	/* under EPT the CPU does what MOV to CR3 says */
	if (variant->kind == KVM_MMU_KIND_EPT) {
		ASSERT_FALSE(run_anew(variant->kind, root_changed));
		return;
	}
	check_flush(SKIP_FLUSH_ROOT, root_changed);
}

/* ---- other CPUs, other VMs -------------------------------------------------------- */

/*
 * The guest does its INVLPG on another CPU than that which has used the entry,
 * and comes back.
 */
static bool moved_and_back(struct vm *vm, struct vcpu *v)
{
	struct guest_pages g = guest_pages(vm);
	bool stale;

	pin_to_cpu(0);
	start_editor(v, &g);
	pin_to_cpu(1);
	stale = is_old(read_again(v));
	require(!stale);
	pin_to_cpu(0);
	return is_old(read_again(v));
}

TEST_F(tlb, moved_to_another_cpu_and_back)
{
	if (nr_cpus() < 2)
		skip_test("the host has one CPU");
	check_flush(SKIP_FLUSH_CPU, moved_and_back);
}

/* Entries edited and exceptions taken for a while; both pages in turn */
static void guest_busy(u64 pte, u64 old, u64 new, u64 rounds)
{
	volatile u64 *entry = (u64 *)pte;
	u64 flags = *entry & 0xfff;

	for (u64 i = 0; i < rounds; i++) {
		*entry = (i & 1 ? new : old) | flags;
		invlpg(GVA);
		GUEST_ASSERT_EQ(*(volatile u64 *)GVA, i & 1 ? NEW : OLD);
		*entry = 0;
		invlpg(GVA);
		asm volatile(TRY("movq (%0), %%rax")
			     : : "r"(GVA) : "rax", "memory");
		GUEST_ASSERT_EQ(caught(), VEC_PF);
	}
	GUEST_DONE();
}

static atomic_bool moving;

static void *move_all_the_time(void *tid)
{
	cpu_set_t set;

	for (unsigned int i = 0; moving; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		require(!sched_setaffinity((pid_t)(long)tid, sizeof(set),
					   &set));
		usleep(1000 + i % 7 * 300);
	}
	return NULL;
}

static bool moved_all_the_time(struct vm *vm, struct vcpu *v)
{
	struct guest_pages g = guest_pages(vm);
	pthread_t mover;

	moving = true;
	require(!pthread_create(&mover, NULL, move_all_the_time,
				(void *)syscall(SYS_gettid)));
	vcpu_set_entry(v, guest_busy);
	vcpu_args(v, 4, g.pte, g.old, g.new, 20000ull);
	expect_done(v);
	moving = false;
	pthread_join(mover, NULL);
	return false;
}

TEST_F(tlb, moved_all_the_time)
{
	if (nr_cpus() < 2)
		skip_test("the host has one CPU");
	ASSERT_FALSE(run_anew(variant->kind, moved_all_the_time));
}

/*
 * VMs come and go, one after the other, each of which gets the VPID of the one
 * before, and some the page that was an EPT root before. Each reads a page of
 * its own at the same address. Their memory stays, for a guest that sees it.
 */
static bool vpid_reused(struct vm *unused_vm, struct vcpu *unused)
{
	static char zeros[6 * PAGE_4K];
	int kvm = kvm_open(), pipes[2];
	struct guest_pages g;
	bool stale = false;
	struct vcpu *v;
	struct vm *vm;
	u64 value;

	require(!pipe(pipes));
	pin_to_cpu(0);
	/* it takes patience to get a certain page again */
	for (u64 i = 0; i < (skipping ? 64 : 8) && !stale; i++) {
		/* take pages away, so that the root is another one each time */
		require(write(pipes[1], zeros, i % 6 * PAGE_4K) >= 0);
		vm = vm_new(unused_vm->kind);
		require(read(pipes[0], zeros, i % 6 * PAGE_4K) >= 0);
		v = vcpu_new(vm, 0, NULL);
		g = guest_pages(vm);
		*(u64 *)vm_hva(vm, g.old) = i;
		vcpu_set_entry(v, guest_reads);
		vcpu_args(v, 1, GVA);
		value = read_again(v);
		require(value <= i);
		close(v->fd);
		munmap(v->run, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
		close(vm->fd);
		stale = value != i;
		/* tables of the MMU are freed after a grace period */
		usleep(50000);
	}
	close(kvm);
	return stale;
}

TEST_F(tlb, vpid_of_another_vm)
{
	check_flush(SKIP_FLUSH_REUSE, vpid_reused);
}

/* ---- the module that can leave out -------------------------------------------------- */

static bool swap_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = !syscall(SYS_delete_module, "kvm", O_NONBLOCK) &&
	     !syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ok;
}

#define main harness
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	bool swapped = on_our_module() && swap_module("skip_flush.ko");
	int r;

	can_skip = !access("/sys/module/kvm/parameters/skip_flush", W_OK);
	r = harness(argc, argv);
	if (swapped)
		swap_module("../kvm.ko");
	return r;
}
