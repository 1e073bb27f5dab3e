// SPDX-License-Identifier: GPL-2.0-only
/* System-management mode: SMI, the SMRAM address space, the map, RSM. */
#include "smm.h"
#include <sys/time.h>

SMM_SUITE(smm)

/* ---- arguments ---------------------------------------------------------- */

TEST_F(smm, arguments)
{
	struct kvm_vcpu_events e = vcpu_events(self->vcpu);
	struct kvm_mp_state init = { KVM_MP_STATE_INIT_RECEIVED };
	static u64 bitmap[8];
	struct kvm_dirty_log log = {
		.slot = SPACE_SMM | CELL_SLOT, .dirty_bitmap = bitmap,
	};

	EXPECT_EQ(2, kvm_check(KVM_CAP_MULTI_ADDRESS_SPACE));
	EXPECT_EQ(2, vm_check(self->vm, KVM_CAP_MULTI_ADDRESS_SPACE));
	/* a third space; a slot that meets another in its own space */
	EXPECT_EQ(EINVAL, vm_set_region(self->vm, 2u << 16, 0, 0, PAGE_4K,
					self->cell));
	EXPECT_EQ(EINVAL, vm_set_region(self->vm, ~0u, 0, 0, PAGE_4K,
					self->cell));
	EXPECT_EQ(EEXIST, vm_set_region(self->vm, SPACE_SMM | 9, 0, CELL,
					PAGE_4K, self->cell));
	EXPECT_EQ(ENOENT, ioctl(self->vm->fd, KVM_GET_DIRTY_LOG, &log) ?
		  errno : 0);

	EXPECT_TRUE(e.flags & KVM_VCPUEVENT_VALID_SMM);
	EXPECT_EQ(0, e.smi.smm);
	EXPECT_EQ(0, e.smi.pending);
	e.flags = KVM_VCPUEVENT_VALID_SMM;
	e.smi.pending = 1;
	vcpu_set_events(self->vcpu, &e);
	e = vcpu_events(self->vcpu);
	EXPECT_EQ(1, e.smi.pending);
	/* INIT is not for a CPU that has an SMI to handle */
	EXPECT_NE(0, ioctl(self->vcpu->fd, KVM_SET_MP_STATE, &init));
	e.flags = KVM_VCPUEVENT_VALID_SMM;
	e.smi.pending = 0;
	vcpu_set_events(self->vcpu, &e);
	e = vcpu_events(self->vcpu);
	EXPECT_EQ(0, e.smi.pending);

	EXPECT_EQ(SMBASE, vcpu_get_msr(self->vcpu, MSR_SMBASE));
	EXPECT_EQ(1, vcpu_set_msr(self->vcpu, MSR_SMBASE, 0xa0000));
	EXPECT_EQ(0xa0000, vcpu_get_msr(self->vcpu, MSR_SMBASE));
	EXPECT_EQ(0, vcpu_set_msr(self->vcpu, MSR_SMBASE, 1ull << 32));
}

static void guest_outside(void)
{
	u32 lo, hi;

	asm volatile(TRY("rsm") ::: "memory");
	GUEST_ASSERT_EQ(caught(), VEC_UD);
	asm volatile(TRY("rdmsr") : "=a"(lo), "=d"(hi) : "c"(MSR_SMBASE));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	/* addresses for kvmclock that would be in the other space */
	asm volatile(TRY("wrmsr") : : "a"(CELL), "d"(1u << 20),
		     "c"(0x4b564d00));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("wrmsr") : : "a"(CELL | 1), "d"(1u << 20),
		     "c"(0x4b564d01));
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	GUEST_RETURN(rdmsr(MSR_SMI_COUNT_));
}

TEST_F(smm, outside)
{
	vcpu_set_entry(self->vcpu, guest_outside);
	EXPECT_EQ(0, expect_done(self->vcpu));
}

/* ---- in and out --------------------------------------------------------- */

static void check_entry_state(struct vcpu *v, u32 smbase)
{
	struct kvm_sregs s = vcpu_sregs(v);
	struct kvm_regs r = vcpu_regs(v);

	require(s.cs.selector == (u16)(smbase >> 4) && s.cs.base == smbase);
	require(s.cs.limit == ~0u && s.ds.limit == ~0u);
	require(!s.ds.selector && !s.ss.base && !s.gs.base);
	require(!(s.cr0 & 0x8000000d) && !s.cr4 && !s.efer);
	require(r.rip >= 0x8002 && r.rip <= 0x8004 && r.rflags == 2);
	require(vcpu_events(v).smi.smm && vcpu_events(v).nmi.masked);
}

