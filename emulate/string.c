// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions (SDM 1 7.3.9), repeated and not.
 *
 * Every iteration is committed by itself. What a call may do is bounded by a
 * number of iterations or by a page of plain memory; then the rest is left to
 * the next call (EMUL_YIELD). With RFLAGS.TF set that is after each iteration,
 * where the single-step trap belongs, and after one that hits a breakpoint.
 */
#include "internal.h"

/* Iterations of one call that go through the callbacks one by one */
#define MAX_ITERATIONS	256u
/* Bytes that are moved or filled at a time */
#define CHUNK		128u

static unsigned int source_seg(const struct emul_ctx *ctx)
{
	return ctx->d.seg == 0xff ? EMUL_DS : ctx->d.seg;
}

static void advance(struct emul_ctx *ctx, unsigned int reg, unsigned int size,
		    unsigned int n)
{
	u64 by = (u64)size * n;

	if (ctx->rflags & FL_DF)
		by = -by;
	reg_set(ctx, reg, ctx->d.asize,
		reg_get(ctx, reg, ctx->d.asize) + by);
}

static inline bool uses_source(unsigned int fn)
{
	return fn == FN_MOVS || fn == FN_CMPS || fn == FN_LODS || fn == FN_OUTS;
}

static inline bool uses_dest(unsigned int fn)
{
	return fn != FN_LODS && fn != FN_OUTS;
}

/* @n iterations were made: move the pointers and count down */
static void commit(struct emul_ctx *ctx, unsigned int size, unsigned int n)
{
	unsigned int fn = ctx->d.op->fn;

	if (uses_source(fn))
		advance(ctx, EMUL_RSI, size, n);
	if (uses_dest(fn))
		advance(ctx, EMUL_RDI, size, n);
	if (ctx->d.rep)
		reg_set(ctx, EMUL_RCX, ctx->d.asize,
			reg_get(ctx, EMUL_RCX, ctx->d.asize) - n);
	emul_replay_reset(ctx);
}

static int read_source(struct emul_ctx *ctx, unsigned int size, u64 *val)
{
	*val = 0;
	return emul_mem_read(ctx, source_seg(ctx),
			     reg_get(ctx, EMUL_RSI, ctx->d.asize), val, size,
			     size, 0);
}

static int read_dest(struct emul_ctx *ctx, unsigned int size, u64 *val)
{
	*val = 0;
	return emul_mem_read(ctx, EMUL_ES,
			     reg_get(ctx, EMUL_RDI, ctx->d.asize), val, size,
			     size, 0);
}

static int write_dest(struct emul_ctx *ctx, unsigned int size, u64 val)
{
	return emul_mem_write(ctx, EMUL_ES,
			      reg_get(ctx, EMUL_RDI, ctx->d.asize), &val, size,
			      size);
}

static int iterate(struct emul_ctx *ctx, unsigned int fn, unsigned int size)
{
	u64 a, b;
	int rc;

	switch (fn) {
	case FN_MOVS:
		rc = read_source(ctx, size, &a);
		return rc ? rc : write_dest(ctx, size, a);
	case FN_STOS:
		return write_dest(ctx, size, reg_get(ctx, EMUL_RAX, size));
	case FN_LODS:
		rc = read_source(ctx, size, &a);
		if (!rc)
			reg_set(ctx, EMUL_RAX, size, a);
		return rc;
	case FN_CMPS:	/* CPUs read what ES:rDI points to first */
		rc = read_dest(ctx, size, &b);
		if (!rc)
			rc = read_source(ctx, size, &a);
		break;
	default:	/* FN_SCAS */
		a = reg_get(ctx, EMUL_RAX, size);
		rc = read_dest(ctx, size, &b);
		break;
	}
	if (!rc)
		emul_alu(FN_CMP, size, a, b, &ctx->new_rflags);
	return rc;
}

/*
 * How many bytes from EA of register @reg lie in one page, in the segment and
 * below the wrap of the address: at most @want. *la is where.
 */
