/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test includes: the kernel's harness, and functions that make guests
 * and run them. See README.rst.
 *
 * Functions without a result end the test (with a message) when what they do
 * fails; those that return int give 0 or an errno value, for tests that
 * expect an error.
 */
#ifndef SELFTEST_KVMTEST_H
#define SELFTEST_KVMTEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kvm.h>
#include "uapi/kvm_ext.h"
#include "guest.h"
#include "layout.h"
#include "x86.h"

/* ---- the MMU kinds ------------------------------------------------------ */

/* Can a VM of this kind be made? On the in-tree KVM: the one it uses. */
bool mmu_kind_available(unsigned int kind);
/*
 * The same, and is this run for it? KVM_SELFTEST_MMU=ept|shadow in the
 * environment asks for one kind: the runner sets it, and the module's parameter
 * with it, so that VMs which a test makes by itself are of that kind too.
 */
bool mmu_kind_wanted(unsigned int kind);
const char *mmu_kind_name(unsigned int kind);
bool on_our_module(void);	/* does KVM know KVM_CAP_MMU_KIND? */

/* ---- virtual machines --------------------------------------------------- */

enum pt_mode {
	PT_NONE,
	PT_32,		/* two levels; 4M pages with CR4.PSE */
	PT_PAE,
	PT_4LEVEL,
	PT_5LEVEL,
};

struct pt {
	struct vm *vm;
	enum pt_mode mode;
	u64 root;	/* for CR3 */
};

struct mem {
	u64 gpa, size;
	void *hva;
	u32 slot, flags;
};

#define VM_MAX_MEM	64

struct vm {
	int fd;
	unsigned int kind;
	struct mem mem[VM_MAX_MEM];	/* by order of creation */
	unsigned int nr_mem;
	u64 pt_next;			/* next free page for tables */
	struct pt pt;			/* the default tables, 4 levels */
	struct vcpu *vcpus[G_MAX_VCPUS];
	unsigned int nr_vcpus;
};

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;
	bool ring3;	/* probes run at CPL 3 */
	struct kvm_run *run;
	/* the last ucall, where KVM_RUN ended with one */
	u64 uc_cmd;
	u64 uc[5];
};

int kvm_open(void);		/* /dev/kvm; ends the test as a skip if absent */
int kvm_check(unsigned int cap);	/* KVM_CHECK_EXTENSION on /dev/kvm */
int vm_check(struct vm *vm, unsigned int cap);

/* A VM with neither memory nor vCPUs */
struct vm *vm_new_bare(unsigned int kind);
/* A VM with memory, the test program and page tables: see layout.h */
struct vm *vm_new(unsigned int kind);
/* Closes all the files and unmaps the memory */
void vm_free(struct vm *vm);

/* Raw KVM_SET_USER_MEMORY_REGION; 0 or errno */
int vm_set_region(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size,
		  void *hva);
/* Add memory: anonymous, of 4K pages. Returns where it is in this process. */
void *vm_add_mem(struct vm *vm, u32 slot, u64 gpa, u64 size, u32 flags);
/* The same with memory of the caller's */
void vm_add_mem_at(struct vm *vm, u32 slot, u64 gpa, u64 size, u32 flags,
		   void *hva);
/* Anonymous memory, aligned to 1 GiB / 2 MiB / 4 KiB as its size asks */
void *mem_anon(u64 size, bool huge);

void *vm_hva(struct vm *vm, u64 gpa);	/* ends the test if no memory */

/* Guest's copy of a global variable to and from ours */
#define sync_to_guest(vm, var)	\
	memcpy(vm_hva(vm, (u64)&(var)), &(var), sizeof(var))
#define sync_from_guest(vm, var) \
	memcpy(&(var), vm_hva(vm, (u64)&(var)), sizeof(var))
/* Pointer to the guest's copy */
#define guest_var(vm, var)	((__typeof__(var) *)vm_hva(vm, (u64)&(var)))

/* ---- page tables -------------------------------------------------------- */

/*
 * These write from outside the guest, as a device would. A shadow MMU need not
 * notice: change tables that the guest has already used from inside the guest.
 */

