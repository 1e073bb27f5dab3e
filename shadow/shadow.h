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
 *  P5. Only indirect level-1 pages are ever unsynchronised, all those of a gfn
 *      together, and only while the gfn has no other indirect page. They
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
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "mmu/host.h"
#include "mmu/pt.h"
#include "mmu/walk.h"

/* Bits of an entry: SDM 3A tables 4-8 to 4-20. 11:9 are ignored, in PAE too */
#define SH_P		BIT_ULL(0)
#define SH_W		BIT_ULL(1)
#define SH_U		BIT_ULL(2)
#define SH_PWT		BIT_ULL(3)
#define SH_PCD		BIT_ULL(4)
#define SH_A		BIT_ULL(5)
#define SH_D		BIT_ULL(6)
#define SH_PS		BIT_ULL(7)
#define SH_NX		BIT_ULL(63)
#define SH_ADDR		GENMASK_ULL(51, 12)
#define SH_PKEY		GENMASK_ULL(62, 59)

#define SH_ENTRIES	512
#define SH_MAX_LEVELS	5

/* role.format: whose entries gpte[] has */
enum shadow_format {
	SHF_DIRECT,		/* nobody's: direct pages */
	SHF_32, SHF_PAE, SHF_LONG,	/* 4 and 5 levels do not differ below CR3 */
};

/* What makes two shadows of one guest page different */
union shadow_role {
	u32 word;
	struct {
		u32 level : 3;		/* of the shadow page, 1 to 5 */
		u32 format : 2;		/* enum shadow_format */
		u32 quadrant : 2;	/* SHF_32: which part of the guest's table */
		u32 access : 3;		/* SH_ACC_*; all but where said above */
		u32 pkey : 4;		/* direct pages below a large page */
		u32 wp0 : 1;		/* guest CR0.WP = 0 */
		u32 nxe : 1;		/* guest EFER.NXE: else bit 63 is reserved; and
					 * what the CPU reports of fetches
					 */
		u32 pse : 1;		/* SHF_32: guest CR4.PSE */
		u32 gbpages : 1;	/* guest CPUID: what is reserved */
		u32 pse36 : 1;
		u32 phys_bits : 6;
	};
};

#define SH_ACC_W	1
#define SH_ACC_U	2
#define SH_ACC_X	4
#define SH_ACC_ALL	7

/* Entries that point to something: none, one (bit 0 clear), or a list (set) */
struct rmap {
	unsigned long val;
};

#define RMAP_DESC_N	6

/*
 * What a guest can make long is bounded, since it is gone through under [m]: the
 * list of one page, tables that are not synchronised (and those that a fast
 * handler synchronises), pages that are recycled at once.
 */
#define SH_RMAP_MAX	1024
#define SH_UNSYNC_MAX	1024
#define SH_UNSYNC_FAST	32
#define SH_UNSYNC_KEEP	8	/* left behind by a CR3 load, if not of its root */
#define SH_REFRESH_MAX	4	/* times a table is read and left unsynchronised */
#define SH_RECLAIM_MAX	256ul

struct rmap_desc {		/* a cache line */
	struct rmap_desc *next;
	u32 n;
	u32 total;		/* entries of the whole list; in its first alone */
	u64 *ep[RMAP_DESC_N];
};

/*
 * 512 guest pages, aligned. Made when the first of them is mapped or becomes a
 * table; freed when the slot goes and nothing is left in it, or with the VM.
 */
struct rmap_block {
	struct rcu_head rcu;		/* gpa_written() reads tables[] without [m] */
	struct rmap head[SH_ENTRIES];	/* leaves that map the page */
	struct rmap large;		/* 2M leaves that map the block */
	u16 tables[SH_ENTRIES];		/* synchronised indirect pages of the gfn */
	u32 nr_tables;			/* sum of tables[] */
};

