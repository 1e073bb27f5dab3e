/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Multiboot specification, version 0.6.96: 32-bit images.
 */
#ifndef VMRUN_BOOT_MULTIBOOT_H
#define VMRUN_BOOT_MULTIBOOT_H

#include <stdbool.h>

#include "blob.h"

/* Whether a valid header is in the first 8 KiB. */
bool multiboot_recognize(const struct blob *kernel);

#endif
