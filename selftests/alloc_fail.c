// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that cannot be had: each allocation on the way of an ioctl fails once,
 * the ioctl fails (or does without), and nothing is left behind. Needs a host
 * kernel with fault injection (HOST=debug).
 */
#include "kvmtest.h"
#include <sys/eventfd.h>
#include <sys/mount.h>

static int nth_fd = -1;

/* Sleeping allocations fail too, any order, no message */
static bool can_inject(void)
{
	if (nth_fd >= 0)
		return true;
	if (access("/sys/kernel/debug/failslab", F_OK))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (!host_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N") ||
	    !host_write("/sys/kernel/debug/failslab/verbose", "0"))
		return false;
	host_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	host_write("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	host_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	return nth_fd >= 0;
}

/* An ioctl whose n-th allocation fails. *hit: there was an n-th. */
static int inject(unsigned int n, bool *hit, int fd, unsigned long cmd,
		  unsigned long arg)
{
	char text[16];
	int r, len, err;

	len = snprintf(text, sizeof(text), "%u", n);
	require(pwrite(nth_fd, text, len, 0) == len);
	r = ioctl(fd, cmd, arg);
	err = errno;
	memset(text, 0, sizeof(text));
	require(pread(nth_fd, text, sizeof(text) - 1, 0) > 0);
	*hit = !strtoul(text, NULL, 0);
	require(pwrite(nth_fd, "0", 1, 0) == 1);
	errno = err;
	return r < 0 ? -err : r;
}

static int module_refs(void)
{
	FILE *f = fopen("/sys/module/kvm/refcnt", "r");
	int refs = -1;

	if (f) {
		if (fscanf(f, "%d", &refs) != 1)
			refs = -1;
		fclose(f);
	}
	return refs;
}

#define MAX_ALLOCATIONS	2000

/*
 * The ioctl with its first, second ... allocation failing, until it gets by
 * without. Returns what it returns then.
 */
static int each_allocation(struct __test_metadata *_metadata, const char *what,
			   int fd, unsigned long cmd, unsigned long arg)
{
	unsigned int failed = 0;
	bool hit;
	int r;

	for (unsigned int n = 1; n < MAX_ALLOCATIONS; n++) {
		r = inject(n, &hit, fd, cmd, arg);
		if (r >= 0) {
			/* done with what was there, or nothing failed */
			if (!hit)
				return r;
			TH_LOG("%s: allocation %u failed without harm", what, n);
			return r;
		}
		EXPECT_TRUE(hit);
		EXPECT_TRUE(r == -ENOMEM || r == -ENFILE || r == -EFAULT) {
			TH_LOG("%s: allocation %u: %s", what, n, strerror(-r));
		}
		failed++;
	}
	EXPECT_TRUE(false) {
		TH_LOG("%s still fails", what);
	}
	return -1;
}

TEST(create)
{
	static u8 page[4096] __attribute__((aligned(4096)));
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = 0x10000, .memory_size = 4096,
		.userspace_addr = (u64)page, .flags = KVM_MEM_LOG_DIRTY_PAGES,
	};
	struct kvm_coalesced_mmio_zone zone = { .addr = 0, .size = 8 };
	struct kvm_pit_config pit = { 0 };
	struct kvm_ioeventfd ioev = { .addr = 0x100, .len = 2 };
	struct kvm_irqfd irqfd = { .gsi = 3 };
	int refs, dev, vm, vcpu, stats;

	if (!can_inject())
		skip_test("the host kernel has no fault injection");
	refs = module_refs();
	dev = kvm_open();
	ioev.fd = eventfd(0, EFD_CLOEXEC);
	irqfd.fd = ioev.fd;

#define EACH(fd, cmd, arg) \
	each_allocation(_metadata, #cmd, fd, cmd, (unsigned long)(arg))
	vm = EACH(dev, KVM_CREATE_VM, 0);
	ASSERT_GE(vm, 0);
	ASSERT_EQ(0, EACH(vm, KVM_SET_USER_MEMORY_REGION, &region));
	ASSERT_EQ(0, EACH(vm, KVM_CREATE_IRQCHIP, 0));
	ASSERT_EQ(0, EACH(vm, KVM_CREATE_PIT2, &pit));
	vcpu = EACH(vm, KVM_CREATE_VCPU, 0);
	ASSERT_GE(vcpu, 0);
	stats = EACH(vcpu, KVM_GET_STATS_FD, 0);
	ASSERT_GE(stats, 0);
	ASSERT_EQ(0, EACH(vm, KVM_REGISTER_COALESCED_MMIO, &zone));
	ASSERT_EQ(0, EACH(vm, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	ASSERT_EQ(0, EACH(vm, KVM_IOEVENTFD, &ioev));
	ASSERT_EQ(0, EACH(vm, KVM_IRQFD, &irqfd));
	region.flags = 0;
	ASSERT_EQ(0, EACH(vm, KVM_SET_USER_MEMORY_REGION, &region));
	region.memory_size = 0;
	ASSERT_EQ(0, EACH(vm, KVM_SET_USER_MEMORY_REGION, &region));

	close(stats);
	close(vcpu);
	close(vm);
	close(ioev.fd);
	close(dev);
	/* every file that failed half-way gave its reference back */
	EXPECT_EQ(refs, module_refs());
}

GUEST_SUITE(alloc_fail)

static void guest_touch(void)
{
	for (u64 gpa = G_DATA; gpa < G_DATA_END; gpa += 64 << 10)
		*(volatile u64 *)gpa = gpa;
	GUEST_DONE();
}

/* Page tables that cannot be made: KVM_RUN fails, and goes on the next time */
TEST_F(alloc_fail, run)
{
	bool hit = true;
	int r, failed = 0;

	if (!can_inject())
		skip_test("the host kernel has no fault injection");
	vcpu_set_entry(self->vcpu, guest_touch);
	for (unsigned int n = 1; n < MAX_ALLOCATIONS; n++) {
		r = inject(n, &hit, self->vcpu->fd, KVM_RUN, 0);
		if (!r)
			break;
		EXPECT_TRUE(r == -ENOMEM || r == -EFAULT || r == -EINTR) {
			TH_LOG("allocation %u: %s", n, strerror(-r));
		}
		failed++;
	}
	TH_LOG("KVM_RUN failed %d times", failed);
	EXPECT_EQ(KVM_EXIT_IO, self->vcpu->run->exit_reason);
	for (u64 gpa = G_DATA; gpa < G_DATA_END; gpa += 64 << 10)
		EXPECT_EQ(gpa, *(u64 *)vm_hva(self->vm, gpa));
}

TEST_HARNESS_MAIN
