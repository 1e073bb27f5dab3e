// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the CPU can do of a LAPIC's work (SDM 3C chapter 30): controls, what the
 * VMCS is told before an entry, and the exits that come of it. The LAPIC itself
 * is irqchip/'s, Documentation/interrupts.rst has the whole.
 */
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/desc.h>
#include <asm/irq_vectors.h>
#include "core/compat.h"
#include "core/run.h"
#include "irqchip/irqchip.h"
#include "vmx/private.h"
#include "x86/x86.h"

static bool tpr_shadow = true;
module_param(tpr_shadow, bool, 0644);
MODULE_PARM_DESC(tpr_shadow, "CR8 without exits, and all the rest below; VMs made later");

static bool apic_access = true;
module_param(apic_access, bool, 0644);
MODULE_PARM_DESC(apic_access, "virtualize accesses to the xAPIC page");

static bool x2apic_virt = true;
module_param(x2apic_virt, bool, 0644);
MODULE_PARM_DESC(x2apic_virt, "virtualize x2APIC MSRs");

static bool enable_apicv = true;
module_param(enable_apicv, bool, 0644);
MODULE_PARM_DESC(enable_apicv, "virtualize APIC registers and deliver interrupts by the CPU");

static bool posted_interrupts = true;
module_param(posted_interrupts, bool, 0644);
MODULE_PARM_DESC(posted_interrupts, "interrupt a running guest without an exit");

/* Exit qualification of an APIC access: SDM 3C table 28-6 */
#define ACCESS_OFFSET(q)	((q) & 0xfff)
#define ACCESS_TYPE(q)		((q) >> 12 & 15)
enum { ACCESS_READ, ACCESS_WRITE };

#define ALL_PROC2	(SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES | \
			 SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE | \
			 SECONDARY_EXEC_APIC_REGISTER_VIRT | \
			 SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)

static bool can_post(void)
{
	return vmx_caps.pin.allowed & PIN_BASED_POSTED_INTR &&
	       vmx_caps.exit.allowed & VM_EXIT_ACK_INTR_ON_EXIT &&
	       compat_can_call_idt();
}

/* SDM 3C 27.2.1.1 says which control wants which */
static u32 available(void)
{
	u32 assists = 0;

	if (!READ_ONCE(tpr_shadow) ||
	    !(vmx_caps.proc.allowed & CPU_BASED_TPR_SHADOW))
		return 0;
	if (READ_ONCE(apic_access) &&
	    vmx_has_proc2(SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES))
		assists |= IRQ_ASSIST_ACCESS;
	if (READ_ONCE(x2apic_virt) &&
	    vmx_has_proc2(SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE))
		assists |= IRQ_ASSIST_X2APIC;
	if (assists && READ_ONCE(enable_apicv)) {
		if (vmx_has_proc2(SECONDARY_EXEC_APIC_REGISTER_VIRT))
			assists |= IRQ_ASSIST_REGS;
		if (vmx_has_proc2(SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY))
			assists |= IRQ_ASSIST_DELIVERY;
	}
	if (assists & IRQ_ASSIST_DELIVERY && READ_ONCE(posted_interrupts) &&
	    can_post())
		assists |= IRQ_ASSIST_POSTED;
	return assists | IRQ_ASSIST_TPR;
}

/*
 * A CPU in the guest takes the notification by itself. Elsewhere it is an
 * interrupt that does nothing, and the vCPU, which has left the guest meanwhile,
 * sees before it enters again what was posted (vmx_posted_waits()).
 */
static bool notify(struct vcpu *vcpu)
{
	bool told = false;
	int me, cpu;

	me = get_cpu();
	/* posted->on, set by an atomic operation, comes before mode */
	if (READ_ONCE(vcpu->mode) == VCPU_IN_GUEST && READ_ONCE(vcpu->vmx.posting)) {
		cpu = READ_ONCE(vcpu->cpu);
		/* on this CPU it is between two entries: it has to look */
		if (cpu != me && cpu >= 0 && cpu_online(cpu)) {
			compat_send_ipi(cpu, POSTED_INTR_VECTOR);
			told = true;
		}
	}
	put_cpu();
	return told;
}

static struct gate_struct *host_idt;	/* [I] */

static unsigned long host_handler(u8 vector)
{
	return gate_offset(host_idt + vector);
}

static const struct irqchip_assist assist = {
	.available = available,
	.notify = notify,
};

