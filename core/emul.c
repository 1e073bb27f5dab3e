// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's world: its operations in terms of the vCPU, and what becomes
 * of its results.
 */
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include "core/coalesced.h"
#include "core/emul.h"
#include "core/run.h"
#include "core/trace.h"
#include "irqchip/irqchip.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

static struct vcpu *to_vcpu(struct emul_ctx *ctx)
{
	return container_of(ctx, struct vcpu, emul);
}

/* ---- memory ------------------------------------------------------------------------ */

static u32 mmu_access(unsigned int access)
{
	u32 acc = 0;

	if (access & EMUL_ACC_WRITE)
		acc |= MMU_ACC_WRITE;
	else if (access & EMUL_ACC_FETCH)
		acc |= MMU_ACC_EXEC;
	else
		acc |= MMU_ACC_READ;
	if (access & EMUL_ACC_USER)
		acc |= MMU_ACC_USER;
	if (access & EMUL_ACC_SYSTEM)
		acc |= MMU_ACC_SYSTEM;
	return acc;
}

/* enum emul_result or -errno */
static int translate(struct emul_ctx *ctx, u64 la, unsigned int access, gpa_t *gpa)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	struct x86_exception e;
	int ret;

	/*
	 * The CPU has translated this page for the access that faulted, with
	 * all checks. A write that it allows includes a read.
	 */
	if ((la ^ vcpu->emul_gva) < PAGE_SIZE && vcpu->emul_access &&
	    !(access & (EMUL_ACC_FETCH | EMUL_ACC_SYSTEM)) &&
	    (!(access & EMUL_ACC_WRITE) || vcpu->emul_access & MMU_ACC_WRITE)) {
		*gpa = vcpu->emul_mmio_gfn << PAGE_SHIFT | offset_in_page(la);
		return EMUL_OK;
	}
	ret = mmu_translate(vcpu, la, mmu_access(access), gpa, &e);
	if (likely(ret == MMU_RESUME))
		return EMUL_OK;
	if (ret < 0)
		return ret == -EAGAIN ? EMUL_RETRY : ret;
	emul_set_fault(ctx, e.vector, e.has_error, e.error);
	ctx->fault.address = e.address;
	return EMUL_FAULT;
}

static int op_fetch(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		    unsigned int access)
{
	gpa_t gpa;
	int ret = translate(ctx, la, access, &gpa);

	if (ret)
		return ret;
	/* code in a device: nothing to decode */
	return guest_read(to_vcpu(ctx)->vm, gpa, buf, len) ? EMUL_UNHANDLED : EMUL_OK;
}

/* The page the fault was at is known to be no memory: do not look again */
static bool known_mmio(struct vcpu *vcpu, gpa_t gpa)
{
	return vcpu->emul_mmio_gfn == gpa >> PAGE_SHIFT;
}

bool io_read_device(struct vcpu *vcpu, gpa_t gpa, void *buf, unsigned int len)
{
	struct bus *bus = &vcpu->vm->mmio_bus;

	if (vcpu->lapic && lapic_mmio_read(vcpu, gpa, len, buf))
		return true;
	return rcu_access_pointer(bus->table) &&
	       !io_bus_read(vcpu, bus, gpa, len, buf);
}

bool io_write_device(struct vcpu *vcpu, gpa_t gpa, const void *buf,
		     unsigned int len)
{
	struct bus *bus = &vcpu->vm->mmio_bus;

	if (vcpu->lapic && lapic_mmio_write(vcpu, gpa, len, buf))
		return true;
	if (rcu_access_pointer(bus->table) &&
	    !io_bus_write(vcpu, bus, gpa, len, buf))
		return true;
	return READ_ONCE(vcpu->vm->coalesced) &&
	       coalesced_write(vcpu, false, gpa, len, buf);
}

