/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the event group "kvm".
 *
 * Names, fields, their types and their order are those that perf's and
 * trace-cmd's decoders of KVM events know, so that both work as they are.
 *
 * An argument that costs something (a VMREAD) belongs behind
 * trace_EVENT_enabled(); TRACE_LAZY() writes that down in one line:
 *
 *	TRACE_LAZY(kvm_entry, vcpu->id, vcpu_rip(vcpu), false);
 *
 * Tracepoints take values, never a vCPU: this file knows no structure.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#if !defined(CORE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CORE_TRACE_H

#include <linux/bits.h>
#include <linux/tracepoint.h>
#include <linux/kvm.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#ifndef TRACE_LAZY
/* Arguments are evaluated only while the event is enabled */
#define TRACE_LAZY(event, ...)						\
	do {								\
		if (trace_##event##_enabled())				\
			trace_##event(__VA_ARGS__);			\
	} while (0)
#endif

/* ---- entry and exit ------------------------------------------------------ */

/* kvm_exit's field isa */
#define TRACE_ISA_VMX	1

TRACE_EVENT(kvm_entry,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, bool immediate_exit),
	TP_ARGS(vcpu_id, rip, immediate_exit),

	TP_STRUCT__entry(
		__field(unsigned int,	vcpu_id)
		__field(unsigned long,	rip)
		__field(bool,		immediate_exit)
	),

	TP_fast_assign(
		__entry->vcpu_id	= vcpu_id;
		__entry->rip		= rip;
		__entry->immediate_exit	= immediate_exit;
	),

	TP_printk("vcpu %u, rip 0x%lx%s", __entry->vcpu_id, __entry->rip,
		  __entry->immediate_exit ? "[immediate exit]" : "")
);

/*
 * @reason: the whole VM-exit reason field, with the entry-failure bit
 * @info1: exit qualification
 * @info2: IDT-vectoring information
 * @intr_info: VM-exit interruption information
 * @error_code: VM-exit interruption error code, 0 where there is none
 * @requests: the vCPU's pending requests at the exit
 */
TRACE_EVENT(kvm_exit,
	TP_PROTO(unsigned int vcpu_id, unsigned long guest_rip,
		 unsigned int reason, u32 isa, u64 info1, u64 info2,
		 u32 intr_info, u32 error_code, u64 requests),
	TP_ARGS(vcpu_id, guest_rip, reason, isa, info1, info2, intr_info,
		error_code, requests),

	TP_STRUCT__entry(
		__field(unsigned int,	exit_reason)
		__field(unsigned long,	guest_rip)
		__field(u32,		isa)
		__field(u64,		info1)
		__field(u64,		info2)
		__field(u32,		intr_info)
		__field(u32,		error_code)
		__field(unsigned int,	vcpu_id)
		__field(u64,		requests)
	),

	TP_fast_assign(
		__entry->exit_reason	= reason;
		__entry->guest_rip	= guest_rip;
		__entry->isa		= isa;
		__entry->info1		= info1;
		__entry->info2		= info2;
		__entry->intr_info	= intr_info;
		__entry->error_code	= error_code;
		__entry->vcpu_id	= vcpu_id;
		__entry->requests	= requests;
	),

	TP_printk("vcpu %u reason %s%s%s rip 0x%lx info1 0x%016llx info2 0x%016llx intr_info 0x%08x error_code 0x%08x requests 0x%016llx",
		  __entry->vcpu_id,
		  __print_symbolic(__entry->exit_reason & 0xffff,
				   VMX_EXIT_REASONS),
		  __entry->exit_reason & ~0xffff ? " " : "",
		  __print_flags(__entry->exit_reason & ~0xffff, " ",
				VMX_EXIT_REASON_FLAGS),
		  __entry->guest_rip, __entry->info1, __entry->info2,
		  __entry->intr_info, __entry->error_code, __entry->requests)
);

