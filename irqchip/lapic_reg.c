// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of the LAPIC, through the xAPIC page (SDM 3A table 11-1) and the
 * x2APIC MSRs (table 11-6).
 */
#include <linux/mm.h>
#include <asm/mce.h>
#include "x86/x86.h"
#include "lapic.h"
#include "trace.h"

#define X2APIC_FIRST	0x800
#define X2APIC_REGS	0x40	/* MSRs above them are reserved: #GP */

#define ICR_RESERVED_X2APIC	(GENMASK(31, 20) | GENMASK(17, 16) | BIT(13))

static bool has_cmci(const struct lapic *l)
{
	return l->vcpu->arch.mcg_cap & MCG_CMCI_P;
}

/* SDM 3A 11.4.8: integrated, and the number of LVT entries less one */
u32 lapic_version(const struct lapic *l)
{
	return 0x14 | (has_cmci(l) ? 6 : 5) << 16;
}

/* Bits of an LVT register that software writes (SDM 3A figure 11-8); 0: none */
u32 lapic_lvt_mask(const struct lapic *l, unsigned int off)
{
	const u32 basic = APIC_LVT_MASKED | APIC_VECTOR_MASK;

	switch (off) {
	case APIC_LVTT:
		if (x86_gcap(l->vcpu, GCAP_TSC_DEADLINE))
			return basic | 3 << 17;
		return basic | APIC_LVT_TIMER_PERIODIC;
	case APIC_LVTTHMR:
	case APIC_LVTPC:
		return basic | APIC_MODE_MASK;
	case APIC_LVTCMCI:
		return has_cmci(l) ? basic | APIC_MODE_MASK : 0;
	case APIC_LVT0:
	case APIC_LVT1:
		return basic | APIC_MODE_MASK | APIC_INPUT_POLARITY |
		       APIC_LVT_LEVEL_TRIGGER;
	case APIC_LVTERR:
		return basic;
	}
	return 0;
}

/* ---- reading --------------------------------------------------------------- */

/* Is there a register to read? */
static bool readable(const struct lapic *l, unsigned int off, bool x2apic)
{
	switch (off) {
	case APIC_ID:
	case APIC_LVR:
	case APIC_TASKPRI:
	case APIC_PROCPRI:
	case APIC_LDR:
	case APIC_SPIV:
	case APIC_ISR ... APIC_ISR + 0x70:
	case APIC_TMR ... APIC_TMR + 0x70:
	case APIC_IRR ... APIC_IRR + 0x70:
	case APIC_ESR:
	case APIC_ICR:
	case APIC_LVTT ... APIC_LVTERR:
	case APIC_TMICT:
	case APIC_TMCCT:
	case APIC_TDCR:
		return true;
	case APIC_LVTCMCI:
		return has_cmci(l);
	case APIC_ARBPRI:
	case APIC_DFR:
	case APIC_ICR2:
	case APIC_EOI:		/* write-only, reads as zero */
	case APIC_RRR:
		return !x2apic;
	}
	return false;
}

static u32 read_reg(struct lapic *l, unsigned int off)
{
	switch (off) {
	case APIC_LVR:
		return lapic_version(l);
	case APIC_TMCCT:
		return lapic_timer_count(l);
	case APIC_ISR ... APIC_ISR + 0x70:
		lapic_sync_pv_eoi(l->vcpu);
		break;
	case APIC_PROCPRI:
	case APIC_ARBPRI:
		lapic_sync_pv_eoi(l->vcpu);
		return lapic_priority(l);
	case APIC_EOI:
		return 0;
	}
	return lapic_reg(l, off);
}

/* ---- writing --------------------------------------------------------------- */

#define ICR_SHORTHAND	GENMASK(19, 18)

