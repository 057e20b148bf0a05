/* renew.c - two steps to a smaller profile; see renew.h. */
#include "session/renew.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/session_parts.h"

/* A busy processor meets about as many stacks as any other. */
#define RENEW_BYTES ((size_t)8 << 20)
#define RENEW_BYTES_PER_CPU ((size_t)512 << 10)
#define RENEW_SETTLE NSEC_PER_SEC /* and two intervals of counted waits */

void renew_init(struct renew *n)
{
	size_t bytes = RENEW_BYTES + RENEW_BYTES_PER_CPU * (size_t)sysconf(_SC_NPROCESSORS_ONLN);

	*n = (struct renew){ .bound = bytes, .most = bytes };
}

/* -- which stay --------------------------------------------------------------------------------- */

struct renew_use {
	uint32_t used, leaf;
};

typedef VEC(struct renew_use) renew_uses;

static void renew_use(void *ctx, uint32_t used, uint32_t leaf)
{
	renew_uses *uses = ctx;

	if (!VEC_PUSH(uses, (struct renew_use){ used, leaf })) /* the rest counts as not used */
		return;
}

static int renew_newest_first(const void *pa, const void *pb)
{
	const struct renew_use *a = pa, *b = pb;

	return (a->used < b->used) - (a->used > b->used);
}

/* The latest second since which the stacks that were met make half of the nodes. */
static uint32_t renew_since(const struct session *s, struct renewal *r)
{
	const struct profile *p = s->profile;
	renew_uses uses = { 0 };
	uint32_t since = 0;
	size_t n = 0;

	for (size_t i = 0; i < s->intake.stacks.n; i++)
		renew_use(&uses, s->intake.stacks.at[i].used, s->intake.stacks.at[i].leaf);
	if (s->waits)
		waits_uses(s->waits, renew_use, &uses);
	if (uses.n)
		qsort(uses.at, uses.n, sizeof(*uses.at), renew_newest_first);
	for (size_t i = 0; i < uses.n && n < p->nodes.n / 2; i++) {
		n += renewal_mark(r, uses.at[i].leaf);
		since = uses.at[i].used;
	}
	VEC_FREE(&uses);
	return since;
}

/* -- the first step ----------------------------------------------------------------------------- */

static void renew_again(void *ctx, uint64_t hash)
{
	programs_send_again(ctx, hash);
}

static void renew_begin(struct session *s, uint64_t now)
{
	const struct intake *in = &s->intake;
	uint64_t interval = s->waits ? waits_interval(s->waits) : 0;
	struct renewal *r;

	if (s->waits)
		waits_look_used(s->waits);
	if (renewal_new(s->profile, &r))
		return;
	s->renew.since = renew_since(s, r);
	renewal_free(r);
	for (size_t i = 0; i < in->stack_of_hash.cap; i++) {
		const struct map64_slot *slot = &in->stack_of_hash.slots[i];

		if (slot->used && in->stacks.at[slot->value].used < s->renew.since)
			programs_send_again(&s->programs, slot->key);
	}
	if (s->waits)
		waits_send_again(s->waits, s->renew.since);
	if (s->unfinished)
		unfinished_forget(s->unfinished, renew_again, &s->programs);
	s->renew.due = now + RENEW_SETTLE + 2 * interval;
}

/* -- the second step ---------------------------------------------------------------------------- */

/* Does nobody hold numbers of the profile that could not be told of new ones? */
static bool renew_may(const struct session *s)
{
	return !s->profile->samples.n && !(s->namer && namer_runs(s->namer)) &&
	       jitwatch_told_all(s->jitwatch, s->profile) && (!s->waits || waits_is_quiet(s->waits));
}

static int renew_make(struct session *s, struct renewal *r, struct profile **ret)
{
	if (s->waits)
		waits_look_used(s->waits);
	for (size_t i = 0; i < s->intake.stacks.n; i++)
		if (s->intake.stacks.at[i].used >= s->renew.since)
			renewal_mark(r, s->intake.stacks.at[i].leaf);
	if (s->waits)
		waits_mark(s->waits, r, s->renew.since);
	return renewal_make(r, ret);
}

/* Everybody gets the new numbers. */
static void renew_tell(struct session *s, struct renewal *r, struct profile *p)
{
	intake_renewed(&s->intake, r, p, s->renew.since);
	if (s->waits)
		waits_renewed(s->waits, r, s->renew.since);
	if (s->namer)
		namer_renewed(s->namer, r, p);
	files_renewed(s->files, r);
	jitwatch_renewed(s->jitwatch, p);
	profile_free(s->profile);
	s->profile = p;
}

static void renew_finish(struct session *s)
{
	const struct session_viewer *v = s->o.viewer;
	struct profile *p = NULL;
	struct renewal *r = NULL;
	bool good;

	if (!v->renew(v->ctx))
		return;
	good = !renewal_new(s->profile, &r) && !renew_make(s, r, &p);
	good = !v->renewed(v->ctx, good ? r : NULL) && good;
	if (good) {
		size_t enough = profile_bytes(p) / 2 * 3;

		renew_tell(s, r, p);
		/* What is in use just now may be more than the bound: trying all the time is no use. */
		s->renew.most = enough > s->renew.bound ? enough : s->renew.bound;
	} else {
		profile_free(p); /* without memory for it there may be some the next time */
	}
	s->renew.due = 0;
	renewal_free(r);
}

void renew_turn(struct session *s, uint64_t now)
{
	if (!s->renew.most || !s->o.viewer)
		return;
	if (!s->renew.due && profile_bytes(s->profile) > s->renew.most)
		renew_begin(s, now);
	else if (s->renew.due && now >= s->renew.due && renew_may(s))
		renew_finish(s);
}
