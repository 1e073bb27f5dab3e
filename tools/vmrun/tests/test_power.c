// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include "array.h"
#include "power.h"
#include "stop.h"
#include "tap.h"

#define NO_STOP 200

static bool line_level;

static void set_line(unsigned int gsi, bool level)
{
	(void)gsi;
	line_level = level;
}

static struct bus ports = { .name = "port" };

static void attach(void)
{
	static bool attached;

	if (attached)
		return;
	attached = true;
	power_attach(&ports, (struct irq_line){ .set = set_line, .gsi = 9 });
}

static void out(uint16_t port, unsigned int len, uint32_t value)
{
	bus_access(&ports, port, &value, len, true);
}

static uint32_t in(uint16_t port, unsigned int len)
{
	uint32_t value = 0;

	bus_access(&ports, port, &value, len, false);
	return value;
}

struct access {
	uint16_t port;
	uint8_t len;
	uint32_t value;
};

static void write_and_exit(void *arg)
{
	const struct access *access = arg;

	stop_init();
	out(access->port, access->len, access->value);
	_exit(stop_requested() ? stop_status() : NO_STOP);
}

static void ways_out(void)
{
	static const struct {
		struct access access;
		int status;
	} cases[] = {
		{ { ACPI_PM1_CONTROL, 2, 5 << 10 | 1 << 13 }, EXIT_POWEROFF },
		{ { ACPI_PM1_CONTROL + 1, 1, 5 << 2 | 1 << 5 },
		  EXIT_POWEROFF },
		{ { ACPI_PM1_CONTROL, 2, 3 << 10 | 1 << 13 }, NO_STOP },
		{ { ACPI_PM1_CONTROL, 2, 5 << 10 }, NO_STOP },
		{ { RESET_PORT, 1, RESET_VALUE }, EXIT_REBOOT },
		{ { RESET_PORT, 1, 0x02 }, NO_STOP },
		/* The PCI address register is not the reset register. */
		{ { 0x64, 1, 0xfe }, EXIT_REBOOT },
		{ { 0x64, 1, 0xd1 }, NO_STOP },
		{ { 0x92, 1, 0x03 }, EXIT_REBOOT },
		{ { 0x92, 1, 0x02 }, NO_STOP },
		{ { DEBUG_EXIT_PORT, 1, 0 }, 0 },
		{ { DEBUG_EXIT_PORT, 1, 7 }, 7 },
		{ { DEBUG_EXIT_PORT, 1, 0xff }, EXIT_GUEST_MAX },
		{ { DEBUG_EXIT_PORT, 4, 0x80000000 }, EXIT_GUEST_MAX },
		{ { 0x80, 1, 1 }, NO_STOP },
	};
	size_t i;

	attach();
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(status_of(write_and_exit, (void *)&cases[i].access),
			 cases[i].status);
}

static void button(void)
{
	attach();
	CHECK_EQ(in(ACPI_PM1_CONTROL, 2) & 1, 1);
	out(ACPI_PM1_EVENT + 2, 2, 1 << 8);
	CHECK(!line_level);
	power_button();
	CHECK(line_level);
	CHECK_EQ(in(ACPI_PM1_EVENT, 2), 1 << 8);
	out(ACPI_PM1_EVENT, 2, 1);
	CHECK(line_level);
	out(ACPI_PM1_EVENT, 2, 1 << 8);
	CHECK(!line_level);
	CHECK_EQ(in(ACPI_PM1_EVENT, 4), 1 << 24);
	out(ACPI_PM1_EVENT, 4, 0);
	CHECK_EQ(in(ACPI_PM1_EVENT + 2, 2), 0);
}

static void timer(void)
{
	uint32_t before, after;

	attach();
	before = in(ACPI_PM_TIMER, 4);
	usleep(20000);
	after = in(ACPI_PM_TIMER, 4);
	/* 20 ms are 71591 ticks; a busy machine makes it more. */
	CHECK(after - before >= 71000);
	CHECK(after - before < 100 * 71591);
}

const struct test power_tests[] = {
	{ "power: every way out, and what is none", ways_out },
	{ "power: button, status and enable bits", button },
	{ "power: the ACPI timer's speed", timer },
	{ NULL, NULL },
};
