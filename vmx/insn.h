/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMX instructions, one inline function each (SDM 3C chapter 31).
 *
 * All may fault with #UD when somebody (an emergency reboot, kexec) turned VMX
 * off behind our back. Then the machine is going down: the fault is swallowed
 * and reported as a failure of the instruction.
 */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include <linux/types.h>
#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/vmx.h>

/* VMREADs and VMWRITEs on this CPU; what a vCPU made is taken when it is put */
struct vmcs_counts {
	u64 reads;
	u64 writes;
};

DECLARE_PER_CPU(struct vmcs_counts, vmcs_counts);

void vmx_insn_failed(const char *insn, unsigned long operand);

/* 0, or -EIO */
static inline int vmxon(u64 pa)
{
	asm goto("1: vmxon %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "m" (pa) : "cc", "memory" : fail);
	return 0;
fail:
	return -EIO;
}

static inline int vmxoff(void)
{
	asm goto("1: vmxoff\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : : "cc", "memory" : fail);
	return 0;
fail:
	return -EIO;
}

static inline void vmclear(u64 pa)
{
	asm goto("1: vmclear %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "m" (pa) : "cc", "memory" : fail);
	return;
fail:
	vmx_insn_failed("VMCLEAR", pa);
}

static inline void vmptrld(u64 pa)
{
	asm goto("1: vmptrld %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "m" (pa) : "cc", "memory" : fail);
	return;
fail:
	vmx_insn_failed("VMPTRLD", pa);
}

/* A field of any width of the current VMCS; 0 where the read fails */
static __always_inline u64 vmcs_read(unsigned long field)
{
	u64 value;

	this_cpu_inc(vmcs_counts.reads);
	asm volatile goto("1: vmread %1, %0\n\t"
			  "jbe %l[fail]\n\t"
			  _ASM_EXTABLE(1b, %l[fail])
			  : "=r" (value) : "r" (field) : "cc" : fail);
	return value;
fail:
	vmx_insn_failed("VMREAD", field);
	return 0;
}

/* The same for callers that have another way, where a failure is reported */
static __always_inline bool vmcs_try_read(unsigned long field, u64 *value)
{
	this_cpu_inc(vmcs_counts.reads);
	asm volatile goto("1: vmread %1, %0\n\t"
			  "jbe %l[fail]\n\t"
			  _ASM_EXTABLE(1b, %l[fail])
			  : "=r" (*value) : "r" (field) : "cc" : fail);
	return true;
fail:
	return false;
}

static __always_inline void vmcs_write(unsigned long field, u64 value)
{
	this_cpu_inc(vmcs_counts.writes);
	asm goto("1: vmwrite %1, %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "r" (field), "rm" (value) : "cc", "memory" : fail);
	return;
fail:
	vmx_insn_failed("VMWRITE", field);
}

/* INVEPT types: SDM 3C 31.3; VMX_EPT_EXTENT_* */
static inline void invept(u64 type, u64 eptp)
{
	struct {
		u64 eptp, reserved;
	} desc = { eptp, 0 };

	asm goto("1: invept %1, %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "r" (type), "m" (desc) : "cc", "memory" : fail);
	return;
fail:
	vmx_insn_failed("INVEPT", type);
}

/* INVVPID types: VMX_VPID_EXTENT_*; the address is used by type 0 alone */
static inline void invvpid(u64 type, u16 vpid, u64 gva)
{
	struct {
		u64 vpid, gva;
	} desc = { vpid, gva };

	asm goto("1: invvpid %1, %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "r" (type), "m" (desc) : "cc", "memory" : fail);
	return;
fail:
	vmx_insn_failed("INVVPID", type);
}

/* All that a VPID has, by the narrowest type in @caps (VMX_VPID_EXTENT_*_BIT) */
static inline void invvpid_context(u64 caps, u16 vpid)
{
	if (caps & VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT)
		invvpid(VMX_VPID_EXTENT_SINGLE_CONTEXT, vpid, 0);
	else
		invvpid(VMX_VPID_EXTENT_ALL_CONTEXT, 0, 0);
}

#endif
