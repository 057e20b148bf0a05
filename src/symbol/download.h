/* download.h - files by build id from the servers in $DEBUGINFOD_URLS.
 *
 * libdebuginfod is loaded when the first file is asked for, so that waggle needs it neither to build
 * nor to run; it keeps what it fetched in its own cache (debuginfod_find_debuginfo(3)). All
 * downloads together may take a limited time, and whoever watches may end them: either makes every
 * later question fail at once, with its own code, so that naming goes on with what there is.
 *
 * Ownership: download_free(). Thread safety: none; symbol/debugfile.c holds a lock.
 */
#ifndef WAGGLE_SYMBOL_DOWNLOAD_H
#define WAGGLE_SYMBOL_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct download;

enum download_kind { DOWNLOAD_DEBUGINFO, DOWNLOAD_EXECUTABLE };

/* Called at least once a second while a download is under way; `name` is the file it is for, sizes
 * are bytes, total is 0 while nobody knows it. Returns true to end this download and all others. Called
 * with name NULL when it has ended, well or not. */
typedef bool download_watch(void *ctx, const char *name, uint64_t done, uint64_t total);

struct download_opts {
	uint64_t timeout; /* ns for all downloads together */
	download_watch *watch; /* may be NULL */
	void *ctx;
};

struct download_totals {
	uint32_t got, absent, late, stopped, failed; /* files, by how it went */
	uint64_t bytes, time; /* of those got; ns spent waiting in all */
	char trouble[160];    /* why the first that failed did, "" when none */
};

/* Are there servers to ask? (DEBUGINFOD_URLS is set and not blank.) */
bool download_possible(void);

/* NULL when out of memory. */
struct download *download_new(const struct download_opts *o);
void download_free(struct download *d);
/* A descriptor of the file with this build id (lower-case hex), or -ENOENT: no server has it,
 * -ETIME: the time is up, -EINTR: the watcher ended it, any other: the servers could not be asked.
 * Whoever uses the file checks that it is the right one. */
int download_get(struct download *d, enum download_kind kind, const char *build_id,
		 const char *name);
void download_totals(const struct download *d, struct download_totals *ret);

#endif
