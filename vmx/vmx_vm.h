/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMX_VMX_VM_H
#define VMX_VMX_VM_H

#include <linux/types.h>

/* What vmx/ keeps in a VM */
struct vmx_vm {
	bool unrestricted;	/* [I] with the first vCPU: guests run in any mode */
	bool force_emulation;	/* [I] the CPU runs nothing of the guest */
	bool tss_written;	/* [s] the real-mode TSS is in guest memory */
};

#endif
