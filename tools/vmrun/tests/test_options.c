// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "array.h"
#include "kvm_ext.h"
#include "options.h"
#include "report.h"
#include "tap.h"

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t size;	/* 0: refused */
	} cases[] = {
		{ "256", 256ull << 20 }, { "1K", 1024 }, { "64m", 64ull << 20 },
		{ "3G", 3ull << 30 }, { "2T", 2ull << 40 }, { "", 0 },
		{ "M", 0 }, { "-1", 0 }, { "+1", 0 }, { " 1", 0 }, { "1Q", 0 },
		{ "1MB", 0 }, { "0x10", 0 }, { "17592186044416", 0 },
		{ "16777216T", 0 }, { "99999999999999999999", 0 },
	};
	uint64_t size;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(parse_size(cases[i].text, &size), cases[i].size != 0);
		if (cases[i].size)
			CHECK_EQ(size, cases[i].size);
	}
}

static void numbers(void)
{
	uint64_t n;

	CHECK(parse_number("10", 1, 10, &n) && n == 10);
	CHECK(parse_number("0x1f", 0, 100, &n) && n == 31);
	CHECK(parse_number("010", 0, 100, &n) && n == 10);
	CHECK(!parse_number("11", 1, 10, &n));
	CHECK(!parse_number("0", 1, 10, &n));
	CHECK(!parse_number("", 0, 10, &n));
	CHECK(!parse_number("-1", 0, UINT64_MAX, &n));
	CHECK(!parse_number("1x", 0, 10, &n));
	CHECK(!parse_number("99999999999999999999999", 0, UINT64_MAX, &n));
}

static int count(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return argc;
}

static void good_command_line(void)
{
	char *argv[32] = { "vmrun", "--kernel", "k", "-i", "i", "--append=x y",
		"--mem", "4G", "--cpus", "8", "--mmu", "shadow", "--device",
		"/d", "--stats=json", "--timeout", "9", "--format", "flat64",
		"--load", "0x200000", "--irqchip", "none" };
	struct options options;

	options_parse(&options, count(argv), argv);
	CHECK(!strcmp(options.kernel, "k"));
	CHECK(!strcmp(options.initrd, "i"));
	CHECK(!strcmp(options.append, "x y"));
	CHECK(!strcmp(options.device, "/d"));
	CHECK_EQ(options.memory, 4ull << 30);
	CHECK_EQ(options.cpus, 8);
	CHECK_EQ(options.mmu_kind, KVM_MMU_KIND_SHADOW);
	CHECK_EQ(options.stats, STATS_JSON);
	CHECK_EQ(options.timeout, 9);
	CHECK_EQ(options.format, FORMAT_FLAT64);
	CHECK_EQ(options.load, 0x200000);
	CHECK(!options.irqchip);
}

static void parse(void *arg)
{
	struct options options;

	options_parse(&options, count(arg), arg);
}

static void bad_command_lines(void)
{
	char *cases[][6] = {
		{ "vmrun" },
		{ "vmrun", "-k", "k", "--mem", "0" },
		{ "vmrun", "-k", "k", "--mem", "4097K" },
		{ "vmrun", "-k", "k", "--mem", "65T" },
		{ "vmrun", "-k", "k", "--cpus", "0" },
		{ "vmrun", "-k", "k", "--cpus", "255" },
		{ "vmrun", "-k", "k", "--mmu", "nested" },
		{ "vmrun", "-k", "k", "--stats=xml" },
		{ "vmrun", "-k", "k", "--stats=none" },
		{ "vmrun", "--restore", "r", "--kernel", "k" },
		{ "vmrun", "--restore", "r", "--mem", "1G" },
		{ "vmrun", "--restore", "r", "--cpus", "2" },
		{ "vmrun", "--restore", "r", "--irqchip", "none" },
		{ "vmrun", "--restore", "r", "--append", "a" },
		{ "vmrun", "-k", "k", "--format", "elf" },
		{ "vmrun", "-k", "k", "--load", "1" },
		{ "vmrun", "-k", "k", "--expect", "" },
		{ "vmrun", "-k", "k", "--nonsense" },
		{ "vmrun", "-k", "k", "surplus" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(status_of(parse, cases[i]), EXIT_USAGE);
}

static void restored(void)
{
	char *argv[8] = { "vmrun", "--restore", "r", "--mmu", "shadow",
		"--stats" };
	struct options options;

	options_parse(&options, count(argv), argv);
	CHECK(!strcmp(options.restore, "r"));
	CHECK_EQ(options.mmu_kind, KVM_MMU_KIND_SHADOW);
	CHECK_EQ(options.stats, STATS_TEXT);
}

static void help(void)
{
	char *help_argv[3] = { "vmrun", "--help" };
	char *version_argv[3] = { "vmrun", "--version" };

	CHECK_EQ(status_of(parse, help_argv), 0);
	CHECK_EQ(status_of(parse, version_argv), 0);
}

const struct test options_tests[] = {
	{ "options: sizes", sizes },
	{ "options: numbers", numbers },
	{ "options: a full command line", good_command_line },
	{ "options: what goes with --restore", restored },
	{ "options: bad command lines", bad_command_lines },
	{ "options: help and version", help },
	{ NULL, NULL },
};
