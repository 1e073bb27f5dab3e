// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done right after the exit, with interrupts off (P13): faults whose
 * tables are all there, INVLPG, and CR3 loads of known roots. Whatever is unusual
 * is left to the full handlers, with nothing changed but, perhaps, A and D bits
 * of the guest's entry that the access would have set anyway.
 *
 * Permissions are mostly not looked at: an entry whose A is set may be in a TLB
 * whoever asks for it, and the CPU checks again. Only to set A or D, the access
 * must be known to be allowed.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "core/skip_flush.h"
#include "mmu/mmu.h"
#include "shadow/shadow.h"
#include "vmx/insn.h"
#include "x86/x86.h"

/* Entries of a table that one fault looks at */
#define AROUND		16

/* Bits that must be 0 in a guest's level-1 entry */
static u64 leaf_reserved(struct vcpu *vcpu, const struct shadow_page *sp)
{
	u64 rsvd = vcpu->arch.gpa_reserved & SH_ADDR;

	if (sp->role.format == SHF_32)
		return 0;
	if (sp->role.format == SHF_PAE)
		rsvd |= GENMASK_ULL(62, 52);
	return sp->role.nxe ? rsvd : rsvd | SH_NX;
}

/* One page on its way to an entry at level 1 */
struct fast {
	struct vcpu *vcpu;
	struct vm *vm;
	struct shadow_page *sp;
	unsigned int i;
	u64 gpte;
	gfn_t gfn;
	struct memslot *slot;
	struct rmap_block *b;
	struct host_page host;
};

/* Neighbours of a page that is part of a large one of the host's */
static void look_inside(struct fast *ff, unsigned int window)
{
	struct host_page *p = &ff->host;
	gfn_t first = ff->gfn & ~(gfn_t)(window - 1), end = first + window;
	hva_t hva = memslot_hva(ff->slot, ff->gfn) >> PAGE_SHIFT;
	unsigned int in = hva & (pg_pages(PG_2M) - 1), k;
	u64 e = HOST_PAGE_VALID | (p->writable ? HOST_PAGE_WRITE : 0);

	first = max3(first, ff->slot->base, ff->gfn >= in ? ff->gfn - in : 0);
	end = min3(end, ff->slot->base + ff->slot->npages,
		   ff->gfn + pg_pages(PG_2M) - in);
	e += (u64)(p->pfn - (ff->gfn - first)) << PAGE_SHIFT;
	for (k = 0; k < end - first; k++, e += PAGE_SIZE)
		p->around[k] = e;
	p->first = first;
	p->nr = k;
}

/* The page behind ff->gfn, as the host has it now; nothing is faulted in */
static bool look(struct fast *ff, bool write, unsigned int window)
{
	struct host_page *p = &ff->host;
	struct vm *vm = ff->vm;

	ff->slot = memslot_find_vcpu(ff->vcpu, memslots_get(vm), ff->gfn);
	if (!ff->slot || (write && ff->slot->flags & KVM_MEM_READONLY))
		return false;
	ff->b = rmap_block(vm, ff->gfn);
	if (!ff->b || shadow_vcpu(ff->vcpu)->cache.nr_descs < window)
		return false;
	p->write = write;
	p->window = window;
	if (!host_look(vm, ff->slot, ff->gfn, p) || p->uncached)
		return false;
	/*
	 * While the lock is held no event begins. One under way is seen: its
	 * range is compared with all that can be mapped here.
	 */
	if (unlikely(vm->mmu.inv_count)) {
		hva_t hva = memslot_hva(ff->slot, ff->gfn);

		if (hva - min_t(hva_t, hva, AROUND * PAGE_SIZE) <
		    vm->mmu.inv_end &&
		    hva + AROUND * PAGE_SIZE > vm->mmu.inv_start)
			return false;
	}
	if (p->level > PG_4K && window > 1)
		look_inside(ff, window);
	return true;
}

static void make(struct fast *ff, bool write)
{
	u64 *ep = &ff->sp->table[ff->i], old = READ_ONCE(*ep), new;

	if (write)
		memslot_mark_dirty(ff->vcpu, ff->slot, ff->gfn);
	new = shadow_leaf_value(ff->sp, ff->gpte, ff->slot, ff->b, ff->gfn,
				(u64)ff->host.pfn << PAGE_SHIFT,
				ff->host.writable, write) | SH_A;
	shadow_entry_make(ff->vm, &shadow_vcpu(ff->vcpu)->cache, ff->b, ep,
			  ff->gpte, new);
	if (sh_takes_away(old, new))
		shadow_note_stale(ff->vm);
}

