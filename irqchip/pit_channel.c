// SPDX-License-Identifier: GPL-2.0-only
/*
 * One channel of the 8254 (data sheet 231164, "mode definitions"). s.count is
 * in ticks whether the guest counts in binary or BCD.
 */
#include <linux/math64.h>
#include "pit.h"

static u32 modulus(const struct pit_channel *c)
{
	return c->s.bcd ? 10000 : 0x10000;
}

/* Does a low gate hold the count? The other modes want an edge of it. */
static bool gate_holds(const struct pit_channel *c)
{
	return c->s.mode != 1 && c->s.mode != 5;
}

static u64 ticks(const struct pit_channel *c, s64 now)
{
	s64 ns;

	if (!gate_holds(c)) {
		if (!c->triggered)
			return 0;
	} else if (!c->s.gate) {
		now = c->gate_off;
	}
	ns = now - c->s.count_load_time;
	return ns > 0 ? mul_u64_u32_div(ns, PIT_HZ, NSEC_PER_SEC) : 0;
}

static u16 to_bcd(u32 n)
{
	return n / 1000 % 10 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 |
	       n % 10;
}

static u32 from_bcd(u16 n)
{
	return (n >> 12) * 1000 + (n >> 8 & 15) * 100 + (n >> 4 & 15) * 10 +
	       (n & 15);
}

u16 pit_count(const struct pit_channel *c, s64 now)
{
	u32 n = c->s.count ?: modulus(c), m = modulus(c), left, gone;
	u64 t = ticks(c, now);

	switch (c->s.mode) {
	case 2:
		div_u64_rem(t, n, &gone);
		left = n - gone;
		break;
	case 3:
		/* by two, once for each half of the wave */
		div_u64_rem(t * 2, n, &gone);
		left = (n - gone) & ~1U;
		break;
	default:
		/* goes on below zero */
		div_u64_rem(t, m, &gone);
		left = n + m - gone;
		break;
	}
	left %= m;
	return c->s.bcd ? to_bcd(left) : left;
}

bool pit_out(const struct pit_channel *c, s64 now)
{
	u32 n = c->s.count ?: modulus(c), gone;
	u64 t = ticks(c, now);

	/* after the control word: low in mode 0, high in the others */
	if (c->null_count)
		return c->s.mode != 0;
	switch (c->s.mode) {
	case 0:
		return t >= n;
	case 1:
		return !c->triggered || t >= n;
	case 2:
		div_u64_rem(t, n, &gone);
		return gone != n - 1 || !c->s.gate;
	case 3:
		div_u64_rem(t, n, &gone);
		return gone < (n + 1) / 2 || !c->s.gate;
	case 4:
	case 5:
		return t != n;
	}
	return false;
}

void pit_load(struct pit_channel *c, u16 val, s64 now)
{
	u32 n = c->s.bcd ? from_bcd(val) : val;

	c->s.count = n ?: modulus(c);
	c->null_count = false;
	if (!gate_holds(c))
		return;		/* counts from the next edge of the gate */
	c->s.count_load_time = now;
	c->gate_off = now;
}

void pit_gate(struct pit_channel *c, bool gate, s64 now)
{
	if (gate == c->s.gate)
		return;
	c->s.gate = gate;
	if (!gate) {
		c->gate_off = now;
		return;
	}
	switch (c->s.mode) {
	case 0:
	case 4:
		/* the count was held */
		c->s.count_load_time += now - c->gate_off;
		break;
	default:
		/* the edge starts over */
		c->s.count_load_time = now;
		c->triggered = true;
		break;
	}
}
