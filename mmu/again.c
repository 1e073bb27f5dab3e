// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks of the guest's tables that were made before, in long mode: to the
 * instruction that the CPU has just executed, and to devices.
 *
 * The guest may change its tables and its code without an exit, so nothing
 * that is kept about either can be trusted by itself. What is kept is the way
 * of the last walk: where its entries are in the owner's address space, and
 * what they held. As long as the same entries hold the same values, under the
 * same CR3 and the same slots, a walk would take the same way. So to walk again
 * is to compare at most five words.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "mmu/apic_page.h"
#include "mmu/host.h"
#include "mmu/walk.h"
#include "x86/x86.h"

#define PTE_P		BIT_ULL(0)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_ADDR	GENMASK_ULL(51, 12)

/* ---- ways -------------------------------------------------------------------- */

/* SDM 3A 4.5: the index of each level has 9 bits */
static unsigned int level_shift(unsigned int level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}

static __always_inline unsigned int levels_now(const struct vcpu *vcpu)
{
	return vcpu->arch.cr4 & X86_CR4_LA57 ? 5 : 4;	/* never guest-owned */
}

static const void __user *host_address(struct vcpu *vcpu,
				       const struct memslots *slots, gpa_t gpa)
{
	struct memslot *slot;

	gpa |= vcpu->mmu.space;
	slot = memslot_find_vcpu(vcpu, slots, gpa >> PAGE_SHIFT);
	if (!slot)
		return NULL;
	return (const void __user *)(memslot_hva(slot, gpa >> PAGE_SHIFT) +
				     offset_in_page(gpa));
}

static const u64 __user *entry_address(struct vcpu *vcpu,
				       const struct memslots *slots, u64 table,
				       gva_t gva, unsigned int level)
{
	unsigned int index = gva >> level_shift(level) & 511;

	return host_address(vcpu, slots, (table & PTE_ADDR) + index * 8);
}

/* @way has its entries now */
static void keep(struct vcpu *vcpu, struct mmu_way *way,
		 const struct memslots *slots, gva_t page, u64 cr3)
{
	way->page = page;
	way->cr3 = cr3;
	way->generation = slots->generation;
	way->levels = levels_now(vcpu);
}

/* Another CR3: kernels have the lower tables in common */
static noinline bool change_root(struct vcpu *vcpu,
				 const struct memslots *slots, u64 cr3,
				 struct mmu_way *way)
{
	const u64 __user *at = entry_address(vcpu, slots, cr3, way->page,
					     way->levels);

	if (!at)
		return false;
	way->entry[0].at = at;
	way->cr3 = cr3;
	return true;
}

/* Can the way be compared, is it one from @page at all? */
static __always_inline bool usable(struct vcpu *vcpu, struct mmu_way *way,
				   const struct memslots *slots, gva_t page,
				   u64 cr3)
{
	return way->page == page && way->levels == levels_now(vcpu) &&
	       way->generation == slots->generation &&
	       (likely(way->cr3 == cr3) || change_root(vcpu, slots, cr3, way));
}

/* Within user_read_access_begin(). 0, 1 where the tables differ, or -EFAULT */
static __always_inline int compare(const struct mmu_way *way)
{
	const typeof(*way->entry) *entry = way->entry, *end = entry + way->n;
	u64 e;

	do {	/* there is a root at least */
		unsafe_get_user(e, entry->at, fault);
		if (e != entry->val)
			return 1;
	} while (++entry < end);
	return 0;
fault:
	return -EFAULT;
}

/* ---- code -------------------------------------------------------------------- */

/*
 * No permission is checked and no accessed bit set: the CPU has done that when
 * it fetched.
 */
