/* distro.c - os-release(5) and the lists of dpkg and apk; see distro.h.
 *
 * dpkg keeps one file per package with a path a line (/var/lib/dpkg/info/NAME[:ARCH].list); apk one file
 * for all, with lines "P:package", "F:directory", "R:file". Since /lib is a link to /usr/lib the same file
 * has two names, and the lists may know either.
 */
#include "symbol/distro.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/shell.h"

#define OS_RELEASE_CAP 65536

static const struct distro_row rows[] = {
#define ROW(id, family, server, command, suffix, archive) \
	{ id, DISTRO_##family, server, command, suffix, archive },
#include "symbol/distros.def"
#undef ROW
};

/* Debian's and Ubuntu's packages whose debug symbols are not in "NAME-dbgsym": what stands before the
 * version in the package's name and in that of the debug package, and whether there is a version. */
static const struct {
	const char *package, *debug;
	bool version;
} distro_other_names[] = {
	{ "libc6", "libc6", false },
	{ "openjdk-", "openjdk-", true }, /* openjdk-17-jre-headless: openjdk-17-dbg */
	{ "python3.", "python3.", true }, /* python3.11-minimal: python3.11-dbg */
	{ "libpython3.", "python3.", true },
};

/* -- which one ---------------------------------------------------------------------------------- */

static const struct distro_row *distro_row(const char *id, size_t len)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = strlen(rows[i].id);

		/* opensuse-leap, opensuse-tumbleweed */
		if (n <= len && !strncmp(rows[i].id, id, n) && (len == n || id[n] == '-'))
			return &rows[i];
	}
	return NULL;
}

/* The value of KEY=value without its quotes; NULL when the line is another. */
static const char *distro_value(const char *line, size_t len, const char *key, size_t *ret_len)
{
	size_t n = strlen(key);

	if (len <= n || strncmp(line, key, n) != 0 || line[n] != '=')
		return NULL;
	line += n + 1;
	len -= n + 1;
	if (len >= 2 && (*line == '"' || *line == '\'') && line[len - 1] == *line) {
		line++;
		len -= 2;
	}
	*ret_len = len;
	return line;
}

static const struct distro_row *distro_like(const char *words, size_t len)
{
	while (len) {
		size_t n = 0;
		const struct distro_row *row;

		while (n < len && words[n] != ' ')
			n++;
		row = distro_row(words, n);
		if (row)
			return row;
		n += n < len;
		words += n;
		len -= n;
	}
	return NULL;
}

/* What cannot be printed is left out: the text may be a container's. A code name is one word. */
static void distro_copy(char *to, size_t size, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++)
		if ((unsigned char)text[i] >= ' ' && text[i] != 0x7f)
			to[n++] = text[i];
	to[n] = '\0';
}

void distro_parse(const char *text, struct distro *ret)
{
	const struct distro_row *like = NULL;

	while (*text) {
		size_t len = strcspn(text, "\n"), n = 0;
		const char *v;

		if ((v = distro_value(text, len, "ID", &n)))
			ret->row = distro_row(v, n);
		else if ((v = distro_value(text, len, "ID_LIKE", &n)))
			like = distro_like(v, n);
		else if ((v = distro_value(text, len, "PRETTY_NAME", &n)))
			distro_copy(ret->name, sizeof(ret->name), v, n);
		else if ((v = distro_value(text, len, "VERSION_CODENAME", &n)))
			distro_copy(ret->codename, sizeof(ret->codename), v, n);
		text += len + (text[len] == '\n');
	}
	if (!ret->row)
		ret->row = like;
}

void distro_read(const char *root, struct distro *ret)
{
	static const char *const places[] = { "/etc/os-release", "/usr/lib/os-release" };
	char path[PATH_MAX], *text = malloc(OS_RELEASE_CAP);
	FILE *f = NULL;
	ssize_t n;

	*ret = (struct distro){ 0 };
	snprintf(ret->root, sizeof(ret->root), "%s", root);
	n = readlink(root, ret->place, sizeof(ret->place) - 1);
	ret->place[n > 1 ? n : 0] = '\0'; /* "/": another mount namespace, or our own */
	for (int i = 0; i < 2 && !f && text; i++) {
		snprintf(path, sizeof(path), "%s%s", root, places[i]);
		f = fopen(path, "re");
	}
	if (f) {
		text[fread(text, 1, OS_RELEASE_CAP - 1, f)] = '\0';
		fclose(f);
		distro_parse(text, ret);
	}
	free(text);
}

/* -- which package ------------------------------------------------------------------------------ */

struct distro_wanted { /* sorted by path */
	char path[PATH_MAX];
	struct distro_package *file;
};

static int distro_order(const void *a, const void *b)
{
	return strcmp(((const struct distro_wanted *)a)->path, ((const struct distro_wanted *)b)->path);
}

static int distro_compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct distro_wanted *)row)->path);
}

static void distro_found(struct distro_wanted *at, size_t n, const char *path, const char *package,
			 size_t len)
{
	struct distro_wanted *w = bsearch(path, at, n, sizeof(*at), distro_compare);

	if (!w || len >= sizeof(w->file->name))
		return;
	snprintf(w->file->name, sizeof(w->file->name), "%.*s", (int)len, package);
	if (!shell_is_plain(w->file->name)) /* no package manager allows it: made up to be typed */
		w->file->name[0] = '\0';
}

