// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves between vector registers and memory or general registers: what guests
 * use on devices. Nothing is computed.
 */
#include "internal.h"

#define XCR0_SSE_AVX	6u

/* What a move does; .fn of its table entry is an index of moves[] */
struct vec_move {
	u8 bytes;	/* 0: the vector length */
	u8 flags;
};

#define VM_STORE	1u	/* register to r/m */
#define VM_ALIGNED	2u	/* #GP unless aligned (SDM 1 10.4.1.1) */
#define VM_HIGH		4u	/* the upper half of 16 bytes */
#define VM_MERGE	8u	/* the rest of the destination is kept */
#define VM_MERGE_REG	16u	/* ... if the source is a register */
#define VM_GPR		32u	/* r/m is a general register */
#define VM_CROSS	64u	/* the other half of a source register */

static const struct vec_move moves[] = {
	[FN_VLOAD] = { 0, 0 },
	[FN_VSTORE] = { 0, VM_STORE },
	[FN_VLOADA] = { 0, VM_ALIGNED },
	[FN_VSTOREA] = { 0, VM_STORE | VM_ALIGNED },
	[FN_VLOAD4] = { 4, VM_MERGE_REG },
	[FN_VLOAD8] = { 8, VM_MERGE_REG },
	[FN_VSTORE4] = { 4, VM_STORE | VM_MERGE_REG },
	[FN_VSTORE8] = { 8, VM_STORE | VM_MERGE_REG },
	[FN_VLOADLOW] = { 8, VM_MERGE | VM_CROSS },
	[FN_VSTORELOW] = { 8, VM_STORE },
	[FN_VLOADHIGH] = { 8, VM_MERGE | VM_HIGH | VM_CROSS },
	[FN_VSTOREHIGH] = { 8, VM_STORE | VM_HIGH },
	[FN_VMOVQ] = { 8, 0 },
	[FN_VMOVQ_STORE] = { 8, VM_STORE },
	[FN_VFROM_GPR] = { 4, VM_GPR },
	[FN_VTO_GPR] = { 4, VM_STORE | VM_GPR },
};

/* SDM 2 table 2-18 and following, classes 1, 4 and 5 */
static int check_vector(struct emul_ctx *ctx)
{
	u64 cr0 = ctx->ops->get_cr(ctx, 0), cr4 = ctx->ops->get_cr(ctx, 4);

	if (ctx->d.vex) {
		if (!ctx->ops->has(ctx, EMUL_HAS_AVX) || !(cr4 & CR4_OSXSAVE) ||
		    (ctx->ops->get_xcr(ctx, 0) & XCR0_SSE_AVX) != XCR0_SSE_AVX)
			return fault_ud(ctx);
	} else if (cr0 & CR0_EM || !(cr4 & CR4_OSFXSR)) {
		return fault_ud(ctx);
	}
	if (cr0 & CR0_TS)
		return emul_set_fault(ctx, VEC_NM, false, 0);
	return EMUL_OK;
}

/*
 * Address of the memory operand, checked. Alignment checking ignores accesses of
 * 16 bytes and more.
 */
static int vector_address(struct emul_ctx *ctx, const struct vec_move *m,
			  unsigned int bytes, unsigned int access, u64 *la)
{
	int rc = EMUL_OK;

	if (m->flags & VM_ALIGNED)
		rc = emul_require_align(ctx, ctx->d.seg, ctx->d.ea, bytes);
	if (!rc)
		rc = emul_linear(ctx, ctx->d.seg, ctx->d.ea, bytes,
				 bytes < 16 ? bytes : 1, access, la);
	return rc;
}

/* VZEROUPPER, and with 256 bits VZEROALL; not for registers above 15 */
int emul_x_vzero(struct emul_ctx *ctx)
{
	unsigned int n = is_long(ctx) ? 16 : 8;
	u8 low[16] = { 0 };
	int rc;

	rc = check_vector(ctx);
	while (!rc && n--) {
		if (ctx->d.vl == 16)
			ctx->ops->vec_get(ctx, n, low, sizeof(low));
		ctx->ops->vec_set(ctx, n, low, sizeof(low), true);
	}
	return rc;
}

