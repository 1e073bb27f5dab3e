// SPDX-License-Identifier: GPL-2.0-only
/* The model's system instructions, and what the host does. */
#define SELFTEST_LIB
#include "torture.h"
#include "torture_sim.h"

static enum tt_verdict sim_invpcid(struct tt_model *m, const struct tt_op *op,
				   struct tt_exp *exp)
{
	bool pcide = m->cr4 & X86_CR4_PCIDE;
	int c;

	if (!m->caps.invpcid)
		return SIM_NO;
	if (op->user || op->val > 3 || (!pcide && op->val2 && op->val < 2) ||
	    (op->val == 0 && tt_fmt(m) >= FMT_4L && !tt_canonical(m, op->addr)))
		goto gp;
	for (c = 0; c < TT_CTX && tt_pcids[c] != op->val2; c++)
		;
	if (c == TT_CTX)
		return SIM_NO;
	if (tt_fmt(m) == FMT_NONE)
		return SIM_OK;
	switch (op->val) {
	case 0:
		tt_flush_page(m, c, op->addr, false);
		break;
	case 1:
		tt_flush_ctx(m, c);
		break;
	default:
		tt_flush_all(m, op->val == 2);
	}
	return SIM_OK;
gp:
	exp->vector = VEC_GP;
	return SIM_OK;
}

/* SDM 3A 4.4.1. 1: loaded; 0: #GP; -1: not for this test */
static int load_pdptes(struct tt_model *m, u64 cr3)
{
	u64 rsvd = 0x1e6 | ~((1ull << m->caps.maxphy) - 1), p[4];
	u64 at = cr3 & 0xffffffe0;

	if (!tt_in_pool(at, 32))
		return -1;
	for (int i = 0; i < 4; i++) {
		p[i] = tt_load(m, at + i * 8, 8);
		if ((p[i] & PTE_P) && (p[i] & rsvd))
			return 0;
	}
	if (!tt_root_ok(m, FMT_PAE, cr3))
		return -1;
	memcpy(m->pdpte, p, sizeof(p));
	return 1;
}

static enum tt_verdict sim_cr3(struct tt_model *m, const struct tt_op *op,
			       struct tt_exp *exp)
{
	enum tt_fmt fmt = tt_fmt(m);
	bool pcide = m->cr4 & X86_CR4_PCIDE;
	bool noflush = pcide && op->val >> 63;
	u64 cr3 = pcide ? op->val & ~PTE_NX : op->val;
	unsigned int c = 0;
	int r;

	if (op->user || (m->efer & EFER_LMA && cr3 >> m->caps.maxphy))
		goto gp;
	if (fmt == FMT_PAE) {
		r = load_pdptes(m, cr3);
		if (!r)
			goto gp;
		if (r < 0)
			return SIM_NO;
	} else if (!tt_root_ok(m, fmt, cr3)) {
		return SIM_NO;
	}
	if (pcide)
		for (c = 0; tt_pcids[c] != (cr3 & 0xfff); c++)
			if (c == TT_CTX - 1)
				return SIM_NO;
	m->cr3 = cr3;
	if (!noflush)
		m->ctx[c].live = false;
	tt_use_root(m);
	return SIM_OK;
gp:
	exp->vector = VEC_GP;
	return SIM_OK;
}

static void forget(struct tt_model *m)
{
	for (int c = 0; c < TT_CTX; c++)
		m->ctx[c].live = false;
	memset(m->global, 0, sizeof(m->global));
}

static enum tt_verdict sim_cr0(struct tt_model *m, const struct tt_op *op,
			       struct tt_exp *exp)
{
	u64 diff = op->val ^ m->cr0;
	int r;

	if (op->user) {
		exp->vector = VEC_GP;
		return SIM_OK;
	}
	if ((diff & ~(u64)(X86_CR0_WP | X86_CR0_PG)) ||
	    ((diff & X86_CR0_PG) && (m->efer & EFER_LMA)))
		return SIM_NO;
	/* SDM: WP does not load PDPTEs. The emulator does, at any MOV to CR0. */
	if (tt_fmt(m) == FMT_PAE && !(diff & X86_CR0_PG) &&
	    memcmp(m->pdpte, tt_mem(m, m->cr3 & 0xffffffe0, 32), 32) != 0)
		return SIM_NO;
	if (diff & op->val & X86_CR0_PG) {
		if (m->cr4 & X86_CR4_PAE) {
			r = load_pdptes(m, m->cr3);
			if (!r)
				exp->vector = VEC_GP;
			if (r <= 0)
				return r ? SIM_NO : SIM_OK;
		} else if (!tt_root_ok(m, FMT_32, m->cr3)) {
			return SIM_NO;
		}
	}
	m->cr0 = op->val;
	if (diff & X86_CR0_PG) {
		forget(m);
		tt_use_root(m);
	}
	return SIM_OK;
}

/*
 * What the entries mean has changed: all that use the bit is stale. No flush is
 * counted on.
 */
