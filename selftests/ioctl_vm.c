// SPDX-License-Identifier: GPL-2.0-only
/* The VM file: ioctls good and bad */
#include <sys/eventfd.h>
#include "kvmtest.h"

#define BAD_POINTER	((void *)0x1000)

static int do_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

#define EXPECT_ERR(err, fd, cmd, arg) \
	EXPECT_EQ(err, do_ioctl(fd, cmd, (unsigned long)(arg)))

/* A VM without anything, and one with all the in-kernel controllers */
FIXTURE(vmfile) { int fd, bare, irq; };

FIXTURE_SETUP(vmfile)
{
	struct kvm_pit_config pit = { 0 };

	self->fd = kvm_open();
	self->bare = ioctl(self->fd, KVM_CREATE_VM, 0);
	ASSERT_GE(self->bare, 0);
	self->irq = ioctl(self->fd, KVM_CREATE_VM, 0);
	ASSERT_GE(self->irq, 0);
	ASSERT_EQ(0, ioctl(self->irq, KVM_CREATE_IRQCHIP, 0));
	ASSERT_EQ(0, ioctl(self->irq, KVM_CREATE_PIT2, &pit));
}

FIXTURE_TEARDOWN(vmfile)
{
	close(self->irq);
	close(self->bare);
	close(self->fd);
}

TEST_F(vmfile, not_ioctls)
{
	char c;

	EXPECT_ERR(ENOTTY, self->bare, _IO(KVMIO, 0xff), 0);
	EXPECT_ERR(ENOTTY, self->bare, _IO(0x12, 0x41), 0);
	EXPECT_ERR(ENOTTY, self->bare, _IOR(KVMIO, 0x41, int), 0);
	EXPECT_ERR(ENOTTY, self->bare, KVM_RUN, 0);
	EXPECT_ERR(ENOTTY, self->bare, KVM_GET_API_VERSION, 0);
	ASSERT_EQ(-1, read(self->bare, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				   self->bare, 0));
	EXPECT_EQ(ENODEV, errno);
}

/* Every ioctl that takes a structure, with an address where nothing is */
TEST_F(vmfile, bad_pointers)
{
	static const unsigned long cmds[] = {
		KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG,
		KVM_CLEAR_DIRTY_LOG, KVM_SET_IDENTITY_MAP_ADDR,
		KVM_REGISTER_COALESCED_MMIO, KVM_UNREGISTER_COALESCED_MMIO,
		KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS, KVM_GET_IRQCHIP,
		KVM_SET_IRQCHIP, KVM_GET_PIT, KVM_SET_PIT, KVM_GET_PIT2,
		KVM_SET_PIT2,
		KVM_REINJECT_CONTROL, KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI,
		KVM_IRQFD, KVM_IOEVENTFD, KVM_GET_CLOCK, KVM_SET_CLOCK,
		KVM_ENABLE_CAP,
	};

	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_ERR(EFAULT, self->irq, cmds[i], BAD_POINTER) {
			TH_LOG("ioctl %#lx", cmds[i]);
		}
	}
	EXPECT_ERR(EFAULT, self->bare, KVM_CREATE_PIT2, BAD_POINTER);
}

TEST_F(vmfile, create_vcpu)
{
	unsigned int max = kvm_check(KVM_CAP_MAX_VCPU_ID);
	int a, b;

	EXPECT_ERR(EINVAL, self->bare, KVM_CREATE_VCPU, max);
	EXPECT_ERR(EINVAL, self->bare, KVM_CREATE_VCPU, ~0u);
	EXPECT_ERR(EINVAL, self->bare, KVM_CREATE_VCPU, ~0ul);
	a = ioctl(self->bare, KVM_CREATE_VCPU, 3);
	ASSERT_GE(a, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(a, F_GETFD));
	EXPECT_ERR(EEXIST, self->bare, KVM_CREATE_VCPU, 3);
	b = ioctl(self->bare, KVM_CREATE_VCPU, max - 1);
	ASSERT_GE(b, 0);
	/* a closed one stays */
	close(a);
	EXPECT_ERR(EEXIST, self->bare, KVM_CREATE_VCPU, 3);
	close(b);
}

