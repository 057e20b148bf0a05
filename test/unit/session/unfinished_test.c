/* unfinished_test.c - samples that are held back leave with their frames, also when there is no room to hold
 * them: the frames of a stack come once, with the first sample that has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "session/unfinished.h"

struct record {
	struct sample_record head;
	uint64_t words[2];
};

struct seen {
	size_t n, with_frames;
};

static void count(void *ctx, const void *data, size_t len)
{
	const struct record *r = data;
	struct seen *seen = ctx;

	seen->n++;
	if (r->head.flags & SAMPLE_HAS_FRAMES && len == sizeof(*r) && r->words[1] == 7)
		seen->with_frames++;
}

/* More than can be held, all of one stack, whose frames come with the first; no raw stack ever comes. */
static void no_sample_loses_its_frames(void **state)
{
	struct record r = { .head = { .hash = 5, .tgid = 9, .tid = 9, .end = WALK_PENDING, .n_user = 2,
				      .flags = SAMPLE_HAS_FRAMES },
			    .words = { 6, 7 } };
	struct seen seen = { 0 };
	struct unfinished_opts o = { .emit = count, .ctx = &seen };
	struct unfinished *u;
	enum { SAMPLES = 3000 };

	assert_int_equal(unfinished_new(&o, &u), 0);
	assert_true(unfinished_hold(u, &r.head, sizeof(r), 1));
	assert_int_equal(seen.n, 0);
	r.head.flags = 0;
	for (uint64_t i = 1; i < SAMPLES; i++) {
		r.head.time = i;
		assert_true(unfinished_hold(u, &r.head, sizeof(r.head), 1));
	}
	assert_true(seen.n > 0); /* the rest is held */
	unfinished_turn(u, 2, true);
	assert_int_equal(seen.n, SAMPLES);
	assert_int_equal(seen.with_frames, SAMPLES);
	unfinished_free(u);
}

/* A stack nobody has seen the frames of, and one that is whole, are not ours to hold. */
static void others_pass(void **state)
{
	struct record r = { .head = { .hash = 5, .end = WALK_PENDING, .n_user = 2 } };
	struct seen seen = { 0 };
	struct unfinished_opts o = { .emit = count, .ctx = &seen };
	struct unfinished *u;

	assert_int_equal(unfinished_new(&o, &u), 0);
	assert_false(unfinished_hold(u, &r.head, sizeof(r.head), 1));
	assert_false(unfinished_hold(u, &r.head, sizeof(r.head) - 1, 1));
	r.head.flags = SAMPLE_HAS_FRAMES;
	assert_false(unfinished_hold(u, &r.head, sizeof(r) - 1, 1)); /* frames cut off */
	r.head.end = WALK_BOTTOM;
	assert_false(unfinished_hold(u, &r.head, sizeof(r), 1));
	unfinished_turn(u, 2, true);
	assert_int_equal(seen.n, 0);
	unfinished_free(u);
}

static void sum_up(void *ctx, uint64_t hash)
{
	*(uint64_t *)ctx += hash;
}

/* Frames that are kept for samples to come go when two turns of forgetting saw none; whoever comes then must
 * bring them, as the kernel side was told. */
static void frames_are_forgotten(void **state)
{
	struct record r = { .head = { .hash = 5, .tgid = 9, .tid = 9, .end = WALK_PENDING, .n_user = 2,
				      .flags = SAMPLE_HAS_FRAMES },
			    .words = { 6, 7 } };
	struct seen seen = { 0 };
	struct unfinished_opts o = { .emit = count, .ctx = &seen };
	struct unfinished *u;
	uint64_t again = 0;

	assert_int_equal(unfinished_new(&o, &u), 0);
	assert_true(unfinished_hold(u, &r.head, sizeof(r), 1));
	r.head.hash = 6;
	assert_true(unfinished_hold(u, &r.head, sizeof(r), 1));
	unfinished_forget(u, sum_up, &again);
	assert_int_equal(again, 11);
	r.head.flags = 0;
	assert_true(unfinished_hold(u, &r.head, sizeof(r.head), 1));
	again = 0;
	unfinished_forget(u, sum_up, &again); /* 5 did not come */
	assert_int_equal(again, 6);
	assert_true(unfinished_hold(u, &r.head, sizeof(r.head), 1));
	r.head.hash = 5;
	assert_false(unfinished_hold(u, &r.head, sizeof(r.head), 1));
	r.head.flags = SAMPLE_HAS_FRAMES;
	assert_true(unfinished_hold(u, &r.head, sizeof(r), 1));
	unfinished_turn(u, 2, true);
	assert_int_equal(seen.n, 5);
	assert_int_equal(seen.with_frames, 5);
	unfinished_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_sample_loses_its_frames),
		cmocka_unit_test(others_pass),
		cmocka_unit_test(frames_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
