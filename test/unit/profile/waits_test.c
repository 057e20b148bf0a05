/* waits_test.c - classes and labels of waits, and values of which the greatest is taken instead of the
 * sum: in totals, trees, tables of functions and files that add equal samples up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include "format/format.h"
#include "profile/calltree.h"
#include "profile/filter.h"
#include "waits_example.h"

enum { OFF, WAITS, LONGEST };

static void classes_are_found(void **state)
{
	for (int i = 0; i < WAIT_CLASS_MAX; i++) {
		const struct wait_class_row *c = waits_class((enum wait_class)i);

		assert_int_equal(waits_class_of_key(c->key), i);
		if (i != WAIT_ON_CPU)
			assert_int_equal(waits_class_of_frame(c->frame), i);
	}
	assert_int_equal(waits_class_of_key("locks"), WAIT_CLASS_MAX);
	assert_int_equal(waits_class_of_frame(""), WAIT_CLASS_MAX);
	assert_int_equal(waits_class_of_frame("[woken by lock]"), WAIT_CLASS_MAX);
}

static void labels_are_read(void **state)
{
	struct profile *p = waits_example_off();
	const char *lock;
	uint64_t took;

	assert_int_equal(waits_of_labels(p, p->samples.at[0].labels, &took, &lock), WAIT_LOCK);
	assert_int_equal(took, 1 << 22);
	assert_string_equal(lock, "0x7f12a0");
	assert_int_equal(waits_of_labels(p, p->samples.at[4].labels, &took, &lock), WAIT_DISK);
	assert_string_equal(lock, "");
	assert_int_equal(waits_of_labels(p, 0, &took, &lock), WAIT_CLASS_MAX);
	assert_int_equal(took, 0);
	profile_free(p);
}

static void longest_is_a_maximum(void **state)
{
	struct profile *p = waits_example_off();
	struct calltree_opts o = { .root = ROOT_COMM, .value = LONGEST };
	struct function_table *f;
	struct calltree *t;
	bool seen = false;

	assert_false(profile_value_is_max(p, OFF));
	assert_true(profile_value_is_max(p, LONGEST));
	assert_int_equal(profile_total(p, OFF), 26400 * WAITS_MS);
	assert_int_equal(profile_total(p, WAITS), 3763);
	assert_int_equal(profile_total(p, LONGEST), 1000 * WAITS_MS);
	for (int inverted = 0; inverted < 2; inverted++) {
		o.inverted = inverted;
		assert_int_equal(calltree_new(p, &o, &t), 0);
		assert_int_equal(t->nodes.at[0].total, 1000 * WAITS_MS);
		for (uint32_t i = 1; i < t->nodes.n; i++)
			if (!strcmp(calltree_name(t, i), "conn-1"))
				assert_int_equal(t->nodes.at[i].total, 30 * WAITS_MS);
		calltree_free(t);
	}
	assert_int_equal(function_table_new(p, LONGEST, &f), 0);
	assert_int_equal(f->total, 1000 * WAITS_MS);
	for (size_t i = 0; i < f->rows.n; i++)
		if (!strcmp(intern_get(&f->strings, f->rows.at[i].name), "row_lock")) {
			assert_int_equal(f->rows.at[i].total, 110 * WAITS_MS);
			seen = true;
		}
	assert_true(seen);
	function_table_free(f);
	profile_free(p);
}

static struct profile *written_and_read(const struct profile *p, const char *format)
{
	const struct format *f = format_by_name(format);
	struct profile *back = NULL;
	struct format_opts o;
	struct err e = { 0 };
	struct out to;

	format_opts_default(&o);
	out_mem(&to);
	assert_int_equal(f->write(p, &o, &to, &e), 0);
	assert_int_equal(f->read(to.pending.data, to.pending.len, &back, &e), 0);
	out_abort(&to);
	return back;
}

/* pprof adds equal samples up, a merge makes equal samples: neither may add the longest ones. */
static void files_and_merges_keep_it(void **state)
{
	static const char *const formats[] = { "pprof", "waggle" };
	struct err e = { 0 };

	for (size_t i = 0; i < 2; i++) {
		struct profile *p = waits_example_off(), *again = waits_example_off(), *back;

		assert_int_equal(profile_merge(p, again, &e), 0);
		back = written_and_read(p, formats[i]);
		assert_int_equal(back->samples.n, i ? 2 * again->samples.n : again->samples.n);
		assert_int_equal(profile_total(back, OFF), 2 * profile_total(again, OFF));
		assert_int_equal(profile_total(back, WAITS), 2 * profile_total(again, WAITS));
		for (size_t s = 0; s < back->samples.n; s++) {
			uint64_t took;
			const char *lock;

			assert_true(waits_of_labels(back, back->samples.at[s].labels, &took, &lock) <
				    WAIT_CLASS_MAX);
			assert_true((uint64_t)profile_values(back, s)[LONGEST] >= took);
			assert_true(profile_values(back, s)[LONGEST] <= 1000 * WAITS_MS);
		}
		assert_int_equal(profile_total(back, LONGEST), 1000 * WAITS_MS);
		profile_free(p);
		profile_free(again);
		profile_free(back);
	}
}

/* A picture whose widths are sums refuses a maximum; those that print numbers show it. */
static void pictures_refuse_it(void **state)
{
	static const struct {
		const char *format;
		int err;
	} cases[] = { { "svg", -EINVAL }, { "html", -EINVAL }, { "speedscope", -EINVAL },
		      { "folded", 0 },    { "text", 0 },       { "json", 0 } };
	struct profile *p = waits_example_off();
	struct format_opts o;

	format_opts_default(&o);
	o.tree.value = LONGEST;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = { 0 };
		struct out to;

		out_mem(&to);
		assert_int_equal(format_by_name(cases[i].format)->write(p, &o, &to, &e), cases[i].err);
		assert_int_equal(!!e.code, !!cases[i].err);
		out_abort(&to);
	}
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_found),
		cmocka_unit_test(labels_are_read),
		cmocka_unit_test(longest_is_a_maximum),
		cmocka_unit_test(files_and_merges_keep_it),
		cmocka_unit_test(pictures_refuse_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
