/* doctor_file.c - gathers the findings of symbol/explain.h for a file or for everything a process may
 * execute, and shows them; see doctor_file.h. Needs no privilege for what the user owns.
 */
#include "cli/doctor_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/out.h"
#include "cli/command.h"
#include "cli/usage.h"
#include "format/format.h"
#include "process/lookup.h"
#include "symbol/explain.h"
#include "symbol/runtime.h"

struct doctor_unread {
	char *path;
	char why[200];
};

struct doctor_report {
	struct explain x;
	uint32_t pid; /* 0: a file */
	char comm[16];
	struct runtime runtime;
	VEC(struct doctor_unread) unread; /* mapped files that could not be looked at */
	VEC(char *) remedies;             /* for all files together */
};

static const struct {
	const char *word, *colour;
} doctor_words[] = {
	[EXPLAIN_OK] = { "ok", "\033[32m" },
	[EXPLAIN_POOR] = { "degraded", "\033[33m" },
	[EXPLAIN_MISSING] = { "missing", "\033[31m" },
};

/* Paths and names are other people's: nothing in them may steer a terminal. */
static void doctor_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* -- gathering ---------------------------------------------------------------------------------- */

static int doctor_add_file(struct doctor_report *r, const char *word, struct err *e)
{
	int fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;
	char *path = realpath(word, NULL); /* as packages know it */
	struct stat st;

	if (fd < 0)
		rc = err_set(e, -errno, "%s", strerror(errno));
	else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rc = err_set(e, -EISDIR, "it is a directory");
	else if (!S_ISREG(st.st_mode))
		rc = err_set(e, -ENOEXEC, "it is not a regular file");
	else
		rc = explain_add(&r->x, fd, path ? path : word, false, e);
	if (fd >= 0)
		close(fd);
	free(path);
	if (rc)
		err_prefix(e, "cannot read '%s'", word);
	return rc;
}

static int doctor_put_unread(struct doctor_report *r, const char *path, const char *why)
{
	struct doctor_unread u = { .path = strdup(path) };

	snprintf(u.why, sizeof(u.why), "%s", why);
	if (u.path && VEC_PUSH(&r->unread, u))
		return 0;
	free(u.path);
	return -ENOMEM;
}

static int doctor_add_mapping(struct doctor_report *r, const struct maps *m, const struct maps_range *at)
{
	int fd = maps_open(r->pid, m, at), rc;
	struct err e = { 0 };
	char path[PATH_MAX];

	maps_plain_path(m, at, path, sizeof(path));
	if (fd < 0)
		return doctor_put_unread(r, path, strerror(-fd));
	rc = explain_add(&r->x, fd, path, maps_deleted(m, at), &e);
	close(fd);
	return rc && rc != -ENOMEM ? doctor_put_unread(r, path, e.text) : rc;
}

/* Has an earlier mapping the same file? */
static bool doctor_seen(const struct maps *m, size_t i)
{
	const struct maps_range *at = &m->list.at[i];

	for (size_t k = 0; k < i; k++)
		if (m->list.at[k].exec && m->list.at[k].ino == at->ino &&
		    m->list.at[k].dev_major == at->dev_major && m->list.at[k].dev_minor == at->dev_minor)
			return true;
	return false;
}

/* What a process has mapped, or the sentence that says why that cannot be told. */
static int doctor_maps(uint32_t pid, struct maps *ret, struct err *e)
{
	int rc = maps_read(pid, ret);

	if (rc == -ESRCH && process_exists(pid))
		return err_set(e, -ENOEXEC,
			       "process %u has no memory of its own: it is a kernel thread, or it has ended",
			       pid);
	if (rc == -ESRCH)
		return err_set(e, rc, "there is no process %u", pid);
	if (rc)
		return err_set(e, rc, "cannot read what process %u has mapped: %s", pid, strerror(-rc));
	return 0;
}

