// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches, all of which leave the guest (SDM 3A 8.3, 3C
 * 26.4.2): by JMP, CALL, IRET and through a task gate.
 */
#include "kvmtest.h"

GUEST_SUITE(task_switch)

/* 32-bit TSS (SDM 3A 8.2.1) */
struct tss32 {
	u16 link, r0;
	u32 esp0, ss0, esp1, ss1, esp2, ss2;
	u32 cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
};

#define TSS_B		(G_DATA + 0x1000)
#define SEL_TSS_B	SEL_TEST
#define STACK_B		(G_DATA + 0x4000)
#define GATE		31	/* vector of the task gate */

/* Each stage: OUT to 0x80 */
asm(".pushsection .text\n"
	".globl task_a, task_b, task_a_jmp\n"
	".code32\n"
	"task_a:\n"
	"	mov $0xa0, %al\n"
	"	mov $0x11223344, %esi\n"
	"	out %al, $0x80\n"
	"	ljmp $0x60, $0\n"
	"task_a_jmp:\n"
	"	mov $0xa1, %al\n"
	"	out %al, $0x80\n"
	"	lcall $0x60, $0\n"
	"	mov $0xa2, %al\n"
	"	out %al, $0x80\n"
	"	int $31\n"
	"	mov $0xa3, %al\n"
	"	out %al, $0x80\n"
	"	hlt\n"
	"task_b:\n"
	"	out %al, $0x80\n"
	"	ljmp $0x58, $0\n"
	"	mov $0xb2, %al\n"
	"	out %al, $0x80\n"
	"	iret\n"
	"	mov $0xb3, %al\n"
	"	out %al, $0x80\n"
	"	iret\n"
	".code64\n"
	".popsection\n");
extern const char task_a[], task_a_jmp[], task_b[];

static u8 gdt_type(struct vm *vm, u16 sel)
{
	return ((u8 *)vm_hva(vm, G_GDT(0)))[sel + 5] & 0x1f;
}

static void put_tss_b(struct vm *vm, u64 cr3)
{
	struct tss32 *b = vm_hva(vm, TSS_B);
	u64 *gdt = vm_hva(vm, G_GDT(0));
	u64 *idt = vm_hva(vm, G_IDT_PROBE32);

	*b = (struct tss32) {
		.cr3 = cr3,
		.eip = (u64)task_b,
		.eflags = X86_EFLAGS_FIXED,
		.eax = 0xb1, .ebx = 0xbbbbbbbb, .edi = 0xdddddddd,
		.esp = STACK_B,
		.es = SEL_DS, .cs = SEL_CS32, .ss = SEL_DS, .ds = SEL_DS,
		.fs = SEL_DS, .gs = 0,
		.iomap = 0x68,
	};
	/* Available 32-bit TSS, and a task gate to it */
	gdt[SEL_TSS_B >> 3] = 0x67 | (TSS_B & 0xffffffull) << 16 |
			      0x89ull << 40 | (u64)(TSS_B >> 24) << 56;
	idt[GATE] = (u64)SEL_TSS_B << 16 | 0x85ull << 40;
}

static void out80(struct __test_metadata *_metadata, struct vcpu *v, u8 al)
{
	ASSERT_EQ(al, *(u8 *)expect_pio(v, 0x80, true, 1, 1));
}

static void run_tasks(struct __test_metadata *_metadata, struct vm *vm,
		      struct vcpu *v, enum pt_mode mode)
{
	struct pt pt_a = pt_new(vm, mode), pt_b = pt_new(vm, mode);
	struct tss32 *a = vm_hva(vm, G_TSS32(0)), *b = vm_hva(vm, TSS_B);
	struct kvm_regs r = {
		.rip = (u64)task_a, .rsp = G_STACK(0),
		.rflags = X86_EFLAGS_FIXED,
	};
	struct kvm_sregs s;

	vcpu_set_mode(v, CPU_PROT32, &pt_a);
	vcpu_set_regs(v, &r);
	put_tss_b(vm, pt_b.root);
	a->cr3 = pt_a.root;

