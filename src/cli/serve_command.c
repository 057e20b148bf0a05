/* serve_command.c - `waggle serve`: a live page of a capture, or of recordings that are there.
 *
 * With files or folders it needs no privileges and captures nothing. Otherwise it is `waggle cpu --serve`
 * that goes on until it is interrupted, and keeps the page up after the target has ended. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "cli/cpu_options.h"
#include "cli/serve.h"

extern const struct command command_serve;

static bool serve_leave;

static void serve_on_signal(int sig)
{
	__atomic_store_n(&serve_leave, true, __ATOMIC_RELEASE);
}

static bool serve_is_path(const char *word)
{
	return access(word, F_OK) == 0 || strchr(word, '/');
}

static int serve_files(const struct serve_opts *o, const struct option_rest *rest)
{
	const struct sigaction on = { .sa_handler = serve_on_signal };
	struct serve *s;
	struct err e = { 0 };

	sigaction(SIGINT, &on, NULL);
	sigaction(SIGTERM, &on, NULL);
	if (serve_begin_files(o, (const char *const *)rest->words.at, rest->words.n, &s, &e))
		return command_fail(&e);
	serve_wait(&serve_leave);
	serve_end(s);
	return EXIT_DONE;
}

static int serve_capture(struct cpu_opts *o, const struct option_rest *rest, int argc, char **argv)
{
	struct capture_job job = {
		.source = "cpu", .what = "samples", .options = &o->capture, .rest = rest,
	};
	struct err e = { 0 };

	return cpu_complete(o, rest, &job.capture, &e) ? command_fail(&e) : capture_run(&job, argc, argv);
}

static int serve_run(int argc, char **argv)
{
	struct cpu_opts o = { .capture = CAPTURE_DEFAULTS };
	struct option_rest rest = { 0 };
	int code;

	o.capture.serve.serve = o.capture.stay = true;
	code = command_parse(&command_serve, argc, argv, &o, &rest);
	if (code < 0)
		code = rest.words.n && !rest.command && serve_is_path(rest.words.at[0])
			       ? serve_files(&o.capture.serve, &rest)
			       : serve_capture(&o, &rest, argc, argv);
	option_free(cpu_tables, &o, &rest);
	return code;
}

const struct command command_serve = {
	.name = "serve",
	.summary = "a live page: what a capture sees right now, or recordings",
	.usage = "[OPTIONS] [DURATION] [-- COMMAND [ARG ..]] | FILE.. | DIR",
	.description =
		"Prints the address of a page that shows the capture while it goes on: flame graph, functions, "
		"call tree, threads, heat map, any range of time, two ranges compared. Takes the options of "
		"'waggle cpu'; it goes on until Ctrl-C, and when a command or its time has ended the page stays.\n\n"
		"With files, or a folder of them, it shows recordings and profiles on the same page, captures "
		"nothing and needs no privileges.\n\n"
		"Only this machine can reach the page, and only with the token in its address; from elsewhere "
		"use 'ssh -L'. doc/api.md describes what scripts can ask it.",
	.examples = "sudo waggle serve\tthe whole system, until Ctrl-C\n"
		    "sudo waggle serve -p 1234 --port 8477 -o cpu.waggle\tone process, recorded as well\n"
		    "sudo waggle serve --open -- ./my-server\ta command, in a browser at once\n"
		    "waggle serve recordings/\twhat was recorded",
	.options = cpu_tables,
	.run = serve_run,
};
