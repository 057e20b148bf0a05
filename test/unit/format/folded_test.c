/* folded_test.c - folded stacks: what is written, what is understood, and that nothing is lost on
 * the way there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

static struct profile *read_text(const char *text)
{
	struct profile *p = NULL;
	struct err e = { 0 };
	int code = format_by_name("folded")->read((const uint8_t *)text, strlen(text), &p, &e);

	if (code)
		fail_msg("reading failed: %s", e.text);
	return p;
}

static char *write_text(const struct profile *p, const struct format_opts *o)
{
	struct out to;
	struct err e = { 0 };
	size_t n;

	out_mem(&to);
	assert_int_equal(format_by_name("folded")->write(p, o, &to, &e), 0);
	out_putc(&to, 0);
	return (char *)buf_take(&to.pending, &n);
}

static void same_after_round(const char *in, const struct format_opts *o, const char *want)
{
	struct profile *p = read_text(in);
	char *got = write_text(p, o);

	assert_string_equal(got, want);
	free(got);
	profile_free(p);
}

static void test_round_trip_is_exact(void **state)
{
	const char *in = "bash;_start;main 3\n"
			 "bash;_start;main;exec_cmd 1\n"
			 "bash;_start;main;exec_cmd;operator new(unsigned long) 12\n"
			 "bash;_start;main;wait_for 7\n"
			 "idle 5\n"
			 "my prog;main 2\n";
	struct format_opts o;

	format_opts_default(&o);
	same_after_round(in, &o, in);
	in = "a;b 1.5\na;c 999499999999999999\n"; /* more digits than a double holds */
	same_after_round(in, &o, "a;b 2\na;c 999499999999999999\n");
}

static void test_annotations_become_kinds(void **state)
{
	const char *in = "c;main;outer;inner_[i];innermost_[i];sys_read_[k];vfs_read_[k] 2\n"
			 "node;main;fn_[j] 3\n";
	struct profile *p = read_text(in);
	struct format_opts o;
	char *got;
	int kernel = 0, jit = 0, inlined = 0;

	for (uint32_t f = 1; f < p->frames.n; f++) {
		kernel += p->frames.at[f].kind == FRAME_KERNEL;
		jit += p->frames.at[f].kind == FRAME_JIT;
		inlined += p->frames.at[f].n_lines == 3;
	}
	assert_int_equal(kernel, 2);
	assert_int_equal(jit, 1);
	assert_int_equal(inlined, 1);
	format_opts_default(&o);
	got = write_text(p, &o);
	assert_null(strstr(got, "_["));
	free(got);
	o.tree.annotate = true;
	got = write_text(p, &o);
	assert_string_equal(got, in);
	free(got);
	profile_free(p);
}

static void test_delimiter_marks_the_kernel(void **state)
{
	const char *in = "c;main;-;sys_read;vfs_read 4\n"
			 "c;main;- 1\n"
			 "c;main;-;sys_write 2\n";
	struct profile *p = read_text(in);
	struct format_opts o;
	char *got;
	int kernel = 0;

	for (uint32_t f = 1; f < p->frames.n; f++)
		kernel += p->frames.at[f].kind == FRAME_KERNEL;
	assert_int_equal(kernel, 3);
	assert_int_equal(profile_total(p, 0), 7);
	format_opts_default(&o);
	o.tree.delimited = true;
	got = write_text(p, &o);
	assert_non_null(strstr(got, "c;main;-;sys_read;vfs_read 4\n"));
	free(got);
	profile_free(p);
}

static void test_foreign_habits(void **state)
{
	struct profile *p = read_text("\xef# not a comment 2\r\n"
				      "# austin: 3.0\n"
				      "# duration: 695345\n"
				      "\n   \n"
				      "a;b 1.5\r\n"
				      "a;c 1.5\r\n"
				      "a;d 1e3\n"
				      "no count here\n"
				      "a;b -3\n"
				      "17\n"
				      "a;;x\t4\n"
				      "a;last 9");

	assert_int_equal(profile_total(p, 0), 2 + 3 + 1000 + 4 + 9);
	assert_int_equal(p->ledger.n[LEDGER_SKIPPED_LINES], 3);
	assert_int_equal(p->ledger.n[LEDGER_TAKEN], profile_total(p, 0));
	profile_free(p);
}

