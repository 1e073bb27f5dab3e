// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions for emulation.c: above all those that a user process cannot
 * execute, or not in these modes, with operands and memory that often let them
 * succeed.
 */
#define SELFTEST_LIB
#include "diff.h"

u64 diff_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct gen {
	struct diff_case *c;
	u64 state;
	unsigned int opsize, asize;	/* 2, 4, 8 */
	bool lng, legacy16;
};

static u64 rnd(struct gen *g)
{
	return diff_random(&g->state);
}

static unsigned int below(struct gen *g, unsigned int n)
{
	return rnd(g) % n;
}

#define PICK(g, array)	((array)[below(g, ARRAY_SIZE(array))])

/* Modes in which the instruction is of interest */
#define REAL	(1u << DIFF_REAL)
#define V86	(1u << DIFF_V86)
#define PROT	(1u << DIFF_PROT16 | 1u << DIFF_PROT32)
#define COMPAT	(1u << DIFF_COMPAT)
#define LONG	(1u << DIFF_LONG)
#define LEGACY	(REAL | V86 | PROT | COMPAT)
#define ALL	(LEGACY | LONG)

/* Operands */
enum {
	O_NONE, O_MEM, O_REG, O_RM,	/* ModRM: memory, register, either */
};

/* Immediates */
enum {
	I_NONE, I_B, I_W, I_Z, I_WB, I_FAR, I_PORT, I_INT,
};

#define ARITH	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF |	\
		 X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_OF)
#define NOT_ZF	(ARITH & ~X86_EFLAGS_ZF)
#define ASZP	(X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_PF)

struct form {
	const char *name;
	u8 op[3], len;		/* opcode bytes, mandatory prefix first */
	int reg;			/* ModRM.reg, -1: any */
	u8 operand, imm;
	u8 weight;		/* how many times as often; 0: once */
	u32 modes;
	u32 undefined;		/* flags */
	bool fpu, any_order, any_push;
};

#define F(name_, modes_, ...)	{ .name = name_, .modes = modes_, __VA_ARGS__ }
#define OP1(a)		.op = { a }, .len = 1
#define OP2(a, b)	.op = { a, b }, .len = 2
#define OP3(a, b, c)	.op = { a, b, c }, .len = 3
#define RM(kind, r)	.operand = O_##kind, .reg = r

