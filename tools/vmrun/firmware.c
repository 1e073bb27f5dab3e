// SPDX-License-Identifier: GPL-2.0-only
/* The tables one after the other, each by a file of its own. */
#include "firmware.h"

uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *bytes++);
	return (uint8_t)-sum;
}

uint64_t firmware_write(const struct memory *memory,
			const struct firmware_config *config)
{
	smbios_write(memory, config->hypervisor);
	mptable_write(memory, config->ncpus);
	return acpi_write(memory, config->ncpus);
}
