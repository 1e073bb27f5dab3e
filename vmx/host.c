// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host state around a guest: what a VM exit loads from the VMCS (SDM 3C 28.5),
 * and what VMX does not save and we have to.
 *
 * Three paces:
 *   once        constant of the machine
 *   per CPU     when the VMCS becomes active on another CPU
 *   per thread  vmx_switch_to_guest() ... vmx_switch_to_host(): from KVM_RUN's
 *               first entry until the thread is scheduled out or KVM_RUN ends
 */
#include <linux/sched.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/mmu_context.h>
#include <asm/processor.h>
#include "vmx/private.h"

/* Once per vCPU; VMCS current */
void vmx_host_state_init(struct vcpu *vcpu)
{
	struct vmcs *vmcs = &vcpu->vmx.vmcs;
	struct desc_ptr idt;
	u64 value;

	vmcs_write(HOST_CR0, read_cr0() & ~X86_CR0_TS);
	vmcs_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	/* the data segments are those of the thread; 0 until it is known */
	vmcs_write(HOST_DS_SELECTOR, 0);
	vmcs_write(HOST_ES_SELECTOR, 0);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_FS_BASE, 0);
	vmcs->host_fs_base = 0;
	store_idt(&idt);
	vmcs_write(HOST_IDTR_BASE, idt.address);
	vmcs_write(HOST_RIP, (unsigned long)vmx_asm_exit);
	rdmsrl(MSR_IA32_SYSENTER_CS, value);
	vmcs_write(HOST_IA32_SYSENTER_CS, (u32)value);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	vmcs_write(HOST_IA32_SYSENTER_EIP, value);
	if (vmx_caps.exit.base & VM_EXIT_LOAD_IA32_PAT) {
		rdmsrl(MSR_IA32_CR_PAT, value);
		vmcs_write(HOST_IA32_PAT, value);
	}
	/* until vmx_update_pat(): shadow entries index the host's */
	if (vmx_caps.entry.base & VM_ENTRY_LOAD_IA32_PAT) {
		rdmsrl(MSR_IA32_CR_PAT, value);
		vmcs_write(GUEST_IA32_PAT, value);
	}
	if (vmx_caps.load_efer) {
		rdmsrl(MSR_EFER, value);
		vmcs_write(HOST_IA32_EFER, value);
	}
	vmcs->host_sel.all = 0;
	vcpu->vmx.entry.host_rsp = 0;
	vmcs->host_cr3 = 0;
	vmcs->host_cr4 = 0;
}

