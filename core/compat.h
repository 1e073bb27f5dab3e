/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions, all of them, and nowhere else.
 */
#ifndef CORE_COMPAT_H
#define CORE_COMPAT_H

#include <linux/version.h>
#include <linux/cpuhotplug.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/jump_label.h>
#include <linux/kvm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/nospec-branch.h>
#include <asm/perf_event.h>
#include <asm/reboot.h>
#include <asm/vmx.h>

/* hrtimer_setup() came in 6.13, hrtimer_init() went later */
static inline void
compat_hrtimer_setup(struct hrtimer *timer,
		     enum hrtimer_restart (*function)(struct hrtimer *),
		     clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/* The count to add became always 1 in 6.8 */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/*
 * compat_follow_pte() - copy the page-table entry of a VM_IO or VM_PFNMAP page
 *
 * mmap_lock held. follow_pte() takes the VMA since 6.10; follow_pfnmap_start()
 * replaces it for modules in 6.12 and gives only what is needed to rebuild the
 * entry. 0 or -EINVAL.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline int compat_follow_pte(struct vm_area_struct *vma,
				    unsigned long addr, pte_t *pte)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pte = pfn_pte(args.pfn, args.pgprot);
	*pte = args.writable ? pte_mkwrite_novma(*pte) : pte_wrprotect(*pte);
	follow_pfnmap_end(&args);
	return 0;
}
#else
static inline int compat_follow_pte(struct vm_area_struct *vma,
				    unsigned long addr, pte_t *pte)
{
	spinlock_t *ptl;
	pte_t *ptep;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	int r = follow_pte(vma, addr, &ptep, &ptl);
#else
	int r = follow_pte(vma->vm_mm, addr, &ptep, &ptl);
#endif

	if (r)
		return r;
	*pte = *ptep;
	pte_unmap_unlock(ptep, ptl);
	return 0;
}
#endif

/* Shrinkers are allocated by the kernel since 6.7. NULL: no memory. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define compat_shrinker_register(name, count, scan, seeks_)		\
({									\
	struct shrinker *s_ = shrinker_alloc(0, name);			\
									\
	if (s_) {							\
		s_->count_objects = count;				\
		s_->scan_objects = scan;				\
		s_->seeks = seeks_;					\
		shrinker_register(s_);					\
	}								\
	s_;								\
})
#define compat_shrinker_unregister(s)	shrinker_free(s)
#else
#define compat_shrinker_register(name, count, scan, seeks_)		\
({									\
	struct shrinker *s_ = kzalloc(sizeof(*s_), GFP_KERNEL);		\
									\
	if (s_) {							\
		s_->count_objects = count;				\
		s_->scan_objects = scan;				\
		s_->seeks = seeks_;					\
		if (register_shrinker(s_, name)) {			\
			kfree(s_);					\
			s_ = NULL;					\
		}							\
	}								\
	s_;								\
})
static inline void compat_shrinker_unregister(struct shrinker *s)
{
	unregister_shrinker(s);
	kfree(s);
}
#endif

/* get_user_pages() stopped to honour NUMA hinting by itself in 6.6 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define COMPAT_FOLL_NUMA	FOLL_HONOR_NUMA_FAULT
#else
#define COMPAT_FOLL_NUMA	0
#endif

/* A signal ends the wait for a page that user space brings; since 6.2 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define COMPAT_FOLL_INTERRUPTIBLE	FOLL_INTERRUPTIBLE
#else
#define COMPAT_FOLL_INTERRUPTIBLE	0
#endif

/* Does this host clear CPU buffers (VERW) where data crosses to a guest? */
static inline bool compat_clear_cpu_buffers(void)
{
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
	if (boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF_VM))
		return true;
#endif
#ifdef X86_FEATURE_CLEAR_CPU_BUF
	if (boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF))
		return true;
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	/* MMIO Stale Data without MDS: the kernel leaves it to hypervisors */
	if (static_key_enabled(&mmio_stale_data_clear))
		return true;
#endif
	return false;
}

/*
 * MSRs that perf wants changed while a guest runs. The second argument is
 * mainline's virtual PMU of the vCPU; ours has none, which all zeroes say.
 */
static inline struct perf_guest_switch_msr *compat_perf_guest_msrs(int *nr)
{
	static u64 no_pmu[512];

	return perf_guest_get_msrs(nr, no_pmu);
}

