/* codes_test.c - generated code named by the time of the sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "profile/codes.h"

static uint32_t jit_object(struct profile *p, uint32_t pid)
{
	struct profile_object o = {.kind = OBJECT_JIT, .pid = pid, .path = profile_str(p, "[jit]")};

	return profile_object(p, &o);
}

static void code(struct profile *p, uint32_t object, uint64_t start, uint64_t from, bool exact,
		 const char *name)
{
	struct profile_code c = {
		.object = object,
		.function = profile_str(p, name),
		.start = start,
		.size = 0x100,
		.from = from,
		.order = (uint32_t)p->codes.n,
		.exact = exact,
	};
	struct profile_code_line lines[] = {{0, 1, profile_str(p, "a.js")},
					    {0x20, 2, profile_str(p, "a.js")}};

	assert_int_not_equal(profile_code(p, &c, lines, 2, NULL), PROFILE_NONE);
}

static void sample(struct profile *p, uint64_t time, uint32_t leaf, uint32_t caller)
{
	struct profile_sample s = {.time = time};
	int64_t one = 1;

	s.stack = profile_push(p, profile_push(p, profile_push(p, 0, profile_frame_text(p, "main",
			       FRAME_USER)), caller), leaf);
	assert_int_equal(profile_sample(p, &s, &one), 0);
}

static const char *leaf_name(const struct profile *p, size_t i)
{
	const struct profile_frame *f = &p->frames.at[p->nodes.at[p->samples.at[i].stack].frame];

	return f->n_lines ? profile_text(p, p->lines.at[f->first_line].function) : NULL;
}

static const char *caller_name(const struct profile *p, size_t i)
{
	uint32_t parent = p->nodes.at[p->samples.at[i].stack].parent;
	const struct profile_frame *f = &p->frames.at[p->nodes.at[parent].frame];

	return f->n_lines ? profile_text(p, p->lines.at[f->first_line].function) : NULL;
}

static void split(struct profile *p)
{
	assert_int_equal(profile_codes_name(p), 0);
	assert_int_equal(profile_codes_split(p), 0);
	assert_false(p->oom);
}

/* The address says A at 10, B at 20, A's caller all the time, nothing before it was announced. */
static void replaced_code_becomes_frames_of_its_own(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t object = jit_object(p, 7);
	uint32_t x = profile_frame_at(p, object, 0x1010, FRAME_JIT);
	uint32_t y = profile_frame_at(p, object, 0x1030, FRAME_JIT);
	uint32_t caller = profile_frame_at(p, object, 0x5000, FRAME_JIT);

	code(p, object, 0x1000, 20, true, "B"); /* rows need not be in order */
	code(p, object, 0x1000, 10, true, "A");
	code(p, object, 0x5000, 0, true, "caller");
	sample(p, 5, x, caller);
	sample(p, 10, x, caller);
	sample(p, 19, x, caller);
	sample(p, 20, x, caller);
	sample(p, 99, x, caller);
	sample(p, 12, y, caller);
	assert_int_equal(profile_codes_name(p), 0);
	assert_int_equal(p->frames.at[x].unnamed, UNNAMED_SEVERAL);
	assert_int_equal(p->frames.at[y].n_lines, 1); /* one thing in all its samples */
	assert_int_equal(p->lines.at[p->frames.at[y].first_line].line, 2);
	assert_int_equal(profile_codes_split(p), 0);
	assert_null(leaf_name(p, 0));
	assert_int_equal(p->frames.at[x].unnamed, UNNAMED_EARLY);
	assert_string_equal(leaf_name(p, 1), "A");
	assert_string_equal(leaf_name(p, 2), "A");
	assert_int_equal(p->samples.at[1].stack, p->samples.at[2].stack);
	assert_string_equal(leaf_name(p, 3), "B");
	assert_string_equal(leaf_name(p, 4), "B");
	assert_string_equal(leaf_name(p, 5), "A");
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(caller_name(p, i), "caller");
	assert_int_equal(profile_count_unnamed(p), 0);
	assert_int_equal(p->ledger.n[LEDGER_FRAMES_UNNAMED], 1);
	profile_free(p);
}

