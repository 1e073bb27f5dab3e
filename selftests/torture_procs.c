// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small operating system in the guest: processes with address spaces of their
 * own that fork (copy on write), touch (demand-zero), unmap, protect, exit and
 * are scheduled, with and without PCIDs. What memory must hold, which access
 * must fault and with what error code, and which A and D bits must be set is
 * known at each step; under both kinds of MMU the end must be the same.
 */
#include "kvmtest.h"

#define VIRT	(1ull << 39)	/* entry 1 of the topmost table */
#define PROCS	12
#define PAGES	40
#define PER_PT	8
#define TABLES	(PAGES / PER_PT)
#define FRAMES	768
#define POOL	0x10000000ull
#define COW	0x200ull	/* a software bit of the entry */
#define RO	0x400ull	/* the process wants it read-only */

struct proc {
	u64 root, pdpt, pd;
	u64 table[TABLES];
	u64 word[PAGES];	/* what the page must hold; 0: untouched */
	bool live, ro[PAGES], pcid_used;
};

static struct proc procs[PROCS];
static u16 refs[FRAMES];
static u64 rng, kernel_entry, use_pcid, hash;
static unsigned int current_proc, nr_faults, fault_error;
static u64 stats[8];

static u64 next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng >> 11;
}

/* ---- guest: frames ---------------------------------------------------------------- */

static u64 frame_get(void)
{
	unsigned int n = next_random() % FRAMES;
	u64 *p;

	while (refs[n])
		n = (n + 1) % FRAMES;
	refs[n] = 1;
	p = (u64 *)(POOL + n * PAGE_4K);
	for (int i = 0; i < 512; i++)
		p[i] = 0;
	return (u64)p;
}

static u16 *refs_of(u64 entry)
{
	return &refs[((entry & PTE_ADDR) - POOL) / PAGE_4K];
}

/* Not cleared: what was a table is data soon, and the other way round */
static void frame_put(u64 entry)
{
	GUEST_ASSERT(*refs_of(entry) > 0);
	(*refs_of(entry))--;
}

/* ---- guest: tables ------------------------------------------------------------------ */

static volatile u64 *at(u64 table, unsigned int i)
{
	return (volatile u64 *)(table & PTE_ADDR) + i;
}

static u64 va_of(unsigned int page)
{
	return VIRT + (page / PER_PT) * PAGE_2M + (page % PER_PT) * PAGE_4K;
}

/* NULL where there is no table */
static volatile u64 *entry_of(struct proc *p, unsigned int page)
{
	if (!p->table[page / PER_PT])
		return NULL;
	return at(p->table[page / PER_PT], page % PER_PT);
}

static volatile u64 *entry_make(struct proc *p, unsigned int page)
{
	unsigned int t = page / PER_PT;

	if (!p->table[t]) {
		p->table[t] = frame_get();
		*at(p->pd, t) = p->table[t] | PTE_P | PTE_W | PTE_U;
	}
	return entry_of(p, page);
}

static void use_proc(unsigned int n)
{
	struct proc *p = &procs[n];
	u64 cr3 = p->root;

	if (use_pcid) {
		cr3 |= n + 1;
		if (p->pcid_used)
			cr3 |= 1ull << 63;
		p->pcid_used = true;
	}
	write_cr3(cr3);
	current_proc = n;
	stats[0]++;
}

/* Of entries of the current process, and of one that is not */
static void flush(struct proc *p, unsigned int page)
{
	if (p == &procs[current_proc])
		invlpg(va_of(page));
	else
		p->pcid_used = false;
}

static void flush_all(struct proc *p)
{
	p->pcid_used = false;
	if (p == &procs[current_proc])
		use_proc(current_proc);
}

static void proc_make(unsigned int n)
{
	struct proc *p = &procs[n];

	for (int i = 0; i < PAGES; i++) {
		p->word[i] = 0;
		p->ro[i] = false;
	}
	for (int i = 0; i < TABLES; i++)
		p->table[i] = 0;
	p->root = frame_get();
	p->pdpt = frame_get();
	p->pd = frame_get();
	*at(p->root, 0) = kernel_entry;
	*at(p->root, 1) = p->pdpt | PTE_P | PTE_W | PTE_U;
	*at(p->pdpt, 0) = p->pd | PTE_P | PTE_W | PTE_U;
	p->live = true;
	p->pcid_used = false;
}

static void unmap(struct proc *p, unsigned int page)
{
	volatile u64 *e = entry_of(p, page);

	if (!e || !(*e & PTE_P))
		return;
	frame_put(*e);
	*e = 0;
	p->word[page] = 0;
	flush(p, page);
}

