// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults of a guest on shadow tables.
 *
 *   the guest's tables deny it ----------> the guest's fault; GUEST_NP next time
 *   no slot, or write to a read-only one -> emulate
 *   write to a table ---------------------> level 1: out of sync; else emulate
 *   else: what does the host map? --------> [m] tables down to the entry, entry
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/sched/signal.h>
#include "mmu/apic_page.h"
#include "mmu/mmu.h"
#include "shadow/shadow.h"
#include "vmx/insn.h"
#include "x86/x86.h"

enum build_result {
	BUILD_DONE,
	BUILD_SPURIOUS,		/* the entry was there already */
	BUILD_AGAIN,		/* look again: something changed, or pages ran out */
	BUILD_EMULATE,		/* a write to a table that must not go out of sync */
	BUILD_NO_ROOT,		/* prepare() has to find a root */
};

/* One fault on its way */
struct sh_fault {
	struct vcpu *vcpu;
	gva_t gva;
	u32 access;
	bool delivery;
	bool np;		/* only to GUEST_NP: path.entry[n] is not present */
	struct mmu_path path;
	gfn_t gfn;
	struct memslot *slot;
	struct host_page host;
};

/* ---- what an entry says --------------------------------------------------------- */

/* U, W, NX and key of a leaf made from @gpte, as far as the guest decides */
u64 shadow_leaf_bits(const struct shadow_page *sp, u64 gpte)
{
	unsigned int access = sp->role.access;
	u64 bits = 0;
	bool w, u;

	if (sh_direct(sp)) {
		bits = (access & SH_ACC_W ? SH_W : 0) |
		       (access & SH_ACC_U ? SH_U : 0) |
		       (access & SH_ACC_X ? 0 : SH_NX);
		return bits | (u64)sp->role.pkey << 59;
	}
	w = gpte & SH_W && access & SH_ACC_W;
	u = gpte & SH_U && access & SH_ACC_U;
	/* CR0.WP = 0: the supervisor writes where the user cannot come anyway */
	if (sp->role.wp0 && !u)
		w = true;
	if (w && gpte & SH_D)
		bits |= SH_W;
	if (u)
		bits |= SH_U;
	if (sp->role.format != SHF_32)
		bits |= gpte & SH_NX;
	if (sp->role.format == SHF_LONG)
		bits |= gpte & SH_PKEY;
	return bits;
}

/* Largest page that slot, host, guest and log allow */
static unsigned int map_level(const struct sh_fault *ff)
{
	struct rmap_block *b;

	if (!shadow_hw.large || ff->path.level == PG_4K ||
	    host_map_level(ff->slot, ff->gfn, &ff->host, PG_2M) == PG_4K)
		return PG_4K;
	b = rmap_block(ff->vcpu->vm, ff->gfn);
	if (b && b->nr_tables)
		return PG_4K;		/* one of them must be protected */
	return PG_2M;
}

u64 shadow_leaf_value(const struct shadow_page *sp, u64 gpte,
		      const struct memslot *slot, const struct rmap_block *b,
		      gfn_t gfn, u64 page, bool writable, bool write)
{
	u64 e = shadow_leaf_bits(sp, gpte) | SH_P | SH_D | page;

	if (!writable || slot->flags & KVM_MEM_READONLY ||
	    b->tables[gfn & (SH_ENTRIES - 1)])
		e &= ~SH_W;
	if (slot->dirty && !write &&
	    !test_bit(array_index_nospec(gfn - slot->base, slot->npages),
		      slot->dirty))
		e &= ~SH_W;					/* P8 */
	return e;
}

static u64 leaf_entry(const struct sh_fault *ff, const struct shadow_page *sp,
		      const struct rmap_block *b, u64 gpte)
{
	const struct host_page *host = &ff->host;
	bool write = ff->access & MMU_ACC_WRITE;
	kvm_pfn_t pfn = host->pfn;
	u64 e;

	if (sp->role.level > PG_4K)
		pfn -= ff->gfn & (pg_pages(PG_2M) - 1);
	e = shadow_leaf_value(sp, gpte, ff->slot, b, ff->gfn,
			      (u64)pfn << PAGE_SHIFT, host->writable, write);
	e |= SH_A;
	if (sp->role.level > PG_4K)
		e |= SH_PS;
	/*
	 * The delivery of an event cannot be emulated: let the supervisor write
	 * to what is read-only for the user too, and take it from the user.
	 */
	if (unlikely(write && sp->role.wp0 && !(e & SH_W) && ff->delivery &&
		     host->writable))
		e = (e & ~SH_U) | SH_W;
	/* the real PAT is the host's: entry 0 is write-back, 3 uncached */
	if (host->uncached)
		e |= SH_PCD | SH_PWT;
	return e;
}

