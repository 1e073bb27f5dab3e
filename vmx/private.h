/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vmx/ share with each other and nobody else */
#ifndef VMX_PRIVATE_H
#define VMX_PRIVATE_H

#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include "core/compat.h"
#include "vmx/caps.h"
#include "vmx/vmx.h"

/* caps.c, cpu.c, vmcs.c: module life */
int vmx_setup_caps(void);
int vmx_setup_cpus(void);
void vmx_unsetup_cpus(void);

/* cpu.c: VMCSs on CPUs */
bool vmcs_load(struct vmcs *vmcs);
void vmcs_evict(struct vmcs *vmcs);

/* vmcs.c: control fields, written only when they change */
void vmx_set_pin(struct vcpu *vcpu, u32 value);
void vmx_set_proc(struct vcpu *vcpu, u32 value);
void vmx_set_proc2(struct vcpu *vcpu, u32 value);
void vmx_set_entry_ctls(struct vcpu *vcpu, u32 value);
void vmx_set_exit_ctls(struct vcpu *vcpu, u32 value);

static inline void vmx_proc_bits(struct vcpu *vcpu, u32 bits, bool on)
{
	u32 proc = vcpu->vmx.vmcs.proc;

	vmx_set_proc(vcpu, on ? proc | bits : proc & ~bits);
}

static inline void vmx_proc2_bits(struct vcpu *vcpu, u32 bits, bool on)
{
	u32 proc2 = vcpu->vmx.vmcs.proc2;

	vmx_set_proc2(vcpu, on ? proc2 | bits : proc2 & ~bits);
}

/* A debugger steps through the guest */
static inline bool vmx_stepping(const struct vcpu *vcpu)
{
	return vcpu->arch.guest_debug & KVM_GUESTDBG_SINGLESTEP;
}

void vmx_single_step(struct vcpu *vcpu);
int vmx_debug_exit(struct vcpu *vcpu, u8 vector, u64 dr6);

static inline const struct mmu_policy *vmx_policy(const struct vcpu *vcpu)
{
	return vcpu->vm->mmu.kind->policy;
}

/* segment.c: a segment register's fields, encoded alike (SDM 3D B.1.2, B.3.3) */
#define GUEST_SEG_SELECTOR(r)	(vmx_seg_field[r])
#define GUEST_SEG_LIMIT(r)	(vmx_seg_field[r] + 0x4000)
#define GUEST_SEG_AR(r)		(vmx_seg_field[r] + 0x4014)
#define GUEST_SEG_BASE(r)	(0x6806 + (vmx_seg_field[r] - GUEST_ES_SELECTOR))
extern const u16 vmx_seg_field[NR_SEGS];

/* realmode.c */
bool vmx_v86_possible(struct vcpu *vcpu);
void vmx_v86_enter(struct vcpu *vcpu);
void vmx_v86_leave(struct vcpu *vcpu);
void vmx_v86_read_seg(struct vcpu *vcpu, struct vmx_seg *s, enum seg_reg r);
bool vmx_v86_write_seg(struct vcpu *vcpu, const struct vmx_seg *s,
		       enum seg_reg r);
u64 vmx_v86_guest_rflags(struct vcpu *vcpu, u64 hw);
u64 vmx_v86_hw_rflags(struct vcpu *vcpu, u64 rflags);
int vmx_v86_exception(struct vcpu *vcpu, u8 vector);

/* enterable.c */
/* Is everything of a VM that is created now for the emulator? */
bool vmx_emulation_forced(void);

/* cr.c */
void vmx_load_drs(struct vcpu *vcpu);

/* msr.c */
int vmx_msr_vcpu_init(struct vcpu *vcpu);
void vmx_msr_load_guest(struct vcpu *vcpu);
void vmx_msr_reload(struct vcpu *vcpu);
void vmx_msr_cpu_off(void);
int vmx_msr_setup(void);
void vmx_msr_unsetup(void);
void vmx_msr_x2apic_changed(struct vcpu *vcpu);

