/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction emulator: public interface.
 *
 * One call executes one guest instruction (or a bounded number of iterations
 * of a repeated one) against a vCPU that is reachable only through a table of
 * callbacks. The emulator allocates nothing, takes no lock and calls nothing
 * but these callbacks; whether they may sleep is the caller's affair.
 *
 * Life of an instruction:
 *
 *	fill the "set by the caller" part of struct emul_ctx
 *	emul_run(ctx)			fetch, decode, execute
 *	  -> EMUL_OK			finished
 *	  -> EMUL_FAULT			nothing changed, inject ctx->fault
 *	  -> EMUL_IO			user space is needed; after its answer:
 *		emul_continue(ctx)	-> any of these again
 *	  -> EMUL_YIELD			some iterations of REP are done
 *	  -> EMUL_UNHANDLED		ctx->insn, ctx->insn_len: the bytes
 *	  -> EMUL_RETRY			let the guest execute it again
 *	  -> negative errno		from a callback, passed on
 *
 * Whatever the result, the caller then writes back what ctx->dirty names:
 * iterations of REP that were finished before a fault stay finished.
 *
 * Rules kept by the emulator, which the unit tests check:
 *
 * E1. Registers, RIP, RFLAGS, segments and system registers change only when
 *     nothing can fail any more. A REP iteration counts as an instruction.
 * E2. No callback sees an access that crosses a 4 KiB page of linear addresses.
 *     An instruction that writes across a page boundary probes both pages
 *     first, so a fault leaves the first page untouched.
 * E3. After EMUL_IO the same accesses happen again in the same order on
 *     emul_continue(); those already completed are replayed from ctx and do
 *     not reach a callback a second time.
 * E4. A segment, control register or MSR is asked for only when the
 *     instruction needs it: none for a flat 64-bit MOV without FS or GS.
 * E5. The work of one call is bounded.
 */
#ifndef EMULATE_EMULATE_H
#define EMULATE_EMULATE_H

#include "types.h"

struct emul_ctx;
struct emul_opcode;

/* Instructions that the guest has only where its CPUID says so */
enum emul_feature {
	EMUL_HAS_ANYWAY,
	EMUL_HAS_MMX, EMUL_HAS_CLFLUSH, EMUL_HAS_SSE3, EMUL_HAS_CX16,
	EMUL_HAS_SSE41, EMUL_HAS_SSE42, EMUL_HAS_MOVBE, EMUL_HAS_POPCNT,
	EMUL_HAS_AVX, EMUL_HAS_BMI1, EMUL_HAS_AVX2, EMUL_HAS_BMI2,
	EMUL_HAS_ADX, EMUL_HAS_SMAP, EMUL_HAS_CLFLUSHOPT, EMUL_HAS_CLWB,
	EMUL_HAS_RDPID, EMUL_HAS_LZCNT, EMUL_HAS_RDTSCP,
	EMUL_HAS_MONITOR, EMUL_HAS_XGETBV1,
	EMUL_NR_FEATURES,
};

/**
 * enum emul_result - what a call of the emulator or of a callback came to
 * @EMUL_OK: done
 * @EMUL_FAULT: an exception is to be raised; ctx->fault describes it
 * @EMUL_IO: user space has to answer first. From a callback that reads: the
 *	data is to be put at ctx->io_data (ctx->io_len bytes) before
 *	emul_continue(). From a callback that writes: the data was taken, the
 *	access counts as made.
 * @EMUL_UNHANDLED: cannot be emulated, nothing was changed
 * @EMUL_RETRY: let the guest execute the instruction again, nothing was
 *	changed. From emul_ops.cmpxchg_mem: the old value did not match.
 * @EMUL_YIELD: (never from a callback) iterations of a repeated string
 *	instruction were committed, more are to do. RIP is still at the
 *	instruction: take interrupts and enter the guest, or call
 *	emul_continue() to go on without fetching and decoding again.
 * @EMUL_SPLIT: (only from emul_ops.read, .write, .cmpxchg_mem with more than 8 bytes)
 *	not memory: make it several accesses of at most 8 bytes
 *
 * A callback may also return a negative errno, which is passed on.
 */
