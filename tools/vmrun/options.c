// SPDX-License-Identifier: GPL-2.0-only
/* The options, as argp parses them and --help shows them. */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "kvm_ext.h"
#include "options.h"
#include "report.h"

#define MAX_CPUS 254		/* 8-bit APIC ids; 255 is broadcast */
#define PAGE_MASK 0xfffull

const char *argp_program_version = "vmrun 1";

static const char doc[] =
	"Boots a guest on /dev/kvm, with its serial port on the terminal.\n"
	"\vCtrl-A x quits, Ctrl-A h lists the keys.\n\n"
	"Exit status:\n"
	"  0     the guest powered off\n"
	"  1-63  the guest wrote this to the debug-exit port, 0xf4\n"
	"  64    bad usage\n"
	"  65    the kernel or initrd is not usable\n"
	"  71    the host refused something\n"
	"  80    the guest rebooted\n"
	"  81    the guest shut down by a triple fault\n"
	"  82    internal error: KVM could not go on\n"
	"  83    the CPU refused the guest's state\n"
	"  84    the guest halted for good\n"
	"  85    the guest reported that it crashed\n"
	"  86    --timeout reached\n"
	"  87    quit from the keyboard\n"
	"  88    powered off without the --expect text\n"
	"  89    saved with --save\n"
	"  128+N ended by signal N";

enum {
	KEY_MMU = 0x100, KEY_DEVICE, KEY_STATS, KEY_STATS_FILE, KEY_TIMEOUT,
	KEY_FORMAT, KEY_LOAD, KEY_IRQCHIP, KEY_EXPECT, KEY_SAVE,
	KEY_RESTORE,
};

static const struct argp_option table[] = {
	{ NULL, 0, NULL, 0, "What to boot:", 1 },
	{ "kernel", 'k', "FILE", 0,
	  "Linux bzImage, Multiboot image or flat binary", 0 },
	{ "initrd", 'i', "FILE", 0, "initial RAM disk, or Multiboot module",
	  0 },
	{ "append", 'a', "STRING", 0, "kernel command line", 0 },
	{ "format", KEY_FORMAT, "FORMAT", 0,
	  "auto (default), linux, multiboot, flat16, flat32 or flat64", 0 },
	{ "load", KEY_LOAD, "ADDRESS", 0,
	  "where a flat binary goes (default 0x7c00 or 0x100000)", 0 },
	{ "restore", KEY_RESTORE, "FILE", 0,
	  "go on with the guest that --save wrote, with its memory and CPUs", 0 },
	{ NULL, 0, NULL, 0, "The machine:", 2 },
	{ "mem", 'm', "SIZE", 0,
	  "memory, in MiB or with K, M, G, T (default 256M)", 0 },
	{ "cpus", 'c', "N", 0, "virtual CPUs (default 1)", 0 },
	{ "mmu", KEY_MMU, "KIND", 0, "auto (default), ept or shadow", 0 },
	{ "irqchip", KEY_IRQCHIP, "WHERE", 0,
	  "kernel (default), or none: no interrupt controllers, no timer", 0 },
	{ "device", KEY_DEVICE, "PATH", 0, "KVM device (default /dev/kvm)",
	  0 },
	{ NULL, 0, NULL, 0, "The run:", 3 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "end the guest after so long",
	  0 },
	{ "save", KEY_SAVE, "FILE", 0,
	  "save the guest to FILE when the time is over, or at SIGUSR2", 0 },
	{ "expect", KEY_EXPECT, "TEXT", 0,
	  "fail unless TEXT appears on the console before a good end", 0 },
	{ "stats", KEY_STATS, "FORMAT", OPTION_ARG_OPTIONAL,
	  "show KVM's statistics at the end, as text (default) or json", 0 },
	{ "stats-file", KEY_STATS_FILE, "FILE", 0,
	  "write them to FILE instead of standard error", 0 },
	{ "verbose", 'v', NULL, 0, "tell more about what goes on", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

bool parse_number(const char *text, uint64_t min, uint64_t max,
		  uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, strncasecmp(text, "0x", 2) ? 10 : 16);
	return !errno && !*end && *number >= min && *number <= max;
}

bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift = 20;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*size = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return false;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (*size > UINT64_MAX >> shift)
		return false;
	*size <<= shift;
	return true;
}

/* Index of @word in the NULL-ended @words, or a usage error. */
static unsigned int choice(struct argp_state *state, const char *option,
			   const char *word, const char * const *words)
{
	char known[128] = "";
	unsigned int i;

	for (i = 0; words[i]; i++) {
		if (!strcmp(word, words[i]))
			return i;
		if (i)
			strcat(known, ", ");
		strcat(known, words[i]);
	}
	argp_error(state, "--%s: '%s' is none of %s", option, word, known);
	return 0;
}

