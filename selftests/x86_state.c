// SPDX-License-Identifier: GPL-2.0-only
/* Registers as user space gets and sets them */
#include "kvmtest.h"

GUEST_SUITE(x86_state)

#define VCPU_IOCTL_OK(req, arg)	\
	ASSERT_EQ(0, ioctl(self->vcpu->fd, req, arg))
#define VCPU_IOCTL_EINVAL(req, arg) do {				\
	EXPECT_EQ(-1, ioctl(self->vcpu->fd, req, arg));			\
	EXPECT_EQ(EINVAL, errno);					\
} while (0)

TEST_F(x86_state, regs)
{
	struct kvm_regs a = { }, b;
	u64 *p = (u64 *)&a;

	for (int i = 0; i < 16; i++)
		p[i] = 0x1111111111111111 * (u64)i + 1;
	a.rip = 0x12345678;
	a.rflags = 0x246;
	VCPU_IOCTL_OK(KVM_SET_REGS, &a);
	memset(&b, 0xff, sizeof(b));
	VCPU_IOCTL_OK(KVM_GET_REGS, &b);
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	/* the bit that is always one */
	a.rflags = 0;
	VCPU_IOCTL_OK(KVM_SET_REGS, &a);
	EXPECT_EQ(2, vcpu_regs(self->vcpu).rflags);
}

/* ---- special registers -------------------------------------------------------- */

static void set_segment(struct kvm_segment *s, u16 sel, u64 base)
{
	s->selector = sel;
	s->base = base;
}

TEST_F(x86_state, sregs)
{
	struct kvm_sregs a = vcpu_sregs(self->vcpu), b;

	set_segment(&a.fs, 0x10, 0x7f0012345678);
	set_segment(&a.gs, 0x10, 0xffff888000000000);
	a.idt.base = 0xfffffe0000000000;
	a.idt.limit = 0xfff;
	a.gdt.base = 0xfffffe0000001000;
	a.gdt.limit = 0x7f;
	a.cr2 = 0xffff800000001234;
	a.cr8 = 5;
	a.efer |= EFER_NX | EFER_SCE;
	VCPU_IOCTL_OK(KVM_SET_SREGS, &a);
	b = vcpu_sregs(self->vcpu);
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
}

/* What no CPU can be in is refused, and nothing has changed */
TEST_F(x86_state, sregs_invalid)
{
	struct kvm_sregs good = vcpu_sregs(self->vcpu), s, now;

#define REFUSED(change) do {						\
	s = good;							\
	s.cr2 = 0x1234;							\
	change;								\
	EXPECT_EQ(EINVAL, vcpu_set_sregs_err(self->vcpu, &s)) {		\
		TH_LOG("%s", #change);					\
	}								\
	now = vcpu_sregs(self->vcpu);					\
	EXPECT_EQ(0, memcmp(&good, &now, sizeof(now)));			\
} while (0)

	REFUSED(s.cr4 |= 1ull << 63);
	REFUSED(s.cr4 |= 1ull << 40);
	REFUSED(s.cr4 &= ~(u64)X86_CR4_PAE);		/* long mode without PAE */
	REFUSED(s.efer &= ~EFER_LMA);
	REFUSED(s.cr0 &= ~(u64)X86_CR0_PE);
	REFUSED(s.cr3 |= 1ull << 62);
	REFUSED(s.cr0 |= X86_CR0_NW);
	REFUSED(s.cr0 |= 1ull << 32);
	/* the rest the in-tree KVM takes, or takes and changes */
	if (!on_our_module())
		return;
	REFUSED(s.cr4 |= 1ull << 13);			/* VMXE: no VMX */
	REFUSED(s.efer |= 1ull << 30);
	REFUSED(s.cr8 = 16);
	REFUSED(s.cs.db = 1);
	REFUSED(s.apic_base |= 1ull << 62);
}

