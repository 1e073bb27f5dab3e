/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an entry is, and what it is made from. The guest's entries are read here,
 * those of the shadow are stored to by entry.c alone (P1).
 */
#ifndef SHADOW_ENTRY_H
#define SHADOW_ENTRY_H

#include <linux/uaccess.h>
#include "types.h"

static inline bool sh_present(u64 e)
{
	return (e & (SH_P | shadow_hw.trap_bit)) == SH_P;
}

/* A present entry that maps a page, not a table */
static inline bool sh_leaf(u64 e, unsigned int level)
{
	return level == 1 || e & SH_PS;
}

static inline kvm_pfn_t sh_pfn(u64 e)
{
	return (e & SH_ADDR) >> PAGE_SHIFT;
}

/* Tables are in the direct map: less to find out than virt_to_page() has */
static inline struct shadow_page *sh_page_at(unsigned long pfn)
{
	return (struct shadow_page *)page_private(pfn_to_page(pfn));
}

/* The page an entry is in, and which entry of it; any pointer into a table */
static inline struct shadow_page *sh_page_of(const u64 *ep)
{
	return sh_page_at(((unsigned long)ep - PAGE_OFFSET) >> PAGE_SHIFT);
}

static inline unsigned int sh_index_of(const u64 *ep)
{
	return offset_in_page(ep) / sizeof(*ep);
}

/* The page that a present link points to */
static inline struct shadow_page *sh_child(u64 e)
{
	return sh_page_at(sh_pfn(e));
}

static inline unsigned int sh_index(gva_t gva, unsigned int level)
{
	return (gva >> (PAGE_SHIFT + 9 * (level - 1))) & (SH_ENTRIES - 1);
}

/* The top page that translates @gva, or NULL; [m] held */
static inline struct shadow_page *shadow_top(const struct shadow_root *r,
					     gva_t gva)
{
	return r->top[r->pae ? (gva >> 30) & 3 : 0];
}

static inline bool sh_direct(const struct shadow_page *sp)
{
	return sp->role.format == SHF_DIRECT;
}

/*
 * What an address in an entry of the guest's lacks of a gfn: all of a table's are
 * in its own space
 */
static inline gfn_t sh_space(const struct shadow_page *sp)
{
	return sp->gfn & (MMU_SPACE_SMM >> PAGE_SHIFT);
}

/*
 * The same table, as far as writes to it go? Memory at one address of both spaces
 * is mostly the same, and nothing is lost where it is not.
 */
static inline bool sh_same_table(const struct shadow_page *sp, gfn_t gfn)
{
	return !sh_direct(sp) &&
	       !((sp->gfn ^ gfn) & ~(gfn_t)(MMU_SPACE_SMM >> PAGE_SHIFT));
}

static inline unsigned int sh_gpte_bytes(const struct shadow_page *sp)
{
	return sp->role.format == SHF_32 ? 4 : 8;
}

/* Does a TLB that remembers @old allow what @new does not? */
static inline bool sh_takes_away(u64 old, u64 new)
{
	return sh_present(old) && ((old ^ new) & (SH_ADDR | SH_PKEY) ||
				   old & ~new & (SH_W | SH_U) ||
				   new & ~old & SH_NX);
}

/* ---- entry.c: the only stores to entries -------------------------------- */

/**
 * shadow_entry_gfn() - guest page that a leaf at this place maps (its first)
 * @sp: page; gpte[@i] valid if it is not direct
 * @i: index
 */
gfn_t shadow_entry_gfn(const struct shadow_page *sp, unsigned int i);

/**
 * shadow_entry_make() - make a leaf present, or replace a present leaf
 * @vm: the VM; [m] held
 * @cache: for the rmap
 * @b: the block of the guest page; it and @cache may be NULL where the entry is
 *	present and maps the same guest page
 * @ep: the entry; not a present link
 * @gpte: guest's entry, kept for P3; ignored in direct pages
 * @e: the entry's value
 *
 * Replacing the same guest page keeps the rmap. It takes nothing from TLBs: where
 * the host page changes or permissions get less, the caller flushes or calls
 * shadow_note_stale().
 */
