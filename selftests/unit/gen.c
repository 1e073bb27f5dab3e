// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generator of cases: instruction bytes that lean towards what the emulator
 * executes, registers that make operands fall onto test pages and their edges.
 */
#include "fuzz.h"

/* Descriptor: base, limit, access byte, flags (G=8, D/B=4, L=2) */
#define DESC(base, limit, access, flags)				\
	(((u64)(limit) & 0xffff) | ((u64)(base) & 0xffffff) << 16 |	\
	 (u64)(access) << 40 | ((u64)(limit) >> 16 & 15) << 48 |	\
	 (u64)(flags) << 52 | ((u64)(base) >> 24 & 0xff) << 56)

const u64 fuzz_ldt[LDT_ENTRIES] = {
	DESC(0, 0xfffff, 0xfb, 0xd),			/* 0: code, flat */
	DESC(CODE_BASE, 0x1fff, 0xfb, 0x1),		/* 1: code, 16 bits */
	DESC(CODE_BASE, 0x1fff, 0xf9, 0x5),		/* 2: execute-only */
	DESC(0, 0xfffff, 0xf3, 0xd),			/* 3: data, flat */
	DESC(DATA_BASE, 0x5fff, 0xf3, 0x1),		/* 4: data, B = 0 */
	DESC(DATA_BASE, 0x1233, 0xf3, 0x5),		/* 5: short */
	DESC(DATA_BASE, 0x07ff, 0xf7, 0x5),		/* 6: expand-down */
	DESC(DATA_BASE, 0x0fff, 0xf7, 0x1),		/* 7: the same, B = 0 */
	DESC(DATA_BASE, 0x0fff, 0xf1, 0x5),		/* 8: read-only */
	DESC(DATA_BASE, 0xffff, 0xf3, 0x1),		/* 9: 64 KiB, B = 0 */
	DESC(DATA_BASE, 0x5fff, 0x73, 0x5),		/* 10: not present */
	DESC(CODE_BASE, 0x1fff, 0x7f, 0x5),		/* 11: conforming */
	DESC(CODE_BASE, 0x1fff, 0x7b, 0x5),		/* 12: not present */
	DESC(DATA_BASE, 0xfffff, 0xf3, 0xd),		/* 13: wraps */
};

/* What Linux has at 0x23, 0x2b, 0x33; read back from it at start */
u64 fuzz_gdt[16] = {
	[1] = DESC(0, 0xfffff, 0x9b, 0xd),
	[2] = DESC(0, 0xfffff, 0x9b, 0xb),
	[3] = DESC(0, 0xfffff, 0x93, 0xd),
	[8] = DESC(0, 0xffff, 0x8b, 0),
	[10] = DESC(0, 0x7f, 0x82, 0),
	[4] = DESC(0, 0xfffff, 0xfb, 0xd),
	[5] = DESC(0, 0xfffff, 0xf3, 0xd),
	[6] = DESC(0, 0xfffff, 0xfb, 0xb),
};

void fuzz_descriptor(u64 d, struct emul_seg *s)
{
	s->base = (d >> 16 & 0xffffff) | (d >> 56) << 24;
	s->limit = (d & 0xffff) | (d >> 48 & 15) << 16;
	if (d >> 55 & 1)
		s->limit = s->limit << 12 | 0xfff;
	s->ar = (d >> 40 & 0xff) | (d >> 52 & 15) << 12;
}

static void load_seg(struct guest *g, unsigned int seg, u16 sel)
{
	struct emul_seg *s = &g->seg[seg];

	memset(s, 0, sizeof(*s));
	s->sel = sel;
	if (sel < 4)
		s->ar = 0x10000;
	else
		fuzz_descriptor((sel & 4 ? fuzz_ldt : fuzz_gdt)[sel >> 3], s);
}

void fuzz_read_gdt(void)
{
	unsigned int i;

	for (i = 4; i < 16; i++) {
		u32 ar = 0, limit = 0, sel = i * 8 + 3;
		u8 ok;

		asm volatile("lar %2, %0; setz %1" :
			     "+r" (ar), "=q" (ok) : "r" (sel) : "cc");
		if (!ok)
			continue;
		asm volatile("lsl %1, %0" : "+r" (limit) : "r" (sel) : "cc");
		if (ar >> 23 & 1)
			limit >>= 12;
		fuzz_gdt[i] = DESC(0, limit, ar >> 8 & 0xff, ar >> 20 & 15);
	}
}

