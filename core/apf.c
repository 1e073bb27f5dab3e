// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults: a guest that asked for it is told that a page has
 * to be waited for, runs something else, and is told when the page is there.
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN.
 *
 *   fault --> host_lookup(): would wait --> apf_start(): #PF with a token
 *                                             |
 *                                         work: handle_mm_fault()
 *                                             |
 *   guest <-- interrupt, token in memory <-- done list <-- REQ_APF
 *     |                                                       ^
 *     +------- MSR_KVM_ASYNC_PF_ACK: the next one ------------+
 *
 *  A1. A work may wait for ever (userfaultfd), so nobody waits for it: it has a
 *      reference to struct vcpu_apf, whose vcpu becomes NULL when the vCPU goes,
 *      and to the module. While it waits it takes up a thread of the host's, and
 *      the address space, which its process may have left. So there are MAX_WORKS
 *      at most, all of which the workqueue runs at once, and they wait for plain
 *      memory alone: a file system may be anybody's (FUSE). userfaultfd has the
 *      kernel's faults only for those whom the host trusts with them. Whatever
 *      else there is to wait for, the vCPU's thread does, which can be killed.
 *  A2. Tokens of before the guest turned the mechanism off are dropped when
 *      they come: their generation is another one.
 *  A3. Turning it on from user space means that the guest comes from another
 *      VM, where its tokens have stayed: it is told to wake up everybody.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kvm_para.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "core/apf.h"
#include "core/run.h"
#include "irqchip/irqchip.h"
#include "x86/x86.h"

#define MAX_OUTSTANDING	64	/* of a vCPU */
#define MAX_WORKS	256	/* of the host; no more than a workqueue runs at once */
#define WAKE_ALL	(~0u)	/* the token */

struct vcpu_apf {
	refcount_t refs;		/* [a] the vCPU's and one per work */
	spinlock_t lock;
	struct vcpu *vcpu;		/* lock; A1 */
	struct list_head done;		/* lock */
	unsigned int outstanding;	/* [v] works not yet told or dropped */
	unsigned int generation;	/* [v] A2 */
	u32 next;			/* [v] token */
	bool told;			/* [v] not acknowledged yet */
	bool wake_all;			/* [v] A3 */
};

struct apf_work {
	struct work_struct work;
	struct list_head link;		/* apf->lock */
	struct vcpu_apf *apf;
	struct mm_struct *mm;
	hva_t hva;
	bool write;
	u32 token;
	unsigned int generation;
};

static struct workqueue_struct *apf_wq;
static atomic_t nr_works;		/* A1: begun and not ended */

int __init apf_setup(void)
{
	apf_wq = alloc_workqueue("kvm-apf", WQ_UNBOUND, MAX_WORKS);
	return apf_wq ? 0 : -ENOMEM;
}

void apf_unsetup(void)
{
	destroy_workqueue(apf_wq);
}

static void apf_put(struct vcpu_apf *apf)
{
	if (refcount_dec_and_test(&apf->refs))
		kfree(apf);
}

static struct vcpu_apf *apf_create(struct vcpu *vcpu)
{
	struct vcpu_apf *apf = kzalloc(sizeof(*apf), GFP_KERNEL_ACCOUNT);

	if (!apf)
		return NULL;
	refcount_set(&apf->refs, 1);
	spin_lock_init(&apf->lock);
	INIT_LIST_HEAD(&apf->done);
	apf->vcpu = vcpu;
	return apf;
}

static bool enabled(const struct vcpu *vcpu)
{
	const u64 both = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;

	/* 'page ready' has no other way to the guest any more */
	return (vcpu->arch.apf_msr & both) == both;
}

/* MSR_KVM_ASYNC_PF_EN: bits 63:6 are the address of 64 bytes (virt/kvm/x86/msr.rst) */
#define AREA_MASK	(~0x3fULL)

static gpa_t area(const struct vcpu *vcpu)
{
	return vcpu->arch.apf_msr & AREA_MASK;
}

/* ---- a page that is not there ----------------------------------------------- */

/*
 * Memory that nobody but the host itself makes wait (A1), and that may be used
 * so. mmap_lock held.
 */
