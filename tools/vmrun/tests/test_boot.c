// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <string.h>

#include "array.h"
#include "boot.h"
#include "boot_linux.h"
#include "boot_multiboot.h"
#include "layout.h"
#include "report.h"
#include "tap.h"

#define IMAGE_SIZE 0x3000

static struct memory memory;
static uint8_t image[IMAGE_SIZE];
static const struct blob kernel = { "test", image, IMAGE_SIZE };

static struct setup_header *header(void)
{
	return (struct setup_header *)(image + 0x1f1);
}

/* A bzImage as today's kernels are, with nothing behind its entry. */
static void make_bzimage(void)
{
	memset(image, 0x90, sizeof(image));
	memset(header(), 0, sizeof(*header()));
	image[0x201] = 0x6a;
	header()->setup_sects = 4;
	header()->boot_flag = 0xaa55;
	header()->header = 0x53726448;
	header()->version = 0x20f;
	header()->loadflags = LOADED_HIGH;
	header()->relocatable_kernel = 1;
	header()->kernel_alignment = 0x200000;
	header()->pref_address = 0x1000000;
	header()->init_size = 0x200000;
	header()->initrd_addr_max = 0x7fffffff;
	header()->cmdline_size = 2047;
	header()->xloadflags = XLF_KERNEL_64;
}

static void parse_good(void)
{
	struct bzimage parsed;

	make_bzimage();
	CHECK(linux_recognize(&kernel));
	CHECK(!bzimage_parse(&kernel, &parsed));
	CHECK_EQ(parsed.payload_offset, 5 * 512);
	CHECK_EQ(parsed.payload_size, IMAGE_SIZE - 5 * 512);
	CHECK(parsed.entry64);
	CHECK_EQ(bzimage_load_address(&parsed, 64 << 20), 0x1000000);
	CHECK_EQ(bzimage_load_address(&parsed, 16 << 20), 0x200000);
	CHECK_EQ(bzimage_load_address(&parsed, 3 << 20), 0);
	parsed.header.relocatable_kernel = 0;
	CHECK_EQ(bzimage_load_address(&parsed, 16 << 20), 0);
	/* Hostile numbers must not wrap round into a place that "fits". */
	parsed.header.pref_address = UINT64_MAX;
	CHECK_EQ(bzimage_load_address(&parsed, 64 << 20), 0);
	parsed.header.pref_address = 0;
	CHECK_EQ(bzimage_load_address(&parsed, 64 << 20), 0);
}

static const char *parse_with(void (*spoil)(void))
{
	struct bzimage parsed;

	make_bzimage();
	spoil();
	return bzimage_parse(&kernel, &parsed);
}

static void no_magic(void)
{
	header()->header++;
}

static void no_boot_flag(void)
{
	header()->boot_flag = 0;
}

static void old_protocol(void)
{
	header()->version = 0x209;
}

static void loaded_low(void)
{
	header()->loadflags = 0;
}

static void odd_alignment(void)
{
	header()->kernel_alignment = 3;
}

static void no_alignment(void)
{
	header()->kernel_alignment = 0;
}

static void all_setup(void)
{
	header()->setup_sects = 255;
}

static void parse_bad(void)
{
	static void (* const spoilers[])(void) = {
		no_magic, no_boot_flag, old_protocol, loaded_low,
		odd_alignment, no_alignment, all_setup,
	};
	struct bzimage parsed;
	struct blob cut = kernel;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(spoilers); i++)
		CHECK(parse_with(spoilers[i]));
	make_bzimage();
	for (cut.size = 0; cut.size <= 5 * 512 + 0x200; cut.size++)
		CHECK(bzimage_parse(&cut, &parsed));
}

static void load(void *arg)
{
	struct boot_config config = {
		.format = *(enum boot_format *)arg, .kernel = kernel,
		.append = "console=ttyS0",
	};
	struct entry_state entry;

	boot_load(&memory, &config, &entry);
}

