// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life and death of VMs and of the module: owners that are killed, fork, close
 * files in any order, unload the module too early.
 */
#include "kvmtest.h"
#include <sys/syscall.h>

KIND_SUITE(lifecycle)

static void guest_ok(void)
{
	GUEST_RETURN(77);
}

static void guest_syncs(void)
{
	for (u64 i = 1; ; i++)
		GUEST_SYNC(i);
}

static void guest_spin(void)
{
	volatile u64 *n = (u64 *)G_DATA;

	for (;;)
		++*n;
}

/* ---- files ------------------------------------------------------------------- */

TEST_F(lifecycle, many_vms)
{
	for (int i = 0; i < 30; i++)
		ASSERT_EQ(77, guest_run(variant->kind, guest_ok));
}

TEST_F(lifecycle, many_vms_at_once)
{
	struct vm *vm[20];

	for (size_t i = 0; i < ARRAY_SIZE(vm); i++) {
		vm[i] = vm_new(variant->kind);
		vcpu_new(vm[i], 0, guest_syncs);
	}
	for (int round = 1; round < 4; round++)
		for (size_t i = 0; i < ARRAY_SIZE(vm); i++)
			expect_sync(vm[i]->vcpus[0], round);
	for (size_t i = 0; i < ARRAY_SIZE(vm); i++)
		vm_free(vm[(i * 7) % ARRAY_SIZE(vm)]);
}

/* The vCPU's file keeps the VM alive */
TEST_F(lifecycle, vm_file_closed_first)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_syncs);

	expect_sync(v, 1);
	close(vm->fd);
	expect_sync(v, 2);
	close(v->fd);
	/* The mapping of kvm_run outlives both files */
	ASSERT_EQ(KVM_EXIT_IO, v->run->exit_reason);
	v->run->immediate_exit = 1;
}

/* A VM that was made and never used, or only in part */
TEST_F(lifecycle, half_made)
{
	struct vm *vm;

	vm = vm_new_bare(variant->kind);
	vm_free(vm);
	vm = vm_new_bare(variant->kind);
	vcpu_new_bare(vm, 0);
	vcpu_new_bare(vm, 5);
	vm_free(vm);
	vm = vm_new(variant->kind);
	vm_free(vm);
}

TEST_F(lifecycle, many_vcpus)
{
	struct vm *vm = vm_new(variant->kind);

	for (int i = 0; i < G_MAX_VCPUS; i++)
		vcpu_new(vm, i, guest_syncs);
	for (int round = 1; round < 4; round++)
		for (int i = 0; i < G_MAX_VCPUS; i++)
			expect_sync(vm->vcpus[i], round);
	vm_free(vm);
}

/* Descriptors are closed by exec */
TEST_F(lifecycle, close_on_exec)
{
	struct vm *vm = vm_new_bare(variant->kind);
	struct vcpu *v = vcpu_new_bare(vm, 0);

	ASSERT_EQ(FD_CLOEXEC, fcntl(vm->fd, F_GETFD));
	ASSERT_EQ(FD_CLOEXEC, fcntl(v->fd, F_GETFD));
	vm_free(vm);
}

/* ---- the owner's memory ----------------------------------------------------------- */

static void guest_read_at(u64 a)
{
	GUEST_RETURN(*(volatile u8 *)a);
}

static void guest_write_at(u64 a)
{
	*(volatile u8 *)a = 5;
	GUEST_RETURN(0);
}

