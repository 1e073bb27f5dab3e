// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that arrive together, or where they are not expected: an NMI while an
 * interrupt is in service, interrupts at the end of string instructions and in
 * shadows, INIT to a CPU that sleeps, EOIs from elsewhere, CPUs that come late.
 */
#include "irq.h"

IRQ_SUITE(irqchip_together)

static u64 seen_rip, seen_rcx;

static void irq_where(struct guest_regs *r)
{
	seen_rip = r->rip;
	seen_rcx = r->rcx;
	irq_x2apic(r);
}

/* ---- NMI while an interrupt is in service ---------------------------------------- */

static volatile u32 isr_at_nmi, irr_at_nmi;

static void nmi_inside(struct guest_regs *r)
{
	irq_record(r);
	x2apic_write(APIC_SELF_IPI, 0x90);
	isr_at_nmi = x2apic_read(APIC_ISR + 0x20);
	irr_at_nmi = x2apic_read(APIC_IRR + 0x40);
}

static void irq_with_nmi(struct guest_regs *r)
{
	irq_record(r);
	GUEST_SYNC(10);
	/* the NMI has been; what it sent waits for this */
	GUEST_ASSERT_EQ(irq_nr, 2);
	asm volatile("sti; nop; nop; cli" : : : "memory");
	GUEST_ASSERT_EQ(irq_nr, 3);
	x2apic_write(APIC_EOI, 0);
}

static void guest_nmi_in_service(void)
{
	x2apic_on();
	guest_handlers[VEC_NMI] = nmi_inside;
	irq_handler(0x50, 0x50, irq_with_nmi);
	irq_handler(0x90, 0x90, irq_x2apic);
	GUEST_SYNC(1);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 3);
	GUEST_ASSERT_EQ(irq_order[0], 0x50);
	GUEST_ASSERT_EQ(irq_order[1], VEC_NMI);
	GUEST_ASSERT_EQ(irq_order[2], 0x90);
	GUEST_ASSERT_EQ(isr_at_nmi, 1 << 16);
	GUEST_ASSERT_EQ(irr_at_nmi, 1 << 16);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x20), 0);
	/* both at one boundary: the NMI goes first, and masks nothing but NMIs */
	irq_nr = 0;
	irq_handler(0x50, 0x50, irq_x2apic);
	GUEST_SYNC(2);
	asm volatile("sti; nop");
	GUEST_SYNC(3);
	asm volatile("nop; cli");
	GUEST_ASSERT_EQ(irq_nr, 3);
	GUEST_ASSERT_EQ(irq_order[0], VEC_NMI);
	GUEST_DONE();
}

TEST_F(irqchip_together, nmi_in_service)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_nmi_in_service);
	expect_sync(v, 1);
	msi_send(self->vm, 0xfee00000, 0x50);
	expect_sync(v, 10);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	expect_sync(v, 2);
	expect_sync(v, 3);
	msi_send(self->vm, 0xfee00000, 0x50);
	ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
	expect_done(v);
}

/* ---- beside an interrupt that waits for IF, as user space has restored it ------- */

#define HELD	0x30

static void skip_ud2(struct guest_regs *r)
{
	irq_record(r);
	r->rip += 2;
}

static void guest_held(void)
{
	x2apic_on();
	guest_handlers[VEC_NMI] = irq_record;
	guest_handlers[VEC_UD] = skip_ud2;
	irq_handler(HELD, HELD, irq_record);
	irq_handler(0x90, 0x90, irq_x2apic);
	for (u32 halt = 0; halt < 2; halt++) {
		irq_nr = 0;
		GUEST_SYNC(1);
		/* an NMI, an exception, an access that exits, an IPI */
		GUEST_ASSERT_EQ(irq_nr, 1);
		GUEST_ASSERT_EQ(irq_order[0], VEC_NMI);
		asm volatile("ud2");
		GUEST_ASSERT_EQ(irq_nr, 2);
		ioapic_read(1);
		x2apic_write(APIC_SELF_IPI, 0x90);
		GUEST_SYNC(2);
		GUEST_ASSERT_EQ(irq_nr, 2);
		if (halt)
			irq_wait();
		irq_window();
		GUEST_ASSERT_EQ(irq_nr, 4);
		GUEST_ASSERT_EQ(irq_hits[HELD], halt + 1);
		GUEST_ASSERT_EQ(irq_hits[0x90], halt + 1);
	}
	GUEST_DONE();
}

