// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC of one CPU: registers, priorities, timer, modes.
 *
 * again: tpr_shadow=N
 * again: enable_apicv=N
 */
#include "irq.h"

IRQ_SUITE(irqchip_lapic)

/* ---- registers ------------------------------------------------------------- */

static void guest_xapic_regs(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_APIC_BASE), APIC_BASE | 0x900);
	GUEST_ASSERT_EQ(xapic_read(APIC_ID), 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVR) & 0xff, 0x14);
	GUEST_ASSERT(xapic_read(APIC_LVR) >> 16 >= 5);
	GUEST_ASSERT_EQ(xapic_read(APIC_SPIV), 0xff);
	GUEST_ASSERT_EQ(xapic_read(APIC_DFR), 0xffffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTT), LVT_MASKED);
	/* the ABI's virtual wire */
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT0), 0x700);

	/* while disabled by software nothing can be unmasked */
	xapic_write(APIC_LVTT, 0x40);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTT), LVT_MASKED | 0x40);
	xapic_write(APIC_SPIV, 0x1ff);
	xapic_write(APIC_LVTT, 0x40);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTT), 0x40);
	xapic_write(APIC_LDR, 0xffffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LDR), 0xff000000);
	xapic_write(APIC_DFR, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_DFR), 0x0fffffff);
	xapic_write(APIC_TPR, 0x34);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x34);
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0x34);
	GUEST_ASSERT_EQ(read_cr8(), 3);
	write_cr8(5);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x50);
	xapic_write(APIC_ICR2, 0x12345678);
	GUEST_ASSERT_EQ(xapic_read(APIC_ICR2), 0x12000000);
	/* and disabling masks */
	xapic_write(APIC_SPIV, 0xff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTT), LVT_MASKED | 0x40);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, xapic_registers)
{
	vcpu_set_entry(self->vcpu, guest_xapic_regs);
	expect_done(self->vcpu);
}

static void guest_x2apic_regs(void)
{
	static const u16 reserved[] = {
		0x800, 0x801, 0x804, 0x809, 0x80e, 0x829, 0x82e, 0x831, 0x83a,
		0x83c, 0x83d, 0x8ff,
	};
	unsigned int i;

	/* without the mode there are no MSRs */
	GUEST_ASSERT_EQ(try_rdmsr(0x802), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x80b, 0), VEC_GP);
	x2apic_on();
	GUEST_ASSERT_EQ(x2apic_read(APIC_ID), 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_LDR), 1);
	GUEST_ASSERT_EQ(x2apic_read(APIC_LVR) & 0xff, 0x14);
	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		GUEST_ASSERT_EQ(try_rdmsr(reserved[i]), VEC_GP);
	/* read-only, write-only, reserved bits */
	GUEST_ASSERT_EQ(try_wrmsr(0x802, 0), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x80d, 1), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x839, 0), VEC_GP);
	GUEST_ASSERT_EQ(try_rdmsr(0x83f), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x838, 1ull << 32), VEC_GP);
	x2apic_write(APIC_ICR, 0x500000000ull | 0x4fe);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ICR), 0x500000000ull | 0x4fe);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, x2apic_registers)
{
	vcpu_set_entry(self->vcpu, guest_x2apic_regs);
	expect_done(self->vcpu);
}

/* SDM 3A 11.12.1.3 */
static void guest_x2apic_reserved(void)
{
	x2apic_on();
	GUEST_ASSERT_EQ(try_wrmsr(0x80b, 1), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x828, 1), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x808, 0x100), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x80f, 0x400), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x830, 1 << 20), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x835, 1 << 11), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x837, 1 << 11), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x83e, 4), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(0x83f, 0x100), VEC_GP);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, x2apic_reserved)
{
	if (!on_our_module())
		skip_test("the in-tree KVM takes some reserved bits");
	vcpu_set_entry(self->vcpu, guest_x2apic_reserved);
	expect_done(self->vcpu);
}