static void a_caller_that_was_replaced(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t object = jit_object(p, 7), other = jit_object(p, 8);
	uint32_t x = profile_frame_at(p, object, 0x1010, FRAME_JIT);
	uint32_t same = profile_frame_at(p, other, 0x1010, FRAME_JIT);
	uint32_t leaf = profile_frame_text(p, "leaf", FRAME_USER);

	code(p, object, 0x1000, 0, true, "A");
	code(p, object, 0x1000, 50, true, "B");
	code(p, other, 0x1000, 0, true, "another process");
	sample(p, 1, leaf, x);
	sample(p, 60, leaf, x);
	sample(p, 60, leaf, same);
	split(p);
	assert_string_equal(caller_name(p, 0), "A");
	assert_string_equal(caller_name(p, 1), "B");
	assert_string_equal(caller_name(p, 2), "another process");
	assert_string_equal(leaf_name(p, 1), "leaf");
	assert_int_equal(profile_count_unnamed(p), 0);
	assert_int_equal(p->ledger.n[LEDGER_FRAMES_UNNAMED], 0);
	profile_free(p);
}

/* Moved away at 30: what else is known roughly holds, and nothing where nothing is. */
static void code_that_was_moved_away(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t object = jit_object(p, 7), caller = profile_frame_text(p, "c", FRAME_USER);
	uint32_t x = profile_frame_at(p, object, 0x1010, FRAME_JIT);
	uint32_t y = profile_frame_at(p, object, 0x3010, FRAME_JIT);

	code(p, object, 0x1000, 10, true, "A");
	code(p, object, 0x1000, 30, true, "");
	code(p, object, 0x3000, 10, true, "C");
	code(p, object, 0x3000, 30, true, "");
	code(p, object, 0x3000, 0, false, "from a map");
	sample(p, 15, x, caller);
	sample(p, 35, x, caller);
	sample(p, 15, y, caller);
	sample(p, 35, y, caller);
	split(p);
	assert_string_equal(leaf_name(p, 0), "A");
	assert_null(leaf_name(p, 1));
	assert_string_equal(leaf_name(p, 2), "C");
	assert_string_equal(leaf_name(p, 3), "from a map");
	profile_free(p);
}

/* A map says what was there by some time: before the first time it is still the best there is. */
static void rough_times(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t object = jit_object(p, 7), caller = profile_frame_text(p, "c", FRAME_USER);
	uint32_t x = profile_frame_at(p, object, 0x1010, FRAME_JIT);
	uint32_t untimed = profile_frame_at(p, object, 0x1020, FRAME_JIT);

	code(p, object, 0x1000, 20, false, "hidden");
	code(p, object, 0x1000, 20, false, "first");
	code(p, object, 0x1000, 40, false, "second");
	sample(p, 1, x, caller);
	sample(p, 25, x, caller);
	sample(p, 45, x, caller);
	sample(p, PROFILE_NO_TIME, untimed, caller);
	split(p);
	assert_string_equal(leaf_name(p, 0), "hidden");
	assert_string_equal(leaf_name(p, 1), "first");
	assert_string_equal(leaf_name(p, 2), "second");
	assert_string_equal(leaf_name(p, 3), "second");
	profile_free(p);
}

static void what_no_code_covers_stays_as_it_is(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t object = jit_object(p, 7), caller = profile_frame_text(p, "c", FRAME_USER);
	uint32_t x = profile_frame_at(p, object, 0x1100, FRAME_JIT);
	bool full;
	struct profile_code bad = {.object = object, .start = UINT64_MAX, .size = 2};

	code(p, object, 0x1000, 0, true, "A");
	sample(p, 1, x, caller);
	split(p);
	assert_null(leaf_name(p, 0));
	assert_int_equal(p->frames.at[x].unnamed, UNNAMED_NOT_TRIED);
	assert_int_equal(profile_code(p, &bad, NULL, 0, &full), PROFILE_NONE);
	assert_false(full);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_code_becomes_frames_of_its_own),
		cmocka_unit_test(a_caller_that_was_replaced),
		cmocka_unit_test(code_that_was_moved_away),
		cmocka_unit_test(rough_times),
		cmocka_unit_test(what_no_code_covers_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