/* Make the model guest what the case says */
void fuzz_load(struct guest *g, const struct fuzz_case *c)
{
	unsigned int i;

	guest_reset(g, c->code_size == 8 ? EMUL_MODE_LONG : EMUL_MODE_PROT,
		    c->code_size);
	memcpy(g->regs, c->st.regs, sizeof(g->regs));
	g->ctx.rip = c->st.rip;
	g->ctx.rflags = c->st.rflags;
	for (i = 0; i < 6; i++)
		load_seg(g, i, c->st.sel[i]);
	if (c->code_size == 8) {
		g->seg[EMUL_FS].base = c->st.gs_base;
		g->seg[EMUL_GS].base = c->st.gs_base;
	}
	g->efer = 0xd01;
	g->gdt.base = MODEL_GDT;
	g->gdt.limit = sizeof(fuzz_gdt) - 1;
	g->seg[EMUL_LDTR].base = MODEL_LDT;
	g->seg[EMUL_LDTR].limit = sizeof(fuzz_ldt) - 1;
	g->seg[EMUL_LDTR].ar = 0x82;
	g->zone = ZONE_BASE;
	g->zone_end = FRAME_BASE;
}

static u64 target(struct rng *r)
{
	u64 at = DATA_BASE + below(r, DATA_PAGES) * 4096;

	switch (below(r, 4)) {
	case 0:		/* at a page's edge */
		return at - 16 + below(r, 32);
	case 1:
		return at + below(r, 4096);
	default:	/* well inside, aligned */
		return DATA_BASE + (below(r, 1024) & ~1u) * 8 + 0x40;
	}
}

static u16 selector(struct rng *r)
{
	static const u16 gdt[] = {
		0x23, 0x2b, 0x33, 0x7b, 0x20, 0x28, 0, 1, 3, 0x10, 0x1b, 0x43,
		0x50, 0x63, 0x73, 0x83,
	};

	switch (below(r, 8)) {
	case 0:
		return rnd(r);
	case 1: case 2: case 3:
		return gdt[below(r, ARRAY_SIZE(gdt))];
	case 4:
		return below(r, LDT_ENTRIES + 1) * 8 + 4 + below(r, 4);
	default:
		return below(r, LDT_ENTRIES + 1) * 8 + 7;
	}
}

static u64 value(struct rng *r)
{
	static const u64 special[] = {
		0, 1, ~0ULL, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffffULL,
		0x8000000000000000ULL, 0x0000800000000000ULL, 0x100000000ULL,
		0xffff7fffffffffffULL, 0x99, 0x10, 0x0f, 0x20, 0x40,
		0x00007ffffffffff9ULL, 0x00007fffffffffffULL,
	};

	switch (below(r, 7)) {
	case 6:
		return selector(r) | (chance(r, 50) ? rnd(r) << 16 : 0);
	case 0:
		return below(r, 256);
	case 1:
		return (u64)-(s64)below(r, 256);
	case 2:
		return special[below(r, ARRAY_SIZE(special))];
	case 3:
		return target(r);
	default:
		return rnd(r);
	}
}