static bool plain_memory(struct mm_struct *mm, hva_t hva, bool write)
{
	struct vm_area_struct *vma = vma_lookup(mm, hva);

	if (!vma || !(vma->vm_flags & (write ? VM_WRITE : VM_READ)))
		return false;
	return vma_is_anonymous(vma) || is_vm_hugetlb_page(vma) ||
	       (vma->vm_file && vma->vm_ops &&
		file_inode(vma->vm_file)->i_sb->s_magic == TMPFS_MAGIC);
}

/*
 * Once, with the lock that the memory was looked at under: it is dropped to wait,
 * and then there may be other memory. What this does not achieve, or why it fails,
 * the guest's next try shows.
 */
static void fault_in(struct apf_work *w)
{
	unsigned int flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_REMOTE |
			     (w->write ? FAULT_FLAG_WRITE : 0);

	mmap_read_lock(w->mm);
	if (plain_memory(w->mm, w->hva, w->write) &&
	    handle_mm_fault(vma_lookup(w->mm, w->hva), w->hva, flags, NULL) &
	    (VM_FAULT_RETRY | VM_FAULT_COMPLETED))
		return;		/* without the lock */
	mmap_read_unlock(w->mm);
}

static void apf_work(struct work_struct *work)
{
	struct apf_work *w = container_of(work, struct apf_work, work);
	struct vcpu_apf *apf = w->apf;

	if (mmget_not_zero(w->mm)) {
		fault_in(w);
		mmput(w->mm);
	}
	mmdrop(w->mm);
	atomic_dec(&nr_works);

	spin_lock(&apf->lock);
	if (apf->vcpu) {
		list_add_tail(&w->link, &apf->done);
		vcpu_request(apf->vcpu, REQ_APF);
		vcpu_kick(apf->vcpu);
		w = NULL;
	}
	spin_unlock(&apf->lock);
	kfree(w);
	apf_put(apf);
	/* what is left of this function is waited for by apf_unsetup() */
	module_put(THIS_MODULE);
}

/* Can the guest take a #PF of ours now, and do something else then? */
static bool possible(struct vcpu *vcpu)
{
	const struct x86_events *ev = &vcpu->arch.ev;

	if (!(vcpu->arch.apf_msr & KVM_ASYNC_PF_SEND_ALWAYS) && !vcpu_cpl(vcpu))
		return false;
	if (ev->exception.pending || ev->exception.injected ||
	    ev->nmi_injected || ev->irq.injected || vcpu->arch.smm ||
	    vcpu->arch.guest_debug)
		return false;
	return x86_paging(vcpu) && vmx_irq_allowed(vcpu);
}

bool apf_wanted(struct vcpu *vcpu)
{
	return enabled(vcpu) && possible(vcpu);
}

/* Is the page one to wait for here, and is there room for that? */
static bool may_start(struct vcpu *vcpu, hva_t hva, bool write)
{
	struct mm_struct *mm = vcpu->vm->mm;
	bool plain;

	if (vcpu->apf->outstanding >= MAX_OUTSTANDING || current->mm != mm ||
	    !mmap_read_trylock(mm))
		return false;
	plain = plain_memory(mm, hva, write);
	mmap_read_unlock(mm);
	return plain && atomic_add_unless(&nr_works, 1, MAX_WORKS);
}

bool apf_start(struct vcpu *vcpu, hva_t hva, bool write)
{
	u32 reason = KVM_PV_REASON_PAGE_NOT_PRESENT, old;
	struct vcpu_apf *apf = vcpu->apf;
	struct x86_exception e = {
		.vector = X86_TRAP_PF, .has_error = true,
	};
	struct apf_work *w;

	/* not before the guest has dealt with the last one */
	if (guest_read(vcpu->vm, area(vcpu), &old, sizeof(old)) || old)
		return false;
	if (!may_start(vcpu, hva, write))
		return false;
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w || guest_write(vcpu->vm, vcpu, area(vcpu), &reason,
			      sizeof(reason))) {
		kfree(w);
		atomic_dec(&nr_works);
		return false;
	}
	/*
	 * Neither 0 nor WAKE_ALL; the guest tells CPUs apart by nothing else. The
	 * count in bits 31:12, of the vCPU's id what fits below, bit 0 set.
	 */
	w->token = (apf->next++ & 0xfffff) << 12 | (vcpu->id & 0xffe) | 1;
	if (w->token == WAKE_ALL)
		w->token -= 2;
	INIT_WORK(&w->work, apf_work);
	w->apf = apf;
	w->generation = apf->generation;
	w->hva = hva;
	w->write = write;
	w->mm = vcpu->vm->mm;
	mmgrab(w->mm);
	refcount_inc(&apf->refs);
	__module_get(THIS_MODULE);	/* there is one: the VM's */
	apf->outstanding++;
	queue_work(apf_wq, &w->work);
	vcpu->stats.apf_not_present++;
	e.address = w->token;
	x86_queue_fault(vcpu, &e);
	return true;
}

