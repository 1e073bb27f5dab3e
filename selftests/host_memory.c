// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory that is not plain anonymous memory: poisoned pages, a device's
 * memory (VM_PFNMAP), pages that user space itself brings (userfaultfd).
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define BASE	0x20000000ull
#define SLOT	5
#define PAGES	64
#define SIZE	(PAGES * PAGE_4K)

#include "fill.h"

GUEST_SUITE(host_memory)

/* ---- poisoned pages --------------------------------------------------------- */

static volatile sig_atomic_t bus_code;
static void *volatile bus_addr;

static void on_bus(int sig, siginfo_t *info, void *ctx)
{
	bus_code = info->si_code;
	bus_addr = info->si_addr;
}

static void catch_bus(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO,
	};

	require(!sigaction(SIGBUS, &sa, NULL));
}

/* The page stays lost: not with the memory of somebody's own machine */
static bool emulated_host(void)
{
	char line[80];
	bool native = false;
	FILE *f = fopen("/testhost/settings", "r");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (!strcmp(line, "native=y\n"))
			native = true;
	fclose(f);
	return !native;
}

static bool poison(char *page)
{
	return emulated_host() && !madvise(page, PAGE_4K, MADV_HWPOISON);
}

/*
 * SIGBUS says which page, KVM_RUN ends as for any signal, and with another page
 * in its place the guest goes on where it was.
 */
TEST_F(host_memory, poisoned)
{
	char *mem = vm_add_mem(self->vm, SLOT, BASE, SIZE, 0);
	char *bad = mem + 5 * PAGE_4K;

	catch_bus();
	fill(self->vcpu, 100);
	if (!poison(bad))
		skip_test("the host cannot poison pages: %s", strerror(errno));
	EXPECT_EQ(0, kvm_audit());
	for (int i = 0; i < 2; i++) {
		bus_code = 0;
		vcpu_set_entry(self->vcpu, guest_check);
		vcpu_args(self->vcpu, 1, 100ul);
		ASSERT_EQ(EINTR, vcpu_run_raw(self->vcpu));
		ASSERT_EQ(BUS_MCEERR_AR, bus_code);
		ASSERT_EQ(bad, (char *)bus_addr);
	}
	/* its neighbours are as they were */
	ASSERT_EQ(104, *(u64 *)(bad - PAGE_4K));
	ASSERT_EQ(106, *(u64 *)(bad + PAGE_4K));
	require(mmap(bad, PAGE_4K, PROT_READ | PROT_WRITE, MAP_FIXED |
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == bad);
	*(u64 *)bad = 105;
	ASSERT_EQ(0, expect_done(self->vcpu));
	fill(self->vcpu, 200);
	ASSERT_EQ(0, wrong(self->vcpu, 200));
}

/* The emulator and KVM_TRANSLATE meet one: an error, no harm */
TEST_F(host_memory, poisoned_page_table)
{
	struct kvm_translation tr = { .linear_address = 0x20000000000 };
	char *mem = vm_add_mem(self->vm, SLOT, BASE, SIZE, 0);
	struct kvm_sregs s = vcpu_sregs(self->vcpu);

	catch_bus();
	memset(mem, 0, SIZE);
	if (!poison(mem))
		skip_test("the host cannot poison pages: %s", strerror(errno));
	s.cr3 = BASE;
	vcpu_set_sregs(self->vcpu, &s);
	ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_TRANSLATE, &tr));
	ASSERT_EQ(0, tr.valid);
	/* the CPU's own walk: SIGBUS, or no way to go on */
	vcpu_run_raw(self->vcpu);
	EXPECT_EQ(0, kvm_audit());
}

/* A poisoned huge page: the guest loses 4K of it, or all of it, no more */
TEST_F(host_memory, poisoned_in_a_huge_page)
{
	char *mem = mem_anon(PAGE_2M, true);

	catch_bus();
	memset(mem, 0, PAGE_2M);
	require(!vm_set_region(self->vm, SLOT, 0, BASE, PAGE_2M, mem));
	fill(self->vcpu, 100);
	if (!poison(mem + 7 * PAGE_4K))
		skip_test("the host cannot poison pages: %s", strerror(errno));
	EXPECT_EQ(0, kvm_audit());
	vcpu_set_entry(self->vcpu, guest_check);
	vcpu_args(self->vcpu, 1, 100ul);
	ASSERT_EQ(EINTR, vcpu_run_raw(self->vcpu));
	ASSERT_EQ(BUS_MCEERR_AR, bus_code);
	for (int i = 0; i < 7; i++)
		ASSERT_EQ(100 + i, *(u64 *)(mem + i * PAGE_4K));
	require(!munmap(mem, PAGE_2M));
}

/* ---- a device's memory ------------------------------------------------------------ */

#define VGA_TEXT	0xb8000ul
#define VGA_SIZE	0x8000ul
#define VGA_UNSEEN	0x4000ul	/* from here on nothing is on the screen */

