// SPDX-License-Identifier: GPL-2.0-only
/* MSRs, from user space and from the guest */
#include "kvmtest.h"

GUEST_SUITE(x86_msr)

#define MSR_MCG_CAP		0x179
#define MSR_MCG_STATUS		0x17a
#define MSR_MC0_STATUS		0x401
#define MSR_MC0_ADDR		0x402
#define MSR_MTRR_PHYSBASE0	0x200
#define MSR_MTRR_PHYSMASK0	0x201
#define MSR_MTRR_FIX64K		0x250
#define MSR_MTRR_DEFTYPE	0x2ff
#define NOWHERE			0x0123abcd

/* ---- lists ------------------------------------------------------------------------ */

static struct kvm_msr_list *msr_list(unsigned long req)
{
	struct kvm_msr_list *l;
	int fd = kvm_open();

	l = calloc(1, sizeof(*l) + 1024 * sizeof(l->indices[0]));
	require(l);
	require(ioctl(fd, req, l) && errno == E2BIG);
	require(l->nmsrs && l->nmsrs <= 1024);
	require(!ioctl(fd, req, l));
	close(fd);
	return l;
}

/* Every listed MSR can be read, and takes what was read */
TEST_F(x86_msr, listed)
{
	struct kvm_msr_list *l = msr_list(KVM_GET_MSR_INDEX_LIST);

	for (unsigned int i = 0; i < l->nmsrs; i++) {
		u32 msr = l->indices[i];
		u64 value;

		/* special registers have it; KVM_X86_SETUP_MCE's */
		EXPECT_NE(MSR_EFER, msr);
		EXPECT_NE(MSR_MCG_CAP, msr);

		/* machine-check banks and others of the in-tree KVM need set-up */
		if (!on_our_module() && msr != MSR_STAR && msr != MSR_TSC &&
		    msr != MSR_PAT)
			continue;
		value = vcpu_get_msr(self->vcpu, msr);
		EXPECT_EQ(1, vcpu_set_msr(self->vcpu, msr, value)) {
			TH_LOG("MSR %#x, value %#llx", msr, (long long)value);
		}
	}
	free(l);
}

TEST(feature_msrs)
{
	struct kvm_msr_list *l = msr_list(KVM_GET_MSR_FEATURE_INDEX_LIST);
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[2];
	} m = { };
	int fd = kvm_open();

	ASSERT_GT(l->nmsrs, 0);
	for (unsigned int i = 0; i < l->nmsrs; i++) {
		m.head.nmsrs = 1;
		m.e[0].index = l->indices[i];
		EXPECT_EQ(1, ioctl(fd, KVM_GET_MSRS, &m));
	}
	/* the number that could be read, up to the first that cannot */
	m.head.nmsrs = 2;
	m.e[0].index = NOWHERE;
	m.e[1].index = l->indices[0];
	EXPECT_NE(2, ioctl(fd, KVM_GET_MSRS, &m));
	close(fd);
	free(l);
}

/* ---- KVM_GET_MSRS, KVM_SET_MSRS -------------------------------------------------------- */

TEST_F(x86_msr, transfer)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[3];
	} m = {
		.head.nmsrs = 3,
		.e[0] = { .index = MSR_STAR, .data = 0x1234 },
		.e[1] = { .index = NOWHERE, .data = 1 },
		.e[2] = { .index = MSR_LSTAR, .data = 0x5678 },
	};
	struct kvm_msrs many = { .nmsrs = 100000 };
	int fd = self->vcpu->fd;

	/* stops at the MSR that is not there: one done */
	EXPECT_EQ(1, ioctl(fd, KVM_SET_MSRS, &m));
	EXPECT_EQ(0x1234, vcpu_get_msr(self->vcpu, MSR_STAR));
	EXPECT_EQ(0, vcpu_get_msr(self->vcpu, MSR_LSTAR));
	EXPECT_EQ(1, ioctl(fd, KVM_GET_MSRS, &m));
	EXPECT_EQ(-1, ioctl(fd, KVM_GET_MSRS, &many));
	EXPECT_EQ(E2BIG, errno);
	EXPECT_EQ(-1, ioctl(fd, KVM_SET_MSRS, NULL));
	EXPECT_EQ(EFAULT, errno);
	m.head.nmsrs = 0;
	EXPECT_EQ(0, ioctl(fd, KVM_SET_MSRS, &m));
}

