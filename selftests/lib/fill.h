/* SPDX-License-Identifier: GPL-2.0-only */
/* A suite that defines BASE and PAGES: each of these pages gets a value of its own */
#ifndef SELFTEST_FILL_H
#define SELFTEST_FILL_H

#include "kvmtest.h"

static inline void guest_fill(u64 value)
{
	for (u64 i = 0; i < PAGES; i++)
		*(volatile u64 *)(BASE + i * PAGE_4K) = value + i;
	GUEST_DONE();
}

/* Number of pages that hold something else than value + i */
static inline void guest_check(u64 value)
{
	u64 wrong = 0;

	for (u64 i = 0; i < PAGES; i++)
		wrong += *(volatile u64 *)(BASE + i * PAGE_4K) != value + i;
	GUEST_RETURN(wrong);
}

static inline void fill(struct vcpu *v, u64 value)
{
	vcpu_set_entry(v, guest_fill);
	vcpu_args(v, 1, value);
	expect_done(v);
}

static inline u64 wrong(struct vcpu *v, u64 value)
{
	vcpu_set_entry(v, guest_check);
	vcpu_args(v, 1, value);
	return expect_done(v);
}

#endif
