/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page-table torture: random programs that build, edit, alias, free and
 * use their own page tables, run under one or more kinds of MMU and compared,
 * step by step, with a model of what the manual says (SDM 3A chapter 4).
 *
 *	generator --op--> model --expectation--+
 *	    |                                  v
 *	    +------op-----> guest(s) --result--> compare, with memory and
 *	                    (torture_exec.S)     registers at each OP_SYNC
 *
 * An op is one instruction of the guest, or something the host does between
 * instructions. The generator (torture_gen.c) makes only ops whose outcome is
 * definite: the model (torture_walk.c, torture_sim.c) knows what a TLB or a
 * paging-structure cache may hold (SDM 3A 4.10) and refuses an access whose
 * result could depend on it, so that the generator flushes first. What becomes
 * present needs no flush and gets none.
 *
 * In wild rounds the generator does not care: nothing is compared then but
 * that the host stays well and the module's audit finds nothing.
 *
 * A and D bits are set only by accesses that succeed. A CPU may set A earlier;
 * the emulated one and both kinds of MMU do not.
 */
#ifndef SELFTEST_TORTURE_H
#define SELFTEST_TORTURE_H

/* ---- where things are, see also layout.h --------------------------------- */

#define TT_FIXED	G_PT		/* tables of the direct map */
#define TT_FIXED_END	0x1a0000
#define TT_PT32(i)	(TT_FIXED + (i) * 0x1000)		/* 3 */
#define TT_PT64(i)	(TT_FIXED + 0x4000 + (i) * 0x1000)	/* 6 */
#define TT_PD		(TT_FIXED + 0xc000)
#define TT_PDPT		(TT_FIXED + 0xd000)
#define TT_PML4		(TT_FIXED + 0xe000)
#define TT_IDT64	0x184000
#define TT_IDT32	0x185000
#define TT_RECS		0x320000
#define TT_RECS_END	0x400000
#define TT_UCODE	0x7fe000	/* for CPL 3: code, stack */
#define TT_USTACK	0x800000
#define TT_POOL		0x800000	/* tables and data */
#define TT_POOL_END	0xc00000
#define TT_DIRECT_END	TT_POOL_END	/* gva = gpa below, for CPL 0 */
#define TT_FRAMES	64		/* at TT_POOL, mostly used */
#define TT_RO		0x1000000	/* read-only memory */
#define TT_RO_SIZE	0x10000
#define TT_MMIO		0x2000000	/* nothing here, to TT_MMIO_END */
#define TT_MMIO_END	0xf0000000

#define TT_DONE_VEC	0x81		/* a stub's last instruction */
#define TT_REC_SIZE	176

#ifndef __ASSEMBLER__
#include "kvmtest.h"

/* ---- what the guest executes ---------------------------------------------- */

/* Offsets are known to torture_exec.S */
struct tt_rec {
	u64 insn, rflags, cs, ss, rsp;
	u64 rax, rbx, rcx, rdx, rsi, rdi;
	u64 vector, error, cr2, rip, oflags;
	u64 orax, ordx, orsi, ordi;
	u64 desc[2];
};

enum tt_type {
	OP_READ, OP_WRITE,
	OP_XCHG, OP_XADD, OP_ADD, OP_OR, OP_AND, OP_CMPXCHG, OP_CMPXCHG8B,
	OP_MOVS,
	OP_EXEC,
	OP_INVLPG, OP_INVPCID, OP_CR3, OP_CR0, OP_CR4, OP_EFER, OP_PKRU,
	NR_GUEST_OPS,
	/* the host's */
	OP_SYNC = NR_GUEST_OPS,	/* run what there is, compare */
	OP_MODE,		/* another CPU mode by KVM_SET_SREGS */
	OP_DIRTY_ON, OP_DIRTY_OFF, OP_DIRTY_GET,
	OP_DISCARD,		/* a page goes away and comes back the same */
	OP_PROTECT,		/* mprotect() there and back */
	OP_SLOT,		/* delete and create the slot */
	OP_SHRINK,		/* shrinkers of the host run */
	OP_SREGS,		/* KVM_GET_SREGS, KVM_SET_SREGS */
	OP_TRANSLATE,		/* KVM_TRANSLATE compared with the model */
	OP_AUDIT,
	NR_OPS,
};

