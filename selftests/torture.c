// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random guests that edit and use their own page tables, in every paging mode,
 * compared with the model of lib/torture*.c. With arguments: a run of its own,
 * see usage().
 */
#include "kvmtest.h"
#include "torture.h"
#include <getopt.h>
#include <time.h>

#define MODES_32	(1 << FMT_NONE | 1 << FMT_32 | 1 << FMT_PAE)
#define MODES_64	(1 << FMT_4L | 1 << FMT_5L)
#define MODES_ALL	(MODES_32 | MODES_64)

KIND_SUITE(torture)

static bool some_rounds(unsigned int kind, u64 modes, bool wild,
			unsigned int rounds, unsigned int ops)
{
	struct tt_options o = {
		.seed = 1, .rounds = rounds, .ops = ops, .modes = modes,
		.wild = wild, .host_ops = true, .kinds = { kind },
		.nr_kinds = 1,
	};

	return tt_rounds(&o);
}

TEST_F(torture, mode_32)
{
	ASSERT_TRUE(some_rounds(variant->kind, 1 << FMT_32, false, 3, 1500));
}

TEST_F(torture, mode_pae)
{
	ASSERT_TRUE(some_rounds(variant->kind, 1 << FMT_PAE, false, 3, 1500));
}

TEST_F(torture, mode_4level)
{
	ASSERT_TRUE(some_rounds(variant->kind, 1 << FMT_4L, false, 4, 2000));
}

TEST_F(torture, mode_5level)
{
	if (!GUEST_HAS_LA57())
		skip_test("no 5-level paging");
	ASSERT_TRUE(some_rounds(variant->kind, 1 << FMT_5L, false, 4, 2000));
}

TEST_F(torture, modes_without_long_mode)
{
	ASSERT_TRUE(some_rounds(variant->kind, MODES_32, false, 3, 1500));
}

TEST_F(torture, all_modes)
{
	ASSERT_TRUE(some_rounds(variant->kind, MODES_ALL, false, 3, 1500));
}

/* Recycled all the time */
TEST_F(torture, few_tables)
{
	struct tt_options o = {
		.seed = 3, .rounds = 3, .ops = 1500, .modes = MODES_ALL,
		.host_ops = true, .tables = 64, .kinds = { variant->kind },
		.nr_kinds = 1,
	};

	if (variant->kind != KVM_MMU_KIND_SHADOW)
		skip_test("no limit of tables");
	ASSERT_TRUE(tt_rounds(&o));
}

/* Both kinds at once, each step on one after the other; flags compared too */
TEST_F(torture, lockstep)
{
	struct tt_options o = {
		.seed = 7, .rounds = 3, .ops = 1500, .modes = MODES_ALL,
		.host_ops = true, .nr_kinds = 2,
		.kinds = { KVM_MMU_KIND_EPT, KVM_MMU_KIND_SHADOW },
	};

	if (variant->kind != KVM_MMU_KIND_SHADOW)
		skip_test("done in the run for shadow tables");
	if (!on_our_module() || !mmu_kind_available(KVM_MMU_KIND_EPT))
		skip_test("not both kinds of MMU here");
	ASSERT_TRUE(tt_rounds(&o));
}

/* No flushes where they are needed: nothing is compared */
TEST_F(torture, stale_translations)
{
	ASSERT_TRUE(some_rounds(variant->kind, MODES_ALL, true, 3, 1500));
}

/* ---- by hand ------------------------------------------------------------------ */

static int usage(void)
{
	fprintf(stderr,
		"usage: torture --seed N [--rounds N] [--ops N] [--time SECONDS]\n"
		"               [--modes MASK] [--kind ept|shadow|both] [--wild]\n"
		"               [--tables N] [--quiet-host] [--shrink] [--verbose]\n"
		"modes: 1 none, 2 32-bit, 4 PAE, 8 4-level, 16 5-level\n");
	return 2;
}

static bool pick_kinds(struct tt_options *o, const char *name)
{
	static const unsigned int all[] = {
		KVM_MMU_KIND_EPT, KVM_MMU_KIND_SHADOW,
	};

	o->nr_kinds = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		if (mmu_kind_available(all[i]) &&
		    (!strcmp(name, "both") ||
		     !strcmp(name, mmu_kind_name(all[i]))))
			o->kinds[o->nr_kinds++] = all[i];
	return o->nr_kinds;
}

static int by_hand(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "ops", required_argument, NULL, 'o' },
		{ "time", required_argument, NULL, 't' },
		{ "modes", required_argument, NULL, 'm' },
		{ "kind", required_argument, NULL, 'k' },
		{ "tables", required_argument, NULL, 'T' },
		{ "wild", no_argument, NULL, 'w' },
		{ "quiet-host", no_argument, NULL, 'q' },
		{ "shrink", no_argument, NULL, 'S' },
		{ "verbose", no_argument, NULL, 'v' },
		{ }
	};
	struct tt_options o = {
		.seed = 1, .rounds = 1, .ops = 1500, .modes = MODES_ALL,
		.host_ops = true,
	};
	const char *kind = "both";
	unsigned int seconds = 0, total = 0;
	time_t begin = time(NULL);
	u64 state;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			o.seed = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			o.rounds = strtoul(optarg, NULL, 0);
			break;
		case 'o':
			o.ops = strtoul(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'm':
			o.modes = strtoul(optarg, NULL, 0);
			break;
		case 'k':
			kind = optarg;
			break;
		case 'T':
			o.tables = strtoul(optarg, NULL, 0);
			break;
		case 'w':
			o.wild = true;
			break;
		case 'q':
			o.host_ops = false;
			break;
		case 'S':
			o.shrink = true;
			break;
		case 'v':
			o.verbose = true;
			break;
		default:
			return usage();
		}
	}
	if (!pick_kinds(&o, kind))
		skip_now("no such kind of MMU");
	state = o.seed * 2 + 1;
	do {
		if (!tt_rounds(&o))
			return 1;
		total += o.rounds;
		o.seed = tt_random(&state);
	} while (time(NULL) - begin < seconds);
	printf("%u rounds of %u ops: no difference\n", total, o.ops);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return by_hand(argc, argv);
	return test_harness_run(argc, argv);
}
