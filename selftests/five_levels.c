// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5-level paging (CR4.LA57, SDM 3A 4.5): addresses that four levels do not
 * reach, what is canonical, faults of the fifth level, and the ways in and out.
 *
 * testhost: --cpu-model corei7_skylake_x+la57
 */
#include "smm.h"
#include "torture.h"

FIXTURE(five_levels) { struct vm *vm; struct vcpu *vcpu; struct pt pt; };
KIND_VARIANTS(five_levels)

static void enter(struct vcpu *v, struct pt *pt)
{
	*pt = pt_new(v->vm, PT_5LEVEL);
	vcpu_set_mode(v, CPU_LONG, pt);
}

FIXTURE_SETUP(five_levels)
{
	if (!GUEST_HAS_LA57())
		skip_test("no 5-level paging");
	self->vm = vm_new(variant->kind);
	self->vcpu = vcpu_new(self->vm, 0, NULL);
	enter(self->vcpu, &self->pt);
}

FIXTURE_TEARDOWN(five_levels)
{
	EXPECT_EQ(0, kvm_audit());
	vm_free(self->vm);
}

/* Both ends of what 57 bits have and 48 bits have not, and between */
#define LOW_END		0x00fffffffffff000ull
#define HIGH_END	0xff00000000000000ull
#define FIRST		(1ull << 47)

static const u64 places[] = {
	FIRST, 1ull << 48, LOW_END, HIGH_END, 0xffff7ffffffff000,
};

/* All of the guest's memory once more */
#define ALIAS		(1ull << 54)
#define DEVICE		0x007f123456789000ull
#define DEVICE_GPA	0xf0000000ull

static void map_places(struct pt *pt)
{
	const u64 flags = PTE_W | PTE_U;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		pt_map(pt, places[i], G_DATA + i * PAGE_4K, PAGE_4K, flags);
	if (GUEST_HAS_1G())
		pt_map(pt, ALIAS, 0, PAGE_1G, flags);
	else
		pt_map_range(pt, ALIAS, 0, G_RAM_SIZE, PAGE_2M, flags);
	pt_map(pt, DEVICE, DEVICE_GPA, PAGE_4K, flags);
}

/* ---- addresses ------------------------------------------------------------ */

static void guest_addresses(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		u64 low = G_DATA + i * PAGE_4K;

		write64(places[i] + 8, 0x1234 + i);
		GUEST_ASSERT_EQ(read64(low + 8), 0x1234 + i);
		write64(low + PAGE_4K - 8, ~i);
		GUEST_ASSERT_EQ(read64(places[i] + PAGE_4K - 8), ~i);
		GUEST_ASSERT_EQ(read64(ALIAS + low + 8), 0x1234 + i);
		/* a function: mov %rdi, %rax; ret */
		write32(places[i] + 0x100, 0xc3f88948);
		GUEST_ASSERT_EQ(((u64 (*)(u64))(places[i] + 0x100))(i), i);
	}
	write64(DEVICE + 0x10, 0x1122334455667788);
	GUEST_ASSERT_EQ(read64(DEVICE + 0x20), 0x8877665544332211);
	GUEST_DONE();
}

static void run_addresses(struct vcpu *v, struct pt *pt)
{
	u64 val = 0x1122334455667788;

	map_places(pt);
	vcpu_set_entry(v, guest_addresses);
	require(!memcmp(expect_mmio(v, DEVICE_GPA + 0x10, true, 8), &val, 8));
	val = __builtin_bswap64(val);
	memcpy(expect_mmio(v, DEVICE_GPA + 0x20, false, 8), &val, 8);
	expect_done(v);
}

TEST_F(five_levels, addresses)
{
	run_addresses(self->vcpu, &self->pt);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct kvm_translation t = { .linear_address = places[i] + 5 };

		ASSERT_EQ(0, ioctl(self->vcpu->fd, KVM_TRANSLATE, &t));
		ASSERT_TRUE(t.valid);
		ASSERT_EQ(G_DATA + i * PAGE_4K + 5, t.physical_address);
	}
}

/* ---- what is canonical ------------------------------------------------------ */

