// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest tables written by the host side: by the emulator for an instruction of
 * the guest that met the write protection, or by anybody else.
 */
#include <linux/mm.h>
#include "shadow/shadow.h"

/*
 * A table that is written this often without an entry of it being used again is
 * being torn down, or is none any more.
 */
#define FLOOD	12

/* Entries of the page that [@from, @to) of its guest table decides about */
static void entries_of(const struct shadow_page *sp, unsigned int from,
		       unsigned int to, unsigned int *first, unsigned int *end)
{
	unsigned int shift = 3, per = 1, begin = 0;

	if (sp->role.format == SHF_32) {
		shift = 2;
		per = sp->role.level > 1 ? 2 : 1;
		begin = sp->role.quadrant * SH_ENTRIES;
	}
	*first = (from >> shift) * per;
	*end = ((to - 1) >> shift) * per + per;
	*first = clamp(*first, begin, begin + SH_ENTRIES) - begin;
	*end = clamp(*end, begin, begin + SH_ENTRIES) - begin;
}

/* Drop what was made of the entries that changed */
static void table_written(struct vm *vm, struct shadow_page *sp,
			  unsigned int from, unsigned int to)
{
	unsigned int i, end;

	entries_of(sp, from, to, &i, &end);
	for (; i < end; i++) {
		if (shadow_entry_drop(vm, &sp->table[i]))
			shadow_note_stale(vm);
	}
}

void shadow_gpa_written(struct vm *vm, struct vcpu *vcpu, gpa_t gpa,
			unsigned int len)
{
	gfn_t gfn = gpa >> PAGE_SHIFT;
	struct shadow_vm *sv = shadow_vm(vm);
	struct shadow_page *sp;
	struct hlist_node *next;
	bool table;

	/*
	 * Memory was written; now see who is about to read it: pairs with the
	 * barrier in shadow_page_get(), which comes before the entries are read.
	 */
	smp_mb();
	rcu_read_lock();
	table = rmap_is_table_rcu(vm, gfn);
	rcu_read_unlock();
	if (likely(!table))
		return;

	write_lock(&vm->mmu.lock);
	hlist_for_each_entry_safe(sp, next, shadow_bucket(vm, gfn), hash) {
		if (!sh_same_table(sp, gfn) || sp->unsync)
			continue;
		table_written(vm, sp, offset_in_page(gpa),
			      offset_in_page(gpa) + len);
		if (++sp->writes >= FLOOD) {
			sv->flooded++;
			shadow_page_zap(vm, sp);
		}
	}
	if (sv->nr_dead > SH_DEAD_MAX)
		shadow_reap(vm);
	write_unlock(&vm->mmu.lock);
}

/*
 * Most guests free a table by taking the link to it away, and clear the page when
 * it is used again, perhaps for something else. A root has no link: one write may
 * be to the tables of a process that does not run now.
 */
static bool retired(struct vm *vm, const struct shadow_page *sp)
{
	if (sp->unsync || !rmap_empty(&sp->parents))
		return false;
	return !sp->roots || (sp->writes && !shadow_root_in_use(vm, sp));
}

bool shadow_retire_gfn(struct vm *vm, gfn_t gfn)
{
	struct hlist_node *next;
	struct shadow_page *sp;

	hlist_for_each_entry_safe(sp, next, shadow_bucket(vm, gfn), hash)
		if (sh_same_table(sp, gfn) && retired(vm, sp))
			shadow_page_zap(vm, sp);
	return shadow_unsync_gfn(vm, gfn);
}

bool shadow_stays_table(struct vm *vm, gfn_t gfn)
{
	struct shadow_page *sp;
	bool stays = false;

	for (sp = shadow_first_of(vm, gfn); sp; sp = shadow_next_of(sp)) {
		if (retired(vm, sp))
			return false;
		stays |= sp->role.level > 1;
	}
	return stays;
}

static bool store_locked(struct vcpu *vcpu, gpa_t gpa, u64 val, unsigned int len)
{
	struct vm *vm = vcpu->vm;
	gfn_t gfn = gpa >> PAGE_SHIFT;
	struct shadow_page *sp;

	/* pages are zapped by the full handler (P13) */
	for (sp = shadow_first_of(vm, gfn); sp; sp = shadow_next_of(sp))
		if (sp->writes + 1 >= FLOOD)
			return false;
	if (guest_store_quiet(vcpu, gpa, val, len))
		return false;
	for (sp = shadow_first_of(vm, gfn); sp; sp = shadow_next_of(sp)) {
		if (sp->unsync)
			continue;
		table_written(vm, sp, offset_in_page(gpa),
			      offset_in_page(gpa) + len);
		sp->writes++;
	}
	return true;
}

/* Who reads entries for a page holds the lock too: no barrier is needed here */
bool shadow_store_fast(struct vcpu *vcpu, gpa_t gpa, u64 val, unsigned int len)
{
	struct vm *vm = vcpu->vm;
	bool done;

	if (!write_trylock(&vm->mmu.lock))
		return false;
	done = store_locked(vcpu, gpa, val, len);
	write_unlock(&vm->mmu.lock);
	return done;
}

void shadow_unprotect_locked(struct vm *vm, gfn_t gfn)
{
	struct hlist_node *next;
	struct shadow_page *sp;

	if (shadow_unsync_gfn(vm, gfn))
		return;
	hlist_for_each_entry_safe(sp, next, shadow_bucket(vm, gfn), hash)
		if (sh_same_table(sp, gfn))
			shadow_page_zap(vm, sp);
	shadow_reap(vm);
}

bool shadow_unprotect(struct vcpu *vcpu, gpa_t gpa)
{
	struct vm *vm = vcpu->vm;
	bool was;

	write_lock(&vm->mmu.lock);
	was = rmap_is_table(vm, gpa >> PAGE_SHIFT);
	if (was)
		shadow_unprotect_locked(vm, gpa >> PAGE_SHIFT);
	write_unlock(&vm->mmu.lock);
	return was;
}
