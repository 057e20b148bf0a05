/* ledger_test.c - keys, causes, and the bar of --strict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "bpf/abi.h"
#include "profile/ledger.h"

static void keys_go_both_ways(void **state)
{
	for (uint32_t i = 0; i < WALK_END_MAX; i++)
		assert_int_equal(ledger_end_of_key(ledger_end_key(i)), i);
	for (uint32_t i = 0; i < UNNAMED_MAX; i++)
		assert_int_equal(ledger_unnamed_of_key(ledger_unnamed_key(i)), i);
	assert_string_equal(ledger_end_key(WALK_PENDING), "table_pending");
	assert_string_equal(ledger_end_key(WALK_END_MAX), "?");
	assert_string_equal(ledger_unnamed_text(UINT32_MAX), "?");
	assert_int_equal(ledger_end_of_key("nonsense"), UINT32_MAX);
	assert_true(ledger_end_whole(WALK_BOTTOM));
	assert_false(ledger_end_whole(WALK_PENDING));
	assert_false(ledger_end_whole(UINT32_MAX));
	for (int i = 0; i < LEDGER_MAX; i++)
		assert_true(ledger_rows()[i].key[0] && ledger_rows()[i].text[0]);
}

static void causes_add_up(void **state)
{
	struct ledger l = {0};

	for (uint32_t i = 0; i < 3000; i++) {
		assert_int_equal(ledger_cut(&l, i % 3, i % 100, 2), 0);
		assert_int_equal(ledger_unnamed(&l, i % 2, 5, 1), 0);
	}
	assert_int_equal(l.cuts.n, 300);
	for (size_t i = 0; i < l.cuts.n; i++)
		assert_int_equal(l.cuts.at[i].count, 20);
	assert_int_equal(l.unnamed.n, 2);
	assert_int_equal(l.unnamed.at[1].count, 1500);
	assert_int_equal(ledger_cut(&l, 0, 0, UINT64_MAX), 0);
	assert_true(l.cuts.at[0].count == UINT64_MAX);
	ledger_clear_cuts(&l);
	assert_int_equal(l.cuts.n, 0);
	assert_int_equal(ledger_cut(&l, 3, 1, 4), 0);
	assert_int_equal(l.cuts.n, 1);
	assert_int_equal(l.cuts.at[0].count, 4);
	ledger_clear_unnamed(&l);
	assert_int_equal(l.unnamed.n, 0);
	assert_int_equal(ledger_unnamed(&l, 1, 5, 1), 0);
	assert_int_equal(l.unnamed.at[0].count, 1);
	ledger_free(&l);
}

static void the_bar(void **state)
{
	static const int lost[] = {LEDGER_LOST_TIMER, LEDGER_LOST_RING, LEDGER_LOST_STACK,
				   LEDGER_LOST_MEMORY, LEDGER_LOST_SCRATCH};
	static const int damage[] = {LEDGER_LOST_DAMAGE, LEDGER_LOST_DAMAGE_BYTES,
				     LEDGER_SKIPPED_LINES};
	struct ledger l = {0};

	assert_null(ledger_below_bar(&l));
	assert_true(ledger_whole_share(&l) == 1);
	l.n[LEDGER_STACKS_USER] = 1000;
	l.n[LEDGER_STACKS_WHOLE] = 990;
	assert_null(ledger_below_bar(&l));
	l.n[LEDGER_STACKS_WHOLE] = 989;
	assert_true(ledger_whole_share(&l) == 0.989);
	assert_non_null(strstr(ledger_below_bar(&l), "99 %"));
	l.n[LEDGER_STACKS_WHOLE] = 1000;
	for (size_t i = 0; i < 5; i++) {
		l.n[lost[i]] = i + 1;
		assert_string_equal(ledger_below_bar(&l), ledger_rows()[lost[i]].text);
		assert_int_equal(ledger_lost(&l), i + 1);
		l.n[lost[i]] = 0;
	}
	for (size_t i = 0; i < 3; i++) {
		l.n[damage[i]] = 1;
		assert_string_equal(ledger_below_bar(&l), ledger_rows()[damage[i]].text);
		assert_int_equal(ledger_lost(&l), 0);
		l.n[damage[i]] = 0;
	}
	l.n[LEDGER_LOST_RING] = l.n[LEDGER_LOST_TIMER] = UINT64_MAX;
	assert_true(ledger_lost(&l) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_go_both_ways),
		cmocka_unit_test(causes_add_up),
		cmocka_unit_test(the_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
