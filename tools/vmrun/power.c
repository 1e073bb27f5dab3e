// SPDX-License-Identifier: GPL-2.0-only
/* ACPI's PM1a registers and timer, the reset ports and the debug-exit port. */
#include <pthread.h>

#include "array.h"
#include "loop.h"
#include "power.h"
#include "snapshot.h"
#include "stop.h"

/* ACPI 6.4, 4.8.3.1 and 4.8.3.2 */
enum {
	PM1_TIMER		= 1 << 0,	/* TMR_STS, TMR_EN */
	PM1_GLOBAL		= 1 << 5,	/* GBL_STS, GBL_EN */
	PM1_POWER_BUTTON	= 1 << 8,	/* PWRBTN_STS, PWRBTN_EN */
	PM1_RTC			= 1 << 10,	/* RTC_STS: only wakes, never set */
	PM1_EVENTS		= PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON |
				  PM1_RTC,

	CONTROL_SCI_EN		= 1 << 0,
	CONTROL_SLEEP_TYPE	= 7 << 10,
	CONTROL_SLEEP_EN	= 1 << 13,

	RESET_CPU		= 1 << 2,	/* of port 0xcf9 */
	A20_FAST_RESET		= 1 << 0,	/* of port 0x92 */
	A20_ENABLED		= 1 << 1,
	KBC_PULSE_RESET		= 0xfe,		/* command to port 0x64 */
};

#define PM_TIMER_HZ 3579545ull

static struct {
	pthread_mutex_t lock;	/* guards all below */
	struct irq_line sci;
	struct loop_watch *timer;
	uint64_t epoch_ns;	/* when the PM timer was 0 */
	uint64_t half_turns;	/* of the PM timer that TMR_STS knows of */
	uint64_t alarm;		/* what the timer is set to */
	uint16_t status, enable, control;
} pm = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t timer_ticks(void)
{
	uint64_t ns = now_ns() - pm.epoch_ns;

	return ns / NSEC_PER_SEC * PM_TIMER_HZ +
	       ns % NSEC_PER_SEC * PM_TIMER_HZ / NSEC_PER_SEC;
}

/* TMR_STS is set whenever the timer's top bit, bit 31, changes. */
static void update(void)
{
	uint64_t half_turns = timer_ticks() >> 31;
	uint64_t alarm = 0;

	if (half_turns != pm.half_turns) {
		pm.half_turns = half_turns;
		pm.status |= PM1_TIMER;
	}
	irq_set(&pm.sci, pm.status & pm.enable);
	if (pm.enable & PM1_TIMER)
		alarm = pm.epoch_ns + (((half_turns + 1) << 31) / PM_TIMER_HZ +
				       1) * NSEC_PER_SEC;
	/* Guests read the timer often: no system call unless it is due. */
	if (alarm != pm.alarm) {
		pm.alarm = alarm;
		loop_timer_set(pm.timer, alarm);
	}
}

static void timer_fired(void *opaque)
{
	(void)opaque;
	pthread_mutex_lock(&pm.lock);
	update();
	pthread_mutex_unlock(&pm.lock);
}

void power_button(void)
{
	pthread_mutex_lock(&pm.lock);
	pm.status |= PM1_POWER_BUTTON;
	update();
	pthread_mutex_unlock(&pm.lock);
}

void power_snapshot(struct snapshot *s)
{
	uint64_t age;

	pthread_mutex_lock(&pm.lock);
	age = now_ns() - pm.epoch_ns;
	snapshot_item(s, &age, sizeof(age));
	snapshot_item(s, &pm.half_turns, sizeof(pm.half_turns));
	snapshot_item(s, &pm.status, sizeof(pm.status));
	snapshot_item(s, &pm.enable, sizeof(pm.enable));
	snapshot_item(s, &pm.control, sizeof(pm.control));
	pm.epoch_ns = now_ns() - age;
	update();
	pthread_mutex_unlock(&pm.lock);
}

static void write_control(uint16_t value)
{
	/* Without an SMI command port the machine is always in ACPI mode. */
	pm.control = (value & ~CONTROL_SLEEP_EN) | CONTROL_SCI_EN;
	if (!(value & CONTROL_SLEEP_EN))
		return;
	if ((value & CONTROL_SLEEP_TYPE) >> 10 == ACPI_SLEEP_TYPE_S5)
		request_stop(EXIT_POWEROFF, "guest powered off");
	else
		say_verbose("guest asked for sleep type %d, which there is not",
			    (value & CONTROL_SLEEP_TYPE) >> 10);
}

