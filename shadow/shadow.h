/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shadow kind: page tables made from the guest's own, used by the CPU in
 * their place.
 *
 *   guest                                 shadow, always 64-bit entries
 *   CR3 --> table --> table --> page      CR3 --> page  -->  page --> host page
 *             |         |                         |  ^        |  ^
 *             |         |        made from (gfn)  |  |parents |  |
 *             +---------|-------------------------+  +--------+  |
 *                       +----------------------------------------+
 *
 *   shadow_page.table    512 entries          [i] present, GUEST_NP or TRAP
 *   shadow_page.gpte     512 guest entries    [i] what table[i] was made from
 *   shadow_page.parents  the entries that point to it
 *   rmap_block.head[n]   the leaf entries that map guest page n of the block
 *   shadow_vm.hash       pages by gfn; shadow_vm.pages by age
 *
 * Formats. The tables have 4 (5) levels while the guest is in IA-32e mode, and
 * PAE format otherwise. The PDPT of the PAE format is no shadow page: it is 32
 * bytes of the vCPU's own page below 4 GiB (shadow_vcpu.pdpt), because CR3 has
 * 32 bits there. A 32-bit guest table of 1024 entries has two shadow pages at
 * level 1 and four at level 2 (role.quadrant). A guest without paging has direct
 * pages: they map guest-physical addresses one to one and have no gpte.
 *
 * Each level of the shadow has the U, W and NX of the guest's entry at that
 * level, so a page need not know how it was reached. Two exceptions carry the
 * access in the role: direct pages below a large guest page (role.access is that
 * of the large page's entry alone; a link to a direct page allows all), and
 * CR0.WP = 0 (role.wp0), where links allow all and role.access is what all
 * levels above allow together.
 *
 * An entry is one of
 *   present   P set, trap bit clear: a host page, or a table
 *   GUEST_NP  0: the guest's own entry is not present. The CPU reports P = 0, and
 *             the fault goes to the guest without an exit (PFEC filter)
 *   TRAP      shadow_hw.trap, P set and a reserved address bit: not built,
 *             not memory, or something that must be seen. The CPU reports
 *             P = 1, RSVD = 1, which exits. Where MAXPHYADDR leaves no
 *             reserved bit, it is 0 and every #PF exits.
 *
 * Invariants. [m] is vm->mmu.lock held for writing; this kind never takes it for
 * reading.
 *  P1. Everything here is protected by [m] unless a field says otherwise.
 *      Entries are stored to by entry.c alone (M6).
 *  P2. A present leaf is in the rmap of its guest page (head[] or large[]), and
 *      everything in an rmap is a present leaf. A present link is in the child's
 *      parents, and everything in there is a present link.
 *  P3. gpte[i] is valid while table[i] is present and the page is not direct: it
 *      is the guest's entry that it was made from. The leaf's guest page
 *      follows from it (shadow_entry_gfn()).
 *  P4. A page is synchronised (!sp->unsync) or not. For a synchronised indirect
 *      page no writable entry maps its gfn, and no TLB has one (a flush was made
 *      after the last one went): the guest cannot write it unseen. It counts in
 *      rmap_block.tables. Thus present entries and GUEST_NP agree with guest
 *      memory. Guest memory that the host side writes comes in by gpa_written().
 *      All of this holds for the gfn in both address spaces, whose memory is the
 *      same as a rule: what is a table in one counts as one in the other.
 *  P5. Only indirect level-1 pages are ever unsynchronised, all those of a gfn
 *      (in both spaces) together, and only while the gfn has no other indirect page. They
 *      have no GUEST_NP entry: the guest may make entries present without a
 *      flush. Present entries may be older than the guest's, as a TLB may be,
 *      until the guest flushes: INVLPG re-reads the entry, a CR3 load all that
 *      the root leads to, another flush all of the VM (shadow_vm.unsync). What is
 *      linked anew leads to none: the vCPU may have no older translations there.
 *  P6. An entry is made present only while [m] is held and, under it: the guest's
 *      entry was read again and is what the walk found; the host mapping is
 *      still valid (mmu_inv_stale(), H1); the guest page is not a
 *      synchronised table if it is made writable.
 *  P7. A in the guest's entries is set before an entry is made from them, W only
 *      where the leaf's D is set.
 *  P8. W only where the host permits writing (H2), the slot is not read-only,
 *      and, in a slot with a dirty log, the page's bit is set: it is set under
 *      [m] when W is.
 *  P9. What took a translation or a permission away must reach every TLB before
 *      anybody relies on it. Whoever acts for the host flushes all vCPUs
 *      (mmu_flush_all()). Whoever acts for the guest may flush that vCPU alone, as
 *      the guest flushes its other CPUs itself; that leaves stale
 *      translations behind, and shadow_note_stale() records it. From then on
 *      until the next mmu_flush_all() shadow_flush_due() is true, and host
 *      events flush even where they find no entry to change. mmu_flush_all() is
 *      called with [m] held alone: until it is over nobody sees flush_gen.
 * P10. A page that was unlinked (on shadow_vm.dead) is freed after a
 *      mmu_flush_all() that follows: paging-structure caches and CR3 may point
 *      to it. Zapping a root clears it from every vCPU's cache and requests
 *      REQ_MMU_RELOAD of vCPUs that are on it.
 * P11. Before the first entry on a CPU, or after flush_gen moved, or where
 *      need_flush says so, load() invalidates the vCPU's VPID. A vCPU without
 *      a VPID is flushed by VM entry.
 * P12. Nothing is allocated under [m]; shadow_cache_fill() goes before.
 * P13. Fast handlers (interrupts off) take [m] by trying, and never free pages nor
 *      wait for other vCPUs; what needs that is left to the full handler, with
 *      nothing changed.
 * P14. shadow_vm.link_gen goes up with every present entry above level 1 that
 *      ends. Whoever remembers what links lead to (shadow_hint), or has flushed a
 *      single address where a TLB may know more of it, compares.
 */
#ifndef SHADOW_SHADOW_H
#define SHADOW_SHADOW_H

#include <linux/hash.h>
#include "mmu/walk.h"
#include "entry.h"
#include "rmap.h"
#include "types.h"

/* P9; [m] held. Call it after the entry has been changed. */
static inline void shadow_note_stale(struct vm *vm)
{
	shadow_vm(vm)->stale_gen = atomic64_read(&vm->mmu.flush_gen);
}

static inline bool shadow_flush_due(struct vm *vm)
{
	return shadow_vm(vm)->stale_gen == atomic64_read(&vm->mmu.flush_gen);
}

/* ---- page.c ------------------------------------------------------------- */

int shadow_cache_fill(struct vcpu *vcpu);	/* 0 or -ENOMEM; may sleep */
void shadow_cache_drain(struct shadow_cache *cache);

/* The live page of @gfn and @role, or NULL */
struct shadow_page *shadow_page_find(struct vm *vm, gfn_t gfn,
				     union shadow_role role);

static inline struct hlist_head *shadow_bucket(struct vm *vm, gfn_t gfn)
{
	gfn &= ~(gfn_t)(MMU_SPACE_SMM >> PAGE_SHIFT);
	return &shadow_vm(vm)->hash[hash_64(gfn, SH_HASH_BITS)];
}

/*
 * The live pages of a guest table, of both spaces (P4): the first, and the one
 * after @sp; or NULL
 */
static inline struct shadow_page *shadow_page_of(struct hlist_node *n,
						 gfn_t gfn)
{
	struct shadow_page *sp = hlist_entry_safe(n, struct shadow_page, hash);

	hlist_for_each_entry_from(sp, hash)
		if (sh_same_table(sp, gfn))
			return sp;
	return NULL;
}

static inline struct shadow_page *shadow_first_of(struct vm *vm, gfn_t gfn)
{
	return shadow_page_of(shadow_bucket(vm, gfn)->first, gfn);
}

static inline struct shadow_page *shadow_next_of(const struct shadow_page *sp)
{
	return shadow_page_of(sp->hash.next, sp->gfn);
}

/**
 * shadow_page_get() - the page for @gfn and @role, made if there is none
 * @vcpu: the vCPU whose cache supplies it
 * @gfn: guest table, or first page mapped
 * @role: all of it
 * @flush: set where all vCPUs have to be flushed before guest entries are
 *	read for the page (P4)
 *
 * Context: [m] held.
 * Return: the page, or NULL where the cache is empty or the gfn has no block.
 */
struct shadow_page *shadow_page_get(struct vcpu *vcpu, gfn_t gfn,
				    union shadow_role role, bool *flush);
void shadow_pages_destroy(struct vm *vm);	/* VM teardown */

/* Recycle where the quota is reached; [m] held, interrupts on */
void shadow_make_room(struct vm *vm);

/**
 * shadow_page_zap() - unlink a page: entries, parents, hash, roots
 * @vm: the VM; [m] held, interrupts on
 * @sp: a live page
 *
 * It goes to shadow_vm.dead; shadow_reap() frees it. Its children stay.
 */
void shadow_page_zap(struct vm *vm, struct shadow_page *sp);

/**
 * shadow_reap() - flush all vCPUs and free what is dead
 * @vm: the VM; [m] held, interrupts on
 */
void shadow_reap(struct vm *vm);

/* ---- sync.c: P4 and P5 -------------------------------------------------- */

/**
 * shadow_unsync_gfn() - let the guest write to a table
 * @vm: the VM; [m] held
 * @gfn: the table
 *
 * Return: false where a page of it has to stay synchronised.
 */
bool shadow_unsync_gfn(struct vm *vm, gfn_t gfn);

/* Its pages are synchronised and protected again; flushes where that is due */
void shadow_resync_gfn(struct vcpu *vcpu, gfn_t gfn);
void shadow_sync_all(struct vcpu *vcpu);	/* all tables of the VM */

/**
 * shadow_sync_root() - all tables that a root leads to
 * @vcpu: the vCPU that loads it
 * @r: the root
 * @fast: interrupts are off
 *
 * All of the VM where many are unsynchronised. With several vCPUs, @fast reads
 * the guest's entries and leaves the tables unsynchronised, since protecting
 * them takes a flush of all; not again and again.
 *
 * Context: [m] and vm->srcu held.
 * Return: false, with nothing changed, where @fast cannot do it.
 */
bool shadow_sync_root(struct vcpu *vcpu, const struct shadow_root *r, bool fast);

/* All tables that @sp leads to; before it is linked where it was not (P5) */
void shadow_sync_below(struct vcpu *vcpu, struct shadow_page *sp);

/* INVLPG: entries for the address agree with guest memory */
void shadow_sync_addr(struct vcpu *vcpu, gva_t gva);

/* The guest's entry for a present leaf at level 1 is now @gpte; [m] held */
void shadow_sync_leaf(struct vm *vm, struct shadow_page *sp, unsigned int i,
		      u64 gpte);

/* ---- write.c ------------------------------------------------------------ */

void shadow_gpa_written(struct vm *vm, struct vcpu *vcpu, gpa_t gpa,
			unsigned int len);
bool shadow_unprotect(struct vcpu *vcpu, gpa_t gpa);
bool shadow_store_fast(struct vcpu *vcpu, gpa_t gpa, u64 val, unsigned int len);

/* Has the guest's write to a table to be seen? [m] held. Else ask the full handler. */
bool shadow_stays_table(struct vm *vm, gfn_t gfn);

/* @gfn stops being a table, or goes out of sync. [m] held, interrupts on. */
void shadow_unprotect_locked(struct vm *vm, gfn_t gfn);

/**
 * shadow_retire_gfn() - the guest writes to what may be a table no more
 * @vm: the VM; [m] held, interrupts on
 * @gfn: the table
 *
 * Zaps those of its pages that nothing leads to. Roots that vCPUs are on stay, and
 * all that are linked.
 * Return: true if the guest may write now, as shadow_unsync_gfn().
 */
bool shadow_retire_gfn(struct vm *vm, gfn_t gfn);

/* ---- fault.c and link.c ------------------------------------------------- */

int shadow_fault(struct vcpu *vcpu, struct mmu_fault *f);

/* Is GUEST_NP worth it? Asked at each fault of an entry that is not present. */
bool shadow_np_again(struct vcpu *vcpu, gva_t gva);

/* rmap_block_make() if a slot has the page; vm->srcu held */
int shadow_block_make(struct vcpu *vcpu, gfn_t gfn);

/**
 * shadow_adopt() - link a page to all of its children that there are
 * @vcpu: the vCPU
 * @sp: a page above level 1, made just now and flushed for
 *
 * Context: [m] and vm->srcu held.
 */
void shadow_adopt(struct vcpu *vcpu, struct shadow_page *sp);

/* ---- fast.c: P13 -------------------------------------------------------- */

enum mmu_fast shadow_fault_fast(struct vcpu *vcpu, struct mmu_fault *f);
bool shadow_new_cr3_fast(struct vcpu *vcpu, u64 cr3, bool noflush);
bool shadow_invlpg_fast(struct vcpu *vcpu, gva_t gva);

/* ---- root.c and kind.c -------------------------------------------------- */

int shadow_prepare(struct vcpu *vcpu);
void shadow_load(struct vcpu *vcpu, struct mmu_hw_root *root);
void shadow_roots_release(struct vcpu *vcpu);

/* Forget @sp in every vCPU's roots (P10); called by shadow_page_zap() */
void shadow_root_forget(struct vm *vm, struct shadow_page *sp);

/**
 * shadow_flush() - what was taken away is in no TLB when a vCPU enters next
 * @vcpu: the caller's; outside the guest
 *
 * Context: [m] held; interrupts on unless the VM has one vCPU.
 */
void shadow_flush(struct vcpu *vcpu);

/* ---- range.c: members of mmu_kind --------------------------------------- */

bool shadow_unmap(struct vm *vm, const struct mmu_range *range);
gfn_t shadow_next_mapped(struct vm *vm, gfn_t gfn, gfn_t end);
bool shadow_write_protect(struct vm *vm, const struct mmu_range *range);
bool shadow_clear_dirty(struct vm *vm, struct memslot *slot, gfn_t first,
			unsigned long mask);
bool shadow_age(struct vm *vm, const struct mmu_range *range, bool clear);
int shadow_slot_init(struct vm *vm, struct memslot *slot);
void shadow_slot_free(struct vm *vm, struct memslot *slot);
/* Zaps the pages of guest tables in there too; empty blocks are freed */
bool shadow_slot_removed(struct vm *vm, const struct mmu_range *range);
void shadow_dirty_log_changed(struct vm *vm, struct memslot *slot, bool on);
void shadow_sync_dirty(struct vcpu *vcpu);	/* no hardware log: empty */
void shadow_collect_dirty(struct vm *vm);

/* ---- shrink.c ----------------------------------------------------------- */

/* Module parameter shadow_pages (0: by the machine's memory) as the VM's limit */
unsigned long shadow_quota(void);

/**
 * shadow_reclaim() - zap the oldest pages and free them
 * @vm: the VM; [m] held, interrupts on
 * @nr: how many
 *
 * Roots that are current for a vCPU go last. Return: how many were freed.
 */
unsigned long shadow_reclaim(struct vm *vm, unsigned long nr);
unsigned long shadow_shrink(struct vm *vm, unsigned long nr);
bool shadow_limit_pages(struct vm *vm, unsigned long nr);

/* Is a vCPU on this root right now? [m] held */
bool shadow_root_in_use(struct vm *vm, const struct shadow_page *sp);

/* ---- audit.c ------------------------------------------------------------ */

int shadow_audit(struct vm *vm, struct seq_file *out);

#endif