static const u64 not_canonical[] = {
	1ull << 56, 1ull << 57, 1ull << 63, HIGH_END - 8, 0x7ffffffffffff000,
};

static void guest_canonical(u64 inside)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_canonical); i++) {
		u64 a = not_canonical[i];

		asm volatile(TRY("mov (%0), %%rax") : : "r"(a)
			     : "rax", "memory");
		GUEST_ASSERT_EQ(caught(), VEC_GP);
		GUEST_ASSERT_EQ(guest_cpu()->error, 0);
		asm volatile(TRY("lock incq (%0)") : : "r"(a) : "memory");
		GUEST_ASSERT_EQ(caught(), VEC_GP);
		asm volatile("push %%rbp; mov %0, %%rbp;"
			     TRY("mov (%%rbp), %%rax")
			     "pop %%rbp" : : "r"(a) : "rax", "memory");
		GUEST_ASSERT_EQ(caught(), VEC_SS);
		asm volatile(TRY("jmp *%0") : : "r"(a) : "memory");
		GUEST_ASSERT_EQ(caught(), VEC_GP);
		/* SDM 2A: no address is refused in 64-bit mode */
		asm volatile(TRY("invlpg (%0)") : : "r"(a) : "memory");
		GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	}
	/* the last bytes are mapped, those beyond are not addresses */
	asm volatile(TRY("mov (%0), %%rax") : : "r"(LOW_END + PAGE_4K - 8)
		     : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	asm volatile(TRY("mov (%0), %%rax") : : "r"(LOW_END + PAGE_4K - 4)
		     : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("mov %%rax, (%0)") : : "r"(HIGH_END - 4)
		     : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	/* canonical, and nothing is there */
	asm volatile(TRY("jmp *%0") : : "r"(inside) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_PF);
	GUEST_ASSERT_EQ(guest_cpu()->cr2, inside);
	GUEST_ASSERT_EQ(guest_cpu()->rip, inside);
	GUEST_DONE();
}

static void run_canonical(struct vcpu *v, struct pt *pt)
{
	map_places(pt);
	vcpu_set_entry(v, guest_canonical);
	vcpu_args(v, 1, 3ull << 48);
	expect_done(v);
}

TEST_F(five_levels, canonical)
{
	run_canonical(self->vcpu, &self->pt);
}

static const u32 msrs[] = {
	MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_KERNEL_GS_BASE,
	MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

static void guest_msrs(void)
{
	static const u64 good[] = { FIRST, LOW_END, HIGH_END, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(good); k++) {
			GUEST_ASSERT_EQ(try_wrmsr(msrs[i], good[k]),
					GUEST_NO_EXCEPTION);
			GUEST_SYNC(msrs[i]);
			GUEST_ASSERT_EQ(rdmsr(msrs[i]), good[k]);
		}
		for (size_t k = 0; k < ARRAY_SIZE(not_canonical); k++) {
			GUEST_ASSERT_EQ(try_wrmsr(msrs[i], not_canonical[k]),
					VEC_GP);
			GUEST_ASSERT_EQ(rdmsr(msrs[i]), 0);
		}
	}
	GUEST_DONE();
}

/* They stay what they are across exits to user space */
TEST_F(five_levels, msrs)
{
	vcpu_set_entry(self->vcpu, guest_msrs);
	while (vcpu_run(self->vcpu), self->vcpu->uc_cmd == UCALL_SYNC)
		sched_yield();
	ASSERT_EQ(UCALL_DONE, self->vcpu->uc_cmd);
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		ASSERT_EQ(1, vcpu_set_msr(self->vcpu, msrs[i], HIGH_END));
		ASSERT_EQ(HIGH_END, vcpu_get_msr(self->vcpu, msrs[i]));
	}
	for (size_t k = 0; k < ARRAY_SIZE(not_canonical); k++)
		ASSERT_EQ(0, vcpu_set_msr(self->vcpu, MSR_LSTAR,
					  not_canonical[k]));
}

/* ---- tables of the CPU at such addresses ------------------------------------ */

