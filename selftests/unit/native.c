// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executing one instruction on the host CPU.
 *
 * IRETQ loads the whole state with TF set, so the CPU traps after one
 * instruction, or faults at it. The signal handler, on a stack of its own,
 * copies the state from the signal frame and redirects the return to the line
 * after the IRETQ. FS and GS bases and the data segments are not part of the
 * frame: they are saved and set right first.
 *
 * To be compiled without stack protector: until FS is back there is no TLS.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "native.h"

const unsigned int data_page_kind[DATA_PAGES] = { 3, 3, 1, 0, 3, 0 };

static struct native_result *result;
static u64 tls_base;
static u64 resume_rsp, resume_rip;
static u64 entry_sel[4];
static u64 gs_load;
static volatile int running;

static const int greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static inline u16 get_sel(unsigned int seg)
{
	u16 sel = 0;

	switch (seg) {
	case 0:
		asm volatile("mov %%es, %0" : "=r" (sel));
		break;
	case 3:
		asm volatile("mov %%ds, %0" : "=r" (sel));
		break;
	case 4:
		asm volatile("mov %%fs, %0" : "=r" (sel));
		break;
	case 5:
		asm volatile("mov %%gs, %0" : "=r" (sel));
		break;
	}
	return sel;
}

static void handler(int sig, siginfo_t *info, void *p)
{
	u16 es, ds, fs, gs;
	u64 gs_base;

	/* the test may have set AC or NT */
	asm volatile("pushfq; andq $~0x44000, (%%rsp); popfq" : : : "cc");
	es = get_sel(0);
	ds = get_sel(3);
	fs = get_sel(4);
	gs = get_sel(5);
	asm volatile("rdgsbase %0" : "=r" (gs_base));
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r" (0x2b));
	asm volatile("mov %0, %%fs; mov %0, %%gs" : : "r" (0));
	asm volatile("wrfsbase %0" : : "r" (tls_base));

	ucontext_t *uc = p;
	greg_t *g = uc->uc_mcontext.gregs;
	struct native_result *r = result;
	unsigned int i;

	if (!running) {
		fprintf(stderr, "signal %d at %llx, address %p\n", sig,
			g[REG_RIP], info->si_addr);
		_exit(3);
	}
	running = 0;
	for (i = 0; i < 16; i++)
		r->st.regs[i] = g[greg_of[i]];
	r->st.rip = g[REG_RIP];
	r->st.rflags = g[REG_EFL];
	r->st.sel[0] = es;
	r->st.sel[1] = g[REG_CSGSFS];
	r->st.sel[2] = g[REG_CSGSFS] >> 48;
	r->st.sel[3] = ds;
	r->st.sel[4] = fs;
	r->st.sel[5] = gs;
	r->st.gs_base = gs_base;
	r->trap = g[REG_TRAPNO];
	r->error = g[REG_ERR];
	r->cr2 = g[REG_CR2];
	memcpy(r->st.fx, uc->uc_mcontext.fpregs, 512);
	/* the test may have unmasked floating-point exceptions */
	uc->uc_mcontext.fpregs->cwd = 0x37f;
	uc->uc_mcontext.fpregs->swd = 0;
	uc->uc_mcontext.fpregs->mxcsr = 0x1f80;

	g[REG_RIP] = resume_rip;
	g[REG_RSP] = resume_rsp;
	g[REG_EFL] = 0x202;
	g[REG_CSGSFS] = 0x33 | 0x2bULL << 48;
}

int native_set_ldt(unsigned int nr, u64 d)
{
	struct user_desc u = {
		.entry_number = nr,
		.base_addr = (d >> 16 & 0xffffff) | (d >> 56) << 24,
		.limit = (d & 0xffff) | (d >> 48 & 15) << 16,
		.seg_32bit = d >> 54 & 1,
		.contents = d >> 42 & 3,
		.read_exec_only = !(d >> 41 & 1),
		.limit_in_pages = d >> 55 & 1,
		.seg_not_present = !(d >> 47 & 1),
		.useable = d >> 52 & 1,
	};

	return syscall(SYS_modify_ldt, 0x11, &u, sizeof(u)) ? -1 : 0;
}

