/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file's contents, read-only.
 */
#ifndef VMRUN_BLOB_H
#define VMRUN_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct blob {
	const char *path;
	const uint8_t *data;
	size_t size;
};

/* Maps the file; dies when it cannot, naming it as @what. */
void blob_open(struct blob *blob, const char *what, const char *path);
void blob_close(struct blob *blob);

#endif
