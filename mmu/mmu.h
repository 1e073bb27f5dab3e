/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory-management unit: what the rest of the module sees of it.
 *
 * Two kinds stand behind this interface, EPT and shadow paging. Nothing
 * outside mmu/kinds.c asks which one a VM runs: it calls the operations, and
 * vmx/ reads the policy.
 *
 * Rules:
 *  M1. No member of struct mmu_kind is NULL; a no-op is an empty function.
 *  M2. fault() never injects: it answers MMU_INJECT and fills f->exception.
 *  M3. #PF, EPT violation and EPT misconfiguration all come in as a
 *      struct mmu_fault.
 *  M4. Page-table formats are const struct pt_format values, never globals.
 *  M5. Whoever writes guest memory from the host side does it through
 *      guest_write() and its relatives, which mark the page dirty and call
 *      gpa_written().
 *  M6. In each kind exactly one file stores to page-table entries.
 *  M7. audit() checks every live entry against its definition.
 */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/xarray.h>
#include <linux/spinlock.h>
#include <linux/seq_file.h>
#include "core/types.h"

struct memslot;
struct memslots;
struct mmu_kind;

/* ---- address spaces ----------------------------------------------------- */

/*
 * A vCPU in system-management mode has other slots than one outside. Addresses
 * of guest memory have the number of their space above the bits that a physical
 * address can have (SDM 3A 4.1.4: at most 52), so that all that is found by
 * address (slots, tables, reverse maps, gaps) is found in its own space. The
 * guest, devices and user space see the bits below: MMU_GPA_BITS.
 */
#define MMU_SPACE_SHIFT		52
#define MMU_SPACE_SMM		BIT_ULL(MMU_SPACE_SHIFT)
#define MMU_GPA_BITS		(MMU_SPACE_SMM - 1)
#define MMU_ADDRESS_SPACES	2	/* KVM_CAP_MULTI_ADDRESS_SPACE */

static inline gpa_t mmu_space_base(unsigned int space)
{
	return (gpa_t)space << MMU_SPACE_SHIFT;
}

static inline unsigned int mmu_gfn_space(gfn_t gfn)
{
	return gfn >> (MMU_SPACE_SHIFT - PAGE_SHIFT);
}

/* ---- what a fault is --------------------------------------------------- */

/* Access that faulted, and access that a translation allows */
#define MMU_ACC_READ	BIT(0)
#define MMU_ACC_WRITE	BIT(1)
#define MMU_ACC_EXEC	BIT(2)
#define MMU_ACC_USER	BIT(3)	/* CPL 3, or a translation usable at CPL 3 */
#define MMU_ACC_SYSTEM	BIT(4)	/* implicit supervisor access: descriptor tables, TSS */

enum mmu_fault_kind {
	MMU_FAULT_PF,		/* #PF exit: gva and error_code are valid */
	MMU_FAULT_VIOLATION,	/* EPT violation: gpa valid, gva if gva_valid */
	MMU_FAULT_MISCONFIG,	/* EPT misconfiguration: gpa valid */
};

/* What became of it; never negative, so -errno can share the return value */
enum mmu_result {
	MMU_RESUME,		/* entry made or already there: run the guest again */
	MMU_EMULATE,		/* no memory behind it, or a write to protect: f->gpa */
	MMU_INJECT,		/* the guest's own fault: f->exception */
};

/* What fault_fast() answers */
enum mmu_fast {
	MMU_FAST_NOT,		/* ask fault(); nothing was changed */
	MMU_FAST_DONE,		/* entry made */
	MMU_FAST_INJECT,	/* the guest's own fault: f->exception */
	MMU_FAST_STORE,		/* nothing was changed; the guest may write at
				 * f->gpa, by way of store_fast()
				 */
};

struct mmu_fault {
	enum mmu_fault_kind kind;
	u32 access;		/* MMU_ACC_* of the access that faulted */
	u32 error_code;		/* MMU_FAULT_PF: as the CPU pushed it */
	bool gva_valid;
	bool delivery;		/* part of delivering an event: only a device's
				 * memory may answer MMU_EMULATE
				 */
	bool in_walk;		/* VIOLATION: the access was to a guest table */
	bool present;		/* VIOLATION: some access is allowed there */
	gva_t gva;
	gpa_t gpa;		/* with space; in for VIOLATION and MISCONFIG, out for PF */
	struct x86_exception exception;	/* out with MMU_INJECT */
	bool mmio;		/* out with MMU_EMULATE: no slot at gpa */
};

