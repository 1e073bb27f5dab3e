// SPDX-License-Identifier: GPL-2.0-only
/*
 * Out-of-sync tables (P4, P5 in shadow.h).
 *
 *     synchronised --- guest writes, all pages of the gfn at level 1 ---> unsync
 *          ^                                                           |
 *          +--- CR3 load that leads to it, flush, another use or link -+
 *
 * The way back is: count as a table, protect, flush, read. A write before the
 * flush is read; one after it faults.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "mmu/mmu.h"
#include "shadow/shadow.h"
#include "vmx/insn.h"
#include "x86/x86.h"

/* Bits of a guest entry that do not change which page it maps, nor validity */
#define GPTE_ATTR	(SH_W | SH_U | SH_PWT | SH_PCD | SH_A | SH_D | \
			 BIT_ULL(8) | GENMASK_ULL(11, 9))

gpa_t shadow_gpte_addr(const struct shadow_page *sp, unsigned int i)
{
	gpa_t table = sp->gfn << PAGE_SHIFT;

	if (sp->role.format != SHF_32)
		return table + i * 8;
	if (sp->role.level == 1)
		return table + (sp->role.quadrant * SH_ENTRIES + i) * 4;
	return table + (sp->role.quadrant * SH_ENTRIES + i) / 2 * 4;
}

bool shadow_read_gpte(struct vm *vm, gpa_t at, unsigned int bytes, u64 *val)
{
	struct memslot *slot = memslot_find(memslots_get(vm), at >> PAGE_SHIFT);
	void __user *from;
	u32 val32 = 0;
	int r;

	if (!slot || current->mm != vm->mm)
		return false;
	from = (void __user *)(memslot_hva(slot, at >> PAGE_SHIFT) +
			       offset_in_page(at));
	pagefault_disable();
	if (bytes == 8) {
		r = __get_user(*val, (u64 __user *)from);
	} else {
		r = __get_user(val32, (u32 __user *)from);
		*val = val32;
	}
	pagefault_enable();
	return !r;
}

void __user *shadow_gpte_user(struct vcpu *vcpu, struct shadow_page *sp,
			      unsigned int i)
{
	const struct memslots *slots = memslots_get(vcpu->vm);
	struct memslot *slot;

	if (unlikely(sp->hva_generation != slots->generation)) {
		slot = memslot_find(slots, sp->gfn);
		if (!slot)
			return NULL;
		sp->hva = memslot_hva(slot, sp->gfn);
		sp->hva_generation = slots->generation;
	}
	return (void __user *)(sp->hva +
			       offset_in_page(shadow_gpte_addr(sp, i)));
}

/* The guest's entry for a present leaf at level 1 is now @gpte */
void shadow_sync_leaf(struct vm *vm, struct shadow_page *sp, unsigned int i,
		      u64 gpte)
{
	u64 changed = gpte ^ sp->gpte[i], old = READ_ONCE(sp->table[i]), e;
	u64 attr = GPTE_ATTR;

	if (sp->role.nxe)
		attr |= SH_NX;
	if (sp->role.format == SHF_LONG)	/* reserved with PAE */
		attr |= SH_PKEY;
	if (changed & ~attr || !(gpte & SH_A)) {
		shadow_entry_drop(vm, &sp->table[i]);
		shadow_note_stale(vm);
		return;
	}
	e = (old & ~(SH_W | SH_U | SH_NX | SH_PKEY)) |
	    (shadow_leaf_bits(sp, gpte) & (old | ~SH_W));
	/* the same guest page: no list changes */
	shadow_entry_make(vm, NULL, NULL, &sp->table[i], gpte, e);
	if (e != old)
		shadow_note_stale(vm);
}

