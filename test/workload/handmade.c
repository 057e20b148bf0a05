/* handmade.c - assembly with call frame directives as people write them by hand: pushes and pops with
 * adjustments, a frame register that comes and goes, remembered states, escapes with expressions, a
 * saved stack pointer, a return address that moved. Each function calls back in the middle of its odd
 * state, and spins there too, so that it is met as a caller and as the innermost.
 * Usage: handmade [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include "burn.h"

/* long hand_NAME(long (*call)(long), long n): calls call(n). */
#define HAND(name)                                                                              \
	".globl " #name "\n.type " #name ", @function\n.p2align 4\n" #name ":\n"                \
	".cfi_startproc\n"
#define END(name) ".cfi_endproc\n.size " #name ", . - " #name "\n"
/* Spends time here with whatever frame there is: pushed and popped again, described. */
#define SPIN                                                                                    \
	"	mov $400, %ecx\n"                                                               \
	"9:	push %rcx\n	.cfi_adjust_cfa_offset 8\n"                                     \
	"	imul %rcx, %rcx\n	imul %rcx, %rcx\n"                                      \
	"	pop %rcx\n	.cfi_adjust_cfa_offset -8\n"                                    \
	"	dec %ecx\n	jnz 9b\n"
/* The same where the CFA is not counted from rsp. */
#define SPIN_FIXED                                                                              \
	"	mov $400, %ecx\n"                                                               \
	"9:	push %rcx\n	imul %rcx, %rcx\n	imul %rcx, %rcx\n	pop %rcx\n"     \
	"	dec %ecx\n	jnz 9b\n"
/* Without touching the stack. */
#define SPIN_FLAT                                                                               \
	"	mov $400, %ecx\n"                                                               \
	"9:	imul %rcx, %rdx\n	imul %rcx, %rdx\n	dec %ecx\n	jnz 9b\n"

