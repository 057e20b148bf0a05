/* option_test.c - the option parser: every type, every way to get it wrong, and the suggestions.
 * The command line code is not in the library, so its sources are included here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../../src/cli/nearest.c"
#include "../../../src/cli/option.c"

struct shared {
	struct option_texts outputs;
	bool quiet;
};

struct values {
	struct option_ids pids, cpus;
	uint32_t hz, by;
	uint64_t count, wait;
	double share;
	const char *comm;
	bool all;
	struct shared shared;
};

static const char *const by_choices[] = { "comm", "process", NULL };

static const struct option_row shared_rows[] = {
	{ "output", 'o', OPTION_TEXTS, offsetof(struct shared, outputs), "FILE", "where to" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct shared, quiet), NULL, "say nothing" },
	{ NULL },
};

static const struct option_row own_rows[] = {
	{ "pid", 'p', OPTION_IDS, offsetof(struct values, pids), "PID,..", "which", 1, 4194304 },
	{ "cpu", 'C', OPTION_CPUS, offsetof(struct values, cpus), "CPU,..", "where" },
	{ "frequency", 'F', OPTION_U32, offsetof(struct values, hz), "HZ", "rate", 1, 100000 },
	{ "count", 'c', OPTION_U64, offsetof(struct values, count), "N", "period", 1, 0 },
	{ "wait", 0, OPTION_DURATION, offsetof(struct values, wait), "TIME", "how long" },
	{ "share", 0, OPTION_DOUBLE, offsetof(struct values, share), "X", "how much", 0, 1 },
	{ "by", 0, OPTION_CHOICE, offsetof(struct values, by), "WHAT", "root", 0, 0, by_choices },
	{ "comm", 0, OPTION_TEXT, offsetof(struct values, comm), "NAME", "who" },
	{ "all", 'a', OPTION_FLAG, offsetof(struct values, all), NULL, "everything" },
	{ "storage", 0, OPTION_REFUSED, 0, NULL, "there is no limit to set" },
	{ NULL },
};

static const struct option_table tables[] = {
	{ own_rows, 0 },
	{ shared_rows, offsetof(struct values, shared) },
	{ NULL, 0 },
};

/* Parses words parted by blanks. */
static int parse(const char *line, struct values *v, struct option_rest *rest, struct err *e)
{
	static char copy[256];
	char *argv[32] = { "waggle" };
	int argc = 1;

	*v = (struct values){ .hz = 99 };
	*e = (struct err){ 0 };
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return option_parse(argc, argv, tables, v, rest, e);
}

static void every_type_is_read(void **state)
{
	struct option_rest rest;
	struct values v;
	struct err e;

	assert_int_equal(parse("-p 12,34 --pid=56 -C 0-3,8 -aF 999 -c5 --wait 500ms --share .25 "
			       "--by process --comm x -o a.svg -o b,c.pb.gz -q 10",
			       &v, &rest, &e),
			 0);
	assert_int_equal(v.pids.list.n, 3);
	assert_int_equal(v.pids.list.at[2], 56);
	assert_int_equal(v.cpus.list.n, 5);
	assert_int_equal(v.cpus.list.at[3], 3);
	assert_int_equal(v.cpus.list.at[4], 8);
	assert_true(v.all);
	assert_int_equal(v.hz, 999);
	assert_int_equal(v.count, 5);
	assert_int_equal(v.wait, 500000000);
	assert_true(v.share == 0.25);
	assert_int_equal(v.by, 1);
	assert_string_equal(v.comm, "x");
	assert_int_equal(v.shared.outputs.list.n, 2);
	assert_string_equal(v.shared.outputs.list.at[1], "b,c.pb.gz");
	assert_true(v.shared.quiet);
	assert_int_equal(rest.words.n, 1);
	assert_string_equal(rest.words.at[0], "10");
	assert_null(rest.command);
	option_free(tables, &v, &rest);
}

static void command_follows_dashes(void **state)
{
	struct option_rest rest;
	struct values v;
	struct err e;

	assert_int_equal(parse("5 -F 49 -- ls -F --nothing", &v, &rest, &e), 0);
	assert_int_equal(v.hz, 49);
	assert_int_equal(rest.n_command, 3);
	assert_string_equal(rest.command[1], "-F");
	option_free(tables, &v, &rest);
	assert_int_equal(parse("-h", &v, &rest, &e), 0);
	assert_true(rest.help);
	assert_int_equal(v.hz, 99); /* defaults stay */
	option_free(tables, &v, &rest);
}

static void mistakes_have_sentences(void **state)
{
	static const struct {
		const char *line, *sentence;
	} cases[] = {
		{ "--frequncy 5", "there is no option --frequncy; did you mean '--frequency'?" },
		{ "--zzzz", "there is no option --zzzz" },
		{ "-Z", "there is no option -Z" },
		{ "-F", "--frequency needs a value (HZ)" },
		{ "-F -- ls", "--frequency needs a value (HZ)" },
		{ "-F 0", "--frequency takes a number from 1 to 100000, not '0'" },
		{ "-F 1e3", "--frequency takes a number from 1 to 100000, not '1e3'" },
		{ "-F -5", "--frequency takes a number from 1 to 100000, not '-5'" },
		{ "-F 99999999999999999999",
		  "--frequency takes a number from 1 to 100000, not '99999999999999999999'" },
		{ "-c 0", "--count takes a number of at least 1, not '0'" },
		{ "-p 1,,2", "--pid takes numbers from 1 to 4194304 separated by commas, not '1,,2'" },
		{ "-p 1,", "--pid takes numbers from 1 to 4194304 separated by commas, not '1,'" },
		{ "-p 0", "--pid takes numbers from 1 to 4194304 separated by commas, not '0'" },
		{ "-C 3-1", "--cpu takes processor numbers like 0-3,8, not '3-1'" },
		{ "-C 0-4000000000", "--cpu takes processor numbers like 0-3,8, not '0-4000000000'" },
		{ "--wait soon", "--wait takes a duration like 500ms, 10s or 2m, not 'soon'" },
		{ "--share 1.5", "--share takes a number from 0 to 1, not '1.5'" },
		{ "--share nan", "--share takes a number from 0 to 1, not 'nan'" },
		{ "--by color", "--by takes one of comm, process, not 'color'" },
		{ "--comm=", "--comm must not be empty" },
		{ "--all=yes", "--all takes no value" },
		{ "-F 5 -F 6", "--frequency is given twice: '5' and '6'" },
		{ "--storage 5", "--storage is not accepted: there is no limit to set" },
		{ "--storage=5", "--storage is not accepted: there is no limit to set" },
		{ "--", "'--' must be followed by a command" },
	};
	struct option_rest rest;
	struct values v;
	struct err e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(parse(cases[i].line, &v, &rest, &e), -EINVAL);
		assert_string_equal(e.text, cases[i].sentence);
		option_free(tables, &v, &rest);
	}
	assert_int_equal(parse("-F 5 -F 5 -a -a", &v, &rest, &e), 0); /* no contradiction */
	option_free(tables, &v, &rest);
}

static void distances(void **state)
{
	struct nearest n = nearest_to("comp");

	assert_int_equal(nearest_distance("report", "report"), 0);
	assert_int_equal(nearest_distance("reprot", "report"), 1);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	nearest_offer(&n, "doctor");
	assert_null(n.best);
	nearest_offer(&n, "completion");
	assert_string_equal(n.best, "completion");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(command_follows_dashes),
		cmocka_unit_test(mistakes_have_sentences),
		cmocka_unit_test(distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
