/* SPDX-License-Identifier: GPL-2.0-only */
/* Structures of the shadow kind; how they hang together: shadow.h */
#ifndef SHADOW_TYPES_H
#define SHADOW_TYPES_H

#include <linux/list.h>
#include <linux/mm.h>
#include "mmu/host.h"
#include "mmu/pt.h"

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
		u32 access : 3;		/* SH_ACC_*; all but where shadow.h says */
		u32 pkey : 4;		/* direct pages below a large page */
		u32 wp0 : 1;		/* guest CR0.WP = 0 */
		/* guest EFER.NXE: is bit 63 reserved, what faults tell of fetches */
		u32 nxe : 1;
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
	u16 tables[SH_ENTRIES];		/* synchronised indirect pages of the gfn,
					 * here and in the other space
					 */
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
	u8 refreshed;			/* CR3 loads that read it and left it so */
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
	struct rmap_block *b;		/* or NULL */
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
	bool two_spaces;		/* a block was made in that of SMM */
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

#endif