struct __attribute__((packed)) table_ptr {
	u16 limit;
	u64 base;
};

static u64 user_adds(u64 x)
{
	asm volatile("int3");
	return x + 1;
}

static u64 breakpoints;

static void count_breakpoint(struct guest_regs *regs)
{
	breakpoints++;
}

static void guest_tables(void)
{
	struct table_ptr gdt = { GDT_LIMIT, ALIAS + G_GDT(0) };
	struct table_ptr idt = { 256 * 16 - 1, ALIAS + G_IDT };
	const u64 tss = ALIAS + G_TSS(0);
	u64 *d = (u64 *)G_GDT(0) + (SEL_TSS >> 3);

	guest_handlers[VEC_BP] = count_breakpoint;
	/* SDM 3A 8.2.3: base 23:0, 31:24 and 63:32; available */
	d[0] = (d[0] & 0x00fff0000000ffff) | 9ull << 40 |
	       (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	d[1] = tss >> 32;
	asm volatile("lgdt %0; lidt %1" : : "m"(gdt), "m"(idt));
	asm volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
	wrmsr(MSR_GS_BASE, ALIAS + G_CPU(0));
	for (int i = 0; i < 3; i++) {
		/* loads all of them: CS, SS and TSS.RSP0 */
		GUEST_ASSERT_EQ(guest_user_call(user_adds, 7), 8);
		asm volatile(TRY("ud2") : : : "memory");
		GUEST_ASSERT_EQ(caught(), VEC_UD);
		GUEST_ASSERT_EQ(breakpoints, i + 1);
		GUEST_SYNC(i);
	}
	GUEST_DONE();
}

TEST_F(five_levels, descriptor_tables)
{
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;

	map_places(&self->pt);
	vcpu_set_entry(v, guest_tables);
	expect_sync(v, 0);
	s = vcpu_sregs(v);
	ASSERT_EQ(ALIAS + G_GDT(0), s.gdt.base);
	ASSERT_EQ(ALIAS + G_IDT, s.idt.base);
	ASSERT_EQ(ALIAS + G_TSS(0), s.tr.base);
	ASSERT_EQ(ALIAS + G_CPU(0), s.gs.base);
	vcpu_complete_exit(v);
	s = vcpu_sregs(v);
	s.fs.base = HIGH_END;
	vcpu_set_sregs(v, &s);
	expect_sync(v, 1);
	expect_sync(v, 2);
	ASSERT_EQ(HIGH_END, vcpu_get_msr(v, MSR_FS_BASE));
	expect_done(v);
}

/* ---- faults ----------------------------------------------------------------- */

#define NO_FAULT	(~0ull)

struct access {
	u64 addr, write, error;
};

static struct access accesses[16];

static void guest_faults(void)
{
	write_cr0(read_cr0() | X86_CR0_WP);
	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		struct access *a = &accesses[i];

		if (!a->addr)
			break;
		if (a->write)
			asm volatile(TRY("movb $1, (%0)") : : "r"(a->addr)
				     : "memory");
		else
			asm volatile(TRY("movb (%0), %%al") : : "r"(a->addr)
				     : "rax", "memory");
		if (a->error == NO_FAULT) {
			GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
			continue;
		}
		GUEST_ASSERT_EQ(caught(), VEC_PF);
		GUEST_ASSERT_EQ(guest_cpu()->error, a->error);
		GUEST_ASSERT_EQ(guest_cpu()->cr2, a->addr);
	}
	GUEST_DONE();
}

