// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hundreds of address spaces in one guest: each sees its own memory, whatever
 * else the VM's page tables were needed for in between, with as few of them as
 * it may have, and while the host takes them away.
 */
#include "kvmtest.h"
#include <stdatomic.h>

KIND_SUITE(address_spaces)

#define SPACES	300
#define AREA	0x30000000ull		/* guest-physical: tables and pages */
#define PER	6			/* pages of one space ... */
#define ROOT(k)	(AREA + (k) * PER * PAGE_4K)
#define PDPT(k)	(ROOT(k) + PAGE_4K)
#define PD(k)	(ROOT(k) + 2 * PAGE_4K)
#define PT(k)	(ROOT(k) + 3 * PAGE_4K)
#define OWN(k)	(ROOT(k) + 4 * PAGE_4K)	/* ... of memory of its own */
#define OWN2(k)	(ROOT(k) + 5 * PAGE_4K)
#define AREA_SIZE	(SPACES * PER * PAGE_4K)

/* Guest-virtual, the same in all: entry 1 of the top-level table */
#define VIRT	(1ull << 39)
#define V_OWN	VIRT			/* own page, writable */
#define V_SWAP	(VIRT + PAGE_4K)	/* one of its pages or the other */
#define V_NEXT	(VIRT + 2 * PAGE_4K)	/* the next space's page, read-only */
#define V_LATE	(VIRT + 3 * PAGE_4K)	/* nothing, until it is touched */

#define RW	(PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define RO	(PTE_P | PTE_U | PTE_A)

static u64 *entry(struct vm *vm, u64 table, unsigned int i)
{
	return (u64 *)vm_hva(vm, table) + i;
}

/* Nobody has used them yet, so they are written from outside */
static void make_space(struct vm *vm, u64 k)
{
	*entry(vm, ROOT(k), 0) = *entry(vm, vm->pt.root, 0);
	*entry(vm, ROOT(k), 1) = PDPT(k) | RW;
	*entry(vm, PDPT(k), 0) = PD(k) | RW;
	*entry(vm, PD(k), 0) = PT(k) | RW;
	*entry(vm, PT(k), 0) = OWN(k) | RW;
	*entry(vm, PT(k), 1) = OWN2(k) | RW;
	*entry(vm, PT(k), 2) = OWN((k + 1) % SPACES) | RO;
	*entry(vm, OWN(k), 0) = k << 32;
	*entry(vm, OWN2(k), 0) = ~k;
}

static struct vm *spaces_vm(unsigned int kind, void *fn)
{
	struct vm *vm = vm_new(kind);

	vm_add_mem(vm, 6, AREA, AREA_SIZE, 0);
	for (u64 k = 0; k < SPACES; k++)
		make_space(vm, k);
	vcpu_new(vm, 0, fn);
	return vm;
}

/* ---- guest -------------------------------------------------------------------- */

static u64 read_at(u64 addr)
{
	return *(volatile u64 *)addr;
}

static void write_at(u64 addr, u64 value)
{
	*(volatile u64 *)addr = value;
}

/* From space to space in strides; each counts the visits in its own page */
static void guest_visit(u64 n, u64 stride, u64 rounds, u64 before)
{
	u64 k = 0;

	for (u64 r = before; r < before + rounds; r++) {
		for (u64 i = 0; i < n; i++, k = (k + stride) % n) {
			write_cr3(ROOT(k));
			GUEST_ASSERT_EQ(read_at(V_OWN), (k << 32) + r);
			write_at(V_OWN, (k << 32) + r + 1);
			GUEST_ASSERT_EQ(read_at(V_SWAP), ~k);
			GUEST_ASSERT_EQ(read_at(V_NEXT) >> 32,
					(k + 1) % SPACES);
		}
	}
	GUEST_DONE();
}

/*
 * From one space change what another one maps, without INVLPG: loading CR3 is
 * all that a CPU needs. A page mapped where nothing was needs nothing at all.
 */
static void guest_edit(u64 n, u64 rounds)
{
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = 0; k < n; k++) {
			u64 o = (k * 7 + 3) % n, e = r & 1 ? OWN2(o) : OWN(o);

			write_at(PT(o) + 8, e | RW);
			write_cr3(ROOT(o));
			GUEST_ASSERT_EQ(read_at(V_SWAP),
					r & 1 ? ~o : o << 32);
			asm volatile(TRY("movq (%0), %%rax")
				     : : "r"(V_LATE) : "rax", "memory");
			GUEST_ASSERT_EQ(caught(), VEC_PF);
			write_at(PT(o) + 24, OWN(k) | RW);
			GUEST_ASSERT_EQ(read_at(V_LATE), k << 32);
			write_at(PT(o) + 24, 0);
			invlpg(V_LATE);
			asm volatile(TRY("movq (%0), %%rax")
				     : : "r"(V_LATE) : "rax", "memory");
			GUEST_ASSERT_EQ(caught(), VEC_PF);
		}
	}
	GUEST_DONE();
}

