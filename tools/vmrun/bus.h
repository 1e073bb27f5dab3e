/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The port and memory buses: which device answers at which address.
 *
 * Devices are added before the first vCPU runs; from then on the tables do not
 * change and are read without a lock. Each device locks its own state.
 */
#ifndef VMRUN_BUS_H
#define VMRUN_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus_range {
	const char *name;
	uint64_t base;
	uint64_t size;
	/*
	 * The widest access the device takes; the bus cuts wider ones into
	 * pieces, lowest address first, as an ISA bridge does.
	 */
	unsigned int width;
	/* @offset is from @base; offset + len never exceeds @size. */
	uint32_t (*read)(void *opaque, uint64_t offset, unsigned int len);
	void (*write)(void *opaque, uint64_t offset, unsigned int len,
		      uint32_t value);
	void *opaque;
};

struct bus {
	const char *name;
	struct bus_range ranges[24];
	size_t count;
};

/* Dies when the range overlaps another one: a mistake in vmrun. */
void bus_add(struct bus *bus, const struct bus_range *range);

/*
 * One access of @len bytes (1 to 8) at @addr. Bytes that no device answers
 * for read as all ones and are dropped when written.
 */
void bus_access(const struct bus *bus, uint64_t addr, void *data,
		unsigned int len, bool is_write);

#endif
