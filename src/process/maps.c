/* maps.c - the text of /proc/PID/maps into ranges; see maps.h.
 *
 * A line is "start-end perms offset major:minor inode", blanks, and a path that may hold anything but
 * a newline. The text is kept and paths point into it: a browser has thousands of lines.
 */
#include "process/maps.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number in that base at *at, which must be followed by `then`. */
static bool maps_number(const char **at, int base, char then, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)**at)) /* strtoull would take blanks and signs */
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, base);
	if (errno || end == *at || *end != then)
		return false;
	*at = end + 1;
	return true;
}

static bool maps_line(const char *line, const char *text, struct maps_range *m)
{
	const char *at = line, *perms;
	uint64_t major, minor;
	char *end;

	if (!maps_number(&at, 16, '-', &m->start) || !maps_number(&at, 16, ' ', &m->end))
		return false;
	perms = at;
	if (strnlen(at, 5) < 5 || at[4] != ' ')
		return false;
	at += 5;
	if (!maps_number(&at, 16, ' ', &m->offset) || !maps_number(&at, 16, ':', &major) ||
	    !maps_number(&at, 16, ' ', &minor) || !isdigit((unsigned char)*at))
		return false;
	errno = 0;
	m->ino = strtoull(at, &end, 10);
	if (errno || m->start >= m->end)
		return false;
	end += strspn(end, " ");
	m->exec = perms[2] == 'x';
	m->dev_major = (uint32_t)major;
	m->dev_minor = (uint32_t)minor;
	m->path = (uint32_t)(end - text);
	return true;
}

int maps_parse(char *text, size_t len, struct maps *ret)
{
	char *line = text, *end;
	uint64_t above = 0;

	*ret = (struct maps){ .text = text };
	for (; line < text + len; line = end + 1) {
		struct maps_range m = { 0 };

		end = memchr(line, '\n', len - (size_t)(line - text));
		if (!end)
			end = text + len;
		*end = 0;
		if (!maps_line(line, text, &m) || m.start < above) {
			ret->skipped += *line != 0;
			continue;
		}
		above = m.end;
		if (!VEC_PUSH(&ret->list, m)) {
			maps_free(ret);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Everything that can be read, NUL behind it. */
static int maps_slurp(int fd, char **ret, size_t *ret_len)
{
	size_t len = 0, cap = 16 << 10;
	char *text = malloc(cap);
	ssize_t n = 1;

	while (text && n > 0 && len < MAPS_BYTES_CAP) {
		if (cap - len < 8192) {
			char *more = realloc(text, cap *= 2);

			if (!more)
				break;
			text = more;
		}
		n = read(fd, text + len, cap - len - 1);
		len += n > 0 ? (size_t)n : 0;
	}
	if (!text || n < 0 || (n && len < MAPS_BYTES_CAP)) {
		int code = n < 0 ? -errno : -ENOMEM;

		free(text);
		return code;
	}
	text[len] = 0;
	*ret = text;
	*ret_len = len;
	return 0;
}

int maps_read(uint32_t pid, struct maps *ret)
{
	char path[32], *text = NULL;
	size_t len = 0;
	int fd, code;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	code = maps_slurp(fd, &text, &len);
	close(fd);
	if (!code)
		code = maps_parse(text, len, ret);
	if (!code && !ret->list.n) { /* its memory is gone already */
		maps_free(ret);
		code = -ESRCH;
	}
	return code;
}

void maps_free(struct maps *m)
{
	VEC_FREE(&m->list);
	free(m->text);
	*m = (struct maps){ 0 };
}

static const char maps_deleted_mark[] = " (deleted)";

bool maps_deleted(const struct maps *m, const struct maps_range *at)
{
	const char *path = maps_path(m, at);
	size_t len = strlen(path), mark = sizeof(maps_deleted_mark) - 1;

	return at->ino && len > mark && strcmp(path + len - mark, maps_deleted_mark) == 0;
}

void maps_plain_path(const struct maps *m, const struct maps_range *at, char *to, size_t size)
{
	const char *path = maps_path(m, at);
	size_t len = strlen(path);

	if (maps_deleted(m, at))
		len -= sizeof(maps_deleted_mark) - 1;
	snprintf(to, size, "%.*s", (int)len, path);
}

int maps_open(uint32_t pid, const struct maps *m, const struct maps_range *at)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, at->start,
		 at->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 || maps_deleted(m, at) || maps_path(m, at)[0] != '/')
		return fd < 0 ? -errno : fd;
	/* map_files needs a capability that the owner of the process may lack. */
	snprintf(path, sizeof(path), "/proc/%u/root%s", pid, maps_path(m, at));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

const struct maps_range *maps_find(const struct maps *m, uint64_t addr)
{
	size_t low = 0, high = m->list.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->list.at[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->list.n && m->list.at[low].start <= addr ? &m->list.at[low] : NULL;
}