/* All present entries again. The table's memory is read as it is, or not there. */
static void sync_page(struct vcpu *vcpu, struct shadow_page *sp)
{
	void __user *from = shadow_gpte_user(vcpu, sp, 0);
	bool wide = sp->role.format != SHF_32;
	unsigned int i;
	u64 gpte;
	u32 val32;

	pagefault_disable();
	for (i = 0; i < SH_ENTRIES && sp->nr_present; i++) {
		if (!sh_present(sp->table[i]))
			continue;
		if (!from) {
			gpte = 0;
		} else if (wide) {
			if (__get_user(gpte, (u64 __user *)from + i))
				gpte = 0;
		} else {
			if (__get_user(val32, (u32 __user *)from + i))
				val32 = 0;
			gpte = val32;
		}
		if (gpte != sp->gpte[i])
			shadow_sync_leaf(vcpu->vm, sp, i, gpte);
	}
	pagefault_enable();
}

bool shadow_unsync_gfn(struct vm *vm, gfn_t gfn)
{
	struct shadow_vm *sv = shadow_vm(vm);
	struct shadow_page *sp;

	for (sp = shadow_first_of(vm, gfn); sp; sp = shadow_next_of(sp))
		if (sp->role.level > 1)
			return false;
	for (sp = shadow_first_of(vm, gfn); sp; sp = shadow_next_of(sp)) {
		if (sp->unsync)
			continue;
		if (sv->nr_unsync >= SH_UNSYNC_MAX)
			return false;
		shadow_entry_np_to_trap(sp);
		sp->unsync = true;
		sp->refreshed = 0;
		list_add_tail(&sp->unsync_link, &sv->unsync);
		sv->nr_unsync++;
		rmap_count_table(vm, gfn, -1);
	}
	return true;
}

/* First half of the way back */
static bool begin_sync(struct vm *vm, struct shadow_page *sp)
{
	sp->unsync = false;
	rmap_count_table(vm, sp->gfn, 1);
	return rmap_protect_table(vm, sp->gfn);
}

static void end_sync(struct vcpu *vcpu, struct list_head *list)
{
	struct shadow_page *sp, *next;

	/* pairs with the barrier in shadow_gpa_written() */
	smp_mb();
	list_for_each_entry_safe(sp, next, list, unsync_link) {
		sync_page(vcpu, sp);
		list_del(&sp->unsync_link);
		shadow_vm(vcpu->vm)->nr_unsync--;
	}
}

/* Guest tables on their way back: all pages of each together (P5) */
static void sync_gfns(struct vcpu *vcpu, const gfn_t *gfn, unsigned int n)
{
	struct vm *vm = vcpu->vm;
	struct shadow_page *sp;
	bool flush = false;
	LIST_HEAD(list);

	for (; n; n--, gfn++) {
		for (sp = shadow_first_of(vm, *gfn); sp;
		     sp = shadow_next_of(sp)) {
			if (!sp->unsync)
				continue;
			list_move_tail(&sp->unsync_link, &list);
			flush |= begin_sync(vm, sp);
		}
	}
	if (list_empty(&list))
		return;
	if (flush || shadow_flush_due(vm))
		shadow_flush(vcpu);
	end_sync(vcpu, &list);
}

void shadow_resync_gfn(struct vcpu *vcpu, gfn_t gfn)
{
	sync_gfns(vcpu, &gfn, 1);
}

void shadow_sync_all(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct shadow_vm *sv = shadow_vm(vm);
	struct shadow_page *sp;
	bool flush = false;

	if (list_empty(&sv->unsync))
		return;
	list_for_each_entry(sp, &sv->unsync, unsync_link)
		flush |= begin_sync(vm, sp);
	if (flush || shadow_flush_due(vm))
		shadow_flush(vcpu);
	end_sync(vcpu, &sv->unsync);
}

/* ---- what a root leads to ---------------------------------------------------------- */

/* Pages looked at on the way up; beyond, a table is taken for reached */
#define REACH_MAX	64

struct reach {
	struct shadow_page *const *from;
	unsigned int n;			/* of them; NULLs are none */
	unsigned int left;
};

static bool link_reached(const struct rmap *head, u64 *ep, void *data);

/* Does one of @r->from lead to @sp? Five levels deep at the most */
static bool reached(const struct shadow_page *sp, struct reach *r)
{
	unsigned int i;

	for (i = 0; i < r->n; i++)
		if (r->from[i] == sp)
			return true;
	if (!r->left)
		return true;
	r->left--;
	return rmap_any(&sp->parents, link_reached, r);
}

