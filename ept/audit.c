// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check every entry against its definition: slot, host mapping, dirty log.
 * With mmu.lock held for writing and no notifier event under way nothing may
 * be in transit, so each deviation is a defect.
 */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include "ept/ept.h"
#include "mmu/apic_page.h"

#define MAX_REPORTED	20	/* lines; all findings are counted */

struct audit {
	struct vm *vm;
	struct seq_file *out;
	const struct memslots *slots;
	bool host;		/* the host's mapping can be read and is at rest */
	int findings;
	long tables, leaves[PG_1G + 1];
};

static void finding(struct audit *a, gfn_t gfn, unsigned int level, u64 e,
		    const char *what)
{
	if (a->findings++ < MAX_REPORTED)
		seq_printf(a->out, "gfn %llx level %u entry %016llx: %s\n",
			   gfn, level, e, what);
}

static void check_host(struct audit *a, const struct memslot *slot, gfn_t gfn,
		       unsigned int level, u64 e)
{
	const char *what;

	if (mmu_is_apic_slot(slot))
		what = (e & EPT_ADDR) == mmu_apic_page_hpa(a->vm) ? NULL :
		       "not the APIC-access page";
	else
		what = host_audit(a->vm, slot, gfn, level,
				  (e & EPT_ADDR) >> PAGE_SHIFT,
				  e & EPT_HOST_W);
	if (what)
		finding(a, gfn, level, e, what);
}

static void check_log(struct audit *a, const struct memslot *slot, gfn_t gfn,
		      unsigned int level, u64 e)
{
	unsigned long i = gfn - slot->base, n = pg_pages(level);

	if (!slot->dirty) {
		if (ept_hw.ad && !(e & EPT_D))
			finding(a, gfn, level, e, "D clear without a log (E6)");
		return;
	}
	if (!(e & (EPT_W | EPT_SAVED_W)) ||
	    find_next_zero_bit(slot->dirty, i + n, i) >= i + n)
		return;
	if (level > PG_4K)
		finding(a, gfn, level, e, "writable large page in a log (E5)");
	else if (!ept_hw.pml)
		finding(a, gfn, level, e, "writable and not in the log (E5)");
	else if (e & EPT_D)
		finding(a, gfn, level, e, "D set and not in the log (E5)");
}

static void check_leaf(struct audit *a, gfn_t gfn, unsigned int level, u64 e)
{
	const struct memslot *slot = memslot_find(a->slots, gfn) ?:
				     mmu_apic_slot(a->vm, gfn);
	gfn_t last = gfn + pg_pages(level) - 1;

	a->leaves[level]++;
	if (!slot || !memslot_has(slot, last)) {
		finding(a, gfn, level, e, "not inside a slot");
		return;
	}
	if (level > ept_hw.max_level)
		finding(a, gfn, level, e, "larger than the CPU allows");
	if (e & ept_hw.rsvd)
		finding(a, gfn, level, e, "address above MAXPHYADDR");
	if (e & EPT_TRACK && (e & EPT_RWX || ept_hw.ad))
		finding(a, gfn, level, e, "permissions while tracked (E7)");
	if (!(e & EPT_TRACK) && !(e & EPT_R))
		finding(a, gfn, level, e, "not readable");
	if (e & (EPT_W | EPT_SAVED_W) && !(e & EPT_HOST_W))
		finding(a, gfn, level, e, "writable, not by the host (E5)");
	if (e & (EPT_W | EPT_SAVED_W) && slot->flags & KVM_MEM_READONLY)
		finding(a, gfn, level, e, "writable in a read-only slot");
	check_log(a, slot, gfn, level, e);
	if (a->host)
		check_host(a, slot, gfn, level, e);
}

static void check_table(struct audit *a, u64 *table, unsigned int level,
			gfn_t gfn)
{
	unsigned int i;

	a->tables++;
	for (i = 0; i < 512; i++, gfn += pg_pages(level)) {
		u64 e = READ_ONCE(table[i]);

		if (!ept_mapped(e)) {
			if (e)
				finding(a, gfn, level, e, "neither empty nor mapped");
			continue;
		}
		if (ept_leaf(e, level))
			check_leaf(a, gfn, level, e);
		else
			check_table(a, ept_table(e), level - 1, gfn);
	}
}

/* slots lock held */
int ept_audit(struct vm *vm, struct seq_file *out)
{
	struct ept_vm *et = ept_vm(vm);
	struct audit a = {
		.vm = vm, .out = out, .slots = memslots_get(vm),
	};
	unsigned int i, l;

	mmu_op(vm, collect_dirty, vm);
	write_lock(&vm->mmu.lock);
	a.host = current->mm == vm->mm && !vm->mmu.inv_count;
	for (i = 0; i < MMU_ADDRESS_SPACES; i++)
		check_table(&a, et->root[i], ept_hw.fmt->levels,
			    mmu_space_base(i) >> PAGE_SHIFT);
	for (l = PG_4K; l <= PG_1G; l++)
		if (a.leaves[l] != atomic_long_read(&et->leaves[l]))
			finding(&a, 0, l, atomic_long_read(&et->leaves[l]),
				"count of mappings is wrong");
	if (a.tables != atomic_long_read(&et->tables))
		finding(&a, 0, 0, atomic_long_read(&et->tables),
			"count of tables is wrong");
	write_unlock(&vm->mmu.lock);
	seq_printf(out, "ept: %ld tables, %ld 4k, %ld 2m, %ld 1g, host %s\n",
		   a.tables, a.leaves[PG_4K], a.leaves[PG_2M], a.leaves[PG_1G],
		   a.host ? "checked" : "not checked");
	return a.findings;
}