static unsigned int put_opcode(struct rng *r, const struct fuzz_filter *f,
			       unsigned int code_size, u8 *p)
{
	static const u8 hot38[] = { 0xf0, 0xf1, 0xf6 };
	static const u8 vexop[] = { 0xf2, 0xf3, 0xf5, 0xf6, 0xf7, 0xf0 };
	unsigned int what = below(r, 100), n = 0, op;

	if (f->opcode_len) {
		memcpy(p, f->opcode, f->opcode_len);
		return f->opcode_len;
	}
	if (f->map)
		what = f->map == 1 ? 0 : f->map == 2 ? 60 : f->map == 3 ? 88 :
		       f->map == 4 ? 93 : 98;
	if (what < 52) {
		do {
			op = below(r, 256);
		} while ((op & 0xe7) == 0x26 || (op & 0xfc) == 0x64 ||
			 op == 0xf0 || op == 0xf2 || op == 0xf3 || op == 0x0f);
		p[n++] = op;
	} else if (what < 87) {
		p[n++] = 0x0f;
		p[n++] = below(r, 256);
	} else if (what < 91) {
		p[n++] = 0x0f;
		p[n++] = 0x38;
		p[n++] = chance(r, 80) ? hot38[below(r, 3)] : below(r, 256);
	} else if (what == 91 || what == 92) {
		static const u8 moves[] = {
			0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x28, 0x29, 0x2b,
			0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xe7, 0xf0,
		};

		p[n++] = 0xc5;
		p[n++] = (rnd(r) & 0xfb) | (chance(r, 80) ? 0x78 : 0);
		if (code_size != 8)
			p[n - 1] |= 0xc0;
		p[n++] = moves[below(r, sizeof(moves))];
	} else if (what < 97) {
		op = vexop[below(r, sizeof(vexop))];
		p[n++] = 0xc4;
		p[n++] = (rnd(r) & 0xe0) | (op == 0xf0 ? 3 : 2);
		if (code_size != 8)
			p[n - 1] |= 0xc0;
		p[n++] = (rnd(r) & 0xfb) | (chance(r, 5) ? 4 : 0);
		if (op == 0xf0 && chance(r, 90))
			p[n - 1] |= 0x78;
		p[n++] = op;
	} else {
		p[n++] = below(r, 256);
		p[n++] = below(r, 256);
	}
	return n;
}

static void put_bytes(struct rng *r, const struct fuzz_filter *f,
		      struct fuzz_case *c)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x65 };
	unsigned int n = 0, i;
	bool vex = f->map == 4;
	u8 tail[12];

	if (!vex) {
		if (chance(r, 15))
			c->bytes[n++] = 0x66;
		if (chance(r, 6))
			c->bytes[n++] = 0x67;
		if (chance(r, 8))
			c->bytes[n++] = segs[below(r, sizeof(segs))];
		if (chance(r, 14))
			c->bytes[n++] = 0xf2 + below(r, 2);
		if (chance(r, 6))
			c->bytes[n++] = 0xf0;
		if (chance(r, 1))
			for (i = below(r, 13); n < i; )
				c->bytes[n++] = 0x66;
		if (c->code_size == 8 && chance(r, 45))
			c->bytes[n++] = 0x40 + below(r, 16);
	}
	i = put_opcode(r, f, c->code_size, tail);
	for (; i < sizeof(tail); i++)
		tail[i] = below(r, 256);
	for (i = 0; n < 15 && i < sizeof(tail); i++)
		c->bytes[n++] = tail[i];
	while (n < 15)
		c->bytes[n++] = below(r, 256);
	c->len = 15;
}

static void choose_segments(struct rng *r, struct fuzz_case *c)
{
	static const u16 cs32[] = { 0x23, 0x23, 0x07, 0x17 };
	static const u16 data[] = {
		0x2b, 0x2b, 0x2b, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f,
		0x0f, 0x07, 0x6f, 0x00,
	};
	static const u16 stack[] = {
		0x2b, 0x2b, 0x2b, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x4f, 0x6f,
	};
	u16 *sel = c->st.sel;
	unsigned int i;

	if (c->code_size == 8) {
		for (i = 0; i < 6; i++)
			sel[i] = 0x2b;
		sel[EMUL_CS] = 0x33;
		sel[EMUL_FS] = 0;
		sel[EMUL_GS] = 0;
		return;
	}
	for (i = 0; i < 6; i++)
		sel[i] = data[below(r, ARRAY_SIZE(data))];
	if (chance(r, 50))
		sel[EMUL_DS] = 0x2b, sel[EMUL_ES] = 0x2b;
	sel[EMUL_SS] = stack[below(r, ARRAY_SIZE(stack))];
	sel[EMUL_CS] = c->code_size == 2 ? 0x0f :
		       cs32[below(r, ARRAY_SIZE(cs32))];
}

static u64 seg_target(struct rng *r, const struct guest *g, unsigned int seg,
		      bool is_long)
{
	const struct emul_seg *s = &g->seg[seg];
	u64 t = target(r);

	if (is_long)
		return seg >= EMUL_FS ? t - s->base : t;
	if (s->limit != ~0u && chance(r, 25))	/* around the limit */
		return (u32)(s->limit - 12 + below(r, 20));
	return (u32)(t - s->base);
}

