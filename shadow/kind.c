// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shadow kind: what the VMCS must hold, life of VMs and vCPUs, and what the
 * guest does to its own translations.
 */
#include <linux/cpufeature.h>
#include <linux/slab.h>
#include "core/skip_flush.h"
#include "mmu/kinds.h"
#include "mmu/mmu.h"
#include "shadow/shadow.h"
#include "uapi/kvm_ext.h"
#include "vmx/insn.h"
#include "x86/x86.h"

struct shadow_hw shadow_hw;

static struct mmu_policy shadow_policy = {
	.secondary_wanted = SECONDARY_EXEC_ENABLE_VPID |
			    SECONDARY_EXEC_ENABLE_INVPCID,
	.cr3_exiting = true,
	.invlpg_exiting = true,
	.pf_intercept = true,
	/* the tables are 64-bit ones in every mode, and mean what WP = 1 says */
	.cr0_forced = X86_CR0_PG | X86_CR0_WP,
	.cr0_guest_owned = X86_CR0_TS | X86_CR0_AM | X86_CR0_MP | X86_CR0_EM,
	.cr4_forced = X86_CR4_PAE,
	.cr4_guest_owned = X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
			   X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
			   X86_CR4_FSGSBASE,
	.cr4_no_paging_set = X86_CR4_PAE,
	.cr4_no_paging_clear = X86_CR4_PCIDE | X86_CR4_LA57 | X86_CR4_SMEP |
			       X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_PGE,
	.cr4_never = X86_CR4_PCIDE,
};

static int shadow_hw_setup(const struct mmu_hw_caps *caps, const char **why)
{
	shadow_hw.phys_bits = min_t(u8, caps->phys_bits, 52);
	shadow_hw.phys_mask = BIT_ULL(shadow_hw.phys_bits) - 1;
	shadow_hw.vpid = caps->vpid;
	shadow_hw.invvpid_caps = caps->ept_vpid_cap >> 32;
	/* executable large pages are what the erratum is about */
	shadow_hw.large = !boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
	/*
	 * What is reserved is the CPU's MAXPHYADDR to say: the kernel's figure
	 * is lower where memory encryption takes address bits for keys.
	 */
	if ((cpuid_eax(0x80000008) & 0xff) < 52) {
		/*
		 * All address bits, so that a CPU that goes on with the address
		 * although a reserved bit is set (L1TF) finds no memory there.
		 */
		shadow_hw.trap_bit = BIT_ULL(51);
		shadow_hw.trap = SH_P | SH_ADDR;
		/* not-present entries are the guest's: SDM 3C 26.2 */
		shadow_policy.pfec_mask = PFEC_P;
		shadow_policy.pfec_match = PFEC_P;
	}
	shadow_policy.gpa_last = BIT_ULL(shadow_hw.phys_bits) - 1;
	return 0;
}

static void shadow_hw_unsetup(void)
{
	rcu_barrier();		/* rmap blocks */
}

static int shadow_vm_init(struct vm *vm)
{
	struct shadow_vm *sv = kvzalloc(sizeof(*sv), GFP_KERNEL_ACCOUNT);

	if (!sv)
		return -ENOMEM;
	sv->nowhere = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_DMA32);
	if (!sv->nowhere) {
		kvfree(sv);
		return -ENOMEM;
	}
	shadow_entry_fill(sv->nowhere);
	INIT_LIST_HEAD(&sv->pages);
	INIT_LIST_HEAD(&sv->dead);
	INIT_LIST_HEAD(&sv->unsync);
	xa_init(&sv->blocks);
	sv->quota = vm->mmu.nr_pages ?: shadow_quota();
	vm->mmu.priv = sv;
	return 0;
}

static void shadow_vm_destroy(struct vm *vm)
{
	struct shadow_vm *sv = shadow_vm(vm);

	if (!sv)
		return;
	shadow_pages_destroy(vm);
	rmap_blocks_destroy(vm);
	free_page((unsigned long)sv->nowhere);
	kvfree(sv);
	vm->mmu.priv = NULL;
}

static int shadow_vcpu_init(struct vcpu *vcpu)
{
	struct shadow_vcpu *v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);

	if (!v)
		return -ENOMEM;
	/* the CPU reads a PDPT through the 32 bits that CR3 has there */
	v->pdpt = (void *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_DMA32 |
					  __GFP_ZERO);
	if (!v->pdpt) {
		kfree(v);
		return -ENOMEM;
	}
	v->last_cpu = -1;
	vcpu->mmu.priv = v;
	return 0;
}

static void shadow_vcpu_destroy(struct vcpu *vcpu)
{
	struct shadow_vm *sv = shadow_vm(vcpu->vm);
	struct shadow_vcpu *v = shadow_vcpu(vcpu);

	if (!v)
		return;
	shadow_roots_release(vcpu);
	shadow_cache_drain(&v->cache);
	atomic64_add(v->fixed, &sv->fixed);
	atomic64_add(v->spurious, &sv->spurious);
	free_page((unsigned long)v->pdpt);
	kfree(v);
	vcpu->mmu.priv = NULL;
}

/* ---- guest events ------------------------------------------------------------ */

/*
 * All of these hold the guest's own flush back until the next entry: prepare()
 * synchronises and finds the root, load() invalidates.
 */
