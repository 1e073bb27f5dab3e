// SPDX-License-Identifier: GPL-2.0-only
/* Registers, GDT and page tables for a kernel that starts without firmware. */
#include <string.h>
#include <sys/ioctl.h>

#include "entry.h"
#include "layout.h"
#include "report.h"

/* SDM 3A 2.5, 4.5 and 2.2.1 */
enum {
	CR0_PE	= 1 << 0,
	CR0_ET	= 1 << 4,
	CR4_PAE	= 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	PTE_PRESENT = 1 << 0,
	PTE_WRITE = 1 << 1,
	PTE_LARGE = 1 << 7,
	RFLAGS_FIXED = 1 << 1,
};

#define CR0_PG 0x80000000u
#define LARGE_PAGE (2u << 20)
#define PAGE 0x1000u

enum segment_type {
	TYPE_DATA = 3,		/* read, write, accessed */
	TYPE_CODE = 11,		/* execute, read, accessed */
};

static struct kvm_segment flat_segment(uint16_t selector,
				       enum segment_type type,
				       enum cpu_mode mode)
{
	bool long_code = type == TYPE_CODE && mode == MODE_LONG;

	return (struct kvm_segment){
		.base = 0, .limit = 0xffffffff, .selector = selector,
		.type = type, .present = 1, .s = 1, .g = 1,
		.l = long_code, .db = !long_code,
	};
}

static struct kvm_segment real_segment(enum segment_type type)
{
	return (struct kvm_segment){
		.limit = 0xffff, .type = type, .present = 1, .s = 1,
	};
}

/* SDM 3A 3.4.5: the descriptor that would load @segment. */
static uint64_t descriptor(const struct kvm_segment *segment)
{
	uint64_t limit = segment->g ? segment->limit >> 12 : segment->limit;

	return (limit & 0xffff) | (limit >> 16 & 0xf) << 48 |
	       (segment->base & 0xffffff) << 16 |
	       (segment->base >> 24 & 0xff) << 56 |
	       (uint64_t)segment->type << 40 | (uint64_t)segment->s << 44 |
	       (uint64_t)segment->dpl << 45 |
	       (uint64_t)segment->present << 47 |
	       (uint64_t)segment->l << 53 | (uint64_t)segment->db << 54 |
	       (uint64_t)segment->g << 55;
}

static void write_gdt(const struct vm *vm, struct kvm_sregs *sregs)
{
	uint64_t *gdt = memory_at(&vm->memory, GPA_GDT, 4 * sizeof(*gdt));

	gdt[0] = 0;
	gdt[1] = 0;
	gdt[BOOT_CS / 8] = descriptor(&sregs->cs);
	gdt[BOOT_DS / 8] = descriptor(&sregs->ds);
	sregs->gdt.base = GPA_GDT;
	sregs->gdt.limit = 4 * sizeof(*gdt) - 1;
}

/* One PML4 entry, four page-directory pointers, 2048 large pages. */
static void write_page_tables(const struct vm *vm)
{
	uint64_t *pml4 = memory_at(&vm->memory, GPA_PAGE_TABLES, 6 * PAGE);
	uint64_t *pdpt = pml4 + 512;
	uint64_t *pd = pdpt + 512;
	uint64_t i;

	memset(pml4, 0, 6 * PAGE);
	pml4[0] = (GPA_PAGE_TABLES + PAGE) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (GPA_PAGE_TABLES + (2 + i) * PAGE) | PTE_PRESENT |
			  PTE_WRITE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i * LARGE_PAGE | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

static void set_segments(struct kvm_sregs *sregs, enum cpu_mode mode)
{
	struct kvm_segment data;

	if (mode == MODE_REAL) {
		sregs->cs = real_segment(TYPE_CODE);
		data = real_segment(TYPE_DATA);
	} else {
		sregs->cs = flat_segment(BOOT_CS, TYPE_CODE, mode);
		data = flat_segment(BOOT_DS, TYPE_DATA, mode);
	}
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
}

void entry_set_registers(struct vcpu *vcpu, const struct entry_state *entry)
{
	struct kvm_regs regs = {
		.rip = entry->rip, .rsp = entry->rsp, .rax = entry->rax,
		.rbx = entry->rbx, .rsi = entry->rsi, .rflags = RFLAGS_FIXED,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		die_host(SEE_DMESG, "reading the boot CPU's system registers");
	set_segments(&sregs, entry->mode);
	if (entry->mode != MODE_REAL) {
		write_gdt(vcpu->vm, &sregs);
		sregs.cr0 = CR0_PE | CR0_ET;
	}
	if (entry->mode == MODE_LONG) {
		write_page_tables(vcpu->vm);
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = GPA_PAGE_TABLES;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
	}
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		die_host(SEE_DMESG, "setting the boot CPU's system registers");
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		die_host(SEE_DMESG, "setting the boot CPU's registers");
}