TEST_F(irqchip_together, beside_a_held_one)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events e;

	if (!on_our_module())
		skip_test("the entry fails");
	vcpu_set_entry(v, guest_held);
	for (int i = 0; i < 2; i++) {
		expect_sync(v, 1);
		vcpu_complete_exit(v);
		e = vcpu_events(v);
		e.interrupt.injected = 1;
		e.interrupt.nr = HELD;
		vcpu_set_events(v, &e);
		ASSERT_EQ(0, ioctl(v->fd, KVM_NMI, 0));
		expect_sync(v, 2);
		e = vcpu_events(v);
		EXPECT_EQ(1, e.interrupt.injected);
		EXPECT_EQ(HELD, e.interrupt.nr);
		EXPECT_EQ(1, vcpu_sregs(v).interrupt_bitmap[0] >> HELD & 1);
	}
	expect_done(v);
	EXPECT_EQ(0, vcpu_events(v).interrupt.injected);
}

/* An exception on its way at the same time: it goes first */
TEST_F(irqchip_together, held_and_exception)
{
	struct vcpu *v = self->vcpu;
	struct kvm_vcpu_events e;

	if (!on_our_module())
		skip_test("the entry fails");
	vcpu_set_entry(v, guest_held);
	expect_sync(v, 1);
	vcpu_complete_exit(v);
	e = vcpu_events(v);
	e.interrupt.injected = 1;
	e.interrupt.nr = HELD;
	e.nmi.injected = 1;
	vcpu_set_events(v, &e);
	expect_sync(v, 2);
	EXPECT_EQ(HELD, vcpu_events(v).interrupt.nr);
	EXPECT_EQ(1, vcpu_events(v).interrupt.injected);
	/* taken away, as a reset by user space does */
	e = vcpu_events(v);
	e.interrupt.injected = 0;
	vcpu_set_events(v, &e);
	EXPECT_EQ(0, vcpu_events(v).interrupt.injected);
}

/* ---- shadows ------------------------------------------------------------------------ */

extern const char after_sti[], after_mov_ss[], after_mov_ss_next[];

static void guest_shadows(void)
{
	u64 ss;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_where);
	x2apic_write(APIC_SELF_IPI, 0x60);
	asm volatile("sti\n\tnop\n.globl after_sti\nafter_sti:\n\tnop\n\tnop\n\tcli"
		     : : : "memory");
	GUEST_ASSERT_EQ(seen_rip, (u64)after_sti);
	GUEST_ASSERT_EQ(irq_nr, 1);

	x2apic_write(APIC_SELF_IPI, 0x60);
	asm volatile("mov %%ss, %0\n\tsti\n\tmov %0, %%ss\n"
		     ".globl after_mov_ss\nafter_mov_ss:\n\tnop\n"
		     ".globl after_mov_ss_next\nafter_mov_ss_next:\n\tnop\n\tcli"
		     : "=r"(ss) : : "memory");
	/* SDM 2B, STI: whether the second one holds it up, too, is open */
	GUEST_ASSERT(seen_rip == (u64)after_mov_ss ||
		     seen_rip == (u64)after_mov_ss_next);
	GUEST_ASSERT_EQ(irq_nr, 2);

	/* STI and HLT: it wakes the CPU and is not lost */
	x2apic_write(APIC_SELF_IPI, 0x60);
	irq_wait();
	GUEST_ASSERT_EQ(irq_nr, 3);
	GUEST_DONE();
}