	out80(_metadata, v, 0xa0);
	/* By JMP: no link, the old task becomes available */
	out80(_metadata, v, 0xb1);
	r = vcpu_regs(v);
	s = vcpu_sregs(v);
	ASSERT_EQ(0xbbbbbbbb, r.rbx);
	ASSERT_EQ(0xdddddddd, r.rdi);
	ASSERT_EQ(STACK_B, r.rsp);
	ASSERT_EQ(SEL_TSS_B, s.tr.selector);
	ASSERT_EQ(TSS_B, s.tr.base);
	ASSERT_NE(0, s.cr0 & X86_CR0_TS);
	ASSERT_TRUE(mode == PT_NONE || s.cr3 == pt_b.root);
	ASSERT_EQ((u64)task_a_jmp, a->eip);
	ASSERT_EQ(0x11223344, a->esi);
	ASSERT_EQ(G_STACK(0), a->esp);
	ASSERT_EQ(SEL_CS32, a->cs);
	ASSERT_EQ(9, gdt_type(vm, SEL_TSS32));
	ASSERT_EQ(11, gdt_type(vm, SEL_TSS_B));
	ASSERT_EQ(0, r.rflags & X86_EFLAGS_NT);

	out80(_metadata, v, 0xa1);
	r = vcpu_regs(v);
	ASSERT_EQ(0x11223344, r.rsi);
	ASSERT_EQ(9, gdt_type(vm, SEL_TSS_B));
	ASSERT_EQ(11, gdt_type(vm, SEL_TSS32));
	ASSERT_TRUE(mode == PT_NONE || vcpu_sregs(v).cr3 == pt_a.root);

	/* By CALL: linked, both busy, NT */
	out80(_metadata, v, 0xb2);
	ASSERT_EQ(SEL_TSS32, b->link);
	ASSERT_NE(0, vcpu_regs(v).rflags & X86_EFLAGS_NT);
	ASSERT_EQ(11, gdt_type(vm, SEL_TSS_B));
	ASSERT_EQ(11, gdt_type(vm, SEL_TSS32));

	/* Back by IRET */
	out80(_metadata, v, 0xa2);
	ASSERT_EQ(0, vcpu_regs(v).rflags & X86_EFLAGS_NT);
	ASSERT_EQ(9, gdt_type(vm, SEL_TSS_B));
	ASSERT_EQ(0, b->eflags & X86_EFLAGS_NT);

	/* Through the gate, and back */
	out80(_metadata, v, 0xb3);
	ASSERT_EQ(SEL_TSS32, b->link);
	out80(_metadata, v, 0xa3);
	expect_exit(v, KVM_EXIT_HLT);
}

TEST_F(task_switch, no_paging)
{
	run_tasks(_metadata, self->vm, self->vcpu, PT_NONE);
}

TEST_F(task_switch, paging_32)
{
	run_tasks(_metadata, self->vm, self->vcpu, PT_32);
}

TEST_F(task_switch, paging_pae)
{
	run_tasks(_metadata, self->vm, self->vcpu, PT_PAE);
}

/* A JMP to a task that is busy: #GP with its selector */
TEST_F(task_switch, busy)
{
	static const u8 code[] = { 0xea, 0, 0, 0, 0, SEL_TSS_B, 0 };
	struct vm *vm = self->vm;
	struct probe_result p;

	vcpu_set_mode(self->vcpu, CPU_PROT32, NULL);
	probe_init(self->vcpu, 32);
	put_tss_b(vm, 0);
	((u8 *)vm_hva(vm, G_GDT(0)))[SEL_TSS_B + 5] = 0x8b;
	memcpy(vm_hva(vm, G_DATA), code, sizeof(code));
	p = probe(self->vcpu, (char *)G_DATA, 0, 0);
	ASSERT_EQ(VEC_GP, p.vector);
	ASSERT_EQ(SEL_TSS_B, p.error);
	ASSERT_EQ(G_DATA, p.rip);
	/* Not present: #NP */
	((u8 *)vm_hva(vm, G_GDT(0)))[SEL_TSS_B + 5] = 0x09;
	p = probe(self->vcpu, (char *)G_DATA, 0, 0);
	ASSERT_EQ(VEC_NP, p.vector);
	ASSERT_EQ(SEL_TSS_B, p.error);
}