enum emul_result {
	EMUL_OK = 0,
	EMUL_FAULT,
	EMUL_IO,
	EMUL_UNHANDLED,
	EMUL_RETRY,
	EMUL_YIELD,
	EMUL_SPLIT,
};

/**
 * enum emul_mode - how the CPU addresses memory and protects it
 * @EMUL_MODE_REAL: CR0.PE = 0
 * @EMUL_MODE_VM86: CR0.PE = 1, RFLAGS.VM = 1
 * @EMUL_MODE_PROT: CR0.PE = 1; compatibility mode included
 * @EMUL_MODE_LONG: EFER.LMA = 1, CS.L = 1
 */
enum emul_mode {
	EMUL_MODE_REAL,
	EMUL_MODE_VM86,
	EMUL_MODE_PROT,
	EMUL_MODE_LONG,
};

/* Registers in the order of their encoding (SDM 2 table 2-2 and 3.1.1.1) */
enum emul_reg {
	EMUL_RAX, EMUL_RCX, EMUL_RDX, EMUL_RBX,
	EMUL_RSP, EMUL_RBP, EMUL_RSI, EMUL_RDI,
	EMUL_R8, EMUL_R9, EMUL_R10, EMUL_R11,
	EMUL_R12, EMUL_R13, EMUL_R14, EMUL_R15,
	EMUL_NR_REGS,
};

enum emul_segreg {
	EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS,
	EMUL_LDTR, EMUL_TR,
	EMUL_NR_SEGS,
};

/* Bits of emul_ctx.dirty; bits 0 to 15 are the general registers */
#define EMUL_DIRTY_RIP		0x00010000u
#define EMUL_DIRTY_RFLAGS	0x00020000u

/* Access kinds: bits of the last argument of the memory callbacks; 0: data read */
#define EMUL_ACC_WRITE	0x01u	/* data write; with .read: will be written */
#define EMUL_ACC_FETCH	0x02u	/* instruction fetch */
#define EMUL_ACC_USER	0x04u	/* made at CPL 3 */
#define EMUL_ACC_SYSTEM	0x08u	/* implicit supervisor: tables, TSS */
#define EMUL_ACC_LOCKED	0x10u	/* from a LOCK form */

/* emul_ctx.shadow: interrupts to be held back for one instruction */
#define EMUL_SHADOW_NONE	0
#define EMUL_SHADOW_STI		1
#define EMUL_SHADOW_MOV_SS	2

/*
 * emul_ctx.trap: does the single-step trap follow (SDM 3B 18.3.1.4)? As RFLAGS.TF
 * was before the instruction, as a rule; after SYSCALL and SYSRET as it is then.
 */
#define EMUL_TRAP_TF	0
#define EMUL_TRAP_NEW_TF	1
#define EMUL_TRAP_NONE	2	/* an event or a task switch was its effect */

/**
 * struct emul_seg - a segment register with its hidden part
 * @base: linear base
 * @limit: limit in bytes, granularity already applied
 * @ar: access rights in the layout of the VMCS (SDM 3C 25.4.1, table 25-2),
 *	bit 16 = unusable
 * @sel: selector
 */
struct emul_seg {
	u64 base;
	u32 limit;
	u32 ar;
	u16 sel;
};

/**
 * struct emul_table - GDTR or IDTR
 * @base: linear base
 * @limit: limit in bytes
 */
struct emul_table {
	u64 base;
	u16 limit;
};

/**
 * struct emul_fault - an exception
 * @address: #PF: the value for CR2. #DB: bits to be set in DR6.
 * @error: error code
 * @vector: exception vector
 * @has_error: an error code is to be pushed
 * @trap: ctx->rip is already behind the instruction (#DB as a trap)
 */