TEST_F(smm, there_and_back)
{
	struct kvm_regs before, after;
	struct kvm_sregs s1, s2;
	struct vcpu *v = self->vcpu;
	u8 *m = self->smram;

	set_handler(m, simple, sizeof(simple));
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
	/* the instruction is completed by the next KVM_RUN */
	vcpu_complete_exit(v);
	before = vcpu_regs(v);
	s1 = vcpu_sregs(v);
	smi(v);
	EXPECT_EQ(0x5a, in_handler(v));
	check_entry_state(v, SMBASE);
	EXPECT_EQ(0x20064, FIELD(m, REVISION, u32));
	EXPECT_EQ(SMBASE, FIELD(m, SMBASE64, u32));
	EXPECT_EQ(before.rip, FIELD(m, RIP64, u64));
	EXPECT_EQ(before.rax, FIELD(m, RAX64, u64));
	EXPECT_EQ(s1.efer, FIELD(m, EFER64, u64));
	EXPECT_EQ(s1.cr0, FIELD(m, CR0_64, u64));
	EXPECT_EQ(s1.cr3, FIELD(m, CR3_64, u64));
	EXPECT_EQ(s1.cr4, FIELD(m, CR4_64, u64));
	expect_sync(v, 2);
	EXPECT_FALSE(v->run->flags & KVM_RUN_X86_SMM);
	EXPECT_EQ(0, vcpu_events(v).smi.smm);
	EXPECT_EQ(0, vcpu_events(v).nmi.masked);
	vcpu_complete_exit(v);
	after = vcpu_regs(v);
	s2 = vcpu_sregs(v);
	/* one round further: RDI is the number that it says */
	before.rdi++;
	EXPECT_EQ(before.rdi, after.rdi);
	EXPECT_EQ(before.rsp, after.rsp);
	EXPECT_EQ(before.rip, after.rip);
	EXPECT_EQ(0, memcmp(&s1, &s2, sizeof(s1)));
	EXPECT_EQ(1, vcpu_get_msr(v, MSR_SMI_COUNT_));
}

/* inc %eax; out %al, $LOOP_PORT; jmp: the same bytes with 16 and 32 bits */
static const u8 count[] = { 0x40, 0xe6, LOOP_PORT, 0xeb, 0xfb };

static void count_in_segment(struct vcpu *v, u8 *smram, enum cpu_mode mode,
			     const struct pt *pt, u16 cs, bool pe)
{
	struct kvm_regs regs = {
		.rip = G_LOW - cs * 16, .rflags = 2, .rsp = 0x7000
	};
	struct kvm_sregs s1, s2;
	unsigned int i;
	u8 *data;

	set_handler(smram, simple, sizeof(simple));
	memcpy(vm_hva(v->vm, G_LOW), count, sizeof(count));
	vcpu_set_mode(v, mode, pt);
	if (cs) {
		s1 = vcpu_sregs(v);
		s1.cs.selector = cs;
		s1.cs.base = cs * 16;
		s1.cs.type = 11;	/* as from reset on */
		s1.cr0 |= pe;
		vcpu_set_sregs(v, &s1);
	}
	vcpu_set_regs(v, &regs);
	s1 = vcpu_sregs(v);
	for (i = 1; i < 5; i++) {
		expect_exit(v, KVM_EXIT_IO);
		require(v->run->io.port == LOOP_PORT);
		require(!(v->run->flags & KVM_RUN_X86_SMM));
		data = (u8 *)v->run + v->run->io.data_offset;
		require(*data == i);
		smi(v);
		require(in_handler(v) == 0x5a);
	}
	expect_exit(v, KVM_EXIT_IO);
	s2 = vcpu_sregs(v);
	/* real mode knows no type, and what a VMCS says of it varies */
	if (mode == CPU_REAL)
		s2.cs.type = s1.cs.type;
	require(!memcmp(&s1, &s2, sizeof(s1)));
}

static void count_in_mode(struct vcpu *v, u8 *smram, enum cpu_mode mode,
			  const struct pt *pt)
{
	count_in_segment(v, smram, mode, pt, 0, false);
}

TEST_F(smm, from_real_mode)
{
	count_in_mode(self->vcpu, self->smram, CPU_REAL, NULL);
}

