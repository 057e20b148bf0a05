/* spans_test.c - flattened ranges against a painter that colours every address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/spans.h"

#define WIDTH  200
#define RANGES 40

static void painted_equals_flattened(void **state)
{
	struct span in[RANGES];

	srand(7);
	for (int round = 0; round < 500; round++) {
		uint32_t want[WIDTH];
		struct spans s;

		for (int x = 0; x < WIDTH; x++)
			want[x] = SPANS_NONE;
		for (uint32_t i = 0; i < RANGES; i++) {
			uint64_t a = (uint64_t)rand() % WIDTH, b = a + (uint64_t)rand() % 30;

			in[i] = (struct span){a, b > WIDTH ? WIDTH : b, i, i};
			for (uint64_t x = a; x < in[i].end; x++)
				want[x] = i;
		}
		assert_int_equal(spans_build(&s, in, RANGES), 0);
		for (uint64_t x = 0; x < WIDTH; x++)
			assert_int_equal(spans_find(&s, x), want[x]);
		assert_true(s.n <= 2 * RANGES + 1);
		spans_free(&s);
	}
}

static void edges(void **state)
{
	struct span in[] = {
		{5, 5, 0, 0},
		{9, 3, 1, 1},
		{0, 1, 2, 2},
		{UINT64_MAX - 1, UINT64_MAX, 3, 3},
	};
	struct spans s = {0};

	assert_int_equal(spans_find(&s, 0), SPANS_NONE);
	assert_int_equal(spans_build(&s, in, 0), 0);
	assert_int_equal(spans_find(&s, 7), SPANS_NONE);
	assert_int_equal(spans_build(&s, in, 4), 0);
	assert_int_equal(spans_find(&s, 0), 2);
	assert_int_equal(spans_find(&s, 1), SPANS_NONE);
	assert_int_equal(spans_find(&s, 5), SPANS_NONE);
	assert_int_equal(spans_find(&s, UINT64_MAX - 1), 3);
	assert_int_equal(spans_find(&s, UINT64_MAX), SPANS_NONE);
	spans_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(painted_equals_flattened),
		cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
