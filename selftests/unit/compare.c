// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the emulator and the CPU made of a case, and where they may differ.
 */
#include "fuzz.h"

/*
 * Flags that are undefined and that this CPU leaves differently in different
 * encodings of one operation: OF after a rotation by an immediate above 1.
 */
static u64 undefined_flags(void)
{
	const struct emul_insn *d = &fuzz_guest.ctx.d;

	if (d->map == 0 && (d->opcode & 0xfe) == 0xc0 &&
	    (d->imm & (d->opsize == 8 ? 0x3f : 0x1f)) != 1)
		return 0x800;
	return 0;
}

/*
 * How many bytes a CPU takes an undefined instruction to have is its own
 * affair: more than 15, or beyond the last page, and that fault comes first.
 */
static bool undefined_too(const struct native_result *n)
{
	const struct emul_fault *f = &fuzz_guest.ctx.fault;
	bool ours_ud = f->vector == 6, cpu_ud = n->trap == 6;
	bool ours_end = f->vector == 13 ||
		(f->vector == 14 && f->error == 0x14);
	bool cpu_end = n->trap == 13 || (n->trap == 14 && n->error == 0x14);

	return !fuzz_guest.ctx.d.length &&
	       ((ours_ud && cpu_end) || (cpu_ud && ours_end));
}

/*
 * Which of the checks of a large operand comes first depends on the CPU, and
 * also how much of it had been written.
 */
static bool large_operand(const struct native_result *n)
{
	const struct emul_insn *d = &fuzz_guest.ctx.d;
	unsigned int fn = d->modrm >> 3 & 7;

	if (!d->length || !d->has_mem || n->trap < 12 || n->trap > 17)
		return false;
	if (d->map == 1)
		return d->opcode == 0xae && fn < 2;
	return d->map == 0 && ((d->opcode == 0xd9 && (fn == 4 || fn == 6)) ||
			       (d->opcode == 0xdd && (fn == 4 || fn == 6)));
}

/* Words below the stack pointer that a faulting instruction left behind */
static bool below_stack(const struct fuzz_case *c, int rc, u64 la)
{
	u64 sp = c->st.regs[EMUL_RSP];

	if (fuzz_guest.ctx.mode != EMUL_MODE_LONG) {
		if (!(fuzz_guest.seg[EMUL_SS].ar & 0x4000))
			sp &= 0xffff;
		sp = (u32)(sp + fuzz_guest.seg[EMUL_SS].base);
	}
	return rc == EMUL_FAULT && la < sp && la >= sp - 260;
}

/* A CPU's MMX store that faults has left the x87 stack (rule E1) */
static bool mmx_store(void)
{
	const struct emul_insn *d = &fuzz_guest.ctx.d;

	return d->map == 1 && !d->rep && !d->has_66 && !d->vex &&
	       ((d->opcode & 0xfe) == 0x7e || d->opcode == 0xe7);
}

