// SPDX-License-Identifier: GPL-2.0-only
/* The one place where the tracepoints of irqchip/ are instantiated */
#ifndef __CHECKER__	/* sparse: what the kernel's macros make is not ours to judge */
#define CREATE_TRACE_POINTS
#endif
#include "trace.h"
