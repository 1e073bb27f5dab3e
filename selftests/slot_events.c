// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host memory that many slots name: what happens to it in the host reaches all
 * of them, at a price that goes by the slots and by what is mapped.
 */
#include <stdatomic.h>
#include "kvmtest.h"

KIND_SUITE(slot_events)

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* ---- nothing is mapped ------------------------------------------------------------ */

#define MANY	1024

/*
 * A VM of MANY slots of the same memory, never touched, as much of it as the
 * guest-physical addresses have room for. What making them took, in TSC ticks, is
 * the measure for the rest: it grows with the slots too, and with the load.
 */
static u64 make_many(unsigned int kind, void **mem, u64 *size)
{
	u32 bits = cpuid_entry(kvm_supported_cpuid(), 0x80000008, 0)->eax & 0xff;
	struct vm *vm = vm_new_bare(kind);
	u64 ticks = rdtsc();

	*size = min_u64(PAGE_1G, (1ull << min_u64(bits, 46)) / MANY / 2);
	*mem = mem_anon(*size, false);
	for (u64 i = 0; i < MANY; i++)
		require(!vm_set_region(vm, i, 0, (i + 1) * *size, *size, *mem));
	return rdtsc() - ticks;
}

TEST_F(slot_events, of_untouched_memory)
{
	u64 made, size, ticks, least = ~0ull;
	void *mem;

	made = make_many(variant->kind, &mem, &size);
	for (int i = 0; i < 3; i++) {
		ticks = rdtsc();
		require(!madvise(mem, size, MADV_DONTNEED));
		least = min_u64(least, rdtsc() - ticks);
	}
	ASSERT_GT(made, least);
	ticks = rdtsc();
	require(!munmap(mem, size));
	ASSERT_GT(made, rdtsc() - ticks);
}

TEST_F(slot_events, exit_with_untouched_memory)
{
	u64 made, size, ticks[2];
	int pipes[2], status;
	void *mem;
	pid_t pid;

	require(!pipe(pipes));
	pid = fork();
	require(pid >= 0);
	if (!pid) {
		ticks[0] = make_many(variant->kind, &mem, &size);
		ticks[1] = rdtsc();
		_exit(write(pipes[1], ticks, sizeof(ticks)) != sizeof(ticks));
	}
	require(waitpid(pid, &status, 0) == pid);
	made = rdtsc();
	require(!status);
	require(read(pipes[0], ticks, sizeof(ticks)) == sizeof(ticks));
	/* there are grace periods in it, which have a length of their own */
	ASSERT_GT(5 * ticks[0], made - ticks[1]);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- all is mapped, and the slots change meanwhile ---------------------------------- */

#define BASE	0x20000000ull
#define SLOT	5
#define SIZE	PAGE_2M

static u64 nr_slots;		/* more than one hold of the lock goes through */
static volatile u64 stop;
static atomic_bool done;

struct world {
	struct vm *vm;
	char *mem;
};

static u64 at(u64 i)
{
	return BASE + i * SIZE;
}

static void guest_touch(void)
{
	while (!stop)
		for (u64 i = 0; i < nr_slots; i++)
			*(volatile u64 *)(at(i) +
					  i % 512 * PAGE_4K) = i;
	GUEST_DONE();
}

/* Where no slot is just now the guest writes to nothing */
static void *run_guest(void *arg)
{
	struct vcpu *v = arg;

	while (vcpu_run(v) == KVM_EXIT_MMIO)
		;
	require(v->uc_cmd == UCALL_DONE);
	return NULL;
}

static void *change_slots(void *arg)
{
	struct world *w = arg;
	u32 flags = 0;

	while (!done) {
		flags ^= KVM_MEM_LOG_DIRTY_PAGES;
		for (u32 i = 0; i < nr_slots && !done; i += 7) {
			/* gone and back, and another of the same entries */
			require(!vm_set_region(w->vm, SLOT + i, 0, at(i), 0,
					       w->mem));
			require(!vm_set_region(w->vm, SLOT + i, 0, at(i), SIZE,
					       w->mem));
			require(!vm_set_region(w->vm, SLOT + i + 1, flags,
					       at(i + 1), SIZE, w->mem));
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(slot_events, while_slots_change, 120)
{
	struct world w = { .vm = vm_new(variant->kind) };
	struct vcpu *v = vcpu_new(w.vm, 0, guest_touch);
	pthread_t guest, slots;

	nr_slots = variant->kind == KVM_MMU_KIND_SHADOW ? 40 : 600;
	sync_to_guest(w.vm, nr_slots);
	w.mem = mem_anon(SIZE, true);
	for (u32 i = 0; i < nr_slots; i++)
		require(!vm_set_region(w.vm, SLOT + i, 0, at(i), SIZE, w.mem));
	guest = vcpu_thread(v, run_guest);
	pthread_create(&slots, NULL, change_slots, &w);
	for (int i = 0; i < 8; i++) {
		sched_yield();
		switch (i % 4) {
		case 0:
			require(!madvise(w.mem, SIZE, MADV_DONTNEED));
			break;
		case 1:
			memset(w.mem, i, SIZE);
			require(!mprotect(w.mem, SIZE / 2, PROT_READ |
					  PROT_WRITE | PROT_EXEC));
			require(!mprotect(w.mem, SIZE / 2,
					  PROT_READ | PROT_WRITE));
			break;
		case 2:
			madvise(w.mem, SIZE, MADV_COLD);
			break;
		case 3:
			require(mmap(w.mem, SIZE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				     -1, 0) == w.mem);
		}
		/* an entry that an event missed is not the host's page */
		if (i % 3 == 2)
			require(!kvm_audit());
	}
	done = true;
	pthread_join(slots, NULL);
	*guest_var(w.vm, stop) = 1;
	pthread_join(guest, NULL);
	EXPECT_EQ(0, kvm_audit());
	vm_free(w.vm);
}

TEST_HARNESS_MAIN