/* The VMCS came to another CPU; preemption off */
void vmx_host_state_cpu(struct vcpu *vcpu, int cpu)
{
	u64 sysenter_esp;

	/* as the kernel sets them up in cpu_init() */
	vmcs_write(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_write(HOST_GDTR_BASE, (unsigned long)get_cpu_gdt_ro(cpu));
	vcpu->vmx.host_gdt = (struct desc_ptr) {
		.address = (unsigned long)get_cpu_gdt_ro(cpu),
		.size = GDT_SIZE - 1,
	};
	vmcs_write(HOST_GS_BASE, cpu_kernelmode_gs_base(cpu));
	rdmsrl(MSR_IA32_SYSENTER_ESP, sysenter_esp);
	vmcs_write(HOST_IA32_SYSENTER_ESP, sysenter_esp);
}

/* SDM 3C 27.2.3: TI and RPL must be 0; other selectors are brought back by hand */
static u16 loadable(u16 sel)
{
	return sel & 7 ? 0 : sel;
}

static void set_host_selectors(struct vmcs *vmcs, union host_selectors sel)
{
	if (likely(vmcs->host_sel.all == sel.all))
		return;
	vmcs->host_sel = sel;
	vmcs_write(HOST_DS_SELECTOR, loadable(sel.ds));
	vmcs_write(HOST_ES_SELECTOR, loadable(sel.es));
	vmcs_write(HOST_FS_SELECTOR, loadable(sel.fs));
	vmcs_write(HOST_GS_SELECTOR, loadable(sel.gs));
}

/**
 * vmx_switch_to_guest() - put the thread's own state aside
 * @vcpu: the vCPU
 *
 * Before preemption comes on, either vmx_arm_user_return(), or
 * vmx_msr_load_host() and vmx_vcpu_put().
 *
 * Context: interrupts off. Cheap when already done.
 */
void vmx_switch_to_guest(struct vcpu *vcpu)
{
	struct vmcs *vmcs = &vcpu->vmx.vmcs;
	struct vmx_vcpu *v = &vcpu->vmx;
	union host_selectors sel;
	u64 fs_base;

	if (v->guest_state_loaded)
		return;
	v->guest_state_loaded = true;

	savesegment(ds, sel.ds);
	savesegment(es, sel.es);
	savesegment(fs, sel.fs);
	savesegment(gs, sel.gs);
	store_ldt(v->host_ldt);
	set_host_selectors(vmcs, sel);
	/* user space changes them without the kernel's knowledge, or cannot */
	if (static_cpu_has(X86_FEATURE_FSGSBASE)) {
		fs_base = rdfsbase();
		v->host_kernel_gs_base = __rdmsr(MSR_KERNEL_GS_BASE);
	} else {
		current_save_fsgs();
		fs_base = current->thread.fsbase;
		v->host_kernel_gs_base = current->thread.gsbase;
	}
	if (vmcs->host_fs_base != fs_base) {
		vmcs->host_fs_base = fs_base;
		vmcs_write(HOST_FS_BASE, fs_base);
	}
	if (v->kernel_gs_base != v->host_kernel_gs_base) {
		native_wrmsrl(MSR_KERNEL_GS_BASE, v->kernel_gs_base);
		vcpu->stats.msr_switches++;
	}
	vmx_msr_load_guest(vcpu);
}

/* Selectors that a VM exit cannot load, and what loading them clears */
static noinline void load_selectors(struct vmx_vcpu *v, union host_selectors sel)
{
	if (v->host_ldt || (sel.fs | sel.gs) & 7) {
		asm volatile("lldt %0" : : "m" (v->host_ldt));
		if (sel.gs & 7)
			load_gs_index(sel.gs);
		if (sel.fs & 7) {
			loadsegment(fs, sel.fs);
			wrmsrl(MSR_FS_BASE, v->vmcs.host_fs_base);
		}
		wrmsrl(MSR_KERNEL_GS_BASE, v->host_kernel_gs_base);
	}
	if ((sel.ds | sel.es) & 7) {
		loadsegment(ds, sel.ds);
		loadsegment(es, sel.es);
	}
}

/**
 * vmx_switch_to_host() - bring the thread's own state back
 * @vcpu: the vCPU
 *
 * Context: interrupts off.
 */
void vmx_switch_to_host(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;
	union host_selectors sel = v->vmcs.host_sel;

	v->guest_state_loaded = false;

	/* SWAPGS changes it without an exit */
	v->kernel_gs_base = __rdmsr(MSR_KERNEL_GS_BASE);
	if (v->kernel_gs_base != v->host_kernel_gs_base) {
		native_wrmsrl(MSR_KERNEL_GS_BASE, v->host_kernel_gs_base);
		vcpu->stats.msr_switches++;
	}
	if (unlikely(v->host_ldt ||
		     (sel.ds | sel.es | sel.fs | sel.gs) & 7))
		load_selectors(v, sel);
	/* a VM exit sets the limit of TR to 67H: the I/O bitmap is cut off */
	invalidate_tss_limit();
	/* ... and that of GDTR to FFFFH (SDM 3C 28.5.2) */
	native_load_gdt(&v->host_gdt);
}

/**
 * vmx_host_state_entry() - host fields that may change at any time
 * @vcpu: the vCPU
 *
 * Context: interrupts off, right before the entry.
 */
void vmx_host_state_entry(struct vcpu *vcpu)
{
	struct vmcs *vmcs = &vcpu->vmx.vmcs;
	u64 cr3 = __get_current_cr3_fast();
	u64 cr4 = cr4_read_shadow();

	if (unlikely(cr3 != vmcs->host_cr3)) {
		vmcs->host_cr3 = cr3;
		vmcs_write(HOST_CR3, cr3);
	}
	if (unlikely(cr4 != vmcs->host_cr4)) {
		vmcs->host_cr4 = cr4;
		vmcs_write(HOST_CR4, cr4);
	}
}
