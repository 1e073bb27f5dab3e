// SPDX-License-Identifier: GPL-2.0-only
/* Rounds of the page-table torture, and making a failure small. */
#define SELFTEST_LIB
#include "torture.h"
#include <time.h>

static const char *const op_names[NR_OPS] = {
	[OP_READ] = "read", [OP_WRITE] = "write", [OP_XCHG] = "xchg",
	[OP_XADD] = "xadd", [OP_ADD] = "add", [OP_OR] = "or",
	[OP_AND] = "and", [OP_CMPXCHG] = "cmpxchg",
	[OP_CMPXCHG8B] = "cmpxchg8b", [OP_MOVS] = "movs",
	[OP_EXEC] = "exec", [OP_INVLPG] = "invlpg", [OP_INVPCID] = "invpcid",
	[OP_CR3] = "cr3", [OP_CR0] = "cr0", [OP_CR4] = "cr4",
	[OP_EFER] = "efer", [OP_PKRU] = "pkru", [OP_SYNC] = "sync",
	[OP_MODE] = "mode", [OP_DIRTY_ON] = "dirty-on",
	[OP_DIRTY_OFF] = "dirty-off", [OP_DIRTY_GET] = "dirty-get",
	[OP_DISCARD] = "discard", [OP_PROTECT] = "protect",
	[OP_SLOT] = "slot", [OP_SHRINK] = "shrink", [OP_SREGS] = "sregs",
	[OP_TRANSLATE] = "translate", [OP_AUDIT] = "audit",
};

void tt_describe(const struct tt_op *op, char *buf, size_t len)
{
	snprintf(buf, len, "%s%u%s%s addr 0x%lx val 0x%lx val2 0x%lx",
		 op_names[op->type], op->size, op->user ? " user" : "",
		 op->ac ? " ac" : "", op->addr, op->val, op->val2);
}

/* One line per op, with what the model says of it */
static void print_op(const struct tt_prog *p, unsigned int i)
{
	const struct tt_exp *e = &p->exp[i];
	char buf[160];

	tt_describe(&p->op[i], buf, sizeof(buf));
	fprintf(stderr, "# %5u  %s", i, buf);
	if (p->op[i].type < NR_GUEST_OPS && e->vector != TT_DONE_VEC)
		fprintf(stderr, " -> vector %u error 0x%x", e->vector,
			e->error);
	fputc('\n', stderr);
}

static void print_tail(const struct tt_run *r, unsigned int n)
{
	const struct tt_prog *p = &r->prog;
	unsigned int end = r->done;

	/* up to the end of the batch that failed */
	while (end < p->nr && p->op[end].type != OP_SYNC)
		end++;
	for (unsigned int i = end > n ? end - n : 0; i < end; i++)
		print_op(p, i);
}

/* ---- making it small ------------------------------------------------------------ */

/* Not every KVM has the limit */
static void limit_tables(struct tt_run *r, unsigned int tables)
{
	for (unsigned int i = 0; tables && i < r->nr_vms; i++)
		if (ioctl(r->vm[i].vm->fd, KVM_SET_NR_MMU_PAGES, tables))
			require(errno == ENOTTY);
}

/*
 * The ops of @p that keep[] says, as far as the model agrees with each; a
 * process of its own, since a wrong program may end it. Does it still fail?
 */
