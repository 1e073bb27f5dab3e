// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits while a CPU is in SMM, and what an SMI finds: NMIs, other SMIs, INIT,
 * exceptions, HLT.
 */
#include "smm.h"
#include <sys/time.h>

SMM_SUITE(smm_events)

/* ---- what waits --------------------------------------------------------- */

static void guest_nmi(struct guest_regs *r)
{
	GUEST_SYNC(1000);
}

static void guest_with_nmi(void)
{
	u64 n = 0;

	guest_handlers[VEC_NMI] = guest_nmi;
	for (;;)
		GUEST_SYNC(++n);
}

TEST_F(smm_events, one_smi_and_nmis_wait)
{
	struct vcpu *v = self->vcpu;

	set_handler(self->smram, simple, sizeof(simple));
	vcpu_set_entry(v, guest_with_nmi);
	expect_sync(v, 1);
	smi(v);
	in_handler(v);
	smi(v);
	smi(v);
	require(!ioctl(v->fd, KVM_NMI));
	/* before the NMI comes the second SMI; there is no third */
	in_handler(v);
	EXPECT_EQ(2, vcpu_get_msr(v, MSR_SMI_COUNT_));
	expect_sync(v, 1000);
	EXPECT_TRUE(vcpu_events(v).nmi.masked);
	expect_sync(v, 2);
	/* in the handler of an NMI: blocked after RSM, too */
	require(!ioctl(v->fd, KVM_NMI));
	expect_sync(v, 1000);
	smi(v);
	in_handler(v);
	EXPECT_TRUE(vcpu_events(v).smi.smm_inside_nmi);
	require(!ioctl(v->fd, KVM_NMI));
	expect_sync(v, 1000);		/* the first has returned */
	expect_sync(v, 3);
}

/* An event that is half way in is delivered; the SMI comes before its handler */
TEST_F(smm_events, with_an_exception)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events e;

	set_handler(self->smram, simple, sizeof(simple));
	vcpu_set_entry(v, guest_with_nmi);
	expect_sync(v, 1);
	vcpu_complete_exit(v);
	e = vcpu_events(v);
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SMM;
	e.nmi.injected = 1;
	e.smi.pending = 1;
	vcpu_set_events(v, &e);
	in_handler(v);
	EXPECT_EQ(1, vcpu_events(v).smi.smm_inside_nmi);
	expect_sync(v, 1000);
	expect_sync(v, 2);
}

static void on_alarm(int sig)
{
}

static void alarms(bool on)
{
	struct itimerval t = {
		.it_value.tv_usec = on ? 50000 : 0,
		.it_interval.tv_usec = on ? 50000 : 0,
	};
	struct sigaction sa = { .sa_handler = on_alarm };

	require(!sigaction(SIGALRM, &sa, NULL));
	require(!setitimer(ITIMER_REAL, &t, NULL));
}

static u32 mp_state(struct vcpu *v)
{
	struct kvm_mp_state s;

	require(!ioctl(v->fd, KVM_GET_MP_STATE, &s));
	return s.mp_state;
}

/* Run until it sleeps in this state */
static void expect_asleep(struct vcpu *v, u32 state)
{
	unsigned int i;

	alarms(true);
	for (i = 0; i < 1000; i++) {
		require(vcpu_run_raw(v) == EINTR);
		if (mp_state(v) == state)
			break;
	}
	alarms(false);
	require(i < 1000);
}

static struct vm *chip_vm(unsigned int kind, u8 *smram, void *cell)
{
	struct vm *vm = vm_new_bare(kind);

	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP));
	vm_free(vm);
	vm = vm_new(kind);
	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP));
	add_smm_slots(vm, smram, cell);
	return vm;
}

TEST_F(smm_events, init_waits)
{
	struct kvm_msi msi = { .address_lo = 0xfee01000, .data = 0x500 };
	struct kvm_mp_state run = { KVM_MP_STATE_RUNNABLE };
	struct vm *vm = chip_vm(variant->kind, self->smram, self->cell);
	struct vcpu *v;

	set_handler(self->smram, simple, sizeof(simple));
	v = vcpu_new(vm, 1, guest_count);
	require(!ioctl(v->fd, KVM_SET_MP_STATE, &run));
	expect_sync(v, 1);
	smi(v);
	in_handler(v);
	require(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) == 1);
	EXPECT_EQ(1, vcpu_events(v).smi.latched_init);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(v));
	expect_asleep(v, KVM_MP_STATE_INIT_RECEIVED);
	EXPECT_EQ(0, vcpu_events(v).smi.smm);
	EXPECT_EQ(0, vcpu_events(v).smi.latched_init);
	/* and a CPU that runs takes it at once */
	vcpu_set_mode(v, CPU_LONG, &vm->pt);
	vcpu_set_entry(v, guest_count);
	require(!ioctl(v->fd, KVM_SET_MP_STATE, &run));
	expect_sync(v, 1);
	require(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) == 1);
	expect_asleep(v, KVM_MP_STATE_INIT_RECEIVED);
	EXPECT_EQ(0xfff0, vcpu_regs(v).rip);
	vm_free(vm);
}

static void guest_halt(void)
{
	GUEST_SYNC(1);
	asm volatile("hlt");
	GUEST_SYNC(2);
}

/* HLT goes on after RSM, unless the handler has it otherwise */
TEST_F(smm_events, halted)
{
	struct vm *vm = chip_vm(variant->kind, self->smram, self->cell);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x200 };
	struct vcpu *v;

	set_handler(self->smram, simple, sizeof(simple));
	v = vcpu_new(vm, 0, guest_halt);
	expect_sync(v, 1);
	expect_asleep(v, KVM_MP_STATE_HALTED);
	smi(v);
	in_handler(v);
	EXPECT_EQ(1, FIELD(self->smram, HALT64, u8));
	expect_asleep(v, KVM_MP_STATE_HALTED);
	/* an SMI as a message */
	require(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) == 1);
	in_handler(v);
	FIELD(self->smram, HALT64, u8) = 0;
	expect_sync(v, 2);
	vm_free(vm);
}

static void guest_self_smi(void)
{
	GUEST_SYNC(1);
	wrmsr(0x1b, rdmsr(0x1b) | 3 << 10);
	wrmsr(0x830, 1 << 18 | 1 << 14 | 2 << 8);	/* self, SMI */
	GUEST_SYNC(2);
}

TEST_F(smm_events, sent_to_oneself)
{
	struct vm *vm = chip_vm(variant->kind, self->smram, self->cell);
	struct vcpu *v = vcpu_new(vm, 0, guest_self_smi);

	set_handler(self->smram, simple, sizeof(simple));
	expect_sync(v, 1);
	in_handler(v);
	expect_sync(v, 2);
	vm_free(vm);
}

TEST_HARNESS_MAIN