struct shadow_page {
	struct hlist_node hash;		/* shadow_vm.hash, by gfn; not once dead */
	struct list_head link;		/* shadow_vm.pages, or .dead */
	struct list_head unsync_link;	/* shadow_vm.unsync, while unsync */
	gfn_t gfn;			/* guest table; first page mapped if direct */
	union shadow_role role;
	u64 *table;
	u64 *gpte;			/* NULL if direct */
	struct rmap parents;
	hva_t hva;			/* of the guest table ... */
	u64 hva_generation;		/* ... in this generation of the slots */
	unsigned int roots;		/* root cache slots that name it */
	u16 nr_present;			/* present entries */
	u16 nr_np;			/* GUEST_NP entries that were stored as such */
	u16 writes;			/* emulated writes since one of its entries was made */
	bool unsync;
	u8 refreshed;		/* CR3 loads that read it and left it so */
	bool dead;
};

/* What one fault may need; filled before [m] is taken */
#define SH_CACHE_PAGES	8
#define SH_CACHE_DESCS	48
struct shadow_cache {			/* [v] */
	unsigned int nr_pages, nr_descs;
	struct shadow_page *page[SH_CACHE_PAGES];	/* with table and gpte */
	struct rmap_desc *desc[SH_CACHE_DESCS];
};

/* One way to translate: CR3 value, mode, and the tables for it */
struct shadow_root {
	u64 cr3;		/* guest's, address bits and space */
	u64 pdpte[4];		/* guest's; PAE only */
	union shadow_role role;	/* of the top pages; quadrant 0 */
	bool valid;		/* the slot is in use */
	bool pae;		/* top[] are page directories, hw is a PDPT */
	bool nowhere;		/* some top-level table is in no slot ... */
	u64 generation;		/* ... of this generation */
	u64 hw;			/* for GUEST_CR3, without PCID */
	struct shadow_page *top[4];	/* NULL: not present, or nowhere */
	u64 used;		/* shadow_vcpu.clock at last use */
	u64 epoch;		/* shadow_vcpu.epoch then ... */
	u16 pcid;		/* ... and the guest's PCID */
	u64 id;			/* of what the slot holds, never used again */
};

/*
 * The level-1 page for 2M of guest-virtual memory, as long as no link was ended
 * (shadow_vm.link_gen) and the root is the same.
 */
struct shadow_hint {
	u64 tag;		/* gva >> 21 */
	u64 link_gen;
	struct shadow_root *root;
	u64 root_id;		/* shadow_root.id: the slot may have been used anew */
	struct shadow_page *sp;
	u64 all, nx;		/* W and U that all links have; NX of any */
};

/* What a guest's flush is about */
enum sync_what {
	SYNC_NOTHING,
	SYNC_ROOT,		/* what the root leads to: CR3 was loaded */
	SYNC_ALL,
};

#define SH_HINTS	8
#define SH_NP_SEEN	16
#define SH_ROOTS	24
struct shadow_vcpu {
	struct shadow_cache cache;
	struct shadow_root root[SH_ROOTS];	/* [m], written by the vCPU and zappers */
	struct shadow_root *cur;	/* [m] NULL: prepare() has to find one */
	u64 cur_hw;			/* [v] cur->hw, for load() without [m] */
	struct shadow_hint hint[SH_HINTS];	/* [m] */
	gva_t np_seen[SH_NP_SEEN];	/* [v] faults the guest had lately */
	u64 root_ids;			/* [v] shadow_root.id given out */
	struct shadow_root *prev;	/* [v] the one before: likely the next */
	u64 link_gen;			/* [v] shadow_vm.link_gen at the last flush */
	u64 clock;			/* [v] */
	enum sync_what need_sync;	/* [v] what prepare() is to synchronise */
	u64 epoch;			/* [v] flushes of more than the current PCID */
	u64 (*pdpt)[4];			/* [I] a page below 4 GiB: SH_ROOTS PDPTs */
	u64 flushed_gen;		/* [v] flush_gen its VPID was flushed for ... */
	int last_cpu;			/* [v] ... on this CPU */
	u64 fixed, spurious, synced;	/* [v] */
};

/* An rmap_block used lately, by its number */
#define SH_NEAR		16
struct near_block {
	unsigned long index;
	struct rmap_block *b;	/* or NULL */
};

