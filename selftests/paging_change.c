// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translations that the guest changes: INVLPG, INVPCID, CR3, global pages, PCIDs,
 * entries above the last level (SDM 3A 4.10).
 */
#include "kvmtest.h"

GUEST_SUITE(paging_change)

/* ---- translations that change: INVLPG, CR3, global pages, PCID ---------- */

#define TEST_VA	0x20000000ull

struct two_pages {
	u64 pte;		/* entry of TEST_VA */
	u64 a, b;		/* entries for two pages that hold 0xa and 0xb */
	u64 cr3, other_cr3;
};

static struct two_pages two;

static u64 look(void)
{
	return read64(TEST_VA);
}

static void set_two(u64 entry)
{
	*(volatile u64 *)two.pte = entry;
}

static void guest_translation(void)
{
	for (int i = 0; i < 8; i++) {
		set_two(two.a);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(look(), 0xa);
		set_two(two.b);
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(look(), 0xb);
	}
	for (int i = 0; i < 8; i++) {
		set_two(two.a);
		write_cr3(two.cr3);
		GUEST_ASSERT_EQ(look(), 0xa);
		set_two(two.b);
		write_cr3(two.cr3);
		GUEST_ASSERT_EQ(look(), 0xb);
	}
	/* Not present and back */
	for (int i = 0; i < 4; i++) {
		set_two(0);
		invlpg(TEST_VA);
		asm volatile(TRY("mov (%0), %%rax") : : "r"(TEST_VA)
			     : "rax", "memory");
		GUEST_ASSERT_EQ(caught(), VEC_PF);
		set_two(two.a);		/* no flush is due */
		GUEST_ASSERT_EQ(look(), 0xa);
	}
	/* More rights need no flush: at worst a fault that goes away */
	set_two(two.a & ~PTE_W);
	invlpg(TEST_VA);
	GUEST_ASSERT_EQ(look(), 0xa);
	set_two(two.a);
	asm volatile(TRY("movb $0xa, (%0)") : : "r"(TEST_VA) : "memory");
	if (caught() != GUEST_NO_EXCEPTION) {
		invlpg(TEST_VA);
		asm volatile(TRY("movb $0xa, (%0)") : : "r"(TEST_VA)
			     : "memory");
	}
	GUEST_ASSERT_EQ(caught(), GUEST_NO_EXCEPTION);
	GUEST_DONE();
}

static void guest_two_roots(void)
{
	for (int i = 0; i < 16; i++) {
		write_cr3(two.cr3);
		GUEST_ASSERT_EQ(look(), 0xa);
		write_cr3(two.other_cr3);
		GUEST_ASSERT_EQ(look(), 0xb);
	}
	GUEST_DONE();
}

static void guest_global(void)
{
	u64 cr4 = read_cr4() | X86_CR4_PGE;

	write_cr4(cr4);
	set_two(two.a | PTE_G);
	invlpg(TEST_VA);
	GUEST_ASSERT_EQ(look(), 0xa);
	set_two(two.b | PTE_G);
	/* A change of CR4.PGE drops global translations too */
	write_cr4(cr4 & ~(u64)X86_CR4_PGE);
	GUEST_ASSERT_EQ(look(), 0xb);
	write_cr4(cr4);
	set_two(two.a | PTE_G);
	invlpg(TEST_VA);
	GUEST_ASSERT_EQ(look(), 0xa);
	GUEST_DONE();
}

static void guest_pcid(void)
{
	u64 nf = 1ull << 63;

	write_cr4(read_cr4() | X86_CR4_PCIDE);
	for (int i = 0; i < 8; i++) {
		write_cr3(two.cr3 | 1);
		GUEST_ASSERT_EQ(look(), 0xa);
		write_cr3(two.other_cr3 | 2);
		GUEST_ASSERT_EQ(look(), 0xb);
		/* Known PCIDs, translations kept: still the right ones */
		write_cr3(two.cr3 | 1 | nf);
		GUEST_ASSERT_EQ(look(), 0xa);
		write_cr3(two.other_cr3 | 2 | nf);
		GUEST_ASSERT_EQ(look(), 0xb);
	}
	/* A change flushed in the other PCID is seen there */
	write_cr3(two.other_cr3 | 2);
	set_two(two.b);
	write_cr3(two.cr3 | 1);
	GUEST_ASSERT_EQ(look(), 0xb);
	GUEST_DONE();
}

