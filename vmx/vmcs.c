// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS of a vCPU: its region, its controls, and its constant fields.
 */
#include <linux/gfp.h>
#include <linux/slab.h>
#include "vmx/private.h"
#include "x86/x86.h"

static void *io_bitmaps[2];	/* every port exits; shared by all VMs */

static DEFINE_SPINLOCK(vpid_lock);
static unsigned long *vpid_used;	/* vpid_lock; bit 0 is the host's */

#define NR_VPIDS	65536

static void unsetup_shared(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		free_page((unsigned long)io_bitmaps[i]);
		io_bitmaps[i] = NULL;
	}
	bitmap_free(vpid_used);
	vpid_used = NULL;
}

static int setup_shared(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		io_bitmaps[i] = (void *)__get_free_page(GFP_KERNEL);
		if (!io_bitmaps[i])
			goto fail;
		memset(io_bitmaps[i], 0xff, PAGE_SIZE);
	}
	vpid_used = bitmap_zalloc(NR_VPIDS, GFP_KERNEL);
	if (!vpid_used)
		goto fail;
	__set_bit(0, vpid_used);
	return 0;
fail:
	unsetup_shared();
	return -ENOMEM;
}

/*
 * A VPID of its own, or 0 when there is none left: then the vCPU runs without,
 * and the CPU flushes at every entry and exit. Translations of an earlier owner
 * are flushed by the first entry on each CPU (vmx_vcpu_load()).
 */
static u16 alloc_vpid(void)
{
	unsigned long vpid;

	if (!vmx_caps.vpid)
		return 0;
	spin_lock(&vpid_lock);
	vpid = find_first_zero_bit(vpid_used, NR_VPIDS);
	if (vpid < NR_VPIDS)
		__set_bit(vpid, vpid_used);
	else
		vpid = 0;
	spin_unlock(&vpid_lock);
	return vpid;
}

static void free_vpid(u16 vpid)
{
	if (!vpid)
		return;
	spin_lock(&vpid_lock);
	__clear_bit(vpid, vpid_used);
	spin_unlock(&vpid_lock);
}

/* ---- controls --------------------------------------------------------------- */

static void set_control(u32 *copy, u32 value, unsigned long field)
{
	if (*copy == value)
		return;
	*copy = value;
	vmcs_write(field, value);
}

void vmx_set_pin(struct vcpu *vcpu, u32 value)
{
	set_control(&vcpu->vmx.vmcs.pin, value, PIN_BASED_VM_EXEC_CONTROL);
}

void vmx_set_proc(struct vcpu *vcpu, u32 value)
{
	set_control(&vcpu->vmx.vmcs.proc, value, CPU_BASED_VM_EXEC_CONTROL);
}

void vmx_set_proc2(struct vcpu *vcpu, u32 value)
{
	set_control(&vcpu->vmx.vmcs.proc2, value, SECONDARY_VM_EXEC_CONTROL);
}

void vmx_set_entry_ctls(struct vcpu *vcpu, u32 value)
{
	set_control(&vcpu->vmx.vmcs.entry_ctls, value, VM_ENTRY_CONTROLS);
}

void vmx_set_exit_ctls(struct vcpu *vcpu, u32 value)
{
	set_control(&vcpu->vmx.vmcs.exit_ctls, value, VM_EXIT_CONTROLS);
}

static u32 initial_proc(struct vcpu *vcpu)
{
	u32 proc = vmx_caps.proc.base;

	if (vmx_caps.proc.allowed & CPU_BASED_USE_IO_BITMAPS)
		proc |= CPU_BASED_USE_IO_BITMAPS;
	if (vmx_policy(vcpu)->cr3_exiting || !vcpu->vm->vmx.unrestricted)
		proc |= CPU_BASED_CR3_LOAD_EXITING | CPU_BASED_CR3_STORE_EXITING;
	if (vmx_policy(vcpu)->invlpg_exiting)
		proc |= CPU_BASED_INVLPG_EXITING;
	if (vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_HLT)
		proc &= ~CPU_BASED_HLT_EXITING;
	if (vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_MWAIT)
		proc &= ~(CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING);
	if (vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_PAUSE)
		proc &= ~CPU_BASED_PAUSE_EXITING;
	return proc;
}

