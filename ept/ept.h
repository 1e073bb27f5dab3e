/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The EPT kind: a tree of tables for each address space of a VM, shared by its
 * vCPUs.
 *
 *   EPTP --> root --> table --> table --> table --> 4K pages
 *                       |          +--> 2M page
 *                       +--> 1G page
 *
 * Invariants:
 *  E1. Entries are stored to by entry.c alone, each with one atomic operation
 *      against the value it was decided on.
 *  E2. mmu.lock held for reading: entries go from not present to present, from
 *      a large page to a table that maps the same (split), gain permissions.
 *      Held for writing: anything. So a table is unlinked under the write lock
 *      only, and nobody who holds the lock has a pointer into a dead table.
 *  E3. Without mmu.lock, under rcu_read_lock(): entries may be read, and
 *      a present leaf may gain the permissions that its own software bits
 *      allow (ept_fix()). An unlinked table is freed after the flush that makes
 *      hardware forget it and after a grace period that makes such readers
 *      forget it.
 *  E4. An entry is made only from a host mapping that is still valid
 *      (mmu/host.h, H1 to H3). EPT_HOST_W says that the host permits writing.
 *  E5. W is set only with EPT_HOST_W; in a slot with a dirty log only while
 *      the page's bit is set or hardware will log the write (PML, D clear).
 *      W is set before the bit in the log: whoever takes the bit away
 *      afterwards finds W and removes it, never the other way round.
 *  E6. D means "hardware need not log this page again" and nothing else. It is
 *      set in every entry of a slot without a dirty log. The host's own page
 *      table is dirty already (H2), so D need not be carried anywhere.
 *  E7. A means accessed where the CPU has A/D bits. Where not, an entry whose
 *      age was asked for loses its permissions (EPT_TRACK, with those taken in
 *      EPT_SAVED_*), and gets them back at the next access. EPT_AROUND marks a
 *      neighbour that was mapped without having been accessed, as far as is
 *      known.
 *  E8. Whatever takes a permission or a translation away asks for a flush, and
 *      it is done before the lock is released (mmu_flush_all()), even for an
 *      entry that has no permission at the moment: a TLB may remember more.
 *      Adding permissions needs none: a CPU that remembers less faults, which
 *      drops what it remembers (SDM 3C 29.4.3.1), and finds the entry good.
 *  E9. Every CPU invalidates what it holds for this root before the first
 *      entry of any vCPU that follows a flush: ept_vm.cpu_gen against
 *      vm->mmu.flush_gen in ept_load(). That covers vCPUs that moved away and
 *      come back, and roots whose page was another VM's root before (a CPU
 *      starts at generation 0, which no VM is ever at).
 * E10. Combined mappings are tagged with the VPID too. A vCPU that comes to
 *      another CPU than its last flushes its VPID there: what the guest
 *      invalidated by INVLPG or CR3 elsewhere may have stayed behind.
 */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include <linux/percpu.h>
#include <asm/vmx.h>
#include "mmu/host.h"
#include "mmu/pt.h"

/* Bits of an entry: SDM 3C tables 29-1 to 29-7 */
#define EPT_R		BIT_ULL(0)
#define EPT_W		BIT_ULL(1)
#define EPT_X		BIT_ULL(2)
#define EPT_RWX		(EPT_R | EPT_W | EPT_X)
#define EPT_MT_WB	(6ull << 3)
#define EPT_MT_UC	(0ull << 3)
#define EPT_IPAT	BIT_ULL(6)
#define EPT_PS		BIT_ULL(7)
#define EPT_A		BIT_ULL(8)
#define EPT_D		BIT_ULL(9)
#define EPT_ADDR	GENMASK_ULL(51, 12)
/* Bits the CPU ignores */
#define EPT_HOST_W	BIT_ULL(52)
#define EPT_TRACK	BIT_ULL(53)
#define EPT_AROUND	BIT_ULL(54)
#define EPT_SAVED_W	BIT_ULL(55)
#define EPT_SAVED_X	BIT_ULL(56)

/* Maps something or points to a table, even if no access is allowed right now */
static inline bool ept_mapped(u64 e)
{
	return e & (EPT_RWX | EPT_TRACK);
}

/* A mapped entry that is no table */
static inline bool ept_leaf(u64 e, unsigned int level)
{
	return level == PG_4K || e & EPT_PS;
}

/* Points to a table; not for level PG_4K. Leaves above it have PS, even if tracked */
static inline bool ept_is_table(u64 e)
{
	return (e & (EPT_R | EPT_PS)) == EPT_R;
}

static inline u64 *ept_table(u64 e)
{
	return __va(e & EPT_ADDR);
}

#define EPT_PML_ENTRIES	512
#define EPT_PML_EMPTY	(~0ull)		/* taken, or never written (vmx/vmcs.c) */

#define EPT_MAX_LEVELS	5
/* Pages that one fault can need: a table for each level below the root */
#define EPT_CACHE_MIN	(EPT_MAX_LEVELS - 1)

struct ept_vm {
	u64 *root[MMU_ADDRESS_SPACES];	/* [I] */
	u64 eptp[MMU_ADDRESS_SPACES];	/* [I] */
	u64 __percpu *cpu_gen;		/* flush_gen that the CPU has flushed for */
	atomic_long_t tables;		/* table pages, the root included */
	atomic_long_t leaves[PG_1G + 1];	/* live mappings by PG_* */
	atomic64_t fixed, spurious;	/* of vCPUs that are gone */
	/* [m] where ept_shrink() goes on: without the address space, and which */
	gfn_t shrink_next;
	unsigned int shrink_space;
};

