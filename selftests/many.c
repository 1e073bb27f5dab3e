// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many at once: two VMs on one CPU, vCPUs that move between CPUs, threads that
 * compete for a CPU. Nothing of one reaches another, nothing is lost.
 */
#include "kvmtest.h"

KIND_SUITE(many)

/* ---- state of one's own ------------------------------------------------------- */

#define ROUNDS	12

/* Everything a guest can hold is made from its number, and checked each round */
static void guest_private_state(u64 id)
{
	u64 v = 0x0101010101010101ull * id, got;
	volatile u64 *mem = (u64 *)G_DATA;

	for (int i = 0; i < 64; i++)
		mem[i * 512] = v + i;
	wrmsr(MSR_KERNEL_GS_BASE, 0x1000 * id);
	wrmsr(MSR_STAR, id << 48 | id << 32);
	wrmsr(MSR_LSTAR, 0x2000 * id);
	wrmsr(MSR_SFMASK, id << 8);
	wrmsr(MSR_SYSENTER_ESP, 0x3000 * id);
	write_dr0(0x1000 * id);
	write_dr3(0x5000 * id);
	write_cr2(0x7000 * id);
	for (u64 round = 1; round <= ROUNDS; round++) {
		u64 x[2] = { v, ~v };

		asm volatile("movdqu %0, %%xmm3; movdqu %0, %%xmm15"
			     : : "m"(x));
		asm volatile("fninit; fildq %0" : : "m"(x));
		ucall(UCALL_SYNC, round, 0, 0, 0, 0);
		asm volatile("movdqu %%xmm3, %0" : "=m"(x));
		GUEST_ASSERT_EQ(x[0], v);
		GUEST_ASSERT_EQ(x[1], ~v);
		asm volatile("movdqu %%xmm15, %0" : "=m"(x));
		GUEST_ASSERT_EQ(x[0], v);
		asm volatile("fistpq %0" : "=m"(got));
		GUEST_ASSERT_EQ(got, v);
		GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0x1000 * id);
		GUEST_ASSERT_EQ(rdmsr(MSR_STAR), id << 48 | id << 32);
		GUEST_ASSERT_EQ(rdmsr(MSR_LSTAR), 0x2000 * id);
		GUEST_ASSERT_EQ(rdmsr(MSR_SFMASK), id << 8);
		GUEST_ASSERT_EQ(rdmsr(MSR_SYSENTER_ESP), 0x3000 * id);
		GUEST_ASSERT_EQ(read_dr0(), 0x1000 * id);
		GUEST_ASSERT_EQ(read_dr3(), 0x5000 * id);
		GUEST_ASSERT_EQ(read_cr2(), 0x7000 * id);
		for (int i = 0; i < 64; i++)
			GUEST_ASSERT_EQ(mem[i * 512], v + i);
	}
	GUEST_DONE();
}

static struct vm *private_vm(unsigned int kind, u64 id)
{
	struct vm *vm = vm_new(kind);

	vcpu_new(vm, 0, guest_private_state);
	vcpu_args(vm->vcpus[0], 1, id);
	return vm;
}

/* In turn on one thread, so that each switch is between VMs */
TEST_F(many, vms_in_turn)
{
	struct vm *vm[3];

	for (int i = 0; i < 3; i++)
		vm[i] = private_vm(variant->kind, i + 1);
	for (u64 round = 1; round <= ROUNDS; round++)
		for (int i = 0; i < 3; i++)
			expect_sync(vm[i]->vcpus[0], round);
	for (int i = 0; i < 3; i++) {
		expect_done(vm[i]->vcpus[0]);
		vm_free(vm[i]);
	}
}

static void *run_all_rounds(void *arg)
{
	for (u64 round = 1; round <= ROUNDS; round++)
		expect_sync(arg, round);
	expect_done(arg);
	return NULL;
}

/* At the same time, preempting one another */
TEST_F(many, vms_at_once)
{
	struct vm *vm[3];
	pthread_t t[3];

	for (int i = 0; i < 3; i++) {
		vm[i] = private_vm(variant->kind, i + 1);
		t[i] = vcpu_thread(vm[i]->vcpus[0], run_all_rounds);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 3; i++)
		vm_free(vm[i]);
}