/* The low bits of CS are part of an address there, not a level */
TEST_F(smm, from_odd_segment)
{
	count_in_segment(self->vcpu, self->smram, CPU_REAL, NULL, 3, false);
}

/* ... nor are they before the far jump that follows MOV to CR0 */
TEST_F(smm, from_switch_to_protected_mode)
{
	count_in_segment(self->vcpu, self->smram, CPU_REAL, NULL, 3, true);
}

TEST_F(smm, from_32bit_paging)
{
	struct pt pt = pt_new(self->vm, PT_32);

	count_in_mode(self->vcpu, self->smram, CPU_PROT32, &pt);
}

TEST_F(smm, from_pae)
{
	struct pt pt = pt_new(self->vm, PT_PAE);

	count_in_mode(self->vcpu, self->smram, CPU_PROT32, &pt);
}

/* A CPU without Intel 64 has the map of the manual's table 31-1 */
TEST_F(smm, map_of_32_bits)
{
	struct kvm_cpuid2 *c = kvm_supported_cpuid();
	struct vcpu *v = vcpu_new_bare(self->vm, 1);
	struct pt pt = pt_new(self->vm, PT_PAE);
	u8 *m = self->smram;

	cpuid_entry(c, 0x80000001, 0)->edx &= ~(1u << 29);
	require(!ioctl(v->fd, KVM_SET_CPUID2, c));
	count_in_mode(v, m, CPU_PROT32, &pt);
	EXPECT_EQ(0x20000, FIELD(m, REVISION, u32));
	EXPECT_EQ(SMBASE, FIELD(m, SMBASE32, u32));
	EXPECT_EQ(4, FIELD(m, EAX32, u32));
	EXPECT_EQ(G_LOW + 3, FIELD(m, EIP32, u32));
	EXPECT_EQ(0x80000001, FIELD(m, CR0_32, u32) & 0x80000001);
	free(c);
}

/* ---- the other address space -------------------------------------------- */

/* mov CELL, %eax; out %eax, $PORT; incl CELL; rsm, with 32-bit operands and addresses */
static const u8 touch[] = {
	0x66, 0x67, 0xa1, 0x00, 0x10, 0x80, 0x00,
	0x66, 0xe7, PORT,
	0x66, 0x67, 0xff, 0x05, 0x00, 0x10, 0x80, 0x00,
	0x0f, 0xaa,
};

static void guest_cell(void)
{
	volatile u64 *cell = (u64 *)CELL;

	for (;;) {
		GUEST_SYNC_ARGS(1, *cell, 0, 0, 0);
		(*cell)++;
	}
}

static u64 read_cell(struct vcpu *v)
{
	expect_sync(v, 1);
	return v->uc[1];
}

static u64 dirty_word(struct vm *vm, u32 slot)
{
	u64 bitmap[G_RAM_SIZE / PAGE_4K / 64] = {};
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	require(!ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	return bitmap[0];
}

TEST_F(smm, spaces)
{
	u64 *cell = vm_hva(self->vm, CELL);
	struct vcpu *v = self->vcpu;
	unsigned int i;

	set_handler(self->smram, touch, sizeof(touch));
	*cell = 100;
	*self->cell = 2000;
	vcpu_set_entry(v, guest_cell);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(100 + i, read_cell(v));
		smi(v);
		EXPECT_EQ(2000 + i, in_handler(v));
	}
	EXPECT_EQ(104, read_cell(v));
	EXPECT_EQ(2004, *self->cell);

	/* one log for each */
	require(!vm_set_region(self->vm, SPACE_SMM | CELL_SLOT,
			       KVM_MEM_LOG_DIRTY_PAGES, CELL, PAGE_4K,
			       self->cell));
	EXPECT_EQ(105, read_cell(v));
	EXPECT_EQ(0, dirty_word(self->vm, SPACE_SMM | CELL_SLOT));
	for (i = 0; i < 2; i++) {
		smi(v);
		EXPECT_EQ(2004 + i, in_handler(v));
		EXPECT_EQ(106 + i, read_cell(v));
		EXPECT_EQ(1, dirty_word(self->vm, SPACE_SMM | CELL_SLOT));
	}
	EXPECT_EQ(0, dirty_word(self->vm, SPACE_SMM | CELL_SLOT));
	/* the slot goes: the handler finds nothing, the guest its memory */
	require(!vm_set_region(self->vm, SPACE_SMM | CELL_SLOT, 0, CELL, 0,
			       self->cell));
	smi(v);
	expect_exit(v, KVM_EXIT_MMIO);
	EXPECT_EQ(CELL, v->run->mmio.phys_addr);
	EXPECT_TRUE(v->run->flags & KVM_RUN_X86_SMM);
	memset(v->run->mmio.data, 0x11, 8);
	EXPECT_EQ(0x11111111, in_handler(v));
	expect_exit(v, KVM_EXIT_MMIO);		/* read, and write */
	expect_exit(v, KVM_EXIT_MMIO);
	EXPECT_EQ(1, v->run->mmio.is_write);
	EXPECT_EQ(108, read_cell(v));
}

