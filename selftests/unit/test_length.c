// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lengths of random instructions, compared with Zydis.
 *
 * Three kinds of difference exist: both decode and the lengths differ (always
 * an error); Zydis decodes and we say #UD; we execute what Zydis does not
 * know. The latter two are errors unless explained[] has them. What we only
 * decode may be unknown to Zydis.
 */
#include <stdlib.h>
#include <string.h>
#include <Zydis/Zydis.h>
#include "../../emulate/internal.h"
#include "guest.h"
#include "tap.h"

/*
 * Differences that are not mistakes, by the instruction-set extension that
 * Zydis names, or "" where it does not know the instruction.
 */
static const struct {
	const char *isa;	/* beginning of the extension's name */
	int map, opcode;	/* of ours; -1: any */
	const char *why;
} explained[] = {
#include "length_explained.h"
};

static u64 seed = 1;

static u64 rnd(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static struct guest g;

static bool is_explained(const char *isa)
{
	const struct emul_insn *d = &g.ctx.d;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(explained); i++) {
		const char *want = explained[i].isa;

		if (*want ? strncmp(isa, want, strlen(want)) : *isa)
			continue;
		if (explained[i].map < 0 || (explained[i].map == d->map &&
					     explained[i].opcode == d->opcode))
			return true;
	}
	return false;
}

static void random_bytes(u8 *p)
{
	static const u8 prefixes[] = {
		0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x64, 0x48, 0x41, 0xf0,
	};
	u64 r = rnd(), a = rnd(), b = rnd();
	unsigned int n = 0;

	memcpy(p, &a, 8);
	memcpy(p + 8, &b, 8);
	/* half of them with a prefix or two, a third in the 0F maps */
	for (; r & 1 && n < 4; r >>= 5)
		p[n++] = prefixes[(r >> 1 & 15) % sizeof(prefixes)];
	r = rnd();
	if (r % 3 == 0) {
		p[n++] = 0x0f;
		if (r % 4 == 0)
			p[n++] = r & 64 ? 0x38 : 0x3a;
	} else if (r % 8 == 1) {
		p[n++] = r & 64 ? 0xc4 : r & 128 ? 0xc5 : 0x62;
	}
}

static const char *const mode_names[] = { "16-bit", "32-bit", "64-bit" };

static unsigned int one_mode(unsigned int nr, u64 count)
{
	static const ZydisMachineMode modes[] = {
		ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32,
		ZYDIS_MACHINE_MODE_LONG_64,
	};
	static const ZydisStackWidth widths[] = {
		ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32,
		ZYDIS_STACK_WIDTH_64,
	};
	static u32 reported[3][ZYDIS_MNEMONIC_MAX_VALUE + 1];
	unsigned int bad = 0, size = nr == 2 ? 8 : nr == 1 ? 4 : 2;
	u64 i, equal = 0, refused = 0, only_ours = 0, only_zydis = 0, expl = 0;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	struct emul_ctx *ctx = &g.ctx;
	ZydisDecoder dec;

	ZydisDecoderInit(&dec, modes[nr], widths[nr]);
	guest_reset(&g, nr == 2 ? EMUL_MODE_LONG : EMUL_MODE_PROT, size);
	ctx->cpl = 0;
	for (i = 0; i < count; i++) {
		u8 bytes[16];
		ZyanStatus st;
		const char *what, *isa = "";
		int rc, zl;

		random_bytes(bytes);
		memcpy(ctx->insn, bytes, 15);
		ctx->insn_len = 15;
		rc = emul_decode(ctx);
		st = ZydisDecoderDecodeFull(&dec, bytes, 15, &z, ops);
		zl = ZYAN_SUCCESS(st) ? z.length : 0;
		if (zl && !rc && zl == ctx->d.length) {
			equal++;
			continue;
		}
		if (!zl && rc) {
			refused++;
			continue;
		}
		if (zl)
			isa = ZydisISASetGetString(z.meta.isa_set);
		if (!zl) {
			only_ours++;
			if (ctx->d.op->attr & A_NOX || ctx->d.vex)
				continue;
			what = "we execute what Zydis does not know";
			z.mnemonic = 0;
		} else if (rc) {
			only_zydis++;
			what = ctx->fault.vector == 6 ? "we say #UD" :
							"we say #GP";
		} else {
			what = "lengths differ";
		}
		if (is_explained(isa)) {
			expl++;
			continue;
		}
		bad++;
		if (reported[nr][z.mnemonic]++ < 2) {
			unsigned int j;

			printf("# %s ", mode_names[nr]);
			for (j = 0; j < 15; j++)
				printf("%02x", bytes[j]);
			printf(" %s: ours %u, Zydis %d %s %s\n", what,
			       ctx->d.length, zl, isa,
			       zl ? ZydisMnemonicGetString(z.mnemonic) : "");
		}
	}
	printf("# %s: %llu equal, %llu refused by both, %llu known to us alone, ",
	       mode_names[nr], equal, refused, only_ours);
	printf("%llu to Zydis alone, %llu explained\n", only_zydis, expl);
	return bad;
}

int main(int argc, char **argv)
{
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	unsigned int i, bad;

	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	for (i = 0; i < 3; i++) {
		bad = one_mode(i, count);
		tap_result(!bad, "%s lengths of %llu byte strings", mode_names[i],
			   count);
	}
	return tap_end();
}
