/* output.c - options, checks and writing of results; see output.h. */
#include "cli/output.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/usage.h"

/* In the order of enum calltree_root. */
static const char *const output_roots[] = { "nothing", "comm", "process", "thread", NULL };

#define AT(field) offsetof(struct output_opts, field)
const struct option_row output_options[] = {
	{ "output", 'o', OPTION_TEXTS, AT(files), "FILE",
	  "write to FILE, in the format of its extension; may be repeated; - is standard output",
	  .group = "Output" },
	{ "output-dir", 0, OPTION_TEXT, AT(dir), "DIR",
	  "write report, recording, flame graphs, pprof, folded stacks and ledger into DIR; 'auto' "
	  "makes a new waggle-YYYYMMDD-HHMMSS" },
	{ "format", 0, OPTION_TEXT, AT(format), "FORMAT",
	  "the format of the output, whatever its extension" },
	{ "folded", 'f', OPTION_FLAG, AT(folded), NULL,
	  "folded stacks on standard output, also on a terminal" },
	{ "json", 0, OPTION_FLAG, AT(json), NULL,
	  "the report as JSON on standard output: functions, hottest path, ledger" },
	{ "quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "nothing on standard error but errors" },
	{ "strict", 0, OPTION_FLAG, AT(strict), NULL,
	  "exit with 7 when samples were lost or fewer than 99 % of user stacks are whole" },
	{ "by", 0, OPTION_CHOICE, AT(by), "WHAT",
	  "what stands below the first frame: comm (default), process, thread or nothing",
	  .choices = output_roots, .group = "Presentation" },
	{ "annotations", 'a', OPTION_FLAG, AT(annotate), NULL,
	  "put _[k] behind kernel frames, _[i] behind inlined and _[j] behind JIT ones" },
	{ "delimited", 'd', OPTION_FLAG, AT(delimited), NULL,
	  "put a - between the user and the kernel part of a stack" },
	{ "inverted", 0, OPTION_FLAG, AT(inverted), NULL, "leaf first: callers below" },
	{ "addresses", 0, OPTION_FLAG, AT(addresses), NULL,
	  "show frames without a name as [file+0xoffset]" },
	{ "value", 0, OPTION_TEXT, AT(value), "TYPE",
	  "which of the profile's values to show: samples, cpu, .." },
	{ "top", 0, OPTION_U32, AT(top), "N", "rows in tables", 1, 1000000 },
	{ "title", 0, OPTION_TEXT, AT(title), "TEXT", "the title of the report or picture" },
	{ NULL },
};
#undef AT

/* What goes into an output directory. */
static const struct {
	const char *name, *format;
} output_dir_files[] = {
	{ "report.txt", "text" },      { "profile.waggle", "waggle" }, { "flame.svg", "svg" },
	{ "flame.html", "html" },      { "profile.pb.gz", "pprof" },   { "stacks.folded", "folded" },
};

/* -- choosing a format -------------------------------------------------------------------------- */

/* Appends to a list for a sentence, ", " between. */
static void output_list(struct buf *list, const char *word)
{
	if (list->len)
		buf_puts(list, ", ");
	buf_puts(list, word);
}

/* The sentence with the list in it; frees the list. */
static int output_list_err(struct buf *list, struct err *e, const char *problem,
			   const char *what, const char *intro, const char *hint)
{
	char text[320];

	buf_putc(list, 0);
	snprintf(text, sizeof(text), "%s", list->err ? "" : (const char *)list->data);
	buf_free(list);
	return err_set(e, -EINVAL, "%s '%s'; %s: %s%s", problem, what, intro, text, hint);
}

static int output_unknown_format(const char *name, struct err *e)
{
	struct nearest n = nearest_to(name);
	struct buf known = { 0 };

	for (const struct format *const *f = format_all(); *f; f++)
		if ((*f)->write) {
			nearest_offer(&n, (*f)->name);
			output_list(&known, (*f)->name);
		}
	return output_list_err(&known, e, "there is no output format", name, "known",
			       nearest_hint(&n, ""));
}

static int output_unknown_extension(const char *path, struct err *e)
{
	struct buf known = { 0 };

	for (const struct format *const *f = format_all(); *f; f++)
		for (size_t i = 0; (*f)->write && (*f)->exts[i]; i++)
			output_list(&known, (*f)->exts[i]);
	return output_list_err(&known, e, "no output format has the extension of", path,
			       "use --format, or one of", "");
}

/* The format for `path` ("-" = standard output); NULL with a sentence. */
static const struct format *output_format(const struct output_opts *o, const char *path,
					  struct err *e)
{
	const char *name = o->format;
	const struct format *f;

	if (!name && !strcmp(path, "-"))
		name = o->folded || !isatty(STDOUT_FILENO) ? "folded" : "text";
	f = name ? format_by_name(name) : format_by_path(path);
	if (f && f->write)
		return f;
	if (name)
		output_unknown_format(name, e);
	else if (f)
		err_set(e, -EINVAL, "'%s': the format %s can be read but not written", path,
			f->name);
	else
		output_unknown_extension(path, e);
	return NULL;
}

const char *output_file_of(const struct output_opts *o, const char *format)
{
	for (size_t i = 0; i < o->files.list.n; i++) {
		const struct format *f = output_format(o, o->files.list.at[i], NULL);

		if (f && !strcmp(f->name, format))
			return o->files.list.at[i];
	}
	return NULL;
}

/* -- checks ------------------------------------------------------------------------------------- */

static int output_check_file(const char *path, struct err *e)
{
	struct out probe;
	struct stat st;
	int rc;

	if (!strcmp(path, "-"))
		return 0;
	/* Opening a pipe would wait for its reader, and opening it twice would confuse that. */
	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) {
		if (access(path, W_OK) == 0)
			return 0;
		return err_set(e, -errno, "cannot write '%s': %s", path, strerror(errno));
	}
	rc = out_open(&probe, path, e);
	out_abort(&probe);
	return rc;
}

