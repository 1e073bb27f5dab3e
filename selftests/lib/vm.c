// SPDX-License-Identifier: GPL-2.0-only
/* Virtual machines, their memory, and what KVM says about itself. */
#define SELFTEST_LIB
#include "kvmtest.h"
#include <stdarg.h>

/* The program itself, by the linker */
extern char __executable_start[], _end[];

void die_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "# %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(1);
}

void skip_now(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "# SKIP: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(255);	/* what the harness takes for a skip */
}

int kvm_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip_now("/dev/kvm: %s", strerror(errno));
	return fd;
}

int kvm_check(unsigned int cap)
{
	int fd = kvm_open();
	int r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	close(fd);
	return r;
}

int vm_check(struct vm *vm, unsigned int cap)
{
	return ioctl(vm->fd, KVM_CHECK_EXTENSION, (unsigned long)cap);
}

static int kinds_offered(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return 0;
	r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)KVM_CAP_MMU_KIND);
	close(fd);
	return r < 0 ? 0 : r;
}

bool on_our_module(void)
{
	return kinds_offered() != 0;
}

/* Runs before main(), when the variants are registered */
bool mmu_kind_available(unsigned int kind)
{
	int kinds = kinds_offered();
	char c = 'Y';
	int fd;

	if (!kinds) {
		fd = open("/sys/module/kvm_intel/parameters/ept", O_RDONLY);
		if (fd >= 0) {
			if (read(fd, &c, 1) != 1)
				c = 'Y';
			close(fd);
		}
		kinds = 1 << (c == 'Y' ? KVM_MMU_KIND_EPT :
					 KVM_MMU_KIND_SHADOW);
	}
	return kinds & (1 << kind);
}

const char *mmu_kind_name(unsigned int kind)
{
	return kind == KVM_MMU_KIND_EPT ? "ept" :
	       kind == KVM_MMU_KIND_SHADOW ? "shadow" : "auto";
}

bool mmu_kind_wanted(unsigned int kind)
{
	const char *only = getenv("KVM_SELFTEST_MMU");

	return (!only || !*only || !strcmp(only, mmu_kind_name(kind))) &&
	       mmu_kind_available(kind);
}

struct vm *vm_new_bare(unsigned int kind)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int fd = kvm_open();

	require(vm);
	vm->kind = kind;
	vm->fd = ioctl(fd, KVM_CREATE_VM, 0ul);
	if (vm->fd < 0)
		die("KVM_CREATE_VM: %s", strerror(errno));
	close(fd);
	if (kind != KVM_MMU_KIND_AUTO && on_our_module()) {
		struct kvm_enable_cap cap = {
			.cap = KVM_CAP_MMU_KIND,
			.args = { kind },
		};

		if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
			die("KVM_CAP_MMU_KIND %u: %s", kind, strerror(errno));
	}
	return vm;
}

void *mem_anon(u64 size, bool huge)
{
	u64 align = !huge ? PAGE_4K : size >= PAGE_1G ? PAGE_1G : PAGE_2M;
	char *p, *q;

	p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	require(p != MAP_FAILED);
	q = (char *)(((u64)p + align - 1) & ~(align - 1));
	if (q != p)
		munmap(p, q - p);
	if (p + align != q)
		munmap(q + size, p + align - q);
	/* Kernels without huge pages know neither advice */
	madvise(q, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return q;
}

int vm_set_region(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size,
		  void *hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (u64)hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) ? errno : 0;
}

void vm_add_mem_at(struct vm *vm, u32 slot, u64 gpa, u64 size, u32 flags,
		   void *hva)
{
	int err = vm_set_region(vm, slot, flags, gpa, size, hva);

	if (err)
		die("memory slot %u at 0x%lx, 0x%lx bytes: %s", slot, gpa,
		    size, strerror(err));
	require(vm->nr_mem < VM_MAX_MEM);
	vm->mem[vm->nr_mem++] = (struct mem) {
		.gpa = gpa, .size = size, .hva = hva,
		.slot = slot, .flags = flags,
	};
}

void *vm_add_mem(struct vm *vm, u32 slot, u64 gpa, u64 size, u32 flags)
{
	void *hva = mem_anon(size, false);

	vm_add_mem_at(vm, slot, gpa, size, flags, hva);
	return hva;
}

void *vm_hva(struct vm *vm, u64 gpa)
{
	for (unsigned int i = 0; i < vm->nr_mem; i++) {
		struct mem *m = &vm->mem[i];

		if (gpa >= m->gpa && gpa - m->gpa < m->size)
			return (char *)m->hva + (gpa - m->gpa);
	}
	die("no guest memory at 0x%lx", gpa);
}

struct vm *vm_new(unsigned int kind)
{
	struct vm *vm = vm_new_bare(kind);
	u64 addr = 0xfeffc000;
	u64 start = (u64)__executable_start & ~0xfffull;

	/* Below 4 GiB, out of the way: CPUs without unrestricted guest */
	require(!ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	require(!ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	vm_add_mem(vm, 0, 0, G_RAM_SIZE, 0);
	if (start < 0x400000 || (u64)_end > G_DATA)
		die("the program is at %p-%p, see layout.h",
		    __executable_start, _end);
	memcpy(vm_hva(vm, start), (void *)start, (u64)_end - start);
	vm->pt_next = G_PT;
	vm->pt = pt_new(vm, PT_4LEVEL);
	return vm;
}

void vm_free(struct vm *vm)
{
	static int run_size;

	if (!run_size) {
		int fd = kvm_open();

		run_size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
		close(fd);
	}
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpus[i]->run, run_size);
		close(vm->vcpus[i]->fd);
		free(vm->vcpus[i]);
	}
	close(vm->fd);
	for (unsigned int i = 0; i < vm->nr_mem; i++)
		munmap(vm->mem[i].hva, vm->mem[i].size);
	free(vm);
}

struct kvm_cpuid2 *kvm_supported_cpuid(void)
{
	static struct kvm_cpuid2 *c;
	const int n = 128;
	int fd;

	if (c)
		return c;
	c = calloc(1, sizeof(*c) + n * sizeof(c->entries[0]));
	require(c);
	c->nent = n;
	fd = kvm_open();
	if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, c))
		die("KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	close(fd);
	return c;
}

struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_cpuid2 *c, u32 leaf, u32 sub)
{
	for (unsigned int i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == leaf &&
		    (e->index == sub ||
		     !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

bool guest_has(u32 leaf, u32 sub, char reg, unsigned int bit)
{
	struct kvm_cpuid_entry2 *e = cpuid_entry(kvm_supported_cpuid(), leaf,
						 sub);
	u32 v;

	if (!e)
		return false;
	v = reg == 'a' ? e->eax : reg == 'b' ? e->ebx :
	    reg == 'c' ? e->ecx : e->edx;
	return v >> bit & 1;
}
