// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O of single IN and OUT instructions, and taking user space's answers.
 */
#include "core/coalesced.h"
#include "core/emul.h"
#include "core/run.h"
#include "core/trace.h"
#include "vmx/vmx.h"
#include "x86/x86.h"

#define PIO_PAGE_OFFSET	PAGE_SIZE	/* of the vCPU's mmap */

static u32 port_mask(unsigned int size)
{
	return ~0u >> (32 - 8 * size);
}

static void set_rax(struct vcpu *vcpu, u32 value, unsigned int size)
{
	u64 mask = port_mask(size);

	value &= mask;
	/* a 32-bit result clears the upper half, smaller ones leave the rest */
	if (size < 4)
		vcpu->regs[GPR_RAX] = (vcpu->regs[GPR_RAX] & ~mask) | value;
	else
		vcpu->regs[GPR_RAX] = value;
}

static __always_inline void fill_pio(struct kvm_run *run, bool in, u16 port,
				     unsigned int size, u32 count)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = PIO_PAGE_OFFSET;
}

void io_refill_pio(struct vcpu *vcpu)
{
	struct vcpu_io *io = &vcpu->io;

	fill_pio(vcpu->run, io->in, io->port, io->size, io->count);
}

/**
 * io_exit_pio() - KVM_EXIT_IO
 * @vcpu: the vCPU; for an OUT the data is in the pio page
 * @in: direction
 * @port: port
 * @size: bytes of one item
 * @count: items
 *
 * Return: RUN_EXIT_USER.
 */
int io_exit_pio(struct vcpu *vcpu, bool in, u16 port, unsigned int size,
		u32 count)
{
	fill_pio(vcpu->run, in, port, size, count);
	vcpu->io.in = in;
	vcpu->io.port = port;
	vcpu->io.size = size;
	vcpu->io.count = count;
	vcpu->stats.pio_exits++;
	return RUN_EXIT_USER;
}

static __always_inline int ask_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size)
{
	/* user space may look at RIP, move it, or save the vCPU meanwhile */
	vcpu->io.rip = vcpu_rip(vcpu);
	vmx_insn_len(vcpu);
	vcpu->io.pending = in ? IO_PIO_IN : IO_PIO_OUT;
	return io_exit_pio(vcpu, in, port, size, 1);
}

int run_pio(struct vcpu *vcpu, bool in, u16 port, unsigned int size)
{
	u32 value = (u32)vcpu->regs[GPR_RAX] & port_mask(size);

	if (in) {
		value = 0;
		if (!io_bus_read(vcpu, &vcpu->vm->pio_bus, port, size, &value)) {
			trace_kvm_pio(TRACE_PIO_IN, port, size, 1, &value);
			set_rax(vcpu, value, size);
			return vmx_skip_insn(vcpu);
		}
	} else {
		trace_kvm_pio(TRACE_PIO_OUT, port, size, 1, &value);
		if (!io_bus_write(vcpu, &vcpu->vm->pio_bus, port, size, &value) ||
		    coalesced_write(vcpu, true, port, size, &value))
			return vmx_skip_insn(vcpu);
		*(u32 *)vcpu->pio_page = value;
	}
	return ask_user(vcpu, in, port, size);
}

bool pio_to_user(struct vcpu *vcpu, bool in, u16 port, unsigned int size)
{
	if (io_bus_claims(vcpu->vm, &vcpu->vm->pio_bus, port, size))
		return false;
	if (!in) {
		u32 *value = vcpu->pio_page;

		if (coalesced_claims(vcpu->vm, true, port, size))
			return false;
		*value = (u32)vcpu->regs[GPR_RAX] & port_mask(size);
		trace_kvm_pio(TRACE_PIO_OUT, port, size, 1, value);
	}
	ask_user(vcpu, in, port, size);
	return true;
}

