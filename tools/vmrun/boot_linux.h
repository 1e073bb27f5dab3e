/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux's bzImage (Documentation/x86/boot.rst).
 */
#ifndef VMRUN_BOOT_LINUX_H
#define VMRUN_BOOT_LINUX_H

#include <asm/bootparam.h>
#include <stdbool.h>

#include "blob.h"

struct bzimage {
	struct setup_header header;
	size_t payload_offset;	/* of the protected-mode kernel */
	size_t payload_size;
	bool entry64;		/* has the 64-bit entry point */
};

/* Whether it has the magic numbers of a bzImage. */
bool linux_recognize(const struct blob *kernel);

/* Returns NULL, or what makes the image unusable. Trusts nothing in it. */
const char *bzimage_parse(const struct blob *kernel, struct bzimage *image);

/*
 * Where to put the kernel when RAM ends at @ram_end. Returns 0 when there is
 * no place for it.
 */
uint64_t bzimage_load_address(const struct bzimage *image, uint64_t ram_end);

#endif
