/* SPDX-License-Identifier: GPL-2.0-only */
/* Asynchronous page faults: core/apf.c */
#ifndef CORE_APF_H
#define CORE_APF_H

#include "core/types.h"

/* Module load and unload */
int apf_setup(void);
void apf_unsetup(void);
void apf_destroy(struct vcpu *vcpu);	/* without any is fine */

/**
 * apf_wanted() - could the guest go on without a page?
 * @vcpu: the vCPU, loaded
 *
 * Then the host's page is to be asked for without waiting, and apf_start()
 * called if it would have to be waited for.
 */
bool apf_wanted(struct vcpu *vcpu);

/**
 * apf_start() - tell the guest that a page is not there, and get it
 * @vcpu: the vCPU, loaded, vm->srcu held; apf_wanted() has said yes
 * @hva: the page
 * @write: to be written to
 *
 * Return: true: the guest has a #PF; enter it again. false: wait for the page.
 */
bool apf_start(struct vcpu *vcpu, hva_t hva, bool write);

/**
 * apf_ready() - REQ_APF: tell the guest of a page that it waited for
 * @vcpu: the vCPU, loaded, vm->srcu held
 *
 * One at a time: the next one when the guest has acknowledged it.
 */
void apf_ready(struct vcpu *vcpu);
/* MSR_KVM_ASYNC_PF_EN: 0, or 1 for #GP; MSR_KVM_ASYNC_PF_ACK */
int apf_enable(struct vcpu *vcpu, u64 value, bool host);
void apf_acknowledge(struct vcpu *vcpu);

#endif
