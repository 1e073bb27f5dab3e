/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What this module adds to the KVM user-space ABI of <linux/kvm.h>.
 *
 * The numbers are far outside the range upstream hands out, so a client that
 * knows only upstream's ABI never meets them.
 */
#ifndef UAPI_KVM_EXT_H
#define UAPI_KVM_EXT_H

/*
 * KVM_CHECK_EXTENSION: bit mask of the MMU kinds this CPU can run,
 * (1 << KVM_MMU_KIND_SHADOW) | (1 << KVM_MMU_KIND_EPT).
 * KVM_ENABLE_CAP on the VM file: args[0] is one of KVM_MMU_KIND_*; accepted
 * until the first vCPU or memory slot exists (-EBUSY afterwards), -EOPNOTSUPP
 * when the CPU lacks what the kind needs, -EINVAL for an unknown kind.
 */
#define KVM_CAP_MMU_KIND	0x4b560001

#define KVM_MMU_KIND_AUTO	0
#define KVM_MMU_KIND_SHADOW	1
#define KVM_MMU_KIND_EPT	2

#endif
