// SPDX-License-Identifier: GPL-2.0-only
/*
 * SeaBIOS from the reset vector to its boot prompt: firmware that others wrote,
 * 16-bit and 32-bit, with much real mode. "./seabios --emulator [--kind shadow]"
 * runs it in the emulator alone, which takes a minute or more.
 *
 * The machine is an i440FX that has a CMOS RAM, interrupt controllers and a PIT
 * in the kernel, and the debug port 0x402; nothing else answers.
 */
#include <getopt.h>
#include <sys/time.h>
#include "kvmtest.h"

KIND_SUITE(seabios)

#define BIOS		"bios.bin"
#define BIOS_SIZE	0x20000
#define LOW_MEM		0xa0000
#define RAM		0x1000000	/* 16 MiB */
#define DEBUG_PORT	0x402

static char text[65536];
static unsigned int text_len;
static u8 cmos_index;
static u32 pci_address;
static u8 pci_host[256] = {
	/* 8086:1237, with the PAM registers at 0x59 (440FX data sheet) */
	0x86, 0x80, 0x37, 0x12, 0, 0, 0, 0, 2, 0, 0, 6,
};

static u8 cmos(void)
{
	switch (cmos_index) {
	case 0x0a:		/* no update in progress */
		return 0x26;
	case 0x0b:
		return 0x02;
	case 0x0d:
		return 0x80;
	case 0x04:
	case 0x07:
	case 0x08:
	case 0x09:
		return 0x01;
	case 0x15:		/* 640 KiB */
		return 0x80;
	case 0x16:
		return 0x02;
	case 0x30:		/* above 1 MiB, in KiB */
	case 0x17:
		return (RAM - 0x100000) >> 10 & 0xff;
	case 0x31:
	case 0x18:
		return (RAM - 0x100000) >> 18;
	case 0x35:		/* above 16 MiB, in 64 KiB */
	case 0x34:
		return 0;
	case 0x3d:		/* boot order: disk */
		return 0x02;
	default:
		return 0;
	}
}

static void port_in(u16 port, u8 *data, unsigned int size)
{
	static u8 toggle;
	unsigned int reg;

	memset(data, 0xff, size);
	if (port == DEBUG_PORT) {
		*data = 0xe9;
	} else if (port == 0x71) {
		*data = cmos();
	} else if (port == 0x61) {
		/* the refresh bit that delays wait for */
		toggle ^= 0x10;
		*data = toggle | 0x20;
	} else if (port >= 0xcfc && port <= 0xcff &&
		   (pci_address & 0xffffff00) == 0x80000000) {
		reg = (pci_address & 0xfc) + (port & 3);
		if (reg + size <= sizeof(pci_host))
			memcpy(data, pci_host + reg, size);
	} else if (port == 0xcf8 && size == 4) {
		memcpy(data, &pci_address, 4);
	}
}

static void port_out(u16 port, const u8 *data, unsigned int size)
{
	unsigned int reg;

	if (port == DEBUG_PORT) {
		if (text_len < sizeof(text) - 1)
			text[text_len++] = *data;
	} else if (port == 0x70) {
		cmos_index = *data & 0x7f;
	} else if (port == 0xcf8 && size == 4) {
		memcpy(&pci_address, data, 4);
	} else if (port >= 0xcfc && port <= 0xcff &&
		   (pci_address & 0xffffff00) == 0x80000000) {
		reg = (pci_address & 0xfc) + (port & 3);
		if (reg >= 0x40 && reg + size <= sizeof(pci_host))
			memcpy(pci_host + reg, data, size);
	}
}

