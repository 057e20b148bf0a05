/* live_snapshot.c - a range of the live model as a profile of its own; see live.h.
 *
 * What a recording's reader does is done here too, in its order: generated code gets its names by
 * the times of the samples, then filters that look at names apply.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "live/live_parts.h"
#include "profile/waits.h"

/* -- decay ------------------------------------------------------------------------------------ */

static int decay_order(const void *pa, const void *pb, void *ctx)
{
	const struct profile *p = ctx;
	const struct profile_sample *a = &p->samples.at[*(const uint32_t *)pa];
	const struct profile_sample *b = &p->samples.at[*(const uint32_t *)pb];

	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	if (a->task != b->task)
		return a->task < b->task ? -1 : 1;
	return (a->labels > b->labels) - (a->labels < b->labels);
}

/* One value of equal samples [from, to) of `order`: the greatest, or the sum with each halved by
 * its age. */
static double decay_sum(const struct profile *p, const uint32_t *order, size_t n, uint32_t v,
			uint64_t half, uint64_t end)
{
	bool max = profile_value_is_max(p, v);
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t time = p->samples.at[order[i]].time, age = time < end ? end - time : 0;
		double value = (double)profile_values(p, order[i])[v];

		if (max)
			sum = value > sum ? value : sum;
		else
			sum += value * exp2(-(double)age / (double)half);
	}
	return sum;
}

/* Equal samples become one without a time; one whose values all round to 0 goes. */
static int decay_apply(struct profile *p, uint64_t half, uint64_t end)
{
	size_t n = p->samples.n, n_values = p->value_types.n, at = 0;
	uint32_t *order = malloc((n ? n : 1) * sizeof(*order));
	struct profile_sample *samples = calloc(n ? n : 1, sizeof(*samples));
	int64_t *values = calloc(n ? n * n_values : 1, sizeof(*values));
	int err = order && samples && values ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++)
		order[i] = (uint32_t)i;
	if (!err)
		qsort_r(order, n, sizeof(*order), decay_order, p);
	for (size_t i = 0, next; i < n && !err; i = next) {
		bool any = false;

		for (next = i + 1; next < n && !decay_order(&order[i], &order[next], p); next++)
			;
		samples[at] = p->samples.at[order[i]];
		samples[at].time = PROFILE_NO_TIME;
		for (uint32_t v = 0; v < n_values; v++) {
			values[at * n_values + v] =
				llround(decay_sum(p, order + i, next - i, v, half, end));
			any |= v == p->default_value && values[at * n_values + v];
		}
		at += any;
	}
	if (!err) {
		memcpy(p->samples.at, samples, at * sizeof(*samples));
		memcpy(p->values.at, values, at * n_values * sizeof(*values));
		p->samples.n = at;
		p->values.n = at * n_values;
	}
	free(order);
	free(samples);
	free(values);
	return err;
}

/* -- making one ------------------------------------------------------------------------------- */

/* The range asked for, moved outward to where the thinned samples are. */
static void snapshot_range(const struct live *l, const struct live_query *q,
			   struct live_snapshot *s, struct profile_filter *f)
{
	uint64_t elapsed = s->state.elapsed, grain;

	if (q->last) {
		f->from = elapsed > q->last ? elapsed - q->last : 0;
		f->to = 0;
	}
	grain = thin_grain(&l->thin, f->from);
	s->grain = grain;
	if (grain)
		f->from -= f->from % grain;
	grain = f->to ? thin_grain(&l->thin, f->to) : 0;
	if (grain && f->to % grain && f->to < UINT64_MAX - grain)
		f->to += grain - f->to % grain;
	s->from = f->from;
	s->to = f->to ? f->to : elapsed;
}

/* Those that look at names wait until the generated code has its own. */
static struct profile_filter snapshot_first(const struct profile_filter *f)
{
	struct profile_filter first = *f;

	first.keep = first.drop = first.focus = first.drop_stacks = NULL;
	first.no_kernel = first.no_user = false;
	first.hidden = 0;
	return first;
}

static bool snapshot_names_frames(const struct profile_filter *f)
{
	return f->keep || f->drop || f->focus || f->drop_stacks;
}

static bool snapshot_looks_at_names(const struct profile_filter *f)
{
	return snapshot_names_frames(f) || f->no_kernel || f->no_user || f->hidden;
}

/* What was asked for, of what the model lets anybody see. */
static struct profile_filter snapshot_filter(const struct live *l, const struct live_query *q)
{
	const struct profile_filter *own = l->o.filter;
	struct profile_filter f = q->filter;

	if (!own)
		return f;
	assert(!snapshot_names_frames(&f));
	f.keep = own->keep;
	f.drop = own->drop;
	f.focus = own->focus;
	f.drop_stacks = own->drop_stacks;
	return f;
}