/* Memory that the owner has unmapped: KVM_RUN fails, until it is back */
TEST_F(lifecycle, memory_unmapped)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_read_at);
	char *p = vm_hva(vm, G_DATA);

	vcpu_args(v, 1, (u64)G_DATA);
	ASSERT_EQ(0, munmap(p, PAGE_4K));
	ASSERT_EQ(EFAULT, vcpu_run_raw(v));
	ASSERT_EQ(EFAULT, vcpu_run_raw(v));
	ASSERT_EQ(p, mmap(p, PAGE_4K, PROT_READ | PROT_WRITE,
			  MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	*p = 9;
	ASSERT_EQ(9, expect_done(v));
	vm_free(vm);
}

TEST_F(lifecycle, memory_read_only)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_write_at);
	char *p = vm_hva(vm, G_DATA);

	vcpu_args(v, 1, (u64)G_DATA);
	*p = 1;
	ASSERT_EQ(0, mprotect(p, PAGE_4K, PROT_READ));
	ASSERT_EQ(EFAULT, vcpu_run_raw(v));
	ASSERT_EQ(1, *p);
	ASSERT_EQ(0, mprotect(p, PAGE_4K, PROT_READ | PROT_WRITE));
	expect_done(v);
	ASSERT_EQ(5, *p);
	vm_free(vm);
}

/* ---- fork --------------------------------------------------------------------------- */

static int wait_status(pid_t pid)
{
	int status;

	require(waitpid(pid, &status, 0) == pid);
	return status;
}

/* A VM belongs to the address space that made it: elsewhere EIO */
TEST_F(lifecycle, fork_child_is_refused)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_syncs);
	int status;
	pid_t pid;

	expect_sync(v, 1);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		struct kvm_regs r;

		if (ioctl(v->fd, KVM_RUN, 0) != -1 || errno != EIO)
			_exit(10);
		if (ioctl(v->fd, KVM_GET_REGS, &r) != -1 || errno != EIO)
			_exit(11);
		if (vm_set_region(vm, 3, 0, 0x50000000, PAGE_4K, &r) != EIO)
			_exit(12);
		_exit(0);
	}
	status = wait_status(pid);
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(0, WEXITSTATUS(status));
	expect_sync(v, 2);
	vm_free(vm);
}

/* The child's copy of guest memory stays what it was; the parent's goes on */
TEST_F(lifecycle, fork_copies_memory)
{
	struct vm *vm = vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_write_at);
	volatile char *p = vm_hva(vm, G_DATA);
	int to_child[2], status;
	char c;
	pid_t pid;

	*p = 1;
	vcpu_args(v, 1, (u64)G_DATA + 8);
	expect_done(v);		/* the page is mapped writable */
	ASSERT_EQ(0, pipe(to_child));
	pid = fork();
	if (!pid) {
		if (read(to_child[0], &c, 1) != 1)
			_exit(20);
		_exit(*p == 1 ? 0 : 21);
	}
	vcpu_set_entry(v, guest_write_at);
	vcpu_args(v, 1, (u64)G_DATA);
	expect_done(v);
	ASSERT_EQ(5, *p);
	ASSERT_EQ(1, write(to_child[1], "x", 1));
	status = wait_status(pid);
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(0, WEXITSTATUS(status));
	vm_free(vm);
}

/* The owner is gone, a child still holds the files */
TEST_F(lifecycle, child_outlives_owner)
{
	int ready[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_new(variant->kind);
		struct vcpu *v = vcpu_new(vm, 0, guest_syncs);

		expect_sync(v, 1);
		if (!fork()) {
			close(ready[0]);
			usleep(20000);
			if (ioctl(v->fd, KVM_RUN, 0) != -1)
				_exit(1);
			c = errno == EIO ? 'y' : 'n';
			_exit(write(ready[1], &c, 1) != 1);
		}
		_exit(0);
	}
	status = wait_status(pid);
	ASSERT_EQ(0, status);
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ('y', c);
}

/* ---- killed -------------------------------------------------------------------------- */

static void *run_forever(void *arg)
{
	for (;;)
		vcpu_run_raw(arg);
	return NULL;
}