static int doctor_add_process(struct doctor_report *r, struct err *e)
{
	struct maps m;
	int rc = doctor_maps(r->pid, &m, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < m.list.n && !rc; i++) {
		if (!m.list.at[i].exec || !m.list.at[i].ino || doctor_seen(&m, i))
			continue;
		rc = doctor_add_mapping(r, &m, &m.list.at[i]);
		if (rc)
			err_set(e, rc, "out of memory");
	}
	if (!rc) {
		process_comm(r->pid, r->comm, sizeof(r->comm));
		doctor_clean(r->comm);
		runtime_read(r->pid, &m, &r->runtime);
	}
	maps_free(&m);
	return rc;
}

/* -- what to do in all -------------------------------------------------------------------------- */

static int doctor_remedy(struct doctor_report *r, struct buf *b)
{
	size_t n;
	char *text;

	buf_putc(b, 0);
	text = b->err ? NULL : (char *)buf_take(b, &n);
	if (text && VEC_PUSH(&r->remedies, text))
		return 0;
	free(text);
	buf_free(b);
	return -ENOMEM;
}

static bool doctor_package_seen(const struct explain *x, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (explain_wants_package(&x->files.at[k]) &&
		    !strcmp(x->files.at[k].debug_package, x->files.at[i].debug_package))
			return true;
	return false;
}

/* One command for the packages of all files, and the server that makes it unnecessary. */
static int doctor_summarize(struct doctor_report *r)
{
	const struct distro_row *d = r->x.distro.row;
	bool any = false, archive = false, want = false;
	struct buf b = { 0 };
	char from[300];
	int rc = 0;

	for (size_t i = 0; i < r->x.files.n; i++) {
		const struct explain_file *f = &r->x.files.at[i];

		want |= explain_is_packaged(&r->x, f) && (f->findings[EXPLAIN_SYMBOLS].remedy[0] ||
							  f->findings[EXPLAIN_LINES].remedy[0]);
		if (!explain_wants_package(f) || doctor_package_seen(&r->x, i))
			continue;
		buf_printf(&b, "%s%s", any ? " " : d->command, any ? "" : " ");
		buf_puts(&b, f->debug_package);
		any = true;
		archive |= *d->suffix && strstr(f->debug_package, d->suffix) != NULL;
	}
	if (any)
		rc = doctor_remedy(r, &b);
	if (!rc && archive && distro_archive(&r->x.distro, from, sizeof(from))) {
		buf_puts(&b, from);
		rc = doctor_remedy(r, &b);
	}
	if (rc || !want)
		return rc;
	if (download_possible())
		buf_puts(&b, "DEBUGINFOD_URLS is set: a capture asks there for what is missing.");
	else if (d && *d->server)
		buf_printf(&b, "Or let waggle fetch what is missing: export DEBUGINFOD_URLS=%s (sudo needs "
			       "--preserve-env=DEBUGINFOD_URLS).", d->server);
	return b.len ? doctor_remedy(r, &b) : 0;
}

/* -- text --------------------------------------------------------------------------------------- */

static void doctor_show(enum explain_state state, const char *title, const char *detail,
			const char *remedy, const char **said)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	int width = usage_width(stdout);
	char text[640];

	printf("  %s%-9s%s", colour ? doctor_words[state].colour : "", doctor_words[state].word,
	       colour ? "\033[0m" : "");
	snprintf(text, sizeof(text), "%s%s%s", title, *detail ? ": " : "", detail);
	doctor_clean(text);
	usage_wrap(stdout, text, 11, 13, width);
	if (!*remedy)
		return;
	printf("%13s", "");
	usage_wrap(stdout, *said && !strcmp(*said, remedy) ? "As above." : remedy, 13, 13, width);
	*said = remedy;
}

/* Of a process there are many files: what is well is only named. */
static void doctor_show_well(const struct explain_file *f)
{
	char text[200] = "";
	const char *said = NULL;
	size_t n = 0;

	for (int t = 0; t < EXPLAIN_TOPICS; t++)
		if (f->findings[t].state == EXPLAIN_OK && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
					      explain_topics[t].title);
	if (n)
		doctor_show(EXPLAIN_OK, text, "", "", &said);
}

