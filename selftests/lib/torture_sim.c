// SPDX-License-Identifier: GPL-2.0-only
/* The model's instructions: what each op does, and whether that is defined. */
#define SELFTEST_LIB
#include "torture.h"
#include "torture_sim.h"

enum access { ACC_READ, ACC_WRITE, ACC_EXEC };

/* A piece of an access within one page */
struct part {
	u64 va, gpa;
	unsigned int len;
	enum access acc;
	u32 vector, error;	/* of its fault; 0: none */
	struct tt_walk w;
	bool paged;
};

static bool is_mmio(u64 gpa)
{
	return gpa >= TT_MMIO && gpa < TT_MMIO_END;
}

static bool is_ro(u64 gpa, unsigned int len)
{
	return gpa >= TT_RO && gpa + len <= TT_RO + TT_RO_SIZE;
}

static bool is_user_address(const struct tt_walk *w)
{
	return w->u;
}

/* SDM 3A 4.6, 4.7; 1 means that two reasons compete for the error code */
static int check_rights(struct tt_model *m, const struct tt_op *op,
			struct part *p)
{
	bool wp = m->cr0 & X86_CR0_WP, denied = false;
	enum tt_fmt fmt = tt_fmt(m);
	const struct tt_walk *w = &p->w;
	bool nxe = fmt >= FMT_PAE && (m->efer & EFER_NX);
	u32 code = (op->user ? PFEC_U : 0) |
		   (p->acc == ACC_WRITE ? PFEC_W : 0);

	if (p->acc == ACC_EXEC && (nxe || (m->cr4 & X86_CR4_SMEP)))
		code |= PFEC_I;
	p->vector = VEC_PF;
	p->error = code;
	if (w->status == WALK_NP)
		return 0;
	p->error |= PFEC_P;
	if (w->status == WALK_RSVD) {
		p->error |= PFEC_RSVD;
		return 0;
	}
	if (op->user && !w->u)
		denied = true;
	if (p->acc == ACC_EXEC) {
		denied |= nxe && !w->x;
		denied |= !op->user && is_user_address(w) &&
			  (m->cr4 & X86_CR4_SMEP);
	} else {
		denied |= p->acc == ACC_WRITE && !w->w && (op->user || wp);
		denied |= !op->user && is_user_address(w) && !op->ac &&
			  (m->cr4 & X86_CR4_SMAP);
	}
	if (fmt >= FMT_4L && (m->cr4 & X86_CR4_PKE) && p->acc != ACC_EXEC) {
		u32 key = m->pkru >> (2 * w->pkey);

		if ((key & 1) || ((key & 2) && p->acc == ACC_WRITE &&
				  (op->user || wp))) {
			/*
			 * Keys do not count for a supervisor's address, and
			 * access disable counts for the supervisor too: the
			 * emulator has these wrong.
			 */
			if (denied || !is_user_address(w) ||
			    (!op->user && (key & 1)))
				return 1;
			p->error |= PFEC_PK;
			return 0;
		}
	}
	if (!denied)
		p->vector = 0;
	return 0;
}

bool tt_canonical(const struct tt_model *m, u64 va)
{
	int bits = tt_formats[tt_fmt(m)].linear;

	return (u64)((int64_t)(va << (64 - bits)) >> (64 - bits)) == va;
}

/* Where the access goes and whether it may; nothing changes */
static enum tt_verdict translate(struct tt_model *m, const struct tt_op *op,
				 struct part *p)
{
	enum tt_fmt fmt = tt_fmt(m);
	int slot;

