// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254 timer and port 0x61.
 *
 * again: tpr_shadow=N
 */
#include "irq.h"

IRQ_SUITE(irqchip_pit)

#define PIT_HZ	1193182

static void pit_load(unsigned int ch, unsigned int mode, u16 count)
{
	outb(0x43, ch << 6 | 0x30 | mode << 1);
	outb(0x40 + ch, count);
	outb(0x40 + ch, count >> 8);
}

static u16 pit_latched(unsigned int ch)
{
	u16 lo;

	outb(0x43, ch << 6);
	lo = inb(0x40 + ch);
	return lo | inb(0x40 + ch) << 8;
}

static u8 pit_status(unsigned int ch)
{
	outb(0x43, 0xe0 | 2 << ch);
	return inb(0x40 + ch);
}

static void guest_counts(void)
{
	u16 a, b, i;

	/* rate generator: from the count down to 1, over and over */
	pit_load(0, 2, 50000);
	a = pit_latched(0);
	GUEST_ASSERT(a <= 50000 && a > 0);
	do {
		b = pit_latched(0);
	} while (b == a);
	GUEST_ASSERT(b < a);
	for (i = 0; i < 200; i++) {
		b = pit_latched(0);
		GUEST_ASSERT(b > 0 && b <= 50000);
	}
	/* square wave: even numbers */
	pit_load(0, 3, 10000);
	for (i = 0; i < 100; i++)
		GUEST_ASSERT(pit_latched(0) <= 10000);
	/* one byte at a time */
	outb(0x43, 0x14);		/* low byte only, mode 2 */
	outb(0x40, 200);
	GUEST_ASSERT(inb(0x40) <= 200);
	outb(0x43, 0x24);		/* high byte only */
	outb(0x40, 0x80);
	GUEST_ASSERT(inb(0x40) <= 0x80);
	GUEST_DONE();
}

TEST_F(irqchip_pit, counts)
{
	vcpu_set_entry(self->vcpu, guest_counts);
	expect_done(self->vcpu);
}

static void guest_status_bits(void)
{
	pit_load(0, 2, 1000);
	GUEST_ASSERT_EQ(pit_status(0) & 0x3f, 0x34);
	pit_load(2, 0, 0xffff);
	GUEST_ASSERT_EQ(pit_status(2) & 0x3f, 0x30);
	outb(0x43, 0x96);		/* low byte, square wave */
	GUEST_ASSERT_EQ(pit_status(2) & 0x3f, 0x16);
	/* latched status and count are read one after the other */
	pit_load(2, 2, 0x1234);
	outb(0x43, 0xc8);
	GUEST_ASSERT_EQ(inb(0x42) & 0x3f, 0x34);
	GUEST_ASSERT(inb(0x42) <= 0xff);
	GUEST_ASSERT(inb(0x42) <= 0x12);
	GUEST_DONE();
}

TEST_F(irqchip_pit, status)
{
	vcpu_set_entry(self->vcpu, guest_status_bits);
	expect_done(self->vcpu);
}

/* What kernels calibrate their TSC with */
static void guest_channel2(void)
{
	u64 start, loops = 0;

	outb(0x61, (inb(0x61) & ~2) | 1);
	GUEST_ASSERT_EQ(inb(0x61) & 3, 1);
	pit_load(2, 0, PIT_HZ / 500);	/* 2 ms */
	GUEST_ASSERT_EQ(inb(0x61) & 0x20, 0);
	start = rdtsc();
	while (!(inb(0x61) & 0x20))
		loops++;
	GUEST_ASSERT(loops > 3);
	GUEST_SYNC_ARGS(1, rdtsc() - start, 0, 0, 0);
	outb(0x61, 2);
	GUEST_ASSERT_EQ(inb(0x61) & 3, 2);
	GUEST_DONE();
}

