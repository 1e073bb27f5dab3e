// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differential fuzzer: each case is executed by the emulator and by the host
 * CPU; registers, flags, memory and faults have to be the same.
 *
 * The work is done in a child process: an instruction that damages it, or that
 * never comes back, is reported by the parent with the case that did it.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <Zydis/Zydis.h>
#include "fuzz.h"

#define DATA_BYTES	(DATA_PAGES * 4096)
#define MAX_REPORTS	40

static struct {
	struct fuzz_case now;	/* for the parent, should the child die */
	bool busy;
	u64 cases, compared, faults, unhandled, escaped, disagreements;
	u64 reports;
	u64 seen[3][4][256];	/* compared cases by size, map, opcode */
} *shared;

static struct guest guest;
static struct native_pages pages;
static u8 model[DATA_BYTES], pristine[DATA_BYTES];
static u8 tables[8192];
static bool quiet;
static FILE *save;

static void disassemble(const struct fuzz_case *c, char *text, size_t size)
{
	static const ZydisMachineMode mode[] = {
		[2] = ZYDIS_MACHINE_MODE_LEGACY_16,
		[4] = ZYDIS_MACHINE_MODE_LEGACY_32,
		[8] = ZYDIS_MACHINE_MODE_LONG_64,
	};
	static const ZydisStackWidth width[] = {
		[2] = ZYDIS_STACK_WIDTH_16, [4] = ZYDIS_STACK_WIDTH_32,
		[8] = ZYDIS_STACK_WIDTH_64,
	};
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisFormatter fmt;
	ZydisDecoder dec;

	ZydisDecoderInit(&dec, mode[c->code_size], width[c->code_size]);
	ZydisFormatterInit(&fmt, ZYDIS_FORMATTER_STYLE_INTEL);
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&dec, c->bytes, c->len, &insn,
					       ops)) ||
	    ZYAN_FAILED(ZydisFormatterFormatInstruction(&fmt, &insn, ops,
				insn.operand_count_visible, text, size,
				c->st.rip, ZYAN_NULL)))
		snprintf(text, size, "(undefined)");
}

static void report(const struct fuzz_case *c, const char *what)
{
	char text[128];

	if (quiet)
		return;
	disassemble(c, text, sizeof(text));
	printf("# %s: %s\n# ", text, what);
	fuzz_print_case(stdout, c);
	if (save) {
		fuzz_print_case(save, c);
		fflush(save);
	}
}

/*
 * Flags that are undefined and that this CPU leaves differently in different
 * encodings of one operation: OF after a rotation by an immediate above 1.
 */
static u64 undefined_flags(void)
{
	const struct emul_insn *d = &guest.ctx.d;

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
	const struct emul_fault *f = &guest.ctx.fault;
	bool ours_ud = f->vector == 6, cpu_ud = n->trap == 6;
	bool ours_end = f->vector == 13 ||
		(f->vector == 14 && f->error == 0x14);
	bool cpu_end = n->trap == 13 || (n->trap == 14 && n->error == 0x14);

	return !guest.ctx.d.length &&
	       ((ours_ud && cpu_end) || (cpu_ud && ours_end));
}

/*
 * Which of the checks of a large operand comes first depends on the CPU, and
 * also how much of it had been written.
 */
static bool large_operand(const struct native_result *n)
{
	const struct emul_insn *d = &guest.ctx.d;
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

	if (guest.ctx.mode != EMUL_MODE_LONG) {
		if (!(guest.seg[EMUL_SS].ar & 0x4000))
			sp &= 0xffff;
		sp = (u32)(sp + guest.seg[EMUL_SS].base);
	}
	return rc == EMUL_FAULT && la < sp && la >= sp - 260;
}