/* Tables that map all as vm_new() does, in any mode */
struct pt pt_new(struct vm *vm, enum pt_mode mode);
struct pt pt_new_empty(struct vm *vm, enum pt_mode mode);
/* Map one page. @flags are PTE_*; P and, for a large page, PS are added */
void pt_map(struct pt *pt, u64 gva, u64 gpa, u64 page_size, u64 flags);
void pt_map_range(struct pt *pt, u64 gva, u64 gpa, u64 size, u64 page_size,
		  u64 flags);
/* The entry for @gva at @level (1: 4K). Ends the test if a level is missing. */
u64 pt_get(struct pt *pt, u64 gva, int level);
void pt_set(struct pt *pt, u64 gva, int level, u64 entry);
u64 pt_entry_gpa(struct pt *pt, u64 gva, int level);
/* Change the flags of all leaf entries of a range */
void pt_flags(struct pt *pt, u64 gva, u64 size, u64 set, u64 clear);
u64 pt_alloc(struct vm *vm);	/* a zeroed page */

/* ---- vCPUs -------------------------------------------------------------- */

enum cpu_mode {
	CPU_REAL,	/* flat: segment bases 0, CS:IP in the first 64 KiB */
	CPU_PROT16,
	CPU_PROT32,	/* paging as @pt says */
	CPU_LONG,
};

/* KVM_CREATE_VCPU, mmap and KVM_SET_CPUID2 with what KVM supports */
struct vcpu *vcpu_new_bare(struct vm *vm, unsigned int id);
/* Ready to run @fn in 64-bit mode, CPL 0, interrupts off */
struct vcpu *vcpu_new(struct vm *vm, unsigned int id, void *fn);
/* Set all segment, control and descriptor-table registers for a mode */
void vcpu_set_mode(struct vcpu *vcpu, enum cpu_mode mode, const struct pt *pt);
void vcpu_set_ring3(struct vcpu *vcpu);	/* segments of CPL 3, same mode */
void vcpu_set_entry(struct vcpu *vcpu, void *fn);	/* RIP, RSP, RFLAGS */
/* Up to six arguments of the guest function */
void vcpu_args(struct vcpu *vcpu, unsigned int n, ...);

struct kvm_regs vcpu_regs(struct vcpu *vcpu);
void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
struct kvm_sregs vcpu_sregs(struct vcpu *vcpu);
void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
int vcpu_set_sregs_err(struct vcpu *vcpu, const struct kvm_sregs *sregs);
struct kvm_vcpu_events vcpu_events(struct vcpu *vcpu);
void vcpu_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *ev);
u64 vcpu_get_msr(struct vcpu *vcpu, u32 msr);
/* 1: accepted, 0: refused */
int vcpu_set_msr(struct vcpu *vcpu, u32 msr, u64 val);

struct kvm_cpuid2 *kvm_supported_cpuid(void);
struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_cpuid2 *c, u32 leaf, u32 sub);
/* Does the guest's CPUID (KVM_GET_SUPPORTED_CPUID) have the bit? */
bool guest_has(u32 leaf, u32 sub, char reg, unsigned int bit);

#define GUEST_HAS_PCID()	guest_has(1, 0, 'c', 17)
#define GUEST_HAS_XSAVE()	guest_has(1, 0, 'c', 26)
#define GUEST_HAS_RDRAND()	guest_has(1, 0, 'c', 30)
#define GUEST_HAS_MONITOR()	guest_has(1, 0, 'c', 3)
#define GUEST_HAS_SMEP()	guest_has(7, 0, 'b', 7)
#define GUEST_HAS_INVPCID()	guest_has(7, 0, 'b', 10)
#define GUEST_HAS_RDSEED()	guest_has(7, 0, 'b', 18)
#define GUEST_HAS_SMAP()	guest_has(7, 0, 'b', 20)
#define GUEST_HAS_PKU()		guest_has(7, 0, 'c', 3)
#define GUEST_HAS_LA57()	guest_has(7, 0, 'c', 16)
#define GUEST_HAS_1G()		guest_has(0x80000001, 0, 'd', 26)
#define GUEST_HAS_RDTSCP()	guest_has(0x80000001, 0, 'd', 27)
#define GUEST_HAS_NX()		guest_has(0x80000001, 0, 'd', 20)

