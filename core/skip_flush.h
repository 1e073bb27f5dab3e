/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Invalidations left out on purpose, to prove that tests notice their absence.
 *
 * Only in a module built with KVM_SKIP_FLUSH=y ("make module-skip-flush"),
 * which is for tests and lets a guest see memory that is no longer its own.
 * There the parameter skip_flush holds a bit for each enum skip_flush. In any
 * other module the question costs nothing: its answer is a constant.
 *
 * Selftests include this file for the numbers.
 */
#ifndef CORE_SKIP_FLUSH_H
#define CORE_SKIP_FLUSH_H

enum skip_flush {
	SKIP_FLUSH_ENTRY,	/* an entry of the MMU changed */
	SKIP_FLUSH_UNMAP,	/* the host unmapped a page: the notifier */
	SKIP_FLUSH_DIRTY,	/* pages have to be logged again */
	SKIP_FLUSH_ROOT,	/* another shadow root under the same VPID */
	SKIP_FLUSH_REUSE,	/* VPID, or root, of a VM that is gone */
	SKIP_FLUSH_CPU,		/* the vCPU comes to another CPU */
};

#ifdef __KERNEL__

/**
 * skip_flush() - is this invalidation left out, for a test to notice?
 * @what: which
 *
 * Context: any. Return: false in every module but that of "make
 * module-skip-flush".
 */
#ifdef KVM_SKIP_FLUSH
bool skip_flush(enum skip_flush what);
#else
static inline bool skip_flush(enum skip_flush what)
{
	return false;
}
#endif

#endif
#endif
