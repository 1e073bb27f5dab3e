// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the CPU does of a LAPIC's work: each assist on and off, with the same
 * result, and with the exits that it is there to save.
 *
 * testhost: --cpus 2
 */
#include "irq.h"

/* ---- with what ---------------------------------------------------------------- */

enum { TPR, ACCESS, X2APIC, APICV, POSTED, NR_PARAMS };

static const char *const param_name[NR_PARAMS] = {
	"tpr_shadow", "apic_access", "x2apic_virt", "enable_apicv",
	"posted_interrupts",
};

/* What there was when the test began: what the CPU has and nobody turned off */
static bool param_there[NR_PARAMS];
static char param_old[NR_PARAMS][KVM_PARAM_MAX];

static void set_params(unsigned int on)
{
	for (unsigned int i = 0; i < NR_PARAMS; i++)
		require(kvm_param(param_name[i], on & 1 << i ? "Y" : "N", NULL));
}

static void restore_params(void)
{
	for (unsigned int i = 0; i < NR_PARAMS; i++)
		if (param_old[i][0])
			kvm_param(param_name[i], param_old[i], NULL);
}

static bool has(unsigned int on, unsigned int param)
{
	return on & 1 << param && param_there[param] && param_there[TPR];
}

/* Each assist, with what it needs */
static const unsigned int settings[] = {
	0,
	1 << TPR,
	1 << TPR | 1 << ACCESS,
	1 << TPR | 1 << X2APIC,
	1 << TPR | 1 << ACCESS | 1 << X2APIC,
	1 << TPR | 1 << ACCESS | 1 << APICV,
	1 << TPR | 1 << X2APIC | 1 << APICV,
	1 << TPR | 1 << ACCESS | 1 << X2APIC | 1 << APICV,
	(1 << NR_PARAMS) - 1,
};

FIXTURE(irqchip_assist) {
	int unused;
};

KIND_VARIANTS(irqchip_assist)

FIXTURE_SETUP(irqchip_assist)
{
	for (unsigned int i = 0; i < NR_PARAMS; i++) {
		if (!kvm_param(param_name[i], "Y", param_old[i]))
			skip_test("no parameter to turn it off");
		param_there[i] = param_old[i][0] == 'Y';
	}
}

FIXTURE_TEARDOWN(irqchip_assist)
{
	restore_params();
	EXPECT_EQ(0, kvm_audit());
}

/* ---- one CPU ------------------------------------------------------------------ */

static void irq_nested_xapic(struct guest_regs *r)
{
	irq_record(r);
	if (r->vector == 0x55) {
		GUEST_ASSERT_EQ(xapic_read(APIC_ISR + 0x20), 1 << 21);
		GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0x50);
		xapic_write(APIC_ICR, ICR_SELF | 0x5a);	/* same class: waits */
		xapic_write(APIC_ICR, ICR_SELF | 0x66);	/* higher: now */
		irq_window();
		GUEST_ASSERT_EQ(irq_hits[0x66], 1);
		GUEST_ASSERT_EQ(irq_hits[0x5a], 0);
	}
	xapic_write(APIC_EOI, 0);
}