TEST_F(irqchip_together, shadows)
{
	vcpu_set_entry(self->vcpu, guest_shadows);
	expect_done(self->vcpu);
}

/* ---- the end of a string instruction --------------------------------------------------- */

#define PORT	0x518
#define MMIO	0xd0000000ull
#define N	5

extern const char ins_insn[], ins_next[], movs_insn[], movs_next[];
static u8 from_port[N], to_mmio[N] = { 10, 11, 12, 13, 14 };

static void guest_strings(u64 ours)
{
	u64 n = N, d = (u64)from_port, s;
	unsigned int i;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_where);
	asm volatile("sti");
	asm volatile(".globl ins_insn, ins_next\nins_insn:\n\trep insb\nins_next:\n\tnop"
		     : "+c"(n), "+D"(d) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(irq_nr, 1);
	/* the in-tree KVM looks once more at a string that is at its end */
	if (seen_rcx || !ours)
		GUEST_ASSERT_EQ(seen_rip, (u64)ins_insn);
	else
		GUEST_ASSERT_EQ(seen_rip, (u64)ins_next);
	for (i = 0; i < N; i++)
		GUEST_ASSERT_EQ(from_port[i], i + 1);

	GUEST_SYNC_ARGS(1, seen_rcx, 0, 0, 0);
	irq_nr = 0;
	n = N;
	d = MMIO;
	s = (u64)to_mmio;
	asm volatile(".globl movs_insn, movs_next\nmovs_insn:\n\trep movsb\nmovs_next:\n\tnop"
		     : "+c"(n), "+D"(d), "+S"(s) : : "memory");
	asm volatile("cli");
	GUEST_ASSERT_EQ(irq_nr, 1);
	if (seen_rcx || !ours)
		GUEST_ASSERT_EQ(seen_rip, (u64)movs_insn);
	else
		GUEST_ASSERT_EQ(seen_rip, (u64)movs_next);
	GUEST_ASSERT_EQ(d, MMIO + N);
	GUEST_SYNC_ARGS(2, seen_rcx, 0, 0, 0);
	GUEST_DONE();
}

TEST_F(irqchip_together, end_of_string)
{
	struct vcpu *v = self->vcpu;
	unsigned int i, done = 0;
	u8 *data;

	vcpu_set_entry(v, guest_strings);
	vcpu_args(v, 1, (u64)on_our_module());
	/* what the last bytes need comes with the interrupt */
	while (done < N) {
		ASSERT_EQ(KVM_EXIT_IO, vcpu_run(v));
		ASSERT_EQ(PORT, v->run->io.port);
		data = (u8 *)v->run + v->run->io.data_offset;
		for (i = 0; i < v->run->io.count; i++)
			data[i] = ++done;
		if (done == N)
			msi_send(self->vm, 0xfee00000, 0x61);
	}
	expect_sync(v, 1);
	for (i = 0; i < N; i++) {
		data = expect_mmio(v, MMIO + i, true, 1);
		ASSERT_EQ(10 + i, *data);
		if (i == N - 1)
			msi_send(self->vm, 0xfee00000, 0x61);
	}
	expect_sync(v, 2);
	/* nothing was left to do */
	ASSERT_EQ(0, v->uc[1]);
	expect_done(v);
}

/* ---- several CPUs ------------------------------------------------------------------------ */

static volatile u32 here[4], go, ap_irqs, bsp_irqs;

static void guest_sleeps_deaf(void)
{
	x2apic_on();
	here[1] = 1;
	for (;;)
		asm volatile("cli; hlt");
}

