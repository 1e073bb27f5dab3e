/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What exit handlers ask of the run loop: I/O, emulation, exits to user space.
 * All of these are called with the vCPU loaded, vm->srcu held for reading,
 * interrupts on, and return an enum run_result or -errno.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include <linux/vtime.h>
#include "core/vcpu.h"
#include "irqchip/irqchip.h"
#include "vmx/vmx.h"

struct mmu_fault;

/**
 * run_pio() - port I/O of one IN or OUT (not a string instruction)
 * @vcpu: the vCPU; RIP still at the instruction
 * @in: IN
 * @port: port number
 * @size: 1, 2 or 4
 *
 * Advances RIP when done in the kernel or handed to user space.
 */
int run_pio(struct vcpu *vcpu, bool in, u16 port, unsigned int size);

/**
 * run_emulate() - emulate the instruction at RIP
 * @vcpu: the vCPU
 * @f: the memory fault that led here, or NULL
 *
 * Emulation that cannot be done ends in KVM_EXIT_INTERNAL_ERROR with the
 * instruction bytes.
 */
int run_emulate(struct vcpu *vcpu, struct mmu_fault *f);

/**
 * run_emulate_next() - the same for an instruction that the CPU has not begun
 * @vcpu: the vCPU
 *
 * A breakpoint on it comes first.
 */
int run_emulate_next(struct vcpu *vcpu);
/* The same for one that the CPU has raised #UD for: so it is if not executed */
int run_emulate_undefined(struct vcpu *vcpu);

/**
 * run_mmio() - make an access to a device if the instruction is a plain move
 * @vcpu: the vCPU; no event is under way
 * @gpa: the address
 * @gva: the same as the CPU translated it
 * @access: MMU_ACC_* of the access
 * @devices: ask those in the kernel before user space; if not, the access is
 *	not made where there are any. Then interrupts may be off, and nothing
 *	sleeps but accesses to user memory.
 *
 * Return: enum run_result or -errno; MMIO_OTHER where it is no such
 * instruction or no device. Nothing has been done then.
 */
int run_mmio(struct vcpu *vcpu, gpa_t gpa, gva_t gva, u32 access, bool devices);
#define MMIO_OTHER	2

/**
 * run_apic_page() - the same for an APIC-access exit
 * @vcpu: the vCPU, whose LAPIC is where its base says; no event is under way
 * @off: offset into the page
 * @write: direction
 *
 * Return: as run_mmio().
 */
int run_apic_page(struct vcpu *vcpu, unsigned int off, bool write);

/*
 * The same for a write to a register that lapic_mmio_write() can take with
 * interrupts off; page faults are disabled, and no debugger is there. False:
 * nothing done.
 */
bool run_apic_page_fast(struct vcpu *vcpu, unsigned int off);

/**
 * run_store_fast() - make a plain store that fault_fast() has left to be made
 * @vcpu: the vCPU; no event is under way, no debugger there
 * @f: the fault, answered MMU_FAST_STORE
 *
 * Context: interrupts off, vm->srcu held, page faults disabled. Return: false:
 * nothing done.
 */
bool run_store_fast(struct vcpu *vcpu, const struct mmu_fault *f);

/**
 * run_mmu_fault() - hand a fault to the MMU kind and act on the answer
 * @vcpu: the vCPU
 * @f: the fault
 *
 * MMU_RESUME resumes, MMU_EMULATE emulates, MMU_INJECT queues f->exception.
 */
int run_mmu_fault(struct vcpu *vcpu, struct mmu_fault *f);

/* HLT executed: block, or exit with KVM_EXIT_HLT where there is no irqchip */
int run_halt(struct vcpu *vcpu);

/**
 * run_internal_error() - end KVM_RUN with KVM_EXIT_INTERNAL_ERROR
 * @vcpu: the vCPU
 * @suberror: KVM_INTERNAL_ERROR_*
 * @n: words in @data, at most 16
 * @data: may be NULL when @n is 0
 *
 * Return: RUN_EXIT_USER.
 */
int run_internal_error(struct vcpu *vcpu, u32 suberror, unsigned int n,
		       const u64 *data);

/*
 * msr_read(), msr_write() - by the guest: filter, then the MSR itself
 *
 * Return: 0 or enum x86_msr_result.
 */
int msr_read(struct vcpu *vcpu, u32 index, u64 *value);
int msr_write(struct vcpu *vcpu, u32 index, u64 value);

/**
 * msr_ask_user() - KVM_EXIT_X86_RDMSR or KVM_EXIT_X86_WRMSR instead of #GP
 * @vcpu: the vCPU
 * @write: WRMSR
 * @index: the MSR
 * @value: what is written
 * @why: what msr_read() or msr_write() answered
 *
 * Return: false where user space does not want to be asked.
 */