/* host.c */
void vmx_host_state_init(struct vcpu *vcpu);
void vmx_host_state_cpu(struct vcpu *vcpu, int cpu);
void vmx_host_state_entry(struct vcpu *vcpu);

/* mitigations.c */
int vmx_mitigations_setup(void);
void vmx_mitigations_unsetup(void);
void vmx_flush_l1d(void);
void vmx_mitigate_other_vcpu(struct vcpu *vcpu);
extern unsigned long vmx_entry_flags;
DECLARE_STATIC_KEY_FALSE(vmx_l1d_flush_key);
DECLARE_STATIC_KEY_FALSE(vmx_l1d_always_key);
DECLARE_PER_CPU(u64, vmx_last_vcpu_id);

/* The fast loop begins: arbitrary host code has run since the last entry */
static __always_inline void vmx_mitigate_loop(void)
{
	if (static_branch_unlikely(&vmx_l1d_flush_key))
		vmx_flush_l1d();
}

/* The fast loop enters again */
static __always_inline void vmx_mitigate_entry(void)
{
	if (static_branch_unlikely(&vmx_l1d_always_key))
		vmx_flush_l1d();
}

/* This CPU turns to a vCPU: another one than last time? */
static __always_inline void vmx_mitigate_vcpu_load(struct vcpu *vcpu)
{
	if (unlikely(this_cpu_read(vmx_last_vcpu_id) != vcpu->vmx.id))
		vmx_mitigate_other_vcpu(vcpu);
}

/* entry.S */
#define VMX_ENTRY_RESUME	(1u << 0)	/* VMRESUME rather than VMLAUNCH */
#define VMX_ENTRY_VERW		(1u << 1)	/* clear CPU buffers first */
#define VMX_ENTRY_SPEC_CTRL	(1u << 2)	/* the guest has its own SPEC_CTRL */
#define VMX_ENTRY_IBRS		(1u << 3)	/* write the host's in any case */

/**
 * vmx_asm_enter() - VM entry, guest, VM exit
 * @regs: vcpu->regs
 * @flags: VMX_ENTRY_*
 * @entry: what the VMCS has for HOST_RSP, and both SPEC_CTRLs
 *
 * Return: 0 after an exit, 1 when the instruction failed (VMfail or #UD).
 */
int vmx_asm_enter(u64 *regs, unsigned long flags, struct vmx_entry *entry);
void vmx_asm_exit(void);

/* Call the handler of an external interrupt as the IDT would; interrupts off */
void vmx_asm_interrupt(unsigned long handler);

/* exit_reason where there is no hardware exit to handle */
#define VMX_REASON_VMFAIL	0xffffffffu	/* the entry instruction failed */
#define VMX_REASON_NONE		0x0000ffffu	/* handled in the fast loop */

/* timer.c */
void vmx_timer_setup(void);
void vmx_write_timer(struct vcpu *vcpu);
int vmx_fast_preemption_timer(struct vcpu *vcpu);
/* apicv.c */
void vmx_apic_setup(void);
void vmx_apic_unsetup(void);
void vmx_host_interrupt(struct vcpu *vcpu);
int vmx_exit_apic_access(struct vcpu *vcpu);
int vmx_exit_eoi_induced(struct vcpu *vcpu);
int vmx_exit_apic_write(struct vcpu *vcpu);
int vmx_fast_apic_write(struct vcpu *vcpu);
int vmx_fast_apic_access(struct vcpu *vcpu);

/* inject.c */
void vmx_take_back_event(struct vcpu *vcpu);

/* ple.c */
void vmx_ple_init(struct vcpu *vcpu);
/* It has spun for its window */
void vmx_ple_grow(struct vcpu *vcpu);

/* exit_fast.c */
bool vmx_fast_events(struct vcpu *vcpu);
int vmx_fast_irq_window(struct vcpu *vcpu);
int vmx_fast_tpr(struct vcpu *vcpu);
int vmx_fast_hlt(struct vcpu *vcpu);
int vmx_fast_interrupt(struct vcpu *vcpu);

