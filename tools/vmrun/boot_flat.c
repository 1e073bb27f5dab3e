// SPDX-License-Identifier: GPL-2.0-only
/* Flat binaries: copied to an address, entered at their first byte. */
#include "boot.h"
#include "layout.h"
#include "report.h"

#define REAL_MODE_LOAD 0x7c00	/* where a BIOS puts a boot sector */

/*
 * Copies the file and starts at its first byte, in the mode that was asked
 * for, with flat segments and a small stack.
 */
void flat_load(const struct memory *memory, const struct boot_config *config,
	       struct entry_state *entry)
{
	const struct blob *kernel = &config->kernel;
	bool real = config->format == FORMAT_FLAT16;
	uint64_t load = config->load;

	if (!load)
		load = real ? REAL_MODE_LOAD : GPA_HIGH_RAM;
	if (real && load > 0xffff)
		die(EXIT_USAGE, "--load %#llx: a 16-bit image starts below 64 KiB",
		    (unsigned long long)load);
	if (config->initrd.data)
		die(EXIT_USAGE, "--initrd: a flat image has no way to find it");
	entry->mode = real ? MODE_REAL : config->format == FORMAT_FLAT32 ?
		      MODE_PROTECTED : MODE_LONG;
	if (!real && load < GPA_BOOT_STACK_TOP)
		die(EXIT_USAGE,
		    "--load %#llx: below %#x is where vmrun puts tables and the stack",
		    (unsigned long long)load, GPA_BOOT_STACK_TOP);
	boot_copy(memory, kernel, 0, kernel->size, load, kernel->size);
	entry->rip = load;
	entry->rsp = real ? REAL_MODE_LOAD : GPA_BOOT_STACK_TOP;
}
