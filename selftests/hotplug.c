// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processors of the host go offline and come back under running guests.
 * testhost: --cpus 2
 */
#include "kvmtest.h"
#include <stdatomic.h>

KIND_SUITE(hotplug)

#define VCPUS	3
#define ROUNDS	6

static bool set_online(int cpu, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	return host_write(path, on ? "1" : "0");
}

#define need_hotplug() do {						\
	if (nr_cpus() < 2 || access("/sys/devices/system/cpu/cpu1/online", \
				    W_OK))				\
		skip_test("the host has no processor to take offline");	\
} while (0)

/*
 * Registers of all sorts, a page and the stack: what a VMWRITE that was lost
 * or a VMREAD that gave zero would spoil.
 */
static void guest_work(u64 seed)
{
	volatile u64 *page = (u64 *)(G_DATA + seed * PAGE_4K);
	u64 r12 = seed, n = 0;

	for (;;) {
		u32 a, b, c, d;

		for (int i = 0; i < 100; i++) {
			page[i] = r12 + i;
			r12 = r12 * 6364136223846793005ull + 1;
			a = 0x40000000;
			asm volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c),
				     "=d"(d));
			GUEST_ASSERT_EQ(page[i] * 6364136223846793005ull + 1 -
					i * 6364136223846793005ull, r12);
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
		expect_sync(v, ++n);
		progress++;
	}
	return NULL;
}

/* Until the vCPUs have done something */
static void let_run(unsigned long n)
{
	unsigned long want = progress + n;

	while (progress < want)
		usleep(1000);
}

TEST_F_TIMEOUT(hotplug, under_running_vcpus, 120)
{
	struct vm *vm;
	pthread_t t[VCPUS];

	need_hotplug();
	vm = vm_new(variant->kind);
	stop = false;
	for (int i = 0; i < VCPUS; i++) {
		struct vcpu *v = vcpu_new(vm, i, guest_work);

		vcpu_args(v, 1, (u64)i + 1);
		t[i] = vcpu_thread(v, work);
	}
	for (int i = 0; i < ROUNDS; i++) {
		let_run(4);
		require(set_online(1, false));
		let_run(4);
		EXPECT_EQ(0, kvm_audit());
		require(set_online(1, true));
	}
	stop = true;
	for (int i = 0; i < VCPUS; i++)
		pthread_join(t[i], NULL);
	vm_free(vm);
}

/* A vCPU that is not running, and whose VMCS is on the CPU that goes */
TEST_F(hotplug, under_a_loaded_vmcs)
{
	struct vcpu *v[2];
	struct vm *vm;

	need_hotplug();
	vm = vm_new(variant->kind);
	for (int i = 0; i < 2; i++) {
		v[i] = vcpu_new(vm, i, guest_work);
		vcpu_args(v[i], 1, (u64)i + 1);
	}
	for (u64 n = 1; n <= ROUNDS; n++) {
		struct kvm_regs before, after;

		pin_to_cpu(1);
		expect_sync(v[0], 2 * n - 1);
		expect_sync(v[1], 2 * n - 1);
		before = vcpu_regs(v[0]);
		pin_to_cpu(0);
		require(set_online(1, false));
		after = vcpu_regs(v[0]);
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
		expect_sync(v[0], 2 * n);
		require(set_online(1, true));
		expect_sync(v[1], 2 * n);
	}
	vm_free(vm);
}

static void guest_ok(void)
{
	GUEST_RETURN(77);
}

/* The first and the last VM of all while a CPU is away */
TEST_F(hotplug, made_and_closed_meanwhile)
{
	struct vcpu *v;
	struct vm *vm;

	need_hotplug();
	for (u64 n = 0; n < ROUNDS; n++) {
		require(set_online(1, false));
		vm = vm_new(variant->kind);
		v = vcpu_new(vm, 0, guest_work);
		vcpu_args(v, 1, 1ul);
		expect_sync(v, 1);
		require(set_online(1, true));
		/* VMXON was made up for there */
		pin_to_cpu(1);
		expect_sync(v, 2);
		ASSERT_EQ(77, guest_run(variant->kind, guest_ok));
		pin_to_cpu(0);
		require(set_online(1, false));
		vm_free(vm);
		require(set_online(1, true));
		pin_to_cpu(1);
		ASSERT_EQ(77, guest_run(variant->kind, guest_ok));
		pin_to_cpu(0);
	}
}

TEST_HARNESS_MAIN
