/* space.c - free runs of words in order of address; see space.h. */
#include "unwind/space.h"

#include <string.h>

void space_init(struct space *s, uint32_t limit)
{
	*s = (struct space){ .limit = limit && limit < SLABS_MAX ? limit : SLABS_MAX };
}

void space_done(struct space *s)
{
	VEC_FREE(&s->free);
	VEC_FREE(&s->parked);
}

/* -- runs --------------------------------------------------------------------------------------- */

/* Index of the first free run that begins at `at` or behind it. */
static size_t space_find(const struct space *s, uint64_t at)
{
	size_t lo = 0, hi = s->free.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->free.at[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void space_delete(struct space *s, size_t i)
{
	struct space_run *runs = s->free.at;

	memmove(runs + i, runs + i + 1, (--s->free.n - i) * sizeof(*runs));
}

static bool space_insert(struct space *s, size_t i, struct space_run run)
{
	struct space_run *runs;

	if (!VEC_RESERVE(&s->free, 1))
		return false;
	runs = s->free.at;
	memmove(runs + i + 1, runs + i, (s->free.n++ - i) * sizeof(*runs));
	runs[i] = run;
	return true;
}

void space_give(struct space *s, struct space_run run)
{
	size_t i = space_find(s, run.at);
	struct space_run *before = i ? &s->free.at[i - 1] : NULL;
	struct space_run *behind = i < s->free.n ? &s->free.at[i] : NULL;
	bool joins_before = before && before->at + before->n == run.at;
	bool joins_behind = behind && run.at + run.n == behind->at;

	if (!run.n)
		return;
	s->n_free += run.n;
	if (joins_before && joins_behind) {
		before->n += run.n + behind->n;
		space_delete(s, i);
	} else if (joins_before) {
		before->n += run.n;
	} else if (joins_behind) {
		behind->at = run.at;
		behind->n += run.n;
	} else if (!space_insert(s, i, run)) {
		s->n_free -= run.n;
		s->lost += run.n;
	}
}

bool space_take(struct space *s, uint64_t n, struct space_run *ret)
{
	struct space_run *best = NULL;

	for (size_t i = 0; i < s->free.n; i++)
		if (s->free.at[i].n >= n && (!best || s->free.at[i].n < best->n))
			best = &s->free.at[i];
	if (!best || !n)
		return false;
	*ret = (struct space_run){ best->at, n };
	best->at += n;
	best->n -= n;
	s->n_free -= n;
	if (!best->n)
		space_delete(s, (size_t)(best - s->free.at));
	return true;
}

bool space_take_largest(struct space *s, uint64_t min, struct space_run *ret)
{
	size_t best = 0;

	for (size_t i = 1; i < s->free.n; i++)
		if (s->free.at[i].n > s->free.at[best].n)
			best = i;
	if (!s->free.n || s->free.at[best].n < min)
		return false;
	*ret = s->free.at[best];
	s->n_free -= ret->n;
	space_delete(s, best);
	return true;
}

/* -- rest --------------------------------------------------------------------------------------- */

void space_park(struct space *s, struct space_run run, uint64_t now)
{
	if (!run.n)
		return;
	if (VEC_PUSH(&s->parked, (struct space_parked){ run, now }))
		s->n_parked += run.n;
	else
		s->lost += run.n;
}

void space_ripen(struct space *s, uint64_t now)
{
	size_t n = 0;

	while (n < s->parked.n && now - s->parked.at[n].since >= SPACE_REST_NS) {
		s->n_parked -= s->parked.at[n].run.n;
		space_give(s, s->parked.at[n++].run);
	}
	if (!n)
		return;
	s->parked.n -= n;
	memmove(s->parked.at, s->parked.at + n, s->parked.n * sizeof(*s->parked.at));
}

/* -- slabs -------------------------------------------------------------------------------------- */

/* Word 0 is never used for anything: as an address it means that nothing is there. */
static struct space_run space_slab(uint32_t slab)
{
	uint64_t first = slab ? 0 : 1;

	return (struct space_run){ (uint64_t)slab * SLAB_WORDS + first, SLAB_WORDS - first };
}

uint32_t space_next(const struct space *s)
{
	if (s->n_slabs >= s->limit)
		return SPACE_NO_SLAB;
	for (uint32_t k = 0; k < SLABS_MAX; k++)
		if (!s->made[k])
			return k;
	return SPACE_NO_SLAB;
}

bool space_add(struct space *s, uint32_t slab)
{
	if (!VEC_RESERVE(&s->free, 1))
		return false;
	s->made[slab] = 1;
	s->n_slabs++;
	space_give(s, space_slab(slab));
	return true;
}

/* The free run that holds all of the slab, or -1. */
static ptrdiff_t space_holder(const struct space *s, uint32_t slab)
{
	struct space_run all = space_slab(slab);
	size_t i = space_find(s, all.at + 1);

	if (!s->made[slab] || !i || s->free.at[i - 1].at + s->free.at[i - 1].n < all.at + all.n)
		return -1;
	return (ptrdiff_t)i - 1;
}

uint32_t space_empty(const struct space *s)
{
	for (uint32_t k = SLABS_MAX; k-- > 0;)
		if (space_holder(s, k) >= 0)
			return k;
	return SPACE_NO_SLAB;
}

void space_drop(struct space *s, uint32_t slab)
{
	struct space_run all = space_slab(slab), before, behind;
	ptrdiff_t i = space_holder(s, slab);

	if (i < 0)
		return;
	before = behind = s->free.at[i];
	before.n = all.at - before.at;
	behind.at = all.at + all.n;
	behind.n -= before.n + all.n;
	s->n_free -= before.n + all.n + behind.n;
	space_delete(s, (size_t)i);
	space_give(s, before);
	space_give(s, behind);
	s->made[slab] = 0;
	s->n_slabs--;
}

uint64_t space_capacity(const struct space *s)
{
	return (uint64_t)s->limit * SLAB_WORDS - 1;
}

uint64_t space_room(const struct space *s)
{
	return s->n_free + s->n_parked + (uint64_t)(s->limit - s->n_slabs) * SLAB_WORDS;
}
