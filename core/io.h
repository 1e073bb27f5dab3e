/* SPDX-License-Identifier: GPL-2.0-only */
/* I/O that waits for user space's answer */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <linux/types.h>

/* What KVM_RUN has to finish before it enters the guest again */
enum io_pending {
	IO_NONE,
	IO_PIO_IN,		/* IN to RAX: data is in the pio page */
	IO_PIO_OUT,		/* OUT: advance RIP now that it is done */
	IO_EMULATE,		/* the emulator waits for its MMIO or PIO read */
	IO_MMIO_MORE,		/* further fragments of an MMIO access to report */
	IO_HYPERCALL,
	IO_RDMSR, IO_WRMSR,	/* KVM_CAP_X86_USER_SPACE_MSR */
};

#define IO_FRAGMENTS	2	/* one operand touches at most two pages */

struct vcpu_io {
	enum io_pending pending;	/* [v] */
	u64 rip;			/* [v] where the instruction was (PIO) */
	u8 size, count_shift;		/* [v] PIO */
	u16 port;			/* [v] */
	struct {
		gpa_t gpa;
		unsigned int len;
		u8 data[16];
	} mmio[IO_FRAGMENTS];		/* [v] */
	u8 nr_mmio, cur_mmio;		/* [v] fragments, and the one under way */
	u8 mmio_off;			/* [v] bytes of it already done, 8 at a time */
	bool mmio_write;		/* [v] */
};

#endif
