/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the emulator share.
 *
 * An opcode-table entry names the function that executes the instruction, its
 * operands and its attributes. The functions read operands, compute, and
 * store results last (rule E1 of emulate.h); new flags go to ctx->new_rflags
 * and a branch target to ctx->next_rip, which emul_run() commits.
 */
#ifndef EMULATE_INTERNAL_H
#define EMULATE_INTERNAL_H

#include "emulate.h"

/* RFLAGS (SDM 1 3.4.3) */
#define FL_CF		0x00000001u
#define FL_FIXED	0x00000002u
#define FL_PF		0x00000004u
#define FL_AF		0x00000010u
#define FL_ZF		0x00000040u
#define FL_SF		0x00000080u
#define FL_TF		0x00000100u
#define FL_IF		0x00000200u
#define FL_DF		0x00000400u
#define FL_OF		0x00000800u
#define FL_IOPL		0x00003000u
#define FL_NT		0x00004000u
#define FL_RF		0x00010000u
#define FL_VM		0x00020000u
#define FL_AC		0x00040000u
#define FL_VIF		0x00080000u
#define FL_VIP		0x00100000u
#define FL_ID		0x00200000u
#define FL_ARITH	(FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

/* Exception vectors (SDM 3A table 6-1) */
#define VEC_DE	0
#define VEC_DB	1
#define VEC_BP	3
#define VEC_OF	4
#define VEC_BR	5
#define VEC_UD	6
#define VEC_NM	7
#define VEC_TS	10
#define VEC_NP	11
#define VEC_SS	12
#define VEC_GP	13
#define VEC_PF	14
#define VEC_MF	16
#define VEC_AC	17

/* Control registers and EFER (SDM 3A 2.5, 2.2.1) */
#define CR0_PE		0x00000001u
#define CR0_MP		0x00000002u
#define CR0_EM		0x00000004u
#define CR0_TS		0x00000008u
#define CR0_NE		0x00000020u
#define CR0_AM		0x00040000u
#define CR0_PG		0x80000000u
#define CR4_VME		0x00000001u
#define CR4_PVI		0x00000002u
#define CR4_TSD		0x00000004u
#define CR4_DE		0x00000008u
#define CR4_PCE		0x00000100u
#define CR4_OSFXSR	0x00000200u
#define CR4_UMIP	0x00000800u
#define CR4_LA57	0x00001000u
#define CR4_FSGSBASE	0x00010000u
#define CR4_OSXSAVE	0x00040000u
#define MSR_SYSENTER_CS		0x174u
#define MSR_SYSENTER_ESP	0x175u
#define MSR_SYSENTER_EIP	0x176u
#define MSR_EFER_NR		0xc0000080u
#define MSR_STAR_NR		0xc0000081u
#define MSR_LSTAR_NR		0xc0000082u
#define MSR_SFMASK_NR		0xc0000084u
#define MSR_FS_BASE_NR		0xc0000100u
#define MSR_GS_BASE_NR		0xc0000101u
#define MSR_KERNEL_GS_BASE_NR	0xc0000102u
#define MSR_TSC_AUX_NR		0xc0000103u
#define EFER_SCE_BIT	0x001u
#define EFER_LMA_BIT	0x400u

/* Access rights of a segment as the VMCS holds them (SDM 3C table 25-2) */
#define AR_TYPE		0x0000fu
#define AR_ACCESSED	0x00001u
#define AR_WRITE	0x00002u	/* data: writable; code: readable */
#define AR_EXPDOWN	0x00004u	/* data: expand-down; code: conforming */
#define AR_CODE		0x00008u
#define AR_S		0x00010u
#define AR_DPL_SHIFT	5
#define AR_P		0x00080u
#define AR_L		0x02000u
#define AR_DB		0x04000u
#define AR_G		0x08000u
#define AR_UNUSABLE	0x10000u
#define AR_DPL(ar)	(((ar) >> AR_DPL_SHIFT) & 3u)

/* Operand kinds of a table entry; those without a comment as in SDM 2D A.2 */
enum opn {
	OPN_NONE,
	OPN_E,		/* ModRM.rm: register or memory */
	OPN_G,		/* ModRM.reg */
	OPN_A,		/* accumulator */
	OPN_Z,		/* low bits of the opcode (in d.reg) */
	OPN_I,		/* immediate */
	OPN_1,		/* the constant 1 */
	OPN_CL,		/* CL */
	OPN_DX,		/* port in DX */
	OPN_B,		/* VEX.vvvv */
	OPN_O,		/* memory at an absolute offset */
};

