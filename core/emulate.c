// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running the emulator: its context from the vCPU, its results back.
 */
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/vmx.h>
#include "core/emul.h"
#include "core/run.h"
#include "core/trace.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

/* A debugger's breakpoints replace the guest's */
static void prepare_breakpoints(struct vcpu *vcpu)
{
	struct emul_ctx *ctx = &vcpu->emul;
	struct x86_vcpu *a = &vcpu->arch;

	if (a->guest_debug & KVM_GUESTDBG_USE_HW_BP) {
		ctx->dr7 = a->guest_debug_dr7;
		ctx->db = a->guest_debug_db;
	} else {
		ctx->dr7 = a->dr7;
		ctx->db = a->db;
	}
}

/* The caller's part of the context (emulate/emulate.h) */
static void prepare(struct vcpu *vcpu)
{
	struct emul_ctx *ctx = &vcpu->emul;
	struct vmx_seg cs;

	ctx->rip = vcpu_rip(vcpu);
	ctx->rflags = vcpu_rflags(vcpu);
	vcpu_rsp(vcpu);
	ctx->dirty = 0;
	ctx->shadow = EMUL_SHADOW_NONE;
	ctx->stop = false;
	ctx->insn_len = 0;
	ctx->dr7 = 0;
	if (unlikely(vcpu->vmx.drs_active))
		prepare_breakpoints(vcpu);
	ctx->cpl = vcpu_cpl(vcpu);
	if (!x86_protected(vcpu)) {
		/* after PE was cleared in 32-bit code: until CS is loaded again */
		vmx_read_seg(vcpu, &cs, SEG_CS);
		ctx->mode = EMUL_MODE_REAL;
		ctx->code_size = cs.ar & VMX_AR_DB_MASK ? 4 : 2;
		return;
	}
	if (ctx->rflags & X86_EFLAGS_VM && !x86_long_mode(vcpu)) {
		ctx->mode = EMUL_MODE_VM86;
		ctx->code_size = 2;
		return;
	}
	vmx_read_seg(vcpu, &cs, SEG_CS);
	if (x86_long_mode(vcpu) && cs.ar & VMX_AR_L_MASK) {
		ctx->mode = EMUL_MODE_LONG;
		ctx->code_size = 8;
		return;
	}
	ctx->mode = EMUL_MODE_PROT;
	ctx->code_size = cs.ar & VMX_AR_DB_MASK ? 4 : 2;
}

static void write_back(struct vcpu *vcpu)
{
	struct emul_ctx *ctx = &vcpu->emul;

	if (ctx->dirty & BIT(EMUL_RSP))
		vcpu_set_rsp(vcpu, ctx->regs[EMUL_RSP]);
	if (ctx->dirty & EMUL_DIRTY_RIP)
		vcpu_set_rip(vcpu, ctx->rip);
	if (ctx->dirty & EMUL_DIRTY_RFLAGS)
		vcpu_set_rflags(vcpu, ctx->rflags);
}

static void trace_insn(struct vcpu *vcpu, u8 len, bool failed)
{
	static const u8 flags[] = {
		[EMUL_MODE_REAL] = 0,
		[EMUL_MODE_VM86] = TRACE_INSN_CR0_PE | TRACE_INSN_EFL_VM,
		[EMUL_MODE_PROT] = TRACE_INSN_CR0_PE,
		[EMUL_MODE_LONG] = TRACE_INSN_CR0_PE | TRACE_INSN_CS_L,
	};
	struct emul_ctx *ctx = &vcpu->emul;
	u8 mode = flags[ctx->mode];

	if (ctx->mode == EMUL_MODE_PROT && ctx->code_size == 4)
		mode |= TRACE_INSN_CS_D;
	trace_kvm_emulate_insn(vcpu_rip(vcpu), vmx_segment_base(vcpu, SEG_CS),
			       ctx->insn, len, mode, failed);
}

/*
 * The ABI's KVM_INTERNAL_ERROR_EMULATION: flags, and the bytes if there are any,
 * followed by the linear address, the mode and the size of code.
 */