/*
 * A guest ran on this CPU: what it did to the branch predictors must not
 * reach user space (VMSCAPE).
 */
static inline void compat_guest_ran(void)
{
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/*
 * Interrupt a CPU for nothing but the interruption. Since 6.4 the name without
 * arch_ is a macro with a trace event of the scheduler's, whose header would
 * be needed everywhere.
 */
static inline void compat_send_reschedule(int cpu)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	arch_smp_send_reschedule(cpu);
#else
	smp_send_reschedule(cpu);
#endif
}

/* Another CPU's interrupt. send_IPI_mask is the one that modules may call. */
static inline void compat_send_ipi(int cpu, int vector)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	__apic_send_IPI_mask(get_cpu_mask(cpu), vector);
#else
	apic->send_IPI_mask(get_cpu_mask(cpu), vector);
#endif
}

/* Do interrupts go through gates of the IDT, which can be called? */
static inline bool compat_can_call_idt(void)
{
#ifdef X86_FEATURE_FRED
	return !cpu_feature_enabled(X86_FEATURE_FRED);
#else
	return true;
#endif
}

/*
 * A crash or an emergency reboot has to turn VMX off, or the CPU does not take
 * INIT. The kernel did it by itself where CR4.VMXE is set, until it came to ask
 * us: in 6.6, and in later releases of 6.1, so Kbuild looks at the header.
 */
#ifdef COMPAT_EMERGENCY_CALLBACK
static inline void compat_emergency_register(void (*off)(void))
{
	cpu_emergency_register_virt_callback(off);
}

static inline void compat_emergency_unregister(void (*off)(void))
{
	cpu_emergency_unregister_virt_callback(off);
}
#else
static inline void compat_emergency_register(void (*off)(void))
{
}

static inline void compat_emergency_unregister(void (*off)(void))
{
}
#endif

/*
 * The step of CPU hotplug at which threads of user space are not yet, and no
 * longer, on the CPU. It moved in 6.3 to where a callback may fail.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define COMPAT_CPUHP_KVM	CPUHP_AP_KVM_ONLINE
#define COMPAT_CPUHP_MAY_FAIL	true
#else
#define COMPAT_CPUHP_KVM	CPUHP_AP_KVM_STARTING
#define COMPAT_CPUHP_MAY_FAIL	false
#endif

/* This CPU is in no RCU read-side section; interrupts off */
static inline void compat_rcu_quiescent(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	rcu_virt_note_context_switch();
#else
	rcu_virt_note_context_switch(smp_processor_id());
#endif
}

/*
 * Is TIF_NOTIFY_RESUME, which the thread has cleared, for nobody but restartable
 * sequences? Where that is not known: no. They do without the flag since 6.18.
 */
static inline bool compat_resume_only_rseq(void)
{
#if defined(CONFIG_RSEQ) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	if (!current->rseq || task_work_pending(current))
		return false;
#ifdef CONFIG_KEYS_REQUEST_CACHE
	if (current->cached_requested_key)
		return false;
#endif
#ifdef CONFIG_MEMCG
	if (current->memcg_nr_pages_over_high)
		return false;
#endif
#ifdef CONFIG_BLK_CGROUP
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	if (current->throttle_disk)
		return false;
#else
	if (current->throttle_queue)
		return false;
#endif
#endif
	return true;
#else
	return false;
#endif
}

/* User space may write it any time, which 6.10 put into the name */
static inline bool compat_immediate_exit(const struct kvm_run *run)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	return READ_ONCE(run->immediate_exit__unsafe);
#else
	return READ_ONCE(run->immediate_exit);
#endif
}

/* A word of its own first, bit 0 of the flags later: the same place */
static inline void compat_hypercall_longmode(struct kvm_run *run, bool longmode)
{
#ifdef KVM_EXIT_HYPERCALL_LONG_MODE
	run->hypercall.flags = longmode ? KVM_EXIT_HYPERCALL_LONG_MODE : 0;
#else
	run->hypercall.longmode = longmode;
#endif
}

/* Renamed in 6.8 */
#ifndef SECONDARY_EXEC_XSAVES
#define SECONDARY_EXEC_XSAVES	SECONDARY_EXEC_ENABLE_XSAVES
#endif

#endif