static void run_faults(struct vcpu *v, struct pt *pt)
{
	const u64 rsvd = PFEC_P | PFEC_RSVD, top = 1ull << 48;
	const struct access list[] = {
		/* nothing at level 5, 4, 3, 2, 1 */
		{ 9 * top, 0, 0 },
		{ HIGH_END + 9 * top, 1, PFEC_W },
		{ top + (1ull << 39), 0, 0 },
		{ top + (1ull << 30) + 5, 1, PFEC_W },
		{ top + (1ull << 21), 0, 0 },
		{ top + PAGE_4K, 0, 0 },
		{ top, 1, NO_FAULT },
		/* SDM 3A 4.5.4: no pages of 256 TiB or 512 GiB */
		{ 3 * top, 0, rsvd },
		{ 4 * top, 1, rsvd | PFEC_W },
		/* an address that no CPU has */
		{ 5 * top + 123, 0, rsvd },
		/* rights of the fifth level */
		{ 6 * top, 0, NO_FAULT },
		{ 6 * top + 1, 1, PFEC_P | PFEC_W },
	};
	struct vm *vm = v->vm;

	map_places(pt);
	for (int i = 3; i <= 6; i++)
		pt_map(pt, i * top, G_DATA, PAGE_4K, PTE_W | PTE_U);
	pt_set(pt, 3 * top, 5, pt_get(pt, 3 * top, 5) | PTE_PS);
	pt_set(pt, 4 * top, 4, pt_get(pt, 4 * top, 4) | PTE_PS);
	pt_set(pt, 5 * top, 5, pt_get(pt, 5 * top, 5) | 1ull << 51);
	pt_set(pt, 6 * top, 5, pt_get(pt, 6 * top, 5) & ~PTE_W);
	memset(accesses, 0, sizeof(accesses));
	memcpy(accesses, list, sizeof(list));
	sync_to_guest(vm, accesses);
	vcpu_set_entry(v, guest_faults);
	expect_done(v);
	/* A is set on the way of what succeeded */
	require(pt_get(pt, top, 5) & PTE_A);
	require(pt_get(pt, 6 * top, 5) & PTE_A);
}

TEST_F(five_levels, faults)
{
	run_faults(self->vcpu, &self->pt);
}

/* ---- by the emulator alone ---------------------------------------------------- */

TEST_F(five_levels, emulated)
{
	static void (* const run[])(struct vcpu *v, struct pt *pt) = {
		run_addresses, run_canonical, run_faults,
	};
	char old[KVM_PARAM_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(run); i++) {
		struct vcpu *v;
		struct vm *vm;
		struct pt pt;

		if (!kvm_param("force_emulation", "1", old))
			skip_test("the emulator cannot be forced");
		vm = vm_new(variant->kind);
		kvm_param("force_emulation", old, NULL);
		v = vcpu_new(vm, 0, NULL);
		enter(v, &pt);
		run[i](v, &pt);
		vm_free(vm);
	}
}

/* ---- in and out --------------------------------------------------------------- */