/* KVM_RUN returns to user space: @errno is 0, or negative with any @reason */
TRACE_EVENT(kvm_userspace_exit,
	TP_PROTO(__u32 reason, int errno),
	TP_ARGS(reason, errno),

	TP_STRUCT__entry(
		__field(__u32,	reason)
		__field(int,	errno)
	),

	TP_fast_assign(
		__entry->reason	= reason;
		__entry->errno	= errno;
	),

	TP_printk("reason %s (%d)",
		  __entry->errno < 0 ?
		  (__entry->errno == -EINTR ? "restart" : "error") :
		  __print_symbolic(__entry->reason,
			{ KVM_EXIT_UNKNOWN,	"KVM_EXIT_UNKNOWN" },
			{ KVM_EXIT_EXCEPTION,	"KVM_EXIT_EXCEPTION" },
			{ KVM_EXIT_IO,		"KVM_EXIT_IO" },
			{ KVM_EXIT_HYPERCALL,	"KVM_EXIT_HYPERCALL" },
			{ KVM_EXIT_DEBUG,	"KVM_EXIT_DEBUG" },
			{ KVM_EXIT_HLT,		"KVM_EXIT_HLT" },
			{ KVM_EXIT_MMIO,	"KVM_EXIT_MMIO" },
			{ KVM_EXIT_IRQ_WINDOW_OPEN,
			  "KVM_EXIT_IRQ_WINDOW_OPEN" },
			{ KVM_EXIT_SHUTDOWN,	"KVM_EXIT_SHUTDOWN" },
			{ KVM_EXIT_FAIL_ENTRY,	"KVM_EXIT_FAIL_ENTRY" },
			{ KVM_EXIT_INTR,	"KVM_EXIT_INTR" },
			{ KVM_EXIT_SET_TPR,	"KVM_EXIT_SET_TPR" },
			{ KVM_EXIT_TPR_ACCESS,	"KVM_EXIT_TPR_ACCESS" },
			{ KVM_EXIT_NMI,		"KVM_EXIT_NMI" },
			{ KVM_EXIT_INTERNAL_ERROR,
			  "KVM_EXIT_INTERNAL_ERROR" },
			{ KVM_EXIT_SYSTEM_EVENT, "KVM_EXIT_SYSTEM_EVENT" },
			{ KVM_EXIT_IOAPIC_EOI,	"KVM_EXIT_IOAPIC_EOI" },
			{ KVM_EXIT_X86_RDMSR,	"KVM_EXIT_X86_RDMSR" },
			{ KVM_EXIT_X86_WRMSR,	"KVM_EXIT_X86_WRMSR" }),
		  __entry->errno < 0 ? -__entry->errno : __entry->reason)
);

/* A halted vCPU goes on: @waited it slept, else it polled; @valid: sensible */
TRACE_EVENT(kvm_vcpu_wakeup,
	TP_PROTO(__u64 ns, bool waited, bool valid),
	TP_ARGS(ns, waited, valid),

	TP_STRUCT__entry(
		__field(__u64,	ns)
		__field(bool,	waited)
		__field(bool,	valid)
	),

	TP_fast_assign(
		__entry->ns	= ns;
		__entry->waited	= waited;
		__entry->valid	= valid;
	),

	TP_printk("%s time %lld ns, polling %s",
		  __entry->waited ? "wait" : "poll", __entry->ns,
		  __entry->valid ? "valid" : "invalid")
);

/* ---- what guests do ------------------------------------------------------ */

#define TRACE_PIO_IN	0
#define TRACE_PIO_OUT	1

/* @data: @count units of @size bytes; the first of them is shown */
TRACE_EVENT(kvm_pio,
	TP_PROTO(unsigned int rw, unsigned int port, unsigned int size,
		 unsigned int count, const void *data),
	TP_ARGS(rw, port, size, count, data),

	TP_STRUCT__entry(
		__field(unsigned int,	rw)
		__field(unsigned int,	port)
		__field(unsigned int,	size)
		__field(unsigned int,	count)
		__field(unsigned int,	val)
	),

	TP_fast_assign(
		__entry->rw	= rw;
		__entry->port	= port;
		__entry->size	= size;
		__entry->count	= count;
		__entry->val	= 0;
		memcpy(&__entry->val, data,
		       min_t(size_t, size, sizeof(__entry->val)));
	),

	TP_printk("pio_%s at 0x%x size %d count %d val 0x%x %s",
		  __entry->rw ? "write" : "read", __entry->port,
		  __entry->size, __entry->count, __entry->val,
		  __entry->count > 1 ? "(...)" : "")
);

#define TRACE_MMIO_READ_UNSATISFIED	0	/* user space is asked */
#define TRACE_MMIO_READ			1
#define TRACE_MMIO_WRITE		2

