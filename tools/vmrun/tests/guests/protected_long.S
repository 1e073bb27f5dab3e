/* SPDX-License-Identifier: GPL-2.0-only */
/* The same for some seconds: time enough to be saved and restored. */
#define WANTED		120
#include "protected_irq.S"
