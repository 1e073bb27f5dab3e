// SPDX-License-Identifier: GPL-2.0-only
/*
 * The EPT kind: what the CPU must offer, what the VMCS must hold, life of VMs
 * and vCPUs, and the invalidations before an entry (E8 to E10 in ept.h).
 */
#include <linux/cpufeature.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include "core/skip_flush.h"
#include "ept/ept.h"
#include "mmu/kinds.h"
#include "uapi/kvm_ext.h"
#include "vmx/insn.h"

struct ept_hw ept_hw;

static const struct pt_format ept_4level = {
	.name = "EPT 4-level", .levels = 4, .entry_bytes = 8, .index_bits = 9,
	.top_bits = 9, .linear_bits = 48,
};

static const struct pt_format ept_5level = {
	.name = "EPT 5-level", .levels = 5, .entry_bytes = 8, .index_bits = 9,
	.top_bits = 9, .linear_bits = 57,
};

static struct mmu_policy ept_policy = {
	.secondary_required = SECONDARY_EXEC_ENABLE_EPT,
	.secondary_wanted = SECONDARY_EXEC_UNRESTRICTED_GUEST |
			    SECONDARY_EXEC_ENABLE_VPID |
			    SECONDARY_EXEC_ENABLE_INVPCID,
	.unrestricted_guest = true,
	.hw_pdptes = true,
	.guest_pat = true,
	/* nothing here changes what an EPT entry means, so no exit is needed */
	.cr0_guest_owned = X86_CR0_TS | X86_CR0_WP | X86_CR0_AM | X86_CR0_MP |
			   X86_CR0_EM,
	.cr4_guest_owned = X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
			   X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR |
			   X86_CR4_OSXMMEXCPT | X86_CR4_FSGSBASE,
	/*
	 * Without unrestricted guest a guest with paging off runs on the
	 * identity map: 4M pages in 32-bit format, usable by all.
	 */
	.cr4_no_paging_set = X86_CR4_PSE,
	.cr4_no_paging_clear = X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_LA57 |
			       X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE |
			       X86_CR4_PGE,
};

static int ept_hw_setup(const struct mmu_hw_caps *caps, const char **why)
{
	u64 cap = caps->ept_vpid_cap;
	unsigned int width;

	if (!(caps->secondary_allowed & SECONDARY_EXEC_ENABLE_EPT))
		*why = "the CPU has no EPT";
	else if (!(cap & VMX_EPT_PAGE_WALK_4_BIT))
		*why = "the CPU has no 4-level EPT";
	else if (!(cap & VMX_EPTP_WB_BIT))
		*why = "the CPU has no write-back EPT paging structures";
	else if (!(cap & VMX_EPT_INVEPT_BIT) ||
		 !(cap & (VMX_EPT_EXTENT_CONTEXT_BIT |
			  VMX_EPT_EXTENT_GLOBAL_BIT)))
		*why = "the CPU has no INVEPT";
	if (*why)
		return -EOPNOTSUPP;

	ept_hw.fmt = &ept_4level;
	if (caps->phys_bits > 48 && cap & VMX_EPT_PAGE_WALK_5_BIT)
		ept_hw.fmt = &ept_5level;
	ept_hw.max_level = PG_4K;
	if (cap & VMX_EPT_2MB_PAGE_BIT)
		ept_hw.max_level = PG_2M;
	if (cap & VMX_EPT_1GB_PAGE_BIT && ept_hw.max_level == PG_2M)
		ept_hw.max_level = PG_1G;
	ept_hw.ad = cap & VMX_EPT_AD_BIT;
	ept_hw.pml = ept_hw.ad &&
		     caps->secondary_allowed & SECONDARY_EXEC_ENABLE_PML;
	ept_hw.no_exec_large = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);
	ept_hw.invept_type = cap & VMX_EPT_EXTENT_CONTEXT_BIT ?
			     VMX_EPT_EXTENT_CONTEXT : VMX_EPT_EXTENT_GLOBAL;
	ept_hw.vpid = caps->vpid;
	ept_hw.invvpid_caps = cap >> 32;
	ept_hw.rsvd = EPT_ADDR & ~(BIT_ULL(caps->phys_bits) - 1);

	/* a 4-level walk translates 48 bits whatever the CPU's width */
	width = min_t(unsigned int, caps->phys_bits,
		      ept_hw.fmt->linear_bits);
	ept_policy.gpa_last = BIT_ULL(width) - 1;
	if (ept_hw.pml)
		ept_policy.secondary_wanted |= SECONDARY_EXEC_ENABLE_PML;
	return 0;
}

static void ept_hw_unsetup(void)
{
	rcu_barrier();		/* table pages freed by this module's callback */
}

static void free_roots(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < MMU_ADDRESS_SPACES; i++)
		if (ept_vm(vm)->root[i])
			ept_root_free(vm, ept_vm(vm)->root[i]);
}

