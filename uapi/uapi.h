/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UAPI_UAPI_H
#define UAPI_UAPI_H

int uapi_setup(void);
void uapi_unsetup(void);

#endif
