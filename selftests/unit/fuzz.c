// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differential fuzzer: each case is executed by the emulator and by the host
 * CPU; registers, flags, memory and faults have to be the same. A case is random,
 * or made from earlier ones that reached something new in the emulator.
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
#include "guide.h"

#define MAX_REPORTS	40

static struct {
	struct fuzz_case now;	/* for the parent, should the child die */
	bool busy;
	u64 cases, compared, faults, unhandled, escaped, disagreements;
	u64 reports;
	u64 seen[3][4][256];	/* compared cases by size, map, opcode */
} *shared;

struct guest fuzz_guest;
struct native_pages fuzz_pages;
u8 fuzz_model[FUZZ_DATA_BYTES], fuzz_pristine[FUZZ_DATA_BYTES];
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
							insn.operand_count_visible,
							text, size, c->st.rip,
							ZYAN_NULL)))
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

/* Was anything written? Pages 0, 1 and 4 are writable. */
static bool memory_equal(void)
{
	return !memcmp(fuzz_model, fuzz_pages.data, FUZZ_DATA_BYTES);
}

static void restore_memory(void)
{
	if (memcmp(fuzz_model, fuzz_pristine, FUZZ_DATA_BYTES))
		memcpy(fuzz_model, fuzz_pristine, FUZZ_DATA_BYTES);
	if (memcmp(fuzz_pages.data, fuzz_pristine, FUZZ_DATA_BYTES))
		memcpy(fuzz_pages.data, fuzz_pristine, FUZZ_DATA_BYTES);
}

