/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line.
 */
#ifndef VMRUN_OPTIONS_H
#define VMRUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "boot.h"
#include "stats.h"

struct options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *device;
	const char *expect;
	const char *stats_file;
	const char *save, *restore;
	const char *fresh;	/* an option that --restore does not go with */
	enum boot_format format;
	enum stats_format stats;
	uint64_t load;
	uint64_t memory;
	unsigned int cpus;
	unsigned int timeout;	/* seconds, 0 for none */
	unsigned long mmu_kind;
	bool irqchip;
	bool verbose;
};

/* Exits with EXIT_USAGE, or 0 after --help and --version. */
void options_parse(struct options *options, int argc, char **argv);

/*
 * A number of bytes with K, M, G or T after it, else in MiB. Returns whether
 * @text is one that fits.
 */
bool parse_size(const char *text, uint64_t *size);

/* An unsigned number between @min and @max, decimal or with 0x. */
bool parse_number(const char *text, uint64_t min, uint64_t max,
		  uint64_t *number);

#endif