static void guest_invpcid(void)
{
	struct { u64 pcid, addr; } d = { 1, TEST_VA };

	write_cr4(read_cr4() | X86_CR4_PCIDE);
	write_cr3(two.cr3 | 1);
	for (u64 type = 0; type < 4; type++) {
		set_two(two.a);
		asm volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
		GUEST_ASSERT_EQ(look(), 0xa);
		set_two(two.b);
		asm volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
		GUEST_ASSERT_EQ(look(), 0xb);
		/* From another PCID */
		write_cr3(two.other_cr3 | 2);
		set_two(two.a);
		asm volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
		write_cr3(two.cr3 | 1 | 1ull << 63);
		GUEST_ASSERT_EQ(look(), 0xa);
	}
	GUEST_DONE();
}

static void run_two(struct vm *vm, struct vcpu *vcpu, void *fn)
{
	struct pt other = pt_new(vm, PT_4LEVEL);
	u64 flags = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;

	pt_set(&vm->pt, TEST_VA, 2, 0);
	pt_map(&vm->pt, TEST_VA, G_DATA, PAGE_4K, flags);
	pt_set(&other, TEST_VA, 2, 0);
	pt_map(&other, TEST_VA, G_DATA + PAGE_4K, PAGE_4K, flags);
	*(u64 *)vm_hva(vm, G_DATA) = 0xa;
	*(u64 *)vm_hva(vm, G_DATA + PAGE_4K) = 0xb;
	two = (struct two_pages) {
		.pte = pt_entry_gpa(&vm->pt, TEST_VA, 1),
		.a = G_DATA | flags,
		.b = (G_DATA + PAGE_4K) | flags,
		.cr3 = vm->pt.root,
		.other_cr3 = other.root,
	};
	sync_to_guest(vm, two);
	vcpu_set_entry(vcpu, fn);
	expect_done(vcpu);
}

TEST_F(paging_change, changed_translation)
{
	run_two(self->vm, self->vcpu, guest_translation);
}

TEST_F(paging_change, two_roots)
{
	run_two(self->vm, self->vcpu, guest_two_roots);
}

TEST_F(paging_change, global_pages)
{
	run_two(self->vm, self->vcpu, guest_global);
}

TEST_F(paging_change, pcid)
{
	if (!GUEST_HAS_PCID())
		skip_test("no PCID");
	run_two(self->vm, self->vcpu, guest_pcid);
}

TEST_F(paging_change, invpcid)
{
	if (!GUEST_HAS_PCID() || !GUEST_HAS_INVPCID())
		skip_test("no PCID or INVPCID");
	run_two(self->vm, self->vcpu, guest_invpcid);
}

/* ---- changes above the leaf --------------------------------------------- */

static u64 pde, pde_a, pde_b;

static void guest_upper_change(void)
{
	for (int i = 0; i < 8; i++) {
		*(volatile u64 *)pde = pde_a;
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(look(), 0xa);
		*(volatile u64 *)pde = pde_b;
		write_cr3(read_cr3());
		GUEST_ASSERT_EQ(look(), 0xb);
		/* A large page instead of a table, and back */
		*(volatile u64 *)pde = G_DATA | PTE_P | PTE_W | PTE_PS;
		invlpg(TEST_VA);
		GUEST_ASSERT_EQ(look(), 0xa);
		GUEST_ASSERT_EQ(read64(TEST_VA + PAGE_4K), 0xb);
	}
	GUEST_DONE();
}

/* A directory entry that points to another table, or becomes a large page */
TEST_F(paging_change, changed_directory)
{
	struct vm *vm = self->vm;

	pt_set(&vm->pt, TEST_VA, 2, 0);
	pt_map(&vm->pt, TEST_VA, G_DATA, PAGE_4K, PTE_W | PTE_U);
	pde_a = pt_get(&vm->pt, TEST_VA, 2);
	pt_set(&vm->pt, TEST_VA, 2, 0);
	pt_map(&vm->pt, TEST_VA, G_DATA + PAGE_4K, PAGE_4K, PTE_W | PTE_U);
	pde_b = pt_get(&vm->pt, TEST_VA, 2);
	pde = pt_entry_gpa(&vm->pt, TEST_VA, 2);
	*(u64 *)vm_hva(vm, G_DATA) = 0xa;
	*(u64 *)vm_hva(vm, G_DATA + PAGE_4K) = 0xb;
	sync_to_guest(vm, pde);
	sync_to_guest(vm, pde_a);
	sync_to_guest(vm, pde_b);
	vcpu_set_entry(self->vcpu, guest_upper_change);
	expect_done(self->vcpu);
}

#define ALIAS_VA	0x30000000ull	/* another address of the directory */

static u64 alias;			/* of the entry for TEST_VA */