static void guest_xapic(void)
{
	unsigned int i;

	xapic_on();
	irq_handler(0x30, 0xfe, irq_nested_xapic);
	GUEST_ASSERT_EQ(xapic_read(APIC_ID), 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVR) & 0xff, 0x14);
	xapic_write(APIC_LDR, 0x12345678);
	GUEST_ASSERT_EQ(xapic_read(APIC_LDR), 0x12000000);
	xapic_write(APIC_DFR, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_DFR), 0x0fffffff);
	xapic_write(APIC_DFR, ~0u);
	xapic_write(APIC_ICR2, 0x87654321);
	GUEST_ASSERT_EQ(xapic_read(APIC_ICR2), 0x87000000);
	xapic_write(APIC_LVTPC, ~0u);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTPC), 0x107ff);
	xapic_write(APIC_TDCR, ~0u);
	GUEST_ASSERT_EQ(xapic_read(APIC_TDCR), 0xb);
	GUEST_ASSERT_EQ(xapic_read(APIC_EOI), 0);
	/* an instruction that is no plain move */
	xapic_write(APIC_TPR, 0x40);
	GUEST_ASSERT_EQ(read_cr8(), 4);
	asm volatile("addl $0x10, (%0)" : : "r"(APIC_BASE + APIC_TPR) : "memory");
	GUEST_ASSERT_EQ(read_cr8(), 5);

	/* the TPR holds back, by each of its ways */
	for (i = 0; i < 4; i++) {
		xapic_write(APIC_TPR, 0x80);
		xapic_write(APIC_ICR, ICR_SELF | 0x71);
		irq_window();
		GUEST_ASSERT_EQ(irq_nr, i);
		GUEST_ASSERT_EQ(xapic_read(APIC_IRR + 0x30), 1 << 17);
		asm volatile("sti; nop");
		if (i & 1)
			write_cr8(6);
		else
			xapic_write(APIC_TPR, 0x6f);
		asm volatile("nop; cli");
		GUEST_ASSERT_EQ(irq_nr, i + 1);
		GUEST_ASSERT_EQ(xapic_read(APIC_ISR + 0x30), 0);
	}
	write_cr8(0);
	xapic_write(APIC_ICR, ICR_SELF | 0x55);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x5a], 1);
	GUEST_ASSERT_EQ(irq_order[irq_nr - 1], 0x5a);

	/* disabled by software: it waits, and every LVT is masked */
	xapic_write(APIC_LVTPC, 0x40);
	xapic_write(APIC_ICR, ICR_SELF | 0x77);
	xapic_write(APIC_SPIV, 0xff);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x77], 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTPC), LVT_MASKED | 0x40);
	xapic_write(APIC_SPIV, 0x1ff);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x77], 1);

	/* an illegal vector is an error, which a write of ESR shows */
	xapic_write(APIC_ICR, ICR_SELF | 3);
	xapic_write(APIC_ESR, 0x55);
	GUEST_ASSERT_EQ(xapic_read(APIC_ESR), 1 << 5);
	GUEST_DONE();
}

static void guest_x2apic(void)
{
	unsigned int i;

	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	for (i = 0; i < 4; i++) {
		x2apic_write(APIC_TPR, 0x80);
		GUEST_ASSERT_EQ(read_cr8(), 8);
		x2apic_write(i & 1 ? APIC_SELF_IPI : APIC_ICR,
			     0x71 | (i & 1 ? 0 : ICR_SELF));
		irq_window();
		GUEST_ASSERT_EQ(irq_nr, i);
		GUEST_ASSERT_EQ(x2apic_read(APIC_IRR + 0x30), 1 << 17);
		x2apic_write(APIC_TPR, 0x50);
		irq_window();
		GUEST_ASSERT_EQ(irq_nr, i + 1);
		GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x30), 0);
		GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0x50);
	}
	GUEST_DONE();
}

static struct vm *assist_vm(unsigned int kind, unsigned int setting)
{
	set_params(setting);
	return irq_vm_new(kind);
}

TEST_F(irqchip_assist, registers)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i++) {
		for (int x2apic = 0; x2apic < 2; x2apic++) {
			struct vm *vm = assist_vm(variant->kind, settings[i]);

			TH_LOG("setting %#x, %s", settings[i],
			       x2apic ? "x2APIC" : "xAPIC");
			expect_done(vcpu_new(vm, 0, x2apic ? guest_x2apic :
							     guest_xapic));
			EXPECT_EQ(0, kvm_audit());
			vm_free(vm);
		}
	}
}

/* ---- what does not exit any more ------------------------------------------------ */

#define ROUNDS	100

static void guest_tpr_cr8(void)
{
	GUEST_SYNC(1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		write_cr8(i & 15);
		GUEST_ASSERT_EQ(read_cr8(), i & 15);
	}
	GUEST_DONE();
}

