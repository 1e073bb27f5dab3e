// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coverage guidance of the differential fuzzer.
 *
 * The emulator's objects are compiled with -fsanitize-coverage=trace-pc for it:
 * each of their basic blocks calls __sanitizer_cov_trace_pc().
 */
#include "guide.h"

struct guide *guide;

static bool tracing, found;
static u32 last, salt;

void __sanitizer_cov_trace_pc(void);
extern char __executable_start;

/* An edge is two basic blocks, one after the other */
void __sanitizer_cov_trace_pc(void)
{
	u32 at, edge;

	if (!tracing)
		return;
	at = (u32)((char *)__builtin_return_address(0) - &__executable_start);
	edge = (at * 0x9e3779b1u ^ last * 0x85ebca6bu ^ salt) >> 16;
	last = at;
	if (guide->seen[edge])
		return;
	guide->seen[edge] = 1;
	guide->edges++;
	found = true;
}

void guide_begin(unsigned int mode)
{
	last = 0;
	salt = mode * 0xc2b2ae35u;
	found = false;
	tracing = true;
}

void guide_keep(const struct fuzz_case *c)
{
	if (guide->nr < GUIDE_CASES)
		guide->kept[guide->nr++] = *c;
}

void guide_end(const struct fuzz_case *c)
{
	tracing = false;
	if (found)
		guide_keep(c);
}

/* ---- mutation -------------------------------------------------------------- */

static void change_bytes(struct rng *r, struct fuzz_case *c)
{
	static const u8 prefixes[] = {
		0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x64, 0x65, 0x48,
	};
	unsigned int at = below(r, 8), n = sizeof(c->bytes) - 1;

	switch (below(r, 5)) {
	case 0:		/* one bit, near the beginning as a rule */
		c->bytes[at] ^= 1u << below(r, 8);
		break;
	case 1:
		c->bytes[below(r, c->len)] = rnd(r);
		break;
	case 2:		/* one more prefix */
		memmove(c->bytes + 1, c->bytes, n - 1);
		c->bytes[0] = prefixes[below(r, sizeof(prefixes))];
		break;
	case 3:		/* one byte less */
		memmove(c->bytes + at, c->bytes + at + 1, n - at - 1);
		break;
	default:	/* ModRM of the other kind */
		c->bytes[at] ^= 0xc0;
		break;
	}
}

static void change_state(struct rng *r, struct fuzz_case *c)
{
	/* arithmetic, DF, NT, AC and ID: what a process may have */
	static const u32 flags[] = {
		1, 4, 0x10, 0x40, 0x80, 0x800, 0x400, 0x4000, 0x40000, 0x200000,
	};
	u64 *reg = &c->st.regs[below(r, 16)];

	switch (below(r, 4)) {
	case 0:
		*reg += (u64)(s64)((int)below(r, 33) - 16);
		break;
	case 1:
		*reg ^= 1ULL << below(r, c->code_size == 8 ? 64 : 32);
		break;
	case 2:
		*reg = c->st.regs[below(r, 16)];
		break;
	default:
		c->st.rflags ^= flags[below(r, ARRAY_SIZE(flags))];
		break;
	}
}

bool guide_mutate(struct rng *r, struct guest *g, struct fuzz_case *c)
{
	const struct fuzz_case *other;
	unsigned int n;

	if (!guide->nr)
		return false;
	*c = guide->kept[below(r, guide->nr)];
	for (n = 1 + below(r, 4); n; n--) {
		switch (below(r, 8)) {
		case 0: case 1: case 2:
			change_bytes(r, c);
			break;
		case 3: case 4: case 5:
			change_state(r, c);
			break;
		case 6:		/* one instruction in the state of another */
			other = &guide->kept[below(r, guide->nr)];
			if (other->code_size == c->code_size)
				memcpy(c->bytes, other->bytes, sizeof(c->bytes));
			break;
		default:
			fuzz_aim(r, g, c);
			break;
		}
	}
	fuzz_fix_regs(g, c);
	guide->mutated++;
	return true;
}
