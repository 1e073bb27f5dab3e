// SPDX-License-Identifier: GPL-2.0-only
/*
 * whole [-c]: what a Linux guest costs as a whole under the KVM that is loaded,
 * for each MMU kind it has: its boot and what guest.c does then, in vmrun. One
 * JSON line each on stdout:
 *
 *	{"op": "guest_fork", "kind": "ept", "times": 200, "ticks": 67890123}
 *
 * With -c "exits" instead of ticks, by reason, counted by the trace event
 * kvm_exit, which both KVMs have; and then those of a guest of four CPUs that
 * does nothing for some seconds.
 */
#define SELFTEST_LIB
#include "kvmtest.h"
#include <linux/perf_event.h>
#include <sys/syscall.h>

/* SDM 3D appendix C */
static const struct {
	int reason;		/* -1: whatever it is */
	const char *name;
} exits[] = {
	{ -1, "all" },
	{ 0, "exception" }, { 1, "interrupt" }, { 7, "int_window" },
	{ 10, "cpuid" }, { 12, "hlt" }, { 14, "invlpg" }, { 18, "vmcall" },
	{ 28, "cr" }, { 29, "dr" }, { 30, "io" }, { 31, "rdmsr" },
	{ 32, "wrmsr" }, { 40, "pause" }, { 44, "apic_access" },
	{ 45, "eoi" }, { 48, "ept_violation" }, { 49, "ept_misconfig" },
	{ 52, "preemption_timer" }, { 54, "wbinvd" }, { 56, "apic_write" },
	{ 58, "invpcid" },
};

#define NR	ARRAY_SIZE(exits)

static int events[NR];
static u64 counted[NR];

static long trace_id(void)
{
	FILE *f = fopen("/sys/kernel/tracing/events/kvm/kvm_exit/id", "r");
	long id;

	if (!f || fscanf(f, "%ld", &id) != 1)
		die("there is no trace event kvm_exit");
	fclose(f);
	return id;
}

static void count_exits(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = trace_id(),
	};
	char filter[32];

	for (size_t i = 0; i < NR; i++) {
		events[i] = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
		if (events[i] < 0)
			die("perf_event_open: %s", strerror(errno));
		if (exits[i].reason < 0)
			continue;
		snprintf(filter, sizeof(filter), "exit_reason==%d",
			 exits[i].reason);
		require(!ioctl(events[i], PERF_EVENT_IOC_SET_FILTER, filter));
	}
}

/* How often since the last time */
static u64 count_of(int i)
{
	u64 before = counted[i];

	require(read(events[i], &counted[i], 8) == 8);
	return counted[i] - before;
}

static void print_exits(void)
{
	u64 known = 0, all = 0;
	bool first = true;

	printf(", \"exits\": {");
	for (size_t i = 0; i < NR; i++) {
		u64 n = count_of(i);

		if (exits[i].reason < 0)
			all = n;
		else
			known += n;
		if (!n)
			continue;
		printf("%s\"%s\": %lu", first ? "" : ", ", exits[i].name, n);
		first = false;
	}
	if (all > known)
		printf(", \"other\": %lu", all - known);
	printf("}");
}

/*
 * The in-tree KVM, unlike a CPU's reset, starts with fast strings off in
 * IA32_MISC_ENABLE. Then Linux clears pages by plain moves, else by a string
 * instruction whose iterations count one by one here: the former for both.
 */
#define APPEND	"console=ttyS0 panic=-1 quiet clearcpuid=erms,rep_good"

static void __attribute__((noreturn))
vmrun(const char *mmu, bool idle, int in, int out)
{
	const char *const argv[] = {
		"./vmrun", "--kernel=guest/vmlinuz",
		"--initrd=guest/initramfs", "--mem=192M", "--timeout=120",
		idle ? "--cpus=4" : "--cpus=1",
		idle ? "--append=" APPEND " -- idle" : "--append=" APPEND,
		mmu, NULL };

	dup2(in, 0);
	dup2(out, 1);
	execv(argv[0], (char **)argv);
	die("%s: %s", argv[0], strerror(errno));
}

static void measure(const char *kind, bool count, bool idle)
{
	int in[2], out[2], status, seen = 0;
	unsigned long times, ticks;
	char mmu[32], line[256], op[32];
	pid_t pid;
	FILE *f;

	snprintf(mmu, sizeof(mmu), "--mmu=%s",
		 on_our_module() ? kind : "auto");
	for (size_t i = 0; count && i < NR; i++)
		count_of(i);
	require(!pipe2(in, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	fflush(stdout);
	pid = fork();
	if (!pid)
		vmrun(mmu, idle, in[0], out[1]);
	require(pid > 0);
	close(in[0]);
	close(out[1]);
	f = fdopen(out[0], "r");
	require(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "bench: %31s %lu %lu", op, &times,
			   &ticks) != 3) {
			if (strstr(line, "bench: failed"))
				die("%s", line);
			continue;
		}
		printf("{\"op\": \"%s\", \"kind\": \"%s\", \"times\": %lu", op,
		       kind, times);
		if (count)
			print_exits();
		else
			printf(", \"ticks\": %lu", ticks);
		printf("}\n");
		fflush(stdout);
		seen++;
		require(write(in[1], "\n", 1) == 1);
	}
	fclose(f);
	close(in[1]);
	require(waitpid(pid, &status, 0) == pid);
	if (status || !seen)
		die("vmrun ended with status 0x%x", status);
}

int main(int argc, char **argv)
{
	static const unsigned int kinds[] = {
		KVM_MMU_KIND_EPT, KVM_MMU_KIND_SHADOW };
	bool count = argc > 1 && !strcmp(argv[1], "-c");

	if (count)
		count_exits();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (mmu_kind_available(kinds[i])) {
			measure(mmu_kind_name(kinds[i]), count, false);
			if (count)
				measure(mmu_kind_name(kinds[i]), true, true);
		}
	return 0;
}
