/* agreement_test.c - every way two walks can relate, counted as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "unwind/agreement.h"

#define AT(file, offset) ((uint64_t)(file) << FRAME_FILE_SHIFT | (offset))

static const uint64_t stack[] = { AT(8, 0x1010), AT(8, 0x1020), AT(9, 0x2030), AT(9, 0x2040) };
static const uint8_t cfi[8]; /* all ORACLE_WAY_CFI */

static enum verdict add(struct agreement *a, const uint64_t *w, size_t n_w, uint32_t end,
			const uint64_t *o, size_t n_o, uint32_t stop)
{
	return agreement_add(a, 7, &(struct agreement_walk){ w, n_w, end, 0 },
			     &(struct agreement_oracle){ o, cfi, n_o, stop });
}

static void the_same(void **state)
{
	struct agreement a = { 0 };

	assert_int_equal(add(&a, stack, 4, WALK_BOTTOM, stack, 4, ORACLE_BOTTOM), VERDICT_SAME);
	assert_int_equal(add(&a, stack, 2, WALK_GAP, stack, 2, ORACLE_NO_CFI), VERDICT_SAME);
	assert_int_equal(a.frames, 6);
	assert_int_equal(a.equal, 6);
	assert_int_equal(a.stacks_same, 2);
	assert_int_equal(a.examples.n, 0);
	assert_int_equal(a.files.n, 2);
	agreement_free(&a);
}

static void one_stopped_early(void **state)
{
	struct agreement a = { 0 };

	assert_int_equal(add(&a, stack, 4, WALK_BOTTOM, stack, 3, ORACLE_COPY), VERDICT_ORACLE_SHORT);
	assert_int_equal(add(&a, stack, 2, WALK_PENDING, stack, 4, ORACLE_BOTTOM), VERDICT_WALK_SHORT);
	assert_int_equal(add(&a, stack, 4, WALK_GAP, stack, 4, ORACLE_BOTTOM), VERDICT_WALK_SHORT);
	assert_int_equal(a.frames, 3 + 2 + 4);
	assert_int_equal(a.equal, a.frames);
	assert_int_equal(a.stacks_differ, 0);
	assert_int_equal(a.oracle_short, 1);
	assert_int_equal(a.walk_short, 2);
	agreement_sort(&a);
	assert_int_equal(a.causes.at[0].reason, ORACLE_COPY);
	assert_int_equal(a.causes.at[0].file, 9);
	assert_int_equal(a.causes.at[1].verdict, VERDICT_WALK_SHORT);
	assert_int_equal(a.causes.at[1].reason, WALK_PENDING); /* in file 8; the gap is in 9 */
	assert_int_equal(a.causes.at[1].file, 8);
	agreement_free(&a);
}

static void a_frame_differs(void **state)
{
	uint64_t other[4];
	struct agreement a = { 0 };

	memcpy(other, stack, sizeof(other));
	other[2] = AT(9, 0x2777);
	assert_int_equal(add(&a, other, 4, WALK_BOTTOM, stack, 4, ORACLE_BOTTOM), VERDICT_FRAME);
	assert_int_equal(a.frames, 4);
	assert_int_equal(a.equal, 2); /* what lies above is chance, though it is the same here */
	assert_int_equal(a.stacks_differ, 1);
	assert_int_equal(a.examples.n, 1);
	assert_int_equal(a.examples.at[0].at, 2);
	assert_int_equal(a.examples.at[0].file, 8);
	assert_int_equal(a.examples.at[0].walk[2], other[2]);
	assert_int_equal(a.examples.at[0].oracle[2], stack[2]);
	for (int i = 0; i < 20; i++)
		add(&a, other, 4, WALK_BOTTOM, stack, 4, ORACLE_BOTTOM);
	assert_int_equal(a.examples.n, AGREEMENT_EXAMPLES);
	assert_int_equal(a.causes.at[0].stacks, 21);
	assert_true(agreement_share(&a) == 0.5);
	agreement_free(&a);
}

