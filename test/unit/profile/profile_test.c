/* profile_test.c - interning, labels, names and counts of the model. */
#include <errno.h>

#include "truth_text.h"

static struct profile *fresh(void)
{
	struct profile *p = profile_new("samples", "count");

	assert_non_null(p);
	return p;
}

static void what_goes_in_comes_out(void **state)
{
	struct truth t = truth_new(2000, true);
	struct profile *p = truth_profile(&t);
	struct truth_text a = {0}, b = {0};

	for (size_t i = 0; i < t.n; i++)
		text_put_truth(&a, &t.at[i], 0);
	text_put_profile(&b, p);
	text_assert_equal(&a, &b);
	assert_true(profile_bytes(p) > sizeof(*p) + p->samples.n * sizeof(*p->samples.at));
	profile_free(p);
	free(t.at);
}

static void rows_are_interned_once(void **state)
{
	struct profile *p = fresh();
	struct profile_object o = {.kind = OBJECT_FILE, .path = profile_str(p, "/a")};
	struct profile_line line = {.function = profile_str(p, "f")};
	uint32_t a = profile_object(p, &o), f, g;

	assert_int_equal(profile_object(p, &o), a);
	o.start = 4096;
	assert_int_not_equal(profile_object(p, &o), a);
	f = profile_frame_at(p, a, 16, FRAME_USER);
	assert_int_equal(profile_frame_at(p, a, 16, FRAME_USER), f);
	assert_int_not_equal(profile_frame_at(p, a, 16, FRAME_KERNEL), f);
	assert_int_not_equal(profile_frame_at(p, a, 17, FRAME_USER), f);
	g = profile_frame_named(p, a, 16, FRAME_USER, &line, 1);
	assert_int_not_equal(g, f);
	assert_int_equal(profile_frame_named(p, a, 16, FRAME_USER, &line, 1), g);
	line.line = 7;
	assert_int_not_equal(profile_frame_named(p, a, 16, FRAME_USER, &line, 1), g);
	assert_int_equal(profile_frame_text(p, "x", FRAME_USER),
			 profile_frame_text(p, "x", FRAME_USER));
	assert_int_equal(profile_task(p, 1, 2, "a", "b"), profile_task(p, 1, 2, "a", "b"));
	assert_int_not_equal(profile_task(p, 1, 2, "a", "b"), profile_task(p, 1, 2, "a", "c"));
	assert_int_equal(profile_task(p, 0, 0, "", ""), 0);
	assert_false(p->oom);
	profile_free(p);
}

static void label_sets_ignore_order(void **state)
{
	struct profile *p = fresh();
	struct profile_label a = {.key = profile_str(p, "k"), .number = 1};
	struct profile_label b = {.key = profile_str(p, "l"), .text = profile_str(p, "t")};
	uint32_t ab = profile_labels(p, (struct profile_label[]){a, b}, 2);

	assert_int_equal(profile_labels(p, NULL, 0), 0);
	assert_int_not_equal(ab, 0);
	assert_int_equal(profile_labels(p, (struct profile_label[]){b, a}, 2), ab);
	assert_int_not_equal(profile_labels(p, &a, 1), ab);
	assert_int_not_equal(profile_labels(p, (struct profile_label[]){a, a}, 2), ab);
	profile_free(p);
}

/* The shortcut by hash of the whole stack must give what pushing frame by frame gives. */
static void stacks_equal_pushes(void **state)
{
	struct profile *p = fresh();
	uint32_t ids[20], frames[8];
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		ids[i] = profile_frame_text(p, name, FRAME_USER);
	}
	for (int round = 0; round < 20000; round++) {
		size_t n = truth_random(8);
		uint32_t node = 0;

		for (size_t i = 0; i < n; i++)
			frames[i] = ids[truth_random(4)];
		for (size_t i = n; i-- > 0;)
			node = profile_push(p, node, frames[i]);
		assert_int_equal(profile_stack(p, frames, n), node);
		assert_int_equal(profile_stack(p, frames, n), node);
		for (size_t i = 0; i < n; i++, node = p->nodes.at[node].parent)
			assert_int_equal(p->nodes.at[node].frame, frames[i]);
		assert_int_equal(node, 0);
	}
	profile_free(p);
}

