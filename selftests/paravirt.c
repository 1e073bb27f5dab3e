// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls, PV EOI, TLB flushes of preempted vCPUs, and their MSRs. */
#include "smp.h"

IRQ_SUITE(paravirt)

#define PV_FEATURES	0x40000001
#define F_PV_EOI	6
#define F_PV_UNHALT	7
#define F_TLB_FLUSH	9
#define F_SEND_IPI	11
#define F_POLL_CONTROL	12
#define F_MAP_GPA	16
#define F_MIGRATION	17

#define MSR_STEAL	0x4b564d03
#define MSR_PV_EOI	0x4b564d04
#define MSR_POLL	0x4b564d05
#define MSR_MIGRATION	0x4b564d08

#define HC_KICK_CPU	5
#define HC_CLOCK	9
#define HC_SEND_IPI	10
#define HC_YIELD	11
#define HC_MAP_GPA	12

#define R_EFAULT	(-14l)
#define R_EINVAL	(-22l)
#define R_EOPNOTSUPP	(-95l)
#define R_ENOSYS	(-1000l)

static long hypercall(long nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	long r;

	asm volatile("vmcall" : "=a"(r) : "a"(nr), "b"(a0), "c"(a1), "d"(a2),
		     "S"(a3) : "memory");
	return r;
}

/* CPUID with the features added and taken away */
static void set_features(struct vcpu *v, u32 set, u32 clear)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_entry(c, PV_FEATURES, 0);

	require(e);
	e->eax = (e->eax & ~clear) | set;
	require(!ioctl(v->fd, KVM_SET_CPUID2, c));
	free(c);
}

TEST(features)
{
	struct kvm_cpuid_entry2 *e;
	struct kvm_cpuid2 *c = kvm_supported_cpuid();

	e = cpuid_entry(c, PV_FEATURES, 0);
	ASSERT_NE(NULL, e);
	EXPECT_TRUE(e->eax & 1 << F_PV_EOI);
	EXPECT_TRUE(e->eax & 1 << F_PV_UNHALT);
	EXPECT_TRUE(e->eax & 1 << F_SEND_IPI);
	EXPECT_TRUE(e->eax & 1 << F_POLL_CONTROL);
	/* these are user space's to offer */
	EXPECT_FALSE(e->eax & (1 << F_MAP_GPA | 1 << F_MIGRATION));
	free(c);
}

/* ---- MSRs --------------------------------------------------------------------- */

static void guest_msrs(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_POLL), 1);
	wrmsr(MSR_POLL, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_POLL), 0);
	asm volatile(TRY("wrmsr") : : "c"(MSR_POLL), "a"(2), "d"(0));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("wrmsr") : : "c"(MSR_PV_EOI), "a"(G_DATA | 3), "d"(0));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	wrmsr(MSR_PV_EOI, G_DATA | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), G_DATA | 1);
	wrmsr(MSR_PV_EOI, 0);
	GUEST_DONE();
}

static void guest_no_msrs(void)
{
	asm volatile(TRY("rdmsr") : : "c"(MSR_POLL) : "rax", "rdx");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("rdmsr") : : "c"(MSR_PV_EOI) : "rax", "rdx");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("rdmsr") : : "c"(MSR_MIGRATION) : "rax", "rdx");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	GUEST_ASSERT_EQ(hypercall(HC_KICK_CPU, 0, 0, 0, 0), R_ENOSYS);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 1, 0, 0, 0x40), R_ENOSYS);
	GUEST_ASSERT_EQ(hypercall(HC_YIELD, 0, 0, 0, 0), R_ENOSYS);
	GUEST_DONE();
}

static void guest_migration(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_MIGRATION), 1);
	wrmsr(MSR_MIGRATION, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_MIGRATION), 0);
	asm volatile(TRY("wrmsr") : : "c"(MSR_MIGRATION), "a"(2), "d"(0));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	GUEST_DONE();
}

static void enforce(struct vcpu *v)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};

	require(!ioctl(v->fd, KVM_ENABLE_CAP, &cap));
}

TEST_F(paravirt, msrs)
{
	vcpu_set_entry(self->vcpu, guest_msrs);
	expect_done(self->vcpu);
}