TEST_F(irqchip_pit, channel2)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);

	vcpu_set_entry(self->vcpu, guest_channel2);
	expect_sync(self->vcpu, 1);
	if (khz > 0) {
		/* emulated exits take their time: a generous upper limit */
		ASSERT_LE(khz * 2 * 9 / 10, self->vcpu->uc[1]);
		ASSERT_GE(khz * 2 * 3, self->vcpu->uc[1]);
	}
	expect_done(self->vcpu);
}

static void guest_gate(void)
{
	u16 a;

	/* a low gate holds the count */
	outb(0x61, 1);
	pit_load(2, 0, 0xffff);
	outb(0x61, 0);
	a = pit_latched(2);
	GUEST_ASSERT_EQ(pit_latched(2), a);
	GUEST_ASSERT_EQ(pit_latched(2), a);
	outb(0x61, 1);
	while (pit_latched(2) == a)
		;
	/* BCD */
	outb(0x43, 0xb5);
	outb(0x42, 0x99);
	outb(0x42, 0x09);
	for (a = 0; a < 20; a++) {
		u16 n = pit_latched(2);

		GUEST_ASSERT((n & 15) < 10 && (n >> 4 & 15) < 10 &&
			     (n >> 8) < 10);
	}
	GUEST_DONE();
}

TEST_F(irqchip_pit, gate_and_bcd)
{
	if (!on_our_module())
		skip_test("the in-tree KVM has neither");
	vcpu_set_entry(self->vcpu, guest_gate);
	expect_done(self->vcpu);
}

/* The next tick comes when the last is acknowledged, but not at once */
static void irq_drain(void)
{
	unsigned int quiet;
	u64 n = irq_hits[0x20];

	for (quiet = 0; quiet < 100; quiet++) {
		irq_window();
		if (n == irq_hits[0x20])
			continue;
		n = irq_hits[0x20];
		quiet = 0;
	}
}

/*
 * However late ticks come, none is lost: as many as fit between two moments,
 * each of which lies between two readings of the TSC.
 */
static void guest_rate(void)
{
	u64 start, began, ends, ended;

	pic_init(1);
	irq_handler(0x20, 0x2f, irq_pic);
	outb(0x21, 0xfe);
	start = rdtsc();
	/* not faster: interrupts must not fill a slow host */
	pit_load(0, 2, PIT_HZ / 200);
	began = rdtsc();
	while (irq_hits[0x20] < 10)
		irq_wait();
	ends = rdtsc();
	outb(0x43, 0x30);	/* no more ticks */
	ended = rdtsc();
	irq_drain();
	GUEST_SYNC_ARGS(1, ends - began, ended - start, irq_hits[0x20], 0);
	/* mode 0: once */
	pit_load(0, 0, 2000);
	irq_hits[0x20] = 0;
	irq_wait();
	GUEST_ASSERT_EQ(irq_hits[0x20], 1);
	start = rdtsc();
	while (rdtsc() - start < 1000000)
		irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x20], 1);
	GUEST_DONE();
}

TEST_F(irqchip_pit, rate)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	u64 least, most, ticks;

	vcpu_set_entry(self->vcpu, guest_rate);
	expect_sync(self->vcpu, 1);
	least = self->vcpu->uc[1];
	most = self->vcpu->uc[2];
	ticks = self->vcpu->uc[3];
	/* 5 ms each; the two clocks of the host may differ a little */
	if (khz > 0) {
		ASSERT_LE(ticks * khz * 5 / 10 * 9, most);
		ASSERT_GE((ticks + 1) * khz * 5 / 10 * 11, least);
	}
	expect_done(self->vcpu);
}

/* Ticks that came while the guest was away: made up for, or not */
static void guest_away(void)
{
	u64 start;

	pic_init(1);
	irq_handler(0x20, 0x2f, irq_pic);
	outb(0x21, 0xfe);
	pit_load(0, 2, PIT_HZ / 1000);
	start = rdtsc();
	while (rdtsc() - start < 1000000)
		;		/* interrupts off, 10 ms at 100 MHz */
	outb(0x43, 0x30);	/* no more ticks */
	irq_drain();
	GUEST_RETURN(irq_hits[0x20]);
}

