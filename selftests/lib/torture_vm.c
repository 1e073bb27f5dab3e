// SPDX-License-Identifier: GPL-2.0-only
/* The virtual machines of the page-table torture: set up, run, compare. */
#define SELFTEST_LIB
#include "torture.h"
#include <stdarg.h>

extern char __executable_start[], _end[];
extern const char tt_stubs[], tt64_vectors[], tt32_vectors[], tt64_run[],
	tt32_run[];
extern u64 tt_cur, tt_end;

#define STUB_DECL(name) extern const char tt64_##name[], tt32_##name[]
#define BOTH(name)	{ tt32_##name, tt64_##name }
#define ONLY64(name)	{ NULL, tt64_##name }
#define DECL4(a)	STUB_DECL(a##4); STUB_DECL(a##8)
STUB_DECL(read1); STUB_DECL(read2); DECL4(read);
STUB_DECL(write1); STUB_DECL(write2); DECL4(write);
DECL4(xchg); DECL4(xadd); DECL4(add); DECL4(or); DECL4(and); DECL4(cmpxchg);
STUB_DECL(cmpxchg8b); STUB_DECL(movs1); DECL4(movs); STUB_DECL(exec);
STUB_DECL(invlpg); STUB_DECL(invpcid); STUB_DECL(cr0); STUB_DECL(cr3);
STUB_DECL(cr4); STUB_DECL(wrmsr); STUB_DECL(wrpkru);

/* By type and logarithm of the size; 32-bit and 64-bit */
static const char *const stubs[NR_GUEST_OPS][4][2] = {
	[OP_READ] = { BOTH(read1), BOTH(read2), BOTH(read4), ONLY64(read8) },
	[OP_WRITE] = { BOTH(write1), BOTH(write2), BOTH(write4),
		       ONLY64(write8) },
	[OP_XCHG] = { [2] = BOTH(xchg4), ONLY64(xchg8) },
	[OP_XADD] = { [2] = BOTH(xadd4), ONLY64(xadd8) },
	[OP_ADD] = { [2] = BOTH(add4), ONLY64(add8) },
	[OP_OR] = { [2] = BOTH(or4), ONLY64(or8) },
	[OP_AND] = { [2] = BOTH(and4), ONLY64(and8) },
	[OP_CMPXCHG] = { [2] = BOTH(cmpxchg4), ONLY64(cmpxchg8) },
	[OP_CMPXCHG8B] = { [3] = BOTH(cmpxchg8b) },
	[OP_MOVS] = { [0] = BOTH(movs1), [2] = BOTH(movs4), ONLY64(movs8) },
	[OP_EXEC] = { BOTH(exec) },
	[OP_INVLPG] = { BOTH(invlpg) },
	[OP_INVPCID] = { BOTH(invpcid) },
	[OP_CR3] = { BOTH(cr3) },
	[OP_CR0] = { BOTH(cr0) },
	[OP_CR4] = { BOTH(cr4) },
	[OP_EFER] = { BOTH(wrmsr) },
	[OP_PKRU] = { BOTH(wrpkru) },
};

static u64 stub_of(const struct tt_op *op, bool is64)
{
	int log = op->size == 8 ? 3 : op->size == 4 ? 2 : op->size == 2;
	const char *p = stubs[op->type][log][is64];

	if (!p)
		die("no stub for op %u of size %u", op->type, op->size);
	return op->user ? (u64)(p - tt_stubs) + TT_UCODE : (u64)p;
}

__attribute__((format(printf, 2, 3)))
static bool differs(struct tt_run *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->error[0]) {
		va_start(ap, fmt);
		vsnprintf(r->error, sizeof(r->error), fmt, ap);
		va_end(ap);
	}
	return false;
}

/* memcmp() is the guest's here, a byte at a time */
static bool same_memory(const void *a, const void *b, u64 len)
{
	bool same;

	len /= 8;
	asm("repe cmpsq" : "+S"(a), "+D"(b), "+c"(len), "=@ccz"(same)
	    : : "memory");
	return same;
}