static bool find_code(struct vcpu *vcpu, const struct memslots *slots,
		      gva_t page, u64 cr3, struct mmu_code *c)
{
	unsigned int level = levels_now(vcpu), n = 0;
	u64 e = cr3, mask;

	c->way.page = NO_WAY;
	for (;; level--) {
		const u64 __user *at = entry_address(vcpu, slots, e, page, level);

		if (!at || __get_user(e, at) || !(e & PTE_P))
			return false;
		c->way.entry[n].at = at;
		c->way.entry[n++].val = e;
		if (level == 1 || (level <= PG_1G && e & PTE_PS))
			break;
	}
	mask = BIT_ULL(level_shift(level)) - 1;
	c->text = host_address(vcpu, slots,
			       (e & PTE_ADDR & ~mask) | (page & mask));
	if (!c->text)
		return false;
	c->way.n = n;
	keep(vcpu, &c->way, slots, page, cr3);
	return true;
}

/* enum mmu_fetched, or -1 where the tables have changed */
static __always_inline int read_code(struct mmu_code *c, unsigned int offset)
{
	const u64 __user *from = (const u64 __user *)(c->text + offset);
	u64 a, b;
	int r;

	if (!user_read_access_begin(c->text, PAGE_SIZE))
		return MMU_FETCHED_NOT;
	r = compare(&c->way);
	if (unlikely(r)) {
		user_read_access_end();
		return r < 0 ? MMU_FETCHED_NOT : -1;
	}
	unsafe_get_user(a, from, fault);
	unsafe_get_user(b, from + 1, fault);
	user_read_access_end();
	if (likely(a == c->insn[0] && b == c->insn[1]))
		return MMU_FETCHED_SAME;
	c->insn[0] = a;
	c->insn[1] = b;
	return MMU_FETCHED_NEW;
fault:
	user_read_access_end();
	return MMU_FETCHED_NOT;
}

enum mmu_fetched mmu_fetch_again(struct vcpu *vcpu, struct mmu_code *c,
				 gva_t rip)
{
	const struct memslots *slots = memslots_get(vcpu->vm);
	unsigned int offset = offset_in_page(rip);
	gva_t page = rip - offset;
	u64 cr3 = vcpu_cr3(vcpu);
	int r;

	if (unlikely(offset > PAGE_SIZE - sizeof(c->insn) ||
		     current->mm != vcpu->vm->mm))
		return MMU_FETCHED_NOT;
	if (likely(usable(vcpu, &c->way, slots, page, cr3))) {
		r = read_code(c, offset);
		if (likely(r >= 0))
			return r;
	}
	if (!find_code(vcpu, slots, page, cr3, c))
		return MMU_FETCHED_NOT;
	r = read_code(c, offset);
	return r < 0 ? MMU_FETCHED_NOT : r;
}

/* ---- devices ----------------------------------------------------------------- */

/*
 * Only what no other state decides about is kept: not what CR0.WP lets the
 * supervisor write, not an access to a user page that SMAP or protection keys
 * have a say in. D is set in what may be written, A in all entries.
 */
void mmu_note_device(struct vcpu *vcpu, const struct mmu_fault *f)
{
	struct mmu_device *d = &vcpu->mmu.device[mmu_device_index(f->gva)];
	const struct memslots *slots = memslots_get(vcpu->vm);
	struct x86_exception e;
	struct mmu_path p;
	unsigned int i;

	d->way.page = NO_WAY;
	if (!x86_long_mode(vcpu) || current->mm != vcpu->vm->mm ||
	    mmu_walk(vcpu, f->gva, f->access, &p, &e) != MMU_RESUME ||
	    p.gpa != f->gpa || !p.accessed)
		return;
	for (i = 0; i < p.n; i++) {
		d->way.entry[i].at = host_address(vcpu, slots, p.entry[i].at);
		d->way.entry[i].val = p.entry[i].val;
		if (!d->way.entry[i].at)
			return;
	}
	d->way.n = p.n;
	d->gpa = p.gpa & PAGE_MASK;
	d->user = p.user;
	d->access = MMU_ACC_READ;
	if (p.writable && p.dirty)
		d->access |= MMU_ACC_WRITE;
	if (p.user)
		d->access |= MMU_ACC_USER;
	d->efer = vcpu->arch.efer;
	keep(vcpu, &d->way, slots, f->gva & PAGE_MASK, vcpu_cr3(vcpu));
}

