// SPDX-License-Identifier: GPL-2.0-only
/* Registers, code at RIP, and names for numbers, when a guest ends badly. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "array.h"
#include "dump.h"
#include "report.h"

static const char *name_of(const char * const *names, size_t count,
			   uint64_t number, const char *otherwise)
{
	return number < count && names[number] ? names[number] : otherwise;
}

const char *internal_error_name(uint32_t suberror)
{
	static const char * const names[] = {
		[KVM_INTERNAL_ERROR_EMULATION] =
			"an instruction could not be emulated",
		[KVM_INTERNAL_ERROR_SIMUL_EX] =
			"exceptions came together unexpectedly",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] =
			"an exit while an event was being delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] =
			"an exit reason that should not occur",
	};
	return name_of(names, ARRAY_SIZE(names), suberror,
		       "unknown");
}

/*
 * Bit 31 set: a VM exit because the entry failed, with its basic reason (SDM
 * 3D, appendix C). Clear: VMLAUNCH or VMRESUME itself failed, with its VM
 * instruction error (SDM 3C 31.4).
 */
const char *entry_failure_name(uint64_t hardware_reason)
{
	static const char * const instruction_errors[] = {
		[4] = "VMLAUNCH with a VMCS that is not clear",
		[5] = "VMRESUME with a VMCS that was not launched",
		[6] = "VMRESUME after VMXOFF",
		[7] = "invalid control fields",
		[8] = "invalid host state",
		[25] = "invalid VMCS link pointer",
		[26] = "events blocked by MOV SS",
	};
	static const char elsewhere[] = "see the Intel manual, volume 3C";

	if (hardware_reason & 0x80000000u) {
		switch (hardware_reason & 0xffff) {
		case 33:
			return "invalid guest state";
		case 34:
			return "MSR loading failed";
		case 41:
			return "machine check";
		}
	} else {
		return name_of(instruction_errors,
			       ARRAY_SIZE(instruction_errors),
			       hardware_reason, elsewhere);
	}
	return elsewhere;
}

static void dump_segment(const char *name, const struct kvm_segment *s)
{
	say_raw("  %s %04x base %016llx limit %08x type %x dpl %u%s%s%s%s%s",
		name, s->selector, s->base, s->limit, s->type, s->dpl,
		s->present ? " P" : "", s->s ? " S" : "", s->db ? " DB" : "",
		s->l ? " L" : "", s->g ? " G" : "");
}

static void dump_regs(const struct kvm_regs *r)
{
	say_raw("  rip %016llx rflags %08llx", r->rip, r->rflags);
	say_raw("  rax %016llx rbx %016llx rcx %016llx rdx %016llx", r->rax,
		r->rbx, r->rcx, r->rdx);
	say_raw("  rsi %016llx rdi %016llx rbp %016llx rsp %016llx", r->rsi,
		r->rdi, r->rbp, r->rsp);
	say_raw("  r8  %016llx r9  %016llx r10 %016llx r11 %016llx", r->r8,
		r->r9, r->r10, r->r11);
	say_raw("  r12 %016llx r13 %016llx r14 %016llx r15 %016llx", r->r12,
		r->r13, r->r14, r->r15);
}

static void dump_sregs(const struct kvm_sregs *s)
{
	dump_segment("cs", &s->cs);
	dump_segment("ss", &s->ss);
	dump_segment("ds", &s->ds);
	dump_segment("es", &s->es);
	dump_segment("fs", &s->fs);
	dump_segment("gs", &s->gs);
	dump_segment("tr", &s->tr);
	dump_segment("ld", &s->ldt);
	say_raw("  gdt %016llx limit %04x  idt %016llx limit %04x",
		s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit);
	say_raw("  cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx", s->cr0,
		s->cr2, s->cr3, s->cr4);
	say_raw("  efer %llx apic base %llx cr8 %llx", s->efer, s->apic_base,
		s->cr8);
}

/* Byte by byte: the instruction may run over the end of a page. */
static void dump_code(const struct vcpu *vcpu, uint64_t address)
{
	char text[16 * 3 + 1] = "";
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct kvm_translation tr = { .linear_address = address + i };
		const uint8_t *byte;

		if (ioctl(vcpu->fd, KVM_TRANSLATE, &tr) < 0 || !tr.valid)
			break;
		byte = memory_at(&vcpu->vm->memory, tr.physical_address, 1);
		if (!byte)
			break;
		sprintf(text + 3 * i, " %02x", *byte);
	}
	say_raw("  code%s", i ? text : " is not mapped");
}

void dump_vcpu(const struct vcpu *vcpu)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0) {
		say("reading the registers of vCPU %u: %s", vcpu->id,
		    strerror(errno));
		return;
	}
	say("vCPU %u:", vcpu->id);
	dump_regs(&regs);
	dump_sregs(&sregs);
	dump_code(vcpu, sregs.cs.base + regs.rip);
}
