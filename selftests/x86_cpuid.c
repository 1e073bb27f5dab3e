// SPDX-License-Identifier: GPL-2.0-only
/* What guests are told by CPUID, and what executing it gives them */
#include "kvmtest.h"

GUEST_SUITE(x86_cpuid)

#define MAX	256

static struct kvm_cpuid2 *cpuid_alloc(unsigned int n)
{
	struct kvm_cpuid2 *c;

	c = calloc(1, sizeof(*c) + n * sizeof(c->entries[0]));
	require(c);
	c->nent = n;
	return c;
}

static struct kvm_cpuid2 *cpuid_of(struct vcpu *v)
{
	static const struct kvm_cpuid_entry2 none;
	struct kvm_cpuid2 *c = cpuid_alloc(MAX);

	require(!ioctl(v->fd, KVM_GET_CPUID2, c));
	/* Linux 6.1 does not say how many it gave */
	while (c->nent && !memcmp(&c->entries[c->nent - 1], &none, sizeof(none)))
		c->nent--;
	return c;
}

static int set_cpuid(struct vcpu *v, struct kvm_cpuid2 *c)
{
	return ioctl(v->fd, KVM_SET_CPUID2, c) ? errno : 0;
}

/* ---- lists ---------------------------------------------------------------------- */

TEST(supported_list)
{
	struct kvm_cpuid2 *c = cpuid_alloc(1);
	struct kvm_cpuid_entry2 *a, *b;
	unsigned int i, j;
	int fd = kvm_open();

	ASSERT_EQ(-1, ioctl(fd, KVM_GET_SUPPORTED_CPUID, c));
	ASSERT_EQ(E2BIG, errno);
	free(c);
	ASSERT_EQ(-1, ioctl(fd, KVM_GET_SUPPORTED_CPUID, NULL));
	ASSERT_EQ(EFAULT, errno);
	c = cpuid_alloc(MAX);
	ASSERT_EQ(0, ioctl(fd, KVM_GET_SUPPORTED_CPUID, c));
	ASSERT_GT(c->nent, 10);
	ASSERT_LT(c->nent, MAX);
	for (i = 0; i < c->nent; i++) {
		a = &c->entries[i];
		for (j = i + 1; j < c->nent; j++) {
			b = &c->entries[j];
			EXPECT_FALSE(a->function == b->function &&
				     a->index == b->index);
		}
		EXPECT_EQ(0, a->padding[0] | a->padding[1] | a->padding[2]);
	}
	close(fd);
	free(c);
}

/* Nothing is offered that does not work */
TEST(honest)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	struct kvm_cpuid_entry2 *e;

	if (!on_our_module())
		skip_test("says what our module offers");
	e = cpuid_entry(c, 1, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, e->ecx & (1 << 5 | 1 << 6));	/* VMX, SMX */
	EXPECT_EQ(0, e->ecx & (1 << 15 | 1 << 2));	/* PDCM, DTES64 */
	EXPECT_NE(0, e->ecx & (1u << 31));		/* hypervisor */
	EXPECT_EQ(0, e->edx & (1 << 21 | 1 << 22));	/* DS, ACPI */
	e = cpuid_entry(c, 7, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, e->ebx & (1 << 2 | 1 << 14 | 1 << 25)); /* SGX, MPX, PT */
	e = cpuid_entry(c, 0xa, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, e->eax & 0xff);			/* PMU version */
	e = cpuid_entry(c, 6, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(4, e->eax);				/* ARAT */
	e = cpuid_entry(c, 0x40000000, 0);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(0, memcmp(&e->ebx, "KVMKVMKVM\0\0\0", 12));
	EXPECT_EQ(0x40000001, e->eax);
}

TEST(emulated_list)
{
	struct kvm_cpuid2 *c = cpuid_alloc(MAX);
	int fd = kvm_open();

	ASSERT_EQ(0, ioctl(fd, KVM_GET_EMULATED_CPUID, c));
	ASSERT_LT(c->nent, MAX);
	close(fd);
	free(c);
}

/* ---- KVM_SET_CPUID2, KVM_GET_CPUID2 ------------------------------------------------- */

TEST_F(x86_cpuid, set_bad)
{
	struct kvm_cpuid2 *c = cpuid_alloc(MAX + 1), *old, *now;
	struct kvm_cpuid_entry2 *e;

	old = cpuid_of(self->vcpu);
	EXPECT_EQ(E2BIG, set_cpuid(self->vcpu, c));
	EXPECT_EQ(EFAULT, set_cpuid(self->vcpu, NULL));
	memcpy(c, old, sizeof(*c) + old->nent * sizeof(c->entries[0]));
	/* linear addresses have 48 or 57 bits */
	e = cpuid_entry(c, 0x80000008, 0);
	ASSERT_NE(NULL, e);
	e->eax = (e->eax & 0xffff00ff) | 47 << 8;
	EXPECT_EQ(EINVAL, set_cpuid(self->vcpu, c));
	now = cpuid_of(self->vcpu);
	EXPECT_EQ(old->nent, now->nent);
	EXPECT_EQ(0, memcmp(old->entries, now->entries,
			    old->nent * sizeof(old->entries[0])));
	free(c);
	free(old);
	free(now);
}