	p->vector = 0;
	p->paged = fmt != FMT_NONE;
	if (!p->paged) {
		p->gpa = p->va;
		return SIM_OK;
	}
	if (fmt >= FMT_4L && !tt_canonical(m, p->va)) {
		p->vector = VEC_GP;
		p->error = 0;
		return p->acc == ACC_EXEC ? SIM_NO : SIM_OK;
	}
	if (p->va + p->len <= TT_DIRECT_END) {
		tt_walk(m, m->cr3, p->va, &p->w);
	} else {
		slot = tt_slot(m, p->va);
		if (slot < 0)
			return SIM_NO;
		if (tt_is_stale(m, slot) && !m->wild) {
			m->flush_va = p->va;
			return SIM_STALE;
		}
		p->w = m->ctx[m->cur].w[slot];
	}
	if (p->w.status == WALK_BAD)
		return SIM_NO;
	for (int i = 0; m->peer && i < p->w.n; i++)
		if (is_ro(p->w.e[i].at, 4) ||
		    (fmt == FMT_32 && (m->efer & EFER_NX)))
			return SIM_NO;
	p->gpa = p->w.gpa | (p->va & 0xfff);
	return check_rights(m, op, p) ? SIM_NO : SIM_OK;
}

/* A and D that the access has to set; false where that cannot be done */
static bool set_accessed(struct tt_model *m, struct part *p, bool dry)
{
	u64 at, val, new, written[ARRAY_SIZE(m->written)];
	unsigned int size = tt_formats[tt_fmt(m)].esize;

	if (!p->paged)
		return true;
	for (int i = 0; i < p->w.n; i++) {
		at = p->w.e[i].at;
		val = p->w.e[i].val;
		new = val | PTE_A;
		if (i == p->w.n - 1 && p->acc == ACC_WRITE)
			new |= PTE_D;
		if (at >= TT_PDPTE || new == val)
			continue;
		if (!tt_in_pool(at, size) || dry)
			return false;
		/* only what is added: one table may be used twice here */
		memcpy(written, m->written, sizeof(written));
		tt_store(m, at, tt_load(m, at, size) | new, size);
		if (m->ad_unlogged)
			memcpy(m->written, written, sizeof(written));
	}
	return true;
}

u64 tt_mmio_value(u64 gpa, unsigned int len)
{
	u64 v = gpa * 0x9e3779b97f4a7c15ull;

	v ^= v >> 29;
	return len == 8 ? v : v & ((1ull << (len * 8)) - 1);
}

static void log_mmio(struct tt_model *m, bool write, u64 gpa, unsigned int len,
		     u64 val)
{
	if (m->nr_mmio < TT_MAX_MMIO)
		m->mmio[m->nr_mmio] = (struct tt_mmio) { write, len, gpa, val };
	m->nr_mmio++;
}

static u64 load(struct tt_model *m, u64 gpa, unsigned int len)
{
	u64 v;

	if (!is_mmio(gpa))
		return tt_load(m, gpa, len);
	v = tt_mmio_value(gpa, len);
	log_mmio(m, false, gpa, len, v);
	return v;
}

static void store(struct tt_model *m, u64 gpa, u64 val, unsigned int len)
{
	if (len < 8)
		val &= (1ull << (len * 8)) - 1;
	if (is_mmio(gpa) || is_ro(gpa, len))
		log_mmio(m, true, gpa, len, val);
	else
		tt_store(m, gpa, val, len);
}

/* May an access that is allowed go there? */
static bool place_ok(struct tt_model *m, const struct part *p, bool simple)
{
	if (tt_in_pool(p->gpa, p->len))
		return p->acc != ACC_WRITE ||
		       !tt_hits_root(m, p->gpa, p->len);
	if (!simple)
		return false;
	if (is_ro(p->gpa, p->len))
		return true;
	return p->acc != ACC_EXEC && is_mmio(p->gpa) &&
	       is_mmio(p->gpa + p->len);
}

static u64 merge(u64 reg, u64 val, unsigned int size)
{
	u64 mask = (1ull << (size * 8)) - 1;

	if (size >= 4)
		return val;
	return (reg & ~mask) | (val & mask);
}

static void fault(struct tt_model *m, struct tt_exp *exp, const struct part *p)
{
	exp->vector = p->vector;
	exp->error = p->error;
	exp->at_target = p->acc == ACC_EXEC;
	if (p->vector == VEC_PF)
		m->cr2 = tt_formats[tt_fmt(m)].linear == 32 ? (u32)p->va :
			 p->va;
}