static int emulation_failed(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct emul_ctx *ctx = &vcpu->emul;
	u8 len = min_t(u8, ctx->insn_len, sizeof(run->emulation_failure.insn_bytes));

	vcpu->stats.insn_emul_failed++;
	trace_insn(vcpu, len, true);
	/* a write to memory that the MMU watches: the guest can make it itself */
	if (vcpu->emul_protected != NO_GPA &&
	    mmu_op(vcpu->vm, unprotect, vcpu, vcpu->emul_protected))
		return RUN_RESUME;
	/* user code cannot be allowed to end the VM, unless user space wants it */
	if (vcpu->emul_undefined ||
	    (vcpu_cpl(vcpu) && !READ_ONCE(vcpu->vm->arch.exit_on_emul_failure))) {
		x86_queue_exception(vcpu, UD_VECTOR);
		return RUN_RESUME;
	}
	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 1;
	if (len) {
		/* flags, size and bytes; then what the ABI leaves open */
		run->emulation_failure.ndata = 5;
		run->internal.data[3] = vmx_segment_base(vcpu, SEG_CS) + vcpu_rip(vcpu);
		run->internal.data[4] = ctx->mode | ctx->code_size << 8;
		run->emulation_failure.flags =
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = len;
		memset(run->emulation_failure.insn_bytes, 0x90,
		       sizeof(run->emulation_failure.insn_bytes));
		memcpy(run->emulation_failure.insn_bytes, ctx->insn, len);
	}
	return RUN_EXIT_USER;
}

/* Traps of an instruction, or of an iteration. @rflags: as they were before */
static int skipped(struct vcpu *vcpu, u64 rflags)
{
	struct emul_ctx *ctx = &vcpu->emul;
	u64 hit = ctx->hit;

	if (likely(!hit))
		return vmx_skipped(vcpu, rflags);
	ctx->hit = 0;
	return vmx_skipped_breakpoints(vcpu, rflags, hit);
}

/* The instruction (or an iteration of it) is over: what comes with that */
static int completed(struct vcpu *vcpu)
{
	struct emul_ctx *ctx = &vcpu->emul;
	u64 rflags = vcpu->emul_rflags, held = 0;
	int ret;

	vcpu->stats.insn_emulated++;
	/*
	 * After MOV SS the traps wait for another instruction (SDM 3A 6.8.3): TF
	 * is still there then, breakpoints have to be kept.
	 */
	if (unlikely(ctx->trap == EMUL_TRAP_NEW_TF))
		rflags = ctx->rflags;
	if (ctx->trap == EMUL_TRAP_NONE || ctx->shadow == EMUL_SHADOW_MOV_SS)
		rflags &= ~X86_EFLAGS_TF;
	if (ctx->shadow == EMUL_SHADOW_MOV_SS) {
		held = ctx->hit;
		ctx->hit = 0;
	}
	ret = skipped(vcpu, rflags);
	/* a trap's delivery would end it: TF, or what an earlier MOV SS has hit */
	if (ctx->shadow && !(rflags & X86_EFLAGS_TF) &&
	    !vcpu->arch.ev.exception.pending) {
		vmx_set_interrupt_shadow(vcpu, ctx->shadow == EMUL_SHADOW_STI ?
					 KVM_X86_SHADOW_INT_STI :
					 KVM_X86_SHADOW_INT_MOV_SS);
		if (unlikely(held))
			vmx_hold_breakpoints(vcpu, held);
	}
	if (unlikely(vcpu->emul_halted)) {
		vcpu->emul_halted = false;
		if (ret == RUN_RESUME)
			ret = run_halt(vcpu);
	}
	if (unlikely(vcpu->emul_asks_user)) {
		vcpu->emul_asks_user = false;
		/* a debugger's step has taken the exit: no such hypercall */
		if (ret == RUN_RESUME) {
			vcpu->io.pending = IO_EMUL_HYPERCALL;
			vcpu->io.rip = vcpu_rip(vcpu);
			ret = RUN_EXIT_USER;
		}
	}
	return ret;
}

/* 0F AA, which the emulator decodes and leaves to its caller */
static bool is_rsm(const struct emul_ctx *ctx)
{
	return ctx->d.length && ctx->d.map == 1 && ctx->d.opcode == 0xaa;
}

static int do_rsm(struct vcpu *vcpu)
{
	vcpu->stats.insn_emulated++;
	if (x86_rsm(vcpu))
		x86_queue_exception(vcpu, UD_VECTOR);
	return RUN_RESUME;
}