/* ---- what the kind wants of the VMCS ----------------------------------- */

/*
 * struct mmu_policy - constant data read by vmx/ alone
 *
 * Guest-owned bits are those whose guest value may live in the real register
 * without an exit. vmx/ takes away what its own features forbid.
 */
struct mmu_policy {
	u32 secondary_required;		/* SECONDARY_EXEC_* */
	u32 secondary_wanted;		/* taken where the CPU offers them */
	bool unrestricted_guest;	/* allowed, where the CPU offers it */
	bool cr3_exiting;		/* intercept CR3 loads and stores */
	bool invlpg_exiting;		/* INVLPG and INVPCID */
	bool pf_intercept;		/* #PF bit of the exception bitmap */
	u32 pfec_mask;			/* SDM 3C 26.2: with pf_intercept */
	u32 pfec_match;
	bool hw_pdptes;			/* load GUEST_PDPTRn from hw_root */
	u64 cr0_forced;			/* set whatever the guest says */
	u64 cr0_guest_owned;
	u64 cr4_forced;
	u64 cr4_guest_owned;
	u64 cr4_no_paging_set;		/* in the real CR4 while guest CR0.PG = 0 */
	u64 cr4_no_paging_clear;	/* and not in it (unless unrestricted) */
	u64 cr4_never;			/* not in the real CR4, the guest sees its own */
	bool guest_pat;			/* the CPU may have the guest's PAT */
	gpa_t gpa_last;			/* highest address a slot may contain */
};

/* What load() yields for the next entry */
struct mmu_hw_root {
	u64 cr3;			/* GUEST_CR3 */
	u64 eptp;			/* EPT_POINTER, 0 where there is none */
	u64 pdpte[4];			/* with policy.hw_pdptes and PAE paging */
};

/* What the CPU can do, told to hw_setup() once; vmx/caps.c fills it */
struct mmu_hw_caps {
	u64 ept_vpid_cap;		/* IA32_VMX_EPT_VPID_CAP */
	u32 secondary_allowed;		/* SECONDARY_EXEC_* that may be 1 */
	u8 phys_bits;			/* MAXPHYADDR of the host */
	bool vpid;			/* VPIDs in use, INVVPID works */
};

struct mmu_range {
	struct memslot *slot;
	gfn_t start;			/* first */
	gfn_t end;			/* one past the last */
};

struct mmu_stats {
	u64 pages_4k, pages_2m, pages_1g;	/* live mappings */
	u64 table_pages;			/* page-table pages in use */
	u64 unsync;				/* of them: guest may write to theirs */
	u64 recycled, flooded;			/* taken away: limit, many writes */
	u64 faults_fixed, faults_spurious;
	u64 flushes;
};

