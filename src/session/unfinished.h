/* unfinished.h - samples whose walk met a table that was still being built: held back, and finished.
 *
 * The kernel keeps the registers and a few KiB of the stack of such a sample. A thread reads the process's
 * mappings at once, waits for the table, and walks the rest (unwind/finish.h); the session's thread holds
 * the sample back meanwhile and puts it into the profile whole. What is not finished within PATIENCE_MS, or
 * has a deeper stack than was kept, goes into the profile as it was, cut and counted.
 *
 * Bounded: HELD_MAX samples at a time; further ones are not held.
 * Thread safety: calls from the session's thread.
 */
#ifndef WAGGLE_SESSION_UNFINISHED_H
#define WAGGLE_SESSION_UNFINISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/files.h"
#include "session/programs.h"

struct unfinished;

struct unfinished_opts {
	struct programs *programs;
	struct files *files;
	/* Takes a sample record with its frames, as the intake does. */
	void (*emit)(void *ctx, const void *record, size_t len);
	void *ctx;
};

int unfinished_new(const struct unfinished_opts *o, struct unfinished **ret);
void unfinished_free(struct unfinished *u);

/* A raw record off its ring (why = RAW_PENDING). */
void unfinished_raw(struct unfinished *u, const struct raw_record *r, size_t len);
/* A sample record off its ring. True when it is held: it will be emitted later. */
bool unfinished_hold(struct unfinished *u, const struct sample_record *r, size_t len, uint64_t now);
/* Once every drain round: emits what is finished or has waited long enough; all of it when `last`. */
void unfinished_turn(struct unfinished *u, uint64_t now, bool last);

/* Stacks whose frames are kept for samples to come, ended by tables that were missing: calls `again` with
 * the hash of each, and forgets those that do not come again until it is called the next time. */
void unfinished_forget(struct unfinished *u, void (*again)(void *ctx, uint64_t hash), void *ctx);

/* Samples that were finished so far. */
uint64_t unfinished_count(const struct unfinished *u);

#endif
