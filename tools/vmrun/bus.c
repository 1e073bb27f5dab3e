// SPDX-License-Identifier: GPL-2.0-only
/* Accesses are taken apart where they reach past a device's range. */
#include <inttypes.h>
#include <string.h>

#include "array.h"
#include "bus.h"
#include "report.h"

void bus_add(struct bus *bus, const struct bus_range *range)
{
	size_t i;

	if (bus->count == ARRAY_SIZE(bus->ranges))
		die(EXIT_HOST, "%s bus: no room for %s", bus->name,
		    range->name);
	for (i = 0; i < bus->count; i++) {
		const struct bus_range *other = &bus->ranges[i];

		if (range->base < other->base + other->size &&
		    other->base < range->base + range->size)
			die(EXIT_HOST, "%s bus: %s overlaps %s", bus->name,
			    range->name, other->name);
	}
	bus->ranges[bus->count++] = *range;
}

/* A dozen ranges: a linear search beats anything cleverer. */
static const struct bus_range *find(const struct bus *bus, uint64_t addr)
{
	size_t i;

	for (i = 0; i < bus->count; i++) {
		const struct bus_range *range = &bus->ranges[i];

		if (addr - range->base < range->size)
			return range;
	}
	return NULL;
}

/* The largest piece at @offset that the device takes and that fits. */
static unsigned int piece(const struct bus_range *range, uint64_t offset,
			  unsigned int len)
{
	unsigned int width = range->width;

	while (width > len || width > range->size - offset)
		width /= 2;
	return width;
}

static void access_range(const struct bus_range *range, uint64_t offset,
			 uint8_t *data, unsigned int len, bool is_write)
{
	uint32_t value = 0;

	/* x86 is little-endian, and so are the guest and the host. */
	if (is_write) {
		memcpy(&value, data, len);
		range->write(range->opaque, offset, len, value);
	} else {
		value = range->read(range->opaque, offset, len);
		memcpy(data, &value, len);
	}
}

void bus_access(const struct bus *bus, uint64_t addr, void *data,
		unsigned int len, bool is_write)
{
	const struct bus_range *range;
	uint8_t *bytes = data;
	bool unclaimed = false;
	unsigned int n;

	for (; len; len -= n, addr += n, bytes += n) {
		range = find(bus, addr);
		if (range) {
			n = piece(range, addr - range->base, len);
			access_range(range, addr - range->base, bytes, n,
				     is_write);
			continue;
		}
		if (!unclaimed)
			say_verbose("%s bus: %s of %u byte(s) at %#" PRIx64
				    ", no device there", bus->name,
				    is_write ? "write" : "read", len, addr);
		unclaimed = true;
		n = 1;
		if (!is_write)
			*bytes = 0xff;
	}
}