/* An access in one or two pages; *n of them */
static enum tt_verdict split(struct tt_model *m, const struct tt_op *op,
			     u64 va, unsigned int len, enum access acc,
			     struct part p[2], int *n)
{
	unsigned int first = 0x1000 - (va & 0xfff);
	bool is32 = tt_formats[tt_fmt(m)].linear == 32;
	enum tt_verdict v;

	if (is32)
		va = (u32)va;
	*n = len > first ? 2 : 1;
	p[0] = (struct part) { .va = va, .len = *n == 2 ? first : len,
			       .acc = acc };
	p[1] = (struct part) { .va = va + first, .len = len - first,
			       .acc = acc };
	if (*n == 2 && (is32 ? !(u32)p[1].va : !p[1].va))
		return SIM_NO;
	for (int i = 0; i < *n; i++) {
		v = translate(m, op, &p[i]);
		if (v != SIM_OK)
			return v;
		if (p[i].vector) {
			/* Did the first page's A and D get set, was it read? */
			if (i && (!set_accessed(m, &p[0], true) ||
				  !tt_in_pool(p[0].gpa, 1)))
				return SIM_NO;
			p[0].vector = p[i].vector;
			p[0].error = p[i].error;
			p[0].va = p[i].va;
			*n = 1;
			return SIM_OK;
		}
	}
	return SIM_OK;
}

static bool can_set_accessed(struct tt_model *m, const struct part *p)
{
	if (!p->paged)
		return true;
	for (int i = 0; i < p->w.n; i++) {
		u64 at = p->w.e[i].at;

		if (at < TT_PDPTE && !tt_in_pool(at, 4) &&
		    (!(p->w.e[i].val & PTE_A) ||
		     (i == p->w.n - 1 && p->acc == ACC_WRITE &&
		      !(p->w.e[i].val & PTE_D))))
			return false;
	}
	return true;
}

static void mem_result(struct tt_model *m, const struct tt_op *op,
		       struct tt_exp *exp, u64 gpa)
{
	u64 mask = op->size == 8 ? ~0ull : (1ull << (op->size * 8)) - 1;
	u64 old, new;

	if (op->type == OP_WRITE) {
		store(m, gpa, op->val, op->size);
		return;
	}
	old = load(m, gpa, op->size);
	switch (op->type) {
	case OP_READ:
		exp->rax = merge(op->val, old, op->size);
		return;
	case OP_XCHG:
		new = op->val;
		exp->rax = old;
		break;
	case OP_XADD:
		new = old + op->val;
		exp->rax = old;
		break;
	case OP_ADD:
		new = old + op->val;
		break;
	case OP_OR:
		new = old | op->val;
		break;
	case OP_AND:
		new = old & op->val;
		break;
	case OP_CMPXCHG:
		new = old == (op->val & mask) ? op->val2 : old;
		if (old != (op->val & mask))
			exp->rax = old;
		break;
	case OP_CMPXCHG8B:
		new = op->val2;
		if (old != op->val) {
			new = old;
			exp->rax = (u32)old;
			exp->rdx = old >> 32;
		}
		break;
	default:
		die("op %d", op->type);
	}
	store(m, gpa, new, op->size);
}

static enum tt_verdict sim_access(struct tt_model *m, const struct tt_op *op,
				  struct tt_exp *exp)
{
	bool simple = op->type == OP_READ || op->type == OP_WRITE;
	struct part p[2];
	enum tt_verdict v;
	int n;

	v = split(m, op, op->addr, op->size,
		  op->type == OP_READ ? ACC_READ : ACC_WRITE, p, &n);
	if (v != SIM_OK)
		return v;
	if (p[0].vector) {
		fault(m, exp, &p[0]);
		return SIM_OK;
	}
	if (n == 2 && !simple)
		return SIM_NO;
	for (int i = 0; i < n; i++)
		if (!place_ok(m, &p[i], simple && n == 1) ||
		    !can_set_accessed(m, &p[i]))
			return SIM_NO;
	for (int i = 0; i < n; i++)
		set_accessed(m, &p[i], false);
	if (n == 1) {
		mem_result(m, op, exp, p[0].gpa);
	} else if (op->type == OP_WRITE) {
		store(m, p[0].gpa, op->val, p[0].len);
		store(m, p[1].gpa, op->val >> (8 * p[0].len), p[1].len);
	} else {
		u64 x = load(m, p[0].gpa, p[0].len) |
			load(m, p[1].gpa, p[1].len) << (8 * p[0].len);

		exp->rax = merge(op->val, x, op->size);
	}
	return SIM_OK;
}

