/* opening.c - from an announcement to a descriptor; see opening.h. */
#include "session/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"

#define KERNEL_MINOR_BITS 20 /* include/linux/kdev_t.h: the kernel's own dev_t */

void opening_record_path(const struct file_record *r, char *to, size_t size)
{
	size_t bytes = r->path_bytes < FILE_PATH_BYTES ? r->path_bytes : FILE_PATH_BYTES;
	struct cursor c = cursor_of(r->path, bytes);
	size_t at = size - 1; /* written from the end: the leaf comes first */

	to[0] = 0;
	if (!r->path_whole || !bytes)
		return;
	to[at] = 0;
	while (cursor_left(&c)) {
		const char *part = cursor_str(&c);
		size_t n = part ? strlen(part) : 0;

		if (!part || n + 1 > at) {
			to[0] = 0;
			return;
		}
		if (!n || !strcmp(part, "/"))
			continue; /* the root's own name */
		at -= n;
		memcpy(to + at, part, n);
		to[--at] = '/';
	}
	memmove(to, to + at, size - at);
}

bool opening_is_same(const struct stat *st, const struct file_key *key, bool by_path)
{
	uint64_t mtime = (uint64_t)st->st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;
	uint32_t dev = (uint32_t)(major(st->st_dev) << KERNEL_MINOR_BITS | minor(st->st_dev));

	if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size != key->size)
		return false;
	if (key->mtime_ns && mtime != key->mtime_ns) /* 0: a kernel whose inodes we cannot read */
		return false;
	return st->st_ino == key->ino || (!by_path && dev != key->dev);
}

static void opening_trim_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(path);

	if (n > sizeof(mark) - 1 && !strcmp(path + n - (sizeof(mark) - 1), mark))
		path[n - (sizeof(mark) - 1)] = 0;
}

/* Opens and checks one candidate. Never waits for a fifo, never follows a link that was put there. */
static int opening_try(const char *name, int flags, const struct file_record *r, struct opened *ret)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	struct stat st;

	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) < 0 || !opening_is_same(&st, &r->key, ret->by_path)) {
		close(fd);
		return -ESTALE;
	}
	ret->fd = fd;
	ret->size = (uint64_t)st.st_size;
	return 0;
}

static int opening_mapped(const struct file_record *r, struct opened *ret)
{
	char link[128], full[OPENING_PATH_BYTES + 64];
	ssize_t n;
	int code;

	snprintf(link, sizeof(link), "/proc/%u/map_files/%llx-%llx", r->tgid,
		 (unsigned long long)r->start, (unsigned long long)r->end);
	n = readlink(link, ret->path, sizeof(ret->path) - 1);
	if (n < 0)
		return -ENOENT;
	ret->path[n] = 0;
	code = opening_try(link, 0, r, ret);
	if (code == -ENOENT) {
		snprintf(full, sizeof(full), "/proc/%u/root%s", r->tgid, ret->path);
		code = opening_try(full, O_NOFOLLOW, r, ret);
	}
	if (!code)
		opening_trim_deleted(ret->path);
	return code;
}

int opening_open(const struct file_record *r, struct opened *ret)
{
	int code, by_path;

	*ret = (struct opened){ .fd = -1 };
	code = opening_mapped(r, ret);
	if (!code)
		return 0;
	opening_record_path(r, ret->path, sizeof(ret->path));
	if (!ret->path[0])
		return code;
	ret->by_path = true;
	by_path = opening_try(ret->path, O_NOFOLLOW, r, ret);
	return by_path == -ENOENT ? code : by_path;
}