static void vmm_to_kill(unsigned int kind, int ready)
{
	struct vm *vm = vm_new(kind);

	for (int i = 0; i < 3; i++) {
		vcpu_new(vm, i, i == 1 ? (void *)guest_syncs : guest_spin);
		vcpu_thread(vm->vcpus[i], run_forever);
	}
	usleep(5000);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

TEST_F(lifecycle, kill_running)
{
	for (int round = 0; round < 5; round++) {
		int ready[2], status;
		pid_t pid;
		char c;

		ASSERT_EQ(0, pipe(ready));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid)
			vmm_to_kill(variant->kind, ready[1]);
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		close(ready[0]);
		kill(pid, SIGKILL);
		status = wait_status(pid);
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_EQ(SIGKILL, WTERMSIG(status));
	}
	ASSERT_EQ(77, guest_run(variant->kind, guest_ok));
}

/* One of many threads leaves while others run vCPUs */
TEST_F(lifecycle, exit_while_running)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		struct vm *vm = vm_new(variant->kind);

		for (int i = 0; i < 4; i++) {
			vcpu_new(vm, i, guest_spin);
			vcpu_thread(vm->vcpus[i], run_forever);
		}
		usleep(3000);
		_exit(3);
	}
	status = wait_status(pid);
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(3, WEXITSTATUS(status));
}

/* ---- the module ----------------------------------------------------------------------- */

static const char *module_name(void)
{
	return on_our_module() ? "kvm" : "kvm_intel";
}

static int unload(void)
{
	return syscall(SYS_delete_module, module_name(), O_NONBLOCK) ?
		errno : 0;
}

static int load(void)
{
	bool ours = !access("/root/kvm.ko", R_OK) &&
		    access("/sys/module/kvm", F_OK);
	const char *file = ours ? "/root/kvm.ko" :
		"/lib/modules-peer/kvm-intel.ko";
	const char *mmu = getenv("KVM_SELFTEST_MMU");
	int fd = open(file, O_RDONLY), err;
	char args[40];

	if (fd < 0)
		return errno;
	if (ours)
		snprintf(args, sizeof(args), "mmu=%s", mmu ?: "auto");
	else
		snprintf(args, sizeof(args), "enable_apicv=0 ept=%d",
			 !mmu || strcmp(mmu, "shadow"));
	err = syscall(SYS_finit_module, fd, args, 0) ? errno : 0;
	close(fd);
	return err;
}

/* Every kind of file of the module keeps it in place */
TEST(module_in_use)
{
	int dev = kvm_open(), vm, vcpu;
	void *run;

	ASSERT_EQ(EWOULDBLOCK, unload());
	vm = ioctl(dev, KVM_CREATE_VM, 0ul);
	ASSERT_GE(vm, 0);
	close(dev);
	ASSERT_EQ(EWOULDBLOCK, unload());
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0ul);
	ASSERT_GE(vcpu, 0);
	close(vm);
	ASSERT_EQ(EWOULDBLOCK, unload());
	run = mmap(NULL, PAGE_4K, PROT_READ, MAP_SHARED, vcpu, 0);
	ASSERT_NE(MAP_FAILED, run);
	close(vcpu);
	ASSERT_EQ(EWOULDBLOCK, unload());
	munmap(run, PAGE_4K);
}

/* With all closed it goes, and comes again, some times over */
TEST(module_reload)
{
	struct stat st;

	for (int i = 0; i < 3; i++) {
		int err = 0;

		/* Files are released a little after close(2) */
		for (int k = 0; k < 50; k++) {
			err = unload();
			if (err != EWOULDBLOCK)
				break;
			usleep(2000);
		}
		if (err == EPERM || err == ENOENT)
			skip_test("cannot unload: %s", strerror(err));
		ASSERT_EQ(0, err);
		ASSERT_EQ(-1, stat("/dev/kvm", &st));
		ASSERT_EQ(0, load());
		ASSERT_EQ(77, guest_run(KVM_MMU_KIND_AUTO, guest_ok));
	}
}

TEST_HARNESS_MAIN