/* Until CPUID is set every CR4 bit of the host's is there */
TEST_F(x86_state, cr4_before_cpuid)
{
	struct vm *vm = vm_new_bare(variant->kind);
	struct kvm_sregs s;
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);

	require(fd >= 0);
	require(!ioctl(fd, KVM_GET_SREGS, &s));
	s.cr4 |= X86_CR4_PGE | X86_CR4_OSFXSR;
	if (GUEST_HAS_SMEP())
		s.cr4 |= X86_CR4_SMEP;
	if (GUEST_HAS_XSAVE())
		s.cr4 |= X86_CR4_OSXSAVE;
	EXPECT_EQ(0, ioctl(fd, KVM_SET_SREGS, &s));
	s.efer |= EFER_LME;
	EXPECT_EQ(0, ioctl(fd, KVM_SET_SREGS, &s));
	close(fd);
	vm_free(vm);
}

TEST_F(x86_state, sregs2)
{
	struct kvm_sregs2 a, b;

	if (!vm_check(self->vm, KVM_CAP_SREGS2))
		skip_test("no KVM_CAP_SREGS2");
	VCPU_IOCTL_OK(KVM_GET_SREGS2, &a);
	EXPECT_EQ(0, a.flags);		/* no PDPTEs in long mode */
	a.flags = 2;
	VCPU_IOCTL_EINVAL(KVM_SET_SREGS2, &a);
	a.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	VCPU_IOCTL_EINVAL(KVM_SET_SREGS2, &a);

	/* PAE paging, with PDPTEs that are nowhere in memory */
	vcpu_set_mode(self->vcpu, CPU_PROT32, NULL);
	VCPU_IOCTL_OK(KVM_GET_SREGS2, &a);
	a.cr0 |= X86_CR0_PG;
	a.cr4 |= X86_CR4_PAE;
	a.cr3 = G_DATA;
	a.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	for (int i = 0; i < 4; i++)
		a.pdptrs[i] = G_DATA + (i + 1) * 0x1000 + 1;
	VCPU_IOCTL_OK(KVM_SET_SREGS2, &a);
	VCPU_IOCTL_OK(KVM_GET_SREGS2, &b);
	EXPECT_EQ(KVM_SREGS2_FLAGS_PDPTRS_VALID, b.flags);
	EXPECT_EQ(0, memcmp(a.pdptrs, b.pdptrs, sizeof(a.pdptrs)));
}

/* ---- debug registers ---------------------------------------------------------------- */

TEST_F(x86_state, debugregs)
{
	struct kvm_debugregs a, b;

	VCPU_IOCTL_OK(KVM_GET_DEBUGREGS, &a);
	EXPECT_EQ(0xffff0ff0, a.dr6);
	EXPECT_EQ(0x400, a.dr7);
	for (int i = 0; i < 4; i++)
		a.db[i] = 0xffff800000001000 + i;
	a.dr6 |= 0x4001;
	a.dr7 |= 0x3;
	VCPU_IOCTL_OK(KVM_SET_DEBUGREGS, &a);
	VCPU_IOCTL_OK(KVM_GET_DEBUGREGS, &b);
	EXPECT_EQ(0, memcmp(a.db, b.db, sizeof(a.db)));
	EXPECT_EQ(a.dr6, b.dr6);
	EXPECT_EQ(a.dr7, b.dr7);
	a.dr7 |= 1ull << 32;
	VCPU_IOCTL_EINVAL(KVM_SET_DEBUGREGS, &a);
	a.dr7 = 0x400;
	a.dr6 |= 1ull << 40;
	VCPU_IOCTL_EINVAL(KVM_SET_DEBUGREGS, &a);
	a.dr6 = 0xffff0ff0;
	a.flags = 1;
	VCPU_IOCTL_EINVAL(KVM_SET_DEBUGREGS, &a);
	VCPU_IOCTL_OK(KVM_GET_DEBUGREGS, &a);
	EXPECT_EQ(b.dr7, a.dr7);
}

/* ---- FPU ---------------------------------------------------------------------------- */