/* What the CPUID does not name is not there */
TEST_F(paravirt, enforced)
{
	enforce(self->vcpu);
	set_features(self->vcpu, 0, ~0u);
	vcpu_set_entry(self->vcpu, guest_no_msrs);
	expect_done(self->vcpu);
}

static void guest_unhalt(void)
{
	GUEST_RETURN(cpuid(0x40000001, 0).eax >> F_PV_UNHALT & 1);
}

/* Nothing ends a HLT that made no exit, so nobody is promised that it would */
TEST_F(paravirt, unhalt_and_disabled_exits)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS,
		.args = { KVM_X86_DISABLE_EXITS_HLT },
	};
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *v;

	vcpu_set_entry(self->vcpu, guest_unhalt);
	ASSERT_EQ(1, expect_done(self->vcpu));
	require(!ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	v = vcpu_new(vm, 0, guest_unhalt);
	ASSERT_EQ(0, expect_done(v));
	vm_free(vm);
}

static void guest_unnamed(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_POLL), 1);
	wrmsr(MSR_PV_EOI, G_DATA | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_PV_EOI), G_DATA | 1);
	wrmsr(MSR_PV_EOI, 0);
	GUEST_ASSERT_EQ(hypercall(HC_KICK_CPU, 0, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(HC_YIELD, 0, 0, 0, 0), 0);
	GUEST_DONE();
}

/* ... if user space insists on it, and is there otherwise */
TEST_F(paravirt, not_enforced)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .flags = 1,
	};

	ASSERT_EQ(-1, ioctl(self->vcpu->fd, KVM_ENABLE_CAP, &cap));
	ASSERT_EQ(EINVAL, errno);
	set_features(self->vcpu, 0, ~0u);
	vcpu_set_entry(self->vcpu, guest_unnamed);
	expect_done(self->vcpu);
}

TEST_F(paravirt, migration_control)
{
	if (!on_our_module())
		skip_test("the in-tree KVM wants an MSR filter for it");
	set_features(self->vcpu, 1 << F_MIGRATION, 0);
	vcpu_set_entry(self->vcpu, guest_migration);
	expect_done(self->vcpu);
}

/* ---- KVM_HC_CLOCK_PAIRING -------------------------------------------------------- */

static volatile struct {
	int64_t sec, nsec;
	u64 tsc;
	u32 flags, pad[9];
} pairs[2];

static void guest_clock(u64 bad)
{
	u64 before;
	long r;

	GUEST_ASSERT_EQ(hypercall(HC_CLOCK, (u64)&pairs[0], 1, 0, 0),
			R_EOPNOTSUPP);
	before = rdtsc();
	r = hypercall(HC_CLOCK, (u64)&pairs[0], 0, 0, 0);
	if (r == R_EOPNOTSUPP) {
		GUEST_SYNC(1);
		GUEST_DONE();
	}
	GUEST_ASSERT_EQ(r, 0);
	GUEST_ASSERT(pairs[0].tsc >= before && pairs[0].tsc <= rdtsc());
	GUEST_ASSERT(pairs[0].nsec >= 0 && pairs[0].nsec < 1000000000);
	GUEST_ASSERT_EQ(hypercall(HC_CLOCK, (u64)&pairs[1], 0, 0, 0), 0);
	GUEST_ASSERT(pairs[1].tsc > pairs[0].tsc);
	GUEST_ASSERT_EQ(hypercall(HC_CLOCK, bad, 0, 0, 0), R_EFAULT);
	GUEST_ASSERT_EQ(hypercall(HC_CLOCK, ~0ull, 0, 0, 0), R_EFAULT);
	GUEST_SYNC_ARGS(2, pairs[0].sec, pairs[1].sec, 0, 0);
	GUEST_DONE();
}

TEST_F(paravirt, clock_pairing)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_clock);
	vcpu_args(v, 1, 0xf00000000000ull);
	vcpu_run(v);
	if (v->uc[0] == 1)
		skip_test("the host's clock is not the TSC");
	ASSERT_EQ(2, v->uc[0]);
	EXPECT_LE(v->uc[1], (u64)time(NULL));
	EXPECT_GE(v->uc[2] + 100, (u64)time(NULL));
	expect_done(v);
}