static int ept_vm_init(struct vm *vm)
{
	struct ept_vm *et = kzalloc(sizeof(*et), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!et)
		return -ENOMEM;
	vm->mmu.priv = et;
	et->cpu_gen = alloc_percpu_gfp(u64, GFP_KERNEL_ACCOUNT);
	if (!et->cpu_gen)
		goto free;
	for (i = 0; i < MMU_ADDRESS_SPACES; i++) {
		et->root[i] = ept_root_alloc(vm);
		if (!et->root[i])
			goto free_roots;
		et->eptp[i] = __pa(et->root[i]) | VMX_EPTP_MT_WB |
			      (ept_hw.fmt->levels - 1) << 3 |	/* SDM 3C table 25-9 */
			      (ept_hw.ad ? VMX_EPTP_AD_ENABLE_BIT : 0);
	}
	return 0;

free_roots:
	free_roots(vm);
	free_percpu(et->cpu_gen);
free:
	kfree(et);
	vm->mmu.priv = NULL;
	return -ENOMEM;
}

static void ept_vm_destroy(struct vm *vm)
{
	struct ept_vm *et = ept_vm(vm);

	if (!et)
		return;
	free_roots(vm);
	free_percpu(et->cpu_gen);
	kfree(et);
	vm->mmu.priv = NULL;
}

static int ept_vcpu_init(struct vcpu *vcpu)
{
	struct ept_vcpu *ev = kzalloc(sizeof(*ev), GFP_KERNEL_ACCOUNT);

	if (!ev)
		return -ENOMEM;
	ev->last_cpu = -1;
	vcpu->mmu.priv = ev;
	return 0;
}

static void ept_vcpu_destroy(struct vcpu *vcpu)
{
	struct ept_vm *et = ept_vm(vcpu->vm);
	struct ept_vcpu *ev = ept_vcpu(vcpu);

	if (!ev)
		return;
	ept_cache_drain(vcpu);
	atomic64_add(ev->fixed, &et->fixed);
	atomic64_add(ev->spurious, &et->spurious);
	kfree(ev);
	vcpu->mmu.priv = NULL;
}

/* ---- guest events ------------------------------------------------------------ */

/*
 * The guest's own flushes happen in hardware. These are for state that changed
 * from outside the guest, or by an instruction that was emulated: VM entry does
 * not flush combined mappings when VPIDs are in use (SDM 3C 29.4.3.2).
 */
static void flush_vpid_later(struct vcpu *vcpu)
{
	vcpu->mmu.need_flush = true;
	vcpu->mmu.need_load = true;
}

static void ept_mode_changed(struct vcpu *vcpu)
{
	flush_vpid_later(vcpu);
}

static void ept_new_cr3(struct vcpu *vcpu, u64 cr3, bool noflush)
{
	vcpu->mmu.need_load = true;		/* hw_root.cr3 */
	if (!noflush)
		vcpu->mmu.need_flush = true;
}

static void ept_invlpg(struct vcpu *vcpu, gva_t gva)
{
	flush_vpid_later(vcpu);
}

/* Neither exits where paging is on: nothing to be quick about */
static bool ept_new_cr3_fast(struct vcpu *vcpu, u64 cr3, bool noflush)
{
	return false;
}

static bool ept_invlpg_fast(struct vcpu *vcpu, gva_t gva)
{
	return false;
}

static void ept_invpcid_addr(struct vcpu *vcpu, u16 pcid, gva_t gva)
{
	flush_vpid_later(vcpu);
}

static void ept_invpcid(struct vcpu *vcpu, u16 pcid)
{
	flush_vpid_later(vcpu);
}

static void ept_flush_guest(struct vcpu *vcpu)
{
	flush_vpid_later(vcpu);
}

static void ept_gpa_written(struct vm *vm, struct vcpu *vcpu, gpa_t gpa,
			    unsigned int len)
{
	/* nothing is derived from guest memory */
}

static bool ept_store_fast(struct vcpu *vcpu, gpa_t gpa, u64 val,
			   unsigned int len)
{
	return false;	/* no memory is watched */
}

static bool ept_unprotect(struct vcpu *vcpu, gpa_t gpa)
{
	return false;
}

/* ---- entry --------------------------------------------------------------------- */

static int ept_prepare(struct vcpu *vcpu)
{
	return 0;		/* the root is there since vm_init() */
}

static void flush_vpid(struct vcpu *vcpu)
{
	if (ept_hw.vpid && vcpu->vmx.vpid)	/* VM entry flushes what has VPID 0 */
		invvpid_context(ept_hw.invvpid_caps, vcpu->vmx.vpid);
}