static unsigned int straight_run(struct emul_ctx *ctx, unsigned int seg,
				 unsigned int reg, unsigned int want,
				 unsigned int access, u64 *la)
{
	u64 ea = reg_get(ctx, reg, ctx->d.asize);
	u64 wrap = size_mask(ctx->d.asize) - ea;
	struct emul_fault saved = ctx->fault;
	unsigned int rest;

	if (want > wrap)
		return 0;
	/* A run that leaves the segment is left to the slow path */
	if (emul_linear(ctx, seg, ea, want, 1, access, la)) {
		ctx->fault = saved;
		return 0;
	}
	rest = page_rest(*la);
	return want < rest ? want : rest;
}

/* May iterations be merged at all? */
static bool may_batch(const struct emul_ctx *ctx)
{
	return !(ctx->rflags & (FL_DF | FL_TF | FL_AC)) && !ctx->rd_done &&
	       !ctx->wr_done && !ctx->dr7;
}

static unsigned int fill(struct emul_ctx *ctx, u64 la, unsigned int size,
			 unsigned int len)
{
	unsigned int access = acc_user(ctx) | EMUL_ACC_WRITE, i, n, done;
	u8 buf[CHUNK];

	for (i = 0; i < CHUNK; i += size)
		memcpy(buf + i, &ctx->regs[EMUL_RAX], size);
	for (done = 0; done < len; done += n) {
		n = len - done < CHUNK ? len - done : CHUNK;
		if (ctx->ops->ram_write(ctx, la + done, buf, n, access) != n)
			break;
	}
	return done;
}

static unsigned int copy(struct emul_ctx *ctx, u64 to, u64 from,
			 unsigned int len)
{
	unsigned int user = acc_user(ctx), n, done;
	u64 apart = (to - from) & (PAGE_BYTES - 1);
	u8 buf[CHUNK];

	/*
	 * Overlap has to show the effect of copying one by one; the linear
	 * addresses may be two names of one page.
	 */
	if (apart && apart < CHUNK)
		return 0;
	for (done = 0; done < len; done += n) {
		n = len - done < CHUNK ? len - done : CHUNK;
		if (ctx->ops->ram_write(ctx, to + done, NULL, n,
					user | EMUL_ACC_WRITE) != n ||
		    ctx->ops->ram_read(ctx, from + done, buf, n, user) != n ||
		    ctx->ops->ram_write(ctx, to + done, buf, n,
					user | EMUL_ACC_WRITE) != n)
			break;
	}
	return done;
}

/*
 * Fill or copy plain memory in one go. Returns the iterations made; 0 sends
 * the next one through the callbacks that can fault.
 */
static unsigned int batch(struct emul_ctx *ctx, unsigned int fn,
			  unsigned int size, u64 count)
{
	unsigned int want, len;
	u64 to, from;

	if (count < 4 || (fn != FN_MOVS && fn != FN_STOS) || !may_batch(ctx))
		return 0;
	want = count > PAGE_BYTES / size ? PAGE_BYTES :
	       (unsigned int)count * size;
	want = straight_run(ctx, EMUL_ES, EMUL_RDI, want, EMUL_ACC_WRITE, &to);
	if (fn == FN_MOVS && want)
		want = straight_run(ctx, source_seg(ctx), EMUL_RSI, want, 0,
				    &from);
	want -= want % size;
	if (!want)
		return 0;
	len = fn == FN_STOS ? fill(ctx, to, size, want) :
			      copy(ctx, to, from, want);
	return len / size;
}

static bool compare_ends(const struct emul_ctx *ctx, unsigned int fn)
{
	if (fn != FN_CMPS && fn != FN_SCAS)
		return false;
	/* REPE goes on while equal, REPNE while not */
	return !(ctx->new_rflags & FL_ZF) == (ctx->d.rep == 0xf3);
}

/*
 * CPUs write the counter back even if it is zero or the first iteration
 * faults, MOVS and STOS their pointers too. It shows where a 32-bit write
 * clears the upper half.
 */