/* ---- KVM_HC_MAP_GPA_RANGE ---------------------------------------------------------- */

static void guest_map(u64 beyond)
{
	GUEST_ASSERT_EQ(hypercall(HC_MAP_GPA, 0x1000, 1, 0x10, 0), R_ENOSYS);
	GUEST_SYNC(1);
	GUEST_SYNC_ARGS(2, hypercall(HC_MAP_GPA, 0x12345000, 0x678, 0x11, 0), 0,
			0, 0);
	GUEST_ASSERT_EQ(hypercall(HC_MAP_GPA, 0x1001, 1, 0x10, 0), R_EINVAL);
	GUEST_ASSERT_EQ(hypercall(HC_MAP_GPA, 0x1000, 0, 0x10, 0), R_EINVAL);
	if (beyond) {
		GUEST_ASSERT_EQ(hypercall(HC_MAP_GPA, ~0xfffull, 2, 0x10, 0),
				R_EINVAL);
		GUEST_ASSERT_EQ(hypercall(HC_MAP_GPA, 0x1000, ~0ull, 0x10, 0),
				R_EINVAL);
	}
	GUEST_DONE();
}

static void map_gpa_range(struct vm *vm, struct vcpu *v)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_HYPERCALL, .args = { 1 << HC_KICK_CPU },
	};

	require(vm_check(vm, KVM_CAP_EXIT_HYPERCALL) == 1 << HC_MAP_GPA);
	require(ioctl(vm->fd, KVM_ENABLE_CAP, &cap) == -1);
	require(errno == EINVAL);
	set_features(v, 1 << F_MAP_GPA, 0);
	vcpu_set_entry(v, guest_map);
	/* the in-tree KVM lets these through */
	vcpu_args(v, 1, (u64)on_our_module());
	expect_sync(v, 1);
	cap.args[0] = 1 << HC_MAP_GPA;
	require(!ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	expect_exit(v, KVM_EXIT_HYPERCALL);
	require(v->run->hypercall.nr == HC_MAP_GPA);
	require(v->run->hypercall.args[0] == 0x12345000);
	require(v->run->hypercall.args[1] == 0x678);
	require(v->run->hypercall.args[2] == 0x11);
	require(v->run->hypercall.longmode == 1);
	v->run->hypercall.ret = 77;
	expect_sync(v, 2);
	require(v->uc[1] == 77);
	expect_done(v);
}

TEST_F(paravirt, map_gpa_range)
{
	map_gpa_range(self->vm, self->vcpu);
}

/* The same, where the emulator executes VMCALL */
TEST_F(paravirt, map_gpa_range_emulated)
{
	char old[KVM_PARAM_MAX];
	struct vm *vm;

	if (!kvm_param("force_emulation", "1", old))
		skip_test("the emulator cannot be forced");
	vm = irq_vm_new(variant->kind);
	kvm_param("force_emulation", old, NULL);
	map_gpa_range(vm, vcpu_new(vm, 0, NULL));
	vm_free(vm);
}

/* ---- KVM_HC_SEND_IPI, KVM_HC_KICK_CPU ------------------------------------------------ */

static volatile u32 woke[NCPUS];

/* Sleeps with interrupts off: nothing but a kick (or NMI) ends it */
static void guest_sleeper(void)
{
	unsigned int id;

	x2apic_on();
	id = x2apic_read(APIC_ID);
	for (;;) {
		here[id]++;
		asm volatile("hlt");
		woke[id]++;
	}
}

