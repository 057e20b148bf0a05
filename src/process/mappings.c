/* mappings.c - /proc/PID/maps (proc_pid_maps(5)): "start-end perms offset major:minor inode   path". Line
 * feeds in paths are written as \012, so a line is a mapping whatever a file is called.
 */
#include "process/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_CAP (64u << 20)
#define LINE_CAP (PATH_MAX * 4 + 256) /* every byte of a path may be escaped */

static const char deleted_mark[] = " (deleted)";

/* One line, NUL-terminated. */
static bool mappings_line(struct mappings *m, const char *line)
{
	uint32_t major, minor;
	struct mapping at = { 0 };
	char perms[5];
	int used = 0;
	size_t len;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n", &at.start,
		   &at.end, perms, &at.offset, &major, &minor, &at.inode, &used) != 7 ||
	    at.end <= at.start)
		return true;
	line += used;
	line += strspn(line, " ");
	len = strlen(line);
	at.exec = strlen(perms) > 2 && perms[2] == 'x';
	at.device = (uint64_t)major << 32 | minor;
	if (at.inode && len >= sizeof(deleted_mark) &&
	    !strcmp(line + len - (sizeof(deleted_mark) - 1), deleted_mark)) {
		at.deleted = true;
		len -= sizeof(deleted_mark) - 1;
	}
	at.path = (uint32_t)m->text.len;
	buf_put(&m->text, line, len);
	buf_u8(&m->text, 0);
	return !m->text.err && VEC_PUSH(&m->list, at);
}

int mappings_parse(const char *text, size_t len, struct mappings *ret)
{
	char line[LINE_CAP];

	*ret = (struct mappings){ 0 };
	while (len && ret->list.n < MAPPINGS_MAX) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		if (n < sizeof(line)) {
			memcpy(line, text, n);
			line[n] = '\0';
			if (!mappings_line(ret, line)) {
				mappings_free(ret);
				return -ENOMEM;
			}
		}
		n += end != NULL;
		text += n;
		len -= n;
	}
	return 0;
}

static int mappings_load(int fd, struct buf *text)
{
	ssize_t got = 1;

	while (got > 0 && text->len < TEXT_CAP) {
		uint8_t *to = buf_reserve(text, 65536);

		if (!to)
			return -ENOMEM;
		got = read(fd, to, 65536);
		if (got > 0)
			text->len += (size_t)got;
	}
	return got < 0 ? -errno : 0;
}

int mappings_read(uint32_t pid, struct mappings *ret, struct err *e)
{
	struct buf text = { 0 };
	char path[64];
	int fd, rc;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -errno : mappings_load(fd, &text);
	if (fd >= 0)
		close(fd);
	if (!rc)
		rc = mappings_parse((char *)text.data, text.len, ret);
	buf_free(&text);
	if (rc == -ENOENT || rc == -ESRCH)
		return err_set(e, -ESRCH, "there is no process %u", pid);
	if (rc)
		return err_set(e, rc, "cannot read what process %u has mapped: %s", pid,
			       strerror(-rc));
	return 0;
}

void mappings_free(struct mappings *m)
{
	VEC_FREE(&m->list);
	buf_free(&m->text);
}

const char *mapping_path(const struct mappings *m, const struct mapping *at)
{
	return (const char *)m->text.data + at->path;
}

int mapping_open(uint32_t pid, const struct mappings *m, const struct mapping *at)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, at->start,
		 at->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 || at->deleted || mapping_path(m, at)[0] != '/')
		return fd < 0 ? -errno : fd;
	/* map_files needs a capability that the owner of the process may lack. */
	snprintf(path, sizeof(path), "/proc/%u/root%s", pid, mapping_path(m, at));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}
