// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every paging mode, every page size, every access right: what an access does
 * is compared with what the manual says of the entries on its way (SDM 3A 4.6,
 * 4.7). The guest's accesses are probes.
 */
#include "kvmtest.h"

/* A page apart from all that the probes themselves need */
#define VA	0x3fc00000ull

GUEST_SUITE(paging)

struct mode {
	enum cpu_mode cpu;
	enum pt_mode pt;
	int bits;
};

static const struct mode mode_32 = { CPU_PROT32, PT_32, 32 };
static const struct mode mode_pae = { CPU_PROT32, PT_PAE, 32 };
static const struct mode mode_64 = { CPU_LONG, PT_4LEVEL, 64 };
static const struct mode mode_la57 = { CPU_LONG, PT_5LEVEL, 64 };

enum access { READ, WRITE, EXEC, NR_ACCESS };

struct env {
	const struct mode *mode;
	struct pt pt;
	bool nx, wp, smep, smap, user;
};

/* What the access must do: -1, or the error code of its #PF */
static int expected(const struct env *e, u64 rights, enum access a)
{
	int code = (a == WRITE ? PFEC_W : 0) | (e->user ? PFEC_U : 0);

	if (a == EXEC && (e->nx || e->smep))
		code |= PFEC_I;
	if (!(rights & PTE_P))
		return code;
	code |= PFEC_P;
	if (e->user && !(rights & PTE_U))
		return code;
	if (a == WRITE && !(rights & PTE_W) && (e->user || e->wp))
		return code;
	if (a == EXEC && e->nx && (rights & PTE_NX))
		return code;
	if (!e->user && (rights & PTE_U)) {
		if (a == EXEC && e->smep)
			return code;
		/* The probes run with EFLAGS.AC = 0 */
		if (a != EXEC && e->smap)
			return code;
	}
	return -1;
}

static const char *insn_of(const struct env *e, enum access a)
{
	if (e->mode->bits == 64)
		return a == READ ? probe64_read : a == WRITE ? probe64_write :
			probe64_exec;
	return a == READ ? probe32_read : a == WRITE ? probe32_write :
		probe32_exec;
}

static void check(struct vcpu *vcpu, const struct env *e, u64 rights,
		  const char *what)
{
	static const char * const names[] = { "read", "write", "execute" };

	for (enum access a = READ; a < NR_ACCESS; a++) {
		struct probe_result p = probe(vcpu, insn_of(e, a), VA, 0xc3);
		int want = expected(e, rights, a);

		if (want < 0 && p.vector < 0)
			continue;
		if (want >= 0 && p.vector == VEC_PF && p.error == (u32)want &&
		    p.cr2 == VA)
			continue;
		die("%s%s%s%s%s%s: %s, rights 0x%lx: %d error 0x%x cr2 0x%lx, expected %s 0x%x",
		    what, e->user ? " user" : "", e->wp ? " wp" : "",
		    e->nx ? " nx" : "", e->smep ? " smep" : "",
		    e->smap ? " smap" : "", names[a], rights, p.vector,
		    p.error, p.cr2, want < 0 ? "none" : "#PF", want);
	}
}

/* CPU and tables for a mode */
static void enter(struct vcpu *vcpu, struct env *e)
{
	struct kvm_sregs s;

	vcpu_set_mode(vcpu, e->mode->cpu, &e->pt);
	probe_init(vcpu, e->mode->bits);
	s = vcpu_sregs(vcpu);
	s.cr0 &= ~X86_CR0_WP;
	if (e->wp)
		s.cr0 |= X86_CR0_WP;
	if (e->smep)
		s.cr4 |= X86_CR4_SMEP;
	if (e->smap)
		s.cr4 |= X86_CR4_SMAP;
	s.efer &= ~EFER_NX;
	if (e->nx)
		s.efer |= EFER_NX;
	vcpu_set_sregs(vcpu, &s);
	if (e->user)
		vcpu_set_ring3(vcpu);
}

/* Tables of VA down to @level, with a RET at the page */
static struct pt make_tables(struct vm *vm, const struct mode *mode, u64 size)
{
	struct pt pt = pt_new(vm, mode->pt);
	u64 gpa = size == PAGE_4K ? G_DATA : 0x40000000;

	/* pt_new() maps here with large pages */
	pt_set(&pt, VA, 2, 0);
	pt_map(&pt, size == PAGE_4K ? VA : VA & ~(size - 1), gpa, size,
	       PTE_W | PTE_U);
	return pt;
}

