// SPDX-License-Identifier: GPL-2.0-only
/*
 * EPT violations and misconfigurations.
 *
 *   entry only lacks a permission we took ----> give it back, no lock
 *   no slot -------> emulate; no entry says that there is none
 *   slot ----------> what does the host map? -> [read lock] make the entry,
 *                                               and its neighbours' as well
 */
#define pr_fmt(fmt) "kvm: " fmt

#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include "ept/ept.h"
#include "mmu/apic_page.h"

/* Internal answers of the mapping step, apart from enum mmu_result and errnos */
enum map_result {
	MAP_DONE,
	MAP_SPURIOUS,		/* somebody else did it before */
	MAP_STALE,		/* the host's mapping changed: fault again */
	MAP_NEED_PAGES,		/* the cache of table pages ran out */
	MAP_EXCLUSIVE,		/* something must be taken away first: write lock */
};

/* What map_page() may do */
enum map_how {
	MAP_FAST,		/* interrupts are off: no flush */
	MAP_SHARED,		/* mmu.lock held for reading */
	MAP_ALONE,		/* mmu.lock held for writing */
};

static u64 access_needs(u32 access)
{
	return (access & MMU_ACC_READ ? EPT_R : 0) |
	       (access & MMU_ACC_WRITE ? EPT_W : 0) |
	       (access & MMU_ACC_EXEC ? EPT_X : 0);
}

/*
 * What may be set in a present leaf without asking the host (E3): permissions
 * put aside for ageing, and W that was taken away for the dirty log.
 * Returns the new value, which is @e where nothing can be done.
 */
static u64 ept_repair(const struct memslot *slot, u64 e, unsigned int level,
		      u32 access)
{
	u64 new = e;

	if (e & EPT_TRACK) {
		new |= EPT_R;
		new |= e & EPT_SAVED_W ? EPT_W : 0;
		new |= e & EPT_SAVED_X ? EPT_X : 0;
		new &= ~(EPT_TRACK | EPT_SAVED_W | EPT_SAVED_X);
	}
	new &= ~EPT_AROUND;
	if (access & MMU_ACC_WRITE && e & EPT_HOST_W &&
	    !(slot->dirty && level > PG_4K))
		new |= EPT_W | (ept_hw.ad ? EPT_D : 0);
	return new;
}

/* True where the mapped entry is good now, false: go the long way */
static bool fix_entry(struct vcpu *vcpu, const struct memslot *slot, gfn_t gfn,
		      u32 access, u64 *ep, unsigned int level)
{
	u64 need = access_needs(access), e = READ_ONCE(*ep), new;

	if (!ept_mapped(e))
		return false;
	new = ept_repair(slot, e, level, access);
	if ((new & need) != need)
		return false;
	if (new == e) {
		ept_vcpu(vcpu)->spurious++;
		vcpu->stats.pf_spurious++;
		return true;
	}
	if (!ept_change(ep, e, new))
		return false;
	if (access & MMU_ACC_WRITE)
		memslot_mark_dirty(vcpu, slot, gfn);		/* after W: E5 */
	ept_vcpu(vcpu)->fixed++;
	return true;
}

static bool ept_fix(struct vcpu *vcpu, const struct memslot *slot, gfn_t gfn,
		    u32 access)
{
	unsigned int level;
	bool done;
	u64 *ep;

	rcu_read_lock();
	ep = ept_walk(vcpu->vm, gfn, PG_4K, &level);
	done = fix_entry(vcpu, slot, gfn, access, ep, level);
	rcu_read_unlock();
	return done;
}

/* Largest page that slot, host and CPU allow for this access */
static unsigned int map_level(const struct memslot *slot, gfn_t gfn,
			      const struct host_page *p, u32 access)
{
	if (ept_hw.no_exec_large && access & MMU_ACC_EXEC)
		return PG_4K;
	return host_map_level(slot, gfn, p, ept_hw.max_level);
}

/* A leaf for a page that the host maps, as yet neither accessed nor written */
static u64 leaf_base(const struct memslot *slot, bool writable, bool uncached)
{
	u64 e = EPT_R | EPT_X;

	/*
	 * Ordinary memory is write-back whatever the guest's PAT says: nothing
	 * that is not coherent looks at it. What the host itself maps uncached
	 * is a device's, and there the guest's PAT may choose write-combining.
	 */
	e |= uncached ? EPT_MT_UC : EPT_MT_WB | EPT_IPAT;
	if (writable && !(slot->flags & KVM_MEM_READONLY)) {
		e |= EPT_HOST_W;
		if (!slot->dirty || (ept_hw.pml && !slot->moving))
			e |= EPT_W;			/* E5 */
	}
	if (ept_hw.ad && !slot->dirty)
		e |= EPT_D;				/* E6 */
	return e;
}

