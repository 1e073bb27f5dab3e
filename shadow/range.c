// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host does to ranges of guest memory, carried to every entry that
 * maps them: notifier events, slots that go, the dirty log, ages.
 *
 * All of it goes from reverse-map block to block, so that a range costs what is
 * mapped of it and not what it could hold.
 *
 * A guest table whose memory the host takes away or replaces may come back with
 * other contents, and nobody writes them through gpa_written(): its shadow
 * pages go too. The guest sees what a CPU would show it, whose translations
 * the same event drops.
 */
#include "mmu/kinds.h"
#include "shadow/shadow.h"

/* What block @b, number @i, has in common with pages [start, end): from, to */
static void block_part(unsigned long i, gfn_t start, gfn_t end, gfn_t *from,
		       gfn_t *to)
{
	gfn_t base = (gfn_t)i << RMAP_BLOCK_SHIFT;

	*from = max(start, base);
	*to = min(end, base + SH_ENTRIES);
}

#define for_each_block(vm, i, b, start, end) \
	xa_for_each_range(&shadow_vm(vm)->blocks, i, b, \
			  (start) >> RMAP_BLOCK_SHIFT, \
			  ((end) - 1) >> RMAP_BLOCK_SHIFT)

/* ---- entries away -------------------------------------------------------------- */

/* All shadows of one guest table. Each zap changes the chain: start anew. */
static void zap_table(struct vm *vm, gfn_t gfn)
{
	struct shadow_page *sp;

again:
	for (sp = shadow_first_of(vm, gfn); sp; sp = shadow_next_of(sp)) {
		shadow_page_zap(vm, sp);
		goto again;
	}
}

/* Of guest tables in the range that are not synchronised; nothing counts these */
static void zap_unsync(struct vm *vm, gfn_t start, gfn_t end)
{
	struct shadow_page *sp, *next;

	/* zapping one takes no other off this list */
	list_for_each_entry_safe(sp, next, &shadow_vm(vm)->unsync, unsync_link)
		if (sp->gfn - start < end - start)
			shadow_page_zap(vm, sp);
}

/*
 * No entry maps a page of the range, and no shadow is made of one. Tables are
 * freed after a flush, which is then done; else true: it is the caller's.
 */
static bool zap_range(struct vm *vm, gfn_t start, gfn_t end)
{
	struct rmap_block *b;
	gfn_t gfn, from, to;
	bool any = false;
	unsigned long i;

	for_each_block(vm, i, b, start, end) {
		any |= shadow_entry_drop_list(vm, &b->large);
		block_part(i, start, end, &from, &to);
		for (gfn = from; gfn < to; gfn++)
			any |= shadow_entry_drop_list(vm, rmap_of(b, gfn, PG_4K));
		for (gfn = from; b->nr_tables && gfn < to; gfn++)
			if (b->tables[gfn & (SH_ENTRIES - 1)])
				zap_table(vm, gfn);
	}
	zap_unsync(vm, start, end);
	if (shadow_vm(vm)->nr_dead) {
		shadow_reap(vm);
		return false;
	}
	return any || shadow_flush_due(vm);
}

bool shadow_unmap(struct vm *vm, const struct mmu_range *range)
{
	return zap_range(vm, range->start, range->end);
}

/*
 * What is mapped, or was and may still be in a TLB (P9), and what is a table has a
 * block, which stays until the slot goes.
 */
gfn_t shadow_next_mapped(struct vm *vm, gfn_t gfn, gfn_t end)
{
	unsigned long i = gfn >> RMAP_BLOCK_SHIFT;

	if (!xa_find(&shadow_vm(vm)->blocks, &i, (end - 1) >> RMAP_BLOCK_SHIFT,
		     XA_PRESENT))
		return end;
	return max(gfn, (gfn_t)i << RMAP_BLOCK_SHIFT);
}

bool shadow_slot_removed(struct vm *vm, const struct mmu_range *range)
{
	bool flush = zap_range(vm, range->start, range->end);

	/* a block that another slot has a part of may hold these and look empty */
	zap_unsync(vm, round_down(range->start, SH_ENTRIES),
		   round_up(range->end, SH_ENTRIES));
	if (shadow_vm(vm)->nr_dead)
		shadow_reap(vm);
	rmap_blocks_trim(vm, range->start, range->end - 1);
	return flush;
}

