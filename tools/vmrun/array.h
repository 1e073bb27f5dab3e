/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VMRUN_ARRAY_H
#define VMRUN_ARRAY_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