void vmx_apic_setup(void)
{
	struct desc_ptr idt;

	store_idt(&idt);
	host_idt = (gate_desc *)idt.address;

	/* the parameters show what there is */
	tpr_shadow &= !!(vmx_caps.proc.allowed & CPU_BASED_TPR_SHADOW);
	apic_access &= vmx_has_proc2(SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);
	x2apic_virt &= vmx_has_proc2(SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);
	enable_apicv &= vmx_has_proc2(SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);
	posted_interrupts &= can_post();
	irqchip_set_assist(&assist);
}

void vmx_apic_unsetup(void)
{
	irqchip_set_assist(NULL);
}

/* ---- before an entry -------------------------------------------------------- */

void vmx_apic_init(struct vcpu *vcpu)
{
	u32 assists = lapic_assists(vcpu), proc = vcpu->vmx.vmcs.proc;

	if (!(assists & IRQ_ASSIST_TPR))
		return;
	proc &= ~(CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING);
	vmx_set_proc(vcpu, proc | CPU_BASED_TPR_SHADOW);
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, __pa(lapic_page(vcpu)));
	vmcs_write(TPR_THRESHOLD, 0);
	if (assists & IRQ_ASSIST_ACCESS)
		vmcs_write(APIC_ACCESS_ADDR, mmu_apic_page_hpa(vcpu->vm));
	if (assists & IRQ_ASSIST_POSTED) {
		vmcs_write(POSTED_INTR_DESC_ADDR, __pa(lapic_posted(vcpu)));
		vmcs_write(POSTED_INTR_NV, POSTED_INTR_VECTOR);
		vmx_set_exit_ctls(vcpu, vcpu->vmx.vmcs.exit_ctls |
				  VM_EXIT_ACK_INTR_ON_EXIT);
	}
	if (assists & IRQ_ASSIST_DELIVERY)
		vcpu->vmx.posted_on = lapic_posted_on(vcpu);
}

bool vmx_apic_choose(struct vcpu *vcpu, bool deliver)
{
	/* neither the emulator nor virtual-8086 mode is the CPU's delivery */
	if (vmx_needs_emulation(vcpu) || vcpu->vmx.v86)
		deliver = false;
	return lapic_choose_delivery(vcpu, deliver);
}

static void set_controls(struct vcpu *vcpu, u32 assists, bool by_cpu)
{
	u32 proc2 = vcpu->vmx.vmcs.proc2 & ~ALL_PROC2;
	enum lapic_access access = lapic_access(vcpu);
	struct vmx_vcpu *v = &vcpu->vmx;
	u8 x2apic = 0, made_for;

	/* all that the controls depend on, and never 0 */
	made_for = 0x80 | access << 1 | by_cpu;
	if (likely(v->apic_controls == made_for))
		return;
	v->apic_controls = made_for;
	switch (access) {
	case LAPIC_XAPIC:
		if (assists & IRQ_ASSIST_ACCESS)
			proc2 |= SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES;
		break;
	case LAPIC_X2APIC:
		if (assists & IRQ_ASSIST_X2APIC) {
			proc2 |= SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE;
			x2apic = assists & (IRQ_ASSIST_X2APIC | IRQ_ASSIST_REGS);
			x2apic |= by_cpu ? IRQ_ASSIST_DELIVERY : 0;
		}
		break;
	case LAPIC_NONE:
		break;
	}
	if (proc2 & ALL_PROC2 && assists & IRQ_ASSIST_REGS)
		proc2 |= SECONDARY_EXEC_APIC_REGISTER_VIRT;
	if (by_cpu)
		proc2 |= SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY;
	if (proc2 != v->vmcs.proc2)
		vmx_set_proc2(vcpu, proc2);
	if (assists & IRQ_ASSIST_POSTED && unlikely(v->posting != by_cpu)) {
		WRITE_ONCE(v->posting, by_cpu);
		vmx_set_pin(vcpu, by_cpu ? v->vmcs.pin | PIN_BASED_POSTED_INTR :
				  v->vmcs.pin & ~PIN_BASED_POSTED_INTR);
	}
	if (unlikely(x2apic != v->x2apic_virt)) {
		v->x2apic_virt = x2apic;
		vmx_msr_x2apic_changed(vcpu);
	}
}

static void write_eoi_exits(const unsigned long *bitmap)
{
	vmcs_write(EOI_EXIT_BITMAP0, READ_ONCE(bitmap[0]));
	vmcs_write(EOI_EXIT_BITMAP1, READ_ONCE(bitmap[1]));
	vmcs_write(EOI_EXIT_BITMAP2, READ_ONCE(bitmap[2]));
	vmcs_write(EOI_EXIT_BITMAP3, READ_ONCE(bitmap[3]));
}

