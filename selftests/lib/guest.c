// SPDX-License-Identifier: GPL-2.0-only
/*
 * Library code that runs in the guest, and the memory functions that the
 * compiler may call there: the C library's pick instructions that the guest
 * has not been given.
 */
#include "guest.h"
#include "layout.h"

guest_handler guest_handlers[256];
extern const char guest_user_return[];

void guest_exception(struct guest_regs *regs);

void guest_exception(struct guest_regs *regs)
{
	struct guest_cpu *c = guest_cpu();
	guest_handler handler = guest_handlers[regs->vector];

	c->count++;
	if (handler) {
		handler(regs);
		return;
	}
	if (regs->vector == 0xf0) {
		/* End of guest_user_call(): go on at CPL 0 with its result */
		regs->rip = (u64)guest_user_return;
		regs->cs = SEL_CS64;
		regs->ss = SEL_DS;
		return;
	}
	if (!c->fixup || regs->vector >= 32) {
		ucall(UCALL_EXCEPTION, regs->vector, regs->error, regs->rip,
		      read_cr2(), regs->rsp);
		return;
	}
	c->vector = regs->vector;
	c->error = regs->error;
	c->cr2 = read_cr2();
	c->rip = regs->rip;
	c->rflags = regs->rflags;
	regs->rip = c->fixup;
	c->fixup = 0;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	asm volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