/*
 * The level-1 page for an address and what the links to it allow; NULL where a
 * link is missing, or a large page in the way
 */
static struct shadow_hint *find_page(struct vcpu *vcpu, gva_t gva)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	u64 gen = shadow_vm(vcpu->vm)->link_gen, tag = gva >> 21;
	struct shadow_hint *h = &v->hint[tag % SH_HINTS];
	struct shadow_root *r = v->cur;
	struct shadow_page *sp;
	u64 all = SH_W | SH_U, nx = 0, e;

	if (!r)
		return NULL;
	if (h->tag == tag && h->link_gen == gen && h->root == r &&
	    h->root_id == r->id && h->sp)
		return h;
	sp = shadow_top(r, gva);
	if (!sp)
		return NULL;
	while (sp->role.level > PG_4K) {
		e = READ_ONCE(sp->table[sh_index(gva, sp->role.level)]);
		if (!sh_present(e) || sh_leaf(e, sp->role.level))
			return NULL;
		all &= e;
		nx |= e;
		sp = sh_child(e);
	}
	*h = (struct shadow_hint) {
		.tag = tag, .link_gen = gen, .root = r, .root_id = r->id,
		.sp = sp, .all = all, .nx = nx,
	};
	return h;
}

/* ---- faults ------------------------------------------------------------------------ */

/* The entries from @first on, in one section of access to user space */
static bool read_around(const struct shadow_page *sp, void __user *from,
			unsigned int first, u64 *gpte)
{
	bool wide = sp->role.format != SHF_32;
	unsigned int k;
	u32 val32;

	if (!user_read_access_begin(from, SH_ENTRIES * (wide ? 8 : 4)))
		return false;
	for (k = 0; wide && k < AROUND; k++)
		unsafe_get_user(gpte[k], (u64 __user *)from + first + k, fault);
	for (k = 0; !wide && k < AROUND; k++) {
		unsafe_get_user(val32, (u32 __user *)from + first + k, fault);
		gpte[k] = val32;
	}
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
}

/* Neighbours that the guest has accessed before and the host has present */
static void make_around(struct fast *ff, void __user *from)
{
	struct shadow_cache *cache = &shadow_vcpu(ff->vcpu)->cache;
	unsigned int first = ff->i & ~(AROUND - 1), k;
	const struct host_page *p = &ff->host;
	struct shadow_page *sp = ff->sp;
	u64 gpte[AROUND], rsvd = 0;

	if (!sh_direct(sp)) {
		rsvd = leaf_reserved(ff->vcpu, sp);
		if (!read_around(sp, from, first, gpte))
			return;
	}
	for (k = 0; k < AROUND; k++) {
		u64 *ep = &sp->table[first + k], e, h;
		gfn_t gfn, n;

		if (sh_present(*ep))
			continue;
		if (sh_direct(sp)) {
			gpte[k] = 0;
			gfn = sp->gfn + first + k;
		} else {
			if ((gpte[k] & (SH_P | SH_A)) != (SH_P | SH_A) ||
			    gpte[k] & rsvd)
				continue;
			gfn = sh_space(sp) | (gpte[k] & SH_ADDR) >> PAGE_SHIFT;
		}
		n = gfn - p->first;
		/* one block, and the list that needs a descriptor may get it */
		if (n >= p->nr || (gfn ^ ff->gfn) & ~(gfn_t)(SH_ENTRIES - 1))
			continue;
		h = p->around[n];
		if (!h)
			continue;
		e = shadow_leaf_value(sp, gpte[k], ff->slot, ff->b, gfn,
				      h & SH_ADDR, h & HOST_PAGE_WRITE, false);
		shadow_entry_make(ff->vm, cache, ff->b, ep, gpte[k], e);
	}
}

/*
 * A, and D for a write, of the entry are to be set: is the access allowed by
 * everything but the keys and SMAP, which are the full handler's?
 */
