// SPDX-License-Identifier: GPL-2.0-only
/*
 * System instructions: control and debug registers, MSRs, descriptor-table
 * registers, and what asks the CPU about itself.
 */
#include "internal.h"

static int fault_umip(struct emul_ctx *ctx)
{
	if (ctx->cpl && ctx->ops->get_cr(ctx, 4) & CR4_UMIP)
		return fault_gp(ctx, 0);
	return EMUL_OK;
}

/* fn: 0 SGDT, 1 SIDT. All 32 bits of the base even with a 16-bit operand */
int emul_x_sgdt(struct emul_ctx *ctx)
{
	unsigned int len = is_long(ctx) ? 10 : 6;
	struct emul_table t;
	u8 buf[10];
	int rc;

	rc = fault_umip(ctx);
	if (rc)
		return rc;
	if (ctx->d.op->fn)
		ctx->ops->get_idt(ctx, &t);
	else
		ctx->ops->get_gdt(ctx, &t);
	memcpy(buf, &t.limit, 2);
	memcpy(buf + 2, &t.base, 8);
	return emul_mem_write(ctx, ctx->d.seg, ctx->d.ea, buf, len, 1);
}

/* fn: 0 LGDT, 1 LIDT. With a 16-bit operand 24 bits of the base */
int emul_x_lgdt(struct emul_ctx *ctx)
{
	unsigned int len = is_long(ctx) ? 10 : 6;
	struct emul_table t = { 0 };
	u8 buf[10];
	int rc;

	rc = emul_mem_read(ctx, ctx->d.seg, ctx->d.ea, buf, len, 1, 0);
	if (rc)
		return rc;
	memcpy(&t.limit, buf, 2);
	memcpy(&t.base, buf + 2, len - 2);
	if (is_long(ctx)) {
		if (!emul_is_canonical(ctx, t.base))
			return fault_gp(ctx, 0);
	} else if (ctx->d.opsize == 2) {
		t.base &= 0xffffff;
	}
	if (ctx->d.op->fn)
		ctx->ops->set_idt(ctx, &t);
	else
		ctx->ops->set_gdt(ctx, &t);
	return EMUL_OK;
}

int emul_x_smsw(struct emul_ctx *ctx)
{
	u64 cr0;
	int rc;

	rc = fault_umip(ctx);
	if (rc)
		return rc;
	cr0 = ctx->ops->get_cr(ctx, 0);
	return emul_put(ctx, OPN_E, ctx->d.has_mem ? 2 : ctx->d.opsize, cr0);
}

/* Sets PE but does not clear it (SDM 2A LMSW) */
int emul_x_lmsw(struct emul_ctx *ctx)
{
	u64 val, cr0;
	int rc;

	rc = emul_get(ctx, OPN_E, 2, &val);
	if (rc)
		return rc;
	cr0 = ctx->ops->get_cr(ctx, 0);
	cr0 = (cr0 & ~(u64)(CR0_MP | CR0_EM | CR0_TS)) | (val & 15);
	return ctx->ops->set_cr(ctx, 0, cr0);
}

int emul_x_clts(struct emul_ctx *ctx)
{
	return ctx->ops->set_cr(ctx, 0, ctx->ops->get_cr(ctx, 0) &
				~(u64)CR0_TS);
}

/* A bad address does nothing (SDM 2A INVLPG) */
int emul_x_invlpg(struct emul_ctx *ctx)
{
	u64 la = ctx->d.ea;
	struct emul_seg s;

	if (is_long(ctx)) {
		if (ctx->d.seg >= EMUL_FS)
			la += ctx->ops->seg_base(ctx, ctx->d.seg);
		if (!emul_is_canonical(ctx, la))
			return EMUL_OK;
	} else {
		ctx->ops->get_seg(ctx, ctx->d.seg, &s);
		la = (u32)(la + s.base);
	}
	return ctx->ops->invlpg(ctx, la);
}

/* A register that does not exist is #UD, whatever the privilege */
static int control_register(struct emul_ctx *ctx)
{
	unsigned int cr = ctx->d.reg;

	if (cr != 0 && !(cr >= 2 && cr <= 4) && !(cr == 8 && is_long(ctx)))
		return fault_ud(ctx);
	return ctx->cpl ? fault_gp(ctx, 0) : EMUL_OK;
}

/* LOCK MOV CR0 is AMD's way to CR8, not Intel's: the decoder refuses it */
int emul_x_mov_from_cr(struct emul_ctx *ctx)
{
	int rc = control_register(ctx);

	if (rc)
		return rc;
	reg_set(ctx, ctx->d.rm, is_long(ctx) ? 8 : 4,
		ctx->ops->get_cr(ctx, ctx->d.reg));
	return EMUL_OK;
}