/* Immediate kinds */
enum imm {
	IMM_NONE,
	IMM_B,		/* 1 byte, sign-extended */
	IMM_W,		/* 2 bytes */
	IMM_Z,		/* operand size, at most 4 bytes, sign-extended */
	IMM_V,		/* operand size */
	IMM_WB,		/* 2 bytes and 1 byte: ENTER */
	IMM_BB,		/* 1 byte and 1 byte: EXTRQ */
	IMM_P,		/* offset of operand size (at most 4) and selector */
	IMM_O,		/* offset of address size */
};

/* Attributes */
#define A_MODRM		0x00000001u	/* has a ModRM byte */
#define A_BYTE		0x00000002u	/* operand size is 1 */
#define A_D64		0x00000004u	/* operand size 8 by default in long mode */
#define A_F64		0x00000008u	/* operand size 8 in long mode */
#define A_NO64		0x00000010u	/* #UD in long mode */
#define A_LOCK		0x00000020u	/* LOCK allowed if operand E is memory */
#define A_MEM		0x00000040u	/* #UD with a register operand E */
#define A_REG		0x00000080u	/* #UD with a memory operand E */
#define A_PRIV		0x00000100u	/* #GP(0) unless CPL is 0 */
#define A_CPUID		0x00010000u	/* #UD without .feature */
#define A_PROT		0x00000200u	/* #UD in real and virtual-8086 mode */
#define A_UD		0x00000400u	/* undefined */
#define A_NOX		0x00000800u	/* decoded, not executed */
#define A_REGONLY	0x00001000u	/* ModRM.mod is taken as 3: MOV CR, DR */
#define A_NO_LEGACY	0x00004000u	/* #UD outside long mode */
#define A_KEEP_RF	0x00002000u	/* RFLAGS.RF comes from the image */
#define A_PREFIX	0x00008000u	/* a prefix; with A_GRP_64: in long mode */
/* Kinds that lead to another table */
#define A_GRP_REG	0x00020000u	/* sub[ModRM.reg] */
#define A_GRP_MOD	0x00040000u	/* sub[ModRM.mod == 3] */
#define A_GRP_PFX	0x00080000u	/* sub[0: none, 1: 66, 2: F3, 3: F2] */
#define A_GRP_RM	0x00100000u	/* sub[ModRM.rm] */
#define A_GRP_64	0x00200000u	/* sub[long mode] */
#define A_MAP		0x00400000u	/* fn: 1 0F, 2 0F38, 3 0F3A */
#define A_VEX		0x00800000u	/* C4, C5, 62, 8F: maybe a VEX-like prefix */
#define A_REDIRECT	0x00fe0000u
#define A_W0		0x01000000u	/* VEX.W must be 0 */
#define A_W1		0x02000000u
#define A_L0		0x04000000u	/* VEX.L must be 0 */
#define A_NOVVVV	0x08000000u	/* VEX.vvvv must be 1111b */
#define A_REX		0x10000000u	/* with A_PREFIX: REX in long mode */

typedef int (*emul_exec_fn)(struct emul_ctx *ctx);

/**
 * struct emul_opcode - an entry of the opcode tables
 * @exec: executes the instruction; NULL if it is only decoded
 * @sub: the table an A_GRP_* entry leads to
 * @attr: A_*
 * @imm: &enum imm
 * @fn: says to @exec which of its instructions this is
 * @dst: &enum opn
 * @src: &enum opn
 * @feature: &enum emul_feature, with A_CPUID
 */
struct emul_opcode {
	union {
		emul_exec_fn exec;
		const struct emul_opcode *sub;
	};
	u32 attr;
	u8 imm;
	u8 fn;
	u8 dst : 4, src : 4;
	u8 feature;
};

extern const struct emul_opcode emul_map0[256];
extern const struct emul_opcode emul_map1[256];
extern const struct emul_opcode emul_map2[256];
extern const struct emul_opcode emul_map3[256];
extern const struct emul_opcode emul_vex1[256];
extern const struct emul_opcode emul_vex2[256];
extern const struct emul_opcode emul_vex3[256];
/* Groups that both the plain and the VEX tables have (vector moves) */
extern const struct emul_opcode emul_v10[4], emul_v11[4], emul_v12[4],
	emul_v13[4], emul_v16[4], emul_v17[4], emul_v28[4], emul_v29[4],
	emul_v2b[4], emul_v6e[4], emul_v6f[4], emul_v7e[4], emul_v7f[4],
	emul_vd6[4], emul_ve7[4], emul_vf0[4], emul_v382a[4];