TEST_F(vmfile, controllers_need_irqchip)
{
	struct kvm_irq_level line = { .irq = 1, .level = 1 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_pit_config pit = { 0 };
	struct kvm_pit_state2 ps = { 0 };
	struct kvm_reinject_control rc = { 0 };
	struct kvm_irq_routing routing = { 0 };
	struct kvm_msi msi = { .address_lo = 0xfee00000 };
	struct kvm_irqfd irqfd = { .fd = eventfd(0, EFD_CLOEXEC), .gsi = 5 };

	EXPECT_ERR(ENXIO, self->bare, KVM_IRQ_LINE, &line);
	EXPECT_ERR(ENXIO, self->bare, KVM_IRQ_LINE_STATUS, &line);
	EXPECT_ERR(ENXIO, self->bare, KVM_GET_IRQCHIP, &chip);
	EXPECT_ERR(ENXIO, self->bare, KVM_SET_IRQCHIP, &chip);
	/* the ABI document wants the irqchip first; old in-tree KVMs do not */
	if (on_our_module()) {
		EXPECT_ERR(ENOENT, self->bare, KVM_CREATE_PIT, 0);
		EXPECT_ERR(ENOENT, self->bare, KVM_CREATE_PIT2, &pit);
	}
	EXPECT_ERR(ENXIO, self->bare, KVM_GET_PIT, &ps);
	EXPECT_ERR(ENXIO, self->bare, KVM_SET_PIT, &ps);
	EXPECT_ERR(ENXIO, self->bare, KVM_GET_PIT2, &ps);
	EXPECT_ERR(ENXIO, self->bare, KVM_SET_PIT2, &ps);
	EXPECT_ERR(ENXIO, self->bare, KVM_REINJECT_CONTROL, &rc);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_GSI_ROUTING, &routing);
	EXPECT_ERR(EINVAL, self->bare, KVM_SIGNAL_MSI, &msi);
	EXPECT_ERR(EINVAL, self->bare, KVM_IRQFD, &irqfd);
	close(irqfd.fd);
}

TEST_F(vmfile, create_controllers)
{
	struct kvm_pit_config pit = { 0 };
	int vcpu;

	EXPECT_ERR(EEXIST, self->irq, KVM_CREATE_IRQCHIP, 0);
	EXPECT_ERR(EEXIST, self->irq, KVM_CREATE_PIT, 0);
	EXPECT_ERR(EEXIST, self->irq, KVM_CREATE_PIT2, &pit);
	vcpu = ioctl(self->bare, KVM_CREATE_VCPU, 0);
	ASSERT_GE(vcpu, 0);
	EXPECT_ERR(EINVAL, self->bare, KVM_CREATE_IRQCHIP, 0);
	close(vcpu);
}

TEST_F(vmfile, irq_line)
{
	struct kvm_irq_level line = { .irq = 4, .level = 1 };

	EXPECT_ERR(0, self->irq, KVM_IRQ_LINE, &line);
	line.level = 0;
	EXPECT_ERR(0, self->irq, KVM_IRQ_LINE, &line);
	/* masked everywhere after reset */
	line.irq = 20;
	line.level = 1;
	EXPECT_ERR(0, self->irq, KVM_IRQ_LINE_STATUS, &line);
	EXPECT_GE(0, (int)line.status);
	/* no route: nobody is there */
	line.irq = 4000;
	line.level = 1;
	EXPECT_ERR(0, self->irq, KVM_IRQ_LINE_STATUS, &line);
	EXPECT_EQ(-1, (int)line.status);
	line.irq = ~0u;
	line.level = 1;
	EXPECT_ERR(0, self->irq, KVM_IRQ_LINE_STATUS, &line);
	EXPECT_EQ(-1, (int)line.status);
	line.irq = ~0u;
	EXPECT_ERR(0, self->irq, KVM_IRQ_LINE, &line);
}

