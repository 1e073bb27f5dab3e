// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT (SDM 3A 5.8.7, 5.8.8). Segments are not
 * read from a table but made up as the manual lists them.
 */
#include "internal.h"

/* Flat segment; @bits: 16-bit access rights besides S, P, A, G */
static void flat_seg(struct emul_seg *s, u16 sel, u32 ar)
{
	s->base = 0;
	s->limit = ~0u;
	s->ar = ar | AR_S | AR_P | AR_ACCESSED | AR_WRITE | AR_G;
	s->sel = sel;
}

/* Flat code and stack at @cpl; @is_64: 64-bit code */
static void flat_code_stack(struct emul_ctx *ctx, u16 cs_sel, u16 ss_sel,
			    unsigned int cpl, bool is_64)
{
	struct emul_seg s;

	flat_seg(&s, cs_sel, AR_CODE | cpl << AR_DPL_SHIFT |
		 (is_64 ? AR_L : AR_DB));
	emul_set_cs(ctx, &s);
	flat_seg(&s, ss_sel, cpl << AR_DPL_SHIFT | AR_DB);
	ctx->ops->set_seg(ctx, EMUL_SS, &s);
	ctx->cpl = cpl;
}

/*
 * SYSCALL and SYSRET look at RFLAGS.TF when they are done: systems keep traps of
 * their users' out of the entry by IA32_FMASK.TF, and the first instruction after
 * a SYSRET that sets TF is not executed before the trap. SYSENTER leaves TF alone,
 * and traps at the entry.
 */
int emul_x_syscall(struct emul_ctx *ctx)
{
	u64 star, efer = ctx->ops->get_msr(ctx, MSR_EFER_NR);
	u16 sel;

	/* in 64-bit mode alone (Intel) */
	if (!is_long(ctx) || !(efer & EFER_SCE_BIT))
		return fault_ud(ctx);
	star = ctx->ops->get_msr(ctx, MSR_STAR_NR);
	sel = star >> 32 & 0xfffc;
	reg_set(ctx, EMUL_RCX, 8, ctx->next_rip);
	reg_set(ctx, EMUL_R11, 8, ctx->rflags & ~(u64)FL_RF);
	ctx->next_rip = ctx->ops->get_msr(ctx, MSR_LSTAR_NR);
	ctx->new_rflags = (ctx->rflags &
			   ~ctx->ops->get_msr(ctx, MSR_SFMASK_NR)) | FL_FIXED;
	ctx->trap = EMUL_TRAP_NEW_TF;
	flat_code_stack(ctx, sel, sel + 8, 0, true);
	return EMUL_OK;
}

int emul_x_sysret(struct emul_ctx *ctx)
{
	u64 efer = ctx->ops->get_msr(ctx, MSR_EFER_NR), rip, fl;
	bool to_64 = ctx->d.opsize == 8;
	u16 sel;

	if (!is_long(ctx) || !(efer & EFER_SCE_BIT))
		return fault_ud(ctx);
	if (ctx->cpl)
		return fault_gp(ctx, 0);
	rip = ctx->regs[EMUL_RCX];
	if (!to_64)
		rip = (u32)rip;
	else if (!emul_is_canonical(ctx, rip))
		return fault_gp(ctx, 0);
	sel = ctx->ops->get_msr(ctx, MSR_STAR_NR) >> 48;
	/* SDM 2B SYSRET: (R11 & 3C7FD7H) | 2 */
	fl = (ctx->regs[EMUL_R11] & 0x3c7fd7) | FL_FIXED;
	ctx->next_rip = rip;
	ctx->new_rflags = fl;
	ctx->trap = EMUL_TRAP_NEW_TF;
	flat_code_stack(ctx, (sel + (to_64 ? 16 : 0)) | 3, (sel + 8) | 3, 3,
			to_64);
	return EMUL_OK;
}

int emul_x_sysenter(struct emul_ctx *ctx)
{
	u64 cs;
	bool lma;

	if (ctx->mode == EMUL_MODE_REAL)
		return fault_gp(ctx, 0);
	cs = ctx->ops->get_msr(ctx, MSR_SYSENTER_CS);
	if (!(cs & 0xfffc))
		return fault_gp(ctx, 0);
	if (ctx->mode == EMUL_MODE_VM86)
		ctx->mode = EMUL_MODE_PROT;
	lma = is_lma(ctx);
	ctx->new_rflags &= ~(u64)(FL_VM | FL_IF);
	reg_set(ctx, EMUL_RSP, lma ? 8 : 4,
		ctx->ops->get_msr(ctx, MSR_SYSENTER_ESP));
	ctx->next_rip = ctx->ops->get_msr(ctx, MSR_SYSENTER_EIP);
	if (!lma)
		ctx->next_rip = (u32)ctx->next_rip;
	flat_code_stack(ctx, cs & 0xfffc, (cs & 0xfffc) + 8, 0, lma);
	return EMUL_OK;
}

int emul_x_sysexit(struct emul_ctx *ctx)
{
	bool to_64 = ctx->d.opsize == 8;
	u64 cs, rip, rsp;

	if (ctx->mode == EMUL_MODE_REAL || ctx->mode == EMUL_MODE_VM86 ||
	    ctx->cpl)
		return fault_gp(ctx, 0);
	cs = ctx->ops->get_msr(ctx, MSR_SYSENTER_CS);
	if (!(cs & 0xfffc))
		return fault_gp(ctx, 0);
	rip = ctx->regs[EMUL_RDX];
	rsp = ctx->regs[EMUL_RCX];
	if (to_64) {
		if (!emul_is_canonical(ctx, rip) ||
		    !emul_is_canonical(ctx, rsp))
			return fault_gp(ctx, 0);
	} else {
		rip = (u32)rip;
		rsp = (u32)rsp;
	}
	reg_set(ctx, EMUL_RSP, 8, rsp);
	ctx->next_rip = rip;
	cs &= 0xfffc;
	flat_code_stack(ctx, (cs + (to_64 ? 32 : 16)) | 3,
			(cs + (to_64 ? 40 : 24)) | 3, 3, to_64);
	return EMUL_OK;
}