static int leaf_level(const struct mode *mode, u64 size)
{
	return size == PAGE_4K ? 1 : size == PAGE_1G ? 3 : 2;
}

/*
 * All combinations of rights in the leaf, under each setting of CR0.WP and
 * EFER.NX, for supervisor and user. The guest itself changes the entry.
 */
static void rights_test(struct vm *vm, struct vcpu *vcpu,
			const struct mode *mode, u64 size)
{
	int level = leaf_level(mode, size);
	bool has_nx = mode->pt != PT_32 && GUEST_HAS_NX();

	for (int setting = 0; setting < 8; setting++) {
		struct env e = {
			.mode = mode,
			.wp = setting & 1,
			.user = setting & 2,
			.nx = setting & 4,
		};
		u64 leaf;

		if (e.nx && !has_nx)
			continue;
		e.pt = make_tables(vm, mode, size);
		enter(vcpu, &e);
		leaf = pt_get(&e.pt, VA, level);
		for (int bits = 0; bits < 16; bits++) {
			u64 rights = (bits & 1 ? PTE_P : 0) |
				     (bits & 2 ? PTE_W : 0) |
				     (bits & 4 ? PTE_U : 0) |
				     (bits & 8 ? PTE_NX : 0);
			u64 entry = (leaf & ~(PTE_P | PTE_W | PTE_U)) | rights;

			if ((rights & PTE_NX) && !has_nx)
				continue;
			/* NX is reserved without EFER.NX: another test */
			if ((rights & PTE_NX) && !e.nx)
				continue;
			/* The change is the supervisor's: INVLPG */
			e.user = false;
			enter(vcpu, &e);
			probe_pt_set(vcpu, &e.pt, VA, level, entry);
			e.user = setting & 2;
			enter(vcpu, &e);
			check(vcpu, &e, rights, "leaf");
		}
	}
}

#define BIG_SETUP							\
	vm_add_mem(self->vm, 1, 0x40000000, PAGE_4M, 0);		\
	/* where VA is in a large page */				\
	memset(vm_hva(self->vm, 0x40000000), 0xc3, PAGE_4M)

TEST_F(paging, rights_32_4k)
{
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	rights_test(self->vm, self->vcpu, &mode_32, PAGE_4K);
}

TEST_F(paging, rights_32_4m)
{
	BIG_SETUP;
	rights_test(self->vm, self->vcpu, &mode_32, PAGE_4M);
}

TEST_F(paging, rights_pae_4k)
{
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	rights_test(self->vm, self->vcpu, &mode_pae, PAGE_4K);
}

TEST_F(paging, rights_pae_2m)
{
	BIG_SETUP;
	rights_test(self->vm, self->vcpu, &mode_pae, PAGE_2M);
}

TEST_F(paging, rights_64_4k)
{
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	rights_test(self->vm, self->vcpu, &mode_64, PAGE_4K);
}

TEST_F(paging, rights_64_2m)
{
	BIG_SETUP;
	rights_test(self->vm, self->vcpu, &mode_64, PAGE_2M);
}

/* ---- rights are the conjunction of all levels --------------------------- */

/* The two lower levels, where VA has entries of its own */
static void levels_test(struct vm *vm, struct vcpu *vcpu,
			const struct mode *mode)
{
	bool nx = mode->pt != PT_32 && GUEST_HAS_NX();

	for (int user = 0; user < 2; user++) {
		struct env e = {
			.mode = mode, .wp = true, .nx = nx, .user = user,
		};
		u64 all = PTE_P | PTE_W | PTE_U;

		for (int level = 1; level <= 2; level++) {
			static const u64 less[] = { PTE_P, PTE_W, PTE_U };

			for (size_t i = 0; i < ARRAY_SIZE(less); i++) {
				u64 x;

				e.pt = make_tables(vm, mode, PAGE_4K);
				x = pt_get(&e.pt, VA, level);
				pt_set(&e.pt, VA, level, x & ~less[i]);
				enter(vcpu, &e);
				check(vcpu, &e, all & ~less[i], "level");
			}
			if (!nx)
				continue;
			e.pt = make_tables(vm, mode, PAGE_4K);
			pt_set(&e.pt, VA, level,
			       pt_get(&e.pt, VA, level) | PTE_NX);
			enter(vcpu, &e);
			check(vcpu, &e, all | PTE_NX, "level");
		}
	}
}

