/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX: what core/, x86/ and uapi/ (through core/) may call.
 *
 * Unless said otherwise a function wants the vCPU loaded (vcpu_load()), since
 * VMREAD and VMWRITE work on the CPU's current VMCS.
 */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "core/vcpu.h"
#include "vmx/regs.h"

struct mmu_hw_caps;

/**
 * vmx_setup() - discover what this machine's VMX can do
 *
 * Return: 0, or -EOPNOTSUPP with one line in the log saying what the CPU or
 * the firmware lacks, -ENOMEM.
 */
int vmx_setup(void);
void vmx_unsetup(void);
/* For mmu_setup(); constant after vmx_setup() */
const struct mmu_hw_caps *vmx_mmu_caps(void);

/**
 * vmx_enable() - VMXON on every CPU, now and as CPUs come online
 *
 * Counted: the first VM turns it on, the last turns it off.
 * Return: 0, -EBUSY where CR4.VMXE is already set, -EIO where VMXON fails.
 */
int vmx_enable(void);
void vmx_disable(void);

/**
 * vmx_stop() - VMXOFF on every CPU, for good: the machine is going down
 *
 * No vCPU should be loaded: what the VMCS of one holds is gone.
 * Context: may sleep.
 */
void vmx_stop(void);

/* As vmx_enable(), which it calls for the VM */
int vmx_vm_init(struct vm *vm);
void vmx_vm_destroy(struct vm *vm);
/* The VMCS and what belongs to it; not loaded. 0 or -ENOMEM */
int vmx_vcpu_init(struct vcpu *vcpu);
void vmx_vcpu_destroy(struct vcpu *vcpu);
/* VMCS fields at power-on or (@init) INIT; by x86_vcpu_reset() */
void vmx_vcpu_reset(struct vcpu *vcpu, bool init);

/* CPUID, EFER or the MSR filter changed: which MSR accesses exit */
void vmx_msr_update_intercepts(struct vcpu *vcpu);

/* Parts of vcpu_load() and vcpu_put(): the VMCS onto this CPU; preemption off */
void vmx_vcpu_load(struct vcpu *vcpu, int cpu);
void vmx_vcpu_put(struct vcpu *vcpu);
/* Its thread has got a CPU again; after vmx_vcpu_load() */
void vmx_sched_in(struct vcpu *vcpu);

DECLARE_PER_CPU(struct vmcs *, current_vmcs);

/* Preemption off. It stays so: only its own vmcs_evict() or VMXOFF clears it. */
static __always_inline bool vmcs_is_current(const struct vmcs *vmcs)
{
	return this_cpu_read(current_vmcs) == vmcs;
}

/* Interrupts off; active on this CPU (C2, C3 of vmx/cpu.c: VMX is on then) */
static __always_inline void vmcs_make_current(struct vmcs *vmcs)
{
	this_cpu_write(current_vmcs, vmcs);
	vmptrld(__pa(vmcs->region));
}

/*
 * Was this vCPU the last on this CPU? Then vmx_vcpu_load() has nothing to do but
 * to begin to count; not even a barrier between VMs is due.
 */
static __always_inline bool vmx_still_here(const struct vcpu *vcpu)
{
	return vmcs_is_current(&vcpu->vmx.vmcs);
}

static __always_inline void vmx_counts_begin(void)
{
	/* whatever was counted since the last vCPU left was for none */
	this_cpu_write(vmcs_counts.reads, 0);
	this_cpu_write(vmcs_counts.writes, 0);
}

static __always_inline void vmx_counts_end(struct vcpu *vcpu)
{
	vcpu->stats.vmreads += this_cpu_read(vmcs_counts.reads);
	vcpu->stats.vmwrites += this_cpu_read(vmcs_counts.writes);
}

/* Exit qualification of an I/O instruction: SDM 3C table 28-5 */
#define VMX_IO_SIZE(q)	(((q) & 7) + 1)
#define VMX_IO_IN	BIT(3)
#define VMX_IO_STRING	BIT(4)
#define VMX_IO_PORT(q)	((u16)((q) >> 16))