static uint32_t pm_read(void *opaque, uint64_t offset, unsigned int len)
{
	uint64_t value;

	(void)opaque;
	pthread_mutex_lock(&pm.lock);
	update();
	if (offset < ACPI_PM1_EVENT_SIZE)
		value = (uint32_t)pm.enable << 16 | pm.status;
	else if (offset < ACPI_PM1_EVENT_SIZE + ACPI_PM1_CONTROL_SIZE)
		value = pm.control;
	else if (offset >= ACPI_PM_TIMER - ACPI_PM_BASE)
		value = (uint32_t)timer_ticks();
	else
		value = 0;
	pthread_mutex_unlock(&pm.lock);
	value >>= offset % 4 * 8;
	return (uint32_t)(value & (~0ull >> (64 - 8 * len)));
}

/* Registers are 16 bits wide, the bus hands over 16 bits or 8. */
static uint16_t merge(uint16_t old, uint64_t offset, unsigned int len,
		      uint32_t value)
{
	if (len == 2)
		return (uint16_t)value;
	if (offset & 1)
		return (uint16_t)((old & 0x00ff) | value << 8);
	return (uint16_t)((old & 0xff00) | (value & 0xff));
}

static void pm_write(void *opaque, uint64_t offset, unsigned int len,
		     uint32_t value)
{
	(void)opaque;
	if (len == 4) {
		pm_write(opaque, offset, 2, value & 0xffff);
		pm_write(opaque, offset + 2, 2, value >> 16);
		return;
	}
	pthread_mutex_lock(&pm.lock);
	switch (offset & ~1ull) {
	case 0:			/* a one clears the bit */
		pm.status &= (uint16_t)~merge(0, offset, len, value);
		break;
	case 2:
		pm.enable = merge(pm.enable, offset, len, value) & PM1_EVENTS;
		break;
	case ACPI_PM1_CONTROL - ACPI_PM_BASE:
		write_control(merge(pm.control, offset, len, value));
		break;
	}
	update();
	pthread_mutex_unlock(&pm.lock);
}

static uint32_t read_zero(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque, (void)offset, (void)len;
	return 0;
}

static uint32_t read_a20(void *opaque, uint64_t offset, unsigned int len)
{
	(void)opaque, (void)offset, (void)len;
	return A20_ENABLED;
}

static void write_nothing(void *opaque, uint64_t offset, unsigned int len,
			  uint32_t value)
{
	(void)opaque, (void)offset, (void)len, (void)value;
}

static void write_reset(void *opaque, uint64_t offset, unsigned int len,
			uint32_t value)
{
	(void)opaque, (void)offset, (void)len;
	if (value & RESET_CPU)
		request_stop(EXIT_REBOOT, "guest rebooted (port %#x)",
			     RESET_PORT);
}

static void write_a20(void *opaque, uint64_t offset, unsigned int len,
		      uint32_t value)
{
	(void)opaque, (void)offset, (void)len;
	if (value & A20_FAST_RESET)
		request_stop(EXIT_REBOOT, "guest rebooted (port 0x92)");
}

static void write_kbc(void *opaque, uint64_t offset, unsigned int len,
		      uint32_t value)
{
	(void)opaque, (void)offset, (void)len;
	if (value == KBC_PULSE_RESET)
		request_stop(EXIT_REBOOT, "guest rebooted (port 0x64)");
}

static void write_debug_exit(void *opaque, uint64_t offset, unsigned int len,
			     uint32_t value)
{
	(void)opaque, (void)offset, (void)len;
	request_stop(value < EXIT_GUEST_MAX ? (int)value : EXIT_GUEST_MAX,
		     "guest wrote %#x to the debug-exit port", value);
}

void power_attach(struct bus *ports, struct irq_line sci)
{
	static const struct bus_range ranges[] = {
		{ "ACPI", ACPI_PM_BASE, 12, 4, pm_read, pm_write, NULL },
		{ "reset port", RESET_PORT, 1, 1, read_zero, write_reset,
		  NULL },
		{ "fast A20", 0x92, 1, 1, read_a20, write_a20, NULL },
		/* Just what reset needs: never busy, never any data. */
		{ "keyboard controller data", 0x60, 1, 1, read_zero,
		  write_nothing, NULL },
		{ "keyboard controller", 0x64, 1, 1, read_zero, write_kbc,
		  NULL },
		/* POST codes; Linux writes here to let time pass. */
		{ "delay port", 0x80, 1, 1, read_zero, write_nothing, NULL },
		{ "debug-exit port", DEBUG_EXIT_PORT, 4, 4, read_zero,
		  write_debug_exit, NULL },
	};
	size_t i;

	pm.sci = sci;
	pm.control = CONTROL_SCI_EN;
	pm.epoch_ns = now_ns();
	pm.timer = loop_timer(timer_fired, NULL);
	for (i = 0; i < ARRAY_SIZE(ranges); i++)
		bus_add(ports, &ranges[i]);
}