static int op_read(struct emul_ctx *ctx, u64 la, void *buf, unsigned int len,
		   unsigned int access)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	struct vcpu_io *io = &vcpu->io;
	struct io_fragment *f;
	gpa_t gpa;
	int ret = translate(ctx, la, access, &gpa);

	if (ret)
		return ret;
	if (!known_mmio(vcpu, gpa) && !guest_read(vcpu->vm, gpa, buf, len))
		return EMUL_OK;
	if (len > 8)
		return EMUL_SPLIT;
	gpa &= MMU_GPA_BITS;
	if (io_read_device(vcpu, gpa, buf, len)) {
		trace_kvm_mmio(TRACE_MMIO_READ, len, gpa, buf);
		return EMUL_OK;
	}
	if (io->nr == IO_MAX_FRAGMENTS)
		return EMUL_UNHANDLED;
	trace_kvm_mmio(TRACE_MMIO_READ_UNSATISFIED, len, gpa, NULL);
	f = &io->frags[io->nr++];
	f->gpa = gpa;
	f->len = len;
	io->reading = true;
	return EMUL_IO;
}

static int op_write(struct emul_ctx *ctx, u64 la, const void *buf,
		    unsigned int len, unsigned int access)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	struct vcpu_io *io = &vcpu->io;
	struct io_fragment *f;
	gpa_t gpa;
	int ret = translate(ctx, la, access, &gpa);

	if (ret)
		return ret;
	if (!known_mmio(vcpu, gpa) && !guest_write(vcpu->vm, vcpu, gpa, buf, len))
		return EMUL_OK;
	if (len > 8)
		return EMUL_SPLIT;
	gpa &= MMU_GPA_BITS;
	trace_kvm_mmio(TRACE_MMIO_WRITE, len, gpa, buf);
	if (io_write_device(vcpu, gpa, buf, len))
		return EMUL_OK;
	if (io->nr >= IO_MAX_FRAGMENTS)
		return EMUL_UNHANDLED;
	f = &io->frags[io->nr++];
	f->gpa = gpa;
	f->len = len;
	memcpy(f->data, buf, len);
	ctx->stop = true;
	/* the last place is taken: user space has to drain the queue first */
	return io->nr == IO_MAX_FRAGMENTS ? EMUL_IO : EMUL_OK;
}

/*
 * One that is not aligned, by an exchange of what lies around it. 1, with @old what
 * was found there, also where only the surroundings have changed meanwhile; -EFAULT:
 * it takes more than 16 bytes that are aligned, or is no memory.
 */
static int cmpxchg_around(struct vcpu *vcpu, gpa_t gpa, void *old,
			  const void *new, unsigned int len)
{
	unsigned int width = (gpa & 7) + len <= 8 ? 8 : 16;
	unsigned int off = gpa & (width - 1);
	u8 was[16] __aligned(16), now[16] __aligned(16);
	int ret;

	if (off + len > width || guest_read(vcpu->vm, gpa - off, was, width))
		return -EFAULT;
	if (memcmp(was + off, old, len)) {
		ret = 1;
	} else {
		memcpy(now, was, width);
		memcpy(now + off, new, len);
		ret = guest_cmpxchg(vcpu->vm, vcpu, gpa - off, was, now, width);
	}
	if (ret > 0)
		memcpy(old, was + off, len);
	return ret;
}

static int op_cmpxchg(struct emul_ctx *ctx, u64 la, void *old, const void *new,
		      unsigned int len, unsigned int access)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	gpa_t gpa;
	int ret = translate(ctx, la, access | EMUL_ACC_WRITE, &gpa);

	if (ret)
		return ret;
	if (!known_mmio(vcpu, gpa)) {
		ret = gpa & (len - 1) ?
		      cmpxchg_around(vcpu, gpa, old, new, len) :
		      guest_cmpxchg(vcpu->vm, vcpu, gpa, old, new, len);
		if (ret >= 0)
			return ret ? EMUL_RETRY : EMUL_OK;
	}
	/* a plain write, as to a device */
	return op_write(ctx, la, new, len, access);
}

static int op_probe(struct emul_ctx *ctx, u64 la, unsigned int len,
		    unsigned int access)
{
	gpa_t gpa;

	return translate(ctx, la, access, &gpa);
}

