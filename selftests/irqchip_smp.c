// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts between CPUs: INIT and SIPI, destinations, NMI, wake-ups.
 *
 * again: tpr_shadow=N
 * again: enable_apicv=N
 * again: posted_interrupts=N
 */
#include <sys/time.h>
#include "smp.h"

KIND_SUITE(irqchip_smp)

static volatile u32 go;

static void start(struct vm *vm, void *bsp, pthread_t *t)
{
	unsigned int i;

	for (i = 0; i < NCPUS; i++)
		vcpu_new(vm, i, i ? guest_ap : bsp);
	for (i = 1; i < NCPUS; i++) {
		require(vcpu_mp_state(vm->vcpus[i]) ==
			KVM_MP_STATE_UNINITIALIZED);
		vcpu_set_mp_state(vm->vcpus[i], KVM_MP_STATE_RUNNABLE);
		t[i] = vcpu_start(vm->vcpus[i]);
	}
}

static void finish(struct vm *vm, pthread_t *t)
{
	unsigned int i;

	for (i = 1; i < NCPUS; i++)
		vcpu_stop(vm->vcpus[i], t[i]);
	vm_free(vm);
}

/* ---- destinations in x2APIC mode --------------------------------------------- */

static void guest_destinations(void)
{
	unsigned int i;

	guest_bsp();
	for (i = 1; i < NCPUS; i++) {
		GUEST_ASSERT_EQ(got[i][0x40], 0);
		x2apic_write(APIC_ICR, (u64)i << 32 | 0x40);
		wait_for(&got[i][0x40], 1);
	}
	/* logical: cluster 0, CPUs 1 and 3 */
	x2apic_write(APIC_ICR, 0xaull << 32 | ICR_LOGICAL | 0x41);
	wait_for(&got[1][0x41], 1);
	wait_for(&got[3][0x41], 1);
	GUEST_ASSERT_EQ(got[2][0x41], 0);
	x2apic_write(APIC_ICR, ICR_OTHERS | 0x42);
	for (i = 1; i < NCPUS; i++)
		wait_for(&got[i][0x42], 1);
	x2apic_write(APIC_ICR, ICR_ALL | 0x43);
	for (i = 1; i < NCPUS; i++)
		wait_for(&got[i][0x43], 1);
	x2apic_write(APIC_ICR, 0xffffffffull << 32 | 0x44);
	for (i = 1; i < NCPUS; i++)
		wait_for(&got[i][0x44], 1);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(got[0][0x42], 0);
	GUEST_ASSERT_EQ(got[0][0x43], 1);
	GUEST_ASSERT_EQ(got[0][0x44], 1);
	for (i = 1; i < NCPUS; i++) {
		x2apic_write(APIC_ICR, (u64)i << 32 | DM_NMI);
		wait_for(&got[i][VEC_NMI], 1);
	}
	/* one of those that are named, and one only */
	for (i = 0; i < 6; i++)
		x2apic_write(APIC_ICR, 0xeull << 32 | ICR_LOGICAL | DM_LOWEST |
			     (0x50 + i));
	for (i = 0; i < 6; i++) {
		while (!(got[1][0x50 + i] | got[2][0x50 + i] | got[3][0x50 + i]))
			cpu_pause();
		GUEST_ASSERT_EQ(got[1][0x50 + i] + got[2][0x50 + i] +
				got[3][0x50 + i], 1);
		GUEST_ASSERT_EQ(got[0][0x50 + i], 0);
	}
	GUEST_DONE();
}

TEST_F(irqchip_smp, destinations)
{
	struct vm *vm = irq_vm_new(variant->kind);
	pthread_t t[NCPUS];

	start(vm, guest_destinations, t);
	expect_done(vm->vcpus[0]);
	finish(vm, t);
}

/* ---- ping-pong ---------------------------------------------------------------- */

#define ROUNDS	200

static volatile u32 pings, pongs;

static void irq_ping(struct guest_regs *r)
{
	x2apic_write(APIC_EOI, 0);
	if (my_id()) {
		pings++;
		x2apic_write(APIC_ICR, 0x61);
	} else {
		pongs++;
	}
}