TEST_F(x86_state, fpu)
{
	struct kvm_fpu a, b;

	VCPU_IOCTL_OK(KVM_GET_FPU, &a);
	/* a VMM may start the guest's code without a word about the FPU */
	EXPECT_EQ(0x37f, a.fcw);
	for (int i = 0; i < 8; i++)
		memset(a.fpr[i], i + 1, 10);
	for (int i = 0; i < 16; i++)
		memset(a.xmm[i], 0x40 + i, 16);
	a.fcw = 0x37f;
	a.fsw = 0x3800;
	VCPU_IOCTL_OK(KVM_SET_FPU, &a);
	VCPU_IOCTL_OK(KVM_GET_FPU, &b);
	EXPECT_EQ(0, memcmp(a.fpr, b.fpr, sizeof(a.fpr)));
	EXPECT_EQ(0, memcmp(a.xmm, b.xmm, sizeof(a.xmm)));
	EXPECT_EQ(a.fcw, b.fcw);
	EXPECT_EQ(a.fsw, b.fsw);
}

/* Clients leave the field out, and states of the in-tree KVM have 0 there */
TEST_F(x86_state, fpu_without_mxcsr)
{
	struct kvm_fpu f;
	u32 x[1024];

	VCPU_IOCTL_OK(KVM_GET_FPU, &f);
	f.mxcsr = 0;
	VCPU_IOCTL_OK(KVM_SET_FPU, &f);
	VCPU_IOCTL_OK(KVM_GET_XSAVE, x);
	EXPECT_EQ(0x1f80, x[6]);
	x[6] = 0x9f80;
	x[128] |= 3;
	VCPU_IOCTL_OK(KVM_SET_XSAVE, x);
	VCPU_IOCTL_OK(KVM_SET_FPU, &f);
	VCPU_IOCTL_OK(KVM_GET_XSAVE, x);
	EXPECT_EQ(0x9f80, x[6]);
}

static u8 xmm_out[16];

static void guest_xmm(void)
{
	asm volatile("movups %%xmm9, %0" : "=m"(xmm_out));
	asm volatile("movups %0, %%xmm3" : : "m"(xmm_out));
	GUEST_SYNC(1);
	GUEST_DONE();
}

/* What user space sets is what the guest has, and the other way round */
TEST_F(x86_state, fpu_in_guest)
{
	struct kvm_fpu f;
	u8 want[16];

	if (!on_our_module())
		skip_test("the in-tree KVM does not load what FPU sets");
	memset(want, 0x5a, sizeof(want));
	VCPU_IOCTL_OK(KVM_GET_FPU, &f);
	memcpy(f.xmm[9], want, sizeof(want));
	f.mxcsr = 0x1f80;
	VCPU_IOCTL_OK(KVM_SET_FPU, &f);
	vcpu_set_entry(self->vcpu, guest_xmm);
	expect_sync(self->vcpu, 1);
	sync_from_guest(self->vm, xmm_out);
	EXPECT_EQ(0, memcmp(want, xmm_out, sizeof(want)));
	VCPU_IOCTL_OK(KVM_GET_FPU, &f);
	EXPECT_EQ(0, memcmp(want, f.xmm[3], sizeof(want)));
	expect_done(self->vcpu);
}

TEST_F(x86_state, xsave)
{
	u8 a[4096] __attribute__((aligned(64)));
	u8 b[4096] __attribute__((aligned(64)));
	u64 *bv = (u64 *)(a + 512);

	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	memset(a, 0xff, sizeof(a));
	VCPU_IOCTL_OK(KVM_GET_XSAVE, a);
	memset(a + 160, 0x77, 16);	/* XMM0 */
	*bv |= 3;
	if (guest_has(0xd, 0, 'a', 2)) {
		*bv |= 4;
		memset(a + 576, 0x33, 256);	/* upper halves of YMM */
	}
	VCPU_IOCTL_OK(KVM_SET_XSAVE, a);
	memset(b, 0xff, sizeof(b));
	VCPU_IOCTL_OK(KVM_GET_XSAVE, b);
	EXPECT_EQ(0, memcmp(a, b, 24));
	EXPECT_EQ(0, memcmp(a + 32, b + 32, 416 - 32));
	EXPECT_EQ(0, memcmp(a + 576, b + 576, 256));
	/* a component that is not there; MXCSR with reserved bits */
	*bv |= 1ull << 62;
	VCPU_IOCTL_EINVAL(KVM_SET_XSAVE, a);
	*bv &= ~(1ull << 62);
	memset(a + 24, 0xff, 4);
	VCPU_IOCTL_EINVAL(KVM_SET_XSAVE, a);
	memset(a, 0, sizeof(a));
	VCPU_IOCTL_OK(KVM_GET_XSAVE, a);
	EXPECT_EQ(0, memcmp(a + 576, b + 576, 256));
}