extern const struct emul_opcode emul_vex77[4];
extern const struct emul_opcode emul_vex_other;
extern const struct emul_opcode emul_vex_imm;

/* Faults */

static inline int fault_ud(struct emul_ctx *ctx)
{
	return emul_set_fault(ctx, VEC_UD, false, 0);
}

/* Error codes do not exist in real mode (SDM 3B 21.1.4) */
static inline int fault_err(struct emul_ctx *ctx, u8 vector, u32 error)
{
	return emul_set_fault(ctx, vector, ctx->mode != EMUL_MODE_REAL, error);
}

static inline int fault_gp(struct emul_ctx *ctx, u32 error)
{
	return fault_err(ctx, VEC_GP, error);
}

static inline bool is_long(const struct emul_ctx *ctx)
{
	return ctx->mode == EMUL_MODE_LONG;
}

/* Protected mode proper: selectors are indexes of descriptors */
static inline bool is_prot(const struct emul_ctx *ctx)
{
	return ctx->mode >= EMUL_MODE_PROT;
}

static inline bool is_lma(struct emul_ctx *ctx)
{
	return is_long(ctx) || (ctx->mode == EMUL_MODE_PROT &&
		(ctx->ops->get_msr(ctx, MSR_EFER_NR) & EFER_LMA_BIT));
}

static inline unsigned int iopl(const struct emul_ctx *ctx)
{
	return (ctx->rflags & FL_IOPL) >> 12;
}

/* Values and registers */

static inline u64 size_mask(unsigned int size)
{
	return ~0ULL >> (64 - 8 * size);
}

static inline u64 sign_extend(u64 val, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (u64)((s64)(val << shift) >> shift);
}

static inline u64 reg_get(const struct emul_ctx *ctx, unsigned int reg,
			  unsigned int size)
{
	if (size == 1 && reg >= 4 && reg < 8 && !ctx->d.rex)
		return (ctx->regs[reg - 4] >> 8) & 0xff;
	return ctx->regs[reg] & size_mask(size);
}

static inline void reg_set(struct emul_ctx *ctx, unsigned int reg,
			   unsigned int size, u64 val)
{
	u64 *r;

	if (size == 1 && reg >= 4 && reg < 8 && !ctx->d.rex) {
		reg -= 4;
		r = &ctx->regs[reg];
		*r = (*r & ~0xff00ULL) | (val & 0xff) << 8;
	} else {
		r = &ctx->regs[reg];
		if (size >= 4)	/* 32-bit results are zero-extended */
			*r = val & size_mask(size);
		else
			*r = (*r & ~size_mask(size)) | (val & size_mask(size));
	}
	ctx->dirty |= 1u << reg;
}

/* memory.c */
int emul_linear(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		unsigned int len, unsigned int align, unsigned int access,
		u64 *la);
int emul_require_align(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		       unsigned int align);
int emul_check_align(struct emul_ctx *ctx, u64 la, unsigned int align);
int emul_la_read(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		 unsigned int access);
int emul_la_write(struct emul_ctx *ctx, u64 la, const void *buf,
		  unsigned int len, unsigned int access);
int emul_la_probe(struct emul_ctx *ctx, u64 la, unsigned int len,
		  unsigned int access);
int emul_la_cmpxchg(struct emul_ctx *ctx, u64 la, void *old, const void *new,
		    unsigned int len, unsigned int access);
bool emul_seg_linear(struct emul_ctx *ctx, const struct emul_seg *s, u64 ea,
		     unsigned int len, unsigned int access, u64 *la);
int emul_io_read(struct emul_ctx *ctx, u16 port, unsigned int size, u64 *val);
int emul_io_write(struct emul_ctx *ctx, u16 port, unsigned int size, u64 val);
/* What emul_ask() asks for */
enum { EMUL_ASK_MSR, EMUL_ASK_PMC };

int emul_ask(struct emul_ctx *ctx, unsigned int what, u32 nr, u64 *val);
int emul_mem_read(struct emul_ctx *ctx, unsigned int seg, u64 ea, void *buf,
		  unsigned int len, unsigned int align, unsigned int access);
