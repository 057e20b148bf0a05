/* mappings.h - what a process has mapped, as /proc/PID/maps tells it.
 *
 * Ownership: mappings_free(). Paths are borrowed and valid until then. Thread safe.
 */
#ifndef WAGGLE_PROCESS_MAPPINGS_H
#define WAGGLE_PROCESS_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

#define MAPPINGS_MAX 65536 /* more are left out: vm.max_map_count is 65530 unless raised */

struct mapping {
	uint64_t start, end, offset; /* addresses; bytes into the file */
	uint64_t device, inode;      /* inode 0: no file */
	uint32_t path;               /* in the text; see mapping_path() */
	bool exec, deleted;
};

struct mappings {
	VEC(struct mapping) list;
	struct buf text;
};

/* 0, -ESRCH when there is no such process, -EACCES, .. with a sentence. A kernel thread has none. */
int mappings_read(uint32_t pid, struct mappings *ret, struct err *e);
/* The same from text. Lines that make no sense are left out. 0 or -ENOMEM. */
int mappings_parse(const char *text, size_t len, struct mappings *ret);
void mappings_free(struct mappings *m);

/* "" for memory without a name, "[heap]" .., else the path as the process sees it. */
const char *mapping_path(const struct mappings *m, const struct mapping *at);
/* The file behind a mapping, though it was deleted or lies in another mount namespace: a new
 * descriptor or -errno. */
int mapping_open(uint32_t pid, const struct mappings *m, const struct mapping *at);

#endif
