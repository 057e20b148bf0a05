/* leaf_test.c - code that leaves the stack alone until it returns, and code that does not or might not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unwind/leaf.h"

#define IS(code) assert_true(leaf_is((const uint8_t *)(code), sizeof(code) - 1))
#define IS_NOT(code) assert_false(leaf_is((const uint8_t *)(code), sizeof(code) - 1))

static void leaves(void **state)
{
	/* OpenSSL's question whether AVX-512 IFMA may be used */
	IS("\x8b\x0d\xa2\xe4\x35\x00\x31\xc0\x81\xe1\x00\x00\x23\x80\x81\xf9\x00\x00\x23\x80\x0f\x44\xc1\xf3\xc3"
	   "\x0f\x1f\x80\x00\x00\x00\x00");
	IS("\xc3");
	IS("\xf3\x0f\x1e\xfa\x48\x89\xf8\xc3\xcc\xcc");               /* endbr64; mov %rdi, %rax */
	IS("\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3\x66\x90");       /* rdtsc; shl $32, %rdx; or */
	IS("\x48\x8b\x44\x24\x08\xc3");                               /* mov 8(%rsp), %rax: only reads it */
	IS("\x4c\x8d\x24\x07\x75\xfa\xc3");                           /* lea to r12; jne */
	IS("\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08\xc3");           /* mov imm64, %rax */
	IS("\x66\xb8\x01\x02\xc3\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"); /* mov imm16, %ax */
}

static void no_leaves(void **state)
{
	IS_NOT("");
	IS_NOT("\x90");                     /* does not return */
	IS_NOT("\x55\xc3");                 /* push %rbp */
	IS_NOT("\x5d\xc3");                 /* pop %rbp */
	IS_NOT("\x48\x83\xc4\x08\xc3");     /* add $8, %rsp */
	IS_NOT("\x48\x89\xe5\xc3");         /* mov %rsp, %rbp */
	IS_NOT("\x48\x8d\x64\x24\x08\xc3"); /* lea 8(%rsp), %rsp */
	IS_NOT("\xe8\x00\x00\x00\x00\xc3"); /* call */
	IS_NOT("\xeb\x01\x90\xc3");         /* what is before a jump does not go on to the return */
	IS_NOT("\xff\xe0\xc3");             /* jmp *%rax */
	IS_NOT("\xc9\xc3");                 /* leave */
	IS_NOT("\xc3\x31\xc0\xc3");         /* two functions */
	IS_NOT("\x31\xc0\xc3\x55");         /* no padding behind it */
	IS_NOT("\x8b\x0d\xa2\xe4");         /* cut off */
	IS_NOT("\x66\x66\x66\x66");
	IS_NOT("\xc2\x08\x00");             /* ret $8 */
	IS_NOT("\x48\xbc\x01\x02\x03\x04\x05\x06\x07\x08\xc3"); /* mov imm64, %rsp */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),
		cmocka_unit_test(no_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
