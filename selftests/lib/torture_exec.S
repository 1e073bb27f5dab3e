/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's part of the page-table torture: takes the records from tt_cur to
 * tt_end, runs each one's instruction at the CPL it says, by IRET, and stores
 * what came of it. All ends in an exception or in INT, so the way back is the
 * same for a fault and for a success. Every instruction that is tried has a
 * stub; all stubs are in one page, of which CPL 3 has a copy.
 */
#include "layout.h"
#include "torture.h"

/* struct tt_rec */
#define INSN	0
#define RFLAGS	8
#define CS	16
#define SS	24
#define RSP	32
#define RAX	40
#define RBX	48
#define RCX	56
#define RDX	64
#define RSI	72
#define RDI	80
#define VECTOR	88
#define ERROR	96
#define CR2	104
#define RIP	112
#define OFLAGS	120
#define ORAX	128
#define ORDX	136
#define ORSI	144
#define ORDI	152

	.data
	.balign 8
	.globl	tt_cur, tt_end
tt_cur:	.quad	0
tt_end:	.quad	0

	.text
	/* An address per vector, 8 bytes apart */
	.macro	vectors bits
	.balign 16
	.globl	tt\bits\()_vectors
tt\bits\()_vectors:
vec = 0
	.rept	TT_DONE_VEC + 1
	.balign 16
	.if vec >= 32
	push	$0
	.elseif !((1 << vec) & 0x60227d00)	/* has no error code */
	push	$0
	.endif
	.if \bits == 64
	pushq	$vec
	.else
	pushl	$vec
	.endif
	jmp	tt\bits\()_back
vec = vec + 1
	.endr
	.endm

	.code64
	vectors	64

	.globl	tt64_run
tt64_run:
	mov	tt_cur, %rbp
	cmp	tt_end, %rbp
	jae	1f
	mov	$G_STACK(0) - 0x100, %rsp
	push	SS(%rbp)
	push	RSP(%rbp)
	push	RFLAGS(%rbp)
	push	CS(%rbp)
	push	INSN(%rbp)
	mov	RAX(%rbp), %rax
	mov	RBX(%rbp), %rbx
	mov	RCX(%rbp), %rcx
	mov	RDX(%rbp), %rdx
	mov	RSI(%rbp), %rsi
	mov	RDI(%rbp), %rdi
	iretq
1:	out	%al, $PROBE_DONE
	jmp	tt64_run

tt64_back:
	mov	tt_cur, %rbp
	mov	%rax, ORAX(%rbp)
	mov	%rdx, ORDX(%rbp)
	mov	%rsi, ORSI(%rbp)
	mov	%rdi, ORDI(%rbp)
	pop	VECTOR(%rbp)
	pop	ERROR(%rbp)
	pop	RIP(%rbp)
	mov	8(%rsp), %rax
	mov	%rax, OFLAGS(%rbp)
	mov	%cr2, %rax
	mov	%rax, CR2(%rbp)
	addq	$TT_REC_SIZE, tt_cur
	jmp	tt64_run

	.code32
	vectors	32

	.globl	tt32_run
tt32_run:
	mov	tt_cur, %ebp
	cmp	tt_end, %ebp
	jae	1f
	mov	$G_STACK(0) - 0x100, %esp
	pushl	SS(%ebp)		/* not popped where CPL stays 0 */
	pushl	RSP(%ebp)
	pushl	RFLAGS(%ebp)
	pushl	CS(%ebp)
	pushl	INSN(%ebp)
	mov	RAX(%ebp), %eax
	mov	RBX(%ebp), %ebx
	mov	RCX(%ebp), %ecx
	mov	RDX(%ebp), %edx
	mov	RSI(%ebp), %esi
	mov	RDI(%ebp), %edi
	iret
1:	out	%al, $PROBE_DONE
	jmp	tt32_run

tt32_back:
	/* DS has DPL 3, so that it survives IRET to CPL 3 */
	mov	tt_cur, %ebp
	mov	%eax, ORAX(%ebp)
	mov	%edx, ORDX(%ebp)
	mov	%esi, ORSI(%ebp)
	mov	%edi, ORDI(%ebp)
	popl	VECTOR(%ebp)
	popl	ERROR(%ebp)
	popl	RIP(%ebp)
	mov	4(%esp), %eax
	mov	%eax, OFLAGS(%ebp)
	mov	%cr2, %eax
	mov	%eax, CR2(%ebp)
	addl	$TT_REC_SIZE, tt_cur
	jmp	tt32_run

/* ---- the instructions ---------------------------------------------------- */

	.macro	stub name bits insn:vararg
	.globl	tt\bits\()_\name
tt\bits\()_\name:
	\insn
	int	$TT_DONE_VEC
	.endm

	.macro	stubs bits b
	stub	read1 \bits movb (%\b\()bx), %al
	stub	read2 \bits movw (%\b\()bx), %ax
	stub	read4 \bits movl (%\b\()bx), %eax
	stub	write1 \bits movb %al, (%\b\()bx)
	stub	write2 \bits movw %ax, (%\b\()bx)
	stub	write4 \bits movl %eax, (%\b\()bx)
	stub	xchg4 \bits xchgl %eax, (%\b\()bx)
	stub	xadd4 \bits lock xaddl %eax, (%\b\()bx)
	stub	add4 \bits addl %eax, (%\b\()bx)
	stub	or4 \bits lock orl %eax, (%\b\()bx)
	stub	and4 \bits lock andl %eax, (%\b\()bx)
	stub	cmpxchg4 \bits lock cmpxchgl %ecx, (%\b\()bx)
	stub	cmpxchg8b \bits lock cmpxchg8b (%\b\()si)
	stub	movs1 \bits movsb
	stub	movs4 \bits movsl
	stub	exec \bits call *%\b\()bx
	stub	invlpg \bits invlpg (%\b\()bx)
	stub	invpcid \bits invpcid (%\b\()bx), %\b\()ax
	stub	cr0 \bits mov %\b\()ax, %cr0
	stub	cr3 \bits mov %\b\()ax, %cr3
	stub	cr4 \bits mov %\b\()ax, %cr4
	stub	wrmsr \bits wrmsr
	stub	wrpkru \bits wrpkru
	.endm

	.section .text.tt_stubs, "ax", @progbits
	.balign	4096
	.globl	tt_stubs
tt_stubs:
	.code64
	stubs	64 r
	stub	read8 64 movq (%rbx), %rax
	stub	write8 64 movq %rax, (%rbx)
	stub	xchg8 64 xchgq %rax, (%rbx)
	stub	xadd8 64 lock xaddq %rax, (%rbx)
	stub	add8 64 addq %rax, (%rbx)
	stub	or8 64 lock orq %rax, (%rbx)
	stub	and8 64 lock andq %rax, (%rbx)
	stub	cmpxchg8 64 lock cmpxchgq %rcx, (%rbx)
	stub	movs8 64 movsq
	.code32
	stubs	32 e
	.code64
	.balign	4096

	.section .note.GNU-stack, "", @progbits