TEST_F(x86_cpuid, get_too_small)
{
	struct kvm_cpuid2 *c = cpuid_alloc(1), *all = cpuid_of(self->vcpu);

	ASSERT_EQ(-1, ioctl(self->vcpu->fd, KVM_GET_CPUID2, c));
	ASSERT_EQ(E2BIG, errno);
	ASSERT_EQ(1, c->nent);
	free(c);
	free(all);
}

static void guest_nothing(void)
{
	GUEST_SYNC(1);
	GUEST_DONE();
}

/* A CPU that has run stays the CPU that it is */
TEST_F(x86_cpuid, after_run)
{
	struct kvm_cpuid2 *c;
	struct kvm_cpuid_entry2 *e;

	vcpu_set_entry(self->vcpu, guest_nothing);
	expect_sync(self->vcpu, 1);
	c = cpuid_of(self->vcpu);
	EXPECT_EQ(0, set_cpuid(self->vcpu, c));
	e = cpuid_entry(c, 1, 0);
	e->eax ^= 0x10;
	EXPECT_EQ(EINVAL, set_cpuid(self->vcpu, c));
	expect_done(self->vcpu);
	free(c);
}

/* ---- execution ------------------------------------------------------------------ */

static struct {
	u32 leaf, sub, a, b, c, d;
} want[MAX];
static u64 nr_want;

static void guest_all_leaves(void)
{
	for (u64 i = 0; i < nr_want; i++) {
		struct cpuid_regs r = cpuid(want[i].leaf, want[i].sub);

		if (r.eax != want[i].a || r.ebx != want[i].b ||
		    r.ecx != want[i].c || r.edx != want[i].d)
			GUEST_PRINT("leaf %lx.%lx differs\n", want[i].leaf,
				    want[i].sub, 0);
		GUEST_ASSERT_EQ(r.eax, want[i].a);
		GUEST_ASSERT_EQ(r.ebx, want[i].b);
		GUEST_ASSERT_EQ(r.ecx, want[i].c);
		GUEST_ASSERT_EQ(r.edx, want[i].d);
	}
	GUEST_DONE();
}

static void want_all(struct kvm_cpuid2 *c)
{
	nr_want = c->nent;
	for (unsigned int i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		want[i].leaf = e->function;
		want[i].sub = e->index;
		want[i].a = e->eax;
		want[i].b = e->ebx;
		want[i].c = e->ecx;
		want[i].d = e->edx;
	}
}

TEST_F(x86_cpuid, all_leaves)
{
	struct kvm_cpuid2 *c = cpuid_of(self->vcpu);

	want_all(c);
	sync_to_guest(self->vm, want);
	sync_to_guest(self->vm, nr_want);
	vcpu_set_entry(self->vcpu, guest_all_leaves);
	expect_done(self->vcpu);
	free(c);
}

/* The order of the entries is user space's business */
TEST_F(x86_cpuid, any_order)
{
	struct kvm_cpuid2 *c = cpuid_of(self->vcpu), *now;
	unsigned int i;

	for (i = 0; i < c->nent / 2; i++) {
		struct kvm_cpuid_entry2 e = c->entries[i];

		c->entries[i] = c->entries[c->nent - 1 - i];
		c->entries[c->nent - 1 - i] = e;
	}
	ASSERT_EQ(0, set_cpuid(self->vcpu, c));
	now = cpuid_of(self->vcpu);
	ASSERT_EQ(c->nent, now->nent);
	ASSERT_EQ(0, memcmp(c->entries, now->entries,
			    c->nent * sizeof(c->entries[0])));
	want_all(c);
	sync_to_guest(self->vm, want);
	sync_to_guest(self->vm, nr_want);
	vcpu_set_entry(self->vcpu, guest_all_leaves);
	expect_done(self->vcpu);
	free(c);
	free(now);
}

