// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations: code that runs in the guest. Figures are TSC ticks, which
 * in the emulated test host are instructions.
 */
#include "guest.h"
#include "bench.h"

struct bench_params bench_params;

#define TICKS(body) ({						\
	u64 t_ = rdtsc();					\
								\
	body;							\
	rdtsc() - t_;						\
})

#define LOOP(count, body)					\
	TICKS(for (u64 i = 0; i < (count); i++) body)

static inline void touch(u64 addr)
{
	asm volatile("movb (%0), %%al" : : "r"(addr) : "rax", "memory");
}

static u64 empty(const struct bench_params *p)
{
	return LOOP(p->n, asm volatile(""));
}

static u64 op_cpuid(const struct bench_params *p)
{
	return LOOP(p->n, asm volatile("xor %%eax, %%eax; cpuid"
				       : : : "eax", "ebx", "ecx", "edx"));
}

static u64 op_vmcall(const struct bench_params *p)
{
	return LOOP(p->n, asm volatile("vmcall" : : "a"(0x7fffffff)
				       : "memory"));
}

static u64 op_rdmsr(const struct bench_params *p)
{
	return LOOP(p->n, asm volatile("rdmsr" : : "c"(BENCH_MSR)
				       : "eax", "edx"));
}

static u64 op_pio_out(const struct bench_params *p)
{
	return LOOP(p->n, outb(BENCH_PORT, 1));
}

static u64 op_pio_in(const struct bench_params *p)
{
	return LOOP(p->n, inb(BENCH_PORT));
}

static u64 op_mmio_write(const struct bench_params *p)
{
	return LOOP(p->n, write32(BENCH_MMIO, 1));
}

static u64 op_mmio_read(const struct bench_params *p)
{
	return LOOP(p->n, read32(BENCH_MMIO));
}

/* A byte is an operation: pages of them by string instructions */
static void rep_outs(void)
{
	u64 from = BENCH_MEM, n = PAGE_4K;

	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(BENCH_PORT) : "memory");
}

static void rep_ins(void)
{
	u64 to = BENCH_MEM, n = PAGE_4K;

	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(BENCH_PORT) : "memory");
}

static u64 op_rep_outs(const struct bench_params *p)
{
	return LOOP(p->n / PAGE_4K, rep_outs());
}

static u64 op_rep_ins(const struct bench_params *p)
{
	return LOOP(p->n / PAGE_4K, rep_ins());
}

static u64 nothing(const struct bench_params *p)
{
	return 0;
}

static u64 op_touch_4k(const struct bench_params *p)
{
	return LOOP(p->n, touch(BENCH_MEM + i * PAGE_4K));
}

static u64 op_cr3(const struct bench_params *p)
{
	u64 cr3 = p->cr3[0];

	return LOOP(p->n, write_cr3(cr3));
}

static u64 op_invlpg(const struct bench_params *p)
{
	return LOOP(p->n, invlpg(BENCH_MEM));
}

/* The handler steps over the two bytes of the instruction */
asm(".globl bench_pf\n"
	"bench_pf:\n\t"
	"add $8, %rsp\n\t"
	"addq $2, (%rsp)\n\t"
	"iretq\n");

static u64 op_pf_reflect(const struct bench_params *p)
{
	return LOOP(p->n, asm volatile("movb (%%rbx), %%al"
				       : : "b"(BENCH_HOLE)
				       : "rax", "memory"));
}

static u64 pte_of(u64 page)
{
	return (BENCH_MEM + page * PAGE_4K) | PTE_P | PTE_W | PTE_U | PTE_A |
	       PTE_D;
}

static u64 op_pte_write(const struct bench_params *p)
{
	volatile u64 *pte = (u64 *)p->pte;
	u64 e[2] = { pte_of(0), pte_of(1) };

	return LOOP(p->n, {
		*pte = e[i & 1];
		invlpg(BENCH_MEM);
		touch(BENCH_MEM);
	});
}

/*
 * A table above the lowest level: where tables are shadowed, writes to it are
 * emulated. Now and then it is used, or it would no longer be taken for a table.
 */
static __always_inline void use_table(volatile u64 *pde, u64 e, u64 i)
{
	if (i % 8)
		return;
	*pde = e ^ (i & 8) << 6;	/* a bit for software */
	invlpg(BENCH_MEM);
	touch(BENCH_MEM);
}

