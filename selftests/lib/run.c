// SPDX-License-Identifier: GPL-2.0-only
/* Running vCPUs and judging how KVM_RUN ended. */
#define SELFTEST_LIB
#include "kvmtest.h"
#include <dirent.h>

static const char * const exit_names[] = {
	[KVM_EXIT_UNKNOWN] = "UNKNOWN",
	[KVM_EXIT_EXCEPTION] = "EXCEPTION",
	[KVM_EXIT_IO] = "IO",
	[KVM_EXIT_HYPERCALL] = "HYPERCALL",
	[KVM_EXIT_DEBUG] = "DEBUG",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_MMIO] = "MMIO",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
	[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
	[KVM_EXIT_INTR] = "INTR",
	[KVM_EXIT_SET_TPR] = "SET_TPR",
	[KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
	[KVM_EXIT_NMI] = "NMI",
	[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
	[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
	[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	[KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
	[KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
	[KVM_EXIT_DIRTY_RING_FULL] = "DIRTY_RING_FULL",
	[KVM_EXIT_X86_BUS_LOCK] = "X86_BUS_LOCK",
};

const char *exit_name(u32 reason)
{
	static char buf[16];

	if (reason < ARRAY_SIZE(exit_names) &&
	    exit_names[reason])
		return exit_names[reason];
	snprintf(buf, sizeof(buf), "%u", reason);
	return buf;
}

int vcpu_run_raw(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_RUN, 0ul) ? errno : 0;
}

void vcpu_complete_exit(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	require(vcpu_run_raw(vcpu) == EINTR);
	vcpu->run->immediate_exit = 0;
}

u32 vcpu_run_any(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r;
	int err;

	for (;;) {
		vcpu->uc_cmd = UCALL_NONE;
		err = vcpu_run_raw(vcpu);
		if (err)
			die("KVM_RUN: %s (rip 0x%llx)", strerror(err),
			    vcpu_regs(vcpu).rip);
		if (run->exit_reason != KVM_EXIT_IO ||
		    run->io.port != UCALL_PORT ||
		    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4)
			return run->exit_reason;
		r = vcpu_regs(vcpu);
		vcpu->uc_cmd = *(u32 *)((char *)run + run->io.data_offset);
		vcpu->uc[0] = r.rdi;
		vcpu->uc[1] = r.rsi;
		vcpu->uc[2] = r.rcx;
		vcpu->uc[3] = r.r8;
		vcpu->uc[4] = r.r9;
		if (vcpu->uc_cmd != UCALL_PRINT)
			return run->exit_reason;
		/* Texts of the guest are at the same address here */
		fputs("# guest: ", stderr);
		fprintf(stderr, (char *)r.rdi, r.rsi, r.rcx, r.r8);
		fputc('\n', stderr);
	}
}

u32 vcpu_run(struct vcpu *vcpu)
{
	u32 reason = vcpu_run_any(vcpu);

	if (vcpu->uc_cmd == UCALL_ASSERT)
		die_at((char *)vcpu->uc[0], vcpu->uc[1],
		       "guest: %s: 0x%lx, 0x%lx", (char *)vcpu->uc[2],
		       vcpu->uc[3], vcpu->uc[4]);
	if (vcpu->uc_cmd == UCALL_EXCEPTION)
		die("guest: unexpected exception %lu, error 0x%lx, rip 0x%lx, cr2 0x%lx, rsp 0x%lx",
		    vcpu->uc[0], vcpu->uc[1], vcpu->uc[2], vcpu->uc[3],
		    vcpu->uc[4]);
	return reason;
}

/* What there is to say about an exit nobody wanted */
static void unexpected(struct vcpu *vcpu, const char *wanted)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r = vcpu_regs(vcpu);
	char more[256] = "";

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (vcpu->uc_cmd)
			snprintf(more, sizeof(more), ": ucall %lu (0x%lx)",
				 vcpu->uc_cmd, vcpu->uc[0]);
		else
			snprintf(more, sizeof(more), ": %s port 0x%x size %u count %u",
				 run->io.direction ? "out" : "in",
				 run->io.port, run->io.size, run->io.count);
		break;
	case KVM_EXIT_MMIO:
		snprintf(more, sizeof(more), ": %s 0x%llx len %u",
			 run->mmio.is_write ? "write" : "read",
			 run->mmio.phys_addr, run->mmio.len);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(more, sizeof(more), ": hardware reason 0x%llx",
			 run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(more, sizeof(more), ": suberror %u, %u words, 0x%llx 0x%llx 0x%llx",
			 run->internal.suberror, run->internal.ndata,
			 run->internal.data[0], run->internal.data[1],
			 run->internal.data[2]);
		break;
	case KVM_EXIT_UNKNOWN:
		snprintf(more, sizeof(more), ": hardware reason 0x%llx",
			 run->hw.hardware_exit_reason);
		break;
	}
	die("expected %s, got exit %s%s (rip 0x%llx)", wanted,
	    exit_name(run->exit_reason), more, r.rip);
}

void expect_exit(struct vcpu *vcpu, u32 reason)
{
	if (vcpu_run(vcpu) != reason || vcpu->uc_cmd)
		unexpected(vcpu, exit_name(reason));
}

void expect_sync(struct vcpu *vcpu, u64 stage)
{
	char text[40];

	vcpu_run(vcpu);
	if (vcpu->uc_cmd != UCALL_SYNC || vcpu->uc[0] != stage) {
		snprintf(text, sizeof(text), "sync 0x%lx", stage);
		unexpected(vcpu, text);
	}
}

u64 expect_done(struct vcpu *vcpu)
{
	vcpu_run(vcpu);
	if (vcpu->uc_cmd != UCALL_DONE)
		unexpected(vcpu, "the end of the guest");
	return vcpu->uc[0];
}

void *expect_pio(struct vcpu *vcpu, u16 port, bool out, unsigned int size,
		 unsigned int count)
{
	struct kvm_run *run = vcpu->run;
	char text[64];

	snprintf(text, sizeof(text), "%s port 0x%x size %u count %u",
		 out ? "out" : "in", port, size, count);
	if (vcpu_run(vcpu) != KVM_EXIT_IO || vcpu->uc_cmd ||
	    run->io.port != port || run->io.direction != out ||
	    run->io.size != size || run->io.count != count)
		unexpected(vcpu, text);
	return (char *)run + run->io.data_offset;
}

void *expect_mmio(struct vcpu *vcpu, u64 gpa, bool write, unsigned int len)
{
	struct kvm_run *run = vcpu->run;
	char text[64];

	snprintf(text, sizeof(text), "mmio %s 0x%lx len %u",
		 write ? "write" : "read", gpa, len);
	if (vcpu_run(vcpu) != KVM_EXIT_MMIO || run->mmio.phys_addr != gpa ||
	    run->mmio.is_write != write || run->mmio.len != len)
		unexpected(vcpu, text);
	return run->mmio.data;
}

void expect_exception(struct vcpu *vcpu, unsigned int vector)
{
	char text[40];

	vcpu_run_any(vcpu);
	if (vcpu->uc_cmd != UCALL_EXCEPTION || vcpu->uc[0] != vector) {
		snprintf(text, sizeof(text), "guest exception %u", vector);
		unexpected(vcpu, text);
	}
}

u64 guest_run(unsigned int kind, void *fn)
{
	struct vm *vm = vm_new(kind);
	struct vcpu *vcpu = vcpu_new(vm, 0, fn);
	u64 r = expect_done(vcpu);

	vm_free(vm);
	return r;
}

pthread_t vcpu_thread(struct vcpu *vcpu, void *(*fn)(void *))
{
	pthread_t t;

	require(!pthread_create(&t, NULL, fn, vcpu));
	return t;
}

atomic_int vcpus_not_done;

static void *run_to_done(void *arg)
{
	expect_done(arg);
	vcpus_not_done--;
	return NULL;
}

pthread_t vcpu_thread_done(struct vcpu *vcpu)
{
	vcpus_not_done++;
	return vcpu_thread(vcpu, run_to_done);
}

static void on_signal(int sig)
{
}

static void *run_until_stopped(void *arg)
{
	int err;

	/* a CPU that waits for INIT ends KVM_RUN with EAGAIN when it had one */
	do {
		err = vcpu_run_raw(arg);
	} while (err == EAGAIN);
	require(!err || err == EINTR);
	return NULL;
}

pthread_t vcpu_start(struct vcpu *vcpu)
{
	signal(SIGUSR1, on_signal);
	return vcpu_thread(vcpu, run_until_stopped);
}

void vcpu_stop(struct vcpu *vcpu, pthread_t t)
{
	vcpu->run->immediate_exit = 1;
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	vcpu->run->immediate_exit = 0;
}

void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	require(!sched_setaffinity(0, sizeof(set), &set));
}

int nr_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* ---- probes -------------------------------------------------------------- */

void probe_init(struct vcpu *vcpu, int bits)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.idt.base = bits == 64 ? G_IDT_PROBE64 : G_IDT_PROBE32;
	s.idt.limit = 32 * (bits == 64 ? 16 : 8) - 1;
	vcpu_set_sregs(vcpu, &s);
}

struct probe_result probe(struct vcpu *vcpu, const char *insn, u64 addr,
			  u64 value)
{
	struct probe_result p = { .vector = -1 };
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r = {
		.rip = (u64)insn,
		.rsp = G_STACK(vcpu->id),
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IOPL,
		.rbx = addr,
		.rcx = addr,
		.rax = value,
		.rdx = value >> 32,
	};
	u64 stack[3];
	struct kvm_sregs s;

	/* An exception has left it at CPL 0 */
	if (vcpu->ring3 && !(vcpu_sregs(vcpu).cs.selector & 3))
		vcpu_set_ring3(vcpu);
	vcpu_set_regs(vcpu, &r);
	if (vcpu_run_any(vcpu) != KVM_EXIT_IO || vcpu->uc_cmd ||
	    (run->io.port != PROBE_DONE && run->io.port != PROBE_EXC))
		unexpected(vcpu, "the end of a probe");
	r = vcpu_regs(vcpu);
	p.value = r.rax;
	if (run->io.port == PROBE_DONE)
		return p;
	s = vcpu_sregs(vcpu);
	if (s.efer & EFER_LMA) {
		memcpy(stack, vm_hva(vcpu->vm, r.rsp), sizeof(stack));
	} else {
		u32 *sp = vm_hva(vcpu->vm, (u32)r.rsp);

		for (int i = 0; i < 3; i++)
			stack[i] = sp[i];
	}
	p.vector = stack[0];
	p.cr2 = s.cr2;
	if (vec_has_error(p.vector)) {
		p.error = stack[1];
		p.rip = stack[2];
	} else {
		p.rip = stack[1];
	}
	return p;
}

void probe_pt_set(struct vcpu *vcpu, struct pt *pt, u64 gva, int level,
		  u64 entry)
{
	bool is64 = vcpu_sregs(vcpu).efer & EFER_LMA;
	u64 at = pt_entry_gpa(pt, gva, level);
	struct probe_result p;

	p = probe(vcpu, is64 ? probe64_write : probe32_write, at, entry);
	require(p.vector < 0);
	if (!is64 && pt->mode == PT_PAE) {
		p = probe(vcpu, probe32_write, at + 4, entry >> 32);
		require(p.vector < 0);
	}
	p = probe(vcpu, is64 ? probe64_invlpg : probe32_invlpg, gva, 0);
	require(p.vector < 0);
}

/* ---- health -------------------------------------------------------------- */

/* "findings: N" of one audit file; -1 where there is none */
static int audit_file(const char *path)
{
	char line[256];
	int found = -1;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		sscanf(line, "findings: %d", &found);
	if (found > 0) {
		rewind(f);
		while (fgets(line, sizeof(line), f))
			fprintf(stderr, "# audit: %s", line);
	}
	fclose(f);
	return found;
}

int kvm_audit(void)
{
	static const char dir[] = "/sys/kernel/debug/kvm";
	char path[512];
	struct dirent *e;
	int found = audit_file("/sys/kernel/debug/kvm/audit");
	DIR *d;

	if (found >= 0)
		return found;
	d = opendir(dir);
	if (!d)
		return 0;
	found = 0;
	while ((e = readdir(d))) {
		int n;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/audit", dir, e->d_name);
		n = audit_file(path);
		if (n > 0)
			found += n;
	}
	closedir(d);
	return found;
}

int64_t stat_read(int fd, const char *name)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc *d;
	int64_t value = -1;
	int sfd = ioctl(fd, KVM_GET_STATS_FD, NULL);

	if (sfd < 0)
		return -1;
	require(pread(sfd, &h, sizeof(h), 0) == sizeof(h));
	d = malloc(sizeof(*d) + h.name_size);
	require(d);
	for (u32 i = 0; i < h.num_desc; i++) {
		size_t size = sizeof(*d) + h.name_size;

		require(pread(sfd, d, size, h.desc_offset + i * size) ==
			(ssize_t)size);
		if (!strcmp(d->name, name)) {
			require(pread(sfd, &value, sizeof(value),
				      h.data_offset + d->offset) ==
				sizeof(value));
			break;
		}
	}
	free(d);
	close(sfd);
	return value;
}