void shadow_entry_make(struct vm *vm, struct shadow_cache *cache,
		       struct rmap_block *b, u64 *ep, u64 gpte, u64 e);

/* Make a link to @child with permissions @bits; the entry is not present */
void shadow_entry_link(struct vm *vm, struct shadow_cache *cache, u64 *ep,
		       u64 gpte, struct shadow_page *child, u64 bits);

/**
 * shadow_entry_drop() - end a present entry, leaf or link
 * @vm: the VM; [m] held
 * @ep: the entry, in any state
 *
 * It becomes TRAP. Return: true if it was present; the flush is the caller's.
 */
bool shadow_entry_drop(struct vm *vm, u64 *ep);

/* The same for all that are on a list; true if there were any */
bool shadow_entry_drop_list(struct vm *vm, const struct rmap *head);

/* TRAP becomes GUEST_NP and back; the entry is not present */
void shadow_entry_set_np(struct shadow_page *sp, unsigned int i);
void shadow_entry_np_to_trap(struct shadow_page *sp);	/* all of a page */

/* Take W from a present leaf. True if it had it; the flush is the caller's. */
bool shadow_entry_protect(u64 *ep);

/* Was A set in a present leaf? Cleared atomically if @clear. */
bool shadow_entry_young(u64 *ep, bool clear);

/* A new page's table filled with TRAP */
void shadow_entry_fill(u64 *table);

/* ---- the guest's entries ------------------------------------------------ */

/* Where the guest has the entry that entry @i is made from */
gpa_t shadow_gpte_addr(const struct shadow_page *sp, unsigned int i);

/* Read it without faulting the page in; false where it is not there */
bool shadow_read_gpte(struct vm *vm, gpa_t at, unsigned int bytes, u64 *val);

/*
 * Where the guest's entry for entry @i is for us, and NULL where it is nowhere;
 * vm->srcu held
 */
void __user *shadow_gpte_user(struct vcpu *vcpu, struct shadow_page *sp,
			      unsigned int i);

/*
 * The @i-th entry of a guest table that is at @from; false where it is not there.
 * Page faults disabled.
 */
static inline bool shadow_read_nth(const struct shadow_page *sp,
				   void __user *from, unsigned int i, u64 *gpte)
{
	u32 val32;

	if (sp->role.format != SHF_32)
		return !__get_user(*gpte, (u64 __user *)from + i);
	if (__get_user(val32, (u32 __user *)from + i))
		return false;
	*gpte = val32;
	return true;
}

/* ---- what an entry is made to be ---------------------------------------- */

/*
 * The real CR4.PAE is 1: with EFER.NXE the CPU reports I/D, which a guest without
 * PAE must not see (SDM 3A 4.7)
 */
static inline bool shadow_np_allowed(const struct shadow_page *sp)
{
	return sp->role.format != SHF_32 || !sp->role.nxe;
}

/**
 * shadow_leaf_value() - a leaf, but for A, PS and the memory type
 * @sp: the page it is for
 * @gpte: the guest's entry; ignored in direct pages
 * @slot: of the page
 * @b: its block
 * @gfn: the page
 * @page: host address
 * @writable: the host permits writing
 * @write: it is about to be written, and in the log
 */
u64 shadow_leaf_value(const struct shadow_page *sp, u64 gpte,
		      const struct memslot *slot, const struct rmap_block *b,
		      gfn_t gfn, u64 page, bool writable, bool write);

/* U, W, NX and key of a leaf made from @gpte, as far as the guest decides */
u64 shadow_leaf_bits(const struct shadow_page *sp, u64 gpte);

/* W, U and NX of a link to an indirect page */
u64 shadow_link_bits(const struct shadow_page *sp, u64 gpte);

/* Role of the page below entry @i of @sp; @direct: below a large guest page */
union shadow_role shadow_child_role(const struct shadow_page *sp, unsigned int i,
				    u64 gpte, bool direct);

/* The table that @gpte, an entry of @sp that is no page, points to */
gfn_t shadow_table_gfn(const struct shadow_page *sp, u64 gpte);

#endif
