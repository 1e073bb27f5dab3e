// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nonsense from both sides: random states by ioctl, random register accesses by
 * the guest. What comes of it is the guest's own trouble; the host stays well,
 * and the next VM works.
 *
 * again: tpr_shadow=N
 */
#include "irq.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

KIND_SUITE(irqchip_hostile)

static u64 seed;

static u64 rnd(void)
{
	/* Knuth's MMIX */
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 24;
}

/* ---- the guest ----------------------------------------------------------------- */

static void random_access(void)
{
	static const u16 ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1,
		0x40, 0x41, 0x42, 0x43, 0x61,
	};
	u64 r = rnd(), val = rnd();
	u16 port = ports[r % ARRAY_SIZE(ports)];
	u32 lo, hi, off = r >> 8 & 0xff0;

	switch (r >> 20 & 7) {
	case 0:
		outb(port, val);
		break;
	case 1:
		inb(port);
		break;
	case 2:
		write32(IOAPIC_BASE, val & 0x3f);
		write32(IOAPIC_BASE + 0x10, val >> 8);
		break;
	case 3:
		read32(IOAPIC_BASE + (r >> 8 & 0xfc));
		break;
	case 4:
		/* not ICR, which would end the guest by an INIT soon */
		if (off != APIC_ICR)
			write32(APIC_BASE + off, val);
		break;
	case 5:
		read32(APIC_BASE + (r >> 8 & 0xffc));
		break;
	case 6:
		if (off != APIC_ICR)
			asm volatile(TRY("wrmsr") : : "c"(0x800 + (off >> 4)),
				     "a"((u32)val), "d"(0) : "memory");
		break;
	default:
		asm volatile(TRY("rdmsr") : "=a"(lo), "=d"(hi)
			     : "c"(0x800 + (r >> 8 & 0xff)) : "memory");
		break;
	}
}

static void guest_noise(u64 s, u64 x2apic)
{
	unsigned int i;

	seed = s;
	if (x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 3 << 10);
	for (;;) {
		for (i = 0; i < 50; i++)
			random_access();
		GUEST_SYNC(1);
	}
}

/* ---- the host ------------------------------------------------------------------ */

static void random_bytes(void *p, size_t n)
{
	u8 *b = p;

	while (n--)
		*b++ = rnd();
}

/* A plausible state with some of it replaced */
static void disturb(void *p, size_t n)
{
	unsigned int i, times = rnd() % 16;
	u8 *b = p;

	for (i = 0; i < times; i++)
		b[rnd() % n] = rnd();
}

static void random_ioctl(struct vm *vm, struct vcpu *v)
{
	struct kvm_irq_routing_entry e[8];
	struct kvm_reinject_control rc;
	struct kvm_lapic_state lapic;
	struct kvm_pit_state2 pit;
	struct kvm_irq_level line;
	struct kvm_irqchip chip;
	struct kvm_msi msi;
	unsigned int i, n;

	switch (rnd() % 8) {
	case 0:
		chip.chip_id = rnd() % 4;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
			break;
		if (rnd() & 1)
			random_bytes(&chip.chip, sizeof(chip.chip));
		else
			disturb(&chip.chip, sizeof(chip.chip.ioapic));
		ioctl(vm->fd, KVM_SET_IRQCHIP, &chip);
		break;
	case 1:
		require(!ioctl(v->fd, KVM_GET_LAPIC, &lapic));
		if (rnd() & 1)
			random_bytes(&lapic, sizeof(lapic));
		else
			disturb(&lapic, sizeof(lapic));
		ioctl(v->fd, KVM_SET_LAPIC, &lapic);
		break;
	case 2:
		require(!ioctl(vm->fd, KVM_GET_PIT2, &pit));
		disturb(&pit, sizeof(pit));
		ioctl(vm->fd, KVM_SET_PIT2, &pit);
		break;
	case 3:
		line.irq = rnd() % 4 ? rnd() % 32 : rnd();
		line.level = rnd() & 1;
		ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line);
		break;
	case 4:
		random_bytes(&msi, sizeof(msi));
		msi.flags = 0;
		/* fixed or lowest: an INIT would end the guest */
		msi.data &= ~(6u << 8);
		ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
		break;
	case 5:
		n = rnd() % 8;
		for (i = 0; i < n; i++) {
			e[i] = rnd() & 1 ?
				route_pin(rnd() % 32, rnd() % 4, rnd() % 26) :
				route_msi(rnd() % 5000, rnd(), rnd() & 0xc1ff);
		}
		set_routing(vm, n, e);
		break;
	case 6:
		rc.pit_reinject = rnd() & 1;
		ioctl(vm->fd, KVM_REINJECT_CONTROL, &rc);
		break;
	default:
		vcpu_set_msr(v, MSR_APIC_BASE, APIC_BASE | (rnd() & 0xd00));
		break;
	}
}