static void guest_pingpong(void)
{
	u32 i;

	guest_bsp();
	irq_handler(0x60, 0x61, irq_ping);
	for (i = 0; i < ROUNDS; i++) {
		x2apic_write(APIC_ICR, 1ull << 32 | 0x60);
		while (pongs <= i)
			irq_wait();
	}
	GUEST_ASSERT_EQ(pings, ROUNDS);
	GUEST_DONE();
}

/* No wake-up may be lost between two CPUs that halt */
TEST_F(irqchip_smp, ping_pong)
{
	struct vm *vm = irq_vm_new(variant->kind);
	pthread_t t[NCPUS];

	start(vm, guest_pingpong, t);
	expect_done(vm->vcpus[0]);
	finish(vm, t);
}

/* ---- INIT and SIPI ------------------------------------------------------------- */

/*
 * At the page of the SIPI vector, in real mode: count at offset 0x80 of the
 * page and halt. CS is the vector << 8, its base << 12.
 *
 * 0:	mov %cs, %ax; mov %ax, %ds; lock incw 0x80; 1: hlt; jmp 1b
 */
static const u8 trampoline[] = {
	0x8c, 0xc8, 0x8e, 0xd8, 0xf0, 0xff, 0x06, 0x80, 0x00, 0xf4, 0xeb, 0xfd,
};

#define SIPI_PAGE(v)	((v) << 12)
#define SIPI_COUNT(v)	((volatile u16 *)(u64)(SIPI_PAGE(v) + 0x80))

static void icr_and_wait(u64 icr, volatile u16 *p, u16 val)
{
	x2apic_write(APIC_ICR, icr);
	while (*p != val)
		cpu_pause();
}

static void guest_init_sipi(void)
{
	u64 t;

	x2apic_on();
	/* a SIPI without INIT: the CPU is not waiting for one */
	x2apic_write(APIC_ICR, 1ull << 32 | DM_STARTUP | 8);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(*SIPI_COUNT(8), 0);
	x2apic_write(APIC_ICR, 1ull << 32 | ICR_ASSERT | DM_INIT);
	icr_and_wait(1ull << 32 | DM_STARTUP | 9, SIPI_COUNT(9), 1);
	/* the second SIPI of the usual three finds a running CPU */
	x2apic_write(APIC_ICR, 1ull << 32 | DM_STARTUP | 9);
	for (t = rdtsc(); rdtsc() - t < 200000; )
		cpu_pause();
	GUEST_ASSERT_EQ(*SIPI_COUNT(9), 1);
	/* once more from the start, at another vector */
	x2apic_write(APIC_ICR, 1ull << 32 | ICR_ASSERT | ICR_LEVEL | DM_INIT);
	x2apic_write(APIC_ICR, 1ull << 32 | ICR_LEVEL | DM_INIT);
	icr_and_wait(1ull << 32 | DM_STARTUP | 8, SIPI_COUNT(8), 1);
	GUEST_DONE();
}

TEST_F(irqchip_smp, init_sipi)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct kvm_sregs s;
	pthread_t t;
	unsigned int v;

	vcpu_new(vm, 0, guest_init_sipi);
	vcpu_new_bare(vm, 1);
	for (v = 8; v < 10; v++)
		memcpy(vm_hva(vm, SIPI_PAGE(v)), trampoline,
		       sizeof(trampoline));
	require(vcpu_mp_state(vm->vcpus[1]) == KVM_MP_STATE_UNINITIALIZED);
	t = vcpu_start(vm->vcpus[1]);
	expect_sync(vm->vcpus[0], 1);
	expect_done(vm->vcpus[0]);
	vcpu_stop(vm->vcpus[1], t);
	s = vcpu_sregs(vm->vcpus[1]);
	ASSERT_EQ(0x800, s.cs.selector);
	ASSERT_EQ(SIPI_PAGE(8), s.cs.base);
	ASSERT_EQ(0, s.cr0 & 1);
	vm_free(vm);
}

