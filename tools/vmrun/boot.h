/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Putting a kernel into guest memory the way its boot protocol wants it.
 */
#ifndef VMRUN_BOOT_H
#define VMRUN_BOOT_H

#include "blob.h"
#include "vcpu.h"

enum boot_format {
	FORMAT_AUTO,		/* Linux or Multiboot, by the magic numbers */
	FORMAT_LINUX,
	FORMAT_MULTIBOOT,
	FORMAT_FLAT16,
	FORMAT_FLAT32,
	FORMAT_FLAT64,
};

struct boot_config {
	enum boot_format format;
	struct blob kernel;
	struct blob initrd;	/* data is NULL without one */
	const char *append;
	uint64_t load;		/* of a flat image; 0: the mode's default */
	uint64_t acpi_rsdp;	/* 0 without ACPI tables */
};

/* Loads the kernel; dies with EXIT_IMAGE when it is not usable. */
void boot_load(const struct memory *memory, const struct boot_config *config,
	       struct entry_state *entry);

/* The loaders behind it. */
void linux_load(const struct memory *memory, const struct boot_config *config,
		struct entry_state *entry);
void multiboot_load(const struct memory *memory,
		    const struct boot_config *config,
		    struct entry_state *entry);
void flat_load(const struct memory *memory, const struct boot_config *config,
	       struct entry_state *entry);

/*
 * Copies @len bytes from the kernel file to guest memory and clears up to
 * @room bytes, all of which must be RAM below 4 GiB; dies otherwise.
 */
void boot_copy(const struct memory *memory, const struct blob *blob,
	       size_t offset, size_t len, uint64_t gpa, uint64_t room);

/* Puts the command line in its place; dies when longer than @max bytes. */
void boot_command_line(const struct memory *memory, const char *text,
		       size_t max);

#endif