static const struct form forms[] = {
	/* segments */
	F("push es", LEGACY, OP1(0x06)), F("pop es", LEGACY, OP1(0x07), .weight = 2),
	F("push cs", LEGACY, OP1(0x0e)), F("push ss", LEGACY, OP1(0x16)),
	F("pop ss", LEGACY, OP1(0x17), .weight = 2), F("push ds", LEGACY, OP1(0x1e)),
	F("pop ds", LEGACY, OP1(0x1f), .weight = 2), F("push fs", ALL, OP2(0x0f, 0xa0)),
	F("pop fs", ALL, OP2(0x0f, 0xa1), .weight = 2), F("push gs", ALL, OP2(0x0f, 0xa8)),
	F("pop gs", ALL, OP2(0x0f, 0xa9), .weight = 2),
	F("mov r/m, sreg", ALL, OP1(0x8c), RM(RM, -1)),
	F("mov sreg, r/m", ALL, OP1(0x8e), RM(RM, -1), .weight = 8),
	F("les", LEGACY, OP1(0xc4), RM(MEM, -1), .any_order = true, .weight = 2),
	F("lds", LEGACY, OP1(0xc5), RM(MEM, -1), .any_order = true, .weight = 2),
	F("lss", ALL, OP2(0x0f, 0xb2), RM(MEM, -1), .any_order = true, .weight = 2),
	F("lfs", ALL, OP2(0x0f, 0xb4), RM(MEM, -1), .any_order = true),
	F("lgs", ALL, OP2(0x0f, 0xb5), RM(MEM, -1), .any_order = true),
	F("lar", ALL, OP2(0x0f, 0x02), RM(RM, -1), .weight = 4),
	F("lsl", ALL, OP2(0x0f, 0x03), RM(RM, -1), .weight = 4),
	F("arpl", LEGACY, OP1(0x63), RM(REG, -1)),
	F("sldt", ALL, OP2(0x0f, 0x00), RM(RM, 0)),
	F("str", ALL, OP2(0x0f, 0x00), RM(RM, 1)),
	F("lldt", ALL, OP2(0x0f, 0x00), RM(RM, 2), .weight = 3),
	F("ltr", ALL, OP2(0x0f, 0x00), RM(RM, 3), .weight = 3),
	F("verr", ALL, OP2(0x0f, 0x00), RM(RM, 4), .weight = 3),
	F("verw", ALL, OP2(0x0f, 0x00), RM(RM, 5), .weight = 3),
	/* far transfers, interrupts */
	F("call far", LEGACY, OP1(0x9a), .imm = I_FAR, .weight = 8),
	F("jmp far", LEGACY, OP1(0xea), .imm = I_FAR, .weight = 6),
	F("call far m", ALL, OP1(0xff), RM(MEM, 3), .weight = 8),
	F("jmp far m", ALL, OP1(0xff), RM(MEM, 5), .weight = 6),
	F("retf", ALL, OP1(0xcb), .weight = 8),
	F("retf imm", ALL, OP1(0xca), .imm = I_W, .weight = 3),
	F("iret", ALL, OP1(0xcf), .weight = 14),
	F("int", ALL, OP1(0xcd), .imm = I_INT, .weight = 8),
	F("int3", ALL, OP1(0xcc)), F("into", LEGACY, OP1(0xce), .weight = 2),
	F("int1", ALL, OP1(0xf1)), F("ud2", ALL, OP2(0x0f, 0x0b)),
	F("bound", LEGACY, OP1(0x62), RM(MEM, -1)),
	F("syscall", ALL, OP2(0x0f, 0x05), .weight = 2),
	F("sysret", ALL, OP2(0x0f, 0x07), .weight = 2),
	F("sysenter", ALL, OP2(0x0f, 0x34), .weight = 2),
	F("sysexit", ALL, OP2(0x0f, 0x35), .weight = 2),
	/* near transfers and the stack */
	F("call m", ALL, OP1(0xff), RM(MEM, 2), .any_push = true),
	F("jmp m", ALL, OP1(0xff), RM(MEM, 4)),
	F("push m", ALL, OP1(0xff), RM(RM, 6)), F("pop m", ALL, OP1(0x8f), RM(RM, 0)),
	F("ret", ALL, OP1(0xc3)), F("ret imm", ALL, OP1(0xc2), .imm = I_W),
	F("push imm", ALL, OP1(0x68), .imm = I_Z),
	F("push imm8", ALL, OP1(0x6a), .imm = I_B),
	F("pushf", ALL, OP1(0x9c), .weight = 4), F("popf", ALL, OP1(0x9d), .weight = 6),
	F("pusha", LEGACY, OP1(0x60)), F("popa", LEGACY, OP1(0x61)),
	F("enter", ALL, OP1(0xc8), .imm = I_WB, .weight = 2), F("leave", ALL, OP1(0xc9)),
	/* ports */
	F("in al, imm", ALL, OP1(0xe4), .imm = I_PORT),
	F("in imm", ALL, OP1(0xe5), .imm = I_PORT),
	F("out imm, al", ALL, OP1(0xe6), .imm = I_PORT),
	F("out imm", ALL, OP1(0xe7), .imm = I_PORT),
	F("in al, dx", ALL, OP1(0xec)), F("in dx", ALL, OP1(0xed)),
	F("out dx, al", ALL, OP1(0xee)), F("out dx", ALL, OP1(0xef)),
	F("insb", ALL, OP1(0x6c)), F("ins", ALL, OP1(0x6d)),
	F("outsb", ALL, OP1(0x6e)), F("outs", ALL, OP1(0x6f)),
	F("rep insb", ALL, OP2(0xf3, 0x6c)), F("rep outs", ALL, OP2(0xf3, 0x6f)),
	/* flags of interrupts */
	F("cli", ALL, OP1(0xfa), .weight = 2), F("sti", ALL, OP1(0xfb), .weight = 2),
	F("hlt", ALL, OP1(0xf4)), F("pause", LEGACY, OP2(0xf3, 0x90)),
	/* system registers */
	F("sgdt", ALL, OP2(0x0f, 0x01), RM(MEM, 0), .any_order = true),
	F("sidt", ALL, OP2(0x0f, 0x01), RM(MEM, 1), .any_order = true),
	F("lgdt", ALL, OP2(0x0f, 0x01), RM(MEM, 2), .weight = 2, .any_order = true),
	F("lidt", ALL, OP2(0x0f, 0x01), RM(MEM, 3), .weight = 2, .any_order = true),
	F("smsw", ALL, OP2(0x0f, 0x01), RM(RM, 4)),
	F("lmsw", ALL, OP2(0x0f, 0x01), RM(RM, 6), .weight = 2),
	F("invlpg", ALL, OP2(0x0f, 0x01), RM(MEM, 7)),
	F("swapgs", ALL, OP3(0x0f, 0x01, 0xf8)),
	F("xgetbv", ALL, OP3(0x0f, 0x01, 0xd0)),
	F("clac", ALL, OP3(0x0f, 0x01, 0xca)), F("stac", ALL, OP3(0x0f, 0x01, 0xcb)),
	F("mov r, cr", ALL, OP2(0x0f, 0x20), RM(REG, -1), .undefined = ARITH, .weight = 3),
	F("mov cr, r", ALL, OP2(0x0f, 0x22), RM(REG, -1), .undefined = ARITH, .weight = 8),
	F("mov r, dr", ALL, OP2(0x0f, 0x21), RM(REG, -1), .undefined = ARITH, .weight = 2),
	F("mov dr, r", ALL, OP2(0x0f, 0x23), RM(REG, -1), .undefined = ARITH, .weight = 2),
	F("clts", ALL, OP2(0x0f, 0x06)), F("invd", ALL, OP2(0x0f, 0x08)),
	F("wbinvd", ALL, OP2(0x0f, 0x09)), F("cpuid", ALL, OP2(0x0f, 0xa2)),
	F("rdmsr", ALL, OP2(0x0f, 0x32), .weight = 2),
	F("wrmsr", ALL, OP2(0x0f, 0x30), .weight = 3),
	F("fsgsbase", LONG, OP3(0xf3, 0x0f, 0xae), .operand = O_REG, .reg = -1),
	/* state of the FPU, vector moves */
	F("fxsave", ALL, OP2(0x0f, 0xae), RM(MEM, 0), .any_order = true),
	F("fxrstor", ALL, OP2(0x0f, 0xae), RM(MEM, 1), .fpu = true, .any_order = true),
	F("ldmxcsr", ALL, OP2(0x0f, 0xae), RM(MEM, 2), .fpu = true),
	F("stmxcsr", ALL, OP2(0x0f, 0xae), RM(MEM, 3)),
	F("fninit", ALL, OP2(0xdb, 0xe3), .fpu = true),
	F("fnstenv", ALL, OP1(0xd9), RM(MEM, 6), .fpu = true, .any_order = true),
	F("fldcw", ALL, OP1(0xd9), RM(MEM, 5), .fpu = true),
	F("fnstcw", ALL, OP1(0xd9), RM(MEM, 7)),
	F("fnstsw ax", ALL, OP2(0xdf, 0xe0)), F("fwait", ALL, OP1(0x9b)),
	F("movups", ALL, OP2(0x0f, 0x10), RM(RM, -1), .fpu = true),
	F("movups store", ALL, OP2(0x0f, 0x11), RM(MEM, -1)),
	F("movdqa", ALL, OP3(0x66, 0x0f, 0x6f), RM(RM, -1), .fpu = true),
	F("movdqa store", ALL, OP3(0x66, 0x0f, 0x7f), RM(MEM, -1)),
	/* what a process can run too, in other modes */
	F("mov r, r/m", ALL, OP1(0x8b), RM(RM, -1), .weight = 3),
	F("mov r/m, r", ALL, OP1(0x89), RM(RM, -1), .weight = 3),
	F("mov m, imm", ALL, OP1(0xc7), RM(MEM, 0), .imm = I_Z),
	F("add m, r", ALL, OP1(0x01), RM(RM, -1)),
	F("adc r, m", ALL, OP1(0x13), RM(RM, -1)),
	F("lock xadd", ALL, OP3(0xf0, 0x0f, 0xc1), RM(MEM, -1)),
	F("lock cmpxchg", ALL, OP3(0xf0, 0x0f, 0xb1), RM(MEM, -1)),
	F("cmpxchg8b", ALL, OP2(0x0f, 0xc7), RM(MEM, 1)),
	F("xchg", ALL, OP1(0x87), RM(RM, -1)),
	F("bts", ALL, OP2(0x0f, 0xab), RM(REG, -1), .undefined = NOT_ZF & ~X86_EFLAGS_CF),
	F("rep movs", ALL, OP2(0xf3, 0xa5), .weight = 2),
	F("rep stosb", ALL, OP2(0xf3, 0xaa)),
	F("lods", ALL, OP1(0xad)),
	F("repe cmpsb", ALL, OP2(0xf3, 0xa6), .any_order = true),
	F("xlat", ALL, OP1(0xd7)),
	F("aam", LEGACY, OP1(0xd4), .imm = I_B, .undefined = NOT_ZF),
	F("daa", LEGACY, OP1(0x27), .undefined = X86_EFLAGS_OF),
	F("div m", ALL, OP1(0xf7), RM(RM, 6), .undefined = ARITH),
	F("imul", ALL, OP2(0x0f, 0xaf), RM(RM, -1), .undefined = ASZP),
	F("movzx", ALL, OP2(0x0f, 0xb6), RM(RM, -1)), F("lea", ALL, OP1(0x8d), RM(MEM, -1)),
	F("bswap", ALL, OP2(0x0f, 0xc8)),
};