/* As a VMM starts a CPU by itself, or goes on where a SIPI had just come */
TEST_F(irqchip_smp, sipi_of_user_space)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct kvm_vcpu_events e;
	struct vcpu *ap;
	pthread_t t;

	vcpu_new_bare(vm, 0);
	ap = vcpu_new_bare(vm, 1);
	memcpy(vm_hva(vm, SIPI_PAGE(9)), trampoline, sizeof(trampoline));
	e = vcpu_events(ap);
	e.flags = KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	e.sipi_vector = 9;
	vcpu_set_events(ap, &e);
	vcpu_set_mp_state(ap, KVM_MP_STATE_SIPI_RECEIVED);
	ASSERT_EQ(KVM_MP_STATE_RUNNABLE, vcpu_mp_state(ap));
	ASSERT_EQ(SIPI_PAGE(9), vcpu_sregs(ap).cs.base);
	ASSERT_EQ(0x900, vcpu_sregs(ap).cs.selector);
	ASSERT_EQ(0, vcpu_regs(ap).rip);
	/* and where nobody asks before it runs */
	vcpu_set_mp_state(ap, KVM_MP_STATE_SIPI_RECEIVED);
	t = vcpu_start(ap);
	while (*(volatile u16 *)vm_hva(vm, SIPI_PAGE(9) + 0x80) != 1)
		sched_yield();
	vcpu_stop(ap, t);
	vm_free(vm);
}

TEST_F(irqchip_smp, init_of_user_space)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct kvm_vcpu_events e;
	struct vcpu *ap;

	vcpu_new_bare(vm, 0);
	ap = vcpu_new_bare(vm, 1);
	vcpu_set_mp_state(ap, KVM_MP_STATE_RUNNABLE);
	e = vcpu_events(ap);
	ASSERT_EQ(0, e.smi.latched_init);
	e.flags = KVM_VCPUEVENT_VALID_SMM;
	e.smi.latched_init = 1;
	vcpu_set_events(ap, &e);
	ASSERT_EQ(1, vcpu_events(ap).smi.latched_init);
	ASSERT_EQ(KVM_MP_STATE_INIT_RECEIVED, vcpu_mp_state(ap));
	ASSERT_EQ(0, vcpu_events(ap).smi.latched_init);
	vm_free(vm);
}

static void on_alarm(int sig)
{
}

/* KVM_RUN of a CPU that waits for INIT sleeps until there is one, or a signal */
TEST_F(irqchip_smp, waits_for_init)
{
	struct itimerval on = { { 0, 50000 }, { 0, 50000 } }, off = {};
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *ap;

	vcpu_new_bare(vm, 0);
	ap = vcpu_new_bare(vm, 1);
	require(!sigaction(SIGALRM, &sa, NULL));
	require(!setitimer(ITIMER_REAL, &on, NULL));
	EXPECT_EQ(EINTR, vcpu_run_raw(ap));
	EXPECT_EQ(KVM_EXIT_INTR, ap->run->exit_reason);
	if (on_our_module()) {
		require(!ioctl(ap->fd, KVM_NMI));
		EXPECT_EQ(EINTR, vcpu_run_raw(ap));
	}
	require(!setitimer(ITIMER_REAL, &off, NULL));
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, vcpu_mp_state(ap));
	vm_free(vm);
}

/* ---- wake-up storms ------------------------------------------------------------- */

static void guest_storm(void)
{
	unsigned int i;
	u32 n;

	guest_bsp();
	for (n = 1; n <= 50; n++) {
		x2apic_write(APIC_ICR, ICR_OTHERS | 0x70);
		for (i = 1; i < NCPUS; i++)
			wait_for(&got[i][0x70], n);
	}
	GUEST_DONE();
}

TEST_F(irqchip_smp, broadcast_storm)
{
	struct vm *vm = irq_vm_new(variant->kind);
	pthread_t t[NCPUS];

	start(vm, guest_storm, t);
	expect_done(vm->vcpus[0]);
	finish(vm, t);
}

TEST_HARNESS_MAIN