/* The host's own registers survive KVM_RUN */
TEST_F(many, host_registers)
{
	struct vm *vm = private_vm(variant->kind, 9);
	u64 mine[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, x[2];
	u16 fcw = 0x027f, got_fcw;
	u32 mxcsr = 0x1fa0, got_mxcsr;
	int fd = vm->vcpus[0]->fd;

	for (int i = 0; i < 5; i++) {
		long r;

		asm volatile("fldcw %3; ldmxcsr %4; movdqu %5, %%xmm3;"
			     "movdqu %5, %%xmm15; syscall;"
			     "movdqu %%xmm15, %0; fnstcw %1; stmxcsr %2"
			     : "=m"(x), "=m"(got_fcw), "=m"(got_mxcsr)
			     : "m"(fcw), "m"(mxcsr), "m"(mine), "a"(16),
			     "D"(fd), "S"(KVM_RUN), "d"(0)
			     : "rcx", "r11", "xmm3", "xmm15", "memory");
		asm volatile("mov %%rax, %0" : "=r"(r));
		ASSERT_EQ(mine[0], x[0]);
		ASSERT_EQ(mine[1], x[1]);
		ASSERT_EQ(fcw, got_fcw);
		ASSERT_EQ(mxcsr, got_mxcsr);
		ASSERT_EQ(KVM_EXIT_IO, vm->vcpus[0]->run->exit_reason);
	}
	vm_free(vm);
}

/* ---- moving ---------------------------------------------------------------------- */

TEST_F(many, migrate_between_runs)
{
	struct vm *vm = private_vm(variant->kind, 5);

	if (nr_cpus() < 2)
		skip_test("one CPU");
	for (u64 round = 1; round <= ROUNDS; round++) {
		pin_to_cpu(round & 1);
		expect_sync(vm->vcpus[0], round);
	}
	expect_done(vm->vcpus[0]);
	vm_free(vm);
}

static void guest_clock(void)
{
	u64 last = rdtsc(), n;
	volatile u64 *stop = (u64 *)G_DATA;

	for (n = 0; !*stop; n++) {
		u64 now = rdtsc();
		u64 x = n, y;

		asm volatile("movq %1, %%xmm7; pause; movq %%xmm7, %0"
			     : "=r"(y) : "r"(x));
		GUEST_ASSERT_EQ(x, y);
		GUEST_ASSERT_CMP(last, <, now);
		last = now;
	}
	GUEST_RETURN(n);
}

/* Moved while the guest runs: time does not go back, the FPU is its own */
TEST_F(many, migrate_while_running)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_clock);
	pthread_t t;
	cpu_set_t set;

	if (nr_cpus() < 2)
		skip_test("one CPU");
	t = vcpu_thread_done(v);
	for (int i = 0; i < 20; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		ASSERT_EQ(0, pthread_setaffinity_np(t, sizeof(set), &set));
		usleep(1000);
	}
	*(volatile u64 *)vm_hva(vm, G_DATA) = 1;
	pthread_join(t, NULL);
	vm_free(vm);
}

/* ---- competing --------------------------------------------------------------------- */

static volatile int stop_hogs;

static void *hog(void *arg)
{
	u64 x[2] = { ~0ull, ~0ull };

	while (!stop_hogs)
		asm volatile("movdqu %0, %%xmm7" : : "m"(x) : "xmm7");
	return NULL;
}

/* Preempted again and again by a thread that spoils the vector registers */
TEST_F(many, preempted)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_clock);
	pthread_t t, h;

	pin_to_cpu(0);
	t = vcpu_thread_done(v);
	ASSERT_EQ(0, pthread_create(&h, NULL, hog, NULL));
	usleep(60000);
	*(volatile u64 *)vm_hva(vm, G_DATA) = 1;
	pthread_join(t, NULL);
	stop_hogs = 1;
	pthread_join(h, NULL);
	vm_free(vm);
}

/* ---- vCPUs of one VM ------------------------------------------------------------------ */

struct ball {
	volatile u64 turn;
	volatile u64 count;
};

#define BALL	((struct ball *)G_DATA)

static void guest_ping_pong(u64 me, u64 rounds)
{
	for (u64 i = 0; i < rounds; i++) {
		while (BALL->turn != me)
			cpu_pause();
		BALL->count++;
		BALL->turn = !me;
	}
	GUEST_DONE();
}

TEST_F(many, vcpus_ping_pong)
{
	struct vm *vm = vm_new(variant->kind);
	u64 rounds = nr_cpus() > 1 ? 200 : 4;
	pthread_t t[2];

	for (u64 i = 0; i < 2; i++) {
		vcpu_new(vm, i, guest_ping_pong);
		vcpu_args(vm->vcpus[i], 2, i, rounds);
	}
	for (u64 i = 0; i < 2; i++)
		t[i] = vcpu_thread_done(vm->vcpus[i]);
	for (u64 i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ASSERT_EQ(2 * rounds, ((struct ball *)vm_hva(vm, G_DATA))->count);
	vm_free(vm);
}

static void guest_count(u64 rounds)
{
	for (u64 i = 0; i < rounds; i++) {
		asm volatile("lock incq %0" : "+m"(BALL->count));
		/* Fresh pages, the same for all */
		((volatile u8 *)G_DATA)[0x1000 + i % 64 * PAGE_4K] += 1;
	}
	GUEST_DONE();
}

/* Several vCPUs fault on the same new pages */
TEST_F(many, vcpus_fault_together)
{
	struct vm *vm = vm_new(variant->kind);
	pthread_t t[4];

	for (u64 i = 0; i < 4; i++) {
		vcpu_new(vm, i, guest_count);
		vcpu_args(vm->vcpus[i], 1, 2000ull);
	}
	for (u64 i = 0; i < 4; i++)
		t[i] = vcpu_thread_done(vm->vcpus[i]);
	for (u64 i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ASSERT_EQ(4 * 2000, ((struct ball *)vm_hva(vm, G_DATA))->count);
	vm_free(vm);
}

TEST_HARNESS_MAIN
