// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd and ioeventfd.
 *
 * again: tpr_shadow=N
 */
#include "irq.h"

IRQ_SUITE(irqchip_eventfd)

static int irqfd(struct vm *vm, int fd, u32 gsi, u32 flags, int resamplefd)
{
	struct kvm_irqfd a = {
		.fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resamplefd,
	};

	return ioctl(vm->fd, KVM_IRQFD, &a) ? errno : 0;
}

static int ioeventfd(struct vm *vm, int fd, u64 addr, u32 len, u32 flags,
		     u64 match)
{
	struct kvm_ioeventfd a = {
		.fd = fd, .addr = addr, .len = len, .flags = flags,
		.datamatch = match,
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &a) ? errno : 0;
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	require(fd >= 0);
	return fd;
}

static void signal_fd(int fd)
{
	u64 one = 1;

	require(write(fd, &one, sizeof(one)) == sizeof(one));
}

/* What has been counted since the last call */
static u64 taken(int fd)
{
	u64 n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* ---- irqfd ------------------------------------------------------------------- */

static void guest_irqfd(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(20, 0x50, 0);
	for (;;) {
		GUEST_SYNC(1);
		irq_nr = 0;
		irq_window();
		irq_window();
		GUEST_SYNC_ARGS(2, irq_nr, irq_order[0], irq_hits[0x50],
				irq_hits[0x91]);
	}
}

/* Let the guest take what is pending; how many came */
static u64 window(struct vcpu *v)
{
	u64 n;

	expect_sync(v, 2);
	n = v->uc[1];
	expect_sync(v, 1);
	return n;
}

TEST_F(irqchip_eventfd, edge)
{
	struct vcpu *v = self->vcpu;
	int fd = new_eventfd();

	vcpu_set_entry(v, guest_irqfd);
	expect_sync(v, 1);
	ASSERT_EQ(0, irqfd(self->vm, fd, 20, 0, 0));
	ASSERT_EQ(0, window(v));
	signal_fd(fd);
	/* consumed: user space sees nothing of it */
	ASSERT_EQ(0, taken(fd));
	ASSERT_EQ(1, window(v));
	signal_fd(fd);
	signal_fd(fd);
	ASSERT_EQ(1, window(v));
	/* the same eventfd twice would steal from itself */
	ASSERT_EQ(EBUSY, irqfd(self->vm, fd, 21, 0, 0));
	ASSERT_EQ(0, irqfd(self->vm, fd, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	signal_fd(fd);
	ASSERT_EQ(1, taken(fd));
	ASSERT_EQ(0, window(v));
	/* signalled before it was assigned */
	signal_fd(fd);
	ASSERT_EQ(0, irqfd(self->vm, fd, 20, 0, 0));
	usleep(10000);
	ASSERT_EQ(1, window(v));
	/* closing ends it */
	close(fd);
	ASSERT_EQ(0, window(v));
}

TEST_F(irqchip_eventfd, msi)
{
	struct kvm_irq_routing_entry e = route_msi(40, 0xfee00000, 0x91);
	struct vcpu *v = self->vcpu;
	int fd = new_eventfd();

	vcpu_set_entry(v, guest_irqfd);
	expect_sync(v, 1);
	ASSERT_EQ(0, set_routing(self->vm, 1, &e));
	ASSERT_EQ(0, irqfd(self->vm, fd, 40, 0, 0));
	signal_fd(fd);
	ASSERT_EQ(1, window(v));
	/* a new route for the same line */
	e = route_msi(40, 0xfee00000, 0x50);
	ASSERT_EQ(0, set_routing(self->vm, 1, &e));
	signal_fd(fd);
	expect_sync(v, 2);
	ASSERT_EQ(0x50, v->uc[2]);
	expect_sync(v, 1);
	/* no route */
	ASSERT_EQ(0, set_routing(self->vm, 0, &e));
	signal_fd(fd);
	ASSERT_EQ(0, window(v));
	close(fd);
}

static void guest_resample(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(19, RTE_LEVEL | 0x55, 0);
	for (;;) {
		GUEST_SYNC(1);
		irq_nr = 0;
		irq_window();
		irq_window();
		GUEST_SYNC_ARGS(2, irq_nr, ioapic_read(0x10 + 2 * 19), 0, 0);
	}
}

TEST_F(irqchip_eventfd, level)
{
	int fd = new_eventfd(), re = new_eventfd();
	int fd2 = new_eventfd(), re2 = new_eventfd();
	struct vcpu *v = self->vcpu;
	struct kvm_irqchip c;

	vcpu_set_entry(v, guest_resample);
	expect_sync(v, 1);
	ASSERT_EQ(0, irqfd(self->vm, fd, 19, KVM_IRQFD_FLAG_RESAMPLE, re));
	ASSERT_EQ(0, irqfd(self->vm, fd2, 19, KVM_IRQFD_FLAG_RESAMPLE, re2));
	signal_fd(fd);
	c = irqchip_state(self->vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(1 << 19, c.chip.ioapic.irr);
	ASSERT_EQ(0, taken(re));
	/* one interrupt; the EOI lets go of the line and tells all */
	ASSERT_EQ(1, window(v));
	ASSERT_EQ(1, taken(re));
	ASSERT_EQ(1, taken(re2));
	c = irqchip_state(self->vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(0, c.chip.ioapic.irr);
	/* the device still wants service */
	signal_fd(fd2);
	ASSERT_EQ(1, window(v));
	ASSERT_EQ(1, taken(re));
	/* held by user space as well: it stays asserted */
	irq_line(self->vm, 19, 1);
	signal_fd(fd);
	expect_sync(v, 2);
	ASSERT_LE(1, v->uc[1]);
	expect_sync(v, 1);
	irq_line(self->vm, 19, 0);
	ASSERT_GE(2, window(v));
	ASSERT_EQ(0, window(v));
	taken(re);
	taken(re2);
	/* the last one that goes lets go of the line */
	ASSERT_EQ(0, irqfd(self->vm, fd2, 19, KVM_IRQFD_FLAG_DEASSIGN, 0));
	signal_fd(fd);
	ASSERT_EQ(0, irqfd(self->vm, fd, 19, KVM_IRQFD_FLAG_DEASSIGN, 0));
	c = irqchip_state(self->vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(0, c.chip.ioapic.irr);
	close(fd);
	close(re);
	close(fd2);
	close(re2);
}

#define PIC_LINE	5

static void guest_auto_eoi(void)
{
	pic_init(3);
	irq_handler(0x20, 0x2f, irq_pic);
	outb(0x4d0, 1 << PIC_LINE);
	outb(0x21, (u8)~(1 << PIC_LINE));
	for (u64 n = 1;; n++) {
		GUEST_SYNC(n);
		while (irq_hits[0x20 + PIC_LINE] < n)
			irq_wait();
	}
}

/* The PIC's acknowledgment is the EOI */
TEST_F(irqchip_eventfd, auto_eoi)
{
	int fd = new_eventfd(), re = new_eventfd();
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_auto_eoi);
	expect_sync(v, 1);
	ASSERT_EQ(0, irqfd(self->vm, fd, PIC_LINE, KVM_IRQFD_FLAG_RESAMPLE, re));
	for (int i = 2; i < 10; i++) {
		signal_fd(fd);
		expect_sync(v, i);
		ASSERT_EQ(1, taken(re));
	}
	close(fd);
	close(re);
}

/* A halted vCPU in another thread is woken */
static void guest_sleeper(void)
{
	x2apic_on();
	irq_handler(0x30, 0xfe, irq_x2apic);
	ioapic_rte(20, 0x50, 0);
	GUEST_SYNC(1);
	while (irq_hits[0x50] < 3)
		irq_wait();
	GUEST_DONE();
}

TEST_F(irqchip_eventfd, wakes)
{
	volatile u64 *hits;
	int fd = new_eventfd();
	pthread_t t;
	u64 i;

	vcpu_set_entry(self->vcpu, guest_sleeper);
	expect_sync(self->vcpu, 1);
	ASSERT_EQ(0, irqfd(self->vm, fd, 20, 0, 0));
	hits = &(*guest_var(self->vm, irq_hits))[0x50];
	t = vcpu_thread_done(self->vcpu);
	for (i = 0; i < 3; i++) {
		usleep(3000);
		signal_fd(fd);
		while (*hits <= i)
			sched_yield();
	}
	pthread_join(t, NULL);
	close(fd);
}

TEST_F(irqchip_eventfd, irqfd_arguments)
{
	int fd = new_eventfd(), pipes[2];

	ASSERT_EQ(EBADF, irqfd(self->vm, -1, 20, 0, 0));
	require(!pipe(pipes));
	ASSERT_EQ(EINVAL, irqfd(self->vm, pipes[0], 20, 0, 0));
	ASSERT_EQ(EINVAL, irqfd(self->vm, fd, 20, 4, 0));
	if (on_our_module())
		ASSERT_EQ(EINVAL, irqfd(self->vm, fd, 5000, 0, 0));
	ASSERT_EQ(EINVAL, irqfd(self->vm, fd, 20, KVM_IRQFD_FLAG_RESAMPLE,
				pipes[0]));
	/* never assigned: nothing to do */
	ASSERT_EQ(0, irqfd(self->vm, fd, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

/* As many as may share a line; they end by deassignment, by closing, with the VM */
TEST_F(irqchip_eventfd, resample_many)
{
	struct vm *vm = irq_vm_new(variant->kind);
	u32 max = on_our_module() ? 256 : 100;
	const u32 re = KVM_IRQFD_FLAG_RESAMPLE;
	int *fd = calloc(max + 1, sizeof(*fd));
	int told = new_eventfd();
	struct kvm_irqchip c;

	for (u32 i = 0; i <= max; i++)
		fd[i] = new_eventfd();
	for (u32 i = 0; i < max; i++)
		ASSERT_EQ(0, irqfd(vm, fd[i], 19, re, told));
	if (on_our_module()) {
		ASSERT_EQ(ENOSPC, irqfd(vm, fd[max], 19, re, told));
		ASSERT_EQ(0, irqfd(vm, fd[max], 18, re, told));
		ASSERT_EQ(0, irqfd(vm, fd[0], 19, KVM_IRQFD_FLAG_DEASSIGN, 0));
		ASSERT_EQ(0, irqfd(vm, fd[0], 19, re, told));
	}
	signal_fd(fd[1]);
	c = irqchip_state(vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(1 << 19, c.chip.ioapic.irr);
	for (u32 i = 0; i < max; i += 2)
		close(fd[i]);
	for (u32 i = 1; i < max - 1; i += 2)
		ASSERT_EQ(0, irqfd(vm, fd[i], 19, KVM_IRQFD_FLAG_DEASSIGN, 0));
	c = irqchip_state(vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(1 << 19, c.chip.ioapic.irr);
	ASSERT_EQ(0, irqfd(vm, fd[max - 1], 19, KVM_IRQFD_FLAG_DEASSIGN, 0));
	c = irqchip_state(vm, KVM_IRQCHIP_IOAPIC);
	ASSERT_EQ(0, c.chip.ioapic.irr);
	vm_free(vm);
	for (u32 i = 1; i <= max; i += i < max - 1 ? 2 : 1)
		close(fd[i]);
	close(told);
	free(fd);
}

TEST_F(irqchip_eventfd, outlived_by_eventfd)
{
	struct vm *vm = irq_vm_new(variant->kind);
	int fd = new_eventfd(), re = new_eventfd();

	ASSERT_EQ(0, irqfd(vm, fd, 20, KVM_IRQFD_FLAG_RESAMPLE, re));
	signal_fd(fd);
	vm_free(vm);
	signal_fd(fd);
	ASSERT_EQ(1, taken(fd));
	close(fd);
	close(re);
}

/* ---- ioeventfd --------------------------------------------------------------- */

#define PORT	0x5000
#define MMIO	0xd0000000ull

static void guest_ports(void)
{
	outb(PORT, 1);
	outw(PORT, 2);
	outl(PORT, 3);
	outw(PORT, 0x1234);
	GUEST_DONE();
}

TEST_F(irqchip_eventfd, ports)
{
	const u32 pio = KVM_IOEVENTFD_FLAG_PIO;
	const u32 match = pio | KVM_IOEVENTFD_FLAG_DATAMATCH;
	struct vcpu *v = self->vcpu;
	int b = new_eventfd(), w = new_eventfd();

	ASSERT_EQ(0, ioeventfd(self->vm, b, PORT, 1, pio, 0));
	ASSERT_EQ(0, ioeventfd(self->vm, w, PORT, 2, match, 0x1234));
	vcpu_set_entry(v, guest_ports);
	/* what matches none goes to user space */
	ASSERT_EQ(2, *(u16 *)expect_pio(v, PORT, true, 2, 1));
	ASSERT_EQ(1, taken(b));
	ASSERT_EQ(3, *(u32 *)expect_pio(v, PORT, true, 4, 1));
	expect_done(v);
	ASSERT_EQ(1, taken(w));
	ASSERT_EQ(0, taken(b));
	/* who is gone does not answer */
	ASSERT_EQ(0, ioeventfd(self->vm, b, PORT, 1,
			       pio | KVM_IOEVENTFD_FLAG_DEASSIGN, 0));
	vcpu_set_entry(v, guest_ports);
	ASSERT_EQ(1, *(u8 *)expect_pio(v, PORT, true, 1, 1));
	close(b);
	close(w);
}

static void guest_mmio(void)
{
	write8(MMIO, 1);
	write16(MMIO, 2);
	write32(MMIO, 3);
	write64(MMIO, 4);
	write32(MMIO + 8, 5);
	write64(MMIO + 8, 0x1122334455667788);
	GUEST_DONE();
}

TEST_F(irqchip_eventfd, mmio)
{
	const u32 match = KVM_IOEVENTFD_FLAG_DATAMATCH;
	struct vcpu *v = self->vcpu;
	int any = new_eventfd(), q = new_eventfd();

	/* any length */
	ASSERT_EQ(0, ioeventfd(self->vm, any, MMIO, 0, 0, 0));
	ASSERT_EQ(0, ioeventfd(self->vm, q, MMIO + 8, 8, match,
			       0x1122334455667788));
	vcpu_set_entry(v, guest_mmio);
	ASSERT_EQ(5, *(u32 *)expect_mmio(v, MMIO + 8, true, 4));
	ASSERT_EQ(4, taken(any));
	expect_done(v);
	ASSERT_EQ(1, taken(q));
	close(any);
	close(q);
}

TEST_F(irqchip_eventfd, ioeventfd_arguments)
{
	const u32 match = KVM_IOEVENTFD_FLAG_DATAMATCH;
	const u32 gone = KVM_IOEVENTFD_FLAG_DEASSIGN;
	int fd = new_eventfd(), fd2 = new_eventfd();
	struct vm *vm = self->vm;

	ASSERT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 3, 0, 0));
	ASSERT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 16, 0, 0));
	ASSERT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 0, match, 0));
	ASSERT_EQ(EINVAL, ioeventfd(vm, fd, MMIO, 4, 1 << 8, 0));
	ASSERT_EQ(EINVAL, ioeventfd(vm, fd, ~0ull, 4, 0, 0));
	ASSERT_EQ(EBADF, ioeventfd(vm, -1, MMIO, 4, 0, 0));
	ASSERT_EQ(ENOENT, ioeventfd(vm, fd, MMIO, 4, gone, 0));
	ASSERT_EQ(0, ioeventfd(vm, fd, MMIO, 4, match, 1));
	ASSERT_EQ(0, ioeventfd(vm, fd2, MMIO, 4, match, 2));
	ASSERT_EQ(EEXIST, ioeventfd(vm, fd2, MMIO, 4, match, 1));
	ASSERT_EQ(EEXIST, ioeventfd(vm, fd2, MMIO, 4, 0, 0));
	ASSERT_EQ(EEXIST, ioeventfd(vm, fd2, MMIO, 0, 0, 0));
	ASSERT_EQ(0, ioeventfd(vm, fd2, MMIO, 8, 0, 0));
	ASSERT_EQ(ENOENT, ioeventfd(vm, fd, MMIO, 4, gone | match, 2));
	ASSERT_EQ(0, ioeventfd(vm, fd2, MMIO, 4, gone | match, 2));
	ASSERT_EQ(0, ioeventfd(vm, fd, MMIO, 4, gone | match, 1));
	ASSERT_EQ(ENOENT, ioeventfd(vm, fd, MMIO, 4, gone | match, 1));
	close(fd);
	close(fd2);
}

static void guest_many(void)
{
	write32(MMIO + 64, 139);
	write32(MMIO + 64, 140);
	write16(MMIO + 4096 + 999 * 4, 1);
	GUEST_DONE();
}

/* As a machine with many virtqueues has them, and takes them away */
TEST_F_TIMEOUT(irqchip_eventfd, ioeventfd_many, 120)
{
	const u32 match = KVM_IOEVENTFD_FLAG_DATAMATCH;
	const u32 gone = KVM_IOEVENTFD_FLAG_DEASSIGN;
	int fd = new_eventfd(), last = new_eventfd();
	struct vm *vm = self->vm;

	for (u64 i = 0; i < 140; i++)
		ASSERT_EQ(0, ioeventfd(vm, i == 139 ? last : fd, MMIO + 64, 4,
				       match, i));
	for (u64 i = 0; i < 1000; i++)
		ASSERT_EQ(0, ioeventfd(vm, i == 999 ? last : fd,
				       MMIO + 4096 + i * 4, 2, 0, 0));
	vcpu_set_entry(self->vcpu, guest_many);
	/* that none of them waits for */
	ASSERT_EQ(140, *(u32 *)expect_mmio(self->vcpu, MMIO + 64, true, 4));
	ASSERT_EQ(1, taken(last));
	expect_done(self->vcpu);
	ASSERT_EQ(1, taken(last));
	ASSERT_EQ(0, taken(fd));
	for (u64 i = 0; i < 100; i++)
		ASSERT_EQ(0, ioeventfd(vm, fd, MMIO + 64, 4, gone | match, i));
	close(fd);
	close(last);
}

TEST_HARNESS_MAIN
