// SPDX-License-Identifier: GPL-2.0-only
/*
 * The binary format of Documentation/virt/kvm/api.rst, 4.133: a header, an
 * identifier, descriptors, and data, each at the offset the header gives.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report.h"
#include "stats.h"
#include "vcpu.h"

/* Larger values are a defect of the module, not a reason to allocate. */
#define MAX_DESCRIPTORS 4096
#define MAX_NAME 256
#define MAX_VALUES 1024

struct reader {
	int fd;
	struct kvm_stats_header header;
	struct kvm_stats_desc *descriptor;
	size_t descriptor_size;
};

/* Says what is wrong and returns false when it cannot read all. */
static bool read_at(const struct reader *reader, void *to, size_t size,
		    uint64_t offset)
{
	ssize_t n = pread(reader->fd, to, size, (off_t)offset);

	if (n == (ssize_t)size)
		return true;
	say("reading %zu bytes of statistics at %" PRIu64 ": %s", size, offset,
	    n < 0 ? strerror(errno) : "cut short");
	return false;
}

static bool open_reader(struct reader *reader, int fd)
{
	reader->descriptor = NULL;
	reader->fd = ioctl(fd, KVM_GET_STATS_FD, NULL);
	if (reader->fd < 0) {
		say("asking KVM for statistics: %s%s", strerror(errno),
		    errno == ENOTTY ? " (this KVM has none)" : "");
		return false;
	}
	if (!read_at(reader, &reader->header, sizeof(reader->header), 0))
		goto fail;
	if (reader->header.num_desc > MAX_DESCRIPTORS ||
	    !reader->header.name_size || reader->header.name_size > MAX_NAME) {
		say("the header of KVM's statistics makes no sense");
		goto fail;
	}
	reader->descriptor_size = sizeof(*reader->descriptor) +
				  reader->header.name_size;
	reader->descriptor = calloc(1, reader->descriptor_size + 1);
	if (reader->descriptor)
		return true;
	say("allocating memory for statistics: %s", strerror(errno));
fail:
	close(reader->fd);
	return false;
}

static void close_reader(struct reader *reader)
{
	free(reader->descriptor);
	close(reader->fd);
}

/* One number, or an array for histograms; NULL when all are zero. */
static struct json_object *read_values(const struct reader *reader)
{
	const struct kvm_stats_desc *descriptor = reader->descriptor;
	uint64_t values[MAX_VALUES];
	struct json_object *array;
	size_t i, used = 0, n = descriptor->size;

	if (!n || n > MAX_VALUES ||
	    !read_at(reader, values, n * sizeof(values[0]),
		     (uint64_t)reader->header.data_offset +
		     descriptor->offset))
		return NULL;
	for (i = 0; i < n; i++) {
		if (values[i])
			used = i + 1;
	}
	if (!used)
		return NULL;
	if (n == 1)
		return json_object_new_uint64(values[0]);
	/* Empty buckets at the end say nothing. */
	array = json_object_new_array();
	for (i = 0; array && i < used; i++)
		json_object_array_add(array,
				      json_object_new_uint64(values[i]));
	return array;
}

/* An object with one member for each statistic that is not zero. */
static struct json_object *collect(int fd)
{
	struct json_object *all = json_object_new_object();
	struct json_object *values;
	struct reader reader;
	uint32_t i;

	if (!all || !open_reader(&reader, fd))
		return all;
	for (i = 0; i < reader.header.num_desc; i++) {
		if (!read_at(&reader, reader.descriptor,
			     reader.descriptor_size,
			     reader.header.desc_offset +
			     (uint64_t)i * reader.descriptor_size))
			break;
		values = read_values(&reader);
		if (values)
			json_object_object_add(all, reader.descriptor->name,
					       values);
	}
	close_reader(&reader);
	return all;
}

static void print_text(FILE *file, const char *title,
		       struct json_object *stats)
{
	json_object_object_foreach(stats, name, values)
		fprintf(file, "%-6s %-32s %s\n", title, name,
			json_object_to_json_string(values));
}

static void print(FILE *file, enum stats_format format,
		  struct json_object *root)
{
	struct json_object *vm = json_object_object_get(root, "vm");
	struct json_object *vcpus = json_object_object_get(root, "vcpus");
	char title[32];
	size_t i;

	if (format == STATS_JSON) {
		json_object_to_fd(fileno(file), root, JSON_C_TO_STRING_PRETTY |
				  JSON_C_TO_STRING_SPACED);
		fprintf(file, "\n");
		return;
	}
	print_text(file, "vm", vm);
	for (i = 0; i < json_object_array_length(vcpus); i++) {
		snprintf(title, sizeof(title), "vcpu%zu", i);
		print_text(file, title, json_object_array_get_idx(vcpus, i));
	}
}

void stats_show(const struct vm *vm, enum stats_format format,
		const char *path)
{
	struct json_object *root = json_object_new_object();
	struct json_object *vcpus = json_object_new_array();
	FILE *file = stderr;
	unsigned int i;

	if (!root || !vcpus)
		die_host(SEE_DMESG, "collecting statistics");
	if (path)
		file = fopen(path, "we");
	if (!file)
		die_host("choose another file with --stats-file",
			 "writing statistics to %s", path);
	json_object_object_add(root, "vm", collect(vm->fd));
	json_object_object_add(root, "vcpus", vcpus);
	for (i = 0; i < vm->ncpus; i++)
		json_object_array_add(vcpus, collect(vm->vcpus[i].fd));
	print(file, format, root);
	json_object_put(root);
	if (path && fclose(file))
		die_host("is there room on the disk?",
			 "writing statistics to %s", path);
}