/* Returns a description of the first difference, NULL if there is none */
static const char *compare(const struct fuzz_case *c, int rc,
			   const struct native_result *n)
{
	static const char *const names[16] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	static char text[200];
	struct emul_ctx *ctx = &guest.ctx;
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
		if (guest.regs[i] == n->st.regs[i])
			continue;
		/* the trap out of compatibility mode saves 32 bits of RSP */
		if (i == EMUL_RSP && guest.ctx.mode == EMUL_MODE_PROT &&
		    (u32)guest.regs[i] == (u32)n->st.regs[i])
			continue;
		/* a CPU's POPA that faults has loaded registers (rule E1) */
		if (rc == EMUL_FAULT && guest.ctx.d.opcode == 0x61 &&
		    guest.ctx.d.map == 0 && i != EMUL_RSP)
			continue;
		snprintf(text, sizeof(text), "%s %llx, CPU: %llx, was %llx",
			 names[i], guest.regs[i], n->st.regs[i],
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
		if (guest.seg[i].sel == n->st.sel[i])
			continue;
		/* the kernel's IRET clears the RPL of null selectors */
		if (guest.seg[i].sel < 4 && !n->st.sel[i])
			continue;
		snprintf(text, sizeof(text), "segment %u %x, CPU: %x", i,
			 guest.seg[i].sel, n->st.sel[i]);
		return text;
	}
	for (i = 0; i < (c->code_size == 8 ? 16 : 8); i++) {
		if (!memcmp(guest.vec[i], n->st.fx + 160 + 16 * i, 16))
			continue;
		snprintf(text, sizeof(text), "xmm%u %016llx%016llx", i,
			 *(u64 *)(guest.vec[i] + 8), *(u64 *)guest.vec[i]);
		return text;
	}
	for (i = 0; i < 160; i++) {
		/* CPUs without FCS and FDS store zeroes */
		if (guest.fx[i] == n->st.fx[i] || i == 12 || i == 13 ||
		    i == 20 || i == 21)
			continue;
		snprintf(text, sizeof(text),
			 "FXSAVE image at %u: %02x, CPU: %02x, was %02x", i,
			 guest.fx[i], n->st.fx[i], c->st.fx[i]);
		return text;
	}
	for (i = 0; i < DATA_BYTES; i++) {
		if (model[i] == pages.data[i] ||
		    below_stack(c, rc, DATA_BASE + i))
			continue;
		snprintf(text, sizeof(text),
			 "memory at %llx: %02x, CPU: %02x, was %02x",
			 DATA_BASE + i, model[i], pages.data[i], pristine[i]);
		return text;
	}
	return NULL;
}

/* Was anything written? Pages 0, 1 and 4 are writable. */
static bool memory_equal(void)
{
	return !memcmp(model, pages.data, DATA_BYTES);
}

static void restore_memory(void)
{
	if (memcmp(model, pristine, DATA_BYTES))
		memcpy(model, pristine, DATA_BYTES);
	if (memcmp(pages.data, pristine, DATA_BYTES))
		memcpy(pages.data, pristine, DATA_BYTES);
}

/* Instructions that cannot be compared with a user process */
static bool not_comparable(const struct fuzz_case *c)
{
	const struct emul_insn *d = &guest.ctx.d;

	if (d->length == 0)
		return false;
	if (d->map == 1) {
		switch (d->opcode) {
		case 0x05: case 0x34:			/* into the kernel */
		case 0x31: case 0x33: case 0xa2:	/* of this CPU */
			return true;
		case 0x00:	/* UMIP: Linux emulates SLDT, STR */
			return (d->reg & 7) < 2;
		case 0x01:	/* the same for SGDT, SIDT, SMSW */
			if ((d->reg & 7) == 4 || (d->has_mem &&
						  (d->reg & 7) < 2))
				return true;
			return !d->has_mem && (d->modrm == 0xc1 ||
					       d->modrm == 0xd0 ||
					       d->modrm == 0xd1 ||
					       d->modrm == 0xf9);
		case 0xc7:	/* RDPID */
			return !d->has_mem;
		}
	}
	if (d->map)
		return false;
	/* an IRET that clears TF would be the last we see of the child */
	if (d->opcode == 0xcf && !(guest.ctx.rflags & 0x100))
		return true;
	/*
	 * One that sets AC checks the rest of its own frame; Linux takes the
	 * exception for a split lock and tries again for ever.
	 */
	if (d->opcode == 0xcf && c->st.regs[EMUL_RSP] & (d->opsize - 1))
		return true;
	/* the trap comes one instruction late */
	if (guest.ctx.shadow == EMUL_SHADOW_MOV_SS)
		return true;
	return d->opcode == 0xcc || d->opcode == 0xcd || d->opcode == 0xce ||
	       d->opcode == 0xf1;
}