static u64 op_pde_write(const struct bench_params *p)
{
	volatile u64 *pde = (u64 *)p->pde;
	u64 e = *pde;

	return LOOP(p->n, {
		pde[300] = (i & 1) << 9;	/* not present before and after */
		use_table(pde, e, i);
	});
}

static u64 idle_pde_write(const struct bench_params *p)
{
	volatile u64 *pde = (u64 *)p->pde;
	u64 e = *pde;

	return LOOP(p->n, use_table(pde, e, i));
}

static u64 op_pte_write_many(const struct bench_params *p)
{
	volatile u64 *pte = (u64 *)p->pte;

	return LOOP(p->n, {
		u64 at = i % BENCH_PAGES;

		pte[at] = pte_of(at ^ 1);
		invlpg(BENCH_MEM + at * PAGE_4K);
		touch(BENCH_MEM + at * PAGE_4K);
	});
}

static u64 idle_pte_write_many(const struct bench_params *p)
{
	volatile u64 *at_end = &bench_params.n;

	return LOOP(p->n, asm volatile("" : : "r"(pte_of((i % BENCH_PAGES) ^ 1)),
				       "r"(at_end)));
}

static u64 op_switch(const struct bench_params *p)
{
	u64 a = p->cr3[0], b = p->cr3[1];

	return LOOP(p->n, {
		write_cr3(a);
		touch(BENCH_MEM + 0 * PAGE_4K);
		touch(BENCH_MEM + 1 * PAGE_4K);
		touch(BENCH_MEM + 2 * PAGE_4K);
		touch(BENCH_MEM + 3 * PAGE_4K);
		write_cr3(b);
		touch(BENCH_MEM + 4 * PAGE_4K);
		touch(BENCH_MEM + 5 * PAGE_4K);
		touch(BENCH_MEM + 6 * PAGE_4K);
		touch(BENCH_MEM + 7 * PAGE_4K);
	});
}

/* Per page: n is a multiple of 512 */
static u64 op_unmap_storm(const struct bench_params *p)
{
	volatile u64 *pte = (u64 *)p->pte;
	u64 cr3 = p->cr3[0];

	return LOOP(p->n / 512, {
		for (u64 k = 0; k < 512; k++)
			pte[k] = 0;
		write_cr3(cr3);
		for (u64 k = 0; k < 512; k++)
			pte[k] = pte_of(k);
		for (u64 k = 0; k < 512; k++)
			touch(BENCH_MEM + k * PAGE_4K);
	});
}

const struct bench_op bench_ops[] = {
	{ "cpuid", 4000, op_cpuid, empty },
	{ "vmcall", 4000, op_vmcall, empty },
	{ "rdmsr", 4000, op_rdmsr, empty },
	{ "pio_out", 2000, op_pio_out, empty },
	{ "pio_in", 2000, op_pio_in, empty },
	{ "mmio_write", 2000, op_mmio_write, empty },
	{ "mmio_read", 2000, op_mmio_read, empty },
	{ "rep_outs", 8 * PAGE_4K, op_rep_outs, nothing },
	{ "rep_ins", 8 * PAGE_4K, op_rep_ins, nothing },
	/* the second time the pages are there */
	{ "touch_4k", BENCH_PAGES, op_touch_4k, op_touch_4k, true },
	{ "cr3", 4000, op_cr3, empty },
	{ "invlpg", 4000, op_invlpg, empty },
	{ "pf_reflect", 4000, op_pf_reflect, empty },
	{ "pte_write", 2000, op_pte_write, empty },
	{ "pde_write", 2000, op_pde_write, idle_pde_write },
	{ "pte_write_many", 2 * BENCH_PAGES, op_pte_write_many,
	  idle_pte_write_many },
	{ "switch", 2000, op_switch, empty },
	{ "unmap_storm", 8 * 512, op_unmap_storm, empty },
};

const unsigned int bench_nr_ops = ARRAY_SIZE(bench_ops);

/* Sync 1: ready to measure. Sync 2: measured, with the ticks. Done: idle. */
void bench_guest(u64 op)
{
	const struct bench_op *o = &bench_ops[op];
	struct bench_params warm = bench_params;
	u64 ticks;

	if (!o->once) {
		if (warm.n > 2 * BENCH_PAGES)
			warm.n = BENCH_PAGES;
		o->run(&warm);
	}
	GUEST_SYNC(1);
	ticks = o->run(&bench_params);
	GUEST_SYNC_ARGS(2, ticks, 0, 0, 0);
	GUEST_RETURN(o->idle(&bench_params));
}