static u64 leaf_entry(const struct memslot *slot, gfn_t gfn, unsigned int level,
		      const struct host_page *p, u32 access)
{
	u64 e = leaf_base(slot, p->writable, p->uncached);
	kvm_pfn_t pfn = p->pfn;

	if (level > PG_4K) {
		pfn -= gfn & (pg_pages(level) - 1);
		e |= EPT_PS;
		if (ept_hw.no_exec_large)
			e &= ~EPT_X;
	}
	if (access & MMU_ACC_WRITE)
		e |= EPT_W | (ept_hw.ad ? EPT_D : 0);
	if (ept_hw.ad)
		e |= EPT_A;
	return e | (u64)pfn << PAGE_SHIFT;
}

/* The neighbours in around[], turned into entries in place */
static void map_around(struct vcpu *vcpu, const struct memslot *slot, gfn_t gfn,
		       u64 *ep, struct host_page *p)
{
	u64 base_w = leaf_base(slot, true, false);
	u64 base_r = leaf_base(slot, false, false);
	unsigned int i;

	if (!ept_hw.ad) {
		base_w |= EPT_AROUND;			/* E7 */
		base_r |= EPT_AROUND;
	}
	for (i = 0; i < p->nr; i++) {
		u64 v = p->around[i];

		if (v)
			p->around[i] = (v & EPT_ADDR) +
				       (v & HOST_PAGE_WRITE ? base_w : base_r);
	}
	ept_make_many(vcpu->vm, ep - (gfn - p->first), p->around, p->nr);
}

static enum map_result map_page(struct vcpu *vcpu, const struct memslot *slot,
				gfn_t gfn, struct host_page *p, u32 access,
				enum map_how how)
{
	unsigned int level = map_level(slot, gfn, p, access);
	u64 new = leaf_entry(slot, gfn, level, p, access);
	struct vm *vm = vcpu->vm;
	struct ept_dead dead = {};
	u64 *ep, old;

	ep = ept_reach(vcpu, gfn, level, how != MAP_FAST);
	if (!ep)
		return MAP_NEED_PAGES;
	old = READ_ONCE(*ep);
	if (!ept_mapped(old)) {
		if (!ept_make(vm, ep, level, old, new))
			return MAP_STALE;
		if (p->nr > 1)
			map_around(vcpu, slot, gfn, ep, p);
		return MAP_DONE;
	}
	if (ept_leaf(old, level) && (old & EPT_ADDR) == (new & EPT_ADDR)) {
		/* the same page with more permissions; keep A, D and W */
		new |= old & (EPT_RWX | EPT_A | EPT_D);
		if (new == old)
			return MAP_SPURIOUS;
		return ept_change(ep, old, new) ? MAP_DONE : MAP_STALE;
	}
	if (how != MAP_ALONE)
		return MAP_EXCLUSIVE;
	ept_zap(vm, ep, level, &dead);
	mmu_flush_all(vm);
	ept_make(vm, ep, level, 0, new);
	ept_free_dead(vm, &dead);
	return MAP_DONE;
}

static enum map_result map_locked(struct vcpu *vcpu, const struct memslot *slot,
				  gfn_t gfn, struct host_page *p, u32 access,
				  unsigned long seq)
{
	enum map_result r = MAP_STALE;
	struct vm *vm = vcpu->vm;

	read_lock(&vm->mmu.lock);
	if (!host_page_stale(vm, slot, gfn, p, seq))
		r = map_page(vcpu, slot, gfn, p, access, MAP_SHARED);
	read_unlock(&vm->mmu.lock);
	if (r != MAP_EXCLUSIVE)
		return r;

	write_lock(&vm->mmu.lock);
	r = MAP_STALE;
	if (!host_page_stale(vm, slot, gfn, p, seq))
		r = map_page(vcpu, slot, gfn, p, access, MAP_ALONE);
	write_unlock(&vm->mmu.lock);
	return r;
}

static int fault_in(struct vcpu *vcpu, struct memslot *slot, gfn_t gfn,
		    u32 access)
{
	struct vm *vm = vcpu->vm;
	enum map_result res;
	struct host_page p;
	unsigned long seq;
	int r;

	p.vcpu = vcpu;
	p.write = access & MMU_ACC_WRITE;
	p.window = READ_ONCE(mmu_fault_around);
	do {
		r = ept_cache_fill(vcpu);
		if (r)
			return r;
		seq = mmu_inv_begin(vm);
		r = host_lookup(vm, slot, gfn, &p);
		if (r == -EAGAIN || r == -EHWPOISON)
			return MMU_RESUME;	/* for the latter SIGBUS waits */
		if (r)
			return r;
		res = map_locked(vcpu, slot, gfn, &p, access, seq);
	} while (res == MAP_NEED_PAGES);

	switch (res) {
	case MAP_DONE:
		if (p.write)
			memslot_mark_dirty(vcpu, slot, gfn);
		ept_vcpu(vcpu)->fixed++;
		break;
	case MAP_SPURIOUS:
		ept_vcpu(vcpu)->spurious++;
		vcpu->stats.pf_spurious++;
		break;
	default:
		break;
	}
	return MMU_RESUME;
}

