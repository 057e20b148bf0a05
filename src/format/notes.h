/* notes.h - meta and ledger as lines of text, for formats that have comments but no place of their
 * own for them (pprof, folded on request). Private to src/format.
 *
 * Lines: "waggle.meta.KEY=TEXT", "waggle.ledger.KEY=NUMBER", "waggle.cut.REASON=SAMPLES [PATH]" and
 * "waggle.unnamed.REASON=FRAMES [PATH]". Rows that are 0 are left out.
 * Readers take what they know and leave the rest alone.
 * Thread safety: writing only reads the profile.
 */
#ifndef WAGGLE_FORMAT_NOTES_H
#define WAGGLE_FORMAT_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "profile/profile.h"

/* Calls `put` with every line (no newline inside or at its end). */
typedef void notes_put(void *ctx, const char *line);
void notes_meta(const struct profile *p, notes_put *put, void *ctx);
void notes_ledger(const struct profile *p, notes_put *put, void *ctx);

/* Takes one line back into the profile; false when it is not one of these. Objects that causes
 * name must be in the profile already, or they are added by path. */
bool notes_take(struct profile *p, const char *line, size_t len);

#endif