struct emul_fault {
	u64 address;
	u32 error;
	u8 vector;
	bool has_error;
	bool trap;
};

/*
 * struct emul_ops - the emulator's only way to the world; all are mandatory
 *
 * Each returns an &enum emul_result or a negative errno unless stated
 * otherwise. One that returns %EMUL_FAULT has filled ctx->fault, usually by
 * emul_set_fault() or emul_set_page_fault(). The embedding vCPU is found from
 * @ctx by container_of().
 *
 * Memory (linear addresses, no page crossing, 1 to 64 bytes):
 *
 * @fetch: read instruction bytes (access is %EMUL_ACC_FETCH, perhaps with
 *	%EMUL_ACC_USER); @len is at most 15. Never %EMUL_IO.
 * @read: read data. %EMUL_ACC_WRITE in @access: the same bytes will be written
 *	next, a missing write permission has to fault now.
 * @write: write data. An access to a device may be *posted*: queued, answered
 *	with %EMUL_OK, and handed to user space when emul_run() has returned;
 *	set ctx->stop then, which ends a repeated instruction after this
 *	iteration with %EMUL_YIELD. When the queue is full answer %EMUL_IO.
 * @cmpxchg_mem: compare @len (1, 2, 4, 8, 16) bytes with @old and, if equal,
 *	replace them by @new, atomically against other vCPUs. Different: put
 *	what was found into @old and answer %EMUL_RETRY. On a device it is a
 *	write of @new.
 * @probe: would an access of this kind succeed? Changes nothing but accessed
 *	and dirty bits. Answers %EMUL_OK for devices too.
 * @ram_read: copy up to @len bytes, at most to the end of the page, if it is
 *	plain RAM that can be read without a fault. Returns the number of bytes
 *	copied; 0 means "use .read". Bypasses the replay rules.
 * @ram_write: the same for writing; with @buf NULL nothing is written and the
 *	number of bytes that could be is returned.
 *
 * Ports (permission already checked by the emulator):
 *
 * @pio_in: read @count items of @size (1, 2, 4) bytes from @port into @data.
 *	@count > 1 only with @data == ctx->pio_buf.
 * @pio_out: write. May be posted like @write; always with @data ==
 *	ctx->pio_buf if that is set.
 *
 * Segments and tables:
 *
 * @seg_base: base address alone; returns it (cannot fail)
 * @get_seg: read a segment register (cannot fail)
 * @set_seg: load a segment register; all checks are done (cannot fail). The
 *	CPL follows from SS (SDM 3C 25.4.1), the emulator updates ctx->cpl.
 * @get_gdt, @set_gdt, @get_idt, @set_idt: cannot fail
 *
 * System registers:
 *
 * @get_cr: control register 0, 2, 3, 4, 8, as the guest sees it
 * @set_cr: write it with all side effects; #GP for what the CPU refuses. If
 *	the paging or protection mode changes, ctx->mode and ctx->code_size are
 *	recomputed by the caller before the next instruction.
 * @end_local_bp: a task switch: clear DR7.L0 to L3 and LE, and what of them is in
 *	ctx->dr7 (cannot fail)
 * @get_dr, @set_dr: debug register 0-3, 6, 7 (4 and 5 are already mapped)
 * @get_msr: read an MSR as the hardware would, without policy such as a
 *	filter or exits to user space: EFER, SYSENTER_*, STAR, FS_BASE, ...
 * @rdmsr, @wrmsr: the guest executes the instruction. #GP, %EMUL_IO possible
 *	(for RDMSR the 8 data bytes then go to ctx->io_data).
 * @set_msr: counterpart of @get_msr (KERNEL_GS_BASE, GS_BASE; no policy)
 * @get_xcr, @set_xcr: XCR0 (index 0)
 * @rdpmc: RDPMC; @rdtsc: TSC as the guest sees it
 * @has: does the guest's CPUID announce this (cannot fail)?
 * @cpuid: replace @r[0..3] (EAX, EBX, ECX, EDX; EAX and ECX are the input)
 *
 * Events:
 *
 * @halt: HLT; RIP moves behind it
 * @invlpg: @la is canonical
 * @wbinvd: WBINVD, and with @discard INVD
 * @hypercall: VMCALL or VMMCALL; may change ctx->regs and set ctx->dirty
 * @pause: PAUSE
 *
 * Floating point (the caller keeps the state; a call may load it):
 *
 * @fx_get: copy bytes @off.. of the guest's FXSAVE image (64-bit layout)
 * @fx_set: the same, storing. MXCSR bits were checked.
 * @vec_get: low @len (16, 32, 64) bytes of vector register @reg (0 to 31)
 * @vec_set: store @len bytes; with @zero_upper the rest becomes zero
 */