static int map_apic_page(struct vcpu *vcpu, struct memslot *slot, gfn_t gfn,
			 u32 access)
{
	struct host_page p = { .write = true };
	struct vm *vm = vcpu->vm;
	enum map_result res;
	int r;

	mmu_apic_host_page(vm, &p);
	do {
		r = ept_cache_fill(vcpu);
		if (r)
			return r;
		res = MAP_STALE;
		read_lock(&vm->mmu.lock);
		if (mmu_apic_slot(vm, gfn))
			res = map_page(vcpu, slot, gfn, &p, access, MAP_SHARED);
		read_unlock(&vm->mmu.lock);
	} while (res == MAP_NEED_PAGES);
	return MMU_RESUME;
}

/* The CPU objects to an entry: all of ours are good ones, so something broke it */
static int misconfig(struct vcpu *vcpu, gfn_t gfn)
{
	unsigned int level;
	u64 e;

	rcu_read_lock();
	e = READ_ONCE(*ept_walk(vcpu->vm, gfn, PG_4K, &level));
	rcu_read_unlock();
	pr_err_ratelimited("EPT misconfiguration: gfn %llx level %u entry %llx\n",
			   gfn, level, e);
	return -EIO;
}

/*
 * A page without memory has no entry: the violation that every access to it
 * causes carries the linear address, which saves the emulator a walk, and the
 * slots answer as quickly as an entry would.
 */
int ept_fault(struct vcpu *vcpu, struct mmu_fault *f)
{
	const struct memslots *slots = memslots_get(vcpu->vm);
	gfn_t gfn = f->gpa >> PAGE_SHIFT;
	struct memslot *slot;

	f->mmio = false;
	if (!mmu_gpa_possible(vcpu->vm, f->gpa)) {
		f->mmio = true;
		return MMU_EMULATE;
	}
	if (unlikely(f->kind == MMU_FAULT_MISCONFIG))
		return misconfig(vcpu, gfn);
	slot = memslot_find_vcpu(vcpu, slots, gfn);
	if (!slot) {
		slot = mmu_apic_slot(vcpu->vm, gfn);
		if (slot)
			return map_apic_page(vcpu, slot, gfn, f->access);
		f->mmio = true;
		return MMU_EMULATE;
	}
	if (f->access & MMU_ACC_WRITE && slot->flags & KVM_MEM_READONLY)
		return MMU_EMULATE;
	if (ept_fix(vcpu, slot, gfn, f->access))
		return MMU_RESUME;
	return fault_in(vcpu, slot, gfn, f->access);
}

/*
 * The page is not mapped, @ep is the entry where the walk ended. mmu.lock held
 * for reading, interrupts off. No sequence number is needed: as long as the
 * lock is held no notifier event can begin, and one under way is seen.
 */
static bool map_fast(struct vcpu *vcpu, struct memslot *slot, gfn_t gfn,
		     u32 access, u64 *ep, unsigned int level)
{
	struct vm *vm = vcpu->vm;
	enum map_result res;
	struct host_page p;

	p.write = access & MMU_ACC_WRITE;
	p.window = READ_ONCE(mmu_fault_around);
	if (!host_look(vm, slot, gfn, &p) ||
	    host_page_stale(vm, slot, gfn, &p, mmu_inv_begin(vm)))
		return false;
	if (level == PG_4K && p.level == PG_4K) {
		if (!ept_make(vm, ep, PG_4K, READ_ONCE(*ep),
			      leaf_entry(slot, gfn, PG_4K, &p, access)))
			return false;
		if (p.nr > 1)
			map_around(vcpu, slot, gfn, ep, &p);
	} else {
		res = map_page(vcpu, slot, gfn, &p, access, MAP_FAST);
		if (res != MAP_DONE && res != MAP_SPURIOUS)
			return false;
	}
	if (p.write)
		memslot_mark_dirty(vcpu, slot, gfn);
	ept_vcpu(vcpu)->fixed++;
	return true;
}

enum mmu_fast ept_fault_fast(struct vcpu *vcpu, struct mmu_fault *f)
{
	gfn_t gfn = f->gpa >> PAGE_SHIFT;
	struct vm *vm = vcpu->vm;
	struct memslot *slot;
	unsigned int level;
	bool done = false;
	u64 *ep;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	slot = memslot_find_vcpu(vcpu, memslots_get(vm), gfn);
	if (!slot || (f->access & MMU_ACC_WRITE && slot->flags & KVM_MEM_READONLY))
		goto out;
	/* whoever holds the lock may be waiting for this CPU: never spin */
	if (!read_trylock(&vm->mmu.lock))
		goto out;
	ep = ept_walk(vm, gfn, PG_4K, &level);
	if (ept_mapped(READ_ONCE(*ep)))
		done = fix_entry(vcpu, slot, gfn, f->access, ep, level);
	else
		done = map_fast(vcpu, slot, gfn, f->access, ep, level);
	read_unlock(&vm->mmu.lock);
out:
	srcu_read_unlock(&vm->srcu, idx);
	return done ? MMU_FAST_DONE : MMU_FAST_NOT;
}