static void guest_tpr_page(void)
{
	xapic_on();
	xapic_read(APIC_TPR);
	GUEST_SYNC(1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		xapic_write(APIC_TPR, i & 0xff);
		GUEST_ASSERT_EQ(xapic_read(APIC_TPR), i & 0xff);
	}
	GUEST_DONE();
}

static void guest_tpr_msr(void)
{
	x2apic_on();
	GUEST_SYNC(1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		x2apic_write(APIC_TPR, i & 0xff);
		GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), i & 0xff);
	}
	GUEST_DONE();
}

static void guest_self_ipi(void)
{
	x2apic_on();
	irq_handler(0x71, 0x71, irq_x2apic);
	asm volatile("sti");
	x2apic_write(APIC_SELF_IPI, 0x71);
	GUEST_SYNC(1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		x2apic_write(APIC_SELF_IPI, 0x71);
		asm volatile("nop");
		GUEST_ASSERT_EQ(irq_hits[0x71], i + 2);
	}
	GUEST_DONE();
}

/* Self-IPI by an APIC-write exit; the EOI without */
static void guest_eoi_page(void)
{
	xapic_on();
	irq_handler(0x71, 0x71, irq_xapic);
	asm volatile("sti");
	xapic_write(APIC_ICR, ICR_SELF | 0x71);
	GUEST_SYNC(1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		xapic_write(APIC_ICR2, 0);
		xapic_write(APIC_ICR, ICR_SELF | 0x71);
		asm volatile("nop");
		GUEST_ASSERT_EQ(irq_hits[0x71], i + 2);
	}
	GUEST_DONE();
}

/* Exits of a kind from GUEST_SYNC(1) to GUEST_DONE() */
static int64_t count_exits(unsigned int kind, unsigned int setting, void *fn,
			   const char *name)
{
	struct vm *vm = assist_vm(kind, setting);
	struct vcpu *vcpu = vcpu_new(vm, 0, fn);
	int64_t n;

	expect_sync(vcpu, 1);
	n = stat_read(vcpu->fd, name);
	require(n >= 0);
	expect_done(vcpu);
	n = stat_read(vcpu->fd, name) - n;
	vm_free(vm);
	return n;
}

#define ALL	((1 << NR_PARAMS) - 1)

TEST_F(irqchip_assist, exits)
{
	unsigned int kind = variant->kind;

	EXPECT_LE(2 * ROUNDS, count_exits(kind, 0, guest_tpr_cr8, "exits_cr_access"));
	if (has(ALL, TPR))
		EXPECT_EQ(0, count_exits(kind, 1 << TPR, guest_tpr_cr8,
					 "exits_cr_access"));
	EXPECT_LE(2 * ROUNDS, count_exits(kind, 1 << TPR, guest_tpr_page,
					  "insn_emulated"));
	if (has(ALL, ACCESS)) {
		EXPECT_EQ(0, count_exits(kind, 1 << TPR | 1 << ACCESS,
					 guest_tpr_page, "insn_emulated"));
		EXPECT_EQ(0, count_exits(kind, 1 << TPR | 1 << ACCESS,
					 guest_tpr_page, "exits_apic_access"));
	}
	EXPECT_LE(ROUNDS, count_exits(kind, 1 << TPR, guest_tpr_msr, "exits_msr_write"));
	if (has(ALL, X2APIC)) {
		EXPECT_EQ(0, count_exits(kind, 1 << TPR | 1 << X2APIC,
					 guest_tpr_msr, "exits_msr_write"));
		EXPECT_EQ(0, count_exits(kind, 1 << TPR | 1 << X2APIC,
					 guest_tpr_msr, "exits_msr_read"));
	}
	EXPECT_LE(2 * ROUNDS, count_exits(kind, 0, guest_self_ipi, "exits_msr_write"));
	if (!has(ALL, APICV))
		return;
	if (has(ALL, X2APIC))
		EXPECT_EQ(0, count_exits(kind, ALL, guest_self_ipi, "exits_msr_write"));
	if (has(ALL, ACCESS)) {
		EXPECT_EQ(0, count_exits(kind, ALL, guest_eoi_page,
					 "exits_apic_access"));
		EXPECT_EQ(0, count_exits(kind, ALL, guest_eoi_page,
					 "insn_emulated"));
		EXPECT_EQ(0, count_exits(kind, ALL, guest_eoi_page,
					 "exits_eoi_induced"));
	}
}

