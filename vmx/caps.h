/* SPDX-License-Identifier: GPL-2.0-only */
/* What this machine's VMX can do, as found at module load. Private to vmx/. */
#ifndef VMX_CAPS_H
#define VMX_CAPS_H

#include <linux/types.h>
#include <linux/cache.h>
#include <asm/vmx.h>
#include "mmu/mmu.h"

/*
 * allowed: controls that may be 1 (SDM 3D A.3 to A.5)
 * base:    what every VMCS of ours starts with: the must-be-1 bits and the
 *          controls we always want
 */
struct vmx_ctl {
	u32 allowed;
	u32 base;
};

struct vmx_caps {
	u32 revision;			/* VMCS revision identifier */
	struct vmx_ctl pin, proc, proc2, exit, entry;
	u64 cr0_fixed0, cr0_fixed1;	/* SDM 3D A.7 */
	u64 cr4_fixed0, cr4_fixed1;	/* SDM 3D A.8 */
	u64 misc;			/* IA32_VMX_MISC */
	u64 ept_vpid;			/* IA32_VMX_EPT_VPID_CAP */
	bool load_efer;			/* EFER switched by the VMCS */
	bool vpid;
	bool unrestricted;		/* the CPU offers unrestricted guest */
	bool tsc_scaling;
	struct mmu_hw_caps mmu;
};

extern struct vmx_caps vmx_caps __ro_after_init;

static inline bool vmx_has_proc2(u32 bit)
{
	return vmx_caps.proc2.allowed & bit;
}

#endif
