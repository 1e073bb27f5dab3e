// SPDX-License-Identifier: GPL-2.0-only
/* Port I/O and memory-mapped I/O that user space serves. */
#include "kvmtest.h"

#define PORT	0x1234
#define HOLE	0xd0000000ull	/* mapped by the guest, no memory slot */

GUEST_SUITE(exits_io)

/* ---- ports ----------------------------------------------------------------- */

static void guest_out(void)
{
	outb(0x80, 0x12);
	outb(PORT, 0x12);
	outw(PORT, 0x3456);
	outl(PORT, 0x789abcde);
	asm volatile("out %%ax, $0x82" : : "a"(0x4321));
	asm volatile("out %%eax, $0x84" : : "a"(0x87654321));
	outb(0xffff, 0xff);
	GUEST_DONE();
}

TEST_F(exits_io, out)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_out);
	ASSERT_EQ(0x12, *(u8 *)expect_pio(v, 0x80, true, 1, 1));
	ASSERT_EQ(0x12, *(u8 *)expect_pio(v, PORT, true, 1, 1));
	ASSERT_EQ(0x3456, *(u16 *)expect_pio(v, PORT, true, 2, 1));
	ASSERT_EQ(0x789abcde, *(u32 *)expect_pio(v, PORT, true, 4, 1));
	ASSERT_EQ(0x4321, *(u16 *)expect_pio(v, 0x82, true, 2, 1));
	ASSERT_EQ(0x87654321, *(u32 *)expect_pio(v, 0x84, true, 4, 1));
	ASSERT_EQ(0xff, *(u8 *)expect_pio(v, 0xffff, true, 1, 1));
	expect_done(v);
}

static void guest_in(void)
{
	u64 rax;

	/* A byte or a word leaves the rest of RAX, 32 bits clear its top half */
	asm volatile("in %%dx, %%al" : "=a"(rax)
		     : "a"(0x1122334455667788), "d"(PORT));
	GUEST_ASSERT_EQ(rax, 0x11223344556677a1);
	asm volatile("in %%dx, %%ax" : "=a"(rax)
		     : "a"(0x1122334455667788), "d"(PORT));
	GUEST_ASSERT_EQ(rax, 0x112233445566a2a1);
	asm volatile("in %%dx, %%eax" : "=a"(rax)
		     : "a"(0x1122334455667788), "d"(PORT));
	GUEST_ASSERT_EQ(rax, 0xa4a3a2a1);
	asm volatile("in $0x80, %%al" : "=a"(rax) : "a"(0));
	GUEST_ASSERT_EQ(rax, 0xa1);
	GUEST_DONE();
}

TEST_F(exits_io, in)
{
	static const u8 data[4] = { 0xa1, 0xa2, 0xa3, 0xa4 };
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_in);
	memcpy(expect_pio(v, PORT, false, 1, 1), data, 4);
	memcpy(expect_pio(v, PORT, false, 2, 1), data, 4);
	memcpy(expect_pio(v, PORT, false, 4, 1), data, 4);
	memcpy(expect_pio(v, 0x80, false, 1, 1), data, 4);
	expect_done(v);
}

/* RIP is past an OUT when user space sees it, and past an IN afterwards */
TEST_F(exits_io, rip)
{
	/* out %al, $0x80; in $0x80, %al; hlt */
	static const u8 code[] = { 0xe6, 0x80, 0xe4, 0x80, 0xf4 };
	struct vcpu *v = self->vcpu;

	memcpy(vm_hva(self->vm, G_DATA), code, sizeof(code));
	vcpu_set_entry(v, (void *)G_DATA);
	expect_pio(v, 0x80, true, 1, 1);
	expect_pio(v, 0x80, false, 1, 1);
	/* immediate_exit completes the pending input and runs nothing */
	vcpu_complete_exit(v);
	ASSERT_EQ(G_DATA + 4, vcpu_regs(v).rip);
	expect_exit(v, KVM_EXIT_HLT);
}

