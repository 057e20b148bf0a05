/* cache.c - the directory of finished tables; see cache.h. */
#include "unwind/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"

#define TEMPORARY  ".new-"
#define YOUNG_NS   (UINT64_C(24) * 3600 * NSEC_PER_SEC) /* a table used later than that is touched */
#define ORPHAN_NS  (UINT64_C(3600) * NSEC_PER_SEC) /* no write takes an hour: its writer died */
#define PRUNE_EVERY(max) ((max) / 16)
#define ENTRIES_MAX 65536

struct cache {
	int dir;
	uint64_t max;
	uint64_t unpruned; /* bytes saved since the directory was last looked through */
	uint32_t serial;   /* of temporary names */
};

struct cache_entry {
	uint64_t mtime, size;
	char *name;
};

/* -- the directory ------------------------------------------------------------------------------ */

static int cache_path(char *to, size_t size, const char *dir, const char *rest)
{
	if (!dir || dir[0] != '/')
		return -ENOENT;
	return (size_t)snprintf(to, size, "%s%s", dir, rest) < size ? 0 : -ENAMETOOLONG;
}

int cache_default_dir(char *to, size_t size)
{
	const char *said = getenv("WAGGLE_CACHE_DIR");
	int code;

	if (said && *said)
		return (size_t)snprintf(to, size, "%s", said) < size ? 0 : -ENAMETOOLONG;
	if (!geteuid())
		return cache_path(to, size, "/var/cache", "/waggle/unwind");
	code = cache_path(to, size, getenv("XDG_CACHE_HOME"), "/waggle/unwind");
	return code == -ENOENT ? cache_path(to, size, getenv("HOME"), "/.cache/waggle/unwind") : code;
}

/* mkdir -p; what is there already is none of our business. */
static void cache_make_dir(const char *dir)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s", dir) >= sizeof(path))
		return;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	mkdir(path, 0700);
}

/* Could somebody else have put it there, or change it? */
static bool cache_is_ours(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int cache_open(const char *dir, uint64_t max_bytes, struct cache **ret, struct err *e)
{
	struct cache *c = calloc(1, sizeof(*c));
	struct stat st;
	int code = 0;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	cache_make_dir(dir);
	c->max = max_bytes;
	c->unpruned = PRUNE_EVERY(max_bytes); /* the first save looks through it */
	c->dir = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir < 0 || fstat(c->dir, &st) < 0)
		code = err_set(e, -errno, "cannot use '%s' as a cache: %s", dir, strerror(errno));
	else if (!cache_is_ours(&st))
		code = err_set(e, -EPERM,
			       "will not use '%s' as a cache: others than its owner can write there, or it "
			       "belongs to somebody else",
			       dir);
	if (code) {
		cache_close(c);
		return code;
	}
	*ret = c;
	return 0;
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	if (c->dir >= 0)
		close(c->dir);
	free(c);
}

void cache_name(struct cache_key *k, const char *of, const char *suffix)
{
	size_t n = (size_t)snprintf(k->name, sizeof(k->name), "%s-", of);

	for (int i = 0; i < PACKED_PRINT_BYTES; i++)
		n += (size_t)snprintf(k->name + n, sizeof(k->name) - n, "%02x", k->print.bytes[i]);
	snprintf(k->name + n, sizeof(k->name) - n, "%s", suffix);
}

int cache_key_of(struct elf_image *img, struct cache_key *ret)
{
	char id[2 * ELF_BUILD_ID_MAX + 1];
	int code;

	if (!elf_image_build_id_hex(img, id))
		return -ENOENT;
	code = packed_print_of(img, &ret->print);
	if (code)
		return code;
	cache_name(ret, id, CACHE_SUFFIX_TABLE);
	return 0;
}

/* -- reading ------------------------------------------------------------------------------------ */

/* All of the file; NULL when it cannot be had or is no file of ours. pread, not mmap: a file that is
 * cut under us gives a bad checksum instead of a signal. */
static void *cache_read(int fd, size_t *ret_len)
{
	size_t len, got = 0;
	struct stat st;
	uint8_t *data;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !cache_is_ours(&st) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > PACKED_BYTES_MAX)
		return NULL;
	len = (size_t)st.st_size;
	data = malloc(len);
	while (data && got < len) {
		ssize_t n = pread(fd, data + got, len - got, (off_t)got);

		if (n <= 0) {
			free(data);
			return NULL;
		}
		got += (size_t)n;
	}
	if (clock_wall_ns() - (uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC > YOUNG_NS)
		futimens(fd, NULL);
	*ret_len = len;
	return data;
}