/**
 * vmx_enter() - run the guest until an exit that the fast handlers leave
 * @vcpu: the vCPU
 *
 * The exit is in vcpu->vmx.exit_reason; VMX_REASON_NONE where all of it was done
 * and something else wants the vCPU out of the guest.
 * Context: interrupts off on entry and return.
 */
void vmx_enter(struct vcpu *vcpu);

bool vmx_needs_emulation_slow(struct vcpu *vcpu);
bool vmx_segments_possible(struct vcpu *vcpu);

/* Is it known that the next thing to be done is the CPU's? */
static __always_inline bool vmx_surely_enterable(const struct vcpu *vcpu)
{
	return !(vcpu->vmx.state_changed | vcpu->vmx.emulation_required |
		 vcpu->vmx.soft_event);
}

/**
 * vmx_needs_emulation() - is the next thing to be done the emulator's?
 * @vcpu: the vCPU; vm->srcu held
 *
 * An instruction in a state that this VM's hardware cannot enter, or the delivery
 * of an event.
 */
static __always_inline bool vmx_needs_emulation(struct vcpu *vcpu)
{
	return unlikely(!vmx_surely_enterable(vcpu)) &&
	       vmx_needs_emulation_slow(vcpu);
}

/*
 * Emulate until the state is enterable again, but not for ever; vm->srcu held.
 * enum run_result or -errno.
 */
int vmx_emulate(struct vcpu *vcpu);

/* What is left of an external interrupt, NMI or machine check; interrupts off */
void vmx_handle_exit_irqoff(struct vcpu *vcpu);

/**
 * vmx_handle_exit() - full handler of the exit that vmx_enter() came back with
 * @vcpu: the vCPU; interrupts on, vm->srcu held
 *
 * Return: enum run_result or -errno.
 */
int vmx_handle_exit(struct vcpu *vcpu);

/*
 * Host state that guests disturb, put aside / brought back; interrupts off.
 * vmx_vcpu_put() brings it back by itself where that is due.
 */
void vmx_switch_to_guest(struct vcpu *vcpu);
void vmx_switch_to_host(struct vcpu *vcpu);

/*
 * MSRs of system calls: before preemption comes on after vmx_switch_to_guest(),
 * either have them brought back when some thread returns to user space, or do it
 * now. Interrupts off.
 */
void vmx_arm_user_return(void);
void vmx_msr_load_host(void);

/**
 * vmx_mmio() - run_mmio() for the last exit, if it is one
 * @vcpu: the vCPU; vm->srcu held
 * @devices: as run_mmio()
 *
 * Return: as run_mmio(); without @devices RUN_EXIT_USER or MMIO_OTHER.
 */
int vmx_mmio(struct vcpu *vcpu, bool devices);

/* Is it worth calling vmx_mmio()? */
static __always_inline bool vmx_maybe_mmio(const struct vcpu *vcpu)
{
	return vcpu->vmx.exit_reason == EXIT_REASON_EPT_VIOLATION ||
	       vcpu->vmx.exit_reason == EXIT_REASON_EXCEPTION_NMI;
}

/**
 * vmx_exit_pio() - was the last exit an IN or OUT?
 * @vcpu: the vCPU
 * @in: direction
 * @port: port
 * @size: 1, 2 or 4
 *
 * Return: true for one of a register; false for string I/O, while breakpoints
 * are on, and for all else.
 */
static __always_inline bool vmx_exit_pio(struct vcpu *vcpu, bool *in, u16 *port,
					 unsigned int *size)
{
	u64 qual;

	if (vcpu->vmx.exit_reason != EXIT_REASON_IO_INSTRUCTION)
		return false;
	qual = vmx_exit_qual(vcpu);
	*in = qual & VMX_IO_IN;
	*port = VMX_IO_PORT(qual);
	*size = VMX_IO_SIZE(qual);
	return !(qual & VMX_IO_STRING) && likely(!vcpu->vmx.drs_active);
}

/* ---- the LAPIC's assists (vmx/apicv.c) ----------------------------------- */