TEST_F(paging, upper_levels)
{
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	levels_test(self->vm, self->vcpu, &mode_32);
	levels_test(self->vm, self->vcpu, &mode_pae);
	levels_test(self->vm, self->vcpu, &mode_64);
}

/* Level 3 and above in 64-bit mode: @va is in another 512 GiB than all else */
static void topmost_test(struct __test_metadata *_metadata, struct vm *vm,
			 struct vcpu *vcpu, const struct mode *mode, int levels,
			 u64 va)
{
	struct env e = { .mode = mode, .wp = true, .nx = GUEST_HAS_NX() };

	*(u8 *)vm_hva(vm, G_DATA) = 0xc3;
	for (int level = 3; level <= levels; level++) {
		static const u64 less[] = { PTE_P, PTE_W, PTE_U, 0 };

		for (size_t i = 0; i < ARRAY_SIZE(less); i++) {
			struct probe_result p;
			u64 x;

			for (int user = 0; user < 2; user++) {
				e.pt = pt_new(vm, mode->pt);
				e.user = user;
				pt_map(&e.pt, va, G_DATA, PAGE_4K,
				       PTE_W | PTE_U);
				x = pt_get(&e.pt, va, level) & ~less[i];
				pt_set(&e.pt, va, level, x);
				enter(vcpu, &e);
				for (enum access a = READ; a < NR_ACCESS;
				     a++) {
					int want = expected(&e, x, a);

					p = probe(vcpu, insn_of(&e, a),
						  va, 0xc3);
					ASSERT_EQ(want < 0 ? -1 : VEC_PF,
						  p.vector);
					if (want >= 0) {
						ASSERT_EQ(want, p.error);
						ASSERT_EQ(va, p.cr2);
					}
				}
			}
		}
	}
}

TEST_F(paging, topmost_levels)
{
	topmost_test(_metadata, self->vm, self->vcpu, &mode_64, 4,
		     0x7f8000000000);
}

/* ---- SMEP and SMAP ------------------------------------------------------ */

static void smep_smap_test(struct vm *vm, struct vcpu *vcpu,
			   const struct mode *mode, bool smep, bool smap)
{
	struct env e = {
		.mode = mode, .wp = true, .smep = smep, .smap = smap,
		.nx = mode->pt != PT_32 && GUEST_HAS_NX(),
	};

	for (int user = 0; user < 2; user++) {
		e.pt = make_tables(vm, mode, PAGE_4K);
		/* All of the guest is the supervisor's */
		pt_flags(&e.pt, 0, G_RAM_SIZE, 0, PTE_U);
		if (!user)
			pt_set(&e.pt, VA, 1, pt_get(&e.pt, VA, 1) & ~PTE_U);
		enter(vcpu, &e);
		check(vcpu, &e, PTE_P | PTE_W | (user ? PTE_U : 0), "smep/smap");
	}
}

TEST_F(paging, smep)
{
	if (!GUEST_HAS_SMEP())
		skip_test("no SMEP");
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	smep_smap_test(self->vm, self->vcpu, &mode_32, true, false);
	smep_smap_test(self->vm, self->vcpu, &mode_pae, true, false);
	smep_smap_test(self->vm, self->vcpu, &mode_64, true, false);
}

TEST_F(paging, smap)
{
	if (!GUEST_HAS_SMAP())
		skip_test("no SMAP");
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	smep_smap_test(self->vm, self->vcpu, &mode_32, false, true);
	smep_smap_test(self->vm, self->vcpu, &mode_pae, true, true);
	smep_smap_test(self->vm, self->vcpu, &mode_64, true, true);
}

