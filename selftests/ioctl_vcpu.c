// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU file: ioctls good and bad, and the pages it maps */
#include <setjmp.h>
#include "kvmtest.h"

#define BAD_POINTER	((void *)0x1000)

static int do_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

#define EXPECT_ERR(err, fd, cmd, arg) \
	EXPECT_EQ(err, do_ioctl(fd, cmd, (unsigned long)(arg)))

/* A vCPU without in-kernel irqchip, and one with it; no memory, no CPUID */
FIXTURE(cpu) { int fd, vm, bare, vm_irq, irq; };

FIXTURE_SETUP(cpu)
{
	self->fd = kvm_open();
	self->vm = ioctl(self->fd, KVM_CREATE_VM, 0);
	ASSERT_GE(self->vm, 0);
	self->bare = ioctl(self->vm, KVM_CREATE_VCPU, 0);
	ASSERT_GE(self->bare, 0);
	self->vm_irq = ioctl(self->fd, KVM_CREATE_VM, 0);
	ASSERT_GE(self->vm_irq, 0);
	ASSERT_EQ(0, ioctl(self->vm_irq, KVM_CREATE_IRQCHIP, 0));
	self->irq = ioctl(self->vm_irq, KVM_CREATE_VCPU, 0);
	ASSERT_GE(self->irq, 0);
}

FIXTURE_TEARDOWN(cpu)
{
	close(self->irq);
	close(self->vm_irq);
	close(self->bare);
	close(self->vm);
	close(self->fd);
}

TEST_F(cpu, not_ioctls)
{
	char c;

	EXPECT_ERR(EINVAL, self->bare, _IO(KVMIO, 0xff), 0);
	EXPECT_ERR(EINVAL, self->bare, _IO(0x12, 0x80), 0);
	EXPECT_ERR(EINVAL, self->bare, _IOR(KVMIO, 0x80, int), 0);
	EXPECT_ERR(EINVAL, self->bare, _IOR(KVMIO, 0x81, int), 0);
	EXPECT_ERR(EINVAL, self->bare, KVM_GET_API_VERSION, 0);
	EXPECT_ERR(EINVAL, self->bare, KVM_CREATE_VCPU, 1);
	ASSERT_EQ(-1, read(self->bare, &c, 1));
	EXPECT_EQ(EINVAL, errno);
}

static const unsigned long readers[] = {
	KVM_GET_REGS, KVM_GET_SREGS, KVM_GET_SREGS2, KVM_GET_FPU,
	KVM_GET_XSAVE, KVM_GET_XSAVE2, KVM_GET_XCRS, KVM_GET_DEBUGREGS,
	KVM_GET_VCPU_EVENTS, KVM_GET_MP_STATE, KVM_GET_LAPIC,
};

static const unsigned long writers[] = {
	KVM_SET_REGS, KVM_SET_SREGS, KVM_SET_SREGS2, KVM_SET_FPU,
	KVM_SET_XSAVE, KVM_SET_XCRS, KVM_SET_DEBUGREGS, KVM_SET_VCPU_EVENTS,
	KVM_SET_MP_STATE, KVM_SET_LAPIC, KVM_TRANSLATE, KVM_INTERRUPT,
	KVM_SET_GUEST_DEBUG, KVM_X86_SETUP_MCE, KVM_X86_SET_MCE,
	KVM_ENABLE_CAP, KVM_GET_MSRS, KVM_SET_MSRS, KVM_SET_CPUID,
	KVM_SET_CPUID2, KVM_GET_CPUID2, KVM_SET_SIGNAL_MASK,
	KVM_HAS_DEVICE_ATTR,
};