struct tt_op {
	u8 type, size;
	bool user, ac;
	u64 addr, val, val2;
};

/* What an op must do; only what the type has is looked at */
struct tt_exp {
	u32 vector, error;	/* TT_DONE_VEC: completes */
	bool at_target;		/* faults at the address called */
	u64 rax, rdx, rsi, rdi, cr2;
};

/* ---- the model -------------------------------------------------------------- */

enum tt_fmt { FMT_NONE, FMT_32, FMT_PAE, FMT_4L, FMT_5L, NR_FMT };

struct tt_format {
	const char *name;
	u8 levels, bits, top_bits, esize, linear;
};

extern const struct tt_format tt_formats[NR_FMT];

struct tt_caps {
	bool nx, pcid, invpcid, smep, smap, pku, gb, la57;
	u8 maxphy;
};

enum tt_status {
	WALK_OK, WALK_NP, WALK_RSVD,
	WALK_BAD,		/* a table is where no memory is */
};

struct tt_walk {
	u8 status, n;
	u8 level;	/* of the last entry: 1 is 4K */
	u8 cached;	/* entries from the top that a CPU may have cached */
	bool w, u, x, g;
	u8 pkey;
	u64 gpa;	/* of the 4K page */
	struct {
		u64 at, val;
	} e[5];		/* from the top; a PDPTE register is at TT_PDPTE */
};

#define TT_PDPTE	(1ull << 62)
#define PTE_AVL_ANY	0x600ull	/* of what the CPU ignores */

/* Why a cached translation may differ from the tables */
#define STALE_UPPER	0x01		/* paging-structure caches */
#define STALE_PAGE(l)	(0x01 << (l))	/* a page of that level */

#define TT_SLOTS	56
#define TT_CTX		4

/* Translations of one PCID */
struct tt_ctx {
	bool live;
	u64 root;
	u8 stale[TT_SLOTS];
	struct tt_walk w[TT_SLOTS];
};

struct tt_global {
	bool valid;
	u8 level, bits;
	u64 gpa;
	u8 stale;
};

struct tt_mmio {
	bool write;
	u8 len;
	u64 gpa, val;
};

#define TT_MAX_MMIO	1024

struct tt_model {
	struct tt_caps caps;
	u64 seed;		/* of the memory at the start */
	bool wild;
	/*
	 * The in-tree KVM: page tables in read-only memory do not work with EPT,
	 * I/D is reported of a walk without PAE where EFER.NXE is set.
	 */
	bool peer;
	u8 *ram;		/* 0 to TT_POOL_END */
	u8 *ro;
	u64 cr0, cr2, cr3, cr4, efer, pdpte[4];
	u32 pkru;
	/* Page addresses that the program uses, per format; see tt_slot() */
	u64 page[NR_FMT][TT_SLOTS];
	struct tt_ctx ctx[TT_CTX];
	struct tt_global global[TT_SLOTS];
	unsigned int cur;	/* context */
	u64 in_use[16];		/* pool frames that walks pass */
	u64 written[16];	/* pool frames, since the last OP_DIRTY_GET */
	bool logging;
	bool ad_unlogged;	/* A and D that a walk sets may be in no log */
	struct tt_mmio mmio[TT_MAX_MMIO];
	unsigned int nr_mmio;
	u64 flush_va;		/* where tt_sim() said SIM_STALE */
};

enum tt_verdict {
	SIM_OK,
	SIM_STALE,	/* depends on caches: flush_va */
	SIM_NO,		/* not defined, or harms the test itself */
};

extern const u16 tt_pcids[TT_CTX];

