// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the cases of insn_cases.txt, which describes their notation.
 */
#include <stdlib.h>
#include "guest.h"
#include "tap.h"

#define CODE_AT	0x1000u

static struct guest g;
static u8 code[0x1000], ram[0x6000], after[0x1000], scratch[0x1000];
static u8 high[0x1000], edge[0x2000];
static char why[300];
static u8 at_breakpoint;	/* what emul_code_breakpoint() said */

static const char *const reg_names[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9",
	"r10", "r11", "r12", "r13", "r14", "r15",
};

static const char *const seg_names[EMUL_NR_SEGS] = {
	"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr",
};

static const struct {
	const char *name;
	enum emul_mode mode;
	unsigned int size;
} modes[] = {
	{ "real", EMUL_MODE_REAL, 2 }, { "v86", EMUL_MODE_VM86, 2 },
	{ "p16", EMUL_MODE_PROT, 2 }, { "p32", EMUL_MODE_PROT, 4 },
	{ "64", EMUL_MODE_LONG, 8 },
};

static int fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return -1;
}

static void make_guest(enum emul_mode mode, unsigned int size)
{
	memset(&g, 0, sizeof(g));
	memset(ram, 0, sizeof(ram));
	memset(after, 0, sizeof(after));
	memset(high, 0, sizeof(high));
	memset(edge, 0, sizeof(edge));
	memset(code, 0xcc, sizeof(code));
	guest_add(&g, CODE_AT, sizeof(code), code, GR_R | GR_X);
	guest_add(&g, 0x10000, 0x3000, ram, GR_R | GR_W);
	guest_add(&g, 0x13000, 0x1000, ram + 0x3000, GR_R);
	guest_add(&g, 0x15000, 0x1000, ram + 0x5000,
		  GR_R | GR_W | GR_SYSTEM);
	guest_add(&g, 0x20000, 0x1000, scratch, GR_R | GR_W | GR_MMIO);
	guest_add(&g, 0x21000, 0x1000, scratch,
		  GR_R | GR_W | GR_MMIO | GR_POSTED);
	guest_add(&g, 0x22000, 0x1000, after, GR_R | GR_W);
	guest_add(&g, 0xfffff000, sizeof(edge), edge, GR_R | GR_W | GR_SYSTEM);
	guest_add(&g, 0xfffffe0000003000, sizeof(high), high,
		  GR_R | GR_W | GR_SYSTEM);
	guest_reset(&g, mode, size);
	g.ctx.rip = CODE_AT;
	g.ctx.rflags = mode == EMUL_MODE_VM86 ? 0x23002 : 2;
	g.regs[EMUL_RSP] = 0x10800;
	g.mmio_data = 0xa0;
	g.ctx.pio_buf = g.pio_page;
	g.ctx.pio_buf_size = sizeof(g.pio_page);
}

static u8 *memory(u64 at, unsigned int size)
{
	struct guest_region *r = guest_find(&g, at);

	if (!r || at - r->base + size > r->len)
		return NULL;
	return r->data + (at - r->base);
}

