/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of 16-bit code that runs at 0:8000 and reports through a port */
#ifndef SELFTEST_REAL_H
#define SELFTEST_REAL_H

#include "kvmtest.h"

/* 16-bit code that runs at 0:8000; labels are local to it, AT() is their offset */
#define REAL(name, text)						\
	asm(".pushsection .rodata\n"					\
	    ".globl " #name ", " #name "_end\n"				\
	    ".code16\n"							\
	    #name ":\n"							\
	    text "\n"							\
	    #name "_end:\n"						\
	    ".code64\n"							\
	    ".popsection\n");						\
	extern const u8 name[], name##_end[]
#define AT(name, label)		"(0x8000 + " #label " - " #name ")"

#define OUT_PORT	0x80

static inline void start_real(struct vcpu *v, const u8 *code, const u8 *end)
{
	struct kvm_regs r = {
		.rip = G_LOW, .rsp = 0x7000, .rflags = X86_EFLAGS_FIXED,
	};

	memcpy(vm_hva(v->vm, G_LOW), code, end - code);
	vcpu_set_mode(v, CPU_REAL, NULL);
	vcpu_set_regs(v, &r);
}

/* Segments of virtual-8086 mode, all at base; the caller sets EFLAGS.VM. */
static inline void v86_segments(struct kvm_sregs *s, u16 base)
{
	struct kvm_segment seg = {
		.selector = base >> 4, .base = base, .limit = 0xffff, .type = 3,
		.present = 1, .dpl = 3, .s = 1,
	};

	s->cs = seg;
	s->ds = seg;
	s->es = seg;
	s->fs = seg;
	s->gs = seg;
	s->ss = seg;
}

#define START(v, name)		start_real(v, name, name##_end)
#define OUT8(v)			(*(u8 *)expect_pio(v, OUT_PORT, true, 1, 1))
#define OUT16(v)		(*(u16 *)expect_pio(v, OUT_PORT, true, 2, 1))
#define OUT32(v)		(*(u32 *)expect_pio(v, OUT_PORT, true, 4, 1))

#endif
