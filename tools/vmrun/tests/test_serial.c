// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "serial.h"
#include "tap.h"

static struct serial *uart;
static struct bus ports;
static bool line_level;
static unsigned int edges, rooms, sent;
static uint8_t last_sent;

static void set_line(unsigned int gsi, bool level)
{
	(void)gsi;
	line_level = level;
	edges += level;
}

static void transmit(void *opaque, uint8_t byte)
{
	(void)opaque;
	last_sent = byte;
	sent++;
}

static void room(void *opaque)
{
	(void)opaque;
	rooms++;
}

static void out(uint16_t reg, uint8_t value)
{
	bus_access(&ports, 0x3f8 + reg, &value, 1, true);
}

static uint8_t in(uint16_t reg)
{
	uint8_t value = 0;

	bus_access(&ports, 0x3f8 + reg, &value, 1, false);
	return value;
}

static void fresh(void)
{
	ports = (struct bus){ .name = "port" };
	line_level = false;
	edges = 0;
	sent = 0;
	uart = serial_create((struct irq_line){ .set = set_line, .gsi = 4 },
			     (struct serial_host){ .transmit = transmit,
						   .room = room });
	serial_attach(uart, &ports, 0x3f8);
	out(4, 0x0b);		/* DTR, RTS, OUT2 */
}

static void registers(void)
{
	fresh();
	CHECK_EQ(in(5), 0x60);
	CHECK_EQ(in(2), 0x01);
	out(2, 0x01);
	CHECK_EQ(in(2), 0xc1);
	out(7, 0xa5);
	CHECK_EQ(in(7), 0xa5);
	out(3, 0x83);
	out(0, 1);
	out(1, 0);
	CHECK_EQ(in(0), 1);
	CHECK_EQ(in(1), 0);
	out(3, 0x03);
	CHECK_EQ(in(1), 0);
	out(1, 0xff);
	CHECK_EQ(in(1), 0x0f);
	CHECK_EQ(sent, 0);
	CHECK_EQ(in(6) & 0xf0, 0xb0);
}

static void sends(void)
{
	fresh();
	out(0, 'x');
	CHECK(sent == 1 && last_sent == 'x');
	CHECK(!line_level);
}

static void transmit_interrupt(void)
{
	fresh();
	out(1, 0x02);
	CHECK(line_level);		/* enabled while empty */
	CHECK_EQ(in(2) & 0x0f, 0x02);
	CHECK(!line_level);		/* reading IIR takes it back */
	CHECK_EQ(in(2) & 0x0f, 0x01);
	out(0, 'a');
	CHECK(line_level);
	CHECK_EQ(edges, 2);
	out(0, 'b');			/* still pending: no second edge */
	CHECK_EQ(edges, 2);
	in(2);
	out(1, 0);
	out(1, 2);
	CHECK_EQ(edges, 3);
}

static void receives(void)
{
	uint8_t bytes[16];

	fresh();
	memset(bytes, 'r', sizeof(bytes));
	CHECK_EQ(serial_room(uart), 1);
	out(2, 0xc7);			/* FIFO on, trigger at 14 */
	CHECK_EQ(serial_room(uart), 16);
	out(1, 0x01);
	serial_receive(uart, bytes, 1);
	CHECK(line_level);
	CHECK_EQ(in(2), 0xcc);		/* below the trigger: time-out */
	serial_receive(uart, bytes, 15);
	CHECK_EQ(in(2), 0xc4);
	CHECK_EQ(serial_room(uart), 0);
	serial_receive(uart, bytes, 1);
	CHECK_EQ(in(5), 0x63);		/* overrun, once */
	CHECK_EQ(in(5), 0x61);
	rooms = 0;
	while (in(5) & 1)
		CHECK_EQ(in(0), 'r');
	CHECK_EQ(rooms, 16);
	CHECK(!line_level);
	CHECK_EQ(in(0), 0);
}

static void priorities(void)
{
	fresh();
	out(2, 0x01);
	out(1, 0x03);
	serial_receive(uart, (const uint8_t *)"z", 1);
	CHECK_EQ(in(2), 0xc4);		/* input before transmitter */
	in(0);
	CHECK_EQ(in(2), 0xc2);
	CHECK_EQ(in(2), 0xc1);
}

static void loop_mode(void)
{
	fresh();
	out(4, 0x1a);			/* loop, RTS, OUT2 */
	CHECK_EQ(in(6) & 0xf0, 0x90);
	out(4, 0x10);
	out(0, 'l');
	CHECK_EQ(sent, 0);
	CHECK_EQ(in(5), 0x61);
	CHECK_EQ(in(0), 'l');
	CHECK_EQ(serial_room(uart), 0);
	rooms = 0;
	out(4, 0x0b);
	CHECK(rooms > 0);
	CHECK_EQ(serial_room(uart), 1);
}

static void gate(void)
{
	fresh();
	out(4, 0x03);			/* without OUT2 */
	out(1, 0x02);
	CHECK(!line_level);
	out(4, 0x0b);
	CHECK(line_level);
}

const struct test serial_tests[] = {
	{ "serial: registers", registers },
	{ "serial: sends", sends },
	{ "serial: transmitter interrupt and its edges", transmit_interrupt },
	{ "serial: receives, FIFO and overrun", receives },
	{ "serial: interrupt priorities", priorities },
	{ "serial: loop mode", loop_mode },
	{ "serial: OUT2 gates the interrupt", gate },
	{ NULL, NULL },
};
