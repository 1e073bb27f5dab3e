/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables that a BIOS would leave in memory: ACPI, SMBIOS, and the older
 * MultiProcessor Specification's for guests without ACPI.
 */
#ifndef VMRUN_FIRMWARE_H
#define VMRUN_FIRMWARE_H

#include "memory.h"

struct firmware_config {
	unsigned int ncpus;
	const char *hypervisor;	/* goes to SMBIOS's product version */
};

/* Writes all of them; returns where the RSDP is. */
uint64_t firmware_write(const struct memory *memory,
			const struct firmware_config *config);

/* Each writes one family of tables at its place in layout.h. */
uint64_t acpi_write(const struct memory *memory, unsigned int ncpus);
void smbios_write(const struct memory *memory, const char *hypervisor);
void mptable_write(const struct memory *memory, unsigned int ncpus);

/* What to add to @len bytes at @data for their sum to be zero. */
uint8_t checksum(const void *data, size_t len);

#endif