/* The kind's data is found by guest page, not by slot */
int shadow_slot_init(struct vm *vm, struct memslot *slot)
{
	return 0;
}

void shadow_slot_free(struct vm *vm, struct memslot *slot)
{
}

/* ---- permissions away ----------------------------------------------------------- */

bool shadow_write_protect(struct vm *vm, const struct mmu_range *range)
{
	struct rmap_block *b;
	gfn_t gfn, from, to;
	bool any = false;
	unsigned long i;

	for_each_block(vm, i, b, range->start, range->end) {
		any |= rmap_protect_list(vm, &b->large);
		block_part(i, range->start, range->end, &from, &to);
		for (gfn = from; gfn < to; gfn++)
			any |= rmap_protect_list(vm, rmap_of(b, gfn, PG_4K));
	}
	return any || shadow_flush_due(vm);
}

bool shadow_clear_dirty(struct vm *vm, struct memslot *slot, gfn_t first,
			unsigned long mask)
{
	bool any = false;

	for (; mask; mask &= mask - 1)
		any |= rmap_protect(vm, first + __ffs(mask));
	/* the caller lets go of the lock before it flushes */
	if (any)
		shadow_note_stale(vm);
	return any || shadow_flush_due(vm);
}

/*
 * What a guest maps by a large page is in small ones below a direct page since it
 * was logged. Without these pages the next faults make it large again. Pages
 * that the guest maps one by one stay as they are. In steps; what is made or moved
 * in between may be missed, and stays small.
 */
static void collapse(struct vm *vm, gfn_t start, gfn_t end)
{
	struct shadow_vm *sv = shadow_vm(vm);
	unsigned long left = READ_ONCE(sv->nr_pages);
	struct shadow_page *sp;
	unsigned int n;

	while (left) {
		write_lock(&vm->mmu.lock);
		for (n = min(left, SH_RECLAIM_MAX); n; n--, left--) {
			sp = list_first_entry_or_null(&sv->pages,
						      struct shadow_page, link);
			if (!sp) {
				left = 0;
				break;
			}
			if (sh_direct(sp) && sp->role.level == PG_4K &&
			    sp->gfn < end && sp->gfn + SH_ENTRIES > start)
				shadow_page_zap(vm, sp);
			else
				list_move_tail(&sp->link, &sv->pages);
		}
		if (sv->nr_dead)
			shadow_reap(vm);
		write_unlock(&vm->mmu.lock);
		cond_resched();
	}
}

void shadow_dirty_log_changed(struct vm *vm, struct memslot *slot, bool on)
{
	if (!on) {
		collapse(vm, slot->base, slot->base + slot->npages);
		return;
	}
	/* every page is in the log then, and protected when it is cleared */
	if (READ_ONCE(vm->mmu.manual_protect) & KVM_DIRTY_LOG_INITIALLY_SET)
		return;
	/* the log begins when all steps are done */
	mmu_slot_in_steps(vm, slot, shadow_write_protect);
}

/* The CPU logs nothing; P8 has every page in the bitmap that may be written */
void shadow_sync_dirty(struct vcpu *vcpu)
{
}

void shadow_collect_dirty(struct vm *vm)
{
}

/* ---- ages -------------------------------------------------------------------------- */

static bool look_young(struct vm *vm, u64 *ep)
{
	return shadow_entry_young(ep, false);
}

static bool make_old(struct vm *vm, u64 *ep)
{
	return shadow_entry_young(ep, true);
}

/*
 * The A bits of shadow entries are nobody's but the host's: the guest's own are
 * in its tables. As on the host no flush follows, and a page that stays in a TLB
 * looks old until it leaves it.
 */
bool shadow_age(struct vm *vm, const struct mmu_range *range, bool clear)
{
	bool (*fn)(struct vm *vm, u64 *ep) = clear ? make_old : look_young;
	struct rmap_block *b;
	gfn_t gfn, from, to;
	bool young = false;
	unsigned long i;

	for_each_block(vm, i, b, range->start, range->end) {
		young |= rmap_for_each(vm, &b->large, fn);
		block_part(i, range->start, range->end, &from, &to);
		for (gfn = from; gfn < to; gfn++)
			young |= rmap_for_each(vm, rmap_of(b, gfn, PG_4K), fn);
	}
	return young;
}