static void guest_out_of_range(void)
{
	u32 max = cpuid(0, 0).eax;
	struct cpuid_regs last = cpuid(max, 0), r;
	static const u32 beyond[] = {
		0x20, 0x100, 0x3fffffff, 0x40000200, 0x80000020, 0x90000000,
		0xffffffff,
	};

	for (u64 i = 0; i < ARRAY_SIZE(beyond); i++) {
		r = cpuid(beyond[i], 0);
		GUEST_ASSERT_EQ(r.eax, last.eax);
		GUEST_ASSERT_EQ(r.ebx, last.ebx);
		GUEST_ASSERT_EQ(r.ecx, last.ecx);
		GUEST_ASSERT_EQ(r.edx, last.edx);
	}
	/* sub-leaves that are not there are zero */
	r = cpuid(7, 0x1234);
	GUEST_ASSERT_EQ(r.eax | r.ebx | r.ecx | r.edx, 0);
	GUEST_DONE();
}

/* SDM 2A, CPUID: the highest basic leaf answers for those that do not exist */
TEST_F(x86_cpuid, out_of_range)
{
	vcpu_set_entry(self->vcpu, guest_out_of_range);
	expect_done(self->vcpu);
}

static void xsetbv(u64 value)
{
	asm volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"(value >> 32));
}

static void guest_runtime(void)
{
	u64 cr4 = read_cr4();

	GUEST_ASSERT(!(cpuid(1, 0).ecx & 1 << 27));
	write_cr4(cr4 | X86_CR4_OSXSAVE);
	GUEST_ASSERT(cpuid(1, 0).ecx & 1 << 27);
	/* size of the area for what XCR0 has on: SDM 1 13.2 */
	xsetbv(1);
	GUEST_ASSERT_EQ(cpuid(0xd, 0).ebx, 576);
	xsetbv(3);
	GUEST_ASSERT_EQ(cpuid(0xd, 0).ebx, 576);
	if (cpuid(0xd, 0).eax & 4) {
		u32 size = cpuid(0xd, 2).eax, off = cpuid(0xd, 2).ebx;

		xsetbv(7);
		GUEST_ASSERT_EQ(cpuid(0xd, 0).ebx, off + size);
		if (cpuid(0xd, 1).eax & 2)
			GUEST_ASSERT_EQ(cpuid(0xd, 1).ebx, 576 + size);
		xsetbv(3);
		GUEST_ASSERT_EQ(cpuid(0xd, 0).ebx, 576);
	}
	write_cr4(cr4);
	GUEST_ASSERT(!(cpuid(1, 0).ecx & 1 << 27));
	GUEST_DONE();
}

/* Bits that follow CR4 and XCR0 */
TEST_F(x86_cpuid, runtime_bits)
{
	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	vcpu_set_entry(self->vcpu, guest_runtime);
	expect_done(self->vcpu);
}

/* A feature that user space takes away is gone */
static void guest_without(void)
{
	u64 cr4 = read_cr4();

	asm volatile(TRY("mov %0, %%cr4") : : "r"(cr4 | X86_CR4_SMEP));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("mov %0, %%cr4") : : "r"(cr4 | X86_CR4_OSXSAVE));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("xsetbv") : : "c"(0), "a"(1), "d"(0));
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	GUEST_ASSERT(!(cpuid(7, 0).ebx & 1 << 7));
	GUEST_DONE();
}

TEST_F(x86_cpuid, features_taken_away)
{
	struct kvm_cpuid2 *c = cpuid_of(self->vcpu);

	cpuid_entry(c, 7, 0)->ebx &= ~(1 << 7);
	cpuid_entry(c, 1, 0)->ecx &= ~(1 << 26);
	ASSERT_EQ(0, set_cpuid(self->vcpu, c));
	vcpu_set_entry(self->vcpu, guest_without);
	expect_done(self->vcpu);
	free(c);
}

/* Paravirtual features that need an APIC in the kernel: not without it */
TEST_F(x86_cpuid, pv_of_lapic)
{
	const u32 leaf = 0x40000001, of_lapic = 1 << 4 | 1 << 6 | 1 << 7 |
						1 << 11 | 1 << 14;
	struct kvm_cpuid2 *c = kvm_supported_cpuid(), *now;
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *vcpu;

	if (!on_our_module())
		skip_test("the in-tree KVM passes them on");
	EXPECT_EQ(of_lapic, cpuid_entry(c, leaf, 0)->eax & of_lapic);
	ASSERT_EQ(0, set_cpuid(self->vcpu, c));
	now = cpuid_of(self->vcpu);
	EXPECT_EQ(0, cpuid_entry(now, leaf, 0)->eax & of_lapic);
	EXPECT_NE(0, cpuid_entry(now, leaf, 0)->eax);
	free(now);

	ASSERT_EQ(0, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vcpu = vcpu_new(vm, 0, NULL);
	ASSERT_EQ(0, set_cpuid(vcpu, c));
	now = cpuid_of(vcpu);
	EXPECT_EQ(of_lapic, cpuid_entry(now, leaf, 0)->eax & of_lapic);
	free(now);
	free(c);
	vm_free(vm);
}

TEST_HARNESS_MAIN
