// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two CPUs of a guest on the same page tables. One accesses memory while the
 * other moves pages and tables to new frames, makes them read-only for a while
 * and clears D bits; with IPIs each tells the other what to flush, and what has
 * been given up is soon in use for something else. A translation that outlives
 * its flush loses a write, a D bit that is not set hides one.
 */
#include "irq.h"

#define VIRT	(1ull << 39)	/* entry 1 of the topmost table */
#define PAGES	48
#define PER_PT	8		/* pages in each leaf table */
#define TABLES	(PAGES / PER_PT)
#define FRAMES	(PAGES + 2 * TABLES + 32)
#define POOL	0x10000000ull
#define NCPUS	2
#define ROOTS	3
#define IPI	0x40
#define YIELD	0x77

KIND_SUITE(torture_smp)

/* ---- guest: state --------------------------------------------------------------- */

static u64 roots[ROOTS], pd;
static volatile u32 lock, ready, done[NCPUS];
static volatile u64 flush_addr[NCPUS];	/* asked of that CPU; 1: all */
static volatile u64 expected[NCPUS][PAGES];	/* what that CPU wrote last */
static u8 used[FRAMES];
static volatile u64 faults, moves, shootdowns;

static u64 next_random(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 11;
}

/* Lets the other thread run where the host has one CPU */
static void relax(void)
{
	outb(YIELD, 0);
}

static void get_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		relax();
}

static void put_lock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static u64 va_of(unsigned int page)
{
	return VIRT + (page / PER_PT) * PAGE_2M + (page % PER_PT) * PAGE_4K;
}

static volatile u64 *entry_of(unsigned int page)
{
	u64 table = ((volatile u64 *)pd)[page / PER_PT] & PTE_ADDR;

	return (volatile u64 *)table + page % PER_PT;
}

static u64 frame_get(u64 *rng)
{
	unsigned int n = next_random(rng) % FRAMES;

	while (used[n])
		n = (n + 1) % FRAMES;
	used[n] = 1;
	return POOL + n * PAGE_4K;
}

/* Given up: whoever still uses it finds this, or spoils it for the next */
static void frame_put(u64 frame)
{
	u64 *p = (u64 *)frame;

	for (int i = 0; i < 512; i++)
		p[i] = 0xdead000000000000ull | i;
	used[(frame - POOL) / PAGE_4K] = 0;
}

static void copy_page(u64 to, u64 from)
{
	u64 n = 512;

	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n)
		     : : "memory");
}

/* ---- guest: TLB --------------------------------------------------------------------- */

static void flush_here(u64 addr)
{
	if (addr == 1)
		write_cr3(read_cr3());
	else
		invlpg(addr);
}

static void on_ipi(struct guest_regs *r)
{
	unsigned int me = guest_cpu()->id;
	u64 addr = flush_addr[me];

	if (addr) {
		flush_here(addr);
		__atomic_store_n(&flush_addr[me], 0, __ATOMIC_RELEASE);
	}
	x2apic_write(APIC_EOI, 0);
}

/* With the lock held: no CPU uses what was cached of @addr (1: of anything) */
static void shoot_down(u64 addr)
{
	unsigned int other = !guest_cpu()->id;

	flush_here(addr);
	shootdowns++;
	flush_addr[other] = addr;
	x2apic_write(APIC_ICR, (u64)other << 32 | IPI);
	while (__atomic_load_n(&flush_addr[other], __ATOMIC_ACQUIRE))
		relax();
}

/* All is mapped again once the lock can be had */
static void on_fault(struct guest_regs *r)
{
	u64 cr2 = read_cr2();

	GUEST_ASSERT(cr2 >= VIRT && cr2 < VIRT + TABLES * PAGE_2M);
	GUEST_ASSERT_EQ(r->error & ~(u64)(PFEC_P | PFEC_W), 0);
	faults++;
	GUEST_ASSERT(faults < 1000000);
	sti();
	get_lock();
	put_lock();
	cli();
}

/* ---- guest: what is done with the lock held --------------------------------------------- */

static void move_page(unsigned int page, u64 *rng)
{
	volatile u64 *e = entry_of(page);
	u64 old = *e, to = frame_get(rng);

	*e = next_random(rng) & 1 ? 0 : old & ~PTE_P;
	shoot_down(va_of(page));
	copy_page(to, old & PTE_ADDR);
	*e = to | (old & ~(PTE_ADDR | PTE_A | PTE_D));
	frame_put(old & PTE_ADDR);
}

static void move_table(unsigned int table, u64 *rng)
{
	volatile u64 *e = &((volatile u64 *)pd)[table];
	u64 old = *e, to = frame_get(rng);

	*e = 0;
	shoot_down(1);
	copy_page(to, old & PTE_ADDR);
	*e = to | (old & ~(PTE_ADDR | PTE_A));
	frame_put(old & PTE_ADDR);
}

static u64 sum_of(u64 frame)
{
	u64 *p = (u64 *)frame, sum = 0;

	for (int i = 0; i < 64; i++)
		sum = sum * 31 + p[i];
	return sum;
}

/* Nobody writes while it is read-only */
static void protect_page(unsigned int page)
{
	volatile u64 *e = entry_of(page);
	u64 frame = *e & PTE_ADDR, sum;

	__atomic_and_fetch(e, ~PTE_W, __ATOMIC_SEQ_CST);
	shoot_down(va_of(page));
	sum = sum_of(frame);
	for (int i = 0; i < 5; i++)
		relax();
	GUEST_ASSERT_EQ(sum_of(frame), sum);
	/* More rights need no flush: at worst a fault too many */
	__atomic_or_fetch(e, PTE_W, __ATOMIC_SEQ_CST);
}

