// SPDX-License-Identifier: GPL-2.0-only
/* Part of test builds alone, see skip_flush.h */
#include <linux/bits.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include "core/skip_flush.h"

static unsigned int left_out;		/* [a] module parameter */
module_param_named_unsafe(skip_flush, left_out, uint, 0600);
MODULE_PARM_DESC(skip_flush,
		 "DEBUG: invalidations to leave out, a bit for each enum skip_flush; guests see memory of others");

bool skip_flush(enum skip_flush what)
{
	return READ_ONCE(left_out) & BIT(what);
}
