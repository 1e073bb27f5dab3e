// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's callbacks on a guest made of a few pages.
 */
#include <stdlib.h>
#include "guest.h"

static struct guest *to_guest(struct emul_ctx *ctx)
{
	return container_of(ctx, struct guest, ctx);
}

struct guest_region *guest_find(struct guest *g, u64 la)
{
	unsigned int i;

	for (i = 0; i < g->nr_regions; i++)
		if (la - g->region[i].base < g->region[i].len)
			return &g->region[i];
	return NULL;
}

static void log_event(struct guest *g, char what, u64 addr, unsigned int size,
		      unsigned int count, u64 data)
{
	struct guest_event *e;

	if (g->nr_log >= GUEST_LOG)
		return;
	e = &g->log[g->nr_log++];
	e->what = what;
	e->size = size;
	e->count = count;
	e->addr = addr;
	e->data = data;
}

static int check(struct guest *g, u64 la, unsigned int len,
		 unsigned int access, struct guest_region **found)
{
	struct guest_region *r = guest_find(g, la);
	unsigned int need, error;

	if ((la & (GUEST_PAGE - 1)) + len > GUEST_PAGE)
		abort();	/* rule E2 */
	g->nr_callbacks++;
	need = access & EMUL_ACC_WRITE ? GR_W :
	       access & EMUL_ACC_FETCH ? GR_X : GR_R;
	error = (access & EMUL_ACC_WRITE ? 2 : 0) |
		(access & EMUL_ACC_USER ? 4 : 0) |
		(access & EMUL_ACC_FETCH ? 16 : 0);
	if (!r) {
		if (la < g->zone || la >= g->zone_end)
			g->escaped = true;
		return emul_set_page_fault(&g->ctx, la, error);
	}
	if (!(r->kind & (GR_R | GR_W | GR_X)))
		return emul_set_page_fault(&g->ctx, la, error);
	if (!(r->kind & need) ||
	    (r->kind & GR_SYSTEM && access & EMUL_ACC_USER))
		return emul_set_page_fault(&g->ctx, la, error | 1);
	*found = r;
	return EMUL_OK;
}

static int g_fetch(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		   unsigned int access)
{
	struct guest *g = to_guest(ctx);
	struct guest_region *r;
	int rc;

	g->fetches++;
	rc = check(g, la, len, access, &r);
	if (!rc)
		memcpy(buf, r->data + (la - r->base), len);
	return rc;
}

static int g_read(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		  unsigned int access)
{
	struct guest *g = to_guest(ctx);
	struct guest_region *r;
	int rc;

	rc = check(g, la, len, access, &r);
	if (rc)
		return rc;
	if (r->kind & GR_MMIO) {
		if (len > 8)
			return EMUL_SPLIT;
		log_event(g, 'r', la, len, 1, 0);
		return EMUL_IO;
	}
	memcpy(buf, r->data + (la - r->base), len);
	return EMUL_OK;
}

static int g_write(struct emul_ctx *ctx, u64 la, const void *buf,
		   unsigned int len, unsigned int access)
{
	struct guest *g = to_guest(ctx);
	struct guest_region *r;
	u64 data = 0;
	int rc;

	rc = check(g, la, len, access, &r);
	if (rc)
		return rc;
	if (r->kind & GR_MMIO) {
		if (len > 8)
			return EMUL_SPLIT;
		memcpy(&data, buf, len);
		log_event(g, 'w', la, len, 1, data);
		if (r->kind & GR_POSTED) {
			ctx->stop = true;
			return EMUL_OK;
		}
		return EMUL_IO;
	}
	memcpy(r->data + (la - r->base), buf, len);
	return EMUL_OK;
}

static int g_cmpxchg(struct emul_ctx *ctx, u64 la, void *old, const void *new,
		     unsigned int len, unsigned int access)
{
	struct guest *g = to_guest(ctx);
	struct guest_region *r;
	u8 *p;
	int rc;

	rc = check(g, la, len, access, &r);
	if (rc)
		return rc;
	if (r->kind & GR_MMIO)
		return g_write(ctx, la, new, len, access);
	p = r->data + (la - r->base);
	if (g->cmpxchg_races) {	/* somebody else was faster */
		g->cmpxchg_races--;
		p[0]++;
	}
	if (memcmp(p, old, len)) {
		memcpy(old, p, len);
		return EMUL_RETRY;
	}
	memcpy(p, new, len);
	return EMUL_OK;
}