void vmx_apic_entry(struct vcpu *vcpu, u32 assists, bool by_cpu)
{
	struct lapic_entry e;

	lapic_entry(vcpu, &e);
	set_controls(vcpu, assists, by_cpu);
	if (e.threshold != vcpu->vmx.tpr_threshold) {
		vcpu->vmx.tpr_threshold = e.threshold;
		vmcs_write(TPR_THRESHOLD, e.threshold);
	}
	if (!(assists & IRQ_ASSIST_DELIVERY))
		return;
	vmcs_write(GUEST_INTR_STATUS, e.svi << 8 | e.rvi);
	if (unlikely(e.eoi_exits_changed))
		write_eoi_exits(e.eoi_exits);
}

/* ---- exits -------------------------------------------------------------------- */

/**
 * vmx_host_interrupt() - the external interrupt that caused the exit
 * @vcpu: the vCPU
 *
 * Posted interrupts want the exit to acknowledge it (SDM 3C 27.2.1.1): the
 * vector is in the VMCS then, and nobody but us calls its handler. Otherwise it
 * comes by itself as soon as interrupts are on.
 *
 * Context: interrupts off.
 */
void vmx_host_interrupt(struct vcpu *vcpu)
{
	u32 info;

	if (!(vcpu->vmx.vmcs.exit_ctls & VM_EXIT_ACK_INTR_ON_EXIT))
		return;
	info = vmx_intr_info(vcpu);
	if (WARN_ON_ONCE(!(info & INTR_INFO_VALID_MASK)))
		return;
	vmx_asm_interrupt(host_handler(info & INTR_INFO_VECTOR_MASK));
}

int vmx_exit_apic_access(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	int ret = MMIO_OTHER;

	/* by an instruction, whose own address it was */
	if (ACCESS_TYPE(qual) <= ACCESS_WRITE)
		ret = run_apic_page(vcpu, ACCESS_OFFSET(qual),
				    ACCESS_TYPE(qual) == ACCESS_WRITE);
	return ret == MMIO_OTHER ? run_emulate(vcpu, NULL) : ret;
}

/* Registers whose writes neither sleep nor go to user space */
static bool fast_register(unsigned int off)
{
	return off == APIC_EOI || off == APIC_TASKPRI || off == APIC_ICR ||
	       off == APIC_ICR2;
}

int vmx_fast_apic_access(struct vcpu *vcpu)
{
	u64 qual = vmx_exit_qual(vcpu);
	struct vm *vm = vcpu->vm;
	u64 cr2 = read_cr2();
	bool done;
	int idx;

	if (ACCESS_TYPE(qual) != ACCESS_WRITE ||
	    !fast_register(ACCESS_OFFSET(qual)) ||
	    (ACCESS_OFFSET(qual) == APIC_EOI && irqchip_eoi_sleeps(vcpu)) ||
	    vcpu->arch.guest_debug || vcpu->vmx.drs_active ||
	    vmcs_read(IDT_VECTORING_INFO_FIELD) & VECTORING_INFO_VALID_MASK)
		return FAST_FULL;
	pagefault_disable();
	idx = srcu_read_lock(&vm->srcu);
	done = run_apic_page_fast(vcpu, ACCESS_OFFSET(qual));
	srcu_read_unlock(&vm->srcu, idx);
	pagefault_enable();
	vmx_keep_cr2(cr2);
	return done ? FAST_RESUME : FAST_FULL;
}

/* Both are traps: RIP is behind the instruction (SDM 3C 28.1) */
int vmx_exit_eoi_induced(struct vcpu *vcpu)
{
	lapic_eoi_exit(vcpu, vmx_exit_qual(vcpu));
	return RUN_RESUME;
}

int vmx_exit_apic_write(struct vcpu *vcpu)
{
	lapic_apic_write(vcpu, vmx_exit_qual(vcpu) & 0xff0);
	return RUN_RESUME;
}

/* IPIs. What comes of one for this vCPU is a request, which leaves the loop. */
int vmx_fast_apic_write(struct vcpu *vcpu)
{
	if ((vmx_exit_qual(vcpu) & 0xff0) != APIC_ICR)
		return FAST_FULL;
	lapic_apic_write(vcpu, APIC_ICR);
	return FAST_RESUME;
}
