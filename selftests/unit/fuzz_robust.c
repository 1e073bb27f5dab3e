// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: whatever the guest holds, the emulator neither crashes nor
 * leaves its buffers nor works without end. Build with "make fuzz-robust".
 *
 * Input: mode, privilege, control bits, flags, registers in short form, the
 * instruction, and the contents of memory, where the tables are, too.
 */
#include <stdint.h>
#include <stdlib.h>
#include "guest.h"

#define RAM_BYTES	0x10000u
#define MAX_CALLBACKS	200000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest g;
static u8 ram[RAM_BYTES], device[0x1000];

struct header {
	u8 mode, cpl, cr0, cr4, stack, steps;
	u16 segs[6];
	u32 rflags;
	u16 regs[16];
	u16 ar[6];
	u8 insn[15];
};

static u64 widen(u16 val)
{
	switch (val >> 13) {
	case 0:
		return (u64)(s16)(val << 3) >> 3;
	case 1:
		return 0xffffffff00000000ULL | val;
	case 2:
		return 0x00007fffffff0000ULL | val;
	case 3:
		return 0x20000 + (val & 0xfff);
	default:
		return val & 0x7fff;
	}
}

static void build(const struct header *h)
{
	static const struct {
		u8 mode, size;
	} modes[] = {
		{ EMUL_MODE_REAL, 2 }, { EMUL_MODE_VM86, 2 },
		{ EMUL_MODE_PROT, 2 }, { EMUL_MODE_PROT, 4 },
		{ EMUL_MODE_LONG, 8 }, { EMUL_MODE_LONG, 8 },
		{ EMUL_MODE_PROT, 4 }, { EMUL_MODE_REAL, 2 },
	};
	unsigned int i;

	memset(&g, 0, sizeof(g));
	guest_add(&g, 0, RAM_BYTES - 0x2000, ram, GR_R | GR_W | GR_X);
	guest_add(&g, RAM_BYTES - 0x2000, 0x1000, ram + RAM_BYTES - 0x2000,
		  GR_R | GR_X);
	guest_add(&g, 0x20000, 0x1000, device, GR_R | GR_W | GR_MMIO);
	guest_add(&g, 0x21000, 0x1000, device,
		  GR_R | GR_W | GR_MMIO | GR_POSTED);
	guest_reset(&g, modes[h->mode & 7].mode, modes[h->mode & 7].size);
	if (g.ctx.mode == EMUL_MODE_PROT || g.ctx.mode == EMUL_MODE_LONG)
		g.ctx.cpl = h->cpl & 3;
	if (h->mode & 8)	/* compatibility mode */
		g.efer |= 0x500;
	for (i = 0; i < 16; i++)
		g.regs[i] = widen(h->regs[i]);
	g.ctx.rflags = (h->rflags & 0x3f7fd5) | 2;
	if (g.ctx.mode == EMUL_MODE_VM86)
		g.ctx.rflags |= 0x20000;
	else
		g.ctx.rflags &= ~0x20000ULL;
	for (i = 0; i < 6; i++) {
		g.seg[i].sel = h->segs[i];
		if (h->stack & 1 << i && i != EMUL_CS) {
			g.seg[i].ar = h->ar[i] | (u32)(h->ar[i] & 1) << 16;
			g.seg[i].limit = h->ar[i] << 4;
			g.seg[i].base = h->segs[i];
		}
	}
	if (h->cr0 & 1)
		g.cr[0] ^= h->cr0 & 0x2e;
	g.cr[4] ^= h->cr4 | (h->cr4 & 3) << 16;
	g.gdt.base = 0x1000;
	g.gdt.limit = 0xff;
	g.idt.base = 0x1100;
	g.idt.limit = 0xfff;
	g.seg[EMUL_LDTR].base = 0x2100;
	g.seg[EMUL_LDTR].limit = 0xff;
	g.seg[EMUL_LDTR].ar = 0x82;
	g.seg[EMUL_TR].base = 0x2200;
	g.seg[EMUL_TR].limit = 0x7f;
	g.seg[EMUL_TR].sel = 0x18;
	g.ctx.rip = 0x3000;
	if (h->stack & 128) {
		g.ctx.pio_buf = g.pio_page;
		g.ctx.pio_buf_size = sizeof(g.pio_page);
	}
	memcpy(ram + 0x3000, h->insn, sizeof(h->insn));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header h = { 0 };
	unsigned int i;
	size_t rest;
	int rc;

	memcpy(&h, data, size < sizeof(h) ? size : sizeof(h));
	rest = size > sizeof(h) ? size - sizeof(h) : 0;
	memset(ram, 0, 0x4000);
	if (rest)
		memcpy(ram + 0x1000, data + sizeof(h),
		       rest < 0x2000 ? rest : 0x2000);
	build(&h);
	for (i = 0; i < 4; i++) {
		g.ctx.insn_len = 0;
		g.nr_callbacks = 0;
		switch (h.steps & 7) {
		case 6:
			rc = emul_interrupt(&g.ctx, h.steps >> 3,
					    h.cpl >> 2 & 3 ?: 1, h.cpl & 16,
					    0x1234);
			break;
		case 7:
			rc = emul_task_switch(&g.ctx, h.segs[0], h.cpl >> 2 & 3,
					      h.cpl & 16, 0x1234);
			break;
		default:
			rc = guest_step(&g);
			break;
		}
		if (g.nr_callbacks > MAX_CALLBACKS)
			abort();	/* rule E5 */
		if (rc == EMUL_SPLIT || rc > EMUL_SPLIT)
			abort();
		if (rc != EMUL_OK && rc != EMUL_YIELD)
			break;
	}
	return 0;
}
