// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "rtc.h"
#include "tap.h"

static bool line_level;
static struct bus ports;

static void set_line(unsigned int gsi, bool level)
{
	(void)gsi;
	line_level = level;
}

static void fresh(void)
{
	ports = (struct bus){ .name = "port" };
	line_level = false;
	rtc_attach(rtc_create((struct irq_line){ .set = set_line, .gsi = 8 }),
		   &ports);
}

static void set(uint8_t reg, uint8_t value)
{
	bus_access(&ports, 0x70, &reg, 1, true);
	bus_access(&ports, 0x71, &value, 1, true);
}

static uint8_t get(uint8_t reg)
{
	uint8_t value = 0;

	bus_access(&ports, 0x70, &reg, 1, true);
	bus_access(&ports, 0x71, &value, 1, false);
	return value;
}

static int bcd(uint8_t value)
{
	return (value >> 4) * 10 + (value & 15);
}

static void reads_host_time(void)
{
	time_t now, after;
	struct tm tm;

	fresh();
	do {	/* again if the second changes in between */
		now = time(NULL);
		gmtime_r(&now, &tm);
		CHECK_EQ(bcd(get(9)), tm.tm_year % 100);
		CHECK_EQ(bcd(get(0x32)), tm.tm_year / 100 + 19);
		CHECK_EQ(bcd(get(8)), tm.tm_mon + 1);
		CHECK_EQ(bcd(get(7)), tm.tm_mday);
		CHECK_EQ(bcd(get(6)), tm.tm_wday + 1);
		CHECK_EQ(bcd(get(4)), tm.tm_hour);
		CHECK_EQ(bcd(get(2)), tm.tm_min);
		after = time(NULL);
	} while (after != now);
	CHECK_EQ(get(0x0d), 0x80);
}

static void set_clock(void)
{
	fresh();
	set(0x0b, 0x82);	/* hold, 24 hours, BCD */
	set(0, 0x30);
	set(2, 0x59);
	set(4, 0x23);
	set(7, 0x29);
	set(8, 0x02);
	set(9, 0x24);
	set(0x32, 0x20);
	set(0x0b, 0x02);
	CHECK_EQ(get(4), 0x23);
	CHECK_EQ(get(2), 0x59);
	CHECK(get(0) == 0x30 || get(0) == 0x31);
	CHECK_EQ(get(7), 0x29);
	set(0x0b, 0x00);	/* 12 hours */
	CHECK_EQ(get(4), 0x91);
	set(0x0b, 0x04);	/* binary, 12 hours */
	CHECK_EQ(get(4), 0x8b);
	CHECK_EQ(get(9), 24);
	set(4, 12);		/* midnight */
	set(0x0b, 0x06);
	CHECK_EQ(get(4), 0);
}

static void nvram(void)
{
	fresh();
	set(0x40, 0x5a);
	CHECK_EQ(get(0x40), 0x5a);
	CHECK_EQ(get(0x40 | 0x80), 0x5a);	/* bit 7 masks NMI */
	set(0x0d, 0);
	CHECK_EQ(get(0x0d), 0x80);
}

static void flags(void)
{
	fresh();
	set(0x0a, 0x26);	/* 1024 Hz */
	get(0x0c);
	usleep(3000);
	CHECK_EQ(get(0x0c) & 0x40, 0x40);
	CHECK(!line_level);
	set(0x0b, 0x42);
	usleep(3000);
	CHECK_EQ(get(0x0c) & 0xc0, 0xc0);
	CHECK(!line_level);	/* reading C lowers it */
	usleep(1100 * 1000);
	CHECK_EQ(get(0x0c) & 0x10, 0x10);
}

static void alarm_matches(void)
{
	fresh();
	set(1, 0xc0);
	set(3, 0xff);
	set(5, 0xc5);
	get(0x0c);
	usleep(1100 * 1000);
	CHECK_EQ(get(0x0c) & 0x20, 0x20);
	set(5, 0x24);		/* an hour that does not come */
	get(0x0c);
	usleep(1100 * 1000);
	CHECK_EQ(get(0x0c) & 0x30, 0x10);
}

const struct test rtc_tests[] = {
	{ "rtc: tells the time", reads_host_time },
	{ "rtc: setting it, BCD and binary, 12 and 24 hours", set_clock },
	{ "rtc: memory", nvram },
	{ "rtc: periodic and update flags", flags },
	{ "rtc: alarm", alarm_matches },
	{ NULL, NULL },
};
