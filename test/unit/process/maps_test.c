/* maps_test.c - the text of /proc/PID/maps: lines as the kernel writes them, and lines that make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/maps.h"

static void parse(const char *text, struct maps *m)
{
	assert_int_equal(maps_parse(strdup(text), strlen(text), m), 0);
}

static void lines_of_the_kernel(void **state)
{
	char plain[64];
	struct maps m;

	parse("55e4c0a00000-55e4c0a02000 r-xp 00001000 fd:01 1234                       /usr/bin/a b\n"
	      "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
	      "7fff00000000-7fff00002000 r-xp 00000000 00:00 0                          [vdso]\n"
	      "7fff10000000-7fff10001000 r--s 00000000 00:10 99 /memfd:x (deleted)",
	      &m);
	assert_int_equal(m.list.n, 4);
	assert_int_equal(m.skipped, 0);
	assert_int_equal(m.list.at[0].start, 0x55e4c0a00000);
	assert_int_equal(m.list.at[0].end, 0x55e4c0a02000);
	assert_int_equal(m.list.at[0].offset, 0x1000);
	assert_int_equal(m.list.at[0].dev_major, 0xfd);
	assert_int_equal(m.list.at[0].dev_minor, 1);
	assert_int_equal(m.list.at[0].ino, 1234);
	assert_true(m.list.at[0].exec);
	assert_string_equal(maps_path(&m, &m.list.at[0]), "/usr/bin/a b");
	assert_string_equal(maps_path(&m, &m.list.at[1]), "");
	assert_false(m.list.at[1].exec);
	assert_string_equal(maps_path(&m, &m.list.at[2]), "[vdso]");
	assert_string_equal(maps_path(&m, &m.list.at[3]), "/memfd:x (deleted)");
	assert_true(maps_deleted(&m, &m.list.at[3]));
	assert_false(maps_deleted(&m, &m.list.at[0]));
	maps_plain_path(&m, &m.list.at[3], plain, sizeof(plain));
	assert_string_equal(plain, "/memfd:x");
	maps_plain_path(&m, &m.list.at[0], plain, sizeof(plain));
	assert_string_equal(plain, "/usr/bin/a b");
	assert_ptr_equal(maps_find(&m, 0x55e4c0a00000), &m.list.at[0]);
	assert_ptr_equal(maps_find(&m, 0x55e4c0a01fff), &m.list.at[0]);
	assert_null(maps_find(&m, 0x55e4c0a02000));
	assert_null(maps_find(&m, 0));
	assert_null(maps_find(&m, UINT64_MAX));
	maps_free(&m);
}

static void lines_that_make_no_sense(void **state)
{
	struct maps m;

	parse("\nhello\n2000-1000 r-xp 0 0:0 0\n-1000 r-xp 0 0:0 0\n1000-2000 r-x\n"
	      "1000-2000 r-xp 0 0:0\n1000-2000 r-xp 0 0:0 x\n"
	      "1000-2000 r-xp 00000000 00:00 0 first\n1800-3000 r-xp 00000000 00:00 0 overlaps\n"
	      "123456789abcdef01-3 r-xp 0 0:0 0\n",
	      &m);
	assert_int_equal(m.list.n, 1);
	assert_int_equal(m.skipped, 8);
	assert_string_equal(maps_path(&m, &m.list.at[0]), "first");
	maps_free(&m);
	parse("", &m);
	assert_int_equal(m.list.n, 0);
	maps_free(&m);
}

static void of_ourselves(void **state)
{
	const struct maps_range *at;
	struct maps m;
	int fd;

	assert_int_equal(maps_read((uint32_t)getpid(), &m), 0);
	assert_int_equal(m.skipped, 0);
	at = maps_find(&m, (uint64_t)(uintptr_t)of_ourselves);
	assert_non_null(at);
	assert_true(at->exec);
	assert_non_null(strstr(maps_path(&m, at), "maps_test"));
	fd = maps_open((uint32_t)getpid(), &m, at);
	assert_true(fd >= 0);
	close(fd);
	maps_free(&m);
}

static void of_nobody(void **state)
{
	struct maps m;

	assert_int_equal(maps_read(4194304, &m), -ESRCH);
	assert_int_equal(maps_read(2, &m), -ESRCH); /* a kernel thread */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_the_kernel),
		cmocka_unit_test(lines_that_make_no_sense),
		cmocka_unit_test(of_ourselves),
		cmocka_unit_test(of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
