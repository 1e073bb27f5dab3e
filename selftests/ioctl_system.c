// SPDX-License-Identifier: GPL-2.0-only
/* /dev/kvm: ioctls good and bad */
#include <sys/resource.h>
#include "kvmtest.h"

#define BAD_POINTER	((void *)0x1000)

/* 0 or errno; a result that is no error is not looked at */
static int do_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	return ioctl(fd, cmd, arg) < 0 ? errno : 0;
}

#define EXPECT_ERR(err, fd, cmd, arg) \
	EXPECT_EQ(err, do_ioctl(fd, cmd, (unsigned long)(arg)))

FIXTURE(dev) { int fd; };

FIXTURE_SETUP(dev)
{
	self->fd = kvm_open();
}

FIXTURE_TEARDOWN(dev)
{
	close(self->fd);
}

TEST_F(dev, api_version)
{
	ASSERT_EQ(12, ioctl(self->fd, KVM_GET_API_VERSION, 0));
	EXPECT_ERR(EINVAL, self->fd, KVM_GET_API_VERSION, 1);
}

TEST_F(dev, mmap_size)
{
	int size = ioctl(self->fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	ASSERT_GE(size, (int)sizeof(struct kvm_run));
	ASSERT_EQ(0, size % 4096);
	EXPECT_ERR(EINVAL, self->fd, KVM_GET_VCPU_MMAP_SIZE, 1);
}

TEST_F(dev, not_ioctls)
{
	char c;

	EXPECT_ERR(EINVAL, self->fd, _IO(KVMIO, 0xff), 0);
	EXPECT_ERR(EINVAL, self->fd, _IO(0x12, 0x00), 0);
	/* right number, wrong size or direction */
	EXPECT_ERR(EINVAL, self->fd, _IOR(KVMIO, 0x00, int), 0);
	EXPECT_ERR(EINVAL, self->fd, _IOWR(KVMIO, 0x05, int), 0);
	/* of the other files */
	EXPECT_ERR(EINVAL, self->fd, KVM_CREATE_VCPU, 0);
	EXPECT_ERR(EINVAL, self->fd, KVM_RUN, 0);
	EXPECT_ERR(EINVAL, self->fd, KVM_CREATE_IRQCHIP, 0);

	ASSERT_EQ(-1, read(self->fd, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				   self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(dev, create_vm)
{
	int vm = ioctl(self->fd, KVM_CREATE_VM, 0);

	ASSERT_GE(vm, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(vm, F_GETFD));
	close(vm);
	EXPECT_ERR(EINVAL, self->fd, KVM_CREATE_VM, 1);
	EXPECT_ERR(EINVAL, self->fd, KVM_CREATE_VM, ~0ul);
	EXPECT_ERR(EINVAL, self->fd, KVM_CREATE_VM, 1ul << 32);
}

TEST_F(dev, create_vm_no_descriptor)
{
	struct rlimit old, few;
	int vm;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	few = old;
	few.rlim_cur = self->fd + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	for (int i = 0; i < 3; i++)
		EXPECT_ERR(EMFILE, self->fd, KVM_CREATE_VM, 0);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	vm = ioctl(self->fd, KVM_CREATE_VM, 0);
	ASSERT_GE(vm, 0);
	close(vm);
}

TEST_F(dev, check_extension)
{
	static const u32 needed[] = {
		KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_USER_MEMORY,
		KVM_CAP_SET_TSS_ADDR, KVM_CAP_EXT_CPUID, KVM_CAP_NR_VCPUS,
		KVM_CAP_NR_MEMSLOTS, KVM_CAP_NOP_IO_DELAY, KVM_CAP_MP_STATE,
		KVM_CAP_COALESCED_MMIO, KVM_CAP_SYNC_MMU,
		KVM_CAP_DESTROY_MEMORY_REGION_WORKS, KVM_CAP_USER_NMI,
		KVM_CAP_SET_GUEST_DEBUG, KVM_CAP_IRQ_ROUTING,
		KVM_CAP_IRQ_INJECT_STATUS, KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
		KVM_CAP_IRQFD, KVM_CAP_PIT, KVM_CAP_PIT2, KVM_CAP_PIT_STATE2,
		KVM_CAP_IOEVENTFD, KVM_CAP_SET_IDENTITY_MAP_ADDR,
		KVM_CAP_ADJUST_CLOCK, KVM_CAP_INTERNAL_ERROR_DATA,
		KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS, KVM_CAP_XSAVE,
		KVM_CAP_GET_TSC_KHZ, KVM_CAP_MAX_VCPUS, KVM_CAP_READONLY_MEM,
		KVM_CAP_ENABLE_CAP_VM, KVM_CAP_CHECK_EXTENSION_VM,
		KVM_CAP_MAX_VCPU_ID, KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_GET_MSR_FEATURES, KVM_CAP_COALESCED_PIO,
		KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CAP_SREGS2,
		KVM_CAP_BINARY_STATS_FD, KVM_CAP_DISABLE_QUIRKS2,
		KVM_CAP_ENABLE_CAP, KVM_CAP_MMU_SHADOW_CACHE_CONTROL,
		KVM_CAP_SET_BOOT_CPU_ID, KVM_CAP_EXT_EMUL_CPUID,
		KVM_CAP_VCPU_ATTRIBUTES,
		KVM_CAP_X86_ROBUST_SINGLESTEP, KVM_CAP_REINJECT_CONTROL,
		KVM_CAP_SIGNAL_MSI, KVM_CAP_IRQFD_RESAMPLE,
		KVM_CAP_IOEVENTFD_NO_LENGTH, KVM_CAP_IOEVENTFD_ANY_LENGTH,
		KVM_CAP_CLOCKSOURCE, KVM_CAP_KVMCLOCK_CTRL, KVM_CAP_ASYNC_PF,
		KVM_CAP_ASYNC_PF_INT,
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		EXPECT_LT(0, kvm_check(needed[i])) {
			TH_LOG("capability %u", needed[i]);
		}
	}
	EXPECT_EQ(0, ioctl(self->fd, KVM_CHECK_EXTENSION, 0xfffful));
	EXPECT_EQ(0, ioctl(self->fd, KVM_CHECK_EXTENSION, ~0ul));
	EXPECT_EQ(0, ioctl(self->fd, KVM_CHECK_EXTENSION,
			   (1ul << 32) + KVM_CAP_IRQCHIP));
	/* another architecture's */
	EXPECT_EQ(0, kvm_check(KVM_CAP_PPC_SEGSTATE));
	EXPECT_LE(4096, kvm_check(KVM_CAP_XSAVE2));
	/* the in-tree KVM has it and does not say so */
	if (on_our_module())
		EXPECT_EQ(1, kvm_check(KVM_CAP_INTR_SHADOW));
	EXPECT_EQ(KVM_COALESCED_MMIO_PAGE_OFFSET,
		  kvm_check(KVM_CAP_COALESCED_MMIO));
	EXPECT_EQ(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS,
		  kvm_check(KVM_CAP_SYNC_REGS));
	EXPECT_EQ(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
		  KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |
		  KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |
		  KVM_GUESTDBG_BLOCKIRQ, kvm_check(KVM_CAP_SET_GUEST_DEBUG2));
}

TEST_F(dev, check_extension_same_on_vm)
{
	int vm = ioctl(self->fd, KVM_CREATE_VM, 0);

	ASSERT_GE(vm, 0);
	for (unsigned long cap = 0; cap < 300; cap++) {
		EXPECT_EQ(ioctl(self->fd, KVM_CHECK_EXTENSION, cap),
			  ioctl(vm, KVM_CHECK_EXTENSION, cap)) {
			TH_LOG("capability %lu", cap);
		}
	}
	close(vm);
}

/* A list whose size is asked for with one that is too short */
static void check_msr_list(struct __test_metadata *_metadata, int fd,
			   unsigned long cmd)
{
	struct kvm_msr_list head = { .nmsrs = 0 }, *list;
	u32 n;

	EXPECT_ERR(EFAULT, fd, cmd, BAD_POINTER);
	EXPECT_ERR(E2BIG, fd, cmd, &head);
	n = head.nmsrs;
	ASSERT_NE(0, n);
	ASSERT_GT(1000, n);
	list = calloc(1, sizeof(*list) + (n + 1) * sizeof(u32));
	list->nmsrs = n - 1;
	EXPECT_ERR(E2BIG, fd, cmd, list);
	EXPECT_EQ(n, list->nmsrs);
	list->nmsrs = n + 1;
	list->indices[n] = 0x1234;
	EXPECT_ERR(0, fd, cmd, list);
	EXPECT_EQ(n, list->nmsrs);
	EXPECT_EQ(0x1234, list->indices[n]);
	for (u32 i = 0; i < n; i++) {
		for (u32 j = 0; j < i; j++)
			EXPECT_NE(list->indices[i], list->indices[j]);
	}
	free(list);
}

TEST_F(dev, msr_index_list)
{
	check_msr_list(_metadata, self->fd, KVM_GET_MSR_INDEX_LIST);
}

TEST_F(dev, msr_feature_index_list)
{
	check_msr_list(_metadata, self->fd, KVM_GET_MSR_FEATURE_INDEX_LIST);
}

TEST_F(dev, feature_msrs)
{
	struct kvm_msr_list head = { .nmsrs = 0 }, *list;
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e[1];
	} m = { .h.nmsrs = 1 };

	EXPECT_ERR(E2BIG, self->fd, KVM_GET_MSR_FEATURE_INDEX_LIST, &head);
	list = calloc(1, sizeof(*list) + head.nmsrs * sizeof(u32));
	list->nmsrs = head.nmsrs;
	EXPECT_ERR(0, self->fd, KVM_GET_MSR_FEATURE_INDEX_LIST, list);
	for (u32 i = 0; i < list->nmsrs; i++) {
		m.e[0].index = list->indices[i];
		EXPECT_EQ(1, ioctl(self->fd, KVM_GET_MSRS, &m)) {
			TH_LOG("MSR %#x", list->indices[i]);
		}
	}
	free(list);

	EXPECT_ERR(EFAULT, self->fd, KVM_GET_MSRS, BAD_POINTER);
	m.h.nmsrs = 0;
	EXPECT_EQ(0, ioctl(self->fd, KVM_GET_MSRS, &m));
	/* not a feature MSR: the first one that cannot be read ends it */
	m.h.nmsrs = 1;
	m.e[0].index = 0x10;
	EXPECT_EQ(0, ioctl(self->fd, KVM_GET_MSRS, &m));
	m.h.nmsrs = 1 << 20;
	EXPECT_ERR(E2BIG, self->fd, KVM_GET_MSRS, &m);
}

TEST_F(dev, supported_cpuid)
{
	struct kvm_cpuid2 head = { .nent = 0 }, *c;
	u32 n;

	EXPECT_ERR(EFAULT, self->fd, KVM_GET_SUPPORTED_CPUID, BAD_POINTER);
	EXPECT_ERR(E2BIG, self->fd, KVM_GET_SUPPORTED_CPUID, &head);
	c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	c->nent = 1;
	EXPECT_ERR(E2BIG, self->fd, KVM_GET_SUPPORTED_CPUID, c);
	c->nent = 256;
	ASSERT_EQ(0, do_ioctl(self->fd, KVM_GET_SUPPORTED_CPUID,
			      (unsigned long)c));
	n = c->nent;
	ASSERT_GT(256, n);
	ASSERT_LT(5, n);
	c->nent = n;
	EXPECT_ERR(0, self->fd, KVM_GET_SUPPORTED_CPUID, c);
	c->nent = n - 1;
	EXPECT_ERR(E2BIG, self->fd, KVM_GET_SUPPORTED_CPUID, c);
	free(c);
}

TEST_F(dev, emulated_cpuid)
{
	struct kvm_cpuid2 *c;

	EXPECT_ERR(EFAULT, self->fd, KVM_GET_EMULATED_CPUID, BAD_POINTER);
	c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	c->nent = 256;
	EXPECT_ERR(0, self->fd, KVM_GET_EMULATED_CPUID, c);
	/* it may well be empty */
	ASSERT_GT(256, c->nent);
	if (c->nent) {
		c->nent = 0;
		EXPECT_ERR(E2BIG, self->fd, KVM_GET_EMULATED_CPUID, c);
	}
	free(c);
}

/* Two calls on buffers that hold something else before: the same comes out */
TEST_F(dev, cpuid_leaves_nothing_undefined)
{
	const size_t size = sizeof(struct kvm_cpuid2) +
		256 * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *a = malloc(size), *b = malloc(size);

	memset(a, 0xaa, size);
	memset(b, 0x55, size);
	a->nent = 256;
	b->nent = 256;
	ASSERT_EQ(0, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, a));
	ASSERT_EQ(0, ioctl(self->fd, KVM_GET_SUPPORTED_CPUID, b));
	ASSERT_EQ(a->nent, b->nent);
	for (u32 i = 0; i < a->nent; i++) {
		EXPECT_EQ(0, memcmp(&a->entries[i], &b->entries[i],
				    sizeof(a->entries[i])));
	}
	free(a);
	free(b);
}

TEST_F(dev, mce_cap)
{
	u64 cap = 0;

	EXPECT_ERR(0, self->fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap);
	EXPECT_LE(1, kvm_check(KVM_CAP_MCE));
	EXPECT_ERR(EFAULT, self->fd, KVM_X86_GET_MCE_CAP_SUPPORTED, BAD_POINTER);
}

TEST_F(dev, attributes)
{
	u64 xcr0 = 0;
	struct kvm_device_attr attr = {
		.attr = KVM_X86_XCOMP_GUEST_SUPP, .addr = (u64)&xcr0,
	};

	if (!kvm_check(KVM_CAP_SYS_ATTRIBUTES))
		skip_test("no KVM_CAP_SYS_ATTRIBUTES");
	EXPECT_ERR(0, self->fd, KVM_HAS_DEVICE_ATTR, &attr);
	EXPECT_ERR(0, self->fd, KVM_GET_DEVICE_ATTR, &attr);
	EXPECT_EQ(GUEST_HAS_XSAVE() ? 3 : 0, xcr0 & 3);
	attr.addr = (u64)BAD_POINTER;
	EXPECT_ERR(EFAULT, self->fd, KVM_GET_DEVICE_ATTR, &attr);
	attr.attr = 77;
	EXPECT_ERR(ENXIO, self->fd, KVM_HAS_DEVICE_ATTR, &attr);
	EXPECT_ERR(ENXIO, self->fd, KVM_GET_DEVICE_ATTR, &attr);
	attr.attr = 0;
	attr.group = 1;
	EXPECT_ERR(ENXIO, self->fd, KVM_HAS_DEVICE_ATTR, &attr);
	EXPECT_ERR(EFAULT, self->fd, KVM_HAS_DEVICE_ATTR, BAD_POINTER);
}

TEST_HARNESS_MAIN
