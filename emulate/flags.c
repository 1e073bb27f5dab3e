// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic with flags.
 *
 * The host CPU executes the instruction in question on the operands, with the
 * guest's arithmetic flags loaded, so that flags the manual calls undefined
 * come out as this CPU leaves them. Only instructions that every x86-64 CPU has
 * are used that way.
 */
#include "internal.h"

/*
 * Execute @insn between loading and storing the arithmetic flags. All
 * operands have to be registers: the stack pointer moves.
 */
#define WITH_FLAGS(insn)						\
	"pushfq\n\tpopq %[tmp]\n\t"					\
	"andq $~0x8d5, %[tmp]\n\torq %[fl], %[tmp]\n\t"			\
	"pushq %[tmp]\n\tpopfq\n\t"					\
	insn "\n\t"							\
	"pushfq\n\tpopq %[fl]\n\t"

#define TAKE_FLAGS(insn)						\
	insn "\n\t"							\
	"pushfq\n\tpopq %[fl]\n\t"

static inline void flags_out(u64 *flags, unsigned long fl)
{
	*flags = (*flags & ~(u64)FL_ARITH) | (fl & FL_ARITH);
}

static inline unsigned long flags_in(const u64 *flags)
{
	return *flags & FL_ARITH;
}

/* d OP= s in all sizes; only the low bytes of d and s count */
#define ALU_SIZES(how, name)						\
	switch (size) {							\
	case 1:								\
		asm(how(name "b %b[s], %b[d]") :			\
		    [d] "+q" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "q" (s) : "cc");				\
		break;							\
	case 2:								\
		asm(how(name "w %w[s], %w[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s) : "cc");				\
		break;							\
	case 4:								\
		asm(how(name "l %k[s], %k[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s) : "cc");				\
		break;							\
	default:							\
		asm(how(name "q %q[s], %q[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s) : "cc");				\
		break;							\
	}

u64 emul_alu(unsigned int fn, unsigned int size, u64 dst, u64 src, u64 *flags)
{
	unsigned long d = dst, s = src, fl = flags_in(flags), tmp;

	switch (fn) {
	case FN_ADD:
		ALU_SIZES(TAKE_FLAGS, "add");
		break;
	case FN_OR:
		ALU_SIZES(TAKE_FLAGS, "or");
		break;
	case FN_ADC:
		ALU_SIZES(WITH_FLAGS, "adc");
		break;
	case FN_SBB:
		ALU_SIZES(WITH_FLAGS, "sbb");
		break;
	case FN_AND:
		ALU_SIZES(TAKE_FLAGS, "and");
		break;
	case FN_SUB:
		ALU_SIZES(TAKE_FLAGS, "sub");
		break;
	case FN_XOR:
		ALU_SIZES(TAKE_FLAGS, "xor");
		break;
	case FN_CMP:
		ALU_SIZES(TAKE_FLAGS, "cmp");
		break;
	default:
		ALU_SIZES(TAKE_FLAGS, "test");
		break;
	}
	flags_out(flags, fl);
	return d;
}

#define UNARY_SIZES(name)						\
	switch (size) {							\
	case 1:								\
		asm(WITH_FLAGS(name "b %b[d]") :			\
		    [d] "+q" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) : : "cc"); \
		break;							\
	case 2:								\
		asm(WITH_FLAGS(name "w %w[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) : : "cc"); \
		break;							\
	case 4:								\
		asm(WITH_FLAGS(name "l %k[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) : : "cc"); \
		break;							\
	default:							\
		asm(WITH_FLAGS(name "q %q[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) : : "cc"); \
		break;							\
	}

u64 emul_unary(unsigned int fn, unsigned int size, u64 dst, u64 *flags)
{
	unsigned long d = dst, fl = flags_in(flags), tmp;

	switch (fn) {
	case FN_INC:
		UNARY_SIZES("inc");
		break;
	case FN_DEC:
		UNARY_SIZES("dec");
		break;
	case FN_NEG:
		UNARY_SIZES("neg");
		break;
	default:
		return ~dst;
	}
	flags_out(flags, fl);
	return d;
}

#define SHIFT_SIZES(name)						\
	switch (size) {							\
	case 1:								\
		asm(WITH_FLAGS(name "b %%cl, %b[d]") :			\
		    [d] "+q" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    "c" (count) : "cc");				\
		break;							\
	case 2:								\
		asm(WITH_FLAGS(name "w %%cl, %w[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    "c" (count) : "cc");				\
		break;							\
	case 4:								\
		asm(WITH_FLAGS(name "l %%cl, %k[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    "c" (count) : "cc");				\
		break;							\
	default:							\
		asm(WITH_FLAGS(name "q %%cl, %q[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    "c" (count) : "cc");				\
		break;							\
	}

/* @fn: ModRM.reg of group 2; 6 is an undocumented SHL */
u64 emul_shift(unsigned int fn, unsigned int size, u64 dst, u8 count,
	       u64 *flags)
{
	unsigned long d = dst, fl = flags_in(flags), tmp;

	switch (fn) {
	case 0:
		SHIFT_SIZES("rol");
		break;
	case 1:
		SHIFT_SIZES("ror");
		break;
	case 2:
		SHIFT_SIZES("rcl");
		break;
	case 3:
		SHIFT_SIZES("rcr");
		break;
	case 5:
		SHIFT_SIZES("shr");
		break;
	case 7:
		SHIFT_SIZES("sar");
		break;
	default:
		SHIFT_SIZES("shl");
		break;
	}
	flags_out(flags, fl);
	return d;
}

#define SHIFT2_SIZES(name)						\
	do { switch (size) {						\
	case 2:								\
		asm(WITH_FLAGS(name "w %%cl, %w[s], %w[d]") :		\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s), "c" (count) : "cc");			\
		break;							\
	case 4:								\
		asm(WITH_FLAGS(name "l %%cl, %k[s], %k[d]") :		\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s), "c" (count) : "cc");			\
		break;							\
	default:							\
		asm(WITH_FLAGS(name "q %%cl, %q[s], %q[d]") :		\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s), "c" (count) : "cc");			\
		break;							\
	} } while (0)

u64 emul_shift_double(bool left, unsigned int size, u64 dst, u64 src, u8 count,
		      u64 *flags)
{
	unsigned long d = dst, s = src, fl = flags_in(flags), tmp;

	if (left)
		SHIFT2_SIZES("shld");
	else
		SHIFT2_SIZES("shrd");
	flags_out(flags, fl);
	return d;
}

#define MUL_SIZES(name)							\
	do { switch (size) {						\
	case 1:								\
		asm(WITH_FLAGS(name "b %b[s]") :			\
		    "+a" (l), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "q" (s) : "cc");				\
		break;							\
	case 2:								\
		asm(WITH_FLAGS(name "w %w[s]") :			\
		    "+a" (l), "+d" (h), [fl] "+r" (fl), [tmp] "=&r" (tmp) : \
		    [s] "r" (s) : "cc");				\
		break;							\
	case 4:								\
		asm(WITH_FLAGS(name "l %k[s]") :			\
		    "+a" (l), "+d" (h), [fl] "+r" (fl), [tmp] "=&r" (tmp) : \
		    [s] "r" (s) : "cc");				\
		break;							\
	default:							\
		asm(WITH_FLAGS(name "q %q[s]") :			\
		    "+a" (l), "+d" (h), [fl] "+r" (fl), [tmp] "=&r" (tmp) : \
		    [s] "r" (s) : "cc");				\
		break;							\
	} } while (0)

/* For bytes the product is all in *lo */
void emul_mul(bool is_signed, unsigned int size, u64 a, u64 b, u64 *lo, u64 *hi,
	      u64 *flags)
{
	unsigned long l = a, h = 0, s = b, fl = flags_in(flags), tmp;

	if (is_signed)
		MUL_SIZES("imul");
	else
		MUL_SIZES("mul");
	flags_out(flags, fl);
	*lo = l;
	*hi = h;
}

/*
 * Does the quotient of the double-width hi:lo by @by fit? For bytes hi is the
 * upper byte.
 */
static bool quotient_fits(bool is_signed, unsigned int size, u64 lo, u64 hi,
			  u64 by)
{
	u64 mask = size_mask(size), top = (mask >> 1) + 1;
	unsigned long q, r;
	bool neg;

	lo &= mask;
	hi &= mask;
	by &= mask;
	if (!by)
		return false;
	if (!is_signed)
		return hi < by;

	neg = (hi ^ by) & top;
	if (hi & top) {
		lo = -lo & mask;
		hi = (~hi + !lo) & mask;
	}
	if (by & top)
		by = -by & mask;
	if (hi >= by)
		return false;
	if (size == 8) {
		asm("divq %4" : "=a" (q), "=d" (r) :
		    "0" ((unsigned long)lo), "1" ((unsigned long)hi),
		    "r" ((unsigned long)by) : "cc");
	} else {
		q = (hi << (8 * size) | lo) / by;
	}
	return neg ? q <= top : q < top;
}

/* Returns false for #DE */
bool emul_div(bool is_signed, unsigned int size, u64 *lo, u64 *hi, u64 by,
	      u64 *flags)
{
	unsigned long l = *lo, h = *hi, s = by, fl = flags_in(flags), tmp;

	if (!quotient_fits(is_signed, size, *lo, *hi, by))
		return false;
	if (size == 1)
		l = (l & 0xff) | (h & 0xff) << 8;
	if (is_signed)
		MUL_SIZES("idiv");
	else
		MUL_SIZES("div");
	flags_out(flags, fl);
	if (size == 1) {
		h = l >> 8 & 0xff;
		l &= 0xff;
	}
	*lo = l;
	*hi = h;
	return true;
}

#define SCAN_SIZES(name)						\
	switch (size) {							\
	case 2:								\
		asm(WITH_FLAGS(name "w %w[s], %w[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s) : "cc");				\
		break;							\
	case 4:								\
		asm(WITH_FLAGS(name "l %k[s], %k[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s) : "cc");				\
		break;							\
	default:							\
		asm(WITH_FLAGS(name "q %q[s], %q[d]") :			\
		    [d] "+r" (d), [fl] "+r" (fl), [tmp] "=&r" (tmp) :	\
		    [s] "r" (s) : "cc");				\
		break;							\
	}

/*
 * BSF, BSR, and TZCNT, LZCNT, which on a CPU without them execute as the
 * former.
 */
u64 emul_bitscan(unsigned int fn, unsigned int size, u64 dst, u64 src,
		 u64 *flags)
{
	unsigned long d = dst, s = src, fl = flags_in(flags), tmp;

	switch (fn) {
	case FN_BSF:
		SCAN_SIZES("bsf");
		break;
	case FN_BSR:
		SCAN_SIZES("bsr");
		break;
	case FN_TZCNT:
		SCAN_SIZES("rep; bsf");
		break;
	default:
		SCAN_SIZES("rep; bsr");
		break;
	}
	flags_out(flags, fl);
	return d;
}

/* SDM 1 appendix B */
bool emul_condition(u64 fl, unsigned int cc)
{
	bool res;

	switch (cc >> 1) {
	case 0:
		res = fl & FL_OF;
		break;
	case 1:
		res = fl & FL_CF;
		break;
	case 2:
		res = fl & FL_ZF;
		break;
	case 3:
		res = fl & (FL_CF | FL_ZF);
		break;
	case 4:
		res = fl & FL_SF;
		break;
	case 5:
		res = fl & FL_PF;
		break;
	case 6:
		res = !(fl & FL_SF) != !(fl & FL_OF);
		break;
	default:
		res = !(fl & FL_SF) != !(fl & FL_OF) || fl & FL_ZF;
		break;
	}
	return res != (cc & 1);
}