static bool is_string(const struct fuzz_case *c)
{
	unsigned int i;
	bool rep = false;

	for (i = 0; i < c->len; i++) {
		u8 b = c->bytes[i];

		if (b == 0xf2 || b == 0xf3)
			rep = true;
		else if (c->code_size == 8 && (b & 0xf0) == 0x40)
			continue;
		else if ((b & 0xe7) != 0x26 && (b & 0xfc) != 0x64)
			return rep && ((b >= 0xa4 && b <= 0xa7) ||
				       (b >= 0xaa && b <= 0xaf));
	}
	return false;
}

/* Returns 0 if the two agree or cannot be compared */
static int run_case(const struct fuzz_case *c)
{
	struct native_result n;
	struct native_state st;
	const char *diff;
	bool whole;
	unsigned int i;
	u64 off;
	int rc;

	shared->cases++;
	off = c->st.rip + (c->code_size == 8 ? 0 :
			   (c->st.sel[EMUL_CS] & 4) ?
			   ((fuzz_ldt[c->st.sel[EMUL_CS] >> 3] >> 16 & 0xffffff) |
			    fuzz_ldt[c->st.sel[EMUL_CS] >> 3] >> 56 << 24) : 0) -
	      CODE_BASE;
	if (off >= CODE_PAGES * 4096)
		return 0;
	memcpy(pages.code + off, c->bytes, c->len < CODE_PAGES * 4096 - off ?
	       c->len : CODE_PAGES * 4096 - off);

	for (i = 0; i < c->nr_pokes; i++) {
		memcpy(model + c->poke[i].off, &c->poke[i].val,
		       c->poke[i].size);
		memcpy(pages.data + c->poke[i].off, &c->poke[i].val,
		       c->poke[i].size);
	}
	fuzz_load(&guest, c);
	for (i = 0; i < 16; i++)
		memcpy(guest.vec[i], c->st.fx + 160 + 16 * i, 16);
	memcpy(guest.fx, c->st.fx, 160);
	/*
	 * With TF set the CPU stops after an iteration; every other repeated
	 * string instruction is run to its end instead.
	 */
	whole = is_string(c) && shared->cases & 1 &&
		off < CODE_PAGES * 4096 - 16;
	if (whole) {
		if (!emul_decode(&guest.ctx))
			pages.code[off + guest.ctx.d.length] = 0xcc;
		guest.ctx.rflags &= ~0x100ULL;
	}
	do {
		guest.ctx.insn_len = 0;
		rc = emul_run(&guest.ctx);
	} while (whole && rc == EMUL_YIELD);
	st = c->st;
	if (whole) {
		guest.ctx.rflags |= 0x100;
		st.rflags &= ~0x100ULL;
	}
	if (guest.escaped) {
		shared->escaped++;
		restore_memory();
		return 0;
	}
	if (rc != EMUL_OK && rc != EMUL_YIELD && rc != EMUL_FAULT) {
		shared->unhandled++;
		restore_memory();
		return 0;
	}
	if (not_comparable(c)) {
		restore_memory();
		return 0;
	}
	shared->now = *c;
	shared->busy = true;
	native_run(&st, &n);
	shared->busy = false;
	if (whole) {	/* it ran into the INT3 behind the instruction */
		if (n.trap == 3) {
			n.trap = 1;
			n.st.rip--;
		}
		n.st.rflags |= 0x100;
	}
	shared->compared++;
	if (rc == EMUL_FAULT)
		shared->faults++;
	else if (guest.ctx.d.map < 4)
		shared->seen[c->code_size / 4][guest.ctx.d.map]
			    [guest.ctx.d.opcode]++;
	if (!c->st.sel[EMUL_CS])
		return 0;
	diff = compare(c, rc, &n);
	if (!diff && memory_equal() && !memcmp(model, pristine, DATA_BYTES))
		return 0;
	if (diff) {
		shared->disagreements++;
		report(c, diff);
		shared->reports++;
	}
	restore_memory();
	return diff != NULL;
}

