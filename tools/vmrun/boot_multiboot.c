// SPDX-License-Identifier: GPL-2.0-only
/* Multiboot: ELF files, or where the header's addresses say; one module. */
#include <elf.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "boot.h"
#include "boot_multiboot.h"
#include "layout.h"
#include "report.h"

enum {
	SEARCH_SIZE = 8192,
	HEADER_MAGIC = 0x1badb002,
	LOADER_MAGIC = 0x2badb002,

	WANT_PAGE_ALIGNED = 1 << 0,
	WANT_MEMORY_INFO = 1 << 1,
	WANT_KNOWN = WANT_PAGE_ALIGNED | WANT_MEMORY_INFO,
	WANT_MASK = 0xffff,	/* the rest are hints */
	HAS_ADDRESSES = 1 << 16,

	INFO_MEMORY = 1 << 0,
	INFO_COMMAND_LINE = 1 << 2,
	INFO_MODULES = 1 << 3,
	INFO_MEMORY_MAP = 1 << 6,
	INFO_LOADER_NAME = 1 << 9,
};

struct header {
	uint32_t magic, flags, checksum;
	/* With HAS_ADDRESSES: */
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr;
	uint32_t entry_addr;
};

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr, config_table, loader_name;
	uint32_t apm_table, vbe[4];
};

struct module {
	uint32_t start, end, string, reserved;
};

struct map_entry {
	uint32_t size;		/* of what follows */
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

/* All that the information block points to, at GPA_BOOT_INFO. */
struct boot_info {
	struct info info;
	struct module module;
	struct map_entry map[E820_ENTRIES];
	char loader[8];
	char module_string[256];
};

/* Returns the header's offset, or -1. Fields the file lacks are zero. */
static long find_header(const struct blob *kernel, struct header *header)
{
	size_t limit = kernel->size < SEARCH_SIZE ? kernel->size : SEARCH_SIZE;
	size_t offset;

	for (offset = 0; offset + 12 <= limit; offset += 4) {
		size_t left = kernel->size - offset;

		memset(header, 0, sizeof(*header));
		memcpy(header, kernel->data + offset,
		       left < sizeof(*header) ? left : sizeof(*header));
		if (header->magic == HEADER_MAGIC &&
		    header->magic + header->flags + header->checksum == 0)
			return (long)offset;
	}
	return -1;
}

bool multiboot_recognize(const struct blob *kernel)
{
	struct header header;

	return find_header(kernel, &header) >= 0;
}

/* Nothing may be loaded where the boot tables are. */
static void check_low(const struct blob *kernel, uint64_t gpa)
{
	if (gpa < GPA_COMMAND_LINE + COMMAND_LINE_MAX)
		die(EXIT_IMAGE,
		    "%s wants to be loaded at %#llx, where vmrun puts its tables",
		    kernel->path, (unsigned long long)gpa);
}

/* Returns the end of what was loaded. */
static uint64_t load_by_addresses(const struct memory *memory,
				  const struct blob *kernel,
				  const struct header *header, uint64_t offset)
{
	uint64_t before = (uint64_t)header->header_addr - header->load_addr;
	uint64_t size, end;

	if (header->load_addr > header->header_addr || before > offset)
		die(EXIT_IMAGE, "%s: its Multiboot header contradicts itself",
		    kernel->path);
	offset -= before;
	size = kernel->size - offset;
	if (header->load_end_addr) {
		if (header->load_end_addr < header->load_addr)
			die(EXIT_IMAGE, "%s: ends before it begins",
			    kernel->path);
		size = header->load_end_addr - header->load_addr;
	}
	end = header->load_addr + size;
	if (header->bss_end_addr > end)
		end = header->bss_end_addr;
	check_low(kernel, header->load_addr);
	boot_copy(memory, kernel, offset, size, header->load_addr,
		  end - header->load_addr);
	return end;
}

static uint64_t load_elf(const struct memory *memory,
			 const struct blob *kernel, uint32_t *entry)
{
	uint64_t end = 0;
	Elf32_Ehdr elf;
	Elf32_Phdr ph;
	unsigned int i;

	if (kernel->size < sizeof(elf))
		die(EXIT_IMAGE, "%s: too short for an ELF file", kernel->path);
	memcpy(&elf, kernel->data, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) ||
	    elf.e_ident[EI_CLASS] != ELFCLASS32 ||
	    elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_machine != EM_386 ||
	    elf.e_phentsize != sizeof(ph))
		die(EXIT_IMAGE,
		    "%s: Multiboot images are 32-bit x86 ELF files, or say in their header where they go; objcopy -O elf32-i386 converts a 64-bit one",
		    kernel->path);
	for (i = 0; i < elf.e_phnum; i++) {
		uint64_t offset = elf.e_phoff + (uint64_t)i * sizeof(ph);

		if (offset + sizeof(ph) > kernel->size)
			die(EXIT_IMAGE, "%s: cut short in its program headers",
			    kernel->path);
		memcpy(&ph, kernel->data + offset, sizeof(ph));
		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		check_low(kernel, ph.p_paddr);
		boot_copy(memory, kernel, ph.p_offset, ph.p_filesz,
			  ph.p_paddr, ph.p_memsz);
		if (end < (uint64_t)ph.p_paddr + ph.p_memsz)
			end = (uint64_t)ph.p_paddr + ph.p_memsz;
	}
	if (!end)
		die(EXIT_IMAGE, "%s: nothing in it to load", kernel->path);
	*entry = elf.e_entry;
	return end;
}