static bool replay(const struct tt_options *o, u64 seed,
		   const struct tt_prog *p, const bool *keep, bool print)
{
	int status;
	pid_t pid;

	fflush(stdout);
	fflush(stderr);
	pid = fork();
	require(pid >= 0);
	if (!pid) {
		struct tt_run r;
		bool ok = true;

		if (!print && !freopen("/dev/null", "w", stderr))
			_exit(3);
		tt_run_init(&r, seed, o->kinds, o->nr_kinds);
		limit_tables(&r, o->tables);
		r.m->wild = o->wild;
		r.prog.op = calloc(p->nr + 1, sizeof(*p->op));
		r.prog.exp = calloc(p->nr + 1, sizeof(*p->exp));
		require(r.prog.op && r.prog.exp);
		for (unsigned int i = 0; i < p->nr && ok; i++) {
			struct tt_exp *e = &r.prog.exp[r.prog.nr];

			if (!keep[i] || tt_sim(r.m, &p->op[i], e) != SIM_OK)
				continue;
			r.prog.op[r.prog.nr++] = p->op[i];
			if (print)
				print_op(&r.prog, r.prog.nr - 1);
			/* Some of these need the model as it is then */
			if (p->op[i].type >= OP_SYNC)
				ok = tt_run_batch(&r);
		}
		if (ok && o->nr_kinds)
			ok = !kvm_audit();
		if (!ok && print)
			fprintf(stderr, "# %s\n", r.error);
		_exit(ok ? 0 : 1);
	}
	require(waitpid(pid, &status, 0) == pid);
	return status != 0;
}

static void shrink(const struct tt_options *o, u64 seed, struct tt_run *r)
{
	struct tt_prog *p = &r->prog;
	unsigned int left = p->nr, tries = 0;
	time_t end = time(NULL) + 600;
	bool *keep = malloc(p->nr);
	bool *without = malloc(p->nr);

	require(keep && without);
	memset(keep, true, p->nr);
	if (!replay(o, seed, p, keep, false)) {
		fprintf(stderr, "# does not fail again\n");
		goto out;
	}
	for (unsigned int n = p->nr / 2; n && time(NULL) < end; n /= 2) {
		for (unsigned int i = 0; i < p->nr && time(NULL) < end;
		     i += n) {
			unsigned int gone = 0;

			memcpy(without, keep, p->nr);
			/* the last one is where it is looked at */
			for (unsigned int j = i; j < i + n && j < p->nr - 1;
			     j++) {
				gone += without[j];
				without[j] = false;
			}
			if (!gone)
				continue;
			tries++;
			if (replay(o, seed, p, without, false)) {
				memcpy(keep, without, p->nr);
				left -= gone;
			}
		}
	}
	fprintf(stderr, "# smallest program found: %u ops of %u, %u tries\n",
		left, p->nr, tries);
	replay(o, seed, p, keep, true);
out:
	free(keep);
	free(without);
}

/* ---- rounds ------------------------------------------------------------------------ */

bool tt_round(const struct tt_options *o, u64 seed)
{
	struct tt_run r;
	struct tt_gen g;
	bool ok = true;

	tt_run_init(&r, seed, o->kinds, o->nr_kinds);
	limit_tables(&r, o->tables);
	r.m->wild = o->wild;
	g = (struct tt_gen) {
		.rng = seed * 2 + 1, .m = r.m, .prog = &r.prog,
		.modes = o->modes, .host_ops = o->host_ops,
	};
	while (ok && r.prog.nr < o->ops) {
		tt_gen_batch(&g);
		ok = tt_run_batch(&r);
	}
	if (ok && kvm_audit()) {
		snprintf(r.error, sizeof(r.error), "audit at the end");
		ok = false;
	}
	if (!ok) {
		fprintf(stderr, "# seed 0x%lx: %s\n", seed, r.error);
		print_tail(&r, o->verbose ? r.prog.nr : 30);
		if (o->shrink)
			shrink(o, seed, &r);
	} else if (o->verbose) {
		fprintf(stderr, "# seed 0x%lx: %u ops\n", seed, r.prog.nr);
	}
	tt_run_free(&r);
	return ok;
}

bool tt_rounds(const struct tt_options *o)
{
	u64 state = o->seed * 0x9e3779b97f4a7c15ull + 1, seed = o->seed;

	for (unsigned int i = 0; i < o->rounds; i++) {
		if (!tt_round(o, seed)) {
			fprintf(stderr,
				"# again: ./torture --seed 0x%lx --ops %u --modes 0x%lx%s%s --shrink\n",
				seed, o->ops, o->modes,
				o->wild ? " --wild" : "",
				o->host_ops ? "" : " --quiet-host");
			if (o->tables)
				fprintf(stderr, "# and --tables %u\n",
					o->tables);
			return false;
		}
		seed = tt_random(&state);
	}
	return true;
}