static void a_forged_hash_is_not_believed(void **state)
{
	struct profile *p = fresh();
	uint32_t a = profile_frame_text(p, "a", FRAME_USER),
		 b = profile_frame_text(p, "b", FRAME_USER);
	uint32_t ab = profile_stack(p, (uint32_t[]){a, b}, 2);
	struct profile_object o = {.kind = OBJECT_FILE, .path = profile_str(p, "/1")};
	uint32_t first = profile_object(p, &o);

	/* Every shortcut now leads to the wrong row. */
	for (size_t i = 0; i < p->by_stack.cap; i++)
		p->by_stack.slots[i].value = 1;
	assert_int_equal(profile_stack(p, (uint32_t[]){a, b}, 2), ab);
	for (size_t i = 0; i < p->by_object.heads.cap; i++)
		p->by_object.heads.slots[i].value = first;
	p->objects.at[first].pid = 99;
	assert_int_not_equal(profile_object(p, &o), first);
	profile_free(p);
}

static void bad_ids_are_refused(void **state)
{
	struct profile *p = fresh();
	int64_t one = 1;

	assert_int_equal(profile_sample(p, &(struct profile_sample){.stack = 9}, &one), -EINVAL);
	assert_int_equal(profile_sample(p, &(struct profile_sample){.task = 9}, &one), -EINVAL);
	assert_int_equal(profile_sample(p, &(struct profile_sample){.labels = 9}, &one), -EINVAL);
	assert_int_equal(p->samples.n, 0);
	assert_false(p->oom);
	assert_int_equal(profile_push(p, PROFILE_NONE, 0), PROFILE_NONE);
	assert_int_equal(profile_push(p, 0, 1), PROFILE_NONE);
	assert_true(p->oom);
	assert_int_equal(profile_sample(p, &(struct profile_sample){.stack = PROFILE_NONE}, &one),
			 -ENOMEM);
	profile_free(p);
}

static void labels_say_what_is_known(void **state)
{
	static const struct {
		uint8_t object, frame;
		const char *path, *label;
	} cases[] = {
		{OBJECT_FILE, FRAME_USER, "/lib/libc.so.6", "[libc.so.6]"},
		{OBJECT_FILE, FRAME_USER, "/lib/x (deleted)", "[x]"},
		{OBJECT_FILE, FRAME_USER, "plain", "[plain]"},
		{OBJECT_FILE, FRAME_USER, "/odd/", "[/odd/]"},
		{OBJECT_FILE, FRAME_USER, " (deleted)", "[ (deleted)]"},
		{OBJECT_FILE, FRAME_USER, "", "[unknown]"},
		{OBJECT_VDSO, FRAME_USER, "[vdso]", "[vdso]"},
		{OBJECT_VDSO, FRAME_USER, "", "[vdso]"},
		{OBJECT_KERNEL, FRAME_KERNEL, "/boot/vmlinux", "[kernel]"},
		{OBJECT_MODULE, FRAME_KERNEL, "nf_tables", "[nf_tables]"},
		{OBJECT_MODULE, FRAME_KERNEL, "[ext4]", "[ext4]"},
		{OBJECT_MODULE, FRAME_KERNEL, "", "[kernel]"},
		{OBJECT_BPF, FRAME_KERNEL, "", "[bpf]"},
		{OBJECT_JIT, FRAME_JIT, "/memfd:v8", "[jit]"},
		{OBJECT_OTHER, FRAME_USER, "//anon", "[anon]"},
	};
	struct profile *p = fresh();
	char scratch[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct profile_object o = {.kind = cases[i].object,
					   .pid = (uint32_t)i,
					   .path = profile_str(p, cases[i].path)};
		uint32_t f = profile_frame_at(p, profile_object(p, &o), 64, cases[i].frame);

		assert_string_equal(profile_line_label(p, f, 0, scratch, sizeof(scratch)),
				    cases[i].label);
	}
	assert_string_equal(profile_line_label(p, 0, 0, scratch, sizeof(scratch)), "[unknown]");
	assert_string_equal(profile_line_label(p, 123456, 0, scratch, sizeof(scratch)),
			    "[unknown]");
	profile_free(p);
}

