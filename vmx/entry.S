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
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#define ENTRY_RESUME	(1 << 0)	/* as in vmx/private.h */
#define ENTRY_VERW	(1 << 1)
#define ENTRY_SPEC_CTRL	(1 << 2)
#define ENTRY_IBRS	(1 << 3)
#define HOST_RSP_FIELD	0x6c14		/* SDM 3D B.4.4 */

/* struct vmx_entry */
#define E_HOST_RSP	0
#define E_GUEST_SPEC	8
#define E_HOST_SPEC	16

	.section .rodata
	.balign 2
verw_selector:
	.word	__KERNEL_DS

	.section .noinstr.text, "ax"

/*
 * int vmx_asm_enter(u64 *regs, unsigned long flags, struct vmx_entry *entry)
 *		     %rdi	%rsi		 %rdx
 */
SYM_FUNC_START(vmx_asm_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx			/* entry */
	push	%rsi			/* flags */
	push	%rdi			/* regs: top of stack at the exit */

	/* The stack is where it was last time, unless another path called us */
	cmp	%rsp, E_HOST_RSP(%rdx)
	jne	.Lset_host_rsp
.Lhost_rsp_set:

	/* No host code runs under the guest's setting but what is below */
	/* ... and with the kernel's IBRS what is in the MSR is never the guest's */
	test	$(ENTRY_SPEC_CTRL | ENTRY_IBRS), %esi
	jnz	.Lspec_ctrl_to_guest
.Lspec_ctrl_guest:

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

	/*
	 * The host's SPEC_CTRL before anything that IBRS, STIBP or SSBD are to
	 * protect.
	 */
	mov	8(%rsp), %rsi		/* flags */
	test	$(ENTRY_SPEC_CTRL | ENTRY_IBRS), %esi
	jnz	.Lspec_ctrl_to_host
.Lspec_ctrl_host:

	/* No RET and no indirect branch before this: the guest filled the RSB */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	add	$24, %rsp		/* regs, flags, entry */
	/* one feature: Linux 6.15 gave it the second name */
#if defined(X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT) || \
    defined(X86_FEATURE_CLEAR_BHB_VMEXIT)
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

.Lspec_ctrl_to_guest:
	mov	E_GUEST_SPEC(%rdx), %rax
	cmp	E_HOST_SPEC(%rdx), %rax
	je	.Lspec_ctrl_guest
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
	jmp	.Lspec_ctrl_guest

	/*
	 * A guest that has written it once does so without an exit: read back.
	 * Where the kernel's own code runs with IBRS it has to be written after
	 * each exit, changed or not.
	 */
.Lspec_ctrl_to_host:
	mov	%eax, %ebx		/* the result */
	mov	16(%rsp), %rdi		/* entry */
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	test	$ENTRY_SPEC_CTRL, %esi
	jz	.Lspec_ctrl_write
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, E_GUEST_SPEC(%rdi)
	test	$ENTRY_IBRS, %esi
	jnz	.Lspec_ctrl_write
	cmp	E_HOST_SPEC(%rdi), %rax
	je	.Lspec_ctrl_same
.Lspec_ctrl_write:
	mov	E_HOST_SPEC(%rdi), %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
.Lspec_ctrl_same:
	/* the branches above may have been predicted wrongly */
	lfence
	mov	%ebx, %eax
	jmp	.Lspec_ctrl_host

.Lset_host_rsp:
	mov	$HOST_RSP_FIELD, %eax
.Lwrite_rsp:
	vmwrite	%rsp, %rax
	jbe	.Lrsp_failed
	mov	%rsp, E_HOST_RSP(%rdx)
	jmp	.Lhost_rsp_set

	_ASM_EXTABLE(.Lwrite_rsp, .Lrsp_failed)

	/* nothing of the guest's is in the CPU yet */
.Lrsp_failed:
	mov	$1, %eax
	jmp	.Lspec_ctrl_host

	/*
	 * VMfail, or #UD because VMX is off. The registers hold the guest's
	 * values, the stack is ours.
	 */
.Lfailed:
	UNWIND_HINT_RESTORE
	mov	$1, %eax
	jmp	.Lclear
SYM_FUNC_END(vmx_asm_enter)

/*
 * void vmx_asm_interrupt(unsigned long handler)
 *			  %rdi
 *
 * The stack as the CPU would leave it (SDM 3A 6.14.2); the handler's IRET comes
 * back here. Interrupts stay off.
 */
SYM_FUNC_START(vmx_asm_interrupt)
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	UNWIND_HINT_SAVE
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	CALL_NOSPEC rdi
	UNWIND_HINT_RESTORE
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(vmx_asm_interrupt)