static void guest_smap_ac(u64 user_page)
{
	volatile u64 *p = (u64 *)user_page;

	write_cr4(read_cr4() | X86_CR4_SMAP);
	asm volatile(TRY("mov (%0), %%rax") : : "r"(p) : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_PF);
	GUEST_ASSERT_EQ(guest_cpu()->error, PFEC_P);
	asm volatile("stac");
	asm volatile(TRY("mov (%0), %%rax") : : "r"(p) : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	asm volatile("clac");
	asm volatile(TRY("movq $1, (%0)") : : "r"(p) : "memory");
	GUEST_ASSERT_EQ(caught(), VEC_PF);
	GUEST_ASSERT_EQ(guest_cpu()->error, PFEC_P | PFEC_W);
	write_cr4(read_cr4() & ~(u64)X86_CR4_SMAP);
	asm volatile(TRY("movq $1, (%0)") : : "r"(p) : "memory");
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	GUEST_DONE();
}

/* EFLAGS.AC lets the supervisor in */
TEST_F(paging, smap_ac)
{
	struct pt *pt = &self->vm->pt;

	if (!GUEST_HAS_SMAP())
		skip_test("no SMAP");
	pt_flags(pt, 0, G_RAM_SIZE, 0, PTE_U);
	pt_set(pt, G_DATA, 1, pt_get(pt, G_DATA, 1) | PTE_U);
	vcpu_set_entry(self->vcpu, guest_smap_ac);
	vcpu_args(self->vcpu, 1, (u64)G_DATA);
	expect_done(self->vcpu);
}

/* ---- protection keys ---------------------------------------------------- */

static u64 user_read(u64 a)
{
	asm volatile(TRY("mov (%0), %%rax") : : "r"(a) : "rax", "memory");
	return caught() == VEC_PF ? guest_cpu()->error : 0x1000 + caught();
}

static u64 user_write(u64 a)
{
	asm volatile(TRY("movq $0, (%0)") : : "r"(a) : "memory");
	return caught() == VEC_PF ? guest_cpu()->error : 0x1000 + caught();
}

#define NO_FAULT	(0x1000 + GUEST_NO_EXCEPTION)

static void wrpkru(u32 v)
{
	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(v), "c"(0), "d"(0));
}

static void guest_pkeys(u64 page)
{
	write_cr4(read_cr4() | X86_CR4_PKE);
	GUEST_ASSERT_EQ(guest_user_call(user_write, page), NO_FAULT);
	wrpkru(1u << (2 * 5));		/* key 5: access disabled */
	GUEST_ASSERT_EQ(guest_user_call(user_read, page),
			PFEC_P | PFEC_U | PFEC_PK);
	GUEST_ASSERT_EQ(user_read(page), PFEC_P | PFEC_PK);
	wrpkru(2u << (2 * 5));		/* key 5: writes disabled */
	GUEST_ASSERT_EQ(guest_user_call(user_read, page), NO_FAULT);
	GUEST_ASSERT_EQ(guest_user_call(user_write, page),
			PFEC_P | PFEC_W | PFEC_U | PFEC_PK);
	/* The supervisor writes while CR0.WP is 0 */
	write_cr0(read_cr0() & ~(u64)X86_CR0_WP);
	GUEST_ASSERT_EQ(user_write(page), NO_FAULT);
	write_cr0(read_cr0() | X86_CR0_WP);
	GUEST_ASSERT_EQ(user_write(page), PFEC_P | PFEC_W | PFEC_PK);
	/* the key is told where the page is read-only as well */
	GUEST_ASSERT_EQ(guest_user_call(user_write, page + 0x1000),
			PFEC_P | PFEC_W | PFEC_U | PFEC_PK);
	wrpkru(1u << (2 * 5));
	GUEST_ASSERT_EQ(user_write(page + 0x1000), PFEC_P | PFEC_W | PFEC_PK);
	wrpkru(0);
	GUEST_ASSERT_EQ(guest_user_call(user_write, page + 0x1000),
			PFEC_P | PFEC_W | PFEC_U);
	GUEST_ASSERT_EQ(guest_user_call(user_write, page), NO_FAULT);
	GUEST_DONE();
}

TEST_F(paging, protection_keys)
{
	struct pt *pt = &self->vm->pt;

	if (!GUEST_HAS_PKU())
		skip_test("no protection keys");
	pt_set(pt, G_DATA, 1, pt_get(pt, G_DATA, 1) | PTE_PKEY(5));
	pt_set(pt, G_DATA + 0x1000, 1, (pt_get(pt, G_DATA + 0x1000, 1) & ~PTE_W) |
	       PTE_PKEY(5));
	vcpu_set_entry(self->vcpu, guest_pkeys);
	vcpu_args(self->vcpu, 1, (u64)G_DATA);
	expect_done(self->vcpu);
}

/* ---- reserved bits ------------------------------------------------------ */