static void names_come_later(void **state)
{
	struct profile *p = fresh();
	struct profile_object o = {.kind = OBJECT_FILE, .path = profile_str(p, "/bin/x")};
	uint32_t f = profile_frame_at(p, profile_object(p, &o), 64, FRAME_USER);
	struct profile_line two[] = {{.function = profile_str(p, "in")},
				     {.function = profile_str(p, "out")}};
	char scratch[64];

	assert_int_equal(profile_frame_lines(p, f), 1);
	profile_frame_set_unnamed(p, f, UNNAMED_STRIPPED);
	assert_int_equal(p->frames.at[f].unnamed, UNNAMED_STRIPPED);
	profile_frame_set_lines(p, f, two, 2);
	assert_int_equal(p->frames.at[f].unnamed, UNNAMED_NAMED);
	profile_frame_set_unnamed(p, f, UNNAMED_STRIPPED);
	assert_int_equal(p->frames.at[f].unnamed, UNNAMED_NAMED);
	assert_int_equal(profile_line_kind(p, f, 0), FRAME_INLINED);
	assert_int_equal(profile_line_kind(p, f, 1), FRAME_USER);
	assert_string_equal(profile_line_label(p, f, 1, scratch, sizeof(scratch)), "out");
	assert_int_equal(profile_frame_at(p, 1, 64, FRAME_USER), f);
	profile_frame_set_lines(p, f, two + 1, 1);
	assert_int_equal(profile_frame_lines(p, f), 1);
	assert_string_equal(profile_line_label(p, f, 0, scratch, sizeof(scratch)), "out");
	profile_free(p);
}

/* The lines given may be the profile's own, whose table moves when it grows. */
static void lines_may_be_the_profiles_own(void **state)
{
	struct profile *p = fresh();
	struct profile_line line = {.function = profile_str(p, "x")};
	uint32_t f = profile_frame_named(p, 0, 1, FRAME_USER, &line, 1);

	for (uint64_t i = 2; i < 300; i++)
		profile_frame_named(p, 0, i, FRAME_USER, p->lines.at, 1);
	assert_int_equal(p->lines.n, 299);
	for (size_t i = 0; i < p->lines.n; i++)
		assert_int_equal(p->lines.at[i].function, line.function);
	assert_int_equal(profile_frame_named(p, 0, 1, FRAME_USER, p->lines.at + 200, 1), f);
	profile_free(p);
}

static void unnamed_frames_are_counted(void **state)
{
	struct truth t = truth_new(3000, true);
	struct profile *p = truth_profile(&t);
	uint64_t unnamed = 0, code = 0, by_cause = 0, gone = 0;

	for (size_t i = 0; i < TRUTH_FRAMES; i++) {
		code += truth_frames[i].kind != FRAME_OFFCPU;
		unnamed += !truth_frames[i].lines[0];
	}
	for (uint32_t i = 1; i < p->frames.n; i++)
		if (p->frames.at[i].offset == 0x400)
			profile_frame_set_unnamed(p, i, UNNAMED_GONE);
	for (int twice = 0; twice < 2; twice++)
		assert_int_equal(profile_count_unnamed(p), 0);
	assert_int_equal(p->ledger.n[LEDGER_FRAMES], code);
	assert_int_equal(p->ledger.n[LEDGER_FRAMES_UNNAMED], unnamed);
	for (size_t i = 0; i < p->ledger.unnamed.n; i++) {
		by_cause += p->ledger.unnamed.at[i].count;
		gone += p->ledger.unnamed.at[i].reason == UNNAMED_GONE;
	}
	assert_int_equal(by_cause, unnamed);
	assert_int_equal(gone, 1);
	profile_free(p);
	free(t.at);
}

static void totals_do_not_wrap(void **state)
{
	struct profile *p = fresh();
	int64_t most = INT64_MAX;

	for (int i = 0; i < 3; i++)
		assert_int_equal(profile_sample(p, &(struct profile_sample){0}, &most), 0);
	assert_true(profile_total(p, 0) == INT64_MAX);
	assert_int_equal(profile_total(p, 7), 0);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(rows_are_interned_once),
		cmocka_unit_test(label_sets_ignore_order),
		cmocka_unit_test(stacks_equal_pushes),
		cmocka_unit_test(a_forged_hash_is_not_believed),
		cmocka_unit_test(bad_ids_are_refused),
		cmocka_unit_test(labels_say_what_is_known),
		cmocka_unit_test(names_come_later),
		cmocka_unit_test(lines_may_be_the_profiles_own),
		cmocka_unit_test(unnamed_frames_are_counted),
		cmocka_unit_test(totals_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