static int snapshot_code(struct profile **p, const struct profile *book,
			 const struct profile_filter *f, struct err *e)
{
	struct profile_filter second = *f;
	struct profile *named = *p;
	int err = follow_codes(named, book, f->from);

	if (err)
		return err_set(e, err, "out of memory");
	if (!snapshot_looks_at_names(f))
		return 0;
	second.from = second.to = 0; /* it starts there by now */
	err = profile_filter(named, &second, p, e);
	if (!err)
		profile_free(named);
	return err;
}

static int snapshot_profile(const struct live *l, const struct profile_filter *f,
			    struct profile **ret, struct err *e)
{
	struct profile_filter first = snapshot_first(f);
	bool code = l->book->codes.n > 0;
	int err = profile_filter(l->book, code ? &first : f, ret, e);

	return !err && code ? snapshot_code(ret, l->book, f, e) : err;
}

/* Nothing was taken yet. */
static int snapshot_empty(struct profile **ret)
{
	*ret = profile_new("samples", "count");
	return *ret ? 0 : -ENOMEM;
}

static int snapshot_make(struct live *l, const struct live_query *q, struct live_snapshot *s,
			 struct err *e)
{
	struct profile_filter f = snapshot_filter(l, q);
	struct profile *p = NULL;
	int err;

	snapshot_range(l, q, s, &f);
	err = l->book ? snapshot_profile(l, &f, &p, e) : snapshot_empty(&p);
	if (!err && q->half_life)
		err = decay_apply(p, q->half_life, s->to - s->from);
	if (!err && s->state.phase == LIVE_RUNNING)
		err = profile_count_unnamed(
			p); /* a capture that has ended has counted all of them */
	s->profile = p;
	return err ? err_set(e, err, "out of memory for a snapshot") : 0;
}

/* -- sharing ---------------------------------------------------------------------------------- */

static bool snapshot_sharable(const struct live_query *q)
{
	const struct profile_filter *f = &q->filter;

	return !f->pids && !f->tids && !f->cpus && !f->comm && !snapshot_names_frames(f);
}

static bool snapshot_same(const struct live_query *a, const struct live_query *b)
{
	const struct profile_filter *f = &a->filter, *g = &b->filter;

	return a->last == b->last && a->half_life == b->half_life && f->from == g->from &&
	       f->to == g->to && f->classes == g->classes && f->no_kernel == g->no_kernel &&
	       f->no_user == g->no_user && f->hidden == g->hidden;
}

/* Those of other moments nobody asks for again: they make room. */
static struct live_snapshot *snapshot_shared(struct live *l, const struct live_query *q)
{
	struct live_snapshot *found = NULL;

	for (size_t i = 0; i < LIVE_SHARED; i++) {
		struct live_shared *x = &l->shared[i];

		if (x->snapshot && x->snapshot->state.generation != l->state.generation) {
			live_snapshot_unref(x->snapshot);
			x->snapshot = NULL;
		} else if (x->snapshot && snapshot_same(&x->query, q)) {
			found = x->snapshot;
		}
	}
	return found;
}

static void snapshot_share(struct live *l, const struct live_query *q, struct live_snapshot *s)
{
	struct live_shared *x = &l->shared[l->next_shared++ % LIVE_SHARED];

	live_snapshot_unref(x->snapshot);
	*x = (struct live_shared){ *q, s };
	live_snapshot_ref(s);
}

int live_snapshot(struct live *l, const struct live_query *q, const struct live_snapshot **ret,
		  struct err *e)
{
	bool sharable = snapshot_sharable(q);
	struct live_snapshot *s;
	int err = 0;

	__atomic_store_n(&l->looked, clock_mono_ns(), __ATOMIC_RELAXED);
	live_lock(l);
	s = sharable ? snapshot_shared(l, q) : NULL;
	if (s) {
		live_snapshot_ref(s);
	} else {
		s = calloc(1, sizeof(*s));
		err = s ? 0 : err_set(e, -ENOMEM, "out of memory for a snapshot");
		if (s) {
			s->refs = 1;
			live_state(l, &s->state);
			err = snapshot_make(l, q, s, e);
		}
		if (!err && sharable)
			snapshot_share(l, q, s);
	}
	live_unlock(l);
	if (err) {
		live_snapshot_unref(s);
		s = NULL;
	}
	*ret = s;
	return err;
}

const struct live_snapshot *live_snapshot_ref(const struct live_snapshot *s)
{
	__atomic_add_fetch(&((struct live_snapshot *)s)->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void live_snapshot_unref(const struct live_snapshot *s)
{
	if (!s || __atomic_sub_fetch(&((struct live_snapshot *)s)->refs, 1, __ATOMIC_ACQ_REL))
		return;
	profile_free((struct profile *)s->profile);
	free((void *)s);
}
