/* report_command.c - `waggle report`: reads profiles of any known format, alone or several as one,
 * takes the part that is asked for, and writes it in any other format. Needs no privileges and nothing
 * of the machine that was profiled. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/names_options.h"
#include "cli/output.h"
#include "cli/read_files.h"
#include "profile/classframes.h"
#include "symbol/symbolizer.h"

extern const struct command command_report;

struct report_opts {
	struct output_opts output;
	struct filter_opts filter;
	struct names_opts names;
	bool symbolize, class_frames, count;
};

static const struct option_row report_options[] = {
	{ "symbolize", 0, OPTION_FLAG, offsetof(struct report_opts, symbolize), NULL,
	  "name the frames that have no name from this machine's files, where the build id is the same",
	  .group = "Names" },
	{ NULL },
};

static const struct option_row report_wait_options[] = {
	{ "annotate", 0, OPTION_FLAG, offsetof(struct report_opts, class_frames), NULL,
	  "put the class of each wait on its stack, as [blocked: disk]", .group = "Presentation of waits" },
	{ "count", 0, OPTION_FLAG, offsetof(struct report_opts, count), NULL,
	  "show the number of waits instead of their time" },
	{ NULL },
};

static const struct option_table report_tables[] = {
	{ output_options, offsetof(struct report_opts, output) },
	{ filter_task_options, offsetof(struct report_opts, filter) },
	{ filter_frame_options, offsetof(struct report_opts, filter) },
	{ filter_class_options, offsetof(struct report_opts, filter) },
	{ filter_park_options, offsetof(struct report_opts, filter) },
	{ report_wait_options, 0 },
	{ report_options, 0 },
	{ names_file_options, offsetof(struct report_opts, names) },
	{ names_server_options, offsetof(struct report_opts, names) },
	{ NULL, 0 },
};

/* Asks again for every name that could not be found where the profile was made. */
static int report_name(struct profile *p, struct debugfiles *where, uint64_t unpack, struct err *e)
{
	const struct symbolizer_opts so = { .check_build_id = true, .debugfiles = where,
					    .unpack = (unpack ? unpack : 2048) << 20 };
	struct symbolizer *s = symbolizer_new(&so);
	int rc = s ? 0 : -ENOMEM;

	for (size_t i = 1; i < p->frames.n; i++)
		if (!p->frames.at[i].n_lines && p->frames.at[i].object &&
		    p->frames.at[i].unnamed != UNNAMED_EARLY)
			p->frames.at[i].unnamed = UNNAMED_NOT_TRIED;
	if (!rc)
		rc = symbolizer_run(s, p);
	if (!rc)
		rc = profile_count_unnamed(p);
	symbolizer_free(s);
	return rc ? err_set(e, rc, "cannot name frames: %s", strerror(-rc)) : 0;
}

/* Naming a place to look for names asks for names, too. */
static int report_symbolize(struct profile *p, const struct report_opts *o, struct err *e)
{
	struct debugfiles *where = NULL;
	int rc;

	if (!o->symbolize && !o->names.dirs.list.n && !o->names.files.list.n)
		return 0;
	rc = names_begin(&o->names, isatty(STDERR_FILENO) && !o->output.quiet, &where, e);
	if (rc)
		return rc;
	names_catch_interrupt();
	rc = report_name(p, where, o->names.unpack, e);
	names_end(where, &o->names, o->output.quiet);
	return rc;
}

static int report_annotate(struct profile *p, const struct report_opts *o, struct err *e)
{
	if (!o->class_frames || !profile_class_frames(p))
		return 0;
	return err_set(e, -ENOMEM, "out of memory");
}

static int report_count(struct report_opts *o, struct err *e)
{
	if (!o->count)
		return 0;
	if (o->output.value && strcmp(o->output.value, WAITS_TYPE_COUNT))
		return err_set(e, -EINVAL, "--count and --value %s exclude each other", o->output.value);
	o->output.value = WAITS_TYPE_COUNT;
	return 0;
}

static int report_make(const struct option_rest *rest, struct report_opts *o, struct err *e)
{
	struct filter_set filter = { 0 };
	struct profile *p = NULL;
	int code = EXIT_FAILED;

	if (rest->command)
		err_set(e, -EINVAL, "report reads files; to profile a command: waggle -- %s",
			rest->command[0]);
	else if (!rest->words.n)
		err_set(e, -EINVAL, "report needs the profile to read: waggle report FILE");
	if (e->code || report_count(o, e) || output_check(&o->output, e) ||
	    filter_set_new(&o->filter, &filter, e) ||
	    read_files(rest, &p, e) || report_symbolize(p, o, e) ||
	    report_annotate(p, o, e) || filter_set_apply(&filter, &p, e) || output_write(p, &o->output, e))
		code = command_fail(e);
	else
		code = output_verdict(p, &o->output);
	filter_set_free(&filter);
	profile_free(p);
	return code;
}

static int report_run(int argc, char **argv)
{
	struct report_opts o = { .output = OUTPUT_DEFAULTS, .names = NAMES_DEFAULTS };
	struct option_rest rest;
	struct err e = { 0 };
	int code = command_parse(&command_report, argc, argv, &o, &rest);

	if (code < 0)
		code = report_make(&rest, &o, &e);
	option_free(report_tables, &o, &rest);
	return code;
}

const struct command command_report = {
	.name = "report",
	.summary = "read, filter, merge and convert profiles and recordings",
	.usage = "[OPTIONS] FILE..",
	.description =
		"Reads recordings of waggle, pprof files and folded stacks from anyone ('-' is standard "
		"input); several files are merged. A terminal gets a report, a pipe gets folded stacks, "
		"-o files get the format of their extension. Needs no root, and neither the machine nor "
		"the files that were profiled.",
	.examples = "waggle report cpu.waggle\ta report on the terminal\n"
		    "waggle report cpu.waggle -o cpu.html -o cpu.pb.gz\tconvert\n"
		    "waggle report cpu.waggle --from 2s --to 3s -o 3rd.svg\tone second of it\n"
		    "waggle report a.pb.gz b.pb.gz --drop 'GC|idle' --json\ttwo as one, for a script",
	.options = report_tables,
	.run = report_run,
};