static void rsvd_test(struct __test_metadata *_metadata, struct vm *vm,
		      struct vcpu *vcpu, const struct mode *mode, u64 size,
		      int level, u64 bit, bool nx)
{
	struct env e = { .mode = mode, .wp = true, .nx = nx };
	struct probe_result p;

	e.pt = make_tables(vm, mode, size);
	pt_set(&e.pt, VA, level, pt_get(&e.pt, VA, level) | bit);
	enter(vcpu, &e);
	p = probe(vcpu, insn_of(&e, READ), VA, 0);
	if (p.vector != VEC_PF || p.error != (PFEC_P | PFEC_RSVD))
		die("reserved bit 0x%lx at level %d: vector %d error 0x%x",
		    bit, level, p.vector, p.error);
	p = probe(vcpu, insn_of(&e, WRITE), VA, 0);
	ASSERT_EQ(VEC_PF, p.vector);
	ASSERT_EQ(PFEC_P | PFEC_RSVD | PFEC_W, p.error);
}

TEST_F(paging, reserved_bits)
{
	struct vm *vm = self->vm;
	struct vcpu *v = self->vcpu;

	vm_add_mem(vm, 1, 0x40000000, PAGE_4M, 0);
	/* Above MAXPHYADDR, in a leaf and above it */
	rsvd_test(_metadata, vm, v, &mode_64, PAGE_4K, 1, 1ull << 51, true);
	rsvd_test(_metadata, vm, v, &mode_64, PAGE_4K, 2, 1ull << 51, true);
	rsvd_test(_metadata, vm, v, &mode_64, PAGE_2M, 2, 1ull << 51, true);
	rsvd_test(_metadata, vm, v, &mode_pae, PAGE_4K, 1, 1ull << 51, true);
	/* A large page's address is aligned */
	rsvd_test(_metadata, vm, v, &mode_64, PAGE_2M, 2, 1ull << 13, true);
	rsvd_test(_metadata, vm, v, &mode_pae, PAGE_2M, 2, 1ull << 13, true);
	rsvd_test(_metadata, vm, v, &mode_32, PAGE_4M, 2, 1ull << 21, false);
	/* NX without EFER.NX */
	rsvd_test(_metadata, vm, v, &mode_64, PAGE_4K, 1, PTE_NX, false);
	rsvd_test(_metadata, vm, v, &mode_64, PAGE_4K, 2, PTE_NX, false);
	rsvd_test(_metadata, vm, v, &mode_pae, PAGE_4K, 1, PTE_NX, false);
	/* Bits 62:52 of PAE entries are reserved, those of 64-bit ones not */
	rsvd_test(_metadata, vm, v, &mode_pae, PAGE_4K, 1, 1ull << 55, true);
}

/* ---- accessed and dirty ------------------------------------------------- */

static void ad_test(struct __test_metadata *_metadata, struct vm *vm,
		    struct vcpu *vcpu, const struct mode *mode, u64 size)
{
	struct env e = { .mode = mode, .wp = true };
	int level = leaf_level(mode, size);
	struct probe_result p;

	e.pt = make_tables(vm, mode, size);
	pt_set(&e.pt, VA, level, pt_get(&e.pt, VA, level) & ~(PTE_A | PTE_D));
	enter(vcpu, &e);
	ASSERT_EQ(0, pt_get(&e.pt, VA, level) & (PTE_A | PTE_D));
	p = probe(vcpu, insn_of(&e, READ), VA, 0);
	ASSERT_EQ(-1, p.vector);
	ASSERT_EQ(PTE_A, pt_get(&e.pt, VA, level) & (PTE_A | PTE_D));
	p = probe(vcpu, insn_of(&e, WRITE), VA, 0);
	ASSERT_EQ(-1, p.vector);
	ASSERT_EQ(PTE_A | PTE_D, pt_get(&e.pt, VA, level) & (PTE_A | PTE_D));
	/* Cleared by the guest, they come again */
	probe_pt_set(vcpu, &e.pt, VA, level,
		     pt_get(&e.pt, VA, level) & ~(PTE_A | PTE_D));
	ASSERT_EQ(0, pt_get(&e.pt, VA, level) & (PTE_A | PTE_D));
	p = probe(vcpu, insn_of(&e, WRITE), VA, 0);
	ASSERT_EQ(-1, p.vector);
	ASSERT_EQ(PTE_A | PTE_D, pt_get(&e.pt, VA, level) & (PTE_A | PTE_D));
	/* A faulting write sets neither */
	probe_pt_set(vcpu, &e.pt, VA, level,
		     pt_get(&e.pt, VA, level) & ~(PTE_D | PTE_W));
	p = probe(vcpu, insn_of(&e, WRITE), VA, 0);
	ASSERT_EQ(VEC_PF, p.vector);
	ASSERT_EQ(0, pt_get(&e.pt, VA, level) & PTE_D);
}

