/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of interrupt controllers: VMs that have them in the kernel, and
 * guest code that drives them.
 */
#ifndef SELFTEST_IRQ_H
#define SELFTEST_IRQ_H

#include "kvmtest.h"
#include <sys/eventfd.h>
#include <poll.h>

#define UNUSED		__attribute__((unused))

/* ---- host side ----------------------------------------------------------- */

/* A VM with memory, program, irqchip and PIT, and no vCPU yet */
static UNUSED struct vm *irq_vm_new(unsigned int kind)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vm *vm = vm_new(kind);

	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	require(!ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	return vm;
}

#define IRQ_SUITE(name)		VM_SUITE(name, irq_vm_new)

/* Status as KVM_IRQ_LINE_STATUS gives it */
static UNUSED int irq_line(struct vm *vm, u32 gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	require(!ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &l));
	return (int)l.status;
}

static UNUSED void irq_pulse(struct vm *vm, u32 gsi)
{
	irq_line(vm, gsi, 1);
	irq_line(vm, gsi, 0);
}

enum { RAISE = 100, LOWER = 200, PULSE = 300 };

/* Run to GUEST_DONE(); the guest asks for lines by GUEST_SYNC(what + line) */
static UNUSED void serve_lines(struct vcpu *v)
{
	while (vcpu_run(v) == KVM_EXIT_IO && v->uc_cmd == UCALL_SYNC) {
		u64 what = v->uc[0] / 100 * 100, gsi = v->uc[0] % 100;

		if (what == RAISE)
			irq_line(v->vm, gsi, 1);
		else if (what == LOWER)
			irq_line(v->vm, gsi, 0);
		else
			irq_pulse(v->vm, gsi);
	}
	require(v->uc_cmd == UCALL_DONE);
}

#define raise_line(n)	GUEST_SYNC(RAISE + (n))
#define lower_line(n)	GUEST_SYNC(LOWER + (n))
#define pulse(n)	GUEST_SYNC(PULSE + (n))

static UNUSED struct kvm_irqchip irqchip_state(struct vm *vm, u32 id)
{
	struct kvm_irqchip c = { .chip_id = id };

	require(!ioctl(vm->fd, KVM_GET_IRQCHIP, &c));
	return c;
}

static UNUSED struct kvm_lapic_state lapic_state(struct vcpu *vcpu)
{
	struct kvm_lapic_state s;

	require(!ioctl(vcpu->fd, KVM_GET_LAPIC, &s));
	return s;
}

static UNUSED u32 lapic_state_reg(const struct kvm_lapic_state *s, u32 off)
{
	u32 val;

	memcpy(&val, s->regs + off, sizeof(val));
	return val;
}

static UNUSED void lapic_state_set(struct kvm_lapic_state *s, u32 off, u32 val)
{
	memcpy(s->regs + off, &val, sizeof(val));
}

static UNUSED u32 vcpu_mp_state(struct vcpu *vcpu)
{
	struct kvm_mp_state s;

	require(!ioctl(vcpu->fd, KVM_GET_MP_STATE, &s));
	return s.mp_state;
}

static UNUSED void vcpu_set_mp_state(struct vcpu *vcpu, u32 state)
{
	struct kvm_mp_state s = { .mp_state = state };

	require(!ioctl(vcpu->fd, KVM_SET_MP_STATE, &s));
}

static UNUSED int msi_send(struct vm *vm, u32 lo, u32 data)
{
	struct kvm_msi msi = { .address_lo = lo, .data = data };

	return ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

static UNUSED struct kvm_irq_routing_entry route_msi(u32 gsi, u32 lo, u32 data)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = lo, .data = data },
	};
}

static UNUSED struct kvm_irq_routing_entry route_pin(u32 gsi, u32 chip, u32 pin)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* 0 or errno */
static UNUSED int set_routing(struct vm *vm, unsigned int n,
			      const struct kvm_irq_routing_entry *e)
{
	struct kvm_irq_routing *r;
	int err;

	r = calloc(1, sizeof(*r) + n * sizeof(*e));
	require(r);
	r->nr = n;
	memcpy(r->entries, e, n * sizeof(*e));
	err = ioctl(vm->fd, KVM_SET_GSI_ROUTING, r) ? errno : 0;
	free(r);
	return err;
}

/* ---- guest side ---------------------------------------------------------- */

#define APIC_BASE	0xfee00000ull
#define IOAPIC_BASE	0xfec00000ull