/* Where the walk knows better than the description that a frame was interrupted, not called from. */
static void an_interrupted_frame_is_the_same(void **state)
{
	uint8_t ways[4] = { ORACLE_WAY_CFI, ORACLE_WAY_CFI, ORACLE_WAY_SIGNAL };
	uint64_t other[4];
	struct agreement a = { 0 };

	for (int i = 0; i < 4; i++) {
		memcpy(other, stack, sizeof(other));
		other[i]++;
		/* Not the leaf, and not where the oracle knows it, too. */
		assert_int_equal(agreement_add(&a, 1, &(struct agreement_walk){ other, 4, WALK_BOTTOM, 0 },
					       &(struct agreement_oracle){ stack, ways, 4, ORACLE_BOTTOM }),
				 i == 1 || i == 2 ? VERDICT_SAME : VERDICT_FRAME);
	}
	other[3] = stack[3];
	other[2] = stack[2] - 1;
	assert_int_equal(add(&a, other, 4, WALK_BOTTOM, stack, 4, ORACLE_BOTTOM), VERDICT_FRAME);
	agreement_free(&a);
}

static void the_bottom_differs(void **state)
{
	struct agreement a = { 0 };

	assert_int_equal(add(&a, stack, 3, WALK_BOTTOM, stack, 4, ORACLE_BOTTOM), VERDICT_BOTTOM_EARLY);
	assert_int_equal(a.frames, 4);
	assert_int_equal(a.equal, 3);
	assert_int_equal(add(&a, stack, 4, WALK_BOTTOM, stack, 3, ORACLE_BOTTOM), VERDICT_BOTTOM_LATE);
	assert_int_equal(a.frames, 8);
	assert_int_equal(a.equal, 6);
	assert_int_equal(a.stacks_differ, 2);
	agreement_free(&a);
}

static void a_guess_is_said_to_be_one(void **state)
{
	uint64_t other[4];
	uint8_t ways[4] = { ORACLE_WAY_CFI, ORACLE_WAY_GUESS };
	struct agreement a = { 0 };

	memcpy(other, stack, sizeof(other));
	other[2] = AT(9, 0x2777);
	assert_int_equal(agreement_add(&a, 1, &(struct agreement_walk){ other, 4, WALK_BOTTOM, 0 },
				       &(struct agreement_oracle){ stack, ways, 4, ORACLE_BOTTOM }),
			 VERDICT_GUESS);
	agreement_free(&a);
}

static void what_was_mapped_has_changed(void **state)
{
	uint64_t other[4];
	struct agreement a = { 0 };

	memcpy(other, stack, sizeof(other));
	other[1] = AT(FILE_UNKNOWN, 0x7f0000005020); /* the same place in its page */
	assert_int_equal(add(&a, stack, 4, WALK_BOTTOM, other, 2, ORACLE_NO_FILE), VERDICT_MOVED);
	assert_int_equal(a.frames, 1);
	assert_int_equal(a.equal, 1);
	assert_int_equal(a.moved, 1);
	assert_int_equal(a.stacks_differ, 0);
	other[1] = AT(8, 0x3020); /* the same file: no excuse */
	assert_int_equal(add(&a, stack, 4, WALK_BOTTOM, other, 4, ORACLE_BOTTOM), VERDICT_FRAME);
	agreement_free(&a);
}

static void frames_that_were_left_out_are_not_compared(void **state)
{
	struct agreement a = { 0 };

	assert_int_equal(agreement_add(&a, 1, &(struct agreement_walk){ stack + 2, 2, WALK_BOTTOM, 2 },
				       &(struct agreement_oracle){ stack, cfi, 4, ORACLE_BOTTOM }),
			 VERDICT_SAME);
	assert_int_equal(a.frames, 2);
	assert_int_equal(agreement_add(&a, 1, &(struct agreement_walk){ stack, 4, WALK_BOTTOM, 9 },
				       &(struct agreement_oracle){ stack, cfi, 4, ORACLE_COPY }),
			 VERDICT_ORACLE_SHORT);
	agreement_free(&a);
}

static void nothing_is_all_equal(void **state)
{
	struct agreement a = { 0 };

	assert_true(agreement_share(&a) == 1);
	agreement_sort(&a);
	assert_int_equal(add(&a, NULL, 0, WALK_NO_MAPPING, stack, 0, ORACLE_FAILED), VERDICT_SAME);
	agreement_free(&a);
	assert_string_equal(verdict_key(VERDICT_MAX), "?");
	assert_false(verdict_differs(VERDICT_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same),
		cmocka_unit_test(one_stopped_early),
		cmocka_unit_test(a_frame_differs),
		cmocka_unit_test(an_interrupted_frame_is_the_same),
		cmocka_unit_test(the_bottom_differs),
		cmocka_unit_test(a_guess_is_said_to_be_one),
		cmocka_unit_test(what_was_mapped_has_changed),
		cmocka_unit_test(frames_that_were_left_out_are_not_compared),
		cmocka_unit_test(nothing_is_all_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
