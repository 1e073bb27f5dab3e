// SPDX-License-Identifier: GPL-2.0-only
/*
 * Check every page, entry and list against its definition: P1 to P13 in
 * shadow.h. With mmu.lock held for writing and no notifier event under way
 * nothing may be in transit, so each deviation is a defect.
 *
 * What guest and host have is looked at where the reader is a thread of the
 * VM's own process. A guest that changes its tables right now is no obstacle:
 * those it can write to are unsynchronised, and what they say is not compared.
 * But the host side may have written to a table and wait for the lock to tell
 * gpa_written(): what does not agree with guest memory is looked at again.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include "mmu/apic_page.h"
#include "shadow/shadow.h"

#define MAX_REPORTED	20	/* lines; all findings are counted */
#define MAX_LOOKS	5

struct audit {
	struct vm *vm;
	struct seq_file *out;
	const struct memslots *slots;
	bool host;		/* memory can be read, the host's mapping is at rest */
	int findings;
	int in_transit;		/* of them: where guest memory says otherwise */
	unsigned long pages, dead, unsync, synced, leaves[PG_1G + 1];
	/* the block that is being looked at */
	struct rmap_block *block;
	unsigned long number, listed;
};

static void finding(struct audit *a, const struct shadow_page *sp, int i,
		    const char *what)
{
	if (a->findings++ >= MAX_REPORTED)
		return;
	seq_printf(a->out, "page gfn %llx role %08x level %u", sp->gfn,
		   sp->role.word, sp->role.level);
	if (i >= 0)
		seq_printf(a->out, " entry %d %016llx from %016llx", i,
			   sp->table[i], sp->gpte ? sp->gpte[i] : 0);
	seq_printf(a->out, ": %s\n", what);
}

static void bad_count(struct audit *a, const char *what, unsigned long is,
		      unsigned long should)
{
	if (is != should && a->findings++ < MAX_REPORTED)
		seq_printf(a->out, "%s: %lu, counted %lu\n", what, is, should);
}

/* ---- leaves --------------------------------------------------------------------- */

static void check_host(struct audit *a, const struct shadow_page *sp,
		       unsigned int i, const struct memslot *slot, gfn_t gfn)
{
	u64 e = sp->table[i];
	const char *what;

	if (mmu_is_apic_slot(slot))
		what = (e & SH_ADDR) == mmu_apic_page_hpa(a->vm) ? NULL :
		       "not the APIC-access page";
	else
		what = host_audit(a->vm, slot, gfn, sp->role.level, sh_pfn(e),
				  e & SH_W);
	if (what)
		finding(a, sp, i, what);
}

/* What guest and role permit; derived anew, not by what makes entries */
static void check_permissions(struct audit *a, const struct shadow_page *sp,
			      unsigned int i)
{
	bool w = sp->role.access & SH_ACC_W, u = sp->role.access & SH_ACC_U;
	u64 e = sp->table[i], g = 0, key = sp->role.pkey;
	bool x = sp->role.access & SH_ACC_X;

	if (!sh_direct(sp)) {
		g = sp->gpte[i];
		w = w && g & SH_W;
		u = u && g & SH_U;
		x = sp->role.format == SHF_32 || !(g & SH_NX);
		key = sp->role.format == SHF_LONG ? g >> 59 & 15 : 0;
		if (!(g & SH_P) || !(g & SH_A))
			finding(a, sp, i, "guest's P or A is clear (P7)");
		if (e & SH_W && !(g & SH_D))
			finding(a, sp, i, "W, and guest's D is clear (P7)");
	}
	/* CR0.WP = 0: either user reads or supervisor writes (shadow.h) */
	if (e & SH_W && !w && !(sp->role.wp0 && !(e & SH_U)))
		finding(a, sp, i, "more writable than the guest's");
	if ((e & SH_U) ? !u : (u && !sp->role.wp0))
		finding(a, sp, i, "U is not the guest's");
	if (!(e & SH_NX) != x)
		finding(a, sp, i, "NX is not the guest's");
	if ((e & SH_PKEY) >> 59 != key)
		finding(a, sp, i, "protection key is not the guest's");
}