TEST_F(vmfile, irqchip_state)
{
	struct kvm_irqchip a, b;

	for (u32 id = 0; id < 3; id++) {
		memset(&a, 0xaa, sizeof(a));
		a.chip_id = id;
		ASSERT_EQ(0, ioctl(self->irq, KVM_GET_IRQCHIP, &a));
		b = a;
		b.chip_id = id;
		EXPECT_ERR(0, self->irq, KVM_SET_IRQCHIP, &b);
		ASSERT_EQ(0, ioctl(self->irq, KVM_GET_IRQCHIP, &b));
		EXPECT_EQ(id, b.chip_id);
	}
	a.chip_id = 3;
	EXPECT_ERR(EINVAL, self->irq, KVM_GET_IRQCHIP, &a);
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_IRQCHIP, &a);
	a.chip_id = ~0u;
	EXPECT_ERR(EINVAL, self->irq, KVM_GET_IRQCHIP, &a);
}

TEST_F(vmfile, pit_state)
{
	struct kvm_pit_state2 ps;
	struct kvm_reinject_control rc = { .pit_reinject = 1 };

	memset(&ps, 0xaa, sizeof(ps));
	EXPECT_ERR(0, self->irq, KVM_GET_PIT2, &ps);
	EXPECT_EQ(0, ps.reserved[0] | ps.reserved[8]);
	EXPECT_ERR(0, self->irq, KVM_SET_PIT2, &ps);
	EXPECT_ERR(0, self->irq, KVM_REINJECT_CONTROL, &rc);
	rc.pit_reinject = 0;
	EXPECT_ERR(0, self->irq, KVM_REINJECT_CONTROL, &rc);
}

TEST_F(vmfile, gsi_routing)
{
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[4];
	} r = { 0 };

	EXPECT_ERR(0, self->irq, KVM_SET_GSI_ROUTING, &r);
	/* one pin of each chip for the same GSI */
	for (unsigned int i = 0; i < 4; i++) {
		r.e[i].gsi = 12;
		r.e[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		r.e[i].u.irqchip.irqchip = i % 3;
		r.e[i].u.irqchip.pin = 4 + i;
	}
	r.h.nr = 3;
	EXPECT_ERR(0, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.h.nr = 4;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.h.nr = 1;
	r.e[0].gsi = 30;
	r.e[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	r.e[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	r.e[0].u.irqchip.pin = 4;
	EXPECT_ERR(0, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.e[0].u.irqchip.pin = 24;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.e[0].u.irqchip.pin = 4;
	r.e[0].u.irqchip.irqchip = 3;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.e[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	r.e[0].type = 99;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.e[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	r.e[0].gsi = ~0u;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.e[0].gsi = 30;
	r.h.flags = 1;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.h.flags = 0;
	r.h.nr = kvm_check(KVM_CAP_IRQ_ROUTING) + 1;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
	r.h.nr = ~0u;
	EXPECT_ERR(EINVAL, self->irq, KVM_SET_GSI_ROUTING, &r);
}

TEST_F(vmfile, signal_msi)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };

	/* there is no vCPU to get it */
	EXPECT_GE(0, ioctl(self->irq, KVM_SIGNAL_MSI, &msi));
	/* no device ids here; the in-tree KVM does not look */
	msi.flags = KVM_MSI_VALID_DEVID;
	if (on_our_module())
		EXPECT_ERR(EINVAL, self->irq, KVM_SIGNAL_MSI, &msi);
}

TEST_F(vmfile, tss_and_identity_map)
{
	u64 addr = 0xfeffc000;
	int vcpu;

	EXPECT_ERR(0, self->bare, KVM_SET_TSS_ADDR, 0xfffbd000);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_TSS_ADDR, 0xfffff000);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_TSS_ADDR, 0xffffffff);
	EXPECT_ERR(0, self->bare, KVM_SET_IDENTITY_MAP_ADDR, &addr);
	vcpu = ioctl(self->bare, KVM_CREATE_VCPU, 0);
	ASSERT_GE(vcpu, 0);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_IDENTITY_MAP_ADDR, &addr);
	close(vcpu);
}

TEST_F(vmfile, nr_mmu_pages)
{
	EXPECT_EQ(0, ioctl(self->bare, KVM_GET_NR_MMU_PAGES, 0));
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_NR_MMU_PAGES, 0);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_NR_MMU_PAGES, 63);
	EXPECT_EQ(0, ioctl(self->bare, KVM_GET_NR_MMU_PAGES, 0));
	EXPECT_ERR(0, self->bare, KVM_SET_NR_MMU_PAGES, 64);
	EXPECT_EQ(64, ioctl(self->bare, KVM_GET_NR_MMU_PAGES, 0));
	EXPECT_ERR(0, self->bare, KVM_SET_NR_MMU_PAGES, 1ul << 40);
	EXPECT_LT(64, ioctl(self->bare, KVM_GET_NR_MMU_PAGES, 0));
}

