// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with several CPUs is stopped anywhere, its state read, written to a
 * new VM with a copy of its memory, and goes on there as if nothing had been.
 *
 * What the guest does is complete only if nothing gets lost or comes twice:
 * IPIs that are waited for, timers of each kind that are started by their own
 * interrupts, string I/O and MMIO with data that user space makes up, sums
 * under a lock, clocks that do not go back.
 *
 * SAVE_POINTS=n in the environment: stop it n times.
 */
#include "irq.h"
#include "tools/vmrun/state.h"

KIND_SUITE(save_restore)

#define NCPUS		3
#define POINTS		12

#define PORT_VALUE	0x510	/* reads as the complement of what was written */
#define PORT_BYTES	0x511	/* counts */
#define MMIO_VALUE	0xd0000000ull	/* as PORT_VALUE */
#define STRING		24

#define VEC_PING	0x81
#define VEC_PONG	0x82
#define VEC_PIT		0x50
#define VEC_TIMER	0x60

#define MSR_SYSTEM_TIME	0x4b564d01

/* ---- the guest ----------------------------------------------------------------- */

static volatile u32 here, left, quit;
static volatile struct {
	u64 pings;	/* taken */
	u64 pongs;
	u64 sent;
	u64 ticks;
	u64 rounds;
	u64 pad[3];
} cpus[NCPUS];
static volatile u64 lock, sum;
static volatile u64 pit_ticks;
static volatile struct {
	u32 version, pad0;
	u64 tsc, time;
	u32 mul;
	signed char shift;
	u8 flags, pad[2];
} clocks[NCPUS] __attribute__((aligned(64)));

static unsigned int my_id(void)
{
	return x2apic_read(APIC_ID);
}

static void on_ping(struct guest_regs *r)
{
	unsigned int id = my_id();

	cpus[id].pings++;
	x2apic_write(APIC_EOI, 0);
	/* from the CPU before this one */
	x2apic_write(APIC_ICR, (u64)((id + NCPUS - 1) % NCPUS) << 32 | VEC_PONG);
}

static void on_pong(struct guest_regs *r)
{
	cpus[my_id()].pongs++;
	x2apic_write(APIC_EOI, 0);
}

static void on_pit(struct guest_regs *r)
{
	pit_ticks++;
	x2apic_write(APIC_EOI, 0);
}

/* CPU 1's is periodic, CPU 2's has a deadline, CPU 0's is one-shot */
static void on_timer(struct guest_regs *r)
{
	unsigned int id = my_id();

	cpus[id].ticks++;
	if (id == 0)
		x2apic_write(APIC_TMICT, 100000);
	else if (id == 2)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000);
	x2apic_write(APIC_EOI, 0);
}

static void start_timer(unsigned int id)
{
	x2apic_write(APIC_TDCR, 0xb);
	if (id == 2) {
		x2apic_write(APIC_LVTT, LVT_DEADLINE | VEC_TIMER);
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + 200000);
	} else {
		x2apic_write(APIC_LVTT, (id ? LVT_PERIODIC : 0) | VEC_TIMER);
		x2apic_write(APIC_TMICT, 300000);
	}
	if (id)
		return;
	ioapic_rte(0, VEC_PIT, 0);
	outb(0x43, 0x34);	/* channel 0: rate generator */
	outb(0x40, 0x00);
	outb(0x40, 0x18);
}

static void wait_until(volatile u64 *p, u64 val)
{
	while (*p < val)
		irq_wait();
}

/* The next CPU answers */
static void ping(unsigned int id)
{
	u64 n = ++cpus[id].sent;

	x2apic_write(APIC_ICR, (u64)((id + 1) % NCPUS) << 32 | VEC_PING);
	wait_until(&cpus[id].pongs, n);
}

static void add_to_sum(u64 n)
{
	u64 old;

	do {
		old = 1;
		asm volatile("xchg %0, %1" : "+r"(old), "+m"(lock));
	} while (old);
	sum += n;
	lock = 0;
}

/* Registers are where user space finds them while it answers */
static void ask_user(u64 round, u8 *next)
{
	u32 val = round * 2654435761u, back;
	u64 x = round, y = 0;
	u8 buf[STRING], *p = buf;
	u64 n = STRING;
	unsigned int i;

	asm volatile("movq %2, %%xmm5; outl %%eax, %%dx; inl %%dx, %%eax; movq %%xmm5, %1"
		     : "=a"(back), "=r"(y) : "r"(x), "d"(PORT_VALUE), "a"(val));
	GUEST_ASSERT_EQ(back, ~val);
	GUEST_ASSERT_EQ(x, y);
	write32(MMIO_VALUE, val);
	GUEST_ASSERT_EQ(read32(MMIO_VALUE), ~val);
	asm volatile("rep insb" : "+D"(p), "+c"(n) : "d"(PORT_BYTES) : "memory");
	for (i = 0; i < STRING; i++) {
		GUEST_ASSERT_EQ(buf[i], *next);
		++*next;
	}
}