/* ---- the page goes when the LAPIC does -------------------------------------------- */

static volatile u32 page_reads[4];

static void guest_moves(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	xapic_on();
	xapic_write(APIC_TPR, 0x50);
	GUEST_ASSERT_EQ(read_cr8(), 5);
	/* elsewhere: the old place is nobody's */
	wrmsr(MSR_APIC_BASE, (base & 0xfff) | 0xfee10000);
	GUEST_ASSERT_EQ(read32(0xfee10000 + APIC_TPR), 0x50);
	write32(0xfee10000 + APIC_TPR, 0x60);
	GUEST_ASSERT_EQ(read_cr8(), 6);
	GUEST_SYNC(1);
	page_reads[0] = xapic_read(APIC_TPR);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(read_cr8(), 6);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(read_cr8(), 6);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x60);
	xapic_write(APIC_TPR, 0x70);
	GUEST_ASSERT_EQ(read_cr8(), 7);
	/* x2APIC: the page answers no more */
	x2apic_on();
	x2apic_write(APIC_TPR, 0x30);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), ~0u);
	xapic_write(APIC_TPR, 0x20);
	GUEST_ASSERT_EQ(x2apic_read(APIC_TPR), 0x30);
	GUEST_ASSERT_EQ(read_cr8(), 3);
	/* and back through off */
	wrmsr(MSR_APIC_BASE, base & ~(1ull << 11));
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), ~0u);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0);
	xapic_write(APIC_TPR, 0x20);
	GUEST_ASSERT_EQ(read_cr8(), 2);
	GUEST_DONE();
}

TEST_F(irqchip_assist, moves)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i++) {
		struct vm *vm = assist_vm(variant->kind, settings[i]);
		struct vcpu *vcpu = vcpu_new(vm, 0, guest_moves);
		u32 *data;

		expect_sync(vcpu, 1);
		data = expect_mmio(vcpu, APIC_BASE + APIC_TPR, false, 4);
		*data = 0x12345678;
		expect_sync(vcpu, 2);
		EXPECT_EQ(0x12345678, *guest_var(vm, page_reads[0]));
		EXPECT_EQ(0, kvm_audit());
		expect_done(vcpu);
		EXPECT_EQ(0, kvm_audit());
		vm_free(vm);
	}
}

/* ---- the state for user space ------------------------------------------------------ */

static void irq_state(struct guest_regs *r)
{
	irq_record(r);
	if (r->vector == 0x55)
		GUEST_SYNC(2);
	x2apic_write(APIC_EOI, 0);
}

static void guest_state(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_state);
	x2apic_write(APIC_ICR, ICR_SELF | 0x4a);
	x2apic_write(APIC_ICR, ICR_SELF | 0x55);
	GUEST_SYNC(1);
	irq_window();
	GUEST_ASSERT_EQ(irq_nr, 4);
	GUEST_ASSERT_EQ(irq_order[0], 0x55);
	GUEST_ASSERT_EQ(irq_order[1], 0x5b);
	GUEST_ASSERT_EQ(irq_order[2], 0x4a);
	GUEST_ASSERT_EQ(irq_order[3], 0x49);
	GUEST_DONE();
}

static void copy_vcpu(struct vcpu *to, struct vcpu *from)
{
	struct kvm_lapic_state lapic = lapic_state(from);
	struct kvm_vcpu_events events = vcpu_events(from);
	struct kvm_sregs sregs = vcpu_sregs(from);
	struct kvm_regs regs = vcpu_regs(from);

	vcpu_set_sregs(to, &sregs);
	vcpu_set_regs(to, &regs);
	require(!ioctl(to->fd, KVM_SET_LAPIC, &lapic));
	vcpu_set_events(to, &events);
}