static void touch_registers(struct emul_ctx *ctx)
{
	unsigned int fn = ctx->d.op->fn;

	if (!ctx->d.rep || ctx->d.asize != 4)
		return;
	reg_set(ctx, EMUL_RCX, 4, ctx->regs[EMUL_RCX]);
	if (fn == FN_MOVS)
		reg_set(ctx, EMUL_RSI, 4, ctx->regs[EMUL_RSI]);
	if (fn == FN_MOVS || fn == FN_STOS)
		reg_set(ctx, EMUL_RDI, 4, ctx->regs[EMUL_RDI]);
}

/*
 * Interrupts and traps between iterations push RF set, so that a breakpoint on
 * the instruction is not hit again (SDM 3B 18.3.1.1).
 */
static int yield(struct emul_ctx *ctx)
{
	ctx->rflags |= FL_RF;
	ctx->dirty |= EMUL_DIRTY_RFLAGS;
	return EMUL_YIELD;
}

int emul_x_string(struct emul_ctx *ctx)
{
	unsigned int fn = ctx->d.op->fn, size = ctx->d.opsize, n, i;
	u64 count;
	int rc;

	if (!ctx->d.rep) {
		rc = iterate(ctx, fn, size);
		if (!rc)
			commit(ctx, size, 1);
		return rc;
	}
	touch_registers(ctx);
	for (i = 0; i < MAX_ITERATIONS; i++) {
		count = reg_get(ctx, EMUL_RCX, ctx->d.asize);
		if (!count)
			return EMUL_OK;
		n = batch(ctx, fn, size, count);
		if (n) {
			commit(ctx, size, n);
			if (n == count)
				return EMUL_OK;
			i += n * size / 16;	/* a page counts as 256 */
			continue;
		}
		rc = iterate(ctx, fn, size);
		if (rc)
			return rc;
		commit(ctx, size, 1);
		if (count == 1 || compare_ends(ctx, fn))
			return EMUL_OK;
		if (ctx->stop || ctx->hit || ctx->rflags & FL_TF)
			break;
	}
	return yield(ctx);
}

static int ins_one(struct emul_ctx *ctx, u16 port, unsigned int size)
{
	u64 la, val;
	int rc;

	/* What the device gives is lost if the store faults: look first */
	rc = emul_linear(ctx, EMUL_ES, reg_get(ctx, EMUL_RDI, ctx->d.asize),
			 size, size, EMUL_ACC_WRITE, &la);
	if (!rc && !ctx->wr_done && !ctx->rd_done)
		rc = emul_la_probe(ctx, la, size,
				   acc_user(ctx) | EMUL_ACC_WRITE);
	if (!rc)
		rc = emul_io_read(ctx, port, size, &val);
	if (!rc)
		rc = emul_la_write(ctx, la, &val, size, acc_user(ctx));
	return rc;
}

static int outs_one(struct emul_ctx *ctx, u16 port, unsigned int size)
{
	u64 val;
	int rc;

	rc = read_source(ctx, size, &val);
	return rc ? rc : emul_io_write(ctx, port, size, val);
}

/*
 * Several items at once through ctx->pio_buf. Returns EMUL_OK with *done = 0
 * if that cannot be done here.
 */
static int outs_batch(struct emul_ctx *ctx, u16 port, unsigned int size,
		      u64 count, unsigned int *done)
{
	unsigned int want;
	u64 la;
	int rc;

	want = count > ctx->pio_buf_size / size ? ctx->pio_buf_size :
	       (unsigned int)count * size;
	want = straight_run(ctx, source_seg(ctx), EMUL_RSI, want, 0, &la);
	want -= want % size;
	if (!want)
		return EMUL_OK;
	want = ctx->ops->ram_read(ctx, la, ctx->pio_buf, want, acc_user(ctx));
	want /= size;
	if (want < 2)
		return EMUL_OK;
	rc = ctx->ops->pio_out(ctx, port, size, want, ctx->pio_buf);
	if (rc != EMUL_OK && rc != EMUL_IO)
		return rc;
	*done = want;
	if (rc == EMUL_IO) {
		/* the data are taken: these iterations are made */
		ctx->io_len = 0;
		commit(ctx, size, want);
	}
	return rc;
}

/*
 * The items of a batch are in ctx->pio_buf: store them. What has become of the
 * memory since it was looked at may take some of them only.
 */
