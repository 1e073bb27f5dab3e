// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "firmware.h"
#include "layout.h"
#include "memory.h"
#include "tap.h"

static struct memory memory;

static const uint8_t *guest(uint64_t gpa)
{
	return memory_at(&memory, gpa, 1);
}

static uint64_t get(uint64_t gpa, unsigned int len)
{
	uint64_t value = 0;

	memcpy(&value, memory_at(&memory, gpa, len), len);
	return value;
}

/* An ACPI table: its signature, and the sum of its bytes. */
static void check_table(uint64_t gpa, const char *signature)
{
	CHECK(!memcmp(guest(gpa), signature, 4));
	CHECK_EQ(checksum(guest(gpa), get(gpa + 4, 4)), 0);
	CHECK(gpa >= GPA_ACPI && gpa + get(gpa + 4, 4) <= GPA_ACPI_END);
}

static void acpi(void)
{
	uint64_t rsdp, xsdt, fadt, madt;
	unsigned int cpus = 0;
	uint64_t at;

	memory_create(&memory, 1 << 20);
	rsdp = firmware_write(&memory, &(struct firmware_config){
		.ncpus = 254, .hypervisor = "h" });
	CHECK_EQ(rsdp % 16, 0);
	CHECK(!memcmp(guest(rsdp), "RSD PTR ", 8));
	CHECK_EQ(checksum(guest(rsdp), 20), 0);
	CHECK_EQ(checksum(guest(rsdp), 36), 0);
	xsdt = get(rsdp + 24, 8);
	check_table(xsdt, "XSDT");
	fadt = get(xsdt + 36, 8);
	check_table(fadt, "FACP");
	check_table(get(fadt + 140, 8), "DSDT");
	CHECK(!memcmp(guest(get(fadt + 36, 4)), "FACS", 4));
	CHECK_EQ(get(fadt + 36, 4) % 64, 0);
	CHECK_EQ(get(fadt + 46, 2), GSI_ACPI);
	madt = get(xsdt + 44, 8);
	check_table(madt, "APIC");
	for (at = madt + 44; at < madt + get(madt + 4, 4);
	     at += get(at + 1, 1)) {
		CHECK(get(at + 1, 1) > 1);
		if (get(at, 1) == 0)
			CHECK_EQ(get(at + 3, 1), cpus++);
	}
	CHECK_EQ(at, madt + get(madt + 4, 4));
	CHECK_EQ(cpus, 254);
}

static void smbios(void)
{
	uint64_t at = GPA_SMBIOS;

	memory_create(&memory, 1 << 20);
	smbios_write(&memory, "the hypervisor");
	CHECK(!memcmp(guest(at), "_SM3_", 5));
	CHECK_EQ(checksum(guest(at), 24), 0);
	at = get(at + 16, 8);
	CHECK_EQ(get(at, 1), 0);
	CHECK(memmem(guest(at), 512, "the hypervisor", 15));
}

static void mp_table(void)
{
	uint64_t at = GPA_EBDA, table;

	memory_create(&memory, 1 << 20);
	mptable_write(&memory, 64);
	CHECK(!memcmp(guest(at), "_MP_", 4));
	CHECK_EQ(checksum(guest(at), 16), 0);
	table = get(at + 4, 4);
	CHECK(!memcmp(guest(table), "PCMP", 4));
	CHECK_EQ(checksum(guest(table), get(table + 4, 2)), 0);
	CHECK(table + get(table + 4, 2) <= GPA_LOW_HOLE);
}

static void check_map(uint64_t size)
{
	struct boot_e820_entry map[E820_ENTRIES];
	uint64_t ram = 0, end = 0;
	size_t i, n;

	memory_create(&memory, size);
	n = memory_e820(&memory, map);
	CHECK(n <= E820_ENTRIES);
	for (i = 0; i < n; i++) {
		CHECK(map[i].addr >= end);
		CHECK(map[i].size > 0);
		end = map[i].addr + map[i].size;
		if (map[i].type != E820_RAM)
			continue;
		ram += map[i].size;
		CHECK(memory_at(&memory, map[i].addr, map[i].size));
	}
	CHECK_EQ(ram, size - (GPA_HIGH_RAM - GPA_EBDA));
}

static void e820(void)
{
	check_map(1ull << 20);
	check_map((1ull << 20) + 4096);
	check_map(256ull << 20);
	check_map(3ull << 30);
	check_map((3ull << 30) + 4096);
	check_map(8ull << 30);
}

static void bounds(void)
{
	memory_create(&memory, 4ull << 30);
	CHECK(memory_at(&memory, 0, 3ull << 30));
	CHECK(!memory_at(&memory, 0, (3ull << 30) + 1));
	CHECK(!memory_at(&memory, GPA_RAM_HOLE, 1));
	CHECK(!memory_at(&memory, GPA_RAM_HOLE - 1, 2));
	CHECK(memory_at(&memory, GPA_4G, 1ull << 30));
	CHECK(!memory_at(&memory, GPA_4G + 1, 1ull << 30));
	CHECK(!memory_at(&memory, UINT64_MAX, 2));
	CHECK(!memory_at(&memory, 1, UINT64_MAX));
}

const struct test firmware_tests[] = {
	{ "firmware: ACPI tables", acpi },
	{ "firmware: SMBIOS tables", smbios },
	{ "firmware: MP table", mp_table },
	{ "memory: the guest's map", e820 },
	{ "memory: bounds", bounds },
	{ NULL, NULL },
};
