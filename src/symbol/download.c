/* download.c - debuginfod through libdebuginfod, loaded by name; see download.h.
 *
 * Its functions are declared here because its header belongs to a package that most machines lack.
 * The signatures are those of elfutils 0.179 and later (debuginfod_find_debuginfo(3),
 * debuginfod_set_progressfn(3)). Its progress function is called in every round of its transfer
 * loop, which is at most a second long: that is how late a time limit can come.
 */
#include "symbol/download.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"
#include "elf/image.h"

#define LIBRARY   "libdebuginfod.so.1"
#define KNOWN_MAX 4096 /* files whose answer is remembered */

struct client; /* the library's debuginfod_client */

typedef int client_find(struct client *c, const unsigned char *build_id, int len, char **path);
typedef int client_progress(struct client *c, long a, long b);

/* Live naming asks for the same file again and again. */
struct download_known {
	char build_id[2 * ELF_BUILD_ID_MAX + 1];
	uint8_t kind;
	int rc; /* 0: it came, and is in the library's cache */
};

struct download {
	struct download_opts o;
	struct download_totals totals;
	void *library;
	struct client *client;
	struct client *(*begin)(void);
	void (*end)(struct client *c);
	client_find *find[2]; /* by enum download_kind */
	void (*set_progress)(struct client *c, client_progress *fn);
	const char *name; /* of the file that is being asked for */
	uint64_t begun;
	VEC(struct download_known) known;
	int over; /* -ETIME or -EINTR: nothing is asked any more; other: the library is unusable */
};

static _Thread_local struct download *download_current; /* what the progress function is about */

/* Non-zero ends the transfer; why is in d->over. */
static int download_progress(struct client *c, long done, long total)
{
	struct download *d = download_current;

	if (d->totals.time + (clock_mono_ns() - d->begun) >= d->o.timeout)
		d->over = -ETIME;
	else if (d->o.watch && d->o.watch(d->o.ctx, d->name, done > 0 ? (uint64_t)done : 0,
					  total > 0 ? (uint64_t)total : 0))
		d->over = -EINTR;
	return d->over;
}

bool download_possible(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	while (urls && isspace((unsigned char)*urls))
		urls++;
	return urls && *urls;
}

struct download *download_new(const struct download_opts *o)
{
	struct download *d = calloc(1, sizeof(*d));

	if (d)
		d->o = *o;
	return d;
}

void download_free(struct download *d)
{
	if (!d)
		return;
	if (d->client)
		d->end(d->client);
	VEC_FREE(&d->known);
	/* The library stays loaded: libcurl and what it loads do not like to be taken away. */
	free(d);
}

static void *download_symbol(struct download *d, const char *name, bool *ok)
{
	void *at = dlsym(d->library, name);

	if (!at)
		*ok = false;
	return at;
}

/* Loads the library and opens a client. 0 or -errno, remembered in d->over. */
static int download_open(struct download *d)
{
	bool ok = true;

	d->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!d->library) {
		snprintf(d->totals.trouble, sizeof(d->totals.trouble), "%s is not installed",
			 LIBRARY);
		return -ENOSYS;
	}
	d->begin = download_symbol(d, "debuginfod_begin", &ok);
	d->end = download_symbol(d, "debuginfod_end", &ok);
	d->find[DOWNLOAD_DEBUGINFO] = download_symbol(d, "debuginfod_find_debuginfo", &ok);
	d->find[DOWNLOAD_EXECUTABLE] = download_symbol(d, "debuginfod_find_executable", &ok);
	d->set_progress = download_symbol(d, "debuginfod_set_progressfn", &ok);
	d->client = ok ? d->begin() : NULL;
	if (!d->client) {
		snprintf(d->totals.trouble, sizeof(d->totals.trouble), "%s is of no use: %s",
			 LIBRARY, ok ? "it does not start" : "it is too old");
		return -ENOSYS;
	}
	d->set_progress(d->client, download_progress);
	return 0;
}

/* -- one file -----------------------------------------------------------------------------------
 */

static void download_count(struct download *d, int rc, int fd)
{
	struct download_totals *t = &d->totals;
	struct stat st;

	t->got += rc == 0;
	t->absent += rc == -ENOENT;
	t->late += rc == -ETIME;
	t->stopped += rc == -EINTR;
	t->failed += rc && rc != -ENOENT && rc != -ETIME && rc != -EINTR;
	if (!rc && fstat(fd, &st) == 0)
		t->bytes += (uint64_t)st.st_size;
}

static int download_ask(struct download *d, enum download_kind kind, const char *build_id)
{
	char *path = NULL;
	int fd;

	d->begun = clock_mono_ns();
	download_current = d;
	fd = d->find[kind](d->client, (const unsigned char *)build_id, 0, &path);
	d->totals.time += clock_mono_ns() - d->begun;
	if (d->o.watch)
		d->o.watch(d->o.ctx, NULL, 0, 0);
	free(path);
	if (fd >= 0)
		return fd;
	if (d->over) /* ended by us, whatever the library calls it */
		return d->over;
	if (fd != -ENOENT && !d->totals.trouble[0])
		snprintf(d->totals.trouble, sizeof(d->totals.trouble), "%s", strerror(-fd));
	return fd;
}

static const struct download_known *download_find(const struct download *d, enum download_kind kind,
						   const char *build_id)
{
	for (size_t i = 0; i < d->known.n; i++)
		if (d->known.at[i].kind == kind && !strcmp(d->known.at[i].build_id, build_id))
			return &d->known.at[i];
	return NULL;
}

/* Counts a file's first answer. */
static void download_remember(struct download *d, enum download_kind kind, const char *build_id,
			      int fd)
{
	struct download_known k = {.kind = (uint8_t)kind, .rc = fd < 0 ? fd : 0};

	snprintf(k.build_id, sizeof(k.build_id), "%s", build_id);
	download_count(d, k.rc, fd);
	if (d->known.n < KNOWN_MAX)
		VEC_PUSH(&d->known, k); /* without memory it is asked again */
}

int download_get(struct download *d, enum download_kind kind, const char *build_id,
		 const char *name)
{
	const struct download_known *known = download_find(d, kind, build_id);
	int fd = d->over;

	if (known && known->rc)
		return known->rc;
	if (!fd && !d->client)
		fd = d->over = download_open(d);
	if (!fd) {
		d->name = name;
		fd = download_ask(d, kind, build_id);
	}
	if (!known)
		download_remember(d, kind, build_id, fd);
	return fd;
}

void download_totals(const struct download *d, struct download_totals *ret)
{
	*ret = d->totals;
}