TEST_F(vmfile, boot_cpu)
{
	int vcpu;

	EXPECT_ERR(0, self->bare, KVM_SET_BOOT_CPU_ID, 1);
	EXPECT_ERR(0, self->bare, KVM_SET_BOOT_CPU_ID, 0);
	vcpu = ioctl(self->bare, KVM_CREATE_VCPU, 0);
	ASSERT_GE(vcpu, 0);
	EXPECT_ERR(EBUSY, self->bare, KVM_SET_BOOT_CPU_ID, 0);
	close(vcpu);
}

TEST_F(vmfile, enable_cap)
{
	struct kvm_enable_cap cap = { .cap = 0x7fff };

	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.cap = ~0u;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.cap = KVM_CAP_DISABLE_QUIRKS2;
	cap.flags = 1;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.flags = 0;
	cap.args[0] = kvm_check(KVM_CAP_DISABLE_QUIRKS2);
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 1ull << 63;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);

	cap.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
	cap.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] |= KVM_DIRTY_LOG_INITIALLY_SET;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = KVM_DIRTY_LOG_INITIALLY_SET;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 4;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 0;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);

	cap.cap = KVM_CAP_X86_DISABLE_EXITS;
	cap.args[0] = KVM_X86_DISABLE_EXITS_HLT;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = kvm_check(KVM_CAP_X86_DISABLE_EXITS);
	EXPECT_EQ(KVM_X86_DISABLE_EXITS_PAUSE | KVM_X86_DISABLE_EXITS_CSTATE,
		  cap.args[0] & (KVM_X86_DISABLE_EXITS_PAUSE |
				 KVM_X86_DISABLE_EXITS_CSTATE));
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 1ull << 40;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);

	/* guests have no PMU whether it is turned off or not */
	cap.cap = KVM_CAP_PMU_CAPABILITY;
	EXPECT_EQ(KVM_PMU_CAP_DISABLE, kvm_check(KVM_CAP_PMU_CAPABILITY));
	cap.args[0] = KVM_PMU_CAP_DISABLE;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 2;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);

	cap.cap = KVM_CAP_X2APIC_API;
	cap.args[0] = kvm_check(KVM_CAP_X2APIC_API);
	EXPECT_ERR(0, self->irq, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 1ull << 40;
	EXPECT_ERR(EINVAL, self->irq, KVM_ENABLE_CAP, &cap);

	cap.cap = KVM_CAP_EXCEPTION_PAYLOAD;
	cap.args[0] = 1;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
}

TEST_F(vmfile, mmu_kind)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MMU_KIND };
	u32 kinds = ioctl(self->fd, KVM_CHECK_EXTENSION,
			  (unsigned long)KVM_CAP_MMU_KIND);
	int vcpu;

	if (!on_our_module())
		skip_test("the in-tree KVM has one MMU for all VMs");
	for (u64 kind = KVM_MMU_KIND_SHADOW; kind <= KVM_MMU_KIND_EPT; kind++) {
		cap.args[0] = kind;
		EXPECT_ERR(kinds & (1 << kind) ? 0 : EOPNOTSUPP, self->bare,
			   KVM_ENABLE_CAP, &cap);
	}
	cap.args[0] = KVM_MMU_KIND_AUTO;
	EXPECT_ERR(0, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = 3;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	cap.args[0] = ~0ull;
	EXPECT_ERR(EINVAL, self->bare, KVM_ENABLE_CAP, &cap);
	vcpu = ioctl(self->bare, KVM_CREATE_VCPU, 0);
	ASSERT_GE(vcpu, 0);
	cap.args[0] = KVM_MMU_KIND_AUTO;
	EXPECT_ERR(EBUSY, self->bare, KVM_ENABLE_CAP, &cap);
	close(vcpu);
}

