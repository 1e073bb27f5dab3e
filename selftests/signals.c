// SPDX-License-Identifier: GPL-2.0-only
/* Leaving KVM_RUN: signals, signal masks, immediate_exit, other threads. */
#include "kvmtest.h"

GUEST_SUITE(signals)

static volatile sig_atomic_t got;

static void handler(int sig)
{
	got++;
}

static void catch(int sig)
{
	struct sigaction sa = { .sa_handler = handler };

	require(!sigaction(sig, &sa, NULL));
}

static void guest_spin(void)
{
	volatile u64 *n = (u64 *)G_DATA;

	for (;;)
		++*n;
}

static void guest_syncs(void)
{
	for (u64 i = 1; ; i++)
		GUEST_SYNC(i);
}

TEST_F(signals, immediate_exit)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_syncs);
	for (int i = 1; i < 10; i++) {
		v->run->immediate_exit = 1;
		ASSERT_EQ(EINTR, vcpu_run_raw(v));
		ASSERT_EQ(EINTR, vcpu_run_raw(v));
		v->run->immediate_exit = 0;
		expect_sync(v, i);
	}
}

static void guest_in(void)
{
	GUEST_RETURN(inl(0x1234));
}

/* The input is taken, the guest does not run; a second KVM_RUN goes on */
TEST_F(signals, immediate_exit_completes_io)
{
	struct vcpu *v = self->vcpu;
	u64 rip;

	vcpu_set_entry(v, guest_in);
	*(u32 *)expect_pio(v, 0x1234, false, 4, 1) = 0x55aa;
	v->run->immediate_exit = 1;
	ASSERT_EQ(EINTR, vcpu_run_raw(v));
	ASSERT_EQ(0x55aa, vcpu_regs(v).rax);
	rip = vcpu_regs(v).rip;
	ASSERT_EQ(EINTR, vcpu_run_raw(v));
	ASSERT_EQ(rip, vcpu_regs(v).rip);
	v->run->immediate_exit = 0;
	ASSERT_EQ(0x55aa, expect_done(v));
}

/* A signal that is pending already: not one instruction of the guest */
TEST_F(signals, pending_signal)
{
	struct vcpu *v = self->vcpu;
	sigset_t set, none;

	catch(SIGUSR1);
	vcpu_set_entry(v, guest_syncs);
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	/* Blocked: the guest runs */
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	raise(SIGUSR1);
	expect_sync(v, 1);
	ASSERT_EQ(0, got);
	/* KVM_RUN's own mask lets it in, and it stays pending */
	{
		struct {
			struct kvm_signal_mask head;
			u8 bits[8];
		} m = { .head.len = 8 };

		ASSERT_EQ(0, ioctl(v->fd, KVM_SET_SIGNAL_MASK, &m));
	}
	ASSERT_EQ(EINTR, vcpu_run_raw(v));
	ASSERT_EQ(KVM_EXIT_INTR, v->run->exit_reason);
	ASSERT_EQ(0, got);
	ASSERT_EQ(EINTR, vcpu_run_raw(v));
	/* Without the mask the thread's own counts again */
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_SIGNAL_MASK, NULL));
	expect_sync(v, 2);
	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, &none, NULL));
	ASSERT_EQ(1, got);
	expect_sync(v, 3);
}

TEST_F(signals, signal_mask_arguments)
{
	struct {
		struct kvm_signal_mask head;
		u8 bits[16];
	} m = { .head.len = 4 };

	ASSERT_EQ(-1, ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &m));
	ASSERT_EQ(EINVAL, errno);
	m.head.len = 16;
	ASSERT_EQ(-1, ioctl(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &m));
	ASSERT_EQ(EINVAL, errno);
}

TEST_F(signals, timer)
{
	struct vcpu *v = self->vcpu;
	volatile u64 *n = vm_hva(self->vm, G_DATA);
	u64 last = 0;

	catch(SIGALRM);
	vcpu_set_entry(v, guest_spin);
	for (int i = 0; i < 5; i++) {
		ualarm(20000, 0);
		ASSERT_EQ(EINTR, vcpu_run_raw(v));
		ASSERT_EQ(KVM_EXIT_INTR, v->run->exit_reason);
		/* No signal is lost or repeated */
		ASSERT_EQ(i + 1, got);
		ASSERT_GE(*n, last);
		last = *n;
	}
	/* It ran meanwhile; not each time, on a host that is slow to enter */
	ASSERT_GT(last, 0);
}

static void *kick_me(void *arg)
{
	pthread_t *main_thread = arg;

	usleep(3000);
	pthread_kill(*main_thread, SIGUSR1);
	return NULL;
}

TEST_F(signals, from_another_thread)
{
	pthread_t me = pthread_self(), t;

	catch(SIGUSR1);
	vcpu_set_entry(self->vcpu, guest_spin);
	ASSERT_EQ(0, pthread_create(&t, NULL, kick_me, &me));
	ASSERT_EQ(EINTR, vcpu_run_raw(self->vcpu));
	pthread_join(t, NULL);
	ASSERT_EQ(1, got);
}

static void *run_syncs(void *arg)
{
	struct vcpu *v = arg;

	expect_sync(v, v->uc[0] + 1);
	return NULL;
}

/* Any thread may run a vCPU, one after the other */
TEST_F(signals, many_threads_one_vcpu)
{
	vcpu_set_entry(self->vcpu, guest_syncs);
	self->vcpu->uc[0] = 0;
	for (int i = 0; i < 8; i++)
		pthread_join(vcpu_thread(self->vcpu, run_syncs), NULL);
	expect_sync(self->vcpu, 9);
}

static void *run_spin(void *arg)
{
	vcpu_run_raw(arg);
	return NULL;
}

/*
 * While a thread is in KVM_RUN, another one's ioctl on the vCPU waits, and a
 * signal to the runner lets both go on.
 */
TEST_F(signals, ioctl_waits_for_run)
{
	struct kvm_regs r;
	pthread_t t, k;

	catch(SIGUSR1);
	vcpu_set_entry(self->vcpu, guest_spin);
	t = vcpu_thread(self->vcpu, run_spin);
	usleep(2000);
	ASSERT_EQ(0, pthread_create(&k, NULL, kick_me, &t));
	r = vcpu_regs(self->vcpu);
	ASSERT_NE(0, r.rip);
	pthread_join(k, NULL);
	pthread_join(t, NULL);
}

TEST_HARNESS_MAIN