int cache_load(struct cache *c, const struct cache_key *k, struct table *ret)
{
	int fd = openat(c->dir, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), code = -EBADMSG;
	size_t len;
	void *data;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	data = fd < 0 ? NULL : cache_read(fd, &len);
	if (data)
		code = packed_read(data, len, &k->print, ret);
	if (code == -EBADMSG)
		cache_remove(c, k);
	free(data);
	if (fd >= 0)
		close(fd);
	return code;
}

void *cache_load_bytes(struct cache *c, const struct cache_key *k, size_t *ret_len)
{
	int fd = openat(c->dir, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	void *data = fd < 0 ? NULL : cache_read(fd, ret_len);

	if (fd >= 0)
		close(fd);
	return data;
}

void cache_remove(struct cache *c, const struct cache_key *k)
{
	unlinkat(c->dir, k->name, 0);
}

/* -- writing ------------------------------------------------------------------------------------ */

static int cache_write(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int cache_save(struct cache *c, const struct cache_key *k, const void *data, size_t len)
{
	char temporary[64];
	int fd, code;

	snprintf(temporary, sizeof(temporary), TEMPORARY "%d-%u-%llx", (int)getpid(),
		 __atomic_fetch_add(&c->serial, 1, __ATOMIC_RELAXED), (unsigned long long)clock_mono_ns());
	fd = openat(c->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	code = cache_write(fd, data, len);
	if (close(fd) < 0 && !code)
		code = -errno;
	if (!code && renameat(c->dir, temporary, c->dir, k->name) < 0)
		code = -errno;
	if (code) {
		unlinkat(c->dir, temporary, 0);
		return code;
	}
	if (__atomic_add_fetch(&c->unpruned, len, __ATOMIC_RELAXED) > PRUNE_EVERY(c->max))
		cache_prune(c);
	return 0;
}

/* -- keeping it small --------------------------------------------------------------------------- */

static bool cache_is_entry(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && (!strcmp(dot, CACHE_SUFFIX_TABLE) || !strcmp(dot, CACHE_SUFFIX_KERNEL));
}

static int cache_older(const void *a, const void *b)
{
	const struct cache_entry *x = a, *y = b;

	return x->mtime < y->mtime ? -1 : x->mtime > y->mtime;
}

/* Notes a table; removes what a writer left. Whatever else is in the directory is left alone. */
static void cache_look_at(struct cache *c, const char *name, struct cache_entry *ret)
{
	bool temporary = !strncmp(name, TEMPORARY, sizeof(TEMPORARY) - 1);
	struct stat st;
	uint64_t mtime;

	ret->name = NULL;
	if ((!temporary && !cache_is_entry(name)) ||
	    fstatat(c->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	mtime = (uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec;
	if (!temporary)
		*ret = (struct cache_entry){ mtime, (uint64_t)st.st_blocks * 512, strdup(name) };
	else if (clock_wall_ns() - mtime > ORPHAN_NS && clock_wall_ns() > mtime)
		unlinkat(c->dir, name, 0);
}

size_t cache_prune(struct cache *c)
{
	VEC(struct cache_entry) all = { 0 };
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t sum = 0;
	size_t removed = 0;
	struct dirent *entry;

	__atomic_store_n(&c->unpruned, 0, __ATOMIC_RELAXED);
	while (d && all.n < ENTRIES_MAX && (entry = readdir(d))) {
		struct cache_entry one;

		cache_look_at(c, entry->d_name, &one);
		if (!one.name)
			continue;
		sum += one.size;
		if (!VEC_PUSH(&all, one))
			free(one.name);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	if (all.n && sum > c->max)
		qsort(all.at, all.n, sizeof(*all.at), cache_older);
	for (size_t i = 0; i < all.n; i++) {
		if (sum > c->max - c->max / 8 && (removed || sum > c->max)) {
			removed += !unlinkat(c->dir, all.at[i].name, 0);
			sum -= all.at[i].size;
		}
		free(all.at[i].name);
	}
	VEC_FREE(&all);
	return removed;
}