/* ---- building; [m] held --------------------------------------------------------- */

/*
 * Is the guest's entry still what the walk found? A and D may have been added by
 * another CPU meanwhile; that makes nothing wrong. Where they were taken away the
 * walk has to set them again (P7).
 */
static bool verify(struct sh_fault *ff, const struct shadow_page *sp,
		   unsigned int pi, u64 *gpte)
{
	u64 found = ff->path.entry[pi].val, now;
	gpa_t at = ff->path.entry[pi].at;

	if (at >> PAGE_SHIFT != sp->gfn ||
	    !shadow_read_gpte(ff->vcpu->vm, at,
			      sp->role.format == SHF_32 ? 4 : 8, &now))
		return false;
	*gpte = now;
	return !((now ^ found) & ~(SH_A | SH_D)) && !(found & ~now);
}

/* The page for a link, protected and flushed; NULL: out of pages */
static struct shadow_page *child_get(struct vcpu *vcpu, gfn_t gfn,
				     union shadow_role role)
{
	struct shadow_page *sp;
	bool flush = false;

	sp = shadow_page_get(vcpu, gfn, role, &flush);
	if (flush)
		shadow_flush(vcpu);
	return sp;
}

static enum build_result make_leaf(struct sh_fault *ff, struct shadow_page *sp,
				   u64 *ep, u64 gpte)
{
	struct vm *vm = ff->vcpu->vm;
	struct rmap_block *b = rmap_block(vm, ff->gfn);
	u64 old = READ_ONCE(*ep), new;

	/* tables may have been made on the way here: map_level() sees them now */
	if (sp->role.level > PG_4K && b->nr_tables)
		return BUILD_AGAIN;
	if (sp->role.level > PG_4K && sh_present(old) &&
	    !sh_leaf(old, sp->role.level)) {
		shadow_entry_drop(vm, ep);
		shadow_note_stale(vm);
		old = READ_ONCE(*ep);
	}
	new = leaf_entry(ff, sp, b, gpte);
	if (ff->access & MMU_ACC_WRITE && new & SH_W)
		memslot_mark_dirty(ff->vcpu, ff->slot, ff->gfn);
	if (sh_present(old) && (old | SH_A) == new)
		return BUILD_SPURIOUS;
	shadow_entry_make(vm, &shadow_vcpu(ff->vcpu)->cache, b, ep, gpte, new);
	if (sh_takes_away(old, new))
		shadow_note_stale(vm);
	return BUILD_DONE;
}

static enum build_result build(struct sh_fault *ff)
{
	struct vcpu *vcpu = ff->vcpu;
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	unsigned int leaf = PG_4K, level, i, pi;
	struct vm *vm = vcpu->vm;
	union shadow_role role;
	struct shadow_page *sp, *child;
	u64 *ep, e, gpte, bits;
	bool direct;
	gfn_t gfn;

	if (!v->cur)
		return BUILD_NO_ROOT;
	sp = shadow_top(v->cur, ff->gva);
	if (!sp)
		return BUILD_NO_ROOT;
	if (!ff->np) {
		if (!rmap_block(vm, ff->gfn))
			return BUILD_AGAIN;
		if (ff->access & MMU_ACC_WRITE && rmap_is_table(vm, ff->gfn) &&
		    !shadow_unsync_gfn(vm, ff->gfn) &&
		    !shadow_retire_gfn(vm, ff->gfn)) {
			if (!ff->delivery)
				return BUILD_EMULATE;
			shadow_unprotect_locked(vm, ff->gfn);
			if (!v->cur)
				return BUILD_NO_ROOT;
			sp = shadow_top(v->cur, ff->gva);
		}
		leaf = map_level(ff);
	}

