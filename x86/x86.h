/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Architectural state that does not depend on the MMU kind: CPUID, MSRs,
 * control registers, FPU, TSC, events.
 *
 * vCPU loaded and vcpu->mutex held for everything that takes a vCPU, unless
 * said otherwise.
 */
#ifndef X86_X86_H
#define X86_X86_H

#include <asm/fpu/api.h>
#include <asm/trapnr.h>
#include <linux/nospec.h>
#include "core/vcpu.h"
#include "vmx/regs.h"

/* DR6 bits (SDM 3B 18.2.3) */
#define DR6_BD		BIT(13)		/* debug-register access with GD */
#define DR6_BS		BIT(14)		/* single step */
#define DR7_GD		BIT_ULL(13)	/* general detect (SDM 3B 18.2.4) */

/* What the host offers guests; constant once x86_setup() has returned */
struct x86_host {
	u64 xcr0, xss;		/* the host's own */
	u64 guest_xcr0;		/* XCR0 bits a guest may set */
	u32 mxcsr_mask;		/* MXCSR bits the CPU has (SDM 1 11.6.6) */
	u64 guest_xss;		/* IA32_XSS bits a guest may set */
	u64 cr4_reserved;	/* CR4 bits no guest may set */
	u64 efer_reserved;	/* likewise IA32_EFER */
	u64 gcaps;		/* BIT(enum x86_guest_cap) of KVM_GET_SUPPORTED_CPUID */
	u64 arch_capabilities;
	u32 tsc_khz;
	u8 phys_bits;		/* guest-physical address width */
	bool xsaves;		/* IA32_XSS exists and guests may use XSAVES */
	bool tsc_scaling;
	bool pku;		/* the host runs with CR4.PKE */
	bool fpu_section;	/* x86_fpu_enter() can be used */
};

extern struct x86_host x86_host;

/* Module load, after vmx_setup(): what the host CPU offers guests. 0 or -ENOMEM */
int x86_setup(void);
void x86_unsetup(void);
/* Part of vm_create() and vcpu_create(), not published yet, not loaded. 0 or -errno */
int x86_vm_init(struct vm *vm);
void x86_vm_release(struct vm *vm);	/* before the vCPUs go */
void x86_vm_destroy(struct vm *vm);
int x86_vcpu_init(struct vcpu *vcpu);
void x86_vcpu_destroy(struct vcpu *vcpu);
/* Power-on state, or INIT (SDM 3A table 10-1) */
void x86_vcpu_reset(struct vcpu *vcpu, bool init);
/* Start-up IPI: CS:IP from the vector, runnable (SDM 3A 9.4.4.2) */
void x86_deliver_sipi(struct vcpu *vcpu, u8 vector);

/* ---- control registers (x86/cr.c) ---------------------------------------- */

/* Guest values; CR0, CR3 and CR4 come out of the VMCS where the guest owns bits */
u64 x86_cr0(struct vcpu *vcpu);
u64 x86_cr3(struct vcpu *vcpu);
u64 x86_cr4(struct vcpu *vcpu);

static inline bool x86_paging(struct vcpu *vcpu)
{
	return vcpu->arch.cr0 & X86_CR0_PG;	/* PG is never guest-owned */
}

static inline bool x86_long_mode(struct vcpu *vcpu)
{
	return vcpu->arch.efer & EFER_LMA;
}

static inline bool x86_protected(struct vcpu *vcpu)
{
	return vcpu->arch.cr0 & X86_CR0_PE;	/* PE is never guest-owned */
}

static inline bool x86_pae(struct vcpu *vcpu)
{
	return vcpu->arch.cr4 & X86_CR4_PAE;	/* PAE is never guest-owned */
}

static inline bool x86_gcap(struct vcpu *vcpu, enum x86_guest_cap cap)
{
	return vcpu->arch.gcaps & BIT_ULL(cap);
}

/*
 * May the guest execute MONITOR and MWAIT? Even where its CPUID denies them, so
 * that it survives, unless the VMM turned that quirk off.
 */