static u16 selector(struct gen *g)
{
	static const u16 often[] = {
		0x08, 0x10, 0x18, 0x23, 0x2b, 0x33, 0x38, 0x40, 0x60, 0x68, 0x80, 0x90,
	};

	switch (below(g, 8)) {
	case 0:
		return rnd(g);
	case 1: case 2:
		return below(g, 0x100);
	case 3:
		return below(g, 0x40) | 4;
	default:
		return PICK(g, often) | (below(g, 3) ? 0 : below(g, 4));
	}
}

static u64 address(struct gen *g)
{
	static const u16 page[] = {
		D_DATA, D_DATA, D_DATA, D_DATA + 0x1000, D_READONLY,
		D_SUPERVISOR, D_ABSENT,
	};
	u64 at = PICK(g, page);

	return below(g, 6) ? at + (below(g, 0xf00) & ~15) :
	       below(g, 2) ? at - 8 + below(g, 16) : at + below(g, 0xff0);
}

static u64 code(struct gen *g)
{
	return below(g, 12) ? D_TARGET + 0x100 + below(g, 0x600) : rnd(g);
}

static u64 value(struct gen *g)
{
	switch (below(g, 8)) {
	case 0:
		return rnd(g);
	case 1:
		return below(g, 256);
	case 2:
		return selector(g);
	case 3:
		return code(g);
	case 4:
		return -(u64)below(g, 128);
	default:
		return address(g);
	}
}