static void set_reinject(struct vm *vm, int on)
{
	struct kvm_reinject_control c = { .pit_reinject = on };

	require(!ioctl(vm->fd, KVM_REINJECT_CONTROL, &c));
}

TEST_F(irqchip_pit, without_reinjection)
{
	set_reinject(self->vm, 0);
	vcpu_set_entry(self->vcpu, guest_away);
	ASSERT_EQ(1, expect_done(self->vcpu));
}

TEST_F(irqchip_pit, reinjection)
{
	vcpu_set_entry(self->vcpu, guest_away);
	ASSERT_LT(1, expect_done(self->vcpu));
}

/* Ticks in a second: more than a host has time for that checks all it does? */
static unsigned int tick_hz(void)
{
	return access("/proc/lockdep_stats", F_OK) ? 4000 : 400;
}

static void begin_ticks(u64 hz)
{
	pic_init(1);
	irq_handler(0x20, 0x2f, irq_pic);
	outb(0x21, 0xfe);
	pit_load(0, 2, PIT_HZ / hz);
}

static void guest_away_for_long(u64 hz)
{
	begin_ticks(hz);
	GUEST_SYNC(1);
	/* a thousand that are owed, and new ones */
	sti();
	while (irq_hits[0x20] < 1200)
		cpu_pause();
	GUEST_DONE();
}

/* Ticks that nobody takes for long are no work for the host; then they go on */
TEST_F(irqchip_pit, nobody_takes_them)
{
	vcpu_set_entry(self->vcpu, guest_away_for_long);
	vcpu_args(self->vcpu, 1, (u64)tick_hz());
	expect_sync(self->vcpu, 1);
	usleep(2000000000 / tick_hz());
	expect_done(self->vcpu);
}

/* Is there a timer of a PIT's in the host? No where that cannot be told. */
static bool timer_runs(void)
{
	FILE *f = fopen("/proc/timer_list", "r");
	bool runs = false;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		runs |= !!strstr(line, "pit_expired");
	if (f)
		fclose(f);
	return runs;
}

/* Whether it ends, after a thousand ticks. One that expires is not seen for a moment */
static bool timer_stops(void)
{
	int unseen = 0;

	for (int i = 0; i < 1000 && unseen < 10; i++) {
		unseen = timer_runs() ? 0 : unseen + 1;
		usleep(10000);
	}
	return unseen == 10;
}

static void guest_takes_none(u64 hz)
{
	u64 start;

	begin_ticks(hz);
	GUEST_SYNC(1);
	sti();
	while (irq_hits[0x20] < 20)
		cpu_pause();
	cli();
	GUEST_SYNC(2);
	/* more than a thousand ticks, while it runs */
	for (start = rdtsc(); (rdtsc() - start) * hz < 120000000000;)
		cpu_pause();
	irq_hits[0x20] = 0;
	sti();
	while (irq_hits[0x20] < 20)
		cpu_pause();
	cli();
	/* and masked */
	outb(0x21, 0xff);
	GUEST_SYNC(3);
	irq_hits[0x20] = 0;
	outb(0x21, 0xfe);
	sti();
	while (irq_hits[0x20] < 20)
		cpu_pause();
	GUEST_DONE();
}

static void takes_none(struct vcpu *vcpu)
{
	vcpu_set_entry(vcpu, guest_takes_none);
	vcpu_args(vcpu, 1, (u64)tick_hz());
	for (int i = 1; i <= 3; i++) {
		expect_sync(vcpu, i);
		require(timer_stops());
	}
	expect_done(vcpu);
}

TEST_F(irqchip_pit, nobody_runs_it)
{
	set_reinject(self->vm, 0);
	takes_none(self->vcpu);
}

