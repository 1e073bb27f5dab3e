// SPDX-License-Identifier: GPL-2.0-only
/*
 * The short way of an access to a device, or of a store to a watched page: a plain
 * move in 64-bit mode.
 *
 * The CPU has executed the instruction up to its access, which faulted. So
 * everything that may keep an instruction from making the access (limits,
 * permissions, canonical addresses) has been checked, provided that the bytes
 * fetched again ask for the access that the CPU reported: the same linear
 * address, the same direction. Where another CPU of the guest has rewritten the
 * instruction meanwhile they may not, and all of it is the emulator's. Because
 * operands are aligned here, the whole access lies in the page that was checked.
 *
 * While breakpoints are on every access is the emulator's, which notices them.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include "core/coalesced.h"
#include "core/emul.h"
#include "core/run.h"
#include "core/trace.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

/* The instruction at RIP, or NULL */
static __always_inline struct mmio_insn *fetch_insn(struct vcpu *vcpu, u64 rip)
{
	struct mmio_insn *i = &vcpu->mmio_insn[hash_64(rip, MMIO_INSN_BITS)];
	enum mmu_fetched fetched;

	/* or the address is computed anew for each member */
	OPTIMIZER_HIDE_VAR(i);
	fetched = mmu_fetch_again(vcpu, &i->code, rip);
	if (unlikely(fetched != MMU_FETCHED_SAME)) {
		if (fetched == MMU_FETCHED_NOT)
			return NULL;
		i->plain = emul_mov_decode((u8 *)i->code.insn, 8, &i->mov);
	}
	return i;
}

/*
 * The instruction at RIP, if it is a plain move; and if @gfn is no memory,
 * under the same slots as the instruction was found in.
 */
static noinline const struct emul_mov *fetch(struct vcpu *vcpu, u64 rip, gfn_t gfn)
{
	struct mmio_insn *i = fetch_insn(vcpu, rip);

	if (unlikely(!i))
		return NULL;
	if (i->code.way.generation != vcpu->mmu.gap_generation ||
	    !mmu_maybe_gap(&vcpu->mmu, gfn))
		return NULL;
	return i->plain ? &i->mov : NULL;
}

/* The instruction at @rip is done. Return: enum run_result. */
static __always_inline int finish(struct vcpu *vcpu, u64 rip,
				  const struct emul_mov *m)
{
	u64 rflags = vcpu_rflags(vcpu);

	vcpu_set_rip(vcpu, rip + m->length);
	vcpu_clear_rf(vcpu);
	vcpu->stats.insn_emulated++;
	return vmx_skipped(vcpu, rflags);
}

static __always_inline int exit_mmio(struct vcpu *vcpu, gpa_t gpa,
				     const struct emul_mov *m, u64 val)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	memcpy(run->mmio.data, &val, sizeof(val));
	run->mmio.len = m->size;
	run->mmio.is_write = m->store;
	vcpu->stats.mmio_exits++;
	return RUN_EXIT_USER;
}

static int store(struct vcpu *vcpu, gpa_t gpa, u64 rip,
		 const struct emul_mov *m, bool devices)
{
	u64 val = emul_mov_value(m, vcpu->regs);
	bool done;
	int ret;

	trace_kvm_mmio(TRACE_MMIO_WRITE, m->size, gpa, &val);
	done = devices && io_write_device(vcpu, gpa, &val, m->size);
	ret = finish(vcpu, rip, m);
	if (done)
		return ret;
	/* user space gets it when the instruction is over: nothing to complete */
	if (unlikely(ret == RUN_EXIT_USER)) {
		io_hold_debug(vcpu);
		vcpu->io.pending = IO_DEBUG;
	}
	return exit_mmio(vcpu, gpa, m, val);
}

static int load(struct vcpu *vcpu, gpa_t gpa, u64 rip, const struct emul_mov *m,
		bool devices)
{
	u64 val = 0;

	if (devices && io_read_device(vcpu, gpa, &val, m->size)) {
		trace_kvm_mmio(TRACE_MMIO_READ, m->size, gpa, &val);
		emul_mov_load(m, vcpu->regs, val);
		return finish(vcpu, rip, m);
	}
	trace_kvm_mmio(TRACE_MMIO_READ_UNSATISFIED, m->size, gpa, NULL);
	vcpu->io.pending = IO_MOV_LOAD;
	vcpu->io.frags[0].gpa = gpa;
	vcpu->io.mov = m;
	vcpu->io.rip = rip;
	return exit_mmio(vcpu, gpa, m, 0);
}

/* Is there a device in the kernel? It may sleep, or want interrupts on. */
static bool claimed(struct vcpu *vcpu, gpa_t gpa)
{
	return (vcpu->lapic &&
		!((gpa ^ vcpu->arch.apic_base) >> PAGE_SHIFT)) ||
	       io_bus_claims(vcpu->vm, &vcpu->vm->mmio_bus, gpa, 1) ||
	       coalesced_claims(vcpu->vm, false, gpa, 1);
}

