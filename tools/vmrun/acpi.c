// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI 6.4, chapter 5. One after the other from GPA_ACPI on:
 *
 *	RSDP -> XSDT -> FADT -> DSDT (dsdt.asl)
 *	             |       -> FACS
 *	             -> MADT
 */
#include <stdbool.h>
#include <string.h>

#include "dsdt.h"
#include "firmware.h"
#include "layout.h"
#include "power.h"
#include "report.h"
#include "rtc.h"

#define PACKED __attribute__((packed))

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

struct table {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

struct xsdt {
	struct table header;
	uint64_t tables[2];
} PACKED;

/* Generic address structure, 5.2.3.2; here always of I/O ports. */
struct gas {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} PACKED;

enum { SPACE_IO = 1 };

struct fadt {
	struct table header;
	uint32_t facs32, dsdt32;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate_control;
	uint32_t pm1a_event32, pm1b_event32, pm1a_control32, pm1b_control32;
	uint32_t pm2_control32, pm_timer32, gpe0_32, gpe1_32;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len;
	uint8_t pm_timer_len, gpe0_len, gpe1_len, gpe1_base, cstate_control;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_revision;
	uint64_t facs, dsdt;
	struct gas pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	struct gas pm2_control, pm_timer, gpe0, gpe1;
	struct gas sleep_control, sleep_status;
	char hypervisor_vendor[8];
} PACKED;

_Static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");

enum {			/* FADT flags, table 5.10 */
	FADT_WBINVD		= 1 << 0,
	FADT_C1_SUPPORTED	= 1 << 2,
	FADT_NO_SLEEP_BUTTON	= 1 << 5,
	FADT_NO_RTC_WAKE	= 1 << 6,
	FADT_TIMER_32_BITS	= 1 << 8,
	FADT_RESET_REGISTER	= 1 << 10,
	FADT_HEADLESS		= 1 << 12,
	/* IA-PC boot architecture flags, table 5.11 */
	BOOT_LEGACY_DEVICES	= 1 << 0,
	BOOT_NO_VGA		= 1 << 2,
	/* Latencies above these say that there is no C2, no C3. */
	C2_ABSENT		= 101,
	C3_ABSENT		= 1001,
};

struct facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector32, lock, flags;
	uint64_t waking_vector;
	uint8_t version, reserved[31];
} PACKED;

_Static_assert(sizeof(struct facs) == 64, "FACS");

struct madt {
	struct table header;
	uint32_t local_apic, flags;
} PACKED;

enum {
	MADT_HAS_8259		= 1 << 0,
	MADT_LOCAL_APIC		= 0,
	MADT_IOAPIC		= 1,
	MADT_OVERRIDE		= 2,
	MADT_LOCAL_NMI		= 4,
	APIC_ENABLED		= 1 << 0,
	INTERRUPT_AS_BUS	= 0,
	INTERRUPT_LEVEL_HIGH	= 0x0d,
	ALL_CPUS		= 0xff,
	LINT1			= 1,
};

struct madt_local_apic {
	uint8_t type, length, acpi_uid, apic_id;
	uint32_t flags;
} PACKED;

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} PACKED;

struct madt_override {
	uint8_t type, length, bus, irq;
	uint32_t gsi;
	uint16_t flags;
} PACKED;

struct madt_local_nmi {
	uint8_t type, length, acpi_uid;
	uint16_t flags;
	uint8_t lint;
} PACKED;

/* Where the next table goes. */
struct writer {
	const struct memory *memory;
	uint64_t gpa;
};

/* Zeroed room for @size bytes; the writer moves on past them. */
static void *reserve(struct writer *writer, size_t size, uint64_t *gpa)
{
	void *at = memory_at(writer->memory, writer->gpa, size);

	if (!at || writer->gpa + size > GPA_ACPI_END)
		die(EXIT_HOST, "no room for the ACPI tables");
	memset(at, 0, size);
	*gpa = writer->gpa;
	/* The FACS must be aligned to 64 bytes, 5.2.10. */
	writer->gpa = (writer->gpa + size + 63) & ~63ull;
	return at;
}

static void finish(void *table, const char *signature, uint8_t revision,
		   size_t length)
{
	struct table *header = table;

	memcpy(header->signature, signature, 4);
	header->length = (uint32_t)length;
	header->revision = revision;
	memcpy(header->oem_id, "VMRUN ", 6);
	memcpy(header->oem_table_id, "VMRUN   ", 8);
	header->oem_revision = 1;
	memcpy(header->creator_id, "VMRN", 4);
	header->creator_revision = 1;
	header->checksum = 0;
	header->checksum = checksum(table, length);
}

static uint64_t write_dsdt(struct writer *writer)
{
	uint64_t gpa;

	memcpy(reserve(writer, sizeof(dsdt_aml_code), &gpa), dsdt_aml_code,
	       sizeof(dsdt_aml_code));
	return gpa;
}

static uint64_t write_facs(struct writer *writer)
{
	uint64_t gpa;
	struct facs *facs = reserve(writer, sizeof(*facs), &gpa);

	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof(*facs);
	facs->version = 2;
	return gpa;
}

static struct gas io_register(uint16_t port, unsigned int bytes)
{
	return (struct gas){
		.space = SPACE_IO, .bit_width = (uint8_t)(8 * bytes),
		.access_size = bytes == 4 ? 3 : bytes == 2 ? 2 : 1,
		.address = port,
	};
}