struct ept_vcpu {
	int last_cpu;			/* [v] where its VPID was last flushed */
	unsigned int nr_cache;		/* [v] */
	struct page *cache[EPT_CACHE_MIN];	/* [v] zeroed pages for tables */
	u64 fixed, spurious;		/* [v] */
};

/* What the CPU offers; constant after hw_setup() */
struct ept_hw {
	const struct pt_format *fmt;	/* 4 or 5 levels */
	unsigned int max_level;		/* PG_*: largest page */
	bool ad;			/* A and D bits */
	bool pml;			/* page-modification logging */
	bool no_exec_large;		/* iTLB multihit: large pages get no X */
	u64 rsvd;			/* address bits above MAXPHYADDR */
	u64 invept_type;
	bool vpid;
	u64 invvpid_caps;		/* VMX_VPID_EXTENT_*_BIT */
};

extern struct ept_hw ept_hw;

static inline struct ept_vm *ept_vm(struct vm *vm)
{
	return vm->mmu.priv;
}

static inline struct ept_vcpu *ept_vcpu(struct vcpu *vcpu)
{
	return vcpu->mmu.priv;
}

static inline unsigned int ept_index(gfn_t gfn, unsigned int level)
{
	return ((gfn & (MMU_GPA_BITS >> PAGE_SHIFT)) >> (9 * (level - 1))) & 511;
}

/* The root's entry for a page */
static inline u64 *ept_root_entry(struct vm *vm, gfn_t gfn)
{
	u64 *root = ept_vm(vm)->root[mmu_gfn_space(gfn) & 1];

	return root + ept_index(gfn, ept_hw.fmt->levels);
}

/* Does hardware log the first write to a page of the slot? */
static inline bool ept_logs_writes(const struct memslot *slot)
{
	return slot->dirty && ept_hw.pml;
}

/* ---- entry.c -------------------------------------------------------------- */

/**
 * ept_walk() - the entry that decides about a page
 * @vm: the VM
 * @gfn: the page
 * @min_level: go no further down than this
 * @level: receives the level of the entry
 *
 * Context: mmu.lock or rcu_read_lock() held.
 * Return: the lowest entry there is: a leaf, an empty one, or a table's entry
 * at @min_level.
 */
u64 *ept_walk(struct vm *vm, gfn_t gfn, unsigned int min_level,
	      unsigned int *level);

/**
 * ept_reach() - the entry for a page at one level, making the tables above it
 * @vcpu: the vCPU, whose cache supplies the pages
 * @gfn: the page
 * @level: PG_*
 * @may_split: interrupts are on, so that a large page in the way can be split,
 *	which ends in a flush
 *
 * Context: mmu.lock held.
 * Return: the entry, or NULL when the cache ran out of pages or a large page
 * would have to be split.
 */
u64 *ept_reach(struct vcpu *vcpu, gfn_t gfn, unsigned int level,
	       bool may_split);

/* Replace @old by @new in place; false where the entry is not @old any more */
bool ept_change(u64 *ep, u64 old, u64 new);

/* Make a leaf where nothing is mapped (@old); counts it. False as above. */
bool ept_make(struct vm *vm, u64 *ep, unsigned int level, u64 old, u64 new);

/* Fill empty entries @ep[0..n) with @val[] where those are not 0. Returns how many. */
unsigned int ept_make_many(struct vm *vm, u64 *ep, const u64 *val,
			   unsigned int n);

/*
 * Take a mapped entry away, tables below it included; [m] held for writing.
 * Tables go to @dead, which ept_free_dead() frees after the flush.
 */
struct ept_dead {
	struct page *list;
	unsigned long nr;
};

void ept_zap(struct vm *vm, u64 *ep, unsigned int level, struct ept_dead *dead);
void ept_free_dead(struct vm *vm, struct ept_dead *dead);

int ept_cache_fill(struct vcpu *vcpu);
void ept_cache_drain(struct vcpu *vcpu);
u64 *ept_root_alloc(struct vm *vm);
void ept_root_free(struct vm *vm, u64 *root);

/* ---- fault.c, range.c, audit.c ---------------------------------------------- */

int ept_fault(struct vcpu *vcpu, struct mmu_fault *f);
enum mmu_fast ept_fault_fast(struct vcpu *vcpu, struct mmu_fault *f);

bool ept_unmap(struct vm *vm, const struct mmu_range *range);
gfn_t ept_next_mapped(struct vm *vm, gfn_t gfn, gfn_t end);
bool ept_write_protect(struct vm *vm, const struct mmu_range *range);
bool ept_clear_dirty(struct vm *vm, struct memslot *slot, gfn_t first,
		     unsigned long mask);
bool ept_age(struct vm *vm, const struct mmu_range *range, bool clear);
bool ept_slot_removed(struct vm *vm, const struct mmu_range *range);
void ept_dirty_log_changed(struct vm *vm, struct memslot *slot, bool on);
unsigned long ept_shrink(struct vm *vm, unsigned long nr);
void ept_sync_dirty(struct vcpu *vcpu);
void ept_collect_dirty(struct vm *vm);

int ept_audit(struct vm *vm, struct seq_file *out);

#endif