static void make_directory(struct vm *vm, u64 alias_flags)
{
	u64 dir;

	pt_set(&vm->pt, TEST_VA, 2, 0);
	pt_map(&vm->pt, TEST_VA, G_DATA, PAGE_4K, PTE_W);
	pde_a = pt_get(&vm->pt, TEST_VA, 2);
	pde = pt_entry_gpa(&vm->pt, TEST_VA, 2);
	dir = pde & ~(PAGE_4K - 1);
	pt_set(&vm->pt, ALIAS_VA, 2, 0);
	pt_map(&vm->pt, ALIAS_VA, dir, PAGE_4K, alias_flags);
	alias = ALIAS_VA + (pde - dir);
	*(u64 *)vm_hva(vm, G_DATA) = 0xa;
	sync_to_guest(vm, pde);
	sync_to_guest(vm, pde_a);
	sync_to_guest(vm, alias);
}

#define STORE(mov, type)						\
do {									\
	for (size_t k = 0; k < 8 / sizeof(type); k++)			\
		asm volatile(mov " %0, %1" : :				\
			     "r"((type)(pde_a >> 8 * sizeof(type) * k)),	\
			     "m"(((volatile type *)pde)[k]) : "memory");	\
	GUEST_ASSERT_EQ(*(volatile u64 *)pde, pde_a);			\
	GUEST_ASSERT_EQ(look(), 0xa);					\
	*(volatile u64 *)pde = 0;					\
	invlpg(TEST_VA);						\
	asm volatile(TRY("mov (%0), %%rax") : : "r"(TEST_VA)		\
		     : "rax", "memory");				\
	GUEST_ASSERT_EQ(caught(), VEC_PF);				\
} while (0)

/* Not present to present, which takes no flush, and back */
static void guest_directory_stores(void)
{
	*(volatile u64 *)pde = 0;
	invlpg(TEST_VA);
	for (int i = 0; i < 8; i++) {
		STORE("movb", u8);
		STORE("movw", u16);
		STORE("movl", u32);
		STORE("movq", u64);
	}
	GUEST_DONE();
}

TEST_F(paging_change, directory_stores)
{
	make_directory(self->vm, PTE_W);
	vcpu_set_entry(self->vcpu, guest_directory_stores);
	expect_done(self->vcpu);
}

static u64 try_store(u64 val)
{
	/* the shadow has the alias when the store comes */
	read64(alias);
	asm volatile(TRY("movq %1, (%0)") : : "r"(alias), "r"(val) : "memory");
	return caught();
}

/* What a directory's rights and the mode deny is denied to what is emulated too */
static void guest_directory_read_only(void)
{
	u64 cr0 = read_cr0();

	GUEST_ASSERT_EQ(look(), 0xa);
	for (int i = 0; i < 4; i++) {
		write_cr0(cr0 | X86_CR0_WP);
		GUEST_ASSERT_EQ(try_store(0), VEC_PF);
		GUEST_ASSERT_EQ(guest_cpu()->error, PFEC_P | PFEC_W);
		GUEST_ASSERT_EQ(*(volatile u64 *)pde, pde_a);
		write_cr0(cr0 & ~(u64)X86_CR0_WP);
		GUEST_ASSERT_EQ(try_store(0), GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(*(volatile u64 *)pde, 0);
		GUEST_ASSERT_EQ(try_store(pde_a), GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(look(), 0xa);
	}
	GUEST_DONE();
}

TEST_F(paging_change, directory_read_only)
{
	make_directory(self->vm, 0);
	vcpu_set_entry(self->vcpu, guest_directory_read_only);
	expect_done(self->vcpu);
}

static void guest_directory_smap(void)
{
	u64 cr4 = read_cr4();

	for (int i = 0; i < 4; i++) {
		write_cr4(cr4 & ~(u64)X86_CR4_SMAP);
		GUEST_ASSERT_EQ(try_store(pde_a), GUEST_NO_EXCEPTION);
		GUEST_ASSERT_EQ(look(), 0xa);
		write_cr4(cr4 | X86_CR4_SMAP);
		asm volatile("stac");
		GUEST_ASSERT_EQ(try_store(pde_a), GUEST_NO_EXCEPTION);
		read64(alias);
		asm volatile("clac");
		asm volatile(TRY("movq $0, (%0)") : : "r"(alias) : "memory");
		GUEST_ASSERT_EQ(caught(), VEC_PF);
		GUEST_ASSERT_EQ(guest_cpu()->error, PFEC_P | PFEC_W);
		GUEST_ASSERT_EQ(*(volatile u64 *)pde, pde_a);
	}
	GUEST_DONE();
}

TEST_F(paging_change, directory_smap)
{
	if (!GUEST_HAS_SMAP())
		skip_test("no SMAP");
	pt_flags(&self->vm->pt, 0, G_RAM_SIZE, 0, PTE_U);
	make_directory(self->vm, PTE_W | PTE_U);
	vcpu_set_entry(self->vcpu, guest_directory_smap);
	expect_done(self->vcpu);
}

TEST_HARNESS_MAIN
