/* jitmap_test.c - a perf map read while it grows, and one that is written anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/jitmap.h"

static void append(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static const char *name(const struct jitmap *m, int fd, size_t i)
{
	static char text[64];

	return jitmap_name(m, fd, i, text, sizeof(text)) ? text : NULL;
}

static void every_reading_is_a_generation(void **state)
{
	struct jitmap m = {0};
	int fd = memfd_create("map", 0);

	append(fd, "1000 10 one\n2000 10 two\nnonsense\n");
	assert_int_equal(jitmap_follow(&m, fd, 100), 0);
	assert_int_equal(m.entries.n, 2);
	assert_int_equal(m.skipped, 1);
	assert_int_equal(jitmap_follow(&m, fd, 200), 0);
	append(fd, "1000 10 three");
	assert_int_equal(jitmap_follow(&m, fd, 300), 0);
	assert_int_equal(m.entries.n, 2); /* the line is not whole yet */
	append(fd, " and more\n");
	assert_int_equal(jitmap_follow(&m, fd, 400), 0);
	assert_int_equal(m.entries.n, 3);
	assert_int_equal(m.times.at[m.entries.at[0].generation], 0);
	assert_int_equal(m.times.at[m.entries.at[2].generation], 300);
	assert_string_equal(name(&m, fd, 1), "two");
	assert_string_equal(name(&m, fd, 2), "three and more");
	jitmap_free(&m);
	close(fd);
}

static void a_map_that_is_written_anew(void **state)
{
	struct jitmap m = {0};
	int fd = memfd_create("map", 0);

	append(fd, "1000 10 one\n2000 10 two\n");
	assert_int_equal(jitmap_follow(&m, fd, 100), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	append(fd, "3000 10 a longer name than was there before\n4000 10 four\n");
	assert_null(name(&m, fd, 0)); /* not another one's name */
	assert_int_equal(jitmap_follow(&m, fd, 200), 0);
	assert_int_equal(m.rewritten, 1);
	assert_int_equal(m.entries.n, 2);
	assert_int_equal(m.entries.at[0].start, 0x3000);
	assert_int_equal(m.times.at[m.entries.at[0].generation], 100);
	assert_string_equal(name(&m, fd, 1), "four");
	assert_int_equal(ftruncate(fd, 4), 0);
	assert_int_equal(jitmap_follow(&m, fd, 300), 0);
	assert_int_equal(m.entries.n, 0);
	jitmap_free(&m);
	close(fd);
}

static void lines_on_the_border_of_a_piece(void **state)
{
	struct jitmap m = {0};
	int fd = memfd_create("map", 0);
	char line[64];

	for (unsigned int i = 0; i < 20000; i++) {
		snprintf(line, sizeof(line), "%x 8 function number %u\n", 0x1000 + i * 16, i);
		append(fd, line);
	}
	assert_int_equal(jitmap_follow(&m, fd, 1), 0);
	assert_int_equal(m.entries.n, 20000);
	assert_int_equal(m.skipped, 0);
	for (unsigned int i = 0; i < 20000; i += 777) {
		snprintf(line, sizeof(line), "function number %u", i);
		assert_string_equal(name(&m, fd, i), line);
	}
	jitmap_free(&m);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reading_is_a_generation),
		cmocka_unit_test(a_map_that_is_written_anew),
		cmocka_unit_test(lines_on_the_border_of_a_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