TEST_F(cpu, bad_pointers)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		EXPECT_ERR(EFAULT, self->irq, readers[i], BAD_POINTER) {
			TH_LOG("ioctl %#lx", readers[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		EXPECT_ERR(EFAULT, self->irq, writers[i], BAD_POINTER) {
			TH_LOG("ioctl %#lx", writers[i]);
		}
	}
}

/* All that comes out is defined: two calls, different bytes there before */
TEST_F(cpu, nothing_undefined)
{
	static u8 a[16384], b[16384];
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		memset(a, 0xaa, sizeof(a));
		memset(b, 0x55, sizeof(b));
		ASSERT_EQ(0, do_ioctl(self->irq, readers[i], (unsigned long)a));
		ASSERT_EQ(0, do_ioctl(self->irq, readers[i], (unsigned long)b));
		size = _IOC_SIZE(readers[i]);
		EXPECT_EQ(0, memcmp(a, b, size)) {
			TH_LOG("ioctl %#lx", readers[i]);
		}
	}
}

/* What was read can be written back, and nothing changes by it */
TEST_F(cpu, read_then_write)
{
	static const struct { unsigned long get, set; } pairs[] = {
		{ KVM_GET_REGS, KVM_SET_REGS },
		{ KVM_GET_SREGS, KVM_SET_SREGS },
		{ KVM_GET_SREGS2, KVM_SET_SREGS2 },
		{ KVM_GET_FPU, KVM_SET_FPU },
		{ KVM_GET_XSAVE, KVM_SET_XSAVE },
		{ KVM_GET_XCRS, KVM_SET_XCRS },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS },
		{ KVM_GET_MP_STATE, KVM_SET_MP_STATE },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC },
	};
	static u8 a[16384], b[16384];

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (pairs[i].set == KVM_SET_XCRS && !kvm_check(KVM_CAP_XCRS))
			continue;
		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		ASSERT_EQ(0, do_ioctl(self->irq, pairs[i].get, (unsigned long)a));
		EXPECT_ERR(0, self->irq, pairs[i].set, a) {
			TH_LOG("ioctl %#lx", pairs[i].set);
		}
		ASSERT_EQ(0, do_ioctl(self->irq, pairs[i].get, (unsigned long)b));
		for (size_t j = 0; j < _IOC_SIZE(pairs[i].get); j++) {
			EXPECT_EQ(a[j], b[j]) {
				TH_LOG("ioctl %#lx, byte %zu", pairs[i].set, j);
			}
		}
	}
}

TEST_F(cpu, run_arguments)
{
	struct kvm_run *run = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED, self->bare, 0);

	ASSERT_NE(MAP_FAILED, run);
	EXPECT_ERR(EINVAL, self->bare, KVM_RUN, 1);
	run->immediate_exit = 1;
	EXPECT_ERR(EINTR, self->bare, KVM_RUN, 0);
	run->kvm_valid_regs = 1ull << 63;
	EXPECT_ERR(EINVAL, self->bare, KVM_RUN, 0);
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = 1ull << 63;
	EXPECT_ERR(EINVAL, self->bare, KVM_RUN, 0);
	munmap(run, 4096);
}

TEST_F(cpu, signal_mask)
{
	struct {
		struct kvm_signal_mask h;
		u8 set[8];
	} m = { .h.len = 8 };

	EXPECT_ERR(0, self->bare, KVM_SET_SIGNAL_MASK, &m);
	EXPECT_ERR(0, self->bare, KVM_SET_SIGNAL_MASK, NULL);
	m.h.len = 4;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SIGNAL_MASK, &m);
	m.h.len = 128;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SIGNAL_MASK, &m);
	m.h.len = 0;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SIGNAL_MASK, &m);
}

TEST_F(cpu, interrupt)
{
	struct kvm_interrupt i = { .irq = 256 };

	EXPECT_ERR(EINVAL, self->bare, KVM_INTERRUPT, &i);
	i.irq = ~0u;
	EXPECT_ERR(EINVAL, self->bare, KVM_INTERRUPT, &i);
	i.irq = 0x40;
	EXPECT_ERR(0, self->bare, KVM_INTERRUPT, &i);
	EXPECT_ERR(ENXIO, self->irq, KVM_INTERRUPT, &i);
	i.irq = 256;
	EXPECT_ERR(EINVAL, self->irq, KVM_INTERRUPT, &i);
}