static int act_on(struct vcpu *vcpu, int result)
{
	struct emul_ctx *ctx = &vcpu->emul;
	struct vcpu_io *io = &vcpu->io;
	int ret = RUN_RESUME;

	write_back(vcpu);
	/* IRET unblocks NMIs, even one that faults (SDM 3A 6.7.1) */
	if (unlikely(ctx->d.opcode == 0xcf && !ctx->d.map && ctx->d.length))
		vmx_set_nmi_blocked(vcpu, false);
	io->emul_continue = result == EMUL_IO;
	io->rip = vcpu_rip(vcpu);
	switch (result) {
	case EMUL_OK:
		ret = completed(vcpu);
		break;
	case EMUL_YIELD:
		/* each iteration traps where TF is set */
		if (unlikely(vcpu->emul_rflags & X86_EFLAGS_TF || ctx->hit))
			ret = skipped(vcpu, vcpu->emul_rflags);
		break;
	case EMUL_RETRY:
	case EMUL_IO:
		break;
	case EMUL_FAULT: {
		const struct x86_exception e = {
			.vector = ctx->fault.vector,
			.has_error = ctx->fault.has_error,
			.error = ctx->fault.error,
			.address = ctx->fault.address,
		};

		/* MOV DR with DR7.GD: a #DB that is a fault (SDM 3B 18.3.1.3) */
		if (e.vector == DB_VECTOR && !ctx->fault.trap)
			vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) | X86_EFLAGS_RF);
		x86_queue_fault(vcpu, &e);
		break;
	}
	case EMUL_UNHANDLED:
		ret = is_rsm(ctx) ? do_rsm(vcpu) : emulation_failed(vcpu);
		break;
	default:
		WARN_ON_ONCE(result > 0);
		return result < 0 ? result : -EIO;
	}
	if (likely(!io->nr && io->pending != IO_EMUL_PIO &&
		   io->pending != IO_EMUL_MSR))
		return ret;
	/* what went to devices in user space has to be handed out first */
	if (unlikely(ret == RUN_EXIT_USER &&
		     (result == EMUL_OK || result == EMUL_YIELD))) {
		io_hold_debug(vcpu);
		io_refill_pio(vcpu);
	}
	if (!io->nr)
		return RUN_EXIT_USER;
	io->cur = 0;
	return io_exit_mmio(vcpu);
}

/* MMIO in the middle of delivering an event: going on would lose the event */
static bool event_under_way(struct vcpu *vcpu)
{
	const struct x86_events *ev = &vcpu->arch.ev;

	return ev->exception.injected || ev->irq.injected || ev->nmi_injected;
}

/* An INT3, a debugger's breakpoint? What is decoded here is not fetched again. */
static bool at_int3(struct vcpu *vcpu)
{
	struct emul_ctx *ctx = &vcpu->emul;

	return !emul_decode(ctx) && ctx->d.opcode == 0xcc && !ctx->d.map;
}

int run_emulate(struct vcpu *vcpu, struct mmu_fault *f)
{
	int ret;

	if (f && unlikely(event_under_way(vcpu))) {
		const u64 data[] = { vcpu->vmx.idt_info, vcpu->vmx.exit_reason,
				     vcpu->vmx.exit_qual,
				     f->gpa & MMU_GPA_BITS };

		return run_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV,
					  ARRAY_SIZE(data), data);
	}
	if (f && f->mmio && f->gva_valid && !f->in_walk) {
		ret = run_mmio(vcpu, f->gpa, f->gva, f->access, true);
		if (ret != MMIO_OTHER)
			return ret;
	}
	if (f && !f->mmio && f->gva_valid && !f->in_walk &&
	    f->access & MMU_ACC_WRITE) {
		ret = run_watched_store(vcpu, f);
		if (ret != MMIO_OTHER)
			return ret;
	}
	vcpu->emul_mmio_gfn = NO_MMIO_GFN;
	vcpu->emul_access = 0;
	vcpu->emul_protected = f && !f->mmio ? f->gpa : NO_GPA;
	if (f && f->mmio) {
		vcpu->emul_mmio_gfn = f->gpa >> PAGE_SHIFT;
		if (f->gva_valid && !f->in_walk) {
			vcpu->emul_gva = f->gva & PAGE_MASK;
			vcpu->emul_access = f->access;
		}
	}
	vcpu->io.nr = 0;
	vcpu->io.reading = false;
	prepare(vcpu);
	if (unlikely(vcpu->arch.guest_debug & KVM_GUESTDBG_USE_SW_BP) &&
	    at_int3(vcpu))
		return vmx_raise_breakpoint(vcpu);
	vcpu->emul_rflags = vcpu->emul.rflags;
	ret = emul_run(&vcpu->emul);
	if (trace_kvm_emulate_insn_enabled())
		trace_insn(vcpu, vcpu->emul.d.length, false);
	return act_on(vcpu, ret);
}

int run_emulate_next(struct vcpu *vcpu)
{
	unsigned int dr6;

	if (unlikely(vcpu->vmx.drs_active)) {
		prepare(vcpu);
		dr6 = emul_code_breakpoint(&vcpu->emul);
		if (dr6)
			return vmx_raise_debug(vcpu, dr6);
	}
	return run_emulate(vcpu, NULL);
}

int run_emulate_undefined(struct vcpu *vcpu)
{
	int ret;

	vcpu->emul_undefined = true;
	ret = run_emulate(vcpu, NULL);
	vcpu->emul_undefined = false;
	return ret;
}