static void guest_send(void)
{
	guest_bsp();
	/* 1 and 3, and ids that nobody has */
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 0xfa, 0xf, 0, 0x40), 2);
	wait_for(&got[1][0x40], 1);
	wait_for(&got[3][0x40], 1);
	GUEST_ASSERT_EQ(got[2][0x40], 0);
	/* the bitmap's first bit is id 2 */
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 3, 0, 2, 0x41), 2);
	wait_for(&got[2][0x41], 1);
	wait_for(&got[3][0x41], 1);
	/* NMIs, to oneself too */
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 5, 0, 0, DM_NMI), 2);
	wait_for(&got[0][VEC_NMI], 1);
	wait_for(&got[2][VEC_NMI], 1);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 0, 0, 0, 0x40), 0);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, ~0ull, ~0ull, 0xffffffff, 0x40), 0);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 2, 0, 0, ICR_LOGICAL | 0x40),
			R_EINVAL);
	GUEST_ASSERT_EQ(hypercall(HC_SEND_IPI, 2, 0, 0, ICR_OTHERS | 0x40),
			R_EINVAL);
	GUEST_ASSERT_EQ(got[1][0x40], 1);
	GUEST_ASSERT_EQ(got[1][0x41], 0);
	GUEST_DONE();
}

static void guest_kick(void)
{
	unsigned int i;

	x2apic_on();
	for (i = 1; i <= 20; i++) {
		wait_for(&here[1], i);
		/* it sleeps, or is about to */
		GUEST_ASSERT_EQ(hypercall(HC_KICK_CPU, 0, 1, 0, 0), 0);
		wait_for(&woke[1], i);
	}
	GUEST_ASSERT_EQ(hypercall(HC_YIELD, 1, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(HC_YIELD, 1000, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(HC_KICK_CPU, 0, 1000, 0, 0), 0);
	GUEST_DONE();
}

static void run_smp(struct vm *vm, struct vcpu *bsp, void *fn, void *ap,
		    unsigned int n)
{
	pthread_t t[NCPUS];
	struct vcpu *v;
	unsigned int i;

	vcpu_set_entry(bsp, fn);
	for (i = 1; i < n; i++) {
		v = vcpu_new(vm, i, ap);
		vcpu_set_mp_state(v, KVM_MP_STATE_RUNNABLE);
		t[i] = vcpu_start(v);
	}
	expect_done(bsp);
	for (i = 1; i < n; i++)
		vcpu_stop(vm->vcpus[i], t[i]);
}

TEST_F(paravirt, send_ipi)
{
	run_smp(self->vm, self->vcpu, guest_send, guest_ap, NCPUS);
}

TEST_F(paravirt, kick)
{
	run_smp(self->vm, self->vcpu, guest_kick, guest_sleeper, 2);
}

/* ---- PV EOI ---------------------------------------------------------------------------- */

static volatile u32 pv_eoi, spared, real;
static volatile u32 nest;

static void irq_pv_eoi(struct guest_regs *r)
{
	bool done;

	irq_record(r);
	if (r->vector == 0x70 && nest) {
		nest = 0;
		x2apic_write(APIC_SELF_IPI, 0x71);
		x2apic_write(APIC_SELF_IPI, 0x81);
	}
	if (r->vector == 0x72)
		GUEST_SYNC(20);
	asm volatile("btrl $0, %0" : "+m"(pv_eoi), "=@ccc"(done));
	if (done) {
		spared++;
	} else {
		real++;
		x2apic_write(APIC_EOI, 0);
	}
}

static void guest_pv_eoi(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_pv_eoi);
	wrmsr(MSR_PV_EOI, (u64)&pv_eoi | 1);

	/* one by one: none of them needs an EOI */
	GUEST_SYNC(1);
	irq_window();
	GUEST_SYNC(2);
	irq_window();
	GUEST_ASSERT_EQ(spared, 2);
	GUEST_ASSERT_EQ(real, 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x20), 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_PPR), 0);

	/* two that wait: there is something to do after the first one's */
	GUEST_SYNC(3);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(spared, 3);
	GUEST_ASSERT_EQ(real, 1);

	/* a level one of the IOAPIC */
	ioapic_rte(20, RTE_LEVEL | 0x60, 0);
	GUEST_SYNC(4);
	irq_window();
	GUEST_ASSERT_EQ(spared, 3);
	GUEST_ASSERT_EQ(real, 2);

	/* others that come in its handler; one of them is more urgent */
	nest = 1;
	GUEST_SYNC(5);
	irq_window();
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x70], 1);
	GUEST_ASSERT_EQ(irq_hits[0x71], 1);
	GUEST_ASSERT_EQ(irq_hits[0x81], 1);
	GUEST_ASSERT_EQ(pv_eoi, 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x30), 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x40), 0);

	/* user space looks while it is in service */
	GUEST_SYNC(6);
	irq_window();
	GUEST_ASSERT_EQ(irq_hits[0x72], 1);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ISR + 0x30), 0);
	/* and after it has been completed */
	GUEST_SYNC(7);
	irq_window();
	GUEST_SYNC(8);

	/* off: an EOI is needed again */
	spared = 0;
	wrmsr(MSR_PV_EOI, 0);
	GUEST_SYNC(9);
	irq_window();
	GUEST_ASSERT_EQ(spared, 0);
	GUEST_ASSERT_EQ(pv_eoi, 0);
	GUEST_DONE();
}