/* Can the directory be written to, or made? */
static int output_check_dir(const char *dir, struct err *e)
{
	bool made = strcmp(dir, "auto") == 0;
	char parent[4096];
	struct stat st;
	size_t n;

	if (snprintf(parent, sizeof(parent), "%s", made ? "." : dir) >= (int)sizeof(parent))
		return err_set(e, -ENAMETOOLONG, "the name of the output directory is too long");
	if (stat(parent, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "'%s' is not a directory", dir);
	if (stat(parent, &st) < 0) { /* what stands before the last name */
		for (n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
			;
		while (n && parent[n - 1] != '/')
			n--;
		snprintf(parent, sizeof(parent), "%.*s", n ? (int)n : 1, n ? dir : ".");
	}
	if (access(parent, W_OK | X_OK) < 0)
		return err_set(e, -errno, "cannot write into '%s': %s", parent, strerror(errno));
	return 0;
}

int output_check(const struct output_opts *o, struct err *e)
{
	size_t n = o->files.list.n;
	int rc;

	if (o->json && (o->format || o->folded) && !n)
		return err_set(e, -EINVAL, "--json and --%s both say what goes to standard output",
			       o->format ? "format" : "folded");
	if (o->folded && o->format && strcmp(o->format, "folded"))
		return err_set(e, -EINVAL, "--folded contradicts --format %s", o->format);
	if (o->format && !output_format(o, "-", e))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const char *path = o->files.list.at[i];

		if (o->json && !strcmp(path, "-"))
			return err_set(e, -EINVAL, "--json and -o - both go to standard output");
		for (size_t k = 0; k < i; k++)
			if (!strcmp(path, o->files.list.at[k]))
				return err_set(e, -EINVAL, "'%s' is given twice as output", path);
		if (!output_format(o, path, e))
			return -EINVAL;
		rc = output_check_file(path, e);
		if (rc)
			return rc;
	}
	return o->dir ? output_check_dir(o->dir, e) : 0;
}

/* -- writing ------------------------------------------------------------------------------------ */

static bool output_is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool yes;

	if (!l)
		return false;
	yes = !strcmp(nl_langinfo_l(CODESET, l), "UTF-8");
	freelocale(l);
	return yes;
}

static int output_format_opts(const struct profile *p, const struct output_opts *o,
			      struct format_opts *ret, struct err *e)
{
	*ret = (struct format_opts){
		.tree = { .root = o->by, .value = UINT32_MAX, .inverted = o->inverted,
			  .annotate = o->annotate, .delimited = o->delimited,
			  .addresses = o->addresses },
		.title = o->title, .top = o->top, .min_share = -1, .utf8 = output_is_utf8(),
	};
	for (uint32_t i = 0; o->value && i < p->value_types.n; i++)
		if (!strcmp(profile_text(p, p->value_types.at[i].type), o->value))
			ret->tree.value = i;
	if (o->value && ret->tree.value == UINT32_MAX) {
		struct buf known = { 0 };

		for (uint32_t i = 0; i < p->value_types.n; i++)
			output_list(&known, profile_text(p, p->value_types.at[i].type));
		return output_list_err(&known, e, "the profile has no value", o->value, "it has",
				       "");
	}
	return 0;
}

static void output_say(const struct output_opts *o, const char *path)
{
	if (!o->quiet && strcmp(path, "-"))
		fprintf(stderr, "wrote %s\n", path);
}

