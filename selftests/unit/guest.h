/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest made of a few pages and plain variables, for running the emulator
 * in user space.
 */
#ifndef UNIT_GUEST_H
#define UNIT_GUEST_H

#include "../../emulate/emulate.h"

#define GUEST_PAGE	4096u
#define GUEST_REGIONS	12
#define GUEST_LOG	32

/* Permissions and kinds of a region */
#define GR_R		1u
#define GR_W		2u
#define GR_X		4u
#define GR_MMIO		8u	/* answered by user space: EMUL_IO */
#define GR_POSTED	16u	/* with GR_MMIO: writes are posted */
#define GR_SYSTEM	32u	/* CPL 3 may not access it */

struct guest_region {
	u64 base;
	u64 len;
	u8 *data;
	unsigned int kind;
};

/* What the outside saw: device accesses and port accesses, in order */
struct guest_event {
	char what;		/* r, w: memory; i, o: port */
	u8 size;
	u16 count;
	u64 addr;
	u64 data;
};

struct guest {
	struct emul_ctx ctx;
	u64 regs[16];
	struct emul_seg seg[EMUL_NR_SEGS];
	struct emul_table gdt, idt;
	u64 cr[9];
	u64 dr[8];
	u64 efer, star, lstar, cstar, sfmask;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 kernel_gs_base, tsc_aux;
	u64 xcr0;
	u64 hidden;		/* what CPUID does not announce: 1 << feature */
	u8 fx[512] __attribute__((__aligned__(16)));
	u8 vec[32][64];
	struct guest_region region[GUEST_REGIONS];
	unsigned int nr_regions;
	/* accesses that no region covers fall here unless inside [zone, end) */
	u64 zone, zone_end;
	bool escaped;
	bool halted;
	unsigned int fetches, cmpxchg_races, nr_callbacks;
	struct guest_event log[GUEST_LOG];
	unsigned int nr_log;
	u64 mmio_data;		/* what a device read gives; then incremented */
	u8 pio_page[4096];
};

extern const struct emul_ops guest_ops;

/* Flat 64-bit user code; regions are kept */
void guest_reset(struct guest *g, enum emul_mode mode, unsigned int code_size);
void guest_add(struct guest *g, u64 base, u64 len, void *data,
	       unsigned int kind);
struct guest_region *guest_find(struct guest *g, u64 la);
/* Run one instruction to its end, answering EMUL_IO as user space would */
int guest_step(struct guest *g);

#endif
