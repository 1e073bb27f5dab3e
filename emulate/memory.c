// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as an instruction sees it: segmentation, canonical and alignment
 * checks, page-crossing accesses, and the replay of accesses already made
 * (rules E2 and E3 of emulate.h).
 *
 * Replay works on two byte streams, reads and writes. On each pass through an
 * instruction the first rd_done (wr_done) bytes were already read (written) by
 * an earlier pass: reads take them from the cache, writes are skipped.
 */
#include "internal.h"

/*
 * Where an access goes on. Linear addresses of code outside 64-bit mode have 32
 * bits (SDM 3A 3.3.7). Those of tables, task states and the stacks of 64-bit
 * handlers have 64 in compatibility mode too (SDM 3A 2.1.5, 5.8.3.1, 6.14.2).
 */
static inline u64 la_next(struct emul_ctx *ctx, u64 la, unsigned int by,
			  unsigned int access)
{
	u64 next = la + by;

	if (likely(!(next >> 32)) || is_long(ctx) || la >> 32)
		return next;
	return access & EMUL_ACC_SYSTEM && is_lma(ctx) ? next : (u32)next;
}

/* SDM 1 3.3.7.1 */
bool emul_is_canonical(struct emul_ctx *ctx, u64 la)
{
	if (sign_extend(la, 6) == la)
		return true;
	return (u64)((s64)(la << 7) >> 7) == la &&
	       (ctx->ops->get_cr(ctx, 4) & CR4_LA57);
}

static int fault_seg(struct emul_ctx *ctx, unsigned int seg)
{
	return fault_err(ctx, seg == EMUL_SS ? VEC_SS : VEC_GP, 0);
}

/*
 * The address of an access through @s, or false for what SDM 3A 5.3 (limit)
 * and 5.5 (type) forbid. Not for 64-bit mode.
 */
bool emul_seg_linear(struct emul_ctx *ctx, const struct emul_seg *s, u64 ea,
		     unsigned int len, unsigned int access, u64 *la)
{
	u32 first = (u32)ea, last = (u32)ea + len - 1;
	bool ok;

	if (s->ar & AR_UNUSABLE)
		return false;
	if (is_prot(ctx)) {
		if (access & EMUL_ACC_WRITE)
			ok = (s->ar & (AR_CODE | AR_WRITE)) == AR_WRITE;
		else	/* an execute-only code segment cannot be read */
			ok = access & EMUL_ACC_FETCH ||
			     (s->ar & (AR_CODE | AR_WRITE)) != AR_CODE;
		if (!ok)
			return false;
	}
	if ((s->ar & (AR_CODE | AR_EXPDOWN)) == AR_EXPDOWN) {
		u32 top = s->ar & AR_DB ? ~0u : 0xffffu;

		ok = first > s->limit && last <= top && first <= last;
	} else {
		/* an access may wrap at 4 GiB only where all is flat */
		ok = (last <= s->limit && first <= last) ||
		     (s->limit == ~0u && !s->base);
	}
	*la = (u32)(s->base + ea);
	return ok;
}

/* SDM 3A 6.15, interrupt 17 */
int emul_check_align(struct emul_ctx *ctx, u64 la, unsigned int align)
{
	if (likely(!(la & (align - 1))))
		return EMUL_OK;
	if (!(ctx->rflags & FL_AC) || ctx->cpl != 3 ||
	    !(ctx->ops->get_cr(ctx, 0) & CR0_AM))
		return EMUL_OK;
	return emul_set_fault(ctx, VEC_AC, true, 0);
}

/* CPUs look at the first byte, the alignment and the last byte in this order */
static int linear_long(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		       unsigned int len, unsigned int align, u64 *la)
{
	u64 addr = ea;
	int rc;

	if (seg >= EMUL_FS)
		addr += ctx->ops->seg_base(ctx, seg);
	if (unlikely(!emul_is_canonical(ctx, addr)))
		return fault_seg(ctx, seg);
	rc = emul_check_align(ctx, addr, align);
	if (unlikely(rc))
		return rc;
	if (unlikely(!emul_is_canonical(ctx, addr + len - 1)))
		return fault_seg(ctx, seg);
	*la = addr;
	return EMUL_OK;
}

/*
 * Turn segment and offset into a linear address. @align: what alignment checking
 * asks for, 1 for none; @access: EMUL_ACC_WRITE if the operand is (also) written.
 */
