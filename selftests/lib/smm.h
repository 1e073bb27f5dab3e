/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of SMM: a VM with SMRAM, handlers, the state-save map */
#ifndef SELFTEST_SMM_H
#define SELFTEST_SMM_H

#include "kvmtest.h"

#define SMBASE		0x30000u	/* after reset */
#define SMRAM_SIZE	0x10000u
#define SPACE_SMM	(1u << 16)	/* of a slot's number */
#define MAP		0xfe00u		/* of the map, from SMBASE */
#define PORT		0x0e
#define LOOP_PORT	0x0f
#define CELL		(G_DATA + 0x1000)	/* different memory in each space */
#define CELL_SLOT	7

#define MSR_SMBASE	0x9e
#define MSR_SMI_COUNT_	0x34

/* Offsets in the map: 64-bit and 32-bit */
#define REVISION	0xfc
#define SMBASE64	0x100
#define SMBASE32	0xf8
#define HALT64		0xc9
#define EFER64		0xd0
#define CR4_64		0x148
#define CR3_64		0x150
#define CR0_64		0x158
#define RIP64		0x178
#define RAX64		0x1f8
#define EIP32		0x1f0
#define EAX32		0x1d0
#define CR0_32		0x1fc

static inline void add_smm_slots(struct vm *vm, u8 *smram, void *cell)
{
	const u32 s = SPACE_SMM;
	u8 *ram = vm_hva(vm, 0);

	require(!vm_set_region(vm, s | 0, 0, 0, SMBASE, ram));
	require(!vm_set_region(vm, s | 1, 0, SMBASE, SMRAM_SIZE, smram));
	require(!vm_set_region(vm, s | 2, 0, SMBASE + SMRAM_SIZE,
			       CELL - SMBASE - SMRAM_SIZE,
			       ram + SMBASE + SMRAM_SIZE));
	require(!vm_set_region(vm, s | CELL_SLOT, 0, CELL, PAGE_4K, cell));
	require(!vm_set_region(vm, s | 3, 0, CELL + PAGE_4K,
			       G_RAM_SIZE - CELL - PAGE_4K,
			       ram + CELL + PAGE_4K));
}

/* mov $0x5a, %al; out %al, $PORT; rsm */
static const u8 simple[] = { 0xb0, 0x5a, 0xe6, PORT, 0x0f, 0xaa };

static inline void set_handler(u8 *smram, const void *code, size_t size)
{
	memcpy(smram + 0x8000, code, size);
}

static inline void smi(struct vcpu *v)
{
	require(!ioctl(v->fd, KVM_SMI));
}

/* The next exit is the handler's OUT */
static inline u32 in_handler(struct vcpu *v)
{
	u32 val = 0;
	void *data;

	expect_exit(v, KVM_EXIT_IO);
	require(v->run->io.port == PORT);
	require(v->run->flags & KVM_RUN_X86_SMM);
	data = (u8 *)v->run + v->run->io.data_offset;
	memcpy(&val, data, v->run->io.size);
	return val;
}

#define FIELD(smram, off, type)	(*(type *)((smram) + MAP + (off)))

/* Counts in RBX, which nobody else changes */
static inline void guest_count(void)
{
	u64 n = 0;

	for (;;)
		GUEST_SYNC(++n);
}

/* self->smram is SMBASE to its end, self->cell is CELL, in the space of SMM alone */
#define SMM_SUITE(name)							\
	FIXTURE(name) {							\
		struct vm *vm;						\
		struct vcpu *vcpu;					\
		u8 *smram;						\
		u64 *cell;						\
	};								\
	KIND_VARIANTS(name)						\
	FIXTURE_SETUP(name)						\
	{								\
		if (!kvm_check(KVM_CAP_X86_SMM))			\
			skip_test("no SMM");				\
		self->vm = vm_new(variant->kind);			\
		self->smram = mem_anon(SMRAM_SIZE, false);		\
		self->cell = mem_anon(PAGE_4K, false);			\
		add_smm_slots(self->vm, self->smram, self->cell);	\
		self->vcpu = vcpu_new(self->vm, 0, NULL);		\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		EXPECT_EQ(0, kvm_audit());				\
		vm_free(self->vm);					\
		munmap(self->smram, SMRAM_SIZE);			\
		munmap(self->cell, PAGE_4K);				\
	}

#endif