static void load_linux(void)
{
	struct boot_config config = {
		.kernel = kernel, .initrd = { "initrd", image, 0x1234 },
		.append = "console=ttyS0", .acpi_rsdp = 0xe0000,
	};
	const struct boot_params *params;
	struct entry_state entry;

	make_bzimage();
	memory_create(&memory, 64 << 20);
	boot_load(&memory, &config, &entry);
	CHECK_EQ(entry.mode, MODE_LONG);
	CHECK_EQ(entry.rip, 0x1000200);
	CHECK_EQ(entry.rsi, GPA_BOOT_INFO);
	params = memory_at(&memory, GPA_BOOT_INFO, sizeof(*params));
	CHECK_EQ(params->hdr.ramdisk_size, 0x1234);
	CHECK_EQ(params->hdr.ramdisk_image, (64 << 20) - 0x2000);
	CHECK_EQ(params->acpi_rsdp_addr, 0xe0000);
	CHECK(params->e820_entries > 3);
	CHECK(!memcmp(memory_at(&memory, params->hdr.ramdisk_image, 0x1234),
		      image, 0x1234));
	CHECK(!strcmp(memory_at(&memory, params->hdr.cmd_line_ptr, 14),
		      "console=ttyS0"));
	header()->xloadflags = 0;
	boot_load(&memory, &config, &entry);
	CHECK_EQ(entry.mode, MODE_PROTECTED);
	CHECK_EQ(entry.rip, 0x1000000);
}

static void load_linux_too_large(void)
{
	enum boot_format format = FORMAT_AUTO;

	make_bzimage();
	memory_create(&memory, 4 << 20);
	CHECK_EQ(status_of(load, &format), 0);
	header()->init_size = 0xffffffff;
	CHECK_EQ(status_of(load, &format), EXIT_IMAGE);
	make_bzimage();
	header()->cmdline_size = 3;
	CHECK_EQ(status_of(load, &format), EXIT_USAGE);
}

/* A Multiboot image that says itself where it goes. */
static void make_multiboot(void)
{
	uint32_t fields[8] = {
		0x1badb002, 1 << 16 | 3, 0, 0x100010, 0x100000, 0, 0x108000,
		0x100040,
	};

	memset(image, 0x90, sizeof(image));
	fields[2] = -(fields[0] + fields[1]);
	memcpy(image + 0x10, fields, sizeof(fields));
}

/* The same as an ELF file. */
static void make_multiboot_elf(void)
{
	Elf32_Ehdr elf = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB },
		.e_machine = EM_386, .e_phoff = sizeof(elf), .e_phnum = 1,
		.e_phentsize = sizeof(Elf32_Phdr), .e_entry = 0x200000,
	};
	Elf32_Phdr ph = {
		.p_type = PT_LOAD, .p_offset = 0x1000, .p_paddr = 0x200000,
		.p_filesz = 0x1000, .p_memsz = 0x2000,
	};
	uint32_t fields[3] = { 0x1badb002, 0, 0u - 0x1badb002 };

	memset(image, 0, sizeof(image));
	memcpy(image, &elf, sizeof(elf));
	memcpy(image + sizeof(elf), &ph, sizeof(ph));
	memcpy(image + 0x200, fields, sizeof(fields));
	memset(image + 0x1000, 0xcc, 0x1000);
}