/* ---- set-up ------------------------------------------------------------------- */

static void put_idts(struct vm *vm)
{
	for (unsigned int v = 0; v <= TT_DONE_VEC; v++) {
		u64 dpl = v == TT_DONE_VEC ? 3 : 0, ist = v == VEC_DF;
		u64 to = (u64)tt64_vectors + v * 16;
		u64 *e = vm_hva(vm, TT_IDT64 + v * 16);

		e[0] = (to & 0xffff) | (u64)SEL_CS64 << 16 | ist << 32 |
		       (0x8e00ull | dpl << 13) << 32 | (to >> 16) << 48;
		e[1] = 0;
		to = (u64)tt32_vectors + v * 16;
		e = vm_hva(vm, TT_IDT32 + v * 8);
		e[0] = (to & 0xffff) | (u64)SEL_CS32 << 16 |
		       (0x8e00ull | dpl << 13) << 32 | (to >> 16) << 48;
	}
}

static void set_mode(struct tt_run *r, struct tt_vm *v)
{
	static const enum pt_mode modes[] = {
		PT_NONE, PT_32, PT_PAE, PT_4LEVEL, PT_4LEVEL,
	};
	struct tt_model *m = r->m;
	enum tt_fmt fmt = tt_fmt(m);
	struct pt pt = { v->vm, modes[fmt], m->cr3 };
	bool is64 = fmt >= FMT_4L;
	struct kvm_sregs s;

	vcpu_set_mode(v->vcpu, is64 ? CPU_LONG : CPU_PROT32, &pt);
	s = vcpu_sregs(v->vcpu);
	s.cr0 = m->cr0;
	s.cr2 = m->cr2;
	s.cr3 = m->cr3;
	s.cr4 = m->cr4;
	s.efer = m->efer;
	s.idt.base = is64 ? TT_IDT64 : TT_IDT32;
	s.idt.limit = (TT_DONE_VEC + 1) * (is64 ? 16 : 8) - 1;
	s.ds.selector = SEL_UDS;
	s.ds.dpl = 3;
	s.es = s.ds;
	vcpu_set_sregs(v->vcpu, &s);
	vcpu_set_entry(v->vcpu, (void *)(is64 ? tt64_run : tt32_run));
}