static unsigned int ram_chunk(u64 la, unsigned int len)
{
	return min_t(unsigned int, len, PAGE_SIZE - offset_in_page(la));
}

static unsigned int op_ram_read(struct emul_ctx *ctx, u64 la, void *buf,
				unsigned int len, unsigned int access)
{
	gpa_t gpa;

	len = ram_chunk(la, len);
	if (translate(ctx, la, access, &gpa) ||
	    guest_read(to_vcpu(ctx)->vm, gpa, buf, len))
		return 0;
	return len;
}

static unsigned int op_ram_write(struct emul_ctx *ctx, u64 la, const void *buf,
				 unsigned int len, unsigned int access)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	gpa_t gpa;

	len = ram_chunk(la, len);
	if (translate(ctx, la, access | EMUL_ACC_WRITE, &gpa))
		return 0;
	if (!buf)
		return mmu_gpa_is_memory(vcpu->vm, gpa, true) ? len : 0;
	return guest_write(vcpu->vm, vcpu, gpa, buf, len) ? 0 : len;
}

/* ---- ports -------------------------------------------------------------------------- */

static int op_pio_in(struct emul_ctx *ctx, u16 port, unsigned int size,
		     unsigned int count, void *data)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	unsigned int i;
	u32 item;

	/* devices do not get to see the pio page, which user space may write to */
	for (i = 0; i < count; i++) {
		item = 0;
		if (io_bus_read(vcpu, &vcpu->vm->pio_bus, port, size, &item))
			break;
		memcpy(data + i * size, &item, size);
	}
	if (i == count) {
		trace_kvm_pio(TRACE_PIO_IN, port, size, count, data);
		return EMUL_OK;
	}
	vcpu->io.pending = IO_EMUL_PIO;
	/* what the devices gave stays; several items are in the pio page */
	io_exit_pio(vcpu, true, port, size, count - i);
	vcpu->run->io.data_offset += i * size;
	return EMUL_IO;
}

static int op_pio_out(struct emul_ctx *ctx, u16 port, unsigned int size,
		      unsigned int count, const void *data)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	unsigned int i;
	u32 item;

	trace_kvm_pio(TRACE_PIO_OUT, port, size, count, data);
	/* nor what it becomes while they look at it */
	for (i = 0; i < count; i++) {
		memcpy(&item, data + i * size, size);
		if (io_bus_write(vcpu, &vcpu->vm->pio_bus, port, size, &item) &&
		    !coalesced_write(vcpu, true, port, size, &item))
			break;
	}
	if (i == count)
		return EMUL_OK;
	/* what the devices took is not repeated */
	if (data != vcpu->pio_page || i)
		memmove(vcpu->pio_page, data + i * size, (count - i) * size);
	vcpu->io.pending = IO_EMUL_PIO;
	io_exit_pio(vcpu, false, port, size, count - i);
	ctx->stop = true;
	return EMUL_OK;
}

/* ---- segments and tables -------------------------------------------------------------- */

static u64 op_seg_base(struct emul_ctx *ctx, enum emul_segreg seg)
{
	return vmx_segment_base(to_vcpu(ctx), (enum seg_reg)seg);
}

static void op_get_seg(struct emul_ctx *ctx, enum emul_segreg seg,
		       struct emul_seg *val)
{
	struct vmx_seg s;

	vmx_read_seg(to_vcpu(ctx), &s, (enum seg_reg)seg);
	*val = (struct emul_seg) {
		.base = s.base, .limit = s.limit, .ar = s.ar, .sel = s.sel,
	};
}

static void op_set_seg(struct emul_ctx *ctx, enum emul_segreg seg,
		       const struct emul_seg *val)
{
	const struct vmx_seg s = {
		.sel = val->sel, .limit = val->limit, .ar = val->ar, .base = val->base,
	};

	vmx_write_seg(to_vcpu(ctx), &s, (enum seg_reg)seg);
}