/* The upper tables change: another space's lower half is hung in, and back */
static void guest_exchange(u64 n, u64 rounds)
{
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = 0; k < n; k++) {
			u64 o = (k + r + 1) % n;

			write_cr3(ROOT(k));
			write_at(PDPT(k), PD(o) | RW);
			write_cr3(ROOT(k));
			GUEST_ASSERT_EQ(read_at(V_OWN), o << 32);
			write_at(PDPT(k), PD(k) | RW);
			invlpg(V_OWN);
			GUEST_ASSERT_EQ(read_at(V_OWN), k << 32);
			write_at(ROOT(k) + 8, PDPT(o) | RW);
			write_cr3(ROOT(k));
			GUEST_ASSERT_EQ(read_at(V_OWN), o << 32);
			write_at(ROOT(k) + 8, PDPT(k) | RW);
			write_cr3(ROOT(k));
			GUEST_ASSERT_EQ(read_at(V_OWN), k << 32);
		}
	}
	GUEST_DONE();
}

/* A space ends, its tables become memory, and tables of another level */
static void guest_recycle(u64 n, u64 home)
{
	for (u64 k = 0; k < n; k++) {
		write_cr3(ROOT(k));
		GUEST_ASSERT_EQ(read_at(V_OWN), k << 32);
		write_cr3(home);
		for (u64 t = ROOT(k); t < OWN(k); t += PAGE_4K)
			for (u64 i = 0; i < 512; i++)
				write_at(t + i * 8, i);
		for (u64 t = ROOT(k); t < OWN(k); t += PAGE_4K)
			for (u64 i = 0; i < 512; i++)
				GUEST_ASSERT_EQ(read_at(t + i * 8), i);
		for (u64 t = ROOT(k); t < OWN(k); t += PAGE_4K)
			for (u64 i = 0; i < 512; i++)
				write_at(t + i * 8, 0);
		/* the same pages in the opposite order */
		write_at(PT(k), read_at(home));
		write_at(PT(k) + 8, PD(k) | RW);
		write_at(PD(k), PDPT(k) | RW);
		write_at(PDPT(k), ROOT(k) | RW);
		write_at(ROOT(k), OWN(k) | RW);
		write_cr3(PT(k));
		GUEST_ASSERT_EQ(read_at(V_OWN), k << 32);
		write_at(V_OWN, k);
		write_cr3(home);
		GUEST_ASSERT_EQ(read_at(OWN(k)), k);
	}
	GUEST_DONE();
}

/* With process-context identifiers, most loads of CR3 keep what is there */
static void guest_pcid(u64 n, u64 rounds)
{
	write_cr3(read_cr3() & ~0xfffull);
	write_cr4(read_cr4() | X86_CR4_PCIDE);
	for (u64 k = 0; k < n; k++) {		/* all flushed once */
		write_cr3(ROOT(k) | (k + 1));
		GUEST_ASSERT_EQ(read_at(V_OWN), k << 32);
	}
	for (u64 r = 0; r < rounds; r++) {
		for (u64 k = 0; k < n; k++) {
			write_cr3(ROOT(k) | (k + 1) | 1ull << 63);
			GUEST_ASSERT_EQ(read_cr3(), ROOT(k) | (k + 1));
			GUEST_ASSERT_EQ(read_at(V_OWN), (k << 32) + r);
			write_at(V_OWN, (k << 32) + r + 1);
			/* another space's entry, and its PCID flushed */
			write_at(PT((k + 5) % n) + 8,
				 (r & 1 ? OWN2((k + 5) % n) : OWN((k + 5) % n)) |
				 RW);
			write_cr3(ROOT((k + 5) % n) | ((k + 5) % n + 1));
			if (r & 1)
				GUEST_ASSERT_EQ(read_at(V_SWAP),
						~((k + 5) % n));
			else
				GUEST_ASSERT_EQ(read_at(V_SWAP) >> 32,
						(k + 5) % n);
		}
	}
	GUEST_DONE();
}

/* ---- tests --------------------------------------------------------------------- */

static void visit(struct vm *vm, u64 n, u64 stride, u64 rounds, u64 before)
{
	vcpu_set_entry(vm->vcpus[0], guest_visit);
	vcpu_args(vm->vcpus[0], 4, n, stride, rounds, before);
	expect_done(vm->vcpus[0]);
	require(!kvm_audit());
}

static void run2(struct vm *vm, void *fn, u64 a, u64 b)
{
	vcpu_set_entry(vm->vcpus[0], fn);
	vcpu_args(vm->vcpus[0], 2, a, b);
	expect_done(vm->vcpus[0]);
	require(!kvm_audit());
}

TEST_F(address_spaces, visited)
{
	struct vm *vm = spaces_vm(variant->kind, NULL);

	visit(vm, SPACES, 1, 2, 0);
	/* few enough for every cache of roots, and just too many */
	visit(vm, 7, 1, 20, 2);
	vm_free(vm);
}

TEST_F(address_spaces, edited)
{
	struct vm *vm = spaces_vm(variant->kind, NULL);

	run2(vm, guest_edit, 100, 4);
	vm_free(vm);
}

