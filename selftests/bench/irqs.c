// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqs [-c] [OP...]: what interrupts, timers and eventfds cost under the KVM
 * that is loaded. Output and -c as of bench.c; exits are those of all vCPUs.
 *
 * Operations between two CPUs that both run want two CPUs of the host, and are
 * left out where there is one; all others run on the first.
 */
#define SELFTEST_LIB
#include "run.h"
#include <stdatomic.h>
#include <sys/eventfd.h>
#include "irq_ops.h"

#define MSI_GSI		24
#define APIC_EN_X2	(1u << 11 | 1u << 10)

static void kick(int sig)
{
}

static int64_t exits(struct vm *vm)
{
	int64_t sum = 0;

	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		int fd = vm->vcpus[i]->fd;

		if (stat_read(fd, "fast_exits") < 0)
			return -1;
		sum += stat_read(fd, "entries") + stat_read(fd, "fast_exits");
	}
	return sum;
}

static void *run_peer(void *arg)
{
	struct vcpu *vcpu = arg;

	pin_to_cpu(nr_cpus() > 1 ? 1 : 0);
	if (!ioctl(vcpu->fd, KVM_RUN, 0ul))
		die("vCPU 1: exit %s", exit_name(vcpu->run->exit_reason));
	require(errno == EINTR);
	return NULL;
}

/* In x2APIC mode and with a TSC deadline */
static struct vcpu *new_vcpu(struct vm *vm, unsigned int id, void *fn)
{
	static struct kvm_cpuid2 *cpuid;
	struct vcpu *vcpu = vcpu_new(vm, id, fn);
	struct kvm_mp_state state = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs s;

	if (!cpuid) {
		cpuid = kvm_supported_cpuid();
		cpuid_entry(cpuid, 1, 0)->ecx |= 1u << 24 | 1u << 21;
	}
	require(!ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid));
	s = vcpu_sregs(vcpu);
	s.apic_base |= APIC_EN_X2;
	vcpu_set_sregs(vcpu, &s);
	require(!ioctl(vcpu->fd, KVM_SET_MP_STATE, &state));
	return vcpu;
}

static int add_ioeventfd(struct vm *vm, bool mmio)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct kvm_ioeventfd args = {
		.addr = mmio ? NOTIFY_MMIO : NOTIFY_PORT,
		.len = 4,
		.fd = fd,
		.flags = mmio ? 0 : KVM_IOEVENTFD_FLAG_PIO,
	};

	require(fd >= 0 && !ioctl(vm->fd, KVM_IOEVENTFD, &args));
	return fd;
}

static int add_irqfd(struct vm *vm)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct kvm_irqfd args = {
		.fd = fd,
		.gsi = MSI_GSI,
	};
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = MSI_GSI,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000,
				   .data = IRQ_VECTOR },
		},
	};

	require(!ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routing));
	require(fd >= 0 && !ioctl(vm->fd, KVM_IRQFD, &args));
	return fd;
}

static u64 tsc_offset(struct vcpu *vcpu)
{
	u64 offset;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (u64)&offset,
	};

	require(!ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr));
	return offset;
}

struct signaller {
	struct vm *vm;
	u64 offset;		/* of the guest's TSC */
	u64 ticks;
	int fd;
	atomic_bool there;
};

/* From the write to the guest's handler, which runs on the other CPU */
static void *signal_irqfd(void *arg)
{
	struct signaller *s = arg;
	struct irq_bench *b = guest_var(s->vm, irq_bench);
	u64 one = 1;

	pin_to_cpu(1);
	s->there = true;
	while (!b->ready)
		;
	for (u64 i = 0; i < b->n; i++) {
		u64 count = b->count, t = rdtsc();

		require(write(s->fd, &one, sizeof(one)) == sizeof(one));
		while (b->count == count)
			;
		s->ticks += b->at - s->offset - t;
	}
	return NULL;
}

static void measure(unsigned int op, unsigned int kind, const char *name,
		    bool count)
{
	const struct irq_op *o = &irq_ops[op];
	struct vm *vm = vm_new(kind);
	struct signaller s = { .vm = vm, .fd = -1 };
	pthread_t peer = 0, signaller = 0;
	struct vcpu *vcpu;
	int64_t before;
	int fd = -1;
	u64 ticks;

	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vcpu = new_vcpu(vm, 0, irq_guest);
	if (o->peer)
		new_vcpu(vm, 1, o->peer);
	set_gate(vm, IRQ_VECTOR, irq_at);
	set_gate(vm, EOI_VECTOR, irq_eoi);
	set_gate(vm, PONG_VECTOR, irq_pong);
	guest_var(vm, irq_bench)->n = o->n;
	vcpu_args(vcpu, 1, (u64)op);
	if (o->mmio || o->pio)
		fd = add_ioeventfd(vm, o->mmio);
	if (o->irqfd)
		s.fd = add_irqfd(vm);
	if (o->peer)
		peer = vcpu_thread(vm->vcpus[1], run_peer);

	run_to_ucall(vcpu, false);
	if (o->irqfd) {
		s.offset = tsc_offset(vcpu);
		require(!pthread_create(&signaller, NULL, signal_irqfd, &s));
		/* it begins here, where a guest that runs would keep it waiting */
		while (!s.there)
			sched_yield();
	}
	before = count ? exits(vm) : -1;
	run_to_ucall(vcpu, false);
	ticks = vcpu->uc[1];
	if (o->irqfd) {
		pthread_join(signaller, NULL);
		ticks = s.ticks;
	}
	printf("{\"op\": \"%s\", \"kind\": \"%s\"", o->name, name);
	if (before >= 0)
		printf(", \"exits\": %.2f",
		       (double)(exits(vm) - before) / o->n);
	run_to_ucall(vcpu, false);
	if (!count)
		printf(", \"ticks\": %.1f",
		       (double)(ticks - vcpu->uc[0]) / o->n);
	printf("}\n");
	fflush(stdout);
	if (o->peer)
		vcpu_stop(vm->vcpus[1], peer);
	vm_free(vm);
	close(fd);
	close(s.fd);
}

int main(int argc, char **argv)
{
	static const unsigned int kinds[] = {
		KVM_MMU_KIND_EPT, KVM_MMU_KIND_SHADOW };
	int first = argc > 1 && !strcmp(argv[1], "-c") ? 2 : 1;

	signal(SIGUSR1, kick);
	pin_to_cpu(0);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!mmu_kind_available(kinds[k]))
			continue;
		for (unsigned int i = 0; i < nr_irq_ops; i++) {
			bool wanted = first >= argc;

			for (int a = first; a < argc; a++)
				wanted |= !strcmp(argv[a], irq_ops[i].name);
			if (wanted &&
			    nr_cpus() >= (int)irq_ops[i].host_cpus)
				measure(i, kinds[k], mmu_kind_name(kinds[k]),
					first == 2);
		}
	}
	return 0;
}