/* rdi = call, rsi = n; calls with a stack that is a multiple of 16 less 8 at entry. */
__asm__(".text\n"
	/* Pushes, one after the other, and a red herring of a saved rbp. */
	HAND(hand_push)
	"	push %rbp\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %rbp, 0\n"
	"	push %rbx\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %rbx, 0\n"
	"	push %r12\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %r12, 0\n"
	"	mov $0x1234, %ebp\n	mov %rdi, %rbx\n	mov %rsi, %r12\n" SPIN
	"	mov %r12, %rdi\n	call *%rbx\n"
	"	pop %r12\n	.cfi_adjust_cfa_offset -8\n	.cfi_restore %r12\n"
	"	pop %rbx\n	.cfi_adjust_cfa_offset -8\n	.cfi_restore %rbx\n"
	"	pop %rbp\n	.cfi_adjust_cfa_offset -8\n	.cfi_restore %rbp\n"
	"	ret\n" END(hand_push)
	/* A frame register that comes, goes in the middle of the function (a return), and is back. */
	HAND(hand_frame)
	"	push %rbp\n	.cfi_def_cfa_offset 16\n	.cfi_offset %rbp, -16\n"
	"	mov %rsp, %rbp\n	.cfi_def_cfa_register %rbp\n"
	"	push %rdi\n	push %rsi\n" SPIN_FIXED
	"	cmpq $0, (%rsp)\n	jne 1f\n"
	"	.cfi_remember_state\n"
	"	leave\n	.cfi_def_cfa %rsp, 8\n	.cfi_restore %rbp\n	ret\n"
	"1:	.cfi_restore_state\n"
	"	mov (%rsp), %rdi\n	call *8(%rsp)\n"
	"	leave\n	.cfi_def_cfa %rsp, 8\n	ret\n" END(hand_frame)
	/* The CFA in another register: rbx, which a callee that saves it must give back. */
	HAND(hand_rbx)
	"	push %rbx\n	.cfi_adjust_cfa_offset 8\n	.cfi_rel_offset %rbx, 0\n"
	"	mov %rsp, %rbx\n	.cfi_def_cfa_register %rbx\n"
	"	sub $200, %rsp\n	and $-64, %rsp\n"
	"	push %rdi\n	push %rsi\n" SPIN_FIXED
	"	pop %rdi\n	pop %rax\n	call *%rax\n"
	"	mov %rbx, %rsp\n	.cfi_def_cfa_register %rsp\n"
	"	pop %rbx\n	.cfi_adjust_cfa_offset -8\n	.cfi_restore %rbx\n	ret\n" END(hand_rbx)
	/* The stack pointer of before is kept in memory: DW_CFA_def_cfa_expression with a load, in the
	 * two spellings that exist (plus_uconst; const1u and plus), as OpenSSL's assembly does. */
	HAND(hand_deref)
	"	mov %rsp, %rax\n	.cfi_def_cfa_register %rax\n"
	"	push %rbp\n	.cfi_offset %rbp, -16\n"
	"	sub $120, %rsp\n	and $-64, %rsp\n"
	"	mov %rax, 24(%rsp)\n"
	"	.cfi_escape 0x0f, 0x05, 0x77, 24, 0x06, 0x23, 8\n" /* *(rsp + 24) + 8 */
	"	mov %rdi, 32(%rsp)\n	mov %rsi, 40(%rsp)\n" SPIN_FLAT
	"	mov 40(%rsp), %rdi\n	call *32(%rsp)\n"
	"	.cfi_escape 0x0f, 0x06, 0x77, 24, 0x06, 0x08, 8, 0x22\n"
	"	mov 24(%rsp), %rdx\n	.cfi_def_cfa %rdx, 8\n"
	"	mov -8(%rdx), %rbp\n	.cfi_restore %rbp\n"
	"	lea (%rdx), %rsp\n	.cfi_def_cfa %rsp, 8\n	ret\n" END(hand_deref)
	/* The same behind rbp, and the caller's rbp found by an expression (GCC's realigned frames). */
	HAND(hand_realign)
	"	lea 8(%rsp), %r10\n	.cfi_def_cfa %r10, 0\n"
	"	and $-64, %rsp\n	push -8(%r10)\n	push %rbp\n"
	"	mov %rsp, %rbp\n	.cfi_escape 0x10, 6, 2, 0x76, 0\n"
	"	push %r10\n	.cfi_escape 0x0f, 3, 0x76, 0x78, 6\n"
	"	sub $24, %rsp\n	mov %rdi, (%rsp)\n	mov %rsi, 8(%rsp)\n" SPIN_FIXED
	"	mov 8(%rsp), %rdi\n	call *(%rsp)\n"
	"	mov -8(%rbp), %r10\n	.cfi_def_cfa %r10, 0\n"
	"	leave\n	.cfi_restore %rbp\n	lea -8(%r10), %rsp\n	.cfi_def_cfa %rsp, 8\n"
	"	ret\n" END(hand_realign)
	/* The return address was moved away from where calls leave it. */
	HAND(hand_moved)
	"	pop %rax\n	.cfi_def_cfa_offset 0\n	.cfi_register %rip, %rax\n"
	"	sub $56, %rsp\n	.cfi_def_cfa_offset 56\n"
	"	mov %rax, 16(%rsp)\n	.cfi_offset %rip, -40\n"
	"	mov %rdi, (%rsp)\n	mov %rsi, 8(%rsp)\n" SPIN
	"	sub $8, %rsp\n	.cfi_adjust_cfa_offset 8\n"
	"	mov 16(%rsp), %rdi\n	call *8(%rsp)\n"
	"	add $8, %rsp\n	.cfi_adjust_cfa_offset -8\n"
	"	mov 16(%rsp), %rdx\n	.cfi_register %rip, %rdx\n"
	"	add $56, %rsp\n	.cfi_def_cfa_offset 0\n"
	"	jmp *%rdx\n" END(hand_moved)
	/* Signed and factored offsets, val_offset of rsp, args_size, a far advance. */
	HAND(hand_signed)
	"	sub $88, %rsp\n	.cfi_escape 0x13, 0x74\n" /* def_cfa_offset_sf -12 * -8 */
	"	.cfi_escape 0x14, 7, 0\n	.cfi_escape 0x2e, 16\n"
	"	mov %rdi, (%rsp)\n	mov %rsi, 8(%rsp)\n" SPIN_FLAT
	"	jmp 1f\n	.fill 70000, 1, 0xcc\n"
	"1:	mov 8(%rsp), %rdi\n	call *(%rsp)\n"
	"	add $88, %rsp\n	.cfi_escape 0x12, 7, 0x7f\n	ret\n" END(hand_signed));

#define HANDS(X)                                                                                \
	X(hand_push, hand_frame) X(hand_frame, hand_rbx) X(hand_rbx, hand_deref)                \
	X(hand_deref, hand_realign) X(hand_realign, hand_moved) X(hand_moved, hand_signed)      \
	X(hand_signed, hand_end)

#define HAND_DECLARE(a, b) long a(long (*call)(long), long n);
HANDS(HAND_DECLARE)
#define HAND_BY(a, b)                                                                           \
	FRAME long by_##a(long n);
HANDS(HAND_BY)

FRAME long by_hand_end(long n)
{
	for (int i = 0; i < 1000; i++)
		n = n * 5 + 1;
	return n;
}

/* Between two hands a function of C, so that every odd frame has an ordinary caller and callee. */
#define HAND_LINK(a, b)                                                                         \
	FRAME long by_##a(long n)                                                               \
	{                                                                                       \
		return a(by_##b, n | 1) + 1;                                                    \
	}
HANDS(HAND_LINK)

FRAME long hand_loop(uint64_t ns)
{
	uint64_t end = burn_cpu_ns() + ns;
	long x = 1;

	do
		for (int i = 0; i < 20; i++)
			x += by_hand_push(x);
	while (burn_cpu_ns() < end);
	return x;
}

int main(int argc, char **argv)
{
	burn_sink = (uint64_t)hand_loop((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