struct emul_ops {
	int (*fetch)(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		     unsigned int access);
	int (*read)(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		    unsigned int access);
	int (*write)(struct emul_ctx *ctx, u64 la, const void *buf,
		     unsigned int len, unsigned int access);
	int (*cmpxchg_mem)(struct emul_ctx *ctx, u64 la, void *old,
			   const void *new, unsigned int len,
			   unsigned int access);
	int (*probe)(struct emul_ctx *ctx, u64 la, unsigned int len,
		     unsigned int access);
	unsigned int (*ram_read)(struct emul_ctx *ctx, u64 la, void *buf,
				 unsigned int len, unsigned int access);
	unsigned int (*ram_write)(struct emul_ctx *ctx, u64 la, const void *buf,
				  unsigned int len, unsigned int access);

	int (*pio_in)(struct emul_ctx *ctx, u16 port, unsigned int size,
		      unsigned int count, void *data);
	int (*pio_out)(struct emul_ctx *ctx, u16 port, unsigned int size,
		       unsigned int count, const void *data);

	u64 (*seg_base)(struct emul_ctx *ctx, enum emul_segreg seg);
	void (*get_seg)(struct emul_ctx *ctx, enum emul_segreg seg,
			struct emul_seg *val);
	void (*set_seg)(struct emul_ctx *ctx, enum emul_segreg seg,
			const struct emul_seg *val);
	void (*get_gdt)(struct emul_ctx *ctx, struct emul_table *val);
	void (*set_gdt)(struct emul_ctx *ctx, const struct emul_table *val);
	void (*get_idt)(struct emul_ctx *ctx, struct emul_table *val);
	void (*set_idt)(struct emul_ctx *ctx, const struct emul_table *val);

	u64 (*get_cr)(struct emul_ctx *ctx, unsigned int cr);
	int (*set_cr)(struct emul_ctx *ctx, unsigned int cr, u64 val);
	u64 (*get_dr)(struct emul_ctx *ctx, unsigned int dr);
	int (*set_dr)(struct emul_ctx *ctx, unsigned int dr, u64 val);
	void (*end_local_bp)(struct emul_ctx *ctx);
	u64 (*get_msr)(struct emul_ctx *ctx, u32 msr);
	void (*set_msr)(struct emul_ctx *ctx, u32 msr, u64 val);
	int (*rdmsr)(struct emul_ctx *ctx, u32 msr, u64 *val);
	int (*wrmsr)(struct emul_ctx *ctx, u32 msr, u64 val);
	u64 (*get_xcr)(struct emul_ctx *ctx, u32 xcr);
	int (*set_xcr)(struct emul_ctx *ctx, u32 xcr, u64 val);
	int (*rdpmc)(struct emul_ctx *ctx, u32 pmc, u64 *val);
	u64 (*rdtsc)(struct emul_ctx *ctx);
	int (*cpuid)(struct emul_ctx *ctx, u32 r[4]);
	bool (*has)(struct emul_ctx *ctx, enum emul_feature feature);

