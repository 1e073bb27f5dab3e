// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fetching again the instruction that the CPU has just executed, in 64-bit
 * mode.
 *
 * The guest may change its tables and its code without an exit, so nothing
 * that is kept about either can be trusted by itself. What is kept is the way
 * of the last walk: where its entries are in the owner's address space, and
 * what they held. As long as the same entries hold the same values, under the
 * same CR3 and the same slots, a walk would take the same way. So to fetch is
 * to compare at most five words and to read sixteen bytes.
 *
 * No permission is checked and no accessed bit set: the CPU has done that when
 * it fetched.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "mmu/host.h"
#include "x86/x86.h"

#define PTE_P		BIT_ULL(0)
#define PTE_PS		BIT_ULL(7)
#define PTE_ADDR	GENMASK_ULL(51, 12)

/* SDM 3A 4.5: the index of each level has 9 bits */
static unsigned int level_shift(unsigned int level)
{
	return PAGE_SHIFT + 9 * (level - 1);
}

static const void __user *host_address(struct vcpu *vcpu,
				       const struct memslots *slots, gpa_t gpa)
{
	struct memslot *slot = memslot_find_vcpu(vcpu, slots, gpa >> PAGE_SHIFT);

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

/* Walk for @c->page, which has nothing else yet */
static bool walk(struct vcpu *vcpu, const struct memslots *slots, gva_t page,
		 unsigned int levels, u64 cr3, struct mmu_code *c)
{
	unsigned int level = levels, n = 0;
	u64 e = cr3, mask;

	c->levels = 0;
	for (;; level--) {
		const u64 __user *at = entry_address(vcpu, slots, e, page, level);

		if (!at || __get_user(e, at) || !(e & PTE_P))
			return false;
		c->entry[n].at = at;
		c->entry[n++].val = e;
		if (level == 1 || (level <= PG_1G && e & PTE_PS))
			break;
	}
	mask = BIT_ULL(level_shift(level)) - 1;
	c->text = host_address(vcpu, slots,
			       (e & PTE_ADDR & ~mask) | (page & mask));
	if (!c->text)
		return false;
	c->n = n;
	c->cr3 = cr3;
	c->page = page;
	c->generation = slots->generation;
	c->levels = levels;
	return true;
}

/* Another CR3: kernels have the lower tables in common */
static bool change_root(struct vcpu *vcpu, const struct memslots *slots,
			u64 cr3, struct mmu_code *c)
{
	const u64 __user *at = entry_address(vcpu, slots, cr3, c->page,
					     c->levels);

	if (!at)
		return false;
	c->entry[0].at = at;
	c->cr3 = cr3;
	return true;
}

/* 0, 1 where the tables have changed, or -EFAULT */
static __always_inline int read_code(const struct mmu_code *c, unsigned int offset, u64 insn[2])
{
	unsigned int i;
	u64 e;

	if (!user_read_access_begin(c->text, PAGE_SIZE))
		return -EFAULT;
	for (i = 0; i < c->n; i++) {
		unsafe_get_user(e, c->entry[i].at, fault);
		if (e != c->entry[i].val) {
			user_read_access_end();
			return 1;
		}
	}
	unsafe_get_user(insn[0], (const u64 __user *)(c->text + offset), fault);
	unsafe_get_user(insn[1], (const u64 __user *)(c->text + offset) + 1,
			fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

bool mmu_fetch_again(struct vcpu *vcpu, struct mmu_code *c, gva_t rip,
		     u64 insn[2])
{
	const struct memslots *slots = memslots_get(vcpu->vm);
	unsigned int levels = vcpu->arch.cr4 & X86_CR4_LA57 ? 5 : 4;
	unsigned int offset = offset_in_page(rip);
	gva_t page = rip - offset;
	u64 cr3 = x86_cr3(vcpu);
	int r;

	if (unlikely(offset > PAGE_SIZE - 16 || current->mm != vcpu->vm->mm))
		return false;
	if (likely(c->page == page && c->levels == levels &&
		   c->generation == slots->generation)) {
		if (unlikely(c->cr3 != cr3) &&
		    !change_root(vcpu, slots, cr3, c))
			return false;
		r = read_code(c, offset, insn);
		if (likely(r <= 0))
			return !r;
	}
	return walk(vcpu, slots, page, levels, cr3, c) &&
	       !read_code(c, offset, insn);
}
