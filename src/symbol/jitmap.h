/* jitmap.h - a perf map as it grows while its process runs: what was in it by which reading.
 *
 * The map has no times. But what appears between two readings was made between them, so every
 * reading that finds something is a generation with a time: that of the reading before. Of the map
 * as it was at the first reading the last entry for an address counts, as in perfmap.h.
 *
 * Only numbers are kept, 16 bytes an entry; names are fetched from the file when asked for. A map
 * that was written anew (the JVM's, by each jcmd) is recognised by its end being another, and starts
 * a new generation.
 *
 * Ownership: jitmap_free(). A zeroed struct is valid and empty. Thread safety: one thread.
 */
#ifndef WAGGLE_SYMBOL_JITMAP_H
#define WAGGLE_SYMBOL_JITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

#define JITMAP_ENTRIES_MAX (1u << 20)
#define JITMAP_TAIL        64

struct jitmap_entry {
	uint64_t start : 48;
	uint64_t generation : 16; /* in times */
	uint32_t size;
	uint32_t at; /* where its line is in the file */
};

struct jitmap {
	VEC(struct jitmap_entry) entries; /* in the order of the file */
	VEC(uint64_t) times; /* per generation: CLOCK_MONOTONIC ns after which it came; 0 = unknown */
	uint64_t skipped;    /* lines that made no sense */
	uint64_t dropped;    /* entries beyond the bound */
	uint64_t rewritten;  /* how often it started anew: entries before that are gone */

	/* Private to jitmap.c. */
	uint64_t at, checked;
	int64_t mtime;
	char tail[JITMAP_TAIL];
	size_t tail_n;
};

/* Reads what is new; `now` is the CLOCK_MONOTONIC time before the call. 0; -EFBIG beyond 4 GiB;
 * -ENOMEM; or what reading says. A last line without its newline waits for more. */
int jitmap_follow(struct jitmap *m, int fd, uint64_t now);
void jitmap_free(struct jitmap *m);
/* The name of entries[i], cut to size - 1 bytes; false when the file no longer has it. */
bool jitmap_name(const struct jitmap *m, int fd, size_t i, char *to, size_t size);

#endif
