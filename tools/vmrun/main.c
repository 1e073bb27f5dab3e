// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmrun boots a guest on KVM and gives it a terminal.
 *
 *	main thread		one thread for each vCPU
 *	-----------		------------------------
 *	options, VM, tables
 *	event loop: keyboard,	KVM_RUN, exits.c -> bus.c -> a device
 *	timers, signals
 *	      ^                             |
 *	      +----- request_stop() --------+
 *	joins the vCPUs, gives the terminal back, reports
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "array.h"
#include "console.h"
#include "firmware.h"
#include "layout.h"
#include "loop.h"
#include "options.h"
#include "power.h"
#include "rtc.h"
#include "serial.h"
#include "snapshot.h"
#include "stats.h"
#include "stop.h"
#include "term.h"
#include "vcpu.h"
#include "vm.h"

static int signal_fd = -1;
static const char *save_file;

/* The shell gets its terminal back for as long as vmrun is stopped. */
static void suspend(void)
{
	bool was_raw = term_is_raw();

	term_restore();
	raise(SIGSTOP);
	if (was_raw)
		term_make_raw();
}

static void signal_arrived(void *opaque)
{
	struct signalfd_siginfo info;

	(void)opaque;
	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTSTP) {
		suspend();
		return;
	}
	if (info.ssi_signo == SIGCONT) {
		/* The shell has set the terminal to its own liking. */
		if (term_is_raw())
			term_make_raw();
		return;
	}
	if (info.ssi_signo == SIGUSR2) {
		request_stop(EXIT_SAVED, "saved to %s", save_file);
		return;
	}
	request_stop(EXIT_SIGNAL + (int)info.ssi_signo, "stopped by %s",
		     strsignal((int)info.ssi_signo));
}

/* Before any thread exists, so that all of them inherit the mask. */
static void catch_signals(void)
{
	static const int wanted[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT,
	};
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&set, wanted[i]);
	if (save_file)
		sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A console without a reader is no reason to end the guest. */
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die_host(NULL, "creating a signalfd");
	loop_watch_fd(signal_fd, signal_arrived, NULL);
}

static void time_is_up(void *opaque)
{
	const struct options *options = opaque;

	if (options->save)
		request_stop(EXIT_SAVED, "saved to %s", options->save);
	request_stop(EXIT_TIMEOUT, "time limit of %u s reached",
		     options->timeout);
}

static void load_guest(struct vm *vm, const struct options *options,
		       struct entry_state *entry)
{
	struct firmware_config firmware = {
		.ncpus = vm->ncpus, .hypervisor = vm->hypervisor,
	};
	struct boot_config boot = {
		.format = options->format,
		.append = options->append,
		.load = options->load,
	};

	blob_open(&boot.kernel, "kernel", options->kernel);
	if (options->initrd)
		blob_open(&boot.initrd, "initrd", options->initrd);
	boot.acpi_rsdp = firmware_write(&vm->memory, &firmware);
	boot_load(&vm->memory, &boot, entry);
	blob_close(&boot.kernel);
	if (options->initrd)
		blob_close(&boot.initrd);
}

static struct irq_line irq_line(unsigned int gsi)
{
	return (struct irq_line){ .set = vm_set_irq, .gsi = gsi };
}

static struct devices add_devices(struct vm *vm)
{
	struct devices devices = {
		.serial = serial_create(irq_line(GSI_SERIAL),
					console_serial_host()),
		.rtc = rtc_create(irq_line(GSI_RTC)),
	};

	serial_attach(devices.serial, &vm->ports, PORT_SERIAL);
	rtc_attach(devices.rtc, &vm->ports);
	power_attach(&vm->ports, irq_line(GSI_ACPI));
	return devices;
}

/* The VM is as large as the one in the file. */
static void begin_restore(struct snapshot *file, struct options *options)
{
	struct snapshot_config config;

	snapshot_open(file, options->restore, &config);
	options->cpus = config.ncpus;
	options->memory = config.memory_size;
	options->irqchip = config.irqchip;
}

/* The status of a good end is only as good as what was expected of it. */
static int report_end(const struct options *options)
{
	int status = stop_status();

	say("%s", stop_reason());
	if (status == EXIT_POWEROFF && !console_expect_seen()) {
		say("but '%s' did not appear on the console",
		    options->expect);
		return EXIT_NOT_SEEN;
	}
	return status;
}

static void start_timeout(struct options *options)
{
	if (!options->timeout)
		return;
	loop_timer_set(loop_timer(time_is_up, options),
		       now_ns() + options->timeout * NSEC_PER_SEC);
}

int main(int argc, char **argv)
{
	struct console_options console = { .power_button = power_button };
	struct options options;
	struct entry_state entry;
	struct devices devices;
	struct snapshot file;
	static struct vm vm;
	int status;

	options_parse(&options, argc, argv);
	set_verbose(options.verbose);
	stop_init();
	save_file = options.save;
	if (options.restore)
		begin_restore(&file, &options);
	vm_create(&vm, &(struct vm_config){
		.device = options.device, .ncpus = options.cpus,
		.mmu_kind = options.mmu_kind, .irqchip = options.irqchip,
		.memory_size = options.memory,
	});
	vm.save = options.save;
	if (!options.restore)
		load_guest(&vm, &options, &entry);
	vcpus_create(&vm, options.restore ? NULL : &entry);
	devices = add_devices(&vm);
	if (options.restore)
		snapshot_restore(&file, &vm, &devices);
	catch_signals();
	console.expect = options.expect;
	console_start(devices.serial, &console);
	start_timeout(&options);
	vcpus_start(&vm);

	loop_run();

	vcpus_join(&vm);
	if (stop_status() == EXIT_SAVED)
		snapshot_save(options.save, &vm, &devices);
	console_flush();
	term_restore();
	status = report_end(&options);
	if (options.stats)
		stats_show(&vm, options.stats, options.stats_file);
	return status;
}