/* ---- running ------------------------------------------------------------ */

int vcpu_run_raw(struct vcpu *vcpu);	/* KVM_RUN once: 0 or errno */
/* Complete the instruction that the last exit interrupted; the guest goes no further */
void vcpu_complete_exit(struct vcpu *vcpu);

/*
 * Run to the next exit that is not a UCALL_PRINT, and fail the test where
 * KVM_RUN does or where the guest asserts or takes an exception that it did
 * not expect. Returns the exit reason; a ucall is in uc_cmd and uc[].
 */
u32 vcpu_run(struct vcpu *vcpu);
/* The same without judging what the guest says */
u32 vcpu_run_any(struct vcpu *vcpu);

const char *exit_name(u32 reason);

/*
 * Run on, and fail the test where the exit is another; for exits with data,
 * look at vcpu->run afterwards.
 */
void expect_exit(struct vcpu *vcpu, u32 reason);
void expect_sync(struct vcpu *vcpu, u64 stage);
u64 expect_done(struct vcpu *vcpu);	/* returns the guest's result */
/* PIO or MMIO exit with this address, direction and size; data to fill/read */
void *expect_pio(struct vcpu *vcpu, u16 port, bool out, unsigned int size,
		 unsigned int count);
void *expect_mmio(struct vcpu *vcpu, u64 gpa, bool write, unsigned int len);
/* The guest triple-faults, or takes exactly this exception */
void expect_exception(struct vcpu *vcpu, unsigned int vector);

/* Create VM and vCPU, run @fn to its GUEST_DONE(), clean up; its result */
u64 guest_run(unsigned int kind, void *fn);

/* A thread that calls fn(vcpu) */
pthread_t vcpu_thread(struct vcpu *vcpu, void *(*fn)(void *));
/* A thread that runs the vCPU to its GUEST_DONE(), and how many have not got there */
pthread_t vcpu_thread_done(struct vcpu *vcpu);
extern atomic_int vcpus_not_done;
/* A thread that runs the vCPU until an exit or vcpu_stop(), in any MP state */
pthread_t vcpu_start(struct vcpu *vcpu);
void vcpu_stop(struct vcpu *vcpu, pthread_t t);
void pin_to_cpu(int cpu);
int nr_cpus(void);

/* ---- probes: single instructions in any mode ----------------------------- */

#define PROBE_DECL(bits)						\
	extern const char probe##bits##_stubs[], probe##bits##_nop[],	\
		probe##bits##_read[], probe##bits##_write[],		\
		probe##bits##_exec[], probe##bits##_invlpg[],		\
		probe##bits##_cr0[], probe##bits##_cr3[],		\
		probe##bits##_cr4[], probe##bits##_wrmsr[]
PROBE_DECL(32);
PROBE_DECL(64);

struct probe_result {
	int vector;	/* -1: none */
	u32 error;	/* 0 where the exception has none */
	u64 rip;	/* of the exception */
	u64 value;	/* RAX */
	u64 cr2;
};

/*
 * Install the probes' IDT for the mode of vcpu_set_mode(). They run on the
 * vCPU's stack (or CPL 3 stack after vcpu_set_ring3()).
 */
void probe_init(struct vcpu *vcpu, int bits);
/* Run the instructions at @insn with RBX = @addr, RAX = @value */
struct probe_result probe(struct vcpu *vcpu, const char *insn, u64 addr,
			  u64 value);
/* The guest itself, by probes, changes an entry and does INVLPG: see pt_set() */
void probe_pt_set(struct vcpu *vcpu, struct pt *pt, u64 gva, int level,
		  u64 entry);

/* ---- health ------------------------------------------------------------- */

/* Findings of the module's audit; 0 also where there is none to ask */
int kvm_audit(void);
/* Counter of a VM's or vCPU's stats file; -1 where there is none */
int64_t stat_read(int fd, const char *name);
/* Line of debugfs' mmu file, summed over this process's VMs; -1: no such */
long mmu_stat(const char *name);

/* ---- the host around KVM -------------------------------------------------- */

