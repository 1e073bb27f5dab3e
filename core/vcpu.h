/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU: its state, requests to it, and how to make it look at them.
 *
 * mode says where the vCPU thread is:
 *
 *     OUTSIDE ----> IN_GUEST ----> OUTSIDE
 *
 * It becomes IN_GUEST with interrupts off, before the last look at requests,
 * and OUTSIDE before interrupts are on again. A requester sets the bit first
 * and reads mode afterwards; full barriers on both sides. So either the vCPU
 * sees the request, or the requester sees IN_GUEST and sends an IPI, which is
 * pending or arrives in the guest and forces an exit.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/bitops.h>
#include "core/types.h"
#include "core/vm.h"
#include "core/io.h"
#include "core/stats.h"
#include "emulate/emulate.h"
#include "mmu/mmu.h"
#include "vmx/vmx_vcpu.h"
#include "x86/x86_vcpu.h"

enum vcpu_mode {
	VCPU_OUTSIDE,
	VCPU_IN_GUEST,
};

/* Requests: taken at the top of the run loop; REQ_EVENT right before the entry */
enum vcpu_request {
	REQ_DEAD,		/* the VM is dead: leave with -EIO */
	REQ_TRIPLE_FAULT,	/* KVM_EXIT_SHUTDOWN */
	REQ_MMU_RELOAD,		/* roots are stale: prepare() builds new ones */
	REQ_TLB_FLUSH,		/* flush every translation of this vCPU */
	REQ_EVENT,		/* look for something to inject */
	REQ_SMI,		/* an SMI from another context */
	REQ_NMI,		/* ev.nmi_queued has NMIs from another context */
	REQ_CLOCK_UPDATE,	/* write the paravirtual clock page */
	REQ_STEAL_UPDATE,	/* write the steal-time page */
	REQ_TIMER,		/* the LAPIC timer fired: turn it into an IRR bit */
	REQ_UNBLOCK,		/* wake from HLT without an event */
	REQ_DIRTY_RING,		/* the dirty ring may be full */
	REQ_MSR_FILTER,		/* other MSRs may be touched without an exit */
	REQ_IOAPIC_EOI,		/* KVM_EXIT_IOAPIC_EOI: split irqchip */
	REQ_TPR_ACCESS,		/* KVM_EXIT_TPR_ACCESS */
	REQ_APF,		/* pages that the guest waits for are there */
	REQ_TSS_ADDR,		/* KVM_SET_TSS_ADDR: real mode has another TSS */
	REQ_PIT,		/* its timer has stopped, since nobody took ticks */
	REQ_OUTSIDE,		/* nothing to do: the requester only wants it out */
	NR_REQUESTS
};

struct lapic;
struct vcpu_apf;

struct vcpu {
	/* --- the exit path's own lines first --- */
	u64 regs[NR_GPRS];			/* [v] RSP valid as reg_cache says */
	u64 requests;				/* [a] bits of enum vcpu_request */
	int mode;				/* [a] enum vcpu_mode */
	int cpu;				/* [c] loaded on, or -1 */
	struct vmx_vcpu vmx;
	struct x86_vcpu arch;
	struct mmu_vcpu mmu;
	struct vcpu_apf *apf;			/* [v] core/apf.c, once used */
	struct lapic *lapic;			/* [I] after creation; NULL without irqchip */

	struct kvm_run *run;			/* [I] page 0 of the mmap; user space writes it */
	struct vm *vm;				/* [I] holds a reference through the file */
	struct mutex mutex;			/* KVM_RUN and every vCPU ioctl */
	struct pid __rcu *pid;			/* [r][v] the thread that runs it */
	struct preempt_notifier preempt;
	struct rcuwait wait;			/* blocked in HLT */
	bool blocked;				/* [a] asleep: core/halt.c */
	bool looked;				/* [v] irqchip_pending() was -1 at its HLT */
	bool apic_seen;				/* [v] A4 of irqchip/lapic_virt.c */
	u64 halt_poll_ns;			/* [v] to look for events before that */
	u64 wake_ticks;				/* [v] that waking up takes, by the TSC */
	bool preempted;				/* [a] scheduled out while wanting to run */
	bool ready;				/* [a] woken, and not running yet */
	u32 id;					/* [I] KVM_CREATE_VCPU argument */
	unsigned int index;			/* [I] position in vm->vcpus */
	int srcu_idx;				/* [v] valid inside KVM_RUN */

	sigset_t sigset;			/* [v] KVM_SET_SIGNAL_MASK */
	bool sigset_active;			/* [v] */
	bool quick;				/* [v] KVM_RUN was short last time */
	bool work_deferred;			/* [v] thread_work_deferred() is due */