/* Both names of a file whose directory may be a link into /usr. */
static size_t distro_want(const struct distro *d, struct distro_wanted *to,
			  struct distro_package *file)
{
	size_t len = strlen(d->place);
	const char *path = file->path;

	if (len && !strncmp(path, d->place, len) && path[len] == '/')
		path += len;
	if (path[0] != '/' || strlen(path) >= PATH_MAX - 8)
		return 0;
	snprintf(to[0].path, PATH_MAX, "%s", path);
	if (!strncmp(path, "/usr/", 5))
		snprintf(to[1].path, PATH_MAX, "%s", path + 4);
	else
		snprintf(to[1].path, PATH_MAX, "/usr%s", path);
	to[0].file = to[1].file = file;
	return 2;
}

static void distro_dpkg_list(const char *path, const char *package, size_t len,
			     struct distro_wanted *at, size_t n)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t got;

	while (f && (got = getline(&line, &cap, f)) > 0) {
		if (line[got - 1] == '\n')
			line[got - 1] = '\0';
		distro_found(at, n, line, package, len);
	}
	free(line);
	if (f)
		fclose(f);
}

static void distro_dpkg(const struct distro *d, struct distro_wanted *at, size_t n)
{
	char dir[128], path[PATH_MAX];
	struct dirent *entry;
	DIR *lists;

	snprintf(dir, sizeof(dir), "%s/var/lib/dpkg/info", d->root);
	lists = opendir(dir);
	while (lists && (entry = readdir(lists))) {
		size_t len = strlen(entry->d_name), name = strcspn(entry->d_name, ":");

		if (len < 6 || strcmp(entry->d_name + len - 5, ".list") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		distro_dpkg_list(path, entry->d_name, name < len ? name : len - 5, at, n);
	}
	if (lists)
		closedir(lists);
}

static void distro_apk(const struct distro *d, struct distro_wanted *at, size_t n)
{
	char package[PACKAGE_NAME_MAX] = "", dir[PATH_MAX] = "", path[2 * PATH_MAX];
	char *line = NULL;
	size_t cap = 0;
	ssize_t got;
	FILE *f;

	snprintf(path, sizeof(path), "%s/lib/apk/db/installed", d->root);
	f = fopen(path, "re");
	while (f && (got = getline(&line, &cap, f)) > 0) {
		if (line[got - 1] == '\n')
			line[got - 1] = '\0';
		if (!strncmp(line, "P:", 2)) {
			snprintf(package, sizeof(package), "%s", line + 2);
		} else if (!strncmp(line, "F:", 2)) {
			snprintf(dir, sizeof(dir), "%s", line + 2);
		} else if (!strncmp(line, "R:", 2)) {
			snprintf(path, sizeof(path), "/%s/%s", dir, line + 2);
			distro_found(at, n, path, package, strlen(package));
		}
	}
	free(line);
	if (f)
		fclose(f);
}

int distro_packages(const struct distro *d, struct distro_package *files, size_t n)
{
	struct distro_wanted *wanted;
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		files[i].name[0] = '\0';
	if (!d->row || (d->row->family != DISTRO_DPKG && d->row->family != DISTRO_APK))
		return 0;
	wanted = malloc((2 * n + 1) * sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		m += distro_want(d, wanted + m, &files[i]);
	qsort(wanted, m, sizeof(*wanted), distro_order);
	if (d->row->family == DISTRO_DPKG)
		distro_dpkg(d, wanted, m);
	else
		distro_apk(d, wanted, m);
	free(wanted);
	return 0;
}

static bool distro_other_name(const char *package, char *to, size_t size)
{
	for (size_t i = 0; i < sizeof(distro_other_names) / sizeof(*distro_other_names); i++) {
		size_t n = strlen(distro_other_names[i].package);
		size_t digits;

		if (strncmp(package, distro_other_names[i].package, n) != 0)
			continue;
		digits = strspn(package + n, "0123456789");
		if (distro_other_names[i].version ? !digits : package[n] && package[n] != '-')
			continue;
		snprintf(to, size, "%s%.*s-dbg", distro_other_names[i].debug,
			 distro_other_names[i].version ? (int)digits : 0, package + n);
		return true;
	}
	return false;
}

bool distro_debug_package(const struct distro *d, const char *package, char *to, size_t size)
{
	if (!d->row || !*d->row->command || !*package)
		return false;
	if (d->row->family != DISTRO_DPKG || !distro_other_name(package, to, size))
		snprintf(to, size, "%s%s", package, d->row->suffix);
	return true;
}

bool distro_has_package(const struct distro *d, const char *package)
{
	char path[PATH_MAX];

	if (!d->row || d->row->family != DISTRO_DPKG)
		return false;
	snprintf(path, sizeof(path), "%s/var/lib/dpkg/info/%s.list", d->root, package);
	if (access(path, F_OK) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/var/lib/dpkg/info/%s:amd64.list", d->root, package);
	return access(path, F_OK) == 0;
}

bool distro_archive(const struct distro *d, char *to, size_t size)
{
	const char *text = d->row ? d->row->archive : "", *at = strchr(text, '@');

	if (at)
		snprintf(to, size, "%.*s%s%s", (int)(at - text), text,
			 *d->codename ? d->codename : "NAME", at + 1);
	else
		snprintf(to, size, "%s", text);
	return *text;
}
