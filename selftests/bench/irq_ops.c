// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts, as irqs.c measures them: code that runs in the guest. All of it
 * is in x2APIC mode. Handlers are in assembler, so that little of what is
 * measured is the guest's own.
 */
#include "guest.h"
#include "irq_ops.h"

#define MSR_TSC_DEADLINE	0x6e0
#define X2APIC(off)		(0x800 + ((off) >> 4))
#define X2APIC_TPR		X2APIC(0x80)
#define X2APIC_SPIV		X2APIC(0xf0)
#define X2APIC_ICR		X2APIC(0x300)
#define X2APIC_LVTT		X2APIC(0x320)
#define X2APIC_LVT0		X2APIC(0x350)
#define X2APIC_SELF		X2APIC(0x3f0)
#define LVT_DEADLINE		(2u << 17)
#define LVT_MASKED		(1u << 16)

struct irq_bench irq_bench;

#define SAVE	"push %rax; push %rcx; push %rdx\n\t"
#define RESTORE	"pop %rdx; pop %rcx; pop %rax\n\t"
#define NOW	"rdtsc; shl $32, %rdx; or %rdx, %rax\n\t"
#define EOI	"mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr\n\t"

/* Offsets of struct irq_bench */
asm(".globl irq_at, irq_eoi, irq_pong\n"
	"irq_at:\n\t"
	SAVE NOW
	"mov %rax, irq_bench+8(%rip)\n\t"
	EOI
	"incq irq_bench+16(%rip)\n\t"
	RESTORE
	"iretq\n"
	"irq_eoi:\n\t"
	SAVE NOW
	"sub %rax, irq_bench+24(%rip)\n\t"
	EOI NOW
	"add %rax, irq_bench+24(%rip)\n\t"
	"incq irq_bench+16(%rip)\n\t"
	RESTORE
	"iretq\n"
	"irq_pong:\n\t"
	SAVE EOI
	"mov $0x830, %ecx; mov $0x40, %eax; xor %edx, %edx; wrmsr\n\t"
	RESTORE
	"iretq\n");

/* Until the next interrupt was handled; how often three instructions ran */
static inline u64 spin(u64 count)
{
	u64 turns = 0;

	asm volatile("1: inc %0; cmp %1, %2; je 1b"
		     : "+r"(turns) : "r"(count), "m"(irq_bench.count)
		     : "memory");
	return turns;
}

u64 irq_empty(u64 n)
{
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++)
		asm volatile("");
	return rdtsc() - t;
}

static u64 op_eoi(u64 n)
{
	irq_bench.eoi = 0;
	sti();
	for (u64 i = 0; i < n; i++) {
		u64 count = irq_bench.count;

		wrmsr(X2APIC_SELF, EOI_VECTOR);
		spin(count);
	}
	return irq_bench.eoi;
}

/*
 * The guest works until the deadline: what it could not do, from writing the
 * MSR to the handler, is the cost.
 */
#define AHEAD	20000

static u64 op_timer(u64 n)
{
	u64 cost = 0;

	wrmsr(X2APIC_LVTT, LVT_DEADLINE | IRQ_VECTOR);
	sti();
	for (u64 i = 0; i < n; i++) {
		u64 count = irq_bench.count, t = rdtsc(), turns;

		wrmsr(MSR_TSC_DEADLINE, t + AHEAD);
		turns = spin(count);
		cost += irq_bench.at - t - 3 * turns;
	}
	return cost;
}

/* How much later than it should a halted CPU is in the handler */
#define SLEEP	100000

static u64 op_hlt_timer(u64 n)
{
	u64 late = 0;

	wrmsr(X2APIC_LVTT, LVT_DEADLINE | IRQ_VECTOR);
	for (u64 i = 0; i < n; i++) {
		u64 deadline = rdtsc() + SLEEP;

		wrmsr(MSR_TSC_DEADLINE, deadline);
		asm volatile("sti; hlt; cli" : : : "memory");
		late += irq_bench.at - deadline;
	}
	return late;
}

static void peer_halts(void)
{
	wrmsr(X2APIC_SPIV, 0x1ff);
	irq_bench.ready = 1;
	for (;;)
		asm volatile("sti; hlt" : : : "memory");
}

/* There and back between two CPUs that halt: two wake-ups */
static u64 op_hlt_wake(u64 n)
{
	u64 t;

	cli();
	t = rdtsc();
	for (u64 i = 0; i < n / 2; i++) {
		u64 count = irq_bench.count;

		wrmsr(X2APIC_ICR, 1ull << 32 | PONG_VECTOR);
		while (irq_bench.count == count)
			asm volatile("sti; hlt; cli" : : : "memory");
	}
	return rdtsc() - t;
}

static void peer_spins(void)
{
	wrmsr(X2APIC_SPIV, 0x1ff);
	irq_bench.ready = 1;
	sti();
	for (;;)
		spin(irq_bench.count);
}

static u64 op_ipi(u64 n)
{
	u64 took = 0;

	for (u64 i = 0; i < n; i++) {
		u64 count = irq_bench.count, t = rdtsc();

		wrmsr(X2APIC_ICR, 1ull << 32 | IRQ_VECTOR);
		spin(count);
		took += irq_bench.at - t;
	}
	return took;
}

static u64 op_irqfd(u64 n)
{
	u64 count = irq_bench.count, end = count + n;

	sti();
	irq_bench.ready = 1;
	for (; count < end; count = irq_bench.count)
		spin(count);
	return 0;	/* the host knows better */
}

static u64 op_ioeventfd(u64 n)
{
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++)
		write32(NOTIFY_MMIO, 1);
	return rdtsc() - t;
}

static u64 op_ioeventfd_pio(u64 n)
{
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++)
		asm volatile("outl %%eax, %%dx"
			     : : "a"(1), "d"(NOTIFY_PORT) : "memory");
	return rdtsc() - t;
}

const struct irq_op irq_ops[] = {
	{ "eoi", 2000, op_eoi },
	{ "timer", 200, op_timer },
	{ "hlt_timer", 100, op_hlt_timer },
	{ "hlt_wake", 1000, op_hlt_wake, .peer = peer_halts },
	{ "ioeventfd", 2000, op_ioeventfd, .mmio = true, .loop = true },
	{ "ioeventfd_pio", 2000, op_ioeventfd_pio, .pio = true, .loop = true },
	{ "ipi", 1000, op_ipi, .peer = peer_spins, .host_cpus = 2 },
	{ "irqfd", 1000, op_irqfd, .irqfd = true, .host_cpus = 2 },
};

const unsigned int nr_irq_ops = ARRAY_SIZE(irq_ops);

/* As bench_guest() of ops.c; the first tenth is a rehearsal */
void irq_guest(u64 op)
{
	const struct irq_op *o = &irq_ops[op];
	u64 n = irq_bench.n, ticks;

	wrmsr(X2APIC_SPIV, 0x1ff);
	wrmsr(X2APIC_LVT0, LVT_MASKED);
	wrmsr(X2APIC_TPR, 0);
	while (o->peer && !irq_bench.ready)
		cpu_pause();
	if (!o->irqfd)
		o->run(n / 10);
	GUEST_SYNC(1);
	ticks = o->run(n);
	cli();
	GUEST_SYNC_ARGS(2, ticks, 0, 0, 0);
	GUEST_RETURN(o->loop ? irq_empty(n) : 0);
}
