/* governor_test.c - the governor lowers the rate when the bill is too high, twice in a row, and raises it
 * again after a while; what start-up cost does not count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "session/governor.h"

struct run {
	struct governor g;
	uint64_t now, own, bpf;
};

/* One second in which waggle took `share` of a machine of two processors, half of it in the kernel. */
static bool second(struct run *r, double share)
{
	r->now += NSEC_PER_SEC;
	r->own += (uint64_t)(share * NSEC_PER_SEC);
	r->bpf += (uint64_t)(share * NSEC_PER_SEC);
	return governor_due(&r->g, r->now) && governor_look(&r->g, r->now, r->own, r->bpf);
}

static struct run begin(double allowed)
{
	struct run r = { .now = 1000 * NSEC_PER_SEC };

	governor_init(&r.g, allowed, 2, r.now);
	return r;
}

static void start_up_does_not_count(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 3; i++)
		assert_false(second(&r, 0.5));
	for (int i = 0; i < 20; i++)
		assert_false(second(&r, 0.009));
	assert_int_equal(r.g.weight, 1);
}

static void over_twice_halves_the_rate(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 3; i++)
		second(&r, 0.005);
	assert_false(second(&r, 0.02)); /* once may be chance */
	assert_false(second(&r, 0.008));
	assert_false(second(&r, 0.02));
	assert_true(second(&r, 0.02));
	assert_int_equal(r.g.weight, 2);
	assert_true(r.g.share > 0.019 && r.g.share < 0.021);
}

/* Somebody else's time, told late: 0.3 of a processor for a second, taken back in the next. */
static void what_is_taken_back_was_not_spent(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 3; i++)
		second(&r, 0.005);
	for (int i = 0; i < 20; i++) {
		r.own += 300000000;
		assert_false(second(&r, 0.005)); /* over once */
		r.own -= 300000000;
		assert_false(second(&r, 0.005));
		assert_true(r.g.share < 0.005);
		assert_false(second(&r, 0.005));
	}
	assert_int_equal(r.g.weight, 1);
	for (int i = 0; i < 2; i++) /* and what is spent behind it counts again */
		second(&r, 0.02);
	assert_int_equal(r.g.weight, 2);
}

static void far_over_goes_down_to_the_floor_then_to_depth(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 60; i++)
		second(&r, 0.5);
	assert_int_equal(r.g.weight, GOVERNOR_WEIGHT_MAX);
	assert_int_equal(r.g.weight_most, GOVERNOR_WEIGHT_MAX);
	assert_int_equal(r.g.depth, GOVERNOR_DEPTH_LEAST);
}

static void well_below_comes_back(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 60; i++)
		second(&r, 0.5);
	for (int i = 0; i < 400; i++)
		second(&r, 0.001);
	assert_int_equal(r.g.weight, 1);
	assert_int_equal(r.g.depth, 0);
	assert_int_equal(r.g.weight_most, GOVERNOR_WEIGHT_MAX); /* the ledger still says so */
}

static void just_below_stays(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 6; i++)
		second(&r, 0.03);
	assert_true(r.g.weight > 1);
	r.g.over = 0;
	for (int i = 0; i < 100; i++)
		assert_false(second(&r, 0.0095)); /* at twice the rate it would be over again */
}

/* Work that is the same at any rate, below the limit together with the walks: the rate that a burst lowered
 * comes back. */
static void what_does_not_follow_the_rate_does_not_hold_it(void **state)
{
	struct run r = begin(0.01);

	for (int i = 0; i < 20; i++)
		second(&r, 0.03);
	assert_true(r.g.weight >= 8);
	for (int i = 0; i < 200; i++) {
		r.now += NSEC_PER_SEC;
		r.own += (uint64_t)(2 * 0.005 * NSEC_PER_SEC);
		r.bpf += (uint64_t)(2 * 0.003 * NSEC_PER_SEC / r.g.weight);
		governor_look(&r.g, r.now, r.own, r.bpf);
		assert_true(i < 20 || r.g.share < 0.01);
	}
	assert_int_equal(r.g.weight, 1);
}

static void no_limit_never_looks(void **state)
{
	struct run r = begin(0);

	for (int i = 0; i < 10; i++)
		assert_false(second(&r, 0.9));
	assert_int_equal(r.g.weight, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_up_does_not_count),
		cmocka_unit_test(over_twice_halves_the_rate),
		cmocka_unit_test(what_is_taken_back_was_not_spent),
		cmocka_unit_test(far_over_goes_down_to_the_floor_then_to_depth),
		cmocka_unit_test(well_below_comes_back),
		cmocka_unit_test(just_below_stays),
		cmocka_unit_test(what_does_not_follow_the_rate_does_not_hold_it),
		cmocka_unit_test(no_limit_never_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
