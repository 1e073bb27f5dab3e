// SPDX-License-Identifier: GPL-2.0-only
/*
 * The short form of plain moves against the emulator: the same bytes, and
 * either "not a plain move" or the same access and the same registers.
 */
#include <stdlib.h>
#include "../../emulate/mov.h"
#include "fuzz.h"
#include "tap.h"

/* What the emulator did to memory; at a page's edge in two steps */
static struct {
	u64 la;
	u8 data[8];
	unsigned int len;
	bool reads, writes, odd;
} seen;

static struct guest g;
static struct emul_ops ops;
static u64 device;		/* what a load finds */
static u64 mask;		/* of a linear address */

static u8 *see(u64 la, unsigned int len)
{
	u8 *data = seen.data + seen.len;

	if (!seen.len)
		seen.la = la;
	if (la != ((seen.la + seen.len) & mask) || seen.len + len > sizeof(seen.data)) {
		seen.odd = true;
		return NULL;
	}
	seen.len += len;
	return data;
}

static int any_read(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		    unsigned int access)
{
	u8 *data = see(la, len);

	seen.reads = true;
	if (!data)
		return EMUL_UNHANDLED;
	memcpy(buf, (u8 *)&device + (data - seen.data), len);
	return EMUL_OK;
}

static int any_write(struct emul_ctx *ctx, u64 la, const void *buf,
		     unsigned int len, unsigned int access)
{
	u8 *data = see(la, len);

	seen.writes = true;
	if (!data)
		return EMUL_UNHANDLED;
	memcpy(data, buf, len);
	return EMUL_OK;
}

static int any_probe(struct emul_ctx *ctx, u64 la, unsigned int len,
		     unsigned int access)
{
	return EMUL_OK;
}

static void load(unsigned int code_size, const u8 *insn, u64 rip,
		 const u64 *regs)
{
	guest_reset(&g, code_size == 8 ? EMUL_MODE_LONG : EMUL_MODE_PROT,
		    code_size);
	ops = guest_ops;
	ops.read = any_read;
	ops.write = any_write;
	ops.probe = any_probe;
	g.ctx.ops = &ops;
	g.ctx.rip = rip;
	g.ctx.rflags = 2;
	memcpy(g.ctx.insn, insn, EMUL_MAX_INSN);
	g.ctx.insn_len = EMUL_MAX_INSN;
	memcpy(g.regs, regs, sizeof(g.regs));
	memset(&seen, 0, sizeof(seen));
}

/* 0: not a plain move. 1: the same. -1: they differ. */
static int compare(unsigned int code_size, const u8 *insn, u64 rip,
		   const u64 *start)
{
	u64 regs[16], val = 0, did, la;
	struct emul_mov m;
	int rc;

	mask = code_size == 8 ? ~0ULL : 0xffffffff;
	memset(&m, 0xa5, sizeof(m));
	if (!emul_mov_decode(insn, code_size, &m))
		return 0;
	load(code_size, insn, rip, start);
	rc = emul_run(&g.ctx);
	if (rc == EMUL_FAULT && code_size == 8 && !seen.len &&
	    g.ctx.fault.vector != 6)
		return 1;	/* not canonical: nobody gets to the access */
	if (rc != EMUL_OK || seen.odd || g.ctx.rflags != 2 ||
	    seen.reads != !m.store || seen.writes != m.store)
		return -1;
	memcpy(regs, start, sizeof(regs));
	la = emul_mov_address(&m, regs, rip);
	if (m.store)
		val = emul_mov_value(&m, regs);
	else
		emul_mov_load(&m, regs, device);
	memcpy(&did, seen.data, sizeof(did));
	if (val != did || m.size != seen.len || la != seen.la ||
	    m.seg != g.ctx.d.seg || m.length != g.ctx.d.length ||
	    ((rip + m.length) & mask) != g.ctx.rip ||
	    memcmp(regs, g.regs, sizeof(regs)))
		return -1;
	return 1;
}