#define APIC_ID		0x20
#define APIC_LVR	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SPIV	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_LVTPC	0x340
#define APIC_LVT0	0x350
#define APIC_LVT1	0x360
#define APIC_LVTERR	0x370
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define APIC_SELF_IPI	0x3f0

#define LVT_MASKED	(1u << 16)
#define LVT_PERIODIC	(1u << 17)
#define LVT_DEADLINE	(2u << 17)

#define DM_LOWEST	(1u << 8)
#define DM_NMI		(4u << 8)
#define DM_INIT		(5u << 8)
#define DM_STARTUP	(6u << 8)
#define DM_EXTINT	(7u << 8)
#define ICR_LOGICAL	(1u << 11)
#define ICR_ASSERT	(1u << 14)
#define ICR_LEVEL	(1u << 15)
#define ICR_SELF	(1u << 18)
#define ICR_ALL		(2u << 18)
#define ICR_OTHERS	(3u << 18)

#define MSR_TSC_DEADLINE	0x6e0

static inline u64 x2apic_read(u32 off)
{
	return rdmsr(0x800 + (off >> 4));
}

static inline void x2apic_write(u32 off, u64 val)
{
	wrmsr(0x800 + (off >> 4), val);
}

static inline u32 xapic_read(u32 off)
{
	return read32(APIC_BASE + off);
}

static inline void xapic_write(u32 off, u32 val)
{
	write32(APIC_BASE + off, val);
}

/* Enabled, in x2APIC mode, everything masked */
static UNUSED void x2apic_on(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 3 << 10);
	x2apic_write(APIC_SPIV, 0x1ff);
	x2apic_write(APIC_LVT0, LVT_MASKED);
	x2apic_write(APIC_LVT1, LVT_MASKED);
	x2apic_write(APIC_TPR, 0);
}

static UNUSED void xapic_on(void)
{
	xapic_write(APIC_SPIV, 0x1ff);
	xapic_write(APIC_LVT0, LVT_MASKED);
	xapic_write(APIC_LVT1, LVT_MASKED);
}

/* What came, in which order; the guest's own copies */
static volatile u64 irq_hits[256] UNUSED;
static volatile u8 irq_order[64] UNUSED;
static volatile u32 irq_nr UNUSED;

static UNUSED void irq_record(struct guest_regs *r)
{
	irq_hits[r->vector]++;
	irq_order[irq_nr++ % ARRAY_SIZE(irq_order)] = r->vector;
}

static UNUSED void irq_x2apic(struct guest_regs *r)
{
	irq_record(r);
	x2apic_write(APIC_EOI, 0);
}

static UNUSED void irq_xapic(struct guest_regs *r)
{
	irq_record(r);
	xapic_write(APIC_EOI, 0);
}

/* From the PIC pair at vectors 0x20 to 0x2f; non-specific EOI */
static UNUSED void irq_pic(struct guest_regs *r)
{
	irq_record(r);
	if (r->vector >= 0x28)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static UNUSED void irq_handler(unsigned int first, unsigned int last,
			       guest_handler fn)
{
	for (; first <= last; first++)
		guest_handlers[first] = fn;
}

/* Take what is pending now */
static UNUSED void irq_window(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

static UNUSED void wait_for(volatile u32 *p, u32 val)
{
	while (*p < val)
		cpu_pause();
}

/* Wait for an interrupt */
static UNUSED void irq_wait(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

/* Vectors 0x20 to 0x2f, everything masked; @icw4 0x01 is the usual mode */
static UNUSED void pic_init(u8 icw4)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, 0x20);
	outb(0xa1, 0x28);
	outb(0x21, 0x04);
	outb(0xa1, 0x02);
	outb(0x21, icw4);
	outb(0xa1, icw4);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static UNUSED u32 ioapic_read(u32 reg)
{
	write32(IOAPIC_BASE, reg);
	return read32(IOAPIC_BASE + 0x10);
}

static UNUSED void ioapic_write(u32 reg, u32 val)
{
	write32(IOAPIC_BASE, reg);
	write32(IOAPIC_BASE + 0x10, val);
}

#define RTE_LEVEL	(1u << 15)
#define RTE_REMOTE_IRR	(1u << 14)
#define RTE_MASKED	(1u << 16)
#define RTE_LOW_ACTIVE	(1u << 13)

static UNUSED void ioapic_rte(unsigned int pin, u32 low, u8 dest)
{
	ioapic_write(0x10 + 2 * pin + 1, (u32)dest << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

#endif