static void op_get_gdt(struct emul_ctx *ctx, struct emul_table *val)
{
	struct kvm_dtable dt;

	vmx_get_gdt(to_vcpu(ctx), &dt);
	*val = (struct emul_table) { .base = dt.base, .limit = dt.limit };
}

static void op_set_gdt(struct emul_ctx *ctx, const struct emul_table *val)
{
	const struct kvm_dtable dt = { .base = val->base, .limit = val->limit };

	vmx_set_gdt(to_vcpu(ctx), &dt);
}

static void op_get_idt(struct emul_ctx *ctx, struct emul_table *val)
{
	struct kvm_dtable dt;

	vmx_get_idt(to_vcpu(ctx), &dt);
	*val = (struct emul_table) { .base = dt.base, .limit = dt.limit };
}

static void op_set_idt(struct emul_ctx *ctx, const struct emul_table *val)
{
	const struct kvm_dtable dt = { .base = val->base, .limit = val->limit };

	vmx_set_idt(to_vcpu(ctx), &dt);
}

/* ---- system registers ------------------------------------------------------------------ */

static u64 op_get_cr(struct emul_ctx *ctx, unsigned int cr)
{
	struct vcpu *vcpu = to_vcpu(ctx);

	switch (cr) {
	case 0:
		return x86_cr0(vcpu);
	case 2:
		return vcpu->arch.cr2;
	case 3:
		return x86_cr3(vcpu);
	case 4:
		return x86_cr4(vcpu);
	default:
		return x86_get_cr8(vcpu);
	}
}

static int op_set_cr(struct emul_ctx *ctx, unsigned int cr, u64 val)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	int gp;

	switch (cr) {
	case 0:
		gp = x86_set_cr0(vcpu, val);
		break;
	case 2:
		vcpu->arch.cr2 = val;
		return EMUL_OK;
	case 3:
		gp = x86_set_cr3(vcpu, val);
		break;
	case 4:
		gp = x86_set_cr4(vcpu, val);
		break;
	default:
		gp = x86_set_cr8(vcpu, val);
		break;
	}
	return gp ? emul_set_fault(ctx, GP_VECTOR, true, 0) : EMUL_OK;
}

static u64 op_get_dr(struct emul_ctx *ctx, unsigned int dr)
{
	struct x86_vcpu *a = &to_vcpu(ctx)->arch;

	return dr < 4 ? a->db[array_index_nospec(dr, 4)] : dr == 6 ? a->dr6 : a->dr7;
}

static int op_set_dr(struct emul_ctx *ctx, unsigned int dr, u64 val)
{
	int vector = x86_set_dr(to_vcpu(ctx), dr, val);

	if (!vector)
		return EMUL_OK;
	return emul_set_fault(ctx, vector, vector == GP_VECTOR, 0);
}

static void op_end_local_bp(struct emul_ctx *ctx)
{
	struct vcpu *vcpu = to_vcpu(ctx);

	x86_end_local_breakpoints(vcpu);
	/* a debugger's stay */
	if (ctx->db == vcpu->arch.db)
		ctx->dr7 = vcpu->vmx.drs_active ? vcpu->arch.dr7 : 0;
}

static u64 op_get_msr(struct emul_ctx *ctx, u32 msr)
{
	u64 val = 0;

	x86_get_msr(to_vcpu(ctx), msr, &val, true);
	return val;
}

static void op_set_msr(struct emul_ctx *ctx, u32 msr, u64 val)
{
	x86_set_msr(to_vcpu(ctx), msr, val, true);
}

static int msr_refused(struct emul_ctx *ctx, bool write, u32 msr, u64 val,
		       int why)
{
	struct vcpu *vcpu = to_vcpu(ctx);

	if (!msr_ask_user(vcpu, write, msr, val, why))
		return emul_set_fault(ctx, GP_VECTOR, true, 0);
	vcpu->io.pending = IO_EMUL_MSR;
	vcpu->io.in = !write;
	return EMUL_IO;
}