TEST_F(cpu, lapic_needs_irqchip)
{
	struct kvm_lapic_state s;

	EXPECT_ERR(0, self->irq, KVM_GET_LAPIC, &s);
	EXPECT_ERR(EINVAL, self->bare, KVM_GET_LAPIC, &s);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_LAPIC, &s);
}

TEST_F(cpu, vapic_addr)
{
	struct kvm_vapic_addr va = { };

	EXPECT_ERR(EINVAL, self->bare, KVM_SET_VAPIC_ADDR, &va);
	EXPECT_ERR(0, self->irq, KVM_SET_VAPIC_ADDR, &va);
	EXPECT_ERR(EFAULT, self->irq, KVM_SET_VAPIC_ADDR, BAD_POINTER);
	va.vapic_addr = 0x1000;		/* there is no memory */
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_VAPIC_ADDR, &va);
	va.vapic_addr = ~0ull;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_VAPIC_ADDR, &va);
}

TEST_F(cpu, tpr_access_reporting)
{
	struct kvm_tpr_access_ctl ctl = { .enabled = 1 };

	EXPECT_ERR(0, self->irq, KVM_TPR_ACCESS_REPORTING, &ctl);
	EXPECT_ERR(0, self->bare, KVM_TPR_ACCESS_REPORTING, &ctl);
	EXPECT_ERR(EFAULT, self->irq, KVM_TPR_ACCESS_REPORTING, BAD_POINTER);
	ctl.flags = 1;
	EXPECT_ERR(EINVAL, self->irq, KVM_TPR_ACCESS_REPORTING, &ctl);
	ctl.flags = 1u << 31;
	EXPECT_ERR(EINVAL, self->irq, KVM_TPR_ACCESS_REPORTING, &ctl);
}

TEST_F(cpu, mp_state)
{
	struct kvm_mp_state s;
	struct kvm_sregs sregs;

	EXPECT_ERR(0, self->irq, KVM_GET_MP_STATE, &s);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, s.mp_state);
	s.mp_state = KVM_MP_STATE_HALTED;
	EXPECT_ERR(0, self->irq, KVM_SET_MP_STATE, &s);
	EXPECT_ERR(0, self->irq, KVM_GET_MP_STATE, &s);
	EXPECT_EQ(KVM_MP_STATE_HALTED, s.mp_state);
	/* a reset by registers alone ends it for the boot CPU */
	EXPECT_ERR(0, self->irq, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0xf0000;
	EXPECT_ERR(0, self->irq, KVM_SET_SREGS, &sregs);
	EXPECT_ERR(0, self->irq, KVM_GET_MP_STATE, &s);
	EXPECT_EQ(KVM_MP_STATE_HALTED, s.mp_state);
	sregs.cs.base = 0xffff0000;
	EXPECT_ERR(0, self->irq, KVM_SET_SREGS, &sregs);
	EXPECT_ERR(0, self->irq, KVM_GET_MP_STATE, &s);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, s.mp_state);
	s.mp_state = 99;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_MP_STATE, &s);
	s.mp_state = KVM_MP_STATE_STOPPED;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_MP_STATE, &s);
	/* waiting for interrupts is user space's without an irqchip */
	s.mp_state = KVM_MP_STATE_HALTED;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_MP_STATE, &s);
	s.mp_state = KVM_MP_STATE_RUNNABLE;
	EXPECT_ERR(0, self->bare, KVM_SET_MP_STATE, &s);
}

