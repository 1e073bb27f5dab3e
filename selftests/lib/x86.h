/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Architecture: constants and one-instruction functions, for host code and
 * for code that runs in a guest. CR and EFLAGS bits come from
 * <asm/processor-flags.h>.
 */
#ifndef SELFTEST_X86_H
#define SELFTEST_X86_H

#include <stdbool.h>
#include <stdint.h>
#include <asm/processor-flags.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Exception vectors (SDM 3A 6.15) */
enum {
	VEC_DE = 0, VEC_DB, VEC_NMI, VEC_BP, VEC_OF, VEC_BR, VEC_UD, VEC_NM,
	VEC_DF, VEC_TS = 10, VEC_NP, VEC_SS, VEC_GP, VEC_PF, VEC_MF = 16,
	VEC_AC, VEC_MC, VEC_XM,
};

/* Does the exception push an error code? */
static inline bool vec_has_error(unsigned int vec)
{
	return vec < 32 && ((1u << vec) & 0x60227d00);
}

/* Page-table entries (SDM 3A 4.5) */
#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_PWT		(1ull << 3)
#define PTE_PCD		(1ull << 4)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_G		(1ull << 8)
#define PTE_PKEY(k)	((u64)(k) << 59)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

/* #PF error code (SDM 3A 4.7) */
#define PFEC_P		0x01
#define PFEC_W		0x02
#define PFEC_U		0x04
#define PFEC_RSVD	0x08
#define PFEC_I		0x10
#define PFEC_PK		0x20

#define PAGE_4K		0x1000ull
#define PAGE_2M		0x200000ull
#define PAGE_4M		0x400000ull
#define PAGE_1G		0x40000000ull

#define EFER_SCE	(1ull << 0)
#define EFER_LME	(1ull << 8)
#define EFER_LMA	(1ull << 10)
#define EFER_NX		(1ull << 11)

#define MSR_TSC			0x10
#define MSR_APIC_BASE		0x1b
#define MSR_TSC_ADJUST		0x3b
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_MISC_ENABLE		0x1a0
#define MSR_DEBUGCTL		0x1d9
#define MSR_PERF_CAPABILITIES	0x345
#define MSR_PAT			0x277
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SFMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(subleaf) : "memory");
	return r;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (u64)hi << 32;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return lo | (u64)hi << 32;
}

static inline void wrmsr(u32 msr, u64 val)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)val),
		     "d"((u32)(val >> 32)) : "memory");
}

#define READ_REG_FN(name, reg)					\
static inline u64 read_##name(void)				\
{								\
	u64 v;							\
								\
	asm volatile("mov %%" reg ", %0" : "=r"(v) : : "memory");	\
	return v;						\
}								\
static inline void write_##name(u64 v)				\
{								\
	asm volatile("mov %0, %%" reg : : "r"(v) : "memory");	\
}

READ_REG_FN(cr0, "cr0")
READ_REG_FN(cr2, "cr2")
READ_REG_FN(cr3, "cr3")
READ_REG_FN(cr4, "cr4")
READ_REG_FN(cr8, "cr8")
READ_REG_FN(dr0, "db0")
READ_REG_FN(dr1, "db1")
READ_REG_FN(dr2, "db2")
READ_REG_FN(dr3, "db3")
READ_REG_FN(dr6, "db6")
READ_REG_FN(dr7, "db7")

static inline void invlpg(u64 addr)
{
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
}

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void hlt(void)
{
	asm volatile("hlt" : : : "memory");
}

static inline void cpu_pause(void)
{
	asm volatile("pause" : : : "memory");
}

#define IO_FN(suffix, type, reg)					\
static inline void out##suffix(u16 port, type v)			\
{									\
	asm volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port) : "memory"); \
}									\
static inline type in##suffix(u16 port)					\
{									\
	type v;								\
									\
	asm volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port) : "memory"); \
	return v;							\
}

IO_FN(b, u8, "al")
IO_FN(w, u16, "ax")
IO_FN(l, u32, "eax")

#define MMIO_FN(bits)							\
static inline u##bits read##bits(u64 addr)				\
{									\
	return *(volatile u##bits *)addr;				\
}									\
static inline void write##bits(u64 addr, u##bits v)			\
{									\
	*(volatile u##bits *)addr = v;					\
}

MMIO_FN(8)
MMIO_FN(16)
MMIO_FN(32)
MMIO_FN(64)

#endif
