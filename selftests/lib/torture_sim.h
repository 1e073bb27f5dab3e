/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the two files of the model's instructions */
#ifndef SELFTEST_TORTURE_SIM_H
#define SELFTEST_TORTURE_SIM_H

bool tt_canonical(const struct tt_model *m, u64 va);
enum tt_verdict tt_sim_system(struct tt_model *m, const struct tt_op *op,
			      struct tt_exp *exp);

#endif