int emul_mem_write(struct emul_ctx *ctx, unsigned int seg, u64 ea,
		   const void *buf, unsigned int len, unsigned int align);
/* An item of the memory operand: @at bytes into it, zero-extended */
int emul_operand_item(struct emul_ctx *ctx, unsigned int at, unsigned int size,
		      u64 *val);
/* debug.c: note the breakpoints that an access hits */
void emul_watch(struct emul_ctx *ctx, u64 la, unsigned int len,
		unsigned int access);
void emul_watch_port(struct emul_ctx *ctx, u16 port, unsigned int size);
bool emul_is_canonical(struct emul_ctx *ctx, u64 la);

#define PAGE_BYTES	4096u

/* From @la to the end of its page */
static inline unsigned int page_rest(u64 la)
{
	return PAGE_BYTES - (unsigned int)(la & (PAGE_BYTES - 1));
}

static inline unsigned int acc_user(const struct emul_ctx *ctx)
{
	return ctx->cpl == 3 ? EMUL_ACC_USER : 0;
}

/* Forget the accesses of the iteration or instruction before (E3) */
static inline void emul_replay_reset(struct emul_ctx *ctx)
{
	ctx->wr_now = 0;
	ctx->wr_done = 0;
	ctx->rd_now = 0;
	ctx->rd_done = 0;
	ctx->batch = 0;
}

/* operand.c */

/**
 * struct emul_rmw - an operand that is read, changed and written
 * @old: its value
 * @la: linear address, if @mem
 * @size: bytes
 * @reg: register, if not @mem
 * @mem: in memory
 * @locked: exchange it atomically
 * @tries: how often the exchange failed
 */
struct emul_rmw {
	u64 old;
	u64 la;
	u8 size;
	u8 reg;
	bool mem;
	bool locked;
	u8 tries;
};

int emul_get(struct emul_ctx *ctx, unsigned int opn, unsigned int size,
	     u64 *val);
int emul_put(struct emul_ctx *ctx, unsigned int opn, unsigned int size,
	     u64 val);
int emul_rmw_begin(struct emul_ctx *ctx, unsigned int opn, unsigned int size,
		   bool locked, struct emul_rmw *rmw);
/*
 * Store the new value. EMUL_YIELD: another vCPU was faster, rmw->old is the
 * value it left; compute again and repeat.
 */
int emul_rmw_end(struct emul_ctx *ctx, struct emul_rmw *rmw, u64 val);

/* stack.c */

/**
 * struct emul_stack - a stack pointer that is not committed yet
 * @sp: value of RSP
 * @width: 2, 4, 8: how much of it counts
 */
struct emul_stack {
	u64 sp;
	u8 width;
};

void emul_stack_get(struct emul_ctx *ctx, struct emul_stack *st);
void emul_stack_set(struct emul_ctx *ctx, const struct emul_stack *st);
int emul_push(struct emul_ctx *ctx, struct emul_stack *st, u64 val,
	      unsigned int size);
int emul_pop(struct emul_ctx *ctx, struct emul_stack *st, u64 *val,
	     unsigned int size);
int emul_stack_probe(struct emul_ctx *ctx, const struct emul_stack *st,
		     unsigned int len);
void emul_stack_move(struct emul_stack *st, s64 by);

/* segment.c: descriptors (SDM 3A 3.4.5, 3.5) */

/* Types of system descriptors; + 8 for 32 and 64 bits (SDM 3A table 3-2) */
#define SYS_TSS16	1
#define SYS_LDT		2
#define SYS_TSS16_BUSY	3
#define SYS_CALL16	4
#define SYS_TASK	5
#define SYS_INT16	6
#define SYS_TRAP16	7
#define SYS_TSS32	9
#define SYS_TSS32_BUSY	11
#define SYS_CALL32	12
#define SYS_INT32	14
#define SYS_TRAP32	15

/**
 * struct emul_desc - a descriptor that was read from a table
 * @low: its first eight bytes
 * @high: for a 16-byte one the rest
 * @la: where it is
 */
struct emul_desc {
	u64 low;
	u64 high;
	u64 la;
};

static inline u32 desc_ar(const struct emul_desc *d)
{
	return (u32)(d->low >> 40 & 0xff) | (u32)(d->low >> 52 & 15) << 12;
}