/* Take string I/O in whatever pieces it comes, as the ABI allows */
static void outs_all(struct vcpu *v, unsigned int size, unsigned int count,
		     void *to)
{
	struct kvm_run *run = v->run;
	u8 *out = to;

	while (count) {
		require(vcpu_run(v) == KVM_EXIT_IO && !v->uc_cmd);
		require(run->io.port == PORT && run->io.size == size);
		require(run->io.direction == KVM_EXIT_IO_OUT);
		require(run->io.count >= 1 && run->io.count <= count);
		memcpy(out, (char *)run + run->io.data_offset,
		       size * run->io.count);
		out += size * run->io.count;
		count -= run->io.count;
	}
}

static void ins_all(struct vcpu *v, unsigned int size, unsigned int count,
		    const void *from)
{
	struct kvm_run *run = v->run;
	const u8 *in = from;

	while (count) {
		require(vcpu_run(v) == KVM_EXIT_IO && !v->uc_cmd);
		require(run->io.port == PORT && run->io.size == size);
		require(run->io.direction == KVM_EXIT_IO_IN);
		require(run->io.count >= 1 && run->io.count <= count);
		memcpy((char *)run + run->io.data_offset, in,
		       size * run->io.count);
		in += size * run->io.count;
		count -= run->io.count;
	}
}