struct tt_model *tt_model_new(u64 seed);
void tt_model_free(struct tt_model *m);
enum tt_fmt tt_fmt(const struct tt_model *m);
/* Memory and CR3 for a format; the host's doing */
void tt_model_mode(struct tt_model *m, enum tt_fmt fmt);
/* Memory of the pool, read-only memory or the fixed tables, or NULL */
void *tt_mem(struct tt_model *m, u64 gpa, unsigned int len);
u64 tt_load(struct tt_model *m, u64 gpa, unsigned int size);
bool tt_in_pool(u64 gpa, unsigned int len);
/* The guest's memory changes; keeps what may be cached up to date */
void tt_store(struct tt_model *m, u64 gpa, u64 val, unsigned int size);
void tt_walk(const struct tt_model *m, u64 root, u64 va, struct tt_walk *w);
/* Index of the page among those of the format, or -1 */
int tt_slot(const struct tt_model *m, u64 va);
bool tt_is_stale(const struct tt_model *m, int slot);
/* Walk again where tables may have changed, and note what is stale */
void tt_refresh(struct tt_model *m);
void tt_flush_page(struct tt_model *m, unsigned int ctx, u64 va, bool global);
void tt_flush_ctx(struct tt_model *m, unsigned int ctx);
void tt_flush_all(struct tt_model *m, bool global);
/* The context of the CR3 now loaded becomes the current one */
void tt_use_root(struct tt_model *m);
bool tt_root_ok(struct tt_model *m, enum tt_fmt fmt, u64 cr3);
/* Would the write break the direct map of the tables in use? */
bool tt_hits_root(struct tt_model *m, u64 gpa, unsigned int len);
u64 tt_fixed_entry(enum tt_fmt fmt, unsigned int i);
unsigned int tt_fixed_entries(enum tt_fmt fmt);
u64 tt_root(enum tt_fmt fmt, unsigned int i);

enum tt_verdict tt_sim(struct tt_model *m, const struct tt_op *op,
		       struct tt_exp *exp);
u64 tt_mmio_value(u64 gpa, unsigned int len);

/* ---- the generator ----------------------------------------------------------- */

u64 tt_random(u64 *state);

struct tt_prog {
	u64 seed;
	struct tt_op *op;
	struct tt_exp *exp;
	unsigned int nr, max;
};

struct tt_gen {
	u64 rng;
	struct tt_model *m;
	struct tt_prog *prog;
	unsigned int since_sync;
	u64 modes;		/* formats to use, a mask */
	bool host_ops;
};

/* Add ops to the program up to and with the next OP_SYNC */
void tt_gen_batch(struct tt_gen *g);

/* ---- the machines --------------------------------------------------------------- */

#define TT_MAX_VMS	2

struct tt_vm {
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned int kind;
	u8 *pool;
	unsigned int nr_mmio;
	bool dead;		/* wild: the guest is gone */
};

struct tt_run {
	struct tt_model *m;
	struct tt_prog prog;
	struct tt_vm vm[TT_MAX_VMS];
	unsigned int nr_vms;
	unsigned int done;	/* ops that have been run */
	char error[400];	/* the first difference */
	bool verbose;
};

void tt_describe(const struct tt_op *op, char *buf, size_t len);
/* VMs of these kinds, in the state of the model */
void tt_run_init(struct tt_run *r, u64 seed, const unsigned int *kinds,
		 unsigned int nr_kinds);
void tt_run_free(struct tt_run *r);
/* Run and compare the ops that are new; false: r->error says what differs */
bool tt_run_batch(struct tt_run *r);

struct tt_options {
	u64 seed;
	unsigned int rounds, ops;
	u64 modes;
	unsigned int tables;		/* shadow pages a VM may have, or 0 */
	bool wild, host_ops, shrink, verbose;
	unsigned int kinds[TT_MAX_VMS], nr_kinds;
};

/* One round, of its own seed. Returns whether all was as expected. */
bool tt_round(const struct tt_options *o, u64 seed);
/* All rounds; prints how to reproduce a failure */
bool tt_rounds(const struct tt_options *o);

#endif
#endif
