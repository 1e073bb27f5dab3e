// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host suspends with guests running. By the test modes of the kernel, which
 * come back after a moment from each step on the way, processors and system
 * core included; and to RAM, where the clock can wake it.
 * testhost: --cpus 2
 */
#include "kvmtest.h"
#include <stdatomic.h>

KIND_SUITE(suspend)

#define VCPUS	2

static bool offers(const char *path, const char *word)
{
	char text[200] = "";
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	return strstr(text, word);
}

/* "mem" that is suspend to RAM, and test modes; not on somebody's own machine */
static bool can_suspend(void)
{
	char line[80];
	FILE *f = fopen("/testhost/settings", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strcmp(line, "native=y\n"))
			return false;
	if (f)
		fclose(f);
	return offers("/sys/power/state", "mem") &&
	       offers("/sys/power/mem_sleep", "deep") &&
	       offers("/sys/power/pm_test", "core") &&
	       host_write("/sys/power/mem_sleep", "deep");
}

#define need_suspend() do {						\
	if (!can_suspend())						\
		skip_test("the host cannot suspend, or not for a test"); \
} while (0)

static void suspend(const char *level)
{
	host_write("/sys/module/suspend/parameters/pm_test_delay", "1");
	require(host_write("/sys/power/pm_test", level));
	if (!host_write("/sys/power/state", "mem"))
		die("suspend (%s): %s", level, strerror(errno));
	require(host_write("/sys/power/pm_test", "none"));
}

/* To RAM, until the clock wakes it */
static bool suspend_to_ram(void)
{
	static const char alarm[] = "/sys/class/rtc/rtc0/wakealarm";

	host_write(alarm, "0");
	if (!host_write(alarm, "+2"))
		return false;
	if (!host_write("/sys/power/state", "mem"))
		die("suspend to RAM: %s", strerror(errno));
	return true;
}

static void guest_work(u64 seed)
{
	volatile u64 *page = (u64 *)(G_DATA + seed * PAGE_4K);
	u64 last = rdtsc(), now, n = 0;

	for (;;) {
		for (u64 i = 0; i < 512; i++) {
			page[i] = seed * n + i;
			/* equal: the emulator's processors take turns, and the
			 * clock stands still in a turn
			 */
			now = rdtsc();
			GUEST_ASSERT_CMP(now, >=, last);
			last = now;
			GUEST_ASSERT_EQ(page[i], seed * n + i);
		}
		GUEST_SYNC(++n);
	}
}

static atomic_bool stop;
static atomic_ulong progress;

static void *work(void *arg)
{
	struct vcpu *v = arg;
	u64 n = 0;

	while (!stop) {
		/* the freezer of tasks ends KVM_RUN as a signal does */
		if (vcpu_run_raw(v) == EINTR)
			continue;
		vcpu_complete_exit(v);
		require(v->run->exit_reason == KVM_EXIT_IO);
		n++;
		progress++;
	}
	require(n);
	return NULL;
}

static void let_run(unsigned long n)
{
	unsigned long want = progress + n;

	while (progress < want)
		usleep(1000);
}

TEST_F_TIMEOUT(suspend, running_vcpus, 120)
{
	/* NULL: to RAM */
	static const char * const levels[] = {
		"freezer", "devices", "platform", "processors", "core", NULL,
	};
	pthread_t t[VCPUS];
	struct vm *vm;

	need_suspend();
	vm = vm_new(variant->kind);
	stop = false;
	for (int i = 0; i < VCPUS; i++) {
		struct vcpu *v = vcpu_new(vm, i, guest_work);

		vcpu_args(v, 1, (u64)i + 1);
		t[i] = vcpu_thread(v, work);
	}
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		let_run(4);
		if (levels[i])
			suspend(levels[i]);
		else if (!suspend_to_ram())
			fprintf(stderr, "# not to RAM: no alarm clock\n");
		let_run(4);
		EXPECT_EQ(0, kvm_audit());
	}
	stop = true;
	for (int i = 0; i < VCPUS; i++)
		pthread_join(t[i], NULL);
	vm_free(vm);
}

/* Nobody is in KVM_RUN, and the VMCS is on the CPU all the same */
TEST_F_TIMEOUT(suspend, idle_vcpu, 60)
{
	struct kvm_regs before, after;
	struct vcpu *v;
	struct vm *vm;

	need_suspend();
	vm = vm_new(variant->kind);
	v = vcpu_new(vm, 0, guest_work);
	vcpu_args(v, 1, 1ul);
	expect_sync(v, 1);
	before = vcpu_regs(v);
	suspend("core");
	after = vcpu_regs(v);
	ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
	expect_sync(v, 2);
	suspend("core");
	expect_sync(v, 3);
	if (suspend_to_ram())
		expect_sync(v, 4);
	vm_free(vm);
}

/* No VM is there while the host sleeps */
TEST_F_TIMEOUT(suspend, no_vm, 60)
{
	struct vcpu *v;
	struct vm *vm;

	need_suspend();
	suspend("core");
	vm = vm_new(variant->kind);
	v = vcpu_new(vm, 0, guest_work);
	vcpu_args(v, 1, 1ul);
	expect_sync(v, 1);
	vm_free(vm);
}

TEST_HARNESS_MAIN
