// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest must not change in the thread that runs it, nor that thread in
 * the guest: vector registers, segment bases, selectors, MSRs of system calls.
 * Checked over exits of all paces, and with the CPU shared with others.
 */
#include "kvmtest.h"
#include <asm/prctl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* vector registers are loaded and looked at behind the compiler's back */
#pragma GCC target("general-regs-only")

#define PORT	0x1234
#define HOLE	0xd0000000ull
#define ROUNDS	60

KIND_SUITE(host_state)

/* ---- all of the extended state ----------------------------------------------- */

struct xstate {
	u8 legacy[512];
	u64 xstate_bv, xcomp_bv, reserved[6];
	u8 more[8192 - 576];
} __attribute__((aligned(64)));

/* Components that are compared: x87 and SSE, AVX, AVX-512 */
#define COMPONENTS	0xe7ull

static inline u64 xgetbv0(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

/* A state in which nothing is as after reset, different for each seed */
static inline void fill_xstate(struct xstate *x, u64 mask, u8 seed)
{
	u8 *p = (u8 *)x;

	for (unsigned int i = 0; i < sizeof(*x); i++)
		p[i] = 0;
	*(u16 *)&x->legacy[0] = 0x27f;			/* FCW */
	x->legacy[4] = 0xff;				/* all x87 in use */
	*(u32 *)&x->legacy[24] = seed & 1 ? 0x1fa0 : 0x5f80;	/* MXCSR */
	for (unsigned int i = 0; i < 8; i++)
		for (unsigned int b = 0; b < 8; b++)
			x->legacy[32 + 16 * i + b] = seed + i + b;
	for (unsigned int i = 160; i < 416; i++)
		x->legacy[i] = seed ^ i;
	for (unsigned int n = 2; n < 8; n++) {
		struct cpuid_regs r;

		if (!(mask & 1ull << n))
			continue;
		r = cpuid(0xd, n);
		for (unsigned int i = 0; i < r.eax; i++)
			p[r.ebx + i] = seed + n + i;
	}
	x->xstate_bv = mask;
}

/* The offset of the first difference, or 0 */
static inline unsigned int differs(const struct xstate *a,
				   const struct xstate *b, u64 mask)
{
	const u8 *p = (const u8 *)a, *q = (const u8 *)b;

	if ((a->xstate_bv & mask) != (b->xstate_bv & mask))
		return 512;
	for (unsigned int i = 0; i < 416; i++)
		/* not FOP, FIP, FDP and the mask of MXCSR */
		if (p[i] != q[i] && (i < 6 || i >= 24) && (i < 28 || i >= 32) &&
		    !(i >= 32 && i < 160 && i % 16 >= 10))
			return i + 1;
	for (unsigned int n = 2; n < 8; n++) {
		struct cpuid_regs r;

		if (!(mask & 1ull << n))
			continue;
		r = cpuid(0xd, n);
		for (unsigned int i = r.ebx; i < r.ebx + r.eax; i++)
			if (p[i] != q[i])
				return i;
	}
	return 0;
}

static struct xstate g_in, g_out;

/*
 * Of each pace: to user space by a port, in and out; CPUID, which the fast loop
 * does; MMIO; a spell of computing, into which a timer tick falls now and then.
 */
static void guest_xstate(void)
{
	register u64 in asm("r8") = (u64)&g_in;
	register u64 out asm("r9") = (u64)&g_out;
	u32 mask, pause = 0;

	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	mask = cpuid(0xd, 0).eax & COMPONENTS;
	asm volatile("xsetbv" : : "a"(mask), "d"(0), "c"(0));
	for (u32 i = 0; i < ROUNDS; i++) {
		fill_xstate(&g_in, mask, 0x80 + i);
		g_out.xstate_bv = 0;
		asm volatile("xrstor64 (%0)" : : "r"(in), "a"(mask), "d"(0)
			     : "memory");
		switch (i % 6) {
		case 0:
		case 1:
			outb(PORT, i);
			break;
		case 2:
			inb(PORT);
			break;
		case 3:
			write32(HOLE, i);
			break;
		case 4:
			read32(HOLE);
			break;
		default:
			for (pause = 0; pause < 20000; pause++)
				asm volatile("");
			outb(PORT, i);
		}
		asm volatile("xsave64 (%0)" : : "r"(out), "a"(mask), "d"(0)
			     : "memory");
		GUEST_ASSERT_EQ(differs(&g_in, &g_out, mask), 0);
	}
	GUEST_DONE();
}

static volatile sig_atomic_t ticks;

static void spoil(int sig)
{
	asm volatile("pcmpeqd %%xmm3, %%xmm3; pcmpeqd %%xmm15, %%xmm15;"
		     "fldz; fstp %%st(0)" : : : "memory");
	ticks++;
}

static volatile bool stop_hog;

static void *hog(void *arg)
{
	u64 x[2] = { ~0ull, ~0ull };

	while (!stop_hog) {
		for (int i = 0; i < 500; i++)
			asm volatile("movdqu %0, %%xmm3; movdqu %0, %%xmm15"
				     : : "m"(x));
		sched_yield();
	}
	return NULL;
}

/* KVM_RUN with all registers loaded before and saved after */
static long run_xstate(struct vcpu *v, struct xstate *in, struct xstate *out,
		       u32 mask)
{
	register u64 r8 asm("r8") = (u64)in;
	register u64 r9 asm("r9") = (u64)out;
	register u64 r10 asm("r10") = mask;
	long ret;

	asm volatile("mov %%r10, %%rax; xor %%edx, %%edx; xrstor64 (%%r8);"
		     "mov $16, %%eax; syscall; mov %%rax, %%rbx;"
		     "mov %%r10, %%rax; xor %%edx, %%edx; xsave64 (%%r9);"
		     : "=b"(ret), "+r"(r8), "+r"(r9), "+r"(r10)
		     : "D"((long)v->fd), "S"(KVM_RUN)
		     : "rax", "rcx", "rdx", "r11", "memory");
	return ret;
}

static void xstate_rounds(unsigned int kind, bool shared, bool signals)
{
	static struct xstate in, out;
	struct itimerval it = { };
	struct vm *vm = vm_new(kind);
	struct vcpu *v = vcpu_new(vm, 0, guest_xstate);
	pthread_t t;
	u32 mask;

	mask = xgetbv0() & COMPONENTS;
	if (shared) {
		pin_to_cpu(0);
		require(!pthread_create(&t, NULL, hog, NULL));
	}
	if (signals) {
		struct sigaction sa = { .sa_handler = spoil };

		require(!sigaction(SIGALRM, &sa, NULL));
		it.it_interval.tv_usec = 4000;
		it.it_value.tv_usec = 4000;
		require(!setitimer(ITIMER_REAL, &it, NULL));
	}
	for (int i = 0; ; i++) {
		unsigned int at;
		long ret;

		fill_xstate(&in, mask, i);
		ret = run_xstate(v, &in, &out, mask);
		at = differs(&in, &out, mask);
		if (at)
			die("run %d, exit %s: byte %u differs: %02x %02x", i,
			    exit_name(v->run->exit_reason), at,
			    ((u8 *)&in)[at], ((u8 *)&out)[at]);
		if (ret == -EINTR)
			continue;
		require(!ret);
		if (v->run->exit_reason == KVM_EXIT_IO &&
		    v->run->io.port == UCALL_PORT)
			break;
		if (shared && i % 5 == 0)
			sched_yield();
	}
	it = (struct itimerval){ };
	if (signals)
		require(!setitimer(ITIMER_REAL, &it, NULL));
	if (shared) {
		stop_hog = true;
		pthread_join(t, NULL);
		stop_hog = false;
	}
	require(vcpu_regs(v).rax == UCALL_DONE);
	vm_free(vm);
}

TEST_F(host_state, vectors)
{
	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	xstate_rounds(variant->kind, false, false);
}

TEST_F(host_state, vectors_shared_cpu)
{
	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	xstate_rounds(variant->kind, true, false);
}

TEST_F(host_state, vectors_signals)
{
	if (!GUEST_HAS_XSAVE())
		skip_test("no XSAVE");
	xstate_rounds(variant->kind, true, true);
	EXPECT_NE(0, ticks);
}

/* ---- registers of which there is one ------------------------------------------- */

asm(".pushsection .text.host_state_syscall, \"ax\", @progbits\n"
	".globl sys_one, sys_two\n"
	"sys_one: pushf; pop %rdx; add $1, %rbx; push %r11; popf; jmp *%rcx\n"
	"sys_two: pushf; pop %rdx; add $2, %rbx; push %r11; popf; jmp *%rcx\n"
	".popsection");
extern const char sys_one[], sys_two[];

#define FLAG_DF	(1ull << 10)

static inline void wrpkru_(u32 val)
{
	asm volatile("wrpkru" : : "a"(val), "c"(0), "d"(0));
}

static inline u32 rdpkru_(void)
{
	u32 eax, edx;

	asm volatile("rdpkru" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax;
}

static inline u32 tsc_aux(void)
{
	u32 lo, hi, aux;

	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	return aux;
}

/* Two guests with different values of all of them */
static void guest_registers(u64 n, u64 has_rdtscp, u64 has_pku)
{
	u64 star = (u64)SEL_CS64 << 32;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, star);
	wrmsr(MSR_LSTAR, n == 1 ? (u64)sys_one : (u64)sys_two);
	wrmsr(MSR_SFMASK, n == 1 ? FLAG_DF : 0);
	if (has_rdtscp)
		wrmsr(MSR_TSC_AUX, 0x100 + n);
	if (has_pku) {
		write_cr4(read_cr4() | X86_CR4_PKE);
		wrpkru_(n << 4);
	}
	for (u64 i = 0; i < ROUNDS; i++) {
		u64 count = 0, flags;

		wrmsr(MSR_KERNEL_GS_BASE, i << 12 | n);
		switch (i % 4) {
		case 0:
		case 1:
			outb(PORT, i);
			break;
		case 2:
			write32(HOLE, i);
			break;
		case 3:
			cpuid(0, 0);
			outb(PORT, i);
		}
		asm volatile("std; syscall; cld"
			     : "+b"(count), "=d"(flags)
			     : : "rcx", "r11", "memory", "cc");
		GUEST_ASSERT_EQ(count, n);
		GUEST_ASSERT_EQ(flags & FLAG_DF, n == 1 ? 0 : FLAG_DF);
		GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), i << 12 | n);
		if (has_rdtscp)
			GUEST_ASSERT_EQ(tsc_aux(), 0x100 + n);
		if (has_pku)
			GUEST_ASSERT_EQ(rdpkru_(), n << 4);
	}
	GUEST_DONE();
}