/* ---- a page that is there now ------------------------------------------------- */

/* The next token to tell, or 0; what is old is dropped */
static u32 next_token(struct vcpu_apf *apf)
{
	struct apf_work *w;
	u32 token = 0;

	while (!token) {
		spin_lock(&apf->lock);
		w = list_first_entry_or_null(&apf->done, struct apf_work, link);
		if (w)
			list_del(&w->link);
		spin_unlock(&apf->lock);
		if (!w)
			break;
		apf->outstanding--;
		if (w->generation == apf->generation)
			token = w->token;
		kfree(w);
	}
	return token;
}

/* REQ_APF */
void apf_ready(struct vcpu *vcpu)
{
	const size_t off = offsetof(struct kvm_vcpu_pv_apf_data, token);
	struct vcpu_apf *apf = vcpu->apf;
	u32 token;

	if (!apf || apf->told)
		return;
	if (!enabled(vcpu)) {
		while (next_token(apf))
			;
		return;
	}
	/* the guest has not taken the last one: it will acknowledge it */
	if (guest_read(vcpu->vm, area(vcpu) + off, &token, sizeof(token)) || token)
		return;
	token = apf->wake_all ? WAKE_ALL : next_token(apf);
	if (!token)
		return;
	apf->wake_all = false;
	if (guest_write(vcpu->vm, vcpu, area(vcpu) + off, &token, sizeof(token)))
		return;
	apf->told = true;
	vcpu->stats.apf_ready++;
	lapic_raise(vcpu, vcpu->arch.apf_int_msr & KVM_ASYNC_PF_VEC_MASK);
}

/* ---- MSRs ------------------------------------------------------------------------ */

int apf_enable(struct vcpu *vcpu, u64 value, bool host)
{
	struct vcpu_apf *apf = vcpu->apf;
	u64 known = AREA_MASK | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_SEND_ALWAYS;

	if (x86_pv_has(vcpu, GCAP_ASYNC_PF_INT))
		known |= KVM_ASYNC_PF_DELIVERY_AS_INT;
	if (value & ~known || (value & KVM_ASYNC_PF_ENABLED && !vcpu->lapic))
		return 1;
	if (value & KVM_ASYNC_PF_ENABLED && !apf) {
		apf = apf_create(vcpu);
		if (!apf)
			return 1;
		vcpu->apf = apf;
	}
	vcpu->arch.apf_msr = value;
	if (!apf)
		return 0;
	if (!enabled(vcpu))
		apf->generation++;
	apf->told = false;
	apf->wake_all = host && enabled(vcpu);
	vcpu_request(vcpu, REQ_APF);
	return 0;
}

void apf_acknowledge(struct vcpu *vcpu)
{
	if (!vcpu->apf)
		return;
	vcpu->apf->told = false;
	vcpu_request(vcpu, REQ_APF);
}

/* The vCPU goes, and nobody else can reach it; its works may stay (A1) */
void apf_destroy(struct vcpu *vcpu)
{
	struct vcpu_apf *apf = vcpu->apf;
	struct apf_work *w, *next;

	if (!apf)
		return;
	spin_lock(&apf->lock);
	apf->vcpu = NULL;
	list_for_each_entry_safe(w, next, &apf->done, link)
		kfree(w);
	INIT_LIST_HEAD(&apf->done);
	spin_unlock(&apf->lock);
	vcpu->apf = NULL;
	apf_put(apf);
}