int emul_read_desc(struct emul_ctx *ctx, u16 sel, u8 vector, u32 error,
		   struct emul_desc *desc);
int emul_read_desc_high(struct emul_ctx *ctx, u16 sel, u8 vector, u32 error,
			struct emul_desc *desc);
int emul_set_accessed(struct emul_ctx *ctx, struct emul_desc *desc);
int emul_set_busy(struct emul_ctx *ctx, struct emul_desc *desc);
int emul_clear_busy(struct emul_ctx *ctx, struct emul_desc *desc);
void emul_desc_seg(const struct emul_desc *desc, u16 sel, struct emul_seg *s);
void emul_null_seg(u16 sel, struct emul_seg *s);
void emul_v86_seg(u16 sel, struct emul_seg *s);
int emul_check_data_seg(struct emul_ctx *ctx, enum emul_segreg seg, u16 sel,
			unsigned int cpl, u8 bad, struct emul_seg *s);
int emul_check_ss(struct emul_ctx *ctx, u16 sel, unsigned int cpl, u8 bad,
		  u32 ext, struct emul_seg *s);
int emul_load_seg(struct emul_ctx *ctx, enum emul_segreg seg, u16 sel);
void emul_set_cs(struct emul_ctx *ctx, const struct emul_seg *cs);

/* far.c */

/**
 * struct emul_frame - a stack that becomes SS:rSP when all has succeeded
 * @ss: its segment
 * @sp: its pointer
 * @size: bytes of an item
 * @width: 2, 4, 8: how much of @sp counts
 * @error: error code of #SS
 * @access: EMUL_ACC_USER or 0
 */
struct emul_frame {
	struct emul_seg ss;
	u64 sp;
	u8 size;
	u8 width;
	u16 error;
	unsigned int access;
};

void emul_frame_current(struct emul_ctx *ctx, struct emul_frame *f,
			unsigned int size);
void emul_frame_new(struct emul_ctx *ctx, struct emul_frame *f,
		    const struct emul_seg *ss, u64 sp, unsigned int size,
		    unsigned int cpl);
int emul_frame_push(struct emul_ctx *ctx, struct emul_frame *f, u64 val);
void emul_frame_skip(struct emul_frame *f, unsigned int items);
int emul_frame_pop(struct emul_ctx *ctx, struct emul_frame *f, u64 *val);
int emul_frame_pop_sel(struct emul_ctx *ctx, struct emul_frame *f, u64 *sel);
void emul_frame_commit(struct emul_ctx *ctx, const struct emul_frame *f,
		       bool with_ss);
int emul_tss_stack(struct emul_ctx *ctx, unsigned int cpl, u32 ext, u16 *ss,
		   u64 *sp);
int emul_check_target(struct emul_ctx *ctx, const struct emul_seg *cs, u64 rip);

/* run.c: around what is no instruction. While that comes to EMUL_RETRY, do it again. */
#define EMUL_EVENT_TRIES	64

void emul_begin_event(struct emul_ctx *ctx);
int emul_end_event(struct emul_ctx *ctx, int rc);

/* interrupt.c */
int emul_deliver(struct emul_ctx *ctx, u8 vector, enum emul_event event,
		 bool has_error, u32 error, u64 from);

/* task.c */
int emul_do_task_switch(struct emul_ctx *ctx, u16 sel,
			enum emul_task_cause cause, bool has_error, u32 error,
			u64 from, u64 flags);

/* flags.c: arithmetic with flags as the CPU makes them */
u64 emul_alu(unsigned int fn, unsigned int size, u64 dst, u64 src, u64 *flags);
u64 emul_unary(unsigned int fn, unsigned int size, u64 dst, u64 *flags);
u64 emul_shift(unsigned int fn, unsigned int size, u64 dst, u8 count,
	       u64 *flags);
u64 emul_shift_double(bool left, unsigned int size, u64 dst, u64 src, u8 count,
		      u64 *flags);
void emul_mul(bool is_signed, unsigned int size, u64 a, u64 b, u64 *lo, u64 *hi,
	      u64 *flags);
bool emul_div(bool is_signed, unsigned int size, u64 *lo, u64 *hi, u64 by,
	      u64 *flags);
u64 emul_bitscan(unsigned int fn, unsigned int size, u64 dst, u64 src,
		 u64 *flags);
bool emul_condition(u64 rflags, unsigned int cc);