TEST_F(paging, accessed_dirty)
{
	vm_add_mem(self->vm, 1, 0x40000000, PAGE_4M, 0);
	ad_test(_metadata, self->vm, self->vcpu, &mode_32, PAGE_4K);
	ad_test(_metadata, self->vm, self->vcpu, &mode_32, PAGE_4M);
	ad_test(_metadata, self->vm, self->vcpu, &mode_pae, PAGE_4K);
	ad_test(_metadata, self->vm, self->vcpu, &mode_pae, PAGE_2M);
	ad_test(_metadata, self->vm, self->vcpu, &mode_64, PAGE_4K);
	ad_test(_metadata, self->vm, self->vcpu, &mode_64, PAGE_2M);
}

/* ---- five levels -------------------------------------------------------- */

#define NEED_LA57							\
	do {								\
		if (!GUEST_HAS_LA57())					\
			skip_test("no 5-level paging");			\
	} while (0)

TEST_F(paging, la57_4k)
{
	NEED_LA57;
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	rights_test(self->vm, self->vcpu, &mode_la57, PAGE_4K);
}

TEST_F(paging, la57_2m)
{
	NEED_LA57;
	BIG_SETUP;
	rights_test(self->vm, self->vcpu, &mode_la57, PAGE_2M);
}

TEST_F(paging, la57_levels)
{
	NEED_LA57;
	*(u8 *)vm_hva(self->vm, G_DATA) = 0xc3;
	levels_test(self->vm, self->vcpu, &mode_la57);
	topmost_test(_metadata, self->vm, self->vcpu, &mode_la57, 5,
		     0x007f7f8000000000);
	topmost_test(_metadata, self->vm, self->vcpu, &mode_la57, 5,
		     0xff807f8000000000);
}

TEST_F(paging, la57_bits)
{
	struct vcpu *v = self->vcpu;
	struct vm *vm = self->vm;

	NEED_LA57;
	vm_add_mem(vm, 1, 0x40000000, PAGE_4M, 0);
	ad_test(_metadata, vm, v, &mode_la57, PAGE_4K);
	ad_test(_metadata, vm, v, &mode_la57, PAGE_2M);
	rsvd_test(_metadata, vm, v, &mode_la57, PAGE_4K, 1, 1ull << 51, true);
	rsvd_test(_metadata, vm, v, &mode_la57, PAGE_2M, 2, 1ull << 13, true);
	rsvd_test(_metadata, vm, v, &mode_la57, PAGE_4K, 2, PTE_NX, false);
	if (GUEST_HAS_SMEP())
		smep_smap_test(vm, v, &mode_la57, true, false);
	if (GUEST_HAS_SMAP())
		smep_smap_test(vm, v, &mode_la57, true, true);
}

/* ---- at the edges ------------------------------------------------------- */

/* One gigabyte pages of the guest */
static void guest_1g(void)
{
	GUEST_ASSERT_EQ(read64(0x8000000000 + G_DATA), 0xa);
	write64(0x8000000000 + G_DATA, 0xc);
	GUEST_ASSERT_EQ(read64(G_DATA), 0xc);
	GUEST_DONE();
}

TEST_F(paging, page_1g)
{
	if (!GUEST_HAS_1G())
		skip_test("no 1G pages");
	pt_map(&self->vm->pt, 0x8000000000, 0, PAGE_1G, PTE_W | PTE_U);
	*(u64 *)vm_hva(self->vm, G_DATA) = 0xa;
	vcpu_set_entry(self->vcpu, guest_1g);
	expect_done(self->vcpu);
}

/* Not canonical: #GP, or #SS through the stack, never an exit */
static void guest_not_canonical(void)
{
	asm volatile(TRY("mov (%0), %%rax") : : "r"(1ull << 47)
		     : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_GP);
	asm volatile(TRY("mov (%%rbp), %%rax") : : "b"(0) : "rax", "memory");
	asm volatile("push %%rbp; mov %0, %%rbp;"
		     TRY("mov (%%rbp), %%rax")
		     "pop %%rbp" : : "r"(1ull << 47) : "rax", "memory");
	GUEST_ASSERT_EQ(caught(), VEC_SS);
	GUEST_DONE();
}

TEST_F(paging, not_canonical)
{
	vcpu_set_entry(self->vcpu, guest_not_canonical);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