/* Not the current one */
static void proc_exit(unsigned int n)
{
	struct proc *p = &procs[n];

	for (int i = 0; i < PAGES; i++)
		hash = hash * 31 + p->word[i];
	for (int i = 0; i < PAGES; i++)
		unmap(p, i);
	for (int i = 0; i < TABLES; i++)
		if (p->table[i])
			frame_put(p->table[i]);
	frame_put(p->pd);
	frame_put(p->pdpt);
	frame_put(p->root);
	p->live = false;
	stats[1]++;
}

static void proc_fork(unsigned int from, unsigned int to)
{
	struct proc *p = &procs[from], *c = &procs[to];

	proc_make(to);
	for (int i = 0; i < PAGES; i++) {
		volatile u64 *e = entry_of(p, i);

		c->ro[i] = p->ro[i];
		c->word[i] = p->word[i];
		if (!e || !(*e & PTE_P))
			continue;
		*e = (*e & ~PTE_W) | COW;
		(*refs_of(*e))++;
		*entry_make(c, i) = *e & ~(PTE_A | PTE_D);
	}
	flush_all(p);
	stats[2]++;
}

static void protect(struct proc *p, unsigned int page, bool ro)
{
	volatile u64 *e = entry_of(p, page);

	p->ro[page] = ro;
	if (!e || !(*e & PTE_P))
		return;
	if (ro)
		*e &= ~PTE_W;
	else if (!(*e & COW))
		*e |= PTE_W;
	flush(p, page);
	stats[3]++;
}

/* ---- guest: faults -------------------------------------------------------------------- */

static void on_fault(struct guest_regs *r)
{
	u64 addr = read_cr2(), new, n = 512, from, to;
	unsigned int page = (addr - VIRT) / PAGE_2M * PER_PT +
			    addr % PAGE_2M / PAGE_4K;
	struct proc *p = &procs[current_proc];
	volatile u64 *e;

	GUEST_ASSERT(addr >= VIRT && page < PAGES);
	nr_faults++;
	fault_error = r->error;
	e = entry_make(p, page);
	if (!(*e & PTE_P)) {
		new = frame_get();
		/* present from not present: no flush */
		*e = new | PTE_P | PTE_U | (p->ro[page] ? 0 : PTE_W);
		return;
	}
	GUEST_ASSERT(r->error & PFEC_W);
	if (p->ro[page]) {
		/* The process has it coming: skip the instruction */
		r->rip = guest_cpu()->fixup;
		guest_cpu()->fixup = 0;
		guest_cpu()->vector = VEC_PF;
		return;
	}
	GUEST_ASSERT(*e & COW);
	if (*refs_of(*e) > 1) {
		new = frame_get();
		from = *e & PTE_ADDR;
		to = new;
		asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n)
			     : : "memory");
		frame_put(*e);
		*e = new | PTE_P | PTE_U | PTE_W;
	} else {
		*e = (*e | PTE_W) & ~COW;
	}
	invlpg(addr);
	stats[4]++;
}

/* ---- guest: what processes do ------------------------------------------------------------- */

static u64 do_read(u64 addr)
{
	u64 v;

	asm volatile(TRY("mov (%1), %0") : "=r"(v) : "r"(addr) : "memory");
	return v;
}

static u64 to_write;

static u64 do_write(u64 addr)
{
	asm volatile(TRY("mov %1, (%0)") : : "r"(addr), "r"(to_write)
		     : "memory");
	return caught();
}

static void check_bits(struct proc *p, unsigned int page, bool written)
{
	volatile u64 *e = entry_of(p, page);

	GUEST_ASSERT_EQ(*e & (PTE_P | PTE_A), PTE_P | PTE_A);
	if (written)
		GUEST_ASSERT(*e & PTE_D);
	GUEST_ASSERT(*at(p->pd, page / PER_PT) & PTE_A);
	GUEST_ASSERT(*at(p->pdpt, 0) & PTE_A);
	GUEST_ASSERT(*at(p->root, 1) & PTE_A);
}