static noinline void send_ipi(struct lapic *l, u32 low, u32 dest)
{
	struct lapic_msg msg = {
		.dest = dest,
		.vector = low & APIC_VECTOR_MASK,
		.mode = GET_APIC_DELIVERY_MODE(low),
		.shorthand = low >> 18 & 3,
		.logical = low & APIC_DEST_LOGICAL,
		.ipi = true,
		.x2apic_dest = lapic_x2apic(l),
	};

	/*
	 * SDM 3A table 11-3: only fixed interrupts are valid here, and what the
	 * others do is not said. Programs count on SMI and NMI to arrive.
	 */
	if ((msg.shorthand == DEST_SELF || msg.shorthand == DEST_ALL) &&
	    msg.mode != MODE_FIXED && msg.mode != MODE_SMI &&
	    msg.mode != MODE_NMI)
		return;

	switch (msg.mode) {
	case MODE_FIXED:
	case MODE_LOWEST:
		/* IPIs are edge whatever the trigger bit says */
		if (msg.vector < 16) {
			lapic_error(l, APIC_ESR_SENDILL);
			return;
		}
		break;
	case MODE_INIT:
		/* de-assert: not supported since the Pentium 4, ignored */
		if (low & APIC_INT_LEVELTRIG && !(low & APIC_INT_ASSERT))
			return;
		break;
	case MODE_NMI:
	case MODE_SMI:
	case MODE_STARTUP:
		break;
	default:
		return;
	}
	trace_kvm_apic_ipi(low, dest);
	lapic_deliver(l->chip, &msg, l);
}

void lapic_send_ipi(struct lapic *l, u32 low, u32 dest)
{
	const u32 unusual = APIC_MODE_MASK | APIC_DEST_LOGICAL | ICR_SHORTHAND;

	if (likely(!(low & unusual) && (low & APIC_VECTOR_MASK) >= 16 &&
		   lapic_deliver_one(l->chip, dest, low & APIC_VECTOR_MASK)))
		trace_kvm_apic_ipi(low, dest);
	else
		send_ipi(l, low, dest);
}

void lapic_write_tpr(struct lapic *l, u8 tpr)
{
	u32 old = lapic_reg(l, APIC_TASKPRI);

	lapic_set_reg(l, APIC_TASKPRI, tpr);
	if (tpr != old)
		lapic_reeval(l);
}

static void write_spiv(struct lapic *l, u32 val)
{
	bool was = l->sw_on;
	unsigned int off;

	lapic_set_reg(l, APIC_SPIV,
		      val & (APIC_SPIV_APIC_ENABLED | APIC_VECTOR_MASK));
	l->sw_on = val & APIC_SPIV_APIC_ENABLED;
	/* SDM 3A 11.4.7.2: disabling masks every LVT, for good */
	if (was && !l->sw_on) {
		for (off = APIC_LVTT; off <= APIC_LVTERR; off += 0x10)
			lapic_set_reg(l, off, lapic_reg(l, off) | APIC_LVT_MASKED);
		if (has_cmci(l))
			lapic_set_reg(l, APIC_LVTCMCI, APIC_LVT_MASKED |
				      lapic_reg(l, APIC_LVTCMCI));
	}
	lapic_reeval(l);
}

static void write_lvt(struct lapic *l, unsigned int off, u32 val)
{
	u32 old_mode = lapic_timer_mode(l);

	val &= lapic_lvt_mask(l, off);
	if (!lapic_sw_enabled(l))
		val |= APIC_LVT_MASKED;
	if (off == APIC_LVTT) {
		lapic_timer_fired(l->vcpu);
		/* 11b is reserved; take it for one-shot */
		if ((val & 3 << 17) == 3 << 17)
			val &= ~(3 << 17);
	}
	lapic_set_reg(l, off, val);
	if (off == APIC_LVT0)
		lapic_reeval(l);
	if (off != APIC_LVTT)
		return;
	lapic_timer_set_mode(l);
	if (old_mode == lapic_timer_mode(l))
		return;
	/* SDM 3A 11.5.4.1: to or from TSC deadline disarms the timer */
	if ((old_mode | lapic_timer_mode(l)) & APIC_LVT_TIMER_TSCDEADLINE) {
		lapic_timer_stop(l);
		lapic_set_reg(l, APIC_TMICT, 0);
	} else {
		u32 count = lapic_timer_count(l);

		/* a one-shot timer that ran out stays stopped */
		if (count)
			lapic_timer_start(l, count);
	}
}

/* Bits that WRMSR may set; others are #GP (SDM 3A 11.12.1.3) */
static int x2apic_writable(const struct lapic *l, unsigned int off, u64 *mask)
{
	switch (off) {
	case APIC_TASKPRI:
	case APIC_SELF_IPI:
		*mask = 0xff;
		return 0;
	case APIC_EOI:
	case APIC_ESR:
		*mask = 0;
		return 0;
	case APIC_SPIV:
		*mask = APIC_SPIV_APIC_ENABLED | APIC_VECTOR_MASK;
		return 0;
	case APIC_TMICT:
		*mask = 0xffffffff;
		return 0;
	case APIC_TDCR:
		*mask = 0xb;
		return 0;
	}
	*mask = lapic_lvt_mask(l, off);
	if (!*mask)
		return 1;
	/* read-only, not reserved: guests write back what they have read */
	*mask |= APIC_SEND_PENDING;
	if (off == APIC_LVT0 || off == APIC_LVT1)
		*mask |= APIC_LVT_REMOTE_IRR;
	return 0;
}