/* @val: @len bytes, NULL for TRACE_MMIO_READ_UNSATISFIED */
TRACE_EVENT(kvm_mmio,
	TP_PROTO(int type, int len, u64 gpa, const void *val),
	TP_ARGS(type, len, gpa, val),

	TP_STRUCT__entry(
		__field(u32,	type)
		__field(u32,	len)
		__field(u64,	gpa)
		__field(u64,	val)
	),

	TP_fast_assign(
		__entry->type	= type;
		__entry->len	= len;
		__entry->gpa	= gpa;
		__entry->val	= 0;
		if (val)
			memcpy(&__entry->val, val,
			       min_t(u32, sizeof(__entry->val), len));
	),

	TP_printk("mmio %s len %u gpa 0x%llx val 0x%llx",
		  __print_symbolic(__entry->type,
			{ TRACE_MMIO_READ_UNSATISFIED, "unsatisfied-read" },
			{ TRACE_MMIO_READ,	"read" },
			{ TRACE_MMIO_WRITE,	"write" }),
		  __entry->len, __entry->gpa, __entry->val)
);

/* @fault_address: guest-physical under EPT, guest-virtual under shadow paging */
TRACE_EVENT(kvm_page_fault,
	TP_PROTO(unsigned int vcpu_id, unsigned long guest_rip,
		 u64 fault_address, u64 error_code),
	TP_ARGS(vcpu_id, guest_rip, fault_address, error_code),

	TP_STRUCT__entry(
		__field(unsigned int,	vcpu_id)
		__field(unsigned long,	guest_rip)
		__field(u64,		fault_address)
		__field(u64,		error_code)
	),

	TP_fast_assign(
		__entry->vcpu_id	= vcpu_id;
		__entry->guest_rip	= guest_rip;
		__entry->fault_address	= fault_address;
		__entry->error_code	= error_code;
	),

	TP_printk("vcpu %u rip 0x%lx address 0x%016llx error_code 0x%llx",
		  __entry->vcpu_id, __entry->guest_rip,
		  __entry->fault_address, __entry->error_code)
);

TRACE_EVENT(kvm_msr,
	TP_PROTO(unsigned int write, u32 ecx, u64 data, bool exception),
	TP_ARGS(write, ecx, data, exception),

	TP_STRUCT__entry(
		__field(unsigned,	write)	/* the type decoders see */
		__field(u32,		ecx)
		__field(u64,		data)
		__field(u8,		exception)
	),

	TP_fast_assign(
		__entry->write		= write;
		__entry->ecx		= ecx;
		__entry->data		= data;
		__entry->exception	= exception;
	),

	TP_printk("msr_%s %x = 0x%llx%s",
		  __entry->write ? "write" : "read", __entry->ecx,
		  __entry->data, __entry->exception ? " (#GP)" : "")
);

#define trace_kvm_msr_read(ecx, data)		trace_kvm_msr(0, ecx, data, false)
#define trace_kvm_msr_write(ecx, data)		trace_kvm_msr(1, ecx, data, false)
#define trace_kvm_msr_read_ex(ecx)		trace_kvm_msr(0, ecx, 0, true)
#define trace_kvm_msr_write_ex(ecx, data)	trace_kvm_msr(1, ecx, data, true)

TRACE_EVENT(kvm_cr,
	TP_PROTO(unsigned int rw, unsigned int cr, unsigned long val),
	TP_ARGS(rw, cr, val),

	TP_STRUCT__entry(
		__field(unsigned int,	rw)
		__field(unsigned int,	cr)
		__field(unsigned long,	val)
	),

	TP_fast_assign(
		__entry->rw	= rw;
		__entry->cr	= cr;
		__entry->val	= val;
	),

	TP_printk("cr_%s %x = 0x%lx", __entry->rw ? "write" : "read",
		  __entry->cr, __entry->val)
);

#define trace_kvm_cr_read(cr, val)	trace_kvm_cr(0, cr, val)
#define trace_kvm_cr_write(cr, val)	trace_kvm_cr(1, cr, val)

