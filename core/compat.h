/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions, all of them, and nowhere else.
 */
#ifndef CORE_COMPAT_H
#define CORE_COMPAT_H

#include <linux/version.h>

#endif