static bool set_ad(struct fast *ff, const struct mmu_fault *f, u64 all, u64 nx)
{
	const struct shadow_page *sp = ff->sp;
	u64 old = ff->gpte, new = old | SH_A;
	gpa_t at = shadow_gpte_addr(sp, ff->i);

	all &= old;
	if (sp->role.wp0)
		return false;
	if (all & SH_U) {
		if (ff->vcpu->arch.cr4 & (X86_CR4_PKE | X86_CR4_SMAP | X86_CR4_SMEP) &&
		    (!(f->access & MMU_ACC_USER) ||
		     ff->vcpu->arch.cr4 & X86_CR4_PKE))
			return false;
	} else if (f->access & MMU_ACC_USER) {
		return false;
	}
	if (f->access & MMU_ACC_EXEC && (nx | old) & SH_NX)
		return false;
	if (f->access & MMU_ACC_WRITE) {
		if (!(all & SH_W))
			return false;
		new |= SH_D;
	}
	if (!mmu_gpa_is_memory(ff->vm, at, true) ||
	    guest_cmpxchg_quiet(ff->vcpu, at, &old, &new, sh_gpte_bytes(sp)))
		return false;
	ff->gpte = new;
	return true;
}

/*
 * The guest's own fault: its entries above are as the links are (P4), and this
 * one was read just now.
 */
static enum mmu_fast reflect(struct fast *ff, struct mmu_fault *f, u32 error)
{
	const union shadow_role role = ff->sp->role;

	if (f->access & MMU_ACC_WRITE)
		error |= PFEC_W;
	if (f->access & MMU_ACC_USER)
		error |= PFEC_U;
	/* SDM 3A 4.7: I/D is reported only where fetches can be denied */
	if (f->access & MMU_ACC_EXEC &&
	    ((role.nxe && role.format != SHF_32) ||
	     ff->vcpu->arch.cr4 & X86_CR4_SMEP))
		error |= PFEC_I;
	f->exception = (struct x86_exception) {
		.vector = PF_VECTOR, .has_error = true, .error = error,
		.address = f->gva,
	};
	return MMU_FAST_INJECT;
}

static enum mmu_fast not_present(struct fast *ff, struct mmu_fault *f)
{
	/* next time without an exit, unless the guest may change it unseen */
	if (shadow_np_again(ff->vcpu, f->gva) && !ff->sp->unsync &&
	    shadow_np_allowed(ff->sp) && !sh_present(ff->sp->table[ff->i]))
		shadow_entry_set_np(ff->sp, ff->i);
	return reflect(ff, f, 0);
}

/* Do the entries deny it? Keys, SMEP, SMAP and NX are for the full handler. */
static bool denied(const struct fast *ff, const struct mmu_fault *f, u64 all)
{
	/* with CR0.WP = 0 links and leaves do not say what the guest's do */
	if (ff->sp->role.wp0)
		return false;
	all &= ff->gpte;
	return (f->access & MMU_ACC_WRITE && !(all & SH_W)) ||
	       (f->access & MMU_ACC_USER && !(all & SH_U));
}

/*
 * A write to a table that has to be seen. The CPU does not check again: whatever
 * denies it must be known here, and keys and SMAP are the full handler's.
 */
static enum mmu_fast watched(const struct fast *ff, struct mmu_fault *f, u64 all)
{
	const struct shadow_page *sp = ff->sp;
	bool user;

	if (!sh_direct(sp))
		all &= ff->gpte;
	user = all & SH_U && sp->role.access & SH_ACC_U;
	if (!(all & SH_W) || !(sp->role.access & SH_ACC_W) ||
	    (f->access & MMU_ACC_USER && !user) ||
	    (user && ff->vcpu->arch.cr4 & (X86_CR4_SMAP | X86_CR4_PKE)) ||
	    !shadow_stays_table(ff->vm, ff->gfn))
		return MMU_FAST_NOT;
	f->gpa = ff->gfn << PAGE_SHIFT | offset_in_page(f->gva);
	return MMU_FAST_STORE;
}