bool host_write(const char *path, const char *text);
/* Set a parameter of the module; @old (KVM_PARAM_MAX bytes) receives the value */
#define KVM_PARAM_MAX	64
bool kvm_param(const char *name, const char *value, char *old);
/* The host wants its caches back, page tables of guests among them */
void drop_tables(void);
/* A swap device where the host's kernel has zram; false: none */
bool swap_on(void);
/* Does this process have huge pages all over the memory? */
bool host_huge(void *mem, u64 size);

/* End the test: failed, with a message; or skipped */
void __attribute__((noreturn, format(printf, 3, 4)))
die_at(const char *file, int line, const char *fmt, ...);
void __attribute__((noreturn, format(printf, 1, 2)))
skip_now(const char *fmt, ...);
#define die(...)	die_at(__FILE__, __LINE__, __VA_ARGS__)
#define require(cond) do {						\
	if (!(cond))							\
		die("%s (errno: %s)", #cond, strerror(errno));		\
} while (0)

/* ---- suites ------------------------------------------------------------- */

#ifndef SELFTEST_LIB
#include "kselftest_harness.h"

/* In a test: not possible here, for this reason */
#define skip_test(...) do {						\
	char why_[200];							\
									\
	snprintf(why_, sizeof(why_), __VA_ARGS__);			\
	snprintf(_metadata->results->reason,				\
		 sizeof(_metadata->results->reason), "%s.%s: %s",	\
		 _metadata->fixture->name, _metadata->name, why_);	\
	skip_now("%s", why_);						\
} while (0)

/*
 * A fixture whose tests run under each MMU kind that this CPU and this KVM
 * have and the run is for: exits.ept.cpuid, exits.shadow.cpuid. FIXTURE(name),
 * FIXTURE_SETUP and FIXTURE_TEARDOWN are the test's own; variant->kind is for
 * vm_new().
 */
#define KIND_VARIANT(fixture_name, variant_name, kind_)			\
	static const FIXTURE_VARIANT(fixture_name)			\
		_##fixture_name##_##variant_name##_variant = { kind_ };	\
	static struct __fixture_variant_metadata			\
		_##fixture_name##_##variant_name##_object = {		\
			.name = #variant_name,				\
			.data = &_##fixture_name##_##variant_name##_variant, \
		};							\
	static void __attribute__((constructor))			\
		_register_##fixture_name##_##variant_name(void)		\
	{								\
		if (mmu_kind_wanted(kind_))				\
			__register_fixture_variant(			\
				&_##fixture_name##_fixture_object,	\
				&_##fixture_name##_##variant_name##_object); \
	}

#define KIND_VARIANTS(fixture_name)					\
	FIXTURE_VARIANT(fixture_name) { unsigned int kind; };		\
	KIND_VARIANT(fixture_name, ept, KVM_MMU_KIND_EPT)		\
	KIND_VARIANT(fixture_name, shadow, KVM_MMU_KIND_SHADOW)

/*
 * The usual fixture: self->vm is a VM by vm_new(), self->vcpu its first vCPU,
 * to be given an entry point with vcpu_set_entry(). After the test the audit
 * must find nothing.
 */
#define GUEST_SUITE(name)	VM_SUITE(name, vm_new)
#define VM_SUITE(name, new)						\
	FIXTURE(name) { struct vm *vm; struct vcpu *vcpu; };		\
	KIND_VARIANTS(name)						\
	FIXTURE_SETUP(name)						\
	{								\
		self->vm = new(variant->kind);				\
		self->vcpu = vcpu_new(self->vm, 0, NULL);		\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		EXPECT_EQ(0, kvm_audit());				\
		vm_free(self->vm);					\
	}

/* In a test of GUEST_SUITE() */
#define RUN_GUEST(fn)							\
	do {								\
		vcpu_set_entry(self->vcpu, fn);				\
		expect_done(self->vcpu);				\
	} while (0)

/* No VM made beforehand: variant->kind is for the test's vm_new() */
#define KIND_SUITE(name)						\
	FIXTURE(name) { int unused; };					\
	KIND_VARIANTS(name)						\
	FIXTURE_SETUP(name)						\
	{								\
	}								\
	FIXTURE_TEARDOWN(name)						\
	{								\
		EXPECT_EQ(0, kvm_audit());				\
	}
#endif

#endif
