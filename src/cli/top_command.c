/* top_command.c - `waggle top`: the processors live in the terminal, or a profile from a file in
 * the same views.
 *
 * A capture is that of `waggle cpu` with --tui; waits are shown by `waggle off --tui` and `waggle
 * wall --tui`.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "cli/capture.h"
#include "cli/command.h"
#include "cli/cpu_options.h"
#include "cli/read_files.h"
#include "cli/watch.h"
#include "ui/tui/tui.h"

extern const struct command command_top;

static bool top_leave;

static void top_on_signal(int sig)
{
	__atomic_store_n(&top_leave, true, __ATOMIC_RELEASE);
}

/* Of a file, too, only what was asked for. */
static int top_filter(const struct cpu_opts *o, struct profile **p, struct err *e)
{
	struct filter_opts asked = o->capture.filter;
	struct filter_set filter = { 0 };
	int code;

	asked.pids = o->capture.pids;
	asked.tids = o->capture.tids;
	asked.cpus = o->capture.cpus;
	code = filter_set_new(&asked, &filter, e);
	if (!code)
		code = filter_set_apply(&filter, p, e);
	filter_set_free(&filter);
	return code;
}

static int top_files(const struct cpu_opts *o, const struct option_rest *rest)
{
	struct sigaction on = { .sa_handler = top_on_signal };
	struct profile *p = NULL;
	struct buf title = { 0 };
	struct err e = { 0 };
	int code = rest->command ? err_set(&e, -EINVAL, "a file or a command, not both")
				 : read_files(rest, &p, &e);

	if (!code)
		code = top_filter(o, &p, &e);
	buf_puts(&title, "waggle top");
	for (size_t i = 0; i < rest->words.n; i++)
		buf_printf(&title, " %s", rest->words.at[i]);
	buf_u8(&title, 0);
	if (!code && title.err)
		code = err_set(&e, title.err, "out of memory");
	if (!code) {
		sigaction(SIGTERM, &on, NULL);
		sigaction(SIGHUP, &on, NULL);
		code = watch_file(p, (const char *)title.data, &top_leave, &e);
	}
	profile_free(p);
	buf_free(&title);
	return code ? command_fail(&e) : EXIT_DONE;
}

static int top_capture(struct cpu_opts *o, const struct option_rest *rest, int argc, char **argv)
{
	struct capture_job job = {
		.source = "cpu",
		.what = "samples",
		.options = &o->capture,
		.rest = rest,
	};
	struct err e = { 0 };

	o->capture.tui = true;
	return cpu_complete(o, rest, &job.capture, &e) ? command_fail(&e)
						       : capture_run(&job, argc, argv);
}

/* The one word a capture takes is a duration. */
static bool top_has_files(const struct option_rest *rest)
{
	uint64_t ns;

	return rest->words.n && duration_parse(rest->words.at[0], &ns);
}

static int top_run(int argc, char **argv)
{
	struct cpu_opts o = { .capture = CAPTURE_DEFAULTS };
	struct option_rest rest = { 0 };
	int code = command_parse(&command_top, argc, argv, &o, &rest);

	if (code < 0)
		code = top_has_files(&rest) ? top_files(&o, &rest) : top_capture(&o, &rest, argc, argv);
	option_free(cpu_tables, &o, &rest);
	return code;
}

const struct command command_top = {
	.name = "top",
	.summary = "watch it live in the terminal, or look at a recording there",
	.usage = "[OPTIONS] [DURATION | FILE ..] [-- COMMAND [ARG ..]]",
	.description = "Shows where processor time goes while it goes there: a flame graph, the "
		       "top functions with "
		       "callers and callees, processes and threads, a heat map to choose a range "
		       "in, waits, and the "
		       "ledger of what was lost. A command after -- is started on a terminal of "
		       "its own, shown as one "
		       "of the views. Runs until q is pressed; ? lists the keys. A file of any "
		       "format that waggle "
		       "reads is shown in the same views.\n\n"
		       "The last five minutes are kept sample by sample, what is older is thinned, "
		       "and memory has a "
		       "bound: it can stay open for weeks. With -o what was captured is written in "
		       "the end, too. "
		       "--tui does the same for the commands cpu, off and wall.",
	.examples = "sudo waggle top\tthe whole system\n"
		    "sudo waggle top -p 1234\tone process\n"
		    "sudo waggle top -- ./my-server\ta command, with its output in a view\n"
		    "sudo waggle wall --tui -p 1234\tall its time, running and waiting\n"
		    "waggle top cpu.waggle\ta recording\n",
	.options = cpu_tables,
	.run = top_run,
};