static inline bool x86_has_monitor(struct vcpu *vcpu)
{
	return !(READ_ONCE(vcpu->vm->arch.disabled_quirks) &
		 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) ||
	       x86_gcap(vcpu, GCAP_MWAIT);
}

/* A paravirtual feature: CPUID tells, but binds only where user space wants it */
static inline bool x86_pv_has(struct vcpu *vcpu, enum x86_guest_cap cap)
{
	return !vcpu->arch.pv_enforce || x86_gcap(vcpu, cap);
}

/*
 * Guest MOV to CRn with all checks and effects (mode switches, LMA, PDPTEs,
 * TLB flushes, mmu mode_changed/new_cr3). 0, or 1: the guest gets #GP(0).
 */
int x86_set_cr0(struct vcpu *vcpu, u64 cr0);
int x86_set_cr3(struct vcpu *vcpu, u64 cr3);
/* MOV to CR3 with interrupts off; false: nothing done, ask x86_set_cr3() */
bool x86_fast_set_cr3(struct vcpu *vcpu, u64 cr3);
int x86_set_cr4(struct vcpu *vcpu, u64 cr4);
int x86_set_cr8(struct vcpu *vcpu, u64 cr8);
u64 x86_get_cr8(struct vcpu *vcpu);
/* XSETBV at CPL 0. 0, or 1: #GP(0) (SDM 2D) */
int x86_set_xcr(struct vcpu *vcpu, u32 index, u64 value);
/* WRMSR to IA32_EFER (@host: KVM_SET_MSRS). 0, or 1 for #GP */
int x86_set_efer(struct vcpu *vcpu, u64 efer, bool host);
/* LMSW (SDM 2A): bits 3:0 of CR0 alone, and PE is set only; it cannot fault */
void x86_lmsw(struct vcpu *vcpu, u16 msw);
/* Guest DR access; 0, or the vector to inject: #UD, #GP, #DB (GD) */
int x86_set_dr(struct vcpu *vcpu, unsigned int n, u64 value);
int x86_get_dr(struct vcpu *vcpu, unsigned int n, u64 *value);

/* A task switch does so */
void x86_end_local_breakpoints(struct vcpu *vcpu);

/* Linear-address width of the guest's paging mode: 48, or 57 with CR4.LA57 */
static inline unsigned int x86_virt_bits(struct vcpu *vcpu)
{
	return vcpu->arch.cr4 & X86_CR4_LA57 ? 57 : 48;	/* never guest-owned */
}

static inline bool x86_canonical_to(u64 va, unsigned int bits)
{
	return (u64)((s64)(va << (64 - bits)) >> (64 - bits)) == va;
}

static inline bool x86_canonical(struct vcpu *vcpu, u64 va)
{
	return x86_canonical_to(va, x86_virt_bits(vcpu));
}

/*
 * For what MSRs and segment bases hold, which VM entry looks at too: the width
 * that the CPU has, whatever the paging mode is (SDM 1 3.3.7.1).
 */
static inline bool x86_canonical_register(struct vcpu *vcpu, u64 va)
{
	return x86_canonical_to(va, x86_gcap(vcpu, GCAP_LA57) ? 57 : 48);
}

/* ---- CPUID (x86/cpuid.c) ------------------------------------------------- */

/* The answer to most CPUIDs: NULL where x86_cpuid() has to look for it */
static __always_inline const struct kvm_cpuid_entry2 *
x86_cpuid_direct(struct vcpu *vcpu, u32 function)
{
	if (unlikely(function >= X86_CPUID_DIRECT))
		return NULL;
	function = array_index_nospec(function, X86_CPUID_DIRECT);
	return vcpu->arch.cpuid_direct[function];
}

/**
 * x86_cpuid_bit() - is a bit set in the guest's CPUID?
 * @vcpu: the vCPU
 * @function: leaf
 * @index: subleaf
 * @reg: 0 EAX, 1 EBX, 2 ECX, 3 EDX
 * @bit: bit of that register
 *
 * Before user space sets a CPUID the answer is the host's.
 */
