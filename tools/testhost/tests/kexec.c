// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec load|crash KERNEL INITRD CMDLINE: load another kernel, for "kexec now"
 * or for a crash. kexec now: start it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "kexec: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int kernel, initrd;
	unsigned long flags;

	if (argc == 2 && !strcmp(argv[1], "now")) {
		reboot(LINUX_REBOOT_CMD_KEXEC);
		return fail("reboot");
	}
	if (argc != 5)
		return 2;
	flags = strcmp(argv[1], "crash") ? 0 : KEXEC_FILE_ON_CRASH;
	kernel = open(argv[2], O_RDONLY);
	initrd = open(argv[3], O_RDONLY);
	if (kernel < 0 || initrd < 0)
		return fail("open");
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1,
		    argv[4], flags))
		return fail("kexec_file_load");
	return 0;
}
