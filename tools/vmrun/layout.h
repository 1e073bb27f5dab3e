/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things are in guest-physical memory.
 *
 *	        0  real-mode vectors and BIOS data area, zero
 *	    0x500  boot GDT
 *	   0x1000  boot page tables, the first 4 GiB mapped to themselves
 *	   0x7000  Linux boot_params, or Multiboot information
 *	  0x20000  kernel command line
 *	  0x9fc00  reserved, as the extended BIOS data area is (MP floating
 *	           pointer and table)
 *	  0xa0000  plain RAM that the guest is told is a hole (no VGA)
 *	  0xe0000  ACPI tables
 *	  0xf0000  SMBIOS tables
 *	 0x100000  kernel, initrd
 *	0xc0000000 end of the RAM below 4 GiB
 *	0xfec00000 IOAPIC
 *	0xfee00000 local APICs
 *	0xfffbc000 pages that KVM keeps for itself (below)
 *	4 GiB      the rest of the RAM
 */
#ifndef VMRUN_LAYOUT_H
#define VMRUN_LAYOUT_H

#define GPA_GDT			0x500u
#define GPA_PAGE_TABLES		0x1000u
#define GPA_BOOT_INFO		0x7000u
#define GPA_BOOT_STACK_TOP	0x20000u
#define GPA_COMMAND_LINE	0x20000u
#define COMMAND_LINE_MAX	0x10000u
#define GPA_EBDA		0x9fc00u
#define GPA_LOW_HOLE		0xa0000u
#define GPA_ACPI		0xe0000u
#define GPA_ACPI_END		0xf0000u
#define GPA_SMBIOS		0xf0000u
#define GPA_HIGH_RAM		0x100000u
#define GPA_RAM_HOLE		0xc0000000ull
#define GPA_IOAPIC		0xfec00000u
#define GPA_LOCAL_APIC		0xfee00000u
#define GPA_IDENTITY_MAP	0xfffbc000ull	/* one page */
#define GPA_TSS			0xfffbd000ull	/* three pages */
#define GPA_KVM_END		0xfffc0000ull
#define GPA_4G			0x100000000ull

#define GSI_SERIAL		4
#define GSI_RTC			8
#define GSI_ACPI		9
#define PORT_SERIAL		0x3f8

/* Flat segments of the boot GDT, as Linux's boot protocol numbers them. */
#define BOOT_CS			0x10
#define BOOT_DS			0x18

#endif