static void random_insn(struct rng *r, unsigned int code_size, u8 *p)
{
	static const u8 hot[] = {
		0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xc6, 0xc7,
		0x63, 0x0f, 0x0f, 0x0f, 0x0f,
	};
	static const u8 hot0f[] = { 0xb6, 0xb7, 0xbe, 0xbf };
	static const u8 rare[] = {
		0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
	};
	unsigned int n = 0, i;

	for (i = 0; i < EMUL_MOV_BYTES; i++)
		p[i] = below(r, 256);
	if (chance(r, 4))
		return;
	if (chance(r, 4))
		p[n++] = rare[below(r, sizeof(rare))];
	if (chance(r, 25))
		p[n++] = 0x66;
	if (chance(r, 2))
		p[n++] = rare[below(r, sizeof(rare))];
	if (code_size == 8 && chance(r, 50))
		p[n++] = 0x40 | below(r, 16);
	if (chance(r, 1))
		p[n++] = 0x66;
	if (chance(r, 5))
		return;
	p[n] = hot[below(r, sizeof(hot))];
	if (p[n++] == 0x0f && chance(r, 90))
		p[n++] = hot0f[below(r, sizeof(hot0f))];
	if (p[n - 1] >= 0xc6 && p[n - 1] <= 0xc7 && chance(r, 80))
		p[n] &= 0xc7;		/* /0 */
}

static void fuzz(unsigned int code_size, unsigned int count)
{
	unsigned int i, j, plain = 0, differ = 0;
	struct rng r = { code_size };
	u8 insn[EMUL_MOV_BYTES];
	u64 regs[16], rip;
	int rc;

	for (i = 0; i < count; i++) {
		random_insn(&r, code_size, insn);
		for (j = 0; j < 16; j++) {
			regs[j] = rnd(&r) >> below(&r, 64);
			if (code_size == 4)
				regs[j] = (u32)regs[j];
		}
		rip = rnd(&r) >> (code_size == 4 ? 32 : 17);
		device = rnd(&r);
		rc = compare(code_size, insn, rip, regs);
		plain += rc != 0;
		if (rc >= 0)
			continue;
		if (differ++ > 10)
			break;
		printf("#");
		for (j = 0; j < EMUL_MOV_BYTES; j++)
			printf(" %02x", insn[j]);
		printf("\n");
	}
	tap_result(!differ, "%u bits: %u plain moves among %u instructions",
		   code_size * 8, plain, i);
	tap_result(plain > count / 4, "%u bits: many of them are plain",
		   code_size * 8);
}

/* What has to be recognised, and what must not be */
static void known(void)
{
	static const struct {
		const char *hex;
		u8 code_size;
		bool plain;
	} list[] = {
		{ "8907", 8, true }, { "8b07", 8, true }, { "488907", 8, true },
		{ "8807", 8, true }, { "668907", 8, true },
		{ "418b448808", 8, true }, { "898700010000", 8, true },
		{ "c70744332211", 8, true }, { "c60711", 8, true },
		{ "0fb607", 8, true }, { "480fbf07", 8, true },
		{ "486307", 8, true }, { "890500100000", 8, true },
		{ "890425000000fe", 8, true }, { "a3000000fe", 4, true },
		{ "8905000000fe", 4, true }, { "8a6701", 4, true },
		/* RSP, registers, prefixes, other instructions */
		{ "890424", 8, false }, { "8927", 8, false },
		{ "89c7", 8, false }, { "f0890f", 8, false },
		{ "658907", 8, false }, { "678907", 8, false },
		{ "f38907", 8, false }, { "48668907", 8, false },
		{ "c70f44332211", 8, false }, { "8707", 8, false },
		{ "0107", 8, false }, { "ab", 8, false }, { "6307", 4, false },
		{ "0fc307", 8, false },
	};
	struct emul_mov m;
	unsigned int i, j, byte;
	bool plain;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		u8 insn[EMUL_MOV_BYTES] = { 0 };

		for (j = 0; sscanf(list[i].hex + 2 * j, "%2x", &byte) == 1;
		     j++)
			insn[j] = byte;
		plain = emul_mov_decode(insn, list[i].code_size, &m);
		tap_result(plain == list[i].plain &&
			   (!plain || m.length == j), "%u bits: %s is %s",
			   list[i].code_size * 8, list[i].hex,
			   list[i].plain ? "plain" : "not plain");
	}
}

int main(int argc, char **argv)
{
	unsigned int count = argc > 1 ? atoi(argv[1]) : 1000000;

	known();
	fuzz(8, count);
	fuzz(4, count);
	return tap_end();
}