static void noise(unsigned int kind, u64 s)
{
	struct vm *vm = irq_vm_new(kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_noise);
	unsigned int i, j;

	vcpu_args(v, 2, s, s & 1);
	seed = s;
	for (i = 0; i < 12; i++) {
		/* a guest that dies of it is as good as one that goes on */
		if (vcpu_run_any(v) != KVM_EXIT_IO)
			break;
		for (j = 0; j < 8; j++)
			random_ioctl(vm, v);
	}
	vm_free(vm);
}

TEST_F(irqchip_hostile, noise)
{
	u64 s;

	for (s = 1; s <= 12; s++)
		noise(variant->kind, s * 0x9e3779b97f4a7c15ull);
}

/* Starts the timer of the PIT, or exits where there is none */
static void guest_starts_pit(void)
{
	for (;;) {
		outb(0x43, 0x14);
		outb(0x40, 1);
	}
}

static atomic_bool pit_tried;

static void *run_on(void *arg)
{
	struct vcpu *v = arg;

	while (!atomic_load(&pit_tried))
		vcpu_run_any(v);
	return NULL;
}

/*
 * As many devices as there may be, but for one: the PIT's ports do not all fit,
 * while a guest uses those that do. It is gone with all that it has begun.
 */
TEST_F_TIMEOUT(irqchip_hostile, pit_without_room, 120)
{
	struct kvm_ioeventfd ioev = {
		.fd = eventfd(0, EFD_CLOEXEC), .len = 1,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v;
	pthread_t t;
	unsigned int i;

	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	for (i = 0; !ioctl(vm->fd, KVM_IOEVENTFD, &ioev); i++)
		ioev.addr = 0x1000 + i;
	ASSERT_EQ(ENOSPC, errno);
	ASSERT_LT(500, i);
	ioev.addr = 0x1000;
	ioev.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	require(!ioctl(vm->fd, KVM_IOEVENTFD, &ioev));

	v = vcpu_new(vm, 0, guest_starts_pit);
	atomic_store(&pit_tried, false);
	t = vcpu_thread(v, run_on);
	for (i = 0; i < 50; i++) {
		EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
		EXPECT_EQ(ENOSPC, errno);
		sched_yield();
	}
	atomic_store(&pit_tried, true);
	pthread_join(t, NULL);
	/* with room for both */
	ioev.addr = 0x1001;
	require(!ioctl(vm->fd, KVM_IOEVENTFD, &ioev));
	EXPECT_EQ(0, ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	EXPECT_EQ(EEXIST, errno);
	vm_free(vm);
	close(ioev.fd);
}

/* Afterwards everything works */
static void guest_sane(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_TDCR, 0xb);
	x2apic_write(APIC_LVTT, 0x70);
	x2apic_write(APIC_TMICT, 100000);
	irq_wait();
	GUEST_ASSERT_EQ(irq_hits[0x70], 1);
	GUEST_DONE();
}

TEST_F(irqchip_hostile, well_afterwards)
{
	struct vm *vm = irq_vm_new(variant->kind);

	expect_done(vcpu_new(vm, 0, guest_sane));
	vm_free(vm);
}

TEST_HARNESS_MAIN