static void guest_string(void)
{
	u64 si = G_DATA, di = G_DATA + 0x2ff0, cx = 64;

	asm volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(si, G_DATA + 64);
	GUEST_ASSERT_EQ(cx, 0);
	/* Across a page boundary */
	cx = 16;
	asm volatile("rep insl" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(di, G_DATA + 0x2ff0 + 64);
	GUEST_ASSERT_EQ(cx, 0);
	/* Downwards */
	si = G_DATA + 6;
	cx = 4;
	asm volatile("std; rep outsw; cld" : "+S"(si), "+c"(cx) : "d"(PORT)
		     : "memory");
	GUEST_ASSERT_EQ(si, G_DATA - 2);
	GUEST_ASSERT_EQ(cx, 0);
	/* Without REP, and with a count of zero */
	asm volatile("outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(si, G_DATA - 1);
	asm volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(si, G_DATA - 1);
	GUEST_DONE();
}

TEST_F(exits_io, string)
{
	u8 *data = vm_hva(self->vm, G_DATA);
	struct vcpu *v = self->vcpu;
	u8 buf[64];

	for (int i = 0; i < 64; i++)
		data[i] = i + 1;
	vcpu_set_entry(v, guest_string);
	outs_all(v, 1, 64, buf);
	ASSERT_EQ(0, memcmp(buf, data, 64));
	for (int i = 0; i < 64; i++)
		buf[i] = 0x80 + i;
	ins_all(v, 4, 16, buf);
	outs_all(v, 2, 4, buf);
	ASSERT_EQ(0, memcmp(buf, "\7\10\5\6\3\4\1\2", 8));
	outs_all(v, 1, 1, buf);
	expect_done(v);
	for (int i = 0; i < 64; i++)
		ASSERT_EQ(0x80 + i, data[0x2ff0 + i]);
}

static void guest_string_large(void)
{
	u64 si = G_DATA, di = G_DATA + 0x4000, cx = 0x2000;

	asm volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(si, G_DATA + 0x2000);
	cx = 0x2000;
	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(di, G_DATA + 0x6000);
	GUEST_DONE();
}

/* More than fits into the shared page */
TEST_F(exits_io, string_large)
{
	u8 *data = vm_hva(self->vm, G_DATA);
	static u8 buf[0x2000];

	for (int i = 0; i < 0x2000; i++)
		data[i] = i * 7 + (i >> 8);
	vcpu_set_entry(self->vcpu, guest_string_large);
	outs_all(self->vcpu, 1, 0x2000, buf);
	ASSERT_EQ(0, memcmp(buf, data, 0x2000));
	ins_all(self->vcpu, 1, 0x2000, buf);
	expect_done(self->vcpu);
	ASSERT_EQ(0, memcmp(data + 0x4000, buf, 0x2000));
}

static void guest_string_count(void)
{
	u64 di = G_DATA, cx = 64;

	asm volatile("rep insb" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(cx, 0);
	GUEST_ASSERT_EQ(di, G_DATA + 3);
	GUEST_DONE();
}

/* The count becomes smaller while user space is asked for more */
TEST_F(exits_io, string_count_changed)
{
	u8 *data = vm_hva(self->vm, G_DATA);
	struct vcpu *v = self->vcpu;
	struct kvm_regs regs;

	memset(data, 0x55, 128);
	vcpu_set_entry(v, guest_string_count);
	ASSERT_EQ(KVM_EXIT_IO, vcpu_run(v));
	ASSERT_LE(3, v->run->io.count);
	memset((u8 *)v->run + v->run->io.data_offset, 0xaa, v->run->io.count);
	ASSERT_EQ(0, ioctl(v->fd, KVM_GET_REGS, &regs));
	regs.rcx = 3;
	ASSERT_EQ(0, ioctl(v->fd, KVM_SET_REGS, &regs));
	expect_done(v);
	ASSERT_EQ(0xaa, data[2]);
	ASSERT_EQ(0x55, data[3]);
}

static void guest_string_fault(void)
{
	u64 si = 1ull << 40, di = 1ull << 40, cx = 4;

	asm volatile(TRY("rep outsb") : "+S"(si), "+c"(cx) : "d"(PORT)
		     : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_PF);
	GUEST_ASSERT_EQ(guest_cpu()->cr2, 1ull << 40);
	GUEST_ASSERT_EQ(guest_cpu()->error, 0);
	GUEST_ASSERT_EQ(cx, 4);
	GUEST_ASSERT_EQ(si, 1ull << 40);
	asm volatile(TRY("insb") : "+D"(di) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_PF);
	GUEST_ASSERT_EQ(guest_cpu()->error, PFEC_W);
	GUEST_ASSERT_EQ(di, 1ull << 40);
	GUEST_DONE();
}

/*
 * The guest's memory is not mapped: the guest's own #PF. INS may have asked
 * user space before it finds out.
 */
TEST_F(exits_io, string_fault)
{
	vcpu_set_entry(self->vcpu, guest_string_fault);
	while (vcpu_run(self->vcpu) == KVM_EXIT_IO && !self->vcpu->uc_cmd)
		;
	ASSERT_EQ(UCALL_DONE, self->vcpu->uc_cmd);
}

static u64 user_out(u64 x)
{
	asm volatile(TRY("outb %%al, $0x80") : : "a"(0) : "memory");
	return caught();
}

static u64 user_out_allowed(u64 x)
{
	asm volatile(TRY("outb %%al, $0x81") : : "a"(0) : "memory");
	return caught();
}

static void guest_iopl(void)
{
	/* IOPL 0: the TSS's bit map decides (SDM 1 19.5) */
	asm volatile("pushfq; andq $~0x3000, (%%rsp); popfq" : : : "memory");
	GUEST_ASSERT_EQ(guest_user_call(user_out_allowed, 0),
			GUEST_NO_EXCEPTION);
	GUEST_ASSERT_EQ(guest_user_call(user_out, 0), VEC_GP);
	/* CPL 0 needs no leave */
	outb(0x80, 3);
	GUEST_DONE();
}

TEST_F(exits_io, permission_bitmap)
{
	u8 *tss = vm_hva(self->vm, G_TSS(0));
	struct kvm_sregs s = vcpu_sregs(self->vcpu);

	s.tr.limit = 0x200;
	vcpu_set_sregs(self->vcpu, &s);
	memset(tss + 0x68, 0xff, 0x100);
	tss[0x68 + 0x81 / 8] = 0xfd;	/* 0x81 is allowed */
	vcpu_set_entry(self->vcpu, guest_iopl);
	expect_pio(self->vcpu, 0x81, true, 1, 1);
	expect_pio(self->vcpu, 0x80, true, 1, 1);
	expect_done(self->vcpu);
}

/* ---- memory-mapped ----------------------------------------------------------- */

static void guest_mmio_write(void)
{
	write8(HOLE + 1, 0x12);
	write16(HOLE + 2, 0x3456);
	write32(HOLE + 4, 0x789abcde);
	write64(HOLE + 8, 0x1122334455667788);
	/* Unaligned within the page */
	write32(HOLE + 0x11, 0xdeadbeef);
	/* Immediates and absolute addresses */
	asm volatile("movb $0x55, (%0)" : : "r"(HOLE));
	asm volatile("movw $0x5566, (%0)" : : "r"(HOLE));
	asm volatile("movl $0x55667788, (%0)" : : "r"(HOLE));
	asm volatile("movq $-2, (%0)" : : "r"(HOLE));
	asm volatile("movabs %%al, (0xd0000020)" : : "a"(0x77));
	asm volatile("mov %%ah, (%0)" : : "b"(HOLE), "a"(0x9900));
	asm volatile("mov %%r15d, 8(%0,%1,4)"
		     : : "b"(HOLE), "c"(2ull), "r"(0) : "r15");
	GUEST_DONE();
}

static u64 wrote(struct vcpu *v, u64 gpa, unsigned int len)
{
	u64 x = 0;

	memcpy(&x, expect_mmio(v, gpa, true, len), len);
	return x;
}

TEST_F(exits_io, mmio_write)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_mmio_write);
	ASSERT_EQ(0x12, wrote(v, HOLE + 1, 1));
	ASSERT_EQ(0x3456, wrote(v, HOLE + 2, 2));
	ASSERT_EQ(0x789abcde, wrote(v, HOLE + 4, 4));
	ASSERT_EQ(0x1122334455667788, wrote(v, HOLE + 8, 8));
	ASSERT_EQ(0xdeadbeef, wrote(v, HOLE + 0x11, 4));
	ASSERT_EQ(0x55, wrote(v, HOLE, 1));
	ASSERT_EQ(0x5566, wrote(v, HOLE, 2));
	ASSERT_EQ(0x55667788, wrote(v, HOLE, 4));
	ASSERT_EQ(-2ull, wrote(v, HOLE, 8));
	ASSERT_EQ(0x77, wrote(v, HOLE + 0x20, 1));
	ASSERT_EQ(0x99, wrote(v, HOLE, 1));
	wrote(v, HOLE + 16, 4);
	expect_done(v);
}

static void guest_mmio_read(void)
{
	u64 x;

	GUEST_ASSERT_EQ(read8(HOLE + 1), 0x81);
	GUEST_ASSERT_EQ(read16(HOLE + 2), 0x8281);
	GUEST_ASSERT_EQ(read32(HOLE + 4), 0x84838281);
	GUEST_ASSERT_EQ(read64(HOLE + 8), 0x8887868584838281);
	asm volatile("mov (%1), %%al" : "=a"(x)
		     : "r"(HOLE), "a"(0x1122334455667788));
	GUEST_ASSERT_EQ(x, 0x1122334455667781);
	asm volatile("mov (%1), %%ax" : "=a"(x)
		     : "r"(HOLE), "a"(0x1122334455667788));
	GUEST_ASSERT_EQ(x, 0x1122334455668281);
	asm volatile("mov (%1), %%eax" : "=a"(x)
		     : "r"(HOLE), "a"(0x1122334455667788));
	GUEST_ASSERT_EQ(x, 0x84838281);
	asm volatile("mov (%1), %%ah" : "=a"(x) : "b"(HOLE), "a"(0));
	GUEST_ASSERT_EQ(x, 0x8100);
	asm volatile("movzbl (%1), %k0" : "=r"(x) : "r"(HOLE));
	GUEST_ASSERT_EQ(x, 0x81);
	asm volatile("movzwl (%1), %k0" : "=r"(x) : "r"(HOLE));
	GUEST_ASSERT_EQ(x, 0x8281);
	asm volatile("movsbl (%1), %k0" : "=r"(x) : "r"(HOLE));
	GUEST_ASSERT_EQ(x, 0xffffff81);
	asm volatile("movsbq (%1), %0" : "=r"(x) : "r"(HOLE));
	GUEST_ASSERT_EQ(x, 0xffffffffffffff81);
	asm volatile("movslq (%1), %0" : "=r"(x) : "r"(HOLE));
	GUEST_ASSERT_EQ(x, 0xffffffff84838281);
	asm volatile("movabs (0xd0000020), %%al" : "=a"(x) : "a"(0));
	GUEST_ASSERT_EQ(x, 0x81);
	GUEST_DONE();
}

static void give(struct vcpu *v, u64 gpa, unsigned int len)
{
	static const u8 data[8] = {
		0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88
	};

	memcpy(expect_mmio(v, gpa, false, len), data, 8);
}

TEST_F(exits_io, mmio_read)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_mmio_read);
	give(v, HOLE + 1, 1);
	give(v, HOLE + 2, 2);
	give(v, HOLE + 4, 4);
	give(v, HOLE + 8, 8);
	give(v, HOLE, 1);
	give(v, HOLE, 2);
	give(v, HOLE, 4);
	give(v, HOLE, 1);
	give(v, HOLE, 1);
	give(v, HOLE, 2);
	give(v, HOLE, 1);
	give(v, HOLE, 1);
	give(v, HOLE, 4);
	give(v, HOLE + 0x20, 1);
	expect_done(v);
}

