// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that a thread has to do before it enters a guest: scheduling, signals,
 * task work.
 *
 * The kernel's function for it takes mainline's struct kvm_vcpu and, where a
 * signal is pending, notes that in the vCPU's kvm_run and statistics. We have
 * no such object: all threads pass one that nobody looks at. The only file
 * that knows mainline's definition.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>
#include "core/thread_work.h"

static struct kvm_run nobodys_run;
static struct kvm_vcpu nobody = { .run = &nobodys_run };

int thread_work(void)
{
	return xfer_to_guest_mode_handle_work(&nobody);
}