static enum mmu_fast fault_locked(struct vcpu *vcpu, struct mmu_fault *f)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	struct fast ff = { .vcpu = vcpu, .vm = vcpu->vm };
	bool write = f->access & MMU_ACC_WRITE;
	struct shadow_hint *hint = find_page(vcpu, f->gva);
	void __user *from = NULL;
	struct shadow_page *sp;
	enum mmu_fast done;
	u64 old;

	if (!hint)
		return MMU_FAST_NOT;
	sp = hint->sp;
	ff.sp = sp;
	ff.i = sh_index(f->gva, 1);
	if (sh_direct(sp)) {
		ff.gfn = sp->gfn + ff.i;
		if (write && !(sp->role.access & SH_ACC_W))
			return MMU_FAST_NOT;
	} else {
		from = shadow_gpte_user(vcpu, sp, 0);
		if (!from || !shadow_read_nth(sp, from, ff.i, &ff.gpte))
			return MMU_FAST_NOT;
		if (!(ff.gpte & SH_P))
			return not_present(&ff, f);
		if (ff.gpte & leaf_reserved(vcpu, sp))
			return MMU_FAST_NOT;
		if (denied(&ff, f, hint->all))
			return reflect(&ff, f, PFEC_P);
		/* with CR0.WP = 0 what the tables above deny is in the role */
		if (write && (!(ff.gpte & hint->all & SH_W) ||
			      !(sp->role.access & SH_ACC_W)))
			return MMU_FAST_NOT;
		ff.gfn = sh_space(sp) | (ff.gpte & SH_ADDR) >> PAGE_SHIFT;
		if (unlikely(!(ff.gpte & SH_A) || (write && !(ff.gpte & SH_D))) &&
		    !set_ad(&ff, f, hint->all, hint->nx))
			return MMU_FAST_NOT;
	}
	if (write && rmap_is_table(ff.vm, ff.gfn)) {
		done = watched(&ff, f, hint->all);
		if (done != MMU_FAST_NOT)
			return done;
	}
	if (!look(&ff, write, AROUND))
		return MMU_FAST_NOT;
	if (write && ff.b->tables[ff.gfn & (SH_ENTRIES - 1)] &&
	    !shadow_unsync_gfn(ff.vm, ff.gfn))
		return MMU_FAST_NOT;
	/* there already: the CPU objects to something else */
	old = READ_ONCE(sp->table[ff.i]);
	if (sh_present(old) && (!write || old & SH_W) &&
	    sh_pfn(old) == ff.host.pfn)
		return MMU_FAST_NOT;
	make(&ff, write);
	if (ff.host.nr > 1)
		make_around(&ff, from);
	v->fixed++;
	return MMU_FAST_DONE;
}

enum mmu_fast shadow_fault_fast(struct vcpu *vcpu, struct mmu_fault *f)
{
	struct vm *vm = vcpu->vm;
	enum mmu_fast done = MMU_FAST_NOT;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	if (write_trylock(&vm->mmu.lock)) {
		pagefault_disable();
		done = fault_locked(vcpu, f);
		pagefault_enable();
		write_unlock(&vm->mmu.lock);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return done;
}

/* ---- INVLPG ------------------------------------------------------------------------- */

/* The entry for the address again, and at once: the guest is about to use it */
static void sync_addr(struct vcpu *vcpu, gva_t gva)
{
	struct fast ff = { .vcpu = vcpu, .vm = vcpu->vm };
	struct shadow_hint *hint = find_page(vcpu, gva);
	struct shadow_page *sp;
	void __user *from;
	u64 *ep;

	if (!hint || !hint->sp->unsync)
		return;
	sp = hint->sp;
	ff.sp = sp;
	ff.i = sh_index(gva, 1);
	ep = &sp->table[ff.i];
	from = shadow_gpte_user(vcpu, sp, 0);
	if (!from || !shadow_read_nth(sp, from, ff.i, &ff.gpte))
		ff.gpte = 0;
	if (sh_present(*ep)) {
		if (ff.gpte == sp->gpte[ff.i])
			return;
		if (!((ff.gpte ^ sp->gpte[ff.i]) & (SH_ADDR | SH_P))) {
			shadow_sync_leaf(vcpu->vm, sp, ff.i, ff.gpte);
			return;
		}
	}
	ff.gfn = sh_space(sp) | (ff.gpte & SH_ADDR) >> PAGE_SHIFT;
	if ((ff.gpte & (SH_P | SH_A)) == (SH_P | SH_A) &&
	    !(ff.gpte & leaf_reserved(vcpu, sp)) && look(&ff, false, 1)) {
		make(&ff, false);
	} else if (shadow_entry_drop(vcpu->vm, ep)) {
		shadow_note_stale(vcpu->vm);
	}
}

bool shadow_invlpg_fast(struct vcpu *vcpu, gva_t gva)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	struct vm *vm = vcpu->vm;
	struct shadow_vm *sv = shadow_vm(vm);
	int idx;

