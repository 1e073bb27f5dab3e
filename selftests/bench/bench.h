/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_H
#define BENCH_H

#include "x86.h"

/* What the guest works on, mapped with 4 KiB pages by the tables at CR3 */
#define BENCH_MEM	0x40000000ull	/* guest-physical and -virtual */
#define BENCH_PAGES	4096
#define BENCH_MEM_SIZE	(BENCH_PAGES * PAGE_4K)
#define BENCH_HOLE	0x48000000ull	/* mapped by the guest, entry not present */
#define BENCH_MMIO	0xd0000000ull	/* no memory slot there */
#define BENCH_PORT	0x80
#define BENCH_MSR	MSR_APIC_BASE

/* Told to the guest; tables are mapped one to one, so entries are writable */
struct bench_params {
	u64 n;			/* operations */
	u64 cr3[2];		/* two sets of tables, same contents */
	u64 pte;		/* entry of the first page of BENCH_MEM */
	u64 pde;		/* and that of the table which it is in */
};

struct bench_op {
	const char *name;
	u64 n;
	/* Does n operations; ticks for all, loop included */
	u64 (*run)(const struct bench_params *p);
	/* What of it is not the operation; NULL: an empty loop */
	u64 (*idle)(const struct bench_params *p);
	bool once;		/* no second time: not warmed up */
};

extern const struct bench_op bench_ops[];
extern const unsigned int bench_nr_ops;
extern struct bench_params bench_params;
extern const char bench_pf[];
void bench_guest(u64 op);

#endif