static int g_probe(struct emul_ctx *ctx, u64 la, unsigned int len,
		   unsigned int access)
{
	struct guest_region *r;

	return check(to_guest(ctx), la, len, access, &r);
}

static unsigned int g_ram_read(struct emul_ctx *ctx, u64 la, void *buf,
			       unsigned int len, unsigned int access)
{
	struct emul_fault saved = ctx->fault;
	struct guest *g = to_guest(ctx);
	bool escaped = g->escaped;
	struct guest_region *r;

	if (check(g, la, len, access, &r)) {
		ctx->fault = saved;
		g->escaped = escaped;
		return 0;
	}
	if (r->kind & GR_MMIO)
		return 0;
	memcpy(buf, r->data + (la - r->base), len);
	return len;
}

static unsigned int g_ram_write(struct emul_ctx *ctx, u64 la, const void *buf,
				unsigned int len, unsigned int access)
{
	struct emul_fault saved = ctx->fault;
	struct guest *g = to_guest(ctx);
	bool escaped = g->escaped;
	struct guest_region *r;

	if (check(g, la, len, access, &r)) {
		ctx->fault = saved;
		g->escaped = escaped;
		return 0;
	}
	if (r->kind & GR_MMIO)
		return 0;
	if (buf)
		memcpy(r->data + (la - r->base), buf, len);
	return len;
}

static int g_pio_in(struct emul_ctx *ctx, u16 port, unsigned int size,
		    unsigned int count, void *data)
{
	(void)data;
	log_event(to_guest(ctx), 'i', port, size, count, 0);
	return EMUL_IO;
}

static int g_pio_out(struct emul_ctx *ctx, u16 port, unsigned int size,
		     unsigned int count, const void *data)
{
	u64 val = 0;

	memcpy(&val, data, size);
	log_event(to_guest(ctx), 'o', port, size, count, val);
	return EMUL_IO;
}

static u64 g_seg_base(struct emul_ctx *ctx, enum emul_segreg seg)
{
	return to_guest(ctx)->seg[seg].base;
}

static void g_get_seg(struct emul_ctx *ctx, enum emul_segreg seg,
		      struct emul_seg *val)
{
	*val = to_guest(ctx)->seg[seg];
}

static void g_set_seg(struct emul_ctx *ctx, enum emul_segreg seg,
		      const struct emul_seg *val)
{
	to_guest(ctx)->seg[seg] = *val;
}

static void g_get_gdt(struct emul_ctx *ctx, struct emul_table *val)
{
	*val = to_guest(ctx)->gdt;
}

static void g_set_gdt(struct emul_ctx *ctx, const struct emul_table *val)
{
	to_guest(ctx)->gdt = *val;
}

static void g_get_idt(struct emul_ctx *ctx, struct emul_table *val)
{
	*val = to_guest(ctx)->idt;
}

static void g_set_idt(struct emul_ctx *ctx, const struct emul_table *val)
{
	to_guest(ctx)->idt = *val;
}

static u64 g_get_cr(struct emul_ctx *ctx, unsigned int cr)
{
	return to_guest(ctx)->cr[cr];
}

static int g_set_cr(struct emul_ctx *ctx, unsigned int cr, u64 val)
{
	to_guest(ctx)->cr[cr] = val;
	return EMUL_OK;
}

static u64 g_get_dr(struct emul_ctx *ctx, unsigned int dr)
{
	return to_guest(ctx)->dr[dr];
}

static int g_set_dr(struct emul_ctx *ctx, unsigned int dr, u64 val)
{
	to_guest(ctx)->dr[dr] = val;
	return EMUL_OK;
}

static void g_end_local_bp(struct emul_ctx *ctx)
{
	struct guest *g = to_guest(ctx);

	g->dr[7] &= ~0x155ULL;
	ctx->dr7 = g->dr[7] & 0xff ? g->dr[7] : 0;
}

static u64 *msr(struct guest *g, u32 nr)
{
	switch (nr) {
	case 0x174: return &g->sysenter_cs;
	case 0x175: return &g->sysenter_esp;
	case 0x176: return &g->sysenter_eip;
	case 0xc0000080: return &g->efer;
	case 0xc0000081: return &g->star;
	case 0xc0000082: return &g->lstar;
	case 0xc0000083: return &g->cstar;
	case 0xc0000084: return &g->sfmask;
	case 0xc0000100: return &g->seg[EMUL_FS].base;
	case 0xc0000101: return &g->seg[EMUL_GS].base;
	case 0xc0000102: return &g->kernel_gs_base;
	case 0xc0000103: return &g->tsc_aux;
	}
	return NULL;
}