static int op_rdmsr(struct emul_ctx *ctx, u32 msr, u64 *val)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	int why = msr_read(vcpu, msr, val);

	return why ? msr_refused(ctx, false, msr, 0, why) : EMUL_OK;
}

static int op_wrmsr(struct emul_ctx *ctx, u32 msr, u64 val)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	int why = msr_write(vcpu, msr, val);

	return why ? msr_refused(ctx, true, msr, val, why) : EMUL_OK;
}

static u64 op_get_xcr(struct emul_ctx *ctx, u32 xcr)
{
	return to_vcpu(ctx)->arch.xcr0;
}

static int op_set_xcr(struct emul_ctx *ctx, u32 xcr, u64 val)
{
	if (x86_set_xcr(to_vcpu(ctx), xcr, val))
		return emul_set_fault(ctx, GP_VECTOR, true, 0);
	return EMUL_OK;
}

static int op_rdpmc(struct emul_ctx *ctx, u32 pmc, u64 *val)
{
	return emul_set_fault(ctx, GP_VECTOR, true, 0);	/* no counters */
}

static u64 op_rdtsc(struct emul_ctx *ctx)
{
	return x86_guest_tsc(to_vcpu(ctx), rdtsc());
}

static int op_cpuid(struct emul_ctx *ctx, u32 r[4])
{
	x86_cpuid(to_vcpu(ctx), &r[0], &r[1], &r[2], &r[3]);
	return EMUL_OK;
}

/* SDM 2A CPUID, tables 3-17 to 3-20 */
enum { EAX, EBX, ECX, EDX };

static const struct {
	u32 function;
	u8 reg, bit, index;
} feature_bits[EMUL_NR_FEATURES] = {
	[EMUL_HAS_MMX] = { 1, EDX, 23 },
	[EMUL_HAS_CLFLUSH] = { 1, EDX, 19 },
	[EMUL_HAS_SSE3] = { 1, ECX, 0 },
	[EMUL_HAS_CX16] = { 1, ECX, 13 },
	[EMUL_HAS_SSE41] = { 1, ECX, 19 },
	[EMUL_HAS_SSE42] = { 1, ECX, 20 },
	[EMUL_HAS_MOVBE] = { 1, ECX, 22 },
	[EMUL_HAS_POPCNT] = { 1, ECX, 23 },
	[EMUL_HAS_AVX] = { 1, ECX, 28 },
	[EMUL_HAS_BMI1] = { 7, EBX, 3 },
	[EMUL_HAS_AVX2] = { 7, EBX, 5 },
	[EMUL_HAS_BMI2] = { 7, EBX, 8 },
	[EMUL_HAS_ADX] = { 7, EBX, 19 },
	[EMUL_HAS_SMAP] = { 7, EBX, 20 },
	[EMUL_HAS_CLFLUSHOPT] = { 7, EBX, 23 },
	[EMUL_HAS_CLWB] = { 7, EBX, 24 },
	[EMUL_HAS_RDPID] = { 7, ECX, 22 },
	[EMUL_HAS_LZCNT] = { 0x80000001, ECX, 5 },
	[EMUL_HAS_RDTSCP] = { 0x80000001, EDX, 27 },
	[EMUL_HAS_XGETBV1] = { 0xd, EAX, 2, 1 },
};

static bool op_has(struct emul_ctx *ctx, enum emul_feature feature)
{
	if (feature == EMUL_HAS_MONITOR)
		return x86_has_monitor(to_vcpu(ctx));
	return x86_cpuid_bit(to_vcpu(ctx), feature_bits[feature].function,
			     feature_bits[feature].index,
			     feature_bits[feature].reg, feature_bits[feature].bit);
}

/* ---- events ------------------------------------------------------------------------------ */

static int op_halt(struct emul_ctx *ctx)
{
	to_vcpu(ctx)->emul_halted = true;
	return EMUL_OK;
}