static void guest_mmio_split(void)
{
	/* Two pages, both without memory */
	write32(HOLE + 0xffe, 0x44332211);
	GUEST_ASSERT_EQ(read32(HOLE + 0xffe), 0x82818281);
	GUEST_DONE();
}

/* An access across a page boundary comes in two pieces */
TEST_F(exits_io, mmio_across_pages)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_mmio_split);
	ASSERT_EQ(0x2211, wrote(v, HOLE + 0xffe, 2));
	ASSERT_EQ(0x4433, wrote(v, HOLE + 0x1000, 2));
	give(v, HOLE + 0xffe, 2);
	give(v, HOLE + 0x1000, 2);
	expect_done(v);
}

static void guest_mmio_mixed(void)
{
	write32(G_RAM_SIZE - 2, 0x44332211);
	GUEST_ASSERT_EQ(read32(G_RAM_SIZE - 2), 0x82812211);
	GUEST_DONE();
}

/* Half of it is memory */
TEST_F(exits_io, mmio_next_to_memory)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_mmio_mixed);
	ASSERT_EQ(0x4433, wrote(v, G_RAM_SIZE, 2));
	give(v, G_RAM_SIZE, 2);
	expect_done(v);
	ASSERT_EQ(0x2211, *(u16 *)vm_hva(self->vm, G_RAM_SIZE - 2));
}

