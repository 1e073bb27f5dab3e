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

/* Instructions, for the common moves; and for those with REX, SIB and more */
#define DECODE_BAR	120u
#define DECODE_BAR_LONG	140u

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

int main(void)
{
	static const struct {
		const char *name, *hex;
		bool is_long;
	} cases[] = {
		{ "mov [rdi],eax", "8907" },
		{ "mov eax,[rdi]", "8b07" },
		{ "mov [rdi],rax", "488907" },
		{ "mov rax,[rdi+disp8]", "488b4708" },
		{ "mov [rdi+disp32],eax", "898700010000" },
		{ "mov eax,[r8+rcx*4+8]", "418b448808", true },
		{ "mov [rdi],al", "8807" },
		{ "mov dword [rdi],imm", "c70744332211", true },
		{ "mov byte [rdi],imm", "c60711" },
		{ "mov [rdi],ax", "668907", true },
		{ "movzx eax,byte [rdi]", "0fb607" },
		{ "movzx eax,word [rdi]", "0fb707" },
		{ "movsd", "a5" },
		{ "rep stosd", "f3ab" },
	};
	struct sigaction sa = {
		.sa_sigaction = trap, .sa_flags = SA_SIGINFO,
	};
	unsigned long decode, run, around;
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
		tap_result(decode <= (cases[i].is_long ? DECODE_BAR_LONG :
							DECODE_BAR),
			   "%s: %lu instructions to decode, %lu in all",
			   cases[i].name, decode, run);
	}
	return tap_end();
}