static const struct {
	u32 msr;
	u64 good, bad;	/* bad: 0 where there is none */
} values[] = {
	{ MSR_SYSENTER_CS, 0x10, 0 },
	{ MSR_SYSENTER_ESP, 0xffff800012345678, 0 },
	{ MSR_SYSENTER_EIP, 0x7fff00000000, 0 },
	{ MSR_STAR, 0x0123456789abcdef, 0 },
	{ MSR_LSTAR, 0xffffffff81000000, 0x1234000000000000 },
	{ MSR_CSTAR, 0xffffffff81000040, 0x8000000000000000 },
	{ MSR_SFMASK, 0x47700, 0 },
	{ MSR_KERNEL_GS_BASE, 0xffff888000001000, 0x0000900000000000 },
	{ MSR_FS_BASE, 0x7f0012345000, 0x4000000000000000 },
	{ MSR_TSC_AUX, 0x42, 0x100000000 },
	{ MSR_PAT, 0x0007040600070406, 0x0007040600070402 },
	{ MSR_PAT, 0x0606060606060606, 0x0806060606060606 },
	{ MSR_MTRR_DEFTYPE, 0xc06, 0x1006 },
	{ MSR_MTRR_DEFTYPE, 0x806, 0x802 },
	{ MSR_MTRR_FIX64K, 0x0606060606060606, 0x0606060306060606 },
	{ MSR_MTRR_PHYSBASE0, 0x80000006, 0x80000003 },
	{ MSR_MTRR_PHYSMASK0, 0xf80000800, 0xf80000001 },
	{ MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NX, 1ull << 20 },
	{ MSR_MISC_ENABLE, 0x1801, 0 },
	/* as other CPUs have it: thermal control, prefetchers, ... */
	{ MSR_MISC_ENABLE, 0x1809, 0 },
	{ MSR_MISC_ENABLE, 0x4000850089, 0 },
	{ MSR_TSC_ADJUST, 0x123456789, 0 },
};

TEST_F(x86_msr, values)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		u32 msr = values[i].msr;

		EXPECT_EQ(1, vcpu_set_msr(self->vcpu, msr, values[i].good)) {
			TH_LOG("MSR %#x", msr);
		}
		EXPECT_EQ(values[i].good, vcpu_get_msr(self->vcpu, msr)) {
			TH_LOG("MSR %#x", msr);
		}
		if (!values[i].bad)
			continue;
		EXPECT_EQ(0, vcpu_set_msr(self->vcpu, msr, values[i].bad)) {
			TH_LOG("MSR %#x", msr);
		}
		EXPECT_EQ(values[i].good, vcpu_get_msr(self->vcpu, msr)) {
			TH_LOG("MSR %#x", msr);
		}
	}
}

/* ---- from the guest --------------------------------------------------------------- */

static void guest_values(void)
{
	static const struct {
		u32 msr;
		u64 good, bad;
	} g[] = {
		{ MSR_LSTAR, 0xffffffff81000000, 0x1234000000000000 },
		{ MSR_KERNEL_GS_BASE, 0xffff888000001000, 0x0000900000000000 },
		{ MSR_FS_BASE, 0x7f0012345000, 0x4000000000000000 },
		{ MSR_SYSENTER_EIP, 0xffffffff81000000, 0x1234000000000000 },
		{ MSR_PAT, 0x0007040600070406, 0x0007040600070402 },
		{ MSR_MTRR_DEFTYPE, 0xc06, 0x1006 },
		{ MSR_MTRR_PHYSBASE0, 0x80000006, 0x80000003 },
	};

	for (u64 i = 0; i < ARRAY_SIZE(g); i++) {
		GUEST_ASSERT_EQ(try_wrmsr(g[i].msr, g[i].good),
				GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(rdmsr(g[i].msr), g[i].good);
		GUEST_ASSERT_EQ(try_wrmsr(g[i].msr, g[i].bad), VEC_GP);
		GUEST_ASSERT_EQ(guest_cpu()->error, 0);
		GUEST_ASSERT_EQ(rdmsr(g[i].msr), g[i].good);
	}
	GUEST_ASSERT_EQ(try_wrmsr(MSR_MISC_ENABLE, 0x1809), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(rdmsr(MSR_MISC_ENABLE), 0x1809);
	/* LBR: nothing is recorded, and the flag says so */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_DEBUGCTL, 1), GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(rdmsr(MSR_DEBUGCTL), 0);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_DEBUGCTL, 1ull << 32), VEC_GP);
	GUEST_ASSERT_EQ(try_rdmsr(NOWHERE), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(NOWHERE, 0), VEC_GP);
	/* read-only */
	GUEST_ASSERT_EQ(try_wrmsr(0xfe, 0), VEC_GP);	/* MTRRcap */
	/* LME cannot change while paging; unknown bits */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_LME), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1 << 20), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MSR_EFER, rdmsr(MSR_EFER) ^ EFER_SCE),
			GUEST_NO_EXCEPTION);
	GUEST_DONE();
}

