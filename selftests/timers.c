// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines that the CPU or the host counts, halted vCPUs that look for events or
 * sleep, PAUSE loops: the same guests, each with the help of the CPU and without.
 */
#include "irq.h"

IRQ_SUITE(timers)

static void set_param(const char *name, const char *value)
{
	if (on_our_module())
		require(kvm_param(name, value, NULL));
}

/* In x2APIC mode, with TSC deadline */
static void with_deadline(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();

	if (!kvm_check(KVM_CAP_TSC_DEADLINE_TIMER))
		skip_now("no TSC deadline");
	cpuid_entry(c, 1, 0)->ecx |= 1u << 24;
	require(!ioctl(vcpu->fd, KVM_SET_CPUID2, c));
}

/* ---- deadlines ---------------------------------------------------------------- */

#define ROUNDS	30

static volatile u64 came_at, came;

static void irq_deadline(struct guest_regs *r)
{
	came_at = rdtsc();
	came++;
	x2apic_write(APIC_EOI, 0);
}

static void guest_deadlines(u64 halt)
{
	u64 i, when;
	bool late;

	irq_handler(0x50, 0x50, irq_deadline);
	x2apic_on();
	x2apic_write(APIC_LVTT, LVT_DEADLINE | 0x50);
	for (i = 0; i < ROUNDS; i++) {
		when = rdtsc() + (1000 << i % 10);
		wrmsr(MSR_TSC_DEADLINE, when);
		if (halt) {
			while (came == i)
				irq_wait();
		} else {
			asm volatile("sti");
			while (came == i)
				;
			asm volatile("cli");
		}
		/* once, and not before its time */
		GUEST_ASSERT_EQ(came, i + 1);
		GUEST_ASSERT_CMP(came_at, >=, when);
		GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	}
	/* another deadline instead of the first; none instead of the second */
	when = rdtsc() + 100000;
	wrmsr(MSR_TSC_DEADLINE, when);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000);
	late = rdtsc() >= when;
	while (came == ROUNDS)
		irq_wait();
	when = rdtsc() + 20000;
	wrmsr(MSR_TSC_DEADLINE, when);
	wrmsr(MSR_TSC_DEADLINE, 0);
	late |= rdtsc() >= when;
	for (when = rdtsc() + 40000; rdtsc() < when;)
		irq_window();
	/* unless a slow host let them come before they were written again */
	if (!late)
		GUEST_ASSERT_EQ(came, ROUNDS + 1);
	GUEST_DONE();
}

#define DEADLINES(name, timer, poll, halt)				\
	TEST_F(timers, deadlines_##name)				\
	{								\
		with_deadline(self->vcpu);				\
		set_param("preemption_timer", timer);			\
		set_param("halt_poll_ns", poll);			\
		vcpu_set_entry(self->vcpu, guest_deadlines);		\
		vcpu_args(self->vcpu, 1, (u64)(halt));			\
		expect_done(self->vcpu);				\
		set_param("preemption_timer", "Y");			\
		set_param("halt_poll_ns", "200000");			\
	}

DEADLINES(cpu, "Y", "200000", 0)
DEADLINES(host, "N", "200000", 0)
DEADLINES(cpu_halted, "Y", "0", 1)
DEADLINES(host_halted, "N", "0", 1)
DEADLINES(cpu_polled, "Y", "200000", 1)
DEADLINES(host_polled, "N", "200000", 1)

/* The offset changes while a deadline is pending: it is the guest's TSC that counts */
static void guest_far(void)
{
	irq_handler(0x50, 0x50, irq_deadline);
	x2apic_on();
	x2apic_write(APIC_LVTT, LVT_DEADLINE | 0x50);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (1ull << 44));
	GUEST_SYNC(1);
	irq_window();
	GUEST_ASSERT_EQ(came, 0);
	GUEST_SYNC(2);
	while (!came)
		irq_wait();
	GUEST_DONE();
}

TEST_F(timers, deadline_and_offset)
{
	u64 offset;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)&offset,
	};

	with_deadline(self->vcpu);
	vcpu_set_entry(self->vcpu, guest_far);
	expect_sync(self->vcpu, 1);
	expect_sync(self->vcpu, 2);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_GET_DEVICE_ATTR, &attr));
	offset += 1ull << 44;
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_SET_DEVICE_ATTR, &attr));
	expect_done(self->vcpu);
}

/* The thread moves between the host's CPUs while it waits */
static volatile bool moving;

static void *move(void *arg)
{
	pthread_t thread = *(pthread_t *)arg;
	cpu_set_t set;

	for (int i = 0; moving; i++) {
		CPU_ZERO(&set);
		CPU_SET(i % nr_cpus(), &set);
		pthread_setaffinity_np(thread, sizeof(set), &set);
		usleep(500);
	}
	return NULL;
}

TEST_F(timers, deadlines_moved)
{
	pthread_t me = pthread_self(), mover;

	if (nr_cpus() < 2)
		skip_test("one CPU");
	with_deadline(self->vcpu);
	moving = true;
	require(!pthread_create(&mover, NULL, move, &me));
	vcpu_set_entry(self->vcpu, guest_deadlines);
	vcpu_args(self->vcpu, 1, 0ul);
	expect_done(self->vcpu);
	moving = false;
	pthread_join(mover, NULL);
}

/* ---- two that share a CPU ------------------------------------------------------ */

static volatile u64 turn, over;

