/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vmrun says on standard error and the status it exits with.
 */
#ifndef VMRUN_REPORT_H
#define VMRUN_REPORT_H

/*
 * Exit status.  The manual page documents each; 0 to EXIT_GUEST_MAX belong to
 * the guest (power-off, or the byte it wrote to the debug-exit port).
 */
enum exit_status {
	EXIT_POWEROFF		= 0,
	EXIT_GUEST_MAX		= 63,
	EXIT_USAGE		= 64,	/* EX_USAGE of <sysexits.h> */
	EXIT_IMAGE		= 65,	/* EX_DATAERR: kernel or initrd unusable */
	EXIT_HOST		= 71,	/* EX_OSERR: a call to the host failed */
	EXIT_REBOOT		= 80,
	EXIT_TRIPLE_FAULT	= 81,
	EXIT_INTERNAL		= 82,	/* KVM could not go on with the guest */
	EXIT_ENTRY_FAILED	= 83,	/* the CPU refused the guest's state */
	EXIT_HALTED		= 84,	/* HLT, and nothing can wake the guest */
	EXIT_CRASHED		= 85,	/* the guest said that it crashed */
	EXIT_TIMEOUT		= 86,
	EXIT_QUIT		= 87,	/* the user typed the escape sequence */
	EXIT_NOT_SEEN		= 88,	/* --expect text never appeared */
	EXIT_SAVED		= 89,	/* to the file of --save */
	EXIT_SIGNAL		= 128,	/* plus the signal's number */
};

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* One line on standard error, "vmrun: " put before it, newline put after. */
void say(const char *fmt, ...) PRINTF(1, 2);

/* As say(), when --verbose was given. */
void say_verbose(const char *fmt, ...) PRINTF(1, 2);
void set_verbose(int on);

/* A line as it is, without the prefix: register dumps and the like. */
void say_raw(const char *fmt, ...) PRINTF(1, 2);

/* Says it, restores the terminal and exits with @status. */
void die(enum exit_status status, const char *fmt, ...)
	PRINTF(2, 3) __attribute__((noreturn));

/*
 * A call to the host failed with errno: says what was being done (@fmt), why
 * it failed, and on a second line what the user may try (@hint, or NULL).
 */
void die_host(const char *hint, const char *fmt, ...)
	PRINTF(2, 3) __attribute__((noreturn));

/* A hint where KVM refused what it should not refuse */
#define SEE_DMESG "dmesg may tell more"

#endif
