// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many instructions does the emulator take? Counted by single-stepping
 * nothing but the call: the trap flag is set around it and the traps counted.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include "guest.h"
#include "tap.h"

/* Instructions, for the common moves; for those that have all at once */
#define DECODE_BAR	120u
#define DECODE_BAR_RARE	140u

static struct guest g;
static u8 code[4096], device[4096];
static volatile unsigned long steps;

static void trap(int sig, siginfo_t *info, void *uc)
{
	steps++;
}

#define COUNTED(call) do {						\
	steps = 0;							\
	asm volatile("pushfq; orl $0x100, (%%rsp); popfq" ::: \
		     "cc", "memory");					\
	call;								\
	asm volatile("pushfq; andl $~0x100, (%%rsp); popfq" ::: \
		     "cc", "memory");					\
} while (0)

static void load(const char *hex)
{
	unsigned int i, byte;

	memset(code, 0x90, sizeof(code));
	for (i = 0; sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		code[i] = byte;
	guest_reset(&g, EMUL_MODE_LONG, 8);
	g.ctx.cpl = 0;
	g.ctx.rip = 0x1000;
	g.ctx.rflags = 2;
	g.regs[EMUL_RDI] = 0x20000;
	g.regs[EMUL_RSI] = 0x10000;
	memcpy(g.ctx.insn, code, 15);
	g.ctx.insn_len = 15;
}

static int __attribute__((__noinline__, __naked__))
nothing(struct emul_ctx *ctx)
{
	asm volatile("ret");
}

/* All that moves to and from memory are made of */
static const struct {
	u8 bytes[2];
	bool imm, offset;
} opcodes[] = {
	{ { 0x88 } }, { { 0x89 } }, { { 0x8a } }, { { 0x8b } },
	{ { 0xc6 }, .imm = true }, { { 0xc7 }, .imm = true },
	{ { 0x0f, 0xb6 } }, { { 0x0f, 0xb7 } },
	{ { 0x0f, 0xbe } }, { { 0x0f, 0xbf } }, { { 0x63 } },
	{ { 0xa0 }, .offset = true }, { { 0xa1 }, .offset = true },
	{ { 0xa2 }, .offset = true }, { { 0xa3 }, .offset = true },
};

/* ModRM, and SIB where that asks for it */
static const u8 operands[][2] = {
	{ 0x07 }, { 0x47 }, { 0x87 },		/* [rdi], disp8, disp32 */
	{ 0x45 }, { 0x85 }, { 0x05 },		/* rbp; rip, or disp32 */
	{ 0x04, 0x88 }, { 0x44, 0x88 },		/* [rax+rcx*4] */
	{ 0x84, 0x88 }, { 0x84, 0x8d },		/* [rbp+rcx*4] */
	{ 0x04, 0x24 }, { 0x44, 0x24 },		/* [rsp] */
	{ 0x04, 0x8d },				/* [rcx*4+disp32] */
};

static const u8 rexes[] = { 0, 0x40, 0x41, 0x44, 0x48, 0x4f };

static unsigned long around;

static void measure(unsigned int code_size, bool has_66, u8 rex,
		    unsigned int op, unsigned int operand,
		    unsigned long most[2])
{
	unsigned int n = 0, extras = has_66 + !!rex + opcodes[op].imm;
	bool memory = !opcodes[op].offset;

	load("");
	if (code_size == 4) {
		g.ctx.mode = EMUL_MODE_PROT;
		g.ctx.code_size = 4;
	}
	if (has_66)
		g.ctx.insn[n++] = 0x66;
	if (rex)
		g.ctx.insn[n++] = rex;
	g.ctx.insn[n++] = opcodes[op].bytes[0];
	if (opcodes[op].bytes[1])
		g.ctx.insn[n++] = opcodes[op].bytes[1];
	if (memory) {
		u8 modrm = operands[operand][0];

		g.ctx.insn[n++] = modrm;
		g.ctx.insn[n++] = operands[operand][1];
		extras += (modrm & 7) == 4 || modrm == 5;
	}
	COUNTED(emul_decode(&g.ctx));
	steps -= around;
	if (steps > most[extras > 2])
		most[extras > 2] = steps;
}

static void measure_all(unsigned int code_size)
{
	unsigned int nr_rexes = code_size == 8 ? ARRAY_SIZE(rexes) : 1;
	unsigned int has_66, rex, op, operand;
	unsigned long most[2] = { 0, 0 };

	for (op = 0; op < ARRAY_SIZE(opcodes); op++) {
		if (opcodes[op].bytes[0] == 0x63 && code_size == 4)
			continue;	/* ARPL */
		for (has_66 = 0; has_66 < 2; has_66++)
			for (rex = 0; rex < nr_rexes; rex++)
				for (operand = 0;
				     operand < ARRAY_SIZE(operands); operand++)
					measure(code_size, has_66, rexes[rex],
						op, operand, most);
	}
	tap_result(most[0] <= DECODE_BAR,
		   "%u-bit code, all moves with at most two of 66, REX, immediate and (SIB or RIP): up to %lu",
		   code_size * 8, most[0]);
	tap_result(most[1] <= DECODE_BAR_RARE,
		   "%u-bit code, with more of them: up to %lu", code_size * 8,
		   most[1]);
}

int main(void)
{
	static const struct {
		const char *name, *hex;
	} cases[] = {
		{ "mov [rdi],eax", "8907" },
		{ "mov eax,[rdi]", "8b07" },
		{ "mov [rdi],rax", "488907" },
		{ "mov rax,[rdi+disp8]", "488b4708" },
		{ "mov [rdi+disp32],eax", "898700010000" },
		{ "mov eax,[r8+rcx*4+8]", "418b448808" },
		{ "mov rax,[rip+disp32]", "488b05f9ff0000" },
		{ "mov [rdi],al", "8807" },
		{ "mov dword [rdi],imm", "c70744332211" },
		{ "mov qword [rdi],imm", "48c70744332211" },
		{ "mov byte [rdi],imm", "c60711" },
		{ "mov [rdi],ax", "668907" },
		{ "mov word [rdi],imm", "66c7071122" },
		{ "mov eax,[moffs]", "a10000020000000000" },
		{ "movzx eax,byte [rdi]", "0fb607" },
		{ "movzx eax,word [rdi]", "0fb707" },
		{ "movsxd rax,[rdi]", "486307" },
		{ "movsd", "a5" },
		{ "rep stosd", "f3ab" },
	};
	struct sigaction sa = {
		.sa_sigaction = trap, .sa_flags = SA_SIGINFO,
	};
	unsigned long decode, run;
	unsigned int i;

	if (sigaction(SIGTRAP, &sa, NULL))
		return 2;
	guest_add(&g, 0x1000, sizeof(code), code, GR_R | GR_X);
	guest_add(&g, 0x20000, 4096, device, GR_R | GR_W);
	guest_add(&g, 0x10000, 4096, device, GR_R | GR_W);
	COUNTED(nothing(&g.ctx));
	around = steps - 1;	/* its RET */
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		load(cases[i].hex);
		COUNTED(emul_decode(&g.ctx));
		decode = steps - around;
		load(cases[i].hex);
		g.regs[EMUL_RCX] = 1;
		COUNTED(emul_run(&g.ctx));
		run = steps - around;
		tap_result(decode <= DECODE_BAR,
			   "%s: %lu instructions to decode, %lu in all",
			   cases[i].name, decode, run);
	}
	measure_all(4);
	measure_all(8);
	return tap_end();
}