static u64 gs_base(void)
{
	u64 base;

	require(!syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	return base;
}

static u16 gdt_limit(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) gdt;

	asm volatile("sgdt %0" : "=m"(gdt));
	return gdt.limit;
}

static void round_registers(struct vcpu *v, int i, bool rdtscp, bool pku)
{
	u16 data = i & 1 ? 0x2b : 0, ds, es;
	u64 base = 0x10000ull * i + 0x123, fs, fs_after;
	u32 pkru = 0x55555550u - (i % 3 << 4), aux = rdtscp ? tsc_aux() : 0;

	require(!syscall(SYS_arch_prctl, ARCH_SET_GS, base));
	require(!syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
	if (pku)
		wrpkru_(pkru);
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"((u32)data));
	require(!vcpu_run_raw(v));
	asm volatile("mov %%ds, %0; mov %%es, %1" : "=r"(ds), "=r"(es));
	if (pku && rdpkru_() != pkru)
		die("run %d: PKRU %x, was %x", i, rdpkru_(), pkru);
	if (ds != data || es != data)
		die("run %d: DS %x, ES %x, were %x", i, ds, es, data);
	if (gs_base() != base)
		die("run %d: GS base %lx, was %lx", i, gs_base(), base);
	require(!syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_after));
	if (fs != fs_after)
		die("run %d: FS base %lx, was %lx", i, fs_after, fs);
	if (rdtscp && tsc_aux() != aux)
		die("run %d: TSC_AUX %x, was %x", i, tsc_aux(), aux);
	/* a page at most; a VM exit leaves FFFFH (SDM 3C 28.5.2) */
	if (gdt_limit() > 0xfff)
		die("run %d: GDT limit %x", i, gdt_limit());
	outb(0x80, i);		/* #GP where the bitmap is cut off */
}