static void guest_init(void)
{
	x2apic_on();
	wait_for(&here[1], 1);
	x2apic_write(APIC_ICR, 1ull << 32 | DM_INIT | ICR_ASSERT);
	GUEST_SYNC(1);
	/* INIT again, and what a CPU that waits for SIPI does not hear */
	x2apic_write(APIC_ICR, 1ull << 32 | DM_INIT | ICR_ASSERT);
	x2apic_write(APIC_ICR, 1ull << 32 | DM_NMI);
	x2apic_write(APIC_ICR, 1ull << 32 | 0x50);
	GUEST_SYNC(2);
	x2apic_write(APIC_ICR, 1ull << 32 | DM_STARTUP | G_LOW >> 12);
	/* a second one means nothing to a CPU that runs */
	x2apic_write(APIC_ICR, 1ull << 32 | DM_STARTUP | (G_LOW + 0x1000) >> 12);
	wait_for((volatile u32 *)(G_LOW + 0x2000), 1);
	GUEST_DONE();
}

TEST_F(irqchip_together, init_while_halted)
{
	/* mov byte [0xa000], 1; hlt; jmp -3 */
	static const u8 code[] = { 0xc6, 0x06, 0x00, 0xa0, 0x01, 0xf4, 0xeb, 0xfd };
	struct vcpu *v = self->vcpu, *ap;
	pthread_t t;

	memcpy(vm_hva(self->vm, G_LOW), code, sizeof(code));
	ap = vcpu_new(self->vm, 1, guest_sleeps_deaf);
	vcpu_set_mp_state(ap, KVM_MP_STATE_RUNNABLE);
	t = vcpu_start(ap);
	vcpu_set_entry(v, guest_init);
	expect_sync(v, 1);
	vcpu_stop(ap, t);
	/* whether it was still asleep or has had it: reading it shows the INIT */
	ASSERT_EQ(KVM_MP_STATE_INIT_RECEIVED, vcpu_mp_state(ap));
	ASSERT_EQ(0xfff0, vcpu_regs(ap).rip);
	t = vcpu_start(ap);
	expect_sync(v, 2);
	vcpu_stop(ap, t);
	ASSERT_EQ(KVM_MP_STATE_INIT_RECEIVED, vcpu_mp_state(ap));
	t = vcpu_start(ap);
	expect_done(v);
	vcpu_stop(ap, t);
}

/* EOI by the CPU that has the interrupt, while the pin leads to another one */

static void irq_at_ap(struct guest_regs *r)
{
	ap_irqs++;
	while (!go)
		cpu_pause();
	x2apic_write(APIC_EOI, 0);
}

static void irq_at_bsp(struct guest_regs *r)
{
	if (x2apic_read(APIC_ID)) {
		irq_at_ap(r);
		return;
	}
	bsp_irqs++;
	GUEST_SYNC(10);
	x2apic_write(APIC_EOI, 0);
}

static void guest_waits(void)
{
	x2apic_on();
	here[1] = 1;
	for (;;)
		irq_wait();
}

static void guest_other_eoi(void)
{
	x2apic_on();
	irq_handler(0x55, 0x55, irq_at_bsp);
	wait_for(&here[1], 1);
	ioapic_rte(20, RTE_LEVEL | 0x55, 1);
	GUEST_SYNC(1);
	wait_for(&ap_irqs, 1);
	GUEST_ASSERT(ioapic_read(0x10 + 2 * 20) & RTE_REMOTE_IRR);
	/* leads here from now on; still in service there */
	ioapic_write(0x10 + 2 * 20 + 1, 0);
	irq_window();
	GUEST_ASSERT_EQ(bsp_irqs, 0);
	go = 1;
	asm volatile("sti");
	wait_for(&bsp_irqs, 1);
	asm volatile("cli");
	GUEST_ASSERT_EQ(bsp_irqs, 1);
	GUEST_ASSERT_EQ(ap_irqs, 1);
	GUEST_ASSERT(!(ioapic_read(0x10 + 2 * 20) & RTE_REMOTE_IRR));
	GUEST_DONE();
}

