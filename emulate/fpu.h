/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x87 state as the emulator works on it: the caller's FXSAVE image (SDM 1
 * table 10-2). MMX registers are part of it.
 */
#ifndef EMULATE_FPU_H
#define EMULATE_FPU_H

#include "internal.h"

/* Offsets in the image */
#define FX_FCW		0
#define FX_FSW		2
#define FX_FTW		4
#define FX_FOP		6
#define FX_FIP		8
#define FX_FCS		12
#define FX_FDP		16
#define FX_FDS		20
#define FX_MXCSR	24
#define FX_MXCSR_MASK	28
#define FX_ST		32
#define FX_XMM		160
#define FX_BYTES	416	/* the rest belongs to software */
#define FX_SIZE		512

#define FSW_TOP_SHIFT	11

static inline int fault_nm(struct emul_ctx *ctx)
{
	return emul_set_fault(ctx, VEC_NM, false, 0);
}

/* fpu.c: #MF if an unmasked exception waits */
int emul_x87_pending(struct emul_ctx *ctx);
/* Store the first FX_MXCSR bytes of an image; the registers follow TOP */
void emul_x87_set_head(struct emul_ctx *ctx, const u8 *head);

#endif /* EMULATE_FPU_H */