TEST_F(vmfile, clock)
{
	struct kvm_clock_data c = { 0 };
	u64 t;

	memset(&c, 0xaa, sizeof(c));
	EXPECT_ERR(0, self->bare, KVM_GET_CLOCK, &c);
	EXPECT_EQ(0, c.pad0 | c.pad[0] | c.pad[3]);
	t = c.clock;
	EXPECT_ERR(0, self->bare, KVM_GET_CLOCK, &c);
	EXPECT_GE(c.clock, t);
	memset(&c, 0, sizeof(c));
	c.clock = 1000ull * 1000 * 1000 * 1000;
	EXPECT_ERR(0, self->bare, KVM_SET_CLOCK, &c);
	EXPECT_ERR(0, self->bare, KVM_GET_CLOCK, &c);
	EXPECT_GE(c.clock, 1000ull * 1000 * 1000 * 1000);
	EXPECT_GT(1010ull * 1000 * 1000 * 1000, c.clock);
	c.flags = 1u << 31;
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_CLOCK, &c);
}

TEST_F(vmfile, tsc_khz)
{
	int khz = ioctl(self->bare, KVM_GET_TSC_KHZ, 0), vcpu;

	ASSERT_LT(0, khz);
	/* as a host of the same kind measured its own */
	EXPECT_ERR(0, self->bare, KVM_SET_TSC_KHZ, khz + 1);
	EXPECT_EQ(khz + 1, ioctl(self->bare, KVM_GET_TSC_KHZ, 0));
	EXPECT_ERR(0, self->bare, KVM_SET_TSC_KHZ, 0);
	EXPECT_EQ(khz, ioctl(self->bare, KVM_GET_TSC_KHZ, 0));
	if (!kvm_check(KVM_CAP_VM_TSC_CONTROL))
		skip_test("no TSC scaling");
	EXPECT_ERR(0, self->bare, KVM_SET_TSC_KHZ, khz / 2);
	EXPECT_EQ(khz / 2, ioctl(self->bare, KVM_GET_TSC_KHZ, 0));
	vcpu = ioctl(self->bare, KVM_CREATE_VCPU, 0);
	ASSERT_GE(vcpu, 0);
	EXPECT_EQ(khz / 2, ioctl(vcpu, KVM_GET_TSC_KHZ, 0));
	/* of those created later */
	EXPECT_ERR(0, self->bare, KVM_SET_TSC_KHZ, khz);
	EXPECT_EQ(khz / 2, ioctl(vcpu, KVM_GET_TSC_KHZ, 0));
	close(vcpu);
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_TSC_KHZ, ~0ul);
	/* no TSC runs at more than 16 GHz */
	EXPECT_ERR(EINVAL, self->bare, KVM_SET_TSC_KHZ, 16000001);
}

TEST_F(vmfile, ioeventfd)
{
	struct kvm_ioeventfd e = {
		.addr = 0x10000000, .len = 4, .fd = eventfd(0, EFD_CLOEXEC),
	};

	EXPECT_ERR(0, self->bare, KVM_IOEVENTFD, &e);
	EXPECT_ERR(EEXIST, self->bare, KVM_IOEVENTFD, &e);
	e.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
	EXPECT_ERR(0, self->bare, KVM_IOEVENTFD, &e);
	EXPECT_ERR(ENOENT, self->bare, KVM_IOEVENTFD, &e);
	e.flags = 0;
	e.len = 3;
	EXPECT_ERR(EINVAL, self->bare, KVM_IOEVENTFD, &e);
	e.len = 8;
	e.addr = ~0ull - 3;
	EXPECT_ERR(EINVAL, self->bare, KVM_IOEVENTFD, &e);
	e.addr = 0x10000000;
	e.flags = 1u << 20;
	EXPECT_ERR(EINVAL, self->bare, KVM_IOEVENTFD, &e);
	e.flags = 0;
	e.fd = self->fd;
	EXPECT_ERR(EINVAL, self->bare, KVM_IOEVENTFD, &e);
	e.fd = 1000;
	EXPECT_ERR(EBADF, self->bare, KVM_IOEVENTFD, &e);
}

