/* SPDX-License-Identifier: GPL-2.0-only */
/* The kinds, for mmu/kinds.c alone */
#ifndef MMU_KINDS_H
#define MMU_KINDS_H

struct mmu_kind;

extern const struct mmu_kind ept_kind;
extern const struct mmu_kind shadow_kind;

#endif