/* Returns false where no register takes the write */
static bool write_reg(struct lapic *l, unsigned int off, u32 val, bool x2apic)
{
	switch (off) {
	case APIC_TASKPRI:
		lapic_write_tpr(l, val);
		return true;
	case APIC_EOI:
		lapic_set_reg(l, APIC_EOI, 0);
		lapic_eoi(l);
		return true;
	case APIC_SPIV:
		write_spiv(l, val);
		return true;
	case APIC_ESR:
		/* SDM 3A 11.5.3: a write makes what was collected readable */
		lapic_set_reg(l, APIC_ESR, atomic_xchg(&l->esr, 0));
		return true;
	case APIC_LVTCMCI:
	case APIC_LVTT ... APIC_LVTERR:
		if (!lapic_lvt_mask(l, off))
			return false;
		write_lvt(l, off, val);
		return true;
	case APIC_TMICT:
		if (lapic_timer_mode(l) & APIC_LVT_TIMER_TSCDEADLINE) {
			lapic_set_reg(l, APIC_TMICT, 0);
			return true;
		}
		lapic_timer_fired(l->vcpu);
		lapic_set_reg(l, APIC_TMICT, val);
		lapic_timer_start(l, val);
		return true;
	case APIC_TDCR: {
		u32 count = lapic_timer_count(l);

		lapic_set_reg(l, APIC_TDCR, val & 0xb);
		lapic_timer_set_divide(l, val);
		if (count)
			lapic_timer_start(l, count);
		return true;
	}
	}
	if (x2apic)
		return false;

	switch (off) {
	case APIC_ID:
		lapic_set_reg(l, APIC_ID, val & 0xff000000);
		lapic_map_rebuild(l->chip);
		return true;
	case APIC_LDR:
		lapic_set_reg(l, APIC_LDR, val & APIC_LDR_MASK);
		lapic_map_rebuild(l->chip);
		return true;
	case APIC_DFR:
		lapic_set_reg(l, APIC_DFR, val | 0x0fffffff);
		lapic_map_rebuild(l->chip);
		return true;
	case APIC_ICR2:
		lapic_set_reg(l, APIC_ICR2, val & 0xff000000);
		return true;
	case APIC_ICR:
		/* delivered at once: the status bit is never seen set */
		lapic_set_reg(l, APIC_ICR, val & ~APIC_ICR_BUSY);
		lapic_send_ipi(l, val, lapic_reg(l, APIC_ICR2) >> 24);
		return true;
	}
	return false;
}

bool lapic_write_reg(struct lapic *l, unsigned int off, u32 val)
{
	return write_reg(l, off, val, false);
}

/* ---- x2APIC MSRs ----------------------------------------------------------- */

static bool msr_to_off(struct vcpu *vcpu, u32 index, unsigned int *off)
{
	if (!vcpu->lapic || !lapic_x2apic(vcpu->lapic) ||
	    index < X2APIC_FIRST || index >= X2APIC_FIRST + X2APIC_REGS)
		return false;
	*off = (index - X2APIC_FIRST) << 4;
	return true;
}

int lapic_read_msr(struct vcpu *vcpu, u32 index, u64 *value)
{
	struct lapic *l = vcpu->lapic;
	unsigned int off;

	if (!msr_to_off(vcpu, index, &off) || !readable(l, off, true))
		return 1;
	*value = read_reg(l, off);
	if (off == APIC_ICR)
		*value |= (u64)lapic_reg(l, APIC_ICR + 4) << 32;
	trace_kvm_apic_read(off, *value);
	return 0;
}

static int write_icr_msr(struct lapic *l, u64 value)
{
	if (!lapic_x2apic(l) || value & ICR_RESERVED_X2APIC)
		return 1;
	trace_kvm_apic_write(APIC_ICR, value);
	value &= ~(u64)APIC_ICR_BUSY;
	lapic_set_reg(l, APIC_ICR, value);
	lapic_set_reg(l, APIC_ICR + 4, value >> 32);
	lapic_send_ipi(l, value, value >> 32);
	return 0;
}