TEST_F(irqchip_together, eoi_from_another_cpu)
{
	struct vcpu *v = self->vcpu, *ap;
	pthread_t t;

	ap = vcpu_new(self->vm, 1, guest_waits);
	vcpu_set_mp_state(ap, KVM_MP_STATE_RUNNABLE);
	t = vcpu_start(ap);
	vcpu_set_entry(v, guest_other_eoi);
	expect_sync(v, 1);
	irq_line(self->vm, 20, 1);
	expect_sync(v, 10);
	irq_line(self->vm, 20, 0);
	expect_done(v);
	vcpu_stop(ap, t);
}

/* ---- a CPU that comes while the others run ------------------------------------------------ */

static void irq_answer(struct guest_regs *r)
{
	here[2] = r->vector;
	x2apic_write(APIC_EOI, 0);
}

static void guest_late(void)
{
	x2apic_on();
	irq_handler(0x66, 0x66, irq_answer);
	here[3] = 1;
	wait_for(&here[1], 1);
	/* by its id, by its logical id, and as one of all */
	x2apic_write(APIC_ICR, 1ull << 32 | 0x66);
	wait_for(&here[2], 0x66);
	here[2] = 0;
	x2apic_write(APIC_ICR, 2ull << 32 | ICR_LOGICAL | 0x66);
	wait_for(&here[2], 0x66);
	here[2] = 0;
	x2apic_write(APIC_ICR, ICR_OTHERS | 0x66);
	wait_for(&here[2], 0x66);
	GUEST_DONE();
}

TEST_F(irqchip_together, hot_add)
{
	volatile u32 *running = (volatile u32 *)vm_hva(self->vm, (u64)&here[3]);
	struct vcpu *v = self->vcpu, *ap;
	pthread_t bsp, t;

	vcpu_set_entry(v, guest_late);
	bsp = vcpu_thread_done(v);
	while (!*running)
		usleep(100);
	ap = vcpu_new(self->vm, 1, guest_waits);
	vcpu_set_mp_state(ap, KVM_MP_STATE_RUNNABLE);
	t = vcpu_start(ap);
	pthread_join(bsp, NULL);
	vcpu_stop(ap, t);
}

/* ---- ids of 32 bits -------------------------------------------------------------------------- */

#define WIDE_ID	300

TEST_F(irqchip_together, wide_ids)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X2APIC_API, .args = { 3 },
	};
	struct kvm_msi msi = {
		.address_hi = WIDE_ID & ~0xffu,
		.address_lo = 0xfee00000 | (WIDE_ID & 0xff) << 12, .data = 0x77,
	};
	struct kvm_lapic_state s;
	struct kvm_sregs sregs;
	struct vm *vm;
	int fd;

	vm = vm_new_bare(variant->kind);
	ASSERT_EQ(0, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	ASSERT_EQ(0, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)WIDE_ID);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, KVM_SET_CPUID2, kvm_supported_cpuid()));
	ASSERT_EQ(0, ioctl(fd, KVM_GET_SREGS, &sregs));
	sregs.apic_base |= 3 << 10;
	ASSERT_EQ(0, ioctl(fd, KVM_SET_SREGS, &sregs));
	ASSERT_EQ(0, ioctl(fd, KVM_GET_LAPIC, &s));
	ASSERT_EQ(WIDE_ID, lapic_state_reg(&s, APIC_ID));
	lapic_state_set(&s, APIC_SPIV, 0x1ff);
	ASSERT_EQ(0, ioctl(fd, KVM_SET_LAPIC, &s));
	ASSERT_EQ(1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	ASSERT_EQ(0, ioctl(fd, KVM_GET_LAPIC, &s));
	ASSERT_EQ(1 << 23, lapic_state_reg(&s, APIC_IRR + 0x30));
	/* nobody's */
	msi.address_hi += 0x100;
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	/* bits that must be zero then */
	msi.address_hi |= 1;
	ASSERT_EQ(-1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	ASSERT_EQ(EINVAL, errno);
	close(fd);
	vm_free(vm);
}

TEST_HARNESS_MAIN