/* Where the value of a "name=" word lives; *size its bytes */
static void *place(const char *word, size_t len, unsigned int *size)
{
	char name[32], part[16];
	unsigned int i;

	if (len >= sizeof(name))
		return NULL;
	memcpy(name, word, len);
	name[len] = 0;
	*size = 8;
	for (i = 0; i < 16; i++)
		if (!strcmp(name, reg_names[i]))
			return &g.regs[i];
	if (!strcmp(name, "rip"))
		return &g.ctx.rip;
	if (!strcmp(name, "fl"))
		return &g.ctx.rflags;
	if (!strcmp(name, "cr0"))
		return &g.cr[0];
	if (!strcmp(name, "cr3"))
		return &g.cr[3];
	if (!strcmp(name, "cr4"))
		return &g.cr[4];
	if (!strcmp(name, "efer"))
		return &g.efer;
	if (!strcmp(name, "star"))
		return &g.star;
	if (!strcmp(name, "lstar"))
		return &g.lstar;
	if (!strcmp(name, "sfmask"))
		return &g.sfmask;
	if (!strcmp(name, "kgs"))
		return &g.kernel_gs_base;
	if (!strcmp(name, "sysenter_cs"))
		return &g.sysenter_cs;
	if (!strcmp(name, "sysenter_esp"))
		return &g.sysenter_esp;
	if (!strcmp(name, "sysenter_eip"))
		return &g.sysenter_eip;
	if (!strcmp(name, "gdt.base"))
		return &g.gdt.base;
	if (!strcmp(name, "idt.base"))
		return &g.idt.base;
	*size = 2;
	if (!strcmp(name, "gdt.limit"))
		return &g.gdt.limit;
	if (!strcmp(name, "idt.limit"))
		return &g.idt.limit;
	*size = 1;
	if (!strcmp(name, "cpl"))
		return &g.ctx.cpl;
	if (!strcmp(name, "shadow"))
		return &g.ctx.shadow;
	if (!strcmp(name, "trap"))
		return &g.ctx.trap;
	if (!strcmp(name, "hit"))
		return &g.ctx.hit;
	if (!strcmp(name, "at"))
		return &at_breakpoint;
	*size = 8;
	if (name[0] == 'd' && name[1] == 'r' && name[2] >= '0' &&
	    name[2] <= '7' && !name[3])
		return &g.dr[name[2] - '0'];
	if (sscanf(name, "xmm%u", &i) == 1 && i < 32)
		return g.vec[i];
	if (sscanf(name, "fx%x", &i) == 1 && i < 504)
		return g.fx + i;
	for (i = 0; i < EMUL_NR_SEGS; i++) {
		size_t n = strlen(seg_names[i]);

		if (strncmp(name, seg_names[i], n))
			continue;
		*size = 2;
		if (!name[n])
			return &g.seg[i].sel;
		if (sscanf(name + n, ".%15s", part) != 1)
			continue;
		*size = 8;
		if (!strcmp(part, "base"))
			return &g.seg[i].base;
		*size = 4;
		if (!strcmp(part, "limit"))
			return &g.seg[i].limit;
		if (!strcmp(part, "ar"))
			return &g.seg[i].ar;
	}
	if (name[0] == 'm') {
		unsigned long long at;

		if (sscanf(name, "m%u@%llx", size, &at) == 2 && *size <= 8)
			return memory(at, *size);
	}
	return NULL;
}

static int preset(const char *word)
{
	const char *eq = strchr(word, '=');
	unsigned int size;
	u64 val;
	void *p;

	if (!eq)
		return fail("preset '%s'", word);
	val = strtoull(eq + 1, NULL, 16);
	if (!strncmp(word, "iopl=", 5)) {
		g.ctx.rflags = (g.ctx.rflags & ~0x3000ULL) | val << 12;
		return 0;
	}
	if (!strncmp(word, "races=", 6)) {
		g.cmpxchg_races = val;
		return 0;
	}
	if (!strncmp(word, "hidden=", 7)) {
		g.hidden = 1ULL << strtoul(eq + 1, NULL, 10);
		return 0;
	}
	p = place(word, eq - word, &size);
	if (!p)
		return fail("preset '%s'", word);
	memcpy(p, &val, size);
	if (p == &g.dr[7] && val & 0xff)
		g.ctx.dr7 = val;
	if (!strncmp(word, "cpl=", 4)) {
		unsigned int i;

		for (i = 0; i < 6; i++)
			g.seg[i].ar = (g.seg[i].ar & ~0x60u) | val << 5;
	}
	return 0;
}

/* Compare a device event; *next counts them */
static int expect_event(const char *word, unsigned int *next)
{
	unsigned int size, count = 1;
	unsigned long long at, data = 0;
	const struct guest_event *e;
	const char *eq = strchr(word, '=');
	int n = 0;

	if (sscanf(word + 1, "%u@%llx%n", &size, &at, &n) != 2)
		return fail("expectation '%s'", word);
	if (word[1 + n] == 'x')
		count = strtoul(word + 2 + n, NULL, 16);
	if (eq)
		data = strtoull(eq + 1, NULL, 16);
	if (*next >= g.nr_log)
		return fail("%s did not happen", word);
	e = &g.log[(*next)++];
	if (e->what != word[0] || e->size != size || e->addr != at ||
	    e->count != count || (eq && e->data != data))
		return fail("expected %s, got %c%u@%llxx%x=%llx", word, e->what,
			    e->size, e->addr, e->count, e->data);
	return 0;
}

