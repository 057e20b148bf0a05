/* thin.c - rounding, sorting and adding up of samples; see thin.h. */
#include "live/thin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/sum.h"
#include "profile/waits.h"

uint64_t thin_grain(const struct thinning *t, uint64_t time)
{
	uint64_t age = time < t->now ? t->now - time : 0, grain = t->grain;

	if (time == PROFILE_NO_TIME || age <= t->full || !t->full)
		return 0;
	for (uint64_t at = t->full; age / 2 >= at && grain <= UINT64_MAX / 4; at *= 2)
		grain *= 2;
	return grain;
}

struct thin_row { /* a sample, and where its values are */
	struct profile_sample s;
	size_t from;
};

static int thin_order(const void *pa, const void *pb)
{
	const struct thin_row *ra = pa, *rb = pb;
	const struct profile_sample *a = &ra->s, *b = &rb->s;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	if (a->task != b->task)
		return a->task < b->task ? -1 : 1;
	if (a->labels != b->labels)
		return a->labels < b->labels ? -1 : 1;
	return (ra->from > rb->from) - (ra->from < rb->from);
}

static bool thin_same(const struct profile_sample *a, const struct profile_sample *b)
{
	return a->time == b->time && a->stack == b->stack && a->task == b->task &&
	       a->labels == b->labels;
}

static void thin_add(const struct profile *p, int64_t *to, const int64_t *more)
{
	for (uint32_t v = 0; v < p->value_types.n; v++)
		to[v] = sum_value(to[v], more[v], profile_value_is_max(p, v));
}

/* Rows in order into the tables, equal old ones as one. Both were copied, so nothing is
 * overwritten. */
static void thin_write(struct profile *p, const struct thinning *t, const struct thin_row *rows,
		       size_t n, const int64_t *values)
{
	size_t n_values = p->value_types.n, at = 0;

	for (size_t i = 0; i < n; i++) {
		const int64_t *from = values + rows[i].from * n_values;

		if (at && thin_grain(t, rows[i].s.time) &&
		    thin_same(&p->samples.at[at - 1], &rows[i].s)) {
			thin_add(p, p->values.at + (at - 1) * n_values, from);
			continue;
		}
		p->samples.at[at] = rows[i].s;
		memcpy(p->values.at + at * n_values, from, n_values * sizeof(*from));
		at++;
	}
	p->samples.n = at;
	p->values.n = at * n_values;
}

int thin_samples(struct profile *p, const struct thinning *t)
{
	size_t n = p->samples.n;
	struct thin_row *rows = malloc((n ? n : 1) * sizeof(*rows));
	int64_t *values = malloc((p->values.n ? p->values.n : 1) * sizeof(*values));

	if (!rows || !values) {
		free(rows);
		free(values);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t grain = thin_grain(t, p->samples.at[i].time);

		rows[i] = (struct thin_row){ p->samples.at[i], i };
		if (grain)
			rows[i].s.time -= rows[i].s.time % grain;
	}
	if (p->values.n)
		memcpy(values, p->values.at, p->values.n * sizeof(*values));
	qsort(rows, n, sizeof(*rows), thin_order);
	thin_write(p, t, rows, n, values);
	free(rows);
	free(values);
	VEC_TRIM(&p->samples);
	VEC_TRIM(&p->values);
	return 0;
}

/* The value that counts: PROFILE_NONE = every row is one. */
static uint32_t thin_counted(const struct profile *p)
{
	static const char *const types[] = { "samples", WAITS_TYPE_COUNT };

	for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++)
		for (uint32_t i = 0; i < p->value_types.n; i++)
			if (strcmp(profile_text(p, p->value_types.at[i].type), types[k]) == 0)
				return i;
	return PROFILE_NONE;
}

uint64_t thin_forget(struct profile *p, uint64_t time)
{
	uint32_t counted = thin_counted(p);
	size_t n_values = p->value_types.n, at = 0;
	uint64_t gone = 0;

	for (size_t i = 0; i < p->samples.n; i++) {
		const int64_t *values = profile_values(p, i);
		int64_t count = counted == PROFILE_NONE ? 1 : values[counted];

		if (p->samples.at[i].time < time) {
			gone = sum_unsigned(gone, count > 0 ? (uint64_t)count : 0);
			continue;
		}
		p->samples.at[at] = p->samples.at[i];
		memmove(p->values.at + at * n_values, values, n_values * sizeof(*values));
		at++;
	}
	p->samples.n = at;
	p->values.n = at * n_values;
	return gone;
}
