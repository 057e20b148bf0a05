/* out.h - buffered output that appears whole or not at all.
 *
 * A file is written under a temporary name beside its final one and renamed by out_commit(); until
 * then whatever stood there before is untouched. Pipes, terminals and devices are written directly.
 * Errors stick: after the first failed write everything is a no-op and out_commit() reports it with
 * one sentence (disk full, no permission, broken pipe).
 *
 * Ownership: every out_* that succeeded must end in out_commit() or out_abort(); both release it.
 * Not thread safe.
 */
#ifndef WAGGLE_BASE_OUT_H
#define WAGGLE_BASE_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct out {
	int fd;             /* -1: collected in `mem` only */
	char *path, *temp;  /* NULL when there is nothing to rename */
	struct buf pending; /* not yet written (or everything, for memory) */
	uint64_t bytes;     /* accepted so far */
	int err;            /* sticky negative errno */
};

/* Opens `path` for writing; "-" is standard output. */
int out_open(struct out *o, const char *path, struct err *e);
/* Writes to a descriptor that stays the caller's. */
void out_fd(struct out *o, int fd);
/* Collects in memory; take the bytes with buf_take(&o->pending, ..) instead of committing. */
void out_mem(struct out *o);

void out_put(struct out *o, const void *p, size_t n);
void out_puts(struct out *o, const char *s);
void out_putc(struct out *o, char c);
void out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes out what is pending (a recording does so after every block). Returns the sticky error. */
int out_flush(struct out *o);

/* Flushes, closes, renames. Returns 0 or the first error; on error nothing is left behind. */
int out_commit(struct out *o, struct err *e);
/* Throws away what was written; safe on a zeroed struct whose fd is -1. */
void out_abort(struct out *o);
/* Removes the temporary files of all outputs that are open. Async-signal-safe: for handlers that are
 * about to leave the process. */
void out_abandon_all(void);

#endif