/* From val2 to addr */
static enum tt_verdict sim_movs(struct tt_model *m, const struct tt_op *op,
				struct tt_exp *exp)
{
	struct part src[2], dst[2];
	enum tt_verdict v;
	int n;
	u64 x;

	v = split(m, op, op->val2, op->size, ACC_READ, src, &n);
	if (v != SIM_OK)
		return v;
	if (src[0].vector) {
		fault(m, exp, &src[0]);
		return SIM_OK;
	}
	if (n == 2 || !place_ok(m, &src[0], true) ||
	    !can_set_accessed(m, &src[0]))
		return SIM_NO;
	v = split(m, op, op->addr, op->size, ACC_WRITE, dst, &n);
	if (v != SIM_OK)
		return v;
	if (dst[0].vector) {
		/* Was the source read, and its A set? */
		if (!set_accessed(m, &src[0], true) || is_mmio(src[0].gpa))
			return SIM_NO;
		fault(m, exp, &dst[0]);
		return SIM_OK;
	}
	if (n == 2 || !place_ok(m, &dst[0], !is_mmio(src[0].gpa)) ||
	    !can_set_accessed(m, &dst[0]))
		return SIM_NO;
	/* Reading an entry that gets its D by this write: no order is defined */
	for (n = 0; dst[0].paged && n < dst[0].w.n; n++)
		if (dst[0].w.e[n].at >> 12 == src[0].gpa >> 12)
			return SIM_NO;
	set_accessed(m, &src[0], false);
	x = load(m, src[0].gpa, op->size);
	set_accessed(m, &dst[0], false);
	store(m, dst[0].gpa, x, op->size);
	exp->rsi += op->size;
	exp->rdi += op->size;
	return SIM_OK;
}

static enum tt_verdict sim_exec(struct tt_model *m, const struct tt_op *op,
				struct tt_exp *exp)
{
	struct part p = { .va = op->addr, .len = 1, .acc = ACC_EXEC };
	enum tt_verdict v;

	if (tt_formats[tt_fmt(m)].linear == 32)
		p.va = (u32)p.va;
	v = translate(m, op, &p);
	if (v != SIM_OK)
		return v;
	if (p.vector) {
		fault(m, exp, &p);
		return SIM_OK;
	}
	if (!place_ok(m, &p, true) || !can_set_accessed(m, &p) ||
	    tt_load(m, p.gpa, 1) != 0xc3)
		return SIM_NO;
	set_accessed(m, &p, false);
	/* Was that the entry's own byte? */
	return tt_load(m, p.gpa, 1) == 0xc3 ? SIM_OK : SIM_NO;
}

enum tt_verdict tt_sim(struct tt_model *m, const struct tt_op *op,
		       struct tt_exp *exp)
{
	enum tt_verdict v;
	bool reg_addr = op->type == OP_MOVS || op->type == OP_CMPXCHG8B;

	*exp = (struct tt_exp) {
		.vector = TT_DONE_VEC,
		.rax = op->type == OP_CMPXCHG8B ? (u32)op->val : op->val,
		.rdx = op->type == OP_CMPXCHG8B ? op->val >> 32 : 0,
		.rsi = op->type == OP_MOVS ? op->val2 : reg_addr ? op->addr : 0,
		.rdi = op->type == OP_MOVS ? op->addr : 0,
	};
	if (op->type <= OP_CMPXCHG8B)
		v = sim_access(m, op, exp);
	else if (op->type == OP_MOVS)
		v = sim_movs(m, op, exp);
	else if (op->type == OP_EXEC)
		v = sim_exec(m, op, exp);
	else
		v = tt_sim_system(m, op, exp);
	exp->cr2 = m->cr2;
	return v;
}