static void check_leaf(struct audit *a, const struct shadow_page *sp,
		       unsigned int i)
{
	unsigned int level = sp->role.level;
	gfn_t gfn = shadow_entry_gfn(sp, i), n = pg_pages(level);
	const struct memslot *slot = memslot_find(a->slots, gfn) ?:
				     mmu_apic_slot(a->vm, gfn);
	struct rmap_block *b = rmap_block(a->vm, gfn);
	u64 *ep = &sp->table[i], e = *ep;
	gfn_t k;

	a->leaves[level]++;
	if (level > PG_2M) {
		finding(a, sp, i, "a leaf at this level");
		return;
	}
	if (!b || !rmap_has(rmap_of(b, gfn, level), ep))
		finding(a, sp, i, "not in the reverse map (P2)");
	if (!slot || !memslot_has(slot, gfn + n - 1)) {
		finding(a, sp, i, "not inside a slot");
		return;
	}
	if (level > PG_4K && !shadow_hw.large)
		finding(a, sp, i, "larger than the CPU allows");
	if (e & SH_ADDR & ~shadow_hw.phys_mask)
		finding(a, sp, i, "address above MAXPHYADDR");
	check_permissions(a, sp, i);
	if (e & SH_W) {
		if (slot->flags & KVM_MEM_READONLY)
			finding(a, sp, i, "writable in a read-only slot (P8)");
		if (slot->dirty &&
		    find_next_zero_bit(slot->dirty, gfn - slot->base + n,
				       gfn - slot->base) < gfn - slot->base + n)
			finding(a, sp, i, "writable and not in the log (P8)");
		for (k = gfn; b && k < gfn + n; k++)
			if (b->tables[k & (SH_ENTRIES - 1)])
				finding(a, sp, i, "a table is writable (P4)");
	}
	if (a->host)
		check_host(a, sp, i, slot, gfn);
}

/* ---- links ----------------------------------------------------------------------- */

static void check_link(struct audit *a, const struct shadow_page *sp,
		       unsigned int i)
{
	u64 *ep = &sp->table[i], g = 0;
	struct shadow_page *child;
	gfn_t gfn;
	bool direct = sh_direct(sp);

	child = sh_child(*ep);
	if (!child || __pa(child->table) != (*ep & SH_ADDR)) {
		finding(a, sp, i, "points to no page");
		return;
	}
	if (child->dead)
		finding(a, sp, i, "points to a dead page (P10)");
	if (!rmap_has(&child->parents, ep))
		finding(a, sp, i, "not among the child's parents (P2)");
	if (child->role.level != sp->role.level - 1)
		finding(a, sp, i, "points to a page of another level");
	if (!direct) {
		g = sp->gpte[i];
		if (!(g & SH_P) || !(g & SH_A))
			finding(a, sp, i, "guest's P or A is clear (P7)");
		direct = sh_direct(child);
		if (direct && !(g & SH_PS))
			finding(a, sp, i, "no large page of the guest's");
		if (!direct && child->role.format != sp->role.format)
			finding(a, sp, i, "points to a page of another format");
	}
	if (direct)
		gfn = shadow_entry_gfn(sp, i);
	else if (sp->role.format == SHF_32)
		gfn = sh_space(sp) | (u32)g >> PAGE_SHIFT;
	else
		gfn = sh_space(sp) | (g & SH_ADDR) >> PAGE_SHIFT;
	if (child->gfn != gfn)
		finding(a, sp, i, "points to another guest page's");
	if (direct || sp->role.wp0)
		return;
	if ((*ep ^ g) & (SH_W | SH_U))
		finding(a, sp, i, "W or U is not the guest's");
	if (sp->role.format != SHF_32 && (*ep ^ g) & SH_NX)
		finding(a, sp, i, "NX is not the guest's");
}

/* ---- what the guest has -------------------------------------------------------------- */

/* A and D may have come since (P7); everything else is as it was read (P4) */
static void check_guest(struct audit *a, const struct shadow_page *sp,
			unsigned int i)
{
	unsigned int n = i, bytes = sizeof(u64);
	const struct memslot *slot;
	u64 e = sp->table[i], now = 0;
	gpa_t at;

	if (sh_direct(sp) || sp->unsync || (!sh_present(e) && e))
		return;
	if (!sh_present(e) && !shadow_hw.trap)
		return;			/* 0 says nothing then */
	if (sp->role.format == SHF_32) {
		bytes = sizeof(u32);
		n += sp->role.quadrant * SH_ENTRIES;
		if (sp->role.level > 1)
			n /= 2;
	}
	at = (sp->gfn << PAGE_SHIFT) + n * bytes;
	slot = memslot_find(a->slots, sp->gfn);
	if (!slot) {
		finding(a, sp, i, "the guest's table is not inside a slot");
		return;
	}
	/* what the host has not mapped right now is not worth a fault */
	if (copy_from_user_nofault(&now, (void __user *)
				   (memslot_hva(slot, sp->gfn) +
				    offset_in_page(at)), bytes))
		return;
	if (!sh_present(e) ? !(now & SH_P) :
			     !((now ^ sp->gpte[i]) & ~(SH_A | SH_D)))
		return;
	a->in_transit++;
	finding(a, sp, i, "the guest's entry is another one (P4)");
}