#define INFO_GPA(member) \
	((uint32_t)(GPA_BOOT_INFO + offsetof(struct boot_info, member)))

static uint32_t fill_map(const struct memory *memory, struct map_entry *map)
{
	struct boot_e820_entry e820[E820_ENTRIES];
	size_t i, n = memory_e820(memory, e820);

	for (i = 0; i < n; i++)
		map[i] = (struct map_entry){
			.size = sizeof(map[i]) - sizeof(map[i].size),
			.addr = e820[i].addr, .len = e820[i].size,
			.type = e820[i].type,
		};
	return (uint32_t)(n * sizeof(*map));
}

static void fill_info(const struct memory *memory, struct boot_info *to)
{
	uint64_t low_end = memory->ranges[0].size;

	memset(to, 0, sizeof(*to));
	to->info.flags = INFO_MEMORY | INFO_COMMAND_LINE | INFO_MEMORY_MAP |
			 INFO_LOADER_NAME;
	to->info.mem_lower = GPA_EBDA >> 10;
	to->info.mem_upper = (uint32_t)((low_end - GPA_HIGH_RAM) >> 10);
	to->info.cmdline = GPA_COMMAND_LINE;
	to->info.mmap_addr = INFO_GPA(map);
	to->info.mmap_length = fill_map(memory, to->map);
	to->info.loader_name = INFO_GPA(loader);
	snprintf(to->loader, sizeof(to->loader), "vmrun");
}

static void load_module(const struct memory *memory, struct boot_info *to,
			const struct blob *initrd, uint64_t kernel_end)
{
	uint64_t start = (kernel_end + 0xfff) & ~0xfffull;

	boot_copy(memory, initrd, 0, initrd->size, start, initrd->size);
	to->info.flags |= INFO_MODULES;
	to->info.mods_count = 1;
	to->info.mods_addr = INFO_GPA(module);
	to->module.start = (uint32_t)start;
	to->module.end = (uint32_t)(start + initrd->size);
	to->module.string = INFO_GPA(module_string);
	snprintf(to->module_string, sizeof(to->module_string), "%s",
		 initrd->path);
}

void multiboot_load(const struct memory *memory,
		    const struct boot_config *config,
		    struct entry_state *entry)
{
	const struct blob *kernel = &config->kernel;
	struct boot_info *info = memory_at(memory, GPA_BOOT_INFO,
					   sizeof(*info));
	struct header header;
	long offset = find_header(kernel, &header);
	uint64_t end;

	if (offset < 0)
		die(EXIT_IMAGE, "%s has no Multiboot header in its first 8 KiB",
		    kernel->path);
	if (header.flags & WANT_MASK & ~WANT_KNOWN)
		die(EXIT_IMAGE,
		    "%s asks for what vmrun cannot give: Multiboot flags %#x (a video mode, perhaps)",
		    kernel->path, header.flags & WANT_MASK & ~WANT_KNOWN);
	if (header.flags & HAS_ADDRESSES)
		end = load_by_addresses(memory, kernel, &header,
					(uint64_t)offset);
	else
		end = load_elf(memory, kernel, &header.entry_addr);
	fill_info(memory, info);
	boot_command_line(memory, config->append, COMMAND_LINE_MAX);
	if (config->initrd.data)
		load_module(memory, info, &config->initrd, end);
	entry->mode = MODE_PROTECTED;
	entry->rip = header.entry_addr;
	entry->rsp = GPA_BOOT_STACK_TOP;
	entry->rax = LOADER_MAGIC;
	entry->rbx = GPA_BOOT_INFO;
	say_verbose("Multiboot image, entry at %#" PRIx64, entry->rip);
}