static void setup(void)
{
	struct rng r = { 42 };
	cpu_set_t cpus;
	unsigned int i;

	if (native_setup(&pages)) {
		printf("1..0 # SKIP cannot set up test pages\n");
		exit(4);
	}
	for (i = 0; i < LDT_ENTRIES; i++) {
		if (fuzz_ldt[i] && native_set_ldt(i, fuzz_ldt[i])) {
			printf("1..0 # SKIP no modify_ldt\n");
			exit(4);
		}
	}
	for (i = 0; i < DATA_BYTES; i++)
		pristine[i] = i & 64 ? rnd(&r) : (rnd(&r) & 0xf) ? 0 : rnd(&r);
	memcpy(model, pristine, DATA_BYTES);
	memcpy(pages.data, pristine, DATA_BYTES);
	/* the limit of one of the kernel's segments is the CPU's number */
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	fuzz_read_gdt();
	memcpy(tables, fuzz_gdt, sizeof(fuzz_gdt));
	memcpy(tables + 4096, fuzz_ldt, sizeof(fuzz_ldt));
	guest_add(&guest, MODEL_GDT, sizeof(tables), tables,
		  GR_R | GR_W | GR_SYSTEM);
	guest_add(&guest, CODE_BASE, CODE_PAGES * 4096, pages.code,
		  GR_R | GR_X);
	for (i = 0; i < DATA_PAGES; i++)
		if (data_page_kind[i])
			guest_add(&guest, DATA_BASE + i * 4096, 4096,
				  model + i * 4096,
				  (data_page_kind[i] & 1 ? GR_R : 0) |
				  (data_page_kind[i] & 2 ? GR_W : 0));
}

/* The vector registers follow from the general ones */
static void fill_fx(struct fuzz_case *c)
{
	unsigned int i;

	asm volatile("fxsave64 %0" : "=m" (c->st.fx));
	memset(c->st.fx, 0, 24);
	c->st.fx[0] = 0x7f;
	c->st.fx[1] = c->st.regs[1] & 0x0f;
	c->st.fx[3] = c->st.regs[2] & 0x7f;
	c->st.fx[4] = c->st.regs[3];
	c->st.fx[8] = c->st.regs[5];
	for (i = 0; i < 8; i++) {
		u64 st = c->st.regs[i] * 0xbf58476d1ce4e5b9ULL;

		memcpy(c->st.fx + 32 + 16 * i, &st, 8);
		memcpy(c->st.fx + 40 + 16 * i, (u8 *)&st + 3, 2);
	}
	for (i = 0; i < 16; i++) {
		u64 low = c->st.regs[i] * 0x9e3779b97f4a7c15ULL, high = ~low;

		memcpy(c->st.fx + 160 + 16 * i, &low, 8);
		memcpy(c->st.fx + 168 + 16 * i, &high, 8);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int child(u64 seed, u64 count, double until,
		 const struct fuzz_filter *filter)
{
	struct fuzz_case c;
	u64 i;

	setup();
	for (i = 0; i < count; i++) {
		struct rng r = { seed + i * 0x632be59bd9b4e019ULL };

		fuzz_generate(&r, filter, &guest, &c);
		fill_fx(&c);
		run_case(&c);
		if (shared->reports >= MAX_REPORTS)
			return 0;
		if (!(i & 0xfff) && until && now() > until)
			return 0;
	}
	return 0;
}

/* Wait for the child; end it if it has not got on for some seconds */
static int supervise(pid_t pid)
{
	unsigned int idle = 0;
	u64 last = 0;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		struct timespec ts = { .tv_nsec = 20000000 };

		nanosleep(&ts, NULL);
		idle = shared->cases == last ? idle + 1 : 0;
		last = shared->cases;
		if (idle < 250)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		break;
	}
	return status;
}

static int replay(const char *path)
{
	unsigned int good = 0, bad = 0, nr = 0;
	char line[1000];
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		return 2;
	}
	setup();
	while (fgets(line, sizeof(line), f)) {
		struct fuzz_case c;

		nr++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (fuzz_parse_case(line, &c)) {
			printf("# line %u is not a case\n", nr);
			bad++;
			continue;
		}
		fill_fx(&c);
		if (run_case(&c))
			bad++;
		else
			good++;
	}
	fclose(f);
	printf("# %u cases of the corpus agree, %u do not\n", good, bad);
	printf("%sok 1 corpus of past disagreements\n1..1\n",
	       bad ? "not " : "");
	return bad != 0;
}

