// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roots: what CR3 points to, and each vCPU's cache of those it used before.
 *
 *   shadow_vcpu.root[n] --> top[0]                 4 and 5 levels
 *                       \-> top[0..3] page directories, named by
 *   shadow_vcpu.pdpt[n] ---> 4 entries             the PDPT that hw points to
 *
 * Where a top-level table of the guest is not in memory, its place is taken by a
 * page of nothing but TRAP (shadow_vm.nowhere). Such a root is good for one
 * generation of the slots.
 */
#include <linux/mm.h>
#include "core/skip_flush.h"
#include "mmu/mmu.h"
#include "shadow/shadow.h"
#include "vmx/insn.h"
#include "x86/x86.h"

#define PDPTE_P		BIT_ULL(0)

/* What the guest's mode makes of a root */
struct wanted {
	u64 cr3;
	u64 pdpte[4];
	u64 generation;
	union shadow_role role;
	bool pae;
};

static void wanted_init(struct vcpu *vcpu, struct wanted *w)
{
	u64 cr0 = x86_cr0(vcpu), cr4 = x86_cr4(vcpu);
	union shadow_role role = { .access = SH_ACC_ALL };

	memset(w, 0, sizeof(*w));
	w->generation = memslots_get(vcpu->vm)->generation;
	w->pae = true;
	role.level = 2;
	w->cr3 = vcpu->mmu.space;
	if (!(cr0 & X86_CR0_PG)) {
		role.format = SHF_DIRECT;
		w->role = role;
		return;
	}
	role.wp0 = !(cr0 & X86_CR0_WP);
	role.nxe = !!(vcpu->arch.efer & EFER_NX);
	role.phys_bits = vcpu->arch.phys_bits;
	if (x86_long_mode(vcpu)) {
		role.format = SHF_LONG;
		role.level = cr4 & X86_CR4_LA57 ? 5 : 4;
		role.gbpages = x86_gcap(vcpu, GCAP_GBPAGES);
		w->cr3 |= x86_cr3(vcpu) & SH_ADDR & ~vcpu->arch.gpa_reserved;
		w->pae = false;
	} else if (cr4 & X86_CR4_PAE) {
		role.format = SHF_PAE;
		mmu_guest_pdptes(vcpu, w->pdpte);	/* CR3 does not count */
	} else {
		role.format = SHF_32;
		role.pse = !!(cr4 & X86_CR4_PSE);
		role.pse36 = x86_gcap(vcpu, GCAP_PSE36);
		w->cr3 |= x86_cr3(vcpu) & GENMASK_ULL(31, 12);
	}
	w->role = role;
}

static bool matches(const struct shadow_root *r, const struct wanted *w)
{
	if (!r->valid || r->cr3 != w->cr3 || r->role.word != w->role.word)
		return false;
	if (r->role.format == SHF_PAE &&
	    memcmp(r->pdpte, w->pdpte, sizeof(r->pdpte)))
		return false;
	return !r->nowhere || r->generation == w->generation;
}

/* ---- slots of the cache; [m] held --------------------------------------------- */

static void root_release(struct shadow_root *r)
{
	unsigned int i;

	if (!r->valid)
		return;
	for (i = 0; i < ARRAY_SIZE(r->top); i++) {
		if (r->top[i])
			r->top[i]->roots--;
		r->top[i] = NULL;
	}
	r->valid = false;
}

static struct shadow_root *root_victim(struct shadow_vcpu *v)
{
	struct shadow_root *r, *old = NULL;

	for (r = v->root; r < v->root + SH_ROOTS; r++) {
		if (!r->valid)
			return r;
		if (r != v->cur && (!old || r->used < old->used))
			old = r;
	}
	return old;
}

void shadow_root_forget(struct vm *vm, struct shadow_page *sp)
{
	struct shadow_vcpu *v;
	struct shadow_root *r;
	struct vcpu *vcpu;
	unsigned long i;
	unsigned int t;

	vm_for_each_vcpu(vm, i, vcpu) {
		v = shadow_vcpu(vcpu);
		if (!v)
			continue;
		for (r = v->root; r < v->root + SH_ROOTS; r++) {
			for (t = 0; t < ARRAY_SIZE(r->top); t++)
				if (r->top[t] == sp)
					break;
			if (t == ARRAY_SIZE(r->top))
				continue;
			root_release(r);
			if (v->cur != r)
				continue;
			v->cur = NULL;
			vcpu_request(vcpu, REQ_MMU_RELOAD);
		}
	}
}

/* ---- building ------------------------------------------------------------------ */

/* The page for a top-level table; false when out of pages */
static bool top_page(struct vcpu *vcpu, struct shadow_root *r, unsigned int i,
		     gfn_t gfn, union shadow_role role, bool *flush)
{
	struct shadow_page *sp;

	if (role.format != SHF_DIRECT &&
	    !memslot_find_vcpu(vcpu, memslots_get(vcpu->vm), gfn)) {
		r->nowhere = true;
		return true;
	}
	sp = shadow_page_get(vcpu, gfn, role, flush);
	if (!sp)
		return false;
	sp->roots++;
	r->top[i] = sp;
	return true;
}

static gfn_t top_gfn(const struct wanted *w, unsigned int i)
{
	gfn_t gfn = w->cr3 >> PAGE_SHIFT;	/* or the space alone */

	switch (w->role.format) {
	case SHF_DIRECT:
		return gfn | i * pg_pages(PG_1G);
	case SHF_PAE:
		return gfn | (w->pdpte[i] & SH_ADDR) >> PAGE_SHIFT;
	default:
		return gfn;
	}
}

