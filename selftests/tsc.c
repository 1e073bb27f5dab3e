// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's time-stamp counter: frequencies other than the host's, on CPUs that
 * scale and on those that do not; hosts whose TSCs are in step and hosts whose
 * TSCs are not ("tsc=unstable" on the command line makes one).
 */
#include "irq.h"

IRQ_SUITE(tsc)

/* ---- frequency ------------------------------------------------------------------ */

/* Ticks of the host that passed at least and at most between two looks at the guest */
struct look {
	u64 before, after, guest;
};

static void guest_says(void)
{
	for (;;)
		GUEST_SYNC_ARGS(1, rdtsc(), 0, 0, 0);
}

static struct look look(struct vcpu *v)
{
	struct look l = { .before = rdtsc() };

	expect_sync(v, 1);
	l.guest = v->uc[1];
	l.after = rdtsc();
	return l;
}

/* a * num / den, and what rounding may add to it or take away */
static u64 part(u64 a, u64 num, u64 den)
{
	return (__uint128_t)a * num / den;
}

/* Does the guest's TSC run at num/den of the host's, to a millionth? */
static void check_rate(struct vcpu *v, u64 num, u64 den)
{
	struct look a = look(v), b;
	u64 least, most, ticks;

	while (rdtsc() < a.after + 5000000)
		;
	b = look(v);
	ticks = b.guest - a.guest;
	least = part(b.before - a.after, num, den);
	most = part(b.after - a.before, num, den);
	if (ticks + least / 1000000 + 2 < least ||
	    ticks > most + most / 1000000 + 2)
		die("%lu ticks at %lu/%lu, not %lu to %lu", ticks, num, den,
		    least, most);
}

/* KVM_GET_MSRS says what the guest reads */
static void check_msr(struct vcpu *v)
{
	u64 before = look(v).guest, msr = vcpu_get_msr(v, MSR_TSC);

	require(before <= msr && msr <= look(v).guest);
}

TEST_F(tsc, scaled)
{
	static const struct { u64 num, den; } rates[] = {
		{ 1, 2 }, { 2, 1 }, { 3, 7 }, { 1, 1 }, { 5, 1 },
	};
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	struct vcpu *v = self->vcpu;

	ASSERT_GT(khz, 0);
	vcpu_set_entry(v, guest_says);
	check_rate(v, 1, 1);
	check_msr(v);
	if (!vm_check(self->vm, KVM_CAP_TSC_CONTROL))
		skip_test("no TSC scaling");
	if (nr_cpus() > 1)
		pin_to_cpu(0);
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 want = part(khz, rates[i].num, rates[i].den), was;

		was = look(v).guest;
		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_TSC_KHZ, want));
		EXPECT_EQ(want, ioctl(v->fd, KVM_GET_TSC_KHZ, 0));
		/* it goes on from what it was */
		if (on_our_module())
			EXPECT_LE(was, look(v).guest);
		check_rate(v, want, khz);
		check_msr(v);
	}
	/* user space sets the value of a TSC that is scaled, too */
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_TSC_KHZ, khz / 2));
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_TSC, 1ull << 50));
	EXPECT_LE(1ull << 50, look(v).guest);
	check_rate(v, khz / 2, khz);
	/* 0 is the host's frequency */
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_TSC_KHZ, 0));
	EXPECT_EQ(khz, ioctl(v->fd, KVM_GET_TSC_KHZ, 0));
}

/* vCPUs to come have the VM's frequency, and are in step */
TEST_F(tsc, of_the_vm)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	struct vm *vm = self->vm;
	struct vcpu *a, *b;

	if (!vm_check(vm, KVM_CAP_VM_TSC_CONTROL))
		skip_test("no TSC scaling");
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SET_TSC_KHZ, khz / 4));
	EXPECT_EQ(khz / 4, ioctl(vm->fd, KVM_GET_TSC_KHZ, 0));
	EXPECT_EQ(khz, ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0));
	a = vcpu_new(vm, 1, guest_says);
	b = vcpu_new(vm, 2, guest_says);
	vcpu_set_mp_state(a, KVM_MP_STATE_RUNNABLE);
	vcpu_set_mp_state(b, KVM_MP_STATE_RUNNABLE);
	EXPECT_EQ(khz / 4, ioctl(a->fd, KVM_GET_TSC_KHZ, 0));
	check_rate(a, khz / 4, khz);
	for (int i = 0; i < 10; i++) {
		u64 first = look(a).guest, second = look(b).guest;

		EXPECT_LE(first, second);
		EXPECT_LE(second, look(a).guest);
	}
}