int emul_x_mov_to_cr(struct emul_ctx *ctx)
{
	int rc = control_register(ctx);

	if (rc)
		return rc;
	return ctx->ops->set_cr(ctx, ctx->d.reg,
				reg_get(ctx, ctx->d.rm, is_long(ctx) ? 8 : 4));
}

/* DR4 and DR5 are other names of DR6 and DR7 without CR4.DE (SDM 3B 18.2.2) */
static int debug_register(struct emul_ctx *ctx, unsigned int *dr)
{
	*dr = ctx->d.reg;
	if (*dr > 7)
		return fault_ud(ctx);
	if (ctx->cpl)
		return fault_gp(ctx, 0);
	if (*dr == 4 || *dr == 5) {
		if (ctx->ops->get_cr(ctx, 4) & CR4_DE)
			return fault_ud(ctx);
		*dr += 2;
	}
	if (ctx->ops->get_dr(ctx, 7) & (1u << 13)) {	/* DR7.GD */
		emul_set_fault(ctx, VEC_DB, false, 0);
		ctx->fault.address = 1u << 13;		/* DR6.BD */
		return EMUL_FAULT;
	}
	return EMUL_OK;
}

int emul_x_mov_from_dr(struct emul_ctx *ctx)
{
	unsigned int dr;
	int rc;

	rc = debug_register(ctx, &dr);
	if (!rc)
		reg_set(ctx, ctx->d.rm, is_long(ctx) ? 8 : 4,
			ctx->ops->get_dr(ctx, dr));
	return rc;
}

int emul_x_mov_to_dr(struct emul_ctx *ctx)
{
	unsigned int dr;
	u64 val;
	int rc;

	rc = debug_register(ctx, &dr);
	if (rc)
		return rc;
	val = reg_get(ctx, ctx->d.rm, is_long(ctx) ? 8 : 4);
	if (dr >= 6 && val >> 32)
		return fault_gp(ctx, 0);
	return ctx->ops->set_dr(ctx, dr, val);
}

static void set_edx_eax(struct emul_ctx *ctx, u64 val)
{
	reg_set(ctx, EMUL_RAX, 4, val);
	reg_set(ctx, EMUL_RDX, 4, val >> 32);
}

static u64 get_edx_eax(const struct emul_ctx *ctx)
{
	return (u32)ctx->regs[EMUL_RAX] | ctx->regs[EMUL_RDX] << 32;
}

int emul_x_rdmsr(struct emul_ctx *ctx)
{
	u64 val;
	int rc;

	rc = emul_ask(ctx, EMUL_ASK_MSR, (u32)ctx->regs[EMUL_RCX], &val);
	if (!rc)
		set_edx_eax(ctx, val);
	return rc;
}

int emul_x_wrmsr(struct emul_ctx *ctx)
{
	if (ctx->wr_done)	/* user space has taken it */
		return EMUL_OK;
	ctx->wr_done = 8;
	return ctx->ops->wrmsr(ctx, (u32)ctx->regs[EMUL_RCX],
			       get_edx_eax(ctx));
}

static int check_tsd(struct emul_ctx *ctx)
{
	if (ctx->cpl && ctx->mode != EMUL_MODE_REAL &&
	    ctx->ops->get_cr(ctx, 4) & CR4_TSD)
		return fault_gp(ctx, 0);
	return EMUL_OK;
}

int emul_x_rdtsc(struct emul_ctx *ctx)
{
	int rc = check_tsd(ctx);

	if (!rc)
		set_edx_eax(ctx, ctx->ops->rdtsc(ctx));
	return rc;
}

int emul_x_rdtscp(struct emul_ctx *ctx)
{
	int rc = emul_x_rdtsc(ctx);

	if (!rc)
		reg_set(ctx, EMUL_RCX, 4,
			ctx->ops->get_msr(ctx, MSR_TSC_AUX_NR));
	return rc;
}

int emul_x_rdpid(struct emul_ctx *ctx)
{
	/* no operand-size prefix counts (SDM 2B RDPID) */
	reg_set(ctx, ctx->d.rm, is_long(ctx) ? 8 : 4,
		ctx->ops->get_msr(ctx, MSR_TSC_AUX_NR));
	return EMUL_OK;
}

int emul_x_rdpmc(struct emul_ctx *ctx)
{
	u64 val;
	int rc;

	if (ctx->cpl && !(ctx->ops->get_cr(ctx, 4) & CR4_PCE))
		return fault_gp(ctx, 0);
	rc = emul_ask(ctx, EMUL_ASK_PMC, (u32)ctx->regs[EMUL_RCX], &val);
	if (!rc)
		set_edx_eax(ctx, val);
	return rc;
}