static void print_seen(void)
{
	unsigned int s, m, o;

	for (m = 0; m < 4; m++) {
		for (s = 0; s < 3; s++) {
			printf("# map %u, %u bits, opcodes compared:", m,
			       s == 0 ? 16 : s == 1 ? 32 : 64);
			for (o = 0; o < 256; o++)
				if (shared->seen[s][m][o])
					printf(" %02x", o);
			printf("\n");
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", 1, NULL, 'c' }, { "seconds", 1, NULL, 's' },
		{ "seed", 1, NULL, 'r' }, { "bits", 1, NULL, 'b' },
		{ "map", 1, NULL, 'm' }, { "opcode", 1, NULL, 'o' },
		{ "corpus", 1, NULL, 'C' }, { "save", 1, NULL, 'w' },
		{ "seen", 0, NULL, 'S' }, { "help", 0, NULL, 'h' }, { 0 },
	};
	u64 count = 1000000, seed = 1, done;
	struct fuzz_filter filter = { 0 };
	const char *corpus = NULL;
	double seconds = 0, start;
	bool seen = false;
	unsigned int crashes = 0, byte;
	int opt, status;
	pid_t pid;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'c': count = strtoull(optarg, NULL, 0); break;
		case 's': seconds = atof(optarg); break;
		case 'r': seed = strtoull(optarg, NULL, 0); break;
		case 'b': filter.code_size = atoi(optarg) / 8; break;
		case 'm': filter.map = atoi(optarg); break;
		case 'o':
			for (; filter.opcode_len < 4 &&
			     sscanf(optarg, "%2x", &byte) == 1; optarg += 2) {
				filter.opcode[filter.opcode_len++] = byte;
				if (!optarg[1])
					break;
			}
			break;
		case 'C': corpus = optarg; break;
		case 'w': save = fopen(optarg, "a"); break;
		case 'S': seen = true; break;
		default:
			printf("usage: %s [--count N] [--seconds S] [--seed N] [--bits 16|32|64]\n"
			       "  [--map 1..5] [--opcode HEX] [--save FILE] [--seen] | --corpus FILE\n",
			       argv[0]);
			return opt == 'h' ? 0 : 2;
		}
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	if (corpus)
		return replay(corpus);
	if (seconds)
		count = ~0ULL >> 8;

	start = now();
	while (shared->cases < count && shared->reports < MAX_REPORTS) {
		done = shared->cases;
		if (seconds && now() - start > seconds)
			break;
		fflush(stdout);
		pid = fork();
		if (pid < 0)
			return 2;
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			status = child(seed + done * 0x632be59bd9b4e019ULL,
				       count - done,
				       seconds ? start + seconds : 0, &filter);
			fflush(stdout);
			_exit(status);
		}
		status = supervise(pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
			return 4;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			break;
		crashes++;
		shared->disagreements++;
		shared->reports++;
		printf("# the process died (status %x)%s\n", status,
		       shared->busy ? ", executing" : "");
		report(&shared->now, "damaged the process");
		shared->busy = false;
	}
	printf("# seed %llu: %llu cases, %llu compared (%llu faults), %llu not executed, %llu outside the test pages, %.0f s\n",
	       seed, shared->cases, shared->compared, shared->faults,
	       shared->unhandled, shared->escaped, now() - start);
	if (seen)
		print_seen();
	printf("%sok 1 emulator and CPU agree # %llu disagreements\n1..1\n",
	       shared->disagreements ? "not " : "", shared->disagreements);
	return shared->disagreements != 0;
}