/*
 * struct mmu_kind - one memory-management unit
 *
 * Lifecycle. hw_setup() runs once at module load; 0, or -EOPNOTSUPP with
 * *why naming the feature the CPU lacks. vm_init() and vcpu_init() return 0 or
 * -ENOMEM. vm_destroy() runs when no vCPU is left and the notifier is gone.
 *
 * Guest events; vCPU loaded, [v] held:
 * mode_changed()  CR0, CR4, EFER or CPUID changed in a bit that matters
 * new_cr3()       CR3 was loaded with @cr3 (PCID in bits 11:0, no bit 63);
 *		   @noflush: bit 63 was set
 * invlpg()        one address, all PCIDs where global
 * invpcid_addr()  one address in one PCID
 * invpcid()       one PCID
 * flush_guest()   every PCID, globals included
 * gpa_written()   the host side wrote guest memory; may be called from any
 *		   thread of the VM, @vcpu NULL where none made the write
 * unprotect()     the write to @gpa that fault() wanted emulated cannot be: let
 *		   the guest make it itself. False: the kind protects nothing
 *		   there. vm->srcu held, may sleep.
 *
 * The vCPU's owner (core/) sets mmu.need_load when the vCPU came to another CPU,
 * and after REQ_TLB_FLUSH; the guest-event operations set it themselves.
 *
 * Entry. prepare() may sleep; 0 or -errno (-ENOMEM, -EFAULT, -EINTR), builds a
 * root and tops up caches. load() runs with interrupts off, must not sleep,
 * fills @root and performs the INVEPT/INVVPID that is due. It is called after
 * vcpu->mode became VCPU_IN_GUEST, or a request check follows it that does.
 *
 * fault()         enum mmu_result or -errno (-EFAULT: the host mapping is not
 *		   there; -EINTR; -ENOMEM). vm->srcu held, interrupts on.
 *
 * fault_fast()    the same for the simple case: interrupts off, vm->srcu not
 *		   held, must neither sleep nor wait.
 * store_fast()    write what is aligned, and do what gpa_written() does; false
 *		   with nothing changed. As fault_fast(), with vm->srcu held and
 *		   page faults disabled.
 * new_cr3_fast()  new_cr3() and invlpg() on the same terms: true is done, false
 * invlpg_fast()   with nothing changed asks for the slow one. Not called in PAE
 *		   paging (CR3). Where load() has to run they set need_load. The
 *		   caller stores vcpu->arch.cr3 after new_cr3_fast(), and keeps
 *		   CR2 over all three, so that they may read guest memory with
 *		   page faults disabled.
 *
 * Host events; vm->mmu.lock held for writing unless said otherwise; return
 * true when a flush of all vCPUs is due (the caller batches it):
 * unmap()         no entry of the range survives
 * next_mapped()   the first page of [@gfn, @end) that may be mapped, or @end; not
 *		   a flush. It may stop early, so that it costs no more than a
 *		   step of unmap().
 * write_protect() no writable entry of the range survives (dirty log, and the
 *		   4K granularity it needs)
 * clear_dirty()   as write_protect() or cheaper with hardware dirty bits:
 *		   the next write to a page of @mask is noticed. @mask bit i is
 *		   gfn @first + i.
 * age()           accessed since the last call with @clear? Returns that,
 *		   not a flush.
 * slot_removed()  as unmap() of part of a slot that goes, and the kind's data in it
 * slot_init()     allocate the kind's data of a new slot; 0 or -ENOMEM; no lock
 * slot_free()     give it back; no lock
 * dirty_log_changed()  the slot's log was turned on or off, or the slot changed
 *		   otherwise: have its writes noticed, or its pages large again.
 *		   Slots lock held, no other; flushes by itself.
 * sync_dirty()    the hardware's log (PML) is full: move it to the dirty
 *		   bitmap; called for a loaded vCPU, vm->srcu held, no lock
 * collect_dirty() everything that hardware logged for any vCPU before the call
 *		   is in the dirty bitmap after it; slots lock held
 * shrink()        give back up to @nr table pages; returns how many
 * limit_pages()   at most @nr table pages from now on, as far as the kind can do
 *		   with fewer than it wants; [m] held for writing. True while
 *		   there are more.
 *
 * Any context that may sleep, no lock:
 * audit()         check every live entry against its definition (M7): a line of
 *		   @out for each finding; returns how many
 * stats()         counts, as of no one moment
 */
struct mmu_kind {
	const char *name;
	u32 id;				/* KVM_MMU_KIND_* of uapi/kvm_ext.h */
	struct mmu_policy *policy;	/* constant after hw_setup() */
	/*
	 * Pages that one hold of mmu.lock may unmap; a power of two
	 */
	unsigned long unmap_step;

	int (*hw_setup)(const struct mmu_hw_caps *caps, const char **why);
	void (*hw_unsetup)(void);
	int (*vm_init)(struct vm *vm);
	void (*vm_destroy)(struct vm *vm);
	int (*vcpu_init)(struct vcpu *vcpu);
	void (*vcpu_destroy)(struct vcpu *vcpu);

	void (*mode_changed)(struct vcpu *vcpu);
	void (*new_cr3)(struct vcpu *vcpu, u64 cr3, bool noflush);
	void (*invlpg)(struct vcpu *vcpu, gva_t gva);
	void (*invpcid_addr)(struct vcpu *vcpu, u16 pcid, gva_t gva);
	void (*invpcid)(struct vcpu *vcpu, u16 pcid);
	void (*flush_guest)(struct vcpu *vcpu);
	void (*gpa_written)(struct vm *vm, struct vcpu *vcpu, gpa_t gpa,
			    unsigned int len);
	bool (*unprotect)(struct vcpu *vcpu, gpa_t gpa);

	int (*prepare)(struct vcpu *vcpu);
	void (*load)(struct vcpu *vcpu, struct mmu_hw_root *root);