/* ---- pages ------------------------------------------------------------------------- */

static bool not_to(const struct rmap *head, u64 *ep, void *data)
{
	const struct shadow_page *child = data;
	const struct shadow_page *sp = sh_page_of(ep);

	return !sp || sp->dead || !sh_present(*ep) ||
	       sh_leaf(*ep, sp->role.level) || sh_child(*ep) != child;
}

static bool is_writable(const struct rmap *head, u64 *ep, void *data)
{
	return *ep & SH_W;
}

/* P4, P5: of the guest's table as a whole */
static void check_table(struct audit *a, struct shadow_page *sp)
{
	struct rmap_block *b = rmap_block(a->vm, sp->gfn);
	unsigned int synced = 0, unsynced = 0, upper = 0;
	struct shadow_page *other;

	for (other = shadow_first_of(a->vm, sp->gfn); other;
	     other = shadow_next_of(other)) {
		if (other->unsync)
			unsynced++;
		else
			synced++;
		upper += other->role.level > PG_4K;
	}
	if (unsynced && (synced || upper))
		finding(a, sp, -1, "of a table in part synchronised (P5)");
	if (!b) {
		if (synced)
			finding(a, sp, -1, "not counted as a table (P4)");
		return;
	}
	if (b->tables[sp->gfn & (SH_ENTRIES - 1)] != synced)
		finding(a, sp, -1, "count of the table's pages is wrong (P4)");
	if (synced &&
	    (rmap_any(rmap_of(b, sp->gfn, PG_4K), is_writable, NULL) ||
	     rmap_any(rmap_of(b, sp->gfn, PG_2M), is_writable, NULL)))
		finding(a, sp, -1, "the table is mapped writable (P4)");
}

static unsigned int count_roots(struct vm *vm, const struct shadow_page *sp)
{
	const struct shadow_vcpu *v;
	struct vcpu *vcpu;
	unsigned int r, t, found = 0;
	unsigned long n;

	vm_for_each_vcpu(vm, n, vcpu) {
		v = shadow_vcpu(vcpu);
		for (r = 0; v && r < SH_ROOTS; r++)
			for (t = 0; t < ARRAY_SIZE(v->root[r].top); t++)
				found += v->root[r].valid &&
					 v->root[r].top[t] == sp;
	}
	return found;
}

static void check_page(struct audit *a, struct shadow_page *sp)
{
	unsigned int i, present = 0, np = 0;

	a->pages++;
	if (sp->dead)
		finding(a, sp, -1, "dead among those that live");
	if (sh_page_of(sp->table) != sp)
		finding(a, sp, -1, "its table does not know it");
	if (shadow_page_find(a->vm, sp->gfn, sp->role) != sp)
		finding(a, sp, -1, "not found by gfn and role");
	if (!sh_direct(sp) != !!sp->gpte)
		finding(a, sp, -1, "direct with guest entries, or not without");
	if (sp->roots != count_roots(a->vm, sp))
		finding(a, sp, -1, "count of roots is wrong");
	if (rmap_any(&sp->parents, not_to, sp))
		finding(a, sp, -1, "a parent does not point to it (P2)");
	if (sp->unsync) {
		a->unsync++;
		if (sh_direct(sp) || sp->role.level > PG_4K || sp->nr_np)
			finding(a, sp, -1, "must not be unsynchronised (P5)");
	} else if (!sh_direct(sp)) {
		a->synced += 1 + !!rmap_other_space(a->vm, sp->gfn);
	}
	if (!sh_direct(sp))
		check_table(a, sp);
	for (i = 0; i < SH_ENTRIES; i++) {
		u64 e = READ_ONCE(sp->table[i]);

		if (sh_present(e)) {
			present++;
			if (sh_leaf(e, sp->role.level))
				check_leaf(a, sp, i);
			else
				check_link(a, sp, i);
		} else if (!e && shadow_hw.trap) {
			np++;
			if (sh_direct(sp))
				finding(a, sp, i, "GUEST_NP in a direct page");
		} else if (e != shadow_hw.trap) {
			finding(a, sp, i, "neither present nor TRAP");
		}
		if (a->host)
			check_guest(a, sp, i);
	}
	if (sp->nr_present != present)
		finding(a, sp, -1, "count of present entries is wrong");
	if (sp->nr_np != np)
		finding(a, sp, -1, "count of GUEST_NP entries is wrong");
}

