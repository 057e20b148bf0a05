/* renewal_test.c - what was marked is in the renewed profile as it was, what was not is gone, and
 * whoever follows the profile notices nothing.
 */
#include "truth_text.h"

#include "profile/codes.h"
#include "profile/follow.h"
#include "profile/renewal.h"

static char *stack_text(const struct profile *p, uint32_t node)
{
	struct buf b = {0};
	size_t len;

	text_put_stack(&b, p, node);
	buf_putc(&b, 0);
	return (char *)buf_take(&b, &len);
}

/* Random stacks, of which every other leaf stays: it says the same, and nothing else is there. */
static void test_marked_stay(void **state)
{
	struct truth t = truth_new(3000, true);
	struct profile *old = truth_profile(&t), *p = NULL;
	struct renewal *r;
	uint32_t marked = 0, kept = 0;

	assert_int_equal(renewal_new(old, &r), 0);
	for (size_t i = 0; i < old->samples.n; i += 2)
		marked += renewal_mark(r, old->samples.at[i].stack);
	assert_in_range(marked, 100, old->nodes.n - 100);
	assert_int_equal(renewal_mark(r, old->samples.at[0].stack), 0);
	assert_int_equal(renewal_make(r, &p), 0);
	assert_int_equal(p->samples.n, 0);
	assert_int_equal(p->nodes.n, marked + 1);
	for (uint32_t i = 1; i < old->nodes.n; i++) {
		uint32_t to = renewal_node(r, i);
		char *was, *is;

		if (to == PROFILE_NONE)
			continue;
		kept++;
		was = stack_text(old, i);
		is = stack_text(p, to);
		assert_string_equal(was, is);
		assert_int_equal(renewal_frame(r, old->nodes.at[i].frame), p->nodes.at[to].frame);
		free(was);
		free(is);
	}
	assert_int_equal(kept, marked);
	for (size_t i = 0; i < old->samples.n; i += 2)
		assert_int_not_equal(renewal_node(r, old->samples.at[i].stack), PROFILE_NONE);
	for (uint32_t i = 1; i < old->tasks.n; i++) {
		uint32_t to = renewal_task(r, i);

		assert_int_equal(p->tasks.at[to].tid, old->tasks.at[i].tid);
		assert_string_equal(profile_text(p, p->tasks.at[to].comm),
				    profile_text(old, old->tasks.at[i].comm));
	}
	assert_int_equal(p->meta.start_mono, old->meta.start_mono);
	renewal_free(r);
	profile_free(old);
	profile_free(p);
	free(t.at);
}

/* A frame that has its name is still found by its address, which is how samples say it. */
static void test_places_stay_places(void **state)
{
	struct profile *old = profile_new("samples", "count"), *p;
	struct profile_object o = {.kind = OBJECT_FILE, .path = profile_str(old, "/bin/a"), .start = 9};
	uint32_t file[2], frame[2], leaf[2];
	struct profile_line line = {.function = profile_str(old, "work"), .line = 3};
	struct renewal *r;

	for (int i = 0; i < 2; i++, o.start++) { /* alike once they are settled, and yet two files */
		file[i] = profile_object(old, &o);
		frame[i] = profile_frame_at(old, file[i], 0x40, FRAME_USER);
		leaf[i] = profile_push(old, 0, frame[i]);
	}
	old->objects.at[file[0]].start = old->objects.at[file[1]].start = 0;
	profile_frame_set_lines(old, frame[0], &line, 1);
	profile_frame_set_unnamed(old, frame[1], UNNAMED_NO_OBJECT);
	assert_int_equal(renewal_new(old, &r), 0);
	renewal_mark(r, leaf[0]);
	renewal_mark(r, leaf[1]);
	assert_int_equal(renewal_make(r, &p), 0);
	assert_int_not_equal(renewal_object(r, file[0]), renewal_object(r, file[1]));
	for (int i = 0; i < 2; i++) {
		uint32_t at = profile_frame_at(p, renewal_object(r, file[i]), 0x40, FRAME_USER);

		assert_int_equal(at, renewal_frame(r, frame[i]));
		assert_int_equal(p->objects.at[renewal_object(r, file[i])].start, 0);
	}
	assert_int_equal(p->frames.n, 3);
	assert_int_equal(p->frames.at[renewal_frame(r, frame[0])].n_lines, 1);
	assert_int_equal(p->frames.at[renewal_frame(r, frame[1])].unnamed, UNNAMED_NO_OBJECT);
	renewal_free(r);
	profile_free(old);
	profile_free(p);
}

