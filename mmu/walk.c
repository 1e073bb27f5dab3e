// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest page walker: guest-virtual to guest-physical by the guest's own
 * tables, as the CPU would do it (SDM 3A chapter 4).
 *
 * Invariants:
 *  W1. A and D are set by compare-and-exchange against the entry that was
 *      checked; when it changed meanwhile the walk starts over.
 *  W2. A and D are set only once the translation is known to succeed, so a
 *      fault changes nothing in guest memory.
 *  W3. A table where no memory is reads as all ones, like memory that nobody
 *      decodes; that is present with reserved bits set. A table in a read-only
 *      slot is used, and its A and D stay as they are.
 */
#include <linux/bits.h>
#include <linux/mm.h>
#include <asm/trapnr.h>
#include <asm/processor-flags.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "mmu/host.h"
#include "mmu/pt.h"
#include "mmu/walk.h"
#include "x86/x86.h"

#define PTE_P		BIT_ULL(0)
#define PTE_W		BIT_ULL(1)
#define PTE_U		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_ADDR	GENMASK_ULL(51, 12)
#define PTE_PKEY_SHIFT	59

static const struct pt_format pt_none = { .name = "none", .linear_bits = 32 };

static const struct pt_format pt_32 = {
	.name = "32-bit", .levels = 2, .entry_bytes = 4, .index_bits = 10,
	.top_bits = 10, .linear_bits = 32,
};

static const struct pt_format pt_pae = {
	.name = "PAE", .levels = 3, .entry_bytes = 8, .index_bits = 9,
	.top_bits = 2, .linear_bits = 32, .nx = true, .pdptes = true,
};

static const struct pt_format pt_4level = {
	.name = "4-level", .levels = 4, .entry_bytes = 8, .index_bits = 9,
	.top_bits = 9, .linear_bits = 48, .nx = true, .pkeys = true,
};

static const struct pt_format pt_5level = {
	.name = "5-level", .levels = 5, .entry_bytes = 8, .index_bits = 9,
	.top_bits = 9, .linear_bits = 57, .nx = true, .pkeys = true,
};

/* What a walk depends on, read once */
struct walk_env {
	const struct pt_format *fmt;
	u64 cr0, cr3, cr4, efer;
	u64 rsvd;		/* reserved in every 8-byte entry */
	bool nxe, pse;
};

static const struct pt_format *format_of(struct vcpu *vcpu, u64 cr4)
{
	if (!x86_paging(vcpu))
		return &pt_none;
	if (x86_long_mode(vcpu))
		return cr4 & X86_CR4_LA57 ? &pt_5level : &pt_4level;
	return cr4 & X86_CR4_PAE ? &pt_pae : &pt_32;
}

static void env_init(struct vcpu *vcpu, struct walk_env *env)
{
	env->cr0 = x86_cr0(vcpu);
	env->cr3 = x86_cr3(vcpu);
	env->cr4 = x86_cr4(vcpu);
	env->efer = vcpu->arch.efer;
	env->fmt = format_of(vcpu, env->cr4);
	env->nxe = env->fmt->nx && env->efer & EFER_NX;
	env->pse = env->fmt != &pt_32 || env->cr4 & X86_CR4_PSE;
	env->rsvd = vcpu->arch.gpa_reserved & GENMASK_ULL(51, 0);
	if (env->fmt == &pt_pae)
		env->rsvd |= GENMASK_ULL(62, 52);
	if (!env->nxe)
		env->rsvd |= PTE_NX;
}

/* 0, or -EFAULT where the host cannot deliver the slot's memory */
static __always_inline int read_entry(struct vcpu *vcpu,
				      const struct memslots *slots, gpa_t at,
				      unsigned int bytes, u64 *val)
{
	struct memslot *slot = memslot_find_vcpu(vcpu, slots, at >> PAGE_SHIFT);
	void __user *from;
	u32 val32;

	if (!slot) {
		*val = bytes == 4 ? U32_MAX : U64_MAX;		/* W3 */
		return 0;
	}
	/* one load: another CPU of the guest may be writing the entry */
	from = (void __user *)(memslot_hva(slot, at >> PAGE_SHIFT) +
			       offset_in_page(at));
	if (bytes == 8)
		return __get_user(*val, (u64 __user *)from);
	if (__get_user(val32, (u32 __user *)from))
		return -EFAULT;
	*val = val32;
	return 0;
}