TEST_F(x86_msr, guest_values)
{
	vcpu_set_msr(self->vcpu, MSR_MISC_ENABLE, 0x1801);
	vcpu_set_entry(self->vcpu, guest_values);
	expect_done(self->vcpu);
	EXPECT_EQ(1, vcpu_set_msr(self->vcpu, MSR_DEBUGCTL, 1));
	EXPECT_EQ(0, vcpu_get_msr(self->vcpu, MSR_DEBUGCTL));
}

/* What is known of the host can be given to a vCPU */
TEST_F(x86_msr, features_of_vcpu)
{
	struct kvm_msr_list *l = msr_list(KVM_GET_MSR_FEATURE_INDEX_LIST);

	for (unsigned int i = 0; i < l->nmsrs; i++) {
		u32 msr = l->indices[i];

		/* those of VMX and AMD's are the in-tree KVM's alone */
		if (!on_our_module() && msr != MSR_PERF_CAPABILITIES)
			continue;
		EXPECT_EQ(1, vcpu_set_msr(self->vcpu, msr,
					  vcpu_get_msr(self->vcpu, msr))) {
			TH_LOG("MSR %#x", msr);
		}
	}
	free(l);
}

/* The guest's and user space's views are one */
static void guest_sees(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_LSTAR), 0xffffffff81000000);
	GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0xffff888000001000);
	wrmsr(MSR_LSTAR, 0xffffffff82000000);
	wrmsr(MSR_KERNEL_GS_BASE, 0xffff888000002000);
	wrmsr(MSR_TSC_AUX, 7);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0xffff888000003000);
	GUEST_DONE();
}

TEST_F(x86_msr, both_views)
{
	struct vcpu *v = self->vcpu;

	if (!GUEST_HAS_RDTSCP())
		skip_test("no TSC_AUX");
	vcpu_set_msr(v, MSR_LSTAR, 0xffffffff81000000);
	vcpu_set_msr(v, MSR_KERNEL_GS_BASE, 0xffff888000001000);
	vcpu_set_entry(v, guest_sees);
	expect_sync(v, 1);
	EXPECT_EQ(0xffffffff82000000, vcpu_get_msr(v, MSR_LSTAR));
	EXPECT_EQ(0xffff888000002000, vcpu_get_msr(v, MSR_KERNEL_GS_BASE));
	EXPECT_EQ(7, vcpu_get_msr(v, MSR_TSC_AUX));
	vcpu_set_msr(v, MSR_KERNEL_GS_BASE, 0xffff888000003000);
	expect_done(v);
}

/* ---- time-stamp counter --------------------------------------------------------- */

#define SECOND_UP(x)	((x) + (1ull << 30))