static int move_gpr(struct emul_ctx *ctx, bool store)
{
	unsigned int size = ctx->d.rex & 8 ? 8 : 4;
	u8 buf[16] = { 0 };
	u64 val = 0;
	int rc;

	if (store) {
		ctx->ops->vec_get(ctx, ctx->d.reg, buf, 16);
		memcpy(&val, buf, size);
		return emul_put(ctx, OPN_E, size, val);
	}
	rc = emul_get(ctx, OPN_E, size, &val);
	if (rc)
		return rc;
	memcpy(buf, &val, size);
	ctx->ops->vec_set(ctx, ctx->d.reg, buf, 16, ctx->d.vex);
	return EMUL_OK;
}

static int vector_store(struct emul_ctx *ctx, const struct vec_move *m,
			unsigned int bytes)
{
	unsigned int off = m->flags & VM_HIGH ? 8 : 0;
	u8 buf[64], old[16];
	u64 la;
	int rc;

	ctx->ops->vec_get(ctx, ctx->d.reg, buf, bytes > 16 ? bytes : 16);
	if (ctx->d.has_mem) {
		rc = vector_address(ctx, m, bytes, EMUL_ACC_WRITE, &la);
		if (!rc)
			rc = emul_la_write(ctx, la, buf + off, bytes,
					   acc_user(ctx));
		return rc;
	}
	if (m->flags & VM_MERGE_REG) {
		/* MOVSS, MOVSD: the rest is that of vvvv, or stays */
		ctx->ops->vec_get(ctx, ctx->d.vex ? ctx->d.vvvv : ctx->d.rm,
				  old, 16);
		memcpy(buf + bytes, old + bytes, 16 - bytes);
	} else if (bytes < 16) {
		memset(buf + bytes, 0, 16 - bytes);
	}
	ctx->ops->vec_set(ctx, ctx->d.rm, buf, bytes > 16 ? bytes : 16,
			  ctx->d.vex);
	return EMUL_OK;
}

static int vector_load(struct emul_ctx *ctx, const struct vec_move *m,
		       unsigned int bytes)
{
	unsigned int off = m->flags & VM_HIGH ? 8 : 0;
	unsigned int width = bytes > 16 ? bytes : 16;
	bool merge = m->flags & VM_MERGE;
	u8 buf[64] = { 0 }, src[64];
	u64 la;
	int rc;

	if (ctx->d.has_mem) {
		rc = vector_address(ctx, m, bytes, 0, &la);
		if (!rc)
			rc = emul_la_read(ctx, la, src, bytes, acc_user(ctx));
		if (rc)
			return rc;
	} else {
		ctx->ops->vec_get(ctx, ctx->d.rm, src, width);
		/* MOVHLPS takes the upper half, MOVLHPS the lower one */
		if (m->flags & VM_CROSS && !off)
			memmove(src, src + 8, 8);
		merge |= m->flags & VM_MERGE_REG;
	}
	if (merge)
		ctx->ops->vec_get(ctx, ctx->d.vex ? ctx->d.vvvv : ctx->d.reg,
				  buf, 16);
	memcpy(buf + off, src, bytes);
	ctx->ops->vec_set(ctx, ctx->d.reg, buf, width, ctx->d.vex);
	return EMUL_OK;
}

int emul_x_vec_move(struct emul_ctx *ctx)
{
	const struct vec_move *m = &moves[ctx->d.op->fn];
	unsigned int bytes = m->bytes, keeps;
	int rc;

	rc = check_vector(ctx);
	if (rc)
		return rc;
	if (!bytes)
		bytes = ctx->d.vex ? ctx->d.vl : 16;
	/* VMOVNTDQA: the only one here whose long form came with AVX2 */
	if (ctx->d.map == 2 && bytes > 16 &&
	    !ctx->ops->has(ctx, EMUL_HAS_AVX2))
		return fault_ud(ctx);
	/* vvvv names a register only where one is merged (SDM 2 2.3.8) */
	keeps = VM_MERGE | (ctx->d.has_mem ? 0 : VM_MERGE_REG);
	if (ctx->d.vex && ctx->d.vvvv_named && !(m->flags & keeps))
		return fault_ud(ctx);
	if (m->flags & VM_GPR)
		return move_gpr(ctx, m->flags & VM_STORE);
	if (m->flags & VM_STORE)
		return vector_store(ctx, m, bytes);
	return vector_load(ctx, m, bytes);
}
