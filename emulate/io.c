// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports, and the interrupt flag, which is protected in the same way.
 */
#include "internal.h"

/*
 * May the guest access the port? Otherwise #GP(0). SDM 1 19.5: below IOPL, and
 * always in virtual-8086 mode, the bitmap of a 32-bit TSS decides.
 */
int emul_check_io(struct emul_ctx *ctx, u16 port, unsigned int size)
{
	unsigned int type, access = EMUL_ACC_SYSTEM;
	struct emul_seg tr;
	u16 base, bits;
	u32 at;
	int rc;

	if (ctx->mode == EMUL_MODE_REAL ||
	    (ctx->mode != EMUL_MODE_VM86 && ctx->cpl <= iopl(ctx)))
		return EMUL_OK;
	ctx->ops->get_seg(ctx, EMUL_TR, &tr);
	type = tr.ar & AR_TYPE & ~2u;	/* 9 or 11: 32-bit TSS */
	if (tr.ar & AR_UNUSABLE || type != 9 || tr.limit < 103)
		return fault_gp(ctx, 0);
	rc = emul_la_read(ctx, tr.base + 102, &base, 2, access);
	if (rc)
		return rc;
	/* always two bytes, an access may span eight ports' boundary */
	at = (u32)base + port / 8;
	if (at + 1 > tr.limit)
		return fault_gp(ctx, 0);
	rc = emul_la_read(ctx, tr.base + at, &bits, 2, access);
	if (rc)
		return rc;
	if (bits >> (port & 7) & ((1u << size) - 1))
		return fault_gp(ctx, 0);
	return EMUL_OK;
}

static u16 port_of(struct emul_ctx *ctx)
{
	return ctx->d.op->src == OPN_I ? ctx->d.imm & 0xff :
					 (u16)ctx->regs[EMUL_RDX];
}

int emul_x_in(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize < 4 ? ctx->d.opsize : 4;
	u16 port = port_of(ctx);
	u64 val;
	int rc;

	rc = emul_check_io(ctx, port, size);
	if (!rc)
		rc = emul_io_read(ctx, port, size, &val);
	if (!rc)
		reg_set(ctx, EMUL_RAX, size, val);
	return rc;
}

int emul_x_out(struct emul_ctx *ctx)
{
	unsigned int size = ctx->d.opsize < 4 ? ctx->d.opsize : 4;
	u16 port = port_of(ctx);
	int rc;

	rc = emul_check_io(ctx, port, size);
	if (rc)
		return rc;
	return emul_io_write(ctx, port, size, reg_get(ctx, EMUL_RAX, size));
}

/*
 * CLI and STI act on IF, or with VME and PVI on VIF (SDM 2A CLI, table 3-7;
 * 2B STI, table 4-26). Returns the flag; 0 with #GP in *rc.
 */
static u64 interrupt_flag(struct emul_ctx *ctx, int *rc)
{
	u32 enable;

	*rc = EMUL_OK;
	if (ctx->mode == EMUL_MODE_REAL || ctx->cpl <= iopl(ctx))
		return FL_IF;
	enable = ctx->mode == EMUL_MODE_VM86 ? CR4_VME : CR4_PVI;
	if (ctx->cpl == 3 && ctx->ops->get_cr(ctx, 4) & enable)
		return FL_VIF;
	*rc = fault_gp(ctx, 0);
	return 0;
}

int emul_x_cli(struct emul_ctx *ctx)
{
	int rc;

	ctx->new_rflags &= ~interrupt_flag(ctx, &rc);
	return rc;
}

int emul_x_sti(struct emul_ctx *ctx)
{
	u64 flag;
	int rc;

	flag = interrupt_flag(ctx, &rc);
	if (rc)
		return rc;
	if (flag == FL_VIF && ctx->rflags & FL_VIP)
		return fault_gp(ctx, 0);
	if (flag == FL_IF && !(ctx->rflags & FL_IF))
		ctx->shadow = EMUL_SHADOW_STI;
	ctx->new_rflags |= flag;
	return EMUL_OK;
}
