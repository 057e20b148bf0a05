/* namer.h - gives frames their names while the capture runs, on a thread of its own.
 *
 * The profile has one writer, the session's thread. So a run of the namer takes copies of the frames that
 * have no name yet, names the copies on its thread, and the session's thread puts the names into the profile
 * when they are ready: it never waits for a symbol table. A file is read once while the capture runs, for
 * what was met of it by then, and once more at the end for the rest: reading its symbols again for every
 * new frame would cost more than the capture, and so would keeping them in memory.
 *
 * Ownership: namer_free(). Thread safety: all calls from the session's thread; open_object of the options
 * is called from the namer's.
 */
#ifndef WAGGLE_SESSION_NAMER_H
#define WAGGLE_SESSION_NAMER_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"
#include "profile/renewal.h"
#include "symbol/symbolizer.h"

struct namer;

/* Options are copied; what they point at is borrowed. `watched`: somebody looks at the names while the
 * capture runs, so files are read again when new frames of them were met, as long as that takes a small share
 * of one processor. NULL when out of memory. */
struct namer *namer_new(const struct symbolizer_opts *o, uint64_t now, bool watched);
/* Waits for a run that is under way. */
void namer_free(struct namer *n);

/* Called every drain round: puts names that are ready into the profile, starts the next run when it is due.
 * `now` is CLOCK_MONOTONIC ns; `looks`: somebody does just now. Failures (memory) only mean that names come
 * later. */
void namer_turn(struct namer *n, struct profile *p, uint64_t now, bool looks);
/* Processor time, ns, that names took because somebody looks; 0 when nobody does. */
uint64_t namer_spent(const struct namer *n);
/* Is a run under way? Until it is collected the profile must not be renewed. */
bool namer_runs(const struct namer *n);
/* The profile was renewed; only of a watched one. */
void namer_renewed(struct namer *n, const struct renewal *r, const struct profile *p);
/* Names everything that is left, waiting for it. 0 or -ENOMEM. */
int namer_finish(struct namer *n, struct profile *p);

#endif