static void guest_no_change(void)
{
	u64 cr4 = read_cr4();

	asm volatile(TRY("mov %0, %%cr4") : : "r"(cr4 ^ X86_CR4_LA57)
		     : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	GUEST_ASSERT_EQ(read_cr4(), cr4);
	GUEST_RETURN(cr4 & X86_CR4_LA57);
}

/* SDM 3A 4.1.1: not in IA-32e mode */
TEST_F(five_levels, not_in_long_mode)
{
	vcpu_set_entry(self->vcpu, guest_no_change);
	ASSERT_EQ(X86_CR4_LA57, expect_done(self->vcpu));
	vcpu_set_mode(self->vcpu, CPU_LONG, &self->vm->pt);
	vcpu_set_entry(self->vcpu, guest_no_change);
	ASSERT_EQ(0, expect_done(self->vcpu));
}

/*
 * Runs at G_LOW in 64-bit mode: CR3 for four levels in EBX, for five in ECX, an
 * address for five in RDI. There and back twice; what is at RDI goes to port
 * 0x99 each time, then RDI is used with four levels.
 */
asm(".pushsection .rodata\n"
	".globl la57_climb, la57_climb_end\n"
	".code64\n"
	"la57_climb:\n"
	"	mov $2, %esi\n"
	"0:	ljmp *0x8000 + (1f - la57_climb)\n"
	"	.balign 8\n"
	"1:	.long 0x8000 + (2f - la57_climb)\n"
	"	.word 0x18\n"			/* SEL_CS32 */
	".code32\n"
	"2:	mov %ecx, %edx\n"
	"	call change\n"
	"	ljmp $8, $0x8000 + (3f - la57_climb)\n"	/* SEL_CS64 */
	".code64\n"
	"3:	mov (%rdi), %al\n"
	"	out %al, $0x99\n"
	"	incb (%rdi)\n"
	"	ljmp *0x8000 + (4f - la57_climb)\n"
	"	.balign 8\n"
	"4:	.long 0x8000 + (5f - la57_climb)\n"
	"	.word 0x18\n"
	".code32\n"
	"5:	mov %ebx, %edx\n"
	"	call change\n"
	"	ljmp $8, $0x8000 + (6f - la57_climb)\n"
	".code64\n"
	"6:	dec %esi\n"
	"	jnz 0b\n"
	"	mov (%rdi), %al\n"
	"	hlt\n"
	".code32\n"
	"change:\n"
	"	mov %cr0, %eax\n"
	"	and $0x7fffffff, %eax\n"
	"	mov %eax, %cr0\n"
	"	mov %cr4, %eax\n"
	"	xor $0x1000, %eax\n"
	"	mov %eax, %cr4\n"
	"	mov %edx, %cr3\n"
	"	mov %cr0, %eax\n"
	"	or $0x80000000, %eax\n"
	"	mov %eax, %cr0\n"
	"	ret\n"
	".code64\n"
	"la57_climb_end:\n"
	".popsection\n");
extern const u8 la57_climb[], la57_climb_end[];

TEST_F(five_levels, switch_modes)
{
	struct kvm_regs r = {
		.rip = G_LOW, .rsp = G_STACK(0), .rflags = X86_EFLAGS_FIXED,
		.rbx = self->vm->pt.root, .rcx = self->pt.root, .rdi = LOW_END,
	};
	struct vcpu *v = self->vcpu;
	u8 *at;

	map_places(&self->pt);
	/* four levels find something else there, were it an address */
	pt_map(&self->vm->pt, LOW_END & ((1ull << 48) - 1), G_DATA_END - PAGE_4K,
	       PAGE_4K, PTE_W | PTE_U);
	at = vm_hva(self->vm, G_DATA + 2 * PAGE_4K);
	*at = 7;
	memcpy(vm_hva(self->vm, G_LOW), la57_climb, la57_climb_end - la57_climb);
	vcpu_set_mode(v, CPU_LONG, &self->vm->pt);
	vcpu_set_regs(v, &r);
	for (u8 n = 7; n < 9; n++) {
		ASSERT_EQ(n, *(u8 *)expect_pio(v, 0x99, true, 1, 1));
		ASSERT_EQ(X86_CR4_LA57, vcpu_sregs(v).cr4 & X86_CR4_LA57);
		ASSERT_EQ(n, *at);
	}
	expect_exception(v, VEC_GP);
	ASSERT_EQ(0, vcpu_sregs(v).cr4 & X86_CR4_LA57);
	ASSERT_EQ(9, *at);
}

/* Random tables, and from four levels to five and back: see torture.c */
TEST_F(five_levels, random)
{
	struct tt_options o = {
		.seed = 57, .rounds = 2, .ops = 1000,
		.modes = 1 << FMT_4L | 1 << FMT_5L, .host_ops = true,
		.kinds = { variant->kind }, .nr_kinds = 1,
	};

	ASSERT_TRUE(tt_rounds(&o));
}

/* Without long mode the bit has no meaning */
TEST_F(five_levels, other_modes)
{
	static const enum pt_mode modes[] = { PT_NONE, PT_32, PT_PAE };
	struct vcpu *v = self->vcpu;

	*(u64 *)vm_hva(self->vm, G_DATA) = 0x12345678;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct pt pt = pt_new(self->vm, modes[i]);
		struct probe_result p;
		struct kvm_sregs s;

		vcpu_set_mode(v, CPU_PROT32, &pt);
		probe_init(v, 32);
		s = vcpu_sregs(v);
		s.cr4 |= X86_CR4_LA57;
		vcpu_set_sregs(v, &s);
		p = probe(v, probe32_read, G_DATA, 0);
		ASSERT_EQ(-1, p.vector);
		ASSERT_EQ(0x12345678, (u32)p.value);
		p = probe(v, probe32_cr4, 0, s.cr4 & ~(u64)X86_CR4_LA57);
		ASSERT_EQ(-1, p.vector);
		p = probe(v, probe32_read, G_DATA, 0);
		ASSERT_EQ(0x12345678, (u32)p.value);
		ASSERT_EQ(0, vcpu_sregs(v).cr4 & X86_CR4_LA57);
	}
}