	for (;; sp = sh_child(*ep)) {
		level = sp->role.level;
		i = sh_index(ff->gva, level);
		ep = &sp->table[i];
		e = READ_ONCE(*ep);
		gpte = 0;
		pi = v->cur->role.level - level;
		if (!sh_direct(sp) && !verify(ff, sp, pi, &gpte))
			return BUILD_AGAIN;
		if (ff->np && level == ff->path.level) {
			if (!sp->unsync && !sh_present(e) && shadow_np_allowed(sp))
				shadow_entry_set_np(sp, i);
			return BUILD_DONE;
		}
		/* The walk failed and has set no A, so no link yet (P7) */
		if (ff->np && !(gpte & SH_A))
			return BUILD_DONE;
		direct = sh_direct(sp) || (!ff->np && level == ff->path.level);
		if (level == PG_4K || (level == leaf && direct))
			return make_leaf(ff, sp, ep, gpte);

		role = shadow_child_role(sp, i, gpte, direct);
		bits = direct ? SH_W | SH_U : shadow_link_bits(sp, gpte);
		gfn = direct ? ff->gfn & ~(pg_pages(level) - 1) :
			       shadow_table_gfn(sp, gpte);
		if (sh_present(e)) {
			if (!sh_leaf(e, level) && sh_child(e)->gfn == gfn &&
			    sh_child(e)->role.word == role.word &&
			    !((e ^ bits) & (SH_W | SH_U | SH_NX)))
				continue;
			shadow_entry_drop(vm, ep);
			shadow_note_stale(vm);
		}
		child = child_get(vcpu, gfn, role);
		if (!child)
			return BUILD_AGAIN;
		shadow_sync_below(vcpu, child);
		shadow_entry_link(vm, &v->cache, ep, gpte, child, bits);
	}
}

/* Host memory that the entry and its neighbours were looked up for */
static bool look_is_stale(const struct sh_fault *ff, unsigned long seq)
{
	if (unlikely(mmu_is_apic_slot(ff->slot)))
		return !mmu_apic_slot(ff->vcpu->vm, ff->gfn);
	return host_page_stale(ff->vcpu->vm, ff->slot, ff->gfn, &ff->host, seq);
}

int shadow_block_make(struct vcpu *vcpu, gfn_t gfn)
{
	if (!memslot_find_vcpu(vcpu, memslots_get(vcpu->vm), gfn) &&
	    !mmu_apic_slot(vcpu->vm, gfn))
		return 0;
	rcu_read_lock();
	if (rmap_block_rcu(vcpu->vm, gfn)) {
		rcu_read_unlock();
		return 0;
	}
	rcu_read_unlock();
	return rmap_block_make(vcpu->vm, gfn);
}

static int make_blocks(struct sh_fault *ff)
{
	unsigned int i;
	int r;

	for (i = 0; i < ff->path.n + ff->np; i++) {
		r = shadow_block_make(ff->vcpu,
				      ff->path.entry[i].at >> PAGE_SHIFT);
		if (r)
			return r;
	}
	return ff->np ? 0 : shadow_block_make(ff->vcpu, ff->gfn);
}

/*
 * Has the page faulted before, and not long ago? Most entries are made present by
 * what handles the fault: it pays for those alone that fault again.
 */
bool shadow_np_again(struct vcpu *vcpu, gva_t gva)
{
	gva_t *seen = &shadow_vcpu(vcpu)->np_seen[(gva >> PAGE_SHIFT) %
						  SH_NP_SEEN];
	gva_t page = gva | ~PAGE_MASK;

	if (*seen == page)
		return shadow_hw.trap;
	*seen = page;
	return false;
}

/* The guest's fault: let the next one of an entry that is not present not exit */
static void note_not_present(struct sh_fault *ff)
{
	struct vm *vm = ff->vcpu->vm;

	if (!shadow_np_again(ff->vcpu, ff->gva) || make_blocks(ff))
		return;
	write_lock(&vm->mmu.lock);
	shadow_make_room(vm);
	build(ff);
	write_unlock(&vm->mmu.lock);
}