/* @found: the guest's table has the leaf; @used_max_basic: another stood in */
TRACE_EVENT(kvm_cpuid,
	TP_PROTO(unsigned int function, unsigned int index, unsigned long rax,
		 unsigned long rbx, unsigned long rcx, unsigned long rdx,
		 bool found, bool used_max_basic),
	TP_ARGS(function, index, rax, rbx, rcx, rdx, found, used_max_basic),

	TP_STRUCT__entry(
		__field(unsigned int,	function)
		__field(unsigned int,	index)
		__field(unsigned long,	rax)
		__field(unsigned long,	rbx)
		__field(unsigned long,	rcx)
		__field(unsigned long,	rdx)
		__field(bool,		found)
		__field(bool,		used_max_basic)
	),

	TP_fast_assign(
		__entry->function	= function;
		__entry->index		= index;
		__entry->rax		= rax;
		__entry->rbx		= rbx;
		__entry->rcx		= rcx;
		__entry->rdx		= rdx;
		__entry->found		= found;
		__entry->used_max_basic	= used_max_basic;
	),

	TP_printk("func %x idx %x rax %lx rbx %lx rcx %lx rdx %lx, cpuid entry %s%s",
		  __entry->function, __entry->index, __entry->rax,
		  __entry->rbx, __entry->rcx, __entry->rdx,
		  __entry->found ? "found" : "not found",
		  __entry->used_max_basic ? ", used max basic" : "")
);

TRACE_EVENT(kvm_hypercall,
	TP_PROTO(unsigned long nr, unsigned long a0, unsigned long a1,
		 unsigned long a2, unsigned long a3),
	TP_ARGS(nr, a0, a1, a2, a3),

	TP_STRUCT__entry(
		__field(unsigned long,	nr)
		__field(unsigned long,	a0)
		__field(unsigned long,	a1)
		__field(unsigned long,	a2)
		__field(unsigned long,	a3)
	),

	TP_fast_assign(
		__entry->nr	= nr;
		__entry->a0	= a0;
		__entry->a1	= a1;
		__entry->a2	= a2;
		__entry->a3	= a3;
	),

	TP_printk("nr 0x%lx a0 0x%lx a1 0x%lx a2 0x%lx a3 0x%lx",
		  __entry->nr, __entry->a0, __entry->a1, __entry->a2,
		  __entry->a3)
);

#define TRACE_INSN_CR0_PE	BIT(0)
#define TRACE_INSN_EFL_VM	BIT(1)
#define TRACE_INSN_CS_D		BIT(2)
#define TRACE_INSN_CS_L		BIT(3)

/* @insn: @len bytes at @rip, at most 15; @flags: TRACE_INSN_* */
TRACE_EVENT(kvm_emulate_insn,
	TP_PROTO(u64 rip, u32 csbase, const u8 *insn, u8 len, u8 flags,
		 bool failed),
	TP_ARGS(rip, csbase, insn, len, flags, failed),

	TP_STRUCT__entry(
		__field(__u64,	rip)
		__field(__u32,	csbase)
		__field(__u8,	len)
		__array(__u8,	insn, 15)
		__field(__u8,	flags)
		__field(__u8,	failed)
	),

	TP_fast_assign(
		__entry->rip	= rip;
		__entry->csbase	= csbase;
		__entry->len	= min_t(u8, len, 15);
		memset(__entry->insn, 0, 15);
		memcpy(__entry->insn, insn, __entry->len);
		__entry->flags	= flags;
		__entry->failed	= failed;
	),

	TP_printk("%x:%llx:%s (%s)%s", __entry->csbase, __entry->rip,
		  __print_hex(__entry->insn, __entry->len),
		  __print_symbolic(__entry->flags,
			{ 0, "real" },
			{ TRACE_INSN_CR0_PE | TRACE_INSN_EFL_VM, "vm16" },
			{ TRACE_INSN_CR0_PE, "prot16" },
			{ TRACE_INSN_CR0_PE | TRACE_INSN_CS_D, "prot32" },
			{ TRACE_INSN_CR0_PE | TRACE_INSN_CS_L, "prot64" }),
		  __entry->failed ? " failed" : "")
);

/* ---- injection ----------------------------------------------------------- */

TRACE_EVENT(kvm_inj_virq,
	TP_PROTO(unsigned int vector, bool soft, bool reinjected),
	TP_ARGS(vector, soft, reinjected),

	TP_STRUCT__entry(
		__field(unsigned int,	vector)
		__field(bool,		soft)
		__field(bool,		reinjected)
	),

	TP_fast_assign(
		__entry->vector		= vector;
		__entry->soft		= soft;
		__entry->reinjected	= reinjected;
	),

	TP_printk("%s 0x%x%s", __entry->soft ? "Soft/INTn" : "IRQ",
		  __entry->vector, __entry->reinjected ? " [reinjected]" : "")
);

