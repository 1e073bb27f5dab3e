/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the interrupt controllers, in the event group "kvm"; as in
 * core/trace.h, names and fields are those that decoders know.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#if !defined(IRQCHIP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define IRQCHIP_TRACE_H

#include <linux/tracepoint.h>
#include <linux/kvm.h>
#include <asm/apicdef.h>

#define trace_deliver_mode						\
	{ 0, "Fixed" }, { 1, "LowPrio" }, { 2, "SMI" }, { 3, "Res3" },	\
	{ 4, "NMI" }, { 5, "INIT" }, { 6, "SIPI" }, { 7, "ExtINT" }

TRACE_EVENT(kvm_set_irq,
	TP_PROTO(unsigned int gsi, int level, int irq_source_id),
	TP_ARGS(gsi, level, irq_source_id),

	TP_STRUCT__entry(
		__field(unsigned int,	gsi)
		__field(int,		level)
		__field(int,		irq_source_id)
	),

	TP_fast_assign(
		__entry->gsi		= gsi;
		__entry->level		= level;
		__entry->irq_source_id	= irq_source_id;
	),

	TP_printk("gsi %u level %d source %d", __entry->gsi, __entry->level,
		  __entry->irq_source_id)
);

TRACE_EVENT(kvm_pic_set_irq,
	TP_PROTO(__u8 chip, __u8 pin, __u8 elcr, __u8 imr, bool coalesced),
	TP_ARGS(chip, pin, elcr, imr, coalesced),

	TP_STRUCT__entry(
		__field(__u8,	chip)
		__field(__u8,	pin)
		__field(__u8,	elcr)
		__field(__u8,	imr)
		__field(bool,	coalesced)
	),

	TP_fast_assign(
		__entry->chip		= chip;
		__entry->pin		= pin;
		__entry->elcr		= elcr;
		__entry->imr		= imr;
		__entry->coalesced	= coalesced;
	),

	TP_printk("chip %u pin %u (%s%s)%s", __entry->chip, __entry->pin,
		  __entry->elcr & (1 << __entry->pin) ? "level" : "edge",
		  __entry->imr & (1 << __entry->pin) ? "|masked" : "",
		  __entry->coalesced ? " (coalesced)" : "")
);

/* @e: the redirection-table entry */
TRACE_EVENT(kvm_ioapic_set_irq,
	TP_PROTO(__u64 e, int pin, bool coalesced),
	TP_ARGS(e, pin, coalesced),

	TP_STRUCT__entry(
		__field(__u64,	e)
		__field(int,	pin)
		__field(bool,	coalesced)
	),

	TP_fast_assign(
		__entry->e		= e;
		__entry->pin		= pin;
		__entry->coalesced	= coalesced;
	),

	TP_printk("pin %u dst %x vec %u (%s|%s|%s%s)%s",
		  __entry->pin, (u8)(__entry->e >> 56), (u8)__entry->e,
		  __print_symbolic((__entry->e >> 8 & 0x7), trace_deliver_mode),
		  (__entry->e & (1 << 11)) ? "logical" : "physical",
		  (__entry->e & (1 << 15)) ? "level" : "edge",
		  (__entry->e & (1 << 16)) ? "|masked" : "",
		  __entry->coalesced ? " (coalesced)" : "")
);

TRACE_EVENT(kvm_msi_set_irq,
	TP_PROTO(__u64 address, __u64 data),
	TP_ARGS(address, data),

	TP_STRUCT__entry(
		__field(__u64,	address)
		__field(__u64,	data)
	),

	TP_fast_assign(
		__entry->address	= address;
		__entry->data		= data;
	),

	TP_printk("dst %llx vec %u (%s|%s|%s%s)",
		  (u8)(__entry->address >> 12) |
		  ((__entry->address >> 32) & 0xffffff00),
		  (u8)__entry->data,
		  __print_symbolic((__entry->data >> 8 & 0x7),
				   trace_deliver_mode),
		  (__entry->address & (1 << 2)) ? "logical" : "physical",
		  (__entry->data & (1 << 15)) ? "level" : "edge",
		  (__entry->address & (1 << 3)) ? "|rh" : "")
);

/* @irqchip: KVM_IRQCHIP_* */
TRACE_EVENT(kvm_ack_irq,
	TP_PROTO(unsigned int irqchip, unsigned int pin),
	TP_ARGS(irqchip, pin),

	TP_STRUCT__entry(
		__field(unsigned int,	irqchip)
		__field(unsigned int,	pin)
	),

	TP_fast_assign(
		__entry->irqchip	= irqchip;
		__entry->pin		= pin;
	),

	TP_printk("irqchip %s pin %u",
		  __print_symbolic(__entry->irqchip,
			{ KVM_IRQCHIP_PIC_MASTER, "PIC master" },
			{ KVM_IRQCHIP_PIC_SLAVE, "PIC slave" },
			{ KVM_IRQCHIP_IOAPIC, "IOAPIC" }),
		  __entry->pin)
);