/* After lapic_create(), if there is an irqchip */
void vmx_apic_init(struct vcpu *vcpu);

/**
 * vmx_apic_choose() - does the CPU deliver the LAPIC's interrupts?
 * @vcpu: the vCPU, with IRQ_ASSIST_DELIVERY; vm->srcu held. On REQ_EVENT, before
 *	events are chosen.
 * @deliver: may interrupts be delivered at all?
 *
 * Return: what vmx_apic_entry() is to be told. Where it is true, nobody else
 * may inject them.
 */
bool vmx_apic_choose(struct vcpu *vcpu, bool deliver);

/*
 * What the LAPIC has become, into the VMCS; on REQ_EVENT, after injection. @assists:
 * lapic_assists(), with IRQ_ASSIST_TPR
 */
void vmx_apic_entry(struct vcpu *vcpu, u32 assists, bool by_cpu);

/*
 * Has an interrupt been posted that the CPU was told of too late, or never? The
 * last look before an entry, like that at requests.
 */
static __always_inline bool vmx_posted_waits(const struct vcpu *vcpu)
{
	const unsigned long *on = vcpu->vmx.posted_on;

	return on && READ_ONCE(*on);
}

/*
 * From here on who makes a request interrupts the guest for it. Interrupts off;
 * a look at the requests has to follow.
 */
static __always_inline void vmx_announce_entry(struct vcpu *vcpu)
{
	vcpu->looked = false;
	vcpu->apic_seen = false;
	WRITE_ONCE(vcpu->mode, VCPU_IN_GUEST);
	smp_mb();	/* pairs with vcpu_kick(): mode before the requests */
	if (unlikely(vmx_posted_waits(vcpu)))
		vcpu_request(vcpu, REQ_EVENT);
}

/* ---- registers that have side effects in the VMCS ----------------------- */

/* A segment register as the VMCS has it; ar in VMX format (SDM 3C table 25-2) */
void vmx_read_seg(struct vcpu *vcpu, struct vmx_seg *s, enum seg_reg r);
void vmx_write_seg(struct vcpu *vcpu, const struct vmx_seg *s, enum seg_reg r);
/* The segment as the guest sees it (real mode through v86 is hidden here) */
void vmx_get_segment(struct vcpu *vcpu, struct kvm_segment *s, enum seg_reg r);
void vmx_set_segment(struct vcpu *vcpu, const struct kvm_segment *s, enum seg_reg r);
u64 vmx_segment_base(struct vcpu *vcpu, enum seg_reg r);
void vmx_set_segment_base(struct vcpu *vcpu, enum seg_reg r, u64 base);
void vmx_get_gdt(struct vcpu *vcpu, struct kvm_dtable *dt);
void vmx_set_gdt(struct vcpu *vcpu, const struct kvm_dtable *dt);
void vmx_get_idt(struct vcpu *vcpu, struct kvm_dtable *dt);
void vmx_set_idt(struct vcpu *vcpu, const struct kvm_dtable *dt);

/*
 * The guest's new value: into vcpu->arch and, with what the kind's policy and the
 * CPU's fixed bits make of it, into the VMCS. Nothing is checked here.
 */
void vmx_update_cr0(struct vcpu *vcpu, u64 cr0);
void vmx_update_cr4(struct vcpu *vcpu, u64 cr4);
void vmx_update_efer(struct vcpu *vcpu, u64 efer);
/* Has the CPU all of these bits (IA32_VMX_CR4_FIXED1)? VMXE is never valid */
bool vmx_cr4_valid(struct vcpu *vcpu, u64 cr4);
/* The DR7 the CPU is to have: the guest's, or the debugger's */
void vmx_update_dr7(struct vcpu *vcpu, u64 dr7);
void vmx_update_exception_bitmap(struct vcpu *vcpu);
void vmx_update_tsc(struct vcpu *vcpu);		/* arch.tsc_offset changed */
void vmx_cpuid_changed(struct vcpu *vcpu);	/* MSR bitmap, secondary controls */