static void vm_init(struct tt_run *r, struct tt_vm *v, unsigned int kind)
{
	u64 start = (u64)__executable_start & ~0xfffull;
	u64 addr = 0xfeffc000;
	struct vm *vm = vm_new_bare(kind);
	void *ro;

	require(!ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	require(!ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	vm_add_mem(vm, 0, 0, TT_POOL, 0);
	v->pool = mem_anon(TT_POOL_END - TT_POOL, r->m->seed & 1);
	vm_add_mem_at(vm, 1, TT_POOL, TT_POOL_END - TT_POOL, 0, v->pool);
	ro = vm_add_mem(vm, 2, TT_RO, TT_RO_SIZE, KVM_MEM_READONLY);
	if (start < 0x400000 || (u64)_end > TT_UCODE)
		die("the program is at %p-%p", __executable_start, _end);
	memcpy(vm_hva(vm, start), (void *)start, (u64)_end - start);
	memcpy(vm_hva(vm, TT_UCODE), tt_stubs, 0x1000);
	memcpy(vm_hva(vm, TT_FIXED), r->m->ram + TT_FIXED,
	       TT_FIXED_END - TT_FIXED);
	memcpy(v->pool, r->m->ram + TT_POOL, TT_FRAMES * 0x1000);
	memcpy(ro, r->m->ro, TT_RO_SIZE);
	put_idts(vm);
	vm->pt = (struct pt) { vm, PT_4LEVEL, tt_root(FMT_4L, 0) };
	v->vm = vm;
	v->kind = kind;
	v->vcpu = vcpu_new(vm, 0, NULL);
	set_mode(r, v);
}

/*
 * Where EPT has no A and D bits, the emulator lets a walk set those of the guest's
 * entries in pages that EPT does not let it write to. A CPU would not (SDM 3C
 * 29.3.3.2), and shadow tables do not.
 */
static bool has_ept_ad(void)
{
	static int is = -1;

	if (is < 0)
		is = !system("grep -qw ept_ad /proc/cpuinfo");
	return is;
}

void tt_run_init(struct tt_run *r, u64 seed, const unsigned int *kinds,
		 unsigned int nr_kinds)
{
	*r = (struct tt_run) { .m = tt_model_new(seed), .prog.seed = seed };
	tt_model_mode(r->m, r->m->caps.la57 && seed & 2 ? FMT_5L : FMT_4L);
	for (unsigned int i = 0; i < nr_kinds; i++)
		r->m->ad_unlogged |= kinds[i] == KVM_MMU_KIND_EPT &&
				  !has_ept_ad();
	r->nr_vms = nr_kinds;
	for (unsigned int i = 0; i < nr_kinds; i++)
		vm_init(r, &r->vm[i], kinds[i]);
}

void tt_run_free(struct tt_run *r)
{
	for (unsigned int i = 0; i < r->nr_vms; i++)
		vm_free(r->vm[i].vm);
	tt_model_free(r->m);
	free(r->prog.op);
	free(r->prog.exp);
}

/* ---- guest ops ------------------------------------------------------------------ */

static void fill(struct tt_rec *rec, u64 gpa, const struct tt_op *op, bool is64)
{
	bool has_desc = op->type == OP_INVPCID;

	*rec = (struct tt_rec) {
		.insn = stub_of(op, is64),
		.rflags = X86_EFLAGS_FIXED | (op->ac ? X86_EFLAGS_AC : 0),
		.cs = is64 ? SEL_CS64 : SEL_CS32,
		.ss = SEL_DS,
		.rsp = G_STACK(0) - 0x1000,
		.rax = op->val,
		.rbx = op->addr,
		.rcx = op->val2,
		.desc = { op->val2, op->addr },
	};
	if (op->user) {
		rec->cs = is64 ? SEL_UCS64 : SEL_UCS32;
		rec->ss = SEL_UDS;
		rec->rsp = TT_USTACK - 0x100;
	}
	if (has_desc)
		rec->rbx = gpa + offsetof(struct tt_rec, desc);
	switch (op->type) {
	case OP_CMPXCHG8B:
		rec->rax = (u32)op->val;
		rec->rdx = op->val >> 32;
		rec->rbx = (u32)op->val2;
		rec->rcx = op->val2 >> 32;
		rec->rsi = op->addr;
		break;
	case OP_MOVS:
		rec->rsi = op->val2;
		rec->rdi = op->addr;
		break;
	case OP_EFER:
		rec->rcx = MSR_EFER;
		rec->rdx = op->val >> 32;
		break;
	case OP_PKRU:
		rec->rcx = 0;
		break;
	}
}

static bool mmio(struct tt_run *r, struct tt_vm *v)
{
	struct kvm_run *run = v->vcpu->run;
	struct tt_mmio *want = &r->m->mmio[v->nr_mmio];
	u64 val = 0;

	if (!run->mmio.is_write) {
		val = tt_mmio_value(run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &val, run->mmio.len);
	} else {
		memcpy(&val, run->mmio.data, run->mmio.len);
	}
	if (r->m->wild)
		return true;
	if (v->nr_mmio >= r->m->nr_mmio || v->nr_mmio >= TT_MAX_MMIO)
		return differs(r, "%s: MMIO %s 0x%llx, none expected",
			       mmu_kind_name(v->kind),
			       run->mmio.is_write ? "write" : "read",
			       run->mmio.phys_addr);
	v->nr_mmio++;
	if (want->gpa == run->mmio.phys_addr && want->len == run->mmio.len &&
	    want->write == run->mmio.is_write && want->val == val)
		return true;
	return differs(r,
		       "%s: MMIO %s 0x%llx len %u value 0x%lx, expected %s 0x%lx len %u value 0x%lx",
		       mmu_kind_name(v->kind),
		       run->mmio.is_write ? "write" : "read",
		       run->mmio.phys_addr, run->mmio.len, val,
		       want->write ? "write" : "read", want->gpa, want->len,
		       want->val);
}

static void on_alarm(int sig)
{
}

/* Until all records are done; KVM_RUN returns EINTR where that takes too long */
static bool run_vm(struct tt_run *r, struct tt_vm *v)
{
	static const struct sigaction sa = { .sa_handler = on_alarm };
	struct kvm_run *run = v->vcpu->run;
	int err;

	sigaction(SIGALRM, &sa, NULL);
	alarm(r->m->wild ? 1 : 5);
	for (;;) {
		err = vcpu_run_raw(v->vcpu);
		if (err) {
			v->dead = r->m->wild;
			return v->dead ||
			       differs(r, "%s: KVM_RUN: %s, rip 0x%llx, op %lu",
				       mmu_kind_name(v->kind), strerror(err),
				       vcpu_regs(v->vcpu).rip, r->done +
				       (*guest_var(v->vm, tt_cur) - TT_RECS) /
				       sizeof(struct tt_rec));
		}
		if (run->exit_reason == KVM_EXIT_MMIO) {
			if (!mmio(r, v))
				return false;
			continue;
		}
		if (run->exit_reason == KVM_EXIT_IO &&
		    run->io.port == PROBE_DONE)
			return true;
		/* Wild programs may end in any way */
		v->dead = r->m->wild;
		return v->dead ||
		       differs(r, "%s: exit %s, rip 0x%llx",
			       mmu_kind_name(v->kind),
			       exit_name(run->exit_reason),
			       vcpu_regs(v->vcpu).rip);
	}
}

static bool check_rec(struct tt_run *r, struct tt_vm *v, unsigned int n,
		      const struct tt_rec *rec, bool is64)
{
	const struct tt_op *op = &r->prog.op[n];
	const struct tt_exp *e = &r->prog.exp[n];
	u64 mask = is64 ? ~0ull : 0xffffffff;
	bool done = e->vector == TT_DONE_VEC;
	u64 rip = e->at_target ? op->addr & mask : rec->insn;
	bool mem = op->type <= OP_MOVS;

	if (rec->vector == e->vector && rec->error == e->error &&
	    ((rec->cr2 ^ e->cr2) & mask) == 0 && (done || rec->rip == rip) &&
	    (!mem || (((rec->orax ^ e->rax) & mask) == 0 &&
		      ((rec->ordx ^ e->rdx) & mask) == 0 &&
		      ((rec->orsi ^ e->rsi) & mask) == 0 &&
		      ((rec->ordi ^ e->rdi) & mask) == 0)))
		return true;
	return differs(r,
		       "%s: op %u: vector 0x%lx error 0x%lx cr2 0x%lx rip 0x%lx rax 0x%lx rdx 0x%lx rsi 0x%lx rdi 0x%lx; "
		       "expected vector 0x%x error 0x%x cr2 0x%lx rip 0x%lx rax 0x%lx rdx 0x%lx rsi 0x%lx rdi 0x%lx",
		       mmu_kind_name(v->kind), n, rec->vector, rec->error,
		       rec->cr2, rec->rip, rec->orax, rec->ordx, rec->orsi,
		       rec->ordi, e->vector, e->error, e->cr2, rip, e->rax,
		       e->rdx, e->rsi, e->rdi);
}

/* Flags, and all else that the model does not know */
static bool compare_kinds(struct tt_run *r, struct tt_vm *v, unsigned int from,
			  unsigned int to)
{
	const struct tt_rec *a = vm_hva(r->vm[0].vm, TT_RECS);
	const struct tt_rec *b = vm_hva(v->vm, TT_RECS);

	for (unsigned int i = from; i < to; i++, a++, b++)
		if (!same_memory(a, b, sizeof(*a)))
			return differs(r,
				       "op %u: flags 0x%lx, rip 0x%lx, %s: flags 0x%lx rip 0x%lx",
				       i, a->oflags, a->rip,
				       mmu_kind_name(v->kind), b->oflags,
				       b->rip);
	return true;
}

static bool run_chunk(struct tt_run *r, struct tt_vm *v, unsigned int from,
		      unsigned int to)
{
	struct tt_rec *rec = vm_hva(v->vm, TT_RECS);
	struct kvm_sregs s = vcpu_sregs(v->vcpu);

	bool is64 = s.efer & EFER_LMA;

	if (to - from > (TT_RECS_END - TT_RECS) / sizeof(*rec))
		die("too many ops at once");
	for (unsigned int i = from; i < to; i++)
		fill(&rec[i - from], TT_RECS + (i - from) * sizeof(*rec),
		     &r->prog.op[i], is64);
	*guest_var(v->vm, tt_cur) = TT_RECS;
	*guest_var(v->vm, tt_end) = TT_RECS + (to - from) * sizeof(*rec);
	if (!run_vm(r, v))
		return false;
	if (r->m->wild)
		return true;
	for (unsigned int i = from; i < to; i++)
		if (!check_rec(r, v, i, &rec[i - from], is64))
			return false;
	return v == &r->vm[0] || compare_kinds(r, v, from, to);
}

/* ---- comparing state --------------------------------------------------------------- */

static bool compare_memory(struct tt_run *r, struct tt_vm *v, bool all)
{
	u64 end = all ? TT_POOL_END : TT_POOL + TT_FRAMES * 0x1000;
	const u8 *want = r->m->ram + TT_POOL;
	u64 len = end - TT_POOL;

	if (same_memory(v->pool, want, len) &&
	    (all || same_memory(v->pool + 0x1ff000, want + 0x1ff000, 0x2000)))
		return true;
	for (u64 i = 0; i < TT_POOL_END - TT_POOL; i += 8) {
		u64 a = *(u64 *)(v->pool + i), b = *(u64 *)(want + i);

		if (a != b)
			return differs(r, "%s: memory at 0x%lx is 0x%lx, expected 0x%lx",
				       mmu_kind_name(v->kind), TT_POOL + i, a,
				       b);
	}
	return true;
}

static bool compare_sregs(struct tt_run *r, struct tt_vm *v)
{
	struct kvm_sregs s = vcpu_sregs(v->vcpu);
	struct tt_model *m = r->m;

	if (s.cr0 == m->cr0 && s.cr2 == m->cr2 && s.cr3 == m->cr3 &&
	    s.cr4 == m->cr4 && s.efer == m->efer)
		return true;
	return differs(r,
		       "%s: cr0 0x%llx cr2 0x%llx cr3 0x%llx cr4 0x%llx efer 0x%llx; expected 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx",
		       mmu_kind_name(v->kind), s.cr0, s.cr2, s.cr3, s.cr4,
		       s.efer, m->cr0, m->cr2, m->cr3, m->cr4, m->efer);
}

/* ---- the host's ops ------------------------------------------------------------------ */

static bool dirty_get(struct tt_run *r, struct tt_vm *v)
{
	static u64 map[(TT_POOL_END - TT_POOL) / 0x1000 / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = map };

	if (ioctl(v->vm->fd, KVM_GET_DIRTY_LOG, &log))
		die("KVM_GET_DIRTY_LOG: %s", strerror(errno));
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		if (r->m->written[i] & ~map[i])
			return differs(r,
				       "%s: written but not in the dirty log: frames 0x%lx from %u",
				       mmu_kind_name(v->kind),
				       r->m->written[i] & ~map[i], i * 64);
	return true;
}

static bool translate(struct tt_run *r, struct tt_vm *v, u64 va)
{
	struct kvm_translation t = { .linear_address = va };
	struct tt_walk w;
	bool want;

	/* The in-tree module sets A here */
	if (!on_our_module() || tt_fmt(r->m) == FMT_NONE)
		return true;
	tt_walk(r->m, r->m->cr3, va, &w);
	if (w.status == WALK_BAD)
		return true;
	if (ioctl(v->vcpu->fd, KVM_TRANSLATE, &t))
		die("KVM_TRANSLATE: %s", strerror(errno));
	want = w.status == WALK_OK;
	if (t.valid == want &&
	    (!want || t.physical_address == (w.gpa | (va & 0xfff))))
		return true;
	return differs(r,
		       "%s: KVM_TRANSLATE 0x%lx: valid %u 0x%llx, expected %u 0x%lx",
		       mmu_kind_name(v->kind), va, t.valid, t.physical_address,
		       want, w.gpa);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static void slot_flags(struct tt_vm *v, u32 flags, u64 size)
{
	int err = vm_set_region(v->vm, 1, flags, TT_POOL, size, v->pool);

	if (err)
		die("slot of the pool: %s", strerror(err));
}

static bool host_op(struct tt_run *r, struct tt_vm *v, const struct tt_op *op)
{
	u64 size = TT_POOL_END - TT_POOL;
	u8 *page = v->pool + op->addr % size, copy[0x1000];
	struct kvm_sregs s;

	switch (op->type) {
	case OP_MODE:
		set_mode(r, v);
		return true;
	case OP_DIRTY_ON:
		slot_flags(v, KVM_MEM_LOG_DIRTY_PAGES, size);
		return true;
	case OP_DIRTY_OFF:
		slot_flags(v, 0, size);
		return true;
	case OP_DIRTY_GET:
		return dirty_get(r, v) || r->m->wild;
	case OP_DISCARD:
		memcpy(copy, page, sizeof(copy));
		madvise(page, sizeof(copy), MADV_DONTNEED);
		memcpy(page, copy, sizeof(copy));
		return true;
	case OP_PROTECT:
		mprotect(page, 0x1000, op->val & 1 ? PROT_READ : PROT_NONE);
		mprotect(page, 0x1000, PROT_READ | PROT_WRITE);
		return true;
	case OP_SLOT:
		slot_flags(v, 0, 0);
		slot_flags(v, 0, size);
		return true;
	case OP_SHRINK:
		write_file("/proc/sys/vm/drop_caches", "2");
		return true;
	case OP_SREGS:
		s = vcpu_sregs(v->vcpu);
		vcpu_set_sregs(v->vcpu, &s);
		return true;
	case OP_TRANSLATE:
		return translate(r, v, op->addr) || r->m->wild;
	case OP_AUDIT:
		return !kvm_audit() || differs(r, "audit, see above");
	case OP_SYNC:
		if (r->m->wild)
			return true;
		if (v->nr_mmio != r->m->nr_mmio)
			return differs(r, "%s: %u MMIO accesses, expected %u",
				       mmu_kind_name(v->kind), v->nr_mmio,
				       r->m->nr_mmio);
		return compare_sregs(r, v) &&
		       compare_memory(r, v, op->val & 1);
	}
	die("host op %u", op->type);
}

bool tt_run_batch(struct tt_run *r)
{
	struct tt_prog *p = &r->prog;
	bool ok = true;

	while (r->done < p->nr && ok) {
		unsigned int to = r->done;

		while (to < p->nr && p->op[to].type < NR_GUEST_OPS)
			to++;
		for (unsigned int i = 0; i < r->nr_vms && ok; i++) {
			struct tt_vm *v = &r->vm[i];

			if (to > r->done && !v->dead)
				ok = run_chunk(r, v, r->done, to);
			if (ok && to < p->nr && !v->dead)
				ok = host_op(r, v, &p->op[to]);
		}
		if (ok && to < p->nr && p->op[to].type == OP_DIRTY_GET)
			memset(r->m->written, 0, sizeof(r->m->written));
		r->done = to < p->nr ? to + 1 : to;
	}
	for (unsigned int i = 0; i < r->nr_vms; i++)
		r->vm[i].nr_mmio = 0;
	r->m->nr_mmio = 0;
	return ok;
}
