/* SPDX-License-Identifier: GPL-2.0-only */
/* What core/main.c needs of the char device */
#ifndef UAPI_UAPI_H
#define UAPI_UAPI_H

/*
 * Create /dev/kvm. Last step of module load: user space comes in at once.
 * 0 or -errno of misc_register().
 */
int uapi_setup(void);
void uapi_unsetup(void);

#endif