int lapic_write_msr(struct vcpu *vcpu, u32 index, u64 value)
{
	struct lapic *l = vcpu->lapic;
	unsigned int off;
	u64 mask;

	/* the most usual one */
	if (index == X2APIC_FIRST + (APIC_ICR >> 4) && l)
		return write_icr_msr(l, value);
	if (!msr_to_off(vcpu, index, &off) || x2apic_writable(l, off, &mask) ||
	    value & ~mask)
		return 1;
	trace_kvm_apic_write(off, value);
	if (off == APIC_SELF_IPI) {
		lapic_send_ipi(l, APIC_DEST_SELF | value, 0);
		return 0;
	}
	return write_reg(l, off, value, true) ? 0 : 1;
}

bool lapic_write_msr_fast(struct vcpu *vcpu, u32 index, u64 value)
{
	struct lapic *l = vcpu->lapic;

	if (!l || !lapic_x2apic(l))
		return false;
	switch ((index - X2APIC_FIRST) << 4) {
	case APIC_ICR:
		return !write_icr_msr(l, value);
	case APIC_EOI:
		if (value || irqchip_eoi_sleeps(vcpu))
			return false;
		trace_kvm_apic_write(APIC_EOI, value);
		lapic_eoi(l);
		return true;
	case APIC_TASKPRI:
	case APIC_SELF_IPI:
		return !lapic_write_msr(vcpu, index, value);
	}
	return false;
}

/* ---- the xAPIC page -------------------------------------------------------- */

static bool page_hit(struct vcpu *vcpu, gpa_t gpa)
{
	return vcpu->lapic &&
	       gpa >> PAGE_SHIFT == vcpu->arch.apic_base >> PAGE_SHIFT;
}

/*
 * The LAPIC does not answer in its page. 0xff from nowhere, or user space,
 * as KVM_CAP_DISABLE_QUIRKS2 has it.
 */
static bool page_hole(struct vcpu *vcpu)
{
	return lapic_x2apic(vcpu->lapic) || !lapic_hw_enabled(vcpu->lapic);
}

static bool hole_is_ours(struct vcpu *vcpu)
{
	return !(vcpu->vm->arch.disabled_quirks & KVM_X86_QUIRK_LAPIC_MMIO_HOLE);
}

bool lapic_mmio_read(struct vcpu *vcpu, gpa_t gpa, unsigned int len, void *data)
{
	struct lapic *l = vcpu->lapic;
	unsigned int off = offset_in_page(gpa), in = off & 0xf;
	u32 val = 0;

	if (!page_hit(vcpu, gpa))
		return false;
	if (page_hole(vcpu)) {
		if (!hole_is_ours(vcpu))
			return false;
		memset(data, 0xff, len);
		return true;
	}

	memset(data, 0, len);
	/* defined only as 32 bits at the start of the 16 (SDM 3A 11.4.1) */
	if (in >= sizeof(val))
		return true;
	off &= ~0xfU;
	if (readable(l, off, false))
		val = read_reg(l, off);
	else
		lapic_error(l, APIC_ESR_ILLREGA);
	if (off == APIC_TASKPRI)
		vapic_tpr_accessed(vcpu, false);
	trace_kvm_apic_read(off, val);
	memcpy(data, (u8 *)&val + in, min_t(unsigned int, len, sizeof(val) - in));
	return true;
}

bool lapic_mmio_write(struct vcpu *vcpu, gpa_t gpa, unsigned int len,
		      const void *data)
{
	struct lapic *l = vcpu->lapic;
	unsigned int off = offset_in_page(gpa);
	u32 val;

	if (!page_hit(vcpu, gpa))
		return false;
	if (page_hole(vcpu))
		return hole_is_ours(vcpu);
	if (len != sizeof(val) || off & 0xf)
		return true;
	memcpy(&val, data, sizeof(val));
	trace_kvm_apic_write(off, val);
	if (off == APIC_TASKPRI)
		vapic_tpr_accessed(vcpu, true);
	/* read-only registers ignore writes, missing ones are an error */
	if (!write_reg(l, off, val, false) && !readable(l, off, false))
		lapic_error(l, APIC_ESR_ILLREGA);
	return true;
}