	int (*fault)(struct vcpu *vcpu, struct mmu_fault *f);
	enum mmu_fast (*fault_fast)(struct vcpu *vcpu, struct mmu_fault *f);
	bool (*store_fast)(struct vcpu *vcpu, gpa_t gpa, u64 val,
			   unsigned int len);
	bool (*new_cr3_fast)(struct vcpu *vcpu, u64 cr3, bool noflush);
	bool (*invlpg_fast)(struct vcpu *vcpu, gva_t gva);

	bool (*unmap)(struct vm *vm, const struct mmu_range *range);
	gfn_t (*next_mapped)(struct vm *vm, gfn_t gfn, gfn_t end);
	bool (*write_protect)(struct vm *vm, const struct mmu_range *range);
	bool (*clear_dirty)(struct vm *vm, struct memslot *slot, gfn_t first,
			    unsigned long mask);
	bool (*age)(struct vm *vm, const struct mmu_range *range, bool clear);
	int (*slot_init)(struct vm *vm, struct memslot *slot);
	void (*slot_free)(struct vm *vm, struct memslot *slot);
	bool (*slot_removed)(struct vm *vm, const struct mmu_range *range);
	void (*dirty_log_changed)(struct vm *vm, struct memslot *slot, bool on);
	void (*sync_dirty)(struct vcpu *vcpu);
	void (*collect_dirty)(struct vm *vm);
	unsigned long (*shrink)(struct vm *vm, unsigned long nr);
	bool (*limit_pages)(struct vm *vm, unsigned long nr);

	int (*audit)(struct vm *vm, struct seq_file *out);
	void (*stats)(struct vm *vm, struct mmu_stats *out);
};

/* ---- what a VM and a vCPU hold ----------------------------------------- */

struct mmu_vm {
	const struct mmu_kind *kind;		/* [I] after the first vCPU or slot */
	void *priv;				/* [I] the kind's own */
	void *spare_priv;			/* [s] while the kind changes */
	struct mutex slots_lock;		/* changes of slots and dirty log */
	struct memslots __rcu *slots;		/* [r] vm->srcu, written under [s] */
	struct xarray slot_ids;			/* [s] struct memslot by its number */
	struct rb_root_cached hva_tree;		/* [m] slots whose pages may be mapped */
	struct list_head cursors;		/* [m] notifier events on their way there */
	atomic64_t flush_gen;			/* [a] flushes asked for, see mmu_flush_all() */
	struct list_head shrink_link;		/* list in mmu/shrink.c */
	struct dentry *debugfs;			/* [I] directory of this VM, or NULL */
	bool registered;			/* [I] the notifier is */
	rwlock_t lock;				/* page tables of the kind */
	struct mmu_notifier notifier;
	unsigned long inv_seq;			/* [m] notifier events ended */
	long inv_count;				/* [m] notifier events under way */
	unsigned long inv_start, inv_end;	/* [m] hva range under way */
	gpa_t identity_map;			/* [s] KVM_SET_IDENTITY_MAP_ADDR */
	gpa_t tss_addr;				/* [s] KVM_SET_TSS_ADDR */
	bool tss_set;				/* [s] */
	unsigned long nr_pages;			/* [s] KVM_SET_NR_MMU_PAGES, or 0 */
	u64 manual_protect;			/* [V] KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
	u32 ring_size;				/* [s] entries of a dirty ring; 0: none */
	struct mmu_apic_page *apic_page;	/* [I] once set, with release: apic_page.c */
};

/* A way through the guest's tables in long mode: see mmu/again.c */
struct mmu_way {
	gva_t page;			/* [v] where it leads from; or NO_WAY */
	u64 cr3;			/* [v] */
	u64 generation;			/* [v] of the slots */
	u8 levels;			/* [v] of the guest's paging */
	u8 n;				/* [v] entries used */
	struct {
		const u64 __user *at;
		u64 val;
	} entry[5];			/* [v] from the top */
};

#define NO_WAY	(~(gva_t)0)		/* a struct of zeroes is none either */

/* A page of code */
struct mmu_code {
	struct mmu_way way;
	const u8 __user *text;		/* [v] as the owner has it */
	u64 insn[2];			/* [v] sixteen bytes of it, as last fetched */
};

/* What mmu_fetch_again() found at an address */
enum mmu_fetched {
	MMU_FETCHED_NOT,		/* it is not that simple */
	MMU_FETCHED_SAME,		/* the bytes that were fetched last */
	MMU_FETCHED_NEW,		/* others */
};