static void guest_mmio_large(void)
{
	write32(0x40000000, 1);
	write32(0x40000000 + 7 * PAGE_4K, 0x1234);
	GUEST_DONE();
}

/* A large page of guest and host covers more than the slot: the rest is MMIO */
TEST_F(exits_io, mmio_behind_slot)
{
	char *p = mem_anon(PAGE_2M, true);

	memset(p, 0, PAGE_2M);
	vm_add_mem_at(self->vm, 1, 0x40000000, 7 * PAGE_4K, 0, p);
	vcpu_set_entry(self->vcpu, guest_mmio_large);
	ASSERT_EQ(0x1234, wrote(self->vcpu, 0x40000000 + 7 * PAGE_4K, 4));
	expect_done(self->vcpu);
	ASSERT_EQ(1, *(u32 *)p);
	ASSERT_EQ(0, *(u32 *)(p + 7 * PAGE_4K));
}

static void guest_mmio_rmw(void)
{
	u64 x, flags;

	asm volatile("addl $1, (%1); pushfq; popq %0"
		     : "=r"(flags) : "r"(HOLE) : "memory", "cc");
	GUEST_ASSERT_EQ(flags & (X86_EFLAGS_CF | X86_EFLAGS_ZF | X86_EFLAGS_SF),
			X86_EFLAGS_SF);
	asm volatile("orb $0x0e, (%0)" : : "r"(HOLE) : "memory", "cc");
	x = 0x99;
	asm volatile("xchg %b0, (%1)" : "+q"(x) : "r"(HOLE) : "memory");
	GUEST_ASSERT_EQ(x, 0x81);
	asm volatile("testb $1, (%1); setnz %b0" : "=q"(x) : "r"(HOLE) : "cc");
	GUEST_ASSERT_EQ((u8)x, 1);
	asm volatile("cmpl %2, (%1); sete %b0"
		     : "=q"(x) : "r"(HOLE), "r"(0x84838281) : "cc");
	GUEST_ASSERT_EQ((u8)x, 1);
	GUEST_DONE();
}

