// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls of 32-bit programs: made by INT 80H, with pointers below 4 GiB. This
 * program is linked there, so its static variables will do.
 */
#include "kvmtest.h"
#include <setjmp.h>

#define BASE	0x20000000ull
#define SLOT	5
#define NR_IOCTL32	54		/* arch/x86/entry/syscalls/syscall_32.tbl */
#define MSR_PAT_	0x277

static sigjmp_buf no_gate;

static void on_fault(int sig)
{
	siglongjmp(no_gate, 1);
}

/* 0 or above, or -errno */
static int ioctl32(int fd, u32 cmd, const void *arg)
{
	int ret;

	require((u64)arg >> 32 == 0);
	asm volatile("int $0x80" : "=a"(ret)
		     : "a"(NR_IOCTL32), "b"(fd), "c"(cmd), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static bool have_gate(void)
{
	struct sigaction sa = { .sa_handler = on_fault }, old;
	volatile bool have = false;

	require(!sigaction(SIGSEGV, &sa, &old));
	if (!sigsetjmp(no_gate, 1))
		have = ioctl32(-1, KVM_GET_API_VERSION, NULL) == -EBADF;
	require(!sigaction(SIGSEGV, &old, NULL));
	return have;
}

FIXTURE(compat) { struct vm *vm; struct vcpu *vcpu; };

KIND_VARIANTS(compat)

FIXTURE_SETUP(compat)
{
	if (!have_gate())
		skip_test("the host's kernel runs no 32-bit programs");
	self->vm = vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
}

FIXTURE_TEARDOWN(compat)
{
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

TEST_F(compat, files)
{
	int kvm = kvm_open(), vm;

	EXPECT_EQ(12, ioctl32(kvm, KVM_GET_API_VERSION, NULL));
	EXPECT_EQ(-EINVAL, ioctl32(kvm, KVM_CREATE_VM, (void *)1));
	vm = ioctl32(kvm, KVM_CREATE_VM, NULL);
	ASSERT_LE(0, vm);
	EXPECT_EQ(1, ioctl32(vm, KVM_CHECK_EXTENSION,
			     (void *)KVM_CAP_USER_MEMORY));
	EXPECT_EQ(-ENOTTY, ioctl32(vm, KVM_RUN, NULL));
	close(vm);
	close(kvm);
}

static void guest_count(void)
{
	u64 n = 0;

	for (;;) {
		(*(volatile u64 *)BASE)++;
		GUEST_SYNC(++n);
	}
}

/* Half of a union is the pointer, the other half whatever was there */
TEST_F(compat, dirty_log)
{
	static struct kvm_userspace_memory_region region;
	static struct kvm_clear_dirty_log clear;
	static struct kvm_dirty_log log;
	static struct kvm_regs regs;
	static u64 bitmap[2];
	void *mem = mem_anon(PAGE_2M, false);

	region = (struct kvm_userspace_memory_region) {
		.slot = SLOT, .flags = KVM_MEM_LOG_DIRTY_PAGES,
		.guest_phys_addr = BASE, .memory_size = PAGE_4K * 64,
		.userspace_addr = (u64)mem,
	};
	ASSERT_EQ(0, ioctl32(self->vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
	vcpu_set_entry(self->vcpu, guest_count);
	ASSERT_EQ(0, ioctl32(self->vcpu->fd, KVM_RUN, NULL));
	ASSERT_EQ(KVM_EXIT_IO, self->vcpu->run->exit_reason);
	ASSERT_EQ(0, ioctl32(self->vcpu->fd, KVM_GET_REGS, &regs));
	EXPECT_EQ(1, regs.rdi);

	log.slot = SLOT;
	log.padding2 = 0x1234567800000000 | (u64)bitmap;
	ASSERT_EQ(0, ioctl32(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(1, bitmap[0]);
	ASSERT_EQ(0, ioctl32(self->vm->fd, KVM_GET_DIRTY_LOG, &log));
	EXPECT_EQ(0, bitmap[0]);
	clear.slot = SLOT;
	clear.num_pages = 64;
	clear.padding2 = 0x1234567800000000 | (u64)bitmap;
	bitmap[0] = 1;
	EXPECT_EQ(0, ioctl32(self->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
}

TEST_F(compat, signal_mask)
{
	static struct { u32 len; u64 set; } __attribute__((packed)) mask;

	mask.len = 8;
	mask.set = 1 << (SIGUSR1 - 1);
	EXPECT_EQ(0, ioctl32(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	mask.len = 4;
	EXPECT_EQ(-EINVAL, ioctl32(self->vcpu->fd, KVM_SET_SIGNAL_MASK, &mask));
	EXPECT_EQ(0, ioctl32(self->vcpu->fd, KVM_SET_SIGNAL_MASK, NULL));
}

/* ---- the one whose structure has another size --------------------------------- */

struct filter32 {
	u32 flags;
	struct {
		u32 flags, nmsrs, base, bitmap;
	} ranges[KVM_MSR_FILTER_MAX_RANGES];
};

#define SET_MSR_FILTER32	_IOW(KVMIO, 0xc6, struct filter32)

static void guest_pat(void)
{
	u32 lo = 0, hi = 0;

	for (;;) {
		asm volatile(TRY("rdmsr") : "+a"(lo), "+d"(hi) : "c"(MSR_PAT_));
		GUEST_SYNC_ARGS(1, caught(), 0, 0, 0);
	}
}

static u64 read_pat(struct vcpu *v)
{
	expect_sync(v, 1);
	return v->uc[1];
}

TEST_F(compat, msr_filter)
{
	static struct filter32 f, none;
	static u8 bits[8];
	int vm = self->vm->fd;

	vcpu_set_entry(self->vcpu, guest_pat);
	EXPECT_EQ(GUEST_NO_EXCEPTION, read_pat(self->vcpu));
	memset(&f, 0, sizeof(f));
	f.ranges[0].flags = KVM_MSR_FILTER_READ;
	f.ranges[0].nmsrs = 8;
	f.ranges[0].base = 0x270;
	f.ranges[0].bitmap = (u32)(u64)bits;
	EXPECT_EQ(0, ioctl32(vm, SET_MSR_FILTER32, &f));
	EXPECT_EQ(VEC_GP, read_pat(self->vcpu));
	bits[0] = 0x80;
	EXPECT_EQ(0, ioctl32(vm, SET_MSR_FILTER32, &f));
	EXPECT_EQ(GUEST_NO_EXCEPTION, read_pat(self->vcpu));
	f.ranges[0].bitmap = 0;
	EXPECT_EQ(-EFAULT, ioctl32(vm, SET_MSR_FILTER32, &f));
	f.ranges[0].flags = 8;
	EXPECT_EQ(-EINVAL, ioctl32(vm, SET_MSR_FILTER32, &f));
	f.flags = 2;
	EXPECT_EQ(-EINVAL, ioctl32(vm, SET_MSR_FILTER32, &f));
	EXPECT_EQ(-EFAULT, ioctl32(vm, SET_MSR_FILTER32, (void *)8));
	EXPECT_EQ(0, ioctl32(vm, SET_MSR_FILTER32, &none));
	/* a 64-bit program has no such ioctl */
	EXPECT_EQ(-1, ioctl(vm, SET_MSR_FILTER32, &none));
	EXPECT_EQ(ENOTTY, errno);
}

TEST_HARNESS_MAIN
