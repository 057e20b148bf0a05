/* live_parts.h - struct live, for the files of this folder that feed it and read it.
 *
 * Two locks: `book_lock` for the tables (held by readers for as long as a snapshot takes, only ever
 * tried by the writer), `state_lock` for a few numbers (held for moments by everybody).
 */
#ifndef WAGGLE_LIVE_LIVE_PARTS_H
#define WAGGLE_LIVE_LIVE_PARTS_H

#include <pthread.h>

#include "live/live.h"
#include "live/thin.h"
#include "profile/follow.h"

enum { LIVE_SHARED = 4 }; /* snapshots that may be asked for again */

struct live_shared {
	struct live_query query;
	struct live_snapshot *snapshot;
};

enum { LIVE_LOOKERS = 16 };

/* A thread that serves those who look: its clock, and what it showed at first and last, ns. */
struct live_looker {
	clockid_t clock;
	uint64_t from, last;
};

struct live {
	struct live_opts o;
	pthread_mutex_t book_lock;
	/* Under the book lock. */
	struct profile *book;   /* all samples held; NULL before the first round */
	struct follow *follow;  /* of the session's profile; NULL for a filled one */
	struct thinning thin;   /* as it was done last; now = 0: never */
	uint64_t tidied_bytes;  /* held after tidying up in vain, not tried again below half more */
	struct live_shared shared[LIVE_SHARED];
	uint32_t next_shared;

	pthread_mutex_t state_lock;
	pthread_cond_t changed; /* the state, or `stop` */
	/* Under the state lock. */
	struct live_state state;
	bool writer_waits;      /* it had to turn back and has not been back since */
	bool untidy, stop;      /* for the keeper */
	struct live_looker lookers[LIVE_LOOKERS]; /* live_looks_here() */
	uint32_t n_lookers;
	uint64_t looked;        /* CLOCK_MONOTONIC ns; atomic */
	pthread_t keeper;
	bool kept;
};

/* A reader's way to the book: behind a writer that had to turn back. */
void live_lock(struct live *l);
void live_unlock(struct live *l);
/* With the book locked: the numbers of the state that follow from it. */
void live_publish(struct live *l, enum live_phase phase, uint64_t elapsed);

/* -- live_keep.c: with the book locked -- */
/* Is there something to thin, or too much held? */
bool live_is_untidy(const struct live *l, uint64_t elapsed);
void live_tidy(struct live *l, uint64_t elapsed);
void live_drop_shared(struct live *l);

#endif