/* 0: map the page; else enum mmu_result + 1, or -errno */
static int translate(struct sh_fault *ff, struct mmu_fault *f)
{
	struct vcpu *vcpu = ff->vcpu;
	int r;

	r = mmu_walk(vcpu, f->gva, f->access, &ff->path, &f->exception);
	if (r == MMU_INJECT) {
		ff->np = ff->path.level && !(f->exception.error & PFEC_P);
		if (ff->np)
			note_not_present(ff);
		return MMU_INJECT + 1;
	}
	if (r < 0)
		return r;
	f->gpa = ff->path.gpa;
	ff->gfn = f->gpa >> PAGE_SHIFT;
	ff->slot = !mmu_gpa_possible(vcpu->vm, f->gpa) ? NULL :
		   memslot_find_vcpu(vcpu, memslots_get(vcpu->vm), ff->gfn);
	if (!ff->slot)
		ff->slot = mmu_apic_slot(vcpu->vm, ff->gfn);
	if (!ff->slot) {
		f->mmio = true;
		return MMU_EMULATE + 1;
	}
	if (!(f->access & MMU_ACC_WRITE))
		return 0;
	if (ff->slot->flags & KVM_MEM_READONLY)
		return MMU_EMULATE + 1;
	/* CR0.WP = 0 lets the supervisor write where the user can read only */
	if (unlikely(!ff->path.writable && ff->path.user && !f->delivery))
		return MMU_EMULATE + 1;
	return 0;
}

/*
 * The entry allows what faulted. Either another vCPU has made it meanwhile, or
 * this was an implicit supervisor access (to a descriptor table, say), which the
 * error code does not tell from others and RFLAGS.AC does not excuse.
 */
static int spurious(struct sh_fault *ff, struct mmu_fault *f)
{
	struct vcpu *vcpu = ff->vcpu;
	int r;

	shadow_vcpu(vcpu)->spurious++;
	vcpu->stats.pf_spurious++;
	if (f->error_code & (PFEC_U | PFEC_RSVD | PFEC_I) ||
	    !(f->error_code & PFEC_P) || !ff->path.user ||
	    !(x86_cr4(vcpu) & X86_CR4_SMAP))
		return MMU_RESUME;
	r = mmu_walk(vcpu, f->gva, f->access | MMU_ACC_SYSTEM, &ff->path,
		     &f->exception);
	return r;
}

/*
 * The top-level table is in no memory and reads as all ones; without CR4.PSE that
 * is a table, perhaps in memory. There is nothing to make a shadow of, and
 * prepare() would find the same root again.
 */
static bool nowhere(struct vcpu *vcpu)
{
	const struct shadow_root *r;
	bool is;

	write_lock(&vcpu->vm->mmu.lock);
	r = shadow_vcpu(vcpu)->cur;
	is = r && r->nowhere &&
	     r->generation == memslots_get(vcpu->vm)->generation;
	write_unlock(&vcpu->vm->mmu.lock);
	return is;
}

int shadow_fault(struct vcpu *vcpu, struct mmu_fault *f)
{
	struct sh_fault ff = {
		.vcpu = vcpu, .gva = f->gva, .access = f->access,
		.delivery = f->delivery,
	};
	enum build_result res;
	struct vm *vm = vcpu->vm;
	unsigned long seq;
	int r;

	f->mmio = false;
	if (WARN_ON_ONCE(f->kind != MMU_FAULT_PF))
		return -EIO;
	do {
		r = shadow_cache_fill(vcpu);
		if (r)
			return r;
		r = translate(&ff, f);
		if (r)
			return r < 0 ? r : r - 1;
		r = make_blocks(&ff);
		if (r)
			return r;
		ff.host.write = f->access & MMU_ACC_WRITE;
		ff.host.window = 1;
		ff.host.vcpu = vcpu;
		seq = mmu_inv_begin(vm);
		if (unlikely(mmu_is_apic_slot(ff.slot)))
			mmu_apic_host_page(vm, &ff.host);
		else
			r = host_lookup(vm, ff.slot, ff.gfn, &ff.host);
		if (r == -EAGAIN || r == -EHWPOISON)
			return MMU_RESUME;
		if (r)
			return r;
		write_lock(&vm->mmu.lock);
		shadow_make_room(vm);
		res = BUILD_AGAIN;
		if (!look_is_stale(&ff, seq))
			res = build(&ff);
		write_unlock(&vm->mmu.lock);
	} while (res == BUILD_AGAIN && !signal_pending(current) &&
		 !need_resched());

	switch (res) {
	case BUILD_DONE:
		shadow_vcpu(vcpu)->fixed++;
		break;
	case BUILD_SPURIOUS:
		return spurious(&ff, f);
	case BUILD_EMULATE:
		return MMU_EMULATE;
	case BUILD_NO_ROOT:
		if (nowhere(vcpu)) {
			/* what was to be delivered cannot be emulated */
			f->mmio = f->delivery;
			return MMU_EMULATE;
		}
		vcpu->mmu.need_prepare = true;
		break;
	case BUILD_AGAIN:
		break;
	}
	return MMU_RESUME;
}
