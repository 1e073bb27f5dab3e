/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt entry points in the guest, and the probes.
 */
#include "layout.h"

	.text

/* 64-bit, for handlers in C: 16 bytes a vector, see struct guest_regs */
	.balign 16
	.globl guest_stubs
guest_stubs:
vec = 0
	.rept 256
	.balign 16
	.if vec >= 32
	push	$0
	.elseif !((1 << vec) & 0x60227d00)	/* has no error code */
	push	$0
	.endif
	pushq	$vec
	jmp	guest_common
vec = vec + 1
	.endr

guest_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	cld
	call	guest_exception
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/*
 * guest_user_call(fn, arg): down to CPL 3 and back by a software interrupt,
 * whose handler (0xf0) drops its frame and returns to the caller here.
 */
	.globl	guest_user_call
guest_user_call:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%gs:0, %rax
	mov	%rsp, 0x3f0(%rax)
	mov	%rsp, %rdx
	sub	$0x8000, %rdx		/* the vCPU's user stack */
	and	$~15, %rdx
	mov	%rdi, %rcx
	mov	%rsi, %rdi
	push	$SEL_UDS
	push	%rdx
	pushfq
	push	$SEL_UCS64
	push	$user_start
	iretq
user_start:
	call	*%rcx
	int	$0xf0
	ud2

	.globl	guest_user_return
guest_user_return:
	mov	%gs:0, %rcx
	mov	0x3f0(%rcx), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/*
 * Probes: a few instructions that the host runs one by one, in any mode, by
 * setting RIP. They end with OUT to PROBE_DONE. An exception pushes its
 * vector on top of its frame and does OUT to PROBE_EXC; the host looks at the
 * stack. EBX/RBX is the address, EAX/RAX the value.
 */
	.macro	probe bits
	.balign 16
	.globl	probe\bits\()_stubs
probe\bits\()_stubs:
vec = 0
	.rept 32
	.balign 8
	push	$vec
	jmp	1f
vec = vec + 1
	.endr
1:	out	%al, $PROBE_EXC
	jmp	1b
	.globl	probe\bits\()_nop
probe\bits\()_nop:
	out	%al, $PROBE_DONE
	jmp	.
	.endm

	.macro	probe_insn bits name insn:vararg
	.globl	probe\bits\()_\name
probe\bits\()_\name:
	\insn
	out	%al, $PROBE_DONE
	jmp	.
	.endm

	.code64
	probe	64
	probe_insn 64 read	mov (%rbx), %rax
	probe_insn 64 write	mov %rax, (%rbx)
	probe_insn 64 exec	call *%rbx
	probe_insn 64 invlpg	invlpg (%rbx)
	probe_insn 64 cr0	mov %rax, %cr0
	probe_insn 64 cr3	mov %rax, %cr3
	probe_insn 64 cr4	mov %rax, %cr4
	probe_insn 64 wrmsr	wrmsr

	.code32
	probe	32
	probe_insn 32 read	mov (%ebx), %eax
	probe_insn 32 write	mov %eax, (%ebx)
	probe_insn 32 exec	call *%ebx
	probe_insn 32 invlpg	invlpg (%ebx)
	probe_insn 32 cr0	mov %eax, %cr0
	probe_insn 32 cr3	mov %eax, %cr3
	probe_insn 32 cr4	mov %eax, %cr4
	probe_insn 32 wrmsr	wrmsr

	.code64
	.section .note.GNU-stack, "", @progbits
