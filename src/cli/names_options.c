/* names_options.c - options to a finder of debug files, and what is said while it downloads; see
 * names_options.h.
 */
#include "cli/names_options.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/out.h"
#include "format/format.h"

#define SAY_EVERY_NS UINT64_C(100000000)

#define AT(field) offsetof(struct names_opts, field)
const struct option_row names_file_options[] = {
	{ "debug-dir", 0, OPTION_TEXTS, AT(dirs), "DIR",
	  "look for separate debug files here too, before /usr/lib/debug; may be repeated",
	  .group = "Debug files" },
	{ "debug-file", 0, OPTION_TEXTS, AT(files), "FILE",
	  "names for the program or library with the same build id; may be repeated" },
	{ "debug-memory", 0, OPTION_U64, AT(unpack), "MB",
	  "how much a file's compressed debug information may take in memory; of one with more only "
	  "symbols are used (default: 32 while capturing, 2048 for a report)", .min = 1, .max = 1048576 },
	{ NULL },
};

const struct option_row names_server_options[] = {
	{ "no-debuginfod", 0, OPTION_FLAG, AT(no_debuginfod), NULL,
	  "do not ask the servers in $DEBUGINFOD_URLS" },
	{ "debuginfod-timeout", 0, OPTION_DURATION, AT(timeout), "TIME",
	  "how long all downloads together may take (default 30s)" },
	{ NULL },
};
#undef AT

/* One finder at a time, so what a signal handler needs can be static. */
static struct {
	atomic_bool talk;
	bool shown;
	uint64_t said; /* when */
	struct sigaction before;
	bool caught;
} names;
static volatile sig_atomic_t names_downloading, names_stopped;

static bool names_watch(void *ctx, const char *name, uint64_t done, uint64_t total)
{
	char have[32], all[32];
	uint64_t now = clock_mono_ns();

	names_downloading = name != NULL;
	if (!name)
		return false;
	if (!names.talk || now - names.said < SAY_EVERY_NS || names_stopped)
		return names_stopped;
	names.said = now;
	names.shown = true;
	format_value((int64_t)(done & INT64_MAX), "bytes", have, sizeof(have));
	format_value((int64_t)(total & INT64_MAX), "bytes", all, sizeof(all));
	fprintf(stderr, "\r\033[Ksymbols of %.60s from debuginfod", name);
	if (total)
		fprintf(stderr, ": %s of %s", have, all);
	else if (done)
		fprintf(stderr, ": %s", have);
	fprintf(stderr, " (Ctrl-C goes on without)");
	fflush(stderr);
	return false;
}

int names_begin(const struct names_opts *o, bool talk, struct debugfiles **ret, struct err *e)
{
	const struct debugfile_opts d = {
		.dirs = o->dirs.list.at,
		.n_dirs = o->dirs.list.n,
		.files = o->files.list.at,
		.n_files = o->files.list.n,
		.no_debuginfod = o->no_debuginfod,
		.download = { .timeout = o->timeout, .watch = names_watch },
	};

	names.talk = talk;
	names.shown = names.caught = false;
	names_downloading = names_stopped = 0;
	return debugfiles_new(&d, ret, e);
}

void names_talk(bool talk)
{
	names.talk = talk;
}

static void names_on_signal(int sig)
{
	if (names_interrupt())
		return;
	out_abandon_all();
	_exit(128 + sig);
}

void names_catch_interrupt(void)
{
	struct sigaction on = { .sa_handler = names_on_signal };

	if (sigaction(SIGINT, NULL, &names.before) || names.before.sa_handler != SIG_DFL)
		return;
	names.caught = sigaction(SIGINT, &on, NULL) == 0;
}

bool names_interrupt(void)
{
	if (!names_downloading || names_stopped)
		return false;
	names_stopped = 1;
	return true;
}

/* What came of asking the servers, in one line. */
static void names_say_downloads(const struct download_totals *t)
{
	char bytes[32], time[32];
	const struct {
		uint32_t n;
		const char *text;
	} rest[] = {
		{ t->absent, "not there" },
		{ t->late, "not waited for (--debuginfod-timeout)" },
		{ t->stopped, "interrupted" },
		{ t->failed, "failed" },
	};

	fprintf(stderr, "debuginfod: %u file%s found", t->got, t->got == 1 ? "" : "s");
	if (t->got)
		fprintf(stderr, " (%s, %s)",
			format_value((int64_t)(t->bytes & INT64_MAX), "bytes", bytes, sizeof(bytes)),
			duration_text(t->time, time, sizeof(time)));
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
		if (rest[i].n)
			fprintf(stderr, ", %u %s", rest[i].n, rest[i].text);
	fprintf(stderr, "%s%s\n", t->trouble[0] ? ": " : "", t->trouble);
}

void names_end(struct debugfiles *d, const struct names_opts *o, bool quiet)
{
	struct download_totals t;

	names_downloading = 0;
	if (names.caught)
		sigaction(SIGINT, &names.before, NULL);
	names.caught = false;
	if (names.shown)
		fprintf(stderr, "\r\033[K");
	if (!d)
		return;
	debugfiles_totals(d, &t);
	for (size_t i = 0; i < o->files.list.n && !quiet; i++)
		if (!debugfiles_used(d, i))
			fprintf(stderr,
				"'%s' was not used: nothing that needed names has its build id or debug link\n",
				o->files.list.at[i]);
	if (!quiet && t.got + t.absent + t.late + t.stopped + t.failed)
		names_say_downloads(&t);
	debugfiles_free(d);
}