static struct vm *machine(unsigned int kind, bool forced)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	u64 addr = 0xfeffc000;
	char old[KVM_PARAM_MAX];
	struct vm *vm;
	u8 *high, *shadow;
	int fd;

	fd = open(BIOS, O_RDONLY);
	if (fd < 0)
		fd = open("/usr/share/seabios/" BIOS, O_RDONLY);
	if (fd < 0)
		skip_now("no %s of SeaBIOS", BIOS);
	if (!kvm_param("force_emulation", forced ? "1" : "0", old) && forced)
		skip_now("the emulator cannot be forced");
	vm = vm_new_bare(kind);
	kvm_param("force_emulation", old, NULL);
	require(!ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	require(!ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	require(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	require(!ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	/* all of the first MiB but the screen is RAM: nothing to unlock */
	vm_add_mem(vm, 0, 0, LOW_MEM, 0);
	shadow = vm_add_mem(vm, 1, 0xc0000, 0x40000, 0);
	vm_add_mem(vm, 2, 0x100000, RAM - 0x100000, 0);
	high = vm_add_mem(vm, 3, 0x100000000ull - BIOS_SIZE, BIOS_SIZE, 0);
	require(read(fd, high, BIOS_SIZE) == BIOS_SIZE);
	close(fd);
	memcpy(shadow + 0x20000, high, BIOS_SIZE);
	return vm;
}

/* Run until the text is there; false: it is not, after so many exits */
static bool run_until(struct vcpu *vcpu, const char *want)
{
	struct kvm_run *run = vcpu->run;
	unsigned long exits;
	unsigned int i;

	for (exits = 0; exits < 20000000; exits++) {
		int err = vcpu_run_raw(vcpu);

		if (err && err != EINTR)
			die("KVM_RUN: %s", strerror(err));
		if (err)
			return false;
		switch (run->exit_reason) {
		case KVM_EXIT_IO: {
			u8 *data = (u8 *)run + run->io.data_offset;

			for (i = 0; i < run->io.count; i++, data += run->io.size) {
				if (run->io.direction == KVM_EXIT_IO_IN)
					port_in(run->io.port, data, run->io.size);
				else
					port_out(run->io.port, data, run->io.size);
			}
			if (run->io.port == DEBUG_PORT && strstr(text, want))
				return true;
			break;
		}
		case KVM_EXIT_MMIO:
			if (!run->mmio.is_write)
				memset(run->mmio.data, 0xff, 8);
			break;
		default:
			fprintf(stderr, "# %s, rip 0x%llx\n", exit_name(run->exit_reason),
				vcpu_regs(vcpu).rip);
			return false;
		}
	}
	return false;
}

static void on_alarm(int sig)
{
}

static bool boots(unsigned int kind, bool forced, unsigned int seconds)
{
	struct itimerval limit = { .it_value.tv_sec = seconds };
	struct vm *vm = machine(kind, forced);
	struct vcpu *vcpu = vcpu_new_bare(vm, 0);
	bool done;

	/* what has been said is printed when the time is up */
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
	/* the reset state is that of a new vCPU */
	done = run_until(vcpu, "Press ESC for boot menu") &&
	       strstr(text, "SeaBIOS (version");
	if (!done || forced)
		printf("# %s\n# %lld instructions emulated\n", text,
		       (long long)stat_read(vcpu->fd, "insn_emulated"));
	vm_free(vm);
	return done;
}

TEST_F_TIMEOUT(seabios, boot_prompt, 200)
{
	EXPECT_TRUE(boots(variant->kind, false, 150));
}

static int by_hand(int argc, char **argv)
{
	static const struct option options[] = {
		{ "emulator", no_argument, NULL, 'e' },
		{ "kind", required_argument, NULL, 'k' },
		{ }
	};
	unsigned int kind = KVM_MMU_KIND_EPT;
	bool forced = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'e')
			forced = true;
		else if (c == 'k' && !strcmp(optarg, "shadow"))
			kind = KVM_MMU_KIND_SHADOW;
		else if (c != 'k')
			return 2;
	}
	return !boots(kind, forced, 3600);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return by_hand(argc, argv);
	return test_harness_run(argc, argv);
}