/* A page of a device */
struct mmu_device {
	struct mmu_way way;
	gpa_t gpa;			/* [v] */
	u32 access;			/* [v] MMU_ACC_* that are allowed */
	bool user;			/* [v] allowed for CPL 3 too: SMAP, keys */
	u64 efer;			/* [v] when it was noted */
};

#define MMU_DEVICES	4

struct mmu_gap {
	gfn_t first;
	u64 pages;
};

struct mmu_vcpu {
	bool need_prepare;		/* [v] or by REQ_MMU_RELOAD: prepare() first */
	bool need_load;			/* [v] load() before the next entry */
	bool need_flush;		/* [v] load() has to flush the guest's own TLB */
	gpa_t space;			/* [v] MMU_SPACE_SMM in that mode, else 0 */
	void *priv;			/* [I] the kind's own */
	struct mmu_hw_root root;	/* [v] what is in the VMCS */
	struct memslot *last_slot;	/* [v] lookup cache, see memslot generation */
	u64 slots_generation;		/* [v] */
	u64 gap_generation;		/* [v] of the slots: */
	struct mmu_gap gap[2];		/* [v] pages that none of them had */
	struct mmu_device device[MMU_DEVICES];	/* [v] by their pages */
	struct dirty_ring *ring;	/* [I] mmu/dirty_ring.c; NULL: none */
};

/* ---- the module's and the VM's life ------------------------------------ */

/**
 * mmu_setup() - find out which kinds this CPU can run
 * @caps: the CPU
 *
 * Return: 0, or -EOPNOTSUPP where no kind can run (said in the log).
 */
int mmu_setup(const struct mmu_hw_caps *caps);
void mmu_unsetup(void);

/* Bit mask of (1 << KVM_MMU_KIND_*) that can run here */
u32 mmu_kinds_available(void);

/**
 * mmu_vm_choose() - KVM_CAP_MMU_KIND on a VM
 * @vm: the VM, vm->lock held
 * @id: KVM_MMU_KIND_*
 *
 * Return: 0, -EINVAL unknown, -EOPNOTSUPP, -EBUSY once vCPUs or slots exist.
 */
int mmu_vm_choose(struct vm *vm, u64 id);

/**
 * mmu_vm_init() - when a VM is made
 * @vm: the VM, which nobody else knows yet; the caller is of the owner's process
 *
 * Return: 0 or -errno, with nothing left to undo.
 */
int mmu_vm_init(struct vm *vm);
void mmu_vm_release(struct vm *vm);	/* notifier gone; no fault any more */
void mmu_vm_destroy(struct vm *vm);	/* everything freed */
int mmu_vcpu_init(struct vcpu *vcpu);
void mmu_vcpu_destroy(struct vcpu *vcpu);

/**
 * mmu_slot_in_steps() - do something to all of a slot, which may have terabytes
 * @vm: the VM; mmu.lock not held
 * @slot: the slot
 * @fn: called with mmu.lock held for writing, for unmap_step pages at a time;
 *	returns whether translations have to be flushed before it is let go
 *
 * Context: may sleep. Faults come in between the steps.
 */
void mmu_slot_in_steps(struct vm *vm, struct memslot *slot,
		       bool (*fn)(struct vm *vm, const struct mmu_range *range));

/**
 * mmu_flush_all() - no translation made before the call is used after it
 * @vm: the VM; mmu.lock held
 *
 * Counts vm->mmu.flush_gen up, requests REQ_TLB_FLUSH of all vCPUs, forces
 * those in the guest out and waits until they are. On REQ_TLB_FLUSH the run
 * loop sets mmu.need_load; load() compares generations and invalidates.
 *
 * With the lock: flush_gen moves before the vCPUs have left the guest, and
 * nobody is to take that for a flush that has been made.
 *
 * Context: interrupts on. May be called with spinlocks held.
 */
void mmu_flush_all(struct vm *vm);

/* True where the CPU runs guests in any mode under this VM's kind */
bool mmu_unrestricted(struct vm *vm);

/* For kvm-intel.ko: about VMs made from now on that do not choose themselves */
void mmu_prefer_ept(bool on);		/* shadow, or what there is */
bool mmu_default_ept(void);
bool mmu_default_unrestricted(void);

/* ---- memory slots (mmu/memslot.c) -------------------------------------- */

#define MMU_USER_SLOTS		32764	/* KVM_CAP_NR_MEMSLOTS */

