// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread's own work between exits and entries: rescheduling, task work, what
 * restartable sequences want after a context switch.
 *
 * The kernel does it for the in-tree KVM, with whose vCPU it notes signals. A
 * stand-in takes that note; nobody reads it. Here alone, since the header with
 * that vCPU and ours are better not seen at once.
 */
#include <linux/kvm_host.h>
#include <linux/entry-kvm.h>
#include "core/compat.h"
#include "core/thread_work.h"

static struct kvm_run unused_run;
static struct kvm_vcpu stand_in = {
	.run = &unused_run,
};

int thread_work(void)
{
	return xfer_to_guest_mode_handle_work(&stand_in);
}

bool thread_work_defer(void)
{
	if ((read_thread_flags() & XFER_TO_GUEST_MODE_WORK) != _TIF_NOTIFY_RESUME)
		return false;
	clear_thread_flag(TIF_NOTIFY_RESUME);
	/* who adds task work sets the flag after it; all else is our own */
	smp_mb__after_atomic();
	if (likely(compat_resume_only_rseq()))
		return true;
	thread_work_deferred();
	return false;
}