/* Where it is not offered nothing but the host's frequency is taken */
TEST_F(tsc, not_scaled)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	int fds[] = { self->vcpu->fd, self->vm->fd };

	if (vm_check(self->vm, KVM_CAP_TSC_CONTROL) || !on_our_module())
		skip_test("TSC scaling, or something for it");
	EXPECT_EQ(0, vm_check(self->vm, KVM_CAP_VM_TSC_CONTROL));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(-1, ioctl(fds[i], KVM_SET_TSC_KHZ, khz / 2));
		EXPECT_EQ(-1, ioctl(fds[i], KVM_SET_TSC_KHZ, khz * 2));
		EXPECT_EQ(khz, ioctl(fds[i], KVM_GET_TSC_KHZ, 0));
		EXPECT_EQ(0, ioctl(fds[i], KVM_SET_TSC_KHZ, khz));
	}
	vcpu_set_entry(self->vcpu, guest_says);
	check_rate(self->vcpu, 1, 1);
}

/* ---- deadlines of a TSC that is scaled ------------------------------------------- */

static volatile u64 came, came_at;

static void irq_deadline(struct guest_regs *r)
{
	came_at = rdtsc();
	came++;
	x2apic_write(APIC_EOI, 0);
}

static void guest_deadlines(void)
{
	irq_handler(0x50, 0x50, irq_deadline);
	x2apic_on();
	x2apic_write(APIC_LVTT, LVT_DEADLINE | 0x50);
	for (u64 i = 0; i < 20; i++) {
		u64 when = rdtsc() + (1000 << i % 8);

		wrmsr(MSR_TSC_DEADLINE, when);
		while (came == i) {
			if (i & 1)
				irq_wait();
			else
				irq_window();
		}
		GUEST_ASSERT_EQ(came, i + 1);
		GUEST_ASSERT_CMP(came_at, >=, when);
	}
	GUEST_DONE();
}

TEST_F(tsc, deadlines_scaled)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	struct kvm_cpuid2 *c = kvm_supported_cpuid();

	if (!vm_check(self->vm, KVM_CAP_TSC_CONTROL) ||
	    !kvm_check(KVM_CAP_TSC_DEADLINE_TIMER))
		skip_test("no TSC scaling, or no deadline");
	cpuid_entry(c, 1, 0)->ecx |= 1u << 24;
	require(!ioctl(self->vcpu->fd, KVM_SET_CPUID2, c));
	for (u64 i = 0; i < 3; i++) {
		ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_TSC_KHZ,
				   i ? khz * i : khz / 3));
		*guest_var(self->vm, came) = 0;
		vcpu_set_entry(self->vcpu, guest_deadlines);
		expect_done(self->vcpu);
	}
	free(c);
}

/* ---- TSC_ADJUST, as written by the guest and by user space ------------------------ */

static void guest_adjusts(void)
{
	wrmsr(MSR_TSC_ADJUST, 1ull << 40);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 1ull << 30);
	GUEST_ASSERT_CMP(rdtsc(), >=, 1ull << 40);
	wrmsr(MSR_TSC_ADJUST, 0);
	GUEST_SYNC(2);
	wrmsr(MSR_TSC, 1ull << 52);
	GUEST_SYNC(3);
	GUEST_DONE();
}

TEST_F(tsc, adjust)
{
	struct vcpu *v = self->vcpu;
	u64 tsc;

	vcpu_set_entry(v, guest_adjusts);
	expect_sync(v, 1);
	EXPECT_EQ(1ull << 40, vcpu_get_msr(v, MSR_TSC_ADJUST));
	tsc = vcpu_get_msr(v, MSR_TSC);
	EXPECT_LE(1ull << 40, tsc);
	/* user space restores a register, whose effect is in the TSC already */
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_TSC_ADJUST, 1ull << 30));
	EXPECT_EQ(1ull << 30, vcpu_get_msr(v, MSR_TSC_ADJUST));
	EXPECT_LE(tsc, vcpu_get_msr(v, MSR_TSC));
	expect_sync(v, 2);
	EXPECT_EQ(0, vcpu_get_msr(v, MSR_TSC_ADJUST));
	/* it went back by what the register had */
	EXPECT_LE((1ull << 40) - (1ull << 30), vcpu_get_msr(v, MSR_TSC));
	/* what user space sets is no adjustment */
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_TSC, 1ull << 50));
	EXPECT_EQ(0, vcpu_get_msr(v, MSR_TSC_ADJUST));
	EXPECT_LE(1ull << 50, vcpu_get_msr(v, MSR_TSC));
	expect_sync(v, 3);
	/* and the guest's own write is one */
	EXPECT_LE(1ull << 51, vcpu_get_msr(v, MSR_TSC_ADJUST));
	EXPECT_GT(1ull << 52, vcpu_get_msr(v, MSR_TSC_ADJUST));
	EXPECT_LE(1ull << 52, vcpu_get_msr(v, MSR_TSC));
	expect_done(v);
}