int run_mmio(struct vcpu *vcpu, gpa_t gpa, gva_t gva, u32 access, bool devices)
{
	const struct emul_mov *m;
	u64 rip;

	if (!vcpu_64bit(vcpu) || unlikely(vcpu->vmx.drs_active) ||
	    trace_kvm_emulate_insn_enabled())
		return MMIO_OTHER;
	rip = vcpu_rip(vcpu);
	m = fetch(vcpu, rip, gpa >> PAGE_SHIFT);
	gpa &= MMU_GPA_BITS;
	if (unlikely(!m || emul_mov_address(m, vcpu->regs, rip) != gva ||
		     gva & (m->size - 1) ||
		     !(access & (m->store ? MMU_ACC_WRITE : MMU_ACC_READ))))
		return MMIO_OTHER;
	if (!devices && unlikely(claimed(vcpu, gpa)))
		return MMIO_OTHER;
	return m->store ? store(vcpu, gpa, rip, m, devices) :
			  load(vcpu, gpa, rip, m, devices);
}

/*
 * A store to memory that the MMU watches, a page table of the guest's as a rule.
 * As with a device the CPU has checked all but the instruction itself.
 */
static __always_inline const struct emul_mov *
watched_store(struct vcpu *vcpu, const struct mmu_fault *f)
{
	const struct mmio_insn *i;
	u64 rip;

	if (!vcpu_64bit(vcpu) || unlikely(vcpu->vmx.drs_active) ||
	    trace_kvm_emulate_insn_enabled())
		return NULL;
	rip = vcpu_rip(vcpu);
	i = fetch_insn(vcpu, rip);
	if (unlikely(!i || !i->plain || !i->mov.store ||
		     emul_mov_address(&i->mov, vcpu->regs, rip) != f->gva ||
		     f->gva & (i->mov.size - 1)))
		return NULL;
	return &i->mov;
}

int run_watched_store(struct vcpu *vcpu, const struct mmu_fault *f)
{
	const struct emul_mov *m = watched_store(vcpu, f);
	u64 val;

	if (!m)
		return MMIO_OTHER;
	val = emul_mov_value(m, vcpu->regs);
	if (guest_write(vcpu->vm, vcpu, f->gpa, &val, m->size))
		return MMIO_OTHER;
	return finish(vcpu, vcpu_rip(vcpu), m);
}

bool run_store_fast(struct vcpu *vcpu, const struct mmu_fault *f)
{
	const struct emul_mov *m = watched_store(vcpu, f);

	if (!m || !mmu_op(vcpu->vm, store_fast, vcpu, f->gpa,
			  emul_mov_value(m, vcpu->regs), m->size))
		return false;
	finish(vcpu, vcpu_rip(vcpu), m);
	return true;
}

/*
 * The CPU tells the offset and not the address; no more is needed of it, since
 * the page was found by the CPU.
 */
int run_apic_page(struct vcpu *vcpu, unsigned int off, bool write)
{
	gpa_t gpa = (vcpu->arch.apic_base & PAGE_MASK) + off;
	const struct mmio_insn *i;
	u64 rip;

	if (!vcpu_64bit(vcpu) || unlikely(vcpu->vmx.drs_active) ||
	    trace_kvm_emulate_insn_enabled())
		return MMIO_OTHER;
	rip = vcpu_rip(vcpu);
	i = fetch_insn(vcpu, rip);
	if (unlikely(!i || !i->plain || i->mov.store != write ||
		     offset_in_page(emul_mov_address(&i->mov, vcpu->regs, rip)) != off ||
		     off & (i->mov.size - 1)))
		return MMIO_OTHER;
	return write ? store(vcpu, gpa, rip, &i->mov, true) :
		       load(vcpu, gpa, rip, &i->mov, true);
}

bool run_apic_page_fast(struct vcpu *vcpu, unsigned int off)
{
	gpa_t gpa = (vcpu->arch.apic_base & PAGE_MASK) + off;
	const struct mmio_insn *i;
	u64 rip, val;

	if (!vcpu_64bit(vcpu) || trace_kvm_emulate_insn_enabled())
		return false;
	rip = vcpu_rip(vcpu);
	i = fetch_insn(vcpu, rip);
	if (unlikely(!i || !i->plain || !i->mov.store || i->mov.size != 4 ||
		     offset_in_page(emul_mov_address(&i->mov, vcpu->regs, rip)) != off))
		return false;
	val = emul_mov_value(&i->mov, vcpu->regs);
	if (!lapic_mmio_write(vcpu, gpa, 4, &val))
		return false;
	trace_kvm_mmio(TRACE_MMIO_WRITE, 4, gpa, &val);
	finish(vcpu, rip, &i->mov);
	return true;
}

int mmio_mov_complete(struct vcpu *vcpu)
{
	const struct emul_mov *m = vcpu->io.mov;
	u64 rip = vcpu_rip(vcpu), val;

	/* user space set another RIP: the instruction is none of ours any more */
	if (rip != vcpu->io.rip)
		return RUN_RESUME;
	memcpy(&val, vcpu->run->mmio.data, sizeof(val));
	trace_kvm_mmio(TRACE_MMIO_READ, m->size, vcpu->io.frags[0].gpa, &val);
	emul_mov_load(m, vcpu->regs, val);
	return finish(vcpu, rip, m);
}