/* Returns a description of the first difference, NULL if there is none */
const char *fuzz_compare(const struct fuzz_case *c, int rc,
			 const struct native_result *n)
{
	static const char *const names[16] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	static char text[200];
	struct emul_ctx *ctx = &fuzz_guest.ctx;
	const struct emul_fault *f = &ctx->fault;
	u64 fl, nfl, mask;
	unsigned int i;

	if (rc == EMUL_FAULT) {
		if (undefined_too(n) || large_operand(n))
			return NULL;
		if (n->trap != f->vector) {
			snprintf(text, sizeof(text),
				 "fault %u error %x address %llx, CPU: trap %d error %llx address %llx",
				 f->vector, f->error, f->address, n->trap,
				 n->error, n->cr2);
			return text;
		}
		if (f->has_error && f->error != n->error) {
			snprintf(text, sizeof(text),
				 "fault %u error %x, CPU: error %llx",
				 f->vector, f->error, n->error);
			return text;
		}
		if (f->vector == 14 && f->address != n->cr2) {
			snprintf(text, sizeof(text),
				 "page fault at %llx, CPU: %llx", f->address,
				 n->cr2);
			return text;
		}
	} else if (n->trap != 1) {
		snprintf(text, sizeof(text),
			 "done, CPU: trap %d error %llx address %llx",
			 n->trap, n->error, n->cr2);
		return text;
	}
	if (ctx->rip != n->st.rip) {
		snprintf(text, sizeof(text), "rip %llx, CPU: %llx", ctx->rip,
			 n->st.rip);
		return text;
	}
	for (i = 0; i < 16; i++) {
		if (fuzz_guest.regs[i] == n->st.regs[i])
			continue;
		/* the trap out of compatibility mode saves 32 bits of RSP */
		if (i == EMUL_RSP && fuzz_guest.ctx.mode == EMUL_MODE_PROT &&
		    (u32)fuzz_guest.regs[i] == (u32)n->st.regs[i])
			continue;
		/* a CPU's POPA that faults has loaded registers (rule E1) */
		if (rc == EMUL_FAULT && fuzz_guest.ctx.d.opcode == 0x61 &&
		    fuzz_guest.ctx.d.map == 0 && i != EMUL_RSP)
			continue;
		snprintf(text, sizeof(text), "%s %llx, CPU: %llx, was %llx",
			 names[i], fuzz_guest.regs[i], n->st.regs[i],
			 c->st.regs[i]);
		return text;
	}
	mask = ~(0x10000ULL | (rc == EMUL_FAULT ? 0 : undefined_flags()));
	fl = ctx->rflags & mask;
	nfl = n->st.rflags & mask;
	if (fl != nfl) {
		snprintf(text, sizeof(text),
			 "rflags %llx, CPU: %llx, was %llx, differ %llx", fl,
			 nfl, c->st.rflags, fl ^ nfl);
		return text;
	}
	for (i = 0; i < 6; i++) {
		if (fuzz_guest.seg[i].sel == n->st.sel[i])
			continue;
		/* the kernel's IRET clears the RPL of null selectors */
		if (fuzz_guest.seg[i].sel < 4 && !n->st.sel[i])
			continue;
		snprintf(text, sizeof(text), "segment %u %x, CPU: %x", i,
			 fuzz_guest.seg[i].sel, n->st.sel[i]);
		return text;
	}
	for (i = 0; i < (c->code_size == 8 ? 16 : 8); i++) {
		if (!memcmp(fuzz_guest.vec[i], n->st.fx + 160 + 16 * i, 16))
			continue;
		snprintf(text, sizeof(text), "xmm%u %016llx%016llx", i,
			 *(u64 *)(fuzz_guest.vec[i] + 8), *(u64 *)fuzz_guest.vec[i]);
		return text;
	}
	for (i = 0; i < 160; i++) {
		if (rc == EMUL_FAULT && mmx_store())
			break;
		/* CPUs without FCS and FDS store zeroes */
		if (fuzz_guest.fx[i] == n->st.fx[i] || i == 12 || i == 13 ||
		    i == 20 || i == 21)
			continue;
		/* how wide a canonical FIP and FDP are is the CPU's affair */
		if (i == 14 || i == 15 || i == 22 || i == 23)
			continue;
		snprintf(text, sizeof(text),
			 "FXSAVE image at %u: %02x, CPU: %02x, was %02x", i,
			 fuzz_guest.fx[i], n->st.fx[i], c->st.fx[i]);
		return text;
	}
	if (!memcmp(fuzz_model, fuzz_pages.data, FUZZ_DATA_BYTES))
		return NULL;
	for (i = 0; i < FUZZ_DATA_BYTES; i++) {
		if (fuzz_model[i] == fuzz_pages.data[i] ||
		    below_stack(c, rc, DATA_BASE + i))
			continue;
		snprintf(text, sizeof(text),
			 "memory at %llx: %02x, CPU: %02x, was %02x",
			 DATA_BASE + i, fuzz_model[i], fuzz_pages.data[i], fuzz_pristine[i]);
		return text;
	}
	return NULL;
}