/* ---- hosts whose TSCs are in step, and others --------------------------------------- */

#define MSR_SYSTEM_TIME	0x4b564d01

struct clock_page {
	u32 version, pad0;
	u64 tsc, ns;
	u32 mul;
	signed char shift;
	u8 flags, pad[2];
} __attribute__((packed));

static volatile struct clock_page page __attribute__((aligned(64)));
static volatile u64 stop;

static u64 clock_ns(void)
{
	u32 version;
	u64 delta, ns;

	do {
		version = page.version & ~1u;
		asm volatile("lfence" : : : "memory");
		delta = rdtsc() - page.tsc;
		delta = page.shift < 0 ? delta >> -page.shift :
					 delta << page.shift;
		ns = page.ns + (u64)((__uint128_t)delta * page.mul >> 32);
		asm volatile("lfence" : : : "memory");
	} while (page.version != version);
	return ns;
}

/* Neither goes back, wherever the thread runs; nor does either run away */
static void guest_clocks(void)
{
	u64 tsc = rdtsc(), ns, now;

	wrmsr(MSR_SYSTEM_TIME, (u64)&page | 1);
	ns = clock_ns();
	while (!stop) {
		now = rdtsc();
		GUEST_ASSERT_CMP(now, >=, tsc);
		tsc = now;
		now = clock_ns();
		GUEST_ASSERT_CMP(now, >=, ns);
		ns = now;
	}
	GUEST_SYNC_ARGS(2, tsc, ns, page.flags, 0);
	GUEST_DONE();
}

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"

static bool host_clock_is_tsc(void)
{
	FILE *f = fopen(CLOCKSOURCE, "r");
	char name[32] = "";

	if (f && !fgets(name, sizeof(name), f))
		name[0] = 0;
	if (f)
		fclose(f);
	return !strcmp(name, "tsc\n");
}

/* A TSC of its own for each CPU, where the host has no use for them any more */
static void pull_apart(void)
{
	int fd = open("/dev/cpu/1/msr", O_RDWR);
	u64 tsc;

	if (fd < 0)
		return;
	if (pread(fd, &tsc, sizeof(tsc), MSR_TSC) == sizeof(tsc)) {
		tsc -= 1ull << 30;
		if (pwrite(fd, &tsc, sizeof(tsc), MSR_TSC) == sizeof(tsc))
			printf("# the TSC of CPU 1 is another one\n");
	}
	close(fd);
}

struct mover {
	struct vm *vm;
	pthread_t thread;
};

static void *move_and_stop(void *arg)
{
	struct mover *m = arg;
	cpu_set_t set;

	for (int i = 0; i < 200; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % nr_cpus(), &set);
		pthread_setaffinity_np(m->thread, sizeof(set), &set);
		usleep(500);
	}
	*guest_var(m->vm, stop) = 1;
	return NULL;
}

TEST_F(tsc, of_the_host)
{
	struct mover m = { .vm = self->vm, .thread = pthread_self() };
	struct kvm_clock_data before = {}, after = {};
	bool stable = host_clock_is_tsc();
	struct vcpu *v = self->vcpu;
	u64 khz, ticks, ns, tsc;
	pthread_t mover;

	if (!stable)
		pull_apart();
	vcpu_set_entry(v, guest_clocks);
	khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	tsc = vcpu_get_msr(v, MSR_TSC);
	require(!ioctl(self->vm->fd, KVM_GET_CLOCK, &before));
	require(!pthread_create(&mover, NULL, move_and_stop, &m));
	expect_sync(v, 2);
	pthread_join(mover, NULL);
	require(!ioctl(self->vm->fd, KVM_GET_CLOCK, &after));
	EXPECT_LE(before.clock, v->uc[2]);
	EXPECT_GE(after.clock, v->uc[2]);
	EXPECT_EQ(stable, v->uc[3] & 1);
	EXPECT_EQ(stable, !!(after.flags & KVM_CLOCK_TSC_STABLE));
	/* the TSC has counted what the clock has, to a tenth */
	ticks = vcpu_get_msr(v, MSR_TSC) - tsc;
	require(!ioctl(self->vm->fd, KVM_GET_CLOCK, &after));
	ns = part(ticks, 1000000, khz);
	EXPECT_LE(ns, (after.clock - before.clock) / 10 * 11);
	EXPECT_GE(ns, (v->uc[2] - before.clock) / 10 * 9);
	expect_done(v);
}

TEST_HARNESS_MAIN