static void guest_tsc(void)
{
	u64 before, after, adj;

	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 0);
	before = rdtsc();
	/* a write to one shows in the other (SDM 3B 18.17.3) */
	wrmsr(MSR_TSC, SECOND_UP(before));
	adj = rdmsr(MSR_TSC_ADJUST);
	after = rdtsc();
	GUEST_ASSERT_CMP(adj, <=, 1ull << 30);
	GUEST_ASSERT_CMP(adj, >, (1ull << 30) - 100000000);
	GUEST_ASSERT_CMP(after, >=, SECOND_UP(before));
	wrmsr(MSR_TSC_ADJUST, adj + (1ull << 40));
	GUEST_ASSERT_CMP(rdtsc(), >=, after + (1ull << 40));
	wrmsr(MSR_TSC_ADJUST, 0);
	GUEST_ASSERT_CMP(rdtsc(), <, SECOND_UP(before));
	GUEST_SYNC(1);
	/* user space set the TSC: TSC_ADJUST has nothing to do with it */
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 0);
	GUEST_ASSERT_CMP(rdtsc(), >=, 1ull << 50);
	GUEST_SYNC(2);
	/* user space set TSC_ADJUST: the TSC stays */
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_ADJUST), 1ull << 51);
	GUEST_ASSERT_CMP(rdtsc(), <, 1ull << 51);
	GUEST_DONE();
}

TEST_F(x86_msr, tsc_adjust)
{
	vcpu_set_entry(self->vcpu, guest_tsc);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(1, vcpu_set_msr(self->vcpu, MSR_TSC, 1ull << 50));
	expect_sync(self->vcpu, 2);
	ASSERT_EQ(1, vcpu_set_msr(self->vcpu, MSR_TSC_ADJUST, 1ull << 51));
	expect_done(self->vcpu);
}

/* vCPUs whose TSCs are set alike, a moment apart, are in step */
TEST_F(x86_msr, tsc_in_step)
{
	struct vcpu *b = vcpu_new(self->vm, 1, guest_tsc);
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
	};
	u64 off[2];

	for (int i = 0; i < 2; i++) {
		attr.addr = (u64)&off[i];
		if (ioctl(i ? b->fd : self->vcpu->fd, KVM_GET_DEVICE_ATTR, &attr))
			skip_test("no KVM_VCPU_TSC_CTRL");
	}
	EXPECT_EQ(off[0], off[1]);
	ASSERT_EQ(1, vcpu_set_msr(self->vcpu, MSR_TSC, 1ull << 40));
	ASSERT_EQ(1, vcpu_set_msr(b, MSR_TSC, 1ull << 40));
	for (int i = 0; i < 2; i++) {
		attr.addr = (u64)&off[i];
		require(!ioctl(i ? b->fd : self->vcpu->fd, KVM_GET_DEVICE_ATTR,
			       &attr));
	}
	EXPECT_EQ(off[0], off[1]);
}

/* ---- machine checks ----------------------------------------------------------------- */

static volatile u64 machine_checks;

static void on_mc(struct guest_regs *regs)
{
	machine_checks++;
	GUEST_ASSERT_EQ(rdmsr(MSR_MCG_STATUS), 5);
	GUEST_ASSERT_EQ(rdmsr(MSR_MC0_STATUS + 4), 1ull << 63 | 1ull << 61 | 0x35);
	GUEST_ASSERT_EQ(rdmsr(MSR_MC0_ADDR + 4), 0xdead000);
	/* the bank is cleared by writing zero, and only zero */
	GUEST_ASSERT_EQ(try_wrmsr(MSR_MC0_STATUS + 4, 0), GUEST_NO_EXCEPTION);
	wrmsr(MSR_MCG_STATUS, 0);
}

static void guest_mce(void)
{
	guest_handlers[18] = on_mc;
	write_cr4(read_cr4() | 1 << 6);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(machine_checks, 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_MC0_STATUS + 4), 0);
	write_cr4(read_cr4() & ~(1ull << 6));
	GUEST_SYNC(2);
	GUEST_DONE();
}