TEST_F(address_spaces, exchanged)
{
	struct vm *vm = spaces_vm(variant->kind, NULL);

	run2(vm, guest_exchange, 60, 3);
	vm_free(vm);
}

TEST_F(address_spaces, recycled)
{
	struct vm *vm = spaces_vm(variant->kind, NULL);

	run2(vm, guest_recycle, 20, vm->pt.root);
	vm_free(vm);
}

TEST_F(address_spaces, process_contexts)
{
	struct vm *vm;

	if (!GUEST_HAS_PCID())
		skip_test("no PCID");
	vm = spaces_vm(variant->kind, NULL);
	run2(vm, guest_pcid, 100, 3);
	vm_free(vm);
}

/* As few page tables as the module lets a VM have */
TEST_F(address_spaces, few_tables)
{
	const long limit = 64;
	char text[32], old[KVM_PARAM_MAX];
	struct vm *vm;
	bool set;

	snprintf(text, sizeof(text), "%ld", limit);
	set = kvm_param("shadow_pages", text, old);
	vm = spaces_vm(variant->kind, NULL);
	if (set)
		kvm_param("shadow_pages", old, NULL);
	visit(vm, SPACES, 1, 2, 0);
	run2(vm, guest_edit, 0, 0);
	if (set && variant->kind == KVM_MMU_KIND_SHADOW) {
		EXPECT_GE(limit, mmu_stat("table_pages"));
		EXPECT_LT(SPACES, stat_read(vm->fd, "mmu_recycled"));
	}
	visit(vm, 40, 3, 3, 2);
	vm_free(vm);
	vm = NULL;
	if (!set)
		skip_test("no limit can be set");
}

/* Given back when memory is short, and made again */
TEST_F(address_spaces, tables_given_back)
{
	struct vm *vm = spaces_vm(variant->kind, NULL);
	long before, after;

	for (u64 r = 0; r < 3; r++) {
		visit(vm, SPACES, 1, 1, r);
		before = mmu_stat("table_pages");
		drop_tables();
		require(!kvm_audit());
		after = mmu_stat("table_pages");
		if (before < 0)
			continue;
		EXPECT_LT(after, before);
		if (variant->kind == KVM_MMU_KIND_SHADOW)
			EXPECT_LT(after, before / 2);
	}
	vm_free(vm);
}

/* The same while the guest goes from space to space */
static void storm(unsigned int kind, bool paging, u64 n, u64 rounds)
{
	struct vm *vm = spaces_vm(kind, guest_visit);
	char *mem = vm_hva(vm, AREA);
	unsigned int times = 0;
	pthread_t t;

	vcpu_args(vm->vcpus[0], 4, n, 1ull, rounds, 0ull);
	t = vcpu_thread_done(vm->vcpus[0]);
	while (vcpus_not_done) {
		/* the guest's tables themselves are among what goes */
		if (paging)
			madvise(mem, AREA_SIZE, times & 1 ? MADV_COLD :
				MADV_PAGEOUT);
		else
			drop_tables();
		if (++times % 4 == 0)
			require(!kvm_audit());
		usleep(300);
	}
	pthread_join(t, NULL);
	fprintf(stderr, "# %u times\n", times);
	for (u64 k = 0; k < n; k++)
		require(*entry(vm, OWN(k), 0) == (k << 32) + rounds);
	vm_free(vm);
}

/* Loading CR3 is nothing that EPT has to do with */
static u64 storm_rounds(unsigned int kind)
{
	return kind == KVM_MMU_KIND_EPT ? 300 : 20;
}

TEST_F_TIMEOUT(address_spaces, reclaimed_all_the_time, 400)
{
	storm(variant->kind, false, 100, storm_rounds(variant->kind));
}

TEST_F_TIMEOUT(address_spaces, paged_out_all_the_time, 400)
{
	swap_on();
	storm(variant->kind, true, 100, 5 * storm_rounds(variant->kind));
}

/* Memory of tables shows in the host's books while it is in use */
static long meminfo(const char *name)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	require(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == ':')
			kb = atol(line + strlen(name) + 1);
	fclose(f);
	return kb;
}

TEST_F(address_spaces, accounted)
{
	long before = meminfo("SecPageTables"), during, tables;
	struct vm *vm = spaces_vm(variant->kind, NULL);

	visit(vm, SPACES, 1, 1, 0);
	tables = mmu_stat("table_pages");
	if (before < 0 || tables < 0)
		skip_test("nobody counts the tables");
	EXPECT_EQ(tables, stat_read(vm->fd, "mmu_table_pages"));
	during = meminfo("SecPageTables");
	/* counters of the host's memory are per CPU, and folded now and then */
	EXPECT_GE(during - before, tables * 4 - 64 * 4 * nr_cpus());
	vm_free(vm);
	usleep(20000);
	EXPECT_GE(before + 64 * 4 * nr_cpus(), meminfo("SecPageTables"));
}

TEST_HARNESS_MAIN