int emul_linear(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		unsigned int len, unsigned int align, unsigned int access,
		u64 *la)
{
	struct emul_seg s;

	if (likely(is_long(ctx)))
		return linear_long(ctx, seg, ea, len, align, la);
	ctx->ops->get_seg(ctx, seg, &s);
	if (!emul_seg_linear(ctx, &s, ea, len, access, la))
		return fault_seg(ctx, seg);
	return emul_check_align(ctx, *la, align);
}

/*
 * Operands that have to be aligned whatever RFLAGS.AC says: CPUs look at that
 * before limits and canonical addresses.
 */
int emul_require_align(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		       unsigned int align)
{
	if (!is_long(ctx) || seg >= EMUL_FS)
		ea += ctx->ops->seg_base(ctx, seg);
	return ea & (align - 1) ? fault_gp(ctx, 0) : EMUL_OK;
}

/* Note bytes that were read, for later passes */
static void replay_add(struct emul_ctx *ctx, const void *buf, unsigned int len)
{
	if (likely(ctx->rd_now + len <= EMUL_REPLAY_BYTES)) {
		memcpy(ctx->replay + ctx->rd_now, buf, len);
		ctx->rd_done = ctx->rd_now + len;
	}
	ctx->rd_now += len;
}

/*
 * A reading callback is about to be asked: where its data would go if user
 * space has to supply them.
 */
static int replay_await(struct emul_ctx *ctx, unsigned int len)
{
	if (ctx->rd_now != ctx->rd_done ||
	    ctx->rd_now + len > EMUL_REPLAY_BYTES)
		return EMUL_UNHANDLED;	/* more than an instruction for MMIO */
	ctx->io_data = ctx->replay + ctx->rd_now;
	ctx->io_len = len;
	ctx->rd_done += len;
	return EMUL_IO;
}

/* Bytes of the read that an earlier pass has made */
static unsigned int replay_take(struct emul_ctx *ctx, void *buf,
				unsigned int len)
{
	unsigned int n;

	if (likely(ctx->rd_now >= ctx->rd_done))
		return 0;
	n = ctx->rd_done - ctx->rd_now;
	if (n > len)
		n = len;
	memcpy(buf, ctx->replay + ctx->rd_now, n);
	ctx->rd_now += n;
	return n;
}

/* Bytes of an access of @len at @la that go through one callback */
static inline unsigned int piece(u64 la, unsigned int len, unsigned int most)
{
	unsigned int n = page_rest(la);

	if (n > len)
		n = len;
	return n < most ? n : most;
}

int emul_la_read(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		 unsigned int access)
{
	unsigned int n, most = len;
	u8 *to = buf;
	int rc;

	if (unlikely(ctx->dr7))
		emul_watch(ctx, la, len, access & ~EMUL_ACC_WRITE);
	n = replay_take(ctx, to, len);
	for (;;) {
		to += n;
		len -= n;
		if (!len)
			return EMUL_OK;
		la = la_next(ctx, la, n, access);
		n = piece(la, len, most);
		rc = ctx->ops->read(ctx, la, to, n, access);
		if (unlikely(rc)) {
			if (rc == EMUL_SPLIT && n > 8) {
				most = 8;
				n = 0;
				continue;
			}
			if (rc == EMUL_IO)
				rc = replay_await(ctx, n);
			return rc;
		}
		replay_add(ctx, to, n);
	}
}

/* The part of a write that has to be made now */
static unsigned int replay_skip(struct emul_ctx *ctx, unsigned int len)
{
	unsigned int n;

	if (likely(ctx->wr_now >= ctx->wr_done))
		return 0;
	n = ctx->wr_done - ctx->wr_now;
	if (n > len)
		n = len;
	ctx->wr_now += n;
	return n;
}

/* A write of @len bytes came to @rc: it is not to be made again */
static int replay_written(struct emul_ctx *ctx, unsigned int len, int rc)
{
	if (rc == EMUL_OK || rc == EMUL_IO) {
		ctx->io_len = 0;
		ctx->wr_done = ctx->wr_now + len;
		if (rc == EMUL_OK)
			ctx->wr_now = ctx->wr_done;
	}
	return rc;
}