	if (vcpu->mmu.need_prepare)
		return false;
	if (!list_empty_careful(&sv->unsync)) {
		idx = srcu_read_lock(&vm->srcu);
		if (!write_trylock(&vm->mmu.lock)) {
			srcu_read_unlock(&vm->srcu, idx);
			return false;
		}
		/* a root that was zapped meanwhile leads to no entry */
		if (!v->cur) {
			write_unlock(&vm->mmu.lock);
			srcu_read_unlock(&vm->srcu, idx);
			return false;
		}
		pagefault_disable();
		sync_addr(vcpu, gva);
		pagefault_enable();
		write_unlock(&vm->mmu.lock);
		srcu_read_unlock(&vm->srcu, idx);
	}
	if (!shadow_hw.vpid || !vcpu->vmx.vpid)
		return true;		/* VM entry flushes what has VPID 0 */
	/*
	 * INVLPG flushes the whole of a large page, which may be in the TLB in
	 * pieces, and all paging-structure caches (SDM 3A 4.10.4.1).
	 */
	if (v->link_gen != READ_ONCE(sv->link_gen) ||
	    !(shadow_hw.invvpid_caps & VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT)) {
		vcpu->mmu.need_flush = true;
		vcpu->mmu.need_load = true;
		return true;
	}
	if (!skip_flush(SKIP_FLUSH_ENTRY))
		invvpid(VMX_VPID_EXTENT_INDIVIDUAL_ADDR, vcpu->vmx.vpid, gva);
	return true;
}

/* ---- CR3 ------------------------------------------------------------------------------ */

static struct shadow_root *known_root(struct shadow_vcpu *v, u64 cr3)
{
	u32 role = v->cur->role.word;
	struct shadow_root *r;

	r = v->cur;
	if (r->cr3 == cr3)
		return r;
	r = v->prev;
	if (r && r->valid && r->cr3 == cr3 && r->role.word == role)
		return r;
	for (r = v->root; r < v->root + SH_ROOTS; r++)
		if (r->cr3 == cr3 && r->valid && r->role.word == role)
			return r;
	return NULL;
}

static bool cr3_locked(struct vcpu *vcpu, u64 cr3, bool noflush)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	u16 pcid = cr3 & X86_CR3_PCID_MASK;
	struct shadow_root *r;
	bool done;
	int idx;

	if (!v->cur)
		return false;
	if (v->cur->role.format == SHF_LONG)
		cr3 &= SH_ADDR & ~vcpu->arch.gpa_reserved;
	else if (v->cur->role.format == SHF_32)
		cr3 &= GENMASK_ULL(31, 12);
	else
		return false;
	cr3 |= vcpu->mmu.space;
	r = known_root(v, cr3);
	if (!r || r->nowhere)
		return false;
	/* a PCID that was flushed since has nothing older than that */
	if ((!noflush || r->epoch != v->epoch || r->pcid != pcid) &&
	    !list_empty(&shadow_vm(vcpu->vm)->unsync)) {
		idx = srcu_read_lock(&vcpu->vm->srcu);
		done = shadow_sync_root(vcpu, r, true);
		srcu_read_unlock(&vcpu->vm->srcu, idx);
		if (!done)
			return false;
	}
	r->epoch = v->epoch;
	r->pcid = pcid;
	if (r != v->cur)
		v->prev = v->cur;
	v->cur = r;
	v->cur_hw = r->hw;
	r->used = ++v->clock;
	return true;
}

/* What load() would do for a change of root, without the way there */
static void load_now(struct vcpu *vcpu)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);

	if (vcpu->mmu.root.cr3 != v->cur_hw) {
		vmcs_write(GUEST_CR3, v->cur_hw);
		vcpu->mmu.root.cr3 = v->cur_hw;
	}
	if (!shadow_hw.vpid || !vcpu->vmx.vpid || skip_flush(SKIP_FLUSH_ROOT))
		return;
	if (shadow_hw.invvpid_caps & VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT) {
		v->link_gen = READ_ONCE(shadow_vm(vcpu->vm)->link_gen);
		invvpid(VMX_VPID_EXTENT_SINGLE_CONTEXT, vcpu->vmx.vpid, 0);
	} else {
		vcpu->mmu.need_flush = true;
		vcpu->mmu.need_load = true;
	}
}

bool shadow_new_cr3_fast(struct vcpu *vcpu, u64 cr3, bool noflush)
{
	struct vm *vm = vcpu->vm;
	bool done;

	if (vcpu->mmu.need_prepare || !write_trylock(&vm->mmu.lock))
		return false;
	done = cr3_locked(vcpu, cr3, noflush);
	write_unlock(&vm->mmu.lock);
	if (done)
		load_now(vcpu);
	return done;
}
