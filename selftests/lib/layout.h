/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things are in the memory of a guest made by vm_new(). Guest-virtual
 * is guest-physical: 0 to G_RAM_SIZE is mapped with 4 KiB pages, the rest of
 * the first 4 GiB with 2 MiB pages; everything writable, executable and
 * accessible from CPL 3.
 *
 *   0x000000  real-mode vectors and, from G_LOW, room for real-mode code
 *   0x100000  per vCPU: struct guest_cpu, GDT, TSS, #DF and CPL 0 stacks
 *   0x180000  IDTs
 *   0x190000  page tables
 *   0x300000  stacks
 *   0x400000  the test program
 *   0x800000  free for the test, up to G_DATA_END
 *   0xc00000  more page tables, where a test makes many
 *
 * Shared with assembler.
 */
#ifndef SELFTEST_LAYOUT_H
#define SELFTEST_LAYOUT_H

#define G_RAM_SIZE	0x1000000
#define G_LOW		0x8000
#define G_CPU(n)	(0x100000 + (n) * 0x4000)
#define G_GDT(n)	(G_CPU(n) + 0x400)
#define G_TSS(n)	(G_CPU(n) + 0x800)
#define G_TSS32(n)	(G_CPU(n) + 0xc00)
#define G_IST(n)	(G_CPU(n) + 0x3000)	/* top; #DF */
#define G_RSP0(n)	(G_CPU(n) + 0x4000)	/* top */
#define G_IDT		0x180000	/* 64-bit, C handlers */
#define G_IDT_PROBE64	0x181000	/* 64-bit, probe stubs */
#define G_IDT_PROBE32	0x182000
#define G_PT		0x190000
#define G_PT_END	0x300000
#define G_STACK(n)	(0x300000 + ((n) + 1) * 0x10000)	/* top */
#define G_DATA		0x800000
#define G_DATA_END	0xc00000
#define G_MAX_VCPUS	16

/* Selectors */
#define SEL_CS64	0x08
#define SEL_DS		0x10
#define SEL_CS32	0x18
#define SEL_UCS32	0x23
#define SEL_UDS		0x2b
#define SEL_UCS64	0x33
#define SEL_CS16	0x38
#define SEL_DS16	0x40
#define SEL_TSS		0x48	/* 64-bit: two slots */
#define SEL_TSS32	0x58
#define SEL_TEST	0x60	/* free for the test, to 0x7f */
#define GDT_LIMIT	0x7f

/* The probes' ports */
#define PROBE_DONE	0xe4
#define PROBE_EXC	0xe5

#endif