bool x86_cpuid_bit(struct vcpu *vcpu, u32 function, u32 index, unsigned int reg,
		   unsigned int bit);

/* CPUID as the guest executes it; regs in and out */
void x86_cpuid(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
/*
 * CR4.OSXSAVE or PKE, XCR0, XSS, IA32_APIC_BASE.EN or IA32_MISC_ENABLE
 * changed: put the CPUID bits that mirror them right, so that x86_cpuid() is
 * a pure lookup.
 */
void x86_cpuid_runtime(struct vcpu *vcpu);

/* ---- MSRs (x86/msr.c) ---------------------------------------------------- */

enum x86_msr_result {
	X86_MSR_INVALID = 1,	/* the guest does not have it, or the value is bad */
	X86_MSR_UNKNOWN,	/* nobody knows it */
	X86_MSR_FILTERED,	/* KVM_X86_SET_MSR_FILTER forbids it */
};

/*
 * x86_get_msr(), x86_set_msr() - an MSR of the guest
 * @vcpu: the vCPU
 * @index: MSR number
 * @value: value
 * @host: user space asks (KVM_GET_MSRS, KVM_SET_MSRS): read-only MSRs that
 *	describe the machine may be written, guest CPUID does not restrict
 *
 * Return: 0, or enum x86_msr_result where a guest gets #GP(0) and KVM_*_MSRS
 * stops.
 */
int x86_get_msr(struct vcpu *vcpu, u32 index, u64 *value, bool host);
int x86_set_msr(struct vcpu *vcpu, u32 index, u64 value, bool host);

/* Does the VM's filter forbid the guest to read or write the MSR? Any context. */
bool x86_msr_filtered(struct vcpu *vcpu, u32 index, bool write);
/* KVM_X86_SET_MSR_FILTER. 0, -EINVAL, -EFAULT, -ENOMEM; may sleep */
int x86_set_msr_filter(struct vm *vm, const struct kvm_msr_filter *user);
/* The same for a 32-bit program's structure, whose pointers are shorter */
#define X86_MSR_FILTER32_SIZE	(4 + 16 * KVM_MSR_FILTER_MAX_RANGES)
int x86_set_msr_filter32(struct vm *vm, const void *data);

/*
 * The same for the MSRs whose access is worth being quick; interrupts off.
 * false: not one of them, or it would fault; nothing has been done.
 */
bool x86_fast_rdmsr(struct vcpu *vcpu, u32 index, u64 *value);
bool x86_fast_wrmsr(struct vcpu *vcpu, u32 index, u64 value);

/* ---- hypercalls (x86/hypercall.c) ----------------------------------------- */

/*
 * A hypercall from CPL 0, @regs by enum gpr: number in RAX, arguments in RBX, RCX,
 * RDX, RSI. RUN_RESUME with the result for RAX in @ret, or RUN_EXIT_USER: user
 * space has it in kvm_run.hypercall.ret when KVM_RUN comes again.
 */
int x86_hypercall(struct vcpu *vcpu, const u64 *regs, u64 *ret);

/* ---- events (x86/events.c) ----------------------------------------------- */

/*
 * Queue an exception, merging with one on its way into #DF or a triple fault
 * (SDM 3A table 6-5).
 */
void x86_queue_exception(struct vcpu *vcpu, u8 vector);
void x86_queue_exception_error(struct vcpu *vcpu, u8 vector, u32 error);
/* @payload: bits for DR6 (#DB) or the address for CR2 (#PF), set at the delivery */
void x86_queue_exception_payload(struct vcpu *vcpu, u8 vector, u64 payload);
/* What mmu_translate() and the kinds answer with MMU_INJECT */
void x86_queue_fault(struct vcpu *vcpu, const struct x86_exception *e);
static inline void x86_inject_gp(struct vcpu *vcpu)
{
	x86_queue_exception_error(vcpu, X86_TRAP_GP, 0);
}

/* The guest shuts down (triple fault): REQ_TRIPLE_FAULT, KVM_EXIT_SHUTDOWN */
void x86_triple_fault(struct vcpu *vcpu);

/*
 * Take back an exception whose delivery an exit interrupted (SDM 3C 28.2.4);
 * ev.reinject_len is set first: the instruction length of a software
 * exception, 0 for others. Interrupts and NMIs go to ev.irq and
 * ev.nmi_injected directly. Requests REQ_EVENT.
 */
void x86_requeue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error);

