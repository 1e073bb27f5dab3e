// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: the fields that decoders of KVM's events know, and that events
 * come when things happen.
 */
#include "kvmtest.h"
#include <sys/mount.h>

#define TRACING	"/sys/kernel/tracing"

/* Field by field, in order, as in the format files of Linux 6.1 */
static const struct {
	const char *event, *fields;
} events[] = {
	{ "kvm_entry", "unsigned int vcpu_id;unsigned long rip;"
	  "bool immediate_exit;" },
	{ "kvm_exit", "unsigned int exit_reason;unsigned long guest_rip;"
	  "u32 isa;u64 info1;u64 info2;u32 intr_info;u32 error_code;"
	  "unsigned int vcpu_id;" },
	{ "kvm_pio", "unsigned int rw;unsigned int port;unsigned int size;"
	  "unsigned int count;unsigned int val;" },
	{ "kvm_mmio", "u32 type;u32 len;u64 gpa;u64 val;" },
	{ "kvm_page_fault", "unsigned int vcpu_id;unsigned long guest_rip;"
	  "u64 fault_address;u64 error_code;" },
	{ "kvm_inj_virq", "unsigned int vector;bool soft;bool reinjected;" },
	{ "kvm_inj_exception", "u8 exception;u8 has_error;u32 error_code;"
	  "bool reinjected;" },
	{ "kvm_msr", "unsigned write;u32 ecx;u64 data;u8 exception;" },
	{ "kvm_cr", "unsigned int rw;unsigned int cr;unsigned long val;" },
	{ "kvm_cpuid", "unsigned int function;unsigned int index;"
	  "unsigned long rax;unsigned long rbx;unsigned long rcx;"
	  "unsigned long rdx;bool found;bool used_max_basic;" },
	{ "kvm_hypercall", "unsigned long nr;unsigned long a0;"
	  "unsigned long a1;unsigned long a2;unsigned long a3;" },
	{ "kvm_emulate_insn", "__u64 rip;__u32 csbase;__u8 len;__u8 insn[15];"
	  "__u8 flags;__u8 failed;" },
	{ "kvm_userspace_exit", "__u32 reason;int errno;" },
	{ "kvm_vcpu_wakeup", "__u64 ns;bool waited;bool valid;" },
	{ "kvm_set_irq", "unsigned int gsi;int level;int irq_source_id;" },
	{ "kvm_pic_set_irq", "__u8 chip;__u8 pin;__u8 elcr;__u8 imr;"
	  "bool coalesced;" },
	{ "kvm_ioapic_set_irq", "__u64 e;int pin;bool coalesced;" },
	{ "kvm_msi_set_irq", "__u64 address;__u64 data;" },
	{ "kvm_ack_irq", "unsigned int irqchip;unsigned int pin;" },
	{ "kvm_apic", "unsigned int rw;unsigned int reg;u64 val;" },
	{ "kvm_apic_ipi", "__u32 icr_low;__u32 dest_id;" },
	{ "kvm_apic_accept_irq", "__u32 apicid;__u16 dm;__u16 tm;__u8 vec;" },
	{ "kvm_eoi", "__u32 apicid;int vector;" },
};

static bool have_tracing(void)
{
	if (access(TRACING "/events", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	return !access(TRACING "/events/kvm", F_OK);
}

static void put(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACING "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	require(fd >= 0);
	require(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static char *get(const char *file)
{
	static char text[1 << 20];
	char path[128];
	size_t size = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), TRACING "/%s", file);
	fd = open(path, O_RDONLY);
	require(fd >= 0);
	while ((n = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += n;
	text[size] = 0;
	close(fd);
	return text;
}

/* "type name;" of each field that is not common to all events */
static void collect_fields(const char *format, char *out, size_t size)
{
	const char *line = format, *end;

	*out = 0;
	while ((line = strstr(line, "\tfield:"))) {
		line += strlen("\tfield:");
		end = strchr(line, ';');
		require(end);
		if (!memmem(line, end - line, " common_", 8))
			snprintf(out + strlen(out), size - strlen(out), "%.*s;",
				 (int)(end - line), line);
		line = end;
	}
}

TEST(fields)
{
	char fields[1024], path[64];

	if (!have_tracing())
		skip_test("the host kernel has no tracefs with events");
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), "events/kvm/%s/format",
			 events[i].event);
		collect_fields(get(path), fields, sizeof(fields));
		/* later kernels append fields, and so may we */
		EXPECT_EQ(0, strncmp(fields, events[i].fields,
				     strlen(events[i].fields))) {
			TH_LOG("%s: %s", events[i].event, fields);
		}
	}
}

GUEST_SUITE(trace)

static void guest_events(void)
{
	u32 a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	asm volatile("outb %%al, $0x80" : : "a"(0x42));
	*(volatile u32 *)0xd0000000 = 0x12345678;
	asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(0x1b));
	GUEST_DONE();
}

TEST_F(trace, events)
{
	static const char * const wanted[] = {
		"kvm_entry: vcpu 0, rip 0x",
		"kvm_exit: vcpu 0 reason CPUID rip 0x",
		"kvm_cpuid: func 0 idx 0 rax ",
		"kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x",
		"kvm_pio: pio_write at 0x80 size 1 count 1 val 0x42 ",
		"kvm_userspace_exit: reason KVM_EXIT_IO (2)",
		"kvm_mmio: mmio write len 4 gpa 0xd0000000 val 0x12345678",
		"kvm_userspace_exit: reason KVM_EXIT_MMIO (6)",
		"kvm_exit: vcpu 0 reason MSR_READ rip 0x",
		"kvm_msr: msr_read 1b = 0x",
	};
	const char *at;

	if (!have_tracing())
		skip_test("the host kernel has no tracefs with events");
	put("trace", "\n");
	put("events/kvm/enable", "1");
	vcpu_set_entry(self->vcpu, guest_events);
	expect_pio(self->vcpu, 0x80, true, 1, 1);
	expect_mmio(self->vcpu, 0xd0000000, true, 4);
	expect_done(self->vcpu);
	put("events/kvm/enable", "0");
	at = get("trace");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *found = strstr(at, wanted[i]);

		EXPECT_NE(NULL, found) {
			TH_LOG("%s", wanted[i]);
		}
		if (found)
			at = found;
	}
}

TEST_HARNESS_MAIN