static bool link_reached(const struct rmap *head, u64 *ep, void *data)
{
	return reached(sh_page_of(ep), data);
}

static bool is_below(const struct shadow_page *sp,
		     struct shadow_page *const *from, unsigned int n)
{
	struct reach r = { .from = from, .n = n, .left = REACH_MAX };

	return reached(sp, &r);
}

/* Where there are many, simply all */
static void sync_below(struct vcpu *vcpu, struct shadow_page *const *from,
		       unsigned int n)
{
	struct shadow_vm *sv = shadow_vm(vcpu->vm);
	unsigned int nr_tables = 0;
	gfn_t table[SH_UNSYNC_KEEP];
	struct shadow_page *sp;

	if (sv->nr_unsync > SH_UNSYNC_KEEP) {
		shadow_sync_all(vcpu);
		return;
	}
	list_for_each_entry(sp, &sv->unsync, unsync_link)
		if (is_below(sp, from, n))
			table[nr_tables++] = sp->gfn;
	sync_gfns(vcpu, table, nr_tables);
}

void shadow_sync_below(struct vcpu *vcpu, struct shadow_page *sp)
{
	if (sp->role.level > 1 && sp->nr_present &&
	    !list_empty(&shadow_vm(vcpu->vm)->unsync))
		sync_below(vcpu, &sp, 1);
}

/* Entries as they are now, and no flush of other vCPUs; the tables stay as they are */
static bool refresh(struct vcpu *vcpu, const struct shadow_root *r)
{
	struct shadow_page *sp, *reach[SH_UNSYNC_KEEP];
	unsigned int n = 0;

	list_for_each_entry(sp, &shadow_vm(vcpu->vm)->unsync, unsync_link) {
		if (!is_below(sp, r->top, ARRAY_SIZE(r->top)))
			continue;
		if (sp->refreshed >= SH_REFRESH_MAX || n == ARRAY_SIZE(reach))
			return false;
		reach[n++] = sp;
	}
	while (n) {
		sp = reach[--n];
		sp->refreshed++;
		sync_page(vcpu, sp);
	}
	return true;
}

bool shadow_sync_root(struct vcpu *vcpu, const struct shadow_root *r, bool fast)
{
	struct shadow_vm *sv = shadow_vm(vcpu->vm);
	bool alone = READ_ONCE(vcpu->vm->nr_vcpus) == 1;

	if (list_empty(&sv->unsync))
		return true;
	if (fast && sv->nr_unsync > (alone ? SH_UNSYNC_FAST : SH_UNSYNC_KEEP))
		return false;
	if (fast && !alone)
		return refresh(vcpu, r);
	sync_below(vcpu, r->top, ARRAY_SIZE(r->top));
	return true;
}

/* The lowest page that translates @gva as far as there are pages; NULL: none */
static struct shadow_page *lowest_page(struct vcpu *vcpu, gva_t gva)
{
	struct shadow_root *r = shadow_vcpu(vcpu)->cur;
	struct shadow_page *sp;
	u64 e;

	if (!r)
		return NULL;
	for (sp = shadow_top(r, gva); sp && sp->role.level > 1; sp = sh_child(e)) {
		e = READ_ONCE(sp->table[sh_index(gva, sp->role.level)]);
		if (!sh_present(e) || sh_leaf(e, sp->role.level))
			return sp;
	}
	return sp;
}

void shadow_sync_addr(struct vcpu *vcpu, gva_t gva)
{
	struct shadow_page *sp = lowest_page(vcpu, gva);
	unsigned int i = sh_index(gva, 1);
	u64 gpte;

	if (!sp || !sp->unsync || !sh_present(sp->table[i]))
		return;
	if (!shadow_read_gpte(vcpu->vm, shadow_gpte_addr(sp, i), sh_gpte_bytes(sp),
			      &gpte))
		gpte = 0;
	if (gpte != sp->gpte[i])
		shadow_sync_leaf(vcpu->vm, sp, i, gpte);
}
