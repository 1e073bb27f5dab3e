/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Executing one instruction on the host CPU and taking back what it did.
 */
#ifndef UNIT_NATIVE_H
#define UNIT_NATIVE_H

#include "../../emulate/emulate.h"

/*
 * A stretch of address space that holds nothing but test pages. All of it is
 * below 2 GiB, so every mode can address it.
 */
#define ZONE_BASE	0x20000000ULL
#define ZONE_LEN	0x10000000ULL
#define CODE_BASE	(ZONE_BASE + 0x100000)
#define CODE_PAGES	2
#define DATA_BASE	(ZONE_BASE + 0x200000)
#define DATA_PAGES	6
/* Where IRETQ takes its frame from; no test page */
#define FRAME_BASE	(ZONE_BASE + 0xfff0000)

/* Pages from DATA_BASE on: R, W */
extern const unsigned int data_page_kind[DATA_PAGES];

struct native_state {
	u64 regs[16];
	u64 rip;
	u64 rflags;
	u64 gs_base;
	u16 sel[6];		/* ES, CS, SS, DS, FS, GS */
	u8 vec[16][64];		/* XMM and upper halves */
	u8 fx[512] __attribute__((__aligned__(16)));
};

struct native_result {
	struct native_state st;
	int trap;		/* vector */
	u64 error;
	u64 cr2;
};

/* Pointers through which the test pages can always be read and written */
struct native_pages {
	u8 *code;
	u8 *data;
};

int native_setup(struct native_pages *pages);
/* LDT entry @nr; the selector is nr * 8 + 7. Returns 0 or -1 */
int native_set_ldt(unsigned int nr, u64 descriptor);
/* Execute the instruction at in->rip; rflags should have TF set */
void native_run(const struct native_state *in, struct native_result *out);

#endif
