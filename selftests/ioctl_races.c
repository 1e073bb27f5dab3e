// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls against each other: several threads on the same files. What is
 * checked is mostly that the host is well afterwards; run it with HOST=debug
 * and HOST_CPUS=2, too.
 */
#include "kvmtest.h"
#include <sys/eventfd.h>

#define ROUNDS	20
#define THREADS	3

static int gate;	/* threads start together */

static void wait_gate(void)
{
	while (!__atomic_load_n(&gate, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void run_threads(void *(*fn)(void *), void *arg, void **results)
{
	pthread_t t[THREADS];

	__atomic_store_n(&gate, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		require(!pthread_create(&t[i], NULL, fn, arg));
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], results ? &results[i] : NULL);
}

static int new_vm(void)
{
	int dev = kvm_open(), vm = ioctl(dev, KVM_CREATE_VM, 0);

	require(vm >= 0);
	close(dev);
	return vm;
}

/* One of them gets the id, the others EEXIST */
static void *create_vcpu(void *arg)
{
	int vm = *(int *)arg;
	long r;

	wait_gate();
	r = ioctl(vm, KVM_CREATE_VCPU, 0);
	return (void *)(r < 0 ? -errno : r);
}

TEST(create_same_vcpu)
{
	for (int round = 0; round < ROUNDS; round++) {
		void *results[THREADS];
		int vm = new_vm(), made = 0;

		run_threads(create_vcpu, &vm, results);
		for (int i = 0; i < THREADS; i++) {
			long r = (long)results[i];

			if (r >= 0) {
				made++;
				close(r);
			} else {
				EXPECT_EQ(-EEXIST, r);
			}
		}
		EXPECT_EQ(1, made);
		close(vm);
	}
}

/* irqchip, vCPU and MMU kind at the same time: each succeeds or is refused */
static void *configure(void *arg)
{
	static int turn;
	int vm = *(int *)arg;
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MMU_KIND };
	struct kvm_pit_config pit = { 0 };
	long r;

	wait_gate();
	switch (__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % 3) {
	case 0:
		r = ioctl(vm, KVM_CREATE_VCPU, 0);
		return (void *)(r < 0 ? -errno : r);
	case 1:
		if (!ioctl(vm, KVM_CREATE_IRQCHIP, 0))
			ioctl(vm, KVM_CREATE_PIT2, &pit);
		return NULL;
	default:
		ioctl(vm, KVM_ENABLE_CAP, &cap);
		return NULL;
	}
}

TEST(configure_together)
{
	for (int round = 0; round < ROUNDS; round++) {
		void *results[THREADS];
		int vm = new_vm();

		run_threads(configure, &vm, results);
		for (int i = 0; i < THREADS; i++) {
			EXPECT_LE(0, (long)results[i]);
			if ((long)results[i] > 0)
				close((long)results[i]);
		}
		close(vm);
	}
}

/* A file is closed while another thread is in an ioctl on it */
static void *use_closing_vm(void *arg)
{
	int vm = *(int *)arg;
	struct kvm_irq_level line = { .irq = 4 };
	struct kvm_clock_data clock;

	wait_gate();
	for (int i = 0; i < 20; i++) {
		line.level = i & 1;
		ioctl(vm, KVM_IRQ_LINE, &line);
		ioctl(vm, KVM_GET_CLOCK, &clock);
		if (i == 10)
			close(vm);	/* one wins, the others get EBADF */
	}
	return NULL;
}

TEST(close_in_use)
{
	for (int round = 0; round < ROUNDS; round++) {
		int vm = new_vm();

		require(!ioctl(vm, KVM_CREATE_IRQCHIP, 0));
		run_threads(use_closing_vm, &vm, NULL);
	}
}

GUEST_SUITE(races)

static int stop;

static void guest_spin(void)
{
	for (;;)
		asm volatile("pause");
}

static void *run_until_stop(void *arg)
{
	struct vcpu *vcpu = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		int err = vcpu_run_raw(vcpu);

		require(!err || err == EINTR);
	}
	return NULL;
}

static void on_signal(int sig)
{
}

static void let_go(struct vcpu *vcpu, pthread_t t)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	/* KVM_RUN polls this once, so a signal that comes early is not lost */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	stop = 0;
}

static pthread_t spinning(struct vcpu *vcpu)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	vcpu_set_entry(vcpu, guest_spin);
	return vcpu_thread(vcpu, run_until_stop);
}

/* The VM is changed under a running guest in all ways that are allowed */
TEST_F(races, change_vm_while_running)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = 0xd0000000, .size = 8 };
	struct kvm_ioeventfd ioev = {
		.addr = 0xd0001000, .len = 4, .fd = eventfd(0, EFD_CLOEXEC),
	};
	struct kvm_clock_data clock = { 0 };
	pthread_t t = spinning(self->vcpu);
	void *mem = mem_anon(0x200000, false);
	int vm = self->vm->fd;

	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone));
		ioev.flags = 0;
		EXPECT_EQ(0, ioctl(vm, KVM_IOEVENTFD, &ioev));
		EXPECT_EQ(0, vm_set_region(self->vm, 20, 0, 0xe0000000, 0x200000,
					   mem));
		clock.clock = i * 1000000ull;
		EXPECT_EQ(0, ioctl(vm, KVM_SET_CLOCK, &clock));
		EXPECT_EQ(0, vm_set_region(self->vm, 20, KVM_MEM_LOG_DIRTY_PAGES,
					   0xe0000000, 0x200000, mem));
		EXPECT_EQ(0, vm_set_region(self->vm, 20, 0, 0xe0000000, 0, mem));
		ioev.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
		EXPECT_EQ(0, ioctl(vm, KVM_IOEVENTFD, &ioev));
		EXPECT_EQ(0, ioctl(vm, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	}
	let_go(self->vcpu, t);
	close(ioev.fd);
}

/* Statistics are read while they are counted */
TEST_F(races, statistics_while_running)
{
	pthread_t t = spinning(self->vcpu);
	static u8 buf[65536];
	int fd = ioctl(self->vcpu->fd, KVM_GET_STATS_FD, NULL);

	/* the in-tree KVM waits for the end of KVM_RUN here */
	if (fd >= 0) {
		for (int i = 0; i < ROUNDS; i++)
			EXPECT_LT(0, pread(fd, buf, sizeof(buf), 0));
		close(fd);
	}
	let_go(self->vcpu, t);
}

/* A thread that waits for KVM_RUN to end can be killed with the process */
TEST_F(races, kill_while_waiting)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct vm *vm = vm_new(variant->kind);
		struct vcpu *vcpu = vcpu_new(vm, 0, NULL);
		struct kvm_regs regs;

		spinning(vcpu);
		ioctl(vcpu->fd, KVM_GET_REGS, &regs);
		pause();
	}
	usleep(500 * 1000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_HARNESS_MAIN