/**
 * x86_inject_events() - give the next entry its event, arm windows for others
 * @vcpu: the vCPU; REQ_EVENT has been taken by the caller
 *
 * Everything that makes an event possible requests REQ_EVENT: queueing it, taking
 * it back, an interrupt controller's new interrupt or lowered TPR, a window that
 * opened.
 * Idempotent until the entry: called again after vmx_cancel_injection().
 *
 * Return: 0, or 1 where the vCPU is in another mode now (SMM): nothing was
 * given, and what comes before an entry has to be done anew.
 */
int x86_inject_events(struct vcpu *vcpu);
/*
 * The same in the fast loop, which has seen that the CPU delivers it, and no
 * debugger, SMI, PV EOI or window of user space's
 */
void x86_inject_irq_events(struct vcpu *vcpu);

/* ---- system-management mode (x86/smm.c) ----------------------------------- */

/**
 * x86_smi() - an SMI, as KVM_SMI and the ICR send it
 * @vcpu: the vCPU; the caller may be any thread
 */
void x86_smi(struct vcpu *vcpu);
/* The vCPU enters or leaves the mode, its registers stay: KVM_SET_VCPU_EVENTS */
void x86_set_smm(struct vcpu *vcpu, bool smm);
/* Save the state and start the handler; vm->srcu held. @halted: HLT is under way */
void x86_enter_smm(struct vcpu *vcpu, bool halted);
/* RSM; vm->srcu held. 0, or -EPERM outside SMM: the guest gets #UD */
int x86_rsm(struct vcpu *vcpu);

/* NMI from any thread: queue, request and kick */
void x86_nmi(struct vcpu *vcpu);
/* REQ_NMI: nmi_queued -> nmi_pending */
void x86_process_nmi(struct vcpu *vcpu);
/* REQ_SMI -> smi_pending */
void x86_process_smi(struct vcpu *vcpu);
/*
 * KVM_INTERRUPT without in-kernel irqchip: 0, -EINVAL (vector above 255 or an
 * irqchip in the kernel), -EEXIST where one waits already
 */
int x86_user_interrupt(struct vcpu *vcpu, u32 irq);

/* ---- FPU (x86/fpu.c) ----------------------------------------------------- */

/**
 * x86_fpu_load() - KVM_RUN begins: the guest's FPU state is the thread's
 * @vcpu: the vCPU, loaded by the calling thread
 *
 * Until x86_fpu_put(), which KVM_RUN ends with. Context: may be preempted after.
 */
void x86_fpu_load(struct vcpu *vcpu);
void x86_fpu_put(struct vcpu *vcpu);

/**
 * x86_fpu_enter() - the guest's FPU state is in the CPU for one section
 * @vcpu: the vCPU, loaded
 *
 * Until x86_fpu_leave(). Context: interrupts off from the one to the other; only
 * where x86_host.fpu_section says so.
 */
void x86_fpu_enter(struct vcpu *vcpu);

/*
 * Is the state that x86_fpu_load() made the thread's in the CPU? Others may have
 * used the FPU since: another thread, or the kernel in a softirq. Interrupts off.
 */
static __always_inline void x86_fpu_again(void)
{
	if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD)))
		switch_fpu_return();
}

/**
 * x86_fpu_leave() - the end of what x86_fpu_enter() began; the state is saved
 * @vcpu: the vCPU
 */
void x86_fpu_leave(struct vcpu *vcpu);
/* The guest's FXSAVE image and vector registers, for the emulator */
void x86_fpu_read(struct vcpu *vcpu, void *buf, unsigned int off, unsigned int len);
void x86_fpu_write(struct vcpu *vcpu, const void *buf, unsigned int off,
		   unsigned int len);