struct outcome {
	int result;
	int vector;
	int has_error;
	u64 error;
	u64 regs[16];
	u64 rip, rflags;
	unsigned int events;
};

static int expect(const char *word, struct outcome *o)
{
	const char *eq = strchr(word, '=');
	unsigned int size, i;
	u64 val = eq ? strtoull(eq + 1, NULL, 16) : 0, have = 0;
	void *p;

	if (!strncmp(word, "fault=", 6)) {
		o->result = EMUL_FAULT;
		o->vector = val;
		if (strchr(word, ',')) {
			o->has_error = 1;
			o->error = strtoull(strchr(word, ',') + 1, NULL, 16);
		}
		return 0;
	}
	if (!strcmp(word, "unhandled"))
		return o->result = EMUL_UNHANDLED, 0;
	if (!strcmp(word, "retry"))
		return o->result = EMUL_RETRY, 0;
	if (!strcmp(word, "yield"))
		return o->result = EMUL_YIELD, 0;
	if (!strncmp(word, "cr2=", 4))
		return g.ctx.fault.address == val ? 0 :
		       fail("cr2 is %llx", g.ctx.fault.address);
	if (!strcmp(word, "halted"))
		return g.halted ? 0 : fail("not halted");
	if (!strncmp(word, "calls=", 6))
		return g.nr_callbacks <= val ? 0 :
		       fail("%u memory callbacks", g.nr_callbacks);
	if (strchr("wriopb", word[0]) && word[1] >= '0' && word[1] <= '9')
		if (strchr(word, '@'))
			return expect_event(word, &o->events);
	if (!eq)
		return fail("expectation '%s'", word);
	p = place(word, eq - word, &size);
	if (!p)
		return fail("expectation '%s'", word);
	if (p == &g.ctx.rip) {
		o->rip = val;
		return 0;
	}
	if (p == &g.ctx.rflags) {
		o->rflags = val;
		return 0;
	}
	for (i = 0; i < 16; i++) {
		if (p == &g.regs[i]) {
			o->regs[i] = val;
			return 0;
		}
	}
	memcpy(&have, p, size);
	return have == val ? 0 : fail("%s, but is %llx", word, have);
}

static int words(char *text, int (*fn)(const char *word, struct outcome *o),
		 struct outcome *o)
{
	char *save, *word;