TRACE_EVENT(kvm_inj_exception,
	TP_PROTO(u8 exception, bool has_error, u32 error_code, bool reinjected),
	TP_ARGS(exception, has_error, error_code, reinjected),

	TP_STRUCT__entry(
		__field(u8,	exception)
		__field(u8,	has_error)
		__field(u32,	error_code)
		__field(bool,	reinjected)
	),

	TP_fast_assign(
		__entry->exception	= exception;
		__entry->has_error	= has_error;
		__entry->error_code	= error_code;
		__entry->reinjected	= reinjected;
	),

	/* A symbol table without symbols prints the number in hexadecimal */
	TP_printk("%s%s%s%s%s",
		  __print_symbolic(__entry->exception,
			{ X86_TRAP_DE, "#DE" }, { X86_TRAP_DB, "#DB" },
			{ X86_TRAP_BP, "#BP" }, { X86_TRAP_OF, "#OF" },
			{ X86_TRAP_BR, "#BR" }, { X86_TRAP_UD, "#UD" },
			{ X86_TRAP_NM, "#NM" }, { X86_TRAP_DF, "#DF" },
			{ X86_TRAP_TS, "#TS" }, { X86_TRAP_NP, "#NP" },
			{ X86_TRAP_SS, "#SS" }, { X86_TRAP_GP, "#GP" },
			{ X86_TRAP_PF, "#PF" }, { X86_TRAP_MF, "#MF" },
			{ X86_TRAP_AC, "#AC" }, { X86_TRAP_MC, "#MC" }),
		  __entry->has_error ? " (" : "",
		  __entry->has_error ?
		  __print_symbolic(__entry->error_code, { }) : "",
		  __entry->has_error ? ")" : "",
		  __entry->reinjected ? " [reinjected]" : "")
);

/* ---- memory and time ----------------------------------------------------- */

DECLARE_EVENT_CLASS(kvm_hva_range_class,
	TP_PROTO(unsigned long start, unsigned long end),
	TP_ARGS(start, end),

	TP_STRUCT__entry(
		__field(unsigned long,	start)
		__field(unsigned long,	end)
	),

	TP_fast_assign(
		__entry->start	= start;
		__entry->end	= end;
	),

	TP_printk("mmu notifier unmap range: %#016lx -- %#016lx",
		  __entry->start, __entry->end)
);

DEFINE_EVENT(kvm_hva_range_class, kvm_unmap_hva_range,
	TP_PROTO(unsigned long start, unsigned long end),
	TP_ARGS(start, end)
);

DEFINE_EVENT_PRINT(kvm_hva_range_class, kvm_age_hva,
	TP_PROTO(unsigned long start, unsigned long end),
	TP_ARGS(start, end),
	TP_printk("mmu notifier age hva: %#016lx -- %#016lx",
		  __entry->start, __entry->end)
);

TRACE_EVENT(kvm_test_age_hva,
	TP_PROTO(unsigned long hva),
	TP_ARGS(hva),
	TP_STRUCT__entry(__field(unsigned long, hva)),
	TP_fast_assign(__entry->hva = hva;),
	TP_printk("mmu notifier test age hva: %#016lx", __entry->hva)
);

TRACE_EVENT(kvm_pml_full,
	TP_PROTO(unsigned int vcpu_id),
	TP_ARGS(vcpu_id),
	TP_STRUCT__entry(__field(unsigned int, vcpu_id)),
	TP_fast_assign(__entry->vcpu_id = vcpu_id;),
	TP_printk("vcpu %d: PML full", __entry->vcpu_id)
);

TRACE_EVENT(kvm_write_tsc_offset,
	TP_PROTO(unsigned int vcpu_id, __u64 previous_tsc_offset,
		 __u64 next_tsc_offset),
	TP_ARGS(vcpu_id, previous_tsc_offset, next_tsc_offset),

	TP_STRUCT__entry(
		__field(unsigned int,	vcpu_id)
		__field(__u64,		previous_tsc_offset)
		__field(__u64,		next_tsc_offset)
	),

	TP_fast_assign(
		__entry->vcpu_id		= vcpu_id;
		__entry->previous_tsc_offset	= previous_tsc_offset;
		__entry->next_tsc_offset	= next_tsc_offset;
	),

	TP_printk("vcpu=%u prev=%llu next=%llu", __entry->vcpu_id,
		  __entry->previous_tsc_offset, __entry->next_tsc_offset)
);

#endif

/* Relative to the root of the module's tree, which is in the include path */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