	struct emul_ctx emul;			/* [v] emulator's decoded state */
	u64 emul_rflags;			/* [v] RFLAGS before the instruction */
	gfn_t emul_mmio_gfn;			/* [v] page the fault found to be no memory */
	gva_t emul_gva;				/* [v] page the fault came through ... */
	u32 emul_access;			/* [v] ... with this access; 0: not known */
	gpa_t emul_protected;			/* [v] memory whose write faulted, or none */
#define NO_MMIO_GFN	(~(gfn_t)0)
#define NO_GPA		(~(gpa_t)0)
	bool emul_halted;			/* [v] the instruction was HLT */
	bool emul_undefined;			/* [v] #UD for what is not executed */
	bool emul_asks_user;			/* [v] ... or a hypercall for user space */
	struct vcpu_io io;			/* [v] I/O that waits for user space */
	struct mmio_insn mmio_insn[1 << MMIO_INSN_BITS];	/* [v] by a hash of RIP */
	struct vcpu_stats stats;		/* [v] written; read torn-free elsewhere */
	void *pio_page;				/* [I] page 1 of the mmap */
};

/*
 * Make a request. The caller kicks where the vCPU must see it soon; a vCPU
 * that makes a request of itself needs no kick.
 */
static inline void vcpu_request(struct vcpu *vcpu, enum vcpu_request req)
{
	smp_wmb();	/* what the request is about comes before it */
	set_bit(req, (unsigned long *)&vcpu->requests);
}

static inline bool vcpu_requested(struct vcpu *vcpu, enum vcpu_request req)
{
	return test_bit(req, (unsigned long *)&vcpu->requests);
}

static inline bool vcpu_take_request(struct vcpu *vcpu, enum vcpu_request req)
{
	if (!test_bit(req, (unsigned long *)&vcpu->requests))
		return false;
	clear_bit(req, (unsigned long *)&vcpu->requests);
	smp_mb__after_atomic();	/* pairs with smp_wmb() in vcpu_request() */
	return true;
}

/**
 * vcpu_create() - make a vCPU and publish it
 * @vm: the VM
 * @id: user space's id, which is the initial APIC id
 *
 * Context: vm->lock not held. Return: the vCPU, or ERR_PTR: -EINVAL for an id
 * out of range or when VM_MAX_VCPUS exist, -EEXIST, -ENOMEM, -EIO.
 */
struct vcpu *vcpu_create(struct vm *vm, u32 id);

/* Free a vCPU. VM teardown only: nobody else can reach it. */
void vcpu_destroy(struct vcpu *vcpu);

/**
 * vcpu_load() - make this CPU hold the vCPU's state and keep it so
 * @vcpu: the vCPU, vcpu->mutex held
 *
 * Until vcpu_put() a preempt notifier carries it from CPU to CPU with the
 * thread. VMCS accessors may be used only in between.
 */
void vcpu_load(struct vcpu *vcpu);
void vcpu_put(struct vcpu *vcpu);

/*
 * The same for somebody who keeps preemption off, and who either ends it with
 * vmx_vcpu_put() or makes a vcpu_load() of it with vcpu_hold().
 */
void vcpu_load_here(struct vcpu *vcpu, int cpu);
void vcpu_hold(struct vcpu *vcpu);

/**
 * vcpu_run() - the KVM_RUN ioctl
 * @vcpu: the vCPU, vcpu->mutex held, not loaded
 *
 * Return: 0 with vcpu->run filled, or -EINTR, -EAGAIN, -EFAULT, -EINVAL, -EIO,
 * -ENOEXEC as the ABI document says.
 */
int vcpu_run(struct vcpu *vcpu);

/**
 * vcpu_kick() - have the vCPU look at its requests soon
 * @vcpu: the vCPU; wakes it from HLT, forces an exit if it is in the guest
 *
 * Context: any, interrupts may be off, spinlocks may be held.
 */
void vcpu_kick(struct vcpu *vcpu);

/**
 * vcpu_spins() - the vCPU waits for another one: let that one run
 * @vcpu: the vCPU, loaded, by its own thread
 *
 * Context: may schedule; vm->srcu may be held.
 */
void vcpu_spins(struct vcpu *vcpu);

/**
 * vcpu_yield_to() - let another vCPU's thread have this CPU
 * @vcpu: that vCPU
 *
 * Context: preemptible.
 * Return: as yield_to(): above 0 where it worked, negative where it is no use.
 */
int vcpu_yield_to(struct vcpu *vcpu);

/**
 * vm_request_all() - make one request of all vCPUs and kick those in a guest
 * @vm: the VM
 * @req: the request
 * @wait: return only when every vCPU that was in the guest has left it
 *
 * Context: with @wait, preemptible or at least interrupts on.
 */
void vm_request_all(struct vm *vm, enum vcpu_request req, bool wait);

#endif