/**
 * mmu_set_region() - KVM_SET_USER_MEMORY_REGION
 * @vm: the VM
 * @region: user space's argument, already copied, not checked
 *
 * Context: no lock held. Return: 0 or -EINVAL, -EEXIST (overlap), -ENOMEM,
 * with nothing changed.
 */
int mmu_set_region(struct vm *vm, const struct kvm_userspace_memory_region *region);

/*
 * mmu_get_dirty_log(), mmu_clear_dirty_log() - KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG
 * @vm: the VM; no lock held, may sleep
 * @log: the argument; the bitmap is the user's pointer, one bit a page
 *
 * No vCPU writes unseen to a page whose bit was taken, once these return.
 * Return: 0, -ENOENT no such slot or not logged, -EINVAL number of the slot or
 * range, -ENXIO rings are used instead, -EFAULT, -ENOMEM.
 */
int mmu_get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log);
int mmu_clear_dirty_log(struct vm *vm, const struct kvm_clear_dirty_log *log);

/* KVM_SET_TSS_ADDR: three pages the real-mode TSS is put in where the CPU needs it */
int mmu_set_tss_addr(struct vm *vm, gpa_t addr);
/* KVM_SET_IDENTITY_MAP_ADDR; 0: the default. 0, -EINVAL (address, or vCPUs exist) */
int mmu_set_identity_map_addr(struct vm *vm, gpa_t addr);

/* KVM_SET_NR_MMU_PAGES, KVM_GET_NR_MMU_PAGES (0: no limit was set) */
int mmu_set_nr_pages(struct vm *vm, unsigned long nr);
unsigned long mmu_nr_pages(struct vm *vm);

/* Is there a slot, writable if @write, behind the address? vm->srcu held. */
bool mmu_gpa_is_memory(struct vm *vm, gpa_t gpa, bool write);

/*
 * Where devices are: the vCPU remembers the two gaps between slots that it last
 * made accesses to. mmu_note_gap() looks for the gap that @gfn is in, if it is
 * in one. mmu_in_gap() is true only where no slot is there now. Both: vm->srcu
 * held. mmu_maybe_gap() is a hint that needs nothing: a slot may have come.
 */
void mmu_note_gap(struct vcpu *vcpu, gfn_t gfn);
bool mmu_in_gap(struct vcpu *vcpu, gfn_t gfn);
static inline bool mmu_maybe_gap(const struct mmu_vcpu *m, gfn_t gfn)
{
	return gfn - m->gap[0].first < m->gap[0].pages ||
	       gfn - m->gap[1].first < m->gap[1].pages;
}

/* ---- guest memory from the host side (mmu/guest_mem.c) ------------------ */

/*
 * All of these: vm->srcu held, may sleep; 0 or -EFAULT where a part is not
 * memory (writes: read-only slots too) or the host mapping is not there.
 * Parts before the failing page may have been transferred.
 */
int guest_read(struct vm *vm, gpa_t gpa, void *data, unsigned int len);
int guest_write(struct vm *vm, struct vcpu *vcpu, gpa_t gpa, const void *data,
		unsigned int len);

/**
 * guest_cmpxchg() - atomic compare-and-exchange in guest memory
 * @vm: the VM
 * @vcpu: the vCPU that does it
 * @gpa: naturally aligned to @len
 * @old: expected; on a mismatch receives what was there
 * @new: to be stored
 * @len: 1, 2, 4, 8 or 16
 *
 * Return: 0 exchanged, 1 mismatch, -EFAULT.
 */
int guest_cmpxchg(struct vm *vm, struct vcpu *vcpu, gpa_t gpa, void *old,
		  const void *new, unsigned int len);

/*
 * guest_cmpxchg() that does not tell the kind: for A and D bits, and for
 * structures that are no page tables. The page is marked dirty. Takes no lock;
 * with page faults disabled it does not sleep.
 */
int guest_cmpxchg_quiet(struct vcpu *vcpu, gpa_t gpa, void *old, const void *new,
			unsigned int len);

/*
 * An aligned store of @len bytes, 1 to 8, that no other CPU sees in parts. On the
 * same terms; 0 or -EFAULT, with nothing changed.
 */
int guest_store_quiet(struct vcpu *vcpu, gpa_t gpa, u64 val, unsigned int len);

/* ---- the guest page walker (mmu/walk.c) --------------------------------- */

