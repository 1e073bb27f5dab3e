// SPDX-License-Identifier: GPL-2.0-only
/*
 * MultiProcessor Specification 1.4, chapter 4: the floating pointer at the
 * start of the extended BIOS data area, the configuration table right after.
 */
#include <string.h>

#include "firmware.h"
#include "layout.h"
#include "report.h"

#define PACKED __attribute__((packed))

struct floating_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length, revision, checksum, features[5];
} PACKED;

struct config_header {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem_id[8], product_id[12];
	uint32_t oem_table;
	uint16_t oem_size, count;
	uint32_t local_apic;
	uint16_t extended_length;
	uint8_t extended_checksum, reserved;
} PACKED;

struct processor {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features, reserved[2];
} PACKED;

struct bus_entry {
	uint8_t type, id;
	char name[6];
} PACKED;

struct ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
} PACKED;

struct interrupt {
	uint8_t type, kind;
	uint16_t flags;
	uint8_t bus, irq, apic, pin;
} PACKED;

enum {
	ENTRY_PROCESSOR, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_IO_INTERRUPT,
	ENTRY_LOCAL_INTERRUPT,

	CPU_ENABLED = 1 << 0,
	CPU_BOOT = 1 << 1,
	IOAPIC_ENABLED = 1 << 0,
	KIND_INT = 0,
	KIND_NMI = 1,
	KIND_EXTINT = 3,
	LEVEL_HIGH = 0x0d,
	ALL_APICS = 0xff,
	/*
	 * MADT numbers the IOAPIC 0, as the register in KVM does; here the
	 * number must differ from every local APIC's.
	 */
	IOAPIC_ID = 0xfe,
	APIC_VERSION = 0x14,
	IOAPIC_VERSION = 0x11,
	ISA_INTERRUPTS = 16,
	TIMER_PIN = 2,
};

/* With these the largest table stays well inside the area. */
#define EBDA_SIZE (GPA_LOW_HOLE - GPA_EBDA)
#define MAX_CPUS 32

struct table_writer {
	struct config_header *header;
	uint8_t *at;
};

static void add(struct table_writer *writer, const void *entry, size_t size)
{
	memcpy(writer->at, entry, size);
	writer->at += size;
	writer->header->count++;
}

static void add_interrupts(struct table_writer *writer)
{
	struct interrupt irq = { .apic = IOAPIC_ID };
	uint8_t i;

	for (i = 0; i < ISA_INTERRUPTS; i++) {
		if (i == TIMER_PIN)	/* the cascade of the 8259s */
			continue;
		irq.type = ENTRY_IO_INTERRUPT;
		irq.kind = KIND_INT;
		irq.flags = i == GSI_ACPI ? LEVEL_HIGH : 0;
		irq.irq = i;
		irq.pin = i ? i : TIMER_PIN;
		add(writer, &irq, sizeof(irq));
	}
	irq = (struct interrupt){
		.type = ENTRY_LOCAL_INTERRUPT, .kind = KIND_EXTINT,
		.apic = 0, .pin = 0,
	};
	add(writer, &irq, sizeof(irq));
	irq.kind = KIND_NMI;
	irq.apic = ALL_APICS;
	irq.pin = 1;
	add(writer, &irq, sizeof(irq));
}

static void add_processors(struct table_writer *writer, unsigned int ncpus)
{
	struct processor cpu = {
		.type = ENTRY_PROCESSOR, .apic_version = APIC_VERSION,
		.features = 0x201,	/* FPU and APIC; CPUID has the rest */
	};
	unsigned int i;

	for (i = 0; i < ncpus; i++) {
		cpu.apic_id = (uint8_t)i;
		cpu.flags = i ? CPU_ENABLED : CPU_ENABLED | CPU_BOOT;
		add(writer, &cpu, sizeof(cpu));
	}
}

static uint8_t *write_table(uint8_t *at, unsigned int ncpus)
{
	static const struct bus_entry isa = { ENTRY_BUS, 0, "ISA   " };
	static const struct ioapic ioapic = {
		ENTRY_IOAPIC, IOAPIC_ID, IOAPIC_VERSION, IOAPIC_ENABLED,
		GPA_IOAPIC,
	};
	struct config_header *header = (void *)at;
	struct table_writer writer = { header, at + sizeof(*header) };

	memcpy(header->signature, "PCMP", 4);
	header->revision = 4;
	memcpy(header->oem_id, "VMRUN   ", 8);
	memcpy(header->product_id, "VMRUN       ", 12);
	header->local_apic = GPA_LOCAL_APIC;
	add_processors(&writer, ncpus);
	add(&writer, &isa, sizeof(isa));
	add(&writer, &ioapic, sizeof(ioapic));
	add_interrupts(&writer);
	header->length = (uint16_t)(writer.at - at);
	header->checksum = checksum(header, header->length);
	return writer.at;
}

void mptable_write(const struct memory *memory, unsigned int ncpus)
{
	struct floating_pointer *pointer = memory_at(memory, GPA_EBDA,
						     EBDA_SIZE);
	uint8_t *end;

	if (!pointer)
		die(EXIT_HOST, "no room for the MP table");
	memset(pointer, 0, EBDA_SIZE);
	end = write_table((uint8_t *)(pointer + 1),
			  ncpus < MAX_CPUS ? ncpus : MAX_CPUS);
	if (end > (uint8_t *)pointer + EBDA_SIZE)
		die(EXIT_HOST, "the MP table outgrew its place");
	memcpy(pointer->signature, "_MP_", 4);
	pointer->table = GPA_EBDA + sizeof(*pointer);
	pointer->length = 1;	/* in paragraphs of 16 bytes */
	pointer->revision = 4;
	pointer->checksum = checksum(pointer, sizeof(*pointer));
}
