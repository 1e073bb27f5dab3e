# SPDX-License-Identifier: GPL-2.0-only
# The whole program is copied into the guest at the address it is linked at,
# and its code runs there with interrupts on the same stack, without the C
# library and without anything that this CPU has and the guest has not.
CFLAGS := -O2 -g0 -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers -Wno-sign-compare \
	-fno-strict-aliasing -ffunction-sections -fno-pie -mno-red-zone \
	-fno-stack-protector -fcf-protection=none -fno-builtin-memcpy \
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
	-MMD -MP
LDFLAGS := -static -no-pie -pthread -Wl,--gc-sections -Wl,-z,norelro \
	-Wl,--build-id=none
