/* mend_test.c - rules for code that its own description leaves out or has wrong: files made to have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/unwind/built.h"

/* OpenSSL 3.0's x25519 counts up where it should count down, right before it returns; and a return that
 * is a jump to an address that was pushed is left as described. */
static void wrong_return(void **state)
{
	static const char source[] =
		"	.text\n	.globl _start\n"
		"_start:	.cfi_startproc\n	sub $72, %rsp\n	.cfi_adjust_cfa_offset 72\n"
		"	nop\n	lea 72(%rsp), %rsp\n	.cfi_adjust_cfa_offset 88\n"
		"wrong:	repz ret\n	.cfi_endproc\n"
		"pushed:	.cfi_startproc\n	nop\n	push %rax\n	.cfi_adjust_cfa_offset 8\n"
		"jump:	ret\n	.cfi_endproc\n"
		"last:	.cfi_startproc\n	ret\n	.cfi_endproc\n";
	struct subject s;
	uint64_t at;
	int rc = 0;

	if (!build_here("return.S", source, "cc -nostdlib -static -o return return.S"))
		skip();
	assert_true(subject_open(&s, in_work("return"), &rc));
	assert_int_equal(rc, 0);
	assert_true(elf_image_to_offset(s.img, symbol_in("return", "wrong"), &at));
	assert_int_equal(rule_at(&s.t, at - 1).cfa_off, 80);
	assert_int_equal(rule_at(&s.t, at).cfa_off, 8);
	assert_int_equal(rule_at(&s.t, at + 1).cfa_off, 8);
	assert_int_equal(rule_at(&s.t, at + 2).cfa_off, 8); /* pushed */
	assert_true(elf_image_to_offset(s.img, symbol_in("return", "jump"), &at));
	assert_int_equal(rule_at(&s.t, at).cfa_off, 16);
	subject_close(&s);
}

/* crtbegin.o's functions behind code that the linker moved to the front. */
static void start_code_behind_cold(void **state)
{
	static const char source[] =
		"__attribute__((cold, noinline)) int cold(int n) { volatile int a[200]; int s = 0;\n"
		"  for (int i = 0; i < 200; i++) a[i] = i * n; for (int i = 0; i < 200; i++) s += a[i];\n"
		"  __asm__ volatile(\".fill 600, 1, 0x90\"); return s; }\n"
		"int warm(int n) { return n; }\n";
	struct subject s;
	uint64_t at;
	int rc = 0;

	if (!build_here("cold.c", source, "cc -O2 -shared -fPIC -fuse-ld=bfd -o cold.so cold.c"))
		skip();
	assert_true(subject_open(&s, in_work("cold.so"), &rc));
	assert_int_equal(rc, 0);
	assert_true(elf_image_to_offset(s.img, symbol_in("cold.so", "frame_dummy"), &at));
	assert_int_equal(rule_at(&s.t, at).kind, RULE_RSP);
	assert_int_equal(rule_at(&s.t, at).cfa_off, 8);
	assert_true(elf_image_to_offset(s.img, symbol_in("cold.so", "deregister_tm_clones"), &at));
	assert_int_equal(rule_at(&s.t, at).kind, RULE_RSP);
	subject_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_return),
		cmocka_unit_test(start_code_behind_cold),
	};

	return cmocka_run_group_tests(tests, work_setup, work_teardown);
}
