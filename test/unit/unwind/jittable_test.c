/* jittable_test.c - unwind rows of generated code: laid out as runtimes do, moved, replaced, and lies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "unwind/jittable.h"

enum { SIZE = 40 };

/* CFA rsp + 8; after 4 bytes rsp + 32; from byte 36 on rsp + 8. `back`: from the address field to
 * the code. */
static const uint8_t *frame_of(int32_t back, uint8_t data[56])
{
	static const uint8_t frame[56] = {
		20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
		24, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, SIZE, 0, 0, 0, 0, 0x44, 0x0e, 32, 0x60, 0x0e, 8,
	};

	memcpy(data, frame, sizeof(frame));
	memcpy(data + 32, &back, sizeof(back));
	return data;
}

/* CFA - rsp at an offset; 0 where there is no code, -1 for another kind of rule. */
static int rule_at(const struct table *t, uint64_t offset)
{
	const struct unwind_rule *r = &t->rules[0];

	for (size_t i = 0; i < t->n && t->rows[i].offset <= offset; i++)
		r = table_rule(t, i);
	return r->kind == RULE_END ? 0 : r->kind == RULE_RSP ? r->cfa_off : -1;
}

static void check_rows(const struct table *t)
{
	assert_int_equal(t->rules[t->rows[t->n - 1].rule].kind, RULE_END);
	for (size_t i = 1; i < t->n; i++) {
		assert_true(t->rows[i].offset > t->rows[i - 1].offset);
		assert_int_not_equal(t->rows[i].rule, t->rows[i - 1].rule);
	}
}

static void code_as_it_was_made(void **state)
{
	uint8_t data[56];
	struct jittable_code codes[] = {
		{0x10100, SIZE, 0x10100, frame_of(-(SIZE + 32), data), sizeof(data)},
		{0x10400, SIZE, 0x10400, NULL, 0},
		{0x10800, SIZE, 0x10800, data, sizeof(data)},
	};
	struct table t;

	assert_int_equal(jittable_build(codes, 3, 0x10000, 0x20000, &t), 0);
	check_rows(&t);
	assert_int_equal(rule_at(&t, 0xff), 0);
	assert_int_equal(rule_at(&t, 0x100), 8);
	assert_int_equal(rule_at(&t, 0x104), 32);
	assert_int_equal(rule_at(&t, 0x123), 32);
	assert_int_equal(rule_at(&t, 0x124), 8);
	assert_int_equal(rule_at(&t, 0x128), 0);
	assert_int_equal(rule_at(&t, 0x404), 0);
	assert_int_equal(rule_at(&t, 0x804), 32);
	assert_int_equal(t.n_fdes, 2);
	table_free(&t);
	assert_int_equal(jittable_build(codes, 3, 0x30000, 0x40000, &t), -ENODATA);
	assert_int_equal(jittable_build(codes, 0, 0x10000, 0x20000, &t), -ENODATA);
}

static void code_that_was_moved_or_is_half_outside(void **state)
{
	uint8_t data[56];
	struct jittable_code codes[] = {
		{0x10800, SIZE, 0x99000, frame_of(-(SIZE + 32), data), sizeof(data)},
		{0x10000 - 4, SIZE, 0x10000 - 4, data, sizeof(data)},
	};
	struct table t;

	assert_int_equal(jittable_build(codes, 2, 0x10000, 0x10810, &t), 0);
	check_rows(&t);
	assert_int_equal(t.rows[0].offset, 0);
	assert_int_equal(rule_at(&t, 0), 32);
	assert_int_equal(rule_at(&t, 0x20), 8);
	assert_int_equal(rule_at(&t, 0x24), 0);
	assert_int_equal(rule_at(&t, 0x804), 32);
	assert_int_equal(rule_at(&t, 0x80f), 32);
	assert_int_equal(rule_at(&t, 0x810), 0);
	table_free(&t);
}

static void the_last_code_is_what_is_there(void **state)
{
	uint8_t data[56];
	struct jittable_code codes[] = {
		{0x10000, SIZE, 0x10000, frame_of(-(SIZE + 32), data), sizeof(data)},
		{0x10010, SIZE, 0x10010, NULL, 0},
		{0x10014, 8, 0x10014, data, sizeof(data)}, /* its description is longer than it is */
		{0x10200, SIZE, 0x10200, data, 3},         /* cut off */
	};
	struct table t;

	assert_int_equal(jittable_build(codes, 4, 0x10000, 0x20000, &t), 0);
	check_rows(&t);
	assert_int_equal(rule_at(&t, 0xf), 32);
	assert_int_equal(rule_at(&t, 0x10), 0);
	assert_int_equal(rule_at(&t, 0x14), 8);
	assert_int_equal(rule_at(&t, 0x18), 32);
	assert_int_equal(rule_at(&t, 0x1c), 0);
	assert_int_equal(rule_at(&t, 0x200), 0);
	table_free(&t);
}

/* An address that cannot be right: the one description is taken for the whole piece. */
static void a_description_without_a_place(void **state)
{
	uint8_t data[56];
	struct jittable_code code = {0x10000, SIZE, 0x10000, frame_of(12345, data), sizeof(data)};
	struct table t;

	assert_int_equal(jittable_build(&code, 1, 0x10000, 0x20000, &t), 0);
	check_rows(&t);
	assert_int_equal(rule_at(&t, 0), 8);
	assert_int_equal(rule_at(&t, 4), 32);
	assert_int_equal(rule_at(&t, SIZE), 0);
	table_free(&t);
	assert_int_equal(jittable_build(&code, 1, 0x20000, 0x10000, &t), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_as_it_was_made),
		cmocka_unit_test(code_that_was_moved_or_is_half_outside),
		cmocka_unit_test(the_last_code_is_what_is_there),
		cmocka_unit_test(a_description_without_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