TEST_F(cpu, sregs)
{
	struct kvm_sregs s, bad;

	ASSERT_EQ(0, do_ioctl(self->bare, KVM_GET_SREGS, (unsigned long)&s));
	bad = s;
	bad.cr0 |= 1ull << 40;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SREGS, &bad);
	bad = s;
	bad.cr0 |= X86_CR0_PG;	/* without PE */
	bad.cr0 &= ~(u64)X86_CR0_PE;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SREGS, &bad);
	bad = s;
	bad.cr4 |= 1ull << 40;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SREGS, &bad);
	bad = s;
	bad.efer |= 1ull << 40;
	if (on_our_module())	/* the in-tree KVM takes it */
		EXPECT_ERR(EINVAL, self->bare, KVM_SET_SREGS, &bad);
	bad = s;
	bad.efer |= EFER_LMA;	/* without LME, PG and PAE */
	if (on_our_module())
		EXPECT_ERR(EINVAL, self->bare, KVM_SET_SREGS, &bad);
	ASSERT_EQ(0, do_ioctl(self->bare, KVM_GET_SREGS, (unsigned long)&bad));
	EXPECT_EQ(0, memcmp(&s, &bad, sizeof(s)));
}

TEST_F(cpu, sregs2)
{
	struct kvm_sregs2 s;

	ASSERT_EQ(0, do_ioctl(self->bare, KVM_GET_SREGS2, (unsigned long)&s));
	s.flags = 1ull << 40;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_SREGS2, &s);
}

TEST_F(cpu, debugregs)
{
	struct kvm_debugregs d;

	ASSERT_EQ(0, do_ioctl(self->bare, KVM_GET_DEBUGREGS, (unsigned long)&d));
	EXPECT_EQ(0xffff0ff0ull, d.dr6);
	EXPECT_EQ(0x400ull, d.dr7);
	d.flags = 1;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_DEBUGREGS, &d);
	d.flags = 0;
	d.dr6 |= 1ull << 32;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_DEBUGREGS, &d);
	d.dr6 = 0xffff0ff0;
	d.dr7 |= 1ull << 32;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_DEBUGREGS, &d);
	d.dr7 = 0x400;
	d.db[1] = 0x123456789;
	EXPECT_ERR(0, self->bare, KVM_SET_DEBUGREGS, &d);
	memset(&d, 0, sizeof(d));
	EXPECT_ERR(0, self->bare, KVM_GET_DEBUGREGS, &d);
	EXPECT_EQ(0x123456789ull, d.db[1]);
}

TEST_F(cpu, xcrs)
{
	struct kvm_xcrs x;

	if (!kvm_check(KVM_CAP_XCRS))
		skip_test("no XSAVE");
	ASSERT_EQ(0, do_ioctl(self->bare, KVM_GET_XCRS, (unsigned long)&x));
	EXPECT_EQ(1, x.nr_xcrs);
	EXPECT_EQ(1, x.xcrs[0].value);
	x.nr_xcrs = KVM_MAX_XCRS + 1;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_XCRS, &x);
	x.nr_xcrs = 1;
	x.flags = 1;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_XCRS, &x);
	x.flags = 0;
	x.xcrs[0].value = 0;	/* x87 cannot be off */
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_XCRS, &x);
	x.xcrs[0].value = 5;	/* AVX without SSE */
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_XCRS, &x);
}

TEST_F(cpu, events)
{
	struct kvm_vcpu_events e, bad;

	ASSERT_EQ(0, do_ioctl(self->bare, KVM_GET_VCPU_EVENTS, (unsigned long)&e));
	bad = e;
	bad.flags = 1u << 31;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_VCPU_EVENTS, &bad);
	bad = e;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_VCPU_EVENTS, &bad);
	bad.exception.nr = 2;	/* an NMI is none */
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_VCPU_EVENTS, &bad);
	/* payloads have to be enabled first */
	bad = e;
	bad.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_VCPU_EVENTS, &bad);
}

