/* maps.h - what a process has mapped, from the text of /proc/PID/maps (see proc(5)).
 *
 * Only the mapped ranges and what is behind them; nothing is opened. The walker in the kernel does not
 * need this: it is for whoever checks the walker, or finishes its work, in user space.
 *
 * Ownership: maps_free(); paths are borrowed from the struct maps. Thread safety: a struct maps that
 * was read may be used by many threads.
 */
#ifndef WAGGLE_PROCESS_MAPS_H
#define WAGGLE_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

#define MAPS_BYTES_CAP (16u << 20) /* of text; the kernel's limit of 65,530 mappings stays below */

struct maps_range {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* in the file, of `start` */
	uint64_t ino;        /* 0: no file */
	uint32_t dev_major, dev_minor;
	bool exec;
	uint32_t path; /* where it starts in the text; maps_path() */
};

struct maps {
	VEC(struct maps_range) list; /* ascending, no overlaps */
	char *text;
	size_t skipped; /* lines that were not understood */
};

/* Takes over `text` (malloc'd, NUL-terminated, `len` without the NUL), also on failure. 0 or -ENOMEM;
 * lines that make no sense, overlap or are out of order are skipped and counted. */
int maps_parse(char *text, size_t len, struct maps *ret);
/* Of a live process. -ESRCH when it is gone (or a kernel thread: nothing mapped), -errno. */
int maps_read(uint32_t pid, struct maps *ret);
void maps_free(struct maps *m);

/* The mapping an address is in, NULL when there is none. */
const struct maps_range *maps_find(const struct maps *m, uint64_t addr);

/* Was the file behind it removed? (Or is it called so: then it cannot be told apart.) */
bool maps_deleted(const struct maps *m, const struct maps_range *at);
/* The path without the mark of a removed file, into `to`; cut when longer. */
void maps_plain_path(const struct maps *m, const struct maps_range *at, char *to, size_t size);
/* The file behind a mapping, though it was removed or lies in another mount namespace: a new descriptor,
 * or -errno. */
int maps_open(uint32_t pid, const struct maps *m, const struct maps_range *at);

/* "" for anonymous memory; "[vdso]", "[stack]" and such, or the path as the kernel shows it, with
 * " (deleted)" behind the name of what was removed. */
static inline const char *maps_path(const struct maps *m, const struct maps_range *at)
{
	return m->text + at->path;
}

#endif
