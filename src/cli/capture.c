/* capture.c - runs a session for a command and brings home what it gives; see capture.h. */
#include "cli/capture.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/out.h"
#include "cli/command.h"
#include "cli/oracle_report.h"
#include "cli/watch.h"
#include "process/lookup.h"
#include "session/session.h"
#include "ui/tui/tui.h"

#define CAPTURE_DEFAULT_DEBUG_MB 32

/* -- signals ------------------------------------------------------------------------------------ */

static struct session *volatile capture_session;
static volatile sig_atomic_t capture_interrupted, capture_naming;
static bool capture_leave; /* the views, too */

static void capture_on_signal(int sig)
{
	/* While it captures, a download in the background goes on: the names are still wanted. */
	if (!(capture_naming && names_interrupt()) && capture_interrupted) {
		out_abandon_all();
		tui_abandon();
		_exit(128 + sig);
	}
	capture_interrupted = 1;
	__atomic_store_n(&capture_leave, true, __ATOMIC_RELEASE);
	if (capture_session)
		session_stop(capture_session);
}

static void capture_signals(void)
{
	struct sigaction on = { .sa_handler = capture_on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	static const int stop[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof(stop) / sizeof(*stop); i++) {
		struct sigaction was;

		/* What was ignored when we were started (nohup) stays ignored. */
		if (!sigaction(stop[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(stop[i], &on, NULL);
	}
	sigaction(SIGPIPE, &ignore, NULL);
}

/* -- running ------------------------------------------------------------------------------------ */

static bool capture_talks(const struct capture_cli *o)
{
	return isatty(STDERR_FILENO) && !o->output.quiet && !o->tui;
}

static void capture_progress(void *ctx, const struct session_progress *now)
{
	const struct capture_job *job = ctx;
	const struct capture_cli *o = job->options;
	char elapsed[32], total[32];

	if (now->naming && !capture_naming) {
		capture_naming = 1;
		names_talk(capture_talks(o));
	}
	if (!capture_talks(o))
		return;
	if (now->naming) {
		fprintf(stderr, "\r\033[Klooking up names ..");
		return;
	}
	duration_text(now->elapsed / 100000000 * 100000000, elapsed, sizeof(elapsed));
	fprintf(stderr, "\r\033[K%s", elapsed);
	if (now->duration)
		fprintf(stderr, " of %s", duration_text(now->duration, total, sizeof(total)));
	else
		fprintf(stderr, " (Ctrl-C ends)");
	fprintf(stderr, " · %llu %s", (unsigned long long)now->samples, job->what);
	if (now->lost)
		fprintf(stderr, " · %llu lost", (unsigned long long)now->lost);
	fflush(stderr);
}

static bool capture_arrived(const struct capture_cli *o)
{
	if (o->comm && process_named(o->comm))
		return true;
	for (size_t i = 0; i < o->pids.list.n; i++)
		if (process_exists(o->pids.list.at[i]))
			return true;
	return false;
}

static int capture_wait(const struct capture_cli *o, struct err *e)
{
	while (o->wait && !capture_arrived(o)) {
		if (capture_interrupted)
			return err_set(e, -ESRCH, "interrupted while waiting for the target to appear");
		usleep(2000);
	}
	return 0;
}

/* What runs without naming a command is cpu, and stays as it was typed. */
static char *capture_command_line(const struct capture_job *job, int argc, char **argv)
{
	struct buf b = { 0 };
	size_t n;

	buf_puts(&b, "waggle");
	if (command_by_name(argv[0]))
		buf_printf(&b, " %s", argv[0]);
	for (int i = 1; i < argc; i++)
		buf_printf(&b, " %s", argv[i]);
	buf_u8(&b, 0);
	return (char *)buf_take(&b, &n);
}

/* The exit code of a finished run. */
static int capture_exit_code(const struct capture_cli *o, const struct session_result *r, int verdict)
{
	int status = r->child_status;

	if (r->end == SESSION_SWITCHED_OFF)
		fprintf(stderr, "waggle: ended early: %s exists\n", o->kill_switch);
	if (status != -1 && !o->output.quiet) {
		if (WIFSIGNALED(status))
			fprintf(stderr, "waggle: the command was ended by signal %d (%s)\n",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
		else if (WEXITSTATUS(status))
			fprintf(stderr, "waggle: the command exited with %d\n", WEXITSTATUS(status));
	}
	if (o->exit_with_child && status != -1)
		return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return verdict;
}

/* With no frame filter the first .waggle output is fed while capturing: a crash costs its last
 * block. */
static int capture_open_recording(const struct capture_cli *o, const struct filter_set *filter,
				  struct out *to, const char **ret_path, struct err *e)
{
	*ret_path = filter->any ? NULL : output_file_of(&o->output, "waggle");
	return *ret_path ? out_open(to, *ret_path, e) : 0;
}

/* Nothing is to be written in the end. */
static bool capture_is_only_watched(const struct capture_cli *o)
{
	const struct output_opts *out = &o->output;

	return (o->tui || o->serve.serve) && !out->files.list.n && !out->dir && !out->format &&
	       !out->json && !out->folded;
}

static int capture_session_run(const struct capture_job *job, const char *command_line,
			       struct debugfiles *names, struct out *recording, struct watch *watch,
			       struct session_result *result, struct err *e)
{
	const struct capture_cli *o = job->options;
	struct session_opts so = {
		.source = source_by_name(job->source),
		.capture = job->capture,
		.files = o->files,
		.command = job->rest->command,
		.command_line = command_line,
		.recording = recording,
		.no_names = o->no_names,
		.max_overhead = o->overhead < 100 ? o->overhead / 100.0 : 0,
		.kill_switch = o->kill_switch,
		.oracle_out = job->options->oracle_out,
		.debugfiles = names,
		.debug_memory = (o->names.unpack ? o->names.unpack : CAPTURE_DEFAULT_DEBUG_MB) << 20,
		.progress = capture_progress,
		.watched = capture_talks(job->options),
		.ctx = (void *)job,
		.command_tty = watch->child_tty,
		.viewer = watch_viewer(watch),
		.view_only = capture_is_only_watched(o),
	};
	struct session *s;
	int code = capture_wait(o, e);

	if (!code)
		code = session_new(&so, &s, e);
	if (code)
		return code;
	capture_session = s;
	if (capture_interrupted)
		session_stop(s);
	code = watch_start(watch, s, e);
	if (!code)
		code = session_run(s, result, e);
	capture_session = NULL;
	watch_capture_ended(watch);
	session_free(s);
	if (capture_talks(o))
		fprintf(stderr, "\r\033[K");
	return code;
}

/* Everything there is to do with a finished profile. */
static int capture_deliver(const struct capture_job *job, const struct filter_set *filter,
			   struct session_result *r, int *ret_exit, struct err *e)
{
	struct capture_cli *o = job->options;
	int code = filter_set_apply(filter, &r->profile, e);

	o->output.oracle = r->oracle;
	if (!code && capture_is_only_watched(o)) { /* the samples are gone, and were seen */
		*ret_exit = capture_exit_code(o, r, EXIT_DONE);
		return 0;
	}
	if (!code)
		code = output_write(r->profile, &o->output, e);
	if (!code && r->oracle && !o->output.quiet)
		oracle_report_print(r->oracle, stderr);
	if (!code)
		*ret_exit = capture_exit_code(o, r, output_verdict(r->profile, &o->output));
	return code;
}

static int capture_all(const struct capture_job *job, const char *command_line,
		       const struct filter_set *filter, int *ret_exit, struct err *e)
{
	struct capture_cli *o = job->options;
	struct session_result result = { 0 };
	struct out recording = { .fd = -1 };
	struct debugfiles *names = NULL;
	struct watch watch;
	const struct watch_opts look = {
		.cli = o,
		.filter = &filter->filter,
		.title = command_line,
		.command = job->rest->command != NULL,
		.leave = &capture_leave,
	};
	const char *path;
	int code = names_begin(&o->names, false, &names, e), seen;

	if (!code)
		code = capture_open_recording(o, filter, &recording, &path, e);
	seen = watch_begin(&watch, &look, code ? NULL : e);
	code = code ? code : seen;
	if (!code)
		code = capture_session_run(job, command_line, names, path ? &recording : NULL, &watch,
					   &result, e);
	seen = watch_end(&watch, !code && !capture_interrupted, code ? NULL : e);
	code = code ? code : seen;
	names_end(names, &o->names, o->output.quiet || code);
	if (code) {
		out_abort(&recording);
		oracle_report_free(result.oracle);
		return code;
	}
	o->output.streamed = path;
	if (path)
		code = out_commit(&recording, e);
	if (!code)
		code = capture_deliver(job, filter, &result, ret_exit, e);
	profile_free(result.profile);
	oracle_report_free(result.oracle);
	return code;
}

/* Tables and symbols of big files are large blocks that live shortly: they go back to the system when
 * they are freed, instead of raising the bar for the rest of the run as glibc's moving threshold
 * does. */
static void capture_tune_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	mallopt(M_ARENA_MAX, 2);
}

int capture_run(const struct capture_job *job, int argc, char **argv)
{
	char *command_line = capture_command_line(job, argc, argv);
	struct filter_set filter = { 0 };
	struct err e = { 0 };
	int exit_code = EXIT_DONE;
	int code = filter_set_new(&job->options->filter, &filter, &e);

	if (!code && !source_by_name(job->source))
		code = err_set(&e, -ENOTSUP, "this build has no source '%s'", job->source);
	if (!code) {
		capture_tune_memory();
		capture_signals();
		code = capture_all(job, command_line, &filter, &exit_code, &e);
	}
	if (code)
		exit_code = command_fail(&e);
	filter_set_free(&filter);
	free(command_line);
	return exit_code;
}