static int op_invlpg(struct emul_ctx *ctx, u64 la)
{
	struct vcpu *vcpu = to_vcpu(ctx);

	mmu_op(vcpu->vm, invlpg, vcpu, la);
	return EMUL_OK;
}

/* As in vmx_exit_wbinvd(): nothing to write back, nothing to lose */
static int op_wbinvd(struct emul_ctx *ctx, bool discard)
{
	return EMUL_OK;
}

static int op_hypercall(struct emul_ctx *ctx)
{
	struct vcpu *vcpu = to_vcpu(ctx);
	u64 ret = -KVM_EPERM;

	/* user space answers when the instruction is over: completed() */
	if (!ctx->cpl && x86_hypercall(vcpu, ctx->regs, &ret) != RUN_RESUME) {
		vcpu->emul_asks_user = true;
		ret = -KVM_ENOSYS;
	}

	ctx->regs[EMUL_RAX] = ctx->mode == EMUL_MODE_LONG ? ret : (u32)ret;
	ctx->dirty |= BIT(EMUL_RAX);
	return EMUL_OK;
}

static void op_pause(struct emul_ctx *ctx)
{
	cond_resched();
}

/* ---- floating point ------------------------------------------------------------------------ */

/*
 * The guest's FPU state may be in the registers or in memory. Writing it to
 * memory, changing it there and letting the kernel load it again when it is
 * next needed is slow and always right.
 */
static void op_fx_get(struct emul_ctx *ctx, void *buf, unsigned int off,
		      unsigned int len)
{
	x86_fpu_read(to_vcpu(ctx), buf, off, len);
}

static void op_fx_set(struct emul_ctx *ctx, const void *buf, unsigned int off,
		      unsigned int len)
{
	x86_fpu_write(to_vcpu(ctx), buf, off, len);
}

static void op_vec_get(struct emul_ctx *ctx, unsigned int reg, void *buf,
		       unsigned int len)
{
	x86_vec_read(to_vcpu(ctx), reg, buf, len);
}

static void op_vec_set(struct emul_ctx *ctx, unsigned int reg, const void *buf,
		       unsigned int len, bool zero_upper)
{
	x86_vec_write(to_vcpu(ctx), reg, buf, len, zero_upper);
}

const struct emul_ops emul_glue_ops = {
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.cmpxchg_mem = op_cmpxchg,
	.probe = op_probe,
	.ram_read = op_ram_read,
	.ram_write = op_ram_write,
	.pio_in = op_pio_in,
	.pio_out = op_pio_out,
	.seg_base = op_seg_base,
	.get_seg = op_get_seg,
	.set_seg = op_set_seg,
	.get_gdt = op_get_gdt,
	.set_gdt = op_set_gdt,
	.get_idt = op_get_idt,
	.set_idt = op_set_idt,
	.get_cr = op_get_cr,
	.set_cr = op_set_cr,
	.get_dr = op_get_dr,
	.set_dr = op_set_dr,
	.end_local_bp = op_end_local_bp,
	.get_msr = op_get_msr,
	.set_msr = op_set_msr,
	.rdmsr = op_rdmsr,
	.wrmsr = op_wrmsr,
	.get_xcr = op_get_xcr,
	.set_xcr = op_set_xcr,
	.rdpmc = op_rdpmc,
	.rdtsc = op_rdtsc,
	.cpuid = op_cpuid,
	.has = op_has,
	.halt = op_halt,
	.invlpg = op_invlpg,
	.wbinvd = op_wbinvd,
	.hypercall = op_hypercall,
	.pause = op_pause,
	.fx_get = op_fx_get,
	.fx_set = op_fx_set,
	.vec_get = op_vec_get,
	.vec_set = op_vec_set,
};

void emul_glue_init(struct vcpu *vcpu)
{
	vcpu->emul.ops = &emul_glue_ops;
	vcpu->emul.regs = vcpu->regs;
	vcpu->emul.pio_buf = vcpu->pio_page;
	vcpu->emul.pio_buf_size = PAGE_SIZE;
	vcpu->emul_mmio_gfn = NO_MMIO_GFN;
}
