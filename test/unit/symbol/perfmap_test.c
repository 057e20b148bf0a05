/* perfmap_test.c - JIT symbol maps as runtimes write them, and as nobody should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/perfmap.h"

static struct perfmap *map_of(const char *text)
{
	struct perfmap *m;

	assert_int_equal(perfmap_new(strdup(text), strlen(text), &m), 0);
	return m;
}

static void forms_of_numbers_and_names(void **state)
{
	struct perfmap *m = map_of("7f0000001000 20 JS:~f /a b.js:1:2\n"
				   "0x7f0000002000 0X10 int Busy.inner(int)\r\n"
				   "  7F0000003000\t8  tabs and blanks  \n"
				   "\n"
				   "7f0000004000 8 no newline");

	assert_int_equal(perfmap_count(m), 4);
	assert_int_equal(perfmap_skipped(m), 0);
	assert_string_equal(perfmap_find(m, 0x7f0000001000), "JS:~f /a b.js:1:2");
	assert_string_equal(perfmap_find(m, 0x7f000000101f), "JS:~f /a b.js:1:2");
	assert_null(perfmap_find(m, 0x7f0000001020));
	assert_string_equal(perfmap_find(m, 0x7f0000002001), "int Busy.inner(int)");
	assert_string_equal(perfmap_find(m, 0x7f0000003007), "tabs and blanks");
	assert_string_equal(perfmap_find(m, 0x7f0000004000), "no newline");
	perfmap_free(m);
}

static void later_lines_win(void **state)
{
	struct perfmap *m = map_of("1000 1000 old\n1400 200 new\n1480 10 newest\n1480 10 last\n");

	assert_string_equal(perfmap_find(m, 0x13ff), "old");
	assert_string_equal(perfmap_find(m, 0x1400), "new");
	assert_string_equal(perfmap_find(m, 0x1485), "last");
	assert_string_equal(perfmap_find(m, 0x1490), "new");
	assert_string_equal(perfmap_find(m, 0x1600), "old");
	assert_null(perfmap_find(m, 0x2000));
	perfmap_free(m);
}

static void lies_are_skipped_and_counted(void **state)
{
	struct perfmap *m = map_of("hello\n"
				   "1000 zz name\n"
				   "1000 10\n"
				   "1000 10 \n"
				   "1000 0 empty\n"
				   "ffffffffffffffff 10 wraps\n"
				   "11112222333344445 10 too long\n"
				   "0x 10 none\n"
				   "-5 10 negative\n"
				   "2000 10 good\n");

	assert_int_equal(perfmap_count(m), 1);
	assert_int_equal(perfmap_skipped(m), 9);
	assert_string_equal(perfmap_find(m, 0x2000), "good");
	assert_null(perfmap_find(m, 0x1000));
	perfmap_free(m);
}

static void only_regular_files_are_read(void **state)
{
	struct perfmap *m = NULL;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(perfmap_read(fds[0], &m), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	assert_null(m);
	m = map_of("");
	assert_null(perfmap_find(m, 0));
	perfmap_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_numbers_and_names),
		cmocka_unit_test(later_lines_win),
		cmocka_unit_test(lies_are_skipped_and_counted),
		cmocka_unit_test(only_regular_files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