static void guest_base(void)
{
	const u64 xapic = APIC_BASE | 0x900, x2apic = xapic | 0x400;
	const u64 off = APIC_BASE | 0x100;

	/* reserved bits, and the state that does not exist */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_APIC_BASE, xapic | 1), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_APIC_BASE, xapic | 1ull << 62), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_APIC_BASE, off | 0x400), VEC_GP);
	wrmsr(MSR_APIC_BASE, x2apic);
	GUEST_ASSERT_EQ(rdmsr(MSR_APIC_BASE), x2apic);
	/* no way back but through "off" */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_APIC_BASE, xapic), VEC_GP);
	wrmsr(MSR_APIC_BASE, off);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_APIC_BASE, x2apic), VEC_GP);
	GUEST_ASSERT_EQ(try_rdmsr(0x802), VEC_GP);
	wrmsr(MSR_APIC_BASE, xapic);
	GUEST_ASSERT_EQ(xapic_read(APIC_SPIV), 0xff);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, base_transitions)
{
	vcpu_set_entry(self->vcpu, guest_base);
	expect_done(self->vcpu);
}

/* ---- priorities ------------------------------------------------------------ */

static void guest_priority(void)
{
	static const u8 want[] = { 0x91, 0x71, 0x62, 0x61, 0x31 };
	unsigned int i;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_SELF_IPI, 0x61);
	x2apic_write(APIC_SELF_IPI, 0x91);
	x2apic_write(APIC_SELF_IPI, 0x31);
	x2apic_write(APIC_ICR, ICR_SELF | 0x71);
	x2apic_write(APIC_SELF_IPI, 0x62);
	x2apic_write(APIC_SELF_IPI, 0x62);
	GUEST_ASSERT_EQ(x2apic_read(APIC_IRR + 0x30), 1 << 1 | 1 << 2 | 1 << 17);
	write_cr8(6);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 2);
	GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0x60);
	write_cr8(0);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 5);
	for (i = 0; i < ARRAY_SIZE(want); i++)
		GUEST_ASSERT_EQ(irq_order[i], want[i]);
	GUEST_ASSERT_EQ(x2apic_read(APIC_IRR + 0x30), 0);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, priority)
{
	vcpu_set_entry(self->vcpu, guest_priority);
	expect_done(self->vcpu);
}

/* Nested: what is in service holds back its class and below */
static void irq_nested(struct guest_regs *r)
{
	irq_record(r);
	if (r->vector == 0x55) {
		GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x20), 1 << 21);
		GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0x50);
		x2apic_write(APIC_SELF_IPI, 0x5a);	/* same class: waits */
		x2apic_write(APIC_SELF_IPI, 0x66);	/* higher: now */
		irq_window();
		GUEST_ASSERT_EQ(irq_hits[0x66], 1);
		GUEST_ASSERT_EQ(irq_hits[0x5a], 0);
	} else if (r->vector == 0x66) {
		GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0x60);
	}
	x2apic_write(APIC_EOI, 0);
}

static void guest_nested(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_nested);
	x2apic_write(APIC_SELF_IPI, 0x55);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 3);
	GUEST_ASSERT_EQ(irq_order[2], 0x5a);
	GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0);
	/* an EOI for nothing does nothing */
	x2apic_write(APIC_EOI, 0);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, nested)
{
	vcpu_set_entry(self->vcpu, guest_nested);
	expect_done(self->vcpu);
}

/* The same by the xAPIC page */
static void guest_xapic_ipi(void)
{
	xapic_on();
	irq_handler(0x30, 0xfe, irq_xapic);
	xapic_write(APIC_ICR, ICR_SELF | 0x44);
	xapic_write(APIC_ICR2, 0);
	xapic_write(APIC_ICR, 0x45);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 2);
	GUEST_ASSERT_EQ(irq_order[0], 0x45);
	GUEST_ASSERT_EQ(irq_order[1], 0x44);
	/* logical, flat and cluster */
	xapic_write(APIC_LDR, 0x04000000);
	xapic_write(APIC_ICR2, 0x0c000000);
	xapic_write(APIC_ICR, ICR_LOGICAL | 0x46);
	xapic_write(APIC_ICR2, 0x0b000000);
	xapic_write(APIC_ICR, ICR_LOGICAL | 0x47);
	xapic_write(APIC_DFR, 0x0fffffff);
	xapic_write(APIC_LDR, 0x24000000);
	xapic_write(APIC_ICR2, 0x25000000);
	xapic_write(APIC_ICR, ICR_LOGICAL | 0x48);
	xapic_write(APIC_ICR2, 0x34000000);
	xapic_write(APIC_ICR, ICR_LOGICAL | 0x49);
	xapic_write(APIC_ICR2, 0xff000000);
	xapic_write(APIC_ICR, ICR_LOGICAL | DM_LOWEST | 0x4a);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x46], 1);
	GUEST_ASSERT_EQ(irq_hits[0x47], 0);
	GUEST_ASSERT_EQ(irq_hits[0x48], 1);
	GUEST_ASSERT_EQ(irq_hits[0x49], 0);
	GUEST_ASSERT_EQ(irq_hits[0x4a], 1);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, xapic_ipi)
{
	vcpu_set_entry(self->vcpu, guest_xapic_ipi);
	expect_done(self->vcpu);
}

