// SPDX-License-Identifier: GPL-2.0-only
/*
 * Motorola MC146818A, as its data sheet has it. The guest's clock is the
 * host's plus an offset, which changes when the guest sets the time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "loop.h"
#include "report.h"
#include "rtc.h"
#include "snapshot.h"

enum {
	SECONDS = 0, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM,
	WEEKDAY, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,

	A_UPDATING = 0x80,
	A_DIVIDER_32KHZ = 0x20,
	A_RATE_1024HZ = 0x06,

	B_SET = 0x80,
	B_PERIODIC = 0x40,
	B_ALARM = 0x20,
	B_UPDATE = 0x10,
	B_BINARY = 0x04,
	B_24H = 0x02,

	C_IRQ = 0x80,		/* C_x sits where B_x, its enable bit, does */
	C_PERIODIC = 0x40,
	C_ALARM = 0x20,
	C_UPDATE = 0x10,

	D_VALID = 0x80,

	HOUR_PM = 0x80,
	ALARM_ANY = 0xc0,	/* both top bits: matches every value */

	NVRAM_SIZE = 128,
};

#define UPDATE_NS 244000	/* updating is announced so long before */

struct rtc {
	pthread_mutex_t lock;	/* guards all below */
	struct irq_line irq;
	struct loop_watch *timer;
	uint8_t index;
	uint8_t nvram[NVRAM_SIZE];
	time_t offset;		/* guest's time minus host's, seconds */
	time_t checked;		/* guest's second flags were last set for */
	uint64_t period_end;	/* of the periodic interrupt, now_ns() */
};

static uint8_t encode(const struct rtc *rtc, int value)
{
	if (rtc->nvram[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static int decode(const struct rtc *rtc, uint8_t value)
{
	if (rtc->nvram[REG_B] & B_BINARY)
		return value;
	return (value >> 4) * 10 + (value & 0x0f);
}

static uint8_t encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->nvram[REG_B] & B_24H)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) |
	       (hour >= 12 ? HOUR_PM : 0);
}

static int decode_hour(const struct rtc *rtc, uint8_t value)
{
	if (rtc->nvram[REG_B] & B_24H)
		return decode(rtc, value);
	return decode(rtc, value & (uint8_t)~HOUR_PM) % 12 +
	       (value & HOUR_PM ? 12 : 0);
}

static void host_time(struct timespec *ts)
{
	clock_gettime(CLOCK_REALTIME, ts);
}

static time_t guest_time(const struct rtc *rtc)
{
	struct timespec ts;

	host_time(&ts);
	return ts.tv_sec + rtc->offset;
}

/* Time to registers, unless the guest holds them to set the clock. */
static void load_time(struct rtc *rtc)
{
	time_t now = guest_time(rtc);
	struct tm tm;

	if ((rtc->nvram[REG_B] & B_SET) || !gmtime_r(&now, &tm))
		return;
	rtc->nvram[SECONDS] = encode(rtc, tm.tm_sec);
	rtc->nvram[MINUTES] = encode(rtc, tm.tm_min);
	rtc->nvram[HOURS] = encode_hour(rtc, tm.tm_hour);
	rtc->nvram[WEEKDAY] = encode(rtc, tm.tm_wday + 1);
	rtc->nvram[DAY] = encode(rtc, tm.tm_mday);
	rtc->nvram[MONTH] = encode(rtc, tm.tm_mon + 1);
	rtc->nvram[YEAR] = encode(rtc, tm.tm_year % 100);
	rtc->nvram[RTC_CENTURY] = encode(rtc, tm.tm_year / 100 + 19);
}

/* Registers to time: the guest set the clock. */
static void store_time(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = decode(rtc, rtc->nvram[SECONDS]),
		.tm_min = decode(rtc, rtc->nvram[MINUTES]),
		.tm_hour = decode_hour(rtc, rtc->nvram[HOURS]),
		.tm_mday = decode(rtc, rtc->nvram[DAY]),
		.tm_mon = decode(rtc, rtc->nvram[MONTH]) - 1,
		.tm_year = decode(rtc, rtc->nvram[YEAR]) - 1900 +
			   decode(rtc, rtc->nvram[RTC_CENTURY]) * 100,
	};
	struct timespec ts;

	host_time(&ts);
	rtc->offset = timegm(&tm) - ts.tv_sec;
	rtc->checked = ts.tv_sec + rtc->offset;
}