	for (word = strtok_r(text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		int rc = fn ? fn(word, o) : preset(word);

		if (rc)
			return rc;
	}
	return 0;
}

static int check_outcome(const struct outcome *o, int rc)
{
	const struct emul_fault *f = &g.ctx.fault;
	unsigned int i;

	if (rc == EMUL_FAULT && o->result != EMUL_FAULT)
		return fail("fault %u error %x", f->vector, f->error);
	if (rc != o->result)
		return fail("result %d instead of %d", rc, o->result);
	if (rc == EMUL_FAULT &&
	    (f->vector != o->vector || f->has_error != o->has_error ||
	     (f->has_error && f->error != o->error)))
		return fail("fault %u error %d:%x", f->vector, f->has_error,
			    f->error);
	for (i = 0; i < 16; i++)
		if (g.regs[i] != o->regs[i])
			return fail("%s is %llx instead of %llx", reg_names[i],
				    g.regs[i], o->regs[i]);
	if (g.ctx.rip != o->rip)
		return fail("rip is %llx instead of %llx", g.ctx.rip, o->rip);
	if (g.ctx.rflags != o->rflags)
		return fail("rflags is %llx instead of %llx", g.ctx.rflags,
			    o->rflags);
	if (g.nr_log != o->events)
		return fail("%u device events instead of %u", g.nr_log,
			    o->events);
	return 0;
}

static int run(char *text)
{
	char *mode, *hex, *rest, *presets, *expected;
	struct outcome o = { 0 };
	unsigned int i, len, byte;
	u64 old[16], dirty = 0;
	int rc;

	presets = strchr(text, '|');
	expected = presets ? strchr(presets + 1, '|') : NULL;
	if (!expected)
		return fail("no case");
	*presets++ = 0;
	*expected++ = 0;
	mode = strtok_r(text, " ", &rest);
	hex = strtok_r(NULL, " ", &rest);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (!strcmp(mode, modes[i].name))
			break;
	if (i == ARRAY_SIZE(modes))
		return fail("mode '%s'", mode);
	make_guest(modes[i].mode, modes[i].size);
	rc = words(presets, NULL, NULL);
	if (rc)
		return rc;
	for (len = 0; sscanf(hex, "%2x", &byte) == 1; len++, hex += 2)
		code[(g.ctx.rip + g.seg[EMUL_CS].base + len) & 0xfff] = byte;

	memcpy(o.regs, g.regs, sizeof(o.regs));
	memcpy(old, g.regs, sizeof(old));
	o.rflags = g.ctx.rflags;
	o.rip = g.ctx.rip;
	at_breakpoint = emul_code_breakpoint(&g.ctx);
	rc = guest_step(&g);
	if (rc == EMUL_OK)
		o.rip += len;
	if (words(expected, expect, &o) || check_outcome(&o, rc))
		return -1;
	for (i = 0; i < 16; i++)
		if (old[i] != g.regs[i])
			dirty |= 1u << i;
	if (dirty & ~g.ctx.dirty && !g.nr_log)
		return fail("dirty is %x", g.ctx.dirty);
	return 0;
}

static struct {
	char name[16];
	char text[1024];
} macros[16];
static unsigned int nr_macros;

/* Copy @from to @to with every $NAME replaced */
static int expand(char *to, size_t size, const char *from, unsigned int depth)
{
	size_t used = 0, len;
	unsigned int i;

	for (; *from && used + 1 < size; from++) {
		if (*from != '$') {
			to[used++] = *from;
			continue;
		}
		len = strcspn(from + 1, " ");
		for (i = 0; i < nr_macros; i++)
			if (strlen(macros[i].name) == len &&
			    !memcmp(macros[i].name, from + 1, len))
				break;
		if (i == nr_macros || depth > 8 ||
		    expand(to + used, size - used, macros[i].text, depth + 1))
			return -1;
		used += strlen(to + used);
		from += len;
	}
	to[used] = 0;
	return 0;
}

static int define(const char *line)
{
	if (nr_macros == ARRAY_SIZE(macros) ||
	    sscanf(line, "%15[A-Z] := %1023[^\n]", macros[nr_macros].name,
		   macros[nr_macros].text) != 2)
		return -1;
	nr_macros++;
	return 0;
}

int main(int argc, char **argv)
{
	char line[1024], text[4096], title[64] = "";
	unsigned int cases = 0, bad = 0, nr = 0;
	FILE *f;

	f = fopen(argc > 1 ? argv[1] : "insn_cases.txt", "r");
	if (!f) {
		perror("insn_cases.txt");
		return 2;
	}
	while (fgets(line, sizeof(line), f)) {
		nr++;
		line[strcspn(line, "\n")] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		if (line[0] == '[') {
			if (cases)
				tap_result(!bad, "%s: %u cases", title, cases);
			cases = 0;
			bad = 0;
			if (sscanf(line, "[%63[^]]", title) != 1)
				return 2;
			continue;
		}
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (define(line)) {
				fprintf(stderr, "line %u: definition\n", nr);
				return 2;
			}
			continue;
		}
		cases++;
		if (expand(text, sizeof(text), line, 0))
			fail("a name is not defined");
		else if (!run(text))
			continue;
		printf("# line %u: %s\n#   %s\n", nr, line, why);
		bad++;
	}
	tap_result(!bad, "%s: %u cases", title, cases);
	fclose(f);
	return tap_end();
}