/* PDPTEs of PAE paging, which have no large pages, do not come here */
static __always_inline bool is_leaf(const struct walk_env *env, u64 e,
				    unsigned int level)
{
	return level == 1 || (level <= PG_1G && e & PTE_PS && env->pse);
}

/* Bits that must be 0 in an entry (SDM 3A tables 4-4 to 4-20) */
static __always_inline u64 reserved_bits(struct vcpu *vcpu,
					 const struct walk_env *env,
					 const struct pt_format *f,
					 unsigned int level, bool leaf)
{
	unsigned int phys = vcpu->arch.phys_bits;
	u64 rsvd = env->rsvd;

	if (f->entry_bytes == 4) {
		if (!leaf || level == 1)
			return 0;
		/* bits 20:13 are address bits 39:32 as far as the CPU has them */
		if (!x86_gcap(vcpu, GCAP_PSE36))
			return GENMASK_ULL(21, 13);
		phys = clamp(phys, 32u, 40u);
		return GENMASK_ULL(21, 13 + (phys - 32));
	}
	if (leaf && level > 1)
		rsvd |= GENMASK_ULL(pt_shift(f, level) - 1, 13);
	if (level > PG_1G)
		rsvd |= PTE_PS;
	if (leaf && level == PG_1G && !x86_gcap(vcpu, GCAP_GBPAGES))
		rsvd |= PTE_PS;
	return rsvd;
}

static gpa_t leaf_gpa(const struct walk_env *env, u64 e, unsigned int level,
		      gva_t gva)
{
	u64 mask = BIT_ULL(pt_shift(env->fmt, level)) - 1;
	u64 base = e & PTE_ADDR & ~mask;

	if (env->fmt == &pt_32) {
		base = (u32)e & ~mask;
		if (level == 2)		/* PSE-36: SDM 3A table 4-4 */
			base |= (e & GENMASK_ULL(20, 13)) << (32 - 13);
	}
	return base | (gva & mask);
}

/*
 * Follow the entries. 0: @p is filled; PFEC_* bits for the part of the error
 * code that the tables decide (0 is "not present", hence the + MISS); -EFAULT.
 */
#define WALK_NOT_PRESENT	0x1000

static __always_inline int walk_format(struct vcpu *vcpu,
				       const struct walk_env *env,
				       const struct pt_format *f, gva_t gva,
				       struct mmu_path *p)
{
	const struct memslots *slots = memslots_get(vcpu->vm);
	const gpa_t space = vcpu->mmu.space;
	gpa_t table = env->cr3 & (f->entry_bytes == 4 ? GENMASK_ULL(31, 12) :
				  PTE_ADDR & ~vcpu->arch.gpa_reserved);
	u64 e, all = ~0ull, nx = 0;
	unsigned int level;
	bool leaf;
	int r;

	if (WARN_ON_ONCE(current->mm != vcpu->vm->mm))
		return -EFAULT;
	p->n = 0;
	p->level = 0;
	for (level = f->levels; ; level--) {
		gpa_t at = space | (table + pt_index(f, gva, level) *
				    f->entry_bytes);

		if (f->pdptes && level == f->levels) {
			/* kept in the CPU; checked when they were loaded */
			if (!vmx_avail(vcpu, VREG_PDPTES))
				vmx_read_pdptes(vcpu);
			e = vcpu->arch.pdpte[pt_index(f, gva, level)];
			if (!(e & PTE_P))
				return WALK_NOT_PRESENT;
			table = e & PTE_ADDR;
			continue;
		}
		r = read_entry(vcpu, slots, at, f->entry_bytes, &e);
		if (unlikely(r))
			return r;
		p->entry[p->n].at = at;
		p->entry[p->n].val = e;
		if (unlikely(!(e & PTE_P))) {
			p->level = level;
			return WALK_NOT_PRESENT;
		}
		leaf = is_leaf(env, e, level);
		if (unlikely(e & reserved_bits(vcpu, env, f, level, leaf)))
			return PFEC_P | PFEC_RSVD;
		all &= e;
		nx |= e;
		p->n++;
		if (leaf)
			break;
		table = e & PTE_ADDR;
	}
	p->writable = all & PTE_W;
	p->user = all & PTE_U;
	/* PTE_NX is reserved, so never set here, where NX is off */
	p->exec = !(nx & PTE_NX);
	p->accessed = all & PTE_A;
	p->dirty = e & PTE_D;
	p->level = level;
	p->gpa = space | leaf_gpa(env, e, level, gva);
	p->pkey = f->pkeys ? (e >> PTE_PKEY_SHIFT) & 15 : 0;
	return 0;
}