	int (*halt)(struct emul_ctx *ctx);
	int (*invlpg)(struct emul_ctx *ctx, u64 la);
	int (*wbinvd)(struct emul_ctx *ctx, bool discard);
	int (*hypercall)(struct emul_ctx *ctx);
	void (*pause)(struct emul_ctx *ctx);

	void (*fx_get)(struct emul_ctx *ctx, void *buf, unsigned int off,
		       unsigned int len);
	void (*fx_set)(struct emul_ctx *ctx, const void *buf, unsigned int off,
		       unsigned int len);
	void (*vec_get)(struct emul_ctx *ctx, unsigned int reg, void *buf,
			unsigned int len);
	void (*vec_set)(struct emul_ctx *ctx, unsigned int reg,
			const void *buf, unsigned int len, bool zero_upper);
};

#define EMUL_MAX_INSN		15	/* SDM 2 2.3.11 */
#define EMUL_REPLAY_BYTES	64

/**
 * struct emul_insn - a decoded instruction
 * @op: entry of the opcode tables
 * @ea: offset of the memory operand within its segment
 * @imm: first immediate, sign-extended as the instruction wants it
 * @form: all of the following up to @index, as one number
 * @m: the same as the tables have it
 * @modrm: ModRM byte
 * @reg: its field reg, extended by REX/VEX
 * @rm: its field rm, extended likewise
 * @seg: segment of the memory operand
 * @has_mem: the ModRM operand is in memory
 * @kind: MODRM_*
 * @disp: bytes of displacement that ModRM asks for; %DISP_BASE
 * @index: index register in SIB, if there is such a byte; 4: none
 * @imm2: second immediate (ENTER, far pointers: the selector)
 * @length: bytes of the whole instruction; 0 as long as it is not decoded
 * @opcode: last opcode byte
 * @opsize: operand size of the instruction: 1, 2, 4, 8
 * @asize: address size: 2, 4, 8
 * @flags: all of the following up to @map
 * @rex: REX prefix, or its equivalent
 * @rep: 0, 0xf2 or 0xf3, whichever came last
 * @has_66: operand-size prefix present
 * @lock: LOCK prefix present
 * @rip_rel: the address is relative to the next instruction
 * @rsp_base: the address is based on RSP (POP adds to it)
 * @vex: 0, 1 = VEX, 2 = EVEX, 3 = XOP
 * @map: 0 one-byte, 1 0F, 2 0F38, 3 0F3A, otherwise as in VEX and EVEX
 * @vvvv: VEX.vvvv as a register number
 * @vl: vector length in bytes
 * @vex_w: VEX.W
 * @vvvv_named: VEX.vvvv is not 1111b; all its bits count for that
 * @evex: second and third EVEX payload bytes
 */
struct emul_insn {
	const struct emul_opcode *op;
	u64 ea;
	u64 imm;
	union {
		u64 form;

		struct_group_tagged(emul_modrm, m, u8 modrm; u8 reg; u8 rm;
				    u8 seg; bool has_mem; u8 kind; u8 disp;
				    u8 index;);
	};
	u16 imm2;
	u8 length;
	u8 opcode;
	u8 opsize;
	u8 asize;
	u8 vvvv;
	/* cleared together for each instruction */
	union {
		u64 flags;
		struct {
			u8 rex;
			u8 rep;
			bool has_66;
			bool lock;
			bool rip_rel;
			bool rsp_base;
			u8 vex;
			u8 map;
		};
	};
	u8 vl;
	u8 vex_w;
	bool vvvv_named;
	u8 evex[2];
};

