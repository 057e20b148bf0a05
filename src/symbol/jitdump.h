/* jitdump.h - the file in which a JIT compiler tells what code it made where, and when.
 *
 * A jitdump grows while its process runs: a head, then records for code that was made (LOAD), moved
 * (MOVE), the source lines and the call frame information of the LOAD that follows (DEBUG_INFO,
 * UNWINDING_INFO). Unlike a perf map it has times, so that an address that held two functions can
 * be told apart. Format: the kernel's tools/perf/Documentation/jitdump-specification.txt, version
 * 1; where runtimes differ from it, what they do is said in jitdump.c.
 *
 * jitdump_follow() reads what was appended since the last call; a record whose end is not there yet
 * waits for the next one. Names and lines are fetched from the file only when they are asked for,
 * because most code is never hit; what is kept is some 90 bytes for each version of code, and its
 * call frame information.
 *
 * Ownership: jitdump_free(). Thread safety: one thread.
 */
#ifndef WAGGLE_SYMBOL_JITDUMP_H
#define WAGGLE_SYMBOL_JITDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

/* Bounds against dumps that are made to cost memory: ten times what large programs reach. */
#define JITDUMP_CODES_MAX  (1u << 18)
#define JITDUMP_UNWIND_MAX (32u << 20) /* bytes of call frame information in all */
#define JITDUMP_LINES_MAX  16384u      /* of one piece of code */

/* Where the bytes come from: returns how many were read, 0 at the end, -errno. */
struct jitdump_source {
	ssize_t (*read)(void *ctx, void *to, size_t n, uint64_t at);
	void *ctx;
};

struct jitdump_code {
	uint64_t start, size; /* where it is; sizes are never 0, ends never wrap */
	uint64_t time;        /* CLOCK_MONOTONIC ns: from then on */
	uint64_t home;        /* where it was made: what lines and frame information refer to */
	uint64_t index;       /* the runtime's number for it */
	uint64_t name_at;     /* bytes of the file */
	uint64_t lines_at;    /* 0 = it has no lines */
	uint32_t name_max, lines_max;      /* bytes that belong to the record from there on */
	uint32_t unwind, unwind_size;      /* the .eh_frame, bytes of `unwind`; size 0 = none */
	bool gone;            /* a mark: from `time` on nothing is known to be here (moved away) */
};

struct jitdump_line {
	uint32_t offset; /* from the start of the code: the line holds from there on */
	uint32_t line;
	uint32_t file; /* where its NUL-terminated name begins in the text of jitdump_lines */
};

struct jitdump_lines {
	VEC(struct jitdump_line) lines; /* ascending by offset */
	VEC(char) text;
};

struct jitdump {
	VEC(struct jitdump_code) codes; /* in the order of the file; later ones replace earlier ones */
	VEC(uint8_t) unwind;
	uint64_t skipped; /* records that made no sense */
	uint64_t dropped; /* pieces of code beyond the bounds above */
	bool closed;      /* the runtime said that it is done */

	/* Private to jitdump.c. */
	uint64_t at;      /* the next record */
	uint64_t debug_at, debug_code; /* DEBUG_INFO that waits for its LOAD */
	uint32_t debug_max;
	uint32_t wait_unwind, wait_unwind_size;
	bool started, swap;
	uint8_t *window; /* a part of the file */
	uint64_t window_at;
	size_t window_n;
};

struct jitdump *jitdump_new(void); /* NULL: out of memory */
void jitdump_free(struct jitdump *d);

/* Reads on. 0; -ENODATA while the head is not all there; -EBADMSG when it is no jitdump or cannot be
 * read on (a record's length makes no sense); -ENOTSUP when its times are a processor's counter and
 * not CLOCK_MONOTONIC; -ENOMEM; or what the source said. */
int jitdump_follow(struct jitdump *d, const struct jitdump_source *from);

/* The name of codes[i], cut to size - 1 bytes. False when the file no longer has it. */
bool jitdump_name(struct jitdump *d, const struct jitdump_source *from, size_t i, char *to,
		  size_t size);
/* Its source lines, replacing what is in *ret; none is no error. 0 or -ENOMEM. */
int jitdump_lines(struct jitdump *d, const struct jitdump_source *from, size_t i,
		  struct jitdump_lines *ret);
void jitdump_lines_free(struct jitdump_lines *l);
/* The source of a descriptor (borrowed with the int it stands in). */
struct jitdump_source jitdump_source_fd(int *fd);

#endif