bool msr_ask_user(struct vcpu *vcpu, bool write, u32 index, u64 value, int why);

/* RDMSR and WRMSR with all their ways out; RIP still at the instruction */
int run_rdmsr(struct vcpu *vcpu);
int run_wrmsr(struct vcpu *vcpu);

/**
 * run_task_switch() - emulate a hardware task switch
 * @vcpu: the vCPU; RIP at the instruction that asks for it, if one does
 * @sel: selector of the new TSS
 * @cause: enum emul_task_cause
 * @next_rip: where the old task will go on
 * @has_error: push @error in the new task
 * @error: error code
 */
int run_task_switch(struct vcpu *vcpu, u16 sel, unsigned int cause,
		    u64 next_rip, bool has_error, u32 error);

/**
 * run_deliver() - deliver an event through the guest's IDT by emulation
 * @vcpu: the vCPU, in a mode into which VMX cannot inject
 * @info: the event in VM-entry form (SDM 3C 25.8.3)
 * @error: error code
 * @insn_len: of a software event: RIP is moved past it first
 */
int run_deliver(struct vcpu *vcpu, u32 info, u32 error, u32 insn_len);

/*
 * vcpu_read_gva(), vcpu_write_gva() - guest memory by linear address
 * @vcpu: the vCPU
 * @gva: linear address; the access may cross a page
 * @data: buffer
 * @len: bytes
 * @access: MMU_ACC_*; MMU_ACC_WRITE is added by the write
 * @e: filled with MMU_INJECT
 *
 * Return: MMU_RESUME done, MMU_EMULATE not memory there, MMU_INJECT, -errno.
 */
int vcpu_read_gva(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len,
		  u32 access, struct x86_exception *e);
int vcpu_write_gva(struct vcpu *vcpu, gva_t gva, const void *data,
		   unsigned int len, u32 access, struct x86_exception *e);

/* A hypercall (VMCALL). RIP is advanced here. */
int run_hypercall(struct vcpu *vcpu);
/* User space's answer to KVM_EXIT_HYPERCALL; @emulated: RIP is past it */
int hypercall_complete(struct vcpu *vcpu, bool emulated);

/* ---- between quick.c, run.c and pio.c ------------------------------------ */

enum quick_result {
	QUICK_NOT,		/* nothing has been done */
	QUICK_LOADED,		/* no entry; loaded, FPU too: the run loop's turn */
	QUICK_EXITED,		/* the same, and vmx_handle_exit() is due */
	QUICK_DONE,		/* KVM_RUN is over and returns 0 */
};

/**
 * run_full() - KVM_RUN, all of it
 * @vcpu: the vCPU
 * @quick: how far the quick way got
 *
 * Return: as vcpu_run().
 */
int run_full(struct vcpu *vcpu, enum quick_result quick);

/* What kvm_run tells at every return; loaded */
static __always_inline void run_fill(struct vcpu *vcpu)
{
	bool enabled = vcpu_rflags(vcpu) & X86_EFLAGS_IF;
	struct kvm_run *run = vcpu->run;

	run->if_flag = enabled;
	run->apic_base = vcpu->arch.apic_base;
	run->flags = vcpu->arch.smm ? KVM_RUN_X86_SMM : 0;
	if (likely(vcpu->lapic && !vcpu->vm->irq.split)) {
		run->cr8 = lapic_get_tpr(vcpu);
		run->ready_for_interrupt_injection = 1;
		return;
	}
	run->cr8 = vcpu->lapic ? lapic_get_tpr(vcpu) : vcpu->arch.cr8;
	run->ready_for_interrupt_injection = enabled && irqchip_user_irqs(vcpu) &&
		vcpu->arch.ev.user_irq < 0 && !vcpu->arch.ev.irq.injected &&
		!vcpu->arch.ev.exception.pending && vmx_irq_allowed(vcpu);
}

/**
 * pio_to_user() - KVM_EXIT_IO, where no device in the kernel can answer
 * @vcpu: the vCPU; RIP at the instruction
 * @in: direction
 * @port: port
 * @size: 1, 2 or 4
 *
 * Context: any, vm->srcu not held. Return: false: nothing done, run_pio()
 * has to look at it.
 */
bool pio_to_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size);

/**
 * pio_fast() - an OUT to a device that answers with interrupts off
 * @vcpu: the vCPU; RIP at the instruction, and left there
 * @port: port
 * @size: 1, 2 or 4
 *
 * Context: interrupts off, vm->srcu not held. Return: false: nothing done,
 * run_pio() has to look at it.
 */
bool pio_fast(struct vcpu *vcpu, u16 port, unsigned int size);

static inline void guest_time_begin(void)
{
	vtime_account_guest_enter();
}

/* Interrupts off again, after those that came with the exit have been taken */
static inline void guest_time_end(void)
{
	vtime_account_guest_exit();
}

#endif
