// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text form of a fuzzer case: one line,
 *	SIZE BYTES rip= fl= gs= sel=ES,CS,SS,DS,FS,GS r=RAX,RCX,... [p=]
 * where p is OFFSET:BYTES:VALUE,... in the data pages
 */
#include "fuzz.h"

void fuzz_print_case(FILE *f, const struct fuzz_case *c)
{
	unsigned int i;

	fprintf(f, "%u ", 8 * c->code_size);
	for (i = 0; i < c->len; i++)
		fprintf(f, "%02x", c->bytes[i]);
	fprintf(f, " rip=%llx fl=%llx gs=%llx sel=", c->st.rip, c->st.rflags,
		c->st.gs_base);
	for (i = 0; i < 6; i++)
		fprintf(f, "%s%x", i ? "," : "", c->st.sel[i]);
	fprintf(f, " r=");
	for (i = 0; i < 16; i++)
		fprintf(f, "%s%llx", i ? "," : "", c->st.regs[i]);
	for (i = 0; i < c->nr_pokes; i++)
		fprintf(f, "%s%x:%x:%llx", i ? "," : " p=", c->poke[i].off,
			c->poke[i].size, c->poke[i].val);
	fprintf(f, "\n");
}

int fuzz_parse_case(const char *line, struct fuzz_case *c)
{
	unsigned int size, i, byte, sel;
	char hex[40];
	int n;

	memset(c, 0, sizeof(*c));
	if (sscanf(line, "%u %32[0-9a-f] rip=%llx fl=%llx gs=%llx sel=%n",
		   &size, hex, &c->st.rip, &c->st.rflags, &c->st.gs_base,
		   &n) != 5)
		return -1;
	c->code_size = size / 8;
	for (i = 0; i < 15 && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		c->bytes[i] = byte;
	c->len = i;
	line += n;
	for (i = 0; i < 6; i++) {
		if (sscanf(line, i ? ",%x%n" : "%x%n", &sel, &n) != 1)
			return -1;
		c->st.sel[i] = sel;
		line += n;
	}
	if (strncmp(line, " r=", 3))
		return -1;
	line += 3;
	for (i = 0; i < 16; i++) {
		if (sscanf(line, i ? ",%llx%n" : "%llx%n", &c->st.regs[i],
			   &n) != 1)
			return -1;
		line += n;
	}
	if (strncmp(line, " p=", 3))
		return 0;
	line += 3;
	for (i = 0; i < ARRAY_SIZE(c->poke); i++) {
		unsigned int off;

		if (sscanf(line, i ? ",%x:%x:%llx%n" : "%x:%x:%llx%n", &off,
			   &size, &c->poke[i].val, &n) != 3)
			break;
		c->poke[i].off = off;
		c->poke[i].size = size;
		if (off > DATA_PAGES * 4096 - 8 || size > 8)
			return -1;
		c->nr_pokes++;
		line += n;
	}
	return 0;
}