TEST_F(irqchip_pit, nobody_runs_it_reinjection)
{
	takes_none(self->vcpu);
}

static void guest_finds_it(void)
{
	pic_init(1);
	irq_handler(0x20, 0x2f, irq_pic);
	outb(0x21, 0xfe);
	sti();
	while (irq_hits[0x20] < 20)
		cpu_pause();
	GUEST_DONE();
}

/* It may stop before there is a vCPU */
TEST_F(irqchip_pit, before_vcpus)
{
	struct kvm_pit_state2 ps = { };
	struct vm *vm = irq_vm_new(variant->kind);

	set_reinject(vm, 0);
	ps.channels[0].mode = 2;
	ps.channels[0].gate = 1;
	ps.channels[0].rw_mode = 3;
	ps.channels[0].count = PIT_HZ / tick_hz();
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SET_PIT2, &ps));
	ASSERT_TRUE(timer_stops());
	expect_done(vcpu_new(vm, 0, guest_finds_it));
	vm_free(vm);
}

static void guest_state(void)
{
	pit_load(0, 2, 0x3456);
	outb(0x61, 3);
	pit_load(2, 3, 0x789a);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(pit_status(0) & 0x3f, 0x36);
	GUEST_RETURN(inb(0x61) & 3);
}

TEST_F(irqchip_pit, state)
{
	struct kvm_pit_state2 s;

	vcpu_set_entry(self->vcpu, guest_state);
	expect_sync(self->vcpu, 1);
	require(!ioctl(self->vm->fd, KVM_GET_PIT2, &s));
	ASSERT_EQ(0x3456, s.channels[0].count);
	ASSERT_EQ(2, s.channels[0].mode);
	ASSERT_EQ(3, s.channels[0].rw_mode);
	ASSERT_EQ(1, s.channels[0].gate);
	ASSERT_EQ(0x789a, s.channels[2].count);
	ASSERT_EQ(3, s.channels[2].mode);
	ASSERT_EQ(1, s.channels[2].gate);
	s.channels[0].mode = 3;
	s.flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	require(!ioctl(self->vm->fd, KVM_SET_PIT2, &s));
	if (!on_our_module())
		return;		/* it keeps the speaker's bit apart */
	ASSERT_EQ(1, expect_done(self->vcpu));
}

/* The ioctls that the ones with a 2 replaced */
TEST_F(irqchip_pit, obsolete_ioctls)
{
	struct vm *vm = vm_new(variant->kind);
	struct kvm_pit_state s;
	struct vcpu *v;

	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	require(!ioctl(vm->fd, KVM_CREATE_PIT, 0));
	v = vcpu_new(vm, 0, guest_state);
	expect_sync(v, 1);
	require(!ioctl(vm->fd, KVM_GET_PIT, &s));
	ASSERT_EQ(0x3456, s.channels[0].count);
	ASSERT_EQ(2, s.channels[0].mode);
	s.channels[0].mode = 3;
	require(!ioctl(vm->fd, KVM_SET_PIT, &s));
	ASSERT_EQ(3, expect_done(v));
	if (on_our_module()) {
		s.channels[0].count = 0x10001;
		ASSERT_EQ(-1, ioctl(vm->fd, KVM_SET_PIT, &s));
		ASSERT_EQ(EINVAL, errno);
	}
	vm_free(vm);
}

TEST_F(irqchip_pit, hostile_state)
{
	struct kvm_pit_state2 s;

	if (!on_our_module())
		skip_test("the in-tree KVM takes it as it is");
	require(!ioctl(self->vm->fd, KVM_GET_PIT2, &s));
	memset(s.channels, 0xff, sizeof(s.channels));
	ioctl(self->vm->fd, KVM_SET_PIT2, &s);
	require(!ioctl(self->vm->fd, KVM_GET_PIT2, &s));
	vcpu_set_entry(self->vcpu, guest_counts);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
