// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "bus.h"
#include "report.h"
#include "tap.h"

static struct {
	unsigned int reads, writes, last_len;
	uint64_t last_offset;
	uint8_t memory[8];
} dev;

static uint32_t dev_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint32_t value = 0;

	(void)opaque;
	dev.reads++;
	dev.last_len = len;
	dev.last_offset = offset;
	memcpy(&value, dev.memory + offset, len);
	return value;
}

static void dev_write(void *opaque, uint64_t offset, unsigned int len,
		      uint32_t value)
{
	(void)opaque;
	dev.writes++;
	dev.last_len = len;
	memcpy(dev.memory + offset, &value, len);
}

static struct bus make_bus(unsigned int width)
{
	struct bus bus = { .name = "test" };

	memset(&dev, 0, sizeof(dev));
	bus_add(&bus, &(struct bus_range){
		.name = "device", .base = 0x100, .size = 8, .width = width,
		.read = dev_read, .write = dev_write });
	return bus;
}

static void unclaimed(void)
{
	struct bus bus = make_bus(4);
	uint64_t value = 0;

	bus_access(&bus, 0xff8, &value, 8, false);
	CHECK_EQ(value, UINT64_MAX);
	bus_access(&bus, 0xff8, &value, 8, true);
	/* An access that starts before a device and runs into it. */
	dev.memory[0] = 0x42;
	value = 0;
	bus_access(&bus, 0xfe, &value, 4, false);
	CHECK_EQ(value, 0xff00000042ffffull & 0xffffffff);
}

static void split_to_width(void)
{
	struct bus bus = make_bus(1);
	uint32_t value = 0x44332211;

	bus_access(&bus, 0x102, &value, 4, true);
	CHECK_EQ(dev.writes, 4);
	CHECK_EQ(dev.memory[2], 0x11);
	CHECK_EQ(dev.memory[5], 0x44);
	value = 0;
	bus_access(&bus, 0x102, &value, 4, false);
	CHECK_EQ(value, 0x44332211);
}

static void cut_at_end(void)
{
	struct bus bus = make_bus(4);
	uint32_t value = 0;

	memset(dev.memory, 0x5a, sizeof(dev.memory));
	bus_access(&bus, 0x106, &value, 4, false);
	CHECK_EQ(value, 0xffff5a5a);
	CHECK_EQ(dev.last_len, 2);
	bus_access(&bus, 0x107, &value, 2, false);
	CHECK_EQ(value & 0xffff, 0xff5a);
	/* Addresses that wrap round reach no device. */
	bus_access(&bus, UINT64_MAX, &value, 4, false);
	CHECK_EQ(value, 0xffffffff);
}

static void add_overlapping(void *arg)
{
	struct bus bus = make_bus(1);

	(void)arg;
	bus_add(&bus, &(struct bus_range){ .name = "other", .base = 0x107,
		.size = 1, .width = 1 });
}

static void overlap(void)
{
	CHECK_EQ(status_of(add_overlapping, NULL), EXIT_HOST);
}

const struct test bus_tests[] = {
	{ "bus: nobody answers", unclaimed },
	{ "bus: wide accesses are split", split_to_width },
	{ "bus: accesses end with the device", cut_at_end },
	{ "bus: overlapping devices are refused", overlap },
	{ NULL, NULL },
};
