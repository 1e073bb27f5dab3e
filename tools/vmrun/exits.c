// SPDX-License-Identifier: GPL-2.0-only
/* A function for each KVM_EXIT_* that KVM_RUN can end with. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "dump.h"
#include "exits.h"
#include "stop.h"

/* Stops, with the registers shown first. */
#define STOP_WITH_DUMP(vcpu, status, ...) do { \
	dump_vcpu(vcpu); \
	request_stop(status, __VA_ARGS__); \
} while (0)

static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	/* String instructions bring several accesses to the same port. */
	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&vcpu->vm->ports, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data,
		   run->mmio.len, run->mmio.is_write);
}

/* Nothing to do: the next KVM_RUN goes on. */
static void exit_resume(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* Hypercalls that KVM leaves to us, of which we have none. */
static void exit_hypercall(struct vcpu *vcpu)
{
	vcpu->run->hypercall.ret = (uint64_t)-ENOSYS;
}

/* As an unknown MSR on a CPU: #GP. */
static void exit_msr(struct vcpu *vcpu)
{
	vcpu->run->msr.error = 1;
}

static void exit_hlt(struct vcpu *vcpu)
{
	(void)vcpu;
	request_stop(EXIT_HALTED, "guest halted, and there is no interrupt controller to wake it");
}

static void exit_shutdown(struct vcpu *vcpu)
{
	STOP_WITH_DUMP(vcpu, EXIT_TRIPLE_FAULT,
		       "guest shut down: triple fault on vCPU %u", vcpu->id);
}

static void exit_fail_entry(struct vcpu *vcpu)
{
	uint64_t reason =
		vcpu->run->fail_entry.hardware_entry_failure_reason;

	STOP_WITH_DUMP(vcpu, EXIT_ENTRY_FAILED,
		       "vCPU %u could not be entered: hardware reason %#" PRIx64 ", %s",
		       vcpu->id, reason, entry_failure_name(reason));
}

static void say_internal_data(const struct kvm_run *run)
{
	uint32_t i, n = run->internal.ndata;

	if (n > ARRAY_SIZE(run->internal.data))
		n = ARRAY_SIZE(run->internal.data);
	for (i = 0; i < n; i++)
		say_raw("  data[%u] %#llx", i, run->internal.data[i]);
}

static void say_instruction(const struct kvm_run *run)
{
	char text[15 * 3 + 1] = "";
	unsigned int i, n = run->emulation_failure.insn_size;

	if (n > sizeof(run->emulation_failure.insn_bytes))
		n = sizeof(run->emulation_failure.insn_bytes);
	for (i = 0; i < n; i++)
		sprintf(text + 3 * i, " %02x",
			run->emulation_failure.insn_bytes[i]);
	say_raw("  instruction%s", text);
}

static void exit_internal_error(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	uint32_t suberror = run->internal.suberror;

	if (suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    run->emulation_failure.ndata >= 1 &&
	    (run->emulation_failure.flags &
	     KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		say_instruction(run);
	else
		say_internal_data(run);
	STOP_WITH_DUMP(vcpu, EXIT_INTERNAL,
		       "internal error %u on vCPU %u: %s", suberror, vcpu->id,
		       internal_error_name(suberror));
}

static void exit_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		request_stop(EXIT_POWEROFF, "guest powered off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		request_stop(EXIT_REBOOT, "guest rebooted");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		STOP_WITH_DUMP(vcpu, EXIT_CRASHED, "guest says it crashed");
		break;
	default:
		STOP_WITH_DUMP(vcpu, EXIT_INTERNAL, "unknown system event %u",
			       vcpu->run->system_event.type);
	}
}

static void exit_unknown(struct vcpu *vcpu)
{
	STOP_WITH_DUMP(vcpu, EXIT_INTERNAL,
		       "exit that KVM does not know, hardware reason %#llx",
		       vcpu->run->hw.hardware_exit_reason);
}

static void exit_exception(struct vcpu *vcpu)
{
	STOP_WITH_DUMP(vcpu, EXIT_INTERNAL,
		       "exception %u, error code %#x, left to vmrun",
		       vcpu->run->ex.exception, vcpu->run->ex.error_code);
}

static void exit_debug(struct vcpu *vcpu)
{
	STOP_WITH_DUMP(vcpu, EXIT_INTERNAL,
		       "debug exit at %#llx, which vmrun did not ask for",
		       vcpu->run->debug.arch.pc);
}

static void exit_notify(struct vcpu *vcpu)
{
	STOP_WITH_DUMP(vcpu, EXIT_INTERNAL,
		       "vCPU %u lets no event in for too long", vcpu->id);
}

/* Reasons of other architectures and of features not asked for are absent. */
static void (*const handlers[])(struct vcpu *vcpu) = {
	[KVM_EXIT_UNKNOWN]		= exit_unknown,
	[KVM_EXIT_EXCEPTION]		= exit_exception,
	[KVM_EXIT_IO]			= exit_io,
	[KVM_EXIT_HYPERCALL]		= exit_hypercall,
	[KVM_EXIT_DEBUG]		= exit_debug,
	[KVM_EXIT_HLT]			= exit_hlt,
	[KVM_EXIT_MMIO]			= exit_mmio,
	[KVM_EXIT_IRQ_WINDOW_OPEN]	= exit_resume,
	[KVM_EXIT_SHUTDOWN]		= exit_shutdown,
	[KVM_EXIT_FAIL_ENTRY]		= exit_fail_entry,
	[KVM_EXIT_INTR]			= exit_resume,
	[KVM_EXIT_SET_TPR]		= exit_resume,
	[KVM_EXIT_TPR_ACCESS]		= exit_resume,
	[KVM_EXIT_NMI]			= exit_resume,
	[KVM_EXIT_INTERNAL_ERROR]	= exit_internal_error,
	[KVM_EXIT_SYSTEM_EVENT]		= exit_system_event,
	[KVM_EXIT_IOAPIC_EOI]		= exit_resume,
	[KVM_EXIT_X86_RDMSR]		= exit_msr,
	[KVM_EXIT_X86_WRMSR]		= exit_msr,
	[KVM_EXIT_X86_BUS_LOCK]		= exit_resume,
	[KVM_EXIT_NOTIFY]		= exit_notify,
};

void handle_exit(struct vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (reason < ARRAY_SIZE(handlers) &&
	    handlers[reason])
		handlers[reason](vcpu);
	else
		STOP_WITH_DUMP(vcpu, EXIT_INTERNAL,
			       "KVM_RUN came back with exit reason %u, unknown to vmrun",
			       reason);
}