static u64 hold_pattern(u64 pattern)
{
	u64 low, high;

	asm volatile("movq %2, %%xmm3\n\t"
		     "punpcklqdq %%xmm3, %%xmm3\n\t"
		     "mov $20000, %%ecx\n"
		     "1: dec %%ecx\n\t"
		     "jnz 1b\n\t"
		     "movq %%xmm3, %0\n\t"
		     "psrldq $8, %%xmm3\n\t"
		     "movq %%xmm3, %1"
		     : "=&r"(low), "=&r"(high) : "r"(pattern)
		     : "rcx", "xmm3", "cc");
	return (low ^ pattern) | (high ^ pattern);
}

/* Turn by turn, spinning in between */
static void guest_turns(u64 id)
{
	for (u64 i = 0; i < 40; i++) {
		while (turn % 2 != id)
			cpu_pause();
		GUEST_ASSERT_EQ(hold_pattern(0x1111111111111111 * (id + 1)), 0);
		turn++;
	}
	over++;
	GUEST_DONE();
}

static void *run_to_end(void *arg)
{
	pin_to_cpu(0);
	expect_done(arg);
	return NULL;
}

static int64_t both(struct vm *vm, const char *name)
{
	return stat_read(vm->vcpus[0]->fd, name) +
	       stat_read(vm->vcpus[1]->fd, name);
}

/* The FPU state is that of the vCPU that runs, whoever had the CPU in between */
#define TURNS(name, gap)						\
	TEST_F_TIMEOUT(timers, turns_##name, 120)			\
	{								\
		int64_t pauses, yields;					\
		struct vcpu *other;					\
		pthread_t thread;					\
									\
		set_param("ple_gap", gap);				\
		pin_to_cpu(0);						\
		other = vcpu_new(self->vm, 1, guest_turns);		\
		vcpu_set_mp_state(other, KVM_MP_STATE_RUNNABLE);	\
		vcpu_args(other, 1, 1ul);				\
		self->vcpu = other;					\
		thread = vcpu_thread(other, run_to_end);		\
		vcpu_set_entry(self->vm->vcpus[0], guest_turns);	\
		vcpu_args(self->vm->vcpus[0], 1, 0ul);			\
		expect_done(self->vm->vcpus[0]);			\
		pthread_join(thread, NULL);				\
		ASSERT_EQ(2, *guest_var(self->vm, over));		\
		pauses = both(self->vm, "exits_pause");			\
		yields = both(self->vm, "yields");			\
		/* the first exits may be before the other one is there */ \
		EXPECT_LE(pauses > 30, yields);				\
		EXPECT_LE(yields, pauses);				\
		set_param("ple_gap", "128");				\
	}

TURNS(plain, "0")
TURNS(ple, "128")

/* ---- KVM_CAP_HALT_POLL ---------------------------------------------------------- */

TEST_F(timers, halt_poll_cap)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL };

	ASSERT_EQ(1, vm_check(self->vm, KVM_CAP_HALT_POLL));
	cap.args[0] = 0;
	EXPECT_EQ(0, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	with_deadline(self->vcpu);
	vcpu_set_entry(self->vcpu, guest_deadlines);
	vcpu_args(self->vcpu, 1, 1ul);
	expect_done(self->vcpu);
	/* not a single look */
	if (on_our_module())
		EXPECT_EQ(0, stat_read(self->vcpu->fd, "halt_attempted_poll"));
	cap.args[0] = 1000000;
	EXPECT_EQ(0, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	cap.args[0] = 1ull << 32;
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EINVAL, errno);
	cap.args[0] = 0;
	cap.flags = 1;
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(EINVAL, errno);
}

/* ---- vCPUs that nobody runs ------------------------------------------------------ */

#define TICK_NS		20000000

static volatile u64 ticks;

static void irq_tick(struct guest_regs *r)
{
	ticks++;
	x2apic_write(APIC_EOI, 0);
}

static void guest_ticks(void)
{
	irq_handler(0x50, 0x50, irq_tick);
	x2apic_on();
	x2apic_write(APIC_TDCR, 0xb);
	x2apic_write(APIC_LVTT, LVT_PERIODIC | 0x50);
	x2apic_write(APIC_TMICT, TICK_NS);
	while (ticks < 2)
		irq_wait();
	GUEST_SYNC(1);
	/* however many were due: one, and then the next ones in their time */
	ticks = 0;
	irq_window();
	GUEST_ASSERT_CMP(ticks, <=, 1);
	while (ticks < 4)
		irq_wait();
	GUEST_DONE();
}

/* The module's timers of LAPICs that the host counts now */
static unsigned int host_timers(void)
{
	FILE *f = fopen("/proc/timer_list", "r");
	unsigned int n = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, ", timer_expired");
	if (f)
		fclose(f);
	return n;
}

/* They stop after a while, and go on when the vCPU does */
TEST_F(timers, periodic_of_nobody)
{
	struct kvm_lapic_state s;
	unsigned int i;

	if (!on_our_module())
		skip_test("not our module");
	vcpu_set_entry(self->vcpu, guest_ticks);
	expect_sync(self->vcpu, 1);
	if (!host_timers())
		skip_test("not to be seen in the list of timers");
	for (i = 0; i < 1000 && host_timers(); i++)
		usleep(TICK_NS / 1000);
	EXPECT_EQ(0, host_timers());
	/* who looks finds it counting */
	s = lapic_state(self->vcpu);
	EXPECT_LT(0, lapic_state_reg(&s, APIC_TMCCT));
	EXPECT_GE(TICK_NS, lapic_state_reg(&s, APIC_TMCCT));
	usleep(4 * TICK_NS / 1000);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
