/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM in a file. Each part has one function that goes through its fields, for
 * saving and for restoring alike.
 */
#ifndef VMRUN_SNAPSHOT_H
#define VMRUN_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vm.h"

struct serial;
struct rtc;

struct snapshot {
	FILE *file;
	const char *name;
	bool saving;
};

struct devices {
	struct serial *serial;
	struct rtc *rtc;
};

/* What has to be known before the VM is made */
struct snapshot_config {
	unsigned int ncpus;
	bool irqchip;
	uint64_t memory_size;
};

/* @len bytes at @data to the file or from it; dies where that fails. */
void snapshot_item(struct snapshot *s, void *data, size_t len);

/* Opens a file that snapshot_save() made; dies where it is none. */
void snapshot_open(struct snapshot *s, const char *name,
		   struct snapshot_config *config);
/* Fills a VM whose vCPUs have been made and do not run, and closes the file. */
void snapshot_restore(struct snapshot *s, struct vm *vm,
		      const struct devices *devices);

/* Writes a VM whose vCPUs have come home for good to the file @name. */
void snapshot_save(const char *name, struct vm *vm,
		   const struct devices *devices);

#endif
