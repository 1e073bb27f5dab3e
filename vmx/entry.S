/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM entry and VM exit.
 *
 * General registers go through vcpu->regs; RSP, RIP and RFLAGS through the
 * VMCS. Offsets into regs are 8 * the register's architectural number.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#define ENTRY_RESUME	(1 << 0)	/* as in vmx/private.h */
#define ENTRY_VERW	(1 << 1)
#define ENTRY_SPEC_CTRL	(1 << 2)
#define HOST_RSP_FIELD	0x6c14		/* SDM 3D B.4.4 */

	.section .rodata
	.balign 2
verw_selector:
	.word	__KERNEL_DS

	.section .noinstr.text, "ax"

/*
 * int vmx_asm_enter(u64 *regs, unsigned long flags, u64 *host_rsp,
 *		     struct vcpu *vcpu)
 *		     %rdi	%rsi		 %rdx		%rcx
 */
SYM_FUNC_START(vmx_asm_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rcx			/* vcpu, for vmx_spec_ctrl_to_host() */
	push	%rsi			/* flags */
	push	%rdi			/* regs: top of stack at the exit */

	/* The stack is where it was last time, unless another path called us */
	cmp	%rsp, (%rdx)
	jne	.Lset_host_rsp
.Lhost_rsp_set:

	/* VERW changes ZF, so it comes before the test for launch or resume.
	 * What is loaded after it is the guest's own.
	 */
	test	$ENTRY_VERW, %esi
	jz	.Lno_verw
	verw	verw_selector(%rip)
.Lno_verw:
	test	$ENTRY_RESUME, %esi

	/* MOV leaves the flags alone */
	mov	0x00(%rdi), %rax
	mov	0x08(%rdi), %rcx
	mov	0x10(%rdi), %rdx
	mov	0x18(%rdi), %rbx
	mov	0x28(%rdi), %rbp
	mov	0x30(%rdi), %rsi
	mov	0x40(%rdi), %r8
	mov	0x48(%rdi), %r9
	mov	0x50(%rdi), %r10
	mov	0x58(%rdi), %r11
	mov	0x60(%rdi), %r12
	mov	0x68(%rdi), %r13
	mov	0x70(%rdi), %r14
	mov	0x78(%rdi), %r15
	mov	0x38(%rdi), %rdi

	UNWIND_HINT_SAVE
	jz	.Llaunch
.Lresume:
	vmresume
	jmp	.Lfailed
.Llaunch:
	vmlaunch
	jmp	.Lfailed

	_ASM_EXTABLE(.Lresume, .Lfailed)
	_ASM_EXTABLE(.Llaunch, .Lfailed)

/* HOST_RIP: the guest's registers in the CPU, our stack as it was */
SYM_INNER_LABEL(vmx_asm_exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rdi
	mov	8(%rsp), %rdi		/* regs */
	mov	%rax, 0x00(%rdi)
	mov	%rcx, 0x08(%rdi)
	mov	%rdx, 0x10(%rdi)
	mov	%rbx, 0x18(%rdi)
	mov	%rbp, 0x28(%rdi)
	mov	%rsi, 0x30(%rdi)
	mov	%r8,  0x40(%rdi)
	mov	%r9,  0x48(%rdi)
	mov	%r10, 0x50(%rdi)
	mov	%r11, 0x58(%rdi)
	mov	%r12, 0x60(%rdi)
	mov	%r13, 0x68(%rdi)
	mov	%r14, 0x70(%rdi)
	mov	%r15, 0x78(%rdi)
	pop	0x38(%rdi)

	xor	%eax, %eax		/* result: an exit */

.Lclear:
	/*
	 * No guest value may be left for host code to speculate with. RBX, RBP
	 * and R12 to R15 are restored below, but a misspeculated path may use
	 * them before.
	 */
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/* No RET and no indirect branch before this: the guest filled the RSB */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	pop	%rdi			/* regs */
	pop	%rsi			/* flags */
	pop	%rdi			/* vcpu */
	test	$ENTRY_SPEC_CTRL, %esi
	jnz	.Lspec_ctrl
.Lspec_ctrl_done:
#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	/* clobbers RAX and RCX */
	mov	%eax, %ebx
	CLEAR_BRANCH_HISTORY_VMEXIT
	mov	%ebx, %eax
#endif
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lspec_ctrl:
	/* also before the first RET (SDM: IBRS must cover it) */
	mov	%eax, %ebx
	call	vmx_spec_ctrl_to_host
	mov	%ebx, %eax
	jmp	.Lspec_ctrl_done

.Lset_host_rsp:
	mov	$HOST_RSP_FIELD, %eax
.Lwrite_rsp:
	vmwrite	%rsp, %rax
	jbe	.Lrsp_failed
	mov	%rsp, (%rdx)
	jmp	.Lhost_rsp_set

	_ASM_EXTABLE(.Lwrite_rsp, .Lrsp_failed)

.Lrsp_failed:
	mov	$1, %eax
	jmp	.Lclear

	/*
	 * VMfail, or #UD because VMX is off. The registers hold the guest's
	 * values, the stack is ours.
	 */
.Lfailed:
	UNWIND_HINT_RESTORE
	mov	$1, %eax
	jmp	.Lclear
SYM_FUNC_END(vmx_asm_enter)