TEST_F(cpu, cpuid2)
{
	const size_t size = sizeof(struct kvm_cpuid2) +
		300 * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *c = calloc(1, size), *d = calloc(1, size);
	u32 n;

	d->nent = 300;
	EXPECT_ERR(0, self->bare, KVM_GET_CPUID2, d);
	/* kernels before 6.4 leave the number alone */
	if (on_our_module())
		EXPECT_EQ(0, d->nent);
	c->nent = 256;
	ASSERT_EQ(0, do_ioctl(self->fd, KVM_GET_SUPPORTED_CPUID,
			      (unsigned long)c));
	n = c->nent;
	EXPECT_ERR(0, self->bare, KVM_SET_CPUID2, c);
	d->nent = 1;
	EXPECT_ERR(E2BIG, self->bare, KVM_GET_CPUID2, d);
	EXPECT_EQ(1, d->nent);
	d->nent = 300;
	EXPECT_ERR(0, self->bare, KVM_GET_CPUID2, d);
	if (on_our_module())
		EXPECT_EQ(n, d->nent);
	c->nent = 257;
	EXPECT_ERR(E2BIG, self->bare, KVM_SET_CPUID2, c);
	c->nent = ~0u;
	EXPECT_ERR(E2BIG, self->bare, KVM_SET_CPUID2, c);
	c->nent = 0;
	EXPECT_ERR(0, self->bare, KVM_SET_CPUID2, c);
	free(c);
	free(d);
}

TEST_F(cpu, msrs)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e[3];
	} m = { .h.nmsrs = 3 };

	m.e[0].index = 0x174;	/* IA32_SYSENTER_CS */
	m.e[0].data = 0x10;
	m.e[1].index = 0x0badc0de;
	m.e[2].index = 0x174;
	m.e[2].data = 0x20;
	/* the first that is refused ends it, and its position is the result */
	EXPECT_EQ(1, ioctl(self->bare, KVM_SET_MSRS, &m));
	m.e[0].data = 0;
	EXPECT_EQ(1, ioctl(self->bare, KVM_GET_MSRS, &m));
	EXPECT_EQ(0x10, m.e[0].data);
	m.h.nmsrs = 0;
	EXPECT_EQ(0, ioctl(self->bare, KVM_SET_MSRS, &m));
	m.h.nmsrs = 1 << 20;
	EXPECT_ERR(E2BIG, self->bare, KVM_SET_MSRS, &m);
	EXPECT_ERR(E2BIG, self->bare, KVM_GET_MSRS, &m);
}

TEST_F(cpu, translate_without_paging)
{
	struct kvm_translation t;

	memset(&t, 0xaa, sizeof(t));
	t.linear_address = 0x12345678;
	EXPECT_ERR(0, self->bare, KVM_TRANSLATE, &t);
	EXPECT_EQ(1, t.valid);
	EXPECT_EQ(0x12345678, t.physical_address);
	EXPECT_EQ(0x12345678, t.linear_address);
}

TEST_F(cpu, guest_debug)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};

	EXPECT_ERR(0, self->bare, KVM_SET_GUEST_DEBUG, &d);
	d.control = 0;
	EXPECT_ERR(0, self->bare, KVM_SET_GUEST_DEBUG, &d);
}

TEST_F(cpu, tsc)
{
	int khz = ioctl(self->bare, KVM_GET_TSC_KHZ, 0);
	u64 offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)&offset,
	};

	ASSERT_LT(0, khz);
	EXPECT_ERR(0, self->bare, KVM_SET_TSC_KHZ, khz);
	EXPECT_ERR(0, self->bare, KVM_SET_TSC_KHZ, 0);
	EXPECT_EQ(khz, ioctl(self->bare, KVM_GET_TSC_KHZ, 0));

	EXPECT_ERR(0, self->bare, KVM_HAS_DEVICE_ATTR, &attr);
	EXPECT_ERR(0, self->bare, KVM_GET_DEVICE_ATTR, &attr);
	offset -= 1ull << 40;
	EXPECT_ERR(0, self->bare, KVM_SET_DEVICE_ATTR, &attr);
	attr.addr = (u64)BAD_POINTER;
	EXPECT_ERR(EFAULT, self->bare, KVM_GET_DEVICE_ATTR, &attr);
	EXPECT_ERR(EFAULT, self->bare, KVM_SET_DEVICE_ATTR, &attr);
	attr.attr = 1;
	EXPECT_ERR(ENXIO, self->bare, KVM_HAS_DEVICE_ATTR, &attr);
	attr.attr = KVM_VCPU_TSC_OFFSET;
	attr.group = 1;
	EXPECT_ERR(ENXIO, self->bare, KVM_HAS_DEVICE_ATTR, &attr);
}