static u32 initial_proc2(struct vcpu *vcpu)
{
	const struct mmu_policy *policy = vmx_policy(vcpu);
	u32 proc2 = vmx_caps.proc2.base;

	proc2 |= policy->secondary_required;
	proc2 |= policy->secondary_wanted & vmx_caps.proc2.allowed;
	if (!vcpu->vmx.vpid)
		proc2 &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (vcpu->vm->vmx.unrestricted)
		proc2 |= SECONDARY_EXEC_UNRESTRICTED_GUEST;
	else
		proc2 &= ~SECONDARY_EXEC_UNRESTRICTED_GUEST;
	if (vmx_caps.tsc_scaling)
		proc2 |= SECONDARY_EXEC_TSC_SCALING;
	/* on only while there is a page to log to */
	if (!vcpu->vmx.pml)
		proc2 &= ~SECONDARY_EXEC_ENABLE_PML;
	if (vcpu->vm->arch.disabled_exits & KVM_X86_DISABLE_EXITS_PAUSE)
		proc2 &= ~SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	return proc2;
}

/* The fields that stay as they are for the life of the vCPU. VMCS current. */
static void setup_vmcs(struct vcpu *vcpu)
{
	struct vmcs *vmcs = &vcpu->vmx.vmcs;

	/* the copies are of fields never written yet: make them differ */
	vmcs->pin = ~0u;
	vmcs->proc = ~0u;
	vmcs->proc2 = ~0u;
	vmcs->entry_ctls = ~0u;
	vmcs->exit_ctls = ~0u;
	vcpu->vmx.apic_controls = 0;

	vmx_set_pin(vcpu, vmx_caps.pin.base);
	vmx_set_proc(vcpu, initial_proc(vcpu));
	if (vmx_caps.proc.allowed & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
		vmx_set_proc2(vcpu, initial_proc2(vcpu));
	else
		vmcs->proc2 = 0;
	vmx_set_exit_ctls(vcpu, vmx_caps.exit.base);
	vmx_set_entry_ctls(vcpu, vmx_caps.entry.base);

	vmx_ple_init(vcpu);
	vmcs_write(MSR_BITMAP, __pa(vcpu->vmx.msr_bitmap));
	if (vmx_caps.proc.allowed & CPU_BASED_USE_IO_BITMAPS) {
		vmcs_write(IO_BITMAP_A, __pa(io_bitmaps[0]));
		vmcs_write(IO_BITMAP_B, __pa(io_bitmaps[1]));
	}
	if (vcpu->vmx.vpid)
		vmcs_write(VIRTUAL_PROCESSOR_ID, vcpu->vmx.vpid);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);		/* SDM 3C 25.4.2 */
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(GUEST_CR3, 0);
	vmcs_write(TSC_OFFSET, 0);
	if (vmx_caps.tsc_scaling)
		vmcs_write(TSC_MULTIPLIER, BIT_ULL(48));
	/* no guest has SGX: CPUID hides it, this stops what tries all the same */
	if (vmcs->proc2 & SECONDARY_EXEC_ENCLS_EXITING)
		vmcs_write(ENCLS_EXITING_BITMAP, ~0ull);
	if (vmcs->proc2 & SECONDARY_EXEC_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, 0);
	if (vcpu->vmx.pml) {
		vmcs_write(PML_ADDRESS, __pa(vcpu->vmx.pml));
		vmcs_write(GUEST_PML_INDEX, 511);
	}
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmx_host_state_init(vcpu);
}

int vmx_vm_init(struct vm *vm)
{
	vm->vmx.force_emulation = vmx_emulation_forced();
	return vmx_enable();
}

void vmx_vm_destroy(struct vm *vm)
{
	vmx_disable();
}

int vmx_vcpu_init(struct vcpu *vcpu)
{
	static atomic64_t last_id;
	struct vmx_vcpu *v = &vcpu->vmx;
	u32 *region;

	/* the same answer for each vCPU: the kind is settled by now */
	vcpu->vm->vmx.unrestricted = vmx_policy(vcpu)->unrestricted_guest &&
				     vmx_caps.unrestricted;

	v->id = atomic64_inc_return(&last_id);
	v->emulation_required = vcpu->vm->vmx.force_emulation;
	v->vmcs.cpu = -1;
	INIT_LIST_HEAD(&v->vmcs.link);
	region = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	*region = vmx_caps.revision;
	v->vmcs.region = region;
	v->msr_bitmap = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!v->msr_bitmap)
		goto fail;
	memset(v->msr_bitmap, 0xff, PAGE_SIZE);
	if (vmx_policy(vcpu)->secondary_wanted & vmx_caps.proc2.allowed &
	    SECONDARY_EXEC_ENABLE_PML) {
		v->pml = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
		if (!v->pml)
			goto fail;
		/* no page address: what the MMU takes for an empty entry */
		memset(v->pml, 0xff, PAGE_SIZE);
		v->has_pml = true;
	}
	v->vpid = alloc_vpid();

	vcpu_load(vcpu);
	setup_vmcs(vcpu);
	vmx_msr_vcpu_init(vcpu);
	vcpu_put(vcpu);
	return 0;