static u64 flags(struct gen *g)
{
	u64 fl = (rnd(g) & (ARITH | X86_EFLAGS_DF | X86_EFLAGS_IF)) |
		 X86_EFLAGS_FIXED;

	if (!below(g, 4))
		fl |= below(g, 4) << X86_EFLAGS_IOPL_BIT;
	if (!below(g, 16))
		fl |= X86_EFLAGS_NT;
	if (!below(g, 12))
		fl |= X86_EFLAGS_TF;
	if (!below(g, 8))
		fl |= X86_EFLAGS_AC;
	if (!below(g, 8))
		fl |= X86_EFLAGS_ID | X86_EFLAGS_RF;
	return fl;
}

/* Something that far returns, far pointers and LGDT make sense of */
static void fill(struct gen *g, u8 *p, unsigned int len, unsigned int item)
{
	static const u16 bases[] = { D_GDT, D_IDT32, D_IDT64, D_LDT };
	unsigned int i;
	u64 v;

	for (i = 0; i + 8 <= len; i += item) {
		switch (below(g, 6)) {
		case 0:
			v = code(g);
			break;
		case 1:
			v = code(g) & 0xffff;
			v |= (u64)selector(g) << (item == 2 ? 16 : 32);
			break;
		case 2:
			v = 0xff | (u64)PICK(g, bases) << 16;
			break;
		case 3:
			v = selector(g);
			break;
		default:
			v = value(g);
		}
		memcpy(p + i, &v, item);
	}
}