/* Local breakpoints end, whether or not MOV DR is allowed (SDM 3B 18.2.4) */
TEST_F(task_switch, local_breakpoints)
{
	static const u8 code[] = { 0xea, 0, 0, 0, 0, SEL_TSS_B, 0 };
	struct kvm_debugregs dr = {
		.db = { 0x100000, 0x200000, 0x300000, 0x400000 },
		.dr6 = 0xffff0ff0, .dr7 = 0x111127ff,
	};
	struct vcpu *v = self->vcpu;

	vcpu_set_mode(v, CPU_PROT32, NULL);
	put_tss_b(self->vm, 0);
	memcpy(vm_hva(self->vm, G_DATA), code, sizeof(code));
	vcpu_set_entry(v, (void *)G_DATA);
	require(!ioctl(v->fd, KVM_SET_DEBUGREGS, &dr));
	out80(_metadata, v, 0xb1);
	require(!ioctl(v->fd, KVM_GET_DEBUGREGS, &dr));
	ASSERT_EQ(0x111126aa, dr.dr7);
	ASSERT_EQ(0x200000, dr.db[1]);
}

/* The saved flags of a fault have RF set, so that it is not hit twice */
TEST_F(task_switch, fault)
{
	static const u8 code[] = { 0x0f, 0x0b };
	struct vm *vm = self->vm;
	struct tss32 *a = vm_hva(vm, G_TSS32(0));
	u64 *idt = vm_hva(vm, G_IDT_PROBE32);
	struct vcpu *v = self->vcpu;

	vcpu_set_mode(v, CPU_PROT32, NULL);
	put_tss_b(vm, 0);
	idt[VEC_UD] = idt[GATE];
	memcpy(vm_hva(vm, G_DATA), code, sizeof(code));
	vcpu_set_entry(v, (void *)G_DATA);
	out80(_metadata, v, 0xb1);
	ASSERT_EQ(G_DATA, a->eip);
	ASSERT_NE(0, a->eflags & X86_EFLAGS_RF);
}

/*
 * A data segment of the new task is bad: #TS in the new task, or an error of
 * emulation that says so.
 */
TEST_F(task_switch, bad_new_state)
{
	static const u8 code[] = { 0xea, 0, 0, 0, 0, SEL_TSS_B, 0 };
	struct vm *vm = self->vm;
	struct tss32 *b = vm_hva(vm, TSS_B);
	struct vcpu *v = self->vcpu;

	vcpu_set_mode(v, CPU_PROT32, NULL);
	put_tss_b(vm, 0);
	b->ds = SEL_CS32 + 0x1000;	/* beyond the GDT */
	memcpy(vm_hva(vm, G_DATA), code, sizeof(code));
	vcpu_set_entry(v, (void *)G_DATA);
	if (vcpu_run(v) == KVM_EXIT_IO) {
		u32 *sp = vm_hva(vm, vcpu_regs(v).rsp);

		ASSERT_EQ(PROBE_EXC, v->run->io.port);
		ASSERT_EQ(VEC_TS, sp[0]);
		ASSERT_EQ((SEL_CS32 + 0x1000) & ~3, sp[1] & ~3);
		ASSERT_EQ((u64)task_b, sp[2]);
		ASSERT_EQ(SEL_TSS_B, vcpu_sregs(v).tr.selector);
	} else {
		ASSERT_EQ(KVM_EXIT_INTERNAL_ERROR, v->run->exit_reason);
		ASSERT_EQ(KVM_INTERNAL_ERROR_EMULATION,
			  v->run->internal.suberror);
	}
}

TEST_HARNESS_MAIN