/* A report meant for this terminal: its width, its colours. */
static int output_stdout(const struct profile *p, const struct output_opts *o,
			 const struct format_opts *fo, struct err *e)
{
	const struct format *f;
	struct format_opts mine = *fo;
	struct out to;
	int rc;

	fflush(stdout);
	if (o->json) {
		rc = out_open(&to, "-", e);
		if (rc)
			return rc;
		rc = output_json(p, fo, o->oracle, &to);
		if (rc) {
			out_abort(&to);
			return err_set(e, rc, "%s", strerror(-rc));
		}
		return out_commit(&to, e);
	}
	f = output_format(o, "-", e);
	if (!f)
		return -EINVAL;
	if (isatty(STDOUT_FILENO) && !strcmp(f->name, "text")) {
		const char *term = getenv("TERM");

		mine.width = (uint32_t)usage_width(stdout);
		mine.colour = !getenv("NO_COLOR") && term && strcmp(term, "dumb");
	}
	return format_write_file(p, f, "-", &mine, e);
}

/* Makes the directory; "auto" finds a name that is not taken. */
static int output_make_dir(const char *dir, char *ret, size_t size, struct err *e)
{
	time_t now = (time_t)(clock_wall_ns() / NSEC_PER_SEC);
	struct tm tm;
	size_t n;

	if (strcmp(dir, "auto")) {
		snprintf(ret, size, "%s", dir);
		if (mkdir(ret, 0755) < 0 && errno != EEXIST)
			return err_set(e, -errno, "cannot make directory '%s': %s", ret,
				       strerror(errno));
		return 0;
	}
	localtime_r(&now, &tm);
	n = strftime(ret, size, "waggle-%Y%m%d-%H%M%S", &tm);
	for (unsigned int i = 2; mkdir(ret, 0755) < 0; i++) {
		if (errno != EEXIST || i > 100)
			return err_set(e, -errno, "cannot make directory '%s': %s", ret,
				       strerror(errno));
		snprintf(ret + n, size - n, "-%u", i);
	}
	return 0;
}

static int output_ledger_file(const struct profile *p, const char *path, struct err *e)
{
	struct out to;
	int rc = out_open(&to, path, e);

	if (rc)
		return rc;
	out_puts(&to, "{\"meta\":");
	format_meta_json(&to, p);
	out_puts(&to, ",\"ledger\":");
	format_ledger_json(&to, p);
	out_puts(&to, "}\n");
	return out_commit(&to, e);
}

static int output_write_dir(const struct profile *p, const struct output_opts *o,
			    const struct format_opts *fo, struct err *e)
{
	char dir[4096], path[4200];
	int rc = output_make_dir(o->dir, dir, sizeof(dir), e);

	for (size_t i = 0; !rc && i < sizeof(output_dir_files) / sizeof(*output_dir_files); i++) {
		const struct format *f = format_by_name(output_dir_files[i].format);

		snprintf(path, sizeof(path), "%s/%s", dir, output_dir_files[i].name);
		if (f && f->write)
			rc = format_write_file(p, f, path, fo, e);
	}
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/ledger.json", dir);
	rc = output_ledger_file(p, path, e);
	if (!rc)
		output_say(o, dir);
	return rc;
}

int output_write(const struct profile *p, const struct output_opts *o, struct err *e)
{
	struct format_opts fo;
	int rc = output_format_opts(p, o, &fo, e);

	for (size_t i = 0; !rc && i < o->files.list.n; i++) {
		const char *path = o->files.list.at[i];
		const struct format *f = output_format(o, path, e);

		if (path == o->streamed) {
			output_say(o, path);
			continue;
		}
		rc = !f			  ? -EINVAL :
		     !strcmp(path, "-") ? output_stdout(p, o, &fo, e) :
					  format_write_file(p, f, path, &fo, e);
		if (!rc)
			output_say(o, path);
	}
	if (!rc && o->dir)
		rc = output_write_dir(p, o, &fo, e);
	if (!rc && (o->json || (!o->files.list.n && !o->dir)))
		rc = output_stdout(p, o, &fo, e);
	return rc;
}

int output_verdict(const struct profile *p, const struct output_opts *o)
{
	const char *below = ledger_below_bar(&p->ledger);
	struct buf line = { 0 };

	format_ledger_line(&line, p);
	buf_putc(&line, 0);
	if (!o->quiet && !line.err)
		fprintf(stderr, "%s\n", (const char *)line.data);
	buf_free(&line);
	if (!o->strict || !below)
		return EXIT_DONE;
	fprintf(stderr, "waggle: below the bar of --strict: %s\n", below);
	return EXIT_STRICT;
}