static u64 g_get_msr(struct emul_ctx *ctx, u32 nr)
{
	u64 *m = msr(to_guest(ctx), nr);

	return m ? *m : 0;
}

static void g_set_msr(struct emul_ctx *ctx, u32 nr, u64 val)
{
	u64 *m = msr(to_guest(ctx), nr);

	if (m)
		*m = val;
}

static int g_rdmsr(struct emul_ctx *ctx, u32 nr, u64 *val)
{
	u64 *m = msr(to_guest(ctx), nr);

	if (!m)
		return emul_set_fault(ctx, 13, true, 0);
	*val = *m;
	return EMUL_OK;
}

static int g_wrmsr(struct emul_ctx *ctx, u32 nr, u64 val)
{
	u64 *m = msr(to_guest(ctx), nr);

	if (!m)
		return emul_set_fault(ctx, 13, true, 0);
	*m = val;
	return EMUL_OK;
}

static u64 g_get_xcr(struct emul_ctx *ctx, u32 xcr)
{
	(void)xcr;
	return to_guest(ctx)->xcr0;
}

static int g_set_xcr(struct emul_ctx *ctx, u32 xcr, u64 val)
{
	if (xcr || !(val & 1))
		return emul_set_fault(ctx, 13, true, 0);
	to_guest(ctx)->xcr0 = val;
	return EMUL_OK;
}

static int g_rdpmc(struct emul_ctx *ctx, u32 pmc, u64 *val)
{
	(void)ctx;
	*val = pmc;
	return EMUL_OK;
}

static u64 g_rdtsc(struct emul_ctx *ctx)
{
	(void)ctx;
	return 0x123456789abcdefULL;
}

static int g_cpuid(struct emul_ctx *ctx, u32 r[4])
{
	(void)ctx;
	r[0] += 1;
	r[1] = r[2];
	r[2] = 0x11111111;
	r[3] = 0x22222222;
	return EMUL_OK;
}

static bool g_has(struct emul_ctx *ctx, enum emul_feature feature)
{
	return !(to_guest(ctx)->hidden >> feature & 1);
}

static int g_halt(struct emul_ctx *ctx)
{
	to_guest(ctx)->halted = true;
	return EMUL_OK;
}

static int g_invlpg(struct emul_ctx *ctx, u64 la)
{
	log_event(to_guest(ctx), 'p', la, 0, 0, 0);
	return EMUL_OK;
}

static int g_wbinvd(struct emul_ctx *ctx, bool discard)
{
	log_event(to_guest(ctx), 'b', discard, 0, 0, 0);
	return EMUL_OK;
}

static int g_hypercall(struct emul_ctx *ctx)
{
	ctx->regs[EMUL_RAX] = (u64)-1000;
	ctx->dirty |= 1;
	return EMUL_OK;
}

static void g_pause(struct emul_ctx *ctx)
{
	log_event(to_guest(ctx), 'z', 0, 0, 0, 0);
}

static void g_fx_get(struct emul_ctx *ctx, void *buf, unsigned int off,
		     unsigned int len)
{
	struct guest *g = to_guest(ctx);
	unsigned int i;

	/* one state seen in two ways: the XMM registers are in vec[] */
	for (i = 0; i < 16; i++)
		memcpy(g->fx + 160 + 16 * i, g->vec[i], 16);
	memcpy(buf, g->fx + off, len);
}

static void g_fx_set(struct emul_ctx *ctx, const void *buf, unsigned int off,
		     unsigned int len)
{
	struct guest *g = to_guest(ctx);
	unsigned int i;

	for (i = 0; i < 16; i++)
		memcpy(g->fx + 160 + 16 * i, g->vec[i], 16);
	memcpy(g->fx + off, buf, len);
	for (i = 0; i < 16; i++)
		memcpy(g->vec[i], g->fx + 160 + 16 * i, 16);
}

static void g_vec_get(struct emul_ctx *ctx, unsigned int reg, void *buf,
		      unsigned int len)
{
	memcpy(buf, to_guest(ctx)->vec[reg], len);
}