TEST_F(host_state, registers)
{
	bool rdtscp = GUEST_HAS_RDTSCP(), pku = GUEST_HAS_PKU();
	struct vm *vm[2];
	bool done[2] = { };

	pin_to_cpu(0);
	ASSERT_EQ(0, syscall(SYS_ioperm, 0x80, 1, 1));
	for (int n = 0; n < 2; n++) {
		vm[n] = vm_new(variant->kind);
		vcpu_args(vcpu_new(vm[n], 0, guest_registers), 3, (u64)n + 1,
			  (u64)rdtscp, (u64)pku);
	}
	/* by turns, and several times in a row */
	for (int i = 0; !done[0] || !done[1]; i++) {
		int n = i / (1 + i % 3) & 1;
		struct vcpu *v = vm[n]->vcpus[0];

		if (done[n])
			n = !n, v = vm[n]->vcpus[0];
		round_registers(v, i, rdtscp, pku);
		if (v->run->exit_reason == KVM_EXIT_IO &&
		    v->run->io.port == UCALL_PORT) {
			ASSERT_EQ(UCALL_DONE, vcpu_regs(v).rax);
			done[n] = true;
		}
	}
	for (int n = 0; n < 2; n++)
		vm_free(vm[n]);
}

/* ---- breakpoints ------------------------------------------------------------------ */