TEST_F(cpu, clock_ctrl_needs_kvmclock)
{
	EXPECT_ERR(EINVAL, self->bare, KVM_KVMCLOCK_CTRL, 0);
}

TEST_F(cpu, mce)
{
	u64 cap = 0, bad;

	ASSERT_EQ(0, do_ioctl(self->fd, KVM_X86_GET_MCE_CAP_SUPPORTED,
			      (unsigned long)&cap));
	cap = (cap & ~0xffull) | 10;
	EXPECT_ERR(0, self->bare, KVM_X86_SETUP_MCE, &cap);
	bad = (cap & ~0xffull) | 33;
	EXPECT_ERR(EINVAL, self->bare, KVM_X86_SETUP_MCE, &bad);
	bad = cap & ~0xffull;
	EXPECT_ERR(EINVAL, self->bare, KVM_X86_SETUP_MCE, &bad);
	bad = cap | 1ull << 60;
	EXPECT_ERR(EINVAL, self->bare, KVM_X86_SETUP_MCE, &bad);
	{
		struct kvm_x86_mce mce = { .status = 1ull << 63, .bank = 10 };

		EXPECT_ERR(EINVAL, self->bare, KVM_X86_SET_MCE, &mce);
		mce.bank = 0;
		mce.status = 0;	/* not valid */
		EXPECT_ERR(EINVAL, self->bare, KVM_X86_SET_MCE, &mce);
	}
}

TEST_F(cpu, enable_cap)
{
	struct kvm_enable_cap cap = { .cap = 0x7fff };

	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.cap = KVM_CAP_DISABLE_QUIRKS2;	/* of VMs */
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
}

TEST_F(cpu, xsave)
{
	static u8 a[16384] __attribute__((aligned(64)));
	int size = kvm_check(KVM_CAP_XSAVE2);

	ASSERT_GE((int)sizeof(a), size);
	memset(a, 0xaa, sizeof(a));
	EXPECT_ERR(0, self->bare, KVM_GET_XSAVE2, a);
	/* no byte behind what KVM_CAP_XSAVE2 said */
	for (size_t i = size; i < sizeof(a); i++)
		ASSERT_EQ(0xaa, a[i]);
	/* a reserved bit of MXCSR */
	*(u32 *)(a + 24) = 1u << 31;
	a[512] |= 3;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_XSAVE, a);
	EXPECT_ERR(0, self->bare, KVM_GET_XSAVE2, a);
	/* a feature nobody has */
	*(u64 *)(a + 512) |= 1ull << 62;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_XSAVE, a);
}

static sigjmp_buf on_sigbus;

static void sigbus(int sig)
{
	siglongjmp(on_sigbus, 1);
}

TEST_F(cpu, mappings)
{
	volatile u8 *p;
	int size = ioctl(self->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	u8 *q;

	p = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		 self->bare, 0);
	ASSERT_NE(MAP_FAILED, p);
	for (int i = 0; i < size; i += 4096)
		p[i] = 1;
	signal(SIGBUS, sigbus);
	if (!sigsetjmp(on_sigbus, 1)) {
		p[size] = 1;
		EXPECT_TRUE(false) {
			TH_LOG("a page behind the last one");
		}
	}
	/* one page of it, and the same page twice */
	q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->bare,
		 4096);
	ASSERT_NE(MAP_FAILED, q);
	q[5] = 77;
	EXPECT_EQ(77, p[4096 + 5]);
	munmap(q, 4096);
	munmap((void *)p, size + 4096);
}

TEST_HARNESS_MAIN