void x86_vec_read(struct vcpu *vcpu, unsigned int reg, void *buf, unsigned int len);
/* @zero_upper: the rest of the register becomes zero */
void x86_vec_write(struct vcpu *vcpu, unsigned int reg, const void *buf,
		   unsigned int len, bool zero_upper);

/*
 * XCR0, XSS and PKRU of the guest resp. the host into the CPU, written only
 * where they differ. Around every vmx_enter(): the host must never be
 * scheduled with a guest's XCR0.
 */
void x86_xcr0_to_guest(struct vcpu *vcpu);
void x86_xcr0_to_host(struct vcpu *vcpu);

static __always_inline void x86_load_guest_xcr0(struct vcpu *vcpu)
{
	/* a guest without OSXSAVE and a host without PKU: nothing to do */
	if (vcpu->arch.cr4 & X86_CR4_OSXSAVE || x86_host.pku)
		x86_xcr0_to_guest(vcpu);
}

static __always_inline void x86_load_host_xcr0(struct vcpu *vcpu)
{
	if (vcpu->arch.xcr0_loaded)
		x86_xcr0_to_host(vcpu);
}

/* ---- TSC (x86/tsc.c) ----------------------------------------------------- */

#define X86_TSC_RATIO_SHIFT	48	/* SDM 3C 25.6.5: TSC multiplier */

u64 x86_scaled_tsc(struct vcpu *vcpu, u64 host_tsc);
u64 x86_scaled_ticks(struct vcpu *vcpu, u64 ticks);

static inline bool x86_tsc_unscaled(const struct vcpu *vcpu)
{
	return likely(vcpu->arch.tsc_ratio == BIT_ULL(X86_TSC_RATIO_SHIFT));
}

/* The guest's TSC when the host's is @host_tsc: scaled, with the offset */
static inline u64 x86_guest_tsc(struct vcpu *vcpu, u64 host_tsc)
{
	return x86_tsc_unscaled(vcpu) ? host_tsc + vcpu->arch.tsc_offset :
					x86_scaled_tsc(vcpu, host_tsc);
}

/* Ticks of the host's TSC until the guest's has made @ticks; no fewer. ~0: too many */
static inline u64 x86_host_ticks(struct vcpu *vcpu, u64 ticks)
{
	return x86_tsc_unscaled(vcpu) ? ticks : x86_scaled_ticks(vcpu, ticks);
}

void x86_write_tsc(struct vcpu *vcpu, u64 value, bool host);
/* Called in vcpu_load() when the vCPU came to another CPU */
void x86_tsc_load(struct vcpu *vcpu);
/* The host's TSCs are not in step: it leaves this CPU, maybe for another one */
void x86_tsc_leave(struct vcpu *vcpu);
extern bool x86_tsc_unstable;	/* [a] from then on; the host never takes it back */
/* The host sleeps and its TSC may begin again: kept, made up for, in each vCPU */
void x86_tsc_suspend(void);
void x86_tsc_resume(void);
void x86_tsc_resumed(struct vcpu *vcpu);	/* in vcpu_load() */
/* 16 GHz, so that a lifetime of ticks can be worked out in 64 bits */
#define X86_TSC_KHZ_MAX	16000000u
int x86_set_tsc_khz(struct vcpu *vcpu, u32 khz);	/* 0, -EINVAL */
/* The host's, or near enough; any up to the limit where the CPU scales */
bool x86_tsc_khz_possible(unsigned long khz);
u64 x86_tsc_offset(struct vcpu *vcpu);		/* KVM_VCPU_TSC_OFFSET */
void x86_set_tsc_offset(struct vcpu *vcpu, u64 offset, bool host);

/* ---- paravirtual clock, steal time (x86/pvclock.c) ------------------------ */

/**
 * x86_update_clock() - REQ_CLOCK_UPDATE: write the guest's kvmclock page anew
 * @vcpu: the vCPU, loaded, vm->srcu held; nothing is done where it has no clock
 */