TEST_F(x86_msr, machine_check)
{
	struct kvm_x86_mce mce = {
		.status = 1ull << 63 | 1ull << 61 | 0x35, .addr = 0xdead000,
		.mcg_status = 5, .bank = 1,
	};
	struct vcpu *v = self->vcpu;
	u64 cap = 0, bad;
	int fd = kvm_open();

	ASSERT_EQ(0, ioctl(fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap));
	close(fd);
	bad = cap & ~0xffull;
	EXPECT_EQ(-1, ioctl(v->fd, KVM_X86_SETUP_MCE, &bad));
	EXPECT_EQ(EINVAL, errno);
	bad = cap | 1ull << 40 | 10;
	EXPECT_EQ(-1, ioctl(v->fd, KVM_X86_SETUP_MCE, &bad));
	cap = (cap & ~0xffull) | 10;
	ASSERT_EQ(0, ioctl(v->fd, KVM_X86_SETUP_MCE, &cap));
	EXPECT_EQ(cap, vcpu_get_msr(v, MSR_MCG_CAP));

	vcpu_set_entry(v, guest_mce);
	expect_sync(v, 1);
	mce.bank = 10;
	EXPECT_EQ(-1, ioctl(v->fd, KVM_X86_SET_MCE, &mce));
	EXPECT_EQ(EINVAL, errno);
	mce.bank = 1;
	ASSERT_EQ(0, ioctl(v->fd, KVM_X86_SET_MCE, &mce));
	expect_sync(v, 2);
	/* CR4.MCE is off: the machine shuts down */
	ASSERT_EQ(0, ioctl(v->fd, KVM_X86_SET_MCE, &mce));
	expect_exit(v, KVM_EXIT_SHUTDOWN);
}

/* ---- errors that CMCI tells of ------------------------------------------------- */

#define MC_CTL2(bank)	(0x280u + (bank))
#define CMCI_EN		(1ull << 30)
#define CMCI_VECTOR	0x42

static volatile u64 cmcis;

static void on_cmci(struct guest_regs *r)
{
	cmcis++;
	wrmsr(0x80b, 0);	/* EOI */
}

static void guest_cmci(void)
{
	guest_handlers[CMCI_VECTOR] = on_cmci;
	wrmsr(0x1b, rdmsr(0x1b) | 3 << 10);
	wrmsr(0x80f, 0x1ff);
	GUEST_ASSERT_EQ(rdmsr(0x803) >> 16 & 0xff, 6);
	GUEST_ASSERT_EQ(rdmsr(0x82f), 1 << 16);
	wrmsr(0x82f, CMCI_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MC_CTL2(1)), 0);
	wrmsr(MC_CTL2(1), CMCI_EN | 1);
	GUEST_ASSERT_EQ(rdmsr(MC_CTL2(1)), CMCI_EN | 1);
	GUEST_ASSERT_EQ(try_wrmsr(MC_CTL2(1), 1ull << 31), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MC_CTL2(10), 0), VEC_GP);
	asm volatile("sti");
	GUEST_SYNC(1);		/* bank 1 */
	GUEST_ASSERT_EQ(cmcis, 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_MC0_ADDR + 4), 0xbeef000);
	GUEST_SYNC(2);		/* bank 2, which does not tell */
	GUEST_ASSERT_EQ(cmcis, 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_MC0_ADDR + 8), 0xbeef000);
	GUEST_DONE();
}

static void guest_no_cmci(void)
{
	GUEST_ASSERT_EQ(try_wrmsr(MC_CTL2(0), CMCI_EN), VEC_GP);
	GUEST_ASSERT_EQ(try_wrmsr(MC_CTL2(0), 0), VEC_GP);
	GUEST_DONE();
}

TEST_F(x86_msr, cmci)
{
	/* uncorrected, no action required */
	struct kvm_x86_mce mce = {
		.status = 1ull << 63 | 1ull << 61 | 0x35, .addr = 0xbeef000,
		.bank = 1,
	};
	struct vm *vm = vm_new(variant->kind);
	u64 cap = 1 << 10 | 1 << 8 | 10;
	struct vcpu *v;

	vcpu_set_entry(self->vcpu, guest_no_cmci);
	expect_done(self->vcpu);
	ASSERT_EQ(0, ioctl(vm->fd, KVM_CREATE_IRQCHIP));
	v = vcpu_new(vm, 0, guest_cmci);
	ASSERT_EQ(0, ioctl(v->fd, KVM_X86_SETUP_MCE, &cap));
	expect_sync(v, 1);
	ASSERT_EQ(0, ioctl(v->fd, KVM_X86_SET_MCE, &mce));
	expect_sync(v, 2);
	mce.bank = 2;
	ASSERT_EQ(0, ioctl(v->fd, KVM_X86_SET_MCE, &mce));
	expect_done(v);
	vm_free(vm);
}

TEST_HARNESS_MAIN