/* Shift a register so that the memory operand lies where it should */
void fuzz_aim(struct rng *r, struct guest *g, struct fuzz_case *c)
{
	struct emul_insn *d = &g->ctx.d;
	bool is_long = c->code_size == 8;
	unsigned int i, reg, start;
	u64 want, delta;

	fuzz_load(g, c);
	memcpy(g->ctx.insn, c->bytes, 15);
	g->ctx.insn_len = 15;
	if (emul_decode(&g->ctx))
		return;
	if (d->has_mem && !d->rip_rel) {
		want = seg_target(r, g, d->seg, is_long);
		delta = want - d->ea;
		start = below(r, 16);
		for (i = 0; i < 16; i++) {
			reg = (start + i) & 15;
			g->regs[reg] += delta;
			if (!is_long)
				g->regs[reg] = (u32)g->regs[reg];
			if (!emul_decode(&g->ctx) &&
			    d->ea == (want & (d->asize == 2 ? 0xffff :
					      d->asize == 4 ? 0xffffffff :
					      ~0ULL)))
				break;
			g->regs[reg] = c->st.regs[reg];
		}
		memcpy(c->st.regs, g->regs, sizeof(g->regs));
	} else if (!d->has_mem && chance(r, 90)) {
		/* implicit operands: strings, XLAT, ENTER */
		c->st.regs[EMUL_RSI] = seg_target(r, g, d->seg == 0xff ?
						  EMUL_DS : d->seg, is_long);
		c->st.regs[EMUL_RDI] = seg_target(r, g, EMUL_ES, is_long);
		if (chance(r, 50))
			c->st.regs[EMUL_RBX] = c->st.regs[EMUL_RSI];
		if (chance(r, 20))
			c->st.regs[EMUL_RBP] = seg_target(r, g, EMUL_SS,
							  is_long);
	}
}

static void poke(struct fuzz_case *c, u64 la, unsigned int size, u64 val)
{
	u64 off = la - DATA_BASE;

	if (off > DATA_PAGES * 4096 - 8 || c->nr_pokes >= ARRAY_SIZE(c->poke))
		return;
	c->poke[c->nr_pokes].off = off;
	c->poke[c->nr_pokes].size = size;
	c->poke[c->nr_pokes++].val = val;
}

/* A code address that may be gone to: inside CS as a rule */
static u64 code_offset(struct rng *r, u16 sel)
{
	if (chance(r, 15))
		return value(r);
	if (sel == 0x0f || sel == 0x17)
		return below(r, 0x2100);
	return CODE_BASE + below(r, 0x2000);
}

/*
 * Far returns and far pointers need selectors in memory that make sense; for
 * the flags of IRET, TF has to be set or the CPU would run away.
 */
static void poke_operands(struct rng *r, struct guest *g, struct fuzz_case *c)
{
	const struct emul_insn *d = &g->ctx.d;
	unsigned int size = d->opsize, n = 0;
	u16 sel = chance(r, 60) ? (chance(r, 40) ? 0x33 : chance(r, 50) ?
				   0x23 : 0x0f) : selector(r);
	u64 la, sp;

	if (d->map == 0 && (d->opcode == 0xcb || d->opcode == 0xca ||
			    d->opcode == 0xcf)) {
		sp = c->st.regs[EMUL_RSP];
		if (c->code_size != 8) {
			if (!(g->seg[EMUL_SS].ar & 0x4000))
				sp &= 0xffff;
			sp = (u32)(sp + g->seg[EMUL_SS].base);
		}
		poke(c, sp + size * n++, size, code_offset(r, sel));
		poke(c, sp + size * n++, size, sel | (chance(r, 20) ?
						      rnd(r) << 16 : 0));
		if (d->opcode == 0xcf)
			poke(c, sp + size * n++, size,
			     (rnd(r) & (chance(r, 80) ? 0x240cd5 : ~0ULL)) |
			     0x102);
		if (d->opcode == 0xca)
			sp += d->imm;
		poke(c, sp + size * n++, size, target(r));
		poke(c, sp + size * n++, size, chance(r, 70) ? 0x2b :
		     selector(r));
	} else if (d->has_mem) {
		la = d->ea;
		if (c->code_size != 8)
			la = (u32)(la + g->seg[d->seg].base);
		else if (d->seg >= EMUL_FS)
			la += g->seg[d->seg].base;
		if (d->map == 0 && d->opcode == 0xff) {
			poke(c, la, size, code_offset(r, sel));
			poke(c, la + size, 2, sel);
		} else if (d->map == 0 && (d->opcode == 0xc4 ||
					   d->opcode == 0xc5)) {
			poke(c, la + size, 2, selector(r));
		} else if (d->map == 1 && d->opcode >= 0xb2 &&
			   d->opcode <= 0xb5) {
			poke(c, la + size, 2, selector(r));
		} else if ((d->map == 1 && d->opcode < 4) ||
			   (d->map == 0 && (d->opcode == 0x8e ||
					    d->opcode == 0x63))) {
			poke(c, la, 2, selector(r));
		}
	} else if ((d->map == 0 && ((d->opcode & 0xe7) == 7)) ||
		   (d->map == 1 && (d->opcode & 0xf7) == 0xa1)) {
		sp = c->st.regs[EMUL_RSP];
		if (c->code_size != 8) {
			if (!(g->seg[EMUL_SS].ar & 0x4000))
				sp &= 0xffff;
			sp = (u32)(sp + g->seg[EMUL_SS].base);
		}
		poke(c, sp, 2, selector(r));
	} else if (d->map == 0 && (d->opcode == 0x9a || d->opcode == 0xea)) {
		unsigned int at = d->length - 2;

		if (chance(r, 85)) {
			c->bytes[at] = sel;
			c->bytes[at + 1] = sel >> 8;
			la = code_offset(r, sel);
			memcpy(c->bytes + at - size, &la, size);
		}
	}
}