/**
 * mmu_translate() - guest-virtual to guest-physical by the guest's own tables
 * @vcpu: the vCPU, loaded
 * @gva: linear address
 * @access: MMU_ACC_* wanted; MMU_ACC_USER for CPL 3, MMU_ACC_SYSTEM for an
 *	implicit supervisor access. Permission, SMEP, SMAP, PKU, NX and
 *	reserved bits are checked; A and D bits are set as the access would.
 * @gpa: result
 * @e: filled when the answer is MMU_INJECT
 *
 * Return: MMU_RESUME translated, MMU_INJECT the guest's fault, -EAGAIN (another
 * vCPU changes the tables all the time: let the guest try again), other -errno.
 */
int mmu_translate(struct vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa,
		  struct x86_exception *e);

/**
 * mmu_fetch_again() - the bytes of the instruction that the CPU has executed
 * @vcpu: the vCPU, loaded, in 64-bit mode, at an exit of its own making
 * @c: what is remembered from the last time; any contents that zeroing or this
 *	function left
 * @rip: RIP; on success the bytes from there on are in @c->insn
 *
 * Permissions are not checked, since the CPU has done so.
 *
 * Context: may sleep, vm->srcu held. Nothing that the guest has is changed.
 */
enum mmu_fetched mmu_fetch_again(struct vcpu *vcpu, struct mmu_code *c,
				 gva_t rip);

/*
 * For kinds whose faults tell the linear address alone: the translation of a
 * device's page, kept until one of the guest's entries is another.
 *
 * mmu_note_device() keeps it for the access @f, for which a kind found it.
 * mmu_device_again() is true where @access, at @gva, still goes to a page that
 * was kept, and gives the address. Both: vm->srcu held, may sleep.
 * mmu_maybe_device() is a hint that needs nothing.
 */
void mmu_note_device(struct vcpu *vcpu, const struct mmu_fault *f);
bool mmu_device_again(struct vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa);
static inline unsigned int mmu_device_index(gva_t gva)
{
	return gva >> PAGE_SHIFT & (MMU_DEVICES - 1);
}

static inline bool mmu_maybe_device(const struct mmu_vcpu *m, gva_t gva)
{
	return (gva ^ m->device[mmu_device_index(gva)].way.page) < PAGE_SIZE;
}

/* At first, and when CPUID changed, which has a say in what is reserved */
void mmu_forget_devices(struct vcpu *vcpu);

/* As KVM_TRANSLATE wants it: no permission check, no A/D update. 0 or -ENOENT. */
int mmu_translate_debug(struct vcpu *vcpu, gva_t gva, gpa_t *gpa,
			bool *writable, bool *user);

/**
 * mmu_load_pdptes() - read and check the PAE page-directory-pointer entries
 * @vcpu: the vCPU, loaded
 * @cr3: where they are
 *
 * Keeps them in vcpu->arch.pdpte for the walker and the kind.
 * Return: true when valid; false: the guest gets #GP (SDM 3A 4.4.1).
 */
bool mmu_load_pdptes(struct vcpu *vcpu, u64 cr3);

/* For kinds: the guest's CR3, and its PAE entries (all 0 in other paging modes) */
u64 mmu_guest_cr3(struct vcpu *vcpu);
void mmu_guest_pdptes(struct vcpu *vcpu, u64 pdpte[4]);

/**
 * mmu_set_space() - the vCPU enters or leaves system-management mode
 * @vcpu: the vCPU, loaded
 * @smm: it enters
 *
 * Nothing that was found in the other space is used afterwards. The caller
 * tells the kind about the guest's new mode.
 */
void mmu_set_space(struct vcpu *vcpu, bool smm);

/* ---- the APIC-access page (mmu/apic_page.c) ------------------------------ */

/* With the LAPICs; it may be mapped at once. 0 or -ENOMEM. */
int mmu_apic_page_create(struct vm *vm);
void mmu_apic_page_destroy(struct vm *vm);
u64 mmu_apic_page_hpa(struct vm *vm);		/* or 0 */
/*
 * May the guest have it mapped? When this returns after @on is false, it has not,
 * and no CPU knows otherwise. Calls do not overlap; may sleep.
 */
void mmu_apic_page_allow(struct vm *vm, bool on);

/* ---- calls into the kind, for readers ----------------------------------- */

#define mmu_op(vm_, op, ...)	((vm_)->mmu.kind->op(__VA_ARGS__))

#endif
