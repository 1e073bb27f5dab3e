// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench [-c] [OP...]: what one operation of a guest costs under the KVM that
 * is loaded, for each MMU kind it has. One JSON line each on stdout:
 *
 *	{"op": "cpuid", "kind": "ept", "ticks": 890.0}
 *
 * With -c, when the module counts them, also "vmreads", "vmwrites" and "exits"
 * per operation.
 */
#define SELFTEST_LIB
#include "bench.h"
#include "run.h"

static const char * const counters[] = { "vmreads", "vmwrites", "exits" };

/* -1: not counted */
static int64_t counter(struct vcpu *vcpu, const char *name)
{
	if (strcmp(name, "exits"))
		return stat_read(vcpu->fd, name);
	return stat_read(vcpu->fd, "entries") +
	       stat_read(vcpu->fd, "fast_exits");
}

/* Tables with BENCH_MEM in 4 KiB pages and an empty table for BENCH_HOLE */
static void map_bench(struct pt *pt)
{
	u64 flags = PTE_W | PTE_U | PTE_A | PTE_D;

	for (u64 a = 0; a < BENCH_MEM_SIZE; a += PAGE_2M)
		pt_set(pt, BENCH_MEM + a, 2, 0);
	pt_map_range(pt, BENCH_MEM, BENCH_MEM, BENCH_MEM_SIZE, PAGE_4K, flags);
	pt_set(pt, BENCH_HOLE, 2, 0);
	pt_map(pt, BENCH_HOLE, BENCH_MEM, PAGE_4K, flags);
	pt_set(pt, BENCH_HOLE, 1, 0);
}

static void measure(unsigned int op, unsigned int kind, const char *name,
		    bool count)
{
	const struct bench_op *o = &bench_ops[op];
	struct vm *vm = vm_new(kind);
	struct vcpu *vcpu = vcpu_new(vm, 0, bench_guest);
	struct bench_params *p = guest_var(vm, bench_params);
	int64_t before[ARRAY_SIZE(counters)];
	struct pt second;
	u64 ticks, idle;

	memset(vm_add_mem(vm, 1, BENCH_MEM, BENCH_MEM_SIZE, 0), 1,
	       BENCH_MEM_SIZE);
	map_bench(&vm->pt);
	second = pt_new(vm, PT_4LEVEL);
	map_bench(&second);
	set_gate(vm, VEC_PF, bench_pf);
	p->n = o->n;
	p->cr3[0] = vm->pt.root;
	p->cr3[1] = second.root;
	p->pte = pt_entry_gpa(&vm->pt, BENCH_MEM, 1);
	p->pde = pt_entry_gpa(&vm->pt, BENCH_MEM, 2);
	vcpu_args(vcpu, 1, (u64)op);

	run_to_ucall(vcpu, true);
	for (size_t i = 0; count && i < ARRAY_SIZE(counters); i++)
		before[i] = counter(vcpu, counters[i]);
	run_to_ucall(vcpu, true);
	ticks = vcpu->uc[1];
	printf("{\"op\": \"%s\", \"kind\": \"%s\"", o->name, name);
	for (size_t i = 0; count && i < ARRAY_SIZE(counters); i++) {
		if (before[i] < 0)
			continue;
		printf(", \"%s\": %.2f", counters[i],
		       (double)(counter(vcpu, counters[i]) - before[i]) /
		       o->n);
	}
	run_to_ucall(vcpu, true);
	idle = vcpu->uc[0];
	if (!count)
		printf(", \"ticks\": %.1f",
		       ticks < idle ? 0.0 : (double)(ticks - idle) / o->n);
	printf("}\n");
	fflush(stdout);
	vm_free(vm);
}

int main(int argc, char **argv)
{
	static const struct {
		unsigned int id;
		const char *name;
	} kinds[] = {
		{ KVM_MMU_KIND_EPT, "ept" },
		{ KVM_MMU_KIND_SHADOW, "shadow" },
	};
	bool count = false;
	int opt;

	while ((opt = getopt(argc, argv, "c")) != -1) {
		if (opt != 'c') {
			fprintf(stderr, "usage: bench [-c] [OP...]\n");
			return 2;
		}
		count = true;
	}
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!mmu_kind_available(kinds[k].id))
			continue;
		for (unsigned int i = 0; i < bench_nr_ops; i++) {
			bool wanted = optind == argc;

			for (int a = optind; a < argc; a++)
				wanted |= !strcmp(argv[a], bench_ops[i].name);
			if (wanted)
				measure(i, kinds[k].id, kinds[k].name, count);
		}
	}
	return 0;
}
