// SPDX-License-Identifier: GPL-2.0-only
/* Memory is anonymous, in one range below the hole at 3 GiB and one above 4 GiB. */
#include <inttypes.h>
#include <sys/mman.h>

#include "layout.h"
#include "memory.h"
#include "report.h"

#define HUGE_PAGE (2ull << 20)

/*
 * Reserves no swap: a guest rarely touches all it has. Aligned so that the
 * host can back it with huge pages, and KVM map them as such.
 */
static uint8_t *allocate(uint64_t size)
{
	uint8_t *area = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			     -1, 0);
	uint8_t *start;

	if (area == MAP_FAILED)
		die_host("ask for less with --mem",
			 "allocating %" PRIu64 " MiB of guest memory",
			 size >> 20);
	start = area + (-(uintptr_t)area & (HUGE_PAGE - 1));
	/* Fails where the host kernel has no transparent huge pages. */
	madvise(start, size, MADV_HUGEPAGE);
	return start;
}

static void add_range(struct memory *memory, uint64_t gpa, uint64_t size)
{
	memory->ranges[memory->count++] = (struct memory_range){
		.gpa = gpa, .size = size, .host = allocate(size),
	};
}

void memory_create(struct memory *memory, uint64_t size)
{
	uint64_t low = size < GPA_RAM_HOLE ? size : GPA_RAM_HOLE;

	memory->count = 0;
	memory->size = size;
	add_range(memory, 0, low);
	if (size > low)
		add_range(memory, GPA_4G, size - low);
}

void *memory_at(const struct memory *memory, uint64_t gpa, uint64_t len)
{
	size_t i;

	for (i = 0; i < memory->count; i++) {
		const struct memory_range *range = &memory->ranges[i];
		uint64_t offset = gpa - range->gpa;

		if (offset < range->size && len <= range->size - offset)
			return range->host + offset;
	}
	return NULL;
}

size_t memory_e820(const struct memory *memory, struct boot_e820_entry *map)
{
	uint64_t low_end = memory->ranges[0].size;
	size_t n = 0;

	map[n++] = (struct boot_e820_entry){ 0, GPA_EBDA, E820_RAM };
	map[n++] = (struct boot_e820_entry){
		GPA_EBDA, GPA_LOW_HOLE - GPA_EBDA, E820_RESERVED };
	map[n++] = (struct boot_e820_entry){
		GPA_ACPI, GPA_HIGH_RAM - GPA_ACPI, E820_RESERVED };
	if (low_end > GPA_HIGH_RAM)
		map[n++] = (struct boot_e820_entry){
			GPA_HIGH_RAM, low_end - GPA_HIGH_RAM, E820_RAM };
	map[n++] = (struct boot_e820_entry){
		GPA_IDENTITY_MAP, GPA_KVM_END - GPA_IDENTITY_MAP,
		E820_RESERVED };
	if (memory->count > 1)
		map[n++] = (struct boot_e820_entry){
			GPA_4G, memory->ranges[1].size, E820_RAM };
	return n;
}