/* The stack as RETF and IRET want it */
static void fill_stack(struct gen *g, const char *name)
{
	struct diff_case *c = g->c;
	unsigned int n = g->opsize, i = 0, k;
	u64 sp = c->regs.rsp, item[9];
	u16 sel = selector(g);
	bool v86 = false;
	u64 image;

	if (c->sregs.ss.db == 0 && c->mode != DIFF_LONG)
		sp = (u16)sp;
	if (c->mode != DIFF_LONG)
		sp = (u32)(sp + c->sregs.ss.base);
	if (sp < D_CODE + 0x1000 || sp > D_STACK3 - 0x100)
		return;
	fill(g, c->mem + sp, 0x80, n);
	/* Bochs lacks the #GP for more than an IP (SDM 2A IRET, to virtual-8086 mode) */
	memcpy(&image, c->mem + sp + 8, 8);
	if (!strcmp(name, "iret") && n == 4 && image & X86_EFLAGS_VM)
		memset(c->mem + sp + 2, 0, 2);
	if (below(g, 6) == 0 && c->mode != DIFF_REAL && c->mode != DIFF_V86)
		return;
	if (c->mode == DIFF_REAL || c->mode == DIFF_V86) {
		static const u16 sels[] = { 0, 0x300, 0x380, 0x100 };

		sel = PICK(g, sels);
		item[i++] = D_TARGET + below(g, 0x400) - 16 * sel;
	} else {
		item[i++] = code(g);
	}
	if (!strncmp(name, "ret", 3) && name[3] != 'f' && below(g, 10))
		item[0] = D_TARGET + below(g, 0x400) - c->sregs.cs.base;
	item[i++] = sel;
	if (!strcmp(name, "iret")) {
		image = flags(g);
		v86 = c->mode == DIFF_PROT32 && !c->cpl && !below(g, 3);
		if (v86) {
			image |= X86_EFLAGS_VM;
			item[0] &= 0xffff;
		}
		item[i++] = image;
	}
	item[i++] = D_STACK3 - 0x400 + below(g, 32);
	item[i++] = v86 ? 0x200 : below(g, 3) ? (sel & 3 ? 0x23 : 0x10) : selector(g);
	for (k = 0; k < 4 && v86; k++)
		item[i++] = below(g, 0x600);
	for (k = 0; k < i; k++)
		memcpy(c->mem + sp + k * n, &item[k], n);
}

static void emit(struct gen *g, u64 val, unsigned int size)
{
	memcpy(g->c->insn + g->c->len, &val, size);
	g->c->len += size;
}

static __u64 *reg_of(struct diff_case *c, unsigned int nr)
{
	struct kvm_regs *r = &c->regs;
	__u64 *const regs[] = {
		&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi,
		&r->rdi, &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13,
		&r->r14, &r->r15,
	};

	return regs[nr & 15];
}

/* ModRM with what follows; registers hold addresses already */
static void emit_modrm(struct gen *g, const struct form *f, u8 rex)
{
	unsigned int reg = f->reg < 0 ? below(g, 8) : f->reg;
	bool mem = f->operand == O_MEM || (f->operand == O_RM && below(g, 3));
	unsigned int mod = mem ? below(g, 3) : 3, rm = below(g, 8);

	if (f->operand == O_REG && f->op[0] == 0x0f && (f->op[1] & 0xfc) == 0x20 &&
	    below(g, 4)) {
		static const u8 cr[] = { 0, 0, 2, 3, 4, 4 };

		/* a control register that there is, about as it was */
		reg = f->op[1] & 1 ? 6 + below(g, 2) : PICK(g, cr);
		if (f->op[1] & 1 && below(g, 2))
			reg = below(g, 4);
		if (f->op[1] & 2 && !(rex & 1)) {
			struct kvm_sregs *s = &g->c->sregs;
			u64 v = reg == 0 ? s->cr0 : reg == 3 ? s->cr3 : s->cr4;

			if (f->op[1] & 1)
				/* no breakpoints: the emulator has none */
				v = rnd(g) & (reg == 7 ? 0xffff2700 : 0xffff);
			else if (reg == 3)
				v |= below(g, 2) ? 8 : 0;
			else
				v ^= 1ull << below(g, reg ? 22 : 32);
			if (rm == 4)
				rm = 0;
			*reg_of(g->c, rm) = v;
		}
	}
	if (f->op[1] == 0x23 && reg == 7 && mod == 3)
		*reg_of(g->c, rm | (rex << 3 & 8)) &= 0xffff2700;
	emit(g, mod << 6 | reg << 3 | rm, 1);
	if (mod == 3)
		return;
	if (g->asize == 2) {
		if (mod == 0 && rm == 6)
			emit(g, address(g), 2);
		else if (mod)
			emit(g, mod == 1 ? rnd(g) : below(g, 256), mod);
		return;
	}
	if (rm == 4) {
		unsigned int sib = rnd(g) & 0xff;

		/* without an index as a rule */
		if (below(g, 4))
			sib = (sib & 0xc7) | 0x20;
		emit(g, sib, 1);
		if (mod == 0 && (sib & 7) == 5)
			emit(g, address(g), 4);
	} else if (mod == 0 && rm == 5) {
		emit(g, address(g) - (g->lng ? D_INSN + g->c->len + 4 : 0), 4);
	}
	if (mod == 1)
		emit(g, rnd(g), 1);
	else if (mod == 2)
		emit(g, below(g, 256), 4);
}

