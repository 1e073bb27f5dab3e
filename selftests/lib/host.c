// SPDX-License-Identifier: GPL-2.0-only
/* What a test asks of the host around KVM: its memory, its files, its knobs. */
#define SELFTEST_LIB
#include "kvmtest.h"
#include <dirent.h>
#include <sys/swap.h>

/* Value behind "name " in a file of lines; -1 where there is none */
static long file_value(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	char line[128];
	long value = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == ' ')
			value = atol(line + strlen(name));
	fclose(f);
	return value;
}

long mmu_stat(const char *name)
{
	DIR *d = opendir("/sys/kernel/debug/kvm");
	char path[300], mine[32];
	struct dirent *e;
	long v, sum = -1;

	if (!d)
		return -1;
	snprintf(mine, sizeof(mine), "%d-", getpid());
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, mine, strlen(mine)))
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s/mmu",
			 e->d_name);
		v = file_value(path, name);
		if (v >= 0)
			sum = (sum < 0 ? 0 : sum) + v;
	}
	closedir(d);
	return sum;
}

bool host_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

bool kvm_param(const char *name, const char *value, char *old)
{
	char path[128];
	int fd, n;

	snprintf(path, sizeof(path), "/sys/module/kvm/parameters/%s", name);
	if (old) {
		fd = open(path, O_RDONLY);
		if (fd < 0)
			return false;
		n = read(fd, old, KVM_PARAM_MAX - 1);
		close(fd);
		if (n < 0)
			return false;
		old[n] = 0;
	}
	return host_write(path, value);
}

void drop_tables(void)
{
	require(host_write("/proc/sys/vm/drop_caches", "2\n"));
}

bool swap_on(void)
{
	static const char dev[] = "/dev/zram0";
	u32 header[PAGE_4K / 4] = {};
	int fd;

	if (!swapon(dev, 0) || errno == EBUSY)
		return true;
	if (!host_write("/sys/block/zram0/disksize", "64M\n"))
		return false;
	fd = open(dev, O_RDWR);
	if (fd < 0)
		return false;
	header[256] = 1;			/* version */
	header[257] = (64 << 20) / PAGE_4K - 1;	/* last page */
	memcpy((char *)header + PAGE_4K - 10, "SWAPSPACE2", 10);
	require(write(fd, header, sizeof(header)) == sizeof(header));
	fsync(fd);
	close(fd);
	return !swapon(dev, 0) || errno == EBUSY;
}

bool host_huge(void *mem, u64 size)
{
	unsigned long from, to, kb = 0;
	char line[256], name[32];
	bool in = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	require(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %31s", &from, &to, name) == 3)
			in = from < (u64)mem + size && to > (u64)mem;
		if (in && sscanf(line, "AnonHugePages: %lu", &from) == 1)
			kb += from;
	}
	fclose(f);
	return kb * 1024 >= size;
}
