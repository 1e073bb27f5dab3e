// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMBIOS 3.0 tables: the guest finds in them whose machine it runs on (Linux
 * shows it in /sys/class/dmi/id).
 */
#include <string.h>

#include "firmware.h"
#include "layout.h"
#include "report.h"

#define PACKED __attribute__((packed))
#define TABLES_SIZE 1024

/* SMBIOS 3.0, 5.2.2 */
struct entry_point {
	char anchor[5];
	uint8_t checksum, length, major, minor, docrev, revision, reserved;
	uint32_t max_size;
	uint64_t address;
} PACKED;

struct header {
	uint8_t type, length;
	uint16_t handle;
} PACKED;

struct bios_info {		/* type 0, 7.1 */
	struct header header;
	uint8_t vendor, version;
	uint16_t segment;
	uint8_t date, rom_size;
	uint64_t characteristics;
	uint8_t extended[2], major, minor, ec_major, ec_minor;
} PACKED;

enum {
	BIOS_NO_CHARACTERISTICS = 1 << 3,
	BIOS_VIRTUAL_MACHINE = 1 << 4,	/* of the second extension byte */
	WAKE_UP_POWER_SWITCH = 6,
	TYPE_END = 127,
};

struct system_info {		/* type 1, 7.2 */
	struct header header;
	uint8_t manufacturer, product, version, serial;
	uint8_t uuid[16];
	uint8_t wake_up, sku, family;
} PACKED;

/* A structure, then its strings, each ended by a zero, then another zero. */
static uint8_t *put(uint8_t *at, const void *structure, size_t length,
		    const char * const *strings)
{
	memcpy(at, structure, length);
	at += length;
	if (!*strings)
		*at++ = 0;
	for (; *strings; strings++)
		at = (uint8_t *)stpcpy((char *)at, *strings) + 1;
	*at++ = 0;
	return at;
}

void smbios_write(const struct memory *memory, const char *hypervisor)
{
	static const struct bios_info bios = {
		.header = { 0, sizeof(bios), 0 },
		.vendor = 1, .version = 2, .date = 3,
		.characteristics = BIOS_NO_CHARACTERISTICS,
		.extended = { 0, BIOS_VIRTUAL_MACHINE },
		.ec_major = 0xff, .ec_minor = 0xff,
	};
	static const struct system_info system = {
		.header = { 1, sizeof(system), 1 },
		.manufacturer = 1, .product = 2, .version = 3,
		.wake_up = WAKE_UP_POWER_SWITCH,
	};
	static const struct header end = { TYPE_END, sizeof(end), 2 };
	const char * const bios_strings[] = {
		"vmrun", "1", "01/01/2024", NULL };
	const char * const system_strings[] = {
		"vmrun", "vmrun", hypervisor, NULL };
	const char * const no_strings[] = { NULL };
	struct entry_point *entry = memory_at(memory, GPA_SMBIOS,
					      sizeof(*entry) + TABLES_SIZE);
	uint8_t *tables = (uint8_t *)entry + 64;
	uint8_t *at = tables;

	at = put(at, &bios, sizeof(bios), bios_strings);
	at = put(at, &system, sizeof(system), system_strings);
	at = put(at, &end, sizeof(end), no_strings);
	*entry = (struct entry_point){
		.length = sizeof(*entry), .major = 3, .revision = 1,
		.max_size = (uint32_t)(at - tables),
		.address = GPA_SMBIOS + 64,
	};
	memcpy(entry->anchor, "_SM3_", 5);
	entry->checksum = checksum(entry, sizeof(*entry));
}