int emul_x_cpuid(struct emul_ctx *ctx)
{
	u32 r[4] = {
		(u32)ctx->regs[EMUL_RAX], 0, (u32)ctx->regs[EMUL_RCX], 0,
	};
	int rc;

	rc = ctx->ops->cpuid(ctx, r);
	if (rc)
		return rc;
	reg_set(ctx, EMUL_RAX, 4, r[0]);
	reg_set(ctx, EMUL_RBX, 4, r[1]);
	reg_set(ctx, EMUL_RCX, 4, r[2]);
	reg_set(ctx, EMUL_RDX, 4, r[3]);
	return EMUL_OK;
}

int emul_x_hlt(struct emul_ctx *ctx)
{
	return ctx->ops->halt(ctx);
}

/* fn: 1 INVD */
int emul_x_invd(struct emul_ctx *ctx)
{
	return ctx->ops->wbinvd(ctx, ctx->d.op->fn);
}

int emul_x_xgetbv(struct emul_ctx *ctx)
{
	u32 nr = (u32)ctx->regs[EMUL_RCX];

	if (!(ctx->ops->get_cr(ctx, 4) & CR4_OSXSAVE))
		return fault_ud(ctx);
	/*
	 * 1: what of it is not in its initial state. A CPU may say so of what is
	 * (SDM 1 13.6).
	 */
	if (nr > 1 || (nr && !ctx->ops->has(ctx, EMUL_HAS_XGETBV1)))
		return fault_gp(ctx, 0);
	set_edx_eax(ctx, ctx->ops->get_xcr(ctx, 0));
	return EMUL_OK;
}

int emul_x_xsetbv(struct emul_ctx *ctx)
{
	if (!(ctx->ops->get_cr(ctx, 4) & CR4_OSXSAVE))
		return fault_ud(ctx);
	if (ctx->cpl)
		return fault_gp(ctx, 0);
	return ctx->ops->set_xcr(ctx, (u32)ctx->regs[EMUL_RCX],
				 get_edx_eax(ctx));
}

int emul_x_vmcall(struct emul_ctx *ctx)
{
	return ctx->ops->hypercall(ctx);
}

/* fn: 0 CLAC, 1 STAC */
int emul_x_clac(struct emul_ctx *ctx)
{
	if (ctx->cpl)
		return fault_ud(ctx);
	if (ctx->d.op->fn)
		ctx->new_rflags |= FL_AC;
	else
		ctx->new_rflags &= ~(u64)FL_AC;
	return EMUL_OK;
}

/*
 * MONITOR and MWAIT. A wait may end at any time (SDM 2B MWAIT), so this one is
 * over at once and nothing has to be watched for it.
 */
int emul_x_monitor(struct emul_ctx *ctx)
{
	return ctx->cpl ? fault_ud(ctx) : EMUL_OK;
}

int emul_x_swapgs(struct emul_ctx *ctx)
{
	u64 base;

	if (ctx->cpl)
		return fault_gp(ctx, 0);
	base = ctx->ops->get_msr(ctx, MSR_KERNEL_GS_BASE_NR);
	ctx->ops->set_msr(ctx, MSR_KERNEL_GS_BASE_NR,
			  ctx->ops->seg_base(ctx, EMUL_GS));
	ctx->ops->set_msr(ctx, MSR_GS_BASE_NR, base);
	return EMUL_OK;
}

/* fn: 0 RDFSBASE, 1 RDGSBASE, 2 WRFSBASE, 3 WRGSBASE */
int emul_x_fsgsbase(struct emul_ctx *ctx)
{
	unsigned int fn = ctx->d.op->fn, size = ctx->d.rex & 8 ? 8 : 4;
	u64 base;

	if (!(ctx->ops->get_cr(ctx, 4) & CR4_FSGSBASE))
		return fault_ud(ctx);
	if (fn < 2) {
		reg_set(ctx, ctx->d.rm, size,
			ctx->ops->seg_base(ctx, EMUL_FS + fn));
		return EMUL_OK;
	}
	base = reg_get(ctx, ctx->d.rm, size);
	if (!emul_is_canonical(ctx, base))
		return fault_gp(ctx, 0);
	ctx->ops->set_msr(ctx, fn == 2 ? MSR_FS_BASE_NR : MSR_GS_BASE_NR, base);
	return EMUL_OK;
}

/*
 * No more than a look at the address: guest memory is coherent. What cannot be
 * read but executed will do (SDM 2A CLFLUSH).
 */
int emul_x_clflush(struct emul_ctx *ctx)
{
	u64 la;
	int rc;

	rc = emul_linear(ctx, ctx->d.seg, ctx->d.ea, 1, 1, EMUL_ACC_FETCH,
			 &la);
	return rc ? rc : emul_la_probe(ctx, la, 1, acc_user(ctx));
}
