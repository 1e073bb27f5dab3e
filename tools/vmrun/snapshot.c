// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file: header, the VM's state, each vCPU's, the devices', memory. All in
 * the layout of the machine that wrote it; memory without its zero pages, as
 * runs that each begin with address and length, up to one of length 0.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "power.h"
#include "report.h"
#include "rtc.h"
#include "serial.h"
#include "snapshot.h"
#include "state.h"
#include "vcpu.h"

#define PAGE 4096u

static const char magic[8] = "vmrun 1";

struct header {
	char magic[8];
	uint32_t vm_size, vcpu_size;	/* of the structures that follow */
	uint32_t ncpus;
	uint32_t irqchip;
	uint64_t memory_size;
};

struct run {
	uint64_t gpa, len;
};

void snapshot_item(struct snapshot *s, void *data, size_t len)
{
	size_t done = s->saving ? fwrite(data, 1, len, s->file) :
				  fread(data, 1, len, s->file);

	if (done == len)
		return;
	if (s->saving || ferror(s->file))
		die_host(s->saving ? "is there room on the disk?" : NULL,
			 "%s %s", s->saving ? "writing" : "reading", s->name);
	die(EXIT_IMAGE, "%s ends too early", s->name);
}

static void open_file(struct snapshot *s, const char *name, bool saving)
{
	s->name = name;
	s->saving = saving;
	s->file = fopen(name, saving ? "wbe" : "rbe");
	if (!s->file)
		die_host("check the path", "opening %s", name);
}

static void close_file(struct snapshot *s)
{
	if (fclose(s->file))
		die_host("is there room on the disk?", "closing %s", s->name);
}

static struct header header_of(const struct vm *vm)
{
	struct header header = {
		.vm_size = sizeof(struct vm_state),
		.vcpu_size = sizeof(struct vcpu_state),
	};

	memcpy(header.magic, magic, sizeof(magic));
	if (vm) {
		header.ncpus = vm->ncpus;
		header.irqchip = vm->irqchip;
		header.memory_size = vm->memory.size;
	}
	return header;
}

void snapshot_open(struct snapshot *s, const char *name,
		   struct snapshot_config *config)
{
	struct header header, ours = header_of(NULL);

	open_file(s, name, false);
	snapshot_item(s, &header, sizeof(header));
	if (memcmp(header.magic, ours.magic, sizeof(magic)) ||
	    header.vm_size != ours.vm_size ||
	    header.vcpu_size != ours.vcpu_size || !header.ncpus ||
	    header.ncpus > 255 || header.memory_size % PAGE ||
	    header.memory_size < MEMORY_MIN || header.memory_size > MEMORY_MAX)
		die(EXIT_IMAGE, "%s is no VM that this vmrun saved", name);
	*config = (struct snapshot_config){
		.ncpus = header.ncpus, .irqchip = header.irqchip,
		.memory_size = header.memory_size,
	};
}

/* ---- memory ---------------------------------------------------------------- */

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

static void save_range(struct snapshot *s, const struct memory_range *range)
{
	uint64_t start, end;

	for (start = 0; start < range->size; start = end) {
		struct run run;

		end = start + PAGE;
		if (is_zero(range->host + start))
			continue;
		while (end < range->size && !is_zero(range->host + end))
			end += PAGE;
		run = (struct run){ range->gpa + start, end - start };
		snapshot_item(s, &run, sizeof(run));
		snapshot_item(s, range->host + start, run.len);
	}
}

static void save_memory(struct snapshot *s, struct memory *memory)
{
	struct run end = { 0, 0 };
	size_t i;

	for (i = 0; i < memory->count; i++)
		save_range(s, &memory->ranges[i]);
	snapshot_item(s, &end, sizeof(end));
}

static void restore_memory(struct snapshot *s, struct memory *memory)
{
	struct run run;
	void *to;

	for (;;) {
		snapshot_item(s, &run, sizeof(run));
		if (!run.len)
			return;
		to = memory_at(memory, run.gpa, run.len);
		if (!to)
			die(EXIT_IMAGE, "%s has memory at %#" PRIx64 " where the guest has none",
			    s->name, run.gpa);
		snapshot_item(s, to, run.len);
	}
}

/* ---- all of it --------------------------------------------------------------- */

static void check(const char *failed, const char *what, unsigned int id)
{
	if (failed)
		die_host(SEE_DMESG,
			 "%s the state of %s %u: %s", what, id == ~0u ? "the VM" : "vCPU",
			 id == ~0u ? 0 : id, failed);
}

static void devices_item(struct snapshot *s, const struct devices *devices)
{
	serial_snapshot(devices->serial, s);
	rtc_snapshot(devices->rtc, s);
	power_snapshot(s);
}

void snapshot_save(const char *name, struct vm *vm,
		   const struct devices *devices)
{
	struct vcpu_state *vcpu = malloc(sizeof(*vcpu));
	struct vm_state *state = malloc(sizeof(*state));
	struct header header = header_of(vm);
	struct snapshot s;
	unsigned int i;

	if (!vcpu || !state)
		die_host(NULL, "allocating memory to save the VM");
	check(state_init(vm->kvm_fd), "reading", ~0u);
	open_file(&s, name, true);
	snapshot_item(&s, &header, sizeof(header));
	/* vCPUs first: reading them may bring interrupts to the chips */
	for (i = 0; i < vm->ncpus; i++) {
		check(state_get_vcpu(vm->vcpus[i].fd, vm->irqchip, vcpu),
		      "reading", i);
		snapshot_item(&s, vcpu, sizeof(*vcpu));
	}
	check(state_get_vm(vm->fd, state), "reading", ~0u);
	snapshot_item(&s, state, sizeof(*state));
	devices_item(&s, devices);
	save_memory(&s, &vm->memory);
	close_file(&s);
	free(vcpu);
	free(state);
}

void snapshot_restore(struct snapshot *s, struct vm *vm,
		      const struct devices *devices)
{
	struct vcpu_state *vcpus = calloc(vm->ncpus, sizeof(*vcpus));
	struct vm_state *state = malloc(sizeof(*state));
	unsigned int i;

	if (!vcpus || !state)
		die_host(NULL, "allocating memory to restore the VM");
	snapshot_item(s, vcpus, vm->ncpus * sizeof(*vcpus));
	snapshot_item(s, state, sizeof(*state));
	check(state_set_vm(vm->fd, state), "writing", ~0u);
	for (i = 0; i < vm->ncpus; i++) {
		if (vcpus[i].msrs.head.nmsrs > STATE_MAX_MSRS ||
		    vcpus[i].cpuid.head.nent > STATE_MAX_CPUID)
			die(EXIT_IMAGE, "%s is damaged", s->name);
		check(state_set_vcpu(vm->vcpus[i].fd, &vcpus[i]), "writing", i);
	}
	/* after the chips: a device may drive its line again */
	devices_item(s, devices);
	restore_memory(s, &vm->memory);
	close_file(s);
	free(vcpus);
	free(state);
}