bool pio_fast(struct vcpu *vcpu, u16 port, unsigned int size)
{
	u32 value = (u32)vcpu->regs[GPR_RAX] & port_mask(size);

	if (!io_bus_maybe_fast(&vcpu->vm->pio_bus, port) ||
	    !io_bus_write_fast(vcpu, &vcpu->vm->pio_bus, port, size, &value))
		return false;
	trace_kvm_pio(TRACE_PIO_OUT, port, size, 1, &value);
	return true;
}

static __always_inline int complete_pio(struct vcpu *vcpu, bool in)
{
	/* user space set another RIP: the instruction is none of ours any more */
	if (vcpu_rip(vcpu) != vcpu->io.rip)
		return RUN_RESUME;
	if (in) {
		u32 value = READ_ONCE(*(u32 *)vcpu->pio_page) &
			    port_mask(vcpu->io.size);

		trace_kvm_pio(TRACE_PIO_IN, vcpu->io.port, vcpu->io.size, 1, &value);
		set_rax(vcpu, value, vcpu->io.size);
	}
	return vmx_skip_insn(vcpu);
}

int io_exit_mmio(struct vcpu *vcpu)
{
	struct vcpu_io *io = &vcpu->io;
	struct io_fragment *f = &io->frags[io->cur];
	struct kvm_run *run = vcpu->run;
	bool write = !(io->reading && io->cur == io->nr - 1);

	io->pending = IO_EMUL_MMIO;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = f->gpa;
	run->mmio.len = f->len;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (write)
		memcpy(run->mmio.data, f->data, f->len);
	vcpu->stats.mmio_exits++;
	return RUN_EXIT_USER;
}

static int complete_mmio(struct vcpu *vcpu)
{
	struct vcpu_io *io = &vcpu->io;
	struct io_fragment *f = &io->frags[io->cur];

	if (io->reading && io->cur == io->nr - 1)
		memcpy(f->data, vcpu->run->mmio.data, f->len);
	if (++io->cur < io->nr)
		return io_exit_mmio(vcpu);
	return emul_resume(vcpu);
}

void io_hold_debug(struct vcpu *vcpu)
{
	struct vcpu_io *io = &vcpu->io;

	io->debug_held = true;
	io->debug_rip = vcpu_rip(vcpu);
	io->debug = vcpu->run->debug.arch;
}

/* The writes are handed out: a debugger's exit that waits for that */
static int then_debug(struct vcpu *vcpu, int ret)
{
	struct vcpu_io *io = &vcpu->io;

	if (likely(!io->debug_held) || ret != RUN_RESUME)
		return ret;
	io->debug_held = false;
	/* no debugger any more, or the guest is sent elsewhere */
	if (!vcpu->arch.guest_debug || vcpu_rip(vcpu) != io->debug_rip)
		return RUN_RESUME;
	vcpu->run->exit_reason = KVM_EXIT_DEBUG;
	vcpu->run->debug.arch = io->debug;
	return RUN_EXIT_USER;
}

int io_complete(struct vcpu *vcpu)
{
	u8 pending = vcpu->io.pending;

	vcpu->io.pending = IO_NONE;
	switch (pending) {
	case IO_NONE:
		return RUN_RESUME;
	case IO_PIO_IN:
		return complete_pio(vcpu, true);
	case IO_PIO_OUT:
		return complete_pio(vcpu, false);
	case IO_EMUL_PIO:
		return then_debug(vcpu, emul_resume(vcpu));
	case IO_EMUL_MMIO:
		return then_debug(vcpu, complete_mmio(vcpu));
	case IO_DEBUG:
		return then_debug(vcpu, RUN_RESUME);
	case IO_MOV_LOAD:
		return mmio_mov_complete(vcpu);
	case IO_HYPERCALL:
	case IO_EMUL_HYPERCALL:
		return hypercall_complete(vcpu, pending == IO_EMUL_HYPERCALL);
	case IO_RDMSR:
	case IO_WRMSR:
	case IO_EMUL_MSR:
		return msr_complete(vcpu, pending);
	}
	WARN_ON_ONCE(1);
	return RUN_RESUME;
}
