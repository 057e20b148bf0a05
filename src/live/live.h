/* live.h - the live model: what a growing profile looks like now, for views that stay open.
 *
 * One writer feeds it, the session's thread; any number of readers take snapshots. A snapshot is an
 * ordinary profile of a range of time, made by profile_filter() itself, so that whatever is drawn
 * from it equals `waggle report --from --to` of a recording of the same capture. It never changes
 * once it was handed out.
 *
 * The writer never waits: when somebody is reading, it takes nothing this time and the samples stay
 * where they are, in the session's profile, until the next round. Readers let a writer that had to
 * turn back go first.
 *
 * Memory has a bound. The last `full` nanoseconds are kept as they came; what is older is thinned:
 * times are rounded down to a grain of 1, 2, 4 .. seconds that doubles with age, and equal samples
 * become one. Values stay exact. When that is not enough the oldest are forgotten, which is counted
 * and told.
 *
 * Times are ns since the start of the capture (profile.meta.start_mono), as in the samples.
 * Ownership: live_free() when no writer and no reader is left; a snapshot dies with its last
 * reference and may outlive the model. Errors: 0 or -errno; a sentence where there is a struct err.
 * Thread safety: live_take(), live_end() and live_fill() from one thread, everything else from any.
 * Regexes in a query belong to the caller (base/regex.h: one thread at a time).
 */
#ifndef WAGGLE_LIVE_LIVE_H
#define WAGGLE_LIVE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "profile/filter.h"
#include "profile/profile.h"
#include "profile/renewal.h"

#define LIVE_FULL_DEFAULT (UINT64_C(300) * 1000000000) /* ns */
/* Bytes: tables, and five minutes of samples of busy processors at 99 Hz. */
#define LIVE_MEMORY_DEFAULT ((size_t)16 << 20)
#define LIVE_MEMORY_PER_CPU ((size_t)1536 << 10)

struct live;

struct live_opts {
	uint64_t full;   /* ns that are kept as they came; 0 = the default */
	/* Bytes for everything the model holds between snapshots; 0 = LIVE_MEMORY_DEFAULT and
	 * LIVE_MEMORY_PER_CPU for each. */
	size_t memory;
	bool whole;      /* neither thin nor forget: a finished profile is shown, not a capture */
	/* Its keep, drop, focus and drop_stacks hold for every snapshot; NULL = none. Borrowed for as
	 * long as the model lives. Snapshots are made one after the other, whoever asks: its regexes
	 * are used by one thread at a time. */
	const struct profile_filter *filter;
};

/* 0, -ENOMEM, or what pthread_create() says. */
int live_new(const struct live_opts *o, struct live **ret);
void live_free(struct live *l);

/* -- the writer ---------------------------------------------------------------------------------- */

struct live_round {
	/* As far as it has come: the same one every time, only added to, but for live_renewed(). */
	const struct profile *profile;
	size_t first;                  /* samples from here on are new */
	uint64_t elapsed;              /* ns since the start */
};

/* Takes the new samples, and names, ledger and header as they are by now. Returns how many samples it
 * took: all, or 0 when a reader is at work or memory is short (they come again next round). Short. */
size_t live_take(struct live *l, const struct live_round *r);
/* The profile is about to be renewed (profile/renewal.h): true = the model waits for it with all that
 * would look at the old one, until live_renewed() says what came of it. False while a reader is at
 * work. Only right after live_take() took everything. */
bool live_renew(struct live *l);
/* NULL: it was not renewed after all. 0, or -ENOMEM: the model must be given the old one again. */
int live_renewed(struct live *l, struct renewal *r);
/* As live_take(), waiting for its turn: the capture has ended and the profile is finished. 0 or -ENOMEM. */
int live_end(struct live *l, const struct live_round *r);
/* A finished profile that has every sample (a recording; a capture that kept them all) replaces
 * whatever was taken. 0 or -ENOMEM. */
int live_fill(struct live *l, const struct profile *p);

/* -- readers ------------------------------------------------------------------------------------- */

enum live_phase {
	LIVE_WAITING,  /* nothing was taken yet */
	LIVE_RUNNING,
	LIVE_ENDED,    /* or a finished profile from the start */
};

/* What changes from moment to moment; cheap to get. */
struct live_state {
	enum live_phase phase;
	uint64_t generation; /* changes with everything that a snapshot could show */
	uint64_t elapsed;    /* ns; the capture's length once it has ended */
	uint64_t since;      /* ns: samples before this were forgotten; 0 = none were */
	uint64_t exact_from; /* ns: from here on times are as they came; 0 = all are */
	uint64_t grain;      /* ns: the coarsest rounding of the times before that, 0 = none */
	uint64_t taken, lost;/* by the capture's ledger, whole */
	uint64_t samples;    /* held, rows */
	uint64_t forgotten;  /* samples (or waits) that are no longer held */
	uint64_t late;       /* rounds in which the writer had to turn back */
	size_t bytes;        /* held */
};

void live_state(struct live *l, struct live_state *ret);
/* Waits until the generation is another one than `seen` or `ms` milliseconds have passed; true when
 * it is. */
bool live_wait(struct live *l, uint64_t seen, uint32_t ms);

/* The calling thread is there for those who look, from now on until it ends: what it takes is not the
 * capture's, and must not make the capture slow itself down. May be said again and again. */
void live_looks_here(struct live *l);
/* Processor time, ns, that such threads have taken so far, up to this moment. */
uint64_t live_all_spent(struct live *l);

/* CLOCK_MONOTONIC ns of when a snapshot was last asked for; 0 = never. */
uint64_t live_looked(const struct live *l);

struct live_query {
	/* from, to: the range; see filter.h. What it points at is borrowed. Of a model that has a filter
	 * of its own it names no frames: keep, drop, focus and drop_stacks are NULL. */
	struct profile_filter filter;
	uint64_t last;                /* ns: only the last so much; 0 = the filter's range */
	uint64_t half_life;           /* ns: values count half for every so much that they are older than
				       * the end of the range; what rounds to 0 is left out; 0 = all
				       * count in full */
};

struct live_snapshot {
	const struct profile *profile; /* times count from `from`, as profile_filter() has it */
	struct live_state state;       /* of the moment it was made */
	uint64_t from, to;             /* the range that it really holds: moved outward to the grain */
	uint64_t grain;                /* ns: the coarsest one in the range; 0 = exact to the nanosecond */
	int refs;                      /* private */
};

/* 0, or -ENOMEM. Equal queries without regexes and lists of one moment share a snapshot. */
int live_snapshot(struct live *l, const struct live_query *q, const struct live_snapshot **ret,
		  struct err *e);
const struct live_snapshot *live_snapshot_ref(const struct live_snapshot *s);
void live_snapshot_unref(const struct live_snapshot *s); /* NULL is fine */

#endif
