// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow pages: made, found by (gfn, role), unlinked, freed.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "shadow/shadow.h"

/* ---- memory ------------------------------------------------------------------ */

static void page_free(struct shadow_page *sp)
{
	if (sp->table) {
		set_page_private(virt_to_page(sp->table), 0);
		free_page((unsigned long)sp->table);
	}
	free_page((unsigned long)sp->gpte);
	kfree(sp);
}

static struct shadow_page *page_alloc(void)
{
	struct shadow_page *sp = kzalloc(sizeof(*sp), GFP_KERNEL_ACCOUNT);

	if (!sp)
		return NULL;
	sp->table = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	sp->gpte = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!sp->table || !sp->gpte) {
		page_free(sp);
		return NULL;
	}
	shadow_entry_fill(sp->table);
	set_page_private(virt_to_page(sp->table), (unsigned long)sp);
	return sp;
}

int shadow_cache_fill(struct vcpu *vcpu)
{
	struct shadow_cache *c = &shadow_vcpu(vcpu)->cache;
	struct shadow_page *sp;
	struct rmap_desc *d;

	while (c->nr_pages < SH_CACHE_PAGES) {
		sp = page_alloc();
		if (!sp)
			return -ENOMEM;
		c->page[c->nr_pages++] = sp;
	}
	while (c->nr_descs < SH_CACHE_DESCS) {
		d = kmalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
		if (!d)
			return -ENOMEM;
		c->desc[c->nr_descs++] = d;
	}
	return 0;
}

void shadow_cache_drain(struct shadow_cache *c)
{
	while (c->nr_pages)
		page_free(c->page[--c->nr_pages]);
	while (c->nr_descs)
		kfree(c->desc[--c->nr_descs]);
}

/* ---- finding and making --------------------------------------------------------- */

struct shadow_page *shadow_page_find(struct vm *vm, gfn_t gfn,
				     union shadow_role role)
{
	struct shadow_page *sp;

	hlist_for_each_entry(sp, shadow_bucket(vm, gfn), hash)
		if (sp->gfn == gfn && sp->role.word == role.word)
			return sp;
	return NULL;
}

struct shadow_page *shadow_page_get(struct vcpu *vcpu, gfn_t gfn,
				    union shadow_role role, bool *flush)
{
	struct shadow_cache *c = &shadow_vcpu(vcpu)->cache;
	struct shadow_vm *sv = shadow_vm(vcpu->vm);
	struct vm *vm = vcpu->vm;
	struct shadow_page *sp;
	bool direct = role.format == SHF_DIRECT;

	sp = shadow_page_find(vm, gfn, role);
	if (sp) {
		list_move_tail(&sp->link, &sv->pages);
		/* where it is linked now the guest may have no old translations */
		if (sp->unsync)
			shadow_resync_gfn(vcpu, gfn);
		return sp;
	}
	if (!c->nr_pages || (!direct && !rmap_block(vm, gfn)))
		return NULL;
	/* P5: before there can be a page that must not be left behind */
	if (!direct)
		shadow_resync_gfn(vcpu, gfn);

	sp = c->page[--c->nr_pages];
	sp->gfn = gfn;
	sp->role = role;
	if (direct) {
		free_page((unsigned long)sp->gpte);
		sp->gpte = NULL;
	} else {
		/*
		 * Counted before the guest's entries are read: pairs with the
		 * barrier in shadow_gpa_written(), where memory is written first.
		 */
		rmap_count_table(vm, gfn, 1);
		smp_mb();	/* with shadow_gpa_written() */
		*flush |= rmap_protect_table(vm, gfn) || shadow_flush_due(vm);
	}
	hlist_add_head(&sp->hash, shadow_bucket(vm, gfn));
	list_add_tail(&sp->link, &sv->pages);
	sv->nr_pages++;
	mmu_table_account(virt_to_page(sp->table), 1);
	return sp;
}

/* ---- the end of pages -------------------------------------------------------------- */

void shadow_page_zap(struct vm *vm, struct shadow_page *sp)
{
	struct shadow_vm *sv = shadow_vm(vm);
	unsigned int i;

	for (i = 0; (sp->nr_present || sp->nr_np) && i < SH_ENTRIES; i++)
		shadow_entry_drop(vm, &sp->table[i]);
	shadow_entry_drop_list(vm, &sp->parents);
	if (sp->unsync) {
		list_del(&sp->unsync_link);
		sp->unsync = false;
		sv->nr_unsync--;
	} else if (!sh_direct(sp)) {
		rmap_count_table(vm, sp->gfn, -1);
	}
	hlist_del(&sp->hash);
	list_move_tail(&sp->link, &sv->dead);
	sp->dead = true;
	sv->nr_dead++;
	if (sp->roots)
		shadow_root_forget(vm, sp);
	shadow_note_stale(vm);
}

static void free_dead(struct vm *vm)
{
	struct shadow_vm *sv = shadow_vm(vm);
	struct shadow_page *sp, *next;

	list_for_each_entry_safe(sp, next, &sv->dead, link) {
		mmu_table_account(virt_to_page(sp->table), -1);
		page_free(sp);
		sv->nr_pages--;
		sv->nr_dead--;
	}
	INIT_LIST_HEAD(&sv->dead);
}

void shadow_reap(struct vm *vm)
{
	if (!shadow_vm(vm)->nr_dead)
		return;
	mmu_flush_all(vm);
	free_dead(vm);
}

void shadow_make_room(struct vm *vm)
{
	struct shadow_vm *sv = shadow_vm(vm);

	if (unlikely(sv->nr_dead > SH_DEAD_MAX))
		shadow_reap(vm);
	if (unlikely(sv->nr_pages + SH_CACHE_PAGES > sv->quota))
		shadow_reclaim(vm, clamp(sv->quota / 8, 2ul * SH_CACHE_PAGES,
					 SH_RECLAIM_MAX));
}

/* VM teardown: no vCPU is left, so that nothing has to be flushed */
void shadow_pages_destroy(struct vm *vm)
{
	struct shadow_vm *sv = shadow_vm(vm);
	struct shadow_page *sp, *next;

	list_for_each_entry_safe(sp, next, &sv->pages, link) {
		shadow_page_zap(vm, sp);
		if (sv->nr_dead > SH_DEAD_MAX) {
			free_dead(vm);
			cond_resched();
		}
	}
	free_dead(vm);
}
