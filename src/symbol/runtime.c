/* runtime.c - recognising JIT compilers by their files; see runtime.h. */
#include "symbol/runtime.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/lookup.h"

#define WORDS_CAP (256u << 10) /* of a command line or an environment */

static const struct runtime_row rows[] = {
#define ROW(id, programs, libraries, words, remedy) { #id, programs, libraries, words, remedy },
#include "symbol/runtimes.def"
#undef ROW
};

/* Does one of the space-separated names begin the file name, up to a version? */
static bool runtime_names(const char *names, const char *file)
{
	while (*names) {
		size_t n = strcspn(names, " ");

		if (!strncmp(names, file, n) && (!file[n] || isdigit((unsigned char)file[n]) ||
						 file[n] == '.' || file[n] == '-'))
			return true;
		names += n + (names[n] == ' ');
	}
	return false;
}

const struct runtime_row *runtime_of(const char *path, bool library)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (runtime_names(library ? rows[i].libraries : rows[i].programs, file))
			return &rows[i];
	return NULL;
}

/* Does one of the words begin an option in the text? In NODE_OPTIONS=.. there may be several. */
static bool runtime_has(const char *text, const char *words, bool after_x)
{
	for (const char *w = words; *w;) {
		size_t n = strcspn(w, " ");

		if (after_x && n > 2 && !strncmp(w, "-X", 2) && !strncmp(text, w + 2, n - 2))
			return true;
		for (const char *at = text; at; at = strpbrk(at, "= "), at += at != NULL)
			if (!strncmp(at, w, n))
				return true;
		w += n + (w[n] == ' ');
	}
	return false;
}

/* A file of NUL-terminated words below /proc/PID; "-X perf" counts as "-Xperf". */
static bool runtime_says(uint32_t pid, const char *file, const char *words)
{
	char path[64], *text = malloc(WORDS_CAP + 1);
	bool found = false, after_x = false;
	ssize_t len = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && text)
		len = read(fd, text, WORDS_CAP);
	if (fd >= 0)
		close(fd);
	for (ssize_t at = 0; at < len && !found; at += (ssize_t)strlen(text + at) + 1) {
		text[len] = '\0';
		found = runtime_has(text + at, words, after_x);
		after_x = !strcmp(text + at, "-X");
	}
	free(text);
	return found;
}

static void runtime_remedy(struct runtime *r, uint32_t pid)
{
	const char *pid_at = strstr(r->row->remedy, " PID ");

	if (pid_at)
		snprintf(r->remedy, sizeof(r->remedy), "%.*s %u %s", (int)(pid_at - r->row->remedy),
			 r->row->remedy, pid, pid_at + 5);
	else
		snprintf(r->remedy, sizeof(r->remedy), "%s", r->row->remedy);
}

void runtime_read(uint32_t pid, const struct maps *m, struct runtime *ret)
{
	char path[128], exe[PATH_MAX];
	ssize_t n;

	*ret = (struct runtime){ 0 };
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	ret->row = runtime_of(exe, false);
	for (size_t i = 0; i < m->list.n; i++) {
		const struct maps_range *at = &m->list.at[i];
		const char *name = maps_path(m, at);

		if (!at->exec)
			continue;
		if (!ret->row && at->ino)
			ret->row = runtime_of(name, true);
		if (!at->ino && name[0] != '[') /* not [vdso] and its like */
			ret->generated += at->end - at->start;
	}
	snprintf(ret->map_path, sizeof(ret->map_path), "/tmp/perf-%u.map", process_inner_pid(pid));
	snprintf(path, sizeof(path), "/proc/%u/root%s", pid, ret->map_path);
	ret->map = access(path, F_OK) == 0;
	if (!ret->row)
		return;
	ret->asked = *ret->row->words && (runtime_says(pid, "cmdline", ret->row->words) ||
					  runtime_says(pid, "environ", ret->row->words));
	if (!ret->map && !ret->asked)
		runtime_remedy(ret, pid);
}