static void emit_imm(struct gen *g, const struct form *f)
{
	switch (f->imm) {
	case I_B:
	case I_PORT:
		emit(g, rnd(g), 1);
		break;
	case I_INT:
		emit(g, below(g, 4) ? 32 + below(g, 14) : below(g, 80), 1);
		break;
	case I_W:
		emit(g, below(g, 64), 2);
		break;
	case I_Z:
		emit(g, rnd(g), g->opsize == 2 ? 2 : 4);
		break;
	case I_WB:
		emit(g, below(g, 256), 2);
		emit(g, below(g, 2) ? 0 : below(g, 5), 1);
		break;
	case I_FAR:
		if (g->c->mode == DIFF_REAL || g->c->mode == DIFF_V86) {
			u16 sel = below(g, 0x380);

			emit(g, D_TARGET + 0x100 - 16 * sel, g->opsize);
			emit(g, sel, 2);
		} else {
			emit(g, code(g), g->opsize == 2 ? 2 : 4);
			emit(g, selector(g), 2);
		}
		break;
	}
}

static const struct form *choose(struct gen *g, enum diff_mode mode)
{
	unsigned int i, total = 0, at;

	for (i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].modes >> mode & 1)
			total += forms[i].weight ?: 1;
	at = below(g, total);
	for (i = 0; ; i++) {
		if (!(forms[i].modes >> mode & 1))
			continue;
		if (at < (forms[i].weight ?: 1))
			return &forms[i];
		at -= forms[i].weight ?: 1;
	}
}

static void emit_insn(struct gen *g, const struct form *f)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	struct diff_case *c = g->c;
	unsigned int i = 0;
	u8 rex = 0;

	if (!below(g, 10))
		emit(g, PICK(g, segs), 1);
	/* 66 would make other instructions of some */
	if (f->op[0] != 0xf3 && f->op[0] != 0x66 && !f->fpu && !below(g, 5) &&
	    !(g->lng && (f->op[0] & 0xfe) == 0xc8) &&
	    !(f->op[0] == 0x0f && (f->op[1] == 0xae || f->op[1] == 0x01 ||
				   f->op[1] == 0x11))) {
		emit(g, 0x66, 1);
		g->opsize = g->opsize == 2 ? 4 : 2;
	}
	/* REP with 32-bit addresses: who clears which upper halves when? */
	if (!below(g, 10) && !(g->lng && f->op[0] == 0xf3)) {
		emit(g, 0x67, 1);
		g->asize = g->asize == 4 ? (g->lng ? 8 : 2) : 4;
	}
	/*
	 * Where the emulated CPU of the test host is known to be another than
	 * those that are sold: REX.R with numbers of segment and debug registers,
	 * 16-bit ENTER and LEAVE, short IRETs, all in 64-bit mode.
	 */
	while (f->op[i] == 0xf0 || f->op[i] == 0xf3 || f->op[i] == 0x66)
		emit(g, f->op[i++], 1);
	if (g->lng && (below(g, 2) || f->op[0] == 0xcf)) {
		rex = 0x40 | below(g, 16);
		if (f->op[0] == 0xcf)
			rex |= 8;
		if ((f->op[0] & 0xfd) == 0x8c ||
		    (f->op[0] == 0x0f && (f->op[1] & 0xfd) == 0x21))
			rex &= ~4;
		emit(g, rex, 1);
		if (rex & 8)
			g->opsize = 8;
	}
	for (; i < f->len; i++)
		emit(g, f->op[i], 1);
	if (f->operand)
		emit_modrm(g, f, rex);
	emit_imm(g, f);
	c->what = f->name;
}

