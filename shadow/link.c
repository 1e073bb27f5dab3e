// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links: what an entry that points to another shadow page says.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "mmu/mmu.h"
#include "shadow/shadow.h"
#include "x86/x86.h"

/* Those of the entry alone, except with CR0.WP = 0, where the role has them */
u64 shadow_link_bits(const struct shadow_page *sp, u64 gpte)
{
	u64 bits = sp->role.format == SHF_32 ? 0 : gpte & SH_NX;

	if (sp->role.wp0)
		return bits | SH_W | SH_U;
	return bits | (gpte & (SH_W | SH_U));
}

/* Role of the page below entry @i of @sp; @direct: below a large guest page */
union shadow_role shadow_child_role(const struct shadow_page *sp, unsigned int i,
				    u64 gpte, bool direct)
{
	union shadow_role role = sp->role;
	u64 bits;

	if (sh_direct(sp)) {
		role.level--;
		return role;
	}
	if (direct) {
		bits = shadow_leaf_bits(sp, gpte);
		role.word = 0;
		role.level = sp->role.level - 1;
		role.access = (bits & SH_W ? SH_ACC_W : 0) |
			      (bits & SH_U ? SH_ACC_U : 0) |
			      (bits & SH_NX ? 0 : SH_ACC_X);
		role.pkey = bits >> 59 & 15;
		return role;
	}
	role.level--;
	role.quadrant = 0;
	if (role.format == SHF_32)
		role.quadrant = i & 1;
	if (role.wp0) {
		if (!(gpte & SH_W))
			role.access &= ~SH_ACC_W;
		if (!(gpte & SH_U))
			role.access &= ~SH_ACC_U;
	}
	return role;
}

gfn_t shadow_table_gfn(const struct shadow_page *sp, u64 gpte)
{
	if (sp->role.format == SHF_32)
		return sh_space(sp) | (u32)gpte >> PAGE_SHIFT;
	return sh_space(sp) | (gpte & SH_ADDR) >> PAGE_SHIFT;
}

/* Bits that must be 0 in a guest's entry that points to a table */
static u64 link_reserved(struct vcpu *vcpu, const struct shadow_page *sp)
{
	u64 rsvd = vcpu->arch.gpa_reserved & SH_ADDR;

	if (sp->role.format == SHF_32)
		return 0;
	if (sp->role.format == SHF_PAE)
		rsvd |= GENMASK_ULL(62, 52);
	if (sp->role.level > PG_1G)
		rsvd |= SH_PS;
	return sp->role.nxe ? rsvd : rsvd | SH_NX;
}

/* Link to the page for entry @i, if there is one already */
static void adopt(struct vcpu *vcpu, struct shadow_page *sp, unsigned int i,
		  u64 gpte)
{
	union shadow_role role = shadow_child_role(sp, i, gpte, false);
	struct shadow_page *child;

	child = shadow_page_find(vcpu->vm, shadow_table_gfn(sp, gpte), role);
	if (!child || child->unsync)
		return;
	shadow_sync_below(vcpu, child);
	shadow_entry_link(vcpu->vm, &shadow_vcpu(vcpu)->cache, &sp->table[i],
			  gpte, child, shadow_link_bits(sp, gpte));
}

/*
 * A root that is new shares much with others: the kernel's half of it, above
 * all. Each link that is made here saves a fault.
 */
void shadow_adopt(struct vcpu *vcpu, struct shadow_page *sp)
{
	struct shadow_cache *cache = &shadow_vcpu(vcpu)->cache;
	void __user *from = shadow_gpte_user(vcpu, sp, 0);
	u64 rsvd = link_reserved(vcpu, sp), gpte;
	unsigned int per = sp->role.format == SHF_32 ? 2 : 1, i;

	if (!from)
		return;
	pagefault_disable();
	for (i = 0; i < SH_ENTRIES; i++) {
		if (!shadow_read_nth(sp, from, i / per, &gpte))
			break;
		/* a page where it can be one, or not to be used yet (P7) */
		if ((gpte & (SH_P | SH_A)) != (SH_P | SH_A) || gpte & rsvd ||
		    (gpte & SH_PS && sp->role.level <= PG_1G))
			continue;
		if (!sh_present(sp->table[i]) && cache->nr_descs)
			adopt(vcpu, sp, i, gpte);
	}
	pagefault_enable();
}