static void guest_bytes(u64 from, u64 size)
{
	volatile u8 *p = (u8 *)BASE;
	u64 bad = 0;

	for (u64 i = from; i < size; i += 2)
		p[i] = i * 7 + (i >> 8);
	for (u64 i = from; i < size; i += 2)
		bad += p[i] != (u8)(i * 7 + (i >> 8));
	GUEST_RETURN(bad);
}

TEST_F(host_memory, device_memory)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC);
	volatile u8 *vga;

	if (fd < 0)
		skip_test("/dev/mem: %s", strerror(errno));
	vga = mmap(NULL, VGA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   VGA_TEXT);
	if (vga == MAP_FAILED)
		skip_test("mmap of /dev/mem: %s", strerror(errno));
	vga[VGA_UNSEEN] = 0x5a;
	if (vga[VGA_UNSEEN] != 0x5a)
		skip_test("no VGA memory there");
	require(!vm_set_region(self->vm, SLOT, 0, BASE, VGA_SIZE, (void *)vga));
	vcpu_set_entry(self->vcpu, guest_bytes);
	vcpu_args(self->vcpu, 2, VGA_UNSEEN, VGA_SIZE);
	ASSERT_EQ(0, expect_done(self->vcpu));
	EXPECT_EQ(0, kvm_audit());
	for (u64 i = VGA_UNSEEN; i < VGA_SIZE; i += 2)
		ASSERT_EQ((u8)(i * 7 + (i >> 8)), vga[i]);

	/* its protection changes, it goes, and it comes back */
	require(!mprotect((void *)vga, VGA_SIZE, PROT_READ));
	EXPECT_EQ(0, kvm_audit());
	vcpu_set_entry(self->vcpu, guest_bytes);
	vcpu_args(self->vcpu, 2, VGA_UNSEEN, VGA_SIZE);
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	/* what its owner may not even read */
	require(!mprotect((void *)vga, VGA_SIZE, PROT_NONE));
	vcpu_set_entry(self->vcpu, guest_check);
	vcpu_args(self->vcpu, 1, 0ull);
	if (on_our_module())
		ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	vcpu_set_entry(self->vcpu, guest_bytes);
	vcpu_args(self->vcpu, 2, VGA_UNSEEN, VGA_SIZE);
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	require(!munmap((void *)vga, VGA_SIZE));
	EXPECT_EQ(0, kvm_audit());
	ASSERT_EQ(EFAULT, vcpu_run_raw(self->vcpu));
	require(mmap((void *)vga, VGA_SIZE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, fd, VGA_TEXT) == vga);
	ASSERT_EQ(0, expect_done(self->vcpu));
	close(fd);
}

/* ---- userfaultfd ----------------------------------------------------------------------- */

struct uffd {
	int fd, stop[2];
	char *mem;
	unsigned int missing, protected;
	pthread_t thread;
};

static void uffd_missing(struct uffd *u, u64 addr)
{
	static __thread u64 page[512];
	u64 i = (addr - (u64)u->mem) / PAGE_4K;
	struct uffdio_copy copy = {
		.dst = addr, .src = (u64)page, .len = PAGE_4K,
	};

	page[0] = 700 + i;
	u->missing++;
	require(!ioctl(u->fd, UFFDIO_COPY, &copy) || errno == EEXIST);
}

static void uffd_protected(struct uffd *u, u64 addr)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = addr, .len = PAGE_4K },
	};

	u->protected++;
	require(!ioctl(u->fd, UFFDIO_WRITEPROTECT, &wp));
}

static void *uffd_serve(void *arg)
{
	struct uffd *u = arg;
	struct pollfd p[2] = {
		{ .fd = u->fd, .events = POLLIN },
		{ .fd = u->stop[0], .events = POLLIN },
	};

	for (;;) {
		struct uffd_msg msg;
		u64 addr;

		require(poll(p, 2, -1) > 0);
		if (p[1].revents)
			return NULL;
		if (read(u->fd, &msg, sizeof(msg)) != sizeof(msg))
			continue;
		require(msg.event == UFFD_EVENT_PAGEFAULT);
		addr = msg.arg.pagefault.address & ~(PAGE_4K - 1);
		usleep(100);
		if (msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			uffd_protected(u, addr);
		else
			uffd_missing(u, addr);
	}
}

/* False where the host has none; mode: UFFDIO_REGISTER_MODE_* */
static bool uffd_open(struct uffd *u, char *mem, u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (u64)mem, .len = SIZE }, .mode = mode,
	};

	if (mode & UFFDIO_REGISTER_MODE_WP)
		api.features |= UFFD_FEATURE_PAGEFAULT_FLAG_WP;
	u->mem = mem;
	u->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return u->fd >= 0 && !ioctl(u->fd, UFFDIO_API, &api) &&
	       !ioctl(u->fd, UFFDIO_REGISTER, &reg);
}