#define SH_HASH_BITS	12
#define SH_DEAD_MAX	64		/* dead pages that are worth a flush */
struct shadow_vm {
	struct hlist_head hash[1 << SH_HASH_BITS];
	struct list_head pages;		/* all that live; the tail is the youngest */
	struct list_head dead;		/* unlinked, not flushed yet: P10 */
	struct list_head unsync;
	unsigned long nr_pages;		/* on pages and dead */
	unsigned long nr_dead, nr_unsync;
	u64 link_gen;			/* links and large leaves that ended */
	unsigned long quota;		/* limit of nr_pages */
	struct xarray blocks;		/* rmap_block by gfn >> 9; changed with [m] */
	struct near_block near[SH_NEAR];	/* by the low bits of that */
	u64 stale_gen;			/* P9 */
	u64 *nowhere;			/* [I] a table of nothing but TRAP */
	unsigned long leaves[PG_1G + 1];	/* present leaves by level */
	atomic64_t fixed, spurious;	/* of vCPUs that are gone */
	u64 recycled, flooded;		/* pages given back; zapped by floods */
};

struct shadow_hw {
	u64 trap;		/* the TRAP entry; 0 where no address bit is reserved */
	u64 trap_bit;		/* the bit that tells it from a present one, or 0 */
	u64 phys_mask;		/* address bits the CPU has */
	u8 phys_bits;
	bool large;		/* 2M entries may be used */
	bool vpid;
	u64 invvpid_caps;	/* VMX_VPID_EXTENT_*_BIT */
};

extern struct shadow_hw shadow_hw;

static inline struct shadow_vm *shadow_vm(struct vm *vm)
{
	return vm->mmu.priv;
}

static inline struct shadow_vcpu *shadow_vcpu(struct vcpu *vcpu)
{
	return vcpu->mmu.priv;
}

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

/* What an address in an entry of the guest's lacks of a gfn: all of a table's are
 * in its own space
 */
