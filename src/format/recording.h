/* recording.h - the .waggle stream, written in pieces while the capture runs.
 *
 * A recording is the profile's tables in blocks: each flush writes whatever rows are new since the
 * last one, so the same code serves a capture (a flush every second), a conversion (one flush) and
 * a pipe. Layout in doc/recording.md: an 8-byte magic, then blocks with a 32-byte head and a
 * payload that is zstd-compressed. A reader uses every whole block and says what was damaged;
 * unknown block types are skipped. Meta and ledger are written again by each flush that finds them
 * changed, so that a capture that dies leaves them as they were at its last flush.
 *
 * Ownership: the writer borrows the profile and the out until recording_free(). Errors stick in the
 * out. Not thread safe.
 */
#ifndef WAGGLE_FORMAT_RECORDING_H
#define WAGGLE_FORMAT_RECORDING_H

#include "base/out.h"
#include "profile/profile.h"

struct recording;

struct recording *recording_new(const struct profile *p, struct out *to); /* NULL: out of memory */
/* Writes all rows that are new, then flushes the out. 0 or a negative errno: the out's own,
 * -ENOMEM, or -EFBIG for a single row beyond 64 MiB (no such row comes from a capture). */
int recording_flush(struct recording *r);
/* The last flush, then the names that frames got after they were written, and the end block. Does
 * not commit the out. Nothing may be written after it. */
int recording_finish(struct recording *r);
void recording_free(struct recording *r);

#endif