static u64 top_hw(struct vm *vm, const struct shadow_root *r, unsigned int i)
{
	return __pa(r->top[i] ? r->top[i]->table : shadow_vm(vm)->nowhere);
}

static bool root_build(struct vcpu *vcpu, struct shadow_root *r,
		       const struct wanted *w, bool *flush)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	union shadow_role role = w->role;
	u64 *pdpt = v->pdpt[r - v->root];
	unsigned int i;

	r->cr3 = w->cr3;
	r->role = w->role;
	r->pae = w->pae;
	r->generation = w->generation;
	r->nowhere = false;
	r->id = ++v->root_ids;
	memcpy(r->pdpte, w->pdpte, sizeof(r->pdpte));
	r->valid = true;
	if (!w->pae) {
		if (!top_page(vcpu, r, 0, top_gfn(w, 0), role, flush))
			goto fail;
		r->hw = top_hw(vcpu->vm, r, 0);
		return true;
	}
	for (i = 0; i < 4; i++) {
		u64 e = 0;

		if (role.format != SHF_PAE || w->pdpte[i] & PDPTE_P) {
			if (role.format == SHF_32)
				role.quadrant = i;
			if (!top_page(vcpu, r, i, top_gfn(w, i), role, flush))
				goto fail;
			/* SDM 3A table 4-8: no permissions at this level */
			e = top_hw(vcpu->vm, r, i) | PDPTE_P;
		}
		WRITE_ONCE(pdpt[i], e);
	}
	r->hw = __pa(pdpt);
	return true;
fail:
	root_release(r);
	return false;
}

static void root_use(struct vcpu *vcpu, struct shadow_root *r)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);

	r->used = ++v->clock;
	r->epoch = v->epoch;
	r->pcid = x86_cr3(vcpu) & X86_CR3_PCID_MASK;
	if (v->cur != r)
		v->prev = v->cur;
	v->cur = r;
	v->cur_hw = r->hw;
	vcpu->mmu.need_load = true;
}

static struct shadow_root *root_find(struct shadow_vcpu *v,
				     const struct wanted *w)
{
	struct shadow_root *r;

	for (r = v->root; r < v->root + SH_ROOTS; r++)
		if (matches(r, w))
			return r;
	return NULL;
}

int shadow_prepare(struct vcpu *vcpu)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	struct vm *vm = vcpu->vm;
	struct shadow_root *r;
	enum sync_what sync;
	bool flush = false;
	struct wanted w;
	unsigned int i;
	int ret;

	ret = shadow_cache_fill(vcpu);
	if (ret)
		return ret;
	wanted_init(vcpu, &w);
	if (w.role.format != SHF_DIRECT) {
		for (i = 0; i < (w.role.format == SHF_PAE ? 4 : 1); i++) {
			ret = shadow_block_make(vcpu, top_gfn(&w, i));
			if (ret)
				return ret;
		}
	}

	write_lock(&vm->mmu.lock);
	shadow_make_room(vm);
	r = root_find(v, &w);
	if (!r) {
		v->cur = NULL;
		r = root_victim(v);
		root_release(r);
		if (!root_build(vcpu, r, &w, &flush))
			r = NULL;
		else if (!v->need_sync)
			v->need_sync = SYNC_ROOT;
	}
	if (r)
		root_use(vcpu, r);
	sync = v->need_sync;
	v->need_sync = SYNC_NOTHING;
	if (sync == SYNC_ALL || !r)
		shadow_sync_all(vcpu);
	else if (sync == SYNC_ROOT)
		shadow_sync_root(vcpu, r, false);
	if (flush)
		shadow_flush(vcpu);
	for (i = 0; r && i < ARRAY_SIZE(r->top); i++)
		if (r->top[i] && !sh_direct(r->top[i]) && !r->top[i]->nr_present)
			shadow_adopt(vcpu, r->top[i]);
	write_unlock(&vm->mmu.lock);
	/* a slot went away meanwhile: the run loop comes again */
	if (!r)
		vcpu_request(vcpu, REQ_MMU_RELOAD);
	return 0;
}

void shadow_roots_release(struct vcpu *vcpu)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	struct shadow_root *r;

	write_lock(&vcpu->vm->mmu.lock);
	v->cur = NULL;
	for (r = v->root; r < v->root + SH_ROOTS; r++)
		root_release(r);
	write_unlock(&vcpu->vm->mmu.lock);
}

/* ---- entry (P11) --------------------------------------------------------------- */

static void flush_vpid(struct vcpu *vcpu)
{
	if (shadow_hw.vpid && vcpu->vmx.vpid)	/* VM entry flushes what has VPID 0 */
		invvpid_context(shadow_hw.invvpid_caps, vcpu->vmx.vpid);
}

void shadow_load(struct vcpu *vcpu, struct mmu_hw_root *root)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	/* read before the invalidation: what is asked for later stays due */
	u64 gen = atomic64_read(&vcpu->vm->mmu.flush_gen);
	int cpu = smp_processor_id();

	if (v->flushed_gen != gen || v->last_cpu != cpu ||
	    vcpu->mmu.need_flush) {
		v->link_gen = READ_ONCE(shadow_vm(vcpu->vm)->link_gen);
		if (v->last_cpu == cpu || !skip_flush(v->last_cpu < 0 ?
				SKIP_FLUSH_REUSE : SKIP_FLUSH_CPU))
			flush_vpid(vcpu);
		vcpu->stats.tlb_flushes += v->flushed_gen != gen;
		v->flushed_gen = gen;
		v->last_cpu = cpu;
		vcpu->mmu.need_flush = false;
	}
	root->cr3 = v->cur_hw;
}