static void check_pages(struct audit *a)
{
	struct shadow_vm *sv = shadow_vm(a->vm);
	struct shadow_page *sp;
	unsigned long hashed = 0, listed = 0;
	unsigned int i;

	list_for_each_entry(sp, &sv->pages, link)
		check_page(a, sp);
	list_for_each_entry(sp, &sv->dead, link) {
		a->dead++;
		if (!sp->dead || sp->nr_present || !rmap_empty(&sp->parents))
			finding(a, sp, -1, "dead and in use (P10)");
	}
	list_for_each_entry(sp, &sv->unsync, unsync_link) {
		listed++;
		if (!sp->unsync || sp->dead)
			finding(a, sp, -1, "not to be in the unsync list (P5)");
	}
	for (i = 0; i < ARRAY_SIZE(sv->hash); i++)
		hlist_for_each_entry(sp, &sv->hash[i], hash)
			hashed++;
	bad_count(a, "pages in the hash", hashed, a->pages);
	bad_count(a, "pages", sv->nr_pages, a->pages + a->dead);
	bad_count(a, "dead pages", sv->nr_dead, a->dead);
	bad_count(a, "unsync list", listed, a->unsync);
	bad_count(a, "unsynchronised pages", sv->nr_unsync, a->unsync);
	for (i = PG_4K; i <= PG_1G; i++)
		bad_count(a, "mappings", sv->leaves[i], a->leaves[i]);
}

/* ---- reverse maps ------------------------------------------------------------------ */

/* Every entry of a list is a leaf of a live page for the guest page it is for */
static bool check_rmap_entry(const struct rmap *head, u64 *ep, void *data)
{
	const struct shadow_page *sp = sh_page_of(ep);
	unsigned int i = sh_index_of(ep), level;
	struct audit *a = data;
	gfn_t gfn;

	a->listed++;
	if (!sp || sp->dead) {
		if (a->findings++ < MAX_REPORTED)
			seq_printf(a->out, "block %lx: an entry of no page (P2)\n",
				   a->number);
		return false;
	}
	level = sp->role.level;
	if (!sh_present(*ep) || !sh_leaf(*ep, level)) {
		finding(a, sp, i, "in a reverse map and no leaf (P2)");
		return false;
	}
	gfn = shadow_entry_gfn(sp, i);
	if (gfn >> RMAP_BLOCK_SHIFT != a->number ||
	    rmap_of(a->block, gfn, level) != head)
		finding(a, sp, i, "in another page's reverse map (P2)");
	return false;
}

static void check_blocks(struct audit *a)
{
	unsigned long tables = 0;
	unsigned int i, sum;

	xa_for_each(&shadow_vm(a->vm)->blocks, a->number, a->block) {
		rmap_any(&a->block->large, check_rmap_entry, a);
		for (i = 0, sum = 0; i < SH_ENTRIES; i++) {
			sum += a->block->tables[i];
			rmap_any(&a->block->head[i], check_rmap_entry, a);
		}
		bad_count(a, "tables of a block", a->block->nr_tables, sum);
		tables += sum;
	}
	bad_count(a, "entries in reverse maps", a->listed,
		  a->leaves[PG_4K] + a->leaves[PG_2M]);
	bad_count(a, "pages counted as tables", tables, a->synced);
}

/* slots lock held */
int shadow_audit(struct vm *vm, struct seq_file *out)
{
	size_t begin = out->count;
	unsigned int looks = 0;
	struct audit a;

	do {
		if (looks++)
			fsleep(1000);
		out->count = begin;
		a = (struct audit) {
			.vm = vm, .out = out, .slots = memslots_get(vm),
		};
		write_lock(&vm->mmu.lock);
		a.host = current->mm == vm->mm && !vm->mmu.inv_count;
		check_pages(&a);
		check_blocks(&a);
		write_unlock(&vm->mmu.lock);
	} while (a.in_transit && a.in_transit == a.findings &&
		 looks < MAX_LOOKS);
	seq_printf(out, "shadow: %lu pages, %lu unsync, %lu dead, %lu 4k, %lu 2m, host %s\n",
		   a.pages, a.unsync, a.dead, a.leaves[PG_4K], a.leaves[PG_2M],
		   a.host ? "checked" : "not checked");
	return a.findings;
}