/* The usual format gets code of its own, with its numbers as constants */
static int walk_tables(struct vcpu *vcpu, const struct walk_env *env, gva_t gva,
		       struct mmu_path *p)
{
	if (likely(env->fmt == &pt_4level))
		return walk_format(vcpu, env, &pt_4level, gva, p);
	return walk_format(vcpu, env, env->fmt, gva, p);
}

/* Protection keys for user-mode addresses (SDM 3A 4.6.2) */
static bool pkey_denies(struct vcpu *vcpu, const struct walk_env *env,
			const struct mmu_path *p, u32 access)
{
	u32 bits;

	if (!env->fmt->pkeys || !(env->cr4 & X86_CR4_PKE) || !p->user ||
	    access & MMU_ACC_EXEC)
		return false;
	bits = vcpu->arch.pkru >> (2 * p->pkey);
	if (bits & 1)
		return true;
	return bits & 2 && access & MMU_ACC_WRITE &&
	       (access & MMU_ACC_USER || env->cr0 & X86_CR0_WP);
}

/* 0, or the error code's bits (SDM 3A 4.6.1) */
static u32 check_access(struct vcpu *vcpu, const struct walk_env *env,
			const struct mmu_path *p, u32 access)
{
	bool user = access & MMU_ACC_USER;
	u32 denied = 0;

	if (user && !p->user)
		return PFEC_P;
	if (access & MMU_ACC_EXEC) {
		if (!p->exec)
			return PFEC_P;
		if (!user && p->user && env->cr4 & X86_CR4_SMEP)
			return PFEC_P;
		return 0;
	}
	if (!user && p->user && env->cr4 & X86_CR4_SMAP &&
	    (access & MMU_ACC_SYSTEM || vcpu_cpl(vcpu) == 3 ||
	     !(vcpu_rflags(vcpu) & X86_EFLAGS_AC)))
		denied = PFEC_P;
	if (access & MMU_ACC_WRITE && !p->writable &&
	    (user || env->cr0 & X86_CR0_WP))
		denied = PFEC_P;
	/* PK is told whatever else forbids the access (SDM 3A 4.7) */
	if (pkey_denies(vcpu, env, p, access))
		denied = PFEC_P | PFEC_PK;
	return denied;
}

/* 0 done, 1 an entry changed under us, -EFAULT */
static int set_accessed(struct vcpu *vcpu, const struct walk_env *env,
			struct mmu_path *p, bool write)
{
	unsigned int bytes = env->fmt->entry_bytes, i;
	int r;

	if (likely(p->accessed && (p->dirty || !write)))
		return 0;
	for (i = 0; i < p->n; i++) {
		u64 old = p->entry[i].val, new = old | PTE_A;
		gpa_t at = p->entry[i].at;

		if (write && i == p->n - 1)
			new |= PTE_D;
		if (new == old || !mmu_gpa_is_memory(vcpu->vm, at, true))
			continue;
		r = guest_cmpxchg_quiet(vcpu, at, &old, &new, bytes);
		if (r)
			return r;
		p->entry[i].val = new;
	}
	p->accessed = true;
	p->dirty |= write;
	return 0;
}

static int page_fault(struct x86_exception *e, const struct walk_env *env,
		      gva_t gva, u32 access, u32 bits)
{
	u32 code = bits & (PFEC_P | PFEC_RSVD | PFEC_PK);

	if (access & MMU_ACC_WRITE)
		code |= PFEC_W;
	if (access & MMU_ACC_USER)
		code |= PFEC_U;
	/* SDM 3A 4.7: I/D is reported only where fetches can be denied */
	if (access & MMU_ACC_EXEC && (env->nxe || env->cr4 & X86_CR4_SMEP))
		code |= PFEC_I;
	e->vector = X86_TRAP_PF;
	e->has_error = true;
	e->error = code;
	e->address = gva;
	return MMU_INJECT;
}

static bool canonical(const struct walk_env *env, gva_t gva)
{
	unsigned int shift = 64 - env->fmt->linear_bits;

	return (u64)((s64)(gva << shift) >> shift) == gva;
}