int emul_la_write(struct emul_ctx *ctx, u64 la, const void *buf,
		  unsigned int len, unsigned int access)
{
	unsigned int n, most = len;
	const u8 *from = buf;
	int rc;

	access |= EMUL_ACC_WRITE;
	if (unlikely(ctx->dr7))
		emul_watch(ctx, la, len, access);
	n = replay_skip(ctx, len);
	if (unlikely(len > page_rest(la)) && !n) {
		rc = emul_la_probe(ctx, la, len, access);
		if (rc)
			return rc;
	}
	for (;;) {
		from += n;
		len -= n;
		if (!len)
			return EMUL_OK;
		la = la_next(ctx, la, n, access);
		n = piece(la, len, most);
		rc = ctx->ops->write(ctx, la, from, n, access);
		if (unlikely(rc)) {
			if (rc == EMUL_SPLIT && n > 8) {
				most = 8;
				n = 0;
				continue;
			}
			return replay_written(ctx, n, rc);
		}
		ctx->wr_now += n;
		ctx->wr_done = ctx->wr_now;
	}
}

int emul_la_probe(struct emul_ctx *ctx, u64 la, unsigned int len,
		  unsigned int access)
{
	unsigned int n;
	int rc;

	for (; len; len -= n, la = la_next(ctx, la, n, access)) {
		n = piece(la, len, len);
		rc = ctx->ops->probe(ctx, la, n, access);
		if (rc)
			return rc;
	}
	return EMUL_OK;
}

/* EMUL_RETRY: not equal, *old is what was found */
int emul_la_cmpxchg(struct emul_ctx *ctx, u64 la, void *old, const void *new,
		    unsigned int len, unsigned int access)
{
	unsigned int done;
	int rc;

	access |= EMUL_ACC_WRITE | EMUL_ACC_LOCKED;

	/*
	 * A split lock: no host instruction could do it without stopping every
	 * CPU of the host, and none is worth that.
	 */
	if (unlikely(page_rest(la) < len))
		return emul_la_write(ctx, la, new, len, access);

	if (unlikely(ctx->dr7))
		emul_watch(ctx, la, len, access);
	done = replay_skip(ctx, len);
	if (done == len)
		return EMUL_OK;
	rc = done ? EMUL_SPLIT :
		    ctx->ops->cmpxchg_mem(ctx, la, old, new, len, access);
	/* a device: by writes, as wide as it takes them */
	if (rc == EMUL_SPLIT)
		return emul_la_write(ctx, la + done, (const u8 *)new + done,
				     len - done, access);
	return replay_written(ctx, len, rc);
}

int emul_io_read(struct emul_ctx *ctx, u16 port, unsigned int size, u64 *val)
{
	int rc;

	*val = 0;
	if (unlikely(ctx->dr7))
		emul_watch_port(ctx, port, size);
	if (replay_take(ctx, val, size))
		return EMUL_OK;
	rc = ctx->ops->pio_in(ctx, port, size, 1, val);
	if (rc == EMUL_IO)
		return replay_await(ctx, size);
	if (rc == EMUL_OK)
		replay_add(ctx, val, size);
	return rc;
}

int emul_io_write(struct emul_ctx *ctx, u16 port, unsigned int size, u64 val)
{
	const void *data = &val;
	int rc;

	if (unlikely(ctx->dr7))
		emul_watch_port(ctx, port, size);
	if (replay_skip(ctx, size))
		return EMUL_OK;
	if (ctx->pio_buf) {
		memcpy(ctx->pio_buf, &val, size);
		data = ctx->pio_buf;
	}
	rc = ctx->ops->pio_out(ctx, port, size, 1, data);
	return replay_written(ctx, size, rc);
}

/* RDMSR and RDPMC, which user space may have to answer */
int emul_ask(struct emul_ctx *ctx, unsigned int what, u32 nr, u64 *val)
{
	int rc;

	*val = 0;
	if (replay_take(ctx, val, 8))
		return EMUL_OK;
	rc = what == EMUL_ASK_MSR ? ctx->ops->rdmsr(ctx, nr, val) :
				    ctx->ops->rdpmc(ctx, nr, val);
	return rc == EMUL_IO ? replay_await(ctx, 8) : rc;
}

/* @align: what alignment checking asks for, 1 for none */
int emul_mem_read(struct emul_ctx *ctx, unsigned int seg, u64 ea, void *buf,
		  unsigned int len, unsigned int align, unsigned int access)
{
	u64 la;
	int rc;

	rc = emul_linear(ctx, seg, ea, len, align, access, &la);
	if (!rc)
		rc = emul_la_read(ctx, la, buf, len, access | acc_user(ctx));
	return rc;
}

int emul_mem_write(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		   const void *buf, unsigned int len, unsigned int align)
{
	u64 la;
	int rc;

	rc = emul_linear(ctx, seg, ea, len, align, EMUL_ACC_WRITE, &la);
	if (!rc)
		rc = emul_la_write(ctx, la, buf, len, acc_user(ctx));
	return rc;
}