/* In service, pending, and posted while nobody runs: it all moves to another VM */
TEST_F_TIMEOUT(irqchip_assist, state, 120)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i++) {
		struct vm *vm = assist_vm(variant->kind, settings[i]), *vm2;
		struct vcpu *vcpu = vcpu_new(vm, 0, guest_state), *vcpu2;
		struct kvm_lapic_state s;

		expect_sync(vcpu, 1);
		s = lapic_state(vcpu);
		EXPECT_EQ(1 << 10, lapic_state_reg(&s, APIC_IRR + 0x20) & 0xffff);
		EXPECT_EQ(1 << 21, lapic_state_reg(&s, APIC_IRR + 0x20) & ~0xffff);
		EXPECT_EQ(1, msi_send(vm, APIC_BASE, 0x49));
		s = lapic_state(vcpu);
		EXPECT_EQ(3 << 9, lapic_state_reg(&s, APIC_IRR + 0x20) & 0xffff);
		expect_sync(vcpu, 2);
		EXPECT_EQ(1, msi_send(vm, APIC_BASE, 0x5b));
		s = lapic_state(vcpu);
		EXPECT_EQ(1 << 21, lapic_state_reg(&s, APIC_ISR + 0x20));
		EXPECT_EQ(0x50, lapic_state_reg(&s, APIC_PPR));
		EXPECT_EQ(1 << 27 | 3 << 9, lapic_state_reg(&s, APIC_IRR + 0x20));

		vcpu_complete_exit(vcpu);
		/* the new one has other assists */
		vm2 = assist_vm(variant->kind,
				settings[(i + 3) % ARRAY_SIZE(settings)]);
		vcpu2 = vcpu_new(vm2, 0, guest_state);
		for (unsigned int m = 0; m < vm->nr_mem; m++)
			memcpy(vm2->mem[m].hva, vm->mem[m].hva, vm->mem[m].size);
		copy_vcpu(vcpu2, vcpu);
		expect_done(vcpu2);
		expect_done(vcpu);
		vm_free(vm2);
		vm_free(vm);
	}
}

/* ---- two CPUs ------------------------------------------------------------------- */

static volatile u32 ready, hits, stop_now;

static void irq_hit(struct guest_regs *r)
{
	hits++;
	x2apic_write(APIC_EOI, 0);
}

static void guest_target(void)
{
	x2apic_on();
	irq_handler(0x61, 0x61, irq_hit);
	ready = 1;
	asm volatile("sti");
	while (!stop_now)
		;
	asm volatile("cli");
	GUEST_RETURN(hits);
}

/* The same, but it sleeps until the next one */
static void guest_sleeper(void)
{
	x2apic_on();
	irq_handler(0x61, 0x61, irq_hit);
	ready = 1;
	while (!stop_now)
		irq_wait();
	GUEST_RETURN(hits);
}

static void guest_sender(u64 n)
{
	x2apic_on();
	while (!ready)
		cpu_pause();
	for (u32 i = 0; i < n; i++) {
		x2apic_write(APIC_ICR, 1ull << 32 | 0x61);
		while (hits == i)
			;
		GUEST_ASSERT_EQ(hits, i + 1);
	}
	stop_now = 1;
	x2apic_write(APIC_ICR, 1ull << 32 | 0x61);
	GUEST_DONE();
}

static void *run_pinned(void *arg)
{
	pin_to_cpu(1);
	expect_done(arg);
	return NULL;
}

static void pair_new(struct vm *vm, void *sender, void *target)
{
	vcpu_new(vm, 0, sender);
	vcpu_new(vm, 1, target);
	vcpu_set_mp_state(vm->vcpus[1], KVM_MP_STATE_RUNNABLE);
}

/* All exits but those that another CPU's or a device's interrupt may cause at any time */
static int64_t target_exits(struct vcpu *v)
{
	int64_t n = stat_read(v->fd, "entries") + stat_read(v->fd, "fast_exits");

	require(n >= 0);
	return n;
}

#define IPIS	400