TEST_F(x86_state, xcrs)
{
	struct kvm_xcrs x;

	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	VCPU_IOCTL_OK(KVM_GET_XCRS, &x);
	EXPECT_EQ(1, x.nr_xcrs);
	EXPECT_EQ(1, x.xcrs[0].value);
	x.xcrs[0].value = 3;
	VCPU_IOCTL_OK(KVM_SET_XCRS, &x);
	VCPU_IOCTL_OK(KVM_GET_XCRS, &x);
	EXPECT_EQ(3, x.xcrs[0].value);
	x.xcrs[0].value = 2;		/* without x87 */
	VCPU_IOCTL_EINVAL(KVM_SET_XCRS, &x);
	x.xcrs[0].value = 5;		/* AVX without SSE */
	VCPU_IOCTL_EINVAL(KVM_SET_XCRS, &x);
	x.xcrs[0].value = 1ull << 62 | 3;
	VCPU_IOCTL_EINVAL(KVM_SET_XCRS, &x);
	x.xcrs[0].value = 3;
	x.nr_xcrs = 1000;
	VCPU_IOCTL_EINVAL(KVM_SET_XCRS, &x);
	x.nr_xcrs = 1;
	x.flags = 1;
	VCPU_IOCTL_EINVAL(KVM_SET_XCRS, &x);
	VCPU_IOCTL_OK(KVM_GET_XCRS, &x);
	EXPECT_EQ(3, x.xcrs[0].value);
}

/* ---- events, activity state ------------------------------------------------------- */

TEST_F(x86_state, events)
{
	struct kvm_vcpu_events a, b;

	VCPU_IOCTL_OK(KVM_GET_VCPU_EVENTS, &a);
	a.nmi.masked = 1;
	a.nmi.pending = 1;
	a.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	a.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	VCPU_IOCTL_OK(KVM_SET_VCPU_EVENTS, &a);
	VCPU_IOCTL_OK(KVM_GET_VCPU_EVENTS, &b);
	EXPECT_EQ(1, b.nmi.masked);
	EXPECT_EQ(1, b.nmi.pending);
	EXPECT_EQ(KVM_X86_SHADOW_INT_STI, b.interrupt.shadow);
	EXPECT_EQ(0, b.exception.injected);

	a = b;
	a.exception.injected = 1;
	a.exception.nr = 32;
	VCPU_IOCTL_EINVAL(KVM_SET_VCPU_EVENTS, &a);
	a.exception.nr = 2;		/* NMI is no exception */
	VCPU_IOCTL_EINVAL(KVM_SET_VCPU_EVENTS, &a);
	a = b;
	a.flags |= 1u << 31;
	VCPU_IOCTL_EINVAL(KVM_SET_VCPU_EVENTS, &a);
	a = b;
	a.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;	/* capability not enabled */
	VCPU_IOCTL_EINVAL(KVM_SET_VCPU_EVENTS, &a);
	VCPU_IOCTL_OK(KVM_GET_VCPU_EVENTS, &a);
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
}