/* Instructions that cannot be compared with a user process */
static bool not_comparable(const struct fuzz_case *c)
{
	const struct emul_insn *d = &fuzz_guest.ctx.d;

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
	if (d->opcode == 0xcf && !(fuzz_guest.ctx.rflags & 0x100))
		return true;
	/*
	 * One that sets AC checks the rest of its own frame; Linux takes the
	 * exception for a split lock and tries again for ever.
	 */
	if (d->opcode == 0xcf && c->st.regs[EMUL_RSP] & (d->opsize - 1))
		return true;
	/* the trap comes one instruction late */
	if (fuzz_guest.ctx.shadow == EMUL_SHADOW_MOV_SS)
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
	memcpy(fuzz_pages.code + off, c->bytes, c->len < CODE_PAGES * 4096 - off ?
	       c->len : CODE_PAGES * 4096 - off);

	for (i = 0; i < c->nr_pokes; i++) {
		memcpy(fuzz_model + c->poke[i].off, &c->poke[i].val,
		       c->poke[i].size);
		memcpy(fuzz_pages.data + c->poke[i].off, &c->poke[i].val,
		       c->poke[i].size);
	}
	fuzz_load(&fuzz_guest, c);
	for (i = 0; i < 16; i++)
		memcpy(fuzz_guest.vec[i], c->st.fx + 160 + 16 * i, 16);
	memcpy(fuzz_guest.fx, c->st.fx, 160);
	/*
	 * With TF set the CPU stops after an iteration; every other repeated
	 * string instruction is run to its end instead.
	 */
	whole = is_string(c) && shared->cases & 1 &&
		off < CODE_PAGES * 4096 - 16;
	if (whole) {
		if (!emul_decode(&fuzz_guest.ctx))
			fuzz_pages.code[off + fuzz_guest.ctx.d.length] = 0xcc;
		fuzz_guest.ctx.rflags &= ~0x100ULL;
	}
	guide_begin(c->code_size);
	do {
		fuzz_guest.ctx.insn_len = 0;
		rc = emul_run(&fuzz_guest.ctx);
	} while (whole && rc == EMUL_YIELD);
	guide_end(c);
	st = c->st;
	if (whole) {
		fuzz_guest.ctx.rflags |= 0x100;
		st.rflags &= ~0x100ULL;
	}
	if (fuzz_guest.escaped) {
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
	else if (fuzz_guest.ctx.d.map < 4)
		shared->seen[c->code_size / 4][fuzz_guest.ctx.d.map]
			    [fuzz_guest.ctx.d.opcode]++;
	if (!c->st.sel[EMUL_CS])
		return 0;
	diff = fuzz_compare(c, rc, &n);
	if (!diff && memory_equal() && !memcmp(fuzz_model, fuzz_pristine, FUZZ_DATA_BYTES))
		return 0;
	if (diff) {
		shared->disagreements++;
		report(c, diff);
		shared->reports++;
	}
	restore_memory();
	return !!diff;
}

static void setup(void)
{
	struct rng r = { 42 };
	cpu_set_t cpus;
	unsigned int i;

	if (native_setup(&fuzz_pages)) {
		printf("1..0 # SKIP cannot set up test pages\n");
		exit(4);
	}
	for (i = 0; i < LDT_ENTRIES; i++) {
		if (fuzz_ldt[i] && native_set_ldt(i, fuzz_ldt[i])) {
			printf("1..0 # SKIP no modify_ldt\n");
			exit(4);
		}
	}
	for (i = 0; i < FUZZ_DATA_BYTES; i++)
		fuzz_pristine[i] = i & 64 ? rnd(&r) : (rnd(&r) & 0xf) ? 0 : rnd(&r);
	memcpy(fuzz_model, fuzz_pristine, FUZZ_DATA_BYTES);
	memcpy(fuzz_pages.data, fuzz_pristine, FUZZ_DATA_BYTES);
	/* the limit of one of the kernel's segments is the CPU's number */
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	fuzz_read_gdt();
	memcpy(tables, fuzz_gdt, sizeof(fuzz_gdt));
	memcpy(tables + 4096, fuzz_ldt, sizeof(fuzz_ldt));
	guest_add(&fuzz_guest, MODEL_GDT, sizeof(tables), tables,
		  GR_R | GR_W | GR_SYSTEM);
	guest_add(&fuzz_guest, CODE_BASE, CODE_PAGES * 4096, fuzz_pages.code,
		  GR_R | GR_X);
	for (i = 0; i < DATA_PAGES; i++)
		if (data_page_kind[i])
			guest_add(&fuzz_guest, DATA_BASE + i * 4096, 4096,
				  fuzz_model + i * 4096,
				  (data_page_kind[i] & 1 ? GR_R : 0) |
				  (data_page_kind[i] & 2 ? GR_W : 0));
}

/* The vector registers follow from the general ones */
static void fill_fx(struct fuzz_case *c)
{
	unsigned int i;

	asm volatile("fxsave64 %0" : "=m" (c->st.fx));
	memset(c->st.fx, 0, 24);
	/* exceptions are masked as a rule; one that is not waits to be #MF */
	c->st.fx[0] = c->st.regs[6] & 7 ? 0x7f : 0x40 | (c->st.regs[6] >> 3 & 63);
	c->st.fx[2] = c->st.regs[4] & 15 ? 0 : c->st.regs[4] >> 4 & 63;
	c->st.fx[3] = c->st.regs[2] & 0x7f;
	if (c->st.fx[2] & ~c->st.fx[0] & 63) {
		c->st.fx[2] |= 0x80;
		c->st.fx[3] |= 0x80;
	}
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

static int child(u64 seed, u64 count, double until, unsigned int guided,
		 const struct fuzz_filter *filter)
{
	struct fuzz_case c;
	u64 i;

	setup();
	for (i = 0; i < count; i++) {
		struct rng r = { seed + i * 0x632be59bd9b4e019ULL };

		if (!chance(&r, guided) ||
		    !guide_mutate(&r, &fuzz_guest, &c))
			fuzz_generate(&r, filter, &fuzz_guest, &c);
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
		{ "guided", 1, NULL, 'g' }, { "seen", 0, NULL, 'S' },
		{ "help", 0, NULL, 'h' }, { 0 },
	};
	u64 count = 1000000, seed = 1, done;
	struct fuzz_filter filter = { 0 };
	const char *corpus = NULL;
	double seconds = 0, start;
	bool seen = false;
	unsigned int guided = 50, byte;
	int opt, status;
	pid_t pid;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			count = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'r':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'b':
			filter.code_size = atoi(optarg) / 8;
			break;
		case 'm':
			filter.map = atoi(optarg);
			break;
		case 'o':
			for (; filter.opcode_len < 4 &&
			     sscanf(optarg, "%2x", &byte) == 1; optarg += 2) {
				filter.opcode[filter.opcode_len++] = byte;
				if (!optarg[1])
					break;
			}
			break;
		case 'C':
			corpus = optarg;
			break;
		case 'w':
			save = fopen(optarg, "a");
			break;
		case 'g':
			guided = atoi(optarg);
			break;
		case 'S':
			seen = true;
			break;
		default:
			printf("usage: %s [--count N] [--seconds S] [--seed N] [--bits 16|32|64]\n"
			       "  [--guided PERCENT] [--map 1..5] [--opcode HEX] [--save FILE] [--seen] | --corpus FILE\n",
			       argv[0]);
			return opt == 'h' ? 0 : 2;
		}
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	guide = mmap(NULL, sizeof(*guide), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shared == MAP_FAILED || guide == MAP_FAILED)
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
				       seconds ? start + seconds : 0, guided,
				       &filter);
			exit(status);
		}
		status = supervise(pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
			return 4;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			break;
		shared->disagreements++;
		shared->reports++;
		printf("# the process died (status %x)%s\n", status,
		       shared->busy ? ", executing" : "");
		report(&shared->now, "damaged the process");
		shared->busy = false;
	}
	printf("# seed %llu: %llu cases, %llu compared (%llu faults), ",
	       seed, shared->cases, shared->compared, shared->faults);
	printf("%llu not executed, %llu outside the test pages, %.0f s\n",
	       shared->unhandled, shared->escaped, now() - start);
	printf("# %llu cases were made from %u that reached new code, %u edges in all\n",
	       guide->mutated, guide->nr, guide->edges);
	if (seen)
		print_seen();
	printf("%sok 1 emulator and CPU agree # %llu disagreements\n1..1\n",
	       shared->disagreements ? "not " : "", shared->disagreements);
	return shared->disagreements != 0;
}