/* Each IPI to a running CPU without an exit there: host ticks remain */
TEST_F(irqchip_assist, posted_ipi)
{
	unsigned int with[] = { ALL, ALL & ~(1 << POSTED) };
	int64_t exits[2];

	if (nr_cpus() < 2)
		skip_test("one processor");
	for (unsigned int i = 0; i < ARRAY_SIZE(with); i++) {
		struct vm *vm = assist_vm(variant->kind, with[i]);
		pthread_t t;

		pair_new(vm, guest_sender, guest_target);
		vcpu_args(vm->vcpus[0], 1, (u64)IPIS);
		pin_to_cpu(0);
		t = vcpu_thread(vm->vcpus[1], run_pinned);
		expect_done(vm->vcpus[0]);
		pthread_join(t, NULL);
		exits[i] = target_exits(vm->vcpus[1]);
		EXPECT_LE(IPIS, *guest_var(vm, hits));
		vm_free(vm);
	}
	TH_LOG("%d IPIs: %lld exits, without posted interrupts %lld", IPIS,
	       (long long)exits[0], (long long)exits[1]);
	EXPECT_LE(IPIS, exits[1]);
	if (has(ALL, POSTED) && has(ALL, APICV))
		EXPECT_GT(IPIS / 2, exits[0]);
}

/* From an irqfd, by a thread that is no vCPU's */
TEST_F(irqchip_assist, posted_irqfd)
{
	struct kvm_irq_routing_entry e = route_msi(5, APIC_BASE | 1 << 12, 0x61);
	struct kvm_irqfd arg = { .gsi = 5 };
	struct vm *vm;
	pthread_t t;
	int64_t exits;
	u64 one = 1;

	if (nr_cpus() < 2)
		skip_test("one processor");
	vm = assist_vm(variant->kind, ALL);
	pair_new(vm, guest_sender, guest_target);
	require(!set_routing(vm, 1, &e));
	arg.fd = eventfd(0, 0);
	require(!ioctl(vm->fd, KVM_IRQFD, &arg));
	pin_to_cpu(0);
	t = vcpu_thread(vm->vcpus[1], run_pinned);
	while (!*guest_var(vm, ready))
		sched_yield();
	for (u32 i = 0; i < IPIS; i++) {
		require(write(arg.fd, &one, sizeof(one)) == sizeof(one));
		while (*guest_var(vm, hits) == i)
			sched_yield();
	}
	*guest_var(vm, stop_now) = 1;
	pthread_join(t, NULL);
	exits = target_exits(vm->vcpus[1]);
	TH_LOG("%d by irqfd: %lld exits", IPIS, (long long)exits);
	if (has(ALL, POSTED) && has(ALL, APICV))
		EXPECT_GT(IPIS / 2, exits);
	close(arg.fd);
	vm_free(vm);
}

static volatile bool moving;

static void *move_about(void *arg)
{
	pthread_t *t = arg;
	cpu_set_t set;

	for (unsigned int i = 0; moving; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		pthread_setaffinity_np(*t, sizeof(set), &set);
		usleep(500);
	}
	return NULL;
}

/* No IPI is lost, whether the target runs, sleeps, or is between two CPUs */
TEST_F(irqchip_assist, migration)
{
	if (nr_cpus() < 2)
		skip_test("one processor");
	for (unsigned int i = 0; i < ARRAY_SIZE(settings); i += 4) {
		for (int sleeps = 0; sleeps < 2; sleeps++) {
			struct vm *vm = assist_vm(variant->kind, settings[i]);
			pthread_t t, mover;

			pair_new(vm, guest_sender,
				 sleeps ? guest_sleeper : guest_target);
			vcpu_args(vm->vcpus[0], 1, (u64)IPIS);
			t = vcpu_thread_done(vm->vcpus[1]);
			moving = true;
			require(!pthread_create(&mover, NULL, move_about, &t));
			expect_done(vm->vcpus[0]);
			pthread_join(t, NULL);
			moving = false;
			pthread_join(mover, NULL);
			EXPECT_LE(IPIS, *guest_var(vm, hits));
			vm_free(vm);
		}
	}
}

TEST_HARNESS_MAIN