static void test_huge_counts_do_not_overflow(void **state)
{
	struct profile *p = read_text("a;b 9223372036854775807\n"
				      "a;c 4000000000000000000\n"
				      "a;d 4000000000000000000\n"
				      "a;e 1e300\n"
				      "a;f 999999999999999999999999999999999999999999999999999999999999999999999 \n"
				      "a;g 1\n");

	assert_true(profile_total(p, 0) > 0);
	assert_int_equal(p->ledger.n[LEDGER_SKIPPED_LINES], 4);
	profile_free(p);
}

/* What rounding gave too much must not turn into a negative count later. */
static void test_fractions_never_go_below_zero(void **state)
{
	struct profile *p = read_text("a;b 1.5\na;c 0\na;d 0.25\na;e 0.25\n");

	assert_int_equal(profile_total(p, 0), 2);
	for (size_t i = 0; i < p->samples.n; i++)
		assert_true(profile_values(p, i)[0] > 0);
	profile_free(p);
}

static void test_names_cannot_break_lines(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = { .time = PROFILE_NO_TIME };
	struct format_opts o;
	int64_t one = 1;
	uint32_t frames[2];
	char *got;

	frames[1] = profile_frame_text(p, "evil;name\nx", FRAME_USER);
	frames[0] = profile_frame_text(p, "caf\xc3\xa9 au\tlait", FRAME_USER);
	s.stack = profile_stack(p, frames, 2);
	s.task = profile_task(p, 1, 1, "Web Content", "firefox");
	assert_int_equal(profile_sample(p, &s, &one), 0);
	format_opts_default(&o);
	got = write_text(p, &o);
	assert_string_equal(got, "Web Content;evil:name x;caf\xc3\xa9 au lait 1\n");
	free(got);
	s.task = profile_task(p, 2, 2, "#\1x ", "");
	assert_int_equal(profile_sample(p, &s, &one), 0);
	got = write_text(p, &o);
	assert_memory_equal(got, "? x;evil:name x;", 16);
	free(got);
	profile_free(p);
}

static void test_notes_carry_the_ledger(void **state)
{
	struct profile *p = read_text("a;[cut: no table];f 3\n"), *back;
	struct format_opts o;
	char *got;

	assert_int_equal(p->frames.at[1].kind, FRAME_CUT);
	p->ledger.n[LEDGER_EXPECTED] = 10;
	p->ledger.n[LEDGER_LOST_RING] = 7;
	ledger_cut(&p->ledger, ledger_end_of_key("no_table"), 0, 3);
	format_opts_default(&o);
	got = write_text(p, &o);
	assert_string_equal(got, "a;[cut: no table];f 3\n"); /* nothing but stacks unless asked */
	free(got);
	o.notes = true;
	got = write_text(p, &o);
	back = read_text(got);
	assert_int_equal(back->ledger.n[LEDGER_EXPECTED], 10);
	assert_int_equal(back->ledger.n[LEDGER_LOST_RING], 7);
	assert_int_equal(back->ledger.n[LEDGER_SKIPPED_LINES], 0);
	assert_int_equal(back->ledger.cuts.n, 1);
	assert_int_equal(back->ledger.cuts.at[0].count, 3);
	free(got);
	profile_free(p);
	profile_free(back);
}

static void test_probe(void **state)
{
	const struct format *f = format_by_name("folded");
	const char *yes = "a;b 1\na;c 2\n", *no = "#include <stdio.h>\nint main(void)\n{\n}\n";

	assert_int_equal(f->probe((const uint8_t *)yes, strlen(yes)), 1);
	assert_int_equal(f->probe((const uint8_t *)no, strlen(no)), 0);
	assert_int_equal(f->probe((const uint8_t *)"a 1\n\0", 5), 0);
}

static void test_nothing_understood_is_an_error(void **state)
{
	struct profile *p = NULL;
	struct err e = { 0 };

	assert_int_equal(format_by_name("folded")->read((const uint8_t *)"hello\n", 6, &p, &e),
			 -EBADMSG);
	assert_non_null(strstr(e.text, "no line"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_is_exact),
		cmocka_unit_test(test_annotations_become_kinds),
		cmocka_unit_test(test_delimiter_marks_the_kernel),
		cmocka_unit_test(test_foreign_habits),
		cmocka_unit_test(test_huge_counts_do_not_overflow),
		cmocka_unit_test(test_fractions_never_go_below_zero),
		cmocka_unit_test(test_names_cannot_break_lines),
		cmocka_unit_test(test_notes_carry_the_ledger),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_nothing_understood_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