/**
 * struct emul_ctx - one per vCPU, embedded; zeroed once at creation
 *
 * Set once:
 * @ops: callbacks
 * @regs: the sixteen general registers in the order of &enum emul_reg
 * @pio_buf: buffer for string I/O (the page that user space sees), or NULL
 * @pio_buf_size: its size in bytes
 *
 * Set by the caller before emul_run(); updated as @dirty says:
 * @rip: RIP, without the base of CS
 * @rflags: RFLAGS
 * @mode: &enum emul_mode
 * @code_size: 2, 4, 8: operand size that CS.D and CS.L stand for (2 in
 *	virtual-8086 mode, 8 in 64-bit mode; 4 in real mode where CR0.PE was cleared
 *	in a 32-bit segment)
 * @cpl: current privilege level (0 in real mode, 3 in virtual-8086 mode)
 * @insn_len: how many bytes of the instruction are already in @insn; 0 if none
 * @insn: bytes at CS:RIP; at most 15 are ever valid (the rest is slack that
 *	lets the decoder check its bounds once, at the end). What is missing is
 *	fetched. The caller vouches for bytes it supplies: no fetch, no check of
 *	the limit of CS.
 * @dr7: DR7, or 0 if none of its breakpoints is enabled
 * @db: DR0 to DR3; looked at only if @dr7 is not 0
 *
 * Results:
 * @dirty: %EMUL_DIRTY_* and a bit for each general register that changed
 * @shadow: %EMUL_SHADOW_*; the caller clears its own blocking otherwise
 * @trap: %EMUL_TRAP_*
 * @hit: DR6.B0 to B3 of the data and I/O breakpoints that accesses have hit:
 *	with %EMUL_OK and %EMUL_YIELD a #DB is due as a trap
 * @stop: may be set by a callback: end a REP after this iteration
 * @fault: filled for %EMUL_FAULT
 * @io_data: with %EMUL_IO from a reading callback: where the data goes
 * @io_len: how many bytes
 *
 * Private:
 * @d: the decoded instruction (for tracing the caller may look at it)
 * @new_rflags: value for the commit
 * @next_rip: the same of RIP
 * @io_allowed: INS or OUTS has passed the check of its port
 * @batch: items of a batched INS that wait in @pio_buf
 * @wr_now: bytes written by this run through the instruction (E3)
 * @wr_done: bytes written by all of them
 * @rd_now: as @wr_now, of reads
 * @rd_done: as @wr_done, of reads
 * @replay: what was read
 */
struct emul_ctx {
	const struct emul_ops *ops;
	u64 *regs;
	u8 *pio_buf;
	u32 pio_buf_size;

	u8 mode;
	u8 code_size;
	u8 cpl;
	u8 insn_len;
	u64 rip;
	u64 rflags;
	u8 insn[40];
	const u64 *db;
	u32 dr7;

	u32 dirty;
	u8 shadow;
	u8 hit;
	bool stop;
	u8 trap;
	bool io_allowed;
	u16 io_len;
	void *io_data;
	struct emul_fault fault;

	struct emul_insn d;
	u64 new_rflags;
	u64 next_rip;
	u16 batch;
	u16 wr_now;
	u16 wr_done;
	u16 rd_now;
	u16 rd_done;
	u8 replay[EMUL_REPLAY_BYTES];
};

/**
 * emul_run() - fetch, decode and execute the instruction at CS:RIP
 * @ctx: context, its caller's part filled
 *
 * Return: &enum emul_result other than %EMUL_SPLIT, or a negative errno that a
 * callback returned.
 */
int emul_run(struct emul_ctx *ctx);

/**
 * emul_continue() - go on after %EMUL_IO or %EMUL_YIELD
 * @ctx: context, untouched since but for the data at ctx->io_data
 *
 * Return: as emul_run().
 */
int emul_continue(struct emul_ctx *ctx);

/**
 * emul_decode() - fetch and decode only
 * @ctx: context, its caller's part filled
 *
 * Return: %EMUL_OK with ctx->d filled (also for an instruction that is not
 * executed: its length is exact), %EMUL_FAULT for a fetch that faults or for
 * what no CPU decodes (#UD, #GP for more than 15 bytes), a negative errno.
 */