/* User space changes the mode under the guest, which holds on to its address */
static void guest_reads(u64 a)
{
	for (u64 n = 1; ; n++) {
		asm volatile(TRY("movb (%0), %%al") : : "r"(a)
			     : "rax", "memory");
		GUEST_SYNC_ARGS(n, caught(), read_cr4() & X86_CR4_LA57, 0, 0);
	}
}

TEST_F(five_levels, from_outside)
{
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;

	map_places(&self->pt);
	vcpu_set_entry(v, guest_reads);
	vcpu_args(v, 1, FIRST);
	for (u64 n = 1; n < 6; n++) {
		bool five = n & 1;

		expect_sync(v, n);
		ASSERT_EQ(five ? GUEST_NO_EXCEPTION : VEC_GP, v->uc[1]);
		ASSERT_EQ(five ? X86_CR4_LA57 : 0, v->uc[2]);
		vcpu_complete_exit(v);
		s = vcpu_sregs(v);
		s.cr4 ^= X86_CR4_LA57;
		s.cr3 = five ? self->vm->pt.root : self->pt.root;
		vcpu_set_sregs(v, &s);
	}
}

static void guest_sets_la57(void)
{
	asm volatile(TRY("mov %0, %%cr4") : : "r"(read_cr4() | X86_CR4_LA57)
		     : "memory");
	GUEST_RETURN(caught());
}

/* A guest that is not told has not got it */
TEST_F(five_levels, not_offered)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	size_t size = sizeof(*c) + c->nent * sizeof(c->entries[0]);
	struct kvm_cpuid2 *less = malloc(size);
	struct vcpu *v = self->vcpu;
	struct kvm_sregs s;

	require(less);
	memcpy(less, c, size);
	cpuid_entry(less, 7, 0)->ecx &= ~(1u << 16);
	vcpu_set_mode(v, CPU_LONG, &self->vm->pt);
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_CPUID2, less));
	free(less);
	s = vcpu_sregs(v);
	s.cr4 |= X86_CR4_LA57;
	ASSERT_EQ(EINVAL, vcpu_set_sregs_err(v, &s));
	ASSERT_EQ(0, vcpu_set_msr(v, MSR_KERNEL_GS_BASE, FIRST));
	vcpu_set_entry(v, guest_sets_la57);
	ASSERT_EQ(VEC_GP, expect_done(v));
}

/* ---- SMM ------------------------------------------------------------------------ */

SMM_SUITE(five_levels_smm)

static void guest_count_at(u64 a)
{
	for (;;)
		GUEST_SYNC(++*(volatile u64 *)a);
}

/* An SMI's handler runs without paging, RSM loads CR4.LA57 with paging on */
TEST_F(five_levels_smm, there_and_back)
{
	struct vcpu *v = self->vcpu;
	struct kvm_sregs before, after;
	struct pt pt;

	if (!GUEST_HAS_LA57())
		skip_test("no 5-level paging");
	set_handler(self->smram, simple, sizeof(simple));
	enter(v, &pt);
	map_places(&pt);
	vcpu_set_entry(v, guest_count_at);
	vcpu_args(v, 1, HIGH_END);
	for (u64 n = 1; n < 6; n += 2) {
		expect_sync(v, n);
		vcpu_complete_exit(v);
		before = vcpu_sregs(v);
		smi(v);
		ASSERT_EQ(0x5a, in_handler(v));
		ASSERT_EQ(0, vcpu_sregs(v).cr4);
		ASSERT_EQ(before.cr4, FIELD(self->smram, CR4_64, u64));
		expect_sync(v, n + 1);
		vcpu_complete_exit(v);
		after = vcpu_sregs(v);
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(before)));
	}
}

TEST_HARNESS_MAIN