static void guest_errors(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_LVTERR, 0x88);
	x2apic_write(APIC_ICR, 5);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x88], 1);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ESR), 0);
	x2apic_write(APIC_ESR, 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ESR), 1 << 5);
	x2apic_write(APIC_ESR, 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ESR), 0);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, error_status)
{
	if (!on_our_module())
		skip_test("the in-tree KVM has no error status");
	vcpu_set_entry(self->vcpu, guest_errors);
	expect_done(self->vcpu);
}

static volatile u64 nmis;

static void on_nmi(struct guest_regs *r)
{
	nmis++;
}

static void guest_nmi(void)
{
	x2apic_on();
	guest_handlers[VEC_NMI] = on_nmi;
	x2apic_write(APIC_ICR, DM_NMI);		/* to id 0: itself */
	cpu_pause();
	GUEST_ASSERT_EQ(nmis, 1);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, nmi)
{
	vcpu_set_entry(self->vcpu, guest_nmi);
	expect_done(self->vcpu);
}

/* ---- timer ----------------------------------------------------------------- */

static void guest_one_shot(void)
{
	u64 t;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_TDCR, 0xb);
	x2apic_write(APIC_LVTT, 0x70);
	x2apic_write(APIC_TMICT, 2000000);
	t = x2apic_read(APIC_TMCCT);
	GUEST_ASSERT(t > 0 && t <= 2000000);
	GUEST_ASSERT(x2apic_read(APIC_TMCCT) < t);
	irq_wait();
	GUEST_ASSERT_EQ(irq_hits[0x70], 1);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TMCCT), 0);
	/* stopped by a zero count */
	x2apic_write(APIC_TMICT, 1000000);
	x2apic_write(APIC_TMICT, 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TMCCT), 0);
	/* masked: counts, and does not interrupt */
	x2apic_write(APIC_LVTT, LVT_MASKED | 0x70);
	x2apic_write(APIC_TMICT, 10000);
	while (x2apic_read(APIC_TMCCT))
		cpu_pause();
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x70], 1);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, timer_one_shot)
{
	vcpu_set_entry(self->vcpu, guest_one_shot);
	expect_done(self->vcpu);
}

#define PERIODIC_MS	5

static void guest_periodic(void)
{
	u64 start;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_TDCR, 0x3);		/* by 16 */
	x2apic_write(APIC_LVTT, LVT_PERIODIC | 0x71);
	start = rdtsc();
	x2apic_write(APIC_TMICT, PERIODIC_MS * 1000000 / 16);
	while (irq_hits[0x71] < 4)
		irq_wait();
	start = rdtsc() - start;
	x2apic_write(APIC_LVTT, LVT_MASKED);
	GUEST_RETURN(start);
}

TEST_F(irqchip_lapic, timer_periodic)
{
	int khz = ioctl(self->vcpu->fd, KVM_GET_TSC_KHZ, 0);
	u64 tsc;

	vcpu_set_entry(self->vcpu, guest_periodic);
	tsc = expect_done(self->vcpu);
	if (khz > 0) {
		/* late on a busy host, never early */
		ASSERT_LE(khz * PERIODIC_MS * 39 / 10, tsc);
		ASSERT_GE(khz * PERIODIC_MS * 12, tsc);
	}
}

/* A period of nothing must not occupy the host */
static void guest_storm(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_TDCR, 0xb);
	x2apic_write(APIC_LVTT, LVT_PERIODIC | 0x71);
	x2apic_write(APIC_TMICT, 1);
	while (irq_hits[0x71] < 3)
		irq_wait();
	x2apic_write(APIC_TMICT, 0);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, timer_storm)
{
	vcpu_set_entry(self->vcpu, guest_storm);
	expect_done(self->vcpu);
}