TEST_F(vmfile, irqfd)
{
	struct kvm_irqfd i = { .fd = eventfd(0, EFD_CLOEXEC), .gsi = 5 };

	EXPECT_ERR(0, self->irq, KVM_IRQFD, &i);
	EXPECT_ERR(EBUSY, self->irq, KVM_IRQFD, &i);
	i.flags = KVM_IRQFD_FLAG_DEASSIGN;
	EXPECT_ERR(0, self->irq, KVM_IRQFD, &i);
	i.flags = 1u << 20;
	EXPECT_ERR(EINVAL, self->irq, KVM_IRQFD, &i);
	i.flags = 0;
	i.fd = 1000;
	EXPECT_ERR(EBADF, self->irq, KVM_IRQFD, &i);
	i.fd = self->fd;
	EXPECT_ERR(EINVAL, self->irq, KVM_IRQFD, &i);
}

TEST_F(vmfile, coalesced_zones)
{
	struct kvm_coalesced_mmio_zone z = { .addr = 0x1000, .size = 0x1000 };

	EXPECT_ERR(0, self->bare, KVM_UNREGISTER_COALESCED_MMIO, &z);
	EXPECT_ERR(0, self->bare, KVM_REGISTER_COALESCED_MMIO, &z);
	EXPECT_ERR(0, self->bare, KVM_REGISTER_COALESCED_MMIO, &z);
	EXPECT_ERR(0, self->bare, KVM_UNREGISTER_COALESCED_MMIO, &z);
	z.pio = 1;
	EXPECT_ERR(0, self->bare, KVM_REGISTER_COALESCED_MMIO, &z);
	z.pio = 2;
	EXPECT_ERR(EINVAL, self->bare, KVM_REGISTER_COALESCED_MMIO, &z);
	EXPECT_ERR(EINVAL, self->bare, KVM_UNREGISTER_COALESCED_MMIO, &z);
}

TEST_F(vmfile, dirty_log)
{
	u64 bitmap[16];
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = { .slot = 0 };

	EXPECT_ERR(ENOENT, self->bare, KVM_GET_DIRTY_LOG, &log);
	log.slot = ~0u;
	EXPECT_ERR(EINVAL, self->bare, KVM_GET_DIRTY_LOG, &log);
	EXPECT_ERR(ENOENT, self->bare, KVM_CLEAR_DIRTY_LOG, &clear);
	clear.slot = ~0u;
	EXPECT_ERR(EINVAL, self->bare, KVM_CLEAR_DIRTY_LOG, &clear);
}

static int limit_ids(int vm, u64 max)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MAX_VCPU_ID, .args = { max },
	};

	return ioctl(vm, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

TEST(vcpu_ids_limited)
{
	int dev = kvm_open(), vm = ioctl(dev, KVM_CREATE_VM, 0ul);
	u64 most = ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	require(vm >= 0);
	EXPECT_EQ(EINVAL, limit_ids(vm, most + 1));
	EXPECT_EQ(EINVAL, limit_ids(vm, ~0ull));
	EXPECT_EQ(0, limit_ids(vm, 8));
	EXPECT_EQ(0, limit_ids(vm, 8));
	EXPECT_EQ(EINVAL, limit_ids(vm, 9));
	EXPECT_EQ(EINVAL, limit_ids(vm, 7));
	EXPECT_ERR(EINVAL, vm, KVM_SET_BOOT_CPU_ID, 8);
	EXPECT_ERR(0, vm, KVM_SET_BOOT_CPU_ID, 7);
	EXPECT_ERR(EINVAL, vm, KVM_CREATE_VCPU, 8);
	EXPECT_LE(0, ioctl(vm, KVM_CREATE_VCPU, 7ul));
	close(vm);

	/* not any more, once there is one */
	vm = ioctl(dev, KVM_CREATE_VM, 0ul);
	EXPECT_LE(0, ioctl(vm, KVM_CREATE_VCPU, 0ul));
	EXPECT_EQ(EINVAL, limit_ids(vm, 8));
	EXPECT_LE(0, ioctl(vm, KVM_CREATE_VCPU, most - 1));
	close(vm);
	close(dev);
}

TEST_HARNESS_MAIN