static void load_multiboot(void)
{
	struct boot_config config = {
		.kernel = kernel, .initrd = { "module", image, 0x123 },
		.append = "arguments",
	};
	struct entry_state entry;
	const uint32_t *info, *module;

	memory_create(&memory, 16 << 20);
	make_multiboot();
	CHECK(multiboot_recognize(&kernel));
	boot_load(&memory, &config, &entry);
	CHECK_EQ(entry.mode, MODE_PROTECTED);
	CHECK_EQ(entry.rip, 0x100040);
	CHECK_EQ(entry.rax, 0x2badb002);
	info = memory_at(&memory, entry.rbx, 128);
	CHECK_EQ(info[0], 0x24d);
	CHECK_EQ(info[1], 639);
	CHECK_EQ(info[2], 15 << 10);
	CHECK(!strcmp(memory_at(&memory, info[4], 10), "arguments"));
	CHECK_EQ(info[5], 1);
	module = memory_at(&memory, info[6], 16);
	CHECK_EQ(module[0], 0x108000);
	CHECK_EQ(module[1] - module[0], 0x123);
	make_multiboot_elf();
	boot_load(&memory, &config, &entry);
	CHECK_EQ(entry.rip, 0x200000);
	CHECK_EQ(*(uint8_t *)memory_at(&memory, 0x200fff, 1), 0xcc);
	CHECK_EQ(*(uint8_t *)memory_at(&memory, 0x201000, 1), 0);
}

/* Whatever is in the file: loaded, or refused with a reason, never worse. */
static void fuzz(void (*make)(void), size_t interesting, unsigned int rounds)
{
	enum boot_format format = FORMAT_AUTO;
	unsigned int i, n;
	int status;

	for (i = 0; i < rounds; i++) {
		make();
		for (n = test_random() % 6; n != UINT32_MAX; n--)
			image[test_random() % interesting] =
				(uint8_t)test_random();
		status = status_of(load, &format);
		CHECK(status == 0 || status == EXIT_IMAGE ||
		      status == EXIT_USAGE);
	}
}

static void fuzz_headers(void)
{
	struct bzimage parsed;
	unsigned int i, n;

	for (i = 0; i < 100000; i++) {
		make_bzimage();
		for (n = test_random() % 6; n != UINT32_MAX; n--)
			image[0x1f1 + test_random() % 0x7b] =
				(uint8_t)test_random();
		if (!bzimage_parse(&kernel, &parsed))
			bzimage_load_address(&parsed, test_random());
	}
}

static void fuzz_loading(void)
{
	memory_create(&memory, 4 << 20);
	fuzz(make_bzimage, 0x270, 300);
	fuzz(make_multiboot, 0x30, 300);
	fuzz(make_multiboot_elf, 0x54, 300);
}

static void flat(void)
{
	struct boot_config config = {
		.format = FORMAT_FLAT16, .kernel = kernel, .append = "" };
	enum boot_format formats[] = { FORMAT_AUTO, FORMAT_LINUX,
				       FORMAT_MULTIBOOT };
	struct entry_state entry;
	size_t i;

	memset(image, 0xf4, sizeof(image));
	memory_create(&memory, 2 << 20);
	for (i = 0; i < 3; i++)
		CHECK_EQ(status_of(load, &formats[i]), EXIT_IMAGE);
	boot_load(&memory, &config, &entry);
	CHECK_EQ(entry.mode, MODE_REAL);
	CHECK_EQ(entry.rip, 0x7c00);
	config.format = FORMAT_FLAT64;
	config.load = 0x180000;
	boot_load(&memory, &config, &entry);
	CHECK_EQ(entry.mode, MODE_LONG);
	CHECK_EQ(entry.rip, 0x180000);
	CHECK(!memcmp(memory_at(&memory, 0x180000, IMAGE_SIZE), image,
		      IMAGE_SIZE));
}

const struct test boot_tests[] = {
	{ "boot: a good bzImage header", parse_good },
	{ "boot: bad bzImage headers", parse_bad },
	{ "boot: Linux", load_linux },
	{ "boot: Linux that does not fit", load_linux_too_large },
	{ "boot: Multiboot, by addresses and ELF", load_multiboot },
	{ "boot: flat images", flat },
	{ "boot: random bzImage headers", fuzz_headers },
	{ "boot: random damage to images", fuzz_loading },
	{ NULL, NULL },
};
