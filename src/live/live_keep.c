/* live_keep.c - keeps the model within its bounds; see live.h.
 *
 * First the old is thinned. While that is not enough and samples are most of it, less is kept as it
 * came and the grain gets coarser; when that is at its end, the oldest quarter of the time goes, and
 * with it the rows of the tables that nothing stands on any more.
 */
#include <string.h>

#include "base/clock.h"
#include "live/live_parts.h"
#include "profile/sum.h"

#define KEEP_FULL_LEAST (10 * NSEC_PER_SEC)
#define KEEP_GRAIN_MOST (64 * NSEC_PER_SEC)
enum { KEEP_FORGETS = 24 }; /* a quarter each: what is left after that many is a moment */

void live_drop_shared(struct live *l)
{
	for (size_t i = 0; i < LIVE_SHARED; i++) {
		live_snapshot_unref(l->shared[i].snapshot);
		l->shared[i].snapshot = NULL;
	}
}

static bool live_is_full(const struct live *l)
{
	size_t bytes = l->book ? profile_bytes(l->book) : 0;

	return bytes > l->o.memory && bytes > l->tidied_bytes;
}

bool live_is_untidy(const struct live *l, uint64_t elapsed)
{
	uint64_t grown = elapsed > l->thin.now ? elapsed - l->thin.now : 0;

	if (!l->book || l->o.whole)
		return false;
	return (elapsed > l->thin.full && grown > l->thin.full / 4) || live_is_full(l);
}

/* Rows of the tables that no sample stands on go. */
static void live_compact(struct live *l)
{
	struct profile_filter all = { 0 };
	struct profile *book;

	if (!l->follow) /* nobody could bring ledger and versions of code again; and nothing grows
			   any more */
		return;
	if (profile_filter(l->book, &all, &book, NULL))
		return; /* it stays as it is */
	/* The writer brings the rest again with its next round: the source is its thread's alone.
	 */
	memcpy(book->ledger.n, l->book->ledger.n, sizeof(book->ledger.n));
	profile_free(l->book);
	l->book = book;
	follow_moved(l->follow, book);
}

/* When the oldest sample is from. */
static uint64_t live_oldest(const struct profile *p)
{
	uint64_t oldest = PROFILE_NO_TIME;

	for (size_t i = 0; i < p->samples.n; i++)
		if (p->samples.at[i].time < oldest)
			oldest = p->samples.at[i].time;
	return oldest;
}

static bool live_forget(struct live *l, uint64_t elapsed)
{
	uint64_t oldest = live_oldest(l->book), until, gone;

	if (oldest == PROFILE_NO_TIME || oldest >= elapsed)
		return false;
	until = oldest + (elapsed - oldest + 3) / 4;
	gone = thin_forget(l->book, until);
	live_compact(l);
	pthread_mutex_lock(&l->state_lock);
	l->state.since = until;
	l->state.forgotten = sum_unsigned(l->state.forgotten, gone);
	pthread_mutex_unlock(&l->state_lock);
	return true;
}

/* Once it was full it gets some room, or it would be full again the next moment. */
static bool live_has_room(const struct live *l)
{
	return profile_bytes(l->book) <= l->o.memory / 4 * 3;
}

static bool live_has_many_samples(const struct live *l)
{
	const struct profile *p = l->book;

	return p->samples.n * sizeof(*p->samples.at) + p->values.n * sizeof(*p->values.at) >
	       l->o.memory / 2;
}

static int live_make_room(struct live *l, uint64_t elapsed)
{
	struct thinning *t = &l->thin;
	int err = 0;

	/* Where tables take the memory, thinning samples would be of no use. */
	while (!err && !live_has_room(l) && live_has_many_samples(l) &&
	       (t->full > KEEP_FULL_LEAST || t->grain < KEEP_GRAIN_MOST)) {
		if (t->full > KEEP_FULL_LEAST)
			t->full /= 2;
		else
			t->grain *= 2;
		err = thin_samples(l->book, t);
	}
	for (int i = 0; !err && i < KEEP_FORGETS && !live_has_room(l); i++)
		if (!live_forget(l, elapsed))
			break;
	/* Tables of what is sampled just now may be larger than the bound: then trying all the time
	 * is no use. */
	l->tidied_bytes = live_has_room(l) ? 0 : profile_bytes(l->book) / 2 * 3;
	return err;
}

void live_tidy(struct live *l, uint64_t elapsed)
{
	bool full = live_is_full(l);

	if (!live_is_untidy(l, elapsed))
		return;
	live_drop_shared(l);
	l->thin.now = elapsed;
	if (!thin_samples(l->book, &l->thin) &&
	    full) /* without memory for it the next round tries again */
		live_make_room(l, elapsed);
}