TEST_F(paravirt, pv_eoi)
{
	struct kvm_lapic_state s;
	char old[KVM_PARAM_MAX];
	struct vcpu *v;
	struct vm *vm;

	if (!on_our_module())
		skip_test("when it is offered differs");
	/* a CPU that delivers by itself spares the exit as well: no offers then */
	ASSERT_TRUE(kvm_param("enable_apicv", "N", old));
	vm = irq_vm_new(variant->kind);
	EXPECT_TRUE(kvm_param("enable_apicv", old, NULL));
	v = vcpu_new(vm, 0, guest_pv_eoi);
	expect_sync(v, 1);
	msi_send(vm, 0xfee00000, 0x50);
	expect_sync(v, 2);
	msi_send(vm, 0xfee00000, 0x50);
	expect_sync(v, 3);
	msi_send(vm, 0xfee00000, 0x50);
	msi_send(vm, 0xfee00000, 0x61);
	expect_sync(v, 4);
	irq_pulse(vm, 20);
	expect_sync(v, 5);
	msi_send(vm, 0xfee00000, 0x70);
	expect_sync(v, 6);

	msi_send(vm, 0xfee00000, 0x72);
	expect_sync(v, 20);
	ASSERT_EQ(1, *guest_var(vm, pv_eoi) & 1);
	s = lapic_state(v);
	ASSERT_EQ(1 << 18, lapic_state_reg(&s, APIC_ISR + 0x30));
	ASSERT_EQ(0, *guest_var(vm, pv_eoi));
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_LAPIC, &s));
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_PV_EOI, vcpu_get_msr(v, MSR_PV_EOI)));
	expect_sync(v, 7);
	msi_send(vm, 0xfee00000, 0x73);
	expect_sync(v, 8);
	s = lapic_state(v);
	ASSERT_EQ(0, lapic_state_reg(&s, APIC_ISR + 0x30));
	expect_sync(v, 9);
	msi_send(vm, 0xfee00000, 0x50);
	expect_done(v);
	vm_free(vm);
}

/* ---- steal time: preempted, and TLB flushes --------------------------------------------- */

static volatile struct {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
} steal __attribute__((aligned(64)));

static void guest_preempted(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	x2apic_write(APIC_LVTT, 0x44);
	x2apic_write(APIC_TDCR, 0xb);
	wrmsr(MSR_STEAL, (u64)&steal | 1);
	GUEST_ASSERT_EQ(steal.preempted, 0);
	/* what another CPU would ask for while this one does not run */
	steal.preempted = 3;
	x2apic_write(APIC_TMICT, 3000000);
	irq_wait();
	GUEST_ASSERT_EQ(irq_hits[0x44], 1);
	GUEST_ASSERT_EQ(steal.preempted, 0);
	GUEST_ASSERT_EQ(steal.version & 1, 0);
	GUEST_DONE();
}

TEST_F(paravirt, preempted)
{
	struct vcpu *v = self->vcpu;
	int fd = ioctl(v->fd, KVM_GET_STATS_FD, NULL);
	int64_t n;

	if (!guest_has(PV_FEATURES, 0, 'a', F_TLB_FLUSH))
		skip_test("no steal time");
	vcpu_set_entry(v, guest_preempted);
	expect_done(v);
	n = stat_read(fd, "pv_tlb_flushes");
	if (n >= 0)
		EXPECT_EQ(1, n);
	close(fd);
}

TEST_HARNESS_MAIN