static void meaning_changed(struct tt_model *m, u64 bit)
{
	for (int c = 0; c < TT_CTX; c++) {
		if (!m->ctx[c].live)
			continue;
		for (int i = 0; i < TT_SLOTS; i++) {
			struct tt_walk *w = &m->ctx[c].w[i];

			for (int j = 0; j < w->n; j++) {
				if (!(w->e[j].val & bit))
					continue;
				m->ctx[c].stale[i] = 0xf;
				m->global[i].stale = 0xf;
			}
		}
	}
}

static enum tt_verdict sim_cr4(struct tt_model *m, const struct tt_op *op,
			       struct tt_exp *exp)
{
	enum tt_fmt fmt = tt_fmt(m);
	u64 diff = op->val ^ m->cr4;
	u64 can = X86_CR4_PGE | X86_CR4_PSE |
		  (m->caps.smep ? X86_CR4_SMEP : 0) |
		  (m->caps.smap ? X86_CR4_SMAP : 0) |
		  (m->caps.pku ? X86_CR4_PKE : 0) |
		  (m->caps.pcid ? X86_CR4_PCIDE : 0) |
		  (fmt == FMT_NONE ? X86_CR4_PAE : 0);
	int r;

	if (op->user)
		goto gp;
	if (diff & ~can)
		return SIM_NO;
	if ((diff & X86_CR4_PCIDE) && (m->cr3 & 0xfff)) {
		if (!(op->val & X86_CR4_PCIDE))
			return SIM_NO;
		goto gp;
	}
	if ((diff & op->val & X86_CR4_PCIDE) && !(m->efer & EFER_LMA))
		goto gp;
	if (fmt == FMT_PAE &&
	    (diff & (X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP))) {
		r = load_pdptes(m, m->cr3);
		if (!r)
			goto gp;
		if (r < 0)
			return SIM_NO;
	}
	m->cr4 = op->val;
	if (fmt == FMT_NONE)
		return SIM_OK;
	if (diff & (X86_CR4_PGE | (X86_CR4_PCIDE & ~m->cr4)))
		tt_flush_all(m, true);
	if (fmt == FMT_32 && (diff & X86_CR4_PSE))
		meaning_changed(m, PTE_PS);
	tt_refresh(m);
	return SIM_OK;
gp:
	exp->vector = VEC_GP;
	return SIM_OK;
}

static enum tt_verdict sim_efer(struct tt_model *m, const struct tt_op *op,
				struct tt_exp *exp)
{
	if (op->user) {
		exp->vector = VEC_GP;
		return SIM_OK;
	}
	if ((op->val ^ m->efer) != EFER_NX || !m->caps.nx)
		return SIM_NO;
	m->efer = op->val;
	if (tt_fmt(m) >= FMT_PAE) {
		meaning_changed(m, PTE_NX);
		tt_refresh(m);
	}
	return SIM_OK;
}

enum tt_verdict tt_sim_system(struct tt_model *m, const struct tt_op *op,
			      struct tt_exp *exp)
{
	switch (op->type) {
	case OP_INVLPG:
		if (op->user)
			exp->vector = VEC_GP;
		else if (tt_fmt(m) != FMT_NONE)
			tt_flush_page(m, m->cur, op->addr, true);
		return SIM_OK;
	case OP_INVPCID:
		return sim_invpcid(m, op, exp);
	case OP_CR3:
		return sim_cr3(m, op, exp);
	case OP_CR0:
		return sim_cr0(m, op, exp);
	case OP_CR4:
		return sim_cr4(m, op, exp);
	case OP_EFER:
		return sim_efer(m, op, exp);
	case OP_PKRU:
		if (!m->caps.pku)
			return SIM_NO;
		if (m->cr4 & X86_CR4_PKE)
			m->pkru = op->val;
		else
			exp->vector = VEC_UD;
		return SIM_OK;
	case OP_MODE:
		if (op->addr == tt_fmt(m) ||
		    !tt_root_ok(m, op->addr, tt_root(op->addr, 0)))
			return SIM_NO;
		if (op->addr == FMT_PAE &&
		    load_pdptes(m, tt_root(FMT_PAE, 0)) != 1)
			return SIM_NO;
		tt_model_mode(m, op->addr);
		return SIM_OK;
	case OP_DIRTY_ON:
		if (m->logging)
			return SIM_NO;
		memset(m->written, 0, sizeof(m->written));
		m->logging = true;
		return SIM_OK;
	case OP_DIRTY_OFF:
	case OP_DIRTY_GET:
		if (!m->logging)
			return SIM_NO;
		m->logging = op->type == OP_DIRTY_GET;
		return SIM_OK;
	case OP_SLOT:		/* takes the dirty bitmap with it */
		return m->logging ? SIM_NO : SIM_OK;
	case OP_SREGS:		/* loads PDPTEs from memory, or does not */
		return tt_fmt(m) == FMT_PAE ? SIM_NO : SIM_OK;
	default:
		return SIM_OK;
	}
}