void x86_update_clock(struct vcpu *vcpu);
void x86_update_steal(struct vcpu *vcpu);	/* REQ_STEAL_UPDATE */
void x86_steal_load(struct vcpu *vcpu);		/* KVM_RUN begins */
void x86_steal_preempted(struct vcpu *vcpu);	/* scheduled out; atomic context */
int x86_clock_setup(void);
void x86_clock_unsetup(void);
/* KVM_GET_CLOCK, KVM_SET_CLOCK (0, -EINVAL for unknown flags), KVM_KVMCLOCK_CTRL */
void x86_get_clock(struct vm *vm, struct kvm_clock_data *data);
int x86_set_clock(struct vm *vm, const struct kvm_clock_data *data);
int x86_kvmclock_ctrl(struct vcpu *vcpu);	/* 0, -EINVAL without kvmclock */

/* ---- machine checks (x86/mce.c) ------------------------------------------ */

/**
 * x86_mce_cap() - KVM_X86_GET_MCE_CAP_SUPPORTED
 *
 * Return: the most that a guest's IA32_MCG_CAP may be (SDM 3B 16.3.1.1).
 */
u64 x86_mce_cap(void);
int x86_setup_mce(struct vcpu *vcpu, u64 mcg_cap);	/* 0, -EINVAL */
int x86_set_mce(struct vcpu *vcpu, const struct kvm_x86_mce *mce); /* 0, -EINVAL */

/* ---- user space's view (x86/state.c, x86/cpuid_user.c, x86/msr_user.c) ---- */

/*
 * The state ioctls of the same names. What is given in is checked whole before
 * anything is changed: 0 or -EINVAL; x86_set_guest_debug() also -EBUSY where an
 * exception waits already.
 */
void x86_get_regs(struct vcpu *vcpu, struct kvm_regs *regs);
void x86_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
void x86_get_sregs(struct vcpu *vcpu, struct kvm_sregs *s);
int x86_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *s);
void x86_get_sregs2(struct vcpu *vcpu, struct kvm_sregs2 *s);
int x86_set_sregs2(struct vcpu *vcpu, const struct kvm_sregs2 *s);
int x86_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *e);
int x86_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *e);
void x86_get_debugregs(struct vcpu *vcpu, struct kvm_debugregs *d);
int x86_set_debugregs(struct vcpu *vcpu, const struct kvm_debugregs *d);
int x86_get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *s);
int x86_set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *s);
int x86_get_fpu(struct vcpu *vcpu, struct kvm_fpu *f);
int x86_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *f);
void x86_get_xsave(struct vcpu *vcpu, void *buf, unsigned int size);
int x86_set_xsave(struct vcpu *vcpu, const void *buf);
unsigned int x86_xsave_size(void);		/* KVM_CAP_XSAVE2, at least 4096 */
void x86_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *x);
int x86_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *x);
int x86_set_guest_debug(struct vcpu *vcpu, const struct kvm_guest_debug *dbg);

/*
 * The CPUID and MSR ioctls with their variable-length arguments: user pointers.
 * 0 or -EFAULT, -E2BIG, -EINVAL, -ENOMEM as api.rst says;
 * the MSR transfers return the number done.
 */
int x86_supported_cpuid(struct kvm_cpuid2 __user *arg, bool emulated);
int x86_set_cpuid(struct vcpu *vcpu, struct kvm_cpuid __user *arg);
int x86_set_cpuid2(struct vcpu *vcpu, struct kvm_cpuid2 __user *arg);
int x86_get_cpuid2(struct vcpu *vcpu, struct kvm_cpuid2 __user *arg);
int x86_msr_index_list(struct kvm_msr_list __user *arg);
int x86_msr_feature_list(struct kvm_msr_list __user *arg);
int x86_get_feature_msrs(struct kvm_msrs __user *arg);
int x86_get_msrs(struct vcpu *vcpu, struct kvm_msrs __user *arg);
int x86_set_msrs(struct vcpu *vcpu, struct kvm_msrs __user *arg);

#endif
