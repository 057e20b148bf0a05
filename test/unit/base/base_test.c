/* base_test.c - the small things everything stands on: cursor, buffer, interning, map, durations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/intern.h"
#include "base/map64.h"
#include "base/out.h"
#include "base/regex.h"
#include "base/shell.h"

static void leb_round_trip(void **state)
{
	static const int64_t signed_values[] = { 0, 1, -1, 63, 64, -64, -65, 12345678, INT64_MIN,
						 INT64_MAX };
	struct buf b = { 0 };
	struct cursor c;

	for (size_t i = 0; i < 10; i++) {
		buf_sleb(&b, signed_values[i]);
		buf_uleb(&b, (uint64_t)signed_values[i]);
	}
	c = cursor_of(b.data, b.len);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(cursor_sleb(&c), signed_values[i]);
		assert_int_equal(cursor_uleb(&c), (uint64_t)signed_values[i]);
	}
	assert_false(c.bad);
	cursor_u8(&c);
	assert_true(c.bad);
	buf_free(&b);
}

static void intern_is_dense_and_stable(void **state)
{
	struct intern t = { 0 };
	char s[32];

	for (uint32_t i = 0; i < 100000; i++) {
		int n = snprintf(s, sizeof(s), "name%u", i);

		assert_int_equal(intern_put(&t, s, (size_t)n), i + 1);
	}
	assert_int_equal(intern_puts(&t, "name77"), 78);
	assert_int_equal(intern_puts(&t, ""), 0);
	assert_int_equal(intern_find(&t, "nope", 4), INTERN_NONE);
	assert_string_equal(intern_get(&t, 100000), "name99999");
	intern_free(&t);
}

static void map_finds_what_was_put(void **state)
{
	struct map64 m = { 0 };
	bool fresh;

	for (uint64_t k = 0; k < 50000; k++)
		assert_non_null(map64_insert(&m, k << 20, (uint32_t)k, &fresh));
	for (uint64_t k = 0; k < 50000; k++)
		assert_int_equal(*map64_find(&m, k << 20), k);
	assert_null(map64_find(&m, 3));
	map64_free(&m);
}

static void durations(void **state)
{
	uint64_t ns = 42;

	assert_int_equal(duration_parse("10", &ns), 0);
	assert_int_equal(ns, 10 * NSEC_PER_SEC);
	assert_int_equal(duration_parse("1.5s", &ns), 0);
	assert_int_equal(ns, 1500000000);
	assert_int_equal(duration_parse("250us", &ns), 0);
	assert_int_equal(ns, 250000);
	assert_int_equal(duration_parse("2m", &ns), 0);
	assert_int_equal(ns, 120 * NSEC_PER_SEC);
	assert_true(duration_parse("-1", &ns) < 0);
	assert_true(duration_parse("10 apples", &ns) < 0);
	assert_true(duration_parse("nan", &ns) < 0);
	assert_int_equal(ns, 120 * NSEC_PER_SEC);
}

static void output_is_whole_or_absent(void **state)
{
	char path[64];
	struct out o;
	struct err e = { 0 };

	snprintf(path, sizeof(path), "/tmp/waggle-out-test-%d", getpid());
	assert_int_equal(out_open(&o, path, &e), 0);
	out_puts(&o, "hello");
	out_flush(&o);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(out_commit(&o, &e), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(out_open(&o, path, &e), 0);
	out_puts(&o, "other");
	out_abort(&o);
	{
		char text[16] = { 0 };
		FILE *f = fopen(path, "r");

		assert_int_equal(fread(text, 1, 15, f), 5);
		fclose(f);
		assert_string_equal(text, "hello");
	}
	unlink(path);
	assert_true(out_open(&o, "/nonexistent/dir/x", &e) < 0);
	assert_non_null(strstr(e.text, "/nonexistent/dir/x"));
	assert_int_equal(out_open(&o, "/dev/full", &e), 0);
	out_puts(&o, "x");
	assert_int_equal(out_commit(&o, &e), -ENOSPC);
}

static void bad_regex_is_a_sentence(void **state)
{
	struct regex *r;
	struct err e = { 0 };

	assert_true(regex_new("a(b", &r, &e) < 0);
	assert_non_null(strstr(e.text, "a(b"));
	assert_int_equal(regex_new("^a+$", &r, &e), 0);
	assert_true(regex_match(r, "aaa", 3));
	assert_false(regex_match(r, "aab", 3));
	regex_free(r);
}

static void only_plain_words_go_into_commands(void **state)
{
	static const char *const bad[] = { "", "a b", "$(x)", "a;b", "-rf", "~root", "a\nb", "`x`", "a'b",
					   "\xc3\xa4", "*", "a>b", "a&b", "a\\b" };

	assert_true(shell_is_plain("/usr/lib/x86_64-linux-gnu/libstdc++.so.6"));
	assert_true(shell_is_plain("libfoo-1.2~rc1"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (shell_is_plain(bad[i]))
			fail_msg("'%s' is plain", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leb_round_trip),
		cmocka_unit_test(intern_is_dense_and_stable),
		cmocka_unit_test(map_finds_what_was_put),
		cmocka_unit_test(durations),
		cmocka_unit_test(output_is_whole_or_absent),
		cmocka_unit_test(bad_regex_is_a_sentence),
		cmocka_unit_test(only_plain_words_go_into_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