/* @reg: offset in the xAPIC page */
TRACE_EVENT(kvm_apic,
	TP_PROTO(unsigned int rw, unsigned int reg, u64 val),
	TP_ARGS(rw, reg, val),

	TP_STRUCT__entry(
		__field(unsigned int,	rw)
		__field(unsigned int,	reg)
		__field(u64,		val)
	),

	TP_fast_assign(
		__entry->rw	= rw;
		__entry->reg	= reg;
		__entry->val	= val;
	),

	TP_printk("apic_%s %s = 0x%llx", __entry->rw ? "write" : "read",
		  __print_symbolic(__entry->reg,
			{ APIC_ID, "APIC_ID" }, { APIC_LVR, "APIC_LVR" },
			{ APIC_TASKPRI, "APIC_TASKPRI" },
			{ APIC_ARBPRI, "APIC_ARBPRI" },
			{ APIC_PROCPRI, "APIC_PROCPRI" },
			{ APIC_EOI, "APIC_EOI" }, { APIC_RRR, "APIC_RRR" },
			{ APIC_LDR, "APIC_LDR" }, { APIC_DFR, "APIC_DFR" },
			{ APIC_SPIV, "APIC_SPIV" }, { APIC_ISR, "APIC_ISR" },
			{ APIC_TMR, "APIC_TMR" }, { APIC_IRR, "APIC_IRR" },
			{ APIC_ESR, "APIC_ESR" }, { APIC_ICR, "APIC_ICR" },
			{ APIC_ICR2, "APIC_ICR2" },
			{ APIC_LVTT, "APIC_LVTT" },
			{ APIC_LVTTHMR, "APIC_LVTTHMR" },
			{ APIC_LVTPC, "APIC_LVTPC" },
			{ APIC_LVT0, "APIC_LVT0" },
			{ APIC_LVT1, "APIC_LVT1" },
			{ APIC_LVTERR, "APIC_LVTERR" },
			{ APIC_TMICT, "APIC_TMICT" },
			{ APIC_TMCCT, "APIC_TMCCT" },
			{ APIC_TDCR, "APIC_TDCR" },
			{ APIC_SELF_IPI, "APIC_SELF_IPI" }),
		  __entry->val)
);

#define trace_kvm_apic_read(reg, val)	trace_kvm_apic(0, reg, val)
#define trace_kvm_apic_write(reg, val)	trace_kvm_apic(1, reg, val)

TRACE_EVENT(kvm_apic_ipi,
	TP_PROTO(__u32 icr_low, __u32 dest_id),
	TP_ARGS(icr_low, dest_id),

	TP_STRUCT__entry(
		__field(__u32,	icr_low)
		__field(__u32,	dest_id)
	),

	TP_fast_assign(
		__entry->icr_low	= icr_low;
		__entry->dest_id	= dest_id;
	),

	TP_printk("dst %x vec %u (%s|%s|%s|%s|%s)",
		  __entry->dest_id, (u8)__entry->icr_low,
		  __print_symbolic((__entry->icr_low >> 8 & 0x7),
				   trace_deliver_mode),
		  (__entry->icr_low & (1 << 11)) ? "logical" : "physical",
		  (__entry->icr_low & (1 << 14)) ? "assert" : "de-assert",
		  (__entry->icr_low & (1 << 15)) ? "level" : "edge",
		  __print_symbolic((__entry->icr_low >> 18 & 0x3),
			{ 0, "dst" }, { 1, "self" }, { 2, "all" },
			{ 3, "all-but-self" }))
);

/* @dm: delivery mode as in the ICR (bits 10:8); @tm: 1 level, 0 edge */
TRACE_EVENT(kvm_apic_accept_irq,
	TP_PROTO(__u32 apicid, __u16 dm, __u16 tm, __u8 vec),
	TP_ARGS(apicid, dm, tm, vec),

	TP_STRUCT__entry(
		__field(__u32,	apicid)
		__field(__u16,	dm)
		__field(__u16,	tm)
		__field(__u8,	vec)
	),

	TP_fast_assign(
		__entry->apicid	= apicid;
		__entry->dm	= dm;
		__entry->tm	= tm;
		__entry->vec	= vec;
	),

	TP_printk("apicid %x vec %u (%s|%s)", __entry->apicid, __entry->vec,
		  __print_symbolic((__entry->dm >> 8 & 0x7),
				   trace_deliver_mode),
		  __entry->tm ? "level" : "edge")
);

TRACE_EVENT(kvm_eoi,
	TP_PROTO(__u32 apicid, int vector),
	TP_ARGS(apicid, vector),

	TP_STRUCT__entry(
		__field(__u32,	apicid)
		__field(int,	vector)
	),

	TP_fast_assign(
		__entry->apicid	= apicid;
		__entry->vector	= vector;
	),

	TP_printk("apicid %x vector %d", __entry->apicid, __entry->vector)
);

#endif

/* Relative to the root of the module's tree, which is in the include path */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH irqchip
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
