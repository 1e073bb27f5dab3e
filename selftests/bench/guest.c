// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of a Linux guest that is measured as a whole. After the
 * boot and after each piece of work it writes a line to the console,
 *
 *	bench: NAME TIMES TICKS
 *
 * and waits for a line from the host, who counts exits meanwhile. TICKS is by
 * the time-stamp counter, which for the boot began with the vCPU.
 *
 * With the argument "idle" nothing is done but to sleep for some seconds, which
 * are counted then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define FORKS	200
#define TURNS	2000
#define SIZE	(64ul << 20)
#define PAGE	4096ul
#define IDLE	10	/* seconds */

static void require(int ok, const char *what)
{
	if (ok)
		return;
	printf("bench: failed: %s\n", what);
	sleep(1);
	reboot(RB_AUTOBOOT);
}

static void tell(const char *name, unsigned long times,
		 unsigned long long ticks)
{
	char line[16];

	printf("bench: %s %lu %llu\n", name, times, ticks);
	fflush(stdout);
	tcdrain(1);
	require(read(0, line, sizeof(line)) > 0, "read");
}

static void forks(void)
{
	int status;
	pid_t pid;

	for (int i = 0; i < FORKS; i++) {
		pid = fork();
		if (!pid) {
			execl("/init", "init", "exit", NULL);
			_exit(1);
		}
		require(pid > 0 && waitpid(pid, &status, 0) == pid && !status,
			"fork");
	}
}

static void turns(void)
{
	int there[2], back[2];
	char c = 'x';
	pid_t pid;

	require(!pipe(there) && !pipe(back), "pipe");
	pid = fork();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			require(write(back[1], &c, 1) == 1, "write");
		_exit(0);
	}
	require(pid > 0, "fork");
	for (int i = 0; i < TURNS; i++)
		require(write(there[1], &c, 1) == 1 &&
			read(back[0], &c, 1) == 1, "ping-pong");
	close(there[0]);
	close(there[1]);
	waitpid(pid, NULL, 0);
	close(back[0]);
	close(back[1]);
}

static void touches(void)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(p != MAP_FAILED, "mmap");
	/* fails where there are no huge pages */
	madvise(p, SIZE, MADV_NOHUGEPAGE);
	for (unsigned long i = 0; i < SIZE; i += PAGE)
		*(volatile char *)(p + i) = 1;
	munmap(p, SIZE);
}

static void measure(const char *name, unsigned long times, void (*fn)(void))
{
	unsigned long long begin = __builtin_ia32_rdtsc();

	fn();
	tell(name, times, __builtin_ia32_rdtsc() - begin);
}

static void idle(void)
{
	sleep(IDLE);
}

int main(int argc, char **argv)
{
	unsigned long long boot = __builtin_ia32_rdtsc();
	struct termios t;

	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	require(!tcgetattr(0, &t), "tcgetattr");
	t.c_lflag &= ~ECHO;
	tcsetattr(0, TCSANOW, &t);
	if (argc > 1 && !strcmp(argv[1], "idle")) {
		/* let the kernel come to rest */
		sleep(2);
		tell("idle_boot", 1, boot);
		measure("idle_smp", IDLE, idle);
		reboot(RB_POWER_OFF);
		return 1;
	}
	tell("guest_boot", 1, boot);
	measure("guest_fork", FORKS, forks);
	measure("guest_pipe", TURNS, turns);
	measure("guest_mmap", SIZE / PAGE, touches);
	reboot(RB_POWER_OFF);
	return 1;
}