static int ins_store(struct emul_ctx *ctx, unsigned int size, unsigned int n,
		     u64 la, unsigned int *done)
{
	unsigned int access = acc_user(ctx) | EMUL_ACC_WRITE, len, i;
	int rc;

	len = ctx->ops->ram_write(ctx, la, ctx->pio_buf, n * size, access);
	for (i = len / size; i < n; i++) {
		rc = emul_la_write(ctx, la + i * size, ctx->pio_buf + i * size,
				   size, acc_user(ctx));
		emul_replay_reset(ctx);
		if (rc == EMUL_IO) {
			/* the queue of device writes is full: the rest comes later */
			ctx->io_len = 0;
			commit(ctx, size, ++i);
			memmove(ctx->pio_buf, ctx->pio_buf + i * size,
				(n - i) * size);
			ctx->batch = n - i;
		} else if (rc) {
			commit(ctx, size, i);
		}
		if (rc)
			return rc;
	}
	*done = n;
	return EMUL_OK;
}

static int ins_batch(struct emul_ctx *ctx, u16 port, unsigned int size,
		     u64 count, unsigned int *done)
{
	/* user space may have made the count smaller since it was asked */
	unsigned int want = ctx->batch < count ? ctx->batch : (unsigned int)count;
	u64 la;
	int rc;

	want *= size;
	if (!ctx->batch)
		want = count > ctx->pio_buf_size / size ? ctx->pio_buf_size :
		       (unsigned int)count * size;
	want = straight_run(ctx, EMUL_ES, EMUL_RDI, want, EMUL_ACC_WRITE, &la);
	want -= want % size;
	if (!want)
		return ctx->batch ? EMUL_UNHANDLED : EMUL_OK;
	if (!ctx->batch) {
		want = ctx->ops->ram_write(ctx, la, NULL, want,
					   acc_user(ctx) | EMUL_ACC_WRITE);
		want /= size;
		if (want < 2)
			return EMUL_OK;
		rc = ctx->ops->pio_in(ctx, port, size, want, ctx->pio_buf);
		if (rc == EMUL_IO) {
			ctx->batch = want;
			ctx->io_data = ctx->pio_buf;
			ctx->io_len = want * size;
		}
		if (rc)
			return rc;
	} else {
		want /= size;
		ctx->batch = 0;
	}
	return ins_store(ctx, size, want, la, done);
}

int emul_x_io_string(struct emul_ctx *ctx)
{
	unsigned int fn = ctx->d.op->fn, size = ctx->d.opsize, n = 0, i;
	u16 port = (u16)ctx->regs[EMUL_RDX];
	u64 count;
	int rc;

	if (size > 4)
		size = 4;
	/*
	 * Once: what it has read must not be taken for the device's answer, nor
	 * the other way round, when a later iteration goes on after an exit.
	 */
	if (!ctx->io_allowed) {
		rc = emul_check_io(ctx, port, size);
		if (rc)
			return rc;
		emul_replay_reset(ctx);
		ctx->io_allowed = true;
	}
	touch_registers(ctx);
	for (i = 0; i < MAX_ITERATIONS; i++) {
		count = ctx->d.rep ?
			reg_get(ctx, EMUL_RCX, ctx->d.asize) : 1;
		if (!count)
			return EMUL_OK;
		n = 0;
		if (ctx->batch || (count > 1 && ctx->pio_buf &&
				   may_batch(ctx))) {
			rc = fn == FN_INS ?
			     ins_batch(ctx, port, size, count, &n) :
			     outs_batch(ctx, port, size, count, &n);
			if (rc)
				return rc;
		}
		if (!n) {
			rc = fn == FN_INS ? ins_one(ctx, port, size) :
					    outs_one(ctx, port, size);
			if (rc)
				return rc;
			n = 1;
		} else {
			i = MAX_ITERATIONS;	/* one batch a call */
		}
		commit(ctx, size, n);
		if (n == count)
			return EMUL_OK;
		if (ctx->stop || ctx->hit || ctx->rflags & FL_TF)
			break;
	}
	return yield(ctx);
}