static u64 read_clock(unsigned int id)
{
	u32 version;
	u64 ns, delta;

	do {
		version = clocks[id].version;
		asm volatile("" : : : "memory");
		delta = rdtsc() - clocks[id].tsc;
		delta = clocks[id].shift >= 0 ? delta << clocks[id].shift :
						delta >> -clocks[id].shift;
		ns = clocks[id].time +
		     (u64)((__uint128_t)delta * clocks[id].mul >> 32);
		asm volatile("" : : : "memory");
	} while (version & 1 || version != clocks[id].version);
	return ns;
}

static void guest_main(u64 id)
{
	u64 tsc, last_tsc = 0, ns, last_ns = 0, round = 0;
	u8 next = 0;

	x2apic_on();
	GUEST_ASSERT_EQ(my_id(), id);
	guest_handlers[VEC_PING] = on_ping;
	guest_handlers[VEC_PONG] = on_pong;
	guest_handlers[VEC_PIT] = on_pit;
	guest_handlers[VEC_TIMER] = on_timer;
	wrmsr(MSR_SYSTEM_TIME, (u64)&clocks[id] | 1);
	__atomic_add_fetch(&here, 1, __ATOMIC_SEQ_CST);
	while (here < NCPUS)
		cpu_pause();
	start_timer(id);

	while (!quit) {
		round++;
		ping(id);
		add_to_sum(round);
		ask_user(round, &next);
		tsc = rdtsc();
		GUEST_ASSERT(tsc > last_tsc);
		last_tsc = tsc;
		ns = read_clock(id);
		GUEST_ASSERT(ns >= last_ns);
		last_ns = ns;
		if (!(round % 8))
			wait_until(&cpus[id].ticks, cpus[id].ticks + 1);
		irq_window();
		cpus[id].rounds = round;
	}
	/* the others may still ask */
	__atomic_add_fetch(&left, 1, __ATOMIC_SEQ_CST);
	while (left < NCPUS)
		irq_window();
	GUEST_DONE();
}

/* ---- user space ------------------------------------------------------------------ */

static volatile bool stopping;
static bool done[NCPUS];

/* Devices; one of each for each CPU */
static u32 port_value[NCPUS], mmio_value[NCPUS];
static u8 port_bytes[NCPUS];

static void on_signal(int sig)
{
}

static void serve_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	char *data = (char *)run + run->io.data_offset;
	unsigned int i;

	if (run->io.port == PORT_BYTES) {
		require(run->io.size == 1 && run->io.direction == KVM_EXIT_IO_IN);
		for (i = 0; i < run->io.count; i++)
			data[i] = port_bytes[v->id]++;
		return;
	}
	require(run->io.port == PORT_VALUE && run->io.size == 4);
	if (run->io.direction == KVM_EXIT_IO_OUT)
		memcpy(&port_value[v->id], data, 4);
	else
		*(u32 *)data = ~port_value[v->id];
}

static void serve_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u32 val = ~mmio_value[v->id];

	require(run->mmio.phys_addr == MMIO_VALUE && run->mmio.len == 4);
	if (run->mmio.is_write)
		memcpy(&mmio_value[v->id], run->mmio.data, 4);
	else
		memcpy(run->mmio.data, &val, 4);
}

static void ucall_of(struct vcpu *v)
{
	struct kvm_regs r = vcpu_regs(v);

	switch (*(u32 *)((char *)v->run + v->run->io.data_offset)) {
	case UCALL_DONE:
		done[v->id] = true;
		return;
	case UCALL_ASSERT:
		die_at((char *)r.rdi, r.rsi, "guest: %s: 0x%llx, 0x%llx",
		       (char *)r.rcx, r.r8, r.r9);
	default:
		die("vCPU %u: exception %llu, error 0x%llx, rip 0x%llx", v->id,
		    r.rdi, r.rsi, r.rcx);
	}
}

/* Until it is stopped, with nothing left for user space to do, or has ended */
static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;
	int err;

	while (!done[v->id]) {
		err = vcpu_run_raw(v);
		if (err == EINTR && stopping)
			break;
		if (err == EINTR || err == EAGAIN)
			continue;
		require(!err);
		if (v->run->exit_reason == KVM_EXIT_MMIO)
			serve_mmio(v);
		else if (v->run->exit_reason != KVM_EXIT_IO)
			die("vCPU %u: exit %s", v->id,
			    exit_name(v->run->exit_reason));
		else if (v->run->io.port == UCALL_PORT)
			ucall_of(v);
		else
			serve_io(v);
	}
	return NULL;
}

