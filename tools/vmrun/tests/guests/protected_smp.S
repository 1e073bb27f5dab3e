/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Four CPUs: the first starts the others, each of which adds itself to a
 * bit mask by its APIC id from the local APIC and from CPUID.
 */
#include "guest.inc"
#define CPUS		4
#define TRAMPOLINE	0x8000
#define SEEN		0x9000
#define APIC		0xfee00000
#define APIC_ID		(APIC + 0x20)
#define APIC_SVR	(APIC + 0xf0)
#define APIC_ICR	(APIC + 0x300)
#define INIT_OTHERS	0xc4500
#define SIPI_OTHERS	(0xc4600 | TRAMPOLINE >> 12)

	.code32
	.globl	_start
_start:
	mov	$trampoline, %esi
	mov	$TRAMPOLINE, %edi
	mov	$(end - trampoline), %ecx
	rep movsb
	movl	$0, SEEN
	movl	$0x1ff, APIC_SVR
	movl	$INIT_OTHERS, APIC_ICR
	call	pause_a_while
	movl	$SIPI_OTHERS, APIC_ICR
	call	pause_a_while
	movl	$SIPI_OTHERS, APIC_ICR
1:	pause
	cmpl	$((1 << CPUS) - 2), SEEN
	jne	1b
	exit_with GOOD

pause_a_while:
	mov	$1000, %ecx
1:	in	$0x80, %al
	loop	1b
	ret

	.code16
trampoline:
	cli
	lgdtl	%cs:gdtr - trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $(TRAMPOLINE + protected - trampoline)
	.code32
protected:
	mov	$16, %eax
	mov	%eax, %ds
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	mov	APIC_ID, %ecx
	shr	$24, %ecx
	cmp	%ebx, %ecx
	must_equal
	lock bts %ecx, SEEN
1:	hlt
	jmp	1b
	.balign	8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:	.word	. - gdt - 1
	.long	TRAMPOLINE + gdt - trampoline
end:
