// SPDX-License-Identifier: GPL-2.0-only
/*
 * Breakpoints of the debug registers (SDM 3B 18.2). Nothing here runs unless
 * one is enabled.
 *
 * Implicit accesses to descriptor tables and task states do not count.
 */
#include "internal.h"

/* DR7.R/Wn (SDM 3B 18.2.4) */
enum { BP_CODE, BP_WRITE, BP_PORT, BP_DATA };

static unsigned int bp_kind(const struct emul_ctx *ctx, unsigned int n)
{
	return ctx->dr7 >> (16 + 4 * n) & 3;
}

/* DR7.LENn: 1, 2, 8, 4 bytes */
static unsigned int bp_len(const struct emul_ctx *ctx, unsigned int n)
{
	static const u8 len[] = { 1, 2, 8, 4 };

	return len[ctx->dr7 >> (18 + 4 * n) & 3];
}

static bool bp_enabled(const struct emul_ctx *ctx, unsigned int n)
{
	return ctx->dr7 >> 2 * n & 3;
}

/* Does breakpoint @n, aligned as its length, lie in [@at, @at + @len)? */
static bool bp_touched(const struct emul_ctx *ctx, unsigned int n, u64 at,
		       unsigned int len)
{
	u64 base = ctx->db[n] & ~(u64)(bp_len(ctx, n) - 1);

	return at - base < bp_len(ctx, n) || base - at < len;
}

/* The accesses of an instruction that faults later on: its caller forgets */
void emul_watch(struct emul_ctx *ctx, u64 la, unsigned int len,
		unsigned int access)
{
	unsigned int n, kind;

	if (access & EMUL_ACC_SYSTEM)
		return;
	for (n = 0; n < 4; n++) {
		kind = bp_kind(ctx, n);
		if (bp_enabled(ctx, n) &&
		    (kind == BP_DATA ||
		     (kind == BP_WRITE && access & EMUL_ACC_WRITE)) &&
		    bp_touched(ctx, n, la, len))
			ctx->hit |= 1u << n;
	}
}

void emul_watch_port(struct emul_ctx *ctx, u16 port, unsigned int size)
{
	unsigned int n;

	if (!(ctx->ops->get_cr(ctx, 4) & CR4_DE))
		return;
	for (n = 0; n < 4; n++)
		if (bp_enabled(ctx, n) && bp_kind(ctx, n) == BP_PORT &&
		    bp_touched(ctx, n, port, size))
			ctx->hit |= 1u << n;
}

unsigned int emul_code_breakpoint(struct emul_ctx *ctx)
{
	unsigned int n, found = 0;
	u64 la = ctx->rip;

	if (!ctx->dr7 || ctx->rflags & FL_RF)
		return 0;
	if (!is_long(ctx))
		la = (u32)(la + ctx->ops->seg_base(ctx, EMUL_CS));
	for (n = 0; n < 4; n++)
		if (bp_enabled(ctx, n) && bp_kind(ctx, n) == BP_CODE &&
		    ctx->db[n] == la)
			found |= 1u << n;
	return found;
}