static void flush_later(struct vcpu *vcpu)
{
	shadow_vcpu(vcpu)->need_sync = SYNC_ALL;
	shadow_vcpu(vcpu)->epoch++;
	vcpu->mmu.need_prepare = true;
	vcpu->mmu.need_load = true;
	if (!skip_flush(SKIP_FLUSH_ROOT))
		vcpu->mmu.need_flush = true;
}

static void shadow_mode_changed(struct vcpu *vcpu)
{
	flush_later(vcpu);
}

static void shadow_new_cr3(struct vcpu *vcpu, u64 cr3, bool noflush)
{
	struct shadow_vcpu *v = shadow_vcpu(vcpu);
	enum sync_what sync = v->need_sync ? SYNC_ALL : SYNC_ROOT;
	u64 epoch = v->epoch;

	/* the real CR4.PCIDE is 0: all translations have the same tag */
	flush_later(vcpu);
	v->need_sync = sync;
	v->epoch = epoch;
}

static void shadow_invlpg(struct vcpu *vcpu, gva_t gva)
{
	write_lock(&vcpu->vm->mmu.lock);
	if (shadow_vcpu(vcpu)->cur)
		shadow_sync_addr(vcpu, gva);
	else
		flush_later(vcpu);	/* zapped meanwhile: nothing leads to the entry */
	write_unlock(&vcpu->vm->mmu.lock);
	if (!skip_flush(SKIP_FLUSH_ENTRY))
		vcpu->mmu.need_flush = true;
	vcpu->mmu.need_load = true;
}

static void shadow_invpcid_addr(struct vcpu *vcpu, u16 pcid, gva_t gva)
{
	/* which root that PCID has is not known here: all tables */
	flush_later(vcpu);
}

static void shadow_invpcid(struct vcpu *vcpu, u16 pcid)
{
	flush_later(vcpu);
}

static void shadow_flush_guest(struct vcpu *vcpu)
{
	flush_later(vcpu);
}

void shadow_flush(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	/*
	 * Alone: outside the guest now, and flushed before it enters again. A
	 * fast handler (interrupts off) has seen that; a vCPU made since then
	 * has no root yet, for which it needs [m].
	 */
	if (READ_ONCE(vm->nr_vcpus) == 1 || irqs_disabled()) {
		atomic64_inc(&vm->mmu.flush_gen);
		vcpu->mmu.need_load = true;
		return;
	}
	mmu_flush_all(vm);
}

/* ---- the rest ------------------------------------------------------------------ */

static void shadow_stats(struct vm *vm, struct mmu_stats *out)
{
	struct shadow_vm *sv = shadow_vm(vm);
	struct vcpu *vcpu;
	unsigned long i;

	memset(out, 0, sizeof(*out));
	out->pages_4k = READ_ONCE(sv->leaves[PG_4K]);
	out->pages_2m = READ_ONCE(sv->leaves[PG_2M]);
	out->table_pages = READ_ONCE(sv->nr_pages);
	out->unsync = READ_ONCE(sv->nr_unsync);
	out->recycled = READ_ONCE(sv->recycled);
	out->flooded = READ_ONCE(sv->flooded);
	out->faults_fixed = atomic64_read(&sv->fixed);
	out->faults_spurious = atomic64_read(&sv->spurious);
	out->flushes = atomic64_read(&vm->mmu.flush_gen) - 1;
	vm_for_each_vcpu(vm, i, vcpu) {
		out->faults_fixed += READ_ONCE(shadow_vcpu(vcpu)->fixed);
		out->faults_spurious += READ_ONCE(shadow_vcpu(vcpu)->spurious);
	}
}

const struct mmu_kind shadow_kind = {
	.name = "shadow",
	.id = KVM_MMU_KIND_SHADOW,
	.policy = &shadow_policy,
	.hw_setup = shadow_hw_setup,
	.hw_unsetup = shadow_hw_unsetup,
	.vm_init = shadow_vm_init,
	.vm_destroy = shadow_vm_destroy,
	.vcpu_init = shadow_vcpu_init,
	.vcpu_destroy = shadow_vcpu_destroy,
	.mode_changed = shadow_mode_changed,
	.new_cr3 = shadow_new_cr3,
	.invlpg = shadow_invlpg,
	.invpcid_addr = shadow_invpcid_addr,
	.invpcid = shadow_invpcid,
	.flush_guest = shadow_flush_guest,
	.gpa_written = shadow_gpa_written,
	.unprotect = shadow_unprotect,
	.prepare = shadow_prepare,
	.load = shadow_load,
	.fault = shadow_fault,
	.fault_fast = shadow_fault_fast,
	.store_fast = shadow_store_fast,
	.new_cr3_fast = shadow_new_cr3_fast,
	.invlpg_fast = shadow_invlpg_fast,
	.unmap = shadow_unmap,
	.next_mapped = shadow_next_mapped,
	.write_protect = shadow_write_protect,
	.clear_dirty = shadow_clear_dirty,
	.age = shadow_age,
	.slot_init = shadow_slot_init,
	.slot_free = shadow_slot_free,
	/* leaves go one by one, and a page may have many */
	.unmap_step = 16 * SH_ENTRIES,
	.slot_removed = shadow_slot_removed,
	.dirty_log_changed = shadow_dirty_log_changed,
	.sync_dirty = shadow_sync_dirty,
	.collect_dirty = shadow_collect_dirty,
	.shrink = shadow_shrink,
	.limit_pages = shadow_limit_pages,
	.audit = shadow_audit,
	.stats = shadow_stats,
};