static void guest_deadline(void)
{
	u64 when;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	/* in another mode writes are lost */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	x2apic_write(APIC_LVTT, LVT_DEADLINE | 0x72);
	when = rdtsc() + 300000;
	wrmsr(MSR_TSC_DEADLINE, when);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), when);
	irq_wait();
	GUEST_ASSERT_EQ(irq_hits[0x72], 1);
	GUEST_ASSERT(rdtsc() >= when);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* in the past: at once */
	wrmsr(MSR_TSC_DEADLINE, 1);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x72], 2);
	/* disarmed */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000000000);
	wrmsr(MSR_TSC_DEADLINE, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* TMICT has no meaning */
	x2apic_write(APIC_TMICT, 1000);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TMCCT), 0);
	/* leaving the mode disarms */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000000000);
	x2apic_write(APIC_LVTT, 0x72);
	x2apic_write(APIC_LVTT, LVT_DEADLINE | 0x72);
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, timer_deadline)
{
	if (!guest_has(1, 0, 'c', 24) &&
	    !kvm_check(KVM_CAP_TSC_DEADLINE_TIMER))
		skip_test("no TSC deadline");
	/* KVM_GET_SUPPORTED_CPUID leaves this bit to the irqchip's user */
	cpuid_entry(kvm_supported_cpuid(), 1, 0)->ecx |= 1 << 24;
	require(!ioctl(self->vcpu->fd, KVM_SET_CPUID2, kvm_supported_cpuid()));
	vcpu_set_entry(self->vcpu, guest_deadline);
	expect_done(self->vcpu);
}

/* ---- state ----------------------------------------------------------------- */

static void guest_state(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	write_cr8(9);
	x2apic_write(APIC_SELF_IPI, 0x42);
	x2apic_write(APIC_LVTT, 0x77);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), 0x20);
	GUEST_ASSERT_EQ(x2apic_read(APIC_IRR + 0x20), 1 << 2 | 1 << 9);
	irq_window();
	GUEST_ASSERT_EQ(irq_order[0], 0x49);
	GUEST_ASSERT_EQ(irq_order[1], 0x42);
	GUEST_ASSERT_EQ(x2apic_read(APIC_LVTT), 0x78);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, state)
{
	struct kvm_lapic_state s;

	vcpu_set_entry(self->vcpu, guest_state);
	expect_sync(self->vcpu, 1);
	s = lapic_state(self->vcpu);
	ASSERT_EQ(0x90, lapic_state_reg(&s, APIC_TPR));
	ASSERT_EQ(1 << 2, lapic_state_reg(&s, APIC_IRR + 0x20));
	ASSERT_EQ(0x77, lapic_state_reg(&s, APIC_LVTT));
	ASSERT_EQ(0x1ff, lapic_state_reg(&s, APIC_SPIV));
	/* the id of 8 bits is not the state's to say */
	lapic_state_set(&s, APIC_ID, 5 << 24);
	require(!ioctl(self->vcpu->fd, KVM_SET_LAPIC, &s));
	if (on_our_module()) {
		s = lapic_state(self->vcpu);
		ASSERT_EQ(0, lapic_state_reg(&s, APIC_ID));
	}
	lapic_state_set(&s, APIC_ID, 0);
	lapic_state_set(&s, APIC_TPR, 0x20);
	lapic_state_set(&s, APIC_LVTT, 0x78);
	lapic_state_set(&s, APIC_IRR + 0x20, 1 << 2 | 1 << 9);
	require(!ioctl(self->vcpu->fd, KVM_SET_LAPIC, &s));
	expect_done(self->vcpu);
}

/* A timer goes on from where it was */
static void guest_timer_state(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_TDCR, 0xb);
	x2apic_write(APIC_LVTT, 0x70);
	x2apic_write(APIC_TMICT, 1000000000);
	GUEST_SYNC(1);
	irq_wait();
	GUEST_ASSERT_EQ(irq_hits[0x70], 1);
	GUEST_DONE();
}

TEST_F(irqchip_lapic, timer_state)
{
	struct kvm_lapic_state s;

	vcpu_set_entry(self->vcpu, guest_timer_state);
	expect_sync(self->vcpu, 1);
	s = lapic_state(self->vcpu);
	ASSERT_LT(0, lapic_state_reg(&s, APIC_TMCCT));
	ASSERT_GE(1000000000, lapic_state_reg(&s, APIC_TMCCT));
	lapic_state_set(&s, APIC_TMCCT, 500000);
	require(!ioctl(self->vcpu->fd, KVM_SET_LAPIC, &s));
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