/* Protected mode, then 64-bit mode with the guest's own page tables */
extern const u8 long_handler[], long_handler_end[];

asm(".pushsection .text\n"
	".code16\n"
	"long_handler:\n"
	"	lgdtl	%cs:0x8000 + 9f - long_handler\n"
	"	movl	%cr4, %eax\n"
	"	orl	$0x20, %eax\n"
	"	movl	%eax, %cr4\n"
	"	movl	%cs:0x9000, %eax\n"
	"	movl	%eax, %cr3\n"
	"	movl	$0xc0000080, %ecx\n"
	"	xorl	%edx, %edx\n"
	"	movl	$0x100, %eax\n"
	"	wrmsr\n"
	"	movl	%cr0, %eax\n"
	"	orl	$0x80000001, %eax\n"
	"	movl	%eax, %cr0\n"
	"	ljmpl	$8, $0x38000 + 1f - long_handler\n"
	".code64\n"
	"1:	movabs	$0x801000, %rbx\n"		/* CELL */
	"	mov	(%rbx), %rax\n"
	"	incq	(%rbx)\n"
	"	outl	%eax, $0x0e\n"
	"	ud2a\n"					/* no IDT: user space looks */
	"	.balign	8\n"
	"8:	.quad	0, 0x00af9b000000ffff\n"
	"9:	.word	15\n"
	"	.long	0x38000 + 8b - long_handler\n"
	"long_handler_end:\n"
	".popsection\n");

TEST_F(smm, handler_in_long_mode)
{
	size_t size = long_handler_end - long_handler, i;
	u64 *cell = vm_hva(self->vm, CELL);
	struct vcpu *v = self->vcpu;

	set_handler(self->smram, long_handler, size);
	for (i = 0; i + 1 < size; i++) {
		u8 *p = self->smram + 0x8000 + i;

		if (p[0] == 0x0f && p[1] == 0x0b)
			p[1] = 0xaa;		/* ud2 becomes rsm */
	}
	*(u32 *)(self->smram + 0x9000) = self->vm->pt.root;
	*cell = 100;
	*self->cell = 5000;
	vcpu_set_entry(v, guest_cell);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(100 + i, read_cell(v));
		smi(v);
		EXPECT_EQ(5000 + i, in_handler(v));
		EXPECT_EQ(0x500, vcpu_sregs(v).efer & 0x500);
	}
	EXPECT_EQ(104, read_cell(v));
	EXPECT_EQ(5004, *self->cell);
}

/* ---- page tables that the handler changes ------------------------------- */

#define TABLE_VA	0x20000000ull

/* movl $value, address; out %al, $PORT; rsm */
static void set_store_handler(u8 *smram, u64 gpa, u32 val)
{
	u8 code[] = {
		0x66, 0x67, 0xc7, 0x05, 0, 0, 0, 0, 0, 0, 0, 0,
		0xe6, PORT, 0x0f, 0xaa,
	};
	u32 at = gpa;

	memcpy(code + 4, &at, 4);
	memcpy(code + 8, &val, 4);
	set_handler(smram, code, sizeof(code));
}

static void guest_loads_cr3(void)
{
	for (;;) {
		write_cr3(read_cr3());
		GUEST_SYNC_ARGS(1, read64(TABLE_VA), 0, 0, 0);
	}
}