int emul_decode(struct emul_ctx *ctx);

/**
 * emul_code_breakpoint() - does a breakpoint stand at CS:RIP?
 * @ctx: context, its caller's part filled
 *
 * For a caller that executes one instruction after the other. Where a CPU has
 * come to the instruction it has looked itself.
 *
 * Return: DR6.B0 to B3 of those that do; a #DB is due as a fault. 0: go on.
 */
unsigned int emul_code_breakpoint(struct emul_ctx *ctx);

/* How an event comes about: argument of emul_interrupt() */
enum emul_event {
	EMUL_EVENT_HARDWARE,	/* external interrupt, NMI */
	EMUL_EVENT_EXCEPTION,	/* exception raised by the CPU */
	EMUL_EVENT_SOFTWARE,	/* INT n, INT3, INTO: gate DPL is checked */
};

/**
 * emul_interrupt() - deliver an interrupt or exception through the IDT
 * @ctx: context; ctx->rip is the address to return to
 * @vector: vector
 * @event: &enum emul_event
 * @has_error: push @error (ignored in real mode)
 * @error: error code
 *
 * For guests in modes into which the hardware cannot inject. All modes, task
 * gates and stack switches included.
 *
 * Return: %EMUL_OK; %EMUL_FAULT: another exception arose (the caller decides
 * on double and triple faults); %EMUL_UNHANDLED; a negative errno.
 */
int emul_interrupt(struct emul_ctx *ctx, u8 vector, enum emul_event event,
		   bool has_error, u32 error);

/* What causes a task switch: argument of emul_task_switch() (SDM 3A 8.3) */
enum emul_task_cause {
	EMUL_TASK_CALL,
	EMUL_TASK_IRET,
	EMUL_TASK_JMP,
	EMUL_TASK_GATE,		/* interrupt or exception through a task gate */
	EMUL_TASK_INT,		/* the same for INT n, INT3 and INTO */
};

/**
 * emul_task_switch() - hardware task switch
 * @ctx: context; ctx->rip and ctx->rflags are what the old task resumes with, as a
 *	VM exit saves them (RF: SDM 3C 28.3.3)
 * @sel: selector of the new TSS
 * @cause: &enum emul_task_cause, up to %EMUL_TASK_GATE in the encoding of the exit
 *	qualification (SDM 3C 28.2.1, table 28-2)
 * @has_error: push @error onto the new task's stack
 * @error: error code
 *
 * Return: as emul_interrupt(). After the point of no return a fault is one of
 * the new task, and ctx->dirty names its registers (SDM 3A 8.3, step 11 on).
 */
int emul_task_switch(struct emul_ctx *ctx, u16 sel, enum emul_task_cause cause,
		     bool has_error, u32 error);

/**
 * emul_set_fault() - describe an exception in ctx->fault
 * @ctx: context
 * @vector: exception vector
 * @has_error: push an error code
 * @error: the error code
 *
 * Return: %EMUL_FAULT.
 */
static inline int emul_set_fault(struct emul_ctx *ctx, u8 vector,
				 bool has_error, u32 error)
{
	ctx->fault.address = 0;
	ctx->fault.error = error;
	ctx->fault.vector = vector;
	ctx->fault.has_error = has_error;
	ctx->fault.trap = false;
	return EMUL_FAULT;
}

/**
 * emul_set_page_fault() - describe a page fault in ctx->fault
 * @ctx: context
 * @address: linear address for CR2
 * @error: error code (SDM 3A 4.7)
 *
 * Return: %EMUL_FAULT.
 */
static inline int emul_set_page_fault(struct emul_ctx *ctx, u64 address,
				      u32 error)
{
	emul_set_fault(ctx, 14, true, error);
	ctx->fault.address = address;
	return EMUL_FAULT;
}

#endif /* EMULATE_EMULATE_H */
