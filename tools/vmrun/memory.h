/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory, and the map of it that the guest gets.
 */
#ifndef VMRUN_MEMORY_H
#define VMRUN_MEMORY_H

#include <asm/bootparam.h>
#include <stddef.h>
#include <stdint.h>

struct memory_range {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
};

struct memory {
	struct memory_range ranges[2];	/* below and above the hole */
	size_t count;
	uint64_t size;
};

#define MEMORY_MIN (1ull << 20)
#define MEMORY_MAX (1ull << 46)	/* a guest has at least this many bits */

/* Allocates @size bytes (a multiple of 4 KiB); dies when there are not. */
void memory_create(struct memory *memory, uint64_t size);

/*
 * The host's view of guest memory [gpa, gpa + len), NULL when not all of it
 * is RAM in one range.
 */
void *memory_at(const struct memory *memory, uint64_t gpa, uint64_t len);

/*
 * Fills @map with the guest's memory map and returns the number of entries,
 * sorted and not overlapping. @map has room for E820_ENTRIES.
 */
#define E820_ENTRIES 8
size_t memory_e820(const struct memory *memory, struct boot_e820_entry *map);

#define E820_RAM	1
#define E820_RESERVED	2

#endif
