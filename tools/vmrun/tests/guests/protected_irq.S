/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts through the 8259s: from the PIT (0), the serial port (4) and the
 * clock (8), each of which must wake the CPU from HLT more than once. On a
 * slow host the next interrupt may be there before anything else could run, so
 * each handler turns its source off when it has had enough.
 */
#include "guest.inc"
#define VECTOR		0x20
#define IDT		0x200000
#ifndef WANTED
#define WANTED		3
#endif
#define PIC1		0x20
#define PIC2		0xa0
#define EOI		0x20

.macro outb_to port value
	mov	$\value, %al
	mov	$\port, %dx
	out	%al, %dx
.endm

.macro set_gate irq handler
	mov	$\handler, %eax
	mov	%ax, IDT + 8 * (VECTOR + \irq)
	movw	$0x10, IDT + 8 * (VECTOR + \irq) + 2
	movw	$0x8e00, IDT + 8 * (VECTOR + \irq) + 4
	shr	$16, %eax
	mov	%ax, IDT + 8 * (VECTOR + \irq) + 6
.endm

/* Sleeps until \irq came often enough. */
.macro await irq
778:	cli
	cmpl	$WANTED, count + 4 * \irq
	jae	779f
	sti
	hlt
	jmp	778b
779:
.endm

	.code32
	.globl	_start
_start:
	set_gate 0, timer
	set_gate 4, serial
	set_gate 8, clock
	lidt	idtr
	/* Initialise both, vectors from 0x20 on, 0, 2, 4 and 8 let through. */
	outb_to	PIC1, 0x11
	outb_to	PIC2, 0x11
	outb_to	PIC1 + 1, VECTOR
	outb_to	PIC2 + 1, VECTOR + 8
	outb_to	PIC1 + 1, 4
	outb_to	PIC2 + 1, 2
	outb_to	PIC1 + 1, 1
	outb_to	PIC2 + 1, 1
	outb_to	PIC1 + 1, 0xea
	outb_to	PIC2 + 1, 0xfe

	outb_to	0x43, 0x34		/* channel 0, rate generator */
	outb_to	0x40, 0x9c		/* 11932 ticks: 10 ms */
	outb_to	0x40, 0x2e
	await	0

	outb_to	COM1 + 4, 0x0b		/* OUT2: let the interrupt out */
	outb_to	COM1 + 1, 0x02		/* transmitter empty */
	await	4

	outb_to	0x70, 0x0a
	outb_to	0x71, 0x2a		/* 64 a second */
	outb_to	0x70, 0x0b
	outb_to	0x71, 0x42		/* periodic, 24 hours */
	await	8

	exit_with GOOD

timer:
	incl	count
	cmpl	$WANTED, count
	jb	1f
	outb_to	PIC1 + 1, 0xeb
1:	outb_to	PIC1, EOI
	iret

/* Sending a byte leaves the transmitter empty again. */
serial:
	mov	$COM1 + 2, %dx
	in	%dx, %al
	and	$0x0f, %al
	cmp	$0x02, %al
	must_equal
	incl	count + 4 * 4
	cmpl	$WANTED, count + 4 * 4
	jae	1f
	outb_to	COM1, 0x2e
1:	outb_to	PIC1, EOI
	iret

clock:
	outb_to	0x70, 0x0c
	in	$0x71, %al
	and	$0xc0, %al
	cmp	$0xc0, %al
	must_equal
	incl	count + 4 * 8
	cmpl	$WANTED, count + 4 * 8
	jb	1f
	outb_to	0x70, 0x0b
	outb_to	0x71, 0x02
1:	outb_to	PIC2, EOI
	outb_to	PIC1, EOI
	iret

	.balign	4
count:	.fill	16, 4, 0
idtr:	.word	8 * (VECTOR + 16) - 1
	.long	IDT