/* Does every instruction trap, not only branches (SDM 3B 18.4.3)? */
static inline bool vmx_insn_traps(struct vcpu *vcpu, u64 rflags)
{
	return rflags & X86_EFLAGS_TF &&
	       !(vmcs_read(GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF);
}

/*
 * In the fast loop the guest's CR2 is in the CPU. What may take a page fault
 * of the host's there, caught as it is, puts CR2 back afterwards.
 */
static __always_inline void vmx_keep_cr2(u64 cr2)
{
	if (unlikely(read_cr2() != cr2))
		write_cr2(cr2);
}

/* run.c: what fast handlers return */
enum fast_result {
	FAST_RESUME,		/* all done, enter again */
	FAST_FULL,		/* the full handler has to look at it */
	FAST_HOST,		/* the same, unless the loop does it: host_interrupt() */
};

/* exit.c */
struct vmx_exit {
	const char *name;
	int (*fast)(struct vcpu *vcpu);	/* enum fast_result; interrupts off */
	int (*full)(struct vcpu *vcpu);	/* enum run_result or -errno */
	bool delivery;			/* may interrupt the delivery of an event */
};

extern const struct vmx_exit vmx_exits[];
extern const unsigned int vmx_nr_exits;

/* exit handlers by subject */
int vmx_fast_exception(struct vcpu *vcpu);
int vmx_fast_cr(struct vcpu *vcpu);
int vmx_fast_invlpg(struct vcpu *vcpu);
int vmx_fast_cpuid(struct vcpu *vcpu);
int vmx_fast_vmcall(struct vcpu *vcpu);
int vmx_fast_rdmsr(struct vcpu *vcpu);
int vmx_fast_wrmsr(struct vcpu *vcpu);

int vmx_exit_exception(struct vcpu *vcpu);
int vmx_exit_external_interrupt(struct vcpu *vcpu);
int vmx_exit_triple_fault(struct vcpu *vcpu);
int vmx_exit_irq_window(struct vcpu *vcpu);
int vmx_exit_nmi_window(struct vcpu *vcpu);
int vmx_exit_task_switch(struct vcpu *vcpu);
int vmx_exit_entry_failed(struct vcpu *vcpu);
int vmx_exit_mtf(struct vcpu *vcpu);
int vmx_exit_tpr(struct vcpu *vcpu);
int vmx_exit_preemption_timer(struct vcpu *vcpu);

int vmx_exit_cpuid(struct vcpu *vcpu);
int vmx_exit_hlt(struct vcpu *vcpu);
int vmx_exit_invlpg(struct vcpu *vcpu);
int vmx_exit_invpcid(struct vcpu *vcpu);
int vmx_exit_rdpmc(struct vcpu *vcpu);
int vmx_exit_rdtsc(struct vcpu *vcpu);
int vmx_exit_rdtscp(struct vcpu *vcpu);
int vmx_exit_vmcall(struct vcpu *vcpu);
int vmx_exit_ud(struct vcpu *vcpu);
int vmx_exit_rdmsr(struct vcpu *vcpu);
int vmx_exit_wrmsr(struct vcpu *vcpu);
int vmx_exit_mwait(struct vcpu *vcpu);
int vmx_exit_monitor(struct vcpu *vcpu);
int vmx_exit_pause(struct vcpu *vcpu);
int vmx_exit_wbinvd(struct vcpu *vcpu);
int vmx_exit_xsetbv(struct vcpu *vcpu);
int vmx_exit_emulate(struct vcpu *vcpu);
int vmx_exit_unexpected(struct vcpu *vcpu);

int vmx_exit_cr(struct vcpu *vcpu);
int vmx_exit_dr(struct vcpu *vcpu);
int vmx_exit_io(struct vcpu *vcpu);
int vmx_fast_ept_violation(struct vcpu *vcpu);
int vmx_fast_io(struct vcpu *vcpu);
int vmx_exit_ept_violation(struct vcpu *vcpu);
int vmx_page_fault_mmio(struct vcpu *vcpu, bool devices);
int vmx_exit_ept_misconfig(struct vcpu *vcpu);
int vmx_exit_pml_full(struct vcpu *vcpu);

#endif