/* With the capability a page fault's address waits until it is delivered */
TEST_F(x86_state, exception_payload)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXCEPTION_PAYLOAD, .args[0] = 1,
	};
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_ENABLE_CAP, &cap));
	VCPU_IOCTL_OK(KVM_GET_VCPU_EVENTS, &e);
	e.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	e.exception.pending = 1;
	e.exception.injected = 0;
	e.exception.nr = VEC_PF;
	e.exception.has_error_code = 1;
	e.exception.error_code = PFEC_W;
	e.exception_has_payload = 1;
	e.exception_payload = 0xabc000;
	VCPU_IOCTL_OK(KVM_SET_VCPU_EVENTS, &e);
	memset(&e, 0, sizeof(e));
	VCPU_IOCTL_OK(KVM_GET_VCPU_EVENTS, &e);
	EXPECT_EQ(1, e.exception.pending);
	EXPECT_EQ(0, e.exception.injected);
	EXPECT_EQ(1, e.exception_has_payload);
	EXPECT_EQ(0xabc000, e.exception_payload);
	s = vcpu_sregs(self->vcpu);
	EXPECT_NE(0xabc000, s.cr2);
	/* both at once is impossible */
	e.exception.injected = 1;
	if (on_our_module())
		VCPU_IOCTL_EINVAL(KVM_SET_VCPU_EVENTS, &e);
}

TEST_F(x86_state, mp_state)
{
	struct kvm_mp_state m = { .mp_state = 77 };

	/* without an irqchip in the kernel there is only "runnable" */
	VCPU_IOCTL_EINVAL(KVM_SET_MP_STATE, &m);
	m.mp_state = KVM_MP_STATE_UNINITIALIZED;
	VCPU_IOCTL_EINVAL(KVM_SET_MP_STATE, &m);
	VCPU_IOCTL_OK(KVM_GET_MP_STATE, &m);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, m.mp_state);
	VCPU_IOCTL_OK(KVM_SET_MP_STATE, &m);
}

TEST_F(x86_state, guest_debug_arguments)
{
	struct kvm_guest_debug d = { .control = 1u << 30 };

	if (on_our_module())
		VCPU_IOCTL_EINVAL(KVM_SET_GUEST_DEBUG, &d);
	d.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB;
	VCPU_IOCTL_OK(KVM_SET_GUEST_DEBUG, &d);
	/* one exception at a time */
	EXPECT_EQ(-1, ioctl(self->vcpu->fd, KVM_SET_GUEST_DEBUG, &d));
	EXPECT_EQ(EBUSY, errno);
}

/* ---- time ------------------------------------------------------------------------------ */

TEST_F(x86_state, clock)
{
	struct kvm_clock_data a = { }, b = { };

	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &a));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &b));
	EXPECT_GE(b.clock, a.clock);
	memset(&a, 0, sizeof(a));
	a.clock = 1000000000000000;
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_CLOCK, &a));
	ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &b));
	EXPECT_GE(b.clock, a.clock);
	EXPECT_LT(b.clock, a.clock + 1000000000);
	if (b.flags & KVM_CLOCK_REALTIME) {
		/* ten seconds went by on the way */
		a = b;
		a.realtime -= 10000000000;
		a.flags = KVM_CLOCK_REALTIME;
		ASSERT_EQ(0, ioctl(self->vm->fd, KVM_SET_CLOCK, &a));
		ASSERT_EQ(0, ioctl(self->vm->fd, KVM_GET_CLOCK, &b));
		EXPECT_GE(b.clock, a.clock + 10000000000);
		EXPECT_LT(b.clock, a.clock + 11000000000);
	}
	a.flags = 1u << 31;
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_SET_CLOCK, &a));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(x86_state, tsc_khz)
{
	int fd = self->vcpu->fd, khz = ioctl(fd, KVM_GET_TSC_KHZ, 0);

	ASSERT_GT(khz, 0);
	EXPECT_EQ(0, ioctl(fd, KVM_SET_TSC_KHZ, khz));
	EXPECT_EQ(khz, ioctl(fd, KVM_GET_TSC_KHZ, 0));
	if (vm_check(self->vm, KVM_CAP_TSC_CONTROL)) {
		EXPECT_EQ(0, ioctl(fd, KVM_SET_TSC_KHZ, khz / 2));
		EXPECT_EQ(khz / 2, ioctl(fd, KVM_GET_TSC_KHZ, 0));
	}
}

TEST_HARNESS_MAIN