static void g_vec_set(struct emul_ctx *ctx, unsigned int reg, const void *buf,
		      unsigned int len, bool zero_upper)
{
	struct guest *g = to_guest(ctx);

	memcpy(g->vec[reg], buf, len);
	if (zero_upper)
		memset(g->vec[reg] + len, 0, sizeof(g->vec[reg]) - len);
}

const struct emul_ops guest_ops = {
	.fetch = g_fetch, .read = g_read, .write = g_write,
	.cmpxchg_mem = g_cmpxchg, .probe = g_probe,
	.ram_read = g_ram_read, .ram_write = g_ram_write,
	.pio_in = g_pio_in, .pio_out = g_pio_out,
	.seg_base = g_seg_base, .get_seg = g_get_seg, .set_seg = g_set_seg,
	.get_gdt = g_get_gdt, .set_gdt = g_set_gdt,
	.get_idt = g_get_idt, .set_idt = g_set_idt,
	.get_cr = g_get_cr, .set_cr = g_set_cr,
	.get_dr = g_get_dr, .set_dr = g_set_dr,
	.end_local_bp = g_end_local_bp,
	.get_msr = g_get_msr, .set_msr = g_set_msr,
	.rdmsr = g_rdmsr, .wrmsr = g_wrmsr,
	.get_xcr = g_get_xcr, .set_xcr = g_set_xcr,
	.rdpmc = g_rdpmc, .rdtsc = g_rdtsc, .cpuid = g_cpuid, .has = g_has,
	.halt = g_halt, .invlpg = g_invlpg, .wbinvd = g_wbinvd,
	.hypercall = g_hypercall, .pause = g_pause,
	.fx_get = g_fx_get, .fx_set = g_fx_set,
	.vec_get = g_vec_get, .vec_set = g_vec_set,
};

void guest_add(struct guest *g, u64 base, u64 len, void *data,
	       unsigned int kind)
{
	struct guest_region *r = &g->region[g->nr_regions++];

	if (g->nr_regions > GUEST_REGIONS)
		abort();
	r->base = base;
	r->len = len;
	r->data = data;
	r->kind = kind;
}

void guest_reset(struct guest *g, enum emul_mode mode, unsigned int code_size)
{
	bool prot = mode >= EMUL_MODE_PROT;
	unsigned int dpl = mode == EMUL_MODE_REAL ? 0 : 3, i;

	g->ctx.ops = &guest_ops;
	g->ctx.regs = g->regs;
	g->ctx.mode = mode;
	g->ctx.code_size = code_size;
	g->ctx.cpl = dpl;
	g->ctx.insn_len = 0;
	for (i = 0; i < 6; i++) {
		g->seg[i].sel = 0;
		g->seg[i].base = 0;
		g->seg[i].limit = prot ? ~0u : 0xffff;
		g->seg[i].ar = 0x93 | dpl << 5 |
			       (code_size == 2 ? 0 : 0x4000) |
			       (prot ? 0x8000 : 0);
	}
	g->seg[EMUL_CS].ar |= 8;
	if (mode == EMUL_MODE_LONG) {
		g->seg[EMUL_CS].ar &= ~0x4000u;
		g->seg[EMUL_CS].ar |= 0x2000;
	}
	g->seg[EMUL_TR].ar = 0x8b;
	g->seg[EMUL_TR].limit = 103;
	g->seg[EMUL_LDTR].ar = 0x10082;
	g->cr[0] = mode == EMUL_MODE_REAL ? 0x20 : 0x80050033;
	g->cr[4] = 0x50600;
	g->efer = mode == EMUL_MODE_LONG ? 0xd01 : 0;
	g->xcr0 = 0xe7;
	g->hidden = 0;
	g->ctx.dr7 = 0;
	g->ctx.db = g->dr;
	g->escaped = false;
	g->halted = false;
	g->nr_log = 0;
	g->fetches = 0;
	g->nr_callbacks = 0;
	g->cmpxchg_races = 0;
	g->zone = 0;
	g->zone_end = ~0ULL;
}

int guest_step(struct guest *g)
{
	struct emul_ctx *ctx = &g->ctx;
	unsigned int i;
	int rc;

	rc = emul_run(ctx);
	for (i = 0; rc == EMUL_IO && i < 10000; i++) {
		u8 *p = ctx->io_data;
		unsigned int n;

		for (n = 0; n < ctx->io_len; n++)
			p[n] = (u8)(g->mmio_data++);
		rc = emul_continue(ctx);
	}
	return rc;
}
