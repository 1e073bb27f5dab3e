/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs: one thread each, from creation to the last exit.
 */
#ifndef VMRUN_VCPU_H
#define VMRUN_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>

#include "vm.h"

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
};

enum cpu_mode {
	MODE_REAL,		/* 16 bits, CS base 0 */
	MODE_PROTECTED,		/* 32 bits, flat, paging off */
	MODE_LONG,		/* 64 bits, flat, GPA_PAGE_TABLES */
};

/* How the boot CPU starts; the others wait for INIT and SIPI. */
struct entry_state {
	enum cpu_mode mode;
	uint64_t rip, rsp;
	uint64_t rax, rbx, rsi;
};

/*
 * Creates all of vm->ncpus vCPUs and prepares CPU 0 to start at @entry; NULL:
 * their state comes from elsewhere.
 */
void vcpus_create(struct vm *vm, const struct entry_state *entry);

void vcpus_start(struct vm *vm);

/* After a stop was asked for: brings every thread home. */
void vcpus_join(struct vm *vm);

#endif