/* Generated code: of five processes one has a stack, one a version of code; the others become one. The
 * ledger's cuts add up. */
static void test_gone_processes(void **state)
{
	struct profile *old = profile_new("samples", "count"), *p;
	struct profile_object o = {.kind = OBJECT_JIT, .path = profile_str(old, "[jit]")};
	struct profile_code code = {.start = 0x1000, .size = 16};
	struct renewal *r;
	uint32_t object[5], leaf = 0;
	uint64_t cuts = 0;

	for (uint32_t i = 0; i < 5; i++) {
		o.pid = 100 + i;
		object[i] = profile_object(old, &o);
		leaf = profile_push(old, 0, profile_frame_at(old, object[i], 0x1000, FRAME_JIT));
		assert_int_equal(ledger_cut(&old->ledger, ledger_end_of_key("stack_read"), object[i], i + 1), 0);
	}
	code.object = object[3];
	code.function = profile_str(old, "f");
	assert_int_not_equal(profile_code(old, &code, NULL, 0, NULL), PROFILE_NONE);
	old->ledger.n[LEDGER_TAKEN] = 77;
	assert_int_equal(renewal_new(old, &r), 0);
	renewal_mark(r, leaf);
	assert_int_equal(renewal_make(r, &p), 0);
	assert_int_equal(p->objects.n, 4); /* none, 103, 104, and one for the rest */
	assert_int_equal(p->objects.at[renewal_object(r, object[4])].pid, 104);
	assert_int_equal(p->objects.at[renewal_object(r, object[3])].pid, 103);
	assert_int_equal(renewal_object(r, object[0]), renewal_object(r, object[2]));
	assert_int_equal(p->codes.n, 1);
	assert_string_equal(profile_text(p, p->codes.at[0].function), "f");
	for (size_t i = 0; i < p->ledger.cuts.n; i++)
		cuts += p->ledger.cuts.at[i].count;
	assert_int_equal(cuts, 15);
	assert_int_equal(p->ledger.cuts.n, 3);
	assert_int_equal(p->ledger.n[LEDGER_TAKEN], 77);
	renewal_free(r);
	profile_free(old);
	profile_free(p);
}

/* Rounds of samples; after each the source is renewed with some of its stacks, or none. */
static void test_followed(void **state)
{
	struct truth t = truth_new(4000, true), none = {NULL, 0};
	struct profile *src = truth_profile(&none), *dst, *whole = truth_profile(&t);
	struct truth_text is = {0}, should = {0};
	struct follow *f;

	assert_int_equal(follow_new(src, &f, &dst), 0);
	for (size_t done = 0; done < t.n; done += 100) {
		struct truth part = {t.at + done, 100};
		struct profile *p;
		struct renewal *r;

		truth_put(src, &part);
		assert_int_equal(follow_turn(f), 0);
		assert_int_equal(follow_samples(f, 0), 0);
		assert_int_equal(renewal_new(src, &r), 0);
		for (size_t i = 0; i < src->samples.n && truth_random(4); i += 1 + truth_random(5))
			renewal_mark(r, src->samples.at[i].stack);
		assert_int_equal(renewal_make(r, &p), 0);
		assert_int_equal(follow_renewed(f, r), 0);
		assert_true(p->nodes.n < 1300); /* it does not grow with what it has met */
		renewal_free(r);
		profile_free(src);
		src = p;
	}
	assert_int_equal(follow_turn(f), 0);
	text_put_profile(&is, dst);
	text_put_profile(&should, whole);
	text_assert_equal(&is, &should);
	follow_free(f);
	profile_free(dst);
	profile_free(src);
	profile_free(whole);
	free(t.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marked_stay),
		cmocka_unit_test(test_places_stay_places),
		cmocka_unit_test(test_gone_processes),
		cmocka_unit_test(test_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
