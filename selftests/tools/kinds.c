// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the MMU kinds that the loaded KVM can give a VM, one a line. The in-tree
 * KVM has one for all VMs, until it is loaded anew.
 */
#define SELFTEST_LIB
#include "kvmtest.h"

int main(void)
{
	if (mmu_kind_available(KVM_MMU_KIND_EPT))
		puts("ept");
	if (mmu_kind_available(KVM_MMU_KIND_SHADOW))
		puts("shadow");
	return 0;
}