void fuzz_fix_regs(struct guest *g, struct fuzz_case *c)
{
	u64 *regs = c->st.regs;
	unsigned int i;

	if (c->code_size == 8)
		return;
	for (i = 0; i < 16; i++)
		regs[i] = (u32)regs[i];
	load_seg(g, EMUL_SS, c->st.sel[EMUL_SS]);
	/* IRETQ leaves the upper half: make it what it is there */
	if (!(g->seg[EMUL_SS].ar & 0x4000))
		regs[EMUL_RSP] = (regs[EMUL_RSP] & 0xffff) |
				 (FRAME_BASE & 0xffff0000);
}

void fuzz_generate(struct rng *r, const struct fuzz_filter *f,
		   struct guest *g, struct fuzz_case *c)
{
	struct native_state *st = &c->st;
	unsigned int i, what = below(r, 100);
	u64 at;

	c->code_size = f->code_size ? (unsigned int)f->code_size :
		       what < 60 ? 8 : what < 84 ? 4 : 2;
	put_bytes(r, f, c);
	choose_segments(r, c);
	for (i = 0; i < 16; i++) {
		st->regs[i] = value(r);
		if (c->code_size != 8)
			st->regs[i] = (u32)st->regs[i];
	}
	st->gs_base = DATA_BASE + below(r, 4096);
	st->rflags = 0x302 | (rnd(r) & 0xcd5);
	if (chance(r, 5))
		st->rflags |= 0x40000;		/* AC */
	if (chance(r, 2))
		st->rflags |= 0x4000;		/* NT */

	/* mostly inside the first page; sometimes at an edge */
	at = CODE_BASE + 0x100 + below(r, 0xe00);
	if (chance(r, 4))
		at = CODE_BASE + 0x1000 - 1 - below(r, 14);
	else if (chance(r, 2))
		at = CODE_BASE + 0x2000 - 1 - below(r, 14);
	fuzz_load(g, c);
	st->rip = at - g->seg[EMUL_CS].base;
	st->regs[EMUL_RSP] = seg_target(r, g, EMUL_SS, c->code_size == 8);
	if (chance(r, 85))
		st->regs[EMUL_RSP] &= ~7ULL;
	fuzz_fix_regs(g, c);
	if (chance(r, 60))
		st->regs[EMUL_RCX] = below(r, 70);
	fuzz_aim(r, g, c);
	fuzz_fix_regs(g, c);
	c->nr_pokes = 0;
	fuzz_load(g, c);
	memcpy(g->ctx.insn, c->bytes, 15);
	g->ctx.insn_len = 15;
	if (!emul_decode(&g->ctx))
		poke_operands(r, g, c);
	memset(st->vec, 0, sizeof(st->vec));
}