enum {	/* emul_alu(): order of the opcode's bits 3 to 5 */
	FN_ADD, FN_OR, FN_ADC, FN_SBB, FN_AND, FN_SUB, FN_XOR, FN_CMP, FN_TEST,
};

enum { FN_INC, FN_DEC, FN_NOT, FN_NEG };

enum { FN_BSF, FN_BSR, FN_TZCNT, FN_LZCNT, FN_POPCNT };

enum { FN_BT, FN_BTS, FN_BTR, FN_BTC };

enum { FN_MOVS, FN_CMPS, FN_STOS, FN_LODS, FN_SCAS, FN_INS, FN_OUTS };

enum {	/* vector.c */
	FN_VLOAD, FN_VSTORE, FN_VLOADA, FN_VSTOREA, FN_VLOAD4, FN_VLOAD8,
	FN_VSTORE4, FN_VSTORE8, FN_VLOADLOW, FN_VSTORELOW, FN_VLOADHIGH,
	FN_VSTOREHIGH, FN_VMOVQ, FN_VMOVQ_STORE, FN_VFROM_GPR, FN_VTO_GPR,
};

/* mmx.c: bits of emul_opcode.fn */
#define FN_MMX_STORE	1u	/* to r/m */
#define FN_MMX_GPR	2u	/* r/m is no MMX register */

/* control.c */
int emul_branch(struct emul_ctx *ctx, u64 target, unsigned int size);

/* io.c */
int emul_check_io(struct emul_ctx *ctx, u16 port, unsigned int size);

/* Executors, one per line of the tables */
#define X(name) int emul_x_##name(struct emul_ctx *ctx)
/* move.c */
X(mov); X(movsx); X(movzx); X(lea); X(xchg); X(cmov); X(setcc); X(bswap);
X(movbe_load); X(movbe_store); X(cbw); X(cwd); X(lahf); X(sahf); X(salc);
X(xlat); X(nop); X(movnti);
/* alu.c */
X(alu); X(unary); X(shift); X(shift_double); X(mul); X(imul);
X(div); X(cmpxchg); X(xadd); X(cmpxchg8b); X(flag);
/* bits.c */
X(bt); X(bitscan); X(crc32); X(adx);
X(andn); X(bextr); X(bls); X(bzhi); X(pdep); X(pext); X(mulx); X(shiftx);
X(rorx);
/* bcd.c */
X(daa); X(das); X(aaa); X(aas); X(aam); X(aad);
/* stack.c */
X(push); X(pop); X(pusha); X(popa); X(pushf); X(popf); X(enter); X(leave);
/* control.c */
X(jmp_rel); X(jcc); X(loop); X(jcxz); X(jmp_ind); X(call_rel); X(call_ind);
X(ret); X(bound);
/* string.c */
X(string); X(io_string);
/* segment.c */
X(mov_from_seg); X(mov_to_seg); X(push_seg); X(pop_seg); X(load_far_pointer);
/* protect.c */
X(lar); X(verr); X(arpl); X(sldt); X(lldt); X(ltr);
/* far.c */
X(jmp_far); X(jmp_far_ind); X(call_far); X(call_far_ind);
/* farret.c */
X(ret_far); X(iret);
/* interrupt.c */
X(int); X(int3); X(into); X(int1);
/* system.c */
X(sgdt); X(lgdt); X(smsw); X(lmsw); X(invlpg); X(mov_from_cr); X(mov_to_cr);
X(mov_from_dr); X(mov_to_dr); X(clts); X(rdmsr); X(wrmsr); X(rdtsc);
X(rdtscp); X(rdpmc); X(cpuid); X(hlt); X(invd); X(xgetbv); X(xsetbv);
X(vmcall); X(clac); X(monitor); X(clflush); X(swapgs); X(fsgsbase); X(rdpid);
/* vector.c */
X(vec_move); X(vzero);
/* fpu.c */
X(fwait); X(fninit); X(fnclex); X(fnstcw); X(fldcw); X(fnstenv); X(fldenv);
X(fxsave); X(fxrstor); X(ldmxcsr); X(stmxcsr);
/* mmx.c */
X(mmx_move); X(movq2dq); X(movdq2q); X(emms);
/* syscall.c */
X(syscall); X(sysret); X(sysenter); X(sysexit);
/* io.c */
X(in); X(out); X(cli); X(sti);
#undef X

#endif /* EMULATE_INTERNAL_H */
