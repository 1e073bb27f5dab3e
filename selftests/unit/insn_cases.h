/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions and what they have to do, as text. A case is
 *
 *	MODE CODE NAME | PRESETS | EXPECTED
 *
 * MODE is real, v86, p16, p32, 64. Numbers are hexadecimal. Presets and
 * expectations are words:
 *	rax=N ... r15=N, rip=N, fl=N	registers
 *	mSIZE@ADDR=N			memory, SIZE in bytes
 *	cpl=N cr0=N cr4=N iopl=N	state (presets only)
 *	SEG.base=N, SEG.limit=N, SEG.ar=N, SEG=N (selector)
 *	fault=VECTOR[,ERROR], cr2=N	an exception (expectations only)
 *	unhandled, retry, yield		other results than done
 *	wSIZE@ADDR=N, rSIZE@ADDR	device accesses in order
 *	oSIZE@PORT[xCOUNT]=N, iSIZE@PORT[xCOUNT]
 *	shadow=N, halted, calls=N (number of memory callbacks, at most)
 * Registers that are not mentioned must not change.
 *
 * Memory: 1000-1fff code, 10000-12fff RAM, 13000 read-only, 14000 nothing,
 * 15000 RAM for CPL 0, 20000 device (user space answers; reads give bytes
 * a0, a1, ...), 21000 device with posted writes, 22000 RAM after it.
 */
#ifndef UNIT_INSN_CASES_H
#define UNIT_INSN_CASES_H

struct insn_group {
	const char *name;
	const char *const *cases;
};

extern const struct insn_group insn_groups[];

#endif
