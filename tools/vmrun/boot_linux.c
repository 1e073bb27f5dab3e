// SPDX-License-Identifier: GPL-2.0-only
/* bzImages, entered in 64-bit mode where they can be, else in 32-bit mode. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "boot.h"
#include "boot_linux.h"
#include "layout.h"
#include "report.h"

#define HEADER_OFFSET		0x1f1
#define HEADER_MAGIC		0x53726448	/* "HdrS" */
#define BOOT_FLAG		0xaa55
#define JUMP_OFFSET		0x201	/* of its operand: the header's end */
#define PROTOCOL_INIT_SIZE	0x020a	/* first with pref_address, init_size */
#define PROTOCOL_XLOADFLAGS	0x020c
#define ENTRY64_OFFSET		0x200	/* from the start of the payload */
#define SECTOR			512
#define LOADER_UNASSIGNED	0xff
#define VIDEO_MODE_NORMAL	0xffff

bool linux_recognize(const struct blob *kernel)
{
	struct setup_header header;

	if (kernel->size < HEADER_OFFSET + sizeof(header))
		return false;
	memcpy(&header, kernel->data + HEADER_OFFSET, sizeof(header));
	return header.boot_flag == BOOT_FLAG && header.header == HEADER_MAGIC;
}

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

const char *bzimage_parse(const struct blob *kernel, struct bzimage *image)
{
	struct setup_header *header = &image->header;
	size_t end, sectors;

	memset(image, 0, sizeof(*image));
	if (!linux_recognize(kernel))
		return "not a bzImage: the magic numbers are missing";
	memcpy(header, kernel->data + HEADER_OFFSET, sizeof(*header));
	/* What lies past the header's own end is not header. */
	end = 0x202 + (size_t)kernel->data[JUMP_OFFSET];
	if (end < HEADER_OFFSET + sizeof(*header))
		memset((uint8_t *)header + (end - HEADER_OFFSET), 0,
		       HEADER_OFFSET + sizeof(*header) - end);
	if (header->version < PROTOCOL_INIT_SIZE)
		return "its boot protocol is older than 2.10 (Linux 2.6.31)";
	if (!(header->loadflags & LOADED_HIGH))
		return "a zImage, which is loaded low; build a bzImage";
	if (header->relocatable_kernel &&
	    !power_of_two(header->kernel_alignment))
		return "its alignment is not a power of two";
	sectors = header->setup_sects ? header->setup_sects : 4;
	image->payload_offset = (sectors + 1) * SECTOR;
	if (image->payload_offset >= kernel->size)
		return "cut short: no kernel after the setup code";
	image->payload_size = kernel->size - image->payload_offset;
	if (image->payload_size <= ENTRY64_OFFSET)
		return "cut short: the kernel has no entry point";
	image->entry64 = header->version >= PROTOCOL_XLOADFLAGS &&
			 (header->xloadflags & XLF_KERNEL_64);
	return NULL;
}

static uint64_t room_needed(const struct bzimage *image)
{
	return image->header.init_size > image->payload_size ?
		image->header.init_size : image->payload_size;
}

static bool fits(uint64_t start, uint64_t size, uint64_t end)
{
	return start >= GPA_HIGH_RAM && start <= end && size <= end - start;
}

uint64_t bzimage_load_address(const struct bzimage *image, uint64_t ram_end)
{
	uint64_t room = room_needed(image);
	uint64_t align = image->header.kernel_alignment;
	uint64_t start = image->header.pref_address;

	/* The kernel takes the preferred address for a place, not a rule. */
	if (fits(start, room, ram_end))
		return start;
	if (!image->header.relocatable_kernel)
		return 0;
	start = (GPA_HIGH_RAM + align - 1) & ~(align - 1);
	return fits(start, room, ram_end) ? start : 0;
}

/* As high as the kernel takes it, so that it is never in the kernel's way. */
static uint32_t place_initrd(const struct bzimage *image,
			     const struct blob *initrd, uint64_t kernel_end,
			     uint64_t ram_end)
{
	uint64_t limit = (uint64_t)image->header.initrd_addr_max + 1;
	uint64_t start;

	if (limit > ram_end)
		limit = ram_end;
	if (initrd->size > limit)
		start = 0;
	else
		start = (limit - initrd->size) & ~0xfffull;
	if (start < kernel_end)
		die(EXIT_IMAGE,
		    "the initrd %s (%zu KiB) does not fit between the kernel's end at %#llx and %#llx; try a larger --mem",
		    initrd->path, initrd->size >> 10,
		    (unsigned long long)kernel_end, (unsigned long long)limit);
	return (uint32_t)start;
}

static void fill_boot_params(const struct memory *memory,
			     const struct boot_config *config,
			     const struct bzimage *image)
{
	struct boot_params *params = memory_at(memory, GPA_BOOT_INFO,
					       sizeof(*params));
	_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFFSET,
		       "boot_params has the header where the image has it");
	_Static_assert(E820_ENTRIES <= E820_MAX_ENTRIES_ZEROPAGE,
		       "the memory map fits");

	memset(params, 0, sizeof(*params));
	params->hdr = image->header;
	params->hdr.type_of_loader = LOADER_UNASSIGNED;
	params->hdr.vid_mode = VIDEO_MODE_NORMAL;
	params->hdr.cmd_line_ptr = GPA_COMMAND_LINE;
	params->acpi_rsdp_addr = config->acpi_rsdp;
	params->e820_entries = (uint8_t)memory_e820(memory,
						    params->e820_table);
}

void linux_load(const struct memory *memory, const struct boot_config *config,
		struct entry_state *entry)
{
	const struct blob *initrd = &config->initrd;
	uint64_t ram_end = memory->ranges[0].size;
	struct boot_params *params;
	struct bzimage image;
	const char *problem = bzimage_parse(&config->kernel, &image);
	uint64_t load, kernel_end;

	if (problem)
		die(EXIT_IMAGE, "%s: %s", config->kernel.path, problem);
	load = bzimage_load_address(&image, ram_end);
	if (!load)
		die(EXIT_IMAGE,
		    "%s needs %llu MiB of memory at %#llx, the guest's ends at %llu MiB; try a larger --mem",
		    config->kernel.path,
		    (unsigned long long)room_needed(&image) >> 20,
		    image.header.pref_address,
		    (unsigned long long)ram_end >> 20);
	boot_copy(memory, &config->kernel, image.payload_offset,
		  image.payload_size, load, image.payload_size);
	fill_boot_params(memory, config, &image);
	boot_command_line(memory, config->append, image.header.cmdline_size);
	params = memory_at(memory, GPA_BOOT_INFO, sizeof(*params));
	params->hdr.code32_start = (uint32_t)load;
	if (initrd->data) {
		kernel_end = load + room_needed(&image);
		params->hdr.ramdisk_image = place_initrd(&image, initrd,
							 kernel_end, ram_end);
		params->hdr.ramdisk_size = (uint32_t)initrd->size;
		boot_copy(memory, initrd, 0, initrd->size,
			  params->hdr.ramdisk_image, initrd->size);
	}
	entry->mode = image.entry64 ? MODE_LONG : MODE_PROTECTED;
	entry->rip = load + (image.entry64 ? ENTRY64_OFFSET : 0);
	entry->rsi = GPA_BOOT_INFO;
	say_verbose("Linux boot protocol %d.%02d, %d-bit entry at %#" PRIx64,
		    image.header.version >> 8, image.header.version & 0xff,
		    image.entry64 ? 64 : 32, entry->rip);
}