/* Instructions that read and write */
TEST_F(exits_io, mmio_read_modify_write)
{
	struct vcpu *v = self->vcpu;

	vcpu_set_entry(v, guest_mmio_rmw);
	give(v, HOLE, 4);
	ASSERT_EQ(0x84838282, wrote(v, HOLE, 4));
	give(v, HOLE, 1);
	ASSERT_EQ(0x8f, wrote(v, HOLE, 1));
	give(v, HOLE, 1);
	ASSERT_EQ(0x99, wrote(v, HOLE, 1));
	give(v, HOLE, 1);
	give(v, HOLE, 4);
	expect_done(v);
}

static void guest_mmio_string(void)
{
	u64 si = G_DATA, di = HOLE, cx = 4;

	asm volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	GUEST_ASSERT_EQ(cx, 0);
	GUEST_ASSERT_EQ(di, HOLE + 16);
	di = HOLE;
	cx = 3;
	asm volatile("rep stosb" : "+D"(di), "+c"(cx) : "a"(0x5a) : "memory");
	GUEST_ASSERT_EQ(cx, 0);
	si = HOLE;
	di = G_DATA + 0x100;
	cx = 2;
	asm volatile("rep movsq" : "+S"(si), "+D"(di), "+c"(cx) : : "memory");
	GUEST_ASSERT_EQ(read64(G_DATA + 0x100), 0x8887868584838281);
	GUEST_ASSERT_EQ(read64(G_DATA + 0x108), 0x8887868584838281);
	GUEST_DONE();
}

TEST_F(exits_io, mmio_string)
{
	u32 *data = vm_hva(self->vm, G_DATA);
	struct vcpu *v = self->vcpu;

	for (u32 i = 0; i < 4; i++)
		data[i] = 0x1000 + i;
	vcpu_set_entry(v, guest_mmio_string);
	for (u32 i = 0; i < 4; i++)
		ASSERT_EQ(0x1000 + i, wrote(v, HOLE + 4 * i, 4));
	for (u32 i = 0; i < 3; i++)
		ASSERT_EQ(0x5a, wrote(v, HOLE + i, 1));
	give(v, HOLE, 8);
	give(v, HOLE + 8, 8);
	expect_done(v);
}

static void guest_jump_to_hole(void)
{
	((void (*)(void))HOLE)();
}

/* Code where there is no memory cannot be emulated: an error that says so */
TEST_F(exits_io, execute_mmio)
{
	vcpu_set_entry(self->vcpu, guest_jump_to_hole);
	expect_exit(self->vcpu, KVM_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(KVM_INTERNAL_ERROR_EMULATION,
		  self->vcpu->run->internal.suberror);
	ASSERT_EQ(HOLE, vcpu_regs(self->vcpu).rip);
}

TEST_HARNESS_MAIN