static void access_page(unsigned int page)
{
	struct proc *p = &procs[current_proc];
	volatile u64 *e = entry_of(p, page);
	bool write = next_random() & 1, user = next_random() & 1;
	u64 entry = e ? *e : 0, addr = va_of(page) + 8 * (page % 500), v;
	unsigned int want = 0, error = 0;

	if (!(entry & PTE_P)) {
		want = 1;
		/* then the page is there, and read-only: once more */
		if (write && p->ro[page])
			want = 2;
	} else if (write && !(entry & PTE_W)) {
		want = 1;
	}
	if (want == 1)
		error = (entry & PTE_P ? PFEC_P : 0) | (write ? PFEC_W : 0) |
			(user ? PFEC_U : 0);
	nr_faults = 0;
	to_write = next_random() | 1;
	if (write)
		v = user ? guest_user_call(do_write, addr) : do_write(addr);
	else
		v = user ? guest_user_call(do_read, addr) : do_read(addr);
	GUEST_ASSERT_EQ(nr_faults, want);
	if (want == 1)
		GUEST_ASSERT_EQ(fault_error, error);
	if (!write) {
		GUEST_ASSERT_EQ(v, p->word[page]);
	} else if (p->ro[page]) {
		GUEST_ASSERT_EQ(v, VEC_PF);
	} else {
		GUEST_ASSERT_EQ(v, GUEST_NO_EXCEPTION);
		p->word[page] = to_write;
	}
	if (!write || !p->ro[page])
		check_bits(p, page, write);
	stats[5]++;
}

/* Age a page: A and D must come back with the next access */
static void clear_bits(struct proc *p, unsigned int page)
{
	volatile u64 *e = entry_of(p, page);

	if (!e || !(*e & PTE_P))
		return;
	*e &= ~(PTE_A | PTE_D);
	flush(p, page);
}

static unsigned int find_proc(bool live)
{
	unsigned int n = next_random() % PROCS;

	for (int i = 0; i < PROCS; i++, n = (n + 1) % PROCS)
		if (procs[n].live == live && n != current_proc)
			return n;
	return PROCS;
}

static void step(void)
{
	u64 r = next_random() % 100;
	unsigned int page = next_random() % PAGES, n;
	struct proc *p = &procs[current_proc];

	if (r < 72) {
		access_page(page);
	} else if (r < 80) {
		n = find_proc(true);
		if (n < PROCS)
			use_proc(n);
	} else if (r < 84) {
		n = find_proc(false);
		if (n < PROCS)
			proc_fork(current_proc, n);
	} else if (r < 87) {
		n = find_proc(true);
		if (n < PROCS)
			proc_exit(n);
	} else if (r < 91) {
		unmap(p, page);
	} else if (r < 95) {
		protect(p, page, !p->ro[page]);
	} else {
		clear_bits(p, page);
	}
}

static void guest_main(u64 seed, u64 steps, u64 kernel, u64 pcid)
{
	rng = seed * 0x9e3779b97f4a7c15ull + 1;
	kernel_entry = kernel;
	use_pcid = pcid;
	guest_handlers[VEC_PF] = on_fault;
	write_cr0(read_cr0() | X86_CR0_WP);
	if (pcid)
		write_cr4(read_cr4() | X86_CR4_PCIDE);
	proc_make(0);
	use_proc(0);
	for (u64 i = 0; i < steps; i++)
		step();
	for (int i = 0; i < 6; i++) {
		GUEST_ASSERT(stats[i]);
		hash = hash * 31 + stats[i];
	}
	for (int n = 0; n < PROCS; n++)
		for (int i = 0; procs[n].live && i < PAGES; i++)
			hash = hash * 31 + (entry_of(&procs[n], i) ?
					    *entry_of(&procs[n], i) : 0);
	ucall(UCALL_DONE, hash, 0, 0, 0, 0);
}

/* ---- host ---------------------------------------------------------------------------------- */

static u64 run(unsigned int kind, u64 seed, bool pcid)
{
	struct vm *vm = vm_new(kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_main);
	u64 r;

	vm_add_mem(vm, 1, POOL, FRAMES * PAGE_4K, 0);
	vcpu_args(v, 4, seed, 4000ul, *(u64 *)vm_hva(vm, vm->pt.root),
		  (u64)pcid);
	r = expect_done(v);
	if (kvm_audit())
		die("seed %lu: audit", seed);
	vm_free(vm);
	return r;
}

/* On shadow tables the end must be that of EPT, where there is EPT */
static bool agrees(unsigned int kind, bool pcid)
{
	for (u64 seed = 1; seed <= 3; seed++) {
		u64 r = run(kind, seed, pcid);

		if (kind == KVM_MMU_KIND_SHADOW && on_our_module() &&
		    mmu_kind_available(KVM_MMU_KIND_EPT) &&
		    r != run(KVM_MMU_KIND_EPT, seed, pcid))
			return false;
	}
	return true;
}

KIND_SUITE(torture_procs)

TEST_F(torture_procs, fork_exit)
{
	ASSERT_TRUE(agrees(variant->kind, false));
}

TEST_F(torture_procs, pcids)
{
	if (!GUEST_HAS_PCID())
		skip_test("no PCIDs");
	ASSERT_TRUE(agrees(variant->kind, true));
}

TEST_HARNESS_MAIN