/* What was written while D was clear must have set it */
static void clean_page(unsigned int page)
{
	volatile u64 *e = entry_of(page);
	u64 frame = *e & PTE_ADDR, sum, now;

	__atomic_and_fetch(e, ~PTE_D, __ATOMIC_SEQ_CST);
	shoot_down(va_of(page));
	sum = sum_of(frame);
	for (int i = 0; i < 5; i++)
		relax();
	now = sum_of(frame);
	if (!(*e & PTE_D))
		GUEST_ASSERT_EQ(now, sum);
}

/* ---- guest: both CPUs ------------------------------------------------------------------ */

static void access_page(unsigned int me, unsigned int page, u64 *rng)
{
	volatile u64 *p = (volatile u64 *)va_of(page);
	u64 r = next_random(rng);

	/* Each CPU has words of its own in every page */
	GUEST_ASSERT_EQ(p[8 + me], expected[me][page]);
	if (r & 3) {
		expected[me][page] = r;
		p[8 + me] = r;
		GUEST_ASSERT_EQ(p[8 + me], r);
	}
	__atomic_add_fetch(&p[16 + me], 1, __ATOMIC_SEQ_CST);
}

static void guest_cpu_main(u64 seed, u64 rounds)
{
	unsigned int me = guest_cpu()->id, page;
	u64 rng = seed * 0x9e3779b97f4a7c15ull + me + 1, r;

	guest_handlers[IPI] = on_ipi;
	guest_handlers[VEC_PF] = on_fault;
	x2apic_on();
	write_cr0(read_cr0() | X86_CR0_WP);
	write_cr3(roots[0]);
	sti();
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready % NCPUS)
		relax();
	for (u64 i = 0; i < rounds; i++) {
		r = next_random(&rng);
		page = next_random(&rng) % PAGES;
		if (r % 16) {
			access_page(me, page, &rng);
			if (r % 64 == 1)
				write_cr3(roots[next_random(&rng) % ROOTS]);
			continue;
		}
		get_lock();
		switch (r / 16 % 8) {
		case 0:
			move_table(page / PER_PT, &rng);
			break;
		case 1:
		case 2:
			protect_page(page);
			break;
		case 3:
		case 4:
			clean_page(page);
			break;
		default:
			moves++;
			move_page(page, &rng);
		}
		put_lock();
	}
	/* The other may still need this one's answer */
	done[me] = 1;
	while (!done[!me])
		relax();
	cli();
	GUEST_DONE();
}

/* ---- host -------------------------------------------------------------------------------- */

static void *run_cpu(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		u32 reason = vcpu_run(v);

		if (v->uc_cmd == UCALL_DONE)
			return NULL;
		require(reason == KVM_EXIT_IO && v->run->io.port == YIELD);
		sched_yield();
	}
}

static u64 make_tables(struct vm *vm)
{
	u64 pdpt = pt_alloc(vm), kernel = *(u64 *)vm_hva(vm, vm->pt.root);
	unsigned int n = 0;

	pd = pt_alloc(vm);
	*(u64 *)vm_hva(vm, pdpt) = pd | PTE_P | PTE_W | PTE_U;
	for (int i = 0; i < ROOTS; i++) {
		u64 *root;

		roots[i] = pt_alloc(vm);
		root = vm_hva(vm, roots[i]);
		root[0] = kernel;
		root[1] = pdpt | PTE_P | PTE_W | PTE_U;
	}
	for (int t = 0; t < TABLES; t++) {
		u64 table = POOL + n * PAGE_4K;

		used[n++] = 1;
		((u64 *)vm_hva(vm, pd))[t] = table | PTE_P | PTE_W | PTE_U;
		for (int i = 0; i < PER_PT; i++) {
			((u64 *)vm_hva(vm, table))[i] = (POOL + n * PAGE_4K) |
							PTE_P | PTE_W;
			used[n++] = 1;
		}
	}
	return pd;
}

TEST_F(torture_smp, moving_pages)
{
	struct vm *vm = irq_vm_new(variant->kind);
	pthread_t t[NCPUS];

	vm_add_mem(vm, 1, POOL, FRAMES * PAGE_4K, 0);
	memset(used, 0, sizeof(used));
	make_tables(vm);
	for (int i = 0; i < NCPUS; i++)
		vcpu_new(vm, i, guest_cpu_main);
	vcpu_set_mp_state(vm->vcpus[1], KVM_MP_STATE_RUNNABLE);
	sync_to_guest(vm, roots);
	sync_to_guest(vm, pd);
	sync_to_guest(vm, used);
	for (u64 seed = 1; seed <= 3; seed++) {
		memset((void *)guest_var(vm, done), 0, sizeof(done));
		for (int i = 0; i < NCPUS; i++) {
			vcpu_set_entry(vm->vcpus[i], guest_cpu_main);
			vcpu_args(vm->vcpus[i], 2, seed, 4000ul);
			t[i] = vcpu_thread(vm->vcpus[i], run_cpu);
		}
		for (int i = 0; i < NCPUS; i++)
			pthread_join(t[i], NULL);
		ASSERT_EQ(0, kvm_audit());
	}
	ASSERT_NE(0, *guest_var(vm, moves));
	ASSERT_NE(0, *guest_var(vm, shootdowns));
	vm_free(vm);
}

TEST_HARNESS_MAIN