static void choose_msr(struct gen *g)
{
	static const u32 msrs[] = {
		MSR_EFER, MSR_EFER, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_PAT,
		MSR_APIC_BASE, 0x12345,
	};
	struct kvm_regs *r = &g->c->regs;

	r->rcx = PICK(g, msrs);
	if (below(g, 2))
		r->rdx = 0;
	if (r->rcx == MSR_EFER)
		r->rax = g->c->sregs.efer ^ 1 << below(g, 13);
	if (r->rcx == MSR_PAT)
		r->rax &= 0x07070707;
}

void diff_generate(struct diff_case *c, enum diff_mode mode, u64 seed)
{
	struct gen gen = { .c = c, .state = seed, .lng = mode == DIFF_LONG };
	struct gen *g = &gen;
	const struct form *f;
	unsigned int i;

	c->seed = seed;
	c->mode = mode;
	c->cpl = mode == DIFF_REAL ? 0 : mode == DIFF_V86 ? 3 :
		 below(g, 5) < 2 ? 3 : 0;
	c->len = 0;
	diff_world(c->mem);
	diff_sregs(c, rnd(g));
	g->opsize = mode == DIFF_REAL || mode == DIFF_V86 || mode == DIFF_PROT16 ? 2 : 4;
	g->asize = g->lng ? 8 : g->opsize;

	memset(&c->regs, 0, sizeof(c->regs));
	for (i = 0; i < 16; i++) {
		*reg_of(c, i) = value(g);
		if (!g->lng)
			*reg_of(c, i) = (u32)*reg_of(c, i);
	}
	if (below(g, 2))
		c->regs.rcx = below(g, 20);
	if (below(g, 2))
		c->regs.rdx = below(g, 256);
	if (below(g, 2)) {
		c->regs.rsi = address(g);
		c->regs.rdi = address(g);
	}
	c->regs.rflags = flags(g) & ~(u64)X86_EFLAGS_RF;
	if (mode == DIFF_V86)
		c->regs.rflags |= X86_EFLAGS_VM | (below(g, 3) ? X86_EFLAGS_IOPL : 0);
	c->regs.rip = D_INSN - c->sregs.cs.base;
	c->regs.rsp = (c->cpl ? D_STACK3 : D_STACK0) - 0x200 - below(g, 8) * 16 -
		      c->sregs.ss.base;
	if (!below(g, 12))
		c->regs.rsp += below(g, 16);
	/* the same in all pages: it takes time */
	fill(g, c->mem + D_DATA, 0x1000, 4 << below(g, 2));
	for (i = 1; i < 4; i++)
		memcpy(c->mem + D_DATA + i * 0x1000, c->mem + D_DATA, 0x1000);
	c->regs.r11 &= ~(u64)X86_EFLAGS_RF;	/* for SYSRET */
	f = choose(g, mode);
	/*
	 * Bochs traps by the RFLAGS.TF from before SYSCALL and SYSRET. CPUs do so by
	 * that of afterwards: systems rely on IA32_FMASK to keep the trap out of the
	 * entry, and on a trap right after a SYSRET that sets TF (both in
	 * arch/x86/entry/entry_64.S of Linux).
	 */
	if (!strncmp(f->name, "sys", 3) && f->op[1] < 0x10) {
		c->regs.rflags &= ~(u64)X86_EFLAGS_TF;
		c->regs.r11 &= ~(u64)X86_EFLAGS_TF;
	}
	if (f->op[0] == 0xf3)
		c->regs.rcx = below(g, 40), c->regs.rdi = address(g);
	emit_insn(g, f);
	if (f->op[0] == 0x0f && (f->op[1] & 0xfd) == 0x30)
		choose_msr(g);
	/* one that reads no memory beyond its 512 bytes, aligned */
	if (f->fpu)
		memset(c->mem + D_DATA, 0, 0x4000);
	fill_stack(g, f->name);
	memcpy(c->mem + D_INSN, c->insn, c->len);
	c->undefined_flags = f->undefined;
	c->fpu = f->fpu;
	c->any_push = f->any_push;
	c->any_order = f->any_order;
}
