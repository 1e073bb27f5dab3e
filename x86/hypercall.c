// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls: Documentation/virt/kvm/x86/hypercalls.rst */
#include <linux/kvm_para.h>
#include "x86/priv.h"

u64 x86_hypercall(struct vcpu *vcpu, u64 nr)
{
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		/* the exit was the point: interrupts are looked at on entry */
		vcpu_request(vcpu, REQ_EVENT);
		return 0;
	}
	return -KVM_ENOSYS;
}
