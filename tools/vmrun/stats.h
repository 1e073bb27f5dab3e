/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM's own statistics (KVM_GET_STATS_FD).
 */
#ifndef VMRUN_STATS_H
#define VMRUN_STATS_H

#include "vm.h"

enum stats_format { STATS_TEXT = 1, STATS_JSON };	/* 0: none */

/*
 * Writes those of the VM and of every vCPU that are not zero to @path, or to
 * standard error when it is NULL.
 */
void stats_show(const struct vm *vm, enum stats_format format,
		const char *path);

#endif