static inline gfn_t sh_space(const struct shadow_page *sp)
{
	return sp->gfn & (MMU_SPACE_SMM >> PAGE_SHIFT);
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

/* P9; [m] held. Call it after the entry has been changed. */
static inline void shadow_note_stale(struct vm *vm)
{
	shadow_vm(vm)->stale_gen = atomic64_read(&vm->mmu.flush_gen);
}

static inline bool shadow_flush_due(struct vm *vm)
{
	return shadow_vm(vm)->stale_gen == atomic64_read(&vm->mmu.flush_gen);
}

/* ---- entry.c: the only stores to entries ------------------------------------ */

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
 * Replacing the same guest page keeps the rmap. It takes nothing from TLBs:
 * where host page or permission get less the
 * caller flushes or calls shadow_note_stale().
 */
void shadow_entry_make(struct vm *vm, struct shadow_cache *cache,
		       struct rmap_block *b, u64 *ep, u64 gpte, u64 e);

/* The same for an entry that would be made of @gpte */
gfn_t shadow_gpte_gfn(const struct shadow_page *sp, unsigned int i, u64 gpte);

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

/* ---- page.c ------------------------------------------------------------------ */

int shadow_cache_fill(struct vcpu *vcpu);	/* 0 or -ENOMEM; may sleep */
void shadow_cache_drain(struct shadow_cache *cache);

/* The live page of @gfn and @role, or NULL */
struct shadow_page *shadow_page_find(struct vm *vm, gfn_t gfn,
				     union shadow_role role);

static inline struct hlist_head *shadow_bucket(struct vm *vm, gfn_t gfn)
{
	return &shadow_vm(vm)->hash[hash_64(gfn, SH_HASH_BITS)];
}

/* The live pages of a guest table: the first, and the one after @sp; or NULL */
static inline struct shadow_page *shadow_page_of(struct hlist_node *n,
						 gfn_t gfn)
{
	struct shadow_page *sp = hlist_entry_safe(n, struct shadow_page, hash);

	hlist_for_each_entry_from(sp, hash)
		if (sp->gfn == gfn && !sh_direct(sp))
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

/* rmap_block_make() if a slot has the page; vm->srcu held */
int shadow_block_make(struct vcpu *vcpu, gfn_t gfn);

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

/* ---- sync.c: P4 and P5 ---------------------------------------------------------- */

/**
 * shadow_unsync_gfn() - let the guest write to a table
 * @vm: the VM; [m] held
 * @gfn: the table
 *
 * Return: false where a page of it has to stay synchronised.
 */
bool shadow_unsync_gfn(struct vm *vm, gfn_t gfn);

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

/* ---- write.c, fault.c, root.c --------------------------------------------------- */

void shadow_gpa_written(struct vm *vm, struct vcpu *vcpu, gpa_t gpa,
			unsigned int len);
bool shadow_unprotect(struct vcpu *vcpu, gpa_t gpa);
int shadow_fault(struct vcpu *vcpu, struct mmu_fault *f);

/* Is GUEST_NP worth it? Asked at each fault of an entry that is not present. */
bool shadow_np_again(struct vcpu *vcpu, gva_t gva);

/*
 * The real CR4.PAE is 1: with EFER.NXE the CPU reports I/D, which a guest without
 * PAE must not see (SDM 3A 4.7)
 */
static inline bool shadow_np_allowed(const struct shadow_page *sp)
{
	return sp->role.format != SHF_32 || !sp->role.nxe;
}

/* fast.c: P13 */
enum mmu_fast shadow_fault_fast(struct vcpu *vcpu, struct mmu_fault *f);
bool shadow_new_cr3_fast(struct vcpu *vcpu, u64 cr3, bool noflush);
bool shadow_invlpg_fast(struct vcpu *vcpu, gva_t gva);

/* Where the guest has the entry that entry @i is made from */
gpa_t shadow_gpte_addr(const struct shadow_page *sp, unsigned int i);

/* Read it without faulting the page in; false where it is not there */
bool shadow_read_gpte(struct vm *vm, gpa_t at, unsigned int bytes, u64 *val);

/* The guest's entry for a present leaf at level 1 is now @gpte; [m] held */
void shadow_sync_leaf(struct vm *vm, struct shadow_page *sp, unsigned int i,
		      u64 gpte);

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

/* The lowest page that translates @gva as far as there are pages, or NULL */
struct shadow_page *shadow_lowest_page(struct vcpu *vcpu, gva_t gva);

/* ---- link.c ----------------------------------------------------------------------- */

/* W, U and NX of a link to an indirect page */
u64 shadow_link_bits(const struct shadow_page *sp, u64 gpte);

/* Role of the page below entry @i of @sp; @direct: below a large guest page */
union shadow_role shadow_child_role(const struct shadow_page *sp, unsigned int i,
				    u64 gpte, bool direct);

/* The table that @gpte, an entry of @sp that is no page, points to */
gfn_t shadow_table_gfn(const struct shadow_page *sp, u64 gpte);

/**
 * shadow_adopt() - link a page to all of its children that there are
 * @vcpu: the vCPU
 * @sp: a page above level 1, made just now and flushed for
 *
 * Context: [m] and vm->srcu held.
 */
void shadow_adopt(struct vcpu *vcpu, struct shadow_page *sp);

/* ---- fault.c ---------------------------------------------------------------------- */

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

/* @gfn stops being a table, or goes out of sync. [m] held, interrupts on. */
void shadow_unprotect_locked(struct vm *vm, gfn_t gfn);

/**
 * shadow_flush() - what was taken away is in no TLB when a vCPU enters next
 * @vcpu: the caller's; outside the guest
 *
 * Context: [m] held; interrupts on unless the VM has one vCPU.
 */
void shadow_flush(struct vcpu *vcpu);

int shadow_prepare(struct vcpu *vcpu);
void shadow_load(struct vcpu *vcpu, struct mmu_hw_root *root);
void shadow_roots_release(struct vcpu *vcpu);

/* Forget @sp in every vCPU's roots (P10); called by shadow_page_zap() */
void shadow_root_forget(struct vm *vm, struct shadow_page *sp);

/* ---- rmap.c ------------------------------------------------------------------------ */

#define RMAP_BLOCK_SHIFT	9

struct rmap_block *rmap_block_find(struct vm *vm, gfn_t gfn);

/* The block @gfn is in, or NULL where none was made; [m] held */
static inline struct rmap_block *rmap_block(struct vm *vm, gfn_t gfn)
{
	unsigned long i = gfn >> RMAP_BLOCK_SHIFT;
	struct near_block *near = &shadow_vm(vm)->near[i % SH_NEAR];

	if (likely(near->b && near->index == i))
		return near->b;
	return rmap_block_find(vm, gfn);
}

/* The same without [m], under RCU */
static inline struct rmap_block *rmap_block_rcu(struct vm *vm, gfn_t gfn)
{
	return xa_load(&shadow_vm(vm)->blocks, gfn >> RMAP_BLOCK_SHIFT);
}

/* Where leaves of @level (PG_4K, PG_2M) for the page are listed */
static inline struct rmap *rmap_of(struct rmap_block *b, gfn_t gfn,
				   unsigned int level)
{
	return level == PG_4K ? &b->head[gfn & (SH_ENTRIES - 1)] : &b->large;
}

/**
 * rmap_block_make() - have a block for the page
 * @vm: the VM; no lock held, may sleep
 * @gfn: a page that a slot has
 *
 * Return: 0 or -ENOMEM. A block can go again until [m] is taken (slot removed):
 * look with rmap_block() under [m].
 */
int rmap_block_make(struct vm *vm, gfn_t gfn);
void rmap_blocks_destroy(struct vm *vm);	/* VM teardown; all empty */
/* Free the empty ones of these pages; [m] held */
void rmap_blocks_trim(struct vm *vm, gfn_t first, gfn_t last);

/* @cache has a descriptor, or the list is not full; see RMAP_DESC_N */
void rmap_add(struct shadow_cache *cache, struct rmap *head, u64 *ep);
/* An empty descriptor goes to @cache where there is one */
void rmap_del(struct shadow_cache *cache, struct rmap *head, u64 *ep);

static inline bool rmap_empty(const struct rmap *head)
{
	return !head->val;
}

/* Any entry of a list, for "while not empty: drop it"; NULL if empty */
u64 *rmap_first(const struct rmap *head);
/* Number of entries */
unsigned int rmap_len(const struct rmap *head);

/* Call @fn for each; it must not change the list. Returns the OR of its answers. */
bool rmap_for_each(struct vm *vm, const struct rmap *head,
		   bool (*fn)(struct vm *vm, u64 *ep));

/* Ask @fn for one after the other until it says yes; has it? */
bool rmap_any(const struct rmap *head,
	      bool (*fn)(const struct rmap *head, u64 *ep, void *data),
	      void *data);
bool rmap_has(const struct rmap *head, u64 *ep);

/* Take W from all of a list. True if one had it; the flush is the caller's. */
bool rmap_protect_list(struct vm *vm, const struct rmap *head);

/**
 * rmap_protect() - no writable entry maps the page, small or large
 * @vm: the VM; [m] held
 * @gfn: the page
 *
 * Return: true if one did; the flush is the caller's.
 */
bool rmap_protect(struct vm *vm, gfn_t gfn);

/* A page of @gfn became a synchronised table (@n = 1), or is none (@n = -1) */
void rmap_count_table(struct vm *vm, gfn_t gfn, int n);

/* Is the page a synchronised table? Then no writable leaf may map it (P4). */
static inline bool rmap_is_table(struct vm *vm, gfn_t gfn)
{
	struct rmap_block *b = rmap_block(vm, gfn);

	return b && b->tables[gfn & (SH_ENTRIES - 1)];
}

/* The same without [m], under RCU */
static inline bool rmap_is_table_rcu(struct vm *vm, gfn_t gfn)
{
	struct rmap_block *b = rmap_block_rcu(vm, gfn);

	return b && READ_ONCE(b->tables[gfn & (SH_ENTRIES - 1)]);
}

/* ---- range.c: members of mmu_kind -------------------------------------------------- */

bool shadow_unmap(struct vm *vm, const struct mmu_range *range);
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

/* ---- shrink.c ------------------------------------------------------------------------ */

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

/* ---- audit.c -------------------------------------------------------------------------- */

int shadow_audit(struct vm *vm, struct seq_file *out);

#endif
