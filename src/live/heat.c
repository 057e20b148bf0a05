/* heat.c - samples into cells of time; see heat.h. */
#include "live/heat.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "profile/sum.h"
#include "profile/waits.h"

enum { HEAT_COLUMNS_MAX = 4096 };
#define HEAT_CELLS_MAX ((uint64_t)1 << 24) /* a day of seconds with 200 columns each */

/* How long the profile is: by its header, or by its last sample. */
static uint64_t heat_length(const struct profile *p)
{
	uint64_t length = p->meta.duration;

	for (size_t i = 0; i < p->samples.n; i++) {
		uint64_t time = p->samples.at[i].time;

		if (time != PROFILE_NO_TIME && time >= length)
			length = time + 1;
	}
	return length;
}

/* Rows of a second each; of more where there would be too many. */
static int heat_shape(struct heat *h, const struct profile *p, const struct heat_opts *o)
{
	uint64_t length = heat_length(p), most = HEAT_CELLS_MAX / o->columns;

	if (o->max_rows && o->max_rows < most)
		most = o->max_rows;
	h->columns = o->columns;
	for (h->row = NSEC_PER_SEC; length / h->row >= most && h->row <= UINT64_MAX / 4;)
		h->row *= 2;
	h->rows = (uint32_t)(length / h->row + (length % h->row > 0));
	h->column = h->row / h->columns;
	h->cells = calloc((size_t)h->rows * h->columns + 1, sizeof(*h->cells));
	return h->cells ? 0 : -ENOMEM;
}

static void heat_add(struct heat *h, uint64_t cell, int64_t value, bool max)
{
	if (cell < (uint64_t)h->rows * h->columns)
		h->cells[cell] = sum_value(h->cells[cell], value, max);
}

static uint64_t heat_index(const struct heat *h, uint64_t time)
{
	return time / h->row * h->columns + time % h->row * h->columns / h->row;
}

/* A sample's time is only known to the grain: its value is spread evenly over that. */
static void heat_sample(struct heat *h, uint64_t time, int64_t value, uint64_t grain, bool max)
{
	uint64_t first = heat_index(h, time), n = grain ? heat_index(h, time + grain) - first : 1;

	if (n <= 1 || max) {
		heat_add(h, first, value, max);
		return;
	}
	for (uint64_t i = 0; i < n; i++) /* shares that add up to the whole */
		heat_add(h, first + i, value / (int64_t)n + ((int64_t)i < value % (int64_t)n),
			 false);
}

int heat_new(const struct profile *p, const struct heat_opts *o, struct heat **ret)
{
	uint32_t v = o->value == UINT32_MAX ? p->default_value : o->value;
	struct heat *h;
	bool max;

	if (v >= p->value_types.n || !o->columns || o->columns > HEAT_COLUMNS_MAX)
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h || heat_shape(h, p, o)) {
		heat_free(h);
		return -ENOMEM;
	}
	max = profile_value_is_max(p, v);
	for (size_t i = 0; i < p->samples.n; i++) {
		uint64_t time = p->samples.at[i].time;
		int64_t value = profile_values(p, i)[v];

		if (time == PROFILE_NO_TIME)
			h->untimed = sum_value(h->untimed, value, max);
		else
			heat_sample(h, time, value, o->grain, max);
	}
	for (size_t i = 0; i < (size_t)h->rows * h->columns; i++)
		if (h->cells[i] > h->most)
			h->most = h->cells[i];
	*ret = h;
	return 0;
}

void heat_free(struct heat *h)
{
	if (!h)
		return;
	free(h->cells);
	free(h);
}