/*
 * Another vCPU changes an entry whenever its A or D is about to be set: the
 * guest's own matter, so the guest shall execute the instruction again, with
 * all that the run loop looks at in between.
 */
#define WALK_TRIES	64

int mmu_walk(struct vcpu *vcpu, gva_t gva, u32 access, struct mmu_path *p,
	     struct x86_exception *e)
{
	struct walk_env env;
	unsigned int tries;
	u32 bits;
	int r;

	env_init(vcpu, &env);
	p->level = 0;
	if (env.fmt->linear_bits == 32) {
		gva = (u32)gva;
	} else if (!canonical(&env, gva)) {
		*e = (struct x86_exception) {
			.vector = X86_TRAP_GP, .has_error = true,
		};
		return MMU_INJECT;
	}
	if (!env.fmt->levels) {
		*p = (struct mmu_path) {
			.gpa = vcpu->mmu.space | gva,
			.writable = true, .user = true,
			.exec = true, .accessed = true, .dirty = true,
		};
		return MMU_RESUME;
	}
	for (tries = 0; tries < WALK_TRIES; tries++) {
		r = walk_tables(vcpu, &env, gva, p);
		if (r < 0)
			return r;
		if (r)
			return page_fault(e, &env, gva, access, r);
		bits = check_access(vcpu, &env, p, access);
		if (bits)
			return page_fault(e, &env, gva, access, bits);
		r = set_accessed(vcpu, &env, p, access & MMU_ACC_WRITE);
		if (r <= 0)
			return r ?: MMU_RESUME;
	}
	return -EAGAIN;
}

int mmu_translate(struct vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa,
		  struct x86_exception *e)
{
	struct mmu_path p;
	int r = mmu_walk(vcpu, gva, access, &p, e);

	if (likely(r == MMU_RESUME))
		*gpa = p.gpa;
	return r;
}

int mmu_translate_debug(struct vcpu *vcpu, gva_t gva, gpa_t *gpa,
			bool *writable, bool *user)
{
	struct walk_env env;
	struct mmu_path p;

	env_init(vcpu, &env);
	if (env.fmt->linear_bits == 32)
		gva = (u32)gva;
	else if (!canonical(&env, gva))
		return -ENOENT;
	if (!env.fmt->levels) {
		*gpa = vcpu->mmu.space | gva;
		*writable = true;
		*user = true;
		return 0;
	}
	if (walk_tables(vcpu, &env, gva, &p))
		return -ENOENT;
	*gpa = p.gpa;
	*writable = p.writable;
	*user = p.user;
	return 0;
}

bool mmu_load_pdptes(struct vcpu *vcpu, u64 cr3)
{
	/* SDM 3A table 4-8: bits 2:1, 8:5 and those above MAXPHYADDR */
	u64 rsvd = vcpu->arch.gpa_reserved | GENMASK_ULL(2, 1) |
		   GENMASK_ULL(8, 5) | GENMASK_ULL(63, 52);
	u64 pdpte[4];
	unsigned int i;

	if (guest_read(vcpu->vm, vcpu->mmu.space | (cr3 & GENMASK_ULL(31, 5)),
		       pdpte, sizeof(pdpte)))
		return false;
	for (i = 0; i < ARRAY_SIZE(pdpte); i++)
		if (pdpte[i] & PTE_P && pdpte[i] & rsvd)
			return false;
	memcpy(vcpu->arch.pdpte, pdpte, sizeof(pdpte));
	vmx_set_dirty(vcpu, VREG_PDPTES);
	vcpu->mmu.need_load = true;
	return true;
}

u64 mmu_guest_cr3(struct vcpu *vcpu)
{
	return x86_cr3(vcpu);
}

/* All zero unless the guest uses PAE paging */
void mmu_guest_pdptes(struct vcpu *vcpu, u64 pdpte[4])
{
	memset(pdpte, 0, 4 * sizeof(*pdpte));
	if (!x86_paging(vcpu) || !x86_pae(vcpu) || x86_long_mode(vcpu))
		return;
	if (!vmx_avail(vcpu, VREG_PDPTES))
		vmx_read_pdptes(vcpu);
	memcpy(pdpte, vcpu->arch.pdpte, 4 * sizeof(*pdpte));
}
