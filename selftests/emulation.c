// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator against the CPU, in all modes and at all privileges: the same
 * instruction in the same state is executed in two guests, one of which runs in
 * the emulator alone (parameter force_emulation). Registers, segments with
 * their hidden parts, memory and exits have to be the same afterwards.
 *
 * ./emulation --cases N [--seed S] [--mode NAME] [--kind ept|shadow]
 * runs more of them; --seed S --cases 1 --verbose repeats one.
 */
#include <getopt.h>
#include "diff.h"

KIND_SUITE(emulation)

#define CASES	50	/* of each mode */

struct side {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
	/* results */
	u32 exit;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs dr;
	struct kvm_fpu fpu;
	u64 msr[12];
	u8 shadow;
	unsigned int nr_io;
	struct {
		u32 kind, len;
		u64 addr, data;
	} io[16];
};

static struct side cpu, emulator;
static struct diff_case now;
static bool verbose;
static unsigned long compared, not_executed, exits_io, faults;

static const u32 msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_SYSENTER_CS,
	MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_KERNEL_GS_BASE, MSR_PAT,
	MSR_APIC_BASE,
};

static void side_new(struct side *s, unsigned int kind, bool forced)
{
	u64 addr = 0xfeffc000;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = { 1 },
	};
	char old[KVM_PARAM_MAX];

	memset(s, 0, sizeof(*s));
	if (!kvm_param("force_emulation", forced ? "1" : "0", old))
		skip_now("the emulator cannot be forced");
	s->vm = vm_new_bare(kind);
	kvm_param("force_emulation", old, NULL);
	require(!ioctl(s->vm->fd, KVM_ENABLE_CAP, &cap));
	require(!ioctl(s->vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	require(!ioctl(s->vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	s->mem = vm_add_mem(s->vm, 0, 0, D_SIZE, 0);
	s->vcpu = vcpu_new_bare(s->vm, 0);
}

static void put_msrs(struct side *s)
{
	static const u64 initial[] = {
		0x0020001800000000ull, D_TARGET + 0x60, D_TARGET + 0x70, 0x4700,
		0x08, D_STACK0 - 0x300, D_TARGET + 0x80, D_DATA + 0x123,
		0x0007040600070406ull, 0xfee00900,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
		if (vcpu_get_msr(s->vcpu, msrs[i]) != initial[i])
			vcpu_set_msr(s->vcpu, msrs[i], initial[i]);
}

/*
 * A single-step trap that a MOV SS held back may still wait in the CPU's guest,
 * where no ioctl sees it: have it delivered to a HLT.
 */
static void flush_traps(struct side *s)
{
	struct kvm_regs regs = {
		.rip = D_TARGET, .rsp = D_STACK0, .rflags = X86_EFLAGS_FIXED,
	};
	struct kvm_vcpu_events ev = { 0 };
	struct kvm_sregs sregs = now.sregs;

	sregs.apic_base = vcpu_sregs(s->vcpu).apic_base;
	diff_segment(now.mem, 0x18, false, &sregs.cs);
	diff_segment(now.mem, 0x10, false, &sregs.ss);
	diff_copy(s->mem, now.mem);
	vcpu_set_events(s->vcpu, &ev);
	vcpu_set_sregs(s->vcpu, &sregs);
	vcpu_set_regs(s->vcpu, &regs);
	vcpu_run_raw(s->vcpu);
}

static void load(struct side *s)
{
	struct kvm_vcpu_events ev = { 0 };
	struct kvm_debugregs dr = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	struct kvm_sregs sregs = vcpu_sregs(s->vcpu);
	struct kvm_fpu fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	u64 apic_base = sregs.apic_base;

	diff_copy(s->mem, now.mem);
	sregs = now.sregs;
	sregs.apic_base = apic_base;
	vcpu_set_events(s->vcpu, &ev);
	vcpu_set_sregs(s->vcpu, &sregs);
	vcpu_set_regs(s->vcpu, &now.regs);
	require(!ioctl(s->vcpu->fd, KVM_SET_DEBUGREGS, &dr));
	put_msrs(s);
	for (unsigned int i = 0; i < 16; i++)
		memset(fpu.xmm[i], 0x10 + i, 16);
	require(!ioctl(s->vcpu->fd, KVM_SET_FPU, &fpu));
}

/* Remember the exit and answer it. False: it is the last one. */
static bool answer(struct side *s)
{
	struct kvm_run *run = s->vcpu->run;
	u8 *data;
	u32 len;
	bool in;

	if (s->nr_io == ARRAY_SIZE(s->io))
		return false;
	if (run->exit_reason == KVM_EXIT_IO) {
		data = (u8 *)run + run->io.data_offset;
		len = run->io.size * run->io.count;
		in = run->io.direction == KVM_EXIT_IO_IN;
		s->io[s->nr_io].addr = run->io.port;
		s->io[s->nr_io].len = run->io.size << 16 | run->io.count;
	} else if (run->exit_reason == KVM_EXIT_MMIO) {
		data = run->mmio.data;
		len = run->mmio.len;
		in = !run->mmio.is_write;
		s->io[s->nr_io].addr = run->mmio.phys_addr;
		s->io[s->nr_io].len = len;
	} else {
		return false;
	}
	s->io[s->nr_io].kind = run->exit_reason << 1 | in;
	s->io[s->nr_io].data = 0;
	for (u32 i = 0; i < len; i++) {
		if (in)
			data[i] = 0x40 + s->nr_io + i;
		else
			s->io[s->nr_io].data = s->io[s->nr_io].data * 31 + data[i];
	}
	s->nr_io++;
	return true;
}

static void run(struct side *s)
{
	struct kvm_vcpu_events ev;
	int err;

	s->nr_io = 0;
	do {
		err = vcpu_run_raw(s->vcpu);
		if (err)
			die("KVM_RUN: %s", strerror(err));
	} while (answer(s));
	s->exit = s->vcpu->run->exit_reason;
	ev = vcpu_events(s->vcpu);
	s->shadow = ev.interrupt.shadow;
	s->regs = vcpu_regs(s->vcpu);
	s->sregs = vcpu_sregs(s->vcpu);
	require(!ioctl(s->vcpu->fd, KVM_GET_DEBUGREGS, &s->dr));
	require(!ioctl(s->vcpu->fd, KVM_GET_FPU, &s->fpu));
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
		s->msr[i] = vcpu_get_msr(s->vcpu, msrs[i]);
	if (s->exit == KVM_EXIT_IO || s->exit == KVM_EXIT_MMIO) {
		/* take the answer to what was one exit too many */
		s->vcpu->run->immediate_exit = 1;
		vcpu_run_raw(s->vcpu);
		s->vcpu->run->immediate_exit = 0;
	}
}

static char why[256];

static bool differs(const char *what, u64 a, u64 b)
{
	if (a == b)
		return false;
	snprintf(why, sizeof(why), "%s: CPU 0x%lx, emulator 0x%lx", what, a, b);
	return true;
}

static bool segment_differs(const char *name, const struct kvm_segment *a,
			    const struct kvm_segment *b, bool base)
{
	char what[32];
	u64 x[2];

	snprintf(what, sizeof(what), "selector of %s", name);
	if (differs(what, a->selector, b->selector))
		return true;
	snprintf(what, sizeof(what), "%s is unusable", name);
	if (differs(what, a->unusable, b->unusable))
		return true;
	snprintf(what, sizeof(what), "base of %s", name);
	if ((!a->unusable || base) && differs(what, a->base, b->base))
		return true;
	if (a->unusable)
		return false;
	snprintf(what, sizeof(what), "limit of %s", name);
	if (differs(what, a->limit, b->limit))
		return true;
	for (int i = 0; i < 2; i++) {
		const struct kvm_segment *s = i ? b : a;

		x[i] = s->type | s->s << 4 | s->dpl << 5 | s->present << 7 |
		       s->avl << 12 | s->l << 13 | s->db << 14 | s->g << 15;
	}
	/* the type of CS in real mode: CPUs may keep it or set it */
	if (!(cpu.sregs.cr0 & X86_CR0_PE) && !strcmp(name, "cs"))
		x[0] ^= (x[0] ^ x[1]) & 8;
	snprintf(what, sizeof(what), "rights of %s", name);
	return differs(what, x[0], x[1]);
}

static bool regs_differ(void)
{
	static const char *const names[] = {
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8",
		"r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip",
	};
	const __u64 *a = (__u64 *)&cpu.regs, *b = (__u64 *)&emulator.regs;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (differs(names[i], a[i], b[i]))
			return true;
	return differs("rflags", cpu.regs.rflags & ~now.undefined_flags,
		       emulator.regs.rflags & ~now.undefined_flags);
}

static bool sregs_differ(void)
{
	const struct kvm_sregs *a = &cpu.sregs, *b = &emulator.sregs;
	bool lng = a->efer & EFER_LMA;

	return segment_differs("cs", &a->cs, &b->cs, false) ||
	       segment_differs("ss", &a->ss, &b->ss, false) ||
	       segment_differs("ds", &a->ds, &b->ds, false) ||
	       segment_differs("es", &a->es, &b->es, false) ||
	       segment_differs("fs", &a->fs, &b->fs, lng) ||
	       segment_differs("gs", &a->gs, &b->gs, lng) ||
	       segment_differs("ldtr", &a->ldt, &b->ldt, false) ||
	       segment_differs("tr", &a->tr, &b->tr, false) ||
	       differs("base of gdtr", a->gdt.base, b->gdt.base) ||
	       differs("limit of gdtr", a->gdt.limit, b->gdt.limit) ||
	       differs("base of idtr", a->idt.base, b->idt.base) ||
	       differs("limit of idtr", a->idt.limit, b->idt.limit) ||
	       differs("cr0", a->cr0, b->cr0) ||
	       differs("cr2", a->cr2, b->cr2) ||
	       differs("cr3", a->cr3, b->cr3) ||
	       differs("cr4", a->cr4, b->cr4) ||
	       differs("cr8", a->cr8, b->cr8) ||
	       differs("efer", a->efer, b->efer);
}

static bool io_differs(void)
{
	if (differs("number of I/O exits", cpu.nr_io, emulator.nr_io))
		return true;
	for (unsigned int i = 0; i < cpu.nr_io; i++)
		if (differs("kind of I/O", cpu.io[i].kind, emulator.io[i].kind) ||
		    differs("address of I/O", cpu.io[i].addr, emulator.io[i].addr) ||
		    differs("length of I/O", cpu.io[i].len, emulator.io[i].len) ||
		    differs("data of I/O", cpu.io[i].data, emulator.io[i].data))
			return true;
	return false;
}

static bool fpu_differs(void)
{
	const struct kvm_fpu *a = &cpu.fpu, *b = &emulator.fpu;

	return differs("fcw", a->fcw, b->fcw) || differs("fsw", a->fsw, b->fsw) ||
	       differs("ftw", a->ftwx, b->ftwx) ||
	       differs("mxcsr", a->mxcsr, b->mxcsr) ||
	       differs("vector registers", 0, memcmp(a->xmm, b->xmm, sizeof(a->xmm))) ||
	       differs("x87 registers", 0, memcmp(a->fpr, b->fpr, sizeof(a->fpr)));
}

static bool memory_differs(void)
{
	char what[32];
	u64 at;

	u64 sp = now.regs.rsp + now.sregs.ss.base;

	if (now.any_push && sp - 8 < D_SIZE - 8)
		memcpy(emulator.mem + sp - 8, cpu.mem + sp - 8, 8);
	for (at = 0; at < D_SIZE; at += 8)
		if (*(u64 *)(cpu.mem + at) != *(u64 *)(emulator.mem + at))
			break;
	if (at == D_SIZE)
		return false;
	snprintf(what, sizeof(what), "memory at 0x%lx", at);
	return differs(what, *(u64 *)(cpu.mem + at), *(u64 *)(emulator.mem + at));
}

/* In a handler of an exception, its HLT executed */
static bool faulted(const struct side *s)
{
	return s->regs.rip - D_HANDLERS - 1 < 32 && s->sregs.cs.base == 0;
}

static bool state_differs(void)
{
	if (differs("exit", cpu.exit, emulator.exit) || io_differs())
		return true;
	if (cpu.exit != KVM_EXIT_HLT)
		return false;
	/* several faults are possible */
	if (now.any_order && faulted(&cpu) && faulted(&emulator))
		return false;
	if (regs_differ() || sregs_differ() || memory_differs() ||
	    differs("interrupt shadow", cpu.shadow, emulator.shadow) ||
	    differs("dr6", cpu.dr.dr6, emulator.dr.dr6) ||
	    differs("dr7", cpu.dr.dr7, emulator.dr.dr7) ||
	    (now.fpu && fpu_differs()))
		return true;
	for (unsigned int i = 0; i < 4; i++)
		if (differs("debug register", cpu.dr.db[i], emulator.dr.db[i]))
			return true;
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
		if (differs("MSR", cpu.msr[i], emulator.msr[i]))
			return true;
	return false;
}

static void show_side(const struct side *s)
{
	const u64 *stack = (u64 *)(s->mem + (s->regs.rsp & 0xffff));

	printf("#   %s: exit %s, rip %llx rsp %llx rflags %llx cs %x ss %x\n",
	       s == &cpu ? "CPU" : "emulator", exit_name(s->exit),
	       s->regs.rip, s->regs.rsp, s->regs.rflags,
	       s->sregs.cs.selector, s->sregs.ss.selector);
	printf("#     cr0 %llx cr2 %llx dr6 %llx, stack %lx %lx %lx %lx\n",
	       s->sregs.cr0, s->sregs.cr2, s->dr.dr6, stack[0], stack[1],
	       stack[2], stack[3]);
}

static void show(const char *text)
{
	printf("# %s, CPL %u, seed 0x%lx: %s:", diff_mode_names[now.mode],
	       now.cpl, now.seed, now.what);
	for (unsigned int i = 0; i < now.len; i++)
		printf(" %02x", now.insn[i]);
	printf("\n#   %s\n", text);
	if (!verbose)
		return;
	printf("#   rip %llx rsp %llx rflags %llx rax %llx rcx %llx rdx %llx rbx %llx\n",
	       now.regs.rip, now.regs.rsp, now.regs.rflags, now.regs.rax,
	       now.regs.rcx, now.regs.rdx, now.regs.rbx);
	for (struct side *s = &cpu; s; s = s == &cpu ? &emulator : NULL)
		show_side(s);
}

static bool one(enum diff_mode mode, u64 seed)
{
	bool trap = now.regs.rflags & X86_EFLAGS_TF;

	if (trap) {
		diff_generate(&now, DIFF_LONG, 1);
		flush_traps(&cpu);
	}
	diff_generate(&now, mode, seed);
	load(&cpu);
	load(&emulator);
	run(&cpu);
	run(&emulator);
	/* where the CPU's guest ended so it had lost its way */
	if (emulator.exit == KVM_EXIT_INTERNAL_ERROR ||
	    cpu.exit == KVM_EXIT_INTERNAL_ERROR) {
		not_executed++;
		if (verbose)
			show("not executed");
		return true;
	}
	compared++;
	exits_io += !!cpu.nr_io;
	faults += faulted(&cpu);
	if (!state_differs()) {
		if (verbose)
			show("the same");
		return true;
	}
	show(why);
	return false;
}

static void start(unsigned int kind)
{
	side_new(&cpu, kind, false);
	side_new(&emulator, kind, true);
}

static void stop(void)
{
	vm_free(cpu.vm);
	vm_free(emulator.vm);
}

/* Returns how many differ */
static unsigned int run_mode(enum diff_mode mode, unsigned long cases, u64 seed)
{
	unsigned int bad = 0;
	u64 state = seed;

	for (unsigned long i = 0; i < cases && bad < 20; i++) {
		/* a single one is the one that a report names */
		if (cases > 1)
			seed = diff_random(&state);
		if (!one(mode, seed))
			bad++;
		state += mode;
	}
	return bad;
}

static void check_mode(struct __test_metadata *_metadata, unsigned int kind,
		       enum diff_mode mode)
{
	start(kind);
	EXPECT_EQ(0, run_mode(mode, CASES, 0x5eed));
	/* the emulator has to know most of it */
	EXPECT_GT(CASES / 10, not_executed);
	stop();
}

TEST_F(emulation, real)
{
	check_mode(_metadata, variant->kind, DIFF_REAL);
}

TEST_F(emulation, prot16)
{
	check_mode(_metadata, variant->kind, DIFF_PROT16);
}

TEST_F(emulation, prot32)
{
	check_mode(_metadata, variant->kind, DIFF_PROT32);
}

TEST_F(emulation, v86)
{
	check_mode(_metadata, variant->kind, DIFF_V86);
}

TEST_F(emulation, compat)
{
	check_mode(_metadata, variant->kind, DIFF_COMPAT);
}

TEST_F(emulation, long_mode)
{
	check_mode(_metadata, variant->kind, DIFF_LONG);
}

static int by_hand(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cases", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "mode", required_argument, NULL, 'm' },
		{ "kind", required_argument, NULL, 'k' },
		{ "verbose", no_argument, NULL, 'v' },
		{ }
	};
	unsigned int kind = KVM_MMU_KIND_EPT, bad = 0, mode;
	unsigned long cases = 10000;
	const char *only = NULL;
	u64 seed = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			cases = strtoul(optarg, NULL, 0);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			only = optarg;
			break;
		case 'k':
			kind = strcmp(optarg, "shadow") ? KVM_MMU_KIND_EPT :
							  KVM_MMU_KIND_SHADOW;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 2;
		}
	}
	start(kind);
	for (mode = 0; mode < DIFF_MODES; mode++)
		if (!only || !strcmp(only, diff_mode_names[mode]))
			bad += run_mode(mode, cases, seed);
	stop();
	printf("%lu cases compared (%lu with faults, %lu with I/O), %lu not executed: %u differ\n",
	       compared, faults, exits_io, not_executed, bad);
	return !!bad;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return by_hand(argc, argv);
	return test_harness_run(argc, argv);
}