fail:
	vmx_vcpu_destroy(vcpu);
	return -ENOMEM;
}

void vmx_vcpu_destroy(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	if (v->vmcs.region)
		vmcs_evict(&v->vmcs);
	free_vpid(v->vpid);
	free_page((unsigned long)v->pml);
	free_page((unsigned long)v->msr_bitmap);
	free_page((unsigned long)v->vmcs.region);
	v->pml = NULL;
	v->msr_bitmap = NULL;
	v->vmcs.region = NULL;
}

/**
 * vmx_vcpu_load() - the vCPU comes to this CPU
 * @vcpu: the vCPU
 * @cpu: this CPU
 *
 * Context: preemption off.
 */
void vmx_vcpu_load(struct vcpu *vcpu, int cpu)
{
	struct vmcs *vmcs = &vcpu->vmx.vmcs;
	unsigned long flags;
	bool moved = false;

	vmx_counts_begin();
	if (!vmcs_is_current(vmcs)) {
		if (READ_ONCE(vmcs->cpu) != cpu)
			vmcs_evict(vmcs);
		local_irq_save(flags);
		if (likely(vmcs->cpu == cpu))
			vmcs_make_current(vmcs);
		else
			moved = vmcs_load(vmcs);
		local_irq_restore(flags);
	}
	vmx_mitigate_vcpu_load(vcpu);
	if (moved) {
		vmx_host_state_cpu(vcpu, cpu);
		x86_tsc_resumed(vcpu);
		/* the kind knows where the VPID was flushed last */
		vcpu->mmu.need_load = true;
		vcpu->stats.vmcs_migrations++;
	}
}

void vmx_vcpu_put(struct vcpu *vcpu)
{
	unsigned long flags;

	if (vcpu->vmx.guest_state_loaded) {
		local_irq_save(flags);
		vmx_switch_to_host(vcpu);
		local_irq_restore(flags);
	}
	vmx_counts_end(vcpu);
}

/**
 * vmx_vcpu_reset() - VMCS fields at power-on and INIT
 * @vcpu: the vCPU
 * @init: INIT rather than power-on
 *
 * Segments, control registers and the rest of the architectural state follow
 * from x86_vcpu_reset().
 */
void vmx_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct vmx_vcpu *v = &vcpu->vmx;

	vmx_v86_leave(vcpu);
	vmx_check_emulation(vcpu);
	v->event_given = false;
	v->soft_event = 0;
	vmx_proc_bits(vcpu, CPU_BASED_INTR_WINDOW_EXITING |
			    CPU_BASED_NMI_WINDOW_EXITING |
			    CPU_BASED_MONITOR_TRAP_FLAG, false);
	v->idt_info = 0;
	if (!init) {
		v->star = 0;
		v->lstar = 0;
		v->fmask = 0;
		v->tsc_aux = 0;
		v->kernel_gs_base = 0;
		v->entry.spec_ctrl = 0;
		vmcs_write(GUEST_SYSENTER_CS, 0);
		vmcs_write(GUEST_SYSENTER_ESP, 0);
		vmcs_write(GUEST_SYSENTER_EIP, 0);
	}
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_update_exception_bitmap(vcpu);
}

/* arch.tsc_offset or arch.tsc_ratio changed (SDM 3C 26.3) */
void vmx_update_tsc(struct vcpu *vcpu)
{
	vmcs_write(TSC_OFFSET, vcpu->arch.tsc_offset);
	if (vmx_caps.tsc_scaling)
		vmcs_write(TSC_MULTIPLIER, vcpu->arch.tsc_ratio);
}

int vmx_setup(void)
{
	int err;

	err = vmx_setup_caps();
	if (err)
		return err;
	vmx_timer_setup();
	err = setup_shared();
	if (err)
		return err;
	vmx_apic_setup();
	err = vmx_mitigations_setup();
	if (err)
		goto shared;
	err = vmx_msr_setup();
	if (err)
		goto mitigations;
	err = vmx_setup_cpus();
	if (err)
		goto msr;
	return 0;
msr:
	vmx_msr_unsetup();
mitigations:
	vmx_mitigations_unsetup();
shared:
	vmx_apic_unsetup();
	unsetup_shared();
	return err;
}

void vmx_unsetup(void)
{
	vmx_unsetup_cpus();
	vmx_msr_unsetup();
	vmx_mitigations_unsetup();
	vmx_apic_unsetup();
	unsetup_shared();
}