static void uffd_start(struct uffd *u)
{
	require(!pipe(u->stop));
	require(!pthread_create(&u->thread, NULL, uffd_serve, u));
}

static void uffd_stop(struct uffd *u)
{
	require(write(u->stop[1], "x", 1) == 1);
	pthread_join(u->thread, NULL);
	close(u->stop[0]);
	close(u->stop[1]);
	close(u->fd);
}

/* As after a migration: each page comes when the guest asks for it */
TEST_F(host_memory, pages_on_demand)
{
	char *mem = vm_add_mem(self->vm, SLOT, BASE, SIZE, 0);
	struct uffd u = {};

	if (!uffd_open(&u, mem, UFFDIO_REGISTER_MODE_MISSING))
		skip_test("userfaultfd: %s", strerror(errno));
	uffd_start(&u);
	ASSERT_EQ(0, wrong(self->vcpu, 700));
	ASSERT_EQ(PAGES, u.missing);
	EXPECT_EQ(0, kvm_audit());
	/* and again, once they were taken away */
	require(!madvise(mem, SIZE, MADV_DONTNEED));
	fill(self->vcpu, 900);
	ASSERT_EQ(0, wrong(self->vcpu, 900));
	ASSERT_EQ(2 * PAGES, u.missing);
	uffd_stop(&u);
}

/* A snapshot by write protection: every first write is announced, once */
TEST_F(host_memory, write_protected_pages)
{
	char *mem = vm_add_mem(self->vm, SLOT, BASE, SIZE, 0);
	struct uffd u = {};
	struct uffdio_writeprotect wp = {
		.range = { .start = (u64)mem, .len = SIZE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	if (!uffd_open(&u, mem, UFFDIO_REGISTER_MODE_WP))
		skip_test("userfaultfd: %s", strerror(errno));
	uffd_start(&u);
	fill(self->vcpu, 100);
	for (int i = 1; i <= 3; i++) {
		require(!ioctl(u.fd, UFFDIO_WRITEPROTECT, &wp));
		EXPECT_EQ(0, kvm_audit());
		ASSERT_EQ(0, wrong(self->vcpu, 100 * i));
		ASSERT_EQ(PAGES * (i - 1), u.protected);
		fill(self->vcpu, 100 * (i + 1));
		ASSERT_EQ(PAGES * i, u.protected);
		fill(self->vcpu, 100 * (i + 1));
		ASSERT_EQ(PAGES * i, u.protected);
	}
	uffd_stop(&u);
}

static void nothing(int sig)
{
}

static void *interrupt(void *arg)
{
	usleep(5000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

/* While KVM_RUN waits for a page a signal ends it, and nothing is lost */
TEST_F(host_memory, signal_while_waiting)
{
	char *mem = vm_add_mem(self->vm, SLOT, BASE, SIZE, 0);
	struct sigaction sa = { .sa_handler = nothing };
	pthread_t self_thread = pthread_self(), t;
	unsigned int major, minor;
	struct utsname name;
	struct uffd u = {};

	require(!uname(&name) &&
		sscanf(name.release, "%u.%u", &major, &minor) == 2);
	if (major < 6 || (major == 6 && minor < 2))
		skip_test("only a fatal signal ends the wait before Linux 6.2");
	if (!uffd_open(&u, mem, UFFDIO_REGISTER_MODE_MISSING))
		skip_test("userfaultfd: %s", strerror(errno));
	require(!sigaction(SIGUSR1, &sa, NULL));
	vcpu_set_entry(self->vcpu, guest_check);
	vcpu_args(self->vcpu, 1, 700ul);
	for (int i = 0; i < 3; i++) {
		require(!pthread_create(&t, NULL, interrupt, &self_thread));
		ASSERT_EQ(EINTR, vcpu_run_raw(self->vcpu));
		pthread_join(t, NULL);
	}
	EXPECT_EQ(0, kvm_audit());
	uffd_start(&u);
	ASSERT_EQ(0, expect_done(self->vcpu));
	uffd_stop(&u);
}

/* Killed while it waits for a page that nobody will bring */
TEST_F(host_memory, killed_while_waiting)
{
	pid_t pid = fork();
	int status;

	require(pid >= 0);
	if (!pid) {
		struct vm *vm = vm_new(variant->kind);
		struct vcpu *v = vcpu_new(vm, 0, guest_check);
		char *mem = vm_add_mem(vm, SLOT, BASE, SIZE, 0);
		struct uffd u = {};

		if (!uffd_open(&u, mem, UFFDIO_REGISTER_MODE_MISSING))
			_exit(0);
		vcpu_run_raw(v);
		_exit(1);
	}
	usleep(50000);
	kill(pid, SIGKILL);
	require(waitpid(pid, &status, 0) == pid);
	ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

TEST_HARNESS_MAIN