static void doctor_show_file(const struct doctor_report *r, const struct explain_file *f)
{
	const char *said = NULL;
	char *path = strdup(f->path);

	if (path)
		doctor_clean(path);
	printf("\n%s", path ? path : "?");
	free(path);
	if (f->deleted)
		printf(" (deleted)");
	if (*f->package)
		printf(" (package %s)", f->package);
	putchar('\n');
	if (r->pid)
		doctor_show_well(f);
	for (int t = 0; t < EXPLAIN_TOPICS; t++)
		if (!r->pid || f->findings[t].state != EXPLAIN_OK)
			doctor_show(f->findings[t].state, explain_topics[t].title,
				    f->findings[t].detail, f->findings[t].remedy, &said);
}

/* How a process stands that generates code: a state, and a sentence in `to`. */
static enum explain_state doctor_runtime(const struct runtime *t, char *to, size_t size)
{
	char bytes[32];

	format_value((int64_t)(t->generated & INT64_MAX), "bytes", bytes, sizeof(bytes));
	snprintf(to, size, "%s%s%s in no file; %s%s", t->row ? t->row->id : "", t->row ? ", " : "",
		 bytes, t->map ? "its names are in " : "there is no symbol map ", t->map_path);
	if (t->map)
		return EXPLAIN_OK;
	return t->asked ? EXPLAIN_POOR : EXPLAIN_MISSING;
}

static void doctor_text_target(const struct doctor_report *r)
{
	const char *said = NULL;
	char text[300];

	if (r->pid)
		printf("process %u (%s)", r->pid, r->comm);
	else
		fputs("file", stdout);
	printf("%s%s\n", *r->x.distro.name ? ", " : "", r->x.distro.name);
	for (size_t i = 0; i < r->x.files.n; i++)
		doctor_show_file(r, &r->x.files.at[i]);
	if (r->unread.n)
		printf("\nNot looked at\n");
	for (size_t i = 0; i < r->unread.n; i++)
		doctor_show(EXPLAIN_POOR, r->unread.at[i].path, r->unread.at[i].why, "", &said);
	if (r->pid && (r->runtime.generated || r->runtime.row)) {
		enum explain_state state = doctor_runtime(&r->runtime, text, sizeof(text));

		printf("\nGenerated code\n");
		doctor_show(state, "names", text, r->runtime.remedy, &said);
	}
	if (r->remedies.n)
		printf("\nFor more names\n");
	for (size_t i = 0; i < r->remedies.n; i++) {
		printf("  ");
		usage_wrap(stdout, r->remedies.at[i], 2, 4, usage_width(stdout));
	}
}

/* -- json --------------------------------------------------------------------------------------- */

static void doctor_pair(struct out *to, const char *key, const char *value, const char *end)
{
	out_printf(to, "\"%s\":", key);
	format_json_string(to, value, strlen(value));
	out_puts(to, end);
}

static void doctor_json_file(struct out *to, const struct explain_file *f)
{
	out_putc(to, '{');
	doctor_pair(to, "path", f->path, ",");
	out_printf(to, "\"deleted\":%s,", f->deleted ? "true" : "false");
	doctor_pair(to, "build_id", f->own.build_id, ",");
	doctor_pair(to, "package", f->package, ",");
	doctor_pair(to, "debug_package", f->debug_package, ",");
	doctor_pair(to, "debug_file", f->has_debug ? f->place : "", ",");
	out_puts(to, "\"findings\":{");
	for (int t = 0; t < EXPLAIN_TOPICS; t++) {
		out_printf(to, "%s\"%s\":{", t ? "," : "", explain_topics[t].key);
		doctor_pair(to, "state", doctor_words[f->findings[t].state].word, ",");
		doctor_pair(to, "detail", f->findings[t].detail, ",");
		doctor_pair(to, "remedy", f->findings[t].remedy, "}");
	}
	out_puts(to, "}}");
}