/*
 * MSRs that live in the VMCS or are switched by vmx/. 0, or -ENOENT where
 * the MSR is none of them, or -EINVAL (#GP) for a bad value.
 */
int vmx_get_msr(struct vcpu *vcpu, u32 index, u64 *value);
int vmx_set_msr(struct vcpu *vcpu, u32 index, u64 value, bool host);

/* ---- events -------------------------------------------------------------- */

/**
 * vmx_inject() - have the next entry deliver an event
 * @vcpu: the vCPU
 * @info: VM-entry interruption information without the valid bit (SDM 3C 25.8.3)
 * @error: error code, used where @info says so
 * @insn_len: for software events
 */
void vmx_inject(struct vcpu *vcpu, u32 info, u32 error, u32 insn_len);
/* The same for an external interrupt */
void vmx_inject_irq(struct vcpu *vcpu, u8 vector);
void vmx_cancel_injection(struct vcpu *vcpu);	/* take it back into arch.ev */

/* Could it be delivered now? SDM 3C table 25-3 */
bool vmx_irq_allowed(struct vcpu *vcpu);	/* IF, STI, MOV SS */
bool vmx_nmi_allowed(struct vcpu *vcpu);	/* STI, MOV SS, NMI */
/* Exit as soon as it can (SDM 3C 26.2), which requests REQ_EVENT */
void vmx_request_irq_window(struct vcpu *vcpu);
void vmx_request_nmi_window(struct vcpu *vcpu);
/* From an NMI's delivery to the next IRET */
bool vmx_nmi_blocked(struct vcpu *vcpu);
void vmx_set_nmi_blocked(struct vcpu *vcpu, bool blocked);
/* Segments, mode or the TSS of real mode changed: who runs the guest now? */
void vmx_check_emulation(struct vcpu *vcpu);
void vmx_update_pat(struct vcpu *vcpu);
/* A debug exception ends single-stepping on branches (SDM 3B 18.4.3). */
void vmx_end_btf(struct vcpu *vcpu);
/* It was halted in the guest (KVM_X86_DISABLE_EXITS_HLT) and goes on. Was it? */
bool vmx_end_hlt(struct vcpu *vcpu);
/* KVM_X86_SHADOW_INT_STI | KVM_X86_SHADOW_INT_MOV_SS */
u32 vmx_get_interrupt_shadow(struct vcpu *vcpu);
void vmx_set_interrupt_shadow(struct vcpu *vcpu, u32 shadow);
void vmx_renew_interrupt_shadow(struct vcpu *vcpu);
u64 vmx_held_breakpoints(struct vcpu *vcpu);
void vmx_hold_breakpoints(struct vcpu *vcpu, u64 dr6);

/**
 * vmx_skip_insn() - past the instruction that exited
 * @vcpu: the vCPU, loaded
 *
 * Also ends STI and MOV-SS blocking and raises the single-step trap (TF).
 * Return: RUN_RESUME, or RUN_EXIT_USER for a debugger's single step.
 */
int vmx_skip_insn(struct vcpu *vcpu);
/* The same after somebody else (the emulator) has set RIP */
int vmx_skipped(struct vcpu *vcpu, u64 rflags);
/* And where the instruction has hit data or I/O breakpoints, DR6.B0 to B3 */
int vmx_skipped_breakpoints(struct vcpu *vcpu, u64 rflags, u64 dr6);
/**
 * vmx_raise_debug() - a #DB that the CPU does not raise itself
 * @vcpu: the vCPU
 * @dr6: the bits of DR6 it comes with
 *
 * Return: RUN_RESUME with #DB queued, RUN_EXIT_USER where it is a debugger's.
 */
int vmx_raise_debug(struct vcpu *vcpu, u64 dr6);

/* KVM_EXIT_DEBUG at an INT3. Return: RUN_EXIT_USER. */
int vmx_raise_breakpoint(struct vcpu *vcpu);

/* Dump of the VMCS to the log, rate limited, for entry failures */
void vmx_dump(struct vcpu *vcpu);

#endif