/* The same memory in both spaces: a CR3 load shows what SMM has written */
static void table_of_both(struct vm *vm, struct vcpu *v, u8 *smram, int level)
{
	const u64 page[] = { G_DATA + 4 * PAGE_4K, G_DATA + 5 * PAGE_4K };
	u64 gpa, entry[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		*(u64 *)vm_hva(vm, page[i]) = 0xa + i;
		pt_set(&vm->pt, TABLE_VA, 2, 0);
		pt_map(&vm->pt, TABLE_VA, page[i], PAGE_4K, PTE_W | PTE_A);
		entry[i] = pt_get(&vm->pt, TABLE_VA, level);
	}
	gpa = pt_entry_gpa(&vm->pt, TABLE_VA, level);
	vcpu_set_entry(v, guest_loads_cr3);
	expect_sync(v, 1);
	require(v->uc[1] == 0xb);
	for (i = 0; i < 8; i++) {
		set_store_handler(smram, gpa, entry[i & 1]);
		smi(v);
		in_handler(v);
		expect_sync(v, 1);
		require(v->uc[1] == 0xa + (i & 1));
		/* once more, with nothing changed */
		expect_sync(v, 1);
		require(v->uc[1] == 0xa + (i & 1));
	}
}

TEST_F(smm, writes_page_table)
{
	table_of_both(self->vm, self->vcpu, self->smram, 1);
}

TEST_F(smm, writes_page_directory)
{
	table_of_both(self->vm, self->vcpu, self->smram, 2);
}

/* ---- the map is memory -------------------------------------------------- */

TEST_F(smm, relocation)
{
	struct vcpu *v = self->vcpu;

	set_handler(self->smram, simple, sizeof(simple));
	/* 16 KiB further: its code, and its map behind SMRAM's end */
	memcpy(self->smram + 0xc000, simple, sizeof(simple));
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
	smi(v);
	in_handler(v);
	FIELD(self->smram, SMBASE64, u32) = SMBASE + 0x4000;
	expect_sync(v, 2);
	EXPECT_EQ(SMBASE + 0x4000, vcpu_get_msr(v, MSR_SMBASE));
	smi(v);
	in_handler(v);
	check_entry_state(v, SMBASE + 0x4000);
	expect_sync(v, 3);
}

TEST_F(smm, spoiled_map)
{
	struct vcpu *v = self->vcpu;

	set_handler(self->smram, simple, sizeof(simple));
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
	smi(v);
	in_handler(v);
	FIELD(self->smram, CR4_64, u64) = ~0ull;
	EXPECT_EQ(KVM_EXIT_SHUTDOWN, vcpu_run_any(v));
}

/* ---- maps that no CPU could have written ----------------------------------- */

#define SEG64(n)	((n) * 16)	/* ES CS SS DS FS GS GDTR LDTR IDTR TR */
#define ATTR		2
#define LIMIT		4
#define BASE		8

static const struct spoil {
	const char *what;
	u16 at, size;
	u64 value;
} spoils[] = {
	{ "RIP above 4 GiB without L", SEG64(1) + ATTR, 2, 0xc09b },
	{ "RIP not canonical", RIP64, 8, 1ull << 63 },
	{ "VM in long mode", 0x170, 8, 0x20002 },
	{ "TR not present", SEG64(9) + ATTR, 2, 0x0b },
	{ "TR no TSS", SEG64(9) + ATTR, 2, 0x82 },
	{ "TR in the LDT", SEG64(9), 2, 0x44 },
	{ "TR's base not canonical", SEG64(9) + BASE, 8, 1ull << 63 },
	{ "LDTR no LDT", SEG64(7) + ATTR, 2, 0x8b },
	{ "CS not present", SEG64(1) + ATTR, 2, 0xa01b },
	{ "CS a data segment of CPL 3", SEG64(1) + ATTR, 2, 0xa0f3 },
	{ "CS a system segment", SEG64(1) + ATTR, 2, 0xa08b },
	{ "CS of another CPL", SEG64(1) + ATTR, 2, 0xa0fb },
	{ "CS without limit", SEG64(1) + LIMIT, 4, 0x12345678 },
	{ "CS's base too high", SEG64(1) + BASE, 8, 1ull << 32 },
	{ "SS read-only", SEG64(2) + ATTR, 2, 0xc091 },
	{ "SS too far up", SEG64(2) + BASE, 8, 1ull << 32 },
	{ "DS execute-only", SEG64(3) + ATTR, 2, 0xc099 },
	{ "ES a system segment", SEG64(0) + ATTR, 2, 0xc083 },
	{ "FS not canonical", SEG64(4) + BASE, 8, 1ull << 63 },
	{ "GDTR not canonical", SEG64(6) + BASE, 8, 1ull << 62 },
	{ "IDTR not canonical", SEG64(8) + BASE, 8, 1ull << 62 },
	{ "LMA without LME", EFER64, 8, 0x400 },
	{ "CR0 without PE", CR0_64, 8, 0x80000010 },
};