static uint64_t number_in(struct argp_state *state, const char *option,
			  const char *text, uint64_t min, uint64_t max)
{
	uint64_t value = 0;

	if (!parse_number(text, min, max, &value))
		argp_error(state, "--%s: '%s' is not between %llu and %llu",
			   option, text, (unsigned long long)min,
			   (unsigned long long)max);
	return value;
}

static void set_memory(struct argp_state *state, struct options *options,
		       const char *text)
{
	if (!parse_size(text, &options->memory) ||
	    options->memory & PAGE_MASK || options->memory < MEMORY_MIN ||
	    options->memory > MEMORY_MAX)
		argp_error(state, "--mem: '%s' is not a size from 1M to 64T in whole pages",
			   text);
}

static error_t parse_machine(int key, char *arg, struct argp_state *state)
{
	static const char * const kinds[] = {
		[KVM_MMU_KIND_AUTO] = "auto",
		[KVM_MMU_KIND_SHADOW] = "shadow",
		[KVM_MMU_KIND_EPT] = "ept",
		NULL,
	};
	static const char * const irqchips[] = { "none", "kernel", NULL };
	struct options *options = state->input;

	switch (key) {
	case 'm':
		set_memory(state, options, arg);
		return 0;
	case 'c':
		options->cpus = (unsigned int)number_in(state, "cpus", arg, 1,
						     MAX_CPUS);
		return 0;
	case KEY_MMU:
		options->mmu_kind = choice(state, "mmu", arg, kinds);
		return 0;
	case KEY_IRQCHIP:
		options->irqchip = choice(state, "irqchip", arg, irqchips);
		return 0;
	case KEY_DEVICE:
		options->device = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	static const char * const formats[] = { "text", "json", NULL };
	struct options *options = state->input;

	switch (key) {
	case KEY_TIMEOUT:
		options->timeout = (unsigned int)number_in(state, "timeout", arg,
							1, 1000000);
		return 0;
	case KEY_EXPECT:
		if (!*arg || strlen(arg) > EXPECT_MAX)
			argp_error(state, "--expect: 1 to %d characters",
				   EXPECT_MAX);
		options->expect = arg;
		return 0;
	case KEY_STATS:
		options->stats = STATS_TEXT;
		if (arg)
			options->stats += choice(state, "stats", arg, formats);
		return 0;
	case KEY_SAVE:
		options->save = arg;
		return 0;
	case KEY_STATS_FILE:
		options->stats_file = arg;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	}
	return parse_machine(key, arg, state);
}

/* The option's name, if it is about what --restore takes from the file */
static const char *in_snapshot(int key)
{
	switch (key) {
	case 'k':
		return "kernel";
	case 'i':
		return "initrd";
	case 'a':
		return "append";
	case 'm':
		return "mem";
	case 'c':
		return "cpus";
	case KEY_IRQCHIP:
		return "irqchip";
	case KEY_FORMAT:
		return "format";
	case KEY_LOAD:
		return "load";
	}
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char * const formats[] = {
		[FORMAT_AUTO] = "auto", [FORMAT_LINUX] = "linux",
		[FORMAT_MULTIBOOT] = "multiboot", [FORMAT_FLAT16] = "flat16",
		[FORMAT_FLAT32] = "flat32", [FORMAT_FLAT64] = "flat64", NULL };
	struct options *options = state->input;

	if (in_snapshot(key))
		options->fresh = in_snapshot(key);
	switch (key) {
	case 'k':
		options->kernel = arg;
		return 0;
	case KEY_RESTORE:
		options->restore = arg;
		return 0;
	case 'i':
		options->initrd = arg;
		return 0;
	case 'a':
		options->append = arg;
		return 0;
	case KEY_FORMAT:
		options->format = choice(state, "format", arg, formats);
		return 0;
	case KEY_LOAD:
		options->load = number_in(state, "load", arg, 0x500, 0xffffffff);
		return 0;
	case ARGP_KEY_END:
		if (!options->kernel && !options->restore)
			argp_error(state, "--kernel is missing");
		if (options->restore && options->fresh)
			argp_error(state, "--restore brings all of that: not with --%s",
				   options->fresh);
		return 0;
	}
	return parse_run(key, arg, state);
}

void options_parse(struct options *options, int argc, char **argv)
{
	static const struct argp argp = {
		.options = table, .parser = parse, .doc = doc,
	};

	*options = (struct options){
		.append = "", .device = "/dev/kvm", .memory = 256ull << 20,
		.cpus = 1, .mmu_kind = KVM_MMU_KIND_AUTO, .irqchip = true,
	};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, options);
	if (options->stats_file && !options->stats)
		options->stats = STATS_TEXT;
}