int emul_resume(struct vcpu *vcpu)
{
	struct emul_ctx *ctx = &vcpu->emul;
	struct vcpu_io *io = &vcpu->io;
	bool reading = io->reading;

	/* user space set another RIP: the instruction is none of ours any more */
	if (!io->emul_continue || vcpu_rip(vcpu) != io->rip)
		return RUN_RESUME;
	if (reading)
		memcpy(ctx->io_data, io->frags[io->nr - 1].data,
		       min_t(unsigned int, ctx->io_len, 8));
	else if (io->in && ctx->io_data && ctx->io_data != vcpu->pio_page)
		memcpy(ctx->io_data, vcpu->pio_page,
		       min_t(unsigned int, ctx->io_len, io->size * io->count));
	io->nr = 0;
	io->reading = false;
	return act_on(vcpu, emul_continue(ctx));
}

/* User space has answered to RDMSR or WRMSR */
int emul_resume_msr(struct vcpu *vcpu, u64 value, bool error)
{
	struct emul_ctx *ctx = &vcpu->emul;

	if (!vcpu->io.emul_continue || vcpu_rip(vcpu) != vcpu->io.rip)
		return RUN_RESUME;
	if (error)
		return act_on(vcpu, emul_set_fault(ctx, GP_VECTOR, true, 0));
	if (vcpu->io.in)
		memcpy(ctx->io_data, &value, sizeof(value));
	return act_on(vcpu, emul_continue(ctx));
}

/*
 * An event or a task switch that the emulator brought about has left the guest
 * in its handler or its new task, or in a fault on the way there.
 */
static int delivered(struct vcpu *vcpu, int result)
{
	struct x86_events *ev = &vcpu->arch.ev;
	struct emul_ctx *ctx = &vcpu->emul;
	struct x86_exception e;

	write_back(vcpu);
	switch (result) {
	case EMUL_OK:
		ev->exception.injected = false;
		ev->irq.injected = false;
		ev->nmi_injected = false;
		vmx_set_interrupt_shadow(vcpu, 0);
		if (likely(!vcpu->io.nr))
			return RUN_RESUME;
		/* a stack in a device */
		vcpu->io.cur = 0;
		vcpu->io.emul_continue = false;
		return io_exit_mmio(vcpu);
	case EMUL_FAULT:
		/* an exception under way decides what becomes of both */
		ev->irq.injected = false;
		ev->nmi_injected = false;
		e = (struct x86_exception) {
			.vector = ctx->fault.vector,
			.has_error = ctx->fault.has_error,
			.error = ctx->fault.error,
			.address = ctx->fault.address,
		};
		x86_queue_fault(vcpu, &e);
		return RUN_RESUME;
	case EMUL_UNHANDLED:
		vcpu->stats.insn_emul_failed++;
		return run_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION,
					  0, NULL);
	}
	WARN_ON_ONCE(result > 0);
	return result < 0 ? result : -EIO;
}

static void prepare_delivery(struct vcpu *vcpu)
{
	vcpu->emul_mmio_gfn = NO_MMIO_GFN;
	vcpu->emul_access = 0;
	vcpu->io.nr = 0;
	vcpu->io.reading = false;
	prepare(vcpu);
}

int run_task_switch(struct vcpu *vcpu, u16 sel, unsigned int cause,
		    u64 next_rip, bool has_error, u32 error)
{
	prepare_delivery(vcpu);
	vcpu->emul.rip = next_rip;
	return delivered(vcpu, emul_task_switch(&vcpu->emul, sel, cause,
						has_error, error));
}

int run_deliver(struct vcpu *vcpu, u32 info, u32 error, u32 insn_len)
{
	enum emul_event event;
	int ret;

	prepare_delivery(vcpu);
	switch (info & INTR_INFO_INTR_TYPE_MASK) {
	case INTR_TYPE_SOFT_INTR:
	case INTR_TYPE_SOFT_EXCEPTION:
		event = EMUL_EVENT_SOFTWARE;
		vcpu->emul.rip += insn_len;
		break;
	case INTR_TYPE_PRIV_SW_EXCEPTION:
		vcpu->emul.rip += insn_len;
		fallthrough;
	case INTR_TYPE_HARD_EXCEPTION:
		event = EMUL_EVENT_EXCEPTION;
		break;
	default:
		event = EMUL_EVENT_HARDWARE;
	}
	ret = emul_interrupt(&vcpu->emul, info & INTR_INFO_VECTOR_MASK, event,
			     info & INTR_INFO_DELIVER_CODE_MASK, error);
	if (ret == EMUL_OK &&
	    (info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		vmx_set_nmi_blocked(vcpu, true);
	return delivered(vcpu, ret);
}
