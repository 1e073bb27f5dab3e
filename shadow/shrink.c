// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many shadow pages a VM may have, and which of them go first.
 *
 * The list of pages is a clock: those at its head are looked at first, and a
 * page that has been used since the last time gets another turn. The CPU tells:
 * it sets A in the links it follows. (A link that it remembers is not followed
 * again, so this errs on the side of taking a page that is used; that costs
 * faults, nothing else.)
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include "shadow/shadow.h"

/*
 * What one instruction can need at once, so that the guest makes progress: code,
 * two operands and a descriptor, each over a page boundary, 5 levels each.
 */
#define SHADOW_PAGES_MIN	64

static unsigned int shadow_pages;	/* [a] */

static int pages_set(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int r = kstrtouint(val, 0, &n);

	if (r)
		return r;
	if (n && n < SHADOW_PAGES_MIN)
		return -EINVAL;
	WRITE_ONCE(shadow_pages, n);
	return 0;
}

static const struct kernel_param_ops pages_ops = {
	.set = pages_set,
	.get = param_get_uint,
};

module_param_cb(shadow_pages, &pages_ops, &shadow_pages, 0644);
MODULE_PARM_DESC(shadow_pages, "page tables that a VM with shadow paging made from now on may have at a time: 0 (default) by the machine's memory, or at least 64");

/* By default a 64th of memory's pages; each takes 8 KiB with what it was made from */
unsigned long shadow_quota(void)
{
	unsigned long n = READ_ONCE(shadow_pages);

	return n ?: max(totalram_pages() / 64, 16ul * SHADOW_PAGES_MIN);
}

bool shadow_root_in_use(struct vm *vm, const struct shadow_page *sp)
{
	const struct shadow_vcpu *v;
	struct vcpu *vcpu;
	unsigned long n;
	unsigned int i;

	if (!sp->roots)
		return false;
	vm_for_each_vcpu(vm, n, vcpu) {
		v = shadow_vcpu(vcpu);
		if (!v || !v->cur)
			continue;
		for (i = 0; i < ARRAY_SIZE(v->cur->top); i++)
			if (v->cur->top[i] == sp)
				return true;
	}
	return false;
}

static bool make_old(struct vm *vm, u64 *ep)
{
	return shadow_entry_young(ep, true);
}

/* What each turn of the clock leaves alone; the last one takes all */
enum turn { TURN_UNUSED, TURN_USED, TURN_ALL, TURNS };

static bool spared(struct vm *vm, struct shadow_page *sp, enum turn turn)
{
	if (turn == TURN_ALL)
		return false;
	if (shadow_root_in_use(vm, sp))
		return true;
	return turn == TURN_UNUSED &&
	       (sp->roots || rmap_for_each(vm, &sp->parents, make_old));
}

unsigned long shadow_reclaim(struct vm *vm, unsigned long nr)
{
	struct shadow_vm *sv = shadow_vm(vm);
	unsigned long left, before = sv->nr_pages;
	struct shadow_page *sp;
	enum turn turn;

	for (turn = TURN_UNUSED; turn < TURNS && nr; turn++) {
		left = sv->nr_pages - sv->nr_dead;
		/* a page may have 1024 parents; the next call looks at others */
		if (turn != TURN_ALL)
			left = min(left, 8 * SH_RECLAIM_MAX);
		for (; left && nr; left--) {
			sp = list_first_entry_or_null(&sv->pages,
						      struct shadow_page, link);
			if (!sp)
				break;
			if (spared(vm, sp, turn)) {
				list_move_tail(&sp->link, &sv->pages);
				continue;
			}
			shadow_page_zap(vm, sp);
			nr--;
		}
	}
	shadow_reap(vm);
	sv->recycled += before - sv->nr_pages;
	return before - sv->nr_pages;
}

/* [m] held */
unsigned long shadow_shrink(struct vm *vm, unsigned long nr)
{
	return shadow_reclaim(vm, nr);
}

bool shadow_limit_pages(struct vm *vm, unsigned long nr)
{
	struct shadow_vm *sv = shadow_vm(vm);

	sv->quota = nr;
	if (sv->nr_pages > nr)
		shadow_reclaim(vm, min(sv->nr_pages - nr, SH_RECLAIM_MAX));
	return sv->nr_pages > nr;
}