static void ept_load(struct vcpu *vcpu, struct mmu_hw_root *root)
{
	struct ept_vcpu *ev = ept_vcpu(vcpu);
	struct vm *vm = vcpu->vm;
	struct ept_vm *et = ept_vm(vm);
	u64 *cpu_gen = this_cpu_ptr(et->cpu_gen);
	/* read before the invalidation: what is asked for later stays due */
	u64 gen = atomic64_read(&vm->mmu.flush_gen);
	int cpu = smp_processor_id();

	if (*cpu_gen != gen &&					/* E9 */
	    (*cpu_gen || !skip_flush(SKIP_FLUSH_REUSE))) {
		invept(ept_hw.invept_type, et->eptp[0]);
		if (ept_hw.invept_type == VMX_EPT_EXTENT_CONTEXT)
			invept(ept_hw.invept_type, et->eptp[1]);
		*cpu_gen = gen;
		vcpu->stats.tlb_flushes++;
	}
	if (ev->last_cpu != cpu || vcpu->mmu.need_flush) {	/* E10 */
		if (ev->last_cpu == cpu || !skip_flush(ev->last_cpu < 0 ?
				SKIP_FLUSH_REUSE : SKIP_FLUSH_CPU))
			flush_vpid(vcpu);
		ev->last_cpu = cpu;
		vcpu->mmu.need_flush = false;
	}
	root->eptp = et->eptp[vcpu->mmu.space ? 1 : 0];
	if (vcpu->arch.cr0 & X86_CR0_PG || mmu_unrestricted(vm))
		root->cr3 = mmu_guest_cr3(vcpu);
	else
		root->cr3 = vm->mmu.identity_map;
	mmu_guest_pdptes(vcpu, root->pdpte);
}

/* ---- the rest -------------------------------------------------------------------- */

static int ept_slot_init(struct vm *vm, struct memslot *slot)
{
	return 0;		/* entries are found by guest address */
}

static void ept_slot_free(struct vm *vm, struct memslot *slot)
{
}

static void ept_stats(struct vm *vm, struct mmu_stats *out)
{
	struct ept_vm *et = ept_vm(vm);
	struct vcpu *vcpu;
	unsigned long i;

	memset(out, 0, sizeof(*out));
	out->pages_4k = atomic_long_read(&et->leaves[PG_4K]);
	out->pages_2m = atomic_long_read(&et->leaves[PG_2M]);
	out->pages_1g = atomic_long_read(&et->leaves[PG_1G]);
	out->table_pages = atomic_long_read(&et->tables);
	out->faults_fixed = atomic64_read(&et->fixed);
	out->faults_spurious = atomic64_read(&et->spurious);
	out->flushes = atomic64_read(&vm->mmu.flush_gen) - 1;
	vm_for_each_vcpu(vm, i, vcpu) {
		out->faults_fixed += READ_ONCE(ept_vcpu(vcpu)->fixed);
		out->faults_spurious += READ_ONCE(ept_vcpu(vcpu)->spurious);
	}
}

/* As many as there is memory behind: the limit is one of shadow pages */
static bool ept_limit_pages(struct vm *vm, unsigned long nr)
{
	return false;
}

const struct mmu_kind ept_kind = {
	.name = "ept",
	.id = KVM_MMU_KIND_EPT,
	.policy = &ept_policy,
	.hw_setup = ept_hw_setup,
	.hw_unsetup = ept_hw_unsetup,
	.vm_init = ept_vm_init,
	.vm_destroy = ept_vm_destroy,
	.vcpu_init = ept_vcpu_init,
	.vcpu_destroy = ept_vcpu_destroy,
	.mode_changed = ept_mode_changed,
	.new_cr3 = ept_new_cr3,
	.invlpg = ept_invlpg,
	.invpcid_addr = ept_invpcid_addr,
	.invpcid = ept_invpcid,
	.flush_guest = ept_flush_guest,
	.gpa_written = ept_gpa_written,
	.unprotect = ept_unprotect,
	.prepare = ept_prepare,
	.load = ept_load,
	.fault = ept_fault,
	.fault_fast = ept_fault_fast,
	.store_fast = ept_store_fast,
	.new_cr3_fast = ept_new_cr3_fast,
	.invlpg_fast = ept_invlpg_fast,
	.unmap = ept_unmap,
	.next_mapped = ept_next_mapped,
	.write_protect = ept_write_protect,
	.clear_dirty = ept_clear_dirty,
	.age = ept_age,
	.slot_init = ept_slot_init,
	.slot_free = ept_slot_free,
	.unmap_step = PTRS_PER_PMD * PTRS_PER_PTE,
	.slot_removed = ept_slot_removed,
	.dirty_log_changed = ept_dirty_log_changed,
	.sync_dirty = ept_sync_dirty,
	.collect_dirty = ept_collect_dirty,
	.shrink = ept_shrink,
	.limit_pages = ept_limit_pages,
	.audit = ept_audit,
	.stats = ept_stats,
};
