// SPDX-License-Identifier: GPL-2.0-only
/* What the boot protocols share, and which of them an image wants. */
#include <string.h>

#include "boot.h"
#include "boot_linux.h"
#include "boot_multiboot.h"
#include "layout.h"
#include "report.h"

void boot_copy(const struct memory *memory, const struct blob *blob,
	       size_t offset, size_t len, uint64_t gpa, uint64_t room)
{
	uint8_t *to;

	if (offset > blob->size || len > blob->size - offset)
		die(EXIT_IMAGE, "%s is cut short: %zu bytes, needs %zu at %zu",
		    blob->path, blob->size, len, offset);
	if (room < len)
		room = len;
	to = memory_at(memory, gpa, room);
	if (!to || gpa >= GPA_4G)
		die(EXIT_IMAGE,
		    "%s needs %llu KiB at %#llx, where the guest has no memory; try a larger --mem",
		    blob->path, (unsigned long long)room >> 10,
		    (unsigned long long)gpa);
	memcpy(to, blob->data + offset, len);
	memset(to + len, 0, room - len);
}

void boot_command_line(const struct memory *memory, const char *text,
		       size_t max)
{
	size_t len = strlen(text);
	char *to = memory_at(memory, GPA_COMMAND_LINE, COMMAND_LINE_MAX);

	if (max > COMMAND_LINE_MAX - 1)
		max = COMMAND_LINE_MAX - 1;
	if (len > max)
		die(EXIT_USAGE, "--append: %zu characters, this kernel takes %zu",
		    len, max);
	memcpy(to, text, len + 1);
}

static enum boot_format detect(const struct blob *kernel)
{
	if (linux_recognize(kernel))
		return FORMAT_LINUX;
	if (multiboot_recognize(kernel))
		return FORMAT_MULTIBOOT;
	die(EXIT_IMAGE,
	    "%s is neither a Linux bzImage nor a Multiboot image; flat images need --format flat16, flat32 or flat64",
	    kernel->path);
}

void boot_load(const struct memory *memory, const struct boot_config *config,
	       struct entry_state *entry)
{
	enum boot_format format = config->format;

	memset(entry, 0, sizeof(*entry));
	if (format == FORMAT_AUTO)
		format = detect(&config->kernel);
	switch (format) {
	case FORMAT_LINUX:
		linux_load(memory, config, entry);
		break;
	case FORMAT_MULTIBOOT:
		multiboot_load(memory, config, entry);
		break;
	default:
		flat_load(memory, config, entry);
		break;
	}
}