static void doctor_json_runtime(struct out *to, const struct doctor_report *r)
{
	char text[300];
	enum explain_state state = doctor_runtime(&r->runtime, text, sizeof(text));

	out_puts(to, "\"generated\":");
	if (!r->pid || (!r->runtime.generated && !r->runtime.row)) {
		out_puts(to, "null,");
		return;
	}
	out_putc(to, '{');
	doctor_pair(to, "runtime", r->runtime.row ? r->runtime.row->id : "", ",");
	out_printf(to, "\"bytes\":%llu,", (unsigned long long)r->runtime.generated);
	doctor_pair(to, "map", r->runtime.map ? r->runtime.map_path : "", ",");
	doctor_pair(to, "state", doctor_words[state].word, ",");
	doctor_pair(to, "detail", text, ",");
	doctor_pair(to, "remedy", r->runtime.remedy, "},");
}

static int doctor_json_target(const struct doctor_report *r, struct err *e)
{
	struct out to;
	int rc = out_open(&to, "-", e);

	if (rc)
		return rc;
	out_putc(&to, '{');
	doctor_pair(&to, "waggle", WAGGLE_VERSION, ",");
	out_printf(&to, "\"pid\":%u,", r->pid);
	doctor_pair(&to, "comm", r->comm, ",");
	doctor_pair(&to, "distribution", r->x.distro.name, ",\"files\":[");
	for (size_t i = 0; i < r->x.files.n; i++) {
		out_puts(&to, i ? "," : "");
		doctor_json_file(&to, &r->x.files.at[i]);
	}
	out_puts(&to, "],\"unread\":[");
	for (size_t i = 0; i < r->unread.n; i++) {
		out_puts(&to, i ? ",{" : "{");
		doctor_pair(&to, "path", r->unread.at[i].path, ",");
		doctor_pair(&to, "why", r->unread.at[i].why, "}");
	}
	out_puts(&to, "],");
	doctor_json_runtime(&to, r);
	out_puts(&to, "\"remedies\":[");
	for (size_t i = 0; i < r->remedies.n; i++) {
		out_puts(&to, i ? "," : "");
		format_json_string(&to, r->remedies.at[i], strlen(r->remedies.at[i]));
	}
	out_puts(&to, "]}\n");
	return out_commit(&to, e);
}

/* -- */

static void doctor_report_free(struct doctor_report *r)
{
	explain_free(&r->x);
	for (size_t i = 0; i < r->unread.n; i++)
		free(r->unread.at[i].path);
	for (size_t i = 0; i < r->remedies.n; i++)
		free(r->remedies.at[i]);
	VEC_FREE(&r->unread);
	VEC_FREE(&r->remedies);
}

static int doctor_gather(struct doctor_report *r, const char *word, struct debugfiles *where,
			 struct err *e)
{
	char root[64] = "";
	int rc;

	if (*word && !word[strspn(word, "0123456789")]) {
		r->pid = strlen(word) < 10 ? (uint32_t)strtoul(word, NULL, 10) : 0;
		if (!r->pid)
			return err_set(e, -ESRCH, "there is no process %.40s", word);
		snprintf(root, sizeof(root), "/proc/%u/root", r->pid);
	}
	explain_init(&r->x, where, root);
	rc = r->pid ? doctor_add_process(r, e) : doctor_add_file(r, word, e);
	if (rc)
		return rc;
	rc = explain_conclude(&r->x);
	if (!rc)
		rc = doctor_summarize(r);
	return rc ? err_set(e, rc, "out of memory") : 0;
}

int doctor_target(const char *word, const struct names_opts *names, bool json)
{
	struct names_opts local = *names;
	struct debugfiles *where = NULL;
	struct doctor_report r = { 0 };
	struct err e = { 0 };
	int rc;

	local.no_debuginfod = true; /* an explanation downloads nothing */
	rc = names_begin(&local, false, &where, &e);
	if (!rc)
		rc = doctor_gather(&r, word, where, &e);
	if (!rc && json)
		rc = doctor_json_target(&r, &e);
	else if (!rc)
		doctor_text_target(&r);
	doctor_report_free(&r);
	names_end(where, &local, true);
	return rc ? command_fail(&e) : EXIT_DONE;
}