bool mmu_device_again(struct vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa)
{
	struct mmu_device *d = &vcpu->mmu.device[mmu_device_index(gva)];
	const struct memslots *slots = memslots_get(vcpu->vm);
	int r;

	/* or the address is computed anew for each member */
	OPTIMIZER_HIDE_VAR(d);
	if (!usable(vcpu, &d->way, slots, gva & PAGE_MASK, vcpu_cr3(vcpu)) ||
	    access & ~d->access || d->efer != vcpu->arch.efer ||
	    current->mm != vcpu->vm->mm ||
	    (d->user && vcpu->arch.cr4 & (X86_CR4_SMAP | X86_CR4_PKE)))
		return false;	/* kinds with #PF never give these to the guest */
	if (!user_read_access_begin(d->way.entry[0].at, sizeof(u64)))
		return false;
	r = compare(&d->way);
	user_read_access_end();
	*gpa = d->gpa | offset_in_page(gva);
	return !r;
}

void mmu_forget_devices(struct vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < MMU_DEVICES; i++)
		vcpu->mmu.device[i].way.page = NO_WAY;
}

/* ---- address spaces ---------------------------------------------------------- */

void mmu_set_space(struct vcpu *vcpu, bool smm)
{
	gpa_t space = smm ? MMU_SPACE_SMM : 0;
	unsigned int i;

	if (vcpu->mmu.space == space)
		return;
	/* the hardware's log has addresses of the space that is left */
	mmu_op(vcpu->vm, sync_dirty, vcpu);
	vcpu->mmu.space = space;
	/* gaps and slots are found by address, ways are not */
	mmu_forget_devices(vcpu);
	for (i = 0; i < ARRAY_SIZE(vcpu->mmio_insn); i++)
		vcpu->mmio_insn[i].code.way.page = NO_WAY;
	vcpu->mmu.need_prepare = true;
	vcpu->mmu.need_load = true;
	vcpu->mmu.need_flush = true;
}

/* ---- gaps -------------------------------------------------------------------- */

bool mmu_in_gap(struct vcpu *vcpu, gfn_t gfn)
{
	return mmu_maybe_gap(&vcpu->mmu, gfn) &&
	       vcpu->mmu.gap_generation == memslots_get(vcpu->vm)->generation;
}

/* Where the CPU virtualizes the LAPIC, accesses to its page are no device's */
static void cut_apic_page(struct vm *vm, gfn_t gfn, struct mmu_gap *gap)
{
	/* pairs with mmu_apic_page_create() */
	struct mmu_apic_page *a = smp_load_acquire(&vm->mmu.apic_page);
	gfn_t apic, end = gap->first + gap->pages;

	if (!a)
		return;
	apic = a->slot.base;
	if (apic - gap->first >= gap->pages)
		return;
	if (gfn <= apic) {
		gap->pages = apic - gap->first;
	} else {
		gap->first = apic + 1;
		gap->pages = end - gap->first;
	}
}

void mmu_note_gap(struct vcpu *vcpu, gfn_t gfn)
{
	const struct memslots *slots = memslots_get(vcpu->vm);
	struct mmu_gap *gap = vcpu->mmu.gap, new;

	if (vcpu->mmu.gap_generation != slots->generation)
		memset(gap, 0, sizeof(vcpu->mmu.gap));
	vcpu->mmu.gap_generation = slots->generation;
	if (!memslots_gap(slots, gfn, &new))
		return;
	cut_apic_page(vcpu->vm, gfn, &new);
	gap[1] = gap[0];
	gap[0] = new;
}
