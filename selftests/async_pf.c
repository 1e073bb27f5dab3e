// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults. The pages that the guest waits for are those of a
 * userfaultfd: they come when the test says so.
 */
#include "irq.h"
#include <linux/userfaultfd.h>
#include <sys/syscall.h>

IRQ_SUITE(async_pf)

#define MSR_EN		0x4b564d02
#define MSR_INT		0x4b564d06
#define MSR_ACK		0x4b564d07
#define ENABLED		1
#define ALWAYS		2
#define BY_INTERRUPT	8

#define VEC_READY	0xe5
#define LAZY		0x40000000ull	/* guest-physical */
#define LAZY_PAGES	4

static volatile struct {
	u32 flags, token;
	u8 pad[56];
	u32 enabled;
} area __attribute__((aligned(64)));

static volatile u64 missing, nr_missing;
static volatile u32 ready, nr_ready;

static void on_fault(struct guest_regs *r)
{
	GUEST_ASSERT_EQ(area.flags, 1);
	GUEST_ASSERT_EQ(r->error, 0);
	missing = read_cr2();
	nr_missing++;
	area.flags = 0;
	GUEST_SYNC_ARGS(10, missing, 0, 0, 0);
	/* there is nothing else to run: like an idle CPU */
	while (!ready)
		irq_wait();
	GUEST_ASSERT_EQ(ready, missing);
	ready = 0;
}

static void on_ready(struct guest_regs *r)
{
	ready = area.token;
	nr_ready++;
	area.token = 0;
	x2apic_write(APIC_EOI, 0);
	wrmsr(MSR_ACK, 1);
}

static void guest_setup(void)
{
	x2apic_on();
	guest_handlers[VEC_PF] = on_fault;
	guest_handlers[VEC_READY] = on_ready;
	wrmsr(MSR_INT, VEC_READY);
	wrmsr(MSR_EN, (u64)&area | ENABLED | ALWAYS | BY_INTERRUPT);
	asm volatile("sti; nop");
}

static void guest_waits(void)
{
	unsigned int i;

	guest_setup();
	for (i = 0; i < 2; i++) {
		GUEST_ASSERT_EQ(read64(LAZY + i * PAGE_4K), 0x1111 * (i + 1));
		GUEST_ASSERT_EQ(nr_missing, i + 1);
		GUEST_ASSERT_EQ(nr_ready, i + 1);
	}
	write64(LAZY + 2 * PAGE_4K, 77);
	GUEST_ASSERT_EQ(nr_missing, 3);
	GUEST_ASSERT_EQ(read64(LAZY + 2 * PAGE_4K), 77);
	/* with interrupts off nothing else can run: it is waited for */
	asm volatile("cli");
	GUEST_SYNC(20);
	GUEST_ASSERT_EQ(read64(LAZY + 3 * PAGE_4K), 0x4444);
	GUEST_ASSERT_EQ(nr_missing, 3);
	GUEST_DONE();
}

static void guest_gives_up(void)
{
	guest_setup();
	read64(LAZY);
	GUEST_DONE();
}

static void guest_msrs(void)
{
	/* reserved, and what is not offered */
	asm volatile(TRY("wrmsr") : : "c"(MSR_EN), "a"((u64)&area | 0x11), "d"(0));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("wrmsr") : : "c"(MSR_EN), "a"((u64)&area | 5), "d"(0));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	wrmsr(MSR_EN, (u64)&area | ENABLED | BY_INTERRUPT);
	GUEST_ASSERT_EQ(rdmsr(MSR_EN), (u64)&area | ENABLED | BY_INTERRUPT);
	wrmsr(MSR_INT, 0x80);
	GUEST_ASSERT_EQ(rdmsr(MSR_INT), 0x80);
	wrmsr(MSR_ACK, 1);
	wrmsr(MSR_EN, 0);
	GUEST_DONE();
}

TEST_F(async_pf, msrs)
{
	vcpu_set_entry(self->vcpu, guest_msrs);
	expect_done(self->vcpu);
}

/* ---- pages that come when asked to ------------------------------------------------- */

static int uffd;
static void *lazy;

static void add_lazy(struct vm *vm, bool shared)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0)
		skip_now("no userfaultfd: %s", strerror(errno));
	require(!ioctl(uffd, UFFDIO_API, &api));
	if (shared) {
		lazy = mmap(NULL, LAZY_PAGES * PAGE_4K, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		require(lazy != MAP_FAILED);
		vm_add_mem_at(vm, 5, LAZY, LAZY_PAGES * PAGE_4K, 0, lazy);
	} else {
		lazy = vm_add_mem(vm, 5, LAZY, LAZY_PAGES * PAGE_4K, 0);
	}
	reg.range.start = (u64)lazy;
	reg.range.len = LAZY_PAGES * PAGE_4K;
	require(!ioctl(uffd, UFFDIO_REGISTER, &reg));
}

static void bring_page(unsigned int i)
{
	static u64 content[PAGE_4K / 8] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (u64)lazy + i * PAGE_4K, .src = (u64)content,
		.len = PAGE_4K,
	};

	content[0] = 0x1111 * (i + 1);
	require(!ioctl(uffd, UFFDIO_COPY, &copy));
}

/* The fault that nobody else can wait for shows up here */
static void *bring_when_asked(void *arg)
{
	struct uffd_msg msg;

	do {
		require(read(uffd, &msg, sizeof(msg)) == sizeof(msg));
	} while (msg.arg.pagefault.address / PAGE_4K !=
		 ((u64)lazy + 3 * PAGE_4K) / PAGE_4K);
	bring_page(3);
	return NULL;
}

static void waits(struct vcpu *v, bool shared)
{
	pthread_t t;
	u64 i, last = 0;

	add_lazy(v->vm, shared);
	vcpu_set_entry(v, guest_waits);
	for (i = 0; i < 3; i++) {
		expect_sync(v, 10);
		require(last != v->uc[1]);
		last = v->uc[1];
		bring_page(i);
	}
	expect_sync(v, 20);
	pthread_create(&t, NULL, bring_when_asked, NULL);
	expect_done(v);
	pthread_join(t, NULL);
	close(uffd);
}

TEST_F(async_pf, waits)
{
	if (!on_our_module())
		skip_test("the in-tree KVM wants a page of swap");
	waits(self->vcpu, false);
}

TEST_F(async_pf, waits_for_shared_memory)
{
	if (!on_our_module())
		skip_test("the in-tree KVM wants a page of swap");
	waits(self->vcpu, true);
}

/* The VM goes while a page is waited for, which never comes */
TEST_F(async_pf, never)
{
	struct vm *vm = irq_vm_new(variant->kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_gives_up);

	if (!on_our_module())
		skip_test("the in-tree KVM wants a page of swap");
	add_lazy(vm, false);
	expect_sync(v, 10);
	vm_free(vm);
	close(uffd);
}

/* Moved to another VM: everybody is to wake up */
static void guest_moved(void)
{
	guest_setup();
	GUEST_SYNC(1);
	while (!nr_ready)
		irq_wait();
	GUEST_ASSERT_EQ(ready, ~0u);
	GUEST_DONE();
}

TEST_F(async_pf, moved)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_moved);
	expect_sync(v, 1);
	ASSERT_EQ(1, vcpu_set_msr(v, MSR_EN, vcpu_get_msr(v, MSR_EN)));
	expect_done(v);
}

TEST_HARNESS_MAIN