static void set_deadline(struct vcpu *v)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();

	cpuid_entry(c, 1, 0)->ecx |= 1 << 24;
	require(!ioctl(v->fd, KVM_SET_CPUID2, c));
}

static struct vm *first_vm(unsigned int kind)
{
	struct vm *vm = irq_vm_new(kind);
	struct vcpu *v;
	u64 i;

	for (i = 0; i < NCPUS; i++) {
		v = vcpu_new(vm, i, guest_main);
		vcpu_args(v, 1, i);
		set_deadline(v);
		vcpu_set_mp_state(v, KVM_MP_STATE_RUNNABLE);
	}
	return vm;
}

/* Only what has been touched: most of it never is */
static void copy_memory(void *to, void *from, u64 size)
{
	static unsigned char present[G_RAM_SIZE / PAGE_4K];
	u64 i;

	require(!mincore(from, size, present));
	for (i = 0; i < size / PAGE_4K; i++)
		if (present[i] & 1)
			memcpy(to + i * PAGE_4K, from + i * PAGE_4K, PAGE_4K);
}

#define DO(call) do {							\
	const char *failed_ = call;					\
									\
	if (failed_)							\
		die("%s: %s", failed_, strerror(errno));		\
} while (0)

static struct vm *move(struct vm *old)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vm *vm = vm_new_bare(old->kind);
	static struct vcpu_state vcpus[NCPUS];
	static struct vm_state state;
	u64 addr = 0xfeffc000;
	unsigned int i;

	for (i = 0; i < NCPUS; i++)
		DO(state_get_vcpu(old->vcpus[i]->fd, true, &vcpus[i]));
	DO(state_get_vm(old->fd, &state));

	require(!ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	require(!ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	require(!ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	copy_memory(vm_add_mem(vm, 0, 0, G_RAM_SIZE, 0), old->mem[0].hva,
		    G_RAM_SIZE);
	vm_free(old);

	for (i = 0; i < NCPUS; i++)
		vcpu_new_bare(vm, i);
	DO(state_set_vm(vm->fd, &state));
	for (i = 0; i < NCPUS; i++)
		DO(state_set_vcpu(vm->vcpus[i]->fd, &vcpus[i]));
	return vm;
}

static void run_a_while(struct vm *vm, unsigned int usec)
{
	pthread_t t[NCPUS];
	unsigned int i;

	stopping = false;
	for (i = 0; i < NCPUS; i++) {
		vm->vcpus[i]->run->immediate_exit = 0;
		t[i] = vcpu_thread(vm->vcpus[i], run_vcpu);
	}
	if (usec) {
		usleep(usec);
		stopping = true;
		for (i = 0; i < NCPUS; i++) {
			vm->vcpus[i]->run->immediate_exit = 1;
			pthread_kill(t[i], SIGUSR1);
		}
	}
	for (i = 0; i < NCPUS; i++)
		pthread_join(t[i], NULL);
}

TEST_F_TIMEOUT(save_restore, anywhere, 120)
{
	const char *env = getenv("SAVE_POINTS");
	unsigned int points = env ? atoi(env) : POINTS, i, stuck = 0;
	u64 rounds, last = 0;
	struct vm *vm;
	int fd = kvm_open();

	DO(state_init(fd));
	close(fd);
	signal(SIGUSR1, on_signal);
	memset(done, 0, sizeof(done));
	memset(port_bytes, 0, sizeof(port_bytes));
	srand(points);
	vm = first_vm(variant->kind);
	for (i = 0; i < points; i++) {
		run_a_while(vm, 1 + rand() % 20000);
		vm = move(vm);
		rounds = guest_var(vm, cpus)[0][0].rounds +
			 guest_var(vm, cpus)[0][1].rounds +
			 guest_var(vm, cpus)[0][2].rounds;
		stuck = rounds == last ? stuck + 1 : 0;
		last = rounds;
		if (stuck > 300)
			die("no progress after point %u", i);
	}
	*guest_var(vm, quit) = 1;
	run_a_while(vm, 0);
	for (i = 0; i < NCPUS; i++) {
		ASSERT_TRUE(done[i]);
		ASSERT_NE(0, guest_var(vm, cpus)[0][i].rounds);
		ASSERT_NE(0, guest_var(vm, cpus)[0][i].ticks);
		ASSERT_EQ(guest_var(vm, cpus)[0][i].sent,
			  guest_var(vm, cpus)[0][(i + 1) % NCPUS].pings);
	}
	ASSERT_NE(0, *guest_var(vm, pit_ticks));
	printf("# %u points, %llu rounds\n", points, (unsigned long long)last);
	vm_free(vm);
}

TEST_HARNESS_MAIN