static bool alarm_field_matches(uint8_t alarm, uint8_t now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

static bool alarm_matches(struct rtc *rtc)
{
	load_time(rtc);
	return alarm_field_matches(rtc->nvram[SECONDS_ALARM],
				   rtc->nvram[SECONDS]) &&
	       alarm_field_matches(rtc->nvram[MINUTES_ALARM],
				   rtc->nvram[MINUTES]) &&
	       alarm_field_matches(rtc->nvram[HOURS_ALARM],
				   rtc->nvram[HOURS]);
}

/* Data sheet, table 5: 0 is off, 1 and 2 mean the same as 8 and 9. */
static uint64_t period_ns(const struct rtc *rtc)
{
	unsigned int rate = rtc->nvram[REG_A] & 0x0f;

	if (!rate)
		return 0;
	if (rate < 3)
		rate += 7;
	return (NSEC_PER_SEC << (rate - 1)) / 32768;
}

/* Sets the flags that time has brought since the last call. */
static void update_flags(struct rtc *rtc)
{
	uint64_t period = period_ns(rtc);
	uint64_t now = now_ns();
	time_t second = guest_time(rtc);

	if (second != rtc->checked && !(rtc->nvram[REG_B] & B_SET)) {
		rtc->checked = second;
		rtc->nvram[REG_C] |= C_UPDATE;
		if (alarm_matches(rtc))
			rtc->nvram[REG_C] |= C_ALARM;
	}
	if (period && now >= rtc->period_end) {
		rtc->nvram[REG_C] |= C_PERIODIC;
		rtc->period_end = now + period - (now - rtc->period_end) %
				  period;
	}
}

static void update_irq(struct rtc *rtc)
{
	uint8_t enabled = rtc->nvram[REG_B] &
			  (B_PERIODIC | B_ALARM | B_UPDATE);
	bool level = rtc->nvram[REG_C] & enabled;

	if (level)
		rtc->nvram[REG_C] |= C_IRQ;
	irq_set(&rtc->irq, level);
}

/* The timer runs only for interrupts; flags alone are found when read. */
static void set_timer(struct rtc *rtc)
{
	struct timespec ts;
	uint64_t when = 0;

	if (rtc->nvram[REG_B] & (B_ALARM | B_UPDATE)) {
		host_time(&ts);
		when = now_ns() + NSEC_PER_SEC - (uint64_t)ts.tv_nsec;
	}
	if ((rtc->nvram[REG_B] & B_PERIODIC) && period_ns(rtc) &&
	    (!when || rtc->period_end < when))
		when = rtc->period_end;
	loop_timer_set(rtc->timer, when);
}

static void timer_fired(void *opaque)
{
	struct rtc *rtc = opaque;

	pthread_mutex_lock(&rtc->lock);
	update_flags(rtc);
	update_irq(rtc);
	set_timer(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static uint8_t read_reg_a(const struct rtc *rtc)
{
	struct timespec ts;

	host_time(&ts);
	if (!(rtc->nvram[REG_B] & B_SET) &&
	    ts.tv_nsec >= (long)NSEC_PER_SEC - UPDATE_NS)
		return rtc->nvram[REG_A] | A_UPDATING;
	return rtc->nvram[REG_A];
}

static uint8_t read_reg_c(struct rtc *rtc)
{
	uint8_t flags;

	update_flags(rtc);
	update_irq(rtc);
	flags = rtc->nvram[REG_C];
	rtc->nvram[REG_C] = 0;
	update_irq(rtc);
	return flags;
}

static uint8_t read_reg(struct rtc *rtc, uint8_t reg)
{
	switch (reg) {
	case REG_A:
		return read_reg_a(rtc);
	case REG_C:
		return read_reg_c(rtc);
	case REG_D:
		return D_VALID;
	default:
		load_time(rtc);
		return rtc->nvram[reg];
	}
}

static void write_reg_b(struct rtc *rtc, uint8_t value)
{
	uint8_t old = rtc->nvram[REG_B];

	if (value & B_SET) {
		load_time(rtc);
		value &= (uint8_t)~B_UPDATE;	/* SET clears it */
	}
	rtc->nvram[REG_B] = value;
	if ((old & B_SET) && !(value & B_SET))
		store_time(rtc);
	update_flags(rtc);
	update_irq(rtc);
	set_timer(rtc);
}

static bool is_time_reg(uint8_t reg)
{
	return reg == SECONDS || reg == MINUTES || reg == HOURS ||
	       (reg >= WEEKDAY && reg <= YEAR) || reg == RTC_CENTURY;
}

static void write_reg(struct rtc *rtc, uint8_t reg, uint8_t value)
{
	switch (reg) {
	case REG_A:
		rtc->nvram[REG_A] = value & (uint8_t)~A_UPDATING;
		rtc->period_end = now_ns() + period_ns(rtc);
		set_timer(rtc);
		return;
	case REG_B:
		write_reg_b(rtc, value);
		return;
	case REG_C:
	case REG_D:
		return;		/* read-only */
	}
	load_time(rtc);
	rtc->nvram[reg] = value;
	if (is_time_reg(reg) && !(rtc->nvram[REG_B] & B_SET))
		store_time(rtc);
}

static uint32_t port_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct rtc *rtc = opaque;
	uint8_t value = 0xff;	/* the index is write-only */

	(void)len;
	pthread_mutex_lock(&rtc->lock);
	if (offset == 1)
		value = read_reg(rtc, rtc->index);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned int len,
		       uint32_t value)
{
	struct rtc *rtc = opaque;

	(void)len;
	pthread_mutex_lock(&rtc->lock);
	if (offset == 0)
		rtc->index = value % NVRAM_SIZE;	/* bit 7 masks NMI */
	else
		write_reg(rtc, rtc->index, (uint8_t)value);
	pthread_mutex_unlock(&rtc->lock);
}

void rtc_snapshot(struct rtc *rtc, struct snapshot *s)
{
	/* the guest's clock stands still while there is no guest */
	int64_t time = guest_time(rtc), checked = rtc->checked;
	int64_t period = (int64_t)(rtc->period_end - now_ns());

	pthread_mutex_lock(&rtc->lock);
	snapshot_item(s, &rtc->index, sizeof(rtc->index));
	snapshot_item(s, rtc->nvram, sizeof(rtc->nvram));
	snapshot_item(s, &time, sizeof(time));
	snapshot_item(s, &checked, sizeof(checked));
	snapshot_item(s, &period, sizeof(period));
	rtc->index %= NVRAM_SIZE;
	rtc->offset += time - guest_time(rtc);
	rtc->checked = checked;
	rtc->period_end = now_ns() + (uint64_t)period;
	update_irq(rtc);
	set_timer(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

struct rtc *rtc_create(struct irq_line irq)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));

	if (!rtc)
		die_host(NULL, "creating the clock");
	pthread_mutex_init(&rtc->lock, NULL);
	rtc->irq = irq;
	rtc->timer = loop_timer(timer_fired, rtc);
	rtc->nvram[REG_A] = A_DIVIDER_32KHZ | A_RATE_1024HZ;
	rtc->nvram[REG_B] = B_24H;
	rtc->period_end = now_ns() + period_ns(rtc);
	rtc->checked = guest_time(rtc);
	return rtc;
}

void rtc_attach(struct rtc *rtc, struct bus *ports)
{
	bus_add(ports, &(struct bus_range){
		.name = "clock", .base = 0x70, .size = 2, .width = 1,
		.read = port_read, .write = port_write, .opaque = rtc,
	});
}