/* The address of one of the kernel's variables, 0 if it does not tell */
static u64 kernel_symbol(const char *name)
{
	unsigned long address, found = 0;
	char symbol[128];
	FILE *f = fopen("/proc/kallsyms", "r");

	require(f);
	while (!found && fscanf(f, "%lx %*c %127s%*[^\n]", &address, symbol) == 2)
		if (!strcmp(symbol, name))
			found = address;
	fclose(f);
	return found;
}

static void guest_breakpoint(u64 address)
{
	/* L0, reads and writes of 8 bytes (SDM 3B 18.2.4) */
	asm volatile("mov %0, %%dr0; mov %1, %%dr7"
		     : : "r"(address), "r"(0xb0401ull));
	for (int i = 0; i < 20; i++)
		GUEST_SYNC(i);
	GUEST_DONE();
}

static u64 watched;

/*
 * A breakpoint of the host is armed while the guest's addresses are loaded: it
 * must not watch the kernel's data at them.
 */
TEST_F(host_state, breakpoints)
{
	u64 address = kernel_symbol("vmx_entry_flags"), before, hits;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_RW, .bp_addr = (u64)&watched,
		.bp_len = HW_BREAKPOINT_LEN_8,
	};
	struct vm *vm;
	int fd;

	if (!address)
		SKIP(return, "the kernel does not tell where its variables are");
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		SKIP(return, "no hardware breakpoints: %s", strerror(errno));
	vm = vm_new(variant->kind);
	vcpu_args(vcpu_new(vm, 0, guest_breakpoint), 1, address);
	/* the guest has set its own at the first exit */
	expect_sync(vm->vcpus[0], 0);
	ASSERT_EQ(sizeof(before), read(fd, &before, sizeof(before)));
	for (u64 i = 1; i < 20; i++)
		expect_sync(vm->vcpus[0], i);
	expect_done(vm->vcpus[0]);
	ASSERT_EQ(sizeof(hits), read(fd, &hits, sizeof(hits)));
	EXPECT_EQ(before, hits);
	close(fd);
	vm_free(vm);
}

TEST_HARNESS_MAIN
