// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_STATS_FD: the format, and that what is counted is what happened */
#include "kvmtest.h"

GUEST_SUITE(statistics)

struct stats {
	struct kvm_stats_header h;
	char id[64];
	u8 *descs;
	size_t desc_size, data_size;
};

static void read_at(int fd, void *buf, size_t size, off_t off)
{
	require(pread(fd, buf, size, off) == (ssize_t)size);
}

static struct kvm_stats_desc *desc(struct stats *s, u32 i)
{
	return (void *)(s->descs + i * s->desc_size);
}

static void check_format(struct __test_metadata *_metadata, int file, int pid)
{
	int fd = ioctl(file, KVM_GET_STATS_FD, NULL);
	u8 one[8], end[8];
	struct stats s = { 0 };
	char want[32];
	u64 value;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	read_at(fd, &s.h, sizeof(s.h), 0);
	EXPECT_EQ(0, s.h.flags);
	ASSERT_LT(0, s.h.name_size);
	ASSERT_GE(sizeof(s.id), s.h.name_size);
	ASSERT_LT(0, s.h.num_desc);
	EXPECT_EQ(0, (s.h.id_offset | s.h.desc_offset | s.h.data_offset) % 8);
	EXPECT_LE(sizeof(s.h), s.h.id_offset);
	EXPECT_LE(s.h.id_offset + s.h.name_size, s.h.desc_offset);

	read_at(fd, s.id, s.h.name_size, s.h.id_offset);
	ASSERT_NE(NULL, memchr(s.id, 0, s.h.name_size));
	snprintf(want, sizeof(want), "kvm-%d", pid);
	EXPECT_EQ(0, strncmp(s.id, want, strlen(want)));

	s.desc_size = sizeof(struct kvm_stats_desc) + s.h.name_size;
	s.descs = malloc(s.h.num_desc * s.desc_size);
	read_at(fd, s.descs, s.h.num_desc * s.desc_size, s.h.desc_offset);
	EXPECT_LE(s.h.desc_offset + s.h.num_desc * s.desc_size,
		  s.h.data_offset);
	for (u32 i = 0; i < s.h.num_desc; i++) {
		struct kvm_stats_desc *d = desc(&s, i);
		u32 base = d->flags & KVM_STATS_BASE_MASK;

		ASSERT_NE(NULL, memchr(d->name, 0, s.h.name_size));
		EXPECT_LT(0, strlen(d->name));
		EXPECT_LE(d->flags & KVM_STATS_TYPE_MASK, KVM_STATS_TYPE_MAX);
		EXPECT_LE(d->flags & KVM_STATS_UNIT_MASK, KVM_STATS_UNIT_MAX);
		EXPECT_LE(base, KVM_STATS_BASE_MAX);
		if (base == KVM_STATS_BASE_POW10)
			EXPECT_GE(0, d->exponent);
		ASSERT_LT(0, d->size);
		EXPECT_EQ(0, d->offset % 8);
		for (u32 j = 0; j < i; j++)
			EXPECT_NE(d->offset, desc(&s, j)->offset);
		s.data_size += d->size * sizeof(u64);
		read_at(fd, &value, sizeof(value), s.h.data_offset + d->offset);
		for (u32 j = 0; j < i; j++)
			EXPECT_NE(0, strcmp(d->name, desc(&s, j)->name));
	}
	/* the data ends where the file does */
	EXPECT_EQ(0, pread(fd, end, 8, s.h.data_offset + s.data_size));
	EXPECT_EQ(1, pread(fd, one, 8, s.h.data_offset + s.data_size - 1));

	EXPECT_EQ(-1, write(fd, one, 1));
	EXPECT_EQ(EBADF, errno);
	free(s.descs);
	close(fd);
}

TEST_F(statistics, format)
{
	check_format(_metadata, self->vm->fd, getpid());
	check_format(_metadata, self->vcpu->fd, getpid());
}

/* One read() after the other gives the same file as one read of all */
TEST_F(statistics, sequential_read)
{
	static u8 a[65536], b[65536];
	int fd = ioctl(self->vcpu->fd, KVM_GET_STATS_FD, NULL);
	ssize_t size, n, total = 0;

	ASSERT_GE(fd, 0);
	size = pread(fd, a, sizeof(a), 0);
	ASSERT_LT(0, size);
	while ((n = read(fd, b + total, 1000)) > 0)
		total += n;
	ASSERT_EQ(0, n);
	ASSERT_EQ(size, total);
	EXPECT_EQ(0, memcmp(a, b, size));
	close(fd);
}

static void guest_exits(void)
{
	u32 a, b, c, d;

	for (int i = 0; i < 100; i++) {
		a = 0;
		c = 0;
		asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	}
	for (int i = 0; i < 10; i++)
		asm volatile("outb %%al, $0x80" : : "a"(i));
	GUEST_DONE();
}

TEST_F(statistics, counts)
{
	int fd = self->vcpu->fd;
	int64_t cpuid, io, user;

	if (stat_read(fd, "exits_cpuid") < 0)
		skip_test("this KVM does not count by exit reason");
	/* the first CPUID may be counted by another path than the others */
	cpuid = stat_read(fd, "exits_cpuid");
	io = stat_read(fd, "exits_io_instruction");
	user = stat_read(fd, "user_exits");
	vcpu_set_entry(self->vcpu, guest_exits);
	for (int i = 0; i < 10; i++)
		expect_pio(self->vcpu, 0x80, true, 1, 1);
	expect_done(self->vcpu);
	EXPECT_EQ(cpuid + 100, stat_read(fd, "exits_cpuid"));
	EXPECT_EQ(io + 11, stat_read(fd, "exits_io_instruction"));
	/* a signal may end KVM_RUN once more */
	EXPECT_LE(user + 11, stat_read(fd, "user_exits"));
	EXPECT_LT(0, stat_read(fd, "entries"));
	EXPECT_LT(0, stat_read(self->vm->fd, "mmu_table_pages"));
	EXPECT_LT(0, stat_read(self->vm->fd, "pages_4k") +
		  stat_read(self->vm->fd, "pages_2m"));
}

/* The file outlives all the others, and another process may read it */
TEST_F(statistics, outlives_the_vm)
{
	struct kvm_stats_header h;
	int vmfd = ioctl(self->vm->fd, KVM_GET_STATS_FD, NULL);
	int fd = ioctl(self->vcpu->fd, KVM_GET_STATS_FD, NULL);
	u64 value[4];
	int status;
	pid_t pid;

	ASSERT_GE(fd, 0);
	ASSERT_GE(vmfd, 0);
	vcpu_set_entry(self->vcpu, guest_exits);
	expect_pio(self->vcpu, 0x80, true, 1, 1);
	vm_free(self->vm);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		read_at(fd, &h, sizeof(h), 0);
		read_at(fd, value, sizeof(value), h.data_offset);
		read_at(vmfd, &h, sizeof(h), 0);
		read_at(vmfd, value, sizeof(value), h.data_offset);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(fd);
	close(vmfd);
	self->vm = vm_new(variant->kind);	/* for the teardown */
}

TEST_HARNESS_MAIN