static void fill_registers(struct fadt *fadt)
{
	fadt->pm1a_event32 = ACPI_PM1_EVENT;
	fadt->pm1_event_len = ACPI_PM1_EVENT_SIZE;
	fadt->pm1a_event = io_register(ACPI_PM1_EVENT, ACPI_PM1_EVENT_SIZE);
	fadt->pm1a_event.access_size = 2;	/* a pair of 16-bit registers */
	fadt->pm1a_control32 = ACPI_PM1_CONTROL;
	fadt->pm1_control_len = ACPI_PM1_CONTROL_SIZE;
	fadt->pm1a_control = io_register(ACPI_PM1_CONTROL,
					 ACPI_PM1_CONTROL_SIZE);
	fadt->pm_timer32 = ACPI_PM_TIMER;
	fadt->pm_timer_len = ACPI_PM_TIMER_SIZE;
	fadt->pm_timer = io_register(ACPI_PM_TIMER, ACPI_PM_TIMER_SIZE);
	fadt->reset = io_register(RESET_PORT, 1);
	fadt->reset_value = RESET_VALUE;
}

static uint64_t write_fadt(struct writer *writer, uint64_t facs, uint64_t dsdt)
{
	uint64_t gpa;
	struct fadt *fadt = reserve(writer, sizeof(*fadt), &gpa);

	fadt->facs32 = (uint32_t)facs;
	fadt->dsdt32 = (uint32_t)dsdt;
	fadt->dsdt = dsdt;	/* X_FACS stays 0: one of the two is set */
	fadt->sci = GSI_ACPI;
	fadt->c2_latency = C2_ABSENT;
	fadt->c3_latency = C3_ABSENT;
	fadt->century = RTC_CENTURY;
	fadt->boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_C1_SUPPORTED | FADT_NO_SLEEP_BUTTON |
		      FADT_NO_RTC_WAKE | FADT_TIMER_32_BITS |
		      FADT_RESET_REGISTER | FADT_HEADLESS;
	fill_registers(fadt);
	fadt->minor_revision = 4;
	finish(fadt, "FACP", 6, sizeof(*fadt));
	return gpa;
}

/* KVM's routes: the PIT, ISA interrupt 0, comes in at pin 2 of the IOAPIC. */
static const struct madt_override overrides[] = {
	{ MADT_OVERRIDE, sizeof(struct madt_override), 0, 0, 2,
	  INTERRUPT_AS_BUS },
	{ MADT_OVERRIDE, sizeof(struct madt_override), 0, GSI_ACPI, GSI_ACPI,
	  INTERRUPT_LEVEL_HIGH },
};

static uint64_t write_madt(struct writer *writer, unsigned int ncpus)
{
	size_t size = sizeof(struct madt) + sizeof(overrides) +
		      ncpus * sizeof(struct madt_local_apic) +
		      sizeof(struct madt_ioapic) +
		      sizeof(struct madt_local_nmi);
	uint64_t gpa;
	struct madt *madt = reserve(writer, size, &gpa);
	struct madt_local_apic *cpu = (void *)(madt + 1);
	struct madt_ioapic *ioapic = (void *)(cpu + ncpus);
	struct madt_override *override = (void *)(ioapic + 1);
	struct madt_local_nmi *nmi;
	unsigned int i;

	madt->local_apic = GPA_LOCAL_APIC;
	madt->flags = MADT_HAS_8259;
	for (i = 0; i < ncpus; i++)
		cpu[i] = (struct madt_local_apic){
			.type = MADT_LOCAL_APIC, .length = sizeof(*cpu),
			.acpi_uid = (uint8_t)i, .apic_id = (uint8_t)i,
			.flags = APIC_ENABLED,
		};
	*ioapic = (struct madt_ioapic){
		.type = MADT_IOAPIC, .length = sizeof(*ioapic),
		.address = GPA_IOAPIC,
	};
	memcpy(override, overrides, sizeof(overrides));
	nmi = (void *)((uint8_t *)override + sizeof(overrides));
	*nmi = (struct madt_local_nmi){
		.type = MADT_LOCAL_NMI, .length = sizeof(*nmi),
		.acpi_uid = ALL_CPUS, .lint = LINT1,
	};
	finish(madt, "APIC", 5, size);
	return gpa;
}

uint64_t acpi_write(const struct memory *memory, unsigned int ncpus)
{
	struct writer writer = { .memory = memory, .gpa = GPA_ACPI };
	uint64_t rsdp_gpa, xsdt_gpa;
	struct rsdp *rsdp = reserve(&writer, sizeof(*rsdp), &rsdp_gpa);
	struct xsdt *xsdt = reserve(&writer, sizeof(*xsdt), &xsdt_gpa);
	uint64_t facs = write_facs(&writer);
	uint64_t dsdt = write_dsdt(&writer);

	xsdt->tables[0] = write_fadt(&writer, facs, dsdt);
	xsdt->tables[1] = write_madt(&writer, ncpus);
	finish(xsdt, "XSDT", 1, sizeof(*xsdt));
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "VMRUN ", 6);
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = xsdt_gpa;
	/* The first sum is over ACPI 1.0's part, the second over all. */
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return rsdp_gpa;
}