static u8 *map_at(u64 addr, size_t len, int prot, int fd, off_t off)
{
	void *p = mmap((void *)addr, len, prot,
		       MAP_SHARED | (addr ? MAP_FIXED : 0), fd, off);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

int native_setup(struct native_pages *pages)
{
	static const int sigs[] = { SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGTRAP };
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	stack_t ss = { .ss_size = 1 << 20 };
	size_t total = (CODE_PAGES + DATA_PAGES) * 4096;
	unsigned int i;
	int fd;

	if (mmap((void *)ZONE_BASE, ZONE_LEN, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		return -1;
	fd = memfd_create("test pages", 0);
	if (fd < 0 || ftruncate(fd, total))
		return -1;
	pages->code = map_at(0, total, PROT_READ | PROT_WRITE, fd, 0);
	pages->data = pages->code + CODE_PAGES * 4096;
	memset(pages->code, 0, total);
	map_at(CODE_BASE, CODE_PAGES * 4096, PROT_READ | PROT_EXEC, fd, 0);
	for (i = 0; i < CODE_PAGES; i++)
		(void)*(volatile u8 *)(CODE_BASE + i * 4096);
	for (i = 0; i < DATA_PAGES; i++) {
		u64 at = DATA_BASE + i * 4096;
		int prot = (data_page_kind[i] & 1 ? PROT_READ : 0) |
			   (data_page_kind[i] & 2 ? PROT_WRITE : 0);

		if (!prot)
			continue;
		map_at(at, 4096, prot, fd, (CODE_PAGES + i) * 4096);
		(void)*(volatile u8 *)at;
		if (prot & PROT_WRITE)
			*(volatile u8 *)at = 0;
	}
	if (mmap((void *)FRAME_BASE, 0x10000, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -1;
	memset((void *)FRAME_BASE, 0, 0x10000);
	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sigaltstack(&ss, NULL))
		return -1;
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		if (sigaction(sigs[i], &sa, NULL))
			return -1;
	asm volatile("rdfsbase %0" : "=r" (tls_base));
	return 0;
}

/* What the assembler below loads, in its order */
static struct {
	u64 regs[16];
	u64 frame[5];	/* RIP, CS, RFLAGS, RSP, SS */
} load __asm__("native_load") __attribute__((__used__));

void native_enter(void);

asm("	.text\n"
"	.globl native_enter\n"
"native_enter:\n"
"	push %rbx\n	push %rbp\n	push %r12\n"
"	push %r13\n	push %r14\n	push %r15\n"
"	mov %rsp, resume_rsp(%rip)\n"
"	lea 1f(%rip), %rax\n"
"	mov %rax, resume_rip(%rip)\n"
"	mov entry_sel+0(%rip), %eax\n	mov %eax, %es\n"
"	mov entry_sel+8(%rip), %eax\n	mov %eax, %ds\n"
"	mov entry_sel+16(%rip), %eax\n"
"	mov %eax, %fs\n"
"	test %eax, %eax\n	jnz 2f\n"
"	mov gs_load(%rip), %rax\n	wrfsbase %rax\n"
"2:	mov entry_sel+24(%rip), %eax\n	mov %eax, %gs\n"
"	test %eax, %eax\n	jnz 3f\n"
"	mov gs_load(%rip), %rax\n	wrgsbase %rax\n"
"3:	mov $0x2fff8000, %esp\n"
"	push native_load+160(%rip)\n	push native_load+152(%rip)\n"
"	push native_load+144(%rip)\n	push native_load+136(%rip)\n"
"	push native_load+128(%rip)\n"
"	mov native_load+0(%rip), %rax\n	mov native_load+8(%rip), %rcx\n"
"	mov native_load+16(%rip), %rdx\n	mov native_load+24(%rip), %rbx\n"
"	mov native_load+40(%rip), %rbp\n	mov native_load+48(%rip), %rsi\n"
"	mov native_load+56(%rip), %rdi\n	mov native_load+64(%rip), %r8\n"
"	mov native_load+72(%rip), %r9\n	mov native_load+80(%rip), %r10\n"
"	mov native_load+88(%rip), %r11\n	mov native_load+96(%rip), %r12\n"
"	mov native_load+104(%rip), %r13\n	mov native_load+112(%rip), %r14\n"
"	mov native_load+120(%rip), %r15\n"
"	iretq\n"
"1:	pop %r15\n	pop %r14\n	pop %r13\n"
"	pop %r12\n	pop %rbp\n	pop %rbx\n"
"	ret\n");

/* The assembler names them */
static void *const named[] __attribute__((__used__)) = {
	&resume_rsp, &resume_rip, &entry_sel, &gs_load,
};

void native_run(const struct native_state *in, struct native_result *out)
{
	result = out;
	memcpy(load.regs, in->regs, sizeof(load.regs));
	load.frame[0] = in->rip;
	load.frame[1] = in->sel[1];
	load.frame[2] = in->rflags;
	load.frame[3] = in->regs[EMUL_RSP];
	load.frame[4] = in->sel[2];
	entry_sel[0] = in->sel[0];
	entry_sel[1] = in->sel[3];
	entry_sel[2] = in->sel[4];
	entry_sel[3] = in->sel[5];
	gs_load = in->gs_base;
	asm volatile("fxrstor64 %0" : : "m" (in->fx));
	running = 1;
	native_enter();
}