static void to_handler(struct vcpu *v, u8 *smram)
{
	struct kvm_vcpu_events e = vcpu_events(v);

	memset(&e, 0, sizeof(e));
	e.flags = KVM_VCPUEVENT_VALID_SMM | KVM_VCPUEVENT_VALID_SHADOW |
		  KVM_VCPUEVENT_VALID_NMI_PENDING;
	vcpu_set_events(v, &e);
	require(vcpu_set_msr(v, MSR_SMBASE, SMBASE));
	set_handler(smram, simple, sizeof(simple));
	vcpu_set_mode(v, CPU_LONG, &v->vm->pt);
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
	smi(v);
	in_handler(v);
}

/* RSM answers them with shutdown (SDM 3C 31.4.1): they reach no VM entry */
TEST_F(smm, impossible_maps)
{
	struct vcpu *v = self->vcpu;
	u32 reason;

	for (size_t i = 0; i < ARRAY_SIZE(spoils); i++) {
		const struct spoil *s = &spoils[i];

		to_handler(v, self->smram);
		if (!i)		/* the address that it is about */
			FIELD(self->smram, RIP64, u64) = 1ull << 32;
		memcpy(self->smram + MAP + s->at, &s->value, s->size);
		reason = vcpu_run_any(v);
		EXPECT_EQ(KVM_EXIT_SHUTDOWN, reason) {
			TH_LOG("%s: %s", s->what, exit_name(reason));
		}
	}
	/* blocking by STI goes with IF; it is let go without */
	to_handler(v, self->smram);
	FIELD(self->smram, 0xca, u8) = KVM_X86_SHADOW_INT_STI;
	expect_sync(v, 2);
}

static void on_alarm(int sig)
{
}

/* Anything else may follow, but no entry that the CPU refuses */
TEST_F_TIMEOUT(smm, random_maps, 120)
{
	struct itimerval t = { .it_value.tv_usec = 20000,
			       .it_interval.tv_usec = 20000 }, off = {};
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vcpu *v = self->vcpu;
	u64 x = 88172645463325252ull;

	if (!on_our_module())
		skip_test("it enters what it finds there");
	require(!sigaction(SIGALRM, &sa, NULL));
	for (unsigned int i = 0; i < 300; i++) {
		u32 n = 1 + i % 3, at = 0;

		to_handler(v, self->smram);
		while (n--) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			/* half of them in the segments */
			at = x & 1 ? (x >> 8) % 0xa0 : (x >> 8) % 0x200;
			self->smram[MAP + at] ^= 1 << (x >> 32 & 7);
		}
		require(!setitimer(ITIMER_REAL, &t, NULL));
		if (!vcpu_run_raw(v))
			EXPECT_NE(KVM_EXIT_FAIL_ENTRY, v->run->exit_reason) {
				TH_LOG("round %u, last at %#x", i, at);
			}
		require(!setitimer(ITIMER_REAL, &off, NULL));
	}
	to_handler(v, self->smram);
	expect_sync(v, 2);
}

TEST_F(smm, no_memory)
{
	struct vcpu *v = self->vcpu;

	require(vcpu_set_msr(v, MSR_SMBASE, 0xf0000000));
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
	smi(v);
	/* the handler's code is in no memory: an error, or an exit, no more */
	vcpu_run_any(v);
	EXPECT_EQ(1, vcpu_events(v).smi.smm);
}

/* Another vCPU goes on where the first one was in its handler */
TEST_F(smm, state_moves)
{
	struct vcpu *v = self->vcpu, *w = vcpu_new(self->vm, 1, NULL);
	struct kvm_vcpu_events e;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	set_handler(self->smram, simple, sizeof(simple));
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
	smi(v);
	in_handler(v);
	vcpu_complete_exit(v);
	e = vcpu_events(v);
	sregs = vcpu_sregs(v);
	regs = vcpu_regs(v);
	sregs.apic_base = vcpu_sregs(w).apic_base;
	vcpu_set_sregs(w, &sregs);
	vcpu_set_regs(w, &regs);
	vcpu_set_events(w, &e);
	expect_sync(w, 2);
	expect_sync(v, 2);
	/* a reset by user space leaves the mode */
	smi(v);
	in_handler(v);
	e = vcpu_events(v);
	e.smi.smm = 0;
	vcpu_set_events(v, &e);
	vcpu_set_mode(v, CPU_LONG, &self->vm->pt);
	vcpu_set_entry(v, guest_count);
	expect_sync(v, 1);
}

TEST_HARNESS_MAIN
