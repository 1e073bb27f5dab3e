// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults: a guest that asked for it is told that a page has
 * to be waited for, runs something else, and is told when the page is there.
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN.
 *
 *   fault --> host_lookup(): would wait --> apf_start(): #PF with a token
 *                                             |
 *                                         work: get_user_pages_remote()
 *                                             |
 *   guest <-- interrupt, token in memory <-- done list <-- REQ_APF
 *     |                                                       ^
 *     +------- MSR_KVM_ASYNC_PF_ACK: the next one ------------+
 *
 *  A1. A work may wait for ever (userfaultfd, FUSE), so nobody waits for it: it
 *      has a reference to struct vcpu_apf, whose vcpu becomes NULL when the vCPU
 *      goes, and to the module. Each vCPU has a workqueue of its own with room
 *      for all its works: none waits for those of another.
 *  A2. Tokens of before the guest turned the mechanism off are dropped when
 *      they come: their generation is another one.
 *  A3. Turning it on from user space means that the guest comes from another
 *      VM, where its tokens have stayed: it is told to wake up everybody.
 */
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "core/apf.h"
#include "core/compat.h"
#include "core/run.h"
#include "irqchip/irqchip.h"
#include "x86/x86.h"

#define MAX_OUTSTANDING	64
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
	struct workqueue_struct *wq;	/* [I] */
	struct work_struct free;	/* the last reference may be a work's of wq */
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

static struct workqueue_struct *free_wq;

int __init apf_setup(void)
{
	free_wq = alloc_workqueue("kvm-apf-free", WQ_UNBOUND, 0);
	return free_wq ? 0 : -ENOMEM;
}

void apf_unsetup(void)
{
	destroy_workqueue(free_wq);
}

static void free_work(struct work_struct *work)
{
	struct vcpu_apf *apf = container_of(work, struct vcpu_apf, free);

	destroy_workqueue(apf->wq);
	kfree(apf);
}

static void apf_put(struct vcpu_apf *apf)
{
	if (refcount_dec_and_test(&apf->refs))
		queue_work(free_wq, &apf->free);
}

static struct vcpu_apf *apf_create(struct vcpu *vcpu)
{
	struct vcpu_apf *apf = kzalloc(sizeof(*apf), GFP_KERNEL_ACCOUNT);

	if (!apf)
		return NULL;
	apf->wq = alloc_workqueue("kvm-apf/%d-%u", WQ_UNBOUND, MAX_OUTSTANDING,
				  current->pid, vcpu->id);
	if (!apf->wq) {
		kfree(apf);
		return NULL;
	}
	refcount_set(&apf->refs, 1);
	spin_lock_init(&apf->lock);
	INIT_LIST_HEAD(&apf->done);
	INIT_WORK(&apf->free, free_work);
	apf->vcpu = vcpu;
	return apf;
}

static bool enabled(const struct vcpu *vcpu)
{
	const u64 both = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;

	/* 'page ready' has no other way to the guest any more */
	return (vcpu->arch.apf_msr & both) == both;
}

static gpa_t area(const struct vcpu *vcpu)
{
	return vcpu->arch.apf_msr & ~0x3fULL;
}

/* ---- a page that is not there ----------------------------------------------- */

static void apf_work(struct work_struct *work)
{
	struct apf_work *w = container_of(work, struct apf_work, work);
	struct vcpu_apf *apf = w->apf;
	int locked = 1;

	mmap_read_lock(w->mm);
	/* if it fails, the guest's next try shows why */
	compat_fault_in_remote(w->mm, w->hva, w->write ? FOLL_WRITE : 0, &locked);
	if (locked)
		mmap_read_unlock(w->mm);
	mmput(w->mm);

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
	/* what is left of this function is waited for by free_work() */
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

bool apf_start(struct vcpu *vcpu, hva_t hva, bool write)
{
	u32 reason = KVM_PV_REASON_PAGE_NOT_PRESENT, old;
	struct vcpu_apf *apf = vcpu->apf;
	struct x86_exception e = {
		.vector = X86_TRAP_PF, .has_error = true,
	};
	struct apf_work *w;

	if (apf->outstanding >= MAX_OUTSTANDING || current->mm != vcpu->vm->mm)
		return false;
	/* not before the guest has dealt with the last one */
	if (guest_read(vcpu->vm, area(vcpu), &old, sizeof(old)) || old)
		return false;
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return false;
	if (guest_write(vcpu->vm, vcpu, area(vcpu), &reason, sizeof(reason))) {
		kfree(w);
		return false;
	}
	/* neither 0 nor WAKE_ALL; the guest tells CPUs apart by nothing else */
	w->token = (apf->next++ & 0xfffff) << 12 | (vcpu->id & 0xffe) | 1;
	if (w->token == WAKE_ALL)
		w->token -= 2;
	INIT_WORK(&w->work, apf_work);
	w->apf = apf;
	w->generation = apf->generation;
	w->hva = hva;
	w->write = write;
	w->mm = vcpu->vm->mm;
	mmget(w->mm);		/* current's, so that it has users */
	refcount_inc(&apf->refs);
	__module_get(THIS_MODULE);	/* there is one: the VM's */
	apf->outstanding++;
	queue_work(apf->wq, &w->work);
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
	u64 known = ~0x3fULL | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_SEND_ALWAYS;

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
